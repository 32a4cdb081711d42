//! Ways to be let in by a real API server: with a certificate, with what a credential plugin gives, and as somebody else.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::TestRepo;

use crate::harness::{Cluster, User, cluster, gitopsy};

/// A kubeconfig as that of `User::Nobody`, with `user` for its user.
fn kubeconfig(cluster: &Cluster, directory: &Path, user: &Value) -> PathBuf {
    let text = fs::read_to_string(cluster.kubeconfig(User::Nobody)).expect("a kubeconfig");
    let mut config: Value = serde_json::from_str(&text).expect("written as JSON");
    config["users"][0]["user"] = user.clone();
    let file = directory.join("kubeconfig");
    fs::write(&file, config.to_string()).expect("a kubeconfig");
    file
}

/// A namespace with one object that git declares, too.
fn declared(cluster: &Cluster, namespace: &str) -> (tempfile::TempDir, TestRepo) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let repo = TestRepo::init(&directory.path().join("repo"));
    let manifest = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: it, namespace: {namespace}}}\ndata: {{color: blue}}\n"
    );
    cluster.namespace(namespace);
    cluster.apply(&manifest);
    repo.write("production/it/it.yaml", manifest);
    repo.commit("Begin");
    (directory, repo)
}

/// Whether gitopsy, as the owner of this kubeconfig, found the object as git declares it.
fn is_synced(repo: &TestRepo, kubeconfig: &Path) -> bool {
    let answer = gitopsy(&repo.path, kubeconfig, &["where", "--context", "stack"]);
    let live = &answer["apps"][0]["deployments"][0]["live"];
    assert!(live["state"] == "fresh", "{live}");
    live["value"]["sync"].to_string().to_lowercase() == "\"synced\""
}

/// Who listed the objects of a namespace, and as whom.
fn listed(cluster: &Cluster, namespace: &str) -> Vec<(String, Option<String>)> {
    let requests = cluster.requests().into_iter();
    let lists = requests.filter(|request| {
        let requested = request.object_ref.as_ref();
        // When a request comes in, it is not known yet who else it is for.
        request.stage == "ResponseComplete"
            && request.verb == "list"
            && requested.is_some_and(|requested| requested.namespace.as_deref() == Some(namespace))
    });
    lists
        .map(|request| {
            let other = request.impersonated_user.map(|user| user.username);
            (request.user.username, other)
        })
        .collect()
}

#[test]
fn a_client_certificate_lets_in() {
    let Some(cluster) = cluster() else { return };
    let (_directory, repo) = declared(cluster, "certified");
    assert!(is_synced(&repo, cluster.kubeconfig(User::Certificate)));
}

#[test]
fn a_credential_plugin_may_give_a_certificate() {
    let Some(cluster) = cluster() else { return };
    let (directory, repo) = declared(cluster, "plugged");
    let text = fs::read_to_string(cluster.kubeconfig(User::Certificate)).expect("a kubeconfig");
    let config: Value = serde_json::from_str(&text).expect("written as JSON");
    let of_file = |name: &str| {
        let file = config["users"][0]["user"][name].as_str().expect("a file");
        fs::read_to_string(file).expect("a certificate")
    };
    let given = json!({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {
        "clientCertificateData": of_file("client-certificate"), "clientKeyData": of_file("client-key"),
        "expirationTimestamp": "2100-01-01T00:00:00Z",
    }});
    let printed = directory.path().join("given.json");
    fs::write(&printed, given.to_string()).expect("written");
    let user = json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": "cat", "args": [printed],
        "interactiveMode": "Never",
    }});
    assert!(is_synced(
        &repo,
        &kubeconfig(cluster, directory.path(), &user)
    ));
}

#[test]
fn who_is_impersonated_is_who_asks() {
    let Some(cluster) = cluster() else { return };
    let (directory, repo) = declared(cluster, "impersonated");
    let text = fs::read_to_string(cluster.kubeconfig(User::Admin)).expect("a kubeconfig");
    let admin: Value = serde_json::from_str(&text).expect("written as JSON");
    let mut user = admin["users"][0]["user"].clone();
    user["as"] = json!("jane");
    user["as-groups"] = json!(["system:masters"]);
    assert!(is_synced(
        &repo,
        &kubeconfig(cluster, directory.path(), &user)
    ));
    let listed = listed(cluster, "impersonated");
    assert!(!listed.is_empty());
    assert!(
        listed
            .iter()
            .all(|(_, other)| other.as_deref() == Some("jane")),
        "{listed:?}"
    );
}
