//! What a commit, or the way from one revision to another, changes: its resources, and the fields or the text of the selected one.

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::timeline::selection;
use super::{Facts, Look, Mouse, Screen, absent, labelled, standing};
use super::{resource, revert, text};
use crate::review::change::{Answer as Changes, Range, Request};
use crate::review::common::{ResourceDiff, ResourceId, Selector};
use crate::review::revert::Scope;
use crate::review::{ChangeKind, text_diff};
use crate::tui::ask::{Answer, Question, Reply, Slot};
use crate::tui::cx::{Cx, Effect};
use crate::tui::filter::{Facet, Filter};
use crate::tui::keys::Action;
use crate::tui::theme::Role;
use crate::tui::widget::doc::Doc;
use crate::tui::widget::fields::{self, Field};
use crate::tui::widget::list::List;
use crate::tui::widget::paint;
use crate::tui::widget::panes::{self, Panes};
use crate::tui::widget::row::Row;
use crate::tui::widget::{textview, words};

pub struct Change {
    request: Request,
    answer: Slot<Changes>,
    items: Vec<Item>,
    list: List,
    filter: Filter,
    mode: Mode,
    /// Noise and routine resources are shown.
    unfolded: bool,
    panes: Panes,
    head: Rect,
    body: Doc,
    /// The text beside the fields, where there is room for both.
    beside: Doc,
    /// What the two show: made anew only when it is something else.
    shows: Option<(Item, Mode, bool, u16)>,
}

/// A line of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    Message,
    Resource(usize),
    /// Routine resources, folded.
    Routine(usize),
    NotRendered(usize),
    OtherFiles,
}

/// How the selected resource is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    #[default]
    Fields,
    Unified,
    SideBySide,
}

const LIST: usize = 0;
const BODY: usize = 1;
const BESIDE: usize = 2;

impl Change {
    pub fn new(range: Range, select: Selector) -> Change {
        Change {
            request: Request { range, select },
            answer: Slot::default(),
            items: Vec::new(),
            list: List::default(),
            filter: Filter::default(),
            mode: Mode::default(),
            unfolded: false,
            panes: Panes::default(),
            head: Rect::ZERO,
            body: Doc::default(),
            beside: Doc::default(),
            shows: None,
        }
    }

    pub fn ask(&mut self, cx: &mut Cx) {
        self.answer.ask(cx, Question::Change(self.request.clone()));
    }

    pub fn reply(&mut self, reply: Reply) {
        let selected = self.resource().map(|diff| diff.resource.clone());
        let first = self.answer.value().is_none();
        if let Answer::Change(part) = reply.answer
            && self.answer.take(reply.ticket, part)
        {
            self.shows = None;
            self.refill();
            let Some(answer) = self.answer.value() else {
                return;
            };
            let same = selected.and_then(|old| {
                self.items.iter().position(|item| matches!(item, Item::Resource(i) if answer.resources[*i].resource == old))
            });
            // The message is the first line, but the first resource is what one came for.
            let resource = || {
                self.items
                    .iter()
                    .position(|item| matches!(item, Item::Resource(_)))
            };
            self.list.at = same
                .or_else(|| if first { resource() } else { None })
                .unwrap_or(self.list.at);
        }
    }

    fn refill(&mut self) {
        let Some(answer) = self.answer.value() else {
            return;
        };
        let mut items = Vec::new();
        if !answer.message.is_empty() && self.filter.is_empty() {
            items.push(Item::Message);
        }
        let passing: Vec<usize> = (0..answer.resources.len())
            .filter(|i| passes(&answer.resources[*i], &self.filter))
            .collect();
        let (routine, telling): (Vec<usize>, Vec<usize>) = passing
            .into_iter()
            .partition(|i| answer.resources[*i].resource.routine);
        items.extend(telling.into_iter().map(Item::Resource));
        match self.unfolded {
            true => items.extend(routine.into_iter().map(Item::Resource)),
            false if routine.is_empty() => {}
            false => items.push(Item::Routine(routine.len())),
        }
        if self.filter.is_empty() {
            items.extend((0..answer.not_rendered.len()).map(Item::NotRendered));
            if !answer.other_files.is_empty() {
                items.push(Item::OtherFiles);
            }
        }
        self.items = items;
    }

