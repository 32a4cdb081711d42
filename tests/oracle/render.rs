//! Renders against `kubectl kustomize` (or `kustomize build`) run by hand on a checkout, and what must hold when a build
//! fails, is refused, or has no tool.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use gitopsy::git::{Oid, Reader, Repo, RepoPath};
use gitopsy::layout::{self, Overrides};
use gitopsy::manifest::Masking;
use gitopsy::render::{How, Recipe, Renderer, Rendering, Tool};
use gitopsy::task::Cancel;
use serde_json::Value;
use tempfile::TempDir;

use support::{Footprint, TestRepo};

struct Fixture {
    repo: TestRepo,
    directory: TempDir,
}

impl Fixture {
    fn new(files: &[(&str, &str)]) -> Fixture {
        let directory = tempfile::tempdir().expect("directory");
        let fixture = Fixture {
            repo: TestRepo::init(&directory.path().join("repo")),
            directory,
        };
        fixture.write(files);
        fixture
    }

    fn write(&self, files: &[(&str, &str)]) {
        for (path, content) in files {
            self.repo.write(path, content);
        }
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

    /// The kustomization in `root`, as of now.
    fn render(&self, renderer: &Renderer, root: &str) -> Arc<Rendering> {
        let tree = self.commit();
        renderer
            .render(&self.reader(), tree, &kustomization(root))
            .expect("rendering")
    }
}

fn renderer() -> Renderer {
    Renderer::new(Masking::new([7; 32]))
}

fn kustomization(root: &str) -> Recipe {
    Recipe {
        tool: Tool::kustomize(),
        roots: vec![RepoPath::from(root)],
        closure: Vec::new(),
        namespace: None,
    }
}

fn plain(root: &str, namespace: Option<&str>) -> Recipe {
    Recipe {
        tool: Tool::Plain,
        roots: vec![RepoPath::from(root)],
        closure: vec![RepoPath::from(root)],
        namespace: namespace.map(str::to_owned),
    }
}

/// The tool a person would run. `None`, and a line that says so, where neither is installed and nobody insists.
fn tool() -> Option<(PathBuf, &'static str)> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = [("kustomize", "build"), ("kubectl", "kustomize")]
        .into_iter()
        .find_map(|(name, command)| {
            let mut places = std::env::split_paths(&path).map(|place| place.join(name));
            Some((places.find(|file| file.is_file())?, command))
        });
    assert!(
        found.is_some() || std::env::var_os("CI").is_none(),
        "kustomize or kubectl is required in CI"
    );
    if found.is_none() {
        eprintln!("skipped: neither kustomize nor kubectl is installed");
    }
    found
}

/// (kind, namespace, name) → the whole object, as the tool prints it for a checkout of HEAD.
fn by_hand(fixture: &Fixture, root: &str) -> Option<BTreeMap<String, Value>> {
    let (program, command) = tool()?;
    let checkout = fixture.directory.path().join("checkout");
    fixture.repo.cloned(&checkout, &[]);
    let output = Command::new(program)
        .arg(command)
        .arg(checkout.join(root))
        .env_clear()
        .env("HOME", fixture.directory.path())
        .output()
        .expect("the tool runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8(output.stdout).expect("text");
    fs::remove_dir_all(checkout).expect("removed");
    let objects = serde_yaml::Deserializer::from_str(&text)
        .map(|document| <Value as serde::Deserialize>::deserialize(document).expect("YAML"));
    Some(objects.map(|object| (key(&object), object)).collect())
}

fn key(object: &Value) -> String {
    let metadata = &object["metadata"];
    format!(
        "{} {} {}",
        object["kind"], metadata["namespace"], metadata["name"]
    )
}

/// Objects as JSON; the values of Secrets, which are masked, left out on both sides.
fn without_secrets(mut object: Value) -> Value {
    if object["kind"] == "Secret" {
        for field in ["data", "stringData"] {
            if let Some(values) = object[field].as_object_mut() {
                values.values_mut().for_each(|value| *value = Value::Null);
            }
        }
    }
    object
}

fn assert_same(rendering: &Rendering, by_hand: BTreeMap<String, Value>) {
    let ours: BTreeMap<String, Value> = rendering
        .objects
        .iter()
        .map(|rendered| serde_json::to_value(&rendered.object).expect("JSON"))
        .map(|object| (key(&object), without_secrets(object)))
        .collect();
    let theirs: BTreeMap<String, Value> = by_hand
        .into_iter()
        .map(|(key, object)| (key, without_secrets(object)))
        .collect();
    assert_eq!(ours, theirs);
    assert_eq!(rendering.objects.len(), theirs.len());
}

const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: api
spec:
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      containers:
      - name: api
        image: registry.example.com/api:1.0
        envFrom:
        - configMapRef: {name: settings}
        - secretRef: {name: credentials}
";
const SERVICE: &str = "\
apiVersion: v1
kind: Service
metadata:
  name: api
spec:
  ports: [{port: 80, targetPort: 8080}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: api
rules: []
";

/// Every way in which a kustomization names files.
fn varied() -> Fixture {
    let fixture = Fixture::new(&[
        ("base/deployment.yaml", DEPLOYMENT),
        ("base/service.yaml", SERVICE),
        (
            "base/kustomization.yaml",
            "resources: [deployment.yaml, service.yaml, ../shared]\n",
        ),
        ("real/shared/kustomization.yml", "resources: [list.json]\n"),
        (
            "real/shared/list.json",
            r#"{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"one"},"data":{"on":"yes","port":"080"}}]}"#,
        ),
        (
            "components/probes/kustomization.yaml",
            "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches:\n- path: probes.yaml\n",
        ),
        (
            "components/probes/probes.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: api\nspec:\n  template:\n    spec:\n      containers:\n      - name: api\n        readinessProbe: {httpGet: {path: /ready, port: 8080}}\n",
        ),
        (
            "overlays/prod/kustomization.yaml",
            "\
namespace: shop
namePrefix: prod-
nameSuffix: -v2
resources: [../../base, extra/crd.yaml]
components: [../../components/probes]
commonAnnotations: {team: shop}
images: [{name: registry.example.com/api, newTag: '2.0'}]
replicas: [{name: api, count: 3}]
configMapGenerator:
- name: settings
  files: [config/app.conf, renamed=config/other.conf]
  envs: [config/vars.env]
  literals: [LEVEL=info]
secretGenerator:
- name: credentials
  files: [config/token]
patches:
- path: memory.yaml
- target: {kind: Service, name: api}
  patch: |-
    - op: add
      path: /spec/type
      value: ClusterIP
replacements:
- path: replacement.yaml
generators: [generator.yaml]
transformers:
- |-
  apiVersion: builtin
  kind: LabelTransformer
  metadata: {name: labels}
  labels: {managed: kustomize}
  fieldSpecs: [{path: metadata/labels, create: true}]
",
        ),
        (
            "overlays/prod/extra/crd.yaml",
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: things.example.com\nspec:\n  group: example.com\n  names: {kind: Thing, plural: things}\n  scope: Cluster\n",
        ),
        ("overlays/prod/config/app.conf", "a = 1\nb: {{ not yaml\n"),
        ("overlays/prod/config/other.conf", "other\n"),
        ("overlays/prod/config/vars.env", "COLOUR=green\n"),
        ("overlays/prod/config/token", "hunter2-token"),
        (
            "overlays/prod/memory.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: api\nspec:\n  template:\n    spec:\n      containers:\n      - name: api\n        resources: {limits: {memory: 1Gi}}\n",
        ),
        (
            "overlays/prod/replacement.yaml",
            "source: {kind: Service, name: api, fieldPath: 'spec.ports.0.port'}\ntargets:\n- select: {kind: Deployment, name: api}\n  fieldPaths: [metadata.annotations.port]\n  options: {create: true}\n",
        ),
        (
            "overlays/prod/generator.yaml",
            "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: generated}\nliterals: [x=y]\n",
        ),
        ("overlays/prod/unused.yaml", "not: read\n"),
    ]);
    fixture.repo.symlink("shared", "real/shared");
    fixture
}

#[test]
fn a_rendering_is_what_the_tool_prints_for_a_checkout() {
    let fixture = varied();
    let rendering = fixture.render(&renderer(), "overlays/prod");
    let Some(expected) = by_hand(&fixture, "overlays/prod") else {
        return;
    };
    assert!(expected.len() > 6, "{expected:?}");
    assert!(
        matches!(rendering.how, How::Tool { .. }),
        "{:?}",
        rendering.how
    );
    assert_same(&rendering, expected);
    let text = format!("{rendering:?}");
    assert!(
        !text.contains("hunter2") && !text.contains("aHVudGVyMi"),
        "{text}"
    );
}

#[test]
fn the_closure_is_what_the_build_reads() {
    let Some(_) = tool() else { return };
    let fixture = varied();
    let tree = fixture.commit();
    let renderer = renderer();
    let reader = fixture.reader();
    let found = layout::detect(&reader, tree, &renderer, &Overrides::default()).expect("layout");
    let recipe = &found.apps.first().expect("an app").recipe;
    let before = renderer.render(&reader, tree, recipe).expect("rendering");
    // Each file in turn: spoiling it changes the rendering exactly if it is in the closure.
    for file in fixture.repo.git(&["ls-files"]).lines() {
        let path = fixture.repo.path.join(file);
        if path.is_symlink() {
            assert!(recipe.touches(file.as_bytes()), "{file}");
            continue;
        }
        let content = fs::read(&path).expect("file");
        let spoiled = [
            b"apiVersion: v1\nkind: Nothing\nmetadata: {name: nothing}\nspoiled: ".as_slice(),
            &content,
        ]
        .concat();
        fixture.repo.write(file, spoiled);
        let tree = fixture.commit();
        let after = renderer
            .render(&fixture.reader(), tree, recipe)
            .expect("rendering");
        let differs = before.how != after.how
            || format!("{:?}", before.objects) != format!("{:?}", after.objects);
        assert_eq!(recipe.touches(file.as_bytes()), differs, "{file}");
        assert_eq!(
            Arc::ptr_eq(&before, &after),
            !differs,
            "{file}: what is remembered"
        );
        fixture.repo.write(file, content);
    }
}

#[test]
fn objects_are_traced_to_the_documents_they_come_from() {
    let Some(_) = tool() else { return };
    let fixture = varied();
    let rendering = fixture.render(&renderer(), "overlays/prod");
    let source = |kind: &str| {
        let rendered = rendering
            .objects
            .iter()
            .find(|rendered| rendered.object.id.kind == kind)
            .expect(kind);
        let source = rendered.source.clone().expect("a source");
        let blob = fixture.reader().blob(source.blob).expect("blob");
        let place = source.document.expect("a document");
        let text = String::from_utf8_lossy(&blob[place.bytes]).into_owned();
        (source.path.to_string(), place.line, text)
    };
    let (path, line, text) = source("Deployment");
    assert_eq!((path.as_str(), line), ("base/deployment.yaml", 1));
    assert_eq!(text, DEPLOYMENT);
    let (path, line, text) = source("ClusterRole");
    assert_eq!((path.as_str(), line), ("base/service.yaml", 8));
    assert!(
        text.contains("ClusterRole") && !text.contains("kind: Service"),
        "{text}"
    );
}

#[test]
fn the_repository_is_not_touched_and_many_may_render_at_once() {
    let Some(_) = tool() else { return };
    let fixture = varied();
    for number in 0..4 {
        fixture.repo.write(
            format!("overlays/env{number}/kustomization.yaml"),
            format!("namePrefix: e{number}-\nresources: [../../base]\n"),
        );
    }
    let tree = fixture.commit();
    let footprint = Footprint::of(&fixture.repo.path);
    let renderer = renderer();
    let state = fixture.directory.path().join("state");
    let repository = Repo::open(&fixture.repo.path, &state).expect("repository");
    let render = |number: usize| {
        let recipe = kustomization(&format!("overlays/env{number}"));
        let rendering = renderer.render(&repository.reader(), tree, &recipe);
        let rendering = rendering.expect("rendering");
        assert!(
            matches!(rendering.how, How::Tool { .. }),
            "{:?}",
            rendering.how
        );
        let expected = format!("e{number}-api");
        assert!(names(&rendering).contains(&expected.as_str()));
    };
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let render = &render;
            scope.spawn(move || render(thread % 4));
        }
    });
    footprint.assert_unchanged(&fixture.repo.path);
}

