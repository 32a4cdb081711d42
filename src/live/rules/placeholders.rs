//! Values that git has by name only: `${name}`, which Flux takes from a Secret or a ConfigMap that is not in the repository.
//!
//! What stands there in the cluster may be what the name stands for, or not: nobody can tell here. What is around it can be told.

use regex::Regex;

use super::{FieldDrift, Rules};
use crate::manifest::{Leaf, Node, ObjectRef};

impl Rules {
    /// Some values come from where they cannot be read; `from`: which objects.
    pub fn without_values(self, from: &[String]) -> Rules {
        let from = super::cut(&format!("from {}, not in git", from.join(" or ")));
        Rules {
            unread_values: Some(from),
            ..self
        }
    }

    /// Why the name of an object is not known, where it is not.
    pub fn unknown_name(&self, id: &ObjectRef) -> Option<&str> {
        let mut names = std::iter::once(&id.name).chain(&id.namespace);
        let from = self.unread_values.as_deref()?;
        names.any(|name| name.contains("${")).then_some(from)
    }

    /// Where the values come from that are not known here.
    pub fn unread_values(&self) -> Option<&str> {
        self.unread_values.as_deref()
    }
}

/// Whether what is live may be what git names. A masked value may be such a name.
pub(super) fn may_be(field: &FieldDrift) -> bool {
    let live = match &field.live {
        Some(Node::Leaf(Leaf::String(text))) => Some(text.clone()),
        Some(Node::Leaf(Leaf::Number(number))) => Some(number.to_string()),
        Some(Node::Leaf(Leaf::Bool(value))) => Some(value.to_string()),
        _ => None,
    };
    match (&field.desired, live) {
        (Some(Node::Leaf(Leaf::Masked(_))), _) => true,
        (Some(Node::Leaf(Leaf::String(text))), Some(live)) => {
            text.contains("${") && pattern(text).is_none_or(|pattern| pattern.is_match(&live))
        }
        // An empty one, or a structure.
        (Some(Node::Leaf(Leaf::String(text))), None) => text.contains("${"),
        _ => false,
    }
}

/// What a text with such names may become; `None` where that is too much to say.
fn pattern(text: &str) -> Option<Regex> {
    let mut pattern = "(?s)^".to_owned();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        pattern += &regex::escape(before);
        pattern += ".*";
        let (mut depth, mut end) = (1, after.len());
        for (at, c) in after.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                end = at + 1;
                break;
            }
        }
        rest = after.get(end..).unwrap_or_default();
    }
    pattern += &regex::escape(rest);
    pattern.push('$');
    Regex::new(&pattern).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_may_become_what_its_names_stand_for_and_nothing_else() {
        for (text, live, expected) in [
            ("${a}", "x", true),
            ("https://${host}/path", "https://a.example.com/path", true),
            ("https://${host}/path", "http://a.example.com/path", false),
            ("${a:-${b}}.example.com", "x.example.com", true),
            ("${a:-${b}}.example.com", "x.example.org", false),
            ("a.b-${c}", "axb-c", false),
            ("line\n${a}\nend", "line\nx\ny\nend", true),
            ("${a", "anything", true),
        ] {
            let pattern = pattern(text).expect("a pattern");
            assert_eq!(pattern.is_match(live), expected, "{text} {live}");
        }
    }
}
