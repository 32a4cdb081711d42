//! `gitopsy blame` as people and scripts see it.

use serde_json::Value;
use support::TestRepo;

use crate::run::Home;

struct Setting {
    home: Home,
    repo: TestRepo,
    added: String,
    raised: String,
}

fn web(replicas: u8, image: &str) -> String {
    format!(
        "# The shop window\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  replicas: {replicas}\n  template:\n    spec:\n      containers:\n      - name: web\n        image: web:{image}\n        env:\n        - name: PASSWORD\n          value: correct-horse\n"
    )
}

fn setting() -> Setting {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    repo.write("environments/production/web.yaml", web(3, "1"));
    repo.write(
        "environments/production/secret.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: web, namespace: shop}\nstringData: {password: correct-horse}\n",
    );
    let added = repo.commit("Add web");
    repo.write("environments/production/web.yaml", web(5, "1"));
    let raised = repo.commit("Raise replicas (#12)");
    repo.rename(
        "environments/production/web.yaml",
        "environments/production/frontend.yaml",
    );
    repo.commit("Rename the file");
    Setting {
        home,
        repo,
        added,
        raised,
    }
}

fn setter<'a>(answer: &'a Value, path: &str) -> &'a Value {
    let fields = answer["fields"].as_array().expect("fields");
    let field = fields.iter().find(|field| field["path"] == path);
    &field.unwrap_or_else(|| panic!("{path} in {answer}"))["set"]
}

#[test]
fn each_field_has_its_commit() {
    let s = setting();
    let answer = s
        .home
        .json(&s.repo.path, &["blame", "deploy/web", "-n", "shop"], 0);
    assert_eq!(answer["path"], "environments/production/frontend.yaml");
    assert_eq!(answer["resource"]["object"]["name"], "web");
    let replicas = setter(&answer, "spec.replicas");
    assert_eq!(replicas["commit"], s.raised);
    assert_eq!(replicas["subject"], "Raise replicas (#12)");
    assert_eq!(replicas["pull"]["number"], 12);
    let image = "spec.template.spec.containers[name=web].image";
    assert_eq!(setter(&answer, image)["commit"], s.added);

    let before = s.home.json(
        &s.repo.path,
        &["blame", "deploy/web", "--at", &format!("{}^", s.raised)],
        0,
    );
    assert_eq!(setter(&before, "spec.replicas")["commit"], s.added);
}

#[test]
fn the_text_reads_like_the_manifest() {
    let s = setting();
    let ended = s.home.run(&s.repo.path, &["blame", "deploy/web"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    let line = |of: &str| {
        let mut lines = ended.out.lines();
        lines
            .find(|line| line.ends_with(of))
            .unwrap_or_else(|| panic!("{of} in {}", ended.out))
            .to_owned()
    };
    assert!(line("│   replicas: 5").starts_with(&s.raised[..7]));
    assert!(
        line("│       - env:").starts_with("   "),
        "nobody sets a list"
    );
    assert!(line("│         image: web:1").starts_with(&s.added[..7]));
    assert!(line("Raise replicas (#12)  #12").starts_with(&s.raised[..7]));

    let ended = s
        .home
        .run(&s.repo.path, &["blame", "deploy/web", "--limit", "1"]);
    assert!(ended.out.contains("older than what --limit 1 looks at: "));
    assert!(ended.out.contains("?  "));
}

#[test]
fn secrets_stay_masked() {
    let s = setting();
    for format in ["text", "json"] {
        let ended = s
            .home
            .run(&s.repo.path, &["blame", "secret/web", "-o", format]);
        assert_eq!(ended.code, 0, "{}", ended.err);
        assert!(!ended.out.contains("horse"), "{}", ended.out);
        assert!(ended.out.contains("#1"), "{}", ended.out);
    }
}

#[test]
fn what_cannot_be_blamed_says_what_to_do() {
    let s = setting();
    s.repo.remove("environments/production/frontend.yaml");
    let removed = s.repo.commit("Remove web");
    for (args, said) in [
        (
            vec!["blame", "deploy/web"],
            format!("--at {}^ blames it", &removed[..7]),
        ),
        (vec!["blame"], "gitopsy blame deploy/api".to_owned()),
        (vec!["blame", "web"], "deploy/web".to_owned()),
        (vec!["blame", "deploy/none"], "gitopsy where".to_owned()),
    ] {
        let ended = s.home.run(&s.repo.path, &args);
        assert_eq!(ended.code, 2, "{args:?}");
        assert!(ended.err.contains(&said), "{args:?}: {}", ended.err);
        assert!(ended.err.contains("hint: "), "{args:?}: {}", ended.err);
    }
}
