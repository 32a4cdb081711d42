//! How the lists of kinds that are not built in are to be compared, as the server says: what its schemas are for, and by whom
//! they were installed, is no matter then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kube::api::GetParams;
use serde::Deserialize;
use serde_json::Value;

use super::connection::Connection;
use super::discovery::Resource;
use crate::manifest::{ListKeys, is_built_in};

/// What is known of some groups' versions.
#[derive(Default)]
pub struct Schemas {
    /// (group, version).
    asked: BTreeSet<(String, String)>,
    lists: Arc<ListKeys>,
}

/// A group version's schemas (source: Kubernetes, "The Kubernetes API", OpenAPI v3).
#[derive(Deserialize)]
struct Document {
    components: Components,
}

#[derive(Deserialize)]
struct Components {
    schemas: BTreeMap<String, Value>,
}

impl Connection {
    /// The types of these resources' lists. Each group version is asked for once. Where the server does not say (before 1.27, or
    /// to whom may not read it), they are told by what their items look like.
    pub async fn lists(&self, resources: impl Iterator<Item = &Resource>) -> Arc<ListKeys> {
        let wanted: BTreeSet<(String, String)> = resources
            .filter(|resource| !is_built_in(&resource.api.group))
            .map(|resource| (resource.api.group.clone(), resource.api.version.clone()))
            .collect();
        let mut schemas = self.schemas.lock().await;
        for (group, version) in wanted {
            if !schemas.asked.insert((group.clone(), version.clone())) {
                continue;
            }
            let path = kube::core::Request::new(format!("/openapi/v3/apis/{group}"));
            let Ok(request) = path.get(&version, &GetParams::default()) else {
                continue;
            };
            let asked = self.client.request::<Document>(request);
            if let Ok(document) = self.call("read its schemas", asked).await {
                learn(&document, &group, Arc::make_mut(&mut schemas.lists));
            }
        }
        Arc::clone(&schemas.lists)
    }
}

fn learn(document: &Document, group: &str, lists: &mut ListKeys) {
    for schema in document.components.schemas.values() {
        let kinds = schema.get("x-kubernetes-group-version-kind");
        for kind in kinds.and_then(Value::as_array).into_iter().flatten() {
            if let Some(kind) = kind.get("kind").and_then(Value::as_str) {
                lists.learn(group, kind, schema);
            }
        }
    }
}
