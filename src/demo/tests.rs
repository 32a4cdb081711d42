//! The demo is judged from outside: by git, by kustomize, and by what a reader of its cluster would see.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use jiff::Timestamp;
use serde_json::Value;

use super::objects::{Key, Live};
use super::{CANARIES, Demo, Deployer, build};
use crate::cluster::Snapshot;
use crate::forge::{Local, NewPullRequest};
use crate::git::Oid;

fn now() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .arg("-C")
        .arg(directory)
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn demo() -> (tempfile::TempDir, Demo) {
    let directory = tempfile::tempdir().unwrap();
    let demo = build(&directory.path().join("demo"), now()).unwrap();
    (directory, demo)
}

fn live(demo: &Demo) -> Live {
    super::deployer::read(&Snapshot::load(&demo.snapshot).unwrap()).unwrap()
}

fn get<'l>(live: &'l Live, namespace: &str, kind: &str, name: &str) -> &'l Value {
    &live[&Key::new(namespace, kind, name)]
}

fn unready(live: &Live) -> Vec<&Key> {
    live.iter()
        .filter(|(_, object)| object["status"]["containerStatuses"][0]["ready"] == false)
        .map(|(key, _)| key)
        .collect()
}

#[test]
fn the_same_moment_gives_the_same_commits_and_objects() {
    let (_first, a) = demo();
    let (_second, b) = demo();
    let refs = |demo: &Demo| git(&demo.remote, &["for-each-ref"]);
    assert_eq!(refs(&a), refs(&b));
    assert_eq!(live(&a), live(&b));
}

#[test]
fn the_history_is_sound_and_believable() {
    let (_directory, demo) = demo();
    git(&demo.remote, &["fsck", "--strict"]);
    assert_eq!(git(&demo.clone, &["status", "--porcelain"]), "");
    assert_eq!(
        git(&demo.clone, &["symbolic-ref", "refs/remotes/origin/HEAD"]).trim(),
        "refs/remotes/origin/main"
    );
    let log = git(
        &demo.clone,
        &[
            "log",
            "--all",
            "--format=%H%x09%T%x09%P%x09%ct%x09%an%x09%s",
        ],
    );
    let commits: Vec<Vec<&str>> = log.lines().map(|line| line.split('\t').collect()).collect();
    assert!((140..=190).contains(&commits.len()), "{}", commits.len());
    let merges = commits
        .iter()
        .filter(|c| c[5].starts_with("Merge pull request #"));
    assert!(merges.count() > 20);
    let tree_of = |id: &str| commits.iter().find(|c| c[0] == id).map(|c| c[1]);
    let time_of = |id: &str| commits.iter().find(|c| c[0] == id).map(|c| c[3]);
    for commit in &commits {
        if let Some(first) = commit[2].split_whitespace().next() {
            assert_ne!(
                Some(commit[1]),
                tree_of(first),
                "{commit:?} changes nothing"
            );
        }
        for parent in commit[2].split_whitespace() {
            assert!(
                Some(commit[3]) >= time_of(parent),
                "{commit:?} is older than its parent"
            );
        }
        assert!(commit[3].parse::<i64>().unwrap() <= now().as_second());
    }
    let authors: BTreeSet<&str> = commits.iter().map(|commit| commit[4]).collect();
    assert!(authors.len() >= 6, "{authors:?}");
}

/// Every merge is what git itself makes of its parents.
#[test]
fn merges_are_what_git_would_make_of_them() {
    let (_directory, demo) = demo();
    let merges = git(&demo.remote, &["log", "--merges", "--format=%T %P", "main"]);
    for line in merges.lines() {
        let [tree, ours, theirs] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let merged = git(&demo.remote, &["merge-tree", "--write-tree", ours, theirs]);
        assert_eq!(merged.trim(), tree, "{line}");
    }
}

#[test]
fn the_bad_change_can_be_reverted_and_is_the_fourth_newest() {
    let (_directory, demo) = demo();
    let log = git(
        &demo.clone,
        &["log", "--first-parent", "--format=%H %s%n%b", "-4"],
    );
    assert!(log.contains("promote-api-1.4.2-production"), "{log}");
    let bad = git(
        &demo.clone,
        &["log", "--first-parent", "--merges", "--format=%H", "-1"],
    );
    let revert = [
        "-c",
        "core.editor=true",
        "revert",
        "-m1",
        "--no-edit",
        bad.trim(),
    ];
    git(&demo.clone, &revert);
    let api = demo
        .clone
        .join("environments/production/api/deployment.yaml");
    let text = std::fs::read_to_string(api).unwrap();
    assert!(text.contains("shop/api:1.4.1") && !text.contains("CATALOG_CACHE"));
}

