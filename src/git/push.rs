//! Writing a commit into the shadow and pushing it as a new branch. Nothing of the user's moves, nothing is forced.

use std::time::Duration;

use gix::bstr::ByteSlice;

use super::Oid;
use super::command::{failure, said};
use super::commit::NewCommit;
use super::error::{Error, Result, failed};
use super::repo::{Repo, Shared};

/// A signing key may want to be touched.
const SIGNING: Duration = Duration::from_secs(5 * 60);
/// Hooks may run tests.
const PUSHING: Duration = Duration::from_secs(15 * 60);

/// The remote that is pushed to, for one run of git: the same URLs and transport as the user's remote, but without
/// remote-tracking branches that a push would move. Its settings do not go through arguments: a URL may hold a password.
const PUSH_REMOTE: &str = "gitopsy-push";
const TRANSPORT_KEYS: [&str; 6] = [
    "url",
    "pushurl",
    "receivepack",
    "proxy",
    "proxyAuthMethod",
    "vcs",
];

impl Repo {
    /// Writes a commit into the shadow, author and committer the user as git knows them, signed as git is configured
    /// (`commit.gpgSign`): a signature that fails is an error. The same plan gives the same id, as far as the signature
    /// does. Blocks.
    pub fn commit(&self, new: &NewCommit) -> Result<Oid> {
        let reader = self.reader();
        reader.tree_of(new.parent)?;
        reader.require_tree(new.tree)?;
        let objects = self.0.shadow.create(self.0.own.objects.path())?;
        let store = gix::odb::loose::Store::at(objects, reader.objects.hash);
        self.0
            .persist(new.tree, &store)
            .map_err(failed("hash-object"))?;

        let config = self.0.own.to_thread_local();
        let signs = config.config_snapshot().boolean("commit.gpgSign") == Some(true);
        let (tree, parent) = (new.tree.to_string(), new.parent.to_string());
        let mut args = vec![
            "-c",
            "i18n.commitEncoding=UTF-8",
            "-c",
            "user.useConfigOnly=true",
            "commit-tree",
        ];
        args.push(if signs { "-S" } else { "--no-gpg-sign" });
        args.extend([tree.as_str(), "-p", &parent, "-F", "-"]);
        let at = format!("@{} +0000", new.at.as_second());
        let output = self
            .0
            .git(&args)
            .into_shadow(&self.0)?
            .env("GIT_AUTHOR_DATE", &at)
            .env("GIT_COMMITTER_DATE", &at)
            .input(&new.message)
            .timeout(SIGNING)
            .run()?;
        if !output.success() {
            let message = said(&output);
            let nobody = [
                "Please tell me who you are",
                "empty ident name",
                "no email was given",
                "no name was given",
            ];
            return Err(if nobody.iter().any(|sign| message.contains(sign)) {
                Error::NoIdentity
            } else if signs {
                Error::NotSigned(message)
            } else {
                failure("commit-tree", &output)
            });
        }
        Oid::from_hex(output.stdout.trim_ascii())
            .map_err(|error| Error::Other(format!("git commit-tree answered no commit: {error}")))
    }

    /// Pushes `commit` as the new branch `branch` of `remote`, only if no such branch exists (or it is at `commit` already).
    /// Moves no local ref. The user's `pre-push` hook runs. Blocks.
    pub fn push(&self, remote: &str, commit: Oid, branch: &str) -> Result<()> {
        let target = format!("refs/heads/{branch}");
        if gix::validate::reference::name(target.as_bytes().as_bstr()).is_err() {
            return Err(Error::Other(format!(
                "{branch:?} cannot be the name of a branch"
            )));
        }
        let settings = self.0.push_settings(remote);
        if settings.is_empty() {
            return Err(Error::UnknownRemote(remote.to_owned()));
        }
        let lease = format!("--force-with-lease={target}:");
        let refspec = format!("{commit}:{target}");
        let output = self
            .0
            .git(&[
                "push",
                "--porcelain",
                "--no-follow-tags",
                "--recurse-submodules=no",
                &lease,
                PUSH_REMOTE,
                &refspec,
            ])
            .into_shadow(&self.0)?
            .secret_settings(&settings)
            .timeout(PUSHING)
            .run()?;
        if output.success() {
            return Ok(());
        }
        let report = String::from_utf8_lossy(&output.stdout);
        // `!<TAB>from:to<TAB>[rejected] (stale info)`: the lease expected no such branch.
        let refused = report.lines().find_map(|line| line.strip_prefix("!\t"));
        match refused.and_then(|line| line.rsplit('\t').next()) {
            Some(why) if why.contains("(stale info)") => Err(Error::BranchExists {
                branch: branch.to_owned(),
                remote: remote.to_owned(),
            }),
            Some(why) => Err(Error::PushRefused {
                branch: branch.to_owned(),
                why: crate::text::clean_line(&crate::exec::redact(why)),
                message: said(&output),
            }),
            None => Err(failure(&format!("push to {remote}"), &output)),
        }
    }
}

impl Shared {
    fn push_settings(&self, remote: &str) -> Vec<(String, String)> {
        let repo = self.own.to_thread_local();
        let config = repo.config_snapshot();
        let values = |key: &str| {
            config
                .plumbing()
                .strings_by("remote", Some(remote.into()), key)
                .unwrap_or_default()
        };
        if values("url").is_empty() && values("pushurl").is_empty() {
            return Vec::new();
        }
        TRANSPORT_KEYS
            .iter()
            .flat_map(|key| {
                values(key).into_iter().map(move |value| {
                    let value = value.to_str_lossy().into_owned();
                    (format!("remote.{PUSH_REMOTE}.{key}"), value)
                })
            })
            .collect()
    }
}
