//! What a deployer says of a resource itself, beside what is found here. It may compare by other rules, or not at all; who sees
//! one of the two only, and saw the other elsewhere, does not know which to believe.

use jiff::Timestamp;
use serde::Serialize;

use super::applied::{Applied, name_of};
use crate::cluster::operator::{Said, Verdicts};
use crate::layout::Deployer;
use crate::live::{HealthStatus, Suppressed, SyncState};
use crate::manifest::ObjectRef;
use crate::text;

/// What a deployer says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ByDeployer {
    pub deployer: Deployer,
    #[serde(flatten)]
    pub said: Said,
    /// When it compared last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// In words, where it is not what is found here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disagrees: Option<String>,
}

impl ByDeployer {
    /// What is to be said of it beside what is found here, and beside `ours`, the reason of that; `None` where it is the same.
    pub fn beside(&self, ours: &str) -> Option<String> {
        let reason = self.said.reason.as_deref();
        let reason = reason.filter(|reason| *reason != ours);
        let reason = reason.map(|reason| format!("{}: {reason}", name_of(self.deployer)));
        let said = self.disagrees.iter().cloned().chain(reason);
        let said: Vec<String> = said.collect();
        (!said.is_empty()).then(|| said.join("; "))
    }
}

/// What is found here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub state: SyncState,
    pub health: Option<HealthStatus>,
    /// How many fields differ, or objects of an app.
    pub differ: usize,
    /// How many more do, but for rules.
    pub ignored: usize,
}

/// Differences that somebody's rule leaves out.
pub(super) fn ignored(fields: &[Suppressed]) -> usize {
    fields.iter().filter(|field| field.rule.is_some()).count()
}

/// What the deployer says of one of an app's objects, where it compared with what git says now.
pub(super) fn of_object(applied: &Applied, id: &ObjectRef, found: Found) -> Option<ByDeployer> {
    let verdicts = applied.verdicts.as_ref()?;
    let said = verdicts.of(id);
    let is_there = matches!(found.state, SyncState::Synced | SyncState::Drifted);
    let deployer = applied.deployer;
    if said.is_none() && is_there && verdicts.leaves_out(id) {
        return Some(ByDeployer {
            deployer,
            said: Said::default(),
            time: verdicts.time,
            disagrees: Some(format!(
                "{} does not have it on the list of what it applied",
                name_of(deployer)
            )),
        });
    }
    Some(compared(deployer, verdicts, said?.clone(), found, "field"))
}

/// The same of an app as a whole.
pub(super) fn of_app(applied: &Applied, found: Found) -> Option<ByDeployer> {
    let verdicts = applied.verdicts.as_ref()?;
    let said = verdicts
        .app
        .clone()
        .filter(|said| *said != Said::default())?;
    Some(compared(
        applied.deployer,
        verdicts,
        said,
        found,
        "resource",
    ))
}

fn compared(
    deployer: Deployer,
    verdicts: &Verdicts,
    said: Said,
    found: Found,
    what: &str,
) -> ByDeployer {
    let name = name_of(deployer);
    let differ = text::count(found.differ, what);
    let ignored = text::count(found.ignored, "difference");
    let sync = match (said.in_sync, found.state) {
        (Some(false), SyncState::Synced) => Some(match (found.differ, found.ignored) {
            (0, 0) => format!("{name} says OutOfSync; gitopsy finds no drift"),
            (0, _) => {
                format!("{name} says OutOfSync; gitopsy finds no drift: rules leave {ignored} out")
            }
            _ => format!("{name} says OutOfSync; gitopsy takes what differs for an autoscaler's"),
        }),
        (Some(true), SyncState::Drifted) => Some(format!(
            "{name} says Synced; gitopsy finds {differ} to differ"
        )),
        (Some(true), SyncState::Missing) => {
            Some(format!("{name} says Synced; gitopsy does not find it"))
        }
        _ => None,
    };
    let health = match (said.health, found.health) {
        (Some(theirs), Some(ours)) if theirs != ours => {
            Some(format!("{name} says {theirs:?}, gitopsy {ours:?}"))
        }
        _ => None,
    };
    let both: Vec<String> = sync.into_iter().chain(health).collect();
    ByDeployer {
        deployer,
        said,
        time: verdicts.time,
        disagrees: (!both.is_empty()).then(|| both.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disagrees(in_sync: bool, health: HealthStatus, found: Found) -> Option<String> {
        let said = Said {
            in_sync: Some(in_sync),
            health: Some(health),
            reason: None,
        };
        let verdicts = Verdicts::default();
        compared(Deployer::ArgoCd, &verdicts, said, found, "field").disagrees
    }

    #[test]
    fn what_a_deployer_says_otherwise_is_told() {
        use HealthStatus::{Degraded, Healthy, Progressing};
        use SyncState::{Drifted, Extra, Missing, Synced, Unknown};
        let rows = [
            (true, Healthy, Synced, 0, 0, None),
            (false, Healthy, Drifted, 2, 0, None),
            (false, Healthy, Missing, 0, 0, None),
            (false, Healthy, Extra, 0, 0, None),
            // What is not known here is no other answer.
            (true, Healthy, Unknown, 0, 0, None),
            (
                false,
                Healthy,
                Synced,
                0,
                0,
                Some("Argo CD says OutOfSync; gitopsy finds no drift"),
            ),
            (
                false,
                Healthy,
                Synced,
                0,
                2,
                Some(
                    "Argo CD says OutOfSync; gitopsy finds no drift: rules leave 2 differences out",
                ),
            ),
            (
                false,
                Healthy,
                Synced,
                1,
                0,
                Some("Argo CD says OutOfSync; gitopsy takes what differs for an autoscaler's"),
            ),
            (
                true,
                Healthy,
                Drifted,
                1,
                0,
                Some("Argo CD says Synced; gitopsy finds 1 field to differ"),
            ),
            (
                true,
                Healthy,
                Missing,
                0,
                0,
                Some("Argo CD says Synced; gitopsy does not find it"),
            ),
            (
                true,
                Degraded,
                Synced,
                0,
                0,
                Some("Argo CD says Degraded, gitopsy Healthy"),
            ),
            (
                true,
                Progressing,
                Drifted,
                2,
                0,
                Some(
                    "Argo CD says Synced; gitopsy finds 2 fields to differ; Argo CD says Progressing, gitopsy Healthy",
                ),
            ),
        ];
        for (in_sync, health, state, differ, ignored, expected) in rows {
            let found = Found {
                state,
                health: Some(Healthy),
                differ,
                ignored,
            };
            assert_eq!(disagrees(in_sync, health, found).as_deref(), expected);
        }
    }

    #[test]
    fn a_reason_is_told_where_it_is_another_one() {
        let said = |disagrees: Option<&str>, reason: Option<&str>| ByDeployer {
            deployer: Deployer::ArgoCd,
            said: Said {
                reason: reason.map(str::to_owned),
                ..Said::default()
            },
            time: None,
            disagrees: disagrees.map(str::to_owned),
        };
        let rows = [
            (None, None, None),
            (None, Some("no pods"), None),
            (None, Some("quota"), Some("Argo CD: quota")),
            (Some("it differs"), None, Some("it differs")),
            (Some("it differs"), Some("no pods"), Some("it differs")),
            (
                Some("it differs"),
                Some("quota"),
                Some("it differs; Argo CD: quota"),
            ),
        ];
        for (disagrees, reason, expected) in rows {
            let beside = said(disagrees, reason).beside("no pods");
            assert_eq!(beside.as_deref(), expected);
        }
    }
}
