//! A live object: the value, plus what only a cluster knows about it.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::managers::Managers;
use crate::manifest::{self, Leaf, Masking, Node, Object, ObjectRef};

/// Where `kubectl apply` keeps what it applied last (source: kubectl, `LastAppliedConfigAnnotation`).
pub(super) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// An object as the API server returned it (masked), without `managedFields`, which are in [`LiveObject::managers`],
/// and without the last-applied annotation, which is in [`LiveObject::last_applied`].
#[derive(Debug, Clone)]
pub struct LiveObject {
    pub id: ObjectRef,
    /// All of it. There may be many thousands, of which a few are looked at: see [`LiveObject::object`].
    packed: Packed,
    pub uid: String,
    pub owners: Vec<OwnerRef>,
    pub created: Option<Timestamp>,
    pub deleted: Option<Timestamp>,
    pub managers: Managers,
    /// `last-applied-configuration`, masked; `None` where absent or not readable.
    pub last_applied: Option<Packed>,
    /// Masks that say nothing here: those of a snapshot that somebody else took.
    pub hidden: Vec<Leaf>,
}

/// An object in little more room than its text takes, until somebody asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed(Box<[u8]>);

impl Packed {
    fn new(object: &Object) -> Packed {
        let mut bytes = Vec::new();
        object.store(&mut bytes);
        Packed(bytes.into())
    }

    pub(super) fn object(&self) -> Option<Object> {
        Object::restore(&mut &*self.0)
    }

    fn changed(&self, change: impl FnOnce(&mut Object)) -> Option<Packed> {
        let mut object = self.object()?;
        change(&mut object);
        Some(Packed::new(&object))
    }
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
            .map(|entries| Managers::new(&entries))
            .unwrap_or_default();
        let last_applied = take_last_applied(metadata)
            .and_then(|text| serde_json::from_str(&text).ok())
            .and_then(|applied| Object::from_json(applied, masking))
            .map(|applied| Packed::new(&applied));
        let object = Object::from_json(value, masking)?;
        Some(LiveObject {
            uid: text(&object, "uid").unwrap_or_default().to_owned(),
            owners: owners(&object),
            created: text(&object, "creationTimestamp").and_then(|at| at.parse().ok()),
            deleted: text(&object, "deletionTimestamp").and_then(|at| at.parse().ok()),
            packed: Packed::new(&object),
            id: object.id,
            managers,
            last_applied,
            hidden: Vec::new(),
        })
    }

    /// Does something to the object, and something to the copy of what was applied last.
    pub(super) fn change(
        &mut self,
        object: impl FnOnce(&mut Object),
        applied: impl FnOnce(&mut Object),
    ) {
        if let Some(packed) = self.packed.changed(object) {
            self.packed = packed;
        }
        let last = self.last_applied.as_ref();
        self.last_applied = last.and_then(|last| last.changed(applied));
    }

    /// With less in it; what is known of who wrote it, and what was applied last, is gone, too.
    pub fn reduced(mut self, reduce: impl FnOnce(&mut Object)) -> LiveObject {
        (self.managers, self.last_applied) = (Managers::default(), None);
        self.change(reduce, |_| {});
        self
    }

    /// The object itself.
    pub fn object(&self) -> Object {
        self.packed.object().unwrap_or_else(|| Object {
            id: self.id.clone(),
            api_version: String::new(),
            root: Node::Map(manifest::Map::new()),
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
