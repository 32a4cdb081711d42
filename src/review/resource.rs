//! One resource: its declaration, its live object, what that owns, its events, and each field that differs. Its log is
//! [`super::log`], its change at a commit [`super::change`].

use jiff::Timestamp;
use serde::Serialize;

use super::Workspace;
use super::common::{CommitLine, Environment, ResourceId, Selector};
use super::drift::FieldDrift;
use crate::cluster::Event;
use crate::git::Tip;
use crate::live::{Health, Owned, SyncState};
use crate::task::Known;
use crate::task::Sink;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    pub select: Selector,
}

#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    pub tips: Vec<Tip>,
    pub resource: ResourceId,
    pub environment: Environment,
    pub path: Option<String>,
    /// 1-based line of its document in `path`.
    pub line: Option<u32>,
    /// The declared object as YAML, masked; `None` where the tip no longer declares it.
    #[serde(skip)]
    pub desired_text: Option<String>,
    #[serde(skip)]
    pub desired: Option<crate::manifest::Object>,
    pub since: Option<CommitLine>,
    pub live: Known<Live>,
}

/// The live side of a resource.
#[derive(Debug, Clone, Serialize)]
pub struct Live {
    pub sync: SyncState,
    pub health: Health,
    pub created: Option<Timestamp>,
    pub fields: Vec<FieldDrift>,
    pub suppressed: std::collections::BTreeMap<String, usize>,
    /// The object and what it owns, down to pods; `None` where it is missing.
    pub owned: Option<Owned>,
    pub events: Known<Vec<Event>>,
    /// The live object as YAML, masked.
    #[serde(skip)]
    pub text: Option<String>,
    #[serde(skip)]
    pub object: Option<crate::manifest::Object>,
}

/// The declaration first, then the live side.
pub async fn ask(ws: &Workspace, request: Request, out: &Sink<Answer>) -> anyhow::Result<Answer> {
    let _ = (ws, request, out);
    todo!()
}
