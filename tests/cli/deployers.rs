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

/// An environment that an Application deploys, and a snapshot of its cluster with `live`.
fn argo(home: &Home, files: &[(&str, &str)], live: &str) -> (TestRepo, String) {
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    let url = "https://git.example.com/acme/environments.git";
    repo.git(&["remote", "add", "origin", url]);
    repo.write("argocd/shop.yaml", APPLICATION);
    for (path, text) in files {
        repo.write(path, text);
    }
    repo.commit("Begin");
    let cluster = home.directory.path().join("cluster");
    std::fs::create_dir(&cluster).expect("a directory");
    std::fs::write(cluster.join("snapshot.yaml"), "complete: true\n").expect("written");
    std::fs::write(cluster.join("live.yaml"), live).expect("written");
    (repo, cluster.to_string_lossy().into_owned())
}

const APPLICATION: &str = "apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: shop, namespace: apps}
spec:
  source: {repoURL: 'https://git.example.com/acme/environments.git', path: apps}
  destination: {server: 'https://kubernetes.default.svc', namespace: shop}
";

fn ask(home: &Home, repo: &TestRepo, args: &[&str]) -> Value {
    let ended = home.run(&repo.path, &[args, &["-o", "json"]].concat());
    serde_json::from_str(&ended.out).expect("JSON")
}

#[test]
fn argo_cds_own_rules_are_read_where_its_controller_is_or_said_to_be_missing() {
    let home = Home::new();
    let files = [
        (
            "apps/web.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web, namespace: shop}\ndata: {a: b}\n",
        ),
        (
            "apps/slice.yaml",
            "apiVersion: v1\nkind: Endpoints\nmetadata: {name: web, namespace: shop}\n",
        ),
    ];
    let application = format!(
        "{APPLICATION}status: {{controllerNamespace: argo-system, sync: {{status: Synced}}}}\n"
    );
    let web = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: web, namespace: shop}\ndata: {a: c}\n";
    let (repo, snapshot) = argo(&home, &files, &format!("{application}{web}"));
    let drift = ["drift", "--app", "shop", "--snapshot", &snapshot];
    let answer = ask(&home, &repo, &drift);
    let note = format!(
        "{}: Argo CD's own rules could not be read: ConfigMap/argocd-cm is not there",
        answer["clusters"][0]["name"].as_str().expect("a name")
    );
    assert_eq!(answer["notes"], serde_json::json!([note]), "{answer:#}");
    assert_eq!(answer["resources"].as_array().map(Vec::len), Some(2));

    let settings = "---
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-cm, namespace: argo-system}
data:
  dex.config: 'clientSecret: hush'
  resource.customizations.ignoreDifferences.ConfigMap: 'jsonPointers: [/data/a]'
  resource.exclusions: '[{kinds: [Endpoints]}]'
";
    let live = std::path::Path::new(&snapshot).join("live.yaml");
    std::fs::write(live, format!("{application}{web}{settings}")).expect("written");
    let answer = ask(&home, &repo, &drift);
    assert_eq!(answer["notes"], serde_json::json!([]), "{answer:#}");
    assert_eq!(answer["synced"], 1, "{answer:#}");
    let left = &answer["resources"][0];
    assert_eq!(left["object"]["kind"], "Endpoints");
    assert_eq!(left["state"], "missing");
    assert_eq!(left["cause"]["kind"], "left-alone");
    let resource = ["resource", "endpoints/web", "--snapshot", &snapshot];
    let said = home.run(&repo.path, &resource).out;
    let why =
        "not applied: the deployer is told to leave it alone: resource.exclusions of argocd-cm";
    assert!(said.contains(why), "{said}");
    let resource = ["resource", "configmap/web", "--snapshot", &snapshot];
    let said = home.run(&repo.path, &resource).out;
    let rule = "data.a  ignored by Argo CD (argocd-cm: ignoreDifferences of ConfigMap /data/a)";
    assert!(said.contains(rule), "{said}");
}