fn why(rendering: &Rendering) -> &str {
    match &rendering.how {
        How::Sources { why } => why,
        how => panic!("rendered by {how:?}"),
    }
}

fn names(rendering: &Rendering) -> Vec<&str> {
    let objects = rendering.objects.iter();
    objects
        .map(|rendered| rendered.object.id.name.as_str())
        .collect()
}

#[test]
fn a_build_that_fails_shows_its_sources_and_says_why() {
    let Some(_) = tool() else { return };
    let fixture = Fixture::new(&[
        (
            "a/kustomization.yaml",
            "namespace: shop\nresources: [deployment.yaml, missing.yaml]\n",
        ),
        ("a/deployment.yaml", DEPLOYMENT),
        (
            "b/kustomization.yaml",
            "resources: [deployment.yaml]\npatches: [{path: patch.yaml}]\n",
        ),
        ("b/deployment.yaml", DEPLOYMENT),
        (
            "b/patch.yaml",
            "apiVersion: v1\nkind: Service\nmetadata: {name: nobody}\nspec: {type: LoadBalancer}\n",
        ),
        (
            "c/kustomization.yaml",
            "resources: [deployment.yaml]\n  oops: [\n",
        ),
        (
            "d/kustomization.yaml",
            "resources: [../c]\nhelmCharts: [{name: x, repo: https://example.com}]\n",
        ),
        (
            "e/kustomization.yaml",
            "resources: [deployment.yaml]\ngenerators: [ksops.yaml]\n",
        ),
        ("e/deployment.yaml", DEPLOYMENT),
        (
            "e/ksops.yaml",
            "apiVersion: viaduct.ai/v1\nkind: ksops\nmetadata: {name: x}\n",
        ),
    ]);
    let renderer = renderer();
    for (root, reason, objects) in [
        ("a", "a/missing.yaml, which does not exist", vec!["api"]),
        ("b", "nobody", vec!["api"]),
        (
            "c",
            "c/kustomization.yaml: it is not valid YAML (line 2)",
            vec![],
        ),
        ("d", "Helm charts", vec![]),
        ("e", "the plugin ksops", vec!["api"]),
    ] {
        let rendering = fixture.render(&renderer, root);
        let why = why(&rendering);
        assert!(why.contains(reason), "{root}: {why}");
        assert!(
            !why.contains("gitopsy-render-") && !why.contains("/tmp/"),
            "{root}: {why}"
        );
        assert_eq!(names(&rendering), objects, "{root}");
    }
}

