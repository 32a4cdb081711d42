//! The cluster: one type, two origins, a snapshot directory or an API server through kube. Only get, list, watch, and only the
//! kinds and namespaces that git mentions.

mod connection;
pub mod contexts;
mod discovery;
mod dry_run;
mod error;
mod events;
mod kubeconfig;
mod listing;
mod login;
mod logs;
pub mod operator;
mod pauses;
mod plugin;
mod read;
mod reading;
mod schema;
pub mod snapshot;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use futures::StreamExt;
use serde::Serialize;

use self::connection::Connection;
pub use self::connection::install_crypto;
pub use self::error::Error;
pub use self::events::Event;
pub use self::kubeconfig::Files as Kubeconfig;
pub use self::listing::{Listing, Objects, Order};
pub use self::pauses::Pauses;
pub use self::snapshot::Snapshot;
use crate::layout::Deployer;
use crate::live::LiveObject;
use crate::manifest::{Masking, Object, ObjectRef, is_cluster_scoped};
use crate::task::{Cancel, Clock, Known, Why};

/// Which cluster this is; always in the header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// The kubeconfig context; `None` for a snapshot.
    pub context: Option<String>,
    /// The server's URL, or the snapshot's directory as it was named.
    pub server: String,
}

/// Group, kind, namespace (`None`: cluster-scoped).
pub type Kind = (String, String, Option<String>);

/// What git mentions: kinds, each in namespaces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    pub kinds: BTreeSet<Kind>,
    /// By group and kind, the version git writes it in, which is the one to read it in: `autoscaling/v1` and `v2` differ
    /// in their fields. Where there is none, or the server has it no more, the server's preferred version is read.
    pub versions: BTreeMap<(String, String), String>,
    /// Namespaces in which git says how many replicas there are to be, where an autoscaler may say otherwise.
    pub scaled: BTreeSet<Option<String>>,
    /// Orders to deployers that may run in another cluster, each with what they call this one.
    pub elsewhere: BTreeMap<ObjectRef, String>,
}

impl Wanted {
    /// Adds what it takes to compare `object`; `namespace` is where it goes if it does not say.
    pub fn add(&mut self, object: &Object, namespace: Option<&str>) {
        let id = &object.id;
        let namespace = match &id.namespace {
            _ if is_cluster_scoped(&id.group, &id.kind) => None,
            None => namespace.map(str::to_owned),
            some => some.clone(),
        };
        if object.at(&["spec", "replicas"]).is_some() {
            self.scaled.insert(namespace.clone());
        }
        self.kinds
            .insert((id.group.clone(), id.kind.clone(), namespace));
        let version = object
            .api_version
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned();
        self.versions
            .entry((id.group.clone(), id.kind.clone()))
            .or_insert(version);
    }

    /// Adds the objects in which a deployer says how far it is with the app that `declared_by` declares to it; `destination`: what
    /// it calls the cluster, `None` for its own.
    pub fn add_deployer(
        &mut self,
        deployer: Deployer,
        declared_by: Option<&ObjectRef>,
        destination: Option<&str>,
    ) {
        self.kinds.extend(operator::kinds(deployer, declared_by));
        if let (Deployer::ArgoCd, Some(object), Some(destination)) =
            (deployer, declared_by, destination)
        {
            let destination = destination.to_owned();
            self.elsewhere.insert(object.clone(), destination);
        }
    }

    /// Whether git has objects of a kind, wherever.
    fn mentions(&self, (group, kind, _): &Kind) -> bool {
        let from = (group.clone(), kind.clone(), None);
        let next = self.kinds.range(from..).next();
        next.is_some_and(|found| found.0 == *group && found.1 == *kind)
    }

    /// With the kinds that the workloads among it own, for the pods tell how they fare; and with what may scale them.
    pub fn with_owned(&self) -> BTreeSet<Kind> {
        let mut all = self.kinds.clone();
        let own = |text: &str| text.to_owned();
        let scaled = self.scaled.iter().map(|namespace| {
            (
                own("autoscaling"),
                own("HorizontalPodAutoscaler"),
                namespace.clone(),
            )
        });
        all.extend(scaled);
        for (group, kind, namespace) in &self.kinds {
            let owned: &[(&str, &str)] = match (group.as_str(), kind.as_str()) {
                ("apps" | "extensions", "Deployment") | ("argoproj.io", "Rollout") => {
                    &[("apps", "ReplicaSet"), ("", "Pod")]
                }
                ("apps" | "extensions", "StatefulSet" | "DaemonSet" | "ReplicaSet")
                | ("", "ReplicationController")
                | ("batch", "Job") => &[("", "Pod")],
                ("batch", "CronJob") => &[("batch", "Job"), ("", "Pod")],
                _ => &[],
            };
            all.extend(
                owned.iter().map(|(group, kind)| {
                    ((*group).to_owned(), (*kind).to_owned(), namespace.clone())
                }),
            );
        }
        all
    }
}

