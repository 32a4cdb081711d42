//! Texts to read: an object as YAML, the calls made so far, what works here.

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Facts, Look, Mouse, absent, standing};
use crate::review::common::{ResourceId, Selector};
use crate::review::{doctor, logs, resource};
use crate::tui::ask::{Answer, Question, Reply, Slot};
use crate::tui::cx::{Cx, Effect};
use crate::tui::keys::Action;
use crate::tui::theme::Role;
use crate::tui::widget::doc::Doc;
use crate::tui::widget::panes::Panes;
use crate::tui::widget::row::Row;
use crate::tui::widget::{textview, words};

pub struct Text {
    title: String,
    source: Source,
    /// Texts with their names; `tab` goes from one to the next.
    pages: Vec<(String, Doc)>,
    page: usize,
    panes: Panes,
}

/// Where the text comes from.
enum Source {
    Given,
    /// A resource as declared and as live.
    Resource(ResourceId, Slot<resource::Answer>),
    /// What a resource's crashing containers wrote.
    Logs(Selector, Slot<logs::Answer>),
    Calls(Slot<Vec<String>>),
    Doctor(Slot<doctor::Answer>),
}

impl Text {
    /// Texts that are there already: YAML, or why there is none.
    pub fn given(title: String, sides: Vec<(String, Result<String, Row>)>) -> Text {
        let pages = sides
            .into_iter()
            .map(|(name, text)| {
                let mut doc = Doc::default();
                doc.set(text.map_or_else(|why| vec![why], |text| textview::whole(&text)));
                (name, doc)
            })
            .collect();
        Text {
            title,
            source: Source::Given,
            pages,
            page: 0,
            panes: Panes::default(),
        }
    }

    /// A resource's YAML, as git declares it and as the cluster has it.
    pub fn resource(id: ResourceId) -> Text {
        let pages = ["declared", "live"].map(|name| (name.to_owned(), Doc::default()));
        let title = format!("{} in {}", id.object, id.environment);
        Text {
            title,
            source: Source::Resource(id, Slot::default()),
            pages: pages.into(),
            page: 0,
            panes: Panes::default(),
        }
    }

    /// What a resource's crashing containers wrote last.
    pub fn logs(id: &ResourceId) -> Text {
        let source = Source::Logs(id.selector(), Slot::default());
        let title = format!("Logs of {} in {}", id.object, id.environment);
        Text::asked(&title, source)
    }

    /// Every git, tool and HTTP call made.
    pub fn calls() -> Text {
        Text::asked("Calls", Source::Calls(Slot::default()))
    }

    /// What works here.
    pub fn doctor() -> Text {
        Text::asked("Doctor", Source::Doctor(Slot::default()))
    }

    fn asked(title: &str, source: Source) -> Text {
        let pages = vec![(title.to_owned(), Doc::wrapped())];
        Text {
            title: title.to_owned(),
            source,
            pages,
            page: 0,
            panes: Panes::default(),
        }
    }

    pub fn ask(&mut self, cx: &mut Cx) {
        match &mut self.source {
            Source::Given => {}
            Source::Resource(id, slot) => {
                let select = id.selector();
                slot.ask(cx, Question::Resource(resource::Request { select }));
            }
            Source::Logs(select, slot) => {
                let select = select.clone();
                slot.ask(cx, Question::Logs(logs::Request { select }));
            }
            Source::Calls(slot) => slot.ask(cx, Question::Calls),
            Source::Doctor(slot) => slot.ask(cx, Question::Doctor),
        }
        self.refill(cx.now);
    }

    pub fn reply(&mut self, reply: Reply, cx: &mut Cx) {
        let first = match (&mut self.source, reply.answer) {
            (Source::Resource(_, slot), Answer::Resource(part)) => {
                slot.take(reply.ticket, part);
                false
            }
            (Source::Logs(_, slot), Answer::Logs(part)) => {
                let first = slot.value().is_none();
                slot.take(reply.ticket, part);
                first
            }
            (Source::Calls(slot), Answer::Calls(part)) => {
                let first = slot.value().is_none();
                slot.take(reply.ticket, part);
                first
            }
            (Source::Doctor(slot), Answer::Doctor(part)) => {
                slot.take(reply.ticket, part);
                false
            }
            _ => false,
        };
        self.refill(cx.now);
        if first {
            // What is newest is the last line.
            self.doc_mut().map(|doc| doc.act(Action::Bottom));
        }
    }

    pub fn other_cluster(&mut self) {
        match &mut self.source {
            Source::Resource(_, slot) => slot.forget(),
            Source::Logs(_, slot) => slot.forget(),
            Source::Doctor(slot) => slot.forget(),
            Source::Given | Source::Calls(_) => {}
        }
    }

    fn refill(&mut self, now: Timestamp) {
        let pages = match &self.source {
            Source::Given => return,
            Source::Resource(_, slot) => match slot.value() {
                None => vec![absent(slot); 2],
                Some(answer) => sides(answer, now),
            },
            Source::Logs(_, slot) => match slot.value() {
                None => vec![absent(slot)],
                Some(answer) => {
                    let containers = answer.containers.iter();
                    vec![containers.flat_map(|it| container(it, now)).collect()]
                }
            },
            Source::Calls(slot) => match slot.value() {
                None => vec![absent(slot)],
                Some(calls) if calls.is_empty() => vec![vec![Row::of(Role::Dim, "no calls yet")]],
                Some(calls) => vec![calls.iter().map(|call| Row::of(Role::Text, call)).collect()],
            },
            Source::Doctor(slot) => match slot.value() {
                None => vec![absent(slot)],
                Some(answer) => vec![answer.checks.iter().flat_map(check).collect()],
            },
        };
        for ((_, doc), rows) in self.pages.iter_mut().zip(pages) {
            doc.set(rows);
        }
    }

