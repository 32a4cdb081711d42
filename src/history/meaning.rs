//! What a commit meant, in a reviewer's words: `api 1.4.1 → 1.4.2 in production`, `replicas 3 → 5 in staging (web)`,
//! `new HTTPRoute/web`, `12 routine`.
//!
//! Every change becomes a statement; the same statement about several environments or resources is said once. Images
//! come first: they are what most commits are about.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::changes::ResourceChange;
use crate::diff::{ChangeKind, FieldChange};
use crate::manifest::{FieldPath, Image, Leaf, Node, Object, Step, images};
use crate::text::clean_line;

/// A resource with more changed fields than this is summed up.
const FIELDS_SAID: usize = 2;
/// With more of the same kind of change, the resources of an app are counted instead of named.
const RESOURCES_SAID: usize = 3;
/// More names than this are counted instead.
const NAMES_SAID: usize = 3;
/// Longer values are cut, in characters.
const LONGEST_VALUE: usize = 32;

/// `changes` in at most `limit` lines, most important first; the same change in several environments is one line. What does
/// not fit is counted in the last line. Text is cleaned.
///
/// `environments`: how many environments there are, so that a repository with only one need not name it.
pub fn meaning(changes: &[ResourceChange], environments: usize, limit: usize) -> Vec<String> {
    let crowds = crowds(changes);
    let mut said: BTreeMap<Statement, Place<'_>> = BTreeMap::new();
    let (mut moved, mut routine) = (0, 0);
    for change in changes {
        match change.kind {
            ChangeKind::Moved => moved += 1,
            ChangeKind::Modified if change.routine => routine += 1,
            ChangeKind::Added | ChangeKind::Removed | ChangeKind::Modified => {
                for statement in statements(change, &crowds) {
                    let place = said.entry(statement).or_default();
                    if !place.environments.contains(&change.environment.as_str()) {
                        place.environments.push(&change.environment);
                    }
                    place.resources.insert(&change.object.name);
                }
            }
        }
    }
    let mut lines: Vec<String> = said
        .iter()
        .map(|(statement, place)| place.line(statement, environments))
        .collect();
    for (count, word) in [(moved, "moved"), (routine, "routine")] {
        if count > 0 {
            lines.push(format!("{count} {word}"));
        }
    }
    if lines.len() > limit {
        let kept = limit.saturating_sub(1);
        let more = lines.len() - kept;
        lines.truncate(kept);
        lines.extend((limit > 0).then(|| format!("and {more} more")));
    }
    lines
}

/// In the order in which they are said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Image,
    Removed,
    Added,
    Field,
    Fields,
}

/// What is said, but for where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Statement {
    rank: Rank,
    text: String,
}

/// Where a statement holds.
#[derive(Default)]
struct Place<'a> {
    /// In the order of the changes, which is that of promotion.
    environments: Vec<&'a str>,
    resources: BTreeSet<&'a str>,
}

impl Place<'_> {
    fn line(&self, statement: &Statement, environments: usize) -> String {
        let mut line = statement.text.clone();
        if environments > 1 {
            line += " in ";
            line += &match self.environments.len() {
                0..=NAMES_SAID => clean_line(&self.environments.join(", ")),
                count => format!("{count} environments"),
            };
        }
        if statement.rank == Rank::Field {
            let names: Vec<&str> = self.resources.iter().copied().collect();
            line += &match names.len() {
                0..=NAMES_SAID => format!(" ({})", clean_line(&names.join(", "))),
                count => format!(" ({count} resources)"),
            };
        }
        line
    }
}

/// How many resources of an app were added, and removed, in an environment.
type Crowds<'a> = HashMap<(&'a str, &'a str, ChangeKind), usize>;

fn crowds(changes: &[ResourceChange]) -> Crowds<'_> {
    let mut crowds = Crowds::new();
    for change in changes {
        *crowds.entry(crowd(change)).or_default() += 1;
    }
    crowds
}

fn crowd(change: &ResourceChange) -> (&str, &str, ChangeKind) {
    (&change.environment, &change.app, change.kind)
}

fn statements(change: &ResourceChange, crowds: &Crowds<'_>) -> Vec<Statement> {
    let crowd = crowds.get(&crowd(change)).copied().unwrap_or_default();
    let app = clean_line(&change.app);
    let resource = clean_line(&change.object.to_string());
    match change.kind {
        ChangeKind::Added if crowd > RESOURCES_SAID => {
            one(Rank::Added, format!("{crowd} new resources of {app}"))
        }
        ChangeKind::Added => one(Rank::Added, format!("new {resource}")),
        ChangeKind::Removed if crowd > RESOURCES_SAID => {
            one(Rank::Removed, format!("removed {crowd} resources of {app}"))
        }
        ChangeKind::Removed => one(Rank::Removed, format!("removed {resource}")),
        ChangeKind::Moved => Vec::new(),
        ChangeKind::Modified => {
            let mut said = image_statements(change.object_before(), change.object_after());
            let images_said = !said.is_empty();
            let fields: Vec<&FieldChange> = change
                .fields
                .iter()
                .filter(|field| field.noise.is_none())
                .filter(|field| !(images_said && is_image(&field.path)))
                .collect();
            if fields.len() > FIELDS_SAID {
                let text = format!("{} fields of {resource}", fields.len());
                said.extend(one(Rank::Fields, text));
            } else {
                said.extend(fields.into_iter().map(|field| Statement {
                    rank: Rank::Field,
                    text: field_text(field),
                }));
            }
            said
        }
    }
}

