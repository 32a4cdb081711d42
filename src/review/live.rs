//! The live side of answers: what was read from an environment's cluster. [`judge`] is about one object of it, [`app`] about an app.
//!
//! What was read is kept until the cluster reports a change, so that a screen that asks several questions reads once.

mod app;
mod judge;

use std::sync::Arc;

use jiff::SignedDuration;

pub use self::judge::missing;
use super::connections::{self, AGAIN, Watch};
use super::desired::DesiredApp;
use super::elsewhere;
use super::workspace::{Workspace, lock};
use crate::cluster::{Cluster, Identity, Kind, Listing, Pauses, Wanted};
use crate::layout;
use crate::live::{Autoscaler, LiveObject, Ownership};
use crate::manifest::{Language, ListKeys, Object, ObjectRef};
use crate::task::{Cancel, Known, Why};

/// What was read of an environment's cluster, or why nothing was.
#[derive(Clone)]
pub struct Listed {
    known: Known<(Cluster, Arc<Listing>)>,
    /// What git declares to scale workloads, for where that may not be read.
    autoscalers: Vec<(ObjectRef, Autoscaler)>,
}

/// Reads what the apps of an environment declare, from its cluster.
pub async fn listing<'a>(
    ws: &Workspace,
    environment: &layout::Environment,
    apps: impl Iterator<Item = &'a DesiredApp>,
) -> Listed {
    let apps: Vec<&DesiredApp> = apps.collect();
    let objects = || apps.iter().flat_map(|app| app.objects());
    let Some(wanted) = wanted(objects(), apps.iter().map(|app| &app.app)) else {
        return Listed::from(Known::Unavailable(Why::NotInCluster));
    };
    let listed = kept_or_read(ws, environment, wanted).await;
    listed.with_declared(objects())
}

/// Reads only what the deployers of `apps` say of them; `None` where they keep no account in a cluster, which then is not asked.
pub async fn deployers<'a>(
    ws: &Workspace,
    environment: &layout::Environment,
    apps: impl Iterator<Item = &'a layout::App>,
) -> Option<Listed> {
    let wanted = wanted(std::iter::empty(), apps).filter(|wanted| !wanted.kinds.is_empty())?;
    Some(kept_or_read(ws, environment, wanted).await)
}

async fn kept_or_read(ws: &Workspace, environment: &layout::Environment, wanted: Wanted) -> Listed {
    let kept = lock(&ws.inner.live.listings)
        .get(&environment.name)
        .cloned();
    if let Some((at, known)) = kept
        && known.covers(&wanted)
        && match &known.known {
            Known::Fresh((cluster, _)) => cluster.is_current().await,
            _ => ws.clock().now().duration_since(at) < AGAIN,
        }
    {
        return known;
    }
    read(ws, environment, wanted).await
}

/// As the cluster is now, whatever was read before; with what the deployers of `apps` say of them.
pub async fn fresh_listing<'a>(
    ws: &Workspace,
    environment: &layout::Environment,
    objects: impl Iterator<Item = &'a Object>,
    apps: impl Iterator<Item = &'a layout::App>,
) -> Listed {
    match wanted(objects, apps) {
        Some(wanted) => read(ws, environment, wanted).await,
        None => Listed::from(Known::Unavailable(Why::NotInCluster)),
    }
}

/// What to read in the cluster; `None` where all there is is elsewhere, so that which cluster it is in is no question.
fn wanted<'a>(
    objects: impl Iterator<Item = &'a Object>,
    apps: impl Iterator<Item = &'a layout::App>,
) -> Option<Wanted> {
    let mut wanted = Wanted::default();
    let mut elsewhere = false;
    for object in objects {
        if Language::of(&object.id).is_some() {
            elsewhere = true;
        } else {
            wanted.add(object, object.id.namespace.as_deref());
        }
    }
    let is_anywhere = !elsewhere || !wanted.kinds.is_empty();
    for app in apps {
        let destination = app.destination.cluster.as_deref();
        wanted.add_deployer(app.deployer, app.declared_by.as_ref(), destination);
    }
    is_anywhere.then_some(wanted)
}

async fn read(ws: &Workspace, environment: &layout::Environment, wanted: Wanted) -> Listed {
    let live = &ws.inner.live;
    let (epoch, begun) = (live.epoch(), ws.clock().now());
    let listed = match live.cluster(environment).await {
        Known::Fresh(cluster) => {
            watch(ws, &environment.name, &cluster, &wanted, epoch);
            let mut listing = cluster.list(&wanted, &Cancel::new()).await;
            elsewhere::look(ws, environment, &cluster, &wanted, &mut listing).await;
            Listed::from(Known::Fresh((cluster, Arc::new(listing))))
        }
        Known::Stale(..) | Known::Loading => Listed::from(Known::Loading),
        Known::Unavailable(why) => {
            let pauses = Pauses::new(connections::PAUSE, connections::LONGEST_PAUSE);
            connections::try_again(ws, environment, &why, pauses);
            Listed::from(Known::Unavailable(why))
        }
    };
    let now = ws.clock().now();
    let (mut described, mut listings) = (lock(&live.described), lock(&live.listings));
    if live.epoch() == epoch {
        described.insert(environment.name.clone(), listed.identity());
        // Who looks at less must not make those read again who look at more.
        let kept = listings.get(&environment.name);
        if !kept.is_some_and(|(at, kept)| *at > begun && kept.covers(&wanted)) {
            listings.insert(environment.name.clone(), (now, listed.clone()));
        }
    }
    listed
}

