//! Argo CD: an Application names the commits it compared with last, those it synced to, and how the last sync went.
//!
//! Source: argoproj/argo-cd `pkg/apis/application/v1alpha1/types.go`.

use super::{Operator, Said, State, Verdicts, condition_messages, text, time};
use crate::live::{HealthStatus, LiveObject};
use crate::manifest::{Node, Object, ObjectRef};
use crate::text::{clean_line, truncate};

/// A reason is read on one line.
const LONGEST: usize = 160;

pub(super) fn operator(live: &LiveObject) -> Option<Operator> {
    let object = &live.object();
    let status = object.at(&["status"])?;
    let phase = text(object, &["status", "operationState", "phase"]);
    let retries = object.at(&["status", "operationState", "retryCount"]);
    let retries = retries.and_then(Node::as_i64).unwrap_or_default();
    let is_synced = text(object, &["status", "sync", "status"]) == Some("Synced");
    let compared = status.get("sync").map(revisions).unwrap_or_default();
    let last = status.get("history").and_then(Node::as_list);
    let last = last.and_then(<[Node]>::last);
    let deployed = last.map(revisions).unwrap_or_default();
    let is_done = !deployed.is_empty() && deployed == compared;
    let automated = object.at(&["spec", "syncPolicy", "automated"]);
    let is_automated = automated
        .is_some_and(|automated| automated.get("enabled").and_then(Node::as_bool) != Some(false));
    let broken = condition_messages(object, |kind| kind.ends_with("Error"));
    let state = match phase {
        // It says what went wrong, and tries again.
        Some("Running") if retries > 0 => State::Failing,
        Some("Running" | "Terminating") => State::Applying,
        _ if broken.is_some() => State::Failing,
        _ if is_synced => State::Applied,
        Some("Failed" | "Error") => State::Failing,
        // What differs was changed in the cluster since, or is not pruned.
        _ if is_done => State::Applied,
        _ if is_automated => State::Applying,
        _ => State::Manual,
    };
    // It is in sync with what it never had to apply, too.
    let applied = if is_synced { compared } else { deployed };
    let message = broken.or_else(|| {
        let message = text(object, &["status", "operationState", "message"])?;
        Some(message.to_owned())
    });
    Some(Operator {
        object: object.id.clone(),
        state,
        applied,
        since: last.and_then(|last| time(last, "deployedAt")),
        message: message.filter(|_| state == State::Failing),
        inventory: Some(resources(object)),
        prunes: automated
            .and_then(|automated| automated.get("prune")?.as_bool())
            .unwrap_or(false),
        verdicts: Some(verdicts(object)),
    })
}

/// What it says of its objects. Since its third version it keeps their health elsewhere, unless it is told to.
fn verdicts(object: &Object) -> Verdicts {
    let list = object.at(&["status", "resources"]).and_then(Node::as_list);
    let list = list.into_iter().flatten();
    let of_objects = list.filter_map(|resource| {
        let sync = resource.get("status").and_then(Node::as_str);
        Some((reference(resource)?, said(sync, resource.get("health"))))
    });
    let sync = object.at(&["status", "sync"]);
    let status = sync.and_then(|sync| sync.get("status")?.as_str());
    Verdicts {
        compared: sync.map(revisions).unwrap_or_default(),
        time: object
            .at(&["status"])
            .and_then(|status| time(status, "reconciledAt")),
        app: Some(said(status, object.at(&["status", "health"]))),
        objects: of_objects.map(|(id, said)| (id, Some(said))).collect(),
        is_whole: false,
    }
}

fn said(sync: Option<&str>, health: Option<&Node>) -> Said {
    Said {
        in_sync: match sync {
            Some("Synced") => Some(true),
            Some("OutOfSync") => Some(false),
            _ => None,
        },
        health: match health.and_then(|health| health.get("status")?.as_str()) {
            Some("Healthy") => Some(HealthStatus::Healthy),
            Some("Suspended") => Some(HealthStatus::Suspended),
            Some("Progressing") => Some(HealthStatus::Progressing),
            Some("Missing") => Some(HealthStatus::Missing),
            Some("Degraded") => Some(HealthStatus::Degraded),
            _ => None,
        },
        reason: health
            .and_then(|health| health.get("message")?.as_str())
            .map(|message| truncate(&clean_line(message), LONGEST))
            .filter(|message| !message.is_empty()),
    }
}

/// `revision`, or `revisions` of an Application with several sources.
fn revisions(node: &Node) -> Vec<String> {
    let many = node.get("revisions").and_then(Node::as_list);
    let one = node.get("revision").into_iter();
    let all = many.into_iter().flatten().chain(one);
    let texts = all.filter_map(Node::as_str).filter(|text| !text.is_empty());
    texts.map(str::to_owned).collect()
}

/// What it manages, without hooks, which come and go.
pub(super) fn resources(object: &Object) -> Vec<ObjectRef> {
    let list = object.at(&["status", "resources"]).and_then(Node::as_list);
    let is_hook = |resource: &&Node| resource.get("hook").and_then(Node::as_bool) == Some(true);
    let resources = list.into_iter().flatten();
    resources
        .filter(|resource| !is_hook(resource))
        .filter_map(reference)
        .collect()
}

fn reference(resource: &Node) -> Option<ObjectRef> {
    let text = |key: &str| resource.get(key).and_then(Node::as_str).map(str::to_owned);
    Some(ObjectRef {
        group: text("group").unwrap_or_default(),
        kind: text("kind")?,
        namespace: text("namespace"),
        name: text("name")?,
    })
}

const SETTINGS: &str = "argocd-cm";

/// Argo CD's own settings: in its controller's namespace, which is the Application's where that does not say.
pub(super) fn settings(application: &Object) -> ObjectRef {
    let controller = text(application, &["status", "controllerNamespace"]).map(str::to_owned);
    ObjectRef {
        group: String::new(),
        kind: "ConfigMap".to_owned(),
        namespace: controller.or_else(|| application.id.namespace.clone()),
        name: SETTINGS.to_owned(),
    }
}

/// Of Argo CD's settings, what is about comparing and whose objects are: there may be keys of logins beside that.
pub(super) fn without_others(live: LiveObject) -> LiveObject {
    let is_settings =
        live.id.group.is_empty() && live.id.kind == "ConfigMap" && live.id.name == SETTINGS;
    if !is_settings {
        return live;
    }
    let is_kept = |key: &str| {
        let of_kinds = key.strip_prefix("resource.customizations");
        of_kinds.is_some_and(|of| of.is_empty() || of.starts_with(".ignoreDifferences."))
            || KEPT.contains(&key)
    };
    live.reduced(|object| {
        let Node::Map(root) = &mut object.root else {
            return;
        };
        root.remove("binaryData");
        if let Some(Node::Map(data)) = root.get_mut("data") {
            let others: Vec<String> = data.keys().filter(|key| !is_kept(key)).cloned().collect();
            for key in others {
                data.remove(&key);
            }
        }
    })
}

const KEPT: [&str; 5] = [
    "application.instanceLabelKey",
    "application.resourceTrackingMethod",
    "resource.compareoptions",
    "resource.exclusions",
    "resource.inclusions",
];
