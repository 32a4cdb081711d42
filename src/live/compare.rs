//! Desired against live, with read rights only: every field git sets, plus fields that somebody set and git does not.
//!
//! The truth would be a dry-run apply, which takes the right to patch. Without it, a live field that git does not set is
//! drift where it is known to be somebody's will ([`extra`]): git set it once (it is in last-applied and not desired any more),
//! its deployer applies it now, a tool people work with by hand owns it, or one that nobody knows owns it where no default can
//! be. The same holds of what git leaves empty. Everything else is a default or a controller's, counted as suppressed and
//! never dropped silently.

mod extra;
mod stored;

use std::cell::LazyCell;
use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;
use serde::Serialize;

use self::extra::{Extra, judge, judge_planned};
use self::stored::{comparable, is_empty, is_left_out};
use super::autoscaler::{self, Autoscaler, Hold};
use super::cause::{self, Cause};
use super::managers::Manager;
use super::object::{LAST_APPLIED, LiveObject};
use crate::diff::same_value;
use crate::manifest::{FieldPath, Leaf, ListKeys, ListType, Map, Node, Object, ObjectRef, Step};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SyncState {
    Synced,
    Drifted,
    /// Desired, not live.
    Missing,
    /// Live with this deployer's mark, not desired: will be pruned.
    Extra,
    /// Live with this deployer's mark, not desired, and this deployer never prunes the kind.
    Orphaned,
    Unknown,
}

/// A field whose live value is not what git says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDrift {
    pub path: FieldPath,
    pub desired: Option<Node>,
    pub live: Option<Node>,
    pub cause: Cause,
    /// Who owns the live field, and when that manager last wrote; `None` for a field that is not there.
    pub manager: Option<Manager>,
    /// When a deployer last wrote the object.
    pub applied: Option<Timestamp>,
    /// What the autoscaler says whose field it is.
    pub scaled: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub struct Comparison {
    pub drift: Vec<FieldDrift>,
    /// Differences that are not drift (defaults, controller-owned, tracking marks), by reason.
    pub suppressed: BTreeMap<String, usize>,
    /// Which they are, those that a rule names first; no more than a person reads.
    pub suppressed_fields: Vec<Suppressed>,
}

/// A difference that is no drift.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suppressed {
    pub path: FieldPath,
    pub why: String,
    /// The rule that says so, and whose: `Application shop: ignoreDifferences /spec/replicas`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

/// More than a person reads of one object.
const MOST_NAMED: usize = 100;

/// Why a value is not compared whose mask says nothing here.
const HIDDEN: &str = "masked in the snapshot";

/// Why a value is not compared that git has by name only.
pub(super) const UNKNOWN: &str = "not known here";

impl Comparison {
    fn suppress(&mut self, path: &FieldPath, why: &str) {
        self.count(why, 1);
        if self.suppressed_fields.len() < MOST_NAMED {
            self.suppressed_fields.push(Suppressed {
                path: path.clone(),
                why: why.to_owned(),
                rule: None,
            });
        }
    }

    fn count(&mut self, why: &str, more: usize) {
        match self.suppressed.get_mut(why) {
            Some(count) => *count += more,
            None => drop(self.suppressed.insert(why.to_owned(), more)),
        }
    }

    /// Counts the fields that `is_ignored` by `rule` among what is no drift.
    pub(super) fn ignore(
        &mut self,
        why: &str,
        rule: &str,
        is_ignored: impl Fn(&FieldDrift) -> bool,
    ) {
        let all = std::mem::take(&mut self.drift).into_iter();
        let (ignored, left): (Vec<_>, Vec<_>) = all.partition(|field| is_ignored(field));
        self.drift = left;
        if ignored.is_empty() {
            return;
        }
        self.count(why, ignored.len());
        let ignored = ignored.into_iter().map(|field| Suppressed {
            path: field.path,
            why: why.to_owned(),
            rule: Some(rule.to_owned()),
        });
        let named = self.suppressed_fields.iter();
        let at = named.take_while(|field| field.rule.is_some()).count();
        self.suppressed_fields.splice(at..at, ignored);
        self.suppressed_fields.truncate(MOST_NAMED);
    }

