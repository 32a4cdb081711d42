//! Staged reverts: what is under way, how far it has come, and what was interrupted and can be taken up again.

use std::sync::Arc;

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::timeline::selection;
use super::{Facts, Look, Mouse, absent, labelled, standing};
use crate::review::action::stage::{Progress, Step, StepName};
use crate::review::{Header, revert};
use crate::tui::ask::{Answer, Part, Question, Reply, Slot};
use crate::tui::chrome::spinner;
use crate::tui::cx::{Cx, Effect, Tone};
use crate::tui::filter::{Facet, Filter};
use crate::tui::keys::Action;
use crate::tui::theme::Role;
use crate::tui::widget::doc::Doc;
use crate::tui::widget::list::List;
use crate::tui::widget::paint;
use crate::tui::widget::panes::{self, Panes};
use crate::tui::widget::popup::{Confirm, Purpose};
use crate::tui::widget::row::Row;

pub struct Reverts {
    /// Those this session has staged or taken up, newest first.
    runs: Vec<Run>,
    pending: Slot<Vec<Progress>>,
    merge: Slot<()>,
    items: Vec<Item>,
    list: List,
    filter: Filter,
    panes: Panes,
    detail: Doc,
}

/// Something under way.
struct Run {
    title: String,
    progress: Slot<Progress>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    Run(usize),
    Pending(usize),
}

const LIST: usize = 0;
const DETAIL: usize = 1;

impl Default for Reverts {
    fn default() -> Reverts {
        Reverts {
            runs: Vec::new(),
            pending: Slot::default(),
            merge: Slot::default(),
            items: Vec::new(),
            list: List::default(),
            filter: Filter::default(),
            panes: Panes::default(),
            detail: Doc::wrapped(),
        }
    }
}

impl Reverts {
    pub fn ask(&mut self, cx: &mut Cx) {
        self.pending.ask(cx, Question::Pending);
    }

    /// Stages a preview the user has confirmed.
    pub fn stage(&mut self, preview: Arc<revert::Answer>, cx: &mut Cx) {
        let title = preview
            .message
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned();
        self.run(title, Question::Stage(preview), cx);
    }

    fn run(&mut self, title: String, question: Question, cx: &mut Cx) {
        let mut run = Run {
            title,
            progress: Slot::default(),
        };
        run.progress.ask(cx, question);
        self.runs.insert(0, run);
        self.list.at = 0;
        self.refill();
    }

    pub fn reply(&mut self, reply: Reply, cx: &mut Cx) {
        match reply.answer {
            Answer::Pending(part) => {
                self.pending.take(reply.ticket, part);
            }
            Answer::Stage(part) => {
                if let Some(run) = self
                    .runs
                    .iter_mut()
                    .find(|run| run.progress.ticket() == Some(reply.ticket))
                {
                    run.progress.take(reply.ticket, part);
                }
            }
            Answer::Merge(part) => {
                match &part {
                    Part::Failed(error) => {
                        cx.say(Tone::Error, error.lines().collect::<Vec<_>>().join("; "))
                    }
                    Part::Done(()) | Part::More(()) => cx.say(Tone::Good, "merged"),
                }
                self.merge.take(reply.ticket, part);
            }
            _ => {}
        }
        self.refill();
    }

    fn refill(&mut self) {
        let own: Vec<&str> = self
            .runs
            .iter()
            .filter_map(|run| Some(run.progress.value()?.id.as_str()))
            .collect();
        let pending = self.pending.value().map(Vec::as_slice).unwrap_or_default();
        let runs = (0..self.runs.len()).filter(|i| {
            self.filter.is_empty()
                || passes(
                    &self.runs[*i].title,
                    self.runs[*i].progress.value(),
                    &self.filter,
                )
        });
        let rest = (0..pending.len()).filter(|i| {
            !own.contains(&pending[*i].id.as_str())
                && passes(&pending[*i].title, Some(&pending[*i]), &self.filter)
        });
        self.items = runs.map(Item::Run).chain(rest.map(Item::Pending)).collect();
    }

    fn item(&self) -> Option<Item> {
        self.items.get(self.list.at).copied()
    }

    fn progress(&self) -> Option<&Progress> {
        match self.item()? {
            Item::Run(i) => self.runs.get(i)?.progress.value(),
            Item::Pending(i) => self.pending.value()?.get(i),
        }
    }

