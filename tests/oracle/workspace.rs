//! A workspace over a repository of the test's own, with nothing of the user's around it.

use std::path::Path;

use gitopsy::review::{Clock, ClusterChoice, Kubeconfig, Options, Overrides, Workspace};

use crate::support::TestRepo;

/// What it keeps goes below `directory`.
pub fn open(repo: &TestRepo, directory: &Path) -> Workspace {
    Workspace::open(Options {
        repo: Some(repo.path.clone()),
        branch: None,
        cluster: ClusterChoice::None,
        kubeconfig: Kubeconfig::named(Vec::new()),
        overrides: Overrides::default(),
        offline: false,
        allow_network: false,
        read_only: true,
        state: directory.join("state"),
        cache: None,
        clock: Clock::system(),
    })
    .expect("a workspace")
}
