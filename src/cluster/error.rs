//! What can go wrong between us and a cluster, in words that say what to do.
//!
//! Errors of kube carry whole response bodies and plugin environments; none of that may be shown (a list of Secrets is a
//! body, too). So they are read for what they are, and put into our own words here.

use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;

use kube::client::AuthError;

use super::login::NotIn;
use crate::exec::{Output, redact};
use crate::task::Why;
use crate::text::clean_line;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{} is no directory\nhint: name one that `gitopsy snapshot DIR` or `kubectl get … -o yaml` wrote to", dir.display())]
    NoSnapshot { dir: PathBuf },
    #[error("{} is not empty\nhint: a snapshot goes to a directory of its own", dir.display())]
    NotEmpty { dir: PathBuf },
    #[error("{} is a file\nhint: a snapshot goes to a directory of its own", dir.display())]
    NoDirectory { dir: PathBuf },
    #[error("{} is in the snapshot {}\nhint: a snapshot goes to a directory of its own", dir.display(), other.display())]
    InSnapshot { dir: PathBuf, other: PathBuf },
    #[error("the snapshot in {} was not finished\nhint: remove it, and take it again with `gitopsy snapshot`", dir.display())]
    Unfinished { dir: PathBuf },
    #[error("cannot read or write {}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("cannot read {} of the snapshot: {why}\nhint: mend or remove the file", path.display())]
    Broken { path: PathBuf, why: String },
    #[error("not a Kubernetes object: it has no apiVersion, kind or metadata.name")]
    NoObject,
    #[error(
        "the kubeconfig cannot be used: {why}\nhint: `kubectl config view` shows what kubectl makes of it; $KUBECONFIG names the files"
    )]
    Kubeconfig { why: String },
    #[error(
        "the kubeconfig has no context {context:?}\nhint: it has {}",
        list(known)
    )]
    NoContext { context: String, known: Vec<String> },
    #[error(
        "context {context}: {why}\nhint: see whether `kubectl --context {context} get namespaces` works"
    )]
    Context { context: String, why: String },
    #[error("context {context}: its credential plugin {command} is not installed\nhint: {hint}")]
    NoPlugin {
        context: String,
        command: String,
        hint: String,
    },
    #[error(
        "context {context}: its credential plugin {command} failed: {why}\nhint: log in with `kubectl --context {context} get namespaces`, then try again"
    )]
    Plugin {
        context: String,
        command: String,
        why: String,
    },
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        let names: Vec<String> = names.iter().map(|name| clean_line(name)).collect();
        names.join(", ")
    }
}

impl Error {
    /// The same, as the reason why live values are not known: one line, without the hint.
    pub fn why(&self) -> Why {
        match self {
            Error::NoPlugin { command, .. } => Why::ToolMissing(command.clone()),
            other => Why::Failed(first_line(&other.to_string())),
        }
    }
}

/// A kubeconfig that cannot be used. The parser's message may quote a token: it is left out.
pub(super) fn kubeconfig(error: &kube::config::KubeconfigError) -> String {
    use kube::config::KubeconfigError as E;
    match error {
        E::Parse(_) => "it is no valid YAML, or has fields of the wrong type".to_owned(),
        E::ReadConfig(source, _) => first_line(&source.to_string()),
        E::FindPath => "there is none".to_owned(),
        other => first_line(&other.to_string()),
    }
}

/// What to say of a request to `server` that was to do `what` (`list secrets in shop`) and failed.
pub(super) fn request(error: &kube::Error, server: &str, what: &str) -> Why {
    if let Some(NotIn(why)) = find::<NotIn>(error) {
        return match why {
            Why::Failed(why) => Why::Failed(format!("cannot log in to {server}: {why}")),
            why => why.clone(),
        };
    }
    if let Some(auth) = find::<AuthError>(error) {
        return Why::Failed(format!("cannot log in to {server}: {}", credentials(auth)));
    }
    match error {
        kube::Error::Api(status) => match status.code {
            401 => Why::Failed(format!(
                "{server} does not accept the credentials (401): log in again"
            )),
            403 => Why::Forbidden(what.to_owned()),
            code => Why::Failed(format!(
                "{server} answered {code} to {what}{}",
                said(status)
            )),
        },
        kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => Why::Failed(no_json(server, what)),
        kube::Error::HyperError(_) | kube::Error::Service(_) | kube::Error::ReadEvents(_) => {
            let timed_out = find::<io::Error>(error)
                .is_some_and(|error| error.kind() == io::ErrorKind::TimedOut);
            let why = match timed_out {
                true => {
                    "no connection in time: is it up, and is there a VPN or proxy to it?".to_owned()
                }
                false => innermost(error),
            };
            Why::Unreachable(format!("{server}: {why}"))
        }
        other => Why::Failed(format!("{what}: {}", innermost(other))),
    }
}

pub(super) fn no_json(server: &str, what: &str) -> String {
    format!(
        "{server} answered {what} with something that is no Kubernetes object: is a proxy or a login page in between?"
    )
}

/// The server's own explanation, where there is one: a proxy's page is none.
fn said(status: &kube::core::Status) -> String {
    let message = first_line(&status.message);
    if message.is_empty() || message.starts_with('<') {
        String::new()
    } else {
        format!(": {message}")
    }
}

/// Why a token file or a certificate could not be used.
fn credentials(error: &AuthError) -> String {
    match error {
        AuthError::ReadTokenFile(source, path) => {
            format!("cannot read {}: {source}", path.display())
        }
        other => innermost(other),
    }
}

/// Why a credential plugin failed. Its arguments, environment and output may hold secrets and stay out; what it wrote on
/// stderr is what the user has to read.
pub(super) fn plugin(output: &Output) -> String {
    let message = output.message();
    let mut lines = message.lines().map(str::trim);
    let line = lines.rfind(|line| !line.is_empty()).map(first_line);
    let ended = match output.code {
        Some(code) => format!("exit status {code}"),
        None => "killed".to_owned(),
    };
    match line {
        Some(line) => format!("{line} ({ended})"),
        None => ended,
    }
}

/// The first error of this type in the chain of causes.
fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    chain(error).find_map(|error| error.downcast_ref::<E>())
}

fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    let next = |error: &&'a (dyn StdError + 'static)| -> Option<&'a (dyn StdError + 'static)> {
        (*error).source()
    };
    // Bounded: an implementation of `source` may go round in circles.
    std::iter::successors(Some(error), next).take(16)
}

/// What the last error in the chain says: `Connection refused`, `invalid peer certificate: UnknownIssuer`.
fn innermost(error: &(dyn StdError + 'static)) -> String {
    chain(error)
        .last()
        .map(|error| first_line(&error.to_string()))
        .unwrap_or_default()
}

fn first_line(text: &str) -> String {
    const LONGEST: usize = 240;
    let line = clean_line(&redact(text.trim().lines().next().unwrap_or_default()));
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Why no client could be made of a context (certificates, proxies).
pub(super) fn client(error: &kube::Error) -> String {
    match find::<AuthError>(error) {
        Some(auth) => credentials(auth),
        None => innermost(error),
    }
}
