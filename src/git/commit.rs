//! Commits, read and written.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::Oid;

/// Name and e-mail as written in a commit, decoded leniently.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Person {
    pub name: String,
    pub email: String,
}

/// A commit's header and message. Text is decoded leniently but not cleaned: [`crate::text::clean`] it before showing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    pub id: Oid,
    pub tree: Oid,
    pub parents: Vec<Oid>,
    pub author: Person,
    pub authored: Timestamp,
    pub committed: Timestamp,
    pub subject: String,
    /// The message without its subject.
    pub body: String,
}

/// A commit to be written. Author and committer are the user, as git knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCommit {
    pub tree: Oid,
    pub parent: Oid,
    pub message: String,
    /// Author and committer date: from the plan, so that the same plan gives the same id.
    pub at: Timestamp,
}

/// The message `git revert` would write for `commit`: `Revert "S"`, `Reapply "S"` for the revert of a revert, and the
/// `reversing changes made to` form for a merge whose mainline is its first parent.
pub fn revert_message(commit: &Commit) -> String {
    let _ = commit;
    todo!()
}

/// Serialises an id as 40 hex digits.
pub fn hex<S: Serializer>(id: &Oid, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

/// Serialises an optional id as 40 hex digits or null.
pub fn hex_option<S: Serializer>(id: &Option<Oid>, serializer: S) -> Result<S::Ok, S::Error> {
    match id {
        Some(id) => serializer.collect_str(id),
        None => serializer.serialize_none(),
    }
}
