//! Against an API server made of canned answers: what is asked of it, and what is made of each way it may fail.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wiremock::matchers::{header, method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::connection::Limits;
use super::*;

const SECRET: &str = "Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5";

fn masking() -> Masking {
    Masking::new([7; 32])
}

fn limits() -> Limits {
    Limits {
        gather: Duration::from_millis(1),
        ..Limits::default()
    }
}

fn kubeconfig(server: &str, user: &Value) -> kube::config::Kubeconfig {
    serde_json::from_value(json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "prod", "context": {"cluster": "c", "user": "u", "namespace": "home"}}],
    }))
    .unwrap()
}

async fn open_with(server: &str, user: &Value, limits: Limits) -> Result<Cluster, Error> {
    install_crypto();
    let connection = Connection::open(kubeconfig(server, user), "prod", limits).await?;
    Ok(Cluster::served(connection, masking()))
}

async fn open(server: &MockServer) -> Cluster {
    open_with(&server.uri(), &json!({}), limits())
        .await
        .unwrap()
}

fn resource(plural: &str, kind: &str, scope: &str) -> Value {
    json!({"resource": plural, "responseKind": {"kind": kind}, "scope": scope, "verbs": ["get", "list", "watch"]})
}

fn group(name: &str, versions: &[(&str, Value)]) -> Value {
    let versions: Vec<Value> =
        versions.iter().map(|(version, resources)| json!({"version": version, "resources": resources, "freshness": "Current"})).collect();
    json!({"metadata": {"name": name}, "versions": versions})
}

/// Aggregated discovery of the groups a test needs.
async fn discovery(server: &MockServer, more: &[Value]) {
    let core = group(
        "",
        &[(
            "v1",
            json!([
                resource("pods", "Pod", "Namespaced"),
                resource("secrets", "Secret", "Namespaced"),
                resource("configmaps", "ConfigMap", "Namespaced"),
                resource("namespaces", "Namespace", "Cluster"),
            ]),
        )],
    );
    let mut groups = vec![
        group(
            "apps",
            &[(
                "v1",
                json!([
                    resource("deployments", "Deployment", "Namespaced"),
                    resource("replicasets", "ReplicaSet", "Namespaced")
                ]),
            )],
        ),
        group(
            "autoscaling",
            &[
                (
                    "v2",
                    json!([resource(
                        "horizontalpodautoscalers",
                        "HorizontalPodAutoscaler",
                        "Namespaced"
                    )]),
                ),
                (
                    "v1",
                    json!([resource(
                        "horizontalpodautoscalers",
                        "HorizontalPodAutoscaler",
                        "Namespaced"
                    )]),
                ),
            ],
        ),
    ];
    groups.extend_from_slice(more);
    get(
        server,
        "/api",
        ok(&json!({"kind": "APIGroupDiscoveryList", "items": [core]})),
    )
    .await;
    get(
        server,
        "/apis",
        ok(&json!({"kind": "APIGroupDiscoveryList", "items": groups})),
    )
    .await;
}

async fn get(server: &MockServer, at: &str, answer: ResponseTemplate) {
    Mock::given(method("GET"))
        .and(path(at))
        .respond_with(answer)
        .mount(server)
        .await;
}

fn ok(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn items(items: &[Value]) -> Value {
    json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "10"}, "items": items})
}

fn named(name: &str, namespace: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": namespace, "uid": name, "resourceVersion": "5"}})
}

fn status(code: u16, message: &str) -> ResponseTemplate {
    ResponseTemplate::new(code)
        .set_body_json(json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message, "reason": if code == 404 { "NotFound" } else { "Other" }}))
}

fn kind(group: &str, kind: &str, namespace: Option<&str>) -> Kind {
    (group.into(), kind.into(), namespace.map(Into::into))
}

fn wanted(kinds: &[Kind]) -> Wanted {
    Wanted {
        kinds: kinds.iter().cloned().collect(),
        ..Wanted::default()
    }
}

fn id(group: &str, kind: &str, namespace: Option<&str>, name: &str) -> ObjectRef {
    ObjectRef {
        group: group.into(),
        kind: kind.into(),
        namespace: namespace.map(Into::into),
        name: name.into(),
    }
}

