//! Where pull requests live: GitHub, or a directory beside a bare repository, or somewhere without an API we can use, where the
//! page that opens one is the way.
//!
//! An enum rather than a trait: the set of forges is closed and known here, and a `match` says what each of them does. Only
//! what gitopsy needs of a forge is here; everything a forge sends is hostile text, bounded here and cleaned where it is shown.

mod error;
mod github;
mod host;
mod http;
mod local;
mod pull;
pub mod token;

use std::path::Path;

use jiff::Timestamp;

pub use error::{Error, Result};
pub use github::{GitHub, Patience};
pub use host::{Kind, compare_url, kind_of};
pub use local::Local;
pub use pull::{NewPullRequest, Opened, PullRequest, State};
pub use token::{Sources, Token};

use crate::git::{Oid, Remote, RemoteUrl};

/// The forge of a repository.
#[derive(Clone)]
pub enum Forge {
    /// Pull requests beside a bare repository on this machine.
    Local(Local),
    GitHub(Box<GitHub>),
    /// No API: pull requests are opened in a browser.
    ByHand {
        remote: RemoteUrl,
        why: String,
    },
}

impl Forge {
    /// The forge of `remote`: pull requests go where it fetches from, branches where it pushes to. Blocks: programs are run to
    /// find a token. Never fails: where there is no way to an API, that is the answer.
    pub fn of(remote: &Remote, tokens: &Sources) -> Forge {
        let base = &remote.fetch;
        if let Some(local) = base
            .host
            .is_none()
            .then(|| Local::find(Path::new(&base.path)))
            .flatten()
        {
            return Forge::Local(local);
        }
        match Forge::with_api(base, &remote.push, tokens) {
            Ok(forge) => forge,
            Err(why) => Forge::ByHand {
                remote: base.clone(),
                why,
            },
        }
    }

    fn with_api(
        base: &RemoteUrl,
        push: &RemoteUrl,
        tokens: &Sources,
    ) -> std::result::Result<Forge, String> {
        let (Some(host), Some(origin)) = (host::web_host(base), host::origin(base)) else {
            return Err(format!("{base} is no forge"));
        };
        let kind =
            kind_of(host).ok_or_else(|| format!("the kind of forge at {host} is not known"))?;
        if kind != Kind::GitHub {
            return Err(format!("the API of {host} is not supported yet"));
        }
        let token = tokens
            .token(kind, host)
            .ok_or_else(|| format!("there is no token for {host}"))?;
        let head_owner = push.path.split('/').next().unwrap_or_default();
        let api = github::api_of(host, &origin);
        GitHub::new(&api, &base.path, head_owner, &token, Patience::default())
            .map(|github| Forge::GitHub(Box::new(github)))
            .map_err(|error| error.to_string())
    }

    /// `local`, `github.com (token from gh)`, `gitlab.com: no API …`: for the doctor.
    pub fn describe(&self) -> String {
        match self {
            Forge::Local(local) => format!("pull requests in {}", local.repository().display()),
            Forge::GitHub(github) => github.describe(),
            Forge::ByHand { why, .. } => format!("{why}: pull requests are opened in the browser"),
        }
    }

    /// Whether pull requests can be listed, opened and merged from here.
    pub fn has_api(&self) -> bool {
        !matches!(self, Forge::ByHand { .. })
    }

    /// The open pull requests, newest first.
    pub async fn open_pulls(&self) -> Result<Vec<PullRequest>> {
        match self {
            Forge::Local(local) => {
                let mut pulls = blocking(local, Local::list).await?;
                pulls.retain(|pull| pull.state == State::Open);
                Ok(pulls)
            }
            Forge::GitHub(github) => github.list().await,
            Forge::ByHand { why, .. } => Err(no_api(why)),
        }
    }

    pub async fn get(&self, number: u64) -> Result<PullRequest> {
        match self {
            Forge::Local(local) => blocking(local, move |local| local.get(number)).await,
            Forge::GitHub(github) => github.get(number).await,
            Forge::ByHand { why, .. } => Err(no_api(why)),
        }
    }

    /// The open pull request that comes from `branch`.
    pub async fn find(&self, branch: &str) -> Result<Option<PullRequest>> {
        match self {
            Forge::Local(_) => {
                let pulls = self.open_pulls().await?;
                Ok(pulls.into_iter().find(|pull| pull.head_branch == branch))
            }
            Forge::GitHub(github) => github.find(branch).await,
            Forge::ByHand { why, .. } => Err(no_api(why)),
        }
    }

    /// Opens a pull request; one that is open already for the branch is adopted. Where there is no API: the page that does it.
    pub async fn open(&self, new: &NewPullRequest, author: &str, at: Timestamp) -> Result<Opened> {
        match self {
            Forge::Local(local) => {
                let (new, author) = (new.clone(), author.to_owned());
                let pull = blocking(local, move |local| local.open(&new, &author, at)).await?;
                Ok(Opened::Pull(Box::new(pull)))
            }
            Forge::GitHub(github) => Ok(Opened::Pull(Box::new(github.open(new).await?))),
            Forge::ByHand { remote, .. } => Ok(Opened::ByHand {
                page: compare_url(remote, &new.base_branch, &new.head_branch, &new.title),
            }),
        }
    }

    /// Merges a pull request whose head is still `expected`. Returns the commit it became on the base branch.
    pub async fn merge(&self, number: u64, expected: Oid, at: Timestamp) -> Result<Oid> {
        match self {
            Forge::Local(local) => {
                blocking(local, move |local| local.merge(number, expected, at)).await
            }
            Forge::GitHub(github) => github.merge(number, expected).await,
            Forge::ByHand { why, .. } => Err(no_api(why)),
        }
    }
}

fn no_api(why: &str) -> Error {
    Error::NoApi(format!("{why}\nhint: look at the forge's own pages"))
}

/// The local forge runs git and reads files: away from the threads that must not wait.
async fn blocking<T: Send + 'static>(
    local: &Local,
    job: impl FnOnce(&Local) -> Result<T> + Send + 'static,
) -> Result<T> {
    let local = local.clone();
    tokio::task::spawn_blocking(move || job(&local))
        .await
        .map_err(|error| Error::Stopped(error.to_string()))?
}

#[cfg(test)]
mod tests;
