//! References to values in a vault, as the programs that resolve them read them: they say where a secret is, and are none.
//!
//! - `vault:secret/data/x#key` – bank-vaults' webhook (bank-vaults.dev, "Injecting secrets into Pods")
//! - `<path:secret/data/x#key>` – argocd-vault-plugin (argocd-vault-plugin.readthedocs.io, "How it works")
//! - `ref+vault://secret/x#/key` – vals and helmfile (github.com/helmfile/vals); other stores are written alike
//! - annotations `avp.kubernetes.io/path` and `vault.hashicorp.com/agent-inject-secret-…` hold paths alone

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::mask::is_secret;
use super::object::{Node, Object};

/// Whether all of a text is a reference. Strict, for a Secret's value that is one is shown.
pub(super) fn is_reference(text: &str) -> bool {
    let text = text.trim();
    whole(text).is_some() || vals(text).is_some_and(|found| found.len() == text.len())
}

/// The same of a value of a Secret's `data`.
pub(super) fn is_packed_reference(text: &str) -> bool {
    unpacked(text).is_some_and(|text| is_reference(&text))
}

/// Where the values of an object are, in a vault: `secret/data/x#key`, `ref+vault://secret/x#/key`.
pub fn vault_references(object: &Object) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let packed = is_secret(&object.id.kind);
    collect(&object.root, &mut |text, key| {
        let unpacked = packed.then(|| unpacked(text)).flatten();
        let text = unpacked.as_deref().unwrap_or(text);
        if is_path_annotation(key) && !text.is_empty() {
            found.insert(text.to_owned());
        }
        found.extend(references(text).map(str::to_owned));
    });
    found
}

/// Whether a text holds a reference, alone or among other text, or is one by the key it stands under.
pub fn names_vault(key: &str, text: &str) -> bool {
    is_path_annotation(key)
        || references(text).next().is_some()
        || unpacked(text).is_some_and(|text| is_reference(&text))
}

fn is_path_annotation(key: &str) -> bool {
    key == "avp.kubernetes.io/path" || key.starts_with("vault.hashicorp.com/agent-inject-secret")
}

fn collect(node: &Node, found: &mut impl FnMut(&str, &str)) {
    match node {
        Node::Map(map) => {
            for (key, value) in map {
                match value.as_str() {
                    Some(text) => found(text, key),
                    None => collect(value, found),
                }
            }
        }
        Node::List(items) => {
            for item in items {
                match item.as_str() {
                    Some(text) => found(text, ""),
                    None => collect(item, found),
                }
            }
        }
        Node::Leaf(_) => {}
    }
}

fn unpacked(text: &str) -> Option<String> {
    // `vault:`, `>>vault:`, `<path:` and `ref+`, packed.
    const STARTS: [&str; 4] = ["dmF1bHQ6", "Pj52YXVsdD", "PHBhdGg6", "cmVmK"];
    if !STARTS.iter().any(|start| text.starts_with(start)) {
        return None;
    }
    String::from_utf8(STANDARD.decode(text.trim()).ok()?).ok()
}

/// The references in a text, without what marks them.
fn references(text: &str) -> impl Iterator<Item = &str> {
    let one = whole(text.trim());
    let mut rest = if one.is_some() { "" } else { text };
    one.into_iter().chain(std::iter::from_fn(move || {
        loop {
            let at = rest.find(['<', 'r'])?;
            rest = &rest[at..];
            if let Some(inner) = rest.strip_prefix("<path:")
                && let Some(end) = inner.find('>')
            {
                let (found, after) = inner.split_at(end);
                rest = after;
                return Some(found.trim());
            }
            if let Some(found) = vals(rest) {
                rest = &rest[found.len()..];
                return Some(found);
            }
            rest = rest.get(1..)?;
        }
    }))
}

/// What all of `text` refers to.
fn whole(text: &str) -> Option<&str> {
    let bank = text
        .strip_prefix(">>")
        .unwrap_or(text)
        .strip_prefix("vault:");
    let avp = || text.strip_prefix("<path:")?.strip_suffix('>');
    let path = bank.or_else(avp)?.trim();
    let (before, key) = path.split_once('#')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./${}:".contains(c);
    let fits = before.contains('/')
        && before.chars().all(plain)
        && !key.is_empty()
        && key
            .chars()
            .all(|c| plain(c) || matches!(c, '#' | ' ' | '|'));
    fits.then_some(path)
}

/// The expression of vals that a text starts with.
fn vals(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("ref+")?;
    let (store, path) = rest.split_once("://")?;
    let named = !store.is_empty() && store.bytes().all(|b| b.is_ascii_alphanumeric());
    // `ref+echo` and `ref+file` are not stores of secrets: what they hold may be the value itself.
    if !named || matches!(store, "echo" | "file" | "exec" | "envsubst") {
        return None;
    }
    let length = path
        .find(|c: char| !(c.is_ascii_alphanumeric() || "_-./#?=&%:@".contains(c)))
        .unwrap_or(path.len());
    let head = text.len() - path.len();
    (length > 0).then(|| &text[..head + length])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_told_from_secrets() {
        for text in [
            "vault:secret/data/x#key",
            ">>vault:secret/data/x#KEY#2",
            "<path:secret/data/x#key>",
            "<path:secret/data/x#key | base64encode>",
            "ref+vault://secret/x#/key",
            "ref+awssecrets://shop/db?region=eu-west-1#/password",
        ] {
            assert!(is_reference(text), "{text}");
            assert!(is_packed_reference(&STANDARD.encode(text)), "{text}");
        }
        for text in [
            "vault:hunter2",
            "vault:",
            "<path:hunter2>",
            "<hunter2>",
            "ref+echo://hunter2",
            "ref+vault://a hunter2",
            "hunter2 vault:secret/data/x#key",
            "vault:a/b#key and hunter2!",
            "dmF1bHQ6aHVudGVyMg==",
        ] {
            assert!(!is_reference(text) && !is_packed_reference(text), "{text}");
        }
    }

    #[test]
    fn references_inside_text_are_found() {
        let all: Vec<&str> = references(
            "user=<path:secret/data/a#u>;password=<path:secret/data/a#p> url=ref+vault://secret/b#/url, error",
        )
        .collect();
        assert_eq!(
            all,
            [
                "secret/data/a#u",
                "secret/data/a#p",
                "ref+vault://secret/b#/url"
            ]
        );
        assert_eq!(references("régression <path:").count(), 0);
    }
}
