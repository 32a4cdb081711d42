//! StatefulSet (Argo CD: `health_statefulset.go`).

use super::{Health, HealthStatus, NOT_OBSERVED, count, int, text, workload_unobserved};
use crate::manifest::Object;

pub(super) fn health(object: &Object) -> Health {
    if count(object, &["status", "observedGeneration"]) == 0 || workload_unobserved(object) {
        return Health::rule(HealthStatus::Progressing, NOT_OBSERVED);
    }
    let wanted = int(object, &["spec", "replicas"]);
    let ready = count(object, &["status", "readyReplicas"]);
    let updated = count(object, &["status", "updatedReplicas"]);
    if let Some(wanted) = wanted
        && ready < wanted
    {
        return Health::rule(HealthStatus::Progressing, format!("{ready}/{wanted} ready"));
    }
    let strategy = text(object, &["spec", "updateStrategy", "type"]);
    if strategy == Some("RollingUpdate")
        && object
            .at(&["spec", "updateStrategy", "rollingUpdate"])
            .is_some()
    {
        let partition = int(
            object,
            &["spec", "updateStrategy", "rollingUpdate", "partition"],
        );
        if let (Some(wanted), Some(partition)) = (wanted, partition)
            && updated < wanted - partition
        {
            let reason = format!(
                "{updated}/{} updated (partition {partition})",
                wanted - partition
            );
            return Health::rule(HealthStatus::Progressing, reason);
        }
        return Health::rule(HealthStatus::Healthy, "");
    }
    if strategy == Some("OnDelete") {
        return Health::rule(HealthStatus::Healthy, "");
    }
    if text(object, &["status", "updateRevision"]) != text(object, &["status", "currentRevision"]) {
        return Health::rule(
            HealthStatus::Progressing,
            format!("{updated}/{} updated", wanted.unwrap_or(updated)),
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
                "metadata: {generation: 0}\nspec: {replicas: 0}",
                "Progressing (rule): its controller has not seen this spec yet",
            ),
            (
                "metadata: {generation: 2}\nspec: {replicas: 3}\nstatus: {observedGeneration: 1, readyReplicas: 3}",
                "Progressing (rule): its controller has not seen this spec yet",
            ),
            (
                "metadata: {generation: 2}\nspec: {replicas: 3}\nstatus: {observedGeneration: 2, readyReplicas: 2}",
                "Progressing (rule): 2/3 ready",
            ),
            (
                "metadata: {generation: 2}\nspec: {replicas: 3, updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 1}}}\nstatus: {observedGeneration: 2, readyReplicas: 3, updatedReplicas: 1}",
                "Progressing (rule): 1/2 updated (partition 1)",
            ),
            (
                "metadata: {generation: 2}\nspec: {replicas: 3, updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 1}}}\nstatus: {observedGeneration: 2, readyReplicas: 3, updatedReplicas: 2, updateRevision: b, currentRevision: a}",
                "Healthy (rule)",
            ),
            (
                "metadata: {generation: 2}\nspec: {replicas: 3, updateStrategy: {type: OnDelete}}\nstatus: {observedGeneration: 2, readyReplicas: 3, updateRevision: b, currentRevision: a}",
                "Healthy (rule)",
            ),
            (
                "metadata: {generation: 2}\nspec: {replicas: 3, updateStrategy: {type: RollingUpdate}}\nstatus: {observedGeneration: 2, readyReplicas: 3, updatedReplicas: 1, updateRevision: b, currentRevision: a}",
                "Progressing (rule): 1/3 updated",
            ),
            (
                "metadata: {generation: 2}\nspec: {replicas: 3, updateStrategy: {type: RollingUpdate}}\nstatus: {observedGeneration: 2, readyReplicas: 3, updatedReplicas: 3, updateRevision: b, currentRevision: b}",
                "Healthy (rule)",
            ),
        ];
        table("apps/v1", "StatefulSet", &rows);
    }
}
