//! What a deployer's additions make of a document, where that takes no tool.
//!
//! What Flux is told to add is most often a few defaults for every object of a kind. A build of all that a kustomization
//! gathers takes a tenth of a second for what is a merge of mappings, and a log or a timeline would take two for every commit.
//!
//! Only what has one meaning is done here, as kustomize does it (api `resource/resource.go` `ApplySmPatch`, kyaml
//! `yaml/merge2`): mappings of custom resources are merged key by key, scalars replace scalars. Lists, deletions, directives
//! and kinds that kustomize has a schema of are left to it.

use serde_yaml::Value;

use super::tool::{Additions, Metadata, Patch};
use crate::manifest::{self, Leaf, Map, Masking, Node, Object};

/// With these, kustomize takes an object for something else than a result.
const ABOUT_BUILDS: [&str; 2] = ["config.kubernetes.io/", "internal.config.kubernetes.io/"];

/// Additions that concern each object by itself.
#[derive(Default)]
pub(super) struct Merges {
    patches: Vec<Merge>,
    metadata: Metadata,
}

struct Merge {
    target: Target,
    /// What is merged into each object that is meant.
    patch: Map,
    api_version: String,
    kind: String,
}

/// Which objects are meant. `None`: any.
struct Target {
    group: Option<String>,
    version: Option<String>,
    kind: Option<String>,
}

impl Merges {
    /// `None` where more is added than is told here.
    pub(super) fn of(additions: &Additions, masking: &Masking) -> Option<Merges> {
        let told = Additions {
            rules: additions.rules,
            generate: additions.generate,
            patches: additions.patches.clone(),
            metadata: additions.metadata.clone(),
            substitute: additions
                .substitute
                .clone()
                .filter(|substitution| !substitution.applies()),
            ..Additions::default()
        };
        if *additions != told {
            return None;
        }
        let patches = told.patches.iter().map(|patch| Merge::of(patch, masking));
        Some(Merges {
            patches: patches.collect::<Option<_>>()?,
            metadata: told.metadata,
        })
    }

    /// What becomes of an object; `None` where only a build can tell.
    pub(super) fn on(&self, mut object: Object) -> Option<Object> {
        if is_about_builds(&object) {
            return None;
        }
        for merge in &self.patches {
            if !merge.target.means(&object) {
                continue;
            }
            // Else kustomize changes the version, which is for it to do.
            if object.api_version != merge.api_version
                || object.id.kind != merge.kind
                || manifest::is_built_in(&object.id.group)
            {
                return None;
            }
            let Node::Map(root) = &mut object.root else {
                return None;
            };
            merge_into(root, &merge.patch)?;
        }
        object.set_metadata("labels", &self.metadata.labels);
        object.set_metadata("annotations", &self.metadata.annotations);
        Some(object)
    }
}

impl Merge {
    fn of(patch: &Patch, masking: &Masking) -> Option<Merge> {
        let Patch {
            patch,
            path: None,
            target: Some(target),
            options,
        } = patch
        else {
            return None;
        };
        let parsed = manifest::parse(patch.as_bytes(), masking);
        let [document] = parsed.documents.as_slice() else {
            return None;
        };
        let is_whole = parsed.broken.is_empty()
            && parsed.others == 0
            && document.duplicate_keys.is_empty()
            && options.is_empty();
        let Object {
            id,
            api_version,
            root: Node::Map(root),
        } = &document.object
        else {
            return None;
        };
        let mut root = root.clone();
        root.remove("apiVersion");
        root.remove("kind");
        // Whatever the patch calls them, objects keep their names.
        if let Some(Node::Map(metadata)) = root.get_mut("metadata") {
            metadata.remove("name");
            metadata.remove("namespace");
            if metadata.is_empty() {
                root.remove("metadata");
            }
        }
        let is_told = is_whole && !root.is_empty() && has_one_meaning(&root);
        is_told.then_some(Merge {
            target: Target::of(target)?,
            patch: root,
            api_version: api_version.clone(),
            kind: id.kind.clone(),
        })
    }
}

impl Target {
    fn of(text: &str) -> Option<Target> {
        let Value::Mapping(map) = serde_yaml::from_str(text).ok()? else {
            return None;
        };
        let mut target = Target {
            group: None,
            version: None,
            kind: None,
        };
        for (key, value) in &map {
            let (key, value) = (key.as_str()?, value.as_str()?);
            // These are regular expressions; of a group only the dots are any.
            let is_plain = value
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.');
            if !is_plain || value.is_empty() {
                return None;
            }
            let field = match key {
                "group" => &mut target.group,
                "version" => &mut target.version,
                "kind" => &mut target.kind,
                _ => return None,
            };
            *field = Some(value.to_owned());
        }
        Some(target)
    }

    fn means(&self, object: &Object) -> bool {
        let version = object.api_version.rsplit('/').next().unwrap_or_default();
        let fits = |pattern: &Option<String>, text: &str| {
            pattern.as_ref().is_none_or(|pattern| {
                let mut pairs = pattern.bytes().zip(text.bytes());
                pattern.len() == text.len() && pairs.all(|(one, other)| one == b'.' || one == other)
            })
        };
        fits(&self.group, &object.id.group)
            && fits(&self.version, version)
            && fits(&self.kind, &object.id.kind)
    }
}

fn is_about_builds(object: &Object) -> bool {
    let annotations = object.at(&["metadata", "annotations"]);
    let mut keys = annotations
        .and_then(Node::as_map)
        .into_iter()
        .flat_map(Map::keys);
    keys.any(|key| ABOUT_BUILDS.iter().any(|prefix| key.starts_with(prefix)))
}

/// Whether a patch is nothing but mappings and values to set.
fn has_one_meaning(patch: &Map) -> bool {
    patch.iter().all(|(key, value)| {
        !key.starts_with('$')
            && match value {
                Node::Map(map) => !map.is_empty() && has_one_meaning(map),
                Node::Leaf(Leaf::Bool(_) | Leaf::Number(_)) => true,
                Node::Leaf(Leaf::String(text)) => !text.is_empty(),
                Node::Leaf(Leaf::Null | Leaf::Masked(_) | Leaf::Encrypted(_)) | Node::List(_) => {
                    false
                }
            }
    })
}

/// `None` where a mapping meets something else.
fn merge_into(map: &mut Map, patch: &Map) -> Option<()> {
    for (key, value) in patch.iter() {
        match (map.get_mut(key), value) {
            (None, value) => {
                map.insert(key.clone(), value.clone());
            }
            (Some(Node::Map(inner)), Node::Map(patch)) => merge_into(inner, patch)?,
            (Some(set @ Node::Leaf(_)), value @ Node::Leaf(_)) => set.clone_from(value),
            _ => return None,
        }
    }
    Some(())
}
