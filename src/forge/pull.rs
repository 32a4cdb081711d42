//! A pull request, in the words every forge shares.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::git::Oid;

/// A pull request. Text is as the forge sent it: bounded, not cleaned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequest {
    pub number: u64,
    pub title: String,
    pub body: String,
    /// The name the forge knows the author by.
    pub author: String,
    /// The branch it comes from, in the head repository.
    pub head_branch: String,
    /// The commit it proposes.
    #[serde(
        serialize_with = "crate::git::hex",
        deserialize_with = "crate::git::from_hex"
    )]
    pub head: Oid,
    /// The branch it goes to.
    pub base_branch: String,
    pub state: State,
    /// Its page; `None` where the forge has none.
    pub url: Option<String>,
    pub created: Option<Timestamp>,
    pub merged: Option<Timestamp>,
    /// The commit on the base branch that brought it in.
    #[serde(
        serialize_with = "crate::git::hex_option",
        deserialize_with = "crate::git::from_hex_option"
    )]
    pub merged_commit: Option<Oid>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Open,
    Merged,
    Closed,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Open => "open",
            State::Merged => "merged",
            State::Closed => "closed",
        })
    }
}

/// A pull request to be opened. Its branch must be there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPullRequest {
    pub title: String,
    pub body: String,
    pub head_branch: String,
    pub base_branch: String,
}

/// What came of asking for a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Opened {
    Pull(Box<PullRequest>),
    /// There is no API: this page opens it. `None` where even the page is not known.
    ByHand {
        page: Option<String>,
    },
}
