//! `helm template`: charts that are in the repository, with the values a deployer gives them.
//!
//! Bare helm: no cluster to look things up in, no plugins, no post-renderer, no repositories. A chart's dependencies are
//! those in its `charts/`, and `file://` ones are put there as `helm dependency build` would; one that is neither is said.
//! Helm reads what the closure names and nothing else; a values schema that refers to other places is not followed.

mod chart;
mod values;

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::export::{Export, ExportError};
use super::fetch::{Fetched, Wanted};
use super::kustomization::display;
use super::program::{self, Program, Run};
use super::tool::{Chart, Helm};
use super::tools::Tools;
use super::tree::{Followed, Node, Tree, join};
use super::{By, Error, Made, Recipe, RenderedObject, Renderer, Rendering, Source};
use crate::git::{BStr, ByteSlice, RepoPath, Result};
use crate::manifest;
use crate::task::Cancel;
pub(super) use chart::Charts;
pub(super) use chart::charts;
pub(crate) use chart::is_chart;
use chart::packed;
pub(super) use values::{json, texts};

/// `helm`, or why there is none.
pub(super) fn find(tools: &Tools) -> std::result::Result<Program, String> {
    let version = |file: &Path, is_confined: bool| {
        let answer = program::ask(file, is_confined, &["version", "--short"])?;
        Some(program::version_in(&answer))
    };
    match tools.find("helm", "helm", version) {
        Ok(Some(program)) => Ok(program),
        Ok(None) => Err("helm is not installed".to_owned()),
        Err(()) => Err("helm does not run".to_owned()),
    }
}

/// Renders the chart, or says why not: the sources of a chart are templates, no objects that could be shown instead.
pub(super) fn render(
    tree: &Tree,
    recipe: &Recipe,
    helm: &Helm,
    charts: &Charts,
    values: &[String],
    renderer: &Renderer,
    cancel: &Cancel,
) -> std::result::Result<Made, Error> {
    if let Some(why) = charts.why() {
        return Ok(Made::failed(why, By::Installation));
    }
    let program = match renderer.tools.helm() {
        Ok(program) => program,
        Err(why) => return Ok(Made::failed(why.to_owned(), By::Installation)),
    };
    let (export, arguments) = match prepare(tree, recipe, helm, charts, values) {
        Ok(prepared) => prepared,
        Err(ExportError::Git(error)) => return Err(error.into()),
        Err(error) => return Ok(Made::failed(error.to_string(), error.by())),
    };
    let mut readable = vec![export.directory()];
    readable.extend(charts.packed.iter().map(|packed| packed.file.as_path()));
    let run = Run {
        program: &program.file,
        arguments,
        directory: Some(export.root()),
        environment: Vec::new(),
        confined: program.confined(&readable),
        cancel,
    };
    let output = match run.output()? {
        Ok(output) => output,
        Err(failure) => {
            let why = match super::secrets::may_hold(tree, &charts.closure, renderer)? {
                true => format!(
                    "helm template failed; its message is not shown because the sources hold secret values. To see it: helm \
                     template {}",
                    display(charts.root.as_bstr())
                ),
                false => program::readable(&failure.message, &export),
            };
            return Ok(Made::failed(why, failure.by));
        }
    };
    let built = manifest::parse(&output, renderer.masking());
    if !built.broken.is_empty() {
        let why = "what helm gives cannot be read".to_owned();
        return Ok(Made::failed(why, By::Files));
    }
    let mut objects = Vec::new();
    for document in built.documents {
        let source = template_of(&output, document.bytes.start)
            .map(|named| charts.source(tree, named))
            .transpose()?
            .flatten();
        objects.push(RenderedObject {
            object: super::placed(document.object, recipe.namespace.as_deref()),
            source,
        });
    }
    let rendering = Rendering {
        objects,
        how: program.how(),
        broken: Vec::new(),
    };
    Ok(rendering.into())
}