    /// What would be cut off by leaving now.
    pub fn unfinished(&self) -> Option<String> {
        let run = self.runs.iter().find(|run| {
            let opened = run
                .progress
                .value()
                .is_some_and(|progress| is_done(progress, StepName::Opened));
            run.progress.is_waiting() && !opened
        })?;
        Some(format!("Still being staged: {}", run.title))
    }

    pub fn act(&mut self, action: Action, cx: &mut Cx) {
        if self.panes.act(action) || (self.panes.focus == DETAIL && self.detail.act(action)) {
            return;
        }
        match action {
            Action::Enter => {
                if let Some(progress) = self.progress() {
                    let mut rows = vec![Row::of(Role::Header, &progress.title), Row::new()];
                    match next_step(progress) {
                        Some(step) => {
                            rows.push(labelled("next", Row::of(Role::Text, step_word(step.name))))
                        }
                        None => rows.push(Row::of(
                            Role::Text,
                            "everything is done; this watches once more",
                        )),
                    }
                    rows.push(labelled("branch", Row::of(Role::Text, &progress.branch)));
                    cx.confirm(Confirm::new(
                        Purpose::Resume(progress.id.clone()),
                        "Take it up again?",
                        rows,
                        "resume",
                        Vec::new(),
                    ));
                }
            }
            Action::Merge => {
                if let Some(progress) = self.progress() {
                    let number = progress
                        .pull
                        .as_ref()
                        .map(|pull| format!("#{} ", pull.number))
                        .unwrap_or_default();
                    let rows = vec![
                        Row::of(Role::Pull, &number).with(Role::Header, &progress.title),
                        Row::new(),
                        labelled(
                            "commit",
                            Row::of(Role::Hash, progress.commit.as_deref().unwrap_or_default()),
                        ),
                        labelled(
                            "then",
                            Row::of(
                                Role::Text,
                                "the deployer applies it; the steps below show how far it is",
                            ),
                        ),
                    ];
                    cx.confirm(Confirm::new(
                        Purpose::Merge(progress.id.clone()),
                        "Merge the pull request?",
                        rows,
                        "merge",
                        Vec::new(),
                    ));
                }
            }
            Action::Copy => {
                if let Some(progress) = self.progress() {
                    cx.copy(
                        progress
                            .commit
                            .clone()
                            .unwrap_or_else(|| progress.branch.clone()),
                    );
                }
            }
            Action::Open => {
                if let Some(url) = self.url() {
                    cx.effect(Effect::Browse(url.to_owned()));
                }
            }
            Action::Wrap => self.detail.wrap = !self.detail.wrap,
            Action::NextMatch => self.list.by(1),
            Action::PreviousMatch => self.list.by(-1),
            other => {
                self.list.act(other);
            }
        }
    }

    pub fn confirmed(&mut self, purpose: Purpose, cx: &mut Cx) {
        match purpose {
            Purpose::Resume(id) => {
                // One that failed in this session makes room for its successor.
                let title = self
                    .progress()
                    .map(|progress| progress.title.clone())
                    .unwrap_or_default();
                self.runs.retain(|run| {
                    run.progress
                        .value()
                        .is_none_or(|progress| progress.id != id)
                });
                self.run(title, Question::Resume(id), cx);
            }
            Purpose::Merge(id) => self.merge.ask(cx, Question::Merge(id)),
            Purpose::Stage | Purpose::Quit => {}
        }
    }

    fn url(&self) -> Option<&str> {
        let progress = self.progress()?;
        progress
            .pull
            .as_ref()
            .and_then(|pull| pull.url.as_deref())
            .or(progress.compare.as_deref())
    }

    pub fn blocked(&self, action: Action, header: &Header) -> Option<String> {
        match action {
            Action::Enter | Action::Merge if header.read_only => {
                Some("read-only: started with --read-only".to_owned())
            }
            Action::Enter | Action::Merge | Action::Copy | Action::Open
                if self.progress().is_none() =>
            {
                Some("no staged revert is selected".to_owned())
            }
            Action::Enter => match self.item() {
                Some(Item::Run(i)) if self.runs[i].progress.is_waiting() => {
                    Some("it is under way".to_owned())
                }
                _ => None,
            },
            Action::Merge if self.merge.is_waiting() => Some("the merge is under way".to_owned()),
            Action::Merge => {
                let progress = self.progress()?;
                if is_done(progress, StepName::Merged) {
                    Some("it is merged".to_owned())
                } else if !progress.can_merge {
                    Some("merge it at the forge: o opens the pull request".to_owned())
                } else {
                    None
                }
            }
            Action::Open if self.url().is_none() => Some("no address is known yet".to_owned()),
            _ => None,
        }
    }

