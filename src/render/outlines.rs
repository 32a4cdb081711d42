//! What blobs declare, remembered for a whole history and, where there is a cache, from one run to the next: a resource's
//! log asks it of every version of every file that ever changed.
//!
//! On disk they are in chunks that are filled one after the other. What is lost is read again.

use std::collections::{HashMap, HashSet};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::Outline;
use super::memo::Memo;
use crate::cache::{self, Cache};
use crate::git::Oid;
use crate::manifest::ObjectRef;

/// Raised when the bytes, or what they say of a blob, change.
const FORMAT: u32 = 3;
/// Outlines in a chunk.
const CHUNK: usize = 8192;
/// Chunks read at most: more is not one repository's.
const MOST_CHUNKS: usize = 256;
/// Fewer new ones than this are not worth writing.
const FEW: usize = 64;
/// Of all that is remembered.
const BUDGET: usize = 64 << 20;

pub(super) struct Outlines {
    known: Memo<Oid, Arc<Outline>>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// Versions of a file mostly declare the same.
    names: HashSet<Arc<[ObjectRef]>>,
    place: Option<Place>,
    /// The chunk that is being filled, and its number.
    filling: Vec<(Oid, Arc<Outline>)>,
    number: usize,
    /// How many of those are not on disk.
    new: usize,
}

/// Where outlines are kept.
struct Place {
    cache: Arc<Cache>,
    /// Stands for the repository, and for how secrets are masked.
    name: String,
    is_read: bool,
}

#[derive(Serialize, Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    names: Vec<Vec<Name<'a>>>,
    #[serde(borrow)]
    outlines: Vec<KeptOutline<'a>>,
}

/// Group, kind, namespace, name.
#[derive(Serialize, Deserialize)]
struct Name<'a>(&'a str, &'a str, Option<&'a str>, &'a str);

#[derive(Serialize, Deserialize)]
struct KeptOutline<'a> {
    blob: &'a [u8],
    names: u32,
    broken: bool,
    is_template: bool,
    plays: bool,
    is_spoilt: bool,
    declares: Option<u64>,
}

impl Default for Outlines {
    fn default() -> Self {
        Outlines {
            known: Memo::new(BUDGET),
            kept: Mutex::default(),
        }
    }
}

impl Outlines {
    /// Keeps them in `cache` from here on.
    pub(super) fn keep_in(&self, cache: Arc<Cache>, name: String) {
        self.lock().place = Some(Place {
            cache,
            name,
            is_read: false,
        });
    }

    pub(super) fn get(&self, blob: &Oid) -> Option<Arc<Outline>> {
        self.known.get(blob).or_else(|| {
            self.lock().read(&self.known);
            self.known.get(blob)
        })
    }

