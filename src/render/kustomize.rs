//! Building a kustomization by the real tool: `kustomize build`, or the one inside `kubectl`.
//!
//! What a build would need beside its files is refused beforehand, in words. A build that fails shows its sources instead,
//! marked as such: nothing that compares two trees may take a failure for "everything was deleted".

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::export::{Export, ExportError};
use super::kustomization::{Walk, display};
use super::plain;
use super::program::{self, Failure, Program, Run, sentence};
use super::remote::Bases;
use super::substitute::SWITCH;
use super::tool::{Additions, Rules};
use super::tools::Tools;
use super::tree::{Tree, join};
use super::{By, Error, How, Made, Recipe, RenderedObject, Renderer, Rendering, Source};
use crate::git::{BStr, ByteSlice};
use crate::manifest::{self, Object, ObjectRef};
use crate::task::Cancel;

/// Parts of messages that quote nothing (kustomize `api/`), for when the whole must not be shown.
const KNOWN: [&str; 9] = [
    "no such file or directory",
    "is not in or below",
    "kustomization.yaml is empty",
    "already registered id",
    "no matches for Id",
    "must specify --enable-helm",
    "external plugins disabled",
    "invalid Kustomization",
    "no resource matches strategic merge patch",
];

/// A program that builds kustomizations.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Builder {
    pub(super) program: Program,
    command: &'static str,
}

impl Builder {
    /// `kustomize` where it is installed, else `kubectl`; else why there is none.
    pub(super) fn find(tools: &Tools) -> Result<Builder, String> {
        let mut tried = Vec::new();
        let version = |file: &Path, is_confined: bool| {
            let answer = program::ask(file, is_confined, &["version"])?;
            Some(program::version_in(&answer))
        };
        match tools.find("kustomize", "kustomize", version) {
            Ok(Some(program)) => {
                return Ok(Builder {
                    program,
                    command: "build",
                });
            }
            Ok(None) => {}
            Err(()) => tried.push("kustomize does not run"),
        }
        let version = |file: &Path, is_confined: bool| {
            let question = ["version", "--client", "-o", "json"];
            let json = program::ask(file, is_confined, &question)?;
            let json: serde_json::Value = serde_json::from_slice(&json).ok()?;
            Some(json.get("kustomizeVersion")?.as_str()?.to_owned())
        };
        match tools.find("kubectl", "kubectl kustomize", version) {
            Ok(Some(program)) => {
                return Ok(Builder {
                    program,
                    command: "kustomize",
                });
            }
            Ok(None) => {}
            Err(()) => tried.push("kubectl has no kustomize in it"),
        }
        Err(match tried.as_slice() {
            [] => "neither kustomize nor kubectl is installed".to_owned(),
            tried => tried.join(", "),
        })
    }
}

/// Builds what `walk` found, or gives its sources and says why.
pub(super) fn render(
    tree: &Tree,
    recipe: &Recipe,
    additions: &Additions,
    walk: &Walk,
    bases: &Bases,
    renderer: &Renderer,
    cancel: &Cancel,
) -> Result<Made, Error> {
    let refusals: Vec<String> = walk
        .refusals
        .iter()
        .chain(&bases.refusals)
        .cloned()
        .collect();
    let (why, by) = match (renderer.tools.kustomize(), refusals.as_slice()) {
        (_, [_, ..]) => (sentence(&refusals), By::Installation),
        (Err(why), []) => (why.to_owned(), By::Installation),
        (Ok(builder), []) => {
            let built = build(tree, additions, walk, bases, builder, renderer, cancel)?;
            // What the walk found wrong says it better.
            let built = built.map_err(|failure| match walk.problems.is_empty() {
                true => failure,
                false => Failure {
                    message: sentence(&walk.problems),
                    ..failure
                },
            });
            let finished = built.and_then(|output| {
                finished(&output, additions, renderer).map_err(|why| Failure {
                    message: why,
                    by: By::Files,
                })
            });
            match finished {
                Ok(objects) => {
                    let namespace = recipe.namespace.as_deref();
                    let (sources, _) = plain::read(tree, &walk.resources, namespace, renderer)?;
                    let candidates = Candidates::of(&sources);
                    let objects = objects
                        .into_iter()
                        .map(|object| candidates.rendered(object, namespace));
                    let rendering = Rendering {
                        objects: objects.collect(),
                        how: builder.program.how(),
                        broken: Vec::new(),
                    };
                    return Ok(rendering.into());
                }
                Err(failure) => (failure.message, failure.by),
            }
        }
    };
    Ok(Made {
        rendering: sources(tree, recipe, walk, renderer, why)?,
        by,
    })
}

