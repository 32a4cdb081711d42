//! A snapshot of a real namespace answers as the API server did, for who may read all of it and for who may not.

use std::path::Path;

use serde_json::Value;
use support::TestRepo;

use crate::harness::{Cluster, User, cluster, said_at, until};

/// What git has, and what the cluster has instead: as they are written into a manifest, and in base64.
const SECRETS: [[&str; 2]; 2] = [
    ["canary-in-git-Xk3w9", "Y2FuYXJ5LWluLWdpdC1YazN3OQ=="],
    ["canary-in-cluster-Qz7f", "Y2FuYXJ5LWluLWNsdXN0ZXItUXo3Zg=="],
];
/// No piece of so many characters is written.
const PIECE: usize = 8;
const NAMESPACE: &str = "snapshot";

/// Lists that only a schema tells from each other.
const KIND: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.example.com}
spec:
  group: example.com
  names: {kind: Gadget, plural: gadgets, singular: gadget, listKind: GadgetList}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              steps: {type: array, items: {type: object, properties: {name: {type: string}}}}
              tags: {type: array, x-kubernetes-list-type: set, items: {type: string}}
";

fn manifest() -> String {
    let workload = |name: &str, image: &str| {
        format!(
            "apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: {NAMESPACE}}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{containers: [{{name: {name}, image: '{image}'}}]}}
---
"
        )
    };
    let [[in_git, _], _] = SECRETS;
    format!(
        "{}{}apiVersion: v1
kind: Secret
metadata: {{name: db, namespace: {NAMESPACE}}}
stringData: {{password: {in_git}, user: bob-the-builder}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: gone, namespace: {NAMESPACE}}}
data: {{color: blue}}
---
apiVersion: example.com/v1
kind: Gadget
metadata: {{name: web, namespace: {NAMESPACE}}}
spec: {{steps: [{{name: a}}, {{name: b}}], tags: [red, green]}}
",
        workload("web", "web:1.0"),
        workload("late", "late:1.0-pending")
    )
}

/// Applied by the client, then changed by hand.
fn prepare(cluster: &Cluster) {
    let admin = cluster.kubeconfig(User::Admin);
    cluster.namespace(NAMESPACE);
    cluster.apply(KIND);
    cluster.admin(&[
        "wait",
        "--for=condition=established",
        "crd/gadgets.example.com",
        "--timeout=60s",
    ]);
    let applied = cluster.kubectl(admin, &["apply", "-f", "-"], &manifest());
    assert_eq!(applied.code, 0, "{}", applied.err);
    let [_, [_, in_cluster]] = SECRETS;
    let password = format!("{{\"data\":{{\"password\":\"{in_cluster}\"}}}}");
    let gadget = r#"{"spec":{"steps":[{"name":"b"},{"name":"a"}],"tags":["green","red"]}}"#;
    for args in [
        &["set", "image", "deployment/web", "web=web:2.0"][..],
        &["delete", "configmap", "gone"],
        &["patch", "secret", "db", "-p", &password],
        &["patch", "gadget", "web", "--type=merge", "-p", gadget],
        &["rollout", "status", "deployment/web", "--timeout=60s"],
    ] {
        cluster.admin(&[args, &["-n", NAMESPACE]].concat());
    }
    until("a pod that is late", || {
        let pods = [
            "get", "pods", "-n", NAMESPACE, "-l", "app=late", "-o", "name",
        ];
        (!cluster.admin(&pods).is_empty()).then_some(())
    });
}

/// An answer without what is not the same of a snapshot: which cluster it is of, how old it is, and that it was then. Masks have
/// other numbers in every run: that there is one is left.
fn timeless(mut answer: Value) -> Value {
    fn walk(value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.remove("cluster");
                if map.get("state").and_then(Value::as_str) == Some("stale") {
                    map.remove("at");
                    map.insert("state".to_owned(), "fresh".into());
                }
                if let Some(mask) = map.get_mut("masked") {
                    *mask = Value::Null;
                }
                map.values_mut().for_each(walk);
            }
            Value::Array(items) => items.iter_mut().for_each(walk),
            Value::String(text) => *text = text.replace(" (when the snapshot was taken)", ""),
            _ => {}
        }
    }
    if let Some(map) = answer.as_object_mut() {
        map.remove("time");
        map.remove("stale");
    }
    walk(&mut answer);
    answer
}

