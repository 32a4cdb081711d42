//! What works here: repository, layout, tools, cluster, forge, token (its source, never its value).

use serde::Serialize;

use super::Workspace;
use super::workspace::Past;
use crate::forge::{Forge, Sources};
use crate::git::{Facts, Tip};
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
    checks.push(
        match exec::find("kustomize").or_else(|| exec::find("kubectl")) {
            Some(path) => fine("kustomize", path.display().to_string()),
            None => missing(
                "kustomize",
                "neither kustomize nor kubectl is installed",
                "kustomize overlays are shown as their sources until one is",
            ),
        },
    );
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
                "objects that are not in the clone cannot be shown; a full clone has them"
                    .to_owned()
            }),
        };
    }
    fine("repository", detail)
}

fn tip(past: &Past) -> Check {
    let tip = &past.line.tip;
    let branch = tip.branch.as_deref().unwrap_or("a detached HEAD");
    match past.reader.commit(tip.commit) {
        Ok(commit) => {
            let age = text::age(past.ws.clock().now(), commit.committed);
            fine(
                "tip",
                format!("{branch} of {}, its last commit {age} ago", tip.repository),
            )
        }
        Err(error) => failed("tip", &error.to_string()),
    }
}

fn layout(past: &Past) -> Check {
    let mut apps = 0;
    let mut environments: Vec<String> = Vec::new();
    for past in past.on_each() {
        match past.layout_of(past.line.tip.commit) {
            Ok(layout) => {
                apps += layout.apps.len();
                let found = layout.environments.iter();
                environments.extend(found.map(|environment| environment.name.clone()));
            }
            Err(error) => return failed("layout", &error.to_string()),
        }
    }
    match apps {
        0 => missing(
            "layout",
            "no app was recognised",
            "history and reverts work; environments are not known",
        ),
        _ => fine(
            "layout",
            format!("{apps} apps in {}", environments.join(", ")),
        ),
    }
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
    let mut environments = Vec::new();
    for layout in &layouts {
        let here = layout.environments.iter();
        environments.extend(here.filter(|here| !layout.is_elsewhere(&here.name)));
    }
    for environment in environments {
        let check = match ws.inner.live.identity(environment).await {
            Known::Fresh(identity) | Known::Stale(identity, _) => {
                let context = identity.context.as_deref().unwrap_or("snapshot");
                fine(
                    "cluster",
                    format!("{}: {context} @ {}", environment.name, identity.server),
                )
            }
            Known::Unavailable(why) => missing(
                "cluster",
                &format!("{}: {why}", environment.name),
                "choose one with --context [ENV=]CTX, or --snapshot DIR",
            ),
            Known::Loading => continue,
        };
        checks.push(check);
    }
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
