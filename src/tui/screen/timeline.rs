//! What each commit meant, newest first. Commits a pipeline generated are folded into the one they come from, runs of routine ones
//! into a line.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::{Facts, Look, Mouse, Screen, absent, labelled, standing};
use super::{change, revert};
use crate::review::Oid;
use crate::review::change::Range;
use crate::review::common::Selector;
use crate::review::log::{Answer as Log, Entry, Request};
use crate::review::revert::Scope;
use crate::tui::ask::{Answer, Question, Reply, Slot};
use crate::tui::cx::{Cx, Effect};
use crate::tui::filter::{Facet, Filter};
use crate::tui::keys::Action;
use crate::tui::theme::Role;
use crate::tui::widget::doc::Doc;
use crate::tui::widget::list::List;
use crate::tui::widget::paint;
use crate::tui::widget::panes::{self, Panes};
use crate::tui::widget::row::{Row, cut};
use crate::tui::widget::words;

pub struct Timeline {
    answer: Slot<Log>,
    lines: Vec<Line>,
    list: List,
    filter: Filter,
    marks: BTreeSet<Oid>,
    /// Show what is folded otherwise.
    unfolded: bool,
    panes: Panes,
    detail: Doc,
}

/// A line of a log: an entry, or several routine ones together. Indices into the answer's entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    Entry(usize),
    Folded { first: usize, count: usize },
}

const LOG: usize = 0;
const DETAIL: usize = 1;

impl Default for Timeline {
    fn default() -> Timeline {
        Timeline {
            answer: Slot::default(),
            lines: Vec::new(),
            list: List::default(),
            filter: Filter::default(),
            marks: BTreeSet::new(),
            unfolded: false,
            panes: Panes::default(),
            detail: Doc::wrapped(),
        }
    }
}

impl Timeline {
    pub fn ask(&mut self, cx: &mut Cx) {
        let request = Request {
            at: cx.at.map(str::to_owned),
            ..Request::default()
        };
        self.answer.ask(cx, Question::Log(request));
    }

    pub fn reply(&mut self, reply: Reply) {
        let selected = self.entry().map(|entry| entry.line.commit);
        if let Answer::Log(part) = reply.answer
            && self.answer.take(reply.ticket, part)
        {
            self.refill(selected);
        }
    }

    fn refill(&mut self, selected: Option<Oid>) {
        let Some(answer) = self.answer.value() else {
            return;
        };
        self.lines = lines(&answer.entries, &self.filter, self.unfolded);
        // At the top one wants to see what is new; elsewhere one wants to stay.
        if self.list.at > 0
            && let Some(at) =
                selected.and_then(|commit| position(&self.lines, &answer.entries, commit))
        {
            self.list.at = at;
        }
    }

    fn line(&self) -> Option<Line> {
        self.lines.get(self.list.at).copied()
    }

    fn entry(&self) -> Option<&Entry> {
        match self.line()? {
            Line::Entry(i) => self.answer.value()?.entries.get(i).map(Arc::as_ref),
            Line::Folded { .. } => None,
        }
    }

    /// The marked entries, newest first; without marks the selected one.
    fn chosen(&self) -> Vec<&Entry> {
        let entries = self
            .answer
            .value()
            .map(|answer| answer.entries.as_slice())
            .unwrap_or_default();
        match self.marks.is_empty() {
            true => self.entry().into_iter().collect(),
            false => entries
                .iter()
                .map(Arc::as_ref)
                .filter(|entry| self.marks.contains(&entry.line.commit))
                .collect(),
        }
    }

