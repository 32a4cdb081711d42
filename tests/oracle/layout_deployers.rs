//! Layouts that deployers' own objects describe, against what a person reads off them: environments, apps, where they go,
//! charts and versions.
//!
//! On repositories of other people, `gitopsy doctor` counts what it recognises. It must agree with a count that knows nothing of
//! layouts, in a plain checkout:
//!
//! ```python
//! import collections, os, re
//! count = collections.Counter()
//! for directory, _, files in os.walk("."):
//!     for name in files:
//!         if not name.endswith((".yaml", ".yml", ".json")): continue
//!         for document in re.split(r"(?m)^---", open(os.path.join(directory, name), errors="replace").read()):
//!             kind = re.search(r"(?m)^kind:\s*[\"']?(\w+)", document)
//!             group = re.search(r"(?m)^apiVersion:\s*[\"']?([\w.-]+)", document)
//!             if kind and group and (kind[1] in ("HelmRelease", "Application", "ApplicationSet", "ResourceSet")
//!                     or kind[1] == "Kustomization" and group[1] == "kustomize.toolkit.fluxcd.io"):
//!                 count[kind[1]] += 1
//! print(count)
//! ```

use gitopsy::git::{Oid, Reader, Repo};
use gitopsy::layout::{self, App, Deployer, Layout, LayoutKind, Overrides};
use gitopsy::manifest::Masking;
use gitopsy::render::{Chart, Renderer, Tool, Values};
use tempfile::TempDir;

use support::TestRepo;

struct Fixture {
    repo: TestRepo,
    renderer: Renderer,
    directory: TempDir,
}

impl Fixture {
    fn new(files: &[(&str, &str)]) -> Fixture {
        let directory = tempfile::tempdir().expect("directory");
        let fixture = Fixture {
            repo: TestRepo::init(&directory.path().join("repo")),
            renderer: Renderer::new(Masking::new([7; 32])),
            directory,
        };
        for (path, content) in files {
            fixture.repo.write(path, content);
        }
        fixture
    }

    fn reader(&self) -> Reader {
        let state = self.directory.path().join("state");
        Repo::open(&self.repo.path, &state)
            .expect("repository")
            .reader()
    }

    fn commit(&self) -> Oid {
        let commit = self.repo.commit("Change");
        let reader = self.reader();
        let commit = reader.resolve(&commit).expect("commit");
        reader.tree_of(commit).expect("tree")
    }

    fn detect(&self, tree: Oid) -> Layout {
        layout::detect(&self.reader(), tree, &self.renderer, &Overrides::default()).expect("layout")
    }

    fn layout(&self) -> Layout {
        self.detect(self.commit())
    }
}

/// environment / app: kind of what declares it, cluster, namespace, chart, version, roots
fn table(layout: &Layout) -> Vec<String> {
    let line = |app: &App| {
        let kind = app.declared_by.as_ref().map_or("-", |id| id.kind.as_str());
        let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let roots = app.recipe.roots.iter().map(ToString::to_string);
        format!(
            "{}/{}: {kind} {} {} {} {} [{}]",
            app.environment,
            app.name,
            or(&app.destination.cluster),
            or(&app.destination.namespace),
            or(&app.chart),
            or(&app.version),
            roots.collect::<Vec<_>>().join(" ")
        )
    };
    layout.apps.iter().map(line).collect()
}

fn app<'l>(layout: &'l Layout, name: &str) -> &'l App {
    let found = layout.apps.iter().find(|app| app.name == name);
    found.unwrap_or_else(|| panic!("{name} is not in {:?}", table(layout)))
}

fn in_environment<'l>(layout: &'l Layout, environment: &str, name: &str) -> &'l App {
    let mut apps = layout.apps.iter();
    let found = apps.find(|app| app.environment == environment && app.name == name);
    found.unwrap_or_else(|| panic!("{name} is not in {:?}", table(layout)))
}

fn noted(layout: &Layout, part: &str) {
    let found = layout.notes.iter().any(|note| note.contains(part));
    assert!(found, "{part}: {:?}", layout.notes);
}

/// Whether there is a tool to render with.
fn installed() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path);
    places.any(|place| place.join("kustomize").exists() || place.join("kubectl").exists())
}

