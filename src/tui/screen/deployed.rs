//! What is deployed where: apps down, environments across, the selected cell explained beside or below.

use std::collections::BTreeSet;

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::{Facts, Look, Mouse, Screen, absent, labelled, standing};
use super::{change, resources, revert};
use crate::review::common::Selector;
use crate::review::deployed::{Answer as Deployments, App, Deployment, Request};
use crate::review::{HealthStatus, Known, change::Range};
use crate::tui::ask::{Answer, Question, Reply, Slot};
use crate::tui::cx::{Cx, Tone};
use crate::tui::filter::{Facet, Filter};
use crate::tui::keys::Action;
use crate::tui::theme::Role;
use crate::tui::widget::doc::Doc;
use crate::tui::widget::list::List;
use crate::tui::widget::paint;
use crate::tui::widget::panes::{self, Panes};
use crate::tui::widget::row::{Row, cut};
use crate::tui::widget::words;

pub struct Deployed {
    answer: Slot<Deployments>,
    /// Indices of the apps that pass the filter, in order.
    rows: Vec<usize>,
    list: List,
    /// The environment selected, and the first one in view.
    column: usize,
    first: usize,
    widths: Widths,
    sort: Sort,
    filter: Filter,
    panes: Panes,
    detail: Doc,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Sort {
    #[default]
    Name,
    /// Changed last first.
    Newest,
    /// Worst first.
    Health,
}

/// Columns of the matrix: the app's name, then each environment.
#[derive(Default)]
struct Widths {
    app: u16,
    environments: Vec<u16>,
}

const MATRIX: usize = 0;
const DETAIL: usize = 1;

impl Default for Deployed {
    fn default() -> Deployed {
        Deployed {
            answer: Slot::default(),
            rows: Vec::new(),
            list: List::default(),
            column: 0,
            first: 0,
            widths: Widths::default(),
            sort: Sort::default(),
            filter: Filter::default(),
            panes: Panes::default(),
            detail: Doc::wrapped(),
        }
    }
}

impl Deployed {
    pub fn ask(&mut self, cx: &mut Cx) {
        let request = Request {
            at: cx.at.map(str::to_owned),
            ..Request::default()
        };
        self.answer.ask(cx, Question::Deployed(request));
    }

    pub fn reply(&mut self, reply: Reply) {
        let selected = self.app().map(|app| app.name.clone());
        if let Answer::Deployed(part) = reply.answer
            && self.answer.take(reply.ticket, part)
        {
            self.refill(selected);
        }
    }

    /// Filters and sorts anew, with the same app selected as far as it is still there.
    fn refill(&mut self, selected: Option<String>) {
        let Some(answer) = self.answer.value() else {
            return;
        };
        let mut rows: Vec<usize> = (0..answer.apps.len())
            .filter(|i| passes(&answer.apps[*i], &self.filter))
            .collect();
        match self.sort {
            Sort::Name => rows.sort_by(|a, b| answer.apps[*a].name.cmp(&answer.apps[*b].name)),
            Sort::Newest => rows.sort_by_key(|i| std::cmp::Reverse(newest(&answer.apps[*i]))),
            Sort::Health => rows.sort_by_key(|i| std::cmp::Reverse(worst(&answer.apps[*i]))),
        }
        if let Some(at) =
            selected.and_then(|name| rows.iter().position(|i| answer.apps[*i].name == name))
        {
            self.list.at = at;
        }
        self.rows = rows;
    }

    fn app(&self) -> Option<&App> {
        self.answer.value()?.apps.get(*self.rows.get(self.list.at)?)
    }

    fn environment(&self) -> Option<&str> {
        self.answer
            .value()?
            .environments
            .get(self.column)
            .map(|environment| environment.name.as_str())
    }

    fn cell(&self) -> Option<&Deployment> {
        let environment = self.environment()?;
        self.app()?
            .deployments
            .iter()
            .find(|deployment| deployment.environment == environment)
    }

