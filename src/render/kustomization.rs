//! Kustomization files: what they name, and how they change what they name.
//!
//! `kustomize` has no command that tells which files a build reads, and the closure is what makes caching, exporting and
//! "which app does this commit touch" possible. Only references are read here; what they mean is the tool's business, and
//! where they lead is `walk`'s. Source of the fields: kustomize `api/types/kustomization.go`.

mod walk;

use std::sync::Arc;

use serde::Deserialize;
use serde_yaml::Value;

use crate::git::{BStr, ByteSlice};
pub(crate) use walk::{Remote, Walk, files_in, link_out, walk, walk_with};

/// The names kustomize looks for (`konfig.RecognizedKustomizationFileNames`). More than one in a directory is an error.
const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// The kinds of what generators make.
pub(crate) const GENERATED: [&str; 2] = ["ConfigMap", "Secret"];

/// The largest kustomization seen in public has 700 lines.
const MAX_BYTES: usize = 4 << 20;

/// What one kustomization file names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Kustomization {
    /// `kind: Component`: part of other kustomizations, never built itself.
    pub(crate) component: bool,
    /// A Flux object that happens to be in a file of this name.
    pub(crate) flux: bool,
    pub(crate) namespace: Option<String>,
    /// Files, directories or URLs.
    resources: Vec<String>,
    components: Vec<String>,
    /// Generators, transformers, validators: files, directories, or inline text.
    plugins: Vec<String>,
    /// Patches, generators' inputs, …: files, or inline text.
    files: Vec<String>,
    helm: bool,
    /// Which objects its patches are for.
    pub(crate) patched: Vec<Patched>,
    /// It renames objects, or changes them in ways that only kustomize knows (replacements, transformers).
    pub(crate) rewrites: bool,
    /// It puts what one object says into another (replacements, variables), or has plugins do whatever they do.
    pub(crate) takes_from_others: bool,
    /// It says which files there are, and nothing else.
    pub(crate) only_gathers: bool,
    /// Its objects are called like those in the files it names, and it makes none itself but ConfigMaps and Secrets; unless
    /// `operations` do otherwise.
    pub(crate) keeps_names: bool,
    /// Files that may hold lists of operations ([`renames`]).
    pub(crate) operations: Vec<String>,
    /// It makes objects of the [`GENERATED`] kinds.
    pub(crate) makes_config: bool,
    /// Every text in it that goes up (`..`) or is an absolute path, whatever it means.
    reaching: Vec<String>,
    /// Why it cannot be read; never quotes it.
    broken: Option<String>,
}

impl Kustomization {
    /// Whether both name the same resources and components.
    pub(crate) fn gathers_like(&self, other: &Kustomization) -> bool {
        self.resources == other.resources && self.components == other.components
    }
}

/// Which objects a patch is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Patched {
    /// A kind, or a regular expression for kinds.
    Kind(String),
    /// What the patch in this file is called like.
    File(String),
    Any,
}

pub(crate) fn is_kustomization_name(name: &BStr) -> bool {
    NAMES.iter().any(|known| name == *known)
}

/// Whether two kustomization files are the same but for some fields.
pub(crate) fn differ_only_in(fields: &[&str], before: &[u8], after: &[u8]) -> bool {
    let rest = |text: &[u8]| {
        let Ok(Value::Mapping(mut all)) = serde_yaml::from_slice::<Value>(text) else {
            return None;
        };
        all.retain(|key, _| !key.as_str().is_some_and(|key| fields.contains(&key)));
        Some(all)
    };
    let (before, after) = (rest(before), rest(after));
    before.is_some() && before == after
}

/// A path in a sentence.
pub(crate) fn display(path: &BStr) -> String {
    if path.is_empty() {
        "the repository's root".to_owned()
    } else {
        crate::text::clean_line(&path.to_str_lossy())
    }
}

