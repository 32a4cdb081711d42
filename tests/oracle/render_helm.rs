//! Charts in the repository, against `helm template` run by hand on a checkout, and what a hostile chart gets.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use gitopsy::git::{Repo, RepoPath};
use gitopsy::manifest::Masking;
use gitopsy::render::{Chart, Helm, How, Recipe, Renderer, Rendering, Tool, Values};
use serde_json::Value;
use tempfile::TempDir;

use support::TestRepo;

struct Fixture {
    repo: TestRepo,
    directory: TempDir,
    helm: PathBuf,
}

impl Fixture {
    /// `None` where there is no helm.
    fn new(files: &[(&str, &str)]) -> Option<Fixture> {
        let helm = support::tools::helm()?;
        let directory = tempfile::tempdir().expect("directory");
        let repo = TestRepo::init(&directory.path().join("repo"));
        for (path, content) in files {
            repo.write(path, content);
        }
        Some(Fixture {
            repo,
            directory,
            helm,
        })
    }

    fn renderer(&self) -> Renderer {
        let tools = self.helm.parent().expect("a directory");
        Renderer::new(Masking::new([7; 32])).with_tools_in(tools)
    }

    fn render(&self, helm: &Helm) -> Arc<Rendering> {
        self.render_by(&self.renderer(), helm)
    }

    fn render_by(&self, renderer: &Renderer, helm: &Helm) -> Arc<Rendering> {
        self.repo.git(&["add", "-A"]);
        self.repo.commit("All");
        let state = self.directory.path().join("state");
        let repo = Repo::open(&self.repo.path, &state).expect("repository");
        let reader = repo.reader();
        let commit = reader.resolve("HEAD").expect("commit");
        let recipe = Recipe {
            tool: Tool::Helm(Box::new(helm.clone())),
            roots: vec![RepoPath::from("chart")],
            closure: Vec::new(),
            namespace: Some("shop".to_owned()),
        };
        renderer
            .render(&reader, reader.tree_of(commit).expect("tree"), &recipe)
            .expect("rendering")
    }

    fn by_hand(&self, arguments: &[&str], directory: &Path) -> Vec<u8> {
        let output = Command::new(&self.helm)
            .args(arguments)
            .current_dir(directory)
            .env_clear()
            .env("HOME", self.directory.path())
            .output()
            .expect("helm runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        output.stdout
    }

    fn checkout(&self) -> PathBuf {
        let checkout = self.directory.path().join("checkout");
        self.repo.cloned(&checkout, &[]);
        checkout
    }
}

fn helm(chart: &str) -> Helm {
    Helm {
        release: "web".to_owned(),
        chart: Chart::Local(RepoPath::from(chart)),
        value_files: Vec::new(),
        values: Vec::new(),
        parameters: Vec::new(),
        skip_crds: false,
        kube_version: None,
        api_versions: Vec::new(),
        skip_schema_validation: false,
    }
}

/// Kind and name → object, and the file named for it.
fn ours(rendering: &Rendering) -> BTreeMap<String, (Value, String)> {
    assert!(
        matches!(&rendering.how, How::Tool { name, .. } if name == "helm"),
        "{:?}",
        rendering.how
    );
    rendering
        .objects
        .iter()
        .map(|rendered| {
            let source = rendered.source.as_ref();
            let file = source.map_or(String::new(), |source| source.path.to_string());
            (
                rendered.object.id.to_string(),
                (serde_json::to_value(&rendered.object).expect("JSON"), file),
            )
        })
        .collect()
}

fn printed(output: &[u8]) -> BTreeMap<String, Value> {
    let text = String::from_utf8_lossy(output);
    let mut objects = BTreeMap::new();
    for part in format!("\n{text}").split("\n---\n") {
        let value: Value = serde_yaml::from_str(part).expect("YAML");
        if value.is_null() {
            continue;
        }
        let key = format!(
            "{}/{}",
            value["kind"].as_str().unwrap_or_default(),
            value["metadata"]["name"].as_str().unwrap_or_default()
        );
        assert_eq!(objects.insert(key, value), None);
    }
    objects
}

fn without_files(found: &BTreeMap<String, (Value, String)>) -> BTreeMap<String, Value> {
    let objects = found.iter();
    objects
        .map(|(key, (object, _))| (key.clone(), object.clone()))
        .collect()
}

fn chart(name: &str, rest: &str) -> String {
    format!("apiVersion: v2\nname: {name}\nversion: 1.2.3\n{rest}")
}

const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-{{ .Chart.Name }}\n  \
    namespace: {{ .Release.Namespace }}\ndata:\n  values: {{ toJson .Values | quote }}\n";
const CRD: &str = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: things.example.com}\n";