    pub fn act(&mut self, action: Action, cx: &mut Cx) {
        if self.panes.act(action) || (self.panes.focus == DETAIL && self.detail.act(action)) {
            return;
        }
        match action {
            Action::Left => self.column = self.column.saturating_sub(1),
            Action::Right => self.column += 1,
            Action::Sort => {
                self.sort = match self.sort {
                    Sort::Name => Sort::Newest,
                    Sort::Newest => Sort::Health,
                    Sort::Health => Sort::Name,
                };
                cx.say(Tone::Note, format!("sorted by {}", self.sort.name()));
                let selected = self.app().map(|app| app.name.clone());
                self.refill(selected);
            }
            Action::NextMatch => self.list.by(1),
            Action::PreviousMatch => self.list.by(-1),
            Action::Wrap => self.detail.wrap = !self.detail.wrap,
            Action::Enter => {
                if let (Some(app), Some(cell)) = (self.app(), self.cell()) {
                    cx.push(Screen::Resources(resources::Resources::of(
                        &cell.environment,
                        &app.name,
                    )));
                }
            }
            Action::Diff => {
                if let Some(since) = self.cell().and_then(|cell| cell.since.as_ref()) {
                    let select = Selector {
                        environment: self.environment().map(str::to_owned),
                        ..Selector::default()
                    };
                    cx.push(Screen::Change(change::Change::new(
                        Range::Commit(since.commit.to_string()),
                        select,
                    )));
                }
            }
            Action::Revert => {
                if let (Some(app), Some(cell)) = (self.app(), self.cell())
                    && let Some(since) = &cell.since
                {
                    let scope = crate::review::revert::Scope::App {
                        environment: cell.environment.clone(),
                        app: app.name.clone(),
                    };
                    cx.push(Screen::Revert(revert::Revert::new(
                        vec![since.clone()],
                        scope,
                    )));
                }
            }
            Action::Copy => match self.cell().and_then(|cell| cell.since.as_ref()) {
                Some(since) => cx.copy(since.commit.to_string()),
                None => {
                    if let Some(app) = self.app() {
                        cx.copy(app.name.clone());
                    }
                }
            },
            other => {
                self.list.act(other);
            }
        }
    }

    pub fn blocked(&self, action: Action) -> Option<String> {
        match action {
            Action::Enter | Action::Diff | Action::Revert | Action::Copy
                if self.app().is_none() =>
            {
                Some("nothing is selected".to_owned())
            }
            Action::Enter | Action::Diff | Action::Revert if self.cell().is_none() => {
                let app = self.app().map(|app| app.name.as_str()).unwrap_or_default();
                Some(format!(
                    "{app} is not deployed to {}",
                    self.environment().unwrap_or_default()
                ))
            }
            Action::Diff | Action::Revert => {
                let cell = self.cell()?;
                match (&cell.since, cell.searching) {
                    (Some(_), _) => None,
                    (None, true) => {
                        Some("still looking for the commit that set this version".to_owned())
                    }
                    (None, false) => Some("no commit that set this version was found".to_owned()),
                }
            }
            _ => None,
        }
    }

    pub fn set_filter(&mut self, text: &str) {
        let selected = self.app().map(|app| app.name.clone());
        self.filter = Filter::parse(text);
        self.refill(selected);
    }

    /// Environments, namespaces and kinds by name, each with the filter that shows it.
    pub fn scopes(&self) -> Vec<(String, String)> {
        let Some(answer) = self.answer.value() else {
            return Vec::new();
        };
        let mut filters = BTreeSet::new();
        for deployment in answer.apps.iter().flat_map(|app| &app.deployments) {
            filters.insert((0, format!("env:{}", deployment.environment)));
            for resource in &deployment.resources {
                filters.extend(
                    resource
                        .object
                        .namespace
                        .as_ref()
                        .map(|namespace| (1, format!("ns:{namespace}"))),
                );
                filters.insert((2, format!("kind:{}", resource.object.kind)));
            }
        }
        filters
            .into_iter()
            .map(|(_, filter)| (filter.clone(), filter))
            .collect()
    }

