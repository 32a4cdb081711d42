//! A repository in the shape of a Jenkins X v3 cluster: a person edits `helmfiles/`, a pipeline commits what it renders to
//! `config-root/`. The log must name the person, `show` the objects, and a revert must go to the source.

use serde_json::Value;

use crate::run::Home;
use crate::support::TestRepo;

struct Story {
    repo: TestRepo,
    /// (the person's commit, the generated commit after it), newest first.
    changes: Vec<(String, String)>,
}

fn deployment(version: &str, checksum: &str) -> String {
    format!(
        "# Source: k8s-service/templates/deployment.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: search
  namespace: jx-production
  annotations:
    meta.helm.sh/release-name: search
  labels:
    gitops.jenkins-x.io/pipeline: namespaces
spec:
  selector: {{matchLabels: {{app: search}}}}
  template:
    metadata:
      annotations: {{checksum/secret: {checksum}}}
      labels: {{app: search}}
    spec:
      containers:
      - name: search
        image: registry.example.com/search:{version}
        ports:
        - containerPort: 8080
"
    )
}

fn story(directory: &std::path::Path) -> Story {
    let repo = TestRepo::init(directory);
    let object = "config-root/namespaces/jx-production/k8s-service-search/search-deploy.yaml";
    repo.write(
        "jx-requirements.yml",
        "apiVersion: core.jenkins-x.io/v4beta1\nkind: Requirements\nspec:\n  environments:\n  - key: dev\n    owner: acme\n    repository: cluster\n  - key: staging\n  - key: production\n",
    );
    repo.write(
        "helmfile.yaml",
        "helmfiles:\n- path: helmfiles/jx-production/helmfile.yaml\n",
    );
    repo.write(
        "helmfiles/jx-production/helmfile.yaml",
        "namespace: jx-production\nreleases:\n- chart: jx3/k8s-service\n  name: search\n  version: 1.2.0\n  values:\n  - search.yaml\n",
    );
    repo.write(
        "helmfiles/jx-production/search.yaml",
        "image:\n  tag: 0.0.1\n",
    );
    repo.commit("chore: start");
    repo.write(object, deployment("0.0.1", "aaa"));
    repo.commit("chore: regenerated\n\n/pipeline cancel");
    let mut changes = Vec::new();
    for (version, checksum) in [("0.0.2", "bbb"), ("0.0.3", "ccc"), ("0.0.4", "ddd")] {
        repo.write(
            "helmfiles/jx-production/search.yaml",
            format!("image:\n  tag: {version}\n"),
        );
        let source = repo.commit(&format!("feat: deploy search {version}"));
        repo.write(object, deployment(version, checksum));
        let generated = repo.commit("chore: regenerated\n\n/pipeline cancel");
        // A second regeneration that only churns a job's random name.
        repo.write(
            format!("config-root/namespaces/jx/verify/verify-jobs-{checksum}xy-job.yaml"),
            format!("apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: verify-jobs-{checksum}xy\n  namespace: jx\nspec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers: [{{name: verify, image: verify:1}}]\n"),
        );
        repo.commit("chore: regenerated\n\n/pipeline cancel");
        changes.insert(0, (source, generated));
    }
    Story { repo, changes }
}

