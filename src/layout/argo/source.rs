//! What a source of an Argo CD Application says, as a recipe. Sources: argo-cd `pkg/apis/application/v1alpha1/types.go`,
//! `docs/user-guide/tool_detection.md`, `util/kustomize/kustomize.go`, `reposerver/repository/repository.go`.

use std::collections::BTreeMap;

use crate::git::{BStr, ByteSlice, RepoPath, Result, glob_matches};
use crate::layout::own::{self, Own};
use crate::manifest::Node;
use crate::render::is_chart;
use crate::render::kustomization::{Walk, files_in, walk_with};
use crate::render::tree::{Node as Entry, Tree, file_name, is_manifest_name, join, parent};
use crate::render::{
    Additions, Chart, Helm, Image, Labels, Patch, Recipe, Renderer, Rules, Tool, Values,
};

/// Everything that sources are read against.
pub(super) struct Reader<'a> {
    pub(super) tree: &'a Tree<'a>,
    pub(super) renderer: &'a Renderer,
    pub(super) own: &'a Own,
}

/// A source, read.
pub(super) struct Read {
    pub(super) recipe: Recipe,
    /// The directory in this repository, if it is one.
    pub(super) path: Option<RepoPath>,
    pub(super) chart: Option<String>,
    pub(super) version: Option<String>,
    pub(super) notes: Vec<String>,
    /// What a kustomization reads, or the files of a directory.
    pub(super) walk: Option<Walk>,
    pub(super) files: Vec<RepoPath>,
}

/// What an Application says besides its sources.
pub(super) struct Application<'a> {
    pub(super) name: &'a str,
    pub(super) namespace: Option<&'a str>,
    pub(super) sources: &'a [&'a Node],
}

