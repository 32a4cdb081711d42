//! The real application controller, with a repository on Gitea.

use serde_json::Value;
use tempfile::tempdir;

use super::Environment;
use crate::harness::{argo, gitea, until};

const IMAGE: &str = "Deployment/web spec.template.spec.containers[name=web].image";

#[test]
fn where_argo_is_and_why_no_further() {
    let (Some((cluster, system)), Some(gitea)) = (argo(), gitea()) else {
        return;
    };
    let remote = gitea.repository("synced");
    let directory = tempdir().expect("directory");
    let environment = Environment::new(directory.path(), &remote.authorized, cluster, "synced");
    let repo = &environment.repo;
    cluster.namespace("synced");
    let automated = r#"{"automated":{"prune":true,"selfHeal":true}}"#;
    let follows = format!(
        "apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: synced, namespace: {system}}}
spec:
  project: default
  source: {{repoURL: '{url}', targetRevision: main, path: apps}}
  destination: {{server: 'https://kubernetes.default.svc', namespace: synced}}
  syncPolicy: {automated}
",
        url = remote.url,
    );
    repo.write("argocd/synced.yaml", &follows)
        .write("apps/web.yaml", environment.deployment("1", 2))
        .write("apps/old.yaml", environment.config_map("old", "synced"));
    environment.push("One");
    cluster.apply(&format!(
        "apiVersion: v1
kind: Secret
metadata: {{name: synced, namespace: {system}, labels: {{argocd.argoproj.io/secret-type: repository}}}}
stringData: {{type: git, url: '{url}', username: {owner}, password: {token}}}
---
{follows}",
        url = remote.url,
        owner = remote.owner,
        token = remote.token,
    ));
    let application = "application.argoproj.io";
    let policy = |policy: &str| {
        let patch = format!(r#"{{"spec":{{"syncPolicy":{policy}}}}}"#);
        cluster.admin(&[
            "patch",
            application,
            "synced",
            "-n",
            system,
            "--type=merge",
            "-p",
            &patch,
        ]);
    };
    let refresh = |how: &str| {
        let refresh = format!("argocd.argoproj.io/refresh={how}");
        let of = [application, "synced", "-n", system, "--overwrite"];
        cluster.admin(&[&["annotate"], &of[..], &[&refresh]].concat());
    };
    let push = |message: &str| {
        environment.push(message);
        refresh("normal");
    };
    environment.says("synced", &["applied One 0"]);
    until("the pods to be ready", || {
        (environment.fares("synced") == "Healthy synced applied").then_some(())
    });

    // Nobody syncs, somebody edits, and git goes on.
    policy("null");
    cluster.admin(&["scale", "deployment", "web", "-n", "synced", "--replicas=3"]);
    repo.write("apps/web.yaml", environment.deployment("2", 2))
        .write("apps/new.yaml", environment.config_map("new", "synced"))
        .remove("apps/old.yaml");
    push("Two");
    let image = format!("{IMAGE} suspended");
    environment.says(
        "synced",
        &[
            "manual One 1",
            "ConfigMap/new missing suspended",
            "Deployment/web spec.replicas manual-edit",
            &image,
            "ConfigMap/old orphaned never-pruned",
        ],
    );

    // What somebody scaled is undone, what git has no more is pruned.
    policy(automated);
    environment.says("synced", &["applied Two 0"]);
    assert!(cluster.get("synced", "configmap/old").is_none());
    cluster.admin(&["scale", "deployment", "web", "-n", "synced", "--replicas=5"]);
    until("Argo CD to undo it", || {
        let object = cluster.get("synced", "deployment/web")?;
        (object["spec"]["replicas"] == 2).then_some(())
    });
    environment.says("synced", &["applied Two 0"]);

    // What the application is told to ignore is no difference to either.
    let is_synced = |expected: &str| {
        until(&format!("Argo CD to say {expected}"), || {
            let object = cluster.get(system, "application.argoproj.io/synced")?;
            (object["status"]["sync"]["status"] == expected).then_some(())
        });
    };
    let ignore = |rules: &str| {
        let patch = format!(r#"{{"spec":{{"ignoreDifferences":{rules}}}}}"#);
        let merge = ["--type=merge", "-p", &patch];
        cluster.admin(&[&["patch", application, "synced", "-n", system], &merge[..]].concat());
    };
    policy(r#"{"automated":{"prune":true,"selfHeal":false}}"#);
    let scale = ["scale", "deployment", "web", "-n", "synced", "--replicas=4"];
    cluster.admin(&scale);
    is_synced("OutOfSync");
    let by_hand = "Deployment/web spec.replicas manual-edit";
    environment.says("synced", &["applied Two 0", by_hand]);
    ignore(r#"[{"group":"apps","kind":"Deployment","jqPathExpressions":[".spec.replicas"]}]"#);
    is_synced("Synced");
    environment.says("synced", &["applied Two 0"]);
    ignore("null");
    is_synced("OutOfSync");
    environment.says("synced", &["applied Two 0", by_hand]);

    // Nor what Argo CD itself is told to ignore, of all applications.
    let key = "resource.customizations.ignoreDifferences.apps_Deployment";
    let settings = |rules: &str| {
        let patch =
            serde_json::json!({"data": {key: serde_json::from_str::<Value>(rules).expect("JSON")}});
        let patch = patch.to_string();
        let merge = ["--type=merge", "-p", &patch];
        cluster.admin(
            &[
                &["patch", "configmap", "argocd-cm", "-n", system],
                &merge[..],
            ]
            .concat(),
        );
        refresh("hard");
    };
    settings(r#""jsonPointers: [/spec/replicas]""#);
    is_synced("Synced");
    environment.says("synced", &["applied Two 0"]);
    environment.snapshot_says("synced", &["applied Two 0"]);
    let answer = environment.ask(&["resource", "deployment/web"]);
    let suppressed = &answer["live"]["value"]["suppressed_fields"][0];
    assert_eq!(suppressed["path"], "spec.replicas", "{answer:#}");
    let rule = "argocd-cm: ignoreDifferences of apps/Deployment /spec/replicas";
    assert_eq!(suppressed["rule"], rule);
    settings("null");
    is_synced("OutOfSync");
    environment.says("synced", &["applied Two 0", by_hand]);
    policy(automated);
    environment.says("synced", &["applied Two 0"]);

    // What somebody adds is no difference to Argo CD.
    let label = |label: &str| {
        cluster.admin(&["label", "deployment", "web", "-n", "synced", label]);
        refresh("hard");
    };
    label("by=hand");
    is_synced("Synced");
    let labelled = "Deployment/web metadata.labels.by manual-edit";
    environment.says("synced", &["applied Two 0", labelled]);
    let answer = environment.ask(&["resource", "deployment/web"]);
    let verdict = &answer["live"]["value"]["by_deployer"];
    assert_eq!(verdict["in_sync"], true, "{answer:#}");
    let disagrees = "Argo CD says Synced; gitopsy finds 1 field to differ";
    assert_eq!(verdict["disagrees"], disagrees);
    label("by-");
    environment.says("synced", &["applied Two 0"]);

    repo.write("apps/web.yaml", environment.deployment("3", 2))
        .write("apps/nowhere.yaml", environment.config_map("a", "nowhere"));
    push("Three");
    // It applies what it can, and tries again.
    environment.says(
        "synced",
        &["failing Two 1", "ConfigMap/a missing apply-failing"],
    );
}
