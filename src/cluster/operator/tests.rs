use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::manifest::Masking;

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

fn id(group: &str, kind: &str, namespace: &str, name: &str) -> ObjectRef {
    ObjectRef {
        group: group.to_owned(),
        kind: kind.to_owned(),
        namespace: Some(namespace.to_owned()),
        name: name.to_owned(),
    }
}

fn object(api_version: &str, kind: &str, namespace: &str, name: &str, rest: Value) -> Value {
    let mut object = json!({
        "apiVersion": api_version, "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "generation": 2},
    });
    for (key, value) in rest.as_object().expect("a map") {
        match object[key].as_object_mut() {
            Some(known) => known.extend(value.as_object().expect("a map").clone()),
            None => object[key] = value.clone(),
        }
    }
    object
}

fn kustomization(rest: Value) -> Value {
    object(
        "kustomize.toolkit.fluxcd.io/v1",
        "Kustomization",
        "flux-system",
        "shop",
        rest,
    )
}

fn repository(rest: Value) -> Value {
    object(
        "source.toolkit.fluxcd.io/v1",
        "GitRepository",
        "flux-system",
        "main",
        rest,
    )
}

fn release(rest: Value) -> Value {
    object(
        "helm.toolkit.fluxcd.io/v2",
        "HelmRelease",
        "shop",
        "api",
        rest,
    )
}

fn application(rest: Value) -> Value {
    object(
        "argoproj.io/v1alpha1",
        "Application",
        "argocd",
        "shop",
        rest,
    )
}

fn job(commit: &str, created: &str, status: Value) -> Value {
    object(
        "batch/v1",
        "Job",
        "jx-git-operator",
        &format!("jx-boot-{}", &commit[..3]),
        json!({"metadata": {"creationTimestamp": created, "labels": {"git-operator.jenkins.io/commit-sha": commit}}, "status": status}),
    )
}

/// Who deploys, and the object that tells it to.
type App = (Deployer, Option<ObjectRef>);

/// What was read, kind by kind as an app asks for it.
fn listing(app: &App, live: &[Value]) -> Listing {
    let masking = Masking::new([7; 32]);
    let live = live.iter().cloned();
    let live: Vec<LiveObject> = live
        .map(|value| LiveObject::from_json(value, &masking).expect("an object"))
        .collect();
    let of = |(group, kind, namespace): &Kind| {
        let here = live.iter().filter(|live| {
            let id = &live.id;
            id.group == *group
                && id.kind == *kind
                && (namespace.is_none() || id.namespace == *namespace)
        });
        Known::Fresh(here.cloned().map(Arc::new).collect())
    };
    let kinds = kinds(app.0, app.1.as_ref()).into_iter();
    Listing {
        kinds: kinds.map(|kind| (kind.clone(), of(&kind))).collect(),
        referred: Vec::new(),
        lists: Arc::default(),
        read: None,
        skew: None,
        elsewhere: Vec::new(),
    }
}

/// As [`Cluster::list`] does.
fn with_referred(mut listing: Listing, live: &[Value]) -> Listing {
    for _ in 0..2 {
        for id in referred(&listing) {
            let masking = Masking::new([7; 32]);
            let live = live
                .iter()
                .filter_map(|value| LiveObject::from_json(value.clone(), &masking));
            let found = live.into_iter().find(|live| live.id == id);
            listing.referred.push((id, Known::Fresh(found)));
        }
    }
    listing
}

/// `applied aaa since 2026-01-01T00:00:00Z: message (object)`
fn said(app: &App, live: &[Value]) -> String {
    let operator = match with_referred(listing(app, live), live).operator(app.0, app.1.as_ref()) {
        Known::Fresh(Some(operator)) => operator,
        Known::Fresh(None) => return "nothing".to_owned(),
        other => return format!("{:?}", other.why()),
    };
    let state = serde_json::to_value(operator.state).expect("JSON");
    let mut said = state.as_str().expect("text").to_owned();
    for commit in &operator.applied {
        said += &format!(" {}", &commit[..3]);
    }
    if let Some(since) = operator.since {
        said += &format!(" since {since}");
    }
    if let Some(message) = &operator.message {
        said += &format!(": {message}");
    }
    said + &format!(" ({})", operator.object.kind)
}

