//! Fetching, committing and pushing leave the user's clone as it was, down to modification times; what they do is what git
//! does.

use std::path::{Path, PathBuf};

use gitopsy::exec;
use gitopsy::git::{BStr, Error, NewCommit, Oid, Repo, TreeEdit, parse_url};
use jiff::Timestamp;
use tempfile::TempDir;

use crate::support::{Footprint, TestRepo};

struct Setting {
    dir: TempDir,
    origin: TestRepo,
}

impl Setting {
    /// An environment repository that others push to.
    fn new() -> Setting {
        let dir = TempDir::new().expect("temporary directory");
        let origin = TestRepo::init(&dir.path().join("origin"));
        origin.git(&["config", "receive.denyCurrentBranch", "ignore"]);
        for step in 0..5 {
            origin.write("apps/api.yaml", format!("image: api:1.{step}\n"));
            origin.write(format!("apps/{step}.yaml"), "x: 1\n");
            origin.commit(&format!("Release 1.{step}"));
        }
        Setting { dir, origin }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn open(&self, path: &Path) -> Repo {
        Repo::open(path, &self.path("state")).expect("opens")
    }

    /// Somebody else pushes; answers the new tip.
    fn progress(&self, image: &str) -> String {
        self.origin
            .write("apps/api.yaml", format!("image: {image}\n"));
        self.origin.commit(&format!("Release {image}"))
    }
}

fn at() -> Timestamp {
    "2024-02-03T04:05:06Z".parse().expect("a time")
}

/// The tip's own change undone, as a commit on the tip.
fn revert_of(repo: &Repo, tip: Oid) -> NewCommit {
    let reader = repo.reader();
    let parent = reader.commit(tip).expect("commit").parents[0];
    let (base, before) = (reader.tree_of(tip), reader.tree_of(parent));
    let (base, before) = (base.expect("tree"), before.expect("tree"));
    let merge = reader.merge(base, base, before).expect("merge");
    assert!(merge.is_clean());
    // And one object that is in no repository yet.
    let blob = reader.write_blob(b"reverted: true\n").expect("blob");
    let path = "notes/revert.yaml".into();
    let to = Some((gitopsy::git::EntryKind::Blob, blob));
    let tree = reader.edit_tree(merge.tree, &[TreeEdit { path, to }]);
    NewCommit {
        tree: tree.expect("tree"),
        parent: tip,
        message: "Revert \"Release\"\n\nWhy: caf\u{e9}.\n".to_owned(),
        at: at(),
    }
}

/// The whole way from a fetch to a pushed branch, on a clone in `watched`.
fn whole_way(setting: &Setting, clone: &Path, watched: &[&Path]) {
    let repo = setting.open(clone);
    let before: Vec<_> = watched.iter().map(|path| Footprint::of(path)).collect();
    let unchanged = || {
        for (footprint, path) in before.iter().zip(watched) {
            footprint.assert_unchanged(path);
        }
    };

    let stale = repo.tip(None).expect("tip");
    assert_eq!(stale.branch.as_deref(), Some("main"));
    assert_eq!(stale.remote.as_deref(), Some("origin"));
    let new = setting.progress("api:2.0");
    let fetched = repo.fetch(&stale, Timestamp::now()).expect("fetch");
    unchanged();
    assert_eq!(fetched.commit.to_string(), new);
    assert!(fetched.fetched > stale.fetched);
    assert_eq!(repo.tip(None).expect("tip"), fetched, "remembered");
    assert_eq!(
        setting.open(clone).tip(None).expect("tip"),
        fetched,
        "by the next run too"
    );
    let newer = setting.progress("api:3.0");
    let fetched = repo
        .fetch(&fetched, Timestamp::now())
        .expect("fetch on top of a fetch");
    assert_eq!(fetched.commit.to_string(), newer);
    assert_eq!(
        repo.remote_head("origin", "main").expect("asked"),
        Some(fetched.commit)
    );
    assert_eq!(repo.remote_head("origin", "ain").expect("asked"), None);
    let reader = repo.reader();
    let tree = reader.tree_of(fetched.commit).expect("tree");
    let file = reader
        .entry(tree, BStr::new("apps/api.yaml"))
        .expect("entry");
    let image = reader.blob(file.expect("a file").id).expect("blob");
    assert_eq!(image, b"image: api:3.0\n");
    unchanged();

    let plan = revert_of(&repo, fetched.commit);
    unchanged();
    let commit = repo.commit(&plan).expect("commit");
    assert_eq!(
        repo.commit(&plan).expect("commit"),
        commit,
        "same plan, same id"
    );
    repo.push("origin", commit, "revert/api").expect("push");
    repo.push("origin", commit, "revert/api")
        .expect("pushing it again is nothing");
    unchanged();

    // What arrived is what git would have made of the same plan.
    let origin = &setting.origin;
    assert_eq!(origin.rev("revert/api"), commit.to_string());
    origin.git(&["fsck", "--strict", "--connectivity-only"]);
    assert_eq!(
        origin.git(&["show", "revert/api:apps/api.yaml"]),
        "image: api:2.0"
    );
    let date = "@1706933106 +0000";
    let same = origin
        .command(&[
            "commit-tree",
            &plan.tree.to_string(),
            "-p",
            &newer,
            "-m",
            plan.message.trim_end(),
        ])
        .env("GIT_AUTHOR_DATE", date)
        .env("GIT_COMMITTER_DATE", date)
        .output()
        .expect("git runs");
    assert_eq!(
        String::from_utf8_lossy(&same.stdout).trim(),
        commit.to_string()
    );

    let other = NewCommit {
        message: "Other".to_owned(),
        ..plan
    };
    let other = repo.commit(&other).expect("commit");
    let error = repo
        .push("origin", other, "revert/api")
        .expect_err("exists");
    assert!(matches!(error, Error::BranchExists { .. }), "{error}");
    assert_eq!(
        origin.rev("revert/api"),
        commit.to_string(),
        "never overwritten"
    );
    unchanged();
    origin.git(&["branch", "-q", "-D", "revert/api"]);
}

#[test]
fn a_clone_is_left_as_it_was() {
    let setting = Setting::new();
    let clone = setting.origin.cloned(&setting.path("clone"), &[]);
    // Somebody is in the middle of something.
    clone
        .write("apps/api.yaml", "image: mine\n")
        .write("new.yaml", "x");
    clone.git(&["add", "new.yaml"]);
    clone.git(&["switch", "-q", "-c", "mine"]);
    whole_way(&setting, &clone.path, &[&clone.path]);
}

#[test]
fn a_bare_clone_is_left_as_it_was() {
    let setting = Setting::new();
    let clone = setting
        .origin
        .cloned(&setting.path("clone.git"), &["--bare"]);
    whole_way(&setting, &clone.path, &[&clone.path]);
    let mirror = setting
        .origin
        .cloned(&setting.path("mirror.git"), &["--mirror"]);
    whole_way(&setting, &mirror.path, &[&mirror.path]);
}

#[test]
fn a_shallow_clone_is_left_as_it_was() {
    let setting = Setting::new();
    let clone = setting
        .origin
        .cloned(&setting.path("clone"), &["--depth=2"]);
    whole_way(&setting, &clone.path, &[&clone.path]);
}

#[test]
fn a_linked_work_tree_and_its_repository_are_left_as_they_were() {
    let setting = Setting::new();
    let clone = setting.origin.cloned(&setting.path("clone"), &[]);
    let linked = setting.path("linked");
    clone.git(&[
        "worktree",
        "add",
        "-q",
        "-b",
        "elsewhere",
        &linked.to_string_lossy(),
    ]);
    let inside = linked.join("apps");
    whole_way(&setting, &inside, &[&clone.path, &linked]);
}

#[test]
fn a_clone_that_borrows_objects_is_left_as_it_was() {
    let setting = Setting::new();
    let reference = setting.origin.cloned(&setting.path("reference"), &[]);
    let clone = setting.path("borrowing clone");
    let args = ["--reference", &reference.path.to_string_lossy()];
    let clone = setting.origin.cloned(&clone, &args);
    assert!(clone.path.join(".git/objects/info/alternates").is_file());
    whole_way(&setting, &clone.path, &[&clone.path, &reference.path]);
}

#[test]
fn a_partial_clone_is_left_as_it_was() {
    let setting = Setting::new();
    setting
        .origin
        .git(&["config", "uploadpack.allowFilter", "true"]);
    let clone = setting.origin.cloned(
        &setting.path("clone"),
        &["--filter=tree:0", "--no-checkout"],
    );
    let before = Footprint::of(&clone.path);
    let repo = setting.open(&clone.path);
    let new = setting.progress("api:2.0");
    let tip = repo
        .fetch(&repo.tip(None).expect("tip"), Timestamp::now())
        .expect("fetch");
    assert_eq!(tip.commit.to_string(), new);
    let error = repo.reader().files(
        repo.reader().tree_of(tip.commit).expect("commit is here"),
        BStr::new(""),
    );
    assert!(
        error
            .expect_err("the tree is not")
            .to_string()
            .contains("partial")
    );
    before.assert_unchanged(&clone.path);
}

/// Settings that would make git write more than it was asked to.
#[test]
fn settings_of_the_clone_do_not_reach_its_references() {
    let setting = Setting::new();
    setting.origin.git(&["tag", "-a", "-m", "one", "v1"]);
    let clone = setting
        .origin
        .cloned(&setting.path("clone"), &["--no-tags"]);
    for (key, value) in [
        ("fetch.prune", "true"),
        ("fetch.pruneTags", "true"),
        ("fetch.writeCommitGraph", "true"),
        ("fetch.recurseSubmodules", "true"),
        ("remote.origin.tagOpt", "--tags"),
        ("remote.origin.followRemoteHEAD", "always"),
        ("push.followTags", "true"),
        ("push.autoSetupRemote", "true"),
        ("push.recurseSubmodules", "on-demand"),
        ("gc.auto", "1"),
        ("gc.autoDetach", "false"),
        ("maintenance.auto", "true"),
        ("core.logAllRefUpdates", "always"),
        ("core.fsmonitor", "false"),
    ] {
        clone.git(&["config", key, value]);
    }
    whole_way(&setting, &clone.path, &[&clone.path]);
}

#[test]
fn the_newer_of_what_git_and_we_fetched_is_the_tip() {
    let setting = Setting::new();
    let clone = setting.origin.cloned(&setting.path("clone"), &[]);
    let repo = setting.open(&clone.path);
    let fetch = || {
        repo.fetch(&repo.tip(None).expect("tip"), Timestamp::now())
            .expect("fetch")
    };
    let tip = || repo.tip(None).expect("tip").commit.to_string();

    let first = tip();
    let second = setting.progress("api:2.0");
    assert_eq!(tip(), first);
    fetch();
    assert_eq!(tip(), second);
    let third = setting.progress("api:3.0");
    clone.git(&["fetch", "-q"]);
    assert_eq!(tip(), third, "git's is newer");
    // The branch is rewritten: what was fetched last counts.
    setting.origin.git(&["reset", "-q", "--hard", &first]);
    let rewritten = setting.progress("api:2.1");
    fetch();
    assert_eq!(tip(), rewritten);

    // The remote changes its default branch; and a branch that is gone is said to be gone.
    setting.origin.git(&["switch", "-q", "-c", "production"]);
    fetch();
    let moved = repo.tip(None).expect("tip");
    assert_eq!(moved.branch.as_deref(), Some("production"));
    setting.origin.git(&["switch", "-q", "main"]);
    setting.origin.git(&["branch", "-q", "-D", "production"]);
    let error = repo.fetch(&moved, Timestamp::now()).expect_err("gone");
    assert!(matches!(error, Error::UnknownBranch { .. }), "{error}");
    let error = repo.tip(Some("nowhere")).expect_err("unknown");
    assert!(
        error.to_string().contains("\"nowhere\" at origin"),
        "{error}"
    );
}

#[test]
fn the_remote_is_that_of_the_branch_else_origin_else_the_only_one() {
    let setting = Setting::new();
    let clone = setting.origin.cloned(&setting.path("clone"), &[]);
    let remote = || {
        let tip = setting.open(&clone.path).tip(None).expect("tip");
        (tip.remote, tip.repository)
    };
    let url = setting.origin.path.to_string_lossy().into_owned();
    assert_eq!(remote(), (Some("origin".to_owned()), url.clone()));
    let upstream = setting.origin.cloned(&setting.path("upstream"), &[]);
    let upstream_path = upstream.path.to_string_lossy().into_owned();
    clone.git(&["remote", "add", "upstream", "../upstream"]);
    assert_eq!(remote().0.as_deref(), Some("origin"));
    clone.git(&["fetch", "-q", "upstream"]);
    clone.git(&["branch", "-q", "--set-upstream-to=upstream/main"]);
    assert_eq!(remote(), (Some("upstream".to_owned()), upstream_path));
    clone.git(&["switch", "-q", "-c", "local"]);
    clone.git(&["config", "branch.local.remote", "."]);
    assert_eq!(remote().0.as_deref(), Some("origin"));
    clone.git(&["remote", "rename", "origin", "forge"]);
    assert_eq!(remote().0, None, "two, and neither is named origin");
    clone.git(&["remote", "remove", "upstream"]);
    assert_eq!(remote().0.as_deref(), Some("forge"));
    clone.git(&["remote", "remove", "forge"]);
    let path = clone.path.to_string_lossy().into_owned();
    assert_eq!(remote(), (None, path));
    let repo = setting.open(&clone.path);
    let error = repo
        .fetch(&repo.tip(None).expect("tip"), Timestamp::now())
        .expect_err("no remote");
    assert!(matches!(error, Error::NoRemote), "{error}");
}

#[test]
fn remotes_are_those_of_git_remote() {
    let setting = Setting::new();
    let clone = setting.origin.cloned(&setting.path("clone"), &[]);
    for (key, value) in [
        ("url.ssh://git@github.com/.insteadOf", "gh:"),
        (
            "url.https://mirror.example.com/.insteadOf",
            "https://slow.example.com/",
        ),
        (
            "url.git@push.example.com:.pushInsteadOf",
            "https://read.example.com/",
        ),
        ("remote.forge.url", "gh:acme/env.git"),
        ("remote.mirrored.url", "https://slow.example.com/acme/env"),
        ("remote.split.url", "https://read.example.com/acme/env"),
        (
            "remote.pushed.url",
            "https://alice:s3cret@example.com/env.git",
        ),
        (
            "remote.pushed.pushurl",
            "ssh://git@example.com:2222/env.git",
        ),
        ("remote.bare.prune", "true"),
    ] {
        clone.git(&["config", key, value]);
    }
    let remotes = setting.open(&clone.path).remotes().expect("remotes");
    let names: Vec<&str> = remotes.iter().map(|remote| remote.name.as_str()).collect();
    assert_eq!(names, ["forge", "mirrored", "origin", "pushed", "split"]);
    for remote in &remotes {
        let fetch = clone.git(&["remote", "get-url", &remote.name]);
        let push = clone.git(&["remote", "get-url", "--push", &remote.name]);
        assert_eq!(Some(&remote.fetch), parse_url(&fetch).as_ref(), "{fetch}");
        assert_eq!(Some(&remote.push), parse_url(&push).as_ref(), "{push}");
        assert!(!remote.fetch.to_string().contains("s3cret"));
    }
    let origin = remotes.iter().find(|remote| remote.name == "origin");
    assert_eq!(
        origin.and_then(|remote| remote.default_branch.as_deref()),
        Some("main")
    );
}

#[test]
fn a_refusal_is_told_in_the_servers_words() {
    let setting = Setting::new();
    let clone = setting.origin.cloned(&setting.path("clone"), &[]);
    let hook = setting
        .origin
        .path
        .join("hooks-of-this-repository/pre-receive");
    setting.origin.write(
        "hooks-of-this-repository/pre-receive",
        "#!/bin/sh\nprintf 'GH006: Protected branch \\033[31mupdate failed\\n' >&2\nexit 1\n",
    );
    setting
        .origin
        .executable("hooks-of-this-repository/pre-receive");
    // A hook's directory is relative to where the server runs.
    setting.origin.git(&[
        "config",
        "core.hooksPath",
        &hook.parent().expect("a directory").to_string_lossy(),
    ]);
    let repo = setting.open(&clone.path);
    let tip = repo.tip(None).expect("tip").commit;
    let commit = repo.commit(&revert_of(&repo, tip)).expect("commit");
    let error = repo
        .push("origin", commit, "revert/x")
        .expect_err("refused")
        .to_string();
    assert!(error.contains("pre-receive hook declined"), "{error}");
    assert!(error.contains("GH006: Protected branch"), "{error}");
    assert!(!error.contains('\u{1b}'), "{error:?}");
    std::fs::remove_file(&hook).expect("hook removed");

    // The user's own hook runs, and may refuse too.
    clone.write(
        "hooks-of-this-repository/pre-push",
        "#!/bin/sh\necho not on a Friday >&2\nexit 1\n",
    );
    clone.executable("hooks-of-this-repository/pre-push");
    let error = repo
        .push("origin", commit, "revert/x")
        .expect_err("refused")
        .to_string();
    assert!(error.contains("not on a Friday"), "{error}");
    assert!(
        !setting
            .origin
            .try_git(&["rev-parse", "-q", "--verify", "revert/x"])
            .0
    );

    for bad in ["", "a..b", "a b", "-x/", "x.lock"] {
        assert!(repo.push("origin", commit, bad).is_err(), "{bad:?}");
    }
    let error = repo
        .push("elsewhere", commit, "x")
        .expect_err("no such remote");
    assert!(matches!(error, Error::UnknownRemote(_)), "{error}");
}

#[test]
fn an_author_is_needed() {
    let setting = Setting::new();
    let clone = setting.origin.cloned(&setting.path("clone"), &[]);
    clone.git(&["config", "user.name", ""]);
    let repo = setting.open(&clone.path);
    let tip = repo.tip(None).expect("tip").commit;
    let error = repo.commit(&revert_of(&repo, tip)).expect_err("nobody");
    assert!(matches!(error, Error::NoIdentity), "{error}");
    assert!(
        error.to_string().contains("git config --global user.name"),
        "{error}"
    );
}

#[test]
fn commits_are_signed_as_configured_or_not_made() {
    let setting = Setting::new();
    let clone = setting.origin.cloned(&setting.path("clone"), &[]);
    let key = setting.path("key");
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"])
        .arg(&key)
        .status();
    assert!(made.expect("ssh-keygen runs").success());
    let public = std::fs::read_to_string(key.with_extension("pub")).expect("public key");
    let signers = setting.path("signers");
    std::fs::write(&signers, format!("alice@example.com {public}")).expect("file");
    for (name, value) in [
        ("commit.gpgSign", "true"),
        ("gpg.format", "ssh"),
        ("user.signingKey", &key.to_string_lossy()),
        ("gpg.ssh.allowedSignersFile", &signers.to_string_lossy()),
    ] {
        clone.git(&["config", name, value]);
    }
    let before = Footprint::of(&clone.path);
    let repo = setting.open(&clone.path);
    let tip = repo.tip(None).expect("tip").commit;
    let plan = revert_of(&repo, tip);
    let commit = repo.commit(&plan).expect("signed");
    assert_eq!(repo.commit(&plan).expect("signed"), commit);
    repo.push("origin", commit, "signed").expect("push");
    before.assert_unchanged(&clone.path);
    clone.git(&["fetch", "-q", "origin", "signed"]);
    clone.git(&["verify-commit", "FETCH_HEAD"]);

    std::fs::remove_file(&key).expect("key removed");
    std::fs::remove_file(key.with_extension("pub")).expect("key removed");
    let error = repo.commit(&plan).expect_err("no key");
    assert!(matches!(error, Error::NotSigned(_)), "{error}");
}

#[test]
fn credentials_in_urls_are_neither_logged_nor_told() {
    let setting = Setting::new();
    let clone = setting.origin.cloned(&setting.path("clone"), &[]);
    // Nothing listens on port 1 of this machine.
    clone.git(&[
        "config",
        "remote.origin.url",
        "http://alice:Tr0ub4dor@127.0.0.1:1/env.git",
    ]);
    let repo = setting.open(&clone.path);
    let tip = repo.tip(None).expect("tip");
    assert_eq!(tip.repository, "http://127.0.0.1:1/env");
    let fetch = repo
        .fetch(&tip, Timestamp::now())
        .expect_err("refused")
        .to_string();
    let push = repo
        .push("origin", tip.commit, "x")
        .expect_err("refused")
        .to_string();
    for error in [fetch, push] {
        assert!(error.contains("127.0.0.1"), "{error}");
        assert!(!error.contains("Tr0ub4dor"), "{error}");
    }
    let log: Vec<String> = exec::log().iter().map(ToString::to_string).collect();
    assert!(
        log.iter().any(|call| call.contains("push --porcelain")),
        "{log:?}"
    );
    assert!(!log.join("\n").contains("Tr0ub4dor"));
}

/// Reviewing without fetching or staging writes nothing at all, not even in our own directory.
#[test]
fn previews_write_nothing() {
    let setting = Setting::new();
    let clone = setting.origin.cloned(&setting.path("clone"), &[]);
    let before = Footprint::of(setting.dir.path());
    let repo = setting.open(&clone.path);
    let tip = repo.tip(None).expect("tip").commit;
    let plan = revert_of(&repo, tip);
    let files = repo
        .reader()
        .files(plan.tree, BStr::new("notes"))
        .expect("files");
    let blob = repo
        .reader()
        .blob(files[0].id)
        .expect("made by another reader");
    assert_eq!(blob, b"reverted: true\n");
    assert_eq!(
        std::thread::scope(|scope| scope
            .spawn(|| repo
                .reader()
                .diff(plan.tree, plan.tree)
                .expect("diff")
                .len())
            .join()
            .expect("thread")),
        0
    );
    before.assert_unchanged(setting.dir.path());
}
