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

/// What the watch of a kind knows by now, without asking the server.
fn kept(cluster: &Cluster, kind: &Kind) -> Option<Known<Vec<String>>> {
    let Origin::Server(connection) = &cluster.origin else {
        panic!("no server")
    };
    let store = connection.stores.lock().unwrap().get(kind).cloned()?;
    let known = store.lock().unwrap().known()?;
    Some(known.map(|objects| {
        let names = objects.iter().map(|object| object.id.name.clone());
        names.collect()
    }))
}

/// Watches one kind until what is known of it is as `until` says, each time something changed.
async fn watch_until(
    cluster: &Cluster,
    kind: &Kind,
    mut until: impl AsyncFnMut(Option<Known<Vec<String>>>) -> bool,
) {
    let (told, mut tell) = tokio::sync::mpsc::unbounded_channel();
    let (cancel, want) = (Cancel::new(), wanted(std::slice::from_ref(kind)));
    let watch = cluster.watch(&want, &cancel, move || {
        let _ = told.send(());
    });
    let reader = async {
        loop {
            tell.recv().await.unwrap();
            if until(kept(cluster, kind)).await {
                break cancel.cancel();
            }
        }
    };
    tokio::join!(watch, reader);
}

/// It comes back and there is no news: what is known is current again, whether or not anything ever changes.
#[tokio::test]
async fn a_watch_that_recovers_in_silence_is_no_longer_stale() {
    let server = MockServer::start().await;
    discovery(&server, &[]).await;
    let at = "/api/v1/namespaces/shop/configmaps";
    let is_watch = || Mock::given(path(at)).and(query_param("watch", "true"));
    let lists = Mock::given(path(at)).and(query_param_is_missing("watch"));
    lists
        .respond_with(ok(&items(&[named("a", "shop")])))
        .expect(1)
        .mount(&server)
        .await;
    let fails = is_watch().respond_with(status(500, "etcdserver: leader changed"));
    fails.up_to_n_times(2).mount(&server).await;
    is_watch()
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    let cluster = open(&server).await;
    let mut states = Vec::new();
    let configmaps = kind("", "ConfigMap", Some("shop"));
    watch_until(&cluster, &configmaps, async |known| {
        let known = known.unwrap();
        assert_eq!(known.value(), Some(&vec!["a".to_owned()]));
        let is_stale = known.as_of().is_some();
        if states.last() != Some(&is_stale) {
            states.push(is_stale);
        }
        states.contains(&true) && !is_stale
    })
    .await;
    assert_eq!(states.last_chunk(), Some(&[true, false]));
}

/// A list that begins is no sign that the server is back.
#[tokio::test]
async fn a_watch_that_only_tries_again_is_stale() {
    let server = MockServer::start().await;
    discovery(&server, &[]).await;
    let at = "/api/v1/namespaces/shop/configmaps";
    let is_list = || Mock::given(path(at)).and(query_param_is_missing("watch"));
    let first = is_list().respond_with(ok(&items(&[named("a", "shop")])));
    first.up_to_n_times(1).mount(&server).await;
    let down = is_list().respond_with(status(500, "down"));
    down.up_to_n_times(3).mount(&server).await;
    is_list()
        .respond_with(ok(&items(&[named("b", "shop")])))
        .mount(&server)
        .await;
    // What the watch goes on from is too old by then.
    Mock::given(path(at))
        .and(query_param("watch", "true"))
        .respond_with(status(410, "too old resource version"))
        .mount(&server)
        .await;
    let cluster = open(&server).await;
    let configmaps = kind("", "ConfigMap", Some("shop"));
    watch_until(&cluster, &configmaps, async |known| {
        let known = known.unwrap();
        let is_old = known.value() == Some(&vec!["a".to_owned()]);
        let lists = asked(&server).await.len();
        assert!(
            !is_old || lists <= 2 || known.as_of().is_some(),
            "{known:?}"
        );
        !is_old
    })
    .await;
}

#[tokio::test]
async fn a_kind_that_arrives_is_watched_from_then_on() {
    let server = MockServer::start().await;
    discovery(&server, &[]).await;
    let cluster = open(&server).await;
    let widgets = kind("example.com", "Widget", Some("shop"));
    let arrival = async {
        let looked = async || {
            let requests = server.received_requests().await.unwrap();
            let looks = requests
                .iter()
                .filter(|request| request.url.path() == "/apis");
            looks.count()
        };
        while looked().await < 3 {
            tokio::task::yield_now().await;
        }
        let at = "/apis/example.com/v1/namespaces/shop/widgets";
        let is_list = Mock::given(path(at)).and(query_param_is_missing("watch"));
        is_list
            .respond_with(ok(&items(&[named("w", "shop")])))
            .mount(&server)
            .await;
        let silence = ResponseTemplate::new(200).set_delay(Duration::from_secs(600));
        Mock::given(path(at))
            .and(query_param("watch", "true"))
            .respond_with(silence)
            .mount(&server)
            .await;
        let group = group(
            "example.com",
            &[("v1", json!([resource("widgets", "Widget", "Namespaced")]))],
        );
        let answer = ok(&json!({"kind": "APIGroupDiscoveryList", "items": [group]}));
        Mock::given(path("/apis"))
            .respond_with(answer)
            .with_priority(1)
            .mount(&server)
            .await;
    };
    let watch = watch_until(&cluster, &widgets, async |known| {
        known == Some(Known::Fresh(vec!["w".to_owned()]))
    });
    tokio::join!(arrival, watch);
}

/// Who may list and not watch is not current, but sees what is there whenever they ask.
#[tokio::test]
async fn who_may_not_watch_still_lists() {
    let server = MockServer::start().await;
    discovery(&server, &[]).await;
    let at = "/api/v1/namespaces/shop/configmaps";
    let is_watch = Mock::given(path(at)).and(query_param("watch", "true"));
    is_watch
        .respond_with(status(403, "no"))
        .mount(&server)
        .await;
    get(&server, at, ok(&items(&[named("a", "shop")]))).await;
    let cluster = open(&server).await;
    let configmaps = kind("", "ConfigMap", Some("shop"));
    watch_until(&cluster, &configmaps, async |known| {
        known.is_some_and(|known| known.as_of().is_some()) && {
            let listing = list(&cluster, std::slice::from_ref(&configmaps)).await;
            names(&listing, &configmaps) == Known::Fresh(vec!["a".to_owned()])
        }
    })
    .await;
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
