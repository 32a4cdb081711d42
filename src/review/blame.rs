//! Which commit last set each field of a resource: its log, read backwards until every field is explained.
//!
//! A resource's log already knows renames, moves, generated names and generated commits; between two of its values each
//! field is traced to where it was ([`crate::diff::leaves`]), so that an item put in at the front of a list sets itself alone.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use serde::Serialize;

use super::Workspace;
use super::common::{CommitLine, Pull, ResourceId, Selector};
use super::entry::{behind, line_of_row, origin_of};
use super::workspace::Past;
use crate::diff::leaves;
use crate::git::{Oid, Tip};
use crate::history::{self, End, LogEntry, LogStep, Origins, ResourceKey, Rows, resource_log};
use crate::manifest::{FieldPath, Node, Object, YamlLine};
use crate::task::{Cancel, Sink};

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    pub select: Selector,
    pub at: Option<String>,
    /// Look at so many commits of the resource's log only.
    pub limit: Option<usize>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    pub tips: Vec<Tip>,
    /// The commit that the fields are as of.
    #[serde(serialize_with = "crate::git::hex")]
    pub commit: Oid,
    pub resource: ResourceId,
    /// The file that declares it; `None` where a tool made it from several.
    pub path: Option<String>,
    /// In the order of `lines`: maps sorted by key.
    pub fields: Vec<Field>,
    /// What could not be explained, and why.
    pub notes: Vec<String>,
    /// The object as YAML, masked, each line with the field that it says.
    #[serde(skip)]
    pub lines: Vec<YamlLine>,
}

/// A field with nothing below it.
#[derive(Debug, Clone, Serialize)]
pub struct Field {
    pub path: FieldPath,
    pub value: Node,
    /// `null`: before the history that was looked at.
    #[serde(serialize_with = "shared")]
    pub set: Option<Arc<Setter>>,
}

fn shared<S: serde::Serializer>(
    set: &Option<Arc<Setter>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    set.as_deref().serialize(serializer)
}

/// The commit of the line that gave a field its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setter {
    #[serde(flatten)]
    pub line: CommitLine,
    /// A pipeline made it from `source`.
    pub generated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<CommitLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull: Option<Pull>,
    /// Before this commit the resource could not be read for a while, and the value may be as old as that.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub or_before: bool,
}

impl Setter {
    /// Who is behind it: the source of a generated commit, else the commit.
    pub fn behind(&self) -> &CommitLine {
        self.source.as_ref().unwrap_or(&self.line)
    }
}

/// Fields are explained newest first.
pub async fn ask(ws: &Workspace, request: Request, out: &Sink<Answer>) -> anyhow::Result<Answer> {
    let out = out.clone();
    ws.blocking_for(&out.waiting().clone(), move |past| {
        answer(past, &request, &out)
    })
    .await
}

