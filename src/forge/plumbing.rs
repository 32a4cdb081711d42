//! Runs git in a bare repository, apart from the user's configuration of repositories around it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Error, Result};

pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

/// Runs `git -C repository arguments`, whatever its exit code.
pub(crate) fn run(
    repository: &Path,
    arguments: &[&str],
    environment: &[(&str, &str)],
    input: &[u8],
) -> Result<Output> {
    let failed = |source| Error::Io {
        what: format!("cannot run git {}", arguments.first().unwrap_or(&"")),
        source,
    };
    let mut command = Command::new("git");
    command
        .arg("-C")
        .arg(repository)
        .args(arguments)
        .env("LC_ALL", "C")
        .env("GIT_TERMINAL_PROMPT", "0")
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for variable in [
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_OBJECT_DIRECTORY",
    ] {
        command.env_remove(variable);
    }
    let mut child = command.spawn().map_err(failed)?;
    let stdin = child.stdin.take();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || {
            // A git that ends early says why itself: a broken pipe adds nothing.
            stdin.map(|mut stdin| stdin.write_all(input))
        });
        child.wait_with_output()
    })
    .map_err(failed)?;
    Ok(Output {
        code: output.status.code(),
        stdout: output.stdout,
        stderr: output.stderr,
    })
}

pub(crate) fn failed(arguments: &[&str], output: &Output) -> Error {
    Error::Git {
        what: arguments.first().copied().unwrap_or_default().to_owned(),
        message: String::from_utf8_lossy(&output.stderr)
            .trim_end()
            .chars()
            .take(500)
            .collect(),
    }
}
