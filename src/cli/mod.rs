//! The command line: one file per command. Each asks one question and prints its answer, as text, as
//! Markdown or as JSON.

mod args;
mod blame;
mod demo;
mod diff;
mod doctor;
mod drift;
mod log;
mod markdown;
mod meter;
mod output;
mod preview;
mod resource;
mod restore;
mod revert;
mod select;
mod show;
mod snapshot;
mod where_;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;

use self::args::{Cli, Command, Global};
use self::output::Output;
use crate::config::{Config, Dirs};
use crate::review::{
    Clock, ClusterChoice, EnvironmentOverride, Kubeconfig, Options, Overrides, Workspace,
};
use crate::{text, tui};

/// What a command needs besides its own arguments.
struct Context {
    workspace: Workspace,
    global: Global,
}

/// How a command ended; its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// 0
    Fine,
    /// 1: differences, drift, conflicts
    Found,
    /// 2: something asked for is not known
    Unknown,
}

/// Runs the command line. Errors are printed here, with their hints.
pub async fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // `--help` and `--version` are "errors" that print to standard output and succeed.
            let code = if error.use_stderr() { 2 } else { 0 };
            return if error.print().is_ok() {
                ExitCode::from(code)
            } else {
                ExitCode::FAILURE
            };
        }
    };
    let ended = tokio::select! {
        ended = dispatch(cli) => ended,
        _ = tokio::signal::ctrl_c() => return ExitCode::from(130),
    };
    match ended {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::Found) => ExitCode::from(1),
        Ok(Outcome::Unknown) => ExitCode::from(2),
        Err(error) => {
            eprintln!("error: {}", text::clean(&format!("{error:#}")));
            ExitCode::from(2)
        }
    }
}

async fn dispatch(cli: Cli) -> anyhow::Result<Outcome> {
    let dirs = Dirs::of_user()?;
    let config = Config::load(&dirs.config)?;
    let global = cli.global;
    if let Some(Command::Demo) = cli.command {
        return demo::run(global, config).await;
    }
    let is_terminal = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
    if cli.command.is_none() && is_terminal {
        // Side by side: one takes as long as the other.
        let (workspace, settings) = std::thread::scope(|scope| {
            let workspace = scope.spawn(|| open(&global, &config, &dirs));
            let settings = settings(&global, &config, &dirs);
            (workspace.join(), settings)
        });
        let workspace = workspace.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        named_environments(&workspace, &global).await?;
        tui::run(workspace, settings?).await?;
        return Ok(Outcome::Fine);
    }
    let workspace = open(&global, &config, &dirs)?;
    let mut output = Output::new(&global, workspace.clock().now());
    workspace.follow_stages().await?;
    named_environments(&workspace, &global).await?;
    let context = Context { workspace, global };
    let outcome = match cli.command {
        None => {
            let outcome = where_::run(&context, where_::Args::default(), &mut output).await?;
            if context.global.output == args::Format::Text {
                output.line("");
                output.line("On a terminal, `gitopsy` opens the terminal UI; `gitopsy --help` lists the commands.");
            }
            outcome
        }
        Some(Command::Where(args)) => where_::run(&context, args, &mut output).await?,
        Some(Command::Log(args)) => log::run(&context, args, &mut output).await?,
        Some(Command::Show(args)) => show::run(&context, args, &mut output).await?,
        Some(Command::Diff(args)) => diff::run(&context, args, &mut output).await?,
        Some(Command::Resource(args)) => resource::run(&context, args, &mut output).await?,
        Some(Command::Blame(args)) => blame::run(&context, args, &mut output).await?,
        Some(Command::Drift(args)) => drift::run(&context, args, &mut output).await?,
        Some(Command::Revert(args)) => revert::run(&context, args, &mut output).await?,
        Some(Command::Restore(args)) => restore::run(&context, args, &mut output).await?,
        Some(Command::Snapshot(args)) => snapshot::run(&context, args, &mut output).await?,
        Some(Command::Doctor) => doctor::run(&context, &mut output).await?,
        Some(Command::Demo) => Outcome::Fine,
    };
    output.flush()?;
    Ok(outcome)
}

/// An error where a flag names an environment that is none, or several.
async fn named_environments(workspace: &Workspace, global: &Global) -> anyhow::Result<()> {
    let contexts = global.context.iter();
    let named = contexts.filter_map(|choice| choice.split_once('=').map(|(name, _)| name));
    for name in named.chain(global.environment.as_deref()) {
        workspace.is_one_environment(name).await?;
    }
    Ok(())
}

/// Opens the workspace the flags and the configuration describe.
fn open(global: &Global, config: &Config, dirs: &Dirs) -> anyhow::Result<Workspace> {
    let mut cluster = global.cluster();
    if let ClusterChoice::Contexts(chosen) = &mut cluster {
        // A flag for the same environment comes first and wins.
        let configured = config
            .environments
            .iter()
            .filter_map(|(name, environment)| {
                environment
                    .context
                    .clone()
                    .map(|context| (Some(name.clone()), context))
            });
        chosen.extend(configured);
    }
    let overrides = Overrides {
        order: config.order.clone(),
        default: config.default.clone(),
        environments: config
            .environments
            .iter()
            .map(|(name, environment)| {
                let overrides = EnvironmentOverride {
                    roots: environment.roots.clone(),
                    protected: environment.protected,
                    cluster: environment.cluster.clone(),
                    namespace: environment.namespace.clone(),
                };
                (name.clone(), overrides)
            })
            .collect(),
        shared: None,
    };
    Workspace::open(Options {
        repo: global.repo.clone(),
        branch: global.branch.clone(),
        cluster,
        kubeconfig: Kubeconfig::of_user(),
        overrides,
        offline: global.offline,
        allow_network: global.allow_network,
        read_only: global.read_only || config.read_only,
        state: dirs.state.clone(),
        cache: Some(dirs.cache.clone()),
        clock: Clock::system(),
    })
}

fn settings(global: &Global, config: &Config, dirs: &Dirs) -> anyhow::Result<tui::Settings> {
    let colour = output::may_colour(global);
    let theme = match &global.theme {
        Some(name) => Some(name.clone()),
        None if !colour => Some("mono".to_owned()),
        None => config.theme.clone(),
    };
    let mut settings = tui::Settings::new(theme, config.keys.clone(), &dirs.config.join("themes"))?;
    settings.at = global.at.clone();
    let only =
        |key: &str, value: &Option<String>| value.as_ref().map(|value| format!("{key}:{value}"));
    let filter = [
        only("env", &global.environment),
        only("ns", &global.namespace),
    ];
    settings.filter = filter.into_iter().flatten().collect::<Vec<_>>().join(" ");
    Ok(settings)
}
