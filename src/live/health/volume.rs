//! PersistentVolumeClaim (Argo CD: `health_pvc.go`) and PersistentVolume (by its phases in the Kubernetes documentation).

use super::{Health, HealthStatus, brief, reason_and_message, text};
use crate::manifest::Object;

pub(super) fn claim(object: &Object) -> Health {
    match text(object, &["status", "phase"]) {
        Some("Bound") => Health::rule(HealthStatus::Healthy, ""),
        Some("Pending") => Health::rule(HealthStatus::Progressing, "Pending"),
        Some("Lost") => Health::rule(HealthStatus::Degraded, "Lost: its volume is gone"),
        phase => Health::rule(HealthStatus::Unknown, brief(phase.unwrap_or_default())),
    }
}

pub(super) fn volume(object: &Object) -> Health {
    match text(object, &["status", "phase"]) {
        Some("Bound" | "Available") => Health::rule(HealthStatus::Healthy, ""),
        Some("Pending") => Health::rule(HealthStatus::Progressing, "Pending"),
        Some("Released") => Health::rule(HealthStatus::Healthy, "Released: its claim is gone"),
        Some("Failed") => {
            let message = text(object, &["status", "message"]).unwrap_or_default();
            Health::rule(
                HealthStatus::Degraded,
                reason_and_message("Failed", message),
            )
        }
        phase => Health::rule(HealthStatus::Unknown, brief(phase.unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests {
    use crate::live::health::tests::table;

    #[test]
    fn every_state_of_a_claim() {
        let rows = [
            ("status: {phase: Bound}", "Healthy (rule)"),
            ("status: {phase: Pending}", "Progressing (rule): Pending"),
            (
                "status: {phase: Lost}",
                "Degraded (rule): Lost: its volume is gone",
            ),
            ("status: {}", "Unknown (rule)"),
            ("status: {phase: Odd}", "Unknown (rule): Odd"),
        ];
        table("v1", "PersistentVolumeClaim", &rows);
    }

    #[test]
    fn every_state_of_a_volume() {
        let rows = [
            ("status: {phase: Bound}", "Healthy (rule)"),
            ("status: {phase: Available}", "Healthy (rule)"),
            ("status: {phase: Pending}", "Progressing (rule): Pending"),
            (
                "status: {phase: Released}",
                "Healthy (rule): Released: its claim is gone",
            ),
            (
                "status: {phase: Failed, message: recycler}",
                "Degraded (rule): Failed: recycler",
            ),
            ("status: {}", "Unknown (rule)"),
        ];
        table("v1", "PersistentVolume", &rows);
    }
}
