//! Layouts of repositories in the shapes people use, checked against what a person reads off their directories.

use std::collections::BTreeMap;

use gitopsy::git::{Oid, Reader, Repo, RepoPath};
use gitopsy::layout::{self, Deployer, Layout, LayoutKind, Overrides};
use gitopsy::manifest::Masking;
use gitopsy::render::{Renderer, Tool};
use tempfile::TempDir;

use support::TestRepo;

struct Fixture {
    repo: TestRepo,
    renderer: Renderer,
    directory: TempDir,
}

impl Fixture {
    fn new() -> Fixture {
        let directory = tempfile::tempdir().expect("directory");
        Fixture {
            repo: TestRepo::init(&directory.path().join("repo")),
            renderer: Renderer::new(Masking::new([7; 32])),
            directory,
        }
    }

    fn files(&self, files: &[(&str, &str)]) -> &Fixture {
        for (path, content) in files {
            self.repo.write(path, content);
        }
        self
    }

    fn reader(&self) -> Reader {
        let state = self.directory.path().join("state");
        Repo::open(&self.repo.path, &state)
            .expect("repository")
            .reader()
    }

    /// Commits everything, and detects.
    fn layout(&self) -> Layout {
        let tree = self.commit();
        layout::detect(&self.reader(), tree, &self.renderer, &Overrides::default()).expect("layout")
    }

    fn commit(&self) -> Oid {
        let commit = self.repo.commit("Change");
        let reader = self.reader();
        let commit = reader.resolve(&commit).expect("commit");
        reader.tree_of(commit).expect("tree")
    }
}

fn object(kind: &str, name: &str, namespace: Option<&str>) -> String {
    let version = match kind {
        "Deployment" => "apps/v1",
        "Kustomization" => "kustomize.toolkit.fluxcd.io/v1",
        "Application" => "argoproj.io/v1alpha1",
        _ => "v1",
    };
    let namespace = namespace.map_or(String::new(), |name| format!("  namespace: {name}\n"));
    format!("apiVersion: {version}\nkind: {kind}\nmetadata:\n  name: {name}\n{namespace}")
}

fn environments(layout: &Layout) -> Vec<&str> {
    let environments = layout.environments.iter();
    environments.map(|found| found.name.as_str()).collect()
}

/// environment → app → roots
fn apps(layout: &Layout) -> BTreeMap<(&str, &str), String> {
    let describe = |roots: &[RepoPath]| {
        let roots: Vec<String> = roots.iter().map(ToString::to_string).collect();
        roots.join(" ")
    };
    layout
        .apps
        .iter()
        .map(|app| {
            let key = (app.environment.as_str(), app.name.as_str());
            (key, describe(&app.recipe.roots))
        })
        .collect()
}

fn expect(layout: &Layout, expected: &[(&str, &str, &str)]) {
    let expected: BTreeMap<_, _> = expected
        .iter()
        .map(|(environment, app, roots)| ((*environment, *app), (*roots).to_owned()))
        .collect();
    assert_eq!(apps(layout), expected);
}

const REQUIREMENTS: &str = "\
apiVersion: core.jenkins-x.io/v4beta1
kind: Requirements
spec:
  environments:
  - key: dev
    owner: acme
    repository: cluster
  - key: staging
  - key: production
  - key: far
    repository: cluster-far
";

/// An environment whose URL is another repository's is there, and one whose URL is this one's is here.
#[test]
fn an_environment_may_be_in_another_repository() {
    let fixture = Fixture::new();
    let requirements =
        "apiVersion: core.jenkins-x.io/v4beta1\nkind: Requirements\nspec:\n  environments:\n\
        - {key: dev, gitUrl: 'https://github.com/acme/cluster.git'}\n\
        - {key: staging, gitUrl: 'https://bot:hunter2@github.com/acme/cluster'}\n\
        - {key: production, gitUrl: 'https://bot:hunter2@github.com/acme/production.git'}\n\
        - {key: edge, remoteCluster: true}\n"
            .replace("\n- {", "\n  - {");
    fixture.repo.write("jx-requirements.yml", &requirements);
    let layout = fixture.layout();
    let places: Vec<(&str, Option<&str>)> = layout
        .environments
        .iter()
        .map(|environment| (environment.name.as_str(), environment.repository.as_deref()))
        .collect();
    assert_eq!(
        places,
        [
            ("dev", None),
            ("staging", None),
            ("production", Some("https://github.com/acme/production")),
            ("edge", Some("edge")),
        ]
    );
    let said = "production is in repository https://github.com/acme/production";
    assert!(
        layout.notes.iter().any(|note| note.starts_with(said)),
        "{:?}",
        layout.notes
    );
    assert!(!format!("{layout:?}").contains("hunter2"));
}

