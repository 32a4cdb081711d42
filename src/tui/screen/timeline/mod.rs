//! What each commit meant, newest first.

pub mod entry;
mod stands;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use self::entry::Line;
use self::stands::Mark;
use super::{Facts, Look, Mouse, Screen, absent, standing};
use super::{change, revert};
use crate::review::change::Range;
use crate::review::common::Selector;
use crate::review::log::{Answer as Log, Entry, Request};
use crate::review::revert::Scope;
use crate::review::stands::Answer as Standing;
use crate::review::{Known, Oid};
use crate::tui::ask::{Answer, Part, Question, Reply, Slot, Ticket};
use crate::tui::cx::{Cx, Effect};
use crate::tui::filter::Filter;
use crate::tui::keys::Action;
use crate::tui::theme::Role;
use crate::tui::widget::browser::{Browser, LIST};
use crate::tui::widget::doc::Doc;
use crate::tui::widget::panes;
use crate::tui::widget::row::Row;
use crate::tui::widget::words;

/// Who types on within this time has not said yet what to search for.
const REST: Duration = Duration::from_millis(300);

pub struct Timeline {
    answer: Slot<Log>,
    /// What of the filter is asked of history, and what was: of which time, too.
    search: Request,
    asked: Request,
    lines: Vec<Line>,
    /// Where the environments stand now, whether that is to be asked once there are rows, and the lines of it.
    standing: Slot<Standing>,
    is_due: bool,
    stands: HashMap<usize, Vec<Mark>>,
    browser: Browser,
    marks: BTreeSet<Oid>,
    /// Show what is folded otherwise.
    unfolded: bool,
}

impl Default for Timeline {
    fn default() -> Timeline {
        Timeline {
            answer: Slot::default(),
            search: Request::default(),
            asked: Request::default(),
            lines: Vec::new(),
            standing: Slot::default(),
            is_due: false,
            stands: HashMap::new(),
            browser: Browser::with(vec![Doc::wrapped()]),
            marks: BTreeSet::new(),
            unfolded: false,
        }
    }
}

impl Timeline {
    /// With commits to show before anything was asked.
    pub fn showing(newest: Log) -> Timeline {
        let mut timeline = Timeline {
            answer: Slot::knowing(newest),
            ..Timeline::default()
        };
        timeline.refill(None);
        timeline
    }

    pub fn ask(&mut self, cx: &mut Cx) {
        // A cluster only tells the present.
        self.is_due = cx.at.is_none();
        if !self.is_due {
            self.standing.forget();
            self.stands.clear();
        }
        self.ask_after(cx, Duration::ZERO);
    }

    pub fn other_cluster(&mut self, environment: &str) {
        self.standing.stop();
        let known = self.standing.value_mut().into_iter();
        let mut known = known.flat_map(|answer| &mut answer.environments);
        if let Some(known) = known.find(|known| known.name == environment) {
            known.stands = Known::Loading;
        }
        self.place();
    }

    fn ask_after(&mut self, cx: &mut Cx, after: Duration) {
        let request = Request {
            at: cx.at.map(str::to_owned),
            ..self.search.clone()
        };
        if request != self.asked {
            self.answer.forget();
            self.lines.clear();
        }
        self.asked = request.clone();
        self.answer.ask_after(cx, Question::Log(request), after);
    }

    /// Whether what was asked is what the filter searches for.
    fn is_asked(&self, search: &Request) -> bool {
        let asked = Request {
            at: None,
            ..self.asked.clone()
        };
        asked == *search
    }

    /// Asks again where the filter searches for something else now.
    pub fn searched(&mut self, cx: &mut Cx) {
        if !self.is_asked(&self.search) {
            // What is marked may not be among what is found.
            self.marks.clear();
            let is_typed = self.search != Request::default();
            self.ask_after(cx, if is_typed { REST } else { Duration::ZERO });
        }
    }

    pub fn reply(&mut self, reply: Reply, cx: &mut Cx) {
        let ticket = reply.ticket;
        if let Answer::Log(part) = reply.answer {
            let is_mine = self.answer.ticket() == Some(ticket);
            self.log(ticket, part);
            // What takes a cluster comes after what does not.
            if is_mine && self.is_due && !self.entries().is_empty() {
                self.is_due = false;
                self.standing.ask(cx, Question::Stands);
            }
        } else if let Answer::Stands(part) = reply.answer
            && self.standing.take(ticket, part)
        {
            self.place();
        }
    }

