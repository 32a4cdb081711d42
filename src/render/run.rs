//! Runs a program without a shell, bounded in time and output.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

pub(super) struct Command<'a> {
    pub(super) program: &'a Path,
    pub(super) arguments: &'a [OsString],
    pub(super) directory: &'a Path,
    /// All of it: nothing is inherited.
    pub(super) environment: &'a [(&'static str, OsString)],
    pub(super) timeout: Duration,
    pub(super) max_output: usize,
}

pub(super) fn find(name: &str, path: Option<&OsStr>) -> Option<PathBuf> {
    let inherited = std::env::var_os("PATH");
    std::env::split_paths(path.or(inherited.as_deref())?)
        .map(|directory| directory.join(name))
        .find(|file| file.is_file())
}

/// Standard output, or why there is none: standard error, or what happened.
pub(super) fn run(command: &Command) -> Result<Vec<u8>, String> {
    let name = command.program.display();
    let mut child = std::process::Command::new(command.program)
        .args(command.arguments)
        .current_dir(command.directory)
        .env_clear()
        .envs(command.environment.iter().cloned())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{name} does not start: {error}"))?;
    let output = drain(child.stdout.take(), command.max_output);
    let errors = drain(child.stderr.take(), 64 << 10);
    let Ok(output) = output.recv_timeout(command.timeout) else {
        end(&mut child);
        return Err(format!("{name} did not end within {:?}", command.timeout));
    };
    if output.len() > command.max_output {
        end(&mut child);
        return Err(format!(
            "{name} wrote more than {} bytes",
            command.max_output
        ));
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    if status.success() {
        return Ok(output);
    }
    let message = errors
        .recv_timeout(Duration::from_secs(1))
        .unwrap_or_default();
    let message = String::from_utf8_lossy(&message);
    if message.trim().is_empty() {
        return Err(format!("{name} failed: {status}"));
    }
    Err(message.into_owned())
}

fn end(child: &mut Child) {
    // It may have ended by itself in between.
    let _ = child.kill();
    let _ = child.wait();
}

/// Everything a pipe gives, and one byte more than `limit` where there is more.
fn drain(pipe: Option<impl Read + Send + 'static>, limit: usize) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            let _ = pipe.take(limit as u64 + 1).read_to_end(&mut bytes);
        }
        let _ = sender.send(bytes);
    });
    receiver
}
