//! `gitopsy resource`: the review screen of one resource as text.

use super::output::{Ink, Output, known, word};
use super::{Context, Outcome, drift, log, meter, select};
use crate::review::Owned;
use crate::review::logs;
use crate::review::resource::{self, Answer, Live};
use crate::text;

/// One resource: its log, what is declared, what is live, its health and events
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    resource: select::Resource,
    /// Instead, the last lines that its crashing containers wrote
    #[arg(long)]
    logs: bool,
}

impl Args {
    /// `gitopsy resource RESOURCE`
    pub fn of(resource: &str) -> Args {
        Args {
            resource: select::Resource {
                resource: Some(resource.to_owned()),
                path: None,
            },
            logs: false,
        }
    }
}

pub async fn run(context: &Context, args: Args, output: &mut Output) -> anyhow::Result<Outcome> {
    let select = args.resource.selector(&context.global);
    if args.logs {
        let request = logs::Request { select };
        let answer = logs::ask(&context.workspace, request, &meter::sink()).await?;
        if !output.json(&answer)? {
            print_logs(&answer, output);
        }
        return Ok(Outcome::Fine);
    }
    let request = resource::Request {
        select: select.clone(),
    };
    let answer = resource::ask(&context.workspace, request, &meter::sink()).await?;
    if output.json(&answer)? {
        return Ok(Outcome::Fine);
    }
    print(&answer, output);
    output.line("");
    let line = output.ink(Ink::Bold, "Log");
    output.line(line);
    log::print_resource(context, select, output).await?;
    Ok(Outcome::Fine)
}

fn print(answer: &Answer, output: &mut Output) {
    let id = &answer.resource;
    let title = text::clean_line(&format!("{} › {} › {}", id.environment, id.app, id.object));
    let line = output.ink(Ink::Bold, title);
    output.line(line);
    if let Some(about) = &answer.about {
        output.line(about.clone());
    }
    if let Some(path) = &answer.path {
        let line = answer
            .line
            .map(|line| format!(":{line}"))
            .unwrap_or_default();
        output.line(format!("declared in {}{line}", text::clean_line(path)));
    } else if answer.desired.is_none() {
        output.line("not declared at the tip");
    }
    if let Some(since) = &answer.since {
        let line = format!("since {}", output.commit(since));
        output.line(line);
    }
    match answer.live.value() {
        Some(live) => print_live(live, output),
        None => output.line(format!("live: {}", known(&answer.live, |_| String::new()))),
    }
    for note in &answer.notes {
        output.line(format!("note: {}", text::clean_line(note)));
    }
}

fn print_live(live: &Live, output: &mut Output) {
    let reason = text::clean_line(&live.health.reason);
    output.line(format!(
        "live: {} {reason} ({}), {}",
        word(&live.health.status),
        word(&live.health.decided),
        word(&live.sync)
    ));
    if let Some(cause) = &live.cause {
        let more = cause.why.iter().map(|more| format!(": {more}"));
        let more: String = more.collect();
        output.line(format!(
            "    {}{}",
            drift::why(cause.kind),
            text::clean_line(&more)
        ));
    }
    if let Some(applied) = &live.applied {
        output.line(format!("    {applied:#}"));
    }
    drift::print_fields(&live.fields, output);
    drift::print_by_deployer(live.by_deployer.as_ref(), Some(&live.health), output);
    drift::print_suppressed(&live.suppressed, &live.suppressed_fields, output);
    if let Some(owned) = &live.owned {
        print_owned(owned, 0, output);
    }
    match live.events.value() {
        Some(events) => {
            for event in events {
                let age = event.last.map(|last| output.age(last)).unwrap_or_default();
                let ink = if event.warning {
                    Ink::Yellow
                } else {
                    Ink::Plain
                };
                let line = format!(
                    "    {age:>4}  {}  {} ×{}  {}",
                    text::clean_line(&event.object.to_string()),
                    output.ink(ink, text::clean_line(&event.reason)),
                    event.count,
                    text::clean_line(&event.message)
                );
                output.line(line);
            }
        }
        None => output.line(format!(
            "    events: {}",
            known(&live.events, |_| String::new())
        )),
    }
}

fn print_logs(answer: &logs::Answer, output: &mut Output) {
    for container in &answer.containers {
        let run = if container.previous {
            ", the run before"
        } else {
            ""
        };
        let title = text::clean_line(&format!(
            "{} {}: {}{run}",
            container.pod, container.container, container.why
        ));
        let title = output.ink(Ink::Bold, title);
        output.line(title);
        match container.lines.value() {
            Some(lines) => {
                for line in lines {
                    output.line(format!("    {}", text::clean_line(line)));
                }
            }
            None => output.line(format!(
                "    {}",
                known(&container.lines, |_| String::new())
            )),
        }
    }
}

fn print_owned(owned: &Owned, depth: usize, output: &mut Output) {
    let line = format!(
        "    {}{}  {}  {}",
        "  ".repeat(depth),
        text::clean_line(&owned.object.to_string()),
        word(&owned.health.status),
        text::clean_line(&owned.summary)
    );
    output.line(line);
    for child in &owned.children {
        print_owned(child, depth + 1, output);
    }
}
