//! The whole state of the interface, and the only place that changes it: a message in, effects out.
//!
//! Each top-level screen (tab) keeps its own stack of places, so that coming back to a tab is coming back to where one was, filter
//! and cursor included.

use std::time::Duration;

use crossterm::event::{KeyEvent, KeyEventKind, MouseButton, MouseEvent, MouseEventKind};
use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Settings;
use super::ask::{Answer, Part, Question, Reply, Slot};
use super::chrome;
use super::cx::{Cx, Effect, Tone, Wish};
use super::keys::{Action, Chord, Keymap, Place, TABLE};
use super::screen::help::Help;
use super::screen::palette::{Choice, Palette};
use super::screen::{Look, Mouse, Screen, deployed, drift, resources, reverts, text, timeline};
use super::theme::{Role, Theme};
use super::widget::popup::{Confirm, Decision, Purpose, TextLine};
use super::widget::row::Row;
use crate::review::Header;

/// Whatever can happen.
#[derive(Debug)]
pub enum Message {
    Key(KeyEvent),
    Paste(String),
    Mouse(MouseEvent),
    Resize(u16, u16),
    Reply(Reply),
    /// Answers may have changed: the header as it is now, and the workspace's number for that state.
    Changed(Header, u64),
    /// An effect could not be done.
    Failed(String),
    /// Time has passed.
    Tick,
}

/// The top-level screens, in the order of their keys.
pub const TABS: &[(Action, Place)] = &[
    (Action::Deployed, Place::Deployed),
    (Action::Timeline, Place::Timeline),
    (Action::Resources, Place::Resources),
    (Action::Drift, Place::Drift),
    (Action::Reverts, Place::Reverts),
];

/// A screen, and for which state of the workspace it last asked; `None`: it never did.
struct Opened {
    screen: Screen,
    asked_for: Option<u64>,
}

/// One tab: its own screen, what was opened from it, and what was left by going back.
struct Tab {
    root: Opened,
    pushed: Vec<Opened>,
    forward: Vec<Opened>,
}

/// What lies over the screen and takes the keys.
enum Overlay {
    Filter { line: TextLine, before: String },
    TimeTravel(TextLine),
    Confirm(Confirm),
    Help(Help),
    Palette(Palette),
}

pub struct App {
    keymap: Keymap,
    theme: Theme,
    header: Header,
    now: Timestamp,
    /// The date or revision travelled to.
    at: Option<String>,
    area: Rect,
    tabs: Vec<Tab>,
    tab: usize,
    overlay: Option<Overlay>,
    message: Option<(Tone, String)>,
    next_ticket: u64,
    revision: u64,
    fetch: Slot<bool>,
}

impl App {
    /// The first screen, already asked for.
    pub fn new(
        settings: Settings,
        header: Header,
        now: Timestamp,
        size: (u16, u16),
    ) -> (App, Vec<Effect>) {
        let (keymap, problems) = Keymap::new(&settings.keys);
        let roots = [
            Screen::Deployed(deployed::Deployed::default()),
            Screen::Timeline(timeline::Timeline::default()),
            Screen::Resources(resources::Resources::default()),
            Screen::Drift(drift::Drift::default()),
            Screen::Reverts(reverts::Reverts::default()),
        ];
        let tab = |mut screen: Screen| {
            if screen.place() != Place::Reverts {
                screen.set_filter(&settings.filter);
            }
            Tab {
                root: Opened {
                    screen,
                    asked_for: None,
                },
                pushed: Vec::new(),
                forward: Vec::new(),
            }
        };
        let mut app = App {
            keymap,
            header,
            now,
            area: Rect::new(0, 0, size.0, size.1),
            tabs: roots.into_iter().map(tab).collect(),
            tab: 0,
            overlay: None,
            message: problems
                .first()
                .map(|problem| (Tone::Warning, problem.clone())),
            next_ticket: 0,
            revision: 0,
            fetch: Slot::default(),
            theme: settings.theme,
            at: settings.at,
        };
        let mut effects = Vec::new();
        app.show(&mut effects);
        app.settle();
        (app, effects)
    }

