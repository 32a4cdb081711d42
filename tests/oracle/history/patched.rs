//! What Flux patches into the documents of a directory, against builds of all of it: most patches are told without one.

use proptest::collection::vec;

use super::kustomized::check_line;
use super::kustomized::model::Files;
use super::*;

/// What a file holds; `NAME` is its own.
const DOCUMENTS: &[&str] = &[
    "",
    "apiVersion: example.com/v1\nkind: Gadget\nmetadata: {name: NAME, namespace: shop}\nspec: {size: 1}\n",
    "apiVersion: example.com/v1\nkind: Gadget\nmetadata: {name: NAME, namespace: shop}\nspec: {size: 2, install: {crds: Skip, keep: true}}\n",
    "apiVersion: example.com/v1\nkind: Gadget\nmetadata: {name: NAME, namespace: shop}\nspec: {size: 2, install: [a]}\n",
    "apiVersion: example.com/v1\nkind: Gadget\nmetadata: {name: NAME, namespace: shop, labels: {team: own}}\nspec: {install: null, timeout: null}\n",
    "apiVersion: example.com/v1\nkind: Gadget\nmetadata: {name: NAME, namespace: shop, annotations: {config.kubernetes.io/local-config: 'true'}}\nspec: {size: 1}\n",
    "apiVersion: example.com/v1beta1\nkind: Gadget\nmetadata: {name: NAME, namespace: shop}\nspec: {size: 1}\n",
    "# A comment.\napiVersion: example.com/v1\nkind: Gadget\nmetadata:\n  name: NAME\n  namespace: shop\n  labels: &labels {app: \"NAME\"}\nspec:\n  selector: *labels\n  mode: on\n  port: 0x10\n  version: 1.10\n  text: '1.10'\n  timeout: 5m # short\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME, namespace: shop}\ndata: {size: '1'}\n---\napiVersion: example.com/v1\nkind: Gadget\nmetadata: {name: NAME, namespace: shop}\nspec: {size: 3, timeout: 1m}\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME, namespace: shop}\ndata: {size: '2'}\n",
    "apiVersion: example.com/v1\nkind: Gadget\nmetadata: {name: b, namespace: shop}\nspec: {size: 4}\n",
    "apiVersion: example.com/v1\nkind: Gadget\nmetadata: {name: NAME, namespace: shop}\nspec: {size: 1, size: 2}\n",
    "apiVersion: example.com/v1\nkind: Gadget\nmetadata: {name: NAME, namespace: shop}\nspec: {}\n",
    "apiVersion: example.com/v1\nkind: Gadget\nmetadata: {name: NAME, namespace: shop}\nspec: 5\n",
];

/// What is patched into them.
const PATCHES: &[&str] = &[
    "",
    "{target: {kind: Gadget}, patch: '{apiVersion: example.com/v1, kind: Gadget, metadata: {name: _}, spec: {timeout: 10m, install: {crds: Create, retries: 2}}}'}",
    "{target: {group: example.com, kind: Gadget}, patch: '{apiVersion: example.com/v1, kind: Gadget, metadata: {name: x, namespace: other, labels: {patched: by-flux}}, spec: {timeout: 5m}}'}",
    "{target: {kind: Gadget}, patch: '{apiVersion: example.com/v1, kind: Gadget, metadata: {name: _}, spec: {install: [b]}}'}",
    "{target: {kind: Gadget}, patch: '{apiVersion: example.com/v1, kind: Gadget, metadata: {name: _}, spec: {size: null}}'}",
    "{patch: '{apiVersion: example.com/v1, kind: Gadget, metadata: {name: a, namespace: shop}, spec: {size: 9}}'}",
    "{target: {namespace: shop}, patch: '{apiVersion: example.com/v1, kind: Gadget, metadata: {name: _, labels: {all: l}}}'}",
    "{target: {kind: 'Gad.*'}, patch: '{apiVersion: example.com/v1, kind: Gadget, metadata: {name: _}, spec: {more: m}}'}",
    "{target: {kind: Gadget, version: v1}, patch: '{apiVersion: example.com/v1beta1, kind: Gadget, metadata: {name: _}, spec: {more: m}}'}",
    "{target: {kind: Gadget}, patch: '{apiVersion: example.com/v1, kind: Gadget, metadata: {name: _}, spec: {install: {}, note: \"\"}}'}",
    "{target: {kind: Gadget}, patch: '{apiVersion: example.com/v1, kind: Gadget, metadata: {name: _}, spec: {$patch: replace, size: 7}}'}",
    "{target: {kind: ConfigMap}, patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: _}, data: {more: m}}'}",
    "{target: {kind: Gadget}, patch: '[{op: add, path: /spec/more, value: m}]'}",
    "{target: {version: v1}, patch: '{apiVersion: example.com/v1, kind: Gadget, metadata: {name: _, annotations: {any: kind}}}'}",
];

