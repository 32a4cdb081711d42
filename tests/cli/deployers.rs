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

/// An app whose chart could not be had has no objects to compare: it was in sync and healthy, even without a cluster, and ran
/// the chart's version.
#[test]
fn an_app_that_is_not_rendered_is_not_healthy() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    repo.write(
        "apps/cache.yaml",
        "apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: charts, namespace: shop}
spec: {interval: 1h, url: 'https://charts.example.com'}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: cache, namespace: shop}
spec:
  interval: 1h
  chart: {spec: {chart: redis, version: 1.2.3, sourceRef: {kind: HelmRepository, name: charts}}}
",
    );
    repo.commit("Begin");
    let cluster = home.directory.path().join("cluster");
    std::fs::create_dir(&cluster).expect("a directory");
    std::fs::write(cluster.join("snapshot.yaml"), "complete: true\n").expect("written");
    std::fs::write(
        cluster.join("namespace.yaml"),
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n",
    )
    .expect("written");

    let snapshot = cluster.to_string_lossy();
    let cases: [(&[&str], &str); 2] = [
        (&["--no-cluster"], "no cluster"),
        (&["--snapshot", &snapshot], "not rendered"),
    ];
    for (which, why) in cases {
        let args = [&["where", "cache", "-o", "json"], which].concat();
        let ended = home.run(&repo.path, &args);
        let answer: Value = serde_json::from_str(&ended.out).expect("JSON");
        let deployment = &answer["apps"][0]["deployments"][0];
        assert_eq!(deployment["version"], "1.2.3", "{answer}");
        assert_eq!(deployment["live"]["state"], "unavailable", "{answer}");
        assert_eq!(deployment["live"]["why"], why, "{answer}");
    }
}
