//! What is in the cluster by a deployer's hand, and git does not declare: about to be pruned, or left behind.
//!
//! Deployers that keep a list of what they applied are taken by their word; of others, and of what fell off such a list, the marks
//! they leave on objects tell. An app whose objects are not all known tells nothing: all of them would look left behind.

use std::collections::HashMap;

use super::desired::DesiredApp;
use super::live::Listed;
use crate::cluster::operator::Operator;
use crate::layout::{App, Deployer};
use crate::live::{self, Health, LiveObject, Ownership};
use crate::manifest::{Object, ObjectRef};
use crate::render::How;

/// A live object that git does not declare.
pub(super) struct Extra {
    pub object: ObjectRef,
    /// Why it stays; `None`: it is pruned.
    pub kept: Option<String>,
    pub health: Health,
}

/// The names that are declared in an environment: group, kind and name; with namespaces, as far as git says them.
pub(super) struct Declared<'a>(HashMap<(&'a str, &'a str, &'a str), Vec<Option<&'a str>>>);

impl<'a> Declared<'a> {
    pub fn by(apps: &[&'a DesiredApp]) -> Declared<'a> {
        let mut names: HashMap<_, Vec<_>> = HashMap::new();
        let objects = apps.iter().flat_map(|app| &app.rendering.objects);
        for id in objects.map(|rendered| &rendered.object.id) {
            let name = (id.group.as_str(), id.kind.as_str(), id.name.as_str());
            let namespaces = names.entry(name).or_default();
            namespaces.push(id.namespace.as_deref());
        }
        Declared(names)
    }

    fn has(&self, id: &ObjectRef) -> bool {
        let name = (id.group.as_str(), id.kind.as_str(), id.name.as_str());
        let namespace = id.namespace.as_deref();
        self.0.get(&name).is_some_and(|namespaces| {
            namespaces
                .iter()
                .any(|known| *known == namespace || known.is_none() || namespace.is_none())
        })
    }
}

/// What is live and nobody declares. What another object owns, and hooks, come and go by themselves.
pub(super) fn left<'a>(
    listing: &'a Listed,
    declared: &Declared<'_>,
) -> Vec<(&'a LiveObject, Object)> {
    let all = listing.objects().into_iter();
    let left = all.filter(|live| live.owners.is_empty() && !declared.has(&live.id));
    left.map(|live| (live, live.object()))
        .filter(|(_, object)| object.annotation("helm.sh/hook").is_none())
        .collect()
}

/// What is live of an app, by its deployer's account (`operator`) or marks, and not `declared` by any app of its environment;
/// `left`: what is live and not declared.
pub(super) fn extras(
    listing: &Listed,
    ownership: &Ownership<'_>,
    app: &DesiredApp,
    operator: Option<&Operator>,
    declared: &Declared<'_>,
    left: &[(&LiveObject, Object)],
) -> Vec<Extra> {
    let DesiredApp { app, rendering } = app;
    let rules = listing.rules(app);
    let mut objects = rendering.objects.iter();
    if objects.any(|rendered| rules.unknown_name(&rendered.object.id).is_some()) {
        return Vec::new();
    }
    if matches!(rendering.how, How::Sources { .. }) || !rendering.broken.is_empty() {
        return Vec::new();
    }
    let inventory = operator.and_then(|operator| operator.inventory.as_ref());
    let mut found = Vec::new();
    let mut add = |live: &LiveObject, object: &Object, kept: Option<&str>| {
        let kept = kept.map(str::to_owned);
        found.push(Extra {
            object: live.id.clone(),
            kept: kept.or_else(|| live::kept(object, app.deployer)),
            health: ownership.health(live),
        });
    };
    let prunes = operator.is_some_and(|operator| operator.prunes);
    let listed = inventory.into_iter().flatten();
    for id in listed.filter(|id| !declared.has(id)) {
        if let Some(Some(live)) = listing.get(id).value() {
            add(live, &live.object(), (!prunes).then_some("pruning is off"));
        }
    }
    for (live, object) in left {
        let is_listed = inventory.is_some_and(|inventory| inventory.contains(&live.id));
        if !is_listed && is_marked(object, app) {
            let forgotten = inventory.map(|_| "its deployer has it on its list no more");
            add(live, object, forgotten);
        }
    }
    found
}

/// What Jenkins X' pipeline applied, with the app (its release) as far as it says. `is_whole`: `declared` is everything that git
/// declares, so that objects of the cluster can be judged as well.
pub(super) fn of_pipeline(
    listing: &Listed,
    ownership: &Ownership<'_>,
    declared: &Declared<'_>,
    is_whole: bool,
) -> Vec<(String, Extra)> {
    let left = left(listing, declared).into_iter();
    let left = left.filter(|(live, object)| {
        (is_whole || live.id.namespace.is_some())
            && object.label("gitops.jenkins-x.io/pipeline").is_some()
    });
    let named = left.map(|(live, object)| {
        let release = object.annotation("meta.helm.sh/release-name");
        let extra = Extra {
            object: live.id.clone(),
            kept: live::kept(&object, Deployer::JenkinsX),
            health: ownership.health(live),
        };
        (release.unwrap_or_default().to_owned(), extra)
    });
    named.collect()
}

/// Whether a live object carries the marks of an app's deployer for this very app. Sources: Flux' `pkg/ssa` owner labels and
/// helm-controller's origin labels; Argo CD `util/argo/resource_tracking.go`.
fn is_marked(object: &Object, app: &App) -> bool {
    let Some(own) = &app.declared_by else {
        return false;
    };
    let is_by = |group: &str| {
        let label = |key: &str| object.label(&format!("{group}/{key}"));
        label("name") == Some(&own.name) && label("namespace") == own.namespace.as_deref()
    };
    match app.deployer {
        Deployer::Flux => is_by(&own.group),
        // `<app>:<group>/<kind>:<namespace>/<name>`: a copy of another object names that.
        Deployer::ArgoCd => object
            .annotation("argocd.argoproj.io/tracking-id")
            .and_then(|id| id.split_once(':'))
            .is_some_and(|(name, of)| {
                let ObjectRef {
                    group,
                    kind,
                    namespace,
                    name: object,
                } = &object.id;
                let namespace = namespace.as_deref().unwrap_or_default();
                let name = name.rsplit('_').next().unwrap_or_default();
                name == own.name && of == format!("{group}/{kind}:{namespace}/{object}")
            }),
        _ => false,
    }
}
