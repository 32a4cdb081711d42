//! Which kubeconfig context an environment is compared with: the list one chooses from.
//!
//! Nothing is selected before one has moved or typed: a choice by accident would compare an environment with another's cluster.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::review::contexts::{Answer, By, Choice, Context, Environment};
use crate::tui::theme::{Role, Theme};
use crate::tui::widget::list::List;
use crate::tui::widget::popup::{TextLine, centred};
use crate::tui::widget::row::{Row, cut};
use crate::tui::widget::{paint, words};

/// What a key came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Picked {
    Open,
    Closed,
    Chosen(Choice),
    /// It cannot be done: why.
    Refused(String),
}

#[derive(Default)]
pub struct Picker {
    /// Whose context is chosen. Before the answer: the one that was shown.
    environment: Option<String>,
    answer: Option<Result<Answer, String>>,
    line: TextLine,
    /// What passes what was typed.
    found: Vec<Offer>,
    list: List,
    /// The user has said which line is meant.
    meant: bool,
    area: Rect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Offer {
    Context(usize),
    /// Take back what was chosen.
    Nothing,
}

/// No column is wider; the servers have the rest.
const WIDEST_NAME: u16 = 28;
const WIDEST_NAMESPACE: u16 = 14;
/// Lines that are no contexts: the frame, how it stands, what is typed, what is selected, the keys, and blanks between.
const OTHER_LINES: u16 = 10;
const SELECTED_LINES: u16 = 2;

impl Picker {
    pub fn of(environment: Option<&str>) -> Picker {
        Picker {
            environment: environment.map(str::to_owned),
            ..Picker::default()
        }
    }

    pub fn answer(&mut self, answer: Result<Answer, String>) {
        if let Ok(answer) = &answer {
            self.environment = subject(answer, self.environment.as_deref()).map(str::to_owned);
        }
        self.answer = Some(answer);
        self.find();
        self.go_to_the_chosen();
    }

    fn known(&self) -> Option<&Answer> {
        self.answer.as_ref()?.as_ref().ok()
    }

    fn environment(&self) -> Option<&Environment> {
        let name = self.environment.as_ref()?;
        let mut all = self.known()?.environments.iter();
        all.find(|environment| environment.name == *name)
    }

    /// The context it is compared with now.
    fn now(&self) -> Option<&(String, By)> {
        self.environment()?.context.as_ref().ok()
    }

    fn context(&self, offer: Offer) -> Option<&Context> {
        match offer {
            Offer::Context(at) => self.known()?.contexts.get(at),
            Offer::Nothing => None,
        }
    }

    fn find(&mut self) {
        let Some(answer) = self.known() else { return };
        let typed = self.line.text().to_lowercase();
        let passes = |context: &Context| {
            let text = format!("{} {} {}", context.name, context.server, namespace(context));
            let text = text.to_lowercase();
            typed.split_whitespace().all(|word| text.contains(word))
        };
        let passing = (0..answer.contexts.len()).filter(|at| passes(&answer.contexts[*at]));
        let mut found: Vec<Offer> = passing.map(Offer::Context).collect();
        if typed.is_empty() && self.now().is_some_and(|(_, by)| *by == By::Hand) {
            found.push(Offer::Nothing);
        }
        self.found = found;
    }

    /// The cursor goes to the context that is chosen, if one is.
    fn go_to_the_chosen(&mut self) {
        let name = self.now().map(|(name, _)| name.clone());
        let is_it = |offer: &Offer| {
            name.is_some() && self.context(*offer).map(|it| &it.name) == name.as_ref()
        };
        let at = self.found.iter().position(is_it);
        self.meant = at.is_some();
        self.list.at = at.unwrap_or(0);
    }

    /// The environments, from the one after this one on.
    fn next_environment(&self, forward: bool) -> Option<&str> {
        let all = &self.known()?.environments;
        let at = all
            .iter()
            .position(|it| Some(&it.name) == self.environment.as_ref())?;
        let step = if forward { 1 } else { all.len() - 1 };
        let next = all.get((at + step) % all.len())?;
        (all.len() > 1).then_some(next.name.as_str())
    }

