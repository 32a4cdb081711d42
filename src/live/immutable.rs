//! Fields that the API server refuses to change on an object that exists: it has to be deleted and created anew.
//!
//! Source: the update validation of each kind in `k8s.io/kubernetes/pkg/apis/<group>/validation`.

use crate::diff::quantity;
use crate::manifest::{FieldPath, Leaf, Node, Object, Step};

/// Whether the API server would refuse to change `path` of `object`, the present one, to `to` (`None`: removed).
pub fn is_immutable(object: &Object, path: &FieldPath, to: Option<&Node>) -> bool {
    let keys: Vec<&str> = path
        .0
        .iter()
        .map(|step| match step {
            Step::Key(key) => key.as_str(),
            Step::Item(_) | Step::Index(_) => "*",
        })
        .collect();
    match (object.id.group.as_str(), object.id.kind.as_str()) {
        ("apps", "StatefulSet") => stateful_set(&keys),
        ("apps", "Deployment" | "DaemonSet" | "ReplicaSet") => {
            keys.starts_with(&["spec", "selector"])
        }
        ("batch", "Job") => job(object, &keys),
        ("", "PersistentVolumeClaim") => claim(object, path, &keys, to),
        ("", "Pod") => pod(&keys),
        ("", "Service") => service(object, path, &keys, to),
        ("", "Secret") => {
            keys == ["type"]
                || (is_sealed(object) && matches!(keys.first(), Some(&"data" | &"stringData")))
        }
        ("", "ConfigMap") => {
            is_sealed(object) && matches!(keys.first(), Some(&"data" | &"binaryData"))
        }
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => {
            keys.first() == Some(&"roleRef")
        }
        ("storage.k8s.io", "StorageClass") => {
            matches!(
                keys.first(),
                Some(&"provisioner" | &"parameters" | &"reclaimPolicy" | &"volumeBindingMode")
            )
        }
        ("scheduling.k8s.io", "PriorityClass") => {
            matches!(keys.first(), Some(&"value" | &"preemptionPolicy"))
        }
        ("networking.k8s.io", "IngressClass") => keys.starts_with(&["spec", "controller"]),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            keys == ["spec", "group"]
                || keys == ["spec", "scope"]
                || keys == ["spec", "names", "plural"]
        }
        _ => false,
    }
}

fn stateful_set(keys: &[&str]) -> bool {
    const MUTABLE: &[&str] = &[
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    ];
    matches!(keys, ["spec", field, ..] if !MUTABLE.contains(field))
}

fn job(object: &Object, keys: &[&str]) -> bool {
    let ["spec", field, ..] = keys else {
        return false;
    };
    let text = |path: &[&str]| object.at(path).and_then(Node::as_str);
    match *field {
        // Where a suspended job may go can be changed until it has been started for the first time.
        "template" => object.at(&["spec", "suspend"]).and_then(Node::as_bool) != Some(true),
        "completions" => text(&["spec", "completionMode"]) != Some("Indexed"),
        "selector"
        | "completionMode"
        | "podFailurePolicy"
        | "successPolicy"
        | "backoffLimitPerIndex"
        | "managedBy" => true,
        _ => false,
    }
}

/// Storage may grow, if its class allows; it never shrinks.
fn claim(object: &Object, path: &FieldPath, keys: &[&str], to: Option<&Node>) -> bool {
    match keys {
        ["spec", "volumeAttributesClassName"] => false,
        ["spec", "resources", "requests", "storage"] => {
            let size = |node: Option<&Node>| quantity(&plain(node?)?);
            match (size(object.root.field(path)), size(to)) {
                (Some(from), Some(to)) => to < from,
                _ => false,
            }
        }
        ["spec", "resources", ..] => false,
        ["spec", ..] => true,
        _ => false,
    }
}

fn plain(node: &Node) -> Option<String> {
    match node {
        Node::Leaf(Leaf::String(text)) => Some(text.clone()),
        Node::Leaf(Leaf::Number(number)) => Some(number.to_string()),
        _ => None,
    }
}

fn pod(keys: &[&str]) -> bool {
    match keys {
        ["spec", "containers" | "initContainers", "*", "image"] => false,
        [
            "spec",
            "activeDeadlineSeconds"
            | "terminationGracePeriodSeconds"
            | "tolerations"
            | "schedulingGates",
            ..,
        ] => false,
        ["spec", ..] => true,
        _ => false,
    }
}

/// An address that was assigned stays, unless the service gives it up by becoming an ExternalName.
fn service(object: &Object, path: &FieldPath, keys: &[&str], to: Option<&Node>) -> bool {
    let assigned = object
        .root
        .field(path)
        .and_then(Node::as_str)
        .is_some_and(|address| !address.is_empty());
    let asked = to
        .and_then(Node::as_str)
        .is_some_and(|address| !address.is_empty());
    match keys {
        ["spec", "clusterIP"] => assigned && asked,
        ["spec", "clusterIPs" | "ipFamilies", "*"] => {
            path.0.last() == Some(&Step::Index(0)) && assigned && asked
        }
        _ => false,
    }
}

