//! Logins that run out, are refused, or change while one looks on.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use wiremock::matchers::{header, path};
use wiremock::{Mock, MockServer};

use super::credentials::plugin;
use super::*;

const AT: &str = "/api/v1/namespaces/shop/configmaps";

/// A clock that stands still until it is moved.
#[derive(Clone)]
struct Hands(Arc<AtomicI64>);

impl Hands {
    fn new() -> Hands {
        Hands(Arc::new(AtomicI64::new(1_800_000_000)))
    }

    fn clock(&self) -> Clock {
        let seconds = Arc::clone(&self.0);
        Clock::new(move || Timestamp::from_second(seconds.load(Ordering::Relaxed)).unwrap())
    }

    fn forward(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

/// A server that accepts one token alone.
async fn server_for(token: &str) -> MockServer {
    let server = MockServer::start().await;
    discovery(&server, &[]).await;
    Mock::given(path(AT))
        .and(header("Authorization", format!("Bearer {token}").as_str()))
        .respond_with(ok(&items(&[named("conf", "shop")])))
        .mount(&server)
        .await;
    get(&server, AT, status(401, "Unauthorized")).await;
    server
}

async fn read(cluster: &Cluster) -> Result<Vec<String>, String> {
    let kinds = [kind("", "ConfigMap", Some("shop"))];
    match names(&list(cluster, &kinds).await, &kinds[0]) {
        Known::Fresh(names) => Ok(names),
        other => Err(other.why().unwrap().to_string()),
    }
}

fn found() -> Result<Vec<String>, String> {
    Ok(vec!["conf".to_owned()])
}

/// A plugin that prints the token in `token` beside it, and counts how often it was asked.
fn printing(dir: &Path, until: &str) -> serde_json::Value {
    let script = dir.join("plugin");
    let text = r#"
here="$(dirname "$0")"
echo asked >> "$here/asked"
[ -e "$here/expired" ] && { echo "the session has expired" >&2; exit 3; }
printf '{"kind":"ExecCredential","status":{UNTIL"token":"%s"}}' "$(cat "$here/token")"
"#;
    std::fs::write(&script, text.replace("UNTIL", until)).unwrap();
    plugin(&script, "")
}

fn times_asked(dir: &Path) -> usize {
    let asked = std::fs::read_to_string(dir.join("asked")).unwrap();
    asked.lines().count()
}

#[tokio::test]
async fn a_refused_login_is_tried_again_once_and_then_at_growing_intervals() {
    let server = server_for("new").await;
    let scripts = tempfile::tempdir().unwrap();
    std::fs::write(scripts.path().join("token"), "old").unwrap();
    let dir = written(&kubeconfig(&server.uri(), &printing(scripts.path(), "")));
    let hands = Hands::new();
    let cluster = open_in(dir.path(), limits(), hands.clock()).await.unwrap();
    let refused = Err(format!(
        "failed: {} does not accept the credentials (401): log in again",
        server.uri()
    ));
    for (forward, asked) in [(0, 1), (0, 1), (3, 2), (0, 2), (5, 2), (1, 3), (11, 3)] {
        hands.forward(forward);
        assert_eq!(read(&cluster).await, refused);
        assert_eq!(times_asked(scripts.path()), asked, "after {forward} s");
    }
    std::fs::write(scripts.path().join("token"), "new").unwrap();
    hands.forward(1);
    assert_eq!(read(&cluster).await, found());
    assert_eq!(times_asked(scripts.path()), 4);
    hands.forward(3600);
    assert_eq!(read(&cluster).await, found());
    assert_eq!(times_asked(scripts.path()), 4, "what is good is kept");
}

#[tokio::test]
async fn a_token_that_runs_out_is_replaced_before_it_is_refused() {
    let server = server_for("new").await;
    let scripts = tempfile::tempdir().unwrap();
    let token = scripts.path().join("token");
    std::fs::write(&token, "new").unwrap();
    let hands = Hands::new();
    let until = hands.clock().now() + jiff::SignedDuration::from_mins(10);
    let until = format!("\"expirationTimestamp\":\"{until}\",");
    let user = printing(scripts.path(), &until);
    let dir = written(&kubeconfig(&server.uri(), &user));
    let cluster = open_in(dir.path(), limits(), hands.clock()).await.unwrap();
    hands.forward(500);
    assert_eq!(read(&cluster).await, found());
    assert_eq!(times_asked(scripts.path()), 1);
    hands.forward(100);
    assert_eq!(read(&cluster).await, found());
    assert_eq!(times_asked(scripts.path()), 2);
    // Where the clocks of plugin and server differ from ours, the server has the last word.
    assert_eq!(read(&cluster).await, found());
    assert_eq!(times_asked(scripts.path()), 2);

    std::fs::write(scripts.path().join("expired"), "").unwrap();
    hands.forward(60);
    for _ in 0..2 {
        let why = read(&cluster).await.unwrap_err();
        assert!(
            why.contains(&format!("cannot log in to {}", server.uri()))
                && why.contains("the session has expired (exit status 3)"),
            "{why}"
        );
        assert!(!why.contains("new"), "{why}");
    }
    assert_eq!(times_asked(scripts.path()), 3);
    std::fs::remove_file(scripts.path().join("expired")).unwrap();
    hands.forward(60);
    assert_eq!(read(&cluster).await, found());
}

/// A plugin that hangs in the middle of the day is ended, with what it started.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_plugin_that_hangs_later_is_ended() {
    let server = server_for("new").await;
    let scripts = tempfile::tempdir().unwrap();
    let script = scripts.path().join("plugin");
    let text = r#"
here="$(dirname "$0")"
if [ -e "$here/used" ]; then
  echo $$ > "$here/pid"
  sleep 1000 &
  echo $! > "$here/child"
  echo "Password:"
  wait
fi
touch "$here/used"
echo '{"status":{"token":"old"}}'
"#;
    std::fs::write(&script, text).unwrap();
    let hands = Hands::new();
    let limits = Limits {
        plugin: Duration::from_secs(1),
        ..limits()
    };
    let dir = written(&kubeconfig(&server.uri(), &plugin(&script, "")));
    let cluster = open_in(dir.path(), limits, hands.clock()).await.unwrap();
    hands.forward(60);
    let why = read(&cluster).await.unwrap_err();
    assert!(
        why.contains("did not end within 1s; it may wait for somebody to log in"),
        "{why}"
    );
    for name in ["pid", "child"] {
        let pid = std::fs::read_to_string(scripts.path().join(name)).unwrap();
        // One that nobody has buried yet is dead, too; and to die takes a moment.
        let is_running = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
            stat.is_ok_and(|stat| !stat.contains(") Z "))
        };
        while is_running() {
            std::thread::yield_now();
        }
    }
}

