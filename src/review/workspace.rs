//! The repositories, clusters and forges of one review, opened once and shared by every question.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use jiff::Timestamp;
use ring::rand::SecureRandom;

use super::connections::Connections;
use super::line::{self, Alike, Line};
use super::pairings::Pairings;
use crate::cache::Cache;
use crate::cluster::Kubeconfig;
use crate::git::{Oid, Reader, Repo, Tip};
use crate::history::{History, Origins, Sources, Store};
use crate::layout::{Layout, Overrides};
use crate::manifest::{ListKeys, Masking};
use crate::render::Renderer;
use crate::task::{self, Cancel, Clock, Waiting};

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
    /// Where contexts are looked for.
    pub kubeconfig: Kubeconfig,
    /// What the user says about environments.
    pub overrides: Overrides,
    pub offline: bool,
    /// Charts that environments take from elsewhere may be fetched (into `cache`).
    pub allow_network: bool,
    pub read_only: bool,
    /// Our state directory (shadow objects, journals, the masking key).
    pub state: PathBuf,
    /// Where what was worked out is kept for the next time; `None`: nowhere.
    pub cache: Option<PathBuf>,
    pub clock: Clock,
}

/// What the header of every screen shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Of the first branch under review.
    pub tip: Tip,
    pub tip_time: Timestamp,
    /// How many branches are under review besides.
    pub other_branches: usize,
    /// `production: kind-prod @ https://…`, one per distinct cluster; or why there is none.
    pub clusters: Vec<String>,
    /// Why no context can be chosen for an environment.
    pub settled: Option<&'static str>,
    pub read_only: bool,
    pub offline: bool,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Workspace {
    pub(super) inner: Arc<Inner>,
}

/// A workspace for background tasks, which must not keep it alive.
pub(super) struct WeakWorkspace(std::sync::Weak<Inner>);

impl WeakWorkspace {
    pub fn upgrade(&self) -> Option<Workspace> {
        self.0.upgrade().map(|inner| Workspace { inner })
    }
}

pub(super) struct Inner {
    pub options: Options,
    pub repo: Repo,
    pub masking: Masking,
    pub renderer: Renderer,
    /// Where histories are kept.
    store: Option<Store>,
    pub lists: ListKeys,
    pub live: Connections,
    pub under_way: super::action::stage::UnderWay,
    /// At least one.
    pub lines: Mutex<Vec<Line>>,
    pub alike: Mutex<Alike>,
    /// Whether Kargo's Stages were asked for branches.
    pub followed: AtomicBool,
    /// The history of each tip asked for: the tip's, and those travelled to.
    histories: Mutex<HashMap<Oid, History>>,
    origins: Mutex<HashMap<Oid, Arc<Origins>>>,
    changes: tokio::sync::watch::Sender<u64>,
}

/// What one blocking job reads with: a reader of its own, and what all jobs share.
pub(super) struct Past<'a> {
    pub ws: &'a Workspace,
    pub reader: Reader,
    /// The branch it is about.
    pub line: Line,
    /// Who waits for it.
    pub waiting: Waiting,
}