#[test]
fn the_log_of_a_generated_object_names_the_people_behind_it() {
    let home = Home::new();
    let story = story(&home.directory.path().join("repo"));
    let log = home.json(
        &story.repo.path,
        &["log", "deploy/search", "-n", "jx-production"],
        0,
    );
    let found: Vec<(String, String)> = log["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .map(|entry| (text(&entry["source"]["commit"]), text(&entry["commit"])))
        .collect();
    let (first, rest) = found.split_last().expect("some entries");
    assert_eq!(
        rest, story.changes,
        "each generated commit, newest first, with the commit before it"
    );
    assert_eq!(
        first.0,
        story.repo.rev("HEAD~10"),
        "the first appearance comes from the first commit"
    );
    for entry in log["entries"].as_array().expect("entries") {
        assert_eq!(entry["generated"], true);
        assert_eq!(entry["resources"][0]["object"]["name"], "search");
        assert_eq!(entry["resources"][0]["environment"], "production");
    }
}

#[test]
fn showing_the_source_shows_the_generated_objects() {
    let home = Home::new();
    let story = story(&home.directory.path().join("repo"));
    let (source, generated) = &story.changes[0];
    for commit in [source, generated] {
        let shown = home.json(&story.repo.path, &["show", commit, "deploy/search"], 0);
        let resource = &shown["resources"][0];
        assert_eq!(resource["object"]["kind"], "Deployment");
        assert_eq!(resource["change"], "modified");
        let fields = resource["fields"].as_array().expect("fields");
        let image = fields
            .iter()
            .find(|field| text(&field["path"]).ends_with("image"))
            .expect("the image changed");
        assert_eq!(
            image["path"],
            "spec.template.spec.containers[name=search].image"
        );
        assert_eq!(image["before"], "registry.example.com/search:0.0.3");
        assert_eq!(image["after"], "registry.example.com/search:0.0.4");
        assert_eq!(resource["suppressed"]["checksum"], 1, "{resource}");
    }
}

#[test]
fn reverting_the_source_is_clean_and_predicts_the_generated_objects() {
    let home = Home::new();
    let story = story(&home.directory.path().join("repo"));
    let (source, _) = &story.changes[0];
    let plan = home.json(&story.repo.path, &["revert", source], 0);
    assert_eq!(plan["clean"], true);
    let search = plan["resources"]
        .as_array()
        .expect("resources")
        .iter()
        .find(|resource| resource["object"]["name"] == "search")
        .unwrap_or_else(|| panic!("the Deployment is predicted: {plan}"));
    assert!(search["predicted"].is_string(), "{search}");
    let image = &search["fields"][0];
    assert_eq!(image["before"], "registry.example.com/search:0.0.4");
    assert_eq!(image["after"], "registry.example.com/search:0.0.3");
    // A file that an app is generated from was said to belong to none.
    assert_eq!(plan["warnings"], serde_json::json!([]));
}

#[test]
fn reverting_an_old_generated_commit_conflicts_and_offers_its_source() {
    let home = Home::new();
    let story = story(&home.directory.path().join("repo"));
    let (source, generated) = &story.changes[1];
    let plan = home.json(&story.repo.path, &["revert", generated], 1);
    assert_eq!(plan["clean"], false);
    assert_eq!(plan["tree"], Value::Null);
    assert!(text(&plan["conflicts"][0]["path"]).ends_with("search-deploy.yaml"));
    let warnings = plan["warnings"].to_string();
    assert!(
        warnings.contains(&source[..7]),
        "the source is offered: {warnings}"
    );
}

#[test]
fn where_lists_the_environments_of_the_requirements() {
    let home = Home::new();
    let story = story(&home.directory.path().join("repo"));
    let answer = home.json(&story.repo.path, &["where"], 0);
    let names: Vec<&str> = answer["environments"]
        .as_array()
        .expect("environments")
        .iter()
        .filter_map(|e| e["name"].as_str())
        .collect();
    assert!(
        names.contains(&"production") && names.contains(&"dev"),
        "{names:?}"
    );
    let search = answer["apps"]
        .as_array()
        .expect("apps")
        .iter()
        .find(|app| app["name"] == "search")
        .unwrap_or_else(|| panic!("{answer}"));
    assert_eq!(search["deployments"][0]["version"], "0.0.4");
    assert_eq!(
        search["deployments"][0]["since"]["commit"],
        story.changes[0].0.as_str()
    );
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("text, not {value}"))
        .to_owned()
}

/// An environment of another repository is no empty one here: every place that names it says where it is.
#[test]
fn an_environment_in_another_repository_is_said_to_be_there() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    repo.write(
        "jx-requirements.yml",
        "apiVersion: core.jenkins-x.io/v4beta1\nkind: Requirements\nspec:\n  environments:\n  - {key: dev, owner: acme, repository: \
         cluster}\n  - {key: production, owner: acme, repository: cluster-prod}\n",
    );
    repo.write(
        "config-root/namespaces/jx/web/web.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: jx}\n",
    );
    repo.commit("Start");
    let answer = home.json(&repo.path, &["where"], 0);
    let environments = answer["environments"].as_array().expect("environments");
    let production = environments
        .iter()
        .find(|found| found["name"] == "production");
    assert_eq!(
        production.expect("production")["repository"],
        "acme/cluster-prod"
    );
    for command in ["where", "doctor"] {
        let said = home.run(&repo.path, &[command, "--no-cluster"]).out;
        assert!(
            said.contains("production is in") && said.contains("acme/cluster-prod"),
            "{said}"
        );
    }
}

