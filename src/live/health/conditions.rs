//! Kinds without a rule of their own: `status.conditions`, as far as their meaning is common.
//!
//! kstatus (`kstatus/status/generic.go`) reads `Reconciling`, `Stalled` and `Ready`. It takes `Ready=False` for "in
//! progress", Argo CD's checks of single kinds (cert-manager, External Secrets, Flux, Knative, …) take it for Degraded
//! unless another condition says that work goes on: so does this. A kind without any such condition is assumed healthy,
//! and the verdict says so.

use super::{Decided, Health, HealthStatus, NOT_OBSERVED, reason_and_message, unobserved};
use crate::manifest::{Node, Object};

pub(super) struct Condition<'a> {
    pub status: &'a str,
    pub reason: &'a str,
    pub message: &'a str,
}

/// The condition of this type.
pub(super) fn condition<'a>(object: &'a Object, kind: &str) -> Option<Condition<'a>> {
    let conditions = object.at(&["status", "conditions"])?.as_list()?;
    conditions
        .iter()
        .find(|condition| text(condition, "type") == kind)
        .map(|condition| Condition {
            status: text(condition, "status"),
            reason: text(condition, "reason"),
            message: text(condition, "message"),
        })
}

pub(super) fn is_true(object: &Object, kind: &str) -> bool {
    condition(object, kind).is_some_and(|condition| condition.status == "True")
}

fn text<'a>(condition: &'a Node, key: &str) -> &'a str {
    condition
        .get(key)
        .and_then(Node::as_str)
        .unwrap_or_default()
}

/// Conditions that sum up the others, in the order they are asked.
const SUMMARIES: [&str; 5] = ["Ready", "Available", "Healthy", "Succeeded", "Synced"];

/// Conditions that say that work goes on, whatever Ready says.
const AT_WORK: [&str; 3] = ["Reconciling", "Issuing", "Progressing"];

pub(super) fn health(object: &Object) -> Health {
    if unobserved(object) {
        return verdict(HealthStatus::Progressing, NOT_OBSERVED.to_owned());
    }
    let said = |kind: &str| {
        let found = condition(object, kind).filter(|condition| condition.status == "True")?;
        Some(reason_and_message(found.reason, found.message))
    };
    if let Some(reason) = said("Stalled") {
        return verdict(HealthStatus::Degraded, reason);
    }
    if let Some(reason) = said("Reconciling") {
        return verdict(HealthStatus::Progressing, reason);
    }
    let Some(summary) = SUMMARIES.iter().find_map(|kind| condition(object, kind)) else {
        return Health {
            status: HealthStatus::Healthy,
            reason: String::new(),
            decided: Decided::Assumed,
        };
    };
    let reason = reason_and_message(summary.reason, summary.message);
    match summary.status {
        "True" => verdict(HealthStatus::Healthy, String::new()),
        "False" => match AT_WORK.iter().find_map(|kind| said(kind)) {
            Some(work) if reason.is_empty() => verdict(HealthStatus::Progressing, work),
            Some(_) => verdict(HealthStatus::Progressing, reason),
            None => verdict(HealthStatus::Degraded, reason),
        },
        _ => verdict(HealthStatus::Progressing, reason),
    }
}

fn verdict(status: HealthStatus, reason: String) -> Health {
    Health {
        status,
        reason,
        decided: Decided::Condition,
    }
}

#[cfg(test)]
mod tests {
    use crate::live::health::tests::table;

    #[test]
    fn every_state() {
        let rows = [
            (
                "metadata: {generation: 2}\nstatus: {observedGeneration: 1, conditions: [{type: Ready, status: 'True'}]}",
                "Progressing (condition): its controller has not seen this spec yet",
            ),
            (
                "status: {conditions: [{type: Stalled, status: 'True', reason: Gone, message: no}, {type: Ready, status: 'True'}]}",
                "Degraded (condition): Gone: no",
            ),
            (
                "status: {conditions: [{type: Reconciling, status: 'True', reason: Working}, {type: Ready, status: 'True'}]}",
                "Progressing (condition): Working",
            ),
            (
                "status: {conditions: [{type: Ready, status: 'True', reason: Issued, message: up to date}]}",
                "Healthy (condition)",
            ),
            (
                "status: {conditions: [{type: Ready, status: 'False', reason: SecretSyncedError, message: could not get secret}]}",
                "Degraded (condition): SecretSyncedError: could not get secret",
            ),
            (
                "status: {conditions: [{type: Ready, status: 'False', reason: DoesNotExist}, {type: Issuing, status: 'True'}]}",
                "Progressing (condition): DoesNotExist",
            ),
            (
                "status: {conditions: [{type: Ready, status: 'False'}, {type: Issuing, status: 'True', reason: Issuing}]}",
                "Progressing (condition): Issuing",
            ),
            (
                "status: {conditions: [{type: Ready, status: Unknown, reason: Waiting}]}",
                "Progressing (condition): Waiting",
            ),
            (
                "status: {conditions: [{type: Synced, status: 'False', reason: A}, {type: Ready, status: 'True'}]}",
                "Healthy (condition)",
            ),
            (
                "status: {conditions: [{type: Available, status: 'False', reason: A}]}",
                "Degraded (condition): A",
            ),
            (
                "status: {conditions: [{type: Succeeded, status: 'True'}]}",
                "Healthy (condition)",
            ),
            (
                "status: {conditions: [{type: Other, status: 'False'}]}",
                "Healthy (assumed)",
            ),
            ("status: {conditions: what}", "Healthy (assumed)"),
            ("data: {}", "Healthy (assumed)"),
        ];
        table("example.com/v1", "Widget", &rows);
    }
}
