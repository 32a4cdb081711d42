//! What is under review: which branch of which remote, as last fetched by git or by us.

use std::path::Path;

use gix::bstr::{BString, ByteSlice};
use gix::refspec::MatchGroup;
use gix::refspec::match_group::Item;
use gix::remote::Direction;
use jiff::Timestamp;
use serde::Serialize;

use super::Oid;
use super::error::{Error, Result, failed};
use super::repo::{Repo, Shared};

/// What is under review: a branch of a repository, as last fetched by git or by us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tip {
    /// The remote's URL without credentials, else the repository's path.
    pub repository: String,
    /// The branch's short name; `None` for a detached HEAD.
    pub branch: Option<String>,
    #[serde(serialize_with = "super::commit::hex")]
    pub commit: Oid,
    /// When it was fetched last, by git or by us; `None` where there is no remote.
    pub fetched: Option<Timestamp>,
    #[serde(skip)]
    pub remote: Option<String>,
}

/// Where a branch is, and since when we know.
struct Known {
    commit: Oid,
    at: Option<Timestamp>,
}

impl Repo {
    /// The tip as DESIGN defines it: the remote of the current branch's upstream, else `origin`, else the only one; its default
    /// branch as last fetched by git or by us, else HEAD. `branch` overrides the branch.
    pub fn tip(&self, branch: Option<&str>) -> Result<Tip> {
        let repo = self.0.own.to_thread_local();
        let remote = self.0.review_remote(&repo);
        let repository = match &remote {
            Some(name) => self.0.remote(name)?.map(|remote| remote.fetch.to_string()),
            None => None,
        }
        .unwrap_or_else(|| self.0.directory().to_string_lossy().into_owned());
        let default = match (branch, &remote) {
            (Some(branch), _) => Some(branch.to_owned()),
            (None, Some(remote)) => self.0.default_branch(&repo, remote)?,
            (None, None) => None,
        };
        let Some(branch) = default else {
            return self.0.head(&repo, repository, remote);
        };
        if let Some(remote) = &remote
            && let Some(known) = self.0.remote_branch(&repo, remote, &branch)?
        {
            return Ok(Tip {
                repository,
                branch: Some(branch),
                commit: known.commit,
                fetched: known.at,
                remote: Some(remote.clone()),
            });
        }
        match reference(&repo, &format!("refs/heads/{branch}"))? {
            Some(commit) => Ok(Tip {
                repository,
                branch: Some(branch),
                commit,
                fetched: None,
                remote,
            }),
            None if is_empty(&repo) => Err(Error::Empty(self.0.directory().to_owned())),
            None => Err(Error::UnknownBranch { branch, remote }),
        }
    }
}

impl Shared {
    /// Where git runs: the work tree, else the git directory.
    pub(super) fn directory(&self) -> &Path {
        self.own
            .work_tree
            .as_deref()
            .unwrap_or_else(|| self.own.refs.git_dir())
    }

    fn review_remote(&self, repo: &gix::Repository) -> Option<String> {
        let names = repo.remote_names();
        let upstream = repo
            .head_name()
            .ok()
            .flatten()
            .and_then(|head| repo.branch_remote_name(head.shorten(), Direction::Fetch))
            .map(|name| name.as_bstr().to_owned())
            .filter(|name| names.contains(name.as_bstr()));
        let only = || names.iter().next().filter(|_| names.len() == 1);
        let name = upstream.or_else(|| names.get(b"origin".as_bstr()).or_else(only).cloned())?;
        Some(name.to_str_lossy().into_owned())
    }

    fn default_branch(&self, repo: &gix::Repository, remote: &str) -> Result<Option<String>> {
        let recorded = self
            .remote(remote)?
            .and_then(|remote| remote.default_branch);
        let _ = repo;
        Ok(recorded)
    }

    /// The branch as its remote had it when it was fetched last: by git (a remote-tracking branch) or by us, whichever is
    /// newer.
    fn remote_branch(
        &self,
        repo: &gix::Repository,
        remote: &str,
        branch: &str,
    ) -> Result<Option<Known>> {
        let Some(name) = tracking_name(repo, remote, branch) else {
            return Ok(None);
        };
        let Some(commit) = reference(repo, &name)? else {
            return Ok(None);
        };
        Ok(Some(Known {
            commit,
            at: self.fetched_by_git(&name),
        }))
    }

    /// When git fetched last: the newest of what a fetch or a clone leaves behind.
    fn fetched_by_git(&self, tracking: &str) -> Option<Timestamp> {
        let git_dir = self.own.refs.git_dir();
        let common_dir = self.own.refs.common_dir_resolved();
        [
            git_dir.join("FETCH_HEAD"),
            common_dir.join("FETCH_HEAD"),
            common_dir.join("logs").join(tracking),
            common_dir.join(tracking),
        ]
        .iter()
        .filter_map(|path| modified(path))
        .max()
        .or_else(|| modified(&common_dir.join("packed-refs")))
    }

    fn head(
        &self,
        repo: &gix::Repository,
        repository: String,
        remote: Option<String>,
    ) -> Result<Tip> {
        let head = repo.head().map_err(failed("rev-parse HEAD"))?;
        let branch = head
            .referent_name()
            .map(|name| name.shorten().to_str_lossy().into_owned());
        match head
            .try_into_peeled_id()
            .map_err(failed("rev-parse HEAD"))?
        {
            Some(commit) => Ok(Tip {
                repository,
                branch,
                commit: commit.detach(),
                fetched: None,
                remote,
            }),
            None => Err(Error::Empty(self.directory().to_owned())),
        }
    }
}

/// The local name of a remote's branch, by the remote's fetch refspecs: usually `refs/remotes/<remote>/<branch>`, in a
/// mirror `refs/heads/<branch>`. A bare clone has no refspec, its branches are the remote's.
fn tracking_name(repo: &gix::Repository, remote: &str, branch: &str) -> Option<String> {
    let remote = repo.try_find_remote(remote)?.ok()?;
    let name = BString::from(format!("refs/heads/{branch}"));
    let specs = remote.refspecs(Direction::Fetch);
    if specs.is_empty() {
        return repo.workdir().is_none().then(|| name.to_string());
    }
    let null = Oid::null(repo.object_hash());
    let matched = MatchGroup::from_fetch_specs(specs.iter().map(|spec| spec.to_ref())).match_lhs(
        [Item {
            full_ref_name: name.as_bstr(),
            target: &null,
            object: None,
        }]
        .into_iter(),
    );
    matched
        .mappings
        .into_iter()
        .find_map(|mapping| mapping.rhs)
        .map(|local| local.to_str_lossy().into_owned())
}

fn reference(repo: &gix::Repository, name: &str) -> Result<Option<Oid>> {
    let Ok(Some(mut found)) = repo.try_find_reference(name) else {
        return Ok(None);
    };
    let id = found.peel_to_id().map_err(failed("rev-parse"))?;
    Ok(Some(id.detach()))
}

fn is_empty(repo: &gix::Repository) -> bool {
    repo.head().is_ok_and(|head| head.is_unborn())
        && repo
            .references()
            .and_then(|all| Ok(all.all()?.next().is_none()))
            .unwrap_or(false)
}

fn modified(path: &Path) -> Option<Timestamp> {
    Timestamp::try_from(path.metadata().ok()?.modified().ok()?).ok()
}
