//! Following a [`FieldPath`] into an object, to read what is there or to put something else there.

use super::map::Map;
use super::object::{Leaf, Node};
use super::path::{FieldPath, Step};

impl Node {
    /// What is at `path`; `None` where there is nothing.
    pub fn field(&self, path: &FieldPath) -> Option<&Node> {
        path.0
            .iter()
            .try_fold(self, |node, step| match (node, step) {
                (Node::Map(map), Step::Key(key)) => map.get(key),
                (Node::List(items), Step::Index(index)) => items.get(*index),
                (Node::List(items), Step::Item(keys)) => {
                    items.iter().find(|item| item.has_keys(keys))
                }
                _ => None,
            })
    }

    /// Puts `value` at `path`, or with `None` removes what is there. Missing maps and keyed items on the way are made; a
    /// step that does not fit what is there leaves the object as it was, from that step on.
    pub fn put(&mut self, path: &FieldPath, value: Option<Node>) {
        put(self, &path.0, value);
    }

    /// An item of a set has one key without a name, which is the item.
    fn has_keys(&self, keys: &[(String, String)]) -> bool {
        keys.iter().all(|(key, wanted)| match key.as_str() {
            "" => self.as_str() == Some(wanted),
            key => self.key_value(key).as_ref() == Some(wanted),
        })
    }
}

fn put(node: &mut Node, steps: &[Step], value: Option<Node>) {
    let Some((step, rest)) = steps.split_first() else {
        if let Some(value) = value {
            *node = value;
        }
        return;
    };
    match (node, step) {
        (Node::Map(map), Step::Key(key)) => {
            if rest.is_empty() && value.is_none() {
                map.remove(key);
            } else if let Some(inner) = map.get_mut(key) {
                put(inner, rest, value);
            } else if value.is_some() {
                let mut inner = empty_for(rest);
                put(&mut inner, rest, value);
                map.insert(key.clone(), inner);
            }
        }
        (Node::List(items), Step::Index(index)) => put_item(items, Some(*index), rest, value, &[]),
        (Node::List(items), Step::Item(keys)) => {
            let place = items.iter().position(|item| item.has_keys(keys));
            put_item(items, place, rest, value, keys);
        }
        _ => {}
    }
}

fn put_item(
    items: &mut Vec<Node>,
    place: Option<usize>,
    rest: &[Step],
    value: Option<Node>,
    keys: &[(String, String)],
) {
    match place.filter(|place| *place < items.len()) {
        Some(place) if rest.is_empty() && value.is_none() => {
            items.remove(place);
        }
        Some(place) => {
            if let Some(inner) = items.get_mut(place) {
                put(inner, rest, value);
            }
        }
        None if value.is_some() => {
            let mut inner = match rest {
                [] => Node::Leaf(Leaf::Null),
                _ if keys.is_empty() => empty_for(rest),
                _ => Node::Map(
                    keys.iter()
                        .map(|(key, text)| (key.clone(), Node::Leaf(Leaf::String(text.clone()))))
                        .collect(),
                ),
            };
            put(&mut inner, rest, value);
            items.push(inner);
        }
        None => {}
    }
}

/// What the next step needs to find.
fn empty_for(rest: &[Step]) -> Node {
    match rest.first() {
        Some(Step::Item(_) | Step::Index(_)) => Node::List(Vec::new()),
        Some(Step::Key(_)) => Node::Map(Map::new()),
        None => Node::Leaf(Leaf::Null),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Masking, Object, parse};

    fn object() -> Object {
        let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: x, image: 'i:1'}\n  - name: side\n    ports: [{containerPort: 80}]\n  args: [one, two]\n";
        parse(text.as_bytes(), &Masking::new([1; 32]))
            .documents
            .remove(0)
            .object
    }

    fn item(key: &str, value: &str) -> Step {
        Step::Item(vec![(key.into(), value.into())])
    }

    fn text(value: &str) -> Node {
        Node::Leaf(Leaf::String(value.into()))
    }

    #[test]
    fn what_was_put_is_found_and_nothing_else_moved() {
        let containers = FieldPath::default().key("spec").key("containers");
        let image = containers.step(item("name", "x")).key("image");
        let port = containers
            .step(item("name", "side"))
            .key("ports")
            .step(item("containerPort", "80"));
        let mut changed = object();
        assert_eq!(changed.root.field(&image), Some(&text("i:1")));
        assert!(changed.root.field(&port).is_some());
        changed.root.put(&image, Some(text("i:2")));
        assert_eq!(changed.root.field(&image), Some(&text("i:2")));
        changed.root.put(&image, Some(text("i:1")));
        assert_eq!(changed, object());
    }

    #[test]
    fn removing_and_making_the_way() {
        let second = FieldPath::default()
            .key("spec")
            .key("args")
            .step(Step::Index(1));
        let label = FieldPath::default()
            .key("metadata")
            .key("labels")
            .key("app");
        let volume = FieldPath::default()
            .key("spec")
            .key("volumes")
            .step(item("name", "v"))
            .key("emptyDir");
        let mut changed = object();
        changed.root.put(&second, None);
        assert_eq!(
            changed.at(&["spec", "args"]),
            Some(&Node::List(vec![text("one")]))
        );
        changed.root.put(&label, Some(text("a")));
        changed.root.put(&volume, Some(Node::Map(Map::new())));
        assert_eq!(changed.root.field(&label), Some(&text("a")));
        assert!(changed.root.field(&volume).is_some());
        let wrong = FieldPath::default().key("kind").key("inside");
        let before = changed.clone();
        changed.root.put(&wrong, Some(text("x")));
        assert_eq!(changed, before, "a scalar has no inside");
    }
}
