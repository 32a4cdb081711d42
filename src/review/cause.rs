//! Why a live resource is not what git says: who wrote the field, which commit last set it, and how far its deployer is.
//!
//! A field manager's name tells who wrote; it does not tell whether the deployer has seen what git says now. Where a deployer is
//! at an older commit, what was declared there decides: a field that is as it was declared then is not applied yet, whoever
//! wrote it, and any other is somebody's.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::applied::Applied;
use super::blame;
use super::common::{CommitLine, ResourceId};
use super::desired::DesiredApp;
use super::workspace::Past;
use crate::cluster::operator::State;
use crate::diff::same_value;
use crate::git::Oid;
use crate::layout::Deployer;
use crate::live::{self, Rules, SyncState, is_own_manager};
use crate::manifest::{FieldPath, Node, Object, ObjectRef};
use crate::render::How;
use crate::task::Cancel;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldDrift {
    pub path: FieldPath,
    pub desired: Option<Node>,
    pub live: Option<Node>,
    pub cause: Cause,
    /// When a deployer last wrote the object.
    #[serde(skip)]
    pub applied: Option<Timestamp>,
    /// A deployer wrote it.
    #[serde(skip)]
    pub is_deployers: bool,
}

/// Why a live resource, or a field of it, is not what git says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    pub kind: CauseKind,
    /// The field manager that owns the live field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager: Option<String>,
    /// When that manager last wrote anything to the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// The commit that last set (or removed) the field in git.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitLine>,
    /// More about the kind, where there is more to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CauseKind {
    /// Someone wrote it with kubectl, k9s or the like.
    ManualEdit,
    Autoscaler,
    Controller,
    /// The deployer applied what git says, and the API server stored something else.
    Admission,
    /// git changed after the deployer last applied: not applied yet.
    NotApplied,
    /// The same, and the deployer fails to.
    ApplyFailing,
    /// The same, and somebody told the deployer to stop, or it waits for somebody.
    Suspended,
    /// The deployer is told to leave such objects alone.
    LeftAlone,
    /// git has it no more, and its deployer never prunes it.
    NeverPruned,
    /// Removed from the live object, by whom is unknown.
    Removed,
    Unknown,
}

impl From<CauseKind> for Cause {
    fn from(kind: CauseKind) -> Cause {
        Cause {
            kind,
            manager: None,
            time: None,
            commit: None,
            why: None,
        }
    }
}

/// Why what is missing is not applied at all, where its deployer's rules tell.
pub(super) fn left_alone(state: SyncState, id: &ObjectRef, rules: &Rules) -> Option<Cause> {
    let setting = rules
        .leaves_alone(id)
        .filter(|_| state == SyncState::Missing)?;
    Some(Cause {
        why: Some(format!("{setting} of argocd-cm")),
        ..Cause::from(CauseKind::LeftAlone)
    })
}

/// A drifted field, without the commit behind it.
pub(super) fn field(drift: live::FieldDrift) -> FieldDrift {
    let kind = match drift.cause {
        live::Cause::ManualEdit => CauseKind::ManualEdit,
        live::Cause::Autoscaler => CauseKind::Autoscaler,
        live::Cause::Controller => CauseKind::Controller,
        live::Cause::Removed => CauseKind::Removed,
        live::Cause::NotApplied => CauseKind::NotApplied,
        // Whether the deployer is behind, the commit will tell.
        live::Cause::Deployer | live::Cause::Unknown => CauseKind::Unknown,
    };
    FieldDrift {
        is_deployers: drift.cause == live::Cause::Deployer,
        path: drift.path,
        desired: drift.desired,
        live: drift.live,
        applied: drift.applied,
        cause: Cause {
            time: drift.manager.as_ref().and_then(|manager| manager.time),
            manager: drift.manager.map(|manager| manager.name),
            why: drift.scaled,
            ..Cause::from(kind)
        },
    }
}

/// What its deployer tells of an app's resources.
pub(super) struct Deployed<'a> {
    deployer: Deployer,
    applied: Option<&'a Applied>,
    /// How far the clock by which live objects tell times is ahead of ours.
    skew: Option<SignedDuration>,
    /// The app as it was declared where the deployer is; `None` where that is where git is, or not known.
    then: Option<Vec<DesiredApp>>,
}

