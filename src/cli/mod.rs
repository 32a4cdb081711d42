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

use anyhow::Context as _;
use clap::Parser;
use tokio::runtime::Runtime;

use self::args::{Cli, Command, Global};
use self::output::Output;
use crate::config::{Config, Dirs};
use crate::review::{
    Clock, ClusterChoice, EnvironmentOverride, Kubeconfig, Options, Overrides, Workspace,
};
use crate::text;
use crate::tui::{self, Interface};

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
    /// 130: by the user, as shells say it
    Interrupted,
}

/// Runs the command line. Errors are printed here, with their hints.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    match Cli::try_parse_from(args) {
        Ok(cli) => start(cli).unwrap_or_else(|error| ended(Err(error))),
        Err(error) => {
            // `--help` and `--version` are "errors" that print to standard output and succeed.
            let code = if error.use_stderr() { 2 } else { 0 };
            match error.print() {
                Ok(()) => ExitCode::from(code),
                Err(_) => ExitCode::FAILURE,
            }
        }
    }
}

fn start(cli: Cli) -> anyhow::Result<ExitCode> {
    let dirs = Dirs::of_user()?;
    let config = Config::load(&dirs.config)?;
    let is_terminal = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
    if cli.command.is_none() && is_terminal {
        return on_screen(&cli.global, &config, &dirs);
    }
    let work = dispatch(cli, config, dirs);
    Ok(ended(runtime()?.block_on(until_interrupted(work))))
}

/// Opens the terminal UI. Threads come after the first frame: measured, they hold up more of it than they could take over.
fn on_screen(global: &Global, config: &Config, dirs: &Dirs) -> anyhow::Result<ExitCode> {
    let workspace = open(global, config, dirs)?;
    named_environments(&workspace, global)?;
    let interface = Interface::open(workspace, settings(global, config, dirs)?)?;
    let work = async { interface.run().await.map(|()| Outcome::Fine) };
    Ok(ended(runtime()?.block_on(until_interrupted(work))))
}

fn runtime() -> anyhow::Result<Runtime> {
    Runtime::new().context("the threads that work is done on cannot be started")
}

async fn until_interrupted(
    work: impl Future<Output = anyhow::Result<Outcome>>,
) -> anyhow::Result<Outcome> {
    tokio::select! {
        ended = work => ended,
        _ = tokio::signal::ctrl_c() => Ok(Outcome::Interrupted),
    }
}

/// What the program ends with. To be called while the runtime is there: ending it may wait for what still runs.
fn ended(with: anyhow::Result<Outcome>) -> ExitCode {
    match with {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::Found) => ExitCode::from(1),
        Ok(Outcome::Unknown) => ExitCode::from(2),
        Ok(Outcome::Interrupted) => ExitCode::from(130),
        Err(error) => {
            eprintln!("error: {}", text::clean(&format!("{error:#}")));
            ExitCode::from(2)
        }
    }
}

async fn dispatch(cli: Cli, config: Config, dirs: Dirs) -> anyhow::Result<Outcome> {
    let global = cli.global;
    if let Some(Command::Demo) = cli.command {
        return demo::run(global, config).await;
    }
    let workspace = open(&global, &config, &dirs)?;
    let mut output = Output::new(&global, workspace.clock().now());
    workspace.follow_stages().await?;
    named_environments(&workspace, &global)?;
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
fn named_environments(workspace: &Workspace, global: &Global) -> anyhow::Result<()> {
    let contexts = global.context.iter();
    let named = contexts.filter_map(|choice| choice.split_once('=').map(|(name, _)| name));
    for name in named.chain(global.environment.as_deref()) {
        workspace.is_one_environment(name)?;
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
