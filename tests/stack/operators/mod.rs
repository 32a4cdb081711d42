//! What gitopsy says of the deployers themselves, Flux and Argo CD: at which commit they are, and why no further.

mod argo;
mod flux;

use std::path::Path;

use serde_json::Value;
use support::TestRepo;

use crate::harness::{Cluster, User, gitopsy, until};

/// A clone whose branch is reviewed, of a repository that a deployer follows.
struct Environment<'a> {
    repo: TestRepo,
    cluster: &'a Cluster,
    namespace: &'a str,
}

impl<'a> Environment<'a> {
    fn new(directory: &Path, origin: &str, cluster: &'a Cluster, namespace: &'a str) -> Self {
        let repo = TestRepo::init(directory);
        repo.git(&["remote", "add", "origin", origin]);
        Environment {
            repo,
            cluster,
            namespace,
        }
    }

    /// A web server of this image and so many replicas.
    fn deployment(&self, tag: &str, replicas: u8) -> String {
        format!(
            "apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: {namespace}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: web, image: 'example.com/web:{tag}'}}]}}
",
            namespace = self.namespace
        )
    }

    fn config_map(&self, name: &str, namespace: &str) -> String {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: {namespace}}}\ndata: {{a: b}}\n"
        )
    }

    /// Commits what was written and pushes it; the commit.
    fn push(&self, message: &str) -> String {
        self.repo.commit(message);
        self.repo.git(&["push", "-q", "-u", "origin", "main"]);
        self.repo.rev("HEAD")
    }

    fn ask(&self, args: &[&str]) -> Value {
        let kubeconfig = self.cluster.kubeconfig(User::Admin);
        let args = [args, &["--context", "stack"]].concat();
        gitopsy(&self.repo.path, kubeconfig, &args)
    }

    /// Waits until `gitopsy drift` says of the app: `state commit behind`, then each field and each resource that is not as git
    /// says, with its cause.
    fn says(&self, app: &str, expected: &[&str]) {
        let mut last = Vec::new();
        until(&format!("gitopsy to say {expected:?}"), || {
            let said = said(&self.ask(&["drift", "--app", app]));
            if said != last {
                eprintln!("{app}: {said:?}");
                last = said;
            }
            (last == expected).then_some(())
        });
    }

    /// A snapshot that is taken now says the same.
    fn snapshot_says(&self, app: &str, expected: &[&str]) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("snapshot");
        let path = path.to_str().expect("text");
        self.ask(&["snapshot", path]);
        let kubeconfig = self.cluster.kubeconfig(User::Nobody);
        let args = ["drift", "--app", app, "--snapshot", path];
        assert_eq!(said(&gitopsy(&self.repo.path, kubeconfig, &args)), expected);
    }

    /// What `gitopsy where` says of the app: health, sync, and how far its deployer is.
    fn fares(&self, app: &str) -> String {
        let answer = self.ask(&["where", app]);
        let live = &answer["apps"][0]["deployments"][0]["live"]["value"];
        let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
        format!(
            "{} {} {}",
            text(&live["health"]["status"]),
            text(&live["sync"]),
            text(&live["applied"]["value"]["state"]),
        )
    }
}

fn said(answer: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    let mut said = Vec::new();
    for applied in answer["applied"].as_array().expect("a list") {
        said.push(format!(
            "{} {} {}",
            text(&applied["state"]),
            text(&applied["commit"]["subject"]),
            applied["behind"]
        ));
    }
    for resource in answer["resources"].as_array().expect("a list") {
        let name = format!(
            "{}/{}",
            text(&resource["object"]["kind"]),
            text(&resource["object"]["name"])
        );
        if let state @ ("missing" | "extra" | "orphaned") = text(&resource["state"]).as_str() {
            let cause = text(&resource["cause"]["kind"]);
            said.push(format!("{name} {state} {cause}"));
        }
        for field in resource["fields"].as_array().expect("a list") {
            let (path, cause) = (text(&field["path"]), text(&field["cause"]["kind"]));
            said.push(format!("{name} {path} {cause}"));
        }
    }
    said
}
