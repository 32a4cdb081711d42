//! What gitopsy says of a cluster that somebody changed, against what kubectl says: on real objects of the real API server.
//!
//! Each row of [`mutations`] is an object that was applied, what was done to it since, and what must be said of it. kubectl
//! says what its next apply would change (it asks the API server to pretend, which takes the right to write); gitopsy says
//! what is not as git has it, by reading. Where the two are not the same, the row says who is right, and why.

mod mutations;
mod repositories;
mod secrets;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;
use support::TestRepo;

use crate::harness::{Cluster, Request, User, cluster, gitopsy};
use mutations::{By, CLUSTER_WIDE, Kubectl, MUTATIONS, Mutation};

/// kubectl takes a tenth of a second each time, most of it waiting.
const THREADS: usize = 4;

/// By app, `path cause` of each field.
type Found = BTreeMap<String, BTreeSet<String>>;

/// When git changed what it has: later than anybody applied anything.
const LATER: &str = "2099-01-01T00:00:00+00:00";

/// Follows a field that differs, and may.
const EXPECTED: &str = ", in sync";

/// Where our own dry-run does not say what kubectl's does, and why.
const DRY_RUN: &[(&str, &str)] = &[
    ("env-reordered", "the order says nothing to the API"),
    ("limit-respelled", "it is the same quantity"),
    ("widget-time-respelled", "it is the same time"),
    ("widget-map-reordered", "the order says nothing to the API"),
    ("widget-set-reordered", "the order says nothing to the API"),
    (
        "unknown-field",
        "the API server refuses it: compared by reading",
    ),
    (
        "secret-added",
        "secrets are not sent: compared by reading, which sees it",
    ),
];

/// What was said of a row.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    /// `path cause` of each field.
    ours: BTreeSet<String>,
    client: Kubectl,
    server: Kubectl,
}

impl Mutation {
    fn namespace(&self) -> String {
        format!("drift-{}", self.name)
    }

    fn manifest(&self, text: &str) -> String {
        text.replace("NAMESPACE", &self.namespace())
    }

    fn in_git(&self) -> String {
        self.manifest(self.git.unwrap_or(self.applied))
    }

    fn in_git_first(&self) -> String {
        match self.by {
            By::Flux => self.in_git(),
            _ => self.manifest(self.applied),
        }
    }
}

