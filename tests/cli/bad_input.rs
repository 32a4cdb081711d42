//! What is not as it should be is shown for what it is, and the rest keeps working.

use serde_json::json;

use crate::run::Home;
use crate::support::TestRepo;

fn config_map(name: &str, value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: shop\ndata:\n  key: {value}\n"
    )
}

#[test]
fn no_repository_is_an_error_that_says_what_to_do() {
    let home = Home::new();
    let directory = home.directory.path().join("empty");
    std::fs::create_dir(&directory).expect("created");
    let ended = home.run(&directory, &["where"]);
    assert_eq!(ended.code, 2);
    assert!(
        ended.err.contains("not in a git repository") && ended.err.contains("hint: "),
        "{}",
        ended.err
    );
}

#[test]
fn an_empty_repository_says_so() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    let ended = home.run(&repo.path, &["where"]);
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("no commits yet"), "{}", ended.err);
}

#[test]
fn a_repository_without_manifests_still_has_a_timeline() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    repo.write("README.md", "nothing deployed here\n");
    repo.commit("Say so");
    assert!(
        home.run(&repo.path, &["where", "--no-cluster"])
            .out
            .contains("No app was recognised")
    );
    let log = home.json(&repo.path, &["log"], 0);
    assert_eq!(log["entries"][0]["subject"], "Say so");
}

#[test]
fn broken_yaml_in_history_costs_only_itself() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    repo.write("shop/good.yaml", config_map("good", "1"))
        .write("shop/bad.yaml", config_map("bad", "1"));
    repo.commit("Start");
    repo.write(
        "shop/bad.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad\n  oops: [\n",
    );
    repo.write("shop/good.yaml", config_map("good", "2"));
    let broken = repo.commit("Break one");
    let shown = home.json(&repo.path, &["show", &broken], 0);
    let resources = shown["resources"].as_array().expect("resources");
    assert_eq!(
        resources.len(),
        1,
        "the broken side is not a deletion: {shown}"
    );
    assert_eq!(resources[0]["object"]["name"], "good");
    assert_eq!(
        shown["not_rendered"].as_array().expect("named").len(),
        1,
        "{shown}"
    );
}

/// Its templates are still there: nothing was taken out of any cluster.
#[test]
fn a_chart_that_lost_its_chart_yaml_cannot_be_rendered() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    for (directory, name) in [("charts/shop", "shop"), ("charts/web", "website")] {
        repo.write(
            format!("{directory}/Chart.yaml"),
            format!("apiVersion: v2\nname: {name}\nversion: 0.1.0\n"),
        )
        .write(format!("{directory}/values.yaml"), "key: '1'\n")
        .write(format!("{directory}/values-prod.yaml"), "key: '2'\n")
        .write(
            format!("{directory}/templates/map.yaml"),
            config_map(name, "'{{ .Values.key }}'"),
        );
    }
    repo.commit("Start");
    for directory in ["charts/shop", "charts/web"] {
        std::fs::remove_file(repo.path.join(directory).join("Chart.yaml")).expect("removed");
    }
    repo.commit("Lose them");
    let shown = home.json(&repo.path, &["show", "HEAD"], 0);
    assert_eq!(shown["resources"], json!([]), "{shown}");
    let failed = shown["not_rendered"].as_array().expect("a list");
    assert_eq!(failed.len(), 2, "{shown}");
    for failed in failed {
        let why = failed["why"].as_str().expect("a reason");
        assert!(why.ends_with("it has no Chart.yaml"), "{why}");
    }
}

#[test]
fn templates_bom_crlf_and_odd_paths_are_taken_as_they_are() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    repo.write(
        "shop/template.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n{{- if .x }}\n",
    );
    repo.write(
        "shop/bom.yaml",
        format!("\u{feff}{}", config_map("bom", "1")),
    );
    repo.write(
        "shop/crlf.yaml",
        config_map("crlf", "1").replace('\n', "\r\n"),
    );
    repo.write(b"shop/\xff\xfe.yaml".as_slice(), config_map("odd", "1"));
    repo.symlink("shop/link.yaml", "bom.yaml");
    repo.symlink("shop/outside.yaml", "../../../etc/passwd");
    repo.commit("All sorts of things\u{1b}[31m and a colour");
    for name in ["bom", "crlf", "odd"] {
        let log = home.json(&repo.path, &["log", &format!("cm/{name}")], 0);
        assert_eq!(
            log["entries"].as_array().expect("entries").len(),
            1,
            "{name}"
        );
    }
    let ended = home.run(&repo.path, &["log", "--no-cluster"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(
        !ended.out.contains('\u{1b}') && !ended.out.contains("root:"),
        "{}",
        ended.out
    );
}

#[test]
fn a_shallow_clone_says_where_history_ends() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    for number in 0..5 {
        repo.write("shop/a.yaml", config_map("a", &number.to_string()));
        repo.commit(&format!("Change {number}"));
    }
    let clone = repo.cloned(&home.directory.path().join("clone"), &["--depth", "2"]);
    let log = home.json(&clone.path, &["log"], 0);
    assert_eq!(log["entries"].as_array().expect("entries").len(), 2);
    assert!(
        log["notes"].to_string().contains("shallow"),
        "{}",
        log["notes"]
    );
    let oldest = clone.rev("HEAD^");
    let ended = home.run(&clone.path, &["revert", &oldest, "--no-cluster"]);
    assert_eq!(ended.code, 2, "{}", ended.out);
    assert!(ended.err.contains("shallow"), "{}", ended.err);
}

#[test]
fn an_ambiguous_name_lists_the_candidates() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    for environment in ["staging", "production"] {
        repo.write(
            format!("environments/{environment}/shop/a.yaml"),
            config_map("a", "1"),
        );
    }
    repo.commit("Start");
    let ended = home.run(&repo.path, &["log", "cm/a", "--no-cluster"]);
    assert_eq!(ended.code, 2);
    assert!(
        ended.err.contains("staging")
            && ended.err.contains("production")
            && ended.err.contains("--env"),
        "{}",
        ended.err
    );
    assert_eq!(
        home.run(
            &repo.path,
            &["log", "cm/a", "-e", "staging", "--no-cluster"]
        )
        .code,
        0
    );
}

#[test]
fn a_name_that_was_never_declared_is_an_error() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    repo.write("shop/a.yaml", config_map("a", "1"));
    repo.commit("Start");
    let ended = home.run(&repo.path, &["log", "deploy/nothing", "--no-cluster"]);
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("declared nowhere"), "{}", ended.err);
}
