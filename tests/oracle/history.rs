//! The index against git, and the log of a resource against brute force.

mod blame;
mod brute;
mod hostile;
mod kustomized;
mod model;
mod origins;
mod patched;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use gitopsy::diff::ChangeKind;
use gitopsy::git::{BStr, ByteSlice, Oid, Reader, Repo, RepoPath};
use gitopsy::history::{
    Changes, End, History, Layouts, LogEntry, LogStep, ResourceKey, Rows, Scope, Sources, Tracks,
    changes_between, document_log, resource_log,
};
use gitopsy::manifest::{ListKeys, Masking, ObjectRef};
use gitopsy::render::Renderer;
use gitopsy::task::{Cancel, Waiting};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRng, TestRunner};
use tempfile::TempDir;

use crate::support::{Random, TestRepo};
use brute::{Resource, Transition, Values};

/// A repository, indexed, and all it takes to ask about it.
struct Bench {
    repo: Repo,
    reader: Reader,
    renderer: Renderer,
    layouts: Layouts,
    lists: ListKeys,
    waiting: Waiting,
    history: History,
}

impl Bench {
    fn open(path: &Path, state: &Path, tip: &str) -> Bench {
        let repo = Repo::open(path, state).expect("opens");
        let reader = repo.reader();
        let tip = reader.resolve(tip).expect("a tip");
        Bench {
            history: History::start(&repo, tip, None, &Cancel::new()),
            reader,
            renderer: Renderer::new(masking()),
            layouts: Layouts::default(),
            lists: ListKeys::builtin(),
            waiting: Waiting::default(),
            repo,
        }
    }

    fn sources(&self) -> Sources<'_> {
        Sources {
            reader: &self.reader,
            renderer: &self.renderer,
            layouts: &self.layouts,
            lists: &self.lists,
            waiting: &self.waiting,
        }
    }

    fn rows(&self) -> Rows {
        complete(&self.history)
    }

    fn log(&self, key: &ResourceKey) -> Vec<LogEntry> {
        let mut entries = Vec::new();
        let end = resource_log(
            &self.history,
            self.sources(),
            key,
            &Cancel::new(),
            &mut collect(&mut entries),
        );
        assert_eq!(end.expect("a log"), None);
        entries
    }

    /// The rows in the log of each, found out at once.
    fn logs(&self, resources: &[&Resource]) -> Vec<Vec<usize>> {
        let keys = resources.iter();
        let keys = keys.map(|(environment, object)| (environment.as_str(), object));
        let mut tracks = Tracks::new(keys);
        let mut logs = vec![Vec::new(); resources.len()];
        let rows = self.rows();
        for at in 0..rows.len() {
            let entries = tracks.step(self.sources(), &rows, at, &Cancel::new());
            for (places, entry) in entries.expect("entries") {
                places.iter().for_each(|place| logs[*place].push(entry.row));
            }
        }
        logs
    }

    fn changes(&self, before: Oid, after: Oid) -> Changes {
        let everything = Scope::default();
        changes_between(self.sources(), before, after, &everything, &Cancel::new())
            .expect("changes")
    }
}

fn masking() -> Masking {
    Masking::new([7; 32])
}

fn complete(history: &History) -> Rows {
    let mut rows = history.snapshot();
    while !rows.complete() {
        rows = history.wait_grown(rows.len(), &Cancel::new());
    }
    rows
}

fn collect(entries: &mut Vec<LogEntry>) -> impl FnMut(LogStep) -> ControlFlow<()> {
    |step| {
        if let LogStep::Entry(entry) = step {
            entries.push(*entry);
        }
        ControlFlow::Continue(())
    }
}

fn key((environment, object): &Resource) -> ResourceKey {
    ResourceKey {
        environment: environment.clone(),
        app: None,
        object: object.clone(),
    }
}

