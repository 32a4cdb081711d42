//! Who deploys what no operator does: pipelines of the repository's own that push to clusters.
//!
//! Build files are programs for other programs, and only say what they would run. A part of one (a job, a stage) that
//! runs a deploying command is taken to deploy the environments it names, by their names or directories; one that names
//! none deploys what no other part claims.

mod command;
mod makefile;
mod part;
mod service;

use std::fmt;

use serde::Serialize;

use self::command::{Effect, commands};
use self::makefile::Makefile;
use self::part::{Part, parts};
use self::service::{Service, service};
use super::{App, Deployer, Environment, Layout, names};
use crate::git::{BStr, ByteSlice, EntryKind, RepoPath, Result};
use crate::manifest::Language;
use crate::render::Tool;
use crate::render::tree::{Node, Tree, is_within, join, parent};
use crate::text::clean_line;

/// A longer file is no pipeline that a person wrote.
const LONGEST: usize = 1 << 20;
/// Jobs take over jobs that take over jobs, no deeper.
const DEEPEST_CALL: usize = 8;

/// A part of a build file that deploys an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pipeline {
    /// `GitHub Actions`
    pub service: &'static str,
    pub path: String,
    /// The job or stage, where the file has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// `helm upgrade`
    pub command: String,
}

/// `GitHub Actions: .github/workflows/deploy.yml, deploy-prod (helm upgrade)`
impl fmt::Display for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.service, self.path)?;
        if let Some(job) = &self.job {
            write!(f, ", {job}")?;
        }
        write!(f, " ({})", self.command)
    }
}

/// Whether a file tells a build server what to do.
pub(super) fn is_pipeline(path: &[u8]) -> bool {
    service(path.as_bstr()).is_some()
}

/// A part that deploys something.
struct Push {
    path: RepoPath,
    service: Service,
    job: Option<String>,
    /// What it does, by which command: at least one thing.
    found: Vec<(Effect, String)>,
    /// Which of that is about clusters, and tells most: what Terraform and Ansible do is not, where they have things of their own.
    to_clusters: Option<(Effect, String)>,
    /// Names of environments that it names.
    names: Vec<String>,
    /// Only says how to deploy; who runs it is not in the repository.
    recipe: bool,
}

impl Push {
    /// What it does of what is asked for.
    fn effect(&self, asked: Asked) -> Option<&(Effect, String)> {
        match asked {
            Asked::Cluster => self.to_clusters.as_ref(),
            Asked::Only(wanted) => self.found.iter().find(|(effect, _)| *effect == wanted),
        }
    }
}

/// Whose pipelines are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// What is in clusters.
    Cluster,
    Only(Effect),
}

impl Asked {
    /// Who brings an app to where it is; `None` where that is no pipeline's business.
    fn of(app: &App) -> Option<Asked> {
        match app.recipe.tool {
            Tool::Items(Language::Terraform) => Some(Asked::Only(Effect::Terraform)),
            Tool::Items(Language::Ansible) => Some(Asked::Only(Effect::Ansible)),
            Tool::Items(Language::Casc | Language::JobDsl) => None,
            _ => Some(Asked::Cluster),
        }
    }
}

