//! Pure: desired and live objects → health, drift, owner, effect. Knows no connection; `cluster` reads, this judges.

mod compare;
mod effect;
mod health;
mod managers;
mod object;
mod owner;

pub use compare::{Comparison, FieldDrift, SyncState, compare};
pub use effect::{Action, Effect, effect};
pub use health::{Decided, Health, HealthStatus, health};
pub use managers::Manager;
pub use object::{LiveObject, OwnerRef};
pub use owner::{Owned, Ownership, tree};