    pub fn settle(&mut self, area: Rect, now: Timestamp) {
        let rects = match panes::is_wide(area) {
            true => panes::columns(area, &[3, 2]),
            false => panes::rows(area, &[3, 2]),
        };
        self.panes.settle(area, rects);
        let matrix = self.panes.inner(MATRIX);
        self.list
            .settle(self.rows.len(), matrix.height.saturating_sub(1));
        let environments = self
            .answer
            .value()
            .map_or(0, |answer| answer.environments.len());
        self.column = self.column.min(environments.saturating_sub(1));
        self.widths = self.measure(now, matrix.width);
        self.scroll_columns(matrix.width);
        let rows = self.explain(now);
        self.detail.set(rows);
        let detail = self.panes.inner(DETAIL);
        self.detail.settle(detail.width, detail.height);
    }

    fn measure(&self, now: Timestamp, width: u16) -> Widths {
        let Some(answer) = self.answer.value() else {
            return Widths::default();
        };
        let shown = || self.rows.iter().map(|i| &answer.apps[*i]);
        let app = shown()
            .map(|app| Row::of(Role::Text, &app.name).width())
            .max()
            .unwrap_or(0)
            .clamp(3, (width / 3).max(8));
        let environments = answer.environments.iter().map(|environment| {
            let cells = shown().filter_map(|app| {
                app.deployments
                    .iter()
                    .find(|cell| cell.environment == environment.name)
            });
            let widest = cells
                .map(|cell| cell_row(cell, now).width())
                .max()
                .unwrap_or(0);
            widest
                .max(Row::of(Role::Text, &environment.name).width())
                .clamp(6, 34)
        });
        Widths {
            app,
            environments: environments.collect(),
        }
    }

    /// Moves the window over the environments so that the selected one is in it.
    fn scroll_columns(&mut self, width: u16) {
        self.first = self.first.min(self.column);
        let room = width.saturating_sub(self.widths.app + 2);
        while self.first < self.column {
            let used: u16 = self
                .widths
                .environments
                .iter()
                .take(self.column + 1)
                .skip(self.first)
                .map(|width| width + 2)
                .sum();
            if used <= room {
                break;
            }
            self.first += 1;
        }
    }

    /// The rows of the detail pane.
    fn explain(&self, now: Timestamp) -> Vec<Row> {
        let Some(answer) = self.answer.value() else {
            return Vec::new();
        };
        let mut rows = Vec::new();
        let environment = answer.environments.get(self.column);
        if let (Some(app), Some(environment)) = (self.app(), environment) {
            match self.cell() {
                Some(cell) => {
                    rows.extend(explain_cell(cell, now));
                    rows.push(labelled(
                        "applied by",
                        Row::of(Role::Text, words::deployer(environment.deployer)),
                    ));
                    if environment.protected {
                        rows.push(labelled(
                            "protected",
                            Row::of(Role::Warning, "staging asks for the environment's name"),
                        ));
                    }
                    rows.push(labelled("cluster", words::cluster(environment)));
                    rows.push(labelled("resources", resources_row(cell)));
                }
                None => rows.push(Row::of(
                    Role::Dim,
                    &format!("{} is not deployed to {}", app.name, environment.name),
                )),
            }
            for lost in answer
                .not_rendered
                .iter()
                .filter(|lost| lost.app == app.name && lost.environment == environment.name)
            {
                rows.push(labelled(
                    "not drawn",
                    Row::of(Role::Warning, "! ").with(Role::Warning, &lost.why),
                ));
            }
        }
        if !answer.notes.is_empty() {
            rows.push(Row::new());
            rows.extend(
                answer
                    .notes
                    .iter()
                    .map(|note| Row::of(Role::Warning, "! ").with(Role::Text, note)),
            );
        }
        rows
    }

    pub fn facts(&self) -> Facts {
        let visible = self.list.visible();
        let answer = self.answer.value();
        let times = visible
            .filter_map(|at| answer?.apps.get(*self.rows.get(at)?))
            .flat_map(|app| &app.deployments)
            .filter_map(|cell| Some(cell.since.as_ref()?.time));
        Facts {
            crumb: "Deployed".to_owned(),
            position: self.list.position(),
            filter: Some(self.filter.text().to_owned()),
            tickets: self.answer.ticket().into_iter().collect(),
            times: times.collect(),
            ..Facts::default()
        }
    }

