//! What a helmfile reads of a repository, as far as its text tells: other helmfiles, bases, values, charts.
//!
//! Helmfile gets these files and no others. So what it says depends on nothing else, and can be remembered by their object
//! ids; a file that nothing here names is a file that helmfile does not find, which it says.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_yaml::Value;

use super::words::{Word, Words, certain_directory, matches};
use crate::git::{BStr, ByteSlice, EntryKind, RepoPath, Result};
use crate::render::helm::is_chart;
use crate::render::kustomization::is_kustomization_name;
use crate::render::tree::{Followed, Node, Tree, file_name, join, parent};

/// Files that include files that include files; and files below a directory that is named.
const MAX_FILES: usize = 20_000;
/// A larger one is data.
const MAX_TEXT: usize = 1 << 20;

/// The parts of a helmfile's sources.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// What decides which releases there are: helmfiles, bases, values of environments, what templates read.
    pub(crate) state: BTreeSet<RepoPath>,
    /// Names of its environments.
    pub(crate) environments: Vec<String>,
    /// YAML that means what it says: what helmfile would list can be read in it.
    pub(crate) is_plain: bool,
    /// Name → where a chart repository is.
    pub(crate) repositories: BTreeMap<String, Repository>,
    /// What each release reads besides; `None`: which release that is only the templates tell.
    releases: Vec<(Option<String>, BTreeSet<RepoPath>)>,
    /// Files that were written for helmfile before 1.0, where every helmfile was a template.
    pub(super) old: BTreeSet<RepoPath>,
    /// All files that are helmfiles or parts of them.
    pub(super) helmfiles: BTreeSet<RepoPath>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Repository {
    pub(crate) url: String,
    pub(crate) is_oci: bool,
}

/// For whom a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    State,
    Release(usize),
}

struct Scan<'t, 'a> {
    tree: &'t Tree<'a>,
    environment: Option<&'t str>,
    sources: Sources,
    seen: BTreeSet<(RepoPath, RepoPath, Part)>,
    listings: HashMap<RepoPath, Vec<RepoPath>>,
}

impl Sources {
    /// Of the helmfile at `path`, in one environment or in all.
    pub(crate) fn of(tree: &Tree, path: &RepoPath, environment: Option<&str>) -> Result<Sources> {
        let mut scan = Scan {
            tree,
            environment,
            sources: Sources {
                is_plain: !path.ends_with(b".gotmpl"),
                ..Sources::default()
            },
            seen: BTreeSet::new(),
            listings: HashMap::new(),
        };
        let directory = RepoPath::from(parent(path.as_bstr()).to_vec());
        scan.file(path, &directory, Part::State)?;
        Ok(scan.sources)
    }

    /// How many paths are in it.
    pub(super) fn count(&self) -> usize {
        let releases = self.releases.iter().map(|(_, files)| files.len());
        self.state.len() + releases.sum::<usize>()
    }

    /// Whether the helmfile at `path` is part of this one.
    pub(crate) fn includes(&self, path: &RepoPath) -> bool {
        self.helmfiles.contains(path)
    }

    /// Everything that a release is made of: files, and the directories of charts.
    pub(crate) fn of_release(&self, name: &str) -> BTreeSet<RepoPath> {
        let named = |release: &Option<String>| release.as_deref() == Some(name);
        let known = self.releases.iter().any(|(release, _)| named(release));
        let mut all = self.state.clone();
        for (release, files) in &self.releases {
            if !known || named(release) || release.is_none() {
                all.extend(files.iter().cloned());
            }
        }
        all
    }
}

impl Scan<'_, '_> {
    /// Adds a file, and what its text names: paths are relative to it or to the helmfile that reads it.
    fn file(&mut self, path: &RepoPath, helmfile: &RepoPath, part: Part) -> Result<()> {
        let first = self.seen.insert((path.clone(), helmfile.clone(), part));
        if !first || self.seen.len() > MAX_FILES {
            return Ok(());
        }
        self.add(path.clone(), part);
        let Some(Node::File(id)) = self.tree.node(path.as_bstr())? else {
            return Ok(());
        };
        let bytes = self.tree.reader.blob(id)?;
        let text = bytes.to_str_lossy();
        if bytes.len() > MAX_TEXT {
            return Ok(());
        }
        let own = RepoPath::from(parent(path.as_bstr()).to_vec());
        let is_helmfile = part == Part::State && is_helmfile(&text);
        if is_helmfile {
            let places = [own, helmfile.clone()];
            return self.helmfile(path, &text, &places);
        }
        let is_kustomization = is_kustomization_name(file_name(path.as_bstr()));
        if path.ends_with(b".gotmpl") || text.contains("{{") || is_kustomization {
            let words = self.words(&text);
            let outside = words.outside.iter().filter(|_| is_kustomization);
            for word in words.inside.iter().chain(outside) {
                self.word(word, &[own.clone(), helmfile.clone()], part)?;
            }
        }
        Ok(())
    }

    fn words(&self, text: &str) -> Words {
        Words::of(text, self.environment)
    }

