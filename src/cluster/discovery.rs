//! Which kinds the server has, under which path, and whether they have namespaces.
//!
//! Aggregated discovery takes two requests; a server without it (before 1.26) is asked group by group, and only for the
//! groups that are wanted, so that one broken aggregated API does not hide the others.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use kube::discovery::{ApiGroup, ApiResource, Discovery, Scope, verbs};
use kube::error::DiscoveryError;

use super::connection::Connection;
use super::schema::Schemas;
use crate::task::Why;

/// What the server said it has.
pub(super) enum Discovered {
    Everything(Discovery),
    /// The groups that were asked for; one that is not here is not there.
    Groups {
        asked: BTreeSet<String>,
        found: HashMap<String, Result<ApiGroup, Why>>,
    },
}

/// A kind as it is read.
#[derive(Clone)]
pub(super) struct Resource {
    pub api: ApiResource,
    pub namespaced: bool,
}

impl Discovered {
    /// The resource to read a kind with: in this version, if the server has it, else in the one it prefers.
    pub fn resource(
        &self,
        group: &str,
        kind: &str,
        version: Option<&str>,
    ) -> Result<Resource, Why> {
        let unknown = || match group {
            "" => Why::UnknownKind(kind.to_owned()),
            group => Why::UnknownKind(format!("{kind}.{group}")),
        };
        let found = self.group(group)?.ok_or_else(unknown)?;
        let versions = version
            .into_iter()
            .chain(found.preferred_version())
            .chain(found.versions());
        versions
            .flat_map(|version| found.versioned_resources(version))
            .find(|(api, can)| api.kind == kind && can.supports_operation(verbs::LIST))
            .map(|(api, can)| Resource {
                api,
                namespaced: can.scope == Scope::Namespaced,
            })
            .ok_or_else(unknown)
    }

    fn group(&self, name: &str) -> Result<Option<&ApiGroup>, Why> {
        match self {
            Discovered::Everything(found) => Ok(found.get(name)),
            Discovered::Groups { found, .. } => found
                .get(name)
                .map(|group| group.as_ref().map_err(Why::clone))
                .transpose(),
        }
    }

    fn covers(&self, groups: &BTreeSet<&str>) -> bool {
        match self {
            Discovered::Everything(_) => true,
            Discovered::Groups { asked, .. } => groups.iter().all(|group| asked.contains(*group)),
        }
    }
}

impl Connection {
    /// What the server has of `groups`. Asked once, and again after [`Connection::forget_kinds`].
    pub async fn discover(&self, groups: &BTreeSet<&str>) -> Result<Arc<Discovered>, Why> {
        let mut known = self.discovered.lock().await;
        if let Some(known) = known.as_ref().filter(|known| known.covers(groups)) {
            return Ok(known.clone());
        }
        let found = Arc::new(self.ask(groups).await?);
        *known = Some(found.clone());
        Ok(found)
    }

    /// A CRD may have come since.
    pub async fn forget_kinds(&self) {
        *self.discovered.lock().await = None;
    }

    /// One has come: its schema may be in a document that was read before.
    pub async fn forget_schemas(&self) {
        *self.schemas.lock().await = Schemas::default();
    }

    async fn ask(&self, groups: &BTreeSet<&str>) -> Result<Discovered, Why> {
        const WHAT: &str = "list its kinds";
        let aggregated = self
            .call(WHAT, Discovery::new(self.client.clone()).run_aggregated())
            .await;
        match aggregated {
            // A server that knows no aggregated discovery answers with lists that have no items.
            Ok(found) if found.groups().next().is_some() => {
                return Ok(Discovered::Everything(found));
            }
            Ok(_) | Err(Why::Failed(_)) => {}
            Err(why) => return Err(why),
        }
        let mut found = HashMap::new();
        for group in groups {
            let asked = kube::discovery::group(&self.client, group);
            let missing = |error: &kube::Error| {
                matches!(
                    error,
                    kube::Error::Discovery(
                        DiscoveryError::MissingApiGroup(_) | DiscoveryError::EmptyApiGroup(_)
                    )
                )
            };
            let answer = self.call(WHAT, async {
                match asked.await {
                    Ok(group) => Ok(Some(group)),
                    Err(error) if missing(&error) => Ok(None),
                    Err(error) => Err(error),
                }
            });
            match answer.await {
                Ok(Some(answer)) => drop(found.insert((*group).to_owned(), Ok(answer))),
                Ok(None) => {}
                Err(why @ Why::Unreachable(_)) => return Err(why),
                Err(why) => drop(found.insert((*group).to_owned(), Err(why))),
            }
        }
        let asked = groups.iter().map(|group| (*group).to_owned()).collect();
        Ok(Discovered::Groups { asked, found })
    }
}
