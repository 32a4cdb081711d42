//! Merging, against `git merge-tree`: every commit of a repository is reverted on its tip, by git and by us.

use std::collections::BTreeSet;
use std::path::Path;

use gitopsy::git::{BString, Oid, Reader, Repo};
use tempfile::TempDir;

use crate::support::{Random, TestRepo};

/// What came of a merge: its tree where it is clean, else the paths that conflict.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Clean(String),
    Conflicts(BTreeSet<BString>),
}

/// `git merge-tree` needs commits: the inverse of a commit is the tree before it as its child.
fn by_git(repo: &TestRepo, commit: &str, tip: &str) -> Outcome {
    let before = match repo.try_git(&[
        "rev-parse",
        "--verify",
        "-q",
        &format!("{commit}^^{{tree}}"),
    ]) {
        (true, tree) => tree.trim().to_owned(),
        (false, _) => {
            let empty = repo.git_with(&["hash-object", "-t", "tree", "-w", "--stdin"], b"");
            String::from_utf8_lossy(&empty).trim().to_owned()
        }
    };
    let inverse = repo.git(&["commit-tree", &before, "-p", commit, "-m", "inverse"]);
    let output = repo
        .command(&[
            "merge-tree",
            "--write-tree",
            "-z",
            "--name-only",
            "--no-messages",
            tip,
            &inverse,
        ])
        .output()
        .expect("git runs");
    let mut parts = output.stdout.split(|byte| *byte == 0);
    let tree = String::from_utf8_lossy(parts.next().expect("a tree")).into_owned();
    match output.status.code() {
        Some(0) => Outcome::Clean(tree),
        Some(1) => Outcome::Conflicts(
            parts
                .filter(|path| !path.is_empty())
                .map(BString::from)
                .collect(),
        ),
        _ => panic!("{}", String::from_utf8_lossy(&output.stderr)),
    }
}

fn by_us(reader: &Reader, commit: Oid, tip: Oid) -> Outcome {
    let before = match reader.commit(commit).expect("commit").parents.first() {
        Some(parent) => reader.tree_of(*parent).expect("tree"),
        None => reader.empty_tree(),
    };
    let base = reader.tree_of(commit).expect("tree");
    let ours = reader.tree_of(tip).expect("tree");
    let merge = reader.merge(base, ours, before).expect("merge");
    if merge.is_clean() {
        Outcome::Clean(merge.tree.to_string())
    } else {
        let paths = merge.conflicts.into_iter().map(|conflict| conflict.path);
        Outcome::Conflicts(paths.collect())
    }
}

fn oid(hex: &str) -> Oid {
    Oid::from_hex(hex.as_bytes()).expect("an id")
}

/// A history of the shapes that environment repositories have: manifests edited line by line, images bumped next to other
/// fields, files added, removed, moved one by one and by the directory, generated names, merges, modes, symlinks,
/// submodules, CRLF, names that are not UTF-8.
fn random_history(path: &Path, seed: u64, length: usize) -> TestRepo {
    let mut random = Random::new(seed);
    let repo = TestRepo::init(path);
    let apps = ["api", "web", "db", "cache", "search"];
    for app in apps {
        for file in ["deploy.yaml", "service.yaml", "kustomization.yaml"] {
            repo.write(format!("apps/{app}/{file}"), manifest(app, file));
        }
    }
    repo.commit("Start");
    for step in 0..length {
        change(&repo, &mut random, step);
        repo.commit(&format!("Step {step}"));
        if random.below(8) == 0 {
            branch_and_merge(&repo, &mut random, step);
        }
    }
    repo
}

fn manifest(app: &str, file: &str) -> String {
    format!(
        "kind: {file}\nmetadata:\n  name: {app}\nspec:\n  replicas: 1\n  image: {app}:1.0.0\n  cpu: 100m\n  memory: 1Gi\n\
         \x20 ports:\n  - 80\n  - 443\n  env:\n  - name: A\n    value: a\n  - name: B\n    value: b\nstatus: {{}}\n"
    )
}

fn branch_and_merge(repo: &TestRepo, random: &mut Random, step: usize) {
    let before = repo.rev("HEAD");
    repo.git(&["switch", "-q", "-c", &format!("side-{step}")]);
    repo.write(
        format!("side/{step}.yaml"),
        manifest("side", &step.to_string()),
    );
    change(repo, random, step);
    repo.commit(&format!("Side {step}"));
    repo.git(&["switch", "-q", "main"]);
    assert_eq!(repo.rev("HEAD"), before);
    repo.write(format!("main-{step}.yaml"), "x: 1\n");
    repo.commit(&format!("Beside {step}"));
    repo.merge(&[&format!("side-{step}")], &format!("Merge side {step}"));
}

fn files(repo: &TestRepo) -> Vec<String> {
    let listed = repo.git(&["ls-files", "--cached", "*.yaml"]);
    let names = listed.lines().filter(|name| !name.starts_with('"'));
    names
        .filter(|name| repo.path.join(name).is_file() && !repo.path.join(name).is_symlink())
        .map(str::to_owned)
        .collect()
}

