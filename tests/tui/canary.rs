//! No frame, and nothing else that leaves the program, has a piece of a Secret's value: on every screen, with Secrets in git, in
//! what is rendered from it, and with other values in the cluster.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gitopsy::review::{Clock, ClusterChoice, Kubeconfig, Options};
use support::TestRepo;

use crate::session::Session;

/// No piece of so many characters is shown.
const PIECE: usize = 8;

/// What git had, what it has, and what the cluster has.
const BEFORE: &str = "Hx83kPq0vLw2ZsRt";
const NOW: &str = "bN5yTe71MdUcJg9f";
const LIVE: &str = "Qo4iAzX6rWsEhVk2";
/// The same everywhere.
const SAME: &str = "gY0uSm8DfKpB3jCn";
/// Of the Secret that kustomize makes, before and now.
const MADE_BEFORE: &str = "wT9eLr5XvHq1ZaUo";
const MADE: &str = "mK6dFs2NyGi7PcJb";
/// In documents that do not parse.
const BROKEN: &str = "zE4hVu8QxRt0WlAn";
const ALL: [&str; 7] = [BEFORE, NOW, LIVE, SAME, MADE_BEFORE, MADE, BROKEN];

fn encoded(value: &str) -> String {
    STANDARD.encode(value)
}

/// What every base64 of a text with `value` in it has: one for each place in a group of three bytes that it can begin at.
fn encodings(value: &str) -> [String; 3] {
    [(0, 0), (1, 2), (2, 3)].map(|(before, foreign)| {
        let encoded = encoded(&format!("{}{value}", "-".repeat(before)));
        let own = encoded.trim_end_matches('=');
        // The last character is of what follows, too.
        let shared = usize::from(!(before + value.len()).is_multiple_of(3));
        own[foreign..own.len() - shared].to_owned()
    })
}

/// The pieces of `shown` that are pieces of a value or of its base64.
fn leaked(shown: &str) -> Vec<String> {
    let texts = ALL.iter().flat_map(|value| {
        let encodings = encodings(value);
        [(*value).to_owned()].into_iter().chain(encodings)
    });
    let pieces = texts.flat_map(|text| {
        let ends = PIECE..=text.len();
        let pieces = ends.map(|end| text[end - PIECE..end].to_owned());
        pieces.collect::<Vec<_>>()
    });
    pieces.filter(|piece| shown.contains(piece)).collect()
}

#[test]
fn a_piece_is_recognised_wherever_it_stands() {
    for before in ["", "-", "--", "-----BEGIN\n"] {
        let text = format!("{before}{NOW}\nmore");
        assert!(!leaked(&encoded(&text)).is_empty(), "{text}");
    }
    assert_eq!(leaked(&format!("key: {}", &NOW[3..11])), [&NOW[3..11]]);
    assert_eq!(leaked(&format!("key: {}", &NOW[3..10])), [""; 0]);
}

fn secret(plain: &str, key: &str) -> String {
    format!(
        "apiVersion: v1
kind: Secret
metadata: {{name: db, namespace: shop}}
stringData:
  password: {plain}
  same: {SAME}
  url: postgres://app:{plain}@db.shop
data:
  key: {}
",
        encoded(key)
    )
}

/// Three commits: Secrets, other values of them, one that does not parse and one that cannot be made.
fn repository(directory: &Path) -> TestRepo {
    let repo = TestRepo::init(directory);
    let workload = "apiVersion: apps/v1
kind: Deployment
metadata: {name: db, namespace: shop}
spec:
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      containers:
      - name: db
        image: registry.example.com/db:1.0
        envFrom: [{secretRef: {name: db}}]
";
    let made = |value: &str| {
        format!(
            "namespace: shop
generatorOptions: {{disableNameSuffixHash: true}}
secretGenerator:
- name: web
  literals: ['token={value}']
  files: [key.pem]
"
        )
    };
    repo.write("production/db/deployment.yaml", workload);
    for (subject, plain, rendered) in [
        ("Begin", BEFORE, MADE_BEFORE),
        ("Rotate the passwords", NOW, MADE),
    ] {
        repo.write("production/db/secret.yaml", secret(plain, plain));
        repo.write("production/web/kustomization.yaml", made(rendered));
        repo.write(
            "production/web/key.pem",
            format!("-----BEGIN\n{rendered}\n"),
        );
        repo.commit(subject);
    }
    repo.write(
        "production/db/broken.yaml",
        format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: broken}}\nstringData:\n  password: {BROKEN}\n  - {BROKEN}\n"),
    );
    repo.write(
        "production/api/kustomization.yaml",
        format!("resources: [gone.yaml]\nsecretGenerator:\n- name: api\n  literals: ['token={BROKEN}']\n"),
    );
    repo.commit("Break a Secret");
    repo
}

