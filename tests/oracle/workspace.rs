//! A workspace over a repository of the test's own, with nothing of the user's around it.

use std::path::Path;

use gitopsy::review::common::Selector;
use gitopsy::review::{Clock, ClusterChoice, Kubeconfig, Options, Overrides, Sink, Workspace, log};

use crate::support::TestRepo;

/// What it keeps goes below `directory`.
pub fn open(repo: &TestRepo, directory: &Path) -> Workspace {
    Workspace::open(Options {
        repo: Some(repo.path.clone()),
        branch: None,
        cluster: ClusterChoice::None,
        kubeconfig: Kubeconfig::named(Vec::new()),
        overrides: Overrides::default(),
        offline: false,
        allow_network: false,
        read_only: true,
        state: directory.join("state"),
        cache: None,
        clock: Clock::system(),
    })
    .expect("a workspace")
}

/// What a first log leaves in memory makes the next ones quicker, and finds no more and no less.
#[tokio::test(flavor = "multi_thread")]
async fn a_resource_is_found_the_same_after_a_log() {
    let directory = tempfile::tempdir().expect("directory");
    let repo = TestRepo::init(&directory.path().join("repo"));
    let map = |name: &str, namespace: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: {namespace}}}\n"
        )
    };
    let widget = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: one}\n";
    repo.write("prod/web/map.yaml", map("one", "shop"));
    repo.write("prod/web/widget.yaml", widget);
    repo.write("prod/api/map.yaml", map("one", "back"));
    repo.write("prod/api/more.yaml", map("two", "back"));
    repo.write("shared/three.yaml", map("three", "back"));
    repo.symlink("prod/api/linked.yaml", "../../shared/three.yaml");
    repo.commit("Begin");
    let found = async |workspace: &Workspace, resource: &str, namespace: Option<&str>| {
        let select = Selector {
            resource: Some(resource.to_owned()),
            namespace: namespace.map(str::to_owned),
            ..Selector::default()
        };
        let request = log::Request {
            select,
            ..log::Request::default()
        };
        match log::ask(workspace, request, &Sink::last_only()).await {
            Ok(answer) => format!("{:?} {}", answer.resource, answer.entries.len()),
            Err(error) => format!("{error:#}"),
        }
    };
    let asked = [
        ("configmap/two", None),
        ("CM/one", Some("shop")),
        ("configmap/one", None),
        ("widget.example.com/one", None),
        ("WIDGET/one", None),
        ("configmap/three", None),
        ("configmap/none", None),
    ];
    let used = open(&repo, directory.path());
    for (resource, namespace) in asked {
        found(&used, resource, namespace).await;
    }
    for (resource, namespace) in asked {
        let fresh = open(&repo, directory.path());
        assert_eq!(
            found(&used, resource, namespace).await,
            found(&fresh, resource, namespace).await,
            "{resource}"
        );
    }
}
