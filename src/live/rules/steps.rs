//! The ways rules name fields: JSON pointers, and the paths of jq that people write.

use crate::manifest::Node;

/// A step on the way to a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
    /// Every item of a list, every value of a map.
    Each,
    /// Go on where what is at these keys is this text.
    Where(Vec<String>, String),
}

/// RFC 6901. A number may be a key as well: it is a position where it comes upon a list.
pub(super) fn of_pointer(pointer: &str) -> Vec<Step> {
    let tokens = pointer.split('/').skip(1);
    tokens
        .map(|token| Step::Key(token.replace("~1", "/").replace("~0", "~")))
        .collect()
}

/// The paths of jq that people write in such rules: `.a["b"][].c`, `.a[]? | select(.name == "b") | .c`.
pub(super) fn of_jq(expression: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    for part in expression.split('|').map(str::trim) {
        match part
            .strip_prefix("select(")
            .and_then(|rest| rest.strip_suffix(')'))
        {
            Some(condition) => {
                let (path, value) = condition.split_once("==")?;
                let keys = path_of_jq(path.trim())?;
                let keys = keys.into_iter().map(|step| match step {
                    Step::Key(key) => Some(key),
                    _ => None,
                });
                let value = value.trim().strip_prefix('"')?.strip_suffix('"')?;
                steps.push(Step::Where(keys.collect::<Option<_>>()?, value.to_owned()));
            }
            None => steps.extend(path_of_jq(part)?),
        }
    }
    Some(steps)
}

fn path_of_jq(text: &str) -> Option<Vec<Step>> {
    let mut rest = text.strip_prefix('.')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        rest = rest.strip_prefix('?').unwrap_or(rest);
        rest = rest.strip_prefix('.').unwrap_or(rest);
        if let Some(inside) = rest.strip_prefix('[') {
            let (index, after) = match inside.strip_prefix('"') {
                Some(quoted) => {
                    let (key, after) = quoted.split_once("\"]")?;
                    (Step::Key(key.to_owned()), after)
                }
                None => match inside.split_once(']')? {
                    ("", after) => (Step::Each, after),
                    (number, after) => (Step::Index(number.parse().ok()?), after),
                },
            };
            steps.push(index);
            rest = after;
        } else if let Some(quoted) = rest.strip_prefix('"') {
            let (key, after) = quoted.split_once('"')?;
            steps.push(Step::Key(key.to_owned()));
            rest = after;
        } else if !rest.is_empty() {
            let end = rest.find(['.', '[', '?']).unwrap_or(rest.len());
            let (key, after) = rest.split_at(end);
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if key.is_empty() || !key.chars().all(is_name) {
                return None;
            }
            steps.push(Step::Key(key.to_owned()));
            rest = after;
        }
    }
    Some(steps)
}

/// Takes out what is at `steps`.
pub(super) fn remove(node: &mut Node, steps: &[Step]) {
    let Some((step, rest)) = steps.split_first() else {
        *node = Node::Map(Default::default());
        return;
    };
    if let Step::Where(keys, value) = step {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        if node.at(&keys).and_then(Node::as_str) == Some(value) {
            remove(node, rest);
        }
        return;
    }
    match (node, step) {
        (Node::Map(map), Step::Key(key)) if rest.is_empty() => {
            map.remove(key);
        }
        (Node::Map(map), Step::Key(key)) => {
            if let Some(child) = map.get_mut(key) {
                remove(child, rest);
            }
        }
        (Node::Map(map), Step::Each) if rest.is_empty() => *map = Default::default(),
        (Node::Map(map), Step::Each) => map.values_mut().for_each(|child| remove(child, rest)),
        (Node::List(items), Step::Each) if rest.is_empty() => items.clear(),
        (Node::List(items), Step::Each) => items.iter_mut().for_each(|item| remove(item, rest)),
        (Node::List(items), Step::Key(_) | Step::Index(_)) => {
            let index = match step {
                Step::Key(key) => key.parse().ok(),
                Step::Index(index) => Some(*index),
                _ => None,
            };
            let Some(index) = index.filter(|index| *index < items.len()) else {
                return;
            };
            if rest.is_empty() {
                items.remove(index);
            } else {
                remove(&mut items[index], rest);
            }
        }
        _ => {}
    }
}