#[test]
fn every_mutation_is_seen_for_what_it_is() {
    let Some(cluster) = cluster() else { return };
    let directory = tempfile::tempdir().expect("a temporary directory");
    let repo = TestRepo::init(directory.path());
    cluster.apply(CLUSTER_WIDE);
    let namespaces = MUTATIONS.iter().map(Mutation::namespace);
    let namespaces: Vec<String> = namespaces
        .map(|name| format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n"))
        .collect();
    cluster.apply(&namespaces.join("---\n"));
    cluster.admin(&[
        "wait",
        "--for=condition=established",
        "crd/widgets.example.com",
        "--timeout=60s",
    ]);
    repo.write("production/widgets/crd.yaml", CLUSTER_WIDE);
    for_each(|mutation| apply(cluster, mutation));
    let write = |text: &dyn Fn(&Mutation) -> String| {
        for mutation in MUTATIONS {
            let file = format!("production/{}/object.yaml", mutation.name);
            repo.write(file, text(mutation));
        }
    };
    write(&Mutation::in_git_first);
    repo.commit("What was applied");
    write(&Mutation::in_git);
    let mut commit = repo.command(&["commit", "-qam", "What is wanted"]);
    commit
        .env("GIT_AUTHOR_DATE", LATER)
        .env("GIT_COMMITTER_DATE", LATER);
    assert!(commit.status().expect("git runs").success());

    let (mut ours, unknown) = found(directory.path(), cluster.kubeconfig(User::Admin));
    assert_eq!(unknown, [""; 0]);
    reading_is_enough(cluster, directory.path(), &ours);
    rights_in_namespaces_are_enough(cluster, directory.path(), &ours);
    // Secrets are none of theirs, nor definitions and rights; that hides nothing else.
    let (theirs, unknown) = found(directory.path(), cluster.kubeconfig(User::Viewer));
    assert!(
        unknown
            .iter()
            .any(|what| what == "Secret in drift-fresh-secret")
    );
    assert!(unknown.iter().all(|what| !what.starts_with("Deployment")));
    for mutation in MUTATIONS
        .iter()
        .filter(|row| row.applied.contains("kind: Deployment"))
    {
        assert_eq!(theirs.get(mutation.name), ours.get(mutation.name));
    }

    let pretended = pretended(directory.path(), cluster.kubeconfig(User::Admin));
    let said = for_each(|mutation| kubectl(cluster, mutation));
    let mut wrong = String::new();
    for (mutation, [client, server]) in MUTATIONS.iter().zip(said) {
        let said = Said {
            ours: ours.remove(mutation.name).unwrap_or_default(),
            client,
            server,
        };
        let fields = mutation.ours.iter();
        let expected = Said {
            ours: fields.map(|&field| field.to_owned()).collect(),
            client: mutation.client,
            server: mutation.server,
        };
        if said != expected {
            wrong += &format!("{}: {said:?}\n  not {expected:?}\n", mutation.name);
        }
        let ours = match mutation.ours.iter().all(|field| field.ends_with(EXPECTED)) {
            true => Kubectl::Same,
            false => Kubectl::Differs,
        };
        let planned = match pretended.contains(mutation.name) {
            true => Kubectl::Differs,
            false => Kubectl::Same,
        };
        let right = DRY_RUN.iter().find(|(name, _)| *name == mutation.name);
        if (planned != mutation.server) != right.is_some() {
            wrong += &format!("{}: the dry-run says {planned:?}\n", mutation.name);
        }
        let agree = ours == mutation.client && ours == mutation.server;
        assert_eq!(agree, mutation.right.is_empty(), "{}", mutation.name);
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(ours.is_empty(), "{ours:?}");
}

/// The apps that `gitopsy drift --dry-run` finds something in.
fn pretended(repository: &Path, kubeconfig: &Path) -> BTreeSet<String> {
    let args = ["drift", "--dry-run", "--context", "stack"];
    let answer = gitopsy(repository, kubeconfig, &args);
    assert_eq!(answer["dry_run"], true);
    assert!(verdicts(&answer).contains("server"));
    let resources = answer["resources"].as_array().expect("a list").iter();
    let differs =
        resources.filter(|resource| resource["state"] == "missing" || !fields(resource).is_empty());
    let apps = differs.map(|resource| resource["app"].as_str().expect("an app").to_owned());
    apps.collect()
}

/// Whose word it is on each resource that drifts: `server`, or why it was read instead.
fn verdicts(answer: &Value) -> BTreeSet<String> {
    let resources = answer["resources"].as_array().expect("a list").iter();
    let drifted = resources.filter(|resource| resource["state"] == "drifted");
    let verdict = |resource: &Value| match &resource["verdict"] {
        Value::String(word) => word.clone(),
        verdict => verdict["read"].as_str().expect("a verdict").to_owned(),
    };
    drifted.map(verdict).collect()
}

/// What `gitopsy drift` finds, by app, and what it cannot know.
fn found(repository: &Path, kubeconfig: &Path) -> (Found, Vec<String>) {
    let answer = gitopsy(repository, kubeconfig, &["drift", "--context", "stack"]);
    (found_in(&answer), unknown(&answer))
}

fn found_in(answer: &Value) -> Found {
    let mut found = Found::new();
    for resource in answer["resources"].as_array().expect("a list") {
        let (app, fields) = (resource["app"].as_str(), fields(resource));
        // What is but unhealthy may be well by the time of the next question.
        if !fields.is_empty() {
            let app = app.expect("an app").to_owned();
            found.entry(app).or_default().extend(fields);
        }
    }
    found
}

fn unknown(answer: &Value) -> Vec<String> {
    let unknown = answer["unknown"].as_array().expect("a list").iter();
    let what = unknown.map(|unknown| unknown["what"].as_str().expect("text").to_owned());
    what.collect()
}

/// Who may only read finds the same, and asks for nothing but what git mentions and the workloads among it own: in its namespaces,
/// or in all at once, but never for the secrets of others. Nor are there as many requests as there are namespaces for each kind.
fn reading_is_enough(cluster: &Cluster, repository: &Path, ours: &Found) {
    const READER: &str = "drift-reader";
    const VERBS: [&str; 4] = ["get", "list", "watch", "create"];
    const OWNED: [&str; 3] = ["pods", "replicasets", "jobs"];
    cluster.namespace(READER);
    let kubeconfig = cluster.member(READER, "view");
    cluster.apply(&format!(
        "apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {{name: {READER}}}
rules: [{{apiGroups: ['*'], resources: ['*'], verbs: [get, list, watch]}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {{name: {READER}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {READER}}}
subjects: [{{kind: ServiceAccount, name: member, namespace: {READER}}}]
"
    ));
    let (theirs, unknown) = found(repository, &kubeconfig);
    assert_eq!(unknown, [""; 0]);
    assert_eq!(&theirs, ours);
    // Who may not patch is told so, and finds the same by reading.
    let args = ["drift", "--dry-run", "--context", "stack"];
    let answer = gitopsy(repository, &kubeconfig, &args);
    assert_eq!(&found_in(&answer), ours);
    assert_eq!(answer["dry_run"], false);
    let verdicts = verdicts(&answer);
    let by_reading = |why: &String| why.starts_with("forbidden: patch ") || why.contains("masked");
    assert!(verdicts.iter().all(by_reading), "{verdicts:?}");
    let notes = answer["notes"].as_array().expect("a list").iter();
    let mut notes = notes.map(|note| note.as_str().expect("text"));
    assert!(notes.any(|note| note.contains("by reading: forbidden: patch deployments.apps in")));

    let kinds: BTreeSet<String> = MUTATIONS
        .iter()
        .map(|mutation| mutation.applied)
        .chain([CLUSTER_WIDE])
        .flat_map(str::lines)
        .filter_map(|line| line.strip_prefix("kind: "))
        .map(|kind| match kind.to_lowercase() {
            kind if kind.ends_with('y') => format!("{}ies", &kind[..kind.len() - 1]),
            kind if kind.ends_with('s') => format!("{kind}es"),
            kind => format!("{kind}s"),
        })
        .chain(OWNED.map(str::to_owned))
        .collect();
    let reader = format!("system:serviceaccount:{READER}:member");
    let requests = cluster.requests();
    let theirs: Vec<_> = requests
        .iter()
        .filter(|request| request.user.username == reader)
        .collect();
    assert!(theirs.len() > kinds.len());
    let namespaces: BTreeSet<String> = MUTATIONS.iter().map(Mutation::namespace).collect();
    let of_pods = |request: &&&Request| {
        let object = request.object_ref.as_ref();
        request.stage == "ResponseComplete"
            && object.is_some_and(|object| object.resource == "pods")
    };
    assert!(theirs.iter().filter(of_pods).count() < namespaces.len() / 2);
    for request in theirs {
        assert!(VERBS.contains(&request.verb.as_str()), "{request:?}");
        if let Some(object) = &request.object_ref {
            let is_review = object.resource == "selfsubjectaccessreviews";
            assert!(is_review || request.verb != "create", "{request:?}");
            assert!(is_review || kinds.contains(&object.resource), "{request:?}");
            let namespace = object.namespace.as_ref();
            assert!(
                namespace.is_none_or(|name| namespaces.contains(name)),
                "{request:?}"
            );
            assert!(
                object.resource != "secrets" || namespace.is_some(),
                "{request:?}"
            );
        }
    }
}

/// Who may read in each of git's namespaces, but not in all there are, finds the same in them.
fn rights_in_namespaces_are_enough(cluster: &Cluster, repository: &Path, ours: &Found) {
    const MEMBER: &str = "drift-member";
    cluster.namespace(MEMBER);
    let kubeconfig = cluster.member(MEMBER, "view");
    let bindings: Vec<String> = MUTATIONS
        .iter()
        .map(|mutation| {
            format!(
                "apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: {MEMBER}, namespace: {}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: drift-reader}}
subjects: [{{kind: ServiceAccount, name: member, namespace: {MEMBER}}}]
",
                mutation.namespace()
            )
        })
        .collect();
    cluster.apply(&bindings.join("---\n"));
    let (theirs, unknown) = found(repository, &kubeconfig);
    let unknown: BTreeSet<&str> = unknown
        .iter()
        .map(|what| {
            what.strip_suffix(" in the cluster")
                .expect("in no namespace")
        })
        .collect();
    let is_known = |text: &str| {
        let kinds = text.lines().filter_map(|line| line.strip_prefix("kind: "));
        kinds.into_iter().all(|kind| !unknown.contains(kind))
    };
    for mutation in MUTATIONS.iter().filter(|row| is_known(row.applied)) {
        assert_eq!(theirs.get(mutation.name), ours.get(mutation.name));
    }
}

/// Does something with each row, a few at a time.
fn for_each<T: Send>(work: impl Fn(&Mutation) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let row = next.fetch_add(1, Ordering::Relaxed);
                    let Some(mutation) = MUTATIONS.get(row) else {
                        return;
                    };
                    let result = work(mutation);
                    done.lock().expect("nobody panicked").insert(row, result);
                }
            });
        }
    });
    let done = done.into_inner().expect("nobody panicked");
    done.into_values().collect()
}

