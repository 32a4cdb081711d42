//! The timeline, and the log of one resource: which commits changed it, what each meant, and who is behind it.

mod ahead;
mod kept;
mod one;
mod search;
mod timeline;

use std::sync::Arc;

use serde::Serialize;

pub use self::ahead::{find_out, look_ahead};
use self::search::Filter;
pub use self::search::Found;
pub use self::timeline::newest_commits;

use super::Workspace;
use super::common::{ChangedResource, CommitLine, Pull, ResourceId, Selector};
use super::entry::changed_resource;
use super::workspace::Past;
use crate::git::{Oid, Tip};
use crate::history::{Changes, End, meaning};
use crate::task::Sink;
use crate::text::clean_line;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// Empty: the timeline of everything.
    pub select: Selector,
    /// The log of the document in its file instead of the rendered object.
    pub source: bool,
    pub author: Option<String>,
    /// A date, or an age such as `2w`.
    pub since: Option<String>,
    pub until: Option<String>,
    pub grep: Option<String>,
    /// A pattern of paths: commits that changed such files.
    pub files: Option<String>,
    /// Commits that changed a resource of this kind.
    pub kind: Option<String>,
    /// `api`, `ghcr.io/acme/api:1.4.2`: commits in which such an image appeared or vanished.
    pub image: Option<String>,
    /// `spec.replicas=5`: commits in which the field took or lost this value; without one, any.
    pub field: Option<String>,
    /// Commits in which a value that contains this appeared or vanished.
    pub value: Option<String>,
    /// None of what these say, each for itself.
    pub without: Vec<Without>,
    pub at: Option<String>,
    pub limit: Option<usize>,
    /// What is sent of an entry is all of it, for output that cannot be taken back. Otherwise meanings follow.
    pub explained: bool,
}

/// What a commit must not be, as the fields of [`Request`] with these names say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Without {
    Image(String),
    Field(String),
    Value(String),
    Files(String),
    Since(String),
    Until(String),
}

#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    pub tips: Vec<Tip>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<ResourceId>,
    /// Newest first. Shared, for partial answers repeat most of them.
    #[serde(serialize_with = "super::common::shared")]
    pub entries: Vec<Arc<Entry>>,
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
    /// Made by a pipeline from `source`, or merging nothing but what was.
    pub generated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<CommitLine>,
    /// The generated commits that this one gave rise to (newest first).
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "hexes")]
    pub generated_by: Vec<Oid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull: Option<Pull>,
    /// A merge: its commits can be shown under it.
    pub merge: bool,
    pub environments: Vec<String>,
    /// `api 1.4.1 → 1.4.2 in production`; most important first. Empty while not looked at yet (see `analysed`).
    pub meaning: Vec<String>,
    pub resources: Vec<ChangedResource>,
    /// Why it is not known what it changed, where it is not: an object is missing, or a shallow clone ends here. A second line
    /// is a hint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
    /// `meaning`, `environments` and `resources` are known.
    #[serde(skip)]
    pub analysed: bool,
    #[serde(flatten)]
    pub links: Links,
    /// Where the image, field or value that was searched for appeared or vanished.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub found: Vec<Found>,
}

/// Other commits that a commit says it is made of, or that say so of it. Hashes; what says nothing is absent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Links {
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "hex_option")]
    pub reverts: Option<Oid>,
    /// Its effect is undone by this one.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "hex_option")]
    pub reverted_by: Option<Oid>,
    /// It reverts the revert of this one.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "hex_option")]
    pub reapplies: Option<Oid>,
    /// It was reverted, and is in effect again by this one.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "hex_option")]
    pub reapplied_by: Option<Oid>,
    /// As `git cherry-pick -x` says; the other one may be on another branch.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "hex_option")]
    pub picked_from: Option<Oid>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "hex_option")]
    pub picked_to: Option<Oid>,
}

