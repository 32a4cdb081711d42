//! One resource: its declaration, its live object, what that owns, its events, and each field that differs. Its log is
//! [`super::log`], its change at a commit [`super::change`].

use std::ops::ControlFlow;

use jiff::Timestamp;
use serde::Serialize;

use super::applied::{self, Applied};
use super::by_deployer::{self, ByDeployer};
use super::cause::{Cause, Deployed, FieldDrift, explain, left_alone};
use super::common::{CommitLine, Environment, ResourceId, Selector};
use super::desired::DesiredApp;
use super::entry::{behind, side_text};
use super::line::Line;
use super::workspace::Past;
use super::{Workspace, live};
use crate::cluster::Event;
use crate::git::{Oid, Tip};
use crate::history::{self, LogStep, ResourceKey, resource_log};
use crate::live::{Health, Owned, Suppressed, SyncState};
use crate::manifest::kargo_summary;
use crate::render::RenderedObject;
use crate::task::{Known, Sink};
use crate::text::clean_line;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    pub select: Selector,
}

#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    pub tips: Vec<Tip>,
    pub resource: ResourceId,
    pub environment: Environment,
    pub path: Option<String>,
    /// 1-based line of its document in `path`.
    pub line: Option<u32>,
    /// The declared object as YAML, masked; `None` where the tip no longer declares it.
    #[serde(skip)]
    pub desired_text: Option<String>,
    #[serde(skip)]
    pub desired: Option<crate::manifest::Object>,
    /// What it is about, of kinds whose fields hardly say (Kargo's): `from warehouse web`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    pub since: Option<CommitLine>,
    pub live: Known<Live>,
    /// What else is to be known of the answer, in words.
    pub notes: Vec<String>,
}

/// The live side of a resource.
#[derive(Debug, Clone, Serialize)]
pub struct Live {
    pub sync: SyncState,
    pub health: Health,
    pub created: Option<Timestamp>,
    /// How far its deployer is, where that keeps an account.
    pub applied: Option<Applied>,
    /// Why it is not there at all, where its deployer tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    pub fields: Vec<FieldDrift>,
    pub suppressed: std::collections::BTreeMap<String, usize>,
    /// Which fields these are, as far as there are not too many.
    pub suppressed_fields: Vec<Suppressed>,
    /// What its deployer says of it, where it says so of what git says now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_deployer: Option<ByDeployer>,
    /// The object and what it owns, down to pods; `None` where it is missing.
    pub owned: Option<Owned>,
    pub events: Known<Vec<Event>>,
    /// The live object as YAML, masked.
    #[serde(skip)]
    pub text: Option<String>,
    #[serde(skip)]
    pub object: Option<crate::manifest::Object>,
}

/// The declaration first, then the live side, then who set each field that differs.
pub async fn ask(ws: &Workspace, request: Request, out: &Sink<Answer>) -> anyhow::Result<Answer> {
    let (mut answer, found) = ws
        .blocking_for(out.waiting(), move |past| declared(past, &request.select))
        .await?;
    out.send(answer.clone());

    let listing = live::listing(ws, &found.environment, found.apps.iter()).await;
    answer.environment.cluster = listing.identity();
    // What scales it may be another app's.
    let is_hidden = |desired| listing.hides_autoscalers(desired);
    let listing = match answer.desired.as_ref().is_some_and(is_hidden) {
        true => {
            let (line, commit) = (found.line.clone(), found.commit);
            let name = found.environment.name.clone();
            let others = move |past: &Past| {
                let past = past.on(&line);
                let layout = past.layout_of(commit)?;
                let tree = past.reader.tree_of(commit)?;
                past.desired(&layout, tree, |app| app.environment == name)
            };
            let apps = ws.blocking_for(out.waiting(), others).await?;
            listing.with_declared(apps.iter().flat_map(DesiredApp::objects))
        }
        false => listing,
    };
    let rules = found.apps.first().map(|app| {
        let rules = listing.rules(&app.app);
        answer.notes = listing.notes(&app.app, &rules);
        rules
    });
    let rules = rules.unwrap_or_default();
    let (desired, id) = (answer.desired.as_ref(), &answer.resource.object);
    answer.live = listing.resource(desired, id, &rules).await;
    out.send(answer.clone());

    let cancel = out.cancel().clone();
    let skew = listing.skew();
    let operator = found.apps.first().map(|app| listing.operator(&app.app));
    let operator = operator.and_then(|known| known.value().cloned().flatten());
    ws.blocking(move |past| {
        let past = &past.on(&found.line);
        let (id, tip) = (answer.resource.clone(), found.commit);
        let (Known::Fresh(live) | Known::Stale(live, _), Some(DesiredApp { app, .. })) =
            (&mut answer.live, found.apps.first())
        else {
            return Ok(answer);
        };
        let applied = operator.map(|operator| applied::applied(past, tip, app, operator));
        let applied = applied.transpose()?;
        let at = (app.environment.as_str(), app.name.as_str());
        let deployed = Deployed::of(past, at, app.deployer, applied.as_ref())?.by_clock(skew);
        live.cause = left_alone(live.sync, &id.object, &rules)
            .or_else(|| deployed.of_resource(&id, live.sync));
        explain(past, tip, &id, &mut live.fields, &deployed, &cancel)?;
        let found = by_deployer::Found {
            state: live.sync,
            health: Some(live.health.status),
            differ: live.fields.len(),
            ignored: by_deployer::ignored(&live.suppressed_fields),
        };
        live.by_deployer = applied
            .as_ref()
            .and_then(|applied| by_deployer::of_object(applied, &id.object, found));
        live.applied = applied;
        Ok(answer)
    })
    .await
}

