//! CronJob (Argo CD: `resource_customizations/batch/CronJob/health.lua`).

use super::{Health, HealthStatus, text};
use crate::manifest::{Node, Object};

pub(super) fn health(object: &Object) -> Health {
    if object.at(&["spec", "suspend"]).and_then(Node::as_bool) == Some(true) {
        return Health::rule(HealthStatus::Suspended, "suspended");
    }
    if object.at(&["status"]).is_none() {
        return Health::rule(
            HealthStatus::Progressing,
            "its controller has not seen it yet",
        );
    }
    let Some(scheduled) = text(object, &["status", "lastScheduleTime"]) else {
        return Health::rule(HealthStatus::Healthy, "not scheduled yet");
    };
    let Some(succeeded) = text(object, &["status", "lastSuccessfulTime"]) else {
        return Health::rule(HealthStatus::Healthy, "never completed yet");
    };
    let active = object
        .at(&["status", "active"])
        .and_then(Node::as_list)
        .map_or(0, <[Node]>::len);
    if active > 0 {
        return Health::rule(HealthStatus::Healthy, format!("{active} running"));
    }
    // Both are RFC 3339 in UTC, of the same width.
    if succeeded < scheduled {
        return Health::rule(HealthStatus::Degraded, "the last run did not succeed");
    }
    Health::rule(HealthStatus::Healthy, "")
}

#[cfg(test)]
mod tests {
    use crate::live::health::tests::table;

    #[test]
    fn every_state() {
        let rows = [
            ("spec: {suspend: true}", "Suspended (rule): suspended"),
            (
                "spec: {schedule: '* * * * *'}",
                "Progressing (rule): its controller has not seen it yet",
            ),
            ("status: {}", "Healthy (rule): not scheduled yet"),
            (
                "status: {lastScheduleTime: '2026-03-01T10:00:00Z'}",
                "Healthy (rule): never completed yet",
            ),
            (
                "status: {lastScheduleTime: '2026-03-01T10:00:00Z', lastSuccessfulTime: '2026-03-01T09:00:10Z', active: [{name: x}]}",
                "Healthy (rule): 1 running",
            ),
            (
                "status: {lastScheduleTime: '2026-03-01T10:00:00Z', lastSuccessfulTime: '2026-03-01T09:00:10Z'}",
                "Degraded (rule): the last run did not succeed",
            ),
            (
                "status: {lastScheduleTime: '2026-03-01T10:00:00Z', lastSuccessfulTime: '2026-03-01T10:00:10Z'}",
                "Healthy (rule)",
            ),
        ];
        table("batch/v1", "CronJob", &rows);
    }
}
