//! Asking a remote where its branches are, and fetching them into the shadow.
//!
//! The user's clone stays as it is down to modification times: no reference, no FETCH_HEAD, no object, no configuration
//! is written. What was fetched is remembered beside the shadow.

use std::time::Duration;

use jiff::Timestamp;

use super::Oid;
use super::command::failure;
use super::error::{Error, Result};
use super::repo::{Repo, Shared};
use super::tip::Tip;

/// What `git ls-remote` tells.
#[derive(Default)]
struct Remote {
    /// Where the branch that was asked for is.
    head: Option<Oid>,
    /// The default branch and where it is.
    default: Option<(String, Oid)>,
}

const ASKING: Duration = Duration::from_secs(60);
const FETCHING: Duration = Duration::from_secs(15 * 60);

impl Repo {
    /// Fetches `tip`'s branch into the shadow, by running git in the user's repository, without moving any ref or touching
    /// any file of it; the new tip is remembered by us, with the time, `at`. Blocks. Readers made before do not see the new objects.
    pub fn fetch(&self, tip: &Tip, at: Timestamp) -> Result<Tip> {
        let (Some(name), Some(branch)) = (&tip.remote, &tip.branch) else {
            return Err(Error::NoRemote);
        };
        let found = self.0.ask(name, branch)?;
        let mut wanted: Vec<(&str, Oid)> =
            found.head.iter().map(|head| (&**branch, *head)).collect();
        if let Some((default, head)) = &found.default
            && default != branch
        {
            // It may have become the default since: then it is what to look at next.
            wanted.push((default, *head));
        }
        let default = found.default.as_ref().map(|(name, _)| name.as_str());
        for (branch, commit) in wanted {
            if !self.reader().has(commit) {
                self.0.fetch(name, branch)?;
            }
            if !self.reader().has(commit) {
                return Err(Error::Git {
                    what: format!("fetch {name}"),
                    message: format!("{branch} was rewritten meanwhile\nhint: fetch again"),
                });
            }
            self.0
                .shadow
                .remember(&tip.repository, branch, commit, at, default)?;
        }
        match found.head {
            Some(commit) => Ok(Tip {
                commit,
                fetched: Some(at),
                ..tip.clone()
            }),
            None => Err(Error::UnknownBranch {
                branch: branch.clone(),
                remote: Some(name.clone()),
            }),
        }
    }

    /// Where the remote has the branch now; `None` where it has no such branch. Blocks.
    pub fn remote_head(&self, remote: &str, branch: &str) -> Result<Option<Oid>> {
        Ok(self.0.ask(remote, branch)?.head)
    }
}

impl Shared {
    fn ask(&self, remote: &str, branch: &str) -> Result<Remote> {
        let name = format!("refs/heads/{branch}");
        let args = ["ls-remote", "--symref", "--", remote, "HEAD", &name];
        let output = self.git(&args).timeout(ASKING).run()?;
        if !output.success() {
            return Err(failure(&format!("ls-remote {remote}"), &output));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let mut found = Remote::default();
        let mut default = None;
        // `ref: refs/heads/main<TAB>HEAD`, `<id><TAB>HEAD`, `<id><TAB>refs/heads/main`; the pattern matches longer names too.
        for (value, reference) in text.lines().filter_map(|line| line.split_once('\t')) {
            let id = Oid::from_hex(value.as_bytes()).ok();
            match (reference, value.strip_prefix("ref: refs/heads/")) {
                ("HEAD", Some(target)) => default = Some(target.to_owned()),
                ("HEAD", None) => found.default = default.take().zip(id),
                (reference, _) if reference == name => found.head = id,
                _ => {}
            }
        }
        Ok(found)
    }

    fn fetch(&self, remote: &str, branch: &str) -> Result<()> {
        let follow = format!("remote.{remote}.followRemoteHEAD=never");
        let source = format!("refs/heads/{branch}");
        // A pack is kept as it comes: unpacking it would touch the packs of the clone that hold an object already.
        let mut args = vec!["-c", &follow, "-c", "fetch.unpackLimit=1"];
        args.extend(["-c", "fetch.writeCommitGraph=false"]);
        let repo = self.own.to_thread_local();
        if repo.config_snapshot().string("fetch.bundleURI").is_some() {
            // git would keep what it gets from there under refs/bundles.
            args.extend(["-c", "fetch.bundleURI="]);
        }
        args.extend([
            "fetch",
            "--quiet",
            "--no-write-fetch-head",
            "--refmap=",
            "--no-tags",
            "--no-prune",
            "--no-recurse-submodules",
            "--no-auto-maintenance",
            "--",
            remote,
            &source,
        ]);
        let output = self.git(&args).into_shadow(self)?.timeout(FETCHING).run()?;
        if output.success() {
            Ok(())
        } else {
            Err(failure(&format!("fetch {remote}"), &output))
        }
    }
}
