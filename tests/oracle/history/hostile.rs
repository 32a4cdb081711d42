//! Histories as they come: of odd shapes, with wrong clocks, words that are no text and files that become something else.
//! The index says what git says, every log is what brute force finds, and so is what the commands print. Where it cannot be
//! known what happened is below.

mod torn;

use std::collections::BTreeSet;

use gitopsy::git::Oid;
use gitopsy::render::Renderer;
use serde_json::Value;

use super::brute::{self, Resource, Transition};
use super::{Bench, agrees, masking, rows_agree_with_git, transitions};
use crate::run::Home;
use crate::support::TestRepo;

struct Hostile {
    home: Home,
    repo: TestRepo,
}

/// What lies in the file that most of these histories are about.
const FILE: &str = "environments/prod/shop/web.yaml";

fn web(value: &str) -> String {
    config_map("web", value)
}

fn config_map(name: &str, value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: shop}}\ndata:\n  key: \"{value}\"\n"
    )
}

fn entries(log: &Value) -> &Vec<Value> {
    log["entries"].as_array().expect("entries")
}

fn texts<'v>(values: &'v [Value], field: &str) -> Vec<&'v str> {
    values
        .iter()
        .map(|value| value[field].as_str().expect("text"))
        .collect()
}

impl Hostile {
    /// Two environments, so that each has a name; `web` is what the test is about.
    fn new() -> Hostile {
        let home = Home::new();
        let repo = TestRepo::init(&home.directory.path().join("env"));
        repo.write("environments/dev/shop/web.yaml", web("dev"))
            .write("environments/prod/shop/api.yaml", config_map("api", "1"))
            .write(FILE, web("1"));
        repo.commit("Start");
        Hostile { home, repo }
    }

    fn set(&self, value: &str, message: &str) -> String {
        self.repo.write(FILE, web(value)).commit(message)
    }

    /// A commit of whatever bytes, on top of HEAD, with the tree that is staged.
    fn raw(&self, header: &[u8], message: &[u8]) -> String {
        self.repo.git(&["add", "-A"]);
        let (tree, parent) = (self.repo.git(&["write-tree"]), self.repo.rev("HEAD"));
        let mut bytes = format!("tree {tree}\nparent {parent}\n").into_bytes();
        bytes.extend([header, b"\n\n", message].concat());
        let id = self.repo.raw_commit(&bytes);
        self.repo.git(&["reset", "-q", "--hard", &id]);
        id
    }

    fn clone(&self, args: &[&str]) -> TestRepo {
        self.repo.git(&["config", "uploadpack.allowFilter", "true"]);
        self.repo
            .cloned(&self.home.directory.path().join("clone"), args)
    }

    fn bench(&self, repo: &TestRepo) -> Bench {
        Bench::open(
            &repo.path,
            &self.home.directory.path().join("state"),
            "HEAD",
        )
    }

    fn json(&self, args: &[&str]) -> Value {
        self.home.json(&self.repo.path, args, 0)
    }

    /// The subjects of the log of `web` in production.
    fn log_of_web(&self, repo: &TestRepo) -> Value {
        self.home
            .json(&repo.path, &["log", "cm/web", "-e", "prod"], 0)
    }

