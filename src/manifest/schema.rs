//! What the API's schema says of lists that a manifest alone does not: how their items are told apart.

use std::collections::{HashMap, HashSet};

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

/// The list types of the built-in kinds, extended by the CRDs that were seen.
#[derive(Debug, Clone, Default)]
pub struct ListKeys {
    /// group and kind → path of map keys (`*`: any key) → type.
    learned: HashMap<(String, String), HashMap<Vec<String>, ListType>>,
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

    /// Learns `x-kubernetes-list-type` and `-map-keys` from a CustomResourceDefinition; other objects are ignored.
    pub fn learn(&mut self, crd: &Object) {
        if crd.id.kind != "CustomResourceDefinition" {
            return;
        }
        let text = |keys: &[&str]| crd.at(keys).and_then(Node::as_str).map(str::to_owned);
        let (Some(group), Some(kind)) =
            (text(&["spec", "group"]), text(&["spec", "names", "kind"]))
        else {
            return;
        };
        let mut lists = HashMap::new();
        // apiextensions v1 has a schema for each version, v1beta1 may have one for all.
        let versions = crd
            .at(&["spec", "versions"])
            .and_then(Node::as_list)
            .unwrap_or_default();
        let schemas = versions
            .iter()
            .filter_map(|version| version.at(&["schema", "openAPIV3Schema"]));
        for schema in schemas.chain(crd.at(&["spec", "validation", "openAPIV3Schema"])) {
            learn(schema, &mut Vec::new(), &mut lists);
        }
        self.learned.insert((group, kind), lists);
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

fn learn(schema: &Node, path: &mut Vec<String>, lists: &mut HashMap<Vec<String>, ListType>) {
    if let Some(Node::Map(properties)) = schema.get("properties") {
        for (key, property) in properties {
            path.push(key.clone());
            learn(property, path, lists);
            path.pop();
        }
    }
    if let Some(values @ Node::Map(_)) = schema.get("additionalProperties") {
        path.push("*".to_owned());
        learn(values, path, lists);
        path.pop();
    }
    if let Some(items) = schema.get("items") {
        let found = match schema.get("x-kubernetes-list-type").and_then(Node::as_str) {
            Some("set") => Some(ListType::Set),
            Some("atomic") => Some(ListType::Atomic),
            Some("map") => {
                let keys = schema
                    .get("x-kubernetes-list-map-keys")
                    .and_then(Node::as_list)
                    .unwrap_or_default();
                Some(ListType::Map(
                    keys.iter()
                        .filter_map(Node::as_str)
                        .map(str::to_owned)
                        .collect(),
                ))
            }
            _ => None,
        };
        if let Some(found) = found {
            lists.insert(path.clone(), found);
        }
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
