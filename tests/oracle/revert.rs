//! Undoing commits, against the real `git revert` in a clone.

use std::path::Path;

use gitopsy::git::{BStr, Oid, Reader, Repo};
use gitopsy::manifest::{Masking, ObjectRef};
use gitopsy::revert::{Document, Error, Scope, Undo, inverse, restore};
use support::TestRepo;
use tempfile::TempDir;

struct Setting {
    dir: TempDir,
    repo: TestRepo,
    opened: Repo,
}

impl Setting {
    fn new() -> Setting {
        let dir = TempDir::new().expect("temporary directory");
        let repo = TestRepo::init(&dir.path().join("env"));
        let opened = Repo::open(&repo.path, &dir.path().join("state")).expect("opens");
        Setting { dir, repo, opened }
    }

    fn reader(&self) -> Reader {
        self.opened.reader()
    }

    fn undo(&self, commit: &str, scope: &Scope) -> Undo {
        let reader = self.reader();
        let commit = reader.commit(oid(commit)).expect("commit");
        inverse(&reader, &commit, self.tip(), scope, &masking()).expect("undo")
    }

    fn restored(&self, revision: &str, scope: &Scope) -> Oid {
        let reader = self.reader();
        let from = reader.tree_of(oid(&self.repo.rev(revision))).expect("tree");
        let undo = restore(&reader, from, self.tip(), scope, &masking()).expect("restore");
        undo.tree.expect("a restore does not conflict")
    }

    fn tip(&self) -> Oid {
        oid(&self.repo.rev("main^{tree}"))
    }

    fn file(&self, tree: Oid, path: &str) -> Option<String> {
        let reader = self.reader();
        let entry = reader.entry(tree, BStr::new(path)).expect("entry")?;
        let bytes = reader.blob(entry.id).expect("blob");
        Some(String::from_utf8(bytes).expect("text"))
    }

    /// What `git revert` makes of it in a clone: a tree, or `None` for a conflict.
    fn by_git(&self, commit: &str, mainline: bool) -> Option<String> {
        let clone = self.dir.path().join(format!("clone-{commit}"));
        let clone = self.repo.cloned(&clone, &[]);
        let args: &[&str] = if mainline {
            &["revert", "--no-commit", "-m", "1"]
        } else {
            &["revert", "--no-commit"]
        };
        let (clean, _) = clone.try_git(&[args, &[commit]].concat());
        clean.then(|| clone.git(&["write-tree"]))
    }
}

fn oid(hex: &str) -> Oid {
    Oid::from_hex(hex.as_bytes()).expect("an id")
}

fn masking() -> Masking {
    Masking::new([7; 32])
}

fn deployment(name: &str, image: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\nspec:\n  replicas: 1\n  template:\n    spec:\n\
         \x20     containers:\n      - name: app\n        image: {image}\n        args:\n        - a\n        - b\n        - c\n"
    )
}

fn document(path: &str, name: &str) -> Scope {
    let object = ObjectRef {
        group: "apps".to_owned(),
        kind: "Deployment".to_owned(),
        namespace: None,
        name: name.to_owned(),
    };
    let path = path.into();
    Scope::Documents(vec![Document { path, object }])
}

fn paths(paths: &[&str]) -> Scope {
    Scope::Paths(paths.iter().map(|path| (*path).into()).collect())
}

#[test]
fn whole_commits_come_out_as_git_revert_leaves_them() {
    let setting = Setting::new();
    let repo = &setting.repo;
    repo.write("api.yaml", deployment("api", "api:1"))
        .write("web.yaml", deployment("web", "web:1"));
    repo.commit("Start");
    repo.write("api.yaml", deployment("api", "api:2"))
        .commit("Conflicts with the next but one");
    repo.write("db.yaml", deployment("db", "db:1"))
        .remove("web.yaml")
        .commit("Add and remove");
    repo.write("api.yaml", deployment("api", "api:3"))
        .commit("Bump");
    repo.rename("db.yaml", "data/db.yaml").commit("Move");
    for branch in ["one", "two", "three"] {
        repo.git(&["switch", "-q", "-c", branch, "main"]);
        repo.write(format!("{branch}.yaml"), "x: 1\n")
            .commit(branch);
    }
    repo.git(&["switch", "-q", "main"]);
    repo.merge(&["one"], "Merge one");
    repo.merge(&["two", "three"], "An octopus");
    let (mut clean, mut conflicts) = (0, 0);
    let line = repo.git(&["rev-list", "--first-parent", "main"]);
    for commit in line.lines() {
        let is_merge = repo
            .git(&["rev-list", "-1", "--parents", commit])
            .split(' ')
            .count()
            > 2;
        let undo = setting.undo(commit, &Scope::All);
        assert_eq!(
            undo.tree.map(|tree| tree.to_string()),
            setting.by_git(commit, is_merge),
            "{commit}"
        );
        assert_eq!(undo.is_clean(), undo.conflicts.is_empty());
        if undo.is_clean() {
            clean += 1
        } else {
            conflicts += 1
        }
    }
    assert!(
        clean >= 4 && conflicts >= 2,
        "{clean} clean, {conflicts} conflicts"
    );

    // Undone already: clean, and nothing changes.
    let bump = repo.git(&["rev-list", "-1", "--grep=^Bump", "main"]);
    repo.git(&["revert", "--no-edit", &bump]);
    assert!(
        setting
            .undo(&bump, &Scope::All)
            .changes_nothing(setting.tip())
    );
}

