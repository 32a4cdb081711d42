//! Renderings of public repositories, by hand: `GITOPSY_TEST_REPOS` names clones (separated by colons),
//! `GITOPSY_TEST_SAMPLE` how many older commits to look at, spread evenly over the first-parent line.
//!
//! At the newest commit every directory with a kustomization file, at the older ones every app that is a kustomization as its
//! files say: object by object what the tool prints for a checkout, and no rendering where it prints none.

use std::path::Path;
use std::process::Command;

use gitopsy::git::{ByteSlice, Oid, Reader, Repo, RepoPath};
use gitopsy::layout::{self, Overrides};
use gitopsy::manifest::{self, Masking, Object};
use gitopsy::render::{Additions, How, Recipe, Renderer, Tool};
use gitopsy::task::Cancel;
use support::TestRepo;

const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

#[test]
fn renderings_of_public_repositories() {
    let Some(paths) = std::env::var_os("GITOPSY_TEST_REPOS") else {
        return;
    };
    let sample = std::env::var("GITOPSY_TEST_SAMPLE").ok();
    let sample: usize = sample.map_or(0, |sample| sample.parse().expect("a number"));
    let mut wrong = 0;
    for path in std::env::split_paths(&paths) {
        let directory = tempfile::tempdir().expect("directory");
        let reader = Repo::open(&path, directory.path())
            .expect("repository")
            .reader();
        let renderer = Renderer::new(Masking::new([7; 32]));
        let checkout = directory.path().join("checkout");
        let checkout = TestRepo::at(&path).cloned(&checkout, &[]);
        let line: Vec<Oid> = reader
            .first_parents(reader.resolve("HEAD").expect("HEAD"))
            .map(|commit| commit.expect("a commit").0)
            .collect();
        let step = line.len() / (sample + 1);
        for (number, commit) in line
            .iter()
            .step_by(step.max(1))
            .take(sample + 1)
            .enumerate()
        {
            checkout.git(&["checkout", "-qf", &commit.to_string()]);
            let tree = reader.tree_of(*commit).expect("tree");
            let recipes = match number {
                0 => directories(&reader, tree),
                _ => apps(&reader, tree, &renderer),
            };
            println!("{} {commit}", path.display());
            wrong += differing(&reader, tree, &renderer, &checkout.path, &recipes);
        }
    }
    assert_eq!(wrong, 0, "renderings differ from the tool's");
}

fn directories(reader: &Reader, tree: Oid) -> Vec<Recipe> {
    let files = reader.files(tree, "".into()).expect("files");
    let mut roots: Vec<RepoPath> = files
        .iter()
        .filter_map(|file| {
            let (directory, name) = file.path.rsplit_once_str("/")?;
            NAMES
                .map(str::as_bytes)
                .contains(&name)
                .then(|| directory.into())
        })
        .collect();
    roots.dedup();
    let recipe = |root| Recipe {
        tool: Tool::kustomize(),
        roots: vec![root],
        closure: Vec::new(),
        namespace: None,
    };
    roots.into_iter().map(recipe).collect()
}

fn apps(reader: &Reader, tree: Oid, renderer: &Renderer) -> Vec<Recipe> {
    let layout = layout::detect(reader, tree, renderer, &Overrides::default()).expect("layout");
    let as_written = |recipe: &Recipe| {
        matches!(&recipe.tool, Tool::Kustomize(additions) if **additions == Additions {
            rules: additions.rules,
            ..Additions::default()
        })
    };
    let recipes = layout.apps.into_iter().map(|app| app.recipe);
    recipes
        .filter(as_written)
        .map(|recipe| Recipe {
            namespace: None,
            ..recipe
        })
        .collect()
}

/// Prints how many are equal, fail on both sides and differ; the last is the answer.
fn differing(
    reader: &Reader,
    tree: Oid,
    renderer: &Renderer,
    checkout: &Path,
    recipes: &[Recipe],
) -> usize {
    let wanted: Vec<(Oid, &Recipe)> = recipes.iter().map(|recipe| (tree, recipe)).collect();
    let renderings = renderer
        .render_all(reader, &wanted, &Cancel::new(), &|_| {})
        .expect("renderings");
    let (mut equal, mut failing, mut wrong) = (0, 0, 0);
    for (recipe, rendering) in recipes.iter().zip(renderings) {
        let root = &recipe.roots[0];
        let ours = match &rendering.how {
            How::Sources { why } => Err(why),
            How::Read | How::Tool { .. } => {
                let objects = rendering.objects.iter();
                Ok(objects
                    .map(|rendered| rendered.object.clone())
                    .collect::<Vec<_>>())
            }
        };
        match (ours, by_hand(checkout, root)) {
            (Ok(ours), Ok(theirs)) if ours == theirs => equal += 1,
            (Err(_), Err(_)) => failing += 1,
            (ours, theirs) => {
                wrong += 1;
                println!(
                    "  {root}: {} here, {} there",
                    ours.map_or_else(Clone::clone, |ours| format!("{} objects", ours.len())),
                    theirs.map_or_else(|why| why, |theirs| format!("{} objects", theirs.len())),
                );
            }
        }
    }
    println!("  {equal} equal, {failing} fail on both sides, {wrong} differ");
    wrong
}

/// What the tool prints for a directory of the checkout, or says.
fn by_hand(checkout: &Path, root: &RepoPath) -> Result<Vec<Object>, String> {
    let output = Command::new("kustomize")
        .arg("build")
        .arg(checkout.join(root.to_path().expect("a path")))
        .output()
        .expect("kustomize runs");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let parsed = manifest::parse(&output.stdout, &Masking::new([7; 32]));
    assert!(parsed.broken.is_empty(), "{root}");
    let documents = parsed.documents.into_iter();
    Ok(documents.map(|document| document.object).collect())
}
