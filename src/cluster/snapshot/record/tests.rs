use std::sync::Arc;

use std::fs;

use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::tests::{SECRET, directory, id, kind, masking, wanted};
use super::*;
use crate::cluster::Wanted;
use crate::live::LiveObject;
use crate::manifest::{Leaf, ListType, Node, ObjectRef};
use crate::task::Why;

fn taken() -> Timestamp {
    "2026-03-01T10:00:00Z".parse().unwrap()
}

fn recording(listing: Listing) -> Recording {
    Recording {
        from: Identity {
            context: Some("prod".into()),
            server: "https://api.example.com".into(),
        },
        environments: Vec::new(),
        taken: taken(),
        listing,
        events: Vec::new(),
    }
}

/// Everything that was written, names of files included.
fn written(dir: &Path) -> String {
    let files = files::scan(dir).unwrap();
    let texts = files.keys().map(|file| {
        let text = fs::read_to_string(dir.join(file)).unwrap();
        format!("{}\n{text}", file.display())
    });
    texts.collect()
}

/// A snapshot holds no secret, still tells equal values from different ones, and says what it hides.
#[test]
fn a_recorded_cluster_keeps_everything_but_secrets() {
    let source = directory(&[(
        "s.yaml",
        &format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\n  namespace: shop\n  uid: u-1\n  annotations:\n    kubectl.kubernetes.io/last-applied-configuration: '{{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{{\"name\":\"db\"}},\"stringData\":{{\"password\":\"{SECRET}\"}}}}'\n  managedFields:\n  - manager: kubectl-edit\n    operation: Update\n    time: '2026-03-01T10:00:00Z'\n    fieldsV1: {{f:data: {{f:password: {{}}}}}}\nstringData: {{password: {SECRET}, again: {SECRET}, other: x}}\n"
        ),
    )]);
    let secret = id("", "Secret", Some("shop"), "db");
    let kinds = wanted(&[kind("", "Secret", Some("shop"))]);
    let listing = Snapshot::load(source.path())
        .unwrap()
        .list(&kinds, &masking());
    let target = tempfile::tempdir().unwrap();
    Snapshot::record(target.path(), recording(listing.clone()), &masking()).unwrap();

    let everything = written(target.path());
    assert!(!everything.contains("horse"), "{everything}");
    let taken = Snapshot::load(target.path()).unwrap();
    assert_eq!(taken.info().context.as_deref(), Some("prod"));
    // To who took it, a value is the one it was.
    let found = taken.find(&secret, &masking());
    let live = found.value().unwrap().as_ref().unwrap();
    let before = listing.get(&secret);
    let before = before.value().unwrap().unwrap();
    assert_eq!(live.object(), before.object());
    assert_eq!(live.last_applied, before.last_applied);
    assert_eq!(live.managers.read(), before.managers.read());
    assert!(live.hidden.is_empty() && live.last_applied.is_some());
    let is_secret = |live: &LiveObject, key: &str| {
        let node = live.object().at(&["stringData", key]).unwrap().clone();
        assert!(matches!(node, Node::Leaf(Leaf::Masked(_))));
        node
    };
    assert_eq!(is_secret(live, "password"), is_secret(live, "again"));

    // To anybody else, equal ones are equal, and not known.
    let other = taken.find(&secret, &Masking::new([8; 32]));
    let other = other.value().unwrap().as_ref().unwrap();
    assert_eq!(other.hidden.len(), 2, "two different values");
    assert_eq!(is_secret(other, "password"), is_secret(other, "again"));
    assert_ne!(is_secret(other, "password"), is_secret(other, "other"));

    let again = Snapshot::record(target.path(), recording(listing), &masking())
        .err()
        .unwrap()
        .to_string();
    assert!(again.contains("not empty"), "{again}");
}

fn listing(kinds: Vec<(Kind, Known<Vec<LiveObject>>)>) -> Listing {
    let kinds = kinds.into_iter().map(|(kind, known)| {
        let objects = known.map(|objects| objects.into_iter().map(Arc::new).collect());
        (kind, objects)
    });
    Listing {
        kinds: kinds.collect(),
        ..Listing::default()
    }
}

