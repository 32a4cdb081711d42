//! The demo: an environment repository with a believable past, its remote with pull requests, and a cluster in which
//! production has been degraded for an hour.
//!
//! It is written at run time rather than shipped, so that its dates are recent and its bytes are explained by code: a story
//! (`story`) of changes to settings (`state`), the manifests these make (`manifests`), the repository that history makes
//! (`repository`), and the cluster that deploying it commit by commit leaves behind (`apply`, `controllers`, `rollout`). The same
//! moment gives the same commit ids and the same objects.

mod apply;
mod cluster;
mod controllers;
mod defaults;
mod deployer;
mod desired;
mod events;
mod manifests;
mod objects;
mod repository;
mod rollout;
mod state;
mod story;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::cluster::Snapshot;
use crate::cluster::snapshot::Info;

pub use deployer::{Delays, Deployer};

pub type Result<T> = std::result::Result<T, Error>;

/// The text after a line break, where there is one, begins with `hint: `.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0} is not empty\nhint: the demo is written to a directory of its own")]
    NotEmpty(PathBuf),
    #[error("the path {0} is not UTF-8\nhint: choose another directory for the demo")]
    NotUtf8(PathBuf),
    #[error("cannot {what} {path}: {source}")]
    Io {
        what: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path}: {why}")]
    Manifest { path: String, why: String },
    #[error("the demo's story does not hold: {0}")]
    Story(String),
    #[error(transparent)]
    Forge(#[from] crate::forge::Error),
    #[error("git {what} failed: {message}")]
    Git { what: String, message: String },
    #[error(transparent)]
    Program(#[from] crate::exec::Error),
    #[error(transparent)]
    Repository(#[from] crate::git::Error),
    #[error(transparent)]
    Cluster(#[from] crate::cluster::Error),
    #[error("the demo's deployer stopped: {0}")]
    Stopped(String),
}

fn io<'p>(what: &'static str, path: &'p Path) -> impl Fn(std::io::Error) -> Error + 'p {
    move |source| Error::Io {
        what,
        path: path.to_owned(),
        source,
    }
}

/// Values of the demo's Secrets, in git and in the cluster: none of them may ever be shown, nor their base64.
pub const CANARIES: [&str; 3] = [
    "canary-gateway-7Q2x9ZtB4mW1",
    "canary-gateway-Kd81LwYp3vH6",
    "canary-postgres-Vn5sR0cXe6J2",
];

/// Where the parts of a demo are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demo {
    /// The user's clone, with a work tree.
    pub clone: PathBuf,
    /// The bare repository it was cloned from, with its pull requests.
    pub remote: PathBuf,
    /// The cluster's objects, one file each.
    pub snapshot: PathBuf,
}

/// Writes a demo into `directory`, which must be empty or not there yet. Everything in it happened before `now`. Blocks.
pub fn build(directory: &Path, now: Timestamp) -> Result<Demo> {
    fs::create_dir_all(directory).map_err(io("create", directory))?;
    let mut entries = fs::read_dir(directory).map_err(io("read", directory))?;
    if entries.next().is_some() {
        return Err(Error::NotEmpty(directory.to_owned()));
    }
    let directory = directory.canonicalize().map_err(io("find", directory))?;
    let demo = Demo {
        clone: directory.join("environments"),
        remote: directory.join("remote.git"),
        snapshot: directory.join("cluster"),
    };
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let mut cluster = cluster::Cluster::default();
    repository::write(&demo.remote, &demo.clone, now, &mut |at, files| {
        cluster.deploy(files, at)
    })?;
    let info = Info {
        complete: true,
        ..Info::default()
    };
    let snapshot = Snapshot::create(&demo.snapshot, info)?;
    deployer::write(&snapshot, &objects::Live::new(), &cluster.found_at(now))?;
    Ok(demo)
}

/// FNV-1a: stable across versions and machines, which the demo's ids must be.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