impl Links {
    /// Each with what it is, in words that a hash follows.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, Oid)> {
        [
            ("reverts", self.reverts),
            ("reapplies", self.reapplies),
            ("reverted by", self.reverted_by),
            ("reapplied by", self.reapplied_by),
            ("picked from", self.picked_from),
            ("picked to", self.picked_to),
        ]
        .into_iter()
        .filter_map(|(words, id)| Some((words, id?)))
    }
}

fn hexes<S: serde::Serializer>(ids: &[Oid], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(ids.iter().map(ToString::to_string))
}

fn hex_option<S: serde::Serializer>(id: &Option<Oid>, serializer: S) -> Result<S::Ok, S::Error> {
    match id {
        Some(id) => serializer.collect_str(id),
        None => serializer.serialize_none(),
    }
}

/// Newest first, streamed while the history is read; meanings follow the rows.
pub async fn ask(ws: &Workspace, request: Request, out: &Sink<Answer>) -> anyhow::Result<Answer> {
    let out = out.clone();
    ws.blocking(move |past| {
        if request.select.resource.is_none() && request.select.path.is_none() {
            timeline::ask(past, &request, &out)
        } else {
            one::ask(past, &request, &out)
        }
    })
    .await
}

/// Lines of meaning per commit: what does not fit is counted in the last.
const MEANINGS: usize = 4;

impl Entry {
    /// Adds what the same commit is on another line.
    pub(super) fn add(&mut self, other: &Entry) {
        fn add<T: Clone + PartialEq>(all: &mut Vec<T>, more: &[T]) {
            for one in more {
                if !all.contains(one) {
                    all.push(one.clone());
                }
            }
        }
        add(&mut self.meaning, &other.meaning);
        add(&mut self.environments, &other.environments);
        add(&mut self.resources, &other.resources);
        add(&mut self.found, &other.found);
        self.unknown = self.unknown.take().or_else(|| other.unknown.clone());
        self.analysed |= other.analysed;
    }
}

/// Adds what a commit meant.
pub(super) fn describe(line: &mut Entry, changes: &Changes) {
    line.meaning = meaning(
        &changes.resources,
        changes.after.environments.len(),
        MEANINGS,
    );
    for side in &changes.not_rendered {
        let Some(path) = &side.path else { continue };
        let said = clean_line(&match side.after {
            true => format!("{path}: {}", side.why),
            false => format!("{path} can be read again"),
        });
        if line.meaning.len() < MEANINGS && !line.meaning.contains(&said) {
            line.meaning.push(said);
        }
    }
    line.resources = changes.resources.iter().map(changed_resource).collect();
    let order = changes
        .after
        .environments
        .iter()
        .chain(&changes.before.environments);
    for environment in order {
        let mut sides = changes.not_rendered.iter();
        let touched = line
            .resources
            .iter()
            .any(|resource| resource.environment == environment.name)
            || sides.any(|side| side.environment == environment.name);
        if touched && !line.environments.contains(&environment.name) {
            line.environments.push(environment.name.clone());
        }
    }
    line.analysed = true;
}

/// What a search does not look at, in words.
fn search_notes(filter: &Filter) -> Option<String> {
    filter
        .looks_at_values()
        .then(|| "values of secrets are masked and never match a search".to_owned())
}

/// Why a history ends before its root, or is not what git shows, in words.
pub(super) fn notes(past: &Past, end: Option<&End>) -> Vec<String> {
    let mut notes = Vec::new();
    if past.ws.inner.repo.facts().grafted {
        notes.push("the repository has grafts (info/grafts), which are not looked at; `git replace --convert-graft-file` makes of them what is".to_owned());
    }
    match end {
        Some(End::Shallow) => notes.push("the clone is shallow: history before this is not in it; `git fetch --unshallow` brings it".to_owned()),
        Some(End::Broken(why)) => notes.push(format!("history ends here: {why}")),
        Some(End::Cancelled) | None => {}
    }
    notes
}
