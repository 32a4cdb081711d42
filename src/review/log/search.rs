//! What a search leaves of a log: by author, date and message, by files, and by what happened to resources.
//!
//! All criteria must hold; those about resources for the same one. Values of secrets are masked before they get here, so
//! that nothing can be searched for in them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use super::super::desired::{Wanted, kinds};
use super::super::time;
use super::{Entry, Request, Without};
use crate::diff::FieldChange;
use crate::git::{ByteSlice, glob_matches};
use crate::history::{ResourceChange, Row, Rows};
use crate::manifest::{FieldPath, Image, Leaf, Node, Object, ObjectRef, Step, images};

/// Where what was searched for appeared or vanished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    pub environment: String,
    pub object: ObjectRef,
    /// The field; `null` for an image, which may be made of several.
    pub path: Option<FieldPath>,
    /// What appeared or vanished.
    pub value: String,
    /// `false`: it vanished.
    pub appeared: bool,
}

pub(super) struct Filter {
    author: Option<String>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    grep: Option<String>,
    files: Option<Vec<u8>>,
    select: Wanted,
    /// Empty: any.
    kinds: Vec<(Option<String>, String)>,
    image: Option<Image>,
    field: Option<Field>,
    value: Option<String>,
    /// Whatever passes one of these does not pass.
    without: Vec<Filter>,
}

/// `spec.replicas=5`, or the path alone.
struct Field {
    path: String,
    value: Option<String>,
}

impl Filter {
    pub(super) fn new(request: &Request, now: Timestamp) -> anyhow::Result<Filter> {
        let date = |text: &Option<String>, read: fn(&str, Timestamp) -> Option<Timestamp>| {
            match text {
                None => Ok(None),
                Some(text) => match read(text, now) {
                    Some(time) => Ok(Some(time)),
                    None => Err(anyhow::anyhow!(
                        "{text:?} is no date and no age\nhint: write 2024-05-01, or an age such as 3d or 2w"
                    )),
                },
            }
        };
        let (since, until) = (
            date(&request.since, time::parse_start)?,
            date(&request.until, time::parse)?,
        );
        if let (Some(from), Some(to)) = (since, until)
            && from > to
        {
            anyhow::bail!(
                "since {} is later than until {}\nhint: swap them",
                request.since.as_deref().unwrap_or_default(),
                request.until.as_deref().unwrap_or_default()
            );
        }
        let lower = |text: &Option<String>| text.as_ref().map(|text| text.to_lowercase());
        Ok(Filter {
            author: lower(&request.author),
            since,
            until,
            grep: lower(&request.grep),
            files: request.files.as_ref().map(|glob| glob.clone().into_bytes()),
            select: Wanted::new(&request.select)?,
            kinds: match &request.kind {
                None => Vec::new(),
                Some(word) => kinds(said("kind", word, "Deployment or hpa")?),
            },
            image: match &request.image {
                None => None,
                Some(image) => Some(Image::parse(said(
                    "image",
                    image,
                    "api or ghcr.io/acme/api:1.4.2",
                )?)),
            },
            field: match &request.field {
                None => None,
                Some(field) => Some(Field::parse(said("field", field, "spec.replicas=5")?)?),
            },
            value: match &request.value {
                None => None,
                Some(value) => Some(said("value", value, "cache.internal")?.to_owned()),
            },
            without: request
                .without
                .iter()
                .map(|without| Filter::new(&alone(without, request), now))
                .collect::<anyhow::Result<_>>()?,
        })
    }

    /// Whether all is too old from the row at `index` on. One that is, or a few, say nothing of those before them: clocks go
    /// wrong.
    pub(super) fn is_past(&self, rows: &Rows, index: usize) -> bool {
        const OLD: usize = 64;
        let Some(since) = self.since else {
            return false;
        };
        let mut old = (index..index + OLD).map_while(|index| rows.get(index));
        (rows.complete() || rows.len() >= index + OLD) && old.all(|row| row.committed < since)
    }

    /// What can be told before it is known what a commit did to resources.
    pub(super) fn may_keep(&self, entry: &Entry, row: &Row) -> bool {
        let behind = entry.source.as_ref().unwrap_or(&entry.line);
        let author = self.author.as_ref().is_none_or(|wanted| {
            let person = &behind.author;
            person.name.to_lowercase().contains(wanted)
                || person.email.to_lowercase().contains(wanted)
        });
        let time = entry.line.time;
        author
            && self.since.is_none_or(|since| time >= since)
            && self.until.is_none_or(|until| time < until)
            && self.files.as_ref().is_none_or(|glob| {
                let mut paths = row.changes.iter().map(|change| &change.path);
                paths.any(|path| file_matches(glob, path.as_bstr()))
            })
            && !self
                .without
                .iter()
                .any(|without| !without.is_about_resources() && without.may_keep(entry, row))
    }

