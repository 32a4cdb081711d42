use super::*;
use crate::live::compare;
use crate::manifest::{ListKeys, Masking, parse};

const DESIRED: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  replicas: 2
  template:
    metadata: {annotations: {example.com/note: a}}
    spec:
      containers:
      - {name: web, image: web:1, args: [a, b]}
      - {name: proxy, image: proxy:1}
";

const LIVE: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  labels: {app: web}
  managedFields:
  - {manager: scaler, operation: Update, fieldsV1: {'f:spec': {'f:replicas': {}}}}
spec:
  replicas: 5
  template:
    metadata: {annotations: {example.com/note: b}}
    spec:
      containers:
      - {name: web, image: web:2, args: [a, c]}
      - {name: proxy, image: proxy:2}
";

fn object(yaml: &str) -> Object {
    let manifest = parse(yaml.as_bytes(), &Masking::new([7; 32]));
    let mut documents = manifest.documents.into_iter();
    documents.next().expect("a document").object
}

fn live(yaml: &str) -> LiveObject {
    let value = serde_yaml::from_str(yaml).expect("YAML");
    LiveObject::from_json(value, &Masking::new([7; 32])).expect("an object")
}

/// The last parts of what still differs; then what was ignored.
fn left(owner: &str, desired: &str) -> (String, usize) {
    let rules = Rules::of(&object(owner));
    let comparison = rules.compare(&object(desired), &live(LIVE), |desired, live| {
        compare(desired, live, &ListKeys::builtin())
    });
    let paths = comparison.drift.iter().map(|field| field.path.to_string());
    let short = paths.map(|path| path.replace("spec.template.spec.containers", "c"));
    let short = short.map(|path| path.replace("spec.template.metadata.annotations", "a"));
    let ignored = [ARGO, FLUX].map(|by| comparison.suppressed.get(by).copied().unwrap_or(0));
    (short.collect::<Vec<_>>().join(" "), ignored.iter().sum())
}

const ALL: &str = "spec.replicas a[\"example.com/note\"] c[name=proxy].image c[name=web].args[1] c[name=web].image";

fn application(rule: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: a}}\nspec: {{ignoreDifferences: [{rule}]}}\n"
    )
}

#[test]
fn what_an_application_ignores_does_not_drift_and_is_counted() {
    let rows = [
        (
            "{group: apps, kind: Deployment, jsonPointers: [/spec/replicas]}",
            "a[\"example.com/note\"] c[name=proxy].image c[name=web].args[1] c[name=web].image",
            1,
        ),
        (
            "{group: '*', kind: '*', jsonPointers: [/spec/replicas, /spec/template/metadata/annotations/example.com~1note]}",
            "c[name=proxy].image c[name=web].args[1] c[name=web].image",
            2,
        ),
        (
            "{group: apps, kind: Deployment, jsonPointers: [/spec/template/spec/containers/0/image]}",
            "spec.replicas a[\"example.com/note\"] c[name=proxy].image c[name=web].args[1]",
            1,
        ),
        (
            "{group: apps, kind: Deployment, jsonPointers: [/spec/template/spec]}",
            "spec.replicas a[\"example.com/note\"]",
            3,
        ),
        (
            "{group: apps, kind: Deployment, jqPathExpressions: ['.spec.template.spec.containers[].image']}",
            "spec.replicas a[\"example.com/note\"] c[name=web].args[1]",
            2,
        ),
        (
            "{group: apps, kind: Deployment, jqPathExpressions: ['.spec.template.spec.containers[]? | select(.name == \"web\") | .args']}",
            "spec.replicas a[\"example.com/note\"] c[name=proxy].image c[name=web].image",
            1,
        ),
        (
            "{group: apps, kind: Deployment, jqPathExpressions: ['.spec.template.metadata.annotations[\"example.com/note\"]', '.spec.template.spec.containers[1].image']}",
            "spec.replicas c[name=web].args[1] c[name=web].image",
            2,
        ),
        (
            "{group: apps, kind: Deployment, managedFieldsManagers: [scaler]}",
            "a[\"example.com/note\"] c[name=proxy].image c[name=web].args[1] c[name=web].image",
            1,
        ),
        // Of other objects, and of fields that are not there.
        (
            "{kind: Deployment, group: apps, name: api, jsonPointers: [/spec/replicas]}",
            ALL,
            0,
        ),
        (
            "{kind: Deployment, group: apps, namespace: shop, name: web, jsonPointers: [/spec/replicas/x, /status, /spec/template/spec/containers/9/image]}",
            ALL,
            0,
        ),
        ("{kind: Service, jsonPointers: [/spec/replicas]}", ALL, 0),
        (
            "{group: apps, kind: Deployment, jqPathExpressions: ['.spec | keys']}",
            ALL,
            0,
        ),
    ];
    for (rule, expected, ignored) in rows {
        let said = left(&application(rule), DESIRED);
        assert_eq!(said, (expected.to_owned(), ignored), "{rule}");
    }
}

#[test]
fn a_rule_that_is_not_understood_is_told() {
    let rule =
        "{group: apps, kind: Deployment, jqPathExpressions: ['.spec | keys', .spec.replicas]}";
    assert_eq!(
        Rules::of(&object(&application(rule))).unread,
        [".spec | keys"]
    );
}

#[test]
fn what_flux_ignores_does_not_drift_and_is_counted() {
    let release = |ignore: &str| {
        format!(
            "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: a}}\nspec: {{driftDetection: {{mode: enabled, ignore: [{ignore}]}}}}\n"
        )
    };
    let kustomization = |ignore: &str| {
        format!(
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: a}}\nspec: {{ignore: [{ignore}]}}\n"
        )
    };
    let without_replicas =
        "a[\"example.com/note\"] c[name=proxy].image c[name=web].args[1] c[name=web].image";
    let rows = [
        (release("{paths: [/spec/replicas]}"), without_replicas, 1),
        (
            release(
                "{paths: [/spec/replicas], target: {kind: Deployment, name: 'w.*', labelSelector: 'app=web'}}",
            ),
            without_replicas,
            1,
        ),
        (
            kustomization("{paths: [/spec/replicas], target: {kind: Deployment}}"),
            without_replicas,
            1,
        ),
        (kustomization("{paths: ['']}"), "", 5),
        (
            release("{paths: [/spec/replicas], target: {kind: Deploy}}"),
            ALL,
            0,
        ),
        (
            release("{paths: [/spec/replicas], target: {labelSelector: 'app=api'}}"),
            ALL,
            0,
        ),
        (
            release("{paths: [/spec/replicas], target: {labelSelector: 'app in (web)'}}"),
            ALL,
            0,
        ),
        (
            release("{paths: [/spec/replicas], target: {name: '('}}"),
            ALL,
            0,
        ),
    ];
    for (owner, expected, ignored) in rows {
        assert_eq!(
            left(&owner, DESIRED),
            (expected.to_owned(), ignored),
            "{owner}"
        );
    }
    let labels = "labels: {app: web}";
    let alone = format!("{labels}, annotations: {{kustomize.toolkit.fluxcd.io/ssa: IfNotPresent}}");
    assert_eq!(
        left(&kustomization(""), &DESIRED.replacen(labels, &alone, 1)),
        (String::new(), 6)
    );
}
