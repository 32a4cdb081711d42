//! Where each environment stands on its branch: the commits at which the deployers of its apps are.
//!
//! It takes no rendering, and of a cluster only what deployers say: it is asked beside the timeline, whose rows wait for nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::applied::{self, Applied, Held};
use super::line::Line;
use super::workspace::Past;
use super::{Workspace, live};
use crate::cluster::operator::Operator;
use crate::git::Oid;
use crate::layout::{self, App, Deployer, Layout};
use crate::task::{Known, Sink, Why};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub environments: Vec<Environment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    pub name: String,
    pub deployer: Deployer,
    pub stands: Known<Stands>,
}

/// How far an environment is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stands {
    /// Newest first. At the last one are, or are past it, all apps of which it is known.
    pub steps: Vec<Step>,
    /// How many apps there are whose deployer keeps an account; none: nobody does.
    pub apps: usize,
    /// Apps of which it is not known, each with why.
    pub unknown: Vec<(String, String)>,
}

/// A commit that deployers name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub commit: Oid,
    /// How many apps are there or past it.
    pub reached: usize,
    /// Those of them that are at no newer step.
    pub apps: Vec<Applied>,
}

/// Environment by environment; each partial answer is whole.
pub async fn ask(ws: &Workspace, out: &Sink<Answer>) -> anyhow::Result<Answer> {
    let lines = ws.blocking_for(out.waiting(), |past| {
        let lines = past.on_each().into_iter().map(|past| {
            let tip = past.at(None)?;
            let layout = past.layout_of(tip)?;
            Ok((past.line, tip, layout))
        });
        lines.collect::<anyhow::Result<Vec<(Line, Oid, Arc<Layout>)>>>()
    });
    let lines = lines.await?;
    let mut answer = Answer {
        environments: Vec::new(),
    };
    for (.., layout) in &lines {
        let environments = layout.environments.iter();
        answer
            .environments
            .extend(environments.map(|environment| Environment {
                name: environment.name.clone(),
                deployer: environment.deployer,
                stands: Known::Loading,
            }));
    }
    let mut at = 0;
    for (line, tip, layout) in &lines {
        for environment in &layout.environments {
            let known = stands(ws, line, *tip, layout, environment, out).await;
            answer.environments[at].stands = known;
            at += 1;
            out.send(answer.clone());
        }
    }
    Ok(answer)
}

async fn stands(
    ws: &Workspace,
    line: &Line,
    tip: Oid,
    layout: &Layout,
    environment: &layout::Environment,
    out: &Sink<Answer>,
) -> Known<Stands> {
    let apps = layout.apps.iter();
    let apps: Vec<&App> = apps
        .filter(|app| app.environment == environment.name)
        .collect();
    let Some(listed) = live::deployers(ws, environment, apps.iter().copied()).await else {
        return Known::Fresh(Stands::default());
    };
    match listed.identity() {
        Known::Fresh(_) | Known::Stale(..) => {}
        Known::Loading => return Known::Loading,
        Known::Unavailable(why) => return Known::Unavailable(why),
    }
    let said: Vec<(App, Known<Option<Operator>>)> = apps
        .into_iter()
        .map(|app| (app.clone(), listed.operator(app)))
        .collect();
    let line = line.clone();
    let stands = ws.blocking_for(out.waiting(), move |past| {
        Ok(together(&past.on(&line), tip, said))
    });
    stands
        .await
        .unwrap_or_else(|error| Known::Unavailable(Why::Failed(format!("{error:#}"))))
}

/// What the deployers of an environment's apps say, taken together: as old as the oldest part.
fn together(past: &Past, tip: Oid, said: Vec<(App, Known<Option<Operator>>)>) -> Known<Stands> {
    let mut placed = Vec::new();
    let (mut apps, mut unknown) = (0, Vec::new());
    let (mut stale, mut failed) = (None, None);
    for (app, operator) in said {
        let known = applied::known(past, tip, &app, operator);
        stale = stale.into_iter().chain(known.as_of()).min();
        match known {
            Known::Fresh(None) | Known::Stale(None, _) => continue,
            Known::Fresh(Some(applied)) | Known::Stale(Some(applied), _) => {
                match (applied.held, &applied.commit) {
                    (Some(held), Some(commit)) => placed.push((held, commit.commit, applied)),
                    (None, Some(_)) => {
                        let why = format!("{applied}, not on this branch or far back");
                        unknown.push((app.name, why));
                    }
                    (_, None) => unknown.push((app.name, applied.to_string())),
                }
            }
            Known::Loading => unknown.push((app.name, "loading".to_owned())),
            Known::Unavailable(why) => {
                unknown.push((app.name, why.to_string()));
                failed = Some(why);
            }
        }
        apps += 1;
    }
    match failed {
        Some(why)
            if placed.is_empty() && unknown.iter().all(|(_, said)| *said == why.to_string()) =>
        {
            Known::Unavailable(why)
        }
        _ => {
            let stands = Stands {
                steps: steps(placed),
                apps,
                unknown,
            };
            Known::fresh_or_stale(stands, stale)
        }
    }
}