/// The drifted fields of a resource that is there; what else is the matter with it.
fn fields(resource: &Value) -> Vec<String> {
    let fields = resource["fields"].as_array().expect("a list");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    match text(&resource["state"]).as_str() {
        state @ ("synced" | "drifted") => fields
            .iter()
            .map(|field| {
                let (path, cause) = (text(&field["path"]), text(&field["cause"]["kind"]));
                match state {
                    "synced" => format!("{path} {cause}{EXPECTED}"),
                    _ => format!("{path} {cause}"),
                }
            })
            .collect(),
        other => vec![other.to_owned()],
    }
}

fn apply(cluster: &Cluster, mutation: &Mutation) {
    let admin = cluster.kubeconfig(User::Admin);
    let namespace = mutation.namespace();
    let how: &[&str] = match mutation.by {
        By::Client => &["apply"],
        By::Server => &["apply", "--server-side"],
        By::Flux => &[
            "apply",
            "--server-side",
            "--field-manager=kustomize-controller",
        ],
        By::Create => &["create"],
        By::Helm => &["create", "--field-manager=helm"],
    };
    let args = [how, &["--validate=ignore", "-f", "-"]].concat();
    let done = cluster.kubectl(admin, &args, &mutation.manifest(mutation.applied));
    assert_eq!(done.code, 0, "{}: {}", mutation.name, done.err);
    for step in mutation.then {
        // A manifest, or the words of a command.
        let (words, input) = match step.split_once('\n') {
            Some((words, input)) => (words, mutation.manifest(input)),
            None => (*step, String::new()),
        };
        let mut args: Vec<&str> = words.split(' ').collect();
        if input.is_empty() {
            args.extend(["-n", &namespace]);
        }
        let args: Vec<String> = args.iter().map(|word| mutation.manifest(word)).collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let done = cluster.kubectl(admin, &args, &input);
        assert_eq!(done.code, 0, "{}: {step}: {}", mutation.name, done.err);
    }
}

