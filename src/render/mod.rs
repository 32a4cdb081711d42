//! An app's sources → objects, by the real tool, on a throw-away export of exactly the files it may read.

mod additions;
mod artifact;
mod batch;
mod export;
mod fetch;
mod gathering;
mod helm;
pub(crate) mod helmfile;
mod holding;
pub(crate) mod items;
mod job;
pub(crate) mod kustomization;
mod kustomize;
mod memo;
mod merges;
pub(crate) mod orders;
mod outlines;
mod plain;
mod program;
mod remote;
pub(crate) mod resource_set;
mod scratch;
mod secrets;
mod steady;
mod stored;
pub(crate) mod substitute;
mod tool;
mod tools;
pub(crate) mod tree;

use std::ffi::OsString;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use crate::cache::Cache;
use crate::git::{self, ByteSlice, Oid, Reader, RepoPath, Result};
use crate::manifest::{self, Cause, Language, Manifest, Masking, Object, ObjectRef};
use crate::task::Cancel;
pub use artifact::SourceIgnore;
use fetch::Fetches;
pub(crate) use gathering::{Differing, Gathering, Stays};
pub(crate) use helm::is_chart;
use job::{Job, Key};
use kustomization::Kustomization;
use memo::Memo;
use outlines::Outlines;
use stored::Stored;
pub use tool::{
    Additions, Chart, Declared, Field, Helm, Helmfile, Image, Labels, Metadata, Patch, Rules,
    Substitution, Tool, Values,
};
use tools::Tools;
use tree::{Tree, is_within};

/// How an app's sources become objects.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Recipe {
    pub tool: Tool,
    /// Plain: directories and files read. Items: the same, without what is below the directories. Kustomize: the directory of the kustomization. Helm: the chart's directory, if
    /// it is in the repository, and the values files. Helmfile: the helmfile.
    pub roots: Vec<RepoPath>,
    /// Every path (file or directory) that can change the result, roots included; of a kustomization: its files.
    pub closure: Vec<RepoPath>,
    /// Objects without a namespace get this one, where their kind is namespaced.
    pub namespace: Option<String>,
}

impl Recipe {
    /// Whether a change of `path` can change the result.
    pub fn touches(&self, path: &[u8]) -> bool {
        self.closure.iter().any(|prefix| is_within(path, prefix))
    }
}

/// An object, and the file it comes from where that is known.
#[derive(Debug, Clone)]
pub struct RenderedObject {
    pub object: Object,
    pub source: Option<Source>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub path: RepoPath,
    pub blob: Oid,
    /// The document it is in the file; `None`: the file is a template (or an archive of them), and has no such document.
    pub document: Option<Place>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The document's bytes in the blob.
    pub bytes: Range<usize>,
    /// Its first line (1-based).
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

/// What a rendering came to, and by what.
struct Made {
    rendering: Rendering,
    by: By,
}

/// What decided what a rendering came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// What was read: the same would give the same again.
    Files,
    /// What is installed, or was fetched before.
    Installation,
    /// The machine, as it was just then.
    Machine,
}

impl Made {
    fn failed(why: String, by: By) -> Made {
        Made {
            rendering: Rendering::failed(why),
            by,
        }
    }
}

impl From<Rendering> for Made {
    fn from(rendering: Rendering) -> Made {
        Made {
            by: By::Files,
            rendering,
        }
    }
}

