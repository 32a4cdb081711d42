//! Which field a line of manifest text belongs to, and what its parts are to the eye: for text views, which show lines
//! but must say where in an object they are.

use std::ops::Range;

use super::object::{Leaf, Node, ObjectRef};
use super::path::{FieldPath, Step};
use super::scalar::Scalar;
use super::schema::{ListKeys, ListType};
use super::source;
use super::tree::{self, Key, NodeId, Origin, Tree, Value};

/// What a piece of YAML text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    Key,
    String,
    /// A number, boolean or null.
    Literal,
    Comment,
}

/// A text's documents with their byte spans. Parts that are no YAML have neither fields nor classes.
#[derive(Debug)]
pub struct Outline<'a> {
    text: &'a str,
    /// Byte offset at which each line starts.
    lines: Vec<usize>,
    documents: Vec<(Range<usize>, Tree<'a>)>,
    comments: Vec<Range<usize>>,
    lists: ListKeys,
}

impl<'a> Outline<'a> {
    /// `lists` tells how the items of lists are named in paths.
    pub fn of(text: &'a str, lists: &ListKeys) -> Outline<'a> {
        let lines = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        let mut outline = Outline {
            text,
            lines,
            documents: Vec::new(),
            comments: Vec::new(),
            lists: lists.clone(),
        };
        for part in source::parts(text) {
            let origin = Origin {
                byte: part.bytes.start,
                line: part.line,
            };
            let reading = tree::read(&text[part.bytes.clone()], origin, true);
            outline.comments.extend(reading.comments);
            let mut start = part.bytes.start;
            for tree in reading.trees {
                let end = if reading.fault.is_none() {
                    part.bytes.end.max(tree.end.end)
                } else {
                    tree.end.end
                };
                outline.documents.push((start..end, tree));
                start = end;
            }
        }
        outline
    }

    /// The field that a line (1-based) belongs to: the outermost that starts on it, else the innermost that goes on.
    /// `None` outside any document's fields.
    pub fn field_at(&self, line: u32) -> Option<FieldPath> {
        let index = usize::try_from(line).ok()?.checked_sub(1)?;
        let start = *self.lines.get(index)?;
        let line = start..self.lines.get(index + 1).copied().unwrap_or(usize::MAX);
        let (_, tree) = self
            .documents
            .iter()
            .find(|(bytes, _)| bytes.contains(&start))?;
        let mut finder = Finder {
            text: self.text,
            tree,
            id: identify(tree),
            lists: &self.lists,
            path: FieldPath::default(),
        };
        finder.descend(tree.root, &line);
        (!finder.path.0.is_empty()).then_some(finder.path)
    }

    /// The text's pieces, in order, without overlaps. A piece may go over line ends.
    pub fn classes(&self) -> Vec<(Range<usize>, Class)> {
        let mut classes: Vec<(Range<usize>, Class)> = self
            .comments
            .iter()
            .map(|bytes| (bytes.clone(), Class::Comment))
            .collect();
        for node in self.documents.iter().flat_map(|(_, tree)| &tree.nodes) {
            match &node.value {
                Value::Scalar(Scalar::String(_)) => {
                    classes.push((node.bytes.clone(), Class::String))
                }
                Value::Scalar(_) => classes.push((node.bytes.clone(), Class::Literal)),
                Value::Map(entries) => {
                    classes.extend(
                        entries
                            .iter()
                            .map(|entry| (entry.key_bytes.clone(), Class::Key)),
                    );
                }
                Value::List(_) | Value::Alias(_) => {}
            }
        }
        // A key with an anchor is a node too: of equal spans the key's is kept.
        classes.sort_by_key(|(bytes, class)| (bytes.start, *class != Class::Key));
        classes.retain(|(bytes, _)| !bytes.is_empty());
        classes.dedup_by(|next, kept| next.0.start < kept.0.end);
        classes
    }
}

/// As much of a reference as list types depend on.
fn identify(tree: &Tree<'_>) -> ObjectRef {
    let text = |key| {
        tree.get(tree.root, key)
            .and_then(|id| tree.text(id))
            .unwrap_or_default()
    };
    let group = text("apiVersion")
        .split_once('/')
        .map_or("", |(group, _)| group);
    ObjectRef {
        group: group.to_owned(),
        kind: text("kind").to_owned(),
        namespace: None,
        name: String::new(),
    }
}

struct Finder<'t, 'a> {
    text: &'a str,
    tree: &'t Tree<'a>,
    id: ObjectRef,
    lists: &'t ListKeys,
    path: FieldPath,
}

impl Finder<'_, '_> {
    fn descend(&mut self, id: NodeId, line: &Range<usize>) {
        match &self.tree.nodes[id].value {
            Value::Map(entries) => {
                let starts = entries.iter().map(|entry| entry.key_bytes.start);
                let Some((index, begins_here)) = child_at(starts, line) else {
                    return;
                };
                let entry = &entries[index];
                let key = match &entry.key {
                    Key::Text(key) => key.to_string(),
                    Key::Merge => "<<".to_owned(),
                };
                self.path.0.push(Step::Key(key));
                if !begins_here {
                    self.descend(entry.value, line);
                }
            }
            Value::List(items) => {
                let starts = items.iter().map(|&item| self.start_of(item));
                let Some((index, _)) = child_at(starts, line) else {
                    return;
                };
                let step = self.item(items, index);
                self.path.0.push(step);
                self.descend(items[index], line);
            }
            Value::Scalar(_) | Value::Alias(_) => {}
        }
    }

