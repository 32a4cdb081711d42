//! The demo's cluster while its history is played: every commit is deployed, and what people did by hand since is added.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::apply::{apply, generation};
use super::controllers::{Phase, run};
use super::desired::{Objects, Reader};
use super::manifests::Files;
use super::objects::{Key, Live, own};
use super::{Result, events};

#[derive(Default)]
pub(super) struct Cluster {
    live: Live,
    reader: Reader,
    desired: Objects,
}

impl Cluster {
    /// Deploys a commit made `at`, a pipeline's run later, and lets the rollout end: nobody saw it begin.
    pub(super) fn deploy(&mut self, files: &Files, at: Timestamp) -> Result<()> {
        let desired = self.reader.read(files)?;
        let before = std::mem::replace(&mut self.desired, desired);
        let applied = later(at, 80);
        if apply(&mut self.live, &before, &self.desired, applied) {
            run(&mut self.live, Phase::Ended, later(applied, 30));
        }
        Ok(())
    }

    /// The cluster as it is found: somebody edited it, some pods still crash, old events are forgotten.
    pub(super) fn found_at(mut self, now: Timestamp) -> Live {
        let edited = later(now, -35 * 60);
        edit_by_hand(&mut self.live, edited);
        run(&mut self.live, Phase::Ended, later(edited, 20));
        run(&mut self.live, Phase::Ended, now);
        events::expire(&mut self.live, now);
        self.live
    }
}

fn later(at: Timestamp, seconds: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_secs(seconds))
        .unwrap_or(at)
}

/// Somebody gave search in production more memory with `kubectl edit`.
fn edit_by_hand(live: &mut Live, at: Timestamp) {
    let key = Key::new("shop-production", "Deployment", "search");
    let Some(search) = live.get_mut(&key) else {
        return;
    };
    let containers = &mut search["spec"]["template"]["spec"]["containers"];
    containers[0]["resources"]["limits"]["memory"] = json!("1Gi");
    search["metadata"]["generation"] = (generation(search) + 1).into();
    let fields = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {
        "k:{\"name\":\"search\"}": {"f:resources": {"f:limits": {"f:memory": {}}}},
    }}}}});
    own(search, "kubectl-edit", None, fields, at);
}
