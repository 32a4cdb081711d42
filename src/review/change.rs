//! What a commit, or the way from one revision to another, changes: per resource, rendered.

use serde::Serialize;

use super::Workspace;
use super::common::{NotRendered, ResourceDiff, Selector};
use super::desired::Wanted;
use super::entry::resource_diff;
use super::line::wait_for;
use super::log::Entry;
use super::workspace::Past;
use crate::git::{Oid, Tip};
use crate::history::{Scope, changes_between};
use crate::task::{Cancel, Sink};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub range: Range,
    pub select: Selector,
}

/// Of revisions, or of the commits they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range<R = String> {
    /// A commit against its first parent; for a generated commit or its source, the generated objects' change.
    Commit(R),
    /// `A..B`
    Between(R, R),
    /// `A...B`: from their merge base to B.
    SinceMergeBase(R, R),
}

impl<R> Range<R> {
    fn map<T, E>(&self, mut to: impl FnMut(&R) -> Result<T, E>) -> Result<Range<T>, E> {
        Ok(match self {
            Range::Commit(commit) => Range::Commit(to(commit)?),
            Range::Between(from, till) => Range::Between(to(from)?, to(till)?),
            Range::SinceMergeBase(from, till) => Range::SinceMergeBase(to(from)?, to(till)?),
        })
    }
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

/// Reads and renders both sides.
pub async fn ask(ws: &Workspace, request: Request, out: &Sink<Answer>) -> anyhow::Result<Answer> {
    let cancel = out.cancel().clone();
    ws.blocking_for(out.waiting(), move |past| answer(past, &request, &cancel))
        .await
}

/// On each line that the commit is on, together.
fn answer(past: &Past, request: &Request, cancel: &Cancel) -> anyhow::Result<Answer> {
    // `HEAD` is that of the first line, on whichever it is found.
    let range = request.range.map(|revision| past.resolve(revision))?;
    let (Range::Commit(after) | Range::Between(_, after) | Range::SinceMergeBase(_, after)) = range;
    let lines = past.on_those_with(after, cancel);
    let Some((first, others)) = lines.split_first() else {
        return on_line(past, range, &request.select, cancel);
    };
    let mut answer = on_line(first, range, &request.select, cancel)?;
    for past in others {
        answer.add(on_line(past, range, &request.select, cancel)?);
    }
    Ok(answer)
}

impl Answer {
    /// Adds what the same change is on another line.
    fn add(&mut self, other: Answer) {
        if let (Some(entry), Some(other)) = (&mut self.commit, &other.commit) {
            entry.add(other);
        }
        self.resources.extend(other.resources);
        self.not_rendered.extend(other.not_rendered);
        // What belongs to an app on one of them is not beside all apps.
        self.other_files
            .retain(|path| other.other_files.contains(path));
    }
}

fn on_line(
    past: &Past,
    range: Range<Oid>,
    select: &Selector,
    cancel: &Cancel,
) -> anyhow::Result<Answer> {
    let mut notes = Vec::new();
    let (before, after, commit, message) = match range {
        Range::Commit(id) => commit_sides(past, id, &mut notes, cancel)?,
        Range::Between(from, to) => (Some(from), to, None, String::new()),
        Range::SinceMergeBase(from, to) => {
            let base = past.reader.merge_base(from, to)?;
            if base.is_none() {
                notes.push("the two have no common ancestor: everything is compared".to_owned());
            }
            (base, to, None, String::new())
        }
    };
    let tree_before = match before {
        Some(commit) => past.reader.tree_of(commit)?,
        None => past.reader.empty_tree(),
    };
    let scope = Scope {
        environment: select.environment.clone(),
        app: None,
    };
    let changes = changes_between(
        past.sources(),
        tree_before,
        past.reader.tree_of(after)?,
        &scope,
        cancel,
    )?;
    let wanted = Wanted::new(select)?;
    let mut entry = commit;
    if let Some(entry) = &mut entry {
        super::log::describe(entry, &changes);
    }
    Ok(Answer {
        tips: past.ws.tips(),
        before,
        after,
        commit: entry,
        message,
        resources: changes
            .resources
            .iter()
            .filter(|change| wanted.matches(&change.object, change.path.as_ref()))
            .map(|change| resource_diff(past, change))
            .collect(),
        not_rendered: changes.not_rendered.iter().map(not_rendered).collect(),
        other_files: changes
            .other_files
            .iter()
            .map(ToString::to_string)
            .collect(),
        notes,
    })
}

type CommitSides = (Option<Oid>, Oid, Option<Entry>, String);

/// A commit against its first parent; from a source to the last commit generated from it.
fn commit_sides(
    past: &Past,
    id: Oid,
    notes: &mut Vec<String>,
    cancel: &Cancel,
) -> anyhow::Result<CommitSides> {
    let commit = past.reader.commit(id)?;
    let message = match commit.body.trim() {
        "" => commit.subject.clone(),
        body => format!("{}\n\n{body}", commit.subject),
    };
    let before = commit.parents.first().copied();
    if let Some(error) = before.and_then(|parent| past.reader.tree_of(parent).err()) {
        anyhow::bail!("what {id} changed is not known: its parent's {error}");
    }
    let tip = past.line.tip.commit;
    let history = past.ws.history(tip);
    let origins = past.origins(tip)?;
    let rows = wait_for(&history, id, cancel);
    let Some((index, row)) = rows
        .position(id)
        .and_then(|index| Some((index, rows.get(index)?)))
    else {
        // Not on the line: a commit inside a merge, or of another branch.
        return Ok((before, id, None, message));
    };
    let mut entry = super::entry::entry(past, &origins, &rows, index, row);
    // Rows have only the beginning of a long one.
    entry.line.subject = commit.subject;
    if let Some(source) = &entry.source {
        notes.push(format!("generated from {}", source.commit));
    }
    let after = entry.generated_by.first().copied().unwrap_or(id);
    Ok((before, after, Some(entry), message))
}

pub(super) fn not_rendered(side: &crate::history::NotRendered) -> NotRendered {
    let which = if side.after { "after" } else { "before" };
    let file = side.path.as_ref().map(|path| format!("{path}: "));
    NotRendered {
        environment: side.environment.clone(),
        app: side.app.clone(),
        why: format!(
            "{}{which} the change: {}",
            file.unwrap_or_default(),
            side.why
        ),
    }
}
