//! The cluster against `kubectl get`, as ratios in one run: 10,000 objects of git in 200 namespaces and what they own, listed,
//! compared, and said by the program itself. `cargo bench --bench cluster`.

#[path = "../measure/mod.rs"]
mod measure;
mod objects;
mod server;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use gitopsy::cluster::{Cluster, Kubeconfig, Wanted, install_crypto};
use gitopsy::live::{Ownership, SyncState, compare};
use gitopsy::manifest::{Masking, Object};
use gitopsy::task::{Cancel, Clock, Known};
use serde_json::json;
use support::{TestRepo, tools};

use measure::{measured, medians, most_memory};
use objects::{APPS, KINDS, NAMESPACES, declared, desired, namespace};
use server::Server;

const CONTEXT: &str = "bench";
const RUNS: usize = 7;

/// Runs a program: how long it took, and the most memory it had (MiB).
type Run<'a> = &'a dyn Fn() -> (Duration, u64);

fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench");
    if arguments.next().as_deref() == Some("compare") {
        return compare_alone();
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let home = directory.path();
    let server = server::start();
    let kubeconfig = home.join("kubeconfig");
    std::fs::write(&kubeconfig, config(&server.url)).expect("a file");

    let this = std::env::current_exe().expect("this program");
    let mut child = Command::new(this);
    child.arg("compare").env("KUBECONFIG", &kubeconfig);
    println!("{} objects in git, {NAMESPACES} namespaces", declared());
    let status = child.status().expect("it runs");
    assert!(status.success());
    asked("  asked the server", &server);

    let Some(kubectl) = tools::kubectl() else {
        return;
    };
    table(&server, home, &kubeconfig, kubectl);
}

/// Reads and compares, and nothing else.
fn compare_alone() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    install_crypto();
    let objects = in_git();
    let before = most_memory("self");
    let mut wanted = Wanted::default();
    for object in &objects {
        wanted.add(object, None);
    }
    let begin = Instant::now();
    let listing = runtime.block_on(async {
        let (kubeconfig, clock) = (Kubeconfig::of_user(), Clock::system());
        let cluster = Cluster::connect(&kubeconfig, CONTEXT, masking(), &clock)
            .await
            .expect("a cluster");
        cluster.list(&wanted, &Cancel::new()).await
    });
    let listed = begin.elapsed();
    let begin = Instant::now();
    let ownership = Ownership::new(listing.objects());
    let (mut drifted, mut healthy) = (0, 0);
    for object in &objects {
        let Known::Fresh(Some(live)) = listing.get(&object.id) else {
            panic!("{} is not there", object.id)
        };
        let comparison = compare(object, live, &listing.lists);
        drifted += usize::from(comparison.state() == SyncState::Drifted);
        healthy += usize::from(ownership.health(live).reason.is_empty());
    }
    let compared = begin.elapsed();
    assert_eq!(drifted, NAMESPACES / objects::SCALED);
    println!(
        "read                    {listed:>10.2?}  {} objects",
        listing.objects().count()
    );
    println!("compared after arrival  {compared:>10.2?}  {drifted} drifted, {healthy} well");
    println!(
        "most memory             {:>7} MiB  of which git's objects {before}",
        most_memory("self")
    );
}

fn masking() -> Masking {
    Masking::new([7; 32])
}

fn in_git() -> Vec<Object> {
    let mut objects = Vec::with_capacity(declared());
    for text in manifests().map(|(_, text)| text) {
        let manifest = gitopsy::manifest::parse(text.as_bytes(), &masking());
        objects.extend(manifest.documents.into_iter().map(|part| part.object));
    }
    assert_eq!(objects.len(), declared());
    objects
}

/// A file for each app.
fn manifests() -> impl Iterator<Item = (String, String)> {
    let all = (0..NAMESPACES).flat_map(|number| (0..APPS).map(move |app| (number, app)));
    all.map(|(number, app)| {
        let namespace = namespace(number);
        let kinds = KINDS.iter().filter(|kind| kind.in_git);
        // JSON is YAML.
        let parts: Vec<String> = kinds
            .map(|kind| format!("{:#}\n", desired(kind, &namespace, app)))
            .collect();
        (
            format!("production/{namespace}/app-{app}.yaml"),
            parts.join("---\n"),
        )
    })
}

fn config(server: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": CONTEXT,
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": "c", "user": "u"}}],
    })
    .to_string()
}

/// From the start of the process to its end, with a whole answer that has the live state in it.
fn table(server: &Server, home: &Path, kubeconfig: &Path, kubectl: PathBuf) {
    let repo = TestRepo::init(&home.join("repo"));
    for (path, text) in manifests() {
        repo.write(path, text);
    }
    repo.commit("Begin");
    repo.git(&["repack", "-adq"]);
    let kinds: Vec<&str> = KINDS.iter().map(|kind| kind.plural).collect();
    let kinds = kinds.join(",");
    let by_kubectl = ["get", &kinds, "--all-namespaces"];
    let run = |program: &Path, arguments: &[&str]| {
        let state = tempfile::tempdir_in(home).expect("a temporary directory");
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&repo.path)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", state.path())
            .env("KUBECONFIG", kubeconfig);
        measured(&mut command)
    };
    let gitopsy = Path::new(env!("CARGO_BIN_EXE_gitopsy"));
    let by_kubectl = || run(&kubectl, &by_kubectl);
    let of_where = || run(gitopsy, &["where", "--context", CONTEXT]);
    let of_drift = || run(gitopsy, &["drift", "--context", CONTEXT]);
    let unread = || run(gitopsy, &["where", "--no-cluster"]);
    let rows: [(&str, Run<'_>); 4] = [
        ("kubectl get", &by_kubectl),
        ("where", &of_where),
        ("drift", &of_drift),
        ("where, no cluster", &unread),
    ];
    server.asked();
    for (what, run) in &rows {
        run();
        asked(&format!("  {what} asked"), server);
    }
    let medians = medians(RUNS, rows.map(|(_, run)| run));
    let (first, _) = medians[0];
    for ((what, _), (took, most)) in rows.iter().zip(medians) {
        let ratio = took.as_secs_f64() / first.as_secs_f64();
        println!("{what:<24}{took:>10.2?}  {ratio:.2}×  {most} MiB");
    }
}

fn asked(what: &str, server: &Server) {
    let (requests, bytes) = server.asked();
    println!(
        "{what:<24}{requests:>6} requests, {} MiB",
        bytes / (1 << 20)
    );
}
