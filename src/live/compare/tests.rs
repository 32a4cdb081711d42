//! Objects as an API server (1.31) stores them, next to what was applied. Which extra fields are defaults and who owns
//! them follows `k8s.io/api`'s defaulting and server-side apply's documentation on field ownership.

use serde_json::json;

use super::*;
use crate::manifest::{Masking, parse};

fn masking() -> Masking {
    Masking::new([7; 32])
}

fn desired(yaml: &str) -> Object {
    let manifest = parse(yaml.as_bytes(), &masking());
    assert_eq!(manifest.broken, []);
    manifest.documents.into_iter().next().unwrap().object
}

fn live(yaml: &str) -> LiveObject {
    LiveObject::from_json(serde_yaml::from_str(yaml).unwrap(), &masking()).unwrap()
}

/// With an entry of `managedFields` for each manager: name, operation, subresource, FieldsV1.
fn managed(yaml: &str, managers: &[(&str, &str, &str, serde_json::Value)]) -> LiveObject {
    let mut value: serde_json::Value = serde_yaml::from_str(yaml).unwrap();
    value["metadata"]["managedFields"] = managers
        .iter()
        .map(|(name, operation, subresource, fields)| {
            json!({"manager": name, "operation": operation, "subresource": subresource, "time": "2026-03-01T10:00:00Z", "fieldsV1": fields})
        })
        .collect();
    LiveObject::from_json(value, &masking()).unwrap()
}

/// `path: desired → live (cause, manager)`, a line each.
fn drift(desired: &Object, live: &LiveObject) -> Vec<String> {
    let side = |node: &Option<Node>| {
        node.as_ref()
            .map_or("-".to_owned(), |node| serde_json::to_string(node).unwrap())
    };
    compare(desired, live, &ListKeys::builtin())
        .drift
        .iter()
        .map(|field| {
            let manager = field
                .manager
                .as_ref()
                .map(|manager| format!(", {}", manager.name))
                .unwrap_or_default();
            format!(
                "{}: {} → {} ({:?}{manager})",
                field.path,
                side(&field.desired),
                side(&field.live),
                field.cause
            )
        })
        .collect()
}

fn suppressed(desired: &Object, live: &LiveObject) -> Vec<String> {
    let counts = compare(desired, live, &ListKeys::builtin()).suppressed;
    counts
        .iter()
        .map(|(why, count)| format!("{why} {count}"))
        .collect()
}

const NOTHING: [&str; 0] = [];

const APPLIED: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop, labels: {app: api}, creationTimestamp: null, annotations: {}}
spec:
  replicas: 3
  selector: {matchLabels: {app: api}}
  strategy: {}
  template:
    metadata: {labels: {app: api}}
    spec:
      hostNetwork: false
      containers:
      - name: api
        image: api:1
        env: [{name: EMPTY, value: ''}, {name: A, value: a}]
        ports: [{containerPort: 80}]
        resources: {limits: {cpu: 0.5, memory: 1024Mi}, requests: null}
status: {}
";

const STORED: &str = "
apiVersion: apps/v1
kind: Deployment
metadata:
  name: api
  namespace: shop
  uid: u-1
  resourceVersion: '7'
  generation: 2
  creationTimestamp: '2026-03-01T09:00:00Z'
  labels: {app: api}
  annotations: {deployment.kubernetes.io/revision: '1'}
spec:
  replicas: 3
  progressDeadlineSeconds: 600
  revisionHistoryLimit: 10
  selector: {matchLabels: {app: api}}
  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 25%, maxUnavailable: 25%}}
  template:
    metadata: {creationTimestamp: null, labels: {app: api}}
    spec:
      containers:
      - name: api
        image: api:1
        imagePullPolicy: IfNotPresent
        env: [{name: EMPTY}, {name: A, value: a}]
        ports: [{containerPort: 80, protocol: TCP}]
        resources: {limits: {cpu: 500m, memory: 1Gi}}
        terminationMessagePath: /dev/termination-log
      dnsPolicy: ClusterFirst
      restartPolicy: Always
      securityContext: {}
status: {replicas: 3}
";

fn api() -> serde_json::Value {
    json!({"k:{\"name\":\"api\"}": {".": {}, "f:image": {}, "f:name": {}}})
}