    /// Where a list's item starts to the eye: a block scalar's content starts a line after its `- |`.
    fn start_of(&self, item: NodeId) -> usize {
        let start = self.tree.nodes[item].bytes.start;
        let before = self.text.get(..start).unwrap_or_default().trim_end();
        let apart = self
            .text
            .get(before.len()..start)
            .is_some_and(|between| between.contains('\n'));
        if apart {
            before.len().saturating_sub(1)
        } else {
            start
        }
    }

    fn item(&self, items: &[NodeId], index: usize) -> Step {
        let keyed = items
            .iter()
            .map(|&item| self.keys(item))
            .collect::<Vec<_>>();
        let ListType::Map(keys) = self.lists.list_type_of(&self.id, &self.path, &keyed) else {
            return Step::Index(index);
        };
        let values = keys
            .into_iter()
            .map(|key| keyed[index].key_value(&key).map(|value| (key, value)));
        values
            .collect::<Option<_>>()
            .map_or(Step::Index(index), Step::Item)
    }

    /// An item's scalars, as far as they may be its keys.
    fn keys(&self, item: NodeId) -> Node {
        let Value::Map(entries) = self.tree.value(item) else {
            return Node::Leaf(Leaf::Null);
        };
        let scalars =
            entries
                .iter()
                .filter_map(|entry| match (&entry.key, self.tree.value(entry.value)) {
                    (Key::Text(key), Value::Scalar(Scalar::String(text))) => {
                        Some((key.to_string(), Node::Leaf(Leaf::String(text.to_string()))))
                    }
                    (Key::Text(key), Value::Scalar(Scalar::Number(number))) => {
                        Some((key.to_string(), Node::Leaf(Leaf::Number(number.clone()))))
                    }
                    _ => None,
                });
        Node::Map(scalars.collect())
    }
}

/// The first child that starts on the line, else the last that starts before it; and which of both.
fn child_at(starts: impl Iterator<Item = usize>, line: &Range<usize>) -> Option<(usize, bool)> {
    let mut before = None;
    for (index, start) in starts.enumerate() {
        if line.contains(&start) {
            return Some((index, true));
        }
        if start < line.start {
            before = Some((index, false));
        }
    }
    before
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# head
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {a: b}}
spec:
  # about the template
  template:
    spec:
      containers:
      - image: web:1
        name: web
        args:
        - one
        - |
          two
          three
        ports: [{containerPort: 80}]
---
broken: [
---
kind: Example
apiVersion: example.com/v1
items_: [1, true]
rules:
- name: x
  expr: >
    up ==
    0
";

    #[test]
    fn lines_have_fields() {
        let outline = Outline::of(TEXT, &ListKeys::builtin());
        let fields: Vec<_> = TEXT
            .lines()
            .enumerate()
            .map(|(i, line)| {
                let field = outline
                    .field_at(i as u32 + 1)
                    .map_or("-".to_owned(), |path| path.to_string());
                format!("{} => {field}", line.trim())
            })
            .collect();
        assert_eq!(
            fields,
            [
                "# head => -",
                "apiVersion: apps/v1 => apiVersion",
                "kind: Deployment => kind",
                "metadata: {name: web, labels: {a: b}} => metadata",
                "spec: => spec",
                "# about the template => spec",
                "template: => spec.template",
                "spec: => spec.template.spec",
                "containers: => spec.template.spec.containers",
                "- image: web:1 => spec.template.spec.containers[name=web].image",
                "name: web => spec.template.spec.containers[name=web].name",
                "args: => spec.template.spec.containers[name=web].args",
                "- one => spec.template.spec.containers[name=web].args[0]",
                "- | => spec.template.spec.containers[name=web].args[1]",
                "two => spec.template.spec.containers[name=web].args[1]",
                "three => spec.template.spec.containers[name=web].args[1]",
                "ports: [{containerPort: 80}] => spec.template.spec.containers[name=web].ports",
                "--- => -",
                "broken: [ => -",
                "--- => -",
                "kind: Example => kind",
                "apiVersion: example.com/v1 => apiVersion",
                "items_: [1, true] => items_",
                "rules: => rules",
                "- name: x => rules[name=x].name",
                "expr: > => rules[name=x].expr",
                "up == => rules[name=x].expr",
                "0 => rules[name=x].expr",
            ]
        );
        assert_eq!(outline.field_at(0), None);
        assert_eq!(outline.field_at(1000), None);
    }

    #[test]
    fn pieces_have_classes() {
        let text = "a: 1 # c\n'b': |\n  x\n  y\n&k d: [e, ~]\n";
        let outline = Outline::of(text, &ListKeys::builtin());
        let classes: Vec<_> = outline
            .classes()
            .into_iter()
            .map(|(bytes, class)| (&text[bytes], class))
            .collect();
        assert_eq!(
            classes,
            [
                ("a", Class::Key),
                ("1", Class::Literal),
                ("# c", Class::Comment),
                ("'b'", Class::Key),
                ("x\n  y\n", Class::String),
                ("d", Class::Key),
                ("e", Class::String),
                ("~", Class::Literal),
            ]
        );
    }
}