    /// Takes everything that happened since the last frame, in order.
    pub fn update(
        &mut self,
        messages: impl IntoIterator<Item = Message>,
        now: Timestamp,
    ) -> Vec<Effect> {
        self.now = now;
        let mut effects = Vec::new();
        for message in messages {
            self.take(message, &mut effects);
            self.settle();
        }
        effects
    }

    fn take(&mut self, message: Message, effects: &mut Vec<Effect>) {
        match message {
            Message::Key(event) if event.kind == KeyEventKind::Release => {}
            Message::Key(event) => self.key(event, effects),
            Message::Paste(text) => match &mut self.overlay {
                Some(Overlay::Filter { line, .. }) => {
                    line.paste(&text);
                    let text = line.text().to_owned();
                    self.screen_mut().set_filter(&text);
                }
                Some(Overlay::TimeTravel(line)) => line.paste(&text),
                Some(Overlay::Confirm(confirm)) => confirm.paste(&text),
                Some(Overlay::Palette(palette)) => palette.paste(&text),
                Some(Overlay::Help(_)) | None => {}
            },
            Message::Mouse(event) => self.mouse(event, effects),
            Message::Resize(width, height) => self.area = Rect::new(0, 0, width, height),
            Message::Reply(reply) => self.reply(reply, effects),
            Message::Changed(header, revision) => {
                self.header = header;
                self.revision = revision;
                self.show(effects);
            }
            Message::Failed(error) => self.message = Some((Tone::Error, error)),
            Message::Tick => {}
        }
    }

    /// Answers go to whoever holds their ticket; one that nobody holds is late and dropped.
    fn reply(&mut self, reply: Reply, effects: &mut Vec<Effect>) {
        if self.fetch.ticket() == Some(reply.ticket) {
            if let Answer::Fetch(part) = reply.answer {
                self.message = Some(match &part {
                    Part::Failed(error) => {
                        (Tone::Error, error.lines().collect::<Vec<_>>().join(" · "))
                    }
                    Part::Done(true) | Part::More(true) => {
                        (Tone::Good, "fetched: the branch has moved".to_owned())
                    }
                    Part::Done(false) | Part::More(false) => {
                        (Tone::Good, "fetched: nothing new".to_owned())
                    }
                });
                self.fetch.take(reply.ticket, part);
            }
            return;
        }
        let App {
            tabs,
            header,
            at,
            next_ticket,
            now,
            ..
        } = self;
        let screens = tabs.iter_mut().flat_map(|tab| {
            [&mut tab.root]
                .into_iter()
                .chain(&mut tab.pushed)
                .chain(&mut tab.forward)
        });
        let mut cx = Cx {
            now: *now,
            header,
            at: at.as_deref(),
            next_ticket,
            wishes: Vec::new(),
        };
        for opened in screens {
            if opened.screen.facts().tickets.contains(&reply.ticket) {
                opened.screen.reply(reply, &mut cx);
                break;
            }
        }
        let wishes = cx.wishes;
        self.grant(wishes, effects);
    }

    fn key(&mut self, event: KeyEvent, effects: &mut Vec<Effect>) {
        let chord = Chord::from(event);
        self.message = None;
        if self.keymap.is_ctrl_c(chord) {
            self.quit(effects);
            return;
        }
        if self.overlay.is_some() {
            self.overlay_key(event, effects);
            return;
        }
        let place = self.screen().place();
        match self.keymap.action(place, chord) {
            Some(action) => self.act(action, effects),
            None => {
                self.message = self.keymap.elsewhere(chord).map(|entry| {
                    let places: Vec<&str> = entry.places.iter().map(|place| place.name()).collect();
                    (
                        Tone::Note,
                        format!("{chord} ({}) is for: {}", entry.name, places.join(", ")),
                    )
                });
            }
        }
    }

