//! The deployers' own objects: Flux' (Argo CD: `resource_customizations/kustomize.toolkit.fluxcd.io/…/health.lua`) and
//! Argo CD's, which carry a verdict of their controller.

use super::conditions::{self, is_true};
use super::{Decided, Health, HealthStatus, brief, condition, reason_and_message, text};
use crate::manifest::{Node, Object};

pub(super) fn flux(object: &Object) -> Health {
    if object.at(&["spec", "suspend"]).and_then(Node::as_bool) == Some(true) {
        return Health::rule(HealthStatus::Suspended, "suspended");
    }
    match condition(object, "Ready") {
        Some(ready) if ready.status == "Unknown" && is_true(object, "Reconciling") => Health {
            status: HealthStatus::Progressing,
            reason: reason_and_message(ready.reason, ready.message),
            decided: Decided::Condition,
        },
        Some(_) => conditions::health(object),
        // Alerts, Providers and Receivers have had no status since their v1beta3.
        None if object.at(&["status"]).is_none() => conditions::health(object),
        None => Health {
            status: HealthStatus::Progressing,
            reason: "its controller has not reported yet".to_owned(),
            decided: Decided::Condition,
        },
    }
}

/// Applications say `status.health.status`, Rollouts `status.phase`, both in this vocabulary (but for `Paused`).
pub(super) fn argo(object: &Object) -> Health {
    let health = text(object, &["status", "health", "status"]);
    let message = text(object, &["status", "health", "message"]);
    let word = health.or_else(|| text(object, &["status", "phase"]));
    let message = message
        .or_else(|| text(object, &["status", "message"]))
        .map(brief)
        .unwrap_or_default();
    let status = match word {
        Some("Healthy") => HealthStatus::Healthy,
        Some("Suspended" | "Paused") => HealthStatus::Suspended,
        Some("Progressing") => HealthStatus::Progressing,
        Some("Missing") => HealthStatus::Missing,
        Some("Degraded") => HealthStatus::Degraded,
        Some(_) => HealthStatus::Unknown,
        None => return conditions::health(object),
    };
    Health {
        status,
        reason: message,
        decided: Decided::Controller,
    }
}

#[cfg(test)]
mod tests {
    use crate::live::health::tests::table;

    #[test]
    fn every_state_of_flux() {
        let rows = [
            (
                "spec: {suspend: true}\nstatus: {conditions: [{type: Ready, status: 'False'}]}",
                "Suspended (rule): suspended",
            ),
            (
                "status: {conditions: [{type: Ready, status: Unknown, reason: Progressing, message: building}, {type: Reconciling, status: 'True'}]}",
                "Progressing (condition): Progressing: building",
            ),
            (
                "status: {conditions: [{type: Ready, status: 'True', reason: ReconciliationSucceeded}]}",
                "Healthy (condition)",
            ),
            (
                "status: {conditions: [{type: Ready, status: 'False', reason: BuildFailed, message: no such file}]}",
                "Degraded (condition): BuildFailed: no such file",
            ),
            (
                "status: {observedGeneration: 1}",
                "Progressing (condition): its controller has not reported yet",
            ),
            ("spec: {}", "Healthy (assumed)"),
        ];
        table("kustomize.toolkit.fluxcd.io/v1", "Kustomization", &rows);
    }

    #[test]
    fn argo_says_it_itself() {
        let rows = [
            (
                "status: {health: {status: Degraded, message: x}}",
                "Degraded (controller): x",
            ),
            (
                "status: {health: {status: Missing}}",
                "Missing (controller)",
            ),
            ("status: {health: {status: Odd}}", "Unknown (controller)"),
            ("status: {}", "Healthy (assumed)"),
        ];
        table("argoproj.io/v1alpha1", "Application", &rows);
    }

    #[test]
    fn a_rollout_has_a_phase() {
        let rows = [
            (
                "status: {phase: Paused, message: CanaryPauseStep}",
                "Suspended (controller): CanaryPauseStep",
            ),
            ("status: {phase: Healthy}", "Healthy (controller)"),
            (
                "status: {phase: Progressing, message: more replicas need to be updated}",
                "Progressing (controller): more replicas need to be updated",
            ),
        ];
        table("argoproj.io/v1alpha1", "Rollout", &rows);
    }
}
