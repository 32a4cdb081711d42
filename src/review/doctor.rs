//! What works here: repository, layout, tools, cluster, forge, token (its source, never its value).

use serde::Serialize;

use super::Workspace;
use crate::git::Tip;

#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    pub tips: Vec<Tip>,
    pub checks: Vec<Check>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// `repository`, `layout`, `kustomize`, …
    pub name: String,
    pub state: State,
    pub detail: String,
    /// What to do, where something is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Fine,
    Missing,
    Failed,
}

/// Asks everything around for what works; never fails: what does not work is a check.
pub async fn ask(ws: &Workspace) -> Answer {
    let _ = ws;
    todo!()
}
