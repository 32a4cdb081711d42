//! What was read of a cluster, found by name. A question is about as many objects as git has: none of them is looked for among
//! all others.

use std::cmp::Ordering;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{Kind, Wanted};
use crate::live::LiveObject;
use crate::manifest::{ListKeys, ObjectRef};
use crate::task::{Known, Why};

/// The objects of a kind in a namespace, by name. Whoever watches them has the same ones.
#[derive(Debug, Clone, Default)]
pub struct Objects(Vec<Arc<LiveObject>>);

impl Objects {
    pub fn iter(&self) -> impl Iterator<Item = &LiveObject> {
        self.into_iter()
    }

    /// The object of this name, in this namespace where both say theirs.
    fn find(&self, id: &ObjectRef) -> Option<&LiveObject> {
        let named = between(&self.0, |live| live.id.name.cmp(&id.name));
        let mut named = named.iter().map(|live| &**live);
        named.find(|live| {
            let namespace = &live.id.namespace;
            *namespace == id.namespace || namespace.is_none() || id.namespace.is_none()
        })
    }
}

impl FromIterator<Arc<LiveObject>> for Objects {
    fn from_iter<I: IntoIterator<Item = Arc<LiveObject>>>(objects: I) -> Objects {
        let mut objects: Vec<Arc<LiveObject>> = objects.into_iter().collect();
        objects.sort_by(|a, b| a.id.name.cmp(&b.id.name));
        Objects(objects)
    }
}

impl<'a> IntoIterator for &'a Objects {
    type Item = &'a LiveObject;
    type IntoIter = std::iter::Map<
        std::slice::Iter<'a, Arc<LiveObject>>,
        fn(&'a Arc<LiveObject>) -> Self::Item,
    >;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|live| live)
    }
}

/// What was read: the objects by kind and namespace, each with its own state, so that a 403 on one hides no other.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// (group, kind, namespace) → the objects, or why they are not known. In order.
    pub kinds: Vec<(Kind, Known<Objects>)>,
    /// How their lists are to be compared.
    pub lists: Arc<ListKeys>,
    /// Single objects that tell more of deployers.
    pub referred: Vec<(ObjectRef, Known<Option<LiveObject>>)>,
    pub read: Option<Timestamp>,
    /// How far the cluster's clock is ahead of ours, where it is another one.
    pub skew: Option<SignedDuration>,
    /// What was looked for in other clusters: orders to deployers that run there.
    pub elsewhere: Vec<(ObjectRef, Known<Order>)>,
}

/// What tells a deployer in another cluster what to deploy to this one.
#[derive(Debug, Clone)]
pub struct Order {
    pub live: LiveObject,
    /// The deployer's own settings.
    pub settings: Known<Option<LiveObject>>,
}

impl Listing {
    /// Nothing is known, for the same reason.
    pub(super) fn unavailable(wanted: &Wanted, why: &Why) -> Listing {
        let kinds = wanted
            .with_owned()
            .into_iter()
            .map(|kind| (kind, Known::Unavailable(why.clone())));
        Listing {
            kinds: kinds.collect(),
            ..Listing::default()
        }
    }

    /// Adds what `other` has read of the same cluster, where it is not known yet.
    pub fn extend(&mut self, other: &Listing) {
        for (kind, found) in &other.kinds {
            match self.kinds.binary_search_by(|(known, _)| known.cmp(kind)) {
                Ok(at) if self.kinds[at].1.value().is_none() => self.kinds[at].1 = found.clone(),
                Ok(_) => {}
                Err(at) => self.kinds.insert(at, (kind.clone(), found.clone())),
            }
        }
        for (id, found) in &other.referred {
            if !self.referred.iter().any(|(known, _)| known == id) {
                self.referred.push((id.clone(), found.clone()));
            }
        }
        for (id, found) in &other.elsewhere {
            if !self.elsewhere.iter().any(|(known, _)| known == id) {
                self.elsewhere.push((id.clone(), found.clone()));
            }
        }
        Arc::make_mut(&mut self.lists).extend(&other.lists);
        self.read = self.read.into_iter().chain(other.read).min();
        self.skew = self.skew.or(other.skew);
    }

    /// The live object `id`: not known, known to be absent (`Fresh(None)`), or there.
    pub fn get(&self, id: &ObjectRef) -> Known<Option<&LiveObject>> {
        let mut referred = self.referred.iter();
        // Of what was read of a kind as a whole, nothing is left out.
        if let Some((_, known)) = referred.find(|(read, _)| read == id && !self.lists_kind(id)) {
            return known.as_ref().map(Option::as_ref);
        }
        let mut answer = Known::Unavailable(Why::Failed(format!("{} was not asked for", id.kind)));
        for ((.., namespace), known) in self.asked(id) {
            let found = known.as_ref().map(|objects| objects.find(id));
            let exact = *namespace == id.namespace;
            if exact || matches!(found.value(), Some(Some(_))) {
                return found;
            }
            answer = found;
        }
        answer
    }

    /// An order to a deployer, here or in another cluster.
    pub fn order(&self, id: &ObjectRef) -> Known<Option<&LiveObject>> {
        let mut elsewhere = self.elsewhere.iter();
        match elsewhere.find(|(known, _)| known == id) {
            Some((_, found)) => found.as_ref().map(|order| Some(&order.live)),
            None => self.get(id),
        }
    }

    /// Where `id` may be: what was read of its kind in its namespace, and in none; of one without a namespace, in any.
    fn asked(&self, id: &ObjectRef) -> impl Iterator<Item = &(Kind, Known<Objects>)> {
        let compared = |(group, kind, _): &Kind| (group, kind).cmp(&(&id.group, &id.kind));
        let all = between(&self.kinds, |(kind, _)| compared(kind));
        let at = |namespace| between(all, |((.., asked), _)| asked.cmp(namespace));
        let (anywhere, there) = match &id.namespace {
            None => (all, &[][..]),
            namespace => (at(&None), at(namespace)),
        };
        anywhere.iter().chain(there)
    }

    /// Whether everything of this kind and namespace was asked for.
    pub fn lists_kind(&self, id: &ObjectRef) -> bool {
        let mut asked = self.asked(id);
        asked.any(|((.., namespace), _)| namespace.is_none() || *namespace == id.namespace)
    }

    /// Every object that is known.
    pub fn objects(&self) -> impl Iterator<Item = &LiveObject> {
        self.kinds
            .iter()
            .filter_map(|(_, objects)| objects.value())
            .flatten()
    }
}

/// What compares as equal, in a slice that is in that order.
fn between<T>(all: &[T], compared: impl Fn(&T) -> Ordering) -> &[T] {
    let begin = all.partition_point(|one| compared(one).is_lt());
    let end = all.partition_point(|one| compared(one).is_le());
    all.get(begin..end).unwrap_or_default()
}