/// `immutable: true` on a ConfigMap or Secret.
fn is_sealed(object: &Object) -> bool {
    object.at(&["immutable"]).and_then(Node::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Masking, parse};

    fn is(object: &str, path: &str, to: Option<&str>) -> bool {
        let object = parse(object.as_bytes(), &Masking::new([7; 32]))
            .documents
            .remove(0)
            .object;
        let steps = path.split('.').map(|key| match key.parse() {
            Ok(index) => Step::Index(index),
            Err(_) => Step::Key(key.to_owned()),
        });
        let to = to.map(|text| Node::Leaf(Leaf::String(text.to_owned())));
        is_immutable(&object, &FieldPath(steps.collect()), to.as_ref())
    }

    /// What the API server answers to each of these updates: `field is immutable`, `Forbidden: updates to …`, or nothing.
    #[test]
    fn what_the_api_server_refuses_to_update() {
        let of = |version: &str, kind: &str, rest: &str| {
            format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: a}}\n{rest}")
        };
        let stateful = of("apps/v1", "StatefulSet", "");
        let claim = of(
            "v1",
            "PersistentVolumeClaim",
            "spec: {resources: {requests: {storage: 10Gi}}}",
        );
        let service = of(
            "v1",
            "Service",
            "spec: {clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1]}",
        );
        let headless = of("v1", "Service", "");
        let job = of("batch/v1", "Job", "");
        let suspended = of("batch/v1", "Job", "spec: {suspend: true}");
        let indexed = of("batch/v1", "Job", "spec: {completionMode: Indexed}");
        let rows: &[(&str, &str, Option<&str>, bool)] = &[
            (&stateful, "spec.volumeClaimTemplates", None, true),
            (&stateful, "spec.serviceName", Some("b"), true),
            (&stateful, "spec.selector.matchLabels.app", Some("b"), true),
            (&stateful, "spec.template.spec.nodeName", Some("b"), false),
            (&stateful, "spec.replicas", Some("2"), false),
            (
                &of("apps/v1", "Deployment", ""),
                "spec.selector.matchLabels.app",
                Some("b"),
                true,
            ),
            (
                &of("apps/v1", "Deployment", ""),
                "spec.template.metadata.labels.app",
                Some("b"),
                false,
            ),
            (&of("apps/v1", "DaemonSet", ""), "spec.selector", None, true),
            (&job, "spec.template.spec.nodeName", Some("b"), true),
            (
                &suspended,
                "spec.template.spec.nodeSelector.zone",
                Some("b"),
                false,
            ),
            (&job, "spec.parallelism", Some("2"), false),
            (&job, "spec.completions", Some("2"), true),
            (&indexed, "spec.completions", Some("2"), false),
            (&claim, "spec.storageClassName", Some("fast"), true),
            (
                &claim,
                "spec.resources.requests.storage",
                Some("10240Mi"),
                false,
            ),
            (
                &claim,
                "spec.resources.requests.storage",
                Some("20Gi"),
                false,
            ),
            (&claim, "spec.resources.requests.storage", Some("10G"), true),
            (
                &claim,
                "spec.volumeAttributesClassName",
                Some("gold"),
                false,
            ),
            (
                &of("v1", "Pod", ""),
                "spec.containers.0.image",
                Some("b"),
                false,
            ),
            (
                &of("v1", "Pod", ""),
                "spec.containers.0.command",
                Some("b"),
                true,
            ),
            (&service, "spec.clusterIP", Some("10.0.0.2"), true),
            (&service, "spec.clusterIP", None, false),
            (&service, "spec.clusterIPs.0", Some("10.0.0.2"), true),
            (&headless, "spec.clusterIP", Some("10.0.0.2"), false),
            (&of("v1", "Secret", ""), "type", Some("Opaque"), true),
            (&of("v1", "Secret", ""), "data.a", Some("b"), false),
            (
                &of("v1", "ConfigMap", "immutable: true"),
                "data.a",
                Some("b"),
                true,
            ),
            (&of("v1", "ConfigMap", ""), "data.a", Some("b"), false),
            (
                &of("rbac.authorization.k8s.io/v1", "RoleBinding", ""),
                "roleRef.name",
                Some("b"),
                true,
            ),
            (
                &of("rbac.authorization.k8s.io/v1", "RoleBinding", ""),
                "subjects.0.name",
                Some("b"),
                false,
            ),
            (
                &of("apiextensions.k8s.io/v1", "CustomResourceDefinition", ""),
                "spec.scope",
                Some("Cluster"),
                true,
            ),
            (
                &of("example.com/v1", "Widget", ""),
                "spec.selector",
                Some("b"),
                false,
            ),
        ];
        for (object, path, to, expected) in rows {
            assert_eq!(is(object, path, *to), *expected, "{path} of {object}");
        }
    }
}
