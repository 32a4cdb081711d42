//! Plain manifests: logs, moves, deletions, secrets, and reverts compared with git's.

use serde_json::Value;

use crate::run::Home;
use crate::support::TestRepo;

const SECRET: &str = "hunter2-correct-horse-battery";

fn config_map(name: &str, value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: shop\ndata:\n  key: {value}\n"
    )
}

fn subjects(log: &Value) -> Vec<&str> {
    log["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .filter_map(|entry| entry["subject"].as_str())
        .collect()
}

#[test]
fn a_log_follows_a_document_from_file_to_file_and_stops_at_its_end() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    repo.write(
        "shop/all.yaml",
        format!("{}---\n{}", config_map("a", "1"), config_map("b", "1")),
    );
    repo.commit("Start");
    repo.write(
        "shop/all.yaml",
        format!("{}---\n{}", config_map("a", "1"), config_map("b", "2")),
    );
    repo.commit("Change the other");
    repo.write(
        "shop/all.yaml",
        format!(
            "# a comment\n{}---\n{}",
            config_map("a", "1"),
            config_map("b", "2")
        ),
    );
    repo.commit("Comment");
    repo.write("shop/all.yaml", config_map("b", "2"))
        .write("shop/a.yaml", config_map("a", "1"));
    repo.commit("Move");
    repo.write("shop/a.yaml", config_map("a", "2"));
    repo.commit("Change");
    repo.remove("shop/a.yaml");
    repo.commit("Remove");
    let log = home.json(&repo.path, &["log", "cm/a", "-n", "shop"], 0);
    assert_eq!(subjects(&log), ["Remove", "Change", "Start"]);
    let changes: Vec<&Value> = log["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .map(|e| &e["resources"][0]["change"])
        .collect();
    assert_eq!(changes, ["removed", "modified", "added"]);
}

#[test]
fn the_tree_of_a_clean_revert_is_the_one_git_makes() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    repo.write("shop/a.yaml", config_map("a", "1"))
        .write("shop/b.yaml", config_map("b", "1"));
    repo.commit("Start");
    repo.write("shop/a.yaml", config_map("a", "2"));
    let bad = repo.commit("Break a");
    repo.write("shop/b.yaml", config_map("b", "2"));
    repo.commit("Change b");
    let plan = home.json(&repo.path, &["revert", &bad], 0);
    assert_eq!(plan["clean"], true);
    assert_eq!(plan["resources"].as_array().expect("resources").len(), 1);
    repo.git(&["revert", "--no-edit", &bad]);
    assert_eq!(plan["tree"], repo.rev("HEAD^{tree}").as_str());
    assert_eq!(
        plan["message"].as_str().expect("text").trim(),
        repo.git(&["log", "-1", "--format=%B"]).trim()
    );
    let again = home.json(&repo.path, &["revert", &bad], 0);
    assert_eq!(again["no_change"], true, "it is reverted already");
}

#[test]
fn where_the_whole_conflicts_smaller_scopes_are_tried() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    repo.write("shop/a.yaml", config_map("a", "1"))
        .write("shop/b.yaml", config_map("b", "1"));
    repo.commit("Start");
    repo.write("shop/a.yaml", config_map("a", "2"))
        .write("shop/b.yaml", config_map("b", "2"));
    let bad = repo.commit("Change both");
    repo.write("shop/a.yaml", config_map("a", "3"));
    repo.commit("Change a again");
    let plan = home.json(&repo.path, &["revert", &bad], 1);
    assert_eq!(plan["conflicts"][0]["path"], "shop/a.yaml");
    let clean: Vec<&Value> = plan["scopes"]
        .as_array()
        .expect("scopes")
        .iter()
        .filter(|scope| scope["clean"] == true)
        .collect();
    assert!(
        clean
            .iter()
            .any(|scope| scope["scope"]["path"] == "shop/b.yaml"),
        "{plan}"
    );
    let part = home.json(&repo.path, &["revert", &bad, "--path", "shop/b.yaml"], 0);
    assert_eq!(part["clean"], true);
    repo.write("shop/b.yaml", config_map("b", "1"));
    repo.commit("Put b back by hand");
    assert_eq!(
        part["tree"],
        repo.rev("HEAD^{tree}").as_str(),
        "only b is as it was"
    );
}

