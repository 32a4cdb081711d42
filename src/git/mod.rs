//! The environment repository: objects, trees, merges, fetch and push.
//!
//! Reading happens in process with `gix`, and so do merges that need no guessing. Those that do are git's work, and so are
//! fetching, pushing and signing, which run in the user's repository so that credentials, hooks, ssh and `insteadOf` behave as
//! they set them up. Everything we create or fetch goes to a shadow object directory of our own: the user's clone is never
//! written to. No other module names `gix`.

mod apart;
mod command;
mod commit;
mod elsewhere;
mod error;
mod fetch;
mod glob;
mod merge;
mod merge_tree;
mod push;
mod reader;
mod remote;
mod repo;
mod shadow;
mod store;
mod tip;
mod tree;
mod walk;

pub use commit::{
    Commit, NewCommit, Person, from_hex, from_hex_option, hex, hex_option, revert_message,
};
pub use elsewhere::fetch_elsewhere;
pub use error::{Absence, Error, Result};
pub use glob::glob_matches;
pub use merge::{Conflict, ConflictKind, Merge};
pub use reader::Reader;
pub use remote::{Remote, RemoteUrl, parse_url};
pub use repo::{Facts, Repo};
pub use tip::Tip;
pub use tree::{Entry, EntryKind, PathChange, TreeEdit};
pub use walk::FirstParents;

/// An object's id.
pub use gix::ObjectId as Oid;
/// A path inside a tree: bytes, `/`-separated, relative to the root, `""` for the root itself.
pub use gix::bstr::{BStr, BString, ByteSlice};

/// A path inside a tree. Paths are bytes: they need not be UTF-8.
pub type RepoPath = BString;
