//! Watching: one watch for each list that is read, its objects kept current, changes told in batches.
//!
//! While something is watched, [`Connection::list`] answers from here, so that a change of one object costs one event
//! and not a list of everything.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
use super::read::selector;
use super::reading::Reading;
use super::{Kind, Objects, Wanted};
use crate::live::LiveObject;
use crate::manifest::Masking;
use crate::task::{Cancel, Known};

/// By namespace and name.
type ByName = HashMap<(Option<String>, String), Arc<LiveObject>>;

/// What a watch knows of a kind in a namespace.
#[derive(Default)]
pub(super) struct Store {
    /// Whole only once the first list is through.
    objects: Option<ByName>,
    /// A list on its way.
    coming: ByName,
    /// Since when the watch fails.
    failing: Option<Timestamp>,
}

impl Store {
    /// `None` until the first list is through.
    pub fn known(&self) -> Option<Known<Objects>> {
        let objects: Objects = self.objects.as_ref()?.values().cloned().collect();
        Some(match self.failing {
            None => Known::Fresh(objects),
            Some(since) => Known::Stale(objects, since),
        })
    }

    /// Whether there is something to tell.
    fn apply(&mut self, event: Event<Arc<LiveObject>>) -> bool {
        self.failing = None;
        let key = |object: &LiveObject| (object.id.namespace.clone(), object.id.name.clone());
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
    readings: Vec<(Reading, Vec<Arc<Mutex<Store>>>)>,
}

impl<'a> Watched<'a> {
    fn new(connection: &'a Connection, readings: Vec<Reading>) -> Watched<'a> {
        let stores = |reading: &Reading| reading.kinds.iter().map(|_| Arc::default()).collect();
        let readings = readings.into_iter();
        let watched = Watched {
            connection,
            readings: readings
                .map(|reading| {
                    let stores = stores(&reading);
                    (reading, stores)
                })
                .collect(),
        };
        let all = watched
            .stores()
            .map(|(kind, store)| (kind.clone(), Arc::clone(store)));
        lock(&connection.stores).extend(all);
        watched
    }

    fn stores(&self) -> impl Iterator<Item = (&Kind, &Arc<Mutex<Store>>)> {
        let readings = self.readings.iter();
        readings.flat_map(|(reading, stores)| reading.kinds.iter().zip(stores))
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        let mut stores = lock(&self.connection.stores);
        for (kind, ours) in self.stores() {
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
        let readings = self.readings(resources, |kind| wanted.mentions(kind)).await;
        let watched = Watched::new(self, readings);
        let streams = watched.readings.iter().enumerate();
        let streams = streams.map(|(index, (reading, _))| self.events_of(index, reading));
        let mut events = futures::stream::select_all(streams.collect::<Vec<Events>>());
        while let Some(first) = events.next().await {
            let mut news = self.take(first, &watched, masking);
            // Changes come in bursts: what follows the first is told with it.
            let burst = async {
                while let Some(event) = events.next().await {
                    news |= self.take(event, &watched, masking);
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
        watched: &Watched<'_>,
        masking: &Masking,
    ) -> bool {
        let Some((reading, stores)) = watched.readings.get(index) else {
            return false;
        };
        // What is about all of them.
        let each = |change: &dyn Fn(&mut Store) -> bool| {
            let told = stores.iter().map(|store| change(&mut lock(store)));
            told.fold(false, |told, news| told | news)
        };
        // What is about one object, if somebody wants it.
        let one = |object: DynamicObject, event: fn(Arc<LiveObject>) -> Event<Arc<LiveObject>>| {
            let found = serde_json::to_value(object).ok();
            let found = found.and_then(|object| reading.object(object, masking));
            let Some((index, object)) = found else {
                return false;
            };
            let store = stores.get(index);
            store.is_some_and(|store| lock(store).apply(event(Arc::new(object))))
        };
        match event {
            Ok(Event::Init) => each(&|store| store.apply(Event::Init)),
            Ok(Event::InitDone) => each(&|store| store.apply(Event::InitDone)),
            Ok(Event::InitApply(object)) => one(object, Event::InitApply),
            Ok(Event::Apply(object)) => one(object, Event::Apply),
            Ok(Event::Delete(object)) => one(object, Event::Delete),
            Err(_) => each(&|store| store.fail(self.clock.now())),
        }
    }

    fn events_of(&self, index: usize, reading: &Reading) -> Events {
        let resource = &reading.resource;
        let api: Api<DynamicObject> = match self.namespace_of(reading) {
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

pub(super) fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
