//! Each way a server may fail, and the words for it.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

/// Each answer, and the words for it. None of them repeats what the server sent but a Status' message.
#[tokio::test]
async fn every_failure_has_its_words() {
    let secret = format!(r#"{{"items": [{{"data": {{"password": "{SECRET}"}}}}"#);
    let html = "<html><body>Sign in</body></html>";
    let not_json = "failed: $ answered list secrets in shop with something that is no Kubernetes object: is a proxy or a login page in between?";
    let rows = [
        (
            status(401, "Unauthorized"),
            "failed: $ does not accept the credentials (401): log in again",
        ),
        (status(403, "no"), "forbidden: list secrets in shop"),
        (
            status(500, "etcdserver: timed out"),
            "failed: $ answered 500 to list secrets in shop: etcdserver: timed out",
        ),
        // What is always busy is not waited for longer than anybody waits.
        (
            status(503, "the server is currently unable to handle the request"),
            "failed: $ answered 503 to list secrets in shop: the server is currently unable to handle the request",
        ),
        (
            status(429, "Too many requests").insert_header("Retry-After", "3600"),
            "failed: $ answered 429 to list secrets in shop: Too many requests",
        ),
        (
            ResponseTemplate::new(502).set_body_string(html),
            "failed: $ answered 502 to list secrets in shop",
        ),
        (ResponseTemplate::new(200).set_body_string(html), not_json),
        (ResponseTemplate::new(200).set_body_string(secret), not_json),
        (
            ok(&items(&[])).set_delay(Duration::from_secs(600)),
            "unreachable: $: no answer to list secrets in shop within 200ms",
        ),
    ];
    let kinds = [kind("", "Secret", Some("shop"))];
    for (answer, expected) in rows {
        let server = MockServer::start().await;
        discovery(&server, &[]).await;
        get(&server, "/api/v1/namespaces/shop/secrets", answer).await;
        // Only who is to be waited for in vain has little time: a busy machine may need more to answer.
        let limits = match expected.contains("within 200ms") {
            true => Limits {
                call: Duration::from_millis(200),
                ..limits()
            },
            false => limits(),
        };
        let cluster = open_with(&server.uri(), &json!({}), limits).await.unwrap();
        let Known::Unavailable(why) = names(&list(&cluster, &kinds).await, &kinds[0]) else {
            panic!("{expected}")
        };
        assert_eq!(why.to_string(), expected.replace('$', &server.uri()));
    }
}

/// Something listens there and says nothing, not even hello.
#[tokio::test]
async fn a_server_that_does_not_greet_is_unreachable() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("https://{}", silent.local_addr().unwrap());
    let quick = Limits {
        connect: Duration::from_millis(50),
        ..limits()
    };
    let cluster = open_with(&server, &json!({}), quick).await.unwrap();
    let kinds = [kind("", "Secret", Some("shop"))];
    let Known::Unavailable(why) = names(&list(&cluster, &kinds).await, &kinds[0]) else {
        panic!("it did not answer")
    };
    assert_eq!(
        why.to_string(),
        format!(
            "unreachable: {server}: no connection in time: is it up, and is there a VPN or proxy to it?"
        )
    );
}

#[tokio::test]
async fn a_server_that_is_busy_is_asked_again() {
    let server = MockServer::start().await;
    discovery(&server, &[]).await;
    let at = "/api/v1/namespaces/shop/secrets";
    for busy in [
        status(429, "").insert_header("Retry-After", "0"),
        status(503, ""),
        status(504, ""),
    ] {
        Mock::given(path(at))
            .respond_with(busy)
            .up_to_n_times(1)
            .mount(&server)
            .await;
    }
    get(&server, at, ok(&items(&[named("s", "shop")]))).await;
    let kinds = [kind("", "Secret", Some("shop"))];
    let listing = list(&open(&server).await, &kinds).await;
    assert_eq!(
        names(&listing, &kinds[0]),
        Known::Fresh(vec!["s".to_owned()])
    );
    assert_eq!(asked(&server).await.len(), 4);
}