fn jenkins_x() -> Fixture {
    let fixture = Fixture::new();
    let object = object("Service", "s", None);
    fixture.files(&[
        ("jx-requirements.yml", REQUIREMENTS),
        (
            "helmfile.yaml",
            "helmfiles:\n- path: helmfiles/jx/helmfile.yaml\n- path: helmfiles/jx-production/helmfile.yaml\n\
             releases:\n- chart: ./charts/acme\n  name: acme\n  namespace: jx\n  version: 1.0.0\n",
        ),
        ("charts/acme/Chart.yaml", "apiVersion: v2\nname: acme\nversion: 1.0.0\n"),
        ("charts/acme/templates/x.yaml", "{{ if .x }}\n"),
        (
            "helmfiles/jx/helmfile.yaml",
            "environments:\n  default:\n    values:\n    - jx-values.yaml\n\
             releases:\n- chart: jxgh/lighthouse\n  name: lighthouse\n  version: 1.3.2\n\
             \x20 values:\n  - ../../versionStream/lighthouse.yaml.gotmpl\n  - missing.yaml\n\
             - chart: ./secrets\n  name: jx-secrets\n  version: 1\n",
        ),
        ("helmfiles/jx/jx-values.yaml", "a: 1\n"),
        ("helmfiles/jx/secrets/Chart.yaml", "name: secrets\n"),
        ("versionStream/lighthouse.yaml.gotmpl", "{{ . }}\n"),
        (
            "helmfiles/jx-production/helmfile.yaml",
            "namespace: jx-production\nreleases:\n\
             - chart: gruntwork/k8s-service\n  name: cms\n  version: 0.2.9\n  values: [cms.yaml]\n\
             - chart: gruntwork/k8s-service\n  name: search\n  version: 0.2.9\n\
             - chart: dev/new\n  name: new\n  version: 0.0.1\n",
        ),
        ("helmfiles/jx-production/cms.yaml", "tag: 1\n"),
        (
            "helmfiles/old/helmfile.yaml",
            "namespace: old\nreleases:\n- chart: a/old\n  name: old\n",
        ),
        ("config-root/cluster/namespaces/jx.yaml", &object),
        ("config-root/cluster/namespaces/jx-production.yaml", &object),
        ("config-root/cluster/resources/jx/lighthouse/role.yaml", &object),
        ("config-root/customresourcedefinitions/jx/lighthouse/crd.yaml", &object),
        ("config-root/namespaces/jx/lighthouse/deploy.yaml", &object),
        ("config-root/namespaces/jx/jx-secrets/a.yaml", &object),
        ("config-root/namespaces/jx/acme/a.yaml", &object),
        ("config-root/namespaces/jx/source-repositories/a.yaml", &object),
        ("config-root/namespaces/jx-production/k8s-service-cms/deploy.yaml", &object),
        ("config-root/namespaces/jx-production/k8s-service-search/templates/a/deploy.yaml", &object),
        ("config-root/namespaces/jx-staging/web/deploy.yaml", &object),
        (
            "docs/releases.yaml",
            "- namespace: jx-staging\n  releases:\n  - name: web\n    version: 0.0.7\n",
        ),
    ]);
    fixture
}

