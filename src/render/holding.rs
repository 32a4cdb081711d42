//! Whether an app may hold an object of some name, told from what its files declare: finding one resource among thousands
//! of apps would otherwise render them all.

use super::kustomization::{self, files_in, renames};
use super::remote::Bases;
use super::tree::Tree;
use super::{Additions, Error, Recipe, Renderer, Tool, plain};
use crate::git::{ByteSlice, Oid, Reader, RepoPath};
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
                if self.adds_names(&tree, root, additions)? {
                    return Ok(true);
                }
                let walk = kustomization::walk_with(&tree, root.as_bstr(), additions, self)?;
                if !walk.remotes.is_empty() && Bases::of(&walk, self, cancel)?.refusals.is_empty() {
                    return Ok(true);
                }
                for directory in &walk.directories {
                    if self.makes_names(&tree, directory, config)? {
                        return Ok(true);
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

    /// Whether what a deployer adds to the kustomization at `root` may give objects names that no file declares.
    fn adds_names(
        &self,
        tree: &Tree,
        root: &RepoPath,
        additions: &Additions,
    ) -> Result<bool, Error> {
        if additions.name_prefix.is_some() || additions.name_suffix.is_some() {
            return Ok(true);
        }
        for patch in &additions.patches {
            let may_rename = match &patch.path {
                Some(path) => self.may_rename(tree, root, path)?,
                None => renames(&patch.patch),
            };
            if may_rename || patch.options.values().any(|allows| *allows) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the kustomization in a directory may; `config`: whether what it generates counts.
    fn makes_names(&self, tree: &Tree, directory: &RepoPath, config: bool) -> Result<bool, Error> {
        for (_, id) in files_in(tree, directory.as_bstr())? {
            let file = self.kustomization(tree.reader, id)?;
            if !file.keeps_names || (file.makes_config && config) {
                return Ok(true);
            }
            for operations in &file.operations {
                if self.may_rename(tree, directory, operations)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Whether the file at a path in a directory's kustomization holds a patch that renames. What is not there fails the build.
    fn may_rename(&self, tree: &Tree, directory: &RepoPath, path: &str) -> Result<bool, Error> {
        let Some(id) = tree.file_at(directory.as_bstr(), path.into())? else {
            return Ok(false);
        };
        // What names an object is no list of operations.
        if !self.outline(tree.reader, id)?.objects.is_empty() {
            return Ok(false);
        }
        Ok(renames(&tree.reader.blob(id)?.to_str_lossy()))
    }
}