#[test]
fn a_restore_lists_what_else_it_undoes() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    repo.write("shop/a.yaml", config_map("a", "1"));
    let first = repo.commit("Start");
    repo.write("shop/a.yaml", config_map("a", "2"));
    repo.commit("Change");
    repo.write("shop/a.yaml", config_map("a", "3"));
    repo.commit("Change again");
    let plan = home.json(&repo.path, &["restore", &first, "--resource", "cm/a"], 0);
    assert_eq!(plan["clean"], true);
    let undone: Vec<&str> = plan["also_undoes"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|commit| commit["subject"].as_str())
        .collect();
    assert_eq!(undone, ["Change again", "Change"]);
    assert_eq!(
        plan["tree"],
        repo.rev(&format!("{first}^{{tree}}")).as_str()
    );
}

#[test]
fn a_secret_never_reaches_the_output() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    let encoded = "aHVudGVyMi1jb3JyZWN0LWhvcnNlLWJhdHRlcnk=";
    let secret = |value: &str, other: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\n  namespace: shop\nstringData:\n  password: {value}\n  same: {value}\ndata:\n  other: {other}\n"
        )
    };
    repo.write("shop/secret.yaml", secret(SECRET, encoded));
    let first = repo.commit("Start");
    repo.write("shop/secret.yaml", secret("changed-now", encoded));
    let second = repo.commit("Rotate");
    for args in [
        vec!["show", &first],
        vec!["show", &second],
        vec!["log", "secret/db"],
        vec!["log"],
        vec!["where"],
        vec!["resource", "secret/db"],
        vec!["revert", &second],
        vec!["restore", &first, "--resource", "secret/db"],
        vec!["diff", "HEAD^..HEAD"],
    ] {
        for format in ["text", "json"] {
            let ended = home.run(
                &repo.path,
                &[args.as_slice(), &["--no-cluster", "-o", format]].concat(),
            );
            assert!(ended.code < 2, "{args:?}: {}", ended.err);
            for piece in [
                &SECRET[..8],
                &SECRET[12..20],
                &encoded[..8],
                &encoded[20..28],
            ] {
                assert!(
                    !ended.out.contains(piece) && !ended.err.contains(piece),
                    "{args:?} leaks {piece}: {}",
                    ended.out
                );
            }
        }
    }
    let shown = home.json(&repo.path, &["show", &second], 0);
    let fields = shown["resources"][0]["fields"].as_array().expect("fields");
    assert_eq!(
        fields.len(),
        2,
        "both copies changed, the third value did not: {shown}"
    );
    assert_eq!(
        fields[0]["before"], fields[1]["before"],
        "equal values have equal masks"
    );
    assert_ne!(fields[0]["before"], fields[0]["after"]);
    assert_eq!(fields[0]["before"]["masked"], "#1");
}

/// As `billimek/k8s-gitops` c2a6bf254ea0: a commit that rewrites bytes and leaves some objects as they were.
#[test]
fn a_revert_says_which_files_change_without_a_meaning() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    repo.write("shop/a/a.yaml", config_map("a", "1"));
    repo.write("shop/b/b.yaml", config_map("b", "1"));
    repo.commit("Start");
    let reworded = format!(
        "# said better\n{}",
        config_map("a", "1").replace("key: 1", "key:   1")
    );
    repo.write("shop/a/a.yaml", reworded);
    repo.write("README.md", "changed too\n");
    let commit = repo.commit("Reword");
    let plan = home.json(&repo.path, &["revert", &commit], 0);
    assert_eq!(plan["clean"], true);
    assert_eq!(plan["no_change"], false);
    assert_eq!(plan["resources"].as_array().expect("resources").len(), 0);
    let warnings = plan["warnings"].to_string();
    assert!(
        warnings.contains("not meaning: no resource differs by shop/a/a.yaml"),
        "{warnings}"
    );
    assert!(
        warnings.contains("no app is made of README.md"),
        "{warnings}"
    );
}

