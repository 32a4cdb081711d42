//! `gitopsy blame`: which commit last set each field of a resource.

use super::output::{Ink, Output, place_of, short};
use super::{Context, Outcome, meter, select};
use crate::review::blame::{self, Answer, Setter};
use crate::text;

/// Names of authors in the margin are cut here.
const AUTHOR: usize = 20;

/// Which commit last set each field of a resource, as it is declared at the tip or --at
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    resource: select::Resource,
}

pub async fn run(context: &Context, args: Args, output: &mut Output) -> anyhow::Result<Outcome> {
    let request = blame::Request {
        select: args.resource.named(&context.global, "blame")?,
        at: context.global.at.clone(),
        limit: context.global.limit,
    };
    let answer = blame::ask(&context.workspace, request, &meter::sink()).await?;
    if !output.json(&answer)? {
        print(&answer, output);
    }
    Ok(Outcome::Fine)
}

/// The commit behind each field (for a generated one, the commit that it comes from), then the line; and what they were.
fn print(answer: &Answer, output: &mut Output) {
    let id = &answer.resource;
    let mut title = output.ink(Ink::Bold, place_of(&id.environment, &id.app, &id.object));
    if let Some(path) = &answer.path {
        title.push_str(&format!(
            "  {}",
            output.ink(Ink::Dim, text::clean_line(path))
        ));
    }
    output.line(title);

    let mut setters: Vec<&Setter> = Vec::new();
    for setter in answer
        .fields
        .iter()
        .filter_map(|field| field.set.as_deref())
    {
        if !setters.contains(&setter) {
            setters.push(setter);
        }
    }
    setters.sort_by_key(|setter| std::cmp::Reverse(setter.line.time));
    let authors = setters.iter().map(|setter| text::width(&author(setter)));
    let width = authors.max().unwrap_or_default();
    let empty = " ".repeat(7 + 2 + 4 + 2 + width);
    for line in &answer.lines {
        let field = line.leaf.and_then(|leaf| answer.fields.get(leaf));
        let margin = match field.map(|field| field.set.as_deref()) {
            None => empty.clone(),
            Some(None) => output.ink(Ink::Dim, format!("{:<1$}", "?", empty.len())),
            Some(Some(setter)) => margin(setter, width, output),
        };
        let bar = output.ink(Ink::Dim, "│");
        output.verbatim(format!("{margin} {bar} {}", text::clean_line(&line.text)));
    }

    output.line("");
    for setter in setters {
        let mut line = output.commit(setter.behind());
        if let Some(pull) = &setter.pull {
            line.push_str(&format!("  #{}", pull.number));
        }
        if setter.source.is_some() {
            let by = format!("  (applied by {})", short(&setter.line.commit));
            line.push_str(&output.ink(Ink::Dim, by));
        }
        if setter.or_before {
            line.push_str("  (or before: it could not be read then)");
        }
        output.line(line);
    }
    for note in &answer.notes {
        output.line(format!("note: {}", text::clean_line(note)));
    }
}

fn author(setter: &Setter) -> String {
    text::truncate(&text::clean_line(&setter.behind().author.name), AUTHOR)
}

fn margin(setter: &Setter, width: usize, output: &Output) -> String {
    let behind = setter.behind();
    let author = author(setter);
    let fill = " ".repeat(width.saturating_sub(text::width(&author)));
    format!(
        "{}  {:>4}  {}{fill}",
        output.ink(Ink::Yellow, short(&behind.commit)),
        output.age(behind.time),
        output.ink(Ink::Blue, author),
    )
}