impl Rendering {
    /// Nothing, and why.
    fn failed(why: String) -> Rendering {
        Rendering {
            objects: Vec::new(),
            how: How::Sources { why },
            broken: Vec::new(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "by")]
pub enum How {
    /// Plain manifests.
    Read,
    /// `kustomize v5.5.0`.
    Tool { name: String, version: String },
    /// The tool is missing or the build failed: these are the sources, not what gets applied, and why. Comparing them with
    /// a rendering by the tool would read as changes nobody made: say `why` instead.
    Sources { why: String },
}

/// A blob read as a manifest.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) manifest: Manifest,
    /// Whether the text looks as if it were to hold objects, or is no text at all. Values files and the like that do not
    /// parse are nobody's loss.
    pub(crate) claims_objects: bool,
    /// Whether the text looks as if it were a playbook.
    pub(crate) plays: bool,
}

/// What a blob declares, in little memory.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outline {
    pub(crate) objects: Arc<[ObjectRef]>,
    /// It looks as if it held objects, and does not parse (a template is not meant to).
    pub(crate) broken: bool,
    /// It looks as if it were to hold objects once it is rendered, and holds none before.
    pub(crate) is_template: bool,
    /// It speaks of hosts, as Ansible's playbooks do.
    pub(crate) plays: bool,
    /// It has parts that are no objects, so that kustomize takes none of it.
    pub(crate) is_spoilt: bool,
    /// Stands for what the objects that deployers read say, as far as it decides what is deployed and how: `None` where
    /// there are none.
    pub(crate) declares: Option<u64>,
}

/// A manifest larger than this is not read: the API server takes 1.5 MiB per object, and etcd as much.
const MAX_MANIFEST: usize = 32 << 20;

/// About how many times the memory of a manifest's text its values take.
const VALUES_TO_TEXT: usize = 10;

/// Why there is no rendering at all. Bad sources are no such reason: see [`Rendering::how`] and [`Rendering::broken`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Git(#[from] git::Error),
    #[error("rendering was cancelled")]
    Cancelled,
}

/// Renders, and remembers: a result is keyed by the object ids of the closure, so that commits that do not touch an app
/// cost nothing. One for all threads.
pub struct Renderer {
    masking: Masking,
    tools: Tools,
    parsed: Memo<Oid, Arc<Parsed>>,
    items: Memo<(Oid, Language), Arc<Parsed>>,
    outlines: Outlines,
    kustomizations: Memo<Oid, Arc<Kustomization>>,
    listings: Memo<crate::cache::Key, Arc<helmfile::Releases>>,
    /// Helmfiles, in an environment, that helmfile cannot list without what the repository lacks.
    helmfiles: Memo<(Oid, RepoPath, Option<String>), Arc<helmfile::Sources>>,
    hopeless: Memo<(RepoPath, Option<String>), Arc<helmfile::Releases>>,
    renderings: Memo<Key, Arc<Rendering>>,
    cache: Option<Arc<Cache>>,
    fetches: Option<Fetches>,
    has_faltered: AtomicBool,
}

impl Renderer {
    /// Tools are looked up in `PATH`.
    pub fn new(masking: Masking) -> Renderer {
        Renderer {
            masking,
            tools: Tools::default(),
            parsed: Memo::new(64 << 20),
            items: Memo::new(32 << 20),
            outlines: Outlines::default(),
            kustomizations: Memo::new(16 << 20),
            listings: Memo::new(4 << 20),
            helmfiles: Memo::new(16 << 20),
            hopeless: Memo::new(4 << 20),
            renderings: Memo::new(32 << 20),
            cache: None,
            fetches: None,
            has_faltered: AtomicBool::new(false),
        }
    }

    /// Keeps charts and bases from elsewhere in `directory`, and fetches those that are not there yet where that is `allowed`.
    pub fn with_network(self, directory: PathBuf, allowed: bool) -> Renderer {
        Renderer {
            fetches: Some(Fetches::new(directory, allowed)),
            ..self
        }
    }

    /// Keeps what tools made for the next program, too.
    pub fn with_cache(mut self, cache: impl Into<Arc<Cache>>) -> Renderer {
        let cache = cache.into();
        self.tools.cache = Some(Arc::clone(&cache));
        self.cache = Some(cache);
        self
    }

    /// Keeps what the files of a repository declare for the next program, too: in the cache, where there is one.
    /// `fingerprint`: as [`crate::git::Repo::fingerprint`].
    pub fn with_repository(self, fingerprint: &str) -> Renderer {
        if let Some(cache) = &self.cache {
            let name = format!("{:?} {fingerprint}", self.masking.fingerprint());
            self.outlines.keep_in(Arc::clone(cache), name);
        }
        self
    }

