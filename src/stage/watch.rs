//! After the pull request is open: merged? then in the cluster? then healthy? With the time at which each was first seen.
//!
//! How the cluster stands is looked at by the caller, who knows which environments are where; this decides what it means.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch::Receiver;

use super::journal::{Journal, Milestone, Staged};
use super::steps::{Tools, blocking};
use super::{Error, Result};
use crate::forge::State;
use crate::git::{Oid, Tip};
use crate::live::{Comparison, Health, HealthStatus};
use crate::task::{Cancel, Known};

/// One object that the change touches, as it stands in the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// `Deployment/api`
    pub object: String,
    /// It is there as merged (or gone, if that was the change).
    pub arrived: bool,
    pub health: Health,
}

/// Every object that the change touches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Landing {
    pub arrivals: Vec<Arrival>,
}

impl Landing {
    pub fn is_synced(&self) -> bool {
        self.arrivals.iter().all(|arrival| arrival.arrived)
    }

    pub fn is_healthy(&self) -> bool {
        self.unwell().is_none()
    }

    /// The first that is not well: Argo CD's vocabulary counts what was suspended on purpose as well.
    fn unwell(&self) -> Option<&Arrival> {
        self.arrivals.iter().find(|arrival| {
            !matches!(
                arrival.health.status,
                HealthStatus::Healthy | HealthStatus::Suspended
            )
        })
    }
}

/// Whether what a change does to an object has arrived, from what the live object lacks of git after it and of git before it: a
/// field that was not as git said before, and that the change left alone, does not keep it from having arrived.
pub fn has_arrived(before: &Comparison, after: &Comparison) -> bool {
    after.drift.iter().all(|field| {
        before
            .drift
            .iter()
            .any(|old| old.path == field.path && old.desired == field.desired)
    })
}

/// The steps of a staged change, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    Committed,
    Pushed,
    Opened,
    Merged,
    Synced,
    Healthy,
}

/// A step, when it was reached, and what there is to say about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    pub step: Step,
    pub done: Option<Timestamp>,
    pub detail: String,
}

/// All steps of `staged`; `landing` is how the cluster stands, once it was merged.
pub fn progress(staged: &Staged, landing: &Known<Landing>) -> Vec<Progress> {
    const STEPS: [Step; 6] = [
        Step::Committed,
        Step::Pushed,
        Step::Opened,
        Step::Merged,
        Step::Synced,
        Step::Healthy,
    ];
    let reached = |step: Step| {
        staged
            .done
            .iter()
            .find(|done| step_of(&done.milestone) == step)
    };
    STEPS
        .into_iter()
        .map(|step| {
            let found = reached(step);
            Progress {
                step,
                done: found.map(|done| done.at),
                detail: match found {
                    Some(done) => said(&done.milestone),
                    None => awaited(step, staged, landing),
                },
            }
        })
        .collect()
}

fn step_of(milestone: &Milestone) -> Step {
    match milestone {
        Milestone::Committed { .. } => Step::Committed,
        Milestone::Pushed { .. } => Step::Pushed,
        Milestone::Opened { .. } | Milestone::ByHand { .. } => Step::Opened,
        Milestone::Merged { .. } => Step::Merged,
        Milestone::Synced => Step::Synced,
        Milestone::Healthy => Step::Healthy,
    }
}

fn said(milestone: &Milestone) -> String {
    match milestone {
        Milestone::Committed { commit } | Milestone::Merged { commit } => {
            commit.to_hex_with_len(8).to_string()
        }
        Milestone::Pushed { branch } => branch.clone(),
        Milestone::Opened { number, .. } => format!("#{number}"),
        Milestone::ByHand { page: Some(page) } => format!("to be opened at {page}"),
        Milestone::ByHand { page: None } => {
            "to be opened where the branch was pushed to".to_owned()
        }
        Milestone::Synced | Milestone::Healthy => String::new(),
    }
}

fn awaited(step: Step, staged: &Staged, landing: &Known<Landing>) -> String {
    match step {
        Step::Merged if staged.pull().is_some() || staged.page().is_some() => {
            "waiting for somebody to merge it".to_owned()
        }
        Step::Synced | Step::Healthy if staged.merged().is_none() => String::new(),
        Step::Synced | Step::Healthy => match landing {
            Known::Loading => "looking at the cluster".to_owned(),
            Known::Unavailable(why) => why.to_string(),
            Known::Fresh(landing) | Known::Stale(landing, _) => in_cluster(step, landing),
        },
        Step::Committed | Step::Pushed | Step::Opened | Step::Merged => String::new(),
    }
}

