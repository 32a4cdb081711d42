//! Programs that tests compare with and run against, of the versions in `tests/stack/servers/go.mod`.
//!
//! They are built from source as ordinary Go modules and kept in the user's cache, since a first build takes a quarter of
//! an hour. So that `cargo test` stays quick on a fresh machine, a program that is not built yet is `None` and one line
//! says what that skips, unless `GITOPSY_SERVERS=1` asks for it. Where `CI` is set nothing is skipped.

mod build;
mod program;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use program::{ALL, Program};

pub fn kubectl() -> Option<PathBuf> {
    find(&program::KUBECTL)
}

pub fn kustomize() -> Option<PathBuf> {
    find(&program::KUSTOMIZE)
}

pub fn helm() -> Option<PathBuf> {
    find(&program::HELM)
}

/// Runs `helm` from its `PATH`: see [`search_path`].
pub fn helmfile() -> Option<PathBuf> {
    find(&program::HELMFILE)
}

pub fn flux() -> Option<PathBuf> {
    find(&program::FLUX)
}

/// Everything that the test target `stack` needs, or nothing: its launcher, and the `PATH` on which the launcher finds
/// the servers and tools.
pub fn servers() -> Option<(PathBuf, OsString)> {
    if !insisted() && ALL.iter().any(|program| built(program).is_err()) {
        skip("the test servers");
        return None;
    }
    let found: Vec<PathBuf> = ALL.iter().filter_map(|program| find(program)).collect();
    let found: Vec<&Path> = found.iter().map(PathBuf::as_path).collect();
    Some((find(&program::LAUNCHER)?, search_path(&found)))
}

/// `PATH` with these programs before all others. Each is alone in its directory: nothing else comes with it.
pub fn search_path(programs: &[&Path]) -> OsString {
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    let own = programs.iter().filter_map(|program| program.parent());
    let inherited = std::env::split_paths(&inherited);
    std::env::join_paths(own.map(Path::to_owned).chain(inherited)).expect("no colon in a path")
}

fn find(program: &Program) -> Option<PathBuf> {
    match built(program) {
        Ok(path) => Some(path),
        Err(path) if insisted() => {
            build::into(&cache(), program);
            Some(path)
        }
        Err(_) => {
            skip(program.name);
            None
        }
    }
}

/// Where the program is, or where it would be.
fn built(program: &Program) -> Result<PathBuf, PathBuf> {
    let path = cache().join(program.directory()).join(program.name);
    match path.is_file() {
        true => Ok(path),
        false => Err(path),
    }
}

/// Whether programs are to be built where they are missing.
fn insisted() -> bool {
    let asked = std::env::var_os("GITOPSY_SERVERS").is_some_and(|value| value == "1");
    asked || std::env::var_os("CI").is_some()
}

fn cache() -> PathBuf {
    let named = std::env::var_os("XDG_CACHE_HOME").filter(|path| Path::new(path).is_absolute());
    let base = named.map(PathBuf::from).unwrap_or_else(|| {
        PathBuf::from(std::env::var_os("HOME").expect("HOME names where programs are kept"))
            .join(".cache")
    });
    base.join("gitopsy/stack")
}

/// Says it once a program and process.
fn skip(name: &'static str) {
    static SAID: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());
    if SAID.lock().expect("no panic while held").insert(name) {
        say(&format!(
            "skipped what needs {name}: not built yet, which GITOPSY_SERVERS=1 cargo test does"
        ));
    }
}

/// A line for whoever runs the tests. Unlike `eprintln!`, it is shown although the test that says it passes.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
