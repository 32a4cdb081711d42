//! What merging a change would do in the cluster, object by object.

use serde::Serialize;

use super::cause::Cause;
use super::compare::{FieldDrift, compare};
use super::immutable::is_immutable;
use super::object::LiveObject;
use crate::diff;
use crate::layout::Deployer;
use crate::manifest::{FieldPath, Language, Leaf, ListKeys, Node, Object, ObjectRef, Step};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Create,
    Update,
    /// An immutable field changes: delete and create, or rejection.
    Replace,
    Prune,
    /// Leaves git but stays in the cluster: this deployer never prunes the kind.
    Orphan,
    Nothing,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Effect {
    pub object: ObjectRef,
    pub action: Action,
    /// `restarts 3 pods`, `overwrites a manual edit of spec.replicas (7 → 3)`, `immutable: spec.selector`.
    pub detail: String,
}

/// The effect of going from `before` to `after` on `live` (`None`: the cluster is not known; the effect is then by git
/// alone). `None` where there is no object on either side.
pub fn effect(
    before: Option<&Object>,
    after: Option<&Object>,
    live: Option<Option<&LiveObject>>,
    deployer: Deployer,
    lists: &ListKeys,
) -> Option<Effect> {
    let object = after.or(before)?.id.clone();
    if let Some(language) = Language::of(&object) {
        let name = language.name();
        return Some(Effect {
            object,
            action: match (before, after) {
                (None, _) => Action::Create,
                (_, None) => Action::Prune,
                (Some(_), Some(_)) => Action::Update,
            },
            detail: format!("applied by {name}: what that does is not known here"),
        });
    }
    let (action, detail) = match (after, live) {
        (Some(_), Some(None)) => (Action::Create, String::new()),
        (Some(_), None) if before.is_none() => (Action::Create, String::new()),
        (Some(after), Some(Some(live))) => applied(
            changes_of(before, after, live, lists),
            &live.object(),
            after,
            deployer,
        ),
        (Some(after), None) => {
            let present = before.unwrap_or(after);
            applied(
                changes_in_git(before, after, lists),
                present,
                after,
                deployer,
            )
        }
        (None, Some(None)) => (Action::Nothing, "not in the cluster".to_owned()),
        (None, live) => {
            let live = live.flatten().map(LiveObject::object);
            removed(live.as_ref().or(before)?, deployer)
        }
    };
    Some(Effect {
        object,
        action,
        detail,
    })
}

/// A field that the deployer would write.
struct Change {
    path: FieldPath,
    from: Option<Node>,
    to: Option<Node>,
    cause: Option<Cause>,
}

/// What differs between the live object and what will be applied, and what was applied and will not be any more.
fn changes_of(
    before: Option<&Object>,
    after: &Object,
    live: &LiveObject,
    lists: &ListKeys,
) -> Vec<Change> {
    // Fields that git does not set stay as they are, unless the deployer set them: those are in `dropped`.
    let set = compare(after, live, lists)
        .drift
        .into_iter()
        .filter(|field| field.desired.is_some());
    let set = set.map(
        |FieldDrift {
             path,
             desired,
             live,
             cause,
             ..
         }| Change {
            path,
            from: live,
            to: desired,
            cause: Some(cause),
        },
    );
    let object = live.object();
    let dropped = before
        .map(|before| diff::fields(Some(before), Some(after), lists))
        .unwrap_or_default();
    let dropped = dropped
        .into_iter()
        .filter(|change| change.after.is_none())
        .filter_map(|change| {
            let from = object.root.field(&change.path)?.clone();
            Some(Change {
                path: change.path,
                from: Some(from),
                to: None,
                cause: None,
            })
        });
    // Of what the live value is not known to be, git says whether it changes.
    let unseen = changes_in_git(before, after, lists).into_iter();
    let unseen = unseen.filter(|change| change.to.is_some() && is_hidden(live, &change.path));
    set.chain(dropped).chain(unseen).collect()
}

/// Whether the live value of the field says nothing, for somebody else masked it.
fn is_hidden(live: &LiveObject, path: &FieldPath) -> bool {
    let mut stored = path.clone();
    if let Some(Step::Key(key)) = stored.0.first_mut()
        && key == "stringData"
    {
        *key = "data".to_owned();
    }
    let object = live.object();
    let found = object.root.field(&stored);
    found.is_some_and(|found| matches!(found, Node::Leaf(leaf) if live.hidden.contains(leaf)))
}