/// Applied by kubectl, which keeps what it applied, and edited by hand.
fn cluster(directory: &Path) {
    std::fs::create_dir(directory).expect("created");
    let applied = format!(
        r#"{{"apiVersion":"v1","kind":"Secret","metadata":{{"name":"db","namespace":"shop"}},"stringData":{{"password":"{BEFORE}","same":"{SAME}"}},"data":{{"key":"{}"}}}}"#,
        encoded(BEFORE)
    );
    let live = format!(
        "apiVersion: v1
kind: Secret
metadata:
  name: db
  namespace: shop
  annotations: {{kubectl.kubernetes.io/last-applied-configuration: '{applied}'}}
  managedFields: [{{manager: kubectl-edit, operation: Update, time: '2024-01-01T02:30:00Z', fieldsV1: {{'f:data': {{'f:password': {{}}, 'f:added': {{}}}}}}}}]
data: {{password: {live}, same: {same}, url: {live}, key: {live}, added: {live}}}
---
apiVersion: v1
kind: Secret
metadata: {{name: web, namespace: shop}}
data: {{token: {live}, key.pem: {live}}}
",
        live = encoded(LIVE),
        same = encoded(SAME),
    );
    std::fs::write(directory.join("all.yaml"), live).expect("written");
}

/// Keys, or a text to type after `'`; and what is to be seen then.
type Step = (&'static str, &'static str);

const TOURS: &[&[Step]] = &[
    &[
        ("1", "[1 Deployed]"),
        ("j right", "db in production"),
        ("tab z z tab", "db in production"),
        ("d", "Deployed ›"),
        ("esc enter", "Secret/db"),
    ],
    &[
        ("2", "data.key.pem #"),
        ("tab z j j z tab", ""),
        ("j enter", "stringData.password"),
        ("v", "<masked#"),
        ("v w x", "<masked#"),
        ("tab j j y", ""),
        ("tab", ""),
    ],
    &[
        ("2 g", "Break a Secret"),
        ("enter", "broken.yaml"),
        ("tab v", ""),
        ("v", ""),
        ("tab w", ""),
    ],
    &[
        ("2 j space j space", "2 marked"),
        ("d", "stringData.password"),
        ("v", "<masked#"),
        ("esc esc", ""),
    ],
    &[
        ("3", "production"),
        ("/", ""),
        ("'kind:secret", "drifted 4 fields"),
        ("enter g j j enter", "of 3 commits"),
        ("j", "(masked) ≠"),
        ("tab z w", "#"),
        ("z tab z w j j", ""),
        ("z tab l", "Logs of"),
        ("esc y", "<masked#"),
        ("tab", "\"masked #"),
        ("/", ""),
        ("'password", "password"),
        ("enter e esc", ""),
        ("esc e c esc", ""),
    ],
    &[
        ("4", "data.password"),
        ("j", "data.token"),
        ("k tab j j z w", ""),
        ("z e", ""),
        ("tab S y", "<masked#"),
        ("tab", "\"masked #"),
        ("esc enter", "Live"),
        ("d", ""),
    ],
    &[
        ("2 g j r", "nothing is written yet"),
        ("tab j j z", ""),
        ("z tab z j j", ""),
        ("z v", ""),
        ("v tab v e", ""),
        ("enter esc c", ""),
    ],
    &[("2 g j j r", "nothing is written yet"), ("tab v v", "")],
    &[
        ("1", ""),
        (":", "Do or show"),
        ("'kind:secret", ""),
        ("enter", "/kind:Secret"),
        ("5", "[5 Reverts]"),
        ("?", "Here"),
        ("esc :", "Do or show"),
        ("'secret", "filter"),
        ("esc @", "Calls"),
        ("G e esc D", "Doctor"),
        ("esc 1 t", "as of"),
        ("'HEAD~1", ""),
        ("enter enter", "AT HEAD~1"),
        ("esc 3", ""),
        ("esc esc", ""),
    ],
];

#[tokio::test(flavor = "multi_thread")]
async fn no_screen_shows_a_piece_of_a_secret() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let repo = repository(&directory.path().join("repo"));
    let snapshot = directory.path().join("cluster");
    cluster(&snapshot);
    for size in [(80, 24), (200, 50)] {
        for tour in TOURS {
            let options = Options {
                repo: Some(repo.path.clone()),
                branch: None,
                cluster: ClusterChoice::Snapshot(snapshot.clone()),
                kubeconfig: Kubeconfig::named(Vec::new()),
                overrides: Default::default(),
                offline: true,
                allow_network: false,
                read_only: false,
                state: directory.path().join("state"),
                cache: Some(directory.path().join("cache")),
                clock: Clock::fixed("2024-01-02T00:00:00Z".parse().expect("a time")),
            };
            let mut session = Session::open(size, options, |shown| {
                assert_eq!(leaked(shown), [""; 0], "{shown}");
            });
            for (keys, seen) in *tour {
                match keys.strip_prefix('\'') {
                    Some(text) => session.write(text).await,
                    None => session.press(keys).await,
                };
                let shown = session.text();
                assert!(
                    shown.contains(seen),
                    "{seen:?} is not there after {keys:?} at {size:?}:\n{shown}"
                );
            }
        }
    }
}
