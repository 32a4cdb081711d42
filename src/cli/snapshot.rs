//! `gitopsy snapshot`: saves the live objects the environments name.

use std::path::PathBuf;

use super::output::{Ink, Output};
use super::{Context, Outcome, meter};
use crate::review::snapshot::{self, Answer};
use crate::text;

/// Save the live objects the environments name, Secrets masked, as a directory that --snapshot opens again
///
/// What is not allowed to be read, or cannot be, is listed and noted in the snapshot: it is never taken for missing.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to: a directory that is empty, or not there yet
    #[arg(id = "directory", value_name = "DIR")]
    directory: PathBuf,
}

/// What could not be read is in the answer, and no failure: what could be is saved.
pub async fn run(context: &Context, args: Args, output: &mut Output) -> anyhow::Result<Outcome> {
    let request = snapshot::Request {
        directory: args.directory,
        environment: context.global.environment.clone(),
        namespace: context.global.namespace.clone(),
    };
    let answer = snapshot::ask(&context.workspace, request, &meter::sink()).await?;
    if !output.json(&answer)? {
        print(&answer, output);
    }
    Ok(Outcome::Fine)
}

fn print(answer: &Answer, output: &mut Output) {
    let rows: Vec<Vec<(Ink, String)>> = answer
        .kinds
        .iter()
        .map(|saved| {
            let kind = match saved.group.as_str() {
                "" => saved.kind.clone(),
                group => format!("{}.{group}", saved.kind),
            };
            vec![
                (Ink::Bold, kind),
                (Ink::Plain, saved.namespace.clone().unwrap_or_default()),
                (Ink::Plain, saved.objects.to_string()),
            ]
        })
        .collect();
    output.table(&["KIND", "NAMESPACE", "OBJECTS"], &rows);
    for unknown in &answer.unknown {
        let line = format!(
            "? {}: {}: {}",
            unknown.environment, unknown.what, unknown.why
        );
        output.line(text::clean_line(&line));
    }
    let objects = answer.kinds.iter().map(|saved| saved.objects).sum();
    let cluster = &answer.cluster;
    let from = cluster.context.as_ref().unwrap_or(&cluster.server);
    let line = format!(
        "{} and {} of {} ({from}) are in {}: open them with --snapshot.",
        text::count(objects, "object"),
        text::count(answer.events, "event"),
        answer.environments.join(", "),
        answer.directory
    );
    output.line(text::clean_line(&line));
}
