//! The timeline: every commit of the lines under review, with what each meant.
//!
//! Rows come at once, newest first; what they meant takes rendering and follows, also newest first, so that what is on
//! screen is explained before what is not.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::super::common::Selector;
use super::super::entry::{bare, entry, line_of_commit};
use super::super::workspace::{Past, Workspace};
use super::{Answer, Entry, Filter, Progress, Request, notes, search_notes};
use crate::git::{Commit, Oid};
use crate::history::{self, History, Origins, Row, Rows, Scope, changes_between};
use crate::task::{Cancel, Sink};

/// Partial answers are whole; more of them than a screen can show would only cost time.
const BETWEEN_PARTIAL: Duration = Duration::from_millis(80);
/// As many rows as a screen has.
const PAGE: usize = 64;

/// A line being read.
struct Track<'a> {
    past: Past<'a>,
    history: History,
    origins: Arc<Origins>,
    /// As far as it was asked for.
    rows: Rows,
    /// How many rows were looked at.
    seen: usize,
    /// Nothing further is wanted of it.
    ended: bool,
}

impl Track<'_> {
    /// The next row, waited for; `None` where there is no more.
    fn next(&mut self, cancel: &Cancel) -> Option<&Row> {
        while self.seen >= self.rows.len() && !self.rows.complete() && !cancel.is_cancelled() {
            self.rows = self.history.wait_grown(self.seen, cancel);
        }
        if self.ended {
            return None;
        }
        self.rows.get(self.seen)
    }

    fn complete(&self) -> bool {
        self.rows.complete() && self.seen >= self.rows.len()
    }
}

/// The newest commits as git has them: what they were made from takes the layout, and that its time. What cannot be read is
/// told with the rest.
pub fn newest_commits(ws: &Workspace, limit: usize) -> Answer {
    let reader = ws.inner.repo.reader();
    let tips = ws.tips();
    let heads = tips.iter().map(|tip| reader.commit(tip.commit).ok());
    let mut heads: Vec<Option<Commit>> = heads.collect();
    let mut seen = HashSet::new();
    let mut entries = Vec::new();
    while entries.len() < limit {
        let newest = heads
            .iter_mut()
            .max_by_key(|head| head.as_ref().map(|commit| commit.committed));
        let Some((head, commit)) = newest.and_then(|head| {
            let commit = head.take()?;
            Some((head, commit))
        }) else {
            break;
        };
        let before = reader.first_parent_of(&commit);
        *head = before.and_then(|parent| reader.commit(parent).ok());
        if seen.insert(commit.id) {
            let merge = commit.parents.len() > 1;
            entries.push(Arc::new(bare(line_of_commit(&commit), merge)));
        }
    }
    let progress = Progress {
        commits: entries.len(),
        complete: false,
    };
    Answer {
        tips,
        resource: None,
        entries,
        progress,
        notes: Vec::new(),
    }
}

pub fn ask(past: &Past, request: &Request, out: &Sink<Answer>) -> anyhow::Result<Answer> {
    let lines = past.at_each(request.at.as_deref(), out.cancel())?;
    let filter = Filter::new(request, past.ws.clock().now())?;
    let limit = request.limit.unwrap_or(usize::MAX);
    let mut answer = Answer {
        tips: lines
            .iter()
            .map(|(past, _)| past.line.tip.clone())
            .collect(),
        resource: None,
        entries: Vec::new(),
        progress: Progress::default(),
        notes: Vec::new(),
    };
    // With a limit, for plain output, or where what commits did is searched, rows are explained as they come; a screen wants
    // all rows first.
    let rows_first = out.wants_partial()
        && request.limit.is_none()
        && !request.explained
        && !filter.is_about_resources();
    let mut tracks = Vec::new();
    for (past, tip) in lines {
        let history = past.ws.history(tip);
        tracks.push(Track {
            origins: past.origins(tip)?,
            rows: history.snapshot(),
            history,
            seen: 0,
            ended: false,
            past,
        });
    }

    let several = tracks.len() > 1;
    // Commits that are on several lines are one entry.
    let mut places: HashMap<Oid, usize> = HashMap::new();
    let mut told = Instant::now();
    let mut looked = 0;
    while !out.cancel().is_cancelled() && answer.entries.len() < limit {
        let Some(track) = newest(&mut tracks, out.cancel()) else {
            break;
        };
        let Some(row) = track.rows.get(track.seen) else {
            break;
        };
        if filter.is_past(&track.rows, track.seen) {
            track.ended = true;
            continue;
        }
        let mut line = entry(&track.past, &track.origins, &track.rows, track.seen, row);
        let mut keep = filter.may_keep(&line, row);
        if keep && !rows_first {
            keep = explain(track, track.seen, request, &filter, out, &mut line)?;
        }
        if keep && wanted(&line, &request.select) && (rows_first || filter.keeps(&line)) {
            match places.get(&line.line.commit) {
                Some(place) => Arc::make_mut(&mut answer.entries[*place]).add(&line),
                None => {
                    if several {
                        places.insert(line.line.commit, answer.entries.len());
                    }
                    answer.entries.push(Arc::new(line));
                }
            }
        }
        track.seen += 1;
        looked += 1;
        answer.progress = Progress {
            commits: looked,
            complete: false,
        };
        if told.elapsed() > BETWEEN_PARTIAL || looked == PAGE {
            out.send(answer.clone());
            told = Instant::now();
        }
    }
    for track in &tracks {
        answer.notes.extend(notes(&track.past, track.rows.end()));
    }
    answer.notes.dedup();
    answer.notes.extend(search_notes(&filter));
    let mut hints = hints(&answer);
    answer.progress.complete = tracks.iter().all(Track::complete);
    if rows_first {
        out.send(answer.clone());
        explain_all(&tracks, request, &filter, out, &mut answer)?;
        hints = self::hints(&answer);
    }
    answer.notes.extend(hints);
    Ok(answer)
}

