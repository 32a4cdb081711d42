//! A directory of YAML that stands for a cluster: as `gitopsy snapshot` writes it, as `kubectl get -o yaml` prints it (any
//! file names, several documents a file, `kind: List`), or as the demo keeps it.
//!
//! Objects are raw JSON here, as on disk; they are masked when they are read into a [`LiveObject`]. A file that changed
//! on disk is read again when the objects are next asked for, whoever changed it; who changes it in this process also
//! tells everybody who watches the directory ([`publish`]), so that nothing polls.

mod elsewhere;
mod files;
mod info;
mod record;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::watch;

use self::files::Stamp;
pub use self::info::{Info, Read};
pub use self::record::Recording;
use super::{Error, Event, Kind, Listing, Objects, Wanted, events};
use crate::live::LiveObject;
use crate::manifest::{Masking, ObjectRef};
use crate::task::Known;

/// A handle on a snapshot directory. Cheap to clone; clones share their state.
#[derive(Clone)]
pub struct Snapshot {
    dir: Arc<PathBuf>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    info: Arc<Info>,
    objects: BTreeMap<ObjectRef, Held>,
    /// Which objects are in which file.
    files: BTreeMap<PathBuf, BTreeSet<ObjectRef>>,
    stamps: BTreeMap<PathBuf, Stamp>,
    /// Files to be written: an object in them has changed.
    changed: BTreeSet<PathBuf>,
}

struct Held {
    value: Value,
    /// Relative to the directory.
    file: PathBuf,
}

impl State {
    /// The last of two copies counts, whatever file it is in.
    fn hold(&mut self, id: ObjectRef, value: Value, file: PathBuf) {
        self.drop_object(&id);
        let there = self.files.entry(file.clone()).or_default();
        there.insert(id.clone());
        self.objects.insert(id, Held { value, file });
    }

    /// The file it was in.
    fn drop_object(&mut self, id: &ObjectRef) -> Option<PathBuf> {
        let held = self.objects.remove(id)?;
        if let Some(there) = self.files.get_mut(&held.file) {
            there.remove(id);
        }
        Some(held.file)
    }

    fn drop_file(&mut self, file: &Path) {
        for id in self.files.remove(file).unwrap_or_default() {
            self.objects.remove(&id);
        }
    }

    fn has_objects(&self, file: &Path) -> bool {
        self.files.get(file).is_some_and(|there| !there.is_empty())
    }
}

/// The channels of the directories that are watched in this process.
static CHANNELS: LazyLock<Mutex<HashMap<PathBuf, watch::Sender<u64>>>> =
    LazyLock::new(Mutex::default);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells everybody in this process who watches the snapshot in `dir` that it has changed.
pub fn publish(dir: &Path) {
    let dir = canonical(dir);
    if let Some(channel) = lock(&CHANNELS).get(&dir) {
        channel.send_modify(|changes| *changes += 1);
    }
}

fn canonical(dir: &Path) -> PathBuf {
    dir.canonicalize().unwrap_or_else(|_| dir.to_owned())
}

impl Snapshot {
    /// Opens the snapshot in `dir`. A file that cannot be read is an error: what it holds would else seem to be missing.
    pub fn load(dir: &Path) -> Result<Snapshot, Error> {
        if !dir.is_dir() {
            return Err(Error::NoSnapshot {
                dir: dir.to_owned(),
            });
        }
        let snapshot = Snapshot {
            dir: Arc::new(canonical(dir)),
            state: Arc::default(),
        };
        snapshot.refresh(&mut lock(&snapshot.state))?;
        if snapshot.info().unfinished {
            return Err(Error::Unfinished {
                dir: dir.to_owned(),
            });
        }
        Ok(snapshot)
    }

