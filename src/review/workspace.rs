//! The repositories, clusters and forges of one review, opened once and shared by every question.

use std::path::PathBuf;

use jiff::Timestamp;

use crate::git::Tip;
use crate::task::Clock;

/// Where the live side comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClusterChoice {
    /// kubeconfig contexts, each for the named environment or (`None`) for all.
    Contexts(Vec<(Option<String>, String)>),
    Snapshot(PathBuf),
    None,
}

/// The global flags.
#[derive(Clone)]
pub struct Options {
    /// A directory in the repository; `None`: the current one.
    pub repo: Option<PathBuf>,
    pub branch: Option<String>,
    pub cluster: ClusterChoice,
    pub offline: bool,
    pub read_only: bool,
    /// Our state directory (shadow objects, journals, the masking key).
    pub state: PathBuf,
    pub clock: Clock,
}

/// What the header of every screen shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub tip: Tip,
    pub tip_time: Timestamp,
    /// `production: kind-prod @ https://…`, one per distinct cluster; or why there is none.
    pub clusters: Vec<String>,
    pub read_only: bool,
    pub offline: bool,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Workspace {}

impl Workspace {
    /// Opens the repository and finds its tip; connects to nothing yet.
    pub fn open(options: Options) -> anyhow::Result<Workspace> {
        let _ = options;
        todo!()
    }

    pub fn header(&self) -> Header {
        todo!()
    }

    pub fn clock(&self) -> &Clock {
        todo!()
    }

    /// A number that grows whenever an answer may have changed: the cluster reported something, or a new tip was fetched.
    /// Screens ask again when it does.
    pub fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        todo!()
    }

    /// Fetches the tip's branch (into the shadow). Returns whether it moved.
    pub async fn fetch(&self) -> anyhow::Result<bool> {
        todo!()
    }

    /// A write needs this; `None` in read-only mode. Only to be called when the user has confirmed what was shown.
    pub fn consent(&self) -> Option<crate::stage::Consent> {
        todo!()
    }

    /// Every git, tool and HTTP call made, newest last.
    pub fn calls(&self) -> Vec<String> {
        todo!()
    }
}