    pub(super) fn insert(&self, blob: Oid, mut outline: Outline) -> Arc<Outline> {
        let mut kept = self.lock();
        outline.objects = kept.shared(outline.objects);
        let outline = Arc::new(outline);
        self.known.insert(blob, Arc::clone(&outline), WEIGHT);
        if kept.place.is_some() {
            kept.filling.push((blob, Arc::clone(&outline)));
            kept.new += 1;
            if kept.filling.len() >= CHUNK {
                kept.write();
            }
        }
        outline
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of one outline, its names apart.
const WEIGHT: usize = 128;

impl Drop for Outlines {
    fn drop(&mut self) {
        let mut kept = self.lock();
        if kept.new >= FEW {
            kept.write();
        }
    }
}

impl Kept {
    fn shared(&mut self, objects: Arc<[ObjectRef]>) -> Arc<[ObjectRef]> {
        match self.names.get(&objects) {
            Some(known) => Arc::clone(known),
            None => {
                self.names.insert(Arc::clone(&objects));
                objects
            }
        }
    }

    /// Takes in all that is on disk, once.
    fn read(&mut self, known: &Memo<Oid, Arc<Outline>>) {
        let Some(place) = self.place.as_mut().filter(|place| !place.is_read) else {
            return;
        };
        place.is_read = true;
        let cache = Arc::clone(&place.cache);
        let mut chunk = Vec::new();
        for number in 0..MOST_CHUNKS {
            let Some(bytes) = self.key(number).and_then(|key| cache.get(&key)) else {
                break;
            };
            let Some(outlines) = self.restored(&bytes) else {
                cache::report("what was kept of files is damaged: they are read from git again");
                break;
            };
            for (blob, outline) in &outlines {
                known.insert(*blob, Arc::clone(outline), WEIGHT);
            }
            self.number = number + 1;
            chunk = outlines;
        }
        // One that is not full is filled up.
        if !chunk.is_empty() && chunk.len() < CHUNK {
            self.number -= 1;
            chunk.append(&mut self.filling);
            self.filling = chunk;
        }
    }

    fn write(&mut self) {
        let filled = self.filling.len() >= CHUNK;
        let outlines = match filled {
            true => mem::take(&mut self.filling),
            false => self.filling.clone(),
        };
        self.new = 0;
        if let (Some(key), Some(place)) = (self.key(self.number), &self.place)
            && self.number < MOST_CHUNKS
            && let Ok(bytes) = postcard::to_allocvec(&chunk(&outlines))
        {
            place.cache.put(&key, &cache::sealed(&bytes));
        }
        self.number += usize::from(filled);
    }

    fn key(&self, number: usize) -> Option<cache::Key> {
        let name = &self.place.as_ref()?.name;
        Some(cache::key(&format!("outlines {FORMAT} {name} {number}")))
    }

    fn restored(&mut self, bytes: &[u8]) -> Option<Vec<(Oid, Arc<Outline>)>> {
        let chunk: Chunk = postcard::from_bytes(cache::opened(bytes)?).ok()?;
        let names: Vec<Arc<[ObjectRef]>> = chunk
            .names
            .into_iter()
            .map(|names| {
                let objects =
                    names
                        .into_iter()
                        .map(|Name(group, kind, namespace, name)| ObjectRef {
                            group: group.to_owned(),
                            kind: kind.to_owned(),
                            namespace: namespace.map(str::to_owned),
                            name: name.to_owned(),
                        });
                self.shared(objects.collect())
            })
            .collect();
        let outlines = chunk.outlines.iter().map(|kept| {
            let outline = Outline {
                objects: Arc::clone(names.get(kept.names as usize)?),
                broken: kept.broken,
                is_template: kept.is_template,
                plays: kept.plays,
                is_spoilt: kept.is_spoilt,
                declares: kept.declares,
            };
            Some((Oid::try_from(kept.blob).ok()?, Arc::new(outline)))
        });
        outlines.collect()
    }
}

fn chunk(outlines: &[(Oid, Arc<Outline>)]) -> Chunk<'_> {
    let mut places: HashMap<&[ObjectRef], u32> = HashMap::new();
    let mut names = Vec::new();
    let outlines = outlines
        .iter()
        .map(|(blob, outline)| KeptOutline {
            blob: blob.as_slice(),
            names: *places.entry(&outline.objects).or_insert_with(|| {
                let objects = outline.objects.iter();
                names.push(
                    objects
                        .map(|id| Name(&id.group, &id.kind, id.namespace.as_deref(), &id.name))
                        .collect(),
                );
                names.len() as u32 - 1
            }),
            broken: outline.broken,
            is_template: outline.is_template,
            plays: outline.plays,
            is_spoilt: outline.is_spoilt,
            declares: outline.declares,
        })
        .collect();
    Chunk { names, outlines }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(name: &str, declares: Option<u64>) -> Outline {
        let object = |name: String| ObjectRef {
            group: "apps".to_owned(),
            kind: "Deployment".to_owned(),
            namespace: (declares.is_none()).then(|| "shop".to_owned()),
            name,
        };
        Outline {
            objects: [object(name.to_owned()), object(format!("{name}-2"))].into(),
            broken: declares == Some(1),
            is_template: declares == Some(2),
            plays: declares == Some(3),
            is_spoilt: declares == Some(4),
            declares,
        }
    }

    fn blob(number: usize) -> Oid {
        let mut bytes = [7; 20];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        Oid::try_from(bytes.as_slice()).expect("an id")
    }

    fn opened(directory: &std::path::Path) -> Outlines {
        let outlines = Outlines::default();
        outlines.keep_in(Arc::new(Cache::in_directory(directory)), "here".to_owned());
        outlines
    }

    #[test]
    fn what_is_kept_is_the_same_in_the_next_run() {
        let directory = tempfile::tempdir().expect("directory");
        let all = CHUNK + 3 * FEW;
        // In pieces: the second fills up what the first began, the third is too few to be kept.
        for piece in [0..FEW, FEW..all, all..all + FEW - 1] {
            let outlines = opened(directory.path());
            for number in piece {
                assert_eq!(outlines.get(&blob(number)), None);
                let declares = (number % 5 > 0).then_some(number as u64 % 5);
                outlines.insert(
                    blob(number),
                    outline(&format!("app-{}", number % 9), declares),
                );
            }
        }
        let outlines = opened(directory.path());
        for number in 0..all {
            let declares = (number % 5 > 0).then_some(number as u64 % 5);
            let expected = outline(&format!("app-{}", number % 9), declares);
            assert_eq!(
                outlines.get(&blob(number)).as_deref(),
                Some(&expected),
                "{number}"
            );
        }
        assert_eq!(outlines.get(&blob(all)), None);
        let other = Outlines::default();
        let cache = Arc::new(Cache::in_directory(directory.path()));
        other.keep_in(cache, "elsewhere".to_owned());
        assert_eq!(other.get(&blob(0)), None);
    }
}
