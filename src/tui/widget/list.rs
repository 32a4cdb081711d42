//! A cursor over a list, and the window of it that is visible. Positions only: rows are made by the screen, for the visible part.

use std::ops::Range;

use crate::tui::keys::Action;

/// Which item is selected and which are in view. Kept right by [`List::settle`] after every update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct List {
    pub at: usize,
    top: usize,
    height: usize,
    len: usize,
}

impl List {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn visible(&self) -> Range<usize> {
        self.top..(self.top + self.height).min(self.len)
    }

    /// Fits the window to `height` rows of a list of `len`, with the selected item in it.
    pub fn settle(&mut self, len: usize, height: u16) {
        self.len = len;
        self.height = usize::from(height);
        self.at = self.at.min(len.saturating_sub(1));
        let last_top = len.saturating_sub(self.height);
        self.top = self.top.min(last_top);
        if self.at < self.top {
            self.top = self.at;
        } else if self.height > 0 && self.at >= self.top + self.height {
            self.top = self.at + 1 - self.height;
        }
    }

    /// Moves as `action` says; `false` where it is no movement.
    pub fn act(&mut self, action: Action) -> bool {
        let page = self.height.max(2);
        match action {
            Action::Up => self.by(-1),
            Action::Down => self.by(1),
            Action::HalfUp => self.by(-(page as isize / 2)),
            Action::HalfDown => self.by(page as isize / 2),
            Action::PageUp => self.by(1 - page as isize),
            Action::PageDown => self.by(page as isize - 1),
            Action::Top => self.at = 0,
            Action::Bottom => self.at = self.len.saturating_sub(1),
            _ => return false,
        }
        true
    }

    pub fn by(&mut self, rows: isize) {
        self.at = self
            .at
            .saturating_add_signed(rows)
            .min(self.len.saturating_sub(1));
    }

    /// Scrolls without selecting, as a wheel does; the selection follows at the edges.
    pub fn scroll(&mut self, rows: isize) {
        self.top = self
            .top
            .saturating_add_signed(rows)
            .min(self.len.saturating_sub(self.height));
        self.at = self
            .at
            .clamp(self.top, (self.top + self.height.max(1) - 1).max(self.top));
    }

    /// Selects the item on the `row`-th visible line; `false` where there is none.
    pub fn click(&mut self, row: u16) -> bool {
        let at = self.top + usize::from(row);
        let hit = self.visible().contains(&at);
        if hit {
            self.at = at;
        }
        hit
    }

    /// `3/14`
    pub fn position(&self) -> String {
        if self.len == 0 {
            String::new()
        } else {
            format!("{}/{}", self.at + 1, self.len)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn motion() -> impl Strategy<Value = Action> {
        prop::sample::select(vec![
            Action::Up,
            Action::Down,
            Action::HalfUp,
            Action::HalfDown,
            Action::PageUp,
            Action::PageDown,
            Action::Top,
            Action::Bottom,
        ])
    }

    proptest! {
        /// Whatever happens to the list and the terminal, the selected item exists and is visible.
        #[test]
        fn the_selection_stays_in_view(steps in prop::collection::vec((motion(), 0usize..40, 0u16..12), 1..60)) {
            let mut list = List::default();
            for (action, len, height) in steps {
                list.act(action);
                list.settle(len, height);
                prop_assert!(list.at < len.max(1));
                if len > 0 && height > 0 {
                    prop_assert!(list.visible().contains(&list.at));
                    prop_assert_eq!(list.visible().len(), len.min(usize::from(height)));
                }
            }
        }
    }

    #[test]
    fn the_wheel_moves_the_window() {
        let mut list = List::default();
        list.settle(30, 10);
        list.scroll(3);
        assert_eq!((list.visible(), list.at), (3..13, 3));
        list.scroll(100);
        assert_eq!((list.visible(), list.at), (20..30, 20));
        assert!(list.click(4));
        assert_eq!(list.at, 24);
    }
}
