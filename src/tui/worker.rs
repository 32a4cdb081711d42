//! Answers the questions of the screens, off the thread that draws.
//!
//! Answers wait in an [`Inbox`] that keeps only the newest of each ticket: partial answers are whole, so that a question which reports
//! faster than frames are drawn costs one frame and no memory.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::anyhow;
use futures::FutureExt;
use tokio::sync::Notify;

use super::ask::{Answer, Ask, Part, Question, Reply, Ticket};
use crate::review::action::stage;
use crate::review::{
    Cancel, Rendered, Sink, Workspace, change, contexts, deployed, doctor, drift, log, logs,
    resource, revert, stands,
};

/// Where answers wait for the next frame.
#[derive(Default)]
pub struct Inbox {
    waiting: Mutex<BTreeMap<Ticket, Answer>>,
    /// Beside the answers, of which it is none.
    rendered: Mutex<BTreeMap<Ticket, Rendered>>,
    arrived: Notify,
}

impl Inbox {
    fn put(&self, ticket: Ticket, answer: Answer) {
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(ticket, answer);
        self.arrived.notify_one();
    }

    fn tell(&self, ticket: Ticket, rendered: Rendered) {
        let mut told = self.rendered.lock().unwrap_or_else(PoisonError::into_inner);
        told.insert(ticket, rendered);
        self.arrived.notify_one();
    }

    /// Waits until there is something to take.
    pub async fn arrival(&self) {
        self.arrived.notified().await;
    }

    pub fn take(&self) -> Vec<Reply> {
        let rendered =
            std::mem::take(&mut *self.rendered.lock().unwrap_or_else(PoisonError::into_inner));
        let waiting =
            std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        let rendered = rendered
            .into_iter()
            .map(|(ticket, rendered)| (ticket, Answer::Rendered(rendered)));
        rendered
            .chain(waiting)
            .map(|(ticket, answer)| Reply { ticket, answer })
            .collect()
    }
}

/// Begins to answer. The answer and its parts go to `inbox`.
pub fn start(ws: &Workspace, ask: Ask, inbox: &Arc<Inbox>) {
    let ws = ws.clone();
    let post = Post {
        ticket: ask.ticket,
        cancel: ask.cancel.clone(),
        inbox: Arc::clone(inbox),
    };
    tokio::spawn(async move {
        if !ask.after.is_zero() {
            tokio::time::sleep(ask.after).await;
            if ask.cancel.is_cancelled() {
                return;
            }
        }
        // What writes is told to stop, not stopped: it leaves its journal in order.
        match ask.question {
            question @ (Question::Stage(_)
            | Question::Resume(_)
            | Question::Merge(_)
            | Question::Choose(_)) => answer(&ws, question, &post).await,
            question => {
                tokio::select! {
                    () = answer(&ws, question, &post) => {
                        // By now that takes next to nothing. What fails here fails where it is asked for.
                        ws.follow_stages().await.ok();
                    }
                    () = ask.cancel.cancelled() => {}
                }
            }
        }
    });
}

async fn answer(ws: &Workspace, question: Question, post: &Post) {
    match question {
        Question::Deployed(request) => {
            let sink = post.sink(Answer::Deployed);
            post.last(
                Answer::Deployed,
                guarded(deployed::ask(ws, request, &sink)).await,
            );
        }
        Question::Log(request) => {
            let sink = post.sink(Answer::Log);
            post.last(Answer::Log, guarded(log::ask(ws, request, &sink)).await);
        }
        Question::Stands => {
            let sink = post.sink(Answer::Stands);
            post.last(Answer::Stands, guarded(stands::ask(ws, &sink)).await);
        }
        Question::Change(request) => {
            let sink = post.sink(Answer::Change);
            post.last(
                Answer::Change,
                guarded(change::ask(ws, request, &sink)).await,
            );
        }
        Question::Logs(request) => {
            let sink = post.sink(Answer::Logs);
            post.last(Answer::Logs, guarded(logs::ask(ws, request, &sink)).await);
        }
        Question::Resource(request) => {
            let sink = post.sink(Answer::Resource);
            post.last(
                Answer::Resource,
                guarded(resource::ask(ws, request, &sink)).await,
            );
        }
        Question::Drift(request) => {
            let sink = post.sink(Answer::Drift);
            post.last(Answer::Drift, guarded(drift::ask(ws, request, &sink)).await);
        }
        Question::Revert(request) => {
            let sink = post.sink(Answer::Revert);
            post.last(
                Answer::Revert,
                guarded(revert::ask(ws, request, &sink)).await,
            );
        }
        Question::Doctor => post.last(
            Answer::Doctor,
            guarded(async { Ok(doctor::ask(ws).await) }).await,
        ),
        Question::Calls => post.last(Answer::Calls, guarded(async { Ok(ws.calls()) }).await),
        Question::Fetch => post.last(Answer::Fetch, guarded(ws.fetch()).await),
        Question::Contexts => post.last(Answer::Contexts, guarded(contexts::ask(ws)).await),
        Question::Choose(choice) => {
            let work = contexts::choose(ws, choice);
            post.last(Answer::Chosen, guarded(work).await);
        }
        Question::Pending => post.last(
            Answer::Pending,
            guarded(async { Ok(stage::pending(ws)) }).await,
        ),
        Question::Plan(preview) => {
            post.last(
                Answer::Plan,
                guarded(async { stage::plan(ws, &preview).map(|_| ()) }).await,
            );
        }
        Question::Stage(preview) => {
            let sink = post.sink(Answer::Stage);
            let work = async {
                let plan = stage::plan(ws, &preview)?;
                stage::run(ws, plan, consent(ws)?, &sink).await
            };
            post.last(Answer::Stage, guarded(work).await);
        }
        Question::Resume(id) => {
            let sink = post.sink(Answer::Stage);
            let work = async { stage::resume(ws, &id, consent(ws)?, &sink).await };
            post.last(Answer::Stage, guarded(work).await);
        }
        Question::Merge(id) => {
            let work = async { stage::merge(ws, &id, consent(ws)?).await };
            post.last(Answer::Merge, guarded(work).await);
        }
    }
}