    /// Looks tools up in these directories (written like `PATH`) instead.
    pub fn with_tools_in(self, path: impl Into<OsString>) -> Renderer {
        Renderer {
            tools: Tools {
                path: Some(path.into()),
                cache: self.cache.clone(),
                ..Tools::default()
            },
            ..self
        }
    }

    /// Where results are kept for the next program.
    pub fn cache(&self) -> Option<&Arc<Cache>> {
        self.cache.as_ref()
    }

    /// Whether something could not be rendered for a reason that may be over by now, and is remembered so: a tool that was
    /// killed or took too long, a full disk.
    pub fn has_faltered(&self) -> bool {
        self.has_faltered.load(Ordering::Relaxed)
    }

    /// Stands for what decides, beside files, how they are rendered: the tools, how secrets are masked, the network, and what
    /// was fetched.
    pub fn fingerprint(&self) -> String {
        let builder = self.tools.kustomize().map(|builder| &builder.program);
        let tools = [builder, self.tools.helm(), self.tools.helmfile()];
        let tools = tools.map(|tool| tool.map(|tool| (tool.name, &tool.version)));
        let fetched = self.fetches.as_ref().map(Fetches::fingerprint);
        format!("{tools:?} {:?} {fetched:?}", self.masking.fingerprint())
    }

    /// Never fails for bad sources: see [`Rendering::how`] and [`Rendering::broken`]. Blocks while a tool runs.
    pub fn render(&self, reader: &Reader, tree: Oid, recipe: &Recipe) -> Result<Arc<Rendering>> {
        match self.render_until(reader, tree, recipe, &Cancel::new()) {
            Ok(rendering) => Ok(rendering),
            Err(Error::Git(error)) => Err(error),
            // Nobody holds the other end.
            Err(Error::Cancelled) => Ok(Arc::new(Rendering::failed(Error::Cancelled.to_string()))),
        }
    }

    /// The same, until `cancel` says that nobody waits any more: that stops a tool that runs.
    pub fn render_until(
        &self,
        reader: &Reader,
        tree: Oid,
        recipe: &Recipe,
        cancel: &Cancel,
    ) -> std::result::Result<Arc<Rendering>, Error> {
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        if let Tool::ResourceSet(declared) = &recipe.tool {
            return self.declared(reader, tree, recipe, declared, cancel);
        }
        let tree = Tree::at(reader, tree);
        // What is read is found at this tree: the recipe may come from another commit.
        let job = match self.job(&tree, recipe, cancel)? {
            Ok(job) => job,
            Err(why) => return Ok(Arc::new(Rendering::failed(why))),
        };
        let key = self.key(&tree, recipe, &job)?;
        if let Some(known) = self.renderings.get(&key) {
            return Ok(known);
        }
        let tool = self.tool(&job);
        let stored = self.cache.as_ref().zip(tool).map(|(cache, tool)| {
            let key = stored::key(&key, tool.name, &tool.version, &self.masking);
            (cache, key, tool)
        });
        if let Some((cache, at, tool)) = &stored
            && let Some(bytes) = cache.get(at)
            && let Some(stored) = stored::restore(&bytes, tool.name, &tool.version)
        {
            let rendering = match (stored, &job) {
                (Stored::Rendering(rendering), _) => rendering,
                (Stored::Failure(why), Job::Kustomize(_, walk, _)) => {
                    kustomize::sources(&tree, recipe, walk, self, why)?
                }
                (Stored::Failure(why), _) => Rendering::failed(why),
            };
            return Ok(self.remember(key, rendering));
        }
        let made: Made = match &job {
            Job::Plain(files) => plain::render(&tree, recipe, files, self)?.into(),
            Job::Items(language, parts) => {
                items::render(&tree, recipe, *language, parts, self)?.into()
            }
            Job::Kustomize(additions, walk, bases) => {
                kustomize::render(&tree, recipe, additions, walk, bases, self, cancel)?
            }
            Job::Helm(helm, charts, values) => {
                helm::render(&tree, recipe, helm, charts, values, self, cancel)?
            }
            Job::Helmfile(helmfile, inputs) => {
                helmfile::render(&tree, recipe, helmfile, inputs, self, cancel)?
            }
        };
        if made.by == By::Machine {
            self.has_faltered.store(true, Ordering::Relaxed);
        }
        if let Some((cache, at, _)) = stored
            && let Some(bytes) = stored::store(&made)
        {
            cache.put(&at, &bytes);
        }
        Ok(self.remember(key, made.rendering))
    }

