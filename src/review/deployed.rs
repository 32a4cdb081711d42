//! What is deployed where: apps × environments, since which commit, who, when, and what is live.

mod kept;
mod since;

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde::Serialize;

use super::applied::{self, Applied};
use super::by_deployer::{self, ByDeployer};
use super::common::{CommitLine, Environment, NotRendered, ResourceId};
use super::desired::DesiredApp;
use super::line::Line;
use super::version::{self, Version};
use super::workspace::{Past, lock};
use super::{Workspace, live};
use crate::cluster::Identity;
use crate::git::{Oid, Tip};
use crate::layout::{self, Layout, Overrides};
use crate::live::{Health, SyncState};
use crate::render::{How, Tool};
use crate::task::{Cancel, Known, Sink, Why};

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// Only these apps; empty: all.
    pub apps: Vec<String>,
    /// Only this environment.
    pub environment: Option<String>,
    /// A revision or a date: the state then. Live columns are then not asked for.
    pub at: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    pub tips: Vec<Tip>,
    /// The moment the answer describes: now, or the time travelled to.
    pub time: Timestamp,
    pub environments: Vec<Environment>,
    /// By name. Shared, for partial answers repeat most of them.
    #[serde(serialize_with = "super::common::shared")]
    pub apps: Vec<Arc<App>>,
    pub not_rendered: Vec<NotRendered>,
    /// What was seen in the repository and could not be evaluated, in words.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct App {
    pub name: String,
    /// In the order of the environments; none where the app is not deployed.
    pub deployments: Vec<Deployment>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Deployment {
    pub environment: String,
    pub namespace: Option<String>,
    /// What a person calls its version: the tag of its main image, else the chart's version.
    pub version: Option<String>,
    pub images: Vec<String>,
    pub chart: Option<String>,
    /// The commit that set this version; for generated commits, the commit they come from.
    pub since: Option<CommitLine>,
    /// The version before that commit.
    pub previous: Option<String>,
    /// Name of an environment before this one in promotion order that runs another version (this one is then behind).
    pub behind: Option<String>,
    pub live: Known<LiveDeployment>,
    #[serde(skip)]
    pub resources: Vec<ResourceId>,
    /// `since` and `previous` are still being looked for.
    #[serde(skip)]
    pub searching: bool,
}

/// How an app's objects fare in the cluster, taken together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LiveDeployment {
    pub version: Option<String>,
    pub images: Vec<String>,
    /// The worst of its objects, with that object's reason.
    pub health: Health,
    pub sync: SyncState,
    /// How many objects differ from git.
    pub drifted: usize,
    /// How far its deployer is, where that keeps an account.
    pub applied: Known<Option<Applied>>,
    /// What its deployer says of it as a whole, where it says so of what git says now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_deployer: Option<ByDeployer>,
}

/// Apps and desired versions first, then live columns and `since` as they are found; each partial answer is whole.
pub async fn ask(ws: &Workspace, request: Request, out: &Sink<Answer>) -> anyhow::Result<Answer> {
    let cancel = out.cancel().clone();
    let asked = request.clone();
    let stop = cancel.clone();
    let (answer, states) = ws
        .blocking_for(out.waiting(), move |past| declared(past, &asked, &stop))
        .await?;
    out.send(answer.clone());

    let travelled = request.at.is_some();
    let growing = Arc::new(Mutex::new(answer));
    let update = {
        let (growing, out) = (Arc::clone(&growing), out.clone());
        move |change: &mut dyn FnMut(&mut Answer)| {
            let mut answer = lock(&growing);
            change(&mut answer);
            out.send(answer.clone());
        }
    };
    let states = Arc::new(states);
    let searching = {
        let (states, update) = (Arc::clone(&states), update.clone());
        ws.blocking(move |past| {
            for state in states.iter() {
                since::find(&past.on(&state.line), state, &cancel, &update)?;
            }
            Ok(())
        })
    };
    let live = async {
        if travelled {
            update(&mut |answer| set_live(answer, None, &Known::Unavailable(Why::Past)));
            return;
        }
        for (index, state) in states.iter().enumerate() {
            for environment in &state.layout.environments {
                let found = fares(ws, &states, index, environment).await;
                update(&mut |answer| found.set(answer, &environment.name));
            }
        }
    };
    let (searched, ()) = tokio::join!(searching, live);
    searched?;
    let answer = lock(&growing).clone();
    Ok(answer)
}

