//! Whether an app may hold an object of some name, told from what its files declare: finding one resource among thousands
//! of apps would otherwise render them all.

use super::kustomization::{self, files_in};
use super::remote::Bases;
use super::tree::Tree;
use super::{Error, Recipe, Renderer, Tool, plain};
use crate::git::{ByteSlice, Oid, Reader};
use crate::manifest::ObjectRef;
use crate::task::Cancel;

impl Renderer {
    /// Whether what a recipe makes at a tree may have an object that `is_wanted` by kind and name, in whatever namespace;
    /// `config`: ConfigMaps or Secrets are wanted, which kustomizations make. `false` is certain.
    pub(crate) fn may_hold(
        &self,
        reader: &Reader,
        tree: Oid,
        recipe: &Recipe,
        is_wanted: &dyn Fn(&ObjectRef) -> bool,
        config: bool,
        cancel: &Cancel,
    ) -> Result<bool, Error> {
        let tree = Tree::at(reader, tree);
        let (files, substitutes) = match (&recipe.tool, recipe.roots.first()) {
            (Tool::Plain, _) => (plain::files(&tree, &recipe.roots)?, false),
            (Tool::Kustomize(additions), Some(root)) => {
                if additions.name_prefix.is_some() || additions.name_suffix.is_some() {
                    return Ok(true);
                }
                let walk = kustomization::walk_with(&tree, root.as_bstr(), additions, self)?;
                if !walk.remotes.is_empty() && Bases::of(&walk, self, cancel)?.refusals.is_empty() {
                    return Ok(true);
                }
                for directory in &walk.directories {
                    for (_, id) in files_in(&tree, directory.as_bstr())? {
                        let file = self.kustomization(reader, id)?;
                        if !file.keeps_names || (file.makes_config && config) {
                            return Ok(true);
                        }
                    }
                }
                (walk.resources, additions.substitute.is_some())
            }
            _ => return Ok(true),
        };
        for (_, blob) in files {
            let outline = self.outline(reader, blob)?;
            let may_be = |id: &ObjectRef| is_wanted(id) || (substitutes && id.name.contains("${"));
            if outline.objects.iter().any(may_be) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
