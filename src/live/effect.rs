//! What merging a change would do in the cluster, object by object.

use serde::Serialize;

use super::object::LiveObject;
use crate::layout::Deployer;
use crate::manifest::{ListKeys, Object, ObjectRef};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Create,
    Update,
    /// An immutable field changes: delete and create, or rejection.
    Replace,
    Prune,
    /// Leaves git but stays in the cluster: this deployer never prunes the kind.
    Orphan,
    Nothing,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Effect {
    pub object: ObjectRef,
    pub action: Action,
    /// `restarts 3 pods`, `overwrites a manual edit of spec.replicas (7 → 3)`, `immutable: spec.selector`.
    pub detail: String,
}

/// The effect of going from `before` to `after` on `live` (`None`: the cluster is not known; the effect is then by git alone).
pub fn effect(
    before: Option<&Object>,
    after: Option<&Object>,
    live: Option<Option<&LiveObject>>,
    deployer: Deployer,
    lists: &ListKeys,
) -> Effect {
    let _ = (before, after, live, deployer, lists);
    todo!()
}
