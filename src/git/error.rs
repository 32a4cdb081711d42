//! What can go wrong with a repository, in words that say what to do.

use std::path::PathBuf;

pub type Result<T> = std::result::Result<T, Error>;

/// The text after a line break, where there is one, begins with `hint: `.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0} is not in a git repository\nhint: name one with --repo PATH")]
    NotARepository(PathBuf),
    #[error(
        "the repository {0} has no commits yet\nhint: there is nothing to review before the first commit"
    )]
    Empty(PathBuf),
    #[error(
        "no commit is called {0:?}\nhint: a revision may be a commit id, a branch, a tag, or any of these with ^ or ~N"
    )]
    UnknownRevision(String),
    #[error("object {oid} is missing from the repository{}", hint(*.shallow))]
    Missing { oid: super::Oid, shallow: bool },
    #[error("{0} is a merge of more than two parents\nhint: choose the parent to go back to")]
    Octopus(super::Oid),
    #[error("git {what} failed: {message}")]
    Git { what: String, message: String },
    #[error("{0}")]
    Other(String),
}

fn hint(shallow: bool) -> &'static str {
    if shallow {
        "\nhint: the clone is shallow; `git fetch --unshallow` brings the rest"
    } else {
        ""
    }
}
