//! What a commit, or the way from one revision to another, changes: its resources, and the fields or the text of the selected one.

pub mod rows;

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use self::rows::{Manner, Mode};
use super::timeline::entry;
use super::{Facts, Look, Mouse, Screen, absent, labelled, standing};
use super::{resource, revert, text};
use crate::review::change::{Answer as Changes, Range, Request};
use crate::review::common::{NotRendered, ResourceDiff, ResourceId, Selector};
use crate::review::revert::Scope;
use crate::tui::ask::{Answer, Question, Reply, Slot};
use crate::tui::cx::{Cx, Effect};
use crate::tui::filter::{Facet, Filter};
use crate::tui::keys::Action;
use crate::tui::theme::Role;
use crate::tui::widget::browser::{Browser, LIST};
use crate::tui::widget::doc::Doc;
use crate::tui::widget::paint;
use crate::tui::widget::panes;
use crate::tui::widget::row::Row;
use crate::tui::widget::words;

pub struct Change {
    request: Request,
    answer: Slot<Changes>,
    items: Vec<Item>,
    browser: Browser,
    mode: Mode,
    /// Noise and routine resources are shown.
    unfolded: bool,
    head: Rect,
    /// What the texts are made of: they are made anew only when it is something else.
    shows: Option<(Item, Manner)>,
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

/// The texts: the change as chosen, and its text beside the fields where there is room for both.
const BODY: usize = 0;
const BESIDE: usize = 1;

impl Change {
    pub fn new(range: Range, select: Selector) -> Change {
        Change {
            request: Request { range, select },
            answer: Slot::default(),
            items: Vec::new(),
            browser: Browser::with(vec![Doc::default(), Doc::default()]),
            mode: Mode::default(),
            unfolded: false,
            head: Rect::ZERO,
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
            let resources = self
                .answer
                .value()
                .map(|answer| answer.resources.as_slice())
                .unwrap_or_default();
            let same = selected.and_then(|old| {
                self.items.iter().position(
                    |item| matches!(item, Item::Resource(i) if resources[*i].resource == old),
                )
            });
            // The message is the first line, but the first resource is what one came for.
            let resource = || {
                self.items
                    .iter()
                    .position(|item| matches!(item, Item::Resource(_)))
            };
            let at = same.or_else(|| if first { resource() } else { None });
            self.browser.list.at = at.unwrap_or(self.browser.list.at);
        }
    }

    fn refill(&mut self) {
        let Some(answer) = self.answer.value() else {
            return;
        };
        let everything = self.browser.filter.is_empty();
        let mut items = Vec::new();
        if !answer.message.is_empty() && everything {
            items.push(Item::Message);
        }
        let passing = (0..answer.resources.len())
            .filter(|i| passes(&answer.resources[*i], &self.browser.filter));
        let (routine, telling): (Vec<usize>, Vec<usize>) =
            passing.partition(|i| answer.resources[*i].resource.routine);
        items.extend(telling.into_iter().map(Item::Resource));
        if self.unfolded {
            items.extend(routine.into_iter().map(Item::Resource));
        } else if !routine.is_empty() {
            items.push(Item::Routine(routine.len()));
        }
        if everything {
            items.extend((0..answer.not_rendered.len()).map(Item::NotRendered));
            if !answer.other_files.is_empty() {
                items.push(Item::OtherFiles);
            }
        }
        self.items = items;
    }

