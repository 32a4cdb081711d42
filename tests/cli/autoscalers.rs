//! Replicas that an autoscaler moves, where the cluster does not let everybody read what that is.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::run::Home;
use crate::support::TestRepo;

const FORBIDDEN: &str =
    ", unavailable: 'forbidden: list horizontalpodautoscalers.autoscaling in shop'";

/// Git declares two replicas of `web` and, in another app, an autoscaler of it.
struct World {
    home: Home,
    repo: TestRepo,
    live: PathBuf,
}

impl World {
    /// `namespace`: of the autoscaler.
    fn new(namespace: &str) -> World {
        let home = Home::new();
        let repo = TestRepo::init(&home.directory.path().join("repo"));
        let live = home.directory.path().join("live");
        repo.write("production/web/web.yaml", web(2).to_string());
        let autoscaler = json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "web", "namespace": namespace},
            "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "minReplicas": 2, "maxReplicas": 10},
        });
        repo.write("production/scaling/web.yaml", autoscaler.to_string());
        repo.commit("Begin");
        fs::create_dir(&live).expect("created");
        World { home, repo, live }
    }

    /// With so many replicas live; `autoscalers`: what is noted of them.
    fn ask(&self, replicas: u32, autoscalers: &str, args: &[&str]) -> Value {
        let web = web(replicas).to_string();
        fs::write(self.live.join("web.json"), web).expect("written");
        let read = [
            "apps, kind: Deployment",
            "apps, kind: ReplicaSet",
            "'', kind: Pod",
        ];
        let read = read.map(|kind| format!("{{group: {kind}, namespace: shop}}"));
        let info = format!(
            "read: [{}, {{group: autoscaling, kind: HorizontalPodAutoscaler, namespace: shop{autoscalers}}}]\n",
            read.join(", ")
        );
        fs::write(self.live.join("snapshot.yaml"), info).expect("written");
        let snapshot = self.live.to_str().expect("text");
        let args = [args, &["--snapshot", snapshot, "-o", "json"]].concat();
        let ended = self.home.run(&self.repo.path, &args);
        serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
    }
}

fn web(replicas: u32) -> Value {
    let image = json!([{"name": "web", "image": "web:1"}]);
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": image}}},
    })
}

/// What is said of the replicas: how the workload stands, by whom, and why.
fn said(answer: &Value) -> [Option<String>; 3] {
    let listed = answer["resources"].as_array().into_iter().flatten();
    let mut workloads = listed.filter(|resource| resource["object"]["kind"] == "Deployment");
    let (found, state) = match workloads.next() {
        Some(found) => (found, "state"),
        None => (&answer["live"]["value"], "sync"),
    };
    let cause = &found["fields"][0]["cause"];
    [&found[state], &cause["kind"], &cause["why"]].map(|it| it.as_str().map(str::to_owned))
}

#[test]
fn an_autoscaler_that_may_not_be_read_counts_as_git_declares_it() {
    let world = World::new("shop");
    let questions: [&[&str]; 3] = [
        &["drift"],
        &["drift", "--app", "web"],
        &["resource", "deploy/web"],
    ];
    for args in questions {
        let found = |replicas, autoscalers| said(&world.ask(replicas, autoscalers, args));
        let [state, cause, why] = found(5, FORBIDDEN);
        let expected = "autoscaler web holds it between 2 and 10 as git declares it (the live one may not be read): 5 now";
        assert_eq!(why.as_deref(), Some(expected), "{args:?}");
        assert_eq!(state.as_deref(), Some("synced"));
        assert_eq!(cause.as_deref(), Some("autoscaler"));
        let [state, _, why] = found(12, FORBIDDEN);
        assert_eq!(state.as_deref(), Some("drifted"), "{args:?}");
        assert!(why.is_some_and(|why| why.ends_with("12 now, which it will change")));
        // It is known not to be there.
        let [state, _, why] = found(5, "");
        assert_eq!((state.as_deref(), why), (Some("drifted"), None), "{args:?}");
        // It is not known, and not for want of a right.
        let [state, _, why] = found(5, ", unavailable: 'failed: x'");
        assert_eq!((state.as_deref(), why), (Some("drifted"), None), "{args:?}");
    }
}

#[test]
fn an_autoscaler_of_another_namespace_counts_nowhere_else() {
    let world = World::new("other");
    for args in [&["drift"][..], &["resource", "deploy/web"]] {
        let [state, _, why] = said(&world.ask(5, FORBIDDEN, args));
        assert_eq!((state.as_deref(), why), (Some("drifted"), None), "{args:?}");
    }
}
