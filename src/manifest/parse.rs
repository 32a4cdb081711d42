//! A file's bytes → the objects in it, and what could not be read.

use std::ops::Range;

use super::build;
use super::kinds::is_cluster_scoped;
use super::map::Map;
use super::mask::Masking;
use super::object::{Broken, Cause, Document, Leaf, Manifest, Node, Object, ObjectRef};
use super::source;
use super::tree::{self, Fault, Origin, Reading};

/// Reads a file's bytes. Never fails: what cannot be read is in [`Manifest::broken`] (not UTF-8, encrypted with
/// git-crypt, a template, a syntax error), next to everything that can.
pub fn parse(bytes: &[u8], masking: &Masking) -> Manifest {
    let (offset, text) = match source::text(bytes) {
        Ok(found) => found,
        Err((cause, why)) => return Manifest::unreadable(cause, why),
    };
    let mut manifest = Manifest::default();
    for part in source::parts(text) {
        let bytes = part.bytes.start + offset..part.bytes.end + offset;
        read_part(&text[part.bytes], bytes, part.line, masking, &mut manifest);
    }
    manifest
}

fn read_part(
    text: &str,
    bytes: Range<usize>,
    line: u32,
    masking: &Masking,
    manifest: &mut Manifest,
) {
    let Reading { trees, fault, .. } = tree::read(
        text,
        Origin {
            byte: bytes.start,
            line,
        },
        false,
    );
    let count = trees.len();
    let (mut start, mut first_line) = (bytes.start, line);
    for (i, tree) in trees.iter().enumerate() {
        // A part has more documents than one only where `...` lines divide it.
        let last = i + 1 == count && fault.is_none();
        let end = if last { bytes.end } else { tree.end.start };
        let (node, duplicate_keys) = build::build(tree, masking);
        take_apart(
            node,
            None,
            &Place {
                bytes: start..end,
                line: first_line,
                duplicate_keys,
            },
            manifest,
        );
        let rest = &text[tree.end.end - bytes.start..];
        let next = tree.end.end + rest.find('\n').map_or(rest.len(), |at| at + 1);
        first_line += text[start - bytes.start..next - bytes.start]
            .matches('\n')
            .count() as u32;
        start = next;
    }
    if let Some(fault) = fault {
        manifest.broken.push(broken(fault, text));
    }
}

/// A part that is no YAML because it becomes YAML only when a tool has filled it in is called what it is.
pub(super) fn broken(fault: Fault, text: &str) -> Broken {
    let template = [("{{", "}}"), ("{%", "%}")].iter().any(|(open, close)| {
        text.split_once(open)
            .is_some_and(|(_, rest)| rest.contains(close))
    });
    if template && fault.cause == Cause::Syntax {
        let why = "a template ({{ … }}), readable once rendered".to_owned();
        return Broken {
            line: fault.line,
            cause: Cause::Template,
            why,
        };
    }
    Broken {
        line: fault.line,
        cause: fault.cause,
        why: fault.why.into_owned(),
    }
}

struct Place {
    bytes: Range<usize>,
    line: u32,
    duplicate_keys: Vec<u32>,
}

/// One document's value → its object, the objects of a list, or a reason why there is none.
fn take_apart(node: Node, list_kind: Option<(&str, &str)>, place: &Place, manifest: &mut Manifest) {
    let mut root = match node {
        Node::Map(root) => root,
        Node::Leaf(Leaf::Null) => return,
        _ => {
            manifest.others += 1;
            return;
        }
    };
    // As kubectl does: an item that lacks one of the two gets both from a typed list (ConfigMapList).
    if let Some((api_version, kind)) = list_kind
        && ["apiVersion", "kind"].iter().any(|key| {
            root.get(key)
                .and_then(Node::as_str)
                .is_none_or(str::is_empty)
        })
    {
        for (key, value) in [("apiVersion", api_version), ("kind", kind)] {
            root.insert(key.to_owned(), Node::Leaf(Leaf::String(value.to_owned())));
        }
    }
    if let Some((api_version, kind)) = item_kind(&root) {
        if let Some(Node::List(items)) = root.remove("items") {
            let defaults = (!kind.is_empty()).then_some((api_version.as_str(), kind.as_str()));
            for item in items {
                take_apart(item, defaults, place, manifest);
            }
        }
        return;
    }
    match identify(Node::Map(root)) {
        Ok(object) => manifest.documents.push(Document {
            bytes: place.bytes.clone(),
            line: place.line,
            object,
            duplicate_keys: place.duplicate_keys.clone(),
        }),
        Err(None) => manifest.others += 1,
        Err(Some((cause, why))) => {
            manifest.broken.push(Broken {
                line: place.line,
                cause,
                why: why.to_owned(),
            });
        }
    }
}

