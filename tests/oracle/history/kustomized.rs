//! The log of an object that a tool renders, against brute force: every app of every commit is rendered and compared.

pub(super) mod model;

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

/// Histories for which logs were wrong once, by what went wrong.
const WENT_WRONG: &[(&str, &str)] = &[
    (
        "apps of two directories were paired by their names",
        "[FluxShop=1, Own(Production)=1, Above=3] [Merged(Production)=0] [FluxIgnore=0] [Flux=1] [Unlisted=2,PatchFile(Dev)=1] [Above=1,Component=0]",
    ),
    (
        "a file that holds no object kept its kustomization from being built",
        "[Tools(1)=1, ToolsKustomized=1] [] [Tools(0)=5] []",
    ),
    (
        "a kustomization named other files, one of which declared the resource again",
        "[] [Tools(1)=3] [ToolsKustomized=3] [Tools(0)=1]",
    ),
    (
        "the kustomization of a base was gone",
        "[OverlayNamespace(Dev)=1, Own(Dev)=1] [Kustomized=2] [Merged(Production)=0] [Labels(Production)=3]",
    ),
    (
        "one of two of a resource was taken for the only one",
        "[Generator=4] [FluxShop=2] [Flux=1] [FluxOrdersPatch=3]",
    ),
    (
        "a ResourceSet that made an object was gone",
        "[] [FluxSet=1] [Flux=1] [FluxSet=0]",
    ),
    (
        "a ResourceSet that made an order was gone",
        "[FluxSet=3, Flux=1] [FluxSet=0] [Merged(Dev)=1, Properties=1]",
    ),
    (
        "a file that declared it in an app of its own became unreadable",
        "[] [Tools(1)=3] [Tools(1)=5] [Web=0]",
    ),
    (
        "another object of its name was written where it was generated",
        "[Generator=4] [BaseNamespace=1] [Flux=1] [Tools(0)=0, BaseNamespace=0]",
    ),
    (
        "nothing could be built where it was generated, for a component was gone",
        "[UsesComponent(Production)=1, Generator=1] [Component=2] [FluxNamespace=0, Labels(Dev)=2] [Prefix(Dev)=1, Merged(Dev)=0]",
    ),
    (
        "it was renamed, and put into another namespace by the base",
        "[Generator=1, Patch(Dev)=6] [Prefix(Production)=1] [BaseNamespace=1, Above=0, Prefix(Dev)=1] [ToolsKustomized=1, Merged(Production)=0, Unlisted=2]",
    ),
    (
        "a ResourceSet made one like that which is written in a file",
        "[Flux=1, Tools(0)=3, Tools(1)=1] [WebStyle=2] [FluxSet=2] [BaseBroken=0]",
    ),
    (
        "an app was taken for where it came from that had another object of its name",
        "[Flux=1, Generator=4, Own(Production)=3] [Patch(Production)=3] [FluxShop=2]",
    ),
    (
        "what made it was left out of a kustomization",
        "[Flux=1, FluxSet=3] [Above=2]",
    ),
    (
        "a base was an app where Flux deploys an overlay that cannot be read",
        "[Flux=1, OverlayBroken(Production)=4, Overlay(Dev)=2] [FluxShop=1]",
    ),
    (
        "a list of operations gave it another name",
        "[Patch(Dev)=11] [Web=1] [Patch(Dev)=13] [PatchFile(Dev)=1] [Patch(Dev)=12]",
    ),
    (
        "what Flux was not told of was deployed before Flux was",
        "[] [Tools(0)=3] [FluxIgnore=2, FluxTools=1] [Flux=3]",
    ),
    (
        "a base was an app only as long as nothing else was",
        "[Flux=1, OverlayBroken(Production)=4, Overlay(Dev)=2, AboveNamespace=1] [Above=2] [BaseListed=2]",
    ),
];

fn check_history(steps: &[Vec<model::Edit>]) {
    check_line(&model::line(steps));
}

/// Whether the logs of a generated history, by its files, are what brute force says, if the tools are there.
pub(super) fn check_line(line: &[model::Files]) {
    let Some(kustomize) = support::tools::kustomize() else {
        return;
    };
    let tools = support::tools::search_path(&[&kustomize]);
    let dir = TempDir::new().expect("temporary directory");
    let repo = TestRepo::init(&dir.path().join("env"));
    let tip = model::write(&repo, line);
    holds(&repo, &tip, &dir.path().join("state"), &tools);
}

/// By hand, a history that has failed: `GITOPSY_TEST_STEPS`, as it is printed.
#[test]
fn logs_of_rendered_objects_are_what_brute_force_says() {
    match std::env::var("GITOPSY_TEST_STEPS") {
        Ok(steps) => check_history(&model::read(&steps)),
        Err(_) => check(12, model::steps(), |steps| check_history(&steps)),
    }
}

#[test]
fn logs_that_were_wrong_once_are_right() {
    for (what, steps) in WENT_WRONG {
        println!("{what}");
        check_history(&model::read(steps));
    }
}

/// A link may be anything, so that what a ResourceSet had made was looked for from there on only: that it was gone was not found.
#[test]
fn what_was_made_is_gone_though_a_link_came_before() {
    let dir = TempDir::new().expect("temporary directory");
    let repo = TestRepo::init(&dir.path().join("env"));
    let set = |inputs: &str| {
        repo.write(
            "clusters/production/set.yaml",
            format!(
                "apiVersion: fluxcd.controlplane.io/v1
kind: ResourceSet
metadata: {{name: tenants, namespace: flux-system}}
spec:
  inputs: {inputs}
  resources:
  - apiVersion: v1
    kind: Service
    metadata: {{name: << inputs.tenant >>-front, namespace: shop}}
"
            ),
        );
    };
    repo.write(
        "clusters/production/flux-system/gotk-sync.yaml",
        "apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: flux-system, namespace: flux-system}
spec: {interval: 10m, path: ./clusters/production, prune: true, sourceRef: {kind: GitRepository, name: flux-system}}
",
    );
    set("[{tenant: one}, {tenant: two}]");
    repo.symlink("link", "elsewhere");
    repo.commit("Begin");
    repo.remove("link");
    repo.commit("Remove the link");
    set("[{tenant: one}]");
    let tip = repo.commit("Let a tenant go");
    // It takes no tool.
    holds(
        &repo,
        &tip,
        &dir.path().join("state"),
        dir.path().as_os_str(),
    );
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
