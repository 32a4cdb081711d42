//! One resource: its own log, the fields of the selected commit beside what is live, and how the live object fares.

mod rows;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::change::rows as changes;
use super::timeline::entry::{self, Line};
use super::timeline::{NEVER, log_says};
use super::{Facts, Look, Mouse, Screen, absent, standing};
use super::{change, revert, text};
use crate::review::change::{Answer as Changes, Range, Request as ChangeRequest};
use crate::review::common::{ResourceDiff, ResourceId, Selector};
use crate::review::log::{Answer as Log, Entry, Request as LogRequest};
use crate::review::resource::{Answer as Detail, Request};
use crate::review::revert::Scope;
use crate::review::{Known, Oid};
use crate::tui::ask::{Answer, Question, Reply, Slot};
use crate::tui::cx::{Cx, Effect, K9s};
use crate::tui::filter::Filter;
use crate::tui::keys::Action;
use crate::tui::theme::Role;
use crate::tui::widget::browser::{Browser, LIST};
use crate::tui::widget::doc::Doc;
use crate::tui::widget::paint;
use crate::tui::widget::panes;
use crate::tui::widget::row::Row;
use crate::tui::widget::{fields, words};

/// A cursor that moves on within this time asks nothing for where it was.
/// Before a commit that may have changed the object: whether it did is not known yet.
const UNSURE: &str = "? ";
const REST: Duration = Duration::from_millis(120);

pub struct Resource {
    id: ResourceId,
    log: Slot<Log>,
    detail: Slot<Detail>,
    /// The change of this resource at the selected commit.
    change: Slot<Changes>,
    change_of: Option<Oid>,
    /// The commit to begin at, until the log has reached it.
    wanted: Option<Oid>,
    lines: Vec<Line>,
    browser: Browser,
    unfolded: bool,
    head: Rect,
}

const FIELDS: usize = 0;
const LIVE: usize = 1;

impl Resource {
    /// `at`: the commit of its log to begin with; `None`: the newest.
    pub fn new(id: ResourceId, at: Option<Oid>) -> Resource {
        Resource {
            id,
            log: Slot::default(),
            detail: Slot::default(),
            change: Slot::default(),
            change_of: None,
            wanted: at,
            lines: Vec::new(),
            browser: Browser::with(vec![Doc::default(), Doc::wrapped()]),
            unfolded: false,
            head: Rect::ZERO,
        }
    }

    pub fn ask(&mut self, cx: &mut Cx) {
        let select = self.id.selector();
        let at = cx.at.map(str::to_owned);
        self.log.ask(
            cx,
            Question::Log(LogRequest {
                select: select.clone(),
                at,
                ..LogRequest::default()
            }),
        );
        self.detail.ask(cx, Question::Resource(Request { select }));
    }

    pub fn reply(&mut self, reply: Reply, cx: &mut Cx) {
        let selected = self.entry().map(|entry| entry.line.commit);
        match reply.answer {
            Answer::Log(part) => {
                let taken = self.log.take(reply.ticket, part);
                if taken {
                    self.refill(selected);
                    self.follow(cx);
                }
            }
            Answer::Resource(part) => {
                self.detail.take(reply.ticket, part);
            }
            Answer::Change(part) => {
                self.change.take(reply.ticket, part);
            }
            _ => {}
        }
    }

    pub fn environment(&self) -> &str {
        &self.id.environment
    }

    pub fn other_cluster(&mut self, environment: &str) {
        if self.id.environment == environment {
            self.detail.forget();
        }
    }

    fn refill(&mut self, selected: Option<Oid>) {
        let Some(answer) = self.log.value() else {
            return;
        };
        self.lines = entry::lines(&answer.entries, &self.browser.filter, self.unfolded);
        let find = |commit| entry::position(&self.lines, &answer.entries, commit);
        let wanted = self.wanted.filter(|wanted| {
            answer
                .entries
                .iter()
                .any(|entry| entry.line.commit == *wanted)
        });
        if let Some(at) = wanted.and_then(find) {
            self.wanted = None;
            self.browser.list.at = at;
        } else if let Some(at) = selected.filter(|_| self.browser.list.at > 0).and_then(find) {
            self.browser.list.at = at;
        }
    }

    fn entries(&self) -> &[Arc<Entry>] {
        self.log
            .value()
            .map(|answer| answer.entries.as_slice())
            .unwrap_or_default()
    }

    fn line(&self) -> Option<Line> {
        self.lines.get(self.browser.list.at).copied()
    }

    fn entry(&self) -> Option<&Entry> {
        match self.line()? {
            Line::Entry(i) => self.entries().get(i).map(Arc::as_ref),
            Line::Folded { .. } => None,
        }
    }