    /// `grep` looks at subjects and, where they are known, meanings.
    pub(super) fn keeps(&self, entry: &Entry) -> bool {
        let behind = entry.source.as_ref().unwrap_or(&entry.line);
        self.grep.as_ref().is_none_or(|wanted| {
            let subjects = [&entry.line.subject, &behind.subject];
            subjects
                .into_iter()
                .chain(&entry.meaning)
                .any(|text| text.to_lowercase().contains(wanted))
        })
    }

    /// Whether values are looked at, of which those of secrets are not.
    pub(super) fn looks_at_values(&self) -> bool {
        self.value.is_some()
            || self
                .field
                .as_ref()
                .is_some_and(|field| field.value.is_some())
            || self.without.iter().any(Filter::looks_at_values)
    }

    /// Whether it takes what a commit did to resources to tell.
    pub(super) fn is_about_resources(&self) -> bool {
        self.looks_for_resources() || self.without.iter().any(Filter::is_about_resources)
    }

    fn looks_for_resources(&self) -> bool {
        !self.kinds.is_empty()
            || self.image.is_some()
            || self.field.is_some()
            || self.value.is_some()
    }

    /// What was searched for, where it appeared or vanished; `None` where no resource does, or one does what none may.
    pub(super) fn found(&self, changes: &[ResourceChange]) -> Option<Vec<Found>> {
        let mut without = self.without.iter();
        if without.any(|it| it.is_about_resources() && it.found(changes).is_some()) {
            return None;
        }
        if !self.looks_for_resources() {
            return Some(Vec::new());
        }
        let mut any = false;
        let mut found = Vec::new();
        for change in changes {
            if let Some(here) = self.found_in(change) {
                any = true;
                found.extend(here);
            }
        }
        any.then_some(found)
    }

    fn found_in(&self, change: &ResourceChange) -> Option<Vec<Found>> {
        let object = &change.object;
        let kind = self.kinds.is_empty()
            || self.kinds.iter().any(|(group, kind)| {
                kind.eq_ignore_ascii_case(&object.kind)
                    && group.as_ref().is_none_or(|group| *group == object.group)
            });
        let here =
            self.select.environment(&change.environment) && self.select.matches_namespace(object);
        if !kind || !here {
            return None;
        }
        let at = |path: Option<&FieldPath>, value: String, appeared| Found {
            environment: change.environment.clone(),
            object: object.clone(),
            path: path.cloned(),
            value,
            appeared,
        };
        let mut found = Vec::new();
        if let Some(wanted) = &self.image {
            let (before, after) = (
                images_of(change.object_before(), wanted),
                images_of(change.object_after(), wanted),
            );
            let gone = before.difference(&after).map(|image| (image, false));
            let new = after.difference(&before).map(|image| (image, true));
            let images: Vec<Found> = gone
                .chain(new)
                .map(|(image, appeared)| at(None, image.clone(), appeared))
                .collect();
            if images.is_empty() {
                return None;
            }
            found.extend(images);
        }
        if let Some(wanted) = &self.field {
            let fields = change
                .fields
                .iter()
                .filter(|field| wanted.is_at(&field.path));
            let fields: Vec<Found> = fields
                .flat_map(|field| {
                    sides(field, |text| {
                        wanted.value.as_ref().is_none_or(|value| value == text)
                    })
                    .into_iter()
                    .map(|(text, appeared)| at(Some(&field.path), text, appeared))
                })
                .collect();
            if fields.is_empty() {
                return None;
            }
            found.extend(fields);
        }
        if let Some(wanted) = &self.value {
            let values: Vec<Found> = change
                .fields
                .iter()
                .flat_map(|field| {
                    sides(field, |text| text.contains(wanted.as_str()))
                        .into_iter()
                        .map(|(text, appeared)| at(Some(&field.path), text, appeared))
                })
                .collect();
            if values.is_empty() {
                return None;
            }
            found.extend(values);
        }
        Some(found)
    }
}

/// A search for what is to be left out, in the same places.
fn alone(without: &Without, of: &Request) -> Request {
    let mut request = Request {
        select: of.select.clone(),
        ..Request::default()
    };
    let (place, text) = match without {
        Without::Image(text) => (&mut request.image, text),
        Without::Field(text) => (&mut request.field, text),
        Without::Value(text) => (&mut request.value, text),
        Without::Files(text) => (&mut request.files, text),
        Without::Since(text) => (&mut request.since, text),
        Without::Until(text) => (&mut request.until, text),
    };
    *place = Some(text.clone());
    request
}

