//! What works here: repository, layout, tools, cluster, forge, token (its source, never its value).

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Workspace;
use super::workspace::Past;
use crate::forge::{Forge, Sources};
use crate::git::{Facts, Tip};
use crate::layout::{App, Deployer};
use crate::manifest::Language;
use crate::render::Tool;
use crate::task::Known;
use crate::{exec, text};

#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    pub tips: Vec<Tip>,
    pub checks: Vec<Check>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// `repository`, `layout`, `kustomize`, …
    pub name: String,
    pub state: State,
    pub detail: String,
    /// What to do, where something is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Fine,
    Missing,
    Failed,
}

/// Asks everything around for what works; never fails: what does not work is a check.
pub async fn ask(ws: &Workspace) -> Answer {
    let mut checks = Vec::new();
    match ws.blocking(|past| Ok(here(past))).await {
        Ok(found) => checks.extend(found),
        Err(error) => checks.push(failed("repository", &error.to_string())),
    }
    checks.extend(clusters(ws).await);
    Answer {
        tips: ws.tips(),
        checks,
    }
}

/// What git and the tools on this machine tell.
fn here(past: &Past) -> Vec<Check> {
    let facts = past.ws.inner.repo.facts();
    let mut checks = vec![repository(&facts)];
    checks.extend(past.on_each().iter().map(tip));
    checks.push(layout(past));
    checks.push(match exec::find("git") {
        Some(path) => fine("git", path.display().to_string()),
        None => missing(
            "git",
            "not installed",
            "fetching, pushing and signing need it",
        ),
    });
    checks.extend(tools(past));
    checks.push(forge(past));
    checks
}

fn repository(facts: &Facts) -> Check {
    let mut detail = facts
        .work_dir
        .as_ref()
        .unwrap_or(&facts.git_dir)
        .display()
        .to_string();
    if facts.bare {
        detail.push_str(" (bare)");
    }
    if facts.shallow || facts.partial {
        let what = if facts.shallow { "shallow" } else { "partial" };
        return Check {
            name: "repository".to_owned(),
            state: State::Missing,
            detail: format!("{detail} ({what} clone)"),
            hint: Some(if facts.shallow {
                "history ends where the clone does; `git fetch --unshallow` brings the rest"
                    .to_owned()
            } else {
                "objects that are not in the clone cannot be shown; `git fetch --refetch --no-filter` brings them"
                    .to_owned()
            }),
        };
    }
    if facts.grafted {
        return Check {
            name: "repository".to_owned(),
            state: State::Missing,
            detail: format!("{detail} (with grafts, which are not looked at)"),
            hint: Some(
                "`git replace --convert-graft-file` makes of them what is looked at".to_owned(),
            ),
        };
    }
    fine("repository", detail)
}

fn tip(past: &Past) -> Check {
    let tip = &past.line.tip;
    let branch = tip.branch.as_deref().unwrap_or("a detached HEAD");
    match past.reader.commit(tip.commit) {
        Ok(commit) => {
            let ago = text::ago(past.ws.clock().now(), commit.committed);
            fine(
                "tip",
                format!("{branch} of {}, its last commit {ago}", tip.repository),
            )
        }
        Err(error) => failed("tip", &error.to_string()),
    }
}

/// What was recognised: `5 apps (4 HelmReleases, 1 kustomize overlay) in staging, production`.
fn layout(past: &Past) -> Check {
    let mut apps = 0;
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let mut environments: Vec<String> = Vec::new();
    let mut elsewhere: Vec<String> = Vec::new();
    for past in past.on_each() {
        match past.layout_of(past.line.tip.commit) {
            Ok(layout) => {
                apps += layout.apps.len();
                for app in &layout.apps {
                    *kinds.entry(kind(app)).or_default() += 1;
                }
                let found = layout.environments.iter();
                environments.extend(found.map(|environment| environment.name.clone()));
                let found = layout.environments.iter();
                elsewhere.extend(found.filter_map(|environment| {
                    let repository = environment.repository.as_ref()?;
                    Some(format!("{} is in {repository}", environment.name))
                }));
            }
            Err(error) => return failed("layout", &error.to_string()),
        }
    }
    if apps == 0 {
        return missing(
            "layout",
            "no app was recognised",
            "history and reverts work; environments are not known",
        );
    }
    let kinds: Vec<String> = kinds
        .iter()
        .map(|(kind, count)| text::count(*count, kind))
        .collect();
    let detail = format!(
        "{} ({}) in {}",
        text::count(apps, "app"),
        kinds.join(", "),
        environments.join(", ")
    );
    Check {
        hint: (!elsewhere.is_empty()).then(|| {
            let elsewhere = elsewhere.join(", ");
            format!("{elsewhere}: reviewed in a clone of that repository")
        }),
        ..fine("layout", detail)
    }
}

