//! Paths of values to mask, as the user configures them: `HelmRelease:spec.values.**.password`.

use super::tree::{NodeId, Tree, Value};

/// Why a configured path cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "mask path {path:?}: {why}\nhint: write [Kind:]keys, as in HelmRelease:spec.values.**.password or Secret:metadata.annotations[\"example.com/token\"]"
)]
pub struct MaskPathError {
    path: String,
    why: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    kind: Option<String>,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    /// `*`: any key, any list item.
    Any,
    /// `**`: any number of steps, none included.
    Deep,
}

impl Pattern {
    /// The literals of which kustomize makes Secrets.
    pub fn literals() -> Pattern {
        let key = |key: &str| Step::Key(key.to_owned());
        Pattern {
            kind: None,
            steps: vec![
                key("secretGenerator"),
                Step::Any,
                key("literals"),
                Step::Any,
            ],
        }
    }

    pub fn parse(text: &str) -> Result<Pattern, MaskPathError> {
        let fail = |why| MaskPathError {
            path: text.to_owned(),
            why,
        };
        let (kind, mut rest) = match text.split_once(':') {
            Some((kind, path))
                if !kind.is_empty() && kind.chars().all(|c| c.is_ascii_alphanumeric()) =>
            {
                (Some(kind.to_owned()), path.trim_start())
            }
            _ => (None, text),
        };
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(quoted) = rest.strip_prefix("[\"") {
                let (key, after) = quoted
                    .split_once("\"]")
                    .ok_or_else(|| fail("[\" is not closed by \"]"))?;
                steps.push(Step::Key(key.to_owned()));
                rest = after.strip_prefix('.').unwrap_or(after);
            } else if let Some(after) = rest.strip_prefix("[*]") {
                steps.push(Step::Any);
                rest = after.strip_prefix('.').unwrap_or(after);
            } else {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                steps.push(match &rest[..end] {
                    "" => return Err(fail("a key is missing")),
                    "*" => Step::Any,
                    "**" => Step::Deep,
                    key => Step::Key(key.to_owned()),
                });
                rest = &rest[end..];
                if let Some(after) = rest.strip_prefix('.') {
                    if after.is_empty() {
                        return Err(fail("a key is missing"));
                    }
                    rest = after;
                }
            }
        }
        match steps.last() {
            None => Err(fail("a path is missing")),
            Some(Step::Deep) => Err(fail("** must be followed by a key")),
            Some(_) => Ok(Pattern { kind, steps }),
        }
    }

    pub fn is_for(&self, kind: &str) -> bool {
        self.kind
            .as_ref()
            .is_none_or(|wanted| wanted.eq_ignore_ascii_case(kind))
    }

    /// Whether text that cannot be read may hold what the path selects.
    pub fn may_concern(&self, text: &str) -> bool {
        let last = self.steps.iter().rev().find_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Any | Step::Deep => None,
        });
        last.is_none_or(|key| text.contains(key))
            && self.kind.as_ref().is_none_or(|kind| text.contains(kind))
    }

    /// Calls `found` with every node below `root` that the path selects.
    pub fn select(&self, tree: &Tree<'_>, root: NodeId, found: &mut impl FnMut(NodeId)) {
        select(tree, root, &self.steps, found);
    }
}

fn select(tree: &Tree<'_>, at: NodeId, steps: &[Step], found: &mut impl FnMut(NodeId)) {
    let Some((step, rest)) = steps.split_first() else {
        found(at);
        return;
    };
    match step {
        Step::Key(wanted) => {
            for (key, child) in children(tree, at) {
                if key.as_deref() == Some(wanted.as_str()) {
                    select(tree, child, rest, found);
                }
            }
        }
        Step::Any => children(tree, at)
            .into_iter()
            .for_each(|(_, child)| select(tree, child, rest, found)),
        Step::Deep => {
            select(tree, at, rest, found);
            children(tree, at)
                .into_iter()
                .for_each(|(_, child)| select(tree, child, steps, found));
        }
    }
}

/// The values below a node with their keys, merged ones and those that a later duplicate hides included.
fn children(tree: &Tree<'_>, at: NodeId) -> Vec<(Option<String>, NodeId)> {
    match tree.value(at) {
        Value::List(items) => items.iter().map(|&item| (None, item)).collect(),
        Value::Map(entries) => {
            let mut all = Vec::with_capacity(entries.len());
            for entry in entries {
                if let super::tree::Key::Text(key) = &entry.key {
                    all.push((Some(key.to_string()), entry.value));
                }
            }
            for source in tree.merged(at) {
                all.extend(children(tree, source));
            }
            all
        }
        Value::Scalar(_) | Value::Alias(_) => Vec::new(),
    }
}