    /// Does an action, if it can be done; else says why not.
    fn act(&mut self, action: Action, effects: &mut Vec<Effect>) {
        if let Some(why) = self.blocked(action) {
            self.message = Some((Tone::Warning, why));
            return;
        }
        if let Some(tab) = TABS.iter().position(|(of, _)| *of == action) {
            // The key of the tab one is in leads to its own screen.
            if tab == self.tab {
                let left = std::mem::take(&mut self.tabs[tab].pushed);
                self.tabs[tab].forward.extend(left.into_iter().rev());
            }
            self.tab = tab;
            self.show(effects);
            return;
        }
        match action {
            Action::Quit => self.quit(effects),
            Action::Out if self.tabs[self.tab].pushed.is_empty() && self.tab == 0 => {
                self.quit(effects)
            }
            Action::Out if self.tabs[self.tab].pushed.is_empty() => {
                self.tab = 0;
                self.show(effects);
            }
            Action::Out | Action::PlaceBack => self.back(effects),
            Action::Escape => {
                let facts = self.screen().facts();
                if facts.filter.is_some_and(|filter| !filter.is_empty()) {
                    self.screen_mut().set_filter("");
                } else if facts.marked {
                    self.with_screen(effects, |screen, cx| screen.act(Action::Escape, cx));
                } else if self.tabs[self.tab].pushed.is_empty() && self.at.is_some() {
                    self.travel(None, effects);
                } else {
                    self.back(effects);
                }
            }
            Action::PlaceForward => {
                let tab = &mut self.tabs[self.tab];
                if let Some(opened) = tab.forward.pop() {
                    tab.pushed.push(opened);
                    self.show(effects);
                }
            }
            Action::Filter => {
                let before = self.screen().facts().filter.unwrap_or_default();
                self.overlay = Some(Overlay::Filter {
                    line: TextLine::with(&before),
                    before,
                });
            }
            Action::TimeTravel => {
                self.overlay = Some(Overlay::TimeTravel(TextLine::with(
                    self.at.as_deref().unwrap_or_default(),
                )));
            }
            Action::Help => {
                self.overlay = Some(Overlay::Help(Help::new(
                    &self.keymap,
                    self.screen().place(),
                )))
            }
            Action::Palette => self.overlay = Some(Overlay::Palette(self.palette())),
            Action::Calls => self.push(Screen::Text(text::Text::calls()), effects),
            Action::Doctor => self.push(Screen::Text(text::Text::doctor()), effects),
            Action::Fetch => {
                let App {
                    fetch,
                    header,
                    at,
                    next_ticket,
                    now,
                    ..
                } = self;
                let mut cx = Cx {
                    now: *now,
                    header,
                    at: at.as_deref(),
                    next_ticket,
                    wishes: Vec::new(),
                };
                fetch.ask(&mut cx, Question::Fetch);
                let wishes = cx.wishes;
                self.message = Some((Tone::Note, "fetching…".to_owned()));
                self.grant(wishes, effects);
            }
            Action::Refresh => self.with_screen(effects, |screen, cx| screen.ask(cx)),
            other => self.with_screen(effects, |screen, cx| screen.act(other, cx)),
        }
    }

    /// Why an action cannot be done here and now.
    fn blocked(&self, action: Action) -> Option<String> {
        match action {
            Action::Fetch if self.header.offline => {
                Some("started with --offline: nothing is fetched".to_owned())
            }
            Action::Fetch if self.fetch.is_waiting() => Some("a fetch is under way".to_owned()),
            Action::PlaceForward if self.tabs[self.tab].forward.is_empty() => {
                Some("no place to go forward to".to_owned())
            }
            Action::PlaceBack if self.tabs[self.tab].pushed.is_empty() => {
                Some("this is the first place".to_owned())
            }
            _ => self.screen().blocked(action, &self.header),
        }
    }

