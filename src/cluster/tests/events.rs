//! Events about objects.

use serde_json::{Value, json};
use wiremock::matchers::{path, query_param};
use wiremock::{Mock, MockServer};

use super::*;
use crate::cluster::events::parse;

fn event(kind: &str, name: &str, reason: &str, last: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": format!("{name}.{reason}"), "namespace": "shop"},
        "involvedObject": {"kind": kind, "name": name, "namespace": "shop"},
        "reason": reason, "message": "m", "type": "Warning", "count": 3, "lastTimestamp": last,
    })
}

#[tokio::test]
async fn events_are_asked_for_by_object_and_come_newest_first() {
    let server = MockServer::start().await;
    let at = "/api/v1/namespaces/shop/events";
    let of = |name: &str| format!("involvedObject.kind=Pod,involvedObject.name={name}");
    let old = event("Pod", "a", "Pulled", "2026-03-01T10:00:00Z");
    let new = event("Pod", "b", "BackOff", "2026-03-01T11:00:00Z");
    Mock::given(path(at))
        .and(query_param("fieldSelector", of("a")))
        .respond_with(ok(&items(&[old])))
        .mount(&server)
        .await;
    Mock::given(path(at))
        .and(query_param("fieldSelector", of("b")))
        .respond_with(ok(&items(&[new])))
        .mount(&server)
        .await;
    let cluster = open(&server).await;
    let pods = [
        id("", "Pod", Some("shop"), "a"),
        id("", "Pod", Some("shop"), "b"),
    ];
    let found = cluster.events(&pods).await;
    let reasons: Vec<(&str, u32, bool)> = found
        .value()
        .unwrap()
        .iter()
        .map(|event| (event.reason.as_str(), event.count, event.warning))
        .collect();
    assert_eq!(reasons, [("BackOff", 3, true), ("Pulled", 3, true)]);
}

#[test]
fn events_of_both_apis_are_understood() {
    let newer = json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "x"},
        "regarding": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api", "namespace": "shop"},
        "reason": "ScalingReplicaSet", "note": "Scaled up", "type": "Normal", "eventTime": "2026-03-01T10:00:00.000000Z",
        "series": {"count": 4, "lastObservedTime": "2026-03-01T10:05:00.000000Z"},
    });
    let parsed = parse(&newer).unwrap();
    assert_eq!(parsed.object, id("apps", "Deployment", Some("shop"), "api"));
    assert_eq!(
        (parsed.message.as_str(), parsed.count, parsed.warning),
        ("Scaled up", 4, false)
    );
    assert_eq!(parsed.last, Some("2026-03-01T10:05:00Z".parse().unwrap()));
    assert_eq!(parse(&json!({"kind": "Event"})), None);
}
