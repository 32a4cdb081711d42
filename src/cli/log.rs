//! `gitopsy log`: the timeline, or one resource's log.

use tokio::sync::watch;

use super::args::Format;
use super::output::{Ink, Output, short};
use super::{Context, Outcome, meter, select};
use crate::review::common::Selector;
use crate::review::log::{self, Answer, Entry, Found};
use crate::review::{Cancel, Sink};
use crate::text;

/// The timeline, or the log of one resource: which commits changed it, what each meant, who is behind it
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A resource, as for kubectl: deploy/api, deployment.apps/api
    #[arg(value_name = "RESOURCE")]
    resource: Option<String>,
    /// With a resource, the file that declares it; a pattern (apps/**/*.yaml, apps/): only commits that changed such files
    #[arg(long, value_name = "FILE|GLOB")]
    path: Option<String>,
    /// The log of the document in its file instead of the rendered object
    #[arg(long)]
    source: bool,
    /// Only commits whose author contains this
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
    /// Only commits since a date, or an age such as 2w
    #[arg(long, value_name = "DATE|AGE")]
    since: Option<String>,
    /// Only commits until a date (that day included), or an age such as 2w
    #[arg(long, value_name = "DATE|AGE")]
    until: Option<String>,
    /// Only commits that changed a resource of this kind: Deployment, hpa, externalsecret
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only commits in which this image appeared or vanished
    #[arg(long, value_name = "NAME[:TAG]")]
    image: Option<String>,
    /// Only commits in which a field took or lost a value (without one: changed)
    #[arg(long, value_name = "PATH[=VALUE]")]
    field: Option<String>,
    /// Only commits in which a value that contains this appeared or vanished
    #[arg(long, value_name = "TEXT")]
    value: Option<String>,
    /// Only commits whose message or meaning contains this
    #[arg(long, value_name = "TEXT")]
    grep: Option<String>,
}

pub async fn run(context: &Context, args: Args, output: &mut Output) -> anyhow::Result<Outcome> {
    // A file names what it declares; a pattern or a directory names nothing, but says where to look.
    let is_pattern = |path: &String| path.contains(['*', '?', '[']) || path.ends_with('/');
    let (files, path) = match args.path {
        Some(path) if args.resource.is_none() && is_pattern(&path) => (Some(path), None),
        path => (None, path),
    };
    let request = log::Request {
        select: select::selector(&context.global, args.resource, path),
        files,
        until: args.until,
        kind: args.kind,
        image: args.image,
        field: args.field,
        value: args.value,
        without: Vec::new(),
        source: args.source,
        author: args.author,
        since: args.since,
        grep: args.grep,
        at: context.global.at.clone(),
        limit: context.global.limit,
        explained: true,
    };
    if output.format != Format::Text {
        let answer = log::ask(&context.workspace, request, &meter::sink()).await?;
        if !output.json(&answer)? {
            print(&answer, 0, output);
        }
        return Ok(Outcome::Fine);
    }
    stream(context, request, output).await
}

/// Prints entries as they are found: a long log is mostly read no further than its first screen.
async fn stream(
    context: &Context,
    request: log::Request,
    output: &mut Output,
) -> anyhow::Result<Outcome> {
    let (partial, mut grown) = watch::channel(None);
    let cancel = Cancel::new();
    let deliver = move |answer| drop(partial.send_replace(Some(answer)));
    let sink = meter::beside(Sink::new(cancel.clone(), deliver));
    let ask = log::ask(&context.workspace, request, &sink);
    tokio::pin!(ask);
    let mut printed = 0;
    let answer = loop {
        tokio::select! {
            answer = &mut ask => break answer?,
            Ok(()) = grown.changed() => {
                let partial = grown.borrow_and_update().clone();
                // Commits that are on several lines are one entry, which grows.
                let Some(answer) = partial.filter(|answer: &Answer| answer.tips.len() == 1) else {
                    continue;
                };
                meter::clear();
                for entry in answer.entries.iter().skip(printed) {
                    print_entry(entry, output);
                }
                printed = answer.entries.len();
                if !output.show()? {
                    cancel.cancel();
                    return Ok(Outcome::Fine);
                }
            }
        }
    };
    print(&answer, printed, output);
    Ok(Outcome::Fine)
}

