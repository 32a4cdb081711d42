//! The keys of a screen, read from the table of actions with the user's own bindings in it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::review::{HealthStatus, SyncState};
use crate::tui::keys::{Action, Group, Keymap, Place, TABLE};
use crate::tui::screen::labelled;
use crate::tui::theme::{Role, Theme};
use crate::tui::widget::doc::Doc;
use crate::tui::widget::paint;
use crate::tui::widget::popup::centred;
use crate::tui::widget::row::Row;
use crate::tui::widget::words;

pub struct Help {
    place: Place,
    doc: Doc,
    area: Rect,
}

impl Help {
    pub fn new(keymap: &Keymap, place: Place) -> Help {
        let mut rows = Vec::new();
        for group in [
            Group::Here,
            Group::View,
            Group::General,
            Group::Screens,
            Group::Move,
        ] {
            let entries: Vec<_> = TABLE
                .iter()
                .filter(|entry| entry.group == group && entry.places.contains(&place))
                .collect();
            if entries.is_empty() {
                continue;
            }
            if !rows.is_empty() {
                rows.push(Row::new());
            }
            rows.push(Row::of(Role::Title, group.name()));
            for entry in entries {
                let keys = keymap.all_keys(entry.action);
                let keys = if keys.is_empty() {
                    "unbound".to_owned()
                } else {
                    keys
                };
                rows.push(
                    Row::of(Role::Key, &format!("  {keys:<14} "))
                        .hang()
                        .with(Role::Text, entry.about),
                );
            }
        }
        rows.push(Row::new());
        rows.push(Row::of(Role::Title, "Marks"));
        rows.extend(marks());
        let mut doc = Doc::wrapped();
        doc.set(rows);
        Help {
            place,
            doc,
            area: Rect::ZERO,
        }
    }

    pub fn settle(&mut self, area: Rect) {
        self.area = centred(
            area,
            96.min(area.width.saturating_sub(4)),
            area.height.saturating_sub(4),
        );
        self.doc.settle(
            self.area.width.saturating_sub(4),
            self.area.height.saturating_sub(2),
        );
    }

    pub fn act(&mut self, action: Option<Action>) {
        if let Some(action) = action {
            self.doc.act(action);
        }
    }

    pub fn scroll(&mut self, rows: isize) {
        self.doc.scroll(rows);
    }

    pub fn view(&self, theme: &Theme, buf: &mut Buffer) {
        let title = Row::of(
            Role::FocusedTitle,
            &format!("Keys on {}", self.place.name()),
        )
        .remark(Role::Dim, &self.doc.position());
        let inner = paint::boxed(buf, theme, self.area, &title);
        self.doc.view(theme, buf, inner);
    }
}

/// What the marks mean: they never stand for colour alone.
fn marks() -> Vec<Row> {
    use HealthStatus::{Degraded, Healthy, Missing, Progressing, Suspended, Unknown};
    let mut health = Row::new();
    for status in [Healthy, Progressing, Degraded, Suspended, Missing, Unknown] {
        let (mark, word, role) = words::health_mark(status);
        health = health
            .with(role, mark)
            .with(Role::Text, " ")
            .with(Role::Text, &word.to_lowercase())
            .with(Role::Text, "  ");
    }
    let mut sync = Row::new();
    for state in [SyncState::Drifted, SyncState::Extra, SyncState::Orphaned] {
        let (mark, word, role) = words::sync_mark(state);
        sync = sync
            .with(role, mark)
            .with(Role::Text, " ")
            .with(Role::Text, word)
            .with(Role::Text, "  ");
    }
    let deployers = Row::of(Role::Dim, "◂ ")
        .with(Role::Environment, "production")
        .with(Role::Warning, " 3/4")
        .with(
            Role::Text,
            " of its 4 apps, 3 are at this commit or past it  ",
        )
        .with(Role::Warning, "↻")
        .with(Role::Text, " not all of git is applied");
    let other = Row::of(Role::Behind, "↓")
        .with(Role::Text, " behind the environment before it  ")
        .with(Role::Dim, "…")
        .with(Role::Text, " loading  ")
        .with(Role::Dim, "–")
        .with(Role::Text, " no cluster, or nothing there  ")
        .with(Role::Warning, "⊘")
        .with(Role::Text, " forbidden  ")
        .with(Role::Error, "!")
        .with(Role::Text, " unreachable or failed  ")
        .with(Role::Warning, "~")
        .with(Role::Text, " stale");
    vec![
        labelled("  health", health),
        labelled("  live", sync),
        labelled("  deployer", deployers),
        labelled("  other", other),
    ]
}