/// What to do about what is not known.
fn hints(answer: &Answer) -> BTreeSet<String> {
    let unknown = answer
        .entries
        .iter()
        .filter_map(|entry| entry.unknown.as_deref());
    unknown
        .filter_map(|why| Some(why.split_once("\nhint: ")?.1))
        .map(|hint| format!("what some commits changed is not known: {hint}"))
        .collect()
}

/// The track whose next row is the newest.
fn newest<'t, 'a>(tracks: &'t mut [Track<'a>], cancel: &Cancel) -> Option<&'t mut Track<'a>> {
    let mut newest: Option<(Timestamp, usize)> = None;
    for (index, track) in tracks.iter_mut().enumerate() {
        if let Some(row) = track.next(cancel)
            && newest.is_none_or(|(time, _)| row.committed > time)
        {
            newest = Some((row.committed, index));
        }
    }
    tracks.get_mut(newest?.1)
}

fn explain_all(
    tracks: &[Track],
    request: &Request,
    filter: &Filter,
    out: &Sink<Answer>,
    answer: &mut Answer,
) -> anyhow::Result<()> {
    let mut told = Instant::now();
    for place in 0..answer.entries.len() {
        if out.cancel().is_cancelled() {
            break;
        }
        let unexplained = Entry::clone(&answer.entries[place]);
        let mut line = unexplained.clone();
        for track in tracks {
            if let Some(row) = track.rows.position(line.line.commit) {
                let mut here = unexplained.clone();
                explain(track, row, request, filter, out, &mut here)?;
                line.add(&here);
            }
        }
        answer.entries[place] = Arc::new(line);
        if told.elapsed() > BETWEEN_PARTIAL {
            out.send(answer.clone());
            told = Instant::now();
        }
    }
    answer
        .entries
        .retain(|line| filter.keeps(line) && wanted(line, &request.select));
    Ok(())
}

/// Adds what a row meant, and says whether it did what is searched for. A source commit means what its generated commits
/// applied.
fn explain(
    track: &Track,
    index: usize,
    request: &Request,
    filter: &Filter,
    out: &Sink<Answer>,
    line: &mut Entry,
) -> anyhow::Result<bool> {
    let Track {
        past,
        origins,
        rows,
        ..
    } = track;
    let Some(row) = rows.get(index) else {
        return Ok(false);
    };
    let newest = origins
        .of(&past.reader, rows, index)
        .generates
        .first()
        .and_then(|row| rows.get(*row))
        .unwrap_or(row);
    let scope = Scope {
        environment: request.select.environment.clone(),
        app: None,
    };
    let changes = match &row.problem {
        Some(problem) => Err(problem.to_string()),
        None => match rows
            .tree_before(&past.reader, index)
            .map_err(history::Error::Git)
            .and_then(|before| {
                changes_between(past.sources(), before, newest.tree, &scope, out.cancel())
            }) {
            Err(history::Error::Git(error)) => Err(error.to_string()),
            changes => Ok(changes?),
        },
    };
    let changes = match changes {
        Ok(changes) => changes,
        Err(why) => {
            line.unknown = Some(why);
            line.analysed = true;
            return Ok(filter.found(&[]).is_some());
        }
    };
    super::describe(line, &changes);
    let found = filter.found(&changes.resources);
    let keep = found.is_some();
    line.found = found.unwrap_or_default();
    Ok(keep)
}

/// Whether a commit touches the environment and namespace asked for; not told before it is explained.
fn wanted(line: &Entry, select: &Selector) -> bool {
    if !line.analysed
        || line.unknown.is_some()
        || (select.environment.is_none() && select.namespace.is_none())
    {
        return true;
    }
    line.resources.iter().any(|resource| {
        select
            .environment
            .as_ref()
            .is_none_or(|wanted| *wanted == resource.environment)
            && select
                .namespace
                .as_ref()
                .is_none_or(|wanted| resource.object.namespace.as_ref() == Some(wanted))
    })
}