    /// What an object says is to be made: the object is remembered, and that is read off it.
    fn declared(
        &self,
        reader: &Reader,
        tree: Oid,
        recipe: &Recipe,
        declared: &Declared,
        cancel: &Cancel,
    ) -> std::result::Result<Arc<Rendering>, Error> {
        let from = self.render_until(reader, tree, &declared.from, cancel)?;
        let mut sets = from.objects.iter();
        let Some(set) = sets.find(|set| set.object.id == declared.object) else {
            let name = crate::text::clean_line(&declared.object.to_string());
            return Ok(Arc::new(Rendering::failed(format!("{name} is not there"))));
        };
        let rendering = match resource_set::objects(&set.object, &self.masking) {
            Ok(objects) => Rendering {
                objects: objects
                    .into_iter()
                    .map(|object| RenderedObject {
                        object: placed(object, recipe.namespace.as_deref()),
                        source: set.source.clone(),
                    })
                    .collect(),
                how: How::Read,
                broken: Vec::new(),
            },
            Err(why) => Rendering::failed(why),
        };
        Ok(Arc::new(rendering))
    }

    fn remember(&self, key: Key, rendering: Rendering) -> Arc<Rendering> {
        let rendering = Arc::new(rendering);
        let objects = rendering.objects.iter();
        let weight = objects
            .map(|rendered| weigh(&rendered.object.root))
            .sum::<usize>();
        let weight = weight + 64 * key.inputs.len();
        self.renderings.insert(key, rendering.clone(), weight);
        rendering
    }

    /// The closure of `recipe` at a tree other than the one it was found at, where files may have come and gone.
    pub fn closure(&self, reader: &Reader, tree: Oid, recipe: &Recipe) -> Result<Vec<RepoPath>> {
        match (&recipe.tool, recipe.roots.first()) {
            (Tool::Kustomize(additions), Some(root)) => {
                let tree = Tree::at(reader, tree);
                let walk = kustomization::walk_with(&tree, root.as_bstr(), additions, self)?;
                Ok(walk.closure.into_iter().collect())
            }
            _ => Ok(recipe.closure.clone()),
        }
    }

    pub(crate) fn masking(&self) -> &Masking {
        &self.masking
    }

    /// A blob read as a manifest, once.
    pub(crate) fn parse(&self, reader: &Reader, blob: Oid) -> Result<Arc<Parsed>> {
        if let Some(known) = self.parsed.get(&blob) {
            return Ok(known);
        }
        let bytes = reader.blob(blob)?;
        let manifest = match bytes.len() > MAX_MANIFEST {
            true => too_large(),
            false => manifest::parse(&bytes, &self.masking),
        };
        let parsed = Arc::new(Parsed {
            manifest,
            claims_objects: claims_objects(&bytes),
            plays: bytes.contains_str("hosts:") || bytes.contains_str("import_playbook:"),
        });
        self.parsed
            .insert(blob, parsed.clone(), VALUES_TO_TEXT * bytes.len() + 256);
        Ok(parsed)
    }