    /// All of history can be known: the index against git, logs against brute force, and the commands against both.
    fn check(&self) {
        let (repo, bench) = (&self.repo, self.bench(&self.repo));
        let rows = bench.rows();
        rows_agree_with_git(&rows, repo, "HEAD");
        let renderer = Renderer::new(masking());
        let trees: Vec<Oid> = rows.iter().map(|row| row.tree).collect();
        let values = trees.iter().rev();
        let line = transitions(values.map(|tree| brute::of_tree(&bench.reader, &renderer, *tree)));
        agrees(&bench, &line);

        let mut commits: Vec<String> = rows.iter().map(|row| row.id.to_string()).collect();
        let log = self.json(&["log"]);
        assert_eq!(texts(entries(&log), "commit"), commits);
        commits.reverse();
        for (commit, transition) in commits.iter().zip(&line) {
            self.shows(commit, transition);
        }
        let now = brute::of_tree(&bench.reader, &renderer, trees[0]);
        let resources: BTreeSet<&Resource> = line.iter().flat_map(Transition::keys).collect();
        for resource in resources {
            let expected = brute::expected(&line, resource);
            let expected: Vec<&str> = expected.iter().map(|at| commits[*at].as_str()).collect();
            let (environment, object) = resource;
            let name = format!("{}/{}", object.kind, object.name);
            let mut args = vec!["log", &name, "-e", environment];
            args.extend(object.namespace.iter().flat_map(|name| ["-n", name]));
            let log = self.json(&args);
            assert_eq!(texts(entries(&log), "commit"), expected, "{resource:?}");
            if now.contains_key(resource) {
                args[0] = "blame";
                let blame = self.json(&args);
                for field in blame["fields"].as_array().expect("fields") {
                    let set = field["set"]["commit"].as_str().expect("a commit");
                    assert!(expected.contains(&set), "{field}");
                }
            }
        }
    }

    /// `gitopsy show`: what the commit changed, and nothing that a terminal would obey.
    fn shows(&self, commit: &str, transition: &Transition) {
        let shown = self.json(&["show", commit]);
        let resources = shown["resources"].as_array().expect("resources").iter();
        let changed: BTreeSet<(&str, &str)> = resources
            .filter(|resource| resource["change"] != "moved")
            .flat_map(|resource| {
                // A generated name and the one before it are one resource.
                let mut fields = resource["fields"].as_array().into_iter().flatten();
                let renamed = fields.find(|field| field["path"] == "metadata.name");
                let names = [
                    &resource["object"]["name"],
                    renamed.map_or(&Value::Null, |field| &field["before"]),
                ];
                let names = names.into_iter().filter_map(Value::as_str);
                names.map(|name| (resource["environment"].as_str().expect("text"), name))
            })
            .collect();
        let expected = transition.keys();
        let expected: BTreeSet<(&str, &str)> = expected
            .map(|(environment, object)| (environment.as_str(), object.name.as_str()))
            .collect();
        assert_eq!(changed, expected, "{shown}");
        let text = self
            .home
            .run(&self.repo.path, &["show", commit, "--no-cluster"]);
        assert_eq!(text.code, 0, "{}", text.err);
        let control = |c: char| c.is_control() && c != '\n';
        assert!(!text.out.contains(control), "{:?}", text.out);
    }
}

#[test]
fn several_roots() {
    let h = Hostile::new();
    h.set("2", "Second");
    h.repo.git(&["switch", "-q", "--orphan", "other"]);
    h.repo
        .write("environments/prod/pay/pay.yaml", config_map("pay", "1"));
    let other_root = h.repo.commit("Another root");
    h.repo.git(&["switch", "-q", "main"]);
    h.repo.git(&[
        "merge",
        "-q",
        "--allow-unrelated-histories",
        "-m",
        "Join",
        "other",
    ]);
    h.set("3", "Third");
    h.check();
    let shown = h.json(&["show", &other_root]);
    assert_eq!(shown["resources"][0]["change"], "added", "{shown}");

    // The tip's own line begins with the other root.
    h.repo.git(&["switch", "-q", "other"]);
    h.repo.git(&[
        "merge",
        "-q",
        "--no-ff",
        "--allow-unrelated-histories",
        "-m",
        "Join",
        "main",
    ]);
    h.repo.git(&["branch", "-q", "-f", "main"]);
    h.check();
}