/// Fills in which pipelines deploy the environments of `layout` that are left to pipelines, and run what is beside them.
pub(super) fn assign(tree: &Tree, layout: &mut Layout) -> Result<()> {
    let runs =
        |app: &App| matches!(Asked::of(app), Some(Asked::Only(_))) && app.declared_by.is_none();
    let left = |environment: &Environment| environment.deployer == Deployer::Pipeline;
    if !layout.environments.iter().any(left) && !layout.apps.iter().any(runs) {
        return Ok(());
    }
    let pushes = pushes(tree, layout)?;
    for index in 0..layout.environments.len() {
        let environment = &layout.environments[index];
        let mut pipelines: Vec<Pipeline> = Vec::new();
        let mut deployer = environment.deployer;
        let asked = [
            Asked::Cluster,
            Asked::Only(Effect::Terraform),
            Asked::Only(Effect::Ansible),
        ];
        for asked in asked {
            let is_asked = match asked {
                Asked::Cluster => left(environment),
                Asked::Only(_) => true,
            };
            let roots: Vec<&RepoPath> = layout
                .apps
                .iter()
                .filter(|app| app.environment == environment.name && Asked::of(app) == Some(asked))
                .filter(|app| asked == Asked::Cluster || runs(app))
                .filter_map(|app| app.recipe.roots.first())
                .chain((asked == Asked::Cluster).then_some(&environment.root))
                .collect();
            if !is_asked || roots.is_empty() {
                continue;
            }
            let chosen = chosen(&pushes, environment, asked, &roots, layout);
            if asked == Asked::Cluster {
                deployer = match chosen.first().map(|(effect, _)| effect) {
                    None => Deployer::Unknown,
                    Some(Effect::AsksFlux) => Deployer::Flux,
                    Some(Effect::AsksArgoCd) => Deployer::ArgoCd,
                    Some(_) => Deployer::Pipeline,
                };
            }
            for (_, pipeline) in chosen {
                if !pipelines.contains(&pipeline) {
                    pipelines.push(pipeline);
                }
            }
        }
        let environment = &mut layout.environments[index];
        environment.deployer = deployer;
        environment.pipelines = pipelines;
    }
    for app in &mut layout.apps {
        let environment = layout
            .environments
            .iter()
            .find(|found| found.name == app.environment);
        if let Some(environment) = environment
            && app.deployer == Deployer::Pipeline
        {
            app.deployer = environment.deployer;
        }
    }
    Ok(())
}

/// Those that deploy what is asked for of an environment: the ones that name it, else those that name none, of what tells
/// most. `roots`: where that is.
fn chosen(
    pushes: &[Push],
    environment: &Environment,
    asked: Asked,
    roots: &[&RepoPath],
    layout: &Layout,
) -> Vec<(Effect, Pipeline)> {
    let near = |push: &&Push| {
        let directory = parent(push.path.as_bstr());
        // A build server's own directory stands for the whole repository.
        directory.starts_with(b".")
            || roots
                .iter()
                .any(|root| is_within(root, directory) || is_within(directory, root))
    };
    // Another environment of the same kind: what names one for something else is silent here.
    let is_alike = |name: &String| {
        let mut apps = layout.apps.iter().filter(|app| app.environment == *name);
        apps.any(|app| Asked::of(app) == Some(asked))
    };
    let naming = |push: &&Push| push.names.contains(&environment.name);
    let silent = |push: &&Push| !push.names.iter().any(is_alike) && near(push);
    let steps: [&dyn Fn(&&Push) -> bool; 3] = [
        &|push| naming(push) && !push.recipe,
        &|push| silent(push) && !push.recipe,
        &|push| silent(push) || naming(push),
    ];
    let fitting = |push: &&Push| push.effect(asked).is_some();
    let mut chosen: Vec<(Effect, Pipeline)> = steps
        .iter()
        .map(|step| {
            let found = pushes.iter().filter(fitting).filter(|push| step(push));
            found
                .filter_map(|push| said(push, asked))
                .collect::<Vec<_>>()
        })
        .find(|found| !found.is_empty())
        .unwrap_or_default();
    if let Some(most) = chosen.iter().map(|(effect, _)| *effect).min() {
        chosen.retain(|(effect, _)| *effect == most);
    }
    chosen
}

fn said(push: &Push, asked: Asked) -> Option<(Effect, Pipeline)> {
    let (effect, command) = push.effect(asked)?;
    let pipeline = Pipeline {
        service: push.service.name(),
        path: clean_line(&push.path.to_str_lossy()),
        job: push.job.as_deref().map(clean_line),
        command: command.clone(),
    };
    Some((*effect, pipeline))
}

