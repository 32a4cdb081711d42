//! The log of an object that a tool renders, against brute force: every app of every commit is rendered and compared.

mod model;

use super::*;
use crate::support;

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
        let mut bench = Bench::open(&repo.path, &dir.path().join("state"), &tip);
        bench.renderer = Renderer::new(masking()).with_tools_in(&tools);
        let renderer = Renderer::new(masking()).with_tools_in(&tools);
        let rows = bench.rows();
        let trees = (0..rows.len()).rev().filter_map(|row| rows.get(row));
        let trees: Vec<Oid> = trees.map(|row| row.tree).collect();
        agrees(&bench, &brute::rendered(&bench.reader, &renderer, &trees));
    });
}
