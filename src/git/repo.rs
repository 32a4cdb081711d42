//! Opening a repository as it is (work tree, bare, linked work tree, from a subdirectory).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gix::objs::{Kind, TreeRefIter, Write};
use gix::sec::trust::Mapping;
use serde::Serialize;

use super::Oid;
use super::error::{Error, Result, failed};
use super::reader::Reader;
use super::shadow::Shadow;
use super::store::Made;

/// A repository, with our shadow object directory beside it. Cheap to clone; may go to any thread.
#[derive(Clone)]
pub struct Repo(pub(super) Arc<Shared>);

pub(super) struct Shared {
    /// The user's repository: its references, its configuration, its objects.
    pub(super) own: gix::ThreadSafeRepository,
    pub(super) shadow: Shadow,
    pub(super) made: Arc<Made>,
    pub(super) partial: bool,
}

/// What kind of clone this is: each limits what can be answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Facts {
    pub bare: bool,
    pub shallow: bool,
    /// A partial clone: objects may have to come from its promisor remote.
    pub partial: bool,
    /// It has a file of grafts, git's predecessor of replaced commits. They are not looked at.
    pub grafted: bool,
    pub git_dir: PathBuf,
    pub work_dir: Option<PathBuf>,
}

impl Repo {
    /// Opens the repository around `path`. `state` is our state directory; the shadow lives below it, created at the first
    /// write.
    pub fn open(path: &Path, state: &Path) -> Result<Repo> {
        if !path.exists() {
            return Err(Error::NoSuchPath(path.to_owned()));
        }
        // git is run in the repository's directory, from which a relative path leads elsewhere.
        let path = std::path::absolute(path)
            .map_err(|error| Error::Other(format!("cannot resolve {}: {error}", path.display())))?;
        let own = discover(&path)?;
        let local = own.to_thread_local();
        if local.git_dir_trust() != gix::sec::Trust::Full {
            return Err(Error::Untrusted(
                local.workdir().unwrap_or(local.git_dir()).to_owned(),
            ));
        }
        let common_dir = absolute(local.common_dir())?;
        Ok(Repo(Arc::new(Shared {
            shadow: Shadow::new(state, &common_dir),
            made: Arc::default(),
            partial: is_partial(&local),
            own,
        })))
    }

    /// A handle for one thread. Make one per job, not one per object: it holds the object caches.
    pub fn reader(&self) -> Reader {
        Reader::new(&self.0)
    }

    /// A handle for one walk through history, on one thread: what it has read it hardly reads again, so that it keeps little.
    pub fn walker(&self) -> Reader {
        Reader::walker(&self.0)
    }

    /// Stands for this clone, and for how its objects are to be read: which stand for others (`git replace`), and where a
    /// shallow clone ends. The same for all its work trees.
    pub fn fingerprint(&self) -> String {
        let repo = self.0.own.to_thread_local();
        let shallow = repo.shallow_commits().ok().flatten();
        let shallow: Vec<Oid> = shallow
            .iter()
            .flat_map(|commits| commits.iter().copied())
            .collect();
        let replaced: Vec<_> = self.0.own.objects.replacements().collect();
        let directory = absolute(repo.common_dir()).unwrap_or_default();
        format!("{directory:?} {replaced:?} {shallow:?}")
    }

    pub fn facts(&self) -> Facts {
        let repo = self.0.own.to_thread_local();
        Facts {
            bare: repo.workdir().is_none(),
            shallow: repo.is_shallow().unwrap_or(false),
            partial: self.0.partial,
            grafted: repo.common_dir().join("info/grafts").is_file(),
            git_dir: repo.git_dir().to_owned(),
            work_dir: repo.workdir().map(Path::to_owned),
        }
    }
}

impl Shared {
    /// The user's repository, reading objects through the shadow where there is one.
    pub(super) fn view(&self) -> gix::ThreadSafeRepository {
        let mut view = self.own.clone();
        if let Some(objects) = self.shadow.store(&self.own.objects) {
            view.objects = objects;
        }
        view
    }

    /// Where objects are on disk: the user's directory, and ours where it exists. (Each may name more.)
    pub(super) fn object_directories(&self) -> Vec<PathBuf> {
        let shadow = Some(self.shadow.objects_dir()).filter(|directory| directory.is_dir());
        std::iter::once(self.own.objects.path().to_owned())
            .chain(shadow)
            .collect()
    }

    /// Writes what is only in memory, of this tree, to `store`.
    pub(super) fn persist(&self, tree: Oid, store: &gix::odb::loose::Store) -> gix::Result<()> {
        let mut pending = vec![tree];
        let mut seen = BTreeSet::new();
        while let Some(id) = pending.pop() {
            // What is not in memory is on disk, and so is all below it.
            let Some((kind, bytes)) = self.made.get(&id) else {
                continue;
            };
            if kind == Kind::Tree {
                for entry in TreeRefIter::from_bytes(&bytes, id.kind()) {
                    let child = entry?.oid.to_owned();
                    if seen.insert(child) {
                        pending.push(child);
                    }
                }
            }
            store.write_buf(kind, &bytes)?;
        }
        Ok(())
    }

    /// The user's commit-graph. (The library would look for it in the shadow.)
    pub(super) fn commit_graph(&self) -> Option<gix::commitgraph::Graph> {
        self.own
            .to_thread_local()
            .commit_graph_if_enabled()
            .ok()
            .flatten()
    }
}

fn discover(path: &Path) -> Result<gix::ThreadSafeRepository> {
    // Full trust or none: what to do with a repository of another user is decided in `open`.
    let options = gix::open::Options::default().lossy_config(true);
    let trust = Mapping {
        full: options.clone(),
        reduced: options,
    };
    let mut search = gix::discover::upwards::Options::default().apply_environment();
    search.match_ceiling_dir_or_error = false;
    gix::ThreadSafeRepository::discover_opts(path, search, trust).map_err(|error| {
        if error.is_not_found() {
            Error::NotARepository(path.to_owned())
        } else {
            failed("rev-parse")(error)
        }
    })
}

fn absolute(path: &Path) -> Result<PathBuf> {
    path.canonicalize()
        .map_err(|error| Error::Other(format!("cannot resolve {}: {error}", path.display())))
}

fn is_partial(repo: &gix::Repository) -> bool {
    let config = repo.config_snapshot();
    config.string("extensions.partialClone").is_some()
        || config
            .plumbing()
            .sections_by_name("remote")
            .is_some_and(|sections| {
                sections
                    .filter_map(|section| section.value("promisor"))
                    .any(|value| {
                        gix::config::Boolean::try_from(value)
                            .is_ok_and(|promisor| promisor.is_true())
                    })
            })
}