#[test]
fn flux_says_what_it_applied_last_and_why_nothing_since() {
    let app = (
        Deployer::Flux,
        Some(id(
            "kustomize.toolkit.fluxcd.io",
            "Kustomization",
            "flux-system",
            "shop",
        )),
    );
    let at = "2026-01-01T00:00:00Z";
    let ready = |status: &str, message: &str| json!([{"type": "Ready", "status": status, "message": message, "lastTransitionTime": at}]);
    let spec = json!({"prune": true, "sourceRef": {"kind": "GitRepository", "name": "main"}});
    let applied = |conditions: Value| {
        json!({"spec": spec, "status": {
            "observedGeneration": 2, "conditions": conditions, "lastAppliedRevision": format!("main@sha1:{A}"),
        }})
    };
    let fetched = repository(
        json!({"status": {"observedGeneration": 2, "conditions": ready("True", "stored")}}),
    );
    let rows = [
        (
            vec![
                kustomization(applied(ready("True", "Applied"))),
                fetched.clone(),
            ],
            "applied aaa since 2026-01-01T00:00:00Z (Kustomization)",
        ),
        (
            vec![kustomization(applied(ready("True", "Applied")))],
            "applied aaa since 2026-01-01T00:00:00Z (Kustomization)",
        ),
        (
            vec![kustomization(applied(ready("False", "no such namespace")))],
            "failing aaa since 2026-01-01T00:00:00Z: no such namespace (Kustomization)",
        ),
        (
            vec![kustomization(applied(ready("Unknown", "building")))],
            "applying aaa since 2026-01-01T00:00:00Z (Kustomization)",
        ),
        // Its source brings nothing new.
        (
            vec![
                kustomization(applied(ready("True", "Applied"))),
                repository(
                    json!({"status": {"observedGeneration": 2, "conditions": ready("False", "authentication required")}}),
                ),
            ],
            "failing aaa since 2026-01-01T00:00:00Z: authentication required (GitRepository)",
        ),
        (
            vec![
                kustomization(applied(ready("True", "Applied"))),
                repository(
                    json!({"spec": {"suspend": true}, "status": {"observedGeneration": 2, "conditions": ready("True", "")}}),
                ),
            ],
            "suspended aaa since 2026-01-01T00:00:00Z (GitRepository)",
        ),
        (
            vec![kustomization(
                json!({"spec": {"suspend": true}, "status": {"lastAppliedRevision": format!("main/{A}")}}),
            )],
            "suspended aaa (Kustomization)",
        ),
        (vec![kustomization(json!({}))], "applying (Kustomization)"),
        // An artifact that says which commit it was made of, and one that does not.
        (
            vec![kustomization(
                json!({"status": {"observedGeneration": 2, "conditions": ready("True", ""), "lastAppliedRevision": "latest@sha256:00", "lastAppliedOriginRevision": format!("main@sha1:{B}")}}),
            )],
            "applied bbb since 2026-01-01T00:00:00Z (Kustomization)",
        ),
        (
            vec![kustomization(
                json!({"status": {"observedGeneration": 2, "conditions": ready("True", ""), "lastAppliedRevision": "latest@sha256:00"}}),
            )],
            "applied lat since 2026-01-01T00:00:00Z (Kustomization)",
        ),
        (
            vec![],
            r#"Some(Failed("Kustomization/shop is not in this cluster"))"#,
        ),
    ];
    for (live, expected) in rows {
        assert_eq!(said(&app, &live), expected, "{live:?}");
    }
}

#[test]
fn a_release_is_where_its_kustomization_is_unless_it_has_its_own_trouble() {
    let app = (
        Deployer::Flux,
        Some(id("helm.toolkit.fluxcd.io", "HelmRelease", "shop", "api")),
    );
    let labels = json!({"labels": {"kustomize.toolkit.fluxcd.io/name": "shop", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}});
    let parent = object(
        "kustomize.toolkit.fluxcd.io/v1",
        "Kustomization",
        "flux-system",
        "shop",
        json!({"status": {"observedGeneration": 2, "conditions": [{"type": "Ready", "status": "True"}], "lastAppliedRevision": format!("main@sha1:{A}")}}),
    );
    let status = |status: &str, message: &str| json!({"observedGeneration": 2, "conditions": [{"type": "Ready", "status": status, "message": message}]});
    let rows = [
        (
            json!({"metadata": labels, "status": status("True", "")}),
            "applied aaa (Kustomization)",
        ),
        (
            json!({"metadata": labels, "status": status("False", "install retries exhausted")}),
            "failing aaa: install retries exhausted (HelmRelease)",
        ),
        (
            json!({"metadata": labels, "spec": {"suspend": true}}),
            "suspended aaa (HelmRelease)",
        ),
        (
            json!({"metadata": labels, "status": {"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True"}]}}),
            "applying aaa (HelmRelease)",
        ),
        // Applied by hand.
        (json!({"status": status("True", "")}), "nothing"),
    ];
    for (rest, expected) in rows {
        let live = [release(rest.clone()), parent.clone()];
        assert_eq!(said(&app, &live), expected, "{rest}");
    }
}