    /// Asks for the change at the commit the cursor is on, once it rests there.
    fn follow(&mut self, cx: &mut Cx) {
        let commit = self.entry().map(|entry| entry.line.commit);
        if commit == self.change_of {
            return;
        }
        self.change_of = commit;
        self.change.forget();
        if let Some(commit) = commit {
            let request = ChangeRequest {
                range: Range::Commit(commit.to_string()),
                select: self.id.selector(),
            };
            self.change.ask_after(cx, Question::Change(request), REST);
        }
    }

    /// What the selected commit did to this resource.
    fn diff(&self) -> Option<&ResourceDiff> {
        let of_this = |diff: &&ResourceDiff| {
            diff.resource.environment == self.id.environment
                && diff.resource.object == self.id.object
        };
        self.change.value()?.resources.iter().find(of_this)
    }

    pub fn act(&mut self, action: Action, cx: &mut Cx) {
        match action {
            action if self.browser.act(action) => self.wanted = None,
            Action::Suppressed => self.unfold(),
            Action::Enter | Action::Diff => match self.entry() {
                Some(entry) => {
                    let range = Range::Commit(entry.line.commit.to_string());
                    let select = if action == Action::Diff {
                        self.id.selector()
                    } else {
                        Selector::default()
                    };
                    cx.push(Screen::Change(change::Change::new(range, select)));
                }
                None => self.unfold(),
            },
            Action::Revert => {
                if let Some(entry) = self.entry() {
                    let scope = Scope::Resource {
                        select: self.id.selector(),
                        name: self.id.object.to_string(),
                    };
                    cx.push(Screen::Revert(revert::Revert::new(
                        vec![entry.line.clone()],
                        scope,
                    )));
                }
            }
            Action::Yaml => cx.push(Screen::Text(text::Text::resource(self.id.clone()))),
            Action::Logs => cx.push(Screen::Text(text::Text::logs(&self.id))),
            Action::Copy => cx.copy(self.id.object.to_string()),
            Action::Open => {
                if let Some(url) = self.url() {
                    cx.effect(Effect::Browse(url.to_owned()));
                }
            }
            Action::Pager => cx.effect(Effect::Page(self.whole_text(cx.now))),
            Action::K9s => cx.effect(Effect::K9s(K9s::on(&self.id.object, self.context()))),
            _ => {}
        }
        self.follow(cx);
    }

    fn unfold(&mut self) {
        let selected = self
            .line()
            .and_then(|line| self.entries().get(line.first()))
            .map(|entry| entry.line.commit);
        self.unfolded = !self.unfolded;
        self.refill(selected);
    }

    fn url(&self) -> Option<&str> {
        self.entry()?.pull.as_ref()?.url.as_deref()
    }

    fn context(&self) -> Option<&str> {
        self.detail
            .value()?
            .environment
            .cluster
            .value()?
            .context
            .as_deref()
    }

    fn whole_text(&self, now: Timestamp) -> String {
        let log = self
            .entries()
            .iter()
            .map(|entry| entry::entry_row(entry, now, u16::MAX, UNSURE).plain() + "\n");
        let docs = self
            .browser
            .docs
            .iter()
            .map(|doc| format!("\n{}", doc.plain()));
        log.chain(docs).collect()
    }

    pub fn blocked(&self, action: Action) -> Option<String> {
        match action {
            Action::Enter if self.line().is_none() => Some("no commit is selected".to_owned()),
            Action::Diff | Action::Revert if self.entry().is_none() => {
                Some("no commit is selected".to_owned())
            }
            Action::Open if self.url().is_none() => {
                Some("no pull request with an address is known for this commit".to_owned())
            }
            Action::K9s if self.context().is_none() => Some(format!(
                "no kubeconfig context is known for {}",
                self.id.environment
            )),
            _ => None,
        }
    }

    pub fn set_filter(&mut self, text: &str) {
        let selected = self.entry().map(|entry| entry.line.commit);
        self.browser.filter = Filter::parse(text);
        self.refill(selected);
    }

    pub fn settle(&mut self, area: Rect, now: Timestamp) {
        self.head = Rect {
            height: 1.min(area.height),
            ..area
        };
        let below = Rect {
            y: area.y + self.head.height,
            height: area.height - self.head.height,
            ..area
        };
        let rects = if panes::is_very_wide(below) {
            panes::columns(below, &[5, 7, 4])
        } else if panes::is_wide(below) {
            let sides = panes::columns(below, &[4, 6]);
            let left = panes::list_over_text(sides[0], [3, 2], self.lines.len());
            vec![left[0], sides[1], left[1]]
        } else {
            let log = panes::list_over_text(below, [3, 7], self.lines.len());
            let rest = panes::rows(log[1], &[4, 3]);
            vec![log[0], rest[0], rest[1]]
        };
        self.browser.settle(below, rects, self.lines.len(), 0);
        let rows = self.field_rows(now, self.browser.size(FIELDS).0);
        self.browser.show(FIELDS, rows);
        let rows = self.detail.value().map_or_else(
            || absent(&self.detail),
            |detail| rows::live(detail, self.unfolded, now),
        );
        self.browser.show(LIVE, rows);
    }