#[test]
fn a_failure_never_quotes_a_secret() {
    let Some(_) = tool() else { return };
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {password: hunter2-correct-horse}\n";
    let release = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: x}\nspec: {values: {token: hunter2-correct-horse}}\n";
    let fixture = Fixture::new(&[
        (
            "e/kustomization.yaml",
            "resources: [release.yaml]\npatches:\n- target: {kind: HelmRelease}\n  patch: |-\n    - op: replace\n      path: /spec/values/no/deeper\n      value: hunter2-correct-horse\n",
        ),
        ("e/release.yaml", release),
        (
            "a/kustomization.yaml",
            "resources: [secret.yaml]\npatches:\n- target: {kind: Secret}\n  patch: |-\n    - op: replace\n      path: /stringData/missing/deeper\n      value: hunter2-correct-horse\n",
        ),
        ("a/secret.yaml", secret),
        (
            "b/kustomization.yaml",
            "secretGenerator: [{name: x, literals: [hunter2-correct-horse]}]\n",
        ),
        ("c/kustomization.yaml", "resources: [secret.yaml]\n"),
        (
            "c/secret.yaml",
            "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {password: hunter2-correct-horse\n",
        ),
        (
            "d/kustomization.yaml",
            "resources: [secret.yaml]\npatches:\n- patch: hunter2-correct-horse\n",
        ),
        ("d/secret.yaml", secret),
    ]);
    let masking = Masking::new([7; 32]).with_paths(&["HelmRelease:spec.values.token"]);
    let renderer = Renderer::new(masking.expect("paths"));
    for root in ["a", "b", "c", "d", "e"] {
        let rendering = fixture.render(&renderer, root);
        let why = why(&rendering);
        assert!(
            why.contains("secret values") && why.contains(root),
            "{root}: {why}"
        );
        let text = format!("{rendering:?}");
        assert!(
            !text.contains("hunter2") && !text.contains("correct-horse"),
            "{root}: {text}"
        );
    }
}

