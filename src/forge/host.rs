//! Which forge a remote's URL belongs to, and the page on which a pull request is opened by hand.

use reqwest::Url;

use crate::git::RemoteUrl;

/// A kind of forge, as far as pages and tokens differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    GitHub,
    GitLab,
    Gitea,
    Bitbucket,
    AzureDevOps,
}

/// The web host of a remote: the hosts that only speak ssh stand for others.
pub(super) fn web_host(remote: &RemoteUrl) -> Option<&str> {
    let host = remote.host.as_deref()?;
    Some(match host {
        "ssh.github.com" => "github.com",
        "altssh.gitlab.com" => "gitlab.com",
        "altssh.bitbucket.org" => "bitbucket.org",
        "ssh.dev.azure.com" => "dev.azure.com",
        host => host,
    })
}

/// The kind of forge at `host`, by its name: the well-known ones, and those that say so in a part of their name.
pub fn kind_of(host: &str) -> Option<Kind> {
    let host = host.to_ascii_lowercase();
    match host.as_str() {
        "codeberg.org" => return Some(Kind::Gitea),
        "bitbucket.org" => return Some(Kind::Bitbucket),
        "dev.azure.com" => return Some(Kind::AzureDevOps),
        _ if host.ends_with(".ghe.com") => return Some(Kind::GitHub),
        _ => {}
    }
    host.split('.').find_map(|part| match part {
        "github" => Some(Kind::GitHub),
        "gitlab" => Some(Kind::GitLab),
        "gitea" | "forgejo" => Some(Kind::Gitea),
        _ => None,
    })
}

/// `https://host`, with the port only where it is the web's.
pub(super) fn origin(remote: &RemoteUrl) -> Option<String> {
    let host = web_host(remote)?;
    Some(match remote.port {
        Some(port) if remote.scheme == "https" => format!("https://{host}:{port}"),
        _ => format!("https://{host}"),
    })
}

/// The page that opens a pull request from `branch` into `base`, filled in as far as the forge allows; `None` where the kind of
/// forge is not known from the host's name.
pub fn compare_url(remote: &RemoteUrl, base: &str, branch: &str, title: &str) -> Option<String> {
    let kind = kind_of(web_host(remote)?)?;
    // Over ssh, Azure DevOps has v3/organisation/project/repository.
    let repository = match remote.path.strip_prefix("v3/") {
        Some(path) if kind == Kind::AzureDevOps => {
            let (project, name) = path.rsplit_once('/')?;
            format!("{project}/_git/{name}")
        }
        _ => remote.path.clone(),
    };
    // The path may be escaped already, and stays so.
    let mut url = Url::parse(&format!("{}/{repository}", origin(remote)?)).ok()?;
    let range = format!("{base}...{branch}");
    let page: &[&str] = match kind {
        Kind::GitHub | Kind::Gitea => &["compare", &range],
        Kind::GitLab => &["-", "merge_requests", "new"],
        Kind::Bitbucket => &["pull-requests", "new"],
        Kind::AzureDevOps => &["pullrequestcreate"],
    };
    url.path_segments_mut().ok()?.pop_if_empty().extend(page);
    let query: &[(&str, &str)] = match kind {
        Kind::GitHub => &[("expand", "1"), ("title", title)],
        Kind::GitLab => &[
            ("merge_request[source_branch]", branch),
            ("merge_request[target_branch]", base),
            ("merge_request[title]", title),
        ],
        Kind::Gitea => &[],
        Kind::Bitbucket => &[("source", branch), ("dest", base), ("title", title)],
        Kind::AzureDevOps => &[("sourceRef", branch), ("targetRef", base)],
    };
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    Some(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::parse_url;

    fn page(url: &str) -> Option<String> {
        compare_url(
            &parse_url(url).unwrap(),
            "main",
            "revert/1a2b3c-x",
            "Revert \"a & b\"",
        )
    }

    #[test]
    fn each_forge_has_its_page() {
        for (remote, expected) in [
            (
                "git@github.com:shop/environments.git",
                "https://github.com/shop/environments/compare/main...revert%2F1a2b3c-x?expand=1&title=Revert+%22a+%26+b%22",
            ),
            (
                "ssh://git@ssh.github.com:443/shop/environments.git",
                "https://github.com/shop/environments/compare/main...revert%2F1a2b3c-x?expand=1&title=Revert+%22a+%26+b%22",
            ),
            (
                "https://user:secret@gitlab.example.com:8443/a/b/c.git",
                "https://gitlab.example.com:8443/a/b/c/-/merge_requests/new?merge_request%5Bsource_branch%5D=revert%2F1a2b3c-x&merge_request%5Btarget_branch%5D=main&merge_request%5Btitle%5D=Revert+%22a+%26+b%22",
            ),
            (
                "https://codeberg.org/shop/environments",
                "https://codeberg.org/shop/environments/compare/main...revert%2F1a2b3c-x",
            ),
            (
                "git@bitbucket.org:shop/environments.git",
                "https://bitbucket.org/shop/environments/pull-requests/new?source=revert%2F1a2b3c-x&dest=main&title=Revert+%22a+%26+b%22",
            ),
            (
                "git@ssh.dev.azure.com:v3/shop/My%20Project/environments",
                "https://dev.azure.com/shop/My%20Project/_git/environments/pullrequestcreate?sourceRef=revert%2F1a2b3c-x&targetRef=main",
            ),
        ] {
            assert_eq!(page(remote).as_deref(), Some(expected), "{remote}");
        }
    }

    #[test]
    fn an_unknown_host_and_a_path_have_none() {
        assert_eq!(page("https://git.example.com/a/b.git"), None);
        assert_eq!(page("/srv/git/a.git"), None);
    }
}
