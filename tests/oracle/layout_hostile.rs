//! Trees that are made to take for ever, or all the memory: detection ends, and says what it left out.

use gitopsy::git::Repo;
use gitopsy::layout::{self, Layout, Overrides};
use gitopsy::manifest::Masking;
use gitopsy::render::Renderer;

use support::TestRepo;

fn layout(files: impl IntoIterator<Item = (String, String)>) -> Layout {
    let directory = tempfile::tempdir().expect("directory");
    let repo = TestRepo::init(&directory.path().join("repo"));
    for (path, content) in files {
        repo.write(path, content);
    }
    let commit = repo.commit("All");
    let state = directory.path().join("state");
    let reader = Repo::open(&repo.path, &state).expect("repository").reader();
    let commit = reader.resolve(&commit).expect("commit");
    let tree = reader.tree_of(commit).expect("tree");
    let renderer = Renderer::new(Masking::new([7; 32])).with_tools_in(directory.path());
    layout::detect(&reader, tree, &renderer, &Overrides::default()).expect("layout")
}

fn noted(layout: &Layout, part: &str) {
    let found = layout.notes.iter().any(|note| note.contains(part));
    assert!(found, "{part}: {:?}", layout.notes);
}

fn kustomization(directory: &str, resources: &str) -> (String, String) {
    (
        format!("{directory}/kustomization.yaml"),
        format!("resources: [{resources}]\n"),
    )
}

fn flux(name: &str, path: &str) -> String {
    format!(
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: {name}, namespace: flux-system}}\nspec: {{path: {path}, sourceRef: {{kind: GitRepository, name: flux-system}}}}\n"
    )
}

#[test]
fn thousands_of_kustomizations_are_found() {
    const APPS: usize = 400;
    let files = (0..APPS).flat_map(|app| {
        let base = format!("apps/app{app}/base");
        let object = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: app{app}}}\n");
        let overlays = ["dev", "staging", "prod"].map(|environment| {
            kustomization(
                &format!("apps/app{app}/overlays/{environment}"),
                "../../base",
            )
        });
        let own = [
            kustomization(&base, "object.yaml"),
            (format!("{base}/object.yaml"), object),
        ];
        own.into_iter().chain(overlays)
    });
    let layout = layout(files);
    assert_eq!(layout.apps.len(), 3 * APPS);
    assert_eq!(layout.environments.len(), 3);
    assert!(layout.notes.is_empty(), "{:?}", layout.notes);
}

#[test]
fn one_circle_of_a_thousand_kustomizations_ends() {
    let layout = layout(
        (0..1000)
            .map(|at| kustomization(&format!("ring/k{at}"), &format!("../k{}", (at + 1) % 1000))),
    );
    assert!(!layout.apps.is_empty());
}

/// Each names all that come after it: as many ways through them as there are subsets.
#[test]
fn every_kustomization_naming_every_other_ends() {
    let layout = layout((0..60).map(|at| {
        let others: Vec<String> = (at + 1..60).map(|other| format!("../k{other}")).collect();
        kustomization(&format!("all/k{at}"), &others.join(", "))
    }));
    assert_eq!(layout.apps.len(), 1);
}

#[test]
fn circles_of_flux_kustomizations_are_all_followed() {
    const CIRCLES: usize = 300;
    let layout = layout((0..CIRCLES).flat_map(|at| {
        [("a", "b"), ("b", "a")].map(|(here, there)| {
            let object = flux(&format!("{here}{at}"), &format!("./c/{there}{at}"));
            (format!("c/{here}{at}/k.yaml"), object)
        })
    }));
    assert_eq!(layout.apps.len(), 2 * CIRCLES);
}

#[test]
fn sets_that_explode_are_cut_off() {
    let set = |name: &str, generator: &str| {
        let text = format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {{name: {name}}}\nspec:\n  generators: [{generator}]\n  template: {{metadata: {{name: '{name}-{{{{number}}}}'}}, spec: {{source: {{repoURL: a, path: b}}}}}}\n"
        );
        (format!("sets/{name}.yaml"), text)
    };
    let elements: Vec<String> = (0..300).map(|at| format!("{{number: '{at}'}}")).collect();
    let many = format!("{{list: {{elements: [{}]}}}}", elements.join(", "));
    let nested = |innermost: &str| {
        (0..4).fold(innermost.to_owned(), |inner, _| {
            format!("{{matrix: {{generators: [{many}, {inner}]}}}}")
        })
    };
    // 300⁵ Applications; and the same work for none.
    let explosive = nested(&many);
    let idle = nested("{list: {elements: []}}");
    let layout = layout([set("explosive", &explosive), set("idle", &idle)]);
    noted(
        &layout,
        "more than its first 2000 Applications are left out",
    );
    noted(&layout, "too much to be evaluated whole: Application idle");
    assert!(
        (1..=2_001).contains(&layout.apps.len()),
        "{}",
        layout.apps.len()
    );
}
