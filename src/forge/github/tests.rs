//! What GitHub is asked, and what becomes of each way in which it refuses. The answers are those of its API description and of
//! reports of people who met them (see the cases).

use serde_json::json;
use wiremock::matchers::{body_partial_json, header, method, path, query_param};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::*;

const TOKEN: &str = "ghp_canaryCANARY0123456789";
const HEAD: &str = "1111111111111111111111111111111111111111";
const MERGED: &str = "2222222222222222222222222222222222222222";

async fn server() -> (MockServer, GitHub) {
    let server = MockServer::start().await;
    let github = client(&server.uri());
    (server, github)
}

fn client(api: &str) -> GitHub {
    let patience = Patience {
        attempts: 3,
        wait: Duration::ZERO,
    };
    let token = Token::new(TOKEN.to_owned(), "from the test");
    GitHub::new(api, "shop/environments", "alice", &token, patience).unwrap()
}

fn pull(number: u64, branch: &str) -> Value {
    json!({
        "number": number, "title": "Undo it", "body": null, "user": {"login": "alice"},
        "head": {"ref": branch, "sha": HEAD}, "base": {"ref": "main", "sha": MERGED},
        "state": "open", "html_url": format!("https://github.com/shop/environments/pull/{number}"),
        "created_at": "2026-03-02T12:00:00Z", "merged_at": null, "merge_commit_sha": MERGED,
        "something_new": {"unknown": true},
    })
}

fn new() -> NewPullRequest {
    NewPullRequest {
        title: "Undo it".to_owned(),
        body: "Because.".to_owned(),
        head_branch: "undo".to_owned(),
        base_branch: "main".to_owned(),
    }
}

fn refusal(field: &str, code: &str, message: &str) -> ResponseTemplate {
    ResponseTemplate::new(422).set_body_json(json!({
        "message": "Validation Failed",
        "errors": [{"resource": "PullRequest", "field": field, "code": code, "message": message}],
    }))
}

fn post() -> wiremock::MockBuilder {
    Mock::given(method("POST")).and(path("/repos/shop/environments/pulls"))
}

fn list() -> wiremock::MockBuilder {
    Mock::given(method("GET")).and(path("/repos/shop/environments/pulls"))
}

#[tokio::test]
async fn a_pull_request_is_opened() {
    let (server, github) = server().await;
    post()
        .and(header("authorization", format!("Bearer {TOKEN}")))
        .and(header("accept", "application/vnd.github+json"))
        .and(body_partial_json(
            json!({"title": "Undo it", "body": "Because.", "head": "alice:undo", "base": "main"}),
        ))
        .respond_with(ResponseTemplate::new(201).set_body_json(pull(7, "undo")))
        .expect(1)
        .mount(&server)
        .await;
    let opened = github.open(&new()).await.unwrap();
    assert_eq!(
        (opened.number, opened.state, opened.author.as_str()),
        (7, State::Open, "alice")
    );
    assert_eq!(opened.head.to_string(), HEAD);
    // GitHub's trial merge is no merge.
    assert_eq!((opened.merged_commit, opened.body.as_str()), (None, ""));
}

/// vsoch/pull-request-action#86
#[tokio::test]
async fn one_that_is_open_already_is_adopted() {
    let (server, github) = server().await;
    post()
        .respond_with(refusal(
            "",
            "custom",
            "A pull request already exists for alice:undo.",
        ))
        .mount(&server)
        .await;
    list()
        .and(query_param("head", "alice:undo"))
        .and(query_param("state", "open"))
        // Some servers ignore a filter that they do not understand.
        .respond_with(
            ResponseTemplate::new(200).set_body_json(json!([pull(9, "other"), pull(3, "undo")])),
        )
        .mount(&server)
        .await;
    assert_eq!(github.open(&new()).await.unwrap().number, 3);
}

/// stackitcloud/cloud-provider-stackit#10
#[tokio::test]
async fn a_branch_that_is_not_seen_yet_is_waited_for() {
    let (server, github) = server().await;
    post()
        .respond_with(refusal("head", "invalid", ""))
        .up_to_n_times(2)
        .expect(2)
        .mount(&server)
        .await;
    post()
        .respond_with(ResponseTemplate::new(201).set_body_json(pull(7, "undo")))
        .expect(1)
        .mount(&server)
        .await;
    assert_eq!(github.open(&new()).await.unwrap().number, 7);
}

#[tokio::test]
async fn patience_ends() {
    let (server, github) = server().await;
    post()
        .respond_with(refusal("head", "invalid", ""))
        .expect(3)
        .mount(&server)
        .await;
    let error = github.open(&new()).await.unwrap_err();
    assert!(matches!(error, Error::NoSuchBranch(_)), "{error}");
}

