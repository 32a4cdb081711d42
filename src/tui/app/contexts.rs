//! Choosing the context that an environment is compared with: from its list, or by name in the palette.

use crossterm::event::KeyEvent;

use super::{App, Overlay, Own};
use crate::review::contexts::{By, Choice, Chosen};
use crate::tui::ask::{Answer, Part, Question, Reply};
use crate::tui::cx::{Effect, Tone};
use crate::tui::screen::contexts::{Picked, Picker, named, subject};
use crate::tui::screen::palette::{Choice as Offered, Palette};

impl Own {
    pub fn is_waiting(&self) -> bool {
        self.fetch.is_waiting() || self.contexts.is_waiting() || self.chosen.is_waiting()
    }
}

impl App {
    /// Gives the contexts to whatever lies open and shows them.
    pub(super) fn contexts_known(&mut self, reply: Reply) {
        let Answer::Contexts(part) = reply.answer else {
            return;
        };
        self.own.contexts.take(reply.ticket, part);
        let answer = match self.own.contexts.failed() {
            Some(error) => Err(error.to_owned()),
            None => self.own.contexts.value().cloned().ok_or_else(String::new),
        };
        match self.overlay.take() {
            Some(Overlay::Contexts(mut picker)) => {
                picker.answer(answer);
                self.overlay = Some(Overlay::Contexts(picker));
            }
            Some(Overlay::Palette(mut palette)) => {
                self.offer_contexts(&mut palette);
                self.overlay = Some(Overlay::Palette(palette));
            }
            other => self.overlay = other,
        }
    }

    /// Each context by name, for the environment that is shown.
    fn offer_contexts(&self, palette: &mut Palette) {
        let Some(answer) = self.own.contexts.value() else {
            return;
        };
        let name = subject(answer, self.screen().environment());
        let mut environments = answer.environments.iter();
        let Some(environment) = environments.find(|it| Some(it.name.as_str()) == name) else {
            return;
        };
        let blocked = match &environment.context {
            Ok((_, By::Name)) => Some(named(&environment.name)),
            _ => None,
        };
        for context in &answer.contexts {
            palette.offer(
                &format!("ctx:{}", context.name),
                &format!("for {}: {}", environment.name, context.server),
                "",
                blocked.clone(),
                Offered::Context(Choice {
                    environment: environment.name.clone(),
                    context: Some(context.clone()),
                }),
            );
        }
        palette.refresh();
    }

    pub(super) fn pick(&mut self, mut picker: Picker, event: KeyEvent, effects: &mut Vec<Effect>) {
        match picker.key(event) {
            Picked::Closed => return,
            Picked::Chosen(choice) => return self.choose_context(choice, effects),
            Picked::Refused(why) => self.message = Some((Tone::Warning, why)),
            Picked::Open => {}
        }
        self.overlay = Some(Overlay::Contexts(picker));
    }

    pub(super) fn choose_context(&mut self, choice: Choice, effects: &mut Vec<Effect>) {
        let named_elsewhere = self.own.contexts.value().is_some_and(|answer| {
            let mut all = answer.environments.iter();
            let found = all.find(|it| it.name == choice.environment);
            matches!(found.map(|it| &it.context), Some(Ok((_, By::Name))))
        });
        if named_elsewhere {
            self.message = Some((Tone::Warning, named(&choice.environment)));
            return;
        }
        self.ask_own(effects, |own, cx| {
            own.chosen.ask(cx, Question::Choose(choice))
        });
    }

    /// From now on everything that is shown of the environment's cluster is to be of this one.
    pub(super) fn context_chosen(&mut self, reply: Reply, effects: &mut Vec<Effect>) {
        let Answer::Chosen(part) = reply.answer else {
            return;
        };
        self.own.chosen.take(reply.ticket, part.clone());
        match part {
            Part::Failed(error) => self.message = Some((Tone::Error, error)),
            Part::More(chosen) | Part::Done(chosen) => {
                for opened in self.places.all_mut() {
                    opened.screen.other_cluster(&chosen.choice.environment);
                    opened.asked_for = None;
                }
                self.message = Some(said(&chosen));
                self.show(effects);
            }
        }
    }
}

fn said(chosen: &Chosen) -> (Tone, String) {
    let environment = &chosen.choice.environment;
    let said = match &chosen.choice.context {
        Some(context) => format!(
            "{environment} is compared with {} @ {}",
            context.name, context.server
        ),
        None => format!("what was chosen for {environment} is taken back"),
    };
    match &chosen.forgotten {
        Some(why) => {
            let said = format!("{said}; it cannot be remembered: {why}");
            (Tone::Warning, said)
        }
        None => (Tone::Good, said),
    }
}