#[test]
fn what_would_need_the_network_or_leaves_the_repository_is_refused_before_any_tool_runs() {
    let fixture = Fixture::new(&[
        (
            "remote/kustomization.yaml",
            "resources: [deployment.yaml, 'https://user:hunter2@127.0.0.1:1/x//base?ref=v1']\n",
        ),
        ("remote/deployment.yaml", DEPLOYMENT),
        (
            "outside/kustomization.yaml",
            "resources: [../../../../etc]\n",
        ),
        (
            "absolute/kustomization.yaml",
            "resources: [/etc/hostname]\n",
        ),
        ("link/kustomization.yaml", "resources: [out]\n"),
        (
            "file/kustomization.yaml",
            "configMapGenerator: [{name: x, files: [passwd]}]\n",
        ),
    ]);
    fixture.repo.symlink("link/out", "../../../elsewhere");
    fixture.repo.symlink("file/passwd", "/etc/passwd");
    let tools = fixture.directory.path().join("tools");
    let recorder = script(&tools, "kustomize", "echo 'apiVersion: v1'");
    let renderer = renderer().with_tools_in(&tools);
    for (root, reason) in [
        (
            "remote",
            "it needs https://127.0.0.1:1/x at v1: `--allow-network` fetches it",
        ),
        ("outside", "outside of the repository"),
        ("absolute", "outside of the repository"),
        ("link", "link/out: this symlink leads out of the repository"),
        (
            "file",
            "file/passwd: this symlink leads out of the repository",
        ),
    ] {
        let rendering = fixture.render(&renderer, root);
        assert!(
            why(&rendering).contains(reason),
            "{root}: {}",
            why(&rendering)
        );
        assert!(!why(&rendering).contains("hunter2"));
    }
    assert_eq!(names(&fixture.render(&renderer, "remote")), ["api"]);
    assert!(!recorder.exists(), "the tool ran");
}

