//! What undoing would do, before anything is written: the choices (each tried), the plan of the chosen one, and its rendered change.
//! `enter` asks for a confirmation; only that leads to a write.

use std::sync::Arc;

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::change::{Mode as View, resource_line, resource_rows};
use super::timeline::selection;
use super::{Facts, Look, Mouse, absent, labelled};
use crate::review::common::CommitLine;
use crate::review::revert::{Answer as Preview, Mode, Request, Scope};
use crate::review::{ConflictKind, Header};
use crate::tui::ask::{Answer, Question, Reply, Slot};
use crate::tui::cx::{Cx, Effect};
use crate::tui::keys::Action;
use crate::tui::theme::Role;
use crate::tui::widget::doc::Doc;
use crate::tui::widget::list::List;
use crate::tui::widget::paint;
use crate::tui::widget::panes::{self, Panes};
use crate::tui::widget::popup::{Confirm, Purpose};
use crate::tui::widget::row::Row;
use crate::tui::widget::words;

pub struct Revert {
    /// What to undo, newest first.
    commits: Vec<CommitLine>,
    choices: Vec<Choice>,
    list: List,
    preview: Slot<Preview>,
    /// The choice `preview` is about.
    of: usize,
    /// Whether the preview can be staged; its failure says why not.
    plan: Slot<()>,
    view: View,
    unfolded: bool,
    panes: Panes,
    detail: Doc,
    diff: Doc,
}

/// A way to undo.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Choice {
    mode: Mode,
    scope: Scope,
    outcome: Option<Outcome>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Clean,
    NoChange,
    Conflicts,
}

const CHOICES: usize = 0;
const PLAN: usize = 1;
const DIFF: usize = 2;

impl Revert {
    /// Undoing `commits` (newest first), as far as `scope` reaches; the other scopes are offered as they become known.
    pub fn new(commits: Vec<CommitLine>, scope: Scope) -> Revert {
        let choices = vec![Choice {
            mode: Mode::Revert,
            scope,
            outcome: None,
        }];
        Revert {
            commits,
            choices,
            list: List::default(),
            preview: Slot::default(),
            of: 0,
            plan: Slot::default(),
            view: View::default(),
            unfolded: false,
            panes: Panes::default(),
            detail: Doc::wrapped(),
            diff: Doc::default(),
        }
    }

    pub fn ask(&mut self, cx: &mut Cx) {
        let Some(choice) = self.choices.get(self.list.at) else {
            return;
        };
        let revisions = match (choice.mode, self.commits.last()) {
            (Mode::Revert, _) => self
                .commits
                .iter()
                .map(|line| line.commit.to_string())
                .collect(),
            // As it was before the oldest of them.
            (Mode::Restore, Some(oldest)) => vec![format!("{}^", oldest.commit)],
            (Mode::Restore, None) => Vec::new(),
        };
        let request = Request {
            mode: choice.mode,
            revisions,
            scope: choice.scope.clone(),
        };
        if self.of != self.list.at {
            self.of = self.list.at;
            self.preview.forget();
        }
        self.plan.forget();
        self.preview.ask(cx, Question::Revert(request));
    }

    pub fn reply(&mut self, reply: Reply, cx: &mut Cx) {
        match reply.answer {
            Answer::Revert(part) => {
                if self.preview.take(reply.ticket, part) {
                    self.learn();
                    if let Some(preview) = self.preview.value()
                        && !self.preview.is_waiting()
                        && preview.clean
                        && !preview.no_change
                        && !cx.header.read_only
                    {
                        let preview = Arc::new(preview.clone());
                        self.plan.ask(cx, Question::Plan(preview));
                    }
                }
            }
            Answer::Plan(part) => {
                self.plan.take(reply.ticket, part);
            }
            _ => {}
        }
    }

