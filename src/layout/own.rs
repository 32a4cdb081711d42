//! Which repository is meant where an order names one by its URL.
//!
//! Detection sees a tree, not the remotes of somebody's clone, and repositories get renamed, forked and mirrored. So the
//! paths decide: the URL with the most (distinct) paths that are in the tree is this repository's, and so is every other
//! one whose paths are all there, where one of them has at least two components (`./`, `deploy` or `manifests` say
//! nothing). Where no path decides, it is the URL that Flux was bootstrapped with.

use std::collections::{BTreeMap, BTreeSet};

use crate::git::{BStr, ByteSlice, RepoPath, Result, parse_url};
use crate::render::tree::{Followed, Tree, join};

#[derive(Default)]
pub(super) struct Own {
    urls: BTreeSet<String>,
}

impl Own {
    /// `references`: what orders name, as URL and path. `bootstrapped`: the URLs that Flux' own objects name.
    pub(super) fn of<'r>(
        tree: &Tree,
        references: impl Iterator<Item = (&'r str, &'r str)>,
        bootstrapped: impl Iterator<Item = &'r str>,
    ) -> Result<Own> {
        let mut paths: BTreeMap<String, BTreeSet<Option<RepoPath>>> = BTreeMap::new();
        for (url, path) in references {
            let path = rooted(path);
            if path.as_ref().is_none_or(|path| !path.is_empty()) {
                paths.entry(normalised(url)).or_default().insert(path);
            }
        }
        let mut votes: Vec<(usize, bool, String)> = Vec::new();
        for (url, paths) in paths {
            let mut there = Vec::new();
            for path in paths.iter().flatten() {
                if let Followed::To { .. } = tree.follow(path.as_bstr())? {
                    there.push(path);
                }
            }
            let all = there.len() == paths.len() && there.iter().any(|path| path.contains(&b'/'));
            votes.push((there.len(), all, url));
        }
        let most = votes.iter().map(|(count, ..)| *count).max().unwrap_or(0);
        let mut urls: BTreeSet<String> = votes
            .into_iter()
            .filter(|(count, all, _)| *count > 0 && (*count == most || *all))
            .map(|(.., url)| url)
            .collect();
        if urls.is_empty() {
            urls.extend(bootstrapped.map(normalised));
        }
        Ok(Own { urls })
    }

    pub(super) fn is(&self, url: &str) -> bool {
        self.urls.contains(&normalised(url))
    }

    /// Whether anything is known about which one it is.
    pub(super) fn is_known(&self) -> bool {
        !self.urls.is_empty()
    }
}

/// A path that starts at the repository's root, however it is written; `None` where it leads out.
pub(super) fn rooted(path: &str) -> Option<RepoPath> {
    join(BStr::new(""), BStr::new(path.trim_start_matches('/')))
}

fn normalised(url: &str) -> String {
    let url = url.trim();
    match parse_url(url) {
        Some(parts) => {
            let host = parts.host.unwrap_or_default();
            format!("{host}/{}", parts.path).to_lowercase()
        }
        None => url.to_lowercase(),
    }
}

/// A repository in a sentence, without credentials.
pub(super) fn display(url: &str) -> String {
    let clean = match parse_url(url.trim()) {
        Some(parts) => parts.to_string(),
        None => url.to_owned(),
    };
    crate::text::clean_line(&clean)
}