/// A URL without user, password and query.
pub(crate) fn without_credentials(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let url = &url[..end];
    let (scheme, rest) = url
        .split_once("://")
        .map_or(("", url), |(scheme, rest)| (scheme, rest));
    let host_end = rest.find('/').unwrap_or(rest.len());
    let rest = rest[..host_end]
        .rfind('@')
        .map_or(rest, |at| &rest[at + 1..]);
    let separator = if scheme.is_empty() { "" } else { "://" };
    crate::text::clean_line(&format!("{scheme}{separator}{rest}"))
}

/// Reads a kustomization file.
pub(crate) fn parse(bytes: &[u8]) -> Arc<Kustomization> {
    if bytes.len() > MAX_BYTES {
        return Arc::new(Kustomization {
            broken: Some(format!("it is larger than {} MiB", MAX_BYTES >> 20)),
            ..Kustomization::default()
        });
    }
    let mut value = match serde_yaml::from_slice::<Value>(bytes) {
        Ok(value) => value,
        Err(error) => {
            let at = error
                .location()
                .map_or(String::new(), |at| format!(" (line {})", at.line()));
            return Arc::new(Kustomization {
                broken: Some(format!("it is not valid YAML{at}")),
                ..Kustomization::default()
            });
        }
    };
    // As Go's reader does: what is merged in names files too.
    if value.apply_merge().is_err() {
        return Arc::new(Kustomization {
            broken: Some("it merges what cannot be merged".to_owned()),
            ..Kustomization::default()
        });
    }
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let mut kustomization = Kustomization {
        component: text("kind") == Some("Component"),
        flux: text("apiVersion").is_some_and(|version| version.contains(".toolkit.fluxcd.io/")),
        namespace: text("namespace")
            .filter(|namespace| !namespace.is_empty())
            .map(str::to_owned),
        components: strings(&value, "components"),
        ..Kustomization::default()
    };
    for key in ["resources", "bases"] {
        kustomization.resources.extend(strings(&value, key));
    }
    for key in ["generators", "transformers", "validators"] {
        kustomization.plugins.extend(strings(&value, key));
    }
    let files = &mut kustomization.files;
    for key in ["patchesStrategicMerge", "crds", "configurations"] {
        files.extend(strings(&value, key));
    }
    // `patches` was once a list of paths.
    files.extend(strings(&value, "patches"));
    for key in ["patches", "patchesJson6902", "replacements"] {
        for item in items(&value, key) {
            files.extend(string(item, "path"));
        }
    }
    for key in ["configMapGenerator", "secretGenerator"] {
        for generator in items(&value, key) {
            for file in strings(generator, "files") {
                // `key=path`
                let path = file.split_once('=').map_or(file.as_str(), |(_, path)| path);
                files.push(path.to_owned());
            }
            files.extend(strings(generator, "envs"));
            files.extend(string(generator, "env"));
        }
    }
    if let Some(openapi) = value.get("openapi") {
        files.extend(string(openapi, "path"));
    }
    for key in ["helmCharts", "helmChartInflationGenerator"] {
        for chart in items(&value, key) {
            kustomization.helm = true;
            files.extend(string(chart, "valuesFile"));
            files.extend(string(chart, "values"));
            files.extend(strings(chart, "additionalValuesFiles"));
        }
    }
    reaching(&value, &mut kustomization.reaching);
    kustomization.patched = patched(&value);
    let says = |key: &&str| value.get(*key).is_some_and(|value| !value.is_null());
    kustomization.takes_from_others = ["generators", "replacements", "transformers", "vars"]
        .iter()
        .any(&says);
    kustomization.rewrites = [
        "namePrefix",
        "nameSuffix",
        "replacements",
        "transformers",
        "vars",
    ]
    .iter()
    .any(&says);
    let patches: Vec<&Value> = ["patches", "patchesJson6902"]
        .iter()
        .flat_map(|key| items(&value, key))
        .collect();
    let renamed = |patch: &&Value| string(patch, "patch").is_some_and(|patch| renames(&patch));
    kustomization.operations = patches
        .iter()
        .filter_map(|item| item.as_str().map(str::to_owned).or(string(item, "path")))
        .collect();
    kustomization.keeps_names = !kustomization.rewrites
        && !kustomization.helm
        && !patches.iter().any(renamed)
        && !says(&"generators")
        && !bytes.contains_str("allowNameChange");
    kustomization.makes_config = ["configMapGenerator", "secretGenerator"].iter().any(says);
    const GATHERING: [&str; 5] = ["apiVersion", "kind", "metadata", "resources", "bases"];
    kustomization.only_gathers = !kustomization.component
        && value.as_mapping().is_some_and(|fields| {
            fields.iter().all(|(key, value)| {
                value.is_null() || key.as_str().is_some_and(|key| GATHERING.contains(&key))
            })
        });
    Arc::new(kustomization)
}

