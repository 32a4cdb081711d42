//! `gitopsy demo`: a whole environment to try everything on, built anew each time and removed at the end.

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::Context as _;

use super::args::{Format, Global};
use super::output::{Ink, Output};
use super::{Context, Outcome, drift, log, preview, resource, settings, show, where_};
use crate::config::{Config, Dirs};
use crate::demo::{Delays, Deployer};
use crate::review::{Cancel, Clock, ClusterChoice, Kubeconfig, Options, Overrides, Workspace};
use crate::tui::Interface;

/// Long enough to see each step, short enough to watch.
const DELAYS: Delays = Delays {
    look: Duration::from_millis(500),
    apply: Duration::from_secs(2),
    settle: Duration::from_secs(5),
};

pub async fn run(global: Global, config: Config) -> anyhow::Result<Outcome> {
    let directory = tempfile::Builder::new()
        .prefix("gitopsy-demo-")
        .tempdir()
        .context("the demo needs a temporary directory")?;
    let clock = Clock::system();
    let (path, now) = (directory.path().join("demo"), clock.now());
    let demo = tokio::task::spawn_blocking(move || crate::demo::build(&path, now)).await??;
    let workspace = Workspace::open(Options {
        repo: Some(demo.clone.clone()),
        branch: None,
        cluster: ClusterChoice::Snapshot(demo.snapshot.clone()),
        kubeconfig: Kubeconfig::of_user(),
        overrides: Overrides::default(),
        offline: false,
        read_only: global.read_only,
        // Nothing of the demo stays behind.
        state: directory.path().join("state"),
        cache: None,
        allow_network: false,
        clock,
    })?;
    if std::io::stdout().is_terminal()
        && std::io::stdin().is_terminal()
        && global.output == Format::Text
    {
        let settings = settings(&global, &config, &Dirs::of_user()?)?;
        let stop = Cancel::new();
        let deployer = Deployer::new(&demo)?.run(Clock::system(), DELAYS, stop.clone());
        let deployer = tokio::spawn(deployer);
        let ended = match Interface::open(workspace, settings) {
            Ok(interface) => interface.run().await,
            Err(error) => Err(error),
        };
        stop.cancel();
        deployer.await??;
        ended?;
        return Ok(Outcome::Fine);
    }
    tour(Context { workspace, global }).await
}

/// The demo's story as a newcomer would find it out, command by command.
async fn tour(mut context: Context) -> anyhow::Result<Outcome> {
    context.global.output = Format::Text;
    let mut output = Output::new(&context.global, context.workspace.clock().now());
    output.line("A tour of the demo environment. Production broke an hour ago; this is how one finds out and undoes it.");

    heading(&mut output, "What is deployed where?", "gitopsy where");
    where_::run(&context, where_::Args::default(), &mut output).await?;

    context.global.environment = Some("production".to_owned());
    heading(
        &mut output,
        "What happened to api in production?",
        "gitopsy resource deploy/api -e production",
    );
    resource::run(&context, resource::Args::of("deploy/api"), &mut output).await?;

    let bad = log::newest(&context, "deploy/api").await?;
    context.global.environment = None;
    heading(
        &mut output,
        "What did that change do?",
        &format!("gitopsy show {bad}"),
    );
    show::run(&context, show::Args::of(&bad), &mut output).await?;

    heading(
        &mut output,
        "Does the cluster run what git says?",
        "gitopsy drift",
    );
    drift::run(&context, drift::Args::default(), &mut output).await?;

    heading(
        &mut output,
        "What would a revert do?",
        &format!("gitopsy revert {bad}"),
    );
    preview::run(
        &context,
        crate::review::revert::Mode::Revert,
        vec![bad.clone()],
        preview::Flags::default(),
        &mut output,
    )
    .await?;
    output.line("");
    output.line(format!("`gitopsy revert {bad} --pr` would stage it. On a terminal, `gitopsy demo` opens all this to look around in."));
    output.flush()?;
    Ok(Outcome::Fine)
}

fn heading(output: &mut Output, question: &str, command: &str) {
    let question = output.ink(Ink::Bold, question);
    let command = output.ink(Ink::Dim, format!("$ {command}"));
    output.line("");
    output.line(question);
    output.line(command);
    output.line("");
}
