//! A text to read: scrolls, wraps or moves sideways, and can be searched.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::paint;
use super::row::Row;
use crate::tui::keys::Action;
use crate::tui::theme::{Role, Theme};

/// Rows of text and the window on them.
#[derive(Debug, Clone, Default)]
pub struct Doc {
    rows: Vec<Row>,
    /// What is shown: `rows`, broken at the width where `wrap` is on; with the index of the row each came from.
    shown: Vec<(usize, Row)>,
    /// The size `shown` was made for.
    made_for: Option<(u16, bool)>,
    top: usize,
    left: u16,
    height: u16,
    pub wrap: bool,
    search: String,
    /// Indices into `rows`.
    found: Vec<usize>,
}

impl Doc {
    /// A text that wraps at the pane's width.
    pub fn wrapped() -> Doc {
        Doc {
            wrap: true,
            ..Doc::default()
        }
    }

    /// Replaces the text; the window stays where it is as far as the new text reaches.
    pub fn set(&mut self, rows: Vec<Row>) {
        if rows != self.rows {
            self.rows = rows;
            self.made_for = None;
            self.find();
        }
    }

    /// Back to the beginning: what is set next is another text.
    pub fn rewind(&mut self) {
        (self.top, self.left) = (0, 0);
    }

    pub fn settle(&mut self, width: u16, height: u16) {
        self.height = height;
        if self.made_for != Some((width, self.wrap)) {
            self.made_for = Some((width, self.wrap));
            self.shown = self
                .rows
                .iter()
                .enumerate()
                .flat_map(|(i, row)| {
                    let lines = if self.wrap {
                        row.wrap(width)
                    } else {
                        vec![row.clone()]
                    };
                    lines.into_iter().map(move |line| (i, line))
                })
                .collect();
        }
        self.top = self
            .top
            .min(self.shown.len().saturating_sub(usize::from(height)));
    }

    pub fn act(&mut self, action: Action) -> bool {
        let page = usize::from(self.height.max(2));
        match action {
            Action::Up => self.scroll(-1),
            Action::Down => self.scroll(1),
            Action::HalfUp => self.scroll(-(page as isize / 2)),
            Action::HalfDown => self.scroll(page as isize / 2),
            Action::PageUp => self.scroll(1 - page as isize),
            Action::PageDown => self.scroll(page as isize - 1),
            Action::Top => self.top = 0,
            Action::Bottom => self.top = usize::MAX,
            Action::Left => self.left = self.left.saturating_sub(8),
            Action::Right if !self.wrap => {
                self.left = self.left.saturating_add(8).min(self.widest())
            }
            Action::Wrap => {
                self.wrap = !self.wrap;
                self.left = 0;
            }
            Action::NextMatch => self.jump(true),
            Action::PreviousMatch => self.jump(false),
            _ => return false,
        }
        true
    }

    pub fn scroll(&mut self, rows: isize) {
        self.top = self.top.saturating_add_signed(rows);
    }

    fn widest(&self) -> u16 {
        self.rows.iter().map(Row::width).max().unwrap_or(0)
    }

    pub fn search(&self) -> &str {
        &self.search
    }

    /// Marks every occurrence of `text` (letter case ignored) and goes to the first at or below the top.
    pub fn set_search(&mut self, text: &str) {
        self.search = text.to_owned();
        self.find();
        let top = self.row_at(self.top);
        if !self.found.is_empty() && !self.found.iter().any(|row| self.is_in_view(*row)) {
            let next = self
                .found
                .iter()
                .copied()
                .find(|row| *row >= top)
                .or(self.found.first().copied());
            self.show(next);
        }
    }

    /// How many lines hold what is searched for.
    pub fn matches(&self) -> usize {
        self.found.len()
    }

    fn find(&mut self) {
        let needle = self.search.to_lowercase();
        self.found = match needle.is_empty() {
            true => Vec::new(),
            false => (0..self.rows.len())
                .filter(|i| self.rows[*i].plain().to_lowercase().contains(&needle))
                .collect(),
        };
    }

    fn row_at(&self, line: usize) -> usize {
        self.shown.get(line).map_or(0, |(row, _)| *row)
    }

    fn is_in_view(&self, row: usize) -> bool {
        self.shown
            .iter()
            .skip(self.top)
            .take(usize::from(self.height))
            .any(|(from, _)| *from == row)
    }

