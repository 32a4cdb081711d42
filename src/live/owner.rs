//! What a live object owns, down to pods, by owner references.

use super::health::Health;
use super::object::LiveObject;
use crate::manifest::ObjectRef;

/// A node of the ownership tree.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Owned {
    pub object: ObjectRef,
    pub health: Health,
    /// `2/3 ready`, `Running`, restarts.
    pub summary: String,
    pub children: Vec<Owned>,
}

/// The tree below `root`, out of `all` the objects read around it.
pub fn tree(root: &LiveObject, all: &[LiveObject]) -> Owned {
    let _ = (root, all);
    todo!()
}
