//! What a revert of a source commit will do to objects that a pipeline generates: the inverse of the generated change,
//! applied to the tip's objects. A prediction, and marked as one, for the pipeline has the last word.

use super::super::common::{ResourceDiff, Sides};
use super::super::entry::changed_resource;
use crate::diff::{ChangeKind, FieldChange, fields, suppressed};
use crate::history::ResourceChange;
use crate::manifest::{ListKeys, Object};

pub const WHY: &str = "the pipeline will regenerate";

/// The inverse of `change`, applied to `tip` (the object as it is at the tip). `None` where nothing of the change is left to
/// undo; the second value counts the fields that something else has changed since.
pub fn inverse(
    change: &ResourceChange,
    tip: Option<&Object>,
    lists: &ListKeys,
) -> (Option<ResourceDiff>, usize) {
    let mut later = 0;
    let (kind, after) = match (change.kind, tip) {
        (ChangeKind::Added, Some(_)) => (ChangeKind::Removed, None),
        (ChangeKind::Removed, None) => (ChangeKind::Added, change.object_before().cloned()),
        (ChangeKind::Modified, Some(tip)) => {
            let mut object = tip.clone();
            for field in change.fields.iter().filter(|field| field.noise.is_none()) {
                if tip.root.field(&field.path) == field.after.as_ref() {
                    object.root.put(&field.path, field.before.clone());
                } else {
                    later += 1;
                }
            }
            (ChangeKind::Modified, Some(object))
        }
        _ => return (None, 0),
    };
    let fields: Vec<FieldChange> = fields(tip, after.as_ref(), lists);
    if fields.is_empty() && kind == ChangeKind::Modified {
        return (None, later);
    }
    let mut resource = changed_resource(change);
    resource.change = kind;
    resource.routine = false;
    let diff = ResourceDiff {
        resource,
        suppressed: suppressed(&fields),
        fields,
        rendered: true,
        predicted: Some(WHY.to_owned()),
        text: Sides {
            before: tip.map(Object::to_yaml),
            after: after.as_ref().map(Object::to_yaml),
        },
        objects: Sides {
            before: tip.cloned(),
            after,
        },
    };
    (Some(diff), later)
}
