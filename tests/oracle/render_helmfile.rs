//! Releases of helmfiles, against `helmfile list` and `helmfile template` run by hand on a checkout, and what a hostile
//! helmfile gets.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use gitopsy::git::{Oid, Reader, Repo};
use gitopsy::layout::{self, App, Layout, Overrides};
use gitopsy::manifest::Masking;
use gitopsy::render::{How, Renderer, Rendering};
use serde_json::Value;
use tempfile::TempDir;

use support::TestRepo;

struct Fixture {
    repo: TestRepo,
    directory: TempDir,
    helm: PathBuf,
    helmfile: PathBuf,
    kustomize: PathBuf,
}

impl Fixture {
    /// `None` where there is no helmfile, or no kernel that confines it.
    fn new(files: &[(&str, &str)]) -> Option<Fixture> {
        let (helm, helmfile) = (support::tools::helm()?, support::tools::helmfile()?);
        let kustomize = support::tools::kustomize()?;
        if !gitopsy::exec::Confinement::is_possible() {
            return None;
        }
        let directory = tempfile::tempdir().expect("directory");
        let repo = TestRepo::init(&directory.path().join("repo"));
        for (path, content) in files {
            repo.write(path, content);
        }
        Some(Fixture {
            repo,
            directory,
            helm,
            helmfile,
            kustomize,
        })
    }

    fn renderer(&self) -> Renderer {
        let tools = [&self.helm, &self.helmfile, &self.kustomize];
        let places = tools.map(|tool| tool.parent().expect("a directory"));
        let path = std::env::join_paths(places).expect("no colon in a path");
        Renderer::new(Masking::new([7; 32])).with_tools_in(path)
    }

    fn tree(&self) -> (Reader, Oid) {
        self.repo.git(&["add", "-A"]);
        self.repo.commit("All");
        let state = self.directory.path().join("state");
        let reader = Repo::open(&self.repo.path, &state)
            .expect("repository")
            .reader();
        let commit = reader.resolve("HEAD").expect("commit");
        let tree = reader.tree_of(commit).expect("tree");
        (reader, tree)
    }

    fn layout(&self, renderer: &Renderer) -> (Layout, Reader, Oid) {
        let (reader, tree) = self.tree();
        let layout = layout::detect(&reader, tree, renderer, &Overrides::default());
        (layout.expect("layout"), reader, tree)
    }

    /// Every app with its rendering.
    fn rendered(&self) -> (Layout, Vec<(App, Rendering)>) {
        let renderer = self.renderer();
        let (layout, reader, tree) = self.layout(&renderer);
        let render = |app: &App| {
            let rendering = renderer
                .render(&reader, tree, &app.recipe)
                .expect("rendering");
            (app.clone(), (*rendering).clone())
        };
        let rendered = layout.apps.iter().map(render).collect();
        (layout, rendered)
    }

    /// What helmfile itself makes of a file in an environment.
    fn by_hand(&self, file: &str, environment: &str) -> Vec<Value> {
        let checkout = self
            .directory
            .path()
            .join(format!("checkout-{environment}-{}", file.replace('/', "-")));
        self.repo.cloned(&checkout, &[]);
        let arguments = ["template", "--skip-deps", "--include-crds", "--skip-tests"];
        let output = Command::new(&self.helmfile)
            .args(["--quiet", "--file", file, "--environment", environment])
            .args(arguments)
            .current_dir(&checkout)
            .env_clear()
            .env("HOME", self.directory.path())
            .env("HELMFILE_UPGRADE_NOTICE_DISABLED", "true")
            .env(
                "PATH",
                support::tools::search_path(&[&self.helm, &self.kustomize]),
            )
            .output()
            .expect("helmfile runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{file} {environment}: {errors}");
        let text = String::from_utf8_lossy(&output.stdout);
        let parts = format!("\n{text}");
        let documents = parts
            .split("\n---\n")
            .map(|part| serde_yaml::from_str(part).expect("YAML"));
        sorted(
            documents
                .filter(|document: &Value| !document.is_null())
                .collect(),
        )
    }
}

fn sorted(mut objects: Vec<Value>) -> Vec<Value> {
    let id = |object: &Value| {
        let metadata = &object["metadata"];
        format!(
            "{} {} {}",
            object["kind"], metadata["namespace"], metadata["name"]
        )
    };
    objects.sort_by_key(id);
    objects
}

