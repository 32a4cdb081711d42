//! A directory of YAML that stands for a cluster: as `gitopsy snapshot` writes it, as `kubectl get -o yaml` prints it (any
//! file names, several documents a file, `kind: List`), or as the demo keeps it.
//!
//! Objects are raw JSON here, as on disk; they are masked when they are read into a [`LiveObject`]. A file that changed
//! on disk is read again when the objects are next asked for, whoever changed it; who changes it in this process also
//! tells everybody who watches the directory ([`publish`]), so that nothing polls.

mod files;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

use self::files::Stamp;
use super::{Error, Event, Identity, Kind, Listing, Objects, Wanted, events};
use crate::live::LiveObject;
use crate::manifest::{FieldPath, Masking, Node, ObjectRef, Step};
use crate::task::{Known, Why};

/// What is known about a snapshot as a whole: `snapshot.yaml` in its directory. Optional, like everything in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Info {
    /// When it was taken; without it, the snapshot stands for the present.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken: Option<Timestamp>,
    /// Where it was taken from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// There was nothing but what is in it. Without it, a kind of which a namespace has no object is not known to be absent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub complete: bool,
    /// What was read, where it is not complete.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub read: Vec<Read>,
}

/// A kind in a namespace that was read, or why it could not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Read {
    #[serde(default)]
    pub group: String,
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<String>,
}

/// A handle on a snapshot directory. Cheap to clone; clones share their state.
#[derive(Clone)]
pub struct Snapshot {
    dir: Arc<PathBuf>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    info: Info,
    objects: BTreeMap<ObjectRef, Held>,
    stamps: BTreeMap<PathBuf, Stamp>,
    /// Files to be written: an object in them has changed.
    changed: BTreeSet<PathBuf>,
}

