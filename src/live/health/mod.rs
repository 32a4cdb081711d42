//! How a live object fares, in Argo CD's words and by its kind rules, in kstatus' order: generic, kind, Ready condition,
//! assumed. One file per kind.

use serde::Serialize;

use super::object::LiveObject;

/// Argo CD's vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub enum HealthStatus {
    Healthy,
    Suspended,
    Progressing,
    Missing,
    Degraded,
    Unknown,
}

/// How a verdict came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Decided {
    Rule,
    Condition,
    Controller,
    Assumed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    pub status: HealthStatus,
    /// `CrashLoopBackOff ×7`, `2/3 ready`; empty where there is nothing to say.
    pub reason: String,
    pub decided: Decided,
}

/// The health of `object`; `owned` are the objects it owns, directly or not (pods tell why a Deployment is degraded).
pub fn health(object: &LiveObject, owned: &[&LiveObject]) -> Health {
    let _ = (object, owned);
    todo!()
}
