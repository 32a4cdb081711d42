//! Secrets, in git and in the cluster, are said to be equal or different, and nothing of them is shown.

use support::TestRepo;

use crate::harness::{User, cluster, gitopsy, said};

/// What git has, what the cluster has instead, and what both have: as they are written into a manifest, and in base64.
const SECRETS: [[&str; 2]; 3] = [
    ["canary-in-git-Xk3w9", "Y2FuYXJ5LWluLWdpdC1YazN3OQ=="],
    ["canary-in-cluster-Qz7f", "Y2FuYXJ5LWluLWNsdXN0ZXItUXo3Zg=="],
    ["canary-in-both-Lm2p8v", "Y2FuYXJ5LWluLWJvdGgtTG0ycDh2"],
];
/// No piece of so many characters is shown.
const PIECE: usize = 8;
const NAMESPACE: &str = "secrets";

#[test]
fn secrets_are_compared_and_never_shown() {
    let Some(cluster) = cluster() else { return };
    let directory = tempfile::tempdir().expect("a temporary directory");
    let repo = TestRepo::init(directory.path());
    let [[in_git, _], [_, in_cluster], [_, in_both]] = SECRETS;
    let manifest = |plain: &str| {
        format!(
            "apiVersion: v1
kind: Secret
metadata: {{name: db, namespace: {NAMESPACE}}}
stringData: {{changed: {plain}}}
data: {{same: {in_both}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: db, namespace: {NAMESPACE}}}
data: {{color: blue}}
"
        )
    };
    // Applied by the client, which keeps what was applied in an annotation.
    cluster.namespace(NAMESPACE);
    let admin = cluster.kubeconfig(User::Admin);
    let applied = cluster.kubectl(admin, &["apply", "-f", "-"], &manifest(in_git));
    assert_eq!(applied.code, 0, "{}", applied.err);
    let edit = format!("{{\"data\":{{\"changed\":\"{in_cluster}\"}}}}");
    cluster.admin(&["patch", "secret", "db", "-n", NAMESPACE, "-p", &edit]);
    repo.write("production/db/secret.yaml", manifest("an-older-one-Vb6t1"));
    repo.commit("An older password");
    repo.write("production/db/secret.yaml", manifest(in_git));
    repo.commit("The password");

    let at = directory.path();
    let drift = gitopsy(at, admin, &["drift", "--context", "stack"]);
    let fields = &drift["resources"][0]["fields"];
    assert_eq!(fields[0]["path"], "data.changed", "{drift}");
    assert_eq!(fields.as_array().map(Vec::len), Some(1), "{drift}");

    let shown = [in_git, "an-older-one-Vb6t1", SECRETS[1][0], SECRETS[2][0]]
        .into_iter()
        .chain(SECRETS.map(|[_, encoded]| encoded.trim_end_matches('=')));
    let pieces: Vec<&[u8]> = shown
        .flat_map(|text| text.as_bytes().windows(PIECE))
        .collect();
    for args in [
        &["drift"][..],
        &["resource", "secret/db"],
        &["where"],
        &["log"],
        &["log", "secret/db"],
        &["show", "HEAD"],
        &["diff", "HEAD~1..HEAD"],
        &["blame", "secret/db"],
        &["revert", "HEAD"],
        &["restore", "HEAD~1", "--resource", "secret/db"],
        &["doctor"],
    ] {
        for output in [&[][..], &["-o", "json"], &["-o", "markdown"]] {
            let args = [args, output, &["--context", "stack"]].concat();
            let (out, error) = said(at, admin, &args);
            assert!(!out.is_empty(), "{args:?}: {error}");
            for text in [out, error] {
                let piece = pieces.iter().find(|piece| {
                    let mut windows = text.as_bytes().windows(PIECE);
                    windows.any(|window| window == **piece)
                });
                assert_eq!(piece, None, "{args:?}: {text}");
            }
        }
    }
}