    /// Adds the scopes that were tried to the choices.
    fn learn(&mut self) {
        let Some(preview) = self.preview.value() else {
            return;
        };
        let outcome = |clean: bool, no_change: bool| match (clean, no_change) {
            (_, true) => Outcome::NoChange,
            (true, false) => Outcome::Clean,
            (false, false) => Outcome::Conflicts,
        };
        if let Some(choice) = self.choices.get_mut(self.of) {
            choice.outcome = Some(outcome(preview.clean, preview.no_change));
        }
        for tried in &preview.scopes {
            let found = self.choices.iter_mut().find(|choice| {
                choice.mode == tried.mode && same_scope(&choice.scope, &tried.scope)
            });
            let outcome = Some(outcome(tried.clean, tried.no_change));
            match found {
                Some(choice) => choice.outcome = outcome,
                None => self.choices.push(Choice {
                    mode: tried.mode,
                    scope: tried.scope.clone(),
                    outcome,
                }),
            }
        }
    }

    pub fn act(&mut self, action: Action, cx: &mut Cx) {
        if self.panes.act(action) {
            return;
        }
        match action {
            Action::TextView => {
                self.view = self.view.next();
                return;
            }
            Action::Suppressed => {
                self.unfolded = !self.unfolded;
                return;
            }
            Action::Wrap => {
                self.diff.wrap = !self.diff.wrap;
                return;
            }
            _ => {}
        }
        let scrolled = match self.panes.focus {
            PLAN => self.detail.act(action),
            DIFF => self.diff.act(action),
            _ => false,
        };
        if scrolled {
            return;
        }
        match action {
            Action::Enter => {
                if let Some(preview) = self.preview.value() {
                    cx.confirm(confirm(preview));
                }
            }
            Action::Copy => {
                if let Some(preview) = self.preview.value() {
                    cx.copy(preview.branch.clone());
                }
            }
            Action::Pager => cx.effect(Effect::Page(format!(
                "{}\n{}",
                self.detail.plain(),
                self.diff.plain()
            ))),
            other => {
                self.list.act(other);
                self.choose(cx);
            }
        }
    }

    /// Asks for the preview of the choice the cursor is on now.
    fn choose(&mut self, cx: &mut Cx) {
        self.list.at = self.list.at.min(self.choices.len().saturating_sub(1));
        if self.list.at != self.of {
            self.ask(cx);
        }
    }

    pub fn confirmed(&mut self, purpose: Purpose, cx: &mut Cx) {
        if let (Purpose::Stage, Some(preview)) = (purpose, self.preview.value()) {
            cx.stage(Arc::new(preview.clone()));
        }
    }

    pub fn blocked(&self, action: Action, header: &Header) -> Option<String> {
        let preview = self.preview.value();
        match action {
            Action::Enter if header.read_only => {
                Some("read-only: started with --read-only, nothing is staged".to_owned())
            }
            Action::Enter => match preview {
                None => Some(
                    self.preview
                        .failed()
                        .map_or_else(|| "the preview is not there yet".to_owned(), one_line),
                ),
                Some(preview) if !preview.clean => Some(
                    "it conflicts: choose a smaller scope or restore, or resolve it in a clone"
                        .to_owned(),
                ),
                Some(preview) if preview.no_change => Some("it would change nothing".to_owned()),
                Some(_) if self.preview.is_waiting() => {
                    Some("the effect is still being worked out".to_owned())
                }
                Some(_) if self.plan.is_waiting() => {
                    Some("whether it can be staged is being looked up".to_owned())
                }
                Some(_) => self.plan.failed().map(one_line),
            },
            Action::Copy | Action::Pager if preview.is_none() => {
                Some("the preview is not there yet".to_owned())
            }
            _ => None,
        }
    }