fn change(repo: &TestRepo, random: &mut Random, step: usize) {
    let files = files(repo);
    let file = files[random.below(files.len())].clone();
    let text = std::fs::read_to_string(repo.path.join(&file)).expect("text");
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let edit = |lines: Vec<String>| repo.write(&file, lines.join("\n") + "\n");
    let at = random.below(lines.len().max(1));
    match random.below(16) {
        // Any line, so that neighbours collide now and then.
        0..=3 => {
            let mut lines = lines;
            if let Some(line) = lines.get_mut(at) {
                *line = format!("  changed: {step}");
            }
            edit(lines);
        }
        4 => {
            let mut lines = lines;
            lines.insert(at, format!("  - added: {step}"));
            edit(lines);
        }
        5 => {
            let mut lines = lines;
            lines.truncate(lines.len().saturating_sub(2).max(1));
            edit(lines);
        }
        6 => {
            let mut lines = lines;
            lines.push(format!("- appended: {step}"));
            edit(lines);
        }
        7 => {
            repo.write(
                format!("apps/new-{step}/deploy.yaml"),
                manifest("new", &file),
            );
        }
        8 if files.len() > 6 => {
            repo.remove(&file);
        }
        9 => {
            repo.rename(&file, &format!("moved/{step}-{}", file.replace('/', "-")));
        }
        10 => {
            let directory = file
                .rsplit_once('/')
                .map_or("apps", |(directory, _)| directory);
            repo.rename(directory, &format!("apps-{step}/{}", random.below(3)));
        }
        // A generator replaces what it generated: the name and a line differ.
        11 => {
            for old in files
                .iter()
                .filter(|name| name.starts_with("generated/job-"))
            {
                repo.remove(old);
            }
            repo.write(
                format!("generated/job-{:x}.yaml", random.next()),
                manifest("job", &step.to_string()),
            );
        }
        12 => {
            let crlf = lines.join("\r\n");
            repo.write(&file, crlf + "\r\n");
        }
        13 => {
            repo.write(
                [b"odd/caf\xe9-", step.to_string().as_bytes()].concat(),
                text,
            );
        }
        14 => {
            let link = format!("link-{}", random.below(3));
            if repo.path.join(&link).is_symlink() {
                repo.remove(&link);
            }
            repo.symlink(&link, &file);
        }
        _ => {
            repo.executable(&file);
            repo.write("apps/added-twice.yaml", format!("{text}{step}\n"));
        }
    }
}

/// What came of reverting each of some commits on a tip.
#[derive(Default)]
struct Comparison {
    commits: usize,
    clean: usize,
    /// Conflicts on both sides, but not of the same paths.
    other_paths: Vec<String>,
    /// Clean on one side only, or clean with another tree.
    differing: Vec<String>,
}

impl Comparison {
    fn add(&mut self, repo: &TestRepo, state: &Path, commits: &[String], tip: &str) {
        let reader = Repo::open(&repo.path, state).expect("opens").reader();
        for commit in commits {
            let git = by_git(repo, commit, tip);
            let own = by_us(&reader, oid(commit), oid(tip));
            self.commits += 1;
            self.clean += usize::from(matches!(own, Outcome::Clean(_)));
            if git == own {
                continue;
            }
            let text = format!(
                "{commit} on {tip} of {:?}:\n  git {git:?}\n  own {own:?}",
                repo.path
            );
            match (git, own) {
                // About a directory that was split git names no file; we name the directory.
                (Outcome::Conflicts(git), Outcome::Conflicts(_)) if git.is_empty() => {}
                (Outcome::Conflicts(_), Outcome::Conflicts(_)) => self.other_paths.push(text),
                _ => self.differing.push(text),
            }
        }
    }

    fn summary(&self) -> String {
        format!(
            "{} commits, {} clean, {} differ, {} conflict in other paths",
            self.commits,
            self.clean,
            self.differing.len(),
            self.other_paths.len()
        )
    }
}

/// `GITOPSY_TEST_SEEDS=N` for more histories than a test run has time for.
#[test]
fn reverts_of_random_histories_equal_merge_tree() {
    let seeds = std::env::var("GITOPSY_TEST_SEEDS").ok();
    let seeds = seeds.and_then(|count| count.parse().ok()).unwrap_or(3);
    let mut all = Comparison::default();
    for seed in 0..seeds {
        let dir = TempDir::new().expect("temporary directory");
        let repo = random_history(&dir.path().join("env"), seed, 30);
        let commits = repo.git(&["rev-list", "--first-parent", "main"]);
        let commits: Vec<String> = commits.lines().map(str::to_owned).collect();
        all.add(&repo, &dir.path().join("state"), &commits, &commits[0]);
    }
    println!("{}", all.summary());
    assert_eq!(all.differing, Vec::<String>::new());
    assert_eq!(all.other_paths, Vec::<String>::new());
    // A generator that only made one kind would compare nothing.
    assert!(all.clean > all.commits / 5 && all.clean < all.commits * 4 / 5);
}

