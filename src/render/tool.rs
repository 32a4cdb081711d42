//! The tools that make objects of sources, and what a deployer tells them beside the files: the parameters of a Flux
//! Kustomization or HelmRelease, of an Argo CD source, of a helmfile release.
//!
//! All of it is plain data that can be compared and hashed: a recipe is half of a cache key.

use std::collections::BTreeMap;

use super::{Recipe, SourceIgnore};
use crate::git::RepoPath;
use crate::manifest::{FieldPath, Language, ObjectRef};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Tool {
    /// Manifests are objects already: read, not rendered.
    Plain,
    /// Files of another language, whose items something other than a cluster takes.
    Items(Language),
    Kustomize(Box<Additions>),
    Helm(Box<Helm>),
    Helmfile(Box<Helmfile>),
    /// What a ResourceSet of the Flux operator makes.
    ResourceSet(Box<Declared>),
    /// The sources are not in this repository, or become objects only inside a cluster: why nothing can be made of them
    /// here, in words.
    Unavailable(String),
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
    pub rules: Rules,
    /// Without a kustomization file, every manifest below the directory is a resource (Flux generates one that says so).
    pub generate: bool,
    /// The files that are not there for it.
    pub ignore: SourceIgnore,
    pub namespace: Option<String>,
    pub name_prefix: Option<String>,
    pub name_suffix: Option<String>,
    pub images: Vec<Image>,
    /// (name, count)
    pub replicas: Vec<(String, u64)>,
    pub patches: Vec<Patch>,
    /// Directories, relative to the kustomization's.
    pub components: Vec<String>,
    /// Components that do not exist are left out, instead of failing the build.
    pub ignore_missing_components: bool,
    pub labels: Labels,
    pub annotations: BTreeMap<String, String>,
    /// An annotation that the kustomization sets already is overwritten, instead of failing the build.
    pub force_annotations: bool,
    /// Set on every object of the result (Flux' `commonMetadata`).
    pub metadata: Metadata,
    /// Variables replaced in the result (Flux' `postBuild`).
    pub substitute: Option<Substitution>,
}

/// Who writes the additions: they differ in what becomes of what is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Rules {
    /// Nobody: `kustomize build` as by hand.
    #[default]
    Kustomize,
    /// An image entry of the same name is changed where the addition says something. Files may be read from anywhere in
    /// the repository.
    Flux,
    /// An entry of the same name is replaced.
    ArgoCd,
}

/// Argo CD's `commonLabels`, and how they are set.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Labels {
    pub pairs: BTreeMap<String, String>,
    /// `labelWithoutSelector`: not on selectors.
    pub without_selectors: bool,
    /// `labelIncludeTemplates`: with the former, on the templates all the same.
    pub in_templates: bool,
    /// `forceCommonLabels`: a label that the kustomization sets already is overwritten, instead of failing the build.
    pub force: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Metadata {
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
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
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Patch {
    /// Empty where `path` names its file.
    pub patch: String,
    /// A file, relative to the kustomization's directory (Argo CD only).
    pub path: Option<String>,
    pub target: Option<String>,
    /// `allowNameChange`, `allowKindChange` (Argo CD only).
    pub options: BTreeMap<String, bool>,
}

/// Flux' `postBuild`: the variables known from the repository. Never the values of Secrets: what is put into an object
/// that is none is shown.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Substitution {
    pub variables: BTreeMap<String, String>,
    /// Where some variables come from that cannot be read (a Secret, an object that is not in the repository): a variable
    /// that is not in `variables` then stays as it is written, instead of becoming empty.
    pub unread: Vec<String>,
    /// Also where there are no variables at all (`substituteStrategy: Always`): for the defaults.
    pub always: bool,
}

/// `helm template`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Helm {
    pub release: String,
    pub chart: Chart,
    /// In the order in which they override each other.
    pub value_files: Vec<RepoPath>,
    /// After the files.
    pub values: Vec<Values>,
    /// (name, value, whether it is a string whatever it looks like): Argo CD's `parameters`, last.
    pub parameters: Vec<(String, String, bool)>,
    pub skip_crds: bool,
    /// What templates take the cluster for (`.Capabilities`); helm's own defaults where nothing is said.
    pub kube_version: Option<String>,
    pub api_versions: Vec<String>,
    pub skip_schema_validation: bool,
}

impl Helm {
    /// A release with the chart's own values.
    pub fn new(release: String, chart: Chart) -> Helm {
        Helm {
            release,
            chart,
            value_files: Vec::new(),
            values: Vec::new(),
            parameters: Vec::new(),
            skip_crds: false,
            kube_version: None,
            api_versions: Vec::new(),
            skip_schema_validation: false,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Values {
    /// A YAML mapping.
    Text(String),
    /// What an object in the repository holds. It is read at the tree that is rendered: values change with most commits,
    /// and the layout does not change with them.
    Field(Box<Field>),
}

/// A field of an object: a mapping, or the text of one (in a ConfigMap).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Field {
    /// What the object is made by, itself among the results: a file read as it is ([`Tool::Plain`]), or whatever changes the
    /// object on its way to the cluster.
    pub from: Recipe,
    pub object: ObjectRef,
    pub path: FieldPath,
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

/// An object that says what is to be made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Declared {
    /// What the object is made by, itself among the results.
    pub from: Recipe,
    pub object: ObjectRef,
}

/// One release of a helmfile.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Helmfile {
    pub environment: Option<String>,
    pub release: String,
    pub namespace: Option<String>,
}
