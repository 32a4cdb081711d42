//! What `helm template` reads of a repository: the chart, what is in its `charts/`, the charts it names by `file://`, and
//! values files.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::git::{BStr, BString, ByteSlice, EntryKind, Oid, RepoPath, Result};
use crate::render::fetch::{Fetched, Wanted};
use crate::render::kustomization::display;
use crate::render::tool::Helm;
use crate::render::tree::{Followed, Node, Tree, file_name, join, parent};
use crate::text::clean_line;

/// Links in directories that are links: bounded, as a cycle would go on for ever.
const MAX_DEPTH: usize = 16;

/// The files of a chart and all that a rendering of it needs.
#[derive(Debug, Default)]
pub(in crate::render) struct Charts {
    /// The chart's directory, without links on the way to it.
    pub(in crate::render) root: RepoPath,
    /// Every path that is read, and those that are named and not there.
    pub(in crate::render) closure: BTreeSet<RepoPath>,
    /// Dependencies that lie elsewhere in the repository.
    pub(in crate::render) local: Vec<LocalDependency>,
    /// Packed charts in `charts/`.
    pub(in crate::render) archives: Vec<(RepoPath, Oid)>,
    /// Dependencies that are not in the repository.
    pub(in crate::render) missing: Vec<Wanted>,
    /// The packed chart itself, where it is not in the repository.
    pub(in crate::render) packed: Option<Fetched>,
    /// Dependencies that were fetched.
    pub(in crate::render) fetched: Vec<Fetched>,
    /// (alias, name) of the dependencies that have one.
    pub(in crate::render) aliases: Vec<(String, String)>,
    /// No values schema refers to anything outside of itself.
    pub(in crate::render) schema_is_closed: bool,
    /// Why it must or can not be rendered.
    pub(in crate::render) problems: Vec<String>,
}

/// A chart that `helm dependency build` would pack into `charts/`.
#[derive(Debug)]
pub(in crate::render) struct LocalDependency {
    /// Where it is.
    pub(in crate::render) from: RepoPath,
    /// `CHART/charts/NAME`
    pub(in crate::render) place: RepoPath,
    /// Its files, as they will be called there.
    pub(in crate::render) files: Vec<(RepoPath, Oid)>,
}

/// `Chart.yaml`, and `requirements.yaml` of old charts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Dependency {
    name: String,
    version: String,
    repository: String,
    alias: Option<String>,
}

/// A chart that is not in the repository, and the values files that are.
pub(in crate::render) fn packed(tree: &Tree, chart: Fetched, helm: &Helm) -> Result<Charts> {
    let mut charts = Charts {
        packed: Some(chart),
        ..Charts::default()
    };
    for path in &helm.value_files {
        charts.values(tree, path.as_bstr())?;
    }
    Ok(charts)
}

/// Finds everything that rendering the chart in `directory` with these values reads.
pub(in crate::render) fn charts(tree: &Tree, directory: &BStr, helm: &Helm) -> Result<Charts> {
    let mut charts = Charts {
        schema_is_closed: true,
        ..Charts::default()
    };
    match tree.follow(directory)? {
        Followed::To {
            path,
            node: Node::Directory,
            links,
        } => {
            charts.root = path;
            charts.closure.extend(links);
        }
        // The root of the repository has no entry of its own.
        _ if directory.is_empty() => {}
        _ => {
            charts.closure.insert(directory.into());
            let why = format!("there is no chart in {}", display(directory));
            charts.problems.push(why);
            return Ok(charts);
        }
    }
    let root = charts.root.clone();
    let files = charts.gather(tree, root.as_bstr(), MAX_DEPTH)?;
    for (path, blob) in &files {
        if path.ends_with(b".tgz") && file_name(parent(path.as_bstr())) == "charts" {
            charts.archives.push((path.clone(), *blob));
        }
    }
    charts.dependencies(tree, &files)?;
    for path in &helm.value_files {
        charts.values(tree, path.as_bstr())?;
    }
    Ok(charts)
}

/// Whether a directory is a chart: it has a `Chart.yaml`, or values and templates, and helm will say what it lacks.
pub(crate) fn is_chart(tree: &Tree, directory: &BStr) -> Result<bool> {
    let node = |name: &str| match join(directory, BStr::new(name)) {
        Some(path) => tree.node(path.as_bstr()),
        None => Ok(None),
    };
    Ok(node("Chart.yaml")?.is_some()
        || (!directory.is_empty()
            && matches!(node("values.yaml")?, Some(Node::File(_)))
            && matches!(node("templates")?, Some(Node::Directory))))
}

