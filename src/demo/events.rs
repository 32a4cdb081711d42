//! The demo cluster's events. They are objects too, forgotten after an hour.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::hash;
use super::objects::{Key, Live, read_time, time, version};

/// Records that something happened to `about`, `count` times by now.
pub(super) fn record(
    live: &mut Live,
    about: &Key,
    kind: &str,
    reason: &str,
    message: &str,
    count: i64,
    last: Timestamp,
) {
    let name = format!(
        "{}.{:016x}",
        about.name,
        hash(&format!("{about:?} {reason} {message}"))
    );
    let key = Key::new(&about.namespace, "Event", &name);
    let first = live.get(&key).map_or_else(
        || first(live, about, count, last),
        |event| event["firstTimestamp"].clone(),
    );
    let (api_version, component) = match about.kind.as_str() {
        "Pod" => ("v1", "kubelet"),
        "HorizontalPodAutoscaler" => ("autoscaling/v2", "horizontal-pod-autoscaler"),
        _ => ("apps/v1", "deployment-controller"),
    };
    let event = json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": key.name,
            "namespace": key.namespace,
            "uid": key.uid(),
            "creationTimestamp": first,
            "resourceVersion": version(last),
        },
        "involvedObject": {
            "apiVersion": api_version,
            "kind": about.kind,
            "name": about.name,
            "namespace": about.namespace,
            "uid": about.uid(),
        },
        "type": kind,
        "reason": reason,
        "message": message,
        "count": count,
        "firstTimestamp": first,
        "lastTimestamp": time(last),
        "source": {"component": component},
    });
    live.insert(key, event);
}

/// Something that happened more than once began when its object did.
fn first(live: &Live, about: &Key, count: i64, last: Timestamp) -> Value {
    let created = live
        .get(about)
        .map(|about| &about["metadata"]["creationTimestamp"]);
    match created {
        Some(created) if count > 1 => created.clone(),
        _ => time(last),
    }
}

/// Forgets events older than an hour, as the API server does.
pub(super) fn expire(live: &mut Live, now: Timestamp) {
    let hour = SignedDuration::from_hours(1);
    live.retain(|key, object| {
        key.kind != "Event"
            || read_time(&object["lastTimestamp"])
                .is_some_and(|last| now.duration_since(last) < hour)
    });
}
