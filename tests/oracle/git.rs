//! Reading, against git's own plumbing.

use std::path::Path;

use gitopsy::git::{BStr, EntryKind, Error, Oid, Reader, Repo, TreeEdit, revert_message};
use tempfile::TempDir;

use crate::support::TestRepo;

/// A repository with all that trees and commits come in.
fn varied() -> (TempDir, TestRepo) {
    let dir = TempDir::new().expect("temporary directory");
    let repo = TestRepo::init(&dir.path().join("env"));
    repo.write("apps/api/deploy.yaml", "a: 1\nb: 2\n")
        .write("apps/api.yaml", "x\n")
        .write("apps-old/x.yaml", "x\n")
        .write("run.sh", "#!/bin/sh\n")
        .executable("run.sh")
        .symlink("link", "apps/api.yaml")
        .write(b"latin-\xe9.yaml", "not UTF-8\n")
        .write("empty", "");
    repo.commit("First");
    repo.git(&["tag", "-a", "-m", "a tag", "v1.0"]);
    repo.write("apps/api/deploy.yaml", "a: 1\nb: 3\n")
        .rename("apps-old/x.yaml", "apps-new/x.yaml")
        .remove("link")
        .write("link/inside.yaml", "now a directory\n")
        .remove("empty")
        .symlink("empty", "run.sh");
    repo.commit("Second subject\n\nBody, first line.\n\nSigned-off-by: A <a@example.com>");
    repo.git(&["switch", "-q", "-c", "side", "HEAD~1"]);
    repo.write("side.yaml", "side\n").commit("On the side");
    repo.write("side.yaml", "side 2\n")
        .commit("On the side again");
    repo.git(&["switch", "-q", "main"]);
    repo.merge(&["side"], "Merge branch 'side'");
    let module = repo.rev("HEAD~1");
    repo.git(&[
        "update-index",
        "--add",
        "--cacheinfo",
        &format!("160000,{module},module"),
    ]);
    std::fs::create_dir(repo.path.join("module")).expect("directory");
    repo.commit("Add a submodule");
    (dir, repo)
}

fn open(path: &Path, state: &TempDir) -> Repo {
    Repo::open(path, &state.path().join("state")).expect("opens")
}

fn oid(hex: &str) -> Oid {
    Oid::from_hex(hex.as_bytes()).expect("an id")
}

fn all_commits(repo: &TestRepo) -> Vec<String> {
    let ids = repo.git(&["rev-list", "--all"]);
    ids.lines().map(str::to_owned).collect()
}

#[test]
fn revisions_resolve_as_in_git() {
    let (dir, repo) = varied();
    let reader = open(&repo.path, &dir).reader();
    let short = repo.git(&["rev-parse", "--short", "HEAD~2"]);
    for revision in [
        "HEAD",
        "main",
        "side",
        "v1.0",
        "v1.0^{commit}",
        "main~1^2",
        "main~2",
        "main^^2~1^",
        "@",
        "refs/heads/side",
        &short,
    ] {
        let expected = repo.rev(&format!("{revision}^{{commit}}"));
        assert_eq!(
            reader.resolve(revision).expect(revision).to_string(),
            expected,
            "{revision}"
        );
    }
    for unknown in [
        "",
        "nothing",
        "main~100",
        "HEAD:run.sh",
        "v1.0^5",
        "0000000",
    ] {
        assert!(
            matches!(reader.resolve(unknown), Err(Error::UnknownRevision(_))),
            "{unknown:?}"
        );
    }
}

#[test]
fn commits_read_as_in_git() {
    let (dir, repo) = varied();
    let reader = open(&repo.path, &dir).reader();
    for id in all_commits(&repo) {
        let commit = reader.commit(oid(&id)).expect("commit");
        let parents: Vec<_> = commit.parents.iter().map(Oid::to_string).collect();
        let ours = [
            commit.tree.to_string(),
            parents.join(" "),
            commit.author.name,
            commit.author.email,
            commit.authored.as_second().to_string(),
            commit.committed.as_second().to_string(),
            commit.subject,
            commit.body,
        ]
        .join("\n");
        let format = "--format=%T%n%P%n%an%n%ae%n%at%n%ct%n%s%n%b";
        let theirs = repo.git(&["show", "-s", format, &id]);
        assert_eq!(ours.trim_end(), theirs.trim_end());
        assert_eq!(
            reader.tree_of(oid(&id)).expect("tree").to_string(),
            repo.rev(&format!("{id}^{{tree}}"))
        );
    }
}

