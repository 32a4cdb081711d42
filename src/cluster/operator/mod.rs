//! What deployers themselves say of an app: at which commit it is, since when, and why no further. One file per deployer.
//!
//! Their objects are read as any other live object; nothing is asked of the deployers. What they call a commit stays as they
//! write it, for only the repository can tell which commit that is.

mod argo;
mod flux;
mod jenkins_x;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use super::{Kind, Listing};
use crate::layout::Deployer;
use crate::live::{HealthStatus, LiveObject};
use crate::manifest::{Node, Object, ObjectRef};
use crate::task::{Known, Why};

/// What a deployer says of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// The object that says so: a Kustomization, the repository it is made from, an Application, a boot job.
    pub object: ObjectRef,
    pub state: State,
    /// The commits that are applied, one per source, or what the deployer calls what it applied; none where nothing ever was.
    pub applied: Vec<String>,
    /// Since when they are.
    pub since: Option<Timestamp>,
    /// Why it goes no further, in the deployer's words.
    pub message: Option<String>,
    /// What it applied, where it keeps a list.
    pub inventory: Option<Vec<ObjectRef>>,
    /// Whether it deletes what git no longer has.
    pub prunes: bool,
    /// What it says of its objects, where it says so.
    pub verdicts: Option<Verdicts>,
}

/// What a deployer says of what it deploys, one by one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// The commits that it compared with, one per source.
    pub compared: Vec<String>,
    /// When.
    pub time: Option<Timestamp>,
    /// Of all together.
    pub app: Option<Said>,
    objects: BTreeMap<ObjectRef, Option<Said>>,
    /// There is no object of its but these.
    is_whole: bool,
}