    /// Replicas within the bounds of an autoscaler are its own, whoever wrote them; of others, it is told what it makes of them.
    pub fn scaled_by(&mut self, autoscaler: &Autoscaler) {
        let path = autoscaler::replicas();
        let mut drift = self.drift.iter_mut();
        let Some(field) = drift.find(|field| field.path == path) else {
            return;
        };
        let Some(replicas) = field.live.as_ref().and_then(Node::as_i64) else {
            return;
        };
        field.scaled = Some(autoscaler.says(replicas));
        if autoscaler.hold(replicas) == Hold::Within {
            field.cause = Cause::Autoscaler;
        }
    }

    /// Whether the number of replicas differs.
    pub fn is_scaled(&self) -> bool {
        let path = autoscaler::replicas();
        self.drift.iter().any(|field| field.path == path)
    }

    /// Replicas that an autoscaler moves are shown, and expected: they alone make nothing drifted. What cannot be compared may
    /// have.
    pub fn state(&self) -> SyncState {
        let mut drift = self.drift.iter();
        if drift.any(|field| field.cause != Cause::Autoscaler) {
            SyncState::Drifted
        } else if self.hidden() + self.unknown() > 0 {
            SyncState::Unknown
        } else {
            SyncState::Synced
        }
    }

    /// How many values could not be compared, because git has them by name only.
    pub fn unknown(&self) -> usize {
        self.suppressed.get(UNKNOWN).copied().unwrap_or_default()
    }

    /// How many values could not be compared, because their masks say nothing here.
    pub fn hidden(&self) -> usize {
        self.suppressed.get(HIDDEN).copied().unwrap_or_default()
    }
}

/// Compares one object with its live counterpart.
pub fn compare(desired: &Object, live: &LiveObject, lists: &ListKeys) -> Comparison {
    let managers = live.managers.read();
    compared(
        desired,
        live,
        lists,
        |path, found, is_filled, was_applied| judge(path, found, is_filled, was_applied, &managers),
    )
}

/// Compares the object as it would be stored if it was applied with the live one: everything that differs would change.
pub fn compare_planned(planned: &Object, live: &LiveObject, lists: &ListKeys) -> Comparison {
    compared(planned, live, lists, |path, found, _, _| {
        judge_planned(path, found)
    })
}

/// `judge`: of a path that git does not set (or leaves empty, the third argument), with what is live there, and whether it was
/// applied.
fn compared(
    desired: &Object,
    live: &LiveObject,
    lists: &ListKeys,
    judge: impl Fn(&FieldPath, &Node, bool, bool) -> Extra,
) -> Comparison {
    let object = live.object();
    let mut walk = Walk {
        id: &desired.id,
        lists,
        hidden: &live.hidden,
        other_version: desired.api_version != object.api_version,
        path: FieldPath::default(),
        differences: Vec::new(),
        extras: Vec::new(),
        filled: Vec::new(),
        comparison: Comparison::default(),
    };
    let root = FieldPath::default();
    if object.at(&["status"]).is_some() {
        walk.comparison.suppress(&root.key("status"), "status");
    }
    let (wanted, found) = (comparable(desired.clone()), comparable(object));
    walk.node(&wanted, &found);
    if live.last_applied.is_some() {
        let path = root.key("metadata").key("annotations").key(LAST_APPLIED);
        walk.comparison.suppress(&path, "last-applied annotation");
    }
    let Walk {
        differences,
        extras,
        filled,
        mut comparison,
        ..
    } = walk;

    let managers = LazyCell::new(|| live.managers.read());
    let applied = LazyCell::new(|| live.last_applied.as_ref()?.object().map(comparable));
    let applied = |path: &FieldPath| applied.as_ref().and_then(|applied| applied.field(path));
    let written = LazyCell::new(|| cause::last_applied(&managers));
    let mut drift = Vec::new();
    let mut drifts = |path: FieldPath, desired: Option<Node>, found: Option<Node>| {
        let (cause, manager) = match &found {
            Some(_) => cause::of(&managers, &path),
            None => (Cause::Removed, None),
        };
        // What was applied last is still so, and git says something else by now.
        let is_as_applied = live.last_applied.is_some()
            && applied(&path) == found.as_ref()
            && applied(&path) != desired.as_ref();
        drift.push(FieldDrift {
            cause: if is_as_applied {
                Cause::NotApplied
            } else {
                cause
            },
            manager: manager.cloned(),
            applied: *written,
            scaled: None,
            desired,
            live: found,
            path,
        });
    };
    for (path, desired, found) in differences {
        drifts(path, Some(desired), found);
    }
    let extras = extras.into_iter().map(|(path, found)| (path, None, found));
    let filled = filled.into_iter();
    let filled = filled.map(|(path, desired, found)| (path, Some(desired), found));
    for (path, desired, found) in extras.chain(filled) {
        let was_applied = desired.is_none() && applied(&path).is_some();
        match judge(&path, &found, desired.is_some(), was_applied) {
            Extra::Drift => drifts(path, desired, Some(found)),
            Extra::Suppressed(why) => comparison.suppress(&path, why),
        }
    }
    drift.sort_by(|a, b| a.path.cmp(&b.path));
    Comparison {
        drift,
        ..comparison
    }
}

