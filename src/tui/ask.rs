//! How screens ask and are answered.
//!
//! Every question gets a [`Ticket`] that is never used again. A [`Slot`] holds the answer it has and the ticket it waits for; an answer
//! with any other ticket is late (asked before the target changed, or before a refresh) and is dropped. A slot that is dropped, or
//! asks anew, cancels the work it no longer waits for.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::DropGuard;

use super::cx::Cx;
use crate::review::action::stage;
use crate::review::{
    Cancel, Rendered, change, contexts, deployed, doctor, drift, log, logs, resource, revert,
    stands,
};

/// Names one asking of one question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

#[derive(Debug, Clone)]
pub enum Question {
    Deployed(deployed::Request),
    Log(log::Request),
    /// Where each environment stands.
    Stands,
    Change(change::Request),
    Resource(resource::Request),
    Logs(logs::Request),
    Drift(drift::Request),
    Revert(revert::Request),
    Doctor,
    Calls,
    Fetch,
    /// Which contexts there are, and which are chosen.
    Contexts,
    /// Asked only on the user's word.
    Choose(contexts::Choice),
    /// What was staged and is not through yet.
    Pending,
    /// Whether a preview could be staged.
    Plan(Arc<revert::Answer>),
    /// Asked only when the user has confirmed exactly this preview.
    Stage(Arc<revert::Answer>),
    /// Asked only on the user's word.
    Resume(String),
    /// Asked only when the user has confirmed it.
    Merge(String),
}

/// Partial answers are whole: each replaces the one before.
#[derive(Debug, Clone)]
pub enum Part<A> {
    More(A),
    Done(A),
    Failed(String),
}

#[derive(Debug, Clone)]
pub enum Answer {
    Deployed(Part<deployed::Answer>),
    Log(Part<log::Answer>),
    Stands(Part<stands::Answer>),
    Change(Part<change::Answer>),
    Resource(Part<resource::Answer>),
    Logs(Part<logs::Answer>),
    Drift(Part<drift::Answer>),
    Revert(Part<revert::Answer>),
    Doctor(Part<doctor::Answer>),
    Calls(Part<Vec<String>>),
    /// Whether the tip moved.
    Fetch(Part<bool>),
    Contexts(Part<contexts::Answer>),
    Chosen(Part<contexts::Chosen>),
    Pending(Part<Vec<stage::Progress>>),
    Plan(Part<()>),
    Stage(Part<stage::Progress>),
    Merge(Part<()>),
    /// How far the renderings are that the answer to this ticket takes; no answer itself.
    Rendered(Rendered),
}

/// A question on its way to a worker.
#[derive(Debug)]
pub struct Ask {
    pub ticket: Ticket,
    pub question: Question,
    /// Begin only after this long, unless cancelled: what follows a moving cursor waits for it to rest.
    pub after: Duration,
    pub cancel: Cancel,
}

#[derive(Debug)]
pub struct Reply {
    pub ticket: Ticket,
    pub answer: Answer,
}

/// A question's place on a screen.
#[derive(Debug)]
pub struct Slot<A> {
    value: Option<A>,
    waiting: Option<(Ticket, DropGuard)>,
    failed: Option<String>,
}

impl<A> Default for Slot<A> {
    fn default() -> Slot<A> {
        Slot {
            value: None,
            waiting: None,
            failed: None,
        }
    }
}

impl<A> Slot<A> {
    /// With what is known before anything was asked.
    pub fn knowing(value: A) -> Slot<A> {
        Slot {
            value: Some(value),
            ..Slot::default()
        }
    }

    /// Asks; what is known already stays until the answer comes.
    pub fn ask(&mut self, cx: &mut Cx, question: Question) {
        self.ask_after(cx, question, Duration::ZERO);
    }

    pub fn ask_after(&mut self, cx: &mut Cx, question: Question, after: Duration) {
        let cancel = Cancel::new();
        let ticket = cx.ask(question, after, cancel.clone());
        self.waiting = Some((ticket, cancel.drop_guard()));
        self.failed = None;
    }

    /// Forgets what is known and what is waited for: the target is another one now.
    pub fn forget(&mut self) {
        *self = Slot::default();
    }

    /// Waits for no answer any more.
    pub fn stop(&mut self) {
        self.waiting = None;
    }

    /// Takes an answer if it is the one waited for.
    pub fn take(&mut self, ticket: Ticket, part: Part<A>) -> bool {
        if self
            .waiting
            .as_ref()
            .is_none_or(|(waiting, _)| *waiting != ticket)
        {
            return false;
        }
        match part {
            Part::More(value) => self.value = Some(value),
            Part::Done(value) => {
                self.value = Some(value);
                self.finish();
            }
            Part::Failed(error) => {
                self.failed = Some(error);
                self.finish();
            }
        }
        true
    }

    fn finish(&mut self) {
        if let Some((_, guard)) = self.waiting.take() {
            // Nobody is left to be told to stop.
            drop(guard.disarm());
        }
    }

    pub fn value(&self) -> Option<&A> {
        self.value.as_ref()
    }

    pub fn value_mut(&mut self) -> Option<&mut A> {
        self.value.as_mut()
    }

    /// The ticket waited for.
    pub fn ticket(&self) -> Option<Ticket> {
        self.waiting.as_ref().map(|(ticket, _)| *ticket)
    }

    pub fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Why the last asking failed.
    pub fn failed(&self) -> Option<&str> {
        self.failed.as_deref()
    }
}