/// A connection to a cluster, or a snapshot directory. Cheap to clone.
#[derive(Clone)]
pub struct Cluster {
    identity: Arc<Identity>,
    origin: Origin,
    masking: Masking,
}

#[derive(Clone)]
enum Origin {
    Server(Arc<Connection>),
    Snapshot(Snapshot),
}

impl Cluster {
    /// Connects with a context of a kubeconfig. A credential plugin runs, but no request is made yet: whether
    /// the server answers shows with the first list. [`install_crypto`] has to have been called.
    pub async fn connect(
        kubeconfig: &Kubeconfig,
        context: &str,
        masking: Masking,
        clock: &Clock,
    ) -> Result<Cluster, Error> {
        let limits = connection::Limits::default();
        let connection =
            Connection::open(kubeconfig.clone(), context, limits, clock.clone()).await?;
        Ok(Cluster::served(connection, masking))
    }

    /// Whether it is still what its context names: else it is to be connected to anew.
    pub async fn is_current(&self) -> bool {
        match &self.origin {
            Origin::Server(connection) => connection.login.is_current().await,
            Origin::Snapshot(_) => true,
        }
    }

    /// Whether both are the same connection.
    pub fn is_same(&self, other: &Cluster) -> bool {
        Arc::ptr_eq(&self.identity, &other.identity)
    }

    fn served(connection: Connection, masking: Masking) -> Cluster {
        let identity = Arc::new(connection.identity.clone());
        Cluster {
            identity,
            origin: Origin::Server(Arc::new(connection)),
            masking,
        }
    }

    /// The cluster that the snapshot in `dir` shows.
    pub fn snapshot(dir: &Path, masking: Masking) -> Result<Cluster, Error> {
        let server = dir.display().to_string();
        Ok(Cluster::named(server, Snapshot::load(dir)?, masking))
    }

    /// As [`Cluster::snapshot`], for who holds it already.
    pub fn of(snapshot: Snapshot, masking: Masking) -> Cluster {
        Cluster::named(snapshot.dir().display().to_string(), snapshot, masking)
    }

    fn named(server: String, snapshot: Snapshot, masking: Masking) -> Cluster {
        let identity = Identity {
            context: None,
            server,
        };
        Cluster {
            identity: Arc::new(identity),
            origin: Origin::Snapshot(snapshot),
            masking,
        }
    }

    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whether it is a cluster that the environment may be in: a snapshot may say of which environments it is.
    pub fn shows(&self, environment: &str) -> Result<(), Why> {
        match &self.origin {
            Origin::Server(_) => Ok(()),
            Origin::Snapshot(snapshot) => snapshot.info().shows(environment),
        }
    }

    /// Lists what is wanted, plus what the workloads among it own (ReplicaSets, Pods) and what scales them, and single objects
    /// that deployers refer to. What is being watched is current already and costs no request. When cancelled, everything is [`Known::Loading`].
    pub async fn list(&self, wanted: &Wanted, cancel: &Cancel) -> Listing {
        let mut listing = self.list_kinds(wanted, cancel).await;
        self.refer(&mut listing, cancel).await;
        listing
    }

    /// Adds single objects that what is in a listing refers to, where they are not in it yet.
    pub async fn refer(&self, listing: &mut Listing, cancel: &Cancel) {
        // A release refers to its Kustomization, that to its source.
        for _ in 0..2 {
            let reads = operator::referred(listing).into_iter().map(|id| async {
                let found = cancel.run_until_cancelled(self.get(&id)).await;
                let found = found.unwrap_or(Known::Loading);
                (id, found.map(|live| live.map(operator::of_use)))
            });
            let reads = futures::stream::iter(reads).buffered(read::AT_ONCE);
            let reads = reads.collect::<Vec<_>>().await;
            listing.referred.extend(reads);
        }
    }

