//! Histories that are not all there, or not as they were: shallow and partial clones, lost objects, commits that stand for
//! others, and branches rewritten while they are looked at. What can be known is told; for the rest the commands say so, and
//! what to do.

use gitopsy::git::Oid;
use gitopsy::history::{End, History};
use gitopsy::review::common::Selector;
use gitopsy::review::{Cancel, Sink, Workspace, change, log};
use serde_json::Value;

use super::super::{complete, rows_agree_with_git};
use super::{FILE, Hostile, config_map, entries, texts, web};
use crate::support::{Footprint, TestRepo};
use crate::workspace;

impl Hostile {
    /// So many values of `web` after the first, each in a commit.
    fn with(values: usize) -> Hostile {
        let h = Hostile::new();
        for value in 2..values + 2 {
            h.set(&value.to_string(), &format!("Value {value}"));
        }
        h
    }

    /// Deletes an object of the repository.
    fn lose(&self, revision: &str) {
        let id = self.repo.rev(revision);
        let object = self
            .repo
            .path
            .join(".git/objects")
            .join(&id[..2])
            .join(&id[2..]);
        std::fs::remove_file(object).expect("a loose object");
    }

    /// Fails with this among what it says.
    fn refuses(&self, repo: &TestRepo, args: &[&str], words: &[&str]) {
        let ended = self
            .home
            .run(&repo.path, &[args, &["--no-cluster"]].concat());
        assert_eq!(ended.code, 2, "{args:?}: {}", ended.out);
        for word in words {
            assert!(ended.err.contains(word), "{args:?}: {}", ended.err);
        }
    }
}

#[test]
fn shallow_clones() {
    let h = Hostile::with(4);
    let clone = h.clone(&["--depth=3"]);
    let boundary = clone.rev("HEAD~2");
    let before = Footprint::of(&clone.path);
    let json = |args: &[&str]| h.home.json(&clone.path, args, 0);
    let ends = |answer: &Value| {
        let notes = answer["notes"].to_string();
        assert!(notes.contains("git fetch --unshallow"), "{answer}");
    };
    let log = json(&["log"]);
    assert_eq!(
        texts(entries(&log), "subject"),
        ["Value 5", "Value 4", "Value 3"]
    );
    assert_eq!(entries(&log)[2]["resources"], Value::Array(Vec::new()));
    let why = entries(&log)[2]["unknown"].to_string();
    assert!(why.contains("the shallow clone ends here"), "{log}");
    ends(&log);
    let log = h.log_of_web(&clone);
    assert_eq!(texts(entries(&log), "subject"), ["Value 5", "Value 4"]);
    ends(&log);
    // It is there, and nothing says since when.
    let log = json(&["log", "cm/api", "-e", "prod"]);
    assert_eq!(entries(&log).len(), 0, "{log}");
    ends(&log);
    let blame = json(&["blame", "cm/web", "-e", "prod"]);
    for field in blame["fields"].as_array().expect("fields") {
        let is_value = field["path"] == "data.key";
        assert_eq!(field["set"].is_null(), !is_value, "{field}");
    }
    ends(&blame);
    let text = h.home.run(
        &clone.path,
        &["blame", "cm/api", "-e", "prod", "--no-cluster"],
    );
    assert!(text.out.contains("git fetch --unshallow"), "{}", text.out);
    let resource = json(&["resource", "cm/api", "-e", "prod"]);
    assert!(resource["since"].is_null(), "{resource}");
    let unshallow = ["missing from", "git fetch --unshallow"];
    h.refuses(&clone, &["show", &boundary], &unshallow);
    h.refuses(&clone, &["revert", &boundary], &unshallow);
    h.refuses(
        &clone,
        &["diff", &format!("{boundary}^..HEAD")],
        &["no commit is called"],
    );
    before.assert_unchanged(&clone.path);

    clone.git(&["fetch", "-q", "--unshallow"]);
    let log = h.log_of_web(&clone);
    assert_eq!(entries(&log).len(), 5);
    assert_eq!(log["notes"], Value::Array(Vec::new()));
}

