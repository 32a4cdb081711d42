//! Snapshots: what was saved of a cluster answers as the cluster did. A snapshot is a cluster too, so that one is taken of
//! another here; `tests/stack` takes one of a real API server.

use std::fs;
use std::path::{Path, PathBuf};

use gitopsy::demo;
use serde_json::Value;

use crate::run::{Ended, Home};
use crate::support::TestRepo;

/// A secret value of git and of the cluster, each of its own and one of both; in base64, too.
const SECRETS: [[&str; 2]; 3] = [
    ["canary-in-git-Xk3w9", "Y2FuYXJ5LWluLWdpdC1YazN3OQ=="],
    ["canary-in-cluster-Qz7f", "Y2FuYXJ5LWluLWNsdXN0ZXItUXo3Zg=="],
    ["canary-in-both-Lm2p8v", "Y2FuYXJ5LWluLWJvdGgtTG0ycDh2"],
];
const PIECE: usize = 8;

/// A repository whose Secret, ConfigMap and custom resource are not what is live, and what is.
struct World {
    home: Home,
    repo: TestRepo,
}

impl World {
    fn new() -> World {
        let home = Home::new();
        let repo = TestRepo::init(&home.directory.path().join("repo"));
        let [[in_git, _], _, [in_both, _]] = SECRETS;
        repo.write(
            "production/web/all.yaml",
            format!(
                "apiVersion: v1
kind: Secret
metadata: {{name: db, namespace: shop}}
stringData: {{changed: {in_git}, same: {in_both}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: web, namespace: shop}}
data: {{color: blue, mark: '(masked #1)'}}
---
apiVersion: example.com/v1
kind: Widget
metadata: {{name: web, namespace: shop}}
spec: {{steps: [{{name: a}}, {{name: b}}], owners: [alice, bob]}}
---
apiVersion: v1
kind: Service
metadata: {{name: gone, namespace: shop}}
"
            ),
        );
        repo.write(
            "staging/web/all.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web, namespace: shop}\ndata: {color: blue}\n",
        );
        repo.commit("Start");
        let [_, [_, in_cluster], [_, in_both]] = SECRETS;
        let live = format!(
            "apiVersion: v1
kind: Secret
metadata:
  name: db
  namespace: shop
  annotations: {{kubectl.kubernetes.io/last-applied-configuration: '{{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{{\"name\":\"db\"}},\"stringData\":{{\"changed\":\"{in_git}\",\"same\":\"{}\"}}}}'}}
  managedFields: [{{manager: kubectl-edit, operation: Update, time: '2026-03-01T10:00:00Z', fieldsV1: {{'f:data': {{'f:changed': {{}}}}}}}}]
data: {{changed: {in_cluster}, same: {in_both}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: web, namespace: shop}}
data: {{color: green, mark: '(masked #2)'}}
---
apiVersion: example.com/v1
kind: Widget
metadata: {{name: web, namespace: shop}}
spec: {{steps: [{{name: b}}, {{name: a}}], owners: [bob, alice]}}
",
            SECRETS[2][0]
        );
        let world = World { home, repo };
        fs::create_dir(world.path("live")).expect("created");
        fs::write(world.path("live/all.yaml"), live).expect("written");
        // As `gitopsy snapshot` notes what could not be read, and what the server's schemas say.
        world.info(
            "read: [{kind: ConfigMap, namespace: shop}, {kind: Secret, namespace: shop}, {kind: Widget, group: example.com, namespace: shop}, {kind: Service, namespace: shop, unavailable: 'forbidden: list services in shop'}]
lists: [{group: example.com, kind: Widget, lists: [{path: [spec, steps]}, {path: [spec, owners], set: true}]}]
",
        );
        world
    }

    fn info(&self, text: &str) {
        fs::write(self.path("live/snapshot.yaml"), text).expect("written");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.directory.path().join(name)
    }

    fn run(&self, cluster: &str, args: &[&str]) -> Ended {
        let cluster = self.path(cluster);
        let cluster = ["--snapshot", cluster.to_str().expect("text")];
        self.home.run(&self.repo.path, &[args, &cluster].concat())
    }

    fn json(&self, cluster: &str, args: &[&str], code: i32) -> Value {
        answer(&self.run(cluster, &[args, &["-o", "json"]].concat()), code)
    }

