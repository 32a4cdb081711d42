//! Branch per environment: every branch is asked, and what is promoted by merging is told apart by branch.

use serde_json::Value;

use crate::run::Home;
use crate::support::TestRepo;

fn deployment(tag: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  template:\n    spec:\n      \
         containers:\n      - name: web\n        image: example.com/web:{tag}\n"
    )
}

/// `main` is development; `staging` and `production` follow it by merges, and production got a fix of its own.
fn repository(home: &Home) -> TestRepo {
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    let deploy = |tag: &str, subject: &str| {
        repo.write("web/web.yaml", deployment(tag));
        repo.commit(subject)
    };
    repo.write("README.md", "An environment a branch\n");
    repo.write("db/db.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: db\n  namespace: shop\ndata:\n  size: '1'\n");
    deploy("1", "Web 1");
    for branch in ["staging", "production"] {
        repo.git(&["branch", "-q", branch]);
    }
    deploy("2", "Web 2");
    repo.git(&["branch", "-q", "-f", "staging"]);
    deploy("3", "Web 3");
    repo.git(&["checkout", "-q", "production"]);
    repo.write("db/db.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: db\n  namespace: shop\ndata:\n  size: '9'\n");
    repo.commit("More room for production");
    repo.git(&["checkout", "-q", "main"]);
    repo
}

fn texts<'a>(values: &'a Value, key: &str) -> Vec<&'a str> {
    let values = values.as_array().expect("a list");
    values
        .iter()
        .filter_map(|value| value[key].as_str())
        .collect()
}

#[test]
fn each_branch_is_an_environment_with_its_own_versions() {
    let home = Home::new();
    let repo = repository(&home);
    let answer = home.json(&repo.path, &["where"], 0);
    assert_eq!(
        texts(&answer["tips"], "branch"),
        ["main", "staging", "production"]
    );
    assert_eq!(
        texts(&answer["environments"], "name"),
        ["main", "staging", "production"]
    );
    let apps = answer["apps"].as_array().expect("apps");
    let web = apps.iter().find(|app| app["name"] == "web").expect("web");
    let mut versions: Vec<(&str, &str, &str)> = web["deployments"]
        .as_array()
        .expect("deployments")
        .iter()
        .map(|deployment| {
            let text = |value: &'static str| deployment[value].as_str().expect("text");
            let since = deployment["since"]["subject"].as_str().expect("since");
            (text("environment"), text("version"), since)
        })
        .collect();
    versions.sort_unstable();
    assert_eq!(
        versions,
        [
            ("main", "3", "Web 3"),
            ("production", "1", "Web 1"),
            ("staging", "2", "Web 2")
        ]
    );
    // One branch asked for is one branch answered for.
    let answer = home.json(&repo.path, &["where", "--branch", "staging"], 0);
    assert_eq!(texts(&answer["tips"], "branch"), ["staging"]);
}

/// The default branch's environment came first, whatever it was.
#[test]
fn environments_in_branches_stand_in_the_order_of_promotion() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    repo.git(&["checkout", "-q", "-b", "production"]);
    repo.write("web.yaml", deployment("1"));
    repo.commit("Web 1");
    for (branch, tag) in [("staging", "2"), ("dev", "3")] {
        repo.git(&["checkout", "-q", "-b", branch]);
        repo.write("web.yaml", deployment(tag));
        repo.commit("Next");
    }
    repo.git(&["checkout", "-q", "production"]);
    let answer = home.json(&repo.path, &["where"], 0);
    assert_eq!(
        texts(&answer["environments"], "name"),
        ["dev", "staging", "production"]
    );
    let deployments = &answer["apps"][0]["deployments"];
    assert_eq!(texts(deployments, "version"), ["3", "2", "1"]);
    assert_eq!(texts(&answer["tips"], "branch")[0], "production");
}

