//! That the control plane does what tests rely on it for.

use std::path::Path;

use serde_json::Value;

use crate::harness::{Cluster, User, cluster, until};

fn deployment(namespace: &str, image: &str, replicas: i32) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: {namespace}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: web, image: '{image}'}}]}}
"
    )
}

fn pods(cluster: &Cluster, namespace: &str) -> Vec<Value> {
    let list: Value =
        serde_json::from_str(&cluster.admin(&["get", "pods", "-n", namespace, "-o", "json"]))
            .expect("JSON");
    list["items"].as_array().expect("a list").clone()
}

#[test]
fn what_is_applied_rolls_out_and_ends_with_its_namespace() {
    let Some(cluster) = cluster() else { return };
    cluster.namespace("rollout");
    cluster.apply(&deployment("rollout", "web:1", 2));
    cluster.admin(&[
        "rollout",
        "status",
        "deployment/web",
        "-n",
        "rollout",
        "--timeout=60s",
    ]);
    let ready: Vec<_> = pods(cluster, "rollout")
        .iter()
        .map(|pod| pod["status"]["containerStatuses"][0]["ready"].clone())
        .collect();
    assert_eq!(ready, [true, true]);
    let log = cluster.admin(&["logs", "deployment/web", "-n", "rollout"]);
    assert!(log.starts_with("log of rollout/web-"), "{log}");

    cluster.apply(
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: once, namespace: rollout}\nspec: {template: {spec: {restartPolicy: Never, containers: [{name: once, image: 'once:1'}]}}}\n",
    );
    cluster.admin(&[
        "wait",
        "--for=condition=complete",
        "job/once",
        "-n",
        "rollout",
        "--timeout=60s",
    ]);
    cluster.admin(&["delete", "deployment", "web", "-n", "rollout"]);
    until("the pods to be collected", || {
        let left = pods(cluster, "rollout");
        left.iter()
            .all(|pod| pod["metadata"]["labels"]["app"] != "web")
            .then_some(())
    });
    cluster.admin(&["delete", "namespace", "rollout", "--timeout=90s"]);
}

#[test]
fn the_server_refuses_what_conflicts_and_what_is_invalid() {
    let Some(cluster) = cluster() else { return };
    cluster.namespace("refusals");
    cluster.apply(&deployment("refusals", "web:1", 2));
    let admin = cluster.kubeconfig(User::Admin);
    let more = deployment("refusals", "web:1", 3);

    let other = ["apply", "--server-side", "--field-manager=other", "-f", "-"];
    let conflict = cluster.kubectl(admin, &other, &more);
    assert_ne!(conflict.code, 0);
    assert!(
        conflict.err.contains("conflict with \"kubectl\""),
        "{}",
        conflict.err
    );

    let dry = [
        "apply",
        "--server-side",
        "--dry-run=server",
        "-o",
        "jsonpath={.spec.replicas}",
        "-f",
        "-",
    ];
    assert_eq!(cluster.kubectl(admin, &dry, &more).out, "3");
    let kept = cluster
        .get("refusals", "deployment/web")
        .expect("it is there");
    assert_eq!(kept["spec"]["replicas"], 2);

    let negative = cluster.kubectl(admin, &dry, &deployment("refusals", "web:1", -3));
    assert!(
        negative.err.contains("must be greater than or equal to 0"),
        "{}",
        negative.err
    );

    let diff = cluster.kubectl(admin, &["diff", "--server-side", "-f", "-"], &more);
    assert_eq!(diff.code, 1, "{}", diff.err);
    assert!(
        diff.out.contains("-  replicas: 2\n+  replicas: 3\n"),
        "{}",
        diff.out
    );
}

#[test]
fn custom_resources_are_held_to_their_schema() {
    let Some(cluster) = cluster() else { return };
    cluster.apply(
        "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.stack.example.com}
spec:
  group: stack.example.com
  names: {kind: Widget, listKind: WidgetList, plural: widgets, singular: widget}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer, minimum: 1}}}}}}
",
    );
    cluster.admin(&[
        "wait",
        "--for=condition=Established",
        "--timeout=60s",
        "crd/widgets.stack.example.com",
    ]);
    cluster.namespace("widgets");
    let widget = |size: u32| {
        let text = format!(
            "apiVersion: stack.example.com/v1\nkind: Widget\nmetadata: {{name: a, namespace: widgets}}\nspec: {{size: {size}}}\n"
        );
        let args = ["apply", "--server-side", "-f", "-"];
        cluster.kubectl(cluster.kubeconfig(User::Admin), &args, &text)
    };
    // The path is served some time after the definition is established.
    until("the custom resource to be served", || {
        (widget(2).code == 0).then_some(())
    });
    let refused = widget(0);
    assert!(
        refused.err.contains("should be greater than or equal to 1"),
        "{}",
        refused.err
    );
}