/// What it sets on all of them.
const METADATA: &[&str] = &[
    "",
    "labels: {fleet: one}",
    "labels: {team: two}, annotations: {note: n}",
];

/// A choice of each: of three files, two patches, the metadata, and whether a kustomization lists the files.
type Choices = [usize; 7];
const HOW_MANY: Choices = [
    DOCUMENTS.len(),
    DOCUMENTS.len(),
    DOCUMENTS.len(),
    PATCHES.len(),
    PATCHES.len(),
    METADATA.len(),
    2,
];

fn files(choices: &Choices) -> Files {
    let mut files = Files::new();
    let mut listed = Vec::new();
    for (name, choice) in ["a", "b", "c"].into_iter().zip(choices) {
        if DOCUMENTS[*choice].is_empty() {
            continue;
        }
        listed.push(format!("{name}.yaml"));
        files.insert(
            format!("apps/{name}.yaml"),
            DOCUMENTS[*choice].replace("NAME", name),
        );
    }
    if choices[6] == 1 {
        files.insert(
            "apps/kustomization.yaml".to_owned(),
            format!("resources: [{}]\n", listed.join(", ")),
        );
    }
    let patches = [PATCHES[choices[3]], PATCHES[choices[4]]];
    let patches: Vec<&str> = patches
        .into_iter()
        .filter(|patch| !patch.is_empty())
        .collect();
    let kustomization = |name: &str, spec: String| {
        format!(
            "apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: {name}, namespace: flux-system}}
spec:
  interval: 10m
  prune: true
  sourceRef: {{kind: GitRepository, name: flux-system}}
{spec}"
        )
    };
    files.insert(
        "clusters/production/flux-system/gotk-sync.yaml".to_owned(),
        kustomization("flux-system", "  path: ./clusters/production\n".to_owned()),
    );
    files.insert(
        "clusters/production/apps.yaml".to_owned(),
        kustomization(
            "apps",
            format!(
                "  path: ./apps\n  patches: [{}]\n  commonMetadata: {{{}}}\n",
                patches.join(", "),
                METADATA[choices[5]]
            ),
        ),
    );
    files
}

/// A step sets some of the choices, by place.
fn check_steps(steps: &[Vec<(usize, usize)>]) {
    let mut choices: Choices = [1, 2, 9, 1, 0, 0, 0];
    let mut line = vec![files(&choices)];
    for step in steps {
        for (place, choice) in step {
            choices[*place] = choice % HOW_MANY[*place];
        }
        line.push(files(&choices));
    }
    check_line(&line);
}

#[test]
fn what_is_told_of_patches_is_what_kustomize_makes_of_them() {
    let edit = (0..HOW_MANY.len(), 0..100_usize);
    let history = vec(vec(edit, 1..3), 3..9);
    check(16, history, |steps| check_steps(&steps));
}

#[test]
fn an_object_that_was_gone_while_nothing_could_be_built_was_there_before() {
    check_steps(&[vec![(2, 3)], vec![(0, 4)], vec![(2, 8)]]);
}
