//! What the API's schema says of lists that a manifest alone does not: how their items are told apart.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::kinds::is_built_in;
use super::object::{Node, Object, ObjectRef};
use super::path::{FieldPath, Step};

/// How items of a list are told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListType {
    /// By these fields of each item (`x-kubernetes-list-map-keys`).
    Map(Vec<String>),
    /// A set of scalars (`finalizers`): order carries no meaning.
    Set,
    /// By position; order carries meaning.
    Atomic,
}

/// The list types of the built-in kinds, and of others whose schema was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Learned>", into = "Vec<Learned>")]
pub struct ListKeys {
    /// group and kind → path of map keys (`*`: any key) → type.
    learned: HashMap<(String, String), HashMap<Vec<String>, ListType>>,
}

/// What was learned of a kind, as it is written down.
#[derive(Serialize, Deserialize)]
struct Learned {
    group: String,
    kind: String,
    lists: Vec<LearnedList>,
}

/// Without keys, and no set, it is atomic.
#[derive(Serialize, Deserialize)]
struct LearnedList {
    path: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    keys: Vec<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    set: bool,
}

impl From<ListKeys> for Vec<Learned> {
    fn from(keys: ListKeys) -> Vec<Learned> {
        let kinds = keys.learned.into_iter().map(|((group, kind), lists)| {
            let lists = lists.into_iter();
            let mut lists: Vec<LearnedList> = lists
                .map(|(path, list)| LearnedList {
                    path,
                    set: list == ListType::Set,
                    keys: match list {
                        ListType::Map(keys) => keys,
                        ListType::Set | ListType::Atomic => Vec::new(),
                    },
                })
                .collect();
            lists.sort_by(|a, b| a.path.cmp(&b.path));
            Learned { group, kind, lists }
        });
        let mut kinds: Vec<Learned> = kinds.collect();
        kinds.sort_by(|a, b| (&a.group, &a.kind).cmp(&(&b.group, &b.kind)));
        kinds
    }
}

impl From<Vec<Learned>> for ListKeys {
    fn from(kinds: Vec<Learned>) -> ListKeys {
        let learned = kinds.into_iter().map(|learned| {
            let lists = learned.lists.into_iter();
            let lists = lists.map(|at| {
                let list = match at.keys {
                    _ if at.set => ListType::Set,
                    keys if keys.is_empty() => ListType::Atomic,
                    keys => ListType::Map(keys),
                };
                (at.path, list)
            });
            let lists = lists.collect();
            ((learned.group, learned.kind), lists)
        });
        ListKeys {
            learned: learned.collect(),
        }
    }
}

/// Built-in lists by the end of their path: (groups, keys of the path's end, keys that identify an item). `^` is the
/// object's root. Pod specs are embedded in many kinds, so their lists hold for every group.
///
/// Source: `x-kubernetes-list-map-keys` in Kubernetes' OpenAPI (`api/openapi-spec/swagger.json`).
const MAPS: &[(&[&str], &[&str], &[&str])] = &[
    (&[], &["spec", "containers"], &["name"]),
    (&[], &["spec", "initContainers"], &["name"]),
    (&[], &["spec", "ephemeralContainers"], &["name"]),
    (&[], &["spec", "volumes"], &["name"]),
    (&[], &["spec", "imagePullSecrets"], &["name"]),
    (&[], &["spec", "hostAliases"], &["ip"]),
    (
        &[],
        &["spec", "topologySpreadConstraints"],
        &["topologyKey", "whenUnsatisfiable"],
    ),
    (&[], &["spec", "resourceClaims"], &["name"]),
    (&[], &["spec", "schedulingGates"], &["name"]),
    (&[], &["^", "metadata", "ownerReferences"], &["uid"]),
    (&[], &["^", "status", "conditions"], &["type"]),
    (&[""], &["^", "spec", "ports"], &["port", "protocol"]),
    (&[""], &["^", "secrets"], &["name"]),
    (&[""], &["^", "status", "podIPs"], &["ip"]),
    (&[""], &["^", "status", "hostIPs"], &["ip"]),
    (&[""], &["^", "status", "addresses"], &["type"]),
    (
        &["admissionregistration.k8s.io"],
        &["^", "webhooks"],
        &["name"],
    ),
    (
        &["admissionregistration.k8s.io"],
        &["webhooks", "matchConditions"],
        &["name"],
    ),
    (
        &["admissionregistration.k8s.io"],
        &["^", "spec", "matchConditions"],
        &["name"],
    ),
    (
        &["admissionregistration.k8s.io"],
        &["^", "spec", "variables"],
        &["name"],
    ),
    (
        &["apiextensions.k8s.io"],
        &["^", "spec", "versions"],
        &["name"],
    ),
    (&["storage.k8s.io"], &["^", "spec", "drivers"], &["name"]),
];

/// Lists of each container.
const CONTAINER_MAPS: &[(&[&str], &[&str])] = &[
    (&["env"], &["name"]),
    (&["ports"], &["containerPort", "protocol"]),
    (&["volumeMounts"], &["mountPath"]),
    (&["volumeDevices"], &["devicePath"]),
    (&["resources", "claims"], &["name"]),
];

/// Built-in lists whose order carries no meaning.
const SETS: &[(&[&str], &[&str])] = &[
    (&[], &["^", "metadata", "finalizers"]),
    (&[], &["volumeMounts", "bindMountOptions"]),
    (&["storage.k8s.io"], &["^", "spec", "volumeLifecycleModes"]),
    (
        &["admissionregistration.k8s.io"],
        &["^", "spec", "validationActions"],
    ),
    (&["discovery.k8s.io"], &["endpoints", "addresses"]),
];

