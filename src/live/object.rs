//! A live object: the value, plus what only a cluster knows about it.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::managers::{self, Manager};
use crate::manifest::{Leaf, Masking, Node, Object};

/// Where `kubectl apply` keeps what it applied last (source: kubectl, `LastAppliedConfigAnnotation`).
pub(super) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// An object as the API server returned it (masked), without `managedFields`, which are in [`LiveObject::managers`],
/// and without the last-applied annotation, which is in [`LiveObject::last_applied`].
#[derive(Debug, Clone)]
pub struct LiveObject {
    pub object: Object,
    pub uid: String,
    pub owners: Vec<OwnerRef>,
    pub created: Option<Timestamp>,
    pub deleted: Option<Timestamp>,
    pub managers: Vec<Manager>,
    /// `last-applied-configuration`, parsed and masked; `None` where absent or not readable.
    pub last_applied: Option<Box<Object>>,
    /// Masks that say nothing here: those of a snapshot that somebody else took.
    pub hidden: Vec<Leaf>,
}

/// One entry of `metadata.ownerReferences`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerRef {
    pub kind: String,
    pub name: String,
    pub uid: String,
    pub controller: bool,
}

impl LiveObject {
    /// From the API server's JSON. `None` where it is no object.
    pub fn from_json(mut value: Value, masking: &Masking) -> Option<LiveObject> {
        let metadata = value.get_mut("metadata")?.as_object_mut()?;
        let managers = metadata
            .remove("managedFields")
            .map(|entries| managers::parse(&entries))
            .unwrap_or_default();
        let last_applied = take_last_applied(metadata)
            .and_then(|text| serde_json::from_str(&text).ok())
            .and_then(|applied| Object::from_json(applied, masking))
            .map(Box::new);
        let object = Object::from_json(value, masking)?;
        Some(LiveObject {
            uid: text(&object, "uid").unwrap_or_default().to_owned(),
            owners: owners(&object),
            created: text(&object, "creationTimestamp").and_then(|at| at.parse().ok()),
            deleted: text(&object, "deletionTimestamp").and_then(|at| at.parse().ok()),
            object,
            managers,
            last_applied,
            hidden: Vec::new(),
        })
    }
}

fn take_last_applied(metadata: &mut Map<String, Value>) -> Option<String> {
    let annotations = metadata.get_mut("annotations")?.as_object_mut()?;
    match annotations.remove(LAST_APPLIED)? {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn text<'a>(object: &'a Object, key: &str) -> Option<&'a str> {
    object.at(&["metadata", key])?.as_str()
}

fn owners(object: &Object) -> Vec<OwnerRef> {
    let entries = object
        .at(&["metadata", "ownerReferences"])
        .and_then(Node::as_list);
    let text = |entry: &Node, key: &str| {
        entry
            .get(key)
            .and_then(Node::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    entries
        .unwrap_or_default()
        .iter()
        .map(|entry| OwnerRef {
            kind: text(entry, "kind"),
            name: text(entry, "name"),
            uid: text(entry, "uid"),
            controller: entry
                .get("controller")
                .and_then(Node::as_bool)
                .unwrap_or(false),
        })
        .collect()
}