/// The names of a kind's objects, or why they are not known.
fn names(listing: &Listing, kind: &Kind) -> Known<Vec<String>> {
    let (_, known) = listing
        .kinds
        .iter()
        .find(|(listed, _)| listed == kind)
        .unwrap();
    known.clone().map(|objects| {
        objects
            .into_iter()
            .map(|object| object.object.id.name)
            .collect()
    })
}

async fn list(cluster: &Cluster, kinds: &[Kind]) -> Listing {
    cluster.list(&wanted(kinds), &Cancel::new()).await
}

/// The paths that were asked for, but for discovery.
async fn asked(server: &MockServer) -> Vec<String> {
    let requests: Vec<Request> = server.received_requests().await.unwrap();
    assert!(
        requests
            .iter()
            .all(|request| request.method.as_str() == "GET"),
        "{requests:?}"
    );
    let paths = requests.iter().map(|request| request.url.path().to_owned());
    paths
        .filter(|path| path != "/api" && path != "/apis")
        .collect()
}

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
        .map(|object| format!("{} {}", object.object.api_version, object.object.id))
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
        .and(query_param("limit", "500"));
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

/// Each answer, and the words for it. None of them repeats what the server sent but a Status' message.
#[tokio::test]
async fn every_failure_has_its_words() {
    let secret = format!(r#"{{"items": [{{"data": {{"password": "{SECRET}"}}}}"#);
    let html = "<html><body>Sign in</body></html>";
    let not_json = "failed: $ answered list secrets in shop with something that is no Kubernetes object: is a proxy or a login page in between?";
    let rows = [
        (
            status(401, "Unauthorized"),
            "failed: $ does not accept the credentials (401): log in again",
        ),
        (status(403, "no"), "forbidden: list secrets in shop"),
        (
            status(500, "etcdserver: timed out"),
            "failed: $ answered 500 to list secrets in shop: etcdserver: timed out",
        ),
        (
            ResponseTemplate::new(502).set_body_string(html),
            "failed: $ answered 502 to list secrets in shop",
        ),
        (ResponseTemplate::new(200).set_body_string(html), not_json),
        (ResponseTemplate::new(200).set_body_string(secret), not_json),
        (
            ok(&items(&[])).set_delay(Duration::from_secs(600)),
            "unreachable: $: no answer to list secrets in shop within 200ms",
        ),
    ];
    let kinds = [kind("", "Secret", Some("shop"))];
    for (answer, expected) in rows {
        let server = MockServer::start().await;
        discovery(&server, &[]).await;
        get(&server, "/api/v1/namespaces/shop/secrets", answer).await;
        let quick = Limits {
            call: Duration::from_millis(200),
            ..limits()
        };
        let cluster = open_with(&server.uri(), &json!({}), quick).await.unwrap();
        let Known::Unavailable(why) = names(&list(&cluster, &kinds).await, &kinds[0]) else {
            panic!("{expected}")
        };
        assert_eq!(why.to_string(), expected.replace('$', &server.uri()));
    }
}

/// Answers every request with these bytes and hangs up.
async fn raw_server(answer: &'static [u8]) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer).await;
        }
    });
    address
}

#[tokio::test]
async fn a_server_that_is_not_there_or_hangs_up_is_unreachable() {
    let free = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let half = raw_server(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"items\": [").await;
    let silent = raw_server(b"").await;
    for (server, words) in [(free, "refused"), (half, ""), (silent, "")] {
        let cluster = open_with(&server, &json!({}), limits()).await.unwrap();
        let kinds = [
            kind("", "ConfigMap", Some("shop")),
            kind("apps", "Deployment", Some("shop")),
        ];
        let listing = list(&cluster, &kinds).await;
        assert_eq!(listing.kinds.len(), 4, "with ReplicaSets and Pods");
        for (_, known) in &listing.kinds {
            let Known::Unavailable(Why::Unreachable(why)) = known else {
                panic!("{known:?}")
            };
            assert!(why.contains(&server) && why.contains(words), "{why}");
        }
    }
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
            listing.objects().next().unwrap().object.api_version,
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
    let parsed = events::parse(&newer).unwrap();
    assert_eq!(parsed.object, id("apps", "Deployment", Some("shop"), "api"));
    assert_eq!(
        (parsed.message.as_str(), parsed.count, parsed.warning),
        ("Scaled up", 4, false)
    );
    assert_eq!(parsed.last, Some("2026-03-01T10:05:00Z".parse().unwrap()));
    assert_eq!(events::parse(&json!({"kind": "Event"})), None);
}