fn pushes(tree: &Tree, layout: &mut Layout) -> Result<Vec<Push>> {
    let mut files: Vec<(RepoPath, Service, Vec<Part>)> = Vec::new();
    let mut read = Vec::new();
    for (path, kind, id) in tree.listed_below("".into()) {
        let Some(service) = service(path.as_bstr()) else {
            continue;
        };
        if !matches!(kind, EntryKind::Blob | EntryKind::Executable) {
            continue;
        }
        let bytes = tree.reader.blob(*id)?;
        let Some(text) = bytes.to_str().ok().filter(|text| text.len() <= LONGEST) else {
            continue;
        };
        let mut found = match service {
            Service::Other(command) => vec![Part {
                text: command.to_owned(),
                ..Part::default()
            }],
            _ => parts(service, text),
        };
        for part in &mut found {
            // Scripts call make, and makefiles call scripts.
            scripts(tree, part, &mut read)?;
            if made(tree, part, &mut read)? {
                scripts(tree, part, &mut read)?;
            }
        }
        files.push((path.clone(), service, found));
    }
    layout.reads.extend(read);
    let beside: Vec<Asked> = layout.apps.iter().filter_map(Asked::of).collect();
    let of_clusters = |found: &&(Effect, String)| !beside.contains(&Asked::Only(found.0));
    let mut pushes = Vec::new();
    for (path, service, parts) in &files {
        for (index, part) in parts.iter().enumerate() {
            if is_called(&files, path, part) {
                continue;
            }
            let mut text = String::new();
            collect(&files, path, part, DEEPEST_CALL, &mut text);
            let found = commands(&text);
            if found.is_empty() {
                continue;
            }
            let said = format!(
                "{path}\n{}\n{}\n{text}",
                part.job.as_deref().unwrap_or_default(),
                part.around
            );
            let job = part.job.as_deref().filter(|_| parts.len() > 1 || index > 0);
            pushes.push(Push {
                path: path.clone(),
                service: *service,
                job: job.map(str::to_owned),
                to_clusters: found
                    .iter()
                    .filter(of_clusters)
                    .min_by_key(|found| found.0)
                    .cloned(),
                found,
                names: named(&said, &layout.environments),
                recipe: matches!(service, Service::Other(_)),
            });
        }
    }
    Ok(pushes)
}

/// Adds the scripts of the repository that a part runs.
fn scripts(tree: &Tree, part: &mut Part, read: &mut Vec<RepoPath>) -> Result<()> {
    let mut added = String::new();
    let words = part
        .text
        .split([' ', '\t', '\n', '"', '\'', ';', '(', ')', '&']);
    for word in words.filter(|word| word.ends_with(".sh")) {
        let path = BStr::new(word.trim_start_matches("./"));
        if read.len() < 1000
            && let Some(Node::File(id)) = tree.node(path)?
            && let Ok(text) = tree.reader.blob(id)?.to_str()
            && text.len() <= LONGEST
        {
            added.push('\n');
            added.push_str(text);
            read.push(RepoPath::from(path.to_vec()));
        }
    }
    part.text.push_str(&added);
    Ok(())
}

/// Adds what the calls of make in a part would run; whether there is any.
fn made(tree: &Tree, part: &mut Part, read: &mut Vec<RepoPath>) -> Result<bool> {
    const NAMES: [&str; 3] = ["GNUmakefile", "makefile", "Makefile"];
    let mut added = String::new();
    for call in makefile::calls(&part.text) {
        let names = call.file.map_or(NAMES.to_vec(), |file| vec![file]);
        for name in names {
            let Some(directory) = join("".into(), call.directory.into()) else {
                continue;
            };
            let path = join(directory.as_bstr(), name.into());
            if read.len() < 1000
                && let Some(path) = path
                && let Some(Node::File(id)) = tree.node(path.as_bstr())?
                && let Ok(text) = tree.reader.blob(id)?.to_str()
                && text.len() <= LONGEST
            {
                added.push('\n');
                added.push_str(&Makefile::of(text).commands(&call));
                read.push(path);
                break;
            }
        }
    }
    part.text.push_str(&added);
    Ok(!added.is_empty())
}

