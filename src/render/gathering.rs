//! Whether a change leaves an object of a kustomization as it is, without building either side.
//!
//! The log of an object asks this of every commit that touches its kustomization, and most of them are about its neighbours.
//! What is said here follows from how kustomize works: an object is made of its own document, of patches and transformers,
//! and, where names are changed or values taken over, of the other objects.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::kustomization::{self, Patched, is_kustomization_name};
use super::merges::Merges;
use super::plain;
use super::remote::Bases;
use super::tree::{Tree, file_name};
use super::{Error, How, Recipe, Renderer, Rendering, Tool};
use crate::git::{BStr, ByteSlice, EntryKind, Oid, PathChange, Reader, RepoPath};

type Result<T> = std::result::Result<T, Error>;
use crate::manifest::ObjectRef;
use crate::task::Cancel;

/// How the objects of a kustomization come from its files, at one tree.
pub(crate) struct Gathering {
    /// The files whose documents become its objects.
    resources: BTreeMap<RepoPath, Oid>,
    /// Everything that is read, and what is named but not there.
    closure: BTreeSet<RepoPath>,
    kustomizations: BTreeMap<RepoPath, Oid>,
    /// What decides which namespace objects without one are taken to be in.
    namespaces: Namespaces,
    /// It is not built, for it must not be or lacks what is elsewhere: its files are shown as they are.
    is_refused: bool,
    /// It can be built, and no object takes anything from another but names.
    is_independent: bool,
    /// Nor names: whatever is done to an object depends on that object alone.
    is_plain: bool,
    /// What is done to each of the documents to make it an object, where that can be told without a build.
    told: Option<Merges>,
    patched: Kinds,
}

/// The kinds of objects that patches may be for: one that does not fit fails the whole build.
#[derive(Default)]
struct Kinds {
    any: bool,
    named: BTreeSet<String>,
}

impl Kinds {
    /// `kind`: or a regular expression for kinds.
    fn add(&mut self, kind: &str) {
        self.any |= kind.bytes().any(|byte| !byte.is_ascii_alphanumeric());
        self.named.insert(kind.to_owned());
    }

    fn has(&self, kind: &str) -> bool {
        self.any || self.named.contains(kind)
    }
}

/// A file whose documents are gathered, by its blobs where it is gathered.
pub(crate) struct Differing {
    pub(crate) path: RepoPath,
    pub(crate) before: Option<Oid>,
    pub(crate) after: Option<Oid>,
}

/// The namespaces that a kustomization speaks of.
#[derive(PartialEq, Eq)]
struct Namespaces {
    /// That the outermost kustomization sets.
    own: Option<String>,
    /// That all objects are put in.
    placed: Option<String>,
    /// That documents and the other kustomizations name, where `own` is none.
    named: BTreeSet<String>,
}

/// What becomes of an object where files differ.
pub(crate) enum Stays {
    /// It is the same on both sides.
    Same,
    /// Nothing but its own documents can have changed it, which [`Renderer::told`] may make objects of.
    Written,
    /// Both sides must be built to know.
    Unknown,
    /// Objects may be taken to be in another namespace: the recipe is not the same on both sides.
    Otherwise,
}

impl Gathering {
    /// Whether objects have the names and namespaces that their documents say.
    pub(crate) fn keeps_names(&self) -> bool {
        self.is_plain
    }

    /// Whether documents in the file are objects of the kustomization.
    pub(crate) fn holds(&self, path: &RepoPath) -> bool {
        self.resources.contains_key(path)
    }

    /// Whether it is not built, and its files are shown as they are.
    pub(crate) fn is_refused(&self) -> bool {
        self.is_refused
    }

    /// Everything whose change may change the result: files and directories.
    pub(crate) fn closure(&self) -> &BTreeSet<RepoPath> {
        &self.closure
    }

    /// Whether a change of the file may change the result.
    fn reads(&self, path: &RepoPath) -> bool {
        let path = path.as_bstr();
        let mut above = path.find_iter("/").map(|slash| path[..slash].as_bstr());
        let is_read = |path: &BStr| self.closure.contains(path);
        is_read(path) || is_read("".into()) || above.any(is_read)
    }
}