/// The questions that need it are asked only after the user confirmed what was shown.
fn consent(ws: &Workspace) -> anyhow::Result<stage::Consent> {
    ws.consent()
        .ok_or_else(|| anyhow!("read-only: nothing is written"))
}

/// A panic while answering is a failed answer, not the end of the program.
async fn guarded<A>(work: impl Future<Output = anyhow::Result<A>>) -> anyhow::Result<A> {
    AssertUnwindSafe(work)
        .catch_unwind()
        .await
        .unwrap_or_else(|panic| {
            let text = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied());
            Err(anyhow!(
                "an error inside gitopsy: {}\nhint: please report it",
                text.unwrap_or("no message")
            ))
        })
}

/// Where one question's answers go.
struct Post {
    ticket: Ticket,
    cancel: Cancel,
    inbox: Arc<Inbox>,
}

impl Post {
    fn sink<A: 'static>(&self, wrap: fn(Part<A>) -> Answer) -> Sink<A> {
        let (ticket, inbox) = (self.ticket, Arc::clone(&self.inbox));
        let told = Arc::clone(&inbox);
        Sink::new(self.cancel.clone(), move |part| {
            inbox.put(ticket, wrap(Part::More(part)))
        })
        .telling(move |rendered| told.tell(ticket, rendered))
    }

    fn last<A>(&self, wrap: fn(Part<A>) -> Answer, result: anyhow::Result<A>) {
        let part = match result {
            Ok(answer) => Part::Done(answer),
            Err(error) => Part::Failed(format!("{error:#}")),
        };
        self.inbox.put(self.ticket, wrap(part));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_part_waits() {
        let inbox = Arc::new(Inbox::default());
        let post = Post {
            ticket: Ticket(1),
            cancel: Cancel::new(),
            inbox: Arc::clone(&inbox),
        };
        let sink = post.sink(Answer::Calls);
        sink.send(vec!["a".to_owned()]);
        sink.send(vec!["b".to_owned()]);
        post.last(Answer::Calls, Ok(vec!["c".to_owned()]));
        let replies = inbox.take();
        assert_eq!(replies.len(), 1);
        assert!(matches!(&replies[0].answer, Answer::Calls(Part::Done(calls)) if calls == &["c"]));
        assert!(inbox.take().is_empty());
        sink.send(vec!["d".to_owned()]);
        for done in [1, 2] {
            sink.waiting().tell(Rendered { done, total: 3 });
        }
        let replies = inbox.take();
        let answers: Vec<&Answer> = replies.iter().map(|reply| &reply.answer).collect();
        assert!(
            matches!(
                answers.as_slice(),
                [
                    Answer::Rendered(Rendered { done: 2, total: 3 }),
                    Answer::Calls(Part::More(_))
                ]
            ),
            "{answers:?}"
        );
    }

    #[tokio::test]
    async fn a_panic_is_a_failed_answer() {
        let result: anyhow::Result<()> = guarded(async { panic!("boom") }).await;
        assert!(result.unwrap_err().to_string().contains("boom"));
    }
}