    fn helmfile(&mut self, path: &RepoPath, text: &str, places: &[RepoPath; 2]) -> Result<()> {
        let is_old = !path.ends_with(b".gotmpl") && is_template(text);
        if is_old {
            self.sources.old.insert(path.clone());
        }
        self.sources.helmfiles.insert(path.clone());
        self.sources.is_plain &= !text.contains("{{") && !path.ends_with(b".gotmpl");
        for name in environments(text) {
            if !self.sources.environments.contains(&name) {
                self.sources.environments.push(name);
            }
        }
        let Some(documents) = without_logic(text) else {
            let words = self.words(text);
            self.sources.is_plain = false;
            let anyone = self.release(None);
            for word in words.outside.iter().chain(&words.inside) {
                self.word(word, places, Part::State)?;
                self.word(word, places, anyone)?;
            }
            return Ok(());
        };
        // What templates read is read before a release is one.
        let mut state = self.words(text).inside;
        for document in &documents {
            let Some(keys) = document.as_mapping() else {
                continue;
            };
            for (key, value) in keys {
                let key = key.as_str().unwrap_or_default();
                // Values of environments decide what is installed; bases and templates what there is at all.
                let evaluated = ["bases", "templates", "values"].contains(&key);
                self.sources.is_plain &= !evaluated;
                match (key, value.as_sequence()) {
                    ("releases", Some(releases)) => {
                        for release in releases {
                            self.of_one(release, places)?;
                        }
                    }
                    ("helmfiles", Some(helmfiles)) => {
                        let given = |helmfile: &Value| {
                            let keys = ["environment", "selectors", "values"];
                            keys.iter().any(|key| helmfile.get(key).is_some())
                        };
                        self.sources.is_plain &= !helmfiles.iter().any(given);
                        let texts = helmfiles.iter().flat_map(strings);
                        state.extend(texts.flat_map(|text| self.words(text).outside));
                    }
                    ("repositories", Some(repositories)) => self.repositories(repositories),
                    // What releases inherit is read when they are rendered.
                    ("templates", _) => {
                        let anyone = self.release(None);
                        self.words_of(value, places, anyone)?;
                    }
                    _ => {
                        let texts = strings(value).into_iter();
                        state.extend(texts.flat_map(|text| self.words(text).outside));
                    }
                }
            }
        }
        for word in state {
            self.word(&word, places, Part::State)?;
        }
        Ok(())
    }

    /// What a release reads.
    fn of_one(&mut self, release: &Value, places: &[RepoPath; 2]) -> Result<()> {
        let name = release.get("name").and_then(Value::as_str);
        let name = name.filter(|name| !name.contains("{{")).map(str::to_owned);
        let evaluated = ["inherit", "condition", "installed"];
        self.sources.is_plain &= evaluated.iter().all(|key| release.get(key).is_none());
        let part = self.release(name);
        self.words_of(release, places, part)
    }

    fn words_of(&mut self, value: &Value, places: &[RepoPath; 2], part: Part) -> Result<()> {
        for text in strings(value) {
            let words = self.words(text);
            for word in words.outside.iter().chain(&words.inside) {
                self.word(word, places, part)?;
            }
        }
        Ok(())
    }

    fn release(&mut self, name: Option<String>) -> Part {
        self.sources.releases.push((name, BTreeSet::new()));
        Part::Release(self.sources.releases.len() - 1)
    }

    fn repositories(&mut self, repositories: &[Value]) {
        for repository in repositories {
            let text = |key| {
                repository
                    .get(key)
                    .and_then(Value::as_str)
                    .map(str::to_owned)
            };
            if let (Some(name), Some(url)) = (text("name"), text("url")) {
                let is_oci = repository.get("oci").and_then(Value::as_bool) == Some(true);
                self.sources
                    .repositories
                    .insert(name, Repository { url, is_oci });
            }
        }
    }

    /// Adds what a word names, in any of the places it may be relative to.
    fn word(&mut self, word: &Word, places: &[RepoPath], part: Part) -> Result<()> {
        let mut places: Vec<&RepoPath> = places.iter().collect();
        places.dedup();
        for place in places {
            let Some(path) = join(place.as_bstr(), BStr::new(word.text())) else {
                continue;
            };
            if !word.is_pattern() {
                self.path(&path, place, part)?;
                continue;
            }
            for path in self.matching(&path)? {
                self.path(&path, place, part)?;
            }
        }
        Ok(())
    }

    /// Files and directories that a pattern matches.
    fn matching(&mut self, pattern: &RepoPath) -> Result<BTreeSet<RepoPath>> {
        let directory = RepoPath::from(certain_directory(pattern).to_vec());
        if !self.listings.contains_key(&directory) {
            let files = self.tree.below(directory.as_bstr())?;
            let files = files.into_iter().map(|(path, ..)| path).collect();
            self.listings.insert(directory.clone(), files);
        }
        let mut found = BTreeSet::new();
        for file in self.listings.get(&directory).into_iter().flatten() {
            let mut path = file.as_bstr();
            while path.len() > directory.len() {
                if matches(pattern, path) {
                    found.insert(RepoPath::from(path.to_vec()));
                }
                path = parent(path);
            }
        }
        Ok(found)
    }