#[test]
fn the_boundary_of_a_shallow_clone_is_not_a_root() {
    let setting = Setting::new();
    setting.repo.write("a.yaml", "a: 1\n").commit("One");
    setting.repo.write("a.yaml", "a: 2\n").commit("Two");
    let clone = setting
        .repo
        .cloned(&setting.dir.path().join("shallow"), &["--depth=1"]);
    let state = setting.dir.path().join("state");
    let reader = Repo::open(&clone.path, &state).expect("opens").reader();
    let commit = reader.commit(oid(&clone.rev("HEAD"))).expect("commit");
    let error = inverse(&reader, &commit, commit.tree, &Scope::All, &masking());
    let error = error.expect_err("its parent is not here").to_string();
    assert!(error.contains("git fetch --unshallow"), "{error}");
}

#[test]
fn paths_are_undone_alone_though_others_conflict() {
    let setting = Setting::new();
    let repo = &setting.repo;
    for app in ["api", "web"] {
        repo.write(format!("apps/{app}/d.yaml"), deployment(app, "x:1"));
    }
    repo.write("apps/web-2/d.yaml", "y: 1\n").commit("Start");
    for app in ["api", "web"] {
        repo.write(format!("apps/{app}/d.yaml"), deployment(app, "x:2"));
    }
    let commit = repo
        .write("apps/web-2/d.yaml", "y: 2\n")
        .commit("Change all");
    repo.write("apps/api/d.yaml", deployment("api", "x:3"))
        .commit("Change one again");
    let all = setting.undo(&commit, &Scope::All);
    assert_eq!(
        all.conflicts
            .iter()
            .map(|c| c.path.to_string())
            .collect::<Vec<_>>(),
        ["apps/api/d.yaml"]
    );
    assert!(!setting.undo(&commit, &paths(&["apps/api"])).is_clean());
    let tree = setting
        .undo(&commit, &paths(&["apps/web"]))
        .tree
        .expect("clean");
    let reader = setting.reader();
    let changed = reader.diff(setting.tip(), tree).expect("diff");
    assert_eq!(
        changed
            .iter()
            .map(|c| c.path.to_string())
            .collect::<Vec<_>>(),
        ["apps/web/d.yaml"]
    );
    assert_eq!(
        setting.file(tree, "apps/web/d.yaml"),
        Some(deployment("web", "x:1"))
    );
}

/// A directory became a file and back: undoing the paths must not depend on the order of their names.
#[test]
fn files_take_the_place_of_directories() {
    let setting = Setting::new();
    let repo = &setting.repo;
    repo.write("a", "file\n")
        .write("b/c/d", "x\n")
        .write("other", "x\n")
        .commit("Start");
    repo.remove("a")
        .write("a/b.yaml", "y\n")
        .remove("b")
        .write("b", "file\n");
    let commit = repo.commit("Swap");
    repo.write("other", "y\n").commit("Later");
    let tree = setting
        .undo(&commit, &paths(&["a", "b"]))
        .tree
        .expect("clean");
    assert_eq!(Some(tree.to_string()), setting.by_git(&commit, false));
    assert_eq!(
        setting.restored(&format!("{commit}^"), &paths(&["a", "b"])),
        tree
    );
}

#[test]
fn one_document_is_undone_and_every_other_byte_stays() {
    let setting = Setting::new();
    let repo = &setting.repo;
    let file = |api: &str, web: &str| {
        let (api, web) = (deployment("api", api), deployment("web", web));
        // Comments, a separator with space after it and CRLF are none of ours to change.
        format!("# all of it\n---\n{api}---   \n# web\r\n{web}---\nnot: an object\n")
    };
    repo.write("all.yaml", file("api:1", "web:1"))
        .commit("Start");
    let commit = repo
        .write("all.yaml", file("api:2", "web:2"))
        .commit("Bump both");
    repo.write("all.yaml", file("api:2", "web:3"))
        .commit("Bump one again");
    assert!(!setting.undo(&commit, &Scope::All).is_clean());
    let tree = setting
        .undo(&commit, &document("all.yaml", "api"))
        .tree
        .expect("clean");
    assert_eq!(setting.file(tree, "all.yaml"), Some(file("api:1", "web:3")));
    let web = setting.undo(&commit, &document("all.yaml", "web"));
    assert!(!web.is_clean() && web.conflicts.len() == 1);
    assert_eq!(
        setting.restored(&format!("{commit}^"), &document("all.yaml", "web")),
        {
            repo.write("all.yaml", file("api:2", "web:1"))
                .commit("By hand");
            let tree = setting.tip();
            repo.git(&["reset", "-q", "--hard", "HEAD~1"]);
            tree
        }
    );
    // Elsewhere in the same document: its lines are merged.
    let edited = file("api:2", "web:3").replace("replicas: 1", "replicas: 5");
    repo.write("all.yaml", &edited).commit("Scale");
    let tree = setting
        .undo(&commit, &document("all.yaml", "api"))
        .tree
        .expect("clean");
    assert_eq!(
        setting.file(tree, "all.yaml"),
        Some(edited.replace("api:2", "api:1"))
    );
}

