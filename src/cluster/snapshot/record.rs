//! Writing what was read of a cluster, masked, as a snapshot that gives the same answers.
//!
//! While it is written it says that it is not finished, and nothing opens it: what an interruption leaves behind is never
//! taken for a cluster in which things are missing.

use std::path::Path;

use jiff::Timestamp;

use super::elsewhere::Elsewhere;
use super::info::{Info, Read};
use super::{Snapshot, files};
use crate::cluster::{Error, Event, Identity, Kind, Listing, events};
use crate::manifest::Masking;
use crate::task::Known;

/// What there is to write.
pub struct Recording {
    pub from: Identity,
    pub environments: Vec<String>,
    /// When what is oldest in it was read.
    pub taken: Timestamp,
    pub listing: Listing,
    /// Events about what was read, by namespace.
    pub events: Vec<(String, Known<Vec<Event>>)>,
}

impl Snapshot {
    /// Writes it to `dir`, which has to be empty or not to be there. What could not be read is noted with its reason.
    pub fn record(dir: &Path, recording: Recording, masking: &Masking) -> Result<Snapshot, Error> {
        let listing = &recording.listing;
        let kinds = listing.kinds.iter();
        let mut read: Vec<Read> = kinds.map(|(kind, found)| Read::new(kind, found)).collect();
        let events = recording.events.iter();
        read.extend(events.map(|(namespace, found)| Read::new(&of_events(namespace), found)));
        let is_read = |group: &str, kind: &str| {
            let mut kinds = listing.kinds.iter();
            kinds.any(|((g, k, _), _)| g == group && k == kind)
        };
        let elsewhere = listing.elsewhere.iter();
        let elsewhere = elsewhere.map(|(id, found)| Elsewhere::new(id, found));
        let info = Info {
            taken: Some(recording.taken),
            context: recording.from.context.clone(),
            server: Some(recording.from.server.clone()),
            namespace: default_namespace(listing),
            environments: recording.environments.clone(),
            masks: Some(masking.name()),
            unfinished: true,
            complete: false,
            read,
            lists: listing.lists.of_kinds(is_read),
            skew: listing.skew,
            elsewhere: elsewhere.collect(),
        };
        let snapshot = Snapshot::create(dir, info.clone())?;
        let referred = listing.referred.iter();
        let referred = referred.filter_map(|(_, found)| found.value()?.as_ref());
        for object in listing.objects().chain(referred) {
            snapshot.upsert(object.to_saved())?;
        }
        for (namespace, events) in &recording.events {
            for (number, event) in events.value().into_iter().flatten().enumerate() {
                snapshot.upsert(events::format(event, namespace, number))?;
            }
        }
        snapshot.save()?;
        let finished = Info {
            unfinished: false,
            ..info
        };
        files::write_info(&snapshot.dir, &finished)?;
        Snapshot::load(&snapshot.dir)
    }
}

/// The kind under which it is noted whether the events of a namespace could be read.
pub(super) fn of_events(namespace: &str) -> Kind {
    (
        String::new(),
        "Event".to_owned(),
        Some(namespace.to_owned()),
    )
}

/// Where the context reads what has no namespace in git.
fn default_namespace(listing: &Listing) -> Option<String> {
    let mut open = listing.kinds.iter();
    open.find_map(|((.., namespace), found)| {
        let objects = found.value().filter(|_| namespace.is_none())?;
        objects
            .iter()
            .find_map(|object| object.id.namespace.clone())
    })
}

#[cfg(test)]
mod tests;
