//! Text on its way to the screen: pieces with a meaning each.
//!
//! A [`Piece`] can only be made from cleaned text, and [`super::paint`] draws nothing but pieces and its own marks. That is why no
//! control character from git or a cluster can reach a frame, whichever screen forgets to think of it.

use ratatui::buffer::CellWidth;
use ratatui::style::Style;
use ratatui::text::Span;

use crate::text;
use crate::tui::theme::Role;

/// Cleaned text on one line, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    text: String,
    role: Role,
}

impl Piece {
    pub fn new(role: Role, text: &str) -> Piece {
        Piece {
            text: text::clean_line(text),
            role,
        }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn role(&self) -> Role {
        self.role
    }
}

/// A line made of pieces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    pieces: Vec<Piece>,
    /// Where lines begin that this one is broken into.
    hang: u16,
}

impl Row {
    pub fn new() -> Row {
        Row::default()
    }

    pub fn of(role: Role, text: &str) -> Row {
        Row::new().with(role, text)
    }

    #[must_use]
    pub fn with(mut self, role: Role, text: &str) -> Row {
        self.add(role, text);
        self
    }

    pub fn add(&mut self, role: Role, text: &str) {
        if !text.is_empty() {
            self.pieces.push(Piece::new(role, text));
        }
    }

    /// Lines this one is broken into begin below what follows now.
    #[must_use]
    pub fn hang(mut self) -> Row {
        self.hang = self.width();
        self
    }

    /// Appends `other`'s pieces.
    #[must_use]
    pub fn then(mut self, other: Row) -> Row {
        self.pieces.extend(other.pieces);
        self
    }

    /// Pads with blanks to `width` columns.
    #[must_use]
    pub fn pad(self, width: u16) -> Row {
        let missing = width.saturating_sub(self.width());
        let blanks = " ".repeat(usize::from(missing));
        self.with(Role::Text, &blanks)
    }

    /// One more column of the same line: two blanks, then `other`, unless nothing is there yet.
    #[must_use]
    pub fn gap(self) -> Row {
        if self.is_empty() {
            self
        } else {
            self.with(Role::Text, "  ")
        }
    }

    /// This, and `right` at the right edge of `width` columns: what it takes is taken from the end of this.
    #[must_use]
    pub fn beside(self, right: Row, width: u16) -> Row {
        let room = width.saturating_sub(right.width() + 1);
        self.fit(room).pad(room + 1).then(right)
    }

    /// On at most `width` columns, with `…` where something is missing.
    fn fit(mut self, width: u16) -> Row {
        if self.width() <= width {
            return self;
        }
        let mut room = width;
        for (at, piece) in self.pieces.iter_mut().enumerate() {
            let taken = piece.text.as_str().cell_width();
            if taken < room {
                room -= taken;
                continue;
            }
            piece.text = cut(&format!("{} ", piece.text), room);
            self.pieces.truncate(at + 1);
            break;
        }
        self
    }

    /// Another remark after this one, if there is any.
    #[must_use]
    pub fn remark(self, role: Role, text: &str) -> Row {
        if text.is_empty() {
            self
        } else {
            self.gap().with(role, text)
        }
    }

    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Display columns.
    pub fn width(&self) -> u16 {
        self.pieces
            .iter()
            .fold(0, |sum, piece| sum.saturating_add(piece.text.cell_width()))
    }

    /// The text without its roles.
    pub fn plain(&self) -> String {
        self.pieces.iter().map(Piece::text).collect()
    }

    /// The same text with the characters of `found` (byte ranges of [`Row::plain`], ascending) as another role.
    pub fn highlight(&self, found: &[std::ops::Range<usize>], role: Role) -> Row {
        let mut out = Row::new();
        let mut start = 0;
        for piece in &self.pieces {
            let end = start + piece.text.len();
            let mut at = start;
            for range in found
                .iter()
                .filter(|range| range.start < end && range.end > start)
            {
                let (from, to) = (range.start.max(start), range.end.min(end));
                out.push_part(piece, at - start..from - start, piece.role);
                out.push_part(piece, from - start..to - start, role);
                at = to;
            }
            out.push_part(piece, at - start..end - start, piece.role);
            start = end;
        }
        out
    }

    fn push_part(&mut self, piece: &Piece, range: std::ops::Range<usize>, role: Role) {
        if let Some(text) = piece.text.get(range).filter(|text| !text.is_empty()) {
            self.pieces.push(Piece {
                text: text.to_owned(),
                role,
            });
        }
    }

    /// The row broken into lines of at most `width` columns, between words where there is a blank in the second half. Lines after the
    /// first begin where [`Row::hang`] was called, else a little further in than the first.
    pub fn wrap(&self, width: u16) -> Vec<Row> {
        if width == 0 || self.width() <= width {
            return vec![self.clone()];
        }
        let indent = if self.hang > 0 {
            self.hang
        } else {
            self.blanks().saturating_add(2)
        };
        let indent = indent.min(width / 2);
        let mut graphemes: Vec<(String, u16, Role)> = Vec::new();
        for piece in &self.pieces {
            for grapheme in Span::raw(piece.text.as_str()).styled_graphemes(Style::new()) {
                graphemes.push((
                    grapheme.symbol.to_owned(),
                    grapheme.symbol.cell_width(),
                    piece.role,
                ));
            }
        }
        let mut lines = Vec::new();
        let mut rest = graphemes.as_slice();
        while !rest.is_empty() {
            let room = if lines.is_empty() {
                width
            } else {
                width - indent
            };
            let mut used = 0;
            let fits = rest
                .iter()
                .take_while(|(_, w, _)| {
                    used += w;
                    used <= room
                })
                .count()
                .max(1);
            let mut take = fits;
            if fits < rest.len()
                && let Some(blank) = rest[..fits].iter().rposition(|(symbol, ..)| symbol == " ")
                && (blank + 1) * 2 >= fits
            {
                take = blank + 1;
            }
            let mut line = Row::new();
            if !lines.is_empty() {
                line.add(Role::Text, &" ".repeat(usize::from(indent)));
            }
            for (symbol, _, role) in &rest[..take] {
                match line.pieces.last_mut() {
                    Some(piece) if piece.role == *role => piece.text.push_str(symbol),
                    _ => line.pieces.push(Piece {
                        text: symbol.clone(),
                        role: *role,
                    }),
                }
            }
            lines.push(line);
            rest = &rest[take..];
        }
        lines
    }
}

