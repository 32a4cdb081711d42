//! What was staged and how far it came: a file each in the state directory, replaced whole after every step.
//!
//! A [`Journal`] is open in one process at a time. Having one means that the user has consented to what it goes on with.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Error, Plan, Result};
use crate::git::Oid;

const VERSION: u32 = 1;

/// A change on its way into the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staged {
    version: u32,
    pub id: String,
    pub plan: Plan,
    /// What was reached, in order.
    pub done: Vec<Done>,
    /// Why it stopped where it is, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    pub at: Timestamp,
    #[serde(flatten)]
    pub milestone: Milestone,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Milestone {
    Committed {
        #[serde(
            serialize_with = "crate::git::hex",
            deserialize_with = "crate::git::from_hex"
        )]
        commit: Oid,
    },
    Pushed {
        branch: String,
    },
    Opened {
        number: u64,
        url: Option<String>,
    },
    /// There is no API; the pull request is opened on this page, where it is known.
    ByHand {
        page: Option<String>,
    },
    /// The base branch has it.
    Merged {
        #[serde(
            serialize_with = "crate::git::hex",
            deserialize_with = "crate::git::from_hex"
        )]
        commit: Oid,
    },
    /// The cluster has what was merged.
    Synced,
    Healthy,
}

impl Staged {
    fn new(id: String, plan: Plan) -> Staged {
        Staged {
            version: VERSION,
            id,
            plan,
            done: Vec::new(),
            stopped: None,
        }
    }

    pub fn commit(&self) -> Option<Oid> {
        self.find(|milestone| match milestone {
            Milestone::Committed { commit } => Some(*commit),
            _ => None,
        })
    }

    /// The branch that was pushed.
    pub fn branch(&self) -> Option<&str> {
        self.find(|milestone| match milestone {
            Milestone::Pushed { branch } => Some(branch.as_str()),
            _ => None,
        })
    }

    /// The pull request's number and page.
    pub fn pull(&self) -> Option<(u64, Option<&str>)> {
        self.find(|milestone| match milestone {
            Milestone::Opened { number, url } => Some((*number, url.as_deref())),
            _ => None,
        })
    }

    /// The page on which the pull request is opened by hand.
    pub fn page(&self) -> Option<&str> {
        self.find(|milestone| match milestone {
            Milestone::ByHand { page } => page.as_deref(),
            _ => None,
        })
    }

    /// The commit on the base branch.
    pub fn merged(&self) -> Option<Oid> {
        self.find(|milestone| match milestone {
            Milestone::Merged { commit } => Some(*commit),
            _ => None,
        })
    }

    pub fn is_finished(&self) -> bool {
        self.done
            .iter()
            .any(|done| done.milestone == Milestone::Healthy)
    }

    fn find<'s, T>(&'s self, pick: impl Fn(&'s Milestone) -> Option<T>) -> Option<T> {
        self.done.iter().find_map(|done| pick(&done.milestone))
    }
}

/// A staged change that is being worked on here, and nowhere else.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    staged: Staged,
    _lock: Lock,
}

/// Held by one process; a killed one loses it with its files.
#[derive(Debug)]
struct Lock(File);

impl Drop for Lock {
    /// Closing the file is not enough: a program that another thread is just starting may have it open for a moment, too.
    fn drop(&mut self) {
        self.0.unlock().ok();
    }
}

fn directory(state: &Path) -> PathBuf {
    state.join("staged")
}

fn file(state: &Path, id: &str) -> PathBuf {
    directory(state).join(format!("{id}.json"))
}

