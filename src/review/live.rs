//! The live side of answers: what was read from an environment's cluster, and how a declared object compares.
//!
//! What was read is kept until the cluster reports a change, so that a screen that asks several questions reads once.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;

use super::connections::{self, AGAIN, Watch};
use super::deployed::LiveDeployment;
use super::desired::DesiredApp;
use super::elsewhere;
use super::resource::Live;
use super::version;
use super::workspace::{Workspace, lock};
use crate::cluster::operator::Operator;
use crate::cluster::{Cluster, Identity, Kind, Listing, Pauses, Wanted};
use crate::layout::{self, Deployer};
use crate::live::{
    Autoscaler, Comparison, Decided, Health, HealthStatus, LiveObject, Ownership, Rules, SyncState,
    compare, compare_planned,
};
use crate::manifest::{Language, ListKeys, Object, ObjectRef};
use crate::render::{How, Tool};
use crate::task::{Cancel, Known, Why};
use crate::text;

/// More than a person reads.
const MOST_EVENTS: usize = 500;

/// What was read of an environment's cluster, or why nothing was.
#[derive(Clone)]
pub struct Listed {
    known: Known<(Cluster, Arc<Listing>)>,
    /// What git declares to scale workloads, for where that may not be read.
    autoscalers: Vec<(ObjectRef, Autoscaler)>,
}

/// A declared object beside its live one.
pub struct Judged {
    pub state: SyncState,
    pub health: Known<Health>,
    pub comparison: Comparison,
    /// Why it could not be compared.
    pub unknown: Option<Why>,
}

/// Reads what the apps of an environment declare, from its cluster.
pub async fn listing<'a>(
    ws: &Workspace,
    environment: &layout::Environment,
    apps: impl Iterator<Item = &'a DesiredApp>,
) -> Listed {
    let apps: Vec<&DesiredApp> = apps.collect();
    let objects = || apps.iter().flat_map(|app| app.objects());
    let Some(wanted) = wanted(objects(), apps.iter().map(|app| &app.app)) else {
        return Listed::from(Known::Unavailable(Why::NotInCluster));
    };
    let listed = kept_or_read(ws, environment, wanted).await;
    listed.with_declared(objects())
}

/// Reads only what the deployers of `apps` say of them; `None` where they keep no account in a cluster, which then is not asked.
pub async fn deployers<'a>(
    ws: &Workspace,
    environment: &layout::Environment,
    apps: impl Iterator<Item = &'a layout::App>,
) -> Option<Listed> {
    let wanted = wanted(std::iter::empty(), apps).filter(|wanted| !wanted.kinds.is_empty())?;
    Some(kept_or_read(ws, environment, wanted).await)
}

async fn kept_or_read(ws: &Workspace, environment: &layout::Environment, wanted: Wanted) -> Listed {
    let kept = lock(&ws.inner.live.listings)
        .get(&environment.name)
        .cloned();
    if let Some((at, known)) = kept
        && known.covers(&wanted)
        && match &known.known {
            Known::Fresh((cluster, _)) => cluster.is_current().await,
            _ => ws.clock().now().duration_since(at) < AGAIN,
        }
    {
        return known;
    }
    read(ws, environment, wanted).await
}

/// As the cluster is now, whatever was read before; with what the deployers of `apps` say of them.
pub async fn fresh_listing<'a>(
    ws: &Workspace,
    environment: &layout::Environment,
    objects: impl Iterator<Item = &'a Object>,
    apps: impl Iterator<Item = &'a layout::App>,
) -> Listed {
    match wanted(objects, apps) {
        Some(wanted) => read(ws, environment, wanted).await,
        None => Listed::from(Known::Unavailable(Why::NotInCluster)),
    }
}