#[test]
fn a_jenkins_x_cluster_is_read_off_its_config_root() {
    let layout = jenkins_x().layout();
    assert_eq!(layout.kinds, [LayoutKind::JenkinsX]);
    expect(
        &layout,
        &[
            ("dev", "acme", "config-root/namespaces/jx/acme"),
            ("dev", "jx-secrets", "config-root/namespaces/jx/jx-secrets"),
            (
                "dev",
                "lighthouse",
                "config-root/cluster/resources/jx/lighthouse \
                 config-root/customresourcedefinitions/jx/lighthouse config-root/namespaces/jx/lighthouse",
            ),
            (
                "dev",
                "namespaces",
                "config-root/cluster/namespaces/jx.yaml",
            ),
            (
                "dev",
                "source-repositories",
                "config-root/namespaces/jx/source-repositories",
            ),
            ("staging", "web", "config-root/namespaces/jx-staging/web"),
            (
                "production",
                "cms",
                "config-root/namespaces/jx-production/k8s-service-cms",
            ),
            (
                "production",
                "namespaces",
                "config-root/cluster/namespaces/jx-production.yaml",
            ),
            (
                "production",
                "new",
                "config-root/namespaces/jx-production/new",
            ),
            (
                "production",
                "search",
                "config-root/namespaces/jx-production/k8s-service-search",
            ),
        ],
    );
    assert_eq!(
        environments(&layout),
        ["dev", "staging", "production", "far"]
    );
    let production = layout.environment("production").expect("production");
    assert_eq!(
        production.destination.namespace.as_deref(),
        Some("jx-production")
    );
    assert!(production.protected);
    assert_eq!(production.deployer, Deployer::JenkinsX);
    let far = layout.environment("far").expect("far");
    assert_eq!(far.destination.cluster.as_deref(), Some("acme/cluster-far"));
    assert_eq!(far.repository.as_deref(), Some("acme/cluster-far"));
    assert!(production.repository.is_none());
    assert!(
        layout
            .notes
            .iter()
            .any(|note| note.contains("helmfiles/old/helmfile.yaml"))
    );

    let app = |name: &str| layout.apps.iter().find(|app| app.name == name).expect(name);
    let sources =
        |name: &str| -> Vec<String> { app(name).sources.iter().map(ToString::to_string).collect() };
    assert_eq!(app("cms").chart.as_deref(), Some("gruntwork/k8s-service"));
    assert_eq!(app("cms").version.as_deref(), Some("0.2.9"));
    assert_eq!(
        app("web").version.as_deref(),
        Some("0.0.7"),
        "from docs/releases.yaml"
    );
    assert_eq!(app("jx-secrets").version.as_deref(), Some("1"));
    assert_eq!(
        sources("cms"),
        [
            "helmfiles/jx-production/helmfile.yaml",
            "helmfiles/jx-production/cms.yaml"
        ]
    );
    assert_eq!(
        sources("lighthouse"),
        [
            "helmfiles/jx/helmfile.yaml",
            "versionStream/lighthouse.yaml.gotmpl",
            "helmfiles/jx/jx-values.yaml"
        ]
    );
    assert_eq!(
        sources("jx-secrets"),
        [
            "helmfiles/jx/helmfile.yaml",
            "helmfiles/jx/jx-values.yaml",
            "helmfiles/jx/secrets"
        ]
    );
    assert_eq!(sources("acme"), ["helmfile.yaml", "charts/acme"]);

    let touched = |path: &str| -> Vec<&str> {
        let touched = layout.apps_touched(&[path]);
        touched
            .into_iter()
            .map(|index| layout.apps[index].name.as_str())
            .collect()
    };
    assert_eq!(
        touched("config-root/namespaces/jx/lighthouse/deploy.yaml"),
        ["lighthouse"]
    );
    assert_eq!(touched("helmfiles/jx-production/cms.yaml"), ["cms"]);
    assert_eq!(
        touched("helmfiles/jx/secrets/templates/a.yaml"),
        ["jx-secrets"]
    );
    assert_eq!(
        touched("helmfiles/jx-production/helmfile.yaml"),
        ["cms", "new", "search"]
    );
    assert_eq!(touched("README.md"), [""; 0]);
}