/// The objects of all apps of an environment.
fn ours(rendered: &[(App, Rendering)], environment: &str) -> Vec<Value> {
    let mut objects = Vec::new();
    for (app, rendering) in rendered
        .iter()
        .filter(|(app, _)| app.environment == environment)
    {
        assert!(
            matches!(&rendering.how, How::Tool { name, .. } if name == "helmfile"),
            "{}: {:?}",
            app.name,
            rendering.how
        );
        let found = rendering.objects.iter();
        objects.extend(found.map(|found| serde_json::to_value(&found.object).expect("JSON")));
    }
    sorted(objects)
}

/// environment / app: namespace, chart, version
fn table(layout: &Layout) -> Vec<String> {
    let line = |app: &App| {
        let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        format!(
            "{}/{}: {} {} {}",
            app.environment,
            app.name,
            or(&app.destination.namespace),
            or(&app.chart),
            or(&app.version)
        )
    };
    layout.apps.iter().map(line).collect()
}

fn chart(name: &str) -> String {
    format!("apiVersion: v2\nname: {name}\nversion: 1.2.3\n")
}

const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-{{ .Chart.Name }}\n  \
    namespace: {{ .Release.Namespace }}\ndata:\n  values: {{ toJson .Values | quote }}\n  versions: {{ .Capabilities.KubeVersion }}\n";
const CRD: &str = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: things.example.com}\n";

/// A helmfile with most of what helmfiles have.
const WHOLE: &str = "bases:\n- bases/environments.yaml.gotmpl\n---\n\
    templates:\n  default: &default\n    namespace: shop\n    missingFileHandler: Warn\n    values:\n    - values/{{`{{ .Release.Name }}`}}.yaml.gotmpl\n\
    \x20   - values/{{ .Environment.Name }}/{{`{{ .Release.Name }}`}}.yaml\n\
    commonLabels: {team: a}\nkubeVersion: v1.30.0\nrepositories:\n- {name: far, url: https://charts.example.com}\n\
    releases:\n\
    {{- range $name, $release := .Values.releases }}\n\
    - name: {{ $name }}\n  inherit: [{template: default}]\n  chart: ./charts/{{ $release.chart }}\n  version: {{ $release.version | quote }}\n\
    {{- end }}\n\
    - name: off\n  chart: ./charts/web\n  installed: false\n\
    - name: sometimes\n  namespace: other\n  chart: ./charts/web\n  condition: sometimes.enabled\n  needs: [shop/api]\n\
    \x20 values:\n  - inline: {a: [1, 2]}\n    text: {{ readFile \"values/text.txt\" | quote }}\n  set:\n  - {name: b.c, value: 3}\n\
    helmfiles:\n- path: sub/helmfile.yaml.gotmpl\n  values:\n  - size: {{ .Values.size }}\n";

fn whole() -> Option<Fixture> {
    Fixture::new(&[
        ("helmfile.yaml.gotmpl", WHOLE),
        (
            "bases/environments.yaml.gotmpl",
            "environments:\n  staging:\n    values: &values\n    - env/common.yaml\n    - env/{{ .Environment.Name }}.yaml.gotmpl\n  \
             production:\n    values: *values\n",
        ),
        (
            "env/common.yaml",
            "size: 1\nsometimes: {enabled: false}\nreleases:\n  api: {chart: web, version: 1.2.3}\n",
        ),
        ("env/staging.yaml.gotmpl", "size: {{ add 1 1 }}\n"),
        (
            "env/production.yaml.gotmpl",
            "sometimes: {enabled: true}\nreleases:\n  worker: {chart: job, version: ''}\n",
        ),
        ("values/text.txt", "from a file"),
        (
            "values/api.yaml.gotmpl",
            "size: {{ .Values.size }}\nrelease: {{ .Release.Name }}\n",
        ),
        ("values/production/worker.yaml", "of: production\n"),
        ("charts/web/Chart.yaml", &chart("web")),
        ("charts/web/values.yaml", "own: true\n"),
        ("charts/web/templates/config.yaml", CONFIG),
        ("charts/web/crds/thing.yaml", CRD),
        (
            "charts/job/Chart.yaml",
            &format!(
                "{}dependencies:\n- {{name: lib, version: 1.x.x}}\n",
                chart("job")
            ),
        ),
        ("charts/job/templates/config.yaml", CONFIG),
        ("charts/job/charts/lib/Chart.yaml", &chart("lib")),
        ("charts/job/charts/lib/templates/config.yaml", CONFIG),
        (
            "sub/helmfile.yaml.gotmpl",
            "environments:\n  staging: {}\n  production: {}\n---\nreleases:\n- name: below\n  namespace: shop\n  chart: ../charts/web\n  \
             labels: {tier: back}\n  values: [{size: {{ .Values.size }}}]\n",
        ),
        ("unrelated.yaml", "a: 1\n"),
    ])
}

