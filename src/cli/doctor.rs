//! `gitopsy doctor`: what works here.

use super::output::{Ink, Output};
use super::{Context, Outcome};
use crate::review::doctor::{self, State};
use crate::text;

pub async fn run(context: &Context, output: &mut Output) -> anyhow::Result<Outcome> {
    let answer = doctor::ask(&context.workspace).await;
    if output.json(&answer)? {
        return Ok(Outcome::Fine);
    }
    for check in &answer.checks {
        let (ink, sign) = match check.state {
            State::Fine => (Ink::Green, "✓"),
            State::Missing => (Ink::Yellow, "-"),
            State::Failed => (Ink::Red, "✗"),
        };
        let line = format!(
            "{} {:<12} {}",
            output.ink(ink, sign),
            check.name,
            text::clean_line(&check.detail)
        );
        output.line(line);
        if let Some(hint) = &check.hint {
            let line = output.ink(Ink::Dim, format!("  {:<12} {}", "", text::clean_line(hint)));
            output.line(line);
        }
    }
    Ok(Outcome::Fine)
}