    fn log(&mut self, ticket: Ticket, part: Part<Log>) {
        // A list that is there stays until it is known anew as far as it goes.
        if let Part::More(log) = &part
            && log.entries.len() < self.entries().len()
        {
            return;
        }
        let selected = self.entry().map(|entry| entry.line.commit);
        if self.answer.take(ticket, part) {
            self.refill(selected);
        }
    }

    /// Finds the lines at which environments stand.
    fn place(&mut self) {
        self.stands = match self.standing.value() {
            Some(known) => stands::marks(known, &self.lines, self.entries(), self.unfolded),
            None => HashMap::new(),
        };
    }

    /// Who stands at the selected line.
    fn here(&self) -> &[Mark] {
        let here = self.stands.get(&self.browser.list.at);
        here.map(Vec::as_slice).unwrap_or_default()
    }

    fn refill(&mut self, selected: Option<Oid>) {
        let Some(answer) = self.answer.value() else {
            return;
        };
        self.lines = entry::lines(&answer.entries, &self.browser.filter, self.unfolded);
        // At the top one wants to see what is new; elsewhere one wants to stay.
        if self.browser.list.at > 0
            && let Some(at) =
                selected.and_then(|commit| entry::position(&self.lines, &answer.entries, commit))
        {
            self.browser.list.at = at;
        }
        self.place();
    }

