//! Terraform beside Kubernetes, end to end: what is deployed where, each block's own log, what a commit meant, and its revert.

use serde_json::Value;

use crate::run::Home;
use crate::support::TestRepo;

const SECRET: &str = "hunter2-correct-horse-battery";

fn module(version: &str, size: u32, password: &str) -> String {
    format!(
        "provider \"aws\" {{\n  region = var.region\n}}\n\nvariable \"region\" {{\n  default = \"eu-west-1\"\n}}\n\n\
         # The cluster.\nmodule \"eks\" {{\n  source  = \"terraform-aws-modules/eks/aws\"\n  version = \"{version}\"\n  size    = {size}\n}}\n\n\
         module \"net\" {{\n  source = \"../../modules/net\"\n}}\n\n\
         resource \"aws_db_instance\" \"db\" {{\n  password = \"{password}\"\n}}\n"
    )
}

fn vpc(block: &str) -> String {
    format!("resource \"aws_vpc\" \"this\" {{\n  cidr_block = \"{block}\"\n}}\n")
}

/// Commits, by their subjects: Start, Upgrade dev, Upgrade prod, Widen the net, Change the password, Break dev, Mend dev.
fn repository(home: &Home) -> TestRepo {
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    let other = SECRET.replace('2', "3");
    repo.write("terraform/dev/main.tf", module("19.5", 1, SECRET))
        .write("terraform/prod/main.tf", module("19.5", 3, SECRET))
        .write("modules/net/main.tf", vpc("10.0.0.0/16"))
        .write(
            "k8s/prod/shop.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop, namespace: shop}\ndata: {a: b}\n",
        );
    repo.commit("Start");
    repo.write("terraform/dev/main.tf", module("20.1", 1, SECRET));
    repo.commit("Upgrade dev");
    repo.write("terraform/prod/main.tf", module("20.1", 3, SECRET));
    repo.commit("Upgrade prod");
    repo.write("modules/net/main.tf", vpc("10.0.0.0/8"));
    repo.commit("Widen the net");
    repo.write("terraform/prod/main.tf", module("20.1", 3, &other));
    repo.commit("Change the password");
    repo.write(
        "terraform/dev/main.tf",
        module("20.1", 1, SECRET).replace("size    = 1", "size = = 1"),
    );
    repo.commit("Break dev");
    repo.write("terraform/dev/main.tf", module("20.1", 2, SECRET));
    repo.commit("Mend dev");
    repo
}

fn subjects(log: &Value) -> Vec<&str> {
    let entries = log["entries"].as_array().expect("entries").iter();
    entries
        .filter_map(|entry| entry["subject"].as_str())
        .collect()
}

#[test]
fn what_runs_where_in_which_version_and_not_in_a_cluster() {
    let home = Home::new();
    let repo = repository(&home);
    let answer = home.json(&repo.path, &["where"], 0);
    let rows: Vec<String> = answer["apps"]
        .as_array()
        .expect("apps")
        .iter()
        .flat_map(|app| {
            let deployments = app["deployments"].as_array().expect("deployments");
            deployments.iter().map(|at| {
                format!(
                    "{} {} {} {} {}",
                    app["name"], at["environment"], at["chart"], at["version"], at["live"]["why"]
                )
                .replace('"', "")
            })
        })
        .collect();
    assert_eq!(
        rows,
        [
            "common prod null null no cluster",
            "terraform dev eks 20.1 not a Kubernetes object",
            "terraform prod eks 20.1 not a Kubernetes object",
        ]
    );
    let broken = home.run(&repo.path, &["where", "--at", "HEAD^", "--no-cluster"]);
    assert!(
        broken.out.contains("terraform/dev/main.tf: line 13"),
        "{}",
        broken.out
    );
    // What no cluster holds is no drift, and nothing that is not known.
    let drift = home.run(&repo.path, &["drift", "-e", "dev", "--no-cluster"]);
    assert_eq!((drift.code, drift.err.as_str()), (0, ""), "{}", drift.out);
}