#[test]
fn a_jenkins_x_cluster_survives_broken_sources() {
    let fixture = jenkins_x();
    let before = fixture.layout();
    fixture.files(&[
        (
            "helmfiles/jx-production/helmfile.yaml",
            "releases: [\n{{ range .x }}\n",
        ),
        ("jx-requirements.yml", "spec: [\n"),
    ]);
    let after = fixture.layout();
    let names = |layout: &Layout| -> Vec<String> {
        let apps = layout
            .apps
            .iter()
            .filter(|app| app.environment == "production");
        apps.flat_map(|app| app.recipe.roots.iter().map(ToString::to_string))
            .collect()
    };
    let rendered = |roots: Vec<String>| -> Vec<String> {
        let not_rendered = "config-root/namespaces/jx-production/new";
        roots
            .into_iter()
            .filter(|root| root != not_rendered)
            .collect()
    };
    let mut directories = [rendered(names(&before)), names(&after)];
    directories.iter_mut().for_each(|roots| roots.sort());
    assert_eq!(directories[0], directories[1]);
    for file in [
        "helmfiles/jx-production/helmfile.yaml",
        "jx-requirements.yml",
    ] {
        assert!(
            after.notes.iter().any(|note| note.starts_with(file)),
            "{:?}",
            after.notes
        );
    }
}

const COMPONENT: &str =
    "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches: [{path: patch.yml}]\n";

#[test]
fn one_directory_per_environment_is_one_environment_each() {
    let fixture = Fixture::new();
    let names = [
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
    fixture.files(&[
        (
            "base/kustomization.yml",
            "resources:\n- deployment.yml\n- service.yml\n",
        ),
        (
            "base/deployment.yml",
            &object("Deployment", "simple-deployment", None),
        ),
        (
            "base/service.yml",
            &object("Service", "simple-service", None),
        ),
        ("variants/prod/kustomization.yml", COMPONENT),
        (
            "variants/prod/patch.yml",
            &object("Deployment", "simple-deployment", None),
        ),
        ("variants/unused/kustomization.yml", COMPONENT),
    ]);
    for name in names {
        let component = if name.starts_with("prod") {
            "components: [../../variants/prod]\n"
        } else {
            ""
        };
        fixture.repo.write(
            format!("envs/{name}/kustomization.yml"),
            format!(
                "namespace: {}\nnamePrefix: {name}-\nresources: [../../base]\n{component}\
                 patchesStrategicMerge: [version.yml]\n",
                name.split('-').next().unwrap_or(name)
            ),
        );
        fixture.repo.write(
            format!("envs/{name}/version.yml"),
            object("Deployment", "simple-deployment", None),
        );
    }
    let layout = fixture.layout();
    assert_eq!(layout.kinds, [LayoutKind::Kustomize]);
    assert_eq!(
        environments(&layout),
        [
            "integration-gpu",
            "integration-non-gpu",
            "qa",
            "load-gpu",
            "load-non-gpu",
            "staging-asia",
            "staging-eu",
            "staging-us",
            "prod-asia",
            "prod-eu",
            "prod-us"
        ]
    );
    assert_eq!(layout.apps.len(), 11);
    for app in &layout.apps {
        assert_eq!(app.name, "simple-deployment");
        assert_eq!(app.recipe.tool, Tool::kustomize());
    }
    let protected: Vec<&str> = layout
        .environments
        .iter()
        .filter(|found| found.protected)
        .map(|found| found.name.as_str())
        .collect();
    assert_eq!(protected, ["prod-asia", "prod-eu", "prod-us"]);
    let prod_eu = layout
        .apps
        .iter()
        .find(|app| app.environment == "prod-eu")
        .expect("prod-eu");
    assert_eq!(prod_eu.destination.namespace.as_deref(), Some("prod"));
    let closure: Vec<String> = prod_eu
        .recipe
        .closure
        .iter()
        .map(ToString::to_string)
        // The other names that a kustomization could have must not be there.
        .filter(|path| !path.ends_with("Kustomization") && !path.ends_with(".yaml"))
        .collect();
    assert_eq!(
        closure,
        [
            "base/deployment.yml",
            "base/kustomization.yml",
            "base/service.yml",
            "envs/prod-eu/kustomization.yml",
            "envs/prod-eu/version.yml",
            "variants/prod/kustomization.yml",
            "variants/prod/patch.yml"
        ]
    );
    assert_eq!(layout.apps_touched(&["base/deployment.yml"]).len(), 11);
    assert_eq!(layout.apps_touched(&["variants/prod/patch.yml"]).len(), 3);
    assert_eq!(
        layout
            .apps_touched(&["variants/unused/kustomization.yml"])
            .len(),
        0
    );
}

#[test]
fn plain_directories_and_overlays_share_environments_by_name() {
    let fixture = Fixture::new();
    for environment in ["production", "dev", "staging"] {
        let namespace = format!("shop-{environment}");
        for app in ["api", "web"] {
            fixture.repo.write(
                format!("environments/{environment}/{app}/deployment.yaml"),
                object("Deployment", app, Some(&namespace)),
            );
        }
        fixture.repo.write(
            format!("environments/{environment}/namespace.yaml"),
            object("Namespace", &namespace, None),
        );
        fixture.repo.write(
            format!("apps/inventory/overlays/{environment}/kustomization.yaml"),
            format!("namespace: {namespace}\nresources: [../../base]\n"),
        );
    }
    fixture.files(&[
        (
            "apps/inventory/base/kustomization.yaml",
            "resources: [deployment.yaml]\n",
        ),
        (
            "apps/inventory/base/deployment.yaml",
            &object("Deployment", "inventory", None),
        ),
        (
            "apps/inventory/base/left-over.yaml",
            &object("Service", "inventory", None),
        ),
        ("environments/dev/api/values.yaml", "replicas: 1\n"),
        (
            ".github/workflows/deploy.yaml",
            "on: push\njobs:\n  x:\n    steps: [{run: kubectl apply -R -f environments}]\n",
        ),
    ]);
    let layout = fixture.layout();
    assert_eq!(layout.kinds, [LayoutKind::Kustomize, LayoutKind::Plain]);
    assert_eq!(environments(&layout), ["dev", "staging", "production"]);
    let expected: Vec<(&str, &str, String)> = ["dev", "staging", "production"]
        .into_iter()
        .flat_map(|environment| {
            [
                (
                    environment,
                    "api",
                    format!("environments/{environment}/api"),
                ),
                (
                    environment,
                    "common",
                    format!("environments/{environment}/namespace.yaml"),
                ),
                (
                    environment,
                    "inventory",
                    format!("apps/inventory/overlays/{environment}"),
                ),
                (
                    environment,
                    "web",
                    format!("environments/{environment}/web"),
                ),
            ]
        })
        .collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|(a, b, c)| (*a, *b, c.as_str()))
        .collect();
    expect(&layout, &expected);
    for environment in &layout.environments {
        assert_eq!(environment.deployer, Deployer::Pipeline);
    }
}

