//! What can go wrong with a repository, in words that say what to do.

use std::fmt;
use std::path::PathBuf;

use super::Oid;

pub type Result<T> = std::result::Result<T, Error>;

/// The text after a line break, where there is one, begins with `hint: `.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0} does not exist\nhint: name a repository with --repo PATH")]
    NoSuchPath(PathBuf),
    #[error("{0} is not in a git repository\nhint: name one with --repo PATH")]
    NotARepository(PathBuf),
    /// As git has it: configuration and hooks of a repository that somebody else owns could run their programs.
    #[error(
        "the repository {0} belongs to another user\nhint: if you trust it: git config --global --add safe.directory {0}"
    )]
    Untrusted(PathBuf),
    #[error(
        "the repository {0} has no commits yet\nhint: there is nothing to review before the first commit"
    )]
    Empty(PathBuf),
    #[error(
        "no commit is called {0:?}\nhint: a revision may be a commit id, a branch, a tag, or any of these with ^ or ~N"
    )]
    UnknownRevision(String),
    #[error("there is no branch {branch:?}{}", .remote.as_ref().map(|remote| format!(" at {remote}, as last fetched\nhint: fetch, or list the branches with git branch -a")).unwrap_or_default())]
    UnknownBranch {
        branch: String,
        remote: Option<String>,
    },
    #[error(
        "there is no remote to fetch from\nhint: `git remote add origin URL`, or name a branch that has one"
    )]
    NoRemote,
    #[error("there is no remote {0:?} with a URL\nhint: `git remote -v` lists them")]
    UnknownRemote(String),
    #[error(
        "git does not know who you are\nhint: git config --global user.name \"Your Name\" and git config --global user.email you@example.com"
    )]
    NoIdentity,
    #[error(
        "the commit could not be signed: {0}\nhint: commit.gpgSign is on; `git commit -S` must work without asking on the terminal (gpg-agent, ssh-agent)"
    )]
    NotSigned(String),
    #[error("{remote} has a branch {branch} already, at another commit")]
    BranchExists { branch: String, remote: String },
    /// `message` is what git and the server said.
    #[error("pushing {branch} was refused: {why}\n{message}")]
    PushRefused {
        branch: String,
        why: String,
        message: String,
    },
    #[error("object {oid} is missing from the repository{why}")]
    Missing { oid: Oid, why: Absence },
    #[error("git {what} failed: {message}")]
    Git { what: String, message: String },
    #[error("{0}")]
    Other(String),
}

/// Why an object may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// The clone holds only the newest commits.
    Shallow,
    /// The clone left objects at its remote; gitopsy never fetches them while it reads.
    Partial,
    Unknown,
}

impl fmt::Display for Absence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Absence::Shallow => {
                "\nhint: the clone is shallow; `git fetch --unshallow` brings the rest"
            }
            Absence::Partial => {
                "\nhint: the clone is partial; `git fetch --refetch --no-filter` brings the rest"
            }
            Absence::Unknown => "\nhint: `git fsck` says what else is missing",
        })
    }
}

/// Turns an error of the git library into ours: `what` is what was attempted, as in "git {what} failed".
pub(super) fn failed(what: &str) -> impl Fn(gix::Error) -> Error + '_ {
    move |error| Error::Git {
        what: what.to_owned(),
        message: error.to_string(),
    }
}
