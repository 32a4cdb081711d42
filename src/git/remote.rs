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

#[cfg(test)]
mod tests {
    use super::parse_url;

    #[test]
    fn urls_come_apart_without_credentials() {
        for (url, scheme, host, port, path) in [
            (
                "https://github.com/acme/env.git",
                "https",
                "github.com",
                None,
                "acme/env",
            ),
            (
                "https://alice:s3cret@git.example.com:8443/a/b/c/",
                "https",
                "git.example.com",
                Some(8443),
                "a/b/c",
            ),
            (
                "https://ghp_token@github.com/acme/env",
                "https",
                "github.com",
                None,
                "acme/env",
            ),
            (
                "git@github.com:acme/env.git",
                "ssh",
                "github.com",
                None,
                "acme/env",
            ),
            (
                "git@github.com:/acme/env.git",
                "ssh",
                "github.com",
                None,
                "acme/env",
            ),
            (
                "ssh://git@host.example:7999/PROJ/slug.git",
                "ssh",
                "host.example",
                Some(7999),
                "PROJ/slug",
            ),
            (
                "[git@host.example:2222]:org/repo.git",
                "ssh",
                "host.example",
                Some(2222),
                "org/repo",
            ),
            ("git://host/x.git", "git", "host", None, "x"),
            (
                "https://dev.azure.com/org/My%20Project/_git/repo",
                "https",
                "dev.azure.com",
                None,
                "org/My Project/_git/repo",
            ),
            (
                "git@ssh.dev.azure.com:v3/org/proj/repo",
                "ssh",
                "ssh.dev.azure.com",
                None,
                "v3/org/proj/repo",
            ),
            (
                "https://host/acme/env.git?x=1",
                "https",
                "host",
                None,
                "acme/env",
            ),
        ] {
            let parsed = parse_url(url).unwrap_or_else(|| panic!("{url}"));
            let parts = (
                parsed.scheme.as_str(),
                parsed.host.as_deref(),
                parsed.port,
                parsed.path.as_str(),
            );
            assert_eq!(parts, (scheme, Some(host), port, path), "{url}");
            let shown = parsed.to_string();
            for secret in ["alice", "s3cret", "ghp_token", "git@"] {
                assert!(!shown.contains(secret), "{shown}");
            }
        }
        for local in ["/srv/git/env.git", "file:///srv/git/env.git"] {
            let parsed = parse_url(local).expect(local);
            assert_eq!(
                (parsed.host.as_deref(), parsed.path.as_str()),
                (None, "/srv/git/env.git")
            );
            assert_eq!(parsed.to_string(), "/srv/git/env.git");
        }
        assert_eq!(parse_url(""), None);
    }
}
