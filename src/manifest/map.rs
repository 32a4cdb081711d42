//! A map of an object: its entries in a vector, in the order of their keys.
//!
//! Most maps of a manifest have a few entries, and a screen may be about a million of them: a `BTreeMap` takes the room of
//! eleven entries for each.

use std::fmt;

use serde::{Serialize, Serializer};

use super::object::Node;

/// Values by key, each key once.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Map(Vec<(String, Node)>);

/// As `BTreeMap`'s.
pub type Iter<'a> = std::iter::Map<
    std::slice::Iter<'a, (String, Node)>,
    fn(&'a (String, Node)) -> (&'a String, &'a Node),
>;

impl Map {
    pub fn new() -> Map {
        Map::default()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> Iter<'_> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    pub fn keys(&self) -> impl Iterator<Item = &String> {
        self.0.iter().map(|(key, _)| key)
    }

    pub fn values(&self) -> impl Iterator<Item = &Node> {
        self.0.iter().map(|(_, value)| value)
    }

    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Node> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    pub fn contains_key(&self, key: &str) -> bool {
        self.place(key).is_ok()
    }

    pub fn get(&self, key: &str) -> Option<&Node> {
        let place = self.place(key).ok()?;
        self.0.get(place).map(|(_, value)| value)
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        let place = self.place(key).ok()?;
        self.0.get_mut(place).map(|(_, value)| value)
    }

    /// The value of `key`, which becomes `otherwise` where there is none.
    pub fn get_or_insert(&mut self, key: &str, otherwise: Node) -> &mut Node {
        let place = self.place(key).unwrap_or_else(|place| {
            self.0.insert(place, (key.to_owned(), otherwise));
            place
        });
        &mut self.0[place].1
    }

    /// Sets a value; the one that was there.
    pub fn insert(&mut self, key: String, value: Node) -> Option<Node> {
        match self.place(&key) {
            Ok(place) => Some(std::mem::replace(&mut self.0[place].1, value)),
            Err(place) => {
                self.0.insert(place, (key, value));
                None
            }
        }
    }

    pub fn remove(&mut self, key: &str) -> Option<Node> {
        let place = self.place(key).ok()?;
        Some(self.0.remove(place).1)
    }

    /// Where a key is, or would be.
    fn place(&self, key: &str) -> Result<usize, usize> {
        self.0
            .binary_search_by(|(known, _)| known.as_str().cmp(key))
    }
}

/// Of entries with the same key, the last one counts.
impl FromIterator<(String, Node)> for Map {
    fn from_iter<I: IntoIterator<Item = (String, Node)>>(entries: I) -> Map {
        let mut entries: Vec<(String, Node)> = entries.into_iter().collect();
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        entries.dedup_by(|later, kept| {
            let is_same = later.0 == kept.0;
            if is_same {
                std::mem::swap(later, kept);
            }
            is_same
        });
        entries.shrink_to_fit();
        Map(entries)
    }
}

impl<const N: usize> From<[(String, Node); N]> for Map {
    fn from(entries: [(String, Node); N]) -> Map {
        entries.into_iter().collect()
    }
}

impl Extend<(String, Node)> for Map {
    fn extend<I: IntoIterator<Item = (String, Node)>>(&mut self, entries: I) {
        let known = std::mem::take(&mut self.0);
        *self = known.into_iter().chain(entries).collect();
    }
}

impl IntoIterator for Map {
    type Item = (String, Node);
    type IntoIter = std::vec::IntoIter<(String, Node)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Map {
    type Item = (&'a String, &'a Node);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl Serialize for Map {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Leaf;

    fn text(value: &str) -> Node {
        Node::Leaf(Leaf::String(value.to_owned()))
    }

    fn map(entries: &[(&str, &str)]) -> Map {
        let entries = entries.iter();
        entries
            .map(|(key, value)| ((*key).to_owned(), text(value)))
            .collect()
    }

    #[test]
    fn entries_are_in_order_and_the_last_of_a_key_counts() {
        let mut map = map(&[("b", "1"), ("a", "2"), ("b", "3"), ("c", "4"), ("b", "5")]);
        assert_eq!(
            format!("{map:?}"),
            format!("{:?}", self::map(&[("a", "2"), ("b", "5"), ("c", "4")]))
        );
        assert_eq!(map.keys().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(map.get("b"), Some(&text("5")));
        map.extend([("d".to_owned(), text("6")), ("a".to_owned(), text("7"))]);
        assert_eq!(
            map,
            self::map(&[("a", "7"), ("b", "5"), ("c", "4"), ("d", "6")])
        );
        assert_eq!(
            serde_json::to_string(&map).unwrap(),
            r#"{"a":"7","b":"5","c":"4","d":"6"}"#
        );
    }

    #[test]
    fn entries_come_and_go() {
        let mut map = Map::new();
        assert_eq!(map.insert("b".to_owned(), text("1")), None);
        assert_eq!(map.insert("a".to_owned(), text("2")), None);
        assert_eq!(map.insert("b".to_owned(), text("3")), Some(text("1")));
        assert_eq!(map.get_or_insert("b", text("no")), &text("3"));
        *map.get_or_insert("c", text("no")) = text("4");
        assert_eq!(map, self::map(&[("a", "2"), ("b", "3"), ("c", "4")]));
        assert_eq!(map.remove("a"), Some(text("2")));
        assert_eq!((map.remove("a"), map.len()), (None, 2));
        assert!(!map.contains_key("a") && map.get_mut("c").is_some());
    }
}