fn again(listing: Listing, asked: &Wanted) -> (TempDir, Listing) {
    let target = tempfile::tempdir().unwrap();
    let snapshot = Snapshot::record(target.path(), recording(listing), &masking()).unwrap();
    let listing = snapshot.list(asked, &masking());
    (target, listing)
}

#[test]
fn what_could_not_be_read_stays_unknown_for_the_same_reason() {
    let kinds = ["A", "B", "C", "D", "E"].map(|name| kind("", name, Some("shop")));
    let why = [
        Why::Forbidden("list as in shop".into()),
        Why::Unreachable("https://x: refused".into()),
        Why::UnknownKind("C".into()),
        Why::Failed("nonsense: x".into()),
    ];
    let found = why.iter().cloned().map(Known::Unavailable);
    let found = found.chain([Known::Fresh(Vec::new())]);
    let before = kinds.iter().cloned().zip(found).collect();
    let (_target, first) = again(listing(before), &wanted(&kinds));
    // A snapshot of a snapshot says the same.
    let (_target, second) = again(first.clone(), &wanted(&kinds));
    for listing in [first, second] {
        let then = |what: &str| format!("{what} (when the snapshot was taken)");
        let expected = [
            Why::Forbidden(then("list as in shop")),
            Why::Unreachable(then("https://x: refused")),
            Why::UnknownKind(then("C")),
            Why::Failed(then("nonsense: x")),
        ];
        let found: Vec<Why> = listing
            .kinds
            .iter()
            .filter_map(|(_, found)| found.why().cloned())
            .collect();
        assert_eq!(found, expected);
        let there = listing.get(&id("", "E", Some("shop"), "x"));
        assert_eq!(
            there.map(|found| found.is_some()),
            Known::Stale(false, taken())
        );
    }
}

#[test]
fn what_names_no_namespace_in_git_comes_back_from_where_it_was() {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "mine"}});
    let live = LiveObject::from_json(object, &masking()).unwrap();
    let open = kind("", "ConfigMap", None);
    let before = listing(vec![(open.clone(), Known::Fresh(vec![live]))]);
    let (_target, after) = again(before, &wanted(&[open]));
    let found = after.get(&id("", "ConfigMap", None, "a"));
    assert!(matches!(found.value(), Some(Some(_))), "{found:?}");
}

#[test]
fn how_lists_are_compared_comes_back() {
    let mut before = listing(vec![(
        kind("example.com", "Widget", Some("shop")),
        Known::Fresh(Vec::new()),
    )]);
    let list = |kind: &str| json!({"type": "array", "items": {}, "x-kubernetes-list-type": kind, "x-kubernetes-list-map-keys": ["host"]});
    let schema = json!({"properties": {"spec": {
        "properties": {"routes": list("map"), "tags": list("set"), "steps": list("atomic")},
        "additionalProperties": list("map"),
    }}});
    let lists = std::sync::Arc::make_mut(&mut before.lists);
    lists.learn("example.com", "Widget", &schema);
    let expected = lists.clone();
    lists.learn("example.com", "Other", &schema);
    let asked = wanted(&[kind("example.com", "Widget", Some("shop"))]);
    let (_target, after) = again(before, &asked);
    assert_eq!(*after.lists, expected);
    let path = crate::manifest::FieldPath::default()
        .key("spec")
        .key("routes");
    let widget = id("example.com", "Widget", Some("shop"), "a");
    let found = after.lists.list_type_of(&widget, &path, &[]);
    assert_eq!(found, ListType::Map(vec!["host".into()]));
}

