//! What a live object owns, down to pods, by owner references.

use std::collections::{HashMap, HashSet};

use super::health::pod;
use super::health::{Health, HealthStatus, health};
use super::object::LiveObject;
use crate::manifest::{Node, Object, ObjectRef};

/// A node of the ownership tree.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Owned {
    pub object: ObjectRef,
    pub health: Health,
    /// `2/3 ready`, `Running, 3 restarts`; empty where there is nothing to count.
    pub summary: String,
    pub children: Vec<Owned>,
}

/// Who owns whom among the objects that were read. Built once, asked for many.
pub struct Ownership<'a> {
    /// By the owner's uid; where objects have none (a snapshot written by hand), by its kind, namespace and name.
    children: HashMap<Key<'a>, Vec<&'a LiveObject>>,
}

#[derive(PartialEq, Eq, Hash)]
enum Key<'a> {
    Uid(&'a str),
    Name {
        kind: &'a str,
        namespace: Option<&'a str>,
        name: &'a str,
    },
}

/// Deployments end at three levels, operators' objects at a few more.
const DEEPEST: usize = 16;

impl<'a> Ownership<'a> {
    pub fn new(all: impl IntoIterator<Item = &'a LiveObject>) -> Ownership<'a> {
        let mut children: HashMap<Key<'a>, Vec<&'a LiveObject>> = HashMap::new();
        for child in all {
            for owner in &child.owners {
                let key = if owner.uid.is_empty() {
                    let namespace = child.id.namespace.as_deref();
                    Key::Name {
                        kind: &owner.kind,
                        namespace,
                        name: &owner.name,
                    }
                } else {
                    Key::Uid(&owner.uid)
                };
                children.entry(key).or_default().push(child);
            }
        }
        for below in children.values_mut() {
            below.sort_by_key(|child| &child.id);
        }
        Ownership { children }
    }

    fn children(&self, owner: &'a LiveObject) -> Vec<&'a LiveObject> {
        let id = &owner.id;
        let by_uid = self
            .children
            .get(&Key::Uid(&owner.uid))
            .filter(|_| !owner.uid.is_empty());
        let name = Key::Name {
            kind: &id.kind,
            namespace: id.namespace.as_deref(),
            name: &id.name,
        };
        let by_name = self.children.get(&name);
        by_uid
            .into_iter()
            .chain(by_name)
            .flatten()
            .copied()
            .collect()
    }

    /// Everything `root` owns, directly or not, without `root`.
    pub fn below(&self, root: &'a LiveObject) -> Vec<&'a LiveObject> {
        let mut seen = HashSet::from([&root.id]);
        let mut found = Vec::new();
        let mut level = vec![root];
        for _ in 0..DEEPEST {
            level = level
                .iter()
                .flat_map(|owner| self.children(owner))
                .filter(|child| seen.insert(&child.id))
                .collect();
            found.extend(&level);
        }
        found
    }

    /// How `object` fares, with the reasons its pods give.
    pub fn health(&self, object: &'a LiveObject) -> Health {
        health(object, &self.below(object))
    }

    /// The tree below `root`. Old ReplicaSets that are scaled to nothing are counted, not listed.
    pub fn tree(&self, root: &'a LiveObject) -> Owned {
        self.node(root, &mut HashSet::new(), 0)
    }

    fn node(
        &self,
        object: &'a LiveObject,
        seen: &mut HashSet<&'a ObjectRef>,
        depth: usize,
    ) -> Owned {
        seen.insert(&object.id);
        let health = self.health(object);
        let mut summary = summary(&object.object(), &health);
        let mut children = Vec::new();
        if depth < DEEPEST {
            let mut old = 0;
            for child in self.children(object) {
                if seen.contains(&child.id) {
                    continue;
                }
                if is_scaled_down(child) && self.children(child).is_empty() {
                    old += 1;
                    continue;
                }
                children.push(self.node(child, seen, depth + 1));
            }
            if old > 0 {
                let separator = if summary.is_empty() { "" } else { ", " };
                let plural = if old == 1 { "" } else { "s" };
                summary.push_str(&format!("{separator}{old} old ReplicaSet{plural}"));
            }
        }
        Owned {
            object: object.id.clone(),
            health,
            summary,
            children,
        }
    }
}

/// The tree below `root`, out of `all` the objects read around it.
pub fn tree(root: &LiveObject, all: &[&LiveObject]) -> Owned {
    Ownership::new(all.iter().copied()).tree(root)
}

fn is_scaled_down(child: &LiveObject) -> bool {
    if child.id.kind != "ReplicaSet" {
        return false;
    }
    let object = child.object();
    let zero = |path: &[&str]| object.at(path).and_then(Node::as_i64).unwrap_or(0) == 0;
    zero(&["spec", "replicas"]) && zero(&["status", "replicas"])
}

fn summary(object: &Object, health: &Health) -> String {
    const READY: &[&str] = &["status", "readyReplicas"];
    const WANTED: &[&str] = &["spec", "replicas"];
    match (object.id.group.as_str(), object.id.kind.as_str()) {
        ("apps" | "extensions", "Deployment" | "ReplicaSet" | "StatefulSet")
        | ("", "ReplicationController") => {
            format!("{} ready", pod::of(object, READY, WANTED))
        }
        ("argoproj.io", "Rollout") => format!("{} ready", pod::of(object, READY, WANTED)),
        ("apps" | "extensions", "DaemonSet") => {
            let ready = pod::of(
                object,
                &["status", "numberReady"],
                &["status", "desiredNumberScheduled"],
            );
            format!("{ready} ready")
        }
        ("batch", "Job") => {
            let done = object
                .at(&["status", "succeeded"])
                .and_then(Node::as_i64)
                .unwrap_or(0);
            let wanted = object
                .at(&["spec", "completions"])
                .and_then(Node::as_i64)
                .unwrap_or(1);
            format!("{done}/{wanted} complete")
        }
        ("batch", "CronJob") => object
            .at(&["spec", "schedule"])
            .and_then(Node::as_str)
            .unwrap_or_default()
            .to_owned(),
        ("", "Pod") if health.status == HealthStatus::Healthy || health.reason.is_empty() => {
            pod::phase(object)
        }
        ("", "Pod") => health.reason.clone(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::manifest::Masking;

    fn object(kind: &str, name: &str, owner: Option<(&str, &str)>, rest: Value) -> LiveObject {
        let version = match kind {
            "Pod" => "v1",
            "CronJob" | "Job" => "batch/v1",
            _ => "apps/v1",
        };
        let mut value = json!({"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "shop", "uid": name}});
        if let Some((kind, name)) = owner {
            value["metadata"]["ownerReferences"] =
                json!([{"kind": kind, "name": name, "uid": name, "controller": true}]);
        }
        for (key, part) in rest.as_object().unwrap() {
            value[key] = part.clone();
        }
        LiveObject::from_json(value, &Masking::new([7; 32])).unwrap()
    }

    fn pod(name: &str, owner: (&str, &str)) -> LiveObject {
        let status = json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}], "containerStatuses": [{"name": "a", "ready": true, "restartCount": 2}]}});
        object("Pod", name, Some(owner), status)
    }

    /// `Deployment/api (1/2 ready)`, two spaces deeper at each level.
    fn lines(node: &Owned, depth: usize) -> Vec<String> {
        let mut out = vec![format!(
            "{}{} ({})",
            "  ".repeat(depth),
            node.object,
            node.summary
        )];
        out.extend(
            node.children
                .iter()
                .flat_map(|child| lines(child, depth + 1)),
        );
        out
    }

    fn shown(root: &LiveObject, all: &[LiveObject]) -> Vec<String> {
        lines(&tree(root, &all.iter().collect::<Vec<_>>()), 0)
    }

    #[test]
    fn a_deployment_owns_replica_sets_that_own_pods() {
        let of = |replicas: u8| json!({"spec": {"replicas": replicas}, "status": {"readyReplicas": replicas, "replicas": replicas}});
        let all = [
            object(
                "Deployment",
                "api",
                None,
                json!({"spec": {"replicas": 2}, "status": {"readyReplicas": 1}}),
            ),
            object("ReplicaSet", "api-2", Some(("Deployment", "api")), of(2)),
            object("ReplicaSet", "api-1", Some(("Deployment", "api")), of(0)),
            object("ReplicaSet", "api-0", Some(("Deployment", "api")), of(0)),
            pod("api-2-b", ("ReplicaSet", "api-2")),
            pod("api-2-a", ("ReplicaSet", "api-2")),
            pod("other", ("ReplicaSet", "elsewhere")),
        ];
        assert_eq!(
            shown(&all[0], &all),
            [
                "Deployment/api (1/2 ready, 2 old ReplicaSets)",
                "  ReplicaSet/api-2 (2/2 ready)",
                "    Pod/api-2-a (Running, 2 restarts)",
                "    Pod/api-2-b (Running, 2 restarts)",
            ]
        );
    }

    #[test]
    fn a_cron_job_owns_jobs_that_own_pods() {
        let all = [
            object(
                "CronJob",
                "night",
                None,
                json!({"spec": {"schedule": "0 3 * * *"}}),
            ),
            object(
                "Job",
                "night-1",
                Some(("CronJob", "night")),
                json!({"status": {"succeeded": 1}}),
            ),
            pod("night-1-x", ("Job", "night-1")),
        ];
        assert_eq!(
            shown(&all[0], &all),
            [
                "CronJob/night (0 3 * * *)",
                "  Job/night-1 (1/1 complete)",
                "    Pod/night-1-x (Running, 2 restarts)"
            ]
        );
    }

    #[test]
    fn circles_end_and_names_stand_in_for_missing_uids() {
        let mut all = [
            object("StatefulSet", "a", Some(("ReplicaSet", "b")), json!({})),
            object(
                "ReplicaSet",
                "b",
                Some(("StatefulSet", "a")),
                json!({"spec": {"replicas": 1}}),
            ),
        ];
        assert_eq!(shown(&all[0], &all).len(), 2);
        assert_eq!(Ownership::new(&all).below(&all[0]).len(), 1);
        for object in &mut all {
            object.uid.clear();
            for owner in &mut object.owners {
                owner.uid.clear();
            }
        }
        assert_eq!(shown(&all[0], &all).len(), 2);
        let own = [object(
            "ReplicaSet",
            "self",
            Some(("ReplicaSet", "self")),
            json!({}),
        )];
        assert_eq!(shown(&own[0], &own).len(), 1);
    }

    #[test]
    fn a_long_chain_is_followed_only_so_far() {
        let chain: Vec<LiveObject> = (0..60)
            .map(|n| {
                let owner = (n > 0).then(|| format!("n{}", n - 1));
                object(
                    "Widget",
                    &format!("n{n}"),
                    owner.as_deref().map(|name| ("Widget", name)),
                    json!({}),
                )
            })
            .collect();
        assert_eq!(shown(&chain[0], &chain).len(), DEEPEST + 1);
    }
}
