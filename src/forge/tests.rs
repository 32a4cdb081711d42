//! The local forge against real git, tokens against real programs.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use jiff::Timestamp;
use support::TestRepo;

use super::*;
use crate::git::parse_url;

fn at() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

/// A remote with `main`, a branch `change` that goes well with it, and a branch `clash` that does not.
fn remote(directory: &Path) -> (TestRepo, TestRepo, Local) {
    let clone = TestRepo::init(&directory.join("clone"));
    clone
        .write("a", "one\n")
        .write("b", "one\n")
        .commit("Begin");
    clone.git(&["checkout", "-q", "-b", "change"]);
    clone.write("a", "two\n").commit("Change a");
    clone.git(&["checkout", "-q", "-b", "clash", "main"]);
    clone.write("b", "theirs\n").commit("Change b");
    clone.git(&["checkout", "-q", "main"]);
    clone.write("b", "ours\n").commit("Change b otherwise");
    let bare = TestRepo::init_bare(&directory.join("bare.git"));
    let url = bare.path.to_str().unwrap();
    clone.git(&["push", "-q", url, "main", "change", "clash"]);
    let local = Local::create_in(&bare.path).unwrap();
    (clone, bare, local)
}

fn new(branch: &str) -> NewPullRequest {
    NewPullRequest {
        title: "Change a".to_owned(),
        body: "Because.".to_owned(),
        head_branch: branch.to_owned(),
        base_branch: "main".to_owned(),
    }
}

fn id(repo: &TestRepo, revision: &str) -> Oid {
    Oid::from_hex(repo.rev(revision).as_bytes()).unwrap()
}

#[test]
fn only_a_repository_with_pull_requests_is_a_forge() {
    let directory = tempfile::tempdir().unwrap();
    let bare = TestRepo::init_bare(&directory.path().join("bare.git"));
    assert_eq!(Local::find(&bare.path), None);
    let local = Local::create_in(&bare.path).unwrap();
    assert_eq!(Local::find(&bare.path), Some(local));
}

#[test]
fn a_pull_request_is_opened_once() {
    let directory = tempfile::tempdir().unwrap();
    let (clone, bare, local) = remote(directory.path());
    let first = local.open(&new("change"), "alice", at()).unwrap();
    assert_eq!((first.number, first.state), (1, State::Open));
    assert_eq!(first.head, id(&bare, "change"));
    assert_eq!(local.open(&new("change"), "bob", at()).unwrap(), first);
    assert_eq!(local.open(&new("clash"), "bob", at()).unwrap().number, 2);
    assert_eq!(local.get(1).unwrap(), first);
    let numbers: Vec<u64> = local
        .list()
        .unwrap()
        .iter()
        .map(|pull| pull.number)
        .collect();
    assert_eq!(numbers, [2, 1]);

    // What is pushed later is what is proposed.
    clone.git(&["checkout", "-q", "change"]);
    clone.write("c", "more\n").commit("More");
    clone.git(&["push", "-q", bare.path.to_str().unwrap(), "change"]);
    assert_eq!(local.get(1).unwrap().head, id(&clone, "change"));
}

#[test]
fn what_cannot_be_proposed_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (_, _, local) = remote(directory.path());
    let nothing = local.open(&new("main"), "alice", at()).unwrap_err();
    assert!(
        matches!(nothing, Error::NothingToPropose { .. }),
        "{nothing}"
    );
    let missing = local.open(&new("absent"), "alice", at()).unwrap_err();
    assert!(matches!(missing, Error::NoSuchBranch(_)), "{missing}");
    let missing = local.get(7).unwrap_err();
    assert!(matches!(missing, Error::NoSuchPull(7)), "{missing}");
    assert!(local.list().unwrap().is_empty());
}