/// A clone whose boundary cuts through what a merge brought in, but not through the line.
#[test]
fn shallow_clones_that_end_inside_a_merge() {
    let h = Hostile::new();
    let start = h.repo.rev("HEAD");
    h.repo.git(&["switch", "-q", "-c", "side"]);
    for value in ["1", "2", "3"] {
        h.repo.write(
            "environments/prod/shop/side.yaml",
            config_map("side", value),
        );
        h.repo.commit(&format!("Side {value}"));
    }
    h.repo.git(&["switch", "-q", "main"]);
    h.set("2", "Second");
    let merge = h.repo.merge(&["side"], "Merge branch 'side'");
    let clone = h.clone(&["--depth=3"]);
    let shown = h.home.json(&clone.path, &["show", &merge], 0);
    assert_eq!(
        shown["resources"].as_array().map(Vec::len),
        Some(1),
        "{shown}"
    );
    let log = h
        .home
        .json(&clone.path, &["log", "cm/side", "-e", "prod"], 0);
    assert_eq!(texts(entries(&log), "commit"), [merge.as_str()]);
    let all = h.home.json(&clone.path, &["log"], 0);
    assert_eq!(entries(&all).len(), 3);
    // The first commit is here, and is where this clone ends: it may not be the first.
    assert_eq!(entries(&all)[2]["commit"], start.as_str());
    let reader = h.bench(&clone).reader;
    let inside = reader.merged_commits(Oid::from_hex(merge.as_bytes()).expect("an id"), 10);
    let inside: Vec<String> = inside
        .expect("commits")
        .into_iter()
        .map(|commit| commit.subject)
        .collect();
    assert_eq!(inside, ["Side 3", "Side 2"]);
    let side = clone.rev("HEAD^2");
    h.home.json(&clone.path, &["show", &side], 0);
}

#[test]
fn partial_clones_without_files() {
    let h = Hostile::with(3);
    let clone = h.clone(&["--filter=blob:none", "--bare"]);
    // What is checked out at the tip is all that most of them hold.
    for path in [
        FILE,
        "environments/prod/shop/api.yaml",
        "environments/dev/shop/web.yaml",
    ] {
        clone.git(&["cat-file", "blob", &format!("HEAD:{path}")]);
    }
    let before = Footprint::of(&clone.path);
    rows_agree_with_git(&h.bench(&clone).rows(), &clone, "HEAD");
    let brings = [
        "missing from the repository",
        "git fetch --refetch --no-filter",
    ];
    let log = h.home.json(&clone.path, &["log"], 0);
    assert_eq!(
        texts(entries(&log), "subject"),
        ["Value 4", "Value 3", "Value 2", "Start"]
    );
    for entry in entries(&log) {
        let why = entry["unknown"].to_string();
        assert!(brings.iter().all(|words| why.contains(words)), "{entry}");
    }
    assert!(log["notes"].to_string().contains(brings[1]), "{log}");
    for args in [
        &["log", "cm/web", "-e", "prod"][..],
        &["blame", "cm/web", "-e", "prod"],
        &["show", "HEAD"],
        &["revert", "HEAD"],
        &["diff", "HEAD~2..HEAD"],
    ] {
        h.refuses(&clone, args, &brings);
    }
    let here = h.home.json(&clone.path, &["where"], 0);
    assert_eq!(here["not_rendered"], Value::Array(Vec::new()), "{here}");
    before.assert_unchanged(&clone.path);
}

#[test]
fn partial_clones_without_trees() {
    let h = Hostile::with(3);
    let clone = h.clone(&["--filter=tree:0", "--bare"]);
    let before = Footprint::of(&clone.path);
    let brings = [
        "missing from the repository",
        "git fetch --refetch --no-filter",
    ];
    for args in [
        &["log"][..],
        &["log", "cm/web", "-e", "prod"],
        &["show", "HEAD"],
        &["where"],
    ] {
        h.refuses(&clone, args, &brings);
    }
    before.assert_unchanged(&clone.path);
}