/// What the later steps need of the first.
pub(super) struct State {
    pub(super) line: Line,
    pub(super) commit: Oid,
    pub(super) layout: Arc<Layout>,
    pub(super) apps: Vec<DesiredApp>,
}

/// How the apps of an environment fare.
struct Fares {
    cluster: Known<Identity>,
    apps: Vec<(String, Known<LiveDeployment>)>,
}

async fn fares(
    ws: &Workspace,
    states: &Arc<Vec<State>>,
    index: usize,
    environment: &layout::Environment,
) -> Fares {
    let here = |app: &&DesiredApp| app.app.environment == environment.name;
    let apps = states[index].apps.iter().filter(here);
    let listed = live::listing(ws, environment, apps.clone()).await;
    let cluster = listed.identity();
    let ownership = listed.ownership();
    let mut fares: Vec<(String, Known<LiveDeployment>)> = apps
        .clone()
        .map(|app| {
            let live = match (&cluster, &app.app.recipe.tool) {
                (Known::Unavailable(_), Tool::Items(_)) => Known::Unavailable(Why::NotInCluster),
                _ => listed.deployment(app, &ownership),
            };
            (app.app.name.clone(), live)
        })
        .collect();
    let operators: Vec<_> = apps.map(|app| listed.operator(&app.app)).collect();
    let (all, name) = (Arc::clone(states), environment.name.clone());
    let applied = ws.blocking(move |past| {
        let state = &all[index];
        let past = past.on(&state.line);
        let apps = state.apps.iter().filter(|app| app.app.environment == name);
        let apps = apps.zip(operators);
        let applied =
            apps.map(|(app, operator)| applied::known(&past, state.commit, &app.app, operator));
        Ok(applied.collect::<Vec<_>>())
    });
    let applied = applied.await.unwrap_or_else(|error| {
        let why = Why::Failed(format!("{error:#}"));
        vec![Known::Unavailable(why); fares.len()]
    });
    for ((_, live), applied) in fares.iter_mut().zip(applied) {
        if let Known::Fresh(live) | Known::Stale(live, _) = live {
            let found = by_deployer::Found {
                state: live.sync,
                health: Some(live.health.status),
                differ: live.drifted,
                ignored: 0,
            };
            let said = applied.value().and_then(Option::as_ref);
            live.by_deployer = said.and_then(|applied| by_deployer::of_app(applied, found));
            live.applied = applied;
        }
    }
    Fares {
        cluster,
        apps: fares,
    }
}

impl Fares {
    fn set(&self, answer: &mut Answer, environment: &str) {
        let shown = answer.environments.iter_mut();
        for shown in shown.filter(|shown| shown.name == environment) {
            shown.cluster = self.cluster.clone();
        }
        for (app, live) in &self.apps {
            set_live(answer, Some((environment, app)), live);
        }
    }
}

/// What git declares, on all lines.
fn declared(
    past: &Past,
    request: &Request,
    cancel: &Cancel,
) -> anyhow::Result<(Answer, Vec<State>)> {
    let mut answer = Answer {
        tips: past.ws.tips(),
        time: past.ws.clock().now(),
        environments: Vec::new(),
        apps: Vec::new(),
        not_rendered: Vec::new(),
        notes: Vec::new(),
    };
    let mut states = Vec::new();
    let mut travelled = None;
    for (past, commit) in past.at_each(request.at.as_deref(), cancel)? {
        if request.at.is_some() {
            let time = past.reader.commit(commit)?.committed;
            travelled = travelled.max(Some(time));
        }
        let layout = past.layout_of(commit)?;
        let wanted = |name: &str| {
            request
                .environment
                .as_deref()
                .is_none_or(|only| only == name)
        };
        let tree = past.reader.tree_of(commit)?;
        let apps = past.desired(&layout, tree, |app| {
            wanted(&app.environment)
                && (request.apps.is_empty() || request.apps.contains(&app.name))
        })?;
        for app in &apps {
            let version = version::declared(&past, tree, &app.app, &app.rendering)?;
            answer.add(app, version);
        }
        answer.environments.extend(
            layout
                .environments
                .iter()
                .filter(|environment| wanted(&environment.name))
                .map(|environment| super::common::environment(environment, Known::Loading)),
        );
        answer.notes.extend(layout.notes.iter().cloned());
        states.push(State {
            line: past.line.clone(),
            commit,
            layout,
            apps,
        });
    }
    if let [first, _, ..] = states.as_slice() {
        let tree = past.reader.tree_of(first.commit)?;
        let user = &past.ws.inner.options.overrides;
        let overrides = layout::overrides(&past.reader, tree, user)?;
        answer.in_order(&first.layout, &overrides);
    }
    if let Some(time) = travelled {
        answer.time = time;
    }
    if let Some(wanted) = &request.environment
        && answer.environments.is_empty()
    {
        let names: Vec<&str> = states
            .iter()
            .flat_map(|state| &state.layout.environments)
            .map(|environment| environment.name.as_str())
            .collect();
        anyhow::bail!(
            "there is no environment {wanted:?}\nhint: there are {}",
            crate::text::clean(&names.join(", "))
        );
    }
    if answer.apps.is_empty()
        && let Some(wanted) = request.apps.first()
    {
        anyhow::bail!("no app is called {wanted:?}\nhint: `gitopsy where` lists them");
    }
    Ok((answer, states))
}

