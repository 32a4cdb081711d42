//! Masking of secret values: equal values stay equal, nothing else is kept.
//!
//! `data` and `stringData` of every Secret, the copies in `last-applied-configuration`, and configured paths become
//! [`MaskedId`]s: an HMAC of the value under a random per-user key, so that neither length nor content survives.

use serde::{Serialize, Serializer};

/// Stands for a secret value. Shown as `#1`, `#2`, …, numbered by first appearance in this process, so that no part of
/// the HMAC is ever printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MaskedId(pub(super) [u8; 16]);

impl MaskedId {
    /// `#1`, `#2`, …
    pub fn label(&self) -> String {
        todo!()
    }
}

/// `{"masked": "#1"}`
impl Serialize for MaskedId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let _ = serializer;
        todo!()
    }
}

/// What to mask, and the key to do it with.
#[derive(Clone)]
pub struct Masking {}

impl Masking {
    /// `key` is random, per user, kept in the state directory; it must not reach a cache or an output.
    pub fn new(key: [u8; 32]) -> Masking {
        let _ = key;
        todo!()
    }
}

/// A manifest's text for people to read, with every value that [`super::parse`] would mask replaced by its label, and
/// a Secret that does not parse hidden whole. Line structure outside masked values is kept.
pub fn masked_text(bytes: &[u8], masking: &Masking) -> String {
    let _ = (bytes, masking);
    todo!()
}
