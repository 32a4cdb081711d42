//! `gitopsy revert`: the inverse of commits, previewed, and staged with `--pr`.

use super::output::Output;
use super::{Context, Outcome, preview};
use crate::review::revert::Mode;

/// Plan and preview the inverse of commits; with --pr stage it as a pull request
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The commits to revert
    #[arg(required = true, value_name = "COMMIT")]
    commits: Vec<String>,
    #[command(flatten)]
    flags: preview::Flags,
}

pub async fn run(context: &Context, args: Args, output: &mut Output) -> anyhow::Result<Outcome> {
    preview::run(context, Mode::Revert, args.commits, args.flags, output).await
}
