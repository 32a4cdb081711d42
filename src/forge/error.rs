//! What can go wrong with a forge, in words that say what to do. The text after a line break, where there is one, begins with
//! `hint: `. What a forge said is in them as it came, bounded; it is cleaned where it is shown.

use std::path::PathBuf;

use jiff::Timestamp;

use super::State;
use crate::git::Oid;

pub type Result<T> = std::result::Result<T, Error>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no pull request #{0}")]
    NoSuchPull(u64),
    #[error("pull request #{number} is {state}\nhint: it can no longer be merged")]
    NotOpen { number: u64, state: State },
    #[error(
        "the head of pull request #{number} is no longer {expected}, as it was looked at\nhint: look at what was pushed since, then merge again"
    )]
    HeadMoved { number: u64, expected: Oid },
    #[error(
        "pull request #{number} conflicts with {base} in {paths}\nhint: bring its branch up to date first"
    )]
    Conflicts {
        number: u64,
        base: String,
        paths: String,
    },
    #[error("pull request #{number} cannot be merged: {why}")]
    NotMergeable { number: u64, why: String },
    #[error("{0} moved while the pull request was being merged\nhint: try again")]
    BaseMoved(String),
    #[error("{branch} has no commits that {base} has not\nhint: there is nothing to propose")]
    NothingToPropose { branch: String, base: String },
    #[error("there is no branch {0}\nhint: push it before opening the pull request")]
    NoSuchBranch(String),
    #[error("cannot {what} {path}: {source}")]
    File {
        what: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{0} is not a pull request's record\nhint: restore it from a backup, or remove it")]
    BadRecord(PathBuf),
    #[error("git {what} failed: {message}")]
    Git { what: String, message: String },
    #[error(transparent)]
    Program(#[from] crate::exec::Error),
    #[error("a background job ended early: {0}")]
    Stopped(String),

    #[error("{0}")]
    NoApi(String),
    #[error("{host} does not answer: {why}")]
    Unreachable { host: String, why: String },
    #[error(
        "{host} does not accept the token {token}\nhint: log in again (gh auth login --hostname {host}), or renew the token"
    )]
    Unauthorized { host: String, token: String },
    #[error(
        "the token {token} may not {what} in {repository}\nhint: a fine-grained token needs \"Pull requests: write\" for this repository, a classic one the scope \"repo\""
    )]
    Forbidden {
        what: &'static str,
        repository: String,
        token: String,
    },
    #[error("single sign-on protects {repository}\nhint: authorize the token {token}{}", .page.as_ref().map(|page| format!(" at {page}")).unwrap_or_default())]
    SingleSignOn {
        repository: String,
        token: String,
        page: Option<String>,
    },
    #[error("{host} wants fewer requests{}\nhint: what was done so far is kept; go on later", .until.map(|until| format!(": none before {until}")).unwrap_or_default())]
    RateLimited {
        host: String,
        until: Option<Timestamp>,
    },
    /// A forge answers 404 for what it does not want to show.
    #[error(
        "{host} shows no {what} to the token {token}\nhint: the repository may have moved, or may be private and not open to this token"
    )]
    NotVisible {
        host: String,
        what: String,
        token: String,
    },
    #[error("{host} refused to {what}: {message} ({status})")]
    Refused {
        host: String,
        what: &'static str,
        message: String,
        status: u16,
    },
    #[error("{host} sent something else than expected to {what}")]
    BadAnswer { host: String, what: &'static str },
}
