//! What undoes, redoes and repeats a commit, linked both ways: as git writes it, and as forges rewrite it.

use serde_json::Value;
use support::TestRepo;

use crate::run::Home;

struct Setting {
    home: Home,
    repo: TestRepo,
}

impl Setting {
    fn new() -> Setting {
        let home = Home::new();
        let repo = TestRepo::init(&home.directory.path().join("repo"));
        let setting = Setting { home, repo };
        setting.set(1, "Add web");
        setting
    }

    fn set(&self, replicas: usize, message: &str) -> String {
        let text = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: shop}}\nspec: {{replicas: {replicas}}}\n"
        );
        self.repo
            .write("environments/production/web.yaml", text)
            .commit(message)
    }

    /// The log as JSON, by subject.
    fn entry(&self, subject: &str) -> Value {
        let log = self.home.json(&self.repo.path, &["log"], 0);
        let entries = log["entries"].as_array().expect("entries");
        let entry = entries.iter().find(|entry| entry["subject"] == subject);
        entry
            .unwrap_or_else(|| panic!("{subject} in {log}"))
            .clone()
    }

    fn text(&self, args: &[&str]) -> String {
        let ended = self.home.run(&self.repo.path, args);
        assert_eq!(ended.code, 0, "{}", ended.err);
        ended.out
    }
}

#[test]
fn reverts_of_git_are_linked_both_ways() {
    let s = Setting::new();
    let raised = s.set(5, "Raise replicas");
    let revert = |commit: &str| {
        s.repo.git(&["revert", "--no-edit", commit]);
        s.repo.rev("HEAD")
    };
    let reverted = revert(&raised);
    let entry = s.entry("Raise replicas");
    assert_eq!(entry["reverted_by"], reverted);
    assert_eq!(s.entry("Revert \"Raise replicas\"")["reverts"], raised);
    assert!(
        s.text(&["show", &raised])
            .contains(&format!("reverted by {}", &reverted[..7]))
    );

    let reapplied = revert(&reverted);
    let entry = s.entry("Raise replicas");
    assert_eq!(entry["reverted_by"], Value::Null, "it is in effect again");
    assert_eq!(entry["reapplied_by"], reapplied);
    let show = s.home.json(&s.repo.path, &["show", &reapplied], 0);
    assert_eq!(show["commit"]["reapplies"], raised);
    assert_eq!(show["commit"]["reverts"], reverted);
    let log = s.text(&["log", "deploy/web"]);
    assert!(
        log.contains(&format!("reapplied by {}", &reapplied[..7])),
        "{log}"
    );

    let again = revert(&reapplied);
    let entry = s.entry("Raise replicas");
    assert_eq!(entry["reverted_by"], again);
    assert_eq!(entry["reapplied_by"], Value::Null);
}

/// Whoever reverts the one commit of a branch reverts what its merge did; of several commits it is not all.
#[test]
fn reverts_of_what_a_merge_brought_are_linked() {
    let s = Setting::new();
    for (branch, commits) in [("one", 1), ("two", 2)] {
        s.repo.git(&["checkout", "-q", "-b", branch]);
        for number in 0..commits {
            s.set(10 * commits + number, &format!("{branch} {number}"));
        }
        let last = s.repo.rev("HEAD");
        s.repo.git(&["checkout", "-q", "-"]);
        let merge = format!("Merge branch '{branch}'");
        s.repo.merge(&[branch], &merge);
        s.repo.git(&["revert", "--no-edit", &last]);
        let revert = s.repo.rev("HEAD");
        let expected = match commits {
            1 => Value::from(revert.as_str()),
            _ => Value::Null,
        };
        assert_eq!(s.entry(&merge)["reverted_by"], expected);
        let show = s.home.json(&s.repo.path, &["show", &revert], 0);
        assert_eq!(show["commit"]["reverts"], last);
    }
}

#[test]
fn reverts_of_forges_are_linked_by_pull_request() {
    let s = Setting::new();
    let raised = s.set(5, "Raise replicas (#12)");
    let squashed = s.set(1, "Revert \"Raise replicas (#12)\" (#13)");
    assert_eq!(s.entry("Raise replicas (#12)")["reverted_by"], squashed);
    assert_eq!(
        s.entry("Revert \"Raise replicas (#12)\" (#13)")["reverts"],
        raised
    );
    let reapplied = s.set(5, "Reapply \"Raise replicas (#12)\" (#14)");
    assert_eq!(s.entry("Raise replicas (#12)")["reapplied_by"], reapplied);
    assert_eq!(
        s.entry("Reapply \"Raise replicas (#12)\" (#14)")["reapplies"],
        raised
    );

    let other = s.set(
        7,
        "Merge pull request #20 from acme/more\n\nMore replicas\n",
    );
    let undone = s.set(
        5,
        "Merge pull request #21 from acme/revert-20-more\n\nRevert \"More replicas\"\n",
    );
    let subject = "Merge pull request #20 from acme/more";
    assert_eq!(s.entry(subject)["reverted_by"], undone);
    let show = s.home.json(&s.repo.path, &["show", &undone], 0);
    assert_eq!(show["commit"]["reverts"], other);

    // A later pull request of the same number is another repository's.
    s.set(9, "Revert \"Never merged (#99)\" (#22)");
    let entry = s.entry("Revert \"Never merged (#99)\" (#22)");
    assert_eq!(entry["reverts"], Value::Null);
}

#[test]
fn cherry_picks_are_linked_both_ways_and_between_branches() {
    let s = Setting::new();
    s.repo.git(&["checkout", "-q", "-b", "hotfix"]);
    let fix = s.set(3, "Fix the replicas");
    s.repo.git(&["checkout", "-q", "-"]);
    s.repo
        .write("environments/production/other.yaml", "kind: None\n")
        .commit("Something else");
    s.repo.git(&["cherry-pick", "-x", &fix]);
    let pick = s.repo.rev("HEAD");
    assert_eq!(s.entry("Fix the replicas")["picked_from"], fix);
    let log = s.home.json(&s.repo.path, &["log", "--branch", "hotfix"], 0);
    assert_eq!(log["entries"][0]["picked_to"], Value::Null, "not looked at");
    assert!(
        s.text(&["log"])
            .contains(&format!("picked from {}", &fix[..7]))
    );

    // On one line
    s.repo.git(&["revert", "--no-edit", &pick]);
    s.repo.git(&["cherry-pick", "-x", &pick]);
    let again = s.repo.rev("HEAD");
    let show = s.home.json(&s.repo.path, &["show", &pick], 0);
    assert_eq!(show["commit"]["picked_to"], again);
}

#[test]
fn picks_from_one_environments_branch_to_another_are_linked() {
    let s = Setting::new();
    s.repo.git(&["branch", "-m", "env/production"]);
    s.repo.git(&["checkout", "-q", "-b", "env/staging"]);
    let fix = s.set(3, "Fix the replicas");
    s.repo.git(&["checkout", "-q", "env/production"]);
    s.repo
        .write("environments/production/other.yaml", "kind: None\n")
        .commit("Something else");
    s.repo.git(&["cherry-pick", "-x", &fix]);
    let pick = s.repo.rev("HEAD");
    let log = s.home.json(&s.repo.path, &["log"], 0);
    let entries = log["entries"].as_array().expect("entries");
    let of = |commit: &str| entries.iter().find(|entry| entry["commit"] == commit);
    assert_eq!(of(&pick).expect("the pick")["picked_from"], fix, "{log}");
    assert_eq!(of(&fix).expect("the fix")["picked_to"], pick, "{log}");
}