/// What to read in the cluster; `None` where all there is is elsewhere, so that which cluster it is in is no question.
fn wanted<'a>(
    objects: impl Iterator<Item = &'a Object>,
    apps: impl Iterator<Item = &'a layout::App>,
) -> Option<Wanted> {
    let mut wanted = Wanted::default();
    let mut elsewhere = false;
    for object in objects {
        if Language::of(&object.id).is_some() {
            elsewhere = true;
        } else {
            wanted.add(object, object.id.namespace.as_deref());
        }
    }
    let is_anywhere = !elsewhere || !wanted.kinds.is_empty();
    for app in apps {
        let destination = app.destination.cluster.as_deref();
        wanted.add_deployer(app.deployer, app.declared_by.as_ref(), destination);
    }
    is_anywhere.then_some(wanted)
}

async fn read(ws: &Workspace, environment: &layout::Environment, wanted: Wanted) -> Listed {
    let live = &ws.inner.live;
    let (epoch, begun) = (live.epoch(), ws.clock().now());
    let listed = match live.cluster(environment).await {
        Known::Fresh(cluster) => {
            watch(ws, &environment.name, &cluster, &wanted, epoch);
            let mut listing = cluster.list(&wanted, &Cancel::new()).await;
            elsewhere::look(ws, environment, &cluster, &wanted, &mut listing).await;
            Listed::from(Known::Fresh((cluster, Arc::new(listing))))
        }
        Known::Stale(..) | Known::Loading => Listed::from(Known::Loading),
        Known::Unavailable(why) => {
            let pauses = Pauses::new(connections::PAUSE, connections::LONGEST_PAUSE);
            connections::try_again(ws, environment, &why, pauses);
            Listed::from(Known::Unavailable(why))
        }
    };
    let now = ws.clock().now();
    let (mut described, mut listings) = (lock(&live.described), lock(&live.listings));
    if live.epoch() == epoch {
        described.insert(environment.name.clone(), listed.identity());
        // Who looks at less must not make those read again who look at more.
        let kept = listings.get(&environment.name);
        if !kept.is_some_and(|(at, kept)| *at > begun && kept.covers(&wanted)) {
            listings.insert(environment.name.clone(), (now, listed.clone()));
        }
    }
    listed
}

/// Where a screen looks on, a change in the cluster makes what was read stale and is announced.
fn watch(ws: &Workspace, environment: &str, cluster: &Cluster, wanted: &Wanted, epoch: u64) {
    if !ws.is_watched() {
        return;
    }
    let mut watches = lock(&ws.inner.live.watches);
    if ws.inner.live.epoch() != epoch {
        return;
    }
    // What is watched only grows: screens that look at less must not end what others look at.
    let mut wanted = wanted.clone();
    if let Some(watch) = watches.get(environment) {
        let watched = &watch.wanted;
        if wanted.with_owned().is_subset(&watched.with_owned()) && cluster.is_same(&watch.cluster) {
            return;
        }
        wanted.kinds.extend(watched.kinds.iter().cloned());
        wanted.versions.extend(watched.versions.clone());
        wanted.scaled.extend(watched.scaled.iter().cloned());
        watch.cancel.cancel();
    }
    let cancel = Cancel::new();
    let watch = Watch {
        cluster: cluster.clone(),
        wanted: wanted.clone(),
        cancel: cancel.clone(),
    };
    watches.insert(environment.to_owned(), watch);
    let (cluster, weak) = (cluster.clone(), ws.downgrade());
    let environment = environment.to_owned();
    tokio::spawn(async move {
        let changed = || {
            if let Some(ws) = weak.upgrade() {
                lock(&ws.inner.live.listings).remove(&environment);
                ws.announce_change();
            }
        };
        cluster.watch(&wanted, &cancel, changed).await;
    });
}

impl From<Known<(Cluster, Arc<Listing>)>> for Listed {
    fn from(known: Known<(Cluster, Arc<Listing>)>) -> Listed {
        Listed {
            known,
            autoscalers: Vec::new(),
        }
    }
}

