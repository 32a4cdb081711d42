//! The frame of a state, and when the next one is due although nothing happens. Reads only.

use std::time::Duration;

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::places::TABS;
use super::{App, Overlay};
use crate::tui::chrome;
use crate::tui::screen::Look;
use crate::tui::theme::Role;
use crate::tui::widget::row::Row;

impl App {
    /// In a second while something is under way, else when the next visible age changes, but not sooner than in a minute.
    pub fn deadline(&self) -> Duration {
        let facts = self.places.top().facts();
        if !facts.tickets.is_empty() || self.own.is_waiting() {
            return Duration::from_secs(1);
        }
        let times = facts
            .times
            .into_iter()
            .chain([self.header.tip_time])
            .chain(self.header.tip.fetched);
        let next = times
            .map(|time| until_next_age(self.now, time))
            .min()
            .unwrap_or(3600);
        Duration::from_secs(next.clamp(60, 3600))
    }

    /// Draws everything into a buffer of the size the state was settled for.
    pub fn view(&self, buf: &mut Buffer) {
        let theme = &self.theme;
        if self.area.width < chrome::SMALLEST.0 || self.area.height < chrome::SMALLEST.1 {
            chrome::too_small(theme, buf, self.area);
            return;
        }
        let [header, tabs, _, status, hints] = chrome::regions(self.area);
        chrome::header(
            theme,
            buf,
            header,
            &self.header,
            self.at.as_deref(),
            self.now,
        );
        chrome::tabs(theme, buf, tabs, &self.keymap, TABS, self.places.active());
        self.places.top().view(
            Look {
                theme,
                now: self.now,
            },
            buf,
        );
        match &self.overlay {
            Some(Overlay::Filter { line, .. }) => {
                line.view(theme, buf, status, status.y, &Row::of(Role::Key, " /"))
            }
            Some(Overlay::TimeTravel(line)) => {
                let lead = Row::of(Role::Key, " as of ")
                    .with(Role::Dim, "(2026-01-31, 2w, a revision; empty: now) ");
                line.view(theme, buf, status, status.y, &lead);
            }
            _ => self.view_status(buf, status),
        }
        let place = self.places.top().place();
        chrome::hints(theme, buf, hints, &self.keymap, place, |action| {
            self.blocked(action).is_some()
        });
        match &self.overlay {
            Some(Overlay::Confirm(confirm)) => confirm.view(theme, buf, self.area),
            Some(Overlay::Help(help)) => help.view(theme, buf),
            Some(Overlay::Palette(palette)) => palette.view(theme, buf),
            Some(Overlay::Contexts(picker)) => picker.view(theme, buf),
            Some(Overlay::Filter { .. } | Overlay::TimeTravel(_)) | None => {}
        }
    }

    fn view_status(&self, buf: &mut Buffer, area: Rect) {
        let facts = self.places.top().facts();
        let rendering = self
            .rendered
            .filter(|(ticket, rendered)| {
                facts.tickets.contains(ticket) && rendered.done < rendered.total
            })
            .map(|(_, rendered)| rendered.to_string());
        let mut progress = Row::of(Role::Dim, rendering.as_ref().unwrap_or(&facts.progress));
        if !facts.tickets.is_empty() || self.own.is_waiting() {
            progress = progress
                .gap()
                .with(Role::Progressing, chrome::spinner(self.now));
        }
        let status = chrome::Status {
            message: self.message.as_ref(),
            crumbs: self
                .places
                .path()
                .map(|screen| screen.facts().crumb)
                .collect(),
            filter: facts.filter.as_deref().unwrap_or_default(),
            position: facts.position,
            progress,
        };
        chrome::status(&self.theme, buf, area, &status);
    }

    /// A frame of this state, on a buffer of its size.
    pub fn frame(&self) -> Buffer {
        let mut buf = Buffer::empty(self.area);
        self.view(&mut buf);
        buf
    }
}

/// Seconds until an age reads differently (see [`crate::text::age`]).
fn until_next_age(now: Timestamp, then: Timestamp) -> u64 {
    let age = now.as_second().saturating_sub(then.as_second());
    let unit = match age.unsigned_abs() {
        0..3600 => 60,
        3600..86_400 => 3600,
        _ => 86_400,
    };
    let over = age.unsigned_abs() % unit;
    // What is ahead comes nearer.
    if age < 0 { over + 1 } else { unit - over }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::widget::words;

    #[test]
    fn an_age_changes_when_predicted() {
        let at = |seconds| Timestamp::from_second(1_700_000_000 + seconds).unwrap();
        let then = at(0);
        for age in [
            0, 30, 60, 61, 119, 3599, 3600, 7199, 7300, 86_399, 86_400, 200_000,
        ] {
            let due = age + i64::try_from(until_next_age(at(age), then)).unwrap();
            assert_eq!(
                words::age(at(due - 1), then),
                words::age(at(age), then),
                "{age}"
            );
            assert_ne!(
                words::age(at(due), then),
                words::age(at(age), then),
                "{age}"
            );
        }
    }
}