fn sync(cluster: &str) -> String {
    format!(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\n\
         metadata: {{name: flux-system, namespace: flux-system}}\n\
         spec: {{url: 'ssh://git@example.com/acme/env.git', ref: {{branch: main}}}}\n---\n\
         apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n\
         metadata: {{name: flux-system, namespace: flux-system}}\n\
         spec:\n  path: ./clusters/{cluster}\n  sourceRef: {{kind: GitRepository, name: flux-system}}\n"
    )
}

fn kustomization(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n\
         metadata: {{name: {name}, namespace: flux-system}}\n\
         spec:\n  sourceRef: {{kind: GitRepository, name: flux-system}}\n{spec}"
    )
}

const RELEASE: &str = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\n\
    metadata: {name: podinfo, namespace: podinfo}\n\
    spec:\n  chart:\n    spec:\n      chart: podinfo\n      version: '1.0.0'\n\
    \x20     sourceRef: {kind: HelmRepository, name: podinfo, namespace: flux-system}\n\
    \x20 values: {replicas: 1}\n";

fn flux() -> Fixture {
    let [production, staging] = ["production", "staging"].map(sync);
    let apps = |environment: &str| {
        kustomization(
            "apps",
            &format!("  path: ./apps/{environment}\n  dependsOn: [{{name: infra}}]\n"),
        )
    };
    let infra = kustomization(
        "infra",
        "  path: infra\n  targetNamespace: infra\n  postBuild:\n    substitute: {size: big}\n\
         \x20   substituteFrom: [{kind: ConfigMap, name: settings}, {kind: Secret, name: hidden}]\n",
    );
    let settings = |zone: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings, namespace: flux-system}}\n\
             data: {{zone: {zone}, size: small}}\n"
        )
    };
    Fixture::new(&[
        (
            "clusters/production/flux-system/gotk-sync.yaml",
            &production,
        ),
        (
            "clusters/production/flux-system/kustomization.yaml",
            "resources: [gotk-sync.yaml]\n",
        ),
        ("clusters/production/apps.yaml", &apps("production")),
        ("clusters/production/infra.yaml", &infra),
        ("clusters/production/settings.yaml", &settings("eu")),
        ("clusters/staging/flux-system/gotk-sync.yaml", &staging),
        ("clusters/staging/apps.yaml", &apps("staging")),
        ("clusters/staging/infra.yaml", &infra),
        ("clusters/staging/settings.yaml", &settings("us")),
        (
            "clusters/staging/tenants.yaml",
            &kustomization(
                "tenants",
                "  path: ./nowhere\n  kubeConfig: {secretRef: {name: far}}\n",
            ),
        ),
        (
            "apps/base/kustomization.yaml",
            "resources: [release.yaml]\n",
        ),
        ("apps/base/release.yaml", RELEASE),
        ("apps/staging/kustomization.yaml", "resources: [../base]\n"),
        (
            "infra/repositories.yaml",
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\n\
             metadata: {name: podinfo}\nspec: {url: 'https://example.com/charts'}\n",
        ),
        (
            "infra/${zone}.yaml",
            "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\n\
             metadata: {name: 'cache-${zone}-${size}'}\n\
             spec:\n  targetNamespace: cache\n  chartRef: {kind: OCIRepository, name: cache}\n",
        ),
        (
            "infra/oci.yaml",
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\n\
             metadata: {name: cache}\nspec: {url: 'oci://example.com/charts/cache', ref: {tag: 2.3.4}}\n",
        ),
    ])
}

