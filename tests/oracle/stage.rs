//! The whole way, on the demo: the bad change is reverted, proposed, merged, deployed and watched until production is healthy,
//! with the demo's deployer at work beside it, as when somebody looks on.

use std::process::Command;
use std::time::Duration;

use gitopsy::cluster::{Cluster, Wanted};
use gitopsy::demo::{Delays, Deployer, build};
use gitopsy::forge::{Forge, Sources};
use gitopsy::git::{BStr, Oid, Reader, Repo};
use gitopsy::live::{Ownership, compare};
use gitopsy::manifest::{ListKeys, Masking, Object, parse};
use gitopsy::stage::{
    Arrival, Consent, Landing, Pace, Plan, Step, Tools, begin, has_arrived, merge, pending,
    progress, run, watch,
};
use gitopsy::task::{Cancel, Clock, Known};
use jiff::Timestamp;
use support::Footprint;

const FILE: &str = "environments/production/api/deployment.yaml";

fn now() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().expect("a time")
}

fn masking() -> Masking {
    Masking::new([3; 32])
}

fn deployment(reader: &Reader, tree: Oid) -> Object {
    let entry = reader.entry(tree, BStr::new(FILE)).expect("a tree");
    let bytes = reader.blob(entry.expect("the file").id).expect("a blob");
    let document = parse(&bytes, &masking()).documents.pop();
    document.expect("a document").object
}

#[tokio::test]
async fn reverting_the_demo_s_bad_change_heals_its_production() {
    let directory = tempfile::tempdir().expect("a directory");
    let demo = build(&directory.path().join("demo"), now()).expect("a demo");
    let footprint = Footprint::of(&demo.clone);
    let state = directory.path().join("state");
    let repo = Repo::open(&demo.clone, &state).expect("a repository");
    let tip = repo.tip(None).expect("a tip");
    let reader = repo.reader();

    // What `git revert -m 1` of the newest merge would make.
    let bad = Command::new("git")
        .args(["log", "--first-parent", "--merges", "-1", "--format=%H %P"])
        .current_dir(&demo.remote)
        .output()
        .expect("git runs");
    let ids = String::from_utf8(bad.stdout).expect("text");
    let ids: Vec<Oid> = ids
        .split_whitespace()
        .map(|id| Oid::from_hex(id.as_bytes()).expect("an id"))
        .collect();
    let tree = |commit| reader.tree_of(commit).expect("a tree");
    let merged = reader
        .merge(tree(ids[0]), tree(tip.commit), tree(ids[1]))
        .expect("a merge");
    assert!(merged.is_clean());
    let (before, after) = (
        deployment(&reader, tree(tip.commit)),
        deployment(&reader, merged.tree),
    );
    assert_ne!(before, after);

    let remotes = repo.remotes().expect("remotes");
    let tools = Tools {
        forge: Forge::of(&remotes[0], &Sources::with(directory.path(), |_| None)),
        repo: repo.clone(),
        state: state.clone(),
        clock: Clock::fixed(now()),
    };
    let plan = Plan {
        repository: tip.repository.clone(),
        remote: "origin".to_owned(),
        base: tip.commit,
        base_branch: "main".to_owned(),
        tree: merged.tree,
        message: "Revert it\n".to_owned(),
        branch: "revert/it".to_owned(),
        title: "Revert it".to_owned(),
        body: String::new(),
        at: now(),
    };
    let consent = Consent::unless_read_only(false).expect("consent");
    let mut journal = begin(plan.confirm(consent), &state).expect("a journal");
    run(&mut journal, &tools, |_| {}).await.expect("staged");
    // Two were open already.
    let open = tools.forge.open_pulls().await.expect("pull requests");
    let titles: Vec<&str> = open.iter().map(|pull| pull.title.as_str()).collect();
    assert_eq!(titles.len(), 3);
    assert_eq!(titles[0], "Revert it");

    let cluster = Cluster::snapshot(&demo.snapshot, masking()).expect("a cluster");
    let mut wanted = Wanted::default();
    wanted.add(&after, None);
    let lists = ListKeys::builtin();
    let look = async || {
        let listing = cluster.list(&wanted, &Cancel::new()).await;
        let Some(Some(live)) = listing.get(&after.id).value().copied() else {
            panic!("api is not there");
        };
        let arrival = Arrival {
            object: after.id.to_string(),
            arrived: has_arrived(
                &compare(&before, live, &lists),
                &compare(&after, live, &lists),
            ),
            health: Ownership::new(listing.objects()).health(live),
        };
        Known::Fresh(Landing {
            arrivals: vec![arrival],
        })
    };
    let Known::Fresh(landing) = look().await else {
        panic!("the snapshot is there");
    };
    assert!(!landing.is_synced() && !landing.is_healthy(), "{landing:?}");

    let stop = Cancel::new();
    let delays = Delays {
        look: Duration::ZERO,
        apply: Duration::ZERO,
        settle: Duration::ZERO,
    };
    let deployer = Deployer::new(&demo).expect("a deployer");
    let deployer = tokio::spawn(deployer.run(Clock::fixed(now()), delays, stop.clone()));
    merge(&mut journal, &tools, consent).await.expect("merged");
    let (changes, changed) = tokio::sync::watch::channel(0);
    let watching = Cancel::new();
    let notify = cluster.watch(&wanted, &watching, || {
        changes.send_modify(|count| *count += 1);
    });
    // Everything is told by the cluster: waiting for the pace would take longer than the test may.
    let pace = Pace(Duration::from_secs(3600));
    let cancel = Cancel::new();
    let watched = async {
        let told = watch(
            &mut journal,
            &tools,
            pace,
            |_| look(),
            changed,
            &cancel,
            |_, _| {},
        )
        .await;
        watching.cancel();
        told
    };
    let (watched, ()) = tokio::join!(watched, notify);
    watched.expect("watched");
    stop.cancel();
    deployer.await.expect("joined").expect("deployed");

    let steps = progress(journal.staged(), &Known::Loading);
    assert!(steps.iter().all(|step| step.done.is_some()), "{steps:?}");
    assert_eq!(steps.last().map(|step| step.step), Some(Step::Healthy));
    assert!(
        pending(&state, &tip.repository)
            .expect("readable")
            .staged
            .is_empty()
    );
    footprint.assert_unchanged(&demo.clone);
}

/// A field that was edited by hand before, and that the change leaves alone, does not keep the change from having arrived.
#[test]
fn an_old_difference_does_not_hide_an_arrival() {
    use gitopsy::live::LiveObject;
    use serde_json::{Value, json};
    let deployment = |image: &str, memory: &str| -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "api", "namespace": "shop"},
            "spec": {"template": {"spec": {"containers": [
                {"name": "api", "image": image, "resources": {"limits": {"memory": memory}}},
            ]}}},
        })
    };
    let lists = ListKeys::builtin();
    let object = |value| Object::from_json(value, &masking()).expect("an object");
    let before = object(deployment("api:1", "512Mi"));
    let after = object(deployment("api:2", "512Mi"));
    let arrived = |live: Value| {
        let live = LiveObject::from_json(live, &masking()).expect("an object");
        has_arrived(
            &compare(&before, &live, &lists),
            &compare(&after, &live, &lists),
        )
    };
    assert!(!arrived(deployment("api:1", "1Gi")));
    assert!(arrived(deployment("api:2", "1Gi")));
    assert!(arrived(deployment("api:2", "512Mi")));
}
