//! Helmfile: which releases a helmfile has, and what it makes of one.
//!
//! A helmfile is a program: its templates run commands and read any file, its hooks run at `build` and `template` alike
//! (helmfile v1.1.7 `pkg/app/run.go`, `pkg/state/state.go`; `HELMFILE_DISABLE_INSECURE_FEATURES` stops the templates only),
//! and it names the helm and the post-renderer it wants. So helmfile runs only where the kernel can hold it
//! ([`Confinement`]): it reads the files that its text names ([`Sources`]), can start helm and kustomize and nothing else,
//! and reaches no server. What it cannot have it says, and that becomes the reason why a release is not rendered.

mod call;
mod guard;
mod old;
mod sources;
mod words;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::export::{Export, ExportError};
use super::fetch::{Fetched, Wanted};
use super::helm::{self, Charts};
use super::program::{self, Program};
use super::tool::{Chart, Helm, Helmfile};
use super::tools::Tools;
use super::tree::{Tree, join, parent};
use super::{By, Error, Made, Recipe, RenderedObject, Renderer, Rendering, stored};
use crate::exec::Confinement;
use crate::git::{BStr, ByteSlice, Oid, RepoPath};
use crate::manifest;
use crate::task::Cancel;
use crate::text::clean_line;
use call::{Call, joined, why};
pub(crate) use sources::{Sources, without_logic};

/// The environment that helmfile takes where none is named.
pub(crate) const DEFAULT: &str = "default";

/// A release as helmfile lists it (`pkg/app/app.go`, `HelmRelease`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Release {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) chart: String,
    pub(crate) version: String,
    enabled: bool,
    installed: bool,
}

/// The releases of a helmfile in an environment, or why they are not known.
pub(crate) type Releases = Result<Vec<Release>, String>;

/// What a release reads at one tree.
pub(super) struct Inputs {
    pub(super) closure: BTreeSet<RepoPath>,
    pub(super) fetched: Option<Fetched>,
    sources: Arc<Sources>,
    /// The charts in the closure.
    charts: Vec<(RepoPath, Charts)>,
    release: Release,
    /// What helmfile tells it from the others by.
    selector: String,
}

/// `helmfile`, or why there is none that may run.
pub(super) fn find(tools: &Tools) -> Result<Program, String> {
    let version = |file: &Path, is_confined: bool| {
        let answer = program::ask(file, is_confined, &["--version"])?;
        Some(program::version_in(&answer))
    };
    match tools.find("helmfile", "helmfile", version) {
        Ok(Some(_)) if !Confinement::is_possible() => Err(
            "helmfile is not run here, for it runs the programs that a helmfile names, and only Linux with Landlock keeps it \
             from that"
                .to_owned(),
        ),
        Ok(Some(program)) => Ok(program),
        Ok(None) => Err("helmfile is not installed".to_owned()),
        Err(()) => Err("helmfile does not run".to_owned()),
    }
}

impl Renderer {
    /// What a helmfile reads at a tree, in one environment or in all. Remembered: each of its releases asks.
    pub(crate) fn helmfile_sources(
        &self,
        tree: &Tree,
        file: &RepoPath,
        environment: Option<&str>,
    ) -> crate::git::Result<Arc<Sources>> {
        let key = (tree.root(), file.clone(), environment.map(str::to_owned));
        if let Some(known) = self.helmfiles.get(&key) {
            return Ok(known);
        }
        let sources = Arc::new(Sources::of(tree, file, environment)?);
        let weight = 1024 + 96 * sources.count();
        self.helmfiles.insert(key, Arc::clone(&sources), weight);
        Ok(sources)
    }

    /// Why helmfile cannot be asked, if so.
    pub(crate) fn why_no_helmfile(&self) -> Option<&str> {
        let missing = self.tools.helmfile().err();
        missing.or_else(|| self.tools.helm().err())
    }

    /// The releases that helmfile lists for an environment, without those that are not to be installed. Remembered by all
    /// that decides it.
    pub(crate) fn helmfile_releases(
        &self,
        tree: &Tree,
        file: &RepoPath,
        sources: &Sources,
        environment: Option<&str>,
        cancel: &Cancel,
    ) -> Result<Arc<Releases>, Error> {
        let (helmfile, helm) = match (self.tools.helmfile(), self.tools.helm()) {
            (Ok(helmfile), Ok(helm)) => (helmfile, helm),
            (Err(why), _) | (_, Err(why)) => return Ok(Arc::new(Err(why.to_owned()))),
        };
        let inputs: Vec<(&RepoPath, Option<Oid>)> = sources
            .state
            .iter()
            .map(|path| Ok((path, tree.id(path.as_bstr())?)))
            .collect::<crate::git::Result<_>>()?;
        let key = stored::listing_key(&format!(
            "{file:?} {environment:?} {} {} {inputs:?}",
            helmfile.version, helm.version
        ));
        if let Some(known) = self.listings.get(&key) {
            return Ok(known);
        }
        // What needs more than a repository has needs it at every commit: to ask at each of thousands would take hours.
        let place = (file.clone(), environment.map(str::to_owned));
        if let Some(known) = self.hopeless.get(&place) {
            return Ok(known);
        }
        let kept = self.cache.as_ref().and_then(|cache| cache.get(&key));
        let kept: Option<Releases> = kept.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let listed = match kept {
            Some(listed) => listed,
            None => {
                let listed = list(self, tree, file, sources, environment, cancel)?;
                if let (Some(cache), true) = (&self.cache, listed.is_final)
                    && let Ok(bytes) = serde_json::to_vec(&listed.releases)
                {
                    cache.put(&key, &bytes);
                }
                listed.releases
            }
        };
        let weight = 256 * (1 + listed.as_ref().map_or(0, Vec::len));
        let listed = Arc::new(listed);
        if listed
            .as_ref()
            .as_ref()
            .is_err_and(|why| call::is_hopeless(why))
        {
            self.hopeless.insert(place, Arc::clone(&listed), weight);
        }
        self.listings.insert(key, Arc::clone(&listed), weight);
        Ok(listed)
    }
}