#[test]
fn directories_of_namespaces_hold_the_apps() {
    let fixture = Fixture::new();
    let in_namespace = |namespace: &str, name: &str| object("Deployment", name, Some(namespace));
    fixture.files(&[
        (
            "kubernetes/default/plex/plex.yaml",
            &in_namespace("default", "plex"),
        ),
        (
            "kubernetes/default/plex/config.yaml",
            &object("ConfigMap", "plex", None),
        ),
        (
            "kubernetes/default/db/chart/db.yaml",
            &in_namespace("default", "db"),
        ),
        (
            "kubernetes/default/db/cluster/cluster.yaml",
            &in_namespace("default", "cluster"),
        ),
        (
            "kubernetes/monitoring/namespace.yaml",
            &object("Namespace", "monitoring", None),
        ),
        (
            "kubernetes/monitoring/grafana/dashboards/a.yaml",
            &in_namespace("monitoring", "a"),
        ),
        (
            "kubernetes/monitoring/grafana/grafana.yaml",
            &in_namespace("monitoring", "grafana"),
        ),
        (
            "kubernetes/monitoring/db/db.yaml",
            &in_namespace("monitoring", "db"),
        ),
        (
            "kubernetes/default/README.md",
            "apiVersion: v1\nkind: Service\nmetadata:\n  name: no\n",
        ),
        ("setup/values.yaml", "a: 1\n"),
        (".taskfiles/task.yaml", &in_namespace("default", "hidden")),
        (
            "setup/flux/cluster.yaml",
            &object("Kustomization", "cluster", Some("flux-system")),
        ),
        ("chart/Chart.yaml", "name: x\n"),
        (
            "chart/templates/deployment.yaml",
            &in_namespace("default", "in-a-chart"),
        ),
    ]);
    let layout = fixture.layout();
    expect(
        &layout,
        &[
            ("default", "default/db", "kubernetes/default/db"),
            ("default", "monitoring/db", "kubernetes/monitoring/db"),
            ("default", "flux", "setup/flux"),
            ("default", "grafana", "kubernetes/monitoring/grafana"),
            (
                "default",
                "monitoring",
                "kubernetes/monitoring/namespace.yaml",
            ),
            ("default", "plex", "kubernetes/default/plex"),
        ],
    );
    let plex = layout
        .apps
        .iter()
        .find(|app| app.name == "plex")
        .expect("plex");
    assert_eq!(plex.destination.namespace.as_deref(), Some("default"));
    assert_eq!(plex.deployer, Deployer::Flux);
}

