//! Layouts of public repositories, by hand: `GITOPSY_TEST_REPOS` names clones (separated by colons),
//! `GITOPSY_TEST_SAMPLE` how many commits to go back.
//!
//! What is found has to agree with what can be counted without any of our code. At a commit, with `git grep`:
//!
//! ```sh
//! at=HEAD; hidden=':!.*/*' charts=':!*/templates/*'
//! for kind in Kustomization HelmRelease ResourceSet Application ApplicationSet; do
//!   git grep -hE "^kind: [\"']?$kind[\"']?\s*$" $at -- '*.yaml' '*.yml' "$hidden" "$charts" | wc -l
//! done
//! ```
//!
//! (`Kustomization` counts kustomize's own too: those whose file is not called `kustomization.yaml` are Flux'.)

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use gitopsy::git::{Reader, Repo};
use gitopsy::layout::{self, Layout, Overrides};
use gitopsy::manifest::Masking;
use gitopsy::render::Renderer;

#[test]
fn layouts_of_public_repositories() {
    let Some(paths) = std::env::var_os("GITOPSY_TEST_REPOS") else {
        return;
    };
    for path in std::env::split_paths(&paths) {
        let state = tempfile::tempdir().expect("directory");
        let reader = Repo::open(&path, state.path())
            .expect("repository")
            .reader();
        let renderer = Renderer::new(Masking::new([7; 32]));
        println!("== {}", path.display());
        describe(&reader, &renderer);
        walk(&reader, &renderer);
    }
}

fn describe(reader: &Reader, renderer: &Renderer) {
    let head = reader.resolve("HEAD").expect("HEAD");
    let tree = reader.tree_of(head).expect("tree");
    let start = Instant::now();
    let layout = layout::detect(reader, tree, renderer, &Overrides::default()).expect("layout");
    println!("cold {:?}", start.elapsed());
    let start = Instant::now();
    layout::detect(reader, tree, renderer, &Overrides::default()).expect("layout");
    println!("warm {:?}", start.elapsed());
    for environment in &layout.environments {
        println!("environment {environment:?}");
    }
    println!("kinds {:?}, {} apps", layout.kinds, layout.apps.len());
    for note in &layout.notes {
        println!("note {note}");
    }
    for (kind, count) in declared(&layout) {
        println!("declared by {kind}: {count}");
    }
    for app in &layout.apps {
        println!(
            "{} {} {:?} {:?} {:?} {:?} {:?} {}",
            app.environment,
            app.name,
            app.declared_by.as_ref().map(|id| id.kind.as_str()),
            app.destination,
            app.chart,
            app.version,
            app.recipe
                .roots
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
            app.recipe.closure.len(),
        );
    }
}

fn declared(layout: &Layout) -> BTreeMap<String, usize> {
    let mut count = BTreeMap::new();
    for app in &layout.apps {
        let kind = app.declared_by.as_ref().map_or("", |id| id.kind.as_str());
        *count.entry(kind.to_owned()).or_default() += 1;
    }
    count
}

/// How often a layout is carried over, and how long both ways take.
fn walk(reader: &Reader, renderer: &Renderer) {
    let head = reader.resolve("HEAD").expect("HEAD");
    let mut commit = reader.commit(head).expect("commit");
    let mut known: Option<Layout> = None;
    let (mut carried, mut detected) = (0, Vec::new());
    let mut spent = Duration::ZERO;
    let sample = std::env::var("GITOPSY_TEST_SAMPLE").ok();
    let mut left: usize = sample.map_or(usize::MAX, |sample| sample.parse().expect("a number"));
    while left > 0
        && let Some(parent) = commit.parents.first().copied()
    {
        left -= 1;
        let before = reader.commit(parent).expect("commit");
        let changes = reader.diff(before.tree, commit.tree).expect("difference");
        let start = Instant::now();
        let same = known.as_ref().is_some_and(|layout| {
            layout::unaltered(reader, renderer, layout, &changes).expect("answer")
        });
        if same {
            carried += 1;
            spent += start.elapsed();
        } else {
            let tree = before.tree;
            let start = Instant::now();
            known = Some(
                layout::detect(reader, tree, renderer, &Overrides::default()).expect("layout"),
            );
            detected.push(start.elapsed());
        }
        commit = before;
    }
    detected.sort();
    let total: Duration = detected.iter().sum();
    println!(
        "{carried} carried over in {spent:?}; {} detected in {total:?}, median {:?}, most {:?}",
        detected.len(),
        detected.get(detected.len() / 2),
        detected.last()
    );
}
