use support::TestRepo;
use tempfile::tempdir;

use crate::harness::{argo, gitea, until};

#[test]
fn what_is_pushed_is_synced_and_reverted_and_drift_is_undone() {
    let (Some((cluster, namespace)), Some(gitea)) = (argo(), gitea()) else {
        return;
    };
    let remote = gitea.repository("argued");
    let directory = tempdir().expect("directory");
    let repo = TestRepo::init(directory.path());
    let object = |value: &str| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata: {{v: '{value}'}}\n")
    };
    repo.write("apps/kustomization.yaml", "resources: [a.yaml]\n")
        .write("apps/a.yaml", object("one"))
        .commit("One");
    let push = || repo.git(&["push", "-q", &remote.authorized, "main"]);
    push();
    cluster.apply(&format!(
        "apiVersion: v1
kind: Secret
metadata: {{name: argued, namespace: {namespace}, labels: {{argocd.argoproj.io/secret-type: repository}}}}
stringData: {{type: git, url: '{url}', username: {owner}, password: {token}}}
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: argued, namespace: {namespace}}}
spec:
  project: default
  source: {{repoURL: '{url}', targetRevision: main, path: apps}}
  destination: {{server: 'https://kubernetes.default.svc', namespace: argued}}
  syncPolicy: {{automated: {{prune: true, selfHeal: true}}, syncOptions: [CreateNamespace=true]}}
",
        owner = remote.owner,
        token = remote.token,
        url = remote.url,
    ));
    let refresh = || {
        cluster.admin(&[
            "annotate",
            "application.argoproj.io",
            "argued",
            "-n",
            namespace,
            "--overwrite",
            "argocd.argoproj.io/refresh=normal",
        ])
    };
    let becomes = |value: &str| {
        until(&format!("Argo CD to sync {value}"), || {
            let object = cluster.get("argued", "configmap/a")?;
            (object["data"]["v"] == value).then_some(())
        });
    };
    becomes("one");
    repo.write("apps/a.yaml", object("two")).commit("Two");
    push();
    refresh();
    becomes("two");
    repo.git(&["revert", "--no-edit", "HEAD"]);
    push();
    refresh();
    becomes("one");
    cluster.admin(&[
        "patch",
        "configmap",
        "a",
        "-n",
        "argued",
        "-p",
        r#"{"data":{"v":"drift"}}"#,
    ]);
    becomes("one");
    let head = repo.rev("HEAD");
    until("Argo CD to say so", || {
        let status = cluster.get(namespace, "application.argoproj.io/argued")?["status"].clone();
        let synced =
            status["sync"]["status"] == "Synced" && status["sync"]["revision"] == head.as_str();
        (synced && status["health"]["status"] == "Healthy").then_some(())
    });
}
