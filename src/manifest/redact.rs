//! Manifest text for people to read, with secret values hidden by byte span: what [`parse()`](super::parse()) masks in objects is
//! masked here in text, comments beside the values included. What cannot be read cannot be masked in part: it is hidden
//! whole as soon as it may be a Secret.

use std::ops::Range;

use super::build;
use super::mask::{self, Marks, Masking, Secrecy};
use super::object::Leaf;
use super::scalar::Scalar;
use super::source;
use super::tree::{self, Key, NodeId, Origin, Reading, Tree, Value};

pub(super) const COMMENT: &str = "# <masked>";

/// A manifest's text for people to read, with every value that [`parse()`](super::parse()) would mask replaced by its label
/// (`<masked#1>`), and a Secret that does not parse hidden whole. Line structure outside masked values is kept, and what
/// was YAML is YAML still.
pub fn masked_text(bytes: &[u8], masking: &Masking) -> String {
    let text = match source::text(bytes) {
        Ok((_, text)) => text,
        Err((_, why)) => return format!("# not shown: {why}\n"),
    };
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    // After an unreadable Secret comes what may be the rest of it, up to the next object.
    let mut in_secret = false;
    for part in source::parts(text) {
        out.push_str(&text[copied..part.bytes.start]);
        copied = part.bytes.end;
        let body = &text[part.bytes];
        let reading = tree::read(body, Origin { byte: 0, line: 1 }, true);
        let object = reading.fault.is_none() && reading.trees.iter().all(is_object);
        let empty = reading.trees.is_empty() && reading.fault.is_none();
        in_secret = match reading.fault {
            Some(_) => in_secret || masking.may_concern(body),
            None => in_secret && !object && !empty,
        };
        if in_secret {
            out.push_str("# <masked>: may be a Secret, and cannot be read\n");
        } else if reading.fault.is_some() {
            out.push_str(body);
        } else {
            replace(body, hidden(&reading, body, masking), &mut out);
        }
    }
    out.push_str(&text[copied..]);
    out
}

fn is_object(tree: &Tree<'_>) -> bool {
    ["apiVersion", "kind"]
        .iter()
        .all(|key| tree.get(tree.root, key).is_some())
}

/// What to put where, in order and without overlaps.
fn hidden(reading: &Reading<'_>, text: &str, masking: &Masking) -> Vec<(Range<usize>, String)> {
    let mut hidden = Vec::new();
    for tree in &reading.trees {
        hidden.extend(labels(tree, &masking.marks(tree), masking));
        for region in data_regions(tree) {
            let inside = |comment: &&Range<usize>| {
                region.start <= comment.start && comment.start < region.end
            };
            hidden.extend(
                reading
                    .comments
                    .iter()
                    .filter(inside)
                    .map(|at| (at.clone(), COMMENT.to_owned())),
            );
        }
    }
    // SOPS encrypts comments, too.
    let encrypted = |at: &&Range<usize>| text[(*at).clone()].contains("ENC[AES256_GCM,");
    let comments = reading.comments.iter().filter(encrypted);
    hidden.extend(comments.map(|at| (at.clone(), "# <encrypted>".to_owned())));
    for block in comment_blocks(&reading.comments, text) {
        let uncommented: String = block
            .iter()
            .map(|at| text[at.clone()].trim_start_matches('#').to_owned() + "\n")
            .collect();
        if mask::holds_secret(&uncommented) {
            hidden.extend(block.iter().map(|at| (at.clone(), COMMENT.to_owned())));
        }
    }
    outermost(hidden)
}

/// The bytes of marked nodes, and what stands for them.
pub(super) fn labels(
    tree: &Tree<'_>,
    marks: &Marks,
    masking: &Masking,
) -> Vec<(Range<usize>, String)> {
    let mut labels = Vec::new();
    for (id, secrecy) in marks.iter() {
        let secrecy = if secrecy == Secrecy::LastApplied {
            Secrecy::Plain
        } else {
            secrecy
        };
        if let Leaf::Masked(masked) = build::masked(tree, id, secrecy, masking) {
            let bytes = tree.nodes[id].bytes.clone();
            labels.push((bytes, format!("<masked{}>", masked.label())));
        }
    }
    let sops = mask::is_sops(tree);
    let nodes = tree.nodes.iter().enumerate();
    let encrypted = nodes.filter(|(id, _)| marks.get(*id).is_none());
    labels.extend(encrypted.filter_map(|(_, node)| match &node.value {
        Value::Scalar(Scalar::String(text)) if mask::is_ciphertext(text, sops) => {
            let label = masking.string(text, Secrecy::Plain).label();
            Some((node.bytes.clone(), format!("<encrypted{label}>")))
        }
        _ => None,
    }));
    labels
}

