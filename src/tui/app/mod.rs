//! The whole state of the interface, and the only place that changes it: a message in, effects out.

mod contexts;
mod places;
mod view;

use crossterm::event::{KeyEvent, KeyEventKind, MouseButton, MouseEvent, MouseEventKind};
use jiff::Timestamp;
use ratatui::layout::Rect;

use self::places::{Opened, Places, TABS};
use super::Settings;
use super::ask::{Answer, Part, Question, Reply, Slot, Ticket};
use super::chrome;
use super::cx::{Cx, Effect, Tone, Wish};
use super::keys::{Action, Chord, Keymap, Place, TABLE};
use super::screen::contexts::Picker;
use super::screen::help::Help;
use super::screen::palette::{Choice, Palette};
use super::screen::{Mouse, Screen, deployed, drift, resources, reverts, text, timeline};
use super::theme::{Role, Theme};
use super::widget::popup::{Confirm, Decision, Purpose, TextLine};
use super::widget::row::Row;
use crate::review::{Header, Rendered, contexts as choices, log};

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

/// What lies over the screen and takes the keys.
enum Overlay {
    Filter { line: TextLine, before: String },
    TimeTravel(TextLine),
    Confirm(Confirm),
    Help(Help),
    Palette(Palette),
    Contexts(Picker),
}

pub struct App {
    keymap: Keymap,
    theme: Theme,
    header: Header,
    now: Timestamp,
    /// The date or revision travelled to.
    at: Option<String>,
    area: Rect,
    places: Places,
    overlay: Option<Overlay>,
    message: Option<(Tone, String)>,
    next_ticket: u64,
    revision: u64,
    own: Own,
    /// What was told last of renderings, and for which answer.
    rendered: Option<(Ticket, Rendered)>,
}

/// What is asked for no screen.
#[derive(Default)]
struct Own {
    fetch: Slot<bool>,
    contexts: Slot<choices::Answer>,
    chosen: Slot<choices::Chosen>,
}