/// The first list costs a request, changes come by themselves, and while they do, listing costs none.
#[tokio::test]
async fn what_is_watched_is_current_without_asking() {
    let server = MockServer::start().await;
    discovery(&server, &[]).await;
    let at = "/api/v1/namespaces/shop/configmaps";
    let full = |name: &str, data: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop", "resourceVersion": "11"}, "data": {"k": data}});
    let first = Mock::given(path(at)).and(query_param_is_missing("watch"));
    first
        .respond_with(ok(&items(&[named("a", "shop"), named("b", "shop")])))
        .expect(1)
        .mount(&server)
        .await;
    let lines: String = [
        json!({"type": "MODIFIED", "object": full("a", "new")}),
        json!({"type": "DELETED", "object": full("b", "")}),
        json!({"type": "ADDED", "object": full("c", "")}),
    ]
    .iter()
    .map(|event| format!("{event}\n"))
    .collect();
    let changes = Mock::given(path(at))
        .and(query_param("watch", "true"))
        .respond_with(ResponseTemplate::new(200).set_body_string(lines));
    changes.up_to_n_times(1).mount(&server).await;
    let nothing_more = ResponseTemplate::new(200).set_delay(Duration::from_secs(600));
    Mock::given(path(at))
        .and(query_param("watch", "true"))
        .respond_with(nothing_more)
        .mount(&server)
        .await;

    let cluster = open(&server).await;
    let kinds = [kind("", "ConfigMap", Some("shop"))];
    let want = wanted(&kinds);
    let (told, mut tell) = tokio::sync::mpsc::unbounded_channel();
    let cancel = Cancel::new();
    let watch = cluster.watch(&want, &cancel, move || {
        let _ = told.send(());
    });
    let reader = async {
        loop {
            tell.recv().await.unwrap();
            let listing = list(&cluster, &kinds).await;
            let Known::Fresh(mut found) = names(&listing, &kinds[0]) else {
                panic!("{listing:?}")
            };
            found.sort();
            if found == ["a", "c"] {
                let a = listing.get(&id("", "ConfigMap", Some("shop"), "a"));
                assert_eq!(
                    a.value()
                        .unwrap()
                        .unwrap()
                        .object
                        .at(&["data", "k"])
                        .unwrap()
                        .as_str(),
                    Some("new")
                );
                break;
            }
        }
        cancel.cancel();
    };
    tokio::join!(watch, reader);
    let Origin::Server(connection) = &cluster.origin else {
        panic!("no server")
    };
    assert!(
        connection.stores.lock().unwrap().is_empty(),
        "what nobody watches is not kept"
    );
}

#[tokio::test]
async fn watching_nothing_waits_to_be_cancelled() {
    let server = MockServer::start().await;
    discovery(&server, &[]).await;
    let cluster = open(&server).await;
    let (cancel, nothing) = (Cancel::new(), Wanted::default());
    let calls = AtomicUsize::new(0);
    let watch = cluster.watch(&nothing, &cancel, || {
        calls.fetch_add(1, Ordering::Relaxed);
    });
    tokio::join!(watch, async { cancel.cancel() });
    assert_eq!(calls.into_inner(), 0);
}

fn plugin(script: &std::path::Path, install_hint: &str) -> Value {
    json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": "sh", "args": [script],
        "interactiveMode": "IfAvailable", "installHint": install_hint,
    }})
}

/// The plugin's stderr is not ours (it would be written over the screen), it is told that nobody answers, and its token
/// is what the server sees.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_credential_plugin_never_sees_the_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("plugin");
    let text = r#"
