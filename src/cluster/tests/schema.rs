//! The schemas of kinds that are not built in.

use serde_json::json;
use wiremock::MockServer;

use super::*;
use crate::manifest::{FieldPath, ListType};

const SCHEMAS: &str = "/openapi/v3/apis/example.com/v1";

/// How a widget's parts are told apart, where they look as if their names did.
fn parts(listing: &Listing) -> ListType {
    let widget = id("example.com", "Widget", Some("shop"), "w");
    let path = FieldPath::default().key("spec").key("parts");
    let part = crate::manifest::Object::from_json(
        json!({"apiVersion": "v1", "kind": "List", "metadata": {"name": "x"}, "parts": [{"name": "a"}, {"name": "b"}]}),
        &masking(),
    );
    let part = part.unwrap();
    let items = part.at(&["parts"]).and_then(crate::manifest::Node::as_list);
    listing.lists.list_type_of(&widget, &path, items.unwrap())
}

async fn serving(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    let widgets = json!([resource("widgets", "Widget", "Namespaced")]);
    discovery(&server, &[group("example.com", &[("v1", widgets)])]).await;
    let at = "/apis/example.com/v1/namespaces/shop/widgets";
    get(&server, at, ok(&items(&[named("w", "shop")]))).await;
    get(&server, SCHEMAS, answer).await;
    server
}

#[tokio::test]
async fn schemas_are_asked_for_once_and_of_custom_kinds_alone() {
    let schemas = ok(
        &json!({"components": {"schemas": {"com.example.v1.Widget": {
            "x-kubernetes-group-version-kind": [{"group": "example.com", "kind": "Widget", "version": "v1"}],
            "properties": {"spec": {"properties": {"parts": {"type": "array", "items": {"type": "object"}}}}},
        }}}}),
    );
    let server = serving(schemas).await;
    let cluster = open(&server).await;
    list(&cluster, &[kind("", "ConfigMap", Some("shop"))]).await;
    assert!(!asked(&server).await.contains(&SCHEMAS.to_owned()));
    for _ in 0..2 {
        let listing = list(&cluster, &[kind("example.com", "Widget", Some("shop"))]).await;
        assert_eq!(parts(&listing), ListType::Atomic);
    }
    let times = asked(&server).await;
    let times = times.iter().filter(|path| *path == SCHEMAS);
    assert_eq!(times.count(), 1);
}

#[tokio::test]
async fn objects_are_read_though_their_schemas_are_not() {
    for answer in [
        status(403, "no"),
        status(500, "no"),
        ResponseTemplate::new(200).set_body_string("<html>"),
    ] {
        let server = serving(answer).await;
        let cluster = open(&server).await;
        let widgets = kind("example.com", "Widget", Some("shop"));
        let listing = list(&cluster, std::slice::from_ref(&widgets)).await;
        assert_eq!(
            names(&listing, &widgets),
            Known::Fresh(vec!["w".to_owned()])
        );
        assert_eq!(parts(&listing), ListType::Map(vec!["name".to_owned()]));
    }
}
