use serde_json::json;

use super::*;
use crate::manifest::{Masking, parse};

fn object(yaml: &str) -> Object {
    parse(yaml.as_bytes(), &Masking::new([7; 32]))
        .documents
        .remove(0)
        .object
}

fn live(yaml: &str, managers: serde_json::Value) -> LiveObject {
    let mut value: serde_json::Value = serde_yaml::from_str(yaml).unwrap();
    value["metadata"]["managedFields"] = managers;
    LiveObject::from_json(value, &Masking::new([7; 32])).unwrap()
}

/// `update: restarts 3 pods`
fn told(
    before: Option<&str>,
    after: Option<&str>,
    live: Option<Option<&LiveObject>>,
    deployer: Deployer,
) -> String {
    let (before, after) = (before.map(object), after.map(object));
    let effect = effect(
        before.as_ref(),
        after.as_ref(),
        live,
        deployer,
        &ListKeys::builtin(),
    )
    .unwrap();
    let action = serde_json::to_value(effect.action).unwrap();
    let detail = if effect.detail.is_empty() {
        String::new()
    } else {
        format!(": {}", effect.detail)
    };
    format!("{}{detail}", action.as_str().unwrap())
}

const ONE: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec: {replicas: 3, selector: {matchLabels: {a: b}}, template: {spec: {containers: [{name: api, image: 'api:1', args: [x]}]}}}
";

fn two() -> String {
    ONE.replace("api:1", "api:2")
}

fn running(yaml: &str) -> String {
    format!("{yaml}status: {{replicas: 3}}\n")
}

#[test]
fn without_a_cluster_git_alone_tells() {
    assert_eq!(
        effect(None, None, None, Deployer::Flux, &ListKeys::builtin()),
        None
    );
    assert_eq!(told(None, Some(ONE), None, Deployer::Flux), "create");
    assert_eq!(
        told(Some(ONE), Some(ONE), None, Deployer::Flux),
        "nothing: already so"
    );
    assert_eq!(
        told(Some(ONE), Some(&two()), None, Deployer::Flux),
        "update: restarts 3 pods"
    );
    assert_eq!(
        told(Some(ONE), None, None, Deployer::Flux),
        "prune: with its pods"
    );
}

#[test]
fn with_one_the_live_object_does() {
    let now = live(&running(&two()), json!([]));
    let gone = Some(None);
    assert_eq!(
        told(Some(ONE), Some(&two()), gone, Deployer::Flux),
        "create"
    );
    assert_eq!(
        told(Some(ONE), None, gone, Deployer::Flux),
        "nothing: not in the cluster"
    );
    assert_eq!(
        told(Some(ONE), Some(&two()), Some(Some(&now)), Deployer::Flux),
        "nothing: already so"
    );
    assert_eq!(
        told(Some(&two()), Some(ONE), Some(Some(&now)), Deployer::Flux),
        "update: restarts 3 pods"
    );
    assert_eq!(
        told(None, Some(ONE), Some(Some(&now)), Deployer::Flux),
        "update: restarts 3 pods"
    );
    // What leaves git is taken away where it is live, and only there.
    let without = two().replace(", args: [x]", "");
    assert_eq!(
        told(
            Some(&two()),
            Some(&without),
            Some(Some(&now)),
            Deployer::Flux
        ),
        "update: restarts 3 pods"
    );
    let without_live = live(&running(&without), json!([]));
    assert_eq!(
        told(
            Some(&two()),
            Some(&without),
            Some(Some(&without_live)),
            Deployer::Flux
        ),
        "nothing: already so"
    );
}

