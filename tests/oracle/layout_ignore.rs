//! Which files Flux leaves out of what it applies, against `flux build kustomization --ignore-paths`.

use std::collections::BTreeSet;
use std::process::Command;

use gitopsy::git::Repo;
use gitopsy::layout::{self, Layout, Overrides};
use gitopsy::manifest::Masking;
use gitopsy::render::Renderer;
use tempfile::TempDir;

use support::TestRepo;

const FILES: [&str; 9] = [
    "web.yaml",
    "cloudbuild.yaml",
    "web.test.yaml",
    ".github/workflow.yaml",
    "tests/case.yaml",
    "tests/kept/case.yaml",
    "more/tests/case.yaml",
    "more/deep/down/web.yaml",
    "built/kustomization.yaml",
];

/// The objects of those that are left out unless something else is said.
const USUAL: [&str; 2] = ["cloudbuild", "github-workflow"];

fn map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: shop}}\n")
}

/// What a file's object is called.
fn called(path: &str) -> String {
    path.trim_start_matches('.')
        .replace(['/', '.'], "-")
        .replace("-yaml", "")
}

struct Fixture {
    repo: TestRepo,
    directory: TempDir,
}

impl Fixture {
    /// `said`: the source's `spec.ignore`.
    fn new(said: &str) -> Fixture {
        let directory = tempfile::tempdir().expect("directory");
        let repo = TestRepo::init(&directory.path().join("repo"));
        for path in FILES {
            let text = match path {
                "built/kustomization.yaml" => "resources: [inner.yml]\n".to_owned(),
                _ => map(&called(path)),
            };
            repo.write(format!("app/{path}"), text);
        }
        repo.write("app/built/inner.yml", map("built"));
        let said = match said {
            "" => String::new(),
            said => format!("  ignore: {said:?}\n"),
        };
        repo.write(
            "flux/sync.yaml",
            format!(
                "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {{name: env, namespace: flux}}\nspec:\n  \
                 url: https://example.com/acme/env\n{said}---\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n\
                 metadata: {{name: app, namespace: flux}}\nspec:\n  path: ./app\n  targetNamespace: shop\n  sourceRef: {{kind: GitRepository, name: env}}\n"
            ),
        );
        Fixture { repo, directory }
    }

    fn layout(&self) -> (Layout, BTreeSet<String>) {
        self.repo.commit("Change");
        let reader = Repo::open(&self.repo.path, &self.directory.path().join("state"))
            .expect("repository")
            .reader();
        let commit = reader.resolve("HEAD").expect("commit");
        let tree = reader.tree_of(commit).expect("tree");
        let renderer = Renderer::new(Masking::new([7; 32]));
        let layout =
            layout::detect(&reader, tree, &renderer, &Overrides::default()).expect("layout");
        let app = layout
            .apps
            .iter()
            .find(|app| app.name == "app")
            .expect("app");
        let rendering = renderer
            .render(&reader, tree, &app.recipe)
            .expect("rendering");
        let names = rendering.objects.iter();
        let names = names.map(|rendered| rendered.object.id.name.clone());
        let names = names.collect();
        (layout, names)
    }

    fn by_flux(&self, patterns: &str) -> Option<BTreeSet<String>> {
        let object = self.directory.path().join("flux.yaml");
        std::fs::write(
            &object,
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: app, namespace: flux}\nspec: \
             {interval: 1m, prune: true, path: ./app, sourceRef: {kind: GitRepository, name: env}}\n",
        )
        .expect("file");
        let checkout = tempfile::tempdir_in(self.directory.path()).expect("directory");
        let checkout = checkout.path().join("env");
        self.repo.cloned(&checkout, &[]);
        let mut command = Command::new(support::tools::flux()?);
        command
            .args([
                "build",
                "kustomization",
                "app",
                "--namespace",
                "flux",
                "--dry-run",
            ])
            .arg("--path")
            .arg(checkout.join("app"))
            .arg("--kustomization-file")
            .arg(object);
        if !patterns.is_empty() {
            command
                .arg("--ignore-paths")
                .arg(patterns.replace('\n', ","));
        }
        let output = command
            .env_clear()
            .env("HOME", self.directory.path())
            .output()
            .expect("flux runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let names = text
            .lines()
            .filter_map(|line| line.strip_prefix("  name: "));
        Some(names.map(str::to_owned).collect())
    }
}

#[test]
fn what_is_left_out_is_what_flux_leaves_out() {
    for patterns in [
        "tests/",
        "/tests/",
        "*.test.yaml",
        "/*\n!/more",
        "/*\n!/more\n/more/tests/*.yaml",
        "tests/\n!tests/kept/",
        "**/deep",
        "more/**/web.yaml",
        "more/*",
    ] {
        let fixture = Fixture::new("");
        fixture.repo.write("app/.sourceignore", patterns);
        let (layout, mut ours) = fixture.layout();
        // `flux build` adds patterns to the usual list, which for the controller they replace (`SourceIgnoreFilter`).
        for usual in USUAL {
            assert_eq!(
                ours.remove(usual),
                !patterns.starts_with("/*"),
                "{patterns}"
            );
        }
        assert!(
            layout
                .orders_read
                .iter()
                .any(|path| path == "app/.sourceignore")
        );
        let Some(theirs) = fixture.by_flux(patterns) else {
            return;
        };
        assert_eq!(ours, theirs, "{patterns}");
        // Files that nobody applies are no app; a kustomization may well be applied otherwise.
        let mut names: Vec<&str> = layout.apps.iter().map(|app| app.name.as_str()).collect();
        names.retain(|name| !(*name == "built" && patterns.starts_with("/*")));
        assert_eq!(names, ["app", "flux"], "{patterns}");
    }
}

/// The same as `spec.ignore` of the source, which starts at the repository's root; without either, Flux' own list holds.
#[test]
fn a_source_may_say_what_it_leaves_out() {
    let (_, all) = Fixture::new("").layout();
    assert!(
        !all.contains("cloudbuild") && !all.contains("github-workflow"),
        "{all:?}"
    );
    assert_eq!(all.len(), FILES.len() - 2);
    // A directory is what it is in the artifact: without its kustomization, files.
    let (layout, files) = Fixture::new("kustomization.yaml\nbuilt/nothing.yml\n").layout();
    assert!(files.contains("built"), "{files:?}");
    let app = layout
        .apps
        .iter()
        .find(|app| app.name == "app")
        .expect("app");
    assert!(
        !app.recipe
            .closure
            .iter()
            .any(|path| path.ends_with(b"kustomization.yaml"))
    );
    let (_, some) = Fixture::new("/*\n!/app\n/app/tests/\n*.test.yaml\n").layout();
    let expected = [
        "built",
        "cloudbuild",
        "github-workflow",
        "more-deep-down-web",
        "more-tests-case",
        "web",
    ];
    assert_eq!(some, expected.map(str::to_owned).into());
}
