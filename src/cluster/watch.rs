//! Watching: one watch for each list that is read, its objects kept current, changes told in batches. Kinds that the
//! server does not have yet are looked for again.
//!
//! While something is watched, [`Connection::list`] answers from here, so that a change of one object costs one event
//! and not a list of everything.

use std::collections::{BTreeSet, HashMap};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::stream::{BoxStream, SelectAll};
use futures::{Stream, StreamExt};
use jiff::Timestamp;
use kube::api::DynamicObject;
use kube::client::Body;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch_kind};
use kube::{Api, Client};
use tokio::time::Instant;
use tower::BoxError;

use super::connection::Connection;
use super::pauses::Pauses;
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
        // A list that only began says nothing of that, it may fail as the last one did.
        self.failing = None;
        true
    }

    /// The server goes on telling: what is known is current, though nothing may ever change again.
    fn recover(&mut self) -> bool {
        self.failing.take().is_some()
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
    fn new(connection: &'a Connection) -> Watched<'a> {
        Watched {
            connection,
            readings: Vec::new(),
        }
    }

    fn add(&mut self, reading: Reading) {
        let stores: Vec<Arc<Mutex<Store>>> = reading.kinds.iter().map(|_| Arc::default()).collect();
        let all = reading.kinds.iter().cloned().zip(stores.iter().cloned());
        lock(&self.connection.stores).extend(all);
        self.readings.push((reading, stores));
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

/// What a watch tells.
enum Told {
    Event(watcher::Result<Event<DynamicObject>>),
    /// The server has taken up a watch: from here on, silence means that nothing changes.
    Watching,
}

/// With the number of the watch.
type Events = BoxStream<'static, (usize, Told)>;

/// What was found to watch, and what is still missing.
type Found = (Vec<Reading>, BTreeSet<Kind>);

/// The longest pauses between two looks for what is not there, and before a watch that failed.
const LONGEST_LOOK: Duration = Duration::from_secs(60);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// That the server does not remember where a watch is to go on. Only said in this way does kube list again: where the
/// request fails, it asks the same for ever.
const GONE: &[u8] = br#"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too old","reason":"Expired","code":410}}
"#;

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
        let mut watched = Watched::new(self);
        let mut events = SelectAll::new();
        let mut pauses = Pauses::new(self.limits.again, LONGEST_LOOK);
        let mut look = pin!(self.look(Duration::ZERO, wanted.with_owned(), wanted));
        loop {
            let first = tokio::select! {
                Some(event) = events.next() => event,
                (found, missing) = &mut look => {
                    look.set(self.look(pauses.pause(), missing, wanted));
                    for reading in found {
                        events.push(self.events_of(watched.readings.len(), &reading));
                        watched.add(reading);
                    }
                    continue;
                }
            };
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
    }

    /// Takes note of an event; whether there is something to tell.
    fn take(&self, (index, told): (usize, Told), watched: &Watched<'_>, masking: &Masking) -> bool {
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
        match told {
            Told::Watching => each(&Store::recover),
            Told::Event(Ok(event)) => match event {
                Event::Init => each(&|store| store.apply(Event::Init)),
                Event::InitDone => each(&|store| store.apply(Event::InitDone)),
                Event::InitApply(object) => one(object, Event::InitApply),
                Event::Apply(object) => one(object, Event::Apply),
                Event::Delete(object) => one(object, Event::Delete),
            },
            // Whoever asks again is led to where the context's cluster is now.
            Told::Event(Err(_)) => {
                each(&|store| store.fail(self.clock.now())) || self.login.is_elsewhere()
            }
        }
    }

    fn events_of(&self, index: usize, reading: &Reading) -> Events {
        let resource = &reading.resource;
        let (client, watching) = self.told_of_watching();
        let api: Api<DynamicObject> = match self.namespace_of(reading) {
            Some(namespace) => Api::namespaced_with(client, namespace, &resource.api),
            None => Api::all_with(client, &resource.api),
        };
        let mut config = watcher::Config::default().page_size(self.limits.page);
        if let Some(selector) = selector(resource) {
            config = config.fields(selector);
        }
        let pauses = Pauses::new(self.limits.again, LONGEST_PAUSE);
        let events = watch_kind(api, config).backoff(pauses).map(Told::Event);
        futures::stream::select(events, watching)
            .map(move |told| (index, told))
            .boxed()
    }

    /// A client for the watch of one kind. kube keeps to itself when a watch that failed goes on, and asks again at once
    /// where an answer ends: here the first is told, and the second waits.
    fn told_of_watching(&self) -> (Client, impl Stream<Item = Told> + use<>) {
        let (tell, told) = futures::channel::mpsc::unbounded();
        let (login, again) = (Arc::clone(&self.login), self.limits.again);
        let mut next = Instant::now();
        let requests = tower::service_fn(move |request: http::Request<Body>| {
            let is_watch = request
                .uri()
                .query()
                .is_some_and(|query| query.split('&').any(|parameter| parameter == "watch=true"));
            let begin = next;
            if is_watch {
                next = begin.max(Instant::now()) + again;
            }
            let (login, tell) = (Arc::clone(&login), tell.clone());
            async move {
                if is_watch {
                    tokio::time::sleep_until(begin).await;
                }
                let answer = login.send(request).await?;
                if is_watch && answer.status() == http::StatusCode::GONE {
                    return Ok(http::Response::new(Body::from(GONE.to_vec())));
                }
                if is_watch && answer.status().is_success() {
                    // Nobody listens to a watch that has ended.
                    let _ = tell.unbounded_send(Told::Watching);
                }
                Ok::<_, BoxError>(answer)
            }
        });
        (Client::new(requests, self.namespace.clone()), told)
    }

    /// Looks for kinds that are not watched, after a pause: all of them in the beginning, and those that the server did not
    /// know then, or while it could not be reached.
    async fn look(&self, pause: Duration, mut kinds: BTreeSet<Kind>, wanted: &Wanted) -> Found {
        if kinds.is_empty() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(pause).await;
        let mut found = Vec::new();
        for (kind, resource) in self.resources(&kinds, wanted).await.unwrap_or_default() {
            if let Ok(resource) = resource {
                kinds.remove(&kind);
                found.push((kind, resource));
            }
        }
        let readings = self.readings(found, |kind| wanted.mentions(kind)).await;
        (readings, kinds)
    }
}

pub(super) fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
