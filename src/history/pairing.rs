//! Which object of one tree is which object of another, inside an environment.
//!
//! Identity decides first. Where one identity is declared more than once, equal values cancel out (wherever they are), and
//! what is left is paired by place: same app and file, then same app, then any. So an environment's resource has changed
//! exactly when its values, as a multiset, have. Objects whose generated name alone differs are paired last.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diff;
use crate::git::RepoPath;
use crate::layout::App;
use crate::manifest::{Object, ObjectRef};
use crate::render::{RenderedObject, Rendering};

/// One object of an app on one side.
#[derive(Clone)]
pub(super) struct Item<'a> {
    /// The same number on both sides: the same app, whatever it is called.
    pub(super) place: usize,
    pub(super) app: &'a App,
    pub(super) rendering: Arc<Rendering>,
    /// Where in the rendering it is.
    pub(super) index: usize,
    /// Its app could not be rendered on the other side: whether it is there is not known, but it may be where an object of
    /// another app came from.
    pub(super) is_unsure: bool,
}

impl Item<'_> {
    pub(super) fn rendered(&self) -> &RenderedObject {
        &self.rendering.objects[self.index]
    }

    pub(super) fn object(&self) -> &Object {
        &self.rendered().object
    }

    /// Whether both are in the same app.
    pub(super) fn is_beside(&self, other: &Item<'_>) -> bool {
        self.place == other.place
    }

    /// The file it is declared in, where that is known.
    pub(super) fn path(&self) -> Option<&RepoPath> {
        self.rendered().source.as_ref().map(|source| &source.path)
    }
}

/// An object on each side, by index into what [`differing`] was given.
pub(super) type Pair = (Option<usize>, Option<usize>);

/// All pairs but those of equal values in the same place.
pub(super) fn differing(before: &[Item<'_>], after: &[Item<'_>]) -> Vec<Pair> {
    let mut same_name: BTreeMap<&ObjectRef, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    for (at, item) in before.iter().enumerate() {
        same_name.entry(&item.object().id).or_default().0.push(at);
    }
    for (at, item) in after.iter().enumerate() {
        same_name.entry(&item.object().id).or_default().1.push(at);
    }
    let mut pairs = Vec::new();
    let (mut gone, mut new) = (Vec::new(), Vec::new());
    for (mut old, mut young) in same_name.into_values() {
        let here = |a: &Item<'_>, b: &Item<'_>| a.is_beside(b) && a.path() == b.path();
        let equal = |a: &Item<'_>, b: &Item<'_>| a.object().root == b.object().root;
        let mut take = |fits: &dyn Fn(&Item<'_>, &Item<'_>) -> bool| {
            matching(&mut old, &mut young, |a, b| fits(&before[a], &after[b]))
        };
        take(&|a, b| here(a, b) && equal(a, b));
        pairs.extend(take(&equal));
        pairs.extend(take(&here));
        pairs.extend(take(&|a, b| a.is_beside(b)));
        pairs.extend(take(&|_, _| true));
        gone.extend(old);
        new.extend(young);
    }
    pairs.extend(generated_names(before, after, &gone, &new));
    pairs
}

/// Takes out of both lists what fits, first come first served.
fn matching(
    old: &mut Vec<usize>,
    new: &mut Vec<usize>,
    fits: impl Fn(usize, usize) -> bool,
) -> Vec<Pair> {
    let mut pairs = Vec::new();
    old.retain(|&a| match new.iter().position(|&b| fits(a, b)) {
        Some(at) => {
            pairs.push((Some(a), Some(new.remove(at))));
            false
        }
        None => true,
    });
    pairs
}

/// Pairs what has no counterpart of its name with what a generator may have renamed it to.
fn generated_names(
    before: &[Item<'_>],
    after: &[Item<'_>],
    gone: &[usize],
    new: &[usize],
) -> Vec<Pair> {
    let old: Vec<&ObjectRef> = gone.iter().map(|&at| &before[at].object().id).collect();
    let young: Vec<&ObjectRef> = new.iter().map(|&at| &after[at].object().id).collect();
    diff::pair(&old, &young)
        .into_iter()
        .map(|pair| {
            (
                pair.before.and_then(|at| gone.get(at).copied()),
                pair.after.and_then(|at| new.get(at).copied()),
            )
        })
        .collect()
}
