//! DaemonSet (Argo CD: `health_daemonset.go`).

use super::{Health, HealthStatus, NOT_OBSERVED, count, text, workload_unobserved};
use crate::manifest::Object;

pub(super) fn health(object: &Object) -> Health {
    if workload_unobserved(object) {
        return Health::rule(HealthStatus::Progressing, NOT_OBSERVED);
    }
    if text(object, &["spec", "updateStrategy", "type"]) == Some("OnDelete") {
        return Health::rule(HealthStatus::Healthy, "");
    }
    let wanted = count(object, &["status", "desiredNumberScheduled"]);
    let updated = count(object, &["status", "updatedNumberScheduled"]);
    let available = count(object, &["status", "numberAvailable"]);
    if updated < wanted {
        return Health::rule(
            HealthStatus::Progressing,
            format!("{updated}/{wanted} updated"),
        );
    }
    if available < wanted {
        return Health::rule(
            HealthStatus::Progressing,
            format!("{available}/{wanted} available"),
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
                "metadata: {generation: 2}\nspec: {}\nstatus: {observedGeneration: 1, desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 2}",
                "Progressing (rule): its controller has not seen this spec yet",
            ),
            (
                "metadata: {generation: 2}\nspec: {updateStrategy: {type: OnDelete}}\nstatus: {observedGeneration: 2, desiredNumberScheduled: 2, updatedNumberScheduled: 0, numberAvailable: 2}",
                "Healthy (rule)",
            ),
            (
                "metadata: {generation: 2}\nspec: {}\nstatus: {observedGeneration: 2, desiredNumberScheduled: 2, updatedNumberScheduled: 1, numberAvailable: 2}",
                "Progressing (rule): 1/2 updated",
            ),
            (
                "metadata: {generation: 2}\nspec: {}\nstatus: {observedGeneration: 2, desiredNumberScheduled: 2, updatedNumberScheduled: 2}",
                "Progressing (rule): 0/2 available",
            ),
            (
                "metadata: {generation: 2}\nspec: {}\nstatus: {observedGeneration: 2, desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 2}",
                "Healthy (rule)",
            ),
            (
                "metadata: {generation: 2}\nspec: {}\nstatus: {observedGeneration: 2}",
                "Healthy (rule)",
            ),
        ];
        table("apps/v1", "DaemonSet", &rows);
    }
}