echo "look at me" >&2
readlink /proc/$$/fd/2 > "$(dirname "$0")/stderr"
readlink /proc/$$/fd/0 > "$(dirname "$0")/stdin"
printf '%s' "$KUBERNETES_EXEC_INFO" > "$(dirname "$0")/info"
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t0ken"}}'
"#;
    std::fs::write(&script, text).unwrap();
    let server = MockServer::start().await;
    discovery(&server, &[]).await;
    let at = "/api/v1/namespaces/shop/configmaps";
    let with_token = Mock::given(path(at)).and(header("Authorization", "Bearer t0ken"));
    with_token
        .respond_with(ok(&items(&[named("conf", "shop")])))
        .mount(&server)
        .await;
    let cluster = open_with(&server.uri(), &plugin(&script, ""), limits())
        .await
        .unwrap();
    let kinds = [kind("", "ConfigMap", Some("shop"))];
    assert_eq!(
        names(&list(&cluster, &kinds).await, &kinds[0]),
        Known::Fresh(vec!["conf".to_owned()])
    );

    let written = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
    for fd in [0, 2] {
        let ours = std::fs::read_link(format!("/proc/self/fd/{fd}")).unwrap();
        let its = written(if fd == 0 { "stdin" } else { "stderr" });
        assert_ne!(its.trim(), ours.to_string_lossy(), "fd {fd}");
    }
    assert!(
        written("info").contains("\"interactive\":false"),
        "{}",
        written("info")
    );
}

#[tokio::test]
async fn a_credential_plugin_that_fails_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("plugin");
    let fails = async |text: &str, limits: Limits| {
        std::fs::write(&script, text).unwrap();
        open_with("http://127.0.0.1:9", &plugin(&script, ""), limits)
            .await
            .err()
            .unwrap()
    };
    let error = fails(
        "echo first >&2; printf 'The SSO session\\033[2J has expired' >&2; exit 3",
        limits(),
    )
    .await;
    let text = error.to_string();
    assert!(
        text.contains("credential plugin sh failed: The SSO session")
            && text.contains("has expired"),
        "{text}"
    );
    assert!(
        text.contains("\nhint: ") && !text.contains('\u{1b}'),
        "{text}"
    );
    assert!(matches!(error.why(), Why::Failed(why) if !why.contains('\n')));

    let text = fails("echo nonsense", limits()).await.to_string();
    assert!(text.contains("it printed no"), "{text}");

    let quick = Limits {
        plugin: Duration::from_millis(50),
        ..limits()
    };
    // It ends with this test, when its own file is gone.
    let text = fails("while [ -e \"$0\" ]; do sleep 0.05; done", quick)
        .await
        .to_string();
    assert!(text.contains("did not end within 50ms"), "{text}");

    let missing = json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "no-such-plugin", "installHint": "get it\u{7} here"}});
    let error = open_with("http://127.0.0.1:9", &missing, limits())
        .await
        .err()
        .unwrap();
    assert_eq!(error.why(), Why::ToolMissing("no-such-plugin".to_owned()));
    assert!(
        error.to_string().contains("hint: get it\\u{7} here"),
        "{error}"
    );
}

#[tokio::test]
async fn a_context_that_is_not_there_names_those_that_are() {
    let error = Connection::open(
        kubeconfig("http://127.0.0.1:9", &json!({})),
        "stagin",
        limits(),
    )
    .await
    .err()
    .unwrap();
    let text = error.to_string();
    assert!(
        text.contains("no context \"stagin\"") && text.contains("hint: it has prod"),
        "{text}"
    );
    let nowhere = kubeconfig("not a url", &json!({}));
    let text = Connection::open(nowhere, "prod", limits())
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(
        text.starts_with("context prod: ") && text.contains("hint: "),
        "{text}"
    );
}

/// What is asked of a cluster is asked from spawned tasks.
#[tokio::test]
async fn every_question_can_be_spawned() {
    let server = MockServer::start().await;
    discovery(&server, &[]).await;
    get(&server, "/api/v1/namespaces/shop/events", ok(&items(&[]))).await;
    let cluster = open(&server).await;
    let task = tokio::spawn(async move {
        let cancel = Cancel::new();
        cancel.cancel();
        cluster.list(&Wanted::default(), &Cancel::new()).await;
        cluster.watch(&Wanted::default(), &cancel, || {}).await;
        cluster.get(&id("example.com", "Widget", None, "w")).await;
        cluster.events(&[id("", "Pod", Some("shop"), "a")]).await
    });
    assert_eq!(task.await.unwrap(), Known::Fresh(Vec::new()));
}
