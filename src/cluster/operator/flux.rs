//! Flux: a Kustomization names the revision it applied last; what it does not know of newer ones, its source tells. A
//! HelmRelease goes with the Kustomization that applied it.
//!
//! Sources: fluxcd/kustomize-controller `api/v1/kustomization_types.go`, fluxcd/helm-controller `api/v2`, fluxcd/source-controller
//! `api/v1/gitrepository_types.go`; for revisions fluxcd/pkg `git`, RFC-0005.

use super::{Operator, State, Verdicts, condition, is_set, is_unobserved, text};
use crate::cluster::Listing;
use crate::live::LiveObject;
use crate::manifest::{Node, Object, ObjectRef};

const KUSTOMIZE: &str = "kustomize.toolkit.fluxcd.io";
const RELEASE: &str = "helm.toolkit.fluxcd.io";
const SOURCE: &str = "source.toolkit.fluxcd.io";

pub(super) fn operator(live: &LiveObject, listing: &Listing) -> Option<Operator> {
    match live.id.group.as_str() {
        KUSTOMIZE => Some(kustomization(&live.object(), listing)),
        _ => release(&live.object(), listing),
    }
}

fn kustomization(object: &Object, listing: &Listing) -> Operator {
    let mut own = of_conditions(object);
    // It looks again at what it applied, as it does at every interval.
    let revision = |field: &str| text(object, &["status", field]);
    if own.state == State::Applying
        && !is_unobserved(object)
        && revision("lastAppliedRevision").is_some()
        && revision("lastAppliedRevision") == revision("lastAttemptedRevision")
    {
        own.state = State::Applied;
    }
    // A source that brings nothing new stops its Kustomizations, which are content.
    let source = made_from(object).and_then(|source| listing.referred_to(&source));
    let source = source.as_ref().map(of_conditions);
    let said = match source {
        Some(source) if own.state == State::Applied && source.state != State::Applied => source,
        _ => own,
    };
    // An artifact says of which commit it was made.
    let applied = ["lastAppliedOriginRevision", "lastAppliedRevision"];
    let applied = applied.into_iter().find_map(revision);
    Operator {
        applied: applied.map(commit).into_iter().collect(),
        since: condition(object, "Ready").and_then(|ready| ready.since),
        verdicts: Some(verdicts(object)),
        inventory: Some(inventory(object)),
        prunes: is_set(object, &["spec", "prune"]),
        ..said
    }
}

/// A release that has nothing to say is where the Kustomization is that applied it.
fn release(object: &Object, listing: &Listing) -> Option<Operator> {
    let parent = kustomization(&listing.referred_to(&applied_by(object)?)?, listing);
    let own = of_conditions(object);
    let said = if own.state == State::Applied {
        Operator {
            inventory: None,
            verdicts: None,
            ..parent
        }
    } else {
        Operator {
            applied: parent.applied,
            since: parent.since,
            ..own
        }
    };
    Some(Operator {
        prunes: true,
        ..said
    })
}

/// What else has to be read to know where one of Flux' objects is.
pub(super) fn refers_to(object: &Object) -> Option<ObjectRef> {
    match object.id.group.as_str() {
        KUSTOMIZE => made_from(object),
        RELEASE => applied_by(object),
        _ => None,
    }
}

/// The Kustomization that applied an object.
fn applied_by(object: &Object) -> Option<ObjectRef> {
    let by = |key: &str| object.label(&format!("{KUSTOMIZE}/{key}"));
    Some(ObjectRef {
        group: KUSTOMIZE.to_owned(),
        kind: "Kustomization".to_owned(),
        namespace: Some(by("namespace")?.to_owned()),
        name: by("name")?.to_owned(),
    })
}

/// Where a Kustomization takes its files from.
fn made_from(object: &Object) -> Option<ObjectRef> {
    let reference = object.at(&["spec", "sourceRef"])?;
    let text = |key: &str| Some(reference.get(key)?.as_str()?.to_owned());
    Some(ObjectRef {
        group: SOURCE.to_owned(),
        kind: text("kind")?,
        namespace: text("namespace").or_else(|| object.id.namespace.clone()),
        name: text("name")?,
    })
}

/// What every kind of Flux' says in the same way.
fn of_conditions(object: &Object) -> Operator {
    let ready = condition(object, "Ready");
    let status = ready.as_ref().map(|ready| ready.status);
    let state = match status {
        _ if is_set(object, &["spec", "suspend"]) => State::Suspended,
        Some("False") => State::Failing,
        Some("True") if !is_unobserved(object) => State::Applied,
        _ => State::Applying,
    };
    let message = ready.map(|ready| ready.message.to_owned());
    Operator {
        object: object.id.clone(),
        state,
        applied: Vec::new(),
        since: None,
        message: message.filter(|message| state == State::Failing && !message.is_empty()),
        inventory: None,
        prunes: false,
        verdicts: None,
    }
}

/// It says nothing of single objects, but which are its own.
fn verdicts(object: &Object) -> Verdicts {
    let objects = inventory(object).into_iter();
    let applied = text(object, &["status", "lastAppliedRevision"]);
    Verdicts {
        compared: applied.map(commit).into_iter().collect(),
        objects: objects.map(|id| (id, None)).collect(),
        is_whole: object.at(&["status", "inventory"]).is_some(),
        ..Verdicts::default()
    }
}

/// The commit in `main@sha1:2d6a1f…`, `sha1:…`, or `main/2d6a1f…` of older versions. What is no commit, as the digest of an
/// artifact, as it is.
fn commit(revision: &str) -> String {
    let last = revision.rsplit(['@', '/']).next().unwrap_or(revision);
    let hash = last.strip_prefix("sha1:").unwrap_or(last);
    let is_commit = hash.len() == 40 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_commit { hash } else { revision }.to_owned()
}

/// Entries are `<namespace>_<name>_<group>_<kind>`, where `:` of names (as RBAC has them) is written `__`. Source: cli-utils
/// `pkg/object/objmetadata.go`.
pub(super) fn inventory(object: &Object) -> Vec<ObjectRef> {
    let entries = object
        .at(&["status", "inventory", "entries"])
        .and_then(Node::as_list);
    let ids = entries
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.get("id")?.as_str());
    ids.filter_map(|id| {
        let (namespace, rest) = id.split_once('_')?;
        let (rest, kind) = rest.rsplit_once('_')?;
        let (name, group) = rest.rsplit_once('_')?;
        Some(ObjectRef {
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: (!namespace.is_empty()).then(|| namespace.to_owned()),
            name: name.replace("__", ":"),
        })
    })
    .collect()
}