/// What the live side needs of the declaration.
pub(super) struct Found {
    line: Line,
    commit: Oid,
    pub environment: crate::layout::Environment,
    /// The app that declares it, so that everything of it is listed at once.
    pub apps: Vec<DesiredApp>,
}

pub(super) fn declared(past: &Past, select: &Selector) -> anyhow::Result<(Answer, Found)> {
    let (past, commit, (id, declared)) =
        &past.the_one_of_all(None, select, past.waiting.cancel())?;
    let (commit, id) = (*commit, id.clone());
    let layout = past.layout_of(commit)?;
    let Some(environment) = layout.environment(&id.environment).cloned() else {
        anyhow::bail!(
            "the environment {} is no longer in the repository",
            id.environment
        );
    };
    let tree = past.reader.tree_of(commit)?;
    let apps = past.desired(&layout, tree, |app| {
        app.environment == id.environment && app.name == id.app
    })?;
    let how = apps.first().map(|app| app.rendering.how.clone());
    let source = declared
        .as_ref()
        .and_then(|declared| declared.source.as_ref());
    let desired_text = match (declared, how) {
        (Some(declared), Some(how)) => {
            let rendered = RenderedObject {
                object: declared.object.clone(),
                source: declared.source.clone(),
            };
            Some(side_text(past, &rendered, &how))
        }
        _ => None,
    };
    let answer = Answer {
        tips: vec![past.line.tip.clone()],
        environment: super::common::environment(&environment, Known::Loading),
        path: source.map(|source| source.path.to_string()),
        line: source.and_then(|source| Some(source.document.as_ref()?.line)),
        desired_text,
        desired: declared.as_ref().map(|declared| declared.object.clone()),
        about: declared
            .as_ref()
            .and_then(|declared| kargo_summary(&declared.object))
            .map(|about| clean_line(&about)),
        since: last_change(past, commit, &id)?,
        resource: id,
        live: Known::Loading,
        notes: Vec::new(),
    };
    Ok((
        answer,
        Found {
            line: past.line.clone(),
            commit,
            environment,
            apps,
        },
    ))
}

/// The newest commit in the resource's log that is not routine; for a generated one, the commit it comes from.
fn last_change(past: &Past, tip: Oid, id: &ResourceId) -> anyhow::Result<Option<CommitLine>> {
    let history = past.ws.history(tip);
    let origins = past.origins(tip)?;
    let key = ResourceKey {
        environment: id.environment.clone(),
        app: None,
        object: id.object.clone(),
    };
    let mut since = None;
    let log = resource_log(
        &history,
        past.sources(),
        &key,
        past.waiting.cancel(),
        &mut |step| {
            if let LogStep::Entry(entry) = step
                && !entry.routine()
            {
                let rows = history.snapshot();
                since = behind(past, &origins, &rows, entry.row);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        },
    );
    match log {
        // It is not known.
        Ok(_) | Err(history::Error::Git(_)) => Ok(since),
        Err(error) => Err(error.into()),
    }
}
