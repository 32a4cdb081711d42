//! Items of every language, end to end: their logs against a model of what was written, in one repository beside
//! Kubernetes objects, and never a secret.

use std::collections::BTreeMap;

use crate::run::Home;
use crate::support::TestRepo;

const SECRET: &str = "hunter2-correct-horse-battery";

/// How an item of a language is written, and what it is called.
struct Kind {
    path: &'static str,
    head: &'static str,
    write: fn(usize, u64) -> String,
    name: fn(usize) -> String,
}

const KINDS: [Kind; 4] = [
    Kind {
        path: "terraform/prod/main.tf",
        head: "# All of it.\n\n",
        write: |item, value| {
            format!(
                "resource \"aws_instance\" \"i{item}\" {{\n  size = {value}\n  password = \"{SECRET}-{value}\"\n}}\n\n"
            )
        },
        name: |item| format!("aws_instance/i{item}"),
    },
    Kind {
        path: "ansible/prod/site.yml",
        head: "---\n",
        write: |item, value| {
            format!(
                "- name: Play {item}\n  hosts: all\n  vars: {{size: {value}, db_password: {SECRET}-{value}}}\n  tasks: []\n"
            )
        },
        name: |item| format!("play/Play {item}"),
    },
    Kind {
        path: "jenkins/prod/casc/jenkins.yaml",
        head: "# Jenkins\n",
        write: |item, value| {
            let section = ["jenkins", "unclassified", "security", "credentials", "tool"][item];
            format!("{section}:\n  numExecutors: {value}\n  any:\n    password: {SECRET}-{value}\n")
        },
        name: |item| {
            format!(
                "casc/{}",
                ["jenkins", "unclassified", "security", "credentials", "tool"][item]
            )
        },
    },
    Kind {
        path: "jenkins/prod/jobs/shop.groovy",
        head: "def x = 'y'\n",
        write: |item, value| {
            format!(
                "pipelineJob('job-{item}') {{\n    quietPeriod({value})\n    password('{SECRET}-{value}')\n}}\n"
            )
        },
        name: |item| format!("pipelineJob/job-{item}"),
    },
];

/// item → value; those that are not there are not in the file
type Model = BTreeMap<usize, u64>;

fn text(kind: &Kind, model: &Model) -> String {
    let items = model
        .iter()
        .map(|(item, value)| (kind.write)(*item, *value));
    kind.head.to_owned() + &items.collect::<String>()
}

/// A repository whose commits each change, add or remove one item of each language or none, and the model at each.
fn history(repo: &TestRepo) -> Vec<[Model; 4]> {
    let mut state: u64 = 7;
    let mut next = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut models: [Model; 4] = Default::default();
    for model in &mut models {
        model.extend([(0, 0), (1, 0)]);
    }
    repo.write(
        "k8s/prod/shop/deploy.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop, namespace: shop}\ndata: {a: b}\n",
    );
    let mut history = Vec::new();
    for commit in 0..16_u64 {
        if commit > 0 {
            for model in &mut models {
                // The first stays, so that no file is ever without one.
                let item = usize::try_from(next(5)).expect("small");
                match next(4) {
                    0 => {}
                    1 if item > 0 => drop(model.remove(&item)),
                    _ => drop(model.insert(item, commit)),
                }
            }
        }
        for (kind, model) in KINDS.iter().zip(&models) {
            repo.write(kind.path, text(kind, model));
        }
        repo.write("README.md", format!("{commit}\n"));
        repo.commit(&format!("commit {commit}"));
        history.push(models.clone());
    }
    history
}

#[test]
fn the_log_of_every_item_is_where_its_value_changed() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    let history = history(&repo);
    let mut asked = 0;
    for (index, kind) in KINDS.iter().enumerate() {
        for item in 0..5 {
            let value = |commit: usize| history[commit][index].get(&item);
            let mut expected: Vec<String> = (0..history.len())
                .filter(|&commit| {
                    let before = commit.checked_sub(1).and_then(value);
                    before != value(commit)
                })
                .map(|commit| format!("commit {commit}"))
                .collect();
            expected.reverse();
            let name = (kind.name)(item);
            let code = if expected.is_empty() { 2 } else { 0 };
            if code == 2 {
                continue;
            }
            let log = home.json(&repo.path, &["log", &name, "-e", "prod"], code);
            let entries = log["entries"].as_array().expect("entries");
            let found: Vec<&str> = entries
                .iter()
                .filter_map(|entry| entry["subject"].as_str())
                .collect();
            assert_eq!(found, expected, "{name}");
            asked += 1;
        }
    }
    assert!(asked > 12, "{asked}");
}

#[test]
fn all_of_it_in_one_environment_and_no_secret_anywhere() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    history(&repo);
    let found = home.run(&repo.path, &["where", "--no-cluster"]);
    for (app, live) in [
        ("jenkins/casc", "not a Kubernetes object"),
        ("jenkins/jobs", "not a Kubernetes object"),
        ("shop", "no cluster"),
        ("site", "not a Kubernetes object"),
        ("terraform", "not a Kubernetes object"),
    ] {
        let line = found
            .out
            .lines()
            .find(|line| line.split_whitespace().next() == Some(app));
        let line = line.unwrap_or_else(|| panic!("{app}: {}", found.out));
        assert!(line.contains(" prod ") && line.contains(live), "{line}");
    }
    for args in [
        &["log"][..],
        &["show", "HEAD~3"],
        &["diff", "HEAD~15..HEAD"],
        &["revert", "HEAD~1"],
        &["where"],
        &["resource", "casc/jenkins"],
        &["resource", "aws_instance/i0"],
        &["resource", "pipelineJob/job-0"],
        &["resource", "play/Play 0"],
    ] {
        for format in ["text", "json"] {
            let ended = home.run(
                &repo.path,
                &[args, &["-o", format, "--no-cluster"]].concat(),
            );
            assert!(ended.code < 2, "{args:?}: {}", ended.err);
            let all = ended.out + &ended.err;
            for piece in [SECRET, "correct-horse", "hunter2"] {
                assert!(!all.contains(piece), "{args:?}: {all}");
            }
        }
    }
    // Nor in what is kept.
    let state = home.directory.path();
    let kept = std::process::Command::new("grep")
        .args(["-rlF", "correct-horse", "--exclude-dir=repo", "."])
        .current_dir(state)
        .output()
        .expect("grep");
    assert_eq!(String::from_utf8_lossy(&kept.stdout), "");
}
