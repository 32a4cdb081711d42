//! Text that attacks the terminal: escape sequences, bidi overrides, combining and double-width characters, in every string of every
//! answer. Nothing of it may reach a cell; nothing may break a frame.

use std::sync::Arc;

use gitopsy::review::applied::Applied;
use gitopsy::review::{Known, Why, drift, log};
use gitopsy::tui::app::Message;
use gitopsy::tui::ask::{Answer, Part, Question};
use proptest::prelude::*;
use ratatui::buffer::Buffer;

use crate::answers;
use crate::desk::{Desk, event};

const EVIL: &str =
    "\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}gnp.exe\u{0}\r\n\u{9b}31m日本語e\u{301}👩‍👩‍👧 \u{feff}";

/// Puts [`EVIL`] into the strings of an answer that come from outside.
fn poisoned(question: &Question) -> Answer {
    let evil = || EVIL.to_owned();
    match answers::to(question) {
        Answer::Deployed(Part::Done(mut answer)) => {
            answer.notes.push(evil());
            for lost in &mut answer.not_rendered {
                lost.why = evil();
            }
            for app in answer.apps.iter_mut().map(Arc::make_mut) {
                app.name.push_str(EVIL);
                for cell in &mut app.deployments {
                    (cell.version, cell.images, cell.chart) =
                        (Some(evil()), vec![evil()], Some(evil()));
                    (cell.namespace, cell.previous, cell.behind) =
                        (Some(evil()), Some(evil()), Some(evil()));
                    if let Some(since) = &mut cell.since {
                        (since.author.name, since.subject) = (evil(), evil());
                    }
                    if let Known::Fresh(live) = &mut cell.live {
                        live.health.reason = evil();
                        if let Known::Fresh(Some(applied)) = &mut live.applied {
                            poison(applied);
                        }
                    }
                }
            }
            Answer::Deployed(Part::Done(answer))
        }
        Answer::Log(Part::Done(answer)) => {
            let entries = answer.entries.iter().map(|entry| {
                let mut entry = log::Entry::clone(entry);
                (
                    entry.line.author.name,
                    entry.line.author.email,
                    entry.line.subject,
                ) = (evil(), evil(), evil());
                entry.meaning = vec![evil(), evil()];
                entry.environments = vec![evil()];
                for resource in &mut entry.resources {
                    resource.app = evil();
                    resource.path = Some(evil());
                }
                Arc::new(entry)
            });
            Answer::Log(Part::Done(log::Answer {
                entries: entries.collect(),
                ..answer
            }))
        }
        Answer::Change(Part::Done(mut answer)) => {
            answer.message = format!("{EVIL}\n{EVIL}");
            answer.other_files = vec![evil()];
            for diff in &mut answer.resources {
                diff.resource.path = Some(evil());
                diff.predicted = Some(evil());
                diff.text.after = Some(format!("key: {EVIL}\n- {EVIL}\n"));
                for field in &mut diff.fields {
                    field.path = answers::path(&["spec", EVIL, &format!("name={EVIL}")]);
                    field.after = Some(gitopsy::review::Node::Leaf(gitopsy::review::Leaf::String(
                        evil(),
                    )));
                }
            }
            Answer::Change(Part::Done(answer))
        }
        Answer::Resource(Part::Done(mut answer)) => {
            answer.path = Some(evil());
            answer.desired_text = Some(evil());
            if let Known::Fresh(live) = &mut answer.live {
                live.health.reason = evil();
                live.text = Some(evil());
                if let Some(applied) = &mut live.applied {
                    poison(applied);
                }
                if let Known::Fresh(events) = &mut live.events {
                    (events[0].reason, events[0].message) = (evil(), evil());
                }
            }
            Answer::Resource(Part::Done(answer))
        }
        Answer::Revert(Part::Done(mut answer)) => {
            (answer.branch, answer.message, answer.warnings) = (evil(), evil(), vec![evil()]);
            Answer::Revert(Part::Done(answer))
        }
        Answer::Drift(Part::Done(mut answer)) => {
            answer.applied.iter_mut().for_each(poison);
            answer.notes.push(evil());
            for unknown in &mut answer.unknown {
                (unknown.what, unknown.why) = (evil(), evil());
            }
            for resource in &mut answer.resources {
                resource.path = Some(evil());
                resource.verdict = Some(drift::Verdict::Read(evil()));
                resource.id.object.name = evil();
                let causes = resource.fields.iter_mut().map(|field| &mut field.cause);
                for cause in causes.chain(resource.cause.as_mut()) {
                    (cause.manager, cause.why) = (Some(evil()), Some(evil()));
                }
            }
            Answer::Drift(Part::Done(answer))
        }
        Answer::Logs(Part::Done(mut answer)) => {
            for container in &mut answer.containers {
                (container.container, container.why) = (evil(), evil());
                if let Known::Fresh(lines) = &mut container.lines {
                    lines.push(evil());
                }
            }
            Answer::Logs(Part::Done(answer))
        }
        Answer::Contexts(Part::Done(mut answer)) => {
            for context in &mut answer.contexts {
                (context.name, context.server, context.namespace) = (evil(), evil(), Some(evil()));
            }
            for environment in &mut answer.environments {
                environment.destination.cluster = Some(evil());
                environment.context = Err(Why::ContextChanged(evil()));
            }
            answer.current = Some(evil());
            Answer::Contexts(Part::Done(answer))
        }
        other => other,
    }
}

