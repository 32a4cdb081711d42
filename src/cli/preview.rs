//! What `revert` and `restore` share: the preview as text, and staging it after confirmation.

use std::io::{BufRead, IsTerminal, Write};

use clap::Args;

use super::output::{Ink, Output, known, short, word};
use super::{Context, Outcome, meter, select};
use crate::review::Action;
use crate::review::action::stage;
use crate::review::revert::{self, Answer, Mode, Request, Scope};
use crate::text;

/// How much to undo, and whether to stage it.
#[derive(Debug, Clone, Default, Args)]
pub struct Flags {
    /// Only this resource
    #[arg(long, value_name = "RESOURCE", group = "scope")]
    resource: Option<String>,
    /// Only this file or directory
    #[arg(long, value_name = "PATH", group = "scope")]
    path: Option<String>,
    /// Only this app (with --env, in that environment)
    #[arg(long, value_name = "APP", group = "scope")]
    app: Option<String>,
    /// Stage it: branch, commit, push and pull request, after confirmation
    #[arg(long)]
    pr: bool,
    /// With --pr: do not ask
    #[arg(long, requires = "pr")]
    yes: bool,
}

impl Flags {
    pub fn is_limited(&self) -> bool {
        self.resource.is_some() || self.path.is_some() || self.app.is_some()
    }

    fn scope(&self, context: &Context) -> Scope {
        if let Some(resource) = &self.resource {
            let select = select::selector(&context.global, Some(resource.clone()), None);
            Scope::Resource {
                select,
                name: resource.clone(),
            }
        } else if let Some(path) = &self.path {
            Scope::Path { path: path.clone() }
        } else if let Some(app) = &self.app {
            Scope::App {
                environment: context.global.environment.clone().unwrap_or_default(),
                app: app.clone(),
            }
        } else {
            Scope::All
        }
    }
}

pub async fn run(
    context: &Context,
    mode: Mode,
    revisions: Vec<String>,
    flags: Flags,
    output: &mut Output,
) -> anyhow::Result<Outcome> {
    let request = Request {
        mode,
        revisions,
        scope: flags.scope(context),
    };
    let mut answer = revert::ask(&context.workspace, request, &meter::sink()).await?;
    if flags.pr {
        let plan = stage::plan(&context.workspace, &answer)?;
        if !flags.yes {
            print(&answer, output);
            output.show()?;
            if !confirmed(&answer)? {
                output.line("Nothing was written.");
                return Ok(Outcome::Fine);
            }
        }
        let Some(consent) = context.workspace.consent() else {
            anyhow::bail!(
                "read-only: nothing can be staged\nhint: leave out --read-only, or change read_only in the configuration"
            );
        };
        answer.staged = Some(stage::open(&context.workspace, plan, consent).await?);
        if !output.json(&answer)? {
            print_staged(&answer, output);
        }
        return Ok(Outcome::Fine);
    }
    if !output.json(&answer)? {
        print(&answer, output);
    }
    Ok(if answer.clean {
        Outcome::Fine
    } else {
        Outcome::Found
    })
}

/// Asks on the terminal: `y`, or the name of a protected environment.
fn confirmed(answer: &Answer) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        anyhow::bail!(
            "staging asks for confirmation, and there is no terminal to ask on\nhint: add --yes"
        );
    }
    let wanted = match answer.protected.as_slice() {
        [] => "y".to_owned(),
        names => names.join(","),
    };
    let mut prompt = std::io::stderr();
    match answer.protected.as_slice() {
        [] => write!(
            prompt,
            "Push {} and open a pull request? [y/N] ",
            text::clean_line(&answer.branch)
        )?,
        names => write!(
            prompt,
            "This changes {}. Type the name to stage it: ",
            text::clean_line(&names.join(","))
        )?,
    }
    prompt.flush()?;
    let mut typed = String::new();
    std::io::stdin().lock().read_line(&mut typed)?;
    Ok(typed.trim().eq_ignore_ascii_case(&wanted))
}

