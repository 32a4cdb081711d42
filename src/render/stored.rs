//! Renderings on disk: what a tool made of these inputs before, it would make of them again.
//!
//! Only what tools came to is kept: reading plain files is as quick as reading this, and what kept a tool from running may be
//! gone.

use std::ops::Range;
use std::path::Path;
use std::time::UNIX_EPOCH;

use super::{By, How, Key, Made, Place, RenderedObject, Rendering, Source};
use crate::cache;
use crate::git::{Oid, RepoPath};
use crate::manifest::{Masking, Object};

/// Raised when the bytes below, or what is done to a tool's output, change.
const FORMAT: u32 = 2;

/// Begins a failure; a rendering begins with the first object's source.
const FAILURE: u8 = 3;

/// What a tool came to.
pub(super) enum Stored {
    Rendering(Rendering),
    /// Why there is none.
    Failure(String),
}

/// The digest of everything a rendering depends on, and of how secrets in it were masked.
pub(super) fn key(key: &Key, tool: &str, version: &str, masking: &Masking) -> cache::Key {
    cache::key(&format!(
        "rendering {FORMAT} {} {tool} {version} {:?} {key:?}",
        env!("CARGO_PKG_VERSION"),
        masking.fingerprint(),
    ))
}

/// Stands for an installed program, on a machine that can confine it or not: another one at this place is larger, smaller,
/// newer or older.
pub(super) fn program_key(file: &Path, can_confine: bool) -> Option<cache::Key> {
    let metadata = file.metadata().ok()?;
    let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(cache::key(&format!(
        "program {file:?} {} {modified:?} {can_confine}",
        metadata.len()
    )))
}

/// The digest of everything that a list of a helmfile's releases depends on.
pub(super) fn listing_key(inputs: &str) -> cache::Key {
    cache::key(&format!("releases {FORMAT} {inputs}"))
}

/// The bytes of what a tool came to; `None` where it would not come to the same again, or none has run.
pub(super) fn store(made: &Made) -> Option<Vec<u8>> {
    let rendering = &made.rendering;
    match &rendering.how {
        How::Tool { .. } => {}
        How::Sources { why } if made.by == By::Files => {
            return Some([&[FAILURE], why.as_bytes()].concat());
        }
        How::Read | How::Sources { .. } => return None,
    }
    let mut out = Vec::new();
    for RenderedObject { object, source } in &rendering.objects {
        match source {
            None => out.push(0),
            Some(Source {
                path,
                blob,
                document,
            }) => {
                out.push(1 + u8::from(document.is_some()));
                put(&mut out, path);
                put(&mut out, blob.as_bytes());
                if let Some(Place { bytes, line }) = document {
                    for number in [bytes.start as u64, bytes.end as u64, u64::from(*line)] {
                        out.extend(number.to_le_bytes());
                    }
                }
            }
        }
        object.store(&mut out);
    }
    Some(out)
}

/// What the tool of this name and version came to; `None` where the bytes do not say.
pub(super) fn restore(mut bytes: &[u8], name: &str, version: &str) -> Option<Stored> {
    if let Some((&FAILURE, why)) = bytes.split_first() {
        return Some(Stored::Failure(String::from_utf8(why.to_vec()).ok()?));
    }
    let bytes = &mut bytes;
    let mut objects = Vec::new();
    while let Some((kind, rest)) = bytes.split_first() {
        *bytes = rest;
        let source = match kind {
            0 => None,
            1 | 2 => Some(Source {
                path: RepoPath::from(take_text(bytes)?),
                blob: Oid::try_from(take_text(bytes)?).ok()?,
                document: match kind {
                    2 => Some(Place {
                        bytes: Range {
                            start: number(bytes)?.try_into().ok()?,
                            end: number(bytes)?.try_into().ok()?,
                        },
                        line: number(bytes)?.try_into().ok()?,
                    }),
                    _ => None,
                },
            }),
            _ => return None,
        };
        let object = Object::restore(bytes)?;
        objects.push(RenderedObject { object, source });
    }
    Some(Stored::Rendering(Rendering {
        objects,
        how: How::Tool {
            name: name.to_owned(),
            version: version.to_owned(),
        },
        broken: Vec::new(),
    }))
}

fn put(out: &mut Vec<u8>, text: &[u8]) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text);
}

fn number(bytes: &mut &[u8]) -> Option<u64> {
    let (number, rest) = bytes.split_first_chunk::<8>()?;
    *bytes = rest;
    Some(u64::from_le_bytes(*number))
}

fn take_text<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(number(bytes)?).ok()?;
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(text)
}
