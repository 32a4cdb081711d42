//! The logs of resources as far as they were found before.
//!
//! What led to a commit does not change any more. So a log that was walked to its end is kept, in the words it was told in,
//! and the log at a newer tip goes on with it from there: asked again, nothing is left to look for.

use serde::{Deserialize, Serialize};

use super::super::common::ChangedResource;
use super::super::entry::changed_resource;
use super::super::kept::Place;
use super::super::workspace::Past;
use super::Entry;
use crate::git::Oid;
use crate::history::{LogEntry, ResourceKey, meaning};

/// Raised when the bytes, the words, or how commits are found change: what was found wrong would stay wrong.
pub(super) const FORMAT: u32 = 3;

/// Words for one commit.
const MEANINGS: usize = 6;

/// The log of one resource on disk.
pub(super) struct Kept {
    place: Place,
    log: Option<Log>,
}

#[derive(Serialize, Deserialize)]
struct Log {
    /// The tip it was asked at.
    tip: Vec<u8>,
    said: Vec<Said>,
}

/// What a commit did to the resource.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Said {
    commit: Vec<u8>,
    meaning: Vec<String>,
    environments: Vec<String>,
    resources: Vec<ChangedResource>,
}

impl Kept {
    /// `None` where there is no cache.
    pub(super) fn open(past: &Past, resource: &ResourceKey) -> Option<Kept> {
        let place = Place::of(past, &format!("log {FORMAT} {resource:?}"))?;
        let log = place.read();
        Some(Kept { place, log })
    }

    /// The tip that the log is known from.
    pub(super) fn tip(&self) -> Option<Oid> {
        let log = self.log.as_ref()?;
        Oid::try_from(log.tip.as_slice()).ok()
    }

    /// The log from there on, newest first.
    pub(super) fn said(&self) -> &[Said] {
        self.log.as_ref().map_or(&[], |log| &log.said)
    }

    /// Keeps the whole log at `tip` for the next time.
    pub(super) fn save(&self, tip: Oid, said: Vec<Said>) {
        let tip = tip.as_bytes().to_vec();
        self.place.write(&Log { tip, said });
    }
}

impl Said {
    pub(super) fn of(found: &LogEntry) -> Said {
        let mut meaning = meaning(&found.changes, 1, MEANINGS);
        if meaning.is_empty() && found.routine() {
            meaning.push("routine".to_owned());
        }
        let unreadable = found.unreadable.iter();
        meaning.extend(unreadable.map(|side| format!("not readable: {}", side.why)));
        let environments = found
            .changes
            .iter()
            .map(|change| change.environment.clone());
        let mut environments: Vec<String> = environments.collect();
        environments.dedup();
        Said {
            commit: found.commit.as_bytes().to_vec(),
            meaning,
            environments,
            resources: found.changes.iter().map(changed_resource).collect(),
        }
    }

    pub(super) fn commit(&self) -> Option<Oid> {
        Oid::try_from(self.commit.as_slice()).ok()
    }

    /// Says it of the commit.
    pub(super) fn describe(&self, entry: &mut Entry) {
        entry.meaning.clone_from(&self.meaning);
        entry.environments.clone_from(&self.environments);
        entry.resources.clone_from(&self.resources);
        entry.analysed = true;
    }
}