    pub fn act(&mut self, action: Action, cx: &mut Cx) {
        match action {
            Action::NextPane => self.page = (self.page + 1) % self.pages.len().max(1),
            Action::PreviousPane => {
                self.page = (self.page + self.pages.len().max(1) - 1) % self.pages.len().max(1)
            }
            Action::Pager => {
                if let Some((_, doc)) = self.pages.get(self.page) {
                    cx.effect(Effect::Page(doc.plain()));
                }
            }
            other => {
                self.doc_mut().map(|doc| doc.act(other));
            }
        }
    }

    pub fn blocked(&self, action: Action) -> Option<String> {
        match action {
            Action::NextPane | Action::PreviousPane if self.pages.len() < 2 => {
                Some("there is one page".to_owned())
            }
            Action::NextMatch | Action::PreviousMatch
                if self.doc().is_none_or(|doc| doc.matches() == 0) =>
            {
                Some("nothing found: / searches".to_owned())
            }
            _ => None,
        }
    }

    fn doc(&self) -> Option<&Doc> {
        self.pages.get(self.page).map(|(_, doc)| doc)
    }

    fn doc_mut(&mut self) -> Option<&mut Doc> {
        self.pages.get_mut(self.page).map(|(_, doc)| doc)
    }

    pub fn set_filter(&mut self, text: &str) {
        for (_, doc) in &mut self.pages {
            doc.set_search(text);
        }
    }

    pub fn settle(&mut self, area: Rect) {
        self.panes.settle(area, vec![area]);
        let inner = self.panes.inner(0);
        for (_, doc) in &mut self.pages {
            doc.settle(inner.width, inner.height);
        }
    }

    pub fn facts(&self) -> Facts {
        let ticket = match &self.source {
            Source::Given => None,
            Source::Resource(_, slot) => slot.ticket(),
            Source::Logs(_, slot) => slot.ticket(),
            Source::Calls(slot) => slot.ticket(),
            Source::Doctor(slot) => slot.ticket(),
        };
        Facts {
            crumb: self.title.clone(),
            position: self.doc().map(Doc::position).unwrap_or_default(),
            filter: Some(
                self.doc()
                    .map(|doc| doc.search().to_owned())
                    .unwrap_or_default(),
            ),
            tickets: ticket.into_iter().collect(),
            ..Facts::default()
        }
    }

    pub fn mouse(&mut self, mouse: Mouse) {
        if let (Mouse::Wheel(rows), Some(doc)) = (mouse, self.doc_mut()) {
            doc.scroll(rows);
        }
    }

    pub fn view(&self, look: Look, buf: &mut Buffer) {
        let mut title = Row::of(Role::FocusedTitle, &self.title);
        if self.pages.len() > 1 {
            for (i, (name, _)) in self.pages.iter().enumerate() {
                title.add(Role::Dim, " · ");
                title = match i == self.page {
                    true => title.with(Role::ActiveTab, &format!("[{name}]")),
                    false => title.with(Role::Tab, name),
                };
            }
        }
        let note = match (&self.source, self.doc()) {
            (_, Some(doc)) if !doc.search().is_empty() => {
                Row::of(Role::Match, &format!("{} found", doc.matches()))
            }
            (Source::Resource(_, slot), _) => standing(slot),
            (Source::Logs(_, slot), _) => standing(slot),
            (Source::Calls(slot), _) => standing(slot),
            (Source::Doctor(slot), _) => standing(slot),
            _ => Row::new(),
        };
        if let (Some(area), Some(doc)) = (
            self.panes.frame(look.theme, buf, 0, &title, &note),
            self.doc(),
        ) {
            doc.view(look.theme, buf, area);
        }
    }
}

/// The declared and the live YAML, or why they are not there.
fn sides(answer: &resource::Answer, now: Timestamp) -> Vec<Vec<Row>> {
    let declared = match &answer.desired_text {
        Some(text) => textview::whole(text),
        None => vec![Row::of(Role::Dim, "git does not declare it any more")],
    };
    let live = match answer.live.value().map(|live| &live.text) {
        Some(Some(text)) => textview::whole(text),
        Some(None) => vec![Row::of(Role::Missing, "○ not in the cluster")],
        None => vec![words::standing(&answer.live, now)],
    };
    vec![declared, live]
}

/// A crashing container, and what it wrote.
fn container(container: &logs::Container, now: Timestamp) -> Vec<Row> {
    let run = if container.previous {
        ", the run before"
    } else {
        ""
    };
    let title = format!("{} {}", container.pod, container.container);
    let why = format!("  {}{run}", container.why);
    let mut rows = vec![Row::of(Role::Label, &title).with(Role::Degraded, &why)];
    match container.lines.value() {
        Some(lines) => rows.extend(lines.iter().map(|line| Row::of(Role::Text, line))),
        None => rows.push(words::standing(&container.lines, now)),
    }
    rows.push(Row::new());
    rows
}

fn check(check: &doctor::Check) -> Vec<Row> {
    let (mark, word, role) = match check.state {
        doctor::State::Fine => ("✓", "fine", Role::Good),
        doctor::State::Missing => ("–", "missing", Role::Warning),
        doctor::State::Failed => ("✗", "failed", Role::Error),
    };
    let mut rows = vec![
        Row::of(role, &format!("{mark} {word:<8} "))
            .with(Role::Label, &format!("{:<14} ", check.name))
            .with(Role::Text, &check.detail),
    ];
    rows.extend(
        check
            .hint
            .iter()
            .map(|hint| Row::of(Role::Dim, &format!("{:26}", "")).with(Role::Dim, hint)),
    );
    rows
}
