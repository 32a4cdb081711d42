//! How requests get in: with a client made of a kubeconfig's context, and made again when that no longer holds.
//!
//! Tokens and certificates expire, are rotated, and people log in again while gitopsy runs. So a client is made anew when
//! its credentials run out, when the server refuses them (401), and when a file it was made of has changed. All requests,
//! lists and watches alike, go through here, so that none of them is left with an old client, and one attempt serves all.
//! Attempts that help nothing come at growing intervals: a plugin may open a browser each time.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::sync::Mutex;
use tower::BoxError;

use super::connection::Limits;
use super::kubeconfig::{self, Files, Stamp};
use super::{Error, Identity, error, plugin};
use crate::task::{Clock, Why};

/// The first pause between two attempts to log in, and between two looks at the files.
const PAUSE: SignedDuration = SignedDuration::from_secs(3);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_secs(30);
/// After this long without an attempt, the next one is the first again.
const FORGOTTEN: SignedDuration = SignedDuration::from_mins(2);
/// What is about to expire would, on its way.
const MARGIN: SignedDuration = SignedDuration::from_secs(10);

/// How often a server that is busy is asked again, and how long it may make us wait.
const TIMES: u32 = 3;
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// What a client is made of.
#[derive(Clone)]
pub(super) struct Source {
    pub files: Files,
    pub context: String,
    pub limits: Limits,
    pub clock: Clock,
}

/// Which cluster a context names, and which namespace of it. Where that differs, it is not only the login that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub server: String,
    pub namespace: String,
    tls_name: Option<String>,
    authority: Option<Vec<Vec<u8>>>,
}

/// Lets requests in.
pub(super) struct Login {
    source: Source,
    target: Target,
    state: Arc<Mutex<State>>,
}

struct State {
    client: Arc<Made>,
    /// The files it was made of, as they were before, and when that was seen last.
    files: Vec<PathBuf>,
    stamp: Stamp,
    looked: Timestamp,
    /// When it was last tried to make one, and how long not to try again.
    tried: Timestamp,
    pause: SignedDuration,
    failed: Option<Why>,
    /// The context names another cluster by now.
    elsewhere: bool,
}

/// A client, and until when its credentials are good.
struct Made {
    client: Client,
    until: Option<Timestamp>,
}

/// What a request that could not be let in fails with.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(super) struct NotIn(pub Why);

impl Login {
    /// Makes the first client: no request is made yet, but a credential plugin runs.
    pub async fn open(source: Source) -> Result<Login, Error> {
        let (client, target, files, stamp) = make(&source).await?;
        let now = source.clock.now();
        let state = State {
            client: Arc::new(client),
            files,
            stamp,
            looked: now,
            tried: now,
            pause: PAUSE,
            failed: None,
            elsewhere: false,
        };
        Ok(Login {
            source,
            target,
            state: Arc::new(Mutex::new(state)),
        })
    }

    pub fn target(&self) -> &Target {
        &self.target
    }

    pub fn identity(&self) -> Identity {
        Identity {
            context: Some(self.source.context.clone()),
            server: self.target.server.clone(),
        }
    }

    /// Whether the context still names the cluster that it named in the beginning.
    pub async fn is_current(&self) -> bool {
        // What fails is told by the next request.
        let _ = self.client(None).await;
        !self.state.lock().await.elsewhere
    }

    /// Whether it was seen that the context names another cluster by now.
    pub fn is_elsewhere(&self) -> bool {
        self.state.try_lock().is_ok_and(|state| state.elsewhere)
    }

    /// Whether requests wait for a login that is on its way.
    pub fn is_on_its_way(&self) -> bool {
        self.state.try_lock().is_err()
    }

    /// Sends a request: again after logging in again where it is refused, and a few times where the server is busy.
    pub async fn send(&self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let mut made = self.client(None).await?;
        let (parts, body) = request.into_parts();
        let mut waited = 0;
        while let Some(body) = body.try_clone() {
            let request = Request::from_parts(parts.clone(), body);
            let answer = made.client.send(request).await?;
            if answer.status() == StatusCode::UNAUTHORIZED {
                let other = self.client(Some(&made)).await?;
                if Arc::ptr_eq(&other, &made) {
                    return Ok(answer);
                }
                made = other;
            } else if let Some(wait) = self.wait(&answer).filter(|_| waited < TIMES) {
                waited += 1;
                tokio::time::sleep(wait).await;
            } else {
                return Ok(answer);
            }
        }
        // What cannot be repeated is sent once.
        Ok(made.client.send(Request::from_parts(parts, body)).await?)
    }

    /// How long to wait before a server that is busy is asked again, where it is.
    fn wait(&self, answer: &Response<Body>) -> Option<Duration> {
        let busy = [
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::SERVICE_UNAVAILABLE,
            StatusCode::GATEWAY_TIMEOUT,
        ];
        let asked = answer.headers().get(header::RETRY_AFTER);
        let asked = asked.and_then(|after| after.to_str().ok()?.parse().ok());
        let wait = asked.map_or(self.source.limits.again, Duration::from_secs);
        (busy.contains(&answer.status()) && wait <= LONGEST_WAIT).then_some(wait)
    }

