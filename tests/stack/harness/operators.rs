//! Flux and Argo CD, in the cluster of the test run.

use std::ffi::OsStr;
use std::sync::OnceLock;

use serde::Deserialize;

use super::{Cluster, cluster};
use super::{Part, start};

#[derive(Deserialize)]
struct Ready {
    namespace: String,
}

/// Flux's kustomize-controller and a source for its `GitRepository` objects. Answers the namespace for both.
/// `None` where the servers are not built.
pub fn flux() -> Option<(&'static Cluster, &'static str)> {
    static FLUX: OnceLock<Option<Part<Ready>>> = OnceLock::new();
    in_cluster("flux", &FLUX)
}

/// Argo CD's application controller and repo server. Answers the namespace for applications. A push is seen after the
/// annotation `argocd.argoproj.io/refresh=normal` on the application asked for it.
/// `None` where the servers are not built.
pub fn argo() -> Option<(&'static Cluster, &'static str)> {
    static ARGO: OnceLock<Option<Part<Ready>>> = OnceLock::new();
    in_cluster("argo", &ARGO)
}

fn in_cluster(
    name: &str,
    part: &'static OnceLock<Option<Part<Ready>>>,
) -> Option<(&'static Cluster, &'static str)> {
    let cluster = cluster()?;
    let kubeconfig = cluster.servers_kubeconfig().as_os_str();
    let started = part.get_or_init(|| start(name, &[OsStr::new("--kubeconfig"), kubeconfig]));
    Some((cluster, &started.as_ref()?.ready.namespace))
}