/// The files on disk, and helm's arguments.
fn prepare(
    tree: &Tree,
    recipe: &Recipe,
    helm: &Helm,
    charts: &Charts,
    values: &[String],
) -> std::result::Result<(Export, Vec<OsString>), ExportError> {
    let export = Export::of(tree, &charts.closure)?;
    for dependency in &charts.local {
        for (path, blob) in &dependency.files {
            export.write(path.as_bstr(), &tree.reader.blob(*blob)?)?;
        }
    }
    for (index, fetched) in charts.fetched.iter().enumerate() {
        let name = format!("charts/fetched-{index}.tgz");
        if let Some(place) = join(charts.root.as_bstr(), BStr::new(&name)) {
            export.write(place.as_bstr(), &std::fs::read(&fetched.file)?)?;
        }
    }
    let chart = match &charts.packed {
        Some(packed) => packed.file.clone(),
        None => export.path(charts.root.as_bstr())?,
    };
    let mut arguments: Vec<OsString> = ["template", "--skip-tests"].map(Into::into).into();
    let mut flag = |name: &str, value: &OsStr| {
        let mut flag = OsString::from(name);
        flag.push("=");
        flag.push(value);
        arguments.push(flag);
    };
    if let Some(namespace) = &recipe.namespace {
        flag("--namespace", namespace.as_ref());
    }
    if !helm.skip_crds {
        flag("--include-crds", "true".as_ref());
    }
    if helm.skip_schema_validation || !charts.schema_is_closed || !charts.fetched.is_empty() {
        flag("--skip-schema-validation", "true".as_ref());
    }
    if let Some(version) = &helm.kube_version {
        flag("--kube-version", version.as_ref());
    }
    for version in &helm.api_versions {
        flag("--api-versions", version.as_ref());
    }
    for path in &helm.value_files {
        flag("--values", export.path(path.as_bstr())?.as_os_str());
    }
    for (index, values) in values.iter().enumerate() {
        let path = export.aside(&format!("values-{index}.yaml"), values.as_bytes())?;
        flag("--values", path.as_os_str());
    }
    for (name, value, is_string) in &helm.parameters {
        let name_of_flag = if *is_string { "--set-string" } else { "--set" };
        let set = format!("{name}={}", escaped(value));
        flag(name_of_flag, set.as_ref());
    }
    arguments.push("--".into());
    arguments.push(helm.release.clone().into());
    arguments.push(chart.into_os_string());
    Ok((export, arguments))
}

/// A value as Argo CD hands it to `--set` (`cleanSetParameters`): commas divide values there, except in a list.
fn escaped(value: &str) -> String {
    if value.starts_with('{') && value.ends_with('}') {
        return value.to_owned();
    }
    let mut escaped = String::with_capacity(value.len());
    let mut before = None;
    for letter in value.chars() {
        if letter == ',' && before != Some('\\') {
            escaped.push('\\');
        }
        escaped.push(letter);
        before = Some(letter);
    }
    escaped
}

/// The template that helm names above a document: `# Source: shop/charts/db/templates/x.yaml`.
pub(super) fn template_of(output: &[u8], document: usize) -> Option<&BStr> {
    let start = output.get(document..)?;
    // The comment is part of the document, or stands right before it.
    let comment = |text: &'_ [u8]| text.starts_with(b"# Source: ");
    let line = match comment(start) {
        true => start.lines().next()?,
        false => output[..document]
            .lines()
            .next_back()
            .filter(|line| comment(line))?,
    };
    line.strip_prefix(b"# Source: ")
        .map(|path| path.trim().as_bstr())
}

