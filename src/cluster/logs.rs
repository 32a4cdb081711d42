//! The last lines that a container wrote. Only on demand: they may be long, hold anything, and take a right of their own.

use kube::Resource as _;
use kube::api::{DynamicObject, LogParams};
use kube::discovery::ApiResource;

use super::connection::Connection;
use crate::manifest::ObjectRef;
use crate::task::Why;

const LINES: i64 = 100;
const BYTES: i64 = 64 << 10;

impl Connection {
    /// `previous`: of the run before, which ended.
    pub async fn log(
        &self,
        pod: &ObjectRef,
        container: &str,
        previous: bool,
    ) -> Result<Vec<String>, Why> {
        let namespace = pod.namespace.as_deref().unwrap_or(&self.namespace);
        let what = format!("get logs of pod {} in {namespace}", pod.name);
        let parameters = LogParams {
            container: Some(container.to_owned()),
            previous,
            tail_lines: Some(LINES),
            limit_bytes: Some(BYTES),
            ..LogParams::default()
        };
        let pods = ApiResource::from_gvk_with_plural(
            &kube::api::GroupVersionKind::gvk("", "v1", "Pod"),
            "pods",
        );
        let path = DynamicObject::url_path(&pods, Some(namespace));
        let request = kube::core::Request::new(path)
            .logs(&pod.name, &parameters)
            .map_err(|error| Why::Failed(error.to_string()))?;
        let text = self.call(&what, self.client.request_text(request)).await?;
        Ok(text.lines().map(str::to_owned).collect())
    }
}