#[test]
fn what_was_just_applied_is_no_drift() {
    assert_eq!(drift(&desired(APPLIED), &live(STORED)), NOTHING);
    // Defaults: progressDeadlineSeconds, revisionHistoryLimit, strategy (3), the template's creationTimestamp, three fields
    // of its pod spec, three of its container, the revision. Empty: requests, hostNetwork, EMPTY's value.
    let all = suppressed(&desired(APPLIED), &live(STORED));
    assert_eq!(all, ["defaults 13", "empty values 3", "status 1"]);
}

#[test]
fn every_field_that_git_sets_is_compared() {
    let changed = STORED
        .replace("image: api:1", "image: api:2")
        .replace("memory: 1Gi", "memory: 2Gi")
        .replace("replicas: 3\n  progress", "replicas: 5\n  progress")
        .replace("{name: A, value: a}", "{name: B, value: b}")
        .replace(
            "labels: {app: api}\n  annotations",
            "labels: {}\n  annotations",
        );
    let managers = [
        (
            "kubectl-edit",
            "Update",
            "",
            json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {
            "k:{\"name\":\"api\"}": {"f:resources": {"f:limits": {"f:memory": {}}}, "f:env": {"k:{\"name\":\"B\"}": {".": {}, "f:name": {}, "f:value": {}}}}}}}}}),
        ),
        (
            "kube-controller-manager",
            "Update",
            "scale",
            json!({"f:spec": {"f:replicas": {}}}),
        ),
        (
            "kustomize-controller",
            "Apply",
            "",
            json!({"f:spec": {"f:template": {"f:spec": {"f:containers": api()}}}}),
        ),
    ];
    let found = managed(&changed, &managers);
    assert_eq!(
        drift(&desired(APPLIED), &found),
        [
            r#"metadata.labels.app: "api" → - (Removed)"#,
            "spec.replicas: 3 → 5 (Autoscaler, kube-controller-manager)",
            r#"spec.template.spec.containers[name=api].env[name=A]: {"name":"A","value":"a"} → - (Removed)"#,
            r#"spec.template.spec.containers[name=api].env[name=B]: - → {"name":"B","value":"b"} (ManualEdit, kubectl-edit)"#,
            r#"spec.template.spec.containers[name=api].image: "api:1" → "api:2" (Deployer, kustomize-controller)"#,
            r#"spec.template.spec.containers[name=api].resources.limits.memory: "1024Mi" → "2Gi" (ManualEdit, kubectl-edit)"#,
        ]
    );
}

#[test]
fn an_autoscaler_alone_makes_nothing_drifted() {
    let scaled = STORED.replace("replicas: 3\n  progress", "replicas: 7\n  progress");
    let state = |manager: &str, subresource: &str| {
        let scaler = [(
            manager,
            "Update",
            subresource,
            json!({"f:spec": {"f:replicas": {}}}),
        )];
        compare(
            &desired(APPLIED),
            &managed(&scaled, &scaler),
            &ListKeys::builtin(),
        )
        .state()
    };
    assert_eq!(state("kube-controller-manager", "scale"), SyncState::Synced);
    assert_eq!(state("kubectl", "scale"), SyncState::Drifted);
    assert_eq!(state("kubectl-edit", ""), SyncState::Drifted);
}

