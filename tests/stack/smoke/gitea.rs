use std::fs;
use std::os::unix::fs::FileTypeExt;

use reqwest::Method;
use serde_json::{Value, json};
use support::TestRepo;
use tempfile::tempdir;

use crate::harness::{gitea, until};

#[test]
fn a_pull_request_is_pushed_checked_reviewed_and_merged() {
    let Some(gitea) = gitea() else { return };
    let remote = gitea.repository("merging");
    let reviewer = gitea.user("merging-reviewer");
    let api = |token: &str, method: Method, path: &str, body: Value| {
        gitea.must(
            token,
            method,
            &format!("/repos/{}{path}", remote.path),
            &body,
        )
    };
    let alice = remote.token.as_str();
    let rights = json!({"permission": "write"});
    api(
        alice,
        Method::PUT,
        "/collaborators/merging-reviewer",
        rights,
    );

    let directory = tempdir().expect("directory");
    let repo = TestRepo::init(directory.path());
    repo.write("replicas", "1\n").commit("Start");
    let wrong = remote.authorized.replacen(alice, "wrong", 1);
    assert!(!repo.try_git(&["push", "-q", &wrong, "main"]).0);
    repo.git(&["push", "-q", &remote.authorized, "main"]);
    repo.git(&["checkout", "-q", "-b", "more"]);
    let head = repo.write("replicas", "2\n").commit("Ask for more");
    repo.git(&["push", "-q", &remote.authorized, "more"]);

    api(
        alice,
        Method::POST,
        "/branch_protections",
        json!({
            "rule_name": "main", "required_approvals": 1,
            "enable_status_check": true, "status_check_contexts": ["ci/check"],
        }),
    );
    let pull = api(
        alice,
        Method::POST,
        "/pulls",
        json!({"head": "more", "base": "main", "title": "More"}),
    );
    assert_eq!(pull["head"]["sha"], head.as_str());
    let pulls = format!("/repos/{}/pulls/1", remote.path);
    let merge = json!({"Do": "merge", "head_commit_id": head});
    let merging = || gitea.ask(alice, Method::POST, &format!("{pulls}/merge"), &merge);
    until("the pull request to be checked for conflicts", || {
        let pull = gitea.must(alice, Method::GET, &pulls, &Value::Null);
        (pull["mergeable"] == true).then_some(())
    });
    assert_eq!(merging().0, 405, "it is neither checked nor approved");

    api(
        alice,
        Method::POST,
        &format!("/statuses/{head}"),
        json!({"context": "ci/check", "state": "success"}),
    );
    api(
        &reviewer,
        Method::POST,
        "/pulls/1/reviews",
        json!({"event": "APPROVED", "body": "fine"}),
    );
    // Gitea takes notice of either in the background.
    until("the merge to be let through", || {
        (merging().0 == 200).then_some(())
    });
    let merged = gitea.must(alice, Method::GET, &pulls, &Value::Null);
    assert_eq!(merged["merged"], true);
    repo.git(&["fetch", "-q", &remote.authorized, "main"]);
    assert_eq!(repo.git(&["show", "FETCH_HEAD:replicas"]), "2");
    assert_eq!(merged["merge_commit_sha"], repo.rev("FETCH_HEAD").as_str());

    let (status, _) = gitea.ask("wrong", Method::GET, &pulls, &Value::Null);
    assert_eq!(status, 401);
}

/// Gitea writes git's global configuration when it starts, and git replaces the file it writes: as root, even a device.
#[test]
fn git_s_global_configuration_that_gitea_writes_is_not_the_null_device() {
    let Some(gitea) = gitea() else { return };
    gitea.user("null-device");
    let null = fs::metadata("/dev/null").expect("the null device");
    assert!(null.file_type().is_char_device());
}
