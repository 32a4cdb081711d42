//! Remotes: their URLs as git resolves them (`insteadOf`, `pushurl`), taken apart, without credentials.

use std::fmt;

use gix::bstr::ByteSlice;
use gix::remote::Direction;
use gix::url::{Scheme, Url};
use serde::Serialize;

use super::error::{Error, Result, failed};
use super::repo::{Repo, Shared};

/// A remote, URLs as git would use them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    pub name: String,
    pub fetch: RemoteUrl,
    pub push: RemoteUrl,
    /// The remote's default branch as last fetched.
    pub default_branch: Option<String>,
}

/// A URL's parts. Credentials in it are dropped at parse.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct RemoteUrl {
    /// `https`, `ssh`, `file`, `git`, …
    pub scheme: String,
    /// `None` for a local path.
    pub host: Option<String>,
    pub port: Option<u16>,
    /// Without leading and trailing `/` and without `.git`; a local path exactly as it is.
    pub path: String,
}

/// `https://host:port/path`; a local path as it is.
impl fmt::Display for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(host) = &self.host else {
            return f.write_str(&self.path);
        };
        write!(f, "{}://{host}", self.scheme)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "/{}", self.path)
    }
}

/// Takes a remote URL apart: scp-like, ssh with port, https with user and token, local path.
pub fn parse_url(url: &str) -> Option<RemoteUrl> {
    // `[git@host:2222]:path`, which git accepts for an scp-like location with a port.
    if let Some((authority, path)) = url
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("]:"))
        .filter(|(authority, _)| authority.contains('@') || authority.matches(':').count() == 1)
    {
        return parse_url(&format!(
            "ssh://{authority}/{}",
            path.trim_start_matches('/')
        ));
    }
    gix::url::parse(url).ok().as_ref().map(parts)
}

fn parts(url: &Url) -> RemoteUrl {
    let path = url.path_query_fragment().path.to_str_lossy().into_owned();
    let local = url.scheme == Scheme::File;
    RemoteUrl {
        scheme: url.scheme.as_str().to_owned(),
        host: url.host.clone().filter(|_| !local),
        port: url.port,
        path: if local {
            path
        } else {
            let path = path.trim_matches('/');
            path.strip_suffix(".git").unwrap_or(path).to_owned()
        },
    }
}

impl Repo {
    pub fn remotes(&self) -> Result<Vec<Remote>> {
        self.0
            .own
            .to_thread_local()
            .remote_names()
            .iter()
            .filter_map(|name| self.0.remote(&name.to_str_lossy()).transpose())
            .collect()
    }
}

impl Shared {
    /// `None` for a remote without a URL (one that only overrides settings of a remote configured elsewhere).
    pub(super) fn remote(&self, name: &str) -> Result<Option<Remote>> {
        let repo = self.own.to_thread_local();
        let Some(remote) = repo.try_find_remote(name) else {
            return Ok(None);
        };
        let remote = remote.map_err(|error| Error::Git {
            what: format!("remote get-url {name}"),
            message: error.to_string(),
        })?;
        let Some(fetch) = remote.url(Direction::Fetch) else {
            return Ok(None);
        };
        let push = remote.url(Direction::Push).unwrap_or(fetch);
        let default_branch = remote
            .default_branch()
            .map_err(failed("symbolic-ref"))?
            .map(|branch| branch.shorten().to_str_lossy().into_owned());
        Ok(Some(Remote {
            name: name.to_owned(),
            fetch: self.anchored(parts(fetch)),
            push: self.anchored(parts(push)),
            default_branch,
        }))
    }

    /// A local path is relative to where git would run.
    fn anchored(&self, mut url: RemoteUrl) -> RemoteUrl {
        if url.host.is_none() && url.scheme == "file" {
            let path = self.directory().join(&url.path);
            let path = gix::path::normalize(path.as_path().into(), self.directory());
            if let Some(path) = path {
                url.path = path.to_string_lossy().into_owned();
            }
        }
        url
    }
}