#[test]
fn users_may_do_what_their_role_says_and_the_audit_log_knows_who_they_are() {
    let Some(cluster) = cluster() else { return };
    cluster.namespace("rights");
    cluster.namespace("rights-elsewhere");
    cluster.apply("apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: rights}\nstringData: {a: b}\n");
    let member = cluster.member("rights", "view");
    let wrong = cluster.with_token("rights-wrong", "wrong");
    let may = |kubeconfig: &Path, verb: &str, resource: &str, namespace: &str| {
        let args = ["auth", "can-i", verb, resource, "-n", namespace];
        cluster.kubectl(kubeconfig, &args, "").out.trim() == "yes"
    };
    for (user, pods, secrets, change) in [
        (User::Admin, true, true, true),
        (User::Certificate, true, true, true),
        (User::Editor, true, true, true),
        (User::Viewer, true, false, false),
        (User::Nobody, false, false, false),
    ] {
        let kubeconfig = cluster.kubeconfig(user);
        assert_eq!(may(kubeconfig, "list", "pods", "rights"), pods, "{user:?}");
        assert_eq!(
            may(kubeconfig, "get", "secrets", "rights"),
            secrets,
            "{user:?}"
        );
        assert_eq!(
            may(kubeconfig, "patch", "deployments", "rights"),
            change,
            "{user:?}"
        );
    }
    assert!(may(&member, "list", "pods", "rights"));
    assert!(!may(&member, "list", "pods", "rights-elsewhere"));

    let read = |kubeconfig, what| cluster.kubectl(kubeconfig, &["get", what, "-n", "rights"], "");
    assert_eq!(read(&member, "pods").code, 0);
    let forbidden = read(&member, "secrets");
    assert!(forbidden.err.contains("(Forbidden)"), "{}", forbidden.err);
    let unknown = read(&wrong, "pods");
    assert!(unknown.err.contains("must be logged in"), "{}", unknown.err);

    let name = "system:serviceaccount:rights:member";
    let (forbidden, listed) = until("both requests to be logged", || {
        let requests = cluster.requests();
        let code = |resource: &str| {
            let answered = requests.iter().find(|request| {
                request.user.username == name
                    && request.verb == "list"
                    && request.stage == "ResponseComplete"
                    && request.object_ref.as_ref().is_some_and(|object| {
                        object.resource == resource && object.namespace.as_deref() == Some("rights")
                    })
            })?;
            Some(answered.response_status.as_ref()?.code)
        };
        code("secrets").zip(code("pods"))
    });
    assert_eq!((forbidden, listed), (403, 200));
    let requests = cluster.requests();
    let theirs: Vec<_> = requests
        .iter()
        .filter(|request| request.stage == "RequestReceived" && request.user.username == name)
        .collect();
    assert!(!theirs.is_empty());
    for request in theirs {
        assert!(request.user_agent.starts_with("kubectl/v1."), "{request:?}");
        let asks_itself = request
            .object_ref
            .as_ref()
            .is_some_and(|object| object.resource == "selfsubjectaccessreviews");
        assert!(
            ["get", "list"].contains(&request.verb.as_str()) || asks_itself,
            "{request:?}"
        );
    }
    let named = requests
        .iter()
        .filter_map(|request| request.object_ref.as_ref()?.name.as_deref());
    assert!(
        named.into_iter().any(|name| name == "rights-elsewhere"),
        "admin made it by name"
    );
}

#[test]
fn pods_come_to_the_end_that_their_test_wishes() {
    let Some(cluster) = cluster() else { return };
    for (namespace, image, phase, reason) in [
        ("wish-crash", "web:1-crash", "Running", "CrashLoopBackOff"),
        (
            "wish-missing",
            "web:1-missing",
            "Pending",
            "ImagePullBackOff",
        ),
    ] {
        cluster.namespace(namespace);
        cluster.apply(&deployment(namespace, image, 1));
        until("the pod's end", || {
            let pods = pods(cluster, namespace);
            let status = &pods.first()?["status"];
            let waiting = &status["containerStatuses"][0]["state"]["waiting"];
            (status["phase"] == phase && waiting["reason"] == reason).then_some(())
        });
        until("an event about it", || {
            let events = cluster.admin(&[
                "get",
                "events",
                "-n",
                namespace,
                "-o",
                "name",
                "--field-selector=type=Warning",
            ]);
            (!events.is_empty()).then_some(())
        });
    }
    cluster.namespace("wish-pending");
    let pending = deployment("wish-pending", "web:1", 1).replace(
        "metadata: {labels:",
        "metadata: {annotations: {stack/pod: pending}, labels:",
    );
    cluster.apply(&pending);
    until("the pod that nobody schedules", || {
        let pods = pods(cluster, "wish-pending");
        (pods.first()?["status"]["conditions"][0]["reason"] == "Unschedulable").then_some(())
    });
    // What is changed after its end rolls out as usual.
    cluster.apply(&deployment("wish-crash", "web:2", 1));
    cluster.admin(&[
        "rollout",
        "status",
        "deployment/web",
        "-n",
        "wish-crash",
        "--timeout=60s",
    ]);
}
