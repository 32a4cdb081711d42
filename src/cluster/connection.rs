//! A connection to an API server through a kubeconfig context.
//!
//! Credential plugins are somebody's programs: they never see our terminal (`interactiveMode: Never`, else kube hands
//! them stdin and stderr), they run on a thread of their own, and they are not waited for longer than a minute.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kube::client::AuthError;
use kube::config::{ExecInteractiveMode, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};

use super::discovery::Discovered;
use super::dry_run::Right;
use super::schema::Schemas;
use super::watch::Store;
use super::{Error, Identity, Kind, error};
use crate::task::{Clock, Why};

/// How long is waited for what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub connect: Duration,
    /// One request, one page of a list.
    pub call: Duration,
    pub plugin: Duration,
    /// Changes within this time are told as one.
    pub gather: Duration,
    /// Objects a page. A page of each of several kinds is on its way at a time.
    pub page: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connect: Duration::from_secs(5),
            call: Duration::from_secs(30),
            plugin: Duration::from_secs(60),
            gather: Duration::from_millis(300),
            page: 250,
        }
    }
}

pub(super) struct Connection {
    pub client: Client,
    pub identity: Identity,
    /// The context's own namespace, for objects that leave theirs to it.
    pub namespace: String,
    pub limits: Limits,
    pub clock: Clock,
    pub discovered: tokio::sync::Mutex<Option<Arc<Discovered>>>,
    pub schemas: tokio::sync::Mutex<Schemas>,
    /// What the user may patch, as far as that was asked.
    pub rights: Mutex<HashMap<Right, bool>>,
    /// What is being watched, kept current.
    pub stores: Mutex<HashMap<Kind, Arc<Mutex<Store>>>>,
}

/// Makes ring the process' TLS provider; to be called before the first connection of any kind. Later calls do nothing.
pub fn install_crypto() {
    // An error says that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The kubeconfig as kubectl reads it: `$KUBECONFIG`'s files merged, else `~/.kube/config`. Who has none has no clusters.
pub(super) async fn kubeconfig() -> Result<Kubeconfig, Error> {
    let read = tokio::task::spawn_blocking(Kubeconfig::read).await;
    let is_named = std::env::var_os("KUBECONFIG").is_some();
    match read {
        Ok(Ok(kubeconfig)) => Ok(kubeconfig),
        Ok(Err(KubeconfigError::ReadConfig(error, _)))
            if error.kind() == ErrorKind::NotFound && !is_named =>
        {
            Ok(Kubeconfig::default())
        }
        Ok(Err(error)) => Err(Error::Kubeconfig {
            why: error::kubeconfig(&error),
        }),
        Err(error) => Err(Error::Kubeconfig {
            why: error.to_string(),
        }),
    }
}

impl Connection {
    /// Connects with `context` of `kubeconfig`. No request is made yet, but a credential plugin runs.
    pub async fn open(
        kubeconfig: Kubeconfig,
        context: &str,
        limits: Limits,
    ) -> Result<Connection, Error> {
        let known: Vec<String> = kubeconfig
            .contexts
            .iter()
            .map(|known| known.name.clone())
            .collect();
        if !known.iter().any(|known| known == context) {
            return Err(Error::NoContext {
                context: context.to_owned(),
                known,
            });
        }
        let options = KubeConfigOptions {
            context: Some(context.to_owned()),
            ..KubeConfigOptions::default()
        };
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &options)
            .await
            .map_err(|error| Error::Context {
                context: context.to_owned(),
                why: error::kubeconfig(&error),
            })?;
        config.connect_timeout = Some(limits.connect);
        config.write_timeout = Some(limits.call);
        if let Some(exec) = &mut config.auth_info.exec {
            exec.interactive_mode = Some(ExecInteractiveMode::Never);
        }
        let identity = Identity {
            context: Some(context.to_owned()),
            server: config
                .cluster_url
                .to_string()
                .trim_end_matches('/')
                .to_owned(),
        };
        let namespace = config.default_namespace.clone();
        let client = client(config, context, limits).await?;
        Ok(Connection::with(client, identity, namespace, limits))
    }

    pub fn with(
        client: Client,
        identity: Identity,
        namespace: String,
        limits: Limits,
    ) -> Connection {
        Connection {
            client,
            identity,
            namespace,
            limits,
            clock: Clock::system(),
            discovered: tokio::sync::Mutex::default(),
            schemas: tokio::sync::Mutex::default(),
            rights: Mutex::default(),
            stores: Mutex::default(),
        }
    }

    /// Waits for an answer, but not for ever. `what` is being done, in kubectl's words: `list secrets in shop`.
    pub async fn call<T>(
        &self,
        what: &str,
        request: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, Why> {
        let server = &self.identity.server;
        match tokio::time::timeout(self.limits.call, request).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(error::request(&error, server, what)),
            Err(_) => Err(Why::Unreachable(format!(
                "{server}: no answer to {what} within {:?}",
                self.limits.call
            ))),
        }
    }
}

/// Building a client runs its credential plugin, which blocks for as long as it likes: on a thread that may be left
/// behind (tokio's own would keep the process from ending).
async fn client(config: Config, context: &str, limits: Limits) -> Result<Client, Error> {
    let plugin = config.auth_info.exec.as_ref();
    let command = plugin
        .and_then(|exec| exec.command.clone())
        .unwrap_or_default();
    let hint = plugin
        .and_then(|exec| exec.install_hint.as_deref())
        .map(crate::text::clean_line);
    let runtime = tokio::runtime::Handle::current();
    let (send, built) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _entered = runtime.enter();
        // Nobody listens any more when it took too long.
        let _ = send.send(Client::try_from(config));
    });
    let context = context.to_owned();
    match tokio::time::timeout(limits.plugin, built).await {
        Ok(Ok(Ok(client))) => Ok(client),
        Ok(Ok(Err(kube::Error::Auth(AuthError::AuthExecStart(source)))))
            if source.kind() == std::io::ErrorKind::NotFound =>
        {
            let hint = hint.unwrap_or_else(|| format!("install {command}, as for kubectl"));
            Err(Error::NoPlugin {
                context,
                command,
                hint,
            })
        }
        Ok(Ok(Err(kube::Error::Auth(error)))) if !command.is_empty() => Err(Error::Plugin {
            context,
            command,
            why: error::credentials(&error),
        }),
        Ok(Ok(Err(kube::Error::Auth(error)))) => Err(Error::Context {
            context,
            why: error::credentials(&error),
        }),
        Ok(Ok(Err(error))) => Err(Error::Context {
            context,
            why: error::client(&error),
        }),
        Ok(Err(_)) => Err(Error::Context {
            context,
            why: "the client could not be built".to_owned(),
        }),
        Err(_) => {
            let why = format!(
                "it did not end within {:?}; it may wait for somebody to log in",
                limits.plugin
            );
            Err(Error::Plugin {
                context,
                command,
                why,
            })
        }
    }
}
