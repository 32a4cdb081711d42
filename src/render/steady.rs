//! Whether two trees are sure to give the same images, without building either.
//!
//! Most commits that touch a large kustomization concern a role, a quota or a dashboard, and a build takes a thousand times
//! as long as a look at the files that differ. Only kustomizations are looked at so: what a chart makes of its values is
//! Helm's business.

use std::collections::{BTreeMap, BTreeSet};

use super::kustomization::{self, Walk, is_kustomization_name};
use super::tree::{Node, Tree, file_name};
use super::{Recipe, Renderer, Tool};
use crate::git::{ByteSlice, Oid, Reader, RepoPath, Result};

/// The fields of a kustomization that say which files it reads (those are looked at themselves), or put nothing but names
/// and labels on what they hold.
const HARMLESS: [&str; 12] = [
    "apiVersion",
    "bases",
    "commonAnnotations",
    "commonLabels",
    "components",
    "configMapGenerator",
    "generatorOptions",
    "kind",
    "labels",
    "namespace",
    "resources",
    "secretGenerator",
];

/// A file without any of these texts neither holds nor changes an image: the last three are of patches, which may remove
/// one without naming it.
const TELLING: [&str; 5] = ["image", "containers", "$patch", "op:", "\"op\""];

impl Renderer {
    /// Whether `recipe` is sure to give the same images at both trees. `false` says nothing.
    pub fn keeps_images(
        &self,
        reader: &Reader,
        before: Oid,
        after: Oid,
        recipe: &Recipe,
    ) -> Result<bool> {
        let (Tool::Kustomize(additions), Some(root)) = (&recipe.tool, recipe.roots.first()) else {
            return Ok(false);
        };
        let mut sides = Vec::new();
        for tree in [before, after] {
            let tree = Tree::at(reader, tree);
            let walk = kustomization::walk_with(&tree, root.as_bstr(), additions, self)?;
            // Of what cannot be built the sources are shown.
            let built = walk.refusals.is_empty() && walk.problems.is_empty();
            let Some(files) = self.files(&tree, &walk, built)? else {
                return Ok(false);
            };
            let remotes = walk.remotes.into_iter();
            let remotes: Vec<_> = remotes
                .map(|remote| (remote.directory, remote.reference))
                .collect();
            sides.push(((built, remotes), files));
        }
        let [(way_before, before), (way_after, after)] = sides.as_slice() else {
            return Ok(false);
        };
        if way_before != way_after {
            return Ok(false);
        }
        let paths: BTreeSet<&RepoPath> = before.keys().chain(after.keys()).collect();
        for path in paths {
            let (old, new) = (before.get(path), after.get(path));
            if old == new {
                continue;
            }
            let mut texts = Vec::new();
            for blob in [old, new].into_iter().flatten() {
                texts.push(reader.blob(*blob)?);
            }
            let harmless = match texts.as_slice() {
                [old, new] if is_kustomization_name(file_name(path.as_bstr())) => {
                    kustomization::differ_only_in(&HARMLESS, old, new)
                }
                texts => !texts
                    .iter()
                    .any(|text| TELLING.iter().any(|word| text.contains_str(word))),
            };
            if !harmless {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The files of a closure; `None` where a build may take images from anywhere.
    fn files(
        &self,
        tree: &Tree,
        walk: &Walk,
        built: bool,
    ) -> Result<Option<BTreeMap<RepoPath, Oid>>> {
        if built && walk.obscure {
            return Ok(None);
        }
        let mut files = BTreeMap::new();
        for path in &walk.closure {
            let Some(Node::File(id)) = tree.node(path.as_bstr())? else {
                continue;
            };
            if built
                && is_kustomization_name(file_name(path.as_bstr()))
                && self.kustomization(tree.reader, id)?.takes_from_others
            {
                return Ok(None);
            }
            files.insert(path.clone(), id);
        }
        Ok(Some(files))
    }
}
