//! Where the cluster is not what git says: per field, with who, when, and the commit that last set it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::applied::{self, Applied};
use super::by_deployer::{self, ByDeployer};
pub use super::cause::{Cause, CauseKind, FieldDrift};
use super::cause::{Deployed, explain, field, left_alone};
use super::common::{Environment, ResourceId, Selector};
use super::desired::{DesiredApp, Wanted};
use super::extra::{Declared, Extra, extras, left, of_pipeline};
use super::line::Line;
use super::planned::Planned;
pub use super::planned::Verdict;
use super::workspace::Past;
use super::{Workspace, live};
use crate::cluster::operator::Operator;
use crate::git::Tip;
use crate::layout::{self, App, Deployer};
use crate::live::{Health, HealthStatus, Ownership, Suppressed, SyncState};
use crate::manifest::Language;
use crate::render::How;
use crate::task::{Cancel, Known, Sink};
use crate::text;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    pub select: Selector,
    pub app: Option<String>,
    /// Ask the API server what applying git would change, where the user may patch.
    pub dry_run: bool,
}

#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    pub tips: Vec<Tip>,
    pub time: Timestamp,
    pub clusters: Vec<Environment>,
    /// Whether the API server was asked, and said of anything what applying git would make of it.
    pub dry_run: bool,
    /// Synced and healthy resources are not listed, but counted. Replicas that an autoscaler moves are listed, and in sync.
    pub resources: Vec<Resource>,
    pub synced: usize,
    /// When the oldest of what was compared was last confirmed, where it is not any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale: Option<Timestamp>,
    /// How far the deployer of each app is, where it keeps an account.
    pub applied: Vec<Applied>,
    /// Environments or kinds that could not be compared, and why.
    pub unknown: Vec<Unknown>,
    /// What else is to be known of the answer, in words.
    pub notes: Vec<String>,
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
    /// Why it is not there at all, where its deployer tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// Whose word it is, where the API server was to be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    pub fields: Vec<FieldDrift>,
    pub suppressed: std::collections::BTreeMap<String, usize>,
    /// Which fields these are, as far as there are not too many.
    pub suppressed_fields: Vec<Suppressed>,
    /// What its deployer says of it, where it says so of what git says now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_deployer: Option<ByDeployer>,
}

/// What the deployers of apps say, and what is found of what is not listed.
#[derive(Default)]
struct Deployers {
    operators: Vec<(App, Operator)>,
    /// What is in sync and healthy here, and not as its deployer says.
    doubts: Vec<(ResourceId, by_deployer::Found)>,
    /// How far the clocks of environments' clusters are ahead of ours.
    skews: BTreeMap<String, SignedDuration>,
}

impl Deployers {
    fn extend(&mut self, more: Deployers) {
        self.operators.extend(more.operators);
        self.doubts.extend(more.doubts);
        self.skews.extend(more.skews);
    }
}

/// So many notes of resources of which a deployer says otherwise.
const MOST_DOUBTS: usize = 20;

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
                // All apps of an environment: what one has no more may be another's.
                let apps = past.desired(&layout, past.reader.tree_of(commit)?, |app| {
                    wanted.environment(&app.environment)
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
        dry_run: false,
        resources: Vec::new(),
        synced: 0,
        stale: None,
        applied: Vec::new(),
        unknown: Vec::new(),
        notes: Vec::new(),
    };
    let mut deployers = Deployers::default();
    let mut environments = Vec::new();
    for (_, layout, apps) in &lines {
        let here = layout.environments.iter();
        let here = here.filter(|environment| wanted.environment(&environment.name));
        environments.extend(here.map(|environment| (environment, apps)));
    }
    for (environment, apps) in environments {
        deployers.extend(compare_environment(ws, environment, apps, &request, &mut answer).await?);
        out.send(answer.clone());
    }
    let cancel = out.cancel().clone();
    ws.blocking(move |past| {
        let mut doubts = Vec::new();
        for (line, _, apps) in &lines {
            let past = &past.on(line);
            doubts.extend(explained(
                past,
                line,
                apps,
                &deployers,
                &mut answer,
                &cancel,
            )?);
        }
        if wanted.is_named() {
            let concerns = |applied: &Applied, resource: &Resource| {
                let id = &resource.id;
                id.environment == applied.environment && id.app == applied.app
            };
            let mut all = std::mem::take(&mut answer.applied);
            all.retain(|applied| answer.resources.iter().any(|it| concerns(applied, it)));
            answer.applied = all;
        }
        let more = doubts.split_off(doubts.len().min(MOST_DOUBTS)).len();
        answer.notes.extend(doubts);
        if more > 0 {
            let note = format!("and {more} more of which their deployer says otherwise");
            answer.notes.push(note);
        }
        Ok(answer)
    })
    .await
}