#[test]
fn hostile_and_broken_trees_end_in_notes() {
    let fixture = Fixture::new();
    fixture.files(&[
        ("a/kustomization.yaml", "resources: [../b]\n"),
        ("b/kustomization.yaml", "resources: [../a]\n"),
        ("c/kustomization.yaml", "resources: [\n"),
        (
            "d/kustomization.yaml",
            "resources: [../../../etc, /etc, https://example.com/x]\n",
        ),
        (
            "e/broken.yaml",
            "apiVersion: v1\nkind: Service\nmetadata: [\n",
        ),
        (
            "f/template.yaml",
            "apiVersion: v1\nkind: Service\nmetadata:\n  name: {{ .Name }}\n  {{- end }}\n",
        ),
        ("g/manifest", &object("Service", "no-extension", None)),
    ]);
    fixture.repo.symlink("e/out.yaml", "/etc/hostname");
    fixture.repo.symlink("e/loop.yaml", "loop.yaml");
    let layout = fixture.layout();
    let found = apps(&layout);
    let names: Vec<&str> = found.keys().map(|(_, name)| *name).collect();
    assert_eq!(names, ["a", "c", "d", "e"], "{:?}", layout.notes);
    for part in ["circle", "g/manifest"] {
        assert!(
            layout.notes.iter().any(|note| note.contains(part)),
            "{:?}",
            layout.notes
        );
    }
}

/// Where [`layout::unaltered`] says that nothing changed, detection from scratch must agree; and it must say so for the
/// commits that are most of every history.
#[test]
fn a_layout_is_carried_over_exactly_where_detection_would_find_it_again() {
    let fixture = jenkins_x();
    let plain = Fixture::new();
    plain.files(&[
        ("apps/a/base/kustomization.yaml", "resources: [d.yaml]\n"),
        ("apps/a/base/d.yaml", &object("Deployment", "a", None)),
        (
            "apps/a/overlays/dev/kustomization.yaml",
            "resources: [../../base]\n",
        ),
        (
            "environments/dev/b/d.yaml",
            &object("Deployment", "b", Some("b")),
        ),
    ]);
    let spec = |name: &str, namespace: Option<&str>| {
        object("Deployment", name, namespace) + "spec:\n  replicas: 3\n"
    };
    // (repository, path, content, whether the layout can be carried over)
    let steps: [(&Fixture, &str, String, bool); 11] = [
        (&plain, "apps/a/base/d.yaml", spec("a", None), true),
        (
            &plain,
            "environments/dev/b/d.yaml",
            spec("b", Some("b")),
            true,
        ),
        (
            &plain,
            "environments/dev/b/d.yaml",
            spec("c", Some("b")),
            false,
        ),
        (
            &plain,
            "environments/dev/b/d.yaml",
            spec("c", Some("d")),
            false,
        ),
        (
            &plain,
            "apps/a/overlays/dev/kustomization.yaml",
            "# same\nresources: [../../base]\n".into(),
            true,
        ),
        (
            &plain,
            "apps/a/overlays/dev/kustomization.yaml",
            "namespace: x\nresources: [../../base]\n".into(),
            false,
        ),
        (
            &plain,
            "environments/dev/new/d.yaml",
            spec("new", None),
            false,
        ),
        (&plain, "README.md", "hello\n".into(), false),
        (&plain, "README.md", "hello again\n".into(), true),
        (
            &fixture,
            "config-root/namespaces/jx/lighthouse/deploy.yaml",
            object("Service", "s", None) + "spec: {}\n",
            true,
        ),
        (
            &fixture,
            "helmfiles/jx-production/helmfile.yaml",
            "namespace: jx-production\n".into(),
            false,
        ),
    ];
    let mut before: BTreeMap<RepoPath, Oid> = BTreeMap::new();
    for (number, (fixture, path, content, carried)) in steps.into_iter().enumerate() {
        let key = RepoPath::from(fixture.repo.path.to_string_lossy().as_ref());
        let old = *before
            .entry(key.clone())
            .or_insert_with(|| fixture.commit());
        fixture.repo.write(path, content);
        let new = fixture.commit();
        before.insert(key, new);
        let reader = fixture.reader();
        let changes = reader.diff(old, new).expect("difference");
        let [old, new] = [old, new].map(|tree| {
            layout::detect(&reader, tree, &fixture.renderer, &Overrides::default()).expect("layout")
        });
        let unaltered =
            layout::unaltered(&reader, &fixture.renderer, &old, &changes).expect("answer");
        assert_eq!(unaltered, carried, "step {number}: {path}");
        if unaltered {
            assert_eq!(apps(&old), apps(&new), "step {number}: {path}");
            assert_eq!(old.apps, new.apps, "step {number}: {path}");
            assert_eq!(old.environments, new.environments, "step {number}: {path}");
        }
    }
}

