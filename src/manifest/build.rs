//! A document's tree → the value Kubernetes sees: aliases followed, merge keys expanded, the last duplicate kept, and
//! what is marked secret replaced by its [`MaskedId`](super::MaskedId).

use super::mask::{Marks, Masking, Secrecy, is_ciphertext, is_sops};
use super::object::{Leaf, Node};
use super::scalar::{self, Scalar};
use super::tree::{self, Key, NodeId, Tree, Value};

/// The masked value of `tree`, and the lines of keys that were set before.
pub(super) fn build(tree: &Tree<'_>, masking: &Masking) -> (Node, Vec<u32>) {
    build_at(tree, tree.root, &masking.marks(tree), masking)
}

/// The same for what is below `root`, with what is marked by `marks`.
pub(super) fn build_at(
    tree: &Tree<'_>,
    root: NodeId,
    marks: &Marks,
    masking: &Masking,
) -> (Node, Vec<u32>) {
    let mut builder = Builder {
        tree,
        masking,
        marks,
        sops: is_sops(tree),
        duplicates: Vec::new(),
    };
    let node = builder.node(root);
    let mut duplicates = builder.duplicates;
    duplicates.sort_unstable();
    duplicates.dedup();
    (node, duplicates)
}

/// What stands for a secret value. An empty one (`null`) hides nothing.
pub(super) fn masked(tree: &Tree<'_>, id: NodeId, secrecy: Secrecy, masking: &Masking) -> Leaf {
    match tree.value(id) {
        Value::Scalar(Scalar::Null) => Leaf::Null,
        Value::Scalar(Scalar::String(text)) => Leaf::Masked(masking.string(text, secrecy)),
        _ => {
            let mut bare = Builder {
                tree,
                masking,
                marks: &Marks::default(),
                sops: false,
                duplicates: Vec::new(),
            };
            Leaf::Masked(masking.value(&bare.node(id)))
        }
    }
}

struct Builder<'t, 'a> {
    tree: &'t Tree<'a>,
    masking: &'t Masking,
    marks: &'t Marks,
    /// SOPS wrote the document.
    sops: bool,
    duplicates: Vec<u32>,
}

impl Builder<'_, '_> {
    fn node(&mut self, id: NodeId) -> Node {
        let target = self.tree.resolve(id);
        match self.marks.get(id).or_else(|| self.marks.get(target)) {
            None => {}
            Some(Secrecy::LastApplied) => return self.last_applied(target),
            Some(secrecy) => return Node::Leaf(masked(self.tree, target, secrecy, self.masking)),
        }
        match &self.tree.nodes[target].value {
            Value::Scalar(scalar) => Node::Leaf(match scalar {
                Scalar::Null => Leaf::Null,
                Scalar::Bool(value) => Leaf::Bool(*value),
                Scalar::Number(number) => Leaf::Number(scalar::canonical(number.clone())),
                Scalar::String(text) if is_ciphertext(text, self.sops) => {
                    Leaf::Encrypted(self.masking.string(text, Secrecy::Plain))
                }
                Scalar::String(text) => Leaf::String(text.to_string()),
            }),
            Value::List(items) => Node::List(items.iter().map(|&item| self.node(item)).collect()),
            Value::Map(_) => {
                let mut entries = Vec::new();
                self.fill(target, &mut entries);
                Node::Map(entries.into_iter().collect())
            }
            // `resolve` leaves no alias.
            Value::Alias(_) => Node::Leaf(Leaf::Null),
        }
    }

    /// A map's entries in the order in which go-yaml v2 sets them (`decode.go`, `mapping` and `merge`): a merge overwrites what
    /// stands before it, and is overwritten by what stands after.
    fn fill(&mut self, id: NodeId, out: &mut Vec<(String, Node)>) {
        let tree = self.tree;
        let Value::Map(entries) = tree.value(id) else {
            return;
        };
        let mut own = std::collections::HashSet::with_capacity(entries.len());
        for entry in entries {
            match &entry.key {
                Key::Text(key) => {
                    if !own.insert(key) {
                        self.duplicates.push(entry.line);
                    }
                    let value = self.node(entry.value);
                    out.push((key.to_string(), value));
                }
                Key::Merge => match tree.value(entry.value) {
                    Value::List(sources) => {
                        for &source in sources.iter().rev() {
                            self.fill(source, out);
                        }
                    }
                    _ => self.fill(entry.value, out),
                },
            }
        }
    }

    /// The copy of the object that `kubectl apply` keeps: masked inside where it can be read, as a whole where not.
    fn last_applied(&mut self, id: NodeId) -> Node {
        let copy = self
            .tree
            .text(id)
            .and_then(|text| serde_json::from_str(text).ok())
            .and_then(tree::from_json);
        match copy {
            Some(copy) if matches!(copy.value(copy.root), Value::Map(_)) => {
                build(&copy, self.masking).0
            }
            _ => Node::Leaf(masked(self.tree, id, Secrecy::Plain, self.masking)),
        }
    }
}
