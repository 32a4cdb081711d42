//! The installed tools, each looked for when it is first needed.

use std::ffi::OsString;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use super::program::{self, Program};
use super::{helm, helmfile, kustomize, stored};
use crate::cache::Cache;
use crate::exec::Confinement;

/// The tools of one renderer, or why there is none.
#[derive(Default)]
pub(super) struct Tools {
    /// Directories to look in, written like `PATH`; else `PATH`.
    pub(super) path: Option<OsString>,
    /// Knows the versions of programs that were asked before: to ask takes as long as to render.
    pub(super) cache: Option<Arc<Cache>>,
    pub(super) kustomize: OnceLock<Result<kustomize::Builder, String>>,
    pub(super) helm: OnceLock<Result<Program, String>>,
    pub(super) helmfile: OnceLock<Result<Program, String>>,
}

impl Tools {
    pub(super) fn kustomize(&self) -> Result<&kustomize::Builder, &str> {
        self.kustomize
            .get_or_init(|| kustomize::Builder::find(self))
            .as_ref()
            .map_err(String::as_str)
    }

    pub(super) fn helm(&self) -> Result<&Program, &str> {
        self.helm
            .get_or_init(|| helm::find(self))
            .as_ref()
            .map_err(String::as_str)
    }

    pub(super) fn helmfile(&self) -> Result<&Program, &str> {
        self.helmfile
            .get_or_init(|| helmfile::find(self))
            .as_ref()
            .map_err(String::as_str)
    }

    /// The program called `command`, shown as `name`, with the version that `ask` gets out of it (told whether to confine
    /// it); `Ok(None)` where it is not installed, `Err` where it does not tell its version.
    pub(super) fn find(
        &self,
        command: &str,
        name: &'static str,
        ask: impl Fn(&Path, bool) -> Option<String>,
    ) -> Result<Option<Program>, ()> {
        let Some(file) = program::find(command, self.path.as_deref()) else {
            return Ok(None);
        };
        let is_possible = Confinement::is_possible();
        let known = self
            .cache
            .as_ref()
            .zip(stored::program_key(&file, is_possible));
        let remembered = known
            .as_ref()
            .and_then(|(cache, key)| serde_json::from_slice(&cache.get(key)?).ok());
        let (version, is_confinable) = match remembered {
            Some(answer) => answer,
            None => {
                let confined = is_possible.then(|| ask(&file, true)).flatten();
                let answer = match confined {
                    Some(version) => (version, true),
                    None => (ask(&file, false).ok_or(())?, false),
                };
                if let Some((cache, key)) = known
                    && let Ok(bytes) = serde_json::to_vec(&answer)
                {
                    cache.put(&key, &bytes);
                }
                answer
            }
        };
        Ok(Some(Program {
            file,
            name,
            version,
            is_confinable,
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn what_does_not_run_confined_runs_as_it_is() {
        let place = tempfile::tempdir().expect("directory");
        let script = place.path().join("wrapped");
        fs::write(&script, "#!/bin/sh\necho v1\n").expect("script");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("executable");
        symlink("/bin/sh", place.path().join("real")).expect("link");
        symlink("/bin/sh", place.path().join("starts-another")).expect("link");
        let tools = Tools {
            path: Some(place.path().into()),
            ..Tools::default()
        };
        let is_confinable = |name: &str, question: &str| {
            let ask = |file: &Path, is_confined: bool| {
                let answer = program::ask(file, is_confined, &["-c", question])?;
                String::from_utf8(answer).ok()
            };
            let found = tools.find(name, "it", ask).expect("an answer");
            let found = found.expect("installed");
            assert_eq!(found.version, "v1\n");
            found.is_confinable
        };
        assert_eq!(is_confinable("real", "echo v1"), Confinement::is_possible());
        let another = "/bin/cat /dev/null && echo v1";
        assert!(!is_confinable("starts-another", another));
        assert!(!is_confinable("wrapped", ""));
        assert!(matches!(tools.find("nothing", "it", |_, _| None), Ok(None)));
        assert!(tools.find("real", "it", |_, _| None).is_err());
    }
}
