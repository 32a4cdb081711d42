//! Desired against live, with read rights only: every field git sets, plus fields the applier set once and git no longer has.

use std::collections::BTreeMap;

use serde::Serialize;

use super::managers::Manager;
use super::object::LiveObject;
use crate::manifest::{FieldPath, ListKeys, Node, Object};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SyncState {
    Synced,
    Drifted,
    /// Desired, not live.
    Missing,
    /// Live with this deployer's mark, not desired: will be pruned.
    Extra,
    /// Live with this deployer's mark, not desired, and this deployer never prunes the kind.
    Orphaned,
    Unknown,
}

/// A field whose live value is not what git says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDrift {
    pub path: FieldPath,
    pub desired: Option<Node>,
    pub live: Option<Node>,
    /// Who owns the live field, and when that manager last wrote; `None` for a field removed by hand.
    pub manager: Option<Manager>,
}

#[derive(Debug, Clone, Default)]
pub struct Comparison {
    pub drift: Vec<FieldDrift>,
    /// Differences that are not drift (defaults, controller-owned, tracking marks), by reason.
    pub suppressed: BTreeMap<String, usize>,
}

/// Compares one object with its live counterpart.
pub fn compare(desired: &Object, live: &LiveObject, lists: &ListKeys) -> Comparison {
    let _ = (desired, live, lists);
    todo!()
}