    pub fn mouse(&mut self, mouse: Mouse, at: (u16, u16)) {
        let Some((pane, line)) = self.panes.hit(at.0, at.1) else {
            return;
        };
        match (mouse, pane) {
            (Mouse::Wheel(rows), MATRIX) => self.list.scroll(rows),
            (Mouse::Wheel(rows), _) => self.detail.scroll(rows),
            (Mouse::Click, MATRIX) => {
                self.panes.focus = MATRIX;
                if let Some(line) = line.and_then(|line| line.checked_sub(1)) {
                    self.list.click(line);
                }
                let mut x = self.panes.inner(MATRIX).x + self.widths.app + 2;
                for (i, width) in self.widths.environments.iter().enumerate().skip(self.first) {
                    if (x..x + width + 2).contains(&at.0) {
                        self.column = i;
                    }
                    x += width + 2;
                }
            }
            (Mouse::Click, _) => self.panes.focus = pane,
        }
    }

    pub fn view(&self, look: Look, buf: &mut Buffer) {
        let title = self.title();
        if let Some(area) =
            self.panes
                .frame(look.theme, buf, MATRIX, &title, &standing(&self.answer))
        {
            match self.answer.value() {
                None => {
                    for (y, row) in (area.top()..area.bottom()).zip(absent(&self.answer)) {
                        paint::line(buf, look.theme, area, y, &row, Style::new());
                    }
                }
                Some(answer) => self.matrix(look, buf, area, answer),
            }
        }
        let title = match (self.app(), self.environment()) {
            (Some(app), Some(environment)) => Row::of(Role::Title, &app.name)
                .with(Role::Dim, " in ")
                .with(Role::Environment, environment),
            _ => Row::of(Role::Title, "Detail"),
        };
        let note = Row::of(Role::Dim, &self.detail.position());
        if let Some(area) = self.panes.frame(look.theme, buf, DETAIL, &title, &note) {
            self.detail.view(look.theme, buf, area);
        }
    }

    fn title(&self) -> Row {
        let role = if self.panes.focus == MATRIX {
            Role::FocusedTitle
        } else {
            Role::Title
        };
        let row = Row::of(role, "Deployed");
        match self.answer.value() {
            Some(answer) => {
                let apps = match self.filter.is_empty() {
                    true => words::count(answer.apps.len(), "app"),
                    false => format!(
                        "{} of {}",
                        self.rows.len(),
                        words::count(answer.apps.len(), "app")
                    ),
                };
                let environments = words::count(answer.environments.len(), "environment");
                let row = row.with(Role::Dim, &format!(" · {apps} · {environments}"));
                if self.sort == Sort::Name {
                    row
                } else {
                    row.with(Role::Dim, &format!(" · by {}", self.sort.name()))
                }
            }
            None => row,
        }
    }