impl Past<'_> {
    pub fn sources(&self) -> Sources<'_> {
        let inner = &self.ws.inner;
        Sources {
            reader: &self.reader,
            renderer: &inner.renderer,
            layouts: &self.line.layouts,
            lists: &inner.lists,
            waiting: &self.waiting,
        }
    }

    pub fn layout_of(&self, commit: Oid) -> anyhow::Result<Arc<Layout>> {
        let tree = self.reader.tree_of(commit)?;
        Ok(self
            .line
            .layouts
            .at(&self.reader, &self.ws.inner.renderer, tree)?)
    }

    /// The generated commits of the line that ends at `tip`.
    pub fn origins(&self, tip: Oid) -> anyhow::Result<Arc<Origins>> {
        if let Some(origins) = lock(&self.ws.inner.origins).get(&tip) {
            return Ok(Arc::clone(origins));
        }
        let origins = Arc::new(Origins::new(self.layout_of(tip)?));
        lock(&self.ws.inner.origins).insert(tip, Arc::clone(&origins));
        Ok(origins)
    }

    /// The line's tip, or what `at` names: a revision, else the last commit of the line not younger than a date.
    pub fn at(&self, at: Option<&str>) -> anyhow::Result<Oid> {
        let tip = self.line.tip.commit;
        let Some(at) = at else { return Ok(tip) };
        let unknown = match self.resolve(at) {
            Ok(id) => return Ok(id),
            Err(error) => error,
        };
        let Some(time) = super::time::parse(at, self.ws.clock().now()) else {
            return Err(unknown);
        };
        for commit in self.reader.first_parents(tip) {
            let (id, _) = commit?;
            if self.reader.commit(id)?.committed <= time {
                return Ok(id);
            }
        }
        anyhow::bail!(
            "the history of {} begins after {at}",
            crate::text::clean(&self.line.tip.repository)
        )
    }

    /// A revision; `HEAD` is the line's tip, wherever the user's clone stands.
    pub fn resolve(&self, revision: &str) -> anyhow::Result<Oid> {
        let tip = self.line.tip.commit;
        let revision = match revision.strip_prefix("HEAD") {
            Some(rest) if rest.is_empty() || rest.starts_with(['^', '~']) => format!("{tip}{rest}"),
            _ => revision.to_owned(),
        };
        Ok(self.reader.resolve(&revision)?)
    }
}

impl Workspace {
    /// Opens the repository and finds its tip; connects to nothing yet.
    pub fn open(options: Options) -> anyhow::Result<Workspace> {
        let directory = match &options.repo {
            Some(directory) => directory.clone(),
            None => std::env::current_dir().context("the current directory cannot be read")?,
        };
        let repo = Repo::open(&directory, &options.state)?;
        let lines = line::lines(&repo, options.branch.as_deref(), &options.overrides)?;
        let masking = Masking::new(masking_key(&options.state)?);
        let mut renderer = Renderer::new(masking.clone());
        let mut store = None;
        if let Some(directory) = &options.cache {
            let cache = Arc::new(Cache::in_directory(directory));
            let fingerprint = repo.fingerprint();
            renderer = renderer
                .with_cache(Arc::clone(&cache))
                .with_repository(&fingerprint)
                .with_network(directory.join("charts"), options.allow_network);
            store = Some(Store::new(cache, fingerprint));
        }
        let live = Connections::new(
            &options.cluster,
            options.offline,
            masking.clone(),
            options.clock.clone(),
            options.kubeconfig.clone(),
            Pairings::load(&options.state, &lines[0].tip.repository),
        );
        Ok(Workspace {
            inner: Arc::new(Inner {
                renderer,
                store,
                lists: ListKeys::builtin(),
                live,
                under_way: Default::default(),
                lines: Mutex::new(lines),
                alike: Mutex::default(),
                followed: AtomicBool::new(false),
                histories: Mutex::default(),
                origins: Mutex::default(),
                changes: tokio::sync::watch::channel(0).0,
                masking,
                repo,
                options,
            }),
        })
    }

    pub fn header(&self) -> Header {
        let mut tips = self.tips();
        let tip = tips.remove(0);
        let tip_time = self
            .inner
            .repo
            .reader()
            .commit(tip.commit)
            .map_or(Timestamp::UNIX_EPOCH, |commit| commit.committed);
        Header {
            tip_time,
            tip,
            other_branches: tips.len(),
            clusters: self.inner.live.describe(),
            settled: self.inner.live.settled(),
            read_only: self.inner.options.read_only,
            offline: self.inner.options.offline,
        }
    }

    pub fn clock(&self) -> &Clock {
        &self.inner.options.clock
    }

    /// A number that grows whenever an answer may have changed: the cluster reported something, or a new tip was fetched.
    /// Screens ask again when it does.
    pub fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    /// Whether anybody waits for changes: only then are clusters watched.
    pub(super) fn is_watched(&self) -> bool {
        self.inner.changes.receiver_count() > 0
    }

