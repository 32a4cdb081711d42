//! The questions a reviewer asks, one file each: a `Request`, an `Answer` that *is* the JSON output, and an `ask` function.
//!
//! The command line prints answers; each screen is a request, its answer and a cursor. There is no second path to the
//! data. Writes are not questions: they are in [`action`].

pub mod action;
pub mod applied;
pub mod blame;
pub mod by_deployer;
pub mod cause;
pub mod change;
pub mod common;
mod connections;
pub mod contexts;
pub mod deployed;
mod desired;
pub mod doctor;
pub mod drift;
mod elsewhere;
mod entry;
mod extra;
mod gone;
mod kept;
mod line;
mod live;
pub mod log;
pub mod logs;
mod pairings;
mod planned;
pub mod resource;
pub mod revert;
pub mod snapshot;
pub mod stands;
mod time;
mod version;
mod workspace;

pub use crate::cluster::operator::State as OperatorState;
pub use workspace::{ClusterChoice, Header, Options, Workspace};

pub use crate::cluster::Kubeconfig;
pub use crate::diff::{
    ChangeKind, FieldChange, Hunk, Line, LineKind, Noise, Note, Span, TextDiff, text as text_diff,
};
pub use crate::git::{Conflict, ConflictKind, Oid, Person, Tip};
pub use crate::layout::{Deployer, Destination, EnvironmentOverride, Overrides};
pub use crate::live::{
    Action, Decided, Effect, Health, HealthStatus, Manager, Owned, Suppressed, SyncState,
};
pub use crate::manifest::{FieldPath, Leaf, MaskedId, Node, Object, ObjectRef, Step, YamlLine};
pub use crate::task::{Cancel, Clock, Known, Rendered, Sink, Why};