/// What is shown where it cannot be built.
pub(super) fn sources(
    tree: &Tree,
    recipe: &Recipe,
    walk: &Walk,
    renderer: &Renderer,
    why: String,
) -> crate::git::Result<Rendering> {
    let namespace = recipe.namespace.as_deref();
    let (objects, broken) = plain::read(tree, &walk.resources, namespace, renderer)?;
    Ok(Rendering {
        objects,
        how: How::Sources { why },
        broken,
    })
}

/// The objects of a build, with what the deployer does to them afterwards. The error quotes no value.
fn finished(
    output: &[u8],
    additions: &Additions,
    renderer: &Renderer,
) -> Result<Vec<Object>, String> {
    let parse = |text: &[u8]| {
        let parsed = manifest::parse(text, renderer.masking());
        match parsed.broken.is_empty() {
            true => Ok(parsed.documents.into_iter().map(|document| document.object)),
            false => Err("what it gives cannot be read".to_owned()),
        }
    };
    let substitute = additions.substitute.as_ref();
    let mut objects = Vec::new();
    match substitute.filter(|substitution| substitution.applies()) {
        None => objects.extend(parse(output)?),
        Some(substitution) => {
            for text in documents(output) {
                for object in parse(text)? {
                    let switch = |value: Option<&str>| value == Some("disabled");
                    if switch(object.label(SWITCH)) || switch(object.annotation(SWITCH)) {
                        objects.push(object);
                        continue;
                    }
                    let failed = |why: String| {
                        format!("its variables cannot be replaced in {}: {why}", object.id)
                    };
                    let text = substitution
                        .apply(text)
                        .map_err(|error| failed(error.to_string()))?;
                    objects.extend(parse(&text).map_err(failed)?);
                }
            }
        }
    }
    for object in &mut objects {
        for (key, added) in [
            ("labels", &additions.metadata.labels),
            ("annotations", &additions.metadata.annotations),
        ] {
            object.set_metadata(key, added);
        }
    }
    Ok(objects)
}

/// The documents that kustomize printed, which are one object each.
fn documents(output: &[u8]) -> impl Iterator<Item = &[u8]> {
    let output = output.strip_prefix(b"---\n").unwrap_or(output);
    output.split_str("\n---\n")
}