#[test]
fn events_come_back_and_where_they_could_not_be_read_that_is_said() {
    let about = |namespace: &str, name: &str| id("apps", "Deployment", Some(namespace), name);
    let event = |name: &str, reason: &str, last: Option<&str>| Event {
        object: about("shop", name),
        reason: reason.into(),
        message: "Back-off: 'x'\n".into(),
        warning: last.is_some(),
        count: 7,
        last: last.map(|at| at.parse().unwrap()),
    };
    let events = vec![
        event("a", "Two", Some("2026-03-01T09:00:00.123456Z")),
        event("a", "One", Some("2026-03-01T08:00:00Z")),
        event("b", "One", None),
    ];
    let target = tempfile::tempdir().unwrap();
    let recording = Recording {
        events: vec![
            ("shop".into(), Known::Fresh(events.clone())),
            ("quiet".into(), Known::Fresh(Vec::new())),
            (
                "other".into(),
                Known::Unavailable(Why::Forbidden("list events in other".into())),
            ),
        ],
        ..recording(Listing::default())
    };
    let snapshot = Snapshot::record(target.path(), recording, &masking()).unwrap();
    let both = [about("shop", "a"), about("shop", "b")];
    assert_eq!(snapshot.events(&both), Known::Stale(events, taken()));
    assert_eq!(
        snapshot.events(&[about("quiet", "a")]),
        Known::Stale(Vec::new(), taken())
    );
    let unknown = snapshot.events(&[about("shop", "a"), about("other", "a")]);
    assert!(
        matches!(unknown.why(), Some(Why::Forbidden(_))),
        "{unknown:?}"
    );
}

#[test]
fn what_was_not_finished_is_no_snapshot() {
    let target = tempfile::tempdir().unwrap();
    let dir = target.path().join("new");
    let info = Info {
        unfinished: true,
        ..Info::default()
    };
    let begun = Snapshot::create(&dir, info).unwrap();
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    begun.upsert(object).unwrap();
    begun.save().unwrap();
    let error = Snapshot::load(&dir).err().unwrap().to_string();
    assert!(
        error.contains("was not finished") && error.contains("hint"),
        "{error}"
    );
}

#[test]
fn a_snapshot_goes_nowhere_where_something_is() {
    let target = tempfile::tempdir().unwrap();
    let refused = |dir: &str, what: &str| {
        let before = written(target.path());
        let recorded = Snapshot::record(
            &target.path().join(dir),
            recording(Listing::default()),
            &masking(),
        );
        let error = recorded.err().unwrap().to_string();
        assert!(error.contains(what) && error.contains("hint"), "{error}");
        assert_eq!(written(target.path()), before);
    };
    fs::write(target.path().join("file"), "").unwrap();
    refused("file", "is a file");
    fs::create_dir(target.path().join("full")).unwrap();
    fs::write(target.path().join("full/.hidden"), "").unwrap();
    refused("full", "not empty");
    let first = target.path().join("deep/er/first");
    Snapshot::record(&first, recording(Listing::default()), &masking()).unwrap();
    refused("deep/er/first", "not empty");
    refused("deep/er/first/in/it", "is in the snapshot");
    let left: Vec<_> = fs::read_dir(target.path().join("full")).unwrap().collect();
    assert_eq!(left.len(), 1);
}

#[cfg(unix)]
#[test]
fn what_is_written_is_the_users_alone() {
    use std::os::unix::fs::PermissionsExt;
    let target = tempfile::tempdir().unwrap();
    let dir = target.path().join("new");
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "shop"}});
    let live = LiveObject::from_json(object, &masking()).unwrap();
    let kinds = vec![(
        kind("", "ConfigMap", Some("shop")),
        Known::Fresh(vec![live]),
    )];
    Snapshot::record(&dir, recording(listing(kinds)), &masking()).unwrap();
    let mode = |path: &str| fs::metadata(dir.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("shop")), (0o700, 0o700));
    assert_eq!(
        (mode("snapshot.yaml"), mode("shop/configmap-a.yaml")),
        (0o600, 0o600)
    );
}

