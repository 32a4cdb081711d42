//! What a crashing container wrote, from the API server.

use support::TestRepo;

use crate::harness::{User, cluster, gitopsy, said, until};

#[test]
fn the_last_lines_of_a_crashing_container_are_shown_where_one_may_read_them() {
    let Some(cluster) = cluster() else { return };
    let deployment = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: crashing}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: 'example.com/web:1-crash'}]}
";
    let directory = tempfile::tempdir().expect("a temporary directory");
    let repo = TestRepo::init(directory.path());
    repo.write("production/web/deployment.yaml", deployment);
    repo.commit("Deploy");
    cluster.namespace("crashing");
    cluster.apply(deployment);
    let admin = cluster.kubeconfig(User::Admin);
    let resource = ["resource", "deployment/web", "--context", "stack"];
    until("the container to crash", || {
        let answer = gitopsy(directory.path(), admin, &resource);
        (answer["live"]["value"]["health"]["status"] == "Degraded").then_some(())
    });

    let logs = [&resource[..], &["--logs"]].concat();
    let answer = gitopsy(directory.path(), admin, &logs);
    let container = &answer["containers"][0];
    assert_eq!(container["container"], "web", "{answer}");
    let line = container["lines"]["value"][0].as_str().expect("a line");
    assert!(line.starts_with("log of crashing/web-"), "{answer}");
    let (text, _) = said(directory.path(), admin, &logs);
    assert!(text.contains("CrashLoopBackOff"), "{text}");
    assert!(text.contains(&format!("    {line}")), "{text}");

    // Who may read pods and not what they write.
    cluster.apply(
        "apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: looker, namespace: crashing}
rules: [{apiGroups: ['', apps], resources: [pods, deployments, replicasets], verbs: [get, list, watch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: nothing}
rules: []
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: looker, namespace: crashing}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: looker}
subjects: [{kind: ServiceAccount, name: member, namespace: crashing}]
",
    );
    let looker = cluster.member("crashing", "nothing");
    let answer = gitopsy(directory.path(), &looker, &logs);
    let lines = &answer["containers"][0]["lines"];
    assert_eq!(lines["state"], "unavailable", "{answer}");
    let why = lines["why"].to_string();
    assert!(
        why.contains("forbidden") && why.contains("get logs of pod"),
        "{why}"
    );
}
