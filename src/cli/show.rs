//! `gitopsy show`: what a commit changes, per resource.

use super::output::{Ink, Output};
use super::{Context, Outcome, meter, select};
use crate::review::change::{self, Answer, Range};
use crate::text;

/// What a commit changes: per resource, rendered
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The commit
    commit: String,
    #[command(flatten)]
    resource: select::Resource,
}

impl Args {
    /// `gitopsy show COMMIT`
    pub fn of(commit: &str) -> Args {
        Args {
            commit: commit.to_owned(),
            resource: select::Resource::default(),
        }
    }
}

pub async fn run(context: &Context, args: Args, output: &mut Output) -> anyhow::Result<Outcome> {
    let request = change::Request {
        range: Range::Commit(args.commit),
        select: args.resource.selector(&context.global),
    };
    let answer = change::ask(&context.workspace, request, &meter::sink()).await?;
    if !output.json(&answer)? {
        print(&answer, output);
    }
    Ok(Outcome::Fine)
}

pub fn print(answer: &Answer, output: &mut Output) {
    if let Some(entry) = &answer.commit {
        let line = output.commit(&entry.line);
        output.line(line);
        if let Some(source) = &entry.source {
            let line = format!("generated from {}", output.commit(source));
            output.line(line);
        }
        for generated in &entry.generated_by {
            let line = format!(
                "applied by generated commit {}",
                output.ink(Ink::Yellow, super::output::short(generated))
            );
            output.line(line);
        }
        if let Some(pull) = &entry.pull {
            output.line(format!("pull request #{}", pull.number));
        }
        for (words, id) in entry.links.named() {
            let id = output.ink(Ink::Yellow, super::output::short(&id));
            output.line(format!("{words} {id}"));
        }
        for meaning in &entry.meaning {
            output.line(format!("    {}", text::clean_line(meaning)));
        }
        let body = answer
            .message
            .split_once('\n')
            .map(|(_, body)| body.trim())
            .unwrap_or_default();
        if !body.is_empty() {
            output.line("");
            for line in text::clean(body).lines() {
                output.line(format!("    {line}"));
            }
        }
        output.line("");
    }
    if answer.resources.is_empty() && answer.not_rendered.is_empty() {
        output.line("No resource changes.");
    }
    output.resources(&answer.resources, &answer.not_rendered);
    if !answer.other_files.is_empty() {
        let line = output.ink(
            Ink::Dim,
            format!("{} other files changed:", answer.other_files.len()),
        );
        output.line(line);
        for path in &answer.other_files {
            let line = output.ink(Ink::Dim, format!("    {}", text::clean_line(path)));
            output.line(line);
        }
    }
    for note in &answer.notes {
        output.line(format!("note: {}", text::clean_line(note)));
    }
}
