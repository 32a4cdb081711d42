//! `gitopsy diff A..B`: what lies between two revisions, per resource.

use super::output::Output;
use super::{Context, Outcome, meter, select, show};
use crate::review::change::{self, Range};

/// What changes between two revisions: A..B, or A...B from their merge base
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A..B or A...B; an end left out is the tip
    range: String,
    #[command(flatten)]
    resource: select::Resource,
    /// Exit with 1 where there are differences
    #[arg(long)]
    exit_code: bool,
}

pub async fn run(context: &Context, args: Args, output: &mut Output) -> anyhow::Result<Outcome> {
    let request = change::Request {
        range: parse_range(&args.range)?,
        select: args.resource.selector(&context.global),
    };
    let answer = change::ask(&context.workspace, request, &meter::sink()).await?;
    if !output.json(&answer)? {
        show::print(&answer, output);
    }
    if !answer.not_rendered.is_empty() {
        return Ok(Outcome::Unknown);
    }
    let found = args.exit_code && !answer.resources.is_empty();
    Ok(if found { Outcome::Found } else { Outcome::Fine })
}

fn parse_range(range: &str) -> anyhow::Result<Range> {
    let end = |text: &str| {
        if text.is_empty() {
            "HEAD".to_owned()
        } else {
            text.to_owned()
        }
    };
    if let Some((from, to)) = range.split_once("...") {
        Ok(Range::SinceMergeBase(end(from), end(to)))
    } else if let Some((from, to)) = range.split_once("..") {
        Ok(Range::Between(end(from), end(to)))
    } else {
        anyhow::bail!(
            "{range:?} is not a range\nhint: write A..B; `gitopsy show {range}` shows one commit"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_written_as_for_git() {
        let owned = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let (a, b) = owned("main~2", "main");
        assert_eq!(
            parse_range("main~2..main").unwrap(),
            Range::Between(a.clone(), b.clone())
        );
        assert_eq!(
            parse_range("main~2...main").unwrap(),
            Range::SinceMergeBase(a, b)
        );
        assert_eq!(
            parse_range("v1..").unwrap(),
            Range::Between("v1".into(), "HEAD".into())
        );
        assert!(
            parse_range("main")
                .unwrap_err()
                .to_string()
                .contains("gitopsy show main")
        );
    }
}
