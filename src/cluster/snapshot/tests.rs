use std::fs;

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::manifest::{Object, parse};
use crate::task::Why;

pub(super) const SECRET: &str = "correct-horse-battery";

pub(super) fn masking() -> Masking {
    Masking::new([7; 32])
}

pub(super) fn id(group: &str, kind: &str, namespace: Option<&str>, name: &str) -> ObjectRef {
    ObjectRef {
        group: group.into(),
        kind: kind.into(),
        namespace: namespace.map(Into::into),
        name: name.into(),
    }
}

pub(super) fn kind(group: &str, kind: &str, namespace: Option<&str>) -> Kind {
    (group.into(), kind.into(), namespace.map(Into::into))
}

pub(super) fn wanted(kinds: &[Kind]) -> Wanted {
    Wanted {
        kinds: kinds.iter().cloned().collect(),
        ..Wanted::default()
    }
}

pub(super) fn directory(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn names(snapshot: &Snapshot) -> Vec<String> {
    snapshot
        .objects()
        .unwrap()
        .iter()
        .map(|object| object["metadata"]["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn what_kubectl_printed_is_read_whatever_its_files() {
    let list = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: apps/v1\n  kind: Deployment\n  metadata: {name: api, namespace: shop}\n- apiVersion: v1\n  kind: Service\n  metadata: {name: svc, namespace: shop}\nmetadata: {resourceVersion: ''}\n";
    let pods = r#"{"apiVersion":"v1","kind":"PodList","items":[{"metadata":{"name":"pod","namespace":"shop"}}]}"#;
    let several = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n# nothing\n---\nvalues: true\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: conf, namespace: shop}\n";
    let dir = directory(&[
        ("all.yaml", list),
        ("deep/er/pods.json", pods),
        ("more.yml", several),
        ("README.md", "not read"),
        (".hidden/x.yaml", "kind: ["),
    ]);
    let snapshot = Snapshot::load(dir.path()).unwrap();
    assert_eq!(names(&snapshot), ["conf", "shop", "pod", "svc", "api"]);
    let pod = snapshot
        .get(&id("", "Pod", Some("shop"), "pod"))
        .unwrap()
        .unwrap();
    assert_eq!(
        (pod["kind"].as_str(), pod["apiVersion"].as_str()),
        (Some("Pod"), Some("v1"))
    );
}

#[test]
fn a_broken_file_is_named_and_its_content_is_not() {
    let dir = directory(&[("a/b.yaml", &format!("kind: Secret\ndata: {{x: {SECRET}\n"))]);
    let error = Snapshot::load(dir.path()).err().unwrap().to_string();
    assert!(
        error.contains("a/b.yaml") && error.contains("line") && !error.contains(SECRET),
        "{error}"
    );
    let dir = directory(&[("b.json", "{\"kind\": ")]);
    assert!(
        Snapshot::load(dir.path())
            .err()
            .unwrap()
            .to_string()
            .contains("JSON at line 1")
    );
    assert!(
        Snapshot::load(&dir.path().join("nowhere"))
            .err()
            .unwrap()
            .to_string()
            .contains("hint")
    );
}

/// Strings that YAML 1.1 takes for something else, and names no file system likes.
#[test]
fn what_is_saved_is_read_back_by_everybody_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let snapshot = Snapshot::load(dir.path()).unwrap();
    let data: serde_json::Map<String, Value> = [
        "yes",
        "0644",
        "12:30",
        "1e3",
        "~",
        "null",
        "",
        " x ",
        "a: b",
        "- x",
        "#",
        "a\nb\n",
        "a\n\n",
        "\t",
        "é",
        "2026-03-01",
        "0x1f",
        "=",
        "<<",
        "on",
        "Y",
        "\u{7}",
        "1_000",
        ".5",
        "+1",
    ]
    .iter()
    .enumerate()
    .map(|(index, text)| (format!("k{index}"), json!(text)))
    .collect();
    let long = "word ".repeat(100);
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "odd", "namespace": "shop"}, "data": data, "long": long, "n": [1, 1.5, -3, true, null, {}, []]});
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "system:../../x"}});
    let other = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "x".repeat(253)}});
    let twin = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "x".repeat(252) + "y"}});
    for object in [&config, &role, &other, &twin] {
        snapshot.upsert(object.clone()).unwrap();
    }
    snapshot.save().unwrap();

    let again = Snapshot::load(dir.path()).unwrap();
    assert_eq!(again.objects().unwrap(), snapshot.objects().unwrap());
    assert_eq!(
        again
            .get(&id("", "ConfigMap", Some("shop"), "odd"))
            .unwrap(),
        Some(config.clone())
    );
    // By Kubernetes' rules it is the same object, too.
    let text = fs::read(dir.path().join("shop/configmap-odd.yaml")).unwrap();
    let parsed = parse(&text, &masking());
    assert_eq!(
        parsed.documents[0].object,
        Object::from_json(config, &masking()).unwrap()
    );
    assert!(
        dir.path()
            .join("_cluster/clusterrole.rbac.authorization.k8s.io-system%3A..%2F..%2Fx.yaml")
            .is_file()
    );
    let around: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(around.len(), 2, "{around:?}");
}

