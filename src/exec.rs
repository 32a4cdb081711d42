//! External programs (git, kustomize, kubectl, …): run without a shell, without prompts, bounded in time and output, and
//! kept in a log the user can open with `@`.
//!
//! A program runs in a process group of its own, so that what it starts (ssh, credential helpers, plugins) ends with it,
//! and so that nothing in it can read from the terminal that the screens are drawn on. Programs are looked up in absolute
//! directories of PATH only: a repository under review must not be able to bring its own `git`.

mod confine;
mod log;
mod redact;

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::task::Cancel;

pub use confine::Confinement;
pub use log::{Call, Outcome, log, record};
pub use redact::redact;

/// A program to run. What is not set: the current directory and environment, no input, a minute, 64 MiB of output.
#[derive(Clone)]
pub struct Command {
    pub program: PathBuf,
    pub args: Vec<OsString>,
    /// Whether the log leaves them out: they may hold secrets.
    pub hide_args: bool,
    pub directory: Option<PathBuf>,
    /// Whether the environment begins as this process's own.
    pub inherit: bool,
    /// Set (`Some`) or removed (`None`), in order.
    pub environment: Vec<(OsString, Option<OsString>)>,
    pub input: Vec<u8>,
    pub timeout: Duration,
    pub cancel: Cancel,
    /// Bytes of standard output; more is an error. (Of standard error the first 64 KiB are kept.)
    pub max_output: usize,
    /// Bytes of memory that it may write to; more than that it does not get. Held on Linux only.
    pub max_memory: Option<u64>,
    /// What it may touch; where it cannot be held to that, it is not started.
    pub confinement: Option<Confinement>,
}

impl Command {
    /// `program` is a name to look up in PATH, or an absolute path.
    pub fn new(program: impl Into<PathBuf>) -> Command {
        Command {
            program: program.into(),
            args: Vec::new(),
            hide_args: false,
            directory: None,
            inherit: true,
            environment: Vec::new(),
            input: Vec::new(),
            timeout: Duration::from_secs(60),
            cancel: Cancel::new(),
            max_output: 64 << 20,
            max_memory: None,
            confinement: None,
        }
    }

    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Command {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// The arguments may hold secrets: they do not go to the log.
    pub fn hide_args(mut self) -> Command {
        self.hide_args = true;
        self
    }

    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Command {
        self.directory = Some(directory.into());
        self
    }

    /// Nothing of this process's environment: only what is set afterwards.
    pub fn clear_environment(mut self) -> Command {
        self.inherit = false;
        self
    }

    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Command {
        self.environment.push((name.into(), Some(value.into())));
        self
    }

    pub fn env_remove(mut self, name: impl Into<OsString>) -> Command {
        self.environment.push((name.into(), None));
        self
    }

    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Command {
        self.input = input.into();
        self
    }

    pub fn timeout(mut self, timeout: Duration) -> Command {
        self.timeout = timeout;
        self
    }

    pub fn cancel(mut self, cancel: &Cancel) -> Command {
        self.cancel = cancel.clone();
        self
    }

    pub fn max_output(mut self, bytes: usize) -> Command {
        self.max_output = bytes;
        self
    }

    pub fn max_memory(mut self, bytes: u64) -> Command {
        self.max_memory = Some(bytes);
        self
    }

    pub fn confine(mut self, confinement: Confinement) -> Command {
        self.confinement = Some(confinement);
        self
    }

    fn name(&self) -> String {
        let name = self.program.file_name().unwrap_or(self.program.as_os_str());
        name.to_string_lossy().into_owned()
    }
}

/// What a program that ended left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// `None` where a signal ended it.
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Output {
    pub fn success(&self) -> bool {
        self.code == Some(0)
    }

    /// Standard error as text, without credentials, without space around it. Not cleaned for display.
    pub fn message(&self) -> String {
        redact(String::from_utf8_lossy(&self.stderr).trim())
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{program} is not installed\nhint: install it, or put its directory into PATH")]
    NotFound { program: String },
    #[error("{program} does not start: {source}")]
    Spawn { program: String, source: io::Error },
    #[error("{program} did not end within {} s", .after.as_secs())]
    Timeout { program: String, after: Duration },
    #[error("{program} was cancelled")]
    Cancelled { program: String },
    #[error("{program} wrote more than {limit} bytes")]
    TooMuchOutput { program: String, limit: usize },
}

/// How long a program that has ended may keep its pipes open through something it left running (an ssh master does).
const PIPES_AFTER_END: Duration = Duration::from_millis(500);
/// How long a program that is told to end has to clean up before it is killed.
const GRACE: Duration = Duration::from_secs(1);
/// Between two looks at whether somebody has cancelled it.
const TICK: Duration = Duration::from_millis(20);
const MAX_STDERR: usize = 64 << 10;

/// Runs `command` to its end, whatever its exit code. Blocks: not for the thread that draws.
pub fn run(command: &Command) -> Result<Output, Error> {
    let at = Timestamp::now();
    let start = Instant::now();
    let result = supervise(command);
    let told = command.args.iter().filter(|_| !command.hide_args);
    record(Call::new(
        at,
        &command.name(),
        told.map(|arg| arg.to_string_lossy()),
        start.elapsed(),
        match &result {
            Ok(output) => Outcome::Ended(output.code),
            Err(Error::Timeout { .. }) => Outcome::TimedOut,
            Err(Error::Cancelled { .. }) => Outcome::Cancelled,
            Err(error) => Outcome::failed(&error.to_string()),
        },
    ));
    result
}

fn supervise(command: &Command) -> Result<Output, Error> {
    let program = command.name();
    let mut child = spawn(command)?;
    let (sender, events) = mpsc::channel();
    let stdout = Pipe::drain(child.stdout.take(), command.max_output, &sender);
    let stderr = Pipe::drain(child.stderr.take(), MAX_STDERR, &sender);
    let stdin = child.stdin.take();
    let input = command.input.clone();
    // A program that ends without reading its input says why itself: a broken pipe adds nothing.
    thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(&input)));
    let group = Pid::from_child(&child);
    if let Some(bytes) = command.max_memory {
        limit_memory(group, bytes);
    }
    thread::spawn(move || sender.send(Event::Ended(child.wait())));

