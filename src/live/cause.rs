//! Who is behind a live field, by the name its manager gives itself.
//!
//! Names are no proof (any client may choose its own), but they are what the API server has, and the tools people work
//! with by hand have well-known ones: kubectl's are `kubectl-<verb>` (source: `k8s.io/kubectl`, the `field-manager`
//! flags), the others' are their user agent up to the first slash (source: `k8s.io/apiserver`, `managerOrUserAgent`).

use jiff::Timestamp;
use serde::Serialize;

use super::managers::{Manager, owners};
use crate::layout::Deployer;
use crate::manifest::FieldPath;

/// Why a live field is not what git says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Someone wrote it with kubectl, k9s or the like.
    ManualEdit,
    /// An autoscaler, through the scale subresource.
    Autoscaler,
    /// A controller of the cluster, or an operator.
    Controller,
    /// The deployer itself: git has changed since, or it applies something else than was rendered.
    Deployer,
    /// It is as it was applied last, and git says something else by now.
    NotApplied,
    /// Nobody owns it any more: removed from the live object, by whom is not recorded. Or never there: the API server
    /// drops fields it does not know.
    Removed,
    Unknown,
}

/// What a manager is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Changes single fields of what is there: what it owns, somebody wanted.
    Editor,
    /// Writes whole objects by hand; the API server's defaults count as its own.
    Author,
    /// Writes what git says.
    Deployer,
    Autoscaler,
    Controller,
    Unknown,
}

const EDITORS: &[&str] = &[
    "kubectl-edit",
    "kubectl-patch",
    "kubectl-label",
    "kubectl-annotate",
    "kubectl-set",
    "kubectl-scale",
    "kubectl-autoscale",
    "kubectl-rollout",
    "kubectl-taint",
    "k9s",
];

const AUTHORS: &[&str] = &[
    "kubectl-create",
    "kubectl-replace",
    "kubectl-run",
    "kubectl-expose",
    "mozilla",
    "rancher",
    "dashboard",
    "kubernetes-dashboard",
    "headlamp",
    "lens",
    "openlens",
    "freelens",
    "node-fetch",
    "octant",
    "curl",
    "python-requests",
    "openapi-generator",
    "before-first-apply",
];

const DEPLOYERS: &[&str] = &[
    "kubectl-client-side-apply",
    "kustomize-controller",
    "helm-controller",
    "helm",
    "argocd-controller",
    "argocd-application-controller",
    "argocd",
    "flux",
    "flux-client-side-apply",
    "kluctl",
    "kapp",
    "kapp-controller",
    "fleetagent",
    "terraform",
    "hashicorp",
    "pulumi",
    "gitops-demo-deployer",
];

/// Whether a deployer writes under this name. `true` where it cannot be told: pipelines apply with the same tools as people.
pub fn is_own_manager(deployer: Deployer, manager: &str) -> bool {
    const FLUX: &[&str] = &[
        "kustomize-controller",
        "helm-controller",
        "flux",
        "flux-client-side-apply",
    ];
    match deployer {
        Deployer::Flux => FLUX.contains(&manager),
        Deployer::ArgoCd => manager.starts_with("argocd"),
        _ => true,
    }
}

pub(super) fn role(manager: &Manager) -> Role {
    let name = manager.name.to_ascii_lowercase();
    let is_in = |names: &[&str]| names.contains(&name.as_str());
    match manager.subresource.as_deref() {
        // `kubectl scale` calls itself kubectl; every other client of this subresource scales by itself.
        Some("scale") if name.starts_with("kubectl") || is_in(EDITORS) || is_in(AUTHORS) => {
            Role::Editor
        }
        Some("scale") => Role::Autoscaler,
        Some("status") => Role::Controller,
        _ if is_in(EDITORS) => Role::Editor,
        _ if is_in(AUTHORS) => Role::Author,
        // Server-side apply by hand and by a pipeline look the same; a plain update under that name is an edit.
        _ if name == "kubectl" && manager.operation == "Apply" => Role::Deployer,
        _ if name == "kubectl" => Role::Editor,
        _ if is_in(DEPLOYERS) => Role::Deployer,
        _ if name.contains("autoscaler") || name == "keda-operator" => Role::Autoscaler,
        _ if is_controller(&name) => Role::Controller,
        _ => Role::Unknown,
    }
}