/// Who sees OutOfSync in Argo CD and nothing here has to be told that it is seen.
#[test]
fn what_a_deployer_says_otherwise_is_noted_where_it_compared_with_the_same_commit() {
    let home = Home::new();
    let web =
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web, namespace: shop}\ndata: {a: b}\n";
    let (repo, snapshot) = argo(&home, &[("apps/web.yaml", web)], "");
    let live = std::path::Path::new(&snapshot).join("live.yaml");
    let says = |revision: &str| {
        let status = format!(
            "status:
  reconciledAt: '2026-01-01T00:00:00Z'
  sync: {{status: OutOfSync, revision: {revision}}}
  history: [{{revision: {revision}, deployedAt: '2026-01-01T00:00:00Z'}}]
  resources: [{{version: v1, kind: ConfigMap, namespace: shop, name: web, status: OutOfSync, health: {{status: Healthy}}}}]
"
        );
        let settings =
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: argocd-cm, namespace: apps}\n";
        std::fs::write(&live, format!("{APPLICATION}{status}---\n{web}{settings}"))
            .expect("written");
        let answer = ask(
            &home,
            &repo,
            &["drift", "--app", "shop", "--snapshot", &snapshot],
        );
        assert_eq!(answer["synced"], 1, "{answer:#}");
        let place = answer["clusters"][0]["name"].as_str().expect("a name");
        let notes = answer["notes"].as_array().expect("a list").iter();
        let notes = notes.map(|note| note.as_str().expect("text"));
        let notes = notes
            .map(|note| note.replacen(place, "here", 1))
            .collect::<Vec<_>>();
        let wanted = ["where", "shop", "--snapshot", &snapshot];
        (notes, home.run(&repo.path, &wanted).out)
    };
    let head = repo.rev("HEAD");
    let (notes, shown) = says(&head);
    let disagrees = "Argo CD says OutOfSync; gitopsy finds no drift";
    assert_eq!(notes, [format!("here › shop › ConfigMap/web: {disagrees}")]);
    assert!(shown.contains(&format!("shop: {disagrees}")), "{shown}");
    // Of another commit it says nothing that could be compared.
    repo.write("apps/other.yaml", web.replace("web", "other"));
    repo.commit("Another");
    std::fs::remove_file(repo.path.join("apps/other.yaml")).expect("removed");
    repo.commit("And back");
    let (notes, shown) = says(&head);
    assert_eq!(notes, [""; 0]);
    assert!(!shown.contains(disagrees), "{shown}");
}

/// What Flux takes from a Secret in the cluster stood there as its name, and drifted.
#[test]
fn a_value_that_git_has_by_name_only_is_neither_in_sync_nor_drifted() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    repo.write(
        "clusters/production/apps.yaml",
        "apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps, namespace: flux-system}
spec:
  interval: 1h
  path: ./apps
  prune: true
  sourceRef: {kind: GitRepository, name: flux-system}
  postBuild: {substituteFrom: [{kind: Secret, name: settings}]}
",
    );
    let map = |name: &str, data: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: shop}}\ndata: {{{data}}}\n"
        )
    };
    let named = [
        ("known", "a: b"),
        ("host", "url: 'https://${host}/path', a: b"),
        ("other", "url: 'https://${host}/path'"),
        ("'${name}'", "a: b"),
    ];
    for (index, (name, data)) in named.into_iter().enumerate() {
        repo.write(format!("apps/{index}.yaml"), map(name, data));
    }
    repo.commit("Begin");
    let live = [
        map("known", "a: b"),
        map("host", "url: 'https://shop.example.com/path', a: b"),
        map("other", "url: 'http://shop.example.com/path'"),
        map("shop", "a: b"),
        "apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps, namespace: flux-system}
status: {inventory: {entries: [{id: shop_shop__ConfigMap, v: v1}]}}
"
        .to_owned(),
    ];
    let cluster = home.directory.path().join("cluster");
    std::fs::create_dir(&cluster).expect("a directory");
    std::fs::write(cluster.join("snapshot.yaml"), "complete: true\n").expect("written");
    std::fs::write(cluster.join("live.yaml"), live.join("---\n")).expect("written");
    let snapshot = cluster.to_string_lossy();
    let answer = ask(
        &home,
        &repo,
        &["drift", "--app", "apps", "--snapshot", &snapshot],
    );
    let resources = answer["resources"].as_array().expect("a list").iter();
    let drifted: Vec<&Value> = resources
        .map(|resource| &resource["object"]["name"])
        .collect();
    // What is around a name can be told.
    assert_eq!(drifted, ["other"], "{answer:#}");
    assert_eq!(answer["synced"], 1, "{answer:#}");
    let unknown = answer["unknown"].as_array().expect("a list").iter();
    let unknown: Vec<&str> = unknown
        .filter_map(|unknown| unknown["why"].as_str())
        .collect();
    let from = "from Secret flux-system/settings, not in git";
    let expected = [
        format!("failed: its name is not known here: {from}"),
        format!("1 value is not known here: {from}"),
    ];
    assert_eq!(unknown, expected, "{answer:#}");
    let host = ["resource", "configmap/host", "--snapshot", &snapshot];
    let live = &ask(&home, &repo, &host)["live"]["value"];
    assert_eq!(live["sync"], "unknown", "{live:#}");
    assert_eq!(live["suppressed_fields"][0]["path"], "data.url");
    assert_eq!(live["suppressed_fields"][0]["rule"], from);
}