#[test]
fn a_helmfile_has_the_releases_that_helmfile_lists() {
    let Some(fixture) = whole() else {
        return;
    };
    let renderer = fixture.renderer();
    let (layout, _, _) = fixture.layout(&renderer);
    assert_eq!(
        table(&layout),
        [
            "staging/api: shop ./charts/web 1.2.3",
            "staging/below: shop ../charts/web -",
            "production/api: shop ./charts/web 1.2.3",
            "production/below: shop ../charts/web -",
            "production/sometimes: other ./charts/web -",
            "production/worker: shop ./charts/job -",
        ],
        "{:?}",
        layout.notes
    );
    assert_eq!(layout.notes, [] as [String; 0]);
    let names = |path: &str| -> Vec<String> {
        let touched = layout.apps_touched(&[path]);
        let apps = touched.iter().map(|index| &layout.apps[*index]);
        apps.map(|app| format!("{}/{}", app.environment, app.name))
            .collect()
    };
    assert_eq!(names("unrelated.yaml"), [] as [&str; 0]);
    assert!(names("values/production/worker.yaml").contains(&"production/worker".to_owned()));
    assert!(!names("values/production/worker.yaml").contains(&"staging/api".to_owned()));
    assert!(names("charts/web/templates/config.yaml").contains(&"staging/below".to_owned()));
}

#[test]
fn releases_are_rendered_as_helmfile_does() {
    let Some(fixture) = whole() else {
        return;
    };
    let (_, rendered) = fixture.rendered();
    for environment in ["staging", "production"] {
        let expected = fixture.by_hand("helmfile.yaml.gotmpl", environment);
        assert!(expected.len() > 2, "{expected:?}");
        assert_eq!(ours(&rendered, environment), expected, "{environment}");
    }
    let (_, api) = &rendered[0];
    let traced: Vec<String> = api
        .objects
        .iter()
        .filter_map(|object| Some(object.source.as_ref()?.path.to_string()))
        .collect();
    assert_eq!(
        traced,
        [
            "charts/web/crds/thing.yaml",
            "charts/web/templates/config.yaml"
        ]
    );
}

#[test]
fn patches_plain_helmfiles_and_directories_are_rendered_as_helmfile_does() {
    let Some(fixture) = Fixture::new(&[
        (
            "helmfile.d/01-plain.yaml",
            "namespace: all\nreleases:\n- name: web\n  namespace: ignored\n  chart: ../charts/web\n  values: [../values.yaml]\n",
        ),
        (
            "helmfile.d/02-patched.yaml",
            "releases:\n- name: patched\n  namespace: shop\n  chart: ../charts/web\n  strategicMergePatches:\n  - apiVersion: v1\n    \
             kind: ConfigMap\n    metadata: {name: patched-web, namespace: shop}\n    data: {patched: 'yes'}\n\
             - name: objects\n  namespace: shop\n  chart: ../plain\n",
        ),
        ("values.yaml", "a: 1\n"),
        ("charts/web/Chart.yaml", &chart("web")),
        ("charts/web/templates/config.yaml", CONFIG),
        (
            "plain/kustomization.yaml",
            "resources: [config.yaml]\nnamePrefix: pre-\n",
        ),
        (
            "plain/config.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: b}\n",
        ),
    ]) else {
        return;
    };
    let (layout, rendered) = fixture.rendered();
    let rendered: Vec<(App, Rendering)> = rendered
        .into_iter()
        .filter(|(app, _)| app.recipe.roots[0].starts_with(b"helmfile.d"))
        .collect();
    assert_eq!(rendered.len(), 3, "{layout:?}");
    let mut expected = fixture.by_hand("helmfile.d/01-plain.yaml", "default");
    expected.extend(fixture.by_hand("helmfile.d/02-patched.yaml", "default"));
    assert_eq!(ours(&rendered, "default"), sorted(expected));
}

