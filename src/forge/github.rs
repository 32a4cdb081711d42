//! GitHub's REST API (and GitHub Enterprise Server's, which is the same elsewhere): the six calls that gitopsy needs.
//! Source: the API's OpenAPI description, `pulls/*`; what it answers in practice when it refuses is noted at each case.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::http::{Answer, Api, secret_header};
use super::token::Token;
use super::{Error, NewPullRequest, PullRequest, Result, State};
use crate::git::Oid;

/// How often something that GitHub has not noticed yet is tried again, and how long to wait at first; doubled each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    pub attempts: u32,
    pub wait: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            attempts: 5,
            wait: Duration::from_millis(500),
        }
    }
}

/// One repository on GitHub.
#[derive(Clone)]
pub struct GitHub {
    api: Api,
    owner: String,
    name: String,
    /// Who owns the repository that branches are pushed to; another one for forks.
    head_owner: String,
    token: String,
    patience: Patience,
}

/// Open pull requests beyond these many hundreds are not listed.
const MAX_PAGES: usize = 10;
const PER_PAGE: usize = 100;
/// How much of a text is kept.
const MAX_TITLE: usize = 1_000;
const MAX_BODY: usize = 100_000;

/// Where the API of the GitHub at `host` is.
pub(super) fn api_of(host: &str, origin: &str) -> String {
    if host == "github.com" {
        "https://api.github.com".to_owned()
    } else if host.ends_with(".ghe.com") {
        format!("https://api.{host}")
    } else {
        format!("{origin}/api/v3")
    }
}

impl GitHub {
    /// `repository` is `owner/name`; `head_owner` owns the branches that are proposed.
    pub fn new(
        api: &str,
        repository: &str,
        head_owner: &str,
        token: &Token,
        patience: Patience,
    ) -> Result<GitHub> {
        let Some((owner, name)) = repository
            .split_once('/')
            .filter(|(_, name)| !name.contains('/'))
        else {
            return Err(Error::NoApi(format!(
                "{repository} is no repository of GitHub\nhint: its remote's URL should end in owner/name"
            )));
        };
        let authorization =
            secret_header(&format!("Bearer {}", token.value())).ok_or_else(|| {
                Error::NoApi(format!(
                    "the token {} is not one: it has characters that no token has",
                    token.source()
                ))
            })?;
        let headers = HeaderMap::from_iter([
            (AUTHORIZATION, authorization),
            (
                ACCEPT,
                HeaderValue::from_static("application/vnd.github+json"),
            ),
        ]);
        Ok(GitHub {
            api: Api::new(api, headers)?,
            owner: owner.to_owned(),
            name: name.to_owned(),
            head_owner: head_owner.to_owned(),
            token: token.source().to_owned(),
            patience,
        })
    }

    pub(super) fn describe(&self) -> String {
        format!(
            "{}/{} on {}, with the token {}",
            self.owner,
            self.name,
            self.api.host(),
            self.token
        )
    }

    /// The open pull requests, newest first.
    pub async fn list(&self) -> Result<Vec<PullRequest>> {
        let what = "list pull requests";
        let mut all = Vec::new();
        for page in 1..=MAX_PAGES {
            let (page, size) = (page.to_string(), PER_PAGE.to_string());
            let query = [("state", "open"), ("per_page", &size), ("page", &page)];
            let answer = self.get_json(&["pulls"], &query, what).await?;
            let found = self.pulls(answer, what)?;
            let last = found.len() < PER_PAGE;
            all.extend(found);
            if last {
                break;
            }
        }
        Ok(all)
    }

