//! How the lists of kinds that are not built in are to be compared: as the server's own schemas say, so that it does not matter who
//! installed a kind, and whether git has its definition.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::StreamExt;
use kube::api::GetParams;
use serde::Deserialize;
use serde_json::Value;

use super::connection::Connection;
use super::discovery::Resource;
use super::read::AT_ONCE;
use crate::manifest::{ListKeys, is_built_in};
use crate::task::Why;

type GroupVersion = (String, String);

/// What is known of some group versions.
#[derive(Default)]
pub struct Schemas {
    asked: BTreeSet<GroupVersion>,
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

/// The group versions whose schemas tell something that is not known.
pub fn wanted<'a>(resources: impl Iterator<Item = &'a Resource>) -> BTreeSet<GroupVersion> {
    resources
        .filter(|resource| !is_built_in(&resource.api.group))
        .map(|resource| (resource.api.group.clone(), resource.api.version.clone()))
        .collect()
}

impl Connection {
    /// The types of the lists in these group versions. Each is asked for once. Where the server does not say (before 1.27, or to
    /// whom may not read it), they are told by what their items look like.
    pub async fn lists(&self, wanted: BTreeSet<GroupVersion>) -> Arc<ListKeys> {
        let mut schemas = self.schemas.lock().await;
        let new = wanted
            .into_iter()
            .filter(|one| !schemas.asked.contains(one));
        let asked = new
            .collect::<Vec<_>>()
            .into_iter()
            .map(|(group, version)| async {
                let document = self.document(&group, &version).await;
                ((group, version), document)
            });
        let mut answers = futures::stream::iter(asked).buffer_unordered(AT_ONCE);
        while let Some((asked, document)) = answers.next().await {
            match document {
                Ok(document) => learn(&document, &asked.0, Arc::make_mut(&mut schemas.lists)),
                // The next list may have more luck.
                Err(Why::Unreachable(_)) => continue,
                Err(_) => {}
            }
            schemas.asked.insert(asked);
        }
        Arc::clone(&schemas.lists)
    }

    async fn document(&self, group: &str, version: &str) -> Result<Document, Why> {
        let path = kube::core::Request::new(format!("/openapi/v3/apis/{group}"));
        let request = path
            .get(version, &GetParams::default())
            .map_err(|error| Why::Failed(error.to_string()))?;
        let what = format!("read the schemas of {group}/{version}");
        self.call(&what, self.client.request(request)).await
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
