//! `gitopsy drift`: where the cluster is not what git says.

use std::collections::BTreeMap;

use super::output::{Ink, Output, known, short, value, word};
use super::{Context, Outcome, meter, select};
use crate::review::by_deployer::ByDeployer;
use crate::review::drift::{self, Answer, CauseKind, FieldDrift};
use crate::review::{Health, Suppressed, SyncState};
use crate::text;

/// Where the cluster is not what git says: per field, who, when, and the commit that last set it
#[derive(Debug, Default, clap::Args)]
pub struct Args {
    #[command(flatten)]
    resource: select::Resource,
    /// Only this app
    #[arg(long, value_name = "APP")]
    app: Option<String>,
    /// Ask the API server what applying git would change (a dry-run, which is not stored); takes the right to patch
    #[arg(long)]
    dry_run: bool,
}

pub async fn run(context: &Context, args: Args, output: &mut Output) -> anyhow::Result<Outcome> {
    let request = drift::Request {
        select: args.resource.selector(&context.global),
        app: args.app,
        dry_run: args.dry_run,
    };
    let answer = drift::ask(&context.workspace, request, &meter::sink()).await?;
    if !output.json(&answer)? {
        print(&answer, output);
    }
    Ok(if !answer.unknown.is_empty() {
        Outcome::Unknown
    } else if answer
        .resources
        .iter()
        .any(|resource| resource.state != SyncState::Synced)
    {
        Outcome::Found
    } else {
        Outcome::Fine
    })
}

fn print(answer: &Answer, output: &mut Output) {
    for resource in &answer.resources {
        let id = &resource.id;
        let ink = if resource.state == SyncState::Synced {
            Ink::Plain
        } else {
            Ink::Red
        };
        let place = text::clean_line(&format!("{} › {} › {}", id.environment, id.app, id.object));
        let health = known(&resource.health, |health| {
            format!("{} {}", word(&health.status), health.reason)
                .trim_end()
                .to_owned()
        });
        let state = output.ink(ink, word(&resource.state));
        let line = format!(
            "{}  {state}  {}",
            output.ink(Ink::Bold, place),
            text::clean_line(&health)
        );
        output.line(line);
        if let Some(cause) = &resource.cause {
            let more = cause.why.iter().map(|more| format!(": {more}"));
            let line = format!("        {}{}", why(cause.kind), more.collect::<String>());
            let line = output.ink(Ink::Dim, line);
            output.line(line);
        }
        print_fields(&resource.fields, output);
        print_by_deployer(
            resource.by_deployer.as_ref(),
            resource.health.value(),
            output,
        );
        // What nobody asked to be hidden is told of one resource, when it is asked for.
        let fields = resource.suppressed_fields.iter();
        let by_rule = fields.filter(|field| field.rule.is_some());
        print_suppressed_fields(by_rule, output);
    }
    for applied in answer
        .applied
        .iter()
        .filter(|applied| !applied.is_current())
    {
        let place = text::clean_line(&format!("{} › {}", applied.environment, applied.app));
        let since = applied
            .since
            .map(|since| format!(" ({})", output.ago(since)));
        let since = since.unwrap_or_default();
        let line = format!("{}  {applied:#}{since}", output.ink(Ink::Bold, place));
        output.line(line);
    }
    for unknown in &answer.unknown {
        let line = format!(
            "? {}: {}: {}",
            unknown.environment, unknown.what, unknown.why
        );
        output.line(text::clean_line(&line));
    }
    for note in &answer.notes {
        output.line(format!("note: {}", text::clean_line(note)));
    }
    output.line(format!("{} resources are as git says.", answer.synced));
}

pub fn print_fields(fields: &[FieldDrift], output: &mut Output) {
    for field in fields {
        let side =
            |node: &Option<crate::review::Node>| node.as_ref().map_or("(absent)".to_owned(), value);
        let line = format!(
            "    {}  git {} ≠ live {}",
            text::clean_line(&field.path.to_string()),
            output.ink(Ink::Green, side(&field.desired)),
            output.ink(Ink::Red, side(&field.live))
        );
        output.line(line);
        let cause = &field.cause;
        let mut why = why(cause.kind).to_owned();
        if let Some(more) = &cause.why {
            why.push_str(&format!(": {}", text::clean_line(more)));
        }
        if let Some(manager) = &cause.manager {
            why.push_str(&format!(" ({}", text::clean_line(manager)));
            if let Some(time) = cause.time {
                why.push_str(&format!(", last wrote {}", output.ago(time)));
            }
            why.push(')');
        }
        if let Some(commit) = &cause.commit {
            why.push_str(&format!(
                "; git: {} {}, {}",
                short(&commit.commit),
                text::clean_line(&commit.author.name),
                output.ago(commit.time)
            ));
        }
        let line = output.ink(Ink::Dim, format!("        {why}"));
        output.line(line);
    }
}

/// What the deployer says, where that is something else than what is found here, of which `health` is part.
pub fn print_by_deployer(said: Option<&ByDeployer>, health: Option<&Health>, output: &mut Output) {
    let Some(said) = said else { return };
    let ours = health.map_or("", |health| &health.reason);
    let Some(beside) = said.beside(ours) else {
        return;
    };
    let time = said.time.map(|time| output.ago(time));
    let time = time.map(|ago| format!(" (compared {ago})"));
    output.line(format!("    {beside}{}", time.unwrap_or_default()));
}

/// So many are printed: a manifest that leaves much to the API server has many.
const MOST_SUPPRESSED: usize = 20;

/// What differs and is no drift: how many, which, and by whose rule.
pub fn print_suppressed(
    counts: &BTreeMap<String, usize>,
    fields: &[Suppressed],
    output: &mut Output,
) {
    let total: usize = counts.values().sum();
    if total == 0 {
        return;
    }
    let line = format!("    {} left out:", text::count(total, "difference"));
    let line = output.ink(Ink::Dim, line);
    output.line(line);
    let shown = fields.len().min(MOST_SUPPRESSED);
    print_suppressed_fields(fields.iter().take(shown), output);
    if total > shown {
        let line = output.ink(Ink::Dim, format!("        and {} more", total - shown));
        output.line(line);
    }
}

fn print_suppressed_fields<'a>(fields: impl Iterator<Item = &'a Suppressed>, output: &mut Output) {
    for field in fields {
        let rule = field.rule.iter().map(|rule| format!(" ({rule})"));
        let line = format!("{}  {}{}", field.path, field.why, rule.collect::<String>());
        let line = output.ink(Ink::Dim, format!("        {}", text::clean_line(&line)));
        output.line(line);
    }
}

/// Why a resource or a field is not what git says.
pub fn why(kind: CauseKind) -> &'static str {
    match kind {
        CauseKind::ManualEdit => "edited by hand",
        CauseKind::Autoscaler => "scaled by an autoscaler",
        CauseKind::Controller => "written by a controller",
        CauseKind::Admission => "changed on admission",
        CauseKind::NotApplied => "not applied yet",
        CauseKind::ApplyFailing => "not applied: the deployer fails",
        CauseKind::Suspended => "not applied: the deployer was told to wait",
        CauseKind::LeftAlone => "not applied: the deployer is told to leave it alone",
        CauseKind::NeverPruned => "git has it no more, and it is never pruned",
        CauseKind::Removed => "removed, by whom is unknown",
        CauseKind::Unknown => "by whom is unknown",
    }
}
