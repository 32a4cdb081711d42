//! The panes of a screen: where each is, which has the keyboard, and whether it has the screen to itself.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::paint;
use super::row::Row;
use crate::tui::keys::Action;
use crate::tui::theme::Theme;

#[derive(Debug, Clone, Default)]
pub struct Panes {
    pub focus: usize,
    pub zoomed: bool,
    area: Rect,
    rects: Vec<Rect>,
}

impl Panes {
    /// Places the panes. A zoomed one gets everything, the others nothing.
    pub fn settle(&mut self, area: Rect, rects: Vec<Rect>) {
        self.area = area;
        self.focus = self.focus.min(rects.len().saturating_sub(1));
        self.rects = match self.zoomed {
            true => (0..rects.len())
                .map(|i| if i == self.focus { area } else { Rect::ZERO })
                .collect(),
            false => rects,
        };
    }

    pub fn act(&mut self, action: Action) -> bool {
        let count = self.rects.len().max(1);
        match action {
            Action::NextPane => self.focus = (self.focus + 1) % count,
            Action::PreviousPane => self.focus = (self.focus + count - 1) % count,
            Action::Zoom => self.zoomed = !self.zoomed,
            _ => return false,
        }
        true
    }

    /// The space for a pane's content: without its rule, and without the line at its left.
    pub fn inner(&self, pane: usize) -> Rect {
        let rect = self.rects.get(pane).copied().unwrap_or_default();
        let left = if rect.x > self.area.x { 2 } else { 0 };
        Rect {
            x: rect.x + left,
            y: rect.y + 1.min(rect.height),
            width: rect.width.saturating_sub(left),
            height: rect.height.saturating_sub(1),
        }
    }

    /// Draws rule, title and separator of a pane; returns the space for its content, `None` where it is not visible.
    pub fn frame(
        &self,
        theme: &Theme,
        buf: &mut Buffer,
        pane: usize,
        title: &Row,
        note: &Row,
    ) -> Option<Rect> {
        let rect = self
            .rects
            .get(pane)
            .copied()
            .filter(|rect| !rect.is_empty())?;
        let mut ruled = rect;
        if rect.x > self.area.x {
            paint::separator(buf, theme, rect.x, rect.y, rect.bottom());
            ruled.x += 1;
            ruled.width -= 1;
        }
        paint::rule(buf, theme, ruled, title, note, self.focus == pane);
        Some(self.inner(pane))
    }

    /// The pane at a point of the terminal, and which of its content lines.
    pub fn hit(&self, x: u16, y: u16) -> Option<(usize, Option<u16>)> {
        let pane = self
            .rects
            .iter()
            .position(|rect| rect.contains((x, y).into()))?;
        let inner = self.inner(pane);
        Some((pane, y.checked_sub(inner.y)))
    }
}

/// `area` cut into columns with these shares.
pub fn columns(area: Rect, shares: &[u16]) -> Vec<Rect> {
    cut(area.width, shares)
        .into_iter()
        .map(|(at, size)| Rect {
            x: area.x + at,
            width: size,
            ..area
        })
        .collect()
}

/// `area` cut into rows with these shares.
pub fn rows(area: Rect, shares: &[u16]) -> Vec<Rect> {
    cut(area.height, shares)
        .into_iter()
        .map(|(at, size)| Rect {
            y: area.y + at,
            height: size,
            ..area
        })
        .collect()
}

/// `area` cut into a list's rows and a text's: the list gets its share, or less where it needs less (`rows` items, and a title).
pub fn list_over_text(area: Rect, shares: [u16; 2], rows: usize) -> Vec<Rect> {
    let share = cut(area.height, &shares)[0].1;
    let list = match u16::try_from(rows).unwrap_or(u16::MAX) {
        // Nothing to list: there may be something to say.
        0 => share,
        rows => share.min(rows.saturating_add(1).max(4)),
    };
    vec![
        Rect {
            height: list,
            ..area
        },
        Rect {
            y: area.y + list,
            height: area.height - list,
            ..area
        },
    ]
}

/// Parts of `total` in proportion; the last one takes what rounding leaves.
fn cut(total: u16, shares: &[u16]) -> Vec<(u16, u16)> {
    let sum = shares
        .iter()
        .map(|share| u32::from(*share))
        .sum::<u32>()
        .max(1);
    let mut at = 0;
    let mut out = Vec::with_capacity(shares.len());
    for (i, share) in shares.iter().enumerate() {
        let size = match i + 1 == shares.len() {
            true => total - at,
            false => u16::try_from(u32::from(total) * u32::from(*share) / sum)
                .unwrap_or(total)
                .min(total - at),
        };
        out.push((at, size));
        at += size;
    }
    out
}

/// Whether there is room for panes beside each other.
pub fn is_wide(area: Rect) -> bool {
    area.width >= 110
}

/// Whether there is room for three columns.
pub fn is_very_wide(area: Rect) -> bool {
    area.width >= 170
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panes_fill_the_area() {
        let area = Rect::new(0, 2, 81, 20);
        let parts = columns(area, &[3, 2, 2]);
        assert_eq!(parts.iter().map(|part| part.width).sum::<u16>(), 81);
        assert_eq!(parts[2].right(), 81);
        assert_eq!(rows(area, &[1, 1])[1].bottom(), 22);
    }

    #[test]
    fn zoom_gives_everything_to_one() {
        let area = Rect::new(0, 0, 80, 20);
        let mut panes = Panes::default();
        panes.settle(area, columns(area, &[1, 1]));
        panes.act(Action::NextPane);
        panes.act(Action::Zoom);
        panes.settle(area, columns(area, &[1, 1]));
        assert_eq!(panes.inner(1), Rect::new(0, 1, 80, 19));
        assert!(panes.inner(0).is_empty());
    }
}