    let deadline = Instant::now() + command.timeout;
    let mut open = 2;
    let status = loop {
        match events.recv_timeout(TICK) {
            Ok(Event::Ended(status)) => break status,
            Ok(Event::Closed) => open -= 1,
            Err(_) => {}
        }
        let stop = if stdout.overflowed() {
            Error::TooMuchOutput {
                program,
                limit: command.max_output,
            }
        } else if command.cancel.is_cancelled() {
            Error::Cancelled { program }
        } else if Instant::now() >= deadline {
            Error::Timeout {
                program,
                after: command.timeout,
            }
        } else {
            continue;
        };
        end(group, &events);
        return Err(stop);
    };
    let status = status.map_err(|source| Error::Spawn {
        program: program.clone(),
        source,
    })?;
    while open > 0 && matches!(events.recv_timeout(PIPES_AFTER_END), Ok(Event::Closed)) {
        open -= 1;
    }
    if stdout.overflowed() {
        return Err(Error::TooMuchOutput {
            program,
            limit: command.max_output,
        });
    }
    Ok(Output {
        code: status.code(),
        stdout: stdout.take(),
        stderr: stderr.take(),
    })
}

fn spawn(command: &Command) -> Result<Child, Error> {
    let path = command
        .environment
        .iter()
        .rfind(|(name, _)| name == "PATH")
        .and_then(|(_, value)| value.clone())
        .or_else(|| std::env::var_os("PATH"));
    let Some(file) = find_in(&command.program, path.as_deref()) else {
        return Err(Error::NotFound {
            program: command.name(),
        });
    };
    let mut process = std::process::Command::new(file);
    process
        .args(&command.args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    if let Some(directory) = &command.directory {
        process.current_dir(directory);
    }
    if !command.inherit {
        process.env_clear();
    }
    for (name, value) in &command.environment {
        match value {
            Some(value) => process.env(name, value),
            None => process.env_remove(name),
        };
    }
    let spawned = match &command.confinement {
        None => process.spawn(),
        Some(confinement) => confinement.spawn(&mut process),
    };
    spawned.map_err(|source| Error::Spawn {
        program: command.name(),
        source,
    })
}

enum Event {
    Ended(io::Result<ExitStatus>),
    /// Standard output or standard error was closed.
    Closed,
}

/// What the program starts gets the same limit.
#[cfg(target_os = "linux")]
fn limit_memory(process: Pid, bytes: u64) {
    use rustix::process::{Resource, Rlimit, prlimit};
    let limit = Rlimit {
        current: Some(bytes),
        maximum: Some(bytes),
    };
    // It may have ended already; and what cannot be limited is still bounded in time and output.
    let _ = prlimit(Some(process), Resource::Data, limit);
}

#[cfg(not(target_os = "linux"))]
fn limit_memory(_: Pid, _: u64) {}

/// Ends the whole process group: politely first, so that git removes its temporary files.
fn end(group: Pid, events: &Receiver<Event>) {
    // It may have ended by itself in between; then there is nothing to signal.
    let _ = kill_process_group(group, Signal::TERM);
    let deadline = Instant::now() + GRACE;
    while let Ok(event) = events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        if matches!(event, Event::Ended(_)) {
            break;
        }
    }
    let _ = kill_process_group(group, Signal::KILL);
}

/// What came out of a pipe so far, up to a limit.
struct Pipe {
    bytes: Arc<Mutex<Vec<u8>>>,
    limit: usize,
}

impl Pipe {
    fn drain(
        mut pipe: Option<impl Read + Send + 'static>,
        limit: usize,
        events: &Sender<Event>,
    ) -> Pipe {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let (kept, events) = (Arc::clone(&bytes), events.clone());
        thread::spawn(move || {
            let mut chunk = vec![0; 64 << 10];
            while let Some(read) = pipe.as_mut().and_then(|pipe| pipe.read(&mut chunk).ok())
                && read > 0
            {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                // One byte more than wanted tells that there was more; the rest is read and dropped.
                let room = (limit + 1).saturating_sub(kept.len());
                kept.extend_from_slice(&chunk[..read.min(room)]);
            }
            // Nobody may be waiting any more.
            let _ = events.send(Event::Closed);
        });
        Pipe { bytes, limit }
    }

    fn overflowed(&self) -> bool {
        self.lock().len() > self.limit
    }

    fn take(&self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut *self.lock());
        bytes.truncate(self.limit);
        bytes
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where `program` is in PATH, in absolute directories only; an absolute path is itself. `None` where it cannot be run.
pub fn find(program: impl AsRef<Path>) -> Option<PathBuf> {
    find_in(program.as_ref(), std::env::var_os("PATH").as_deref())
}

fn find_in(program: &Path, path: Option<&OsStr>) -> Option<PathBuf> {
    if program.is_absolute() {
        return is_program(program).then(|| program.to_owned());
    }
    if program.components().count() != 1 {
        return None;
    }
    std::env::split_paths(path?)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(program))
        .find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    file.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests;
