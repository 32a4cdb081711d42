//! The branches under review. Most repositories have one; where environments are branches, each of them has its tip, its
//! history and its layout, and every question is asked of each.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::Workspace;
use super::workspace::{Past, lock};
use crate::git::{Oid, Repo, Tip};
use crate::history::{History, Layouts, Rows};
use crate::layout::{
    EnvironmentBranch, Overrides, Shared, detect, environment_branches, environment_of_branch,
    in_order, stage_branches,
};
use crate::task::{Cancel, Waiting};
use crate::text::clean;

/// A branch under review, as of now: its first-parent line from `tip`. Cheap to clone.
#[derive(Clone)]
pub(super) struct Line {
    pub tip: Tip,
    /// Layouts along it, with its environment called as the branch.
    pub layouts: Arc<Layouts>,
    /// How `layouts` are corrected.
    overrides: Overrides,
}

impl Line {
    fn new(tip: Tip, overrides: Overrides) -> Line {
        Line {
            tip,
            layouts: Arc::new(Layouts::corrected_by(overrides.clone())),
            overrides,
        }
    }
}

/// The environments that several branches have, and the tips for which that was found out.
#[derive(Default)]
pub(super) struct Alike {
    tips: Vec<Oid>,
    names: BTreeSet<String>,
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
                lines.extend(tip.map(|tip| Line::new(tip.clone(), overrides)));
            }
            default_first(&mut lines, Some(&default));
        }
    }
    if lines.is_empty() {
        lines.push(Line::new(tip, user.clone()));
    }
    Ok(lines)
}

fn default_first(lines: &mut [Line], default: Option<&String>) {
    let first = lines
        .iter()
        .position(|line| line.tip.branch.as_ref() == default);
    if let Some(first) = first.or(lines.len().checked_sub(1)) {
        lines[..=first].rotate_right(1);
    }
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

    /// Takes the branches that Kargo's Stages write to for environments, whatever they are called: the Stages on the default
    /// branch tell. Not done where a branch was asked for, and once only: it takes the layout of that branch, which most
    /// questions need, too. Announced as a change where it is one.
    pub async fn follow_stages(&self) -> anyhow::Result<()> {
        if self.inner.options.branch.is_some() || self.inner.followed.swap(true, Relaxed) {
            return Ok(());
        }
        let ws = self.clone();
        let changed = self.blocking(move |past| Ok(ws.find_stages(past)?)).await?;
        if changed {
            self.announce_change();
        }
        Ok(())
    }

    fn find_stages(&self, past: &Past) -> crate::git::Result<bool> {
        let repo = &self.inner.repo;
        let default = repo.tip(None)?;
        let mut names = repo.branches()?;
        names.retain(|name| Some(name) != default.branch.as_ref());
        if names.is_empty() {
            return Ok(false);
        }
        let lines = self.lines();
        let is_default = |line: &&Line| line.tip.branch == default.branch;
        let own = lines.iter().find(is_default);
        let plain = || Line::new(default.clone(), self.inner.options.overrides.clone());
        let default = own.cloned().unwrap_or_else(plain);
        let tree = past.reader.tree_of(default.tip.commit)?;
        let renderer = &self.inner.renderer;
        let layout = default.layouts.at(&past.reader, renderer, tree)?;
        let mut found = stage_branches(&layout, &names);
        found.truncate(MAX_LINES);
        if found.is_empty() {
            return Ok(false);
        }
        let written = |line: &Line| {
            let branch = line.tip.branch.as_ref();
            let mut stages = layout.stage_branches.iter();
            stages.any(|(_, written)| Some(written) == branch)
        };
        // What several stages are made from is none, unless one is written there, too.
        let alone = lines.len() == 1 && found.len() > 1 && !written(&default);
        let kept = lines.iter().filter(|line| !(alone && is_default(line)));
        let mut all: Vec<Line> = Vec::new();
        for line in kept {
            if !found
                .iter()
                .any(|new| Some(&new.branch) == line.tip.branch.as_ref())
            {
                found.push(EnvironmentBranch {
                    branch: line.tip.branch.clone().unwrap_or_default(),
                    environment: line.overrides.default.clone().unwrap_or_default(),
                });
            }
        }
        in_order(&mut found);
        for EnvironmentBranch {
            branch,
            environment,
        } in found
        {
            let known = lines
                .iter()
                .find(|line| line.tip.branch.as_ref() == Some(&branch));
            let overrides = Overrides {
                default: Some(environment).filter(|name| !name.is_empty()),
                ..self.inner.options.overrides.clone()
            };
            all.push(match known {
                Some(known) => Line::new(known.tip.clone(), overrides),
                None => Line::new(repo.tip(Some(&branch))?, overrides),
            });
        }
        default_first(&mut all, default.tip.branch.as_ref());
        *lock(&self.inner.lines) = all;
        Ok(true)
    }

    /// Gives environments that several branches have names that tell them apart: a branch for production and a directory
    /// called so on another are not the same place. Asked before every job, and looked into once for each state of the
    /// branches.
    pub(super) fn tell_apart(&self) -> crate::git::Result<()> {
        let mut alike = lock(&self.inner.alike);
        let lines = self.lines();
        let tips: Vec<Oid> = lines.iter().map(|line| line.tip.commit).collect();
        if lines.len() < 2 || alike.tips == tips {
            return Ok(());
        }
        let reader = self.inner.repo.reader();
        let mut once = BTreeSet::new();
        let mut names = BTreeSet::new();
        for line in &lines {
            let tree = reader.tree_of(line.tip.commit)?;
            let plain = Overrides {
                shared: None,
                ..line.overrides.clone()
            };
            let layout = match plain == line.overrides {
                true => line.layouts.at(&reader, &self.inner.renderer, tree)?,
                false => Arc::new(detect(&reader, tree, &self.inner.renderer, &plain)?),
            };
            for environment in &layout.environments {
                if !once.insert(environment.name.clone()) {
                    names.insert(environment.name.clone());
                }
            }
        }
        if alike.names != names {
            // A tip may have been fetched meanwhile: it stays.
            for line in lock(&self.inner.lines).iter_mut() {
                let branch = line.tip.branch.clone().unwrap_or_default();
                let names = names.clone();
                let overrides = Overrides {
                    shared: (!names.is_empty()).then_some(Shared { names, branch }),
                    ..line.overrides.clone()
                };
                *line = Line::new(line.tip.clone(), overrides);
            }
        }
        *alike = Alike { tips, names };
        Ok(())
    }

    /// That a name a person gave means one environment, as far as branches go; else an error that lists those it may mean.
    pub fn is_one_environment(&self, name: &str) -> anyhow::Result<()> {
        let past = self.past(Waiting::default())?;
        if !lock(&self.inner.alike).names.contains(name) {
            return Ok(());
        }
        let mut found = Vec::new();
        for past in past.on_each() {
            let layout = past.layout_of(past.line.tip.commit)?;
            let own = past.line.overrides.shared.as_ref();
            let own = own.map(|shared| shared.told_apart(name));
            found.extend(own.filter(|own| layout.environment(own).is_some()));
        }
        anyhow::bail!(
            "the environment {} is on {} branches\nhint: say which: {}",
            clean(name),
            found.len(),
            clean(&found.join(", "))
        )
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