impl Row {
    /// How many blanks it begins with.
    fn blanks(&self) -> u16 {
        let plain = self.plain();
        u16::try_from(plain.len() - plain.trim_start_matches(' ').len()).unwrap_or(0)
    }
}

/// `text` cut to `width` columns, with `…` where something is missing.
pub fn cut(text: &str, width: u16) -> String {
    let text = text::clean_line(text);
    if text.as_str().cell_width() <= width {
        return text;
    }
    let mut out = String::new();
    let mut used = 0;
    for grapheme in Span::raw(text.as_str()).styled_graphemes(Style::new()) {
        used += grapheme.symbol.cell_width();
        if used + 1 > width {
            break;
        }
        out.push_str(grapheme.symbol);
    }
    if width > 0 {
        out.push('…');
    }
    out
}

/// `text` without its beginning where it is too long: for paths and references, whose ends say most.
pub fn cut_start(text: &str, width: u16) -> String {
    let text = text::clean_line(text);
    if text.as_str().cell_width() <= width {
        return text;
    }
    let graphemes: Vec<String> = Span::raw(text.as_str())
        .styled_graphemes(Style::new())
        .map(|grapheme| grapheme.symbol.to_owned())
        .collect();
    let mut used = 1;
    let fits = |grapheme: &&String| {
        used += grapheme.as_str().cell_width();
        used <= width
    };
    let kept = graphemes.iter().rev().take_while(fits).count();
    let sign = if width > 0 { "…" } else { "" };
    format!("{sign}{}", graphemes[graphemes.len() - kept..].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_shown_not_obeyed() {
        let row = Row::of(Role::Text, "a\u{1b}[31mb\u{202e}c\nd");
        assert_eq!(row.plain(), "a\\u{1b}[31mb\\u{202e}c d");
    }

    #[test]
    fn cuts_by_display_width() {
        assert_eq!(cut("日本語テキスト", 7), "日本語…");
        assert_eq!(cut("日本語テキスト", 6), "日本…");
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("e\u{301}e\u{301}e\u{301}", 2), "e\u{301}…");
        assert_eq!(cut("x", 0), "");
        assert_eq!(cut_start("registry.example.com/team/api", 9), "…team/api");
        assert_eq!(cut_start("日本語テキスト", 6), "…スト");
        assert_eq!(cut_start("x", 0), "");
    }

    #[test]
    fn what_stands_at_the_right_is_never_cut_off() {
        let row = || Row::of(Role::Hash, "a1b2c3d").with(Role::Text, " 日本語テキスト");
        let beside = |width| row().beside(Row::of(Role::Dim, "◂ dev"), width).plain();
        assert_eq!(beside(30), "a1b2c3d 日本語テキスト   ◂ dev");
        assert_eq!(beside(28), "a1b2c3d 日本語テキスト ◂ dev");
        assert_eq!(beside(27), "a1b2c3d 日本語テキス… ◂ dev");
        assert_eq!(beside(14), "a1b2c3d… ◂ dev");
        assert_eq!(beside(3), " ◂ dev");
    }

    #[test]
    fn wraps_between_words_and_loses_nothing() {
        let row =
            Row::of(Role::Text, "Back-off restarting ").with(Role::Error, "failed container api");
        let lines = row.wrap(16);
        let plain: Vec<String> = lines.iter().map(Row::plain).collect();
        assert_eq!(
            plain,
            ["Back-off ", "  restarting ", "  failed ", "  container api"]
        );
        assert!(lines.iter().all(|line| line.width() <= 16));
        assert_eq!(lines[2].pieces()[1].role(), Role::Error);
    }

    #[test]
    fn wraps_what_has_no_blanks() {
        let lines = Row::of(Role::Text, "aaaaaaaaaa").hang().wrap(4);
        assert_eq!(
            lines.iter().map(Row::plain).collect::<Vec<_>>(),
            ["aaaa", "  aa", "  aa", "  aa"]
        );
        assert_eq!(Row::of(Role::Text, "日本").wrap(1).len(), 2);
    }

    #[test]
    fn highlights_across_pieces() {
        let row = Row::of(Role::Hash, "abc").with(Role::Text, "def");
        let lit = row.highlight(std::slice::from_ref(&(2..4)), Role::Match);
        let parts: Vec<(&str, Role)> = lit
            .pieces()
            .iter()
            .map(|piece| (piece.text(), piece.role()))
            .collect();
        assert_eq!(
            parts,
            [
                ("ab", Role::Hash),
                ("c", Role::Match),
                ("d", Role::Match),
                ("ef", Role::Text)
            ]
        );
    }
}