/// tgymnich/fork-sync#112
#[tokio::test]
async fn nothing_to_propose_is_said() {
    let (server, github) = server().await;
    post()
        .respond_with(refusal("", "custom", "No commits between main and undo"))
        .mount(&server)
        .await;
    let error = github.open(&new()).await.unwrap_err();
    assert!(matches!(error, Error::NothingToPropose { .. }), "{error}");
}

/// Each refusal becomes a sentence that says what to do; none of them holds the token.
#[tokio::test]
async fn refusals_are_explained() {
    let answer = |status: u16, message: &str| {
        ResponseTemplate::new(status).set_body_json(json!({"message": message}))
    };
    let cases = [
        (
            answer(401, "Bad credentials"),
            "does not accept the token from the test\nhint: log in again",
        ),
        // RoamJS/roamjs-components#31
        (
            answer(403, "Resource not accessible by personal access token"),
            "may not open a pull request in shop/environments\nhint: a fine-grained token needs \"Pull requests: write\"",
        ),
        // gr2m/octokit-plugin-create-pull-request#67
        (
            answer(403, "Resource protected by organization SAML enforcement.").insert_header(
                "x-github-sso",
                "required; url=https://github.com/orgs/shop/sso?x=1",
            ),
            "hint: authorize the token from the test at https://github.com/orgs/shop/sso?x=1",
        ),
        (
            answer(403, "Something new"),
            "refused to open a pull request: Something new (403)",
        ),
        (
            answer(403, "API rate limit exceeded")
                .insert_header("x-ratelimit-remaining", "0")
                .insert_header("x-ratelimit-reset", "1772454600"),
            "none before 2026-03-02T12:30:00Z",
        ),
        (
            answer(429, "secondary rate limit")
                .insert_header("retry-after", "60")
                .insert_header("date", "Mon, 02 Mar 2026 12:00:00 GMT"),
            "none before 2026-03-02T12:01:00Z",
        ),
        (answer(429, "slow down"), "wants fewer requests\nhint"),
        (
            answer(404, "Not Found"),
            "shows no shop/environments to the token from the test",
        ),
        (
            refusal("base", "invalid", "base is odd"),
            "refused to open a pull request: Validation Failed: base is odd (422)",
        ),
        (
            ResponseTemplate::new(502).set_body_string("<html>"),
            "no reason given (502)",
        ),
        (
            ResponseTemplate::new(201).set_body_string("<html>"),
            "sent something else than expected",
        ),
        (
            ResponseTemplate::new(201).set_body_json(json!({"number": 1})),
            "sent something else than expected",
        ),
    ];
    for (template, expected) in cases {
        let (server, github) = server().await;
        post().respond_with(template).mount(&server).await;
        let error = github.open(&new()).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(expected), "{text}");
        assert!(
            !text.contains(TOKEN) && !format!("{error:?}").contains(TOKEN),
            "{text}"
        );
    }
}

#[tokio::test]
async fn all_pages_are_read() {
    let (server, github) = server().await;
    let full: Vec<Value> = (1..=100).map(|number| pull(number, "b")).collect();
    for (page, pulls) in [("1", full), ("2", vec![pull(101, "b")])] {
        list()
            .and(query_param("page", page))
            .and(query_param("per_page", "100"))
            .respond_with(ResponseTemplate::new(200).set_body_json(pulls))
            .expect(1)
            .mount(&server)
            .await;
    }
    assert_eq!(github.list().await.unwrap().len(), 101);
}

#[tokio::test]
async fn the_state_of_a_pull_request_is_told() {
    let (server, github) = server().await;
    let mut merged = pull(1, "undo");
    merged["state"] = "closed".into();
    let mut closed = merged.clone();
    merged["merged_at"] = "2026-03-02T12:10:00Z".into();
    closed["number"] = 2.into();
    closed["user"] = Value::Null;
    for body in [merged, closed] {
        let at = format!("/repos/shop/environments/pulls/{}", body["number"]);
        Mock::given(method("GET"))
            .and(path(at))
            .respond_with(ResponseTemplate::new(200).set_body_json(body))
            .mount(&server)
            .await;
    }
    let merged = github.get(1).await.unwrap();
    assert_eq!(merged.state, State::Merged);
    assert_eq!(merged.merged_commit.unwrap().to_string(), MERGED);
    let closed = github.get(2).await.unwrap();
    assert_eq!(
        (closed.state, closed.author.as_str()),
        (State::Closed, "ghost")
    );
    let error = github.get(3).await.unwrap_err();
    assert!(matches!(error, Error::NoSuchPull(3)), "{error}");
}