    fn item(&self) -> Option<Item> {
        self.items.get(self.list.at).copied()
    }

    fn resource(&self) -> Option<&ResourceDiff> {
        match self.item()? {
            Item::Resource(i) => self.answer.value()?.resources.get(i),
            _ => None,
        }
    }

    fn id(&self) -> Option<ResourceId> {
        let changed = &self.resource()?.resource;
        Some(ResourceId {
            environment: changed.environment.clone(),
            app: changed.app.clone(),
            object: changed.object.clone(),
        })
    }

    pub fn act(&mut self, action: Action, cx: &mut Cx) {
        if self.panes.act(action) {
            return;
        }
        match action {
            Action::TextView => {
                self.mode = self.mode.next();
                return;
            }
            Action::Suppressed => {
                self.unfolded = !self.unfolded;
                self.refill();
                return;
            }
            Action::Wrap => {
                let wrap = !self.body.wrap;
                (self.body.wrap, self.beside.wrap, self.shows) = (wrap, wrap, None);
                return;
            }
            _ => {}
        }
        let scrolled = match self.panes.focus {
            BODY => self.body.act(action),
            BESIDE => self.beside.act(action),
            _ => false,
        };
        if scrolled {
            return;
        }
        match action {
            Action::Enter => match self.item() {
                Some(Item::Routine(_)) => {
                    self.unfolded = true;
                    self.refill();
                }
                _ => {
                    if let Some(id) = self.id() {
                        cx.push(Screen::Resource(resource::Resource::new(id)));
                    }
                }
            },
            Action::Yaml => {
                if let Some(diff) = self.resource() {
                    let side = |name: &str, text: &Option<String>| {
                        (
                            name.to_owned(),
                            text.clone().ok_or_else(|| {
                                Row::of(Role::Dim, "it does not exist on this side")
                            }),
                        )
                    };
                    let sides = vec![
                        side("after", &diff.text.after),
                        side("before", &diff.text.before),
                    ];
                    cx.push(Screen::Text(text::Text::yaml(
                        diff.resource.object.to_string(),
                        sides,
                    )));
                }
            }
            Action::Revert => {
                let Some(entry) = self
                    .answer
                    .value()
                    .and_then(|answer| answer.commit.as_ref())
                else {
                    return;
                };
                let scope = match self.id() {
                    Some(id) => Scope::Resource {
                        select: id.selector(),
                        name: id.object.to_string(),
                    },
                    None => Scope::All,
                };
                cx.push(Screen::Revert(revert::Revert::new(
                    vec![entry.line.clone()],
                    scope,
                )));
            }
            Action::Copy => match self.id() {
                Some(id) => cx.copy(id.object.to_string()),
                None => {
                    if let Some(answer) = self.answer.value() {
                        cx.copy(answer.after.to_string());
                    }
                }
            },
            Action::Open => {
                if let Some(url) = self.url() {
                    cx.effect(Effect::Browse(url.to_owned()));
                }
            }
            Action::Pager => {
                if let Some(answer) = self.answer.value() {
                    cx.effect(Effect::Page(whole_text(answer)));
                }
            }
            Action::NextMatch => self.list.by(1),
            Action::PreviousMatch => self.list.by(-1),
            other => {
                self.list.act(other);
            }
        }
    }

    fn url(&self) -> Option<&str> {
        self.answer
            .value()?
            .commit
            .as_ref()?
            .pull
            .as_ref()?
            .url
            .as_deref()
    }

