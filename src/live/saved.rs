//! A live object as a snapshot keeps it: the API server's JSON, with a mark where a value is masked.
//!
//! A mark holds the mask itself, the HMAC of the value under the user's own key: without that key it tells what masks tell
//! anyway, which values are equal, and with it the same user's later runs can still say whether a value is the one in git.
//! Text that only looks like a mark gets a bracket in front, so that nobody can pass a value off as masked, and so as not
//! to be compared.

use serde_json::{Value, json};

use super::object::{LAST_APPLIED, LiveObject, Packed};
use crate::manifest::{Leaf, MaskedId, Masking, Node};

const MASKED: &str = "masked";
const ENCRYPTED: &str = "encrypted";
/// Masked with a key that was not that of who took the snapshot.
const UNKNOWN: &str = "unknown";

/// What the marks in a source of objects are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marks {
    /// There are none: what looks like one is text.
    None,
    /// Masks under this user's key.
    Own,
    /// Masks under another one's: what they stand for is not known here.
    Foreign,
}

impl LiveObject {
    /// The API server's JSON again, with marks.
    pub fn to_saved(&self) -> Value {
        let mut value = saved(&self.object().root, &self.hidden);
        let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) else {
            return value;
        };
        if let Some(managers) = self.managers.to_json() {
            metadata.insert("managedFields".to_owned(), managers);
        }
        if let Some(applied) = self.last_applied.as_ref().and_then(Packed::object) {
            let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
            let copy = saved(&applied.root, &self.hidden);
            annotations[LAST_APPLIED] = Value::String(copy.to_string());
        }
        value
    }

    /// The reverse of [`LiveObject::to_saved`]. `None` where it is no object.
    pub fn from_saved(value: Value, masking: &Masking, marks: Marks) -> Option<LiveObject> {
        if marks == Marks::None || !may_have_marks(&value) {
            return LiveObject::from_json(value, masking);
        }
        let mut live = LiveObject::from_json(value.clone(), masking)?;
        let copy = value["metadata"]["annotations"][LAST_APPLIED].as_str();
        let copy = copy.and_then(|text| serde_json::from_str::<Value>(text).ok());
        let (mut hidden, mut more) = (Vec::new(), Vec::new());
        live.change(
            |object| restore(&mut object.root, &value, marks, &mut hidden),
            |applied| {
                if let Some(copy) = copy {
                    restore(&mut applied.root, &copy, marks, &mut more);
                }
            },
        );
        more.retain(|leaf| !hidden.contains(leaf));
        hidden.append(&mut more);
        live.hidden = hidden;
        Some(live)
    }
}

fn saved(node: &Node, hidden: &[Leaf]) -> Value {
    let mark = |word: &str, leaf: &Leaf, id: &MaskedId| {
        let word = if hidden.contains(leaf) { UNKNOWN } else { word };
        Value::String(format!("({word} {})", id.token()))
    };
    match node {
        Node::Leaf(Leaf::Null) => Value::Null,
        Node::Leaf(Leaf::Bool(value)) => Value::Bool(*value),
        Node::Leaf(Leaf::Number(number)) => Value::Number(number.clone()),
        Node::Leaf(Leaf::String(text)) if is_like_a_mark(text) => Value::String(format!("({text}")),
        Node::Leaf(Leaf::String(text)) => Value::String(text.clone()),
        Node::Leaf(leaf @ Leaf::Masked(id)) => mark(MASKED, leaf, id),
        Node::Leaf(leaf @ Leaf::Encrypted(id)) => mark(ENCRYPTED, leaf, id),
        Node::List(items) => items.iter().map(|item| saved(item, hidden)).collect(),
        Node::Map(map) => Value::Object(
            map.iter()
                .map(|(key, value)| (key.clone(), saved(value, hidden)))
                .collect(),
        ),
    }
}

/// A mark, with any number of brackets in front.
fn is_like_a_mark(text: &str) -> bool {
    let inner = text.trim_start_matches('(');
    let word = inner.split(' ').next().unwrap_or_default();
    inner.len() < text.len() && [MASKED, ENCRYPTED, UNKNOWN].contains(&word)
}

/// Whether reading it takes a second look: marks may be in the copy of what was applied, too.
fn may_have_marks(value: &Value) -> bool {
    match value {
        Value::String(text) => {
            let words = [MASKED, ENCRYPTED, UNKNOWN];
            text.match_indices('(')
                .any(|(at, _)| words.iter().any(|word| text[at + 1..].starts_with(word)))
        }
        Value::Array(items) => items.iter().any(may_have_marks),
        Value::Object(map) => map.values().any(may_have_marks),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Puts what the marks in `saved` stand for in their places in `node`, which was made of it.
fn restore(node: &mut Node, saved: &Value, marks: Marks, hidden: &mut Vec<Leaf>) {
    match (node, saved) {
        (Node::Map(map), Value::Object(saved)) => {
            for (key, saved) in saved {
                if let Some(node) = map.get_mut(key) {
                    restore(node, saved, marks, hidden);
                }
            }
        }
        (Node::List(items), Value::Array(saved)) => {
            for (node, saved) in items.iter_mut().zip(saved) {
                restore(node, saved, marks, hidden);
            }
        }
        (Node::Leaf(leaf), Value::String(text)) if is_like_a_mark(text) => {
            if let Some((word, found)) = read(text) {
                *leaf = found;
                let is_known = marks == Marks::Own && word != UNKNOWN;
                if !is_known && !hidden.contains(leaf) {
                    hidden.push(leaf.clone());
                }
            } else if let Some(text) = text.strip_prefix('(') {
                *leaf = Leaf::String(text.to_owned());
            }
        }
        _ => {}
    }
}

/// What a mark says; `None` where it is text that looks like one.
fn read(mark: &str) -> Option<(&str, Leaf)> {
    let (word, token) = mark.strip_prefix('(')?.strip_suffix(')')?.split_once(' ')?;
    let id = MaskedId::from_token(token)?;
    let leaf = match word {
        MASKED | UNKNOWN => Leaf::Masked(id),
        ENCRYPTED => Leaf::Encrypted(id),
        _ => return None,
    };
    Some((word, leaf))
}
