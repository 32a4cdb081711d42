//! How a Deployment's pods are replaced: the Deployment controller's arithmetic of surge and unavailability, and what becomes of
//! the new pods.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::apply::generation;
use super::controllers::{Phase, set_status};
use super::objects::{
    CONTROLLERS, Key, Live, delete, own, owned, owned_by, read_time, suffix, time,
};
use super::{events, hash};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PodState {
    Starting,
    Ready,
    Crashing,
}

const REVISION: &str = "deployment.kubernetes.io/revision";

/// Identifies a pod template, as `pod-template-hash` does.
pub(super) fn template_hash(workload: &Value) -> String {
    suffix(&workload["spec"]["template"].to_string(), 10)
}

/// Whether pods of this template run out of memory while they start: they load the whole catalog, which needs a gibibyte.
/// This is what broke the demo's production; it is judged by what is configured, so that any way of undoing it works.
fn crashes(template: &Value) -> bool {
    let container = &template["spec"]["containers"][0];
    let preloads = container["env"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|variable| variable["name"] == "CATALOG_CACHE" && variable["value"] == "preload");
    let limit = container["resources"]["limits"]["memory"].as_str();
    preloads && limit.is_some_and(|limit| !limit.ends_with("Gi"))
}

/// Brings a Deployment's pods one phase further.
pub(super) fn deployment(live: &mut Live, key: &Key, phase: Phase, at: Timestamp) {
    let Some(deployment) = live.get(key).cloned() else {
        return;
    };
    let template = &deployment["spec"]["template"];
    let replicas = count(&deployment["spec"]["replicas"]);
    let current = replica_set(live, key, &deployment, at);
    let crashing = crashes(template);
    let ended_well = phase == Phase::Ended && !crashing;

    // Pods of other revisions: those that never got ready go first, the others as far as the strategy allows.
    let mut other_ready = Vec::new();
    for set in owned_by(live, &deployment, "ReplicaSet") {
        if set == current {
            continue;
        }
        for pod in pods(live, &set) {
            if is_ready(live, &pod) {
                other_ready.push(pod);
            } else {
                live.remove(&pod);
            }
        }
    }
    let updated = pods(live, &current);
    let updated_ready = updated.iter().filter(|pod| is_ready(live, pod)).count();
    let (surge, unavailable) = strategy(&deployment["spec"], replicas);
    let keep = if ended_well {
        0
    } else {
        replicas
            .saturating_sub(unavailable + updated_ready)
            .min(other_ready.len())
    };
    for pod in other_ready.iter().skip(keep) {
        live.remove(pod);
    }
    let wanted = (replicas + surge).saturating_sub(keep).min(replicas);
    let new_state = match (phase, crashing) {
        (Phase::Begun, _) => PodState::Starting,
        (Phase::Ended, true) => PodState::Crashing,
        (Phase::Ended, false) => PodState::Ready,
    };
    scale(live, &current, &deployment, wanted, new_state, at);
    for set in owned_by(live, &deployment, "ReplicaSet") {
        replica_set_status(live, &set, at);
    }
    deployment_status(live, key, &current, crashing && phase == Phase::Ended, at);
    forget_old(live, &deployment, &current);
}

fn count(value: &Value) -> usize {
    value
        .as_i64()
        .and_then(|count| usize::try_from(count).ok())
        .unwrap_or(1)
}

/// Whether its rollout has ended well.
pub(super) fn is_complete(deployment: &Value) -> bool {
    let status = &deployment["status"];
    let replicas = deployment["spec"]["replicas"].as_i64();
    status["observedGeneration"].as_i64() == Some(generation(deployment))
        && status["replicas"].as_i64() == replicas
        && status["updatedReplicas"].as_i64() == replicas
        && status["availableReplicas"].as_i64() == replicas
}

/// (surge, unavailable) as numbers; percentages are rounded up and down, as the controller does.
fn strategy(spec: &Value, replicas: usize) -> (usize, usize) {
    let rolling = &spec["strategy"]["rollingUpdate"];
    let number = |value: &Value, up: usize| match value.as_str() {
        Some(text) => {
            let percent: usize = text.trim_end_matches('%').parse().unwrap_or(25);
            (replicas * percent + up * 99) / 100
        }
        None => count(value),
    };
    (
        number(&rolling["maxSurge"], 1),
        number(&rolling["maxUnavailable"], 0),
    )
}