const QUESTIONS: [&[&str]; 6] = [
    &["drift"],
    &["where"],
    &["resource", "deploy/web"],
    &["resource", "deploy/late"],
    &["resource", "secret/db"],
    &["resource", "gadget.example.com/web"],
];

#[test]
fn a_snapshot_answers_as_the_server_did() {
    let Some(cluster) = cluster() else { return };
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| directory.path().join(name);
    let repo = TestRepo::init(&path("repo"));
    repo.write("production/web/all.yaml", manifest());
    repo.commit("Start");
    prepare(cluster);
    for (user, unknown) in [
        (User::Admin, &[][..]),
        (User::Viewer, &["Gadget in snapshot", "Secret in snapshot"]),
    ] {
        let home = path(&format!("{user:?}"));
        let ask = |args: &[&str]| -> Value {
            let args = [args, &["-o", "json"]].concat();
            let (out, error) = said_at(&home, &repo.path, cluster.kubeconfig(user), &args);
            serde_json::from_str(&out).unwrap_or_else(|_| panic!("{args:?}: {error}"))
        };
        let all = |cluster: &[&str]| {
            QUESTIONS.map(|question| timeless(ask(&[question, cluster].concat())))
        };
        let context = ["--context", "stack"];
        // Controllers may still be at work: of what is the same before and after, the snapshot says the same.
        let mut tries = 0;
        let (live, taken, to) = until("a cluster that keeps still", || {
            tries += 1;
            let to = path(&format!("snapshot-{user:?}-{tries}"));
            let before = all(&context);
            let taken = ask(&[&["snapshot", to.to_str().expect("text")], &context[..]].concat());
            (before == all(&context)).then_some((before, taken, to))
        });
        let what = |answer: &Value| -> Vec<String> {
            let unknown = answer["unknown"].as_array().expect("a list").iter();
            let what = unknown.map(|unknown| unknown["what"].as_str().expect("text").to_owned());
            what.collect()
        };
        let mut left_out = what(&taken);
        left_out.sort();
        assert_eq!(left_out, unknown, "{taken}");
        assert!(taken["events"].as_u64() > Some(0), "{taken}");
        let saved = ["--snapshot", to.to_str().expect("text")];
        for ((question, live), saved) in QUESTIONS.iter().zip(&live).zip(all(&saved)) {
            assert_eq!(*live, saved, "{user:?} {question:?}");
        }
        let (drift, _) = live.split_first().expect("an answer");
        let mut found = fields(drift);
        found.sort();
        let missing = "ConfigMap/gone missing";
        let image = "spec.template.spec.containers[name=web].image manual-edit";
        let expected = match user {
            User::Admin => &[
                missing,
                "data.password manual-edit",
                image,
                "spec.steps[0].name manual-edit",
                "spec.steps[1].name manual-edit",
            ][..],
            _ => &[missing, image],
        };
        let mut expected = expected.to_vec();
        expected.sort();
        assert_eq!(found, expected, "{drift}");
        nothing_of_secrets_is_in(&to);
    }
}

/// `path cause` of each drifted field, and what is missing.
fn fields(drift: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for resource in drift["resources"].as_array().expect("a list") {
        if resource["state"] == "missing" {
            let (kind, name) = (&resource["object"]["kind"], &resource["object"]["name"]);
            let text = |value: &Value| value.as_str().expect("text").to_owned();
            found.push(format!("{}/{} missing", text(kind), text(name)));
        }
        for field in resource["fields"].as_array().expect("a list") {
            let (path, cause) = (&field["path"], &field["cause"]["kind"]);
            let text = |value: &Value| value.as_str().expect("text").to_owned();
            found.push(format!("{} {}", text(path), text(cause)));
        }
    }
    found
}

fn nothing_of_secrets_is_in(path: &Path) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).expect("a directory") {
            nothing_of_secrets_is_in(&entry.expect("an entry").path());
        }
        return;
    }
    let written = std::fs::read(path).expect("a file");
    let secrets = SECRETS
        .iter()
        .flatten()
        .map(|text| text.trim_end_matches('='));
    let secrets = secrets.chain(["bob-the-builder", "Ym9iLXRoZS1idWlsZGVy"]);
    for piece in secrets.flat_map(|text| text.as_bytes().windows(PIECE)) {
        let is_there = written.windows(PIECE).any(|window| window == piece);
        assert!(
            !is_there,
            "{}: {}",
            path.display(),
            String::from_utf8_lossy(piece)
        );
    }
}
