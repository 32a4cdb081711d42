//! What writes: one file each. `plan` returns a plan that can be shown, only a confirmed plan reaches code that writes.

pub mod stage;
