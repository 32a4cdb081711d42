//! CustomResourceDefinition (Argo CD: `resource_customizations/apiextensions.k8s.io/CustomResourceDefinition/health.lua`).

use super::conditions::is_true;
use super::{Health, HealthStatus, condition, reason_and_message};
use crate::manifest::{Node, Object};

pub(super) fn health(object: &Object) -> Health {
    let conditions = object
        .at(&["status", "conditions"])
        .and_then(Node::as_list)
        .unwrap_or_default();
    if conditions.is_empty() {
        return Health::rule(HealthStatus::Progressing, "not established yet");
    }
    let why = |kind: &str| {
        condition(object, kind)
            .map(|found| reason_and_message(found.reason, found.message))
            .unwrap_or_default()
    };
    if is_true(object, "Terminating") {
        return Health::rule(HealthStatus::Progressing, why("Terminating"));
    }
    if condition(object, "NamesAccepted").is_some_and(|names| names.status == "False") {
        return Health::rule(HealthStatus::Degraded, why("NamesAccepted"));
    }
    if !is_true(object, "Established") {
        return Health::rule(HealthStatus::Degraded, "not established");
    }
    if is_true(object, "NonStructuralSchema") {
        return Health::rule(HealthStatus::Degraded, why("NonStructuralSchema"));
    }
    Health::rule(HealthStatus::Healthy, "")
}

#[cfg(test)]
mod tests {
    use crate::live::health::tests::table;

    #[test]
    fn every_state() {
        let rows = [
            ("status: {}", "Progressing (rule): not established yet"),
            (
                "status: {conditions: [{type: Established, status: 'True'}, {type: Terminating, status: 'True', reason: InstanceDeletionPending}]}",
                "Progressing (rule): InstanceDeletionPending",
            ),
            (
                "status: {conditions: [{type: Established, status: 'True'}, {type: NamesAccepted, status: 'False', reason: ListKindConflict, message: in use}]}",
                "Degraded (rule): ListKindConflict: in use",
            ),
            (
                "status: {conditions: [{type: Established, status: 'False'}]}",
                "Degraded (rule): not established",
            ),
            (
                "status: {conditions: [{type: Established, status: 'True'}, {type: NonStructuralSchema, status: 'True', reason: Violations, message: no type}]}",
                "Degraded (rule): Violations: no type",
            ),
            (
                "status: {conditions: [{type: Established, status: 'True'}, {type: NamesAccepted, status: 'True'}]}",
                "Healthy (rule)",
            ),
        ];
        table("apiextensions.k8s.io/v1", "CustomResourceDefinition", &rows);
    }
}
