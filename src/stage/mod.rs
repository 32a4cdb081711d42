//! A tree → a pull request, watched until healthy: commit, push, open, a journaled step at a time. Knows nothing of reverts:
//! other changes can be staged one day.
//!
//! Every step is either done or not, and finds out which: the same plan makes the same commit, a branch that is at that commit
//! already was pushed, a pull request that is open already was opened. What was done is in a journal before the next step
//! begins, so that whoever is killed in between can go on where they were.
//!
//! A [`Plan`] can be shown; only [`Confirmed`] reaches code that writes, and only a [`Consent`] confirms: the workspace makes one
//! when the user has said yes, and none in read-only mode.

mod error;
mod journal;
mod steps;
mod watch;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use error::{Error, Result};
pub use journal::{Done, Journal, Milestone, Pending, Staged, pending};
pub use steps::{Tools, advance, begin, merge, resume, run};
pub use watch::{Arrival, Landing, Pace, Progress, Step, has_arrived, progress, watch};

use crate::git::Oid;

/// What will be written: branch, commit, message, pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The remote's URL without credentials, as the tip names it.
    pub repository: String,
    /// The remote's name in the clone.
    pub remote: String,
    /// The commit it builds on: where `base_branch` was when this was planned.
    #[serde(
        serialize_with = "crate::git::hex",
        deserialize_with = "crate::git::from_hex"
    )]
    pub base: Oid,
    pub base_branch: String,
    /// The tree that the base branch will have.
    #[serde(
        serialize_with = "crate::git::hex",
        deserialize_with = "crate::git::from_hex"
    )]
    pub tree: Oid,
    /// The commit's message.
    pub message: String,
    /// The branch to push; `-2` and so on is added where it is taken.
    pub branch: String,
    /// Of the pull request.
    pub title: String,
    pub body: String,
    /// Author and committer date.
    pub at: Timestamp,
}

/// The user has seen what will be written and said yes. Not to be made in advance.
#[derive(Debug, Clone, Copy)]
pub struct Consent(());

impl Consent {
    /// Only to be called when the user has confirmed what was shown. `None` in read-only mode: nothing can be confirmed then.
    pub fn unless_read_only(read_only: bool) -> Option<Consent> {
        (!read_only).then_some(Consent(()))
    }
}

/// Something that was confirmed; the only thing that is ever written.
#[derive(Debug, Clone)]
pub struct Confirmed<P>(P);

impl Plan {
    pub fn confirm(self, consent: Consent) -> Confirmed<Plan> {
        let Consent(()) = consent;
        Confirmed(self)
    }
}

#[cfg(test)]
mod tests;
