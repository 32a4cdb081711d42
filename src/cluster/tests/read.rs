//! What is asked of the server, and what is made of its answers.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use wiremock::matchers::{path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer};

use super::*;

#[tokio::test]
async fn only_what_is_wanted_is_read_and_what_it_owns() {
    let server = MockServer::start().await;
    discovery(&server, &[]).await;
    get(
        &server,
        "/apis/apps/v1/namespaces/shop/deployments",
        ok(&items(&[named("api", "shop")])),
    )
    .await;
    get(
        &server,
        "/apis/apps/v1/namespaces/shop/replicasets",
        ok(&items(&[named("api-1", "shop")])),
    )
    .await;
    get(
        &server,
        "/api/v1/namespaces/shop/pods",
        ok(&items(&[named("api-1-x", "shop")])),
    )
    .await;
    get(
        &server,
        "/api/v1/namespaces",
        ok(&items(&[json!({"metadata": {"name": "shop"}})])),
    )
    .await;
    let mut secret = named("db", "shop");
    secret["data"] = json!({"password": SECRET});
    get(
        &server,
        "/api/v1/namespaces/shop/secrets",
        ok(&items(&[secret])),
    )
    .await;

    let cluster = open(&server).await;
    let kinds = [
        kind("apps", "Deployment", Some("shop")),
        kind("", "Secret", Some("shop")),
        kind("", "Namespace", None),
    ];
    let listing = list(&cluster, &kinds).await;
    let found: BTreeSet<String> = listing
        .objects()
        .map(|object| format!("{} {}", object.object().api_version, object.id))
        .collect();
    let expected = [
        "apps/v1 Deployment/api",
        "apps/v1 ReplicaSet/api-1",
        "v1 Namespace/shop",
        "v1 Pod/api-1-x",
        "v1 Secret/db",
    ];
    assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
    assert!(!format!("{listing:?}").contains(&SECRET[..8]));

    let paths: BTreeSet<String> = asked(&server).await.into_iter().collect();
    let expected = [
        "/api/v1/namespaces",
        "/api/v1/namespaces/shop/pods",
        "/api/v1/namespaces/shop/secrets",
        "/apis/apps/v1/namespaces/shop/deployments",
        "/apis/apps/v1/namespaces/shop/replicasets",
    ];
    assert_eq!(paths.into_iter().collect::<Vec<_>>(), expected);
    let requests = server.received_requests().await.unwrap();
    let of_secrets = requests
        .iter()
        .find(|request| request.url.path().ends_with("/secrets"))
        .unwrap();
    assert!(
        of_secrets
            .url
            .query()
            .unwrap()
            .contains("fieldSelector=type%21%3Dhelm.sh"),
        "{}",
        of_secrets.url
    );
    let identity = cluster.identity();
    assert_eq!(
        (identity.context.as_deref(), identity.server.as_str()),
        (Some("prod"), server.uri().as_str())
    );
}

#[tokio::test]
async fn what_is_forbidden_hides_nothing_else() {
    let server = MockServer::start().await;
    discovery(&server, &[]).await;
    get(
        &server,
        "/api/v1/namespaces/shop/configmaps",
        ok(&items(&[named("conf", "shop")])),
    )
    .await;
    get(
        &server,
        "/api/v1/namespaces/shop/secrets",
        status(403, "secrets is forbidden: User \"me\" cannot list"),
    )
    .await;
    let kinds = [
        kind("", "ConfigMap", Some("shop")),
        kind("", "Secret", Some("shop")),
        kind("example.com", "Widget", Some("shop")),
    ];
    let listing = list(&open(&server).await, &kinds).await;
    assert_eq!(
        names(&listing, &kinds[0]),
        Known::Fresh(vec!["conf".to_owned()])
    );
    assert_eq!(
        names(&listing, &kinds[1]),
        Known::Unavailable(Why::Forbidden("list secrets in shop".to_owned()))
    );
    assert_eq!(
        names(&listing, &kinds[2]),
        Known::Unavailable(Why::UnknownKind("Widget.example.com".to_owned()))
    );

    assert!(matches!(
        listing.get(&id("", "ConfigMap", Some("shop"), "conf")),
        Known::Fresh(Some(_))
    ));
    assert!(matches!(
        listing.get(&id("", "ConfigMap", Some("shop"), "gone")),
        Known::Fresh(None)
    ));
    assert!(matches!(
        listing.get(&id("", "Secret", Some("shop"), "db")),
        Known::Unavailable(Why::Forbidden(_))
    ));
    assert!(matches!(
        listing.get(&id("", "Service", Some("shop"), "db")),
        Known::Unavailable(Why::Failed(_))
    ));
}