/// An extra field is drift by whose it is, not by what it is.
#[test]
fn extra_fields_count_by_their_owner() {
    let extra = STORED
        .replace("dnsPolicy: ClusterFirst", "dnsPolicy: Default")
        .replace(
            "labels: {app: api}\n  annotations",
            "labels: {app: api, tier: web}\n  annotations",
        );
    let owned_by = |name: &str, operation: &str| {
        let fields = json!({"f:metadata": {"f:labels": {".": {}, "f:tier": {}}}, "f:spec": {"f:template": {"f:spec": {"f:dnsPolicy": {}}}}});
        drift(
            &desired(APPLIED),
            &managed(&extra, &[(name, operation, "", fields)]),
        )
    };
    let label = |cause: &str| format!(r#"metadata.labels.tier: - → "web" ({cause})"#);
    let policy = |cause: &str| format!(r#"spec.template.spec.dnsPolicy: - → "Default" ({cause})"#);
    assert_eq!(
        owned_by("kubectl-edit", "Update"),
        [
            label("ManualEdit, kubectl-edit"),
            policy("ManualEdit, kubectl-edit")
        ]
    );
    // Who wrote the whole object owns its defaults, too; a label is never a default.
    assert_eq!(
        owned_by("kubectl-create", "Update"),
        [label("ManualEdit, kubectl-create")]
    );
    // The deployer's own update includes defaults and what webhooks add; its apply is its will.
    assert_eq!(owned_by("helm", "Update"), NOTHING);
    assert_eq!(
        owned_by("kustomize-controller", "Apply"),
        [
            label("Deployer, kustomize-controller"),
            policy("Deployer, kustomize-controller")
        ]
    );
    assert_eq!(owned_by("kube-controller-manager", "Update"), NOTHING);
    // Of a tool that nobody knows, what it applied, and what is never a default.
    assert_eq!(
        owned_by("some-tool", "Update"),
        [label("Unknown, some-tool")]
    );
    assert_eq!(
        owned_by("some-tool", "Apply"),
        [label("Unknown, some-tool"), policy("Unknown, some-tool")]
    );
}

#[test]
fn what_git_set_once_and_does_not_any_more_is_drift() {
    let applied = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "api", "annotations": {"argocd.argoproj.io/tracking-id": "x"}, "labels": {"old": "gone already"}},
        "spec": {"template": {"spec": {"dnsPolicy": "ClusterFirst", "containers": [{"name": "api"}, {"name": "side", "image": "s"}]}}}
    });
    let mut value: serde_json::Value = serde_yaml::from_str(STORED).unwrap();
    value["metadata"]["annotations"] = json!({
        "kubectl.kubernetes.io/last-applied-configuration": applied.to_string(),
        "argocd.argoproj.io/tracking-id": "x",
        "kubectl.kubernetes.io/restartedAt": "not here",
    });
    value["spec"]["template"]["metadata"]["annotations"] =
        json!({"kubectl.kubernetes.io/restartedAt": "2026-03-01T10:00:00Z"});
    value["spec"]["template"]["spec"]["containers"]
        .as_array_mut()
        .unwrap()
        .insert(0, json!({"name": "side", "image": "s"}));
    let found = LiveObject::from_json(value, &masking()).unwrap();
    assert_eq!(
        drift(&desired(APPLIED), &found),
        [
            r#"spec.template.spec.containers[name=side]: - → {"image":"s","name":"side"} (NotApplied)"#,
            r#"spec.template.spec.dnsPolicy: - → "ClusterFirst" (NotApplied)"#,
        ]
    );
    let all = suppressed(&desired(APPLIED), &found);
    for reason in [
        "deployer's marks 1",
        "last-applied annotation 1",
        "restarted by hand 2",
    ] {
        assert!(all.iter().any(|one| one == reason), "{reason}: {all:?}");
    }
}

#[test]
fn only_the_order_of_keyed_items_is_no_drift() {
    let config = |ports: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: a}}\nspec: {{ports: [{ports}]}}\n"
        )
    };
    let git = desired(&config(
        "{port: 80, name: web}, {port: 53, protocol: UDP}, {port: 53}",
    ));
    let found = live(&config(
        "{port: 53, protocol: TCP}, {port: 80, name: web, protocol: TCP}, {port: 53, protocol: UDP}",
    ));
    assert_eq!(drift(&git, &found), NOTHING);
    assert!(suppressed(&git, &found).contains(&"order 1".to_owned()));
}

#[test]
fn items_of_plain_lists_are_compared_inside() {
    let policy = |rest: &str| {
        format!(
            "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {{name: a}}\nspec: {{data: [{{secretKey: k, remoteRef: {{key: x{rest}}}}}], list: [1, 2]}}\n"
        )
    };
    let git = desired(&policy(""));
    assert_eq!(
        drift(
            &git,
            &live(&policy(
                ", conversionStrategy: Default, decodingStrategy: None"
            ))
        ),
        NOTHING
    );
    let other = live(
        &policy("")
            .replace("key: x", "key: y")
            .replace("[1, 2]", "[1, 2, 3]"),
    );
    assert_eq!(
        drift(&git, &other),
        [
            r#"spec.data[0].remoteRef.key: "x" → "y" (Unknown)"#,
            "spec.list: [1,2] → [1,2,3] (Unknown)"
        ]
    );
}

