//! The log of one resource: exactly the commits that changed its value.
//!
//! Which commits changed the document that an object is made of is known at once, which of them changed the object only when
//! it was rendered: until then they are sent as candidates, without a meaning.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::super::entry::entry;
use super::super::workspace::Past;
use super::kept::{Kept, Said};
use super::{Answer, Entry, Filter, Progress, Request, notes, search_notes};
use crate::git::{Oid, RepoPath};
use crate::history::{
    self, End, History, LogStep, Origins, ResourceKey, Walked, document_log, resource_log_until,
};
use crate::manifest::ObjectRef;
use crate::task::Sink;

/// Candidates that are sent: more are not looked through before most are confirmed.
const CANDIDATES: usize = 200;

pub fn ask(past: &Past, request: &Request, out: &Sink<Answer>) -> anyhow::Result<Answer> {
    let (past, tip, (id, declared)) =
        &past.the_one_of_all(request.at.as_deref(), &request.select, out.cancel())?;
    let tip = *tip;
    let source = declared
        .as_ref()
        .and_then(|declared| declared.source.as_ref())
        .filter(|source| source.document.is_some());
    let key = ResourceKey {
        environment: id.environment.clone(),
        // A file tells apart two apps that declare the same object.
        app: request.select.path.as_ref().map(|_| id.app.clone()),
        object: id.object.clone(),
    };
    let filter = Filter::new(request, past.ws.clock().now())?;
    // A search looks at the values, which are not kept.
    let kept = match request.source || filter.is_about_resources() {
        true => None,
        false => Kept::open(past, &key),
    };
    let mut log = Growing {
        past,
        history: past.ws.history(tip),
        origins: past.origins(tip)?,
        filter,
        limit: request.limit.unwrap_or(usize::MAX),
        out,
        answer: Answer {
            tips: vec![past.line.tip.clone()],
            resource: Some(id.clone()),
            entries: Vec::new(),
            progress: Progress::default(),
            notes: Vec::new(),
        },
        candidates: VecDeque::new(),
        said: Vec::new(),
        is_broken_off: false,
    };

    let walked = match (request.source, request.select.path.as_deref(), source) {
        (true, Some(path), _) => log.of_document(&RepoPath::from(path), &id.object),
        (true, None, Some(source)) => log.of_document(&source.path, &id.object),
        (true, None, None) => {
            anyhow::bail!(
                "{} is in no single file at the tip\nhint: name one with --path FILE",
                id.object
            )
        }
        (false, ..) => {
            let known = kept.as_ref().and_then(Kept::tip);
            if let Some(source) = source
                && known.is_none()
                && !request.explained
                && out.wants_partial()
            {
                log.expect(&source.path, &id.object)?;
            }
            log.of_resource(&key, known)
        }
    };
    let walked = match walked {
        // What was found so far holds.
        Err(history::Error::Git(error)) if !log.answer.entries.is_empty() => {
            whole(Some(End::Broken(error.to_string())))
        }
        walked => walked?,
    };
    let mut end = walked.end;
    if walked.is_known {
        let before = log.go_on_with(kept.as_ref());
        end = end.or(before);
    }
    let is_whole = matches!(end, None | Some(End::Shallow)) && !log.is_broken_off;
    if let Some(kept) = &kept
        && is_whole
        && !past.ws.inner.renderer.has_faltered()
        && kept.tip() != Some(tip)
    {
        kept.save(tip, log.said);
    }
    let mut answer = log.answer;
    answer.progress.complete = true;
    answer.notes = notes(past, end.as_ref());
    answer.notes.extend(search_notes(&log.filter));
    Ok(answer)
}

/// A log while it is found out.
struct Growing<'a> {
    past: &'a Past<'a>,
    history: History,
    origins: Arc<Origins>,
    filter: Filter,
    limit: usize,
    out: &'a Sink<Answer>,
    /// What is sure.
    answer: Answer,
    /// The rows not yet looked at that are likely to be in it, newest first, as they are shown until then.
    candidates: VecDeque<(usize, Arc<Entry>)>,
    /// All of it, whatever the filter keeps.
    said: Vec<Said>,
    /// Not all of it was asked for, or could be had.
    is_broken_off: bool,
}