struct Listed {
    releases: Releases,
    /// It would be the same again.
    is_final: bool,
}

fn list(
    renderer: &Renderer,
    tree: &Tree,
    file: &RepoPath,
    sources: &Sources,
    environment: Option<&str>,
    cancel: &Cancel,
) -> Result<Listed, Error> {
    let failed = |why: String, is_final: bool| Listed {
        releases: Err(why),
        is_final,
    };
    let export = match old::export(tree, &sources.state, sources) {
        Ok(export) => export,
        Err(ExportError::Git(error)) => return Err(error.into()),
        Err(error) => return Ok(failed(error.to_string(), false)),
    };
    let arguments = ["list", "--skip-charts", "--output=json"].map(OsString::from);
    let call = Call {
        file,
        sources,
        environment,
        export: &export,
        cancel,
    };
    let output = match call.run(renderer, &[], &arguments)? {
        Ok(output) => output,
        // What an environment does not have is no failure.
        Err(failure) if failure.message.contains("no releases found") => b"[]".to_vec(),
        Err(failure) => {
            let why = why(tree, &sources.state, renderer, &failure.message, &export)?;
            return Ok(failed(why, failure.by == By::Files));
        }
    };
    let listed: Vec<Release> = match serde_json::from_slice(&output) {
        Ok(listed) => listed,
        Err(_) => {
            return Ok(failed(
                "what helmfile lists cannot be read".to_owned(),
                true,
            ));
        }
    };
    let deployed = listed
        .into_iter()
        .filter(|release| release.enabled && release.installed);
    Ok(Listed {
        releases: Ok(deployed.collect()),
        is_final: true,
    })
}

/// What a release reads, and its chart fetched where that is allowed; or why it is not to be had.
pub(super) fn inputs(
    tree: &Tree,
    recipe: &Recipe,
    helmfile: &Helmfile,
    renderer: &Renderer,
    cancel: &Cancel,
) -> Result<Result<Inputs, String>, Error> {
    let Some(file) = recipe.roots.first() else {
        return Ok(Err("it names no helmfile".to_owned()));
    };
    if let Some(why) = renderer.why_no_helmfile() {
        return Ok(Err(format!("{}: {why}", helmfile.describe())));
    }
    let environment = helmfile.environment.as_deref();
    let sources = renderer.helmfile_sources(tree, file, Some(environment.unwrap_or(DEFAULT)))?;
    let listed = renderer.helmfile_releases(tree, file, &sources, environment, cancel)?;
    let listed = match listed.as_ref() {
        Ok(listed) => listed,
        Err(why) => return Ok(Err(format!("{}: {why}", helmfile.describe()))),
    };
    let namespace = helmfile.namespace.as_deref().unwrap_or_default();
    let found = listed
        .iter()
        .find(|release| release.name == helmfile.release && release.namespace == namespace);
    let Some(release) = found else {
        return Ok(Err(format!(
            "{}: helmfile does not list it",
            helmfile.describe()
        )));
    };
    let mut closure = sources.of_release(&release.name);
    let mut charts = Vec::new();
    for directory in closure.clone() {
        if helm::is_chart(tree, directory.as_bstr())? {
            let found = helm::charts(tree, directory.as_bstr(), &plain(&directory))?;
            closure.extend(found.closure.iter().cloned());
            charts.push((directory, found));
        }
    }
    let fetched = match sources.chart(release) {
        None => None,
        Some(Err(why)) => return Ok(Err(format!("{}: {why}", helmfile.describe()))),
        Some(Ok(wanted)) => match helm::fetch(renderer, &wanted, cancel)? {
            Ok(fetched) => Some(fetched),
            Err(why) => return Ok(Err(format!("its chart is not in this repository, {why}"))),
        },
    };
    Ok(Ok(Inputs {
        closure,
        fetched,
        charts,
        release: release.clone(),
        selector: selector(release, listed),
        sources,
    }))
}