fn build(
    tree: &Tree,
    additions: &Additions,
    walk: &Walk,
    bases: &Bases,
    builder: &Builder,
    renderer: &Renderer,
    cancel: &Cancel,
) -> Result<Result<Vec<u8>, Failure>, Error> {
    let Some(root) = walk.directories.first() else {
        return Ok(Err(Failure {
            message: sentence(&walk.problems),
            by: By::Files,
        }));
    };
    let (export, directory) = match export(tree, additions, walk, bases, root.as_bstr()) {
        Ok(exported) => exported,
        Err(ExportError::Git(error)) => return Err(error.into()),
        Err(error) => {
            return Ok(Err(Failure {
                message: error.to_string(),
                by: error.by(),
            }));
        }
    };
    let mut arguments = vec![builder.command.into(), directory.into_os_string()];
    // Flux lets a build read the whole repository. What the walk has not seen through stays below its own directory.
    if additions.rules == Rules::Flux && !walk.obscure && !bases.are_obscure() {
        arguments.extend(["--load-restrictor", "LoadRestrictionsNone"].map(Into::into));
    }
    let run = Run {
        program: &builder.program.file,
        arguments,
        directory: Some(export.root()),
        environment: Vec::new(),
        confined: builder.program.confined(&[export.directory()]),
        cancel,
    };
    let failure = match run.output()? {
        Ok(output) => return Ok(Ok(output)),
        Err(failure) => failure,
    };
    let may_quote_secrets = super::secrets::may_hold(tree, &walk.closure, renderer)?
        || bases.may_hold_secrets(renderer)?;
    let message = if may_quote_secrets {
        let known = KNOWN.iter().find(|known| failure.message.contains(**known));
        format!(
            "{} failed{}; its whole message is not shown because the sources hold secret values. \
             To see it: {} {} {}",
            builder.program.name,
            known.map_or(String::new(), |known| format!(" ({known})")),
            builder.program.file.display(),
            builder.command,
            display(root.as_bstr()),
        )
    } else {
        program::readable(&failure.message, &export)
    };
    Ok(Err(Failure { message, ..failure }))
}

/// The closure on disk, with the additions in it, and the root's directory there.
fn export(
    tree: &Tree,
    additions: &Additions,
    walk: &Walk,
    bases: &Bases,
    root: &BStr,
) -> Result<(Export, PathBuf), ExportError> {
    let export = Export::of(tree, &walk.closure)?;
    bases.write(tree, &export)?;
    let text = match &walk.file {
        Some((_, id)) => Some(bases.named(root, &tree.reader.blob(*id)?)),
        None => None,
    };
    let file = text.as_deref().ok_or(walk.generated.as_slice());
    let mut additions = additions.clone();
    if additions.ignore_missing_components {
        let missing = |component: &String| {
            let path = join(root, BStr::new(component))?;
            export.path(path.as_bstr()).ok()
        };
        additions
            .components
            .retain(|component| missing(component).is_some_and(|path| path.exists()));
    }
    let is_made = file.is_ok() || additions.generate;
    if is_made && let Some(written) = additions.written(file).map_err(ExportError::Refused)? {
        let path = match &walk.file {
            Some((path, _)) => path.clone(),
            None => join(root, BStr::new("kustomization.yaml")).unwrap_or_default(),
        };
        export.write(path.as_bstr(), &written)?;
    }
    let directory = export.path(root)?;
    Ok((export, directory))
}

/// The documents a rendered object may come from. Names change on the way (prefix, suffix, content hash) and namespaces
/// are set, so this is the best match, not a proof.
struct Candidates<'a> {
    by_kind: BTreeMap<(&'a str, &'a str), Vec<&'a RenderedObject>>,
}

impl<'a> Candidates<'a> {
    fn of(sources: &'a [RenderedObject]) -> Self {
        let mut by_kind: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for source in sources {
            let id = &source.object.id;
            by_kind
                .entry((id.group.as_str(), id.kind.as_str()))
                .or_default()
                .push(source);
        }
        Candidates { by_kind }
    }

    fn rendered(&self, object: Object, namespace: Option<&str>) -> RenderedObject {
        let object = super::placed(object, namespace);
        let source = self.source(&object.id);
        RenderedObject { object, source }
    }

    fn source(&self, id: &ObjectRef) -> Option<Source> {
        self.by_kind
            .get(&(id.group.as_str(), id.kind.as_str()))?
            .iter()
            .filter(|source| id.name.contains(&source.object.id.name))
            // The longest name wins: `api-worker` comes from `api-worker`, not from `api`. Of two files with the same
            // name, the one in the same namespace, then the first.
            .max_by_key(|source| {
                let same_namespace = source.object.id.namespace == id.namespace;
                (source.object.id.name.len(), same_namespace)
            })
            .and_then(|source| source.source.clone())
    }
}
