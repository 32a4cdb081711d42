//! Histories that are kept on disk, against the same read from git: whatever became of the repository or of what was kept
//! in between, the rows are those that git has.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use gitopsy::cache::Cache;
use gitopsy::exec;
use gitopsy::git::Repo;
use gitopsy::history::{History, Row, Store};
use gitopsy::task::Cancel;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::support::{Random, TestRepo};

struct Fixture {
    dir: TempDir,
    repo: TestRepo,
}

impl Fixture {
    /// With so many commits, each changing some of a few files.
    fn new(commits: usize) -> Fixture {
        let dir = TempDir::new().expect("temporary directory");
        let repo = TestRepo::init(&dir.path().join("env"));
        let fixture = Fixture { dir, repo };
        fixture.grow(commits, 1);
        fixture
    }

    fn grow(&self, commits: usize, seed: u64) {
        let mut random = Random::new(seed);
        let mut stream = String::new();
        let begun = self
            .repo
            .try_git(&["rev-parse", "-q", "--verify", "main"])
            .0;
        for number in 0..commits {
            let message = format!(
                "Change {number} (#{seed}{number})\n\nThis reverts commit {number:040x}.\n(cherry picked from commit {seed:040x})"
            );
            let time = 1_700_000_000 + number;
            stream += &format!(
                "commit refs/heads/main\ncommitter Alice Example <alice@example.com> {time} +0000\ndata {}\n{message}\n",
                message.len()
            );
            if number == 0 && begun {
                stream += "from refs/heads/main^0\n";
            }
            let app = random.below(7);
            match random.below(9) {
                0 => stream += &format!("D apps/app-{app}/config.yaml\n"),
                _ => {
                    let text = format!("# {seed} {number}\n");
                    stream += &format!("M 100644 inline apps/app-{app}/config.yaml\n");
                    stream += &format!("data {}\n{text}\n", text.len());
                }
            }
        }
        self.repo
            .git_with(&["fast-import", "--quiet"], stream.as_bytes());
    }

    fn cache(&self) -> std::path::PathBuf {
        self.dir.path().join("cache")
    }

    /// The rows of `revision`, with what is kept and by git alone.
    fn both(&self, repo: &TestRepo, revision: &str) -> (Vec<Row>, Vec<Row>) {
        let opened = Repo::open(&repo.path, &self.dir.path().join("state")).expect("a repository");
        let store = self.store(&opened);
        (
            rows(&opened, revision, Some(store)),
            rows(&opened, revision, None),
        )
    }

    fn store(&self, opened: &Repo) -> Store {
        Store::new(
            Arc::new(Cache::in_directory(&self.cache())),
            opened.fingerprint(),
        )
    }

    #[track_caller]
    fn agrees(&self, revision: &str) -> Vec<Row> {
        let (kept, read) = self.both(&self.repo, revision);
        assert_eq!(kept, read);
        kept
    }

    fn kept(&self) -> Connection {
        Connection::open(self.cache().join("cache.sqlite")).expect("a database")
    }

    fn count(&self) -> i64 {
        let kept = self.kept();
        kept.query_row("SELECT count(*) FROM entry", [], |row| row.get(0))
            .expect("counted")
    }
}

fn rows(repo: &Repo, revision: &str, store: Option<Store>) -> Vec<Row> {
    let tip = repo.reader().resolve(revision).expect("a commit");
    all(&History::start(repo, tip, store, &Cancel::new()))
}

fn all(history: &History) -> Vec<Row> {
    let mut seen = 0;
    loop {
        let rows = history.wait_grown(seen, &Cancel::new());
        seen = rows.len();
        if rows.complete() {
            return rows.iter().cloned().collect();
        }
    }
}

#[test]
fn what_is_kept_is_not_read_again() {
    let fixture = Fixture::new(200);
    let rows = fixture.agrees("HEAD");
    assert_eq!(rows.len(), 200);
    // Without objects, there is nothing else to read them from.
    let opened = Repo::open(&fixture.repo.path, &fixture.dir.path().join("state")).expect("opened");
    let tip = opened.reader().resolve("HEAD").expect("a commit");
    let objects = fixture.repo.path.join(".git/objects");
    std::fs::remove_dir_all(objects.join("pack")).expect("removed");
    let history = History::start(&opened, tip, Some(fixture.store(&opened)), &Cancel::new());
    assert_eq!(all(&history), rows);
}

#[test]
fn new_commits_are_added_to_what_is_kept() {
    let fixture = Fixture::new(150);
    fixture.agrees("HEAD");
    for (seed, commits) in [(2, 1), (3, 2), (4, 40), (5, 1)] {
        fixture.grow(commits, seed);
        fixture.agrees("HEAD");
        fixture.agrees("HEAD~1");
    }
    // Not a segment for each time that somebody looked.
    let before = fixture.count();
    fixture.agrees("HEAD");
    assert_eq!(fixture.count(), before);
}