fn is_controller(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "kube-scheduler",
        "kubelet",
        "kube-apiserver",
        "manager",
        "controller",
        "operator",
        "cainjector",
    ];
    const PARTS: &[&str] = &[
        "controller",
        "operator",
        "cert-manager",
        "webhook",
        "istio",
        "pilot-discovery",
    ];
    NAMES.contains(&name) || PARTS.iter().any(|part| name.contains(part))
}

/// The name under which an object is applied by server-side apply, as far as its managers tell.
pub fn applier(managers: &[Manager]) -> Option<&str> {
    let appliers = managers
        .iter()
        .filter(|manager| manager.operation == "Apply" && role(manager) == Role::Deployer);
    let last = appliers.max_by_key(|manager| manager.time)?;
    Some(&last.name)
}

/// When somebody who writes what git says last wrote.
pub(super) fn last_applied(managers: &[Manager]) -> Option<Timestamp> {
    let deployers = managers.iter();
    let deployers = deployers.filter(|manager| role(manager) == Role::Deployer);
    deployers.filter_map(|manager| manager.time).max()
}

/// The manager to name for a field, and what that makes of the difference: who edited by hand comes before whoever else
/// shares the field, and of those the one that wrote last.
pub(super) fn of<'a>(managers: &'a [Manager], path: &FieldPath) -> (Cause, Option<&'a Manager>) {
    let found = owners(managers, path).into_iter().map(|manager| {
        let cause = match role(manager) {
            Role::Editor | Role::Author => Cause::ManualEdit,
            Role::Autoscaler => Cause::Autoscaler,
            Role::Controller => Cause::Controller,
            Role::Unknown => Cause::Unknown,
            Role::Deployer => Cause::Deployer,
        };
        (cause, manager)
    });
    let rank = |cause: Cause| match cause {
        Cause::ManualEdit => 0,
        Cause::Autoscaler => 1,
        Cause::Controller => 2,
        Cause::Unknown => 3,
        Cause::Deployer => 4,
        Cause::NotApplied | Cause::Removed => 5,
    };
    let best = found.min_by_key(|(cause, manager)| (rank(*cause), std::cmp::Reverse(manager.time)));
    match best {
        Some((cause, manager)) => (cause, Some(manager)),
        None => (Cause::Unknown, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn managers_are_told_apart_by_name_operation_and_subresource() {
        let rows = [
            ("kubectl-edit", "Update", None, Role::Editor),
            ("kubectl-patch", "Update", None, Role::Editor),
            ("kubectl", "Update", Some("scale"), Role::Editor),
            ("k9s", "Update", Some("scale"), Role::Editor),
            ("kubectl", "Update", None, Role::Editor),
            ("kubectl", "Apply", None, Role::Deployer),
            ("kubectl-client-side-apply", "Update", None, Role::Deployer),
            ("kustomize-controller", "Apply", None, Role::Deployer),
            ("argocd-controller", "Update", None, Role::Deployer),
            ("helm", "Update", None, Role::Deployer),
            ("kubectl-create", "Update", None, Role::Author),
            ("Mozilla", "Update", None, Role::Author),
            (
                "kube-controller-manager",
                "Update",
                Some("scale"),
                Role::Autoscaler,
            ),
            (
                "vpa-recommender-autoscaler",
                "Update",
                None,
                Role::Autoscaler,
            ),
            ("kube-controller-manager", "Update", None, Role::Controller),
            (
                "kube-controller-manager",
                "Update",
                Some("status"),
                Role::Controller,
            ),
            (
                "cert-manager-certificates-issuing",
                "Update",
                None,
                Role::Controller,
            ),
            ("some-tool", "Update", None, Role::Unknown),
        ];
        for (name, operation, subresource, expected) in rows {
            let manager = Manager {
                name: name.into(),
                operation: operation.into(),
                subresource: subresource.map(Into::into),
                time: None,
                fields: serde_json::Map::new(),
            };
            assert_eq!(
                role(&manager),
                expected,
                "{name} {operation} {subresource:?}"
            );
        }
    }
}
