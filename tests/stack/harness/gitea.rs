//! Gitea, its users and their repositories.

use std::sync::OnceLock;
use std::thread;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Part, start};

pub struct Gitea {
    part: Part<Ready>,
}

#[derive(Deserialize)]
struct Ready {
    url: String,
    token: String,
}

/// A private repository of one test's.
pub struct Repository {
    /// `owner/name`
    pub path: String,
    pub owner: String,
    /// The owner's, for everything that is theirs.
    pub token: String,
    /// To clone from, without credentials.
    pub url: String,
    /// The same with the owner's credentials: to push to.
    pub authorized: String,
}

/// The Gitea of this test run. `None` where the servers are not built.
pub fn gitea() -> Option<&'static Gitea> {
    static GITEA: OnceLock<Option<Gitea>> = OnceLock::new();
    let gitea = || {
        Some(Gitea {
            part: start("gitea", &[])?,
        })
    };
    GITEA.get_or_init(gitea).as_ref()
}

impl Gitea {
    /// A new user; their token.
    pub fn user(&self, name: &str) -> String {
        let keeper = &self.part.ready;
        let user = json!({
            "username": name, "email": format!("{name}@example.com"),
            "password": format!("{name}-Pass-1"), "must_change_password": false,
        });
        self.must(&keeper.token, Method::POST, "/admin/users", &user);
        let client = client().post(format!("{}/api/v1/users/{name}/tokens", keeper.url));
        let request = client
            .basic_auth(name, Some(format!("{name}-Pass-1")))
            .json(&json!({"name": "test", "scopes": ["all"]}));
        let (status, token) = send(request);
        assert_eq!(status, 201, "{token}");
        token["sha1"].as_str().expect("a token").to_owned()
    }

    /// A new user, and their new and empty repository `environments`.
    pub fn repository(&self, owner: &str) -> Repository {
        let token = self.user(owner);
        let body = json!({"name": "environments", "private": true, "default_branch": "main"});
        self.must(&token, Method::POST, "/user/repos", &body);
        let path = format!("{owner}/environments");
        let url = format!("{}/{path}.git", self.part.ready.url);
        let authorized = url.replacen("http://", &format!("http://{owner}:{token}@"), 1);
        Repository {
            path,
            owner: owner.to_owned(),
            token,
            url,
            authorized,
        }
    }

    /// The API's answer, below `/api/v1`: its status, and its body (`null` where that is no JSON).
    pub fn ask(&self, token: &str, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let url = format!("{}/api/v1{path}", self.part.ready.url);
        let request = client()
            .request(method, url)
            .header("Authorization", format!("token {token}"));
        send(match body {
            Value::Null => request,
            body => request.json(body),
        })
    }

    /// The API's answer, which must be a success.
    pub fn must(&self, token: &str, method: Method, path: &str, body: &Value) -> Value {
        let (status, answer) = self.ask(token, method, path, body);
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }
}

fn client() -> reqwest::Client {
    // The first client of the process decides; it is the same library for all.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("an HTTP client")
}

/// On a thread of its own, so that asynchronous tests may call it too.
fn send(request: reqwest::RequestBuilder) -> (u16, Value) {
    let exchange = async {
        let response = request.send().await.expect("Gitea answers");
        let status = response.status().as_u16();
        let text = response.text().await.expect("text");
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    };
    let run = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
            .block_on(exchange)
    };
    thread::scope(|scope| scope.spawn(run).join().expect("the request was made"))
}