#[test]
fn a_lost_file() {
    let h = Hostile::with(4);
    h.lose(&format!("HEAD~2:{FILE}"));
    let log = h.json(&["log"]);
    assert_eq!(entries(&log).len(), 5);
    let fsck = ["missing from the repository", "git fsck"];
    for word in fsck {
        assert!(log.to_string().contains(word), "{log}");
    }
    for revision in ["HEAD~1", "HEAD~2"] {
        h.refuses(&h.repo, &["show", revision], &fsck);
    }
    // Whatever does not need it is told, and what is told before it is needed.
    h.json(&["show", "HEAD"]);
    let log = h.log_of_web(&h.repo);
    assert_eq!(texts(entries(&log), "subject"), ["Value 5"]);
    assert!(log["notes"].to_string().contains(fsck[1]), "{log}");
    let blame = h.json(&["blame", "cm/web", "-e", "prod"]);
    for field in blame["fields"].as_array().expect("fields") {
        assert_eq!(
            field["set"].is_null(),
            field["path"] != "data.key",
            "{field}"
        );
    }
    assert!(blame["notes"].to_string().contains(fsck[1]), "{blame}");
    let resource = h.json(&["resource", "cm/api", "-e", "prod"]);
    assert!(resource["since"].is_null(), "{resource}");
    h.refuses(&h.repo, &["log", "cm/api", "-e", "prod"], &fsck);
}

#[test]
fn a_lost_tree() {
    let h = Hostile::with(4);
    h.lose("HEAD~2^{tree}");
    let log = h.json(&["log"]);
    assert_eq!(entries(&log).len(), 5);
    assert!(log.to_string().contains("git fsck"), "{log}");
    h.refuses(
        &h.repo,
        &["show", "HEAD~2"],
        &["missing from the repository", "git fsck"],
    );
}

#[test]
fn a_lost_commit() {
    let h = Hostile::with(4);
    h.lose("HEAD~3");
    let log = h.json(&["log"]);
    assert_eq!(texts(entries(&log), "subject").len(), 3);
    let notes = log["notes"].to_string();
    assert!(
        notes.contains("history ends here") && notes.contains("git fsck"),
        "{log}"
    );
}

/// Where commits stand for others, with and without a commit-graph, which does not know of it.
#[test]
fn replaced_commits() {
    for graph in [false, true] {
        let h = Hostile::with(4);
        if graph {
            h.repo
                .git(&["commit-graph", "write", "--reachable", "--changed-paths"]);
        }
        // Other content, another message, other parents.
        let old = h.repo.rev("HEAD~1");
        h.repo.git(&["switch", "-q", "--detach", "HEAD~2"]);
        let new = h.set("other", "Other");
        h.repo.git(&["switch", "-q", "main"]);
        h.repo.git(&["replace", &old, &new]);
        h.check();
        h.repo.git(&["replace", "--graft", "HEAD~2", "HEAD~4"]);
        h.check();
        assert_eq!(entries(&h.json(&["log"])).len(), 4);
    }
}

#[test]
fn grafts_of_old() {
    let h = Hostile::with(4);
    let graft = format!("{} {}\n", h.repo.rev("HEAD~1"), h.repo.rev("HEAD~3"));
    h.repo.write(".git/info/grafts", graft);
    let log = h.json(&["log"]);
    let notes = log["notes"].to_string();
    assert!(notes.contains("git replace --convert-graft-file"), "{log}");
    h.repo.git(&["replace", "--convert-graft-file"]);
    h.check();
    let log = h.json(&["log"]);
    assert_eq!(
        (entries(&log).len(), &log["notes"]),
        (4, &Value::Array(Vec::new()))
    );
}

/// What an open workspace answers, of the log of everything or of one resource.
async fn log_of(ws: &Workspace, resource: Option<&str>) -> anyhow::Result<Vec<String>> {
    let select = Selector {
        environment: resource.map(|_| "prod".to_owned()),
        resource: resource.map(str::to_owned),
        ..Selector::default()
    };
    let request = log::Request {
        select,
        ..log::Request::default()
    };
    let answer = log::ask(ws, request, &Sink::last_only()).await?;
    let entries = answer.entries.iter();
    Ok(entries.map(|entry| entry.line.commit.to_string()).collect())
}