impl Journal {
    /// The journal of `plan`: the one there is, if the same change was staged before and is not through, else a new one.
    pub(super) fn begin(state: &Path, plan: Plan) -> Result<Journal> {
        let directory = directory(state);
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)
            .map_err(failed("create", &directory))?;
        let id = id_of(&plan);
        let lock = lock(state, &id)?;
        let path = file(state, &id);
        if path.exists() {
            let staged = read(&path)?;
            if !staged.is_finished() {
                return Ok(Journal {
                    path,
                    staged,
                    _lock: lock,
                });
            }
        }
        let journal = Journal {
            staged: Staged::new(id, plan),
            path,
            _lock: lock,
        };
        journal.save()?;
        Ok(journal)
    }

    pub(super) fn reopen(state: &Path, id: &str) -> Result<Journal> {
        let path = file(state, id);
        // An id is a name, not a path.
        if id.contains(['/', '\0']) || !path.exists() {
            return Err(Error::Unknown(id.to_owned()));
        }
        let lock = lock(state, id)?;
        Ok(Journal {
            staged: read(&path)?,
            path,
            _lock: lock,
        })
    }

    pub fn staged(&self) -> &Staged {
        &self.staged
    }

    /// Notes that something was reached.
    pub(super) fn reached(&mut self, milestone: Milestone, at: Timestamp) -> Result<()> {
        self.staged.done.push(Done { at, milestone });
        self.staged.stopped = None;
        self.save()
    }

    /// Notes why it goes no further. Without the note the state is still right.
    pub(super) fn stopped(&mut self, why: &Error) {
        self.staged.stopped = Some(why.to_string());
        self.save().ok();
    }

    fn save(&self) -> Result<()> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        let failed = failed("write", &self.path);
        let mut file = tempfile::NamedTempFile::new_in(directory).map_err(&failed)?;
        serde_json::to_writer_pretty(&mut file, &self.staged)
            .map_err(|error| failed(error.into()))?;
        file.flush().map_err(&failed)?;
        // It must be there after a power cut too: what it says was done may not be done twice.
        file.as_file().sync_all().map_err(&failed)?;
        file.persist(&self.path)
            .map_err(|error| failed(error.error))?;
        Ok(())
    }
}

fn lock(state: &Path, id: &str) -> Result<Lock> {
    let path = directory(state).join(format!("{id}.lock"));
    let file = File::create(&path).map_err(failed("create", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(Error::Busy(id.to_owned())),
        Err(TryLockError::Error(error)) => Err(failed("lock", &path)(error)),
    }
}

fn read(path: &Path) -> Result<Staged> {
    let bytes = fs::read(path).map_err(failed("read", path))?;
    serde_json::from_slice(&bytes)
        .ok()
        .filter(|staged: &Staged| staged.version == VERSION)
        .ok_or_else(|| Error::Unreadable(path.to_owned()))
}

fn failed<'p>(what: &'static str, path: &'p Path) -> impl Fn(std::io::Error) -> Error + 'p {
    move |source| Error::File {
        what,
        path: path.to_owned(),
        source,
    }
}

/// Names the change by what it is, so that confirming it twice stages it once.
fn id_of(plan: &Plan) -> String {
    let name: String = plan
        .branch
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(60)
        .collect();
    format!(
        "{name}-{}-{}",
        plan.base.to_hex_with_len(8),
        plan.tree.to_hex_with_len(8)
    )
}

/// What was staged and not seen through.
#[derive(Debug, Default)]
pub struct Pending {
    /// Newest first.
    pub staged: Vec<Staged>,
    /// Journals that cannot be read.
    pub unreadable: Vec<Error>,
}

/// What was staged in `repository` and is not healthy yet.
pub fn pending(state: &Path, repository: &str) -> Result<Pending> {
    let directory = directory(state);
    let mut pending = Pending::default();
    let entries = match fs::read_dir(&directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(pending),
        Err(error) => return Err(failed("read", &directory)(error)),
    };
    for entry in entries {
        let path = entry.map_err(failed("read", &directory))?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        match read(&path) {
            Ok(staged) if staged.is_finished() || staged.plan.repository != repository => {}
            Ok(staged) => pending.staged.push(staged),
            Err(error) => pending.unreadable.push(error),
        }
    }
    pending
        .staged
        .sort_by(|a, b| b.plan.at.cmp(&a.plan.at).then_with(|| a.id.cmp(&b.id)));
    Ok(pending)
}