    pub fn blocked(&self, action: Action) -> Option<String> {
        let answer = self.answer.value();
        match action {
            Action::Enter
                if self.resource().is_none() && !matches!(self.item(), Some(Item::Routine(_))) =>
            {
                Some("no resource is selected".to_owned())
            }
            Action::Yaml if self.resource().is_none() => Some("no resource is selected".to_owned()),
            Action::Revert if !matches!(self.request.range, Range::Commit(_)) => Some(
                "this is the way between two commits; mark the commits to revert on the Timeline"
                    .to_owned(),
            ),
            Action::Revert if answer.is_none_or(|answer| answer.commit.is_none()) => {
                Some("the commit is not read yet".to_owned())
            }
            Action::Copy | Action::Pager if answer.is_none() => {
                Some("there is nothing yet".to_owned())
            }
            Action::Open if self.url().is_none() => {
                Some("no pull request with an address is known for this commit".to_owned())
            }
            _ => None,
        }
    }

    pub fn set_filter(&mut self, text: &str) {
        self.filter = Filter::parse(text);
        self.refill();
    }

    pub fn settle(&mut self, area: Rect, now: Timestamp) {
        let head = self.head_rows(now).len() as u16;
        self.head = Rect {
            height: head.min(area.height),
            ..area
        };
        let below = Rect {
            y: area.y + self.head.height,
            height: area.height - self.head.height,
            ..area
        };
        let three = panes::is_very_wide(area) && self.mode == Mode::Fields;
        let rects = match (three, panes::is_wide(area)) {
            (true, _) => panes::columns(below, &[4, 6, 6]),
            (_, true) => panes::columns(below, &[2, 3]),
            _ => panes::rows(below, &[1, 2]),
        };
        self.panes.settle(below, rects);
        self.list
            .settle(self.items.len(), self.panes.inner(LIST).height);
        let (body, beside) = (self.panes.inner(BODY), self.panes.inner(BESIDE));
        if let Some(item) = self.item() {
            let wanted = (item, self.mode, self.unfolded, body.width);
            if self.shows != Some(wanted) {
                let same_item = self
                    .shows
                    .is_some_and(|(shown, mode, ..)| (shown, mode) == (item, self.mode));
                let rows = self.body_rows(item, self.mode, body.width, now);
                let text = if three {
                    self.body_rows(item, Mode::Unified, beside.width, now)
                } else {
                    Vec::new()
                };
                match same_item {
                    true => {
                        self.body.set(rows);
                        self.beside.set(text);
                    }
                    false => {
                        self.body.replace(rows);
                        self.beside.replace(text);
                    }
                }
                self.shows = Some(wanted);
            }
        } else {
            self.body.set(Vec::new());
            self.beside.set(Vec::new());
        }
        self.body.settle(body.width, body.height);
        self.beside.settle(beside.width, beside.height);
    }

    fn body_rows(&self, item: Item, mode: Mode, width: u16, now: Timestamp) -> Vec<Row> {
        let Some(answer) = self.answer.value() else {
            return Vec::new();
        };
        match item {
            Item::Message => {
                let mut rows: Vec<Row> = answer
                    .message
                    .lines()
                    .map(|line| Row::of(Role::Text, line))
                    .collect();
                if let Some(entry) = &answer.commit {
                    rows.push(Row::new());
                    rows.push(labelled(
                        "author",
                        Row::of(Role::Author, &entry.line.author.name)
                            .with(Role::Dim, &format!(" <{}>", entry.line.author.email)),
                    ));
                    rows.push(labelled("time", words::moment(entry.line.time, now)));
                    rows.push(labelled(
                        "commit",
                        Row::of(Role::Hash, &entry.line.commit.to_string()),
                    ));
                    rows.extend(
                        entry
                            .source
                            .iter()
                            .map(|source| labelled("made from", words::commit(source, now))),
                    );
                }
                rows
            }
            Item::Resource(i) => answer
                .resources
                .get(i)
                .map(|diff| resource_rows(diff, mode, self.unfolded, self.body.wrap, width))
                .unwrap_or_default(),
            Item::Routine(_) => vec![Row::of(
                Role::Dim,
                "Resources whose change is only noise: checksums, chart labels and the like. x shows them.",
            )],
            Item::NotRendered(i) => answer
                .not_rendered
                .get(i)
                .map(|lost| {
                    vec![
                        Row::of(Role::Warning, "! ").with(
                            Role::Text,
                            &format!(
                                "{} in {} could not be rendered:",
                                lost.app, lost.environment
                            ),
                        ),
                        Row::of(Role::Text, "  ").with(Role::Text, &lost.why),
                    ]
                })
                .unwrap_or_default(),
            Item::OtherFiles => answer
                .other_files
                .iter()
                .map(|path| Row::of(Role::Text, path))
                .collect(),
        }
    }