impl App {
    /// The first screen, already asked for. `newest`: commits that the timeline has before it is asked for.
    pub fn new(
        settings: Settings,
        header: Header,
        newest: Option<log::Answer>,
        now: Timestamp,
        size: (u16, u16),
    ) -> (App, Vec<Effect>) {
        let (keymap, problems) = Keymap::new(&settings.keys);
        let mut roots = [
            Screen::Deployed(deployed::Deployed::default()),
            Screen::Timeline(newest.map_or_else(Default::default, timeline::Timeline::showing)),
            Screen::Resources(resources::Resources::default()),
            Screen::Drift(drift::Drift::default()),
            Screen::Reverts(reverts::Reverts::default()),
        ];
        for root in roots
            .iter_mut()
            .filter(|root| root.place() != Place::Reverts)
        {
            root.set_filter(&settings.filter);
        }
        let mut app = App {
            keymap,
            header,
            now,
            area: Rect::new(0, 0, size.0, size.1),
            places: Places::new(roots),
            overlay: None,
            message: problems
                .first()
                .map(|problem| (Tone::Warning, problem.clone())),
            next_ticket: 0,
            revision: 0,
            own: Own::default(),
            rendered: None,
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
                    self.filter(&text, effects);
                }
                Some(Overlay::TimeTravel(line)) => line.paste(&text),
                Some(Overlay::Confirm(confirm)) => confirm.paste(&text),
                Some(Overlay::Palette(palette)) => palette.paste(&text),
                Some(Overlay::Contexts(picker)) => picker.paste(&text),
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
        if self.own.contexts.ticket() == Some(reply.ticket) {
            return self.contexts_known(reply);
        }
        if self.own.chosen.ticket() == Some(reply.ticket) {
            return self.context_chosen(reply, effects);
        }
        if self.own.fetch.ticket() == Some(reply.ticket) {
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
                self.own.fetch.take(reply.ticket, part);
            }
            return;
        }
        let ticket = reply.ticket;
        if let Answer::Rendered(rendered) = reply.answer {
            self.rendered = Some((ticket, rendered));
            return;
        }
        let waits = |screen: &Screen| screen.facts().tickets.contains(&ticket);
        let in_view = waits(self.places.top());
        self.with(
            effects,
            |places| {
                let mut all = places.all_mut();
                all.find(|opened| waits(&opened.screen))
            },
            |screen, cx| {
                screen.reply(reply, cx);
                if !in_view {
                    // Nobody is asked to confirm what they have turned away from.
                    cx.wishes.retain(|wish| !matches!(wish, Wish::Confirm(_)));
                }
            },
        );
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
            self.places.switch(tab);
            self.show(effects);
            return;
        }
        match action {
            Action::Quit => self.quit(effects),
            Action::Out if !self.places.is_root() => self.back(effects),
            Action::Out if self.places.active() == 0 => self.quit(effects),
            Action::Out => {
                self.places.switch(0);
                self.show(effects);
            }
            Action::PlaceBack => self.back(effects),
            Action::Escape => {
                let facts = self.screen().facts();
                if facts.filter.is_some_and(|filter| !filter.is_empty()) {
                    self.filter("", effects);
                } else if facts.marked {
                    self.with_screen(effects, |screen, cx| screen.act(Action::Escape, cx));
                } else if self.places.is_root() && self.at.is_some() {
                    self.travel(None, effects);
                } else {
                    self.back(effects);
                }
            }
            Action::PlaceForward => {
                self.places.forward();
                self.show(effects);
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
            Action::Palette => {
                self.overlay = Some(Overlay::Palette(self.palette()));
                if self.header.settled.is_none() {
                    self.ask_own(effects, |own, cx| own.contexts.ask(cx, Question::Contexts));
                }
            }
            Action::Context => {
                let picker = Picker::of(self.screen().environment());
                self.overlay = Some(Overlay::Contexts(picker));
                self.ask_own(effects, |own, cx| own.contexts.ask(cx, Question::Contexts));
            }
            Action::Calls => self.push(Screen::Text(text::Text::calls()), effects),
            Action::Doctor => self.push(Screen::Text(text::Text::doctor()), effects),
            Action::Fetch => {
                self.message = Some((Tone::Note, "fetching…".to_owned()));
                self.ask_own(effects, |own, cx| own.fetch.ask(cx, Question::Fetch));
            }
            Action::Refresh => self.with_screen(effects, |screen, cx| screen.refresh(cx)),
            other => self.with_screen(effects, |screen, cx| screen.act(other, cx)),
        }
    }

    /// Why an action cannot be done here and now.
    fn blocked(&self, action: Action) -> Option<String> {
        match action {
            Action::Fetch if self.header.offline => {
                Some("started with --offline: nothing is fetched".to_owned())
            }
            Action::Context => self.header.settled.map(str::to_owned),
            Action::Fetch if self.own.fetch.is_waiting() => Some("a fetch is under way".to_owned()),
            Action::PlaceForward if !self.places.has_forward() => {
                Some("no place to go forward to".to_owned())
            }
            Action::PlaceBack if self.places.is_root() => {
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
                KeyCode::Esc => self.filter(&before, effects),
                _ => {
                    if line.key(event) {
                        self.filter(line.text(), effects);
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
            Overlay::Contexts(picker) => self.pick(picker, event, effects),
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
        for filter in self.scopes() {
            palette.offer(
                &filter,
                "the resources there",
                "",
                None,
                Choice::Filter(filter.clone()),
            );
        }
        palette.settle(self.area);
        palette
    }

    /// Filters for the environments, namespaces and kinds that are known.
    fn scopes(&self) -> Vec<String> {
        let deployed = self.places.roots().find_map(|root| match root {
            Screen::Deployed(screen) => Some(screen.scopes()),
            _ => None,
        });
        deployed.unwrap_or_default()
    }

    fn choose(&mut self, choice: Choice, effects: &mut Vec<Effect>) {
        match choice {
            Choice::Act(action) => self.act(action, effects),
            Choice::Filter(filter) => {
                self.act(Action::Resources, effects);
                self.screen_mut().set_filter(&filter);
                self.show(effects);
            }
            Choice::Context(choice) => self.choose_context(choice, effects),
        }
    }

    fn travel(&mut self, to: Option<String>, effects: &mut Vec<Effect>) {
        if self.at == to {
            return;
        }
        self.at = to;
        // Every answer is about another time now.
        for opened in self.places.all_mut() {
            opened.asked_for = None;
        }
        self.show(effects);
    }

    fn back(&mut self, effects: &mut Vec<Effect>) {
        if self.places.back() {
            self.show(effects);
        }
    }

    fn push(&mut self, screen: Screen, effects: &mut Vec<Effect>) {
        self.places.push(screen);
        self.show(effects);
    }

    fn quit(&mut self, effects: &mut Vec<Effect>) {
        let busy = self.places.roots().find_map(|root| match root {
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
        let top = self.places.top_mut();
        if top.asked_for != Some(revision) {
            top.asked_for = Some(revision);
            self.with_screen(effects, |screen, cx| screen.ask(cx));
        }
    }

    fn filter(&mut self, text: &str, effects: &mut Vec<Effect>) {
        self.screen_mut().set_filter(text);
        self.with_screen(effects, |screen, cx| screen.searched(cx));
    }

    fn with_screen(
        &mut self,
        effects: &mut Vec<Effect>,
        change: impl FnOnce(&mut Screen, &mut Cx),
    ) {
        self.with(effects, |places| Some(places.top_mut()), change);
    }

    /// Lets what belongs to no screen be asked.
    fn ask_own(&mut self, effects: &mut Vec<Effect>, ask: impl FnOnce(&mut Own, &mut Cx)) {
        self.in_context(effects, |own, _, cx| ask(own, cx));
    }

    /// Lets a screen change.
    fn with(
        &mut self,
        effects: &mut Vec<Effect>,
        which: impl FnOnce(&mut Places) -> Option<&mut Opened>,
        change: impl FnOnce(&mut Screen, &mut Cx),
    ) {
        self.in_context(effects, |_, places, cx| {
            if let Some(opened) = which(places) {
                change(&mut opened.screen, cx);
            }
        });
    }

    /// Lets what is shown change, and grants what it wishes.
    fn in_context(
        &mut self,
        effects: &mut Vec<Effect>,
        change: impl FnOnce(&mut Own, &mut Places, &mut Cx),
    ) {
        let App {
            own,
            places,
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
        change(own, places, &mut cx);
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
                    self.places.close();
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
            Some(Overlay::Contexts(picker)) => picker.settle(self.area),
            _ => {}
        }
    }

    fn screen_mut(&mut self) -> &mut Screen {
        &mut self.places.top_mut().screen
    }

    fn screen(&self) -> &Screen {
        self.places.top()
    }
}