impl<'a> Deployed<'a> {
    pub fn of(
        past: &Past,
        (environment, app): (&str, &str),
        deployer: Deployer,
        applied: Option<&'a Applied>,
    ) -> anyhow::Result<Deployed<'a>> {
        let behind = applied.filter(|applied| applied.behind != Some(0));
        let then = match behind.map(|applied| (applied.declared, &applied.revision)) {
            Some((Some(commit), _)) => {
                let layout = past.layout_of(commit)?;
                let tree = past.reader.tree_of(commit)?;
                let apps = past.desired(&layout, tree, |known| {
                    known.environment == environment && known.name == app
                })?;
                let is_whole = |app: &DesiredApp| !matches!(app.rendering.how, How::Sources { .. });
                apps.iter().all(is_whole).then_some(apps)
            }
            // It never applied anything.
            Some((None, None)) => Some(Vec::new()),
            Some((None, Some(_))) | None => None,
        };
        Ok(Deployed {
            deployer,
            applied,
            skew: None,
            then,
        })
    }

    /// The same by a clock that is ahead of ours.
    pub fn by_clock(self, skew: Option<SignedDuration>) -> Deployed<'a> {
        Deployed { skew, ..self }
    }

    /// What was declared where the deployer is, if that is known and another commit.
    fn then(&self, id: &ResourceId) -> Option<Option<&Object>> {
        let apps = self.then.as_ref()?.iter();
        let objects = apps.flat_map(|app| &app.rendering.objects);
        let mut objects = objects.map(|rendered| &rendered.object);
        Some(objects.find(|object| object.id == id.object))
    }

    /// Why what git says is not applied, as far as that is up to the deployer.
    fn why_not(&self) -> CauseKind {
        match self.applied.map(|applied| applied.state) {
            Some(State::Failing) => CauseKind::ApplyFailing,
            Some(State::Suspended | State::Manual) => CauseKind::Suspended,
            Some(State::Applied | State::Applying) | None => CauseKind::NotApplied,
        }
    }

    /// Why a resource as a whole is not as git says.
    pub fn of_resource(&self, id: &ResourceId, state: SyncState) -> Option<Cause> {
        let then = self.then(id);
        match state {
            SyncState::Missing => {}
            // It was declared where the deployer is.
            SyncState::Extra => return Some(Cause::from(then.flatten().map(|_| self.why_not())?)),
            SyncState::Synced | SyncState::Drifted | SyncState::Orphaned | SyncState::Unknown => {
                return None;
            }
        }
        let applied = self.applied?;
        let is_new = then.is_some_and(|then| then.is_none());
        // Without any trouble it was there once.
        let kind = match applied.state {
            _ if is_new => self.why_not(),
            State::Applied => CauseKind::Removed,
            State::Applying | State::Failing | State::Suspended | State::Manual => self.why_not(),
        };
        Some(Cause::from(kind))
    }

    fn of_field(&self, id: &ResourceId, field: &mut FieldDrift) {
        let manager = field.cause.manager.as_deref().unwrap_or_default();
        let is_other = field.is_deployers && !is_own_manager(self.deployer, manager);
        let Some(applied) = self.applied else {
            if is_other {
                field.cause.kind = CauseKind::ManualEdit;
            }
            return;
        };
        let is_as_then = self.then(id).is_some_and(|then| {
            let then = then.and_then(|then| then.root.field(&field.path));
            match (then, &field.live) {
                (Some(then), Some(live)) => same_value(&field.path, then, live),
                (then, live) => then.is_none() && live.is_none(),
            }
        });
        field.cause.kind = match field.cause.kind {
            // It is not as git said then because git said so.
            CauseKind::Autoscaler if field.cause.why.is_some() => CauseKind::Autoscaler,
            _ if is_as_then => self.why_not(),
            _ if is_other => CauseKind::ManualEdit,
            // By its clock it was not; its own word counts for more.
            CauseKind::NotApplied if applied.is_current() => CauseKind::Unknown,
            CauseKind::NotApplied => self.why_not(),
            CauseKind::Unknown if field.is_deployers && applied.is_current() => {
                CauseKind::Admission
            }
            CauseKind::Unknown if field.is_deployers => self.why_not(),
            kind => kind,
        };
    }
}

/// Adds to each field the commit that last set it, and says why it differs as far as that and the deployer tell.
pub(super) fn explain(
    past: &Past,
    tip: Oid,
    id: &ResourceId,
    fields: &mut [FieldDrift],
    deployed: &Deployed,
    cancel: &Cancel,
) -> anyhow::Result<()> {
    if fields.is_empty() {
        return Ok(());
    }
    let paths: Vec<FieldPath> = fields.iter().map(|field| field.path.clone()).collect();
    let set = blame::last_set(past, tip, id, &paths, cancel)?;
    for field in fields {
        field.cause.commit = set.get(&field.path).cloned();
        // Where nobody says how far the deployer is, the clocks do: it wrote before that commit.
        let written = match field.cause.kind {
            _ if deployed.applied.is_some() => None,
            CauseKind::Unknown => field.cause.time,
            // What was never there looks as what somebody removed.
            CauseKind::Removed => field.applied,
            _ => None,
        };
        let skew = deployed.skew.unwrap_or_default();
        let written = written.and_then(|written| written.checked_sub(skew).ok());
        if let (Some(commit), Some(written)) = (&field.cause.commit, written)
            && commit.time > written
        {
            field.cause.kind = CauseKind::NotApplied;
        }
        deployed.of_field(id, field);
    }
    Ok(())
}
