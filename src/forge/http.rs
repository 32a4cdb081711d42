//! One HTTP client for every forge with an API: bounded in time and size, credentials to one host only, every call in the log.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, StatusCode, Url};
use serde_json::Value;

use super::{Error, Result};
use crate::exec::{Call, Outcome, record};

/// A forge's answer.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// `Null` where it was no JSON.
    pub(super) body: Value,
}

/// An API at one place, with the headers it wants on every request.
#[derive(Clone)]
pub(super) struct Api {
    client: Client,
    base: Url,
    headers: HeaderMap,
}

/// No list of a hundred pull requests is as large.
const MAX_ANSWER: usize = 16 << 20;
const MAX_REDIRECTS: usize = 5;

impl Api {
    /// `base` must be https, unless it is this machine: the headers hold credentials.
    pub(super) fn new(base: &str, headers: HeaderMap) -> Result<Api> {
        let unusable =
            |why: &str| Error::NoApi(format!("{base} cannot be used as a forge's API: {why}"));
        let base = Url::parse(base).map_err(|error| unusable(&error.to_string()))?;
        let host = base.host_str().unwrap_or_default().to_owned();
        let local = matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]");
        if base.scheme() != "https" && !local {
            return Err(unusable("it is not https"));
        }
        // The client panics without one; where the program has chosen another already, that one stays.
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let same_place = move |attempt: reqwest::redirect::Attempt| {
            let first = attempt.previous().first();
            let moved = first.is_none_or(|first| first.origin() != attempt.url().origin());
            if moved || attempt.previous().len() > MAX_REDIRECTS {
                attempt.stop()
            } else {
                attempt.follow()
            }
        };
        let mut builder = Client::builder();
        if local {
            // Credentials in the clear do not leave this machine.
            builder = builder.no_proxy();
        }
        let client = builder
            .user_agent(concat!("gitopsy/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_secs(30))
            .redirect(Policy::custom(same_place))
            .build()
            .map_err(|error| unusable(&error.to_string()))?;
        Ok(Api {
            client,
            base,
            headers,
        })
    }

    /// The host, as it is shown.
    pub(super) fn host(&self) -> &str {
        self.base.host_str().unwrap_or_default()
    }

    /// Asks for `path` (segments, escaped here) below the base.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let (at, start) = (Timestamp::now(), Instant::now());
        let result = self.exchange(method.clone(), url.clone(), body).await;
        let outcome = match &result {
            Ok(answer) => Outcome::Ended(Some(answer.status.as_u16().into())),
            Err(error) => Outcome::failed(error),
        };
        let took = start.elapsed();
        record(Call::new(
            at,
            method.as_str(),
            [url.as_str()],
            took,
            outcome,
        ));
        result.map_err(|why| Error::Unreachable {
            host: self.host().to_owned(),
            why,
        })
    }

    async fn exchange(
        &self,
        method: Method,
        url: Url,
        body: Option<&Value>,
    ) -> std::result::Result<Answer, String> {
        let mut request = self
            .client
            .request(method, url)
            .headers(self.headers.clone());
        if let Some(body) = body {
            request = request.json(body);
        }
        let mut response = request.send().await.map_err(|error| describe(&error))?;
        let status = response.status();
        let headers = response.headers().clone();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| describe(&error))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAX_ANSWER {
                return Err("its answer is too long".to_owned());
            }
        }
        Ok(Answer {
            status,
            headers,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        })
    }
}

/// The innermost cause, without the URL, which the sentence around it names already.
fn describe(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it took too long".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.header(name)?.parse().ok()
    }
}

/// A header that must not be shown, not even while debugging.
pub(super) fn secret_header(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
