//! APIService (Argo CD: `health_apiservice.go`).

use super::conditions::is_true;
use super::{Health, HealthStatus, condition, reason_and_message};
use crate::manifest::Object;

pub(super) fn health(object: &Object) -> Health {
    if is_true(object, "Available") {
        return Health::rule(HealthStatus::Healthy, "");
    }
    let reason = condition(object, "Available")
        .map(|found| reason_and_message(found.reason, found.message))
        .unwrap_or_else(|| "not available yet".to_owned());
    Health::rule(HealthStatus::Progressing, reason)
}

#[cfg(test)]
mod tests {
    use crate::live::health::tests::table;

    #[test]
    fn every_state() {
        let rows = [
            (
                "status: {conditions: [{type: Available, status: 'True', reason: Passed}]}",
                "Healthy (rule)",
            ),
            (
                "status: {conditions: [{type: Available, status: 'False', reason: FailedDiscoveryCheck, message: no response}]}",
                "Progressing (rule): FailedDiscoveryCheck: no response",
            ),
            ("status: {}", "Progressing (rule): not available yet"),
        ];
        table("apiregistration.k8s.io/v1", "APIService", &rows);
    }
}
