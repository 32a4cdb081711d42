//! `where`: the commit since when an app runs its version, whatever else touched it.

use serde_json::Value;

use crate::run::Home;
use crate::support::TestRepo;

fn deployed<'a>(answer: &'a Value, app: &str) -> &'a Value {
    let apps = answer["apps"].as_array().expect("apps");
    let app = apps.iter().find(|row| row["name"] == app);
    &app.expect("the app")["deployments"][0]
}

/// `(version, commit it is since, version before)`
fn since(home: &Home, repo: &TestRepo, app: &str) -> (String, String, Option<String>) {
    let answer = home.json(&repo.path, &["where"], 0);
    let found = deployed(&answer, app);
    (
        found["version"].as_str().unwrap_or_default().to_owned(),
        found["since"]["commit"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        found["previous"].as_str().map(str::to_owned),
    )
}

fn release(tag: &str, comment: &str) -> String {
    format!(
        "# {comment}\napiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata:\n  name: api\n  namespace: shop\n\
         spec:\n  interval: 1h\n  chartRef:\n    kind: OCIRepository\n    name: app\n  values:\n    image:\n      \
         repository: example.com/api\n      tag: '{tag}'\n"
    )
}

/// The chart is elsewhere, so the version is that of the values. It was taken from the layout, which was carried over the
/// commits that change nothing but values.
#[test]
fn a_release_runs_its_image_since_the_commit_that_set_it_in_its_values() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    let write = |tag: &str, comment: &str, subject: &str| {
        repo.write("apps/api.yaml", release(tag, comment));
        repo.commit(subject)
    };
    write("1.0", "first", "Begin");
    let set = write("1.1", "first", "Update api to 1.1");
    write("1.1", "second", "Reword a comment");
    repo.write("README.md", "Shop\n");
    repo.commit("Explain");
    assert_eq!(
        since(&home, &repo, "api"),
        ("1.1".to_owned(), set, Some("1.0".to_owned()))
    );
}

fn deployment(tag: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: api\nspec:\n  selector: {{matchLabels: {{app: api}}}}\n  \
         template:\n    metadata: {{labels: {{app: api}}}}\n    spec:\n      containers:\n      - name: api\n        image: \
         example.com/api:{tag}\n"
    )
}

/// Nothing was removed by a commit that broke the build: the app runs what it ran.
#[test]
fn a_build_that_was_broken_for_a_while_set_no_version() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    let kustomization = |resources: &str| {
        repo.write(
            "overlays/prod/kustomization.yaml",
            format!("namespace: shop\nresources: {resources}\n"),
        );
    };
    repo.write("overlays/prod/api.yaml", deployment("1.0"));
    kustomization("[api.yaml]");
    repo.commit("Begin");
    repo.write("overlays/prod/api.yaml", deployment("2.0"));
    let set = repo.commit("Update api to 2.0");
    kustomization("[api.yaml, missing.yaml]");
    repo.commit("Break the build");
    kustomization("[api.yaml]");
    repo.commit("Repair the build");
    let answer = home.json(&repo.path, &["where"], 0);
    let name = answer["apps"][0]["name"].as_str().expect("a name");
    assert_eq!(
        since(&home, &repo, name),
        ("2.0".to_owned(), set, Some("1.0".to_owned()))
    );
}

/// What was found at an older tip holds at a newer one for what runs the same there: each answer equals that of a program
/// that remembers nothing.
#[test]
fn what_an_earlier_run_found_is_what_a_first_run_finds() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    let set = |app: &str, tag: &str| {
        repo.write(format!("apps/{app}/app.yaml"), deployment(tag));
    };
    let remove = |app: &str| {
        repo.remove(format!("apps/{app}/app.yaml"));
    };
    let note = |text: &str| {
        let body = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: notes\ndata:\n  text: {text}\n"
        );
        repo.write("apps/notes/notes.yaml", body);
    };
    let steps: [(&str, &dyn Fn()); 9] = [
        ("Begin", &|| {
            ["api", "web"].iter().for_each(|app| set(app, "1"))
        }),
        ("Update api", &|| set("api", "2")),
        ("Add what has no version", &|| note("one")),
        ("Update web", &|| set("web", "2")),
        ("Take api back", &|| set("api", "1")),
        ("Change what has no version", &|| note("two")),
        ("Remove web", &|| remove("web")),
        ("Bring web back", &|| set("web", "2")),
        ("Name the environment", &|| {
            repo.write(".gitopsy.toml", "default = \"shop\"\n");
        }),
    ];
    for (subject, change) in steps {
        change();
        repo.commit(subject);
        // With what the runs before found, with what this one found as well, and with nothing.
        let answers = [&home, &home, &Home::new()].map(|home| {
            let answer = home.json(&repo.path, &["where"], 0);
            answer["apps"].clone()
        });
        assert_eq!(answers[0], answers[2], "{subject}");
        assert_eq!(answers[1], answers[2], "{subject}, asked again");
    }
    assert!(
        since(&home, &repo, "api").1
            == repo
                .git(&["log", "-1", "--format=%H", "--grep=Take"])
                .trim()
    );
}
