//! The only code that writes text into a frame. What it is given is cut to the space there is, by display width, with `…`.

use ratatui::buffer::{Buffer, CellWidth};
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::row::{Row, cut};
use crate::tui::theme::{Role, Theme};

/// Draws `row` at (`x`, `y`), at most `width` columns; returns how many it took. `over` is laid over every piece's own style.
pub fn row(
    buf: &mut Buffer,
    theme: &Theme,
    at: (u16, u16),
    width: u16,
    row: &Row,
    over: Style,
) -> u16 {
    let (x, y) = at;
    if !buf.area.contains((x, y).into()) {
        return 0;
    }
    let width = width.min(buf.area.right().saturating_sub(x));
    let whole = row.width() <= width;
    let mut used = 0;
    for piece in row.pieces() {
        let room = width - used;
        let style = theme.style(piece.role()).patch(over);
        let taken = piece.text().cell_width();
        // The piece that does not fit, or that leaves no column for the sign that something follows, is the last one.
        let last = !whole && taken.saturating_add(1) > room;
        let text = if last {
            cut_to_sign(piece.text(), room)
        } else {
            piece.text().to_owned()
        };
        let (end, _) = buf.set_stringn(x + used, y, &text, usize::from(room), style);
        used = end - x;
        if last {
            break;
        }
    }
    used
}

fn cut_to_sign(text: &str, room: u16) -> String {
    let fits = text.cell_width() <= room.saturating_sub(1);
    if fits {
        format!("{text}…")
    } else {
        cut(&format!("{text} "), room)
    }
}

/// A whole line: `line` drawn from the left edge of `area`'s row `y`, its background reaching to the right edge.
pub fn line(buf: &mut Buffer, theme: &Theme, area: Rect, y: u16, line: &Row, over: Style) {
    if y >= area.bottom() {
        return;
    }
    buf.set_style(
        Rect::new(area.x, y, area.width, 1).intersection(buf.area),
        over,
    );
    row(buf, theme, (area.x, y), area.width, line, over);
}

/// Lines from the top of `area`, wrapped.
pub fn text(buf: &mut Buffer, theme: &Theme, area: Rect, rows: &[Row]) {
    let lines = rows.iter().flat_map(|row| row.wrap(area.width));
    for (y, row) in (area.top()..area.bottom()).zip(lines) {
        line(buf, theme, area, y, &row, Style::new());
    }
}

/// `row` at the right edge of the line.
pub fn right(buf: &mut Buffer, theme: &Theme, area: Rect, y: u16, text: &Row, over: Style) {
    let width = text.width().min(area.width);
    row(buf, theme, (area.right() - width, y), width, text, over);
}

/// The rule above a pane: title at the left, a note at the right. The pane with the keyboard has a heavy rule, so that it shows
/// without colour.
pub fn rule(buf: &mut Buffer, theme: &Theme, area: Rect, title: &Row, note: &Row, focused: bool) {
    if area.height == 0 || area.width < 2 {
        return;
    }
    let (mark, role) = if focused {
        ("━", Role::FocusedRule)
    } else {
        ("─", Role::Rule)
    };
    let style = theme.style(role);
    buf.set_stringn(
        area.x,
        area.y,
        mark.repeat(usize::from(area.width)),
        usize::from(area.width),
        style,
    );
    let mut room = area.width.saturating_sub(3);
    if !title.is_empty() {
        let shown = Row::of(Role::Text, " ")
            .then(title.clone())
            .with(Role::Text, " ");
        let used = row(buf, theme, (area.x + 1, area.y), room, &shown, Style::new());
        room = room.saturating_sub(used + 1);
    }
    if !note.is_empty() && note.width() + 2 <= room {
        let shown = Row::of(Role::Text, " ")
            .then(note.clone())
            .with(Role::Text, " ");
        let width = shown.width();
        row(
            buf,
            theme,
            (area.right() - 1 - width, area.y),
            width,
            &shown,
            Style::new(),
        );
    }
}

/// The line between two columns of panes.
pub fn separator(buf: &mut Buffer, theme: &Theme, x: u16, top: u16, bottom: u16) {
    for y in top..bottom {
        if buf.area.contains((x, y).into()) {
            buf[(x, y)]
                .set_symbol("│")
                .set_style(theme.style(Role::Rule));
        }
    }
}

/// Empties `area` down to the terminal's own background.
pub fn clear(buf: &mut Buffer, area: Rect) {
    let area = area.intersection(buf.area);
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            buf[(x, y)].reset();
        }
    }
}

/// A box for what lies over the screen, with its title in the frame; returns the space inside.
pub fn boxed(buf: &mut Buffer, theme: &Theme, area: Rect, title: &Row) -> Rect {
    let area = area.intersection(buf.area);
    clear(buf, area);
    if area.width < 4 || area.height < 3 {
        return Rect::new(area.x, area.y, 0, 0);
    }
    let style = theme.style(Role::FocusedRule);
    let inner = usize::from(area.width - 2);
    buf.set_string(area.x, area.y, format!("┏{}┓", "━".repeat(inner)), style);
    for y in area.y + 1..area.bottom() - 1 {
        buf.set_string(area.x, y, "┃", style);
        buf.set_string(area.right() - 1, y, "┃", style);
    }
    buf.set_string(
        area.x,
        area.bottom() - 1,
        format!("┗{}┛", "━".repeat(inner)),
        style,
    );
    let shown = Row::of(Role::Text, " ")
        .then(title.clone())
        .with(Role::Text, " ");
    row(
        buf,
        theme,
        (area.x + 2, area.y),
        area.width - 4,
        &shown,
        Style::new(),
    );
    Rect::new(area.x + 2, area.y + 1, area.width - 4, area.height - 2)
}