fn merge_with(how: &str) -> wiremock::MockBuilder {
    Mock::given(method("PUT"))
        .and(path("/repos/shop/environments/pulls/7/merge"))
        .and(body_partial_json(json!({"sha": HEAD, "merge_method": how})))
}

fn head() -> Oid {
    Oid::from_hex(HEAD.as_bytes()).unwrap()
}

#[tokio::test]
async fn a_merge_is_bound_to_the_head_that_was_looked_at() {
    let (server, github) = server().await;
    merge_with("merge")
        .respond_with(
            ResponseTemplate::new(200).set_body_json(json!({"sha": MERGED, "merged": true})),
        )
        .up_to_n_times(1)
        .mount(&server)
        .await;
    assert_eq!(github.merge(7, head()).await.unwrap().to_string(), MERGED);
    merge_with("merge")
        .respond_with(
            ResponseTemplate::new(409)
                .set_body_json(json!({"message": "Head branch was modified."})),
        )
        .mount(&server)
        .await;
    let error = github.merge(7, head()).await.unwrap_err();
    assert!(
        matches!(error, Error::HeadMoved { number: 7, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_repository_without_merge_commits_merges_its_own_way() {
    let (server, github) = server().await;
    let refuse = |what: &str| {
        let message = format!("{what} are not allowed on this repository.");
        ResponseTemplate::new(405).set_body_json(json!({"message": message}))
    };
    merge_with("merge")
        .respond_with(refuse("Merge commits"))
        .expect(1)
        .mount(&server)
        .await;
    merge_with("squash")
        .respond_with(refuse("Squash merges"))
        .expect(1)
        .mount(&server)
        .await;
    merge_with("rebase")
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"sha": MERGED})))
        .mount(&server)
        .await;
    assert_eq!(github.merge(7, head()).await.unwrap().to_string(), MERGED);
}

#[tokio::test]
async fn what_cannot_be_merged_says_why() {
    let (server, github) = server().await;
    merge_with("merge")
        .respond_with(
            ResponseTemplate::new(405)
                .set_body_json(json!({"message": "Pull Request is not mergeable"})),
        )
        .expect(1)
        .mount(&server)
        .await;
    let error = github.merge(7, head()).await.unwrap_err().to_string();
    assert_eq!(
        error,
        "pull request #7 cannot be merged: Pull Request is not mergeable"
    );
}

/// A server that sends us elsewhere gets no credentials sent there.
#[tokio::test]
async fn the_token_goes_to_its_host_only() {
    let elsewhere = MockServer::start().await;
    Mock::given(|_: &Request| true)
        .respond_with(ResponseTemplate::new(200).set_body_json(json!([])))
        .expect(0)
        .mount(&elsewhere)
        .await;
    let (server, github) = server().await;
    list()
        .respond_with(
            ResponseTemplate::new(302).insert_header("location", elsewhere.uri().as_str()),
        )
        .mount(&server)
        .await;
    let error = github.list().await.unwrap_err();
    assert!(
        matches!(error, Error::Refused { status: 302, .. }),
        "{error}"
    );
}

#[test]
fn a_token_is_not_sent_in_the_clear() {
    let token = Token::new(TOKEN.to_owned(), "from the test");
    let at = |api: &str, value: &Token| GitHub::new(api, "a/b", "a", value, Patience::default());
    let error = at("http://github.example.com/api/v3", &token)
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("not https"), "{error}");
    let odd = Token::new("line\nbreak".to_owned(), "from the test");
    let error = at("https://api.github.com", &odd)
        .err()
        .unwrap()
        .to_string();
    assert!(!error.contains("line"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said_to_be_so() {
    // A port that was free a moment ago.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let github = client(&format!("http://{}", gone.local_addr().unwrap()));
    drop(gone);
    let error = github.list().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    let calls = crate::exec::log();
    assert!(calls.iter().any(|call| call.program == "GET"));
    assert!(calls.iter().all(|call| !call.to_string().contains(TOKEN)));
}

#[test]
fn enterprise_servers_have_their_api_below_their_own_name() {
    assert_eq!(
        api_of("github.com", "https://github.com"),
        "https://api.github.com"
    );
    assert_eq!(
        api_of("shop.ghe.com", "https://shop.ghe.com"),
        "https://api.shop.ghe.com"
    );
    assert_eq!(
        api_of("github.example.com", "https://github.example.com:8443"),
        "https://github.example.com:8443/api/v3"
    );
}
