//! Kustomizations that want to read, run or reach what is outside of the repository, in every field that can name something.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use gitopsy::git::{Repo, RepoPath};
use gitopsy::manifest::Masking;
use gitopsy::render::{Additions, How, Recipe, Renderer, Rendering, Rules, Tool};
use gitopsy::task::Cancel;

use support::TestRepo;

const CANARY: &str = "canary-value";

/// Fields that name a file or a directory; `PATH` stands for it.
const FIELDS: [&str; 20] = [
    "resources: ['PATH']",
    "bases: ['PATH']",
    "components: ['PATH']",
    "generators: ['PATH']",
    "transformers: ['PATH']",
    "validators: ['PATH']",
    "crds: ['PATH']",
    "configurations: ['PATH']",
    "patches: [{path: 'PATH'}]",
    "patchesStrategicMerge: ['PATH']",
    "patchesJson6902: [{path: 'PATH', target: {version: v1, kind: ConfigMap, name: own}}]",
    "replacements: [{path: 'PATH'}]",
    "openapi: {path: 'PATH'}",
    "configMapGenerator: [{name: x, files: ['PATH']}]",
    "configMapGenerator: [{name: x, files: ['key=PATH']}]",
    "configMapGenerator: [{name: x, envs: ['PATH']}]",
    "configMapGenerator: [{name: x, env: 'PATH'}]",
    "secretGenerator: [{name: x, files: ['PATH']}]",
    "helmCharts: [{name: chart, valuesFile: 'PATH'}]",
    "helmGlobals: {chartHome: 'PATH'}\nhelmCharts: [{name: chart, releaseName: x}]",
];

/// A repository in which every directory is a kustomization to build.
struct Fixture {
    repo: TestRepo,
    /// (directory, what its kustomization says)
    cases: Vec<(String, String)>,
}

impl Fixture {
    fn new(place: &Path) -> Fixture {
        Fixture {
            repo: TestRepo::init(&place.join("repo")),
            cases: Vec::new(),
        }
    }

    fn add(&mut self, kustomization: String) -> String {
        let directory = format!("app{}", self.cases.len());
        let path = |name: &str| format!("{directory}/{name}");
        self.repo.write(
            path("own.yaml"),
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: own}\n",
        );
        // Something to build beside what is hostile.
        let own = match kustomization.starts_with("resources") {
            true => "",
            false => "resources: [own.yaml]\n",
        };
        self.repo.write(
            path("kustomization.yaml"),
            format!("{kustomization}\n{own}"),
        );
        self.cases.push((directory.clone(), kustomization));
        directory
    }

    /// Each, built as Flux does and as everybody else does, ends in a reason and quotes nothing from outside.
    fn assert_all_refused(&self) {
        self.repo.commit("All");
        let state = tempfile::tempdir().expect("directory");
        let reader = Repo::open(&self.repo.path, state.path())
            .expect("repository")
            .reader();
        let commit = reader.resolve("HEAD").expect("commit");
        let tree = reader.tree_of(commit).expect("tree");
        let renderer = Renderer::new(Masking::new([7; 32]));
        for rules in [Rules::Flux, Rules::default()] {
            let recipe = |directory: &String| Recipe {
                tool: Tool::Kustomize(Box::new(Additions {
                    rules,
                    ..Additions::default()
                })),
                roots: vec![RepoPath::from(directory.as_str())],
                closure: Vec::new(),
                namespace: None,
            };
            let recipes: Vec<Recipe> = self.cases.iter().map(|(at, _)| recipe(at)).collect();
            let wanted: Vec<_> = recipes.iter().map(|recipe| (tree, recipe)).collect();
            let rendered = renderer.render_all(&reader, &wanted, &Cancel::new(), &|_| {});
            for (rendering, (_, text)) in rendered.expect("renderings").iter().zip(&self.cases) {
                assert_refused(rendering, text);
            }
        }
    }
}

fn assert_refused(rendering: &Rendering, what: &str) {
    let shown = format!("{rendering:?}");
    assert!(!shown.contains(CANARY), "{what}: {shown}");
    match &rendering.how {
        How::Sources { why } => assert!(!why.is_empty(), "{what}"),
        how => panic!("{what}: {how:?}"),
    }
}

