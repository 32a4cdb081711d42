//! What every question and every background job shares: how partial answers travel ([`Sink`]), how work is told
//! to stop ([`Cancel`]) and tells how far it is ([`Waiting`]), and how a value from outside says why it is not there ([`Known`]).

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

/// Tells work in progress that nobody waits for it any more.
pub use tokio_util::sync::CancellationToken as Cancel;

/// Whom work in the background leaves the processors to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// Threads that somebody waits for, as the one that draws.
    Screens,
    /// Everything else.
    All,
}

/// Leaves the processors to others: with as many busy threads as there are processors, a key waits for the end of their turns
/// otherwise. It is for the calling thread and all it starts, on Linux, where threads have priorities of their own
/// (setpriority(2), "C library/kernel differences").
pub fn stand_back(behind: Behind) {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{getpriority_process, setpriority_process};
        // As `nice` counts.
        let back = match behind {
            Behind::Screens => 10,
            Behind::All => 19,
        };
        // Who stands further back already stays there; who cannot is no worse off.
        if getpriority_process(None).is_ok_and(|now| now < back) {
            let _ = setpriority_process(None, back);
        }
    }
}

/// Where an answer goes while it grows.
///
/// Each partial answer is whole and replaces the one before it. The final answer is the return value of the
/// question, not a partial one.
#[derive(Clone)]
pub struct Sink<A> {
    deliver: Option<Arc<dyn Fn(A) + Send + Sync>>,
    waiting: Waiting,
}

/// Who waits for work: whether still, and who is told how far it is.
#[derive(Clone, Default)]
pub struct Waiting {
    cancel: Cancel,
    rendered: Option<Arc<dyn Fn(Rendered) + Send + Sync>>,
}

/// How many of the apps that somebody waits for are rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rendered {
    pub done: usize,
    pub total: usize,
}

impl fmt::Display for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rendering {} of {}", self.done, self.total)
    }
}

impl Waiting {
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// From whatever thread renders.
    pub fn tell(&self, rendered: Rendered) {
        if let Some(tell) = &self.rendered {
            tell(rendered);
        }
    }
}

impl<A> Sink<A> {
    /// Partial answers go to `deliver`, from whatever thread makes them.
    pub fn new(cancel: Cancel, deliver: impl Fn(A) + Send + Sync + 'static) -> Self {
        Self {
            deliver: Some(Arc::new(deliver)),
            waiting: Waiting {
                cancel,
                rendered: None,
            },
        }
    }

    /// Only the final answer is wanted.
    pub fn last_only() -> Self {
        Self {
            deliver: None,
            waiting: Waiting::default(),
        }
    }

    /// How far the renderings are goes to `tell`.
    pub fn telling(mut self, tell: impl Fn(Rendered) + Send + Sync + 'static) -> Self {
        self.waiting.rendered = Some(Arc::new(tell));
        self
    }

    /// Whether making a partial answer is worth the work.
    pub fn wants_partial(&self) -> bool {
        self.deliver.is_some()
    }

    pub fn send(&self, answer: A) {
        if let Some(deliver) = &self.deliver {
            deliver(answer);
        }
    }

    pub fn cancel(&self) -> &Cancel {
        self.waiting.cancel()
    }

    pub fn waiting(&self) -> &Waiting {
        &self.waiting
    }
}

/// A value from outside (a cluster, a forge, a tool), or why it is not known.
///
/// JSON: `{"state": "fresh|stale|loading|unavailable", "value"?, "why"?, "at"?}`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Known<T> {
    #[default]
    Loading,
    Fresh(T),
    /// Known once, not confirmed since the given time.
    Stale(T, Timestamp),
    Unavailable(Why),
}

impl<T> Known<T> {
    /// Why there is no value.
    pub fn why(&self) -> Option<&Why> {
        match self {
            Known::Unavailable(why) => Some(why),
            Known::Loading | Known::Fresh(_) | Known::Stale(..) => None,
        }
    }