    pub fn key(&mut self, event: KeyEvent) -> Picked {
        let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
        match event.code {
            KeyCode::Esc => return Picked::Closed,
            KeyCode::Enter => return self.choose(),
            KeyCode::Down => self.by(1),
            KeyCode::Up => self.by(-1),
            KeyCode::Char('n') if ctrl => self.by(1),
            KeyCode::Char('p') if ctrl => self.by(-1),
            KeyCode::Tab | KeyCode::BackTab => {
                let next = self.next_environment(event.code == KeyCode::Tab);
                if let Some(next) = next.map(str::to_owned) {
                    self.environment = Some(next);
                    self.find();
                    self.go_to_the_chosen();
                }
            }
            _ => {
                if self.line.key(event) {
                    self.typed();
                }
            }
        }
        Picked::Open
    }

    pub fn paste(&mut self, text: &str) {
        self.line.paste(text);
        self.typed();
    }

    fn typed(&mut self) {
        self.find();
        match self.line.text().is_empty() {
            true => self.go_to_the_chosen(),
            false => (self.list.at, self.meant) = (0, true),
        }
    }

    /// The first movement selects the line that the cursor would be on.
    fn by(&mut self, rows: isize) {
        if self.meant {
            self.list.by(rows);
        }
        self.meant = true;
    }

    fn choose(&self) -> Picked {
        let Some(environment) = self.environment() else {
            return Picked::Refused("there is nothing to choose from".to_owned());
        };
        if let Some((_, By::Name)) = self.now() {
            return Picked::Refused(named(&environment.name));
        }
        let offer = self.found.get(self.list.at).filter(|_| self.meant);
        let Some(offer) = offer else {
            return Picked::Refused("no context is selected".to_owned());
        };
        Picked::Chosen(Choice {
            environment: environment.name.clone(),
            context: self.context(*offer).cloned(),
        })
    }

    pub fn settle(&mut self, area: Rect) {
        // Of all: typing does not change its size.
        let all = self.known().map_or(0, |answer| answer.contexts.len());
        let lines = (all.max(3) + 1) as u16 + OTHER_LINES;
        let height = lines.min(area.height.saturating_sub(4)).min(30);
        let width = 110.min(area.width.saturating_sub(4));
        self.area = centred(area, width, height);
        let room = height.saturating_sub(OTHER_LINES);
        self.list.settle(self.found.len(), room);
    }

    pub fn view(&self, theme: &Theme, buf: &mut Buffer) {
        let mut title = Row::of(Role::FocusedTitle, "Context");
        if let Some(environment) = &self.environment {
            title = title
                .with(Role::FocusedTitle, " of ")
                .with(Role::Environment, environment);
        }
        if self.meant {
            title = title.gap().with(Role::Dim, &self.list.position());
        }
        let inner = paint::boxed(buf, theme, self.area, &title);
        let line = |buf: &mut Buffer, y, row: &Row| {
            if y < inner.bottom() {
                paint::line(buf, theme, inner, y, row, Style::new());
            }
        };
        for (y, row) in (inner.y..).zip(self.head(inner.width)) {
            line(buf, y, &row);
        }
        if self.known().is_none_or(|answer| answer.contexts.is_empty()) {
            return;
        }
        let lead = Row::of(Role::Key, "/ ");
        self.line.view(theme, buf, inner, inner.y + 2, &lead);
        let top = inner.y + 4;
        if self.found.is_empty() {
            line(buf, top, &Row::of(Role::Dim, "no context is called that"));
        }
        let foot = inner.bottom().saturating_sub(1);
        let widths = self.widths(inner.width);
        for (y, at) in (top..foot).zip(self.list.visible()) {
            let over = match self.meant && at == self.list.at {
                true => theme.style(Role::Selected),
                false => Style::new(),
            };
            let row = self.row(self.found[at], widths);
            paint::line(buf, theme, inner, y, &row, over);
        }
        let rows = self.selected(inner.width);
        for (y, row) in (foot.saturating_sub(SELECTED_LINES)..foot).zip(&rows) {
            line(buf, y, row);
        }
        line(buf, foot, &self.keys());
    }