#[test]
fn a_chart_is_rendered_with_its_values_and_traced_to_its_templates() {
    let Some(fixture) = Fixture::new(&[
        (
            "chart/Chart.yaml",
            &chart(
                "shop",
                "dependencies:\n- {name: db, version: 1.x.x, repository: https://charts.example.com, alias: store}\n- {name: cache, version: 1.x.x, repository: 'file://../cache'}\n",
            ),
        ),
        ("chart/values.yaml", "a: 1\nlist: [1]\n"),
        ("chart/templates/config.yaml", CONFIG),
        (
            "chart/templates/tests/test.yaml",
            "apiVersion: v1\nkind: Pod\nmetadata: {name: test, annotations: {helm.sh/hook: test}}\n",
        ),
        (
            "chart/templates/two.yaml",
            "apiVersion: v1\nkind: Service\nmetadata: {name: one}\n---\n\napiVersion: v1\nkind: Service\nmetadata: {name: two}\n",
        ),
        ("chart/crds/thing.yaml", CRD),
        ("chart/charts/db/Chart.yaml", &chart("db", "")),
        ("chart/charts/db/templates/config.yaml", CONFIG),
        ("cache/Chart.yaml", &chart("cache", "")),
        ("cache/templates/deep/config.yaml", CONFIG),
        ("envs/prod.yaml", "a: 2\nb: from-file\nstore: {size: 3}\n"),
    ]) else {
        return;
    };
    let parameters = [
        ("list", "{x,y}", false),
        ("text", "a,b", false),
        ("number", "3", false),
        ("string", "3", true),
    ];
    let rendering = fixture.render(&Helm {
        value_files: vec![RepoPath::from("envs/prod.yaml")],
        values: vec![Values::Text("b: inline\nc: {d: e}\n".to_owned())],
        parameters: parameters
            .iter()
            .map(|(name, value, text)| ((*name).to_owned(), (*value).to_owned(), *text))
            .collect(),
        ..helm("chart")
    });
    let found = ours(&rendering);
    let files: Vec<(&str, &str)> = found
        .iter()
        .map(|(key, (_, file))| (key.as_str(), file.as_str()))
        .collect();
    assert_eq!(
        files,
        [
            ("ConfigMap/web-cache", "cache/templates/deep/config.yaml"),
            ("ConfigMap/web-shop", "chart/templates/config.yaml"),
            (
                "ConfigMap/web-store",
                "chart/charts/db/templates/config.yaml"
            ),
            (
                "CustomResourceDefinition/things.example.com",
                "chart/crds/thing.yaml"
            ),
            ("Service/one", "chart/templates/two.yaml"),
            ("Service/two", "chart/templates/two.yaml"),
        ]
    );
    let checkout = fixture.checkout();
    // What `helm dependency build` would do for the one that is not there yet.
    fixture.by_hand(
        &["package", "cache", "--destination", "chart/charts"],
        &checkout,
    );
    std::fs::write(checkout.join("inline.yaml"), "b: inline\nc: {d: e}\n").expect("file");
    let output = fixture.by_hand(
        &[
            "template",
            "web",
            "chart",
            "--namespace",
            "shop",
            "--include-crds",
            "--skip-tests",
            "--values",
            "envs/prod.yaml",
            "--values",
            "inline.yaml",
            "--set",
            "list={x,y}",
            "--set",
            "text=a\\,b",
            "--set",
            "number=3",
            "--set-string",
            "string=3",
        ],
        &checkout,
    );
    assert_eq!(without_files(&found), printed(&output));
}

#[test]
fn a_packed_dependency_is_read_and_named_as_where_its_objects_come_from() {
    let Some(fixture) = Fixture::new(&[
        ("sub/Chart.yaml", &chart("sub", "")),
        ("sub/templates/config.yaml", CONFIG),
        (
            "chart/Chart.yaml",
            &chart(
                "shop",
                "dependencies:\n- {name: sub, version: '1', repository: 'oci://registry.example.com/charts'}\n",
            ),
        ),
        ("chart/charts/.keep", ""),
    ]) else {
        return;
    };
    fixture.by_hand(
        &["package", "sub", "--destination", "chart/charts"],
        &fixture.repo.path,
    );
    let found = ours(&fixture.render(&helm("chart")));
    assert_eq!(found["ConfigMap/web-sub"].1, "chart/charts/sub-1.2.3.tgz");
}

