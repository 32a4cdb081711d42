//! History against git, as ratios in one run: the timeline's first rows, the whole index, memory, and the log of a resource.
//!
//! `cargo bench --bench history` makes a repository of 100,000 commits and 20,000 files; `… -- DIRECTORY` takes one that is
//! there (which is only read; where a commit-graph is wanted, a clone that borrows its objects gets it). The program whose first
//! rows are timed is the one that was built with the bench, or the one that `GITOPSY` names: what tests depend on switches on
//! features (HTTP/2, a server), which make the former larger than `cargo build --release` does.

mod measure;

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use gitopsy::cache::Cache;
use gitopsy::git::{ByteSlice, Oid, Repo, RepoPath};
use gitopsy::history::{History, Store};
use gitopsy::layout::{self, Overrides};
use gitopsy::manifest::Masking;
use gitopsy::render::Renderer;
use gitopsy::review::common::ResourceId;
use gitopsy::review::{Clock, ClusterChoice, Kubeconfig, Options, Sink, Workspace, log};
use gitopsy::task::Cancel;
use measure::{measured, medians};
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};
use support::{Random, TestRepo};

const COMMITS: usize = 100_000;
/// Two environments of as many apps in so many namespaces, four files each: 20,000 files.
const NAMESPACES: usize = 50;
const APPS: usize = 50;
/// Commits inside a merge: every so many commits of the line.
const MERGE_EVERY: usize = 10;
/// Resources whose logs are compared, before all were found out, and after.
const RESOURCES: usize = 20;
const RUNS: usize = 41;

fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench");
    let first = arguments.next();
    if first.as_deref() == Some("index") {
        let repo = PathBuf::from(arguments.next().expect("a repository"));
        return index_alone(&repo, arguments.next().map(PathBuf::from).as_deref());
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = match first {
        Some(path) => PathBuf::from(path).canonicalize().expect("a repository"),
        None => generated(&directory.path().join("generated")),
    };
    // A clone of our own, for what is written beside the objects.
    let clone = TestRepo::at(&directory.path().join("clone"));
    let from = path.to_string_lossy().into_owned();
    let to = clone.path.to_string_lossy().into_owned();
    TestRepo::at(directory.path()).git(&["clone", "-q", "--shared", "--bare", &from, &to]);

    settle();
    rows(&clone, directory.path());
    index(&clone.path);
    logs(&clone, directory.path());
}

/// From the start of the process until rows of the timeline are on a terminal; and the same for git's (without its pager), with
/// its own columns and with ours.
fn rows(repo: &TestRepo, home: &Path) {
    let hash = |skip: &str| {
        let hash = repo.git(&["log", "--first-parent", "-1", skip, "--format=%h"]);
        hash.get(..7).expect("a hash").to_owned()
    };
    // The last one that git prints; one that is in the middle of the screen.
    let (last, shown) = (hash("--skip=99"), hash("--skip=15"));
    let git = |columns: &[&str]| {
        let mut command = CommandBuilder::new("git");
        command.args(["--no-pager", "log", "--first-parent", "-n", "100"]);
        command.args(columns);
        command
    };
    let program = std::env::var_os("GITOPSY");
    let program = program.unwrap_or_else(|| env!("CARGO_BIN_EXE_gitopsy").into());
    let gitopsy = || {
        let mut command = CommandBuilder::new(&program);
        command.args(["--no-cluster", "--offline"]);
        command
    };
    let timeline = || on_terminal(gitopsy(), "2", &repo.path, home, &shown);
    let anew = || {
        let home = tempfile::tempdir_in(home).expect("a temporary directory");
        on_terminal(gitopsy(), "2", &repo.path, home.path(), &shown)
    };
    let by_git = || on_terminal(git(&[]), "", &repo.path, home, &last);
    let columns = ["--format=%h %an %ar %s"];
    let terse = || on_terminal(git(&columns), "", &repo.path, home, &last);
    // By another process: the memory that this one has is copied for each that it starts.
    let stored = index_process(&repo.path).arg(home).status();
    assert!(stored.expect("this program").success());
    settle();
    // In turns of two: what a program leaves behind (warm processors, pages to be written) is what the next one finds.
    for (what, ours) in [
        ("nothing cached", &anew as &dyn Fn() -> Duration),
        ("warm", &timeline),
    ] {
        let [git, took] = medians(RUNS, [&by_git, ours]);
        let [git_terse, beside_terse] = medians(RUNS, [&terse, ours]);
        println!("git log -n 100                {git:>10.2?}, our columns {git_terse:.2?}");
        println!(
            "first rows, {what:<18}{took:>10.2?}  {:.2}×, {:.2}×",
            ratio(took, git),
            ratio(beside_terse, git_terse)
        );
    }
}