/// Which objects a kustomization's patches are for.
fn patched(kustomization: &Value) -> Vec<Patched> {
    let merged = |patch: &str| match patch.contains('\n') || patch.trim_start().starts_with('{') {
        true => kind_of(patch),
        false => Patched::File(patch.to_owned()),
    };
    let mut found: Vec<Patched> = ["patchesStrategicMerge", "patches"]
        .iter()
        .flat_map(|key| strings(kustomization, key))
        .map(|patch| merged(&patch))
        .collect();
    for key in ["patches", "patchesJson6902"] {
        for item in items(kustomization, key).filter(|item| item.is_mapping()) {
            found.push(match item.get("target") {
                Some(target) => string(target, "kind").map_or(Patched::Any, Patched::Kind),
                None => match (string(item, "path"), string(item, "patch")) {
                    (Some(path), _) => Patched::File(path),
                    (None, Some(patch)) => kind_of(&patch),
                    (None, None) => Patched::Any,
                },
            });
        }
    }
    found
}

/// The kind that a strategic merge patch names.
pub(crate) fn kind_of(patch: &str) -> Patched {
    serde_yaml::from_str::<Value>(patch)
        .ok()
        .and_then(|patch| string(&patch, "kind"))
        .map_or(Patched::Any, Patched::Kind)
}

/// Whether a patch may give objects another name or kind: a list of operations may (RFC 6902), where a strategic merge is told
/// to keep them (kustomize `api/internal/builtins/PatchTransformer.go`).
pub(crate) fn renames(patch: &str) -> bool {
    const NAMING: [&str; 5] = ["", "/apiVersion", "/kind", "/metadata", "/metadata/name"];
    // Asked of every app for each resource that is looked for: few say any of this, in whatever spelling.
    const HINTS: [&str; 6] = ["''", "\"\"", "\\", "/apiVersion", "/kind", "/metadata"];
    if !HINTS.iter().any(|hint| patch.contains(hint)) {
        return false;
    }
    let names = |operation: &Value| {
        let mut paths = ["path", "from"].into_iter();
        paths.any(|key| string(operation, key).is_some_and(|path| NAMING.contains(&&*path)))
    };
    let mut documents = serde_yaml::Deserializer::from_str(patch).map(Value::deserialize);
    documents.any(|document| match document {
        Ok(Value::Sequence(operations)) => operations.iter().any(names),
        Ok(_) => false,
        Err(_) => true,
    })
}

/// Gathers every text that, taken for a path (or `key=path`), goes up or is absolute: field names are not looked at, for
/// Go's reader takes them in any case.
fn reaching(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            let path = text
                .rsplit_once('=')
                .map_or(text.as_str(), |(_, path)| path);
            let out =
                |text: &str| text.starts_with('/') || text.split('/').any(|part| part == "..");
            found.extend(
                [text.as_str(), path]
                    .into_iter()
                    .find(|text| out(text))
                    .map(str::to_owned),
            );
        }
        Value::Sequence(items) => items.iter().for_each(|item| reaching(item, found)),
        Value::Mapping(map) => map.values().for_each(|item| reaching(item, found)),
        Value::Tagged(tagged) => reaching(&tagged.value, found),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(key)
        .and_then(Value::as_sequence)
        .into_iter()
        .flatten()
}