/// Subject and body of messages that people and machines wrote badly.
#[test]
fn odd_commits_are_read() {
    let (dir, repo) = varied();
    let tree = repo.rev("HEAD^{tree}");
    let reader = open(&repo.path, &dir).reader();
    let read = |header: &str, message: &[u8]| {
        let mut raw = format!("tree {tree}\n{header}\n").into_bytes();
        raw.extend_from_slice(message);
        let id = repo.raw_commit(&raw);
        reader.commit(oid(&id)).expect("commit")
    };
    let people = "author A <a@x> 1 +0000\ncommitter C <c@x> 2 +0130\n";

    let commit = read(people, b"");
    assert_eq!((commit.subject.as_str(), commit.body.as_str()), ("", ""));
    let commit = read(people, b"\n\n  late\nsecond\n\nthird");
    assert_eq!(commit.subject, "  late");
    assert_eq!(commit.body, "second\n\nthird");
    assert_eq!(commit.committed.as_second(), 2);
    let commit = read(people, b"caf\xe9 \x1b[31m");
    assert_eq!(commit.subject, "caf\u{fffd} \u{1b}[31m");
    let latin1 = format!("{people}encoding ISO-8859-1\n");
    assert_eq!(read(&latin1, b"caf\xe9").subject, "caf\u{e9}");
    let commit = read(
        "author nobody\ncommitter <> 99999999999999999999 +0000\n",
        b"x",
    );
    assert_eq!(commit.author.name, "nobody");
    assert_eq!(commit.authored.as_second(), 0);
}

#[test]
fn trees_read_as_in_git() {
    let (dir, repo) = varied();
    let reader = open(&repo.path, &dir).reader();
    for id in all_commits(&repo) {
        let tree = reader.tree_of(oid(&id)).expect("tree");
        assert_eq!(listing(&reader, tree, ""), ls_tree(&repo, &id, &[]));
        assert_eq!(
            listing(&reader, tree, "apps/api"),
            ls_tree(&repo, &id, &["apps/api"])
        );
        for file in reader.files(tree, BStr::new("")).expect("files") {
            let found = reader.entry(tree, file.path.as_ref()).expect("entry");
            assert_eq!(found.as_ref(), Some(&file));
            if file.is_blob() {
                let content = repo.git_with(&["cat-file", "blob", &file.id.to_string()], b"");
                assert_eq!(reader.blob(file.id).expect("blob"), content);
            }
        }
        let entry = |path: &str| reader.entry(tree, BStr::new(path)).expect("entry");
        assert_eq!(entry("apps").map(|e| e.kind), Some(EntryKind::Tree));
        assert_eq!(entry("").map(|e| e.id), Some(tree));
        assert_eq!(entry("run.sh/below"), None);
        assert_eq!(entry("nowhere/at/all"), None);
    }
    let empty = reader.empty_tree();
    assert_eq!(reader.files(empty, BStr::new("")).expect("empty"), []);
}

fn listing(reader: &Reader, tree: Oid, path: &str) -> Vec<Vec<u8>> {
    let files = reader.files(tree, BStr::new(path)).expect("files");
    files
        .into_iter()
        .map(|file| {
            let mode = match file.kind {
                EntryKind::Blob => "100644 blob",
                EntryKind::Executable => "100755 blob",
                EntryKind::Symlink => "120000 blob",
                EntryKind::Submodule => "160000 commit",
                EntryKind::Tree => "never",
            };
            let mut line = format!("{mode} {}\t", file.id).into_bytes();
            line.extend_from_slice(&file.path);
            line
        })
        .collect()
}

