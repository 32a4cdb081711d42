//! Who is behind a commit: stories whose sources are known, for they are written here.

use gitopsy::history::{Origin, Origins, Rows, enclosing};

use super::{Bench, Story, deployment};

impl Story {
    /// A repository that a Jenkins X pipeline writes to.
    fn of_jenkins_x() -> Story {
        let story = Story::new();
        let requirements = "apiVersion: core.jenkins-x.io/v4beta1\nkind: Requirements\nspec: {}\n";
        story
            .repo
            .write("jx-requirements.yml", requirements)
            .write("helmfile.yaml", "helmfiles: []\n");
        story.generate(1);
        story
    }

    fn generate(&self, replicas: u8) -> String {
        let path = "config-root/namespaces/shop/web/web-deploy.yaml";
        self.repo.write(path, deployment("web", "web:1", replicas));
        self.repo.commit("chore: regenerated\n\n/pipeline cancel")
    }

    fn source(&self, name: &str) -> String {
        let path = format!("helmfiles/shop/{name}.yaml");
        self.repo.write(path, "tag: 2\n").commit(name)
    }
}

/// What is known of a line's commits.
struct Known {
    bench: Bench,
    rows: Rows,
    origins: Origins,
}

impl Known {
    fn new(story: &Story) -> Known {
        let bench = story.open();
        let rows = bench.rows();
        let tip = rows.get(0).expect("a row").tree;
        let layout = bench.layouts.at(&bench.reader, &bench.renderer, tip);
        Known {
            origins: Origins::new(layout.expect("a layout")),
            rows,
            bench,
        }
    }

    fn row(&self, id: &str) -> usize {
        let id = self.bench.reader.resolve(id).expect("a commit");
        self.rows.position(id).expect("a row")
    }

    fn of(&self, id: &str) -> Origin {
        self.origins
            .of(&self.bench.reader, &self.rows, self.row(id))
    }

    fn subjects(&self, rows: impl IntoIterator<Item = usize>) -> Vec<&str> {
        let rows = rows.into_iter().filter_map(|row| self.rows.get(row));
        rows.map(|row| &*row.subject).collect()
    }
}

/// A pull request merged, a generated commit after another, a revert: who is behind each.
#[test]
fn origins_lead_from_generated_commits_to_their_sources() {
    let story = Story::new();
    let repo = &story.repo;
    repo.write(
        "jx-requirements.yml",
        "apiVersion: core.jenkins-x.io/v4beta1\nkind: Requirements\nspec: {}\n",
    )
    .write("helmfile.yaml", "helmfiles: []\n")
    .write(
        "config-root/namespaces/shop/web/web-deploy.yaml",
        deployment("web", "web:1", 1),
    );
    repo.commit("Start");
    repo.git(&["switch", "-q", "-c", "promote"]);
    repo.write("helmfiles/shop/values.yaml", "tag: 2\n");
    let inside = repo.commit("chore: promote web to version 2");
    repo.git(&["switch", "-q", "main"]);
    let merged = repo.merge(
        &["promote"],
        "Merge pull request #12 from acme/promote\n\nPromote web",
    );
    repo.write(
        "config-root/namespaces/shop/web/web-deploy.yaml",
        deployment("web", "web:2", 1),
    );
    let first = repo.commit("chore: regenerated\n\n/pipeline cancel");
    repo.write(
        "config-root/namespaces/shop/web/web-deploy.yaml",
        deployment("web", "web:2", 2),
    );
    let second = repo.commit("chore: regenerated\n\n/pipeline cancel");
    let message = format!(
        "Revert \"Promote web\"\n\nThis reverts commit {merged}, reversing\nchanges made to {inside}."
    );
    repo.write("helmfiles/shop/values.yaml", "tag: 1\n");
    let revert = repo.commit(&message);

    let bench = story.open();
    let rows = bench.rows();
    let row = |id: &String| rows.position(bench.reader.resolve(id).expect("a commit"));
    let tip = rows.get(0).expect("a row").tree;
    let layout = bench
        .layouts
        .at(&bench.reader, &bench.renderer, tip)
        .expect("a layout");
    let origins = Origins::new(layout);
    let of = |id: &String| origins.of(&bench.reader, &rows, row(id).expect("a row"));
    for generated in [&first, &second] {
        let origin = of(generated);
        assert!(origin.generated);
        assert_eq!(origin.source, row(&merged));
        assert_eq!(origin.pull.map(|pull| pull.number), Some(12));
    }
    let source = of(&merged);
    assert_eq!(
        source.generates,
        [row(&second), row(&first)].map(|row| row.expect("a row"))
    );
    assert!(!source.generated);
    assert_eq!(of(&revert), gitopsy::history::Origin::default());
    assert_eq!(
        rows.reverted_by(bench.reader.resolve(&merged).expect("a commit")),
        row(&revert)
    );
    let found = |id: &str| {
        let commit = bench.reader.resolve(id).expect("a commit");
        enclosing(&bench.reader, &rows, commit).expect("an answer")
    };
    assert_eq!(found(&inside), row(&merged));
    assert_eq!(found(&first), row(&first));
    repo.git(&["switch", "-q", "-c", "elsewhere"]);
    assert_eq!(found(&repo.commit("Not merged")), None);
}

