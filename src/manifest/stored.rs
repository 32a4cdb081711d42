//! Objects as bytes for our own store, masks included: what the store gives back is what was put in.

use serde_json::Number;

use super::mask::MaskedId;
use super::object::{Leaf, Node, Object, ObjectRef};

/// Deeper than any object that can be parsed.
const MAX_DEPTH: usize = 512;

impl Object {
    /// Appends the object to `out`.
    pub fn store(&self, out: &mut Vec<u8>) {
        let ObjectRef {
            group,
            kind,
            namespace,
            name,
        } = &self.id;
        for text in [group, kind, name, &self.api_version] {
            put_text(out, text);
        }
        out.push(u8::from(namespace.is_some()));
        put_text(out, namespace.as_deref().unwrap_or_default());
        put(out, &self.root);
    }

    /// Takes an object off the front of `bytes`; `None` where there is none.
    pub fn restore(bytes: &mut &[u8]) -> Option<Object> {
        let (group, kind) = (text(bytes)?, text(bytes)?);
        let (name, api_version) = (text(bytes)?, text(bytes)?);
        let has_namespace = take(bytes, 1)? == [1];
        let namespace = text(bytes)?;
        Some(Object {
            id: ObjectRef {
                group,
                kind,
                namespace: has_namespace.then_some(namespace),
                name,
            },
            api_version,
            root: node(bytes, MAX_DEPTH)?,
        })
    }
}

fn put(out: &mut Vec<u8>, node: &Node) {
    match node {
        Node::Leaf(Leaf::Null) => out.push(b'n'),
        Node::Leaf(Leaf::Bool(false)) => out.push(b'f'),
        Node::Leaf(Leaf::Bool(true)) => out.push(b't'),
        Node::Leaf(Leaf::Number(number)) => {
            out.push(b'#');
            put_text(out, &number.to_string());
        }
        Node::Leaf(Leaf::String(text)) => {
            out.push(b's');
            put_text(out, text);
        }
        Node::Leaf(Leaf::Masked(id)) => {
            out.push(b'x');
            out.extend(id.0);
        }
        Node::Leaf(Leaf::Encrypted(id)) => {
            out.push(b'e');
            out.extend(id.0);
        }
        Node::List(items) => {
            out.push(b'l');
            put_count(out, items.len());
            items.iter().for_each(|item| put(out, item));
        }
        Node::Map(map) => {
            out.push(b'm');
            put_count(out, map.len());
            for (key, value) in map {
                put_text(out, key);
                put(out, value);
            }
        }
    }
}

fn node(bytes: &mut &[u8], depth: usize) -> Option<Node> {
    let depth = depth.checked_sub(1)?;
    Some(match take(bytes, 1)? {
        b"n" => Node::Leaf(Leaf::Null),
        b"f" => Node::Leaf(Leaf::Bool(false)),
        b"t" => Node::Leaf(Leaf::Bool(true)),
        b"#" => Node::Leaf(Leaf::Number(text(bytes)?.parse::<Number>().ok()?)),
        b"s" => Node::Leaf(Leaf::String(text(bytes)?)),
        b"x" => Node::Leaf(Leaf::Masked(MaskedId(take(bytes, 16)?.try_into().ok()?))),
        b"e" => Node::Leaf(Leaf::Encrypted(MaskedId(take(bytes, 16)?.try_into().ok()?))),
        b"l" => {
            let items = 0..count(bytes)?;
            Node::List(items.map(|_| node(bytes, depth)).collect::<Option<_>>()?)
        }
        b"m" => {
            let entries = 0..count(bytes)?;
            let mut entry = |_| Some((text(bytes)?, node(bytes, depth)?));
            Node::Map(entries.map(&mut entry).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

/// Most are small: seven bits a byte, the highest says that there are more.
fn put_count(out: &mut Vec<u8>, mut count: usize) {
    while count >= 0x80 {
        out.push(count as u8 | 0x80);
        count >>= 7;
    }
    out.push(count as u8);
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_count(out, text.len());
    out.extend(text.as_bytes());
}

fn count(bytes: &mut &[u8]) -> Option<usize> {
    let mut count = 0;
    for shift in (0..usize::BITS).step_by(7) {
        let byte = *take(bytes, 1)?.first()?;
        count |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            // Everything takes a byte at least: a larger count is no count.
            return (count <= bytes.len()).then_some(count);
        }
    }
    None
}

fn text(bytes: &mut &[u8]) -> Option<String> {
    let length = count(bytes)?;
    String::from_utf8(take(bytes, length)?.to_vec()).ok()
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::super::{Masking, parse};
    use super::*;

    #[test]
    fn what_is_stored_comes_back_and_secrets_are_not_in_it() {
        let text = b"apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: b, annotations: {n: '1'}}\n\
            stringData: {password: hunter2, other: hunter2}\n---\n\
            apiVersion: x.io/v1\nkind: Thing\nmetadata: {name: t}\n\
            spec: {a: [1, -2, 3.5, 1e30, 18446744073709551615, null, true, false, 'text', {}, []]}\n";
        let long = format!(
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\ndata: {{a: {}}}\n",
            "b".repeat(300)
        );
        let text = [text.as_slice(), long.as_bytes()].concat();
        let masking = Masking::new([3; 32]);
        for document in parse(&text, &masking).documents {
            let mut bytes = Vec::new();
            document.object.store(&mut bytes);
            let stored = String::from_utf8_lossy(&bytes);
            assert!(!stored.contains("hunter2") && !stored.contains("aHVudGVyMg"));
            for cut in 0..bytes.len() {
                assert_eq!(Object::restore(&mut &bytes[..cut]), None);
            }
            bytes.push(b'!');
            let mut rest = bytes.as_slice();
            assert_eq!(Object::restore(&mut rest), Some(document.object));
            assert_eq!(rest, b"!");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let deep = [b"l\x01".repeat(2000), b"n".to_vec()].concat();
        assert_eq!(node(&mut deep.as_slice(), MAX_DEPTH), None);
        for endless in [
            b"s\xff\xff\xff\x7fx".as_slice(),
            &[0xff; 30],
            b"s\xff",
            b"s",
        ] {
            assert_eq!(node(&mut { endless }, MAX_DEPTH), None);
        }
    }
}