/// Adds what differs in an environment, and what is there beyond what its `apps` declare; `all`: those of the whole branch. What
/// the deployers of its apps say.
async fn compare_environment(
    ws: &Workspace,
    environment: &layout::Environment,
    all: &[DesiredApp],
    request: &Request,
    answer: &mut Answer,
) -> anyhow::Result<Deployers> {
    let wanted = Wanted::new(&request.select)?;
    let of_environment = all.iter();
    let of_environment: Vec<&DesiredApp> = of_environment
        .filter(|app| app.app.environment == environment.name)
        .collect();
    let is_asked = |app: &App| request.app.as_ref().is_none_or(|name| *name == app.name);
    let asked = of_environment.iter().copied();
    let asked: Vec<&DesiredApp> = asked.filter(|app| is_asked(&app.app)).collect();
    let mut deployers = Deployers::default();
    if asked.is_empty() {
        return Ok(deployers);
    }
    let listing = live::listing(ws, environment, asked.iter().copied()).await;
    let objects = of_environment.iter().flat_map(|app| app.objects());
    let listing = listing.with_declared(objects);
    answer
        .clusters
        .push(super::common::environment(environment, listing.identity()));
    let skew = listing.skew();
    let skew = skew.map(|skew| (environment.name.clone(), skew));
    deployers.skews.extend(skew);
    let declared = Declared::by(&of_environment);
    let left = left(&listing, &declared);
    let ownership = listing.ownership();
    for app in asked {
        let planned = match request.dry_run {
            true => Planned::of(&listing, app, &wanted).await,
            false => Planned::default(),
        };
        answer.dry_run |= planned.is_any();
        let place = format!("{} › {}", environment.name, app.app.name);
        let notes = planned.notes().into_iter();
        answer
            .notes
            .extend(notes.map(|note| format!("{place}: {note}")));
        let operator = listing.operator(&app.app).value().cloned().flatten();
        let synced = compare(app, &listing, &ownership, &planned, &wanted, answer);
        let verdicts = operator.as_ref().and_then(|said| said.verdicts.as_ref());
        let is_doubted = |id: &ResourceId| {
            verdicts.is_some_and(|verdicts| {
                let said = verdicts.of(&id.object);
                verdicts.leaves_out(&id.object)
                    || said.is_some_and(|said| {
                        said.in_sync == Some(false)
                            || said
                                .health
                                .is_some_and(|health| health != HealthStatus::Healthy)
                    })
            })
        };
        let doubted = synced.into_iter().filter(|(id, _)| is_doubted(id));
        deployers.doubts.extend(doubted);
        let said = operator.as_ref();
        for extra in extras(&listing, &ownership, app, said, &declared, &left) {
            if wanted.matches(&extra.object, None) {
                let extra = undeclared(&environment.name, &app.app.name, extra, &listing);
                answer.resources.push(extra);
            }
        }
        let operator = operator.map(|operator| (app.app.clone(), operator));
        deployers.operators.extend(operator);
    }
    // Its objects name no app, and the cluster's own belong to whichever environment declares some.
    if environment.deployer == Deployer::JenkinsX && request.app.is_none() {
        let everything = Declared::by(&all.iter().collect::<Vec<_>>());
        let is_whole = request.select.environment.is_none();
        for (app, extra) in of_pipeline(&listing, &ownership, &everything, is_whole) {
            let extra = undeclared(&environment.name, &app, extra, &listing);
            let is_known = answer.resources.iter().any(|known| known.id == extra.id);
            if wanted.matches(&extra.id.object, None) && !is_known {
                answer.resources.push(extra);
            }
        }
    }
    Ok(deployers)
}

/// Adds how far the deployers of a branch's apps are, and why each resource and field is not what git says. Of what is not listed,
/// where its deployer says otherwise.
fn explained(
    past: &Past,
    line: &Line,
    apps: &[DesiredApp],
    deployers: &Deployers,
    answer: &mut Answer,
    cancel: &Cancel,
) -> anyhow::Result<Vec<String>> {
    let tip = line.tip.commit;
    let mut doubted = Vec::new();
    for DesiredApp { app, .. } in apps {
        let at = (app.environment.as_str(), app.name.as_str());
        let operator = deployers.operators.iter();
        let operator = operator.clone().find(|(known, _)| known == app);
        let operator = operator.map(|(_, operator)| operator.clone());
        let applied = operator.map(|operator| applied::applied(past, tip, app, operator));
        let applied = applied.transpose()?;
        let resources = answer.resources.iter_mut();
        let mut resources = resources
            .filter(|resource| (resource.id.environment.as_str(), resource.id.app.as_str()) == at)
            .peekable();
        if resources.peek().is_some() {
            let skew = deployers.skews.get(&app.environment).copied();
            let deployed = Deployed::of(past, at, app.deployer, applied.as_ref())?.by_clock(skew);
            for resource in resources {
                let (id, fields) = (&resource.id, &mut resource.fields);
                if resource.cause.is_none() {
                    resource.cause = deployed.of_resource(id, resource.state);
                }
                explain(past, tip, id, fields, &deployed, cancel)?;
                let found = by_deployer::Found {
                    state: resource.state,
                    health: resource.health.value().map(|health| health.status),
                    differ: resource.fields.len(),
                    ignored: by_deployer::ignored(&resource.suppressed_fields),
                };
                resource.by_deployer = applied.as_ref().and_then(|applied| {
                    by_deployer::of_object(applied, &resource.id.object, found)
                });
            }
        }
        let doubts = deployers.doubts.iter();
        let doubts = doubts.filter(|(id, _)| (id.environment.as_str(), id.app.as_str()) == at);
        for (id, found) in doubts {
            let said = applied
                .as_ref()
                .and_then(|applied| by_deployer::of_object(applied, &id.object, *found));
            if let Some(disagrees) = said.and_then(|said| said.disagrees) {
                let place = format!("{} › {} › {}", id.environment, id.app, id.object);
                doubted.push(format!("{place}: {disagrees}"));
            }
        }
        answer.applied.extend(applied);
    }
    Ok(doubted)
}