    /// Two lines above the panes: what this is, by whom, when.
    fn head_rows(&self, now: Timestamp) -> Vec<Row> {
        let Some(answer) = self.answer.value() else {
            return Vec::new();
        };
        match &answer.commit {
            Some(entry) => {
                let mut line = Row::of(Role::Text, " ").then(words::commit(&entry.line, now));
                if let Some(pull) = &entry.pull {
                    line = line
                        .with(Role::Text, "  ")
                        .with(Role::Pull, &format!("#{}", pull.number));
                }
                let mut reaches = Row::of(Role::Text, " ").with(
                    Role::Text,
                    entry
                        .meaning
                        .first()
                        .map(String::as_str)
                        .unwrap_or_default(),
                );
                if let Some(source) = entry.source.as_ref().filter(|_| entry.generated) {
                    reaches = Row::of(Role::Dim, " made from ").then(words::commit(source, now));
                }
                if entry.reverted_by.is_some() {
                    reaches.add(Role::Warning, "  ↶ reverted");
                }
                if reaches.plain().trim().is_empty() {
                    vec![line]
                } else {
                    vec![line, reaches]
                }
            }
            None => {
                let before = answer
                    .before
                    .as_ref()
                    .map_or_else(|| "the empty tree".to_owned(), words::hash);
                vec![
                    Row::of(Role::Text, " from ")
                        .with(Role::Hash, &before)
                        .with(Role::Text, " to ")
                        .with(Role::Hash, &words::hash(&answer.after)),
                ]
            }
        }
    }

    fn crumb(&self) -> String {
        match &self.request.range {
            Range::Commit(rev) => short(rev).to_owned(),
            Range::Between(a, b) => format!("{}..{}", short(a), short(b)),
            Range::SinceMergeBase(a, b) => format!("{}...{}", short(a), short(b)),
        }
    }

    pub fn facts(&self) -> Facts {
        Facts {
            crumb: self.crumb(),
            position: self.list.position(),
            filter: Some(self.filter.text().to_owned()),
            tickets: self.answer.ticket().into_iter().collect(),
            times: self
                .answer
                .value()
                .and_then(|answer| answer.commit.as_ref())
                .map(|entry| entry.line.time)
                .into_iter()
                .collect(),
            ..Facts::default()
        }
    }

    pub fn mouse(&mut self, mouse: Mouse, at: (u16, u16)) {
        let Some((pane, line)) = self.panes.hit(at.0, at.1) else {
            return;
        };
        match (mouse, pane) {
            (Mouse::Wheel(rows), LIST) => self.list.scroll(rows),
            (Mouse::Wheel(rows), BODY) => self.body.scroll(rows),
            (Mouse::Wheel(rows), _) => self.beside.scroll(rows),
            (Mouse::Click, _) => {
                self.panes.focus = pane;
                if let (LIST, Some(line)) = (pane, line) {
                    self.list.click(line);
                }
            }
        }
    }

