//! Running gitopsy against the servers.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// `gitopsy ARGS` in a directory, as the owner of a kubeconfig, in a home of its own: what it prints, and what it says of errors.
/// Any exit code will do: what was found is in the answer.
pub fn said(at: &Path, kubeconfig: &Path, args: &[&str]) -> (String, String) {
    let home = tempfile::tempdir().expect("a temporary directory");
    said_at(home.path(), at, kubeconfig, args)
}

/// The same, in a home that was there before.
pub fn said_at(home: &Path, at: &Path, kubeconfig: &Path, args: &[&str]) -> (String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_gitopsy"))
        .args(args)
        .current_dir(at)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("KUBECONFIG", kubeconfig)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .stdin(Stdio::null())
        .output()
        .expect("gitopsy runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (text(output.stdout), text(output.stderr))
}

/// The answer of `gitopsy ARGS -o json`.
pub fn gitopsy(at: &Path, kubeconfig: &Path, args: &[&str]) -> Value {
    let (out, error) = said(at, kubeconfig, &[args, &["-o", "json"]].concat());
    serde_json::from_str(&out).unwrap_or_else(|_| panic!("gitopsy {args:?}: {error}"))
}
