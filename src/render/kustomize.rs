//! Building a kustomization by the real tool: `kustomize build`, or the one inside `kubectl`.
//!
//! The build gets a throw-away copy of its closure, an empty `PATH` (so that it can run neither git nor helm nor a plugin),
//! an empty home, no credentials, and dead proxies: whatever a repository says, a build reads files and prints text. What
//! would need more is refused beforehand, in words. A build that fails shows its sources instead, marked as such: nothing
//! that compares two trees may take a failure for "everything was deleted".

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::export::{Export, ExportError};
use super::kustomization::{Walk, display};
use super::plain;
use super::tree::Tree;
use super::{How, Recipe, RenderedObject, Renderer, Rendering, Source};
use crate::exec::{self, Command};
use crate::git::{self, ByteSlice};
use crate::manifest::{self, Leaf, Node, Object, ObjectRef};
use crate::text;

/// The slowest build measured on real repositories took 1.8 s.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The largest output measured was 60,365 lines, about 2 MB.
const MAX_OUTPUT: usize = 64 << 20;
/// Of a message shown to people.
const MAX_WHY: usize = 600;

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
    program: PathBuf,
    command: &'static str,
    name: &'static str,
    version: String,
}

impl Builder {
    /// `kustomize` where it is installed, else `kubectl`; else why there is none. `tools`: directories to look in, instead of
    /// `PATH`.
    pub(super) fn find(tools: Option<&OsStr>) -> Result<Builder, String> {
        let find = |name: &str| match tools {
            Some(tools) => {
                std::env::split_paths(tools).find_map(|place| exec::find(place.join(name)))
            }
            None => exec::find(name),
        };
        let mut tried = Vec::new();
        if let Some(program) = find("kustomize") {
            // `v5.5.0`, or (before 4.5) `{Version:kustomize/v4.2.0 GitCommit:… …}`
            if let Ok(output) = run(&program, &["version".into()], None) {
                let output = String::from_utf8_lossy(&output);
                let version = output
                    .split(|c: char| c.is_whitespace() || matches!(c, '/' | '{' | '}' | ':'))
                    .find(|word| is_version(word))
                    .unwrap_or("of unknown version");
                return Ok(Builder {
                    program,
                    command: "build",
                    name: "kustomize",
                    version: version.to_owned(),
                });
            }
            tried.push("kustomize does not run");
        }
        if let Some(program) = find("kubectl") {
            let version = run(
                &program,
                &["version", "--client", "-o", "json"].map(Into::into),
                None,
            )
            .ok()
            .and_then(|json| serde_json::from_slice::<serde_json::Value>(&json).ok())
            .and_then(|json| Some(json.get("kustomizeVersion")?.as_str()?.to_owned()));
            if let Some(version) = version {
                return Ok(Builder {
                    program,
                    command: "kustomize",
                    name: "kubectl kustomize",
                    version,
                });
            }
            tried.push("kubectl has no kustomize in it");
        }
        Err(match tried.as_slice() {
            [] => "neither kustomize nor kubectl is installed".to_owned(),
            tried => tried.join(", "),
        })
    }

    fn build(&self, export: &Export, directory: PathBuf) -> Result<Vec<u8>, String> {
        let arguments = [self.command.into(), directory.into_os_string()];
        run(&self.program, &arguments, Some(export.root()))
    }
}

