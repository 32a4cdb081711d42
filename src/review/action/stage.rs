//! Staging a revert: branch, commit, push, pull request, then merge (where the forge is local) and watch until healthy.
//!
//! A change that is being staged holds its journal, so that two programs do not work on it at once. What a screen asks of it
//! meanwhile (to merge) goes to the task that holds it.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use super::super::common::Pull;
use super::super::workspace::{Past, lock};
use super::super::{Workspace, live, revert};
use crate::diff::ChangeKind;
use crate::forge::{Forge, Sources};
use crate::git::{Oid, Remote};
use crate::history::{self, ResourceChange, changes_between};
use crate::layout::Environment;
use crate::live::{Decided, Health, HealthStatus, compare};
use crate::manifest::Object;
use crate::stage::{self, Arrival, Journal, Landing, Pace, Staged, Tools, has_arrived};
use crate::task::{Cancel, Known, Sink};

pub use crate::stage::{Consent, Plan};

/// How often the forge is asked whether the change was merged: often enough to watch, rarely enough for its limits.
const PACE: Pace = Pace(Duration::from_secs(5));

/// How far a staged change has come, with the time of each milestone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Progress {
    pub id: String,
    pub branch: String,
    pub title: String,
    pub commit: Option<String>,
    pub pull: Option<Pull>,
    pub compare: Option<String>,
    pub steps: Vec<Step>,
    /// It stopped here, and why.
    pub error: Option<String>,
    /// The forge can merge it from here (local forge).
    pub can_merge: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    pub name: StepName,
    pub done: Option<Timestamp>,
    /// `2/3 ready`, `waiting for the deployer`
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StepName {
    Committed,
    Pushed,
    Opened,
    Merged,
    Synced,
    Healthy,
}

/// The changes that are being staged here, each with the way to ask for its merge.
#[derive(Default)]
pub struct UnderWay(Mutex<HashMap<String, mpsc::UnboundedSender<MergeWanted>>>);

struct MergeWanted {
    consent: Consent,
    done: oneshot::Sender<stage::Result<()>>,
}

/// What staging this preview will write, to be shown and confirmed. An error says why it cannot be staged (conflicts, no
/// change, read-only, no remote).
pub fn plan(ws: &Workspace, preview: &revert::Answer) -> anyhow::Result<Plan> {
    let options = &ws.inner.options;
    if options.read_only {
        anyhow::bail!(
            "read-only: nothing can be staged\nhint: leave out --read-only, or change read_only in the configuration"
        );
    }
    if options.offline {
        anyhow::bail!("offline: nothing can be pushed\nhint: leave out --offline");
    }
    let Some(tree) = preview.tree else {
        anyhow::bail!(
            "it conflicts, so there is nothing to stage\nhint: choose a smaller scope that is clean, or restore instead"
        );
    };
    if preview.no_change {
        anyhow::bail!("it changes nothing: the branch is already so");
    }
    let Some(tip) = preview.tips.first().cloned() else {
        anyhow::bail!("it was planned for no branch")
    };
    let Some(base_branch) = tip.branch else {
        anyhow::bail!(
            "HEAD is detached, so there is no branch to open a pull request for\nhint: name one with --branch"
        );
    };
    let remote = remote(ws)?;
    let (title, body) = preview
        .message
        .split_once('\n')
        .unwrap_or((&preview.message, ""));
    Ok(Plan {
        repository: tip.repository,
        remote: remote.name,
        base: preview.base,
        base_branch,
        tree,
        title: title.to_owned(),
        body: body.trim().to_owned(),
        message: preview.message.clone(),
        branch: preview.branch.clone(),
        at: ws.clock().now(),
    })
}

/// Commits, pushes and opens the pull request; does not wait for its merge.
pub async fn open(ws: &Workspace, plan: Plan, consent: Consent) -> anyhow::Result<revert::Staged> {
    let tools = tools(ws).await?;
    let mut journal = stage::begin(plan.confirm(consent), &tools.state)?;
    stage::run(&mut journal, &tools, |_| {}).await?;
    let staged = journal.staged();
    let Some(commit) = staged.commit() else {
        anyhow::bail!("nothing was committed")
    };
    Ok(revert::Staged {
        commit,
        branch: staged.branch().unwrap_or(&staged.plan.branch).to_owned(),
        pull: pull(staged),
        compare: staged.page().map(str::to_owned),
    })
}

/// Commits, pushes, opens the pull request; then watches until the change is merged, synced and healthy, or `out` is
/// cancelled. Each step that is done is one partial answer.
pub async fn run(
    ws: &Workspace,
    plan: Plan,
    consent: Consent,
    out: &Sink<Progress>,
) -> anyhow::Result<Progress> {
    let tools = tools(ws).await?;
    let journal = stage::begin(plan.confirm(consent), &tools.state)?;
    see_through(ws, tools, journal, out).await
}

