//! Kargo beside what it promotes: who promotes into an environment, what its objects are about, and which commits are its.

use serde_json::{Value, json};

use crate::run::Home;
use crate::support::TestRepo;

const WAREHOUSE: &str = "apiVersion: kargo.akuity.io/v1alpha1\nkind: Warehouse\nmetadata: {name: web, namespace: shop}\n\
     spec:\n  subscriptions:\n  - image: {repoURL: ghcr.io/example/web, constraint: ^1.0.0}\n";

/// The Stages are not called like the directories that they write to.
fn stage(name: &str, directory: &str, sources: &str) -> String {
    format!(
        "apiVersion: kargo.akuity.io/v1alpha1\nkind: Stage\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  \
         requestedFreight:\n  - origin: {{kind: Warehouse, name: web}}\n    sources: {sources}\n  promotionTemplate:\n    \
         spec:\n      steps:\n      - task: {{name: promote}}\n        vars: [{{name: directory, value: {directory}}}]\n"
    )
}

const TASK: &str = r#"apiVersion: kargo.akuity.io/v1alpha1
kind: PromotionTask
metadata: {name: promote, namespace: shop}
spec:
  vars:
  - {name: repo, value: "https://git.example.com/shop/env.git"}
  - {name: directory}
  steps:
  - uses: git-clone
    config: {repoURL: "${{ vars.repo }}", checkout: [{branch: main, path: ./src}]}
  - uses: kustomize-set-image
    config: {path: "./src/envs/${{ vars.directory }}", images: [{image: ghcr.io/example/web}]}
  - uses: git-commit
    config: {path: ./src, message: "Promote ${{ ctx.stage }}"}
  - uses: git-push
    config: {path: ./src, targetBranch: main}
"#;

fn deployment(tag: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: shop}}\nspec: {{template: {{spec: \
         {{containers: [{{name: web, image: 'ghcr.io/example/web:{tag}'}}]}}}}}}\n"
    )
}

fn repository(home: &Home) -> TestRepo {
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    for environment in ["dev", "prod"] {
        repo.write(
            format!("envs/{environment}/web/web.yaml"),
            deployment("1.0.0"),
        );
    }
    repo.write("kargo/warehouse.yaml", WAREHOUSE);
    repo.write("kargo/task.yaml", TASK);
    repo.write(
        "kargo/stages/first.yaml",
        stage("first", "dev/web", "{direct: true}"),
    );
    repo.write(
        "kargo/stages/last.yaml",
        stage("last", "prod/web", "{stages: [first]}"),
    );
    repo.commit("Start");
    repo
}

#[test]
fn environments_name_the_stages_that_write_to_them() {
    let home = Home::new();
    let repo = repository(&home);
    let answer = home.json(&repo.path, &["where"], 0);
    let promoters = |name: &str| {
        let mut environments = answer["environments"]
            .as_array()
            .expect("environments")
            .iter();
        let found = environments
            .find(|found| found["name"] == name)
            .expect(name);
        found["promoters"].clone()
    };
    let expected = |stage: &str, from: &str| json!([{"stage": stage, "project": "shop", "from": from, "path": format!("kargo/stages/{stage}.yaml")}]);
    assert_eq!(promoters("dev"), expected("first", "warehouse web"));
    assert_eq!(promoters("prod"), expected("last", "stage first"));
    // The layout follows a Stage that is moved.
    repo.write(
        "kargo/stages/last.yaml",
        stage("last", "elsewhere/web", "{stages: [first]}"),
    );
    repo.commit("Move it");
    let answer = home.json(&repo.path, &["where"], 0);
    let environments = answer["environments"].as_array().expect("environments");
    let prod = environments.iter().find(|found| found["name"] == "prod");
    assert_eq!(prod.expect("prod").get("promoters"), None);
}

#[test]
fn its_objects_say_what_they_are_about_and_how_that_changed() {
    let home = Home::new();
    let repo = repository(&home);
    for (resource, about) in [
        ("warehouse/web", "watches image ghcr.io/example/web ^1.0.0"),
        ("stage/last", "from stage first"),
        (
            "promotask/promote",
            "git-clone → kustomize-set-image → git-commit → git-push",
        ),
    ] {
        let answer = home.json(&repo.path, &["resource", resource], 0);
        assert_eq!(answer["about"], about, "{resource}");
    }
    repo.write(
        "kargo/stages/last.yaml",
        stage("last", "prod/web", "{stages: [first, second]}"),
    );
    repo.commit("Ask for more");
    let log = home.json(&repo.path, &["log"], 0);
    let entry = &log["entries"][0];
    assert_eq!(
        entry["meaning"],
        json!(["Stage/last: now from stages first, second in default"]),
        "{entry}"
    );
}