    fn take(&self, cluster: &str, to: &str, args: &[&str]) -> Value {
        let to = self.path(to);
        let take = ["snapshot", to.to_str().expect("text")];
        self.json(cluster, &[&take, args].concat(), 0)
    }
}

fn answer(ended: &Ended, code: i32) -> Value {
    assert_eq!(ended.code, code, "{}", ended.err);
    serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

/// An answer without what is not the same of a snapshot: which cluster it is of, how old it is, and that it was then. Masks have
/// other numbers in every run, and are numbered here by their first appearance.
pub fn timeless(mut answer: Value) -> Value {
    fn walk(value: &mut Value, masks: &mut Vec<Value>) {
        match value {
            Value::Object(map) => {
                map.remove("cluster");
                map.remove("stale");
                if map.get("state").and_then(Value::as_str) == Some("stale") {
                    map.remove("at");
                    map.insert("state".to_owned(), "fresh".into());
                }
                if let Some(mask) = map.get_mut("masked") {
                    let place = masks.iter().position(|known| known == mask);
                    let place = place.unwrap_or_else(|| {
                        masks.push(mask.clone());
                        masks.len() - 1
                    });
                    *mask = place.into();
                }
                map.values_mut().for_each(|value| walk(value, masks));
            }
            Value::Array(items) => items.iter_mut().for_each(|value| walk(value, masks)),
            Value::String(text) => *text = text.replace(" (when the snapshot was taken)", ""),
            _ => {}
        }
    }
    if let Some(map) = answer.as_object_mut() {
        map.remove("time");
    }
    walk(&mut answer, &mut Vec::new());
    answer
}

/// Every file below a directory, its name and what is in it.
pub fn everything(dir: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    let mut pending = vec![dir.to_owned()];
    while let Some(path) = pending.pop() {
        all.extend(path.to_string_lossy().as_bytes());
        if path.is_dir() {
            let entries = fs::read_dir(path).expect("a directory");
            pending.extend(entries.map(|entry| entry.expect("an entry").path()));
        } else {
            all.extend(fs::read(path).expect("a file"));
        }
    }
    all
}

#[test]
fn the_demo_answers_as_its_cluster_does() {
    let home = Home::new();
    let now = "2026-03-01T12:00:00Z".parse().expect("a time");
    let demo = demo::build(&home.directory.path().join("demo"), now).expect("the demo is built");
    let ask = |cluster: &Path, args: &[&str]| {
        let cluster = ["--snapshot", cluster.to_str().expect("text"), "-o", "json"];
        home.run(&demo.clone, &[args, &cluster].concat())
    };
    let copy = home.directory.path().join("copy");
    let taken = ask(&demo.snapshot, &["snapshot", copy.to_str().expect("text")]);
    let taken = answer(&taken, 0);
    assert_eq!(taken["unknown"], serde_json::json!([]), "{taken}");
    assert!(taken["events"].as_u64() > Some(3), "{taken}");
    let kinds = taken["kinds"].as_array().expect("a list");
    assert!(
        kinds
            .iter()
            .any(|kind| kind["kind"] == "Pod" && kind["objects"].as_u64() > Some(1))
    );
    for args in [
        &["drift"][..],
        &["where"],
        &["resource", "deploy/api", "-e", "production"],
        &["resource", "deploy/search", "-e", "production"],
        &["resource", "hpa/web", "-e", "production"],
        &["blame", "deploy/api", "-e", "production"],
        &["revert", "HEAD"],
    ] {
        let (before, after) = (ask(&demo.snapshot, args), ask(&copy, args));
        let (before, after) = (answer(&before, before.code), answer(&after, before.code));
        assert_eq!(timeless(before), timeless(after), "{args:?}");
    }
    // Who looks at it sees how old it is.
    let live = answer(
        &ask(&copy, &["resource", "deploy/api", "-e", "production"]),
        0,
    );
    let (live, events) = (&live["live"], &live["live"]["value"]["events"]);
    for known in [live, events] {
        assert_eq!(
            (&known["state"], &known["at"]),
            (&"stale".into(), &taken["taken"])
        );
    }
    let drift = ask(&copy, &["drift"]);
    assert_eq!(answer(&drift, drift.code)["stale"], taken["taken"]);
    assert!(
        events["value"].as_array().map(Vec::len) > Some(0),
        "{events}"
    );
    let written = everything(&copy);
    let pieces = demo::CANARIES
        .iter()
        .flat_map(|text| text.as_bytes().windows(PIECE));
    for piece in pieces.filter(|piece| {
        !b"canary-gateway-canary-postgres-"
            .windows(PIECE)
            .any(|known| known == *piece)
    }) {
        assert!(!written.windows(PIECE).any(|window| window == piece));
    }
}

#[test]
fn what_is_masked_is_compared_by_who_took_it_and_by_nobody_else() {
    let world = World::new();
    let before = world.json("live", &["drift", "-e", "production"], 2);
    let paths = |answer: &Value| -> Vec<String> {
        let resources = answer["resources"].as_array().expect("a list").iter();
        let fields = resources.flat_map(|found| found["fields"].as_array().expect("a list"));
        let text = |field: &Value| {
            let (path, cause) = (&field["path"], &field["cause"]["kind"]);
            format!(
                "{} {}",
                path.as_str().expect("a path"),
                cause.as_str().expect("a cause")
            )
        };
        fields.map(text).collect()
    };
    let expected = [
        "data.changed manual-edit",
        "data.color unknown",
        "data.mark unknown",
        "spec.steps[0].name unknown",
        "spec.steps[1].name unknown",
    ];
    let mut found = paths(&before);
    found.sort();
    assert_eq!(found, expected, "{before}");

    let taken = world.take("live", "first", &["-e", "production"]);
    assert_eq!(taken["environments"], serde_json::json!(["production"]));
    assert_eq!(taken["unknown"][0]["what"], "Service in shop", "{taken}");
    world.take("first", "second", &["-e", "production"]);
    for cluster in ["first", "second"] {
        for (args, code) in [
            (&["drift", "-e", "production"][..], 2),
            (&["where", "-e", "production"], 0),
            (&["resource", "secret/db", "-e", "production"], 0),
            (&["resource", "cm/web", "-e", "production"], 0),
            (
                &["resource", "widget.example.com/web", "-e", "production"],
                0,
            ),
            (&["resource", "svc/gone", "-e", "production"], 0),
        ] {
            let (before, after) = (
                world.json("live", args, code),
                world.json(cluster, args, code),
            );
            assert_eq!(timeless(before), timeless(after), "{cluster} {args:?}");
        }
        let written = everything(&world.path(cluster));
        let encoded = SECRETS.map(|[_, encoded]| encoded.trim_end_matches('='));
        let secrets = SECRETS.iter().map(|[plain, _]| *plain).chain(encoded);
        for piece in secrets.flat_map(|text| text.as_bytes().windows(PIECE)) {
            let piece = String::from_utf8_lossy(piece);
            assert!(
                !String::from_utf8_lossy(&written).contains(&*piece),
                "{piece}"
            );
        }
        let key = fs::read(world.path(".local/state/gitopsy/masking.key")).expect("the key");
        assert!(
            !written
                .windows(PIECE)
                .any(|window| key.windows(PIECE).any(|piece| piece == window))
        );
    }

    // Somebody else, and somebody else's snapshot of it: neither equal nor different, but not known.
    fs::remove_file(world.path(".local/state/gitopsy/masking.key")).expect("removed");
    world.take("first", "third", &["-e", "production"]);
    for cluster in ["first", "third"] {
        let drift = world.json(cluster, &["drift", "-e", "production"], 2);
        let mut found = paths(&drift);
        found.sort();
        assert_eq!(found, expected[1..], "{drift}");
        let unknown = drift["unknown"].as_array().expect("a list");
        let masked = unknown
            .iter()
            .find(|unknown| unknown["what"] == "Secret/db in shop");
        let why = masked.and_then(|masked| masked["why"].as_str());
        assert_eq!(
            why,
            Some("2 values of the snapshot are masked by somebody else"),
            "{drift}"
        );
        assert_eq!(drift["synced"], 0);
        let secret = world.json(cluster, &["resource", "secret/db", "-e", "production"], 0);
        assert_eq!(secret["live"]["value"]["sync"], "unknown", "{secret}");
        assert_eq!(secret["live"]["value"]["fields"], serde_json::json!([]));
    }
}

#[test]
fn a_snapshot_shows_the_environments_it_was_taken_of_and_no_other() {
    let world = World::new();
    world.take("live", "first", &["-e", "production"]);
    let staging = world.json("first", &["drift", "-e", "staging"], 2);
    assert_eq!(
        staging["unknown"][0]["why"],
        "failed: the snapshot is of production only"
    );
    assert_eq!(staging["resources"], serde_json::json!([]));
    // Of both, where both are in one cluster.
    let taken = world.take("live", "both", &[]);
    assert_eq!(
        taken["environments"],
        serde_json::json!(["staging", "production"])
    );
    for environment in ["production", "staging"] {
        let args = ["resource", "cm/web", "-e", environment];
        let (before, after) = (world.json("live", &args, 0), world.json("both", &args, 0));
        assert_eq!(timeless(before), timeless(after));
    }
}

#[test]
fn what_was_saved_is_said_and_what_could_not_be() {
    let world = World::new();
    let to = world.path("first");
    let ended = world.run(
        "live",
        &["snapshot", to.to_str().expect("text"), "-e", "production"],
    );
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    for part in [
        "ConfigMap           shop       1",
        "Widget.example.com  shop       1",
        "? production: Service in shop: forbidden: list services in shop (when the snapshot was taken)",
        "3 objects and 0 events of production",
    ] {
        assert!(ended.out.contains(part), "{part} is missing: {}", ended.out);
    }
    // Where something is already, nothing is written.
    let before = everything(&to);
    let again = world.run("live", &["snapshot", to.to_str().expect("text")]);
    assert_eq!(again.code, 2);
    assert!(again.err.contains("is not empty\nhint: "), "{}", again.err);
    assert!(before == everything(&to));
}

#[test]
fn nothing_is_written_where_nothing_is_known() {
    let world = World::new();
    let to = world.path("first");
    let to = to.to_str().expect("text");
    let none = world
        .home
        .run(&world.repo.path, &["snapshot", to, "--no-cluster"]);
    assert_eq!(none.code, 2);
    assert!(
        none.err.contains("production: everything: no cluster") && none.err.contains("hint: "),
        "{}",
        none.err
    );
    let none = world.run("live", &["snapshot", to, "-n", "elsewhere"]);
    assert_eq!(none.code, 2);
    assert!(
        none.err.contains("git declares nothing there"),
        "{}",
        none.err
    );
    world.info(
        "read: [{kind: ConfigMap, namespace: shop, unavailable: 'unreachable: https://x'}]\n",
    );
    fs::remove_file(world.path("live/all.yaml")).expect("removed");
    let none = world.run("live", &["snapshot", to]);
    assert_eq!(none.code, 2);
    assert!(none.err.contains("nothing could be read"), "{}", none.err);
    assert!(
        none.err
            .contains("production: ConfigMap in shop: unreachable: https://x"),
        "{}",
        none.err
    );
    assert!(!world.path("first").exists());
}

#[test]
fn environments_in_several_clusters_are_taken_one_by_one() {
    let world = World::new();
    let servers: String = ["1", "2"]
        .map(|name| format!("{{name: '{name}', cluster: {{server: 'https://127.0.0.1:{name}'}}}}"))
        .join(", ");
    let contexts: String = ["1", "2"]
        .map(|name| format!("{{name: '{name}', context: {{cluster: '{name}', user: me}}}}"))
        .join(", ");
    let kubeconfig = format!(
        "apiVersion: v1\nkind: Config\nclusters: [{servers}]\ncontexts: [{contexts}]\nusers: [{{name: me, user: {{token: x}}}}]\n"
    );
    fs::write(world.path("kubeconfig"), kubeconfig).expect("written");
    let to = world.path("first");
    let args = [
        "snapshot",
        to.to_str().expect("text"),
        "--context",
        "production=1",
        "--context",
        "staging=2",
    ];
    let mut command = world.home.command(&world.repo.path, &args);
    let output = command
        .env("KUBECONFIG", world.path("kubeconfig"))
        .output()
        .expect("gitopsy runs");
    let error = String::from_utf8(output.stderr).expect("text");
    for part in [
        "production: 1 @ https://127.0.0.1:1",
        "staging: 2 @ https://127.0.0.1:2",
        "hint: take one of each, with --env NAME",
    ] {
        assert!(error.contains(part), "{error}");
    }
    assert!(!to.exists());
}