/// The strings of a list; items of another shape are left out.
fn strings(value: &Value, key: &str) -> Vec<String> {
    items(value, key)
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn string(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_operations_on_names_rename() {
        let renaming = [
            "[{op: replace, path: /metadata/name, value: b}]",
            r#"[{"op": "add", "path": "/metadata", "value": {"name": "b"}}]"#,
            "- {op: test, path: /a, value: b}\n- {op: move, from: /kind, path: /spec}\n",
            "kind: Deployment\n---\n- {op: copy, from: /spec, path: ''}\n",
            r#"[{"op": "replace", "path": "\/metadata\/name", "value": "b"}]"#,
            "[{op: replace, path: /metadata",
        ];
        for patch in renaming {
            assert!(renames(patch), "{patch}");
        }
        let others = [
            "kind: Deployment\nmetadata: {name: b}\n",
            "kind: A\n---\nkind: B\n",
            "[{op: replace, path: /metadata/namespace, value: b}]",
            "- {op: add, path: /metadata/labels/name, value: b}\n",
            "",
        ];
        for patch in others {
            assert!(!renames(patch), "{patch}");
        }
    }

    #[test]
    fn every_field_that_names_a_file_is_read() {
        let parsed = parse(
            br#"
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: shop
resources: [a.yaml, ../base]
bases: [../old]
components: [../parts]
generators: [gen.yaml]
transformers: [trans]
validators: ["apiVersion: v1\nkind: Check\n"]
patches:
- path: p1.yaml
- patch: |-
    - op: remove
- p0.yaml
patchesStrategicMerge: [p2.yaml]
patchesJson6902:
- path: p3.json
  target: {kind: Deployment}
replacements:
- path: r.yaml
- source: {kind: ConfigMap}
crds: [crd.json]
configurations: [c.yaml]
openapi: {path: schema.json}
configMapGenerator:
- name: a
  files: [one.conf, two=files/2.conf]
  envs: [e1.env]
  env: e2.env
secretGenerator:
- name: s
  files: [tls.key]
  literals: [a=b]
helmCharts:
- name: x
  valuesFile: values.yaml
  additionalValuesFiles: [more.yaml]
"#,
        );
        assert_eq!(parsed.namespace.as_deref(), Some("shop"));
        assert_eq!(parsed.resources, ["a.yaml", "../base", "../old"]);
        assert_eq!(parsed.components, ["../parts"]);
        assert_eq!(parsed.plugins.len(), 3);
        assert_eq!(
            parsed.files,
            [
                "p2.yaml",
                "crd.json",
                "c.yaml",
                "p0.yaml",
                "p1.yaml",
                "p3.json",
                "r.yaml",
                "one.conf",
                "files/2.conf",
                "e1.env",
                "e2.env",
                "tls.key",
                "schema.json",
                "values.yaml",
                "more.yaml"
            ]
        );
        assert!(parsed.helm && !parsed.component && parsed.broken.is_none());
    }

    #[test]
    fn a_broken_one_says_where_without_quoting_it() {
        let parsed = parse(b"resources:\n- a\n  hunter2: [\n");
        let why = parsed.broken.clone().unwrap_or_default();
        assert!(why.contains("line"), "{why}");
        assert!(!why.contains("hunter2"), "{why}");
    }

    #[test]
    fn a_remote_is_named_without_its_credentials() {
        assert_eq!(
            without_credentials("https://user:hunter2@host/a/b?token=x"),
            "https://host/a/b"
        );
        assert_eq!(
            without_credentials("github.com/a/b?ref=v1"),
            "github.com/a/b"
        );
        assert_eq!(without_credentials("git@github.com:a/b"), "github.com:a/b");
    }
}