impl Reader<'_> {
    pub(super) fn read(&self, source: &Node, application: &Application) -> Result<Read> {
        let text = |keys: &[&str]| text(source, keys);
        let mut read = Read {
            recipe: Recipe {
                tool: Tool::Plain,
                roots: Vec::new(),
                closure: Vec::new(),
                namespace: application.namespace.map(str::to_owned),
            },
            path: None,
            chart: None,
            version: None,
            notes: Vec::new(),
            walk: None,
            files: Vec::new(),
        };
        let url = text(&["repoURL"]).unwrap_or_default();
        if let Some(chart) = text(&["chart"]) {
            let version = text(&["targetRevision"]).map(str::to_owned);
            let repository = match url {
                url if url.starts_with("https://") || url.starts_with("http://") => url.to_owned(),
                url => format!("oci://{}/{chart}", url.trim_start_matches("oci://")),
            };
            read.chart = Some(chart.to_owned());
            read.version.clone_from(&version);
            let chart = Chart::Remote {
                repository,
                name: chart.to_owned(),
                version,
            };
            self.helm(source, application, None, chart, &mut read)?;
            return Ok(read);
        }
        let written = text(&["path"]).unwrap_or_default();
        let path = own::rooted(written);
        let there = match &path {
            Some(path) => path.is_empty() || self.tree.node(path.as_bstr())?.is_some(),
            None => false,
        };
        let ours = self.own.is(url) || (!self.own.is_known() && there);
        let why = if !ours {
            Some(format!("its sources are in {}", own::display(url)))
        } else if let Some(name) = plugin(source) {
            Some(format!(
                "it is made by the plugin {name}, and plugins are not run"
            ))
        } else if path.is_none() {
            Some("its path leads out of the repository".to_owned())
        } else if !there {
            Some(format!(
                "its path {} is not in the repository",
                crate::text::clean_line(written)
            ))
        } else {
            None
        };
        let Some(path) = path.filter(|_| why.is_none()) else {
            let why = why.unwrap_or_default();
            read.notes.push(match ours && !there {
                true => "its path is not in the repository".to_owned(),
                false => why.clone(),
            });
            read.recipe.tool = Tool::Unavailable(why);
            return Ok(read);
        };
        read.path = Some(path.clone());
        let has = |key: &str| source.get(key).is_some_and(|node| node.as_map().is_some());
        let chart = join(path.as_bstr(), BStr::new("Chart.yaml"));
        let chart = match chart {
            Some(chart) => matches!(self.tree.node(chart.as_bstr())?, Some(Entry::File(_))),
            None => false,
        };
        let kustomization = !files_in(self.tree, path.as_bstr())?.is_empty();
        let explicit = ["helm", "kustomize", "directory"]
            .into_iter()
            .find(|key| has(key));
        // A chart that lost its Chart.yaml is not a directory without manifests.
        let chart = chart || (!kustomization && is_chart(self.tree, path.as_bstr())?);
        match (explicit, chart, kustomization) {
            (Some("helm"), ..) | (None, true, _) => {
                read.chart = path
                    .rsplit_str("/")
                    .next()
                    .map(|name| name.to_str_lossy().into_owned());
                let chart = Chart::Local(path.clone());
                self.helm(source, application, Some(&path), chart, &mut read)?;
                read.recipe.roots.insert(0, path.clone());
                read.recipe.closure.push(path);
            }
            (Some("kustomize"), ..) | (None, false, true) => {
                let additions = additions(source.get("kustomize"));
                let walk = walk_with(self.tree, path.as_bstr(), &additions, self.renderer)?;
                read.recipe.closure = walk.closure.iter().cloned().collect();
                read.recipe.tool = Tool::Kustomize(Box::new(additions));
                read.recipe.roots = vec![path];
                read.walk = Some(walk);
            }
            _ => self.directory(source, &path, &mut read),
        }
        Ok(read)
    }

    fn directory(&self, source: &Node, path: &RepoPath, read: &mut Read) {
        let recurse = source.at(&["directory", "recurse"]).and_then(Node::as_bool) == Some(true);
        let pattern = |key: &str| text(source, &["directory", key]);
        let mut all = true;
        for (file, ..) in self.tree.listed_below(path.as_bstr()) {
            if !is_manifest_name(file.as_bstr()) {
                continue;
            }
            let relative = match path.is_empty() {
                true => file.as_bstr(),
                false => file[path.len() + 1..].as_bstr(),
            };
            let included = pattern("include").is_none_or(|include| any(include, relative))
                && !pattern("exclude").is_some_and(|exclude| any(exclude, relative));
            let direct = parent(file.as_bstr()) == path.as_bstr();
            if included && (recurse || direct) {
                read.files.push(file.clone());
            } else {
                all = false;
            }
        }
        read.recipe.closure.push(path.clone());
        read.recipe.roots = match all {
            true => vec![path.clone()],
            false => read.files.clone(),
        };
    }

    fn helm(
        &self,
        source: &Node,
        application: &Application,
        path: Option<&RepoPath>,
        chart: Chart,
        read: &mut Read,
    ) -> Result<()> {
        let text = |keys: &[&str]| text(source, keys);
        let flag = |key: &str| source.at(&["helm", key]).and_then(Node::as_bool) == Some(true);
        let release = text(&["helm", "releaseName"]).unwrap_or(application.name);
        let mut helm = Helm::new(release.to_owned(), chart);
        for file in items(source, &["helm", "valueFiles"]).filter_map(Node::as_str) {
            let place = match file.strip_prefix('$') {
                Some(named) => self.referenced(named, application),
                None if file.contains("://") => None,
                None => path.and_then(|path| match file.strip_prefix('/') {
                    Some(rooted) => own::rooted(rooted),
                    None => join(path.as_bstr(), BStr::new(file)),
                }),
            };
            match place {
                Some(place) => {
                    read.recipe.closure.push(place.clone());
                    if flag("ignoreMissingValueFiles") && self.tree.node(place.as_bstr())?.is_none()
                    {
                        continue;
                    }
                    read.recipe.roots.push(place.clone());
                    helm.value_files.push(place);
                }
                None => read.notes.push(format!(
                    "its values file {} is not in this repository",
                    crate::text::clean_line(file)
                )),
            }
        }
        let object = source.at(&["helm", "valuesObject"]);
        let values = match object {
            Some(object) => serde_json::to_string(object).ok(),
            None => text(&["helm", "values"]).map(str::to_owned),
        };
        helm.values.extend(values.map(Values::Text));
        for parameter in items(source, &["helm", "parameters"]) {
            let field = |key: &str| parameter.get(key).and_then(scalar);
            if let Some(name) = field("name") {
                let forced = parameter.get("forceString").and_then(Node::as_bool) == Some(true);
                helm.parameters
                    .push((name, field("value").unwrap_or_default(), forced));
            }
        }
        if items(source, &["helm", "fileParameters"]).next().is_some() {
            read.notes
                .push("its fileParameters are not applied".to_owned());
        }
        helm.skip_crds = flag("skipCrds");
        helm.skip_schema_validation = flag("skipSchemaValidation");
        helm.kube_version = text(&["helm", "kubeVersion"]).map(str::to_owned);
        helm.api_versions = items(source, &["helm", "apiVersions"])
            .filter_map(Node::as_str)
            .map(str::to_owned)
            .collect();
        if let Some(namespace) = text(&["helm", "namespace"]) {
            read.recipe.namespace = Some(namespace.to_owned());
        }
        read.recipe.tool = Tool::Helm(Box::new(helm));
        Ok(())
    }

    /// `name/path` of `$name/path`: a file of the source that is called so.
    fn referenced(&self, named: &str, application: &Application) -> Option<RepoPath> {
        let (name, path) = named.split_once('/')?;
        let source = application
            .sources
            .iter()
            .find(|source| text(source, &["ref"]) == Some(name))?;
        let path = own::rooted(path)?;
        let url = text(source, &["repoURL"])?;
        let there = || matches!(self.tree.node(path.as_bstr()), Ok(Some(_)));
        (self.own.is(url) || (!self.own.is_known() && there())).then_some(path)
    }
}