#[test]
fn flux_is_followed_from_its_clusters() {
    let fixture = flux();
    fixture.repo.write(
        "apps/production/kustomization.yaml",
        "resources: [../base]\nlabels: [{pairs: {a: b}}]\n",
    );
    let layout = fixture.layout();
    assert_eq!(layout.kinds, [LayoutKind::Flux]);
    assert_eq!(
        table(&layout),
        [
            "staging/apps: Kustomization - - - - [apps/staging]",
            "staging/cache-us-big: HelmRelease - cache cache 2.3.4 []",
            "staging/flux-system: Kustomization - - - - [clusters/staging]",
            "staging/infra: Kustomization - infra - - [infra]",
            "staging/podinfo: HelmRelease - podinfo podinfo/podinfo 1.0.0 []",
            "staging/tenants: Kustomization far - - - [nowhere]",
            "production/apps: Kustomization - - - - [apps/production]",
            "production/cache-eu-big: HelmRelease - cache cache 2.3.4 []",
            "production/flux-system: Kustomization - - - - [clusters/production]",
            "production/infra: Kustomization - infra - - [infra]",
            "production/podinfo: HelmRelease - podinfo podinfo/podinfo 1.0.0 []",
        ]
    );
    let deployers = layout.environments.iter().map(|found| found.deployer);
    assert_eq!(deployers.collect::<Vec<_>>(), [Deployer::Flux; 2]);
    noted(
        &layout,
        "its path is not in the repository: Kustomization tenants",
    );

    let Tool::Kustomize(additions) = &app(&layout, "infra").recipe.tool else {
        panic!("{:?}", app(&layout, "infra").recipe);
    };
    let substitution = additions.substitute.as_ref().expect("variables");
    assert_eq!(substitution.unread.len(), 1, "{substitution:?}");
    assert!(
        substitution.unread[0].starts_with("Secret "),
        "cannot be read"
    );
    assert_eq!(substitution.variables["size"], "big", "its own come last");
    let Tool::Helm(cache) = &app(&layout, "cache-eu-big").recipe.tool else {
        panic!("no release");
    };
    assert_eq!(cache.release, "cache-cache-eu-big", "GetReleaseName");
    assert_eq!(
        cache.chart,
        Chart::Remote {
            repository: "oci://example.com/charts/cache".to_owned(),
            name: "cache".to_owned(),
            version: Some("2.3.4".to_owned()),
        }
    );
    let Tool::Helm(podinfo) = &app(&layout, "podinfo").recipe.tool else {
        panic!("no release");
    };
    assert!(matches!(podinfo.values.as_slice(), [Values::Field(_)]));
    let touched = |path: &str| -> Vec<String> {
        let touched = layout.apps_touched(&[path]);
        let names = touched.into_iter().map(|index| &layout.apps[index]);
        names
            .map(|app| format!("{}/{}", app.environment, app.name))
            .collect()
    };
    assert_eq!(
        touched("apps/base/release.yaml"),
        [
            "staging/apps",
            "staging/podinfo",
            "production/apps",
            "production/podinfo"
        ]
    );
    // It is applied, and declares the release's parent.
    assert_eq!(
        touched("clusters/production/apps.yaml"),
        ["production/apps", "production/flux-system"]
    );
}

/// An overlay's patch of a release is seen as kustomize makes it; needs kubectl or kustomize.
#[test]
fn what_an_overlay_changes_in_a_release_counts() {
    let fixture = flux();
    fixture.repo.write(
        "apps/production/kustomization.yaml",
        "resources: [../base]\npatches:\n- target: {kind: HelmRelease}\n  patch: |-\n    \
         - {op: replace, path: /spec/chart/spec/version, value: 9.9.9}\n",
    );
    let layout = fixture.layout();
    let podinfo: Vec<String> = table(&layout)
        .into_iter()
        .filter(|line| line.contains("/podinfo:"))
        .collect();
    let production = podinfo.last().expect("podinfo");
    match installed() {
        true => assert!(production.contains(" 9.9.9 "), "{podinfo:?}"),
        false => noted(&layout, "as they are written"),
    }
    assert!(podinfo[0].contains(" 1.0.0 "), "{podinfo:?}");
}

/// Values change with most commits, and the layout must not; whatever else a release says is the layout.
#[test]
fn a_releases_values_are_not_the_layout() {
    let fixture = flux();
    fixture.repo.write(
        "apps/production/kustomization.yaml",
        "resources: [../base]\n",
    );
    let before = fixture.commit();
    let layout = fixture.detect(before);
    for (from, to, carried) in [
        ("replicas: 1", "replicas: 2", true),
        ("version: '1.0.0'", "version: '1.0.1'", false),
        ("namespace: podinfo}", "namespace: other}", false),
    ] {
        fixture
            .repo
            .write("apps/base/release.yaml", RELEASE.replace(from, to));
        let after = fixture.commit();
        let reader = fixture.reader();
        let changes = reader.diff(before, after).expect("difference");
        let unaltered = layout::unaltered(&reader, &fixture.renderer, &layout, &changes);
        assert_eq!(unaltered.expect("answer"), carried, "{to}");
        if carried {
            assert_eq!(fixture.detect(after).apps, layout.apps, "{to}");
        }
    }
}