#[test]
fn octopus_merges() {
    let h = Hostile::new();
    let names = ["a", "b", "c", "d"];
    for name in names {
        h.repo.git(&["switch", "-q", "-c", name, "main"]);
        h.repo.write(
            format!("environments/prod/shop/{name}.yaml"),
            config_map(name, "1"),
        );
        h.repo.commit(name);
    }
    h.repo.git(&["switch", "-q", "main"]);
    let merge = h.repo.merge(&names, "All of them");
    assert_eq!(
        h.repo.git(&["log", "-1", "--format=%P"]).split(' ').count(),
        5
    );
    h.check();
    let log = h.json(&["log", "--limit", "1"]);
    assert_eq!(entries(&log)[0]["merge"], true);
    assert_eq!(
        h.json(&["show", &merge])["resources"]
            .as_array()
            .map(Vec::len),
        Some(4)
    );
}

#[test]
fn clocks_that_go_wrong() {
    let h = Hostile::new();
    let person = |seconds: &str| {
        format!(
            "author A <a@example.com> {seconds} +0000\ncommitter A <a@example.com> {seconds} +0000"
        )
        .into_bytes()
    };
    // Long ago, before there were computers, in a hundred years, and never.
    for (value, seconds) in [
        ("2", "1000"),
        ("3", "-5000000000"),
        ("4", "4860000000"),
        ("5", "99999999999999999999"),
    ] {
        h.repo.write(FILE, web(value));
        h.raw(&person(seconds), value.as_bytes());
    }
    let last = h.set("6", "Now");
    h.check();
    let log = h.json(&["log", "--since", "2024-01-01"]);
    assert_eq!(
        texts(entries(&log), "subject"),
        ["Now", "4", "Start"],
        "not only until the first that is too old"
    );
    let log = h.json(&["log", "cm/web", "-e", "prod", "--since", "2024-01-01"]);
    assert_eq!(texts(entries(&log), "subject"), ["Now", "4", "Start"]);
    let log = h.json(&["log", "--until", "2000-01-01"]);
    assert_eq!(texts(entries(&log), "subject"), ["5", "3", "2"]);
    let at = h.json(&["where", "--at", "2024-06-01"]);
    let time = h.repo.git(&["log", "-1", "--format=%cI", &last]);
    assert_eq!(
        at["time"].as_str().map(|at| at.trim_end_matches('Z')),
        time.get(..19),
        "{at}"
    );
}

#[test]
fn subjects_of_1600_bytes() {
    let h = Hostile::new();
    let subject = format!("{} (#12)", "é".repeat(800));
    let commit = h.set("2", &format!("{subject}\n\nThe body.\n"));
    h.set(
        "3",
        &format!("Revert \"{subject}\"\n\nThis reverts commit {commit}.\n"),
    );
    h.check();
    let log = h.json(&["log", "--limit", "2"]);
    assert_eq!(entries(&log)[1]["pull"]["number"], 12);
    assert_eq!(entries(&log)[0]["reverts"], commit.as_str());
    // A list is a list; what is asked for by name is shown whole.
    let shown = h.home.run(&h.repo.path, &["show", &commit, "--no-cluster"]);
    assert!(shown.out.contains(&subject), "{}", shown.out);
    let found = h.json(&["log", "--grep", "(#12)"]);
    assert_eq!(entries(&found).len(), 2);
}

#[test]
fn empty_commits() {
    let h = Hostile::new();
    let empty = h.repo.commit("Nothing");
    h.set("2", "Something");
    h.repo.commit("Nothing again");
    h.check();
    let shown = h.home.run(&h.repo.path, &["show", &empty, "--no-cluster"]);
    assert!(shown.out.contains("No resource changes"), "{}", shown.out);
}

#[test]
fn a_tree_that_is_empty_in_between() {
    let h = Hostile::new();
    h.repo.git(&["rm", "-q", "-r", "."]);
    h.repo.commit("Remove everything");
    h.check();
    let log = h.home.run(
        &h.repo.path,
        &["blame", "cm/web", "-e", "prod", "--no-cluster"],
    );
    assert_eq!(log.code, 2);
    assert!(log.err.contains("no longer there since"), "{}", log.err);
    h.set("1", "And back");
    h.repo.write("environments/dev/shop/web.yaml", web("dev"));
    h.repo.commit("All of it");
    h.check();
}

