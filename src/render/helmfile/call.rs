//! One run of helmfile: confined to the files it was given, and to starting helm and kustomize.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;

use super::guard;
use super::sources::Sources;
use crate::exec::Confinement;
use crate::git::{ByteSlice, RepoPath};
use crate::render::export::Export;
use crate::render::program::{self, Failure, Run};
use crate::render::tree::Tree;
use crate::render::{Error, Renderer, secrets};
use crate::task::Cancel;
use crate::text::clean_line;

pub(super) fn joined(flag: &str, path: &Path) -> OsString {
    let mut joined = OsString::from(flag);
    joined.push(path);
    joined
}

/// One run of helmfile.
pub(super) struct Call<'a> {
    pub(super) file: &'a RepoPath,
    pub(super) sources: &'a Sources,
    pub(super) environment: Option<&'a str>,
    pub(super) export: &'a Export,
    pub(super) cancel: &'a Cancel,
}

impl Call<'_> {
    /// Why it must not run, if so.
    fn objection(&self) -> Option<String> {
        let found = match guard::program_in(self.export.directory()) {
            Ok(found) => found?,
            Err(error) => return Some(format!("its files cannot be looked at: {error}")),
        };
        let found = found.strip_prefix(self.export.root()).unwrap_or(&found);
        let found = clean_line(&found.to_string_lossy());
        Some(format!(
            "helmfile is not run beside {found}, which holds a program"
        ))
    }

    /// What it prints, or what it says instead.
    pub(super) fn run(
        &self,
        renderer: &Renderer,
        options: &[OsString],
        command: &[OsString],
    ) -> Result<Result<Vec<u8>, Failure>, Error> {
        let (helmfile, helm) = match (renderer.tools.helmfile(), renderer.tools.helm()) {
            (Ok(helmfile), Ok(helm)) => (helmfile, helm),
            (Err(why), _) | (_, Err(why)) => return Ok(Err(Failure::once(why.to_owned()))),
        };
        let kustomize = renderer
            .tools
            .kustomize()
            .ok()
            .map(|builder| &builder.program.file);
        if let Some(why) = self.objection() {
            return Ok(Err(Failure::once(why)));
        }
        let file = self.sources.named(self.file);
        let path = match self.export.path(file.as_bstr()) {
            Ok(path) => path,
            Err(error) => return Ok(Err(Failure::once(error.to_string()))),
        };
        let mut arguments: Vec<OsString> = vec!["--quiet".into(), "--no-color".into()];
        // Else it would run what the helmfile calls its helm and its kustomize.
        arguments.push(joined("--helm-binary=", &helm.file));
        if let Some(kustomize) = kustomize {
            arguments.push(joined("--kustomize-binary=", kustomize));
        }
        arguments.push(joined("--file=", &path));
        if let Some(environment) = self.environment {
            arguments.push(format!("--environment={environment}").into());
        }
        arguments.extend(options.iter().cloned());
        arguments.extend(command.iter().cloned());
        let programs = [Some(&helmfile.file), Some(&helm.file), kustomize];
        let run = Run {
            program: &helmfile.file,
            arguments,
            directory: Some(self.export.root()),
            environment: [
                "HELMFILE_UPGRADE_NOTICE_DISABLED",
                "AWS_EC2_METADATA_DISABLED",
            ]
            .map(|name| (name, "true".into()))
            .into(),
            confined: Some(Confinement {
                programs: programs
                    .into_iter()
                    .flatten()
                    .map(|file| program::real(file))
                    .collect(),
                readable: vec![self.export.directory().to_owned()],
                writable: Vec::new(),
            }),
            cancel: self.cancel,
        };
        run.output()
    }
}

const FROM_ELSEWHERE: &str = "it needs something from elsewhere, and tools get no network here";
const VARIABLE: &str = "it needs a variable of the environment, of which tools get none here";
const VALUES: &str = "it needs values that are given to it from elsewhere";

/// Whether a reason is none that another commit of the repository would do away with, as a rule.
pub(super) fn is_hopeless(why: &str) -> bool {
    [FROM_ELSEWHERE, VARIABLE, VALUES]
        .iter()
        .any(|reason| why.starts_with(reason))
}

/// What helmfile's message means to a person; all of it where it can quote no secret.
pub(super) fn why(
    tree: &Tree,
    closure: &BTreeSet<RepoPath>,
    renderer: &Renderer,
    message: &str,
    export: &Export,
) -> Result<String, Error> {
    let meaning = if message.contains("hook[") {
        "it has a hook, a program that is not run here"
    } else if message.contains("fork/exec") || message.contains("executable file not found") {
        "it runs a program, which is not done here"
    } else if message.contains("dial tcp") || message.contains("no such host") {
        FROM_ELSEWHERE
    } else if message.contains("required env var") {
        VARIABLE
    } else if message.contains("map has no entry for key") {
        VALUES
    } else if message.contains("permission denied") {
        "it reads something outside of the repository"
    } else {
        "helmfile failed"
    };
    Ok(match secrets::may_hold(tree, closure, renderer)? {
        true => {
            format!("{meaning}; its message is not shown because the sources hold secret values")
        }
        false => format!("{meaning}: {}", program::readable(message, export)),
    })
}
