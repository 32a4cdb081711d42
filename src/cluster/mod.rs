//! The cluster: one type, two origins, a snapshot directory or an API server through kube. Only get, list, watch, and only the
//! kinds and namespaces that git mentions.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use crate::live::LiveObject;
use crate::manifest::ObjectRef;
use crate::task::{Cancel, Known};

/// Which cluster this is; always in the header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// The kubeconfig context; `None` for a snapshot.
    pub context: Option<String>,
    /// The server's URL, or the snapshot's directory.
    pub server: String,
}

/// What git mentions: kinds, each in namespaces (`None`: cluster-scoped).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    pub kinds: BTreeSet<(String, String, Option<String>)>,
}

/// What was read: the objects by kind and namespace, each with its own state, so that a 403 on one hides no other.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// (group, kind, namespace) → the objects, or why they are not known.
    pub kinds: Vec<((String, String, Option<String>), Known<Vec<LiveObject>>)>,
    pub read: Option<Timestamp>,
}

impl Listing {
    /// The live object `id`: not known, known to be absent (`Fresh(None)`), or there.
    pub fn get(&self, id: &ObjectRef) -> Known<Option<&LiveObject>> {
        let _ = id;
        todo!()
    }
}

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

/// A connection to a cluster, or a snapshot directory. Cheap to clone.
#[derive(Clone)]
pub struct Cluster {}

impl Cluster {
    pub fn identity(&self) -> &Identity {
        todo!()
    }

    /// Lists what is wanted, plus what the workloads among it own (ReplicaSets, Pods).
    pub async fn list(&self, wanted: &Wanted, cancel: &Cancel) -> Listing {
        let _ = (wanted, cancel);
        todo!()
    }

    /// Calls `changed` whenever something wanted may have changed, until cancelled. The caller lists again.
    pub async fn watch(&self, wanted: &Wanted, cancel: &Cancel, changed: impl Fn() + Send + Sync) {
        let _ = (wanted, cancel, changed);
        todo!()
    }

    /// Events about `object` and what it owns, newest first.
    pub async fn events(&self, objects: &[ObjectRef]) -> Known<Vec<Event>> {
        let _ = objects;
        todo!()
    }
}
