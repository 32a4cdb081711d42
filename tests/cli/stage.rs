//! Staging, on the demo's repository and its local forge: one branch, one pull request, and the clone as it was.

use gitopsy::demo::{self, Demo};
use serde_json::Value;
use support::Footprint;

use crate::run::Home;

fn demo(home: &Home) -> Demo {
    let now = "2026-03-01T12:00:00Z".parse().expect("a time");
    demo::build(&home.directory.path().join("demo"), now).expect("the demo is built")
}

/// The newest commit in api's log in production: the one that broke it.
fn bad(home: &Home, demo: &Demo) -> String {
    let log = home.json(
        &demo.clone,
        &["log", "deploy/api", "-e", "production", "--limit", "1"],
        0,
    );
    log["entries"][0]["commit"]
        .as_str()
        .expect("a commit")
        .to_owned()
}

fn branches(demo: &Demo) -> Vec<String> {
    let output = std::process::Command::new("git")
        .args(["for-each-ref", "--format=%(refname:short)", "refs/heads"])
        .current_dir(&demo.remote)
        .output()
        .expect("git runs");
    String::from_utf8(output.stdout)
        .expect("text")
        .lines()
        .map(str::to_owned)
        .collect()
}

#[test]
fn staging_makes_one_branch_and_one_pull_request_and_leaves_the_clone_alone() {
    let home = Home::new();
    let demo = demo(&home);
    let bad = bad(&home, &demo);
    let (before, clone) = (branches(&demo), Footprint::of(&demo.clone));

    let staged = home.json(
        &demo.clone,
        &["revert", &bad, "-e", "production", "--pr", "--yes"],
        0,
    );
    let branch = staged["staged"]["branch"].as_str().expect("a branch");
    let number = staged["staged"]["pull"]["number"]
        .as_u64()
        .expect("a pull request");
    let mut after = branches(&demo);
    after.retain(|name| !before.contains(name));
    assert_eq!(after, [branch], "one branch");
    assert!(number > 0);
    clone.assert_unchanged(&demo.clone);

    // The same again takes up what is there instead of making another.
    let again = home.json(
        &demo.clone,
        &["revert", &bad, "-e", "production", "--pr", "--yes"],
        0,
    );
    assert_eq!(
        again["staged"]["pull"]["number"],
        staged["staged"]["pull"]["number"]
    );
    assert_eq!(branches(&demo).len(), before.len() + 1);
    clone.assert_unchanged(&demo.clone);
}

/// git runs in the repository's directory: a path relative to ours failed there.
#[test]
fn stages_in_a_repository_named_by_a_relative_path() {
    let home = Home::new();
    let demo = demo(&home);
    let bad = bad(&home, &demo);
    let above = demo.clone.parent().expect("a directory");
    let name = demo.clone.file_name().and_then(|name| name.to_str());
    let staged = home.json(
        above,
        &[
            "--repo",
            name.expect("a name"),
            "revert",
            &bad,
            "--pr",
            "--yes",
        ],
        0,
    );
    let branch = staged["staged"]["branch"].as_str().expect("a branch");
    assert!(branches(&demo).iter().any(|known| known == branch));
}

#[test]
fn read_only_and_unconfirmed_write_nothing() {
    let home = Home::new();
    let demo = demo(&home);
    let bad = bad(&home, &demo);
    let (before, clone, remote) = (
        branches(&demo),
        Footprint::of(&demo.clone),
        Footprint::of(&demo.remote),
    );
    let refused = home.run(
        &demo.clone,
        &[
            "revert",
            &bad,
            "--pr",
            "--yes",
            "--read-only",
            "--no-cluster",
        ],
    );
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("read-only"), "{}", refused.err);
    let unasked = home.run(&demo.clone, &["revert", &bad, "--pr", "--no-cluster"]);
    assert_eq!(unasked.code, 2);
    assert!(unasked.err.contains("--yes"), "{}", unasked.err);
    assert_eq!(branches(&demo), before);
    clone.assert_unchanged(&demo.clone);
    remote.assert_unchanged(&demo.remote);
}

#[test]
fn what_drifted_in_the_demo_is_told_with_who_when_and_which_commit() {
    let home = Home::new();
    let demo = demo(&home);
    let snapshot = demo.snapshot.to_string_lossy().into_owned();
    let ended = home.run(
        &demo.clone,
        &["drift", "-o", "json", "--snapshot", &snapshot],
    );
    assert_eq!(ended.code, 1, "{}", ended.err);
    let answer: Value = serde_json::from_str(&ended.out).expect("JSON");
    let search = answer["resources"]
        .as_array()
        .expect("resources")
        .iter()
        .find(|resource| resource["object"]["name"] == "search")
        .unwrap_or_else(|| panic!("search was edited by hand: {answer}"));
    let field = &search["fields"][0];
    assert_eq!(
        field["path"],
        "spec.template.spec.containers[name=search].resources.limits.memory"
    );
    assert_eq!(field["cause"]["kind"], "manual-edit");
    assert_eq!(field["cause"]["manager"], "kubectl-edit");
    assert!(
        field["cause"]["commit"]["commit"].is_string(),
        "git last set it: {field}"
    );
    let api = answer["resources"]
        .as_array()
        .expect("resources")
        .iter()
        .find(|resource| {
            resource["object"]["name"] == "api" && resource["environment"] == "production"
        });
    assert!(
        api.is_some_and(|api| api["health"]["value"]["status"] == "Degraded"),
        "{answer}"
    );
    for canary in demo::CANARIES {
        assert!(!ended.out.contains(canary) && !ended.out.contains(&canary[..12]));
    }
}

/// A snapshot of last week was shown as the present.
#[test]
fn what_a_snapshot_says_is_as_old_as_it_is() {
    let home = Home::new();
    let demo = demo(&home);
    let taken = "2026-01-02T03:04:05Z";
    let info = demo.snapshot.join("snapshot.yaml");
    let mut text = std::fs::read_to_string(&info).unwrap_or_default();
    text.push_str(&format!("\ntaken: {taken}\n"));
    std::fs::write(info, text).expect("written");
    let snapshot = demo.snapshot.to_string_lossy().into_owned();
    let answer = |args: &[&str]| -> Value {
        let args = [args, &["-o", "json", "--snapshot", &snapshot]].concat();
        let ended = home.run(&demo.clone, &args);
        serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{}", ended.err))
    };
    let is_old = |live: &Value| live["state"] == "stale" && live["at"] == taken;

    let drift = answer(&["drift"]);
    let resources = drift["resources"].as_array().expect("resources");
    assert!(!resources.is_empty());
    assert!(
        resources.iter().all(|resource| is_old(&resource["health"])),
        "{drift}"
    );
    let api = ["resource", "deployment/api", "-e", "production"];
    let api = answer(&api);
    assert!(is_old(&api["live"]), "{api}");
    let deployed = answer(&["where", "api"]);
    let live = deployed["apps"][0]["deployments"]
        .as_array()
        .expect("cells");
    assert!(live.iter().any(|cell| is_old(&cell["live"])), "{deployed}");
}
