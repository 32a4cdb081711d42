//! The timeline: every commit of the line, with what each meant.
//!
//! Rows come at once, newest first; what they meant takes rendering and follows, also newest first, so that what is on
//! screen is explained before what is not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::common::Selector;
use super::super::entry::entry;
use super::super::workspace::Past;
use super::{Answer, Entry, Filter, Progress, Request, notes};
use crate::history::{Origins, Rows, Scope, changes_between};
use crate::task::Sink;

/// Partial answers are whole; more of them than a screen can show would only cost time.
const BETWEEN_PARTIAL: Duration = Duration::from_millis(80);

pub fn ask(past: &Past, request: &Request, out: &Sink<Answer>) -> anyhow::Result<Answer> {
    let tip = past.at(request.at.as_deref())?;
    let history = past.ws.history(tip);
    let origins = past.origins(tip)?;
    let filter = Filter::new(request, past.ws.clock().now())?;
    let limit = request.limit.unwrap_or(usize::MAX);
    let mut answer = Answer {
        tips: vec![past.ws.tip()],
        resource: None,
        entries: Vec::new(),
        progress: Progress::default(),
        notes: Vec::new(),
    };

    // With a limit, or for plain output, rows are explained as they come; a screen wants all rows first.
    let rows_first = out.wants_partial() && request.limit.is_none();
    let mut seen = 0;
    let mut told = Instant::now();
    let rows = 'rows: loop {
        let rows = history.wait_grown(seen, out.cancel());
        while let Some(row) = rows.get(seen) {
            if out.cancel().is_cancelled()
                || answer.entries.len() >= limit
                || filter.is_past(row.committed)
            {
                break 'rows rows;
            }
            let mut line = entry(past, &origins, &rows, seen, row);
            if !rows_first {
                explain(past, &origins, &rows, seen, &request.select, out, &mut line)?;
            }
            if wanted(&line, &request.select) && (rows_first || filter.keeps(&line)) {
                answer.entries.push(Arc::new(line));
            }
            seen += 1;
            answer.progress = Progress {
                commits: seen,
                complete: false,
            };
            if told.elapsed() > BETWEEN_PARTIAL || seen == 100 {
                out.send(answer.clone());
                told = Instant::now();
            }
        }
        if rows.complete() && seen >= rows.len() {
            break rows;
        }
    };
    answer.notes = notes(rows.end());
    answer.progress.complete = rows.complete() && seen >= rows.len();
    if rows_first {
        out.send(answer.clone());
        explain_all(past, &origins, &rows, request, &filter, out, &mut answer)?;
    }
    Ok(answer)
}

fn explain_all(
    past: &Past,
    origins: &Origins,
    rows: &Rows,
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
        let mut line = Entry::clone(&answer.entries[place]);
        let Some(row) = rows.position(line.line.commit) else {
            continue;
        };
        explain(past, origins, rows, row, &request.select, out, &mut line)?;
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

/// Adds what a row meant. A source commit means what its generated commits applied.
fn explain(
    past: &Past,
    origins: &Origins,
    rows: &Rows,
    index: usize,
    select: &Selector,
    out: &Sink<Answer>,
    line: &mut Entry,
) -> anyhow::Result<()> {
    let Some(row) = rows.get(index) else {
        return Ok(());
    };
    let newest = origins
        .of(&past.reader, rows, index)
        .generates
        .first()
        .and_then(|row| rows.get(*row))
        .unwrap_or(row);
    let before = match row.first_parent {
        Some(parent) => match past.reader.tree_of(parent) {
            Ok(tree) => tree,
            // The boundary of a shallow clone: what the commit changed cannot be known.
            Err(_) => return Ok(()),
        },
        None => past.reader.empty_tree(),
    };
    let scope = Scope {
        environment: select.environment.clone(),
        app: None,
    };
    let changes = changes_between(past.sources(), before, newest.tree, &scope, out.cancel())?;
    super::describe(line, &changes);
    Ok(())
}

/// Whether a commit touches the environment and namespace asked for; not told before it is explained.
fn wanted(line: &Entry, select: &Selector) -> bool {
    if !line.analysed || (select.environment.is_none() && select.namespace.is_none()) {
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