#[test]
fn the_helm_operators_releases_are_apps() {
    let release = "apiVersion: helm.fluxcd.io/v1\nkind: HelmRelease\n\
        metadata: {name: redis, namespace: shop}\n\
        spec:\n  chart: {repository: 'https://example.com/charts/', name: redis, version: 1.2.3}\n";
    let layout = Fixture::new(&[("releases/redis.yaml", release)]).layout();
    assert_eq!(
        table(&layout),
        [
            "default/redis: HelmRelease - shop redis 1.2.3 []",
            "default/releases: - - shop - - [releases]"
        ]
    );
    let Tool::Helm(helm) = &app(&layout, "redis").recipe.tool else {
        panic!("no release");
    };
    assert_eq!(helm.release, "shop-redis");
}

fn application(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\n\
         metadata: {{name: {name}, namespace: argocd}}\nspec:\n{spec}"
    )
}

#[test]
fn applications_say_what_goes_where() {
    let source = |path: &str, rest: &str| {
        format!(
            "  destination: {{name: east, namespace: shop}}\n\
             \x20 source:\n    repoURL: https://example.com/acme/env.git\n    path: {path}\n{rest}"
        )
    };
    let configmap = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n";
    let set = "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\n\
        metadata: {name: teams, namespace: argocd}\nspec:\n  generators:\n\
        \x20 - matrix:\n      generators:\n\
        \x20     - git:\n          repoURL: https://example.com/acme/env\n          directories: [{path: 'teams/*'}, {path: teams/old, exclude: true}]\n\
        \x20     - list: {elements: [{cluster: dev}, {cluster: prod}]}\n\
        \x20 - clusters: {}\n\
        \x20 template:\n    metadata: {name: '{{path.basename}}-{{cluster}}'}\n    spec:\n\
        \x20     destination: {name: '{{cluster}}', namespace: '{{path.basename}}'}\n\
        \x20     source: {repoURL: https://example.com/acme/env, path: '{{path}}'}\n";
    let layout = Fixture::new(&[
        ("argocd/web.yaml", &application("web-prod", &source("web/overlays/prod", "    kustomize: {images: ['nginx=mirror/nginx:2'], namePrefix: p-}\n"))),
        ("argocd/flat.yaml", &application("flat", &source("flat/prod", "    directory: {exclude: 'skip*'}\n"))),
        ("argocd/tree.yaml", &application("tree", &source("tree", "    directory: {recurse: true}\n"))),
        ("argocd/chart.yaml", &application("local", &source("charts/local", "    helm: {valueFiles: [values-prod.yaml, /common.yaml], parameters: [{name: a, value: b}]}\n"))),
        ("argocd/far.yaml", &application("far", "  destination: {server: 'https://kubernetes.default.svc', namespace: far}\n  source: {repoURL: 'https://user:hunter2@example.com/else.git', path: deploy}\n")),
        ("argocd/redis.yaml", &application("redis", "  destination: {name: east, namespace: redis}\n  sources:\n  - {repoURL: 'https://charts.example.com', chart: redis, targetRevision: 3.2.1, helm: {valueFiles: [$values/common.yaml]}}\n  - {repoURL: 'https://example.com/acme/env.git', ref: values}\n")),
        ("argocd/set.yaml", set),
        ("web/base/kustomization.yaml", "resources: [x.yaml]\n"),
        ("web/base/x.yaml", configmap),
        ("web/overlays/prod/kustomization.yaml", "resources: [../../base]\n"),
        ("web/overlays/dev/kustomization.yaml", "resources: [../../base]\n"),
        ("flat/prod/a.yaml", configmap),
        ("flat/prod/skip.yaml", configmap),
        ("flat/prod/below/b.yaml", configmap),
        ("tree/a/b/c.yaml", configmap),
        ("teams/red/x.yaml", configmap),
        ("teams/old/x.yaml", configmap),
        ("charts/local/Chart.yaml", "name: local\n"),
        ("charts/local/values-prod.yaml", "a: 1\n"),
        ("charts/local/templates/application.yaml", &application("in-a-chart", "  source: {repoURL: x, path: y}\n")),
        ("common.yaml", "a: 1\n"),
    ])
    .layout();
    assert_eq!(
        table(&layout),
        [
            "dev/red-dev: Application dev red - - [teams/red]",
            "dev/web: - - - - - [web/overlays/dev]",
            "prod/flat: Application east shop - - [flat/prod/a.yaml]",
            "prod/flat/below: - - - - - [flat/prod/below]",
            "prod/local: Application east shop local - [charts/local charts/local/values-prod.yaml common.yaml]",
            "prod/prod: - - - - - [flat/prod/skip.yaml]",
            "prod/red-prod: Application prod red - - [teams/red]",
            "prod/redis: Application east redis redis 3.2.1 [common.yaml]",
            "prod/tree: Application east shop - - [tree]",
            "prod/web: Application east shop - - [web/overlays/prod]",
            // It says nowhere which environment it is.
            "default/argocd: - - argocd - - [argocd]",
            "default/far: Application - far - - []",
            "default/teams: - - teams - - [teams/old/x.yaml]",
        ],
        "{:?}",
        layout.notes
    );
    noted(
        &layout,
        "its generator clusters needs the cluster or the network",
    );
    noted(
        &layout,
        "its sources are in https://example.com/else: Application far",
    );

    let Tool::Kustomize(additions) = &in_environment(&layout, "prod", "web").recipe.tool else {
        panic!("no kustomization");
    };
    assert_eq!(additions.name_prefix.as_deref(), Some("p-"));
    let image = &additions.images[0];
    assert_eq!(image.name, "nginx");
    assert_eq!(image.new_name.as_deref(), Some("mirror/nginx"));
    assert_eq!(image.new_tag.as_deref(), Some("2"));
    let Tool::Helm(helm) = &app(&layout, "local").recipe.tool else {
        panic!("no release");
    };
    assert_eq!(
        helm.value_files,
        ["charts/local/values-prod.yaml", "common.yaml"]
    );
    assert_eq!(helm.parameters, [("a".to_owned(), "b".to_owned(), false)]);
    let Tool::Unavailable(why) = &app(&layout, "far").recipe.tool else {
        panic!("it is not here");
    };
    assert!(!why.contains("hunter2"), "{why}");
}