impl Renderer {
    /// What a recipe's kustomization gathers; `None` for other tools.
    pub(crate) fn gathering(
        &self,
        reader: &Reader,
        tree: Oid,
        recipe: &Recipe,
        cancel: &Cancel,
    ) -> Result<Option<Gathering>> {
        let (Tool::Kustomize(additions), Some(root)) = (&recipe.tool, recipe.roots.first()) else {
            return Ok(None);
        };
        let tree = Tree::at(reader, tree);
        let walk = kustomization::walk_with(&tree, root.as_bstr(), additions, self)?;
        let mut kustomizations = BTreeMap::new();
        let mut own = None;
        let (mut takes, mut only_gathers) = (false, true);
        let mut patched = Kinds::default();
        for directory in &walk.directories {
            for (path, id) in kustomization::files_in(&tree, directory.as_bstr())? {
                let file = self.kustomization(reader, id)?;
                for patch in &file.patched {
                    self.add_patched(&tree, directory.as_bstr(), patch, &mut patched)?;
                }
                if Some(directory) == walk.directories.first() {
                    own.clone_from(&file.namespace);
                }
                takes |= file.takes_from_others;
                only_gathers &= file.only_gathers;
                kustomizations.insert(path, id);
            }
        }
        for patch in &additions.patches {
            let says = patch.target.as_ref().unwrap_or(&patch.patch);
            let says = kustomization::kind_of(says);
            self.add_patched(&tree, root.as_bstr(), &says, &mut patched)?;
        }
        let mut ids = BTreeSet::new();
        let (mut is_twice, mut is_spoilt) = (false, false);
        let mut named = BTreeSet::new();
        for (_, id) in &walk.resources {
            let outline = self.outline(reader, *id)?;
            is_spoilt |= outline.is_spoilt;
            for object in outline.objects.iter() {
                named.extend(object.namespace.clone());
                is_twice |= !ids.insert(object.clone());
            }
        }
        match own.is_none() && additions.namespace.is_none() {
            true => named.extend(walk.namespaces.iter().cloned()),
            false => named.clear(),
        }
        let is_refused =
            !walk.refusals.is_empty() || !Bases::of(&walk, self, cancel)?.refusals.is_empty();
        let is_independent = is_refused
            || !(takes
                || is_twice
                || walk.obscure
                || !walk.remotes.is_empty()
                || !walk.problems.is_empty());
        let is_plain = is_refused
            || (is_independent
                && only_gathers
                && additions.namespace.is_none()
                && additions.name_prefix.is_none()
                && additions.name_suffix.is_none());
        let namespaces = Namespaces {
            own,
            placed: walk.placed_alike(),
            named,
        };
        let told = match (is_refused, is_plain && !is_spoilt) {
            (true, _) => Some(Merges::default()),
            (false, true) => Merges::of(additions, &self.masking),
            (false, false) => None,
        };
        Ok(Some(Gathering {
            resources: walk.resources.into_iter().collect(),
            closure: walk.closure,
            kustomizations,
            namespaces,
            is_refused,
            is_independent,
            is_plain,
            told,
            patched,
        }))
    }

    /// Adds the kinds that a patch in a directory's kustomization may be for.
    fn add_patched(
        &self,
        tree: &Tree,
        directory: &BStr,
        patched: &Patched,
        kinds: &mut Kinds,
    ) -> Result<()> {
        match patched {
            Patched::Any => kinds.any = true,
            Patched::Kind(kind) => kinds.add(kind),
            Patched::File(file) => {
                let objects = match tree.file_at(directory, BStr::new(file))? {
                    Some(id) => Arc::clone(&self.outline(tree.reader, id)?.objects),
                    None => Arc::default(),
                };
                // What names no object is a list of operations.
                kinds.any |= objects.is_empty();
                objects.iter().for_each(|object| kinds.add(&object.kind));
            }
        }
        Ok(())
    }

    /// Whether the documents in a file that is gathered may be why a patch fails, and with it the build.
    fn may_fail(&self, reader: &Reader, gathering: &Gathering, blob: Oid) -> Result<bool> {
        let outline = self.outline(reader, blob)?;
        let mut objects = outline.objects.iter();
        if gathering.is_refused || !objects.any(|object| gathering.patched.has(&object.kind)) {
            return Ok(false);
        }
        let Some(merges) = &gathering.told else {
            return Ok(true);
        };
        let parsed = self.parse(reader, blob)?;
        let mut documents = parsed.manifest.documents.iter();
        Ok(documents.any(|document| merges.on(document.object.clone()).is_none()))
    }

    /// The objects of a file that is gathered, as a build would make them; `None` where only a build can tell.
    pub(crate) fn told(
        &self,
        reader: &Reader,
        recipe: &Recipe,
        gathering: &Gathering,
        (path, blob): (&RepoPath, Oid),
    ) -> Result<Option<Rendering>> {
        let Some(merges) = &gathering.told else {
            return Ok(None);
        };
        let parsed = self.parse(reader, blob)?;
        let namespace = recipe.namespace.as_deref();
        let objects = plain::from_manifest(path, blob, &parsed.manifest, namespace);
        let objects: Option<Vec<_>> = objects
            .map(|mut rendered| {
                rendered.object = merges.on(rendered.object)?;
                Some(rendered)
            })
            .collect();
        let how = match self.tools.kustomize() {
            Ok(builder) if !gathering.is_refused => builder.program.how(),
            _ => How::Read,
        };
        Ok(objects.map(|objects| Rendering {
            objects,
            how,
            broken: Vec::new(),
        }))
    }