/// Labels that only this release has: helmfile makes them of its name and namespace, and knows no empty ones.
fn selector(release: &Release, all: &[Release]) -> String {
    let name = format!("name={}", release.name);
    if !release.namespace.is_empty() {
        return format!("{name},namespace={}", release.namespace);
    }
    let others = all
        .iter()
        .filter(|other| other.name == release.name && !other.namespace.is_empty());
    others.fold(name, |all, other| {
        format!("{all},namespace!={}", other.namespace)
    })
}

/// A chart with nothing said about it.
fn plain(directory: &RepoPath) -> Helm {
    Helm::new(String::new(), Chart::Local(directory.clone()))
}

impl Sources {
    /// What a release's chart is called where it comes from; `None`: it is in the repository.
    fn chart(&self, release: &Release) -> Option<Result<Wanted, String>> {
        let chart = release.chart.as_str();
        let wanted = |repository: String, name: &str| Wanted {
            repository,
            name: name.to_owned(),
            version: release.version.clone(),
        };
        if let Some(reference) = chart.strip_prefix("oci://") {
            let name = reference.rsplit('/').next().unwrap_or_default();
            return Some(Ok(wanted(chart.to_owned(), name)));
        }
        if chart.contains("://") || chart.contains("::") {
            let chart = clean_line(chart);
            return Some(Err(format!(
                "its chart {chart} is not fetched: no chart repository has it"
            )));
        }
        let (repository, name) = chart.split_once('/')?;
        let known = self.repositories.get(repository)?;
        let url = known.url.trim_end_matches('/');
        Some(Ok(match known.is_oci || url.starts_with("oci://") {
            true => wanted(
                format!("oci://{}/{name}", url.trim_start_matches("oci://")),
                name,
            ),
            false => wanted(url.to_owned(), name),
        }))
    }
}

/// Renders the release, or says why not.
pub(super) fn render(
    tree: &Tree,
    recipe: &Recipe,
    helmfile: &Helmfile,
    inputs: &Inputs,
    renderer: &Renderer,
    cancel: &Cancel,
) -> Result<Made, Error> {
    let program = match renderer.tools.helmfile() {
        Ok(program) => program,
        Err(why) => return Ok(Made::failed(why.to_owned(), By::Installation)),
    };
    let Some(file) = recipe.roots.first() else {
        let why = "it names no helmfile".to_owned();
        return Ok(Made::failed(why, By::Files));
    };
    let (export, options) = match prepare(tree, inputs) {
        Ok(prepared) => prepared,
        Err(ExportError::Git(error)) => return Err(error.into()),
        Err(error) => return Ok(Made::failed(error.to_string(), error.by())),
    };
    let call = Call {
        file,
        sources: &inputs.sources,
        environment: helmfile.environment.as_deref(),
        export: &export,
        cancel,
    };
    let command = ["template", "--skip-deps", "--include-crds", "--skip-tests"];
    let output = match call.run(renderer, &options, &command.map(OsString::from))? {
        Ok(output) => output,
        Err(failure) => {
            let why = why(tree, &inputs.closure, renderer, &failure.message, &export)?;
            let why = format!("{}: {why}", helmfile.describe());
            return Ok(Made::failed(why, failure.by));
        }
    };
    let built = manifest::parse(&output, renderer.masking());
    if !built.broken.is_empty() {
        let why = "what helmfile gives cannot be read".to_owned();
        return Ok(Made::failed(why, By::Files));
    }
    let place = join(parent(file.as_bstr()), BStr::new(&inputs.release.chart));
    let own = inputs
        .charts
        .iter()
        .find(|(directory, _)| Some(directory) == place.as_ref());
    let mut objects = Vec::new();
    for document in built.documents {
        let source = match (own, helm::template_of(&output, document.bytes.start)) {
            (Some((_, charts)), Some(named)) => charts.source(tree, named)?,
            _ => None,
        };
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

/// The files on disk, and what is said of the release before the command.
fn prepare(tree: &Tree, inputs: &Inputs) -> Result<(Export, Vec<OsString>), ExportError> {
    let mut options = vec![OsString::from(format!("--selector={}", inputs.selector))];
    for (_, charts) in &inputs.charts {
        if let Some(why) = charts.why().filter(|_| inputs.fetched.is_none()) {
            return Err(ExportError::Refused(why));
        }
    }
    let export = old::export(tree, &inputs.closure, &inputs.sources)?;
    for (_, charts) in &inputs.charts {
        for dependency in &charts.local {
            for (path, blob) in &dependency.files {
                export.write(path.as_bstr(), &tree.reader.blob(*blob)?)?;
            }
        }
    }
    if let Some(fetched) = &inputs.fetched {
        let chart = export.aside("chart.tgz", &std::fs::read(&fetched.file)?)?;
        options.push(joined("--chart=", &chart));
    }
    Ok((export, options))
}

impl Helmfile {
    /// `web in production`
    fn describe(&self) -> String {
        let environment = self.environment.as_ref();
        let environment = environment
            .map(|name| format!(" in {name}"))
            .unwrap_or_default();
        clean_line(&format!("{}{environment}", self.release))
    }
}
