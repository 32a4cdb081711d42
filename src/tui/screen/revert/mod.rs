//! What undoing would do, before anything is written: the choices (each tried), the plan of the chosen one, and its rendered change.
//! `enter` asks for a confirmation; only that leads to a write.

mod plan;

use std::sync::Arc;

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::change::rows::{self, Manner, Mode as Form};
use super::{Facts, Look, Mouse, absent, change};
use crate::review::Header;
use crate::review::common::CommitLine;
use crate::review::revert::{Answer as Preview, Mode, Request, Scope};
use crate::tui::ask::{Answer, Question, Reply, Slot};
use crate::tui::cx::{Cx, Effect, Tone};
use crate::tui::keys::Action;
use crate::tui::theme::Role;
use crate::tui::widget::browser::{Browser, LIST};
use crate::tui::widget::doc::Doc;
use crate::tui::widget::panes;
use crate::tui::widget::popup::Purpose;
use crate::tui::widget::row::Row;
use crate::tui::widget::words;

pub struct Revert {
    /// What to undo, newest first.
    commits: Vec<CommitLine>,
    choices: Vec<Choice>,
    preview: Slot<Preview>,
    /// The choice `preview` is about.
    of: usize,
    /// Whether the preview can be staged; its failure says why not.
    plan: Slot<()>,
    /// Staging was asked for before it was known whether it can be: the confirmation comes when it is.
    eager: bool,
    browser: Browser,
    form: Form,
    unfolded: bool,
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

const PLAN: usize = 0;
const CHANGES: usize = 1;

impl Revert {
    /// Undoing `commits` (newest first), as far as `scope` reaches; the other scopes are offered as they become known.
    pub fn new(commits: Vec<CommitLine>, scope: Scope) -> Revert {
        Revert {
            commits,
            choices: vec![Choice {
                mode: Mode::Revert,
                scope,
                outcome: None,
            }],
            preview: Slot::default(),
            of: 0,
            plan: Slot::default(),
            eager: false,
            browser: Browser::with(vec![Doc::wrapped(), Doc::default()]),
            form: Form::default(),
            unfolded: false,
        }
    }

    pub fn ask(&mut self, cx: &mut Cx) {
        let chosen = self.browser.list.at;
        let Some(choice) = self.choices.get(chosen) else {
            return;
        };
        let revisions = match choice.mode {
            Mode::Revert => self
                .commits
                .iter()
                .map(|line| line.commit.to_string())
                .collect(),
            // As it was before the oldest of them.
            Mode::Restore => self
                .commits
                .last()
                .map(|oldest| format!("{}^", oldest.commit))
                .into_iter()
                .collect(),
        };
        let request = Request {
            mode: choice.mode,
            revisions,
            scope: choice.scope.clone(),
        };
        if self.of != chosen {
            self.of = chosen;
            self.preview.forget();
        }
        self.plan.forget();
        self.eager = false;
        self.preview.ask(cx, Question::Revert(request));
    }

    pub fn reply(&mut self, reply: Reply, cx: &mut Cx) {
        match reply.answer {
            Answer::Revert(part) => {
                let taken = self.preview.take(reply.ticket, part);
                if taken {
                    self.learn();
                    self.ask_plan(cx);
                }
            }
            Answer::Plan(part) => {
                self.plan.take(reply.ticket, part);
            }
            _ => {}
        }
        if self.eager && !self.is_looked_into() {
            self.eager = false;
            match (self.not_stageable(), self.preview.value()) {
                (None, Some(preview)) => cx.confirm(plan::confirm(preview)),
                (why, _) => cx.say(Tone::Error, why.unwrap_or_default()),
            }
        }
    }

    /// Whether more is to come before it is known whether the preview can be staged.
    fn is_looked_into(&self) -> bool {
        self.preview.is_waiting() || self.plan.is_waiting()
    }