/// The ReplicaSet of the template as it is now, which may be one of before.
fn replica_set(live: &mut Live, key: &Key, deployment: &Value, at: Timestamp) -> Key {
    let hash = template_hash(deployment);
    let set = Key::new(
        &key.namespace,
        "ReplicaSet",
        &format!("{}-{hash}", key.name),
    );
    let highest = owned_by(live, deployment, "ReplicaSet")
        .iter()
        .filter_map(|key| live.get(key).map(revision))
        .max()
        .unwrap_or(0);
    let object = live.entry(set.clone()).or_insert_with(|| {
        let mut object = owned("apps/v1", &set, deployment, at);
        object["metadata"]["labels"] = deployment["spec"]["template"]["metadata"]["labels"].clone();
        object["metadata"]["labels"]["pod-template-hash"] = hash.as_str().into();
        object["metadata"]["generation"] = json!(1);
        object["spec"] = json!({
            "replicas": 0,
            "selector": deployment["spec"]["selector"],
            "template": deployment["spec"]["template"],
        });
        object["spec"]["selector"]["matchLabels"]["pod-template-hash"] = hash.as_str().into();
        object["spec"]["template"]["metadata"]["labels"]["pod-template-hash"] =
            hash.as_str().into();
        object
    });
    let number = match revision(object) {
        own if own == highest && own > 0 => own,
        _ => highest + 1,
    };
    object["metadata"]["annotations"][REVISION] = number.to_string().into();
    if let Some(deployment) = live.get_mut(key)
        && revision(deployment) != number
    {
        deployment["metadata"]["annotations"][REVISION] = number.to_string().into();
    }
    set
}

