//! Time: what happened to an environment repository, and to each resource in it.
//!
//! One pass over a tip's first-parent line gives every commit with the paths it changed ([`History`]); it costs about as
//! much as one `git log -- path`, so nothing here walks per path. From it follow the changes of a commit per resource
//! ([`changes_between`]), a resource's own log ([`resource_log`]), who is behind a generated commit ([`Origins`]) and what a
//! commit meant in a reviewer's words ([`meaning()`]).
//!
//! The first-parent line is what a branch was, and therefore what got deployed; commits inside a merge are shown under it
//! on demand ([`crate::git::Reader::merged_commits`]).

mod apps;
mod attribution;
mod build;
mod changes;
mod compare;
mod declared;
mod difference;
mod document;
mod follow;
mod index;
mod layouts;
mod meaning;
mod message;
mod pairing;
mod resource;
mod store;
mod tracks;

pub use attribution::{Origin, Origins, Undone, enclosing};
pub use changes::{Changes, NotRendered, ResourceChange, Scope, Sources, changes_between};
pub use document::document_log;
pub use index::{End, History, Row, Rows};
pub use layouts::Layouts;
pub use meaning::meaning;
pub use message::{Pull, pull_of, reverts_of};
pub use resource::{
    LogEntry, LogStep, OnStep, ResourceKey, Walked, resource_log, resource_log_until,
};
pub use store::Store;
pub use tracks::Tracks;

pub type Result<T> = std::result::Result<T, Error>;

/// Why a question about the past has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Git(#[from] crate::git::Error),
    /// Nobody waits for it any more: there is no answer rather than half of one.
    #[error("cancelled")]
    Cancelled,
}

impl From<crate::render::Error> for Error {
    fn from(error: crate::render::Error) -> Error {
        match error {
            crate::render::Error::Git(error) => Error::Git(error),
            crate::render::Error::Cancelled => Error::Cancelled,
        }
    }
}
