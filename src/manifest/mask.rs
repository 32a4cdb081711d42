//! Masking of secret values: equal values stay equal, nothing else is kept.
//!
//! `data` and `stringData` of every Secret, the copies in `last-applied-configuration`, and configured paths become
//! [`MaskedId`]s: an HMAC of the value under a random per-user key, so that neither length nor content survives.
//! Masking marks nodes of a document's tree before any value is made of it, so that parsed objects and text views
//! ([`super::redact`]) hide exactly the same.

use std::collections::HashMap;
use std::fmt;
use std::sync::{LazyLock, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde::{Serialize, Serializer};

use super::object::Node;
use super::pattern::{MaskPathError, Pattern};
use super::reference::{is_packed_reference, is_reference};
use super::scalar::Scalar;
use super::tree::{Key, NodeId, Tree, Value};

/// The annotation in which `kubectl apply` keeps a copy of the object.
pub(super) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Stands for a secret value. Shown as `#1`, `#2`, …, numbered by first appearance in this process, so that no part of
/// the HMAC is ever printed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MaskedId(pub(super) [u8; 16]);

static NUMBERS: LazyLock<Mutex<HashMap<MaskedId, usize>>> = LazyLock::new(Mutex::default);

impl MaskedId {
    /// `#1`, `#2`, …
    pub fn label(&self) -> String {
        let mut numbers = NUMBERS.lock().unwrap_or_else(PoisonError::into_inner);
        let next = numbers.len() + 1;
        format!("#{}", numbers.entry(*self).or_insert(next))
    }

    /// All of it, for a snapshot, which the same user's later runs compare with. Never to be shown.
    pub fn token(&self) -> String {
        hex(self.0)
    }

    /// The reverse of [`MaskedId::token`].
    pub fn from_token(token: &str) -> Option<MaskedId> {
        let is_hex = token.len() == 32 && token.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u128::from_str_radix(token, 16).ok().filter(|_| is_hex)?;
        Some(MaskedId(number.to_be_bytes()))
    }
}

fn hex(bytes: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(bytes))
}

impl fmt::Debug for MaskedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MaskedId({})", self.label())
    }
}

/// `{"masked": "#1"}`
impl Serialize for MaskedId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([("masked", self.label())])
    }
}

/// As [`Leaf::Encrypted`](super::Leaf::Encrypted) is serialized: `{"encrypted": "#1"}`.
pub(super) fn encrypted<S: Serializer>(id: &MaskedId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map([("encrypted", id.label())])
}

/// Whether a text is what SOPS, eyaml or Ansible Vault made of a value. In a document that says that SOPS wrote it, any algorithm is
/// taken for one.
pub(super) fn is_ciphertext(text: &str, sops: bool) -> bool {
    let inner = text
        .strip_prefix("ENC[")
        .and_then(|rest| rest.strip_suffix(']'));
    text.starts_with("$ANSIBLE_VAULT;")
        || inner.is_some_and(|inner| {
            sops || inner.starts_with("AES256_GCM,data:") || inner.starts_with("PKCS7,")
        })
}

/// Whether SOPS wrote a document.
pub(super) fn is_sops(tree: &Tree<'_>) -> bool {
    tree.get(tree.root, "sops").is_some()
}

/// What to mask, and the key to do it with.
#[derive(Debug, Clone)]
pub struct Masking {
    key: hmac::Key,
    patterns: Vec<Pattern>,
}

impl Masking {
    /// `key` is random, per user, kept in the state directory; it must not reach a cache or an output.
    pub fn new(key: [u8; 32]) -> Masking {
        Masking {
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
            patterns: Vec::new(),
        }
    }

    /// Also masks what these paths select: `[Kind:]path`, where path is dotted keys, `*` is any key or list item, `**`
    /// any number of them, and `["a.b/c"]` a key with dots: `HelmRelease:spec.values.**.password`,
    /// `Secret:metadata.annotations["example.com/token"]`.
    pub fn with_paths<S: AsRef<str>>(mut self, paths: &[S]) -> Result<Masking, MaskPathError> {
        for path in paths {
            self.patterns.push(Pattern::parse(path.as_ref())?);
        }
        Ok(self)
    }