/// Where helmfile fails, what can be read in the file is shown, with why helmfile failed.
#[test]
fn a_helmfile_that_needs_more_is_read_without_helmfile() {
    let Some(fixture) = Fixture::new(&[(
        "helmfile.yaml.gotmpl",
        "environments:\n  dev: {values: [{installed: true}]}\n  prod: {}\n---\nreleases:\n\
         - name: web\n  namespace: shop\n  chart: ./web\n  installed: {{ .Values.installed }}\n",
    )]) else {
        return;
    };
    let (layout, _, _) = fixture.layout(&fixture.renderer());
    assert_eq!(
        table(&layout),
        ["dev/web: shop ./web -", "prod/web: shop ./web -"]
    );
    let [note] = layout.notes.as_slice() else {
        panic!("{:?}", layout.notes);
    };
    let expected = "helmfile.yaml.gotmpl, environment prod: it needs values that are given to it from elsewhere: ";
    assert!(note.starts_with(expected), "{note}");
}

/// Before helmfile 1.0, `helmfile.yaml` was a template.
#[test]
fn old_helmfiles_are_read_as_they_were_meant() {
    let files: [(&str, &str); 7] = [
        (
            "helmfile.yaml",
            "bases:\n- \"environments.yaml\"\n---\nreleases:\n{{ range list \"a\" \"b\" }}\n- name: {{ . }}\n  namespace: shop\n  \
             chart: ./web\n{{ end }}\nhelmfiles:\n- path: sub/old.yaml\n",
        ),
        (
            "environments.yaml",
            "environments:\n  dev:\n    values:\n    - x: {{ add 1 2 }}\n  prod: {}\n",
        ),
        (
            "sub/old.yaml",
            "environments: {dev: {}}\n---\nreleases:\n- name: sub\n  namespace: {{ .Environment.Name }}\n  chart: ../web\n",
        ),
        (
            "web/Chart.yaml",
            "apiVersion: v2\nname: web\nversion: 1.2.3\n",
        ),
        ("web/templates/config.yaml", CONFIG),
        ("other.yaml", "a: {{ b }}\n"),
        ("README.md", "releases:\n"),
    ];
    let Some(old) = Fixture::new(&files) else {
        return;
    };
    // The same, as it is written for helmfile 1.
    let new = files.map(|(path, text)| match path {
        "helmfile.yaml" | "environments.yaml" | "sub/old.yaml" => (
            format!("{path}.gotmpl"),
            text.replace("environments.yaml", "environments.yaml.gotmpl")
                .replace("old.yaml", "old.yaml.gotmpl"),
        ),
        _ => (path.to_owned(), text.to_owned()),
    });
    let new: Vec<(&str, &str)> = new
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    let new = Fixture::new(&new).expect("tools");
    new.tree();
    let (layout, rendered) = old.rendered();
    assert_eq!(
        table(&layout),
        [
            "dev/a: shop ./web -",
            "dev/b: shop ./web -",
            "dev/sub: dev ../web -",
            "prod/a: shop ./web -",
            "prod/b: shop ./web -",
        ],
        "{:?}",
        layout.notes
    );
    for environment in ["dev", "prod"] {
        let expected = new.by_hand("helmfile.yaml.gotmpl", environment);
        assert_eq!(ours(&rendered, environment), expected);
    }
}