    pub fn act(&mut self, action: Action, cx: &mut Cx) {
        if self.panes.act(action) || (self.panes.focus == DETAIL && self.detail.act(action)) {
            return;
        }
        match action {
            Action::Enter => match self.line() {
                Some(Line::Folded { .. }) => self.unfold(),
                Some(Line::Entry(_)) => {
                    if let Some(entry) = self.entry() {
                        let range = Range::Commit(entry.line.commit.to_string());
                        cx.push(Screen::Change(change::Change::new(
                            range,
                            Selector::default(),
                        )));
                    }
                }
                None => {}
            },
            Action::Diff => {
                let range = match self.chosen().as_slice() {
                    [entry] => Range::Commit(entry.line.commit.to_string()),
                    [newest, .., oldest] => Range::Between(
                        oldest.line.commit.to_string(),
                        newest.line.commit.to_string(),
                    ),
                    [] => return,
                };
                cx.push(Screen::Change(change::Change::new(
                    range,
                    Selector::default(),
                )));
            }
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
                    self.list.by(1);
                }
            }
            Action::Escape => self.marks.clear(),
            Action::Suppressed => self.unfold(),
            Action::NextMatch => self.list.by(1),
            Action::PreviousMatch => self.list.by(-1),
            Action::Wrap => self.detail.wrap = !self.detail.wrap,
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
            other => {
                self.list.act(other);
            }
        }
    }

    fn unfold(&mut self) {
        let selected = match self.line() {
            Some(Line::Entry(i)) | Some(Line::Folded { first: i, .. }) => self
                .answer
                .value()
                .and_then(|answer| answer.entries.get(i))
                .map(|entry| entry.line.commit),
            None => None,
        };
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
        self.filter = Filter::parse(text);
        self.refill(selected);
    }

    pub fn settle(&mut self, area: Rect, now: Timestamp) {
        let rects = match panes::is_wide(area) {
            true => panes::columns(area, &[3, 2]),
            false => panes::rows(area, &[3, 2]),
        };
        self.panes.settle(area, rects);
        self.list
            .settle(self.lines.len(), self.panes.inner(LOG).height);
        let rows = match self.line() {
            Some(Line::Entry(_)) => self
                .entry()
                .map(|entry| explain(entry, now))
                .unwrap_or_default(),
            Some(Line::Folded { count, .. }) => vec![Row::of(
                Role::Dim,
                &format!("{count} routine commits, enter or x unfolds them"),
            )],
            None => Vec::new(),
        };
        self.detail.set(rows);
        let detail = self.panes.inner(DETAIL);
        self.detail.settle(detail.width, detail.height);
    }

    pub fn facts(&self) -> Facts {
        let entries = self
            .answer
            .value()
            .map(|answer| answer.entries.as_slice())
            .unwrap_or_default();
        let visible = self
            .list
            .visible()
            .filter_map(|at| match self.lines.get(at)? {
                Line::Entry(i) => Some(entries.get(*i)?.line.time),
                Line::Folded { .. } => None,
            });
        let progress = match self.answer.value() {
            Some(answer) if !answer.progress.complete => {
                format!("{} commits read", answer.progress.commits)
            }
            _ => String::new(),
        };
        Facts {
            crumb: "Timeline".to_owned(),
            position: self.list.position(),
            progress,
            filter: Some(self.filter.text().to_owned()),
            marked: !self.marks.is_empty(),
            tickets: self.answer.ticket().into_iter().collect(),
            times: visible.collect(),
            ..Facts::default()
        }
    }

    pub fn mouse(&mut self, mouse: Mouse, at: (u16, u16)) {
        let Some((pane, line)) = self.panes.hit(at.0, at.1) else {
            return;
        };
        match (mouse, pane) {
            (Mouse::Wheel(rows), LOG) => self.list.scroll(rows),
            (Mouse::Wheel(rows), _) => self.detail.scroll(rows),
            (Mouse::Click, _) => {
                self.panes.focus = pane;
                if let (LOG, Some(line)) = (pane, line) {
                    self.list.click(line);
                }
            }
        }
    }

    pub fn view(&self, look: Look, buf: &mut Buffer) {
        if let Some(area) =
            self.panes
                .frame(look.theme, buf, LOG, &self.title(), &standing(&self.answer))
        {
            match self.answer.value() {
                None => {
                    for (y, row) in (area.top()..area.bottom()).zip(absent(&self.answer)) {
                        paint::line(buf, look.theme, area, y, &row, Style::new());
                    }
                }
                Some(answer) => self.log(look, buf, area, answer),
            }
        }
        let title = match self.entry() {
            Some(entry) => Row::of(Role::Hash, &words::hash(&entry.line.commit)),
            None => Row::of(Role::Title, "Detail"),
        };
        let note = Row::of(Role::Dim, &self.detail.position());
        if let Some(area) = self.panes.frame(look.theme, buf, DETAIL, &title, &note) {
            self.detail.view(look.theme, buf, area);
        }
    }

    fn title(&self) -> Row {
        let role = if self.panes.focus == LOG {
            Role::FocusedTitle
        } else {
            Role::Title
        };
        let mut row = Row::of(role, "Timeline");
        if let Some(answer) = self.answer.value() {
            row.add(
                Role::Dim,
                &format!(" · {}", words::count(answer.entries.len(), "commit")),
            );
        }
        if !self.marks.is_empty() {
            row.add(Role::Marked, &format!(" · {} marked", self.marks.len()));
        }
        row
    }

    fn log(&self, look: Look, buf: &mut Buffer, area: Rect, answer: &Log) {
        if self.lines.is_empty() {
            let text = match answer.entries.is_empty() {
                true if !answer.progress.complete => "… reading the history",
                true => "this history has no commits",
                false => "no commit passes the filter (esc clears it)",
            };
            paint::line(
                buf,
                look.theme,
                area,
                area.y,
                &Row::of(Role::Dim, text),
                Style::new(),
            );
        }
        for (y, at) in (area.top()..area.bottom()).zip(self.list.visible()) {
            let over = selection(look, at == self.list.at, self.panes.focus == LOG);
            let row = match self.lines[at] {
                Line::Folded { count, .. } => folded(count),
                Line::Entry(i) => {
                    let entry = &answer.entries[i];
                    let mark = if self.marks.contains(&entry.line.commit) {
                        "▌"
                    } else {
                        " "
                    };
                    Row::of(Role::Marked, mark).then(entry_row(entry, look.now, area.width - 1))
                }
            };
            paint::line(buf, look.theme, area, y, &row, over);
        }
    }
}

