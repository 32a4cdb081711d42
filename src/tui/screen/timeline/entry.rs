//! The entries of a log: which become a line, how that line reads, what there is to say about one. The timeline and the log of a
//! resource share them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::review::Oid;
use crate::review::log::Entry;
use crate::tui::filter::{Facet, Filter};
use crate::tui::screen::labelled;
use crate::tui::theme::Role;
use crate::tui::widget::row::{Row, cut};
use crate::tui::widget::words;

/// A line of a log: an entry, or several routine ones together. Indices into the answer's entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    Entry(usize),
    Folded { first: usize, count: usize },
}

impl Line {
    /// The first entry it stands for.
    pub fn first(self) -> usize {
        match self {
            Line::Entry(first) | Line::Folded { first, .. } => first,
        }
    }
}

/// The lines of a log under a filter. Generated commits whose source is listed are folded into it; neighbouring routine commits
/// become one line.
pub fn lines(entries: &[Arc<Entry>], filter: &Filter, unfolded: bool) -> Vec<Line> {
    let listed = listed(entries);
    let mut out: Vec<Line> = Vec::new();
    for (i, entry) in entries.iter().enumerate() {
        if !passes(entry, filter) || (!unfolded && in_its_source(entry, &listed).is_some()) {
            continue;
        }
        if unfolded || !is_routine(entry) {
            out.push(Line::Entry(i));
            continue;
        }
        match out.last_mut() {
            Some(Line::Folded { count, .. }) => *count += 1,
            // One alone takes a line either way.
            Some(last) if is_routine(&entries[last.first()]) => {
                *last = Line::Folded {
                    first: last.first(),
                    count: 2,
                }
            }
            _ => out.push(Line::Entry(i)),
        }
    }
    out
}

fn listed(entries: &[Arc<Entry>]) -> HashSet<Oid> {
    entries.iter().map(|entry| entry.line.commit).collect()
}

/// The source that a generated commit is folded into, if that is among the `listed`.
fn in_its_source(entry: &Entry, listed: &HashSet<Oid>) -> Option<Oid> {
    let source = entry.source.as_ref().filter(|_| entry.generated)?.commit;
    (source != entry.line.commit && listed.contains(&source)).then_some(source)
}

/// Those of `commits` that a line stands for, itself or folded, each with that line.
pub fn standing_for(
    lines: &[Line],
    entries: &[Arc<Entry>],
    unfolded: bool,
    commits: &HashSet<Oid>,
) -> Vec<(Oid, usize)> {
    let listed = listed(entries);
    let mut folded: HashMap<Oid, Vec<Oid>> = HashMap::new();
    if !unfolded {
        for entry in entries
            .iter()
            .filter(|it| commits.contains(&it.line.commit))
        {
            if let Some(source) = in_its_source(entry, &listed) {
                folded.entry(source).or_default().push(entry.line.commit);
            }
        }
    }
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let first = line.first();
        // What does not pass the filter is between the lines, and belongs to none.
        let last = match line {
            Line::Entry(_) => first + 1,
            Line::Folded { .. } => lines.get(at + 1).map_or(entries.len(), |next| next.first()),
        };
        for entry in entries.get(first..last).unwrap_or_default() {
            if matches!(line, Line::Folded { .. }) && !is_routine(entry) {
                continue;
            }
            let commit = entry.line.commit;
            let own =
                commits.contains(&commit) && (unfolded || in_its_source(entry, &listed).is_none());
            found.extend(own.then_some((commit, at)));
            let made = folded.get(&commit).into_iter().flatten();
            found.extend(made.map(|made| (*made, at)));
        }
    }
    found
}

/// Where `commit` is in a log, itself or folded.
pub fn position(lines: &[Line], entries: &[Arc<Entry>], commit: Oid) -> Option<usize> {
    let index = entries
        .iter()
        .position(|entry| entry.line.commit == commit)?;
    let after = lines.iter().position(|line| line.first() > index);
    after.unwrap_or(lines.len()).checked_sub(1)
}

fn is_routine(entry: &Entry) -> bool {
    entry.analysed
        && !entry.resources.is_empty()
        && entry.resources.iter().all(|resource| resource.routine)
}