#[test]
fn what_is_not_in_the_repository_is_named() {
    let Some(fixture) = Fixture::new(&[
        (
            "chart/Chart.yaml",
            &chart(
                "shop",
                "dependencies:\n- {name: redis, version: ^17, repository: 'https://user:hunter2@charts.example.com/x'}\n",
            ),
        ),
        ("chart/templates/config.yaml", CONFIG),
        ("plain/Chart.yaml", &chart("plain", "")),
        (
            "plain/templates/bad.yaml",
            "{{ required \"say which\" .Values.missing }}\n",
        ),
        ("empty/README.md", "no chart\n"),
    ]) else {
        return;
    };
    let why = |helm: &Helm| match &fixture.render(helm).how {
        How::Sources { why } => why.clone(),
        how => panic!("{how:?}"),
    };
    let missing = why(&helm("chart"));
    assert!(
        missing.contains("redis ^17 from https://charts.example.com/x")
            && missing.contains("--allow-network"),
        "{missing}"
    );
    let remote = why(&Helm {
        chart: Chart::Remote {
            repository: "https://charts.example.com".to_owned(),
            name: "redis".to_owned(),
            version: Some("17.1".to_owned()),
        },
        ..helm("")
    });
    assert!(
        remote.contains("redis 17.1") && remote.contains("--allow-network"),
        "{remote}"
    );
    assert!(why(&helm("plain")).contains("say which"));
    assert!(why(&helm("empty")).contains("no Chart.yaml"));
    assert!(why(&helm("nowhere")).contains("no chart in nowhere"));
    let values = Helm {
        value_files: vec![RepoPath::from("gone.yaml")],
        ..helm("plain")
    };
    assert!(why(&values).contains("gone.yaml does not exist"));
}

/// A chart repository on this machine, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn a_chart_from_elsewhere_is_fetched_once_where_that_is_allowed() {
    let Some(fixture) = Fixture::new(&[
        ("remote/Chart.yaml", &chart("remote", "")),
        ("remote/templates/config.yaml", CONFIG),
        (
            "chart/Chart.yaml",
            &chart(
                "shop",
                "dependencies:\n- {name: remote, version: 1.2.3, repository: 'SERVER'}\n",
            ),
        ),
        ("chart/templates/config.yaml", CONFIG),
    ]) else {
        return;
    };
    let packed = fixture.directory.path().join("packed");
    std::fs::create_dir(&packed).expect("directory");
    let chart_directory = fixture.repo.path.join("remote").display().to_string();
    fixture.by_hand(&["package", &chart_directory], &packed);
    fixture.by_hand(&["repo", "index", "."], &packed);

    let server = wiremock::MockServer::start().await;
    for file in ["index.yaml", "remote-1.2.3.tgz"] {
        let bytes = std::fs::read(packed.join(file)).expect("file");
        wiremock::Mock::given(wiremock::matchers::path(format!("/{file}")))
            .respond_with(wiremock::ResponseTemplate::new(200).set_body_bytes(bytes))
            .mount(&server)
            .await;
    }
    let url = server.uri();
    fixture.repo.write(
        "chart/Chart.yaml",
        chart(
            "shop",
            &format!("dependencies:\n- {{name: remote, version: 1.2.3, repository: '{url}'}}\n"),
        ),
    );
    let remote = Helm {
        chart: Chart::Remote {
            repository: url.clone(),
            name: "remote".to_owned(),
            version: Some("1.2.3".to_owned()),
        },
        ..helm("")
    };
    let kept = fixture.directory.path().join("kept");
    let render = |allowed: bool, wanted: &Helm| {
        let renderer = fixture.renderer().with_network(kept.clone(), allowed);
        fixture.render_by(&renderer, wanted)
    };
    let refused = render(false, &remote);
    assert!(
        matches!(&refused.how, How::Sources { why } if why.contains("--allow-network")),
        "{:?}",
        refused.how
    );
    assert_eq!(
        server.received_requests().await.map(|asked| asked.len()),
        Some(0)
    );

    let fetched = ours(&render(true, &remote));
    assert_eq!(fetched["ConfigMap/web-remote"].1, "");
    let asked = server.received_requests().await.map(|asked| asked.len());
    for allowed in [true, false] {
        assert_eq!(
            without_files(&ours(&render(allowed, &remote))),
            without_files(&fetched)
        );
        let with_dependency = ours(&render(allowed, &helm("chart")));
        let names: Vec<&str> = with_dependency.keys().map(String::as_str).collect();
        assert_eq!(names, ["ConfigMap/web-remote", "ConfigMap/web-shop"]);
    }
    assert_eq!(
        server.received_requests().await.map(|asked| asked.len()),
        asked,
        "asked again"
    );
}

/// Templates that want more memory than any chart needs end, and say so.
#[test]
#[cfg(target_os = "linux")]
fn a_chart_that_wants_all_the_memory_is_ended() {
    let Some(fixture) = Fixture::new(&[
        ("chart/Chart.yaml", &chart("shop", "")),
        (
            "chart/templates/bomb.yaml",
            "{{ $x := untilStep 0 2000000000 1 }}{{ len $x }}\n",
        ),
    ]) else {
        return;
    };
    let rendering = fixture.render(&helm("chart"));
    assert!(
        matches!(&rendering.how, How::Sources { .. }),
        "{:?}",
        rendering.how
    );
}

