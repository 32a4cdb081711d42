//! The real kustomize-controller, with a repository on Gitea.

use serde_json::Value;
use tempfile::tempdir;

use super::Environment;
use crate::harness::{flux, gitea, until};

const IMAGE: &str = "Deployment/web spec.template.spec.containers[name=web].image";

#[test]
fn where_flux_is_and_why_no_further() {
    let (Some((cluster, system)), Some(gitea)) = (flux(), gitea()) else {
        return;
    };
    let remote = gitea.repository("followed");
    let directory = tempdir().expect("directory");
    let environment = Environment::new(directory.path(), &remote.authorized, cluster, "followed");
    let repo = &environment.repo;
    cluster.namespace("followed");
    let follows = format!(
        "apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {{name: followed, namespace: {system}}}
spec: {{interval: 1s, url: '{url}', ref: {{branch: main}}, secretRef: {{name: followed}}}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: followed, namespace: {system}}}
spec: {{interval: 2s, path: ./apps, prune: true, sourceRef: {{kind: GitRepository, name: followed}}}}
",
        url = remote.url,
    );
    repo.write("clusters/production/followed.yaml", &follows)
        .write("apps/web.yaml", environment.deployment("1", 2))
        .write("apps/old.yaml", environment.config_map("old", "followed"));
    environment.push("One");
    cluster.apply(&format!(
        "apiVersion: v1
kind: Secret
metadata: {{name: followed, namespace: {system}}}
stringData: {{username: {owner}, password: {token}}}
---
{follows}",
        owner = remote.owner,
        token = remote.token,
    ));
    let suspend = |kind: &str, suspend: bool| {
        let patch = format!(r#"{{"spec":{{"suspend":{suspend}}}}}"#);
        cluster.admin(&[
            "patch",
            kind,
            "followed",
            "-n",
            system,
            "--type=merge",
            "-p",
            &patch,
        ]);
    };
    environment.says("followed", &["applied One 0"]);
    let answer = environment.ask(&["drift"]);
    assert_eq!(answer["notes"], serde_json::json!([]), "{answer:#}");
    until("the pods to be ready", || {
        (environment.fares("followed") == "Healthy synced applied").then_some(())
    });

    // Told to stop, somebody edits, and git goes on.
    suspend("kustomization.kustomize.toolkit.fluxcd.io", true);
    cluster.admin(&[
        "scale",
        "deployment",
        "web",
        "-n",
        "followed",
        "--replicas=3",
    ]);
    repo.write("apps/web.yaml", environment.deployment("2", 2))
        .write("apps/new.yaml", environment.config_map("new", "followed"))
        .remove("apps/old.yaml");
    environment.push("Two");
    let image = format!("{IMAGE} suspended");
    let found = [
        "suspended One 1",
        "ConfigMap/new missing suspended",
        "Deployment/web spec.replicas manual-edit",
        &image,
        "ConfigMap/old extra suspended",
    ];
    environment.says("followed", &found);
    environment.snapshot_says("followed", &found);

    // What somebody scaled is undone, what git has no more is pruned.
    suspend("kustomization.kustomize.toolkit.fluxcd.io", false);
    environment.says("followed", &["applied Two 0"]);
    assert!(cluster.get("followed", "configmap/old").is_none());
    cluster.admin(&[
        "scale",
        "deployment",
        "web",
        "-n",
        "followed",
        "--replicas=5",
    ]);
    let replicas = || -> Option<Value> {
        let object = cluster.get("followed", "deployment/web")?;
        Some(object["spec"]["replicas"].clone())
    };
    until("Flux to undo it", || (replicas()? == 2).then_some(()));
    environment.says("followed", &["applied Two 0"]);

    // What was applied while nothing was pruned stays.
    let prune = |prune: bool| {
        let patch = format!(r#"{{"spec":{{"prune":{prune}}}}}"#);
        let kind = "kustomization.kustomize.toolkit.fluxcd.io";
        cluster.admin(&[
            "patch",
            kind,
            "followed",
            "-n",
            system,
            "--type=merge",
            "-p",
            &patch,
        ]);
    };
    prune(false);
    repo.write("apps/left.yaml", environment.config_map("left", "followed"));
    environment.push("Two and a bit");
    environment.says("followed", &["applied Two and a bit 0"]);
    repo.remove("apps/left.yaml");
    environment.push("Two again");
    environment.says(
        "followed",
        &[
            "applied Two again 0",
            "ConfigMap/left orphaned never-pruned",
        ],
    );
    prune(true);

    // A source that is not fetched any more leaves the Kustomization content.
    suspend("gitrepository.source.toolkit.fluxcd.io", true);
    repo.write("apps/web.yaml", environment.deployment("3", 2));
    environment.push("Three");
    let image = format!("{IMAGE} suspended");
    environment.says(
        "followed",
        &[
            "suspended Two again 1",
            &image,
            "ConfigMap/left orphaned never-pruned",
        ],
    );
    suspend("gitrepository.source.toolkit.fluxcd.io", false);
    environment.says(
        "followed",
        &["applied Three 0", "ConfigMap/left orphaned never-pruned"],
    );
    cluster.admin(&["delete", "configmap", "left", "-n", "followed"]);

    // What the API server refuses holds up the rest of the commit.
    repo.write("apps/web.yaml", environment.deployment("4", 2))
        .write("apps/nowhere.yaml", environment.config_map("a", "nowhere"));
    environment.push("Four");
    let image = format!("{IMAGE} apply-failing");
    environment.says(
        "followed",
        &[
            "failing Three 1",
            "ConfigMap/a missing apply-failing",
            &image,
        ],
    );
    let answer = environment.ask(&["drift"]);
    let message = answer["applied"][0]["message"].as_str().unwrap_or_default();
    assert!(
        message.contains("namespaces \"nowhere\" not found"),
        "{message}"
    );
    assert_eq!(environment.fares("followed"), "Missing missing failing");
    repo.git(&["revert", "--no-edit", "HEAD"]);
    repo.git(&["push", "-q", "origin", "main"]);
    environment.says("followed", &["applied Revert \"Four\" 0"]);
}