/// A tool that records the environment it got, and what it was asked.
fn script(directory: &Path, name: &str, body: &str) -> PathBuf {
    fs::create_dir_all(directory).expect("directory");
    let file = directory.join(name);
    let record = directory.join(format!("{name}.record"));
    let text = format!(
        "#!/bin/sh\nif [ \"$1\" = version ]; then echo v5.5.0; exit; fi\n\
         {{ export -p; echo \"asked: $*\"; }} >> '{}'\n{body}\n",
        record.display()
    );
    fs::write(&file, text).expect("script");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("executable");
    record
}

#[test]
fn a_build_gets_no_credentials_and_nothing_to_run() {
    let fixture = Fixture::new(&[
        ("a/kustomization.yaml", "resources: [../b/x.yaml]\n"),
        ("b/x.yaml", DEPLOYMENT),
        ("b/kustomization.yaml", ""),
        ("secret-elsewhere.yaml", "not exported\n"),
    ]);
    let tools = fixture.directory.path().join("tools");
    let record = script(
        &tools,
        "kustomize",
        "for f in * */*; do echo \"file: $f\"; done >> \"$0.record\"\necho 'apiVersion: v1\nkind: Service\nmetadata: {name: built}'",
    );
    let rendering = fixture.render(&renderer().with_tools_in(&tools), "a");
    assert_eq!(
        rendering.how,
        How::Tool {
            name: "kustomize".to_owned(),
            version: "v5.5.0".to_owned()
        }
    );
    assert_eq!(names(&rendering), ["built"]);
    let record = fs::read_to_string(record).expect("record");
    let variable = |name: &str| {
        let start = format!("export {name}=");
        let line = record.lines().find_map(|line| line.strip_prefix(&start));
        line.map(|value| value.trim_matches(['\'', '"']).to_owned())
    };
    for name in [
        "KUBECONFIG",
        "SSH_AUTH_SOCK",
        "USER",
        "KUSTOMIZE_PLUGIN_HOME",
    ] {
        assert_eq!(variable(name), None, "{name}");
    }
    let home = variable("HOME").expect("HOME");
    assert_ne!(std::env::var("HOME").ok().as_deref(), Some(home.as_str()));
    assert_eq!(variable("PATH").as_deref(), Some(home.as_str()));
    assert_eq!(variable("GIT_ALLOW_PROTOCOL").as_deref(), Some(""));
    assert!(variable("https_proxy").is_some_and(|proxy| proxy.contains("127.0.0.1:9")));
    let exported: Vec<&str> = record
        .lines()
        .filter_map(|line| line.strip_prefix("file: "))
        .collect();
    assert_eq!(exported, ["a", "b", "a/kustomization.yaml", "b/x.yaml"]);
    assert!(!Path::new(&home).exists(), "the temporary home is removed");
}

#[test]
fn without_a_tool_the_sources_are_shown_and_the_tool_is_named() {
    let fixture = Fixture::new(&[
        (
            "a/kustomization.yaml",
            "namespace: shop\nresources: [deployment.yaml]\n",
        ),
        ("a/deployment.yaml", DEPLOYMENT),
    ]);
    let nothing = fixture.directory.path().join("nothing");
    let tree = fixture.commit();
    let recipe = Recipe {
        namespace: Some("shop".to_owned()),
        ..kustomization("a")
    };
    let rendering = renderer()
        .with_tools_in(&nothing)
        .render(&fixture.reader(), tree, &recipe)
        .expect("rendering");
    assert_eq!(
        why(&rendering),
        "neither kustomize nor kubectl is installed"
    );
    assert_eq!(names(&rendering), ["api"]);
    assert_eq!(
        rendering.objects[0].object.id.namespace.as_deref(),
        Some("shop")
    );
    // A tool that prints rubbish, and one that fails without a word.
    for (body, reason) in [
        ("echo 'a: [b'", "cannot be read"),
        ("exit 3", "exit code 3"),
    ] {
        let tools = tempfile::tempdir_in(fixture.directory.path()).expect("directory");
        script(tools.path(), "kustomize", body);
        let renderer = renderer().with_tools_in(tools.path());
        let rendering = renderer
            .render(&fixture.reader(), tree, &recipe)
            .expect("rendering");
        assert!(why(&rendering).contains(reason), "{}", why(&rendering));
        assert_eq!(names(&rendering), ["api"]);
    }
}

