//! How commands name a resource: `deploy/api -n shop --env production`, or `--path FILE`.

use clap::Args;

use super::args::Global;
use crate::review::common::Selector;

#[derive(Debug, Clone, Args, Default)]
pub struct Resource {
    /// A resource, as for kubectl: deploy/api, deployment.apps/api
    #[arg(value_name = "RESOURCE")]
    pub resource: Option<String>,
    /// Only what this file declares
    #[arg(long, value_name = "FILE")]
    pub path: Option<String>,
}

impl Resource {
    pub fn selector(&self, global: &Global) -> Selector {
        selector(global, self.resource.clone(), self.path.clone())
    }

    /// For a command that is about one resource and nothing else.
    pub fn named(&self, global: &Global, command: &str) -> anyhow::Result<Selector> {
        if self.resource.is_none() && self.path.is_none() {
            anyhow::bail!(
                "no resource is named\nhint: write KIND/NAME, e.g. `gitopsy {command} deploy/api`, or --path FILE"
            );
        }
        Ok(self.selector(global))
    }
}

pub fn selector(global: &Global, resource: Option<String>, path: Option<String>) -> Selector {
    Selector {
        environment: global.environment.clone(),
        namespace: global.namespace.clone(),
        resource,
        path,
    }
}
