//! Watching: one watch for each wanted kind and namespace, its objects kept current, changes told in batches.
//!
//! While something is watched, [`Connection::list`] answers from here, so that a change of one object costs one event
//! and not a list of everything.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use jiff::Timestamp;
use kube::Api;
use kube::api::DynamicObject;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch_kind};

use super::connection::Connection;
use super::discovery::Resource;
use super::read::{Objects, live, selector};
use super::{Kind, Wanted};
use crate::live::LiveObject;
use crate::manifest::Masking;
use crate::task::{Cancel, Known};

/// What a watch knows.
#[derive(Default)]
pub(super) struct Store {
    /// Whole only once the first list is through.
    objects: Option<Objects>,
    /// A list on its way.
    coming: Objects,
    /// Since when the watch fails.
    failing: Option<Timestamp>,
}

impl Store {
    /// `None` until the first list is through.
    pub fn known(&self) -> Option<Known<Vec<LiveObject>>> {
        let objects: Vec<LiveObject> = self.objects.as_ref()?.values().cloned().collect();
        Some(match self.failing {
            None => Known::Fresh(objects),
            Some(since) => Known::Stale(objects, since),
        })
    }

    /// Whether there is something to tell.
    fn apply(&mut self, event: Event<LiveObject>) -> bool {
        self.failing = None;
        let key = |object: &LiveObject| {
            (
                object.object.id.namespace.clone(),
                object.object.id.name.clone(),
            )
        };
        match event {
            Event::Init => {
                self.coming.clear();
                return false;
            }
            Event::InitApply(object) => {
                self.coming.insert(key(&object), object);
                return false;
            }
            Event::InitDone => self.objects = Some(std::mem::take(&mut self.coming)),
            Event::Apply(object) => drop(
                self.objects
                    .get_or_insert_default()
                    .insert(key(&object), object),
            ),
            Event::Delete(object) => {
                drop(self.objects.get_or_insert_default().remove(&key(&object)))
            }
        }
        true
    }

    fn fail(&mut self, now: Timestamp) -> bool {
        let is_new = self.failing.is_none();
        self.failing.get_or_insert(now);
        is_new
    }
}

/// Takes a watch's stores out of the connection when it ends, however it ends.
struct Watched<'a> {
    connection: &'a Connection,
    stores: Vec<(Kind, Arc<Mutex<Store>>)>,
}

impl<'a> Watched<'a> {
    fn new(connection: &'a Connection, kinds: impl Iterator<Item = Kind>) -> Watched<'a> {
        let stores: Vec<(Kind, Arc<Mutex<Store>>)> =
            kinds.map(|kind| (kind, Arc::default())).collect();
        connection
            .stores
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(stores.iter().cloned());
        Watched { connection, stores }
    }

    fn change(&self, index: usize, change: impl FnOnce(&mut Store) -> bool) -> bool {
        let store = self
            .stores
            .get(index)
            .map(|(_, store)| store.lock().unwrap_or_else(PoisonError::into_inner));
        store.is_some_and(|mut store| change(&mut store))
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        let mut stores = self
            .connection
            .stores
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for (kind, ours) in &self.stores {
            if stores
                .get(kind)
                .is_some_and(|store| Arc::ptr_eq(store, ours))
            {
                stores.remove(kind);
            }
        }
    }
}

/// A watch's event, with the number of the watch.
type Events = BoxStream<'static, (usize, watcher::Result<Event<DynamicObject>>)>;

impl Connection {
    /// Calls `changed` after changes of what is wanted, until cancelled.
    pub async fn watch(
        &self,
        wanted: &Wanted,
        masking: &Masking,
        cancel: &Cancel,
        changed: impl Fn(),
    ) {
        // Whoever is cancelled in here loses nothing.
        let _ = cancel
            .run_until_cancelled(self.watch_for_ever(wanted, masking, changed))
            .await;
    }

    async fn watch_for_ever(&self, wanted: &Wanted, masking: &Masking, changed: impl Fn()) {
        let resources = self.reachable_resources(wanted).await;
        let watched = Watched::new(self, resources.iter().map(|(kind, _)| kind.clone()));
        let streams = resources
            .iter()
            .enumerate()
            .map(|(index, (kind, resource))| self.events_of(index, kind, resource));
        let mut events = futures::stream::select_all(streams.collect::<Vec<Events>>());
        while let Some(first) = events.next().await {
            let mut news = self.take(first, &resources, &watched, masking);
            // Changes come in bursts: what follows the first is told with it.
            let burst = async {
                while let Some(event) = events.next().await {
                    news |= self.take(event, &resources, &watched, masking);
                }
            };
            // The time being up is how a burst ends.
            let _ = tokio::time::timeout(self.limits.gather, burst).await;
            if news {
                changed();
            }
        }
        // Watches do not end by themselves: there was none to begin with.
        std::future::pending().await
    }

    /// Takes note of an event; whether there is something to tell.
    fn take(
        &self,
        (index, event): (usize, watcher::Result<Event<DynamicObject>>),
        resources: &[(Kind, Resource)],
        watched: &Watched<'_>,
        masking: &Masking,
    ) -> bool {
        let Some((_, resource)) = resources.get(index) else {
            return false;
        };
        match event.map(|event| masked(event, resource, masking)) {
            Ok(Some(event)) => watched.change(index, |store| store.apply(event)),
            Ok(None) => false,
            Err(_) => watched.change(index, |store| store.fail(self.clock.now())),
        }
    }

    fn events_of(&self, index: usize, kind: &Kind, resource: &Resource) -> Events {
        let api: Api<DynamicObject> = match self.place(kind.2.as_deref(), resource) {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource.api),
            None => Api::all_with(self.client.clone(), &resource.api),
        };
        let mut config = watcher::Config::default().page_size(self.limits.page);
        if let Some(selector) = selector(resource) {
            config = config.fields(selector);
        }
        watch_kind(api, config)
            .default_backoff()
            .map(move |event| (index, event))
            .boxed()
    }

    /// The kinds to watch; a server that cannot be reached is asked again until it can.
    async fn reachable_resources(&self, wanted: &Wanted) -> Vec<(Kind, Resource)> {
        const LONGEST: Duration = Duration::from_secs(60);
        let mut pause = Duration::from_secs(1);
        loop {
            if let Ok(resources) = self.resources(&wanted.with_owned(), wanted).await {
                return resources
                    .into_iter()
                    .filter_map(|(kind, resource)| Some((kind, resource.ok()?)))
                    .collect();
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST);
        }
    }
}

fn masked(
    event: Event<DynamicObject>,
    resource: &Resource,
    masking: &Masking,
) -> Option<Event<LiveObject>> {
    let read = |object: DynamicObject| live(serde_json::to_value(object).ok()?, resource, masking);
    Some(match event {
        Event::Init => Event::Init,
        Event::InitDone => Event::InitDone,
        Event::InitApply(object) => Event::InitApply(read(object)?),
        Event::Apply(object) => Event::Apply(read(object)?),
        Event::Delete(object) => Event::Delete(read(object)?),
    })
}
