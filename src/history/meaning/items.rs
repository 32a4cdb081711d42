//! What changed in items that no cluster holds: which module in which version, which value.

use super::short_value;
use crate::diff::FieldChange;
use crate::manifest::{Node, Object, Step};

/// What a change of a Terraform item meant; the fields it tells are taken out of `fields`.
pub(super) fn terraform(
    before: &Object,
    after: &Object,
    fields: &mut Vec<&FieldChange>,
) -> Vec<String> {
    match after.id.kind.as_str() {
        "module" | "terraform" => {
            let mut said = source(before, after, fields);
            said.extend(providers(fields));
            said
        }
        "locked-provider" => {
            let said = changed(fields, "version").map(|text| format!(": version {text}"));
            fields.retain(|field| !is(field, "hashes") && !is(field, "constraints"));
            said.into_iter().collect()
        }
        "local" | "input" | "setting" | "output" => one(fields, "value"),
        "variable" => one(fields, "default"),
        _ => Vec::new(),
    }
}

/// From where a module is taken, in which version: of a source in git, that is its `ref`.
fn source(before: &Object, after: &Object, fields: &mut Vec<&FieldChange>) -> Vec<String> {
    let text = |object: &Object| {
        let source = object.at(&["source"]).and_then(Node::as_str);
        let (path, query) = source
            .unwrap_or_default()
            .split_once('?')
            .unwrap_or((source.unwrap_or_default(), ""));
        let asked = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("ref=").or(pair.strip_prefix("version=")));
        (path.to_owned(), asked.map(str::to_owned))
    };
    let (old, new) = (text(before), text(after));
    let mut said = Vec::new();
    if old.0 == new.0
        && let (Some(old), Some(new)) = (&old.1, &new.1)
        && old != new
    {
        fields.retain(|field| !is(field, "source"));
        said.push(format!(": version {old} → {new}"));
    }
    said.extend(changed(fields, "source").map(|text| format!(": source {text}")));
    said.extend(changed(fields, "version").map(|text| format!(": version {text}")));
    said
}

/// `required_providers` of a `terraform` block.
fn providers(fields: &mut Vec<&FieldChange>) -> Vec<String> {
    let mut said = Vec::new();
    fields.retain(|field| match field.path.0.as_slice() {
        [
            Step::Key(list),
            Step::Index(_),
            Step::Key(name),
            Step::Key(version),
        ] if list == "required_providers" && version == "version" => {
            let text = values(field).map(|text| format!(": provider {name} {text}"));
            let told = text.is_some();
            said.extend(text);
            !told
        }
        _ => true,
    });
    said
}

/// The only value an item has.
fn one(fields: &mut Vec<&FieldChange>, key: &str) -> Vec<String> {
    let text = changed(fields, key).map(|text| format!(" {text}"));
    text.into_iter().collect()
}

/// How the value at a key changed, where it can be said in short: that field is told then.
fn changed(fields: &mut Vec<&FieldChange>, key: &str) -> Option<String> {
    let at = fields.iter().position(|field| is(field, key))?;
    let text = values(fields.get(at)?)?;
    fields.remove(at);
    Some(text)
}

fn is(field: &FieldChange, key: &str) -> bool {
    matches!(field.path.0.as_slice(), [Step::Key(first), ..] if first == key)
}

fn values(field: &FieldChange) -> Option<String> {
    let (before, after) = (field.before.as_ref()?, field.after.as_ref()?);
    let (before, after) = (short_value(before)?, short_value(after)?);
    (before != after).then(|| format!("{before} → {after}"))
}