/// The one revert of the story names the commit that it undoes, as git does.
#[test]
fn the_past_revert_names_what_it_undoes() {
    let (_directory, demo) = demo();
    let body = git(
        &demo.clone,
        &["log", "--no-merges", "--grep=^Revert ", "--format=%b", "-1"],
    );
    let named = body
        .split_whitespace()
        .nth(3)
        .unwrap()
        .trim_end_matches(',');
    let subject = git(&demo.clone, &["show", "-s", "--format=%b", named]);
    assert!(
        subject.starts_with("Promote checkout 3.2.0 to production"),
        "{body}"
    );
}

#[test]
fn production_is_degraded_and_drifted_and_the_rest_is_well() {
    let (_directory, demo) = demo();
    let live = live(&demo);
    let api = get(&live, "shop-production", "Deployment", "api");
    assert_eq!(api["status"]["readyReplicas"], 2);
    assert_eq!(api["status"]["updatedReplicas"], 1);
    assert_eq!(
        api["status"]["conditions"][1]["reason"],
        "ProgressDeadlineExceeded"
    );
    let [crashing] = unready(&live)[..] else {
        panic!("{:?}", unready(&live));
    };
    let container = &live[crashing]["status"]["containerStatuses"][0];
    assert_eq!(container["state"]["waiting"]["reason"], "CrashLoopBackOff");
    assert_eq!(container["restartCount"], 7);
    assert_eq!(container["lastState"]["terminated"]["reason"], "OOMKilled");
    for (key, object) in &live {
        let bad = key.namespace == "shop-production" && key.name == "api";
        if key.kind == "Deployment" && !bad {
            assert_eq!(
                object["status"]["availableReplicas"], object["spec"]["replicas"],
                "{key:?}"
            );
        }
    }
    let web = get(&live, "shop-production", "Deployment", "web");
    assert_eq!(web["spec"]["replicas"], 5);
    let search = get(&live, "shop-production", "Deployment", "search");
    let container = &search["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["resources"]["limits"]["memory"], "1Gi");
    let edit = search["metadata"]["managedFields"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["manager"] == "kubectl-edit")
        .unwrap();
    assert_eq!(edit["time"], "2026-03-02T11:25:00Z");
    let events = live.keys().filter(|key| key.kind == "Event").count();
    assert!(events >= 4, "{events}");
}

/// What was applied last is what main says: the deployer is not behind, and its reading of the overlays is kustomize's.
#[test]
fn the_cluster_runs_what_kustomize_makes_of_main() {
    let (_directory, demo) = demo();
    let live = live(&demo);
    for env in ["dev", "staging", "production"] {
        let overlay = demo.clone.join("apps/inventory/overlays").join(env);
        let Ok(output) = Command::new("kubectl")
            .arg("kustomize")
            .arg(&overlay)
            .output()
        else {
            assert!(
                std::env::var_os("CI").is_none(),
                "kubectl is required in CI"
            );
            eprintln!("skipped: kubectl is not installed");
            return;
        };
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        for document in super::desired::documents("kustomize", &text).unwrap() {
            let key = Key::of(&document).unwrap();
            let applied = live[&key]["metadata"]["annotations"][super::objects::LAST_APPLIED]
                .as_str()
                .unwrap();
            let applied: Value = serde_json::from_str(applied).unwrap();
            assert_eq!(applied, document, "{key:?}");
        }
    }
}

/// The secrets are where they must be masked, and nowhere else.
#[test]
fn canaries_are_in_secrets_only() {
    let (_directory, demo) = demo();
    for canary in CANARIES {
        let files = git(
            &demo.clone,
            &["log", "--all", "--format=", "--name-only", "-S", canary],
        );
        assert!(
            !files.trim().is_empty(),
            "{canary} is not in the repository"
        );
        assert!(
            files
                .lines()
                .all(|file| file.ends_with("secret.yaml") || file.is_empty())
        );
    }
    let live = live(&demo);
    for (key, object) in &live {
        let leaks = CANARIES
            .iter()
            .any(|canary| object.to_string().contains(canary));
        assert_eq!(leaks, key.kind == "Secret", "{key:?}");
    }
}

#[test]
fn a_directory_in_use_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("mine"), "").unwrap();
    let error = build(directory.path(), now()).unwrap_err().to_string();
    assert!(error.contains("is not empty\nhint: "), "{error}");
}

fn minutes_later(minutes: i64) -> Timestamp {
    now() + jiff::SignedDuration::from_mins(minutes)
}

/// Puts a commit of the clone on the remote by a merged pull request.
fn merge(demo: &Demo, title: &str) -> Oid {
    git(
        &demo.clone,
        &["push", "-q", "origin", "HEAD:refs/heads/change"],
    );
    let forge = Local::find(&demo.remote).unwrap();
    let new = NewPullRequest {
        title: title.to_owned(),
        body: String::new(),
        head_branch: "change".to_owned(),
        base_branch: "main".to_owned(),
    };
    let pull = forge.open(&new, "you", now()).unwrap();
    forge.merge(pull.number, pull.head, now()).unwrap()
}

