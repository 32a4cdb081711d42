//! What Flux and Argo CD add to a kustomization, against `flux build kustomization` and `kustomize edit` run by hand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use gitopsy::git::{Repo, RepoPath};
use gitopsy::manifest::Masking;
use gitopsy::render::{
    Additions, How, Image, Labels, Metadata, Patch, Recipe, Renderer, Rendering, Rules,
    Substitution, Tool,
};
use serde_json::Value;
use tempfile::TempDir;

use support::TestRepo;

struct Fixture {
    repo: TestRepo,
    directory: TempDir,
}

impl Fixture {
    fn new(files: &[(&str, &str)]) -> Fixture {
        let directory = tempfile::tempdir().expect("directory");
        let repo = TestRepo::init(&directory.path().join("repo"));
        for (path, content) in files {
            repo.write(path, content);
        }
        repo.commit("All");
        Fixture { repo, directory }
    }

    fn render(&self, root: &str, additions: &Additions) -> Arc<Rendering> {
        let state = self.directory.path().join("state");
        let repo = Repo::open(&self.repo.path, &state).expect("repository");
        let reader = repo.reader();
        let commit = reader.resolve("HEAD").expect("commit");
        let recipe = Recipe {
            tool: Tool::Kustomize(Box::new(additions.clone())),
            roots: vec![RepoPath::from(root)],
            closure: Vec::new(),
            namespace: None,
        };
        Renderer::new(Masking::new([7; 32]))
            .render(&reader, reader.tree_of(commit).expect("tree"), &recipe)
            .expect("rendering")
    }

    fn checkout(&self) -> PathBuf {
        let checkout = self.directory.path().join("checkout");
        self.repo.cloned(&checkout, &[]);
        checkout
    }

    /// What `flux build kustomization` prints for this Kustomization's `spec`.
    fn by_flux(&self, root: &str, spec: &str) -> Option<BTreeMap<String, Value>> {
        let flux = support::tools::flux()?;
        let object = self.directory.path().join("flux.yaml");
        let text = format!(
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: app, namespace: flux-system}}\n\
             spec:\n  interval: 1m\n  prune: true\n  path: ./{root}\n  sourceRef: {{kind: GitRepository, name: app}}\n{spec}"
        );
        std::fs::write(&object, text).expect("file");
        let output = Command::new(flux)
            .args([
                "build",
                "kustomization",
                "app",
                "--namespace",
                "flux-system",
                "--dry-run",
            ])
            .arg("--path")
            .arg(self.checkout().join(root))
            .arg("--kustomization-file")
            .arg(object)
            .env_clear()
            .env("HOME", self.directory.path())
            .output()
            .expect("flux runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        Some(objects(&output.stdout))
    }
}