    fn field_rows(&self, now: Timestamp, width: u16) -> Vec<Row> {
        let mut rows = Vec::new();
        let diff = self.diff();
        if self.entry().is_some() && diff.is_none() {
            match self.change.value() {
                Some(_) if !self.change.is_waiting() => rows.push(Row::of(
                    Role::Dim,
                    "this commit leaves the rendered resource as it was",
                )),
                _ => rows.extend(absent(&self.change)),
            }
        }
        let live = self
            .detail
            .value()
            .map_or(&Known::Loading, |detail| &detail.live);
        let table = rows::fields(diff, live, self.unfolded, now);
        if table.is_empty() && diff.is_some() {
            rows.push(Row::of(Role::Dim, "no field but noise"));
        }
        rows.extend(fields::table(
            &["before", "this commit", "live"],
            &table,
            width,
            self.browser.docs[FIELDS].wrap,
        ));
        rows.extend(diff.and_then(|diff| changes::suppressed(diff, self.unfolded)));
        rows.extend(rows::suppressed(live, self.unfolded));
        rows
    }

    pub fn facts(&self) -> Facts {
        let visible = self
            .browser
            .list
            .visible()
            .filter_map(|at| self.entries().get(self.lines.get(at)?.first()));
        let progress = self
            .log
            .value()
            .map(|log| log.progress)
            .filter(|progress| !progress.complete);
        Facts {
            crumb: format!("{} in {}", self.id.object, self.id.environment),
            position: self.browser.list.position(),
            progress: progress
                .map(|progress| format!("{} commits read", progress.commits))
                .unwrap_or_default(),
            filter: Some(self.browser.filter.text().to_owned()),
            tickets: [
                self.log.ticket(),
                self.detail.ticket(),
                self.change.ticket(),
            ]
            .into_iter()
            .flatten()
            .collect(),
            times: visible.map(|entry| entry.line.time).collect(),
            ..Facts::default()
        }
    }

    pub fn mouse(&mut self, mouse: Mouse, at: (u16, u16), cx: &mut Cx) {
        self.browser.mouse(mouse, at, 0);
        self.follow(cx);
    }

    pub fn view(&self, look: Look, buf: &mut Buffer) {
        self.view_head(look, buf);
        let mut title = self.browser.title(LIST, "Log");
        if let Some(log) = self.log.value() {
            let sure = log.entries.iter().filter(|entry| entry.analysed).count();
            let read = words::count(log.progress.commits, "commit");
            title.add(Role::Dim, &format!(" · {sure} of {read}"));
        }
        let width = self.browser.panes.inner(LIST).width.saturating_sub(1);
        let said = log_says(&self.log, &self.lines, NEVER);
        self.browser
            .view_list(look, buf, &title, &standing(&self.log), &said, |at| {
                entry::line_row(self.lines[at], self.entries(), look.now, width, UNSURE)
            });
        self.browser
            .view_doc(look, buf, FIELDS, &self.fields_title(), &Row::new());
        self.browser.view_doc(
            look,
            buf,
            LIVE,
            &self.browser.title(LIVE + 1, "Live"),
            &standing(&self.detail),
        );
    }

    fn view_head(&self, look: Look, buf: &mut Buffer) {
        let mut head = Row::of(Role::Text, " ").with(Role::Environment, &self.id.environment);
        if let Some(namespace) = &self.id.object.namespace {
            head = head.with(Role::Dim, " › ").with(Role::Text, namespace);
        }
        head = head
            .with(Role::Dim, " › ")
            .with(Role::Resource, &self.id.object.to_string());
        paint::line(buf, look.theme, self.head, self.head.y, &head, Style::new());
        let Some(detail) = self.detail.value() else {
            return;
        };
        // Why there is none stands in the pane below.
        let Some(live) = detail.live.value() else {
            return;
        };
        let state = words::health(&live.health);
        let room = self.head.width.saturating_sub(head.width() + 3);
        let width = state.width().min(room);
        if width > 10 || width == state.width() {
            paint::row(
                buf,
                look.theme,
                (self.head.right() - width - 1, self.head.y),
                width,
                &state,
                Style::new(),
            );
        }
    }

    /// `9f00e12 → a1b2c3d → live`
    fn fields_title(&self) -> Row {
        let hash = |id: &Oid| Row::of(Role::Hash, &words::hash(id));
        let Some(entry) = self.entry() else {
            return self.browser.title(FIELDS + 1, "git → live");
        };
        let before = match self.change.value() {
            Some(change) => change
                .before
                .as_ref()
                .map_or_else(|| Row::of(Role::Dim, "nothing"), hash)
                .with(Role::Dim, " → "),
            None => Row::new(),
        };
        before
            .then(hash(&entry.line.commit))
            .with(Role::Dim, " → live")
    }
}