    /// Stands for the key and the paths: two with the same one mask alike.
    pub fn fingerprint(&self) -> [u8; 16] {
        self.mac(b"f", format!("{:?}", self.patterns).as_bytes()).0
    }

    /// The same as text, which tells whose masks a snapshot has, and nothing of the key.
    pub fn name(&self) -> String {
        hex(self.fingerprint())
    }

    /// The mask of a string. Base64 that decodes is taken as what it decodes to, so that a value in `data` equals the
    /// same value in `stringData`.
    pub(super) fn string(&self, text: &str, secrecy: Secrecy) -> MaskedId {
        let decoded = match secrecy {
            Secrecy::Base64 => {
                let packed: String = text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
                STANDARD.decode(packed).ok()
            }
            Secrecy::Plain | Secrecy::LastApplied => None,
        };
        self.mac(b"s", decoded.as_deref().unwrap_or(text.as_bytes()))
    }

    /// The mask of what is no string.
    pub(super) fn value(&self, node: &Node) -> MaskedId {
        self.mac(b"v", &serde_json::to_vec(node).unwrap_or_default())
    }

    fn mac(&self, domain: &[u8], value: &[u8]) -> MaskedId {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(domain);
        context.update(value);
        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        MaskedId(id)
    }

    /// Which nodes of `tree` hold secrets.
    pub(super) fn marks(&self, tree: &Tree<'_>) -> Marks {
        let mut marks = Marks::default();
        for (id, node) in tree.nodes.iter().enumerate() {
            match &node.value {
                Value::Map(_) => {
                    if let Some(kind) = tree.get(id, "kind").and_then(|kind| tree.text(kind)) {
                        self.mark_object(tree, id, kind, &mut marks);
                    }
                }
                // A manifest in a string: a patch, a chart's extra objects.
                Value::Scalar(Scalar::String(text)) if holds_secret(text) => {
                    marks.set(id, Secrecy::Plain);
                }
                Value::Scalar(_) | Value::List(_) | Value::Alias(_) => {}
            }
        }
        marks
    }

    fn mark_object(&self, tree: &Tree<'_>, object: NodeId, kind: &str, marks: &mut Marks) {
        let secret = is_secret(kind);
        if secret {
            marks.secret(tree, object);
        }
        if kind == "Kustomization" {
            Pattern::literals().select(tree, object, &mut |found| {
                marks.whole(tree, found, Secrecy::Plain)
            });
        }
        let configured = self.mark_paths(tree, object, kind, marks);
        if secret || configured {
            let copy = ["metadata", "annotations", LAST_APPLIED]
                .iter()
                .try_fold(object, |at, key| tree.get(at, key));
            if let Some(copy) = copy {
                marks.set(copy, Secrecy::LastApplied);
                marks.set(tree.resolve(copy), Secrecy::LastApplied);
            }
        }
    }

    /// Marks what the configured paths select in an object of this kind; whether any is about it.
    pub(super) fn mark_paths(
        &self,
        tree: &Tree<'_>,
        object: NodeId,
        kind: &str,
        marks: &mut Marks,
    ) -> bool {
        let mut configured = false;
        for pattern in self.patterns.iter().filter(|pattern| pattern.is_for(kind)) {
            configured = true;
            pattern.select(tree, object, &mut |found| {
                marks.whole(tree, found, Secrecy::Plain)
            });
        }
        configured
    }

    /// Whether text that cannot be read as YAML may hold something to mask.
    pub(super) fn may_concern(&self, text: &str) -> bool {
        // Unreadable as it is, `Secret` need not stand right behind `kind:`.
        let names_secret = |(at, _): (usize, &str)| {
            let near = text[at..]
                .char_indices()
                .nth(48)
                .map_or(&text[at..], |(end, _)| &text[at..at + end]);
            words(near).any(is_secret)
        };
        text.contains("stringData")
            || text.match_indices("kind").any(names_secret)
            || self
                .patterns
                .iter()
                .any(|pattern| pattern.may_concern(text))
    }
}

/// Any kind of this name, whatever its group says.
pub(super) fn is_secret(kind: &str) -> bool {
    kind.eq_ignore_ascii_case("secret")
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
}

