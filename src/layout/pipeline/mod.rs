//! Who deploys what no operator does: pipelines of the repository's own that push to clusters.
//!
//! Build files are programs for other programs, and only say what they would run. A part of one (a job, a stage) that
//! runs a deploying command is taken to deploy the environments it names, by their names or directories; one that names
//! none deploys what no other part claims.

mod command;
mod part;

use std::fmt;

use serde::Serialize;

use self::command::{Effect, commands};
use self::part::{Part, parts};
use super::{Deployer, Environment, Layout, is_ignored, names};
use crate::git::{BStr, ByteSlice, EntryKind, RepoPath, Result};
use crate::render::tree::{Node, Tree, file_name, is_within, parent};
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    Azure,
    Bitbucket,
    CircleCi,
    CloudBuild,
    Drone,
    Forgejo,
    Gitea,
    GitHub,
    GitLab,
    Jenkins,
    Travis,
    /// A tool whose file is read by whoever runs it, with the command that deploys.
    Other(&'static str),
}

impl Service {
    fn name(self) -> &'static str {
        match self {
            Service::Azure => "Azure Pipelines",
            Service::Bitbucket => "Bitbucket Pipelines",
            Service::CircleCi => "CircleCI",
            Service::CloudBuild => "Cloud Build",
            Service::Drone => "Drone",
            Service::Forgejo => "Forgejo Actions",
            Service::Gitea => "Gitea Actions",
            Service::GitHub => "GitHub Actions",
            Service::GitLab => "GitLab CI",
            Service::Jenkins => "Jenkins",
            Service::Travis => "Travis CI",
            Service::Other("skaffold run") => "Skaffold",
            Service::Other(_) => "werf",
        }
    }
}

/// Whether a file tells a build server what to do.
pub(super) fn is_pipeline(path: &[u8]) -> bool {
    service(path.as_bstr()).is_some()
}

fn service(path: &BStr) -> Option<Service> {
    const DIRECTORIES: [(&[u8], Service); 7] = [
        (b".github/workflows/", Service::GitHub),
        (b".gitea/workflows/", Service::Gitea),
        (b".forgejo/workflows/", Service::Forgejo),
        (b".gitlab/", Service::GitLab),
        (b".gitlab-ci/", Service::GitLab),
        (b".azure-pipelines/", Service::Azure),
        (b".azuredevops/", Service::Azure),
    ];
    let name = file_name(path).to_str_lossy().to_lowercase();
    let yaml = name.ends_with(".yml") || name.ends_with(".yaml");
    let bare = name.trim_end_matches(".yml").trim_end_matches(".yaml");
    let directory = DIRECTORIES
        .iter()
        .find(|(directory, _)| path.starts_with(directory));
    if let Some((_, service)) = directory {
        return yaml.then_some(*service);
    }
    if path.as_bytes() == b".circleci/config.yml" {
        return Some(Service::CircleCi);
    }
    if is_ignored(path) {
        return None;
    }
    if name == "jenkinsfile" || name.starts_with("jenkinsfile.") || name.ends_with(".jenkinsfile") {
        return Some(Service::Jenkins);
    }
    if !yaml {
        return None;
    }
    Some(match bare {
        ".travis" => Service::Travis,
        ".drone" => Service::Drone,
        "bitbucket-pipelines" => Service::Bitbucket,
        "skaffold" => Service::Other("skaffold run"),
        "werf" => Service::Other("werf converge"),
        _ if bare.ends_with(".gitlab-ci") => Service::GitLab,
        _ if bare.starts_with("azure-pipelines") => Service::Azure,
        _ if bare.starts_with("cloudbuild") => Service::CloudBuild,
        _ => return None,
    })
}

/// A part that deploys something.
struct Push {
    path: RepoPath,
    pipeline: Pipeline,
    effect: Effect,
    /// Names of environments that it names.
    names: Vec<String>,
    /// Only says how to deploy; who runs it is not in the repository.
    recipe: bool,
}

/// Fills in which pipelines deploy the environments of `layout` that are left to pipelines, or that nobody is known to.
pub(super) fn assign(tree: &Tree, layout: &mut Layout) -> Result<()> {
    if layout
        .environments
        .iter()
        .all(|environment| environment.deployer != Deployer::Pipeline)
    {
        return Ok(());
    }
    let pushes = pushes(tree, layout)?;
    for environment in &mut layout.environments {
        if environment.deployer != Deployer::Pipeline {
            continue;
        }
        let chosen = chosen(&pushes, environment);
        environment.deployer = match chosen.first().map(|push| push.effect) {
            None => Deployer::Unknown,
            Some(Effect::AsksFlux) => Deployer::Flux,
            Some(Effect::AsksArgoCd) => Deployer::ArgoCd,
            Some(Effect::Applies | Effect::Provisions) => Deployer::Pipeline,
        };
        environment.pipelines = chosen.iter().map(|push| push.pipeline.clone()).collect();
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

/// Those that deploy an environment: the ones that name it, else those that name none, of what tells most.
fn chosen<'p>(pushes: &'p [Push], environment: &Environment) -> Vec<&'p Push> {
    let near = |push: &&Push| {
        let directory = parent(push.path.as_bstr());
        // A build server's own directory stands for the whole repository.
        directory.starts_with(b".")
            || is_within(&environment.root, directory)
            || is_within(directory, &environment.root)
    };
    let naming = |push: &&Push| push.names.contains(&environment.name);
    let silent = |push: &&Push| push.names.is_empty() && near(push);
    let steps: [&dyn Fn(&&Push) -> bool; 3] = [
        &|push| naming(push) && !push.recipe,
        &|push| silent(push) && !push.recipe,
        &|push| silent(push) || naming(push),
    ];
    let mut chosen: Vec<&Push> = steps
        .iter()
        .map(|step| pushes.iter().filter(|push| step(push)).collect::<Vec<_>>())
        .find(|found| !found.is_empty())
        .unwrap_or_default();
    if let Some(most) = chosen.iter().map(|push| push.effect).min() {
        chosen.retain(|push| push.effect == most);
    }
    chosen
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
            scripts(tree, part, &mut read)?;
        }
        files.push((path.clone(), service, found));
    }
    layout.reads.extend(read);
    let mut pushes = Vec::new();
    for (path, service, parts) in &files {
        for (index, part) in parts.iter().enumerate() {
            if is_called(&files, path, part) {
                continue;
            }
            let mut text = String::new();
            collect(&files, path, part, DEEPEST_CALL, &mut text);
            let Some((effect, command)) = commands(&text).into_iter().min_by_key(|found| found.0)
            else {
                continue;
            };
            let said = format!(
                "{path}\n{}\n{}\n{text}",
                part.job.as_deref().unwrap_or_default(),
                part.around
            );
            let job = part.job.as_deref().filter(|_| parts.len() > 1 || index > 0);
            pushes.push(Push {
                path: path.clone(),
                pipeline: Pipeline {
                    service: service.name(),
                    path: clean_line(&path.to_str_lossy()),
                    job: job.map(clean_line),
                    command,
                },
                effect,
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
