//! Events about objects: what the kubelet, the scheduler and the controllers say about them.

use std::collections::BTreeSet;

use futures::StreamExt;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

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

/// More than a person reads.
const MOST: usize = 500;

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
    found.sort_by_key(|event| std::cmp::Reverse(event.last));
    found.truncate(MOST);
    found
}

impl Connection {
    /// Asks for each object by name; where there are many, for all events of their namespaces.
    pub async fn events(&self, objects: &[ObjectRef]) -> Known<Vec<Event>> {
        const FEW: usize = 10;
        let namespace = |object: &ObjectRef| {
            object
                .namespace
                .clone()
                .unwrap_or_else(|| "default".to_owned())
        };
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
