//! Bases that kustomizations name by URL, fetched where that is allowed, against `kustomize build` that fetches them itself.
//! A server on this machine stands for the rest of the world.

use std::path::{Path, PathBuf};
use std::process::Command;

use gitopsy::git::{Repo, RepoPath};
use gitopsy::manifest::Masking;
use gitopsy::render::{How, Recipe, Renderer, Rendering, Tool};
use serde_json::Value;
use tempfile::TempDir;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use support::TestRepo;

struct World {
    directory: TempDir,
    server: MockServer,
    kustomize: PathBuf,
    repo: TestRepo,
}

const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME}\ndata: {a: b}\n";

fn config(name: &str) -> String {
    CONFIG.replace("NAME", name)
}

impl World {
    async fn new() -> Option<World> {
        let kustomize = support::tools::kustomize()?;
        let directory = tempfile::tempdir().expect("directory");
        let repo = TestRepo::init(&directory.path().join("repo"));
        Some(World {
            repo,
            directory,
            server: MockServer::start().await,
            kustomize,
        })
    }

    /// Serves a repository with these files as `NAME.git`, tagged `v1`. Answers the commit.
    async fn serve(&self, name: &str, files: &[(&str, &str)]) -> String {
        let repo = TestRepo::init(&self.directory.path().join(name));
        for (path, content) in files {
            repo.write(path, content.replace("SERVER", &self.server.uri()));
        }
        repo.git(&["add", "-A"]);
        let commit = repo.commit("All");
        repo.git(&["tag", "v1"]);
        self.publish(name, &repo).await;
        commit
    }

    async fn publish(&self, name: &str, repo: &TestRepo) {
        let bare = self.bare(name);
        std::fs::remove_dir_all(&bare).ok();
        let bare = repo.cloned(&bare, &["--bare"]);
        bare.git(&["gc", "-q"]);
        bare.git(&["update-server-info"]);
        for file in files_below(&bare.path) {
            let below = file.strip_prefix(&bare.path).expect("below");
            let bytes = std::fs::read(&file).expect("file");
            Mock::given(path(format!("/{name}.git/{}", below.display())))
                .respond_with(ResponseTemplate::new(200).set_body_bytes(bytes))
                .with_priority(1)
                .mount(&self.server)
                .await;
        }
    }

    fn bare(&self, name: &str) -> PathBuf {
        self.directory.path().join(format!("{name}.git"))
    }

    async fn serve_file(&self, name: &str, content: &str) {
        Mock::given(path(format!("/{name}")))
            .respond_with(ResponseTemplate::new(200).set_body_string(content))
            .mount(&self.server)
            .await;
    }

    fn write(&self, path: &str, content: &str) {
        self.repo
            .write(path, content.replace("SERVER", &self.server.uri()));
    }

    /// What we make of `overlay`.
    fn render(&self, allowed: bool) -> Rendering {
        self.repo.git(&["add", "-A"]);
        self.repo.commit("All");
        let state = self.directory.path().join("state");
        let reader = Repo::open(&self.repo.path, &state)
            .expect("repository")
            .reader();
        let commit = reader.resolve("HEAD").expect("commit");
        let recipe = Recipe {
            tool: Tool::kustomize(),
            roots: vec![RepoPath::from("overlay")],
            closure: Vec::new(),
            namespace: None,
        };
        let renderer = Renderer::new(Masking::new([7; 32]))
            .with_tools_in(self.kustomize.parent().expect("a directory"))
            .with_network(self.directory.path().join("kept"), allowed);
        let tree = reader.tree_of(commit).expect("tree");
        (*renderer.render(&reader, tree, &recipe).expect("rendering")).clone()
    }

    /// What kustomize makes of it, fetching what it needs; its git finds the repositories here, since it asks for parts of
    /// them, which a server of files does not have.
    fn by_hand(&self) -> Vec<Value> {
        let checkout = self.directory.path().join("checkout");
        std::fs::remove_dir_all(&checkout).ok();
        self.repo.cloned(&checkout, &[]);
        let home = self.directory.path().join("home");
        std::fs::create_dir_all(&home).expect("directory");
        let here = self.directory.path().display();
        let settings = format!(
            "[url \"file://{here}/\"]\n\tinsteadOf = {}/\n",
            self.server.uri()
        );
        std::fs::write(home.join(".gitconfig"), settings).expect("file");
        let output = Command::new(&self.kustomize)
            .args(["build", "overlay"])
            .current_dir(&checkout)
            .env_clear()
            .env("HOME", &home)
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .output()
            .expect("kustomize runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.split("\n---\n")
            .map(|part| serde_yaml::from_str(part).expect("YAML"))
            .collect()
    }

    async fn asked(&self) -> usize {
        self.server
            .received_requests()
            .await
            .map_or(0, |asked| asked.len())
    }
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).expect("directory") {
        let path = entry.expect("entry").path();
        match path.is_dir() {
            true => files.extend(files_below(&path)),
            false => files.push(path),
        }
    }
    files
}

fn objects(rendering: &Rendering) -> Vec<Value> {
    assert!(
        matches!(&rendering.how, How::Tool { .. }),
        "{:?}",
        rendering.how
    );
    let found = rendering.objects.iter();
    found
        .map(|found| serde_json::to_value(&found.object).expect("JSON"))
        .collect()
}

