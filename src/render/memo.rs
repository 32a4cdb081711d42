//! A bounded memory of results, shared by threads.
//!
//! Two generations: what is used stays, what was not used since the young generation last filled up is forgotten. That is
//! close enough to least-recently-used, without a list to keep in order.

use std::collections::HashMap;
use std::hash::Hash;
use std::mem;
use std::sync::{Mutex, PoisonError};

/// Remembers values up to a total weight (the caller's unit; bytes here).
pub(crate) struct Memo<K, V> {
    generations: Mutex<Generations<K, V>>,
    half: usize,
}

struct Generations<K, V> {
    young: HashMap<K, (V, usize)>,
    old: HashMap<K, (V, usize)>,
    weight: usize,
}

impl<K: Hash + Eq + Clone, V: Clone> Memo<K, V> {
    pub(crate) fn new(budget: usize) -> Self {
        Memo {
            generations: Mutex::new(Generations {
                young: HashMap::new(),
                old: HashMap::new(),
                weight: 0,
            }),
            half: budget / 2,
        }
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        let mut generations = self.lock();
        if let Some((value, _)) = generations.young.get(key) {
            return Some(value.clone());
        }
        let (value, weight) = generations.old.remove(key)?;
        generations.keep(key.clone(), value.clone(), weight, self.half);
        Some(value)
    }

    pub(crate) fn insert(&self, key: K, value: V, weight: usize) {
        self.lock().keep(key, value, weight, self.half);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Generations<K, V>> {
        // A panic elsewhere leaves the maps whole: nothing in here can panic half-way.
        self.generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq, V> Generations<K, V> {
    fn keep(&mut self, key: K, value: V, weight: usize, half: usize) {
        if self.weight > 0 && self.weight.saturating_add(weight) > half {
            self.old = mem::take(&mut self.young);
            self.weight = 0;
        }
        if let Some((_, replaced)) = self.young.insert(key, (value, weight)) {
            self.weight = self.weight.saturating_sub(replaced);
        }
        self.weight = self.weight.saturating_add(weight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_rest_is_forgotten() {
        let memo = Memo::new(20);
        memo.insert("kept", 1, 4);
        for round in 0..100 {
            memo.insert("other", round, 4);
            memo.insert("another", round, 4);
            assert_eq!(memo.get(&"kept"), Some(1), "round {round}");
        }
        memo.insert("a", 0, 9);
        memo.insert("b", 0, 9);
        memo.insert("c", 0, 9);
        assert_eq!(memo.get(&"kept"), None);
        assert_eq!(memo.get(&"c"), Some(0));
    }

    #[test]
    fn something_heavier_than_the_budget_is_held_until_the_next() {
        let memo = Memo::new(4);
        memo.insert(1, "heavy", 100);
        assert_eq!(memo.get(&1), Some("heavy"));
        memo.insert(2, "b", 1);
        memo.insert(3, "c", 1);
        memo.insert(4, "d", 1);
        assert_eq!(memo.get(&1), None);
    }
}