/// Names that mean something to a file system, or to who reads the directory.
#[test]
fn no_name_leads_out_of_the_directory() {
    const NAMES: &[&str] = &[
        "..",
        ".",
        "../../x",
        "/etc/passwd",
        "a/../../b",
        "snapshot.yaml",
        ".hidden",
        "a\0b",
        "a\nb",
        "\u{1b}[31m",
        "C:\\x",
        "_cluster",
        "%2E",
        "ü",
        "A",
        "a",
    ];
    let target = tempfile::tempdir().unwrap();
    let dir = target.path().join("new");
    let mut kinds = Vec::new();
    for namespace in NAMES.iter().copied().map(Some).chain([None]) {
        for of in ["Widget", "../W"] {
            let kind = kind("..", of, namespace);
            let objects = NAMES.iter().map(|name| {
                let object = json!({"apiVersion": "../example.com/v1", "kind": of, "metadata": {"name": name, "namespace": namespace}});
                LiveObject::from_json(object, &masking()).unwrap()
            });
            kinds.push((kind, Known::Fresh(objects.collect())));
        }
    }
    let asked: Vec<Kind> = kinds.iter().map(|(kind, _)| kind.clone()).collect();
    let before = listing(kinds);
    let ids = |listing: &Listing| {
        let mut ids: Vec<ObjectRef> = listing.objects().map(|live| live.id.clone()).collect();
        ids.sort();
        ids.dedup();
        ids
    };
    let snapshot = Snapshot::record(&dir, recording(before.clone()), &masking()).unwrap();
    let after = snapshot.list(&wanted(&asked), &masking());
    assert_eq!(ids(&after), ids(&before));
    let around: Vec<_> = fs::read_dir(target.path()).unwrap().collect();
    assert_eq!(around.len(), 1);
    let mut alike = std::collections::BTreeSet::new();
    for file in files::scan(&dir).unwrap().into_keys() {
        let name = file.to_str().unwrap();
        assert!(name.chars().all(|c| c.is_ascii_graphic()), "{name:?}");
        assert!(alike.insert(name.to_lowercase()), "{name:?}");
    }
}

/// Any text: control characters, line ends of all kinds, what YAML takes for something else, and what looks like a mark.
/// Written as a block of lines it was no YAML.
#[test]
fn a_text_that_begins_with_a_tab_is_read_back() {
    let object = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "shop"},
        "data": {"Makefile": "\tmake\n", "plain": "one\ntwo\n"},
    });
    let live = LiveObject::from_json(object, &masking()).expect("an object");
    let kind = kind("", "ConfigMap", Some("shop"));
    let asked = wanted(std::slice::from_ref(&kind));
    let before = listing(vec![(kind, Known::Fresh(vec![live.clone()]))]);
    let (_target, after) = again(before, &asked);
    let found: Vec<&LiveObject> = after.objects().collect();
    assert_eq!(found[0].object(), live.object());
}

fn texts() -> impl Strategy<Value = String> {
    let token = "0123456789abcdef0123456789abcdef";
    prop_oneof![
        any::<String>(),
        "[\\x00-\\x1f\\x7f\\x85\u{2028}\u{feff} a:#'\"-]{0,12}",
        "[yYnN~=<.+0-9eExo_:-]{0,6}",
        proptest::sample::select(vec![
            "(masked #1)".to_owned(),
            format!("(masked {token})"),
            format!("((encrypted {token})"),
            "(unknown x".to_owned()
        ]),
    ]
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u32>().prop_map(Value::from),
        any::<i32>().prop_map(|number| Value::from(f64::from(number) / 8.0)),
        texts().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((texts(), inner), 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    /// What was read comes back equal, to who recorded it, and to who records that again.
    #[test]
    fn what_is_recorded_loads_equal(of in prop::sample::select(vec!["ConfigMap", "Secret"]), data in values(), more in values(), text in texts()) {
        let applied = json!({"apiVersion": "v1", "kind": of, "metadata": {"name": "a"}, "data": more, "text": text});
        let object = json!({
            "apiVersion": "v1", "kind": of,
            "metadata": {"name": "a", "namespace": "shop", "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": applied.to_string(), "text": text,
            }},
            "data": {"a": data, "text": text}, "spec": more, "stringData": {"text": text},
        });
        let Some(live) = LiveObject::from_json(object, &masking()) else { return Ok(()) };
        let kind = kind("", of, Some("shop"));
        let asked = wanted(std::slice::from_ref(&kind));
        let before = listing(vec![(kind, Known::Fresh(vec![live.clone()]))]);
        let (_target, first) = again(before, &asked);
        let (_target, second) = again(first.clone(), &asked);
        for listing in [first, second] {
            let found: Vec<&LiveObject> = listing.objects().collect();
            prop_assert_eq!(found.len(), 1);
            prop_assert_eq!(found[0].object(), live.object());
            prop_assert_eq!(&found[0].last_applied, &live.last_applied);
            prop_assert!(found[0].hidden.is_empty());
        }
    }
}