#[test]
fn messages_and_names_that_are_no_text() {
    let h = Hostile::new();
    let person = |name: &[u8]| {
        let author = [b"author ", name, b" <a@example.com> 1704200000 +0000\n"].concat();
        [
            &author,
            &b"committer A <a@example.com> 1704200000 +0000"[..],
        ]
        .concat()
    };
    let mut number = 1;
    let mut with = |header: &[u8], message: &[u8]| {
        number += 1;
        h.repo.write(FILE, web(&number.to_string()));
        h.raw(header, message)
    };
    let empty = with(&person(b"A"), b"");
    with(&person(b"A"), b"\n\n\n");
    with(
        &person(b"\x1b]0;title\x07"),
        b"\x1b[2J\x1b[31mred\x00 \xe2\x80\xae desrever\nBody\x1b[0m\n",
    );
    with(&person(b"Ren\xe9"), b"caf\xe9 \xff\xfe\n\nBody \xff\n");
    let latin1 = [&person(b"Ren\xe9"), &b"\nencoding ISO-8859-1"[..]].concat();
    with(&latin1, b"caf\xe9\n");
    let japanese = [&person(b"A"), &b"\nencoding EUC-JP"[..]].concat();
    with(&japanese, b"\xc6\xfc\xcb\xdc\n");
    let windows = [&person(b"A"), &b"\nencoding CP1252"[..]].concat();
    with(&windows, b"\x93quoted\x94\n");
    with(&person(b"A"), b"On Windows\r\n\r\nBody\r\n\r\n(cherry picked from commit 1234567812345678123456781234567812345678)\r\n");
    h.check();
    let log = h.json(&["log"]);
    let entries = entries(&log);
    let git = h.repo.git(&["log", "--format=%s", "-8"]);
    let git: Vec<&str> = git.lines().take(4).collect();
    for (entry, subject) in entries.iter().zip(git) {
        assert_eq!(
            entry["subject"].as_str().map(str::trim),
            Some(subject.trim()),
            "{entry}"
        );
    }
    assert_eq!(entries[3]["author"]["name"], "Ren\u{e9}");
    assert_eq!(
        entries[0]["picked_from"],
        "1234567812345678123456781234567812345678"
    );
    let text = h.home.run(&h.repo.path, &["log", "--no-cluster"]);
    assert!(
        !text.out.contains(|c: char| c.is_control() && c != '\n'),
        "{:?}",
        text.out
    );
    assert_eq!(h.json(&["show", &empty])["commit"]["subject"], "");
}

#[test]
fn line_breaks_of_windows() {
    let h = Hostile::new();
    h.repo.write(FILE, web("1").replace('\n', "\r\n"));
    let converted = h.repo.commit("Convert the line breaks");
    h.repo.write(FILE, web("2").replace('\n', "\r\n"));
    h.repo.commit("Change it");
    h.repo.write(FILE, web("2"));
    h.repo.commit("Convert them back");
    h.check();
    let log = h.log_of_web(&h.repo);
    assert_eq!(texts(entries(&log), "subject"), ["Change it", "Start"]);
    assert_eq!(
        h.json(&["show", &converted])["resources"],
        Value::Array(Vec::new())
    );
}

#[test]
fn paths_that_are_no_text() {
    let h = Hostile::new();
    let odd: [&[u8]; 4] = [
        b"\xff\xfe.yaml",
        b"line\nbreak.yaml",
        b"\x1b[31m.yaml",
        b" -rf \"'.yaml",
    ];
    let path = |name: &[u8]| [b"environments/prod/shop/", name].concat();
    for (number, name) in odd.iter().enumerate() {
        h.repo
            .write(path(name), config_map(&format!("odd-{number}"), "1"));
    }
    h.repo.commit("Add them");
    for (number, name) in odd.iter().enumerate() {
        h.repo
            .write(path(name), config_map(&format!("odd-{number}"), "2"));
    }
    h.repo.commit("Change them");
    for name in odd {
        h.repo.remove(path(name));
    }
    h.repo.commit("Remove them");
    h.check();
}

