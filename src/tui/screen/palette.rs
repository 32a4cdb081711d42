//! `:`, everything that can be done from here, by name: actions, screens, environments, namespaces, kinds, contexts.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::review::contexts;
use crate::tui::keys::Action;
use crate::tui::theme::{Role, Theme};
use crate::tui::widget::list::List;
use crate::tui::widget::paint;
use crate::tui::widget::popup::{TextLine, centred};
use crate::tui::widget::row::Row;

/// What choosing an offer does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    Act(Action),
    /// Show the resources that pass this filter.
    Filter(String),
    /// Compare an environment with a context's cluster.
    Context(contexts::Choice),
}

struct Offer {
    name: String,
    about: String,
    key: String,
    /// Why it cannot be done now.
    blocked: Option<String>,
    choice: Choice,
}

#[derive(Default)]
pub struct Palette {
    line: TextLine,
    offers: Vec<Offer>,
    /// Indices of the offers that match, best first.
    found: Vec<usize>,
    list: List,
    area: Rect,
}

impl Palette {
    pub fn offer(
        &mut self,
        name: &str,
        about: &str,
        key: &str,
        blocked: Option<String>,
        choice: Choice,
    ) {
        self.found.push(self.offers.len());
        self.offers.push(Offer {
            name: name.to_owned(),
            about: about.to_owned(),
            key: key.to_owned(),
            blocked,
            choice,
        });
    }

    /// Finds anew, among offers that came after something was typed.
    pub fn refresh(&mut self) {
        let at = self.list.at;
        self.find();
        self.list.at = at;
    }

    pub fn key(&mut self, event: KeyEvent) {
        let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
        match event.code {
            KeyCode::Down | KeyCode::Tab => self.list.by(1),
            KeyCode::Up | KeyCode::BackTab => self.list.by(-1),
            KeyCode::Char('n') if ctrl => self.list.by(1),
            KeyCode::Char('p') if ctrl => self.list.by(-1),
            _ => {
                if self.line.key(event) {
                    self.find();
                }
            }
        }
    }

    pub fn paste(&mut self, text: &str) {
        self.line.paste(text);
        self.find();
    }

    /// `None` where nothing matches.
    pub fn chosen(&self) -> Option<Choice> {
        Some(self.offers[*self.found.get(self.list.at)?].choice.clone())
    }

    fn find(&mut self) {
        self.list.at = 0;
        let mut matcher = Matcher::new(Config::DEFAULT);
        let pattern = Pattern::parse(self.line.text(), CaseMatching::Smart, Normalization::Smart);
        let mut scratch = Vec::new();
        let mut found: Vec<(u32, usize)> = Vec::new();
        for (i, offer) in self.offers.iter().enumerate() {
            // A name counts more than its explanation.
            let name = pattern
                .score(Utf32Str::new(&offer.name, &mut scratch), &mut matcher)
                .map(|score| score + 1000);
            let score = name
                .or_else(|| pattern.score(Utf32Str::new(&offer.about, &mut scratch), &mut matcher));
            found.extend(score.map(|score| (score, i)));
        }
        found.sort_by_key(|(score, i)| (std::cmp::Reverse(*score), *i));
        self.found = found.into_iter().map(|(_, i)| i).collect();
    }

    pub fn settle(&mut self, area: Rect) {
        let height = (self.offers.len() as u16 + 4)
            .min(area.height.saturating_sub(4))
            .min(24);
        self.area = centred(area, 90.min(area.width.saturating_sub(4)), height);
        self.list.settle(self.found.len(), height.saturating_sub(4));
    }

    pub fn view(&self, theme: &Theme, buf: &mut Buffer) {
        let title = Row::of(Role::FocusedTitle, "Do or show")
            .gap()
            .with(Role::Dim, &self.list.position());
        let inner = paint::boxed(buf, theme, self.area, &title);
        self.line
            .view(theme, buf, inner, inner.y, &Row::of(Role::Key, ":"));
        if self.found.is_empty() {
            paint::line(
                buf,
                theme,
                inner,
                inner.y + 2,
                &Row::of(Role::Dim, "nothing is called that"),
                Style::new(),
            );
        }
        for (y, at) in (inner.y + 2..inner.bottom()).zip(self.list.visible()) {
            let offer = &self.offers[self.found[at]];
            let over = if at == self.list.at {
                theme.style(Role::Selected)
            } else {
                Style::new()
            };
            let (name, about) = match &offer.blocked {
                Some(why) => (Role::Dim, Row::of(Role::Warning, why)),
                None => (Role::Text, Row::of(Role::Dim, &offer.about)),
            };
            let row = Row::of(Role::Key, &offer.key)
                .pad(10)
                .then(Row::of(name, &offer.name).pad(30))
                .with(Role::Text, " ")
                .then(about);
            paint::line(buf, theme, inner, y, &row, over);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn palette() -> Palette {
        let mut palette = Palette::default();
        palette.offer(
            "fetch",
            "Fetch the branch",
            "f",
            None,
            Choice::Act(Action::Fetch),
        );
        palette.offer(
            "revert…",
            "Preview undoing this",
            "r",
            None,
            Choice::Act(Action::Revert),
        );
        palette.offer(
            "env:production",
            "resources there",
            "",
            None,
            Choice::Filter("env:production".to_owned()),
        );
        palette
    }

    #[test]
    fn finds_by_name_then_by_explanation() {
        let mut palette = palette();
        palette.paste("prod");
        assert_eq!(
            palette.chosen(),
            Some(Choice::Filter("env:production".to_owned()))
        );
        palette.line = TextLine::default();
        palette.paste("undo");
        assert_eq!(palette.chosen(), Some(Choice::Act(Action::Revert)));
        palette.paste("zzz");
        assert_eq!(palette.chosen(), None);
    }
}