fn poison(applied: &mut Applied) {
    applied.revision = Some(EVIL.to_owned());
    applied.message = Some(EVIL.to_owned());
    applied.commit = None;
}

#[track_caller]
fn is_harmless(buf: &Buffer) {
    for cell in buf.content() {
        let harmful = |c: char| {
            c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
        };
        assert!(!cell.symbol().contains(harmful), "{:?}", cell.symbol());
    }
}

const TOURS: &[&str] = &[
    "1 right enter j j enter",
    "1 d v v x w",
    "1 r tab tab",
    "1 r enter",
    "2 enter j v y",
    "2 x / a",
    "4 j j j l",
    "4 a j G w",
    "4 enter tab tab l",
    "3 j enter j j enter y",
    "4 enter tab tab w",
    "4 enter y tab",
    "5",
    ": a",
    "?",
    "C down tab down / enter",
    ": c t x enter",
];

#[test]
fn nothing_harmful_reaches_a_frame() {
    for tour in TOURS {
        let mut desk = Desk::new((120, 40));
        for key in tour.split_whitespace() {
            desk.answer(|question| Some(poisoned(question)));
            is_harmless(&desk.frame());
            desk.press(key);
            is_harmless(&desk.frame());
        }
        desk.answer(|question| Some(poisoned(question)));
        is_harmless(&desk.frame());
        desk.answer(|question| Some(crate::desk::failed(question, EVIL)));
        is_harmless(&desk.frame());
    }
}

#[test]
fn what_is_pasted_is_harmless() {
    let mut desk = Desk::new((80, 24));
    desk.serve()
        .press("/")
        .send(Message::Paste(EVIL.to_owned()));
    is_harmless(&desk.frame());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Any keys at any size, with hostile and with plain answers: every frame can be drawn.
    #[test]
    fn no_keys_and_no_size_break_a_frame(
        keys in prop::collection::vec(prop::sample::select(vec![
            "1", "2", "3", "4", "5", "j", "k", "G", "g", "enter", "esc", "q", "tab", "z", "v", "x", "w", "r", "d", "y", "S", "space",
            "/", "a", "?", ":", "t", "[", "]", "left", "right", "ctrl-d", "pgdn", "n", "N", "m", "c", "C", "down", "a", "@", "D", "f", "backspace",
        ]), 1..40),
        sizes in prop::collection::vec((1u16..230, 1u16..60), 1..4),
        hostile in any::<bool>(),
    ) {
        let mut desk = Desk::new(sizes[0]);
        for (at, key) in keys.iter().enumerate() {
            desk.answer(|question| Some(if hostile { poisoned(question) } else { answers::to(question) }));
            desk.send(Message::Key(event(key)));
            if at % 7 == 6 {
                let (width, height) = sizes[at % sizes.len()];
                desk.send(Message::Resize(width, height));
            }
            is_harmless(&desk.frame());
        }
    }
}