    fn overlay_key(&mut self, event: KeyEvent, effects: &mut Vec<Effect>) {
        use crossterm::event::KeyCode;
        let Some(overlay) = self.overlay.take() else {
            return;
        };
        match overlay {
            Overlay::Filter { mut line, before } => match event.code {
                KeyCode::Enter => {}
                KeyCode::Esc => self.screen_mut().set_filter(&before),
                _ => {
                    if line.key(event) {
                        self.screen_mut().set_filter(line.text());
                    }
                    self.overlay = Some(Overlay::Filter { line, before });
                }
            },
            Overlay::TimeTravel(mut line) => match event.code {
                KeyCode::Enter => {
                    let to = line.text().trim().to_owned();
                    self.travel((!to.is_empty()).then_some(to), effects);
                }
                KeyCode::Esc => {}
                _ => {
                    line.key(event);
                    self.overlay = Some(Overlay::TimeTravel(line));
                }
            },
            Overlay::Confirm(mut confirm) => match confirm.key(event) {
                Decision::Open => self.overlay = Some(Overlay::Confirm(confirm)),
                Decision::No => self.message = Some((Tone::Note, "nothing was done".to_owned())),
                Decision::Yes if confirm.purpose == Purpose::Quit => effects.push(Effect::Quit),
                Decision::Yes => {
                    self.with_screen(effects, |screen, cx| screen.confirmed(confirm.purpose, cx))
                }
            },
            Overlay::Help(mut help) => {
                let action = self.keymap.action(Place::Text, Chord::from(event));
                let closes = matches!(
                    action,
                    Some(Action::Escape | Action::Out | Action::Help | Action::Quit)
                );
                if !closes {
                    help.act(action);
                    self.overlay = Some(Overlay::Help(help));
                }
            }
            Overlay::Palette(mut palette) => match event.code {
                KeyCode::Esc => {}
                KeyCode::Enter => {
                    if let Some(choice) = palette.chosen() {
                        self.choose(choice, effects);
                    }
                }
                _ => {
                    palette.key(event);
                    self.overlay = Some(Overlay::Palette(palette));
                }
            },
        }
    }

    fn palette(&self) -> Palette {
        let place = self.screen().place();
        let mut palette = Palette::default();
        for entry in TABLE.iter().filter(|entry| {
            entry.places.contains(&place) && entry.group != super::keys::Group::Move
        }) {
            palette.offer(
                entry.name,
                entry.about,
                &self.keymap.key(entry.action),
                self.blocked(entry.action),
                Choice::Act(entry.action),
            );
        }
        for (name, filter) in self.scopes() {
            palette.offer(&name, "resources there", "", None, Choice::Filter(filter));
        }
        palette.settle(self.area);
        palette
    }

    /// Environments, namespaces and kinds that are known, each with the filter that shows it.
    fn scopes(&self) -> Vec<(String, String)> {
        self.tabs
            .iter()
            .find_map(|tab| match &tab.root.screen {
                Screen::Deployed(screen) => Some(screen.scopes()),
                _ => None,
            })
            .unwrap_or_default()
    }

    fn choose(&mut self, choice: Choice, effects: &mut Vec<Effect>) {
        match choice {
            Choice::Act(action) => self.act(action, effects),
            Choice::Filter(filter) => {
                self.act(Action::Resources, effects);
                self.tabs[self.tab].pushed.clear();
                self.screen_mut().set_filter(&filter);
                self.show(effects);
            }
        }
    }

    fn travel(&mut self, to: Option<String>, effects: &mut Vec<Effect>) {
        if self.at == to {
            return;
        }
        self.at = to;
        // Every answer is about another time now.
        for tab in &mut self.tabs {
            for opened in [&mut tab.root]
                .into_iter()
                .chain(&mut tab.pushed)
                .chain(&mut tab.forward)
            {
                opened.asked_for = None;
            }
        }
        self.show(effects);
    }

    fn back(&mut self, effects: &mut Vec<Effect>) {
        let tab = &mut self.tabs[self.tab];
        if let Some(opened) = tab.pushed.pop() {
            tab.forward.push(opened);
            self.show(effects);
        }
    }

    fn push(&mut self, screen: Screen, effects: &mut Vec<Effect>) {
        let tab = &mut self.tabs[self.tab];
        tab.forward.clear();
        tab.pushed.push(Opened {
            screen,
            asked_for: None,
        });
        self.show(effects);
    }

    fn quit(&mut self, effects: &mut Vec<Effect>) {
        let busy = self.tabs.iter().find_map(|tab| match &tab.root.screen {
            Screen::Reverts(screen) => screen.unfinished(),
            _ => None,
        });
        // The second time is meant.
        let asked = matches!(&self.overlay, Some(Overlay::Confirm(confirm)) if confirm.purpose == Purpose::Quit);
        match busy.filter(|_| !asked) {
            None => effects.push(Effect::Quit),
            Some(what) => {
                let rows = vec![
                    Row::of(Role::Text, &what),
                    Row::of(
                        Role::Dim,
                        "It is journaled: it can be taken up again on the Reverts screen.",
                    ),
                ];
                self.overlay = Some(Overlay::Confirm(Confirm::new(
                    Purpose::Quit,
                    "Quit?",
                    rows,
                    "quit",
                    Vec::new(),
                )));
            }
        }
    }