    fn matrix(&self, look: Look, buf: &mut Buffer, area: Rect, answer: &Deployments) {
        let theme = look.theme;
        if answer.apps.is_empty() {
            let mut rows = vec![Row::of(
                Role::Text,
                "Nothing is deployed from this repository, as far as its layout is understood.",
            )];
            rows.push(Row::of(Role::Dim, "D shows what was looked for; a .gitopsy.toml at its root can name environments and apps."));
            for (y, row) in
                (area.top()..area.bottom()).zip(rows.iter().flat_map(|row| row.wrap(area.width, 0)))
            {
                paint::line(buf, theme, area, y, &row, Style::new());
            }
            return;
        }
        let mut x = area.x + self.widths.app + 2;
        paint::row(
            buf,
            theme,
            (area.x, area.y),
            self.widths.app,
            &Row::of(Role::Label, "app"),
            Style::new(),
        );
        let mut columns = Vec::new();
        for (i, environment) in answer.environments.iter().enumerate().skip(self.first) {
            let width = self.widths.environments[i].min(area.right().saturating_sub(x));
            if width < 3 {
                break;
            }
            let role = if i == self.column {
                Role::Environment
            } else {
                Role::Label
            };
            paint::row(
                buf,
                theme,
                (x, area.y),
                width,
                &Row::of(role, &environment.name),
                Style::new(),
            );
            columns.push((i, x, width));
            x += width + 2;
        }
        if columns
            .last()
            .is_some_and(|(last, ..)| last + 1 < answer.environments.len())
        {
            paint::right(
                buf,
                theme,
                area,
                area.y,
                &Row::of(Role::Dim, "→"),
                Style::new(),
            );
        }
        if self.rows.is_empty() {
            paint::line(
                buf,
                theme,
                area,
                area.y + 1,
                &Row::of(Role::Dim, "no app passes the filter (esc clears it)"),
                Style::new(),
            );
        }
        for (y, at) in (area.y + 1..area.bottom()).zip(self.list.visible()) {
            let app = &answer.apps[self.rows[at]];
            let selected = at == self.list.at;
            let over = if selected {
                theme.style(Role::SelectedElsewhere)
            } else {
                Style::new()
            };
            let name = Row::of(Role::Text, &cut(&app.name, self.widths.app));
            paint::line(buf, theme, area, y, &name, over);
            for (i, x, width) in &columns {
                let cell = app
                    .deployments
                    .iter()
                    .find(|cell| cell.environment == answer.environments[*i].name);
                let row =
                    cell.map_or_else(|| Row::of(Role::Dim, "·"), |cell| cell_row(cell, look.now));
                let here = selected && *i == self.column && self.panes.focus == MATRIX;
                let over = if here {
                    theme.style(Role::Selected)
                } else {
                    over
                };
                paint::row(buf, theme, (*x, y), *width, &row.pad(*width), over);
            }
        }
    }
}

impl Sort {
    fn name(self) -> &'static str {
        match self {
            Sort::Name => "name",
            Sort::Newest => "newest",
            Sort::Health => "health",
        }
    }
}

/// `● 1.4.2 2h ≠2 ↓`
fn cell_row(cell: &Deployment, now: Timestamp) -> Row {
    let mut row = match &cell.live {
        Known::Loading => Row::of(Role::Dim, "…"),
        Known::Unavailable(why) => {
            let (mark, role) = words::why_mark(why);
            Row::of(role, mark)
        }
        Known::Fresh(live) | Known::Stale(live, _) => {
            let (mark, _, role) = words::health_mark(live.health.status);
            Row::of(role, mark)
        }
    };
    row.add(Role::Text, " ");
    row.add(Role::Version, cell.version.as_deref().unwrap_or("–"));
    match (&cell.since, cell.searching) {
        (Some(since), _) => {
            row = row
                .with(Role::Text, " ")
                .with(Role::Age, &words::age(now, since.time))
        }
        (None, true) => row = row.with(Role::Text, " ").with(Role::Dim, "…"),
        (None, false) => {}
    }
    if let Some(live) = cell.live.value() {
        if live.drifted > 0 {
            row = row
                .with(Role::Text, " ")
                .with(Role::Drift, &format!("≠{}", live.drifted));
        }
        if matches!(cell.live, Known::Stale(..)) {
            row = row.with(Role::Text, " ").with(Role::Warning, "~");
        }
    }
    if cell.behind.is_some() {
        row = row.with(Role::Text, " ").with(Role::Behind, "↓");
    }
    row
}