#[test]
fn plain_manifests_are_read_as_they_are() {
    let two = "# first\napiVersion: v1\nkind: Service\nmetadata:\n  name: one\n---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: two\n";
    let fixture = Fixture::new(&[
        ("shop/b.yaml", two),
        (
            "shop/deeper/a.json",
            r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"json","namespace":"own"}}"#,
        ),
        ("shop/values.yaml", "replicas: 1\n"),
        (
            "shop/broken.yml",
            "apiVersion: v1\nkind: Service\nmetadata:\n  name: kept\n---\napiVersion: v1\nkind: Service\nmetadata: [\n",
        ),
        ("shop/not-ours.txt", two),
        (
            "elsewhere/linked.yaml",
            "apiVersion: v1\nkind: Service\nmetadata:\n  name: linked\n",
        ),
    ]);
    fixture
        .repo
        .symlink("shop/linked.yaml", "../elsewhere/linked.yaml");
    fixture.repo.symlink("shop/out.yaml", "/etc/hostname");
    let tree = fixture.commit();
    let reader = fixture.reader();
    let renderer = renderer();
    let rendering = renderer
        .render(&reader, tree, &plain("shop", Some("shop")))
        .expect("rendering");
    assert_eq!(rendering.how, How::Read);
    let found: BTreeMap<&str, (Option<&str>, String, u32)> = rendering
        .objects
        .iter()
        .map(|rendered| {
            let source = rendered.source.as_ref().expect("a source");
            let blob = reader.blob(source.blob).expect("blob");
            let place = source.document.as_ref().expect("a document");
            let text = String::from_utf8_lossy(&blob[place.bytes.clone()]).into_owned();
            let id = &rendered.object.id;
            assert!(
                text.contains(&id.name) && text.matches("kind").count() == 1,
                "{text}"
            );
            (
                id.name.as_str(),
                (id.namespace.as_deref(), source.path.to_string(), place.line),
            )
        })
        .collect();
    let expected = [
        ("json", (Some("own"), "shop/deeper/a.json", 1)),
        ("kept", (Some("shop"), "shop/broken.yml", 1)),
        ("linked", (Some("shop"), "elsewhere/linked.yaml", 1)),
        ("one", (Some("shop"), "shop/b.yaml", 1)),
        ("two", (None, "shop/b.yaml", 7)),
    ];
    let expected =
        expected.map(|(name, (namespace, path, line))| (name, (namespace, path.to_owned(), line)));
    assert_eq!(found, BTreeMap::from(expected));
    let broken: Vec<String> = rendering
        .broken
        .iter()
        .map(|(path, _)| path.to_string())
        .collect();
    assert_eq!(broken, ["shop/broken.yml"]);
    // A linked file's change is seen, an unrelated one's costs nothing.
    fixture.write(&[("README.md", "hello\n")]);
    let again = renderer
        .render(
            &fixture.reader(),
            fixture.commit(),
            &plain("shop", Some("shop")),
        )
        .expect("rendering");
    assert!(Arc::ptr_eq(&rendering, &again));
    fixture.write(&[(
        "elsewhere/linked.yaml",
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: relinked\n",
    )]);
    let again = renderer
        .render(
            &fixture.reader(),
            fixture.commit(),
            &plain("shop", Some("shop")),
        )
        .expect("rendering");
    assert!(names(&again).contains(&"relinked"));
}

