//! The tools that make objects of sources, and what a deployer tells them beside the files: the parameters of a Flux
//! Kustomization or HelmRelease, of an Argo CD source, of a helmfile release.
//!
//! All of it is plain data that can be compared and hashed: a recipe is half of a cache key.

use std::collections::BTreeMap;

use crate::git::RepoPath;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Tool {
    /// Manifests are objects already: read, not rendered.
    Plain,
    Kustomize(Box<Additions>),
    Helm(Box<Helm>),
    Helmfile(Box<Helmfile>),
}

impl Tool {
    /// A kustomization as its files say, with nothing added.
    pub fn kustomize() -> Tool {
        Tool::Kustomize(Box::default())
    }
}

/// What a deployer adds to a kustomization. Flux writes it into the kustomization file of its own copy
/// (fluxcd/pkg `kustomize/kustomize_generator.go`), Argo CD does the same through `kustomize edit`
/// (argo-cd `util/kustomize/kustomize.go`); here it is written into the throw-away export.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Additions {
    /// Without a kustomization file, every manifest below the directory is a resource (Flux generates one that says so).
    pub generate: bool,
    pub namespace: Option<String>,
    pub name_prefix: Option<String>,
    pub name_suffix: Option<String>,
    pub images: Vec<Image>,
    /// (name, count)
    pub replicas: Vec<(String, u64)>,
    pub patches: Vec<Patch>,
    /// Directories, relative to the kustomization's.
    pub components: Vec<String>,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    /// Variables replaced in the result (Flux' `postBuild`).
    pub substitute: Option<Substitution>,
}

/// An entry of a kustomization's `images`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Image {
    pub name: String,
    pub new_name: Option<String>,
    pub new_tag: Option<String>,
    pub digest: Option<String>,
}

/// An entry of a kustomization's `patches`: a strategic merge or JSON 6902 patch, and a selector (a mapping in YAML).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Patch {
    pub patch: String,
    pub target: Option<String>,
}

/// Flux' `postBuild`: the variables known from the repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Substitution {
    pub variables: BTreeMap<String, String>,
    /// Some variables come from where they cannot be read (an encrypted Secret, an object that is not in the repository):
    /// a variable that is not in `variables` then stays as it is written, instead of becoming empty.
    pub incomplete: bool,
}

/// `helm template`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Helm {
    pub release: String,
    pub chart: Chart,
    /// In the order in which they override each other.
    pub value_files: Vec<RepoPath>,
    /// YAML mappings, after the files.
    pub values: Vec<String>,
    /// (name, value, whether it is a string whatever it looks like): Argo CD's `parameters`, last.
    pub parameters: Vec<(String, String, bool)>,
    pub skip_crds: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Chart {
    /// A directory of the repository.
    Local(RepoPath),
    /// A chart of a chart repository (`https://…`), or an OCI registry (`oci://…`, which names the chart itself).
    Remote {
        repository: String,
        name: String,
        /// As written: a version, or a range of them.
        version: Option<String>,
    },
    /// The deployer names a chart that the repository does not tell where to find, in words.
    Unknown(String),
}

/// `helmfile template`, for one release.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Helmfile {
    pub environment: Option<String>,
    pub release: String,
    pub namespace: Option<String>,
}
