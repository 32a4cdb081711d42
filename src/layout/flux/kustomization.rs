//! What a Flux Kustomization says, as a recipe. Source: fluxcd/kustomize-controller `api/v1/kustomization_types.go`, and the
//! fields of its older versions.

use std::collections::BTreeMap;

use crate::git::RepoPath;
use crate::layout::orders::Order;
use crate::manifest::{Leaf, Node};
use crate::render::{Additions, Image, Metadata, Patch, Rules};

/// The path at the root of its source; `None` where it leads out of it.
pub(super) fn path(order: &Order) -> Option<RepoPath> {
    crate::layout::own::rooted(order.text(&["path"]).unwrap_or_default())
}

/// What it adds to the kustomization at its path, but for variables.
pub(super) fn additions(order: &Order) -> Additions {
    let owned = |keys: &[&str]| order.text(keys).map(str::to_owned);
    Additions {
        rules: Rules::Flux,
        generate: true,
        namespace: owned(&["targetNamespace"]),
        name_prefix: owned(&["namePrefix"]),
        name_suffix: owned(&["nameSuffix"]),
        images: items(order, "images").map(image).collect(),
        patches: patches(order),
        components: items(order, "components")
            .filter_map(Node::as_str)
            .map(str::to_owned)
            .collect(),
        ignore_missing_components: order
            .spec(&["ignoreMissingComponents"])
            .and_then(Node::as_bool)
            == Some(true),
        metadata: Metadata {
            labels: texts(order.spec(&["commonMetadata", "labels"])),
            annotations: texts(order.spec(&["commonMetadata", "annotations"])),
        },
        ..Additions::default()
    }
}

fn items<'a>(order: &'a Order, field: &str) -> impl Iterator<Item = &'a Node> {
    let items = order.spec(&[field]).and_then(Node::as_list);
    items.into_iter().flatten()
}

fn image(node: &Node) -> Image {
    let text = |key: &str| {
        let text = node.get(key).and_then(Node::as_str);
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    Image {
        name: text("name").unwrap_or_default(),
        new_name: text("newName"),
        new_tag: text("newTag"),
        digest: text("digest"),
    }
}

fn patches(order: &Order) -> Vec<Patch> {
    let target = |node: &Node| node.get("target").map(json);
    let strategic = items(order, "patchesStrategicMerge").map(|patch| Patch {
        patch: json(patch),
        ..Patch::default()
    });
    let operations = items(order, "patchesJson6902").map(|item| Patch {
        patch: item.get("patch").map(json).unwrap_or_default(),
        target: target(item),
        ..Patch::default()
    });
    let patches = items(order, "patches").map(|item| Patch {
        patch: item
            .get("patch")
            .and_then(Node::as_str)
            .unwrap_or_default()
            .to_owned(),
        target: target(item),
        ..Patch::default()
    });
    patches.chain(strategic).chain(operations).collect()
}

/// Every YAML reader takes JSON for what it is.
fn json(node: &Node) -> String {
    serde_json::to_string(node).unwrap_or_default()
}

/// The scalars of a mapping, as text.
pub(super) fn texts(node: Option<&Node>) -> BTreeMap<String, String> {
    let map = node.and_then(Node::as_map);
    map.into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), text(value)?)))
        .collect()
}

fn text(node: &Node) -> Option<String> {
    match node {
        Node::Leaf(Leaf::String(text)) => Some(text.clone()),
        Node::Leaf(Leaf::Bool(value)) => Some(value.to_string()),
        Node::Leaf(Leaf::Number(number)) => Some(number.to_string()),
        Node::Leaf(Leaf::Null | Leaf::Masked(_) | Leaf::Encrypted(_))
        | Node::List(_)
        | Node::Map(_) => None,
    }
}
