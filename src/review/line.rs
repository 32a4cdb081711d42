//! The branches under review. Most repositories have one; where environments are branches, each of them has its tip, its
//! history and its layout, and every question is asked of each.

use std::sync::Arc;

use super::Workspace;
use super::workspace::{Past, lock};
use crate::git::{Oid, Repo, Tip};
use crate::history::{History, Layouts, Rows};
use crate::layout::{Overrides, environment_branches, environment_of_branch};
use crate::task::Cancel;

/// A branch under review, as of now: its first-parent line from `tip`. Cheap to clone.
#[derive(Clone)]
pub(super) struct Line {
    pub tip: Tip,
    /// Layouts along it, with its environment called as the branch.
    pub layouts: Arc<Layouts>,
}

/// More environments in branches than anybody has; a bound on what a strange repository may cost.
const MAX_LINES: usize = 24;

/// The lines of a repository, at least one. The first is the one that things are about which belong to no environment: the
/// default branch if it is among them, else the one last in the order of promotion.
pub(super) fn lines(
    repo: &Repo,
    branch: Option<&str>,
    user: &Overrides,
) -> crate::git::Result<Vec<Line>> {
    let tip = repo.tip(branch)?;
    let mut lines = Vec::new();
    if branch.is_none()
        && let Some(default) = tip.branch.clone()
    {
        let mut candidates = Vec::new();
        let names = repo.branches()?;
        let named = |name: &&String| **name != default && environment_of_branch(name).is_some();
        for name in names.iter().filter(named).take(MAX_LINES) {
            candidates.push(repo.tip(Some(name))?);
        }
        if !candidates.is_empty() {
            candidates.push(tip.clone());
            let reader = repo.reader();
            let mut trees = Vec::new();
            for candidate in &candidates {
                let name = candidate.branch.clone().unwrap_or_default();
                trees.push((name, reader.tree_of(candidate.commit)?));
            }
            for found in environment_branches(&reader, &trees, &default)? {
                let tip = candidates
                    .iter()
                    .find(|tip| tip.branch.as_ref() == Some(&found.branch));
                let overrides = Overrides {
                    default: Some(found.environment),
                    ..user.clone()
                };
                lines.extend(tip.map(|tip| Line {
                    tip: tip.clone(),
                    layouts: Arc::new(Layouts::corrected_by(overrides)),
                }));
            }
            let first = lines
                .iter()
                .position(|line| line.tip.branch.as_ref() == Some(&default));
            if let Some(first) = first.or(lines.len().checked_sub(1)) {
                lines[..=first].rotate_right(1);
            }
        }
    }
    if lines.is_empty() {
        lines.push(Line {
            tip,
            layouts: Arc::new(Layouts::corrected_by(user.clone())),
        });
    }
    Ok(lines)
}

impl Workspace {
    pub(super) fn lines(&self) -> Vec<Line> {
        lock(&self.inner.lines).clone()
    }

    /// The tips of all lines.
    pub(super) fn tips(&self) -> Vec<Tip> {
        self.lines().into_iter().map(|line| line.tip).collect()
    }

    /// The first line's tip.
    pub(super) fn tip(&self) -> Tip {
        self.line().tip
    }

    pub(super) fn line(&self) -> Line {
        self.lines().remove(0)
    }
}

impl<'a> Past<'a> {
    /// What a job reads with, on another line.
    pub fn on(&self, line: &Line) -> Past<'a> {
        Past {
            ws: self.ws,
            reader: self.ws.inner.repo.reader(),
            line: line.clone(),
            waiting: self.waiting.clone(),
        }
    }

    /// This, on each line.
    pub fn on_each(&self) -> Vec<Past<'a>> {
        let lines = self.ws.lines();
        lines.iter().map(|line| self.on(line)).collect()
    }

    /// This, on the line of a branch; on the first where there is none.
    pub fn on_branch(&self, branch: &str) -> Past<'a> {
        let lines = self.ws.lines();
        let line = lines
            .iter()
            .find(|line| line.tip.branch.as_deref() == Some(branch));
        self.on(line.unwrap_or(&self.line))
    }

    /// The lines with a commit on them, each waited for as far as that takes; where it is on none (a commit inside a merge, or
    /// of another branch), the first.
    pub fn on_those_with(&self, commit: Oid, cancel: &Cancel) -> Vec<Past<'a>> {
        let mut all = self.on_each();
        if all.len() > 1 {
            let (with, without): (Vec<_>, Vec<_>) = all.into_iter().partition(|past| {
                let history = past.ws.history(past.line.tip.commit);
                wait_for(&history, commit, cancel)
                    .position(commit)
                    .is_some()
            });
            all = match with.is_empty() {
                true => without.into_iter().take(1).collect(),
                false => with,
            };
        }
        all
    }

    /// Where and at which commit to look: at every tip, or at what `at` names. A revision belongs to the lines it is on, a
    /// date to all that are so old.
    pub fn at_each(
        &self,
        at: Option<&str>,
        cancel: &Cancel,
    ) -> anyhow::Result<Vec<(Past<'a>, Oid)>> {
        let all = self.on_each();
        let Some(at) = at else {
            return Ok(all
                .into_iter()
                .map(|past| {
                    let tip = past.line.tip.commit;
                    (past, tip)
                })
                .collect());
        };
        if let Ok(commit) = self.resolve(at) {
            let lines = self.on_those_with(commit, cancel);
            return Ok(lines.into_iter().map(|past| (past, commit)).collect());
        }
        let mut found = Vec::new();
        let mut failed = None;
        for past in all {
            match past.at(Some(at)) {
                Ok(commit) => found.push((past, commit)),
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            Some(error) if found.is_empty() => Err(error),
            _ => Ok(found),
        }
    }
}

/// The rows up to a commit and the one before it, or all of them.
pub(super) fn wait_for(history: &History, id: Oid, cancel: &Cancel) -> Rows {
    let mut rows = history.snapshot();
    while rows.position(id).is_none() && !rows.complete() && !cancel.is_cancelled() {
        rows = history.wait_grown(rows.len(), cancel);
    }
    rows
}