    pub fn view(&self, look: Look, buf: &mut Buffer) {
        for (y, row) in (self.head.top()..self.head.bottom()).zip(self.head_rows(look.now)) {
            paint::line(buf, look.theme, self.head, y, &row, Style::new());
        }
        let role = if self.panes.focus == LIST {
            Role::FocusedTitle
        } else {
            Role::Title
        };
        let mut title = Row::of(role, "Resources");
        if let Some(answer) = self.answer.value() {
            title.add(Role::Dim, &format!(" · {} changed", answer.resources.len()));
        }
        if let Some(area) = self
            .panes
            .frame(look.theme, buf, LIST, &title, &standing(&self.answer))
        {
            match self.answer.value() {
                None => {
                    for (y, row) in (area.top()..area.bottom()).zip(absent(&self.answer)) {
                        paint::line(buf, look.theme, area, y, &row, Style::new());
                    }
                }
                Some(answer) => self.items(look, buf, area, answer),
            }
        }
        let title = match self.resource() {
            Some(diff) => {
                let (mark, _, role) = words::change_mark(diff.resource.change);
                Row::of(role, mark)
                    .with(Role::Text, " ")
                    .with(Role::Resource, &diff.resource.object.to_string())
                    .with(Role::Dim, " in ")
                    .with(Role::Environment, &diff.resource.environment)
            }
            None => Row::of(Role::Title, "Detail"),
        };
        let note = Row::of(Role::Dim, self.mode.name()).remark(Role::Dim, &self.body.position());
        if let Some(area) = self.panes.frame(look.theme, buf, BODY, &title, &note) {
            self.body.view(look.theme, buf, area);
        }
        let note = Row::of(Role::Dim, &self.beside.position());
        if let Some(area) = self.panes.frame(
            look.theme,
            buf,
            BESIDE,
            &Row::of(Role::Title, "Text"),
            &note,
        ) {
            self.beside.view(look.theme, buf, area);
        }
    }

