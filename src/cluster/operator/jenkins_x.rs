//! Jenkins X: the git operator runs one boot job per commit of the environment's repository, labelled with it.
//!
//! Source: jenkins-x/jx-git-operator `pkg/constants`, `pkg/launcher`: the namespace it is installed in is its own, its jobs are
//! there.

use super::{Kind, Operator, State, condition, text};
use crate::cluster::{Listing, Objects};
use crate::manifest::Object;
use crate::task::{Known, Why};

const NAMESPACE: &str = "jx-git-operator";
const COMMIT: &str = "git-operator.jenkins.io/commit-sha";

pub(super) fn jobs() -> Kind {
    let own = |text: &str| text.to_owned();
    (own("batch"), own("Job"), Some(own(NAMESPACE)))
}

pub(super) fn operator(listing: &Listing) -> Known<Option<Operator>> {
    let wanted = jobs();
    let found = listing.kinds.iter().find(|(kind, _)| *kind == wanted);
    let Some((_, jobs)) = found else {
        return Known::Unavailable(Why::Failed("its boot jobs were not asked for".to_owned()));
    };
    jobs.as_ref().map(newest)
}

/// The newest job says how it goes, the newest that was completed what is applied.
fn newest(jobs: &Objects) -> Option<Operator> {
    let boots = jobs.iter().map(|job| (job.created, job.object()));
    let mut boots: Vec<_> = boots
        .filter(|(_, job)| job.label(COMMIT).is_some())
        .collect();
    boots.sort_by_key(|(created, _)| std::cmp::Reverse(*created));
    let is = |job: &Object, kind: &str| {
        condition(job, kind).is_some_and(|condition| condition.status == "True")
    };
    let (_, last) = boots.first()?;
    let mut jobs = boots.iter().map(|(_, job)| job);
    let done = jobs.find(|job| is(job, "Complete"));
    let state = match last {
        job if is(job, "Complete") => State::Applied,
        job if is(job, "Failed") => State::Failing,
        _ => State::Applying,
    };
    let failure = condition(last, "Failed").map(|failed| failed.message.to_owned());
    let commit = done.and_then(|job| job.label(COMMIT));
    let since = done.and_then(|job| text(job, &["status", "completionTime"])?.parse().ok());
    Some(Operator {
        object: last.id.clone(),
        state,
        applied: commit.map(str::to_owned).into_iter().collect(),
        since,
        message: failure.filter(|message| state == State::Failing && !message.is_empty()),
        inventory: None,
        prunes: true,
        verdicts: None,
    })
}
