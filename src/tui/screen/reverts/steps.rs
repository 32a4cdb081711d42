//! How far a staged revert has come: the line in the list, the steps with their clock.

use jiff::Timestamp;

use crate::review::action::stage::{Progress, Step, StepName};
use crate::tui::chrome::spinner;
use crate::tui::screen::labelled;
use crate::tui::theme::Role;
use crate::tui::widget::row::Row;

/// Whether somebody works on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pulse {
    Running,
    Failed,
    /// Nobody: it was interrupted, or left by another session.
    Paused,
}

/// `◐ #12 Revert "api 1.4.2"  waiting for the merge`: the change, and the step it is at.
pub fn line(title: &str, progress: Option<&Progress>, pulse: Pulse, now: Timestamp) -> Row {
    let (mark, role, word) = match (progress, progress.and_then(next)) {
        _ if pulse == Pulse::Failed => ("✗", Role::Error, "failed".to_owned()),
        (Some(progress), _) if progress.error.is_some() => ("✗", Role::Error, "stopped".to_owned()),
        (None, _) => (spinner(now), Role::Progressing, "starting".to_owned()),
        (Some(_), None) => ("✓", Role::Good, "healthy".to_owned()),
        (Some(_), Some(step)) if pulse == Pulse::Running => (
            spinner(now),
            Role::Progressing,
            waiting(step.name).to_owned(),
        ),
        (Some(_), Some(step)) => (
            "‖",
            Role::Warning,
            format!("paused, {}", waiting(step.name)),
        ),
    };
    let number = progress
        .and_then(|progress| progress.pull.as_ref())
        .map(|pull| format!("#{} ", pull.number))
        .unwrap_or_default();
    Row::of(role, mark)
        .with(Role::Text, " ")
        .with(Role::Pull, &number)
        .with(Role::Text, title)
        .with(Role::Text, "  ")
        .with(role, &word)
}

/// The detail: each step with its time, what stopped it, and where it is to be found.
pub fn explain(progress: &Progress, pulse: Pulse, now: Timestamp) -> Vec<Row> {
    let mut rows = vec![Row::of(Role::Header, &progress.title), Row::new()];
    let begun = progress.steps.iter().find_map(|step| step.done);
    let current = next(progress).map(|step| step.name);
    for step in &progress.steps {
        let is_current = current == Some(step.name);
        let (mark, role) = match (step.done, is_current) {
            (Some(_), _) => ("✓", Role::Good),
            (None, false) => ("·", Role::Dim),
            (None, true) if progress.error.is_some() => ("✗", Role::Error),
            (None, true) if pulse == Pulse::Running => (spinner(now), Role::Progressing),
            (None, true) => ("‖", Role::Warning),
        };
        let time = match (step.done, begun) {
            (Some(done), Some(begun)) => format!("+{}", clock(begun, done)),
            (None, Some(begun)) if is_current && pulse == Pulse::Running => {
                format!("{} so far", clock(begun, now))
            }
            _ => String::new(),
        };
        let row = Row::of(role, &format!("{mark} {:<10} ", word(step.name)))
            .then(Row::of(Role::Age, &time).pad(14))
            .with(Role::Text, " ")
            .hang();
        rows.push(row.with(Role::Text, &step.detail));
    }
    rows.push(Row::new());
    if let Some(error) = &progress.error {
        for (i, line) in error.lines().enumerate() {
            let (label, role) = if i == 0 {
                ("stopped", Role::Error)
            } else {
                ("", Role::Text)
            };
            rows.push(labelled(label, Row::of(role, line)));
        }
    }
    if pulse != Pulse::Running && current.is_some() {
        rows.push(labelled(
            "",
            Row::of(Role::Key, "enter").with(Role::Text, " takes it up where it stopped"),
        ));
    }
    if progress.can_merge && !is_done(progress, StepName::Merged) {
        rows.push(labelled(
            "",
            Row::of(Role::Key, "m").with(Role::Text, " merges it"),
        ));
    }
    rows.extend(
        progress
            .commit
            .iter()
            .map(|commit| labelled("commit", Row::of(Role::Hash, commit))),
    );
    rows.push(labelled("branch", Row::of(Role::Text, &progress.branch)));
    if let Some(pull) = &progress.pull {
        let row = Row::of(Role::Pull, &format!("#{} ", pull.number))
            .with(Role::Text, pull.url.as_deref().unwrap_or_default());
        rows.push(labelled("pull", row));
    }
    rows.extend(
        progress
            .compare
            .iter()
            .map(|url| labelled("open it at", Row::of(Role::Text, url))),
    );
    rows
}

/// The first step that is not done.
pub fn next(progress: &Progress) -> Option<&Step> {
    progress.steps.iter().find(|step| step.done.is_none())
}

pub fn is_done(progress: &Progress, name: StepName) -> bool {
    progress
        .steps
        .iter()
        .any(|step| step.name == name && step.done.is_some())
}

fn word(name: StepName) -> &'static str {
    match name {
        StepName::Committed => "committed",
        StepName::Pushed => "pushed",
        StepName::Opened => "opened",
        StepName::Merged => "merged",
        StepName::Synced => "synced",
        StepName::Healthy => "healthy",
    }
}

/// What is waited for until a step is done.
pub fn waiting(name: StepName) -> &'static str {
    match name {
        StepName::Committed => "committing",
        StepName::Pushed => "pushing",
        StepName::Opened => "opening the pull request",
        StepName::Merged => "waiting for the merge",
        StepName::Synced => "waiting for the deployer",
        StepName::Healthy => "waiting for health",
    }
}

/// `1m 12s`
fn clock(from: Timestamp, to: Timestamp) -> String {
    let seconds = to.as_second().saturating_sub(from.as_second()).max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}