/// Waits until what was written is on disk: the machine is busy with that for a while, beside whatever is measured.
fn settle() {
    let status = Command::new("sync").status().expect("sync");
    assert!(status.success());
}

/// Runs a program in a terminal of its own, where somebody has typed `keys` already, until `text` is on it.
fn on_terminal(
    mut command: CommandBuilder,
    keys: &str,
    repo: &Path,
    home: &Path,
    text: &str,
) -> Duration {
    let size = PtySize {
        rows: 50,
        cols: 200,
        ..PtySize::default()
    };
    let pair = native_pty_system().openpty(size).expect("a terminal");
    command.cwd(repo);
    command.env("TERM", "xterm-256color");
    command.env("HOME", home);
    for name in ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"] {
        command.env(name, home.join(name));
    }
    let mut screen = pair.master.try_clone_reader().expect("a reader");
    let mut keyboard = pair.master.take_writer().expect("a writer");
    keyboard.write_all(keys.as_bytes()).expect("typed");
    let begin = Instant::now();
    let mut child = pair.slave.spawn_command(command).expect("it starts");
    // A terminal would take its time to understand what it gets; the text itself is in it as it is.
    let (mut seen, mut bytes) = (Vec::new(), [0; 1 << 16]);
    let mut is_seen = false;
    while !is_seen && let Ok(length @ 1..) = screen.read(&mut bytes) {
        seen.extend_from_slice(&bytes[..length]);
        is_seen = seen.contains_str(text);
    }
    let took = begin.elapsed();
    assert!(is_seen, "{text} never came");
    // At once: asked to end by its terminal, a program would be waited for, which lets the processors fall asleep.
    let process = child
        .process_id()
        .and_then(|id| Pid::from_raw(id.cast_signed()));
    kill_process(process.expect("it runs"), Signal::KILL).expect("killed");
    child.wait().expect("ended");
    took
}

/// All of the first-parent line, by a process each: time and the most memory.
fn index(repo: &Path) {
    let git = ["log", "--first-parent", "-m", "--raw", "--no-abbrev", "-z"];
    let (by_git, git_memory) = measured(Command::new("git").args(git).current_dir(repo));
    let (ours, memory) = measured(&mut index_process(repo));
    println!("git log -m --raw              {by_git:>10.2?}             {git_memory} MiB");
    println!(
        "index, nothing cached         {ours:>10.2?}  {:.2}×      {memory} MiB",
        ratio(ours, by_git)
    );
}

/// This program, reading an index and nothing else; with a home as another argument it is kept there.
fn index_process(repo: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.arg("index").arg(repo);
    command
}

/// `home`: where the program that [`on_terminal`] runs looks for the index.
fn index_alone(repo: &Path, home: Option<&Path>) {
    let state = tempfile::tempdir().expect("a temporary directory");
    let repo = Repo::open(repo, state.path()).expect("a repository");
    let tip = repo.reader().resolve("HEAD").expect("HEAD");
    let store = home.map(|home| {
        let directory = home.join("XDG_CACHE_HOME").join("gitopsy");
        Store::new(
            Arc::new(Cache::in_directory(&directory)),
            repo.fingerprint(),
        )
    });
    let history = History::start(&repo, tip, store, &Cancel::new());
    let rows = whole(&history);
    assert!(rows > 0);
}

fn whole(history: &History) -> usize {
    let mut seen = 0;
    loop {
        let rows = history.wait_grown(seen, &Cancel::new());
        seen = rows.len();
        if rows.complete() {
            return seen;
        }
    }
}