#[test]
fn a_document_comes_and_goes_with_its_file() {
    let setting = Setting::new();
    let repo = &setting.repo;
    let (api, web) = (deployment("api", "api:1"), deployment("web", "web:1"));
    repo.write("all.yaml", &api).commit("Start");
    let added = repo
        .write("all.yaml", format!("{api}---\n{web}"))
        .commit("Add web");
    let tree = setting
        .undo(&added, &document("all.yaml", "web"))
        .tree
        .expect("clean");
    assert_eq!(setting.file(tree, "all.yaml"), Some(api.clone()));
    let removed = repo.remove("all.yaml").commit("Remove both");
    let tree = setting
        .undo(&removed, &document("all.yaml", "web"))
        .tree
        .expect("clean");
    assert_eq!(setting.file(tree, "all.yaml"), Some(web.clone()));

    // The last document of a file without a last line break becomes one in the middle.
    let cut = web.trim_end();
    repo.write("all.yaml", format!("{api}---\n{cut}"))
        .commit("Back");
    let other = deployment("web", "web:2");
    let bump = repo
        .write("all.yaml", format!("{api}---\n{other}"))
        .commit("Bump");
    repo.write("all.yaml", format!("{other}---\n{api}"))
        .commit("Reorder");
    let tree = setting
        .undo(&bump, &document("all.yaml", "web"))
        .tree
        .expect("clean");
    assert_eq!(
        setting.file(tree, "all.yaml"),
        Some(format!("{web}---\n{api}"))
    );
}

/// Items of a list share its bytes: undoing one by its bytes would undo the others.
#[test]
fn an_item_of_a_list_is_refused() {
    let setting = Setting::new();
    let repo = &setting.repo;
    let list = |api: &str, web: &str| {
        let item = |name: &str, image: &str| {
            let text = deployment(name, image);
            let lines: Vec<String> = text.lines().map(|line| format!("  {line}")).collect();
            format!("-{}\n", &lines.join("\n")[1..])
        };
        format!(
            "apiVersion: v1\nkind: List\nitems:\n{}{}",
            item("api", api),
            item("web", web)
        )
    };
    repo.write("list.yaml", list("api:1", "web:1"))
        .commit("Start");
    let commit = repo
        .write("list.yaml", list("api:2", "web:2"))
        .commit("Bump both");
    let reader = setting.reader();
    let commit = reader.commit(oid(&commit)).expect("commit");
    let scope = document("list.yaml", "api");
    let error = inverse(&reader, &commit, setting.tip(), &scope, &masking());
    assert!(matches!(error, Err(Error::InList { .. })), "{error:?}");
    let before = reader.tree_of(commit.parents[0]).expect("tree");
    let error = restore(&reader, before, setting.tip(), &scope, &masking());
    assert!(matches!(error, Err(Error::InList { .. })), "{error:?}");
}

#[test]
fn restoring_puts_back_what_was_there_and_nothing_else() {
    let setting = Setting::new();
    let repo = &setting.repo;
    repo.write("apps/a.yaml", "a: 1\n")
        .write("apps/gone.yaml", "x\n")
        .write("other.yaml", "o: 1\n");
    repo.commit("Start");
    repo.write("apps/a.yaml", "a: 2\n")
        .remove("apps/gone.yaml")
        .write("apps/new.yaml", "n\n");
    repo.write("other.yaml", "o: 2\n").commit("Change");
    let tree = setting.restored("main~1", &paths(&["apps"]));
    let expected = repo.cloned(Path::new(&setting.dir.path().join("expected")), &[]);
    expected.git(&["restore", "--source=HEAD~1", "--staged", "--", "apps"]);
    assert_eq!(tree.to_string(), expected.git(&["write-tree"]));
    assert_eq!(
        setting.restored("main~1", &Scope::All).to_string(),
        repo.rev("main~1^{tree}")
    );
    assert_eq!(setting.restored("main", &paths(&["apps"])), setting.tip());
}