    /// How it stands, or why nothing can be chosen.
    fn head(&self, width: u16) -> Vec<Row> {
        let answer = match &self.answer {
            None => return vec![words::loading()],
            Some(Err(error)) => {
                let mut lines = error.lines();
                let first = lines.next().unwrap_or_default();
                let mut rows = vec![Row::of(Role::Error, "✗ ").with(Role::Error, first)];
                rows.extend(lines.map(|line| Row::of(Role::Text, line)));
                return rows.iter().flat_map(|row| row.wrap(width)).collect();
            }
            Some(Ok(answer)) => answer,
        };
        if answer.contexts.is_empty() {
            let none = "The kubeconfig has no context (KUBECONFIG, else ~/.kube/config).";
            return Row::of(Role::Text, none).wrap(width);
        }
        let Some(environment) = self.environment() else {
            return vec![Row::of(Role::Dim, "no environment is in a cluster")];
        };
        let now = match &environment.context {
            Err(why) => {
                let (mark, role) = words::why_mark(why);
                let row = Row::of(role, mark).with(role, " ");
                row.with(role, &why.to_string())
            }
            Ok((name, by)) => Row::of(Role::Text, name).with(Role::Dim, "  ").with(
                Role::Dim,
                match by {
                    By::Name => "named by --context or the configuration",
                    By::Hand => "chosen here",
                    By::Server => "the one with the server that it is deployed to",
                },
            ),
        };
        let mut rows = vec![Row::of(Role::Dim, "now         ").then(now)];
        if let Some(cluster) = &environment.destination.cluster {
            let cluster = Row::of(Role::Dim, "deployed to ").with(Role::Text, cluster);
            rows.push(cluster);
        }
        rows
    }

    /// Of names, servers and namespaces.
    fn widths(&self, all: u16) -> [u16; 3] {
        let contexts = self.known().map(|answer| answer.contexts.as_slice());
        let widest = |text: fn(&Context) -> &str| {
            let contexts = contexts.unwrap_or_default().iter();
            let widths = contexts.map(|context| Row::of(Role::Text, text(context)).width());
            widths.max().unwrap_or(0)
        };
        let name = widest(|it| &it.name).min(WIDEST_NAME);
        let namespace = widest(namespace).min(WIDEST_NAMESPACE);
        let rest = all.saturating_sub(name + namespace + 8);
        [name, widest(|it| &it.server).min(rest), namespace]
    }

    fn row(&self, offer: Offer, [name, server, last]: [u16; 3]) -> Row {
        let Some(context) = self.context(offer) else {
            return Row::of(Role::Dim, "    none: take back what was chosen");
        };
        let column = |role, text: &str, width: u16| {
            Row::of(role, &cut(text, width))
                .pad(width)
                .with(Role::Text, "  ")
        };
        let is = |name: Option<&String>| name == Some(&context.name);
        let mark = match is(self.now().map(|(name, _)| name)) {
            true => Row::of(Role::Good, "✓ "),
            false => Row::of(Role::Text, "  "),
        };
        let star = match is(self.known().and_then(|answer| answer.current.as_ref())) {
            true => "* ",
            false => "  ",
        };
        mark.with(Role::Key, star)
            .then(column(Role::Text, &context.name, name))
            .then(column(Role::Dim, &context.server, server))
            .with(Role::Dim, &cut(namespace(context), last))
    }

    /// The selected one in full: the ends of long names tell them apart.
    fn selected(&self, width: u16) -> Vec<Row> {
        let offer = self.found.get(self.list.at).filter(|_| self.meant);
        let Some(context) = offer.and_then(|offer| self.context(*offer)) else {
            return Vec::new();
        };
        let row = Row::of(Role::Text, &context.name).with(Role::Dim, " @ ");
        row.with(Role::Dim, &context.server).wrap(width)
    }

    fn keys(&self) -> Row {
        let mut row = Row::new();
        let mut key = |key: &str, does: &str| {
            row = std::mem::take(&mut row)
                .gap()
                .with(Role::Key, key)
                .with(Role::Dim, " ")
                .with(Role::Dim, does);
        };
        key("enter", "chooses");
        if let Some(next) = self.next_environment(true) {
            key("tab", next);
        }
        key("esc", "leaves");
        key("*", "current in the kubeconfig");
        row
    }
}

fn namespace(context: &Context) -> &str {
    context.namespace.as_deref().unwrap_or_default()
}

/// Whose context is to be chosen: the one that is shown, else the first that has none.
pub fn subject<'a>(answer: &'a Answer, shown: Option<&str>) -> Option<&'a str> {
    let all = &answer.environments;
    let shown = all.iter().find(|it| Some(it.name.as_str()) == shown);
    let without = || all.iter().find(|it| it.context.is_err());
    let found = shown.or_else(without).or_else(|| all.first());
    found.map(|environment| environment.name.as_str())
}

/// Why nothing can be chosen for an environment whose context is named elsewhere.
pub fn named(environment: &str) -> String {
    format!("{environment}'s context is named by --context or the configuration")
}