/// Kargo commits with the message it is given; one that names a commit of this repository is made from that.
#[test]
fn its_commits_are_a_bots_and_lead_to_what_their_message_names() {
    let home = Home::new();
    let repo = repository(&home);
    let start = repo.rev("HEAD");
    let promote = |tag: &str, message: &str| {
        repo.write("envs/prod/web/web.yaml", deployment(tag));
        repo.git(&["add", "-A"]);
        repo.git(&[
            "commit",
            "-q",
            "--author=Kargo <no-reply@kargo.io>",
            "-m",
            message,
        ]);
        repo.rev("HEAD")
    };
    promote(
        "1.0.1",
        "Updated envs/prod to use new image\n\n- ghcr.io/example/web:1.0.1",
    );
    promote("1.0.2", &format!("Promote {start} to last"));
    promote("1.0.3", &format!("Promote {} to last", "f".repeat(40)));
    let log = home.json(&repo.path, &["log"], 0);
    let entries = log["entries"].as_array().expect("entries");
    let said: Vec<(&Value, &Value, Option<&Value>)> = entries
        .iter()
        .map(|entry| {
            let source = entry.get("source").and_then(|source| source.get("commit"));
            (&entry["bot"], &entry["generated"], source)
        })
        .collect();
    let (yes, no, start) = (json!(true), json!(false), json!(start));
    assert_eq!(
        said,
        [
            (&yes, &no, None),
            (&yes, &yes, Some(&start)),
            (&yes, &no, None),
            (&no, &no, None),
        ]
    );
}

/// No name tells that these branches are environments; the Stages do.
#[test]
fn branches_that_stages_write_to_are_their_environments() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    let stage = |name: &str, steps: &str| {
        format!(
            "apiVersion: kargo.akuity.io/v1alpha1\nkind: Stage\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  \
             promotionTemplate:\n    spec:\n      steps:\n{steps}"
        )
    };
    let clone = |branch: &str| {
        format!(
            "      - uses: git-clone\n        config: {{repoURL: 'https://git.example.com/shop/env.git', checkout: [{{branch: \
             main, path: ./src}}, {{branch: {branch}, path: ./out}}]}}\n"
        )
    };
    // By what is checked out, by a push's target, and by a pull request's.
    let push = "      - uses: git-push\n        config: {path: ./out";
    let steps = [
        (
            "dev",
            clone("'web-${{ ctx.stage }}'") + push + "}\n",
            "web-dev",
        ),
        (
            "qa",
            clone("main") + push + ", targetBranch: rendered/web}\n",
            "rendered/web",
        ),
        (
            "live",
            clone("main")
                + push
                + ", generateTargetBranch: true}\n      - uses: git-open-pr\n        config: {targetBranch: w3}\n",
            "w3",
        ),
        ("gone", clone("never-made") + push + "}\n", "main"),
    ];
    for (name, steps, _) in &steps {
        repo.write(format!("kargo/{name}.yaml"), stage(name, steps));
    }
    repo.write("web/web.yaml", deployment("0"));
    repo.commit("Sources");
    repo.git(&["branch", "-q", "feature/other"]);
    for (name, _, branch) in steps.iter().filter(|(.., branch)| *branch != "main") {
        repo.git(&["checkout", "-q", "--orphan", branch]);
        repo.git(&["rm", "-rfq", "."]);
        repo.write("web/manifest.yaml", deployment(name));
        repo.commit(&format!("Promote to {name}"));
    }
    repo.git(&["checkout", "-q", "main"]);
    let answer = home.json(&repo.path, &["where"], 0);
    let names = |key: &str, name: &str| -> Vec<String> {
        let list = answer[key].as_array().expect("a list").iter();
        list.map(|found| found[name].as_str().expect("text").to_owned())
            .collect()
    };
    assert_eq!(names("environments", "name"), ["dev", "qa", "live"]);
    assert_eq!(names("tips", "branch"), ["w3", "web-dev", "rendered/web"]);
    let log = home.json(&repo.path, &["log", "deploy/web", "-e", "qa"], 0);
    assert_eq!(log["entries"][0]["subject"], "Promote to qa");
}
