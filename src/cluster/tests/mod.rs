//! Against an API server made of canned answers: what is asked of it, and what is made of each way it may fail.

mod credentials;
mod events;
mod everywhere;
mod failures;
mod login;
mod proxy;
mod read;
mod schema;
mod watch;

use std::time::Duration;

use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::connection::Limits;
use super::kubeconfig::Files;
use super::*;

const SECRET: &str = "Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5";

fn masking() -> Masking {
    Masking::new([7; 32])
}

fn limits() -> Limits {
    Limits {
        gather: Duration::from_millis(1),
        again: Duration::from_millis(1),
        ..Limits::default()
    }
}

fn kubeconfig(server: &str, user: &Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "prod", "context": {"cluster": "c", "user": "u", "namespace": "home"}}],
    })
}

/// A kubeconfig in a directory of its own.
fn written(kubeconfig: &Value) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("config"), kubeconfig.to_string()).unwrap();
    dir
}

async fn open_in(dir: &Path, limits: Limits, clock: Clock) -> Result<Cluster, Error> {
    install_crypto();
    let files = Files::named(vec![dir.join("config")]);
    let connection = Connection::open(files, "prod", limits, clock).await?;
    Ok(Cluster::served(connection, masking()))
}

async fn open_with(server: &str, user: &Value, limits: Limits) -> Result<Cluster, Error> {
    let dir = written(&kubeconfig(server, user));
    open_in(dir.path(), limits, Clock::system()).await
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
            .iter()
            .map(|object| object.id.name.clone())
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