#[tokio::test]
async fn who_waits_for_a_login_is_told_so() {
    let server = server_for("new").await;
    let scripts = tempfile::tempdir().unwrap();
    let script = scripts.path().join("plugin");
    let text = r#"
here="$(dirname "$0")"
while [ -e "$here/used" ] && [ ! -e "$here/go" ]; do sleep 0.01; done
[ -e "$here/used" ] && echo '{"status":{"token":"new"}}' && exit
touch "$here/used"
echo '{"status":{"token":"old"}}'
"#;
    std::fs::write(&script, text).unwrap();
    let hands = Hands::new();
    let limits = Limits {
        call: Duration::from_millis(200),
        ..limits()
    };
    let dir = written(&kubeconfig(&server.uri(), &plugin(&script, "")));
    let cluster = open_in(dir.path(), limits, hands.clock()).await.unwrap();
    hands.forward(60);
    let why = read(&cluster).await.unwrap_err();
    assert!(why.contains("has not ended yet"), "{why}");
    // Nobody waits for it any more, and it goes on: once somebody has logged in, that is known.
    std::fs::write(scripts.path().join("go"), "").unwrap();
    while read(&cluster).await != found() {}
}

#[tokio::test]
async fn rotated_files_are_read_again() {
    let server = server_for("new").await;
    let files = tempfile::tempdir().unwrap();
    let token = files.path().join("token");
    std::fs::write(&token, "old").unwrap();
    let hands = Hands::new();
    let dir = written(&kubeconfig(&server.uri(), &json!({"tokenFile": token})));
    let config = dir.path().join("config");
    let cluster = open_in(dir.path(), limits(), hands.clock()).await.unwrap();
    assert!(read(&cluster).await.unwrap_err().contains("(401)"));
    std::fs::write(&token, "new").unwrap();
    hands.forward(3);
    assert_eq!(read(&cluster).await, found());

    let write = |user: serde_json::Value| {
        std::fs::write(&config, kubeconfig(&server.uri(), &user).to_string()).unwrap()
    };
    write(json!({"token": "revoked"}));
    hands.forward(3);
    assert!(read(&cluster).await.unwrap_err().contains("(401)"));
    write(json!({"token": "new"}));
    hands.forward(3);
    assert_eq!(read(&cluster).await, found());

    // What works goes on working while somebody edits.
    std::fs::write(&config, "{").unwrap();
    hands.forward(3);
    assert_eq!(read(&cluster).await, found());
    std::fs::remove_file(&config).unwrap();
    hands.forward(3);
    assert_eq!(read(&cluster).await, found());
    assert!(cluster.is_current().await);
}

#[tokio::test]
async fn a_context_that_names_another_cluster_is_not_followed_there() {
    let (one, other) = (server_for("new").await, server_for("new").await);
    let hands = Hands::new();
    let user = json!({"token": "new"});
    let dir = written(&kubeconfig(&one.uri(), &user));
    let cluster = open_in(dir.path(), limits(), hands.clock()).await.unwrap();
    assert_eq!(read(&cluster).await, found());
    let config = dir.path().join("config");
    std::fs::write(&config, kubeconfig(&other.uri(), &user).to_string()).unwrap();
    hands.forward(3);
    assert!(!cluster.is_current().await);
    let why = read(&cluster).await.unwrap_err();
    assert!(
        why.contains("context prod has become another cluster"),
        "{why}"
    );
    assert!(other.received_requests().await.unwrap().is_empty());
}