#[tokio::test]
async fn lists_are_read_page_by_page_and_again_when_the_rest_has_expired() {
    let server = MockServer::start().await;
    discovery(&server, &[]).await;
    let at = "/api/v1/namespaces/shop/configmaps";
    let page = |names: &[&str], next: &str| {
        let items: Vec<Value> = names.iter().map(|name| named(name, "shop")).collect();
        ok(&json!({"metadata": {"continue": next}, "items": items}))
    };
    let first = Mock::given(path(at))
        .and(query_param_is_missing("continue"))
        .and(query_param("limit", "250"));
    first
        .respond_with(page(&["a", "b"], "more"))
        .expect(2)
        .mount(&server)
        .await;
    let expired = Mock::given(path(at)).and(query_param("continue", "more"));
    expired
        .respond_with(status(410, "too old"))
        .up_to_n_times(1)
        .expect(1)
        .mount(&server)
        .await;
    let second = Mock::given(path(at)).and(query_param("continue", "more"));
    second
        .respond_with(page(&["c"], ""))
        .expect(1)
        .mount(&server)
        .await;
    let kinds = [kind("", "ConfigMap", Some("shop"))];
    let listing = list(&open(&server).await, &kinds).await;
    assert_eq!(
        names(&listing, &kinds[0]),
        Known::Fresh(vec!["a".to_owned(), "b".to_owned(), "c".to_owned()])
    );
}

#[tokio::test]
async fn a_list_that_expires_for_ever_is_given_up() {
    let server = MockServer::start().await;
    discovery(&server, &[]).await;
    let at = "/api/v1/namespaces/shop/configmaps";
    let more = ok(&json!({"metadata": {"continue": "more"}, "items": []}));
    Mock::given(path(at))
        .and(query_param_is_missing("continue"))
        .respond_with(more)
        .mount(&server)
        .await;
    Mock::given(path(at))
        .and(query_param("continue", "more"))
        .respond_with(status(410, "too old"))
        .mount(&server)
        .await;
    let kinds = [kind("", "ConfigMap", Some("shop"))];
    assert!(matches!(
        names(&list(&open(&server).await, &kinds).await, &kinds[0]),
        Known::Unavailable(Why::Failed(_))
    ));
}

#[tokio::test]
async fn a_kind_is_read_in_the_version_git_writes() {
    let server = MockServer::start().await;
    discovery(&server, &[]).await;
    for version in ["v1", "v2"] {
        let at = format!("/apis/autoscaling/{version}/namespaces/shop/horizontalpodautoscalers");
        get(&server, &at, ok(&items(&[named(version, "shop")]))).await;
    }
    let cluster = open(&server).await;
    let hpa = kind("autoscaling", "HorizontalPodAutoscaler", Some("shop"));
    for (git, expected) in [("v1", "v1"), ("v2", "v2"), ("v2beta2", "v2")] {
        let yaml = format!(
            "apiVersion: autoscaling/{git}\nkind: HorizontalPodAutoscaler\nmetadata: {{name: x}}\n"
        );
        let object = crate::manifest::parse(yaml.as_bytes(), &masking())
            .documents
            .remove(0)
            .object;
        let mut wanted = Wanted::default();
        wanted.add(&object, Some("shop"));
        let listing = cluster.list(&wanted, &Cancel::new()).await;
        assert_eq!(
            names(&listing, &hpa),
            Known::Fresh(vec![expected.to_owned()]),
            "{git}"
        );
        assert_eq!(
            listing.objects().next().unwrap().object().api_version,
            format!("autoscaling/{expected}")
        );
    }
}

#[tokio::test]
async fn the_server_knows_which_kinds_have_namespaces() {
    let server = MockServer::start().await;
    let widgets = group(
        "example.com",
        &[("v1", json!([resource("widgets", "Widget", "Cluster")]))],
    );
    discovery(&server, &[widgets]).await;
    get(
        &server,
        "/apis/example.com/v1/widgets",
        ok(&items(&[json!({"metadata": {"name": "w"}})])),
    )
    .await;
    get(
        &server,
        "/api/v1/namespaces/home/configmaps",
        ok(&items(&[named("conf", "home")])),
    )
    .await;
    // Git cannot know that widgets have no namespace, and leaves the ConfigMap's to the context.
    let listing = list(
        &open(&server).await,
        &[
            kind("example.com", "Widget", Some("shop")),
            kind("", "ConfigMap", None),
        ],
    )
    .await;
    assert!(matches!(
        listing.get(&id("example.com", "Widget", Some("shop"), "w")),
        Known::Fresh(Some(_))
    ));
    assert!(matches!(
        listing.get(&id("", "ConfigMap", None, "conf")),
        Known::Fresh(Some(_))
    ));
}

#[tokio::test]
async fn a_kind_that_comes_later_is_found() {
    let server = MockServer::start().await;
    let cluster = open(&server).await;
    let kinds = [kind("example.com", "Widget", Some("shop"))];
    let core = ok(
        &json!({"items": [group("", &[("v1", json!([resource("pods", "Pod", "Namespaced")]))])]}),
    );
    get(&server, "/api", core).await;
    let none = ok(&json!({"items": [group("apps", &[("v1", json!([]))])]}));
    Mock::given(path("/apis"))
        .respond_with(none)
        .up_to_n_times(1)
        .mount(&server)
        .await;
    assert!(matches!(
        names(&list(&cluster, &kinds).await, &kinds[0]),
        Known::Unavailable(Why::UnknownKind(_))
    ));
    let widgets = group(
        "example.com",
        &[("v1", json!([resource("widgets", "Widget", "Namespaced")]))],
    );
    get(&server, "/apis", ok(&json!({"items": [widgets]}))).await;
    get(
        &server,
        "/apis/example.com/v1/namespaces/shop/widgets",
        ok(&items(&[named("w", "shop")])),
    )
    .await;
    assert_eq!(
        names(&list(&cluster, &kinds).await, &kinds[0]),
        Known::Fresh(vec!["w".to_owned()])
    );
}

