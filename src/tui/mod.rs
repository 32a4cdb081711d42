//! The terminal interface: screens over the questions of [`crate::review`].
//!
//! ```text
//!   terminal, answers, signals → App::update → effects → worker, clipboard, browser, pager
//!                                    ↓
//!                                App::view → one frame
//! ```
//!
//! State changes only in `update`, a frame only reads. Everything that is pending is taken before a frame is drawn; nothing is drawn
//! when nothing happened: while idle there is one deadline, the next change of a visible age.

pub mod app;
pub mod ask;
mod chrome;
pub mod cx;
pub mod filter;
pub mod keys;
pub mod screen;
mod terminal;
pub mod theme;
pub mod widget;
pub mod worker;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{Event, EventStream};
use futures::StreamExt;

use app::{App, Message};
use cx::Effect;
use terminal::Tty;
use theme::{Theme, ThemeError};
use worker::Inbox;

use crate::review::{Workspace, log};
use crate::task::Cancel;

/// How long a look takes whether something was typed. With no time at all, crossterm does not look.
const LOOK: Duration = Duration::from_micros(20);

/// How the user wants it.
#[derive(Debug, Clone)]
pub struct Settings {
    pub theme: Theme,
    /// Action id → keys.
    pub keys: BTreeMap<String, String>,
    /// The date or revision to begin at.
    pub at: Option<String>,
    /// The filter the lists begin with.
    pub filter: String,
}

impl Settings {
    /// `theme`: a built-in one, or a file in the directory `themes`; `keys`: action id → keys.
    pub fn new(
        theme: Option<String>,
        keys: BTreeMap<String, String>,
        themes: &Path,
    ) -> Result<Settings, ThemeError> {
        let theme = Theme::load(theme.as_deref().unwrap_or("dark"), Some(themes))?;
        Ok(Settings {
            theme,
            keys,
            at: None,
            filter: String::new(),
        })
    }
}

/// The interface on the terminal.
pub struct Interface {
    ws: Workspace,
    tty: Tty,
    app: App,
    /// What the frame that is shown has asked for.
    effects: Vec<Effect>,
}

impl Interface {
    /// Takes the terminal and shows the first frame, for which nothing has been asked yet.
    pub fn open(ws: Workspace, settings: Settings) -> anyhow::Result<Interface> {
        let mut tty = Tty::enter()?;
        let size = tty.follow_size()?;
        // A screenful: there are rows for whoever goes to the timeline at once.
        let newest = match settings.at {
            None => Some(log::newest_commits(&ws, usize::from(size.1))),
            Some(_) => None,
        };
        let now = ws.clock().now();
        let (app, effects) = App::new(settings, ws.header(), newest, now, size);
        let mut interface = Interface {
            ws,
            tty,
            app,
            effects,
        };
        // The first look sets up what reads the terminal, for which the time is often too short.
        crossterm::event::poll(LOOK)?;
        interface.update(typed()?);
        interface.draw()?;
        Ok(interface)
    }

    fn update(&mut self, messages: impl IntoIterator<Item = Message>) {
        let effects = self.app.update(messages, self.ws.clock().now());
        self.effects.extend(effects);
    }

    fn draw(&mut self) -> io::Result<()> {
        let (width, height) = self.tty.follow_size()?;
        self.update([Message::Resize(width, height)]);
        self.tty.draw(|buf| self.app.view(buf))
    }

    /// Goes on until the user quits, the terminal goes away or a signal ends it.
    pub async fn run(mut self) -> anyhow::Result<()> {
        let ws = self.ws.clone();
        let inbox = Arc::new(Inbox::default());
        let mut changes = ws.changes();
        let mut changing = true;
        let mut ended = std::pin::pin!(ended());
        let mut events = None;
        let mut ahead = None;
        loop {
            let mut batch = Vec::new();
            let effects = std::mem::take(&mut self.effects);
            let is_idle = effects.is_empty();
            for effect in effects {
                let done = match effect {
                    Effect::Quit => return Ok(()),
                    Effect::Ask(ask) => {
                        worker::start(&ws, ask, &inbox);
                        Ok(())
                    }
                    Effect::Copy(text) => self.tty.copy(&text),
                    Effect::Browse(url) => terminal::browse(&url),
                    Effect::Page(text) => {
                        // The stream reads the terminal on a thread of its own: it must be gone while another program reads.
                        events = None;
                        self.tty.page(&text)
                    }
                    Effect::K9s(on) => {
                        events = None;
                        self.tty.k9s(&on)
                    }
                };
                batch.extend(done.err().map(Message::Failed));
            }
            if is_idle {
                // Once what is on the screen is there.
                ahead.get_or_insert_with(|| {
                    let cancel = Cancel::new();
                    log::look_ahead(&ws, &cancel);
                    cancel.drop_guard()
                });
                let stream = events.get_or_insert_with(EventStream::new);
                tokio::select! {
                    event = stream.next() => match event {
                        Some(event) => {
                            batch.extend(message(event?));
                            batch.extend(typed()?);
                        }
                        None => return Ok(()),
                    },
                    () = inbox.arrival() => {}
                    changed = changes.changed(), if changing => match changed {
                        Ok(()) => {
                            let revision = *changes.borrow_and_update();
                            batch.push(Message::Changed(ws.header(), revision));
                        }
                        Err(_) => changing = false,
                    },
                    () = &mut ended => return Ok(()),
                    () = tokio::time::sleep(self.app.deadline()) => batch.push(Message::Tick),
                }
                let replies = inbox.take();
                if !replies.is_empty() {
                    // Answering connects to clusters, which the header names.
                    batch.push(Message::Changed(ws.header(), *changes.borrow()));
                }
                batch.extend(replies.into_iter().map(Message::Reply));
            }
            self.update(batch);
            // Before what was asked is begun, which takes the processors.
            self.draw()?;
        }
    }
}

/// What was typed already. Not to be asked while the stream waits, which holds what reads the terminal.
fn typed() -> io::Result<Vec<Message>> {
    let mut typed = Vec::new();
    while crossterm::event::poll(LOOK)? {
        typed.extend(message(crossterm::event::read()?));
    }
    Ok(typed)
}

fn message(event: Event) -> Option<Message> {
    match event {
        Event::Key(key) => Some(Message::Key(key)),
        Event::Paste(text) => Some(Message::Paste(text)),
        Event::Mouse(mouse) => Some(Message::Mouse(mouse)),
        // Every frame follows the size.
        Event::Resize(..) | Event::FocusGained | Event::FocusLost => None,
    }
}

/// Returns when a signal asks the program to end, so that the terminal is given back.
#[cfg(unix)]
async fn ended() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut hangup)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::hangup()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
}

#[cfg(not(unix))]
async fn ended() {
    std::future::pending().await
}
