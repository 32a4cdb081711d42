//! Contexts that cannot be used, and the programs that supply credentials.

use std::time::Duration;

use serde_json::{Value, json};
use wiremock::matchers::{header, path};
use wiremock::{Mock, MockServer};

use super::*;

pub(super) fn plugin(script: &std::path::Path, install_hint: &str) -> Value {
    json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": "sh", "args": [script],
        "interactiveMode": "IfAvailable", "installHint": install_hint,
    }})
}

/// The plugin's stderr is not ours (it would be written over the screen), it is told that nobody answers, and its token
/// is what the server sees.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_credential_plugin_never_sees_the_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("plugin");
    let text = r#"
echo "look at me" >&2
readlink /proc/$$/fd/2 > "$(dirname "$0")/stderr"
readlink /proc/$$/fd/0 > "$(dirname "$0")/stdin"
cut -d' ' -f5,6 /proc/$$/stat > "$(dirname "$0")/group"
printf '%s' "$KUBERNETES_EXEC_INFO" > "$(dirname "$0")/info"
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t0ken"}}'
"#;
    std::fs::write(&script, text).unwrap();
    let server = MockServer::start().await;
    discovery(&server, &[]).await;
    let at = "/api/v1/namespaces/shop/configmaps";
    let with_token = Mock::given(path(at)).and(header("Authorization", "Bearer t0ken"));
    with_token
        .respond_with(ok(&items(&[named("conf", "shop")])))
        .mount(&server)
        .await;
    let cluster = open_with(&server.uri(), &plugin(&script, ""), limits())
        .await
        .unwrap();
    let kinds = [kind("", "ConfigMap", Some("shop"))];
    assert_eq!(
        names(&list(&cluster, &kinds).await, &kinds[0]),
        Known::Fresh(vec!["conf".to_owned()])
    );

    let wrote = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
    for fd in [0, 2] {
        let ours = std::fs::read_link(format!("/proc/self/fd/{fd}")).unwrap();
        let its = wrote(if fd == 0 { "stdin" } else { "stderr" });
        assert_ne!(its.trim(), ours.to_string_lossy(), "fd {fd}");
    }
    // Who is in a group of their own in our session may not read our terminal: the kernel stops them.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let ours: Vec<&str> = stat.rsplit(')').next().unwrap().split(' ').collect();
    let group = wrote("group");
    assert_ne!(group.split(' ').next(), Some(ours[3]));
    assert!(
        wrote("info").contains("\"interactive\":false"),
        "{}",
        wrote("info")
    );
}

#[tokio::test]
async fn a_credential_plugin_that_fails_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("plugin");
    let fails = async |text: &str, limits: Limits| {
        std::fs::write(&script, text).unwrap();
        open_with("http://127.0.0.1:9", &plugin(&script, ""), limits)
            .await
            .err()
            .unwrap()
    };
    let error = fails(
        "echo first >&2; printf 'The SSO session\\033[2J has expired' >&2; exit 3",
        limits(),
    )
    .await;
    let text = error.to_string();
    assert!(
        text.contains("credential plugin sh failed: The SSO session")
            && text.contains("has expired"),
        "{text}"
    );
    assert!(
        text.contains("\nhint: ") && !text.contains('\u{1b}'),
        "{text}"
    );
    assert!(matches!(error.why(), Why::Failed(why) if !why.contains('\n')));

    let text = fails("echo nonsense", limits()).await.to_string();
    assert!(text.contains("it printed no"), "{text}");

    let quick = Limits {
        plugin: Duration::from_millis(50),
        ..limits()
    };
    // It ends with this test, when its own file is gone.
    let text = fails("while [ -e \"$0\" ]; do sleep 0.05; done", quick)
        .await
        .to_string();
    assert!(text.contains("did not end within 50ms"), "{text}");

    let missing = json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "no-such-plugin", "installHint": "get it\u{7} here"}});
    let error = open_with("http://127.0.0.1:9", &missing, limits())
        .await
        .err()
        .unwrap();
    assert_eq!(error.why(), Why::ToolMissing("no-such-plugin".to_owned()));
    assert!(
        error.to_string().contains("hint: get it\\u{7} here"),
        "{error}"
    );
}

#[tokio::test]
async fn a_context_that_is_not_there_names_those_that_are() {
    let dir = written(&kubeconfig("http://127.0.0.1:9", &json!({})));
    let files = Files::named(vec![dir.path().join("config")]);
    let opened = Connection::open(files, "stagin", limits(), Clock::system()).await;
    let error = opened.err().unwrap();
    let text = error.to_string();
    assert!(
        text.contains("no context \"stagin\"") && text.contains("hint: it has prod"),
        "{text}"
    );
    let text = open_with("not a url", &json!({}), limits())
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(
        text.starts_with("context prod: ") && text.contains("hint: "),
        "{text}"
    );
}