impl Answer {
    /// Adds an app in an environment.
    fn add(&mut self, DesiredApp { app, rendering }: &DesiredApp, version: Version) {
        let mut not_rendered = |why: String| {
            self.not_rendered.push(NotRendered {
                environment: app.environment.clone(),
                app: app.name.clone(),
                why,
            });
        };
        if let How::Sources { why } = &rendering.how {
            not_rendered(why.clone());
        }
        for (path, why) in &rendering.broken {
            not_rendered(format!("{path}: {why}"));
        }
        let objects = rendering.objects.iter().map(|rendered| &rendered.object);
        let deployment = Deployment {
            environment: app.environment.clone(),
            namespace: app.destination.namespace.clone(),
            version: version.version,
            images: version.images,
            chart: app.chart.clone(),
            since: None,
            previous: None,
            behind: None,
            live: Known::Loading,
            resources: objects
                .map(|object| ResourceId {
                    environment: app.environment.clone(),
                    app: app.name.clone(),
                    object: object.id.clone(),
                })
                .collect(),
            searching: true,
        };
        match self.place(&app.name) {
            Ok(place) => Arc::make_mut(&mut self.apps[place])
                .deployments
                .push(deployment),
            Err(place) => self.apps.insert(
                place,
                Arc::new(App {
                    name: app.name.clone(),
                    deployments: vec![deployment],
                }),
            ),
        }
    }

    /// Puts environments of several branches in the order of promotion: what is on the `default` branch comes before it all
    /// where its name says nothing.
    fn in_order(&mut self, default: &Layout, overrides: &Overrides) {
        let unknown = overrides.rank("");
        let rank = |name: &str| match overrides.rank(name) {
            rank if rank == unknown && default.environment(name).is_some() => None,
            rank => Some(rank),
        };
        self.environments
            .sort_by_key(|environment| rank(&environment.name));
        for app in self.apps.iter_mut().map(Arc::make_mut) {
            app.deployments
                .sort_by_key(|deployment| rank(&deployment.environment));
        }
    }

    /// Where an app is, or would be.
    fn place(&self, app: &str) -> Result<usize, usize> {
        self.apps.binary_search_by(|row| row.name.as_str().cmp(app))
    }

    fn app_mut(&mut self, app: &str) -> Option<&mut App> {
        let place = self.place(app).ok()?;
        self.apps.get_mut(place).map(Arc::make_mut)
    }
}

/// Sets the live side of one deployment, or of all.
fn set_live(answer: &mut Answer, of: Option<(&str, &str)>, live: &Known<LiveDeployment>) {
    match of {
        None => {
            let apps = answer.apps.iter_mut().map(Arc::make_mut);
            let deployments = apps.flat_map(|app| &mut app.deployments);
            deployments.for_each(|deployment| deployment.live = live.clone());
        }
        Some((environment, app)) => {
            let app = answer.app_mut(app).into_iter();
            let deployments = app.flat_map(|app| &mut app.deployments);
            deployments
                .filter(|deployment| deployment.environment == environment)
                .for_each(|deployment| deployment.live = live.clone());
        }
    }
}