/// As `billimek/k8s-gitops` a147ebf7dc18: the file is gone since, so its inverse conflicts, and putting it back does not.
#[test]
fn where_a_revert_conflicts_a_restore_is_offered() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    repo.write("shop/a.yaml", config_map("a", "1"));
    repo.write("shop/b.yaml", config_map("b", "1"));
    repo.commit("Start");
    repo.write("shop/a.yaml", config_map("a", "2"));
    let commit = repo.commit("Change a");
    repo.remove("shop/a.yaml");
    repo.commit("Remove a");
    let plan = home.json(&repo.path, &["revert", &commit], 1);
    assert_eq!(plan["conflicts"][0]["path"], "shop/a.yaml");
    assert_eq!(plan["conflicts"][0]["kind"], "modify-delete");
    let restores = plan["scopes"]
        .as_array()
        .expect("scopes")
        .iter()
        .any(|tried| {
            tried["mode"] == "restore"
                && tried["clean"] == true
                && tried["scope"]["path"] == "shop/a.yaml"
        });
    assert!(restores, "{plan}");
    let restored = home.json(
        &repo.path,
        &["restore", &format!("{commit}^"), "--path", "shop/a.yaml"],
        0,
    );
    repo.write("shop/a.yaml", config_map("a", "1"));
    repo.commit("Put a back by hand");
    assert_eq!(restored["tree"], repo.rev("HEAD^{tree}").as_str());
}

/// Text from the repository is text in a pull request, too.
#[test]
fn markdown_is_for_pasting() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    let write = |value: &str| {
        let map = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: shop, namespace: shop}}\ndata: {{key: '{value}'}}\n"
        );
        repo.write("prod/shop/map.yaml", map);
    };
    write("a|b");
    repo.commit("Start");
    write("<b>@all</b>");
    let commit = repo.commit("Make it *bold*");
    let ended = home.run(
        &repo.path,
        &["show", &commit, "-o", "markdown", "--no-cluster"],
    );
    let (_, rest) = ended.out.split_once('\n').expect("lines");
    assert!(ended.out.contains("Make it \\*bold\\*\n"), "{}", ended.out);
    assert_eq!(
        rest,
        "\n- data.key a\\|b → \\<b\\>&#64;all\\</b\\> (shop)\n\n\
         ### \\~ prod › shop › ConfigMap/shop -n shop  prod/shop/map.yaml\n\n\
         | field | before | after |\n| --- | --- | --- |\n| data.key | a\\|b | \\<b\\>&#64;all\\</b\\> |\n",
    );
    let ended = home.run(&repo.path, &["where", "-o", "markdown", "--no-cluster"]);
    let head = "| APP | ENVIRONMENT | VERSION | SINCE | COMMIT | AUTHOR | LIVE |\n| --- |";
    assert!(ended.out.starts_with(head), "{}", ended.out);
}

/// Every row said that the kubeconfig could not be read.
#[test]
fn who_has_no_kubeconfig_has_no_cluster_and_no_failure() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    repo.write("it.yaml", config_map("it", "1"));
    repo.commit("Begin");
    let ended = home.run(&repo.path, &["where", "-o", "json"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let answer: Value = serde_json::from_str(&ended.out).expect("JSON");
    let live = &answer["apps"][0]["deployments"][0]["live"];
    assert_eq!(live["why"], "no cluster", "{live}");
    // Who names one that is not there is told so.
    let named = home
        .command(&repo.path, &["where"])
        .env("KUBECONFIG", home.directory.path().join("missing"))
        .output()
        .expect("gitopsy runs");
    let said = String::from_utf8_lossy(&named.stdout).into_owned();
    assert!(said.contains("missing"), "{said}");
}
