//! What a Flux Kustomization says, as a recipe, and what is there for it. Source: fluxcd/kustomize-controller `api/v1/kustomization_types.go`, and the
//! fields of its older versions.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::Flux;
use super::sources::Name;
use crate::git::{ByteSlice, RepoPath, Result};
use crate::layout::orders::Order;
use crate::layout::own;
use crate::manifest::{Leaf, Node};
use crate::render::kustomization::{Walk, walk_with};
use crate::render::{Additions, Image, Metadata, Patch, Rules, Substitution};

impl Flux<'_> {
    pub(super) fn walk_of(&mut self, order: &Order) -> Result<Option<Rc<Walk>>> {
        match (self.elsewhere(order), path(order)) {
            (None, Some(path)) => {
                let additions = self.filtered(order);
                self.walk(&path, &additions).map(Some)
            }
            _ => Ok(None),
        }
    }

    pub(super) fn walk(&mut self, path: &RepoPath, additions: &Additions) -> Result<Rc<Walk>> {
        let key = (
            path.clone(),
            additions.components.clone(),
            additions.ignore.clone(),
        );
        if let Some(known) = self.walks.get(&key) {
            return Ok(Rc::clone(known));
        }
        let walk = Rc::new(walk_with(
            self.tree,
            path.as_bstr(),
            additions,
            self.renderer,
        )?);
        self.walks.insert(key, Rc::clone(&walk));
        Ok(walk)
    }

    /// The source that a Kustomization names.
    fn source(&self, order: &Order) -> Option<&Order> {
        let text = |key: &str| order.text(&["sourceRef", key]);
        let name = Name {
            kind: text("kind").unwrap_or("GitRepository"),
            namespace: text("namespace").or(order.id().namespace.as_deref()),
            name: text("name").unwrap_or_default(),
        };
        self.sources.find(name, &order.directory())
    }

    /// What it adds, and which files its source leaves out: those that this repository and the source say. What is
    /// pushed to a registry is filtered by whoever pushes it.
    fn filtered(&self, order: &Order) -> Additions {
        let mut additions = additions(order);
        if matches!(
            order.text(&["sourceRef", "kind"]),
            None | Some("GitRepository")
        ) {
            let source = self.source(order);
            let said = source.and_then(|source| source.spec(&["ignore"])?.as_str());
            additions.ignore = self.ignored.clone();
            additions
                .ignore
                .add("".into(), said.unwrap_or_default().as_bytes());
        }
        additions
    }

    /// Why a Kustomization's sources are not in this repository, if they are not.
    pub(super) fn elsewhere(&self, order: &Order) -> Option<String> {
        let text = |key: &str| order.text(&["sourceRef", key]);
        let name = text("name").unwrap_or_default();
        let source = self.source(order);
        let url = text("url").or_else(|| source?.text(&["url"]));
        let path = path(order);
        let there = path.is_none_or(|path| {
            !path.is_empty() && matches!(self.tree.node(path.as_bstr()), Ok(Some(_)))
        });
        match (text("kind"), url) {
            (Some("GitRepository"), Some(url)) => (self.own.is_known() && !self.own.is(url))
                .then(|| format!("its sources are in {}", own::display(url))),
            // Not declared here: made by whoever installed Flux, from this repository as a rule.
            (Some("GitRepository"), None) => None,
            // An artifact, which is often made of this very repository.
            (_, _) if there => None,
            (kind, url) => Some(format!(
                "its sources are in {}",
                url.map_or_else(
                    || format!("{} {name}", kind.unwrap_or("a source")),
                    own::display
                )
            )),
        }
    }

    /// With the variables, as far as they are known.
    pub(super) fn additions(&mut self, order: &Order) -> Result<Additions> {
        let mut additions = self.filtered(order);
        let Some(post_build) = order.spec(&["postBuild"]) else {
            return Ok(additions);
        };
        let mut substitution = Substitution {
            always: post_build.get("substituteStrategy").and_then(Node::as_str) == Some("Always"),
            ..Substitution::default()
        };
        let from = post_build.get("substituteFrom").and_then(Node::as_list);
        for item in from.into_iter().flatten() {
            let text = |key: &str| item.get(key).and_then(Node::as_str);
            let name = text("name").unwrap_or_default();
            let found = match text("kind") {
                Some("ConfigMap") => self.sources.config_map(
                    order.id().namespace.as_deref(),
                    name,
                    &order.directory(),
                )?,
                _ => None,
            };
            match found {
                Some((path, object)) => {
                    let data = texts(object.at(&["data"]));
                    substitution.variables.extend(data);
                    self.draft.orders_read.insert(path);
                }
                None => {
                    let kind = text("kind").unwrap_or("object");
                    let namespace = order.id().namespace.iter();
                    let place: String = namespace.map(|name| format!("{name}/")).collect();
                    substitution.unread.push(format!("{kind} {place}{name}"));
                }
            }
        }
        let inline = texts(post_build.get("substitute"));
        substitution.variables.extend(inline);
        additions.substitute = Some(substitution);
        Ok(additions)
    }
}

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