#[test]
fn a_commit_on_several_branches_is_one_entry_that_names_them_all() {
    let home = Home::new();
    let repo = repository(&home);
    let log = home.json(&repo.path, &["log"], 0);
    let entries = log["entries"].as_array().expect("entries");
    let of: Vec<(&str, Vec<&str>)> = entries
        .iter()
        .map(|entry| {
            let environments = entry["environments"].as_array().expect("environments");
            let environments = environments.iter().filter_map(Value::as_str).collect();
            (entry["subject"].as_str().expect("subject"), environments)
        })
        .collect();
    assert_eq!(
        of,
        [
            ("More room for production", vec!["production"]),
            ("Web 3", vec!["main"]),
            ("Web 2", vec!["main", "staging"]),
            ("Web 1", vec!["main", "staging", "production"]),
        ]
    );
    let shown = home.json(&repo.path, &["show", "HEAD~1"], 0);
    let mut environments = texts(&shown["resources"], "environment");
    environments.sort_unstable();
    assert_eq!(environments, ["main", "staging"]);
}

#[test]
fn a_resource_is_looked_for_on_every_branch() {
    let home = Home::new();
    let repo = repository(&home);
    let ended = home.run(&repo.path, &["log", "deploy/web", "--no-cluster"]);
    assert_eq!(ended.code, 2);
    for environment in ["main", "staging", "production"] {
        assert!(
            ended.err.contains(&format!("--env {environment}")),
            "{}",
            ended.err
        );
    }
    let log = home.json(&repo.path, &["log", "cm/db", "-e", "production"], 0);
    assert_eq!(
        texts(&log["entries"], "subject"),
        ["More room for production", "Web 1"]
    );
    assert_eq!(texts(&log["tips"], "branch"), ["production"]);
}

/// A branch called production, and a directory called so on the default branch: not the same place.
#[test]
fn a_name_on_two_branches_is_told_apart_wherever_it_is_named() {
    let home = Home::new();
    let repo = repository(&home);
    let map = |size: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: edge, namespace: shop}}\ndata: {{size: '{size}'}}\n"
        )
    };
    let branches = ["main", "production"];
    for branch in branches {
        repo.git(&["checkout", "-q", branch]);
        repo.write("environments/production/edge/map.yaml", map(branch));
        repo.commit(&format!("Edge of {branch}"));
    }
    repo.git(&["checkout", "-q", "main"]);
    let answer = home.json(&repo.path, &["where"], 0);
    assert_eq!(
        texts(&answer["environments"], "name"),
        [
            "main",
            "staging",
            "production@main",
            "production@production"
        ]
    );
    let protected = |name: &str| {
        let mut environments = answer["environments"].as_array().expect("a list").iter();
        let found = environments.find(|found| found["name"] == name);
        found.expect(name)["protected"] == Value::Bool(true)
    };
    assert!(branches.map(|branch| protected(&format!("production@{branch}"))) == [true; 2]);
    // What is on one branch only keeps its name.
    let log = home.json(&repo.path, &["log", "deploy/web", "-e", "staging"], 0);
    assert_eq!(texts(&log["entries"], "subject"), ["Web 2", "Web 1"]);
    for branch in branches {
        let name = format!("production@{branch}");
        let log = home.json(&repo.path, &["log", "cm/edge", "-e", &name], 0);
        assert_eq!(
            texts(&log["entries"], "subject"),
            [format!("Edge of {branch}")]
        );
        let shown = home.json(&repo.path, &["show", branch, "-e", &name], 0);
        assert_eq!(texts(&shown["resources"], "environment"), [&name]);
        let range = format!("{branch}~1..{branch}");
        let compared = home.json(&repo.path, &["diff", &range, "cm/edge", "-e", &name], 0);
        assert_eq!(texts(&compared["resources"], "environment"), [&name]);
    }
    for args in [
        &["where", "--env", "production"][..],
        &["log", "cm/edge", "-e", "production"],
        &["where", "--context", "production=kind"],
    ] {
        let ended = home.run(&repo.path, args);
        assert_eq!(ended.code, 2, "{args:?}");
        assert_eq!(
            ended.err,
            "error: the environment production is on 2 branches\n\
             hint: say which: production@main, production@production\n",
            "{args:?}"
        );
    }
    // Asked of one branch, there is nothing to tell apart.
    let answer = home.json(
        &repo.path,
        &["where", "--branch", "production", "-e", "production"],
        0,
    );
    assert_eq!(texts(&answer["environments"], "name"), ["production"]);
}