/// Logs of resources by an index that is there, against git on the file that declares each: until the commits that are likely
/// to be in one are told, until it is whole, when it is asked for again, and of others once all logs were found out.
fn logs(repo: &TestRepo, home: &Path) {
    let state = home.join("state");
    let opened = Repo::open(&repo.path, &state).expect("a repository");
    let reader = opened.reader();
    let tip = reader.resolve("HEAD").expect("HEAD");
    let tree = reader.tree_of(tip).expect("a tree");
    let wanted = resources(&reader, &Renderer::new(Masking::new([7; 32])), tree);
    let workspace = Workspace::open(Options {
        repo: Some(repo.path.clone()),
        branch: None,
        cluster: ClusterChoice::None,
        overrides: Overrides::default(),
        offline: true,
        allow_network: false,
        read_only: true,
        state,
        cache: Some(home.join("XDG_CACHE_HOME").join("gitopsy")),
        kubeconfig: Kubeconfig::named(Vec::new()),
        clock: Clock::system(),
    })
    .expect("a workspace");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let log = |id: &ResourceId| {
        let begin = Instant::now();
        let first = Arc::new(OnceLock::new());
        let told = Arc::clone(&first);
        let sink = Sink::new(Cancel::new(), move |_: log::Answer| {
            told.get_or_init(|| begin.elapsed());
        });
        let request = log::Request {
            select: id.selector(),
            ..log::Request::default()
        };
        let answer = runtime.block_on(log::ask(&workspace, request, &sink));
        let answer = answer.expect("a log");
        let whole = begin.elapsed();
        let first = first.get().copied().unwrap_or(whole);
        (first, whole, answer.entries.len())
    };
    let (opening, others) = wanted.split_first().expect("resources");
    let (others, more) = others.split_at(RESOURCES);
    let (first, whole, _) = log(&opening.0);
    println!("the first log of a resource   {first:>10.2?}, whole {whole:.2?}");
    let (mut first, mut whole, mut again) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let mut entries = 0;
    for (id, _) in others {
        let (likely, all, found) = log(id);
        first += likely;
        whole += all;
        entries += found;
    }
    // What is kept is written meanwhile.
    for (id, _) in others {
        again += log(id).1;
    }
    let begin = Instant::now();
    log::find_out(&workspace, &Cancel::new()).expect("all logs");
    println!("all logs, found out at once   {:>10.2?}", begin.elapsed());
    let ahead: Duration = more.iter().map(|(id, _)| log(id).1).sum();
    let each = |total: Duration| total / RESOURCES as u32;
    println!(
        "of {RESOURCES} others, {entries} entries    {:>10.2?}, whole {:.2?}, again {:.2?}; of {RESOURCES} more then {:.2?}",
        each(first),
        each(whole),
        each(again),
        each(ahead)
    );
    let files = |name: &str| {
        let of = |wanted: &[(ResourceId, RepoPath)]| -> Duration {
            let each = wanted.iter().map(|(_, path)| {
                let path = path.to_str_lossy();
                let log = ["log", "--first-parent", "-m", "--format=%H", "--"];
                by_git(repo, &[log.as_slice(), &[&path]].concat())
            });
            each.sum()
        };
        let (total, more) = (of(others), of(more));
        println!(
            "{name:<28}  {:>10.2?}  {:.1}×, {:.1}×, {:.1}×; {:.1}× ours",
            each(total),
            ratio(total, first),
            ratio(total, whole),
            ratio(total, again),
            ratio(more, ahead)
        );
    };
    files("git log -- FILE");
    repo.git(&["commit-graph", "write", "--reachable", "--changed-paths"]);
    files("the same with Bloom filters");
}

/// Resources of all apps, taken here and there, with the file that declares each.
fn resources(
    reader: &gitopsy::git::Reader,
    renderer: &Renderer,
    tree: Oid,
) -> Vec<(ResourceId, RepoPath)> {
    let found = layout::detect(reader, tree, renderer, &Overrides::default()).expect("a layout");
    let mut random = Random::new(1);
    let mut wanted: Vec<(ResourceId, RepoPath)> = Vec::new();
    while wanted.len() <= 2 * RESOURCES {
        let app = &found.apps[random.below(found.apps.len())];
        let rendering = renderer
            .render(reader, tree, &app.recipe)
            .expect("rendered");
        let Some(object) = rendering
            .objects
            .get(random.below(rendering.objects.len().max(1)))
        else {
            continue;
        };
        let Some(source) = &object.source else {
            continue;
        };
        let id = ResourceId {
            environment: app.environment.clone(),
            app: app.name.clone(),
            object: object.object.id.clone(),
        };
        wanted.push((id, source.path.clone()));
    }
    wanted
}

fn ratio(part: Duration, of: Duration) -> f64 {
    part.as_secs_f64() / of.as_secs_f64()
}

fn by_git(repo: &TestRepo, arguments: &[&str]) -> Duration {
    let begin = Instant::now();
    let status = repo
        .command(arguments)
        .stdout(Stdio::null())
        .status()
        .expect("git");
    assert!(status.success());
    begin.elapsed()
}