struct Walk<'a> {
    id: &'a ObjectRef,
    lists: &'a ListKeys,
    hidden: &'a [Leaf],
    /// Git writes another version of the API than was read: what one of them does not have is no drift.
    other_version: bool,
    path: FieldPath,
    /// What git sets and is not so: path, desired, live.
    differences: Vec<(FieldPath, Node, Option<Node>)>,
    /// What is live and git does not set.
    extras: Vec<(FieldPath, Node)>,
    /// What git leaves empty and is not so: path, desired, live. The API server fills some of it in (`clusterIP: ""`).
    filled: Vec<(FieldPath, Node, Node)>,
    comparison: Comparison,
}

impl Walk<'_> {
    fn suppress(&mut self, why: &str) {
        self.comparison.suppress(&self.path, why);
    }

    fn node(&mut self, desired: &Node, live: &Node) {
        match (desired, live) {
            (a, b) if same_value(&self.path, a, b) => {}
            (Node::Map(desired), Node::Map(live)) => self.maps(desired, live),
            (Node::List(desired), Node::List(live)) => self.lists(desired, live),
            (_, Node::Leaf(leaf)) if self.hidden.contains(leaf) => self.suppress(HIDDEN),
            _ if is_encrypted(desired) => self.suppress("encrypted in git"),
            (desired, live) if is_empty(desired) => {
                let (desired, live) = (desired.clone(), live.clone());
                self.filled.push((self.path.clone(), desired, live));
            }
            _ => self
                .differences
                .push((self.path.clone(), desired.clone(), Some(live.clone()))),
        }
    }

    fn at(&mut self, step: Step, desired: Option<&Node>, live: Option<&Node>) {
        self.path.0.push(step);
        match (desired, live) {
            (Some(desired), Some(live)) => self.node(desired, live),
            (Some(desired), None) => self.absent(desired),
            (None, Some(live)) => self.extra(live),
            (None, None) => {}
        }
        self.path.0.pop();
    }

    fn absent(&mut self, desired: &Node) {
        if is_left_out(self.id, &self.path, desired) {
            self.suppress("empty values");
        } else if self.path.0.first() == Some(&Step::Key("sops".to_owned())) {
            self.suppress("encrypted in git");
        } else if self.other_version {
            self.suppress("other API version");
        } else {
            self.differences
                .push((self.path.clone(), desired.clone(), None));
        }
    }

    /// Maps are taken apart, because their keys may be different people's; a list item is one thing.
    fn extra(&mut self, live: &Node) {
        let is_item = !matches!(self.path.0.last(), Some(Step::Key(_)));
        match live {
            Node::Map(map) if !map.is_empty() && !is_item => {
                for (key, below) in map {
                    self.at(Step::Key(key.clone()), None, Some(below));
                }
            }
            live => self.extras.push((self.path.clone(), live.clone())),
        }
    }

    fn maps(&mut self, desired: &Map, live: &Map) {
        for (key, value) in desired {
            self.at(Step::Key(key.clone()), Some(value), live.get(key));
        }
        for (key, value) in live.iter().filter(|(key, _)| !desired.contains_key(key)) {
            self.at(Step::Key(key.clone()), None, Some(value));
        }
    }

    fn lists(&mut self, desired: &[Node], live: &[Node]) {
        match self.lists.list_type_of(self.id, &self.path, desired) {
            ListType::Map(keys) => match (keyed(desired, &keys), keyed(live, &keys)) {
                (Some(desired), Some(live)) => self.items(&desired, &live),
                _ => self.positions(desired, live),
            },
            ListType::Set => self.sets(desired, live),
            ListType::Atomic if self.is_added_to() => self.sets(desired, live),
            ListType::Atomic => self.positions(desired, live),
        }
    }

    /// Admission adds to a pod's own tolerations (source: `DefaultTolerationSeconds`).
    fn is_added_to(&self) -> bool {
        self.id.kind == "Pod" && self.path == FieldPath::default().key("spec").key("tolerations")
    }

    fn items(&mut self, desired: &[(Step, &Node)], live: &[(Step, &Node)]) {
        let find = |items: &[(Step, &Node)], step: &Step| {
            items.iter().position(|(other, _)| other == step)
        };
        let mut places = Vec::new();
        for (step, item) in desired {
            let place = find(live, step);
            places.extend(place);
            let found = place
                .and_then(|place| live.get(place))
                .map(|(_, item)| *item);
            self.at(step.clone(), Some(item), found);
        }
        for (step, item) in live {
            if find(desired, step).is_none() {
                self.at(step.clone(), None, Some(item));
            }
        }
        if !places.is_sorted() {
            self.suppress("order");
        }
    }

    fn sets(&mut self, desired: &[Node], live: &[Node]) {
        for (index, item) in desired
            .iter()
            .enumerate()
            .filter(|(_, item)| !live.contains(item))
        {
            self.at(set_step(index, item), Some(item), None);
        }
        for (index, item) in live
            .iter()
            .enumerate()
            .filter(|(_, item)| !desired.contains(item))
        {
            self.at(set_step(index, item), None, Some(item));
        }
    }

    /// Items by position: the API server sets defaults inside them, too. Where their number differs, the list differs.
    fn positions(&mut self, desired: &[Node], live: &[Node]) {
        if desired.len() != live.len() {
            let (desired, live) = (Node::List(desired.to_vec()), Node::List(live.to_vec()));
            if is_empty(&desired) {
                self.filled.push((self.path.clone(), desired, live));
            } else {
                self.differences
                    .push((self.path.clone(), desired, Some(live)));
            }
            return;
        }
        for (index, (desired, live)) in desired.iter().zip(live).enumerate() {
            self.at(Step::Index(index), Some(desired), Some(live));
        }
    }
}

/// An item of a set is told apart by what it is, wherever it stands; one that is no plain value by its place.
fn set_step(index: usize, item: &Node) -> Step {
    match item {
        Node::Leaf(Leaf::String(text)) => Step::Item(vec![(String::new(), text.clone())]),
        _ => Step::Index(index),
    }
}

/// The items with their keys; `None` where an item lacks one or two share theirs.
fn keyed<'a>(items: &'a [Node], keys: &[String]) -> Option<Vec<(Step, &'a Node)>> {
    let mut seen = HashSet::new();
    let mut out = Vec::with_capacity(items.len());
    for item in items {
        let key: Vec<(String, String)> = keys
            .iter()
            .map(|key| Some((key.clone(), item.key_value(key)?)))
            .collect::<Option<_>>()?;
        if !seen.insert(key.clone()) {
            return None;
        }
        out.push((Step::Item(key), item));
    }
    Some(out)
}

/// A value that SOPS encrypted: only its deployer can compare it.
fn is_encrypted(node: &Node) -> bool {
    matches!(node, Node::Leaf(Leaf::Encrypted(_)))
}

#[cfg(test)]
mod tests;