/// A resource that is there, and git does not declare.
fn undeclared(environment: &str, app: &str, extra: Extra, listing: &live::Listed) -> Resource {
    let stale = listing.get(&extra.object).as_of();
    Resource {
        id: ResourceId {
            environment: environment.to_owned(),
            app: app.to_owned(),
            object: extra.object,
        },
        path: None,
        state: match extra.kept {
            Some(_) => SyncState::Orphaned,
            None => SyncState::Extra,
        },
        health: Known::fresh_or_stale(extra.health, stale),
        cause: extra.kept.map(|why| Cause {
            why: Some(why),
            ..Cause::from(CauseKind::NeverPruned)
        }),
        verdict: None,
        fields: Vec::new(),
        suppressed: Default::default(),
        suppressed_fields: Vec::new(),
        by_deployer: None,
    }
}

/// Adds what differs of an app; what does not.
fn compare<'a>(
    desired: &DesiredApp,
    listing: &'a live::Listed,
    ownership: &Ownership<'a>,
    planned: &Planned,
    wanted: &Wanted,
    answer: &mut Answer,
) -> Vec<(ResourceId, by_deployer::Found)> {
    let mut synced = Vec::new();
    let environment = &desired.app.environment;
    if let How::Sources { why } = &desired.rendering.how {
        let what = format!("app {}", desired.app.name);
        answer.unknown.push(Unknown {
            environment: environment.clone(),
            what,
            why: why.clone(),
        });
        return synced;
    }
    let rules = listing.rules(&desired.app);
    for note in listing.notes(&desired.app, &rules) {
        if !answer.notes.contains(&note) {
            answer.notes.push(note);
        }
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
        let judged = listing.judge(object, ownership, &rules, planned.get(object));
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
        answer.stale = answer.stale.into_iter().chain(judged.health.as_of()).min();
        let hidden = judged.comparison.hidden();
        if hidden > 0 {
            let namespace = object.id.namespace.as_deref().unwrap_or("the cluster");
            answer.unknown.push(Unknown {
                environment: environment.clone(),
                what: format!("{} in {namespace}", object.id),
                why: format!(
                    "{} of the snapshot {} masked by somebody else",
                    text::count(hidden, "value"),
                    if hidden == 1 { "is" } else { "are" }
                ),
            });
        }
        let unread = judged.comparison.unknown();
        if let Some(from) = rules.unread_values().filter(|_| unread > 0) {
            let namespace = object.id.namespace.as_deref().unwrap_or("the cluster");
            let is = if unread == 1 { "is" } else { "are" };
            answer.unknown.push(Unknown {
                environment: environment.clone(),
                what: format!("{} in {namespace}", object.id),
                why: format!(
                    "{} {is} not known here: {from}",
                    text::count(unread, "value")
                ),
            });
        }
        let healthy = judged
            .health
            .value()
            .is_none_or(|health| health.status == HealthStatus::Healthy);
        if judged.state == SyncState::Synced && judged.comparison.drift.is_empty() && healthy {
            answer.synced += 1;
            let found = by_deployer::Found {
                state: judged.state,
                health: judged.health.value().map(|health| health.status),
                differ: 0,
                ignored: by_deployer::ignored(&judged.comparison.suppressed_fields),
            };
            let id = ResourceId {
                environment: environment.clone(),
                app: desired.app.name.clone(),
                object: object.id.clone(),
            };
            synced.push((id, found));
            continue;
        }
        if judged.state == SyncState::Unknown && judged.comparison.drift.is_empty() && healthy {
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
            cause: left_alone(judged.state, &object.id, &rules),
            verdict: planned.verdict(object),
            fields: judged.comparison.drift.into_iter().map(field).collect(),
            suppressed: judged.comparison.suppressed,
            suppressed_fields: judged.comparison.suppressed_fields,
            by_deployer: None,
        });
    }
    synced
}