#[test]
fn a_rewritten_history_is_followed() {
    let fixture = Fixture::new(150);
    fixture.agrees("HEAD");
    fixture.repo.git(&["branch", "old"]);
    fixture
        .repo
        .git(&["update-ref", "refs/heads/main", "HEAD~20"]);
    fixture.grow(30, 9);
    fixture.agrees("HEAD");
    fixture.agrees("old");
    fixture
        .repo
        .git(&["update-ref", "refs/heads/main", "HEAD~150"]);
    fixture.agrees("HEAD");
}

#[test]
fn a_replaced_commit_is_another() {
    let fixture = Fixture::new(20);
    fixture.agrees("HEAD");
    // HEAD~5 with the tree and parents of HEAD~9: the line is shorter.
    let (old, other) = (fixture.repo.rev("HEAD~5"), fixture.repo.rev("HEAD~9"));
    fixture.repo.git(&["replace", &old, &other]);
    assert_eq!(fixture.agrees("HEAD").len(), 16);
    fixture.repo.git(&["replace", "-d", &old]);
    assert_eq!(fixture.agrees("HEAD").len(), 20);
}

#[test]
fn a_shallow_clone_that_is_deepened_is_read_to_its_end() {
    let fixture = Fixture::new(30);
    let clone = fixture
        .repo
        .cloned(&fixture.dir.path().join("clone"), &["--depth=10"]);
    for depth in [10, 20, 30] {
        clone.git(&["fetch", "-q", &format!("--depth={depth}")]);
        let (kept, read) = fixture.both(&clone, "HEAD");
        assert_eq!((kept.len(), &kept), (depth, &read));
    }
}

#[test]
fn damaged_segments_are_read_from_git_and_kept_again() {
    let fixture = Fixture::new(200);
    fixture.agrees("HEAD");
    let count = fixture.count();
    let damage = [
        // One byte of each value; the end of each; values under the keys of others.
        "UPDATE entry SET value = CAST(substr(value, 1, length(value) / 2) || x'5a' || substr(value, length(value) / 2 + 2) AS BLOB)",
        "UPDATE entry SET value = substr(value, 1, length(value) - 1)",
        "UPDATE entry SET value = (SELECT value FROM entry AS other WHERE other.key <> entry.key ORDER BY key LIMIT 1)",
        "UPDATE entry SET value = x''",
        "DELETE FROM entry WHERE length(value) < 500",
        "DELETE FROM entry WHERE length(value) > 500",
    ];
    for damage in damage {
        let kept = fixture.kept();
        assert!(kept.execute(damage, []).expect("damaged") > 0, "{damage}");
        drop(kept);
        let seen = exec::log().len();
        fixture.agrees("HEAD");
        let reports = exec::log().split_off(seen.min(exec::log().len()));
        if !damage.starts_with("DELETE") {
            assert!(
                reports
                    .iter()
                    .any(|call| call.to_string().contains("read from git again")),
                "{damage}"
            );
        }
        assert!(fixture.count() >= count, "{damage}");
        // What was written in its place is right, too.
        fixture.agrees("HEAD");
    }
}

#[test]
fn killed_at_any_moment_nothing_wrong_is_left() {
    let fixture = Fixture::new(300);
    let home = fixture.dir.path().join("home");
    let file = home.join("gitopsy/cache.sqlite");
    let run = |home: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gitopsy"));
        command
            .args(["log", "--output", "json", "--no-cluster"])
            .current_dir(&fixture.repo.path)
            .env_clear()
            .env("HOME", home)
            .env("XDG_CACHE_HOME", home)
            .env("XDG_STATE_HOME", home)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        command
    };
    let size = |file: &Path| {
        let log = file.with_extension("sqlite-wal");
        let size = |file: &Path| file.metadata().map_or(0, |metadata| metadata.len());
        size(file) + size(&log)
    };
    let other = fixture.dir.path().join("other");
    let fresh = run(&other).output().expect("gitopsy");
    assert!(fresh.status.success());
    // Killed when the files have changed so many times: between any two writes, and within them.
    for times in 1..=12 {
        if home.exists() {
            std::fs::remove_dir_all(&home).expect("removed");
        }
        let mut child = run(&home).stdout(Stdio::null()).spawn().expect("gitopsy");
        let (mut changes, mut before) = (0, size(&file));
        while changes < times && child.try_wait().expect("running").is_none() {
            let now = size(&file);
            changes += usize::from(now != before);
            before = now;
        }
        child.kill().expect("killed");
        child.wait().expect("ended");
        let killed = run(&home).output().expect("gitopsy");
        assert!(killed.status.success());
        assert_eq!(killed.stdout, fresh.stdout, "after {times} changes");
    }
}
