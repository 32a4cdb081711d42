//! What the API server makes of a manifest when it stores it: what it adds to every object, and what it leaves out.

use crate::manifest::{FieldPath, Leaf, Map, Node, Object, ObjectRef, Step, is_built_in};

/// The part that git can say something about: without status and what the server writes into metadata. A Secret's
/// `stringData` is moved to `data`, as the API server does; the masks of both are those of the decoded values.
pub(super) fn comparable(object: Object) -> Node {
    let Node::Map(mut root) = object.root else {
        return object.root;
    };
    for key in ["apiVersion", "kind", "status"] {
        root.remove(key);
    }
    if let Some(Node::Map(metadata)) = root.get_mut("metadata") {
        for key in ["name", "namespace", "generateName"]
            .iter()
            .chain(SERVER_METADATA)
        {
            metadata.remove(key);
        }
        // None, an empty map and `null` are one: what tools keep of an object has one where a manifest has another.
        for key in ["annotations", "labels"] {
            let map = metadata.get_or_insert(key, Node::Leaf(Leaf::Null));
            if is_empty_map(map) {
                *map = Node::Map(Map::new());
            }
        }
    }
    if object.id.group.is_empty()
        && object.id.kind == "Secret"
        && let Some(Node::Map(plain)) = root.remove("stringData")
    {
        let data = root.get_or_insert("data", Node::Map(Map::new()));
        if let Node::Map(data) = data {
            data.extend(plain);
        }
    }
    Node::Map(root)
}

pub(super) fn is_empty_map(node: &Node) -> bool {
    match node {
        Node::Leaf(Leaf::Null) => true,
        Node::Map(map) => map.is_empty(),
        _ => false,
    }
}

/// What the API server or its garbage collector writes, whatever a manifest says.
const SERVER_METADATA: &[&str] = &[
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

pub(super) fn is_empty(node: &Node) -> bool {
    match node {
        Node::Leaf(Leaf::Null) => true,
        Node::Leaf(Leaf::String(text)) => text.is_empty(),
        Node::Leaf(Leaf::Bool(_) | Leaf::Number(_) | Leaf::Masked(_) | Leaf::Encrypted(_)) => false,
        Node::List(items) => items.is_empty(),
        Node::Map(map) => map.values().all(is_empty),
    }
}

/// Whether the API server leaves this value out when it stores the object: `null` always; in the built-in kinds what is
/// empty, and zero in fields that are no pointers (source: `k8s.io/api`, `omitempty` fields of plain type).
pub(super) fn is_left_out(id: &ObjectRef, path: &FieldPath, value: &Node) -> bool {
    const ZEROES: &[&str] = &[
        "deprecated",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "globalDefault",
        "hostIPC",
        "hostNetwork",
        "hostPID",
        "hostPort",
        "initialDelaySeconds",
        "insecureSkipTLSVerify",
        "minReadySeconds",
        "nodePort",
        "nullable",
        "paused",
        "preserveUnknownFields",
        "priority",
        "publishNotReadyAddresses",
        "readOnly",
        "stdin",
        "stdinOnce",
        "tty",
        "uniqueItems",
        "unschedulable",
        "x-kubernetes-embedded-resource",
        "x-kubernetes-int-or-string",
    ];
    if value == &Node::Leaf(Leaf::Null) {
        return true;
    }
    // Objects of other groups are stored as they are; their metadata is not.
    let in_metadata = path.0.first() == Some(&Step::Key("metadata".to_owned()));
    if !is_built_in(&id.group) && !in_metadata {
        return false;
    }
    let zero = match value {
        Node::Leaf(Leaf::Bool(value)) => !value,
        Node::Leaf(Leaf::Number(number)) => number.as_i64() == Some(0),
        _ => false,
    };
    let plain = matches!(path.0.last(), Some(Step::Key(key)) if ZEROES.contains(&key.as_str()));
    is_empty(value) || (zero && plain)
}