fn why(rendering: &Rendering) -> String {
    match &rendering.how {
        How::Sources { why } => why.clone(),
        how => panic!("{how:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bases_elsewhere_are_fetched_once_and_built_as_kustomize_does() {
    let Some(world) = World::new().await else {
        return;
    };
    world
        .serve(
            "deep",
            &[
                ("kustomization.yaml", "resources: [x.yaml]\n"),
                ("x.yaml", &config("deep")),
            ],
        )
        .await;
    let commit = world
        .serve(
            "bases",
            &[
                (
                    "web/kustomization.yaml",
                    "resources:\n- ../common\n- SERVER/deep.git/?ref=v1\nnamePrefix: web-\n",
                ),
                ("common/kustomization.yaml", "resources: [x.yaml]\n"),
                ("common/x.yaml", &config("common")),
                ("part/kustomization.yaml", "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\ncommonLabels: {a: b}\n"),
            ],
        )
        .await;
    world.serve_file("one.yaml", &config("one")).await;
    world.write(
        "overlay/kustomization.yaml",
        "namespace: shop\nresources:\n- SERVER/bases.git//web?ref=v1\n- \"SERVER/one.yaml\"\n- ../base\n\
         components: [\"SERVER/bases.git//part?ref=v1\"]\npatches:\n- target: {name: web-common}\n  patch: |-\n    \
         - op: add\n      path: /data/c\n      value: SERVER/bases.git//web?ref=v1\n",
    );
    world.write(
        "base/kustomization.yaml",
        "resources:\n- x.yaml\n- SERVER/bases.git//common?ref=main\n",
    );
    world.write("base/x.yaml", &config("local"));

    let refused = why(&world.render(false));
    let expected = format!(
        "it needs {}/bases.git at v1: `--allow-network` fetches it",
        world.server.uri()
    );
    assert!(refused.contains(&expected), "{refused}");
    assert_eq!(world.asked().await, 0);

    let expected = world.by_hand();
    let before = world.asked().await;
    assert_eq!(expected.len(), 5, "{expected:?}");
    assert_eq!(objects(&world.render(true)), expected);
    assert!(world.asked().await > before);
    // What was fetched is there without the network.
    let asked = world.asked().await;
    assert_eq!(objects(&world.render(false)), expected);
    assert_eq!(world.asked().await, asked);

    // A commit is the same for ever, and is not asked for again.
    world.write(
        "overlay/kustomization.yaml",
        &format!("resources:\n- SERVER/bases.git//common?ref={commit}\n"),
    );
    let fetched = objects(&world.render(true));
    assert_eq!(fetched, world.by_hand());
    let asked = world.asked().await;
    assert_eq!(objects(&world.render(true)), fetched);
    assert_eq!(world.asked().await, asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_elsewhere_reads_what_is_here() {
    let Some(world) = World::new().await else {
        return;
    };
    let secret = world.directory.path().join("secret.yaml");
    std::fs::write(&secret, config("canary-value")).expect("file");
    let secret = secret.display().to_string();
    let upward = format!("{}{secret}", "../".repeat(40).trim_end_matches('/'));
    let local = world.directory.path().join("local");
    let local_repo = TestRepo::init(&local);
    local_repo.write("kustomization.yaml", "resources: [x.yaml]\n");
    local_repo.write("x.yaml", config("canary-value"));
    local_repo.git(&["add", "-A"]);
    local_repo.commit("All");
    std::os::unix::fs::symlink(&secret, local.join("link.yaml")).expect("link");
    let evil = TestRepo::init(&world.directory.path().join("evil"));
    evil.write("a/kustomization.yaml", format!("resources: ['{secret}']\n"));
    evil.write("b/kustomization.yaml", format!("resources: ['{upward}']\n"));
    evil.write("c/kustomization.yaml", "resources: [link.yaml]\n");
    std::os::unix::fs::symlink(&secret, evil.path.join("c/link.yaml")).expect("link");
    evil.write(
        "d/kustomization.yaml",
        format!("resources: ['file://{}']\n", local.display()),
    );
    evil.write("e/kustomization.yaml", "resources: ['../../repository/overlay/own.yaml', '../../../repository/overlay/own.yaml']\n");
    evil.git(&["add", "-A"]);
    evil.commit("All");
    world.publish("evil", &evil).await;
    world.write("overlay/own.yaml", &config("canary-value"));
    for reference in [
        "SERVER/evil.git//a?ref=main".to_owned(),
        "SERVER/evil.git//b?ref=main".to_owned(),
        "SERVER/evil.git//c?ref=main".to_owned(),
        "SERVER/evil.git//d?ref=main".to_owned(),
        "SERVER/evil.git//e?ref=main".to_owned(),
        "SERVER/evil.git//../..?ref=main".to_owned(),
        "SERVER/evil.git//a?ref=--upload-pack=touch".to_owned(),
        "SERVER/evil.git//a?ref=main:refs/heads/x".to_owned(),
        format!("file://{}", local.display()),
        format!("file://{}//?ref=main", local.display()),
        format!("git::file://{}//?ref=main", local.display()),
        format!("ext::sh -c 'cat {secret}'"),
        "https://127.0.0.1:9/a/b.git".to_owned(),
    ] {
        world.write(
            "overlay/kustomization.yaml",
            &format!("resources:\n- \"{reference}\"\n"),
        );
        let rendering = world.render(true);
        let shown = format!("{:?} {:?}", rendering.objects, rendering.how);
        assert!(!shown.contains("canary-value"), "{reference}: {shown}");
        assert!(!why(&rendering).is_empty(), "{reference}");
    }
}