    fn entries(&self) -> &[Arc<Entry>] {
        self.answer
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

    /// The marked entries, newest first; without marks the selected one.
    fn chosen(&self) -> Vec<&Entry> {
        if self.marks.is_empty() {
            return self.entry().into_iter().collect();
        }
        self.entries()
            .iter()
            .map(Arc::as_ref)
            .filter(|entry| self.marks.contains(&entry.line.commit))
            .collect()
    }

    pub fn act(&mut self, action: Action, cx: &mut Cx) {
        if self.browser.act(action) {
            return;
        }
        let show = |range: Range| Screen::Change(change::Change::new(range, Selector::default()));
        match action {
            Action::Enter => match self.entry() {
                Some(entry) => cx.push(show(Range::Commit(entry.line.commit.to_string()))),
                None => self.unfold(),
            },
            Action::Diff => match self.chosen().as_slice() {
                [entry] => cx.push(show(Range::Commit(entry.line.commit.to_string()))),
                [newest, .., oldest] => {
                    cx.push(show(Range::Between(
                        oldest.line.commit.to_string(),
                        newest.line.commit.to_string(),
                    )));
                }
                [] => {}
            },
            Action::Revert => {
                let commits = self
                    .chosen()
                    .iter()
                    .map(|entry| entry.line.clone())
                    .collect();
                cx.push(Screen::Revert(revert::Revert::new(commits, Scope::All)));
            }
            Action::Mark => {
                if let Some(commit) = self.entry().map(|entry| entry.line.commit) {
                    if !self.marks.remove(&commit) {
                        self.marks.insert(commit);
                    }
                    self.browser.list.by(1);
                }
            }
            Action::Escape => self.marks.clear(),
            Action::Suppressed => self.unfold(),
            Action::Copy => {
                if let Some(entry) = self.entry() {
                    cx.copy(entry.line.commit.to_string());
                }
            }
            Action::Open => {
                if let Some(url) = self.url() {
                    cx.effect(Effect::Browse(url.to_owned()));
                }
            }
            _ => {}
        }
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

    pub fn blocked(&self, action: Action) -> Option<String> {
        match action {
            Action::Enter if self.line().is_none() => Some("nothing is selected".to_owned()),
            Action::Mark | Action::Copy | Action::Open if self.entry().is_none() => {
                Some("no commit is selected".to_owned())
            }
            Action::Diff | Action::Revert if self.chosen().is_empty() => {
                Some("no commit is selected".to_owned())
            }
            Action::Open if self.url().is_none() => {
                Some("no pull request with an address is known for this commit".to_owned())
            }
            _ => None,
        }
    }

    pub fn set_filter(&mut self, text: &str) {
        let selected = self.entry().map(|entry| entry.line.commit);
        (self.search, self.browser.filter) = Filter::of_history(text);
        self.refill(selected);
    }

    pub fn settle(&mut self, area: Rect, now: Timestamp) {
        let rects = match panes::is_wide(area) {
            true => panes::columns(area, &[3, 2]),
            false => panes::list_over_text(area, [3, 2], self.lines.len()),
        };
        self.browser.settle(area, rects, self.lines.len(), 0);
        let reached = self.entry().map(|entry| entry.environments.as_slice());
        let is_past = self.asked.at.is_some();
        let reached = reached.unwrap_or_default();
        let stands = stands::explain(&self.standing, self.here(), reached, is_past, now);
        let rows = match (self.line(), self.entry()) {
            (_, Some(entry)) => entry::explain(entry, stands, now),
            (Some(Line::Folded { count, .. }), _) => {
                let folded = Row::of(
                    Role::Dim,
                    &format!(
                        "{count} commits that changed nothing but noise; enter or x shows them"
                    ),
                );
                [vec![folded], stands].concat()
            }
            _ => Vec::new(),
        };
        self.browser.show(0, rows);
    }

    pub fn facts(&self) -> Facts {
        let visible = self
            .browser
            .list
            .visible()
            .filter_map(|at| self.entries().get(self.lines.get(at)?.first()));
        let progress = self
            .answer
            .value()
            .map(|answer| answer.progress)
            .filter(|progress| !progress.complete);
        let ages = self.standing.value().into_iter().flat_map(stands::ages);
        Facts {
            crumb: "Timeline".to_owned(),
            position: self.browser.list.position(),
            progress: progress
                .map(|progress| format!("{} commits read", progress.commits))
                .unwrap_or_default(),
            filter: Some(self.browser.filter.text().to_owned()),
            marked: !self.marks.is_empty(),
            tickets: self
                .answer
                .ticket()
                .into_iter()
                .chain(self.standing.ticket())
                .collect(),
            times: visible.map(|entry| entry.line.time).chain(ages).collect(),
        }
    }

    pub fn mouse(&mut self, mouse: Mouse, at: (u16, u16)) {
        self.browser.mouse(mouse, at, 0);
    }

    pub fn view(&self, look: Look, buf: &mut Buffer) {
        let mut title = self.browser.title(LIST, "Timeline");
        if self.answer.value().is_some() {
            title.add(
                Role::Dim,
                &format!(" · {}", words::count(self.entries().len(), "commit")),
            );
        }
        if !self.marks.is_empty() {
            title.add(Role::Marked, &format!(" · {} marked", self.marks.len()));
        }
        let width = self.browser.panes.inner(LIST).width.saturating_sub(2);
        let nothing = match self.is_asked(&Request::default()) {
            true => NEVER,
            false => "no commit did that (esc clears the filter)",
        };
        let said = log_says(&self.answer, &self.lines, nothing);
        self.browser
            .view_list(look, buf, &title, &standing(&self.answer), &said, |at| {
                let line = self.lines[at];
                let marked = self
                    .entries()
                    .get(line.first())
                    .is_some_and(|entry| self.marks.contains(&entry.line.commit));
                let mark = Row::of(Role::Marked, if marked { "*" } else { " " });
                let row = mark.then(entry::line_row(line, self.entries(), look.now, width, ""));
                match (self.standing.value(), self.stands.get(&at)) {
                    (Some(known), Some(here)) => {
                        let label = stands::label(known, here, look.now, width / 3);
                        row.beside(label, width + 1)
                    }
                    _ => row,
                }
            });
        let title = match self.entry() {
            Some(entry) => Row::of(Role::Hash, &words::hash(&entry.line.commit)),
            None => self.browser.title(1, "Detail"),
        };
        self.browser.view_doc(look, buf, 0, &title, &Row::new());
    }
}

/// What a log is that has no entries.
pub const NEVER: &str = "no commit ever changed it";

/// What a log says where it has no lines (`nothing`: where it has no entries), and how its history ends.
pub fn log_says(log: &Slot<Log>, lines: &[Line], nothing: &str) -> Vec<Row> {
    let Some(answer) = log.value() else {
        return absent(log);
    };
    if !lines.is_empty() {
        return Vec::new();
    }
    let mut rows = vec![
        match (answer.entries.is_empty(), answer.progress.complete) {
            (true, false) => Row::of(Role::Dim, "… reading the history"),
            (true, true) => Row::of(Role::Dim, nothing),
            (false, _) => Row::of(Role::Dim, "no commit passes the filter (esc clears it)"),
        },
    ];
    rows.extend(
        answer
            .notes
            .iter()
            .map(|note| Row::of(Role::Warning, "! ").with(Role::Text, note)),
    );
    rows
}
