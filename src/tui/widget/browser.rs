//! A list, and texts about what is selected in it: what almost every screen looks like. Pane 0 is the list, the others are texts.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::doc::Doc;
use super::list::List;
use super::paint;
use super::panes::Panes;
use super::row::Row;
use crate::tui::filter::Filter;
use crate::tui::keys::Action;
use crate::tui::screen::{Look, Mouse};
use crate::tui::theme::Role;

/// The list's pane.
pub const LIST: usize = 0;

#[derive(Debug, Clone, Default)]
pub struct Browser {
    pub list: List,
    pub filter: Filter,
    pub panes: Panes,
    pub docs: Vec<Doc>,
}

impl Browser {
    /// A list with these texts beside it.
    pub fn with(docs: Vec<Doc>) -> Browser {
        Browser {
            docs,
            ..Browser::default()
        }
    }

    /// Movement, focus and zoom, in the pane that has the keyboard; `false` where the action is something else.
    pub fn act(&mut self, action: Action) -> bool {
        if self.panes.act(action) {
            return true;
        }
        if let Some(doc) = self
            .panes
            .focus
            .checked_sub(1)
            .and_then(|doc| self.docs.get_mut(doc))
        {
            return doc.act(action);
        }
        match action {
            Action::NextMatch => self.list.by(1),
            Action::PreviousMatch => self.list.by(-1),
            Action::Wrap => {
                if let Some(doc) = self.docs.first_mut() {
                    doc.act(Action::Wrap);
                }
            }
            other => return self.list.act(other),
        }
        true
    }

    /// Puts the panes in their places and the window of the list around the selection. `head`: rows of the list's pane above its items.
    pub fn settle(&mut self, area: Rect, rects: Vec<Rect>, len: usize, head: u16) {
        self.panes.settle(area, rects);
        self.list
            .settle(len, self.panes.inner(LIST).height.saturating_sub(head));
    }

    /// The size of a text's pane.
    pub fn size(&self, doc: usize) -> (u16, u16) {
        let inner = self.panes.inner(doc + 1);
        (inner.width, inner.height)
    }

    /// What a text says from now on; it stays where it was scrolled to.
    pub fn show(&mut self, doc: usize, rows: Vec<Row>) {
        let (width, height) = self.size(doc);
        if let Some(doc) = self.docs.get_mut(doc) {
            doc.set(rows);
            doc.settle(width, height);
        }
    }

    /// The wheel scrolls the pane under it; a click gives it the keyboard, and selects in the list.
    pub fn mouse(&mut self, mouse: Mouse, at: (u16, u16), head: u16) {
        let Some((pane, line)) = self.panes.hit(at.0, at.1) else {
            return;
        };
        match (mouse, pane.checked_sub(1)) {
            (Mouse::Wheel(rows), None) => self.list.scroll(rows),
            (Mouse::Wheel(rows), Some(doc)) => {
                if let Some(doc) = self.docs.get_mut(doc) {
                    doc.scroll(rows);
                }
            }
            (Mouse::Click, _) => {
                self.panes.focus = pane;
                if let (LIST, Some(line)) = (pane, line.and_then(|line| line.checked_sub(head))) {
                    self.list.click(line);
                }
            }
        }
    }

    /// The title of a pane, standing out where it has the keyboard.
    pub fn title(&self, pane: usize, text: &str) -> Row {
        Row::of(
            if self.panes.focus == pane {
                Role::FocusedTitle
            } else {
                Role::Title
            },
            text,
        )
    }

    /// The list's pane: `said` where there is something to say instead of items, else an item a line.
    pub fn view_list(
        &self,
        look: Look,
        buf: &mut Buffer,
        title: &Row,
        note: &Row,
        said: &[Row],
        item: impl Fn(usize) -> Row,
    ) {
        let Some(area) = self.panes.frame(look.theme, buf, LIST, title, note) else {
            return;
        };
        if said.is_empty() {
            self.view_items(look, buf, area, item);
        } else {
            paint::text(buf, look.theme, area, said);
        }
    }

    /// The visible items; the selected one stands out by its style and by a mark.
    pub fn view_items(
        &self,
        look: Look,
        buf: &mut Buffer,
        area: Rect,
        item: impl Fn(usize) -> Row,
    ) {
        for (y, at) in (area.top()..area.bottom()).zip(self.list.visible()) {
            let (mark, over) = self.selection(look, at);
            paint::line(
                buf,
                look.theme,
                area,
                y,
                &Row::of(Role::Text, mark).then(item(at)),
                over,
            );
        }
    }

    /// The mark and the style of an item of the list.
    pub fn selection(&self, look: Look, at: usize) -> (&'static str, Style) {
        match (at == self.list.at, self.panes.focus == LIST) {
            (true, true) => ("▸", look.theme.style(Role::Selected)),
            (true, false) => ("▸", look.theme.style(Role::SelectedElsewhere)),
            (false, _) => (" ", Style::new()),
        }
    }

    /// A text's pane.
    pub fn view_doc(&self, look: Look, buf: &mut Buffer, doc: usize, title: &Row, note: &Row) {
        let Some(text) = self.docs.get(doc) else {
            return;
        };
        let note = note.clone().remark(Role::Dim, &text.position());
        if let Some(area) = self.panes.frame(look.theme, buf, doc + 1, title, &note) {
            text.view(look.theme, buf, area);
        }
    }
}
