//! Running gitopsy against the servers.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// `gitopsy ARGS -o json` in a directory, as the owner of a kubeconfig, in a home of its own. Any exit code but that of a
/// failure will do: what was found is in the answer.
pub fn gitopsy(at: &Path, kubeconfig: &Path, args: &[&str]) -> Value {
    let home = tempfile::tempdir().expect("a temporary directory");
    let output = Command::new(env!("CARGO_BIN_EXE_gitopsy"))
        .args(args)
        .args(["-o", "json"])
        .current_dir(at)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home.path())
        .env("KUBECONFIG", kubeconfig)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .stdin(Stdio::null())
        .output()
        .expect("gitopsy runs");
    let error = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("gitopsy {args:?}: {error}"))
}
