//! Staged reverts: what is under way, how far it has come, and what was interrupted and can be taken up again.

mod steps;

use std::sync::Arc;

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use self::steps::Pulse;
use super::{Facts, Look, Mouse, absent, labelled, standing};
use crate::review::action::stage::{Progress, StepName};
use crate::review::{Header, revert};
use crate::tui::ask::{Answer, Part, Question, Reply, Slot};
use crate::tui::cx::{Cx, Effect, Tone};
use crate::tui::filter::{Facet, Filter};
use crate::tui::keys::Action;
use crate::tui::theme::Role;
use crate::tui::widget::browser::{Browser, LIST};
use crate::tui::widget::doc::Doc;
use crate::tui::widget::panes;
use crate::tui::widget::popup::{Confirm, Purpose};
use crate::tui::widget::row::Row;

pub struct Reverts {
    /// Those this session has staged or taken up, newest first.
    runs: Vec<Run>,
    pending: Slot<Vec<Progress>>,
    merge: Slot<()>,
    items: Vec<Item>,
    browser: Browser,
}

/// Something under way.
struct Run {
    title: String,
    progress: Slot<Progress>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    Run(usize),
    Pending(usize),
}

impl Default for Reverts {
    fn default() -> Reverts {
        Reverts {
            runs: Vec::new(),
            pending: Slot::default(),
            merge: Slot::default(),
            items: Vec::new(),
            browser: Browser::with(vec![Doc::wrapped()]),
        }
    }
}

impl Reverts {
    pub fn ask(&mut self, cx: &mut Cx) {
        self.pending.ask(cx, Question::Pending);
    }

    /// Stages a preview the user has confirmed.
    pub fn stage(&mut self, preview: Arc<revert::Answer>, cx: &mut Cx) {
        let title = preview
            .message
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned();
        self.run(title, Question::Stage(preview), cx);
    }

    fn run(&mut self, title: String, question: Question, cx: &mut Cx) {
        let mut run = Run {
            title,
            progress: Slot::default(),
        };
        run.progress.ask(cx, question);
        self.runs.insert(0, run);
        self.browser.list.at = 0;
        self.refill();
    }

    pub fn reply(&mut self, reply: Reply, cx: &mut Cx) {
        match reply.answer {
            Answer::Pending(part) => {
                self.pending.take(reply.ticket, part);
            }
            Answer::Stage(part) => {
                if let Some(run) = self
                    .runs
                    .iter_mut()
                    .find(|run| run.progress.ticket() == Some(reply.ticket))
                {
                    run.progress.take(reply.ticket, part);
                }
            }
            Answer::Merge(part) => {
                match &part {
                    Part::Failed(error) => {
                        cx.say(Tone::Error, error.lines().collect::<Vec<_>>().join("; "))
                    }
                    Part::Done(()) | Part::More(()) => cx.say(Tone::Good, "merged"),
                }
                self.merge.take(reply.ticket, part);
            }
            _ => {}
        }
        self.refill();
    }

    fn refill(&mut self) {
        let filter = &self.browser.filter;
        let own: Vec<&str> = self
            .runs
            .iter()
            .filter_map(|run| Some(run.progress.value()?.id.as_str()))
            .collect();
        let pending = self.pending.value().map(Vec::as_slice).unwrap_or_default();
        let runs = (0..self.runs.len())
            .filter(|i| passes(&self.runs[*i].title, self.runs[*i].progress.value(), filter));
        let rest = (0..pending.len()).filter(|i| {
            let progress = &pending[*i];
            !own.contains(&progress.id.as_str()) && passes(&progress.title, Some(progress), filter)
        });
        self.items = runs.map(Item::Run).chain(rest.map(Item::Pending)).collect();
    }

    fn item(&self) -> Option<Item> {
        self.items.get(self.browser.list.at).copied()
    }

