//! Where the cluster is not what git says: each resource with its fields, who wrote them, when, and the commit that last set them.

mod rows;

use std::cmp::Reverse;

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use rows::{explain, explain_unknown, line, unknown_line, written};

use super::{Facts, Look, Mouse, Screen, absent, standing};
use super::{change, resource, text};
use crate::review::change::Range;
use crate::review::common::{CommitLine, Selector};
use crate::review::drift::{Answer as Drifts, Request, Resource};
use crate::review::{Header, SyncState};
use crate::tui::ask::{Answer, Question, Reply, Slot};
use crate::tui::cx::{Cx, Effect, K9s, Tone};
use crate::tui::filter::{Facet, Filter};
use crate::tui::keys::Action;
use crate::tui::theme::Role;
use crate::tui::widget::browser::{Browser, LIST};
use crate::tui::widget::doc::Doc;
use crate::tui::widget::panes;
use crate::tui::widget::row::Row;
use crate::tui::widget::words;

pub struct Drift {
    answer: Slot<Drifts>,
    items: Vec<Item>,
    browser: Browser,
    sort: Sort,
    /// The API server is asked.
    dry_run: bool,
    /// Something may have changed since it was asked.
    older: bool,
}

/// A line of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    Resource(usize),
    /// Something that could not be compared.
    Unknown(usize),
    /// Something else to be known of the answer.
    Note(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Sort {
    #[default]
    Environment,
    /// Written last first.
    Newest,
}

/// No name is shown wider than this in the list.
const WIDEST: u16 = 40;

impl Default for Drift {
    fn default() -> Drift {
        Drift {
            answer: Slot::default(),
            items: Vec::new(),
            browser: Browser::with(vec![Doc::default()]),
            sort: Sort::default(),
            dry_run: false,
            older: false,
        }
    }
}

impl Drift {
    /// What the API server said stays until the user asks again: it is not to be asked with every change.
    pub fn ask(&mut self, cx: &mut Cx) {
        let said = self.answer.is_waiting() || self.answer.value().is_some();
        match self.dry_run && said {
            true => self.older = true,
            false => self.begin(cx, false),
        }
    }

    pub fn refresh(&mut self, cx: &mut Cx) {
        self.begin(cx, self.dry_run);
    }

    fn begin(&mut self, cx: &mut Cx, dry_run: bool) {
        (self.dry_run, self.older) = (dry_run, false);
        let request = Request {
            dry_run,
            ..Request::default()
        };
        self.answer.ask(cx, Question::Drift(request));
    }

    pub fn reply(&mut self, reply: Reply) {
        let selected = self.resource().map(|resource| resource.id.clone());
        if let Answer::Drift(part) = reply.answer
            && self.answer.take(reply.ticket, part)
        {
            self.refill();
            let same = selected.and_then(|id| {
                (0..self.items.len()).find(|at| {
                    self.resource_at(*at)
                        .is_some_and(|resource| resource.id == id)
                })
            });
            self.browser.list.at = same.unwrap_or(self.browser.list.at);
        }
    }

    /// The one that the selected line is in.
    pub fn environment(&self) -> Option<&str> {
        let answer = self.answer.value()?;
        match self.item()? {
            Item::Resource(i) => Some(&answer.resources.get(i)?.id.environment),
            Item::Unknown(i) => Some(&answer.unknown.get(i)?.environment),
            Item::Note(_) => None,
        }
    }

    pub fn other_cluster(&mut self) {
        self.answer.forget();
        self.items.clear();
    }

    fn refill(&mut self) {
        let Some(answer) = self.answer.value() else {
            return;
        };
        let mut rows: Vec<usize> = (0..answer.resources.len())
            .filter(|i| passes(&answer.resources[*i], &self.browser.filter))
            .collect();
        if self.sort == Sort::Newest {
            rows.sort_by_key(|i| Reverse(written(&answer.resources[*i])));
        }
        self.items = rows.into_iter().map(Item::Resource).collect();
        if self.browser.filter.is_empty() {
            self.items
                .extend((0..answer.unknown.len()).map(Item::Unknown));
            self.items.extend((0..answer.notes.len()).map(Item::Note));
        }
    }

    fn item(&self) -> Option<Item> {
        self.items.get(self.browser.list.at).copied()
    }

    fn resource_at(&self, at: usize) -> Option<&Resource> {
        match self.items.get(at)? {
            Item::Resource(i) => self.answer.value()?.resources.get(*i),
            Item::Unknown(_) | Item::Note(_) => None,
        }
    }

    fn resource(&self) -> Option<&Resource> {
        self.resource_at(self.browser.list.at)
    }

    /// The commit that last set the first field that has one.
    fn commit(&self) -> Option<&CommitLine> {
        self.resource()?
            .fields
            .iter()
            .find_map(|field| field.cause.commit.as_ref())
    }

    pub fn act(&mut self, action: Action, cx: &mut Cx) {
        if self.browser.act(action) {
            return;
        }
        if action == Action::Sort {
            self.sort = match self.sort {
                Sort::Environment => Sort::Newest,
                Sort::Newest => Sort::Environment,
            };
            let by = if self.sort == Sort::Newest {
                "sorted by who wrote last"
            } else {
                "sorted by environment"
            };
            cx.say(Tone::Note, by);
            self.refill();
            return;
        }
        if action == Action::DryRun {
            return self.begin(cx, !self.dry_run);
        }
        let Some(resource) = self.resource() else {
            return;
        };
        match action {
            Action::Enter => cx.push(Screen::Resource(resource::Resource::new(
                resource.id.clone(),
                None,
            ))),
            Action::Yaml => cx.push(Screen::Text(text::Text::resource(resource.id.clone()))),
            Action::Logs => cx.push(Screen::Text(text::Text::logs(&resource.id))),
            Action::Diff => {
                if let Some(commit) = self.commit() {
                    let select = Selector {
                        environment: Some(resource.id.environment.clone()),
                        ..Selector::default()
                    };
                    cx.push(Screen::Change(change::Change::new(
                        Range::Commit(commit.commit.to_string()),
                        select,
                    )));
                }
            }
            Action::Copy => cx.copy(resource.id.object.to_string()),
            Action::Pager => cx.effect(Effect::Page(
                self.browser.docs.iter().map(Doc::plain).collect(),
            )),
            Action::K9s => cx.effect(Effect::K9s(K9s::on(&resource.id.object, self.context()))),
            _ => {}
        }
    }

    /// The kubeconfig context of the selected resource's environment.
    fn context(&self) -> Option<&str> {
        let resource = self.resource()?;
        let environment = self
            .answer
            .value()?
            .clusters
            .iter()
            .find(|environment| environment.name == resource.id.environment)?;
        environment.cluster.value()?.context.as_deref()
    }

    pub fn blocked(&self, action: Action, header: &Header) -> Option<String> {
        let connected = || {
            let mut all = self.answer.value().into_iter().flat_map(|it| &it.clusters);
            all.any(|environment| environment.cluster.value().is_some())
        };
        match action {
            Action::DryRun => match header.settled {
                Some(why) => Some(format!("no API server can be asked: {why}")),
                None if !connected() => Some("no cluster is connected to yet".to_owned()),
                None => None,
            },
            Action::Enter
            | Action::Yaml
            | Action::Logs
            | Action::Copy
            | Action::Pager
            | Action::K9s
                if self.resource().is_none() =>
            {
                Some("no resource is selected".to_owned())
            }
            Action::Diff if self.commit().is_none() => {
                Some("no commit is known to have set these fields".to_owned())
            }
            Action::K9s if self.context().is_none() => {
                Some("no kubeconfig context is known for it".to_owned())
            }
            _ => None,
        }
    }

    pub fn set_filter(&mut self, text: &str) {
        self.browser.filter = Filter::parse(text);
        self.refill();
    }

    pub fn settle(&mut self, area: Rect, now: Timestamp) {
        let rects = match panes::is_wide(area) {
            true => panes::columns(area, &[1, 1]),
            false => panes::list_over_text(area, [2, 3], self.items.len()),
        };
        self.browser.settle(area, rects, self.items.len(), 0);
        let rows = match (self.item(), self.answer.value()) {
            (Some(Item::Resource(i)), Some(answer)) => explain(
                &answer.resources[i],
                answer,
                answer.dry_run && self.older,
                now,
                self.browser.size(0).0,
                self.browser.docs[0].wrap,
            ),
            (Some(Item::Unknown(i)), Some(answer)) => explain_unknown(&answer.unknown[i], answer),
            (Some(Item::Note(i)), Some(answer)) => {
                let note = Row::of(Role::Text, &answer.notes[i]);
                note.wrap(self.browser.size(0).0)
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
            .filter_map(|at| self.resource_at(at));
        let stale = self.answer.value().and_then(oldest);
        Facts {
            crumb: "Drift".to_owned(),
            position: self.browser.list.position(),
            filter: Some(self.browser.filter.text().to_owned()),
            tickets: self.answer.ticket().into_iter().collect(),
            times: visible.filter_map(written).chain(stale).collect(),
            ..Facts::default()
        }
    }

    pub fn mouse(&mut self, mouse: Mouse, at: (u16, u16)) {
        self.browser.mouse(mouse, at, 0);
    }

    pub fn view(&self, look: Look, buf: &mut Buffer) {
        let mut title = self.browser.title(LIST, "Drift");
        if let Some(answer) = self.answer.value() {
            let drifted = answer
                .resources
                .iter()
                .filter(|resource| resource.state != SyncState::Synced)
                .count();
            title.add(
                Role::Dim,
                &format!(" · {drifted} not as git says · {} in sync", answer.synced),
            );
            if let Some(at) = oldest(answer) {
                let read = format!(" · ~ read {}", words::since(look.now, at));
                title.add(Role::Warning, &read);
            }
            match (answer.dry_run, self.older) {
                (true, false) => title.add(Role::Good, " · server asked"),
                (true, true) => title.add(Role::Warning, " · ~ server asked"),
                (false, _) => {}
            }
        }
        let name = |item: Item| match item {
            Item::Resource(i) => Some(self.answer.value()?.resources.get(i)?.id.object.to_string()),
            Item::Unknown(i) => Some(self.answer.value()?.unknown.get(i)?.what.clone()),
            Item::Note(_) => None,
        };
        let width = |at: usize| Some(Row::of(Role::Text, &name(self.items[at])?).width());
        let name = (0..self.items.len())
            .filter_map(width)
            .max()
            .unwrap_or(0)
            .min(WIDEST);
        let some_stale = (0..self.items.len())
            .filter_map(|at| self.resource_at(at))
            .any(|resource| resource.health.as_of().is_some());
        self.browser.view_list(
            look,
            buf,
            &title,
            &self.standing(),
            &self.says(),
            |at| match (self.items[at], self.answer.value()) {
                (Item::Resource(i), Some(answer)) => {
                    line(&answer.resources[i], name, some_stale, look.now)
                }
                (Item::Unknown(i), Some(answer)) => {
                    unknown_line(&answer.unknown[i], name, some_stale)
                }
                (Item::Note(i), Some(answer)) => {
                    Row::of(Role::Warning, "! ").with(Role::Text, &answer.notes[i])
                }
                (_, None) => Row::new(),
            },
        );
        let title = match self.resource() {
            Some(resource) => self
                .browser
                .title(1, &resource.id.object.to_string())
                .with(Role::Dim, " in ")
                .with(Role::Environment, &resource.id.environment),
            None => self.browser.title(1, "Detail"),
        };
        self.browser.view_doc(look, buf, 0, &title, &Row::new());
    }

    fn standing(&self) -> Row {
        match self.answer.is_waiting() && self.dry_run {
            true => Row::of(Role::Dim, "… asking"),
            false => standing(&self.answer),
        }
    }

    /// No line: because all is well, because nothing passes, or because there is nothing to compare with.
    fn says(&self) -> Vec<Row> {
        let Some(answer) = self.answer.value() else {
            return absent(&self.answer);
        };
        if !self.items.is_empty() {
            return Vec::new();
        }
        if !self.browser.filter.is_empty() {
            return vec![Row::of(
                Role::Dim,
                "no resource passes the filter (esc clears it)",
            )];
        }
        if self.answer.is_waiting() {
            return vec![Row::of(Role::Dim, "… comparing")];
        }
        if answer
            .clusters
            .iter()
            .any(|environment| environment.cluster.value().is_some())
        {
            let all = format!(
                "all {} are as git says",
                words::count(answer.synced, "resource")
            );
            let (role, mark) = match oldest(answer) {
                None => (Role::Good, "✓ "),
                Some(_) => (Role::Warning, "~ "),
            };
            return vec![Row::of(role, mark).with(Role::Text, &all)];
        }
        let mut rows = vec![Row::of(Role::Text, "There is no cluster to compare with:")];
        let named = |name: &str| Row::of(Role::Environment, &format!("  {name:<16} ")).hang();
        rows.extend(
            answer
                .clusters
                .iter()
                .map(|environment| named(&environment.name).then(words::cluster(environment))),
        );
        rows
    }
}

/// When the oldest of what is shown or counted was last confirmed, where it is not any more.
fn oldest(answer: &Drifts) -> Option<Timestamp> {
    let listed = answer.resources.iter();
    let listed = listed.filter_map(|resource| resource.health.as_of());
    listed.chain(answer.stale).min()
}

fn passes(resource: &Resource, filter: &Filter) -> bool {
    let mut facets = vec![
        (Facet::Environment, resource.id.environment.as_str()),
        (Facet::App, resource.id.app.as_str()),
        (Facet::Kind, resource.id.object.kind.as_str()),
        (Facet::Word, resource.id.object.name.as_str()),
        (Facet::State, words::sync_mark(resource.state).1),
    ];
    facets.extend(
        resource
            .id
            .object
            .namespace
            .iter()
            .map(|namespace| (Facet::Namespace, namespace.as_str())),
    );
    facets.extend(
        resource
            .health
            .value()
            .map(|health| (Facet::State, words::health_mark(health.status).1)),
    );
    facets.extend(
        resource
            .fields
            .iter()
            .filter_map(|field| Some((Facet::Author, field.cause.manager.as_deref()?))),
    );
    filter.matches(&facets)
}