/// What an app is to who deploys it.
fn kind(app: &App) -> String {
    if let Some(object) = &app.declared_by {
        return text::clean_line(&object.kind);
    }
    match &app.recipe.tool {
        Tool::Kustomize(_) => "kustomize overlay",
        Tool::Helm(_) => "chart",
        Tool::Helmfile(_) => "helmfile release",
        Tool::Plain if app.deployer == Deployer::JenkinsX => "Jenkins X release",
        Tool::Plain => "plain app",
        Tool::Items(Language::Terraform) => "Terraform module",
        Tool::Items(Language::Ansible) => "Ansible playbook",
        Tool::Items(Language::Casc | Language::JobDsl) => "Jenkins app",
        Tool::ResourceSet(_) | Tool::Unavailable(_) => "other",
    }
    .to_owned()
}

/// The tools that the apps need: what the repository does not use is not missed.
fn tools(past: &Past) -> Vec<Check> {
    let mut needed = BTreeSet::new();
    for past in past.on_each() {
        let layout = past.layout_of(past.line.tip.commit);
        for app in layout.iter().flat_map(|layout| &layout.apps) {
            match &app.recipe.tool {
                Tool::Kustomize(_) => needed.extend(["kustomize"]),
                Tool::Helm(_) => needed.extend(["helm"]),
                Tool::Helmfile(_) => needed.extend(["helm", "helmfile"]),
                Tool::Plain | Tool::Items(_) | Tool::ResourceSet(_) | Tool::Unavailable(_) => {}
            }
        }
    }
    let check = |name: &str| {
        let kubectl = || exec::find("kubectl").filter(|_| name == "kustomize");
        match exec::find(name).or_else(kubectl) {
            Some(path) => fine(name, path.display().to_string()),
            None => missing(
                name,
                match name {
                    "kustomize" => "neither kustomize nor kubectl is installed",
                    _ => "not installed",
                },
                "apps that it renders are shown as their sources until it is",
            ),
        }
    };
    needed.into_iter().map(check).collect()
}

fn forge(past: &Past) -> Check {
    let inner = &past.ws.inner;
    let remotes = match inner.repo.remotes() {
        Ok(remotes) => remotes,
        Err(error) => return failed("forge", &error.to_string()),
    };
    let wanted = past.ws.tip().remote;
    let Some(remote) = remotes
        .iter()
        .find(|remote| wanted.as_ref() == Some(&remote.name))
        .or(remotes.first())
    else {
        return missing(
            "forge",
            "the repository has no remote",
            "a revert can be planned, not staged",
        );
    };
    if inner.options.offline {
        return missing("forge", "offline", "leave out --offline to ask it");
    }
    let facts = inner.repo.facts();
    let directory = facts.work_dir.unwrap_or(facts.git_dir);
    let forge = Forge::of(remote, &Sources::system(directory));
    if forge.has_api() {
        fine("forge", forge.describe())
    } else {
        missing(
            "forge",
            &forge.describe(),
            "the branch is pushed, and the address to open the pull request at is shown",
        )
    }
}

/// For each environment, its cluster or why there is none.
async fn clusters(ws: &Workspace) -> Vec<Check> {
    let found = ws.blocking(|past| {
        let lines = past.on_each();
        let layouts = lines
            .iter()
            .map(|past| past.layout_of(past.line.tip.commit));
        layouts.collect::<anyhow::Result<Vec<_>>>()
    });
    let layouts = match found.await {
        Ok(layouts) => layouts,
        Err(error) => return vec![failed("cluster", &error.to_string())],
    };
    let mut checks: Vec<Check> = Vec::new();
    // Most environments lack a cluster for one and the same reason.
    let mut without: Vec<(String, Vec<&str>)> = Vec::new();
    let mut environments = Vec::new();
    for layout in &layouts {
        let here = layout.environments.iter();
        environments.extend(here.filter(|here| !layout.is_elsewhere(&here.name)));
    }
    for environment in environments {
        match ws.inner.live.identity(environment).await {
            Known::Fresh(identity) | Known::Stale(identity, _) => {
                let context = identity.context.as_deref().unwrap_or("snapshot");
                checks.push(fine(
                    "cluster",
                    format!("{}: {context} @ {}", environment.name, identity.server),
                ));
            }
            Known::Unavailable(why) => {
                let why = why.to_string();
                match without.iter_mut().find(|(other, _)| *other == why) {
                    Some((_, names)) => names.push(&environment.name),
                    None => without.push((why, vec![&environment.name])),
                }
            }
            Known::Loading => {}
        }
    }
    checks.extend(without.into_iter().map(|(why, names)| {
        missing(
            "cluster",
            &format!("{}: {why}", names.join(", ")),
            "choose one with --context [ENV=]CTX, with C on screen, or --snapshot DIR",
        )
    }));
    checks
}

fn fine(name: &str, detail: String) -> Check {
    Check {
        name: name.to_owned(),
        state: State::Fine,
        detail,
        hint: None,
    }
}

fn missing(name: &str, detail: &str, hint: &str) -> Check {
    Check {
        name: name.to_owned(),
        state: State::Missing,
        detail: detail.to_owned(),
        hint: Some(hint.to_owned()),
    }
}

/// An error's own hint becomes the check's.
fn failed(name: &str, error: &str) -> Check {
    let (detail, hint) = match error.split_once("\nhint: ") {
        Some((detail, hint)) => (detail, Some(hint.to_owned())),
        None => (error, None),
    };
    Check {
        name: name.to_owned(),
        state: State::Failed,
        detail: detail.to_owned(),
        hint,
    }
}
