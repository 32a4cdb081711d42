//! The kubeconfig, found and merged as kubectl does it, and whether it has changed since.
//!
//! It is read here, file by file, so that what is wrong with one can be said of that one, and so that a pipe that nobody
//! writes to or somebody's 50 MB are not read at all.

use std::io::{Error as IoError, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use kube::config::{Kubeconfig, KubeconfigError};

use super::{Error, error};

/// More than any kubeconfig has; to parse more takes too long.
const LARGEST: u64 = 8 << 20;

/// The files that a kubeconfig is merged of.
#[derive(Debug, Clone)]
pub struct Files {
    paths: Vec<PathBuf>,
    /// Somebody named them: one has to be there.
    named: bool,
}

/// What tells one state of some files from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp(Vec<Option<(SystemTime, u64, u64)>>);

impl Stamp {
    pub fn of<'a>(files: impl IntoIterator<Item = &'a PathBuf>) -> Stamp {
        let state = |file: &PathBuf| {
            let found = file.metadata().ok()?;
            Some((found.modified().ok()?, found.len(), found.ino()))
        };
        Stamp(files.into_iter().map(state).collect())
    }

    pub fn extend(&mut self, files: &[PathBuf]) {
        self.0.extend(Stamp::of(files).0);
    }
}

impl Files {
    /// `$KUBECONFIG`'s files, else `~/.kube/config`.
    pub fn of_user() -> Files {
        let named = std::env::var_os("KUBECONFIG").unwrap_or_default();
        let named = std::env::split_paths(&named).filter(|path| !path.as_os_str().is_empty());
        let named: Vec<PathBuf> = named.collect();
        if !named.is_empty() {
            return Files::named(named);
        }
        let home = std::env::home_dir().filter(|home| home.is_absolute());
        Files {
            paths: home
                .map(|home| home.join(".kube/config"))
                .into_iter()
                .collect(),
            named: false,
        }
    }

    pub fn named(paths: Vec<PathBuf>) -> Files {
        Files {
            // Plugins and certificates are named relative to the file, and started and read from anywhere.
            paths: paths
                .into_iter()
                .map(|path| std::path::absolute(&path).unwrap_or(path))
                .collect(),
            named: true,
        }
    }

    pub(super) fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Merged; files that are not there are left out. Who has none has no clusters.
    pub(super) async fn read(&self) -> Result<Kubeconfig, Error> {
        let files = self.clone();
        let read = tokio::task::spawn_blocking(move || files.read_now()).await;
        read.unwrap_or_else(|error| {
            Err(Error::Kubeconfig {
                why: error.to_string(),
            })
        })
    }

    fn read_now(&self) -> Result<Kubeconfig, Error> {
        let mut merged: Option<Kubeconfig> = None;
        let mut missing = None;
        for path in &self.paths {
            let cannot = |error: KubeconfigError| Error::Kubeconfig {
                why: format!(
                    "{}: {}",
                    crate::text::clean_line(&path.to_string_lossy()),
                    error::kubeconfig(&error)
                ),
            };
            match read_file(path) {
                Ok(next) => {
                    merged = Some(match merged {
                        None => next,
                        Some(merged) => merged.merge(next).map_err(cannot)?,
                    });
                }
                Err(KubeconfigError::ReadConfig(source, path))
                    if source.kind() == ErrorKind::NotFound =>
                {
                    missing.get_or_insert(cannot(KubeconfigError::ReadConfig(source, path)));
                }
                Err(error) => return Err(cannot(error)),
            }
        }
        match (merged, missing) {
            (Some(merged), _) => Ok(merged),
            (None, Some(missing)) if self.named => Err(missing),
            (None, _) => Ok(Kubeconfig::default()),
        }
    }
}

fn read_file(path: &Path) -> Result<Kubeconfig, KubeconfigError> {
    let unusable = |why: String| {
        KubeconfigError::ReadConfig(IoError::new(ErrorKind::InvalidInput, why), path.to_owned())
    };
    let found = path
        .metadata()
        .map_err(|source| KubeconfigError::ReadConfig(source, path.to_owned()))?;
    if !found.is_file() {
        return Err(unusable("it is no file".to_owned()));
    }
    if found.len() > LARGEST {
        return Err(unusable(format!(
            "it has {} MB: a kubeconfig has less than {}",
            found.len() >> 20,
            LARGEST >> 20
        )));
    }
    Kubeconfig::read_from(path)
}

/// The files with certificates and tokens that `context` names.
pub(super) fn credentials(kubeconfig: &Kubeconfig, context: &str) -> Vec<PathBuf> {
    let context = kubeconfig
        .contexts
        .iter()
        .find(|known| known.name == context)
        .and_then(|known| known.context.as_ref());
    let Some(context) = context else {
        return Vec::new();
    };
    let cluster = kubeconfig
        .clusters
        .iter()
        .find(|known| known.name == context.cluster)
        .and_then(|known| known.cluster.as_ref());
    let user = kubeconfig
        .auth_infos
        .iter()
        .find(|known| Some(&known.name) == context.user.as_ref())
        .and_then(|known| known.auth_info.as_ref());
    let of_user = user
        .into_iter()
        .flat_map(|user| [&user.client_certificate, &user.client_key, &user.token_file]);
    cluster
        .map(|cluster| &cluster.certificate_authority)
        .into_iter()
        .chain(of_user)
        .flatten()
        .map(PathBuf::from)
        .collect()
}
