//! Flux: Kustomizations that apply directories, in which there are more Kustomizations, and HelmReleases.
//!
//! A cluster is where that begins: what `flux bootstrap` wrote (`gotk-sync.yaml`), a FluxInstance, or a Kustomization that
//! no other one makes. From there every Kustomization is followed as the controllers would follow it. Each is an app, as
//! is each HelmRelease. Sources: fluxcd/kustomize-controller, helm-controller, flux2 `pkg/manifestgen/sync`,
//! controlplaneio-fluxcd/flux-operator `api/v1`.

mod clusters;
mod follow;
mod kustomization;
mod release;
mod set;
mod sources;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use super::draft::{Draft, components};
use super::kustomize::{Kustomizations, Owned};
use super::names::Siblings;
use super::orders::{self, Order};
use super::own::Own;
use crate::git::{ByteSlice, EntryKind, RepoPath, Result};
use crate::manifest::ObjectRef;
use crate::render::kustomization::Walk;
use crate::render::tree::{Tree, file_name, parent};
use crate::render::{Renderer, SourceIgnore, Tool};
use sources::Sources;

/// Files read for all Kustomizations together: thousands of them over the same thousands of files would take minutes.
const MAX_READS: usize = 2_000_000;
/// Notes of one kind.
const MAX_NOTES: usize = 8;

pub(super) fn detect(
    tree: &Tree,
    renderer: &Renderer,
    written: &[Order],
    own: &Own,
    kustomizations: &Kustomizations,
    draft: &mut Draft,
) -> Result<Owned> {
    let mut all = written.to_vec();
    all.extend(
        written
            .iter()
            .flat_map(|order| set::made_by(order, renderer)),
    );
    let written = all.as_slice();
    let mut flux = Flux {
        tree,
        renderer,
        sources: Sources {
            tree,
            renderer,
            orders: written,
        },
        own,
        siblings: Siblings::of(written.iter().map(|order| components(&order.directory()))),
        clusters: BTreeSet::new(),
        ignored: ignored(tree, draft)?,
        walks: HashMap::new(),
        seen: HashMap::new(),
        read: HashSet::new(),
        reads: 0,
        owned: Owned::default(),
        notes: BTreeMap::new(),
        draft,
    };
    flux.bootstrapped()?;
    flux.others(kustomizations)?;
    flux.releases_of_nobody()?;
    let notes = std::mem::take(&mut flux.notes);
    let owned = std::mem::take(&mut flux.owned);
    for (what, which) in notes {
        let more = which.len().saturating_sub(MAX_NOTES);
        let mut list = which[..which.len().min(MAX_NOTES)].join(", ");
        if more > 0 {
            list.push_str(&format!(", and {more} more"));
        }
        draft.notes.push(format!("{what}: {list}"));
    }
    Ok(owned)
}

/// What the repository's `.sourceignore` files say, from the root down.
fn ignored(tree: &Tree, draft: &mut Draft) -> Result<SourceIgnore> {
    let mut files: Vec<_> = tree
        .listed_below("".into())
        .iter()
        .filter(|(path, kind, _)| {
            file_name(path.as_bstr()) == SourceIgnore::FILE
                && matches!(kind, EntryKind::Blob | EntryKind::Executable)
        })
        .collect();
    files.sort_by_key(|(path, ..)| parent(path.as_bstr()).split_str("/").collect::<Vec<_>>());
    let mut ignored = SourceIgnore::default();
    for (path, _, blob) in files {
        ignored.add(parent(path.as_bstr()), &tree.reader.blob(*blob)?);
        draft.orders_read.insert(path.clone());
    }
    Ok(ignored)
}

/// The URLs and paths that Flux' objects name, for [`Own::of`].
pub(super) fn references(written: &[Order]) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    for order in written {
        let (reference, path) = match order.id().kind.as_str() {
            "Kustomization" => (order.spec(&["sourceRef"]), order.text(&["path"])),
            "HelmRelease" => (
                order.spec(&["chart", "spec", "sourceRef"]),
                order.text(&["chart", "spec", "chart"]),
            ),
            "FluxInstance" => {
                found.extend(
                    order
                        .text(&["sync", "url"])
                        .zip(order.text(&["sync", "path"])),
                );
                continue;
            }
            _ => continue,
        };
        let text = |key: &str| reference?.get(key)?.as_str();
        if text("kind") != Some("GitRepository") {
            continue;
        }
        // Whichever of that name: they are told apart by the paths later.
        let repositories = written.iter().filter(|other| {
            other.id().kind == "GitRepository" && Some(other.id().name.as_str()) == text("name")
        });
        let urls = repositories.filter_map(|repository| repository.text(&["url"]));
        found.extend(urls.flat_map(|url| path.map(|path| (url, path))));
    }
    found
}

/// The URLs that Flux was bootstrapped with.
pub(super) fn bootstrapped(written: &[Order]) -> impl Iterator<Item = &str> {
    written
        .iter()
        .filter_map(|order| match order.id().kind.as_str() {
            "GitRepository" if order.file.as_ref().is_some_and(orders::is_sync) => {
                order.text(&["url"])
            }
            "FluxInstance" => order.text(&["sync", "url"]),
            _ => None,
        })
}

fn is_kustomization(order: &Order) -> bool {
    order.id().kind == "Kustomization" && order.id().group == "kustomize.toolkit.fluxcd.io"
}

fn is_release(order: &Order) -> bool {
    order.id().kind == "HelmRelease"
}

struct Flux<'a> {
    tree: &'a Tree<'a>,
    renderer: &'a Renderer,
    sources: Sources<'a>,
    own: &'a Own,
    siblings: Siblings,
    clusters: BTreeSet<String>,
    /// What `.sourceignore` files leave out of artifacts of this repository.
    ignored: SourceIgnore,
    walks: HashMap<(RepoPath, Vec<String>, SourceIgnore), Rc<Walk>>,
    /// By cluster: what was followed, and its recipe.
    seen: HashMap<(String, ObjectRef), Tool>,
    /// Files that some Kustomization applies.
    read: HashSet<RepoPath>,
    reads: usize,
    owned: Owned,
    /// What is to be said → of which objects.
    notes: BTreeMap<String, Vec<String>>,
    draft: &'a mut Draft,
}

/// Where an order is found on the way from a cluster's root.
#[derive(Clone)]
struct Context {
    cluster: String,
    environment: String,
    root: RepoPath,
    /// The Secret that names another cluster (`spec.kubeConfig`).
    remote: Option<String>,
}

impl Flux<'_> {
    fn note(&mut self, what: &str, order: &Order) {
        let which = format!("{} {}", order.id().kind, order.id().name);
        let noted = self.notes.entry(what.to_owned()).or_default();
        noted.push(crate::text::clean_line(&which));
    }
}
