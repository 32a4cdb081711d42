//! What can go wrong while staging, in words that say what to do. The text after a line break, where there is one, begins with
//! `hint: `.

use std::path::PathBuf;

use crate::git::{self, Oid};

pub type Result<T> = std::result::Result<T, Error>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "{branch} has moved to {now} since this was planned\nhint: look at the plan again: what it does may have changed"
    )]
    BaseMoved { branch: String, now: Oid },
    #[error(
        "{branch} and every numbered name beside it is taken at {remote}\nhint: remove branches that are no longer needed"
    )]
    BranchesTaken { branch: String, remote: String },
    /// Trees are made in memory, and written with the commit.
    #[error(
        "this was interrupted before anything was written, and is no longer known\nhint: plan it again"
    )]
    Forgotten,
    #[error(
        "pull request #{0} was closed without being merged\nhint: reopen it, or stage the change again"
    )]
    Closed(u64),
    #[error(
        "there is no pull request to merge\nhint: open it first, where the branch was pushed to"
    )]
    NoPullRequest,
    #[error("nothing that is staged is called {0}")]
    Unknown(String),
    #[error("another gitopsy is at work on {0}\nhint: wait for it, or end it")]
    Busy(String),
    #[error("cannot {what} {}: {source}", .path.display())]
    File {
        what: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{} is not a journal of this version\nhint: remove it; what it tells of is on the forge", .0.display())]
    Unreadable(PathBuf),
    #[error("a background job ended early: {0}")]
    Stopped(String),
    #[error(transparent)]
    Git(#[from] git::Error),
    #[error(transparent)]
    Forge(#[from] crate::forge::Error),
}