#[test]
fn a_merge_is_what_git_would_have_made() {
    let directory = tempfile::tempdir().unwrap();
    let (clone, bare, local) = remote(directory.path());
    let pull = local.open(&new("change"), "alice", at()).unwrap();
    let main = id(&bare, "main");
    let merged = local.merge(pull.number, pull.head, at()).unwrap();
    assert_eq!(id(&bare, "main"), merged);
    assert_eq!(
        bare.git(&["show", "-s", "--format=%P %ct%n%B", "main"]),
        format!(
            "{main} {} {}\nMerge pull request #1 from change\n\nChange a\n\nBecause.\n",
            pull.head,
            at().as_second()
        )
    );
    clone.merge(&["change"], "by git");
    assert_eq!(bare.rev("main^{tree}"), clone.rev("main^{tree}"));
    bare.git(&["fsck", "--strict"]);

    let pull = local.get(1).unwrap();
    assert_eq!(
        (pull.state, pull.merged_commit, pull.merged),
        (State::Merged, Some(merged), Some(at()))
    );
    let again = local.merge(1, pull.head, at()).unwrap_err();
    assert!(matches!(again, Error::NotOpen { .. }), "{again}");
}

#[test]
fn a_conflict_or_another_head_moves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (_, bare, local) = remote(directory.path());
    let main = id(&bare, "main");
    let clash = local.open(&new("clash"), "alice", at()).unwrap();
    let error = local.merge(clash.number, clash.head, at()).unwrap_err();
    let Error::Conflicts { paths, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(paths, "b");
    let error = local.merge(clash.number, main, at()).unwrap_err();
    assert!(matches!(error, Error::HeadMoved { .. }), "{error}");
    assert_eq!(id(&bare, "main"), main);
    assert_eq!(local.get(clash.number).unwrap().state, State::Open);
}

/// Two people merge at the same moment: nothing that was said to be merged is lost.
#[test]
fn merges_at_the_same_time_do_not_overwrite_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let (clone, bare, local) = remote(directory.path());
    let branches = ["x", "y", "z"];
    for branch in branches {
        clone.git(&["checkout", "-q", "-b", branch, "main"]);
        clone.write(branch, "new\n").commit(branch);
        clone.git(&["push", "-q", bare.path.to_str().unwrap(), branch]);
    }
    let results: Vec<_> = std::thread::scope(|scope| {
        let started: Vec<_> = branches
            .iter()
            .map(|branch| {
                let local = &local;
                scope.spawn(move || {
                    let pull = local.open(&new(branch), "alice", at())?;
                    local.merge(pull.number, pull.head, at())
                })
            })
            .collect();
        started
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(results.iter().any(Result::is_ok));
    for result in results {
        match result {
            Ok(merge) => {
                bare.git(&["merge-base", "--is-ancestor", &merge.to_string(), "main"]);
            }
            Err(error) => assert!(matches!(error, Error::BaseMoved(_)), "{error}"),
        }
    }
    let pulls = local.list().unwrap();
    let numbers: std::collections::BTreeSet<u64> = pulls.iter().map(|pull| pull.number).collect();
    assert_eq!(numbers.len(), 3, "{pulls:?}");
}

#[test]
fn a_broken_record_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let (_, bare, local) = remote(directory.path());
    std::fs::write(bare.path.join("gitopsy/pulls/3.json"), "{").unwrap();
    let error = local.list().unwrap_err().to_string();
    assert!(
        error.contains("3.json") && error.contains("hint: "),
        "{error}"
    );
}

fn url(text: &str) -> RemoteUrl {
    parse_url(text).unwrap()
}

fn remote_of(fetch: &str) -> Remote {
    Remote {
        name: "origin".to_owned(),
        fetch: url(fetch),
        push: url(fetch),
        default_branch: None,
    }
}

/// No variables, and a directory without a repository.
fn without_tokens(directory: &Path) -> Sources {
    Sources::with(directory, |name| {
        (name == "GH_PATH").then(|| "/nonexistent/gh".to_owned())
    })
}

#[test]
fn the_forge_of_a_remote_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let (_, bare, _) = remote(directory.path());
    let tokens = Sources::with(directory.path(), |name| {
        (name == "GH_TOKEN").then(|| "t0ken".to_owned())
    });
    let of = |url: &str| Forge::of(&remote_of(url), &tokens);
    assert!(matches!(of(bare.path.to_str().unwrap()), Forge::Local(_)));
    assert!(matches!(
        of("git@github.com:shop/environments.git"),
        Forge::GitHub(_)
    ));
    assert!(matches!(
        of("https://git.example.com/shop/environments"),
        Forge::ByHand { .. }
    ));
    let Forge::ByHand { why, .. } = of("https://github.com/too/many/parts") else {
        panic!();
    };
    assert!(why.contains("owner/name"), "{why}");
}