impl Listed {
    /// The same, with what of `objects`, which git declares, scales others.
    pub fn with_declared<'a>(self, objects: impl Iterator<Item = &'a Object>) -> Listed {
        let autoscalers = objects
            .filter_map(|object| Some((object.id.clone(), Autoscaler::declared(object)?)))
            .collect();
        Listed {
            autoscalers,
            ..self
        }
    }

    pub fn identity(&self) -> Known<Identity> {
        self.known
            .as_ref()
            .map(|(cluster, _)| cluster.identity().clone())
    }

    /// The cluster, and what was read of it.
    pub fn read(&self) -> Known<&(Cluster, Arc<Listing>)> {
        self.known.as_ref()
    }

    /// Everything wanted was asked for (whatever the answer).
    fn covers(&self, wanted: &Wanted) -> bool {
        match &self.known {
            Known::Fresh((listed_of, listing)) => {
                let is_listed = |kind: &Kind| {
                    let kinds = &listing.kinds;
                    kinds
                        .binary_search_by(|(listed, _)| listed.cmp(kind))
                        .is_ok()
                };
                let is_found = |id: &ObjectRef| {
                    let mut elsewhere = listing.elsewhere.iter();
                    elsewhere.any(|(known, _)| known == id)
                        || matches!(listing.get(id).value(), Some(Some(_)))
                };
                let is_snapshot = listed_of.identity().context.is_none();
                wanted.with_owned().iter().all(is_listed)
                    && (is_snapshot || wanted.elsewhere.keys().all(is_found))
            }
            Known::Unavailable(_) => true,
            Known::Loading | Known::Stale(..) => false,
        }
    }

    /// The live object: not known, known to be absent (`Fresh(None)`), or there.
    pub fn get(&self, id: &ObjectRef) -> Known<Option<&LiveObject>> {
        if Language::of(id).is_some() {
            return Known::Unavailable(Why::NotInCluster);
        }
        match &self.known {
            Known::Fresh((_, listing)) | Known::Stale((_, listing), _) => listing.get(id),
            Known::Loading => Known::Loading,
            Known::Unavailable(why) => Known::Unavailable(why.clone()),
        }
    }

    /// Who owns whom in the cluster, as far as it was read: build it once for all objects that are judged.
    pub fn ownership(&self) -> Ownership<'_> {
        Ownership::new(self.objects())
    }

    /// How the lists of what was read are to be compared.
    pub fn lists(&self) -> Arc<ListKeys> {
        let read = self.known.value();
        read.map(|(_, listing)| Arc::clone(&listing.lists))
            .unwrap_or_default()
    }

    pub fn objects(&self) -> Vec<&LiveObject> {
        match &self.known {
            Known::Fresh((_, listing)) | Known::Stale((_, listing), _) => {
                listing.objects().collect()
            }
            Known::Loading | Known::Unavailable(_) => Vec::new(),
        }
    }

    /// `planned`: what would become of the object, where the API server was asked.
    fn compare(
        &self,
        desired: &Object,
        live: &LiveObject,
        rules: &Rules,
        planned: Option<&LiveObject>,
    ) -> Comparison {
        let mut comparison = match planned {
            Some(planned) => rules.compare(&planned.object(), live, |planned, live| {
                compare_planned(planned, live, &self.lists())
            }),
            None => rules.compare(desired, live, |desired, live| {
                compare(desired, live, &self.lists())
            }),
        };
        if comparison.is_scaled()
            && let Some(autoscaler) = self
                .autoscaler(&live.id)
                .or_else(|| self.declared_autoscaler(&[&desired.id, &live.id]))
        {
            comparison.scaled_by(&autoscaler);
        }
        comparison
    }

    /// What scales an object, as far as that was read; of KEDA's and the one it has made, KEDA's.
    fn autoscaler(&self, id: &ObjectRef) -> Option<Autoscaler> {
        let (_, listing) = self.known.value()?;
        Autoscaler::KINDS.iter().find_map(|(group, kind)| {
            let kinds = listing.kinds.iter();
            let kinds = kinds.filter(|((g, k, _), _)| g == group && k == kind);
            let mut found = kinds.filter_map(|(_, found)| found.value()).flatten();
            found.find_map(|live| {
                let is_near = live.id.namespace == id.namespace;
                Autoscaler::of(&live.object()).filter(|it| is_near && it.scales(id))
            })
        })
    }

    /// What git declares to scale an object, by whichever of its names, where that may not be read in the cluster.
    fn declared_autoscaler(&self, names: &[&ObjectRef]) -> Option<Autoscaler> {
        let mut declared = self.autoscalers.iter().filter(|(id, autoscaler)| {
            let mut names = names.iter();
            names.any(|name| id.namespace == name.namespace && autoscaler.scales(name))
        });
        let found = declared.find(|(id, _)| matches!(self.get(id).why(), Some(Why::Forbidden(_))));
        found.map(|(_, autoscaler)| autoscaler.clone())
    }

    /// Whether something may scale an object that may not be read in the cluster, and that is not known from git either.
    pub fn hides_autoscalers(&self, desired: &Object) -> bool {
        let Some((_, listing)) = self.known.value() else {
            return false;
        };
        let namespace = &desired.id.namespace;
        let mut kinds = listing.kinds.iter();
        desired.at(&["spec", "replicas"]).is_some()
            && self.declared_autoscaler(&[&desired.id]).is_none()
            && kinds.any(|((group, kind, place), found)| {
                let is_one = Autoscaler::KINDS.contains(&(group, kind));
                is_one && place == namespace && matches!(found.why(), Some(Why::Forbidden(_)))
            })
    }

    /// The cluster that was read, to ask it more.
    pub fn cluster(&self) -> Result<&Cluster, Why> {
        match &self.known {
            Known::Fresh((cluster, _)) | Known::Stale((cluster, _), _) => Ok(cluster),
            Known::Loading => Err(Why::NoCluster),
            Known::Unavailable(why) => Err(why.clone()),
        }
    }

    /// How a declared object compares. `planned`: what would become of it, where the API server was asked.
    pub fn judge<'a>(
        &'a self,
        desired: &Object,
        ownership: &Ownership<'a>,
        rules: &Rules,
        planned: Option<&LiveObject>,
    ) -> Judged {
        let unknown = |why| Judged {
            state: SyncState::Unknown,
            health: Known::Unavailable(why),
            comparison: Comparison::default(),
            unknown: None,
        };
        let found = match self.get(&desired.id) {
            Known::Loading => return unknown(Why::NoCluster),
            Known::Unavailable(why) => {
                return Judged {
                    unknown: Some(why.clone()),
                    ..unknown(why)
                };
            }
            found => found,
        };
        if let Some(from) = rules.unknown_name(&desired.id) {
            let why = unknown_name(from);
            return Judged {
                unknown: Some(why.clone()),
                ..unknown(why)
            };
        }
        let (absent, of_absent) = absent(Some(desired), rules);
        let comparison = match found.value() {
            Some(Some(live)) => self.compare(desired, live, rules, planned),
            _ => Comparison::default(),
        };
        Judged {
            state: match found.value() {
                Some(Some(_)) => comparison.state(),
                _ => absent,
            },
            health: found.map(|found| match found {
                Some(live) => ownership.health(live),
                None => of_absent.clone(),
            }),
            comparison,
            unknown: None,
        }
    }

    /// What the deployer of an app says of it.
    pub fn operator(&self, app: &layout::App) -> Known<Option<Operator>> {
        match &self.known {
            Known::Fresh((_, listing)) | Known::Stale((_, listing), _) => {
                listing.operator(app.deployer, app.declared_by.as_ref())
            }
            Known::Loading => Known::Loading,
            Known::Unavailable(why) => Known::Unavailable(why.clone()),
        }
    }

    /// What declares an app to its deployer, as that has it in the cluster.
    fn owner(&self, app: &layout::App) -> Option<Object> {
        let (_, listing) = self.known.value()?;
        let owner = listing.order(app.declared_by.as_ref()?);
        Some(owner.value().copied().flatten()?.object())
    }

    /// What an app's owner says is no difference, as the deployer has it in the cluster, with what the deployer is told to do with
    /// all apps.
    pub fn rules(&self, app: &layout::App) -> Rules {
        let own = self.owner(app);
        let rules = own.as_ref().map(Rules::of).unwrap_or_default();
        let mut rules = rules.by(app.deployer);
        if let Tool::Kustomize(additions) = &app.recipe.tool
            && let Some(substitution) = &additions.substitute
            && !substitution.unread.is_empty()
        {
            rules = rules.without_values(&substitution.unread);
        }
        let (Deployer::ArgoCd, Some(owner), Some((_, listing))) =
            (app.deployer, own, self.known.value())
        else {
            return rules;
        };
        let settings = listing.settings_of(&owner);
        match settings.value() {
            Some(Some(settings)) => {
                rules.with_settings(&settings.object(), app.destination.cluster.as_deref())
            }
            Some(None) => rules.without_settings("ConfigMap/argocd-cm is not there"),
            None => match settings.why() {
                Some(why) => rules.without_settings(&why.to_string()),
                None => rules,
            },
        }
    }

    /// How far the cluster's clock is ahead of ours, where it is another one.
    pub fn skew(&self) -> Option<SignedDuration> {
        self.known.value().and_then(|(_, listing)| listing.skew)
    }

    /// What is to be known of an app's deployer and of its rules, in words.
    pub fn notes(&self, app: &layout::App, rules: &Rules) -> Vec<String> {
        let (environment, name) = (&app.environment, &app.name);
        let operator = self.operator(app);
        let unknown = operator.why().filter(|_| app.destination.cluster.is_some());
        let unknown = unknown.filter(|_| self.known.value().is_some());
        let unknown = unknown.map(|why| format!("{environment} › {name}: {why}"));
        let own = rules.unread.iter().map(|rule| {
            format!("{environment} › {name}: what this says to ignore is not understood: {rule}")
        });
        let settings = rules.unread_settings.iter().map(|rule| {
            format!("{environment}: of Argo CD's own rules, this is not understood: {rule}")
        });
        let unread = rules
            .unknown_settings
            .iter()
            .map(|why| format!("{environment}: Argo CD's own rules could not be read: {why}"));
        let skew = self.skew().map(|skew| {
            let amount = text::amount(skew.as_secs().saturating_abs());
            let side = if skew.is_negative() { "behind" } else { "ahead of" };
            format!("{environment}: the cluster's clock is {amount} {side} this one, and so are the times it tells")
        });
        let notes = own.chain(settings).chain(unread).chain(skew);
        unknown.into_iter().chain(notes).collect()
    }

    pub fn deployment<'a>(
        &'a self,
        app: &DesiredApp,
        ownership: &Ownership<'a>,
    ) -> Known<LiveDeployment> {
        if let Known::Unavailable(why) = &self.known {
            return Known::Unavailable(why.clone());
        }
        // What is written is not what gets applied: what of it is there fares as it does, and nothing is known of the rest.
        let is_rendered = !matches!(app.rendering.how, How::Sources { .. });
        let rules = self.rules(&app.app);
        let mut worst = Health {
            status: HealthStatus::Healthy,
            reason: String::new(),
            decided: Decided::Assumed,
        };
        let mut state = SyncState::Synced;
        let mut drifted = 0;
        let mut hidden = !is_rendered;
        let mut live = Vec::new();
        let mut unknown = (!is_rendered).then_some(Why::NotRendered);
        let mut stale = None;
        for rendered in &app.rendering.objects {
            let found = self.get(&rendered.object.id);
            if !is_rendered && !matches!(found.value(), Some(Some(_))) {
                continue;
            }
            let judged = self.judge(&rendered.object, ownership, &rules, None);
            if judged.unknown.is_some() {
                unknown = judged.unknown;
                continue;
            }
            // As old as the oldest part.
            stale = stale.into_iter().chain(judged.health.as_of()).min();
            // Of equal ones, that which was not assumed.
            let rank = |health: &Health| (health.status, health.decided != Decided::Assumed);
            if let Some(health) = judged.health.value()
                && rank(health) > rank(&worst)
            {
                worst = health.clone();
            }
            match judged.state {
                SyncState::Synced => {}
                SyncState::Unknown => hidden = true,
                _ if !is_rendered => {}
                found => {
                    drifted += 1;
                    state = state.max(found);
                }
            }
            if let Some(Some(object)) = found.value() {
                live.push(object.object());
            }
        }
        if live.is_empty()
            && let Some(why) = unknown
        {
            return Known::Unavailable(why);
        }
        let version = version::running(&app.app, live.iter());
        let deployment = LiveDeployment {
            version: version.version,
            images: version.images,
            health: worst,
            sync: match state {
                SyncState::Synced if hidden => SyncState::Unknown,
                state => state,
            },
            drifted,
            applied: Known::Loading,
            by_deployer: None,
        };
        Known::fresh_or_stale(deployment, stale)
    }

    /// The live side of one resource.
    pub async fn resource(
        &self,
        desired: Option<&Object>,
        id: &ObjectRef,
        rules: &Rules,
    ) -> Known<Live> {
        if Language::of(id).is_some() {
            return Known::Unavailable(Why::NotInCluster);
        }
        if let Some(from) = rules.unknown_name(id) {
            return Known::Unavailable(unknown_name(from));
        }
        let Known::Fresh((cluster, _)) = &self.known else {
            return self.identity().map(|_| nothing_live(desired, rules));
        };
        let found = self.get(id);
        let Some(Some(live)) = found.value() else {
            return found.map(|_| nothing_live(desired, rules));
        };
        let comparison = desired
            .map(|desired| self.compare(desired, live, rules, None))
            .unwrap_or_default();
        let ownership = self.ownership();
        let owned = ownership.below(live);
        let mut about: Vec<ObjectRef> = vec![id.clone()];
        about.extend(owned.iter().map(|object| object.id.clone()));
        let events = cluster.events(&about).await.map(|mut events| {
            events.truncate(MOST_EVENTS);
            events
        });
        let stale = found.as_of();
        let object = live.object();
        let live = Live {
            sync: if desired.is_some() {
                comparison.state()
            } else {
                SyncState::Extra
            },
            health: ownership.health(live),
            created: live.created,
            applied: None,
            cause: None,
            fields: comparison
                .drift
                .into_iter()
                .map(super::cause::field)
                .collect(),
            suppressed: comparison.suppressed,
            suppressed_fields: comparison.suppressed_fields,
            by_deployer: None,
            owned: Some(ownership.tree(live)),
            events,
            text: Some(object.to_yaml()),
            object: Some(object),
        };
        Known::fresh_or_stale(live, stale)
    }
}

