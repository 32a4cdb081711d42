//! Answers on disk for the next run, under all that decides them beside what is asked and which commits there are.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::workspace::Past;
use crate::cache::{self, Cache, Key};

/// The place of one answer.
pub(super) struct Place {
    cache: Arc<Cache>,
    key: Key,
}

impl Place {
    /// `what`: the question, and the number of its format. `None` where there is no cache.
    pub fn of(past: &Past, what: &str) -> Option<Place> {
        let inner = &past.ws.inner;
        let cache = Arc::clone(inner.renderer.cache()?);
        let key = cache::key(&format!(
            "{what} {} {} {} {}",
            env!("CARGO_PKG_VERSION"),
            inner.repo.fingerprint(),
            inner.renderer.fingerprint(),
            past.line.layouts.fingerprint(),
        ));
        Some(Place { cache, key })
    }

    /// `None` where nothing is kept, or what is kept is damaged.
    pub fn read<T: DeserializeOwned>(&self) -> Option<T> {
        let bytes = self.cache.get(&self.key)?;
        postcard::from_bytes(cache::opened(&bytes)?).ok()
    }

    /// Replaces what is kept. Where that cannot be, nothing is lost but time.
    pub fn write<T: Serialize>(&self, answer: &T) {
        if let Ok(bytes) = postcard::to_allocvec(answer) {
            self.cache.put(&self.key, &cache::sealed(&bytes));
        }
    }
}
