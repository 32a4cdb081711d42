//! Languages written in YAML: Ansible's plays and tasks, and the sections of Jenkins Configuration as Code.

use std::ops::Range;

use super::super::mask::is_ciphertext;
use super::super::reference::is_reference;
use super::super::scalar::Scalar;
use super::super::source;
use super::super::tree::{self, Entry, Fault, Key, NodeId, Origin, Reading, Tree, TreeNode, Value};
use super::spans::{self, Lines};
use super::{Item, Items, sensitive};

/// A play (`hosts: web`), a playbook that is taken over, or a task: an item of the file's list. A file of variables is one
/// item.
pub(super) fn ansible(text: &str) -> Vec<Items<'_>> {
    read(
        text,
        &|key, _, _| sensitive::is_secret(key),
        &|tree, found| match tree.value(tree.root) {
            Value::List(items) => {
                for &item in items {
                    if let Some((kind, name)) = play(tree, item) {
                        found.push((kind, name, item));
                    }
                }
            }
            Value::Map(_) => found.push(("vars", "settings".to_owned(), tree.root)),
            _ => {}
        },
    )
}

fn play(tree: &Tree<'_>, item: NodeId) -> Option<(&'static str, String)> {
    let Value::Map(entries) = tree.value(item) else {
        return None;
    };
    let text = |key: &str| Some(tree.text(tree.get(item, key)?)?.to_owned());
    let imported = [
        "import_playbook",
        "ansible.builtin.import_playbook",
        "include",
    ]
    .iter()
    .find_map(|key| text(key));
    if let Some(path) = imported {
        return Some(("import_playbook", path));
    }
    if let Some(hosts) = tree.get(item, "hosts") {
        let hosts = match tree.value(hosts) {
            Value::List(items) => {
                let names: Vec<&str> = items.iter().filter_map(|&item| tree.text(item)).collect();
                names.join(",")
            }
            _ => tree.text(hosts).unwrap_or("all").to_owned(),
        };
        return Some(("play", text("name").unwrap_or(hosts)));
    }
    let first = entries.iter().find_map(|entry| match &entry.key {
        Key::Text(key) => Some(key.to_string()),
        Key::Merge => None,
    });
    Some(("task", text("name").or(first)?))
}

/// Each top-level section: `jenkins`, `unclassified`, `credentials`, …
pub(super) fn casc(text: &str) -> Vec<Items<'_>> {
    // `usernamePassword` is a kind of credential, of which not all is secret.
    let is_map = |tree: &Tree<'_>, id| matches!(tree.value(id), Value::Map(_));
    let is_secret = |key: &str, tree: &Tree<'_>, value| {
        let maps = match tree.value(value) {
            Value::List(items) => items.iter().any(|&item| is_map(tree, item)),
            _ => is_map(tree, value),
        };
        sensitive::is_secret(key) && !maps
    };
    let mut read = read(text, &is_secret, &|tree, found| {
        if let Value::Map(entries) = tree.value(tree.root) {
            for entry in entries {
                if let Key::Text(key) = &entry.key {
                    found.push(("casc", key.to_string(), entry.value));
                }
            }
        }
    });
    for items in &mut read {
        // A section reaches from its key on.
        let Value::Map(entries) = items.tree.value(items.tree.root) else {
            continue;
        };
        let keys: Vec<(NodeId, Range<usize>)> = entries
            .iter()
            .map(|entry| (entry.value, entry.key_bytes.clone()))
            .collect();
        for item in &mut items.items {
            if let Some((_, key)) = keys.iter().find(|(value, _)| *value == item.root) {
                item.bytes = key.start..item.bytes.end.max(key.end);
                if item.name == "credentials" {
                    credentials(&items.tree, item.root, &mut items.secrets);
                }
                // A list or a text alone is no object's value.
                if !matches!(items.tree.value(item.root), Value::Map(_)) {
                    let entry = Entry {
                        key: Key::Text(item.name.clone().into()),
                        key_bytes: key.clone(),
                        line: item.line,
                        value: item.root,
                    };
                    let map = TreeNode::new(item.bytes.clone(), Value::Map(vec![entry]));
                    items.tree.nodes.push(map);
                    item.root = items.tree.nodes.len() - 1;
                }
            }
        }
        finish(text, items);
    }
    read
}