/// Outer spans first: what is masked as a whole is not masked again inside.
pub(super) fn outermost(mut hidden: Vec<(Range<usize>, String)>) -> Vec<(Range<usize>, String)> {
    hidden.sort_by(|(a, _), (b, _)| a.start.cmp(&b.start).then(b.end.cmp(&a.end)));
    let mut end = 0;
    hidden.retain(|(bytes, _)| {
        let outer = bytes.start >= end && !bytes.is_empty();
        if outer {
            end = bytes.end;
        }
        outer
    });
    hidden
}

pub(super) fn replace(text: &str, hidden: Vec<(Range<usize>, String)>, out: &mut String) {
    let mut copied = 0;
    for (bytes, label) in hidden {
        let value = &text[bytes.clone()];
        out.push_str(&text[copied..bytes.start]);
        out.push_str(&label);
        // A block scalar's bytes go on to the next token: its line ends stay.
        out.extend(
            value[value.trim_end().len()..]
                .chars()
                .filter(|c| matches!(c, '\r' | '\n')),
        );
        copied = bytes.end;
    }
    out.push_str(&text[copied..]);
}

/// Where comments may tell a value: from a Secret's `data` or `stringData` to what follows it.
fn data_regions(tree: &Tree<'_>) -> Vec<Range<usize>> {
    let mut regions = Vec::new();
    for (id, node) in tree.nodes.iter().enumerate() {
        let Value::Map(entries) = &node.value else {
            continue;
        };
        let kind = tree.get(id, "kind").and_then(|kind| tree.text(kind));
        if !kind.is_some_and(mask::is_secret) {
            continue;
        }
        for (i, entry) in entries.iter().enumerate() {
            let data = matches!(&entry.key, Key::Text(key) if key == "data" || key == "stringData");
            if data {
                let end = entries
                    .get(i + 1)
                    .map_or_else(|| next_after(tree, id), |next| next.key_bytes.start);
                regions.push(entry.key_bytes.start..end);
            }
        }
    }
    regions
}

/// Where the next value after a node starts.
fn next_after(tree: &Tree<'_>, id: NodeId) -> usize {
    let end = tree.nodes[id].bytes.end;
    let keys = tree.nodes.iter().flat_map(|node| match &node.value {
        Value::Map(entries) => entries.as_slice(),
        _ => &[],
    });
    let starts = keys
        .map(|entry| entry.key_bytes.start)
        .chain(tree.nodes.iter().map(|node| node.bytes.start));
    starts
        .filter(|&start| start >= end)
        .min()
        .unwrap_or(usize::MAX)
}