/// Walks repositories by hand: `GITOPSY_TEST_REPOS=/a:/b cargo test --test oracle real_repositories -- --nocapture`, with
/// `GITOPSY_TEST_SAMPLE=N` to take only so many commits of each, chosen by a fixed seed.
#[test]
fn real_repositories_revert_as_in_git() {
    let repositories = std::env::var("GITOPSY_TEST_REPOS").unwrap_or_default();
    let sample = std::env::var("GITOPSY_TEST_SAMPLE").ok();
    let sample = sample.and_then(|count| count.parse::<usize>().ok());
    for path in repositories.split(':').filter(|path| !path.is_empty()) {
        let dir = TempDir::new().expect("temporary directory");
        // git writes objects while it merges: into a throw-away repository that borrows the real one's.
        let repo = TestRepo::init_bare(&dir.path().join("env"));
        let real = TestRepo::at(Path::new(path));
        let objects = real.git(&[
            "rev-parse",
            "--path-format=absolute",
            "--git-path",
            "objects",
        ]);
        repo.write("objects/info/alternates", objects + "\n");
        let mut commits: Vec<String> = real
            .git(&["rev-list", "--first-parent", "HEAD"])
            .lines()
            .map(str::to_owned)
            .collect();
        let tip = commits[0].clone();
        let mut random = Random::new(7);
        while sample.is_some_and(|count| commits.len() > count) {
            commits.swap_remove(random.below(commits.len()));
        }
        let mut all = Comparison::default();
        all.add(&repo, &dir.path().join("state"), &commits, &tip);
        println!("{path}: {}\n{}", all.summary(), all.differing.join("\n"));
        assert_eq!(all.differing, Vec::<String>::new());
    }
}

/// A merge driver or filter is a program of the user's: looking at what a revert would do runs none.
#[test]
fn previews_run_no_program_of_the_users() {
    let dir = TempDir::new().expect("temporary directory");
    let repo = TestRepo::init(&dir.path().join("env"));
    let trap = dir.path().join("trap");
    let program = format!("touch {} #", trap.display());
    for (key, value) in [
        ("merge.lock.driver", program.as_str()),
        ("merge.default", "lock"),
        ("merge.renormalize", "true"),
        ("filter.crypt.clean", &program),
        ("filter.crypt.smudge", &program),
        ("diff.shown.textconv", &program),
        ("diff.shown.command", &program),
    ] {
        repo.git(&["config", key, value]);
    }
    let lines = |middle: &str| format!("a\nb\nc\n{middle}\nd\ne\nf\n");
    repo.write("x.lock", lines("1")).write("y.yaml", lines("1"));
    repo.write("moved.yaml", lines("z"));
    repo.commit("Start");
    repo.write("x.lock", lines("2")).write("y.yaml", lines("2"));
    let commit = repo.commit("Change both");
    repo.write("x.lock", lines("2") + "g\n")
        .write("y.yaml", lines("2") + "g\n");
    repo.rename("moved.yaml", "elsewhere.yaml");
    repo.commit("Append to both");
    let outcome = |attributes: &str| {
        let blob = repo.git_with(&["hash-object", "-w", "--stdin"], attributes.as_bytes());
        let blob = String::from_utf8_lossy(&blob).trim().to_owned();
        let entry = format!("100644,{blob},.gitattributes");
        repo.git(&["update-index", "--add", "--cacheinfo", &entry]);
        let tree = repo.git(&["write-tree"]);
        let tip = repo.git(&["commit-tree", &tree, "-p", "main", "-m", "Attributes"]);
        // git itself ran the filter to see what changed in the work tree.
        let _ = std::fs::remove_file(&trap);
        let reader = Repo::open(&repo.path, &dir.path().join("state"))
            .expect("opens")
            .reader();
        let outcome = by_us(&reader, oid(&commit), oid(&tip));
        assert!(!trap.exists(), "ran a program of {attributes:?}");
        outcome
    };
    let conflict = |paths: &[&str]| {
        Outcome::Conflicts(paths.iter().map(|path| BString::from(*path)).collect())
    };
    assert_eq!(
        outcome("*.lock merge=lock filter=crypt diff=shown\n"),
        conflict(&["x.lock", "y.yaml"])
    );
    repo.git(&["config", "--unset", "merge.default"]);
    assert_eq!(
        outcome("*.lock merge=lock filter=crypt diff=shown\n"),
        conflict(&["x.lock"])
    );
    assert_eq!(outcome("*.lock merge=binary\n"), conflict(&["x.lock"]));
    assert!(matches!(
        outcome("*.lock merge=unknown\n"),
        Outcome::Clean(_)
    ));
    assert!(matches!(
        outcome("* filter=crypt diff=shown\n"),
        Outcome::Clean(_)
    ));
}
