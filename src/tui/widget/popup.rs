//! What lies over a screen: the question before a write, and the line one types into.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::{Buffer, CellWidth};
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use tui_input::backend::crossterm::EventHandler;
use tui_input::{Input, InputRequest};

use super::paint;
use super::row::Row;
use crate::tui::theme::{Role, Theme};

/// What is done when a [`Confirm`] is confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// Stage the preview of the screen below.
    Stage,
    Resume(String),
    Merge(String),
    /// Leave although something is being staged.
    Quit,
}

/// A question that must be answered deliberately: `y`, or a name typed in full. Enter alone confirms nothing.
#[derive(Debug)]
pub struct Confirm {
    pub purpose: Purpose,
    pub title: String,
    pub rows: Vec<Row>,
    /// The word on the button: `stage`.
    pub yes: &'static str,
    /// Words still to be typed, each followed by enter.
    words: Vec<String>,
    line: TextLine,
    wrong: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Open,
    Yes,
    No,
}

impl Confirm {
    pub fn new(
        purpose: Purpose,
        title: impl Into<String>,
        rows: Vec<Row>,
        yes: &'static str,
        mut words: Vec<String>,
    ) -> Confirm {
        words.reverse();
        Confirm {
            purpose,
            title: title.into(),
            rows,
            yes,
            words,
            line: TextLine::default(),
            wrong: false,
        }
    }

    pub fn key(&mut self, event: KeyEvent) -> Decision {
        if event.code == KeyCode::Esc {
            return Decision::No;
        }
        let Some(word) = self.words.last() else {
            return match event.code {
                KeyCode::Char('y' | 'Y')
                    if event.modifiers.difference(KeyModifiers::SHIFT).is_empty() =>
                {
                    Decision::Yes
                }
                KeyCode::Char('n' | 'N' | 'q') => Decision::No,
                _ => Decision::Open,
            };
        };
        self.wrong = false;
        if event.code != KeyCode::Enter {
            self.line.key(event);
            return Decision::Open;
        }
        if self.line.text() != word {
            self.wrong = true;
            return Decision::Open;
        }
        self.words.pop();
        self.line = TextLine::default();
        if self.words.is_empty() {
            Decision::Yes
        } else {
            Decision::Open
        }
    }

    pub fn paste(&mut self, text: &str) {
        if !self.words.is_empty() {
            self.line.paste(text);
        }
    }

    pub fn view(&self, theme: &Theme, buf: &mut Buffer, area: Rect) {
        let width = area.width.saturating_sub(8).clamp(20, 90).min(area.width);
        let lines: Vec<Row> = self
            .rows
            .iter()
            .flat_map(|row| row.wrap(width - 4))
            .collect();
        let height = (lines.len() as u16 + 5).min(area.height);
        let inner = paint::boxed(
            buf,
            theme,
            centred(area, width, height),
            &Row::of(Role::FocusedTitle, &self.title),
        );
        let foot = inner.bottom().saturating_sub(2);
        for (y, row) in (inner.y..foot).zip(&lines) {
            paint::line(buf, theme, inner, y, row, Style::new());
        }
        match self.words.last() {
            None => {
                let buttons = Row::of(Role::Key, "y")
                    .with(Role::Text, " ")
                    .with(Role::Text, self.yes)
                    .with(Role::Text, "     ")
                    .with(Role::Key, "esc")
                    .with(Role::Text, " cancel");
                paint::line(buf, theme, inner, foot + 1, &buttons, Style::new());
            }
            Some(word) => {
                let (role, note) = match self.wrong {
                    true => (Role::Error, "that is not the name; "),
                    false => (Role::Text, ""),
                };
                let ask = Row::of(role, note)
                    .with(Role::Text, "type ")
                    .with(Role::Environment, word)
                    .with(Role::Text, " and ")
                    .with(Role::Key, "enter")
                    .with(Role::Text, &format!(" to {}, ", self.yes))
                    .with(Role::Key, "esc")
                    .with(Role::Text, " cancels");
                paint::line(buf, theme, inner, foot, &ask, Style::new());
                self.line
                    .view(theme, buf, inner, foot + 1, &Row::of(Role::Key, "> "));
            }
        }
    }
}