fn line_of(repo: &TestRepo, revision: &str) -> Vec<String> {
    let commits = repo.git(&["rev-list", "--first-parent", revision]);
    commits.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn history_rewritten_under_a_workspace() {
    let h = Hostile::with(6);
    let clone = h.clone(&[]);
    let ws = workspace::open(&clone, h.home.directory.path());
    let old = line_of(&clone, "HEAD");
    assert_eq!(log_of(&ws, None).await.expect("a log"), old);

    h.repo.git(&["reset", "-q", "--hard", "HEAD~4"]);
    h.set("other", "Another value");
    let new = line_of(&h.repo, "HEAD");
    assert_eq!(
        log_of(&ws, None).await.expect("a log"),
        old,
        "not fetched yet"
    );
    assert!(ws.fetch().await.expect("fetched"));
    assert_eq!(log_of(&ws, None).await.expect("a log"), new);
    assert_eq!(log_of(&ws, Some("cm/web")).await.expect("a log"), new);

    // All packed anew, and what nothing leads to any more is gone.
    clone.git(&["fetch", "-q"]);
    clone.git(&["reset", "-q", "--hard", "origin/main"]);
    clone.git(&["reflog", "expire", "--expire=now", "--all"]);
    clone.git(&["gc", "-q", "--prune=now"]);
    assert_eq!(log_of(&ws, Some("cm/web")).await.expect("a log"), new);
    assert_eq!(log_of(&ws, Some("cm/api")).await.expect("a log"), new[3..]);
    let request = change::Request {
        range: change::Range::Commit(old[0].clone()),
        select: Selector::default(),
    };
    let gone = change::ask(&ws, request, &Sink::last_only()).await;
    let gone = gone.expect_err("it is gone").to_string();
    assert!(gone.contains("no commit is called"), "{gone}");
    let fresh = workspace::open(&clone, h.home.directory.path());
    assert_eq!(log_of(&fresh, None).await.expect("a log"), new);
}

/// Where there is no remote, the branch itself is what moves.
#[tokio::test(flavor = "multi_thread")]
async fn a_branch_amended_under_a_workspace() {
    let h = Hostile::with(3);
    let ws = workspace::open(&h.repo, h.home.directory.path());
    let old = line_of(&h.repo, "HEAD");
    assert_eq!(log_of(&ws, Some("cm/web")).await.expect("a log"), old);
    assert!(!ws.fetch().await.expect("looked"));
    h.repo.git(&["commit", "-q", "--amend", "-m", "Amended"]);
    h.repo.git(&["pack-refs", "--all"]);
    assert!(ws.fetch().await.expect("looked"));
    let new = line_of(&h.repo, "HEAD");
    assert_ne!(new, old);
    assert_eq!(log_of(&ws, Some("cm/web")).await.expect("a log"), new);
}

/// Rewritten while its index grows: what could be read holds, and where it ends is said.
#[test]
fn history_pruned_while_it_is_read() {
    let h = Hostile::with(3);
    let bench = h.bench(&h.repo);
    assert_eq!(bench.rows().len(), 4);
    h.repo.git(&["switch", "-q", "--orphan", "new"]);
    h.repo.git(&["branch", "-q", "-D", "main"]);
    h.repo.write(FILE, web("new"));
    h.repo.commit("Anew");
    h.repo.git(&["reflog", "expire", "--expire=now", "--all"]);
    h.repo.git(&["gc", "-q", "--prune=now"]);
    let history = History::start(&bench.repo, bench.history.tip(), None, &Cancel::new());
    let rows = complete(&history);
    assert!(
        matches!(rows.end(), Some(End::Broken(why)) if why.contains("missing")),
        "{:?}",
        rows.end()
    );
    assert_eq!(h.bench(&h.repo).rows().len(), 1);
}
