//! What deploys the demo while it is looked at: when main moves on the remote, the cluster's snapshot follows, first the objects
//! and the beginning of the rollouts, then their end, so that a merge can be watched until it is healthy.

use std::time::Duration;

use jiff::Timestamp;

use super::apply::apply;
use super::controllers::{Phase, run};
use super::desired::{Objects, Reader};
use super::manifests::Files;
use super::objects::{Key, Live};
use super::{Demo, Error, Result, events};
use crate::cluster::Snapshot;
use crate::git::{BStr, Oid, Repo};
use crate::manifest::ObjectRef;
use crate::task::{Cancel, Clock};

/// How long the deployer takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delays {
    /// Between two looks at the remote.
    pub look: Duration,
    /// From seeing a commit to applying it.
    pub apply: Duration,
    /// From applying it to the end of the rollout.
    pub settle: Duration,
}

pub struct Deployer {
    repo: Repo,
    snapshot: Snapshot,
    deployed: Option<Oid>,
}

impl Deployer {
    pub fn new(demo: &Demo) -> Result<Deployer> {
        Ok(Deployer {
            // Nothing is written through this handle, so there is nothing to keep in a state directory.
            repo: Repo::open(&demo.remote, &demo.remote.join("gitopsy"))?,
            snapshot: Snapshot::load(&demo.snapshot)?,
            deployed: None,
        })
    }

    /// The commit on main that was not deployed yet.
    pub fn waiting(&self) -> Result<Option<Oid>> {
        let main = self.repo.reader().resolve("refs/heads/main")?;
        Ok(Some(main).filter(|main| self.deployed != Some(*main)))
    }

    /// Applies a commit and begins the rollouts. Says whether that changed anything in the cluster. Blocks.
    pub fn apply(&mut self, commit: Oid, now: Timestamp) -> Result<bool> {
        let desired = Reader::default().read(&self.files(commit)?)?;
        let mut changed = false;
        self.change(|live| {
            changed = apply(live, &Objects::new(), &desired, now);
            if changed {
                run(live, Phase::Begun, now);
            }
        })?;
        self.deployed = Some(commit);
        Ok(changed)
    }

    /// Ends the rollouts, well or not. Blocks.
    pub fn settle(&self, now: Timestamp) -> Result<()> {
        self.change(|live| {
            run(live, Phase::Ended, now);
            events::expire(live, now);
        })
    }

    /// Deploys whatever reaches main until it is cancelled. A commit that it does not understand it leaves alone, waiting for the
    /// next one; if there is none, that is what it ends with.
    pub async fn run(mut self, clock: Clock, delays: Delays, cancel: Cancel) -> Result<()> {
        let mut last = Ok(());
        let work = async {
            loop {
                if let Some(commit) = self.waiting()? {
                    tokio::time::sleep(delays.apply).await;
                    let (deployer, applied) = self
                        .step(&clock, move |deployer, now| deployer.apply(commit, now))
                        .await?;
                    self = deployer;
                    self.deployed = Some(commit);
                    last = applied.map(|_| ());
                    tokio::time::sleep(delays.settle).await;
                    let (deployer, settled) = self
                        .step(&clock, |deployer, now| deployer.settle(now))
                        .await?;
                    self = deployer;
                    settled?;
                }
                tokio::time::sleep(delays.look).await;
            }
        };
        let ended: Option<Result<()>> = cancel.run_until_cancelled(work).await;
        ended.unwrap_or(Ok(())).and(last)
    }

    /// Files are read and written: away from the threads that must not wait.
    async fn step<T: Send + 'static>(
        mut self,
        clock: &Clock,
        work: impl FnOnce(&mut Deployer, Timestamp) -> T + Send + 'static,
    ) -> Result<(Deployer, T)> {
        let now = clock.now();
        tokio::task::spawn_blocking(move || {
            let done = work(&mut self, now);
            (self, done)
        })
        .await
        .map_err(|error| Error::Stopped(error.to_string()))
    }

    fn files(&self, commit: Oid) -> Result<Files> {
        let reader = self.repo.reader();
        let tree = reader.tree_of(commit)?;
        let mut files = Files::new();
        for entry in reader.files(tree, BStr::new(""))? {
            let path = entry.path.to_string();
            if entry.is_blob() && path.ends_with(".yaml") {
                let text =
                    String::from_utf8(reader.blob(entry.id)?).map_err(|_| Error::Manifest {
                        path: path.clone(),
                        why: "it is not UTF-8".to_owned(),
                    })?;
                files.insert(path, text);
            }
        }
        Ok(files)
    }

    fn change(&self, change: impl FnOnce(&mut Live)) -> Result<()> {
        let before = read(&self.snapshot)?;
        let mut after = before.clone();
        change(&mut after);
        write(&self.snapshot, &before, &after)
    }
}

pub(super) fn read(snapshot: &Snapshot) -> Result<Live> {
    Ok(snapshot
        .objects()?
        .into_iter()
        .filter_map(|object| Some((Key::of(&object)?, object)))
        .collect())
}

/// Turns the snapshot from `before` into `after`, and tells who watches it.
pub(super) fn write(snapshot: &Snapshot, before: &Live, after: &Live) -> Result<()> {
    for (key, object) in before {
        if !after.contains_key(key) {
            snapshot.remove(&identity(key, object));
        }
    }
    for (key, object) in after {
        if before.get(key) != Some(object) {
            snapshot.upsert(object.clone())?;
        }
    }
    Ok(snapshot.save()?)
}

fn identity(key: &Key, object: &serde_json::Value) -> ObjectRef {
    let group = object["apiVersion"].as_str().unwrap_or_default();
    ObjectRef {
        group: group
            .split_once('/')
            .map(|(group, _)| group.to_owned())
            .unwrap_or_default(),
        kind: key.kind.clone(),
        namespace: Some(key.namespace.clone()).filter(|namespace| !namespace.is_empty()),
        name: key.name.clone(),
    }
}