/// What tools made is found again by the next program, unless anything it depends on is another.
#[test]
fn renderings_are_kept_on_disk_without_secrets() {
    let fixture = Fixture::new(&[
        (
            "app/kustomization.yaml",
            "resources: [secret.yaml, api.yaml]\n",
        ),
        (
            "app/secret.yaml",
            "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {password: canary-value}\n",
        ),
        ("app/api.yaml", DEPLOYMENT),
    ]);
    if tool().is_none() {
        return;
    }
    let place = fixture.directory.path().join("cache");
    let tree = fixture.commit();
    let counted = Counted::new(fixture.directory.path(), "");
    let runs = || counted.runs();
    let render = |key: u8, tree: Oid| counted.render(&fixture, &place, key, tree);
    let first = render(7, tree);
    assert!(matches!(first.how, How::Tool { .. }), "{:?}", first.how);
    assert_eq!(runs(), 1);
    let again = render(7, tree);
    assert_eq!(runs(), 1, "rendered again");
    assert_eq!(again.how, first.how);
    let objects = |rendering: &Rendering| {
        let objects = rendering.objects.iter();
        objects
            .map(|rendered| (rendered.object.clone(), rendered.source.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(objects(&again), objects(&first));
    for file in fs::read_dir(&place).expect("directory") {
        let bytes = fs::read(file.expect("file").path()).expect("file");
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("canary") && !text.contains("Y2FuYXJ5"));
    }
    // Masked with another key it is another rendering.
    render(8, tree);
    assert_eq!(runs(), 2);
    fixture.write(&[("app/api.yaml", &DEPLOYMENT.replace("api:1.0", "api:1.1"))]);
    render(7, fixture.commit());
    assert_eq!(runs(), 3);
    // Deleted or damaged, it is made again.
    for file in fs::read_dir(&place).expect("directory") {
        fs::write(file.expect("file").path(), "damaged").expect("file");
    }
    assert_eq!(objects(&render(7, tree)), objects(&first));
    assert_eq!(runs(), 4);
}

/// A tool that counts how often it builds.
struct Counted {
    tools: PathBuf,
    runs: PathBuf,
}

impl Counted {
    /// `instead`: what a shell does before it builds, and perhaps instead.
    fn new(directory: &Path, instead: &str) -> Counted {
        let (program, command) = tool().expect("checked");
        let (tools, runs) = (directory.join("tools"), directory.join("runs"));
        fs::create_dir(&tools).expect("directory");
        let script = format!(
            "#!/bin/sh\nif [ \"$1\" = {command} ]; then echo run >> {}; {instead}\nfi\nexec {} \"$@\"\n",
            runs.display(),
            program.display()
        );
        let wrapper = tools.join(program.file_name().expect("a name"));
        fs::write(&wrapper, script).expect("script");
        fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).expect("mode");
        Counted { tools, runs }
    }

    fn runs(&self) -> usize {
        fs::read_to_string(&self.runs).map_or(0, |text| text.lines().count())
    }

    /// Renders `app` as a program does that has just started.
    fn render(&self, fixture: &Fixture, cache: &Path, key: u8, tree: Oid) -> Arc<Rendering> {
        let renderer = Renderer::new(Masking::new([key; 32]))
            .with_cache(gitopsy::cache::Cache::in_directory(cache))
            .with_tools_in(&self.tools);
        renderer
            .render(&fixture.reader(), tree, &kustomization("app"))
            .expect("rendering")
    }
}

/// The log of a resource built what cannot be built at each of its commits, each time it was asked for.
#[test]
fn a_build_that_fails_by_its_files_is_tried_once() {
    if tool().is_none() {
        return;
    }
    let fixture = Fixture::new(&[
        (
            "app/kustomization.yaml",
            "resources: [api.yaml, missing.yaml]\n",
        ),
        ("app/api.yaml", DEPLOYMENT),
    ]);
    let (tree, directory) = (fixture.commit(), fixture.directory.path());
    let place = directory.join("cache");
    let full = directory.join("full");
    let instead = format!(
        "if [ -e {} ]; then echo 'Error: write: no space left on device' >&2; exit 1; fi",
        full.display()
    );
    let counted = Counted::new(directory, &instead);
    let render = |tree| counted.render(&fixture, &place, 7, tree);
    let why = |rendering: &Rendering| match &rendering.how {
        How::Sources { why } => why.clone(),
        how => panic!("{how:?}"),
    };
    let first = render(tree);
    let again = render(tree);
    assert_eq!(counted.runs(), 1);
    assert!(why(&first).contains("missing.yaml"), "{}", why(&first));
    assert_eq!(why(&again), why(&first));
    assert_eq!(names(&again), names(&first));
    assert_eq!(names(&again), ["api"]);
    // What is the machine's fault may be over.
    fixture.write(&[("app/kustomization.yaml", "resources: [api.yaml]\n")]);
    let tree = fixture.commit();
    fs::write(&full, "").expect("file");
    assert!(why(&render(tree)).contains("no space left"));
    fs::remove_file(&full).expect("file");
    let built = render(tree);
    assert!(matches!(built.how, How::Tool { .. }), "{:?}", built.how);
    assert_eq!(counted.runs(), 3);
}

#[test]
fn many_are_rendered_at_once_in_order_until_cancelled() {
    let mut files = Vec::new();
    for number in 0..12 {
        files.push((
            format!("a{number}/kustomization.yaml"),
            "resources: [c.yaml]\n".to_owned(),
        ));
        files.push((
            format!("a{number}/c.yaml"),
            format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{number}}}\n"),
        ));
    }
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    let fixture = Fixture::new(&files);
    let tree = fixture.commit();
    let recipes: Vec<Recipe> = (0..12)
        .map(|number| kustomization(&format!("a{number}")))
        .collect();
    let wanted: Vec<(Oid, &Recipe)> = recipes.iter().map(|recipe| (tree, recipe)).collect();
    let renderer = renderer();
    let done = std::sync::Mutex::new(Vec::new());
    let rendered = renderer
        .render_all(&fixture.reader(), &wanted, &Cancel::new(), &|count| {
            done.lock().expect("no panic").push(count);
        })
        .expect("renderings");
    let names: Vec<&str> = rendered
        .iter()
        .map(|rendering| rendering.objects[0].object.id.name.as_str())
        .collect();
    let expected: Vec<String> = (0..12).map(|number| format!("c{number}")).collect();
    assert_eq!(names, expected);
    let mut done = done.into_inner().expect("no panic");
    done.sort_unstable();
    assert_eq!(done, (1..=12).collect::<Vec<_>>());

    let cancel = Cancel::new();
    cancel.cancel();
    let stopped = renderer.render_all(&fixture.reader(), &wanted, &cancel, &|_| {});
    assert!(matches!(stopped, Err(gitopsy::render::Error::Cancelled)));
}