fn ls_tree(repo: &TestRepo, commit: &str, paths: &[&str]) -> Vec<Vec<u8>> {
    let mut args = vec!["ls-tree", "-r", "-z", commit, "--"];
    args.extend(paths);
    lines(repo.git_with(&args, b""))
}

fn lines(output: Vec<u8>) -> Vec<Vec<u8>> {
    let parts = output.split(|byte| *byte == 0).map(<[u8]>::to_vec);
    parts.filter(|part| !part.is_empty()).collect()
}

#[test]
fn differences_are_those_of_diff_tree() {
    let (dir, repo) = varied();
    let reader = open(&repo.path, &dir).reader();
    let mut trees: Vec<String> = all_commits(&repo)
        .iter()
        .map(|id| repo.rev(&format!("{id}^{{tree}}")))
        .collect();
    let empty = repo.git_with(&["hash-object", "-t", "tree", "-w", "--stdin"], b"");
    trees.push(String::from_utf8(empty).expect("an id").trim().to_owned());
    for before in &trees {
        for after in &trees {
            let found = reader.diff(oid(before), oid(after)).expect("diff");
            let ours: Vec<Vec<u8>> = found
                .into_iter()
                .flat_map(|change| {
                    let side = |side: Option<(EntryKind, Oid)>| match side {
                        Some((kind, id)) => format!("{kind:?} {id}"),
                        None => "nothing".to_owned(),
                    };
                    let header = format!("{} {}", side(change.before), side(change.after));
                    [header.into_bytes(), change.path.to_vec()]
                })
                .collect();
            assert_eq!(ours, diff_tree(&repo, before, after));
        }
    }
}

/// `git diff-tree`'s raw output in our words.
fn diff_tree(repo: &TestRepo, before: &str, after: &str) -> Vec<Vec<u8>> {
    let args = [
        "diff-tree",
        "-r",
        "-z",
        "--no-renames",
        "--no-abbrev",
        before,
        after,
    ];
    let side = |mode: &str, id: &str| {
        let kind = match mode {
            "100644" => "Blob",
            "100755" => "Executable",
            "120000" => "Symlink",
            "160000" => "Submodule",
            _ => return "nothing".to_owned(),
        };
        format!("{kind} {id}")
    };
    lines(repo.git_with(&args, b""))
        .into_iter()
        .map(|part| {
            let Some(header) = part.strip_prefix(b":") else {
                return part;
            };
            let header = String::from_utf8(header.to_vec()).expect("ascii");
            let fields: Vec<&str> = header.split(' ').collect();
            let (old, new) = (side(fields[0], fields[2]), side(fields[1], fields[3]));
            format!("{old} {new}").into_bytes()
        })
        .collect()
}

#[test]
fn first_parents_are_those_of_rev_list() {
    let (dir, repo) = varied();
    let expected = repo.git(&["rev-list", "--first-parent", "main"]);
    let expected: Vec<&str> = expected.lines().collect();
    let check = || {
        let reader = open(&repo.path, &dir).reader();
        let walked: Vec<(Oid, Option<Oid>)> = reader
            .first_parents(oid(expected[0]))
            .collect::<Result<_, _>>()
            .expect("walk");
        let ids: Vec<String> = walked.iter().map(|(id, _)| id.to_string()).collect();
        assert_eq!(ids, expected);
        let parents: Vec<String> = walked
            .iter()
            .filter_map(|(_, parent)| parent.map(|id| id.to_string()))
            .collect();
        assert_eq!(parents, expected[1..]);
        for id in all_commits(&repo) {
            let tree = reader.tree_of(oid(&id)).expect("tree").to_string();
            assert_eq!(tree, repo.rev(&format!("{id}^{{tree}}")));
        }
    };
    check();
    repo.git(&["commit-graph", "write", "--reachable"]);
    check();
}

