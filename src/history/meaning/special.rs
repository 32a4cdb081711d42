//! What changed in kinds whose fields say little by themselves: what is encrypted, what refers to a secret elsewhere,
//! pipelines, machines.
//!
//! Each takes the fields that it explains; what is left is said like any other change.

use std::collections::BTreeSet;

use super::super::changes::ResourceChange;
use super::{NAMES_SAID, items, own_name, value};
use crate::diff::FieldChange;
use crate::manifest::{
    KARGO, Language, Leaf, Node, Object, Step, kargo_summary, names_vault, vault_references,
};
use crate::text::clean_line;

/// What the change of a resource meant, a text for each thing; the fields it tells are taken out of `fields`.
pub(super) fn said(change: &ResourceChange, fields: &mut Vec<&FieldChange>) -> Vec<String> {
    let (Some(before), Some(after)) = (change.object_before(), change.object_after()) else {
        return Vec::new();
    };
    let mut said = sops(before, after, fields);
    said.extend(vault(before, after, fields));
    let group = after.id.group.as_str();
    said.extend(match (group, after.id.kind.as_str()) {
        ("bitnami.com", "SealedSecret") => sealed(before, after, fields),
        (
            "external-secrets.io" | "kubernetes-client.io",
            "ExternalSecret" | "ClusterExternalSecret",
        ) => external(before, after, fields),
        ("tekton.dev" | "triggers.tekton.dev", _) => tekton(before, after, fields),
        ("gitkube.sh", "Remote") => gitkube(before, after, fields),
        (KARGO, _) => kargo(before, after, fields),
        _ if is_cluster_api(group) => machines(fields),
        _ => Vec::new(),
    });
    let language = Language::of(&after.id);
    said.extend(match language {
        Some(Language::Terraform) => items::terraform(before, after, fields),
        Some(Language::Ansible | Language::Casc | Language::JobDsl) | None => Vec::new(),
    });
    let between = if language.is_some() { ' ' } else { '/' };
    let resource = format!("{}{between}{}", change.object.kind, own_name(change));
    said.into_iter()
        .map(|text| clean_line(&format!("{resource}{text}")))
        .collect()
}

fn keys<'f>(field: &'f FieldChange) -> Vec<&'f str> {
    let key = |step: &'f Step| match step {
        Step::Key(key) => Some(key.as_str()),
        Step::Index(_) | Step::Item(_) => None,
    };
    field.path.0.iter().map_while(key).collect()
}

fn is_below(field: &FieldChange, path: &[&str]) -> bool {
    keys(field).starts_with(path)
}

/// `a, b`, or how many.
fn listed<T: AsRef<str>>(names: &[T], what: &str) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match names.len() {
        0..=NAMES_SAID => names.join(", "),
        count => format!("{count} {what}s"),
    }
}

/// SOPS encrypts the values of any file, and adds `sops` to it.
fn sops(before: &Object, after: &Object, fields: &mut Vec<&FieldChange>) -> Vec<String> {
    let is = |object: &Object| object.at(&["sops"]).is_some();
    let encrypted = |node: &Option<Node>| matches!(node, Some(Node::Leaf(Leaf::Encrypted(_))));
    if !is(before) && !is(after) {
        return Vec::new();
    }
    let count = fields.len();
    let changed: Vec<&FieldChange> = fields
        .iter()
        .filter(|field| encrypted(&field.before) || encrypted(&field.after))
        .filter(|field| !is_below(field, &["sops"]))
        .copied()
        .collect();
    fields.retain(|field| {
        !is_below(field, &["sops"]) && !encrypted(&field.before) && !encrypted(&field.after)
    });
    let other_keys = count > fields.len() + changed.len();
    vec![match (is(before), is(after), changed.as_slice()) {
        (false, true, _) => ": now encrypted (SOPS)".to_owned(),
        (true, false, _) => ": no longer encrypted (SOPS)".to_owned(),
        (_, _, [one]) => format!(": encrypted {} changed (SOPS)", super::label(&one.path)),
        (_, _, []) if other_keys => ": encrypted for other keys (SOPS)".to_owned(),
        (_, _, []) => return Vec::new(),
        (_, _, several) => format!(": {} encrypted values changed (SOPS)", several.len()),
    }]
}

/// Where values are, in a vault: references are no secrets.
fn vault(before: &Object, after: &Object, fields: &mut Vec<&FieldChange>) -> Vec<String> {
    let names = |field: &FieldChange, node: &Option<Node>| {
        let key = match field.path.0.last() {
            Some(Step::Key(key)) => key.as_str(),
            _ => "",
        };
        let text = node.as_ref().and_then(Node::as_str);
        text.is_some_and(|text| names_vault(key, text))
    };
    let told = |field: &FieldChange| names(field, &field.before) || names(field, &field.after);
    if !fields.iter().any(|field| told(field)) {
        return Vec::new();
    }
    let (old, new) = (vault_references(before), vault_references(after));
    let from: Vec<&String> = new.difference(&old).collect();
    let left: Vec<&String> = old.difference(&new).collect();
    let said = match (from.is_empty(), left.is_empty()) {
        (false, _) => format!(" now read from vault {}", listed(&from, "reference")),
        (true, false) => format!(" no longer read from vault {}", listed(&left, "reference")),
        (true, true) => return Vec::new(),
    };
    fields.retain(|field| !told(field));
    vec![said]
}

