//! An [`App`] with the real worker, on a real repository: for what only the whole of it can show.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use gitopsy::review::{Options, Workspace};
use gitopsy::tui::Settings;
use gitopsy::tui::app::{App, Message};
use gitopsy::tui::cx::Effect;
use gitopsy::tui::worker::{self, Inbox};
use jiff::Timestamp;

use crate::desk::{event, lines};

/// Far longer than any answer takes: only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Session {
    workspace: Workspace,
    changes: tokio::sync::watch::Receiver<u64>,
    inbox: Arc<Inbox>,
    app: App,
    now: Timestamp,
    /// Looks at every frame, and at all that leaves the program otherwise.
    watch: Box<dyn Fn(&str)>,
}

impl Session {
    pub fn open(size: (u16, u16), options: Options, watch: impl Fn(&str) + 'static) -> Session {
        let now = options.clock.now();
        let workspace = Workspace::open(options).expect("a workspace");
        let settings = Settings::new(None, BTreeMap::new(), Path::new("/nowhere"));
        let settings = settings.expect("settings");
        let (app, effects) = App::new(settings, workspace.header(), None, now, size);
        let session = Session {
            changes: workspace.changes(),
            workspace,
            inbox: Arc::default(),
            app,
            now,
            watch: Box::new(watch),
        };
        session.start(effects);
        session
    }

    fn start(&self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Ask(mut ask) => {
                    // What follows the cursor has nothing to wait for: these keys are pressed one by one.
                    ask.after = Duration::ZERO;
                    worker::start(&self.workspace, ask, &self.inbox);
                }
                other => (self.watch)(&format!("{other:?}")),
            }
        }
    }

    fn update(&mut self, messages: Vec<Message>) {
        let effects = self.app.update(messages, self.now);
        self.start(effects);
        (self.watch)(&self.text());
    }

    fn key(&mut self, key: KeyEvent) {
        self.update(vec![Message::Key(key)]);
    }

    pub fn text(&self) -> String {
        lines(&self.app.frame()).join("\n")
    }

    /// Keys by name, separated by blanks; all that they ask is answered before the next one.
    pub async fn press(&mut self, keys: &str) -> &mut Session {
        for key in keys.split_whitespace() {
            self.key(event(key));
            self.rest().await;
        }
        self
    }

    /// Every character of `text` as a key.
    pub async fn write(&mut self, text: &str) -> &mut Session {
        for c in text.chars() {
            self.key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE));
        }
        self.rest().await;
        self
    }

    /// Waits until no answer is awaited.
    pub async fn rest(&mut self) {
        // While something is under way, the next frame is due in a second.
        while self.app.deadline() <= Duration::from_secs(1) {
            let more = async {
                tokio::select! {
                    () = self.inbox.arrival() => {}
                    Ok(()) = self.changes.changed() => {}
                }
            };
            let more = tokio::time::timeout(PATIENCE, more).await;
            assert!(more.is_ok(), "no answer comes:\n{}", self.text());
            let changed = *self.changes.borrow_and_update();
            let mut messages = vec![Message::Changed(self.workspace.header(), changed)];
            messages.extend(self.inbox.take().into_iter().map(Message::Reply));
            self.update(messages);
        }
    }
}
