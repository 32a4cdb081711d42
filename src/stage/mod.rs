//! A tree → a pull request, watched until healthy: branch, commit, push, open, a journaled step at a time. Knows nothing of
//! reverts: other changes can be staged one day.

/// The user has seen the plan and said yes. Made only by the workspace, never in read-only mode.
#[derive(Debug, Clone, Copy)]
pub struct Consent(());

/// What will be written: branch, commit, message, pull request.
#[derive(Debug, Clone)]
pub struct Plan {}

impl Consent {
    pub fn unless_read_only(r: bool) -> Option<Consent> {
        (!r).then_some(Consent(()))
    }
}