fn objects(output: &[u8]) -> BTreeMap<String, Value> {
    let text = String::from_utf8_lossy(output);
    let mut objects = BTreeMap::new();
    for part in text.split("\n---\n") {
        let value: Value = serde_yaml::from_str(part).expect("YAML");
        if value.is_null() {
            continue;
        }
        let name = |keys: &str| {
            value
                .pointer(keys)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let key = [
            name("/kind"),
            name("/metadata/namespace"),
            name("/metadata/name"),
        ]
        .join("/");
        assert_eq!(objects.insert(key, value), None);
    }
    objects
}

fn ours(rendering: &Rendering) -> BTreeMap<String, Value> {
    assert!(
        matches!(rendering.how, How::Tool { .. }),
        "{:?}",
        rendering.how
    );
    rendering
        .objects
        .iter()
        .map(|rendered| {
            let id = &rendered.object.id;
            let key = [
                id.kind.as_str(),
                id.namespace.as_deref().unwrap_or_default(),
                &id.name,
            ]
            .join("/");
            (key, serde_json::to_value(&rendered.object).expect("JSON"))
        })
        .collect()
}

/// `flux build` marks what it builds for its own diff.
fn without_marks(mut objects: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    for object in objects.values_mut() {
        let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else {
            continue;
        };
        for (field, prefix) in [
            ("labels", "kustomize.toolkit.fluxcd.io/name"),
            ("labels", "kustomize.toolkit.fluxcd.io/namespace"),
        ] {
            if let Some(Value::Object(map)) = metadata.get_mut(field) {
                map.remove(prefix);
                if map.is_empty() {
                    metadata.remove(field);
                }
            }
        }
    }
    objects
}

const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\nspec:\n  replicas: 1\n  \
    selector: {matchLabels: {app: api}}\n  template:\n    metadata: {labels: {app: api}}\n    spec:\n      containers:\n      \
    - {name: api, image: registry/api:1.0}\n      - {name: side, image: side:2}\n";

#[test]
fn flux_parameters_are_added_as_flux_adds_them() {
    let fixture = Fixture::new(&[
        ("base/kustomization.yaml", "resources: [api.yaml]\n"),
        ("base/api.yaml", DEPLOYMENT),
        ("common/values.txt", "x: ${cluster}\n"),
        (
            "parts/label/kustomization.yaml",
            "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\ncommonAnnotations: {part: yes-it-is}\n",
        ),
        (
            "apps/kustomization.yaml",
            "resources: [../base, secret.yaml, plain.yaml]\nnamePrefix: old-\nimages:\n- {name: registry/api, newTag: '1.1', newName: other/api}\n\
             - {name: side, newTag: '3'}\nconfigMapGenerator:\n- name: generated\n  files: [../common/values.txt]\n",
        ),
        (
            "apps/secret.yaml",
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: ${cluster}\nstringData: {}\n",
        ),
        (
            "apps/plain.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: plain\n  annotations: {kustomize.toolkit.fluxcd.io/substitute: disabled}\ndata: {a: '${cluster}'}\n",
        ),
    ]);
    let additions = Additions {
        rules: Rules::Flux,
        generate: true,
        namespace: Some("shop".to_owned()),
        name_prefix: Some("new-".to_owned()),
        name_suffix: Some("-v1".to_owned()),
        images: vec![
            Image {
                name: "registry/api".to_owned(),
                new_tag: Some("2.0".to_owned()),
                ..Image::default()
            },
            Image {
                name: "side".to_owned(),
                digest: Some(
                    "sha256:24a0c4b4a4c0eb97a1aabb8e29f18e917d05abfe1b7a7c07857230879ce7d3d3"
                        .to_owned(),
                ),
                ..Image::default()
            },
        ],
        patches: vec![Patch {
            patch: "- op: replace\n  path: /spec/replicas\n  value: 4\n".to_owned(),
            target: Some("{kind: Deployment, name: api}".to_owned()),
            ..Patch::default()
        }],
        components: vec!["../parts/label".to_owned()],
        metadata: Metadata {
            labels: BTreeMap::from([("team".to_owned(), "a".to_owned())]),
            annotations: BTreeMap::from([("note".to_owned(), "b".to_owned())]),
        },
        substitute: Some(Substitution {
            variables: BTreeMap::from([("cluster".to_owned(), "east".to_owned())]),
            ..Substitution::default()
        }),
        ..Additions::default()
    };
    let rendering = fixture.render("apps", &additions);
    let found = ours(&rendering);
    assert!(
        found.contains_key("ConfigMap/shop/new-plain-v1"),
        "{found:#?}"
    );
    let spec = "  targetNamespace: shop\n  namePrefix: new-\n  nameSuffix: -v1\n  images:\n  - {name: registry/api, newTag: '2.0'}\n  \
        - {name: side, digest: 'sha256:24a0c4b4a4c0eb97a1aabb8e29f18e917d05abfe1b7a7c07857230879ce7d3d3'}\n  patches:\n  - target: {kind: Deployment, name: api}\n    \
        patch: |\n      - op: replace\n        path: /spec/replicas\n        value: 4\n  components: [../parts/label]\n  \
        commonMetadata: {labels: {team: a}, annotations: {note: b}}\n  postBuild: {substitute: {cluster: east}}\n";
    if let Some(expected) = fixture.by_flux("apps", spec) {
        assert_eq!(found, without_marks(expected));
    }
}

#[test]
fn without_a_kustomization_file_flux_takes_every_manifest() {
    let fixture = Fixture::new(&[
        (
            "apps/a.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
        ),
        (
            "apps/deep/down/b.yml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n",
        ),
        (
            "apps/built/kustomization.yaml",
            "namePrefix: built-\nresources: [c.yaml]\n",
        ),
        (
            "apps/built/c.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n",
        ),
        (
            "apps/built/not-named.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: no}\n",
        ),
        ("apps/README.md", "# text\n"),
        ("apps/empty.yaml", "# nothing\n"),
        ("apps/d.json", "{}"),
    ]);
    let additions = Additions {
        rules: Rules::Flux,
        generate: true,
        ..Additions::default()
    };
    let found = ours(&fixture.render("apps", &additions));
    let names: Vec<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["ConfigMap//a", "ConfigMap//b", "ConfigMap//built-c"]
    );
    if let Some(expected) = fixture.by_flux("apps", "") {
        assert_eq!(found, without_marks(expected));
    }
    // Somebody who builds by hand has no such file.
    let by_hand = fixture.render("apps", &Additions::default());
    let How::Sources { why } = &by_hand.how else {
        panic!("{:?}", by_hand.how);
    };
    assert!(why.contains("no kustomization file"), "{why}");
}

