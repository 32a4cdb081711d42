//! Staging a revert: branch, commit, push, pull request, then merge (where the forge is local) and watch until healthy.

use jiff::Timestamp;
use serde::Serialize;

use super::super::common::Pull;
use super::super::{Workspace, revert};
pub use crate::stage::{Consent, Plan};
use crate::task::Sink;

/// How far a staged change has come, with the time of each milestone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Progress {
    pub id: String,
    pub branch: String,
    pub title: String,
    pub commit: Option<String>,
    pub pull: Option<Pull>,
    pub compare: Option<String>,
    pub steps: Vec<Step>,
    /// It stopped here, and why.
    pub error: Option<String>,
    /// The forge can merge it from here (local forge).
    pub can_merge: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    pub name: StepName,
    pub done: Option<Timestamp>,
    /// `2/3 ready`, `waiting for the deployer`
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StepName {
    Committed,
    Pushed,
    Opened,
    Merged,
    Synced,
    Healthy,
}

/// What staging this preview will write, to be shown and confirmed. An error says why it cannot be staged (conflicts, no
/// change, read-only, no remote).
pub fn plan(ws: &Workspace, preview: &revert::Answer) -> anyhow::Result<Plan> {
    let _ = (ws, preview);
    todo!()
}

/// Commits, pushes, opens the pull request; then watches until the change is merged, synced and healthy, or `out` is
/// cancelled. Each step that is done is one partial answer.
pub async fn run(
    ws: &Workspace,
    plan: Plan,
    consent: Consent,
    out: &Sink<Progress>,
) -> anyhow::Result<Progress> {
    let _ = (ws, plan, consent, out);
    todo!()
}

/// Staged changes that were not seen through: interrupted, or not merged or healthy yet.
pub fn pending(ws: &Workspace) -> Vec<Progress> {
    let _ = ws;
    todo!()
}

/// Takes a pending one up where it stopped.
pub async fn resume(
    ws: &Workspace,
    id: &str,
    consent: Consent,
    out: &Sink<Progress>,
) -> anyhow::Result<Progress> {
    let _ = (ws, id, consent, out);
    todo!()
}

/// Merges the pull request of a staged change, if its head is still the commit that was shown.
pub async fn merge(ws: &Workspace, id: &str, consent: Consent) -> anyhow::Result<()> {
    let _ = (ws, id, consent);
    todo!()
}