#[test]
fn why_an_object_fares_so_is_told_on_a_line_that_ends() {
    let app = (
        Deployer::ArgoCd,
        Some(id("argoproj.io", "Application", "argocd", "shop")),
    );
    let web = id("apps", "Deployment", "shop", "web");
    let reason = |message: &str| {
        let health = json!({"status": "Degraded", "message": message});
        let resources = json!([{"group": "apps", "kind": "Deployment", "namespace": "shop", "name": "web", "status": "Synced", "health": health}]);
        let live = application(json!({"status": {"resources": resources}}));
        let operator = listing(&app, &[live]).operator(app.0, app.1.as_ref());
        let verdicts = operator.value().cloned().flatten()?.verdicts?;
        let said = verdicts.of(&web)?;
        assert_eq!(said.health, Some(HealthStatus::Degraded));
        said.reason.clone()
    };
    let two_lines = reason("no\n\u{1b}[31mpods");
    assert_eq!(two_lines.as_deref(), Some("no \\u{1b}[31mpods"));
    assert_eq!(reason(""), None);
    let long = reason(&"x".repeat(10_000)).expect("a reason");
    assert!(long.chars().count() == 160 && long.ends_with('…'), "{long}");
}

#[test]
fn argo_says_what_it_compared_with_and_what_it_synced() {
    let app = (
        Deployer::ArgoCd,
        Some(id("argoproj.io", "Application", "argocd", "shop")),
    );
    let history = json!([{"revision": B, "deployedAt": "2025-01-01T00:00:00Z"}, {"revision": A, "deployedAt": "2026-01-01T00:00:00Z"}]);
    let automated = json!({"syncPolicy": {"automated": {"prune": true}}});
    let status = |sync: &str, revision: &str, phase: &str| {
        json!({
            "sync": {"status": sync, "revision": revision}, "history": history,
            "operationState": {"phase": phase, "message": "one or more objects failed to apply"},
        })
    };
    let since = "since 2026-01-01T00:00:00Z";
    let rows = [
        (
            json!({"spec": automated, "status": status("Synced", B, "Succeeded")}),
            format!("applied bbb {since} (Application)"),
        ),
        (
            json!({"spec": automated, "status": status("OutOfSync", B, "Running")}),
            format!("applying aaa {since} (Application)"),
        ),
        (
            json!({"spec": automated, "status": status("OutOfSync", B, "Succeeded")}),
            format!("applying aaa {since} (Application)"),
        ),
        (
            json!({"spec": automated, "status": status("OutOfSync", B, "Failed")}),
            format!("failing aaa {since}: one or more objects failed to apply (Application)"),
        ),
        (
            json!({"spec": automated, "status": {"operationState": {"phase": "Running", "retryCount": 1, "message": "one or more objects failed to apply. Retrying attempt #1"}}}),
            "failing: one or more objects failed to apply. Retrying attempt #1 (Application)"
                .to_owned(),
        ),
        // Somebody changed the cluster.
        (
            json!({"spec": automated, "status": status("OutOfSync", A, "Succeeded")}),
            format!("applied aaa {since} (Application)"),
        ),
        (
            json!({"spec": {}, "status": status("OutOfSync", B, "Succeeded")}),
            format!("manual aaa {since} (Application)"),
        ),
        (
            json!({"spec": {"syncPolicy": {"automated": {"enabled": false}}}, "status": status("OutOfSync", B, "Succeeded")}),
            format!("manual aaa {since} (Application)"),
        ),
        (
            json!({"spec": automated, "status": {"sync": {"status": "Unknown"}, "conditions": [{"type": "ComparisonError", "message": "authentication required"}, {"type": "SharedResourceWarning", "message": "x"}]}}),
            "failing: authentication required (Application)".to_owned(),
        ),
        (
            json!({"spec": automated, "status": {"sync": {"status": "Synced", "revisions": [A, B]}}}),
            "applied aaa bbb (Application)".to_owned(),
        ),
        (json!({"spec": automated}), "nothing".to_owned()),
    ];
    for (rest, expected) in rows {
        assert_eq!(said(&app, &[application(rest.clone())]), expected, "{rest}");
    }
}