/// Where a screen looks on, a change in the cluster makes what was read stale and is announced.
fn watch(ws: &Workspace, environment: &str, cluster: &Cluster, wanted: &Wanted, epoch: u64) {
    if !ws.is_watched() {
        return;
    }
    let mut watches = lock(&ws.inner.live.watches);
    if ws.inner.live.epoch() != epoch {
        return;
    }
    // What is watched only grows: screens that look at less must not end what others look at.
    let mut wanted = wanted.clone();
    if let Some(watch) = watches.get(environment) {
        let watched = &watch.wanted;
        if wanted.with_owned().is_subset(&watched.with_owned()) && cluster.is_same(&watch.cluster) {
            return;
        }
        wanted.kinds.extend(watched.kinds.iter().cloned());
        wanted.versions.extend(watched.versions.clone());
        wanted.scaled.extend(watched.scaled.iter().cloned());
        watch.cancel.cancel();
    }
    let cancel = Cancel::new();
    let watch = Watch {
        cluster: cluster.clone(),
        wanted: wanted.clone(),
        cancel: cancel.clone(),
    };
    watches.insert(environment.to_owned(), watch);
    let (cluster, weak) = (cluster.clone(), ws.downgrade());
    let environment = environment.to_owned();
    tokio::spawn(async move {
        let changed = || {
            if let Some(ws) = weak.upgrade() {
                lock(&ws.inner.live.listings).remove(&environment);
                ws.announce_change();
            }
        };
        cluster.watch(&wanted, &cancel, changed).await;
    });
}

impl From<Known<(Cluster, Arc<Listing>)>> for Listed {
    fn from(known: Known<(Cluster, Arc<Listing>)>) -> Listed {
        Listed {
            known,
            autoscalers: Vec::new(),
        }
    }
}

impl Listed {
    /// The same, with what of `objects`, which git declares, scales others.
    pub fn with_declared<'a>(self, objects: impl Iterator<Item = &'a Object>) -> Listed {
        let autoscalers = objects
            .filter_map(|object| Some((object.id.clone(), Autoscaler::declared(object)?)))
            .collect();
        Listed {
            autoscalers,
            ..self
        }
    }

    pub fn identity(&self) -> Known<Identity> {
        self.known
            .as_ref()
            .map(|(cluster, _)| cluster.identity().clone())
    }

    /// The cluster, and what was read of it.
    pub fn read(&self) -> Known<&(Cluster, Arc<Listing>)> {
        self.known.as_ref()
    }

    /// Everything wanted was asked for (whatever the answer).
    fn covers(&self, wanted: &Wanted) -> bool {
        match &self.known {
            Known::Fresh((listed_of, listing)) => {
                let is_listed = |kind: &Kind| {
                    let kinds = &listing.kinds;
                    kinds
                        .binary_search_by(|(listed, _)| listed.cmp(kind))
                        .is_ok()
                };
                let is_found = |id: &ObjectRef| {
                    let mut elsewhere = listing.elsewhere.iter();
                    elsewhere.any(|(known, _)| known == id)
                        || matches!(listing.get(id).value(), Some(Some(_)))
                };
                let is_snapshot = listed_of.identity().context.is_none();
                wanted.with_owned().iter().all(is_listed)
                    && (is_snapshot || wanted.elsewhere.keys().all(is_found))
            }
            Known::Unavailable(_) => true,
            Known::Loading | Known::Stale(..) => false,
        }
    }

    /// The live object: not known, known to be absent (`Fresh(None)`), or there.
    pub fn get(&self, id: &ObjectRef) -> Known<Option<&LiveObject>> {
        if Language::of(id).is_some() {
            return Known::Unavailable(Why::NotInCluster);
        }
        match &self.known {
            Known::Fresh((_, listing)) | Known::Stale((_, listing), _) => listing.get(id),
            Known::Loading => Known::Loading,
            Known::Unavailable(why) => Known::Unavailable(why.clone()),
        }
    }

    /// Who owns whom in the cluster, as far as it was read: build it once for all objects that are judged.
    pub fn ownership(&self) -> Ownership<'_> {
        Ownership::new(self.objects())
    }

    /// How the lists of what was read are to be compared.
    pub fn lists(&self) -> Arc<ListKeys> {
        let read = self.known.value();
        read.map(|(_, listing)| Arc::clone(&listing.lists))
            .unwrap_or_default()
    }

    pub fn objects(&self) -> Vec<&LiveObject> {
        match &self.known {
            Known::Fresh((_, listing)) | Known::Stale((_, listing), _) => {
                listing.objects().collect()
            }
            Known::Loading | Known::Unavailable(_) => Vec::new(),
        }
    }

    /// The cluster that was read, to ask it more.
    pub fn cluster(&self) -> Result<&Cluster, Why> {
        match &self.known {
            Known::Fresh((cluster, _)) | Known::Stale((cluster, _), _) => Ok(cluster),
            Known::Loading => Err(Why::NoCluster),
            Known::Unavailable(why) => Err(why.clone()),
        }
    }

    /// How far the cluster's clock is ahead of ours, where it is another one.
    pub fn skew(&self) -> Option<SignedDuration> {
        self.known.value().and_then(|(_, listing)| listing.skew)
    }
}
