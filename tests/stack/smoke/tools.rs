use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::tools;
use tempfile::{TempDir, tempdir};

use crate::harness::{User, cluster};

/// Runs a tool in `at`, with nothing of the user's around it; what it prints.
fn run(program: &Path, others: &[&Path], at: &Path, args: &[&str]) -> String {
    let output = Command::new(program)
        .args(args)
        .current_dir(at)
        .env_clear()
        .env("PATH", tools::search_path(others))
        .env("HOME", at)
        .output()
        .expect("the tool runs");
    assert!(
        output.status.success(),
        "{} {args:?}: {}",
        program.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}

/// The version of a module that the tools are built from, without `v`.
fn required(module: &str) -> String {
    let go_mod = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stack/servers/go.mod");
    let text = fs::read_to_string(go_mod).expect("go.mod");
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix(&format!("{module} v")));
    let version = line.and_then(|rest| rest.split_whitespace().next());
    version.expect("a required module").to_owned()
}

/// A chart `shop` with one Deployment, and a helmfile that releases it into two environments.
fn chart() -> TempDir {
    let directory = tempdir().expect("directory");
    for (path, text) in [
        ("chart/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 0.1.0\n"),
        ("chart/values.yaml", "replicas: 1\n"),
        (
            "chart/templates/web.yaml",
            "apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}, annotations: {kubernetes: '{{ .Capabilities.KubeVersion.Version }}'}}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: 'web:1'}]}
",
        ),
        (
            "helmfile.yaml.gotmpl",
            "environments:
  test: {}
  production: {values: [{replicas: 3}]}
---
releases:
- name: shop
  chart: ./chart
  values: [{replicas: {{ .Values | get \"replicas\" 2 }}}]
",
        ),
    ] {
        let file = directory.path().join(path);
        fs::create_dir_all(file.parent().expect("a parent")).expect("directory");
        fs::write(file, text).expect("file");
    }
    directory
}

#[test]
fn every_program_is_built_and_says_the_version_it_is_built_from() {
    if tools::servers().is_none() {
        return;
    }
    let home = tempdir().expect("directory");
    for (tool, args, module) in [
        (
            tools::kubectl(),
            ["version", "--client"].as_slice(),
            "k8s.io/kubernetes",
        ),
        (
            tools::kustomize(),
            &["version"],
            "sigs.k8s.io/kustomize/kustomize/v5",
        ),
        (tools::helm(), &["version", "--short"], "helm.sh/helm/v3"),
        (
            tools::helmfile(),
            &["--version"],
            "github.com/helmfile/helmfile",
        ),
        (
            tools::flux(),
            &["version", "--client"],
            "github.com/fluxcd/flux2/v2",
        ),
    ] {
        let tool = tool.expect("built");
        let said = run(&tool, &[], home.path(), args);
        let version = required(module);
        assert!(said.contains(&version), "{module} {version}: {said}");
    }
}

#[test]
fn kustomize_builds() {
    let Some(kustomize) = tools::kustomize() else {
        return;
    };
    let directory = tempdir().expect("directory");
    let write =
        |name: &str, text: &str| fs::write(directory.path().join(name), text).expect("file");
    write(
        "kustomization.yaml",
        "resources: [a.yaml]\nnamePrefix: new-\n",
    );
    write(
        "a.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n",
    );
    assert_eq!(
        run(&kustomize, &[], directory.path(), &["build", "."]),
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: new-a\n"
    );
}

#[test]
fn helm_renders_for_the_cluster_s_version() {
    let Some(helm) = tools::helm() else { return };
    let directory = chart();
    let minor = required("k8s.io/kubernetes");
    let minor = minor.rsplit_once('.').expect("a patch").0;
    let text = run(
        &helm,
        &[],
        directory.path(),
        &["template", "web", "chart", "--set", "replicas=4"],
    );
    assert!(text.contains("replicas: 4\n"), "{text}");
    assert!(
        text.contains(&format!("kubernetes: 'v{minor}.0'")),
        "{text}"
    );
}

#[test]
fn helmfile_renders_each_environment_by_helm() {
    let (Some(helmfile), Some(helm)) = (tools::helmfile(), tools::helm()) else {
        return;
    };
    let directory = chart();
    for (environment, replicas) in [("test", 2), ("production", 3)] {
        let args = ["-e", environment, "template"];
        let text = run(&helmfile, &[&helm], directory.path(), &args);
        assert!(text.contains(&format!("replicas: {replicas}\n")), "{text}");
    }
}

#[test]
fn flux_builds_what_its_controller_would_apply() {
    let Some(flux) = tools::flux() else { return };
    let directory = tempdir().expect("directory");
    let write =
        |name: &str, text: &str| fs::write(directory.path().join(name), text).expect("file");
    fs::create_dir(directory.path().join("apps")).expect("directory");
    write(
        "apps/a.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {v: '${v}'}\n",
    );
    write(
        "ks.yaml",
        "apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps, namespace: flux-system}
spec:
  interval: 1m
  path: ./apps
  prune: true
  targetNamespace: shop
  postBuild: {substitute: {v: substituted}}
  sourceRef: {kind: GitRepository, name: apps}
",
    );
    let args = [
        "build",
        "kustomization",
        "apps",
        "--path=apps",
        "--kustomization-file=ks.yaml",
        "--dry-run",
    ];
    let text = run(&flux, &[], directory.path(), &args);
    assert!(
        text.contains("v: substituted\n") && text.contains("namespace: shop\n"),
        "{text}"
    );
}

#[test]
fn helm_and_helmfile_release_to_the_cluster() {
    let (Some(cluster), Some(helmfile), Some(helm)) = (cluster(), tools::helmfile(), tools::helm())
    else {
        return;
    };
    let directory = chart();
    let kubeconfig: PathBuf = directory.path().join(".kube/config"); // where they look below HOME
    fs::create_dir(directory.path().join(".kube")).expect("directory");
    fs::copy(cluster.kubeconfig(User::Admin), kubeconfig).expect("a kubeconfig");
    cluster.namespace("released");
    let args = [
        "upgrade",
        "--install",
        "shop",
        "chart",
        "-n",
        "released",
        "--wait",
        "--timeout=60s",
    ];
    run(&helm, &[], directory.path(), &args);
    let web = || {
        cluster
            .get("released", "deployment/shop")
            .expect("it was released")
    };
    assert_eq!(web()["status"]["readyReplicas"], 1);
    assert_eq!(
        web()["metadata"]["labels"]["app.kubernetes.io/managed-by"],
        "Helm"
    );
    run(
        &helmfile,
        &[&helm],
        directory.path(),
        &["-e", "production", "-n", "released", "sync"],
    );
    assert_eq!(web()["spec"]["replicas"], 3);
    let history = run(
        &helm,
        &[],
        directory.path(),
        &["history", "shop", "-n", "released", "-o", "json"],
    );
    let history: Vec<serde_json::Value> = serde_json::from_str(&history).expect("JSON");
    assert_eq!(history.last().expect("a release")["revision"], 2);
}
