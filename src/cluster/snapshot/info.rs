//! What a snapshot says of itself, in `snapshot.yaml` of its directory: when and of what it was taken, what was read and what
//! could not be. All of it is optional: a directory of objects is a snapshot without it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::elsewhere::Elsewhere;
use crate::cluster::Kind;
use crate::live::Marks;
use crate::manifest::{ListKeys, Masking};
use crate::task::{Known, Why};

/// What is known about a snapshot as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Info {
    /// When it was taken; without it, the snapshot stands for the present.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken: Option<Timestamp>,
    /// Where it was taken from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The namespace of objects for which git names none: the context's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Which environments it shows. Without any, it shows whichever is asked about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<String>,
    /// Whose masks its marks are ([`Masking::name`]). Without it there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub masks: Option<String>,
    /// Not all of it is written yet.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unfinished: bool,
    /// There was nothing but what is in it. Without it, a kind of which a namespace has no object is not known to be absent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub complete: bool,
    /// What was read, where it is not complete.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub read: Vec<Read>,
    /// How the lists of kinds that are not built in are to be compared.
    #[serde(skip_serializing_if = "ListKeys::is_empty")]
    pub lists: ListKeys,
    /// How far the cluster's clock was ahead of that of who took it, where it was another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skew: Option<SignedDuration>,
    /// What was looked for in other clusters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<Elsewhere>,
}

/// A kind in a namespace that was read, or why it could not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Read {
    #[serde(default)]
    pub group: String,
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<String>,
}

impl Read {
    pub(super) fn new<T>((group, kind, namespace): &Kind, found: &Known<T>) -> Read {
        Read {
            group: group.clone(),
            kind: kind.clone(),
            namespace: namespace.clone(),
            unavailable: unavailable(found),
        }
    }
}

/// Why nothing is known, as it is noted.
pub(super) fn unavailable<T>(found: &Known<T>) -> Option<String> {
    match found {
        Known::Fresh(_) | Known::Stale(..) => None,
        Known::Loading => Some("not read".to_owned()),
        Known::Unavailable(why) => Some(why.to_string().replace(THEN, "")),
    }
}

impl Info {
    /// What the snapshot knows of `kind`, of which it has `found`.
    pub(super) fn known<T>(&self, kind: &Kind, found: Vec<T>) -> Known<Vec<T>> {
        match self.unavailable(kind, found.is_empty()) {
            Some(why) => Known::Unavailable(why),
            None => Known::fresh_or_stale(found, self.taken),
        }
    }

    /// Why nothing is known of `kind`, where nothing is; `none`: it has no object of it.
    pub(super) fn unavailable(&self, kind: &Kind, none: bool) -> Option<Why> {
        let (group, name, namespace) = kind;
        let mut read = self.read.iter();
        let read = read.find(|read| {
            read.group == *group && read.kind == *name && read.namespace == *namespace
        });
        match read.map(|read| read.unavailable.as_deref()) {
            Some(Some(why)) => Some(then(why)),
            None if none && !self.complete => {
                let place = namespace.as_deref();
                let place = place.map(|name| format!(" in {name}")).unwrap_or_default();
                Some(Why::Failed(format!("the snapshot has no {name}{place}")))
            }
            _ => None,
        }
    }

    /// What the marks in its objects are to who masks so.
    pub(super) fn marks(&self, masking: &Masking) -> Marks {
        match &self.masks {
            None => Marks::None,
            Some(name) if *name == masking.name() => Marks::Own,
            Some(_) => Marks::Foreign,
        }
    }

    /// Whether it shows the environment.
    pub(in crate::cluster) fn shows(&self, environment: &str) -> Result<(), Why> {
        let mut shown = self.environments.iter();
        if self.environments.is_empty() || shown.any(|name| name == environment) {
            return Ok(());
        }
        let shown = self.environments.join(", ");
        Err(Why::Failed(format!("the snapshot is of {shown} only")))
    }
}

const THEN: &str = " (when the snapshot was taken)";

/// Why something could not be read when the snapshot was taken, as [`Why`] says it.
pub(super) fn then(why: &str) -> Why {
    let then = |what: &str| format!("{what}{THEN}");
    match why.split_once(": ") {
        Some(("forbidden", what)) => Why::Forbidden(then(what)),
        Some(("unreachable", what)) => Why::Unreachable(then(what)),
        Some(("failed", what)) => Why::Failed(then(what)),
        _ => match why.strip_prefix("the server has no kind ") {
            Some(kind) => Why::UnknownKind(then(kind)),
            None => Why::Failed(then(why)),
        },
    }
}