/// Each sealing encrypts anew: that the ciphertext differs does not say that the value does.
fn sealed(before: &Object, after: &Object, fields: &mut Vec<&FieldChange>) -> Vec<String> {
    const VALUES: [&str; 2] = ["spec", "encryptedData"];
    fields.retain(|field| !is_below(field, &VALUES));
    let values = |object: &Object| {
        object
            .at(&VALUES)
            .and_then(Node::as_map)
            .cloned()
            .unwrap_or_default()
    };
    let (before, after) = (values(before), values(after));
    let new: Vec<&String> = after
        .keys()
        .filter(|key| !before.contains_key(key))
        .collect();
    let gone: Vec<&String> = before
        .keys()
        .filter(|key| !after.contains_key(key))
        .collect();
    let kept = before.keys().filter(|key| after.contains_key(key)).count();
    let anew: Vec<&String> = before
        .iter()
        .filter(|(key, value)| after.get(key).is_some_and(|after| after != *value))
        .map(|(key, _)| key)
        .collect();
    let mut said = Vec::new();
    if !anew.is_empty() {
        said.push(match anew.len() == kept {
            true => " re-sealed".to_owned(),
            false => format!(" re-sealed: {}", listed(&anew, "value")),
        });
    }
    said.extend((!new.is_empty()).then(|| format!(": new {}", listed(&new, "value"))));
    said.extend((!gone.is_empty()).then(|| format!(": without {}", listed(&gone, "value"))));
    said
}

/// Where an ExternalSecret's values come from. external-secrets.io: `remoteRef.key` in a store; kubernetes-client.io:
/// `key` (or `name`) in a backend.
fn external(before: &Object, after: &Object, fields: &mut Vec<&FieldChange>) -> Vec<String> {
    let (old, new) = (Origins::of(before), Origins::of(after));
    let mut said = Vec::new();
    if old.store != new.store
        && let Some(store) = &new.store
    {
        said.push(match &old.store {
            Some(old) => format!(": store {old} → {store}"),
            None => format!(": store {store}"),
        });
    }
    let from: Vec<&String> = new.keys.difference(&old.keys).collect();
    let left: Vec<&String> = old.keys.difference(&new.keys).collect();
    match (from.is_empty(), left.is_empty()) {
        (false, _) => said.push(format!(": now from {}", listed(&from, "key"))),
        (true, false) => said.push(format!(": no longer from {}", listed(&left, "key"))),
        (true, true) => {}
    }
    let added: Vec<&String> = new.names.difference(&old.names).collect();
    let gone: Vec<&String> = old.names.difference(&new.names).collect();
    said.extend((!added.is_empty()).then(|| format!(": new {}", listed(&added, "value"))));
    said.extend((!gone.is_empty()).then(|| format!(": without {}", listed(&gone, "value"))));
    if !said.is_empty() {
        const TOLD: [&str; 7] = [
            "backendType",
            "data",
            "dataFrom",
            "secretStoreRef",
            "vaultMountPoint",
            "externalSecretSpec",
            "dataFromWithOptions",
        ];
        fields.retain(
            |field| !matches!(keys(field).as_slice(), ["spec", key, ..] if TOLD.contains(key)),
        );
    }
    said
}

#[derive(Default)]
struct Origins {
    store: Option<String>,
    /// Paths in the store.
    keys: BTreeSet<String>,
    /// Keys of the Secret that is made.
    names: BTreeSet<String>,
}

impl Origins {
    fn of(object: &Object) -> Origins {
        let mut origins = Origins::default();
        let Some(spec) = object
            .at(&["spec", "externalSecretSpec"])
            .or_else(|| object.at(&["spec"]))
        else {
            return origins;
        };
        let text =
            |node: &Node, path: &[&str]| node.at(path).and_then(Node::as_str).map(str::to_owned);
        let items = |key: &str| spec.get(key).and_then(Node::as_list).unwrap_or_default();
        origins.store =
            text(spec, &["secretStoreRef", "name"]).or_else(|| text(spec, &["backendType"]));
        for item in items("data") {
            let key = text(item, &["remoteRef", "key"]).or_else(|| text(item, &["key"]));
            let name = text(item, &["secretKey"]).or_else(|| text(item, &["name"]));
            origins.keys.extend(key);
            origins.names.extend(name);
        }
        for item in items("dataFrom").iter().chain(items("dataFromWithOptions")) {
            let key = text(item, &["extract", "key"])
                .or_else(|| text(item, &["find", "path"]))
                .or_else(|| text(item, &["key"]))
                .or_else(|| item.as_str().map(str::to_owned));
            origins.keys.extend(key);
        }
        origins
    }
}