    /// Asks whether a complete preview can be staged.
    fn ask_plan(&mut self, cx: &mut Cx) {
        let complete = self.preview.value().filter(|_| !self.preview.is_waiting());
        if let Some(preview) =
            complete.filter(|preview| preview.clean && !preview.no_change && !cx.header.read_only)
        {
            let preview = Arc::new(preview.clone());
            self.plan.ask(cx, Question::Plan(preview));
        }
    }

    /// Adds the scopes that were tried to the choices.
    fn learn(&mut self) {
        let Some(preview) = self.preview.value() else {
            return;
        };
        if let Some(choice) = self.choices.get_mut(self.of) {
            choice.outcome = Some(Outcome::of(preview.clean, preview.no_change));
        }
        for tried in &preview.scopes {
            let outcome = Some(Outcome::of(tried.clean, tried.no_change));
            let known = self.choices.iter_mut().find(|choice| {
                choice.mode == tried.mode && same_scope(&choice.scope, &tried.scope)
            });
            match known {
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
        match action {
            Action::TextView => self.form = self.form.next(),
            Action::Suppressed => self.unfolded = !self.unfolded,
            Action::Wrap if self.browser.panes.focus == LIST => {
                self.browser.docs[CHANGES].act(Action::Wrap);
            }
            action if self.browser.act(action) => self.choose(cx),
            Action::Stage if self.is_looked_into() => {
                self.eager = true;
                cx.say(Tone::Note, "the confirmation comes with the whole preview");
            }
            Action::Stage => {
                if let Some(preview) = self.preview.value() {
                    cx.confirm(plan::confirm(preview));
                }
            }
            Action::Copy => {
                if let Some(preview) = self.preview.value() {
                    cx.copy(preview.branch.clone());
                }
            }
            Action::Pager => cx.effect(Effect::Page(
                self.browser
                    .docs
                    .iter()
                    .map(|doc| doc.plain() + "\n")
                    .collect(),
            )),
            _ => {}
        }
    }

    /// What it would do to a cluster, it would do to another.
    pub fn other_cluster(&mut self) {
        self.preview.forget();
        self.plan.forget();
    }

    /// Asks for the preview of the choice the cursor is on now.
    fn choose(&mut self, cx: &mut Cx) {
        self.browser.list.at = self
            .browser
            .list
            .at
            .min(self.choices.len().saturating_sub(1));
        if self.browser.list.at != self.of {
            self.ask(cx);
        }
    }

    pub fn confirmed(&mut self, purpose: Purpose, cx: &mut Cx) {
        if let (Purpose::Stage, Some(preview)) = (purpose, self.preview.value()) {
            cx.stage(Arc::new(preview.clone()));
        }
    }

    pub fn blocked(&self, action: Action, header: &Header) -> Option<String> {
        match action {
            Action::Stage if header.read_only => {
                Some("read-only: started with --read-only, nothing is staged".to_owned())
            }
            Action::Stage if self.is_looked_into() => None,
            Action::Stage => self.not_stageable(),
            Action::Copy | Action::Pager if self.preview.value().is_none() => {
                Some("the preview is not there yet".to_owned())
            }
            _ => None,
        }
    }

    fn not_stageable(&self) -> Option<String> {
        let Some(preview) = self.preview.value() else {
            return Some(
                self.preview
                    .failed()
                    .map_or_else(|| "the preview is not there yet".to_owned(), one_line),
            );
        };
        if !preview.clean {
            Some(
                "it conflicts: choose a smaller scope or restore, or resolve it in a clone"
                    .to_owned(),
            )
        } else if preview.no_change {
            Some("it would change nothing".to_owned())
        } else {
            self.plan.failed().map(one_line)
        }
    }

    pub fn settle(&mut self, area: Rect, now: Timestamp) {
        let rects = if panes::is_very_wide(area) {
            panes::columns(area, &[4, 5, 7])
        } else if panes::is_wide(area) {
            let sides = panes::columns(area, &[1, 1]);
            let left = panes::list_over_text(sides[0], [2, 5], self.choices.len());
            vec![left[0], left[1], sides[1]]
        } else {
            let choices = panes::list_over_text(area, [2, 8], self.choices.len());
            let rest = panes::rows(choices[1], &[1, 1]);
            vec![choices[0], rest[0], rest[1]]
        };
        self.browser.settle(area, rects, self.choices.len(), 0);
        let mut rows = self.preview.value().map_or_else(
            || absent(&self.preview),
            |preview| plan::rows(preview, self.preview.is_waiting(), now),
        );
        if let Some(error) = self.plan.failed() {
            rows.insert(
                1.min(rows.len()),
                Row::of(Role::Error, "✗ cannot be staged: ").with(Role::Text, &one_line(error)),
            );
        }
        self.browser.show(PLAN, rows);
        let rows = self
            .preview
            .value()
            .map(|preview| self.changes(preview))
            .unwrap_or_default();
        self.browser.show(CHANGES, rows);
    }

    fn changes(&self, preview: &Preview) -> Vec<Row> {
        let manner = Manner {
            mode: self.form,
            noise: self.unfolded,
            whole: self.browser.docs[CHANGES].wrap,
            width: self.browser.size(CHANGES).0,
        };
        let mut rows = Vec::new();
        for diff in preview
            .resources
            .iter()
            .filter(|diff| self.unfolded || !diff.resource.routine)
        {
            if !rows.is_empty() {
                rows.push(Row::new());
            }
            rows.push(rows::line(diff, 0));
            rows.extend(rows::rows(diff, manner));
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
        rows.extend(preview.not_rendered.iter().map(change::not_rendered));
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
            position: self.browser.list.position(),
            tickets: [self.preview.ticket(), self.plan.ticket()]
                .into_iter()
                .flatten()
                .collect(),
            times: self.commits.iter().map(|line| line.time).collect(),
            ..Facts::default()
        }
    }

    pub fn mouse(&mut self, mouse: Mouse, at: (u16, u16), cx: &mut Cx) {
        self.browser.mouse(mouse, at, 0);
        self.choose(cx);
    }

    pub fn view(&self, look: Look, buf: &mut Buffer) {
        let title = self.browser.title(LIST, "Undo what");
        self.browser
            .view_list(look, buf, &title, &Row::new(), &[], |at| {
                self.choice_row(at)
            });
        let note = Row::of(Role::Warning, "nothing is written yet");
        self.browser.view_doc(
            look,
            buf,
            PLAN,
            &self.browser.title(PLAN + 1, "Plan"),
            &note,
        );
        let mut title = self.browser.title(CHANGES + 1, "Changes");
        if let Some(preview) = self.preview.value() {
            title.add(
                Role::Dim,
                &format!(" · {}", words::count(preview.resources.len(), "resource")),
            );
        }
        self.browser.view_doc(
            look,
            buf,
            CHANGES,
            &title,
            &Row::of(Role::Dim, self.form.name()),
        );
    }

    fn choice_row(&self, at: usize) -> Row {
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
        let outcome = Row::of(role, &format!("{mark} {word:<9}  "));
        let what = match &choice.scope {
            Scope::All if self.commits.len() == 1 => Row::of(Role::Text, "all of the commit"),
            Scope::All => Row::of(Role::Text, "all of the commits"),
            Scope::App { environment, app } => Row::of(Role::Text, &format!("app {app}"))
                .with(Role::Dim, " in ")
                .with(Role::Environment, environment),
            Scope::Resource { name, select } => match &select.environment {
                Some(environment) => Row::of(Role::Resource, name)
                    .with(Role::Dim, " in ")
                    .with(Role::Environment, environment),
                None => Row::of(Role::Resource, name),
            },
            Scope::Path { path } => Row::of(Role::Text, path),
        };
        match choice.mode {
            Mode::Revert => outcome.with(Role::Text, "revert ").then(what),
            Mode::Restore => outcome
                .with(Role::Text, "restore ")
                .then(what)
                .with(Role::Dim, ", as before it"),
        }
    }
}

impl Outcome {
    fn of(clean: bool, no_change: bool) -> Outcome {
        match (clean, no_change) {
            (_, true) => Outcome::NoChange,
            (true, false) => Outcome::Clean,
            (false, false) => Outcome::Conflicts,
        }
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