/// The style laid over the selected row.
pub fn selection(look: Look, selected: bool, focused: bool) -> Style {
    match (selected, focused) {
        (true, true) => look.theme.style(Role::Selected),
        (true, false) => look.theme.style(Role::SelectedElsewhere),
        (false, _) => Style::new(),
    }
}

/// The lines of a log under a filter. Generated commits whose source is listed are folded into it; neighbouring routine commits
/// become one line.
pub fn lines(entries: &[Arc<Entry>], filter: &Filter, unfolded: bool) -> Vec<Line> {
    let listed: HashSet<Oid> = entries.iter().map(|entry| entry.line.commit).collect();
    let is_folded_into_source = |entry: &Entry| {
        entry.generated
            && entry.source.as_ref().is_some_and(|source| {
                source.commit != entry.line.commit && listed.contains(&source.commit)
            })
    };
    let mut out: Vec<Line> = Vec::new();
    for (i, entry) in entries.iter().enumerate() {
        if !passes(entry, filter) || (!unfolded && is_folded_into_source(entry)) {
            continue;
        }
        if unfolded || !is_routine(entry) {
            out.push(Line::Entry(i));
            continue;
        }
        match out.last_mut() {
            Some(Line::Folded { count, .. }) => *count += 1,
            // One alone takes a line either way.
            Some(Line::Entry(first)) if is_routine(&entries[*first]) => {
                let first = *first;
                out.pop();
                out.push(Line::Folded { first, count: 2 });
            }
            _ => out.push(Line::Entry(i)),
        }
    }
    out
}

/// Where `commit` is in a log, itself or folded.
pub fn position(lines: &[Line], entries: &[Arc<Entry>], commit: Oid) -> Option<usize> {
    let index = entries
        .iter()
        .position(|entry| entry.line.commit == commit)?;
    let after = lines.iter().position(|line| match line {
        Line::Entry(i) | Line::Folded { first: i, .. } => *i > index,
    });
    after.unwrap_or(lines.len()).checked_sub(1)
}

fn is_routine(entry: &Entry) -> bool {
    entry.analysed
        && !entry.resources.is_empty()
        && entry.resources.iter().all(|resource| resource.routine)
}

pub fn folded(count: usize) -> Row {
    Row::of(Role::Dim, &format!("    + {count} routine"))
}

/// `a1b2c3d   2h alice    #482 api 1.4.1 → 1.4.2 in production`, on `width` columns.
pub fn entry_row(entry: &Entry, now: Timestamp, width: u16) -> Row {
    let who = entry
        .source
        .as_ref()
        .filter(|_| entry.generated)
        .unwrap_or(&entry.line);
    let roomy = width >= 70;
    let author = if roomy { 12 } else { 8 };
    let pull = entry
        .pull
        .as_ref()
        .map(|pull| format!("#{}", pull.number))
        .unwrap_or_default();
    let mut row = Row::of(Role::Hash, &words::hash(&entry.line.commit))
        .with(
            Role::Age,
            &format!(" {:>4}  ", words::age(now, entry.line.time)),
        )
        .then(
            Row::of(
                if who.bot { Role::Dim } else { Role::Author },
                &cut(&who.author.name, author),
            )
            .pad(author),
        )
        .with(Role::Text, " ");
    if roomy {
        row = row.then(Row::of(Role::Pull, &pull).pad(6));
    }
    row = match entry.meaning.as_slice() {
        [] => row.with(
            if entry.analysed {
                Role::Dim
            } else {
                Role::Text
            },
            &entry.line.subject,
        ),
        [only] => row.with(Role::Text, only),
        [first, rest @ ..] => row
            .with(Role::Text, first)
            .with(Role::Dim, &format!("  +{}", rest.len())),
    };
    if is_routine(entry) {
        row.add(Role::Dim, "  routine");
    }
    if entry.reverted_by.is_some() {
        row.add(Role::Warning, "  ↶ reverted");
    }
    row
}

