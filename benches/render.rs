//! Rendering a repository of 1,000 kustomizations, against a shell loop of the tool itself with as many jobs; and what the
//! next commit costs. One run, ratios: `cargo bench --bench render`.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gitopsy::cache::Cache;
use gitopsy::git::{Oid, Reader, Repo};
use gitopsy::layout::{self, Overrides};
use gitopsy::manifest::Masking;
use gitopsy::render::{Recipe, Renderer};
use gitopsy::task::Cancel;
use support::TestRepo;

const APPS: usize = 500;

fn main() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let repo = TestRepo::init(&directory.path().join("repo"));
    for app in 0..APPS {
        repo.write(
            format!("apps/app-{app}/base/kustomization.yaml"),
            "resources: [app.yaml]\n",
        );
        repo.write(format!("apps/app-{app}/base/app.yaml"), manifests(app, "1"));
        repo.write(
            format!("apps/app-{app}/overlays/production/kustomization.yaml"),
            format!("namespace: app-{app}\nresources: [../../base]\nimages: [{{name: app, newTag: '1.{app}'}}]\n"),
        );
    }
    repo.commit("Begin");
    // As a clone has them.
    repo.git(&["repack", "-adq"]);
    // Both find the same files in the page cache.
    let checkout = directory.path().join("checkout");
    repo.cloned(&checkout, &[]);
    let reader = Repo::open(&repo.path, &directory.path().join("state"))
        .expect("a repository")
        .reader();
    let cache = directory.path().join("gitopsy");

    let by_tool = shell_loop(&checkout);
    let cold = render(&reader, head(&reader), &cache);
    // The one before it has been looked at: what is kept of it is what a reviewer's machine keeps.
    show(&repo, directory.path());
    repo.write("apps/app-7/base/app.yaml", manifests(7, "2"));
    repo.commit("Change one app");
    let warm = show(&repo, directory.path());

    let ratio = |part: Duration| part.as_secs_f64() / by_tool.as_secs_f64();
    println!("{} kustomizations, {APPS} of them built", 2 * APPS);
    println!("shell loop of the tool  {by_tool:>10.2?}");
    println!("cold cache              {cold:>10.2?}  {:.2}×", ratio(cold));
    println!(
        "next commit, warm cache {warm:>10.2?}  {:.0}× faster than the shell loop",
        by_tool.as_secs_f64() / warm.as_secs_f64()
    );
}

fn manifests(app: usize, replicas: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app-{app}\nspec:\n  replicas: {replicas}\n  selector:\n    \
         matchLabels: {{app: app-{app}}}\n  template:\n    metadata:\n      labels: {{app: app-{app}}}\n    spec:\n      \
         containers:\n      - name: app\n        image: app\n---\napiVersion: v1\nkind: Service\nmetadata:\n  name: \
         app-{app}\nspec:\n  selector: {{app: app-{app}}}\n  ports: [{{port: 80}}]\n"
    )
}

/// Detection and every app, by a renderer that remembers nothing but what is on disk.
fn render(reader: &Reader, tree: Oid, cache: &Path) -> Duration {
    let begin = Instant::now();
    let renderer = Renderer::new(Masking::new([7; 32])).with_cache(Cache::in_directory(cache));
    let layout = layout::detect(reader, tree, &renderer, &Overrides::default()).expect("a layout");
    assert_eq!(layout.apps.len(), APPS);
    let recipes: Vec<(Oid, &Recipe)> = layout.apps.iter().map(|app| (tree, &app.recipe)).collect();
    let done = renderer
        .render_all(reader, &recipes, &Cancel::new(), &|_| {})
        .expect("renderings");
    assert!(done.iter().all(|rendering| rendering.objects.len() == 2));
    begin.elapsed()
}

/// The change of HEAD as the program shows it, its start included.
fn show(repo: &TestRepo, home: &Path) -> Duration {
    let begin = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_gitopsy"))
        .args(["show", "HEAD", "--output", "json"])
        .current_dir(&repo.path)
        .env("XDG_CACHE_HOME", home)
        .env("XDG_STATE_HOME", home)
        .output()
        .expect("gitopsy");
    let took = begin.elapsed();
    assert!(output.status.success());
    took
}

fn head(reader: &Reader) -> Oid {
    let commit = reader.resolve("HEAD").expect("HEAD");
    reader.tree_of(commit).expect("its tree")
}

/// What a person would write: `ls -d apps/*/overlays/production | xargs -P N -n 1 kustomize build`.
fn shell_loop(checkout: &Path) -> Duration {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let tool = match gitopsy::exec::find("kustomize") {
        Some(_) => "kustomize build",
        None => "kubectl kustomize",
    };
    let script = format!("ls -d apps/*/overlays/production | xargs -P {jobs} -n 1 {tool}");
    let begin = Instant::now();
    let status = Command::new("sh")
        .args(["-c", &script])
        .current_dir(checkout)
        .stdout(Stdio::null())
        .status()
        .expect("a shell");
    assert!(status.success());
    begin.elapsed()
}