/// What a person reads off a build: every image of every object.
fn images(rendering: &Rendering) -> Vec<String> {
    let objects = rendering.objects.iter();
    let mut images: Vec<String> = objects
        .flat_map(|rendered| gitopsy::manifest::images(&rendered.object))
        .map(|image| image.to_string())
        .collect();
    images.sort();
    images
}

type Files<'a> = &'a [(&'a str, &'a str)];

/// Whatever is said to keep the images keeps them when it is built, and what is common is said to.
#[test]
fn changes_that_are_said_to_keep_the_images_keep_them() {
    const ROLE: &str =
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: api}\nrules: []\n";
    const BASE: &str = "resources: [deployment.yaml, role.yaml]\n";
    const OVERLAY: &str = "resources: [../base]\nnamespace: shop\n";
    let patch = |text: &str| {
        format!("{OVERLAY}patches:\n- patch: |-\n    {text}\n  target: {{kind: Deployment}}\n")
    };
    let remove = patch("- op: remove\n      path: /spec/template/spec/containers/0");
    let tag = format!("{OVERLAY}images: [{{name: registry.example.com/api, newTag: '2'}}]\n");
    let vars = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: versions}\ndata: {api: registry.example.com/api:3}\n";
    let replaced = format!(
        "{OVERLAY}replacements:\n- source: {{kind: ConfigMap, name: versions, fieldPath: data.api}}\n  targets:\n  - select: \
         {{kind: Deployment}}\n    fieldPaths: [spec.template.spec.containers.0.image]\n"
    );
    let with_vars = "resources: [deployment.yaml, role.yaml, vars.yaml]\n";
    // What is changed, and whether that is to be seen without a build.
    let cases: [(Files, Files, bool); 9] = [
        (
            &[],
            &[("base/role.yaml", &ROLE.replace("[]", "[{verbs: [get]}]"))],
            true,
        ),
        (&[], &[("other/x.yaml", "image: y\n")], true),
        (
            &[],
            &[("base/kustomization.yaml", "resources: [deployment.yaml]\n")],
            true,
        ),
        (
            &[],
            &[("base/deployment.yaml", &DEPLOYMENT.replace(":1.0", ":2.0"))],
            false,
        ),
        (
            &[],
            &[("base/kustomization.yaml", "resources: [role.yaml]\n")],
            false,
        ),
        (&[], &[("overlay/kustomization.yaml", &remove)], false),
        (&[], &[("overlay/kustomization.yaml", &tag)], false),
        (
            &[
                ("base/kustomization.yaml", with_vars),
                ("base/vars.yaml", vars),
                ("overlay/kustomization.yaml", &replaced),
            ],
            &[("base/vars.yaml", &vars.replace(":3", ":4"))],
            false,
        ),
        (
            &[],
            &[(
                "overlay/kustomization.yaml",
                "resources: [../base, gone.yaml]\n",
            )],
            false,
        ),
    ];
    for (number, (before, after, seen)) in cases.into_iter().enumerate() {
        let fixture = Fixture::new(&[
            ("base/kustomization.yaml", BASE),
            ("base/deployment.yaml", DEPLOYMENT),
            ("base/role.yaml", ROLE),
            ("overlay/kustomization.yaml", OVERLAY),
        ]);
        fixture.write(before);
        let old = fixture.commit();
        fixture.write(after);
        let new = fixture.commit();
        let (reader, renderer) = (fixture.reader(), renderer());
        let recipe = kustomization("overlay");
        let kept = renderer
            .keeps_images(&reader, old, new, &recipe)
            .expect("read");
        assert_eq!(kept, seen, "case {number}");
        if tool().is_some() {
            let build = |tree| renderer.render(&reader, tree, &recipe).expect("rendering");
            let same = images(&build(old)) == images(&build(new));
            assert!(same || !kept, "case {number}");
            // Otherwise the case would show nothing.
            assert!(number > 6 || same == seen, "case {number}");
        }
    }
}