#[test]
fn the_newest_boot_job_says_how_it_goes_and_the_newest_that_completed_what_is_applied() {
    let app = (Deployer::JenkinsX, None);
    let done = json!({"completionTime": "2026-01-01T00:00:00Z", "conditions": [{"type": "Complete", "status": "True"}]});
    let failed = json!({"conditions": [{"type": "Failed", "status": "True", "message": "Job has reached the specified backoff limit"}]});
    let (early, late) = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
    let rows = [
        (
            vec![job(A, early, done.clone())],
            "applied aaa since 2026-01-01T00:00:00Z (Job)",
        ),
        (
            vec![
                job(B, late, json!({"active": 1})),
                job(A, early, done.clone()),
            ],
            "applying aaa since 2026-01-01T00:00:00Z (Job)",
        ),
        (
            vec![job(A, early, done.clone()), job(B, late, failed)],
            "failing aaa since 2026-01-01T00:00:00Z: Job has reached the specified backoff limit (Job)",
        ),
        (
            vec![object(
                "batch/v1",
                "Job",
                "jx-git-operator",
                "other",
                json!({"status": done}),
            )],
            "nothing",
        ),
        (vec![], "nothing"),
    ];
    for (live, expected) in rows {
        assert_eq!(said(&app, &live), expected);
    }
}

#[test]
fn an_inventory_names_objects_of_the_cluster_and_of_namespaces() {
    let entry = |id: &str| json!({"id": id, "v": "v1"});
    let object = kustomization(json!({"status": {"inventory": {"entries": [
        entry("shop_api_apps_Deployment"), entry("_shop__Namespace"), entry("_system__node_rbac.authorization.k8s.io_ClusterRole"), entry("broken"),
    ]}}}));
    let live = LiveObject::from_json(object, &Masking::new([7; 32])).expect("an object");
    let operator = flux::operator(&live, &Listing::default()).expect("it says something");
    let ids = operator.inventory.expect("an inventory");
    let ids: Vec<String> = ids
        .iter()
        .map(|id| format!("{} {} {:?} {}", id.group, id.kind, id.namespace, id.name))
        .collect();
    assert_eq!(
        ids,
        [
            r#"apps Deployment Some("shop") api"#,
            " Namespace None shop",
            "rbac.authorization.k8s.io ClusterRole None system:node",
        ]
    );
}

/// Its ConfigMap may hold keys of logins, which a snapshot would keep.
#[test]
fn of_argos_settings_only_what_is_asked_for_is_kept() {
    let data = json!({
        "dex.config": "clientSecret: hush", "url": "https://argo.example.com",
        "resource.customizations.health.apps_Deployment": "return {}",
        "resource.customizations.ignoreDifferences.all": "jsonPointers: [/spec]",
        "resource.exclusions": "[]",
    });
    let applied = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm"}, "data": data});
    let metadata = json!({
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": applied.to_string()},
        "managedFields": [{"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:data": {"f:dex.config": {}}}}],
    });
    let rest = json!({"metadata": metadata, "data": data, "binaryData": {"a": "aHVzaA=="}});
    let whole = object("v1", "ConfigMap", "argocd", "argocd-cm", rest.clone());
    let read = |value: Value| {
        let live = LiveObject::from_json(value, &Masking::new([7; 32])).expect("an object");
        of_use(live).to_saved()
    };
    let expected = json!({
        "resource.customizations.ignoreDifferences.all": "jsonPointers: [/spec]",
        "resource.exclusions": "[]",
    });
    let kept = read(whole);
    assert_eq!(kept["data"], expected);
    let text = kept.to_string();
    assert!(!text.contains("hush") && !text.contains("dex"), "{text}");
    let other = read(object("v1", "ConfigMap", "argocd", "other", rest));
    assert_eq!(other["data"], data);
}