#[test]
fn each_block_has_its_own_log() {
    let home = Home::new();
    let repo = repository(&home);
    let log = |args: &[&str]| {
        let log = home.json(&repo.path, &[&["log"], args].concat(), 0);
        subjects(&log)
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        log(&["module/eks", "-e", "prod"]),
        ["Upgrade prod", "Start"]
    );
    assert_eq!(
        log(&["aws_db_instance/db", "-e", "prod"]),
        ["Change the password", "Start"]
    );
    assert_eq!(log(&["variable/region", "-e", "prod"]), ["Start"]);
    for environment in ["dev", "prod"] {
        assert_eq!(
            log(&["aws_vpc/module.net.this", "-e", environment]),
            ["Widen the net", "Start"]
        );
    }
    assert_eq!(
        log(&["aws_vpc/module.net.this", "-e", "prod", "--source"]),
        ["Widen the net", "Start"]
    );
    // The lines that git blames for the block, by `git log -L`, which knows nothing of blocks.
    let lines = repo.git(&[
        "log",
        "-L10,14:terraform/prod/main.tf",
        "--format=%s",
        "--no-patch",
    ]);
    let lines: Vec<&str> = lines.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(log(&["module/eks", "-e", "prod"]), lines);
    // Broken: neither gone nor changed.
    let dev = home.json(&repo.path, &["log", "module/eks", "-e", "dev"], 0);
    assert_eq!(
        subjects(&dev),
        ["Mend dev", "Break dev", "Upgrade dev", "Start"]
    );
    assert_eq!(dev["entries"][1]["resources"], Value::Array(Vec::new()));
}

#[test]
fn what_a_commit_meant_and_what_it_must_not_show() {
    let home = Home::new();
    let repo = repository(&home);
    let upgrade = repo.git(&["log", "--format=%H", "--grep=Upgrade prod"]);
    let show = home.run(&repo.path, &["show", &upgrade, "--no-cluster"]);
    assert!(
        show.out.contains("module eks: version 19.5 → 20.1 in prod"),
        "{}",
        show.out
    );
    let widen = repo.git(&["log", "--format=%H", "--grep=Widen"]);
    let widen = home.json(&repo.path, &["show", &widen], 0);
    let places: Vec<String> = widen["resources"]
        .as_array()
        .expect("resources")
        .iter()
        .map(|resource| format!("{} {}", resource["environment"], resource["path"]))
        .collect();
    assert_eq!(
        places,
        [
            "\"dev\" \"modules/net/main.tf\"",
            "\"prod\" \"modules/net/main.tf\""
        ]
    );
    for command in ["show", "revert"] {
        let password = repo.git(&["log", "--format=%H", "--grep=password"]);
        for format in ["text", "json"] {
            let shown = home.run(
                &repo.path,
                &[command, &password, "-o", format, "--no-cluster"],
            );
            assert!(shown.out.contains("masked"), "{shown:?}");
            for secret in [SECRET, "correct-horse"] {
                assert!(!shown.out.contains(secret), "{}", shown.out);
            }
        }
    }
    let broken = home.run(&repo.path, &["show", "HEAD^", "--no-cluster"]);
    assert!(broken.out.contains("not HCL"), "{}", broken.out);
    assert!(
        !broken.out.contains("− "),
        "nothing reads as removed: {}",
        broken.out
    );
}

#[test]
fn a_revert_is_gits_and_its_effect_is_terraforms() {
    let home = Home::new();
    let repo = repository(&home);
    let upgrade = repo.git(&["log", "--format=%H", "--grep=Upgrade prod"]);
    let plan = home.json(&repo.path, &["revert", &upgrade], 0);
    let effect = &plan["effect"][0];
    assert_eq!(effect["cluster"]["why"], "not a Kubernetes object");
    assert_eq!(
        effect["detail"],
        "applied by Terraform: what that does is not known here"
    );
    let one = home.json(
        &repo.path,
        &["revert", &upgrade, "--resource", "module/eks", "-e", "prod"],
        0,
    );
    repo.git(&["revert", "--no-edit", &upgrade]);
    assert_eq!(plan["tree"], repo.rev("HEAD^{tree}").as_str());
    assert_eq!(
        one["tree"], plan["tree"],
        "it changed nothing but this block"
    );
}

#[test]
fn a_block_that_went_is_put_back_where_blocks_go() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    let (one, two) = (
        "module \"a\" {\n  source = \"x/y/z\"\n}\n",
        "locals {\n  size = 3\n  other = 1\n}\n",
    );
    repo.write("prod/main.tf", format!("{one}\n{two}"));
    repo.commit("Start");
    repo.write("prod/main.tf", "locals {\n  other = 1\n}\n");
    repo.commit("Remove");
    for (resource, expected) in [
        ("module/a", format!("locals {{\n  other = 1\n}}\n\n{one}")),
        (
            "local/size",
            "locals {\n  other = 1\n}\n\nlocals {\n  size = 3\n}\n".to_owned(),
        ),
    ] {
        let plan = home.json(&repo.path, &["restore", "HEAD^", "--resource", resource], 0);
        repo.write("prod/main.tf", &expected);
        repo.git(&["add", "-A"]);
        let tree = repo.git(&["write-tree"]);
        repo.git(&["reset", "-q", "--hard"]);
        assert_eq!(plan["tree"], tree.as_str(), "{expected}");
    }
    let log = home.json(&repo.path, &["log", "module/a", "-e", "prod"], 0);
    assert_eq!(subjects(&log), ["Remove", "Start"]);
}