/// Nothing outside of the repository can be read by a chart, whatever it tries.
#[test]
fn a_hostile_chart_reads_nothing_outside() {
    let outside = tempfile::tempdir().expect("directory");
    let secret = outside.path().join("outside.yaml");
    std::fs::write(&secret, "canary: canary-value\n").expect("file");
    let absolute = secret.display().to_string();
    let upward = format!("{}{absolute}", "../".repeat(40).trim_end_matches('/'));
    let reading = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: x}}\ndata:\n  a: {{{{ .Files.Get {absolute:?} | quote }}}}\n  \
         b: {{{{ .Files.Get {upward:?} | quote }}}}\n  c: {{{{ (.Files.Glob \"../**\").AsConfig | quote }}}}\n  \
         d: {{{{ (lookup \"v1\" \"Secret\" \"kube-system\" \"x\") | toJson | quote }}}}\n  \
         e: {{{{ .Files.Lines {upward:?} | toJson | quote }}}}\n  \
         f: {{{{ .Files.Get \"../../outside.yaml\" | quote }}}}\n  g: {{{{ (.Files.Glob \"/**\").AsSecrets | quote }}}}\n"
    );
    let Some(fixture) = Fixture::new(&[
        ("chart/Chart.yaml", &chart("shop", "")),
        ("chart/templates/x.yaml", &reading),
    ]) else {
        return;
    };
    let found = ours(&fixture.render(&helm("chart")));
    assert_eq!(
        found["ConfigMap/x"].0["data"],
        serde_json::json!({"a": "", "b": "", "c": "{}", "d": "{}", "e": "[]", "f": "", "g": "{}"})
    );

    let schema = format!("{{\"$ref\": \"file://{absolute}\"}}");
    for (path, content) in [
        ("chart/values.schema.json", schema.as_str()),
        (
            "chart/templates/include.yaml",
            "{{ include \"/etc/passwd\" . }}",
        ),
        (
            "chart/Chart.yaml",
            &chart(
                "shop",
                &format!(
                    "dependencies:\n- {{name: out, version: '1', repository: 'file://{upward}'}}\n"
                ),
            ),
        ),
        (
            "chart/Chart.yaml",
            &chart(
                "shop",
                &format!(
                    "dependencies:\n- {{name: ../../out, version: '1', repository: 'file://{absolute}'}}\n"
                ),
            ),
        ),
    ] {
        fixture.repo.write(path, content);
        let shown = format!("{:?}", fixture.render(&helm("chart")));
        assert!(!shown.contains("canary-value"), "{path}: {shown}");
    }
    fixture.repo.write("chart/Chart.yaml", chart("shop", ""));
    for path in [
        "values.schema.json",
        "templates/include.yaml",
        "templates/x.yaml",
    ] {
        fixture.repo.remove(format!("chart/{path}"));
    }
    fixture.repo.write("chart/values.yaml", "a: b\n");
    fixture.repo.write("chart/templates/own.yaml", CONFIG);
    fixture.repo.write("values.yaml", "a: b\n");
    fixture.repo.write("chart/charts/.keep", "");
    fixture.repo.write("chart/crds/.keep", "");
    let inside = Helm {
        value_files: vec![RepoPath::from("values.yaml")],
        ..helm("chart")
    };
    let fine = fixture.render(&inside);
    assert!(matches!(fine.how, How::Tool { .. }), "{:?}", fine.how);
    let directory = outside.path().display().to_string();
    for (link, target) in [
        ("chart/templates/link.yaml", &absolute),
        ("chart/templates/again.yaml", &upward),
        ("chart/templates/link", &directory),
        ("chart/crds/link.yaml", &absolute),
        ("chart/charts/link", &directory),
        ("chart/charts/link-1.0.0.tgz", &absolute),
        ("chart/files", &directory),
        ("chart/values.schema.json", &absolute),
        ("chart/values.yaml", &upward),
        ("chart/Chart.yaml", &absolute),
        ("chart", &directory),
        ("values.yaml", &absolute),
    ] {
        let path = fixture.repo.path.join(link);
        let aside = fixture.directory.path().join("aside");
        let was_there = path.exists();
        if was_there {
            std::fs::rename(&path, &aside).expect("put aside");
        }
        std::os::unix::fs::symlink(target, &path).expect("link");
        let rendering = fixture.render(&inside);
        std::fs::remove_file(&path).expect("link");
        if was_there {
            std::fs::rename(&aside, &path).expect("put back");
        }
        let shown = format!("{rendering:?}");
        assert!(!shown.contains("canary-value"), "{link}: {shown}");
        assert!(
            matches!(&rendering.how, How::Sources { why } if why.contains("leads out") || why.contains("no chart")),
            "{link}: {:?}",
            rendering.how
        );
    }
}
