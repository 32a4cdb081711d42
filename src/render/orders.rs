//! Objects that are orders to a deployer: a Kustomization or HelmRelease, an Application, and what they refer to.
//!
//! Layouts are read off them, so that a change of one may change the layout; a digest tells whether it does.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::manifest::{Document, Node, ObjectRef};

/// A digest of all that deployers' objects say, but for values written into a HelmRelease: those make objects, and do not
/// decide which there are (see [`Values::Field`](super::Values::Field)).
pub(super) fn digest(documents: &[Document]) -> Option<u64> {
    let mut orders = documents
        .iter()
        .map(|document| &document.object)
        .filter(|object| is_order(&object.id))
        .peekable();
    orders.peek()?;
    let mut hasher = DefaultHasher::new();
    for object in orders {
        (&object.id, &object.api_version).hash(&mut hasher);
        let spec = object.at(&["spec"]).and_then(Node::as_map);
        for (key, value) in spec.into_iter().flatten() {
            if object.id.kind != "HelmRelease" || key != "values" {
                (key, value).hash(&mut hasher);
            }
        }
    }
    Some(hasher.finish())
}

/// Whether a deployer takes an object as an order to deploy something.
pub(crate) fn is_order(object: &ObjectRef) -> bool {
    match object.group.as_str() {
        "argoproj.io" => matches!(
            object.kind.as_str(),
            "Application" | "ApplicationSet" | "AppProject"
        ),
        "fluxcd.controlplane.io" | "helm.fluxcd.io" | "flux.weave.works" => true,
        // They watch registries, write to git and tell people: nothing is deployed by them.
        "image.toolkit.fluxcd.io" | "notification.toolkit.fluxcd.io" => false,
        group => group.ends_with(".toolkit.fluxcd.io"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_watches_or_tells_is_no_order() {
        for (group, kind, order) in [
            ("kustomize.toolkit.fluxcd.io", "Kustomization", true),
            ("source.toolkit.fluxcd.io", "GitRepository", true),
            ("image.toolkit.fluxcd.io", "ImagePolicy", false),
            ("image.toolkit.fluxcd.io", "ImageUpdateAutomation", false),
            ("notification.toolkit.fluxcd.io", "Alert", false),
            ("notification.toolkit.fluxcd.io", "Receiver", false),
            ("argoproj.io", "Application", true),
            ("argoproj.io", "Rollout", false),
        ] {
            let object = ObjectRef {
                group: group.to_owned(),
                kind: kind.to_owned(),
                namespace: None,
                name: "shop".to_owned(),
            };
            assert_eq!(is_order(&object), order, "{group}/{kind}");
        }
    }
}
