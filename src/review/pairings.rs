//! The contexts that the user chose on screen for environments, remembered between runs.
//!
//! Each is kept with the cluster that it meant, and with the one that the environment names: where either is another by now, the
//! choice does not hold any more, for nobody made it.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::cluster::contexts::Context;
use crate::layout;

/// What was chosen for the environments of one repository.
pub(super) struct Pairings {
    file: PathBuf,
    repository: String,
    known: Vec<Pairing>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Pairing {
    repository: String,
    environment: String,
    /// The cluster, as the environment's deployer names it.
    destination: Option<String>,
    context: Context,
}

impl Pairing {
    fn is_of(&self, repository: &str, environment: &str) -> bool {
        self.repository == repository && self.environment == environment
    }
}

impl Pairings {
    pub fn load(state: &Path, repository: &str) -> Pairings {
        let file = state.join("contexts.json");
        Pairings {
            known: read(&file),
            repository: repository.to_owned(),
            file,
        }
    }

    pub fn of(&self, environment: &layout::Environment) -> Option<&Context> {
        let found = self
            .known
            .iter()
            .find(|known| known.is_of(&self.repository, &environment.name))?;
        (found.destination == environment.destination.cluster).then_some(&found.context)
    }

    /// Chooses, or takes the choice back. An error: it holds in this run only.
    pub fn set(
        &mut self,
        environment: &layout::Environment,
        context: Option<Context>,
    ) -> std::io::Result<()> {
        let pairing = context.map(|context| Pairing {
            repository: self.repository.clone(),
            environment: environment.name.clone(),
            destination: environment.destination.cluster.clone(),
            context,
        });
        let with = |known: &mut Vec<Pairing>| {
            known.retain(|known| !known.is_of(&self.repository, &environment.name));
            known.extend(pairing.clone());
        };
        with(&mut self.known);
        // What another gitopsy has chosen meanwhile stays chosen.
        let mut kept = read(&self.file);
        with(&mut kept);
        write(&self.file, &kept)
    }
}

/// What cannot be read was never chosen.
fn read(file: &Path) -> Vec<Pairing> {
    std::fs::read(file)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

/// Replaces the file whole: another gitopsy may be reading it.
fn write(file: &Path, known: &[Pairing]) -> std::io::Result<()> {
    let directory = file.parent().unwrap_or(file);
    std::fs::create_dir_all(directory)?;
    let mut new = NamedTempFile::new_in(directory)?;
    new.write_all(&serde_json::to_vec_pretty(known)?)?;
    new.persist(file)?;
    Ok(())
}
