//! Starting the servers, each part once, and waiting for what they do.

mod cluster;
mod gitea;
mod gitopsy;
mod operators;

pub use cluster::{Cluster, Request, User, cluster};
pub use gitea::gitea;
pub use gitopsy::{gitopsy, said, said_at};
pub use operators::{argo, flux};

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use support::tools;

/// What runs as long as this is kept: it ends when its standard input does, so that nothing has to be cleaned up
/// by a test process that may be killed.
struct Part<T> {
    ready: T,
    _launcher: Child,
}

/// Starts a part of `tests/stack/servers/launch`. `None` where the servers are not built.
fn start<T: DeserializeOwned>(name: &str, args: &[&OsStr]) -> Option<Part<T>> {
    let (launcher, path) = tools::servers()?;
    let mut launcher = Command::new(launcher)
        .arg(name)
        .args(args)
        .env("PATH", path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the launcher runs");
    let mut line = String::new();
    let output = launcher.stdout.take().expect("piped");
    BufReader::new(output)
        .read_line(&mut line)
        .expect("the launcher writes text");
    let ready = serde_json::from_str(&line)
        .unwrap_or_else(|error| panic!("{name} did not start (see above): {error}: {line:?}"));
    Some(Part {
        ready,
        _launcher: launcher,
    })
}

/// How long something may take that takes seconds on a machine with nothing else to do.
const PATIENCE: Duration = Duration::from_secs(90);

/// Asks until there is an answer; fails the test, with what was awaited, where none comes.
pub fn until<T>(awaited: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain for {awaited}");
        thread::sleep(Duration::from_millis(50));
    }
}