    fn path(&mut self, path: &RepoPath, place: &RepoPath, part: Part) -> Result<()> {
        match self.tree.follow(path.as_bstr())? {
            Followed::To { path, node, links } => {
                for link in links {
                    self.add(link, part);
                }
                match node {
                    Node::File(_) => self.file(&path, place, part),
                    Node::Directory => self.directory(&path, part),
                    Node::Link(_) | Node::Submodule => Ok(()),
                }
            }
            // That it leads out is said when it is written.
            Followed::Escapes(link) => {
                self.add(link, part);
                Ok(())
            }
            Followed::Missing(_) => Ok(()),
        }
    }

    fn directory(&mut self, path: &RepoPath, part: Part) -> Result<()> {
        if is_chart(self.tree, path.as_bstr())? {
            // Charts say nothing about which releases there are.
            if part != Part::State {
                self.add(path.clone(), part);
            }
            return Ok(());
        }
        // The whole repository is named by a dot, which is in many a text.
        if path.is_empty() {
            return Ok(());
        }
        for (file, kind, _) in self.tree.below(path.as_bstr())? {
            if matches!(kind, EntryKind::Blob | EntryKind::Executable) {
                self.file(&file, path, part)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, path: RepoPath, part: Part) {
        let files = match part {
            Part::State => Some(&mut self.sources.state),
            Part::Release(index) => self.sources.releases.get_mut(index).map(|(_, files)| files),
        };
        if let Some(files) = files {
            files.insert(path);
        }
    }
}

/// Whether a text has what only helmfiles have at their outermost level.
fn is_helmfile(text: &str) -> bool {
    const KEYS: [&str; 6] = [
        "releases:",
        "helmfiles:",
        "bases:",
        "environments:",
        "helmDefaults:",
        "repositories:",
    ];
    text.lines()
        .any(|line| KEYS.iter().any(|key| line.starts_with(key)))
}

/// Whether a text is a template and no YAML: templates stand where a value begins, or make whole lines.
fn is_template(text: &str) -> bool {
    text.match_indices("{{").any(|(at, _)| {
        let before = text[..at].trim_end_matches([' ', '\t']);
        before.is_empty() || before.ends_with(['\n', ':', '-'])
    })
}

/// The names below `environments:`, at the first indentation there.
fn environments(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut indentation: Option<Option<usize>> = None;
    for line in text.lines() {
        let content = line.trim_start();
        if content.is_empty() || content.starts_with('#') || content.starts_with("{{") {
            continue;
        }
        let depth = line.len() - content.len();
        if depth == 0 {
            indentation = content.starts_with("environments:").then_some(None);
            continue;
        }
        let Some(first) = &mut indentation else {
            continue;
        };
        if *first.get_or_insert(depth) != depth {
            continue;
        }
        let name = content
            .split_once(':')
            .map(|(name, _)| name.trim_matches(['"', '\'']));
        if let Some(name) = name.filter(|name| !name.is_empty() && !name.contains("{{")) {
            names.push(name.to_owned());
        }
    }
    names
}

/// A line with nothing but template logic.
fn is_logic(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("{{") && line.ends_with("}}") && !line.contains("toYaml")
}

/// The documents of a text as YAML, without the lines that are logic only, so that a loop's releases are seen once; `None`
/// where the rest is no YAML.
pub(crate) fn without_logic(text: &str) -> Option<Vec<Value>> {
    let plain: Vec<&str> = text.lines().filter(|line| !is_logic(line)).collect();
    let mut documents = Vec::new();
    for part in plain.join("\n").split("\n---") {
        match serde_yaml::from_str::<Value>(part) {
            Ok(Value::Null) => {}
            Ok(document) => documents.push(document),
            Err(_) => return None,
        }
    }
    Some(documents)
}

/// Every string in a value, keys included.
fn strings(value: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) => found.push(text.as_str()),
            Value::Sequence(items) => open.extend(items),
            Value::Mapping(map) => open.extend(map.iter().flat_map(|(key, value)| [key, value])),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_environments_are_read_between_templates() {
        let text = "environments:\n{{ if true }}\n  dev:\n    values:\n    - a: 1\n{{ end }}\n  \"prod\": {}\n  {{ .x }}:\n\
                    releases:\n  web: 1\n---\nenvironments:\n    staging:\n        values: []\n";
        assert_eq!(environments(text), ["dev", "prod", "staging"]);
    }

    #[test]
    fn a_template_that_is_no_yaml_is_told_from_one_that_is() {
        for (text, expected) in [
            ("version: {{ .Values.v | quote }}\n", true),
            ("{{ range list 1 }}\na: 1\n{{ end }}\n", true),
            ("- {{ .x }}\n", true),
            ("name: '{{ .Release.Name }}'\n", false),
            ("chart: ./charts/{{ .Release.Name }}\n", false),
        ] {
            assert_eq!(is_template(text), expected, "{text}");
        }
    }
}
