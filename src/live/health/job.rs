//! Job (Argo CD: `health_job.go`). It takes the mere presence of a `Failed` condition for a failure; here the condition
//! has to be true.

use super::conditions::is_true;
use super::{Health, HealthStatus, condition, count, reason_and_message};
use crate::manifest::{Node, Object};

pub(super) fn health(object: &Object) -> Health {
    if is_true(object, "Failed")
        && let Some(failed) = condition(object, "Failed")
    {
        return Health::rule(
            HealthStatus::Degraded,
            reason_and_message(failed.reason, failed.message),
        );
    }
    if is_true(object, "Complete") {
        return Health::rule(HealthStatus::Healthy, "");
    }
    let suspended = object.at(&["spec", "suspend"]).and_then(Node::as_bool) == Some(true);
    if suspended || is_true(object, "Suspended") {
        return Health::rule(HealthStatus::Suspended, "suspended");
    }
    let (active, failed) = (
        count(object, &["status", "active"]),
        count(object, &["status", "failed"]),
    );
    let reason = match (active, failed) {
        (0, 0) => "not started".to_owned(),
        (active, 0) => format!("{active} running"),
        (active, failed) => format!("{active} running, {failed} failed"),
    };
    Health::rule(HealthStatus::Progressing, reason)
}

#[cfg(test)]
mod tests {
    use crate::live::health::tests::table;

    #[test]
    fn every_state() {
        let rows = [
            (
                "status: {conditions: [{type: Failed, status: 'True', reason: BackoffLimitExceeded, message: Job has reached the specified backoff limit}]}",
                "Degraded (rule): BackoffLimitExceeded: Job has reached the specified backoff limit",
            ),
            (
                "status: {conditions: [{type: Failed, status: 'False', reason: BackoffLimitExceeded}], active: 1}",
                "Progressing (rule): 1 running",
            ),
            (
                "status: {conditions: [{type: Complete, status: 'True'}], succeeded: 1}",
                "Healthy (rule)",
            ),
            (
                "spec: {suspend: true}\nstatus: {conditions: [{type: Suspended, status: 'True'}]}",
                "Suspended (rule): suspended",
            ),
            (
                "status: {conditions: [{type: Suspended, status: 'False'}], active: 2, failed: 1}",
                "Progressing (rule): 2 running, 1 failed",
            ),
            ("status: {}", "Progressing (rule): not started"),
        ];
        table("batch/v1", "Job", &rows);
    }
}