    pub fn settle(&mut self, area: Rect, now: Timestamp) {
        let rects = if panes::is_very_wide(area) {
            panes::columns(area, &[4, 5, 7])
        } else if panes::is_wide(area) {
            let sides = panes::columns(area, &[1, 1]);
            let left = panes::rows(sides[0], &[2, 5]);
            vec![left[0], left[1], sides[1]]
        } else {
            panes::rows(area, &[2, 4, 4])
        };
        self.panes.settle(area, rects);
        self.list
            .settle(self.choices.len(), self.panes.inner(CHOICES).height);
        let (plan, diff) = (self.panes.inner(PLAN), self.panes.inner(DIFF));
        let rows = match self.preview.value() {
            Some(preview) => self.plan_rows(preview, now),
            None => absent(&self.preview),
        };
        self.detail.set(rows);
        self.detail.settle(plan.width, plan.height);
        let rows = self
            .preview
            .value()
            .map(|preview| self.diff_rows(preview, diff.width))
            .unwrap_or_default();
        self.diff.set(rows);
        self.diff.settle(diff.width, diff.height);
    }

    fn plan_rows(&self, preview: &Preview, now: Timestamp) -> Vec<Row> {
        let mut rows = vec![match (preview.clean, preview.no_change) {
            (_, true) => Row::of(
                Role::Dim,
                "= it would change nothing: it is undone already, or never took effect",
            ),
            (true, false) => Row::of(Role::Good, "✓ applies cleanly on ")
                .with(Role::Hash, &words::hash(&preview.base)),
            (false, false) => Row::of(
                Role::Error,
                "✗ conflicts with later changes; nothing can be staged",
            ),
        }];
        for conflict in &preview.conflicts {
            rows.push(
                Row::of(Role::Error, "  ✗ ")
                    .with(Role::Text, &conflict.path)
                    .with(Role::Dim, &format!("  {}", conflict_words(conflict.kind))),
            );
        }
        if let Some(error) = self.plan.failed() {
            rows.push(
                Row::of(Role::Error, "✗ cannot be staged: ").with(Role::Text, &one_line(error)),
            );
        }
        rows.extend(
            preview
                .warnings
                .iter()
                .map(|warning| Row::of(Role::Warning, "! ").with(Role::Text, warning)),
        );
        for (i, line) in preview.commits.iter().enumerate() {
            rows.push(labelled(
                if i == 0 { "undoes" } else { "" },
                words::commit(line, now),
            ));
        }
        for (i, line) in preview.also_undoes.iter().enumerate() {
            rows.push(labelled(
                if i == 0 { "and also" } else { "" },
                Row::of(Role::Warning, "! ").then(words::commit(line, now)),
            ));
        }
        rows.extend(effect_rows(preview, now));
        if self.preview.is_waiting() {
            rows.push(labelled("", words::loading()));
        }
        if preview.clean && !preview.no_change {
            rows.push(labelled("branch", Row::of(Role::Text, &preview.branch)));
            for (i, line) in preview.message.lines().enumerate() {
                rows.push(labelled(
                    if i == 0 { "message" } else { "" },
                    Row::of(if i == 0 { Role::Header } else { Role::Text }, line),
                ));
            }
            for environment in &preview.protected {
                rows.push(labelled(
                    "protected",
                    Row::of(Role::Environment, environment)
                        .with(Role::Text, ": its name must be typed"),
                ));
            }
        }
        rows
    }

    fn diff_rows(&self, preview: &Preview, width: u16) -> Vec<Row> {
        let mut rows = Vec::new();
        for diff in &preview.resources {
            if diff.resource.routine && !self.unfolded {
                continue;
            }
            if !rows.is_empty() {
                rows.push(Row::new());
            }
            rows.push(resource_line(diff));
            rows.extend(resource_rows(
                diff,
                self.view,
                self.unfolded,
                self.diff.wrap,
                width,
            ));
        }
        let routine = preview
            .resources
            .iter()
            .filter(|diff| diff.resource.routine)
            .count();
        if routine > 0 && !self.unfolded {
            rows.push(Row::of(
                Role::Dim,
                &format!("+ {routine} routine   x shows"),
            ));
        }
        for lost in &preview.not_rendered {
            rows.push(Row::of(Role::Warning, "! ").with(
                Role::Text,
                &format!(
                    "{} in {} could not be rendered: {}",
                    lost.app, lost.environment, lost.why
                ),
            ));
        }
        if rows.is_empty() {
            let text = if self.preview.is_waiting() {
                "… rendering both sides"
            } else {
                "no rendered resource changes"
            };
            rows.push(Row::of(Role::Dim, text));
        }
        rows
    }

