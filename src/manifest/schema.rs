//! What the API's schema says of lists that a manifest alone does not: how their items are told apart.

use super::object::Object;
use super::path::FieldPath;

/// How items of a list are told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListType {
    /// By these fields of each item (kubectl's patchMergeKey, `x-kubernetes-list-map-keys`).
    Map(Vec<String>),
    /// A set of scalars (`finalizers`): order carries no meaning.
    Set,
    /// By position; order carries meaning.
    Atomic,
}

/// The list types of the built-in kinds, extended by the CRDs that were seen.
#[derive(Debug, Clone, Default)]
pub struct ListKeys {}

impl ListKeys {
    /// The built-in kinds' lists (source: Kubernetes OpenAPI, `x-kubernetes-patch-merge-key`).
    pub fn builtin() -> ListKeys {
        todo!()
    }

    /// Learns `x-kubernetes-list-type` and `-map-keys` from a CustomResourceDefinition; other objects are ignored.
    pub fn learn(&mut self, crd: &Object) {
        let _ = crd;
        todo!()
    }

    pub fn list_type(&self, object: &Object, path: &FieldPath) -> ListType {
        let _ = (object, path);
        todo!()
    }
}
