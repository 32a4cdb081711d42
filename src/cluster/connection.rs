//! A connection to an API server through a kubeconfig context: what its requests share. How they get in is [`Login`]'s.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Response;
use jiff::{SignedDuration, Timestamp};
use kube::Client;

use super::discovery::Discovered;
use super::dry_run::Right;
use super::kubeconfig::Files;
use super::login::{Login, Source};
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
    /// The first pause before what failed is tried again.
    pub again: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connect: Duration::from_secs(5),
            call: Duration::from_secs(30),
            plugin: Duration::from_secs(60),
            gather: Duration::from_millis(300),
            page: 250,
            again: Duration::from_secs(1),
        }
    }
}

pub(super) struct Connection {
    pub client: Client,
    pub login: Arc<Login>,
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
    /// By how many seconds the server's clock was ahead of ours when it answered last.
    skew: Arc<AtomicI64>,
}

/// Clocks that differ by no more are taken for the same: an answer is on its way for a while.
const SAME: SignedDuration = SignedDuration::from_mins(1);

/// Makes ring the process' TLS provider; to be called before the first connection of any kind. Later calls do nothing.
pub fn install_crypto() {
    // An error says that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// When an answer was given, by the clock of who gave it. Source: RFC 9110, `Date`.
fn date<B>(answer: &Response<B>) -> Option<Timestamp> {
    let text = answer.headers().get("date")?.to_str().ok()?;
    let time = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(time.timestamp())
}

impl Connection {
    /// Connects with a context of the kubeconfig in `files`. No request is made yet, but a credential plugin runs.
    pub async fn open(
        files: Files,
        context: &str,
        limits: Limits,
        clock: Clock,
    ) -> Result<Connection, Error> {
        let source = Source {
            files,
            context: context.to_owned(),
            limits,
            clock: clock.clone(),
        };
        let login = Arc::new(Login::open(source).await?);
        let requests = Arc::clone(&login);
        let skew = Arc::<AtomicI64>::default();
        let (told, ours) = (Arc::clone(&skew), clock.clone());
        let requests = tower::service_fn(move |request| {
            let login = Arc::clone(&requests);
            let (told, ours) = (Arc::clone(&told), ours.clone());
            async move {
                let answer = login.send(request).await;
                if let Some(theirs) = answer.as_ref().ok().and_then(date) {
                    let ahead = theirs.as_second() - ours.now().as_second();
                    told.store(ahead, Ordering::Relaxed);
                }
                answer
            }
        });
        let namespace = login.target().namespace.clone();
        Ok(Connection {
            client: Client::new(requests, namespace.clone()),
            identity: login.identity(),
            login,
            namespace,
            limits,
            clock,
            discovered: tokio::sync::Mutex::default(),
            schemas: tokio::sync::Mutex::default(),
            rights: Mutex::default(),
            stores: Mutex::default(),
            skew,
        })
    }

    /// How far the server's clock is ahead of ours, where it is another one.
    pub fn skew(&self) -> Option<SignedDuration> {
        let ahead = SignedDuration::from_secs(self.skew.load(Ordering::Relaxed));
        (ahead.abs() > SAME).then_some(ahead)
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
            Err(_) if self.login.is_on_its_way() => Err(Why::Failed(format!(
                "cannot log in to {server}: the credential plugin has not ended yet; it may wait for somebody to log in"
            ))),
            Err(_) => Err(Why::Unreachable(format!(
                "{server}: no answer to {what} within {:?}",
                self.limits.call
            ))),
        }
    }
}