/// A line of a log, on `width` columns. `unsure`: what stands before a subject whose meaning is not known yet.
pub fn line_row(
    line: Line,
    entries: &[Arc<Entry>],
    now: Timestamp,
    width: u16,
    unsure: &str,
) -> Row {
    match line {
        Line::Entry(i) => entry_row(&entries[i], now, width, unsure),
        Line::Folded { count, .. } => Row::of(Role::Dim, &format!("   + {count} routine")),
    }
}

/// `a1b2c3d   2h alice    #482 api 1.4.1 → 1.4.2 in production`
pub fn entry_row(entry: &Entry, now: Timestamp, width: u16, unsure: &str) -> Row {
    let who = entry
        .source
        .as_ref()
        .filter(|_| entry.generated)
        .unwrap_or(&entry.line);
    let roomy = width >= 70;
    let author = match width {
        110.. => 16,
        70.. => 12,
        _ => 8_u16,
    };
    let mut row = Row::of(Role::Hash, &words::hash(&entry.line.commit))
        .with(
            Role::Age,
            &format!(" {:>4}  ", words::age(now, entry.line.time)),
        )
        .then(
            Row::of(
                if who.bot { Role::Dim } else { Role::Author },
                &cut(words::name(who), author),
            )
            .pad(author),
        )
        .with(Role::Text, " ");
    if roomy {
        let pull = entry
            .pull
            .as_ref()
            .map(|pull| format!("#{}", pull.number))
            .unwrap_or_default();
        row = row.then(Row::of(Role::Pull, &pull).with(Role::Text, " ").pad(6));
    }
    row = match entry.meaning.as_slice() {
        [] if entry.analysed => row.with(Role::Dim, subject(entry, roomy)),
        [] => row
            .with(Role::Dim, unsure)
            .with(Role::Text, subject(entry, roomy)),
        [only] => row.with(Role::Text, only),
        [first, rest @ ..] => row
            .with(Role::Text, first)
            .with(Role::Dim, &format!("  +{}", rest.len())),
    };
    let said = |meaning: &String| meaning.ends_with("routine");
    if is_routine(entry) && !entry.meaning.iter().any(said) {
        row.add(Role::Dim, "  routine");
    }
    if entry.links.reverted_by.is_some() {
        row.add(Role::Warning, "  ↶ reverted");
    }
    row
}

/// Without the number that stands beside it.
fn subject(entry: &Entry, has_number: bool) -> &str {
    let subject = entry.line.subject.as_str();
    let pull = entry.pull.as_ref().filter(|_| has_number);
    // What a merge says by itself is its number and a branch.
    let title = pull.and_then(|pull| pull.title.as_deref());
    if let Some(title) = title.filter(|_| subject.starts_with("Merge pull request #")) {
        return title;
    }
    let number = pull.map(|pull| format!(" (#{})", pull.number));
    number
        .and_then(|number| subject.strip_suffix(&number))
        .unwrap_or(subject)
}

/// The detail of an entry; `stands`: what there is to say about who stands there.
pub fn explain(entry: &Entry, stands: Vec<Row>, now: Timestamp) -> Vec<Row> {
    let mut rows = vec![Row::of(Role::Header, &entry.line.subject)];
    rows.extend(origin(entry, now));
    if !entry.environments.is_empty() {
        rows.push(labelled(
            "reaches",
            Row::of(Role::Environment, &entry.environments.join(", ")),
        ));
    }
    rows.extend(stands);
    for (i, meaning) in entry.meaning.iter().enumerate() {
        rows.push(labelled(
            if i == 0 { "meaning" } else { "" },
            Row::of(Role::Text, meaning),
        ));
    }
    for (i, found) in entry.found.iter().enumerate() {
        let (role, mark) = match found.appeared {
            true => (Role::Added, "+ "),
            false => (Role::Removed, "− "),
        };
        let path = found.path.as_ref().map(|path| format!(" {path} ="));
        let row = Row::of(role, mark)
            .with(Role::Text, &found.object.to_string())
            .with(Role::Text, &path.unwrap_or_default())
            .with(role, &format!(" {}", found.value))
            .with(Role::Dim, "  ")
            .with(Role::Environment, &found.environment);
        rows.push(labelled(if i == 0 { "found" } else { "" }, row));
    }
    if !entry.analysed {
        rows.push(labelled("resources", words::loading()));
    } else if let Some(why) = &entry.unknown {
        for (i, line) in why.lines().enumerate() {
            let line = Row::of(Role::Warning, line);
            rows.push(labelled(if i == 0 { "not known" } else { "" }, line));
        }
    } else if entry.resources.is_empty() {
        rows.push(labelled(
            "resources",
            Row::of(Role::Dim, "none: no app is made of what it changes"),
        ));
    }
    for (i, resource) in entry.resources.iter().enumerate() {
        let (mark, _, role) = words::change_mark(resource.change);
        let row = Row::of(role, mark)
            .with(Role::Text, " ")
            .with(
                if resource.routine {
                    Role::Dim
                } else {
                    Role::Text
                },
                &resource.object.to_string(),
            )
            .with(Role::Dim, "  ")
            .with(Role::Environment, &resource.environment)
            .with(Role::Dim, &format!(" {}", resource.app))
            .with(Role::Dim, if resource.routine { "  routine" } else { "" });
        rows.push(labelled(if i == 0 { "resources" } else { "" }, row));
    }
    rows
}