/// What each kind of `kubectl diff` says, of what the deployer makes of what is in git.
fn kubectl(cluster: &Cluster, mutation: &Mutation) -> [Kubectl; 2] {
    let (manager, manifest) = match mutation.by {
        By::Flux => ("--field-manager=kustomize-controller", mutation.applied),
        By::Helm => (
            "--field-manager=helm",
            mutation.git.unwrap_or(mutation.applied),
        ),
        _ => (
            "--field-manager=kubectl",
            mutation.git.unwrap_or(mutation.applied),
        ),
    };
    let server: &[&str] = &["--server-side", "--force-conflicts", manager];
    let ask = |how: &[&str], expected| {
        let args = [&["diff"], how, &["-f", "-"]].concat();
        let admin = cluster.kubeconfig(User::Admin);
        // kubectl asks twice, for what is and for what would be: what a controller writes in between is a difference to it.
        let answers = (0..3).map(|_| {
            let ended = cluster.kubectl(admin, &args, &mutation.manifest(manifest));
            match ended.code {
                0 => Kubectl::Same,
                1 if ended.out.lines().any(is_changed) => Kubectl::Differs,
                1 if !ended.out.is_empty() => Kubectl::Same,
                _ => Kubectl::Refuses,
            }
        });
        let answers = answers.enumerate();
        let mut answers = answers.filter(|(tried, answer)| *answer == expected || *tried == 2);
        answers.next().expect("three answers").1
    };
    [ask(&[], mutation.client), ask(server, mutation.server)]
}

/// Whether a line of a diff is one that somebody would mean. What kubectl writes down of its own applying is none.
fn is_changed(line: &str) -> bool {
    let Some(line) = line.strip_prefix(['+', '-']) else {
        return false;
    };
    let is_header = line.starts_with("++ ") || line.starts_with("-- ");
    let line = line.trim_start();
    !is_header && !line.starts_with("generation: ") && !line.starts_with("{\"apiVersion\":")
}
