//! `gitopsy where`: apps × environments.

use super::output::{Ink, Output, known, short, word};
use super::{Context, Outcome, meter};
use crate::review::common::NotRendered;
use crate::review::deployed::{self, Answer, Deployment};
use crate::review::{HealthStatus, SyncState};

/// What is deployed where: version, since which commit, who, when, and what is live
#[derive(Debug, Default, clap::Args)]
pub struct Args {
    /// Only these apps
    #[arg(value_name = "APP")]
    apps: Vec<String>,
}

pub async fn run(context: &Context, args: Args, output: &mut Output) -> anyhow::Result<Outcome> {
    let request = deployed::Request {
        apps: args.apps,
        environment: context.global.environment.clone(),
        at: context.global.at.clone(),
    };
    let answer = deployed::ask(&context.workspace, request, &meter::sink()).await?;
    if !output.json(&answer)? {
        text(&answer, output);
    }
    Ok(Outcome::Fine)
}

fn text(answer: &Answer, output: &mut Output) {
    let mut rows = Vec::new();
    for app in &answer.apps {
        for deployment in &app.deployments {
            let since = deployment.since.as_ref();
            rows.push(vec![
                (Ink::Bold, app.name.clone()),
                (Ink::Plain, deployment.environment.clone()),
                (Ink::Plain, version(deployment)),
                (
                    Ink::Plain,
                    since
                        .map(|commit| output.age(commit.time))
                        .unwrap_or_default(),
                ),
                (
                    Ink::Yellow,
                    since
                        .map(|commit| short(&commit.commit))
                        .unwrap_or_default(),
                ),
                (
                    Ink::Blue,
                    since
                        .map(|commit| commit.author.name.clone())
                        .unwrap_or_default(),
                ),
                live(deployment),
            ]);
        }
    }
    if rows.is_empty() {
        output.line("No app was recognised in this repository.");
    } else {
        output.table(
            &[
                "APP",
                "ENVIRONMENT",
                "VERSION",
                "SINCE",
                "COMMIT",
                "AUTHOR",
                "LIVE",
            ],
            &rows,
        );
    }
    by_deployers(answer, output);
    not_rendered(&answer.not_rendered, output);
    for note in &answer.notes {
        output.line(format!("note: {}", crate::text::clean_line(note)));
    }
}

/// Where a deployer says something else of an app.
fn by_deployers(answer: &Answer, output: &mut Output) {
    for app in &answer.apps {
        for deployment in &app.deployments {
            let live = deployment.live.value();
            let said = live.and_then(|live| live.by_deployer.as_ref()?.beside(&live.health.reason));
            if let Some(said) = said {
                let line = format!("{} › {}: {said}", deployment.environment, app.name);
                output.line(format!("note: {}", crate::text::clean_line(&line)));
            }
        }
    }
}

/// What could not be rendered: one line each, or one for many with the same cause.
fn not_rendered(sides: &[NotRendered], output: &mut Output) {
    const EACH: usize = 3;
    let mut causes: Vec<(&str, Vec<&NotRendered>)> = Vec::new();
    for side in sides {
        let cause = side.why.split(',').next().unwrap_or_default();
        match causes.iter_mut().find(|(known, _)| *known == cause) {
            Some((_, same)) => same.push(side),
            None => causes.push((cause, vec![side])),
        }
    }
    for (_, same) in causes {
        for side in same.iter().take(EACH) {
            output.line(crate::text::clean_line(&format!(
                "! {} › {}: {}",
                side.environment, side.app, side.why
            )));
        }
        if same.len() > EACH {
            let more = same.len() - EACH;
            output.line(format!("! … and {more} more alike (-o json lists them)"));
        }
    }
}

fn version(deployment: &Deployment) -> String {
    let version = deployment.version.as_deref().unwrap_or("-");
    match &deployment.behind {
        Some(environment) => format!("{version} (behind {environment})"),
        None => version.to_owned(),
    }
}

fn live(deployment: &Deployment) -> (Ink, String) {
    let ink = match deployment.live.value().map(|live| live.health.status) {
        Some(HealthStatus::Healthy) => Ink::Green,
        Some(HealthStatus::Degraded | HealthStatus::Missing) => Ink::Red,
        Some(_) => Ink::Yellow,
        None => Ink::Dim,
    };
    let text = known(&deployment.live, |live| {
        let mut text = word(&live.health.status);
        if !live.health.reason.is_empty() {
            text.push_str(&format!(" {}", live.health.reason));
        }
        if live.sync == SyncState::Drifted {
            text.push_str(&format!(", {} drifted", live.drifted));
        }
        if let Some(Some(applied)) = live.applied.value()
            && !applied.is_current()
        {
            text.push_str(&format!(", {applied}"));
        }
        text
    });
    (ink, text)
}
