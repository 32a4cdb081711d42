//! What is encrypted in git, or kept in a vault, end to end: said as what it is, its ciphertext never printed, and what
//! cannot be read never taken for removed.

use serde_json::Value;

use crate::run::Home;
use crate::support::TestRepo;

fn sops(cipher: &str, key: &str) -> String {
    let envelope = |text: &str| format!("ENC[AES256_GCM,data:{text},iv:aXY=,tag:dGFn,type:str]");
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: db, namespace: shop}}\nstringData:\n  password: {}\nsops:\n  age:\n  - recipient: {key}\n    enc: |\n      -----BEGIN AGE ENCRYPTED FILE-----\n      {cipher}key\n      -----END AGE ENCRYPTED FILE-----\n  lastmodified: '{cipher}'\n  mac: {}\n",
        envelope(cipher),
        envelope("mac"),
    )
}

const PLAIN: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: crypt, namespace: shop}\nstringData: {a: hunter2-correct-horse}\n";

#[test]
fn sops_values_are_said_to_be_encrypted_and_its_metadata_is_noise() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    repo.write("prod/db.yaml", sops("FIRST", "age1a"));
    repo.commit("Start");
    repo.write("prod/db.yaml", sops("SECOND", "age1a"));
    let changed = repo.commit("Change the password");
    repo.write("prod/db.yaml", sops("SECOND", "age1b"));
    repo.commit("Encrypt for another");
    let show = home.run(&repo.path, &["show", &changed, "--no-cluster"]);
    assert!(
        show.out
            .contains("Secret/db: encrypted stringData.password changed (SOPS)"),
        "{}",
        show.out
    );
    assert!(
        show.out.contains("stringData.password  encrypted #"),
        "{}",
        show.out
    );
    assert!(show.out.contains("2 suppressed"), "{}", show.out);
    for text in ["data:FIRST", "data:SECOND"] {
        for command in ["show", "diff", "log"] {
            let range = format!("{changed}^..{changed}");
            let args: &[&str] = match command {
                "diff" => &["diff", &range],
                "log" => &["log", "secret/db", "-n", "shop"],
                _ => &["show", &changed],
            };
            for format in ["text", "json"] {
                let out = home.run(
                    &repo.path,
                    &[args, &["-o", format, "--no-cluster"]].concat(),
                );
                assert!(!out.out.contains(text), "{command}: {}", out.out);
            }
        }
    }
    let json = home.json(&repo.path, &["show", &changed], 0);
    let fields = json["resources"][0]["fields"].as_array().expect("fields");
    let noise: Vec<&str> = fields
        .iter()
        .filter(|field| field["noise"] == "tool-mark")
        .filter_map(|field| field["path"].as_str())
        .collect();
    assert_eq!(noise, ["sops.age[0].enc", "sops.lastmodified"]);
    let password = fields
        .iter()
        .find(|field| field["path"] == "stringData.password");
    let password = password.expect("the password");
    assert!(password["before"]["encrypted"].is_string(), "{password}");
    assert_ne!(password["before"], password["after"]);
    let log = home.run(&repo.path, &["log", "--no-cluster"]);
    assert!(
        log.out
            .contains("Secret/db: encrypted for other keys (SOPS)"),
        "{}",
        log.out
    );
}

#[test]
fn git_crypt_is_named_and_is_neither_broken_nor_a_removal() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    repo.write("prod/crypt.yaml", PLAIN)
        .write("prod/web.yaml", PLAIN.replace("crypt", "web"));
    repo.commit("Start");
    repo.write(
        "prod/crypt.yaml",
        b"\0GITCRYPT\0 all of this is text".as_slice(),
    );
    let hidden = repo.commit("Encrypt");
    repo.write(
        "prod/crypt.yaml",
        b"\0GITCRYPT\0\xff\xfe\x00\x01".as_slice(),
    );
    repo.commit("Change what nobody can read");
    for at in [hidden.as_str(), "HEAD"] {
        let show = home.run(&repo.path, &["show", at, "--no-cluster"]);
        assert!(
            show.out.contains("prod/crypt.yaml: ") && show.out.contains("encrypted with git-crypt"),
            "{}",
            show.out
        );
        for wrong in ["removed", "line 1", "YAML", "hunter2"] {
            assert!(!show.out.contains(wrong), "{wrong}: {}", show.out);
        }
    }
    let found = home.run(&repo.path, &["where", "--no-cluster"]);
    assert!(
        found
            .out
            .contains("prod/crypt.yaml: encrypted with git-crypt"),
        "{}",
        found.out
    );
    let timeline = home.run(&repo.path, &["log", "--no-cluster"]);
    assert!(
        timeline
            .out
            .contains("prod/crypt.yaml: encrypted with git-crypt"),
        "{}",
        timeline.out
    );
    let log = home.json(&repo.path, &["log", "secret/crypt", "-n", "shop"], 0);
    let subjects: Vec<&Value> = log["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .map(|entry| &entry["subject"])
        .collect();
    assert_eq!(subjects, ["Encrypt", "Start"]);
}

#[test]
fn a_reference_to_a_vault_is_readable_and_its_change_is_said() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    let secret = |value: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: db, namespace: shop}}\nstringData: {{a: \"{value}\"}}\n"
        )
    };
    repo.write("prod/db.yaml", secret("hunter2-correct-horse"));
    repo.commit("Start");
    repo.write("prod/db.yaml", secret("vault:secret/data/x#key"));
    repo.commit("Read it from the vault");
    let show = home.run(&repo.path, &["show", "HEAD", "--no-cluster"]);
    assert!(
        show.out
            .contains("Secret/db now read from vault secret/data/x#key"),
        "{}",
        show.out
    );
    assert!(
        show.out.contains("→ vault:secret/data/x#key"),
        "{}",
        show.out
    );
    assert!(!show.out.contains("hunter2"), "{}", show.out);
}
