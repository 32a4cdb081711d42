//! Searching the log: each criterion, several at once, and what cannot be searched for.

use support::TestRepo;

use crate::run::Home;

struct Setting {
    home: Home,
    repo: TestRepo,
}

fn web(replicas: usize, image: &str, host: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: shop}}\nspec:\n  replicas: {replicas}\n  template:\n    spec:\n      containers:\n      - name: web\n        image: {image}\n        env: [{{name: CACHE, value: {host}}}]\n"
    )
}

fn hpa(replicas: usize) -> String {
    format!(
        "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{name: web, namespace: shop}}\nspec: {{maxReplicas: {replicas}}}\n"
    )
}

const WEB: &str = "environments/production/shop/web.yaml";

fn setting() -> Setting {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    repo.write(WEB, web(3, "ghcr.io/acme/web:1.0", "old.internal"));
    repo.commit("add");
    repo.write(WEB, web(5, "ghcr.io/acme/web:1.0", "old.internal"));
    repo.commit("five");
    repo.write("environments/production/shop/hpa.yaml", hpa(5));
    repo.commit("hpa");
    repo.write(WEB, web(5, "ghcr.io/acme/web:1.1", "new.internal"));
    repo.commit("release");
    let secret = |password: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: web, namespace: shop}}\nstringData: {{password: {password}}}\n"
        )
    };
    repo.write(
        "environments/production/shop/secret.yaml",
        secret("correct-horse"),
    );
    repo.commit("secret");
    repo.write(WEB, web(3, "ghcr.io/acme/web:1.1", "new.internal"));
    repo.commit("three");
    Setting { home, repo }
}

impl Setting {
    /// The subjects found, newest first.
    fn found(&self, args: &[&str]) -> Vec<String> {
        let log = self
            .home
            .json(&self.repo.path, &[&["log"], args].concat(), 0);
        let entries = log["entries"].as_array().expect("entries");
        let subjects = entries.iter().map(|entry| entry["subject"].as_str());
        subjects
            .map(|text| text.expect("text").to_owned())
            .collect()
    }
}

#[test]
fn each_criterion_finds_its_commits() {
    let s = setting();
    let all = ["three", "secret", "release", "hpa", "five", "add"];
    for (args, found) in [
        (&[][..], &all[..]),
        (&["--kind", "hpa"], &["hpa"]),
        (
            &["--kind", "deployments.apps"],
            &["three", "release", "five", "add"],
        ),
        (&["--kind", "Rollout"], &[]),
        (&["--image", "web"], &["release", "add"]),
        (&["--image", "acme/web:1.0"], &["release", "add"]),
        (&["--image", "ghcr.io/acme/web:1.1"], &["release"]),
        (&["--image", "eb"], &[]),
        (&["--field", "spec.replicas"], &["three", "five", "add"]),
        (&["--field", "spec.replicas=5"], &["three", "five"]),
        (&["--field", "replicas=3"], &["three", "five", "add"]),
        (
            &["--field", "containers.image=ghcr.io/acme/web:1.1"],
            &["release"],
        ),
        (&["--field", "env[name=CACHE].value"], &["release", "add"]),
        (&["--field", "eplicas"], &[]),
        (&["--value", "old.int"], &["release", "add"]),
        (&["--value", "internal"], &["release", "add"]),
        (&["--path", "environments/**/hpa.yaml"], &["hpa"]),
        (&["--path", "environments/production/"], &all),
        (&["--path", "environments/*.yaml"], &[]),
        (
            &[
                "--path",
                "**/web.yaml",
                "--value",
                "internal",
                "--kind",
                "deploy",
            ],
            &["release", "add"],
        ),
        (&["--kind", "hpa", "--value", "internal"], &[]),
        (&["--field", "replicas=5", "--grep", "five"], &["five"]),
        (&["--value", "internal", "--limit", "1"], &["release"]),
        (&["--value", "internal", "-e", "staging"], &[]),
        (&["--value", "internal", "-n", "other"], &[]),
        (
            &["deploy/web", "--field", "spec.replicas=5"],
            &["three", "five"],
        ),
        (
            &["deploy/web", "--path", WEB, "--image", "web:1.0"],
            &["release", "add"],
        ),
        (&["--since", "2000-01-01", "--until", "2001-01-01"], &[]),
    ] {
        assert_eq!(s.found(args), found, "{args:?}");
    }
}

#[test]
fn appearing_and_vanishing_are_told_apart() {
    let s = setting();
    let ended = s
        .home
        .run(&s.repo.path, &["log", "--value", "old.internal"]);
    let path = "spec.template.spec.containers[name=web].env[name=CACHE].value";
    let object = format!("Deployment/web {path} = old.internal");
    let lines: Vec<&str> = ended
        .out
        .lines()
        .filter(|line| line.contains(&object))
        .map(|line| line.split_whitespace().nth(1).expect("a word"))
        .collect();
    assert_eq!(lines, ["vanished", "appeared"], "{}", ended.out);
    let json = s
        .home
        .json(&s.repo.path, &["log", "--field", "spec.replicas=5"], 0);
    let found = &json["entries"][0]["found"][0];
    assert_eq!(
        (&found["path"], &found["value"], &found["appeared"]),
        (&"spec.replicas".into(), &"5".into(), &false.into())
    );
}

#[test]
fn secrets_are_not_found_and_that_is_said_once() {
    let s = setting();
    for text in ["correct-horse", "horse", "#1", "masked"] {
        let ended = s.home.run(&s.repo.path, &["log", "--value", text]);
        assert_eq!(ended.code, 0);
        assert!(ended.out.contains("No commit"), "{text}: {}", ended.out);
        assert_eq!(ended.out.matches("masked and never match").count(), 1);
    }
    // That the field changed is no secret.
    assert_eq!(
        s.found(&["--field", "stringData.password=correct-horse"]),
        [""; 0]
    );
}

#[test]
fn bad_input_says_what_to_write() {
    let s = setting();
    for (args, said) in [
        (["--since", "soon"], "2024-05-01"),
        (["--until", "soon"], "2024-05-01"),
        (["--field", "=5"], "spec.replicas=5"),
        (["--field", ""], "spec.replicas=5"),
        (["--value", " "], "--value"),
        (["--image", ""], "--image"),
        (["--kind", ""], "--kind"),
    ] {
        let ended = s.home.run(&s.repo.path, &[&["log"], &args[..]].concat());
        assert_eq!(ended.code, 2, "{args:?}");
        assert!(ended.err.contains("hint: "), "{args:?}: {}", ended.err);
        assert!(ended.err.contains(said), "{args:?}: {}", ended.err);
    }
    let args = ["log", "--since", "1d", "--until", "3d"];
    let ended = s.home.run(&s.repo.path, &args);
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("hint: swap them"), "{}", ended.err);
}