    /// Title, progress as far as it is known, and whether somebody works on it.
    fn look_up(&self, item: Item) -> Option<(&str, Option<&Progress>, Pulse)> {
        match item {
            Item::Run(i) => {
                let run = self.runs.get(i)?;
                let pulse = match (run.progress.is_waiting(), run.progress.failed()) {
                    (true, _) => Pulse::Running,
                    (false, Some(_)) => Pulse::Failed,
                    (false, None) => Pulse::Paused,
                };
                Some((&run.title, run.progress.value(), pulse))
            }
            Item::Pending(i) => {
                let progress = self.pending.value()?.get(i)?;
                Some((&progress.title, Some(progress), Pulse::Paused))
            }
        }
    }

    fn progress(&self) -> Option<&Progress> {
        self.look_up(self.item()?)?.1
    }

    /// What would be cut off by leaving now.
    pub fn unfinished(&self) -> Option<String> {
        let is_opened = |progress: &Progress| steps::is_done(progress, StepName::Opened);
        let run = self.runs.iter().find(|run| {
            run.progress.is_waiting() && !run.progress.value().is_some_and(is_opened)
        })?;
        Some(format!("Still being staged: {}", run.title))
    }

    pub fn act(&mut self, action: Action, cx: &mut Cx) {
        if self.browser.act(action) {
            return;
        }
        let Some(progress) = self.progress() else {
            return;
        };
        match action {
            Action::Resume => cx.confirm(resume(progress)),
            Action::Merge => cx.confirm(merge(progress)),
            Action::Copy => cx.copy(
                progress
                    .commit
                    .clone()
                    .unwrap_or_else(|| progress.branch.clone()),
            ),
            Action::Open => {
                if let Some(url) = self.url() {
                    cx.effect(Effect::Browse(url.to_owned()));
                }
            }
            _ => {}
        }
    }

    pub fn confirmed(&mut self, purpose: Purpose, cx: &mut Cx) {
        match purpose {
            Purpose::Resume(id) => {
                // One that failed in this session makes room for its successor.
                let title = self
                    .progress()
                    .map(|progress| progress.title.clone())
                    .unwrap_or_default();
                self.runs.retain(|run| {
                    run.progress
                        .value()
                        .is_none_or(|progress| progress.id != id)
                });
                self.run(title, Question::Resume(id), cx);
            }
            Purpose::Merge(id) => self.merge.ask(cx, Question::Merge(id)),
            Purpose::Stage | Purpose::Quit => {}
        }
    }

    fn url(&self) -> Option<&str> {
        let progress = self.progress()?;
        progress
            .pull
            .as_ref()
            .and_then(|pull| pull.url.as_deref())
            .or(progress.compare.as_deref())
    }

