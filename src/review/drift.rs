//! Where the cluster is not what git says: per field, with who, when, and the commit that last set it.

use jiff::Timestamp;
use serde::Serialize;

use super::Workspace;
use super::common::{CommitLine, Environment, ResourceId, Selector};
use crate::git::Tip;
use crate::live::{Health, SyncState};
use crate::manifest::{FieldPath, Node};
use crate::task::Known;
use crate::task::Sink;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    pub select: Selector,
    pub app: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    pub tips: Vec<Tip>,
    pub time: Timestamp,
    pub clusters: Vec<Environment>,
    /// Synced and healthy resources are not listed, but counted.
    pub resources: Vec<Resource>,
    pub synced: usize,
    /// Environments or kinds that could not be compared, and why.
    pub unknown: Vec<Unknown>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unknown {
    pub environment: String,
    /// `Secret in production`, or everything.
    pub what: String,
    pub why: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct Resource {
    #[serde(flatten)]
    pub id: ResourceId,
    pub path: Option<String>,
    pub state: SyncState,
    pub health: Known<Health>,
    pub fields: Vec<FieldDrift>,
    pub suppressed: std::collections::BTreeMap<String, usize>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldDrift {
    pub path: FieldPath,
    pub desired: Option<Node>,
    pub live: Option<Node>,
    pub cause: Cause,
}

/// Why a live field is not what git says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    pub kind: CauseKind,
    /// The field manager that owns the live field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager: Option<String>,
    /// When that manager last wrote anything to the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// The commit that last set (or removed) the field in git.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitLine>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CauseKind {
    /// Someone wrote it with kubectl, k9s or the like.
    ManualEdit,
    Autoscaler,
    Controller,
    /// git changed after the applier last wrote: not applied yet.
    NotApplied,
    /// Removed from the live object, by whom is unknown.
    Removed,
    Unknown,
}

/// Environment by environment.
pub async fn ask(ws: &Workspace, request: Request, out: &Sink<Answer>) -> anyhow::Result<Answer> {
    let _ = (ws, request, out);
    todo!()
}
