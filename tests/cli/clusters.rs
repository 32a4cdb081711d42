//! Reaching a cluster, as the environment says.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use support::TestRepo;

use crate::run::Home;

/// A proxy that lets nobody through; the first line of each request.
fn proxy() -> (String, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let (asked, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.expect("a connection");
            let mut line = String::new();
            let mut reader = BufReader::new(client.try_clone().expect("a connection"));
            reader.read_line(&mut line).expect("a request");
            asked.send(line.trim().to_owned()).expect("somebody asks");
            // It may have hung up.
            let _ = client.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        }
    });
    (address, told)
}

#[test]
fn the_proxy_of_the_environment_is_used_but_for_what_is_excepted() {
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    repo.write(
        "it.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: it, namespace: shop}\n",
    );
    repo.commit("Begin");
    let kubeconfig = home.directory.path().join("kubeconfig");
    // A port of this machine that nobody listens at any more.
    let free = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address")
    };
    std::fs::write(
        &kubeconfig,
        format!(
            "clusters: [{{name: c, cluster: {{server: 'https://{free}'}}}}]
contexts: [{{name: prod, context: {{cluster: c}}}}]
"
        ),
    )
    .expect("written");
    let (address, asked) = proxy();
    let run = |excepted: &str| {
        let output = home
            .command(&repo.path, &["where", "--context", "prod"])
            .env("KUBECONFIG", &kubeconfig)
            .env("HTTPS_PROXY", &address)
            .env("NO_PROXY", excepted)
            .output()
            .expect("gitopsy runs");
        String::from_utf8(output.stdout).expect("text")
    };
    let said = run("");
    assert!(said.contains("unreachable"), "{said}");
    let request = asked.recv().expect("a request");
    assert_eq!(request, format!("CONNECT {free} HTTP/1.1"));
    while asked.try_recv().is_ok() {}
    let said = run("127.0.0.1");
    assert!(said.contains("refused"), "{said}");
    assert_eq!(asked.try_iter().count(), 0);
}
