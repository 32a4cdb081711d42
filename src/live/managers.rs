//! `metadata.managedFields`: who set which field, and when they last wrote.
//!
//! The API server keeps them as *FieldsV1* (source: `structured-merge-diff/fieldpath/serialize.go`): a tree of keys
//! `f:<field>`, `k:<the merge keys of a list item>`, `v:<an item of a set>`, `i:<index>`; `.` is the node itself. They are
//! half of what it sends of an object, and few objects are asked who wrote what: so they are kept as text until then, and a
//! path, in the words of [`FieldPath`], is looked for by going down the tree.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::object::LAST_APPLIED;
use crate::manifest::{FieldPath, Step};

/// The entries of `metadata.managedFields`, unread.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Managers(Option<Box<str>>);

/// One entry of `metadata.managedFields`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Manager {
    pub name: String,
    /// `Apply` or `Update`.
    pub operation: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subresource: Option<String>,
    /// When this manager last wrote anything.
    pub time: Option<Timestamp>,
    /// What it owns: what has nothing below it. That may stand for a whole value (an atomic list or map).
    #[serde(skip)]
    pub(super) fields: Map<String, Value>,
}

impl Managers {
    pub(super) fn new(entries: &Value) -> Managers {
        Managers(Some(entries.to_string().into()))
    }

    /// What is not understood is left out.
    pub fn read(&self) -> Vec<Manager> {
        let text = self.0.as_deref().unwrap_or("[]");
        let entries: Vec<Value> = serde_json::from_str(text).unwrap_or_default();
        entries.into_iter().filter_map(manager).collect()
    }

    /// Back to JSON, without what was not understood. `None` where there are none.
    pub(super) fn to_json(&self) -> Option<Value> {
        let managers = self.read();
        (!managers.is_empty()).then(|| managers.into_iter().map(entry).collect())
    }
}

fn manager(mut entry: Value) -> Option<Manager> {
    let fields = entry.get_mut("fieldsV1").map(Value::take);
    let text = |key: &str| entry.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(Manager {
        name: text("manager")?,
        operation: text("operation").unwrap_or_else(|| "Update".to_owned()),
        subresource: text("subresource").filter(|name| !name.is_empty()),
        time: text("time").and_then(|time| time.parse().ok()),
        fields: match fields {
            Some(Value::Object(fields)) => fields,
            _ => Map::new(),
        },
    })
}

fn entry(manager: Manager) -> Value {
    let mut entry = json!({
        "manager": manager.name,
        "operation": manager.operation,
        "fieldsType": "FieldsV1",
        "fieldsV1": manager.fields,
    });
    if let Some(time) = manager.time {
        entry["time"] = Value::String(time.to_string());
    }
    if let Some(subresource) = manager.subresource {
        entry["subresource"] = Value::String(subresource);
    }
    entry
}

/// What a manager owns of a value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Owned {
    Nothing,
    /// Something that it is part of.
    Around,
    /// It, or something in it.
    It,
}

impl Manager {
    fn owns(&self, path: &[Step]) -> Owned {
        match self.fields.is_empty() {
            true => Owned::Nothing,
            false => owned(&self.fields, path),
        }
    }

    /// Whether it applied the field, or something in it. Not where it applied but a value that the field is part of, an atomic one
    /// or an empty map: what was not in that is a default, or somebody would own it who put it there.
    pub(super) fn applied(&self, path: &FieldPath) -> bool {
        self.operation == "Apply" && !self.is_migrated() && self.owns(&path.0) == Owned::It
    }

    /// It took over what was applied by the client, with the defaults of that time (source: `k8s.io/client-go/util/csaupgrade`,
    /// which kubectl and Argo CD call): the record of what was applied is among its fields.
    fn is_migrated(&self) -> bool {
        let record = ["metadata", "annotations", LAST_APPLIED];
        let record = record.map(|key| Step::Key(key.to_owned()));
        self.owns(&record) == Owned::It
    }
}