/// 100,000 commits on 20,000 files, written by `git fast-import`: releases of one app, some of several.
fn generated(path: &Path) -> PathBuf {
    let repo = TestRepo::init_bare(path);
    let stream = path.join("stream");
    write_stream(&mut BufWriter::new(File::create(&stream).expect("a file"))).expect("written");
    let status = repo
        .command(&["fast-import", "--quiet"])
        .stdin(File::open(&stream).expect("a file"))
        .status()
        .expect("git");
    assert!(status.success());
    std::fs::remove_file(stream).expect("removed");
    path.to_owned()
}

fn write_stream(out: &mut impl Write) -> std::io::Result<()> {
    let mut random = Random::new(42);
    let mut time = 1_500_000_000;
    commit(out, "refs/heads/main", 1, time, "Begin", None)?;
    for app in 0..2 * NAMESPACES * APPS {
        for kind in [
            "Deployment",
            "Service",
            "ConfigMap",
            "HorizontalPodAutoscaler",
        ] {
            file(out, app, kind, 0)?;
        }
    }
    for number in 2..=COMMITS {
        time += 600;
        let app = random.below(2 * NAMESPACES * APPS);
        let merged = number.is_multiple_of(MERGE_EVERY);
        if merged {
            let mark = COMMITS + number;
            let message = format!("Release app-{app} {number}");
            commit(
                out,
                "refs/heads/side",
                mark,
                time,
                &message,
                Some((number - 1, None)),
            )?;
            file(out, app, "Deployment", number)?;
            time += 600;
            let message = format!("Merge pull request #{number} from example/app-{app}");
            let parents = (number - 1, Some(mark));
            commit(
                out,
                "refs/heads/main",
                number,
                time,
                &message,
                Some(parents),
            )?;
            file(out, app, "Deployment", number)?;
            continue;
        }
        let message = format!("Release app-{app} {number}");
        commit(
            out,
            "refs/heads/main",
            number,
            time,
            &message,
            Some((number - 1, None)),
        )?;
        file(out, app, "Deployment", number)?;
        for _ in 0..random.below(4) / 2 {
            let other = random.below(2 * NAMESPACES * APPS);
            file(out, other, "ConfigMap", number)?;
        }
    }
    Ok(())
}

fn commit(
    out: &mut impl Write,
    branch: &str,
    mark: usize,
    time: u64,
    message: &str,
    parents: Option<(usize, Option<usize>)>,
) -> std::io::Result<()> {
    writeln!(out, "commit {branch}\nmark :{mark}")?;
    writeln!(
        out,
        "committer Alice Example <alice@example.com> {time} +0000"
    )?;
    writeln!(out, "data {}\n{message}", message.len())?;
    if let Some((first, second)) = parents {
        writeln!(out, "from :{first}")?;
        if let Some(second) = second {
            writeln!(out, "merge :{second}")?;
        }
    }
    Ok(())
}

fn file(out: &mut impl Write, app: usize, kind: &str, version: usize) -> std::io::Result<()> {
    let environment = ["production", "staging"][app % 2];
    let namespace = app / 2 / APPS;
    let name = format!("app-{}", app / 2);
    let (api, rest) = match kind {
        "Deployment" => (
            "apps/v1",
            format!(
                "spec:\n  replicas: 2\n  selector:\n    matchLabels: {{app: {name}}}\n  template:\n    metadata:\n      labels: {{app: \
                 {name}}}\n    spec:\n      containers:\n      - name: app\n        image: registry.example.com/{name}:1.{version}\n"
            ),
        ),
        "Service" => (
            "v1",
            format!("spec:\n  selector: {{app: {name}}}\n  ports: [{{port: 80}}]\n"),
        ),
        "ConfigMap" => ("v1", format!("data:\n  version: 'v{version}'\n")),
        _ => (
            "autoscaling/v2",
            format!(
                "spec:\n  maxReplicas: 5\n  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: {name}}}\n"
            ),
        ),
    };
    let text = format!(
        "apiVersion: {api}\nkind: {kind}\nmetadata:\n  name: {name}\n  namespace: shop-{namespace}\n{rest}"
    );
    let file = kind.to_lowercase();
    writeln!(
        out,
        "M 100644 inline {environment}/shop-{namespace}/{name}/{file}.yaml"
    )?;
    writeln!(out, "data {}\n{text}", text.len())
}