/// What people say of their environments holds: which apps are where, the order, what asks for care, where it goes.
#[test]
fn people_correct_what_was_detected() {
    let fixture = Fixture::new();
    fixture.files(&[
        ("teams/a/one/app.yaml", &object("Deployment", "a-one", None)),
        ("teams/a/two/app.yaml", &object("Deployment", "a-two", None)),
        ("teams/b/one/app.yaml", &object("Deployment", "b-one", None)),
        ("prod/web/app.yaml", &object("Deployment", "web", None)),
        (
            ".gitopsy.toml",
            "order = ['prod', 'first', 'second']\n\
             [environments.first]\nroots = ['teams/*/one']\ncluster = 'c1'\nnamespace = 'shop'\nprotected = true\n\
             [environments.second]\nroots = ['teams/a', 'teams/a/two']\n\
             [environments.prod]\nprotected = false\n\
             [environments.gone]\n",
        ),
    ]);
    let layout = fixture.layout();
    let environments: Vec<_> = layout
        .environments
        .iter()
        .map(|environment| {
            let destination = &environment.destination;
            (
                environment.name.as_str(),
                environment.protected,
                destination.cluster.as_deref(),
                destination.namespace.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        environments,
        [
            ("prod", false, None, None),
            ("first", true, Some("c1"), Some("shop")),
            ("second", false, None, None),
        ]
    );
    let apps: Vec<_> = layout
        .apps
        .iter()
        .map(|app| (app.environment.as_str(), app.recipe.roots[0].to_string()))
        .collect();
    assert_eq!(
        apps,
        [
            ("prod", "prod/web".to_owned()),
            ("first", "teams/a/one".to_owned()),
            ("first", "teams/b/one".to_owned()),
            ("second", "teams/a/two".to_owned()),
        ]
    );
    assert_eq!(
        layout.notes,
        [".gitopsy.toml: there is no environment gone"]
    );
}

#[test]
fn a_typing_error_in_the_corrections_is_named_and_the_rest_goes_on() {
    let fixture = Fixture::new();
    fixture.files(&[
        ("prod/web/app.yaml", &object("Deployment", "web", None)),
        (".gitopsy.toml", "order = ['prod']\nroot = 'x'\n"),
    ]);
    let layout = fixture.layout();
    assert_eq!(layout.environments.len(), 1);
    assert_eq!(layout.notes.len(), 1);
    let note = &layout.notes[0];
    assert!(
        note.starts_with(".gitopsy.toml is not used: line 2: unknown field `root`"),
        "{note}"
    );
}
