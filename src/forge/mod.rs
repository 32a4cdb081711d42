//! Where pull requests live: GitHub, or a directory beside a bare repository, or nowhere (then the compare URL is the way).
//!
//! An enum rather than a trait: the set of forges is closed and known here, and a `match` says what each of them does. Only
//! what gitopsy needs of a forge is here; everything a forge sends is hostile text, bounded here and cleaned where it is shown.

mod local;
pub(crate) mod plumbing;
mod pull;

pub use local::Local;
pub use pull::{NewPullRequest, PullRequest, State};

pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong with a forge. The text after a line break, where there is one, begins with `hint: `.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no pull request #{0}")]
    NoSuchPull(u64),
    #[error("pull request #{number} is {state}\nhint: it can no longer be merged")]
    NotOpen { number: u64, state: State },
    #[error(
        "the head of pull request #{number} is {actual}, not {expected} as it was looked at\nhint: look at what was pushed since, then merge again"
    )]
    HeadMoved {
        number: u64,
        expected: crate::git::Oid,
        actual: crate::git::Oid,
    },
    #[error(
        "pull request #{number} conflicts with {base} in {paths}\nhint: bring its branch up to date first"
    )]
    Conflicts {
        number: u64,
        base: String,
        paths: String,
    },
    #[error("{0} moved while the pull request was being merged\nhint: try again")]
    BaseMoved(String),
    #[error("{branch} has no commits that {base} has not\nhint: there is nothing to propose")]
    NothingToPropose { branch: String, base: String },
    #[error("there is no branch {0}\nhint: push it before opening the pull request")]
    NoSuchBranch(String),
    #[error("{what}: {source}")]
    Io {
        what: String,
        source: std::io::Error,
    },
    #[error("{0} is not a pull request's record\nhint: remove it, or restore it from a backup")]
    BadRecord(std::path::PathBuf),
    #[error("git {what} failed: {message}")]
    Git { what: String, message: String },
}