/// Whatever a helmfile tries, no program is started, nothing outside of the repository is read, and nothing is written.
#[test]
fn a_hostile_helmfile_runs_nothing_and_reads_nothing_outside() {
    let outside = tempfile::tempdir().expect("directory");
    let place = |name: &str| outside.path().join(name);
    std::fs::write(place("secret.yaml"), "canary: canary-value\n").expect("file");
    let program = place("program");
    let ran = place("ran");
    std::fs::write(
        &program,
        format!("#!/bin/sh\necho canary-value\ntouch {}\n", ran.display()),
    )
    .expect("file");
    make_executable(&program);
    let (program, secret) = (
        program.display().to_string(),
        place("secret.yaml").display().to_string(),
    );
    let (touched, upward) = (ran.display().to_string(), "../".repeat(40));
    let release = "- name: web\n  namespace: shop\n  chart: ./web\n";
    let mut hostile: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, text: String| hostile.push((name.to_owned(), text));
    for event in ["prepare", "presync", "postsync", "cleanup"] {
        for (command, args) in [
            (program.as_str(), "[]".to_owned()),
            ("./mine", "[]".to_owned()),
            ("/bin/sh", format!("[-c, 'touch {touched}']")),
            ("touch", format!("['{touched}']")),
            ("/usr/bin/touch", format!("['{touched}']")),
            (
                "/lib64/ld-linux-x86-64.so.2",
                format!("[/usr/bin/touch, '{touched}']"),
            ),
        ] {
            let hook = format!(
                "  - events: ['{event}']\n    showlogs: true\n    command: '{command}'\n    args: {args}\n"
            );
            if command == program || event == "prepare" {
                add(event, format!("releases:\n{release}  hooks:\n{hook}"));
                add(
                    event,
                    format!(
                        "hooks:\n{}releases:\n{release}",
                        hook.replace("\n  ", "\n").replacen("  -", "-", 1)
                    ),
                );
            }
        }
    }
    for call in [
        format!("exec \"{program}\" (list)"),
        format!("exec \"/bin/sh\" (list \"-c\" \"touch {touched}\")"),
        "exec \"./mine\" (list)".to_owned(),
        format!("envExec (dict) \"{program}\" (list)"),
        format!("readFile \"{secret}\""),
        format!("readFile \"{upward}{secret}\""),
        format!("readDir \"{}\" | toJson", outside.path().display()),
        "env \"GITOPSY_CANARY\"".to_owned(),
        "requiredEnv \"GITOPSY_CANARY\"".to_owned(),
        "env \"HOME\" | replace \"/\" \"-\"".to_owned(),
        format!("fetchSecretValue \"ref+file://{secret}\""),
        format!("tpl (readFile \"{secret}\") ."),
    ] {
        add(
            &call,
            format!("releases:\n{release}  values:\n  - a: {{{{ {call} | quote }}}}\n"),
        );
        add(&call, format!("# {{{{ {call} }}}}\nreleases:\n{release}"));
    }
    for line in [
        format!("helmBinary: {program}"),
        "helmBinary: ./mine".to_owned(),
        format!("kustomizeBinary: {program}"),
        format!("helmDefaults: {{postRenderer: '{program}'}}"),
        format!(
            "helmDefaults: {{postRenderer: /bin/sh, postRendererArgs: ['-c', 'touch {touched}']}}"
        ),
        format!("helmDefaults: {{args: ['--post-renderer={program}']}}"),
        format!(
            "helmDefaults: {{args: ['--output-dir={}']}}",
            outside.path().display()
        ),
        "bases: ['git::https://127.0.0.1/a/b.git@x.yaml?ref=v1']".to_owned(),
        format!(
            "bases: ['git::file://{}@secret.yaml']",
            outside.path().display()
        ),
        format!("bases: ['{secret}']"),
        "helmfiles: [{path: 'git::https://127.0.0.1/a/b.git@x.yaml?ref=v1'}]".to_owned(),
        "helmfiles: [{path: 'https://127.0.0.1/x.yaml'}]".to_owned(),
        format!("environments: {{default: {{values: ['{secret}', '{upward}{secret}']}}}}"),
        format!("environments: {{default: {{values: [{{x: 'ref+file://{secret}'}}]}}}}"),
        format!("environments: {{default: {{secrets: ['{secret}']}}}}"),
    ] {
        add(
            &line,
            format!(
                "{line}\n---\nreleases:\n{release}  values: [{{all: {{{{ .Values | toJson | quote }}}}}}]\n"
            ),
        );
    }
    for line in [
        format!("values: ['{secret}']"),
        format!("values: ['{upward}{secret}']"),
        format!("values: [{{a: 'ref+file://{secret}'}}]"),
        format!("secrets: ['{secret}']"),
        format!("set: [{{name: a, file: '{secret}'}}]"),
        format!("postRenderer: '{program}'"),
        format!("strategicMergePatches: ['{secret}']"),
        "transformers: [{apiVersion: v1, kind: Evil, metadata: {name: x, annotations: {config.kubernetes.io/function: \
         '{exec: {path: ./mine}}'}}}]"
            .to_owned(),
        format!("missingFileHandler: Debug\n  values: ['{secret}']"),
    ] {
        add(&line, format!("releases:\n{release}  {line}\n"));
    }
    add(
        "chart",
        format!(
            "releases:\n- {{name: web, namespace: shop, chart: {}}}\n",
            outside.path().display()
        ),
    );
    add(
        "chart",
        format!(
            "releases:\n- {{name: web, namespace: shop, chart: {upward}{}}}\n",
            outside.path().display()
        ),
    );
    std::fs::create_dir(place("templates")).expect("directory");
    std::fs::write(place("Chart.yaml"), chart("outside")).expect("file");
    std::fs::write(
        place("templates/x.yaml"),
        CONFIG.replace("values:", "canary-value:"),
    )
    .expect("file");
    let before = support::Footprint::of(outside.path());
    let Some(fixture) = Fixture::new(&[
        ("web/Chart.yaml", &chart("web")),
        ("web/templates/config.yaml", CONFIG),
        (
            "mine",
            &format!("#!/bin/sh\necho canary-value\ntouch {touched}\n"),
        ),
    ]) else {
        return;
    };
    make_executable(&fixture.repo.path.join("mine"));
    for (name, text) in &hostile {
        fixture.repo.write("helmfile.yaml.gotmpl", text);
        let renderer = fixture.renderer();
        let (layout, reader, tree) = fixture.layout(&renderer);
        let mut shown = format!("{layout:?}");
        for app in &layout.apps {
            let rendering = renderer
                .render(&reader, tree, &app.recipe)
                .expect("rendering");
            shown.push_str(&format!("{:?}", rendering.objects));
            // What a message says of where it looked is no content.
            shown.push_str(&format!("{:?}", rendering.how));
        }
        assert!(!shown.contains("canary-value"), "{name}: {text}\n{shown}");
        assert!(
            !layout.apps.is_empty() || !layout.notes.is_empty(),
            "{name}: {text}"
        );
        assert!(
            support::Footprint::of(outside.path()) == before,
            "{name}: {text}"
        );
    }
}