fn is_version(word: &str) -> bool {
    word.strip_prefix('v')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// Standard output, or why there is none: what the tool said, or what became of it.
fn run(
    program: &Path,
    arguments: &[OsString],
    directory: Option<&Path>,
) -> Result<Vec<u8>, String> {
    // Nothing listens on the discard port.
    const NOWHERE: &str = "http://127.0.0.1:9";
    let home = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut command = Command::new(program)
        .args(arguments)
        .directory(directory.unwrap_or(home.path()))
        .timeout(TIMEOUT)
        .max_output(MAX_OUTPUT)
        .clear_environment()
        .env("GIT_ALLOW_PROTOCOL", "")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("NO_PROXY", "");
    for name in [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
    ] {
        command = command.env(name, NOWHERE);
    }
    // Empty, and so is `PATH`.
    for name in [
        "HOME",
        "PATH",
        "TMPDIR",
        "XDG_CONFIG_HOME",
        "XDG_CACHE_HOME",
    ] {
        command = command.env(name, home.path());
    }
    let output = exec::run(&command).map_err(|error| error.to_string())?;
    if output.success() {
        return Ok(output.stdout);
    }
    let message = output.message();
    Err(match (message.is_empty(), output.code) {
        (false, _) => message,
        (true, Some(code)) => format!("{} failed with exit code {code}", program.display()),
        (true, None) => format!("{} was killed", program.display()),
    })
}

/// Builds what `walk` found, or gives its sources and says why.
pub(super) fn render(
    tree: &Tree,
    recipe: &Recipe,
    walk: &Walk,
    builder: Result<&Builder, &str>,
    renderer: &Renderer,
) -> git::Result<Rendering> {
    let namespace = recipe.namespace.as_deref();
    let (sources, broken) = plain::read(tree, &walk.resources, namespace, renderer)?;
    let why = match (builder, walk.refusals.as_slice()) {
        (_, [_, ..]) => sentence(&walk.refusals),
        (Err(why), []) => why.to_owned(),
        (Ok(builder), []) => match build(tree, walk, builder, renderer)? {
            Ok(output) => {
                let built = manifest::parse(&output, renderer.masking());
                if built.broken.is_empty() {
                    let candidates = Candidates::of(&sources);
                    let objects = built
                        .documents
                        .into_iter()
                        .map(|document| candidates.rendered(document.object, namespace))
                        .collect();
                    return Ok(Rendering {
                        objects,
                        how: How::Tool {
                            name: builder.name.to_owned(),
                            version: builder.version.clone(),
                        },
                        broken: Vec::new(),
                    });
                }
                format!("the output of {} cannot be read", builder.name)
            }
            Err(message) if walk.problems.is_empty() => message,
            Err(_) => sentence(&walk.problems),
        },
    };
    Ok(Rendering {
        objects: sources,
        how: How::Sources { why },
        broken,
    })
}

fn sentence(reasons: &[String]) -> String {
    let mut reasons = reasons.to_vec();
    reasons.dedup();
    match reasons.as_slice() {
        [first, rest @ ..] if rest.len() > 2 => format!("{first}; and {} more such", rest.len()),
        reasons => reasons.join("; "),
    }
}

fn build(
    tree: &Tree,
    walk: &Walk,
    builder: &Builder,
    renderer: &Renderer,
) -> git::Result<Result<Vec<u8>, String>> {
    let Some(root) = walk.directories.first() else {
        return Ok(Err("there is no kustomization".to_owned()));
    };
    let export = match Export::of(tree, &walk.closure) {
        Ok(export) => export,
        Err(ExportError::Git(error)) => return Err(error),
        Err(error) => return Ok(Err(error.to_string())),
    };
    let directory = match export.path(root.as_bstr()) {
        Ok(directory) => directory,
        Err(error) => return Ok(Err(error.to_string())),
    };
    match builder.build(&export, directory) {
        Ok(output) => Ok(Ok(output)),
        Err(message) if holds_secrets(tree, walk, renderer)? => {
            let known = KNOWN.iter().find(|known| message.contains(**known));
            Ok(Err(format!(
                "{} failed{}; its whole message is not shown because the sources hold secret values. \
                 To see it: {} {} {}",
                builder.name,
                known.map_or(String::new(), |known| format!(" ({known})")),
                builder.program.display(),
                builder.command,
                display(root.as_bstr()),
            )))
        }
        Err(message) => Ok(Err(readable(&message, &export))),
    }
}

/// Whether a tool's message might quote a secret value: kustomize prints the patch or the literal that it cannot apply.
fn holds_secrets(tree: &Tree, walk: &Walk, renderer: &Renderer) -> git::Result<bool> {
    for path in &walk.closure {
        let Some(super::tree::Node::File(id)) = tree.node(path.as_bstr())? else {
            continue;
        };
        if speaks_of_secrets(&tree.reader.blob(id)?) {
            return Ok(true);
        }
        let parsed = renderer.parse(tree.reader, id)?;
        let mut documents = parsed.manifest.documents.iter();
        if documents.any(|document| has_masked(&document.object.root)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a text may hold a Secret, be it a patch, broken, or a generator's: not `ExternalSecret` or `secretName`.
fn speaks_of_secrets(text: &[u8]) -> bool {
    let is_word = |at: usize| {
        let before = at.checked_sub(1).and_then(|index| text.get(index));
        let after = text.get(at + b"Secret".len());
        let letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        !letter(before) && !letter(after)
    };
    text.find_iter("Secret").any(is_word)
        || text.contains_str("secretGenerator")
        || text.contains_str("stringData")
}

fn has_masked(node: &Node) -> bool {
    match node {
        Node::Leaf(leaf) => matches!(leaf, Leaf::Masked(_)),
        Node::List(items) => items.iter().any(has_masked),
        Node::Map(map) => map.values().any(has_masked),
    }
}

/// A tool's message with the temporary directory taken out, on one line, bounded.
fn readable(message: &str, export: &Export) -> String {
    let root = export.root().to_string_lossy();
    let message = message
        .lines()
        .filter(|line| !line.starts_with("# Warning:"))
        .collect::<Vec<_>>()
        .join(" ")
        .replace(&format!("{root}/"), "")
        .replace(root.as_ref(), ".");
    // kubectl reports through klog: `E1121 00:21:36.638199   17418 run.go:72] "command failed" err="…"`
    let message = match message.split_once("\"command failed\" err=\"") {
        Some((_, error)) => error.trim_end().trim_end_matches('"').replace("\\\"", "\""),
        None => message,
    };
    let message = message.trim();
    let message = ["Error: ", "error: "]
        .iter()
        .find_map(|prefix| message.strip_prefix(prefix))
        .unwrap_or(message);
    let message = text::clean_line(message);
    match message.char_indices().nth(MAX_WHY) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message,
    }
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

    fn rendered(&self, mut object: Object, namespace: Option<&str>) -> RenderedObject {
        if let Some(namespace) = namespace
            && object.id.namespace.is_none()
            && !manifest::is_cluster_scoped(&object.id.group, &object.id.kind)
        {
            object.id.namespace = Some(namespace.to_owned());
        }
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
