//! Live objects as the API server keeps them: identity, what it fills in, and who owns which field.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::hash;

/// Which object. Kinds of the demo are unique without their group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// Empty for cluster-scoped kinds.
    pub(super) namespace: String,
    pub(super) kind: String,
    pub(super) name: String,
}

impl Key {
    pub(super) fn new(namespace: &str, kind: &str, name: &str) -> Key {
        Key {
            namespace: namespace.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
        }
    }

    /// `None` where `object` is none.
    pub(super) fn of(object: &Value) -> Option<Key> {
        let metadata = object.get("metadata")?;
        Some(Key {
            namespace: metadata
                .get("namespace")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            kind: object.get("kind")?.as_str()?.to_owned(),
            name: metadata.get("name")?.as_str()?.to_owned(),
        })
    }

    /// The same every time, and different for every object.
    pub(super) fn uid(&self) -> String {
        let high = hash(&format!("{self:?}"));
        let low = hash(&format!("{self:?} uid"));
        format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            low >> 52,
            low & 0xffff_ffff_ffff
        )
    }
}

/// The cluster's objects.
pub(super) type Live = BTreeMap<Key, Value>;

/// The annotation in which `kubectl apply` keeps what it applied.
pub(super) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

pub(super) const APPLIER: &str = "kubectl-client-side-apply";
pub(super) const CONTROLLERS: &str = "kube-controller-manager";

/// A time as the API server writes it, to the second.
pub(super) fn time(at: Timestamp) -> Value {
    Timestamp::from_second(at.as_second())
        .unwrap_or(at)
        .to_string()
        .into()
}

pub(super) fn read_time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

/// `name` as a controller would suffix it: from the letters Kubernetes uses, the same for the same `seed`.
pub(super) fn suffix(seed: &str, length: usize) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut number = hash(seed);
    let mut text = String::with_capacity(length);
    for _ in 0..length {
        text.push(char::from(LETTERS[(number % 27) as usize]));
        number = number / 27 + hash(&text) % 1_000_000_007;
    }
    text
}

/// An object that a controller makes for another.
pub(super) fn owned(api_version: &str, key: &Key, owner: &Value, at: Timestamp) -> Value {
    json!({
        "apiVersion": api_version,
        "kind": key.kind,
        "metadata": {
            "name": key.name,
            "namespace": key.namespace,
            "uid": key.uid(),
            "creationTimestamp": time(at),
            "resourceVersion": version(at),
            "ownerReferences": [{
                "apiVersion": owner["apiVersion"],
                "kind": owner["kind"],
                "name": owner["metadata"]["name"],
                "uid": owner["metadata"]["uid"],
                "controller": true,
                "blockOwnerDeletion": true,
            }],
        },
    })
}

/// A resource version that grows with time.
pub(super) fn version(at: Timestamp) -> Value {
    (at.as_second() - 1_600_000_000).to_string().into()
}

/// The keys of what `owner` controls.
pub(super) fn owned_by(live: &Live, owner: &Value, kind: &str) -> Vec<Key> {
    let namespace = owner["metadata"]["namespace"].as_str().unwrap_or_default();
    let uid = &owner["metadata"]["uid"];
    live.range(Key::new(namespace, kind, "")..)
        .take_while(|(key, _)| key.namespace == namespace && key.kind == kind)
        .filter(|(_, object)| object["metadata"]["ownerReferences"][0]["uid"] == *uid)
        .map(|(key, _)| key.clone())
        .collect()
}

/// Removes an object and what it owns.
pub(super) fn delete(live: &mut Live, key: &Key) {
    let Some(object) = live.remove(key) else {
        return;
    };
    for kind in ["ReplicaSet", "Pod", "Job"] {
        for child in owned_by(live, &object, kind) {
            delete(live, &child);
        }
    }
}