    fn item(&self) -> Option<Item> {
        self.items.get(self.browser.list.at).copied()
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
        match action {
            Action::TextView => self.mode = self.mode.next(),
            Action::Suppressed => self.unfold(),
            Action::Enter if matches!(self.item(), Some(Item::Routine(_))) => self.unfold(),
            Action::Wrap => {
                let wrap = !self.browser.docs[BODY].wrap;
                self.browser.docs.iter_mut().for_each(|doc| doc.wrap = wrap);
            }
            action if self.browser.act(action) => {}
            Action::Enter => {
                if let Some(id) = self.id() {
                    let at = self.answer.value().map(|answer| answer.after);
                    cx.push(Screen::Resource(resource::Resource::new(id, at)));
                }
            }
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
                    cx.push(Screen::Text(text::Text::given(
                        diff.resource.object.to_string(),
                        sides,
                    )));
                }
            }
            Action::Revert => {
                if let Some(entry) = self
                    .answer
                    .value()
                    .and_then(|answer| answer.commit.as_ref())
                {
                    let scope = self.id().map_or(Scope::All, |id| Scope::Resource {
                        select: id.selector(),
                        name: id.object.to_string(),
                    });
                    cx.push(Screen::Revert(revert::Revert::new(
                        vec![entry.line.clone()],
                        scope,
                    )));
                }
            }
            Action::Copy => {
                let name = self.id().map(|id| id.object.to_string());
                if let Some(text) =
                    name.or_else(|| self.answer.value().map(|answer| answer.after.to_string()))
                {
                    cx.copy(text);
                }
            }
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
            _ => {}
        }
    }

    fn unfold(&mut self) {
        self.unfolded = !self.unfolded;
        self.refill();
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
            Action::Enter if matches!(self.item(), Some(Item::Routine(_))) => None,
            Action::Enter | Action::Yaml if self.resource().is_none() => {
                Some("no resource is selected".to_owned())
            }
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
        self.browser.filter = Filter::parse(text);
        self.refill();
    }

    pub fn settle(&mut self, area: Rect, now: Timestamp) {
        let head = u16::try_from(self.head_rows(now).len())
            .unwrap_or(0)
            .min(area.height);
        self.head = Rect {
            height: head,
            ..area
        };
        let below = Rect {
            y: area.y + head,
            height: area.height - head,
            ..area
        };
        let beside = panes::is_very_wide(area) && self.mode == Mode::Fields;
        let rects = match (beside, panes::is_wide(area)) {
            (true, _) => panes::columns(below, &[4, 6, 6]),
            (_, true) => panes::columns(below, &[2, 3]),
            _ => panes::list_over_text(below, [2, 3], self.items.len()),
        };
        self.browser.settle(below, rects, self.items.len(), 0);
        let Some(item) = self.item() else {
            self.browser.show(BODY, Vec::new());
            self.browser.show(BESIDE, Vec::new());
            return;
        };
        let manner = Manner {
            mode: self.mode,
            noise: self.unfolded,
            whole: self.browser.docs[BODY].wrap,
            width: self.browser.size(BODY).0,
        };
        if self.shows != Some((item, manner)) {
            let another = self
                .shows
                .is_none_or(|(shown, old)| shown != item || old.mode != manner.mode);
            if another {
                self.browser.docs.iter_mut().for_each(Doc::rewind);
            }
            let text = Manner {
                mode: Mode::Unified,
                width: self.browser.size(BESIDE).0,
                ..manner
            };
            let body = self.body(item, manner, now);
            let side = if beside {
                self.body(item, text, now)
            } else {
                Vec::new()
            };
            self.browser.show(BODY, body);
            self.browser.show(BESIDE, side);
            self.shows = Some((item, manner));
        }
        for doc in [BODY, BESIDE] {
            let (width, height) = self.browser.size(doc);
            self.browser.docs[doc].settle(width, height);
        }
    }

    fn body(&self, item: Item, manner: Manner, now: Timestamp) -> Vec<Row> {
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
                    rows.extend([
                        Row::new(),
                        labelled(
                            "commit",
                            Row::of(Role::Hash, &entry.line.commit.to_string()),
                        ),
                    ]);
                    rows.extend(entry::origin(entry, now));
                }
                rows
            }
            Item::Resource(i) => answer
                .resources
                .get(i)
                .map(|diff| rows::rows(diff, manner))
                .unwrap_or_default(),
            Item::Routine(_) => vec![Row::of(
                Role::Dim,
                "Resources whose change is only noise: checksums, chart labels and the like. x shows them.",
            )],
            Item::NotRendered(i) => answer
                .not_rendered
                .get(i)
                .map(not_rendered)
                .into_iter()
                .collect(),
            Item::OtherFiles => answer
                .other_files
                .iter()
                .map(|path| Row::of(Role::Text, path))
                .collect(),
        }
    }

    /// The lines above the panes: what this is, by whom, when; what it meant.
    fn head_rows(&self, now: Timestamp) -> Vec<Row> {
        let Some(answer) = self.answer.value() else {
            return Vec::new();
        };
        let Some(entry) = &answer.commit else {
            let before = answer
                .before
                .as_ref()
                .map_or_else(|| "the empty tree".to_owned(), words::hash);
            return vec![
                Row::of(Role::Text, " from ")
                    .with(Role::Hash, &before)
                    .with(Role::Text, " to ")
                    .with(Role::Hash, &words::hash(&answer.after)),
            ];
        };
        let mut rows = vec![Row::of(Role::Text, " ").then(words::commit(&entry.line, now))];
        let pull = entry.pull.as_ref();
        if let Some(number) = pull.and_then(|pull| words::pull(pull.number, &entry.line.subject)) {
            rows[0].add(Role::Pull, &format!("  {number}"));
        }
        if entry.links.reverted_by.is_some() {
            rows[0].add(Role::Warning, "  ↶ reverted");
        }
        rows.extend(entry::links(entry).map(|links| Row::of(Role::Dim, " ").then(links)));
        if let Some(source) = entry.source.as_ref().filter(|_| entry.generated) {
            rows.push(Row::of(Role::Dim, " made from ").then(words::commit(source, now)));
        } else if let Some(meaning) = entry.meaning.first() {
            let more = if entry.meaning.len() > 1 {
                format!("  +{}", entry.meaning.len() - 1)
            } else {
                String::new()
            };
            rows.push(
                Row::of(Role::Text, " ")
                    .with(Role::Header, meaning)
                    .with(Role::Dim, &more),
            );
        }
        rows
    }

    pub fn facts(&self) -> Facts {
        let commit = self
            .answer
            .value()
            .and_then(|answer| answer.commit.as_ref());
        Facts {
            crumb: match &self.request.range {
                Range::Commit(rev) => short(rev).to_owned(),
                Range::Between(a, b) => format!("{}..{}", short(a), short(b)),
                Range::SinceMergeBase(a, b) => format!("{}...{}", short(a), short(b)),
            },
            position: self.browser.list.position(),
            filter: Some(self.browser.filter.text().to_owned()),
            tickets: self.answer.ticket().into_iter().collect(),
            times: commit.map(|entry| entry.line.time).into_iter().collect(),
            ..Facts::default()
        }
    }

    pub fn mouse(&mut self, mouse: Mouse, at: (u16, u16)) {
        self.browser.mouse(mouse, at, 0);
    }

    pub fn view(&self, look: Look, buf: &mut Buffer) {
        for (y, row) in (self.head.top()..self.head.bottom()).zip(self.head_rows(look.now)) {
            paint::line(buf, look.theme, self.head, y, &row, Style::new());
        }
        let mut title = self.browser.title(LIST, "Resources");
        let resources = self
            .answer
            .value()
            .map(|answer| answer.resources.as_slice())
            .unwrap_or_default();
        if self.answer.value().is_some() {
            title.add(Role::Dim, &format!(" · {} changed", resources.len()));
        }
        let name = resources
            .iter()
            .map(|diff| Row::of(Role::Text, &diff.resource.object.to_string()).width())
            .max()
            .unwrap_or(0)
            .min(36);
        self.browser.view_list(
            look,
            buf,
            &title,
            &standing(&self.answer),
            &self.says(),
            |at| self.line(at, name),
        );
        let title = match self.resource() {
            Some(diff) => {
                let (mark, _, role) = words::change_mark(diff.resource.change);
                Row::of(role, mark)
                    .with(Role::Text, " ")
                    .with(Role::Resource, &diff.resource.object.to_string())
                    .with(Role::Dim, " in ")
                    .with(Role::Environment, &diff.resource.environment)
            }
            None => self.browser.title(BODY + 1, "Detail"),
        };
        self.browser.view_doc(
            look,
            buf,
            BODY,
            &title,
            &Row::of(Role::Dim, self.mode.name()),
        );
        self.browser.view_doc(
            look,
            buf,
            BESIDE,
            &self.browser.title(BESIDE + 1, "Text"),
            &Row::new(),
        );
    }

    /// What the list says where it has no items.
    fn says(&self) -> Vec<Row> {
        match self.answer.value() {
            None => absent(&self.answer),
            Some(_) if !self.items.is_empty() => Vec::new(),
            Some(_) if !self.browser.filter.is_empty() => vec![Row::of(
                Role::Dim,
                "no resource passes the filter (esc clears it)",
            )],
            Some(_) if self.answer.is_waiting() => {
                vec![Row::of(Role::Dim, "… rendering both sides")]
            }
            Some(_) => vec![Row::of(Role::Dim, "no resource changes")],
        }
    }

    fn line(&self, at: usize, name: u16) -> Row {
        let Some(answer) = self.answer.value() else {
            return Row::new();
        };
        match self.items[at] {
            Item::Message => Row::of(Role::Dim, "  message"),
            Item::Resource(i) => rows::line(&answer.resources[i], name),
            Item::Routine(count) => Row::of(Role::Dim, &format!("+ {count} routine")),
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
        }
    }
}

pub fn not_rendered(lost: &NotRendered) -> Row {
    Row::of(Role::Warning, "! ").hang().with(
        Role::Text,
        &format!(
            "{} in {} could not be rendered: {}",
            lost.app, lost.environment, lost.why
        ),
    )
}

/// Everything as plain text, for the pager.
fn whole_text(answer: &Changes) -> String {
    let mut out = String::new();
    if let Some(entry) = &answer.commit {
        out.push_str(&format!("commit {}\n", entry.line.commit));
    }
    out.push_str(&format!("{}\n\n", crate::text::clean(&answer.message)));
    let manner = Manner {
        mode: Mode::Unified,
        noise: true,
        whole: true,
        width: u16::MAX,
    };
    for diff in &answer.resources {
        out.push_str(&format!("{}\n", rows::line(diff, 0).plain()));
        out.extend(
            rows::rows(diff, manner)
                .iter()
                .map(|row| row.plain() + "\n"),
        );
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
