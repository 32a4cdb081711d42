//! The screens: each is a question, its answer and a cursor. State changes in `act`, `reply` and `settle`; `view` only reads.

pub mod change;
pub mod contexts;
pub mod deployed;
pub mod drift;
pub mod help;
pub mod palette;
pub mod resource;
pub mod resources;
pub mod revert;
pub mod reverts;
pub mod text;
pub mod timeline;

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::ask::{Reply, Slot, Ticket};
use super::cx::Cx;
use super::keys::{Action, Place};
use super::theme::{Role, Theme};
use super::widget::popup::Purpose;
use super::widget::row::Row;
use super::widget::words::{self, labelled};
use crate::review::Header;

/// Any screen. An enum, so that the set is closed and what each must be able to do is in one place.
pub enum Screen {
    Deployed(deployed::Deployed),
    Timeline(timeline::Timeline),
    Change(change::Change),
    Resources(resources::Resources),
    Resource(resource::Resource),
    Drift(drift::Drift),
    Reverts(reverts::Reverts),
    Revert(revert::Revert),
    Text(text::Text),
}

/// What the frame around a screen shows of it, and what the application must know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The last part of the breadcrumb.
    pub crumb: String,
    /// `3/14`
    pub position: String,
    /// How far a growing answer has come: `12000 commits`.
    pub progress: String,
    /// The filter or search as typed; `None` where there is nothing to filter.
    pub filter: Option<String>,
    /// Something is marked, which `esc` gives up first.
    pub marked: bool,
    /// The tickets of all answers it waits for.
    pub tickets: Vec<Ticket>,
    /// Times whose ages are in view: a frame is due when one of them changes.
    pub times: Vec<Timestamp>,
}

/// What every `view` may read besides its own state.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    pub theme: &'a Theme,
    pub now: Timestamp,
}

/// What the mouse did at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mouse {
    Click,
    /// Lines, down positive.
    Wheel(isize),
}

impl Screen {
    pub fn place(&self) -> Place {
        match self {
            Screen::Deployed(_) => Place::Deployed,
            Screen::Timeline(_) => Place::Timeline,
            Screen::Change(_) => Place::Change,
            Screen::Resources(_) => Place::Resources,
            Screen::Resource(_) => Place::Resource,
            Screen::Drift(_) => Place::Drift,
            Screen::Reverts(_) => Place::Reverts,
            Screen::Revert(_) => Place::Revert,
            Screen::Text(_) => Place::Text,
        }
    }

    /// Asks everything this screen is about: when it is opened, and when answers may have changed.
    pub fn ask(&mut self, cx: &mut Cx) {
        match self {
            Screen::Deployed(screen) => screen.ask(cx),
            Screen::Timeline(screen) => screen.ask(cx),
            Screen::Change(screen) => screen.ask(cx),
            Screen::Resources(screen) => screen.ask(cx),
            Screen::Resource(screen) => screen.ask(cx),
            Screen::Drift(screen) => screen.ask(cx),
            Screen::Reverts(screen) => screen.ask(cx),
            Screen::Revert(screen) => screen.ask(cx),
            Screen::Text(screen) => screen.ask(cx),
        }
    }

    /// Asks again on the user's word.
    pub fn refresh(&mut self, cx: &mut Cx) {
        match self {
            Screen::Drift(screen) => screen.refresh(cx),
            other => other.ask(cx),
        }
    }

    /// An answer to one of the tickets in [`Facts::tickets`].
    pub fn reply(&mut self, reply: Reply, cx: &mut Cx) {
        match self {
            Screen::Deployed(screen) => screen.reply(reply),
            Screen::Timeline(screen) => screen.reply(reply, cx),
            Screen::Change(screen) => screen.reply(reply),
            Screen::Resources(screen) => screen.reply(reply),
            Screen::Resource(screen) => screen.reply(reply, cx),
            Screen::Drift(screen) => screen.reply(reply),
            Screen::Reverts(screen) => screen.reply(reply, cx),
            Screen::Revert(screen) => screen.reply(reply, cx),
            Screen::Text(screen) => screen.reply(reply, cx),
        }
    }

    /// Does what a key means here. The caller has asked [`Screen::blocked`] before.
    pub fn act(&mut self, action: Action, cx: &mut Cx) {
        match self {
            Screen::Deployed(screen) => screen.act(action, cx),
            Screen::Timeline(screen) => screen.act(action, cx),
            Screen::Change(screen) => screen.act(action, cx),
            Screen::Resources(screen) => screen.act(action, cx),
            Screen::Resource(screen) => screen.act(action, cx),
            Screen::Drift(screen) => screen.act(action, cx),
            Screen::Reverts(screen) => screen.act(action, cx),
            Screen::Revert(screen) => screen.act(action, cx),
            Screen::Text(screen) => screen.act(action, cx),
        }
    }

    /// Why an action that exists here cannot be done now; `None` where it can.
    pub fn blocked(&self, action: Action, header: &Header) -> Option<String> {
        match self {
            Screen::Deployed(screen) => screen.blocked(action),
            Screen::Timeline(screen) => screen.blocked(action),
            Screen::Change(screen) => screen.blocked(action),
            Screen::Resources(screen) => screen.blocked(action),
            Screen::Resource(screen) => screen.blocked(action),
            Screen::Drift(screen) => screen.blocked(action, header),
            Screen::Reverts(screen) => screen.blocked(action, header),
            Screen::Revert(screen) => screen.blocked(action, header),
            Screen::Text(screen) => screen.blocked(action),
        }
    }

