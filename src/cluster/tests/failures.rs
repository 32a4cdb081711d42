//! Each way a server may fail, and the words for it.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wiremock::{MockServer, ResponseTemplate};

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
        let quick = Limits {
            call: Duration::from_millis(200),
            ..limits()
        };
        let cluster = open_with(&server.uri(), &json!({}), quick).await.unwrap();
        let Known::Unavailable(why) = names(&list(&cluster, &kinds).await, &kinds[0]) else {
            panic!("{expected}")
        };
        assert_eq!(why.to_string(), expected.replace('$', &server.uri()));
    }
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
