//! What of a repository is in the artifact that Flux applies from: all but what `.sourceignore` files and the source's
//! `spec.ignore` leave out, or Flux' own list where there are none.
//!
//! The patterns look like gitignore's and are not quite: each file is looked at on its own, so that what is in a directory that
//! is left out can be taken back in. Sources: fluxcd/pkg `sourceignore` (with its `gitignore`), `artifact/storage`.

use crate::git::{BStr, ByteSlice, RepoPath, glob_matches};

/// Left out whatever else is said.
const ALWAYS: [&str; 4] = [".git/", ".gitignore", ".gitmodules", ".gitattributes"];

/// Left out where nothing else is said, as far as these may be manifests.
const OTHERWISE: [&str; 12] = [
    ".github/",
    ".circleci/",
    ".travis.yml",
    ".gitlab-ci.yml",
    "appveyor.yml",
    ".drone.yml",
    "cloudbuild.yaml",
    "codeship-services.yml",
    "codeship-steps.yml",
    "**/.goreleaser.yml",
    "**/.sops.yaml",
    "**/.flux.yaml",
];

/// Which files of a repository are left out of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct SourceIgnore {
    /// The last one that matches counts.
    patterns: Vec<Pattern>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Pattern {
    /// It is about what is in this directory.
    directory: RepoPath,
    parts: Vec<Vec<u8>>,
    takes_in: bool,
    directories_only: bool,
}

impl SourceIgnore {
    /// What a file with patterns is called.
    pub(crate) const FILE: &str = ".sourceignore";

    /// Adds the patterns of a `.sourceignore` in `directory`, or (root) of `spec.ignore`, which comes last.
    pub fn add(&mut self, directory: &BStr, text: &[u8]) {
        let lines = text
            .lines()
            .filter(|line| !line.starts_with(b"#") && !line.trim().is_empty());
        self.patterns
            .extend(lines.map(|line| Pattern::of(directory, line)));
    }

    /// Tells of a file whether it is left out.
    pub(crate) fn leaves_out(&self) -> impl Fn(&BStr) -> bool {
        let otherwise = OTHERWISE.iter().filter(|_| self.patterns.is_empty());
        let usual = ALWAYS.iter().chain(otherwise);
        let mut patterns: Vec<Pattern> = usual
            .map(|pattern| Pattern::of(BStr::new(""), pattern.as_bytes()))
            .collect();
        patterns.extend_from_slice(&self.patterns);
        move |path| {
            let path: Vec<&[u8]> = path.split_str("/").collect();
            let last = patterns.iter().rfind(|pattern| pattern.matches(&path));
            last.is_some_and(|pattern| !pattern.takes_in)
        }
    }
}

impl Pattern {
    fn of(directory: &BStr, line: &[u8]) -> Pattern {
        let (takes_in, line) = match line.strip_prefix(b"!") {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        let line = match line.ends_with(b"\\ ") {
            true => line,
            false => line.trim_end_with(|c| c == ' '),
        };
        let (directories_only, line) = match line.strip_suffix(b"/") {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        Pattern {
            directory: RepoPath::from(directory.to_vec()),
            parts: line.split_str("/").map(<[u8]>::to_vec).collect(),
            takes_in,
            directories_only,
        }
    }

    /// Whether a file, given as the parts of its path, or a directory on the way to it matches.
    fn matches(&self, path: &[&[u8]]) -> bool {
        let directory = self
            .directory
            .split_str("/")
            .filter(|part| !part.is_empty());
        let mut path = path;
        for part in directory {
            match path {
                [first, rest @ ..] if *first == part => path = rest,
                _ => return false,
            }
        }
        match self.parts.as_slice() {
            [name] => {
                let found = path.iter().position(|part| is_like(name, part));
                found.is_some_and(|at| !self.directories_only || at + 1 < path.len())
            }
            parts => self.leads_to(parts, path),
        }
    }

    /// Follows the parts of a pattern with slashes in it from the directory on. As Flux does it: `**` skips to the first
    /// directory that the next part is like, and no other is tried.
    fn leads_to(&self, parts: &[Vec<u8>], mut path: &[&[u8]]) -> bool {
        let (mut matched, mut skips) = (false, false);
        for (index, part) in parts.iter().enumerate() {
            match part.as_slice() {
                b"" => skips = false,
                b"**" if index + 1 == parts.len() => break,
                b"**" => skips = true,
                part if part.contains_str("**") || path.is_empty() => return false,
                part if skips => {
                    skips = false;
                    let found = path.iter().position(|name| is_like(part, name));
                    matched = found.is_some();
                    path = found.map_or(&[], |at| &path[at + 1..]);
                }
                part => match path {
                    [first, rest @ ..] if is_like(part, first) => {
                        matched = true;
                        path = rest;
                    }
                    _ => return false,
                },
            }
        }
        matched && !(self.directories_only && path.is_empty())
    }
}

fn is_like(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.find_byteset(b"*?[\\") {
        Some(_) => glob_matches(pattern, name.as_bstr()),
        None => pattern == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left_out(text: &str, path: &str) -> bool {
        let mut ignore = SourceIgnore::default();
        ignore.add("".into(), text.as_bytes());
        ignore.leaves_out()(path.into())
    }

    /// What Flux' documentation says of each of these (source-controller `docs/spec/v1/gitrepositories.md`).
    #[test]
    fn patterns_leave_out_and_take_in() {
        const ONE_DIRECTORY: &str = "# exclude all\n/*\n# include deploy dir\n!/deploy\n# but not these\n/deploy/**/*.yml\n";
        for (text, path, expected) in [
            ("", "apps/web.yaml", false),
            ("", ".github/workflows/build.yml", true),
            ("", "apps/.sops.yaml", true),
            ("", "cloudbuild.yaml", true),
            // With a list of one's own, the usual one is gone.
            ("x/", "cloudbuild.yaml", false),
            ("x/", ".gitmodules", true),
            (ONE_DIRECTORY, "apps/web.yaml", true),
            (ONE_DIRECTORY, "deploy/web.yaml", false),
            (ONE_DIRECTORY, "deploy/a/web.yml", true),
            ("*.tmpl.yaml", "a/b/web.tmpl.yaml", true),
            ("tests/", "apps/tests/web.yaml", true),
            ("tests/", "apps/tests", false),
            ("/tests", "apps/tests/web.yaml", false),
            ("apps/web.yaml", "apps/web.yaml", true),
            ("apps/web.yaml", "more/apps/web.yaml", false),
            ("a/**", "a/b/c.yaml", true),
            ("**/ci/*.yaml", "a/b/ci/c.yaml", true),
            ("a/\n!a/keep.yaml", "a/keep.yaml", false),
            ("a/   ", "a/b.yaml", true),
            ("#a/\n\n  \n", "cloudbuild.yaml", true),
        ] {
            assert_eq!(left_out(text, path), expected, "{text:?} {path}");
        }
    }

    #[test]
    fn a_file_below_is_about_its_own_directory_and_comes_later() {
        let mut ignore = SourceIgnore::default();
        ignore.add("".into(), b"*.yaml\n");
        ignore.add("apps/web".into(), b"!/kept.yaml\n");
        for (path, expected) in [
            ("apps/web/kept.yaml", false),
            ("apps/web/more/kept.yaml", true),
            ("kept.yaml", true),
            ("apps/webs/kept.yaml", true),
        ] {
            assert_eq!(ignore.leaves_out()(path.into()), expected, "{path}");
        }
    }
}