    /// The environment that the cursor is in.
    pub fn environment(&self) -> Option<&str> {
        match self {
            Screen::Deployed(screen) => screen.environment().map(|it| it.name.as_str()),
            Screen::Resources(screen) => screen.environment(),
            Screen::Resource(screen) => Some(screen.environment()),
            Screen::Drift(screen) => screen.environment(),
            Screen::Timeline(_)
            | Screen::Change(_)
            | Screen::Reverts(_)
            | Screen::Revert(_)
            | Screen::Text(_) => None,
        }
    }

    /// An environment is compared with another cluster from now on: forgets what it shows of the one before, and waits for no
    /// more of it.
    pub fn other_cluster(&mut self, environment: &str) {
        match self {
            Screen::Deployed(screen) => screen.other_cluster(environment),
            Screen::Resources(screen) => screen.other_cluster(environment),
            Screen::Resource(screen) => screen.other_cluster(environment),
            Screen::Drift(screen) => screen.other_cluster(),
            Screen::Revert(screen) => screen.other_cluster(),
            Screen::Text(screen) => screen.other_cluster(),
            Screen::Timeline(screen) => screen.other_cluster(environment),
            Screen::Change(_) | Screen::Reverts(_) => {}
        }
    }

    /// The user answered yes to a question this screen asked.
    pub fn confirmed(&mut self, purpose: Purpose, cx: &mut Cx) {
        match self {
            Screen::Reverts(screen) => screen.confirmed(purpose, cx),
            Screen::Revert(screen) => screen.confirmed(purpose, cx),
            _ => {}
        }
    }

    pub fn set_filter(&mut self, text: &str) {
        match self {
            Screen::Deployed(screen) => screen.set_filter(text),
            Screen::Timeline(screen) => screen.set_filter(text),
            Screen::Change(screen) => screen.set_filter(text),
            Screen::Resources(screen) => screen.set_filter(text),
            Screen::Resource(screen) => screen.set_filter(text),
            Screen::Drift(screen) => screen.set_filter(text),
            Screen::Reverts(screen) => screen.set_filter(text),
            Screen::Revert(_) => {}
            Screen::Text(screen) => screen.set_filter(text),
        }
    }

    /// Asks what a filter that was set asks of more than the list.
    pub fn searched(&mut self, cx: &mut Cx) {
        if let Screen::Timeline(screen) = self {
            screen.searched(cx);
        }
    }

    /// Computes everything that depends on size, time and content, after each update.
    pub fn settle(&mut self, area: Rect, now: Timestamp) {
        match self {
            Screen::Deployed(screen) => screen.settle(area, now),
            Screen::Timeline(screen) => screen.settle(area, now),
            Screen::Change(screen) => screen.settle(area, now),
            Screen::Resources(screen) => screen.settle(area, now),
            Screen::Resource(screen) => screen.settle(area, now),
            Screen::Drift(screen) => screen.settle(area, now),
            Screen::Reverts(screen) => screen.settle(area, now),
            Screen::Revert(screen) => screen.settle(area, now),
            Screen::Text(screen) => screen.settle(area),
        }
    }

    pub fn view(&self, look: Look, buf: &mut Buffer) {
        match self {
            Screen::Deployed(screen) => screen.view(look, buf),
            Screen::Timeline(screen) => screen.view(look, buf),
            Screen::Change(screen) => screen.view(look, buf),
            Screen::Resources(screen) => screen.view(look, buf),
            Screen::Resource(screen) => screen.view(look, buf),
            Screen::Drift(screen) => screen.view(look, buf),
            Screen::Reverts(screen) => screen.view(look, buf),
            Screen::Revert(screen) => screen.view(look, buf),
            Screen::Text(screen) => screen.view(look, buf),
        }
    }

    pub fn facts(&self) -> Facts {
        match self {
            Screen::Deployed(screen) => screen.facts(),
            Screen::Timeline(screen) => screen.facts(),
            Screen::Change(screen) => screen.facts(),
            Screen::Resources(screen) => screen.facts(),
            Screen::Resource(screen) => screen.facts(),
            Screen::Drift(screen) => screen.facts(),
            Screen::Reverts(screen) => screen.facts(),
            Screen::Revert(screen) => screen.facts(),
            Screen::Text(screen) => screen.facts(),
        }
    }

    pub fn mouse(&mut self, mouse: Mouse, at: (u16, u16), cx: &mut Cx) {
        match self {
            Screen::Deployed(screen) => screen.mouse(mouse, at),
            Screen::Timeline(screen) => screen.mouse(mouse, at),
            Screen::Change(screen) => screen.mouse(mouse, at),
            Screen::Resources(screen) => screen.mouse(mouse, at),
            Screen::Resource(screen) => screen.mouse(mouse, at, cx),
            Screen::Drift(screen) => screen.mouse(mouse, at),
            Screen::Reverts(screen) => screen.mouse(mouse, at),
            Screen::Revert(screen) => screen.mouse(mouse, at, cx),
            Screen::Text(screen) => screen.mouse(mouse),
        }
    }
}

/// What a pane shows in place of an answer it does not have: that it is coming, or why it is not.
pub fn absent<A>(slot: &Slot<A>) -> Vec<Row> {
    match slot.failed() {
        Some(error) => {
            let mut lines = error.lines();
            let mut rows = vec![
                Row::of(Role::Error, "✗ ").with(Role::Error, lines.next().unwrap_or("failed")),
            ];
            rows.extend(lines.map(|line| Row::of(Role::Text, "  ").with(Role::Text, line)));
            rows
        }
        None => vec![words::loading()],
    }
}

/// The note at the right of a pane's rule while its answer is not the last word.
pub fn standing<A>(slot: &Slot<A>) -> Row {
    match (slot.value(), slot.failed(), slot.is_waiting()) {
        (Some(_), Some(_), _) => Row::of(Role::Error, "! asking again failed, this is older"),
        (Some(_), None, true) => Row::of(Role::Dim, "… updating"),
        _ => Row::new(),
    }
}