#[test]
fn what_a_merge_brought_in_is_listed() {
    let (dir, repo) = varied();
    let reader = open(&repo.path, &dir).reader();
    let merge = oid(&repo.rev("main~1"));
    let ids = |limit| -> Vec<String> {
        let commits = reader.merged_commits(merge, limit).expect("merged");
        commits.iter().map(|commit| commit.id.to_string()).collect()
    };
    let expected = repo.git(&["rev-list", "main~1^2", "^main~1^1"]);
    assert_eq!(ids(10), expected.lines().collect::<Vec<_>>());
    assert_eq!(ids(1), [repo.rev("side")]);
    let base = reader.merge_base(oid(&repo.rev("main~2")), oid(&repo.rev("side")));
    assert_eq!(
        base.expect("base").map(|id| id.to_string()),
        Some(repo.git(&["merge-base", "main~2", "side"]))
    );
    let ordinary = reader.merged_commits(oid(&repo.rev("main")), 10);
    assert_eq!(ordinary.expect("merged"), []);
}

#[test]
fn repositories_open_as_they_are() {
    let (dir, repo) = varied();
    let head = repo.rev("main");
    let inside = repo.path.join("apps/api");
    let bare = repo.cloned(&dir.path().join("bare.git"), &["--bare"]);
    let linked = dir.path().join("linked");
    repo.git(&[
        "worktree",
        "add",
        "-q",
        "--detach",
        &linked.to_string_lossy(),
    ]);
    for (path, is_bare) in [
        (&repo.path, false),
        (&inside, false),
        (&bare.path, true),
        (&linked, false),
    ] {
        let opened = open(path, &dir);
        assert_eq!(opened.facts().bare, is_bare, "{path:?}");
        assert!(!opened.facts().shallow && !opened.facts().partial);
        let found = opened.reader().resolve("HEAD").expect("HEAD");
        assert_eq!(found.to_string(), head, "{path:?}");
    }
    // A bare repository reduced to what it needs: no configuration, all references packed.
    bare.git(&["pack-refs", "--all"]);
    bare.remove("config");
    let tip = open(&bare.path, &dir).tip(None).expect("tip");
    assert_eq!(tip.commit.to_string(), head);

    let nowhere = dir.path().join("nowhere");
    let state = dir.path().join("state");
    assert!(matches!(
        Repo::open(&nowhere, &state),
        Err(Error::NoSuchPath(_))
    ));
    std::fs::create_dir(&nowhere).expect("directory");
    assert!(matches!(
        Repo::open(&nowhere, &state),
        Err(Error::NotARepository(_))
    ));
    let empty = TestRepo::init(&dir.path().join("empty"));
    let opened = open(&empty.path, &dir);
    assert!(matches!(opened.tip(None), Err(Error::Empty(_))));
    assert!(matches!(opened.tip(Some("main")), Err(Error::Empty(_))));
}

#[test]
fn a_shallow_clone_says_so() {
    let (dir, repo) = varied();
    let clone = repo.cloned(&dir.path().join("shallow"), &["--depth=2"]);
    let opened = open(&clone.path, &dir);
    assert!(opened.facts().shallow);
    let reader = opened.reader();
    let line: Vec<_> = reader
        .first_parents(oid(&clone.rev("HEAD")))
        .collect::<Result<_, _>>()
        .expect("walk ends without an error");
    assert_eq!(line.len(), 2);
    let (boundary, parent) = line[1];
    assert_eq!(parent, None);
    assert!(reader.is_shallow_boundary(boundary));
    let parent = reader.commit(boundary).expect("commit").parents[0];
    let error = reader.tree_of(parent).expect_err("missing").to_string();
    assert!(error.contains("git fetch --unshallow"), "{error}");
}

#[test]
fn a_partial_clone_is_read_without_fetching() {
    let (dir, repo) = varied();
    repo.git(&["config", "uploadpack.allowFilter", "true"]);
    let clone = repo.cloned(
        &dir.path().join("partial"),
        &["--filter=blob:none", "--no-checkout"],
    );
    let opened = open(&clone.path, &dir);
    assert!(opened.facts().partial);
    let reader = opened.reader();
    let tree = reader.tree_of(oid(&clone.rev("HEAD"))).expect("tree");
    let file = reader
        .files(tree, BStr::new("run.sh"))
        .expect("files")
        .remove(0);
    let error = reader.blob(file.id).expect_err("not here").to_string();
    assert!(error.contains("the clone is partial"), "{error}");
}

