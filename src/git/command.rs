//! Running git in the user's repository: their configuration, credentials, hooks and ssh apply, our object directory takes
//! what is written, and nothing may ask questions on the terminal.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use super::error::{Error, Result};
use super::repo::Shared;
use crate::exec::{self, Output};
use crate::text;

/// Variables that would point git at another repository (`git rev-parse --local-env-vars`, without those that carry the
/// user's configuration).
const LOCAL: [&str; 13] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_OBJECT_DIRECTORY",
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_GRAFT_FILE",
    "GIT_INDEX_FILE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_REPLACE_REF_BASE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
];

/// A git command to be run in the user's repository.
pub(super) struct Git(exec::Command);

impl Shared {
    /// git with these arguments. It writes no locks of its own accord, and where it would ask for a password or about an
    /// unknown host it fails (unless the user has an askpass program that asks in a window).
    pub(super) fn git(&self, args: &[&str]) -> Git {
        let mut command = elsewhere(self.own.refs.git_dir())
            .args(args)
            .directory(self.directory());
        if std::env::var_os("SSH_ASKPASS").is_none() {
            command = command.env("SSH_ASKPASS", "false");
        }
        Git(command
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("SSH_ASKPASS_REQUIRE", "force")
            .env("GIT_OPTIONAL_LOCKS", "0"))
    }
}

/// git on the repository at `git_dir` and no other, whatever the environment says. It fetches nothing by itself.
pub(super) fn elsewhere(git_dir: &Path) -> exec::Command {
    let command = LOCAL
        .iter()
        .fold(exec::Command::new("git"), |command, name| {
            command.env_remove(name)
        });
    command
        .directory(git_dir)
        .env("GIT_DIR", git_dir)
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("LC_ALL", "C")
}

impl Git {
    /// New objects go to the shadow, which is made if it is not there yet.
    pub(super) fn into_shadow(mut self, shared: &Shared) -> Result<Git> {
        let objects = shared.shadow.create(shared.own.objects.path())?;
        self.0 = self.0.env("GIT_OBJECT_DIRECTORY", objects);
        Ok(self)
    }

    /// Settings for this run that must not be seen in the list of processes; they come after the user's own.
    pub(super) fn secret_settings(mut self, settings: &[(String, String)]) -> Git {
        let given = std::env::var("GIT_CONFIG_COUNT");
        let first = given
            .ok()
            .and_then(|count| count.parse::<usize>().ok())
            .unwrap_or(0);
        for (number, (key, value)) in (first..).zip(settings) {
            self.0 = self
                .0
                .env(format!("GIT_CONFIG_KEY_{number}"), key)
                .env(format!("GIT_CONFIG_VALUE_{number}"), value);
        }
        let count = (first + settings.len()).to_string();
        self.0 = self.0.env("GIT_CONFIG_COUNT", count);
        self
    }

    pub(super) fn env(mut self, name: &str, value: impl Into<OsString>) -> Git {
        self.0 = self.0.env(name, value);
        self
    }

    pub(super) fn input(mut self, input: &str) -> Git {
        self.0 = self.0.input(input);
        self
    }

    pub(super) fn timeout(mut self, timeout: Duration) -> Git {
        self.0 = self.0.timeout(timeout);
        self
    }

    /// Runs it, whatever its exit code.
    pub(super) fn run(&self) -> Result<Output> {
        exec::run(&self.0).map_err(|error| Error::Other(error.to_string()))
    }
}

/// How much of what git and a server said is worth showing.
const MAX_MESSAGE: usize = 2000;

/// What git said on standard error, fit to be shown, with a hint where we know one.
pub(super) fn said(output: &Output) -> String {
    let text = output.message();
    let mut message = text::clean(&text).into_owned();
    if let Some((end, _)) = message.char_indices().nth(MAX_MESSAGE) {
        message.truncate(end);
        message.push('…');
    }
    if message.is_empty() {
        message = match output.code {
            Some(code) => format!("exit code {code}"),
            None => "it was killed".to_owned(),
        };
    }
    let wants_person = [
        "terminal prompts disabled",
        "could not read Username",
        "could not read Password",
        "Permission denied (publickey",
        "Host key verification failed",
    ];
    if wants_person.iter().any(|sign| message.contains(sign)) {
        message.push_str(
            "\nhint: gitopsy never asks for passwords: run `git fetch` once yourself, or set up a credential helper or ssh agent",
        );
    }
    message
}

/// The error of a git command that failed.
pub(super) fn failure(what: &str, output: &Output) -> Error {
    Error::Git {
        what: what.to_owned(),
        message: said(output),
    }
}