    /// Asks for what is now in view, if that was not done for this state of the workspace.
    fn show(&mut self, effects: &mut Vec<Effect>) {
        let revision = self.revision;
        let top = self.top_mut();
        if top.asked_for != Some(revision) {
            top.asked_for = Some(revision);
            self.with_screen(effects, |screen, cx| screen.ask(cx));
        }
    }

    fn with_screen(
        &mut self,
        effects: &mut Vec<Effect>,
        change: impl FnOnce(&mut Screen, &mut Cx),
    ) {
        let App {
            tabs,
            tab,
            header,
            at,
            next_ticket,
            now,
            ..
        } = self;
        let mut cx = Cx {
            now: *now,
            header,
            at: at.as_deref(),
            next_ticket,
            wishes: Vec::new(),
        };
        let Tab { root, pushed, .. } = &mut tabs[*tab];
        change(&mut pushed.last_mut().unwrap_or(root).screen, &mut cx);
        let wishes = cx.wishes;
        self.grant(wishes, effects);
    }

    fn grant(&mut self, wishes: Vec<Wish>, effects: &mut Vec<Effect>) {
        for wish in wishes {
            match wish {
                Wish::Effect(effect) => effects.push(effect),
                Wish::Push(screen) => self.push(*screen, effects),
                Wish::Confirm(confirm) => self.overlay = Some(Overlay::Confirm(confirm)),
                Wish::Say(tone, text) => self.message = Some((tone, text)),
                Wish::Stage(preview) => {
                    self.back(effects);
                    self.tabs[self.tab].forward.clear();
                    self.act(Action::Reverts, effects);
                    self.with_screen(effects, |screen, cx| {
                        if let Screen::Reverts(reverts) = screen {
                            reverts.stage(preview, cx);
                        }
                    });
                }
            }
        }
    }

    fn mouse(&mut self, event: MouseEvent, effects: &mut Vec<Effect>) {
        let at = (event.column, event.row);
        let mouse = match event.kind {
            MouseEventKind::ScrollDown => Mouse::Wheel(3),
            MouseEventKind::ScrollUp => Mouse::Wheel(-3),
            MouseEventKind::Down(MouseButton::Left) => Mouse::Click,
            _ => return,
        };
        match (&mut self.overlay, mouse) {
            (Some(Overlay::Help(help)), Mouse::Wheel(rows)) => help.scroll(rows),
            (Some(_), _) => {}
            (None, _) => self.with_screen(effects, |screen, cx| screen.mouse(mouse, at, cx)),
        }
    }

    fn settle(&mut self) {
        let [_, _, body, ..] = chrome::regions(self.area);
        let now = self.now;
        self.screen_mut().settle(body, now);
        match &mut self.overlay {
            Some(Overlay::Help(help)) => help.settle(self.area),
            Some(Overlay::Palette(palette)) => palette.settle(self.area),
            _ => {}
        }
    }

    fn top_mut(&mut self) -> &mut Opened {
        let Tab { root, pushed, .. } = &mut self.tabs[self.tab];
        pushed.last_mut().unwrap_or(root)
    }

    fn screen_mut(&mut self) -> &mut Screen {
        &mut self.top_mut().screen
    }

    pub fn screen(&self) -> &Screen {
        let Tab { root, pushed, .. } = &self.tabs[self.tab];
        &pushed.last().unwrap_or(root).screen
    }

    /// When the next frame is due although nothing happens: in a second while something is under way, else when the next visible age
    /// changes, but not sooner than in a minute.
    pub fn deadline(&self) -> Duration {
        let facts = self.screen().facts();
        if facts.watches || !facts.tickets.is_empty() || self.fetch.is_waiting() {
            return Duration::from_secs(1);
        }
        let times = facts
            .times
            .into_iter()
            .chain([self.header.tip_time])
            .chain(self.header.tip.fetched);
        let next = times
            .map(|time| until_next_age(self.now, time))
            .min()
            .unwrap_or(3600);
        Duration::from_secs(next.clamp(60, 3600))
    }

