//! An [`App`] with a worker played by the test: what it asks waits until the test answers.

use std::collections::BTreeMap;
use std::path::Path;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use gitopsy::review::{Header, log};
use gitopsy::tui::Settings;
use gitopsy::tui::app::{App, Message};
use gitopsy::tui::ask::{Answer, Ask, Part, Question, Reply};
use gitopsy::tui::cx::Effect;
use jiff::{SignedDuration, Timestamp};
use ratatui::buffer::Buffer;

use crate::answers;

pub struct Desk {
    pub app: App,
    pub now: Timestamp,
    /// Asked and not answered yet, oldest first.
    pub asked: Vec<Ask>,
    /// Everything else the app wanted done.
    pub effects: Vec<Effect>,
}

impl Desk {
    pub fn new(size: (u16, u16)) -> Desk {
        Desk::with(size, "dark", answers::header())
    }

    pub fn with(size: (u16, u16), theme: &str, header: Header) -> Desk {
        let nowhere = Path::new("/nowhere");
        let settings = Settings::new(Some(theme.to_owned()), BTreeMap::new(), nowhere).unwrap();
        Desk::begin(size, settings, header)
    }

    pub fn begin(size: (u16, u16), settings: Settings, header: Header) -> Desk {
        Desk::knowing(size, settings, header, None)
    }

    /// With commits that are there before anything is asked.
    pub fn knowing(
        size: (u16, u16),
        settings: Settings,
        header: Header,
        newest: Option<log::Answer>,
    ) -> Desk {
        let now = answers::now();
        let (app, effects) = App::new(settings, header, newest, now, size);
        let mut desk = Desk {
            app,
            now,
            asked: Vec::new(),
            effects: Vec::new(),
        };
        desk.note(effects);
        desk
    }

    fn note(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Ask(ask) => self.asked.push(ask),
                other => self.effects.push(other),
            }
        }
        // A worker stops what nobody waits for.
        self.asked.retain(|ask| !ask.cancel.is_cancelled());
    }

    pub fn send(&mut self, message: Message) -> &mut Desk {
        let effects = self.app.update([message], self.now);
        self.note(effects);
        self
    }

    /// Keys by name, separated by blanks: `j j enter ctrl-d space`.
    pub fn press(&mut self, keys: &str) -> &mut Desk {
        for key in keys.split_whitespace() {
            self.send(Message::Key(event(key)));
        }
        self
    }

    /// Every character of `text` as a key.
    pub fn write(&mut self, text: &str) -> &mut Desk {
        for c in text.chars() {
            self.send(Message::Key(KeyEvent::new(
                KeyCode::Char(c),
                KeyModifiers::NONE,
            )));
        }
        self
    }

    /// Answers what `answer` has an answer for, until nothing new is asked.
    pub fn answer(&mut self, answer: impl Fn(&Question) -> Option<Answer>) -> &mut Desk {
        loop {
            let Some(at) = self
                .asked
                .iter()
                .position(|ask| answer(&ask.question).is_some())
            else {
                return self;
            };
            let ask = self.asked.remove(at);
            if let Some(answer) = answer(&ask.question) {
                self.send(Message::Reply(Reply {
                    ticket: ask.ticket,
                    answer,
                }));
            }
        }
    }

    /// Answers everything with the answers of [`answers::to`].
    pub fn serve(&mut self) -> &mut Desk {
        self.answer(|question| Some(answers::to(question)))
    }

    /// Fails everything that is asked.
    pub fn refuse(&mut self, error: &str) -> &mut Desk {
        self.answer(|question| Some(failed(question, error)))
    }

    pub fn wait(&mut self, seconds: i64) -> &mut Desk {
        self.now += SignedDuration::from_secs(seconds);
        self.send(Message::Tick)
    }

    pub fn frame(&self) -> Buffer {
        self.app.frame()
    }

    /// The frame as text.
    pub fn text(&self) -> String {
        lines(&self.frame()).join("\n")
    }

    /// The line of the frame that holds `text`.
    pub fn line(&self, text: &str) -> String {
        let frame = self.text();
        let found = frame.lines().find(|line| line.contains(text));
        found
            .unwrap_or_else(|| panic!("no line holds {text:?} in\n{frame}"))
            .to_owned()
    }

    pub fn has(&self, text: &str) -> bool {
        self.text().contains(text)
    }

    #[track_caller]
    pub fn expect(&mut self, text: &str) -> &mut Desk {
        assert!(self.has(text), "{text:?} is not in\n{}", self.text());
        self
    }

    #[track_caller]
    pub fn refute(&mut self, text: &str) -> &mut Desk {
        assert!(!self.has(text), "{text:?} is in\n{}", self.text());
        self
    }
}

/// The frame's lines, without trailing blanks.
pub fn lines(buf: &Buffer) -> Vec<String> {
    let area = buf.area;
    (area.top()..area.bottom())
        .map(|y| {
            let mut line = String::new();
            let mut skip = 0;
            for x in area.left()..area.right() {
                let symbol = buf[(x, y)].symbol();
                if skip > 0 {
                    skip -= 1;
                    continue;
                }
                line.push_str(symbol);
                skip = ratatui::buffer::CellWidth::cell_width(symbol).saturating_sub(1);
            }
            line.trim_end().to_owned()
        })
        .collect()
}

pub fn event(key: &str) -> KeyEvent {
    let (modifiers, key) = match key.strip_prefix("ctrl-") {
        Some(rest) => (KeyModifiers::CONTROL, rest),
        None => (KeyModifiers::NONE, key),
    };
    let code = match key {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "tab" => KeyCode::Tab,
        "space" => KeyCode::Char(' '),
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "left" => KeyCode::Left,
        "right" => KeyCode::Right,
        "pgdn" => KeyCode::PageDown,
        "backspace" => KeyCode::Backspace,
        key => {
            let mut characters = key.chars();
            match (characters.next(), characters.next()) {
                (Some(c), None) => KeyCode::Char(c),
                _ => panic!("{key} is no key"),
            }
        }
    };
    KeyEvent::new(code, modifiers)
}

/// The failing answer to a question.
pub fn failed(question: &Question, error: &str) -> Answer {
    let error = error.to_owned();
    match question {
        Question::Deployed(_) => Answer::Deployed(Part::Failed(error)),
        Question::Log(_) => Answer::Log(Part::Failed(error)),
        Question::Stands => Answer::Stands(Part::Failed(error)),
        Question::Change(_) => Answer::Change(Part::Failed(error)),
        Question::Resource(_) => Answer::Resource(Part::Failed(error)),
        Question::Logs(_) => Answer::Logs(Part::Failed(error)),
        Question::Drift(_) => Answer::Drift(Part::Failed(error)),
        Question::Revert(_) => Answer::Revert(Part::Failed(error)),
        Question::Doctor => Answer::Doctor(Part::Failed(error)),
        Question::Calls => Answer::Calls(Part::Failed(error)),
        Question::Fetch => Answer::Fetch(Part::Failed(error)),
        Question::Contexts => Answer::Contexts(Part::Failed(error)),
        Question::Choose(_) => Answer::Chosen(Part::Failed(error)),
        Question::Pending => Answer::Pending(Part::Failed(error)),
        Question::Plan(_) => Answer::Plan(Part::Failed(error)),
        Question::Stage(_) | Question::Resume(_) => Answer::Stage(Part::Failed(error)),
        Question::Merge(_) => Answer::Merge(Part::Failed(error)),
    }
}
