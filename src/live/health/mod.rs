//! How a live object fares, in Argo CD's words and by its kind rules, in kstatus' order: generic, kind, Ready condition,
//! assumed. One file per kind.
//!
//! The kind rules follow Argo CD's (`gitops-engine/pkg/health/health_<kind>.go` and `resource_customizations/`); each
//! file says where it departs from them. Everything read here comes from the cluster and is bounded by [`brief`].

mod apiservice;
mod conditions;
mod crd;
mod cronjob;
mod daemonset;
mod deployment;
mod gitops;
mod hpa;
mod ingress;
mod job;
pub(super) mod pod;
mod replicaset;
mod service;
mod statefulset;
mod volume;

use serde::Serialize;

use self::conditions::condition;
use super::object::LiveObject;
use crate::manifest::{Node, Object};

/// Argo CD's vocabulary, from best to worst (its `healthOrder`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub enum HealthStatus {
    Healthy,
    Suspended,
    Progressing,
    Missing,
    Degraded,
    Unknown,
}

/// How a verdict came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Decided {
    /// By the kind's rule.
    Rule,
    /// By a condition the object's controller maintains.
    Condition,
    /// The deployer's own verdict.
    Controller,
    /// It exists and nothing says otherwise.
    Assumed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    pub status: HealthStatus,
    /// `CrashLoopBackOff ×7`, `2/3 ready`; empty where there is nothing to say.
    pub reason: String,
    pub decided: Decided,
}

impl Health {
    fn rule(status: HealthStatus, reason: impl Into<String>) -> Health {
        Health {
            status,
            reason: reason.into(),
            decided: Decided::Rule,
        }
    }
}

/// The health of `object`; `owned` are the objects it owns, directly or not (pods tell why a Deployment is degraded).
pub fn health(object: &LiveObject, owned: &[&LiveObject]) -> Health {
    if object.deleted.is_some() {
        return being_deleted(&object.object());
    }
    let id = &object.id;
    let value = &object.object();
    let by_kind = match (id.group.as_str(), id.kind.as_str()) {
        ("apps" | "extensions", "Deployment") => deployment::health(value),
        ("apps" | "extensions", "ReplicaSet") | ("", "ReplicationController") => {
            replicaset::health(value)
        }
        ("apps", "StatefulSet") => statefulset::health(value),
        ("apps" | "extensions", "DaemonSet") => daemonset::health(value),
        ("", "Pod") => return pod::health(value),
        ("batch", "Job") => job::health(value),
        ("batch", "CronJob") => cronjob::health(value),
        ("", "PersistentVolumeClaim") => volume::claim(value),
        ("", "PersistentVolume") => volume::volume(value),
        ("", "Service") => service::health(value),
        ("networking.k8s.io" | "extensions", "Ingress") => ingress::health(value),
        ("autoscaling", "HorizontalPodAutoscaler") => hpa::health(value),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => crd::health(value),
        ("apiregistration.k8s.io", "APIService") => apiservice::health(value),
        ("argoproj.io", "Application" | "Rollout") => gitops::argo(value),
        (group, _) if group.ends_with(".toolkit.fluxcd.io") => gitops::flux(value),
        _ => conditions::health(value),
    };
    pod::explain(by_kind, &id.kind, owned)
}

/// Argo CD: Progressing, "Pending deletion". What it waits for is what people ask next.
fn being_deleted(object: &Object) -> Health {
    let finalizers = object
        .at(&["metadata", "finalizers"])
        .and_then(Node::as_list)
        .unwrap_or_default();
    let names: Vec<&str> = finalizers.iter().filter_map(Node::as_str).collect();
    let reason = match names.as_slice() {
        [] => "being deleted".to_owned(),
        names => brief(&format!("being deleted, waits for {}", names.join(", "))),
    };
    Health::rule(HealthStatus::Progressing, reason)
}

/// Whether the controller has not seen the present spec yet. One that never writes `observedGeneration` is not waited for.
fn unobserved(object: &Object) -> bool {
    let generation = int(object, &["metadata", "generation"]);
    let observed = int(object, &["status", "observedGeneration"]);
    matches!((generation, observed), (Some(generation), Some(observed)) if generation > observed)
}

