//! `log`: what an earlier run found of a resource's log is told again, and nothing else.

use crate::run::Home;
use crate::support::TestRepo;

fn deployment(name: &str, tag: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\nspec:\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec:\n      containers:\n      - name: web\n        image: registry.example.com/{name}:{tag}\n"
    )
}

/// A log goes on with what was kept at an older tip: each answer equals that of a program that remembers nothing.
#[test]
fn a_log_that_is_asked_again_is_what_a_first_run_finds() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    let set = |path: &str, tag: &str| {
        repo.write(path, deployment("api", tag));
    };
    let both = |api: &str, web: &str| {
        let text = format!("{}---\n{}", deployment("api", api), deployment("web", web));
        repo.write("apps/api/all.yaml", text);
    };
    let other = |text: &str| {
        let body = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: notes\ndata:\n  text: {text}\n"
        );
        repo.write("apps/notes/notes.yaml", body);
    };
    let steps: [(&str, &dyn Fn()); 13] = [
        ("Begin", &|| set("apps/api/api.yaml", "1")),
        ("Update api", &|| set("apps/api/api.yaml", "2")),
        ("Note", &|| other("one")),
        ("Rename the file", &|| {
            repo.remove("apps/api/api.yaml");
            set("apps/api/deployment.yaml", "2");
        }),
        ("Move it beside web", &|| {
            repo.remove("apps/api/deployment.yaml");
            both("2", "1");
        }),
        ("Update web", &|| both("2", "2")),
        ("Note again", &|| other("two")),
        ("Break the file", &|| {
            let text = format!("{}---\nkind: [\n", deployment("api", "2"));
            repo.write("apps/api/all.yaml", text);
        }),
        ("Mend the file", &|| both("2", "3")),
        ("Remove api", &|| {
            repo.write("apps/api/all.yaml", deployment("web", "3"));
        }),
        ("Bring api back", &|| both("3", "3")),
        ("Move the app", &|| {
            repo.remove("apps/api/all.yaml");
            repo.write("apps/shop/web.yaml", deployment("web", "3"));
            set("apps/shop/api.yaml", "3");
        }),
        ("Name the environment", &|| {
            repo.write(".gitopsy.toml", "default = \"shop\"\n");
        }),
    ];
    let mut asked: Vec<&[&str]> = vec![
        &["log", "deploy/api"],
        &["log", "deploy/api", "--limit", "2"],
        &["log", "deploy/api", "--grep", "Update"],
        &["log", "deploy/api", "--image", "api:2"],
        &["log", "deploy/api", "--path", "apps/shop/api.yaml"],
        &["log", "deploy/web"],
        &["log", "cm/notes"],
    ];
    for (number, (subject, change)) in steps.into_iter().enumerate() {
        change();
        repo.commit(subject);
        // Whole logs first, so that the others find them kept; and the other way round.
        asked.reverse();
        for arguments in &asked {
            let is_there = match arguments {
                [_, "deploy/web", ..] => number >= 4,
                [_, "cm/notes", ..] => number >= 2,
                [.., "apps/shop/api.yaml"] => number >= 11,
                _ => true,
            };
            if !is_there {
                continue;
            }
            // With what the runs before found (at this tip and at others), and with nothing.
            let [again, first] = [&home, &Home::new()]
                .map(|home| home.json(&repo.path, arguments, 0)["entries"].clone());
            assert_eq!(again, first, "{subject}: {arguments:?}");
        }
    }
}