    /// Draws everything. Reads only.
    pub fn view(&self, buf: &mut Buffer) {
        let theme = &self.theme;
        if self.area.width < chrome::SMALLEST.0 || self.area.height < chrome::SMALLEST.1 {
            chrome::too_small(theme, buf, self.area);
            return;
        }
        let [header, tabs, _, status, hints] = chrome::regions(self.area);
        chrome::header(
            theme,
            buf,
            header,
            &self.header,
            self.at.as_deref(),
            self.now,
        );
        chrome::tabs(theme, buf, tabs, &self.keymap, TABS, self.tab);
        self.screen().view(
            Look {
                theme,
                now: self.now,
            },
            buf,
        );
        let place = self.screen().place();
        match &self.overlay {
            Some(Overlay::Filter { line, .. }) => {
                line.view(theme, buf, status, status.y, &Row::of(Role::Key, " /"))
            }
            Some(Overlay::TimeTravel(line)) => {
                let lead = Row::of(Role::Key, " as of ")
                    .with(Role::Dim, "(2026-01-31, 2w, a revision; empty: now) ");
                line.view(theme, buf, status, status.y, &lead);
            }
            _ => self.status(buf, status),
        }
        chrome::hints(theme, buf, hints, &self.keymap, place, |action| {
            self.blocked(action).is_some()
        });
        match &self.overlay {
            Some(Overlay::Confirm(confirm)) => confirm.view(theme, buf, self.area),
            Some(Overlay::Help(help)) => help.view(theme, buf),
            Some(Overlay::Palette(palette)) => palette.view(theme, buf),
            Some(Overlay::Filter { .. } | Overlay::TimeTravel(_)) | None => {}
        }
    }

    fn status(&self, buf: &mut Buffer, area: Rect) {
        let facts = self.screen().facts();
        let Tab { root, pushed, .. } = &self.tabs[self.tab];
        let crumbs = [root]
            .into_iter()
            .chain(pushed)
            .map(|opened| opened.screen.facts().crumb)
            .collect();
        let mut progress = Row::of(Role::Dim, &facts.progress);
        if !facts.tickets.is_empty() || self.fetch.is_waiting() {
            progress = progress
                .gap()
                .with(Role::Progressing, chrome::spinner(self.now));
        }
        let status = chrome::Status {
            message: self.message.as_ref(),
            crumbs,
            filter: facts.filter.as_deref().unwrap_or_default(),
            position: facts.position,
            progress,
        };
        chrome::status(&self.theme, buf, area, &status);
    }

    /// A frame of this state, on a buffer of its size.
    pub fn frame(&self) -> Buffer {
        let mut buf = Buffer::empty(self.area);
        self.view(&mut buf);
        buf
    }
}

/// Seconds until [`crate::text::age`] of `then` reads differently.
fn until_next_age(now: Timestamp, then: Timestamp) -> u64 {
    let age = u64::try_from(now.as_second() - then.as_second()).unwrap_or(0);
    let unit = match age {
        0..3600 => 60,
        3600..86_400 => 3600,
        _ => 86_400,
    };
    unit - age % unit
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The deadline is not later than the change it is for, and never sooner than needed by more than a unit.
    #[test]
    fn an_age_changes_when_predicted() {
        let then = Timestamp::from_second(1_700_000_000).unwrap();
        for age in [60, 61, 119, 3599, 3600, 7199, 7300, 86_399, 86_400, 200_000] {
            let now = Timestamp::from_second(1_700_000_000 + age).unwrap();
            let due = until_next_age(now, then);
            let before = Timestamp::from_second(now.as_second() + due as i64 - 1).unwrap();
            let after = Timestamp::from_second(now.as_second() + due as i64).unwrap();
            assert_eq!(
                crate::text::age(before, then),
                crate::text::age(now, then),
                "{age}"
            );
            assert_ne!(
                crate::text::age(after, then),
                crate::text::age(now, then),
                "{age}"
            );
        }
    }
}
