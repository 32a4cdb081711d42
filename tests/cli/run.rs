//! Running the binary.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A home of its own for one test: state, configuration and cache live and die here.
pub struct Home {
    pub directory: TempDir,
    /// Where tools are looked for.
    pub path: OsString,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Home {
    pub fn new() -> Home {
        Home {
            directory: tempfile::tempdir().expect("a temporary directory"),
            path: std::env::var_os("PATH").unwrap_or_default(),
        }
    }

    pub fn command(&self, at: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gitopsy"));
        let home = self.directory.path();
        command
            .args(args)
            .current_dir(at)
            .env_clear()
            .env("PATH", &self.path)
            .env("HOME", home)
            .env("TZ", "UTC")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, at: &Path, args: &[&str]) -> Ended {
        let output = self.command(at, args).output().expect("gitopsy runs");
        Ended {
            code: output.status.code().expect("it was not killed"),
            out: String::from_utf8(output.stdout).expect("text"),
            err: String::from_utf8(output.stderr).expect("text"),
        }
    }

    /// Runs with `-o json`; the exit code must be `code`.
    pub fn json(&self, at: &Path, args: &[&str], code: i32) -> Value {
        let ended = self.run(at, &[args, &["-o", "json", "--no-cluster"]].concat());
        assert_eq!(ended.code, code, "{args:?}: {}", ended.err);
        serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {}", ended.out))
    }
}