impl Growing<'_> {
    fn of_document(&mut self, path: &RepoPath, object: &ObjectRef) -> history::Result<Walked> {
        let (past, out, history) = (self.past, self.out, self.history.clone());
        let on_step = &mut |step| self.step(step);
        let path = path.as_ref();
        let (sources, cancel) = (past.sources(), out.cancel());
        Ok(whole(document_log(
            &history, sources, path, object, cancel, on_step,
        )?))
    }

    fn of_resource(&mut self, key: &ResourceKey, known: Option<Oid>) -> history::Result<Walked> {
        let (past, out, history) = (self.past, self.out, self.history.clone());
        let on_step = &mut |step| self.step(step);
        let cancel = out.cancel();
        resource_log_until(&history, past.sources(), key, known, cancel, on_step)
    }

    /// Shows the commits that changed the document an object is made of until it is known which changed the object: the one
    /// takes a look at the index, the other may take builds.
    fn expect(&mut self, path: &RepoPath, object: &ObjectRef) -> history::Result<()> {
        let rows = self.history.snapshot();
        if !rows.complete() {
            return Ok(());
        }
        let (past, out, history) = (self.past, self.out, self.history.clone());
        let on_step = &mut |step| {
            if let LogStep::Entry(found) = step
                && let Some(row) = rows.get(found.row)
            {
                let line = entry(past, &self.origins, &rows, found.row, row);
                if self.filter.may_keep(&line, row) && self.filter.keeps(&line) {
                    self.candidates.push_back((found.row, Arc::new(line)));
                }
            }
            match self.candidates.len() < CANDIDATES.min(self.limit) {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        };
        let path = path.as_ref();
        let (sources, cancel) = (past.sources(), out.cancel());
        document_log(&history, sources, path, object, cancel, on_step)?;
        self.send();
        Ok(())
    }

    fn step(&mut self, step: LogStep) -> ControlFlow<()> {
        match step {
            LogStep::Looked(commits) => {
                self.answer.progress.commits = commits;
                if self.drop_candidates(commits) {
                    self.send();
                }
            }
            LogStep::Entry(found) => {
                let rows = self.history.snapshot();
                let Some(row) = rows.get(found.row) else {
                    return ControlFlow::Continue(());
                };
                let mut line = entry(self.past, &self.origins, &rows, found.row, row);
                let said = Said::of(&found);
                said.describe(&mut line);
                self.said.push(said);
                self.drop_candidates(found.row + 1);
                let here = self.filter.found(&found.changes);
                if self.filter.may_keep(&line, row) && self.filter.keeps(&line) && here.is_some() {
                    line.found = here.unwrap_or_default();
                    self.answer.entries.push(Arc::new(line));
                    self.send();
                }
                if self.answer.entries.len() >= self.limit || self.filter.is_past(&rows, found.row)
                {
                    self.is_broken_off = true;
                    return ControlFlow::Break(());
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// Forgets the candidates before a row; whether there were any.
    fn drop_candidates(&mut self, row: usize) -> bool {
        let passed = self.candidates.partition_point(|(at, _)| *at < row);
        self.candidates.drain(..passed);
        passed > 0
    }

    fn send(&self) {
        let mut answer = self.answer.clone();
        let candidates = self.candidates.iter().map(|(_, entry)| Arc::clone(entry));
        answer.entries.extend(candidates);
        self.out.send(answer);
    }

    /// The rest, as it was found before; why it ends before the history's root.
    fn go_on_with(&mut self, kept: Option<&Kept>) -> Option<End> {
        let rows = self.history.wait_complete(self.out.cancel());
        for before in kept.iter().flat_map(|kept| kept.said()) {
            let at = before.commit().and_then(|commit| rows.position(commit));
            let Some((at, row)) = at.and_then(|at| Some((at, rows.get(at)?))) else {
                // The history was not read to its end.
                self.is_broken_off = true;
                break;
            };
            let mut line = entry(self.past, &self.origins, &rows, at, row);
            before.describe(&mut line);
            self.said.push(before.clone());
            if self.filter.may_keep(&line, row) && self.filter.keeps(&line) {
                self.answer.entries.push(Arc::new(line));
            }
            self.is_broken_off =
                self.answer.entries.len() >= self.limit || self.filter.is_past(&rows, at);
            if self.is_broken_off {
                break;
            }
        }
        self.answer.progress.commits = rows.len();
        rows.end().cloned()
    }
}

fn whole(end: Option<End>) -> Walked {
    Walked {
        end,
        is_known: false,
    }
}