#[test]
fn a_revert_is_planned_on_the_branch_that_the_commit_is_on() {
    let home = Home::new();
    let repo = repository(&home);
    let fix = repo.git(&["rev-parse", "production"]).trim().to_owned();
    let plan = home.json(&repo.path, &["revert", &fix], 0);
    assert_eq!(texts(&plan["tips"], "branch"), ["production"]);
    assert_eq!(plan["base"], Value::String(fix.clone()));
    assert_eq!(plan["clean"], Value::Bool(true));
    let tree = repo
        .git(&["rev-parse", "production~1^{tree}"])
        .trim()
        .to_owned();
    assert_eq!(plan["tree"], Value::String(tree));
    // On two: planned for the first, which it says.
    let plan = home.json(
        &repo.path,
        &[
            "revert",
            "main~1",
            "--resource",
            "deploy/web",
            "-e",
            "staging",
        ],
        0,
    );
    assert_eq!(texts(&plan["tips"], "branch"), ["staging"]);
}

/// What Argo CD and Kargo render to branches is told from what people write, and leads to the commit that it was made of.
#[test]
fn a_rendered_branch_leads_to_the_commit_it_was_made_of() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    repo.write("web/web.yaml", deployment("1"));
    let first = repo.commit("Web 1");
    repo.write("web/web.yaml", deployment("2"));
    let second = repo.commit("Web 2");
    let branches = ["environments/dev", "stage/prod"];
    for (branch, tag, dry) in [
        (branches[0], "1", &first),
        (branches[0], "2", &second),
        (branches[1], "1", &first),
    ] {
        match repo.git(&["branch", "--list", branch]).is_empty() {
            true => repo.git(&["checkout", "-q", "--orphan", branch]),
            false => repo.git(&["checkout", "-q", branch]),
        };
        repo.write("web/manifest.yaml", deployment(tag));
        for other in ["web/web.yaml", "hydrator.metadata"] {
            std::fs::remove_file(repo.path.join(other)).ok();
        }
        if branch == branches[0] {
            repo.write("hydrator.metadata", format!("{{\"drySha\": \"{dry}\"}}"));
        } else {
            repo.write(
                ".kargo-render/metadata.yaml",
                format!("sourceCommit: {dry}\n"),
            );
        }
        repo.git(&["add", "-A"]);
        repo.commit("Rendered");
    }
    repo.git(&["checkout", "-q", "main"]);
    for (branch, expected) in [
        (branches[0], vec![&second, &first]),
        (branches[1], vec![&first]),
    ] {
        let answer = home.json(&repo.path, &["--branch", branch, "log"], 0);
        let entries = answer["entries"].as_array().expect("entries");
        let made_of: Vec<&str> = entries
            .iter()
            .map(|entry| {
                assert_eq!(entry["generated"], Value::Bool(true), "{entry}");
                entry["source"]["commit"].as_str().expect("a source")
            })
            .collect();
        assert_eq!(made_of, expected, "{branch}");
        assert_eq!(
            entries[0]["source"]["subject"],
            format!("Web {}", expected.len())
        );
        let tip = repo.rev(branch);
        let shown = home
            .json(&repo.path, &["--branch", branch, "show", &tip], 0)
            .to_string();
        assert!(
            shown.contains(&format!("generated from {}", expected[0])),
            "{shown}"
        );
    }
}
