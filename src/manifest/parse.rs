//! A file's bytes → the objects in it, and what could not be read.

use std::collections::BTreeMap;
use std::ops::Range;

use super::build;
use super::kinds::is_cluster_scoped;
use super::mask::Masking;
use super::object::{Broken, Cause, Document, Leaf, Manifest, Node, Object, ObjectRef};
use super::source;
use super::tree::{self, Fault, Origin, Reading};

/// Reads a file's bytes. Never fails: what cannot be read is in [`Manifest::broken`] (not UTF-8, encrypted with
/// git-crypt, a template, a syntax error), next to everything that can.
pub fn parse(bytes: &[u8], masking: &Masking) -> Manifest {
    let mut manifest = Manifest::default();
    let (offset, text) = match source::text(bytes) {
        Ok(found) => found,
        Err((cause, why)) => {
            manifest.broken.push(Broken {
                line: 1,
                cause,
                why: why.to_owned(),
            });
            return manifest;
        }
    };
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
    let last = trees.len().saturating_sub(1);
    let mut start = (bytes.start, line);
    for (i, tree) in trees.iter().enumerate() {
        // A part has more documents than one only where `...` lines divide it.
        let end = if i == last && fault.is_none() {
            bytes.end
        } else {
            tree.end
        };
        let (node, duplicate_keys) = build::build(tree, masking);
        let place = Place {
            bytes: start.0..end,
            line: start.1,
            duplicate_keys,
        };
        take_apart(node, None, &place, manifest);
        let lines = text[start.0 - bytes.start..end - bytes.start]
            .matches('\n')
            .count() as u32;
        start = (end, start.1 + lines);
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
            root.get(*key)
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
fn item_kind(root: &BTreeMap<String, Node>) -> Option<(String, String)> {
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
}