fn one(rank: Rank, text: String) -> Vec<Statement> {
    vec![Statement { rank, text }]
}

/// Which images took the place of which: the same name in another version, else what is left, in order.
fn image_statements(before: Option<&Object>, after: Option<&Object>) -> Vec<Statement> {
    let (Some(before), Some(after)) = (before, after) else {
        return Vec::new();
    };
    let (before, after) = (images(before), images(after));
    let mut gone: Vec<&Image> = before
        .iter()
        .filter(|image| !after.contains(image))
        .collect();
    let new: Vec<&Image> = after
        .iter()
        .filter(|image| !before.contains(image))
        .collect();
    let mut replaced = Vec::new();
    let mut others = Vec::new();
    for image in new {
        match gone.iter().position(|old| old.name == image.name) {
            Some(at) => replaced.push((gone.remove(at), image)),
            None => others.push(image),
        }
    }
    replaced.extend(gone.into_iter().zip(others));
    replaced
        .into_iter()
        .map(|(old, new)| Statement {
            rank: Rank::Image,
            text: clean_line(&image_text(old, new)),
        })
        .collect()
}

fn image_text(old: &Image, new: &Image) -> String {
    let (from, to) = (old.version(), new.version());
    if old.name != new.name {
        return if old.short_name() == new.short_name() {
            format!("image {old} → {new}")
        } else {
            format!("{} {from} → {} {to}", old.short_name(), new.short_name())
        };
    }
    let name = new.short_name();
    if from != to {
        return format!("{name} {from} → {to}");
    }
    // The same tag, rebuilt.
    let digest = |image: &Image| match &image.digest {
        Some(digest) => digest
            .rsplit(':')
            .next()
            .unwrap_or(digest)
            .chars()
            .take(7)
            .collect(),
        None => "no digest".to_owned(),
    };
    format!("{name} {to} ({} → {})", digest(old), digest(new))
}

fn is_image(path: &FieldPath) -> bool {
    matches!(path.0.last(), Some(Step::Key(key)) if key == "image")
}

fn field_text(field: &FieldChange) -> String {
    let label = label(&field.path);
    let text = match (&field.before, &field.after) {
        (Some(before), Some(after)) => match (value(before), value(after)) {
            (Some(before), Some(after)) => format!("{label} {before} → {after}"),
            _ => format!("{label} changed"),
        },
        (None, Some(after)) => match value(after) {
            Some(after) => format!("{label} set to {after}"),
            None => format!("{label} added"),
        },
        (_, None) => format!("{label} removed"),
    };
    clean_line(&text)
}

/// The end of a path, as people call the field: `replicas`, `limits.memory`, `env LOG_LEVEL`.
fn label(path: &FieldPath) -> String {
    let steps = match path.0.as_slice() {
        [steps @ .., Step::Key(last)] if last == "value" && !steps.is_empty() => steps,
        steps => steps,
    };
    match steps {
        [.., Step::Key(list), Step::Item(keys)] => format!("{list} {}", item(keys)),
        [.., Step::Key(list), Step::Index(index)] => format!("{list}[{index}]"),
        [.., Step::Key(parent), Step::Key(last)] if parent != "spec" && parent != "metadata" => {
            format!("{parent}.{last}")
        }
        [.., Step::Key(last)] => last.clone(),
        _ => path.to_string(),
    }
}

fn item(keys: &[(String, String)]) -> String {
    let values: Vec<&str> = keys.iter().map(|(_, value)| value.as_str()).collect();
    values.join("/")
}

/// A scalar in few characters; `None` for what has parts.
fn value(node: &Node) -> Option<String> {
    let text = match node {
        Node::Leaf(Leaf::Null) => "null".to_owned(),
        Node::Leaf(Leaf::Bool(value)) => value.to_string(),
        Node::Leaf(Leaf::Number(value)) => value.to_string(),
        Node::Leaf(Leaf::Masked(id)) => id.label(),
        Node::Leaf(Leaf::String(text)) if text.is_empty() => "\"\"".to_owned(),
        Node::Leaf(Leaf::String(text)) => text.clone(),
        Node::List(_) | Node::Map(_) => return None,
    };
    if text.chars().count() <= LONGEST_VALUE && !text.contains('\n') {
        return Some(text);
    }
    let line = text.lines().next().unwrap_or_default();
    let cut: String = line.chars().take(LONGEST_VALUE - 1).collect();
    Some(format!("{cut}…"))
}