/// Comments on neighbouring lines.
fn comment_blocks<'r>(comments: &'r [Range<usize>], text: &str) -> Vec<&'r [Range<usize>]> {
    comments
        .chunk_by(|a, b| {
            text.get(a.end..b.start)
                .is_some_and(|between| between.trim().is_empty())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;
    use crate::manifest::{MaskedId, Node, parse};

    fn masking() -> Masking {
        Masking::new([3; 32])
    }

    /// The masked text with labels numbered by appearance in it.
    fn shown(text: &str) -> String {
        renumber(&masked_text(text.as_bytes(), &masking()))
    }

    fn renumber(text: &str) -> String {
        let mut seen: Vec<&str> = Vec::new();
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("<masked#") {
            let (number, after) = after.split_once('>').expect("a closed label");
            let index = seen
                .iter()
                .position(|known| *known == number)
                .unwrap_or_else(|| {
                    seen.push(number);
                    seen.len() - 1
                });
            out.push_str(&format!("{before}<{}>", index + 1));
            rest = after;
        }
        out + rest
    }

    #[test]
    fn every_style_of_a_secrets_values_is_hidden_in_place() {
        let text = "\
# web's credentials
apiVersion: v1
kind: Secret
metadata: {name: s, labels: {app: web}}
data:
  a: aHVudGVyMg==   # decodes to hunter2
  # old: aHVudGVyMQ==
  b: !!binary |
    aHVudG
    VyMg==
stringData: {a: \"hunter2\", 'b': 'it''s', c: [x, {y: hunter2}], d: , e: ~}
type: Opaque
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c} # kept
data: {a: hunter2}
";
        assert_eq!(
            shown(text),
            "\
# web's credentials
apiVersion: v1
kind: Secret
metadata: {name: s, labels: {app: web}}
data:
  a: <1>   # <masked>
  # <masked>
  b: !!binary |
    <1>
stringData: {a: <1>, 'b': <2>, c: <3>, d: , e: ~}
type: Opaque
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c} # kept
data: {a: hunter2}
"
        );
    }

    #[test]
    fn block_scalars_keep_their_place() {
        let text = "kind: Secret\nstringData:\n  a: |-\n    one\n      two\n\n    three\n\n  # more: secret\n  b: >\n    folded\n    text\n  c: plain\n    on two lines\n  d:\n    deep: value\n    more:\n    - x\n# after\nx: y\n";
        assert_eq!(
            shown(text),
            "kind: Secret\nstringData:\n  a: |-\n    <1>\n\n  # <masked>\n  b: >\n    <2>\n  c: <3>\n  d:\n    <4>\n# <masked>\nx: y\n"
        );
    }

    #[test]
    fn anchors_and_merges_do_not_carry_values_out() {
        let text = "\
x-base: &base {password: &pw hunter2, user: me}
kind: Secret
apiVersion: v1
metadata: {name: s, annotations: {copy: *pw}}
stringData:
  <<: *base
  again: *pw
";
        assert_eq!(
            shown(text),
            "\
x-base: &base {password: &pw <1>, user: <2>}
kind: Secret
apiVersion: v1
metadata: {name: s, annotations: {copy: *pw}}
stringData:
  <<: *base
  again: <1>
"
        );
        let object = &parse(text.as_bytes(), &masking()).documents[0].object;
        assert!(!serde_json::to_string(object).unwrap().contains("hunter2"));
        assert_eq!(
            object.at(&["stringData", "password"]),
            object.at(&["stringData", "again"])
        );
    }

    #[test]
    fn unreadable_secrets_are_hidden_whole_with_what_follows() {
        let text = "\
kind: ConfigMap
apiVersion: v1
metadata: {name: a}
---
apiVersion: v1
kind: Secret
stringData:
  key: |
-----BEGIN PRIVATE KEY-----
    c2VjcmV0
---
more of the key
---
apiVersion: v1
kind: ConfigMap
metadata: {name: b}
---
name: {{ .Values.name }}
---
kind: \"Secret\"
data: {{ .Values.data }}
";
        assert_eq!(
            shown(text),
            "\
kind: ConfigMap
apiVersion: v1
metadata: {name: a}
---
# <masked>: may be a Secret, and cannot be read
---
# <masked>: may be a Secret, and cannot be read
---
apiVersion: v1
kind: ConfigMap
metadata: {name: b}
---
name: {{ .Values.name }}
---
# <masked>: may be a Secret, and cannot be read
"
        );
    }

    #[test]
    fn secrets_are_found_wherever_they_are() {
        // in lists, in other objects, in JSON, in strings, in comments, in the literals of kustomize
        for text in [
            "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Secret\n  metadata: {name: s}\n  data: {a: hunter2}\n",
            "kind: Template\nobjects:\n- kind: Secret\n  stringData: {a: hunter2}\n",
            "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"s\"},\"data\":{\"a\":\"hunter2\"}}",
            "patches:\n- patch: |\n    kind: Secret\n    stringData:\n      a: hunter2\n",
            "extra: '{\"kind\": \"Secret\", \"data\": {\"a\": \"hunter2\"}}'\n",
            "# kind: Secret\n# stringData:\n#   a: hunter2\n",
            "a: b\n# kind: Secret\n#\n# data:\n#   a: hunter2\n",
            "kind: Kustomization\nsecretGenerator:\n- name: s\n  literals:\n  - a=hunter2\n",
            "kind: Secret\ndata: hunter2\n",
            "kind: Secret\ndata: {a: x}\ndata: {a: hunter2}\n",
            "kind: Secret\nmetadata:\n  annotations:\n    kubectl.kubernetes.io/last-applied-configuration: |\n      {\"kind\":\"Secret\",\"data\":{\"a\":\"hunter2\"}}\n",
            "kind: Secret\nmetadata:\n  annotations:\n    kubectl.kubernetes.io/last-applied-configuration: 'hunter2'\n",
        ] {
            let out = shown(text);
            assert!(!out.contains("hunter2"), "{out}");
            assert!(out.contains("<1>") || out.contains(COMMENT), "{out}");
        }
    }

    #[test]
    fn what_is_encrypted_or_only_refers_to_a_secret_is_shown() {
        for (text, expected) in [
            (
                "kind: Secret\nstringData:\n  a: ENC[AES256_GCM,data:abc,iv:def,tag:ghi,type:str]\n  #ENC[AES256_GCM,data:abc,type:comment]\nsops:\n  mac: x\n",
                "kind: Secret\nstringData:\n  a: <encrypted>\n  # <masked>\nsops:\n  mac: x\n",
            ),
            (
                "a: ENC[AES256_GCM,data:abc,iv:def]\n#ENC[AES256_GCM,data:abc,type:comment]\nb: c\n",
                "a: <encrypted>\n# <encrypted>\nb: c\n",
            ),
            (
                "values: {a: \"ENC[AES256_GCM,data:abc,iv:def]\", b: 'ENC[x]'}\n",
                "values: {a: <encrypted>, b: 'ENC[x]'}\n",
            ),
        ] {
            let shown = masked_text(text.as_bytes(), &masking());
            let (start, rest) = shown.split_once("<encrypted#").expect("a label");
            let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            assert_eq!(format!("{start}<encrypted{rest}"), expected);
        }
        for text in [
            "kind: Secret\nstringData:\n  a: vault:secret/data/x#key\n  b: <path:secret/data/x#key>\n",
            "kind: Secret\ndata: {a: dmF1bHQ6c2VjcmV0L2RhdGEveCNrZXk=}\n",
            "kind: SealedSecret\nspec: {encryptedData: {a: AgBy3i4}}\n",
            "kind: ExternalSecret\nspec: {data: [{secretKey: a, remoteRef: {key: b}}]}\n",
            "valuesFrom:\n- kind: Secret\n  name: values\n",
        ] {
            assert_eq!(shown(text), text);
        }
        // Without the metadata of SOPS it is text like any other.
        assert!(!shown("kind: Secret\nstringData: {a: ENC[hunter2]}\n").contains("hunter2"));
    }

    #[test]
    fn what_is_no_text_is_not_shown() {
        assert_eq!(
            shown("\0GITCRYPT\0abc"),
            "# not shown: encrypted with git-crypt\n"
        );
        assert_eq!(
            masked_text(b"a: \xff", &masking()),
            "# not shown: not UTF-8\n"
        );
    }

    #[test]
    fn configured_paths_are_hidden() {
        let masking = masking()
            .with_paths(&[
                "HelmRelease:spec.values.**.password",
                "metadata.annotations[\"example.com/token\"]",
            ])
            .expect("paths");
        let text = "apiVersion: v1\nkind: HelmRelease\nmetadata: {name: h, annotations: {example.com/token: t0ken}}\nspec: {values: {db: {password: hunter2}, password: hunter3, user: me}}\n";
        let out = renumber(&masked_text(text.as_bytes(), &masking));
        assert_eq!(
            out,
            "apiVersion: v1\nkind: HelmRelease\nmetadata: {name: h, annotations: {example.com/token: <1>}}\nspec: {values: {db: {password: <2>}, password: <3>, user: me}}\n"
        );
        let object = &parse(text.as_bytes(), &masking).documents[0].object;
        assert!(matches!(
            object.at(&["spec", "values", "password"]),
            Some(Node::Leaf(Leaf::Masked(_)))
        ));
        for bad in ["", "Kind:", "a..b", "a.", "a.**", "a[\"b"] {
            assert!(
                super::super::Masking::new([0; 32])
                    .with_paths(&[bad])
                    .is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn line_ends_and_byte_order_mark() {
        assert_eq!(
            shown(
                "\u{feff}kind: Secret\r\nstringData:\r\n  a: |\r\n    x1\r\n    x2\r\n  b: c\r\n"
            ),
            "kind: Secret\r\nstringData:\r\n  a: |\r\n    <1>\r\n  b: <2>\r\n"
        );
    }

    /// A value in one of YAML's styles, at an indentation of two.
    fn styled(value: &str, style: u8) -> String {
        let quoted = serde_json::to_string(value).expect("a string is JSON");
        match style {
            0 => quoted,
            1 => format!("'{}'", value.replace('\'', "''").replace('\n', "\n\n    ")),
            2 => format!("|-\n    {}", value.replace('\n', "\n    ")),
            3 => format!("|+\n    {}\n", value.replace('\n', "\n    ")),
            4 => format!(">2-\n    {}", value.replace('\n', "\n\n    ")),
            5 => format!("&anchor {quoted}"),
            6 => format!("!!str {quoted}"),
            7 => format!("{{in: {quoted}}}"),
            8 => format!("\n  - {quoted}\n  - x"),
            _ => STANDARD.encode(value),
        }
    }

    proptest! {
        /// Nothing of a value, of its base64, or of what it decodes to is left, and the rest of the file is.
        #[test]
        fn no_piece_of_a_value_is_left(
            values in prop::collection::vec("[A-Z][A-Za-z0-9 ':#{}&*!|>%@-]{6,20}[A-Z](\n[A-Z]{6,12})?", 1..4),
            styles in prop::collection::vec(0u8..10, 4),
            comment in any::<bool>(),
            plain in any::<bool>(),
        ) {
            let map = if plain { "stringData" } else { "data" };
            let mut text = format!("kind: Secret\napiVersion: v1\nmetadata: {{name: s}}\n{map}:\n");
            for (i, (value, style)) in values.iter().zip(&styles).enumerate() {
                let tail = if comment { format!("\n  # was {}", value.replace('\n', " ")) } else { String::new() };
                text.push_str(&format!("  k{i}: {}{tail}\n", styled(value, *style)));
            }
            text.push_str("type: Opaque\n---\nkind: ConfigMap\napiVersion: v1\nmetadata: {name: c}\n");
            let out = masked_text(text.as_bytes(), &masking());
            let rest = "---\nkind: ConfigMap\napiVersion: v1\nmetadata: {name: c}\n";
            let kept = out.ends_with(rest);
            prop_assert!(kept, "{}", out);
            let whole = out.contains("cannot be read") || out.contains("\ntype: Opaque\n---\n");
            prop_assert!(whole, "{}", out);
            let head = out.split("type: Opaque").next().unwrap_or_default();
            // What is no value of ours may be written like a piece of one.
            let ours = ["apiVersion", "  # <masked>", " >2-", "  k0:", "  k1:", "  k2:"];
            let head = ours.into_iter().fold(
                head.to_owned(),
                |head, ours| head.replace(ours, ""),
            );
            for value in &values {
                let encoded = STANDARD.encode(value);
                for hidden in [value.as_str(), &encoded] {
                    for piece in hidden.as_bytes().windows(4) {
                        let piece = String::from_utf8_lossy(piece);
                        prop_assert!(!head.contains(piece.as_ref()), "{piece:?} is left in\n{out}\nof\n{text}");
                    }
                }
            }
            // What text hides, objects hide; the text stays YAML.
            let objects = parse(text.as_bytes(), &masking());
            let again = parse(out.as_bytes(), &masking());
            if objects.broken.is_empty() {
                prop_assert_eq!(again.broken, []);
                prop_assert_eq!(again.documents.len(), 2);
                let kept = format!("{:?}", objects.documents).contains(&values[0]);
                prop_assert!(!kept);
            }
        }
    }

    #[test]
    fn labels_tell_equal_values_and_nothing_else() {
        let ids: Vec<MaskedId> = ["a", "a", "b"]
            .iter()
            .map(|text| masking().string(text, Secrecy::Plain))
            .collect();
        assert_eq!(ids[0].label(), ids[1].label());
        assert_ne!(ids[0].label(), ids[2].label());
        assert!(
            ids[0]
                .label()
                .strip_prefix('#')
                .is_some_and(|n| n.parse::<usize>().is_ok())
        );
        assert_eq!(
            format!("{:?}", ids[0]),
            format!("MaskedId({})", ids[0].label())
        );
        assert_ne!(ids[0], Masking::new([4; 32]).string("a", Secrecy::Plain));
    }
}
