//! Whether a change may have unmade an object that no file declares, for the log of such an object: before it was made it is
//! the same nothing in thousands of commits, and finding the layout of each would take all the time.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::declared::{Between, Said, unsaid};
use super::{App, Layout, describes_layout, own};
use crate::git::{BStr, ByteSlice, EntryKind, Oid, PathChange, Reader, RepoPath};
use crate::manifest::{Node, Object, ObjectRef};
use crate::render::kustomization::{self, is_kustomization_name};
use crate::render::tree::{Tree, file_name, is_manifest_name, parent};
use crate::render::{Additions, Chart, Error, How, Outline, Recipe, Renderer, SourceIgnore, Tool};
use crate::task::Cancel;

type Result<T> = std::result::Result<T, Error>;

/// An object that no file declares.
pub struct Unwritten<'a> {
    /// Whether an object may be it, by kind and name.
    pub is_it: &'a dyn Fn(&ObjectRef) -> bool,
    /// It is a ConfigMap or a Secret, which kustomizations make.
    pub config: bool,
}

/// The apps of a tree, laid out as `layout`, that may make an object.
pub fn makers(
    reader: &Reader,
    renderer: &Renderer,
    layout: &Layout,
    tree: Oid,
    object: &Unwritten<'_>,
    cancel: &Cancel,
) -> Result<Vec<App>> {
    let look = Look {
        reader,
        renderer,
        tree,
        object,
        cancel,
    };
    let mut makers = Vec::new();
    for app in &layout.apps {
        let may_make = match app.recipe.tool {
            Tool::Plain | Tool::Unavailable(_) => false,
            Tool::Kustomize(_) => look.may_hold(&app.recipe)?,
            // Most charts are elsewhere; with one that was fetched, it is there.
            Tool::Helm(ref helm) => {
                matches!(helm.chart, Chart::Local(_)) || {
                    let made = renderer.render_until(reader, tree, &app.recipe, cancel)?;
                    !matches!(made.how, How::Sources { .. })
                }
            }
            Tool::Items(_) | Tool::Helmfile(_) | Tool::ResourceSet(_) => true,
        };
        if may_make {
            makers.push(app.clone());
        }
    }
    Ok(makers)
}

/// Whether an object that is in no app after a row may have been in one before. `known` is the layout after the row, or a later
/// one since which neither the object nor what may make it came; `makers` are those of [`makers`] in it. `false` is certain.
pub fn may_be_unmade(
    reader: &Reader,
    renderer: &Renderer,
    (known, makers): (&Layout, &[App]),
    row: Between<'_>,
    object: &Unwritten<'_>,
    cancel: &Cancel,
) -> Result<bool> {
    let look = Look {
        reader,
        renderer,
        tree: row.before,
        object,
        cancel,
    };
    for change in row.changes {
        let mut touched = makers.iter().filter(|app| app.recipe.touches(&change.path));
        if touched.next().is_some() || look.may_unmake(known, change)? {
            return Ok(true);
        }
    }
    Ok(false)
}

struct Look<'a> {
    reader: &'a Reader,
    renderer: &'a Renderer,
    /// Before the row.
    tree: Oid,
    object: &'a Unwritten<'a>,
    cancel: &'a Cancel,
}

