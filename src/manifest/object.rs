//! A Kubernetes object as a value, with sensitive leaves masked.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use serde_json::Number;

use super::build;
use super::map::Map;
use super::mask::{MaskedId, Masking};
use super::parse;
use super::tree;

/// Which object, as the API names it. The version is not part of it: `apps/v1` and `apps/v1beta1` name the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectRef {
    /// `""` for the core group.
    pub group: String,
    pub kind: String,
    /// `None` for cluster-scoped kinds, and in a manifest that leaves the namespace to whoever applies it.
    pub namespace: Option<String>,
    pub name: String,
}

/// `Deployment/api`; the namespace is context that screens show elsewhere.
impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// Any value inside an object. Maps are ordered by key, so that equality is Kubernetes' equality.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum Node {
    Leaf(Leaf),
    List(Vec<Node>),
    Map(Map),
}

/// A scalar. There is no variant that could hold a secret value: it does not survive parsing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum Leaf {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Masked(MaskedId),
    /// What SOPS (or eyaml) encrypted: equal where the ciphertext is.
    #[serde(serialize_with = "super::mask::encrypted")]
    Encrypted(MaskedId),
}

impl Node {
    pub fn get(&self, key: &str) -> Option<&Node> {
        match self {
            Node::Map(map) => map.get(key),
            _ => None,
        }
    }

    /// Follows map keys: `at(&["spec", "replicas"])`.
    pub fn at(&self, keys: &[&str]) -> Option<&Node> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The value of a list item's key field as a [`Step::Item`](super::Step::Item) holds it. A port's absent protocol is the API's default,
    /// the only one among list keys.
    pub fn key_value(&self, key: &str) -> Option<String> {
        Some(match self.get(key) {
            Some(Node::Leaf(Leaf::String(text))) => text.clone(),
            Some(Node::Leaf(Leaf::Number(number))) => number.to_string(),
            Some(Node::Leaf(Leaf::Bool(value))) => value.to_string(),
            Some(Node::Leaf(Leaf::Masked(id) | Leaf::Encrypted(id))) => id.label(),
            None if key == "protocol" => "TCP".to_owned(),
            Some(Node::Leaf(Leaf::Null) | Node::List(_) | Node::Map(_)) | None => return None,
        })
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Node::Leaf(Leaf::String(text)) => Some(text),
            _ => None,
        }
    }

    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Node::Leaf(Leaf::Number(number)) => number.as_i64(),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Node::Leaf(Leaf::Bool(value)) => Some(*value),
            _ => None,
        }
    }

    pub fn as_list(&self) -> Option<&[Node]> {
        match self {
            Node::List(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Node::Map(map) => Some(map),
            _ => None,
        }
    }
}

impl Node {
    /// Whether any value in it is known by its mask only.
    pub fn is_masked(&self) -> bool {
        match self {
            Node::Leaf(leaf) => matches!(leaf, Leaf::Masked(_) | Leaf::Encrypted(_)),
            Node::List(items) => items.iter().any(Node::is_masked),
            Node::Map(map) => map.values().any(Node::is_masked),
        }
    }
}

/// A Kubernetes object: something with `apiVersion`, `kind` and `metadata.name`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Object {
    #[serde(skip)]
    pub id: ObjectRef,
    /// As written, e.g. `apps/v1`.
    #[serde(skip)]
    pub api_version: String,
    /// The whole object, `apiVersion` and `kind` included.
    #[serde(flatten)]
    pub root: Node,
}

impl Object {
    /// The object in `root`, masked; `None` where it is not one (no `apiVersion`, `kind` or `metadata.name`).
    pub fn from_json(value: serde_json::Value, masking: &Masking) -> Option<Object> {
        let (root, _) = build::build(&tree::from_json(value)?, masking);
        parse::identify(root).ok()
    }

    pub fn at(&self, keys: &[&str]) -> Option<&Node> {
        self.root.at(keys)
    }

    pub fn label(&self, key: &str) -> Option<&str> {
        self.at(&["metadata", "labels"])?.get(key)?.as_str()
    }

    /// Sets labels or annotations (`field`), over those of the same name.
    pub fn set_metadata(&mut self, field: &str, entries: &BTreeMap<String, String>) {
        let Node::Map(root) = &mut self.root else {
            return;
        };
        let Some(Node::Map(metadata)) = root.get_mut("metadata") else {
            return;
        };
        if entries.is_empty() {
            return;
        }
        let target = metadata.get_or_insert(field, Node::Leaf(Leaf::Null));
        if !matches!(target, Node::Map(_)) {
            *target = Node::Map(Map::new());
        }
        if let Node::Map(map) = target {
            let leaf = |value: &String| Node::Leaf(Leaf::String(value.clone()));
            map.extend(
                entries
                    .iter()
                    .map(|(key, value)| (key.clone(), leaf(value))),
            );
        }
    }

    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.at(&["metadata", "annotations"])?.get(key)?.as_str()
    }
}

/// One `---` part of a manifest that holds an object.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its bytes in the file, without the `---` line.
    pub bytes: Range<usize>,
    /// 1-based line of its first byte.
    pub line: u32,
    pub object: Object,
    /// 1-based lines of keys that an earlier line had set already (Kubernetes: the last one wins).
    pub duplicate_keys: Vec<u32>,
}

/// What one YAML file holds. `kind: List` is taken apart: each item is a [`Document`] with the list's bytes.
#[derive(Debug, Clone, Default)]
pub struct Manifest {
    pub documents: Vec<Document>,
    /// Documents that are YAML but no Kubernetes objects (values, kustomizations without a name, …): how many.
    pub others: usize,
    pub broken: Vec<Broken>,
}

impl Manifest {
    /// Of a file that cannot be read at all.
    pub(crate) fn unreadable(cause: Cause, why: impl Into<String>) -> Manifest {
        Manifest {
            broken: vec![Broken {
                line: 1,
                cause,
                why: why.into(),
            }],
            ..Manifest::default()
        }
    }
}

/// A part that could not be read. `why` never quotes the text (it may be a Secret's).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Broken {
    pub line: u32,
    pub cause: Cause,
    pub why: String,
}

/// `line 3: not YAML`; what is about the whole file names no line.
impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cause {
            Cause::Encrypted | Cause::Encoding => f.write_str(&self.why),
            _ => write!(f, "line {}: {}", self.line, self.why),
        }
    }
}

/// The kind of reason why a part could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// git-crypt: unreadable on purpose.
    Encrypted,
    /// Not UTF-8 text.
    Encoding,
    /// Go or Jinja template text that becomes YAML only when rendered.
    Template,
    Syntax,
    /// Has `apiVersion` and `kind`, but what names it is not text (`name: 123`): the API server would refuse it.
    NotAnObject,
    /// Alias bombs and absurd nesting.
    Limit,
}