/// The boot job of the newest commit failed, and two objects that git has no more were left by jobs before it.
#[test]
fn a_boot_job_that_failed_is_why_live_is_behind_and_what_is_never_pruned_is_orphaned() {
    let home = Home::new();
    let Story { repo, changes } = story(&home.directory.path().join("repo"));
    let mark = "labels: {gitops.jenkins-x.io/pipeline: namespaces}";
    let object = |version: &str, kind: &str, name: &str| {
        format!(
            "apiVersion: {version}\nkind: {kind}\nmetadata:\n  name: {name}\n  namespace: jx-production\n  {mark}\n"
        )
    };
    let here = "config-root/namespaces/jx-production/other";
    repo.write(
        format!("{here}/one-cm.yaml"),
        object("v1", "ConfigMap", "one"),
    );
    repo.write(
        format!("{here}/one-sa.yaml"),
        object("v1", "ServiceAccount", "one"),
    );
    repo.commit("chore: regenerated\n\n/pipeline cancel");

    let cluster = home.directory.path().join("cluster");
    let job = |commit: &str, day: u8, status: &str| {
        format!(
            "apiVersion: batch/v1
kind: Job
metadata:
  name: jx-boot-{day}
  namespace: jx-git-operator
  creationTimestamp: 2026-01-0{day}T00:00:00Z
  labels: {{git-operator.jenkins.io/commit-sha: {commit}}}
status: {status}
"
        )
    };
    let live = [
        deployment("0.0.3", "ccc"),
        object("v1", "ConfigMap", "one"),
        object("v1", "ServiceAccount", "one"),
        object("v1", "ConfigMap", "two"),
        object("v1", "ServiceAccount", "two"),
        // Somebody else's.
        object("v1", "ConfigMap", "three").replace(mark, "labels: {}"),
        job(
            &changes[1].0,
            1,
            "{completionTime: 2026-01-01T01:00:00Z, conditions: [{type: Complete, status: 'True'}]}",
        ),
        job(
            &changes[0].0,
            2,
            "{conditions: [{type: Failed, status: 'True', message: helmfile failed}]}",
        ),
    ];
    std::fs::create_dir(&cluster).expect("a directory");
    std::fs::write(cluster.join("objects.yaml"), live.join("---\n")).expect("written");
    std::fs::write(cluster.join("snapshot.yaml"), "complete: true\n").expect("written");

    let snapshot = cluster.to_string_lossy();
    let args = [
        "drift",
        "-o",
        "json",
        "--env",
        "production",
        "--snapshot",
        &snapshot,
    ];
    let ended = home.run(&repo.path, &args);
    assert_eq!(ended.code, 1, "{}", ended.err);
    let answer: Value = serde_json::from_str(&ended.out).expect("JSON");
    let applied = answer["applied"].as_array().expect("a list").iter();
    let search = applied
        .clone()
        .find(|applied| applied["app"] == "search")
        .expect("it is said how far search is");
    assert_eq!(search["state"], "failing");
    assert_eq!(search["message"], "helmfile failed");
    assert_eq!(search["commit"]["subject"], "feat: deploy search 0.0.3");
    assert_eq!(search["behind"], 1);
    let resources = answer["resources"].as_array().expect("a list").iter();
    let found: Vec<String> = resources
        .map(|resource| {
            let cause = match resource["fields"].as_array().expect("a list").as_slice() {
                [] => &resource["cause"],
                fields => {
                    let image = fields
                        .iter()
                        .find(|field| text(&field["path"]).ends_with("image"));
                    &image.expect("the image differs")["cause"]
                }
            };
            let (kind, name) = (&resource["object"]["kind"], &resource["object"]["name"]);
            let (state, cause) = (&resource["state"], &cause["kind"]);
            [kind, name, state, cause]
                .map(|value| value.as_str().unwrap_or("-"))
                .join(" ")
        })
        .collect();
    assert_eq!(
        found,
        [
            "Deployment search drifted apply-failing",
            "ConfigMap two extra -",
            "ServiceAccount two orphaned never-pruned",
        ]
    );
}