fn in_cluster(step: Step, landing: &Landing) -> String {
    let waiting = landing.arrivals.iter().find(|arrival| !arrival.arrived);
    match (step, waiting, landing.unwell()) {
        (Step::Synced, Some(waiting), _) => {
            let there = landing.arrivals.iter().filter(|a| a.arrived).count();
            format!(
                "{there} of {} objects as merged, waiting for {}",
                landing.arrivals.len(),
                waiting.object
            )
        }
        (Step::Healthy, None, Some(unwell)) => {
            format!("{}: {}", unwell.object, unwell.health.reason)
        }
        _ => String::new(),
    }
}

/// How often the forge is asked, and the cluster looked at where nothing is heard from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace(pub Duration);

/// Watches a staged change until it is healthy, or `cancel`led. `look` tells how the cluster stands once it was merged; it is
/// asked again whenever `changed` says so. `told` hears of everything that is new. That a forge or a remote does not answer is
/// told and outlasted; that the pull request was closed ends it.
pub async fn watch<L: Future<Output = Known<Landing>>>(
    journal: &mut Journal,
    tools: &Tools,
    pace: Pace,
    mut look: impl FnMut(Oid) -> L,
    mut changed: Receiver<u64>,
    cancel: &Cancel,
    mut told: impl FnMut(&Staged, &Known<Landing>),
) -> Result<()> {
    let mut landing = Known::Loading;
    loop {
        if journal.staged().merged().is_none() {
            match merged(journal.staged(), tools).await {
                Ok(Some(commit)) => {
                    journal.reached(Milestone::Merged { commit }, tools.clock.now())?;
                }
                Ok(None) => {}
                Err(error @ Error::Closed(_)) => {
                    journal.stopped(&error);
                    return Err(error);
                }
                Err(error) => journal.stopped(&error),
            }
        }
        if let Some(commit) = journal.staged().merged() {
            landing = look(commit).await;
            note(journal, &landing, tools.clock.now())?;
        }
        told(journal.staged(), &landing);
        if journal.staged().is_finished() {
            return Ok(());
        }
        let wait = async {
            tokio::select! {
                () = tokio::time::sleep(pace.0) => {}
                // Where nobody can tell of changes any more, the pace is all there is.
                Ok(()) = changed.changed() => {}
            }
        };
        if cancel.run_until_cancelled(wait).await.is_none() {
            return Ok(());
        }
    }
}

/// Notes what the cluster has reached.
fn note(journal: &mut Journal, landing: &Known<Landing>, at: Timestamp) -> Result<()> {
    // A snapshot of the past tells nothing about what was merged since.
    let Known::Fresh(landing) = landing else {
        return Ok(());
    };
    let has = |journal: &Journal, milestone: &Milestone| {
        let done = &journal.staged().done;
        done.iter().any(|done| done.milestone == *milestone)
    };
    if landing.is_synced() && !has(journal, &Milestone::Synced) {
        journal.reached(Milestone::Synced, at)?;
    }
    if landing.is_synced() && landing.is_healthy() && !has(journal, &Milestone::Healthy) {
        journal.reached(Milestone::Healthy, at)?;
    }
    Ok(())
}

/// The commit on the base branch, if it was merged. The forge says so; where there is none to ask, the base branch does.
async fn merged(staged: &Staged, tools: &Tools) -> Result<Option<Oid>> {
    if let Some((number, _)) = staged.pull() {
        let pull = tools.forge.get(number).await?;
        return match (pull.state, pull.merged_commit) {
            (State::Merged, Some(commit)) => Ok(Some(commit)),
            (State::Merged, None) => on_base(staged, tools).await,
            (State::Closed, _) => Err(Error::Closed(number)),
            (State::Open, _) => Ok(None),
        };
    }
    on_base(staged, tools).await
}

/// The base branch's commit, if it has what was staged: its commit, or (squashed, rebased) all that it changes.
async fn on_base(staged: &Staged, tools: &Tools) -> Result<Option<Oid>> {
    let Some(commit) = staged.commit() else {
        return Ok(None);
    };
    let (plan, repo) = (staged.plan.clone(), tools.repo.clone());
    let now = tools.clock.now();
    blocking(move || {
        let known = Tip {
            repository: plan.repository,
            branch: Some(plan.base_branch),
            commit: plan.base,
            fetched: None,
            remote: Some(plan.remote),
        };
        let tip = repo.fetch(&known, now)?.commit;
        let reader = repo.reader();
        if reader.merge_base(commit, tip)? == Some(commit) {
            return Ok(Some(tip));
        }
        let (before, after) = (reader.tree_of(plan.base)?, reader.tree_of(tip)?);
        let arrived = reader.diff(after, plan.tree)?;
        let own = reader.diff(before, plan.tree)?;
        let missing = own
            .iter()
            .any(|change| arrived.iter().any(|other| other.path == change.path));
        Ok((!missing && !own.is_empty()).then_some(tip))
    })
    .await
}
