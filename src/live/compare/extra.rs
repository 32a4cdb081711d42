//! Which live fields that git does not set are somebody's will.

use super::stored::{is_empty, is_empty_map};
use crate::live::cause::{Role, role};
use crate::live::managers::{Manager, owners};
use crate::manifest::{FieldPath, Node, Step};

pub(super) enum Extra {
    Drift,
    Suppressed(&'static str),
}

/// Whether a live field that git does not set, or leaves empty (`is_filled`), is somebody's will.
pub(super) fn judge(
    path: &FieldPath,
    found: &Node,
    is_filled: bool,
    was_applied: bool,
    managers: &[Manager],
) -> Extra {
    if let Some(mark) = mark(path) {
        return Extra::Suppressed(mark);
    }
    if was_applied {
        return Extra::Drift;
    }
    let owners = owners(managers, path);
    // Who creates an object owns its defaults, too.
    let wanted = |manager: &&Manager| match role(manager) {
        Role::Editor => true,
        Role::Author | Role::Unknown => manager.applied(path) || is_never_defaulted(path),
        // Who applied the empty value owns what the API server put there. Flux writes out structures that git leaves out
        // (`resources: {}`).
        Role::Deployer => manager.applied(path) && !is_filled && !is_empty_map(found),
        Role::Autoscaler | Role::Controller => false,
    };
    if owners.iter().any(wanted) {
        return Extra::Drift;
    }
    match owners
        .iter()
        .all(|manager| matches!(role(manager), Role::Author | Role::Deployer))
    {
        true => Extra::Suppressed("defaults"),
        false => Extra::Suppressed("set by controllers"),
    }
}

/// The same where it is known what would be stored: everything, but for what its deployer adds to what git says when it applies
/// that, marks and structures that git leaves out.
pub(super) fn judge_planned(path: &FieldPath, found: &Node) -> Extra {
    match mark(path) {
        Some(mark) => Extra::Suppressed(mark),
        None if is_empty(found) => Extra::Suppressed("defaults"),
        None => Extra::Drift,
    }
}

/// Fields that tools leave on live objects: why they are not drift.
fn mark(path: &FieldPath) -> Option<&'static str> {
    const DEPLOYERS: &[&str] = &[
        "app.kubernetes.io/instance",
        "argocd.argoproj.io/installation-id",
        "argocd.argoproj.io/instance",
        "argocd.argoproj.io/tracking-id",
        "helm.toolkit.fluxcd.io/name",
        "helm.toolkit.fluxcd.io/namespace",
        "kustomize.toolkit.fluxcd.io/checksum",
        "kustomize.toolkit.fluxcd.io/name",
        "kustomize.toolkit.fluxcd.io/namespace",
        "app.kubernetes.io/managed-by",
        "meta.helm.sh/release-name",
        "meta.helm.sh/release-namespace",
        "gitops.jenkins-x.io/pipeline",
    ];
    let (parent, key) = match path.0.as_slice() {
        // A default that is part of what tells the item apart (`protocol: TCP`): another value would be another item.
        [.., Step::Item(keys), Step::Key(key)] if keys.iter().any(|(name, _)| name == key) => {
            return Some("defaults");
        }
        [.., Step::Key(parent), Step::Key(key)] => (parent, key),
        _ => return None,
    };
    match (parent.as_str(), key.as_str()) {
        // Source: Kubernetes' admission plugin `NamespaceLifecycle`'s successor, `NamespaceDefaultLabelName`.
        ("labels", "kubernetes.io/metadata.name") => Some("defaults"),
        ("labels" | "annotations", key) if DEPLOYERS.contains(&key) => Some("deployer's marks"),
        ("annotations", "kubectl.kubernetes.io/restartedAt") => Some("restarted by hand"),
        _ => None,
    }
}

/// Places where no default appears: free maps, and items of lists that are told apart by a key.
fn is_never_defaulted(path: &FieldPath) -> bool {
    const FREE: &[&str] = &[
        "labels",
        "annotations",
        "data",
        "binaryData",
        "nodeSelector",
        "matchLabels",
        "limits",
        "parameters",
    ];
    match path.0.as_slice() {
        [.., Step::Item(_)] => true,
        [.., Step::Key(parent), Step::Key(_)] => FREE.contains(&parent.as_str()),
        _ => false,
    }
}