impl Charts {
    /// The file behind a name that helm prints, where the repository has it.
    pub(super) fn source(&self, tree: &Tree, named: &BStr) -> Result<Option<Source>> {
        if self.packed.is_some() {
            return Ok(None);
        }
        // The first part is the chart's name.
        let Some((_, inside)) = named.split_once_str("/") else {
            return Ok(None);
        };
        let inside = self.with_names(inside.as_bstr());
        let Some(mut path) = join(self.root.as_bstr(), inside.as_bstr()) else {
            return Ok(None);
        };
        for dependency in &self.local {
            let place = dependency.place.as_bstr();
            if super::tree::is_within(&path, place) {
                let mut original = dependency.from.clone();
                original.extend_from_slice(&path[place.len()..]);
                path = original;
                break;
            }
        }
        match tree.follow(path.as_bstr())? {
            Followed::To {
                path,
                node: Node::File(blob),
                ..
            } => Ok(Some(Source {
                path,
                blob,
                document: None,
            })),
            _ => Ok(self.archive(path.as_bstr())),
        }
    }

    /// `charts/ALIAS/…` as it is called in the repository: `charts/NAME/…`.
    fn with_names(&self, path: &BStr) -> RepoPath {
        let renamed = self.aliases.iter().find_map(|(alias, name)| {
            let rest = path.strip_prefix(format!("charts/{alias}/").as_bytes())?;
            let mut path = RepoPath::from(format!("charts/{name}/"));
            path.extend_from_slice(rest);
            Some(path)
        });
        renamed.unwrap_or_else(|| path.into())
    }

    /// The packed chart that a template is in: `charts/redis-17.1.0.tgz` holds what helm calls `charts/redis/…`.
    fn archive(&self, path: &BStr) -> Option<Source> {
        let (archive, blob) = self.archives.iter().find(|(archive, _)| {
            let directory = super::tree::parent(archive.as_bstr());
            let inside = path
                .strip_prefix(directory.as_bytes())
                .and_then(|rest| rest.strip_prefix(b"/"));
            let name = inside.and_then(|rest| rest.split_str("/").next());
            let version = name.and_then(|name| {
                let packed = super::tree::file_name(archive.as_bstr());
                packed.strip_prefix(name)?.strip_prefix(b"-")
            });
            version.is_some_and(|version| version.first().is_some_and(u8::is_ascii_digit))
        })?;
        Some(Source {
            path: archive.clone(),
            blob: *blob,
            document: None,
        })
    }
}

/// A chart from elsewhere, or why it is not here.
pub(super) fn fetch(
    renderer: &Renderer,
    wanted: &Wanted,
    cancel: &Cancel,
) -> std::result::Result<std::result::Result<Fetched, String>, Error> {
    match &renderer.fetches {
        Some(fetches) => fetches.chart(renderer.tools.helm(), wanted, cancel),
        None => Ok(Err(format!(
            "{}: `--allow-network` fetches it",
            wanted.describe()
        ))),
    }
}

/// The chart and all it needs, fetched where that is allowed; or why that is not to be had.
pub(super) fn find_charts(
    tree: &Tree,
    helm: &Helm,
    renderer: &Renderer,
    cancel: &Cancel,
) -> std::result::Result<std::result::Result<Charts, String>, Error> {
    let fetch = |wanted: &Wanted| fetch(renderer, wanted, cancel);
    match &helm.chart {
        Chart::Local(path) => {
            let mut charts = charts(tree, path.as_bstr(), helm)?;
            let mut missing = Vec::new();
            for wanted in &charts.missing {
                match fetch(wanted)? {
                    Ok(fetched) => charts.fetched.push(fetched),
                    Err(why) => missing.push(format!("its chart needs {why}")),
                }
            }
            charts.problems.extend(missing);
            Ok(Ok(charts))
        }
        Chart::Remote {
            repository,
            name,
            version,
        } => {
            let wanted = Wanted {
                repository: repository.clone(),
                name: name.clone(),
                version: version.clone().unwrap_or_default(),
            };
            match fetch(&wanted)? {
                Ok(fetched) => Ok(Ok(packed(tree, fetched, helm)?)),
                Err(why) => Ok(Err(format!("its chart is not in this repository, {why}"))),
            }
        }
        Chart::Unknown(why) => Ok(Err(crate::text::clean_line(why))),
    }
}
