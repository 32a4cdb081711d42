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
    left_by(&Rules::of(&object(owner)), desired)
}

fn left_by(rules: &Rules, desired: &str) -> (String, usize) {
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
        // No group is the group without a name.
        ("{kind: Deployment, jsonPointers: [/spec/replicas]}", ALL, 0),
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

#[test]
fn a_hook_need_not_be_there_where_its_deployer_runs_it() {
    let job = |annotation: &str| {
        object(&format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: a, annotations: {{{annotation}}}}}\n"
        ))
    };
    let rows = [
        (Deployer::ArgoCd, "argocd.argoproj.io/hook: PreSync", true),
        (Deployer::ArgoCd, "helm.sh/hook: post-install", true),
        (
            Deployer::Flux,
            "helm.sh/hook: 'pre-upgrade,pre-install'",
            true,
        ),
        (Deployer::Flux, "helm.sh/hook: crd-install", false),
        (Deployer::Flux, "", false),
        // Applied like anything else.
        (Deployer::JenkinsX, "helm.sh/hook: post-install", false),
        (Deployer::Unknown, "helm.sh/hook: post-install", false),
    ];
    for (deployer, annotation, expected) in rows {
        let rules = Rules::default().by(deployer);
        assert_eq!(
            rules.may_be_absent(&job(annotation)),
            expected,
            "{annotation}"
        );
    }
}

/// Argo CD's ConfigMap with this data, and what is left of an app that goes to its own cluster.
fn settings(data: &str) -> Rules {
    let settings = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: argocd-cm, namespace: argocd}}\ndata:\n{data}"
    );
    Rules::default().with_settings(&object(&settings), None)
}

const WITHOUT_REPLICAS: &str =
    "a[\"example.com/note\"] c[name=proxy].image c[name=web].args[1] c[name=web].image";

/// The forms are those of Argo CD's documentation, `docs/user-guide/diffing.md`, and of what its settings once were.
#[test]
fn what_argo_ignores_of_all_apps_does_not_drift() {
    let rows = [
        (
            "  resource.customizations.ignoreDifferences.apps_Deployment: |
    jsonPointers:
    - /spec/replicas
",
            WITHOUT_REPLICAS,
            1,
        ),
        (
            "  resource.customizations.ignoreDifferences.all: |
    managedFieldsManagers:
    - scaler
    jsonPointers:
    - /spec/template/spec
",
            "a[\"example.com/note\"]",
            4,
        ),
        (
            "  resource.customizations.ignoreDifferences.apps_Deployment: |
    managedFieldsManagers: [scaler]
    jqPathExpressions:
    - '.spec.template.spec.containers[]?.image'
",
            "a[\"example.com/note\"] c[name=web].args[1]",
            3,
        ),
        (
            "  resource.customizations: |
    apps/Deployment:
      ignoreDifferences: |
        jsonPointers:
        - /spec/replicas
",
            WITHOUT_REPLICAS,
            1,
        ),
        (
            "  resource.customizations: |
    '*/*':
      health.lua: return {}
      ignoreDifferences: |
        jsonPointers: [/spec/replicas]
",
            WITHOUT_REPLICAS,
            1,
        ),
        // The key of its own replaces what the whole says of the kind.
        (
            "  resource.customizations: |
    apps/Deployment: {ignoreDifferences: 'jsonPointers: [/spec]'}
  resource.customizations.ignoreDifferences.apps_Deployment: 'jsonPointers: [/spec/replicas]'
",
            WITHOUT_REPLICAS,
            1,
        ),
        // Of the group without a name, of another kind, of updates, of managers that are looked up by another key.
        (
            "  resource.customizations.ignoreDifferences.Deployment: 'jsonPointers: [/spec]'
  resource.customizations.ignoreDifferences.apps_StatefulSet: 'jsonPointers: [/spec]'
  resource.customizations.ignoreResourceUpdates.all: 'jsonPointers: [/spec]'
  resource.customizations.health.apps_Deployment: 'return {}'
  resource.customizations: '{\"app?/Deployment\": {ignoreDifferences: \"managedFieldsManagers: [scaler]\"}}'
",
            ALL,
            0,
        ),
        (
            "  resource.exclusions: |
    - apiGroups: [apps]
      kinds: [Deployment]
      clusters: ['https://kubernetes.*']
",
            "",
            5,
        ),
        (
            "  resource.inclusions: |
    - apiGroups: ['']
      kinds: ['*']
",
            "",
            5,
        ),
        (
            "  resource.inclusions: '[{apiGroups: [apps]}]'
  resource.exclusions: '[{apiGroups: [apps], kinds: [Deployment], clusters: [\"https://else.example.com\"]}]'
",
            ALL,
            0,
        ),
        ("  resource.exclusions: ''\n  resource.compareoptions: ''\n", ALL, 0),
    ];
    for (data, expected, ignored) in rows {
        let rules = settings(data);
        assert_eq!(rules.unread_settings, [""; 0], "{data}");
        let said = left_by(&rules, DESIRED);
        assert_eq!(said, (expected.to_owned(), ignored), "{data}");
    }
}

