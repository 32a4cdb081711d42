//! The steps, each of which can be tried again: commit, push, open, and, where the forge is asked to, merge.

use std::path::{Path, PathBuf};

use super::journal::{Journal, Milestone, Staged};
use super::{Confirmed, Consent, Error, Plan, Result};
use crate::forge::{Forge, NewPullRequest, Opened};
use crate::git::{self, NewCommit, Oid, Repo};
use crate::task::Clock;

/// What staging works with. Cheap to clone.
#[derive(Clone)]
pub struct Tools {
    pub repo: Repo,
    pub forge: Forge,
    /// Our state directory: journals are below it.
    pub state: PathBuf,
    pub clock: Clock,
}

/// Names tried before giving up: `branch`, `branch-2`, …
const NAMES: u32 = 9;

/// Begins to stage what was confirmed; the same change that is under way already is taken up instead. Writes only the journal.
pub fn begin(confirmed: Confirmed<Plan>, state: &Path) -> Result<Journal> {
    let Confirmed(plan) = confirmed;
    Journal::begin(state, plan)
}

/// Takes up a change that was interrupted.
pub fn resume(state: &Path, id: &str, consent: Consent) -> Result<Journal> {
    let Consent(()) = consent;
    Journal::reopen(state, id)
}

/// Takes the next step; false where only waiting is left. A step that fails leaves everything as it was, and its reason in the
/// journal.
pub async fn advance(journal: &mut Journal, tools: &Tools) -> Result<bool> {
    let step = match next(journal.staged()) {
        Next::Commit => commit(journal.staged(), tools).await,
        Next::Push(id) => push(journal.staged(), id, tools).await,
        Next::Open(id, branch) => open(journal.staged(), id, branch, tools).await,
        Next::Wait => return Ok(false),
    };
    match step {
        Ok(milestone) => {
            journal.reached(milestone, tools.clock.now())?;
            Ok(true)
        }
        Err(error) => {
            journal.stopped(&error);
            Err(error)
        }
    }
}

/// All steps up to the open pull request; `told` hears of each.
pub async fn run(
    journal: &mut Journal,
    tools: &Tools,
    mut told: impl FnMut(&Staged),
) -> Result<()> {
    told(journal.staged());
    while advance(journal, tools).await? {
        told(journal.staged());
    }
    Ok(())
}

/// Merges the pull request, if its head is still the commit that was staged.
pub async fn merge(journal: &mut Journal, tools: &Tools, consent: Consent) -> Result<()> {
    let Consent(()) = consent;
    let staged = journal.staged();
    if staged.merged().is_some() {
        return Ok(());
    }
    let (Some((number, _)), Some(commit)) = (staged.pull(), staged.commit()) else {
        return Err(Error::NoPullRequest);
    };
    let at = tools.clock.now();
    match tools.forge.merge(number, commit, at).await {
        Ok(commit) => journal.reached(Milestone::Merged { commit }, at),
        Err(error) => {
            let error = error.into();
            journal.stopped(&error);
            Err(error)
        }
    }
}

enum Next {
    Commit,
    Push(Oid),
    Open(Oid, String),
    Wait,
}

fn next(staged: &Staged) -> Next {
    let proposed = staged.done.iter().any(|done| {
        matches!(
            done.milestone,
            Milestone::Opened { .. } | Milestone::ByHand { .. } | Milestone::Merged { .. }
        )
    });
    match (staged.commit(), staged.branch()) {
        (None, _) => Next::Commit,
        (Some(commit), None) => Next::Push(commit),
        (Some(commit), Some(branch)) if !proposed => Next::Open(commit, branch.to_owned()),
        _ => Next::Wait,
    }
}

async fn commit(staged: &Staged, tools: &Tools) -> Result<Milestone> {
    let (plan, repo) = (staged.plan.clone(), tools.repo.clone());
    blocking(move || {
        let now = repo
            .remote_head(&plan.remote, &plan.base_branch)?
            .ok_or_else(|| git::Error::UnknownBranch {
                branch: plan.base_branch.clone(),
                remote: Some(plan.remote.clone()),
            })?;
        if now != plan.base {
            return Err(Error::BaseMoved {
                branch: plan.base_branch,
                now,
            });
        }
        let new = NewCommit {
            tree: plan.tree,
            parent: plan.base,
            message: plan.message,
            at: plan.at,
        };
        match repo.commit(&new) {
            Ok(commit) => Ok(Milestone::Committed { commit }),
            Err(git::Error::Missing { oid, .. }) if oid == plan.tree => Err(Error::Forgotten),
            Err(error) => Err(error.into()),
        }
    })
    .await
}

async fn push(staged: &Staged, commit: Oid, tools: &Tools) -> Result<Milestone> {
    let (plan, repo) = (staged.plan.clone(), tools.repo.clone());
    blocking(move || {
        for number in 1..=NAMES {
            let branch = match number {
                1 => plan.branch.clone(),
                number => format!("{}-{number}", plan.branch),
            };
            match repo.push(&plan.remote, commit, &branch) {
                Ok(()) => return Ok(Milestone::Pushed { branch }),
                Err(git::Error::BranchExists { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::BranchesTaken {
            branch: plan.branch,
            remote: plan.remote,
        })
    })
    .await
}

async fn open(staged: &Staged, commit: Oid, branch: String, tools: &Tools) -> Result<Milestone> {
    let repo = tools.repo.clone();
    let author = blocking(move || Ok(repo.reader().commit(commit)?.author.name)).await?;
    let new = NewPullRequest {
        title: staged.plan.title.clone(),
        body: staged.plan.body.clone(),
        head_branch: branch,
        base_branch: staged.plan.base_branch.clone(),
    };
    let opened = tools.forge.open(&new, &author, tools.clock.now()).await?;
    Ok(match opened {
        Opened::Pull(pull) => Milestone::Opened {
            number: pull.number,
            url: pull.url,
        },
        Opened::ByHand { page } => Milestone::ByHand { page },
    })
}

/// git is run and waited for: away from the threads that must not wait.
pub(super) async fn blocking<T: Send + 'static>(
    job: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(job)
        .await
        .map_err(|error| Error::Stopped(error.to_string()))?
}
