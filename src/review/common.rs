//! What several answers are made of.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cluster::Identity;
use crate::diff::{ChangeKind, FieldChange, Noise};
use crate::git::{Oid, Person};
use crate::layout::{Deployer, Destination, Pipeline, Promoter};
use crate::manifest::{Object, ObjectRef};
use crate::task::Known;

/// An environment, as every answer names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Environment {
    pub name: String,
    pub destination: Destination,
    /// The repository that it is in, if that is another than this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    pub deployer: Deployer,
    /// The pipelines that apply it, where pipelines do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pipelines: Vec<Pipeline>,
    /// Kargo's Stages that write to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub promoters: Vec<Promoter>,
    /// Staging a change here asks for the environment's name to be typed.
    pub protected: bool,
    /// The cluster its live columns come from, or why there is none.
    pub cluster: Known<Identity>,
}

/// A commit, in a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CommitLine {
    #[serde(serialize_with = "crate::git::hex")]
    pub commit: Oid,
    pub time: Timestamp,
    pub author: Person,
    pub subject: String,
    /// Made by a bot (renovate, image automation, …).
    pub bot: bool,
}

/// A pull request a commit came from, as far as git tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pull {
    pub number: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// A resource that a change touches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedResource {
    pub environment: String,
    pub app: String,
    pub object: ObjectRef,
    /// The file that declares it; `None` where a tool made it from several.
    pub path: Option<String>,
    pub change: ChangeKind,
    /// Only noise.
    pub routine: bool,
}

/// A resource that a change touches, and how.
#[derive(Debug, Clone, Serialize)]
pub struct ResourceDiff {
    #[serde(flatten)]
    pub resource: ChangedResource,
    /// Noise included: `noise` says which.
    pub fields: Vec<FieldChange>,
    pub suppressed: BTreeMap<Noise, usize>,
    /// Compared as rendered by the app's tool; `false`: as written in the sources.
    pub rendered: bool,
    /// Why this is a prediction (`the pipeline will regenerate`), where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predicted: Option<String>,
    /// The masked texts of both sides, for the text view.
    #[serde(skip)]
    pub text: Sides<String>,
    #[serde(skip)]
    pub objects: Sides<Object>,
}

/// The two sides of a change; `None` where the resource does not exist.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sides<T> {
    pub before: Option<T>,
    pub after: Option<T>,
}

/// An app whose change could not be rendered, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotRendered {
    pub environment: String,
    pub app: String,
    pub why: String,
}

/// Which of the resources an answer is about; as on the command line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selector {
    pub environment: Option<String>,
    pub namespace: Option<String>,
    /// `deploy/api`, `deployment.apps/api`.
    pub resource: Option<String>,
    pub path: Option<String>,
}

/// One resource, found: environment, app and identity.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct ResourceId {
    pub environment: String,
    pub app: String,
    pub object: ObjectRef,
}

/// An environment of a layout, in the answers' words.
pub(super) fn environment(
    environment: &crate::layout::Environment,
    cluster: Known<Identity>,
) -> Environment {
    Environment {
        name: environment.name.clone(),
        destination: environment.destination.clone(),
        repository: environment.repository.clone(),
        deployer: environment.deployer,
        pipelines: environment.pipelines.clone(),
        promoters: environment.promoters.clone(),
        protected: environment.protected,
        cluster,
    }
}

impl ResourceId {
    /// What a person would write to mean it: `deployment.apps/api`, in its environment and namespace.
    pub fn selector(&self) -> Selector {
        let ObjectRef {
            group,
            kind,
            namespace,
            name,
        } = &self.object;
        let kind = kind.to_lowercase();
        let kind = if group.is_empty() {
            kind
        } else {
            format!("{kind}.{group}")
        };
        Selector {
            environment: Some(self.environment.clone()),
            namespace: namespace.clone(),
            resource: Some(format!("{kind}/{name}")),
            path: None,
        }
    }
}

/// What partial answers share is written like anything else.
pub(super) fn shared<T: Serialize, S: serde::Serializer>(
    items: &[Arc<T>],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(items.iter().map(Arc::as_ref))
}