/// Somebody pulls what a pipeline pushed meanwhile, and pushes: the merge brings what came of another commit.
#[test]
fn merges_of_what_a_pipeline_made_are_its() {
    let story = Story::of_jenkins_x();
    let repo = &story.repo;
    let first = story.source("first");
    repo.git(&["switch", "-q", "-c", "pipeline"]);
    story.generate(2);
    story.generate(3);
    repo.git(&["switch", "-q", "main"]);
    let second = story.source("second");
    let merge = repo.merge(&["pipeline"], "Merge remote-tracking branch 'origin/main'");
    let made = story.generate(4);

    // A pull request that a pipeline wrote to, too, is its own.
    repo.git(&["switch", "-q", "-c", "request"]);
    story.source("proposed");
    story.generate(5);
    repo.git(&["switch", "-q", "main"]);
    let request = repo.merge(&["request"], "Merge branch 'request'");

    let known = Known::new(&story);
    let of = known.of(&merge);
    assert!(of.generated);
    assert_eq!(known.subjects(of.source), ["first"]);
    assert_eq!(known.of(&first).generates, [known.row(&merge)]);
    assert_eq!(known.subjects(known.of(&made).source), ["second"]);
    assert_eq!(known.of(&second).generates, [known.row(&made)]);
    assert_eq!(known.of(&request), Origin::default());
}

/// A pipeline pushes after somebody else did, and merges: what it brings is theirs.
#[test]
fn what_a_program_merged_is_whose_it_was() {
    let story = Story::of_jenkins_x();
    let repo = &story.repo;
    story.source("first");
    repo.git(&["switch", "-q", "-c", "person"]);
    let person = story.source("second");
    repo.git(&["switch", "-q", "main"]);
    story.generate(2);
    repo.merge(
        &["person"],
        "Merge branch 'main' of https://git.example.com/acme/env",
    );
    let by = |name: &str| repo.git(&["commit", "-q", "--amend", "--no-edit", "--author", name]);
    by("acme <jenkins-x@googlegroups.com>");
    let made = story.generate(3);

    let known = Known::new(&story);
    let source = known.of(&made).source.expect("a source");
    let merge = known.rows.get(source).expect("a row");
    let theirs = known.origins.merged_by_program(&known.bench.reader, merge);
    assert_eq!(theirs.map(|id| id.to_string()), Some(person.clone()));
    // The commands name whose it was.
    let home = crate::run::Home::new();
    let log = home.json(&repo.path, &["log", "deploy/web", "--limit", "1"], 0);
    assert_eq!(
        log["entries"][0]["source"]["commit"],
        person.as_str(),
        "{log}"
    );

    repo.git(&["reset", "-q", "--hard", "HEAD~1"]);
    by("Bob <bob@example.com>");
    let known = Known::new(&story);
    let merge = known.rows.get(0).expect("a row");
    assert_eq!(
        known.origins.merged_by_program(&known.bench.reader, merge),
        None
    );
}