fn owned(tree: &Map<String, Value>, path: &[Step]) -> Owned {
    let Some((first, rest)) = path.split_first() else {
        return Owned::It;
    };
    if tree.keys().all(|key| key == ".") {
        return Owned::Around;
    }
    let below = |below: &Value| match below {
        Value::Object(below) => owned(below, rest),
        _ if rest.is_empty() => Owned::It,
        _ => Owned::Around,
    };
    match first {
        Step::Key(key) => tree.get(&format!("f:{key}")).map_or(Owned::Nothing, below),
        other => tree
            .iter()
            .filter(|(key, _)| step(key).is_some_and(|step| same_step(&step, other)))
            .map(|(_, value)| below(value))
            .max()
            .unwrap_or(Owned::Nothing),
    }
}

fn step(key: &str) -> Option<Step> {
    let (tag, rest) = key.split_once(':')?;
    match tag {
        "i" => rest.parse().ok().map(Step::Index),
        "v" => {
            let value = serde_json::from_str(rest).ok()?;
            Some(Step::Item(vec![(String::new(), plain(&value))]))
        }
        "k" => {
            let keys: Map<String, Value> = serde_json::from_str(rest).ok()?;
            Some(Step::Item(
                keys.iter()
                    .map(|(key, value)| (key.clone(), plain(value)))
                    .collect(),
            ))
        }
        _ => None,
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The managers that own the field at `path`, a value it is part of, or something in it.
///
/// Where a list's merge keys were not known, `path` counts its items and cannot be matched with the keys the API server
/// uses; then the only manager of that list, if there is just one, is meant.
pub(super) fn owners<'a>(managers: &'a [Manager], path: &FieldPath) -> Vec<&'a Manager> {
    let among = |steps: &[Step]| -> Vec<&'a Manager> {
        managers
            .iter()
            .filter(|manager| manager.owns(steps) != Owned::Nothing)
            .collect()
    };
    let found = among(&path.0);
    if !found.is_empty() {
        return found;
    }
    let Some(index) = path
        .0
        .iter()
        .position(|step| matches!(step, Step::Index(_)))
    else {
        return found;
    };
    let found = among(&path.0[..index]);
    if found.len() == 1 { found } else { Vec::new() }
}

