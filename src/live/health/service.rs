//! Service (Argo CD: `health_service.go`): only a load balancer has something to wait for.

use super::{Health, HealthStatus, text};
use crate::manifest::{Node, Object};

pub(super) fn health(object: &Object) -> Health {
    let addresses = object
        .at(&["status", "loadBalancer", "ingress"])
        .and_then(Node::as_list)
        .unwrap_or_default();
    match text(object, &["spec", "type"]) {
        Some("LoadBalancer") if addresses.is_empty() => {
            Health::rule(HealthStatus::Progressing, "no external address yet")
        }
        _ => Health::rule(HealthStatus::Healthy, ""),
    }
}

#[cfg(test)]
mod tests {
    use crate::live::health::tests::table;

    #[test]
    fn every_state() {
        let rows = [
            ("spec: {type: ClusterIP}", "Healthy (rule)"),
            (
                "spec: {type: LoadBalancer}\nstatus: {loadBalancer: {}}",
                "Progressing (rule): no external address yet",
            ),
            (
                "spec: {type: LoadBalancer}\nstatus: {loadBalancer: {ingress: [{hostname: a.example.com}]}}",
                "Healthy (rule)",
            ),
            (
                "spec: {type: LoadBalancer}\nstatus: {loadBalancer: {ingress: [{ip: 192.0.2.1}]}}",
                "Healthy (rule)",
            ),
        ];
        table("v1", "Service", &rows);
    }
}
