//! Layouts that are broken, in circles or lead out of the repository, one change away from ones that work: the reason is
//! shown, and neither the change nor the way back reads as if objects came or went.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::run::Home;
use crate::support::{TestRepo, tools};

/// What becomes of a path.
enum Edit {
    Link(&'static str, &'static str),
    Write(&'static str, String),
}

/// A change of a work tree, and what must be said of it.
type Case = (&'static str, Vec<Edit>, &'static str);

const ENVIRONMENTS: [&str; 2] = ["dev", "prod"];
const OUT: &str = "symlink leads out of the repository";

fn deployment(name: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  template:\n    spec:\n      containers:\n      - {{name: app, image: 'registry.example.com/{name}:1.0'}}\n"
    )
}

fn flux(name: &str, path: &str) -> String {
    format!(
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: {name}, namespace: flux-system}}\nspec: {{path: {path}, prune: true, sourceRef: {{kind: GitRepository, name: flux-system}}}}\n"
    )
}

const SET: &str = "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: set, namespace: argocd}\nspec:\n  generators:\n  - list: {elements: [{name: job}]}\n  template:\n    metadata: {name: '{{name}}'}\n    spec: {source: {repoURL: 'https://example.com/env.git', path: 'more/{{name}}'}, destination: {namespace: shop}}\n";

fn application(name: &str, path: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: {name}, namespace: argocd}}\nspec: {{source: {{repoURL: 'https://example.com/env.git', path: {path}}}, destination: {{server: 'https://kubernetes.default.svc', namespace: shop}}}}\n"
    )
}

fn link(path: &'static str, target: &'static str) -> Vec<Edit> {
    vec![Edit::Link(path, target)]
}

fn write(path: &'static str, text: impl Into<String>) -> Vec<Edit> {
    vec![Edit::Write(path, text.into())]
}

fn both(mut one: Vec<Edit>, other: Vec<Edit>) -> Vec<Edit> {
    one.extend(other);
    one
}

impl Edit {
    fn apply(&self, repo: &TestRepo) {
        match self {
            Edit::Link(path, target) => {
                if repo.path.join(path).exists() {
                    repo.remove(path);
                }
                repo.symlink(path, target);
            }
            Edit::Write(path, text) => {
                repo.write(path, text);
            }
        }
    }
}

/// An overlay of `base/` for each environment.
fn overlays(repo: &TestRepo) {
    for environment in ENVIRONMENTS {
        repo.write(
            format!("overlays/{environment}/kustomization.yaml"),
            "resources: [../../base]\n",
        );
    }
}

/// What came or went, in words.
fn came_and_went(answer: &Value) -> Vec<String> {
    let resources = answer["resources"].as_array().expect("resources");
    resources
        .iter()
        .filter(|resource| resource["change"] == "added" || resource["change"] == "removed")
        .map(|resource| {
            let object = &resource["object"];
            format!(
                "{} {}/{}",
                resource["change"], object["kind"], object["name"]
            )
        })
        .collect()
}

/// A home whose programs find kustomize and helm, where the tests have them.
fn with_tools() -> Home {
    let found = [tools::kustomize(), tools::helm()];
    let found: Vec<&Path> = found.iter().flatten().map(PathBuf::as_path).collect();
    Home {
        path: tools::search_path(&found),
        ..Home::new()
    }
}

/// Each case on its own, beside what is in the repository at first.
fn check(start: impl Fn(&TestRepo), cases: &[Case]) {
    let home = with_tools();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    start(&repo);
    let good = repo.commit("Start");
    let before = home.json(&repo.path, &["where"], 0);
    assert_eq!(before["not_rendered"], serde_json::json!([]), "{before}");
    for (name, change, reason) in cases {
        repo.git(&["checkout", "-q", "-f", "-B", "main", &good]);
        repo.git(&["clean", "-q", "-f", "-d"]);
        for edit in change {
            edit.apply(&repo);
        }
        let bad = repo.commit(name);
        let here = home.json(&repo.path, &["where"], 0);
        let said = format!("{} {}", here["not_rendered"], here["notes"]);
        assert!(said.contains(reason), "{name}: {said}");
        let shown = home.json(&repo.path, &["show", &bad], 0);
        assert!(came_and_went(&shown).is_empty(), "{name}: {shown}");
        let back = format!("{bad}..{good}");
        let ended = home.run(&repo.path, &["diff", &back, "-o", "json", "--no-cluster"]);
        let back: Value = serde_json::from_str(&ended.out).expect("JSON");
        assert!(came_and_went(&back).is_empty(), "{name}, undone: {back}");
        for answer in [&shown, &back] {
            let said = format!("{} {}", answer["not_rendered"], answer["resources"]);
            assert!(said.contains(reason), "{name}: {answer}");
        }
    }
}