fn changes_in_git(before: Option<&Object>, after: &Object, lists: &ListKeys) -> Vec<Change> {
    diff::fields(before, Some(after), lists)
        .into_iter()
        .filter(|change| !change.is_order())
        .map(|change| Change {
            path: change.path,
            from: change.before,
            to: change.after,
            cause: None,
        })
        .collect()
}

fn applied(
    changes: Vec<Change>,
    present: &Object,
    after: &Object,
    deployer: Deployer,
) -> (Action, String) {
    if changes.is_empty() {
        return (Action::Nothing, "already so".to_owned());
    }
    let fixed: Vec<String> = changes
        .iter()
        .filter(|change| is_immutable(present, &change.path, change.to.as_ref()))
        .map(|change| change.path.to_string())
        .collect();
    if !fixed.is_empty() {
        return (
            Action::Replace,
            format!(
                "immutable: {}; {}",
                some_of(&fixed),
                replacement(present, after, deployer)
            ),
        );
    }
    let mut details = Vec::new();
    details.extend(scaling(&changes));
    details.extend(restart(&changes, present));
    let by_hand: Vec<String> = changes
        .iter()
        .filter(|change| change.cause == Some(Cause::ManualEdit))
        .map(overwritten)
        .collect();
    if !by_hand.is_empty() {
        let edits = if by_hand.len() == 1 {
            "a manual edit"
        } else {
            "manual edits"
        };
        details.push(format!("overwrites {edits} of {}", some_of(&by_hand)));
    }
    (Action::Update, details.join(", "))
}

fn overwritten(change: &Change) -> String {
    match (
        change.from.as_ref().and_then(short),
        change.to.as_ref().and_then(short),
    ) {
        (Some(from), Some(to)) => format!("{} ({from} → {to})", change.path),
        _ => change.path.to_string(),
    }
}

/// A scalar in few letters.
fn short(node: &Node) -> Option<String> {
    const LONGEST: usize = 60;
    let text = match node {
        Node::Leaf(Leaf::Null) => "null".to_owned(),
        Node::Leaf(Leaf::Bool(value)) => value.to_string(),
        Node::Leaf(Leaf::Number(number)) => number.to_string(),
        Node::Leaf(Leaf::String(text)) => text.clone(),
        Node::Leaf(Leaf::Masked(id) | Leaf::Encrypted(id)) => id.label(),
        Node::List(_) | Node::Map(_) => return None,
    };
    (text.chars().count() <= LONGEST && !text.contains('\n')).then_some(text)
}

fn some_of(items: &[String]) -> String {
    const MOST: usize = 3;
    match items.len() {
        0..=MOST => items.join(", "),
        all => format!("{} and {} more", items[..MOST].join(", "), all - MOST),
    }
}

fn scaling(changes: &[Change]) -> Option<String> {
    let replicas = FieldPath::default().key("spec").key("replicas");
    let change = changes.iter().find(|change| change.path == replicas)?;
    let number = |node: &Option<Node>| node.as_ref().and_then(Node::as_i64);
    let (from, to) = (number(&change.from)?, number(&change.to)?);
    match change.cause {
        Some(Cause::Autoscaler) => Some(format!(
            "scales {from} → {to} what an autoscaler has scaled"
        )),
        // It is told as the edit it overwrites.
        Some(Cause::ManualEdit) => None,
        _ => Some(format!("scales {from} → {to}")),
    }
}

/// What a change of the pod template does to the pods that run.
fn restart(changes: &[Change], present: &Object) -> Option<String> {
    let touches = |keys: &[&str]| {
        changes.iter().any(|change| {
            let mut steps = change.path.0.iter();
            keys.iter()
                .all(|key| matches!(steps.next(), Some(Step::Key(step)) if step == key))
        })
    };
    let text = |path: &[&str]| present.at(path).and_then(Node::as_str);
    let number = |path: &[&str]| present.at(path).and_then(Node::as_i64);
    match present.id.kind.as_str() {
        "CronJob" if touches(&["spec", "jobTemplate"]) => {
            return Some("from its next run on".to_owned());
        }
        "Deployment" | "StatefulSet" | "DaemonSet" | "Rollout"
            if touches(&["spec", "template"]) => {}
        _ => return None,
    }
    if present.at(&["spec", "paused"]).and_then(Node::as_bool) == Some(true) {
        return Some("restarts its pods once it is resumed".to_owned());
    }
    if text(&["spec", "updateStrategy", "type"]) == Some("OnDelete") {
        return Some("its pods stay as they are until they are deleted".to_owned());
    }
    let pods = match present.id.kind.as_str() {
        "DaemonSet" => number(&["status", "desiredNumberScheduled"]),
        _ => number(&["status", "replicas"]).or_else(|| number(&["spec", "replicas"])),
    };
    match pods {
        Some(0) => None,
        Some(1) => Some("restarts 1 pod".to_owned()),
        Some(pods) => Some(format!("restarts {pods} pods")),
        None => Some("restarts its pods".to_owned()),
    }
}

