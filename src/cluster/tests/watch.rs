//! Watching, and asking from other tasks.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use wiremock::matchers::{path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

/// The first list costs a request, changes come by themselves, and while they do, listing costs none.
#[tokio::test]
async fn what_is_watched_is_current_without_asking() {
    let server = MockServer::start().await;
    discovery(&server, &[]).await;
    let at = "/api/v1/namespaces/shop/configmaps";
    let full = |name: &str, data: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop", "resourceVersion": "11"}, "data": {"k": data}});
    let first = Mock::given(path(at)).and(query_param_is_missing("watch"));
    first
        .respond_with(ok(&items(&[named("a", "shop"), named("b", "shop")])))
        .expect(1)
        .mount(&server)
        .await;
    let lines: String = [
        json!({"type": "MODIFIED", "object": full("a", "new")}),
        json!({"type": "DELETED", "object": full("b", "")}),
        json!({"type": "ADDED", "object": full("c", "")}),
    ]
    .iter()
    .map(|event| format!("{event}\n"))
    .collect();
    let changes = Mock::given(path(at))
        .and(query_param("watch", "true"))
        .respond_with(ResponseTemplate::new(200).set_body_string(lines));
    changes.up_to_n_times(1).mount(&server).await;
    let nothing_more = ResponseTemplate::new(200).set_delay(Duration::from_secs(600));
    Mock::given(path(at))
        .and(query_param("watch", "true"))
        .respond_with(nothing_more)
        .mount(&server)
        .await;

    let cluster = open(&server).await;
    let kinds = [kind("", "ConfigMap", Some("shop"))];
    let want = wanted(&kinds);
    let (told, mut tell) = tokio::sync::mpsc::unbounded_channel();
    let cancel = Cancel::new();
    let watch = cluster.watch(&want, &cancel, move || {
        let _ = told.send(());
    });
    let reader = async {
        loop {
            tell.recv().await.unwrap();
            let listing = list(&cluster, &kinds).await;
            let Known::Fresh(mut found) = names(&listing, &kinds[0]) else {
                panic!("{listing:?}")
            };
            found.sort();
            if found == ["a", "c"] {
                let a = listing.get(&id("", "ConfigMap", Some("shop"), "a"));
                assert_eq!(
                    a.value()
                        .unwrap()
                        .unwrap()
                        .object()
                        .at(&["data", "k"])
                        .unwrap()
                        .as_str(),
                    Some("new")
                );
                break;
            }
        }
        cancel.cancel();
    };
    tokio::join!(watch, reader);
    let Origin::Server(connection) = &cluster.origin else {
        panic!("no server")
    };
    assert!(
        connection.stores.lock().unwrap().is_empty(),
        "what nobody watches is not kept"
    );
}

/// The server has forgotten what happened since: what there is is read again.
#[tokio::test]
async fn a_watch_that_is_too_old_begins_again() {
    let server = MockServer::start().await;
    discovery(&server, &[]).await;
    let at = "/api/v1/namespaces/shop/configmaps";
    for (name, times) in [("old", 1), ("new", u64::MAX)] {
        let first = Mock::given(path(at)).and(query_param_is_missing("watch"));
        first
            .respond_with(ok(&items(&[named(name, "shop")])))
            .up_to_n_times(times)
            .mount(&server)
            .await;
    }
    let expired = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410, "reason": "Expired", "message": "too old"});
    let expired = json!({"type": "ERROR", "object": expired}).to_string() + "\n";
    let answers = [
        ResponseTemplate::new(200).set_body_string(expired),
        ResponseTemplate::new(200).set_delay(Duration::from_secs(600)),
    ];
    for (answer, times) in answers.into_iter().zip([1, u64::MAX]) {
        let watch = Mock::given(path(at)).and(query_param("watch", "true"));
        let watch = watch.respond_with(answer).up_to_n_times(times);
        watch.mount(&server).await;
    }
    let cluster = open(&server).await;
    let kinds = [kind("", "ConfigMap", Some("shop"))];
    let (want, cancel) = (wanted(&kinds), Cancel::new());
    let (told, mut tell) = tokio::sync::mpsc::unbounded_channel();
    let watch = cluster.watch(&want, &cancel, move || {
        let _ = told.send(());
    });
    let reader = async {
        loop {
            tell.recv().await.unwrap();
            let found = names(&list(&cluster, &kinds).await, &kinds[0]);
            if found == Known::Fresh(vec!["new".to_owned()]) {
                break;
            }
        }
        cancel.cancel();
    };
    tokio::join!(watch, reader);
}

#[tokio::test]
async fn watching_nothing_waits_to_be_cancelled() {
    let server = MockServer::start().await;
    discovery(&server, &[]).await;
    let cluster = open(&server).await;
    let (cancel, nothing) = (Cancel::new(), Wanted::default());
    let calls = AtomicUsize::new(0);
    let watch = cluster.watch(&nothing, &cancel, || {
        calls.fetch_add(1, Ordering::Relaxed);
    });
    tokio::join!(watch, async { cancel.cancel() });
    assert_eq!(calls.into_inner(), 0);
}

/// What is asked of a cluster is asked from spawned tasks.
#[tokio::test]
async fn every_question_can_be_spawned() {
    let server = MockServer::start().await;
    discovery(&server, &[]).await;
    get(&server, "/api/v1/namespaces/shop/events", ok(&items(&[]))).await;
    let cluster = open(&server).await;
    let task = tokio::spawn(async move {
        let cancel = Cancel::new();
        cancel.cancel();
        cluster.list(&Wanted::default(), &Cancel::new()).await;
        cluster.watch(&Wanted::default(), &cancel, || {}).await;
        cluster.get(&id("example.com", "Widget", None, "w")).await;
        cluster.events(&[id("", "Pod", Some("shop"), "a")]).await
    });
    assert_eq!(task.await.unwrap(), Known::Fresh(Vec::new()));
}
