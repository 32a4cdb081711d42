//! Deployment (Argo CD: `health_deployment.go`).
//!
//! One addition: a `ReplicaFailure` condition (a quota, an admission webhook) is Degraded. Argo CD says so of the
//! ReplicaSet below; who looks at the Deployment needs it here.

use super::conditions::is_true;
use super::{
    Health, HealthStatus, NOT_OBSERVED, condition, count, int, reason_and_message,
    workload_unobserved,
};
use crate::manifest::{Node, Object};

pub(super) fn health(object: &Object) -> Health {
    if object.at(&["spec", "paused"]).and_then(Node::as_bool) == Some(true) {
        return Health::rule(HealthStatus::Suspended, "paused");
    }
    if workload_unobserved(object) {
        return Health::rule(HealthStatus::Progressing, NOT_OBSERVED);
    }
    if condition(object, "Progressing")
        .is_some_and(|progress| progress.reason == "ProgressDeadlineExceeded")
    {
        return Health::rule(HealthStatus::Degraded, "ProgressDeadlineExceeded");
    }
    if is_true(object, "ReplicaFailure")
        && let Some(failure) = condition(object, "ReplicaFailure")
    {
        return Health::rule(
            HealthStatus::Degraded,
            reason_and_message(failure.reason, failure.message),
        );
    }
    let wanted = int(object, &["spec", "replicas"]);
    let replicas = count(object, &["status", "replicas"]);
    let updated = count(object, &["status", "updatedReplicas"]);
    let available = count(object, &["status", "availableReplicas"]);
    if let Some(wanted) = wanted
        && updated < wanted
    {
        return Health::rule(
            HealthStatus::Progressing,
            format!("{updated}/{wanted} updated"),
        );
    }
    if replicas > updated {
        let old = replicas - updated;
        return Health::rule(
            HealthStatus::Progressing,
            format!("{old} of the old revision still running"),
        );
    }
    if available < updated {
        return Health::rule(
            HealthStatus::Progressing,
            format!("{available}/{updated} available"),
        );
    }
    Health::rule(HealthStatus::Healthy, "")
}

#[cfg(test)]
mod tests {
    use crate::live::health::tests::table;

    #[test]
    fn every_state() {
        let rows = [
            (
                "metadata: {generation: 2}\nspec: {replicas: 3, paused: true}\nstatus: {observedGeneration: 2, replicas: 3, updatedReplicas: 1}",
                "Suspended (rule): paused",
            ),
            (
                "metadata: {generation: 2}\nspec: {replicas: 3}\nstatus: {observedGeneration: 1, replicas: 3, updatedReplicas: 3, availableReplicas: 3}",
                "Progressing (rule): its controller has not seen this spec yet",
            ),
            (
                "metadata: {generation: 1}\nspec: {replicas: 3}",
                "Progressing (rule): its controller has not seen this spec yet",
            ),
            (
                "metadata: {generation: 2}\nspec: {replicas: 3}\nstatus: {observedGeneration: 2, replicas: 3, updatedReplicas: 3, availableReplicas: 3, conditions: [{type: Progressing, status: 'False', reason: ProgressDeadlineExceeded}]}",
                "Degraded (rule): ProgressDeadlineExceeded",
            ),
            (
                "metadata: {generation: 2}\nspec: {replicas: 3}\nstatus: {observedGeneration: 2, conditions: [{type: ReplicaFailure, status: 'True', reason: FailedCreate, message: exceeded quota}]}",
                "Degraded (rule): FailedCreate: exceeded quota",
            ),
            (
                "metadata: {generation: 2}\nspec: {replicas: 3}\nstatus: {observedGeneration: 2, replicas: 4, updatedReplicas: 1, availableReplicas: 3}",
                "Progressing (rule): 1/3 updated",
            ),
            (
                "metadata: {generation: 2}\nspec: {replicas: 3}\nstatus: {observedGeneration: 2, replicas: 4, updatedReplicas: 3, availableReplicas: 4}",
                "Progressing (rule): 1 of the old revision still running",
            ),
            (
                "metadata: {generation: 2}\nspec: {replicas: 3}\nstatus: {observedGeneration: 2, replicas: 3, updatedReplicas: 3, availableReplicas: 2}",
                "Progressing (rule): 2/3 available",
            ),
            (
                "metadata: {generation: 2}\nspec: {replicas: 3}\nstatus: {observedGeneration: 2, replicas: 3, updatedReplicas: 3, availableReplicas: 3, conditions: [{type: Progressing, status: 'True', reason: NewReplicaSetAvailable}]}",
                "Healthy (rule)",
            ),
            (
                "metadata: {generation: 2}\nspec: {replicas: 0}\nstatus: {observedGeneration: 2}",
                "Healthy (rule)",
            ),
        ];
        table("apps/v1", "Deployment", &rows);
    }
}