#[test]
fn tolerations_that_admission_adds_are_no_drift() {
    let pod = |more: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{tolerations: [{{key: a}}{more}]}}\n"
        )
    };
    let git = desired(&pod(""));
    assert_eq!(
        drift(
            &git,
            &live(&pod(
                ", {key: node.kubernetes.io/not-ready, operator: Exists}"
            ))
        ),
        NOTHING
    );
    let gone = live(&pod("").replace("key: a", "key: b"));
    assert_eq!(
        drift(&git, &gone),
        [r#"spec.tolerations[0]: {"key":"a"} → - (Removed)"#]
    );
}

/// `false` where the field is a pointer is kept by the API server; so its absence is somebody's doing.
#[test]
fn zero_is_left_out_only_where_the_api_leaves_it_out() {
    let pod = |spec: &str| {
        format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{{spec}}}\n")
    };
    let git = desired(&pod(
        "hostPID: false, automountServiceAccountToken: false, priorityClassName: ''",
    ));
    assert_eq!(
        drift(&git, &live(&pod("nodeName: n"))),
        ["spec.automountServiceAccountToken: false → - (Removed)"]
    );
    // Objects of CRDs are stored as they are, but for null.
    let widget = |spec: &str| {
        format!(
            "apiVersion: example.com/v1\nkind: Widget\nmetadata: {{name: a}}\nspec: {{{spec}}}\n"
        )
    };
    let git = desired(&widget("a: '', b: null, c: []"));
    assert_eq!(
        drift(&git, &live(&widget("x: 1"))),
        [r#"spec.a: "" → - (Removed)"#, "spec.c: [] → - (Removed)"]
    );
}

#[test]
fn secrets_are_compared_by_their_masks() {
    let secret =
        |rest: &str| format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\n{rest}\n");
    let git = desired(&secret(
        "stringData: {password: correct-horse, user: bob}\ndata: {user: YWxpY2U=}",
    ));
    // base64 of correct-horse, bob and alice
    assert_eq!(
        drift(
            &git,
            &live(&secret(
                "data: {password: Y29ycmVjdC1ob3JzZQ==, user: Ym9i}\ntype: Opaque"
            ))
        ),
        NOTHING
    );
    let other = drift(
        &git,
        &live(&secret(
            "data: {password: Y29ycmVjdC1ob3JzZQ==, user: YWxpY2U=, more: eA==}",
        )),
    );
    assert_eq!(other.len(), 1, "{other:?}");
    assert!(
        other[0].starts_with("data.user: {\"masked\":\"#") && !other[0].contains("YWxp"),
        "{other:?}"
    );
}

#[test]
fn what_a_snapshot_masked_is_not_known() {
    let secret = |value: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\ndata: {{password: {value}}}\n"
        )
    };
    let git = desired(&secret("Y29ycmVjdC1ob3JzZQ=="));
    let mut found = live(&secret("'(masked #1)'"));
    let object = found.object();
    let Some(Node::Leaf(leaf)) = object.at(&["data", "password"]) else {
        panic!("no leaf")
    };
    found.hidden = vec![leaf.clone()];
    assert_eq!(drift(&git, &found), NOTHING);
    assert_eq!(suppressed(&git, &found), ["masked in the snapshot 1"]);
    let compared = compare(&git, &found, &ListKeys::builtin());
    assert_eq!(compared.state(), SyncState::Unknown);
}

#[test]
fn what_sops_encrypted_is_not_compared() {
    let git = desired(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: 'ENC[AES256_GCM,data:x]', plain: a}\nsops: {mac: 'ENC[x]'}\n",
    );
    let found =
        live("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: clear, plain: b}\n");
    assert_eq!(drift(&git, &found), [r#"data.plain: "a" → "b" (Unknown)"#]);
    assert_eq!(suppressed(&git, &found), ["encrypted in git 2"]);
}

/// `autoscaling/v1` has `targetCPUUtilizationPercentage` where v2 has `metrics`.
#[test]
fn another_version_of_the_api_may_lack_a_field() {
    let git = desired(
        "apiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {maxReplicas: 5, targetCPUUtilizationPercentage: 80}\n",
    );
    let found = live(
        "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {maxReplicas: 6, metrics: []}\n",
    );
    assert_eq!(drift(&git, &found), ["spec.maxReplicas: 5 → 6 (Unknown)"]);
    assert_eq!(
        suppressed(&git, &found),
        ["defaults 1", "other API version 1"]
    );
}