#[test]
fn submodules_that_come_and_go() {
    let h = Hostile::new();
    let module = h.repo.rev("HEAD");
    let link = |path: &str| {
        let entry = format!("160000,{module},{path}");
        h.repo
            .git(&["update-index", "--add", "--cacheinfo", &entry]);
    };
    let commit = |message: &str| {
        h.repo.git(&["commit", "-q", "-m", message]);
        h.repo.git(&["reset", "-q", "--hard"]);
    };
    link("vendor/charts");
    commit("Add a submodule");
    h.set("2", "Change something else");
    h.repo.git(&["rm", "-q", "--cached", "vendor/charts"]);
    commit("Remove the submodule");
    // In the place of manifests, and manifests in its place.
    h.repo.git(&["rm", "-q", "-r", "environments/prod/shop"]);
    link("environments/prod/shop");
    commit("Move the shop to a repository of its own");
    h.repo
        .git(&["rm", "-q", "--cached", "environments/prod/shop"]);
    h.repo.write(FILE, web("3"));
    h.repo.git(&["add", FILE]);
    commit("Take it back");
    h.check();
    let log = h.log_of_web(&h.repo);
    let subjects = [
        "Take it back",
        "Move the shop to a repository of its own",
        "Change something else",
        "Start",
    ];
    assert_eq!(texts(entries(&log), "subject"), subjects);
}

#[test]
fn renames_of_nothing_but_case() {
    let h = Hostile::new();
    h.repo.rename(FILE, "environments/prod/shop/Web.yaml");
    h.repo.commit("Capital");
    h.repo
        .rename("environments/prod/shop", "environments/prod/Shop");
    h.repo.commit("Capital directory");
    h.repo.write("environments/prod/Shop/Web.yaml", web("2"));
    h.repo.commit("Change");
    // Both at once.
    h.repo
        .write("environments/prod/Shop/web.yaml", config_map("other", "1"));
    h.repo.commit("Another, in small letters");
    h.check();
    let log = h.log_of_web(&h.repo);
    assert_eq!(texts(entries(&log), "subject"), ["Change", "Start"]);
    let log = h.json(&[
        "log",
        "cm/web",
        "--path",
        "environments/prod/Shop/Web.yaml",
        "--source",
    ]);
    assert_eq!(texts(entries(&log), "subject"), ["Change", "Start"]);
}

#[test]
fn directories_that_become_files_and_links() {
    let h = Hostile::new();
    let directory = "environments/prod/shop";
    h.repo.remove(directory).write(directory, "no directory\n");
    h.repo.commit("A file");
    h.repo.remove(directory).write(FILE, web("3"));
    h.repo.commit("A directory again");
    h.repo.remove(FILE).symlink(FILE, "../../dev/shop/web.yaml");
    h.repo.commit("A link");
    h.repo.remove(directory).symlink(directory, "../dev/shop");
    h.repo.commit("The directory is a link");
    h.check();
}

/// What had a generated name is found by each name it ever had.
#[test]
fn files_that_become_directories_and_back() {
    let h = Hostile::new();
    h.repo
        .remove(FILE)
        .write(format!("{FILE}/web.yaml"), web("1"));
    h.repo.commit("A directory");
    h.repo.write(format!("{FILE}/web.yaml"), web("2"));
    h.repo.commit("Change");
    h.repo.remove(FILE).write(FILE, web("2"));
    h.repo.commit("A file again");
    h.check();
}

#[test]
fn generated_names_of_long_ago() {
    let h = Hostile::new();
    for suffix in ["bcdfg", "hjklm", "npqrs"] {
        let job = format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: migrate-{suffix}, namespace: shop}}\nspec: {{suspend: false}}\n"
        );
        h.repo.write("environments/prod/shop/job.yaml", job);
        h.repo.commit(suffix);
    }
    h.check();
    h.repo.remove("environments/prod/shop/job.yaml");
    h.repo.commit("Done");
    h.check();
}
