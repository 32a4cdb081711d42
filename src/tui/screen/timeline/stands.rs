//! Where each environment stands, on the lines of the timeline: a mark beside each commit that deployers are at, and what there is
//! to say about it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::entry::{self, Line};
use crate::review::log::Entry;
use crate::review::stands::{Answer, Environment, Stands, Step};
use crate::review::{Deployer, Known, Oid, Why};
use crate::tui::ask::Slot;
use crate::tui::screen::labelled;
use crate::tui::theme::Role;
use crate::tui::widget::row::{Row, cut};
use crate::tui::widget::words;

/// No more names of apps are listed.
const MOST_NAMES: usize = 20;
/// Nor more apps with what their deployers say.
const MOST_SAID: usize = 6;

/// A step of an environment that a line stands for: both by their indices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    environment: usize,
    step: usize,
}

/// The marks of each line that has some.
pub fn marks(
    answer: &Answer,
    lines: &[Line],
    entries: &[Arc<Entry>],
    unfolded: bool,
) -> HashMap<usize, Vec<Mark>> {
    let mut named: HashMap<Oid, Vec<Mark>> = HashMap::new();
    for (environment, of) in answer.environments.iter().enumerate() {
        let steps = of.stands.value().map(|stands| stands.steps.as_slice());
        for (step, at) in steps.unwrap_or_default().iter().enumerate() {
            let mark = Mark { environment, step };
            named.entry(at.commit).or_default().push(mark);
        }
    }
    if named.is_empty() {
        return HashMap::new();
    }
    let mut marks: HashMap<usize, Vec<Mark>> = HashMap::new();
    let commits: HashSet<Oid> = named.keys().copied().collect();
    for (commit, line) in entry::standing_for(lines, entries, unfolded, &commits) {
        let here = named.remove(&commit).unwrap_or_default();
        marks.entry(line).or_default().extend(here);
    }
    for marks in marks.values_mut() {
        marks.sort_by_key(|mark| (mark.environment, mark.step));
        // Of several steps that a line stands for, the last counts those of the others.
        marks.reverse();
        marks.dedup_by_key(|mark| mark.environment);
        marks.reverse();
    }
    marks
}

/// When what is marked was last confirmed, where it is not any more.
pub fn ages(answer: &Answer) -> impl Iterator<Item = Timestamp> {
    let environments = answer.environments.iter();
    environments.filter_map(|environment| environment.stands.as_of())
}

fn marked<'a>(answer: &'a Answer, mark: &Mark) -> Option<(&'a Environment, &'a Stands, &'a Step)> {
    let environment = answer.environments.get(mark.environment)?;
    let stands = environment.stands.value()?;
    Some((environment, stands, stands.steps.get(mark.step)?))
}

/// `◂ staging, production 11/12`, on `width` columns.
pub fn label(answer: &Answer, marks: &[Mark], now: Timestamp, width: u16) -> Row {
    let mut row = Row::of(Role::Dim, "◂ ");
    for (said, mark) in marks.iter().enumerate() {
        let Some((environment, stands, step)) = marked(answer, mark) else {
            continue;
        };
        let is_all = step.reached == stands.apps;
        let is_alone = stands.steps.len() == 1;
        let of = match is_all && is_alone {
            true => String::new(),
            false => format!(" {}/{}", step.reached, stands.apps),
        };
        let stale = environment.stands.as_of();
        let stale = stale.map(|at| format!(" ~{}", words::age(now, at)));
        let stale = stale.unwrap_or_default();
        let role = match stale.is_empty() {
            true => Role::Environment,
            false => Role::Dim,
        };
        let after = Row::of(if is_all { Role::Dim } else { Role::Warning }, &of)
            .with(Role::Warning, &stale);
        let left = marks.len() - said;
        let more = match left {
            1 => String::new(),
            _ => format!(" +{}", left - 1),
        };
        let used = row.width() + after.width() + Row::of(Role::Dim, &more).width();
        let comma = if said > 0 { ", " } else { "" };
        let name = Row::of(Role::Dim, comma).with(role, &environment.name);
        if said > 0 && used + name.width() > width {
            row.add(Role::Dim, &format!(" +{left}"));
            break;
        }
        let name = match said {
            0 => Row::of(
                role,
                &cut(&environment.name, width.saturating_sub(used).max(4)),
            ),
            _ => name,
        };
        row = row.then(name).then(after);
    }
    row
}

