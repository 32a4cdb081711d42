//! What the crashing containers of a resource wrote last.
//!
//! Asked for by itself: it takes another right than everything else, and what a program writes may hold anything. Secret values
//! in it are not known as such, and are shown as they are.

use serde::Serialize;

use super::common::{ResourceId, Selector};
use super::{Workspace, live, resource};
use crate::live::crashing;
use crate::manifest::ObjectRef;
use crate::task::{Known, Sink};

/// Pods of one workload crash for the same reason.
const PODS: usize = 3;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    pub select: Selector,
}

#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    pub resource: ResourceId,
    pub containers: Vec<Container>,
}

/// A container that crashes, of a pod that the resource owns or is.
#[derive(Debug, Clone, Serialize)]
pub struct Container {
    pub pod: ObjectRef,
    pub container: String,
    /// `CrashLoopBackOff ×7, exit 1`
    pub why: String,
    /// Of the run before, which ended.
    pub previous: bool,
    /// The last lines, oldest first.
    pub lines: Known<Vec<String>>,
}

/// An error where nothing crashes.
pub async fn ask(ws: &Workspace, request: Request, out: &Sink<Answer>) -> anyhow::Result<Answer> {
    let select = request.select;
    let (answer, found) = ws
        .blocking_for(out.waiting(), move |past| resource::declared(past, &select))
        .await?;
    let id = answer.resource;
    let listing = live::listing(ws, &found.environment, found.apps.iter()).await;
    let known = listing.get(&id.object);
    let cluster = match (listing.cluster(), known.why()) {
        (Ok(cluster), None) => cluster,
        (Err(why), _) => anyhow::bail!("{}: {why}", id.object),
        (_, Some(why)) => anyhow::bail!("{}: {why}", id.object),
    };
    let Some(Some(root)) = known.value() else {
        anyhow::bail!("{} is not in the cluster", id.object);
    };
    let ownership = listing.ownership();
    let pods = std::iter::once(*root).chain(ownership.below(root));
    let pods = pods.filter(|live| live.id.group.is_empty() && live.id.kind == "Pod");
    let mut containers = Vec::new();
    let mut shown = 0;
    for pod in pods {
        let crashing = crashing(&pod.object());
        if crashing.is_empty() || shown == PODS {
            continue;
        }
        shown += 1;
        for crash in crashing {
            let lines = cluster.log(&pod.id, &crash.container, crash.previous).await;
            containers.push(Container {
                pod: pod.id.clone(),
                container: crash.container,
                why: crash.why,
                previous: crash.previous,
                lines: match lines {
                    Ok(lines) => Known::Fresh(lines),
                    Err(why) => Known::Unavailable(why),
                },
            });
        }
    }
    if containers.is_empty() {
        anyhow::bail!(
            "no container of {} crashes\nhint: kubectl logs shows what the others write",
            id.object
        );
    }
    Ok(Answer {
        resource: id,
        containers,
    })
}
