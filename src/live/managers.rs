//! `metadata.managedFields`: who set which field, and when they last wrote.
//!
//! The API server keeps them as *FieldsV1* (source: `structured-merge-diff/fieldpath/serialize.go`): a tree of keys
//! `f:<field>`, `k:<the merge keys of a list item>`, `v:<an item of a set>`, `i:<index>`; `.` is the node itself. Here
//! they are flat lists of the leaves, in the words of [`FieldPath`].

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::object::LAST_APPLIED;
use crate::manifest::{FieldPath, Step};

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
    /// The leaves it owns. A leaf may stand for a whole value (an atomic list or map).
    #[serde(skip)]
    pub fields: Vec<FieldPath>,
}

impl Manager {
    /// Whether it applied the field, or something in it. Not where it applied but a value that the field is part of, an atomic one
    /// or an empty map: what was not in that is a default, or somebody would own it who put it there.
    pub(super) fn applied(&self, path: &FieldPath) -> bool {
        let owns = |field: &FieldPath| field.0.len() >= path.0.len() && related(&field.0, &path.0);
        self.operation == "Apply" && !self.is_migrated() && self.fields.iter().any(owns)
    }

    /// It took over what was applied by the client, with the defaults of that time (source: `k8s.io/client-go/util/csaupgrade`,
    /// which kubectl and Argo CD call): the record of what was applied is among its fields.
    fn is_migrated(&self) -> bool {
        let record = FieldPath::default()
            .key("metadata")
            .key("annotations")
            .key(LAST_APPLIED);
        self.fields.contains(&record)
    }
}

/// More than any object that fits into etcd has; a bound for what is not from an API server.
const MOST_FIELDS: usize = 50_000;
const DEEPEST: usize = 64;

/// The entries of `managedFields`; what is not understood is left out.
pub(super) fn parse(entries: &Value) -> Vec<Manager> {
    let text = |entry: &Value, key: &str| entry.get(key).and_then(Value::as_str).map(str::to_owned);
    let entries = entries.as_array().map(Vec::as_slice).unwrap_or_default();
    entries
        .iter()
        .filter_map(|entry| {
            let mut fields = Vec::new();
            if let Some(Value::Object(tree)) = entry.get("fieldsV1") {
                flatten(tree, &mut Vec::new(), &mut fields);
            }
            Some(Manager {
                name: text(entry, "manager")?,
                operation: text(entry, "operation").unwrap_or_else(|| "Update".to_owned()),
                subresource: text(entry, "subresource").filter(|name| !name.is_empty()),
                time: text(entry, "time").and_then(|time| time.parse().ok()),
                fields,
            })
        })
        .collect()
}

fn flatten(tree: &Map<String, Value>, path: &mut Vec<Step>, out: &mut Vec<FieldPath>) {
    if path.len() > DEEPEST {
        return;
    }
    for (key, below) in tree {
        if out.len() >= MOST_FIELDS {
            return;
        }
        // The node itself: implied by its children, and a leaf of its own only where there are none.
        if key == "." {
            if tree.len() == 1 {
                out.push(FieldPath(path.clone()));
            }
            continue;
        }
        let Some(step) = step(key) else { continue };
        path.push(step);
        match below {
            Value::Object(below) if !below.is_empty() => flatten(below, path, out),
            _ => out.push(FieldPath(path.clone())),
        }
        path.pop();
    }
}

fn step(key: &str) -> Option<Step> {
    let (tag, rest) = key.split_once(':')?;
    match tag {
        "f" => Some(Step::Key(rest.to_owned())),
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

/// The reverse of [`parse`]. Merge keys become strings, whatever they were.
pub(super) fn format(managers: &[Manager]) -> Value {
    managers
        .iter()
        .map(|manager| {
            let mut tree = Map::new();
            for path in &manager.fields {
                insert(&mut tree, &path.0);
            }
            let mut entry = json!({
                "manager": manager.name,
                "operation": manager.operation,
                "fieldsType": "FieldsV1",
                "fieldsV1": tree,
            });
            if let Some(time) = manager.time {
                entry["time"] = Value::String(time.to_string());
            }
            if let Some(subresource) = &manager.subresource {
                entry["subresource"] = Value::String(subresource.clone());
            }
            entry
        })
        .collect()
}

fn insert(tree: &mut Map<String, Value>, path: &[Step]) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    let key = match first {
        Step::Key(key) => format!("f:{key}"),
        Step::Index(index) => format!("i:{index}"),
        Step::Item(keys) => match keys.as_slice() {
            [(key, value)] if key.is_empty() => format!("v:{}", Value::String(value.clone())),
            keys => {
                let keys: Map<String, Value> = keys
                    .iter()
                    .map(|(key, value)| (key.clone(), Value::String(value.clone())))
                    .collect();
                format!("k:{}", Value::Object(keys))
            }
        },
    };
    if let Value::Object(below) = tree.entry(key).or_insert_with(|| json!({})) {
        insert(below, rest);
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
            .filter(|manager| manager.fields.iter().any(|field| related(&field.0, steps)))
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

/// Whether one is the other, or lies in it.
fn related(a: &[Step], b: &[Step]) -> bool {
    a.iter().zip(b).all(|(a, b)| same_step(a, b))
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

    fn paths(manager: &Manager) -> Vec<String> {
        manager.fields.iter().map(ToString::to_string).collect()
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
    fn fields_v1_become_paths() {
        let managers = parse(&entries());
        assert_eq!(managers.len(), 2);
        assert_eq!(
            paths(&managers[0]),
            [
                r#"metadata.annotations["a.b/c"]"#,
                "metadata.finalizers[x/y]",
                "spec.template.spec.containers[name=api].args",
                "spec.template.spec.containers[name=api].ports[containerPort=80,protocol=TCP].containerPort",
                "spec.template.spec.volumes[name=tmp].emptyDir",
            ]
        );
        assert_eq!(
            managers[0].time,
            Some("2026-03-01T10:00:00Z".parse().unwrap())
        );
        assert_eq!(managers[1].subresource.as_deref(), Some("scale"));
        assert_eq!(parse(&format(&managers)), managers);
    }

    #[test]
    fn the_owner_of_a_field_owns_it_or_what_it_is_part_of() {
        let managers = parse(&entries());
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
        assert!(parse(&json!("x")).is_empty());
        assert!(parse(&json!([1, null, {}])).is_empty());
        let odd = json!([{ "manager": "m", "fieldsV1": { "q:x": {}, "nonsense": {}, "k:{": {}, "i:x": {}, "f:a": 3 } }]);
        assert_eq!(paths(&parse(&odd)[0]), ["a"]);
        let mut deep = json!({});
        for _ in 0..200 {
            deep = json!({ "f:x": deep });
        }
        assert!(
            parse(&json!([{ "manager": "m", "fieldsV1": deep }]))[0]
                .fields
                .is_empty()
        );
    }
}
