//! The log of an object that a tool renders, against brute force: every app of every commit is rendered and compared.

mod model;

use std::ffi::OsStr;

use super::*;
use crate::support;

/// Whether the logs of all that the commits before `tip` render are what brute force says.
fn holds(repo: &TestRepo, tip: &str, state: &Path, tools: &OsStr) {
    let mut bench = Bench::open(&repo.path, state, tip);
    bench.renderer = Renderer::new(masking()).with_tools_in(tools);
    let renderer = Renderer::new(masking()).with_tools_in(tools);
    let rows = bench.rows();
    let trees = (0..rows.len()).rev().filter_map(|row| rows.get(row));
    let trees: Vec<Oid> = trees.map(|row| row.tree).collect();
    agrees(&bench, &brute::rendered(&bench.reader, &renderer, &trees));
}

#[test]
fn logs_of_rendered_objects_are_what_brute_force_says() {
    let Some(kustomize) = support::tools::kustomize() else {
        return;
    };
    let tools = support::tools::search_path(&[&kustomize]);
    check(12, model::steps(), |steps| {
        let dir = TempDir::new().expect("temporary directory");
        let repo = TestRepo::init(&dir.path().join("env"));
        let tip = model::write(&repo, &model::line(&steps));
        holds(&repo, &tip, &dir.path().join("state"), &tools);
    });
}

#[test]
fn a_namespace_that_others_have_is_written_into_a_document() {
    let Some(kustomize) = support::tools::kustomize() else {
        return;
    };
    let tools = support::tools::search_path(&[&kustomize]);
    let dir = TempDir::new().expect("temporary directory");
    let repo = TestRepo::init(&dir.path().join("env"));
    let config = |name: &str, namespace: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n{namespace}data: {{a: b}}\n"
        )
    };
    let shop = "  namespace: shop\n";
    repo.write("prod/kustomization.yaml", "resources: [a.yaml, b.yaml]\n");
    repo.write("prod/a.yaml", config("a", ""));
    repo.write("prod/b.yaml", config("b", shop));
    repo.commit("Begin");
    repo.write("prod/a.yaml", config("a", shop));
    let tip = repo.commit("Say the namespace");
    holds(&repo, &tip, &dir.path().join("state"), &tools);
}