    fn items(&self, look: Look, buf: &mut Buffer, area: Rect, answer: &Changes) {
        if self.items.is_empty() {
            let text = match (answer.resources.is_empty(), self.answer.is_waiting()) {
                (true, true) => "… rendering both sides",
                (true, false) => "no resource changes",
                (false, _) => "no resource passes the filter (esc clears it)",
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
            let row = match self.items[at] {
                Item::Message => Row::of(Role::Dim, "  message"),
                Item::Resource(i) => resource_line(&answer.resources[i]),
                Item::Routine(count) => Row::of(Role::Dim, &format!("  + {count} routine")),
                Item::NotRendered(i) => {
                    let lost = &answer.not_rendered[i];
                    Row::of(Role::Warning, "! ")
                        .with(Role::Text, &lost.app)
                        .with(Role::Dim, " in ")
                        .with(Role::Environment, &lost.environment)
                        .with(Role::Warning, "  not rendered")
                }
                Item::OtherFiles => Row::of(
                    Role::Dim,
                    &format!(
                        "  {} of no app",
                        words::count(answer.other_files.len(), "file")
                    ),
                ),
            };
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
}

impl Mode {
    pub fn next(self) -> Mode {
        match self {
            Mode::Fields => Mode::Unified,
            Mode::Unified => Mode::SideBySide,
            Mode::SideBySide => Mode::Fields,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Mode::Fields => "fields",
            Mode::Unified => "text",
            Mode::SideBySide => "side by side",
        }
    }
}

/// `~ Deployment/api  production shop  2 fields`
pub fn resource_line(diff: &ResourceDiff) -> Row {
    let (mark, word, role) = words::change_mark(diff.resource.change);
    let telling = diff
        .fields
        .iter()
        .filter(|field| field.noise.is_none())
        .count();
    let size = match diff.resource.change {
        ChangeKind::Modified => words::count(telling, "field"),
        _ => word.to_owned(),
    };
    Row::of(role, mark)
        .with(Role::Text, " ")
        .with(
            if diff.resource.routine {
                Role::Dim
            } else {
                Role::Text
            },
            &diff.resource.object.to_string(),
        )
        .with(Role::Text, "  ")
        .with(Role::Environment, &diff.resource.environment)
        .with(Role::Dim, &format!(" {}  {size}", diff.resource.app))
}

/// The change of one resource, in the given mode.
pub fn resource_rows(
    diff: &ResourceDiff,
    mode: Mode,
    with_noise: bool,
    whole: bool,
    width: u16,
) -> Vec<Row> {
    let mut rows = Vec::new();
    rows.extend(
        diff.resource
            .path
            .iter()
            .map(|path| Row::of(Role::Dim, path)),
    );
    if let Some(why) = &diff.predicted {
        rows.push(Row::of(Role::Warning, "predicted: ").with(Role::Text, why));
    }
    if !diff.rendered {
        rows.push(Row::of(
            Role::Dim,
            "as written in its sources, not rendered",
        ));
    }
    match mode {
        Mode::Fields => rows.extend(field_rows(diff, with_noise, whole, width)),
        Mode::Unified | Mode::SideBySide => {
            let side = |text: &Option<String>| text.clone().unwrap_or_default();
            let text = text_diff(&side(&diff.text.before), &side(&diff.text.after));
            rows.extend(textview::notes(&text));
            if text.hunks.is_empty() && text.notes.is_empty() {
                rows.push(Row::of(Role::Dim, "the text is the same on both sides"));
            }
            rows.extend(if mode == Mode::Unified {
                textview::unified(&text)
            } else {
                textview::side_by_side(&text, width)
            });
        }
    }
    rows
}

fn field_rows(diff: &ResourceDiff, with_noise: bool, whole: bool, width: u16) -> Vec<Row> {
    let mut rows = Vec::new();
    let columns: &[&str] = match diff.resource.change {
        ChangeKind::Added => &["value"],
        ChangeKind::Removed => &["value before"],
        _ => &["before", "after"],
    };
    let fields: Vec<Field> = diff
        .fields
        .iter()
        .filter(|field| with_noise || field.noise.is_none())
        .map(|change| {
            let (before, after) = fields::pair(change.before.as_ref(), change.after.as_ref());
            let cells = match diff.resource.change {
                ChangeKind::Added => vec![(Role::Added, after)],
                ChangeKind::Removed => vec![(Role::Removed, before)],
                _ => vec![(Role::Removed, before), (Role::Added, after)],
            };
            Field {
                path: change.path.clone(),
                cells,
                mark: None,
                notes: Vec::new(),
                noise: change.noise.is_some(),
            }
        })
        .collect();
    if fields.is_empty() && diff.resource.change == ChangeKind::Moved {
        rows.push(Row::of(Role::Dim, "the same, in another file"));
    }
    rows.extend(fields::table(columns, &fields, width, whole));
    if !diff.suppressed.is_empty() {
        let kinds: Vec<String> = diff
            .suppressed
            .iter()
            .map(|(noise, count)| format!("{} {count}", words::noise(*noise)))
            .collect();
        let total: usize = diff.suppressed.values().sum();
        let verb = if with_noise { "noise" } else { "suppressed" };
        let hint = if with_noise { "x folds" } else { "x shows" };
        rows.push(Row::of(
            Role::Dim,
            &format!("{total} {verb}: {}   {hint}", kinds.join(", ")),
        ));
    }
    rows
}

/// Everything as plain text, for the pager.
fn whole_text(answer: &Changes) -> String {
    let mut out = String::new();
    if let Some(entry) = &answer.commit {
        out.push_str(&format!("commit {}\n", entry.line.commit));
    }
    out.push_str(&format!("{}\n\n", crate::text::clean(&answer.message)));
    for diff in &answer.resources {
        out.push_str(&format!("{}\n", resource_line(diff).plain()));
        for row in resource_rows(diff, Mode::Unified, true, true, u16::MAX) {
            out.push_str(&format!("{}\n", row.plain()));
        }
        out.push('\n');
    }
    out
}

fn passes(diff: &ResourceDiff, filter: &Filter) -> bool {
    let resource = &diff.resource;
    let mut facets = vec![
        (Facet::Environment, resource.environment.as_str()),
        (Facet::App, resource.app.as_str()),
        (Facet::Kind, resource.object.kind.as_str()),
        (Facet::Word, resource.object.name.as_str()),
        (Facet::State, words::change_mark(resource.change).1),
    ];
    facets.extend(
        resource
            .object
            .namespace
            .iter()
            .map(|namespace| (Facet::Namespace, namespace.as_str())),
    );
    facets.extend(
        resource
            .path
            .iter()
            .map(|path| (Facet::Word, path.as_str())),
    );
    filter.matches(&facets)
}

/// A full hash shortened; anything else as it is.
fn short(revision: &str) -> &str {
    let is_hash = revision.len() == 40 && revision.bytes().all(|b| b.is_ascii_hexdigit());
    if is_hash { &revision[..7] } else { revision }
}