    /// Last confirmed at `stale`, or fresh.
    pub fn fresh_or_stale(value: T, stale: Option<Timestamp>) -> Known<T> {
        match stale {
            Some(at) => Known::Stale(value, at),
            None => Known::Fresh(value),
        }
    }

    /// When it was last confirmed, where it is not any more.
    pub fn as_of(&self) -> Option<Timestamp> {
        match self {
            Known::Stale(_, at) => Some(*at),
            Known::Loading | Known::Fresh(_) | Known::Unavailable(_) => None,
        }
    }

    pub fn value(&self) -> Option<&T> {
        match self {
            Known::Fresh(value) | Known::Stale(value, _) => Some(value),
            Known::Loading | Known::Unavailable(_) => None,
        }
    }

    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Known<U> {
        match self {
            Known::Loading => Known::Loading,
            Known::Fresh(value) => Known::Fresh(f(value)),
            Known::Stale(value, at) => Known::Stale(f(value), at),
            Known::Unavailable(why) => Known::Unavailable(why),
        }
    }

    pub fn as_ref(&self) -> Known<&T> {
        match self {
            Known::Loading => Known::Loading,
            Known::Fresh(value) => Known::Fresh(value),
            Known::Stale(value, at) => Known::Stale(value, *at),
            Known::Unavailable(why) => Known::Unavailable(why.clone()),
        }
    }
}

impl<T: Serialize> Serialize for Known<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Known::Loading => map.serialize_entry("state", "loading")?,
            Known::Fresh(value) => {
                map.serialize_entry("state", "fresh")?;
                map.serialize_entry("value", value)?;
            }
            Known::Stale(value, at) => {
                map.serialize_entry("state", "stale")?;
                map.serialize_entry("value", value)?;
                map.serialize_entry("at", at)?;
            }
            Known::Unavailable(why) => {
                map.serialize_entry("state", "unavailable")?;
                map.serialize_entry("why", &why.to_string())?;
            }
        }
        map.end()
    }
}

/// Why a value from outside is not known. Each has its own look on screen: none of them is "nothing there".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The user asked for no cluster, or there is none to ask.
    NoCluster,
    /// More than one cluster could be meant; nobody said which.
    NoContextChosen,
    /// The context that was chosen means another cluster by now: its name.
    ContextChanged(String),
    /// The server refuses: what was asked for.
    Forbidden(String),
    /// No answer: what was tried.
    Unreachable(String),
    /// The server does not know this kind.
    UnknownKind(String),
    /// Something else than a cluster holds it: a Terraform resource, an Ansible play.
    NotInCluster,
    /// What git declares could not be rendered, which is said elsewhere.
    NotRendered,
    /// A tool that would be needed is not installed.
    ToolMissing(String),
    /// `--offline`.
    Offline,
    /// The question is about the past; a cluster only tells the present.
    Past,
    /// Anything else that failed: the error's text.
    Failed(String),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::NoCluster => f.write_str("no cluster"),
            Why::NoContextChosen => f.write_str("no context chosen"),
            Why::ContextChanged(context) => {
                write!(
                    f,
                    "the context chosen, {context}, means another cluster now"
                )
            }
            Why::Forbidden(what) => write!(f, "forbidden: {what}"),
            Why::Unreachable(what) => write!(f, "unreachable: {what}"),
            Why::UnknownKind(kind) => write!(f, "the server has no kind {kind}"),
            Why::NotInCluster => f.write_str("not a Kubernetes object"),
            Why::NotRendered => f.write_str("not rendered"),
            Why::ToolMissing(tool) => write!(f, "{tool} is not installed"),
            Why::Offline => f.write_str("offline"),
            Why::Past => f.write_str("not known for the past"),
            Why::Failed(error) => write!(f, "failed: {error}"),
        }
    }
}

/// The present moment, injected so that no answer depends on when a test runs.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Clock(Arc::new(now))
    }

    pub fn system() -> Self {
        Clock::new(Timestamp::now)
    }

    pub fn fixed(at: Timestamp) -> Self {
        Clock::new(move || at)
    }

    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}
