//! How far the deployer of an app is, beside git: the commit that is applied, how many that touch the app came after it, and why
//! it goes no further.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use super::common::CommitLine;
use super::entry::{line_of_commit, origin_of};
use super::workspace::Past;
use crate::cluster::operator::{Operator, State, Verdicts};
use crate::git::Oid;
use crate::layout::{App, Deployer};
use crate::manifest::ObjectRef;
use crate::task::{Known, Why};
use crate::text::clean_line;

/// Commits are counted only so far.
const MOST_BEHIND: usize = 10_000;

/// How far a deployer is with an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Applied {
    pub environment: String,
    pub app: String,
    pub deployer: Deployer,
    /// The object that says so.
    pub object: ObjectRef,
    pub state: State,
    /// The commit that is applied; `null` where none was, or none of this repository.
    pub commit: Option<CommitLine>,
    /// What the deployer says it applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Since when it is applied.
    pub since: Option<Timestamp>,
    /// Commits of the branch after it that touch the app; `null` where that is not known.
    pub behind: Option<usize>,
    /// The commit of this repository that declares what is applied.
    #[serde(skip)]
    pub declared: Option<Oid>,
    /// Where that is on the branch; `None` where it is not on it, or too far back.
    #[serde(skip)]
    pub held: Option<Held>,
    /// Why it goes no further, in the deployer's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What the deployer says of the app's objects, where it compared with what git says now.
    #[serde(skip)]
    pub verdicts: Option<Verdicts>,
}

/// What people call a deployer that keeps an account.
pub(super) fn name_of(deployer: Deployer) -> &'static str {
    match deployer {
        Deployer::ArgoCd => "Argo CD",
        Deployer::JenkinsX => "Jenkins X",
        _ => "Flux",
    }
}

/// Rows of a branch, the newest first: that of the commit which is applied, and the newest up to which no commit touches the app,
/// so that it is past those, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    pub commit: usize,
    pub until: usize,
}

impl Applied {
    /// Everything that git has is applied.
    pub fn is_current(&self) -> bool {
        self.state == State::Applied && self.behind == Some(0)
    }
}

impl fmt::Display for Applied {
    /// `Flux is at 1a2b3c4, 2 commits behind; failing`, and with `{:#}` why: `: no such namespace`, in one clean line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let deployer = name_of(self.deployer);
        match (&self.commit, &self.revision) {
            (Some(commit), _) => {
                write!(f, "{deployer} is at {}", commit.commit.to_hex_with_len(7))?
            }
            (None, Some(revision)) => {
                let revision = clean_line(revision);
                write!(
                    f,
                    "{deployer} is at {revision:.12}, no commit of this repository"
                )?;
            }
            (None, None) => write!(f, "{deployer} has not said which commit is applied")?,
        }
        match self.behind {
            Some(1) => f.write_str(", 1 commit behind")?,
            Some(behind @ 2..) => write!(f, ", {behind} commits behind")?,
            Some(0) | None => {}
        }
        f.write_str(match self.state {
            State::Applied => "",
            State::Applying => "; at work",
            State::Failing => "; failing",
            State::Suspended => "; suspended",
            State::Manual => "; waits for somebody to sync",
        })?;
        if f.alternate()
            && let Some(message) = &self.message
        {
            write!(f, ": {}", clean_line(message))?;
        }
        Ok(())
    }
}

/// What a deployer says of an app, as far as it is known; else as [`applied`].
pub(super) fn known(
    past: &Past,
    tip: Oid,
    app: &App,
    operator: Known<Option<Operator>>,
) -> Known<Option<Applied>> {
    let (operator, stale) = match operator {
        Known::Fresh(operator) => (operator, None),
        Known::Stale(operator, at) => (operator, Some(at)),
        Known::Loading => return Known::Loading,
        Known::Unavailable(why) => return Known::Unavailable(why),
    };
    let applied = operator.map(|operator| applied(past, tip, app, operator));
    match applied.transpose() {
        Ok(applied) => Known::fresh_or_stale(applied, stale),
        Err(error) => Known::Unavailable(Why::Failed(format!("{error:#}"))),
    }
}

/// What `operator` says of `app`, in the words of the branch that ends at `tip`.
pub(super) fn applied(
    past: &Past,
    tip: Oid,
    app: &App,
    operator: Operator,
) -> anyhow::Result<Applied> {
    let known = |hashes: &[String]| {
        let mut commits = hashes.iter();
        commits.find_map(|hash| {
            past.reader
                .commit(Oid::from_hex(hash.as_bytes()).ok()?)
                .ok()
        })
    };
    let commit = known(&operator.applied);
    let behind = match &commit {
        Some(commit) => behind(past, tip, commit.id, app)?,
        None => None,
    };
    let is_of_now = match operator.verdicts.as_ref().map(|it| known(&it.compared)) {
        Some(Some(compared)) if commit.as_ref() == Some(&compared) => {
            behind.as_ref().map(|behind| behind.commits)
        }
        Some(Some(compared)) => {
            self::behind(past, tip, compared.id, app)?.map(|behind| behind.commits)
        }
        Some(None) | None => None,
    } == Some(0);
    Ok(Applied {
        environment: app.environment.clone(),
        app: app.name.clone(),
        deployer: app.deployer,
        object: operator.object,
        state: operator.state,
        declared: match &behind {
            Some(behind) => Some(behind.declared),
            None => commit.as_ref().map(|commit| commit.id),
        },
        held: behind.as_ref().map(|behind| behind.held),
        commit: commit.as_ref().map(line_of_commit),
        revision: operator.applied.into_iter().next(),
        since: operator.since,
        behind: behind.map(|behind| behind.commits),
        message: operator.message,
        verdicts: operator.verdicts.filter(|_| is_of_now),
    })
}

/// Where an applied commit is on the branch.
struct Behind {
    /// How many commits after it touch the app. Those that the deployer's own pipeline made of what it applied do not count.
    commits: usize,
    /// The commit that declares what is applied: the last one that a pipeline made of it, else itself.
    declared: Oid,
    held: Held,
}

/// `None` where the branch does not come by `applied`.
fn behind(past: &Past, tip: Oid, applied: Oid, app: &App) -> anyhow::Result<Option<Behind>> {
    let history = past.ws.history(tip);
    let origins = past.origins(tip)?;
    let (mut seen, mut commits, mut until) = (0, 0, 0);
    // The newest of the generated commits in a row.
    let mut generated = None;
    loop {
        let rows = history.wait_grown(seen, past.waiting.cancel());
        for index in seen..rows.len().min(MOST_BEHIND) {
            let Some(row) = rows.get(index) else { break };
            if row.id == applied {
                let declared = generated.unwrap_or(applied);
                return Ok(Some(Behind {
                    commits,
                    declared,
                    held: Held {
                        commit: index,
                        until,
                    },
                }));
            }
            if app.deployer == Deployer::JenkinsX
                && origin_of(past, &origins, &rows, index, row).generated
            {
                generated.get_or_insert(row.id);
                continue;
            }
            generated = None;
            let touches = row.changes.iter().any(|change| {
                app.recipe.touches(&change.path)
                    || app.sources.iter().any(|path| *path == *change.path)
            });
            if touches {
                commits += 1;
                until = index + 1;
            }
        }
        if rows.complete() || rows.len() >= MOST_BEHIND {
            return Ok(None);
        }
        seen = rows.len();
    }
}