/// Every resource that ever was in `line`: its log must be what brute force says, and every change must be told by the
/// commit that made it.
fn agrees(bench: &Bench, line: &[Transition]) {
    let rows = bench.rows();
    assert_eq!(rows.len(), line.len());
    for (at, row) in rows.iter().enumerate() {
        let transition = &line[line.len() - 1 - at];
        let before = row
            .first_parent
            .map(|parent| bench.reader.tree_of(parent).expect("a tree"));
        let before = before.unwrap_or(bench.reader.empty_tree());
        let changes = bench.changes(before, row.tree);
        let changed = changed(&changes);
        assert_eq!(changed, transition.keys().cloned().collect(), "row {at}");
    }
    for resource in resources_of(line) {
        let log: Vec<usize> = bench
            .log(&key(resource))
            .iter()
            .map(|entry| line.len() - 1 - entry.row)
            .collect();
        assert_eq!(log, brute::expected(line, resource), "{resource:?}");
    }
    let resources: Vec<&Resource> = resources_of(line).into_iter().collect();
    for (resource, log) in resources.iter().zip(bench.logs(&resources)) {
        let log: Vec<usize> = log.iter().map(|row| line.len() - 1 - row).collect();
        assert_eq!(
            log,
            brute::expected(line, resource),
            "{resource:?}, at once"
        );
    }
}

/// Every resource that ever was.
fn resources_of(line: &[Transition]) -> BTreeSet<&Resource> {
    line.iter().flat_map(|step| step.keys()).collect()
}

/// The resources that `changes` speaks of as other than they were.
fn changed(changes: &Changes) -> BTreeSet<Resource> {
    let mut changed = BTreeSet::new();
    for change in &changes.resources {
        if change.kind != ChangeKind::Moved {
            let names = [change.object_before(), change.object_after()];
            changed.extend(
                names
                    .into_iter()
                    .flatten()
                    .map(|object| (change.environment.clone(), object.id.clone())),
            );
        }
    }
    for failed in &changes.not_rendered {
        let objects = failed.objects.iter().cloned();
        changed.extend(objects.map(|object| (failed.environment.clone(), object)));
    }
    changed
}

fn transitions(values: impl Iterator<Item = Values>) -> Vec<Transition> {
    let mut before = Values::new();
    values
        .map(|after| {
            let transition = brute::transition(&before, &after);
            before = after;
            transition
        })
        .collect()
}