    /// A blob read as items of a language, once.
    pub(crate) fn items(
        &self,
        reader: &Reader,
        blob: Oid,
        language: Language,
    ) -> Result<Arc<Parsed>> {
        if let Some(known) = self.items.get(&(blob, language)) {
            return Ok(known);
        }
        let bytes = reader.blob(blob)?;
        let parsed = Arc::new(Parsed {
            manifest: match bytes.len() > MAX_MANIFEST {
                true => too_large(),
                false => manifest::parse_items(language, &bytes, &self.masking),
            },
            claims_objects: true,
            plays: false,
        });
        self.items.insert(
            (blob, language),
            parsed.clone(),
            VALUES_TO_TEXT * bytes.len() + 256,
        );
        Ok(parsed)
    }

    /// What a blob declares. Remembered for much longer than the manifest itself.
    pub(crate) fn outline(&self, reader: &Reader, blob: Oid) -> Result<Arc<Outline>> {
        if let Some(known) = self.outlines.get(&blob) {
            return Ok(known);
        }
        let parsed = self.parse(reader, blob)?;
        let documents = &parsed.manifest.documents;
        let outline = Outline {
            objects: documents
                .iter()
                .map(|document| document.object.id.clone())
                .collect(),
            declares: orders::digest(documents),
            plays: parsed.plays && documents.is_empty(),
            is_spoilt: parsed.manifest.others > 0
                || !parsed.manifest.broken.is_empty()
                || documents
                    .iter()
                    .any(|document| !document.duplicate_keys.is_empty()),
            is_template: parsed.claims_objects
                && documents.is_empty()
                && parsed
                    .manifest
                    .broken
                    .iter()
                    .any(|part| part.cause == Cause::Template),
            broken: parsed.claims_objects
                && parsed.manifest.broken.iter().any(|part| {
                    matches!(
                        part.cause,
                        Cause::Syntax | Cause::NotAnObject | Cause::Limit
                    )
                }),
        };
        Ok(self.outlines.insert(blob, outline))
    }

    /// A blob read as a kustomization file, once.
    pub(crate) fn kustomization(&self, reader: &Reader, blob: Oid) -> Result<Arc<Kustomization>> {
        if let Some(known) = self.kustomizations.get(&blob) {
            return Ok(known);
        }
        let bytes = reader.blob(blob)?;
        let parsed = kustomization::parse(&bytes);
        self.kustomizations
            .insert(blob, parsed.clone(), 256 + bytes.len());
        Ok(parsed)
    }
}

/// An object in the namespace it gets when it is applied.
fn placed(mut object: Object, namespace: Option<&str>) -> Object {
    object.id = placed_id(object.id, namespace);
    object
}

pub(crate) fn placed_id(mut id: ObjectRef, namespace: Option<&str>) -> ObjectRef {
    if let Some(namespace) = namespace
        && id.namespace.is_none()
        && !manifest::is_cluster_scoped(&id.group, &id.kind)
    {
        id.namespace = Some(namespace.to_owned());
    }
    id
}

fn too_large() -> Manifest {
    let why = format!("larger than {} MiB", MAX_MANIFEST >> 20);
    Manifest::unreadable(Cause::Limit, why)
}

fn claims_objects(bytes: &[u8]) -> bool {
    match bytes.to_str() {
        // No text at all (git-crypt's files begin with a zero byte): it may hold anything.
        Ok(text) => (text.contains("apiVersion") && text.contains("kind")) || text.contains('\0'),
        Err(_) => true,
    }
}

/// About how much memory a value takes, in bytes.
fn weigh(node: &manifest::Node) -> usize {
    const ENTRY: usize = 64;
    match node {
        manifest::Node::Leaf(manifest::Leaf::String(text)) => ENTRY + text.len(),
        manifest::Node::Leaf(_) => ENTRY,
        manifest::Node::List(items) => ENTRY + items.iter().map(weigh).sum::<usize>(),
        manifest::Node::Map(map) => map
            .iter()
            .map(|(key, value)| ENTRY + key.len() + weigh(value))
            .sum(),
    }
}
