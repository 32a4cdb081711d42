use serde_json::Value;
use support::TestRepo;
use tempfile::tempdir;

use crate::harness::{flux, gitea, until};

#[test]
fn what_is_pushed_is_applied_and_reverted_drift_is_undone_and_failure_is_told() {
    let (Some((cluster, namespace)), Some(gitea)) = (flux(), gitea()) else {
        return;
    };
    let remote = gitea.repository("fluxed");
    let directory = tempdir().expect("directory");
    let repo = TestRepo::init(directory.path());
    let object = |value: &str, namespace: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a, namespace: {namespace}}}\ndata: {{v: '{value}'}}\n"
        )
    };
    let push = || repo.git(&["push", "-q", &remote.authorized, "main"]);
    cluster.namespace("fluxed");
    repo.write("apps/a.yaml", object("one", "fluxed"))
        .commit("One");
    push();
    cluster.apply(&format!(
        "apiVersion: v1
kind: Secret
metadata: {{name: fluxed, namespace: {namespace}}}
stringData: {{username: {owner}, password: {token}}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {{name: fluxed, namespace: {namespace}}}
spec: {{interval: 1s, url: '{url}', ref: {{branch: main}}, secretRef: {{name: fluxed}}}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: fluxed, namespace: {namespace}}}
spec: {{interval: 2s, path: ./apps, prune: true, sourceRef: {{kind: GitRepository, name: fluxed}}}}
",
        owner = remote.owner,
        token = remote.token,
        url = remote.url,
    ));
    let becomes = |value: &str| {
        until(&format!("Flux to apply {value}"), || {
            let object = cluster.get("fluxed", "configmap/a")?;
            (object["data"]["v"] == value).then_some(())
        });
    };
    becomes("one");
    repo.write("apps/a.yaml", object("two", "fluxed"))
        .commit("Two");
    push();
    becomes("two");
    repo.git(&["revert", "--no-edit", "HEAD"]);
    push();
    becomes("one");
    cluster.admin(&[
        "patch",
        "configmap",
        "a",
        "-n",
        "fluxed",
        "-p",
        r#"{"data":{"v":"drift"}}"#,
    ]);
    becomes("one");

    let ready = || -> Option<Value> {
        let object = cluster.get(
            namespace,
            "kustomization.kustomize.toolkit.fluxcd.io/fluxed",
        )?;
        let conditions = object["status"]["conditions"].as_array()?;
        conditions
            .iter()
            .find(|condition| condition["type"] == "Ready")
            .cloned()
    };
    repo.write("apps/a.yaml", object("three", "nowhere"))
        .commit("Fail");
    push();
    let failure = until("Flux to tell the failure", || {
        ready().filter(|condition| {
            condition["status"] == "False" && condition["reason"] == "ReconciliationFailed"
        })
    });
    let message = failure["message"].as_str().unwrap_or_default();
    assert!(
        message.contains("namespaces \"nowhere\" not found"),
        "{message}"
    );
    repo.remove("apps/a.yaml")
        .write(
            "apps/b.yaml",
            object("four", "fluxed").replace("name: a", "name: b"),
        )
        .commit("Replace");
    push();
    until("Flux to prune", || {
        cluster.get("fluxed", "configmap/a").is_none().then_some(())
    });
}
