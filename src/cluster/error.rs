//! What can go wrong between us and a cluster, in words that say what to do.

use std::path::PathBuf;

use crate::task::Why;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{} is no directory\nhint: name one that `gitopsy snapshot DIR` or `kubectl get … -o yaml` wrote to", dir.display())]
    NoSnapshot { dir: PathBuf },
    #[error("{} is not empty\nhint: a snapshot goes to a directory of its own", dir.display())]
    NotEmpty { dir: PathBuf },
    #[error("cannot read or write {}: {source}", path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("cannot read {} of the snapshot: {why}\nhint: mend or remove the file", path.display())]
    Broken { path: PathBuf, why: String },
    #[error("not a Kubernetes object: it has no apiVersion, kind or metadata.name")]
    NoObject,
}

impl Error {
    /// The same, as the reason why live values are not known.
    pub fn why(&self) -> Why {
        Why::Failed(self.to_string())
    }
}
