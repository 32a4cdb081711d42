//! A repository in the shape of one folder per environment on shared kustomize bases: one line of a base changes them all.

use crate::run::Home;
use crate::support::TestRepo;

const ENVIRONMENTS: [&str; 11] = [
    "integration-gpu",
    "integration-non-gpu",
    "load-gpu",
    "load-non-gpu",
    "prod-asia",
    "prod-eu",
    "prod-us",
    "qa",
    "staging-asia",
    "staging-eu",
    "staging-us",
];

fn deployment(policy: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: simple\nspec:\n  selector: {{matchLabels: {{app: simple}}}}\n  template:\n    metadata: {{labels: {{app: simple}}}}\n    spec:\n      containers:\n      - name: web\n        image: registry.example.com/simple:1.0\n{policy}"
    )
}

fn repository(directory: &std::path::Path) -> TestRepo {
    let repo = TestRepo::init(directory);
    repo.write("base/deployment.yml", deployment(""));
    repo.write("base/kustomization.yml", "resources:\n- deployment.yml\n");
    repo.write("variants/prod/kustomization.yml", "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\npatches:\n- path: prod.yml\n");
    repo.write(
        "variants/prod/prod.yml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: simple}\nspec: {replicas: 3}\n",
    );
    for (number, name) in ENVIRONMENTS.iter().enumerate() {
        let component = if name.starts_with("prod") {
            "components:\n- ../../variants/prod\n"
        } else {
            ""
        };
        repo.write(
            format!("envs/{name}/kustomization.yml"),
            format!("namespace: {name}\nresources:\n- ../../base\n{component}patches:\n- path: version.yml\n"),
        );
        repo.write(
            format!("envs/{name}/version.yml"),
            format!("apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: simple}}\nspec:\n  template:\n    spec:\n      containers: [{{name: web, image: 'registry.example.com/simple:{number}.0'}}]\n"),
        );
    }
    repo.commit("Start");
    repo
}

/// kubectl brings kustomize. Without either these tests can compare nothing.
fn has_kustomize() -> bool {
    let found = ["kubectl", "kustomize"].iter().any(|tool| {
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
            .any(|path| path.join(tool).is_file())
    });
    assert!(
        found || std::env::var_os("CI").is_none(),
        "kubectl or kustomize is required in CI"
    );
    if !found {
        eprintln!("skipped: neither kubectl nor kustomize is installed");
    }
    found
}

#[test]
fn one_line_of_a_base_changes_the_deployment_in_all_environments() {
    if !has_kustomize() {
        return;
    }
    let home = Home::new();
    let repo = repository(&home.directory.path().join("repo"));
    repo.write(
        "base/deployment.yml",
        deployment("        imagePullPolicy: Always\n"),
    );
    let commit = repo.commit("always pull");
    let shown = home.json(&repo.path, &["show", &commit], 0);
    let resources = shown["resources"].as_array().expect("resources");
    let mut environments: Vec<&str> = resources
        .iter()
        .filter_map(|resource| resource["environment"].as_str())
        .collect();
    environments.sort_unstable();
    assert_eq!(environments, ENVIRONMENTS, "{shown}");
    for resource in resources {
        assert_eq!(resource["rendered"], true);
        assert_eq!(
            resource["fields"].as_array().expect("fields").len(),
            1,
            "one field each"
        );
        assert_eq!(
            resource["fields"][0]["path"],
            "spec.template.spec.containers[name=web].imagePullPolicy"
        );
        assert_eq!(resource["fields"][0]["after"], "Always");
    }
    let text = home.run(&repo.path, &["show", &commit, "--no-cluster"]);
    assert!(text.out.contains("in 11 environments"), "{}", text.out);
}

#[test]
fn where_shows_every_environment_with_its_version() {
    if !has_kustomize() {
        return;
    }
    let home = Home::new();
    let repo = repository(&home.directory.path().join("repo"));
    let answer = home.json(&repo.path, &["where"], 0);
    assert_eq!(
        answer["environments"]
            .as_array()
            .expect("environments")
            .len(),
        11
    );
    let mut versions = std::collections::BTreeMap::new();
    for app in answer["apps"].as_array().expect("apps") {
        for deployment in app["deployments"].as_array().expect("deployments") {
            let environment = deployment["environment"].as_str().expect("a name");
            versions.insert(
                environment.to_owned(),
                deployment["version"]
                    .as_str()
                    .expect("a version")
                    .to_owned(),
            );
        }
    }
    for (number, name) in ENVIRONMENTS.iter().enumerate() {
        assert_eq!(versions[*name], format!("{number}.0"), "{name}");
    }
}

#[test]
fn doctor_counts_what_it_recognises_and_misses_only_tools_that_are_needed() {
    let home = Home::new();
    let repo = repository(&home.directory.path().join("repo"));
    let answer = home.json(&repo.path, &["doctor"], 0);
    let checks = answer["checks"].as_array().expect("checks");
    let detail = |name: &str| {
        let check = checks.iter().find(|check| check["name"] == name);
        check.and_then(|check| check["detail"].as_str())
    };
    let layout = detail("layout").expect("a layout");
    assert!(
        layout.starts_with("11 apps (11 kustomize overlays) in "),
        "{layout}"
    );
    assert!(detail("kustomize").is_some());
    assert_eq!(detail("helm"), None);
    // One reason for all of them is said once.
    let clusters = checks.iter().filter(|check| check["name"] == "cluster");
    assert_eq!(clusters.count(), 1);
}

/// It was said to be declared nowhere, for no file ever spoke of it by this name.
#[test]
fn what_is_gone_is_found_by_the_parts_of_its_name() {
    if !has_kustomize() {
        return;
    }
    let home = Home::new();
    let repo = repository(&home.directory.path().join("repo"));
    repo.write(
        "envs/qa/kustomization.yml",
        "namespace: qa\nnamePrefix: eu-\nnameSuffix: -blue\nresources:\n- ../../base\n",
    );
    repo.commit("Blue in qa");
    repo.write(
        "envs/qa/kustomization.yml",
        "namespace: qa\nresources: []\n",
    );
    repo.commit("Nothing in qa");
    for number in 0..20 {
        repo.write("envs/qa/notes.md", format!("simple {number}"));
        repo.commit("Notes");
    }
    let ended = home.run(
        &repo.path,
        &["log", "deploy/eu-simple-blue", "--no-cluster"],
    );
    let subjects: Vec<bool> = ["Blue in qa", "Nothing in qa"]
        .iter()
        .map(|subject| ended.out.contains(subject))
        .collect();
    assert_eq!(
        (ended.code, subjects),
        (0, vec![true; 2]),
        "{}{}",
        ended.out,
        ended.err
    );
}
