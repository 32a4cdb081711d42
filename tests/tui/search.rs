//! What the filter of the Timeline asks of history, both ways: what a term finds and what it excludes are all commits together.

use std::collections::BTreeSet;

use gitopsy::review::{Clock, ClusterChoice, Kubeconfig, Options};
use support::TestRepo;

use crate::session::Session;

const SUBJECTS: [&str; 4] = ["Begin", "Release it", "Scale it", "Describe it"];

fn deployment(tag: &str, replicas: u8) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: api, namespace: shop}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: api}}}}
  template:
    metadata: {{labels: {{app: api}}}}
    spec: {{containers: [{{name: api, image: 'registry.example.com/api:{tag}'}}]}}
"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_term_finds_and_excludes() {
    let directory = tempfile::tempdir().expect("a directory");
    let repo = TestRepo::init(&directory.path().join("repo"));
    let file = "production/api/deployment.yaml";
    repo.write(file, deployment("1.0", 3)).commit(SUBJECTS[0]);
    repo.write(file, deployment("1.1", 3)).commit(SUBJECTS[1]);
    repo.write(file, deployment("1.1", 5)).commit(SUBJECTS[2]);
    repo.write("README.md", "read me\n").commit(SUBJECTS[3]);
    let times = repo.git(&["log", "--reverse", "--format=%cI"]);
    let times: Vec<&str> = times.lines().collect();
    let options = Options {
        repo: Some(repo.path.clone()),
        branch: None,
        cluster: ClusterChoice::None,
        kubeconfig: Kubeconfig::named(Vec::new()),
        overrides: Default::default(),
        offline: true,
        allow_network: false,
        read_only: false,
        state: directory.path().join("state"),
        cache: None,
        clock: Clock::fixed("2024-01-02T00:00:00Z".parse().expect("a time")),
    };
    let mut session = Session::open((160, 40), options, |_| {});
    // Commits are told by their hashes: what is shown of them is what they meant.
    let hashes = repo.git(&["log", "--reverse", "--format=%h", "--abbrev=7"]);
    let hashes: Vec<String> = hashes.lines().map(str::to_owned).collect();
    let shown = |text: &str| -> BTreeSet<usize> {
        let list = text.lines().filter_map(|line| line.get(..60));
        let list: Vec<&str> = list.collect();
        let is_in = |hash: &str| list.iter().any(|line| line.contains(&format!("{hash}  ")));
        let places = (0..hashes.len()).filter(|at| is_in(&hashes[*at]));
        places.collect()
    };
    session.press("2").await;
    let all: BTreeSet<usize> = (0..SUBJECTS.len()).collect();
    assert_eq!(shown(&session.text()), all, "{}", session.text());
    let (since, until) = (format!("since:{}", times[2]), format!("until:{}", times[1]));
    for (term, found) in [
        ("image:api", &[0, 1][..]),
        ("image:api:1.1", &[1]),
        ("field:spec.replicas", &[0, 2]),
        ("field:spec.replicas=5", &[2]),
        ("value:registry.example.com", &[0, 1]),
        ("file:production/**", &[0, 1, 2]),
        ("path:README.md", &[3]),
        (&since, &[2, 3]),
        (&until, &[0]),
        ("env:production", &[0, 1, 2]),
        ("kind:deploy", &[0, 1, 2]),
        ("ns:shop", &[0, 1, 2]),
        ("app:api", &[0, 1, 2]),
        ("author:example", &[0, 1, 2, 3]),
        ("replicas", &[2]),
    ] {
        let found: BTreeSet<usize> = found.iter().copied().collect();
        let rest: BTreeSet<usize> = all.difference(&found).copied().collect();
        for (text, expected) in [(term.to_owned(), &found), (format!("-{term}"), &rest)] {
            let text = session.press("/").await.write(&text).await.text();
            assert_eq!(shown(&text), *expected, "{term}:\n{text}");
            session.press("enter esc").await;
        }
    }
    // Together with what is searched for, all must hold.
    let text = session
        .press("/")
        .await
        .write("field:spec.replicas -image:api");
    let text = text.await.text();
    assert_eq!(shown(&text), BTreeSet::from([2]), "{text}");
}
