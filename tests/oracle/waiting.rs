//! Who turns away stops the renderings that only they waited for.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use gitopsy::review::common::Selector;
use gitopsy::review::{Cancel, Rendered, Sink, Workspace, change, deployed, drift, log};

use crate::workspace;
use support::TestRepo;

/// More than any machine renders at once.
const APPS: usize = 600;

struct Setting {
    workspace: Workspace,
    _directory: tempfile::TempDir,
}

fn setting() -> Setting {
    let directory = tempfile::tempdir().expect("directory");
    let repo = TestRepo::init(&directory.path().join("repo"));
    for app in 0..APPS {
        repo.write(
            format!("environments/dev/app{app}/app.yaml"),
            format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: app{app}}}\n"),
        );
    }
    repo.commit("All");
    Setting {
        workspace: workspace::open(&repo, directory.path()),
        _directory: directory,
    }
}

/// A sink that turns away once it is told of anything; and how many it was told are done at most.
fn fickle<A>() -> (Sink<A>, Arc<AtomicUsize>) {
    let cancel = Cancel::new();
    let most = Arc::new(AtomicUsize::new(0));
    let (stop, told) = (cancel.clone(), Arc::clone(&most));
    let sink = Sink::new(cancel, |_| {}).telling(move |rendered: Rendered| {
        stop.cancel();
        told.fetch_max(rendered.done, Ordering::SeqCst);
    });
    (sink, most)
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_no_more_is_rendered() {
    let setting = setting();
    let ws = &setting.workspace;
    let (sink, most) = fickle();
    let answer = deployed::ask(ws, deployed::Request::default(), &sink).await;
    let error = answer.expect_err("nobody waits").to_string();
    assert!(error.contains("cancelled"), "{error}");
    assert!((1..APPS).contains(&most.load(Ordering::SeqCst)));

    let (sink, most) = fickle();
    let request = drift::Request::default();
    assert!(drift::ask(ws, request, &sink).await.is_err());
    assert!((1..APPS).contains(&most.load(Ordering::SeqCst)));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_is_told_how_far_it_is() {
    let setting = setting();
    let told = Arc::new(Mutex::new(Vec::new()));
    let all = Arc::clone(&told);
    let sink = Sink::last_only().telling(move |rendered| {
        all.lock().expect("no panic").push(rendered);
    });
    let request = change::Request {
        range: change::Range::Commit("HEAD".to_owned()),
        select: Selector::default(),
    };
    let answer = change::ask(&setting.workspace, request, &sink).await;
    assert_eq!(answer.expect("an answer").resources.len(), APPS);
    let told = told.lock().expect("no panic");
    assert!(
        told.iter()
            .any(|rendered| rendered.done == APPS && rendered.total == APPS),
        "{told:?}"
    );
    let next = Rendered {
        done: 12,
        total: 57,
    };
    assert_eq!(next.to_string(), "rendering 12 of 57");
}

/// The newest commits are told as git has them before anything is rendered, then all of them, then what they meant; each
/// answer names no commit that git does not, in git's order.
#[tokio::test(flavor = "multi_thread")]
async fn the_timeline_comes_in_pieces_that_are_each_right() {
    const COMMITS: usize = 150;
    let directory = tempfile::tempdir().expect("directory");
    let repo = TestRepo::init(&directory.path().join("repo"));
    for number in 0..COMMITS {
        repo.write(
            "shop/map.yaml",
            format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: map}}\ndata: {{key: '{number}'}}\n"
            ),
        );
        repo.commit(&format!("Set {number}"));
    }
    let log = repo.git(&["log", "--first-parent", "--format=%H %s"]);
    let log: Vec<&str> = log.lines().collect();
    let pieces = Arc::new(Mutex::new(Vec::new()));
    let all = Arc::clone(&pieces);
    let sink = Sink::new(Cancel::new(), move |answer: log::Answer| {
        all.lock().expect("no panic").push(answer);
    });
    let workspace = workspace::open(&repo, directory.path());
    let newest = log::newest_commits(&workspace, 40);
    assert_eq!(newest.entries.len(), 40);
    pieces.lock().expect("no panic").push(newest);
    let last = log::ask(&workspace, log::Request::default(), &sink).await;
    pieces
        .lock()
        .expect("no panic")
        .push(last.expect("an answer"));
    let pieces = pieces.lock().expect("no panic");
    for answer in pieces.iter() {
        let entries = answer.entries.iter();
        let lines: Vec<String> = entries
            .map(|entry| format!("{} {}", entry.line.commit, entry.line.subject))
            .collect();
        assert_eq!(lines, log[..lines.len()]);
    }
    let [first, .., last] = pieces.as_slice() else {
        panic!("in one piece")
    };
    assert!((1..COMMITS).contains(&first.entries.len()));
    assert!(first.entries.iter().all(|entry| !entry.analysed));
    assert_eq!(last.entries.len(), COMMITS);
    assert!(last.entries.iter().all(|entry| entry.analysed));
    // Somewhere in between all rows are there, and nobody knows yet what the oldest meant.
    assert!(pieces.iter().any(|answer| {
        let oldest = answer.entries.last();
        answer.entries.len() == COMMITS && oldest.is_some_and(|entry| !entry.analysed)
    }));
}

