//! Commits, read and written.

use encoding_rs::{Encoding, UTF_8};
use gix::bstr::{BStr, ByteSlice};
use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Oid;
use super::error::{Error, Result};

/// Name and e-mail as written in a commit, decoded leniently.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Person {
    pub name: String,
    pub email: String,
}

/// A commit's header and message. Text is decoded leniently but not cleaned: [`crate::text::clean`] it before showing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    pub id: Oid,
    pub tree: Oid,
    pub parents: Vec<Oid>,
    pub author: Person,
    pub authored: Timestamp,
    pub committed: Timestamp,
    /// The message's first line.
    pub subject: String,
    /// The message without its subject and the blank lines after it.
    pub body: String,
}

/// A commit to be written. Author and committer are the user, as git knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCommit {
    pub tree: Oid,
    pub parent: Oid,
    pub message: String,
    /// Author and committer date: from the plan, so that the same plan gives the same id.
    pub at: Timestamp,
}

/// Reads a commit's bytes. The library refuses persons and dates that make no sense; history has all sorts, and they are
/// shown as far as they go. Only a commit without a tree is refused.
pub(super) fn parse(id: Oid, bytes: &[u8]) -> Result<Commit> {
    let (header, message) = bytes.split_once_str("\n\n").unwrap_or((bytes, b""));
    let (mut tree, mut parents) = (None, Vec::new());
    let (mut author, mut committer) = (b"".as_bstr(), b"".as_bstr());
    let mut encoding = UTF_8;
    for line in header.lines() {
        // Lines of a signature begin with a space and are none of these.
        match line.split_once_str(" ") {
            Some((b"tree", hex)) if tree.is_none() => tree = Oid::from_hex(hex).ok(),
            Some((b"parent", hex)) => parents.extend(Oid::from_hex(hex).ok()),
            Some((b"author", person)) => author = person.as_bstr(),
            Some((b"committer", person)) => committer = person.as_bstr(),
            Some((b"encoding", name)) => {
                encoding = Encoding::for_label_no_replacement(name).unwrap_or(UTF_8)
            }
            _ => {}
        }
    }
    let tree =
        tree.ok_or_else(|| Error::Other(format!("commit {id} is corrupt: it has no tree")))?;
    let (author, authored) = signature(author, encoding);
    let (_, committed) = signature(committer, encoding);
    let message = decode(message.as_bstr(), encoding);
    let message = message.trim_start_matches('\n');
    let (subject, body) = message.split_once('\n').unwrap_or((message, ""));
    Ok(Commit {
        id,
        tree,
        parents,
        author,
        authored,
        committed,
        subject: subject.to_owned(),
        body: body.trim_start_matches('\n').to_owned(),
    })
}

fn signature(raw: &BStr, encoding: &'static Encoding) -> (Person, Timestamp) {
    let Ok(signature) = gix::actor::SignatureRef::from_bytes(raw) else {
        let person = Person {
            name: decode(raw, encoding),
            email: String::new(),
        };
        return (person, Timestamp::UNIX_EPOCH);
    };
    let person = Person {
        name: decode(signature.name.trim().as_bstr(), encoding),
        email: decode(signature.email.trim().as_bstr(), encoding),
    };
    let at = Timestamp::from_second(signature.seconds()).unwrap_or(Timestamp::UNIX_EPOCH);
    (person, at)
}

/// What `encoding` cannot read is replaced.
fn decode(bytes: &BStr, encoding: &'static Encoding) -> String {
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

/// The message `git revert` would write for `commit`: `Revert "S"`, `Reapply "S"` for the revert of a revert (as git does
/// since 2.43), and the `reversing changes made to` form for a merge whose mainline is its first parent.
/// (Source: do_pick_commit in git's sequencer.c.)
pub fn revert_message(commit: &Commit) -> String {
    let subject = &commit.subject;
    let title = match subject.strip_prefix("Revert \"") {
        // Repeated reverts made by older versions of git are left as they are.
        Some(original) if !original.starts_with("Revert \"") => format!("Reapply \"{original}"),
        _ => format!("Revert \"{subject}\""),
    };
    let reversing = match commit.parents.as_slice() {
        [mainline, _, ..] => format!(", reversing\nchanges made to {mainline}"),
        _ => String::new(),
    };
    format!("{title}\n\nThis reverts commit {}{reversing}.\n", commit.id)
}

/// Serialises an id as 40 hex digits.
pub fn hex<S: Serializer>(id: &Oid, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

/// Serialises an optional id as 40 hex digits or null.
pub fn hex_option<S: Serializer>(
    id: &Option<Oid>,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    match id {
        Some(id) => serializer.collect_str(id),
        None => serializer.serialize_none(),
    }
}

/// Reads an id back from 40 hex digits.
pub fn from_hex<'d, D: Deserializer<'d>>(deserializer: D) -> std::result::Result<Oid, D::Error> {
    let digits = String::deserialize(deserializer)?;
    Oid::from_hex(digits.as_bytes()).map_err(D::Error::custom)
}

/// Reads an optional id back from 40 hex digits or null.
pub fn from_hex_option<'d, D: Deserializer<'d>>(
    deserializer: D,
) -> std::result::Result<Option<Oid>, D::Error> {
    Option::<String>::deserialize(deserializer)?
        .map(|digits| Oid::from_hex(digits.as_bytes()).map_err(D::Error::custom))
        .transpose()
}
