//! The logs of many resources at once: each row is compared as a whole, and what it changed is told to the logs it belongs to.
//!
//! To follow one resource is quicker than this for one, and slower for a handful: most of the work is to tell what a commit
//! changed at all.

use std::collections::{BTreeMap, HashMap};

use super::changes::{NotRendered, ResourceChange, Scope, Sources};
use super::compare::Comparison;
use super::index::Rows;
use super::resource::LogEntry;
use crate::manifest::ObjectRef;
use crate::task::Cancel;

/// Resources on their way back in time, by their places in a list.
pub struct Tracks {
    /// By what they are called after the row that is looked at next: environment and object.
    places: HashMap<(String, ObjectRef), Vec<usize>>,
}

impl Tracks {
    /// `keys`: as the resources are called after the first row that will be looked at, whatever app they are in.
    pub fn new<'k>(keys: impl IntoIterator<Item = (&'k str, &'k ObjectRef)>) -> Tracks {
        let mut places: HashMap<_, Vec<usize>> = HashMap::new();
        for (at, (environment, object)) in keys.into_iter().enumerate() {
            let key = (environment.to_owned(), object.clone());
            places.entry(key).or_default().push(at);
        }
        Tracks { places }
    }

    /// What each resource is called now.
    pub fn names(&self) -> impl Iterator<Item = (usize, &ObjectRef)> {
        let places = self.places.iter();
        places.flat_map(|((_, object), all)| all.iter().map(move |at| (*at, object)))
    }

    /// What the row at `at` did, as [`super::resource_log`] would say it, with the places of those it belongs to. Rows are looked
    /// at one after the other, newest first. Blocks while tools run.
    pub fn step(
        &mut self,
        sources: Sources<'_>,
        rows: &Rows,
        at: usize,
        cancel: &Cancel,
    ) -> super::Result<Vec<(Vec<usize>, LogEntry)>> {
        let Some(row) = rows.get(at).filter(|row| !row.changes.is_empty()) else {
            return Ok(Vec::new());
        };
        let comparison = Comparison {
            sources,
            before: rows.tree_before(sources.reader, at)?,
            after: row.tree,
            paths: &row.changes,
            scope: &Scope::default(),
            only: None,
            cancel,
        };
        let changes = comparison.run()?;
        let mut touched: BTreeMap<_, (Vec<&ResourceChange>, Vec<&NotRendered>)> = BTreeMap::new();
        for change in &changes.resources {
            let before = change.object_before().map(|before| &before.id);
            let before = before.filter(|before| **before != change.object);
            for object in [Some(&change.object), before].into_iter().flatten() {
                let place = (change.environment.clone(), object.clone());
                touched.entry(place).or_default().0.push(change);
            }
        }
        for failed in &changes.not_rendered {
            for object in &failed.objects {
                let place = (failed.environment.clone(), object.clone());
                touched.entry(place).or_default().1.push(failed);
            }
        }
        let mut entries = Vec::new();
        let mut moved = Vec::new();
        for (place, (changes, failed)) in touched {
            let Some(all) = self.places.get(&place) else {
                continue;
            };
            let object = &place.1;
            let changes = changes.into_iter();
            let mut here = changes.clone().filter(|change| change.object == *object);
            let before = here.rfind(|change| change.before.is_some());
            let before = before.and_then(|change| Some(&change.object_before()?.id));
            if let Some(before) = before.filter(|before| *before != object) {
                moved.push((place.clone(), (place.0.clone(), before.clone())));
            }
            let (changes, failed) = (changes.cloned(), failed.into_iter().cloned());
            let entry = LogEntry::of((at, row), object, changes, failed);
            entries.extend(entry.map(|entry| (all.clone(), entry)));
        }
        let moved: Vec<_> = moved
            .into_iter()
            .map(|(place, to)| (to, self.places.remove(&place).unwrap_or_default()))
            .collect();
        for (to, all) in moved {
            self.places.entry(to).or_default().extend(all);
        }
        Ok(entries)
    }
}