impl ListKeys {
    /// The built-in kinds' lists alone.
    pub fn builtin() -> ListKeys {
        ListKeys::default()
    }

    /// Learns `x-kubernetes-list-type` and `-map-keys` of a kind from its OpenAPI schema. A list without a type is atomic (source:
    /// Kubernetes, "Extend the Kubernetes API with CustomResourceDefinitions", merge strategy).
    pub fn learn(&mut self, group: &str, kind: &str, schema: &Value) {
        let mut lists = HashMap::new();
        learn(schema, &mut Vec::new(), &mut lists);
        let kind = (group.to_owned(), kind.to_owned());
        self.learned.insert(kind, lists);
    }

    /// What was learned of the kinds that `wanted` (group, kind) picks.
    pub fn of_kinds(&self, wanted: impl Fn(&str, &str) -> bool) -> ListKeys {
        let learned = self.learned.iter();
        let learned = learned.filter(|((group, kind), _)| wanted(group, kind));
        ListKeys {
            learned: learned
                .map(|(kind, lists)| (kind.clone(), lists.clone()))
                .collect(),
        }
    }

    /// Adds what `other` has learned.
    pub fn extend(&mut self, other: &ListKeys) {
        let learned = other.learned.iter();
        self.learned
            .extend(learned.map(|(kind, lists)| (kind.clone(), lists.clone())));
    }

    /// Whether nothing was learned.
    pub fn is_empty(&self) -> bool {
        self.learned.is_empty()
    }

    /// The type of the list at `path` in `object`: what its CRD says, else what the built-in schemas say. Where no
    /// schema is known, a list of maps that each have a `name` of their own is taken to be identified by it.
    pub fn list_type(&self, object: &Object, path: &FieldPath) -> ListType {
        let items = object
            .root
            .field(path)
            .and_then(Node::as_list)
            .unwrap_or_default();
        self.list_type_of(&object.id, path, items)
    }

    /// As [`ListKeys::list_type`], with the list's items at hand.
    pub fn list_type_of(&self, id: &ObjectRef, path: &FieldPath, items: &[Node]) -> ListType {
        let keys: Vec<&str> = path
            .0
            .iter()
            .filter_map(|step| match step {
                Step::Key(key) => Some(key.as_str()),
                Step::Item(_) | Step::Index(_) => None,
            })
            .collect();
        let learned = self.learned.get(&(id.group.clone(), id.kind.clone()));
        if let Some(found) = learned.and_then(|lists| lookup(lists, &keys)) {
            return found.clone();
        }
        if let Some(found) = built_in(&id.group, &keys) {
            return found;
        }
        if !is_built_in(&id.group) && named(items) {
            return ListType::Map(vec!["name".to_owned()]);
        }
        ListType::Atomic
    }
}

fn built_in(group: &str, keys: &[&str]) -> Option<ListType> {
    let in_group = |groups: &[&str]| groups.is_empty() || groups.contains(&group);
    let map = |names: &[&str]| ListType::Map(names.iter().map(|&name| name.to_owned()).collect());
    for (groups, end, names) in MAPS {
        if in_group(groups) && ends_with(keys, end) {
            return Some(map(names));
        }
    }
    for (end, names) in CONTAINER_MAPS {
        if let Some(rest) = keys.strip_suffix(*end)
            && matches!(
                rest.last(),
                Some(&("containers" | "initContainers" | "ephemeralContainers"))
            )
        {
            return Some(map(names));
        }
    }
    let set = SETS
        .iter()
        .any(|(groups, end)| in_group(groups) && ends_with(keys, end));
    set.then_some(ListType::Set)
}

fn ends_with(keys: &[&str], end: &[&str]) -> bool {
    match end.strip_prefix(&["^"]) {
        Some(whole) => keys == whole,
        None => keys.ends_with(end),
    }
}

fn lookup<'a>(lists: &'a HashMap<Vec<String>, ListType>, keys: &[&str]) -> Option<&'a ListType> {
    lists
        .iter()
        .find(|(path, _)| {
            path.len() == keys.len() && path.iter().zip(keys).all(|(p, k)| p == "*" || p == k)
        })
        .map(|(_, found)| found)
}

fn learn(schema: &Value, path: &mut Vec<String>, lists: &mut HashMap<Vec<String>, ListType>) {
    // Deeper than what the API server stores of anything.
    const DEEPEST: usize = 64;
    if path.len() > DEEPEST {
        return;
    }
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        for (key, property) in properties {
            path.push(key.clone());
            learn(property, path, lists);
            path.pop();
        }
    }
    if let Some(values @ Value::Object(_)) = schema.get("additionalProperties") {
        path.push("*".to_owned());
        learn(values, path, lists);
        path.pop();
    }
    if let Some(items) = schema.get("items") {
        let keys = schema.get("x-kubernetes-list-map-keys");
        let keys = keys.and_then(Value::as_array).into_iter().flatten();
        let keys = keys.filter_map(Value::as_str).map(str::to_owned);
        let found = match schema.get("x-kubernetes-list-type").and_then(Value::as_str) {
            Some("set") => ListType::Set,
            Some("map") => ListType::Map(keys.collect()),
            _ => ListType::Atomic,
        };
        lists.insert(path.clone(), found);
        learn(items, path, lists);
    }
}

fn named(items: &[Node]) -> bool {
    let mut seen = HashSet::new();
    !items.is_empty()
        && items.iter().all(|item| {
            item.get("name")
                .and_then(Node::as_str)
                .is_some_and(|name| seen.insert(name))
        })
}