#[test]
fn a_helmfile_has_releases_in_every_environment() {
    let mut fixture = Fixture::new(&[
        (
            "helmfile.yaml",
            "environments:\n  dev:\n    values: [env/dev.yaml]\n  prod: {}\n---\n\
             helmfiles:\n- path: more/helmfile.yaml\nreleases:\n\
             {{ if .Values.all }}\n\
             - name: web\n  namespace: shop\n  chart: ./charts/web\n  values: ['values/{{ .Environment.Name }}.yaml']\n\
             {{ end }}\n",
        ),
        (
            "more/helmfile.yaml",
            "releases:\n- name: redis\n  namespace: shop\n  chart: bitnami/redis\n  version: 1.2.3\n",
        ),
        (
            "other/helmfile.yaml",
            "releases:\n- name: {{ .Values.x }}\n  y: [\n",
        ),
        ("env/dev.yaml", "a: 1\n"),
        ("values/prod.yaml", "a: 1\n"),
        ("charts/web/Chart.yaml", "name: web\n"),
        ("charts/web/templates/x.yaml", "{{ .x }}\n"),
    ]);
    // As it is written: where there is a helmfile, it is asked.
    let nowhere = fixture.directory.path().as_os_str().to_owned();
    fixture.renderer = fixture.renderer.with_tools_in(nowhere);
    let layout = fixture.layout();
    assert_eq!(layout.kinds, [LayoutKind::Helmfile]);
    assert_eq!(
        table(&layout),
        [
            "dev/redis: - - shop bitnami/redis 1.2.3 [more/helmfile.yaml]",
            "dev/web: - - shop ./charts/web - [helmfile.yaml]",
            "prod/redis: - - shop bitnami/redis 1.2.3 [more/helmfile.yaml]",
            "prod/web: - - shop ./charts/web - [helmfile.yaml]",
        ]
    );
    noted(&layout, "other/helmfile.yaml");
    let touched = layout.apps_touched(&["values/prod.yaml"]);
    assert_eq!(touched, [3]);
    assert_eq!(
        layout.apps_touched(&["charts/web/templates/x.yaml"]),
        [1, 3]
    );
}