    pub async fn get(&self, number: u64) -> Result<PullRequest> {
        let what = "read a pull request";
        let number_text = number.to_string();
        let answer = self
            .send(Method::GET, &["pulls", &number_text], &[], None)
            .await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Err(Error::NoSuchPull(number));
        }
        self.pull(self.checked(answer, what)?, what)
    }

    /// The open pull request of a branch.
    pub async fn find(&self, branch: &str) -> Result<Option<PullRequest>> {
        let what = "find a pull request";
        let head = self.head(branch);
        let query = [("state", "open"), ("head", head.as_str())];
        let answer = self.get_json(&["pulls"], &query, what).await?;
        let found = self.pulls(answer, what)?;
        // An unknown head is no filter at all on some servers.
        Ok(found.into_iter().find(|pull| pull.head_branch == branch))
    }

    /// Opens a pull request; one that is open already for the branch is returned as it is.
    pub async fn open(&self, new: &NewPullRequest) -> Result<PullRequest> {
        let what = "open a pull request";
        let body = json!({
            "title": new.title,
            "body": new.body,
            "head": self.head(&new.head_branch),
            "base": new.base_branch,
        });
        let mut wait = self.patience.wait;
        for attempt in 1.. {
            let answer = self
                .send(Method::POST, &["pulls"], &[], Some(&body))
                .await?;
            if answer.status != StatusCode::UNPROCESSABLE_ENTITY {
                return self.pull(self.checked(answer, what)?, what);
            }
            match refusal(&answer.body) {
                Refusal::Exists => {
                    if let Some(pull) = self.find(&new.head_branch).await? {
                        return Ok(pull);
                    }
                }
                Refusal::NoCommits => {
                    return Err(Error::NothingToPropose {
                        branch: new.head_branch.clone(),
                        base: new.base_branch.clone(),
                    });
                }
                // GitHub may take some seconds to see a branch that was just pushed.
                Refusal::UnknownHead if attempt < self.patience.attempts => {
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                    continue;
                }
                Refusal::UnknownHead => {
                    return Err(Error::NoSuchBranch(new.head_branch.clone()));
                }
                Refusal::Other => {}
            }
            return Err(self.refused(&answer, what));
        }
        Err(Error::NoSuchBranch(new.head_branch.clone()))
    }

    /// Merges, if the head is still `expected`; by a merge commit where the repository allows it, else as it does.
    pub async fn merge(&self, number: u64, expected: Oid) -> Result<Oid> {
        let what = "merge a pull request";
        let number_text = number.to_string();
        let mut refusal = String::new();
        for method in ["merge", "squash", "rebase"] {
            let body = json!({"sha": expected.to_string(), "merge_method": method});
            let path = ["pulls", &number_text, "merge"];
            let answer = self.send(Method::PUT, &path, &[], Some(&body)).await?;
            match answer.status {
                // "Merge commits are not allowed on this repository."
                StatusCode::METHOD_NOT_ALLOWED if message(&answer.body).contains("not allowed") => {
                    refusal = message(&answer.body);
                }
                StatusCode::METHOD_NOT_ALLOWED => {
                    refusal = message(&answer.body);
                    break;
                }
                StatusCode::CONFLICT => return Err(Error::HeadMoved { number, expected }),
                _ => {
                    let answer = self.checked(answer, what)?;
                    let sha = answer["sha"]
                        .as_str()
                        .and_then(|sha| Oid::from_hex(sha.as_bytes()).ok());
                    return sha.ok_or_else(|| self.bad_answer(what));
                }
            }
        }
        Err(Error::NotMergeable {
            number,
            why: refusal,
        })
    }

    fn head(&self, branch: &str) -> String {
        format!("{}:{branch}", self.head_owner)
    }

    async fn send(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer> {
        let mut whole = vec!["repos", self.owner.as_str(), self.name.as_str()];
        whole.extend(path);
        self.api.send(method, &whole, query, body).await
    }

    async fn get_json(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        what: &'static str,
    ) -> Result<Value> {
        self.checked(self.send(Method::GET, path, query, None).await?, what)
    }

    /// The body of an answer that went well.
    fn checked(&self, answer: Answer, what: &'static str) -> Result<Value> {
        if answer.status.is_success() {
            return Ok(answer.body);
        }
        Err(self.refused(&answer, what))
    }

    fn refused(&self, answer: &Answer, what: &'static str) -> Error {
        let host = self.api.host().to_owned();
        let repository = format!("{}/{}", self.owner, self.name);
        let token = self.token.clone();
        if let Some(until) = rate_limit(answer) {
            return Error::RateLimited { host, until };
        }
        match answer.status {
            StatusCode::UNAUTHORIZED => Error::Unauthorized { host, token },
            // The header names the page on which the token can be authorized: `required; url=https://…`.
            StatusCode::FORBIDDEN if answer.header("x-github-sso").is_some() => {
                let header = answer.header("x-github-sso").unwrap_or_default();
                let page = header.split("url=").nth(1).map(str::to_owned);
                Error::SingleSignOn {
                    repository,
                    token,
                    page,
                }
            }
            // "Resource not accessible by personal access token", "… by integration".
            StatusCode::FORBIDDEN if message(&answer.body).contains("not accessible") => {
                Error::Forbidden {
                    what,
                    repository,
                    token,
                }
            }
            StatusCode::NOT_FOUND => Error::NotVisible {
                host,
                what: repository,
                token,
            },
            status => Error::Refused {
                host,
                what,
                message: message(&answer.body),
                status: status.as_u16(),
            },
        }
    }

    fn bad_answer(&self, what: &'static str) -> Error {
        Error::BadAnswer {
            host: self.api.host().to_owned(),
            what,
        }
    }

    fn pull(&self, body: Value, what: &'static str) -> Result<PullRequest> {
        Pull::deserialize(body)
            .ok()
            .and_then(Pull::into_pull_request)
            .ok_or_else(|| self.bad_answer(what))
    }

    fn pulls(&self, body: Value, what: &'static str) -> Result<Vec<PullRequest>> {
        let Value::Array(items) = body else {
            return Err(self.bad_answer(what));
        };
        items
            .into_iter()
            .map(|item| self.pull(item, what))
            .collect()
    }
}