    fn jump(&mut self, forward: bool) {
        let top = self.row_at(self.top);
        let next = match forward {
            true => self
                .found
                .iter()
                .copied()
                .find(|row| *row > top)
                .or(self.found.first().copied()),
            false => self
                .found
                .iter()
                .rev()
                .copied()
                .find(|row| *row < top)
                .or(self.found.last().copied()),
        };
        self.show(next);
    }

    fn show(&mut self, row: Option<usize>) {
        if let Some(line) = row.and_then(|row| self.shown.iter().position(|(from, _)| *from == row))
        {
            self.top = line;
        }
    }

    /// Where the window is, where the text does not fit: `37%`, `top`, `end`.
    pub fn position(&self) -> String {
        let hidden = self.shown.len().saturating_sub(usize::from(self.height));
        match hidden {
            0 => String::new(),
            _ if self.top == 0 => "top".to_owned(),
            _ if self.top >= hidden => "end".to_owned(),
            _ => format!("{}%", self.top * 100 / hidden),
        }
    }

    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The text without styles, for the pager and the clipboard.
    pub fn plain(&self) -> String {
        self.rows.iter().map(|row| row.plain() + "\n").collect()
    }

    pub fn view(&self, theme: &Theme, buf: &mut Buffer, area: Rect) {
        for (y, (_, row)) in (area.top()..area.bottom()).zip(self.shown.iter().skip(self.top)) {
            let lit = if self.search.is_empty() {
                None
            } else {
                Some(highlight(row, &self.search))
            };
            let shown = lit.as_ref().unwrap_or(row);
            match self.left {
                0 => paint::line(buf, theme, area, y, shown, Style::new()),
                left => paint::line(buf, theme, area, y, &skip(shown, left), Style::new()),
            }
        }
    }
}

fn highlight(row: &Row, search: &str) -> Row {
    let plain = row.plain();
    let (hay, needle) = (plain.to_lowercase(), search.to_lowercase());
    // Lower case may have other lengths; then the place in the original is not known and the line stays as it is.
    if hay.len() != plain.len() || needle.is_empty() {
        return row.clone();
    }
    let found: Vec<_> = hay
        .match_indices(&needle)
        .map(|(at, text)| at..at + text.len())
        .collect();
    row.highlight(&found, Role::Match)
}

/// `row` without its first `columns` columns.
fn skip(row: &Row, columns: u16) -> Row {
    let mut left = columns;
    let mut out = Row::new();
    for piece in row.pieces() {
        let mut text = String::new();
        for grapheme in ratatui::text::Span::raw(piece.text()).styled_graphemes(Style::new()) {
            let width = ratatui::buffer::CellWidth::cell_width(grapheme.symbol);
            if left == 0 {
                text.push_str(grapheme.symbol);
            } else {
                left = left.saturating_sub(width);
            }
        }
        out.add(piece.role(), &text);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doc(lines: &[&str]) -> Doc {
        let mut doc = Doc::default();
        doc.set(lines.iter().map(|line| Row::of(Role::Text, line)).collect());
        doc.settle(10, 2);
        doc
    }

    #[test]
    fn searching_goes_to_the_next_match_and_round() {
        let mut doc = doc(&["one", "two", "Image", "four", "image", "six"]);
        doc.set_search("IMAGE");
        assert_eq!((doc.matches(), doc.top), (2, 2));
        doc.act(Action::NextMatch);
        assert_eq!(doc.top, 4);
        doc.act(Action::NextMatch);
        assert_eq!(doc.top, 2);
        doc.act(Action::PreviousMatch);
        assert_eq!(doc.top, 4);
    }

    #[test]
    fn scrolling_ends_at_the_last_page() {
        let mut doc = doc(&["1", "2", "3"]);
        doc.act(Action::Bottom);
        doc.settle(10, 2);
        assert_eq!((doc.top, doc.position().as_str()), (1, "end"));
        doc.act(Action::PageUp);
        doc.settle(10, 2);
        assert_eq!(doc.position(), "top");
    }

    #[test]
    fn sideways_cuts_by_columns() {
        assert_eq!(skip(&Row::of(Role::Text, "日本語abc"), 4).plain(), "語abc");
    }
}
