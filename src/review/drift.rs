//! Where the cluster is not what git says: per field, with who, when, and the commit that last set it.

use jiff::Timestamp;
use serde::Serialize;

use super::common::{CommitLine, Environment, ResourceId, Selector};
use super::desired::{DesiredApp, Wanted};
use super::workspace::Past;
use super::{Workspace, blame, live};
use crate::git::{Oid, Tip};
use crate::live::{Cause as Written, Health, HealthStatus, Ownership, SyncState};
use crate::manifest::{FieldPath, Language, Node};
use crate::render::How;
use crate::task::{Cancel, Known, Sink};

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    pub select: Selector,
    pub app: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    pub tips: Vec<Tip>,
    pub time: Timestamp,
    pub clusters: Vec<Environment>,
    /// Synced and healthy resources are not listed, but counted. Replicas that an autoscaler moves are listed, and in sync.
    pub resources: Vec<Resource>,
    pub synced: usize,
    /// Environments or kinds that could not be compared, and why.
    pub unknown: Vec<Unknown>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unknown {
    pub environment: String,
    /// `Secret in production`, or everything.
    pub what: String,
    pub why: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct Resource {
    #[serde(flatten)]
    pub id: ResourceId,
    pub path: Option<String>,
    pub state: SyncState,
    pub health: Known<Health>,
    pub fields: Vec<FieldDrift>,
    pub suppressed: std::collections::BTreeMap<String, usize>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldDrift {
    pub path: FieldPath,
    pub desired: Option<Node>,
    pub live: Option<Node>,
    pub cause: Cause,
    /// When a deployer last wrote the object.
    #[serde(skip)]
    pub applied: Option<Timestamp>,
}

/// Why a live field is not what git says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    pub kind: CauseKind,
    /// The field manager that owns the live field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager: Option<String>,
    /// When that manager last wrote anything to the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// The commit that last set (or removed) the field in git.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitLine>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CauseKind {
    /// Someone wrote it with kubectl, k9s or the like.
    ManualEdit,
    Autoscaler,
    Controller,
    /// git changed after the applier last wrote: not applied yet.
    NotApplied,
    /// Removed from the live object, by whom is unknown.
    Removed,
    Unknown,
}

/// Environment by environment: first what differs, then which commit last set each field.
pub async fn ask(ws: &Workspace, request: Request, out: &Sink<Answer>) -> anyhow::Result<Answer> {
    let asked = request.clone();
    let lines = ws
        .blocking_for(out.waiting(), move |past| {
            let wanted = Wanted::new(&asked.select)?;
            let mut lines = Vec::new();
            for past in past.on_each() {
                let commit = past.at(None)?;
                let layout = past.layout_of(commit)?;
                let apps = past.desired(&layout, past.reader.tree_of(commit)?, |app| {
                    wanted.environment(&app.environment)
                        && asked.app.as_ref().is_none_or(|name| *name == app.name)
                })?;
                lines.push((past.line, layout, apps));
            }
            Ok(lines)
        })
        .await?;
    let wanted = Wanted::new(&request.select)?;
    let mut answer = Answer {
        tips: lines.iter().map(|(line, ..)| line.tip.clone()).collect(),
        time: ws.clock().now(),
        clusters: Vec::new(),
        resources: Vec::new(),
        synced: 0,
        unknown: Vec::new(),
    };
    let mut environments = Vec::new();
    for (_, layout, apps) in &lines {
        let here = layout.environments.iter();
        let here = here.filter(|environment| wanted.environment(&environment.name));
        environments.extend(here.map(|environment| (environment, apps)));
    }
    for (environment, apps) in environments {
        let apps: Vec<&DesiredApp> = apps
            .iter()
            .filter(|app| app.app.environment == environment.name)
            .collect();
        if apps.is_empty() {
            continue;
        }
        let listing = live::listing(ws, environment, apps.iter().copied()).await;
        answer
            .clusters
            .push(super::common::environment(environment, listing.identity()));
        let ownership = listing.ownership();
        for app in apps {
            compare(app, &listing, &ownership, &wanted, &mut answer);
        }
        out.send(answer.clone());
    }
    if answer
        .resources
        .iter()
        .all(|resource| resource.fields.is_empty())
    {
        return Ok(answer);
    }
    let cancel = out.cancel().clone();
    ws.blocking(move |past| {
        for (line, layout, _) in &lines {
            let past = past.on(line);
            for resource in &mut answer.resources {
                if layout.environment(&resource.id.environment).is_some() {
                    let (id, fields) = (&resource.id, &mut resource.fields);
                    explain(&past, line.tip.commit, id, fields, &cancel)?;
                }
            }
        }
        Ok(answer)
    })
    .await
}

fn compare<'a>(
    desired: &DesiredApp,
    listing: &'a live::Listed,
    ownership: &Ownership<'a>,
    wanted: &Wanted,
    answer: &mut Answer,
) {
    let environment = &desired.app.environment;
    if let How::Sources { why } = &desired.rendering.how {
        let what = format!("app {}", desired.app.name);
        answer.unknown.push(Unknown {
            environment: environment.clone(),
            what,
            why: why.clone(),
        });
        return;
    }
    for rendered in &desired.rendering.objects {
        let object = &rendered.object;
        if !wanted.matches(
            &object.id,
            rendered.source.as_ref().map(|source| &source.path),
        ) {
            continue;
        }
        if Language::of(&object.id).is_some() && !wanted.is_named() {
            // What no cluster holds does not drift there.
            continue;
        }
        let judged = listing.judge(object, ownership);
        if let Some(why) = judged.unknown {
            let namespace = object.id.namespace.as_deref().unwrap_or("the cluster");
            let what = format!("{} in {namespace}", object.id.kind);
            let unknown = Unknown {
                environment: environment.clone(),
                what,
                why: why.to_string(),
            };
            if !answer.unknown.contains(&unknown) {
                answer.unknown.push(unknown);
            }
            continue;
        }
        let healthy = judged
            .health
            .value()
            .is_none_or(|health| health.status == HealthStatus::Healthy);
        if judged.state == SyncState::Synced && judged.comparison.drift.is_empty() && healthy {
            answer.synced += 1;
            continue;
        }
        answer.resources.push(Resource {
            id: ResourceId {
                environment: environment.clone(),
                app: desired.app.name.clone(),
                object: object.id.clone(),
            },
            path: rendered
                .source
                .as_ref()
                .map(|source| source.path.to_string()),
            state: judged.state,
            health: judged.health,
            fields: judged.comparison.drift.into_iter().map(field).collect(),
            suppressed: judged.comparison.suppressed,
        });
    }
}

