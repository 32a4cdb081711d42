//! Where the tools are that answers are compared with.

use std::path::PathBuf;

/// A tool in `PATH`, or among those built for `tests/stack`. `None`, and a line that says so, where it is in neither and
/// nobody insists.
pub fn tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let built = std::env::var_os("HOME")
        .map(|home| PathBuf::from(home).join(".cache/gitopsy/stack"))
        .and_then(|stack| std::fs::read_dir(stack).ok());
    for entry in built.into_iter().flatten().flatten() {
        places.push(entry.path().join("bin"));
    }
    let found = places
        .into_iter()
        .map(|place| place.join(name))
        .find(|file| file.is_file());
    assert!(
        found.is_some() || std::env::var_os("CI").is_none(),
        "{name} is required in CI"
    );
    if found.is_none() {
        eprintln!("skipped: {name} is not installed");
    }
    found
}
