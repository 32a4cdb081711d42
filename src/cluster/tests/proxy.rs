//! How a request goes, and as whom.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wiremock::matchers::{header, path};
use wiremock::{Mock, MockServer};

use super::*;

/// A proxy that connects its clients with `server`, whatever they ask for; the first lines of what it was asked.
async fn proxy_to(server: String) -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (asked, told) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(client.read_u8().await.unwrap());
            }
            let request = String::from_utf8(request).unwrap();
            let _ = asked.send(request.lines().next().unwrap().to_owned());
            client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            let mut server = tokio::net::TcpStream::connect(&server).await.unwrap();
            tokio::spawn(async move {
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (address, told)
}

#[tokio::test]
async fn a_cluster_is_reached_through_its_proxy() {
    let server = MockServer::start().await;
    discovery(&server, &[]).await;
    let at = "/api/v1/namespaces/shop/configmaps";
    get(&server, at, ok(&items(&[named("conf", "shop")]))).await;
    let (proxy, mut asked) = proxy_to(server.address().to_string()).await;
    let mut config = kubeconfig("http://cluster.invalid:6443", &json!({}));
    config["clusters"][0]["cluster"]["proxy-url"] = json!(proxy);
    let dir = written(&config);
    let cluster = open_in(dir.path(), limits(), Clock::system())
        .await
        .unwrap();
    let kinds = [kind("", "ConfigMap", Some("shop"))];
    assert_eq!(
        names(&list(&cluster, &kinds).await, &kinds[0]),
        Known::Fresh(vec!["conf".to_owned()])
    );
    assert_eq!(
        asked.recv().await.unwrap(),
        "CONNECT cluster.invalid:6443 HTTP/1.1"
    );
}

#[tokio::test]
async fn a_proxy_that_refuses_is_what_failed() {
    let refusing = MockServer::start().await;
    for (proxy, words) in [
        (refusing.uri(), "unreachable: http://cluster.invalid:6443: "),
        (
            "ftp://me:s3cret@proxy".to_owned(),
            "context prod: configured proxy ftp://***@proxy/ uses an unsupported protocol",
        ),
    ] {
        let mut config = kubeconfig("http://cluster.invalid:6443", &json!({}));
        config["clusters"][0]["cluster"]["proxy-url"] = json!(proxy);
        let dir = written(&config);
        let text = match open_in(dir.path(), limits(), Clock::system()).await {
            Err(error) => error.to_string(),
            Ok(cluster) => {
                let kinds = [kind("", "ConfigMap", Some("shop"))];
                let listing = list(&cluster, &kinds).await;
                names(&listing, &kinds[0]).why().unwrap().to_string()
            }
        };
        assert!(text.starts_with(words), "{text}");
    }
}

#[tokio::test]
async fn who_is_impersonated_is_who_asks() {
    let server = MockServer::start().await;
    discovery(&server, &[]).await;
    let as_jane = Mock::given(path("/api/v1/namespaces/shop/configmaps"))
        .and(header("Impersonate-User", "jane"))
        .and(header("Impersonate-Group", "readers"))
        .and(header("Authorization", "Bearer t0ken"));
    as_jane
        .respond_with(ok(&items(&[named("conf", "shop")])))
        .mount(&server)
        .await;
    let user = json!({"token": "t0ken", "as": "jane", "as-groups": ["readers"]});
    let cluster = open_with(&server.uri(), &user, limits()).await.unwrap();
    let kinds = [kind("", "ConfigMap", Some("shop"))];
    assert_eq!(
        names(&list(&cluster, &kinds).await, &kinds[0]),
        Known::Fresh(vec!["conf".to_owned()])
    );
}