    pub fn set_filter(&mut self, text: &str) {
        self.filter = Filter::parse(text);
        self.refill();
    }

    pub fn watches(&self) -> bool {
        self.runs.iter().any(|run| run.progress.is_waiting())
    }

    pub fn settle(&mut self, area: Rect, now: Timestamp) {
        let rects = match panes::is_wide(area) {
            true => panes::columns(area, &[2, 3]),
            false => panes::rows(area, &[2, 3]),
        };
        self.panes.settle(area, rects);
        self.list
            .settle(self.items.len(), self.panes.inner(LIST).height);
        let rows = match self.item() {
            None => Vec::new(),
            Some(Item::Pending(i)) => self
                .pending
                .value()
                .and_then(|all| all.get(i))
                .map(|progress| explain(progress, false, now))
                .unwrap_or_default(),
            Some(Item::Run(i)) => {
                let run = &self.runs[i].progress;
                let mut rows = run
                    .value()
                    .map(|progress| explain(progress, run.is_waiting(), now))
                    .unwrap_or_default();
                if rows.is_empty() || run.failed().is_some() {
                    rows.extend(absent(run));
                }
                rows
            }
        };
        self.detail.set(rows);
        let inner = self.panes.inner(DETAIL);
        self.detail.settle(inner.width, inner.height);
    }

    pub fn facts(&self) -> Facts {
        let runs = self.runs.iter().filter_map(|run| run.progress.ticket());
        Facts {
            crumb: "Reverts".to_owned(),
            position: self.list.position(),
            filter: Some(self.filter.text().to_owned()),
            tickets: runs
                .chain(self.pending.ticket())
                .chain(self.merge.ticket())
                .collect(),
            watches: self.watches(),
            ..Facts::default()
        }
    }

    pub fn mouse(&mut self, mouse: Mouse, at: (u16, u16)) {
        let Some((pane, line)) = self.panes.hit(at.0, at.1) else {
            return;
        };
        match (mouse, pane) {
            (Mouse::Wheel(rows), LIST) => self.list.scroll(rows),
            (Mouse::Wheel(rows), _) => self.detail.scroll(rows),
            (Mouse::Click, _) => {
                self.panes.focus = pane;
                if let (LIST, Some(line)) = (pane, line) {
                    self.list.click(line);
                }
            }
        }
    }

    pub fn view(&self, look: Look, buf: &mut Buffer) {
        let role = if self.panes.focus == LIST {
            Role::FocusedTitle
        } else {
            Role::Title
        };
        if let Some(area) = self.panes.frame(
            look.theme,
            buf,
            LIST,
            &Row::of(role, "Reverts"),
            &standing(&self.pending),
        ) {
            if self.items.is_empty() {
                let rows = match (self.pending.value(), self.filter.is_empty()) {
                    (None, _) => absent(&self.pending),
                    (Some(_), false) => {
                        vec![Row::of(Role::Dim, "none passes the filter (esc clears it)")]
                    }
                    (Some(_), true) => vec![
                        Row::of(Role::Text, "Nothing is staged."),
                        Row::of(
                            Role::Dim,
                            "r on a commit, an app or a resource previews undoing it.",
                        ),
                    ],
                };
                for (y, row) in (area.top()..area.bottom()).zip(rows) {
                    paint::line(buf, look.theme, area, y, &row, Style::new());
                }
            }
            for (y, at) in (area.top()..area.bottom()).zip(self.list.visible()) {
                let row = self.line(self.items[at], look.now);
                paint::line(
                    buf,
                    look.theme,
                    area,
                    y,
                    &row,
                    selection(look, at == self.list.at, self.panes.focus == LIST),
                );
            }
        }
        let title = match self.progress() {
            Some(progress) => Row::of(Role::Title, &progress.branch),
            None => Row::of(Role::Title, "Progress"),
        };
        if let Some(area) = self.panes.frame(
            look.theme,
            buf,
            DETAIL,
            &title,
            &Row::of(Role::Dim, &self.detail.position()),
        ) {
            self.detail.view(look.theme, buf, area);
        }
    }