/// Everything a credential says but what names it; a variable is where the secret is, and none.
fn credentials(tree: &Tree<'_>, id: NodeId, secrets: &mut Vec<NodeId>) {
    const NAMES: [&str; 8] = [
        "description",
        "domain",
        "fileName",
        "id",
        "name",
        "scope",
        "specification",
        "username",
    ];
    match &tree.nodes[id].value {
        Value::Map(entries) => {
            for entry in entries {
                let named = matches!(&entry.key, Key::Text(key) if NAMES.contains(&key.as_ref()));
                let scalar = matches!(tree.value(entry.value), Value::Scalar(_));
                if !(named && scalar) {
                    credentials(tree, entry.value, secrets);
                }
            }
        }
        Value::List(items) => items
            .iter()
            .for_each(|&item| credentials(tree, item, secrets)),
        Value::Alias(target) => credentials(tree, *target, secrets),
        Value::Scalar(Scalar::String(text)) if is_elsewhere(text) => {}
        Value::Scalar(Scalar::Null | Scalar::Bool(_)) => {}
        Value::Scalar(_) => secrets.push(id),
    }
}

/// Whether a value is secret by its key.
pub(super) type IsSecret<'f> = &'f dyn Fn(&str, &Tree<'_>, NodeId) -> bool;

pub(super) type Found = (&'static str, String, NodeId);

/// Reads each part of a file, and finds its items by `find`; `is_secret` says which keys' values are.
pub(super) fn read<'a>(
    text: &'a str,
    is_secret: IsSecret<'_>,
    find: &dyn Fn(&Tree<'a>, &mut Vec<Found>),
) -> Vec<Items<'a>> {
    let mut all = Vec::new();
    for part in source::parts(text) {
        let origin = Origin {
            byte: part.bytes.start,
            line: part.line,
        };
        let Reading {
            trees,
            fault,
            mut comments,
        } = tree::read(&text[part.bytes.clone()], origin, true);
        let mut start = part.bytes.start;
        let count = trees.len();
        for (index, tree) in trees.into_iter().enumerate() {
            let last = index + 1 == count && fault.is_none();
            let end = if last { part.bytes.end } else { tree.end.start };
            let next = tree.end.end;
            let mut found = Vec::new();
            find(&tree, &mut found);
            let lines = Lines::of(text, &part.bytes, part.line);
            let items = found.into_iter().map(|(kind, name, root)| {
                let bytes = tree.nodes[root].bytes.clone();
                Item {
                    kind: kind.to_owned(),
                    name,
                    root,
                    line: lines.number(bytes.start),
                    bytes,
                }
            });
            let mut items = Items {
                items: items.collect(),
                secrets: secrets(&tree, is_secret),
                comments: std::mem::take(&mut comments),
                fault: None,
                bytes: start..end.max(start),
                tree,
            };
            finish(text, &mut items);
            all.push(items);
            start = next;
        }
        all.extend(fault.map(|fault| broken(start..part.bytes.end, fault)));
    }
    all
}

/// Lets items reach over their lines: what they are made of may end in the middle of one.
pub(super) fn finish(text: &str, items: &mut Items<'_>) {
    for item in &mut items.items {
        let inside = text.get(item.bytes.clone()).unwrap_or_default();
        item.bytes.end = item.bytes.start + inside.trim_end().len();
    }
    let lines = Lines::of(text, &(0..text.len()), 1);
    spans::reach(text, items, |at| lines.number(at));
}

fn broken<'a>(bytes: Range<usize>, fault: Fault) -> Items<'a> {
    Items {
        tree: Tree {
            nodes: vec![TreeNode::new(bytes.clone(), Value::Map(Vec::new()))],
            root: 0,
            end: bytes.end..bytes.end,
        },
        secrets: Vec::new(),
        items: Vec::new(),
        comments: Vec::new(),
        fault: Some(fault),
        bytes,
    }
}

/// Values whose key says that they are secret, and texts that give one away (`user: name=x password=y`).
fn secrets(tree: &Tree<'_>, is_secret: IsSecret<'_>) -> Vec<NodeId> {
    let mut secrets = Vec::new();
    for (id, node) in tree.nodes.iter().enumerate() {
        match &node.value {
            Value::Map(entries) => {
                for entry in entries {
                    if matches!(&entry.key, Key::Text(key) if is_secret(key, tree, entry.value)) {
                        literals(tree, entry.value, &mut secrets);
                    }
                }
            }
            Value::Scalar(Scalar::String(text)) if sensitive::is_given(text) => secrets.push(id),
            Value::Scalar(_) | Value::List(_) | Value::Alias(_) => {}
        }
    }
    secrets
}

/// What of a value is a literal.
fn literals(tree: &Tree<'_>, id: NodeId, secrets: &mut Vec<NodeId>) {
    match &tree.nodes[id].value {
        Value::Map(entries) => {
            for entry in entries {
                literals(tree, entry.value, secrets);
            }
        }
        Value::List(items) => items.iter().for_each(|&item| literals(tree, item, secrets)),
        Value::Alias(target) => literals(tree, *target, secrets),
        Value::Scalar(Scalar::String(text)) if text.is_empty() || is_elsewhere(text) => {}
        Value::Scalar(Scalar::Null | Scalar::Bool(_)) => {}
        Value::Scalar(_) => secrets.push(id),
    }
}

/// Whether a text only says where its value is (`{{ vault_password }}`, `${ADMIN_PASSWORD}`), or is encrypted.
fn is_elsewhere(text: &str) -> bool {
    let text = text.trim();
    let inside = |open: &str, close: &str| {
        let inner = text.strip_prefix(open)?.strip_suffix(close)?;
        (!inner.contains(open)).then_some(inner)
    };
    let jinja = inside("{{", "}}").is_some_and(|inner| {
        let literal = inner.contains(['\'', '"']);
        !inner.contains("default") && (!literal || inner.contains("lookup"))
    });
    let variable = inside("${", "}").is_some_and(|inner| !inner.contains(":-"));
    jinja || variable || is_reference(text) || is_ciphertext(text, false)
}

#[cfg(test)]
mod tests {
    use super::super::{Language, masked_items, parse_items};
    use crate::manifest::{Manifest, Masking};

    fn masking() -> Masking {
        Masking::new([5; 32])
    }

    fn items(language: Language, text: &str) -> Vec<(u32, String, String)> {
        let manifest = parse_items(language, text.as_bytes(), &masking());
        let documents = manifest.documents.iter();
        documents
            .map(|found| {
                let text = &text[found.bytes.clone()];
                (found.line, found.object.id.to_string(), text.to_owned())
            })
            .collect()
    }

    fn owned(rows: &[(u32, &str, &str)]) -> Vec<(u32, String, String)> {
        let rows = rows.iter();
        rows.map(|(line, id, text)| (*line, (*id).to_owned(), (*text).to_owned()))
            .collect()
    }

    #[test]
    fn a_playbook_is_its_plays() {
        let web = "# The web servers.\n- name: Web\n  hosts: web\n  tasks:\n    - shell: |\n        one\n        two\n";
        let db = "- hosts: [db, cache]\n  roles: [x]\n";
        let text = format!("---\n{web}\n\n{db}- import_playbook: other.yml\n");
        assert_eq!(
            items(Language::Ansible, &text),
            owned(&[
                (2, "play/Web", web),
                (11, "play/db,cache", db),
                (
                    13,
                    "import_playbook/other.yml",
                    "- import_playbook: other.yml\n"
                ),
            ])
        );
        assert_eq!(
            items(Language::Ansible, "[{hosts: a, tasks: []}, {name: b}]\n"),
            owned(&[
                (1, "play/a", "[{hosts: a, tasks: []}, "),
                (1, "task/b", "{name: b}]\n")
            ])
        );
    }

    #[test]
    fn configuration_is_its_sections() {
        let jenkins = "jenkins:\n  systemMessage: |\n    hello\n    all\n";
        let jobs = "jobs:\n- script: x\n";
        assert_eq!(
            items(
                Language::Casc,
                &format!("# casc\n\n{jenkins}# jobs\n{jobs}")
            ),
            owned(&[
                (3, "casc/jenkins", jenkins),
                (7, "casc/jobs", &format!("# jobs\n{jobs}")),
            ])
        );
    }

    const CREDENTIALS: &str = "credentials:\n  system:\n    domainCredentials:\n    - credentials:\n      - usernamePassword:\n          id: gh\n          username: bot\n          password: hunter2\n      - string: {id: x, secret: '${SECRET}'}\n      - any: {field: hunter2, other: '${X:-hunter2}'}\n";

    #[test]
    fn secrets_are_masked_and_what_names_them_is_not() {
        let plays = "- hosts: all\n  vars:\n    db_password: hunter2\n    ref: {password: '{{ vault_db }}'}\n    tokens: [hunter2]\n    safe: !vault |\n      $ANSIBLE_VAULT;1.1;AES256\n      hunter2\n    bad: {password: \"{{ x | default('hunter2') }}\"}\n  tasks:\n  - user: name=x password=hunter2\n  - shell: login --password=$PASSWORD\n  # password: hunter2\n";
        let broken = "- hosts: all\n  vars: {password: hunter2\n";
        for (language, text) in [
            (Language::Ansible, plays),
            (Language::Ansible, broken),
            (Language::Casc, CREDENTIALS),
            (
                Language::Casc,
                "jenkins: {securityRealm: {local: {users: [{id: a, password: hunter2}]}}, tokens: [hunter2]}\n",
            ),
        ] {
            let Manifest { documents, .. } = parse_items(language, text.as_bytes(), &masking());
            let masked = masked_items(language, text.as_bytes(), &masking());
            let yaml: String = documents
                .iter()
                .map(|found| found.object.to_yaml())
                .collect();
            assert!(
                !format!("{documents:?}{masked}{yaml}").contains("hunter2"),
                "{masked}{yaml}"
            );
            for readable in [
                "id: gh",
                "username: bot",
                "'${SECRET}'",
                "{{ vault_db }}",
                "$PASSWORD",
            ] {
                assert_eq!(
                    masked.contains(readable),
                    text.contains(readable),
                    "{masked}"
                );
            }
        }
        let vault = b"$ANSIBLE_VAULT;1.1;AES256\n3132\n";
        let broken = parse_items(Language::Ansible, vault, &masking()).broken;
        assert_eq!(broken[0].to_string(), "encrypted with Ansible Vault");
    }

    #[test]
    fn no_text_makes_it_panic() {
        use proptest::prelude::*;
        let pieces = prop::sample::select(vec![
            "- ", "hosts", ": ", "a", "\n", "  ", "[", "]", "{", "}", "|", "#", "---\n", "...\n",
            "&a", "*a", "<<", "jenkins:", "password", "é", "\r\n", "'", "\"", ",", "name",
        ]);
        proptest!(ProptestConfig::with_cases(512), |(parts in prop::collection::vec(pieces, 0..40))| {
            let text = parts.concat();
            for language in [Language::Ansible, Language::Casc] {
                let mut end = 0;
                for document in parse_items(language, text.as_bytes(), &masking()).documents {
                    prop_assert!(document.bytes.start >= end, "{text:?}");
                    prop_assert!(text.get(document.bytes.clone()).is_some(), "{text:?}");
                    end = document.bytes.end;
                }
                masked_items(language, text.as_bytes(), &masking());
            }
        });
    }
}
