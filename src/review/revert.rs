//! What a revert or a restore would do, before anything is written: clean or conflicting per scope, the rendered change, the
//! effect on the live objects, and what else it would undo.

mod effect;
mod predict;
mod preview;

use serde::Serialize;

use super::Workspace;
use super::common::{CommitLine, NotRendered, ResourceDiff, Selector};
use crate::git::{Oid, Tip};
use crate::live::Effect;
use crate::task::{Known, Sink};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub mode: Mode,
    /// Commits to revert (newest first), or the one revision to restore from.
    pub revisions: Vec<String>,
    pub scope: Scope,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Apply the inverse of the commits on the tip.
    Revert,
    /// Put things back as they were at a revision.
    Restore,
}

/// How much of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Scope {
    All,
    App {
        environment: String,
        app: String,
    },
    Resource {
        #[serde(skip)]
        select: Selector,
        name: String,
    },
    Path {
        path: String,
    },
}

#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    pub tips: Vec<Tip>,
    /// The tip the plan is made for.
    #[serde(serialize_with = "crate::git::hex")]
    pub base: Oid,
    pub commits: Vec<CommitLine>,
    pub mode: Mode,
    pub scope: Scope,
    pub clean: bool,
    pub no_change: bool,
    /// The resulting tree; `None` unless clean.
    #[serde(serialize_with = "crate::git::hex_option")]
    pub tree: Option<Oid>,
    pub conflicts: Vec<Conflict>,
    /// The other scopes, each tried.
    pub scopes: Vec<TriedScope>,
    /// Later commits that a restore would undo as well.
    pub also_undoes: Vec<CommitLine>,
    pub branch: String,
    pub message: String,
    pub resources: Vec<ResourceDiff>,
    pub not_rendered: Vec<NotRendered>,
    /// What merging would do, per object.
    pub effect: Vec<EnvironmentEffect>,
    pub warnings: Vec<String>,
    /// Environments whose name must be typed before staging.
    pub protected: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub staged: Option<Staged>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conflict {
    pub path: String,
    pub kind: crate::git::ConflictKind,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TriedScope {
    pub mode: Mode,
    pub scope: Scope,
    pub clean: bool,
    pub no_change: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EnvironmentEffect {
    pub environment: String,
    pub app: String,
    /// Known where the cluster was asked; else judged by git alone, and why.
    pub cluster: Known<()>,
    #[serde(flatten)]
    pub effect: Effect,
}

/// What staging led to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Staged {
    #[serde(serialize_with = "crate::git::hex")]
    pub commit: Oid,
    pub branch: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull: Option<super::common::Pull>,
    /// Where to open the pull request by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compare: Option<String>,
}

/// The merge first, then the other scopes, the rendered change and the effect.
pub async fn ask(ws: &Workspace, request: Request, out: &Sink<Answer>) -> anyhow::Result<Answer> {
    let cancel = out.cancel().clone();
    let sink = out.clone();
    let (mut answer, changed) = ws
        .blocking_for(out.waiting(), move |past| {
            preview::answer(past, &request, &cancel, &sink)
        })
        .await?;
    out.send(answer.clone());
    effect::add(ws, &mut answer, &changed).await;
    Ok(answer)
}