/// What a pipeline consists of, by name: its tasks, a task's steps, a listener's triggers.
fn tekton(before: &Object, after: &Object, fields: &mut Vec<&FieldChange>) -> Vec<String> {
    const PARTS: [(&str, &str); 6] = [
        ("tasks", "task"),
        ("finally", "final task"),
        ("steps", "step"),
        ("sidecars", "sidecar"),
        ("triggers", "trigger"),
        ("params", "parameter"),
    ];
    let mut said = Vec::new();
    for (list, part) in PARTS {
        let names = |object: &Object| names_of(object.at(&["spec", list]));
        let (old, new) = (names(before), names(after));
        let added: Vec<&String> = new.difference(&old).collect();
        let gone: Vec<&String> = old.difference(&new).collect();
        if added.is_empty() && gone.is_empty() {
            continue;
        }
        said.extend((!added.is_empty()).then(|| format!(": new {part} {}", listed(&added, part))));
        said.extend(
            (!gone.is_empty()).then(|| format!(": {part} {} removed", listed(&gone, part))),
        );
        fields.retain(|field| !is_in_items(field, list, &added, &gone));
    }
    said
}

fn names_of(list: Option<&Node>) -> BTreeSet<String> {
    let items = list.and_then(Node::as_list).unwrap_or_default();
    let names = items.iter().filter_map(|item| item.get("name")?.as_str());
    names.map(str::to_owned).collect()
}

/// Whether a field is inside an item that came or went, or is all of a list that is not told apart by names.
fn is_in_items(field: &FieldChange, list: &str, added: &[&String], gone: &[&String]) -> bool {
    match field.path.0.as_slice() {
        [Step::Key(spec), Step::Key(key), rest @ ..] if spec == "spec" && key == list => match rest
        {
            [Step::Item(keys), ..] => keys
                .iter()
                .any(|(_, name)| added.contains(&name) || gone.contains(&name)),
            [Step::Index(_), ..] | [] => true,
            [Step::Key(_), ..] => false,
        },
        _ => false,
    }
}

/// Who may push to a cluster through Gitkube.
fn gitkube(before: &Object, after: &Object, fields: &mut Vec<&FieldChange>) -> Vec<String> {
    const KEYS: [&str; 2] = ["spec", "authorizedKeys"];
    let of = |object: &Object| {
        object
            .at(&KEYS)
            .and_then(Node::as_list)
            .map_or(0, <[Node]>::len)
    };
    if !fields.iter().any(|field| is_below(field, &KEYS)) {
        return Vec::new();
    }
    fields.retain(|field| !is_below(field, &KEYS));
    vec![match (of(before), of(after)) {
        (old, new) if old == new => ": authorized keys replaced".to_owned(),
        (old, new) => format!(": authorized keys {old} → {new}"),
    }]
}

/// What a Stage takes from where, a Warehouse watches, a task does.
fn kargo(before: &Object, after: &Object, fields: &mut Vec<&FieldChange>) -> Vec<String> {
    const TOLD: [&str; 2] = ["requestedFreight", "subscriptions"];
    let (Some(old), Some(new)) = (kargo_summary(before), kargo_summary(after)) else {
        return Vec::new();
    };
    if old == new {
        return Vec::new();
    }
    fields
        .retain(|field| !matches!(keys(field).as_slice(), ["spec", key, ..] if TOLD.contains(key)));
    vec![format!(": now {new}")]
}

/// Cluster API, and WKSctl, which took it over when it was young.
fn is_cluster_api(group: &str) -> bool {
    group == "cluster.x-k8s.io"
        || group.ends_with(".cluster.x-k8s.io")
        || matches!(group, "cluster.k8s.io" | "cluster.weave.works")
}

/// How many machines run which Kubernetes: `3 → 5 machines, v1.29.4 → v1.30.1`.
fn machines(fields: &mut Vec<&FieldChange>) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    fields.retain(|field| {
        let (Some(before), Some(after)) = (&field.before, &field.after) else {
            return true;
        };
        let (Some(before), Some(after)) = (value(before), value(after)) else {
            return true;
        };
        let key = match field.path.0.last() {
            Some(Step::Key(key)) => key.as_str(),
            _ => "",
        };
        let pool = field.path.0.iter().rev().find_map(|step| match step {
            Step::Item(keys) => keys.first().map(|(_, name)| format!(" in {name}")),
            Step::Key(_) | Step::Index(_) => None,
        });
        let text = match key {
            "replicas" => format!("{before} → {after} machines{}", pool.unwrap_or_default()),
            "version" | "kubernetesVersion" | "kubelet" => {
                format!("Kubernetes {before} → {after}")
            }
            _ => return true,
        };
        if !said.contains(&text) {
            said.push(text);
        }
        false
    });
    match said.is_empty() {
        true => Vec::new(),
        false => vec![format!(": {}", said.join(", "))],
    }
}