    /// An empty one in `dir`, which has to be empty too, or not to be there.
    pub fn create(dir: &Path, info: Info) -> Result<Snapshot, Error> {
        files::create(dir, &info)?;
        let snapshot = Snapshot {
            dir: Arc::new(canonical(dir)),
            state: Arc::default(),
        };
        snapshot.refresh(&mut lock(&snapshot.state))?;
        Ok(snapshot)
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn info(&self) -> Arc<Info> {
        Arc::clone(&lock(&self.state).info)
    }

    /// Every object, in the order of their identities.
    pub fn objects(&self) -> Result<Vec<Value>, Error> {
        let mut state = lock(&self.state);
        self.refresh(&mut state)?;
        Ok(state
            .objects
            .values()
            .map(|held| held.value.clone())
            .collect())
    }

    pub fn get(&self, id: &ObjectRef) -> Result<Option<Value>, Error> {
        let mut state = lock(&self.state);
        self.refresh(&mut state)?;
        Ok(state.objects.get(id).map(|held| held.value.clone()))
    }

    /// Adds or replaces an object; on disk with the next [`Snapshot::save`]. Without a kind and a name it is none.
    pub fn upsert(&self, object: Value) -> Result<ObjectRef, Error> {
        let id = files::identity(&object).ok_or(Error::NoObject)?;
        let mut state = lock(&self.state);
        let file = match state.objects.get(&id) {
            Some(held) => held.file.clone(),
            None => files::new_path(&id, |path| state.has_objects(path)),
        };
        state.changed.insert(file.clone());
        state.hold(id.clone(), object, file);
        Ok(id)
    }

    /// Removes an object; on disk with the next [`Snapshot::save`]. Whether it was there.
    pub fn remove(&self, id: &ObjectRef) -> bool {
        let mut state = lock(&self.state);
        let Some(file) = state.drop_object(id) else {
            return false;
        };
        state.changed.insert(file);
        true
    }

    /// Writes what has changed, each file at once, and tells who watches.
    pub fn save(&self) -> Result<(), Error> {
        let mut state = lock(&self.state);
        while let Some(file) = state.changed.first().cloned() {
            let there = state.files.get(&file).into_iter().flatten();
            let held = there.filter_map(|id| state.objects.get(id));
            let objects: Vec<&Value> = held.map(|held| &held.value).collect();
            match files::write(&self.dir, &file, &objects)? {
                Some(stamp) => state.stamps.insert(file.clone(), stamp),
                None => state.stamps.remove(&file),
            };
            state.changed.remove(&file);
        }
        drop(state);
        self.publish();
        Ok(())
    }

    /// Tells who watches.
    pub fn publish(&self) {
        publish(&self.dir);
    }

    /// Changes whenever something in this process has published a change of the directory.
    pub fn changes(&self) -> watch::Receiver<u64> {
        lock(&CHANNELS)
            .entry(self.dir.to_path_buf())
            .or_insert_with(|| watch::Sender::new(0))
            .subscribe()
    }

    /// Reads again what has changed on disk, but for what is about to be written.
    fn refresh(&self, state: &mut State) -> Result<(), Error> {
        let found = files::scan(&self.dir)?;
        let gone: Vec<PathBuf> = state
            .stamps
            .keys()
            .filter(|file| !found.contains_key(*file))
            .cloned()
            .collect();
        for file in gone {
            state.stamps.remove(&file);
            if !state.changed.contains(&file) {
                state.drop_file(&file);
            }
        }
        for (file, stamp) in found {
            if state.stamps.get(&file) == Some(&stamp) || state.changed.contains(&file) {
                continue;
            }
            if files::is_info(&file) {
                state.info = Arc::new(files::read_info(&self.dir, &file)?);
            } else {
                let objects = files::read(&self.dir, &file)?;
                state.drop_file(&file);
                for (id, value) in objects {
                    state.hold(id, value, file.clone());
                }
            }
            state.stamps.insert(file, stamp);
        }
        Ok(())
    }

    /// The masked objects of the wanted kinds, and what they own.
    pub(super) fn list(&self, wanted: &Wanted, masking: &Masking) -> Listing {
        let values = match self.objects() {
            Ok(values) => values,
            Err(error) => return Listing::unavailable(wanted, &error.why()),
        };
        let info = self.info();
        let marks = info.marks(masking);
        let mut live: HashMap<(String, String), Vec<Arc<LiveObject>>> = HashMap::new();
        let values = values.into_iter();
        for object in values.filter_map(|value| LiveObject::from_saved(value, masking, marks)) {
            let kind = (object.id.group.clone(), object.id.kind.clone());
            live.entry(kind).or_default().push(Arc::new(object));
        }
        let kinds = wanted.with_owned().into_iter().map(|kind| {
            let (group, name, _) = &kind;
            let of_kind = live.get(&(group.clone(), name.clone()));
            let here: Vec<Arc<LiveObject>> = of_kind
                .into_iter()
                .flatten()
                .filter(|object| is_of(object, &kind, info.namespace.as_deref()))
                .cloned()
                .collect();
            let known = info.known(&kind, here).map(Objects::from_iter);
            (kind, known)
        });
        let orders = wanted.elsewhere.iter().filter_map(|(id, destination)| {
            let mut all = info.elsewhere.iter();
            let kept = all.find(|kept| kept.is(id))?;
            let order = kept.order(destination, info.taken, masking, marks);
            Some((id.clone(), order))
        });
        Listing {
            kinds: kinds.collect(),
            referred: Vec::new(),
            lists: Arc::new(info.lists.clone()),
            read: info.taken,
            skew: info.skew,
            elsewhere: orders.collect(),
        }
    }

    /// Events about `objects`, newest first.
    pub(super) fn events(&self, objects: &[ObjectRef]) -> Known<Vec<Event>> {
        let all = match self.objects() {
            Ok(all) => all,
            Err(error) => return Known::Unavailable(error.why()),
        };
        let is_event = |value: &&Value| value.get("kind").and_then(Value::as_str) == Some("Event");
        let all = all.iter().filter(is_event).filter_map(events::parse);
        let found = events::about(objects, all);
        let info = self.info();
        let namespaces = objects.iter().map(events::namespace);
        let unknown = BTreeSet::from_iter(namespaces)
            .into_iter()
            .find_map(|place| info.unavailable(&record::of_events(place), found.is_empty()));
        match unknown {
            Some(why) => Known::Unavailable(why),
            None => Known::fresh_or_stale(found, info.taken),
        }
    }

    /// One object, masked.
    pub(super) fn find(&self, id: &ObjectRef, masking: &Masking) -> Known<Option<LiveObject>> {
        let value = match self.get(id) {
            Ok(value) => value,
            Err(error) => return Known::Unavailable(error.why()),
        };
        let info = self.info();
        let kind = (id.group.clone(), id.kind.clone(), id.namespace.clone());
        let found =
            value.and_then(|value| LiveObject::from_saved(value, masking, info.marks(masking)));
        info.known(&kind, found.into_iter().collect())
            .map(|found| found.into_iter().next())
    }
}

/// Whether a listing of `kind` would hold `object`: cluster-scoped objects are in every listing of their kind, and what was
/// asked for without a namespace is in the `default` one.
fn is_of(object: &LiveObject, (group, kind, namespace): &Kind, default: Option<&str>) -> bool {
    let id = &object.id;
    let asked = namespace.as_deref().or(default);
    let found = id.namespace.as_deref();
    id.group == *group && id.kind == *kind && (found.is_none() || found == asked)
}

#[cfg(test)]
mod tests;
