//! A masked object as YAML for people to read: keys sorted as `kubectl get -o yaml` prints them, strings quoted wherever
//! Kubernetes would read them as something else.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::object::{Leaf, Node, Object};

impl Object {
    /// The object as YAML. A masked value reads `masked #1`.
    pub fn to_yaml(&self) -> String {
        shown(&self.root)
    }

    /// The same, line by line, and which field each line says.
    pub fn to_yaml_lines(&self) -> Vec<YamlLine> {
        let mut lines = Lines {
            out: Vec::new(),
            leaves: 0,
        };
        lines.node(&self.root, String::new());
        lines.out
    }
}

fn shown(node: &Node) -> String {
    // Folding long strings would show what is not there.
    let options = serde_saphyr::ser_options! { folded_wrap_chars: usize::MAX };
    match serde_saphyr::to_string_with_options(&Shown(node), options) {
        Ok(text) => text,
        Err(error) => format!("# cannot be shown as YAML: {error}\n"),
    }
}

/// A line of an object's YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YamlLine {
    pub text: String,
    /// Which of the object's leaves (scalars, empty maps and lists, in their order) it says; `None` where it only opens a
    /// map or list. A text of several lines says the same leaf in each.
    pub leaf: Option<usize>,
}

struct Lines {
    out: Vec<YamlLine>,
    leaves: usize,
}

impl Lines {
    /// Writes a node, its first line after `lead`, the others as far in.
    fn node(&mut self, node: &Node, lead: String) {
        match node {
            Node::Map(map) if !map.is_empty() => {
                let mut lead = lead;
                let indent = " ".repeat(lead.len());
                for (key, value) in map {
                    let only = |value| Node::Map([(key.clone(), value)].into());
                    if is_leaf(value) {
                        self.leaf(&only(value.clone()), &lead);
                    } else {
                        let opening = shown(&only(Node::Leaf(Leaf::Null)));
                        let opening = opening.trim_end().trim_end_matches("null").trim_end();
                        self.out.push(YamlLine {
                            text: format!("{lead}{opening}"),
                            leaf: None,
                        });
                        let deeper = if matches!(value, Node::Map(_)) {
                            "  "
                        } else {
                            ""
                        };
                        self.node(value, format!("{indent}{deeper}"));
                    }
                    lead.clone_from(&indent);
                }
            }
            Node::List(items) if !items.is_empty() => {
                let mut lead = lead;
                let indent = " ".repeat(lead.len());
                for item in items {
                    if is_leaf(item) {
                        self.leaf(&Node::List(vec![item.clone()]), &lead);
                    } else {
                        self.node(item, format!("{lead}- "));
                    }
                    lead.clone_from(&indent);
                }
            }
            leaf => self.leaf(leaf, &lead),
        }
    }

    /// Writes a node with one leaf in it.
    fn leaf(&mut self, node: &Node, lead: &str) {
        let indent = " ".repeat(lead.len());
        for (number, line) in shown(node).lines().enumerate() {
            let before = if number == 0 { lead } else { &indent };
            self.out.push(YamlLine {
                text: format!("{before}{line}"),
                leaf: Some(self.leaves),
            });
        }
        self.leaves += 1;
    }
}

fn is_leaf(node: &Node) -> bool {
    match node {
        Node::Leaf(_) => true,
        Node::List(items) => items.is_empty(),
        Node::Map(map) => map.is_empty(),
    }
}

/// A node as it is shown, not as JSON has it: a mask is a word, not a map.
struct Shown<'a>(&'a Node);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Node::Leaf(Leaf::Masked(id)) => {
                serializer.serialize_str(&format!("masked {}", id.label()))
            }
            Node::Leaf(Leaf::Encrypted(id)) => {
                serializer.serialize_str(&format!("encrypted {}", id.label()))
            }
            Node::Leaf(leaf) => leaf.serialize(serializer),
            Node::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(&Shown(item))?;
                }
                list.end()
            }
            Node::Map(map) => {
                let mut out = serializer.serialize_map(Some(map.len()))?;
                for (key, value) in map {
                    out.serialize_entry(key, &Shown(value))?;
                }
                out.end()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::manifest::{Masking, parse};

    /// What is shown reads back, by Kubernetes' rules, as the same object.
    #[test]
    fn what_is_emitted_reads_back_equal() {
        let source = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {'yes': 'no', n: \"0644\"}}\ndata:\n  time: '12:30'\n  empty: ''\n  text: |\n    one\n    two\n  long: 'x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x'\n  'null': 'null'\n  number: '1_000'\n";
        let masking = Masking::new([7; 32]);
        let first = parse(source.as_bytes(), &masking);
        let text = first.documents[0].object.to_yaml();
        let again = parse(text.as_bytes(), &masking);
        assert_eq!(
            again.documents[0].object, first.documents[0].object,
            "{text}"
        );
    }

    /// Line by line it is the same text.
    #[test]
    fn lines_say_their_fields() {
        let source = "apiVersion: v1\nkind: List\nmetadata: {name: a, labels: {'yes': 'no', 'a b: c': ''}}\nspec:\n  empty: {}\n  none: []\n  nested: [[1, [2]], [], {}, {a: [{b: 1}, {c: {d: 2, e: [f]}}]}, null]\n  text: |\n    one\n      two\n\n    three\n  items:\n  - name: x\n    script: |-\n      a\n      b\n  - |\n    first\n    second\n";
        let object = parse(source.as_bytes(), &Masking::new([7; 32])).documents[0]
            .object
            .clone();
        let lines = object.to_yaml_lines();
        let text: String = lines
            .iter()
            .map(|line| format!("{}\n", line.text))
            .collect();
        assert_eq!(text, object.to_yaml());
        let leaf = |wanted: &str| {
            let line = lines.iter().find(|line| line.text.trim() == wanted);
            line.unwrap_or_else(|| panic!("{wanted} in {text}")).leaf
        };
        assert_eq!(leaf("apiVersion: v1"), Some(0));
        assert_eq!(leaf("metadata:"), None);
        assert_eq!(leaf("three"), leaf("one"));
        assert!(leaf("one") > leaf("empty: {}"));
    }

    #[test]
    fn a_secret_value_is_not_in_it() {
        let source = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {password: correct-horse}\n";
        let text = parse(source.as_bytes(), &Masking::new([7; 32])).documents[0]
            .object
            .to_yaml();
        assert!(
            !text.contains("horse") && text.contains("password: 'masked #")
                || text.contains("password: \"masked #"),
            "{text}"
        );
    }
}