/// Staged changes that were not seen through: interrupted, or not merged or healthy yet.
pub fn pending(ws: &Workspace) -> Vec<Progress> {
    let found = stage::pending(&ws.inner.options.state, &ws.tip().repository).unwrap_or_default();
    found
        .staged
        .iter()
        .map(|staged| progress(staged, &Known::Loading, false))
        .collect()
}

/// Takes a pending one up where it stopped.
pub async fn resume(
    ws: &Workspace,
    id: &str,
    consent: Consent,
    out: &Sink<Progress>,
) -> anyhow::Result<Progress> {
    let tools = tools(ws).await?;
    let journal = stage::resume(&tools.state, id, consent)?;
    see_through(ws, tools, journal, out).await
}

/// Merges the pull request of a staged change, if its head is still the commit that was shown.
pub async fn merge(ws: &Workspace, id: &str, consent: Consent) -> anyhow::Result<()> {
    let under_way = lock(&ws.inner.under_way.0).get(id).cloned();
    if let Some(under_way) = under_way {
        let (done, answer) = oneshot::channel();
        if under_way.send(MergeWanted { consent, done }).is_ok() {
            return Ok(answer.await??);
        }
    }
    let tools = tools(ws).await?;
    let mut journal = stage::resume(&tools.state, id, consent)?;
    Ok(stage::merge(&mut journal, &tools, consent).await?)
}

/// Takes every step that is left, and watches; merges when it is asked to meanwhile.
async fn see_through(
    ws: &Workspace,
    tools: Tools,
    mut journal: Journal,
    out: &Sink<Progress>,
) -> anyhow::Result<Progress> {
    let (merge, mut wanted) = mpsc::unbounded_channel();
    let id = journal.staged().id.clone();
    lock(&ws.inner.under_way.0).insert(id.clone(), merge);
    let ended = watched(ws, &tools, &mut journal, &mut wanted, out).await;
    lock(&ws.inner.under_way.0).remove(&id);
    ended
}

async fn watched(
    ws: &Workspace,
    tools: &Tools,
    journal: &mut Journal,
    wanted: &mut mpsc::UnboundedReceiver<MergeWanted>,
    out: &Sink<Progress>,
) -> anyhow::Result<Progress> {
    let can_merge = matches!(tools.forge, Forge::Local(_));
    stage::run(journal, tools, |staged| {
        out.send(progress(staged, &Known::Loading, can_merge))
    })
    .await?;
    let touched = touched(ws, journal.staged()).await?;
    loop {
        let mut last = None;
        let watching = stage::watch(
            journal,
            tools,
            PACE,
            |merged| landing(ws, merged, &touched),
            ws.changes(),
            out.cancel(),
            |staged, landing| {
                let progress = progress(staged, landing, can_merge);
                last = Some(progress.clone());
                out.send(progress);
            },
        );
        let merge = tokio::select! {
            ended = watching => {
                ended?;
                return last.ok_or_else(|| anyhow::anyhow!("nothing was staged"));
            }
            Some(merge) = wanted.recv() => merge,
        };
        let merged = stage::merge(journal, tools, merge.consent).await;
        // Who asked may have gone; the journal has the outcome all the same.
        merge.done.send(merged).ok();
    }
}

/// An object the staged change touches: how it was, and how it will be.
struct Touched {
    environment: Environment,
    before: Option<Object>,
    after: Option<Object>,
}

async fn touched(ws: &Workspace, staged: &Staged) -> anyhow::Result<Vec<Touched>> {
    let (base, tree) = (staged.plan.base, staged.plan.tree);
    let branch = staged.plan.base_branch.clone();
    ws.blocking(move |past: &Past| {
        let past = past.on_branch(&branch);
        let layout = past.layout_of(base)?;
        let before = past.reader.tree_of(base)?;
        let scope = history::Scope::default();
        let changes = changes_between(past.sources(), before, tree, &scope, &Cancel::new())?;
        let touch = |change: &ResourceChange| {
            let environment = layout.environment(&change.environment)?.clone();
            let (before, after) = (
                change.object_before().cloned(),
                change.object_after().cloned(),
            );
            (change.kind != ChangeKind::Moved).then_some(Touched {
                environment,
                before,
                after,
            })
        };
        Ok(changes.resources.iter().filter_map(touch).collect())
    })
    .await
}

