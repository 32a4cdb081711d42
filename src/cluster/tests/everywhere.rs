//! Kinds of many namespaces: read at once where that may be and is worth it, and what nobody wants is left.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use wiremock::matchers::{path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer};

use super::*;

const EVERYWHERE: &str = "/api/v1/configmaps";

fn namespaces(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("team-{number:03}"))
}

fn config_maps(count: usize) -> Vec<Kind> {
    namespaces(count)
        .map(|namespace| kind("", "ConfigMap", Some(&namespace)))
        .collect()
}

/// Answers whoever asks how many there are.
async fn count(server: &MockServer, remaining: usize) {
    let first = json!({"metadata": {"continue": "x", "remainingItemCount": remaining}, "items": [named("a", "other")]});
    Mock::given(path(EVERYWHERE))
        .and(query_param("limit", "1"))
        .respond_with(ok(&first))
        .mount(server)
        .await;
}

/// A page of the list of all namespaces.
async fn page(server: &MockServer, token: Option<&str>, items: &[Value], next: &str) {
    let page = Mock::given(path(EVERYWHERE)).and(query_param("limit", "250"));
    let page = match token {
        None => page.and(query_param_is_missing("continue")),
        Some(token) => page.and(query_param("continue", token)),
    };
    page.respond_with(ok(
        &json!({"metadata": {"resourceVersion": "10", "continue": next}, "items": items}),
    ))
    .mount(server)
    .await;
}

#[tokio::test]
async fn many_namespaces_are_read_at_once_and_what_others_hold_is_dropped() {
    let server = MockServer::start().await;
    discovery(&server, &[]).await;
    count(&server, 5).await;
    let first = [
        named("b", "team-000"),
        named("a", "team-000"),
        named("not-ours", "other"),
    ];
    page(&server, None, &first, "more").await;
    let second = [named("a", "team-008"), named("a", "zoo")];
    page(&server, Some("more"), &second, "").await;
    get(
        &server,
        "/api/v1/namespaces/home/configmaps",
        ok(&items(&[named("mine", "home")])),
    )
    .await;
    for namespace in namespaces(9) {
        let at = format!("/api/v1/namespaces/{namespace}/secrets");
        get(&server, &at, ok(&items(&[]))).await;
    }
    let mut kinds = config_maps(9);
    kinds.push(kind("", "ConfigMap", None));
    kinds.extend(namespaces(9).map(|namespace| kind("", "Secret", Some(&namespace))));

    let listing = list(&open(&server).await, &kinds).await;
    let names_in = |index: usize| names(&listing, &kinds[index]).value().unwrap().clone();
    assert_eq!(names_in(0), ["a", "b"]);
    assert_eq!(names_in(4), [""; 0]);
    assert_eq!(names_in(8), ["a"]);
    assert_eq!(names_in(9), ["mine"]);
    assert_eq!(listing.objects().count(), 4, "{listing:?}");
    let there = |namespace, name| listing.get(&id("", "ConfigMap", Some(namespace), name));
    assert!(matches!(there("team-008", "a"), Known::Fresh(Some(_))));
    assert!(matches!(there("team-008", "b"), Known::Fresh(None)));
    assert!(matches!(there("other", "not-ours"), Known::Fresh(None)));

    let asked = asked(&server).await;
    let of = |part: &str| asked.iter().filter(|path| path.ends_with(part)).count();
    // How many there are, two pages, and those of the context's own namespace.
    assert_eq!((of("/configmaps"), of("/secrets")), (4, 9), "{asked:?}");
    assert_eq!(of("/api/v1/secrets"), 0, "those of others are not read");
}

#[tokio::test]
async fn where_one_may_not_or_there_are_too_many_each_namespace_is_read() {
    for refused in [true, false] {
        let server = MockServer::start().await;
        discovery(&server, &[]).await;
        match refused {
            true => get(&server, EVERYWHERE, status(403, "not in all of them")).await,
            false => count(&server, 1_000_000).await,
        }
        for namespace in namespaces(9) {
            let at = format!("/api/v1/namespaces/{namespace}/configmaps");
            get(&server, &at, ok(&items(&[named("a", &namespace)]))).await;
        }
        let listing = list(&open(&server).await, &config_maps(9)).await;
        assert_eq!(listing.objects().count(), 9);
        assert_eq!(asked(&server).await.len(), 10);
    }
}

/// Few namespaces need not wait for each other: nobody asks whether they may be read at once.
#[tokio::test]
async fn a_few_namespaces_are_read_one_by_one() {
    let server = MockServer::start().await;
    discovery(&server, &[]).await;
    for namespace in namespaces(3) {
        let at = format!("/api/v1/namespaces/{namespace}/configmaps");
        get(&server, &at, ok(&items(&[named("a", &namespace)]))).await;
    }
    let listing = list(&open(&server).await, &config_maps(3)).await;
    assert_eq!(listing.objects().count(), 3);
    assert_eq!(asked(&server).await.len(), 3);
}