#[test]
fn a_merged_revert_is_rolled_out_and_heals_production() {
    let (_directory, demo) = demo();
    let mut deployer = Deployer::new(&demo).unwrap();
    let main = deployer.waiting().unwrap().unwrap();
    assert!(
        !deployer.apply(main, now()).unwrap(),
        "main is deployed already"
    );
    assert_eq!(deployer.waiting().unwrap(), None);
    let before = live(&demo);

    let bad = git(
        &demo.clone,
        &["log", "--first-parent", "--merges", "--format=%H", "-1"],
    );
    git(&demo.clone, &["revert", "-m1", "--no-edit", bad.trim()]);
    let merged = merge(&demo, "Revert it");
    assert_eq!(deployer.waiting().unwrap(), Some(merged));
    assert!(deployer.apply(merged, minutes_later(2)).unwrap());
    let begun = live(&demo);
    let api = get(&begun, "shop-production", "Deployment", "api");
    assert_eq!(
        api["spec"]["template"]["spec"]["containers"][0]["image"],
        "registry.example.com/shop/api:1.4.1"
    );
    assert_eq!(
        (
            &api["status"]["readyReplicas"],
            &api["status"]["updatedReplicas"]
        ),
        (&2.into(), &3.into())
    );
    assert_eq!(api["status"]["conditions"][1]["status"], "True");

    deployer.settle(minutes_later(3)).unwrap();
    let after = live(&demo);
    let api = get(&after, "shop-production", "Deployment", "api");
    assert_eq!(api["status"]["readyReplicas"], 3);
    assert_eq!(
        api["status"]["conditions"][1]["reason"],
        "NewReplicaSetAvailable"
    );
    // The revert goes back to the ReplicaSet there was, and leaves the rest of the cluster alone.
    for (key, object) in &after {
        let same = before.get(key) == Some(object);
        assert!(
            same || key.name.starts_with("api") || key.kind == "Event",
            "{key:?}"
        );
    }
    assert!(unready(&after).is_empty(), "{:?}", unready(&after));
}

#[test]
fn a_merge_that_does_not_help_leaves_production_degraded() {
    let (_directory, demo) = demo();
    let path = demo
        .clone
        .join("environments/production/api/deployment.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("api:1.4.2", "api:1.4.3")).unwrap();
    git(&demo.clone, &["commit", "-qam", "Try 1.4.3"]);
    let mut deployer = Deployer::new(&demo).unwrap();
    let merged = merge(&demo, "Try 1.4.3");
    assert!(deployer.apply(merged, minutes_later(2)).unwrap());
    deployer.settle(minutes_later(30)).unwrap();
    let after = live(&demo);
    let api = get(&after, "shop-production", "Deployment", "api");
    assert_eq!(api["status"]["readyReplicas"], 2);
    assert_eq!(
        api["status"]["conditions"][1]["reason"],
        "ProgressDeadlineExceeded"
    );
}

#[test]
fn what_is_removed_from_git_is_removed_from_the_cluster() {
    let (_directory, demo) = demo();
    git(&demo.clone, &["rm", "-qr", "environments/staging/search"]);
    git(&demo.clone, &["commit", "-qm", "Drop search from staging"]);
    let mut deployer = Deployer::new(&demo).unwrap();
    let merged = merge(&demo, "Drop search from staging");
    deployer.apply(merged, minutes_later(2)).unwrap();
    let left: Vec<Key> = live(&demo)
        .into_keys()
        .filter(|key| {
            key.namespace == "shop-staging" && key.name.starts_with("search") && key.kind != "Event"
        })
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

/// A tree that the deployer cannot read changes nothing; the next one is deployed.
#[test]
fn a_broken_manifest_is_named_and_does_not_stop_the_next() {
    let (_directory, demo) = demo();
    let path = demo.clone.join("environments/dev/api/configmap.yaml");
    let good = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, "data: [").unwrap();
    git(&demo.clone, &["commit", "-qam", "Break it"]);
    let mut deployer = Deployer::new(&demo).unwrap();
    let (before, broken) = (live(&demo), merge(&demo, "Break it"));
    let error = deployer
        .apply(broken, minutes_later(1))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("environments/dev/api/configmap.yaml"),
        "{error}"
    );
    assert_eq!(live(&demo), before);

    std::fs::write(
        &path,
        good.replace("CACHE_TTL: \"60s\"", "CACHE_TTL: \"61s\""),
    )
    .unwrap();
    git(&demo.clone, &["commit", "-qam", "Mend it"]);
    let mended = merge(&demo, "Mend it");
    assert!(deployer.apply(mended, minutes_later(2)).unwrap());
    let after = live(&demo);
    let config = get(&after, "shop-dev", "ConfigMap", "api");
    assert_eq!(config["data"]["CACHE_TTL"], "61s");
}
