//! What the test targets share: throw-away repositories made by the real git, footprints of directories, and the tools
//! and servers to compare with.
//!
//! Nothing here reads the user's configuration, the clock or the network: git runs with an empty environment of its own,
//! and every repository carries the settings that a user's could otherwise change.

pub mod tools;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A git repository in a directory of the test's own. Commits are an hour apart, from 2024-01-01.
pub struct TestRepo {
    pub path: PathBuf,
    commits: Cell<i64>,
}

const FIRST_COMMIT: i64 = 1_704_067_200;

impl TestRepo {
    /// An empty repository with a work tree, on branch `main`.
    pub fn init(path: &Path) -> TestRepo {
        fs::create_dir_all(path).expect("directory");
        let repo = TestRepo::at(path);
        repo.git(&["init", "-q", "-b", "main"]);
        repo.settle();
        repo
    }

    /// An empty bare repository, to push to.
    pub fn init_bare(path: &Path) -> TestRepo {
        fs::create_dir_all(path).expect("directory");
        let repo = TestRepo::at(path);
        repo.git(&["init", "-q", "--bare", "-b", "main"]);
        repo.settle();
        repo
    }

    /// A clone of `self`, made with these extra arguments (`--depth=1`, `--bare`, …).
    pub fn cloned(&self, to: &Path, args: &[&str]) -> TestRepo {
        let mut all = vec!["clone", "-q"];
        all.extend(args);
        let url = format!("file://{}", self.path.display());
        let target = to.to_string_lossy();
        all.extend([url.as_str(), &target]);
        self.git(&all);
        let clone = TestRepo::at(to);
        clone.commits.set(self.commits.get() + 1000);
        clone.settle();
        clone
    }

    /// An existing repository, as it is.
    pub fn at(path: &Path) -> TestRepo {
        TestRepo {
            path: path.to_owned(),
            commits: Cell::new(0),
        }
    }

    /// What a user's own configuration might set is set here, so that it cannot.
    fn settle(&self) {
        for (key, value) in [
            ("user.name", "Alice Example"),
            ("user.email", "alice@example.com"),
            ("commit.gpgsign", "false"),
            ("core.autocrlf", "false"),
            ("core.hooksPath", "hooks-of-this-repository"),
            ("merge.conflictStyle", "merge"),
            ("gc.auto", "0"),
        ] {
            self.git(&["config", key, value]);
        }
    }

    /// git, in this repository, without the user's configuration.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        let at = format!("@{} +0000", self.now());
        command
            .args(args)
            .current_dir(&self.path)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", "/nonexistent")
            .env("LC_ALL", "C")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_AUTHOR_DATE", &at)
            .env("GIT_COMMITTER_DATE", &at)
            .stdin(Stdio::null());
        command
    }

    fn now(&self) -> i64 {
        FIRST_COMMIT + self.commits.get() * 3600
    }

    /// Runs git; fails the test where git fails. Answers its standard output without the last line break.
    pub fn git(&self, args: &[&str]) -> String {
        let output = self.command(args).output().expect("git runs");
        assert!(
            output.status.success(),
            "git {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        if text.ends_with('\n') {
            text.pop();
        }
        text
    }

    /// Runs git; answers whether it succeeded, and its standard output.
    pub fn try_git(&self, args: &[&str]) -> (bool, String) {
        let output = self.command(args).output().expect("git runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.success(), text)
    }

    /// Runs git with `input`; answers its raw standard output.
    pub fn git_with(&self, args: &[&str], input: &[u8]) -> Vec<u8> {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("git runs");
        child
            .stdin
            .take()
            .expect("piped")
            .write_all(input)
            .expect("git reads");
        let output = child.wait_with_output().expect("git ends");
        assert!(output.status.success(), "git {args:?}");
        output.stdout
    }

    /// Writes a file of the work tree; the path may be any bytes.
    pub fn write(&self, path: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> &TestRepo {
        let path = self.path.join(OsStr::from_bytes(path.as_ref()));
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).expect("directory");
        }
        fs::write(path, content).expect("file");
        self
    }

    pub fn symlink(&self, path: &str, target: &str) -> &TestRepo {
        std::os::unix::fs::symlink(target, self.path.join(path)).expect("symlink");
        self
    }

    pub fn executable(&self, path: &str) -> &TestRepo {
        let permissions = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.path.join(path), permissions).expect("permissions");
        self
    }

    pub fn remove(&self, path: impl AsRef<[u8]>) -> &TestRepo {
        let path = self.path.join(OsStr::from_bytes(path.as_ref()));
        if path.is_dir() {
            fs::remove_dir_all(path).expect("directory removed");
        } else {
            fs::remove_file(path).expect("file removed");
        }
        self
    }

    pub fn rename(&self, from: &str, to: &str) -> &TestRepo {
        let to = self.path.join(to);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).expect("directory");
        }
        fs::rename(self.path.join(from), to).expect("renamed");
        self
    }

    /// Commits the whole work tree (even if nothing changed); answers the commit's id.
    pub fn commit(&self, message: &str) -> String {
        self.commits.set(self.commits.get() + 1);
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.rev("HEAD")
    }

    /// Merges branches without fast-forward; answers the merge's id.
    pub fn merge(&self, branches: &[&str], message: &str) -> String {
        self.commits.set(self.commits.get() + 1);
        let mut args = vec!["merge", "-q", "--no-ff", "-m", message];
        args.extend(branches);
        self.git(&args);
        self.rev("HEAD")
    }

    /// Stores a commit of these bytes, whatever they are; answers its id.
    pub fn raw_commit(&self, bytes: &[u8]) -> String {
        let hash = ["hash-object", "-t", "commit", "-w", "--literally", "--stdin"];
        let id = self.git_with(&hash, bytes);
        String::from_utf8_lossy(&id).trim().to_owned()
    }

    pub fn rev(&self, revision: &str) -> String {
        self.git(&["rev-parse", "--verify", revision])
    }
}

/// Everything in a directory: names, kinds, modes, sizes, modification times and contents.
#[derive(PartialEq, Eq)]
pub struct Footprint(BTreeMap<PathBuf, Trace>);

#[derive(PartialEq, Eq)]
struct Trace {
    mode: u32,
    modified: (i64, i64),
    content: Vec<u8>,
}

impl Footprint {
    pub fn of(directory: &Path) -> Footprint {
        let mut traces = BTreeMap::new();
        let mut pending = vec![directory.to_owned()];
        while let Some(path) = pending.pop() {
            let metadata = path.symlink_metadata().expect("metadata");
            let content = if metadata.is_symlink() {
                let target = fs::read_link(&path).expect("link");
                target.as_os_str().as_bytes().to_owned()
            } else if metadata.is_dir() {
                let entries = fs::read_dir(&path).expect("directory");
                pending.extend(entries.map(|entry| entry.expect("entry").path()));
                Vec::new()
            } else {
                fs::read(&path).expect("file")
            };
            let trace = Trace {
                mode: metadata.mode(),
                modified: (metadata.mtime(), metadata.mtime_nsec()),
                content,
            };
            traces.insert(path, trace);
        }
        Footprint(traces)
    }

    /// Fails the test where the directory is not as it was, naming what differs.
    pub fn assert_unchanged(&self, directory: &Path) {
        let now = Footprint::of(directory);
        let differing: Vec<_> = self
            .0
            .keys()
            .chain(now.0.keys())
            .filter(|path| self.0.get(*path) != now.0.get(*path))
            .collect();
        assert!(differing.is_empty(), "touched: {differing:?}");
    }
}

/// Numbers that look random and are the same in every run (splitmix64).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap_or(0)
    }
}
