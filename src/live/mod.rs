//! Pure: desired and live objects → health, drift, owner, effect. Knows no connection; `cluster` reads, this judges.

mod autoscaler;
mod cause;
mod compare;
mod effect;
mod health;
mod immutable;
mod managers;
mod object;
mod owner;
mod rules;
mod saved;

pub use autoscaler::Autoscaler;
pub use cause::{Cause, applier, is_own_manager};
pub use compare::{Comparison, FieldDrift, Suppressed, SyncState, compare, compare_planned};
pub use effect::{Action, Effect, effect, kept};
pub use health::{Crashing, Decided, Health, HealthStatus, crashing, health};
pub use immutable::is_immutable;
pub use managers::{Manager, Managers};
pub use object::{LiveObject, OwnerRef, Packed};
pub use owner::{Owned, Ownership, tree};
pub use rules::Rules;
pub use saved::Marks;