#[test]
fn argo_cd_parameters_are_added_as_kustomize_edit_does() {
    let files = [
        ("base/kustomization.yaml", "resources: [api.yaml]\n"),
        ("base/api.yaml", DEPLOYMENT),
        (
            "parts/kustomization.yaml",
            "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\ncommonAnnotations: {part: one}\n",
        ),
        (
            "app/kustomization.yaml",
            "resources: [../base]\nnamePrefix: old-\nimages:\n- {name: registry/api, newTag: '1.1', newName: other/api}\n\
             - {name: side, newTag: '3'}\nreplicas:\n- {name: api, count: 2}\nlabels:\n- pairs: {here: before}\n",
        ),
    ];
    let text = |text: &str| Some(text.to_owned());
    for (without_selectors, in_templates, flags) in [
        (false, false, vec![]),
        (true, false, vec!["--without-selector"]),
        (
            true,
            true,
            vec!["--without-selector", "--include-templates"],
        ),
    ] {
        let fixture = Fixture::new(&files);
        let additions = Additions {
            rules: Rules::ArgoCd,
            namespace: text("shop"),
            name_prefix: text("new-"),
            name_suffix: text("-v1"),
            images: vec![
                Image {
                    name: "registry/api".to_owned(),
                    new_tag: text("2.0"),
                    ..Image::default()
                },
                Image {
                    name: "side".to_owned(),
                    new_name: text("*"),
                    new_tag: text("*"),
                    ..Image::default()
                },
            ],
            replicas: vec![("api".to_owned(), 5)],
            components: vec!["../parts".to_owned()],
            labels: Labels {
                pairs: BTreeMap::from([("team".to_owned(), "a".to_owned())]),
                without_selectors,
                in_templates,
                force: false,
            },
            annotations: BTreeMap::from([("note".to_owned(), "b".to_owned())]),
            ..Additions::default()
        };
        let found = ours(&fixture.render("app", &additions));
        let Some(kustomize) = support::tools::kustomize() else {
            return;
        };
        let directory = fixture.checkout().join("app");
        let label: Vec<&str> = ["edit", "add", "label"]
            .into_iter()
            .chain(flags)
            .chain(["team:a"])
            .collect();
        for arguments in [
            ["edit", "set", "nameprefix", "--", "new-"].as_slice(),
            &["edit", "set", "namesuffix", "--", "-v1"],
            &["edit", "set", "image", "registry/api:2.0", "side=*:*"],
            &["edit", "set", "replicas", "api=5"],
            &label,
            &["edit", "add", "annotation", "note:b"],
            &["edit", "set", "namespace", "--", "shop"],
            &["edit", "add", "component", "../parts"],
        ] {
            run(&kustomize, arguments, &directory);
        }
        assert_eq!(found, objects(&run(&kustomize, &["build"], &directory)));
    }
}

#[test]
fn a_label_that_is_there_already_is_not_overwritten_unasked() {
    let fixture = Fixture::new(&[
        (
            "kustomization.yaml",
            "resources: [api.yaml]\ncommonLabels: {team: before}\n",
        ),
        ("api.yaml", DEPLOYMENT),
    ]);
    let mut additions = Additions {
        rules: Rules::ArgoCd,
        labels: Labels {
            pairs: BTreeMap::from([("team".to_owned(), "after".to_owned())]),
            ..Labels::default()
        },
        ..Additions::default()
    };
    let refused = fixture.render("", &additions);
    assert!(
        matches!(&refused.how, How::Sources { why } if why.contains("label team")),
        "{:?}",
        refused.how
    );
    additions.labels.force = true;
    let forced = ours(&fixture.render("", &additions));
    let label = forced["Deployment//api"].pointer("/metadata/labels/team");
    assert_eq!(label, Some(&"after".into()));
}

/// Whatever a hostile kustomization calls the field, nothing beside the repository is read.
#[test]
fn reading_beside_the_kustomization_never_leaves_the_repository() {
    let outside = tempfile::tempdir().expect("directory");
    let secret = outside.path().join("outside.txt");
    std::fs::write(&secret, "canary-value").expect("file");
    let absolute = secret.display().to_string();
    let upward = format!("{}{absolute}", "../".repeat(40).trim_end_matches('/'));
    let tricky = format!("a\\n/..{}{absolute}", "/..".repeat(40));
    let generator =
        "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: g}\nfiles: ['PATH']\n";
    let additions = Additions {
        rules: Rules::Flux,
        generate: true,
        ..Additions::default()
    };
    for path in [&absolute, &upward, &tricky, &format!("k={absolute}")] {
        for kustomization in [
            "configMapGenerator:\n- name: g\n  files: [\"PATH\"]\n",
            "configmapgenerator:\n- name: g\n  files: [\"PATH\"]\n",
            "x: &x {configMapGenerator: [{name: g, files: [\"PATH\"]}]}\n<<: *x\n",
            "generators: [gen.yaml]\n",
            "resources: [\"PATH\"]\n",
            "configMapGenerator:\n- name: g\n  envs: [\"PATH\"]\n",
        ] {
            let fixture = Fixture::new(&[
                (
                    "app/kustomization.yaml",
                    &kustomization.replace("PATH", path),
                ),
                ("app/gen.yaml", &generator.replace("PATH", path)),
            ]);
            let rendering = fixture.render("app", &additions);
            let shown = format!("{rendering:?}");
            assert!(
                !shown.contains("canary-value"),
                "{kustomization} {path}: {shown}"
            );
        }
    }
}

fn run(program: &Path, arguments: &[&str], directory: &Path) -> Vec<u8> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .env("HOME", directory)
        .output()
        .expect("the tool runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    output.stdout
}
