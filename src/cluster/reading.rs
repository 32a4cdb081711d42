//! What is read with one list, or one watch: a kind in one namespace; or, where it is wanted in many, in all of them at once, if
//! that is allowed and brings little that nobody wants. Two hundred namespaces are two hundred requests for each kind otherwise,
//! and as many watches.

use std::collections::BTreeMap;

use futures::StreamExt;
use serde_json::Value;

use super::Kind;
use super::connection::Connection;
use super::discovery::Resource;
use super::read::{AT_ONCE, live};
use crate::live::LiveObject;
use crate::manifest::Masking;

/// From so many namespaces on they are read at once: fewer need not wait for each other.
const MANY: usize = AT_ONCE + 1;

/// A request takes about as long as so many objects more in the answer to another one.
const WORTH: usize = 50;

/// What one list brings.
pub(super) struct Reading {
    pub resource: Resource,
    /// A kind in a namespace; or in several, in their order, which are then read with all others there are.
    pub kinds: Vec<Kind>,
    /// Git mentions the kind: what it says is compared, and what it does not say.
    pub is_compared: bool,
}

impl Reading {
    /// Which of the kinds is that of a namespace.
    fn index_of(&self, namespace: Option<&str>) -> Option<usize> {
        match self.kinds.as_slice() {
            [_] => Some(0),
            kinds => kinds
                .binary_search_by(|(.., wanted)| wanted.as_deref().cmp(&namespace))
                .ok(),
        }
    }

    /// An item of the list, masked, and which of the kinds it is of. Nothing is made of what nobody wants.
    pub fn object(&self, mut item: Value, masking: &Masking) -> Option<(usize, LiveObject)> {
        let metadata = item.get_mut("metadata")?.as_object_mut()?;
        let index = self.index_of(metadata.get("namespace").and_then(Value::as_str))?;
        if !self.is_compared {
            metadata.remove("managedFields");
        }
        Some((index, live(item, &self.resource, masking)?))
    }
}

impl Connection {
    /// The namespace a list is read in; `None`: in all.
    pub fn namespace_of<'a>(&'a self, reading: &'a Reading) -> Option<&'a str> {
        match reading.kinds.as_slice() {
            [(.., namespace)] => self.place(namespace.as_deref(), &reading.resource),
            _ => None,
        }
    }

    /// The lists to read `kinds` with.
    pub async fn readings(
        &self,
        kinds: Vec<(Kind, Resource)>,
        is_compared: impl Fn(&Kind) -> bool,
    ) -> Vec<Reading> {
        let mut by_kind: BTreeMap<(String, String), Vec<(Kind, Resource)>> = BTreeMap::new();
        for (kind, resource) in kinds {
            let name = (kind.0.clone(), kind.1.clone());
            by_kind.entry(name).or_default().push((kind, resource));
        }
        let lists = by_kind.into_values().map(|kinds| self.lists_of(kinds));
        let lists = futures::stream::iter(lists).buffered(AT_ONCE);
        let lists: Vec<Vec<(Vec<Kind>, Resource)>> = lists.collect().await;
        let readings = lists.into_iter().flatten();
        readings
            .map(|(kinds, resource)| Reading {
                is_compared: kinds.first().is_some_and(&is_compared),
                resource,
                kinds,
            })
            .collect()
    }

    /// The same for one kind.
    async fn lists_of(&self, mut kinds: Vec<(Kind, Resource)>) -> Vec<(Vec<Kind>, Resource)> {
        // One that leaves its namespace to the context is read there.
        let named = kinds.partition_point(|((.., namespace), _)| namespace.is_none());
        let mut together = None;
        if let Some((_, resource)) = kinds.get(named)
            && self.is_read_at_once(resource, kinds.len() - named).await
        {
            let resource = resource.clone();
            let named = kinds.split_off(named).into_iter();
            together = Some((named.map(|(kind, _)| kind).collect(), resource));
        }
        let alone = kinds.into_iter();
        let alone = alone.map(|(kind, resource)| (vec![kind], resource));
        alone.chain(together).collect()
    }

    /// Whether a kind that is wanted in so many namespaces is read in all that there are: where one may, and there are not so many
    /// objects that nobody wants. Never Secrets: those of others are none of our business.
    async fn is_read_at_once(&self, resource: &Resource, namespaces: usize) -> bool {
        let is_secret = resource.api.group.is_empty() && resource.api.kind == "Secret";
        if !resource.namespaced || namespaces < MANY || is_secret {
            return false;
        }
        let count = self.count(resource).await;
        count.is_ok_and(|count| count.is_some_and(|count| count <= namespaces * WORTH))
    }
}
