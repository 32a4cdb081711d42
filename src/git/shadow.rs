//! Our own object directory, with the clone's as alternate: everything we create or fetch goes here.
//!
//! It lives in the state directory, one per repository (linked work trees share theirs), and is made at the first write.
//! Beside the objects we note what we fetched: no reference of the user's tells.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::Oid;
use super::error::{Error, Result};

pub(super) struct Shadow {
    /// `<state>/repositories/<name>-<hash of the path>`.
    dir: PathBuf,
    store: OnceLock<Arc<gix::odb::Store>>,
}

/// What we fetched, by the remote's URL (without credentials).
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Fetched(BTreeMap<String, RemoteFetched>);

#[derive(Debug, Default, Serialize, Deserialize)]
struct RemoteFetched {
    default_branch: Option<String>,
    branches: BTreeMap<String, BranchFetched>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct BranchFetched {
    commit: String,
    at: Timestamp,
}

impl Fetched {
    pub(super) fn default_branch(&self, url: &str) -> Option<String> {
        self.0.get(url)?.default_branch.clone()
    }

    pub(super) fn branch(&self, url: &str, branch: &str) -> Option<(Oid, Timestamp)> {
        let known = self.0.get(url)?.branches.get(branch)?;
        Some((Oid::from_hex(known.commit.as_bytes()).ok()?, known.at))
    }
}

impl Shadow {
    /// The shadow of the repository whose common git directory is `common_dir`. Touches nothing.
    pub(super) fn new(state: &Path, common_dir: &Path) -> Shadow {
        Shadow {
            dir: state.join("repositories").join(directory_name(common_dir)),
            store: OnceLock::new(),
        }
    }

    pub(super) fn objects_dir(&self) -> PathBuf {
        self.dir.join("objects")
    }

    /// The shadow's objects, with `own` behind them; `None` as long as nothing was written to it.
    pub(super) fn store(&self, own: &gix::odb::Store) -> Option<Arc<gix::odb::Store>> {
        if let Some(store) = self.store.get() {
            return Some(Arc::clone(store));
        }
        let objects = self.objects_dir();
        if !objects.join("info/alternates").is_file() {
            return None;
        }
        let store = gix::odb::Store::at_opts(
            objects,
            own.object_hash(),
            &mut own.replacements(),
            gix::odb::store::init::Options::default(),
        )
        .ok()?;
        Some(Arc::clone(self.store.get_or_init(|| Arc::new(store))))
    }

    /// Makes the shadow if it is not there yet, for nobody but the user; answers its object directory.
    pub(super) fn create(&self, own: &Path) -> Result<PathBuf> {
        let objects = self.objects_dir();
        let failed = |error| self.failed("make", error);
        for dir in [objects.join("info"), objects.join("pack")] {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(dir)
                .map_err(failed)?;
        }
        let own = own.canonicalize().map_err(failed)?;
        let mut line = own.as_os_str().as_bytes().to_owned();
        if line.contains(&b'\n') {
            return Err(Error::Other(format!(
                "{} has a line break in its path, which git cannot borrow objects from",
                own.display()
            )));
        }
        line.push(b'\n');
        let alternates = objects.join("info/alternates");
        if fs::read(&alternates).ok().as_deref() != Some(line.as_slice()) {
            self.replace(&alternates, &line)?;
        }
        Ok(objects)
    }

    /// What we fetched so far. A file that cannot be read is no more than a fetch that was forgotten.
    pub(super) fn fetched(&self) -> Fetched {
        fs::read(self.dir.join("fetched.json"))
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    /// Notes where `branch` of the remote at `url` was at that time.
    pub(super) fn remember(
        &self,
        url: &str,
        branch: &str,
        commit: Oid,
        at: Timestamp,
        default_branch: Option<&str>,
    ) -> Result<()> {
        let mut fetched = self.fetched();
        let remote = fetched.0.entry(url.to_owned()).or_default();
        if let Some(name) = default_branch {
            remote.default_branch = Some(name.to_owned());
        }
        let commit = commit.to_string();
        let known = BranchFetched { commit, at };
        remote.branches.insert(branch.to_owned(), known);
        let bytes =
            serde_json::to_vec(&fetched).map_err(|error| Error::Other(error.to_string()))?;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.dir)
            .map_err(|error| self.failed("make", error))?;
        self.replace(&self.dir.join("fetched.json"), &bytes)
    }

    /// Replaces a file whole: another gitopsy may be reading it.
    fn replace(&self, file: &Path, bytes: &[u8]) -> Result<()> {
        let dir = file.parent().unwrap_or(&self.dir);
        let write = || {
            let mut new = NamedTempFile::new_in(dir)?;
            new.write_all(bytes)?;
            new.persist(file)?;
            Ok(())
        };
        write().map_err(|error| self.failed("write", error))
    }

    fn failed(&self, what: &str, error: std::io::Error) -> Error {
        Error::Other(format!(
            "cannot {what} our copy of the repository's new objects in {}: {error}",
            self.dir.display()
        ))
    }
}

/// The repository's own name, for people who look into the directory, and a hash of its path.
fn directory_name(common_dir: &Path) -> String {
    let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha1);
    hasher.update(common_dir.as_os_str().as_bytes());
    let hash = hasher
        .try_finalize()
        .map_or_else(|_| "0".to_owned(), |id| id.to_hex_with_len(12).to_string());
    let named = if common_dir.ends_with(".git") {
        common_dir.parent()
    } else {
        Some(common_dir)
    };
    let name: String = named
        .and_then(Path::file_name)
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        .take(40)
        .collect();
    format!("{}-{hash}", name.trim_start_matches('.'))
}