/// A rectangle of at most this size in the middle of `area`.
pub fn centred(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect::new(
        area.x + (area.width - width) / 2,
        area.y + (area.height - height) / 2,
        width,
        height,
    )
}

/// One line of typed text.
#[derive(Debug, Clone, Default)]
pub struct TextLine {
    input: Input,
}

impl TextLine {
    pub fn with(text: &str) -> TextLine {
        TextLine {
            input: Input::new(text.to_owned()),
        }
    }

    pub fn text(&self) -> &str {
        self.input.value()
    }

    /// Whether the text changed.
    pub fn key(&mut self, event: KeyEvent) -> bool {
        self.input
            .handle_event(&crossterm::event::Event::Key(event))
            .is_some_and(|changed| changed.value)
    }

    /// Inserts pasted text at the cursor; line breaks become blanks, and nothing that is no text gets in.
    pub fn paste(&mut self, text: &str) {
        for c in text.trim().chars() {
            let c = if c == '\n' || c == '\t' { ' ' } else { c };
            if !c.is_control() {
                self.input.handle(InputRequest::InsertChar(c));
            }
        }
    }

    /// Draws `lead`, the text, and the cursor as a reversed cell.
    pub fn view(&self, theme: &Theme, buf: &mut Buffer, area: Rect, y: u16, lead: &Row) {
        if y >= area.bottom() || area.width == 0 {
            return;
        }
        let used = paint::row(buf, theme, (area.x, y), area.width, lead, Style::new());
        let room = area.width.saturating_sub(used + 1);
        let scroll = self.input.visual_scroll(usize::from(room));
        let mut columns = 0;
        let visible: String = self
            .text()
            .chars()
            .skip_while(|c| {
                columns += usize::from(c.to_string().as_str().cell_width());
                columns <= scroll
            })
            .collect();
        paint::row(
            buf,
            theme,
            (area.x + used, y),
            room + 1,
            &Row::of(Role::Text, &visible),
            Style::new(),
        );
        let cursor = self.input.visual_cursor().saturating_sub(scroll) as u16;
        let at = (area.x + used + cursor.min(room), y);
        if buf.area.contains(at.into()) {
            buf[at].set_style(Style::new().add_modifier(Modifier::REVERSED));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(confirm: &mut Confirm, keys: &str) -> Decision {
        let mut last = Decision::Open;
        for c in keys.chars() {
            let code = if c == '\n' {
                KeyCode::Enter
            } else {
                KeyCode::Char(c)
            };
            last = confirm.key(KeyEvent::new(code, KeyModifiers::NONE));
        }
        last
    }

    #[test]
    fn enter_alone_confirms_nothing() {
        let mut confirm = Confirm::new(Purpose::Stage, "Stage", Vec::new(), "stage", Vec::new());
        assert_eq!(press(&mut confirm, "\n\nx"), Decision::Open);
        assert_eq!(press(&mut confirm, "y"), Decision::Yes);
    }

    #[test]
    fn a_protected_environment_is_typed_in_full() {
        let words = vec!["production".to_owned(), "eu".to_owned()];
        let mut confirm = Confirm::new(Purpose::Stage, "Stage", Vec::new(), "stage", words);
        assert_eq!(press(&mut confirm, "y\n"), Decision::Open);
        assert!(confirm.wrong);
        press(&mut confirm, "\u{8}");
        confirm.line = TextLine::default();
        assert_eq!(press(&mut confirm, "production\n"), Decision::Open);
        confirm.paste("eu\n");
        assert_eq!(press(&mut confirm, "\n"), Decision::Yes);
    }

    #[test]
    fn pasted_control_characters_do_not_get_in() {
        let mut line = TextLine::default();
        line.paste("a\u{1b}[2J\nb\t");
        assert_eq!(line.text(), "a[2J b");
    }
}