impl Charts {
    /// Why nothing can be rendered, if so.
    pub(in crate::render) fn why(&self) -> Option<String> {
        (!self.problems.is_empty()).then(|| crate::render::program::sentence(&self.problems))
    }

    /// Every file below a directory, links followed, as helm walks a chart; all go into the closure.
    fn gather(
        &mut self,
        tree: &Tree,
        directory: &BStr,
        depth: usize,
    ) -> Result<Vec<(RepoPath, Oid)>> {
        let mut files = Vec::new();
        for (path, kind, id) in tree.below(directory)? {
            match kind {
                EntryKind::Blob | EntryKind::Executable => {
                    if file_name(path.as_bstr()) == "values.schema.json" {
                        self.schema_is_closed &= is_closed(&tree.reader.blob(id)?);
                    }
                    // What is packed cannot be looked into.
                    self.schema_is_closed &= !path.ends_with(b".tgz");
                    self.closure.insert(path.clone());
                    files.push((path, id));
                }
                EntryKind::Symlink => files.extend(self.link(tree, path, depth)?),
                EntryKind::Tree | EntryKind::Submodule => {}
            }
        }
        Ok(files)
    }

    fn link(&mut self, tree: &Tree, link: RepoPath, depth: usize) -> Result<Vec<(RepoPath, Oid)>> {
        match tree.follow(link.as_bstr())? {
            Followed::To { path, node, links } => {
                self.closure.extend(links);
                match node {
                    Node::File(id) => {
                        self.closure.insert(path);
                        Ok(vec![(link, id)])
                    }
                    Node::Directory if depth == 0 => {
                        let why = format!("{}: links within links", display(link.as_bstr()));
                        self.problems.push(why);
                        Ok(Vec::new())
                    }
                    Node::Directory => {
                        let files = self.gather(tree, path.as_bstr(), depth - 1)?;
                        // As they are called through the link.
                        let seen = files.into_iter().map(|(file, id)| {
                            let mut name = link.clone();
                            name.extend_from_slice(
                                file.strip_prefix(path.as_slice()).unwrap_or(&file),
                            );
                            (name, id)
                        });
                        Ok(seen.collect())
                    }
                    Node::Link(_) | Node::Submodule => Ok(Vec::new()),
                }
            }
            Followed::Escapes(link) => {
                self.closure.insert(link.clone());
                self.problems.push(format!(
                    "{}: this symlink leads out of the repository",
                    display(link.as_bstr())
                ));
                Ok(Vec::new())
            }
            Followed::Missing(path) => {
                self.closure.insert(link);
                self.closure.insert(path);
                Ok(Vec::new())
            }
        }
    }

    fn dependencies(&mut self, tree: &Tree, files: &[(RepoPath, Oid)]) -> Result<()> {
        let mut wanted = Vec::new();
        for name in ["Chart.yaml", "requirements.yaml"] {
            let path = join(self.root.as_bstr(), BStr::new(name)).unwrap_or_default();
            let Some((_, id)) = files.iter().find(|(file, _)| *file == path) else {
                if name == "Chart.yaml" {
                    self.problems.push(format!(
                        "the chart in {} cannot be rendered: it has no Chart.yaml",
                        display(self.root.as_bstr())
                    ));
                    self.closure.insert(path);
                }
                continue;
            };
            // What is wrong with it helm says better.
            let metadata: Option<Metadata> = serde_yaml::from_slice(&tree.reader.blob(*id)?).ok();
            wanted.extend(metadata.unwrap_or_default().dependencies);
        }
        for dependency in wanted {
            if let Some(alias) = dependency.alias {
                self.aliases.push((alias, dependency.name.clone()));
            }
            if self.is_vendored(files, &dependency.name) {
                continue;
            }
            match dependency.repository.strip_prefix("file://") {
                Some(path) => self.local_dependency(tree, &dependency.name, path)?,
                // Helm says that one without a repository is missing.
                None if dependency.repository.is_empty() => {}
                None => self.missing.push(Wanted {
                    repository: match dependency.repository.starts_with("oci://") {
                        true => {
                            let registry = dependency.repository.trim_end_matches('/');
                            format!("{registry}/{}", dependency.name)
                        }
                        false => dependency.repository,
                    },
                    name: dependency.name,
                    version: dependency.version,
                }),
            }
        }
        Ok(())
    }