fn check<S: Strategy>(cases: u32, strategy: S, test: impl Fn(S::Value)) {
    let default = Config::default();
    let more = std::env::var_os("PROPTEST_CASES").is_some();
    let config = Config {
        cases: if more { default.cases } else { cases },
        failure_persistence: None,
        max_shrink_iters: 200,
        ..default
    };
    // The same histories every time, and by hand others.
    let mut runner = match more {
        true => TestRunner::new(config),
        false => {
            let rng = TestRng::deterministic_rng(config.rng_algorithm);
            TestRunner::new_with_rng(config, rng)
        }
    };
    let result = runner.run(&strategy, |value| {
        test(value);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn logs_are_what_brute_force_says() {
    check(24, model::steps(true), |steps| {
        let dir = TempDir::new().expect("temporary directory");
        let repo = TestRepo::init(&dir.path().join("env"));
        let line = model::line(steps);
        let tip = model::write(&repo, &line);
        let bench = Bench::open(&repo.path, &dir.path().join("state"), &tip);
        let masking = masking();
        let values = line
            .iter()
            .map(|(files, _)| brute::of_files(files, &masking));
        agrees(&bench, &transitions(values));
    });
}

/// Where documents leave the namespace to their app, which one that is depends on what else is in the repository.
#[test]
fn logs_are_what_brute_force_says_where_namespaces_are_inherited() {
    check(24, model::steps(false), |steps| {
        let dir = TempDir::new().expect("temporary directory");
        let repo = TestRepo::init(&dir.path().join("env"));
        let line = model::line(steps);
        let tip = model::write(&repo, &line);
        let bench = Bench::open(&repo.path, &dir.path().join("state"), &tip);
        let rows = bench.rows();
        let renderer = Renderer::new(masking());
        let values = (0..rows.len()).rev().filter_map(|row| rows.get(row));
        let values = values.map(|row| brute::of_tree(&bench.reader, &renderer, row.tree));
        agrees(&bench, &transitions(values));
    });
}

/// Of documents as files have them, wherever they went.
#[test]
fn logs_of_documents_are_what_brute_force_says() {
    check(24, model::steps(true), |steps| {
        let dir = TempDir::new().expect("temporary directory");
        let repo = TestRepo::init(&dir.path().join("env"));
        let tip = model::write(&repo, &model::line(steps));
        let bench = Bench::open(&repo.path, &dir.path().join("state"), &tip);
        assert_eq!(wrong_documents(&bench, usize::MAX), 0);
    });
}

/// How many logs of `sample` documents are not what brute force says; they are printed.
fn wrong_documents(bench: &Bench, sample: usize) -> usize {
    let documents = brute::Documents::new(&bench.reader, bench.rows(), &masking());
    let mut all: Vec<(RepoPath, ObjectRef)> = documents.all().into_iter().collect();
    let count = all.len();
    let mut random = Random::new(1);
    while all.len() > sample {
        all.swap_remove(random.below(all.len()));
    }
    let (mut wrong, mut entries) = (0, 0);
    for (path, object) in &all {
        let mut log = Vec::new();
        let end = document_log(
            &bench.history,
            bench.sources(),
            path.as_bstr(),
            object,
            &Cancel::new(),
            &mut collect(&mut log),
        );
        assert_eq!(end.expect("a log"), None);
        let log: Vec<usize> = log.iter().map(|entry| entry.row).collect();
        let expected = documents.log(path, object);
        if log != expected {
            println!("{path} {object:?}\n  found {log:?}\n  expected {expected:?}");
            wrong += 1;
        }
        entries += log.len();
    }
    println!(
        "{} of {count} documents compared, {entries} entries",
        all.len()
    );
    wrong
}

/// The index against git's own log: commits, trees, parents, and every path's blobs on both sides.
#[test]
fn rows_are_what_git_says() {
    check(12, model::steps(true), |steps| {
        let dir = TempDir::new().expect("temporary directory");
        let repo = TestRepo::init(&dir.path().join("env"));
        let tip = model::write(&repo, &model::line(steps));
        let bench = Bench::open(&repo.path, &dir.path().join("state"), &tip);
        rows_agree_with_git(&bench.rows(), &repo, &tip);
    });
}

/// By hand, over repositories named in `GITOPSY_TEST_REPOS` (separated by colons): the index, and the logs of all their
/// resources, or of `GITOPSY_TEST_SAMPLE` of them; of their newest `GITOPSY_TEST_COMMITS` commits, where that is set. Tools
/// are those in `PATH`.
#[test]
fn real_repositories_agree_with_brute_force() {
    let Some(paths) = std::env::var_os("GITOPSY_TEST_REPOS") else {
        return;
    };
    let sample = std::env::var("GITOPSY_TEST_SAMPLE").ok();
    let sample: usize = sample.map_or(usize::MAX, |sample| sample.parse().expect("a number"));
    let newest = std::env::var("GITOPSY_TEST_COMMITS").ok();
    let mut wrong = 0;
    for path in std::env::split_paths(&paths) {
        let state = TempDir::new().expect("temporary directory");
        let path = match &newest {
            Some(count) => beginning_late(&path, count, &state.path().join("env")),
            None => path,
        };
        let started = Instant::now();
        let bench = Bench::open(&path, state.path(), "HEAD");
        let first = bench.history.wait_grown(99, &Cancel::new()).len();
        let first = (first, started.elapsed());
        let rows = bench.rows();
        println!(
            "{}: first {} rows in {:?}, all {} in {:?}",
            path.display(),
            first.0,
            first.1,
            rows.len(),
            started.elapsed()
        );
        let repo = TestRepo::at(&path);
        rows_agree_with_git(&rows, &repo, "HEAD");

        let started = Instant::now();
        let renderer = Renderer::new(masking());
        let trees = (0..rows.len()).rev().filter_map(|row| rows.get(row));
        let trees: Vec<Oid> = trees.map(|row| row.tree).collect();
        let line = brute::rendered(&bench.reader, &renderer, &trees);
        println!("brute force in {:?}", started.elapsed());
        let resources: BTreeSet<&Resource> = line.iter().flat_map(|step| step.keys()).collect();
        let step = (resources.len() / sample.max(1)).max(1);
        let mut times = Vec::new();
        let mut entries = 0;
        for resource in resources.iter().step_by(step) {
            let started = Instant::now();
            let log: Vec<usize> = bench
                .log(&key(resource))
                .iter()
                .map(|entry| line.len() - 1 - entry.row)
                .collect();
            times.push(started.elapsed());
            let expected = brute::expected(&line, resource);
            if log != expected {
                println!("{resource:?}\n  found {log:?}\n  expected {expected:?}");
                wrong += 1;
            }
            entries += log.len();
        }
        times.sort();
        println!(
            "{} of {} resources compared, {entries} entries; a log takes {:?} (median), {:?} (most)",
            times.len(),
            resources.len(),
            times[times.len() / 2],
            times[times.len() - 1]
        );
        let started = Instant::now();
        let all: Vec<&Resource> = resources.into_iter().collect();
        for (resource, log) in all.iter().zip(bench.logs(&all)) {
            let log: Vec<usize> = log.iter().map(|row| line.len() - 1 - row).collect();
            let expected = brute::expected(&line, resource);
            if log != expected {
                println!("{resource:?}, at once\n  found {log:?}\n  expected {expected:?}");
                wrong += 1;
            }
        }
        println!("all {} at once in {:?}", all.len(), started.elapsed());
    }
    assert_eq!(wrong, 0, "logs that are not what brute force says");
}

/// The same of documents as files have them, over their whole history.
#[test]
fn documents_of_real_repositories_agree_with_brute_force() {
    let Some(paths) = std::env::var_os("GITOPSY_TEST_REPOS") else {
        return;
    };
    let sample = std::env::var("GITOPSY_TEST_SAMPLE").ok();
    let sample: usize = sample.map_or(usize::MAX, |sample| sample.parse().expect("a number"));
    let mut wrong = 0;
    for path in std::env::split_paths(&paths) {
        println!("{}", path.display());
        let state = TempDir::new().expect("temporary directory");
        wrong += wrong_documents(&Bench::open(&path, state.path(), "HEAD"), sample);
    }
    assert_eq!(wrong, 0, "logs that are not what brute force says");
}

/// A repository of the trees of another's newest first-parent commits.
fn beginning_late(path: &Path, count: &str, to: &Path) -> PathBuf {
    let other = TestRepo::at(path);
    let count = format!("-n{count}");
    let trees = other.git(&["log", "--first-parent", "--reverse", &count, "--format=%T"]);
    let repo = TestRepo::init_bare(to);
    let objects = other.git(&[
        "rev-parse",
        "--path-format=absolute",
        "--git-path",
        "objects",
    ]);
    std::fs::write(to.join("objects/info/alternates"), objects).expect("alternates");
    let mut stream = String::new();
    for tree in trees.lines() {
        stream += &format!(
            "commit refs/heads/main\ncommitter A <a@example.com> 1704067200 +0000\ndata 0\nM 040000 {tree} \n"
        );
    }
    stream += "done\n";
    repo.git_with(&["fast-import", "--quiet", "--done"], stream.as_bytes());
    to.to_owned()
}

fn rows_agree_with_git(rows: &Rows, repo: &TestRepo, tip: &str) {
    let format = "--format=commit %H %T %P";
    let log = repo.git_with(
        &[
            "log",
            "--first-parent",
            "-m",
            "--root",
            "--raw",
            "--no-renames",
            "--no-abbrev",
            "-z",
            format,
            tip,
        ],
        b"",
    );
    let null = "0".repeat(40);
    // (id, tree, parents), and (path, blob before, blob after) for each change
    type Change = (RepoPath, String, String);
    let mut expected: Vec<(String, Vec<Change>)> = Vec::new();
    let mut parts = log.split(|byte| *byte == 0);
    while let Some(part) = parts.next() {
        let part = part.trim_ascii_start();
        if let Some(commit) = part.strip_prefix(b"commit ") {
            let commit = String::from_utf8_lossy(commit).trim().to_owned();
            expected.push((commit, Vec::new()));
        } else if let Some(raw) = part.strip_prefix(b":") {
            let raw = String::from_utf8_lossy(raw);
            let fields: Vec<&str> = raw.split(' ').collect();
            let path = RepoPath::from(parts.next().expect("a path"));
            let (_, changes) = expected.last_mut().expect("a commit");
            changes.push((path, fields[2].to_owned(), fields[3].to_owned()));
        }
    }
    assert_eq!(rows.len(), expected.len());
    assert_eq!(rows.end(), None);
    let mut touching: BTreeMap<RepoPath, Vec<usize>> = BTreeMap::new();
    for (at, (row, (commit, changes))) in rows.iter().zip(&expected).enumerate() {
        let parents: Vec<String> = row
            .first_parent
            .iter()
            .chain(&row.other_parents)
            .map(ToString::to_string)
            .collect();
        let own = format!("{} {} {}", row.id, row.tree, parents.join(" "));
        assert_eq!(own.trim(), commit);
        let side = |side: Option<(_, Oid)>| side.map_or(null.clone(), |(_, id)| id.to_string());
        let own: Vec<_> = row
            .changes
            .iter()
            .map(|change| {
                (
                    change.path.as_ref().clone(),
                    side(change.before),
                    side(change.after),
                )
            })
            .collect();
        assert_eq!(&own, changes, "{}", row.id);
        assert_eq!(rows.position(row.id), Some(at));
        for (path, ..) in changes {
            for end in path.find_iter("/").chain([path.len()]) {
                let path = RepoPath::from(&path[..end]);
                touching.entry(path).or_default().push(at);
            }
        }
    }
    for (path, mut own) in touching {
        own.dedup();
        assert_eq!(rows.touching(path.as_bstr()), own, "{path}");
    }
}

/// A repository made by hand, one commit per call.
struct Story {
    dir: TempDir,
    repo: TestRepo,
}

impl Story {
    fn new() -> Story {
        let dir = TempDir::new().expect("temporary directory");
        let repo = TestRepo::init(&dir.path().join("env"));
        Story { dir, repo }
    }

    fn open(&self) -> Bench {
        Bench::open(&self.repo.path, &self.dir.path().join("state"), "HEAD")
    }
}

fn deployment(name: &str, image: &str, replicas: u8) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n  namespace: shop\nspec:\n  replicas: {replicas}\n  template:\n    spec:\n      containers:\n      - name: main\n        image: {image}\n"
    )
}

fn object(kind: &str, group: &str, name: &str) -> ObjectRef {
    ObjectRef {
        group: group.to_owned(),
        kind: kind.to_owned(),
        namespace: Some("shop".to_owned()),
        name: name.to_owned(),
    }
}

#[test]
fn a_document_is_followed_through_renames_and_moves_in_its_files() {
    let story = Story::new();
    let repo = &story.repo;
    repo.write("prod/shop/web.yaml", deployment("web", "web:1", 1));
    let added = repo.commit("Add web");
    repo.rename("prod/shop/web.yaml", "prod/shop/frontend.yaml");
    repo.commit("Rename the file");
    repo.write("prod/shop/frontend.yaml", deployment("web", "web:2", 1));
    let changed = repo.commit("web 2");
    let api = deployment("api", "api:1", 1);
    repo.write("prod/shop/all.yaml", &api);
    repo.commit("Add api");
    let both = format!("{api}---\n{}", deployment("web", "web:2", 1));
    repo.remove("prod/shop/frontend.yaml")
        .write("prod/shop/all.yaml", &both);
    repo.commit("Move web to all.yaml");
    repo.write("prod/shop/all.yaml", format!("# all\n{both}"));
    repo.commit("Comment");
    repo.write("prod/shop/all.yaml", both.replace("api:1", "api:2"));
    repo.commit("api 2");
    let both = both.replace("web:2", "web:3");
    repo.write("prod/shop/all.yaml", &both);
    let last = repo.commit("web 3");

    let bench = story.open();
    let mut entries = Vec::new();
    let end = document_log(
        &bench.history,
        bench.sources(),
        BStr::new("prod/shop/all.yaml"),
        &object("Deployment", "apps", "web"),
        &Cancel::new(),
        &mut collect(&mut entries),
    );
    assert_eq!(end.expect("a log"), None);
    let commits: Vec<String> = entries
        .iter()
        .map(|entry| entry.commit.to_string())
        .collect();
    assert_eq!(commits, [last.clone(), changed.clone(), added.clone()]);
    let log = bench.log(&key(&(
        "prod".to_owned(),
        object("Deployment", "apps", "web"),
    )));
    let commits: Vec<String> = log.iter().map(|entry| entry.commit.to_string()).collect();
    assert_eq!(commits, [last, changed, added]);
}

/// What a commit left unreadable is said to be so, not to be gone.
#[test]
fn a_broken_file_is_no_deletion() {
    let story = Story::new();
    let repo = &story.repo;
    let (api, web) = (deployment("api", "api:1", 1), deployment("web", "web:1", 1));
    repo.write("prod/shop/all.yaml", format!("{api}---\n{web}"));
    repo.commit("Add");
    repo.write("prod/shop/all.yaml", format!("{api}---\n{web}  oops: [\n"));
    repo.commit("Break web");
    repo.write(
        "prod/shop/all.yaml",
        format!("{api}---\n{}", deployment("web", "web:2", 1)),
    );
    repo.commit("Mend it");

    let bench = story.open();
    let rows = bench.rows();
    let tree = |row: usize| rows.get(row).expect("a row").tree;
    for (before, after, broken_after) in [(2, 1, true), (1, 0, false)] {
        let changes = bench.changes(tree(before), tree(after));
        assert!(changes.resources.is_empty(), "{:?}", changes.resources);
        let [failed] = changes.not_rendered.as_slice() else {
            panic!("{:?}", changes.not_rendered);
        };
        assert_eq!(failed.after, broken_after);
        assert_eq!(failed.objects, [object("Deployment", "apps", "web")]);
        let path = failed.path.as_ref().map(ToString::to_string);
        assert_eq!(path.as_deref(), Some("prod/shop/all.yaml"));
    }
    let log = bench.log(&key(&(
        "prod".to_owned(),
        object("Deployment", "apps", "web"),
    )));
    let unreadable: Vec<bool> = log
        .iter()
        .map(|entry| !entry.unreadable.is_empty())
        .collect();
    assert_eq!(unreadable, [true, true, false]);
    let log = bench.log(&key(&(
        "prod".to_owned(),
        object("Deployment", "apps", "api"),
    )));
    assert_eq!(log.len(), 1);
}

#[test]
fn a_shallow_clone_says_where_it_ends() {
    let story = Story::new();
    for replicas in 1..6 {
        story
            .repo
            .write("prod/shop/web.yaml", deployment("web", "web:1", replicas));
        story.repo.commit("Scale");
    }
    let clone = story
        .repo
        .cloned(&story.dir.path().join("clone"), &["--depth=3"]);
    let bench = Bench::open(&clone.path, &story.dir.path().join("state"), "HEAD");
    let rows = bench.rows();
    assert_eq!((rows.len(), rows.end()), (3, Some(&End::Shallow)));
    let last = rows.get(2).expect("a row");
    assert!(last.changes.is_empty() && last.problem.is_some());
    let mut entries = Vec::new();
    let end = resource_log(
        &bench.history,
        bench.sources(),
        &key(&("prod".to_owned(), object("Deployment", "apps", "web"))),
        &Cancel::new(),
        &mut collect(&mut entries),
    );
    assert_eq!(end.expect("a log"), Some(End::Shallow));
    assert_eq!(entries.len(), 2, "the boundary added nothing");
}

#[test]
fn a_missing_object_ends_nothing_but_what_needs_it() {
    let story = Story::new();
    for replicas in 1..5 {
        story
            .repo
            .write("prod/shop/web.yaml", deployment("web", "web:1", replicas));
        story.repo.commit("Scale");
    }
    let remove = |revision: &str| {
        let id = story.repo.rev(revision);
        let object = Path::new(".git/objects").join(&id[..2]).join(&id[2..]);
        std::fs::remove_file(story.repo.path.join(object)).expect("a loose object");
    };
    remove("HEAD~1^{tree}");
    let rows = story.open().rows();
    let problems: Vec<bool> = rows.iter().map(|row| row.problem.is_some()).collect();
    assert_eq!(problems, [true, true, false, false]);
    assert_eq!(rows.end(), None);

    remove("HEAD~2");
    let rows = story.open().rows();
    assert!(
        matches!(rows.end(), Some(End::Broken(_))),
        "{:?}",
        rows.end()
    );
    assert_eq!(rows.len(), 2);
}

#[test]
fn cancelling_ends_the_index_and_the_log() {
    let story = Story::new();
    story
        .repo
        .write("prod/shop/web.yaml", deployment("web", "web:1", 1));
    story.repo.commit("Add");
    let bench = story.open();
    bench.rows();
    let cancelled = Cancel::new();
    cancelled.cancel();
    let history = History::start(&bench.repo, bench.history.tip(), None, &cancelled);
    assert_eq!(complete(&history).end(), Some(&End::Cancelled));
    let key = key(&("prod".to_owned(), object("Deployment", "apps", "web")));
    let mut entries = Vec::new();
    let log = resource_log(
        &bench.history,
        bench.sources(),
        &key,
        &cancelled,
        &mut collect(&mut entries),
    );
    assert!(matches!(log, Err(gitopsy::history::Error::Cancelled)));
}
