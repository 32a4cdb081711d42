//! ResourceSets of the Flux operator: objects made of templates and a list of inputs.
//!
//! The templates are Go's, with the functions of slim-sprig. Those that put an input in its place are evaluated here; any
//! other is named, for what it makes only the operator knows. Source: controlplaneio-fluxcd/flux-operator
//! `internal/builder/resourceset.go`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::helm::json;
use crate::manifest::{self, Masking, Node, Object};
use crate::text::clean_line;

/// More objects are no set that anybody reads.
const MAX_OBJECTS: usize = 10_000;
/// Keeps an object from being made.
const SWITCH: &str = "fluxcd.controlplane.io/reconcile";

/// The objects that a ResourceSet makes, each once; or why they are not known here.
pub(crate) fn objects(set: &Object, masking: &Masking) -> Result<Vec<Object>, String> {
    let spec = set.at(&["spec"]).map(json).unwrap_or_default();
    if has(&spec, "inputsFrom") {
        return Err("its inputs come from providers that only the cluster asks".to_owned());
    }
    let strategy = spec.pointer("/inputStrategy/name").and_then(Value::as_str);
    if strategy.is_some_and(|strategy| strategy != "Flatten") {
        return Err("its inputs are combined in a way that only the operator knows".to_owned());
    }
    let nothing = Value::Object(serde_json::Map::new());
    let inputs: Vec<&Value> = match items(&spec, "inputs") {
        [] => vec![&nothing],
        inputs => inputs.iter().collect(),
    };
    let steps = items(&spec, "steps");
    let parts = std::iter::once(&spec).chain(steps);
    let mut made = Vec::new();
    let mut seen = BTreeSet::new();
    for part in parts {
        let mut templates: Vec<String> = Vec::new();
        for resource in items(part, "resources") {
            let text = serde_yaml::to_string(resource);
            templates.push(text.map_err(|_| "it has a resource that is no YAML".to_owned())?);
        }
        templates.extend(
            part.get("resourcesTemplate")
                .and_then(Value::as_str)
                .map(str::to_owned),
        );
        for template in &templates {
            for input in &inputs {
                let text = fill(template, input)?;
                let parsed = manifest::parse(text.as_bytes(), masking);
                if !parsed.broken.is_empty() {
                    return Err("what its templates make cannot be read".to_owned());
                }
                for document in parsed.documents {
                    let object = document.object;
                    let is_off = object.annotation(SWITCH) == Some("disabled");
                    if !is_off && seen.insert(object.id.clone()) {
                        made.push(object);
                    }
                }
                if made.len() > MAX_OBJECTS {
                    return Err(format!("it makes more than {MAX_OBJECTS} objects"));
                }
            }
        }
    }
    for field in ["labels", "annotations"] {
        let added = texts(set.at(&["spec", "commonMetadata", field]));
        for object in &mut made {
            object.set_metadata(field, &added);
        }
    }
    Ok(made)
}

fn texts(map: Option<&Node>) -> BTreeMap<String, String> {
    let map = map.and_then(Node::as_map).into_iter().flatten();
    map.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

fn items<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    let list = value.get(key).and_then(Value::as_array);
    list.map(Vec::as_slice).unwrap_or_default()
}

fn has(value: &Value, key: &str) -> bool {
    !items(value, key).is_empty()
}

/// A template with an input's values in it.
fn fill(template: &str, input: &Value) -> Result<String, String> {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("<<") {
        let Some((action, after)) = after.split_once(">>") else {
            return Err(beyond("<<"));
        };
        // `<<- ` and ` ->>` take the space around them away.
        let (before, action) = match action.strip_prefix("- ") {
            Some(action) => (before.trim_end(), action),
            None => (before, action),
        };
        let (action, after) = match action.strip_suffix(" -") {
            Some(action) => (action, after.trim_start()),
            None => (action, after),
        };
        filled.push_str(before);
        filled.push_str(&evaluate(action.trim(), input)?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn beyond(action: &str) -> String {
    let action: String = clean_line(action).chars().take(80).collect();
    format!("it has a template that only the operator evaluates: {action}")
}

/// `inputs.a.b | function | …`
fn evaluate(action: &str, input: &Value) -> Result<String, String> {
    let mut steps = action.split('|').map(str::trim);
    let path = steps.next().and_then(|first| first.strip_prefix("inputs."));
    let path = path.ok_or_else(|| beyond(action))?;
    let mut value = input;
    for key in path.split('.') {
        let is_name = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_name {
            return Err(beyond(action));
        }
        let missing = || format!("it has an input without {}", clean_line(path));
        value = value.get(key).ok_or_else(missing)?;
    }
    let mut text = match value {
        Value::String(text) => text.clone(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) if number.is_i64() || number.is_u64() => number.to_string(),
        // Go writes these otherwise.
        Value::Number(_) | Value::Null | Value::Array(_) | Value::Object(_) => {
            return Err(beyond(action));
        }
    };
    for function in steps {
        text = match function {
            "quote" => Value::String(text).to_string(),
            "squote" => format!("'{text}'"),
            "toString" => text,
            "lower" => text.to_lowercase(),
            "upper" => text.to_uppercase(),
            "trim" => text.trim().to_owned(),
            "int" if text.parse::<i64>().is_ok() => text,
            "bool" if matches!(text.as_str(), "true" | "false") => text,
            _ => return Err(beyond(action)),
        };
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_put_in_as_go_does() {
        let input = serde_json::json!({"tenant": "Team", "app": {"version": "6.7.x", "replicas": 2, "on": true}});
        for (template, expected) in [
            ("a-<< inputs.tenant >>-b", Some("a-Team-b")),
            ("v: << inputs.app.version | quote >>", Some("v: \"6.7.x\"")),
            ("<<inputs.tenant|lower|quote>>", Some("\"team\"")),
            ("r: << inputs.app.replicas | int >>", Some("r: 2")),
            ("o: << inputs.app.on >>", Some("o: true")),
            ("a\n  <<- inputs.tenant ->>\n  b", Some("aTeamb")),
            ("<< inputs.app >>", None),
            ("<< inputs.other >>", None),
            ("<< if inputs.app.on >>x<< end >>", None),
            ("<< inputs.tenant | slugify >>", None),
            ("<< inputs.tenant", None),
        ] {
            let found = fill(template, &input);
            assert_eq!(found.ok().as_deref(), expected, "{template}");
        }
    }
}
