//! What is deployed where: apps × environments, since which commit, who, when, and what is live.

use jiff::Timestamp;
use serde::Serialize;

use super::Workspace;
use super::common::{CommitLine, Environment, NotRendered, ResourceId};
use crate::git::Tip;
use crate::live::{Health, SyncState};
use crate::task::Known;
use crate::task::Sink;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// Only these apps; empty: all.
    pub apps: Vec<String>,
    /// Only this environment.
    pub environment: Option<String>,
    /// A revision or a date: the state then. Live columns are then not asked for.
    pub at: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    pub tips: Vec<Tip>,
    /// The moment the answer describes: now, or the time travelled to.
    pub time: Timestamp,
    pub environments: Vec<Environment>,
    pub apps: Vec<App>,
    pub not_rendered: Vec<NotRendered>,
    /// What was seen in the repository and could not be evaluated, in words.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct App {
    pub name: String,
    /// In the order of the environments; none where the app is not deployed.
    pub deployments: Vec<Deployment>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Deployment {
    pub environment: String,
    pub namespace: Option<String>,
    /// What a person calls its version: the tag of its main image, else the chart's version.
    pub version: Option<String>,
    pub images: Vec<String>,
    pub chart: Option<String>,
    /// The commit that set this version; for generated commits, the commit they come from.
    pub since: Option<CommitLine>,
    /// The version before that commit.
    pub previous: Option<String>,
    /// Name of an environment before this one in promotion order that runs another version (this one is then behind).
    pub behind: Option<String>,
    pub live: Known<LiveDeployment>,
    #[serde(skip)]
    pub resources: Vec<ResourceId>,
    /// `since` and `previous` are still being looked for.
    #[serde(skip)]
    pub searching: bool,
}

/// How an app's objects fare in the cluster, taken together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LiveDeployment {
    pub version: Option<String>,
    pub images: Vec<String>,
    /// The worst of its objects, with that object's reason.
    pub health: Health,
    pub sync: SyncState,
    /// How many objects differ from git.
    pub drifted: usize,
}

/// Apps and desired versions first, then `since`, then live columns; each partial answer is whole.
pub async fn ask(ws: &Workspace, request: Request, out: &Sink<Answer>) -> anyhow::Result<Answer> {
    let _ = (ws, request, out);
    todo!()
}
