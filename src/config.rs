//! The user's own settings, `gitopsy/config.toml` in the configuration directory, and where state lives.
//!
//! What a repository says about itself is not here but in its tree; nothing in this file can make gitopsy run a command.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use serde::Deserialize;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read {path}: {source}")]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(
        "{path} is not a valid configuration: {message}\nhint: the settings are described in the README"
    )]
    Invalid { path: PathBuf, message: String },
    #[error("no home directory is known\nhint: set HOME, or XDG_CONFIG_HOME and XDG_STATE_HOME")]
    NoHome,
}

/// `config.toml`. Everything is optional.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The name of a built-in theme (`dark`, `light`) or of a file in `themes/` beside the configuration.
    pub theme: Option<String>,
    /// Action → key, e.g. `revert = "R"`. The actions are those that `?` lists.
    pub keys: BTreeMap<String, String>,
    /// Environments in the order things are promoted, where names do not tell.
    pub order: Vec<String>,
    /// The name of the environment of everything that is in no other one.
    pub default: Option<String>,
    /// Per environment.
    pub environments: BTreeMap<String, Environment>,
    /// Nothing may be staged.
    pub read_only: bool,
}

/// What the user says about an environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Environment {
    /// The kubeconfig context of its cluster.
    pub context: Option<String>,
    /// The rest corrects what is detected, as `.gitopsy.toml` of a repository does, and comes after it.
    pub roots: Vec<String>,
    pub protected: Option<bool>,
    pub cluster: Option<String>,
    pub namespace: Option<String>,
}

/// The directories of this user: XDG, on every platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dirs {
    pub config: PathBuf,
    /// Shadow objects, journals, the masking key: not to be lost, not to be shared.
    pub state: PathBuf,
    /// What can be worked out again.
    pub cache: PathBuf,
}

impl Dirs {
    pub fn of_user() -> Result<Dirs, Error> {
        let base = etcetera::base_strategy::Xdg::new().map_err(|_| Error::NoHome)?;
        let state = base.state_dir().unwrap_or_else(|| base.data_dir());
        Ok(Dirs {
            config: base.config_dir().join("gitopsy"),
            state: state.join("gitopsy"),
            cache: base.cache_dir().join("gitopsy"),
        })
    }
}

impl Config {
    /// Reads `config.toml` in `directory`; a file that is not there is an empty one.
    pub fn load(directory: &Path) -> Result<Config, Error> {
        let path = directory.join("config.toml");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Config::default());
            }
            Err(source) => return Err(Error::Read { path, source }),
        };
        toml::from_str(&text).map_err(|error| Error::Invalid {
            path,
            message: error.to_string().trim_end().to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_an_empty_one() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Config::load(directory.path()).unwrap(), Config::default());
    }

    #[test]
    fn a_typing_error_is_named_with_its_line() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(
            directory.path().join("config.toml"),
            "theme = \"dark\"\ncolour = true\n",
        )
        .unwrap();
        let error = Config::load(directory.path()).unwrap_err().to_string();
        assert!(
            error.contains("colour") && error.contains("line 2"),
            "{error}"
        );
    }

    #[test]
    fn settings_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let text = "theme = \"light\"\n[keys]\nrevert = \"R\"\n[environments.production]\ncontext = \"prod\"\n";
        std::fs::write(directory.path().join("config.toml"), text).unwrap();
        let config = Config::load(directory.path()).unwrap();
        assert_eq!(config.theme.as_deref(), Some("light"));
        assert_eq!(config.keys["revert"], "R");
        assert_eq!(
            config.environments["production"].context.as_deref(),
            Some("prod")
        );
    }
}
