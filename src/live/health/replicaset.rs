//! ReplicaSet, and ReplicationController, its predecessor (Argo CD: `health_replicaset.go`).

use super::conditions::is_true;
use super::{
    Health, HealthStatus, NOT_OBSERVED, condition, count, int, reason_and_message,
    workload_unobserved,
};
use crate::manifest::Object;

pub(super) fn health(object: &Object) -> Health {
    if workload_unobserved(object) {
        return Health::rule(HealthStatus::Progressing, NOT_OBSERVED);
    }
    if is_true(object, "ReplicaFailure")
        && let Some(failure) = condition(object, "ReplicaFailure")
    {
        return Health::rule(
            HealthStatus::Degraded,
            reason_and_message(failure.reason, failure.message),
        );
    }
    let available = count(object, &["status", "availableReplicas"]);
    match int(object, &["spec", "replicas"]) {
        Some(wanted) if available < wanted => Health::rule(
            HealthStatus::Progressing,
            format!("{available}/{wanted} available"),
        ),
        _ => Health::rule(HealthStatus::Healthy, ""),
    }
}

#[cfg(test)]
mod tests {
    use crate::live::health::tests::table;

    #[test]
    fn every_state() {
        let rows = [
            (
                "metadata: {generation: 2}\nspec: {replicas: 2}\nstatus: {observedGeneration: 1, availableReplicas: 2}",
                "Progressing (rule): its controller has not seen this spec yet",
            ),
            (
                "metadata: {generation: 2}\nspec: {replicas: 2}\nstatus: {observedGeneration: 2, conditions: [{type: ReplicaFailure, status: 'True', reason: FailedCreate, message: no}]}",
                "Degraded (rule): FailedCreate: no",
            ),
            (
                "metadata: {generation: 2}\nspec: {replicas: 2}\nstatus: {observedGeneration: 2, availableReplicas: 2, conditions: [{type: ReplicaFailure, status: 'False', reason: FailedCreate}]}",
                "Healthy (rule)",
            ),
            (
                "metadata: {generation: 2}\nspec: {replicas: 2}\nstatus: {observedGeneration: 2, availableReplicas: 1}",
                "Progressing (rule): 1/2 available",
            ),
            (
                "metadata: {generation: 2}\nspec: {replicas: 0}\nstatus: {observedGeneration: 2}",
                "Healthy (rule)",
            ),
        ];
        table("apps/v1", "ReplicaSet", &rows);
    }
}
