//! What deployers do by themselves is no drift.

use serde_json::Value;

use crate::run::Home;
use crate::support::TestRepo;

/// A hook that had run and was deleted was said to be missing.
#[test]
fn a_hook_that_ran_and_is_gone_is_not_missing() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    let job = |name: &str, annotations: &str| {
        format!(
            "apiVersion: batch/v1
kind: Job
metadata: {{name: {name}, namespace: shop, annotations: {annotations}}}
spec: {{template: {{spec: {{restartPolicy: Never, containers: [{{name: a, image: a}}]}}}}}}
"
        )
    };
    repo.write(
        "argocd/shop.yaml",
        "apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: shop, namespace: argocd}
spec:
  source: {repoURL: 'https://git.example.com/acme/environments.git', path: apps}
  destination: {server: 'https://kubernetes.default.svc', namespace: shop}
",
    );
    repo.git(&[
        "remote",
        "add",
        "origin",
        "https://git.example.com/acme/environments.git",
    ]);
    repo.write(
        "apps/migrate.yaml",
        job("migrate", "{argocd.argoproj.io/hook: PreSync}"),
    );
    repo.write("apps/report.yaml", job("report", "{}"));
    repo.commit("Begin");
    let cluster = home.directory.path().join("cluster");
    std::fs::create_dir(&cluster).expect("a directory");
    std::fs::write(cluster.join("snapshot.yaml"), "complete: true\n").expect("written");

    let snapshot = cluster.to_string_lossy();
    let args = [
        "drift",
        "--app",
        "shop",
        "-o",
        "json",
        "--snapshot",
        &snapshot,
    ];
    let ended = home.run(&repo.path, &args);
    let answer: Value = serde_json::from_str(&ended.out).expect("JSON");
    let resources = answer["resources"].as_array().expect("a list").iter();
    let missing: Vec<&Value> = resources
        .filter(|resource| resource["state"] == "missing")
        .map(|resource| &resource["object"]["name"])
        .collect();
    assert_eq!(missing, ["report"], "{answer:#}");

    for (name, sync) in [("migrate", "synced"), ("report", "missing")] {
        let job = format!("job/{name}");
        let args = ["resource", &job, "-o", "json", "--snapshot", &snapshot];
        let ended = home.run(&repo.path, &args);
        let answer: Value = serde_json::from_str(&ended.out).expect("JSON");
        assert_eq!(answer["live"]["value"]["sync"], sync, "{answer:#}");
    }
}
