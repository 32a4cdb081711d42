//! Jenkins: its configuration as code, a section at a time, and its jobs, as scripts of the Job DSL declare them.
//!
//! Files of configuration are known by their names or directories, for a Helm values file may have a key `jenkins`, too; then by their
//! sections (github.com/jenkinsci/configuration-as-code-plugin).

use std::collections::BTreeMap;

use super::beside;
use super::draft::{DEFAULT, Draft, components};
use super::names::{Place, Siblings};
use super::{Deployer, LayoutKind, chart, is_ignored};
use crate::git::{BStr, ByteSlice, EntryKind, Oid, Reader, RepoPath, Result};
use crate::manifest::Language;
use crate::render::Renderer;
use crate::render::tree::{Tree, file_name, is_manifest_name, parent};

const SECTIONS: [&str; 9] = [
    "appearance",
    "aws",
    "configuration-as-code",
    "credentials",
    "jenkins",
    "jobs",
    "security",
    "tool",
    "unclassified",
];

const DIRECTORIES: [&str; 6] = [
    "casc",
    "casc-configs",
    "casc_configs",
    "jcasc",
    "jenkins-casc",
    "jenkins_casc",
];

/// What `jenkins` is configured by: a chart's values say none of it at this place.
const SETTINGS: [&str; 16] = [
    "agentProtocols",
    "authorizationStrategy",
    "clouds",
    "crumbIssuer",
    "disableRememberMe",
    "globalNodeProperties",
    "labelString",
    "markupFormatter",
    "mode",
    "nodes",
    "numExecutors",
    "primaryView",
    "projectNamingStrategy",
    "quietPeriod",
    "securityRealm",
    "systemMessage",
];

/// What a file may hold, by its name and where it is.
fn language(path: &BStr) -> Option<Language> {
    let name = file_name(path).to_str_lossy().to_lowercase();
    if [".groovy", ".jobdsl"].iter().any(|end| name.ends_with(end)) {
        return Some(Language::JobDsl);
    }
    let stem = name.split('.').next().unwrap_or_default();
    let parts = components(parent(path));
    let placed = parts
        .iter()
        .any(|part| DIRECTORIES.contains(&part.as_str()));
    let called = stem == "jenkins" || stem.starts_with("casc") || stem.starts_with("jcasc");
    (is_manifest_name(path) && (placed || called)).then_some(Language::Casc)
}

/// Whether a file may hold something of Jenkins', by its name.
pub(super) fn is_named(path: &BStr) -> bool {
    language(path).is_some()
}

/// Whether two versions of a file are as much of Jenkins' (and of Kubernetes') as each other.
pub(super) fn is_same(
    reader: &Reader,
    renderer: &Renderer,
    path: &BStr,
    before: Oid,
    after: Oid,
) -> Result<bool> {
    let holds = |blob| holds(reader, renderer, path, blob);
    let outline = |blob| renderer.outline(reader, blob);
    let manifest = is_manifest_name(path);
    Ok(holds(before)? == holds(after)? && (!manifest || outline(before)? == outline(after)?))
}

/// The language whose items a file does hold.
fn holds(reader: &Reader, renderer: &Renderer, path: &BStr, blob: Oid) -> Result<Option<Language>> {
    let Some(language) = language(path) else {
        return Ok(None);
    };
    if language == Language::Casc && !renderer.outline(reader, blob)?.objects.is_empty() {
        return Ok(None);
    }
    let parsed = renderer.items(reader, blob, language)?;
    let mut documents = parsed.manifest.documents.iter();
    if language == Language::JobDsl {
        return Ok(documents.next().map(|_| language));
    }
    let found = documents.any(|document| {
        let object = &document.object;
        let section = object.id.name.as_str();
        let root = &object.root;
        let settings = || {
            root.as_map()
                .is_some_and(|map| map.keys().any(|key| is_setting(key)))
        };
        SECTIONS.contains(&section) && (section != "jenkins" || settings())
    });
    Ok(found.then_some(language))
}

fn is_setting(key: &str) -> bool {
    SETTINGS.contains(&key)
}

pub(super) fn detect(tree: &Tree, renderer: &Renderer, draft: &mut Draft) -> Result<()> {
    let charts = chart::directories(tree)?;
    let mut groups: BTreeMap<(Language, RepoPath), Vec<RepoPath>> = BTreeMap::new();
    for (path, kind, blob) in tree.listed_below("".into()) {
        let bytes = path.as_bstr();
        if !matches!(kind, EntryKind::Blob | EntryKind::Executable)
            || !is_named(bytes)
            || is_ignored(path)
            || chart::is_below(path, &charts)
        {
            continue;
        }
        if let Some(language) = holds(tree.reader, renderer, bytes, *blob)? {
            let directory = RepoPath::from(parent(bytes).to_vec());
            groups
                .entry((language, directory))
                .or_default()
                .push(path.clone());
        }
    }
    if groups.is_empty() {
        return Ok(());
    }
    draft.kinds.insert(LayoutKind::Jenkins);
    let siblings = Siblings::of(groups.keys().map(|(_, directory)| components(directory)));
    for ((language, directory), files) in groups {
        let place = Place::of(
            &components(&directory),
            |before, name| siblings.accept(before, name),
            |_, _| true,
        );
        let name = place.app().unwrap_or_else(|| "jenkins".to_owned());
        let environment = place.environment.unwrap_or_else(|| DEFAULT.to_owned());
        let app = beside::app(
            language,
            Deployer::Jenkins,
            (environment, name),
            files.clone(),
            files,
        );
        draft.apps.push(app);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_a_file_may_hold() {
        for path in [
            "casc/a.yaml",
            "jenkins.yaml",
            "x/jenkins.yml",
            "casc-prod.yaml",
            "jcasc/x/y.yml",
        ] {
            assert!(is_named(BStr::new(path)), "{path}");
        }
        for path in [
            "values.yaml",
            "jenkins/values.yaml",
            "casc/readme.md",
            "jenkinsfile.yaml",
        ] {
            assert!(!is_named(BStr::new(path)), "{path}");
        }
        assert!(!is_setting("controller"));
    }
}
