//! The demo's controllers: what Kubernetes would do about the objects applied, in two phases that can be watched. In the first
//! a rollout has begun, in the second it has ended: well, or, for the one bad configuration of the demo, in a crash loop.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::apply::generation;
use super::objects::{CONTROLLERS, Key, Live, fields_of, own, owned, owned_by, read_time, time};
use super::{events, rollout};

/// How far controllers have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Begun,
    Ended,
}

/// Lets every controller act once.
pub(super) fn run(live: &mut Live, phase: Phase, at: Timestamp) {
    if phase == Phase::Ended {
        for key in keys(live, |kind, _| kind == "HorizontalPodAutoscaler") {
            autoscaler(live, &key, at);
        }
    }
    for key in keys(live, needs_work) {
        match key.kind.as_str() {
            "Deployment" => rollout::deployment(live, &key, phase, at),
            "StatefulSet" => stateful_set(live, &key, phase, at),
            "CronJob" => cron_job(live, &key, at),
            "Ingress" => {
                let address = json!({"loadBalancer": {"ingress": [{"ip": "203.0.113.10"}]}});
                settle(live, &key, at, address);
            }
            "Namespace" => settle(live, &key, at, json!({"phase": "Active"})),
            "PersistentVolumeClaim" => bind(live, &key, at),
            _ => {}
        }
    }
}

fn keys(live: &Live, wanted: impl Fn(&str, &Value) -> bool) -> Vec<Key> {
    live.iter()
        .filter(|(key, object)| wanted(&key.kind, object))
        .map(|(key, _)| key.clone())
        .collect()
}

fn needs_work(kind: &str, object: &Value) -> bool {
    match kind {
        "Deployment" => !rollout::is_complete(object),
        "StatefulSet" => !is_complete(object),
        "CronJob" => true,
        "Ingress" | "Namespace" | "PersistentVolumeClaim" => object.get("status").is_none(),
        _ => false,
    }
}

/// Sets a status that never changes again.
fn settle(live: &mut Live, key: &Key, at: Timestamp, status: Value) {
    if let Some(object) = live.get_mut(key) {
        set_status(object, status, at);
    }
}

/// Writes a status as the controller manager does.
pub(super) fn set_status(object: &mut Value, status: Value, at: Timestamp) {
    if object.get("status") == Some(&status) {
        return;
    }
    let fields = fields_of(&json!({"status": status}));
    object["status"] = status;
    own(object, CONTROLLERS, Some("status"), fields, at);
}

fn bind(live: &mut Live, key: &Key, at: Timestamp) {
    let Some(object) = live.get(key) else {
        return;
    };
    let status = json!({
        "phase": "Bound",
        "accessModes": object["spec"]["accessModes"],
        "capacity": object["spec"]["resources"]["requests"],
    });
    settle(live, key, at, status);
}

/// The load that the demo's autoscaled apps are under needs this many replicas, and keeps each this busy.
const LOAD: i64 = 5;
const UTILIZATION: i64 = 63;

fn autoscaler(live: &mut Live, key: &Key, at: Timestamp) {
    let Some(scaler) = live.get(key) else {
        return;
    };
    let spec = &scaler["spec"];
    let limits = (spec["minReplicas"].as_i64(), spec["maxReplicas"].as_i64());
    let (min, max) = (limits.0.unwrap_or(1), limits.1.unwrap_or(1));
    let target = spec["scaleTargetRef"]["name"].as_str().unwrap_or_default();
    let target = Key::new(&key.namespace, "Deployment", target);
    let wanted = LOAD.min(max).max(min);
    let Some(deployment) = live.get_mut(&target) else {
        return;
    };
    if deployment["spec"]["replicas"].as_i64() != Some(wanted) {
        deployment["spec"]["replicas"] = wanted.into();
        deployment["metadata"]["generation"] = (generation(deployment) + 1).into();
        let fields = json!({"f:spec": {"f:replicas": {}}});
        own(deployment, CONTROLLERS, Some("scale"), fields, at);
        let message = format!(
            "New size: {wanted}; reason: cpu resource utilization (percentage of request) above target"
        );
        events::record(live, key, "Normal", "SuccessfulRescale", &message, 1, at);
    }
    if let Some(scaler) = live.get_mut(key) {
        let condition = |kind: &str, status: &str, reason: &str| {
            json!({
                "type": kind, "status": status, "reason": reason, "message": "",
                "lastTransitionTime": scaler["metadata"]["creationTimestamp"],
            })
        };
        let status = json!({
            "currentReplicas": wanted,
            "desiredReplicas": wanted,
            "currentMetrics": [{
                "type": "Resource",
                "resource": {"name": "cpu", "current": {"averageUtilization": UTILIZATION, "averageValue": "63m"}},
            }],
            "conditions": [
                condition("AbleToScale", "True", "ReadyForNewScale"),
                condition("ScalingActive", "True", "ValidMetricFound"),
                condition("ScalingLimited", "False", "DesiredWithinRange"),
            ],
        });
        set_status(scaler, status, at);
    }
}