    pub fn blocked(&self, action: Action, header: &Header) -> Option<String> {
        match action {
            Action::Resume | Action::Merge if header.read_only => {
                Some("read-only: started with --read-only".to_owned())
            }
            Action::Resume | Action::Merge | Action::Copy | Action::Open => {
                let Some(progress) = self.progress() else {
                    return Some("no staged revert is selected".to_owned());
                };
                let running = self
                    .item()
                    .and_then(|item| self.look_up(item))
                    .is_some_and(|(.., pulse)| pulse == Pulse::Running);
                match action {
                    Action::Resume if running => Some("it is under way".to_owned()),
                    Action::Resume if steps::is_done(progress, StepName::Healthy) => {
                        Some("it is finished".to_owned())
                    }
                    Action::Merge if self.merge.is_waiting() => {
                        Some("the merge is under way".to_owned())
                    }
                    Action::Merge if steps::is_done(progress, StepName::Merged) => {
                        Some("it is merged".to_owned())
                    }
                    Action::Merge if !progress.can_merge => {
                        Some("merge it at the forge: o opens the pull request".to_owned())
                    }
                    Action::Open if self.url().is_none() => {
                        Some("no address is known yet".to_owned())
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    pub fn set_filter(&mut self, text: &str) {
        self.browser.filter = Filter::parse(text);
        self.refill();
    }

    pub fn settle(&mut self, area: Rect, now: Timestamp) {
        let rects = match panes::is_wide(area) {
            true => panes::columns(area, &[1, 1]),
            false => panes::list_over_text(area, [2, 3], self.items.len()),
        };
        self.browser.settle(area, rects, self.items.len(), 0);
        let rows = self.explain(now);
        self.browser.show(0, rows);
    }

    fn explain(&self, now: Timestamp) -> Vec<Row> {
        let Some((item, (_, progress, pulse))) = self
            .item()
            .and_then(|item| Some((item, self.look_up(item)?)))
        else {
            return Vec::new();
        };
        let mut rows = progress
            .map(|progress| steps::explain(progress, pulse, now))
            .unwrap_or_default();
        if let Item::Run(i) = item
            && (progress.is_none() || pulse == Pulse::Failed)
        {
            rows.extend(absent(&self.runs[i].progress));
        }
        rows
    }

    pub fn facts(&self) -> Facts {
        let runs = self.runs.iter().filter_map(|run| run.progress.ticket());
        Facts {
            crumb: "Reverts".to_owned(),
            position: self.browser.list.position(),
            filter: Some(self.browser.filter.text().to_owned()),
            tickets: runs
                .chain(self.pending.ticket())
                .chain(self.merge.ticket())
                .collect(),
            ..Facts::default()
        }
    }

    pub fn mouse(&mut self, mouse: Mouse, at: (u16, u16)) {
        self.browser.mouse(mouse, at, 0);
    }

    pub fn view(&self, look: Look, buf: &mut Buffer) {
        let title = self.browser.title(LIST, "Reverts");
        self.browser.view_list(
            look,
            buf,
            &title,
            &standing(&self.pending),
            &self.says(),
            |at| match self.look_up(self.items[at]) {
                Some((title, progress, pulse)) => steps::line(title, progress, pulse, look.now),
                None => Row::new(),
            },
        );
        let title = self.browser.title(
            1,
            self.progress()
                .map_or("Progress", |progress| &progress.branch),
        );
        self.browser.view_doc(look, buf, 0, &title, &Row::new());
    }

    fn says(&self) -> Vec<Row> {
        match self.pending.value() {
            _ if !self.items.is_empty() => Vec::new(),
            None => absent(&self.pending),
            Some(_) if !self.browser.filter.is_empty() => {
                vec![Row::of(Role::Dim, "none passes the filter (esc clears it)")]
            }
            Some(_) => vec![
                Row::of(Role::Text, "Nothing is staged."),
                Row::of(
                    Role::Dim,
                    "r on a commit, an app or a resource previews undoing it.",
                ),
            ],
        }
    }
}

fn resume(progress: &Progress) -> Confirm {
    let next = match steps::next(progress) {
        Some(step) => labelled("next", Row::of(Role::Text, steps::waiting(step.name))),
        None => Row::of(Role::Text, "everything is done; this watches once more"),
    };
    let rows = vec![
        Row::of(Role::Header, &progress.title),
        Row::new(),
        next,
        labelled("branch", Row::of(Role::Text, &progress.branch)),
    ];
    Confirm::new(
        Purpose::Resume(progress.id.clone()),
        "Take it up again?",
        rows,
        "resume",
        Vec::new(),
    )
}

fn merge(progress: &Progress) -> Confirm {
    let number = progress
        .pull
        .as_ref()
        .map(|pull| format!("#{} ", pull.number))
        .unwrap_or_default();
    let rows = vec![
        Row::of(Role::Pull, &number).with(Role::Header, &progress.title),
        Row::new(),
        labelled(
            "commit",
            Row::of(Role::Hash, progress.commit.as_deref().unwrap_or_default()),
        ),
        labelled(
            "then",
            Row::of(
                Role::Text,
                "the deployer applies it; the steps show how far it is",
            ),
        ),
    ];
    Confirm::new(
        Purpose::Merge(progress.id.clone()),
        "Merge the pull request?",
        rows,
        "merge",
        Vec::new(),
    )
}

fn passes(title: &str, progress: Option<&Progress>, filter: &Filter) -> bool {
    let branch = progress
        .map(|progress| progress.branch.as_str())
        .unwrap_or_default();
    let number = progress
        .and_then(|progress| progress.pull.as_ref())
        .map(|pull| format!("#{}", pull.number))
        .unwrap_or_default();
    filter.matches(&[
        (Facet::Word, title),
        (Facet::Word, branch),
        (Facet::Word, number.as_str()),
    ])
}