/// A drifted field, without the commit behind it.
pub(super) fn field(drift: crate::live::FieldDrift) -> FieldDrift {
    let kind = match drift.cause {
        Written::ManualEdit => CauseKind::ManualEdit,
        Written::Autoscaler => CauseKind::Autoscaler,
        Written::Controller => CauseKind::Controller,
        Written::Removed => CauseKind::Removed,
        Written::NotApplied => CauseKind::NotApplied,
        // Whether the deployer is behind, the commit will tell.
        Written::Deployer | Written::Unknown => CauseKind::Unknown,
    };
    FieldDrift {
        path: drift.path,
        desired: drift.desired,
        live: drift.live,
        applied: drift.applied,
        cause: Cause {
            kind,
            time: drift.manager.as_ref().and_then(|manager| manager.time),
            manager: drift.manager.map(|manager| manager.name),
            commit: None,
        },
    }
}

/// Adds the commit that last set each field. Where the applier wrote before that commit, it is behind.
pub(super) fn explain(
    past: &Past,
    tip: Oid,
    id: &ResourceId,
    fields: &mut [FieldDrift],
    cancel: &Cancel,
) -> anyhow::Result<()> {
    let paths: Vec<FieldPath> = fields.iter().map(|field| field.path.clone()).collect();
    let set = blame::last_set(past, tip, id, &paths, cancel)?;
    for field in fields {
        field.cause.commit = set.get(&field.path).cloned();
        let written = match field.cause.kind {
            CauseKind::Unknown => field.cause.time,
            // What was never there looks as what somebody removed.
            CauseKind::Removed => field.applied,
            _ => None,
        };
        if let (Some(commit), Some(written)) = (&field.cause.commit, written)
            && commit.time > written
        {
            field.cause.kind = CauseKind::NotApplied;
        }
    }
    Ok(())
}
