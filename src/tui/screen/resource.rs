//! One resource: its own log, the fields of the selected commit beside what is live, and how the live object fares.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::timeline::{self, Line, selection};
use super::{Facts, Look, Mouse, Screen, absent, labelled, standing};
use super::{change, revert, text};
use crate::review::change::{Answer as Changes, Range, Request as ChangeRequest};
use crate::review::common::{ResourceDiff, ResourceId};
use crate::review::drift::FieldDrift;
use crate::review::log::{Answer as Log, Entry, Request as LogRequest};
use crate::review::resource::{Answer as Detail, Live, Request};
use crate::review::revert::Scope;
use crate::review::{FieldPath, Known, Node, Oid, Owned};
use crate::tui::ask::{Answer, Question, Reply, Slot};
use crate::tui::cx::{Cx, Effect, K9s};
use crate::tui::filter::Filter;
use crate::tui::keys::Action;
use crate::tui::theme::Role;
use crate::tui::widget::doc::Doc;
use crate::tui::widget::fields::{self, Field};
use crate::tui::widget::list::List;
use crate::tui::widget::paint;
use crate::tui::widget::panes::{self, Panes};
use crate::tui::widget::row::Row;
use crate::tui::widget::words;

/// A cursor that moves on within this time asks nothing for where it was.
const REST: Duration = Duration::from_millis(120);

pub struct Resource {
    id: ResourceId,
    log: Slot<Log>,
    detail: Slot<Detail>,
    /// The change of this resource at the selected commit.
    change: Slot<Changes>,
    change_of: Option<Oid>,
    lines: Vec<Line>,
    list: List,
    filter: Filter,
    unfolded: bool,
    panes: Panes,
    head: Rect,
    fields: Doc,
    live: Doc,
}

const LOG: usize = 0;
const FIELDS: usize = 1;
const LIVE: usize = 2;