    pub fn facts(&self) -> Facts {
        Facts {
            crumb: match self.commits.as_slice() {
                [one] => format!("Revert {}", words::hash(&one.commit)),
                several => format!("Revert {} commits", several.len()),
            },
            position: self.list.position(),
            tickets: [self.preview.ticket(), self.plan.ticket()]
                .into_iter()
                .flatten()
                .collect(),
            times: self.commits.iter().map(|line| line.time).collect(),
            ..Facts::default()
        }
    }

    pub fn mouse(&mut self, mouse: Mouse, at: (u16, u16), cx: &mut Cx) {
        let Some((pane, line)) = self.panes.hit(at.0, at.1) else {
            return;
        };
        match (mouse, pane) {
            (Mouse::Wheel(_), CHOICES) => {}
            (Mouse::Wheel(rows), PLAN) => self.detail.scroll(rows),
            (Mouse::Wheel(rows), _) => self.diff.scroll(rows),
            (Mouse::Click, _) => {
                self.panes.focus = pane;
                if let (CHOICES, Some(line)) = (pane, line) {
                    self.list.click(line);
                    self.choose(cx);
                }
            }
        }
    }

    pub fn view(&self, look: Look, buf: &mut Buffer) {
        let title = |pane: usize, text: &str| {
            Row::of(
                if self.panes.focus == pane {
                    Role::FocusedTitle
                } else {
                    Role::Title
                },
                text,
            )
        };
        if let Some(area) = self.panes.frame(
            look.theme,
            buf,
            CHOICES,
            &title(CHOICES, "Undo what"),
            &Row::new(),
        ) {
            for (y, at) in (area.top()..area.bottom()).zip(self.list.visible()) {
                let choice = &self.choices[at];
                let (mark, word, role) = match choice.outcome {
                    None if self.preview.failed().is_some() && at == self.of => {
                        ("✗", "failed", Role::Error)
                    }
                    None => ("…", "trying", Role::Dim),
                    Some(Outcome::Clean) => ("✓", "clean", Role::Good),
                    Some(Outcome::NoChange) => ("=", "no change", Role::Dim),
                    Some(Outcome::Conflicts) => ("✗", "conflicts", Role::Error),
                };
                let row =
                    Row::of(role, &format!("{mark} {word:<9}  ")).then(self.choice_row(choice));
                paint::line(
                    buf,
                    look.theme,
                    area,
                    y,
                    &row,
                    selection(look, at == self.list.at, self.panes.focus == CHOICES),
                );
            }
        }
        let note = Row::of(Role::Warning, "nothing is written yet")
            .remark(Role::Dim, &self.detail.position());
        if let Some(area) = self
            .panes
            .frame(look.theme, buf, PLAN, &title(PLAN, "Plan"), &note)
        {
            self.detail.view(look.theme, buf, area);
        }
        let mut changes = title(DIFF, "Changes");
        if let Some(preview) = self.preview.value() {
            changes.add(
                Role::Dim,
                &format!(" · {}", words::count(preview.resources.len(), "resource")),
            );
        }
        let note = Row::of(Role::Dim, self.view.name()).remark(Role::Dim, &self.diff.position());
        if let Some(area) = self.panes.frame(look.theme, buf, DIFF, &changes, &note) {
            self.diff.view(look.theme, buf, area);
        }
    }

    fn choice_row(&self, choice: &Choice) -> Row {
        let what = match &choice.scope {
            Scope::All => Row::of(
                Role::Text,
                if self.commits.len() == 1 {
                    "all of the commit"
                } else {
                    "all of the commits"
                },
            ),
            Scope::App { environment, app } => Row::of(Role::Text, &format!("app {app}"))
                .with(Role::Dim, " in ")
                .with(Role::Environment, environment),
            Scope::Resource { name, select } => {
                let row = Row::of(Role::Resource, name);
                match &select.environment {
                    Some(environment) => row
                        .with(Role::Dim, " in ")
                        .with(Role::Environment, environment),
                    None => row,
                }
            }
            Scope::Path { path } => Row::of(Role::Text, path),
        };
        match choice.mode {
            Mode::Revert => Row::of(Role::Text, "revert ").then(what),
            Mode::Restore => Row::of(Role::Text, "restore ")
                .then(what)
                .with(Role::Dim, ", as before it"),
        }
    }
}

