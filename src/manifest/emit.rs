//! A masked object as YAML for people to read: keys sorted as `kubectl get -o yaml` prints them, strings quoted wherever
//! Kubernetes would read them as something else.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::object::{Leaf, Node, Object};

impl Object {
    /// The object as YAML. A masked value reads `masked #1`.
    pub fn to_yaml(&self) -> String {
        // Folding long strings would show what is not there.
        let options = serde_saphyr::ser_options! { folded_wrap_chars: usize::MAX };
        match serde_saphyr::to_string_with_options(&Shown(&self.root), options) {
            Ok(text) => text,
            Err(error) => format!("# cannot be shown as YAML: {error}\n"),
        }
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