/// As `==`, without regard to the order of merge keys.
pub(super) fn same_step(a: &Step, b: &Step) -> bool {
    match (a, b) {
        (Step::Item(a), Step::Item(b)) => a.len() == b.len() && a.iter().all(|key| b.contains(key)),
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(entries: &Value) -> Vec<Manager> {
        Managers::new(entries).read()
    }

    /// As an API server 1.31 writes it for a Deployment touched by `kubectl edit` (keys shortened).
    fn entries() -> Value {
        json!([
            {
                "manager": "kubectl-edit", "operation": "Update", "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
                "time": "2026-03-01T10:00:00Z",
                "fieldsV1": {
                    "f:metadata": { "f:annotations": { ".": {}, "f:a.b/c": {} }, "f:finalizers": { ".": {}, "v:\"x/y\"": {} } },
                    "f:spec": { "f:template": { "f:spec": {
                        "f:containers": { "k:{\"name\":\"api\"}": {
                            ".": {}, "f:args": {}, "f:ports": { "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": { ".": {}, "f:containerPort": {} } }
                        } },
                        "f:volumes": { "k:{\"name\":\"tmp\"}": { "f:emptyDir": { ".": {} } } }
                    } } }
                }
            },
            { "manager": "kube-controller-manager", "operation": "Update", "subresource": "scale", "fieldsV1": { "f:spec": { "f:replicas": {} } } },
            { "operation": "Update" }
        ])
    }

    #[test]
    fn entries_are_read_and_written_back() {
        let managers = read(&entries());
        assert_eq!(managers.len(), 2);
        assert_eq!(
            managers[0].time,
            Some("2026-03-01T10:00:00Z".parse().unwrap())
        );
        assert_eq!(managers[1].subresource.as_deref(), Some("scale"));
        let written = Managers::new(&entries()).to_json().unwrap();
        assert_eq!(read(&written), managers);
        assert_eq!(Managers::default().read(), []);
        assert_eq!(Managers::default().to_json(), None);
    }

    #[test]
    fn what_is_owned_is_owned_with_all_that_is_below_and_as_a_part() {
        let managers = read(&entries());
        let key = |text: &str| Step::Key(text.to_owned());
        let owns = |steps: &[Step]| managers[0].owns(steps);
        let annotations = [key("metadata"), key("annotations"), key("a.b/c")];
        assert!(owns(&annotations) == Owned::It);
        assert!(owns(&annotations[..1]) == Owned::It);
        let finalizer = |name: &str| Step::Item(vec![(String::new(), name.to_owned())]);
        let finalizers = [key("metadata"), key("finalizers"), finalizer("x/y")];
        assert!(owns(&finalizers) == Owned::It);
        assert!(owns(&[key("metadata"), key("finalizers"), finalizer("z")]) == Owned::Nothing);
        let volume = Step::Item(vec![("name".to_owned(), "tmp".to_owned())]);
        let directory = [
            key("spec"),
            key("template"),
            key("spec"),
            key("volumes"),
            volume,
            key("emptyDir"),
        ];
        assert!(owns(&directory) == Owned::It);
        let inside = [&directory[..], &[key("medium")]].concat();
        assert!(owns(&inside) == Owned::Around);
        assert!(owns(&[key("status")]) == Owned::Nothing);
    }

    #[test]
    fn the_owner_of_a_field_owns_it_or_what_it_is_part_of() {
        let managers = read(&entries());
        let key = |text: &str| Step::Key(text.to_owned());
        let item = |name: &str| Step::Item(vec![("name".to_owned(), name.to_owned())]);
        let names = |steps: Vec<Step>| -> Vec<&str> {
            owners(&managers, &FieldPath(steps))
                .iter()
                .map(|manager| manager.name.as_str())
                .collect()
        };
        let container = |name: &str| {
            vec![
                key("spec"),
                key("template"),
                key("spec"),
                key("containers"),
                item(name),
            ]
        };
        assert_eq!(
            names(vec![key("spec"), key("replicas")]),
            ["kube-controller-manager"]
        );
        assert_eq!(names(container("api")), ["kubectl-edit"]);
        let in_an_atomic_list = [container("api"), vec![key("args"), Step::Index(1)]].concat();
        assert_eq!(names(in_an_atomic_list), ["kubectl-edit"]);
        let image = [container("api"), vec![key("image")]].concat();
        assert!(names(image).is_empty());
        assert!(names(container("other")).is_empty());
        let by_position = vec![
            key("spec"),
            key("template"),
            key("spec"),
            key("containers"),
            Step::Index(0),
            key("image"),
        ];
        assert_eq!(names(by_position), ["kubectl-edit"]);
        let ports = Step::Item(vec![
            ("protocol".into(), "TCP".into()),
            ("containerPort".into(), "80".into()),
        ]);
        assert_eq!(
            names([container("api"), vec![key("ports"), ports]].concat()),
            ["kubectl-edit"]
        );
    }

    #[test]
    fn what_is_no_managed_fields_is_left_out() {
        assert_eq!(read(&json!("x")), []);
        assert_eq!(read(&json!([1, null, {}])), []);
        let odd = json!([{ "manager": "m", "fieldsV1": { "q:x": {}, "nonsense": {}, "k:{": {}, "i:x": {}, "f:a": 3 } }]);
        let odd = &read(&odd)[0];
        let key = |text: &str| Step::Key(text.to_owned());
        assert!(odd.owns(&[key("a")]) == Owned::It);
        assert!(odd.owns(&[key("a"), key("b")]) == Owned::Around);
        assert!(odd.owns(&[key("x")]) == Owned::Nothing);
        assert!(odd.owns(&[Step::Item(Vec::new())]) == Owned::Nothing);
        let none = read(&json!([{ "manager": "m", "fieldsV1": {} }, { "manager": "n" }]));
        assert!(
            none.iter()
                .all(|manager| manager.owns(&[]) == Owned::Nothing)
        );
    }
}
