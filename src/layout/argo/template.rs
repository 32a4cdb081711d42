//! The templates of ApplicationSets, as far as fields go: `{{path.basename}}`, and with Go templates `{{ .path.basename }}` and
//! `{{ index .path.segments 1 }}`. Whatever else a Go template can do is not done here, and said.

use super::source::scalar;
use crate::manifest::{Leaf, Node};

/// A template that cannot be evaluated: the expression.
pub(super) struct Unknown(pub(super) String);

/// Replaces every expression in every text of a node, keys included.
pub(super) fn fill(node: &Node, parameters: &Node) -> Result<Node, Unknown> {
    Ok(match node {
        Node::Leaf(Leaf::String(text)) => Node::Leaf(Leaf::String(fill_text(text, parameters)?)),
        Node::Leaf(leaf) => Node::Leaf(leaf.clone()),
        Node::List(items) => Node::List(
            items
                .iter()
                .map(|item| fill(item, parameters))
                .collect::<Result<_, _>>()?,
        ),
        Node::Map(map) => Node::Map(
            map.iter()
                .map(|(key, value)| Ok((fill_text(key, parameters)?, fill(value, parameters)?)))
                .collect::<Result<_, _>>()?,
        ),
    })
}

fn fill_text(text: &str, parameters: &Node) -> Result<String, Unknown> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (expression, after) = after
            .split_once("}}")
            .ok_or_else(|| Unknown(after.to_owned()))?;
        filled.push_str(before);
        let expression = expression.trim().trim_matches('-').trim();
        let value = value(expression, parameters).and_then(scalar);
        filled.push_str(&value.ok_or_else(|| Unknown(expression.to_owned()))?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn value<'n>(expression: &str, parameters: &'n Node) -> Option<&'n Node> {
    if let Some(index) = expression.strip_prefix("index ") {
        let (path, key) = index.trim().split_once(' ')?;
        let node = field(path.strip_prefix('.')?, parameters)?;
        let key = key.trim();
        return match key.strip_prefix('"').and_then(|key| key.strip_suffix('"')) {
            Some(key) => node.get(key),
            None => node.as_list()?.get(key.parse::<usize>().ok()?),
        };
    }
    if let Some(list) = expression.strip_suffix(']') {
        // `path[1]`
        let (name, index) = list.split_once('[')?;
        let node = field(name.trim_start_matches('.'), parameters)?;
        let segments = node.get("segments").unwrap_or(node);
        return segments.as_list()?.get(index.parse::<usize>().ok()?);
    }
    let node = field(expression.trim_start_matches('.'), parameters)?;
    // Without Go templates `path` is the path itself.
    Some(
        node.get("path")
            .filter(|_| expression == "path")
            .unwrap_or(node),
    )
}

fn field<'n>(path: &str, parameters: &'n Node) -> Option<&'n Node> {
    path.split('.')
        .try_fold(parameters, |node, name| node.get(name))
}