/// The commits that are named, newest first, each with the apps that are there or past it and at no newer one. What no app adds
/// to is no step.
fn steps(placed: Vec<(Held, Oid, Applied)>) -> Vec<Step> {
    let named = placed
        .iter()
        .map(|(held, commit, _)| (held.commit, *commit));
    let named: BTreeMap<usize, Oid> = named.collect();
    let mut steps: BTreeMap<usize, Step> = BTreeMap::new();
    for (held, commit, applied) in placed {
        let first = named.range(held.until..).next();
        let (row, commit) = first.map_or((held.commit, commit), |(row, commit)| (*row, *commit));
        let step = steps.entry(row).or_insert(Step {
            commit,
            reached: 0,
            apps: Vec::new(),
        });
        step.apps.push(applied);
    }
    let mut reached = 0;
    let steps = steps.into_values().map(|step| {
        reached += step.apps.len();
        Step { reached, ..step }
    });
    steps.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::operator::State;
    use crate::manifest::ObjectRef;

    fn app(name: &str, commit: usize, until: usize) -> (Held, Oid, Applied) {
        let held = Held { commit, until };
        let id = format!("{commit:040}");
        let id = Oid::from_hex(id.as_bytes()).expect("an id");
        let object = ObjectRef {
            group: "kustomize.toolkit.fluxcd.io".to_owned(),
            kind: "Kustomization".to_owned(),
            namespace: None,
            name: name.to_owned(),
        };
        let applied = Applied {
            environment: "production".to_owned(),
            app: name.to_owned(),
            deployer: Deployer::Flux,
            object,
            state: State::Applied,
            commit: None,
            revision: None,
            since: None,
            behind: None,
            declared: None,
            held: Some(held),
            message: None,
            verdicts: None,
        };
        (held, id, applied)
    }

    /// Rows of commits, how many apps reached each, and which are there.
    fn of(apps: &[(&str, usize, usize)]) -> Vec<(usize, usize, String)> {
        let placed = apps.iter().map(|(name, at, until)| app(name, *at, *until));
        let steps = steps(placed.collect()).into_iter();
        let told = steps.map(|step| {
            let names: Vec<String> = step.apps.iter().map(|it| it.app.clone()).collect();
            let row = step.commit.to_string().parse().expect("a number");
            (row, step.reached, names.join(" "))
        });
        told.collect()
    }

    fn told(row: usize, reached: usize, apps: &str) -> (usize, usize, String) {
        (row, reached, apps.to_owned())
    }

    #[test]
    fn a_step_counts_who_is_there_or_past_it() {
        assert_eq!(of(&[]), []);
        assert_eq!(of(&[("a", 3, 3), ("b", 3, 0)]), [told(3, 2, "a b")]);
        assert_eq!(
            of(&[("a", 0, 0), ("b", 7, 7), ("c", 0, 0), ("d", 2, 2)]),
            [told(0, 2, "a c"), told(2, 3, "d"), told(7, 4, "b")]
        );
    }

    /// Argo CD's apps are each at the commit that touched them last, and nothing is behind.
    #[test]
    fn what_touches_no_app_was_reached_by_those_before_it() {
        assert_eq!(
            of(&[("a", 1, 0), ("b", 5, 0), ("c", 9, 0)]),
            [told(1, 3, "a b c")]
        );
        // Row 3 touches c: it is past 9, and before 3; of what is named there, 5 is the newest.
        assert_eq!(
            of(&[("a", 1, 0), ("b", 5, 0), ("c", 9, 4)]),
            [told(1, 2, "a b"), told(5, 3, "c")]
        );
    }
}