/// A loader starts any program that it can read, so none is where it could.
#[test]
fn a_program_in_the_repository_keeps_helmfile_from_running() {
    let Some(fixture) = Fixture::new(&[
        (
            "helmfile.yaml",
            "releases:\n- {name: web, namespace: shop, chart: ./web}\n",
        ),
        ("web/Chart.yaml", &chart("web")),
        ("web/templates/config.yaml", CONFIG),
        ("web/program", "\u{7f}ELF\u{2}\n"),
    ]) else {
        return;
    };
    let (_, rendered) = fixture.rendered();
    let shown = format!("{:?}", rendered[0].1.how);
    assert!(
        shown.contains("web/program, which holds a program"),
        "{shown}"
    );
}

#[test]
fn what_helmfile_may_not_do_is_said_of_each_release() {
    let Some(fixture) = Fixture::new(&[
        (
            "helmfile.yaml.gotmpl",
            "repositories:\n- {name: far, url: https://charts.example.com}\nreleases:\n\
             - name: hooked\n  chart: ./web\n  hooks:\n  - {events: [prepare], command: ./make-chart}\n\
             - name: synced\n  chart: ./web\n  hooks:\n  - {events: [presync], command: ./wait}\n\
             - name: hooked\n  namespace: other\n  chart: ./web\n\
             - {name: far, chart: far/redis, version: 17.x}\n\
             - {name: registry, chart: 'oci://registry.example.com/a/redis', version: 1.2.3}\n\
             - {name: getter, chart: 'git::https://example.com/a.git@chart?ref=v1'}\n",
        ),
        ("web/Chart.yaml", &chart("web")),
        ("web/templates/config.yaml", CONFIG),
    ]) else {
        return;
    };
    let (_, rendered) = fixture.rendered();
    let whys: BTreeMap<&str, &How> = rendered
        .iter()
        .map(|(app, rendering)| (app.name.as_str(), &rendering.how))
        .collect();
    for (name, expected) in [
        ("hooked", "it has a hook, a program that is not run here"),
        (
            "far",
            "its chart is not in this repository, redis 17.x from https://charts.example.com: `--allow-network` fetches it",
        ),
        (
            "registry",
            "redis 1.2.3 from oci://registry.example.com/a/redis: `--allow-network` fetches it",
        ),
        ("getter", "is not fetched: no chart repository has it"),
    ] {
        let how = whys[name];
        assert!(
            matches!(how, How::Sources { why } if why.contains(expected)),
            "{name}: {how:?}"
        );
    }
    // This hook is none of `helmfile template`'s.
    assert!(
        matches!(whys["synced"], How::Tool { .. }),
        "{:?}",
        whys["synced"]
    );
}

#[cfg(unix)]
fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("permissions");
}