    /// Whether `charts/` holds a chart of this name, unpacked or packed.
    fn is_vendored(&self, files: &[(RepoPath, Oid)], name: &str) -> bool {
        let Some(place) = join(self.root.as_bstr(), BStr::new(&format!("charts/{name}"))) else {
            return false;
        };
        files.iter().any(|(path, _)| {
            path.strip_prefix(place.as_slice()).is_some_and(|rest| {
                let packed = rest.strip_prefix(b"-").is_some_and(|version| {
                    let version = version.strip_prefix(b"v").unwrap_or(version);
                    version.first().is_some_and(u8::is_ascii_digit) && !version.contains(&b'/')
                });
                rest.starts_with(b"/") || (packed && rest.ends_with(b".tgz"))
            })
        })
    }

    fn local_dependency(&mut self, tree: &Tree, name: &str, path: &str) -> Result<()> {
        let strange = name.is_empty() || name.contains('/') || name == "..";
        let place = join(self.root.as_bstr(), BStr::new(&format!("charts/{name}")));
        let from = join(self.root.as_bstr(), BStr::new(path));
        let (Some(place), Some(from), false) = (place, from, strange) else {
            self.problems.push(format!(
                "its chart needs {}, which is outside of the repository",
                clean_line(path)
            ));
            return Ok(());
        };
        let from = match tree.follow(from.as_bstr())? {
            Followed::To {
                path,
                node: Node::Directory,
                links,
            } => {
                self.closure.extend(links);
                path
            }
            _ => {
                self.closure.insert(from.clone());
                self.problems.push(format!(
                    "its chart needs {}, which does not exist",
                    display(from.as_bstr())
                ));
                return Ok(());
            }
        };
        // A chart that depends on a directory around itself: as it is written, it holds itself.
        let files = self.gather(tree, from.as_bstr(), MAX_DEPTH)?;
        let renamed = files.into_iter().map(|(file, id)| {
            let rest = file.strip_prefix(from.as_slice()).unwrap_or(&file);
            let mut name = BString::from(place.to_vec());
            if !rest.starts_with(b"/") {
                name.push(b'/');
            }
            name.extend_from_slice(rest);
            (name, id)
        });
        self.local.push(LocalDependency {
            files: renamed.collect(),
            from,
            place,
        });
        Ok(())
    }

    fn values(&mut self, tree: &Tree, path: &BStr) -> Result<()> {
        match tree.follow(path)? {
            Followed::To { path, links, .. } => {
                self.closure.extend(links);
                self.closure.insert(path);
            }
            Followed::Missing(missing) => {
                self.closure.insert(missing);
                let why = format!("its values file {} does not exist", display(path));
                self.problems.push(why);
            }
            Followed::Escapes(link) => {
                self.closure.insert(link.clone());
                self.problems.push(format!(
                    "{}: this symlink leads out of the repository",
                    display(link.as_bstr())
                ));
            }
        }
        Ok(())
    }
}

/// Whether a JSON schema refers to nothing but itself and the standard's own: helm would read files and ask servers.
fn is_closed(schema: &[u8]) -> bool {
    let text = schema.to_str_lossy();
    let values = |key: &'static str| {
        text.match_indices(key).map(|(at, _)| {
            let rest = text[at + key.len()..].trim_start_matches(['"', ' ', '\t', '\n', '\r']);
            let rest = rest.strip_prefix(':').unwrap_or_default().trim_start();
            rest.strip_prefix('"').unwrap_or_default()
        })
    };
    let itself = |value: &str| value.starts_with('#');
    let standard = |value: &str| {
        value.starts_with("http://json-schema.org/")
            || value.starts_with("https://json-schema.org/")
    };
    // A key can be spelled with escapes.
    !text.contains("\\u")
        && values("$ref").all(itself)
        && values("Ref").all(itself)
        && values("$schema").all(standard)
}

#[cfg(test)]
mod tests {
    use super::is_closed;

    #[test]
    fn a_schema_that_reaches_out_is_seen() {
        for (schema, closed) in [
            (r#"{"type": "object"}"#, true),
            (
                r##"{"$ref": "#/definitions/a", "$schema": "http://json-schema.org/draft-07/schema#"}"##,
                true,
            ),
            (r#"{"$ref": "file:///etc/passwd"}"#, false),
            (r#"{"$ref" : "http://127.0.0.1/"}"#, false),
            (r#"{"$schema": "http://127.0.0.1/x"}"#, false),
            (r#"{"\u0024ref": "file:///etc/passwd"}"#, false),
            (r#"{"$dynamicRef": "other.json"}"#, false),
        ] {
            assert_eq!(is_closed(schema.as_bytes()), closed, "{schema}");
        }
    }
}
