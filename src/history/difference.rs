//! What became of one object: the fields that differ, and what to call it.

use super::changes::ResourceChange;
use super::pairing::Item;
use crate::diff::{self, ChangeKind, FieldChange, Noise};
use crate::manifest::{Leaf, ListKeys, Node, Object};

/// What became of an object; `None` where both sides mean the same and are in the same place.
pub(super) fn difference(
    environment: &str,
    old: Option<&Item<'_>>,
    new: Option<&Item<'_>>,
    lists: &ListKeys,
) -> Option<ResourceChange> {
    let item = new.or(old)?;
    let fields = match (old, new) {
        (Some(old), Some(new)) if old.object().root == new.object().root => Vec::new(),
        (Some(old), Some(new)) if old.object().id.name != new.object().id.name => {
            renamed(old.object(), new.object(), lists)
        }
        _ => diff::fields(old.map(Item::object), new.map(Item::object), lists),
    };
    let moved = |old: &Item<'_>, new: &Item<'_>| !old.is_beside(new) || old.path() != new.path();
    let kind = match (old, new) {
        (None, _) => ChangeKind::Added,
        (_, None) => ChangeKind::Removed,
        (Some(_), Some(_)) if !fields.is_empty() => ChangeKind::Modified,
        (Some(old), Some(new)) if moved(old, new) => ChangeKind::Moved,
        _ => return None,
    };
    Some(ResourceChange {
        environment: environment.to_owned(),
        app: item.app.name.clone(),
        app_before: old
            .filter(|old| !old.is_beside(item))
            .map(|old| old.app.name.clone()),
        object: item.object().id.clone(),
        path: item.path().cloned(),
        kind,
        routine: kind == ChangeKind::Modified && fields.iter().all(|field| field.noise.is_some()),
        fields,
        how: item.rendering.how.clone(),
        before: old.map(|item| item.rendered().clone()),
        after: new.map(|item| item.rendered().clone()),
    })
}

/// The fields that differ between objects of which one got the other's place under a new generated name. Whatever differs
/// only because it contains the name (containers, labels) is noise like the name itself.
fn renamed(before: &Object, after: &Object, lists: &ListKeys) -> Vec<FieldChange> {
    let called_alike = Object {
        root: replaced(&before.root, &before.id.name, &after.id.name),
        ..before.clone()
    };
    let mut fields = diff::fields(Some(&called_alike), Some(after), lists);
    let by_name: Vec<FieldChange> = diff::fields(Some(before), Some(after), lists)
        .into_iter()
        .filter(|field| !fields.contains(field))
        .map(|field| FieldChange {
            noise: field.noise.or(Some(Noise::GeneratedName)),
            ..field
        })
        .collect();
    fields.extend(by_name);
    fields.sort_by(|a, b| a.path.cmp(&b.path));
    fields
}

/// `node` with one name in the place of another in all its strings.
fn replaced(node: &Node, name: &str, by: &str) -> Node {
    match node {
        Node::Leaf(Leaf::String(text)) => Node::Leaf(Leaf::String(text.replace(name, by))),
        Node::Leaf(leaf) => Node::Leaf(leaf.clone()),
        Node::List(items) => {
            Node::List(items.iter().map(|item| replaced(item, name, by)).collect())
        }
        Node::Map(map) => Node::Map(
            map.iter()
                .map(|(key, value)| (key.clone(), replaced(value, name, by)))
                .collect(),
        ),
    }
}
