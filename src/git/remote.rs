//! Remotes: their URLs as git resolves them (`insteadOf`, `pushurl`), taken apart, without credentials.

use serde::Serialize;

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
    /// Without leading `/` (but for local paths) and without `.git`.
    pub path: String,
}

/// Takes a remote URL apart: scp-like, ssh with port, https with user and token, local path.
pub fn parse_url(url: &str) -> Option<RemoteUrl> {
    let _ = url;
    todo!()
}
