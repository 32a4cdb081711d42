//! What a screen sees of the rest while it updates, and what it may ask for. Screens change only themselves; everything else they
//! want done they write down here.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::ask::{Ask, Question, Ticket};
use super::screen::Screen;
use super::widget::popup::Confirm;
use crate::review::{Cancel, Header, ObjectRef, revert};

pub struct Cx<'a> {
    pub now: Timestamp,
    pub header: &'a Header,
    /// The date or revision travelled to.
    pub at: Option<&'a str>,
    pub(super) next_ticket: &'a mut u64,
    pub(super) wishes: Vec<Wish>,
}

/// What the application is asked to do.
pub enum Wish {
    Effect(Effect),
    Push(Box<Screen>),
    Confirm(Confirm),
    /// The user confirmed this preview: show it on the Reverts screen and stage it there.
    Stage(Arc<revert::Answer>),
    Say(Tone, String),
}

/// What happens outside of the program's state.
#[derive(Debug)]
pub enum Effect {
    Ask(Ask),
    /// To the clipboard, through the terminal.
    Copy(String),
    /// In a browser; http and https only.
    Browse(String),
    /// In the user's pager; suspends the screen.
    Page(String),
    /// Hand over to k9s; suspends the screen.
    K9s(K9s),
    Quit,
}

/// What k9s is to be opened on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct K9s {
    pub context: Option<String>,
    pub namespace: Option<String>,
    pub kind: String,
    pub name: String,
}

impl K9s {
    pub fn on(object: &ObjectRef, context: Option<&str>) -> K9s {
        K9s {
            context: context.map(str::to_owned),
            namespace: object.namespace.clone(),
            kind: object.kind.clone(),
            name: object.name.clone(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Note,
    Good,
    Warning,
    Error,
}

impl Cx<'_> {
    pub fn ask(&mut self, question: Question, after: Duration, cancel: Cancel) -> Ticket {
        *self.next_ticket += 1;
        let ticket = Ticket(*self.next_ticket);
        self.wishes.push(Wish::Effect(Effect::Ask(Ask {
            ticket,
            question,
            after,
            cancel,
        })));
        ticket
    }

    pub fn push(&mut self, screen: Screen) {
        self.wishes.push(Wish::Push(Box::new(screen)));
    }

    pub fn confirm(&mut self, confirm: Confirm) {
        self.wishes.push(Wish::Confirm(confirm));
    }

    pub fn stage(&mut self, preview: Arc<revert::Answer>) {
        self.wishes.push(Wish::Stage(preview));
    }

    pub fn say(&mut self, tone: Tone, text: impl Into<String>) {
        self.wishes.push(Wish::Say(tone, text.into()));
    }

    /// Copies, and says what.
    pub fn copy(&mut self, text: String) {
        self.say(Tone::Good, format!("copied {text}"));
        self.effect(Effect::Copy(text));
    }

    pub fn effect(&mut self, effect: Effect) {
        self.wishes.push(Wish::Effect(effect));
    }
}