pub fn explain_cell(cell: &Deployment, now: Timestamp) -> Vec<Row> {
    let mut version = Row::of(
        Role::Version,
        cell.version.as_deref().unwrap_or("no version"),
    );
    if let Some(previous) = &cell.previous {
        version = version
            .with(Role::Dim, "  before: ")
            .with(Role::Text, previous);
    }
    let mut rows = vec![labelled("version", version)];
    rows.push(match (&cell.since, cell.searching) {
        (Some(since), _) => labelled("since", words::commit(since, now)),
        (None, true) => labelled("since", Row::of(Role::Dim, "… looking for the commit")),
        (None, false) => labelled("since", Row::of(Role::Dim, "no commit found")),
    });
    match cell.live.value() {
        None => rows.push(labelled("live", words::standing(&cell.live, now))),
        Some(live) => {
            rows.push(labelled("live", words::health(&live.health)));
            let (mark, word, role) = words::sync_mark(live.sync);
            let mut sync = Row::of(role, mark).with(role, " ").with(role, word);
            if live.drifted > 0 {
                sync = sync.with(Role::Text, &format!(", {} from git", differ(live.drifted)));
            }
            if live.version.is_some() && live.version != cell.version {
                let version = live.version.as_deref().unwrap_or_default();
                sync = sync
                    .with(Role::Drift, "  runs ")
                    .with(Role::Version, version);
            }
            rows.push(labelled(
                "",
                sync.gap().then(words::standing(&cell.live, now)),
            ));
        }
    }
    if let Some(ahead) = &cell.behind {
        rows.push(labelled(
            "behind",
            Row::of(Role::Behind, "↓ ")
                .with(Role::Environment, ahead)
                .with(Role::Text, " runs another version"),
        ));
    }
    for (i, image) in cell.images.iter().enumerate() {
        rows.push(labelled(
            if i == 0 { "images" } else { "" },
            Row::of(Role::Text, image),
        ));
    }
    rows.extend(
        cell.chart
            .iter()
            .map(|chart| labelled("chart", Row::of(Role::Text, chart))),
    );
    rows.extend(
        cell.namespace
            .iter()
            .map(|namespace| labelled("namespace", Row::of(Role::Text, namespace))),
    );
    rows
}

fn differ(n: usize) -> String {
    if n == 1 {
        "1 object differs".to_owned()
    } else {
        format!("{n} objects differ")
    }
}

fn resources_row(cell: &Deployment) -> Row {
    let mut row = Row::of(Role::Text, &cell.resources.len().to_string());
    for (i, resource) in cell.resources.iter().enumerate() {
        row = row
            .with(Role::Dim, if i == 0 { "  " } else { ", " })
            .with(Role::Text, &resource.object.to_string());
    }
    row
}

/// An app is shown when one of its cells has everything the filter asks for.
fn passes(app: &App, filter: &Filter) -> bool {
    filter.is_empty()
        || app.deployments.iter().any(|cell| {
            let mut facets = vec![
                (Facet::App, app.name.as_str()),
                (Facet::Environment, &cell.environment),
            ];
            facets.extend(
                cell.namespace
                    .iter()
                    .map(|namespace| (Facet::Namespace, namespace.as_str())),
            );
            facets.extend(
                cell.version
                    .iter()
                    .map(|version| (Facet::Word, version.as_str())),
            );
            facets.extend(
                cell.images
                    .iter()
                    .map(|image| (Facet::Word, image.as_str())),
            );
            facets.extend(
                cell.resources
                    .iter()
                    .map(|resource| (Facet::Kind, resource.object.kind.as_str())),
            );
            if let Some(since) = &cell.since {
                facets.extend([
                    (Facet::Author, since.author.name.as_str()),
                    (Facet::Word, since.subject.as_str()),
                ]);
            }
            if let Some(live) = cell.live.value() {
                facets.push((Facet::State, words::health_mark(live.health.status).1));
                facets.push((Facet::State, words::sync_mark(live.sync).1));
            }
            facets.extend(cell.behind.iter().map(|_| (Facet::State, "behind")));
            filter.matches(&facets)
        })
}

fn newest(app: &App) -> Option<Timestamp> {
    app.deployments
        .iter()
        .filter_map(|cell| Some(cell.since.as_ref()?.time))
        .max()
}

/// How bad the worst cell is.
fn worst(app: &App) -> u8 {
    let badness = |status: HealthStatus| match status {
        HealthStatus::Degraded => 5,
        HealthStatus::Missing => 4,
        HealthStatus::Progressing => 3,
        HealthStatus::Unknown => 2,
        HealthStatus::Suspended => 1,
        HealthStatus::Healthy => 0,
    };
    app.deployments
        .iter()
        .filter_map(|cell| cell.live.value())
        .map(|live| badness(live.health.status))
        .max()
        .unwrap_or(0)
}