/// What becomes of a change that the API server refuses.
fn replacement(present: &Object, after: &Object, deployer: Deployer) -> &'static str {
    const ANEW: &str = "deleted and created anew";
    let flagged = |annotation: &str, flag: &str| {
        [present, after].iter().any(|object| {
            object
                .annotation(annotation)
                .is_some_and(|value| has_flag(value, flag))
        })
    };
    match deployer {
        // kubectl apply --force
        Deployer::JenkinsX => ANEW,
        Deployer::Flux if flagged("kustomize.toolkit.fluxcd.io/force", "enabled") => ANEW,
        Deployer::ArgoCd
            if flagged("argocd.argoproj.io/sync-options", "Force=true")
                || flagged("argocd.argoproj.io/sync-options", "Replace=true") =>
        {
            ANEW
        }
        _ => "the API server refuses it until the object is deleted",
    }
}

fn has_flag(value: &str, flag: &str) -> bool {
    value.split(',').any(|option| option.trim() == flag)
}

/// What becomes of an object that leaves git: by its deployer's prune rule.
fn removed(object: &Object, deployer: Deployer) -> (Action, String) {
    let kept = |annotation: &str, flag: &str| {
        object
            .annotation(annotation)
            .is_some_and(|value| has_flag(value, flag))
    };
    let orphan = |why: &str| (Action::Orphan, why.to_owned());
    match deployer {
        Deployer::JenkinsX if !is_pruned_by_kubectl(&object.id) => {
            orphan("kubectl apply --prune leaves this kind alone")
        }
        Deployer::Flux if kept("kustomize.toolkit.fluxcd.io/prune", "disabled") => {
            orphan("pruning is disabled on it")
        }
        Deployer::Flux if kept("kustomize.toolkit.fluxcd.io/reconcile", "disabled") => {
            orphan("reconciling is disabled on it")
        }
        Deployer::ArgoCd if kept("argocd.argoproj.io/sync-options", "Prune=false") => {
            orphan("Prune=false is set on it")
        }
        Deployer::Helm | Deployer::Flux if kept("helm.sh/resource-policy", "keep") => {
            orphan("its resource policy is keep")
        }
        Deployer::Helm if object.annotation("helm.sh/hook").is_some() => {
            orphan("Helm does not manage hooks")
        }
        Deployer::Pipeline
        | Deployer::Terraform
        | Deployer::Ansible
        | Deployer::Jenkins
        | Deployer::Unknown => orphan("whether its deployer deletes what leaves git is not known"),
        Deployer::JenkinsX | Deployer::Flux | Deployer::ArgoCd | Deployer::Helm => (
            Action::Prune,
            loss(&object.id).unwrap_or_default().to_owned(),
        ),
    }
}

/// What goes with an object.
fn loss(id: &ObjectRef) -> Option<&'static str> {
    match (id.group.as_str(), id.kind.as_str()) {
        ("", "Namespace") => Some("with everything in it"),
        ("", "PersistentVolumeClaim") => Some("its data may go with it"),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            Some("with all objects of its kind")
        }
        ("apps", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
        | ("batch", "CronJob" | "Job") => Some("with its pods"),
        _ => None,
    }
}

/// kubectl's own list of kinds to prune (source: `k8s.io/kubectl/pkg/util/prune/prune.go`); Jenkins X names none.
fn is_pruned_by_kubectl(id: &ObjectRef) -> bool {
    matches!(
        (id.group.as_str(), id.kind.as_str()),
        (
            "",
            "ConfigMap"
                | "Endpoints"
                | "Namespace"
                | "PersistentVolumeClaim"
                | "PersistentVolume"
                | "Pod"
                | "ReplicationController"
                | "Secret"
                | "Service"
        ) | ("batch", "Job" | "CronJob")
            | ("networking.k8s.io", "Ingress")
            | (
                "apps",
                "DaemonSet" | "Deployment" | "ReplicaSet" | "StatefulSet"
            )
    )
}

/// Why a live object with this deployer's mark stays though git does not have it; `None`: it is pruned.
pub fn kept(object: &Object, deployer: Deployer) -> Option<String> {
    match removed(object, deployer) {
        (Action::Orphan, why) => Some(why),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