#[test]
fn a_setting_that_is_not_understood_is_told() {
    let data = "  resource.customizations: ['a']
  resource.customizations.ignoreDifferences.a_b_c: 'jsonPointers: [/spec]'
  resource.customizations.ignoreDifferences.apps_Deployment: 'jqPathExpressions: [\".spec | keys\"]'
  resource.customizations.ignoreDifferences.apps_StatefulSet: '- a'
  resource.compareoptions: 'ignoreResourceStatusField: off'
  resource.exclusions: 'a: b'
  resource.inclusions: '[{kinds: [Pod], clusters: [\"https://a.example.com\"]}]'
";
    let data = data.replace("['a']", "'[a]'");
    let cm =
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: argocd-cm}}\ndata:\n{data}");
    let rules = Rules::default().with_settings(&object(&cm), Some("prod-eu"));
    let expected = [
        "resource.customizations",
        "resource.customizations.ignoreDifferences.a_b_c",
        "resource.customizations.ignoreDifferences.apps_StatefulSet",
        ".spec | keys",
        "resource.compareoptions: ignoreResourceStatusField: none",
        "resource.exclusions",
        "resource.inclusions of clusters https://a.example.com",
    ];
    assert_eq!(rules.unread_settings, expected);
    assert_eq!(left_by(&rules, DESIRED), (ALL.to_owned(), 0));
}

#[test]
fn what_hides_a_field_is_named() {
    let data = "  resource.customizations.ignoreDifferences.apps_Deployment: 'jsonPointers: [/spec/replicas]'
  application.resourceTrackingMethod: label
  application.instanceLabelKey: app
";
    let cm =
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: argocd-cm}}\ndata:\n{data}");
    let owner =
        application("{group: apps, kind: Deployment, jqPathExpressions: ['.spec.template.spec']}");
    let rules = Rules::of(&object(&owner)).with_settings(&object(&cm), None);
    let desired = object(&DESIRED.replace("labels: {app: web}", "labels: {app: other}"));
    let comparison = rules.compare(&desired, &live(LIVE), |desired, live| {
        compare(desired, live, &ListKeys::builtin())
    });
    let named = comparison.suppressed_fields.iter();
    let named = named.filter_map(|field| Some((field.path.to_string(), field.rule.as_deref()?)));
    let application = "Application a: ignoreDifferences .spec.template.spec";
    let expected = [
        (
            "spec.template.spec.containers[name=proxy].image",
            application,
        ),
        (
            "spec.template.spec.containers[name=web].args[1]",
            application,
        ),
        ("spec.template.spec.containers[name=web].image", application),
        (
            "spec.replicas",
            "argocd-cm: ignoreDifferences of apps/Deployment /spec/replicas",
        ),
        (
            "metadata.labels.app",
            "argocd-cm: application.instanceLabelKey app",
        ),
    ];
    let expected = expected.map(|(path, rule)| (path.to_owned(), rule));
    assert_eq!(named.collect::<Vec<_>>(), expected);
}

#[test]
fn rules_of_aggregated_roles_are_ignored_where_argo_is_told_to() {
    let role = |rule: &str, aggregation: &str| {
        format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: a}}\n{aggregation}rules: [{{verbs: [{rule}], resources: [pods], apiGroups: ['']}}]\n"
        )
    };
    let rules = settings("  resource.compareoptions: 'ignoreAggregatedRoles: true'\n");
    for (aggregation, expected) in [
        ("aggregationRule: {clusterRoleSelectors: []}\n", 0),
        ("", 1),
    ] {
        let (desired, found) = (
            object(&role("get", aggregation)),
            live(&role("list", aggregation)),
        );
        let comparison = rules.compare(&desired, &found, |desired, live| {
            compare(desired, live, &ListKeys::builtin())
        });
        assert_eq!(comparison.drift.len(), expected, "{aggregation}");
    }
}

/// Somebody who may write to the cluster may write as many as they like.
#[test]
fn rules_are_bounded() {
    let pointers = vec!["/spec/replicas"; MOST + 1].join(", ");
    let rule = format!("{{group: apps, kind: Deployment, jsonPointers: [{pointers}]}}");
    let rules = Rules::of(&object(&application(&rule)));
    assert_eq!(rules.rules.len(), MOST);
    assert_eq!(rules.unread, ["all but the first 500 rules"]);
}
