//! The timeline, and the log of one resource: which commits changed it, what each meant, and who is behind it.

use serde::Serialize;

use super::Workspace;
use super::common::{ChangedResource, CommitLine, Pull, ResourceId, Selector};
use crate::git::Tip;
use crate::task::Sink;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// Empty: the timeline of everything.
    pub select: Selector,
    /// The log of the document in its file instead of the rendered object.
    pub source: bool,
    pub author: Option<String>,
    /// A date, or an age such as `2w`.
    pub since: Option<String>,
    pub grep: Option<String>,
    pub at: Option<String>,
    pub limit: Option<usize>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    pub tips: Vec<Tip>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<ResourceId>,
    /// Newest first.
    pub entries: Vec<Entry>,
    /// How much of the history was looked at.
    pub progress: Progress,
    /// Where history ends early and why (shallow clone, missing objects), in words.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Progress {
    pub commits: usize,
    pub complete: bool,
}

#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    #[serde(flatten)]
    pub line: CommitLine,
    /// Made by a pipeline from `source`.
    pub generated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<CommitLine>,
    /// The generated commits that this one gave rise to (newest first).
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "hexes")]
    pub generated_by: Vec<crate::git::Oid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull: Option<Pull>,
    /// A merge: its commits can be shown under it.
    pub merge: bool,
    pub environments: Vec<String>,
    /// `api 1.4.1 → 1.4.2 in production`; most important first. Empty while not looked at yet (see `analysed`).
    pub meaning: Vec<String>,
    pub resources: Vec<ChangedResource>,
    /// `meaning`, `environments` and `resources` are known.
    #[serde(skip)]
    pub analysed: bool,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "hex_option")]
    pub reverts: Option<crate::git::Oid>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "hex_option")]
    pub reverted_by: Option<crate::git::Oid>,
}

fn hexes<S: serde::Serializer>(ids: &[crate::git::Oid], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(ids.iter().map(ToString::to_string))
}

fn hex_option<S: serde::Serializer>(
    id: &Option<crate::git::Oid>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match id {
        Some(id) => serializer.collect_str(id),
        None => serializer.serialize_none(),
    }
}

/// Newest first, streamed while the history is read; meanings follow the rows.
pub async fn ask(ws: &Workspace, request: Request, out: &Sink<Answer>) -> anyhow::Result<Answer> {
    let _ = (ws, request, out);
    todo!()
}