/// What merging does in the cluster, environment by environment.
fn effect_rows(preview: &Preview, now: Timestamp) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut last = None;
    for effect in &preview.effect {
        if last != Some(&effect.environment) {
            last = Some(&effect.environment);
            let mut head = Row::of(Role::Environment, &effect.environment);
            if effect.cluster.value().is_none() {
                head = head
                    .with(Role::Dim, "  by git alone: ")
                    .then(words::standing(&effect.cluster, now));
            }
            rows.push(labelled(if rows.is_empty() { "effect" } else { "" }, head));
        }
        let (mark, word, role) = words::effect_mark(effect.effect.action);
        let row = Row::of(role, &format!("{mark} {word:<8}"))
            .with(Role::Text, &effect.effect.object.to_string())
            .with(Role::Dim, &format!("  {}", effect.effect.detail));
        rows.push(labelled("", row));
    }
    rows
}

/// The question before staging: what will be written, where, and what comes of it.
fn confirm(preview: &Preview) -> Confirm {
    let subject = preview.message.lines().next().unwrap_or_default();
    let tip = preview.tips.first();
    let base = tip
        .and_then(|tip| tip.branch.as_deref())
        .unwrap_or("the tip");
    let mut rows = vec![
        Row::of(Role::Header, subject),
        Row::new(),
        labelled(
            "commit",
            Row::of(Role::Text, "on ")
                .with(Role::Environment, base)
                .with(Role::Text, " at ")
                .with(Role::Hash, &words::hash(&preview.base)),
        ),
        labelled(
            "push",
            Row::of(Role::Text, "the new branch ").with(Role::Text, &preview.branch),
        ),
    ];
    rows.extend(tip.map(|tip| labelled("to", Row::of(Role::Text, &tip.repository))));
    rows.push(labelled(
        "then",
        Row::of(Role::Text, "open a pull request; nothing is merged yet"),
    ));
    let mut environments: Vec<&str> = preview
        .effect
        .iter()
        .map(|effect| effect.environment.as_str())
        .collect();
    environments.dedup();
    for environment in environments {
        let changing = preview.effect.iter().filter(|effect| {
            effect.environment == environment
                && effect.effect.action != crate::review::Action::Nothing
        });
        let objects = words::count(changing.count(), "object");
        rows.push(labelled(
            "effect",
            Row::of(Role::Environment, environment)
                .with(Role::Text, &format!(": {objects} when merged")),
        ));
    }
    rows.extend(
        preview
            .warnings
            .iter()
            .map(|warning| Row::of(Role::Warning, "! ").with(Role::Text, warning)),
    );
    Confirm::new(
        Purpose::Stage,
        "Stage this as a pull request?",
        rows,
        "stage",
        preview.protected.clone(),
    )
}

fn conflict_words(kind: ConflictKind) -> &'static str {
    match kind {
        ConflictKind::Content => "changed differently since",
        ConflictKind::AddAdd => "added on both sides",
        ConflictKind::ModifyDelete => "deleted on one side, changed on the other",
        ConflictKind::Rename => "renamed differently",
        ConflictKind::Other => "cannot be merged",
    }
}

/// Scopes as a person tells them apart: how a resource was selected does not matter.
fn same_scope(a: &Scope, b: &Scope) -> bool {
    match (a, b) {
        (Scope::Resource { name: a, select: x }, Scope::Resource { name: b, select: y }) => {
            a == b && x.environment == y.environment
        }
        _ => a == b,
    }
}

fn one_line(error: &str) -> String {
    error.lines().collect::<Vec<_>>().join("; ")
}