fn unknown_name(from: &str) -> Why {
    Why::Failed(format!("its name is not known here: {from}"))
}

/// The health of what git declares and the cluster does not have.
pub fn missing() -> Health {
    Health {
        status: HealthStatus::Missing,
        reason: "not in the cluster".to_owned(),
        decided: Decided::Rule,
    }
}

/// What is to be said of what git declares, where it is not there: hooks come and go.
fn absent(desired: Option<&Object>, rules: &Rules) -> (SyncState, Health) {
    if !desired.is_some_and(|desired| rules.may_be_absent(desired)) {
        return (SyncState::Missing, missing());
    }
    let health = Health {
        status: HealthStatus::Healthy,
        reason: "a hook, which is there while it runs".to_owned(),
        decided: Decided::Assumed,
    };
    (SyncState::Synced, health)
}

fn nothing_live(desired: Option<&Object>, rules: &Rules) -> Live {
    let (sync, health) = absent(desired, rules);
    Live {
        sync,
        health,
        created: None,
        applied: None,
        cause: None,
        fields: Vec::new(),
        suppressed: BTreeMap::new(),
        suppressed_fields: Vec::new(),
        by_deployer: None,
        owned: None,
        events: Known::Fresh(Vec::new()),
        text: None,
        object: None,
    }
}