fn revision(object: &Value) -> i64 {
    object["metadata"]["annotations"][REVISION]
        .as_str()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

fn pods(live: &Live, set: &Key) -> Vec<Key> {
    live.get(set)
        .map(|set| owned_by(live, set, "Pod"))
        .unwrap_or_default()
}

fn is_ready(live: &Live, pod: &Key) -> bool {
    live.get(pod)
        .is_some_and(|pod| pod["status"]["containerStatuses"][0]["ready"] == true)
}

/// Brings a ReplicaSet to `wanted` pods; those that are not ready get into `state`.
fn scale(
    live: &mut Live,
    set: &Key,
    deployment: &Value,
    wanted: usize,
    state: PodState,
    at: Timestamp,
) {
    let Some(owner) = live.get(set).cloned() else {
        return;
    };
    let mut all = pods(live, set);
    // The ones that are not ready are the first to go.
    all.sort_by_key(|pod| !is_ready(live, pod));
    while all.len() > wanted {
        if let Some(pod) = all.pop() {
            live.remove(&pod);
        }
    }
    if all.len() < wanted {
        let message = format!("Scaled up replica set {} to {wanted}", set.name);
        let key = Key::new(&set.namespace, "Deployment", name_of(deployment));
        events::record(live, &key, "Normal", "ScalingReplicaSet", &message, 1, at);
    }
    let mut number = 0;
    while all.len() < wanted {
        let seed = format!("{set:?} {number} {}", at.as_second());
        let name = format!("{}-{}", set.name, suffix(&seed, 5));
        let pod = Key::new(&set.namespace, "Pod", &name);
        number += 1;
        if live.contains_key(&pod) {
            continue;
        }
        let mut object = owned("v1", &pod, &owner, at);
        fill_pod(&mut object, &owner["spec"]["template"]);
        live.insert(pod.clone(), object);
        all.push(pod);
    }
    for pod in &all {
        if !is_ready(live, pod) {
            set_pod_state(live, pod, state, at);
        }
    }
}

fn name_of(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

/// A pod's own part, from the template.
pub(super) fn fill_pod(pod: &mut Value, template: &Value) {
    let name = name_of(pod).to_owned();
    pod["metadata"]["labels"] = template["metadata"]["labels"].clone();
    if let Some(annotations) = template["metadata"].get("annotations") {
        pod["metadata"]["annotations"] = annotations.clone();
    }
    pod["spec"] = template["spec"].clone();
    pod["spec"]["nodeName"] = format!("node-{}", hash(&name) % 3 + 1).into();
}

/// Writes a pod's status.
pub(super) fn set_pod_state(live: &mut Live, key: &Key, state: PodState, at: Timestamp) {
    let Some(pod) = live.get(key) else {
        return;
    };
    let started = read_time(&pod["metadata"]["creationTimestamp"]).unwrap_or(at);
    let mut container = json!({
        "name": pod["spec"]["containers"][0]["name"],
        "image": pod["spec"]["containers"][0]["image"],
        "imageID": "",
        "ready": state == PodState::Ready,
        "started": state == PodState::Ready,
        "restartCount": 0,
        "lastState": {},
    });
    let ready = match state {
        PodState::Starting => {
            container["state"] = json!({"waiting": {"reason": "ContainerCreating"}});
            "False"
        }
        PodState::Ready => {
            container["state"] = json!({"running": {"startedAt": time(started)}});
            "True"
        }
        PodState::Crashing => {
            let crash = Crash::after(started, at);
            crash.describe(key, &mut container);
            crash.tell(live, key);
            "False"
        }
    };
    let number = hash(&key.name);
    let phase = if state == PodState::Starting {
        "Pending"
    } else {
        "Running"
    };
    let condition = |kind: &str, status: &str| json!({"type": kind, "status": status, "lastTransitionTime": time(started)});
    let status = json!({
        "phase": phase,
        "qosClass": "Burstable",
        "startTime": time(started),
        "hostIP": "192.0.2.11",
        "podIP": format!("10.244.{}.{}", number % 3, (number >> 8) % 250 + 1),
        "conditions": [
            condition("PodScheduled", "True"),
            condition("Initialized", "True"),
            condition("ContainersReady", ready),
            condition("Ready", ready),
        ],
        "containerStatuses": [container],
    });
    if let Some(pod) = live.get_mut(key) {
        let fields = super::objects::fields_of(&json!({"status": status}));
        pod["status"] = status;
        own(pod, "kubelet", Some("status"), fields, at);
    }
}

/// A container in a crash loop: it runs out of memory some minutes after each start, and waits longer and longer in between.
struct Crash {
    restarts: i64,
    /// When it ran last, from and to.
    ran: (Timestamp, Timestamp),
    now: Timestamp,
    wait: i64,
}

/// Seconds until the memory is full.
const RUNS: i64 = 300;
/// Seconds that the kubelet waits at first, doubled each time, and at most.
const FIRST_WAIT: i64 = 10;
const LONGEST_WAIT: i64 = 300;

impl Crash {
    /// Where a container started at `start` is by `now`: always in a wait, which is what one mostly sees.
    fn after(start: Timestamp, now: Timestamp) -> Crash {
        let elapsed = now.as_second() - start.as_second();
        let (mut restarts, mut from, mut wait) = (0, 0, FIRST_WAIT);
        while from + RUNS + wait + RUNS <= elapsed {
            from += RUNS + wait;
            wait = (wait * 2).min(LONGEST_WAIT);
            restarts += 1;
        }
        let at = |seconds: i64| {
            Timestamp::from_second(start.as_second() + seconds.min(elapsed)).unwrap_or(now)
        };
        Crash {
            restarts,
            ran: (at(from), at(from + RUNS)),
            now,
            wait,
        }
    }

    fn describe(&self, pod: &Key, container: &mut Value) {
        let name = container["name"].as_str().unwrap_or_default();
        let message = format!(
            "back-off {}s restarting failed container={name} pod={}_{}",
            self.wait, pod.name, pod.namespace
        );
        container["restartCount"] = self.restarts.into();
        container["state"] = json!({"waiting": {"reason": "CrashLoopBackOff", "message": message}});
        container["lastState"] = json!({"terminated": {
            "reason": "OOMKilled",
            "exitCode": 137,
            "startedAt": time(self.ran.0),
            "finishedAt": time(self.ran.1),
        }});
    }

    fn tell(&self, live: &mut Live, pod: &Key) {
        let minutes = (self.now.as_second() - self.ran.1.as_second()) / 60;
        let backing_off = 4 * self.restarts + minutes + 1;
        let message = "Back-off restarting failed container";
        events::record(
            live,
            pod,
            "Warning",
            "BackOff",
            message,
            backing_off,
            self.now,
        );
        let message = "Readiness probe failed: HTTP probe failed with statuscode: 503";
        let probes = (self.restarts + 1) * RUNS / 10;
        events::record(
            live,
            pod,
            "Warning",
            "Unhealthy",
            message,
            probes,
            self.ran.1,
        );
        let starts = self.restarts + 1;
        events::record(
            live,
            pod,
            "Normal",
            "Started",
            "Started container",
            starts,
            self.ran.0,
        );
    }
}

fn replica_set_status(live: &mut Live, key: &Key, at: Timestamp) {
    let all = pods(live, key);
    let ready = all.iter().filter(|pod| is_ready(live, pod)).count();
    let Some(set) = live.get_mut(key) else {
        return;
    };
    if set["spec"]["replicas"].as_u64() != Some(all.len() as u64) {
        set["spec"]["replicas"] = all.len().into();
        set["metadata"]["generation"] = (generation(set) + 1).into();
    }
    let mut status = json!({"observedGeneration": generation(set), "replicas": all.len()});
    if !all.is_empty() {
        status["fullyLabeledReplicas"] = all.len().into();
    }
    if ready > 0 {
        status["readyReplicas"] = ready.into();
        status["availableReplicas"] = ready.into();
    }
    set_status(set, status, at);
}

/// Seconds without progress after which a rollout counts as failed (`progressDeadlineSeconds`).
const DEADLINE: i64 = 600;

fn deployment_status(live: &mut Live, key: &Key, current: &Key, crashed: bool, at: Timestamp) {
    let Some(deployment) = live.get(key) else {
        return;
    };
    let (mut total, mut ready) = (0, 0);
    for set in owned_by(live, deployment, "ReplicaSet") {
        let pods = pods(live, &set);
        total += pods.len();
        ready += pods.iter().filter(|pod| is_ready(live, pod)).count();
    }
    let updated = pods(live, current);
    let updated_ready = updated.iter().filter(|pod| is_ready(live, pod)).count();
    let replicas = count(&deployment["spec"]["replicas"]);
    let begun = live
        .get(current)
        .and_then(|set| read_time(&set["metadata"]["creationTimestamp"]))
        .unwrap_or(at);
    let set = &current.name;
    let (status, reason, message) = if crashed && at.as_second() - begun.as_second() > DEADLINE {
        let message = format!("ReplicaSet \"{set}\" has timed out progressing.");
        ("False", "ProgressDeadlineExceeded", message)
    } else if updated_ready >= replicas {
        let message = format!("ReplicaSet \"{set}\" has successfully progressed.");
        ("True", "NewReplicaSetAvailable", message)
    } else {
        let message = format!("ReplicaSet \"{set}\" is progressing.");
        ("True", "ReplicaSetUpdated", message)
    };
    let available = ready + strategy(&deployment["spec"], replicas).1 >= replicas;
    let (available, why) = if available {
        ("True", "MinimumReplicasAvailable")
    } else {
        ("False", "MinimumReplicasUnavailable")
    };
    let mut conditions = json!([
        {"type": "Available", "status": available, "reason": why, "message": "",
         "lastTransitionTime": time(at), "lastUpdateTime": time(at)},
        {"type": "Progressing", "status": status, "reason": reason, "message": message,
         "lastTransitionTime": time(at), "lastUpdateTime": time(at)},
    ]);
    keep_times(&mut conditions, &deployment["status"]["conditions"]);
    let mut status = json!({
        "observedGeneration": generation(deployment),
        "replicas": total,
        "updatedReplicas": updated.len(),
        "readyReplicas": ready,
        "availableReplicas": ready,
        "conditions": conditions,
    });
    if ready < replicas {
        status["unavailableReplicas"] = (replicas - ready).into();
    }
    if let Some(deployment) = live.get_mut(key) {
        let mut fields = super::objects::fields_of(&json!({"status": status}));
        fields["f:metadata"] = json!({"f:annotations": {format!("f:{REVISION}"): {}}});
        deployment["status"] = status;
        own(deployment, CONTROLLERS, Some("status"), fields, at);
    }
}

/// A condition that did not change keeps the time it changed last.
fn keep_times(conditions: &mut Value, before: &Value) {
    let before = before.as_array().cloned().unwrap_or_default();
    for condition in conditions.as_array_mut().into_iter().flatten() {
        let same = |old: &&Value| old["type"] == condition["type"];
        let Some(old) = before.iter().find(same) else {
            continue;
        };
        if old["status"] == condition["status"] {
            condition["lastTransitionTime"] = old["lastTransitionTime"].clone();
        }
        if old["reason"] == condition["reason"] {
            condition["lastUpdateTime"] = old["lastUpdateTime"].clone();
        }
    }
}

/// Old ReplicaSets without pods go, but for the newest few.
fn forget_old(live: &mut Live, deployment: &Value, current: &Key) {
    let limit = count(&deployment["spec"]["revisionHistoryLimit"]);
    let mut old: Vec<Key> = owned_by(live, deployment, "ReplicaSet");
    old.retain(|set| set != current && pods(live, set).is_empty());
    old.sort_by_key(|set| std::cmp::Reverse(live.get(set).map(revision)));
    for set in old.into_iter().skip(limit) {
        delete(live, &set);
    }
}