/// 20,000 objects on 80 pages, one of which is too old when it is asked for; an object as large as the API server takes.
#[tokio::test]
async fn large_lists_and_objects_are_read_whole() {
    const NAMESPACES: usize = 400;
    let server = MockServer::start().await;
    discovery(&server, &[]).await;
    count(&server, 19_999).await;
    let mut objects: Vec<Value> = namespaces(NAMESPACES)
        .flat_map(|namespace| (0..50).map(move |number| named(&format!("c{number}"), &namespace)))
        .collect();
    let large = "x".repeat(1_500_000);
    objects[10_000]["data"] = json!({"large": large});
    let pages: Vec<&[Value]> = objects.chunks(250).collect();
    let expired = Mock::given(path(EVERYWHERE)).and(query_param("continue", "40"));
    expired
        .respond_with(status(410, "too old"))
        .up_to_n_times(1)
        .expect(1)
        .mount(&server)
        .await;
    for (number, items) in pages.iter().enumerate() {
        let token = (number > 0).then(|| number.to_string());
        let next = match number + 1 < pages.len() {
            true => (number + 1).to_string(),
            false => String::new(),
        };
        page(&server, token.as_deref(), items, &next).await;
    }
    let kinds = config_maps(NAMESPACES);
    let listing = list(&open(&server).await, &kinds).await;
    assert_eq!(listing.objects().count(), 20_000);
    let found: BTreeSet<_> = listing.objects().map(|object| &object.id).collect();
    assert_eq!(found.len(), 20_000);
    let found = listing.get(&id("", "ConfigMap", Some("team-200"), "c0"));
    let object = found.value().unwrap().unwrap().object();
    assert_eq!(
        object.at(&["data", "large"]).unwrap().as_str(),
        Some(&*large)
    );
}

/// The records of who wrote what are kept of what is compared, not of what only tells how that fares.
#[tokio::test]
async fn of_what_git_does_not_mention_nobody_asks_who_wrote_it() {
    let server = MockServer::start().await;
    discovery(&server, &[]).await;
    let written = |name: &str| {
        let mut object = named(name, "shop");
        object["metadata"]["managedFields"] =
            json!([{"manager": "m", "operation": "Update", "fieldsV1": {"f:spec": {}}}]);
        ok(&items(&[object]))
    };
    let at = |plural: &str| format!("/apis/apps/v1/namespaces/shop/{plural}");
    get(&server, &at("deployments"), written("api")).await;
    get(&server, &at("replicasets"), written("api-1")).await;
    get(&server, "/api/v1/namespaces/shop/pods", written("api-1-x")).await;
    let kinds = [kind("apps", "Deployment", Some("shop"))];
    let listing = list(&open(&server).await, &kinds).await;
    let written = listing
        .objects()
        .map(|object| (object.id.kind.as_str(), object.managers.read().len()));
    let expected = [("Pod", 0), ("Deployment", 1), ("ReplicaSet", 0)];
    assert_eq!(written.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn many_namespaces_are_watched_at_once() {
    let server = MockServer::start().await;
    discovery(&server, &[]).await;
    count(&server, 2).await;
    let first = [named("a", "team-000"), named("a", "other")];
    page(&server, None, &first, "").await;
    let full = |name: &str, namespace: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace, "resourceVersion": "11"}});
    let lines: String = [
        json!({"type": "ADDED", "object": full("new", "other")}),
        json!({"type": "ADDED", "object": full("new", "team-008")}),
        json!({"type": "DELETED", "object": full("a", "team-000")}),
    ]
    .iter()
    .map(|event| format!("{event}\n"))
    .collect();
    let watching = || Mock::given(path(EVERYWHERE)).and(query_param("watch", "true"));
    let changes = watching().respond_with(ResponseTemplate::new(200).set_body_string(lines));
    changes.up_to_n_times(1).mount(&server).await;
    let nothing_more = ResponseTemplate::new(200).set_delay(Duration::from_secs(600));
    watching().respond_with(nothing_more).mount(&server).await;

    let cluster = open(&server).await;
    let kinds = config_maps(9);
    let (want, cancel) = (wanted(&kinds), Cancel::new());
    let (told, mut tell) = tokio::sync::mpsc::unbounded_channel();
    let watch = cluster.watch(&want, &cancel, move || {
        let _ = told.send(());
    });
    let reader = async {
        loop {
            tell.recv().await.unwrap();
            let listing = list(&cluster, &kinds).await;
            let all = listing.objects().map(|object| object.id.name.as_str());
            if all.collect::<Vec<_>>() == ["new"] {
                let new = listing.get(&id("", "ConfigMap", Some("team-008"), "new"));
                assert!(matches!(new, Known::Fresh(Some(_))));
                break;
            }
        }
        cancel.cancel();
    };
    tokio::join!(watch, reader);
    let asked = asked(&server).await;
    assert!(asked.iter().all(|path| path == EVERYWHERE), "{asked:?}");
}