struct Held {
    value: Value,
    /// Relative to the directory.
    file: PathBuf,
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
        Ok(snapshot)
    }

    /// An empty one in `dir`, which has to be empty too, or not to be there.
    pub fn create(dir: &Path, info: Info) -> Result<Snapshot, Error> {
        files::create(dir, &info)?;
        Snapshot::load(dir)
    }

    /// Writes what was read of a cluster to `dir`, masked. What could not be read is noted with its reason.
    pub fn record(dir: &Path, from: &Identity, listing: &Listing) -> Result<Snapshot, Error> {
        let read = listing
            .kinds
            .iter()
            .map(|((group, kind, namespace), objects)| Read {
                group: group.clone(),
                kind: kind.clone(),
                namespace: namespace.clone(),
                unavailable: match objects {
                    Known::Fresh(_) | Known::Stale(..) => None,
                    Known::Loading => Some("not read".to_owned()),
                    Known::Unavailable(why) => Some(why.to_string()),
                },
            });
        let info = Info {
            taken: listing.read,
            context: from.context.clone(),
            server: Some(from.server.clone()),
            complete: false,
            read: read.collect(),
        };
        let snapshot = Snapshot::create(dir, info)?;
        for object in listing.objects() {
            snapshot.upsert(object.to_json())?;
        }
        snapshot.save()?;
        Ok(snapshot)
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn info(&self) -> Info {
        lock(&self.state).info.clone()
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
            None => files::new_path(&id, |path| {
                state.objects.values().any(|held| held.file == path)
            }),
        };
        state.changed.insert(file.clone());
        state.objects.insert(
            id.clone(),
            Held {
                value: object,
                file,
            },
        );
        Ok(id)
    }

    /// Removes an object; on disk with the next [`Snapshot::save`]. Whether it was there.
    pub fn remove(&self, id: &ObjectRef) -> bool {
        let mut state = lock(&self.state);
        let Some(held) = state.objects.remove(id) else {
            return false;
        };
        state.changed.insert(held.file);
        true
    }

    /// Writes what has changed, each file at once, and tells who watches.
    pub fn save(&self) -> Result<(), Error> {
        let mut state = lock(&self.state);
        while let Some(file) = state.changed.first().cloned() {
            let objects: Vec<&Value> = state
                .objects
                .values()
                .filter(|held| held.file == file)
                .map(|held| &held.value)
                .collect();
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
            state
                .objects
                .retain(|_, held| held.file != file || state.changed.contains(&file));
        }
        for (file, stamp) in found {
            if state.stamps.get(&file) == Some(&stamp) || state.changed.contains(&file) {
                continue;
            }
            if files::is_info(&file) {
                state.info = files::read_info(&self.dir, &file)?;
            } else {
                let objects = files::read(&self.dir, &file)?;
                state.objects.retain(|_, held| held.file != file);
                for (id, value) in objects {
                    state.objects.insert(
                        id,
                        Held {
                            value,
                            file: file.clone(),
                        },
                    );
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
        let mut live: HashMap<(String, String), Vec<Arc<LiveObject>>> = HashMap::new();
        for object in values.into_iter().filter_map(|value| read(value, masking)) {
            let id = &object.id;
            let kind = (id.group.clone(), id.kind.clone());
            live.entry(kind).or_default().push(Arc::new(object));
        }
        let kinds = wanted.with_owned().into_iter().map(|kind| {
            let (group, name, namespace) = &kind;
            let of_kind = live.get(&(group.clone(), name.clone()));
            // Cluster-scoped objects are in every listing of their kind.
            let is_here = |object: &&Arc<LiveObject>| {
                let place = &object.id.namespace;
                place.is_none() || place == namespace
            };
            let here: Vec<Arc<LiveObject>> = of_kind
                .into_iter()
                .flatten()
                .filter(is_here)
                .cloned()
                .collect();
            let known = known(&info, &kind, here).map(Objects::from_iter);
            (kind, known)
        });
        Listing {
            kinds: kinds.collect(),
            lists: Arc::default(),
            read: info.taken,
        }
    }

    /// Events about `objects`, newest first.
    pub(super) fn events(&self, objects: &[ObjectRef]) -> Known<Vec<Event>> {
        match self.objects() {
            Ok(all) => {
                let is_event =
                    |value: &&Value| value.get("kind").and_then(Value::as_str) == Some("Event");
                Known::Fresh(events::about(
                    objects,
                    all.iter().filter(is_event).filter_map(events::parse),
                ))
            }
            Err(error) => Known::Unavailable(error.why()),
        }
    }

    /// One object, masked.
    pub(super) fn find(&self, id: &ObjectRef, masking: &Masking) -> Known<Option<LiveObject>> {
        let value = match self.get(id) {
            Ok(value) => value,
            Err(error) => return Known::Unavailable(error.why()),
        };
        let kind = (id.group.clone(), id.kind.clone(), id.namespace.clone());
        let found = value.and_then(|value| read(value, masking));
        known(&self.info(), &kind, found.into_iter().collect())
            .map(|found| found.into_iter().next())
    }
}

/// An object of a snapshot, masked again; the values that had been masked when it was taken are noted.
fn read(value: Value, masking: &Masking) -> Option<LiveObject> {
    let mut places = Vec::new();
    find_masked(&value, &mut Vec::new(), &mut places);
    let mut live = LiveObject::from_json(value, masking)?;
    let object = live.object();
    for place in places {
        if let Some(Node::Leaf(leaf)) = object.root.field(&place)
            && !live.hidden.contains(leaf)
        {
            live.hidden.push(leaf.clone());
        }
    }
    Some(live)
}

/// Where [`LiveObject::to_json`] wrote something for a masked value.
fn find_masked(value: &Value, path: &mut Vec<Step>, found: &mut Vec<FieldPath>) {
    let mut below = |step: Step, value: &Value| {
        path.push(step);
        find_masked(value, path, found);
        path.pop();
    };
    match value {
        Value::Object(map) => map
            .iter()
            .for_each(|(key, value)| below(Step::Key(key.clone()), value)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, value)| below(Step::Index(index), value)),
        Value::String(text) if text.starts_with("(masked #") => found.push(FieldPath(path.clone())),
        _ => {}
    }
}

/// What the snapshot knows of `kind`, of which it has `objects`.
fn known<T>(info: &Info, kind: &Kind, objects: Vec<T>) -> Known<Vec<T>> {
    let (group, name, namespace) = kind;
    let read = info
        .read
        .iter()
        .find(|read| read.group == *group && read.kind == *name && read.namespace == *namespace);
    match read {
        Some(Read {
            unavailable: Some(why),
            ..
        }) => {
            return Known::Unavailable(Why::Failed(format!("when the snapshot was taken: {why}")));
        }
        None if objects.is_empty() && !info.complete => {
            let place = namespace
                .as_deref()
                .map(|name| format!(" in {name}"))
                .unwrap_or_default();
            return Known::Unavailable(Why::Failed(format!("the snapshot has no {name}{place}")));
        }
        _ => {}
    }
    match info.taken {
        Some(taken) => Known::Stale(objects, taken),
        None => Known::Fresh(objects),
    }
}

#[cfg(test)]
mod tests;