/// As [`unobserved`], for the workloads, whose controllers always write it: absent means not seen.
fn workload_unobserved(object: &Object) -> bool {
    count(object, &["metadata", "generation"]) > count(object, &["status", "observedGeneration"])
}

const NOT_OBSERVED: &str = "its controller has not seen this spec yet";

fn int(object: &Object, path: &[&str]) -> Option<i64> {
    object.at(path).and_then(Node::as_i64)
}

/// A number that the API leaves out when it is zero.
fn count(object: &Object, path: &[&str]) -> i64 {
    int(object, path).unwrap_or(0)
}

fn text<'a>(object: &'a Object, path: &[&str]) -> Option<&'a str> {
    object
        .at(path)
        .and_then(Node::as_str)
        .filter(|text| !text.is_empty())
}

/// The first line of a message, at most this long: reasons are read in one line.
fn brief(message: &str) -> String {
    const LONGEST: usize = 160;
    let line = message.trim().lines().next().unwrap_or_default().trim_end();
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// `reason: message`, or whichever there is.
fn reason_and_message(reason: &str, message: &str) -> String {
    match (reason.trim(), message.trim()) {
        ("", message) => brief(message),
        (reason, "") => brief(reason),
        (reason, message) => brief(&format!("{reason}: {message}")),
    }
}

#[cfg(test)]
mod tests {
    //! The order of the rules, and what the kinds' own tests share. A fixture is the part of an object that the rule
    //! reads, as the API server returns it.

    use super::*;
    use crate::manifest::Masking;

    pub(super) fn object(yaml: &str) -> LiveObject {
        let mut value: serde_json::Value = serde_yaml::from_str(yaml).unwrap();
        let metadata = value
            .as_object_mut()
            .unwrap()
            .entry("metadata")
            .or_insert_with(|| serde_json::json!({}));
        metadata
            .as_object_mut()
            .unwrap()
            .entry("name")
            .or_insert_with(|| "x".into());
        LiveObject::from_json(value, &Masking::new([7; 32])).unwrap()
    }

    /// `Degraded (rule): ProgressDeadlineExceeded`
    pub(super) fn said(health: &Health) -> String {
        let decided = serde_json::to_value(health.decided).unwrap();
        let reason = if health.reason.is_empty() {
            String::new()
        } else {
            format!(": {}", health.reason)
        };
        format!(
            "{:?} ({}){reason}",
            health.status,
            decided.as_str().unwrap()
        )
    }

    /// Every fixture, an object without `apiVersion` and `kind`, gets the verdict beside it.
    pub(super) fn table(api_version: &str, kind: &str, rows: &[(&str, &str)]) {
        for (fixture, expected) in rows {
            let object = object(&format!(
                "apiVersion: {api_version}\nkind: {kind}\n{fixture}"
            ));
            assert_eq!(said(&health(&object, &[])), *expected, "{fixture}");
        }
    }

    #[test]
    fn deletion_comes_before_every_rule() {
        let rows = [
            (
                "metadata: {deletionTimestamp: '2026-03-01T10:00:00Z'}\nspec: {paused: true}",
                "Progressing (rule): being deleted",
            ),
            (
                "metadata: {deletionTimestamp: '2026-03-01T10:00:00Z', finalizers: [a/b, c]}",
                "Progressing (rule): being deleted, waits for a/b, c",
            ),
        ];
        table("apps/v1", "Deployment", &rows);
        table("v1", "Pod", &rows[1..]);
        table("example.com/v1", "Widget", &rows[1..]);
    }

    #[test]
    fn verdicts_are_ordered_from_best_to_worst() {
        use HealthStatus::*;
        let order = [Healthy, Suspended, Progressing, Missing, Degraded, Unknown];
        assert!(order.is_sorted());
    }

    #[test]
    fn a_reason_is_one_short_line() {
        assert_eq!(brief("  one\ntwo"), "one");
        assert_eq!(brief(&"ö".repeat(400)).chars().count(), 161);
        assert_eq!(reason_and_message("", "m"), "m");
        assert_eq!(reason_and_message("R", ""), "R");
        assert_eq!(reason_and_message("R", "m\nn"), "R: m");
    }
}