/// The examples of the ResourceSet's own documentation.
const SET: &str = "apiVersion: fluxcd.controlplane.io/v1
kind: ResourceSet
metadata: {name: podinfo, namespace: apps}
spec:
  commonMetadata:
    labels: {app.kubernetes.io/name: podinfo}
  inputs:
  - {tenant: team1, wanted: enabled, app: {version: 6.7.x, replicas: 2}}
  - {tenant: team2, wanted: disabled, app: {version: 6.6.x, replicas: 3}}
  resources:
  - apiVersion: source.toolkit.fluxcd.io/v1
    kind: OCIRepository
    metadata: {name: podinfo-<< inputs.tenant >>}
    spec:
      url: oci://ghcr.io/stefanprodan/charts/podinfo
      ref:
        semver: << inputs.app.version | quote >>
  - apiVersion: helm.toolkit.fluxcd.io/v2
    kind: HelmRelease
    metadata: {name: podinfo-<< inputs.tenant >>, namespace: apps}
    spec:
      releaseName: podinfo-<< inputs.tenant >>
      chartRef: {kind: OCIRepository, name: podinfo-<< inputs.tenant >>}
      values:
        replicaCount: << inputs.app.replicas | int >>
  - apiVersion: v1
    kind: Namespace
    metadata: {name: shared}
  resourcesTemplate: |
    ---
    apiVersion: v1
    kind: ServiceAccount
    metadata:
      name: << inputs.tenant >>
      annotations:
        fluxcd.controlplane.io/reconcile: << inputs.wanted >>
    <<- inputs.none >>
";

#[test]
fn a_resource_set_is_what_its_inputs_make_of_it() {
    let set = SET.replace("    <<- inputs.none >>\n", "");
    let fixture = Fixture::new(&[
        ("clusters/prod/flux-system/gotk-sync.yaml", &sync("prod")),
        ("clusters/prod/set.yaml", &set),
        (
            "clusters/prod/other.yaml",
            &set.replace("name: podinfo,", "name: other,")
                .replace("| quote", "| slugify"),
        ),
        (
            "clusters/prod/provided.yaml",
            &set.replace("name: podinfo,", "name: provided,")
                .replace("  inputs:\n", "  inputsFrom: [{name: x}]\n  inputs:\n"),
        ),
    ]);
    let tree = fixture.commit();
    let layout = fixture.detect(tree);
    assert_eq!(
        table(&layout),
        [
            "prod/flux-system: Kustomization - - - - [clusters/prod]",
            "prod/other: ResourceSet - apps - - [clusters/prod/other.yaml]",
            "prod/podinfo: ResourceSet - apps - - [clusters/prod/set.yaml]",
            "prod/podinfo-team1: HelmRelease - apps podinfo 6.7.x []",
            "prod/podinfo-team2: HelmRelease - apps podinfo 6.6.x []",
            "prod/provided: ResourceSet - apps - - [clusters/prod/provided.yaml]",
        ],
        "{:?}",
        layout.notes
    );
    noted(
        &layout,
        "only the operator evaluates: inputs.app.version | slugify: ResourceSet other",
    );
    noted(
        &layout,
        "its inputs come from providers that only the cluster asks: ResourceSet provided",
    );
    let app = layout
        .apps
        .iter()
        .find(|app| app.name == "podinfo")
        .expect("app");
    let rendering = fixture
        .renderer
        .render(&fixture.reader(), tree, &app.recipe)
        .expect("rendering");
    let made: Vec<String> = rendering
        .objects
        .iter()
        .map(|made| {
            format!(
                "{} {:?}",
                made.object.id,
                made.object.label("app.kubernetes.io/name")
            )
        })
        .collect();
    assert_eq!(
        made,
        [
            "OCIRepository/podinfo-team1",
            "OCIRepository/podinfo-team2",
            "HelmRelease/podinfo-team1",
            "HelmRelease/podinfo-team2",
            "Namespace/shared",
            "ServiceAccount/team1",
        ]
        .map(|name| format!("{name} Some(\"podinfo\")"))
    );
    let replicas =
        &serde_json::to_value(&rendering.objects[2].object).expect("JSON")["spec"]["values"];
    assert_eq!(replicas["replicaCount"], serde_json::json!(2));
    // Values are read off what the set makes.
    let release = layout
        .apps
        .iter()
        .find(|app| app.name == "podinfo-team2")
        .expect("app");
    let Tool::Helm(helm) = &release.recipe.tool else {
        panic!("{:?}", release.recipe.tool);
    };
    let [Values::Field(field)] = helm.values.as_slice() else {
        panic!("{:?}", helm.values);
    };
    let from = fixture
        .renderer
        .render(&fixture.reader(), tree, &field.from)
        .expect("rendering");
    assert!(
        from.objects
            .iter()
            .any(|made| made.object.id == field.object)
    );
}

