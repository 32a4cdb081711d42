//! Rows of history, in the words of answers.

use jiff::Timestamp;

use super::common::{ChangedResource, CommitLine, Pull, ResourceDiff, Sides};
use super::log::{Entry, Links};
use super::workspace::Past;
use crate::diff::suppressed;
use crate::git::{Commit, Oid};
use crate::history::{Origins, ResourceChange, Row, Rows};
use crate::layout::{dry_commit, is_bot};
use crate::manifest::{Language, masked_items, masked_text};
use crate::render::{How, RenderedObject};

pub fn line_of_row(row: &Row) -> CommitLine {
    CommitLine {
        commit: row.id,
        time: row.committed,
        author: (*row.author).clone(),
        subject: row.subject.to_string(),
        bot: is_bot(&row.author.name, &row.author.email),
    }
}

pub fn line_of_commit(commit: &Commit) -> CommitLine {
    CommitLine {
        commit: commit.id,
        time: commit.committed,
        bot: is_bot(&commit.author.name, &commit.author.email),
        author: commit.author.clone(),
        subject: commit.subject.clone(),
    }
}

/// A line for a commit that may not be readable any more.
pub fn line_of_id(past: &Past, id: Oid) -> CommitLine {
    match past.reader.commit(id) {
        Ok(commit) => line_of_commit(&commit),
        Err(_) => CommitLine {
            commit: id,
            time: Timestamp::UNIX_EPOCH,
            author: crate::git::Person {
                name: String::new(),
                email: String::new(),
            },
            subject: "(missing from the repository)".to_owned(),
            bot: false,
        },
    }
}

/// Where a row comes from, in the words of answers.
pub struct OriginOf {
    pub generated: bool,
    pub source: Option<CommitLine>,
    /// Newest first.
    pub generated_by: Vec<Oid>,
    pub pull: Option<Pull>,
}

pub fn origin_of(past: &Past, origins: &Origins, rows: &Rows, index: usize, row: &Row) -> OriginOf {
    let origin = origins.of(&past.reader, rows, index);
    // It is on another branch.
    let dry = dry_commit(&past.reader, row.id, &row.author, &row.changes);
    let merged = |row: &Row| origins.merged_by_program(&past.reader, row);
    let source = origin.source.and_then(|source| rows.get(source));
    let elsewhere = dry.or_else(|| merged(source.unwrap_or(row)));
    OriginOf {
        generated: origin.generated || elsewhere.is_some(),
        source: elsewhere
            .map(|id| line_of_id(past, id))
            .or_else(|| source.map(line_of_row)),
        generated_by: origin
            .generates
            .iter()
            .filter_map(|row| rows.get(*row))
            .map(|row| row.id)
            .collect(),
        pull: origin.pull.map(|pull| Pull {
            number: pull.number,
            title: pull.title,
            url: None,
        }),
    }
}

/// Who is behind a row: what it was made from, else itself.
pub fn behind(past: &Past, origins: &Origins, rows: &Rows, index: usize) -> Option<CommitLine> {
    let row = rows.get(index)?;
    let origin = origin_of(past, origins, rows, index, row);
    Some(origin.source.unwrap_or_else(|| line_of_row(row)))
}

/// An entry of which no more is known yet.
pub fn bare(line: CommitLine, merge: bool) -> Entry {
    Entry {
        line,
        generated: false,
        source: None,
        generated_by: Vec::new(),
        pull: None,
        merge,
        environments: Vec::new(),
        meaning: Vec::new(),
        resources: Vec::new(),
        unknown: None,
        analysed: false,
        links: Links::default(),
        found: Vec::new(),
    }
}

/// The entry of a row, without its meaning.
pub fn entry(past: &Past, origins: &Origins, rows: &Rows, index: usize, row: &Row) -> Entry {
    let origin = origin_of(past, origins, rows, index, row);
    Entry {
        generated: origin.generated,
        source: origin.source,
        generated_by: origin.generated_by,
        pull: origin.pull,
        links: links(past, origins, rows, index, row),
        ..bare(line_of_row(row), !row.other_parents.is_empty())
    }
}

fn links(past: &Past, origins: &Origins, rows: &Rows, index: usize, row: &Row) -> Links {
    let undone = origins.undone(&past.reader, rows, index);
    let id = |row: Option<usize>| Some(rows.get(row?)?.id);
    Links {
        // What it names may be a commit inside a merge.
        reverts: row.reverts.first().copied().or(id(undone.reverts)),
        reverted_by: id(undone.reverted_by),
        reapplies: id(undone.reapplies),
        reapplied_by: id(undone.reapplied_by),
        picked_from: row.picked_from.as_deref().copied(),
        picked_to: picked_to(past, rows, row.id),
    }
}

/// Where a commit was picked to: on its own line, else on another.
fn picked_to(past: &Past, rows: &Rows, commit: Oid) -> Option<Oid> {
    let newest = |rows: &Rows| Some(rows.get(rows.picked_to(commit)?)?.id);
    newest(rows).or_else(|| {
        let lines = past.ws.lines();
        let tips = lines.iter().map(|line| line.tip.commit);
        tips.filter(|tip| *tip != past.line.tip.commit)
            .find_map(|tip| newest(&past.ws.history(tip).snapshot()))
    })
}

pub fn changed_resource(change: &ResourceChange) -> ChangedResource {
    ChangedResource {
        environment: change.environment.clone(),
        app: change.app.clone(),
        object: change.object.clone(),
        path: change.path.as_ref().map(ToString::to_string),
        change: change.kind,
        routine: change.routine,
    }
}

/// A change with the texts of both sides.
pub fn resource_diff(past: &Past, change: &ResourceChange) -> ResourceDiff {
    ResourceDiff {
        resource: changed_resource(change),
        fields: change.fields.clone(),
        suppressed: suppressed(&change.fields),
        rendered: !matches!(change.how, How::Sources { .. }),
        predicted: None,
        text: Sides {
            before: change
                .before
                .as_ref()
                .map(|side| side_text(past, side, &change.how)),
            after: change
                .after
                .as_ref()
                .map(|side| side_text(past, side, &change.how)),
        },
        objects: Sides {
            before: change.object_before().cloned(),
            after: change.object_after().cloned(),
        },
    }
}

/// The masked text of an object: its document as written where it is read from a file, else as the tool rendered it.
pub fn side_text(past: &Past, rendered: &RenderedObject, how: &How) -> String {
    if let (How::Read | How::Sources { .. }, Some(source)) = (how, &rendered.source)
        && let Some(place) = &source.document
        && let Ok(bytes) = past.reader.blob(source.blob)
        && let Some(document) = bytes.get(place.bytes.clone())
    {
        let masking = &past.ws.inner.masking;
        return match Language::of(&rendered.object.id) {
            Some(language) => masked_items(language, document, masking),
            None => masked_text(document, masking),
        };
    }
    rendered.object.to_yaml()
}