/// Replaces the pods of a StatefulSet and makes its volumes.
fn stateful_set(live: &mut Live, key: &Key, phase: Phase, at: Timestamp) {
    let Some(set) = live.get(key).cloned() else {
        return;
    };
    let revision = format!("{}-{}", key.name, rollout::template_hash(&set));
    let replicas = set["spec"]["replicas"].as_i64().unwrap_or(1);
    let moved = set["status"]["updateRevision"] != *revision;
    for number in 0..replicas {
        let pod = Key::new(&key.namespace, "Pod", &format!("{}-{number}", key.name));
        if moved || !live.contains_key(&pod) {
            let mut object = owned("v1", &pod, &set, at);
            rollout::fill_pod(&mut object, &set["spec"]["template"]);
            object["metadata"]["labels"]["controller-revision-hash"] = revision.as_str().into();
            live.insert(pod.clone(), object);
        }
        let state = match phase {
            Phase::Begun => rollout::PodState::Starting,
            Phase::Ended => rollout::PodState::Ready,
        };
        rollout::set_pod_state(live, &pod, state, at);
        for template in set["spec"]["volumeClaimTemplates"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let name = template["metadata"]["name"].as_str().unwrap_or_default();
            let claim = Key::new(
                &key.namespace,
                "PersistentVolumeClaim",
                &format!("{name}-{}", pod.name),
            );
            if !live.contains_key(&claim) {
                live.insert(claim.clone(), claim_of(template, &claim, at));
                bind(live, &claim, at);
            }
        }
    }
    let ready = if phase == Phase::Ended {
        replicas
    } else {
        replicas - 1
    };
    let before = match (phase, set["status"]["currentRevision"].as_str()) {
        (Phase::Begun, Some(before)) => before.to_owned(),
        _ => revision.clone(),
    };
    let status = json!({
        "observedGeneration": generation(&set),
        "replicas": replicas,
        "readyReplicas": ready,
        "availableReplicas": ready,
        "currentReplicas": ready,
        "updatedReplicas": replicas,
        "currentRevision": before,
        "updateRevision": revision,
        "collisionCount": 0,
    });
    if let Some(set) = live.get_mut(key) {
        set_status(set, status, at);
    }
}

fn is_complete(set: &Value) -> bool {
    let status = &set["status"];
    status["observedGeneration"].as_i64() == Some(generation(set))
        && status["readyReplicas"].as_i64() == set["spec"]["replicas"].as_i64()
}

/// A volume made from a StatefulSet's template: nobody's, so that it outlives the set.
fn claim_of(template: &Value, key: &Key, at: Timestamp) -> Value {
    let mut claim = owned("v1", key, &Value::Null, at);
    if let Some(metadata) = claim["metadata"].as_object_mut() {
        metadata.remove("ownerReferences");
    }
    claim["spec"] = template["spec"].clone();
    super::defaults::fill(&mut claim, key);
    claim
}

/// Runs a CronJob when its time has come: daily, at the minute and hour its schedule begins with.
fn cron_job(live: &mut Live, key: &Key, at: Timestamp) {
    let Some(cron) = live.get(key) else {
        return;
    };
    let schedule = cron["spec"]["schedule"].as_str().unwrap_or_default();
    let mut parts = schedule
        .split(' ')
        .map_while(|part| part.parse::<i64>().ok());
    let (Some(minute), Some(hour)) = (parts.next(), parts.next()) else {
        return;
    };
    const DAY: i64 = 24 * 60 * 60;
    let due = (hour * 60 + minute) * 60;
    let last = (at.as_second() - due).div_euclid(DAY) * DAY + due;
    let Ok(last) = Timestamp::from_second(last) else {
        return;
    };
    let known = read_time(&cron["status"]["lastScheduleTime"]);
    let created = read_time(&cron["metadata"]["creationTimestamp"]);
    if known == Some(last) || created.is_none_or(|created| created > last) {
        return;
    }
    let cron = cron.clone();
    for job in owned_by(live, &cron, "Job") {
        live.remove(&job);
    }
    let name = format!("{}-{}", key.name, last.as_second() / 60);
    let job = Key::new(&key.namespace, "Job", &name);
    let done = last
        .checked_add(SignedDuration::from_secs(41))
        .unwrap_or(last);
    let mut object = owned("batch/v1", &job, &cron, last);
    object["spec"] = cron["spec"]["jobTemplate"]["spec"].clone();
    object["spec"]["backoffLimit"] = json!(6);
    object["spec"]["completions"] = json!(1);
    object["spec"]["parallelism"] = json!(1);
    object["status"] = json!({
        "startTime": time(last),
        "completionTime": time(done),
        "succeeded": 1,
        "conditions": [{"type": "Complete", "status": "True", "lastTransitionTime": time(done)}],
    });
    live.insert(job, object);
    if let Some(cron) = live.get_mut(key) {
        let status = json!({"lastScheduleTime": time(last), "lastSuccessfulTime": time(done)});
        set_status(cron, status, done);
    }
}