/// `manager` has just set `fields` (as `managedFields` writes them): they are no longer anybody else's.
pub(super) fn own(
    object: &mut Value,
    manager: &str,
    subresource: Option<&str>,
    fields: Value,
    at: Timestamp,
) {
    let api_version = object["apiVersion"].clone();
    let entries = &mut object["metadata"]["managedFields"];
    let mut list = entries.as_array().cloned().unwrap_or_default();
    let is_own = |entry: &Value| {
        entry["manager"] == manager
            && entry.get("subresource").and_then(Value::as_str) == subresource
    };
    for entry in list.iter_mut().filter(|entry| !is_own(entry)) {
        subtract(&mut entry["fieldsV1"], &fields);
    }
    list.retain(|entry| {
        !is_own(entry) && entry["fieldsV1"].as_object().is_some_and(|f| !f.is_empty())
    });
    let mut entry = json!({
        "manager": manager,
        "operation": "Update",
        "apiVersion": api_version,
        "time": time(at),
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    });
    if let Some(subresource) = subresource {
        entry["subresource"] = subresource.into();
    }
    list.push(entry);
    *entries = list.into();
}

fn subtract(from: &mut Value, fields: &Value) {
    let (Some(from), Some(fields)) = (from.as_object_mut(), fields.as_object()) else {
        return;
    };
    for (name, below) in fields {
        let Some(inner) = from.get_mut(name) else {
            continue;
        };
        if below.as_object().is_some_and(|below| !below.is_empty()) {
            subtract(inner, below);
        }
        let empty = inner
            .as_object()
            .is_none_or(|inner| inner.keys().all(|key| key == "."));
        if empty {
            from.remove(name);
        }
    }
}

/// The fields an object sets, as `managedFields` writes them: all but its identity.
pub(super) fn fields_of(object: &Value) -> Value {
    let mut fields = Map::new();
    for (name, value) in object.as_object().into_iter().flatten() {
        match name.as_str() {
            "apiVersion" | "kind" => {}
            "metadata" => {
                let mut metadata = Map::new();
                for part in ["annotations", "labels"] {
                    if let Some(value) = value.get(part) {
                        metadata.insert(format!("f:{part}"), fields_below(part, value));
                    }
                }
                fields.insert("f:metadata".to_owned(), metadata.into());
            }
            name => {
                fields.insert(format!("f:{name}"), fields_below(name, value));
            }
        }
    }
    fields.into()
}

fn fields_below(name: &str, value: &Value) -> Value {
    match value {
        // These maps are replaced as a whole.
        Value::Object(_)
            if matches!(
                name,
                "selector" | "configMapRef" | "secretRef" | "scaleTargetRef"
            ) =>
        {
            json!({})
        }
        Value::Object(map) => {
            let mut fields = Map::new();
            for (key, value) in map {
                fields.insert(format!("f:{key}"), fields_below(key, value));
            }
            fields.into()
        }
        Value::Array(items) => {
            let mut fields = Map::new();
            for item in items {
                let Some(key) = list_key(name, item) else {
                    return json!({});
                };
                let mut below = fields_below("", item);
                below["."] = json!({});
                fields.insert(format!("k:{key}"), below);
            }
            fields.into()
        }
        _ => json!({}),
    }
}

/// What tells the items of a list apart (`x-kubernetes-list-map-keys`); `None` for lists that are replaced as a whole.
fn list_key(list: &str, item: &Value) -> Option<Value> {
    let protocol = || item.get("protocol").cloned().unwrap_or("TCP".into());
    match list {
        "containers" | "env" | "volumes" => Some(json!({"name": item.get("name")?})),
        "volumeMounts" => Some(json!({"mountPath": item.get("mountPath")?})),
        "conditions" => Some(json!({"type": item.get("type")?})),
        "ports" => match (item.get("containerPort"), item.get("port")) {
            (Some(port), _) => Some(json!({"containerPort": port, "protocol": protocol()})),
            (None, Some(port)) => Some(json!({"port": port, "protocol": protocol()})),
            (None, None) => None,
        },
        _ => None,
    }
}