#[test]
fn manual_edits_that_are_overwritten_are_named() {
    let edited = running(&ONE.replace("replicas: 3", "replicas: 7"))
        .replace("status: {replicas: 3}", "status: {replicas: 7}");
    let by = |manager: &str, subresource: &str| {
        let fields = json!({"f:spec": {"f:replicas": {}}});
        live(
            &edited,
            json!([{"manager": manager, "operation": "Update", "subresource": subresource, "fieldsV1": fields}]),
        )
    };
    let effect = |live: &LiveObject, after: &str| {
        told(Some(ONE), Some(after), Some(Some(live)), Deployer::Flux)
    };
    let by_hand = by("kubectl-edit", "");
    assert_eq!(
        effect(&by_hand, ONE),
        "update: overwrites a manual edit of spec.replicas (7 → 3)"
    );
    assert_eq!(
        effect(&by_hand, &two()),
        "update: restarts 7 pods, overwrites a manual edit of spec.replicas (7 → 3)"
    );
    assert_eq!(
        effect(&by("kube-controller-manager", "scale"), ONE),
        "update: scales 7 → 3 what an autoscaler has scaled"
    );
    assert_eq!(
        effect(&by("kustomize-controller", ""), ONE),
        "update: scales 7 → 3"
    );
}

#[test]
fn pods_restart_as_their_owner_does_it() {
    let effect = |kind: &str, spec: &str, status: &str| {
        let yaml = |image: &str| {
            format!(
                "apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: a}}\nspec: {{{spec} template: {{spec: {{containers: [{{name: a, image: {image}}}]}}}}}}\n"
            )
        };
        let now = live(&format!("{}status: {{{status}}}\n", yaml("one")), json!([]));
        told(
            Some(&yaml("one")),
            Some(&yaml("two")),
            Some(Some(&now)),
            Deployer::Flux,
        )
    };
    assert_eq!(
        effect("Deployment", "", "replicas: 1"),
        "update: restarts 1 pod"
    );
    assert_eq!(
        effect("Deployment", "replicas: 0,", "replicas: 0"),
        "update"
    );
    assert_eq!(
        effect("Deployment", "paused: true,", "replicas: 2"),
        "update: restarts its pods once it is resumed"
    );
    assert_eq!(
        effect("DaemonSet", "", "desiredNumberScheduled: 4"),
        "update: restarts 4 pods"
    );
    assert_eq!(
        effect(
            "StatefulSet",
            "updateStrategy: {type: OnDelete},",
            "replicas: 2"
        ),
        "update: its pods stay as they are until they are deleted"
    );
    assert_eq!(effect("ReplicaSet", "", "replicas: 2"), "update");
    let cron = |image: &str| {
        format!(
            "apiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: a}}\nspec: {{jobTemplate: {{spec: {{template: {{spec: {{containers: [{{name: a, image: {image}}}]}}}}}}}}}}\n"
        )
    };
    assert_eq!(
        told(Some(&cron("one")), Some(&cron("two")), None, Deployer::Flux),
        "update: from its next run on"
    );
}

#[test]
fn immutable_fields_take_a_new_object() {
    let other = ONE.replace("matchLabels: {a: b}", "matchLabels: {a: c}");
    let effect = |deployer| told(Some(ONE), Some(&other), None, deployer);
    let refused = "replace: immutable: spec.selector.matchLabels.a; the API server refuses it until the object is deleted";
    let anew = "replace: immutable: spec.selector.matchLabels.a; deleted and created anew";
    assert_eq!(effect(Deployer::Flux), refused);
    assert_eq!(effect(Deployer::Helm), refused);
    assert_eq!(effect(Deployer::JenkinsX), anew);
    let forced = other.replace(
        "{name: api}\nspec",
        "{name: api, annotations: {kustomize.toolkit.fluxcd.io/force: enabled}}\nspec",
    );
    assert_eq!(told(Some(ONE), Some(&forced), None, Deployer::Flux), anew);
    let replaced = other.replace("{name: api}\nspec", "{name: api, annotations: {argocd.argoproj.io/sync-options: 'ServerSideApply=true, Replace=true'}}\nspec");
    assert_eq!(
        told(Some(ONE), Some(&replaced), None, Deployer::ArgoCd),
        anew
    );
}