#[test]
fn plain_manifests() {
    let start = |repo: &TestRepo| {
        for environment in ENVIRONMENTS {
            for app in ["api", "web"] {
                repo.write(
                    format!("environments/{environment}/{app}/app.yaml"),
                    deployment(app),
                );
            }
        }
    };
    check(
        start,
        &[
            (
                "a file",
                link("environments/dev/api/app.yaml", "/etc/passwd"),
                "lead",
            ),
            (
                "a directory",
                link("environments/dev", "../../../../etc"),
                "lead",
            ),
            (
                "a template",
                write(
                    "environments/dev/api/app.yaml",
                    deployment("api") + "{{- if .x }}\n",
                ),
                "template",
            ),
            (
                "not YAML",
                write("environments/dev/api/app.yaml", deployment("api") + "  [\n"),
                "environments/dev/api/app.yaml",
            ),
        ],
    );
}

#[test]
fn kustomizations() {
    if tools::kustomize().is_none() {
        return;
    }
    let start = |repo: &TestRepo| {
        repo.write("base/kustomization.yaml", "resources: [app.yaml, web]\n");
        repo.write("base/app.yaml", deployment("api"));
        repo.write("base/web/kustomization.yaml", "resources: [app.yaml]\n");
        repo.write("base/web/app.yaml", deployment("web"));
        overlays(repo);
    };
    check(
        start,
        &[
            ("a file", link("base/app.yaml", "/etc/passwd"), OUT),
            ("a directory", link("base", "../../../etc"), OUT),
            ("an inner directory", link("base/web", "../../../etc"), OUT),
            (
                "a kustomization",
                link("overlays/dev/kustomization.yaml", "/etc/passwd"),
                OUT,
            ),
            ("around", link("base/app.yaml", "app.yaml"), OUT),
            (
                "a circle",
                both(
                    write("overlays/dev/kustomization.yaml", "resources: [../prod]\n"),
                    write("overlays/prod/kustomization.yaml", "resources: [../dev]\n"),
                ),
                "kustomizations in a circle: overlays/dev → overlays/prod → overlays/dev",
            ),
            (
                "itself",
                write(
                    "base/kustomization.yaml",
                    "resources: [app.yaml, web, ../base]\n",
                ),
                "kustomizations in a circle: base → base",
            ),
            (
                "outside",
                write(
                    "overlays/dev/kustomization.yaml",
                    "resources: [../../base, ../../../../../etc]\n",
                ),
                "outside of the repository",
            ),
            (
                "a template",
                write(
                    "base/app.yaml",
                    deployment("api").replace("name: api", "name: {{ .name }}"),
                ),
                "base/app.yaml",
            ),
        ],
    );
}

#[test]
fn flux_kustomizations() {
    if tools::kustomize().is_none() {
        return;
    }
    let start = |repo: &TestRepo| {
        repo.write(
            "clusters/prod/flux-system/gotk-sync.yaml",
            flux("flux-system", "./clusters/prod"),
        );
        repo.write("clusters/prod/apps.yaml", flux("apps", "./apps/prod"));
        repo.write("apps/prod/kustomization.yaml", "resources: [../api]\n");
        repo.write("apps/api/kustomization.yaml", "resources: [app.yaml]\n");
        repo.write("apps/api/app.yaml", deployment("api"));
    };
    check(
        start,
        &[
            (
                "outside",
                write("clusters/prod/apps.yaml", flux("apps", "../../../etc")),
                "its path leads out of the repository",
            ),
            (
                "gone",
                write("clusters/prod/apps.yaml", flux("apps", "./apps/gone")),
                "apps/gone: there is no such directory",
            ),
            (
                "a broken root",
                write(
                    "clusters/prod/kustomization.yaml",
                    "resources: [apps.yaml\n",
                ),
                "clusters/prod/kustomization.yaml: it is not valid YAML",
            ),
            (
                "a hostile root",
                write(
                    "clusters/prod/kustomization.yaml",
                    "resources: [apps.yaml, flux-system/gotk-sync.yaml, /etc/passwd]\n",
                ),
                "outside of the repository",
            ),
        ],
    );
}

