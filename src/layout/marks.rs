//! What objects tell about who deploys them, and which are not deployed at all.

use std::collections::BTreeSet;

use super::draft::Mark;
use crate::manifest::ObjectRef;
use crate::render::Outline;

/// Groups of documents that have `apiVersion`, `kind` and a name, and are read by programs other than the API server.
const NOT_DEPLOYED: [&str; 6] = [
    "backstage.io",
    "core.jenkins-x.io",
    "kind.x-k8s.io",
    "kpt.dev",
    "kustomize.config.k8s.io",
    "skaffold",
];

/// Kinds that run something, and give an app its name where no directory does.
const WORKLOADS: [(&str, &str); 6] = [
    ("apps", "DaemonSet"),
    ("apps", "Deployment"),
    ("apps", "StatefulSet"),
    ("argoproj.io", "Rollout"),
    ("batch", "CronJob"),
    ("serving.knative.dev", "Service"),
];

/// Whether a file holds objects for a cluster (or would, if it parsed).
pub(super) fn is_deployed(outline: &Outline) -> bool {
    outline.broken
        || outline
            .objects
            .iter()
            .any(|object| !NOT_DEPLOYED.contains(&object.group.as_str()))
}

pub(super) fn marks(outline: &Outline) -> impl Iterator<Item = Mark> {
    outline.objects.iter().filter_map(mark)
}

fn mark(object: &ObjectRef) -> Option<Mark> {
    let group = object.group.as_str();
    if group.ends_with(".toolkit.fluxcd.io") || group == "fluxcd.controlplane.io" {
        return Some(Mark::Flux);
    }
    // Rollouts and Workflows share the group, and need no Argo CD.
    let argo = matches!(
        object.kind.as_str(),
        "Application" | "ApplicationSet" | "AppProject"
    );
    (group == "argoproj.io" && argo).then_some(Mark::ArgoCd)
}

/// The names of what runs.
pub(super) fn workloads(outline: &Outline) -> impl Iterator<Item = &str> {
    outline
        .objects
        .iter()
        .filter(|object| WORKLOADS.contains(&(object.group.as_str(), object.kind.as_str())))
        .map(|object| object.name.as_str())
}

/// The one name a workload of these has.
pub(super) fn only_workload(names: &BTreeSet<String>) -> Option<&String> {
    match (names.len(), names.first()) {
        (1, Some(name)) => Some(name),
        _ => None,
    }
}
