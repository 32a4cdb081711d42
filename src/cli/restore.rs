//! `gitopsy restore`: resources, files or apps as they were, previewed, and staged with `--pr`.

use super::output::Output;
use super::{Context, Outcome, preview};
use crate::review::revert::Mode;

/// Plan and preview putting a resource, file or app back as it was at a revision; with --pr stage it
#[derive(Debug, clap::Args)]
pub struct Args {
    /// As it was at this revision (REV^: before it)
    #[arg(value_name = "REV")]
    revision: String,
    #[command(flatten)]
    flags: preview::Flags,
}

pub async fn run(context: &Context, args: Args, output: &mut Output) -> anyhow::Result<Outcome> {
    if !args.flags.is_limited() {
        anyhow::bail!(
            "restore needs to know what to put back\nhint: add --resource R, --path P or --app A"
        );
    }
    preview::run(
        context,
        Mode::Restore,
        vec![args.revision],
        args.flags,
        output,
    )
    .await
}