impl Resource {
    pub fn new(id: ResourceId) -> Resource {
        Resource {
            id,
            log: Slot::default(),
            detail: Slot::default(),
            change: Slot::default(),
            change_of: None,
            lines: Vec::new(),
            list: List::default(),
            filter: Filter::default(),
            unfolded: false,
            panes: Panes::default(),
            head: Rect::ZERO,
            fields: Doc::default(),
            live: Doc::wrapped(),
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
                if self.log.take(reply.ticket, part) {
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

    fn refill(&mut self, selected: Option<Oid>) {
        let Some(answer) = self.log.value() else {
            return;
        };
        self.lines = timeline::lines(&answer.entries, &self.filter, self.unfolded);
        if self.list.at > 0
            && let Some(at) =
                selected.and_then(|commit| timeline::position(&self.lines, &answer.entries, commit))
        {
            self.list.at = at;
        }
    }

    fn line(&self) -> Option<Line> {
        self.lines.get(self.list.at).copied()
    }

    fn entry(&self) -> Option<&Entry> {
        match self.line()? {
            Line::Entry(i) => self.log.value()?.entries.get(i).map(Arc::as_ref),
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
        let resources = &self.change.value()?.resources;
        resources.iter().find(|diff| {
            diff.resource.environment == self.id.environment
                && diff.resource.object == self.id.object
        })
    }

    fn live(&self) -> Option<&Live> {
        self.detail.value()?.live.value()
    }

    pub fn act(&mut self, action: Action, cx: &mut Cx) {
        if self.panes.act(action) {
            return;
        }
        let scrolled = match self.panes.focus {
            FIELDS => self.fields.act(action),
            LIVE => self.live.act(action),
            _ => false,
        };
        if scrolled {
            return;
        }
        match action {
            Action::Enter if matches!(self.line(), Some(Line::Folded { .. })) => self.unfold(),
            Action::Suppressed => self.unfold(),
            Action::Enter | Action::Diff => {
                if let Some(entry) = self.entry() {
                    let range = Range::Commit(entry.line.commit.to_string());
                    let select = if action == Action::Diff {
                        self.id.selector()
                    } else {
                        Default::default()
                    };
                    cx.push(Screen::Change(change::Change::new(range, select)));
                }
            }
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
            Action::Yaml => cx.push(Screen::Text(self.yaml(cx.now))),
            Action::Copy => cx.copy(self.id.object.to_string()),
            Action::Open => {
                if let Some(url) = self.url() {
                    cx.effect(Effect::Browse(url.to_owned()));
                }
            }
            Action::Pager => cx.effect(Effect::Page(format!(
                "{}\n{}\n{}",
                self.log_text(cx.now),
                self.fields.plain(),
                self.live.plain()
            ))),
            Action::K9s => {
                if let Some(detail) = self.detail.value() {
                    let context = detail
                        .environment
                        .cluster
                        .value()
                        .and_then(|cluster| cluster.context.clone());
                    let object = &self.id.object;
                    let k9s = K9s {
                        context,
                        namespace: object.namespace.clone(),
                        kind: object.kind.clone(),
                        name: object.name.clone(),
                    };
                    cx.effect(Effect::K9s(k9s));
                }
            }
            Action::Wrap => self.fields.wrap = !self.fields.wrap,
            Action::NextMatch => self.list.by(1),
            Action::PreviousMatch => self.list.by(-1),
            other => {
                self.list.act(other);
            }
        }
        self.follow(cx);
    }

    fn unfold(&mut self) {
        let selected = match self.line() {
            Some(Line::Entry(i)) | Some(Line::Folded { first: i, .. }) => self
                .log
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

    fn yaml(&self, now: Timestamp) -> text::Text {
        let declared = self
            .detail
            .value()
            .and_then(|detail| detail.desired_text.clone());
        let live = match self.detail.value().map(|detail| &detail.live) {
            None => Err(words::loading()),
            Some(known) => match known.value() {
                None => Err(words::standing(known, now)),
                Some(live) => live
                    .text
                    .clone()
                    .ok_or_else(|| Row::of(Role::Missing, "○ not in the cluster")),
            },
        };
        let declared =
            declared.ok_or_else(|| Row::of(Role::Dim, "git does not declare it any more"));
        text::Text::yaml(
            self.id.object.to_string(),
            vec![("declared".to_owned(), declared), ("live".to_owned(), live)],
        )
    }

    fn log_text(&self, now: Timestamp) -> String {
        let entries = self
            .log
            .value()
            .map(|log| log.entries.as_slice())
            .unwrap_or_default();
        entries
            .iter()
            .map(|entry| timeline::entry_row(entry, now, u16::MAX).plain() + "\n")
            .collect()
    }

    pub fn blocked(&self, action: Action) -> Option<String> {
        match action {
            Action::Enter if self.line().is_none() => Some("no commit is selected".to_owned()),
            Action::Diff | Action::Revert if self.entry().is_none() => {
                Some("no commit is selected".to_owned())
            }
            Action::Yaml if self.detail.value().is_none() => {
                Some("the resource is not read yet".to_owned())
            }
            Action::Open if self.url().is_none() => {
                Some("no pull request with an address is known for this commit".to_owned())
            }
            Action::K9s => {
                let environment = &self.detail.value()?.environment;
                let context = environment
                    .cluster
                    .value()
                    .and_then(|cluster| cluster.context.as_ref());
                context
                    .is_none()
                    .then(|| format!("no kubeconfig context is known for {}", environment.name))
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
            let left = panes::rows(sides[0], &[3, 2]);
            vec![left[0], sides[1], left[1]]
        } else {
            panes::rows(below, &[3, 4, 3])
        };
        self.panes.settle(below, rects);
        self.list
            .settle(self.lines.len(), self.panes.inner(LOG).height);
        let inner = self.panes.inner(FIELDS);
        let rows = self.field_rows(now, inner.width);
        self.fields.set(rows);
        self.fields.settle(inner.width, inner.height);
        let rows = self.live_rows(now);
        self.live.set(rows);
        let inner = self.panes.inner(LIVE);
        self.live.settle(inner.width, inner.height);
    }

    /// The fields this commit changed and the fields that are not as git says, each with what is live.
    fn field_rows(&self, now: Timestamp, width: u16) -> Vec<Row> {
        let mut rows = Vec::new();
        if self.entry().is_some() && self.diff().is_none() {
            match self.change.value() {
                Some(_) if !self.change.is_waiting() => rows.push(Row::of(
                    Role::Dim,
                    "this commit leaves the rendered resource as it was",
                )),
                _ => rows.extend(absent(&self.change)),
            }
        }
        let diff = self.diff();
        let drifts = self
            .live()
            .map(|live| live.fields.as_slice())
            .unwrap_or_default();
        let mut table = Vec::new();
        for change in diff.map(|diff| diff.fields.as_slice()).unwrap_or_default() {
            if change.noise.is_some() && !self.unfolded {
                continue;
            }
            let (before, after) = fields::pair(change.before.as_ref(), change.after.as_ref());
            let drift = drifts.iter().find(|drift| drift.path == change.path);
            table.push(self.field(
                &change.path,
                before,
                after,
                drift,
                now,
                change.noise.is_some(),
            ));
        }
        for drift in drifts {
            if diff.is_some_and(|diff| diff.fields.iter().any(|change| change.path == drift.path)) {
                continue;
            }
            let side = |object: Option<&crate::review::Object>| {
                let node = match diff {
                    Some(_) => object.and_then(|object| fields::find(&object.root, &drift.path)),
                    None => drift.desired.as_ref(),
                };
                words::value(node)
            };
            let before = side(diff.and_then(|diff| diff.objects.before.as_ref()));
            let after = side(diff.and_then(|diff| diff.objects.after.as_ref()));
            table.push(self.field(&drift.path, before, after, Some(drift), now, false));
        }
        rows.extend(fields::table(
            &["before", "this commit", "live"],
            &table,
            width,
            self.fields.wrap,
        ));
        if table.is_empty() && diff.is_some() {
            rows.push(Row::of(Role::Dim, "no field but noise"));
        }
        rows.extend(self.suppressed(diff));
        rows
    }

    fn field(
        &self,
        path: &FieldPath,
        before: String,
        after: String,
        drift: Option<&FieldDrift>,
        now: Timestamp,
        noise: bool,
    ) -> Field {
        let live = match (drift, self.detail.value().map(|detail| &detail.live)) {
            (Some(drift), _) => (Role::Drift, words::value(drift.live.as_ref())),
            (None, None | Some(Known::Loading)) => (Role::Dim, "…".to_owned()),
            (None, Some(Known::Unavailable(why))) => {
                let (mark, role) = words::why_mark(why);
                (role, mark.to_owned())
            }
            (None, Some(Known::Fresh(live) | Known::Stale(live, _))) => {
                (Role::Text, self.live_value(live, path))
            }
        };
        let (before_role, after_role) = if before == after {
            (Role::Dim, Role::Dim)
        } else {
            (Role::Removed, Role::Added)
        };
        Field {
            path: path.clone(),
            cells: vec![(before_role, before), (after_role, after), live],
            mark: drift.map(|_| ("≠", Role::Drift)),
            notes: drift
                .map(|drift| words::cause(&drift.cause, now))
                .into_iter()
                .collect(),
            noise,
        }
    }

    fn live_value(&self, live: &Live, path: &FieldPath) -> String {
        let node: Option<&Node> = live
            .object
            .as_ref()
            .and_then(|object| fields::find(&object.root, path));
        words::value(node)
    }

    fn suppressed(&self, diff: Option<&ResourceDiff>) -> Option<Row> {
        let noise = diff
            .into_iter()
            .flat_map(|diff| &diff.suppressed)
            .map(|(noise, count)| format!("{} {count}", words::noise(*noise)));
        let live = self
            .live()
            .into_iter()
            .flat_map(|live| &live.suppressed)
            .map(|(reason, count)| format!("live {reason} {count}"));
        let all: Vec<String> = noise.chain(live).collect();
        let hint = if self.unfolded { "x folds" } else { "x shows" };
        (!all.is_empty()).then(|| {
            Row::of(
                Role::Dim,
                &format!("suppressed: {}   {hint}", all.join(", ")),
            )
        })
    }

    fn live_rows(&self, now: Timestamp) -> Vec<Row> {
        let Some(detail) = self.detail.value() else {
            return absent(&self.detail);
        };
        let mut rows = Vec::new();
        match detail.live.value() {
            None => rows.push(words::standing(&detail.live, now)),
            Some(live) => {
                let stale = words::standing(&detail.live, now);
                if !stale.is_empty() {
                    rows.push(stale);
                }
                let (mark, word, role) = words::sync_mark(live.sync);
                let mut row = words::health(&live.health)
                    .gap()
                    .with(role, mark)
                    .with(role, " ")
                    .with(role, word);
                if let Some(created) = live.created {
                    row.add(
                        Role::Dim,
                        &format!("  created {}", words::since(now, created)),
                    );
                }
                rows.push(row);
                if let Some(owned) = &live.owned {
                    for child in &owned.children {
                        tree(child, 0, &mut rows);
                    }
                }
                match live.events.value() {
                    None => rows.push(labelled("events", words::standing(&live.events, now))),
                    Some(events) if events.is_empty() => rows.push(Row::of(Role::Dim, "no events")),
                    Some(events) => {
                        for event in events {
                            let age = event
                                .last
                                .map(|last| words::age(now, last))
                                .unwrap_or_default();
                            let times = if event.count > 1 {
                                format!(" ×{}", event.count)
                            } else {
                                String::new()
                            };
                            let role = if event.warning {
                                Role::Warning
                            } else {
                                Role::Text
                            };
                            let row = Row::of(Role::Age, &format!("{age:>4}  "))
                                .with(role, if event.warning { "! " } else { "" })
                                .with(role, &event.reason)
                                .with(Role::Dim, &times)
                                .with(Role::Text, "  ")
                                .with(Role::Text, &event.message)
                                .with(Role::Dim, &format!("  {}", event.object));
                            rows.push(row);
                        }
                    }
                }
            }
        }
        rows.push(labelled("cluster", words::cluster(&detail.environment)));
        if let Some(path) = &detail.path {
            let line = detail
                .line
                .map(|line| format!(":{line}"))
                .unwrap_or_default();
            rows.push(labelled(
                "declared",
                Row::of(Role::Text, &format!("{path}{line}")),
            ));
        } else if detail.desired.is_none() {
            rows.push(labelled("declared", Row::of(Role::Dim, "not any more")));
        }
        rows.extend(
            detail
                .since
                .iter()
                .map(|since| labelled("since", words::commit(since, now))),
        );
        rows
    }

    pub fn facts(&self) -> Facts {
        let log = self.log.value();
        let entries = log.map(|log| log.entries.as_slice()).unwrap_or_default();
        let visible = self
            .list
            .visible()
            .filter_map(|at| match self.lines.get(at)? {
                Line::Entry(i) => Some(entries.get(*i)?.line.time),
                Line::Folded { .. } => None,
            });
        Facts {
            crumb: format!("{} in {}", self.id.object, self.id.environment),
            position: self.list.position(),
            progress: log
                .filter(|log| !log.progress.complete)
                .map(|log| format!("{} commits read", log.progress.commits))
                .unwrap_or_default(),
            filter: Some(self.filter.text().to_owned()),
            tickets: [
                self.log.ticket(),
                self.detail.ticket(),
                self.change.ticket(),
            ]
            .into_iter()
            .flatten()
            .collect(),
            times: visible.collect(),
            ..Facts::default()
        }
    }

    pub fn mouse(&mut self, mouse: Mouse, at: (u16, u16), cx: &mut Cx) {
        let Some((pane, line)) = self.panes.hit(at.0, at.1) else {
            return;
        };
        match (mouse, pane) {
            (Mouse::Wheel(rows), LOG) => self.list.scroll(rows),
            (Mouse::Wheel(rows), FIELDS) => self.fields.scroll(rows),
            (Mouse::Wheel(rows), _) => self.live.scroll(rows),
            (Mouse::Click, _) => {
                self.panes.focus = pane;
                if let (LOG, Some(line)) = (pane, line) {
                    self.list.click(line);
                }
            }
        }
        self.follow(cx);
    }

    pub fn view(&self, look: Look, buf: &mut Buffer) {
        let mut head = Row::of(Role::Text, " ").with(Role::Environment, &self.id.environment);
        if let Some(namespace) = &self.id.object.namespace {
            head = head.with(Role::Dim, " › ").with(Role::Text, namespace);
        }
        head = head
            .with(Role::Dim, " › ")
            .with(Role::Resource, &self.id.object.to_string());
        paint::line(buf, look.theme, self.head, self.head.y, &head, Style::new());
        let state = match self.detail.value() {
            None => Row::new(),
            Some(detail) => match detail.live.value() {
                Some(live) => words::health(&live.health),
                None => words::standing(&detail.live, look.now),
            },
        };
        let room = self.head.width.saturating_sub(head.width() + 3);
        if room > 10 {
            let width = state.width().min(room);
            paint::row(
                buf,
                look.theme,
                (self.head.right() - width - 1, self.head.y),
                width,
                &state,
                Style::new(),
            );
        }
        self.view_log(look, buf);
        let hash = |id: &Oid| Row::of(Role::Hash, &words::hash(id));
        let title = match (self.change.value(), self.entry()) {
            (Some(change), Some(entry)) => {
                let before = change
                    .before
                    .as_ref()
                    .map_or_else(|| Row::of(Role::Dim, "nothing"), hash);
                before
                    .with(Role::Dim, " → ")
                    .then(hash(&entry.line.commit))
                    .with(Role::Dim, " → live")
            }
            (None, Some(entry)) => hash(&entry.line.commit).with(Role::Dim, " → live"),
            (_, None) => Row::of(Role::Title, "git → live"),
        };
        let note = Row::of(Role::Dim, &self.fields.position());
        if let Some(area) = self.panes.frame(look.theme, buf, FIELDS, &title, &note) {
            self.fields.view(look.theme, buf, area);
        }
        let note = Row::of(Role::Dim, &self.live.position());
        if let Some(area) =
            self.panes
                .frame(look.theme, buf, LIVE, &self.pane_title(LIVE, "Live"), &note)
        {
            self.live.view(look.theme, buf, area);
        }
    }

    fn pane_title(&self, pane: usize, text: &str) -> Row {
        Row::of(
            if self.panes.focus == pane {
                Role::FocusedTitle
            } else {
                Role::Title
            },
            text,
        )
    }

    fn view_log(&self, look: Look, buf: &mut Buffer) {
        let mut title = self.pane_title(LOG, "Log");
        if let Some(log) = self.log.value() {
            title.add(
                Role::Dim,
                &format!(
                    " · {} of {}",
                    log.entries.len(),
                    words::count(log.progress.commits, "commit")
                ),
            );
        }
        let Some(area) = self
            .panes
            .frame(look.theme, buf, LOG, &title, &standing(&self.log))
        else {
            return;
        };
        let Some(log) = self.log.value() else {
            for (y, row) in (area.top()..area.bottom()).zip(absent(&self.log)) {
                paint::line(buf, look.theme, area, y, &row, Style::new());
            }
            return;
        };
        if self.lines.is_empty() {
            let text = match (log.entries.is_empty(), log.progress.complete) {
                (true, false) => "… reading the history",
                (true, true) => "no commit ever changed it",
                (false, _) => "no commit passes the filter (esc clears it)",
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
            let row = match self.lines[at] {
                Line::Folded { count, .. } => timeline::folded(count),
                Line::Entry(i) => timeline::entry_row(&log.entries[i], look.now, area.width),
            };
            paint::line(
                buf,
                look.theme,
                area,
                y,
                &row,
                selection(look, at == self.list.at, self.panes.focus == LOG),
            );
        }
    }
}

/// What an object owns, indented.
fn tree(owned: &Owned, depth: usize, rows: &mut Vec<Row>) {
    let (mark, _, role) = words::health_mark(owned.health.status);
    let row = Row::of(Role::Text, &"  ".repeat(depth))
        .with(role, mark)
        .with(Role::Text, " ")
        .with(Role::Text, &owned.object.to_string())
        .with(Role::Dim, "  ")
        .with(
            if owned.health.reason.is_empty() {
                Role::Dim
            } else {
                role
            },
            if owned.health.reason.is_empty() {
                &owned.summary
            } else {
                &owned.health.reason
            },
        );
    rows.push(row);
    for child in &owned.children {
        tree(child, depth + 1, rows);
    }
}