#[test]
fn applications() {
    let start = |repo: &TestRepo| {
        repo.write("root.yaml", application("root", "apps"));
        for app in ["api", "web"] {
            let path = format!("deploy/{app}");
            repo.write(format!("apps/{app}.yaml"), application(app, &path));
            repo.write(format!("{path}/app.yaml"), deployment(app));
        }
        repo.write("sets/set.yaml", SET);
        repo.write("more/job/app.yaml", deployment("job"));
    };
    let path = |path: &str| write("apps/api.yaml", application("api", path));
    check(
        start,
        &[
            (
                "outside",
                path("../../../etc"),
                "its path leads out of the repository",
            ),
            (
                "absolute",
                path("/etc"),
                "its path /etc is not in the repository",
            ),
            (
                "gone",
                path("deploy/gone"),
                "its path deploy/gone is not in the repository",
            ),
            (
                "a broken Application",
                write(
                    "apps/api.yaml",
                    application("api", "deploy/api") + "kind: [\n",
                ),
                "apps/api.yaml",
            ),
            (
                "a broken ApplicationSet",
                write("sets/set.yaml", SET.to_owned() + "kind: [\n"),
                "template",
            ),
        ],
    );
}

/// Apps of apps in a circle are what they are: each is shown, and nothing takes for ever.
#[test]
fn circles_of_orders() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    repo.write("a/app.yaml", application("b", "b"));
    repo.write("b/app.yaml", application("a", "a"));
    repo.write("c/app.yaml", application("c", "c"));
    repo.write("x/k.yaml", flux("y", "./y"));
    repo.write("y/k.yaml", flux("x", "./x"));
    repo.write("z/k.yaml", flux("z", "./z"));
    repo.commit("Start");
    let answer = home.json(&repo.path, &["where"], 0);
    let apps = answer["apps"].as_array().expect("apps").iter();
    let names: Vec<&str> = apps.filter_map(|app| app["name"].as_str()).collect();
    assert_eq!(names, ["a", "b", "c", "x", "y", "z"], "{answer}");
}

#[test]
fn charts() {
    if tools::helm().is_none() {
        return;
    }
    let chart = |rest: &str| format!("apiVersion: v2\nname: shop\nversion: 1.0.0\n{rest}");
    let start = |repo: &TestRepo| {
        repo.write("chart/Chart.yaml", chart(""));
        repo.write("chart/values.yaml", "tag: '1.0'\n");
        for environment in ENVIRONMENTS {
            let path = format!("chart/values-{environment}.yaml");
            repo.write(path, "tag: '1.1'\n");
        }
        let text = deployment("{{ .Release.Name }}").replace("1.0", "{{ .Values.tag }}");
        repo.write("chart/templates/app.yaml", text);
    };
    let needs = |repository: &str| {
        let dependency = format!(
            "dependencies:\n- {{name: redis, version: 1.0.0, repository: '{repository}'}}\n"
        );
        write("chart/Chart.yaml", chart(&dependency))
    };
    check(
        start,
        &[
            ("a file", link("chart/templates/x.yaml", "/etc/passwd"), OUT),
            (
                "a directory",
                link("chart/templates/x", "../../../../etc"),
                OUT,
            ),
            (
                "values",
                both(
                    link("chart/values-dev.yaml", "/etc/passwd"),
                    link("chart/values-prod.yaml", "/etc/passwd"),
                ),
                OUT,
            ),
            (
                "a dependency elsewhere",
                needs("https://charts.example.com"),
                "redis 1.0.0 from https://charts.example.com: `--allow-network` fetches it",
            ),
            (
                "a dependency outside",
                needs("file://../../../etc"),
                "outside of the repository",
            ),
            (
                "no YAML",
                write("chart/Chart.yaml", "apiVersion: v2\nname: [\n"),
                "Chart.yaml",
            ),
        ],
    );
}