/// As Kubernetes before 1.26 answers; and one of its groups is an aggregated API that is down.
#[tokio::test]
async fn a_server_without_aggregated_discovery_is_asked_group_by_group() {
    let server = MockServer::start().await;
    let entry = |name: &str| {
        let version = json!({"groupVersion": format!("{name}/v1"), "version": "v1"});
        json!({"name": name, "versions": [version], "preferredVersion": version})
    };
    let resources = |version: &str, plural: &str, kind: &str| {
        ok(
            &json!({"kind": "APIResourceList", "groupVersion": version, "resources": [
                {"name": plural, "singularName": "", "namespaced": true, "kind": kind, "verbs": ["get", "list", "watch"]},
                {"name": format!("{plural}/status"), "singularName": "", "namespaced": true, "kind": kind, "verbs": ["get"]},
            ]}),
        )
    };
    get(&server, "/apis", ok(&json!({"kind": "APIGroupList", "groups": [entry("apps"), entry("metrics.example.com")]}))).await;
    get(
        &server,
        "/api",
        ok(&json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})),
    )
    .await;
    get(&server, "/api/v1", resources("v1", "pods", "Pod")).await;
    get(
        &server,
        "/apis/apps/v1",
        resources("apps/v1", "deployments", "Deployment"),
    )
    .await;
    get(
        &server,
        "/apis/metrics.example.com/v1",
        status(500, "no endpoints available"),
    )
    .await;
    get(
        &server,
        "/apis/apps/v1/namespaces/shop/deployments",
        ok(&items(&[named("api", "shop")])),
    )
    .await;
    get(&server, "/api/v1/namespaces/shop/pods", ok(&items(&[]))).await;
    let kinds = [
        kind("apps", "Deployment", Some("shop")),
        kind("metrics.example.com", "Metric", Some("shop")),
        kind("example.com", "Widget", Some("shop")),
    ];
    let listing = list(&open(&server).await, &kinds).await;
    assert_eq!(
        names(&listing, &kinds[0]),
        Known::Fresh(vec!["api".to_owned()])
    );
    let broken = names(&listing, &kinds[1]);
    assert!(
        matches!(&broken, Known::Unavailable(Why::Failed(why)) if why.contains("no endpoints available")),
        "{broken:?}"
    );
    assert!(matches!(
        names(&listing, &kinds[2]),
        Known::Unavailable(Why::UnknownKind(_))
    ));
}

#[tokio::test]
async fn one_object_is_there_or_absent_or_not_known() {
    let server = MockServer::start().await;
    discovery(&server, &[]).await;
    let mut conf = named("conf", "shop");
    conf["kind"] = json!("ConfigMap");
    conf["apiVersion"] = json!("v1");
    get(
        &server,
        "/api/v1/namespaces/shop/configmaps/conf",
        ok(&conf),
    )
    .await;
    get(
        &server,
        "/api/v1/namespaces/shop/configmaps/gone",
        status(404, "not found"),
    )
    .await;
    get(
        &server,
        "/api/v1/namespaces/shop/secrets/db",
        status(403, "no"),
    )
    .await;
    let cluster = open(&server).await;
    let found = cluster
        .get(&id("", "ConfigMap", Some("shop"), "conf"))
        .await;
    assert_eq!(found.value().unwrap().as_ref().unwrap().uid, "conf");
    assert!(matches!(
        cluster
            .get(&id("", "ConfigMap", Some("shop"), "gone"))
            .await,
        Known::Fresh(None)
    ));
    let forbidden = cluster.get(&id("", "Secret", Some("shop"), "db")).await;
    assert!(
        matches!(&forbidden, Known::Unavailable(Why::Forbidden(what)) if what == "get secrets in shop db"),
        "{forbidden:?}"
    );
    assert!(matches!(
        cluster.get(&id("example.com", "Widget", None, "w")).await,
        Known::Unavailable(Why::UnknownKind(_))
    ));
}

#[tokio::test]
async fn what_is_cancelled_is_still_loading() {
    let server = MockServer::start().await;
    let cluster = open(&server).await;
    let cancel = Cancel::new();
    cancel.cancel();
    let kinds = [kind("", "ConfigMap", Some("shop"))];
    let listing = cluster.list(&wanted(&kinds), &cancel).await;
    assert_eq!(names(&listing, &kinds[0]), Known::Loading);
    assert!(listing.read.is_none());
}
