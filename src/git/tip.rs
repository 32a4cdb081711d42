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
use super::remote::Remote;
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
    /// The branches that [`Repo::tip`] may be asked for, by their short names: the remote's as last fetched by git, else the
    /// repository's own.
    pub fn branches(&self) -> Result<Vec<String>> {
        let repo = self.0.view().to_thread_local();
        let below = |prefix: &str| -> Result<Vec<String>> {
            let references = repo.references().map_err(failed("for-each-ref"))?;
            let found = references
                .prefixed(prefix)
                .map_err(failed("for-each-ref"))?;
            Ok(found
                .filter_map(std::result::Result::ok)
                .filter_map(|reference| {
                    let name = reference.name().as_bstr().to_str().ok()?;
                    Some(name.strip_prefix(prefix)?.to_owned())
                })
                .filter(|name| name != "HEAD")
                .collect())
        };
        let tracked = match self.0.review_remote(&repo) {
            Some(remote) => below(&format!("refs/remotes/{remote}/"))?,
            None => Vec::new(),
        };
        match tracked.as_slice() {
            [] => below("refs/heads/"),
            _ => Ok(tracked),
        }
    }

    /// The tip as DESIGN defines it: the remote of the current branch's upstream, else `origin`, else the only one; its default
    /// branch as last fetched by git or by us, else HEAD's. `branch` overrides the branch.
    pub fn tip(&self, branch: Option<&str>) -> Result<Tip> {
        let repo = self.0.view().to_thread_local();
        let remote = match self.0.review_remote(&repo) {
            Some(name) => self.0.remote(&name)?,
            None => None,
        };
        let repository = match &remote {
            Some(remote) => remote.fetch.to_string(),
            None => self.0.directory().to_string_lossy().into_owned(),
        };
        let head = repo.head().map_err(failed("rev-parse HEAD"))?;
        let Some(branch) = branch
            .map(str::to_owned)
            .or_else(|| self.0.default_branch(remote.as_ref()?, &repository))
            .or_else(|| Some(head.referent_name()?.shorten().to_str_lossy().into_owned()))
        else {
            let commit = head.into_peeled_id().map_err(failed("rev-parse HEAD"))?;
            return Ok(Tip {
                repository,
                branch: None,
                commit: commit.detach(),
                fetched: None,
                remote: remote.map(|remote| remote.name),
            });
        };
        let known = match &remote {
            Some(remote) => self.0.remote_branch(&repo, remote, &branch)?,
            None => None,
        };
        let local = || reference(&repo, &format!("refs/heads/{branch}"));
        let (commit, fetched) = match known {
            Some(known) => (known.commit, known.at),
            None => match local()? {
                Some(commit) => (commit, None),
                None if is_empty(&repo) => {
                    return Err(Error::Empty(self.0.directory().to_owned()));
                }
                None => {
                    let remote = remote.map(|remote| remote.name);
                    return Err(Error::UnknownBranch { branch, remote });
                }
            },
        };
        Ok(Tip {
            repository,
            branch: Some(branch),
            commit,
            fetched,
            remote: remote.map(|remote| remote.name),
        })
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

    /// The newest that we know: git notes it when it clones, we whenever we fetch.
    fn default_branch(&self, remote: &Remote, url: &str) -> Option<String> {
        let fetched = self.shadow.fetched().default_branch(url);
        fetched.or_else(|| remote.default_branch.clone())
    }

    /// The branch as its remote had it when it was fetched last: by git (a remote-tracking branch) or by us, whichever is
    /// newer.
    fn remote_branch(
        &self,
        repo: &gix::Repository,
        remote: &Remote,
        branch: &str,
    ) -> Result<Option<Known>> {
        let by_git = match tracking_name(repo, &remote.name, branch) {
            Some(name) => reference(repo, &name)?.map(|commit| Known {
                commit,
                at: self.fetched_by_git(&name),
            }),
            None => None,
        };
        let by_us = self
            .shadow
            .fetched()
            .branch(&remote.fetch.to_string(), branch)
            .filter(|(commit, _)| repo.has_object(commit))
            .map(|(commit, at)| Known {
                commit,
                at: Some(at),
            });
        let (Some(git), Some(us)) = (&by_git, &by_us) else {
            return Ok(by_git.or(by_us));
        };
        let base = repo.merge_bases_many(git.commit, &[us.commit]);
        let base = base.map_err(failed("merge-base"))?;
        let base = base.first().map(|id| id.detach());
        // Of two that neither follows from the other (a branch that was rewritten) the one fetched last counts.
        let ours_is_newer = if git.commit == us.commit
            || base.is_none_or(|base| base != git.commit && base != us.commit)
        {
            us.at >= git.at
        } else {
            base == Some(git.commit)
        };
        Ok(if ours_is_newer { by_us } else { by_git })
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