/// How the touched objects stand, once the change was merged.
async fn landing(ws: &Workspace, merged: Oid, touched: &[Touched]) -> Known<Landing> {
    if ws.tips().iter().all(|tip| tip.commit != merged) {
        // The screens should speak of what was merged; that it cannot be fetched is no reason not to watch.
        ws.fetch().await.ok();
    }
    let mut arrivals = Vec::new();
    let mut stale = None;
    let mut environments: Vec<&Environment> = Vec::new();
    for touch in touched {
        if !environments
            .iter()
            .any(|known| known.name == touch.environment.name)
        {
            environments.push(&touch.environment);
        }
    }
    for environment in environments {
        let here = || {
            touched
                .iter()
                .filter(|touch| touch.environment.name == environment.name)
        };
        let objects = here().filter_map(|touch| touch.after.as_ref().or(touch.before.as_ref()));
        let listed = live::fresh_listing(ws, environment, objects, std::iter::empty()).await;
        let ownership = listed.ownership();
        for touch in here() {
            let Some(object) = touch.after.as_ref().or(touch.before.as_ref()) else {
                continue;
            };
            let known = listed.get(&object.id);
            stale = stale.into_iter().chain(known.as_of()).min();
            let found = match known {
                Known::Fresh(found) | Known::Stale(found, _) => found,
                Known::Loading => return Known::Loading,
                Known::Unavailable(why) => return Known::Unavailable(why),
            };
            let lists = &listed.lists();
            let (arrived, health) = match (found, &touch.after) {
                (None, None) => (true, healthy()),
                (None, Some(_)) => (false, live::missing()),
                (Some(_), None) => (false, healthy()),
                (Some(found), Some(after)) => {
                    let before = touch
                        .before
                        .as_ref()
                        .map(|before| compare(before, found, lists))
                        .unwrap_or_default();
                    (
                        has_arrived(&before, &compare(after, found, lists)),
                        ownership.health(found),
                    )
                }
            };
            arrivals.push(Arrival {
                object: object.id.to_string(),
                arrived,
                health,
            });
        }
    }
    Known::fresh_or_stale(Landing { arrivals }, stale)
}

fn healthy() -> Health {
    Health {
        status: HealthStatus::Healthy,
        reason: String::new(),
        decided: Decided::Assumed,
    }
}

fn progress(staged: &Staged, landing: &Known<Landing>, can_merge: bool) -> Progress {
    Progress {
        id: staged.id.clone(),
        branch: staged.branch().unwrap_or(&staged.plan.branch).to_owned(),
        title: staged.plan.title.clone(),
        commit: staged.commit().map(|commit| commit.to_string()),
        pull: pull(staged),
        compare: staged.page().map(str::to_owned),
        steps: stage::progress(staged, landing)
            .into_iter()
            .map(|step| Step {
                name: name(step.step),
                done: step.done,
                detail: step.detail,
            })
            .collect(),
        error: staged.stopped.clone(),
        can_merge: can_merge && staged.pull().is_some() && staged.merged().is_none(),
    }
}

fn name(step: stage::Step) -> StepName {
    match step {
        stage::Step::Committed => StepName::Committed,
        stage::Step::Pushed => StepName::Pushed,
        stage::Step::Opened => StepName::Opened,
        stage::Step::Merged => StepName::Merged,
        stage::Step::Synced => StepName::Synced,
        stage::Step::Healthy => StepName::Healthy,
    }
}

fn pull(staged: &Staged) -> Option<Pull> {
    let (number, url) = staged.pull()?;
    Some(Pull {
        number,
        title: Some(staged.plan.title.clone()),
        url: url.map(str::to_owned),
    })
}

/// The remote the tip was fetched from.
fn remote(ws: &Workspace) -> anyhow::Result<Remote> {
    let remotes = ws.inner.repo.remotes()?;
    let wanted = ws.tip().remote;
    match remotes
        .into_iter()
        .find(|remote| wanted.as_ref() == Some(&remote.name))
    {
        Some(remote) => Ok(remote),
        None => anyhow::bail!(
            "the repository has no remote to push to\nhint: add one with `git remote add`"
        ),
    }
}

async fn tools(ws: &Workspace) -> anyhow::Result<Tools> {
    ws.blocking(|past| {
        let inner = &past.ws.inner;
        let facts = inner.repo.facts();
        let directory = facts.work_dir.unwrap_or(facts.git_dir);
        crate::cluster::install_crypto();
        Ok(Tools {
            repo: inner.repo.clone(),
            forge: Forge::of(&remote(past.ws)?, &Sources::system(directory)),
            state: inner.options.state.clone(),
            clock: past.ws.clock().clone(),
        })
    })
    .await
}