fn print_staged(answer: &Answer, output: &mut Output) {
    let Some(staged) = &answer.staged else { return };
    output.line(format!(
        "pushed {} as {}",
        short(&staged.commit),
        text::clean_line(&staged.branch)
    ));
    if let Some(pull) = &staged.pull {
        let url = pull
            .url
            .as_deref()
            .map(text::clean_line)
            .unwrap_or_default();
        output.line(format!("pull request #{}  {url}", pull.number));
    }
    if let Some(compare) = &staged.compare {
        output.line(format!(
            "open the pull request at {}",
            text::clean_line(compare)
        ));
    }
}

fn print(answer: &Answer, output: &mut Output) {
    let (verb, of) = match answer.mode {
        Mode::Revert => ("Revert of", ""),
        Mode::Restore => ("Restore to", "the state at "),
    };
    for commit in &answer.commits {
        let line = format!("{verb} {of}{}", output.commit(commit));
        output.line(line);
    }
    let state = if !answer.clean {
        output.ink(Ink::Red, "conflicts")
    } else if answer.no_change {
        output.ink(
            Ink::Yellow,
            "clean, and changes nothing: the tip is already so",
        )
    } else {
        output.ink(Ink::Green, "clean")
    };
    output.line(format!("on {}: {state}", short(&answer.base)));
    for conflict in &answer.conflicts {
        let line = format!(
            "    {}  ({})",
            text::clean_line(&conflict.path),
            word(&conflict.kind)
        );
        output.line(line);
    }
    if !answer.scopes.is_empty() {
        output.line("Scopes:");
        for tried in &answer.scopes {
            let state = match (tried.clean, tried.no_change) {
                (true, false) => output.ink(Ink::Green, "clean"),
                (true, true) => output.ink(Ink::Yellow, "changes nothing"),
                (false, _) => output.ink(Ink::Red, "conflicts"),
            };
            output.line(format!(
                "    {} {}: {state}",
                word(&tried.mode),
                text::clean_line(&scope(&tried.scope))
            ));
        }
    }
    for warning in &answer.warnings {
        let line = format!("warning: {}", text::clean_line(warning));
        let line = output.ink(Ink::Yellow, line);
        output.line(line);
    }
    if !answer.also_undoes.is_empty() {
        output.line(format!(
            "Also undoes {} later commits:",
            answer.also_undoes.len()
        ));
        for commit in &answer.also_undoes {
            let line = format!("    {}", output.commit(commit));
            output.line(line);
        }
    }
    if !answer.resources.is_empty() || !answer.not_rendered.is_empty() {
        output.line("");
        output.resources(&answer.resources, &answer.not_rendered);
    }
    let effects: Vec<_> = answer
        .effect
        .iter()
        .filter(|entry| entry.effect.action != Action::Nothing)
        .collect();
    if !effects.is_empty() {
        output.line("");
        output.line("In the cluster:");
        for entry in effects {
            let known = match entry.cluster.value() {
                Some(()) => String::new(),
                None => format!("  {}", known(&entry.cluster, |()| String::new())),
            };
            let line = format!(
                "    {} {} in {}  {}{known}",
                word(&entry.effect.action),
                entry.effect.object,
                entry.environment,
                entry.effect.detail
            );
            output.line(text::clean_line(&line));
        }
    }
    if answer.clean && !answer.no_change {
        output.line("");
        output.line(format!("branch  {}", text::clean_line(&answer.branch)));
        for (n, line) in text::clean(&answer.message).lines().enumerate() {
            output.line(format!(
                "{}{line}",
                if n == 0 { "message " } else { "        " }
            ));
        }
    }
}

/// `all`, `app api in production`, `resource deploy/api`, `path a/b.yaml`
pub fn scope(scope: &Scope) -> String {
    match scope {
        Scope::All => "all".to_owned(),
        Scope::App { environment, app } if environment.is_empty() => format!("app {app}"),
        Scope::App { environment, app } => format!("app {app} in {environment}"),
        Scope::Resource { name, .. } => format!("resource {name}"),
        Scope::Path { path } => format!("path {path}"),
    }
}