/// What changed the document of an object is told at once, and each commit again when it is known that it changed the object.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_begins_with_what_is_likely_to_be_in_it() {
    let directory = tempfile::tempdir().expect("directory");
    let repo = TestRepo::init(&directory.path().join("repo"));
    let subjects = ["Set 3", "Set 2", "Set 1"];
    for subject in subjects.iter().rev() {
        repo.write(
            "prod/shop/map.yaml",
            format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: map}}\ndata: {{key: '{subject}'}}\n"),
        );
        repo.commit(subject);
    }
    let workspace = workspace::open(&repo, directory.path());
    // The index is there.
    let timeline = log::ask(&workspace, log::Request::default(), &Sink::last_only()).await;
    timeline.expect("a timeline");
    let pieces = Arc::new(Mutex::new(Vec::new()));
    let all = Arc::clone(&pieces);
    let sink = Sink::new(Cancel::new(), move |answer: log::Answer| {
        let subjects = answer.entries.iter().map(|entry| &entry.line.subject);
        assert!(subjects.eq(["Set 3", "Set 2", "Set 1"]));
        let sure = answer.entries.iter().filter(|entry| entry.analysed);
        all.lock().expect("no panic").push(sure.count());
    });
    let request = log::Request {
        select: Selector {
            resource: Some("configmap/map".to_owned()),
            ..Selector::default()
        },
        ..log::Request::default()
    };
    let last = log::ask(&workspace, request, &sink).await;
    let last = last.expect("an answer");
    assert!(last.entries.iter().all(|entry| entry.analysed));
    assert_eq!(last.entries.len(), subjects.len());
    assert_eq!(*pieces.lock().expect("no panic"), [0, 1, 2, 3]);
}

/// An app whose past cannot be read was searched for without end.
#[tokio::test(flavor = "multi_thread")]
async fn since_when_is_not_looked_for_any_more_where_git_cannot_be_read() {
    let directory = tempfile::tempdir().expect("directory");
    let repo = TestRepo::init(&directory.path().join("repo"));
    for tag in ["1", "2", "3"] {
        repo.write(
            "prod/web/web.yaml",
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec:\n  containers:\n  - name: web\n    image: web:3\n    \
                 args: ['{tag}']\n"
            ),
        );
        repo.commit(&format!("Set {tag}"));
    }
    let lost = repo.git(&["rev-parse", "HEAD~2:prod/web/web.yaml"]);
    let (start, rest) = lost.trim().split_at(2);
    let object = repo.path.join(".git/objects").join(start).join(rest);
    std::fs::remove_file(object).expect("a loose object");
    let workspace = workspace::open(&repo, directory.path());
    let answer = deployed::ask(&workspace, deployed::Request::default(), &Sink::last_only()).await;
    let answer = answer.expect("an answer");
    let deployment = &answer.apps[0].deployments[0];
    assert_eq!(deployment.version.as_deref(), Some("3"));
    assert!(!deployment.searching && deployment.since.is_none());
}