impl Look<'_> {
    fn may_unmake(&self, known: &Layout, change: &PathChange) -> Result<bool> {
        let path = change.path.as_bstr();
        let file = |side: Option<(EntryKind, _)>| match side {
            Some((EntryKind::Blob | EntryKind::Executable, blob)) => Some(blob),
            _ => None,
        };
        let (before, after) = (file(change.before), file(change.after));
        if before.is_none() && change.before.is_some() {
            return Ok(true);
        }
        let by_kustomizations = || {
            let mut apps = known.apps.iter();
            apps.try_fold(false, |may, app| match app.recipe.tool {
                Tool::Kustomize(_) if !may && app.recipe.touches(path) => {
                    self.may_hold(&app.recipe)
                }
                _ => Ok(may),
            })
        };
        let name = file_name(path);
        if is_kustomization_name(name) {
            return Ok(self.may_gather(parent(path), &mut BTreeSet::new())? || by_kustomizations()?);
        }
        if describes_layout(path) || name == SourceIgnore::FILE {
            return Ok(true);
        }
        if !is_manifest_name(path) {
            // A patch may be called anything.
            return by_kustomizations();
        }
        let outline = |blob: Option<Oid>| match blob {
            Some(blob) => self.renderer.outline(self.reader, blob).map(Some),
            None => Ok(None),
        };
        let (old, new) = (outline(before)?, outline(after)?);
        let Some(old) = old else {
            return Ok(false);
        };
        if self.may_have_ordered(change, &old, new.as_deref())? {
            return Ok(true);
        }
        match old.objects.is_empty() || new.is_none_or(|new| new.objects != old.objects) {
            true => by_kustomizations(),
            false => Ok(false),
        }
    }

    /// Whether orders that are not given any more, or otherwise, may have had the object made.
    fn may_have_ordered(
        &self,
        change: &PathChange,
        old: &Outline,
        new: Option<&Outline>,
    ) -> Result<bool> {
        if new.is_some_and(|new| new.declares == old.declares) {
            return Ok(false);
        }
        self.may_be_ordered(change, old, &mut BTreeSet::new())
    }

    /// Whether orders that a file gave, and does not give any more, may have had the object made. `seen`: directories that were
    /// looked at already.
    fn may_be_ordered(
        &self,
        change: &PathChange,
        old: &Outline,
        seen: &mut BTreeSet<RepoPath>,
    ) -> Result<bool> {
        for order in unsaid(self.reader, self.renderer, change)? {
            let may_make = match order.id.kind.as_str() {
                _ if !order.is_order() => false,
                "OCIRepository" | "Bucket" => false,
                "Kustomization" => self.may_apply(&order, seen)?,
                _ => true,
            };
            if may_make || (self.object.is_it)(&order.id) {
                return Ok(true);
            }
        }
        // Releases are not in what is said, for nothing but their own app depends on them.
        if !old.objects.iter().any(|id| id.kind == "HelmRelease") {
            return Ok(false);
        }
        let Some((_, blob)) = change.before else {
            return Ok(false);
        };
        let parsed = self.renderer.parse(self.reader, blob)?;
        let mut objects = parsed
            .manifest
            .documents
            .iter()
            .map(|document| &document.object);
        Ok(objects.any(|object| object.id.kind == "HelmRelease" && !is_chart_elsewhere(object)))
    }

    /// Whether the object may have been among what a directory's kustomization gathers, or what the orders among that make.
    fn may_gather(&self, directory: &BStr, seen: &mut BTreeSet<RepoPath>) -> Result<bool> {
        if !seen.insert(directory.into()) {
            return Ok(false);
        }
        if self.may_hold(&of_directory(directory))? {
            return Ok(true);
        }
        let tree = Tree::at(self.reader, self.tree);
        let walk = kustomization::walk_with(&tree, directory, &generating(), self.renderer)?;
        for (path, blob) in walk.resources {
            let old = self.renderer.outline(self.reader, blob)?;
            let change = PathChange {
                path: Arc::new(path),
                before: Some((EntryKind::Blob, blob)),
                after: None,
            };
            if self.may_be_ordered(&change, &old, seen)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn may_apply(&self, order: &Said, seen: &mut BTreeSet<RepoPath>) -> Result<bool> {
        const RENAMING: [&str; 6] = [
            "components",
            "namePrefix",
            "nameSuffix",
            "patches",
            "patchesJson6902",
            "postBuild",
        ];
        let path = order.text(&["path"]).and_then(own::rooted);
        match path {
            Some(path) if !RENAMING.iter().any(|field| order.says(field)) => {
                self.may_gather(path.as_bstr(), seen)
            }
            _ => Ok(true),
        }
    }

    fn may_hold(&self, recipe: &Recipe) -> Result<bool> {
        let Unwritten { is_it, config } = *self.object;
        self.renderer
            .may_hold(self.reader, self.tree, recipe, is_it, config, self.cancel)
    }
}

/// Whether a release's chart is in a repository of charts.
fn is_chart_elsewhere(release: &Object) -> bool {
    let text = |path: &[&str]| release.at(path).and_then(Node::as_str);
    let source = text(&["spec", "chart", "spec", "sourceRef", "kind"]);
    let reference = text(&["spec", "chartRef", "kind"]);
    matches!(source, Some("HelmRepository" | "Bucket"))
        || reference == Some("OCIRepository")
        || text(&["spec", "chart", "repository"]).is_some()
}

/// As Flux does where a directory has no kustomization.
fn generating() -> Additions {
    Additions {
        generate: true,
        ..Additions::default()
    }
}

/// What Flux makes of a directory.
fn of_directory(path: &BStr) -> Recipe {
    Recipe {
        tool: Tool::Kustomize(Box::new(generating())),
        roots: vec![path.into()],
        closure: Vec::new(),
        namespace: None,
    }
}
