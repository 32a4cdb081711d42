//! Public repositories, by hand: what was applied just now has not drifted. `GITOPSY_TEST_REPOS` names clones (separated by
//! colons), `GITOPSY_TEST_APPLY` how to apply: `client`, or `server` where it is not set.
//!
//! What the server takes of each environment's newest manifests is applied, definitions of kinds first. Secrets are left out:
//! renderings have none.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use gitopsy::git::Repo;
use gitopsy::layout::{self, Overrides};
use gitopsy::manifest::{Masking, Object};
use gitopsy::render::{Recipe, Renderer};
use gitopsy::task::Cancel;

use super::{fields, unknown};
use crate::harness::{Cluster, User, cluster, gitopsy};

#[test]
fn public_repositories_that_were_just_applied_do_not_drift() {
    let Some(paths) = std::env::var_os("GITOPSY_TEST_REPOS") else {
        return;
    };
    let Some(cluster) = cluster() else { return };
    let mut wrong = 0;
    for path in std::env::split_paths(&paths) {
        for (environment, objects) in environments(&path) {
            let (taken, refused) = apply(cluster, &objects);
            let args = ["drift", "--context", "stack", "--env", &environment];
            let answer = gitopsy(&path, cluster.kubeconfig(User::Admin), &args);
            let resources = answer["resources"].as_array().expect("a list");
            // Where two apps declare one object, one of them is not what is live.
            let mut declared = BTreeMap::<String, usize>::new();
            for object in &objects {
                let id = serde_json::to_string(&object.id).expect("JSON");
                *declared.entry(id).or_default() += 1;
            }
            let mut count = 0;
            let mut twice = 0;
            for resource in resources
                .iter()
                .filter(|resource| resource["state"] == "drifted")
            {
                let name = resource["object"].to_string();
                if declared.get(&name).is_some_and(|times| *times > 1) {
                    twice += 1;
                    continue;
                }
                count += 1;
                println!("  {} {name}: {:?}", resource["app"], fields(resource));
            }
            // What the server refused.
            let missing = resources.iter();
            let missing = missing.filter(|resource| resource["state"] == "missing");
            let missing = missing.count();
            let unhealthy = resources.iter();
            let unhealthy = unhealthy.filter(|resource| resource["state"] == "synced");
            let synced = answer["synced"].as_u64().expect("a number") as usize;
            println!(
                "{} {environment}: {taken} taken, {refused} refused, {} in sync, {missing} missing, {twice} declared twice, {count} drifted; not known: {:?}",
                path.display(),
                synced + unhealthy.count(),
                unknown(&answer)
            );
            wrong += count;
        }
    }
    assert_eq!(wrong, 0);
}

/// What each environment declares at the newest commit.
fn environments(path: &Path) -> BTreeMap<String, Vec<Object>> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let repo = Repo::open(path, directory.path()).expect("a repository");
    let reader = repo.reader();
    let tip = reader.resolve("HEAD").expect("HEAD");
    let tree = reader.tree_of(tip).expect("a tree");
    let renderer = Renderer::new(Masking::new([7; 32]));
    let layout = layout::detect(&reader, tree, &renderer, &Overrides::default()).expect("a layout");
    let wanted: Vec<_> = layout
        .apps
        .iter()
        .map(|app| (tree, &app.recipe))
        .collect::<Vec<(_, &Recipe)>>();
    let renderings = renderer
        .render_all(&reader, &wanted, &Cancel::new(), &|_| {})
        .expect("renderings");
    let mut environments = BTreeMap::<String, Vec<Object>>::new();
    for (app, rendering) in layout.apps.iter().zip(renderings) {
        let objects = rendering
            .objects
            .iter()
            .map(|rendered| rendered.object.clone());
        environments
            .entry(app.environment.clone())
            .or_default()
            .extend(objects);
    }
    environments
}

/// How many the server took, and how many it did not.
fn apply(cluster: &Cluster, objects: &[Object]) -> (usize, usize) {
    let admin = cluster.kubeconfig(User::Admin);
    let namespaces: BTreeSet<&str> = objects
        .iter()
        .filter_map(|object| object.id.namespace.as_deref())
        .collect();
    for namespace in namespaces {
        // One that is there already, or has no name that a namespace may have.
        let _ = cluster.kubectl(admin, &["create", "namespace", namespace], "");
    }
    let how: &[&str] = match std::env::var("GITOPSY_TEST_APPLY").as_deref() {
        Ok("client") => &[],
        _ => &["--server-side", "--force-conflicts"],
    };
    let is_definition = |object: &&Object| object.id.kind == "CustomResourceDefinition";
    let (first, rest): (Vec<&Object>, Vec<&Object>) = objects
        .iter()
        .filter(|object| object.id.kind != "Secret")
        .partition(is_definition);
    let mut taken = 0;
    for part in [&first, &rest] {
        // What names no namespace goes where its deployer is told to put it.
        let mut namespaces = BTreeMap::<Option<&str>, Vec<String>>::new();
        for object in part {
            let namespace = object.id.namespace.as_deref();
            namespaces
                .entry(namespace)
                .or_default()
                .push(object.to_yaml());
        }
        for (namespace, text) in namespaces {
            let namespace: &[&str] = match &namespace {
                Some(name) => &["-n", name],
                None => &[],
            };
            let args = [
                &["apply"],
                how,
                namespace,
                &["--validate=ignore", "-f", "-"],
            ]
            .concat();
            let ended = cluster.kubectl(admin, &args, &text.join("\n---\n"));
            taken += ended.out.lines().count();
        }
        if !first.is_empty() {
            let _ = cluster.kubectl(
                admin,
                &[
                    "wait",
                    "--for=condition=established",
                    "crd",
                    "--all",
                    "--timeout=30s",
                ],
                "",
            );
        }
    }
    (taken, first.len() + rest.len() - taken)
}
