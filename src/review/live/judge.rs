//! One object: how what git declares compares with what is live, and how that fares.

use std::collections::BTreeMap;

use super::Listed;
use crate::live::{
    Autoscaler, Comparison, Decided, Health, HealthStatus, LiveObject, Ownership, Rules, SyncState,
    compare, compare_planned,
};
use crate::manifest::{Language, Object, ObjectRef};
use crate::review::cause;
use crate::review::resource::Live;
use crate::task::{Known, Why};

/// More than a person reads.
const MOST_EVENTS: usize = 500;

/// A declared object beside its live one.
pub struct Judged {
    pub state: SyncState,
    pub health: Known<Health>,
    pub comparison: Comparison,
    /// Why it could not be compared.
    pub unknown: Option<Why>,
}

impl Listed {
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
            fields: comparison.drift.into_iter().map(cause::field).collect(),
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