/// What a deployer says of an object, or of all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Said {
    /// Whether it is as git says; `None` where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_sync: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthStatus>,
    /// Why that is its health, in the deployer's words, on one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Verdicts {
    /// What is said of an object, whose namespace git may leave open.
    pub fn of(&self, id: &ObjectRef) -> Option<&Said> {
        self.entry(id)?.as_ref()
    }

    /// Whether the object is none of the deployer's.
    pub fn leaves_out(&self, id: &ObjectRef) -> bool {
        self.is_whole && self.entry(id).is_none()
    }

    fn entry(&self, id: &ObjectRef) -> Option<&Option<Said>> {
        let is_same = |other: &ObjectRef| {
            (&other.group, &other.kind, &other.name) == (&id.group, &id.kind, &id.name)
        };
        self.objects.get(id).or_else(|| {
            let mut all = self.objects.iter();
            let found = all.find(|(other, _)| {
                (id.namespace.is_none() || other.namespace.is_none()) && is_same(other)
            });
            found.map(|(_, said)| said)
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It is done with what it has seen.
    Applied,
    /// It is at work.
    Applying,
    Failing,
    /// Somebody told it to stop.
    Suspended,
    /// It waits for somebody to start it.
    Manual,
}

/// The kinds in which a deployer says how far it is with what `declared_by` declares, with where.
pub(super) fn kinds(deployer: Deployer, declared_by: Option<&ObjectRef>) -> Vec<Kind> {
    let Some(object) = declared_by else {
        return match deployer {
            Deployer::JenkinsX => vec![jenkins_x::jobs()],
            _ => Vec::new(),
        };
    };
    let own = (
        object.group.clone(),
        object.kind.clone(),
        object.namespace.clone(),
    );
    match deployer {
        Deployer::Flux | Deployer::ArgoCd => vec![own],
        _ => Vec::new(),
    }
}

/// Objects of kinds that git mentions no more are read one by one, and no more than this.
const MOST: usize = 64;

/// Objects that what was read refers to: what has to be read to know where a deployer is, and what is on its list.
pub(super) fn referred(listing: &Listing) -> BTreeSet<ObjectRef> {
    let read = listing.referred.iter();
    let read = read.filter_map(|(_, known)| known.value()?.as_ref());
    let elsewhere = listing.elsewhere.iter();
    let elsewhere = elsewhere.filter_map(|(_, known)| Some(&known.value()?.live));
    let read = listing.objects().chain(read).chain(elsewhere);
    let (mut wanted, mut listed) = (BTreeSet::new(), BTreeSet::new());
    for live in read.filter(|live| is_order(&live.id)) {
        let object = live.object();
        wanted.extend(flux::refers_to(&object));
        listed.extend(match live.id.kind.as_str() {
            "Kustomization" => flux::inventory(&object),
            "Application" => {
                // Of one elsewhere, they came with it.
                let is_here = matches!(listing.get(&live.id).value(), Some(Some(_)));
                wanted.extend(is_here.then(|| argo::settings(&object)));
                argo::resources(&object)
            }
            _ => Vec::new(),
        });
    }
    let is_new = |id: &ObjectRef| !listing.has_looked_for(id);
    wanted.retain(is_new);
    let room = MOST.saturating_sub(listing.referred.len());
    wanted.extend(listed.into_iter().filter(is_new).take(room));
    wanted
}

/// Where the settings are of the deployer that an object is an order to.
pub(super) fn settings_of(order: &Object) -> ObjectRef {
    argo::settings(order)
}

/// Whether an order is to deploy to the cluster that is called so.
pub(super) fn goes_to(order: &LiveObject, destination: &str) -> bool {
    let order = order.object();
    let text = |key: &str| text(&order, &["spec", "destination", key]);
    text("name").or(text("server")) == Some(destination)
}

/// Of an object that was read because another refers to it, what is of use.
pub(super) fn of_use(live: LiveObject) -> LiveObject {
    argo::without_others(live)
}

/// Whether an object tells a deployer what to deploy.
fn is_order(id: &ObjectRef) -> bool {
    matches!(
        (id.group.as_str(), id.kind.as_str()),
        ("kustomize.toolkit.fluxcd.io", "Kustomization")
            | ("helm.toolkit.fluxcd.io", "HelmRelease")
            | ("argoproj.io", "Application")
    )
}

impl Listing {
    /// Whether it is known if there is such an object, or why not.
    fn has_looked_for(&self, id: &ObjectRef) -> bool {
        self.lists_kind(id) || self.referred.iter().any(|(read, _)| read == id)
    }

    /// An object that another refers to, where it is there.
    fn referred_to(&self, id: &ObjectRef) -> Option<Object> {
        Some(self.get(id).value().copied().flatten()?.object())
    }

    /// What a deployer says of the app that `declared_by` declares to it; `None` where it keeps no account in the cluster. Needs
    /// what [`super::Wanted::add_deployer`] asked for.
    pub fn operator(
        &self,
        deployer: Deployer,
        declared_by: Option<&ObjectRef>,
    ) -> Known<Option<Operator>> {
        match (deployer, declared_by) {
            (Deployer::Flux, Some(object)) => {
                self.said_by(object, |live| flux::operator(live, self))
            }
            (Deployer::ArgoCd, Some(object)) => self.said_by(object, argo::operator),
            (Deployer::JenkinsX, None) => jenkins_x::operator(self),
            _ => Known::Fresh(None),
        }
    }

    /// The settings of the Argo CD that an Application is of.
    pub fn settings_of(&self, application: &Object) -> Known<Option<&LiveObject>> {
        let mut elsewhere = self.elsewhere.iter();
        match elsewhere.find(|(id, _)| *id == application.id) {
            Some((_, found)) => match found.value() {
                Some(order) => order.settings.as_ref().map(Option::as_ref),
                None => Known::Fresh(None),
            },
            None => self.get(&argo::settings(application)),
        }
    }

    fn said_by(
        &self,
        object: &ObjectRef,
        operator: impl Fn(&LiveObject) -> Option<Operator>,
    ) -> Known<Option<Operator>> {
        match self.order(object) {
            Known::Fresh(None) | Known::Stale(None, _) => {
                Known::Unavailable(Why::Failed(format!("{object} is not in this cluster")))
            }
            found => found.map(|live| live.and_then(&operator)),
        }
    }
}

/// A condition of an object's status.
struct Condition<'a> {
    status: &'a str,
    message: &'a str,
    /// Since when it is as it is.
    since: Option<Timestamp>,
}

fn condition<'a>(object: &'a Object, kind: &str) -> Option<Condition<'a>> {
    let conditions = object.at(&["status", "conditions"])?.as_list()?;
    let text = |node: &'a Node, key: &str| node.get(key).and_then(Node::as_str);
    let found = conditions
        .iter()
        .find(|node| text(node, "type") == Some(kind))?;
    Some(Condition {
        status: text(found, "status").unwrap_or_default(),
        message: text(found, "message").unwrap_or_default(),
        since: text(found, "lastTransitionTime").and_then(|at| at.parse().ok()),
    })
}

/// What the conditions of the wanted kinds say, which are there only while something is wrong.
fn condition_messages(object: &Object, is_wanted: impl Fn(&str) -> bool) -> Option<String> {
    let conditions = object.at(&["status", "conditions"])?.as_list()?;
    let text = |node: &Node, key: &str| node.get(key)?.as_str().map(str::to_owned);
    let wanted = conditions
        .iter()
        .filter(|node| text(node, "type").is_some_and(|kind| is_wanted(&kind)));
    let messages: Vec<String> = wanted.filter_map(|node| text(node, "message")).collect();
    (!messages.is_empty()).then(|| messages.join("; "))
}

fn text<'a>(object: &'a Object, keys: &[&str]) -> Option<&'a str> {
    let text = object.at(keys)?.as_str()?;
    (!text.is_empty()).then_some(text)
}

fn time(node: &Node, key: &str) -> Option<Timestamp> {
    node.get(key)?.as_str()?.parse().ok()
}

fn is_set(object: &Object, keys: &[&str]) -> bool {
    object.at(keys).and_then(Node::as_bool) == Some(true)
}

/// Whether its controller has yet to look at its newest version.
fn is_unobserved(object: &Object) -> bool {
    let number = |keys: &[&str]| object.at(keys).and_then(Node::as_i64);
    number(&["status", "observedGeneration"]) < number(&["metadata", "generation"])
}

#[cfg(test)]
mod tests;
