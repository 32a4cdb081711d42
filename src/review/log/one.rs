//! The log of one resource: exactly the commits that changed its value.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::super::entry::{changed_resource, entry};
use super::super::workspace::Past;
use super::kept::{Kept, Said};
use super::{Answer, Filter, Progress, Request, notes, search_notes};
use crate::git::RepoPath;
use crate::history::{
    self, End, LogEntry, LogStep, ResourceKey, Walked, document_log, meaning, resource_log_until,
};
use crate::task::Sink;

const MEANINGS: usize = 6;

pub fn ask(past: &Past, request: &Request, out: &Sink<Answer>) -> anyhow::Result<Answer> {
    let (past, tip, (id, declared)) =
        &past.the_one_of_all(request.at.as_deref(), &request.select, out.cancel())?;
    let tip = *tip;
    let history = past.ws.history(tip);
    let origins = past.origins(tip)?;
    let filter = Filter::new(request, past.ws.clock().now())?;
    let limit = request.limit.unwrap_or(usize::MAX);
    let mut answer = Answer {
        tips: vec![past.line.tip.clone()],
        resource: Some(id.clone()),
        entries: Vec::new(),
        progress: Progress::default(),
        notes: Vec::new(),
    };

    let key = ResourceKey {
        environment: id.environment.clone(),
        // A file tells apart two apps that declare the same object.
        app: request.select.path.as_ref().map(|_| id.app.clone()),
        object: id.object.clone(),
    };
    // A search looks at the values, which are not kept.
    let kept = match request.source || filter.is_about_resources() {
        true => None,
        false => Kept::open(past, &key),
    };
    let mut said = Vec::new();
    let mut is_broken_off = false;

    let mut on_step = |step: LogStep| {
        match step {
            LogStep::Looked(commits) => answer.progress.commits = commits,
            LogStep::Entry(found) => {
                let rows = history.snapshot();
                let Some(row) = rows.get(found.row) else {
                    return ControlFlow::Continue(());
                };
                let mut line = entry(past, &origins, &rows, found.row, row);
                describe(&mut line, &found);
                said.push(Said::of(&line));
                let here = filter.found(&found.changes);
                if filter.may_keep(&line, row) && filter.keeps(&line) && here.is_some() {
                    line.found = here.unwrap_or_default();
                    answer.entries.push(Arc::new(line));
                    out.send(answer.clone());
                }
                if answer.entries.len() >= limit || filter.is_past(&rows, found.row) {
                    is_broken_off = true;
                    return ControlFlow::Break(());
                }
            }
        }
        ControlFlow::Continue(())
    };
    let source = declared
        .as_ref()
        .and_then(|declared| declared.source.as_ref())
        .filter(|source| source.document.is_some());
    let log = match (request.source, request.select.path.as_deref(), source) {
        (true, Some(path), _) => {
            let path = RepoPath::from(path);
            document_log(
                &history,
                past.sources(),
                path.as_ref(),
                &id.object,
                out.cancel(),
                &mut on_step,
            )
            .map(whole)
        }
        (true, None, Some(source)) => document_log(
            &history,
            past.sources(),
            source.path.as_ref(),
            &id.object,
            out.cancel(),
            &mut on_step,
        )
        .map(whole),
        (true, None, None) => {
            anyhow::bail!(
                "{} is in no single file at the tip\nhint: name one with --path FILE",
                id.object
            )
        }
        (false, ..) => {
            let known = kept.as_ref().and_then(Kept::tip);
            resource_log_until(
                &history,
                past.sources(),
                &key,
                known,
                out.cancel(),
                &mut on_step,
            )
        }
    };
    let walked = match log {
        // What was found so far holds.
        Err(history::Error::Git(error)) if !answer.entries.is_empty() => {
            whole(Some(End::Broken(error.to_string())))
        }
        log => log?,
    };
    let mut end = walked.end;
    if walked.is_known {
        let rows = history.wait_complete(out.cancel());
        for before in kept.iter().flat_map(Kept::said) {
            let at = before.commit().and_then(|commit| rows.position(commit));
            let Some((at, row)) = at.and_then(|at| Some((at, rows.get(at)?))) else {
                // The history was not read to its end.
                is_broken_off = true;
                break;
            };
            let mut line = entry(past, &origins, &rows, at, row);
            before.describe(&mut line);
            said.push(before.clone());
            if filter.may_keep(&line, row) && filter.keeps(&line) {
                answer.entries.push(Arc::new(line));
            }
            is_broken_off = answer.entries.len() >= limit || filter.is_past(&rows, at);
            if is_broken_off {
                break;
            }
        }
        answer.progress.commits = rows.len();
        end = end.or_else(|| rows.end().cloned());
    }
    let is_whole = matches!(end, None | Some(End::Shallow)) && !is_broken_off;
    if let Some(kept) = &kept
        && is_whole
        && !past.ws.inner.renderer.has_faltered()
        && kept.tip() != Some(tip)
    {
        kept.save(tip, said);
    }
    answer.progress.complete = true;
    answer.notes = notes(past, end.as_ref());
    answer.notes.extend(search_notes(&filter));
    Ok(answer)
}

fn whole(end: Option<End>) -> Walked {
    Walked {
        end,
        is_known: false,
    }
}

fn describe(line: &mut super::Entry, found: &LogEntry) {
    line.meaning = meaning(&found.changes, 1, MEANINGS);
    if line.meaning.is_empty() && found.routine() {
        line.meaning.push("routine".to_owned());
    }
    line.meaning.extend(
        found
            .unreadable
            .iter()
            .map(|side| format!("not readable: {}", side.why)),
    );
    line.resources = found.changes.iter().map(changed_resource).collect();
    line.environments = found
        .changes
        .iter()
        .map(|change| change.environment.clone())
        .collect();
    line.environments.dedup();
    line.analysed = true;
}