/// Who and when, and what it has to do with other commits.
pub fn origin(entry: &Entry, now: Timestamp) -> Vec<Row> {
    let line = &entry.line;
    let author = Row::of(Role::Author, &line.author.name)
        .with(Role::Dim, &format!(" <{}>", line.author.email))
        .with(Role::Dim, if line.bot { "  bot" } else { "" });
    let mut rows = vec![
        labelled("author", author),
        labelled("time", words::moment(line.time, now)),
    ];
    if let Some(pull) = &entry.pull {
        let number = Row::of(Role::Pull, &format!("#{} ", pull.number));
        // The subject of what was squashed is its title.
        let title = pull.title.as_deref();
        let title = title.filter(|title| !line.subject.starts_with(title));
        rows.push(labelled(
            "pull",
            number.with(Role::Text, title.unwrap_or_default()),
        ));
    }
    if let Some(source) = &entry.source {
        let label = if entry.generated {
            "made from"
        } else {
            "source"
        };
        rows.push(labelled(label, words::commit(source, now)));
    }
    if !entry.generated_by.is_empty() {
        let hashes: Vec<String> = entry.generated_by.iter().map(words::hash).collect();
        rows.push(labelled(
            "generated",
            Row::of(Role::Hash, &hashes.join(" ")),
        ));
    }
    if entry.merge {
        rows.push(labelled(
            "merge",
            Row::of(
                Role::Dim,
                "of a branch: shown is what it brought to this one",
            ),
        ));
    }
    rows.extend(links(entry).map(|links| labelled("links", links)));
    rows
}

/// The commits that this one reverts, was picked from, and so on.
pub fn links(entry: &Entry) -> Option<Row> {
    entry
        .links
        .named()
        .map(|(words, id)| {
            Row::of(Role::Dim, &format!("{words} ")).with(Role::Hash, &words::hash(&id))
        })
        .reduce(|row, link| row.with(Role::Dim, " · ").then(link))
}

fn passes(entry: &Entry, filter: &Filter) -> bool {
    if filter.is_empty() {
        return true;
    }
    let hash = entry.line.commit.to_string();
    let number = entry
        .pull
        .as_ref()
        .map(|pull| format!("#{}", pull.number))
        .unwrap_or_default();
    let mut facets = vec![(Facet::Word, hash.as_str()), (Facet::Word, number.as_str())];
    for line in [Some(&entry.line), entry.source.as_ref()]
        .into_iter()
        .flatten()
    {
        facets.extend([
            (Facet::Word, line.subject.as_str()),
            (Facet::Author, line.author.name.as_str()),
            (Facet::Author, line.author.email.as_str()),
        ]);
    }
    facets.extend(
        entry
            .environments
            .iter()
            .map(|environment| (Facet::Environment, environment.as_str())),
    );
    facets.extend(
        entry
            .meaning
            .iter()
            .map(|meaning| (Facet::Word, meaning.as_str())),
    );
    for resource in &entry.resources {
        facets.extend([
            (Facet::Kind, resource.object.kind.as_str()),
            (Facet::Word, resource.object.name.as_str()),
            (Facet::App, resource.app.as_str()),
        ]);
        facets.extend(
            resource
                .object
                .namespace
                .iter()
                .map(|namespace| (Facet::Namespace, namespace.as_str())),
        );
    }
    for (is, state) in [
        (entry.line.bot, "bot"),
        (entry.merge, "merge"),
        (is_routine(entry), "routine"),
        (entry.links.reverted_by.is_some(), "reverted"),
    ] {
        facets.extend(is.then_some((Facet::State, state)));
    }
    filter.matches(&facets)
}