/// What the API says about a pull request, as far as it is used.
#[derive(Deserialize)]
struct Pull {
    number: u64,
    title: String,
    body: Option<String>,
    /// Null for a deleted account.
    user: Option<User>,
    head: Branch,
    base: Branch,
    state: String,
    html_url: String,
    created_at: Option<Timestamp>,
    merged_at: Option<Timestamp>,
    /// Of an open pull request, a trial merge.
    merge_commit_sha: Option<String>,
}

#[derive(Deserialize)]
struct User {
    login: String,
}

#[derive(Deserialize)]
struct Branch {
    #[serde(rename = "ref")]
    name: String,
    sha: String,
}

impl Pull {
    fn into_pull_request(self) -> Option<PullRequest> {
        let state = match (self.merged_at, self.state.as_str()) {
            (Some(_), _) => State::Merged,
            (None, "open") => State::Open,
            (None, _) => State::Closed,
        };
        let merged = self.merge_commit_sha.filter(|_| state == State::Merged);
        Some(PullRequest {
            number: self.number,
            title: bounded(self.title, MAX_TITLE),
            body: bounded(self.body.unwrap_or_default(), MAX_BODY),
            author: self
                .user
                .map_or_else(|| "ghost".to_owned(), |user| user.login),
            head_branch: self.head.name,
            head: Oid::from_hex(self.head.sha.as_bytes()).ok()?,
            base_branch: self.base.name,
            state,
            url: Some(self.html_url),
            created: self.created_at,
            merged: self.merged_at,
            merged_commit: merged.and_then(|sha| Oid::from_hex(sha.as_bytes()).ok()),
        })
    }
}

fn bounded(mut text: String, most: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(most) {
        text.truncate(end);
    }
    text
}

/// Why a pull request was not opened (422).
enum Refusal {
    /// "A pull request already exists for owner:branch."
    Exists,
    /// "No commits between main and branch"
    NoCommits,
    /// `{"field": "head", "code": "invalid"}`
    UnknownHead,
    Other,
}

fn refusal(body: &Value) -> Refusal {
    let errors = body["errors"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    for error in errors {
        let text = error["message"].as_str().unwrap_or_default();
        if text.contains("already exists") {
            return Refusal::Exists;
        }
        if text.starts_with("No commits between") {
            return Refusal::NoCommits;
        }
        if error["field"] == "head" && error["code"] == "invalid" {
            return Refusal::UnknownHead;
        }
    }
    Refusal::Other
}

/// What GitHub says, with what it says in detail.
fn message(body: &Value) -> String {
    let mut text = body["message"]
        .as_str()
        .unwrap_or("no reason given")
        .to_owned();
    for error in body["errors"].as_array().into_iter().flatten() {
        if let Some(detail) = error["message"].as_str().or(error.as_str()) {
            text.push_str(": ");
            text.push_str(detail);
        }
    }
    bounded(text, MAX_TITLE)
}

/// Whether this is a rate limit (403 or 429), and when it ends: `retry-after` in seconds, else `x-ratelimit-reset`.
fn rate_limit(answer: &Answer) -> Option<Option<Timestamp>> {
    let status = answer.status;
    if status != StatusCode::FORBIDDEN && status != StatusCode::TOO_MANY_REQUESTS {
        return None;
    }
    let retry = answer.number("retry-after");
    let used_up = answer.number("x-ratelimit-remaining") == Some(0);
    if status == StatusCode::FORBIDDEN && retry.is_none() && !used_up {
        return None;
    }
    let date = answer
        .header("date")
        .and_then(|date| jiff::fmt::rfc2822::parse(date).ok())
        .map(|date| date.timestamp().as_second());
    let after = retry.zip(date).map(|(seconds, now)| now + seconds);
    let end = after.or(answer.number("x-ratelimit-reset").filter(|_| used_up));
    Some(end.and_then(|second| Timestamp::from_second(second).ok()))
}

#[cfg(test)]
mod tests;