#[test]
fn each_deployer_prunes_by_its_own_rule() {
    let of = |version: &str, kind: &str, annotations: &str| {
        format!(
            "apiVersion: {version}\nkind: {kind}\nmetadata: {{name: a, annotations: {{{annotations}}}}}\n"
        )
    };
    let plain = |version: &str, kind: &str| of(version, kind, "");
    let rows = [
        (Deployer::JenkinsX, plain("v1", "ConfigMap"), "prune"),
        (
            Deployer::JenkinsX,
            plain("apps/v1", "Deployment"),
            "prune: with its pods",
        ),
        (
            Deployer::JenkinsX,
            plain("external-secrets.io/v1", "ExternalSecret"),
            "orphan: kubectl apply --prune leaves this kind alone",
        ),
        (
            Deployer::JenkinsX,
            plain("v1", "ServiceAccount"),
            "orphan: kubectl apply --prune leaves this kind alone",
        ),
        (
            Deployer::JenkinsX,
            plain("autoscaling/v2", "HorizontalPodAutoscaler"),
            "orphan: kubectl apply --prune leaves this kind alone",
        ),
        (Deployer::Flux, plain("v1", "ServiceAccount"), "prune"),
        (
            Deployer::Flux,
            plain("v1", "Namespace"),
            "prune: with everything in it",
        ),
        (
            Deployer::Flux,
            of(
                "v1",
                "ConfigMap",
                "kustomize.toolkit.fluxcd.io/prune: disabled",
            ),
            "orphan: pruning is disabled on it",
        ),
        (
            Deployer::ArgoCd,
            plain("v1", "PersistentVolumeClaim"),
            "prune: its data may go with it",
        ),
        (
            Deployer::ArgoCd,
            of(
                "v1",
                "ConfigMap",
                "argocd.argoproj.io/sync-options: 'Prune=false'",
            ),
            "orphan: Prune=false is set on it",
        ),
        (
            Deployer::Helm,
            of(
                "v1",
                "PersistentVolumeClaim",
                "helm.sh/resource-policy: keep",
            ),
            "orphan: its resource policy is keep",
        ),
        (
            Deployer::Helm,
            of("batch/v1", "Job", "helm.sh/hook: pre-install"),
            "orphan: Helm does not manage hooks",
        ),
        (
            Deployer::Pipeline,
            plain("v1", "ConfigMap"),
            "orphan: whether its deployer deletes what leaves git is not known",
        ),
    ];
    for (deployer, yaml, expected) in rows {
        assert_eq!(
            told(Some(&yaml), None, None, deployer),
            expected,
            "{deployer:?} {yaml}"
        );
        assert_eq!(
            kept(&object(&yaml), deployer).is_none(),
            expected.starts_with("prune"),
            "{deployer:?} {yaml}"
        );
    }
    // The annotation counts where it is live, too.
    let kept = live(
        &of(
            "v1",
            "ConfigMap",
            "kustomize.toolkit.fluxcd.io/prune: disabled",
        ),
        json!([]),
    );
    let gone = told(
        Some(&plain("v1", "ConfigMap")),
        None,
        Some(Some(&kept)),
        Deployer::Flux,
    );
    assert_eq!(gone, "orphan: pruning is disabled on it");
}

/// In a snapshot of somebody else's, the mask of a live value says nothing: what git changes is then what would be written.
#[test]
fn what_somebody_else_masked_is_not_taken_to_be_so_already() {
    let git = |value: &str, at: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {name}\n{at}: {{p: {value}, q: eA==}}\n",
            name = "{name: a}"
        )
    };
    let mut found = live(&git("b3RoZXI=", "data"), json!([]));
    let hidden = ["p", "q"].map(|key| match found.object().at(&["data", key]) {
        Some(Node::Leaf(leaf)) => leaf.clone(),
        other => panic!("{other:?}"),
    });
    let deployer = Deployer::Flux;
    let told_of = |before: &str, after: &str, at: &str, live| {
        told(
            Some(&git(before, at)),
            Some(&git(after, at)),
            live,
            deployer,
        )
    };
    found.hidden = hidden.to_vec();
    let live = Some(Some(&found));
    for at in ["data", "stringData"] {
        assert!(told_of("b25l", "dHdv", at, live).starts_with("update"));
        assert_eq!(told_of("b25l", "b25l", at, live), "nothing: already so");
    }
}