/// What a plugin is called, where one makes the manifests.
fn plugin(source: &Node) -> Option<String> {
    let plugin = source.get("plugin")?;
    plugin.as_map()?;
    let name = plugin
        .get("name")
        .and_then(Node::as_str)
        .unwrap_or("that fits");
    Some(crate::text::clean_line(name))
}

/// `{a,b}` or one pattern, over the path or (without a slash in the pattern) the name of a file.
fn any(patterns: &str, path: &BStr) -> bool {
    let inner = patterns
        .strip_prefix('{')
        .and_then(|patterns| patterns.strip_suffix('}'));
    let patterns: Vec<&str> =
        inner.map_or_else(|| vec![patterns], |list| list.split(',').collect());
    patterns.iter().any(|pattern| {
        let pattern = pattern.trim();
        glob_matches(pattern.as_bytes(), path)
            || (!pattern.contains('/') && glob_matches(pattern.as_bytes(), file_name(path)))
    })
}

fn additions(kustomize: Option<&Node>) -> Additions {
    let Some(node) = kustomize else {
        return Additions {
            rules: Rules::ArgoCd,
            ..Additions::default()
        };
    };
    let owned = |key: &str| text(node, &[key]).map(str::to_owned);
    let flag = |key: &str| node.get(key).and_then(Node::as_bool) == Some(true);
    Additions {
        rules: Rules::ArgoCd,
        namespace: owned("namespace"),
        name_prefix: owned("namePrefix"),
        name_suffix: owned("nameSuffix"),
        images: items(node, &["images"])
            .filter_map(Node::as_str)
            .map(image)
            .collect(),
        replicas: items(node, &["replicas"])
            .filter_map(|item| {
                let count = item.get("count").and_then(scalar)?.parse().ok()?;
                Some((text(item, &["name"])?.to_owned(), count))
            })
            .collect(),
        patches: items(node, &["patches"]).map(patch).collect(),
        components: items(node, &["components"])
            .filter_map(Node::as_str)
            .map(str::to_owned)
            .collect(),
        ignore_missing_components: flag("ignoreMissingComponents"),
        labels: Labels {
            pairs: pairs(node.get("commonLabels")),
            without_selectors: flag("labelWithoutSelector"),
            in_templates: flag("labelIncludeTemplates"),
            force: flag("forceCommonLabels"),
        },
        annotations: pairs(node.get("commonAnnotations")),
        force_annotations: flag("forceCommonAnnotations"),
        ..Additions::default()
    }
}

/// `[name=]image[:tag][@digest]`, as `kustomize edit set image` reads it.
fn image(text: &str) -> Image {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (Some(name), value),
        None => (None, text),
    };
    let (value, digest) = match value.split_once('@') {
        Some((value, digest)) => (value, Some(digest.to_owned())),
        None => (value, None),
    };
    let slash = value.rfind('/').map_or(0, |slash| slash + 1);
    let (value, tag) = match value[slash..].split_once(':') {
        Some((last, tag)) => (&value[..slash + last.len()], Some(tag.to_owned())),
        None => (value, None),
    };
    Image {
        new_name: name.filter(|_| !value.is_empty()).map(|_| value.to_owned()),
        name: name.unwrap_or(value).to_owned(),
        new_tag: tag,
        digest,
    }
}

fn patch(node: &Node) -> Patch {
    let options = node.get("options").and_then(Node::as_map);
    Patch {
        patch: text(node, &["patch"]).unwrap_or_default().to_owned(),
        path: text(node, &["path"]).map(str::to_owned),
        target: node
            .get("target")
            .and_then(|target| serde_json::to_string(target).ok()),
        options: options
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.clone(), value.as_bool()?)))
            .collect(),
    }
}

fn pairs(node: Option<&Node>) -> BTreeMap<String, String> {
    let map = node.and_then(Node::as_map);
    map.into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), scalar(value)?)))
        .collect()
}

/// A scalar as text.
pub(super) fn scalar(node: &Node) -> Option<String> {
    node.as_str()
        .map(str::to_owned)
        .or_else(|| node.as_bool().map(|value| value.to_string()))
        .or_else(|| node.as_i64().map(|value| value.to_string()))
}

/// A text that is not empty.
pub(super) fn text<'n>(node: &'n Node, keys: &[&str]) -> Option<&'n str> {
    node.at(keys)?.as_str().filter(|text| !text.is_empty())
}

pub(super) fn items<'n>(node: &'n Node, keys: &[&str]) -> impl Iterator<Item = &'n Node> {
    node.at(keys).and_then(Node::as_list).into_iter().flatten()
}