/// What an option says, which must not be nothing.
fn said<'t>(option: &str, text: &'t str, example: &str) -> anyhow::Result<&'t str> {
    let text = text.trim();
    if text.is_empty() {
        anyhow::bail!(
            "--{option} says nothing to search for\nhint: write e.g. --{option} {example}"
        );
    }
    Ok(text)
}

/// A pattern means files, or directories with all that is in them.
fn file_matches(glob: &[u8], path: &crate::git::BStr) -> bool {
    let glob = glob.strip_suffix(b"/").unwrap_or(glob);
    let mut below = glob.to_vec();
    below.extend(b"/**");
    glob_matches(glob, path) || glob_matches(&below, path)
}

/// The sides of a field change that hold a text which `wanted` picks and the other side does not; vanished ones first.
fn sides(field: &FieldChange, wanted: impl Fn(&str) -> bool) -> Vec<(String, bool)> {
    let of = |side: &Option<Node>| {
        let mut texts = BTreeSet::new();
        if let Some(node) = side {
            scalars(node, &mut texts);
        }
        texts.retain(|text| wanted(text));
        texts
    };
    // A change of order has the items' keys on both sides.
    let (before, after) = match field.is_order() {
        true => Default::default(),
        false => (of(&field.before), of(&field.after)),
    };
    let gone = before.difference(&after).map(|text| (text.clone(), false));
    let new = after.difference(&before).map(|text| (text.clone(), true));
    gone.chain(new).collect()
}

/// The scalars in a value as texts, without those that are masked.
fn scalars(node: &Node, out: &mut BTreeSet<String>) {
    match node {
        Node::Leaf(Leaf::String(text)) => {
            out.insert(text.clone());
        }
        Node::Leaf(Leaf::Number(number)) => {
            out.insert(number.to_string());
        }
        Node::Leaf(Leaf::Bool(value)) => {
            out.insert(value.to_string());
        }
        Node::Leaf(Leaf::Null | Leaf::Masked(_) | Leaf::Encrypted(_)) => {}
        Node::List(items) => items.iter().for_each(|item| scalars(item, out)),
        Node::Map(map) => map.values().for_each(|value| scalars(value, out)),
    }
}

/// The images of an object that are meant by `wanted`: by the whole name or its end, and by the tag if it says one.
fn images_of(object: Option<&Object>, wanted: &Image) -> BTreeSet<String> {
    let Some(object) = object else {
        return BTreeSet::new();
    };
    let mut all = images(object);
    in_values(&object.root, &mut all);
    all.into_iter()
        .filter(|image| {
            let named = image.name == wanted.name
                || image
                    .name
                    .strip_suffix(wanted.name.as_str())
                    .is_some_and(|rest| rest.ends_with('/'));
            named
                && (wanted.tag.is_none() || image.tag == wanted.tag)
                && (wanted.digest.is_none() || image.digest == wanted.digest)
        })
        .map(|image| image.to_string())
        .collect()
}

/// `{repository, tag}`, as in the values of Helm releases.
fn in_values(node: &Node, out: &mut Vec<Image>) {
    match node {
        Node::Map(map) => {
            let text = |key: &str| {
                let mut texts = BTreeSet::new();
                scalars(map.get(key)?, &mut texts);
                texts.pop_first()
            };
            if let (Some(name), Some(tag)) = (text("repository"), text("tag")) {
                out.push(Image::parse(&format!("{name}:{tag}")));
            }
            map.values().for_each(|value| in_values(value, out));
        }
        Node::List(items) => items.iter().for_each(|item| in_values(item, out)),
        Node::Leaf(_) => {}
    }
}

impl Field {
    /// The first `=` that is not in brackets divides path and value.
    fn parse(text: &str) -> anyhow::Result<Field> {
        let mut depth = 0_usize;
        let divide = text.char_indices().find(|(_, c)| {
            match c {
                '[' => depth += 1,
                ']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            *c == '=' && depth == 0
        });
        let (path, value) = match divide {
            Some((at, _)) => (&text[..at], Some(text[at + 1..].to_owned())),
            None => (text, None),
        };
        let path = path.trim().trim_start_matches('.');
        if path.is_empty() {
            anyhow::bail!(
                "{text:?} names no field\nhint: write --field spec.replicas=5, or --value TEXT for any field"
            );
        }
        Ok(Field {
            path: path.to_owned(),
            value,
        })
    }

    /// Whether it means the field at `path`: by its whole path or the end of it, with its list items or without.
    fn is_at(&self, path: &FieldPath) -> bool {
        let keys = path.0.iter().filter(|step| matches!(step, Step::Key(_)));
        let keys = FieldPath(keys.cloned().collect());
        [path, &keys].iter().any(|path| {
            let path = path.to_string();
            path.strip_suffix(self.path.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }
}