/// The detail of an entry.
fn explain(entry: &Entry, now: Timestamp) -> Vec<Row> {
    let line = &entry.line;
    let mut rows = vec![Row::of(Role::Header, &line.subject)];
    let author = Row::of(Role::Author, &line.author.name)
        .with(Role::Dim, &format!(" <{}>", line.author.email))
        .with(Role::Dim, if line.bot { "  bot" } else { "" });
    rows.push(labelled("author", author));
    rows.push(labelled("time", words::moment(line.time, now)));
    if let Some(pull) = &entry.pull {
        let number = Row::of(Role::Pull, &format!("#{} ", pull.number));
        rows.push(labelled(
            "pull",
            number.with(Role::Text, pull.title.as_deref().unwrap_or_default()),
        ));
    }
    if let Some(source) = &entry.source {
        let label = if entry.generated {
            "made from"
        } else {
            "source"
        };
        rows.push(labelled(label, words::commit(source, now)));
    }
    if !entry.generated_by.is_empty() {
        let hashes: Vec<String> = entry.generated_by.iter().map(words::hash).collect();
        rows.push(labelled(
            "generated",
            Row::of(Role::Hash, &hashes.join(" ")),
        ));
    }
    if entry.merge {
        rows.push(labelled(
            "merge",
            Row::of(
                Role::Dim,
                "of a branch: shown is what it brought to this one",
            ),
        ));
    }
    rows.extend(
        entry
            .reverts
            .iter()
            .map(|id| labelled("reverts", Row::of(Role::Hash, &words::hash(id)))),
    );
    rows.extend(entry.reverted_by.iter().map(|id| {
        labelled(
            "reverted",
            Row::of(Role::Warning, "by ").with(Role::Hash, &words::hash(id)),
        )
    }));
    if !entry.environments.is_empty() {
        rows.push(labelled(
            "reaches",
            Row::of(Role::Environment, &entry.environments.join(", ")),
        ));
    }
    for (i, meaning) in entry.meaning.iter().enumerate() {
        rows.push(labelled(
            if i == 0 { "meaning" } else { "" },
            Row::of(Role::Text, meaning),
        ));
    }
    if !entry.analysed {
        rows.push(labelled("resources", words::loading()));
    } else if entry.resources.is_empty() {
        rows.push(labelled(
            "resources",
            Row::of(Role::Dim, "none: no app is made of what it changes"),
        ));
    }
    for (i, resource) in entry.resources.iter().enumerate() {
        let (mark, _, role) = words::change_mark(resource.change);
        let name = if resource.routine {
            Role::Dim
        } else {
            Role::Text
        };
        let row = Row::of(role, mark)
            .with(Role::Text, " ")
            .with(name, &resource.object.to_string())
            .with(Role::Dim, "  ")
            .with(Role::Environment, &resource.environment)
            .with(Role::Dim, &format!(" {}", resource.app))
            .with(Role::Dim, if resource.routine { "  routine" } else { "" });
        rows.push(labelled(if i == 0 { "resources" } else { "" }, row));
    }
    rows
}

pub fn passes(entry: &Entry, filter: &Filter) -> bool {
    if filter.is_empty() {
        return true;
    }
    let hash = entry.line.commit.to_string();
    let number = entry
        .pull
        .as_ref()
        .map(|pull| format!("#{}", pull.number))
        .unwrap_or_default();
    let mut facets = vec![
        (Facet::Word, entry.line.subject.as_str()),
        (Facet::Word, hash.as_str()),
        (Facet::Word, number.as_str()),
        (Facet::Author, entry.line.author.name.as_str()),
        (Facet::Author, entry.line.author.email.as_str()),
    ];
    if let Some(source) = &entry.source {
        facets.extend([
            (Facet::Author, source.author.name.as_str()),
            (Facet::Word, source.subject.as_str()),
        ]);
    }
    facets.extend(
        entry
            .environments
            .iter()
            .map(|environment| (Facet::Environment, environment.as_str())),
    );
    facets.extend(
        entry
            .meaning
            .iter()
            .map(|meaning| (Facet::Word, meaning.as_str())),
    );
    for resource in &entry.resources {
        facets.extend([
            (Facet::Kind, resource.object.kind.as_str()),
            (Facet::Word, resource.object.name.as_str()),
            (Facet::App, &resource.app),
        ]);
        facets.extend(
            resource
                .object
                .namespace
                .iter()
                .map(|namespace| (Facet::Namespace, namespace.as_str())),
        );
    }
    if entry.line.bot {
        facets.push((Facet::State, "bot"));
    }
    filter.matches(&facets)
}
