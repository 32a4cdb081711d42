//! Whether a change leaves an object of a kustomization as it is, without building either side.
//!
//! The log of an object asks this of every commit that touches its kustomization, and most of them are about its neighbours.
//! What is said here follows from how kustomize works: an object is made of its own document, of patches and transformers,
//! and, where names are changed or values taken over, of the other objects.

use std::collections::{BTreeMap, BTreeSet};

use super::kustomization::{self, is_kustomization_name};
use super::tree::{Tree, file_name};
use super::{Additions, Recipe, Renderer, Tool};
use crate::git::{ByteSlice, EntryKind, Oid, PathChange, Reader, RepoPath, Result};
use crate::manifest::ObjectRef;

/// How the objects of a kustomization come from its files, at one tree.
pub(crate) struct Gathering {
    /// The files whose documents become its objects.
    resources: BTreeMap<RepoPath, Oid>,
    /// Everything that is read, and what is named but not there.
    closure: BTreeSet<RepoPath>,
    kustomizations: BTreeMap<RepoPath, Oid>,
    /// It can be built, and no object takes anything from another but names.
    is_independent: bool,
    /// Nor names: whatever is done to an object depends on that object alone.
    is_plain: bool,
    /// The objects are as their documents say.
    pub(crate) as_written: bool,
}

/// What becomes of an object where files differ.
pub(crate) enum Stays {
    /// It is the same on both sides.
    Same,
    /// Nothing but its own documents can have changed it; it is as written.
    Written,
    /// Both sides must be built to know.
    Unknown,
}

impl Gathering {
    /// Whether documents in the file are objects of the kustomization.
    pub(crate) fn holds(&self, path: &RepoPath) -> bool {
        self.resources.contains_key(path)
    }
}

impl Renderer {
    /// What a recipe's kustomization gathers; `None` for other tools.
    pub(crate) fn gathering(
        &self,
        reader: &Reader,
        tree: Oid,
        recipe: &Recipe,
    ) -> Result<Option<Gathering>> {
        let (Tool::Kustomize(additions), Some(root)) = (&recipe.tool, recipe.roots.first()) else {
            return Ok(None);
        };
        let tree = Tree::at(reader, tree);
        let walk = kustomization::walk_with(&tree, root.as_bstr(), additions, self)?;
        let mut kustomizations = BTreeMap::new();
        let (mut takes, mut only_gathers) = (false, true);
        for directory in &walk.directories {
            for (path, id) in kustomization::files_in(&tree, directory.as_bstr())? {
                let file = self.kustomization(reader, id)?;
                takes |= file.takes_from_others;
                only_gathers &= file.only_gathers;
                kustomizations.insert(path, id);
            }
        }
        let is_independent = !takes
            && !walk.obscure
            && walk.refusals.is_empty()
            && walk.remotes.is_empty()
            && walk.problems.is_empty();
        let is_plain = is_independent
            && only_gathers
            && additions.namespace.is_none()
            && additions.name_prefix.is_none()
            && additions.name_suffix.is_none();
        let nothing = Additions {
            rules: additions.rules,
            generate: additions.generate,
            ..Additions::default()
        };
        Ok(Some(Gathering {
            resources: walk.resources.into_iter().collect(),
            closure: walk.closure,
            kustomizations,
            is_independent,
            is_plain,
            as_written: is_plain && **additions == nothing,
        }))
    }

    /// What becomes of the objects that `may_be` names where `changes` lead from the tree `before` to one gathered like
    /// `after`. The second answer is what is gathered before, where that was found to differ.
    pub(crate) fn stays<'c>(
        &self,
        reader: &Reader,
        recipe: &Recipe,
        before: Oid,
        after: &Gathering,
        changes: impl Iterator<Item = &'c PathChange>,
        may_be: &dyn Fn(&ObjectRef) -> bool,
    ) -> Result<(Stays, Option<Gathering>)> {
        let (mut stays, mut regathered) = (Stays::Same, false);
        if !after.is_independent {
            return Ok((Stays::Unknown, self.gathering(reader, before, recipe)?));
        }
        for change in changes {
            match self.stays_but_for(reader, after, change, may_be)? {
                Some(Stays::Same) => {}
                Some(Stays::Written) => stays = Stays::Written,
                Some(Stays::Unknown) => {
                    return Ok((Stays::Unknown, self.gathering(reader, before, recipe)?));
                }
                None => regathered = true,
            }
        }
        if !regathered {
            return Ok((stays, None));
        }
        let Some(gathered) = self.gathering(reader, before, recipe)? else {
            return Ok((Stays::Unknown, None));
        };
        let same =
            matches!(stays, Stays::Same) && self.gather_alike(reader, &gathered, after, may_be)?;
        let stays = if same { Stays::Same } else { Stays::Unknown };
        Ok((stays, Some(gathered)))
    }

    /// The same for one change; `None` where another set of files may be gathered.
    fn stays_but_for(
        &self,
        reader: &Reader,
        after: &Gathering,
        change: &PathChange,
        may_be: &dyn Fn(&ObjectRef) -> bool,
    ) -> Result<Option<Stays>> {
        let file = |side: Option<(EntryKind, Oid)>| match side {
            Some((EntryKind::Blob | EntryKind::Executable, id)) => Some(id),
            _ => None,
        };
        let (Some(old), Some(new)) = (file(change.before), file(change.after)) else {
            return Ok(None);
        };
        if is_kustomization_name(file_name(change.path.as_bstr())) {
            return Ok(None);
        }
        if !after.holds(&change.path) {
            let read = after.closure.contains(change.path.as_ref());
            return Ok(Some(if read { Stays::Unknown } else { Stays::Same }));
        }
        let (old, new) = (self.outline(reader, old)?, self.outline(reader, new)?);
        let is_its = |objects: &[ObjectRef]| objects.iter().any(may_be);
        Ok(Some(
            if old.broken || new.broken || old.is_template || new.is_template {
                Stays::Unknown
            } else if is_its(&old.objects) || is_its(&new.objects) {
                match after.as_written {
                    true => Stays::Written,
                    false => Stays::Unknown,
                }
            } else if old.objects != new.objects && !after.is_plain {
                Stays::Unknown
            } else {
                Stays::Same
            },
        ))
    }

    /// Whether the differences between what is gathered on two sides leave the objects that `may_be` names as they are.
    fn gather_alike(
        &self,
        reader: &Reader,
        before: &Gathering,
        after: &Gathering,
        may_be: &dyn Fn(&ObjectRef) -> bool,
    ) -> Result<bool> {
        if !before.is_independent {
            return Ok(false);
        }
        let plain = before.is_plain && after.is_plain;
        if !plain
            && (before.kustomizations != after.kustomizations || before.closure != after.closure)
        {
            return Ok(false);
        }
        for (one, other) in [(before, after), (after, before)] {
            for (path, id) in &one.resources {
                if other.resources.contains_key(path) {
                    continue;
                }
                let outline = self.outline(reader, *id)?;
                if outline.broken || outline.is_template || outline.objects.iter().any(may_be) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}