#[test]
fn a_chart_is_deployed_where_it_has_values_for() {
    let layout = Fixture::new(&[
        (
            "shop/Chart.yaml",
            "name: shop\nversion: 0.1.0\nappVersion: '2.0'\n\
             dependencies: [{name: lib, repository: 'file://../lib', version: 1.0.0}]\n",
        ),
        ("shop/values.yaml", "a: 1\n"),
        ("shop/values-prod.yaml", "a: 1\n"),
        ("shop/values-extra.yaml", "a: 1\n"),
        ("shop/env/dev/values.yaml", "a: 1\n"),
        ("shop/templates/x.yaml", "{{ .x }}\n"),
        ("lib/Chart.yaml", "name: lib\n"),
        ("lib/values.yaml", "a: 1\n"),
    ])
    .layout();
    assert_eq!(layout.kinds, [LayoutKind::Helm]);
    assert_eq!(
        table(&layout),
        [
            "dev/shop: - - - shop 2.0 [shop shop/env/dev/values.yaml]",
            "prod/shop: - - - shop 2.0 [shop shop/values-prod.yaml]",
        ]
    );
    assert_eq!(layout.apps_touched(&["lib/templates/y.yaml"]), [0, 1]);
}

#[test]
fn a_hydrated_branch_is_known_as_one() {
    let layout = Fixture::new(&[
        (
            "hydrator.metadata",
            r#"{"repoURL": "https://example.com/acme/env.git", "drySha": "0123456789abcdef"}"#,
        ),
        (
            "shop/manifest.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: shop}\n",
        ),
    ])
    .layout();
    assert_eq!(layout.kinds, [LayoutKind::Hydrated, LayoutKind::Plain]);
    assert_eq!(layout.generated, ["shop/manifest.yaml"]);
    assert_eq!(table(&layout), ["default/shop: - - shop - - [shop]"]);
    noted(&layout, "hydrator.metadata names the commit");
}

#[test]
fn hostile_orders_end_in_notes() {
    let fixture = flux();
    let many: String = (0..60)
        .map(|number| format!("{{number: '{number}'}}, "))
        .collect();
    let explosive = format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {{name: boom}}\n\
         spec:\n  generators:\n  - matrix:\n      generators:\n\
         \x20     - list: {{elements: [{many}]}}\n      - list: {{elements: [{many}]}}\n\
         \x20 template:\n    metadata: {{name: 'x-{{{{number}}}}'}}\n    spec: {{source: {{repoURL: a, path: b}}}}\n"
    );
    for (path, content) in [
        // In a circle, out of the repository, elsewhere, twice.
        ("loop/a.yaml", kustomization("a", "  path: ./loop\n")),
        ("loop/b.yaml", kustomization("b", "  path: ./loop/\n")),
        ("odd/out.yaml", kustomization("out", "  path: ../../etc\n")),
        (
            "odd/twice.yaml",
            kustomization("apps", "  path: ./loop\n  targetNamespace: x\n"),
        ),
        ("odd/twice-again.yaml", kustomization("apps", "  path: ./apps/base\n")),
        ("odd/none.yaml", "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: none}\n".to_owned()),
        ("odd/list.yaml", "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: odd}\nspec: [1]\n".to_owned()),
        ("odd/boom.yaml", explosive),
        ("odd/template.yaml", kustomization("'{{ .name }}'", "  path: ./loop\n")),
    ] {
        fixture.repo.write(path, content);
    }
    fixture.repo.write(
        "apps/production/kustomization.yaml",
        "resources: [../base]\n",
    );
    fixture.repo.symlink("loop/out", "/etc");
    let layout = fixture.layout();
    noted(
        &layout,
        "its path leads out of the repository: Kustomization out",
    );
    noted(&layout, "declared more than once");
    for name in ["a", "b", "out"] {
        app(&layout, name);
    }
    assert!(layout.apps.len() < 5_000);
}