fn answer(past: &Past, request: &Request, out: &Sink<Answer>) -> anyhow::Result<Answer> {
    let Request { select, at, limit } = request;
    let (past, tip, (id, declared)) = &past.the_one_of_all(at.as_deref(), select, out.cancel())?;
    let tip = *tip;
    let key = ResourceKey {
        environment: id.environment.clone(),
        // A file tells apart two apps that declare the same object.
        app: select.path.as_ref().map(|_| id.app.clone()),
        object: id.object.clone(),
    };
    let Some(declared) = declared else {
        return Err(gone(past, tip, &key, out.cancel())?);
    };

    let lists = &past.ws.inner.lists;
    let (fields, trace) = leaves(&declared.object, lists);
    let mut answer = Answer {
        tips: vec![past.line.tip.clone()],
        commit: tip,
        resource: id.clone(),
        path: declared
            .source
            .as_ref()
            .map(|source| source.path.to_string()),
        fields: fields
            .into_iter()
            .map(|leaf| Field {
                path: leaf.path,
                value: leaf.value,
                set: None,
            })
            .collect(),
        notes: Vec::new(),
        lines: declared.object.to_yaml_lines(),
    };
    out.send(answer.clone());

    let history = past.ws.history(tip);
    let origins = past.origins(tip)?;
    let mut now = declared.object.clone();
    let mut trace = trace;
    // The commit since which it can be read again, where before it could not.
    let mut unread: Option<Arc<Setter>> = None;
    let mut looked = 0;
    let log = resource_log(&history, past.sources(), &key, out.cancel(), &mut |step| {
        let LogStep::Entry(entry) = step else {
            return ControlFlow::Continue(());
        };
        let setter = setter(past, &origins, &history.snapshot(), &entry);
        match change_to(&entry, &now) {
            None => {
                unread.get_or_insert_with(|| {
                    Arc::new(Setter {
                        or_before: true,
                        ..setter
                    })
                });
            }
            Some((before, after)) => {
                // Where it could not be read in between, or is spelled otherwise.
                let since = trace.step(Some(after), &now, lists);
                let setter = Arc::new(setter);
                set(&mut answer, since, unread.as_ref().unwrap_or(&setter));
                unread = None;
                set(&mut answer, trace.step(before, after, lists), &setter);
                if let Some(before) = before {
                    now = before.clone();
                }
                out.send(answer.clone());
            }
        }
        looked += 1;
        match trace.is_done() || limit.is_some_and(|limit| looked >= limit) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    let end = match log {
        // What was found so far holds.
        Err(history::Error::Git(error)) if looked > 0 => Some(End::Broken(error.to_string())),
        log => log?,
    };
    if let Some(unread) = &unread {
        let since = trace.step(None, &now, lists);
        set(&mut answer, since, unread);
    }
    answer.notes = notes(past, &answer, end.as_ref(), *limit);
    Ok(answer)
}

fn set(answer: &mut Answer, fields: Vec<usize>, setter: &Arc<Setter>) {
    for field in fields {
        if let Some(field) = answer.fields.get_mut(field) {
            field.set = Some(Arc::clone(setter));
        }
    }
}

/// Both sides of what an entry did to the resource, the one after being `now`; `None` where either cannot be read.
fn change_to<'e>(entry: &'e LogEntry, now: &Object) -> Option<(Option<&'e Object>, &'e Object)> {
    let sides = entry
        .changes
        .iter()
        .filter_map(|change| Some((change.object_before(), change.object_after()?)));
    let mut named = sides.filter(|(_, after)| after.id == now.id);
    // Where it is declared more than once, one of them is what was asked about.
    named
        .clone()
        .find(|(_, after)| after.root == now.root)
        .or_else(|| named.next())
}

fn setter(past: &Past, origins: &Origins, rows: &Rows, entry: &LogEntry) -> Setter {
    let Some(row) = rows.get(entry.row) else {
        return Setter {
            line: super::entry::line_of_id(past, entry.commit),
            generated: false,
            source: None,
            pull: None,
            or_before: false,
        };
    };
    let origin = origin_of(past, origins, rows, entry.row, row);
    Setter {
        line: line_of_row(row),
        generated: origin.generated,
        source: origin.source,
        pull: origin.pull,
        or_before: false,
    }
}

fn notes(past: &Past, answer: &Answer, end: Option<&End>, limit: Option<usize>) -> Vec<String> {
    let rest = answer.fields.iter().filter(|field| field.set.is_none());
    match (rest.count(), end, limit) {
        (0, ..) => super::log::notes(past, None),
        (rest, None, Some(limit)) => vec![format!(
            "older than what --limit {limit} looks at: {rest} fields"
        )],
        (_, end, _) => super::log::notes(past, end),
    }
}

/// That it is not there to be blamed, and where it was last.
fn gone(
    past: &Past,
    tip: Oid,
    key: &ResourceKey,
    cancel: &Cancel,
) -> anyhow::Result<anyhow::Error> {
    let history = past.ws.history(tip);
    let mut removed = None;
    resource_log(&history, past.sources(), key, cancel, &mut |step| {
        let LogStep::Entry(entry) = step else {
            return ControlFlow::Continue(());
        };
        removed = Some(entry.commit);
        ControlFlow::Break(())
    })?;
    let object = crate::text::clean_line(&key.object.to_string());
    Ok(match removed {
        Some(commit) => {
            let commit: String = commit.to_string().chars().take(7).collect();
            anyhow::anyhow!(
                "{object} is no longer there since {commit}\nhint: --at {commit}^ blames it as it was before"
            )
        }
        None => anyhow::anyhow!("{object} is not there at that commit"),
    })
}

/// For each of `fields`, the newest commit of the line that changed it or something around or inside it; for a generated
/// commit, the one it comes from. Fields that are not declared any more count too: taking them away was a change.
pub(super) fn last_set(
    past: &Past,
    tip: Oid,
    id: &ResourceId,
    fields: &[FieldPath],
    cancel: &Cancel,
) -> anyhow::Result<BTreeMap<FieldPath, CommitLine>> {
    let history = past.ws.history(tip);
    let origins = past.origins(tip)?;
    let key = ResourceKey {
        environment: id.environment.clone(),
        app: None,
        object: id.object.clone(),
    };
    let mut found = BTreeMap::new();
    if fields.is_empty() {
        return Ok(found);
    }
    let log = resource_log(&history, past.sources(), &key, cancel, &mut |step| {
        let LogStep::Entry(entry) = step else {
            return ControlFlow::Continue(());
        };
        let rows = history.snapshot();
        let Some(behind) = behind(past, &origins, &rows, entry.row) else {
            return ControlFlow::Continue(());
        };
        let changed: Vec<&FieldPath> = entry
            .changes
            .iter()
            .flat_map(|change| &change.fields)
            .map(|field| &field.path)
            .collect();
        for field in fields {
            if !found.contains_key(field) && changed.iter().any(|path| overlap(path, field)) {
                found.insert(field.clone(), behind.clone());
            }
        }
        if found.len() == fields.len() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    // What cannot be read set nothing that is known.
    match log {
        Ok(_) | Err(history::Error::Git(_)) => Ok(found),
        Err(error) => Err(error.into()),
    }
}

/// One path lies on the way to the other.
fn overlap(a: &FieldPath, b: &FieldPath) -> bool {
    a.0.iter().zip(&b.0).all(|(one, other)| one == other)
}
