//! The demo is judged from outside: by git, by kustomize, and by what a reader of its cluster would see.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use jiff::Timestamp;
use serde_json::Value;

use super::objects::{Key, Live};
use super::{CANARIES, Demo, build, snapshot};

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

fn get<'l>(live: &'l Live, namespace: &str, kind: &str, name: &str) -> &'l Value {
    &live[&Key::new(namespace, kind, name)]
}

#[test]
fn the_same_moment_gives_the_same_commits_and_objects() {
    let (_first, a) = demo();
    let (_second, b) = demo();
    let refs = |demo: &Demo| git(&demo.remote, &["for-each-ref"]);
    assert_eq!(refs(&a), refs(&b));
    assert_eq!(
        snapshot::read(&a.snapshot).unwrap(),
        snapshot::read(&b.snapshot).unwrap()
    );
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
    let live = snapshot::read(&demo.snapshot).unwrap();
    let api = get(&live, "shop-production", "Deployment", "api");
    assert_eq!(api["status"]["readyReplicas"], 2);
    assert_eq!(api["status"]["updatedReplicas"], 1);
    assert_eq!(
        api["status"]["conditions"][1]["reason"],
        "ProgressDeadlineExceeded"
    );
    let crashing: Vec<&Value> = live
        .values()
        .filter(|object| {
            object["status"]["containerStatuses"][0]["state"]["waiting"]["reason"]
                == "CrashLoopBackOff"
        })
        .collect();
    assert_eq!(crashing.len(), 1);
    assert_eq!(
        crashing[0]["status"]["containerStatuses"][0]["restartCount"],
        7
    );
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
    let live = snapshot::read(&demo.snapshot).unwrap();
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
    let live = snapshot::read(&demo.snapshot).unwrap();
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