/// Whether a text holds the manifest of a Secret: `kind: Secret` in YAML or JSON, and data of one.
pub(super) fn holds_secret(text: &str) -> bool {
    if !text.contains("Secret") {
        return false;
    }
    let value_of = |key: &'static str| {
        text.match_indices(key).filter_map(move |(at, _)| {
            let rest = text[at + key.len()..].trim_start_matches(['"', '\'', '\\', ' ']);
            Some(
                rest.strip_prefix(':')?
                    .trim_start_matches(['"', '\'', '\\', ' ', '\n']),
            )
        })
    };
    let kind = value_of("kind").any(|value| words(value).next().is_some_and(is_secret));
    kind && (value_of("data").next().is_some() || value_of("stringData").next().is_some())
}

/// How a marked node's text is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secrecy {
    /// A value of a Secret's `data`.
    Base64,
    Plain,
    /// JSON that holds an object with secrets.
    LastApplied,
}

/// The nodes of one tree that hold secrets.
#[derive(Debug, Default)]
pub(super) struct Marks {
    nodes: HashMap<NodeId, Secrecy>,
}

impl Marks {
    pub fn get(&self, id: NodeId) -> Option<Secrecy> {
        if self.nodes.is_empty() {
            None
        } else {
            self.nodes.get(&id).copied()
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (NodeId, Secrecy)> {
        self.nodes.iter().map(|(&id, &secrecy)| (id, secrecy))
    }

    /// Marks a node that is known to be secret by something else.
    pub fn add(&mut self, tree: &Tree<'_>, id: NodeId) {
        self.whole(tree, id, Secrecy::Plain);
    }

    fn set(&mut self, id: NodeId, secrecy: Secrecy) -> bool {
        self.nodes.insert(id, secrecy).is_none()
    }

    /// Every `data` and `stringData` of a Secret, those that a later duplicate hides included.
    fn secret(&mut self, tree: &Tree<'_>, secret: NodeId) {
        let sops = tree.get(secret, "sops").is_some();
        for (value, secrecy) in data_of(tree, secret) {
            self.values(tree, value, secrecy, sops);
        }
    }

    fn values(&mut self, tree: &Tree<'_>, data: NodeId, secrecy: Secrecy, sops: bool) {
        let Value::Map(entries) = tree.value(data) else {
            self.whole(tree, data, secrecy);
            return;
        };
        for entry in entries {
            // What SOPS encrypted is shown as what it is, and so is what only says where the value is.
            let shown = tree.text(entry.value).is_some_and(|text| match secrecy {
                _ if sops && is_ciphertext(text, true) => true,
                Secrecy::Base64 => is_packed_reference(text),
                Secrecy::Plain | Secrecy::LastApplied => is_reference(text),
            });
            if entry.key != Key::Merge && !shown {
                self.whole(tree, entry.value, secrecy);
            }
        }
        for source in tree.merged(data) {
            self.values(tree, source, secrecy, sops);
        }
    }

    /// A node with all that is below it, anchors it refers to included: they may be read elsewhere.
    fn whole(&mut self, tree: &Tree<'_>, id: NodeId, secrecy: Secrecy) {
        if matches!(tree.nodes[id].value, Value::Scalar(Scalar::Null)) || !self.set(id, secrecy) {
            return;
        }
        match &tree.nodes[id].value {
            Value::Scalar(_) => {}
            Value::Alias(target) => self.whole(tree, *target, secrecy),
            Value::List(items) => items
                .iter()
                .for_each(|&item| self.whole(tree, item, secrecy)),
            Value::Map(entries) => entries
                .iter()
                .for_each(|entry| self.whole(tree, entry.value, secrecy)),
        }
    }
}

/// The `data` and `stringData` of a Secret, merged ones included.
fn data_of(tree: &Tree<'_>, secret: NodeId) -> Vec<(NodeId, Secrecy)> {
    let Value::Map(entries) = tree.value(secret) else {
        return Vec::new();
    };
    let mut found: Vec<(NodeId, Secrecy)> = entries
        .iter()
        .filter_map(|entry| match &entry.key {
            Key::Text(key) if key == "data" => Some((entry.value, Secrecy::Base64)),
            Key::Text(key) if key == "stringData" => Some((entry.value, Secrecy::Plain)),
            Key::Text(_) | Key::Merge => None,
        })
        .collect();
    for source in tree.merged(secret) {
        found.extend(data_of(tree, source));
    }
    found
}