/// Where `root` is a list of objects, which is whatever has `items` (`k8s.io/apimachinery` `unstructured/helpers.go`): its
/// `apiVersion`, and the kind its items have (`""`: their own).
fn item_kind(root: &Map) -> Option<(String, String)> {
    root.get("items")?.as_list()?;
    let kind = root.get("kind")?.as_str()?;
    let kind = kind.strip_suffix("List").unwrap_or(kind);
    Some((
        root.get("apiVersion")?.as_str()?.to_owned(),
        kind.to_owned(),
    ))
}

/// The object in `root`. `Err(None)`: it is none; `Err(Some(why))`: it would be one, but the API server cannot take it.
pub(super) fn identify(root: Node) -> Result<Object, Option<(Cause, &'static str)>> {
    let text = |keys: &[&str]| match root.at(keys) {
        None | Some(Node::Leaf(Leaf::Null)) => Ok(None),
        Some(Node::Leaf(Leaf::String(text))) => {
            Ok(Some(text.as_str()).filter(|text| !text.is_empty()))
        }
        Some(_) => Err(()),
    };
    let fail = |why| Some((Cause::NotAnObject, why));
    // A values file may have any of these keys: only where the first two are text is it meant to be an object.
    let (Ok(Some(api_version)), Ok(Some(kind))) = (text(&["apiVersion"]), text(&["kind"])) else {
        return Err(None);
    };
    if !matches!(root.get("metadata"), Some(Node::Map(_))) {
        return Err(None);
    }
    let name = text(&["metadata", "name"])
        .map_err(|()| fail("metadata.name is not a string; quote it"))?;
    let namespace = text(&["metadata", "namespace"])
        .map_err(|()| fail("metadata.namespace is not a string; quote it"))?;
    let Some(name) = name else { return Err(None) };
    if [api_version, kind, name, namespace.unwrap_or_default()]
        .iter()
        .any(|text| text.contains("{{"))
    {
        return Err(Some((
            Cause::Template,
            "a template ({{ … }}), readable once rendered",
        )));
    }
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let id = ObjectRef {
        group: group.to_owned(),
        kind: kind.to_owned(),
        namespace: namespace
            .filter(|_| !is_cluster_scoped(group, kind))
            .map(str::to_owned),
        name: name.to_owned(),
    };
    let api_version = api_version.to_owned();
    Ok(Object {
        id,
        api_version,
        root,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masking() -> Masking {
        Masking::new([7; 32])
    }

    #[test]
    fn documents_are_split_and_located() {
        let text = "# head\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: web}\n--- # two\n\
                    apiVersion: v1\nkind: Namespace\nmetadata: {name: b, namespace: ignored}\n---\nfoo: bar\n";
        let manifest = parse(text.as_bytes(), &masking());
        let ids: Vec<_> = manifest
            .documents
            .iter()
            .map(|d| (d.object.id.to_string(), d.line))
            .collect();
        assert_eq!(
            ids,
            [("ConfigMap/a".to_owned(), 3), ("Namespace/b".to_owned(), 7)]
        );
        assert_eq!(
            manifest.documents[0].object.id.namespace.as_deref(),
            Some("web")
        );
        assert_eq!(manifest.documents[1].object.id.namespace, None);
        assert_eq!(manifest.others, 1);
        assert_eq!(manifest.broken, []);
        let bytes = manifest.documents[1].bytes.clone();
        assert_eq!(
            &text[bytes],
            "apiVersion: v1\nkind: Namespace\nmetadata: {name: b, namespace: ignored}\n"
        );
    }

    #[test]
    fn secrets_are_masked_and_comparable() {
        let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: aHVudGVyMg==}\nstringData: {b: hunter2, c: other}\n";
        let manifest = parse(text.as_bytes(), &masking());
        let object = &manifest.documents[0].object;
        let (a, b, c) = (
            object.at(&["data", "a"]),
            object.at(&["stringData", "b"]),
            object.at(&["stringData", "c"]),
        );
        assert!(matches!(a, Some(Node::Leaf(Leaf::Masked(_)))));
        assert_eq!(a, b);
        assert_ne!(b, c);
        let shown = format!("{object:?} {}", serde_json::to_string(object).unwrap());
        assert!(
            !shown.contains("hunter2") && !shown.contains("aHVudGVy"),
            "{shown}"
        );
    }

    const OBJECT: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: good}\n";

    fn causes(text: &str) -> Vec<(u32, Cause)> {
        parse(text.as_bytes(), &masking())
            .broken
            .iter()
            .map(|broken| (broken.line, broken.cause))
            .collect()
    }

    #[test]
    fn a_broken_part_loses_no_neighbour() {
        for broken in [
            "a: [1, 2",
            "a: \"unclosed",
            "a: 'unclosed\n  text",
            "a: b: c",
            "a: *missing",
            "a: |\n b\nc",
            "%BAD\na: b",
            "@",
            "name: {{ .Values.name }}",
            "{{- if .Values.on }}",
            "{% if on %}\na: b: c\n{% endif %}",
            "a: \u{1}",
            "? {a: b}\n: c",
        ] {
            let text = format!("{OBJECT}---\n{broken}\n---\n{OBJECT}");
            let manifest = parse(text.as_bytes(), &masking());
            assert_eq!(manifest.documents.len(), 2, "{broken}");
            assert_eq!(manifest.broken.len(), 1, "{broken}: {:?}", manifest.broken);
            assert!(
                (5..8).contains(&manifest.broken[0].line),
                "{broken}: {:?}",
                manifest.broken
            );
            let template = broken.contains("{{") || broken.contains("{%");
            assert_eq!(
                manifest.broken[0].cause == Cause::Template,
                template,
                "{broken}"
            );
            assert_eq!(&text[manifest.documents[1].bytes.clone()], OBJECT);
        }
        // `...` ends a document as well.
        let manifest = parse(
            format!("{OBJECT}...\n{OBJECT}...\na: [").as_bytes(),
            &masking(),
        );
        assert_eq!((manifest.documents.len(), manifest.broken.len()), (2, 1));
        assert_eq!(manifest.documents[1].line, 5);
    }

    #[test]
    fn what_is_no_text_is_told_apart() {
        let cause = |bytes: &[u8]| {
            parse(bytes, &masking())
                .broken
                .first()
                .map(|broken| broken.cause)
        };
        assert_eq!(cause(b"\0GITCRYPT\0\x12\x34"), Some(Cause::Encrypted));
        assert_eq!(cause(b"\xff\xfea\0:\0"), Some(Cause::Encoding));
        assert_eq!(cause(b"a: \xe9"), Some(Cause::Encoding));
        assert_eq!(cause(b"a: \0"), Some(Cause::Encoding));
        assert_eq!(cause(b""), None);
        let marked = parse(format!("\u{feff}{OBJECT}").as_bytes(), &masking());
        assert_eq!(
            (marked.documents.len(), marked.documents[0].bytes.start),
            (1, 3)
        );
        let crlf = parse(OBJECT.replace('\n', "\r\n").as_bytes(), &masking());
        assert_eq!(crlf.documents[0].object.id.name, "good");
    }

    #[test]
    fn errors_never_quote_the_text() {
        for text in [
            "hunter2: [",
            "a: hunter2: b",
            "? [hunter2]\n: x",
            "a: !!int hunter2",
            "a: `hunter2`",
            "a: *hunter2",
            "a: \"\\h\"",
        ] {
            let broken = parse(text.as_bytes(), &masking()).broken;
            assert_eq!(broken.len(), 1, "{text}");
            assert!(
                !broken[0].why.contains("hunter2") && !broken[0].why.contains('`'),
                "{}",
                broken[0].why
            );
        }
    }

    #[test]
    fn bombs_and_abysses_are_refused() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for i in 1..12 {
            let items = vec![format!("*a{}", i - 1); 10].join(", ");
            bomb.push_str(&format!("a{i}: &a{i} [{items}]\n"));
        }
        assert_eq!(causes(&bomb), [(6, Cause::Limit)]);
        let long = "x".repeat(100_000);
        assert_eq!(
            causes(&format!(
                "a: &a {long}\nb: [{}]\n",
                vec!["*a"; 1000].join(", ")
            ))[0]
                .1,
            Cause::Limit
        );
        let deep = format!("a: {}{}", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(causes(&deep).len(), 1);
        let stairs: String = (0..10_000)
            .map(|i| format!("{}a:\n", " ".repeat(i)))
            .collect();
        assert_eq!(causes(&stairs).len(), 1);
        // Nesting that aliases build up.
        let mut chain = String::from("a0: &a0 [x]\n");
        for i in 1..2000 {
            chain.push_str(&format!("a{i}: &a{i} [*a{}]\n", i - 1));
        }
        assert_eq!(causes(&chain), [(256, Cause::Limit)]);
        assert_eq!(causes("a: &a [*a]"), [(1, Cause::Limit)]);
        let nested = (0..600).fold(serde_json::json!(1), |inner, _| serde_json::json!([inner]));
        let object = serde_json::json!({"apiVersion": "v1", "kind": "A", "metadata": {"name": "a"}, "x": nested});
        assert!(Object::from_json(object, &masking()).is_none());
    }

    #[test]
    fn duplicate_keys_are_told_by_line() {
        let text = format!(
            "---\n{OBJECT}data:\n  a: 1\n  b: 2\n  a: 3\nkind: ConfigMap\nx: &x {{p: 1}}\nz: {{<<: *x, p: 2}}\n"
        );
        let manifest = parse(text.as_bytes(), &masking());
        assert_eq!(manifest.documents[0].duplicate_keys, [8, 9]);
        assert_eq!(
            manifest.documents[0]
                .object
                .at(&["data", "a"])
                .and_then(Node::as_i64),
            Some(3)
        );
    }

    #[test]
    fn what_is_no_object_is_counted() {
        let text = "a: b\n---\n- 1\n---\ntext\n---\n# nothing\n---\nkind: Kustomization\napiVersion: kustomize.config.k8s.io/v1beta1\n---\napiVersion: v1\nkind: Pod\nmetadata: {generateName: x-}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: '{{ x }}'}\n";
        let manifest = parse(text.as_bytes(), &masking());
        assert_eq!((manifest.documents.len(), manifest.others), (0, 5));
        assert_eq!(
            manifest
                .broken
                .iter()
                .map(|broken| broken.cause)
                .collect::<Vec<_>>(),
            [Cause::Template]
        );
    }

    #[test]
    fn last_applied_copies_are_masked_inside() {
        let copy = r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"stringData":{"a":"hunter2"}}"#;
        let secret = serde_json::json!({
            "apiVersion": "v1", "kind": "Secret", "data": {"a": "aHVudGVyMg=="},
            "metadata": {"name": "s", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": copy, "n": "kept"}},
        });
        let object = Object::from_json(secret, &masking()).expect("an object");
        let annotations = object
            .at(&["metadata", "annotations"])
            .expect("annotations");
        let applied = annotations
            .get("kubectl.kubernetes.io/last-applied-configuration")
            .expect("the copy");
        assert_eq!(applied.at(&["stringData", "a"]), object.at(&["data", "a"]));
        assert_eq!(
            applied.at(&["metadata", "name"]).and_then(Node::as_str),
            Some("s")
        );
        assert!(!format!("{object:?}").contains("hunter2"));
        assert_eq!(object.annotation("n"), Some("kept"));
    }

    proptest::proptest! {
        /// Whatever the bytes: no panic, spans in bounds and in order, and text views of the same.
        #[test]
        fn any_text_is_taken(text in "([a-c]: |- |[\\[\\]{}&*!|>'\"%@#?,:]|---\n|\\.\\.\\.\n|\n|  |\t|kind: Secret\n|data:\n|<<: |x|\u{feff}|é){0,40}") {
            let manifest = parse(text.as_bytes(), &masking());
            let mut end = 0;
            for document in &manifest.documents {
                proptest::prop_assert!(document.bytes.start >= end && text.get(document.bytes.clone()).is_some());
                end = document.bytes.start;
            }
            let shown = crate::manifest::masked_text(text.as_bytes(), &masking());
            proptest::prop_assert!(shown.lines().count() <= text.lines().count() + 1);
            crate::manifest::Outline::of(&text, &crate::manifest::ListKeys::builtin()).classes();
        }
    }
}