#[test]
fn objects_that_share_a_file_keep_sharing_it() {
    let dir = directory(&[(
        "two.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n",
    )]);
    let snapshot = Snapshot::load(dir.path()).unwrap();
    snapshot.upsert(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "y"}})).unwrap();
    assert_eq!(
        names(&Snapshot::load(dir.path()).unwrap()).len(),
        2,
        "not saved yet"
    );
    assert_eq!(
        snapshot
            .get(&id("", "ConfigMap", None, "a"))
            .unwrap()
            .unwrap()["data"]["x"],
        "y"
    );
    snapshot.save().unwrap();
    let again = Snapshot::load(dir.path()).unwrap();
    assert_eq!(
        again.get(&id("", "ConfigMap", None, "a")).unwrap().unwrap()["data"]["x"],
        "y"
    );
    assert!(
        again
            .get(&id("", "ConfigMap", None, "b"))
            .unwrap()
            .is_some()
    );
    assert!(
        snapshot.remove(&id("", "ConfigMap", None, "a"))
            && snapshot.remove(&id("", "ConfigMap", None, "b"))
    );
    assert!(!snapshot.remove(&id("", "ConfigMap", None, "b")));
    snapshot.save().unwrap();
    assert!(!dir.path().join("two.yaml").exists());
    assert!(snapshot.upsert(json!({"kind": "ConfigMap"})).is_err());
}

#[test]
fn what_others_change_on_disk_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, theirs) = (
        Snapshot::load(dir.path()).unwrap(),
        Snapshot::load(dir.path()).unwrap(),
    );
    let object = |value: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": value}});
    let a = id("", "ConfigMap", None, "a");
    for value in ["one", "two"] {
        theirs.upsert(object(value)).unwrap();
        theirs.save().unwrap();
        assert_eq!(ours.get(&a).unwrap().unwrap()["data"]["x"], value);
    }
    theirs.remove(&a);
    theirs.save().unwrap();
    assert_eq!(ours.get(&a).unwrap(), None);
}

#[tokio::test]
async fn who_watches_is_told_by_whoever_saves() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = crate::cluster::Cluster::snapshot(dir.path(), masking()).unwrap();
    let writer = Snapshot::load(dir.path()).unwrap();
    let (told, mut tell) = tokio::sync::mpsc::unbounded_channel();
    let cancel = crate::task::Cancel::new();
    let nothing = Wanted::default();
    let watch = cluster.watch(&nothing, &cancel, move || {
        let _ = told.send(());
    });
    let change = async {
        for name in ["a", "b"] {
            writer
                .upsert(
                    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}),
                )
                .unwrap();
            writer.save().unwrap();
            tell.recv().await.unwrap();
        }
        publish(dir.path());
        tell.recv().await.unwrap();
        cancel.cancel();
    };
    tokio::join!(watch, change);
}

#[test]
fn what_is_absent_and_what_was_not_taken_differ() {
    let deployment =
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api, namespace: shop}\n";
    let kinds = [
        kind("apps", "Deployment", Some("shop")),
        kind("", "ConfigMap", Some("shop")),
    ];
    let state = |info: &str| {
        let dir = directory(&[("d.yaml", deployment)]);
        if !info.is_empty() {
            fs::write(dir.path().join("snapshot.yaml"), info).unwrap();
        }
        let listing = Snapshot::load(dir.path())
            .unwrap()
            .list(&wanted(&kinds), &masking());
        let there = listing.get(&id("apps", "Deployment", Some("shop"), "api"));
        assert!(matches!(there.value(), Some(Some(_))), "{there:?}");
        listing
            .get(&id("", "ConfigMap", Some("shop"), "a"))
            .map(|found| found.is_some())
    };
    assert!(matches!(state(""), Known::Unavailable(Why::Failed(_))));
    assert_eq!(state("complete: true"), Known::Fresh(false));
    let taken = "2026-03-01T10:00:00Z".parse().unwrap();
    assert_eq!(
        state("taken: 2026-03-01T10:00:00Z\nread: [{kind: ConfigMap, namespace: shop}]"),
        Known::Stale(false, taken)
    );
    let forbidden = state(
        "read: [{kind: ConfigMap, namespace: shop, unavailable: 'forbidden: list configmaps'}]",
    );
    assert!(
        matches!(forbidden, Known::Unavailable(Why::Forbidden(why)) if why.contains("list configmaps"))
    );
}

#[test]
fn pods_and_replica_sets_come_with_their_deployment() {
    let dir = directory(&[
        (
            "d.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api, namespace: shop}\n",
        ),
        (
            "r.yaml",
            "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: api-1, namespace: shop}\n",
        ),
        (
            "p.yaml",
            "apiVersion: v1\nkind: Pod\nmetadata: {name: api-1-x, namespace: shop}\n",
        ),
        (
            "q.yaml",
            "apiVersion: v1\nkind: Pod\nmetadata: {name: other, namespace: elsewhere}\n",
        ),
    ]);
    let snapshot = Snapshot::load(dir.path()).unwrap();
    let listing = snapshot.list(
        &wanted(&[kind("apps", "Deployment", Some("shop"))]),
        &masking(),
    );
    let names: Vec<&str> = listing
        .objects()
        .map(|object| object.id.name.as_str())
        .collect();
    assert_eq!(names, ["api-1-x", "api", "api-1"]);
}

#[test]
fn the_last_of_two_copies_counts() {
    let copy = |value: &str| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata: {{x: {value}}}\n")
    };
    let dir = directory(&[("1.yaml", &copy("old")), ("2.yaml", &copy("new"))]);
    let snapshot = Snapshot::load(dir.path()).unwrap();
    assert_eq!(
        snapshot
            .get(&id("", "ConfigMap", None, "a"))
            .unwrap()
            .unwrap()["data"]["x"],
        "new"
    );
    assert_eq!(snapshot.objects().unwrap().len(), 1);
}
