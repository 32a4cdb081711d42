//! The command line: global flags, and one variant per command.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::{blame, diff, drift, log, resource, restore, revert, show, snapshot, where_};
use crate::review::ClusterChoice;

/// Review GitOps environments: history, rendered diffs, live state and reverts, per Kubernetes resource.
///
/// Without a command: the terminal UI (without a terminal: `where`).
#[derive(Debug, Parser)]
#[command(
    name = "gitopsy",
    version,
    max_term_width = 100,
    subcommand_required = false
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The environment repository [default: the one around the current directory]
    #[arg(long, global = true, value_name = "PATH")]
    pub repo: Option<PathBuf>,
    /// The branch to review [default: the remote's default branch]
    #[arg(long, global = true, value_name = "BRANCH")]
    pub branch: Option<String>,
    /// As it was at a revision or a date
    #[arg(long, global = true, value_name = "REV|DATE")]
    pub at: Option<String>,
    /// Only this environment
    #[arg(short = 'e', long = "env", global = true, value_name = "NAME")]
    pub environment: Option<String>,
    /// Only this namespace
    #[arg(short, long, global = true, value_name = "NS")]
    pub namespace: Option<String>,
    /// The kubeconfig context of the cluster, or of one environment's; repeatable
    #[arg(long, global = true, value_name = "[ENV=]CTX", conflicts_with_all = ["snapshot", "no_cluster"])]
    pub context: Vec<String>,
    /// Live objects from a directory of YAML instead of a cluster
    #[arg(long, global = true, value_name = "DIR", conflicts_with = "no_cluster")]
    pub snapshot: Option<PathBuf>,
    /// Ask no cluster
    #[arg(long, global = true)]
    pub no_cluster: bool,
    /// Use no network at all
    #[arg(long, global = true)]
    pub offline: bool,
    /// Fetch the charts and kustomize bases that environments take from elsewhere, once
    #[arg(long, global = true, conflicts_with = "offline")]
    pub allow_network: bool,
    /// Never stage, push or merge anything
    #[arg(long, global = true)]
    pub read_only: bool,
    /// How to print
    #[arg(
        short,
        long,
        global = true,
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub output: Format,
    /// At most so many entries
    #[arg(long, global = true, value_name = "N")]
    pub limit: Option<usize>,
    /// When to use colour (NO_COLOR is honoured)
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: When,
    /// The theme of the terminal UI: dark, light, or the name of a file in the configuration's `themes`
    #[arg(long, global = true, value_name = "NAME")]
    pub theme: Option<String>,
}

impl Global {
    /// Which cluster the flags choose. Contexts from the configuration are added by the caller.
    pub fn cluster(&self) -> ClusterChoice {
        if self.no_cluster {
            ClusterChoice::None
        } else if let Some(directory) = &self.snapshot {
            ClusterChoice::Snapshot(directory.clone())
        } else {
            let chosen = self
                .context
                .iter()
                .map(|choice| match choice.split_once('=') {
                    Some((environment, context)) => {
                        (Some(environment.to_owned()), context.to_owned())
                    }
                    None => (None, choice.clone()),
                });
            ClusterChoice::Contexts(chosen.collect())
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
    /// To paste into a pull request or a report
    Markdown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum When {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Where(where_::Args),
    Log(log::Args),
    Show(show::Args),
    Diff(diff::Args),
    Resource(resource::Args),
    Blame(blame::Args),
    Drift(drift::Args),
    Revert(revert::Args),
    Restore(restore::Args),
    Snapshot(snapshot::Args),
    /// What works here: repository, layout, tools, cluster, forge, token
    Doctor,
    /// Build a demo environment and open the terminal UI on it (without a terminal: print a tour)
    Demo,
}
