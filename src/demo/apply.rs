//! The demo's deployer: `kubectl apply --prune` of what changed in the tree, with the marks it leaves on objects.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::defaults;
use super::desired::Objects;
use super::objects::{APPLIER, Key, LAST_APPLIED, Live, delete, fields_of, own, time, version};

/// Applies what differs from what was applied last, and removes what was applied and is no longer desired. Says whether
/// anything was done. What `before` is known to have desired just so is not looked at.
pub(super) fn apply(live: &mut Live, before: &Objects, desired: &Objects, at: Timestamp) -> bool {
    let mut changed = false;
    for (key, want) in desired {
        if before
            .get(key)
            .is_some_and(|before| Arc::ptr_eq(before, want))
        {
            continue;
        }
        let applied = want.to_string();
        let current = live.get(key);
        if current.and_then(last_applied) == Some(applied.as_str()) {
            continue;
        }
        let object = write(current, key, want, applied, at);
        live.insert(key.clone(), object);
        changed = true;
    }
    let gone: Vec<Key> = live
        .iter()
        .filter(|(key, object)| last_applied(object).is_some() && !desired.contains_key(*key))
        .map(|(key, _)| key.clone())
        .collect();
    for key in gone {
        delete(live, &key);
        changed = true;
    }
    changed
}

fn last_applied(object: &Value) -> Option<&str> {
    object["metadata"]["annotations"][LAST_APPLIED].as_str()
}

fn write(
    current: Option<&Value>,
    key: &Key,
    want: &Value,
    applied: String,
    at: Timestamp,
) -> Value {
    let mut object = want.clone();
    defaults::fill(&mut object, key);
    let metadata = &mut object["metadata"];
    metadata["annotations"][LAST_APPLIED] = applied.into();
    metadata["uid"] = key.uid().into();
    metadata["resourceVersion"] = version(at);
    metadata["creationTimestamp"] = time(at);
    if let Some(current) = current {
        let before = &current["metadata"];
        metadata["creationTimestamp"] = before["creationTimestamp"].clone();
        metadata["managedFields"] = before["managedFields"].clone();
        for (name, value) in before["annotations"].as_object().into_iter().flatten() {
            if name.starts_with("deployment.kubernetes.io/") {
                metadata["annotations"][name.as_str()] = value.clone();
            }
        }
    }
    if has_generation(&key.kind) {
        let before = current.map_or(0, generation);
        let moved = current.is_none_or(|current| current["spec"] != object["spec"]);
        object["metadata"]["generation"] = (before + i64::from(moved)).into();
    }
    if let Some(status) = current.and_then(|current| current.get("status")) {
        object["status"] = status.clone();
    }
    let mut fields = fields_of(want);
    fields["f:metadata"]["f:annotations"]["."] = json!({});
    fields["f:metadata"]["f:annotations"][format!("f:{LAST_APPLIED}")] = json!({});
    own(&mut object, APPLIER, None, fields, at);
    object
}

/// Kinds whose controllers say which generation they have seen.
fn has_generation(kind: &str) -> bool {
    matches!(kind, "Deployment" | "StatefulSet" | "CronJob" | "Ingress")
}

pub(super) fn generation(object: &Value) -> i64 {
    object["metadata"]["generation"].as_i64().unwrap_or(0)
}
