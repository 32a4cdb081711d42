//! A file's bytes → text → parts. A part is what stands between two `---` lines; parts are read one by one, so that a
//! broken one cannot take its neighbours with it.

use std::ops::Range;

use super::object::Cause;

/// The text of a manifest, without its byte order mark: (offset of the text in `bytes`, text). The error says why the
/// bytes are no text.
pub(super) fn text(bytes: &[u8]) -> Result<(usize, &str), (Cause, &'static str)> {
    if bytes.starts_with(b"\0GITCRYPT\0") {
        return Err((Cause::Encrypted, "encrypted with git-crypt"));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err((
            Cause::Encoding,
            "UTF-16, which Kubernetes tools do not read; save it as UTF-8",
        ));
    }
    if bytes.starts_with(b"$ANSIBLE_VAULT;") {
        return Err((Cause::Encrypted, "encrypted with Ansible Vault"));
    }
    let offset = if bytes.starts_with(&[0xef, 0xbb, 0xbf]) {
        3
    } else {
        0
    };
    let body = &bytes[offset..];
    if body.contains(&0) {
        return Err((Cause::Encoding, "binary, not text"));
    }
    match std::str::from_utf8(body) {
        Ok(text) => Ok((offset, text)),
        Err(_) => Err((Cause::Encoding, "not UTF-8")),
    }
}

/// One part of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// Its bytes in the text, without the `---` line before it.
    pub bytes: Range<usize>,
    /// 1-based line of the first byte.
    pub line: u32,
}

/// Splits at `---` lines as `k8s.io/apimachinery/pkg/util/yaml` does. Content on the marker's own line (`--- {a: 1}`)
/// belongs to the part; `%` directives stay with the part they are about.
pub(super) fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut part = Part {
        bytes: 0..0,
        line: 1,
    };
    let mut at = 0;
    for (line_number, line) in (1..).zip(text.split_inclusive('\n')) {
        if is_marker(line) && !is_prologue(&text[part.bytes.start..at]) {
            part.bytes.end = at;
            let rest = line[3..].trim();
            let inline = !rest.is_empty() && !rest.starts_with('#');
            let next = if inline {
                Part {
                    bytes: at + 3..at + 3,
                    line: line_number,
                }
            } else {
                Part {
                    bytes: at + line.len()..at + line.len(),
                    line: line_number + 1,
                }
            };
            parts.push(std::mem::replace(&mut part, next));
        }
        at += line.len();
    }
    part.bytes.end = at;
    parts.push(part);
    parts
}

fn is_marker(line: &str) -> bool {
    line.strip_prefix("---")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

/// Only directives and comments so far: the `---` that follows opens their document.
fn is_prologue(text: &str) -> bool {
    text.starts_with('%')
        && text
            .lines()
            .all(|line| line.starts_with('%') || line.starts_with('#') || line.trim().is_empty())
}