/// Two apps of one name are told apart by as much of their paths as it takes, and a change of one is no change of the other.
#[test]
fn apps_of_one_name() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    for place in ["dev/shop", "dev/pay", "prod/shop"] {
        let path = format!("environments/{place}/api/app.yaml");
        repo.write(
            path,
            deployment("api").replace("shop", &place[place.len() - 3..]),
        );
    }
    repo.commit("Start");
    let changed = deployment("api")
        .replace("shop", "pay")
        .replace("1.0", "2.0");
    repo.write("environments/dev/pay/api/app.yaml", changed);
    let commit = repo.commit("Pay");
    let answer = home.json(&repo.path, &["where"], 0);
    let mut versions = Vec::new();
    for app in answer["apps"].as_array().expect("apps") {
        for here in app["deployments"].as_array().expect("deployments") {
            let texts = [&app["name"], &here["environment"], &here["version"]];
            let texts = texts.map(|text| text.as_str().unwrap_or("-").to_owned());
            versions.push(texts.join(" "));
        }
    }
    assert_eq!(
        versions,
        ["api prod 1.0", "pay/api dev 2.0", "shop/api dev 1.0"],
        "{answer}"
    );
    let shown = home.json(&repo.path, &["show", &commit], 0);
    let resources = shown["resources"].as_array().expect("resources");
    assert_eq!(resources.len(), 1, "{shown}");
    assert_eq!(resources[0]["app"], "pay/api");
}

/// Plain manifests become kustomizations become Flux': every commit is read as it was laid out then.
#[test]
fn a_layout_that_changed_over_time() {
    if tools::kustomize().is_none() {
        return;
    }
    let home = with_tools();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    let version = |version: &str| deployment("api").replace("1.0", version);
    for environment in ENVIRONMENTS {
        repo.write(format!("{environment}/app.yaml"), version("1.0"));
    }
    let plain = repo.commit("plain");
    repo.write("prod/app.yaml", version("1.1"));
    let plain_1 = repo.commit("plain 1.1");
    repo.rename("prod/app.yaml", "base/app.yaml");
    repo.remove("dev/app.yaml");
    repo.write("base/kustomization.yaml", "resources: [app.yaml]\n");
    overlays(&repo);
    let kustomize = repo.commit("kustomize");
    repo.write("base/app.yaml", version("1.2"));
    let kustomize_2 = repo.commit("kustomize 1.2");
    for environment in ENVIRONMENTS {
        let place = format!("clusters/{environment}");
        repo.write(
            format!("{place}/flux-system/gotk-sync.yaml"),
            flux("flux-system", &format!("./{place}")),
        );
        repo.write(
            format!("{place}/api.yaml"),
            flux("api", &format!("./overlays/{environment}")),
        );
    }
    let by_flux = repo.commit("flux");
    repo.write("base/app.yaml", version("1.3"));
    let flux_3 = repo.commit("flux 1.3");
    for (commit, dev, prod) in [
        (&plain, "1.0", "1.0"),
        (&plain_1, "1.0", "1.1"),
        (&kustomize, "1.1", "1.1"),
        (&kustomize_2, "1.2", "1.2"),
        (&by_flux, "1.2", "1.2"),
        (&flux_3, "1.3", "1.3"),
    ] {
        let answer = home.json(&repo.path, &["where", "api", "--at", commit], 0);
        let mut found = Vec::new();
        for here in answer["apps"][0]["deployments"].as_array().expect("both") {
            let texts = [&here["environment"], &here["version"]];
            found.push(texts.map(|text| text.as_str().expect("text").to_owned()));
        }
        assert_eq!(found, [["dev", dev], ["prod", prod]], "{answer}");
        let shown = home.json(&repo.path, &["show", commit], 0);
        for change in came_and_went(&shown) {
            assert!(
                commit == &plain || change.contains("Kustomization"),
                "{change}"
            );
        }
    }
    let subjects = |environment: &str| {
        let log = home.json(&repo.path, &["log", "deploy/api", "-e", environment], 0);
        let entries = log["entries"].as_array().expect("entries").iter();
        let texts = entries.filter_map(|entry| entry["subject"].as_str());
        texts.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        subjects("dev"),
        ["flux 1.3", "kustomize 1.2", "kustomize", "plain"]
    );
    assert_eq!(
        subjects("prod"),
        ["flux 1.3", "kustomize 1.2", "plain 1.1", "plain"]
    );
}