    /// The files that make all the difference between what is gathered on two sides; `None` where builds alone can tell.
    pub(crate) fn told_apart(
        &self,
        before: &Gathering,
        after: &Gathering,
    ) -> Option<Vec<Differing>> {
        let is_told = |gathering: &Gathering| gathering.told.is_some() && !gathering.is_refused;
        if self.tools.kustomize().is_err()
            || !is_told(before)
            || !is_told(after)
            || before.namespaces != after.namespaces
        {
            return None;
        }
        let paths: BTreeSet<&RepoPath> = before
            .resources
            .keys()
            .chain(after.resources.keys())
            .collect();
        let of = |gathering: &Gathering, path: &RepoPath| gathering.resources.get(path).copied();
        let files = paths.into_iter().map(|path| Differing {
            path: path.clone(),
            before: of(before, path),
            after: of(after, path),
        });
        Some(files.filter(|file| file.before != file.after).collect())
    }

    /// What becomes of the objects that `may_be` names where `changes` lead from the tree `before` to one gathered like
    /// `after`. The second answer is what is gathered before, where that was found to differ.
    pub(crate) fn stays(
        &self,
        reader: &Reader,
        recipe: &Recipe,
        (before, changes): (Oid, &[PathChange]),
        after: &Gathering,
        may_be: &dyn Fn(&ObjectRef) -> bool,
        cancel: &Cancel,
    ) -> Result<(Stays, Option<Gathering>)> {
        let mut stays = Stays::Same;
        let mut regathers = false;
        for change in changes {
            if !after.reads(&change.path) {
                continue;
            }
            if !after.is_independent {
                stays = Stays::Unknown;
                regathers = true;
                break;
            }
            match self.stays_but_for(reader, after, change, may_be)? {
                Some(Stays::Same) => {}
                Some(Stays::Written) if matches!(stays, Stays::Same) => stays = Stays::Written,
                Some(Stays::Written) => {}
                Some(Stays::Unknown | Stays::Otherwise) => {
                    stays = Stays::Unknown;
                    regathers = true;
                }
                None => regathers = true,
            }
        }
        if !regathers {
            return Ok((stays, None));
        }
        let Some(gathered) = self.gathering(reader, before, recipe, cancel)? else {
            return Ok((Stays::Unknown, None));
        };
        let stays = if gathered.namespaces != after.namespaces {
            Stays::Otherwise
        } else {
            let is_known = match stays {
                Stays::Same => true,
                Stays::Written => gathered.told.is_some(),
                Stays::Unknown | Stays::Otherwise => false,
            };
            match is_known && self.gather_alike(reader, &gathered, after, may_be)? {
                true => stays,
                false => Stays::Unknown,
            }
        };
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
            // What is not built is not read for anything but its documents.
            let is_read = !after.is_refused && after.closure.contains(change.path.as_ref());
            return Ok(Some(match is_read {
                true => Stays::Unknown,
                false => Stays::Same,
            }));
        }
        let may_fail = self.may_fail(reader, after, old)? || self.may_fail(reader, after, new)?;
        let (old, new) = (self.outline(reader, old)?, self.outline(reader, new)?);
        let is_its = |objects: &[ObjectRef]| objects.iter().any(may_be);
        let is_placed_otherwise = namespaces(&old.objects) != namespaces(&new.objects);
        let is_spoilt = old.is_spoilt || new.is_spoilt;
        Ok(Some(if may_fail || (is_spoilt && !after.is_refused) {
            Stays::Unknown
        } else if is_its(&old.objects) || is_its(&new.objects) {
            match after.told.is_some() && !is_placed_otherwise {
                true => Stays::Written,
                false => Stays::Unknown,
            }
        } else if is_placed_otherwise {
            return Ok(None);
        } else if old.objects == new.objects {
            Stays::Same
        } else if after.is_plain {
            // Unless the same is in two files now: nothing can be built then.
            return Ok(None);
        } else {
            Stays::Unknown
        }))
    }

    /// Whether the differences between what is gathered on two sides leave the objects that `may_be` names as they are.
    fn gather_alike(
        &self,
        reader: &Reader,
        before: &Gathering,
        after: &Gathering,
        may_be: &dyn Fn(&ObjectRef) -> bool,
    ) -> Result<bool> {
        if !before.is_independent || before.is_refused != after.is_refused {
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
                if outline.is_spoilt
                    || outline.objects.iter().any(may_be)
                    || self.may_fail(reader, one, *id)?
                {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

fn namespaces(objects: &[ObjectRef]) -> BTreeSet<Option<&str>> {
    let objects = objects.iter();
    objects.map(|object| object.namespace.as_deref()).collect()
}