    /// An order to the deployer that runs here, to deploy to another cluster, which it calls `destination`; and its settings.
    pub async fn order(&self, id: &ObjectRef, destination: &str) -> Known<Option<Order>> {
        let found = self.get(id).await;
        let order = found.map(|live| live.filter(|live| operator::goes_to(live, destination)));
        let Some(Some(live)) = order.value() else {
            return order.map(|_| None);
        };
        let settings = self.get(&operator::settings_of(&live.object())).await;
        let settings = settings.map(|live| live.map(operator::of_use));
        order.map(|live| live.map(|live| Order { live, settings }))
    }

    async fn list_kinds(&self, wanted: &Wanted, cancel: &Cancel) -> Listing {
        match &self.origin {
            // Boxed, as all that goes to a server: whoever waits for it would carry some 20 kB, and one stack holds many.
            Origin::Server(connection) => {
                Box::pin(connection.list(wanted, &self.masking, cancel)).await
            }
            Origin::Snapshot(snapshot) => {
                let (snapshot, masking, asked) =
                    (snapshot.clone(), self.masking.clone(), wanted.clone());
                let read =
                    tokio::task::spawn_blocking(move || snapshot.list(&asked, &masking)).await;
                read.unwrap_or_else(|error| {
                    Listing::unavailable(wanted, &Why::Failed(error.to_string()))
                })
            }
        }
    }

    /// One object.
    pub async fn get(&self, id: &ObjectRef) -> Known<Option<LiveObject>> {
        match &self.origin {
            Origin::Server(connection) => Box::pin(connection.find(id, &self.masking)).await,
            Origin::Snapshot(snapshot) => {
                let (snapshot, masking, id) = (snapshot.clone(), self.masking.clone(), id.clone());
                let read = tokio::task::spawn_blocking(move || snapshot.find(&id, &masking)).await;
                read.unwrap_or_else(|error| Known::Unavailable(Why::Failed(error.to_string())))
            }
        }
    }

    /// Calls `changed` whenever something wanted may have changed, until cancelled. The caller lists again.
    pub async fn watch(&self, wanted: &Wanted, cancel: &Cancel, changed: impl Fn() + Send + Sync) {
        match &self.origin {
            Origin::Server(connection) => {
                Box::pin(connection.watch(wanted, &self.masking, cancel, changed)).await
            }
            Origin::Snapshot(snapshot) => {
                let mut changes = snapshot.changes();
                while let Some(Ok(())) = cancel.run_until_cancelled(changes.changed()).await {
                    changed();
                }
            }
        }
    }

    /// Events about `objects`, for each namespace they may be in: one that may not be read hides no other.
    pub async fn events_by_namespace(
        &self,
        objects: &[ObjectRef],
    ) -> Vec<(String, Known<Vec<Event>>)> {
        let mut namespaces: BTreeMap<&str, Vec<ObjectRef>> = BTreeMap::new();
        for object in objects {
            let there = namespaces.entry(events::namespace(object)).or_default();
            there.push(object.clone());
        }
        let asked = namespaces
            .into_iter()
            .map(|(namespace, objects)| async move {
                (namespace.to_owned(), self.events(&objects).await)
            });
        futures::stream::iter(asked).buffered(2).collect().await
    }

    /// The object as the API server would store it if `manager` applied `desired` now; nothing is stored. Needs the right to
    /// patch it.
    pub async fn dry_run(&self, desired: &Object, manager: &str) -> Result<LiveObject, Why> {
        match &self.origin {
            Origin::Server(connection) => connection.dry_run(desired, manager, &self.masking).await,
            Origin::Snapshot(_) => Err(Why::Failed("a snapshot cannot be asked".to_owned())),
        }
    }

    /// The last lines that a container of a pod wrote; `previous`: in the run before, which ended.
    pub async fn log(
        &self,
        pod: &ObjectRef,
        container: &str,
        previous: bool,
    ) -> Result<Vec<String>, Why> {
        match &self.origin {
            Origin::Server(connection) => connection.log(pod, container, previous).await,
            Origin::Snapshot(_) => Err(Why::Failed("a snapshot has no logs".to_owned())),
        }
    }

    /// Events about `objects`, newest first.
    pub async fn events(&self, objects: &[ObjectRef]) -> Known<Vec<Event>> {
        match &self.origin {
            Origin::Server(connection) => connection.events(objects).await,
            Origin::Snapshot(snapshot) => {
                let (snapshot, objects) = (snapshot.clone(), objects.to_vec());
                let read = tokio::task::spawn_blocking(move || snapshot.events(&objects)).await;
                read.unwrap_or_else(|error| Known::Unavailable(Why::Failed(error.to_string())))
            }
        }
    }
}

#[cfg(test)]
mod tests;