    pub(super) fn downgrade(&self) -> WeakWorkspace {
        WeakWorkspace(Arc::downgrade(&self.inner))
    }

    pub(super) fn announce_change(&self) {
        self.inner.changes.send_modify(|count| *count += 1);
    }

    /// Fetches the branches under review (into the shadow); where there is no remote, looks where they are now. Returns
    /// whether one moved.
    pub async fn fetch(&self) -> anyhow::Result<bool> {
        let has_remote = self.tips().iter().any(|tip| tip.remote.is_some());
        if has_remote && self.inner.options.offline {
            anyhow::bail!("offline: nothing is fetched\nhint: leave out --offline");
        }
        let ws = self.clone();
        let moved = tokio::task::spawn_blocking(move || -> crate::git::Result<bool> {
            let mut moved = false;
            for line in ws.lines() {
                let tip = match &line.tip.remote {
                    Some(_) => ws.inner.repo.fetch(&line.tip, ws.clock().now())?,
                    None => ws.inner.repo.tip(line.tip.branch.as_deref())?,
                };
                moved |= tip.commit != line.tip.commit;
                for line in lock(&ws.inner.lines).iter_mut() {
                    if line.tip.branch == tip.branch {
                        line.tip = tip.clone();
                    }
                }
            }
            Ok(moved)
        })
        .await??;
        if moved {
            self.announce_change();
        }
        Ok(moved)
    }

    /// A write needs this; `None` in read-only mode. Only to be called when the user has confirmed what was shown.
    pub fn consent(&self) -> Option<crate::stage::Consent> {
        crate::stage::Consent::unless_read_only(self.inner.options.read_only)
    }

    /// Every git, tool and HTTP call made, newest last.
    pub fn calls(&self) -> Vec<String> {
        crate::exec::log().iter().map(ToString::to_string).collect()
    }

    /// The history that ends at `tip`, read in the background from the first time it is asked for.
    pub(super) fn history(&self, tip: Oid) -> History {
        lock(&self.inner.histories)
            .entry(tip)
            .or_insert_with(|| {
                let store = self.inner.store.clone();
                History::start(&self.inner.repo, tip, store, &Cancel::new())
            })
            .clone()
    }

    /// What a job reads with, on the first line.
    pub(super) fn past(&self, waiting: Waiting) -> anyhow::Result<Past<'_>> {
        self.tell_apart()?;
        Ok(Past {
            ws: self,
            reader: self.inner.repo.reader(),
            line: self.line(),
            waiting,
        })
    }

    /// Runs a job that reads git or waits for tools, away from the threads that must not wait.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Past) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        self.blocking_for(&Waiting::default(), job).await
    }

    /// The same, for somebody who may turn away, and wants to know how far it is.
    pub(super) async fn blocking_for<T: Send + 'static>(
        &self,
        waiting: &Waiting,
        job: impl FnOnce(&Past) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let ws = self.clone();
        let waiting = waiting.clone();
        tokio::task::spawn_blocking(move || {
            if ws.is_watched() {
                task::stand_back(task::Behind::Screens);
            }
            job(&ws.past(waiting)?)
        })
        .await
        .context("a background job ended early")?
    }
}

/// Locks; a thread that panicked while holding the lock left whole values behind, for all of them are replaced at once.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The user's masking key: random, made at the first use, readable by the user alone.
fn masking_key(state: &Path) -> anyhow::Result<[u8; 32]> {
    let path = state.join("masking.key");
    if let Ok(bytes) = std::fs::read(&path)
        && let Ok(key) = <[u8; 32]>::try_from(bytes.as_slice())
    {
        return Ok(key);
    }
    let mut key = [0; 32];
    ring::rand::SystemRandom::new()
        .fill(&mut key)
        .map_err(|_| anyhow::anyhow!("the system gives no random numbers"))?;
    // Where nothing can be stored the key lasts for this run: masks are then not comparable with the next one's.
    if std::fs::create_dir_all(state).is_ok() {
        store_private(&path, &key).ok();
    }
    Ok(key)
}

fn store_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(bytes)
}