#[tokio::test]
async fn without_a_token_the_page_is_the_way() {
    let directory = tempfile::tempdir().unwrap();
    let tokens = without_tokens(directory.path());
    let remote = remote_of("https://github.invalid/shop/environments.git");
    let forge = tokio::task::spawn_blocking(move || Forge::of(&remote, &tokens))
        .await
        .unwrap();
    assert!(!forge.has_api());
    let opened = forge.open(&new("change"), "alice", at()).await.unwrap();
    let page =
        "https://github.invalid/shop/environments/compare/main...change?expand=1&title=Change+a";
    assert_eq!(
        opened,
        Opened::ByHand {
            page: Some(page.to_owned())
        }
    );
    let error = forge.get(1).await.unwrap_err().to_string();
    assert!(
        error.contains("no token for github.invalid") && error.contains("hint: "),
        "{error}"
    );
}

#[test]
fn variables_are_for_their_own_host() {
    let directory = tempfile::tempdir().unwrap();
    let tokens = Sources::with(directory.path(), |name| match name {
        "GH_TOKEN" | "GITHUB_TOKEN" => Some("for-github-com".to_owned()),
        "GH_ENTERPRISE_TOKEN" => Some("for-enterprise".to_owned()),
        "GH_PATH" => Some("/nonexistent/gh".to_owned()),
        _ => None,
    });
    let value = |host: &str| {
        tokens
            .token(Kind::GitHub, host)
            .map(|token| token.value().to_owned())
    };
    assert_eq!(value("github.com").as_deref(), Some("for-github-com"));
    assert_eq!(
        value("github.example.invalid").as_deref(),
        Some("for-enterprise")
    );
    // Not even by a name that looks like it.
    for host in ["github.com.example.invalid", "xgithub.com.invalid"] {
        assert_ne!(value(host).as_deref(), Some("for-github-com"));
    }
    assert!(tokens.token(Kind::GitLab, "gitlab.invalid").is_none());
}

#[test]
fn gh_is_asked_for_the_host_at_hand() {
    let directory = tempfile::tempdir().unwrap();
    let gh = directory.path().join("gh");
    std::fs::write(
        &gh,
        "#!/bin/sh\n[ \"$*\" = 'auth token --hostname github.com' ] && echo gho_fromgh\n",
    )
    .unwrap();
    std::fs::set_permissions(&gh, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = gh.to_str().unwrap().to_owned();
    let tokens = Sources::with(directory.path(), move |name| {
        (name == "GH_PATH").then(|| path.clone())
    });
    let token = tokens.token(Kind::GitHub, "github.com").unwrap();
    assert_eq!((token.value(), token.source()), ("gho_fromgh", "from gh"));
    assert!(!format!("{token:?}").contains("fromgh"));
    assert!(tokens.token(Kind::GitHub, "github.invalid").is_none());
}

#[test]
fn git_is_asked_last_and_asks_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let repo = TestRepo::init(&directory.path().join("repo"));
    repo.git(&["config", "credential.helper", ""]);
    repo.git(&[
        "config",
        "--add",
        "credential.helper",
        "!f() { grep -q '^host=forge.invalid$' && echo password=of-git; }; f",
    ]);
    repo.git(&["config", "credential.username", "alice"]);
    let tokens = without_tokens(&repo.path);
    let token = tokens.token(Kind::GitHub, "forge.invalid").unwrap();
    assert_eq!(
        (token.value(), token.source()),
        ("of-git", "from git's credential helper")
    );
    assert!(tokens.token(Kind::GitHub, "other.invalid").is_none());
    assert!(
        tokens
            .token(Kind::GitHub, "x\nhost=forge.invalid")
            .is_none()
    );
}