/// Every tree turned into every other by edits in any order: what comes out is that tree.
#[test]
fn edits_make_the_tree_that_git_made() {
    let (dir, repo) = varied();
    let reader = open(&repo.path, &dir).reader();
    let commits = all_commits(&repo);
    let trees: Vec<Oid> = commits
        .iter()
        .map(|id| reader.tree_of(oid(id)).expect("tree"))
        .chain([reader.empty_tree()])
        .collect();
    for before in &trees {
        for after in &trees {
            let changes = reader.diff(*before, *after).expect("diff");
            let edits: Vec<TreeEdit> = changes
                .into_iter()
                .map(|change| TreeEdit {
                    path: change.path.as_ref().clone(),
                    to: change.after,
                })
                .collect();
            let backwards: Vec<TreeEdit> = edits.iter().rev().cloned().collect();
            assert_eq!(reader.edit_tree(*before, &edits).expect("edit"), *after);
            assert_eq!(reader.edit_tree(*before, &backwards).expect("edit"), *after);
        }
    }
    // A whole directory at once.
    let (old, new) = (trees[trees.len() - 2], trees[0]);
    let apps = reader
        .entry(old, BStr::new("apps"))
        .expect("entry")
        .expect("apps");
    let edit = TreeEdit {
        path: "apps".into(),
        to: Some((EntryKind::Tree, apps.id)),
    };
    let edited = reader.edit_tree(new, &[edit]).expect("edit");
    assert_eq!(
        reader.entry(edited, BStr::new("apps")).expect("entry"),
        Some(apps)
    );
    let missing = reader.diff(new, oid("1234567812345678123456781234567812345678"));
    assert!(matches!(missing, Err(Error::Missing { .. })));
}

/// Messages as the real `git revert` writes them; "Reapply" only where it is new enough to know it.
#[test]
fn revert_messages_are_those_of_git_revert() {
    let (dir, repo) = varied();
    let reader = open(&repo.path, &dir).reader();
    let written = |revision: &str, args: &[&str]| {
        let mut all = vec!["revert", "--no-edit"];
        all.extend(args);
        all.push(revision);
        repo.git(&all);
        repo.git(&["log", "-1", "--format=%B"])
    };
    let ours = |revision: &str| {
        let id = reader.resolve(revision).expect("commit");
        revert_message(&reader.commit(id).expect("commit"))
    };
    let plain = repo.rev("side");
    assert_eq!(ours(&plain), written(&plain, &[]));
    let merge = repo.git(&["rev-list", "-1", "--merges", "main"]);
    repo.git(&["switch", "-q", "--detach", &merge]);
    assert_eq!(ours(&merge), written(&merge, &["-m", "1"]));

    repo.git(&["switch", "-q", "main"]);
    let version = repo.git(&["version"]);
    let minor = version
        .split('.')
        .nth(1)
        .and_then(|minor| minor.parse::<u32>().ok());
    let knows_reapply = !version.contains(" 2.") || minor.is_some_and(|minor| minor >= 43);
    for (subject, expected) in [
        ("Revert \"Deploy\"", "Reapply \"Deploy\""),
        ("Reapply \"Deploy\"", "Revert \"Reapply \"Deploy\"\""),
        (
            "Revert \"Revert \"Deploy\"\"",
            "Revert \"Revert \"Revert \"Deploy\"\"\"",
        ),
    ] {
        repo.write("subject.yaml", subject);
        let commit = repo.commit(subject);
        let message = ours(&commit);
        assert_eq!(
            message,
            format!("{expected}\n\nThis reverts commit {commit}.\n")
        );
        if knows_reapply || !expected.starts_with("Reapply") {
            assert_eq!(message, written(&commit, &[]));
        }
    }
}
