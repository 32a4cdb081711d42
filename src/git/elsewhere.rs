//! Somebody else's repository, of which we keep what was asked for in one of our own: bases that a kustomization names.
//!
//! The user's git fetches, with their credentials and proxies, but only over https, http and ssh: whatever a text names, no
//! directory of this machine is read and no helper is run.

use std::path::Path;
use std::time::Duration;

use super::Oid;
use super::command::{elsewhere, failure};
use super::error::{Error, Result};
use crate::exec::{self, Output};
use crate::task::Cancel;

/// A large repository over a slow line.
const TIMEOUT: Duration = Duration::from_secs(300);

/// Fetches `revision` (a branch, a tag, a commit, `HEAD`) of the repository at `url` into the bare repository `into`, which
/// is made where it is not there. Answers the commit that it is now.
pub fn fetch_elsewhere(into: &Path, url: &str, revision: &str, cancel: &Cancel) -> Result<Oid> {
    let strange = |text: &str| text.starts_with('-') || text.contains(['\n', '\0', ':', '*', ' ']);
    if url.starts_with('-') || strange(revision) {
        return Err(Error::Other(
            "that is no revision of a repository".to_owned(),
        ));
    }
    let run = |arguments: &[&str]| -> Result<Output> {
        let command = elsewhere(into)
            .args(["-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0"])
            .args(arguments.iter().copied())
            .env("GIT_ALLOW_PROTOCOL", "https:http:ssh")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("SSH_ASKPASS", "false")
            .env("SSH_ASKPASS_REQUIRE", "force")
            .timeout(TIMEOUT)
            .cancel(cancel);
        exec::run(&command).map_err(|error| Error::Other(error.to_string()))
    };
    std::fs::create_dir_all(into)
        .map_err(|error| Error::Other(format!("{}: {error}", into.display())))?;
    let made = run(&["init", "--quiet", "--bare", "--template="])?;
    if !made.success() {
        return Err(failure("init", &made));
    }
    let kept = format!("refs/fetched/{}", hex(revision));
    let refspec = format!("+{revision}:{kept}");
    let shallow = run(&[
        "fetch",
        "--quiet",
        "--no-tags",
        "--depth=1",
        "--",
        url,
        &refspec,
    ])?;
    if !shallow.success() {
        // Not every server gives a part, or a commit that no branch ends at.
        let everything = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];
        let named = run(&["fetch", "--quiet", "--no-tags", "--", url, &refspec])?;
        let is_id = revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !named.success() && is_id {
            let [heads, tags] = everything;
            let all = run(&["fetch", "--quiet", "--no-tags", "--", url, heads, tags])?;
            if all.success() {
                return resolve(run, revision);
            }
        }
        if !named.success() {
            return Err(failure("fetch", &named));
        }
    }
    resolve(run, &kept)
}

fn resolve(run: impl Fn(&[&str]) -> Result<Output>, revision: &str) -> Result<Oid> {
    let commit = format!("{revision}^{{commit}}");
    let output = run(&[
        "rev-parse",
        "--verify",
        "--quiet",
        "--end-of-options",
        &commit,
    ])?;
    if !output.success() {
        return Err(Error::Other(
            "it is no commit of that repository".to_owned(),
        ));
    }
    let id = String::from_utf8_lossy(&output.stdout);
    Oid::from_hex(id.trim().as_bytes()).map_err(|_| Error::Other("git named no commit".to_owned()))
}

/// A revision as part of a reference's name.
fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}
