//! Which commit last set a field of a resource.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::common::{CommitLine, ResourceId};
use super::entry::line_of_row;
use super::workspace::Past;
use crate::git::Oid;
use crate::history::{LogStep, ResourceKey, resource_log};
use crate::manifest::FieldPath;
use crate::task::Cancel;

/// For each of `fields`, the newest commit of the line that changed it or something around or inside it; for a generated
/// commit, the one it comes from.
pub fn last_set(
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
    resource_log(&history, past.sources(), &key, cancel, &mut |step| {
        let LogStep::Entry(entry) = step else {
            return ControlFlow::Continue(());
        };
        let rows = history.snapshot();
        let Some(row) = rows.get(entry.row) else {
            return ControlFlow::Continue(());
        };
        let source = origins
            .of(&past.reader, &rows, entry.row)
            .source
            .and_then(|source| rows.get(source));
        let changed: Vec<&FieldPath> = entry
            .changes
            .iter()
            .flat_map(|change| &change.fields)
            .map(|field| &field.path)
            .collect();
        for field in fields {
            if !found.contains_key(field) && changed.iter().any(|path| overlap(path, field)) {
                found.insert(field.clone(), line_of_row(source.unwrap_or(row)));
            }
        }
        if found.len() == fields.len() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })?;
    Ok(found)
}

/// One path lies on the way to the other.
fn overlap(a: &FieldPath, b: &FieldPath) -> bool {
    a.0.iter().zip(&b.0).all(|(one, other)| one == other)
}
