//! What a commit, or the way from one revision to another, changes: per resource, rendered.

use serde::Serialize;

use super::Workspace;
use super::common::{NotRendered, ResourceDiff, Selector};
use super::log::Entry;
use crate::git::{Oid, Tip};
use crate::task::Sink;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub range: Range,
    pub select: Selector,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Range {
    /// A commit against its first parent; for a generated commit or its source, the generated objects' change.
    Commit(String),
    /// `A..B`
    Between(String, String),
    /// `A...B`: from their merge base to B.
    SinceMergeBase(String, String),
}

#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    pub tips: Vec<Tip>,
    /// `None`: the empty tree, before a root commit.
    #[serde(serialize_with = "crate::git::hex_option")]
    pub before: Option<Oid>,
    #[serde(serialize_with = "crate::git::hex")]
    pub after: Oid,
    /// The commit in the timeline's words, where one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<Entry>,
    /// The commit's message, whole.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    pub resources: Vec<ResourceDiff>,
    pub not_rendered: Vec<NotRendered>,
    /// Changed files that no app is made of.
    pub other_files: Vec<String>,
    pub notes: Vec<String>,
}

/// Streams as apps are rendered.
pub async fn ask(ws: &Workspace, request: Request, out: &Sink<Answer>) -> anyhow::Result<Answer> {
    let _ = (ws, request, out);
    todo!()
}
