//! HorizontalPodAutoscaler (Argo CD: `health_hpa.go`).
//!
//! It takes the first condition that decides, so that `AbleToScale=True` hides a metric that cannot be read; here a
//! failure anywhere decides first. `autoscaling/v1` keeps its conditions in an annotation.

use serde_json::Value;

use super::{Health, HealthStatus, reason_and_message};
use crate::manifest::{Node, Object};

const FAILURES: [&str; 8] = [
    "FailedGetScale",
    "FailedUpdateScale",
    "FailedGetResourceMetric",
    "FailedGetObjectMetric",
    "FailedGetPodsMetric",
    "FailedGetExternalMetric",
    "FailedComputeMetricsReplicas",
    "InvalidSelector",
];

struct Condition {
    kind: String,
    status: String,
    reason: String,
    message: String,
}

pub(super) fn health(object: &Object) -> Health {
    let conditions = conditions(object);
    if let Some(failure) = conditions
        .iter()
        .find(|condition| FAILURES.contains(&condition.reason.as_str()))
    {
        return Health::rule(
            HealthStatus::Degraded,
            reason_and_message(&failure.reason, &failure.message),
        );
    }
    let works = |condition: &Condition| {
        matches!(condition.kind.as_str(), "AbleToScale" | "ScalingLimited")
            && condition.status == "True"
    };
    if conditions.iter().any(works) {
        return Health::rule(HealthStatus::Healthy, "");
    }
    Health::rule(HealthStatus::Progressing, "has not scaled anything yet")
}

fn conditions(object: &Object) -> Vec<Condition> {
    if let Some(list) = object.at(&["status", "conditions"]).and_then(Node::as_list) {
        let text = |node: &Node, key: &str| {
            node.get(key)
                .and_then(Node::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        return list
            .iter()
            .map(|node| from(|key| text(node, key)))
            .collect();
    }
    let annotated = object.annotation("autoscaling.alpha.kubernetes.io/conditions");
    let Some(Value::Array(list)) = annotated.and_then(|text| serde_json::from_str(text).ok())
    else {
        return Vec::new();
    };
    let text = |node: &Value, key: &str| {
        node.get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    list.iter()
        .map(|node| from(|key| text(node, key)))
        .collect()
}

fn from(text: impl Fn(&str) -> String) -> Condition {
    Condition {
        kind: text("type"),
        status: text("status"),
        reason: text("reason"),
        message: text("message"),
    }
}

#[cfg(test)]
mod tests {
    use crate::live::health::tests::table;

    #[test]
    fn every_state() {
        let rows = [
            (
                "status: {conditions: [{type: AbleToScale, status: 'True', reason: ReadyForNewScale}, {type: AbleToScale, status: 'False', reason: FailedGetScale, message: why}]}",
                "Degraded (rule): FailedGetScale: why",
            ),
            (
                "status: {conditions: [{type: AbleToScale, status: 'True', reason: ReadyForNewScale}, {type: AbleToScale, status: 'False', reason: FailedUpdateScale, message: why}]}",
                "Degraded (rule): FailedUpdateScale: why",
            ),
            (
                "status: {conditions: [{type: AbleToScale, status: 'True', reason: ReadyForNewScale}, {type: ScalingActive, status: 'False', reason: FailedGetResourceMetric, message: why}]}",
                "Degraded (rule): FailedGetResourceMetric: why",
            ),
            (
                "status: {conditions: [{type: AbleToScale, status: 'True', reason: ReadyForNewScale}, {type: ScalingActive, status: 'False', reason: FailedGetObjectMetric, message: why}]}",
                "Degraded (rule): FailedGetObjectMetric: why",
            ),
            (
                "status: {conditions: [{type: AbleToScale, status: 'True', reason: ReadyForNewScale}, {type: ScalingActive, status: 'False', reason: FailedGetPodsMetric, message: why}]}",
                "Degraded (rule): FailedGetPodsMetric: why",
            ),
            (
                "status: {conditions: [{type: AbleToScale, status: 'True', reason: ReadyForNewScale}, {type: ScalingActive, status: 'False', reason: FailedGetExternalMetric, message: why}]}",
                "Degraded (rule): FailedGetExternalMetric: why",
            ),
            (
                "status: {conditions: [{type: AbleToScale, status: 'True', reason: ReadyForNewScale}, {type: ScalingActive, status: 'False', reason: FailedComputeMetricsReplicas, message: why}]}",
                "Degraded (rule): FailedComputeMetricsReplicas: why",
            ),
            (
                "status: {conditions: [{type: AbleToScale, status: 'True', reason: ReadyForNewScale}, {type: ScalingActive, status: 'False', reason: InvalidSelector, message: why}]}",
                "Degraded (rule): InvalidSelector: why",
            ),
            (
                "status: {conditions: [{type: AbleToScale, status: 'True', reason: ReadyForNewScale}]}",
                "Healthy (rule)",
            ),
            (
                "status: {conditions: [{type: ScalingLimited, status: 'True', reason: TooManyReplicas}]}",
                "Healthy (rule)",
            ),
            (
                "status: {conditions: [{type: AbleToScale, status: 'False', reason: BackoffBoth}]}",
                "Progressing (rule): has not scaled anything yet",
            ),
            (
                "status: {}",
                "Progressing (rule): has not scaled anything yet",
            ),
        ];
        table("autoscaling/v2", "HorizontalPodAutoscaler", &rows);
    }

    #[test]
    fn conditions_of_v1_are_in_an_annotation() {
        let rows = [
            (
                r#"metadata: {annotations: {autoscaling.alpha.kubernetes.io/conditions: '[{"type":"AbleToScale","status":"True"}]'}}"#,
                "Healthy (rule)",
            ),
            (
                r#"metadata: {annotations: {autoscaling.alpha.kubernetes.io/conditions: '[{"type":"ScalingActive","reason":"InvalidSelector","message":"why"}]'}}"#,
                "Degraded (rule): InvalidSelector: why",
            ),
            (
                "metadata: {annotations: {autoscaling.alpha.kubernetes.io/conditions: '{broken'}}",
                "Progressing (rule): has not scaled anything yet",
            ),
        ];
        table("autoscaling/v1", "HorizontalPodAutoscaler", &rows);
    }
}
