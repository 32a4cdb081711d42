//! An app's sources → objects, by the real tool, on a throw-away export of exactly the files it may read.

use std::ops::Range;
use std::sync::Arc;

use serde::Serialize;

use crate::git::{Oid, Reader, RepoPath};
use crate::manifest::Object;

/// How an app's sources become objects.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Recipe {
    pub tool: Tool,
    /// Plain: directories and files read. Kustomize: the directory of the kustomization.
    pub roots: Vec<RepoPath>,
    /// Every path (file or directory) that can change the result, roots included.
    pub closure: Vec<RepoPath>,
    /// Objects without a namespace get this one, where their kind is namespaced.
    pub namespace: Option<String>,
}

impl Recipe {
    /// Whether a change of `path` can change the result.
    pub fn touches(&self, path: &[u8]) -> bool {
        let _ = path;
        todo!()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tool {
    /// Manifests are objects already: read, not rendered.
    Plain,
    Kustomize,
}

/// An object, and the document it comes from where that is known.
#[derive(Debug, Clone)]
pub struct RenderedObject {
    pub object: Object,
    pub source: Option<Source>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub path: RepoPath,
    pub blob: Oid,
    /// The document's bytes in the blob, and its first line (1-based).
    pub bytes: Range<usize>,
    pub line: u32,
}

/// What an app's sources give at one tree.
#[derive(Debug, Clone)]
pub struct Rendering {
    pub objects: Vec<RenderedObject>,
    pub how: How,
    /// Files that do not parse, with why (never quoting their text): shown, and the rest kept.
    pub broken: Vec<(RepoPath, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "by")]
pub enum How {
    /// Plain manifests.
    Read,
    /// `kustomize v5.5.0`.
    Tool { name: String, version: String },
    /// The tool is missing or the build failed: these are the sources, not what gets applied, and why.
    Sources { why: String },
}

/// Renders, and remembers: a result is keyed by the object ids of the closure, so that commits that do not touch an app
/// cost nothing.
pub struct Renderer {}

impl Renderer {
    /// Never fails for bad sources: see [`Rendering::how`] and [`Rendering::broken`]. Blocks while a tool runs.
    pub fn render(&self, reader: &Reader, tree: Oid, recipe: &Recipe) -> crate::git::Result<Arc<Rendering>> {
        let _ = (reader, tree, recipe);
        todo!()
    }
}
