//! Events about objects: what the kubelet, the scheduler and the controllers say about them.

use std::collections::BTreeSet;

use futures::StreamExt;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::connection::Connection;
use crate::manifest::ObjectRef;
use crate::task::{Known, Why};

/// An event about an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    pub object: ObjectRef,
    pub reason: String,
    pub message: String,
    pub warning: bool,
    pub count: u32,
    pub last: Option<Timestamp>,
}

/// An event of the core API (`involvedObject`, `count`), or of `events.k8s.io` (`regarding`, `series`).
pub(super) fn parse(value: &Value) -> Option<Event> {
    let text = |value: &Value, keys: &[&str]| {
        keys.iter()
            .find_map(|key| {
                value
                    .pointer(key)
                    .and_then(Value::as_str)
                    .filter(|text| !text.is_empty())
            })
            .map(str::to_owned)
    };
    let about = value
        .get("involvedObject")
        .or_else(|| value.get("regarding"))?;
    let version = text(about, &["/apiVersion"]).unwrap_or_default();
    let time = [
        "/lastTimestamp",
        "/series/lastObservedTime",
        "/deprecatedLastTimestamp",
        "/eventTime",
        "/metadata/creationTimestamp",
    ];
    let count = ["/count", "/series/count", "/deprecatedCount"];
    Some(Event {
        object: ObjectRef {
            group: version
                .split_once('/')
                .map(|(group, _)| group.to_owned())
                .unwrap_or_default(),
            kind: text(about, &["/kind"])?,
            namespace: text(about, &["/namespace"]),
            name: text(about, &["/name"])?,
        },
        reason: text(value, &["/reason"]).unwrap_or_default(),
        message: text(value, &["/message", "/note"]).unwrap_or_default(),
        warning: text(value, &["/type"]).as_deref() == Some("Warning"),
        count: count
            .iter()
            .find_map(|key| value.pointer(key)?.as_u64())
            .and_then(|count| u32::try_from(count).ok())
            .unwrap_or(1),
        last: time
            .iter()
            .find_map(|key| value.pointer(key)?.as_str()?.parse().ok()),
    })
}

/// The reverse of [`parse`]: an event of the core API. `number` tells it from the others of its namespace.
pub(super) fn format(event: &Event, namespace: &str, number: usize) -> Value {
    let object = &event.object;
    let version = match object.group.as_str() {
        "" => "v1".to_owned(),
        group => format!("{group}/v1"),
    };
    let mut about = json!({ "apiVersion": version, "kind": object.kind, "name": object.name });
    if let Some(namespace) = &object.namespace {
        about["namespace"] = Value::String(namespace.clone());
    }
    let mut value = json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": { "namespace": namespace, "name": format!("{}.{number}", object.name) },
        "involvedObject": about,
        "reason": event.reason,
        "message": event.message,
        "type": if event.warning { "Warning" } else { "Normal" },
        "count": event.count,
    });
    if let Some(last) = event.last {
        value["lastTimestamp"] = Value::String(last.to_string());
    }
    value
}

/// Where events about an object are.
pub fn namespace(object: &ObjectRef) -> &str {
    object.namespace.as_deref().unwrap_or("default")
}

/// Those about one of `objects`, newest first.
pub(super) fn about(objects: &[ObjectRef], all: impl Iterator<Item = Event>) -> Vec<Event> {
    // Events may leave out the version, and so the group, of what they are about.
    let is_about = |event: &Event| {
        objects.iter().any(|object| {
            object.kind == event.object.kind
                && object.name == event.object.name
                && (event.object.namespace.is_none() || object.namespace == event.object.namespace)
        })
    };
    let mut found: Vec<Event> = all.filter(is_about).collect();
    // Of the same moment: in an order that does not depend on where they were read.
    found.sort_by(|a, b| {
        let what = |event: &Event| {
            let object = event.object.clone();
            (object, event.reason.clone(), event.message.clone())
        };
        b.last.cmp(&a.last).then_with(|| what(a).cmp(&what(b)))
    });
    found
}

impl Connection {
    /// Asks for each object by name; where there are many, for all events of their namespaces.
    pub async fn events(&self, objects: &[ObjectRef]) -> Known<Vec<Event>> {
        const FEW: usize = 10;
        let namespace = |object: &ObjectRef| namespace(object).to_owned();
        let asked: Vec<(String, Option<String>)> = if objects.len() <= FEW {
            let fields = |object: &ObjectRef| {
                format!(
                    "involvedObject.kind={},involvedObject.name={}",
                    object.kind, object.name
                )
            };
            objects
                .iter()
                .map(|object| (namespace(object), Some(fields(object))))
                .collect()
        } else {
            objects
                .iter()
                .map(namespace)
                .collect::<BTreeSet<_>>()
                .into_iter()
                .map(|place| (place, None))
                .collect()
        };
        let answers = asked.into_iter().map(|(namespace, fields)| async move {
            let path = format!("/api/v1/namespaces/{namespace}/events");
            self.raw(
                &path,
                fields.as_deref(),
                &format!("list events in {namespace}"),
            )
            .await
        });
        let answers: Vec<Result<Vec<Value>, Why>> =
            futures::stream::iter(answers).buffered(4).collect().await;
        let values: Result<Vec<Vec<Value>>, Why> = answers.into_iter().collect();
        match values {
            Ok(values) => Known::Fresh(about(objects, values.iter().flatten().filter_map(parse))),
            Err(why) => Known::Unavailable(why),
        }
    }
}
