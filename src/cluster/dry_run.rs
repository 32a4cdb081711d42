//! What the API server would make of an object if it was applied: a server-side apply that is not stored.
//!
//! It takes the right to patch, which is asked for first, so that who may only read leaves no refused requests behind; and it
//! sends the object, so that one with values that are known by their masks only cannot be asked about. Everything else that is
//! done to a cluster reads.

use std::sync::PoisonError;

use kube::Resource as _;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::Wanted;
use super::connection::Connection;
use super::discovery::Resource;
use super::error;
use super::read::{in_words, live};
use crate::live::LiveObject;
use crate::manifest::{Masking, Object};
use crate::task::Why;

/// A right that was asked for: group, resource, namespace.
pub(super) type Right = (String, String, Option<String>);

impl Connection {
    /// The object as it would be stored if `manager` applied it, by force, for `desired` is what that manager wants.
    pub async fn dry_run(
        &self,
        desired: &Object,
        manager: &str,
        masking: &Masking,
    ) -> Result<LiveObject, Why> {
        if desired.root.is_masked() {
            return Err(Why::Failed(
                "it has masked values, which are not sent".to_owned(),
            ));
        }
        let mut wanted = Wanted::default();
        wanted.add(desired, None);
        let mut resources = self.resources(&wanted.kinds, &wanted).await?;
        let Some((_, resource)) = resources.pop() else {
            return Err(Why::UnknownKind(desired.id.kind.clone()));
        };
        let resource = resource?;
        let place = self.place(desired.id.namespace.as_deref(), &resource);
        let what = in_words("patch", &resource, place);
        if !self.may_patch(&resource, place).await? {
            return Err(Why::Forbidden(what));
        }
        let parameters = PatchParams::apply(manager).dry_run().force();
        let path = DynamicObject::url_path(&resource.api, place);
        let request = kube::core::Request::new(path)
            .patch(&desired.id.name, &parameters, &Patch::Apply(&desired.root))
            .map_err(|error| Why::Failed(error.to_string()))?;
        let text = self.call(&what, self.client.request_text(request)).await?;
        let value: Value = serde_json::from_str(&text)
            .map_err(|_| Why::Failed(error::no_json(&self.identity.server, &what)))?;
        live(value, &resource, masking)
            .ok_or_else(|| Why::Failed(error::no_json(&self.identity.server, &what)))
    }

    /// Whether the user may patch objects like this; asked once.
    async fn may_patch(&self, resource: &Resource, place: Option<&str>) -> Result<bool, Why> {
        let right: Right = (
            resource.api.group.clone(),
            resource.api.plural.clone(),
            place.map(str::to_owned),
        );
        let known = || self.rights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(may) = known().get(&right) {
            return Ok(*may);
        }
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {
                "verb": "patch", "group": right.0, "resource": right.1,
                "namespace": right.2.as_deref().unwrap_or_default(),
            }},
        });
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let request = kube::core::Request::new(path)
            .create(&PostParams::default(), review.to_string().into_bytes())
            .map_err(|error| Why::Failed(error.to_string()))?;
        let what = "ask for the right to patch";
        let text = self.call(what, self.client.request_text(request)).await?;
        let answer: Value = serde_json::from_str(&text)
            .map_err(|_| Why::Failed(error::no_json(&self.identity.server, what)))?;
        let may = answer["status"]["allowed"].as_bool().unwrap_or(false);
        known().insert(right, may);
        Ok(may)
    }
}