#[tokio::test]
async fn a_kubeconfig_that_cannot_be_used_says_which_and_why() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config");
    let here = config.display();
    let broken = format!("kubeconfig cannot be used: {here}: it is no valid YAML");
    // Of no size on the disk.
    let huge = |file: &std::fs::File| file.set_len(50 << 20).unwrap();
    let rows = [
        ("", "no context \"prod\"\nhint: it has none"),
        ("\0\u{1b}[2J", broken.as_str()),
        ("users: [{name: u, user: {token: [s3cret", broken.as_str()),
        ("contexts: s3cret", broken.as_str()),
        (
            "contexts: [{name: \"a\\e[2J\", context: {cluster: c}}]",
            "hint: it has a\\u{1b}[2J",
        ),
        (
            "contexts: [{name: prod, context: {cluster: gone}}]",
            "context prod: ",
        ),
        (
            "contexts: [{name: prod, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: 'https://c.invalid', certificate-authority: gone.pem}}]",
            "gone.pem",
        ),
        (
            "contexts: [{name: prod, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: 'https://c.invalid'}}]\nusers: [{name: u, user: {tokenFile: gone}}]",
            "gone",
        ),
        ("huge", "it has 50 MB: a kubeconfig has less than 8"),
    ];
    for (text, words) in rows {
        std::fs::write(&config, text).unwrap();
        if text == "huge" {
            huge(&std::fs::File::create(&config).unwrap());
        }
        let opened = open_in(dir.path(), limits(), Clock::system()).await;
        let said = opened.err().unwrap().to_string();
        assert!(said.contains(words), "{said}");
        assert!(said.contains("\nhint: "), "{said}");
        assert!(
            !said.contains("s3cret") && !said.contains('\u{1b}'),
            "{said}"
        );
    }
    std::fs::remove_file(&config).unwrap();
    std::fs::create_dir(&config).unwrap();
    let opened = open_in(dir.path(), limits(), Clock::system()).await;
    assert!(opened.err().unwrap().to_string().contains("it is no file"));
}

/// As kubectl does it: the first to name something wins, and who has gone is passed over.
#[tokio::test]
async fn several_kubeconfigs_are_one() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name);
    let named = |name: &str| json!({"contexts": [{"name": name, "context": {"cluster": "c"}}]});
    std::fs::write(file("a"), named("prod").to_string()).unwrap();
    std::fs::write(file("b"), named("other").to_string()).unwrap();
    let files = Files::named(vec![file("gone"), file("a"), file("b")]);
    let names: Vec<String> = files
        .read()
        .await
        .unwrap()
        .contexts
        .into_iter()
        .map(|context| context.name)
        .collect();
    assert_eq!(names, ["prod", "other"]);
    let gone = Files::named(vec![file("gone")]).read().await.err().unwrap();
    assert!(gone.to_string().contains("gone: No such file"), "{gone}");
}

/// Answers every request with these bytes and hangs up.
async fn raw_server(answer: &'static [u8]) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer).await;
        }
    });
    address
}

#[tokio::test]
async fn a_server_that_is_not_there_or_hangs_up_is_unreachable() {
    let free = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let half = raw_server(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"items\": [").await;
    let silent = raw_server(b"").await;
    for (server, words) in [(free, "refused"), (half, ""), (silent, "")] {
        let cluster = open_with(&server, &json!({}), limits()).await.unwrap();
        let kinds = [
            kind("", "ConfigMap", Some("shop")),
            kind("apps", "Deployment", Some("shop")),
        ];
        let listing = list(&cluster, &kinds).await;
        assert_eq!(listing.kinds.len(), 4, "with ReplicaSets and Pods");
        for (_, known) in &listing.kinds {
            let Known::Unavailable(Why::Unreachable(why)) = known else {
                panic!("{known:?}")
            };
            assert!(why.contains(&server) && why.contains(words), "{why}");
        }
    }
}