    /// The client to send with, made again where it has to be; the same as `refused` where it is too early for that.
    async fn client(&self, refused: Option<&Arc<Made>>) -> Result<Arc<Made>, NotIn> {
        let mut state = Arc::clone(&self.state).lock_owned().await;
        let now = self.source.clock.now();
        let is_refused = refused.is_some_and(|refused| Arc::ptr_eq(refused, &state.client));
        let is_useless = is_refused || state.client.expires(now);
        let may_try = now.duration_since(state.tried) >= state.pause;
        if (is_useless && may_try) || state.has_changed(now).await {
            let (source, target) = (self.source.clone(), self.target.clone());
            // Whoever waits may give up before a person has logged in; the login goes on.
            let attempt = tokio::spawn(async move {
                state.renew(&source, &target).await;
                state
            });
            let given_up = |_| NotIn(Why::Failed("the login was ended".to_owned()));
            state = attempt.await.map_err(given_up)?;
        }
        state.current(&self.source, is_refused)
    }
}

impl Made {
    fn expires(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now + MARGIN)
    }
}

impl State {
    async fn has_changed(&mut self, now: Timestamp) -> bool {
        if now.duration_since(self.looked) < PAUSE {
            return false;
        }
        self.looked = now;
        let files = self.files.clone();
        let stamp = tokio::task::spawn_blocking(move || Stamp::of(&files)).await;
        stamp.is_ok_and(|stamp| stamp != self.stamp)
    }

    async fn renew(&mut self, source: &Source, target: &Target) {
        let began = source.clock.now();
        self.pause = match began.duration_since(self.tried) {
            long if long >= FORGOTTEN => PAUSE,
            _ => (self.pause * 2).min(LONGEST_PAUSE),
        };
        // Else a file that is broken for good would be read again and again.
        self.stamp = Stamp::of(&self.files);
        match make(source).await {
            Ok((made, found, files, stamp)) => {
                self.elsewhere = found != *target;
                self.failed = None;
                self.client = Arc::new(made);
                self.files = files;
                self.stamp = stamp;
            }
            Err(error) => self.failed = Some(error.why()),
        }
        self.tried = source.clock.now();
        self.looked = self.tried;
    }

    fn current(&self, source: &Source, is_refused: bool) -> Result<Arc<Made>, NotIn> {
        if self.elsewhere {
            return Err(NotIn(Why::Failed(format!(
                "context {} has become another cluster",
                crate::text::clean_line(&source.context)
            ))));
        }
        match &self.failed {
            Some(why) if is_refused || self.client.expires(source.clock.now()) => {
                Err(NotIn(why.clone()))
            }
            // As long as the server takes what we have, whether it could be had again is no matter.
            _ => Ok(Arc::clone(&self.client)),
        }
    }
}

/// Reads the kubeconfig and makes a client of the context; with what it was made of.
async fn make(source: &Source) -> Result<(Made, Target, Vec<PathBuf>, Stamp), Error> {
    let Source {
        files,
        context,
        limits,
        ..
    } = source;
    // What changes while it is read counts as a change after that.
    let mut stamp = Stamp::of(files.paths());
    let kubeconfig = files.read().await?;
    let credentials = kubeconfig::credentials(&kubeconfig, context);
    stamp.extend(&credentials);
    let named = [files.paths(), &credentials].concat();
    let mut config = config(kubeconfig, context).await?;
    config.connect_timeout = Some(limits.connect);
    config.write_timeout = Some(limits.call);
    // It would go on for longer than anybody waits.
    config.default_retry = false;
    let target = Target {
        server: config
            .cluster_url
            .to_string()
            .trim_end_matches('/')
            .to_owned(),
        namespace: config.default_namespace.clone(),
        tls_name: config.tls_server_name.clone(),
        authority: config.root_cert.clone(),
    };
    let until = plugin::run(&mut config.auth_info, context, limits.plugin).await?;
    let unusable = |why| Error::Context {
        context: context.clone(),
        why,
    };
    let client = Client::try_from(config).map_err(|error| unusable(error::client(&error)))?;
    Ok((Made { client, until }, target, named, stamp))
}

async fn config(kubeconfig: Kubeconfig, context: &str) -> Result<Config, Error> {
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
    let unusable = |why| Error::Context {
        context: context.to_owned(),
        why,
    };
    let config = Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .map_err(|error| unusable(error::kubeconfig(&error)))?;
    match &config.auth_info.auth_provider {
        // kube would run its command while a request waits, for as long as it takes.
        Some(provider) if provider.config.contains_key("cmd-path") => Err(unusable(format!(
            "its auth provider {} was removed from Kubernetes 1.26: it is a credential plugin now",
            crate::text::clean_line(&provider.name)
        ))),
        _ => Ok(config),
    }
}
