//! A live object: the value, plus what only a cluster knows about it.

use jiff::Timestamp;
use serde::Serialize;

use crate::manifest::{FieldPath, Object};

/// An object as the API server returned it (masked), without `managedFields`, which are in [`LiveObject::managers`].
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
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerRef {
    pub kind: String,
    pub name: String,
    pub uid: String,
    pub controller: bool,
}

/// One entry of `metadata.managedFields`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Manager {
    pub name: String,
    /// `Apply` or `Update`.
    pub operation: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subresource: Option<String>,
    /// When this manager last wrote anything.
    pub time: Option<Timestamp>,
    #[serde(skip)]
    pub fields: Vec<FieldPath>,
}

impl LiveObject {
    /// From the API server's JSON. `None` where it is no object.
    pub fn from_json(
        value: serde_json::Value,
        masking: &crate::manifest::Masking,
    ) -> Option<LiveObject> {
        let _ = (value, masking);
        todo!()
    }
}
