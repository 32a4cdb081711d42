//! Reaching a cluster, as the environment says.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use support::TestRepo;
use wiremock::matchers::{any, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::run::Home;
use crate::snapshot::{everything, timeless};

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

/// An API server that has these objects, each in a list and by itself, by path; of other paths it says that there is nothing.
async fn server(objects: &[(&str, Value)]) -> MockServer {
    server_at(objects, Timestamp::now()).await
}

/// The same, by a clock of its own.
async fn server_at(objects: &[(&str, Value)], time: Timestamp) -> MockServer {
    let date = time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let server = MockServer::start().await;
    let resource = |plural: &str, kind: &str| json!({"resource": plural, "responseKind": {"kind": kind}, "scope": "Namespaced", "verbs": ["get", "list", "watch"]});
    let group = |name: &str, version: &str, resources: Value| json!({"metadata": {"name": name}, "versions": [{"version": version, "freshness": "Current", "resources": resources}]});
    let core = group("", "v1", json!([resource("configmaps", "ConfigMap")]));
    let argo = json!([resource("applications", "Application")]);
    let groups = [group("argoproj.io", "v1alpha1", argo)];
    let list = |items: &[Value]| json!({"kind": "APIGroupDiscoveryList", "items": items});
    let empty = json!({"kind": "List", "metadata": {}, "items": []});
    let mut answers = vec![
        ("/api".to_owned(), list(&[core])),
        ("/apis".to_owned(), list(&groups)),
    ];
    for (at, object) in objects {
        answers.push(((*at).to_owned(), object.clone()));
        let (all, _) = at.rsplit_once('/').expect("a path");
        let items = json!({"kind": "List", "metadata": {}, "items": [object]});
        answers.push((all.to_owned(), items));
    }
    for place in [
        "apis/argoproj.io/v1alpha1/namespaces/argocd/applications",
        "api/v1/namespaces/shop/configmaps",
    ] {
        answers.push((format!("/{place}"), empty.clone()));
    }
    for (at, answer) in answers {
        let given = Mock::given(method("GET")).and(path(at));
        let answer = ResponseTemplate::new(200).set_body_json(answer);
        let answer = answer.insert_header("date", date.as_str());
        given.respond_with(answer).mount(&server).await;
    }
    // That there is nothing is told at the same time.
    let nothing = ResponseTemplate::new(404).insert_header("date", date.as_str());
    let nothing = Mock::given(any()).respond_with(nothing).with_priority(9);
    nothing.mount(&server).await;
    server
}

const APPLICATION: &str = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/shop";

/// Among Argo CD's settings, and nobody's business.
const LOGIN: &str = "canary-of-a-login";

/// Argo CD runs in a cluster of its own, and deploys to others: contexts `hub` and `prod`. `other` has an Application of the same
/// name, which deploys elsewhere, and `twin` the same as `hub`.
struct Hub {
    home: Home,
    repo: TestRepo,
    _servers: [MockServer; 3],
}

impl Hub {
    /// `ahead`: the clock of the cluster that is deployed to.
    async fn new(ahead: SignedDuration) -> Hub {
        let home = Home::new();
        let repo = TestRepo::init(&home.directory.path().join("repo"));
        let url = "https://git.example.com/acme/environments.git";
        repo.git(&["remote", "add", "origin", url]);
        let application = |cluster: &str| {
            json!({
                "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
                "metadata": {"name": "shop", "namespace": "argocd"},
                "spec": {
                    "source": {"repoURL": url, "path": "apps"},
                    "destination": {"name": cluster, "namespace": "shop"},
                    "ignoreDifferences": [{"kind": "ConfigMap", "jsonPointers": ["/data/a"]}],
                },
            })
        };
        let config_map = |a: &str, b: &str, c: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web", "namespace": "shop"}, "data": {"a": a, "b": b, "c": c}});
        repo.write("argocd/shop.yaml", application("prod-eu").to_string());
        repo.write("apps/web.yaml", config_map("1", "1", "1").to_string());
        repo.commit("Begin");

        let resources =
            json!([{"kind": "ConfigMap", "namespace": "shop", "name": "web", "status": "Synced"}]);
        let status = json!({"sync": {"status": "Synced", "revision": repo.rev("HEAD")}, "controllerNamespace": "argocd", "resources": resources});
        let mut live = application("prod-eu");
        live["status"] = status.clone();
        let rules = json!({"resource.customizations.ignoreDifferences.ConfigMap": "jsonPointers: [/data/b]", "dex.config": format!("clientSecret: {LOGIN}")});
        let settings = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm", "namespace": "argocd"}, "data": rules});
        let settings = ("/api/v1/namespaces/argocd/configmaps/argocd-cm", settings);
        let hub = server(&[(APPLICATION, live.clone()), settings]).await;
        let mut other = application("staging-eu");
        other["status"] = status;
        let other = server(&[(APPLICATION, other)]).await;
        let now = Timestamp::now() + ahead;
        let mut live = config_map("2", "2", "1");
        live["metadata"]["managedFields"] = json!([{
            "manager": "kubectl-edit", "operation": "Update", "time": (now - SignedDuration::from_hours(9)).to_string(),
            "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {"f:a": {}, "f:b": {}}},
        }]);
        let live = ("/api/v1/namespaces/shop/configmaps/web", live);
        let spoke = server_at(&[live], now).await;
        let servers = [
            ("hub", &hub),
            ("other", &other),
            ("prod", &spoke),
            ("twin", &hub),
        ];
        let of = |(name, server): &(&str, &MockServer)| json!({"name": name, "cluster": {"server": server.uri()}});
        let contexts = servers.map(|(name, _)| json!({"name": name, "context": {"cluster": name}}));
        let config = json!({"clusters": servers.each_ref().map(of), "contexts": contexts});
        let kubeconfig = home.directory.path().join("kubeconfig");
        std::fs::write(&kubeconfig, config.to_string()).expect("written");
        Hub {
            home,
            repo,
            _servers: [hub, other, spoke],
        }
    }

    /// The answer in JSON; of the cluster, with these contexts.
    fn ask(&self, args: &[&str], contexts: &[&str]) -> Value {
        let contexts = contexts.iter().flat_map(|context| ["--context", context]);
        let args = args.iter().copied().chain(contexts);
        let args: Vec<&str> = args.chain(["-o", "json"]).collect();
        let mut command = self.home.command(&self.repo.path, &args);
        let kubeconfig = self.home.directory.path().join("kubeconfig");
        let output = command.env("KUBECONFIG", kubeconfig).output();
        let output = output.expect("gitopsy runs");
        let error = String::from_utf8_lossy(&output.stderr);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{args:?}: {error}"))
    }

    fn drift(&self, contexts: &[&str]) -> Value {
        self.ask(&["drift", "--app", "shop"], contexts)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_is_read_where_argo_cd_runs() {
    let hub = Hub::new(SignedDuration::ZERO).await;
    let answer = hub.drift(&["prod-eu=prod", "other"]);
    let fields = answer["resources"][0]["fields"].as_array().map(Vec::len);
    assert_eq!(fields, Some(2), "{answer:#}");
    let note = answer["notes"][0].as_str().expect("a note");
    let said = "Application/shop is not in this cluster, nor in another one that was named: where Argo CD runs elsewhere, --context CTX names its cluster";
    assert!(note.contains(said), "{note}");

    let answer = hub.drift(&["prod-eu=prod", "other", "hub"]);
    assert_eq!(answer["notes"], json!([]), "{answer:#}");
    assert_eq!(answer["synced"], 1, "{answer:#}");
    assert_eq!(answer["applied"][0]["state"], "applied");
    assert_eq!(answer["applied"][0]["behind"], 0);

    // Both would do: neither is taken.
    let answer = hub.drift(&["prod-eu=prod", "twin", "hub"]);
    let note = answer["notes"][0].as_str().expect("a note");
    assert!(
        note.contains(
            "Application/shop is in twin and in hub: which of them deploys here is not known"
        ),
        "{note}"
    );
    assert_eq!(answer["synced"], 0);
}

/// What the cluster does not hold itself is in its snapshot all the same: the order of another one, and what its clock means.
#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_answers_as_two_clusters_with_two_clocks_did() {
    let hub = Hub::new(SignedDuration::from_hours(50)).await;
    for (name, contexts) in [
        ("found", &["prod-eu=prod", "other", "hub"][..]),
        ("missing", &["prod-eu=prod", "other"]),
        ("twice", &["prod-eu=prod", "twin", "hub"]),
        ("alone", &["prod-eu=prod"]),
    ] {
        let directory = |name: &str| {
            let directory = hub.home.directory.path().join(name);
            directory.to_str().expect("text").to_owned()
        };
        let (first, second) = (directory(name), directory(&format!("{name}-again")));
        let take = |to: &str| hub.ask(&["snapshot", to, "-e", "prod-eu"], contexts);
        take(&first);
        hub.ask(
            &["snapshot", &second, "-e", "prod-eu", "--snapshot", &first],
            &[],
        );
        for snapshot in [&first, &second] {
            let written = everything(Path::new(snapshot));
            let mut windows = written.windows(LOGIN.len());
            assert!(!windows.any(|window| window == LOGIN.as_bytes()));
        }
        for args in [
            &["drift", "--app", "shop"][..],
            &["where", "-e", "prod-eu"],
            &["resource", "cm/web", "-e", "prod-eu"],
        ] {
            let before = hub.ask(args, contexts);
            let said = before.to_string();
            let is_said = said.contains("the cluster's clock is 2d ahead");
            assert_eq!(is_said, args[0] != "where", "{said}");
            for snapshot in [&first, &second] {
                let after = hub.ask(&[args, &["--snapshot", snapshot]].concat(), &[]);
                assert_eq!(timeless(before.clone()), timeless(after), "{name} {args:?}");
            }
        }
    }
}

/// By its times alone, what was edited after the commit was not applied yet, and was written in the future.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_whose_clock_is_wrong_is_said_to_be_and_its_times_are_taken_as_they_are_meant() {
    // A little more, for the answers are given a moment later.
    const DAY: SignedDuration = SignedDuration::from_mins(24 * 60 + 10);
    const HOUR: SignedDuration = SignedDuration::from_hours(1);
    let home = Home::new();
    let repo = TestRepo::init(&home.directory.path().join("repo"));
    let config_map = |a: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web", "namespace": "shop"}, "data": {"a": a}});
    repo.write("production/web.yaml", config_map("1").to_string());
    repo.git(&["add", "-A"]);
    let committed = (Timestamp::now() - HOUR * 3).to_string();
    let mut commit = repo.command(&["commit", "-qm", "Begin"]);
    commit.env("GIT_AUTHOR_DATE", &committed);
    commit.env("GIT_COMMITTER_DATE", &committed);
    assert!(commit.status().expect("git runs").success());
    let kubeconfig = home.directory.path().join("kubeconfig");
    let drift = async |skew: SignedDuration, edited: SignedDuration| -> (String, Value) {
        let now = Timestamp::now();
        let mut live = config_map("2");
        live["metadata"]["managedFields"] = json!([{
            "manager": "some-tool", "operation": "Update", "time": (now + skew - edited).to_string(),
            "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {"f:a": {}}},
        }]);
        let path = "/api/v1/namespaces/shop/configmaps/web";
        let server = server_at(&[(path, live)], now + skew).await;
        let config = json!({
            "clusters": [{"name": "c", "cluster": {"server": server.uri()}}],
            "contexts": [{"name": "prod", "context": {"cluster": "c"}}],
        });
        std::fs::write(&kubeconfig, config.to_string()).expect("written");
        let run = |more: &[&str]| {
            let args = [&["drift", "--context", "prod"], more].concat();
            let mut command = home.command(&repo.path, &args);
            let output = command.env("KUBECONFIG", &kubeconfig).output();
            String::from_utf8(output.expect("gitopsy runs").stdout).expect("text")
        };
        let answer = serde_json::from_str(&run(&["-o", "json"])).expect("JSON");
        (run(&[]), answer)
    };
    let cause = |answer: &Value| answer["resources"][0]["fields"][0]["cause"]["kind"].clone();
    for (skew, shown, note) in [
        (
            DAY,
            "last wrote 22h ahead of this clock",
            "1d ahead of this one",
        ),
        (-DAY, "last wrote 1d ago", "1d behind this one"),
        (SignedDuration::ZERO, "last wrote 1h ago", ""),
    ] {
        // An hour and a half ago, so that no second matters.
        let (text, answer) = drift(skew, HOUR * 3 / 2).await;
        assert_eq!(cause(&answer), "unknown", "{skew}: {answer:#}");
        assert!(text.contains(shown), "{text}");
        assert_eq!(
            text.contains("the cluster's clock is"),
            !note.is_empty(),
            "{text}"
        );
        assert!(text.contains(note), "{text}");
        // What was written before the commit is not applied yet.
        let (_, answer) = drift(skew, HOUR * 5).await;
        assert_eq!(cause(&answer), "not-applied", "{skew}: {answer:#}");
    }
}
