//! Ingress: a deliberate departure from Argo CD (`health_ingress.go`), which waits for `status.loadBalancer.ingress`.
//!
//! Many ingress controllers never publish an address (a NodePort or host network set-up, Traefik without
//! `publishedService`), so that rule reports working ingresses as stuck for ever; it is Argo CD's most complained about
//! (argo-cd#14607, #1704, #17702). kstatus has no rule. Here a missing address is told, not held against it.

use super::{Decided, Health, HealthStatus};
use crate::manifest::{Node, Object};

pub(super) fn health(object: &Object) -> Health {
    let addresses = object
        .at(&["status", "loadBalancer", "ingress"])
        .and_then(Node::as_list)
        .unwrap_or_default();
    if addresses.is_empty() {
        let reason = "no address published".to_owned();
        return Health {
            status: HealthStatus::Healthy,
            reason,
            decided: Decided::Assumed,
        };
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
                "status: {loadBalancer: {}}",
                "Healthy (assumed): no address published",
            ),
            (
                "status: {loadBalancer: {ingress: [{ip: 192.0.2.1}]}}",
                "Healthy (rule)",
            ),
        ];
        table("networking.k8s.io/v1", "Ingress", &rows);
    }
}