/// What there is to say about the environments that stand at a line, and of the ones in `reached` where nothing is known.
pub fn explain(
    slot: &Slot<Answer>,
    marks: &[Mark],
    reached: &[String],
    is_past: bool,
    now: Timestamp,
) -> Vec<Row> {
    let mut rows = Vec::new();
    let Some(answer) = slot.value() else {
        if !reached.is_empty() {
            rows.extend(match (is_past, slot.failed(), slot.is_waiting()) {
                (true, ..) => Some(words::why(&Why::Past)),
                (_, Some(why), _) => Some(words::why(&Why::Failed(why.to_owned()))),
                (.., true) => Some(words::loading()),
                _ => None,
            });
        }
        return under("stands", rows);
    };
    for mark in marks {
        if let Some((environment, stands, step)) = marked(answer, mark) {
            rows.extend(explain_step(environment, stands, step, mark.step, now));
        }
    }
    if let Some(why) = slot.failed().filter(|_| !rows.is_empty()) {
        let why = format!("! asking again failed, this is older: {why}");
        rows.push(Row::of(Role::Error, &why));
    }
    let is_marked = |name: &str| {
        let mut marked = marks.iter().filter_map(|mark| marked(answer, mark));
        marked.any(|(environment, ..)| environment.name == name)
    };
    // Environments of which the same is not known, in one line.
    let mut not_known: Vec<(Row, Vec<&str>)> = Vec::new();
    let environments = answer.environments.iter();
    for environment in environments
        .filter(|environment| reached.contains(&environment.name) && !is_marked(&environment.name))
    {
        let Some(why) = not_known_why(environment) else {
            continue;
        };
        match not_known.iter_mut().find(|(known, _)| *known == why) {
            Some((_, names)) => names.push(&environment.name),
            None => not_known.push((why, vec![&environment.name])),
        }
    }
    for (why, names) in not_known {
        let names = Row::of(Role::Environment, &names.join(", "));
        rows.push(names.with(Role::Text, "  ").then(why));
    }
    under("stands", rows)
}

/// Why it is not known where an environment stands, as far as it is not.
fn not_known_why(environment: &Environment) -> Option<Row> {
    match &environment.stands {
        Known::Loading => Some(words::loading()),
        Known::Unavailable(why) => Some(words::why(why)),
        Known::Fresh(stands) | Known::Stale(stands, _) if stands.apps == 0 => {
            let who = match environment.deployer {
                Deployer::Unknown => "its deployer is not known".to_owned(),
                known => format!(
                    "{} does not say at which commit it is",
                    words::deployer(known)
                ),
            };
            Some(Row::of(Role::Dim, "– ").with(Role::Dim, &who))
        }
        Known::Fresh(stands) | Known::Stale(stands, _) => match stands.unknown.as_slice() {
            [(app, why), more @ ..] if stands.steps.is_empty() => {
                let more = match more.len() {
                    0 => String::new(),
                    more => format!(", and {more} more"),
                };
                let said = format!("{app}: {why}{more}");
                Some(Row::of(Role::Unknown, "? ").with(Role::Text, &said))
            }
            _ => None,
        },
    }
}

fn explain_step(
    environment: &Environment,
    stands: &Stands,
    step: &Step,
    place: usize,
    now: Timestamp,
) -> Vec<Row> {
    let apps = words::count(stands.apps, "app");
    let who = match (step.reached == stands.apps, place) {
        (true, 0) if stands.apps == 1 => "1 app is here".to_owned(),
        (true, 0) => format!("all {apps} are here"),
        (true, _) => format!("all {apps} are here or past it"),
        (false, _) => format!("{} of {apps} are here or past it", step.reached),
    };
    let since = step.apps.iter().filter_map(|applied| applied.since).max();
    let since = since.map(|at| format!("since {}", words::since(now, at)));
    let mut rows = vec![
        Row::of(Role::Environment, &environment.name)
            .with(Role::Text, "  ")
            .with(Role::Text, &who)
            .remark(Role::Dim, &since.unwrap_or_default()),
    ];
    if environment.stands.as_of().is_some() {
        rows.push(words::standing(&environment.stands, now));
    }
    let (current, behind): (Vec<_>, Vec<_>) =
        step.apps.iter().partition(|applied| applied.is_current());
    for applied in behind.iter().take(MOST_SAID) {
        let app = Row::of(Role::Text, &applied.app).with(Role::Text, "  ");
        rows.push(app.then(words::applied(applied, now)));
    }
    let unsaid = behind.iter().skip(MOST_SAID);
    let here: Vec<&str> = current
        .iter()
        .chain(unsaid)
        .map(|applied| applied.app.as_str())
        .collect();
    rows.extend(names("", &here));
    let later = stands.steps.iter().skip(place + 1);
    let later: Vec<&str> = later
        .flat_map(|step| &step.apps)
        .map(|applied| applied.app.as_str())
        .collect();
    rows.extend(names("not yet: ", &later));
    let unknown = stands.unknown.iter().take(MOST_SAID);
    rows.extend(unknown.map(|(app, why)| {
        Row::of(Role::Unknown, "? ")
            .with(Role::Text, app)
            .with(Role::Text, ": ")
            .with(Role::Text, why)
    }));
    if let Some(more @ 1..) = stands.unknown.len().checked_sub(MOST_SAID) {
        let more = format!("  and of {more} more it is not known");
        rows.push(Row::of(Role::Dim, &more));
    }
    rows
}

/// Apps by name; more than a person reads are counted.
fn names(what: &str, apps: &[&str]) -> Option<Row> {
    if apps.is_empty() {
        return None;
    }
    let shown = &apps[..apps.len().min(MOST_NAMES)];
    let mut row = Row::of(Role::Warning, what).with(Role::Dim, &shown.join(", "));
    if let Some(more @ 1..) = apps.len().checked_sub(MOST_NAMES) {
        row.add(Role::Dim, &format!(", and {more} more"));
    }
    Some(row)
}

fn under(label: &str, rows: Vec<Row>) -> Vec<Row> {
    let rows = rows.into_iter().enumerate();
    let labelled = rows.map(|(i, row)| labelled(if i == 0 { label } else { "" }, row));
    labelled.collect()
}