    fn line(&self, item: Item, now: Timestamp) -> Row {
        match item {
            Item::Run(i) => {
                let run = &self.runs[i];
                line(
                    &run.title,
                    run.progress.value(),
                    run.progress.is_waiting(),
                    run.progress.failed().is_some(),
                    now,
                )
            }
            Item::Pending(i) => match self.pending.value().and_then(|all| all.get(i)) {
                Some(progress) => line(&progress.title, Some(progress), false, false, now),
                None => Row::new(),
            },
        }
    }
}

/// `◐ merged?  #12 Revert "api 1.4.2"`: the step it is at, and the change.
fn line(
    title: &str,
    progress: Option<&Progress>,
    running: bool,
    failed: bool,
    now: Timestamp,
) -> Row {
    let at = progress.and_then(next_step);
    let (mark, role, word) = match (progress, at) {
        _ if failed => ("✗", Role::Error, "failed".to_owned()),
        (Some(progress), _) if progress.error.is_some() => ("✗", Role::Error, "stopped".to_owned()),
        (Some(_), None) => ("✓", Role::Good, "healthy".to_owned()),
        (_, Some(step)) if running => (
            spinner(now),
            Role::Progressing,
            step_waiting(step.name).to_owned(),
        ),
        (Some(_), Some(step)) => (
            "‖",
            Role::Warning,
            format!("paused: {}", step_waiting(step.name)),
        ),
        (None, _) => (spinner(now), Role::Progressing, "starting".to_owned()),
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

fn explain(progress: &Progress, running: bool, now: Timestamp) -> Vec<Row> {
    let mut rows = vec![Row::of(Role::Header, &progress.title), Row::new()];
    let first = progress.steps.iter().find_map(|step| step.done);
    let next = next_step(progress).map(|step| step.name);
    for step in &progress.steps {
        let (mark, role) = match (step.done.is_some(), next == Some(step.name)) {
            (true, _) => ("✓", Role::Good),
            (false, true) if progress.error.is_some() => ("✗", Role::Error),
            (false, true) if running => (spinner(now), Role::Progressing),
            (false, true) => ("‖", Role::Warning),
            (false, false) => ("·", Role::Dim),
        };
        let clock = match (step.done, next == Some(step.name) && running, first) {
            (Some(done), _, Some(first)) => format!("+{}", clock(first, done)),
            (None, true, Some(first)) => format!("{} so far", clock(first, now)),
            _ => String::new(),
        };
        let row = Row::of(role, &format!("{mark} {:<10} ", step_word(step.name)))
            .then(Row::of(Role::Age, &clock).pad(14))
            .with(Role::Text, " ")
            .with(Role::Text, &step.detail);
        rows.push(row);
    }
    rows.push(Row::new());
    if let Some(error) = &progress.error {
        for (i, line) in error.lines().enumerate() {
            rows.push(labelled(
                if i == 0 { "stopped" } else { "" },
                Row::of(if i == 0 { Role::Error } else { Role::Text }, line),
            ));
        }
        rows.push(labelled(
            "",
            Row::of(Role::Key, "enter").with(Role::Text, " takes it up where it stopped"),
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
    if progress.can_merge && !is_done(progress, StepName::Merged) {
        rows.push(labelled(
            "",
            Row::of(Role::Key, "m").with(Role::Text, " merges it"),
        ));
    }
    rows
}

/// The first step that is not done.
fn next_step(progress: &Progress) -> Option<&Step> {
    progress.steps.iter().find(|step| step.done.is_none())
}

fn is_done(progress: &Progress, name: StepName) -> bool {
    progress
        .steps
        .iter()
        .any(|step| step.name == name && step.done.is_some())
}

fn step_word(name: StepName) -> &'static str {
    match name {
        StepName::Committed => "committed",
        StepName::Pushed => "pushed",
        StepName::Opened => "opened",
        StepName::Merged => "merged",
        StepName::Synced => "synced",
        StepName::Healthy => "healthy",
    }
}

fn step_waiting(name: StepName) -> &'static str {
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

fn passes(title: &str, progress: Option<&Progress>, filter: &Filter) -> bool {
    let branch = progress
        .map(|progress| progress.branch.as_str())
        .unwrap_or_default();
    let number = progress
        .and_then(|progress| progress.pull.as_ref())
        .map(|pull| format!("#{}", pull.number))
        .unwrap_or_default();
    filter.matches(&[
        (Facet::Word, title),
        (Facet::Word, branch),
        (Facet::Word, number.as_str()),
    ])
}