type Files = [(RepoPath, Service, Vec<Part>)];

/// Whether `call`, written in `from`, means this part.
fn means(call: &str, from: &RepoPath, path: &RepoPath, service: Service, part: &Part) -> bool {
    match service {
        Service::GitLab => part.job.as_deref() == Some(call),
        _ => path != from && path.as_bytes() == call.as_bytes(),
    }
}

/// Whether other parts take it over: they say where it deploys to.
fn is_called(files: &Files, path: &RepoPath, part: &Part) -> bool {
    files.iter().any(|(from, service, parts)| {
        let calls = parts.iter().flat_map(|part| &part.calls);
        calls
            .into_iter()
            .any(|call| means(call, from, path, *service, part))
    })
}

/// The text of a part and of what it takes over.
fn collect(files: &Files, from: &RepoPath, part: &Part, depth: usize, out: &mut String) {
    out.push_str(&part.text);
    out.push('\n');
    if depth == 0 || out.len() > LONGEST {
        return;
    }
    for call in &part.calls {
        for (path, service, parts) in files {
            for called in parts {
                if called != part && means(call, from, path, *service, called) {
                    collect(files, path, called, depth - 1, out);
                }
            }
        }
    }
}

/// Which environments a text names, by name or by directory.
fn named(text: &str, environments: &[Environment]) -> Vec<String> {
    let mut lower = text.to_lowercase();
    let mut found = Vec::new();
    // The longest first: what names `prod-us` does not name `prod`.
    let mut longest: Vec<&Environment> = environments.iter().collect();
    longest.sort_by_key(|environment| std::cmp::Reverse(environment.name.len()));
    for environment in longest {
        let root = environment.root.to_str_lossy().to_lowercase();
        let taken = |word: &str| {
            environments
                .iter()
                .any(|other| other.name.to_lowercase() == word)
        };
        let own = environment.name.to_lowercase();
        let synonyms = names::synonyms(&own).filter(|word| !taken(word));
        let mut words: Vec<&str> = vec![&own];
        for word in synonyms {
            words.push(word);
        }
        let mut spans: Vec<(usize, usize)> = Vec::new();
        for word in &words {
            spans.extend(mentions(&lower, word));
        }
        let by_root = root.contains('/') && !mentions(&lower, &root).is_empty();
        if !spans.is_empty() || by_root {
            found.push(environment.name.clone());
        }
        for (start, end) in spans {
            lower.replace_range(start..end, &"\u{1}".repeat(end - start));
        }
    }
    found
}

/// Where `word` stands in a text as a word of its own that names a place. Words that also name other things (`test`,
/// `ci`, `live`) count only where they are part of a path or name, or a value.
fn mentions(text: &str, word: &str) -> Vec<(usize, usize)> {
    if word.is_empty() {
        return Vec::new();
    }
    let certain = names::is_certain(word) || word.contains(['-', '/', '_']);
    let names = |at: usize| {
        let (before, after) = (&text[..at], &text[at + word.len()..]);
        let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        if inside(before.chars().next_back()) || inside(after.chars().next()) {
            return false;
        }
        // `stage(…)` and `stage:` are words of build files; `non-prod` is not production.
        if after.starts_with(['(', ':']) || before.ends_with("non-") || before.ends_with("pre-") {
            return false;
        }
        let marked = before
            .trim_end_matches(' ')
            .ends_with(['/', '-', '_', '=', ':', ',', '[', '\'', '"'])
            || after.starts_with('/');
        certain || marked
    };
    text.match_indices(word)
        .map(|(at, _)| at)
        .filter(|&at| names(at))
        .map(|at| (at, at + word.len()))
        .collect()
}

#[cfg(test)]
mod tests;