/// The newest commit in the log of a resource that is not routine, in short; for a generated one, its source.
pub async fn newest(context: &Context, resource: &str) -> anyhow::Result<String> {
    let select = select::selector(&context.global, Some(resource.to_owned()), None);
    let request = log::Request {
        select,
        ..log::Request::default()
    };
    let answer = log::ask(&context.workspace, request, &meter::sink()).await?;
    let entry = answer
        .entries
        .iter()
        .find(|entry| entry.resources.iter().any(|resource| !resource.routine));
    match entry {
        Some(entry) => Ok(short(&entry.source.as_ref().unwrap_or(&entry.line).commit)),
        None => anyhow::bail!("no commit changed {resource}"),
    }
}

/// The log of one resource, below other things about it.
pub async fn print_resource(
    context: &Context,
    select: Selector,
    output: &mut Output,
) -> anyhow::Result<()> {
    let request = log::Request {
        select,
        limit: context.global.limit,
        ..log::Request::default()
    };
    let answer = log::ask(&context.workspace, request, &meter::sink()).await?;
    print(&answer, 0, output);
    Ok(())
}

/// Prints what was not yet: the entries from `printed` on, and the rest.
fn print(answer: &Answer, printed: usize, output: &mut Output) {
    for entry in answer.entries.iter().skip(printed) {
        print_entry(entry, output);
    }
    if answer.entries.is_empty() {
        output.line(format!("No commit of {} matches.", answer.progress.commits));
    }
    for note in &answer.notes {
        output.line(format!("note: {}", text::clean_line(note)));
    }
}

/// One line for the commit (for a generated one, of the commit it comes from), one for each thing it meant.
fn print_entry(entry: &Entry, output: &mut Output) {
    let line = &entry.line;
    let behind = entry.source.as_ref().unwrap_or(line);
    let mut text = format!(
        "{}  {:>4}  {}",
        output.ink(Ink::Yellow, short(&line.commit)),
        output.age(line.time),
        output.ink(Ink::Blue, text::clean_line(&behind.author.name)),
    );
    // Forges write the number into the subject of what they squash.
    let pull = entry.pull.as_ref().map(|pull| format!("#{}", pull.number));
    if let Some(number) = pull.filter(|number| !behind.subject.contains(number.as_str())) {
        text.push_str(&format!("  {number}"));
    }
    text.push_str(&format!("  {}", text::clean_line(&behind.subject)));
    if entry.source.is_some() {
        let source = output.ink(Ink::Yellow, short(&behind.commit));
        text.push_str(&output.ink(Ink::Dim, "  (generated from "));
        text.push_str(&source);
        text.push_str(&output.ink(Ink::Dim, ")"));
    }
    for (words, id) in entry.links.named() {
        let ink = match words {
            "reverted by" => Ink::Red,
            _ => Ink::Dim,
        };
        text.push_str(&output.ink(ink, format!("  {words} {}", short(&id))));
    }
    output.line(text);
    print_found(&entry.found, output);
    if let Some(why) = &entry.unknown {
        let why = why.lines().next().unwrap_or_default();
        let text = format!("what it changed is not known: {}", text::clean_line(why));
        output.line(format!("               {}", output.ink(Ink::Dim, text)));
    }
    for meaning in &entry.meaning {
        output.line(format!("               {}", text::clean_line(meaning)));
    }
}

/// Where what was searched for appeared or vanished; what did so alike in several environments, once.
fn print_found(found: &[Found], output: &mut Output) {
    const SHOWN: usize = 6;
    let mut said: Vec<(Ink, &str, String, Vec<&str>)> = Vec::new();
    for one in found {
        let (ink, word) = match one.appeared {
            true => (Ink::Green, "+ appeared"),
            false => (Ink::Red, "- vanished"),
        };
        let path = one.path.as_ref().map(|path| format!(" {path} ="));
        let what = format!("{}{} {}", one.object, path.unwrap_or_default(), one.value);
        let environment = one.environment.as_str();
        match said
            .iter_mut()
            .find(|(_, known, same, _)| *known == word && *same == what)
        {
            Some((.., environments)) if environments.contains(&environment) => {}
            Some((.., environments)) => environments.push(environment),
            None => said.push((ink, word, what, vec![environment])),
        }
    }
    for (ink, word, what, environments) in said.iter().take(SHOWN) {
        let what = text::truncate(&text::clean_line(what), 160);
        let place = match environments.as_slice() {
            [one] => text::clean_line(one),
            several => format!("{} environments", several.len()),
        };
        let word = output.ink(*ink, word);
        output.line(format!("               {word}  {what}  in {place}"));
    }
    if said.len() > SHOWN {
        output.line(format!("               and {} more", said.len() - SHOWN));
    }
}