#[test]
fn no_field_reads_a_file_outside() {
    let place = tempfile::tempdir().expect("directory");
    let outside = place.path().join("outside");
    fs::create_dir(&outside).expect("directory");
    let object = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: own, labels: {{a: {CANARY}}}}}\n"
    );
    fs::write(outside.join("file.yaml"), object).expect("file");
    let kustomization = "resources: [file.yaml]\n";
    fs::write(outside.join("kustomization.yaml"), kustomization).expect("file");
    let mut fixture = Fixture::new(place.path());
    let file = outside.join("file.yaml").display().to_string();
    let directory = outside.display().to_string();
    let upward = "../".repeat(40);
    fixture.repo.write("links/README.md", "links\n");
    fixture.repo.symlink("links/file.yaml", &file);
    fixture.repo.symlink("links/directory", &directory);
    fixture.repo.symlink("links/again.yaml", "file.yaml");
    let files = [
        format!("{upward}{}", file.trim_start_matches('/')),
        file,
        "../links/file.yaml".to_owned(),
        "../links/again.yaml".to_owned(),
        "../links/directory/file.yaml".to_owned(),
    ];
    let directories = [
        format!("{upward}{}", directory.trim_start_matches('/')),
        directory,
        "../links/directory".to_owned(),
    ];
    for field in FIELDS {
        // Some fields take files only.
        let takes_directories = field.contains("['PATH']") || field.contains("chartHome");
        let directories = directories.iter().filter(|_| takes_directories);
        for way in files.iter().chain(directories) {
            fixture.add(field.replace("PATH", way));
        }
    }
    fixture.assert_all_refused();
}

#[test]
fn no_field_asks_a_server() {
    let place = tempfile::tempdir().expect("directory");
    let mut fixture = Fixture::new(place.path());
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    server.set_nonblocking(true).expect("not blocking");
    let port = server.local_addr().expect("address").port();
    for url in [
        format!("http://127.0.0.1:{port}/x.yaml"),
        format!("git::http://127.0.0.1:{port}/a/b.git//c?ref=main"),
    ] {
        for field in FIELDS {
            fixture.add(field.replace("PATH", &url));
        }
    }
    fixture.assert_all_refused();
    let asked = server.accept().expect_err("nobody");
    assert_eq!(asked.kind(), std::io::ErrorKind::WouldBlock);
}

/// Functions and plugins, in files and inline, of every kind that kustomize knows.
#[test]
fn nothing_in_a_repository_is_run() {
    let place = tempfile::tempdir().expect("directory");
    let mut fixture = Fixture::new(place.path());
    let mark = place.path().join("mark");
    let script = format!("#!/bin/sh\necho ran > {}\n", mark.display());
    fixture.repo.write("run/run.sh", &script);
    fixture.repo.executable("run/run.sh");
    let function = |run: &str| {
        format!(
            "apiVersion: VERSION\nkind: Run\nmetadata:\n  name: run\n  annotations:\n    config.kubernetes.io/function: |\n      {run}\nspec: {{}}\n"
        )
    };
    let programs = [
        function("exec: {path: ../run/run.sh}"),
        function(&format!(
            "exec: {{path: {}}}",
            fixture.repo.path.join("run/run.sh").display()
        )),
        function("container: {image: 'registry.example.com/run:1'}"),
        function("starlark: {path: ../run/run.sh}"),
        "apiVersion: VERSION\nkind: Run\nmetadata: {name: run}\nargsOneLiner: x\n".to_owned(),
    ];
    for program in &programs {
        for version in ["v1", "example.com/v1", "builtin"] {
            let program = program.replace("VERSION", version);
            let indented = program.replace('\n', "\n  ");
            for field in ["generators", "transformers", "validators"] {
                let inline = format!("{field}:\n- |\n  {indented}");
                fixture.add(inline);
                let directory = fixture.add(format!("{field}: [run.yaml]"));
                fixture
                    .repo
                    .write(format!("{directory}/run.yaml"), &program);
            }
        }
    }
    fixture.assert_all_refused();
    assert!(!mark.exists(), "a program of the repository ran");
}
