//! Answers made by hand: a shop in two environments, production broken by the newest version of its api.

use std::collections::BTreeMap;
use std::sync::Arc;

use gitopsy::cluster::operator::Said;
use gitopsy::cluster::{Event, Identity};
use gitopsy::manifest::Masking;
use gitopsy::review::action::stage::{Progress, Step as StageStep, StepName};
use gitopsy::review::applied::Applied;
use gitopsy::review::by_deployer::ByDeployer;
use gitopsy::review::common::{
    ChangedResource, CommitLine, Environment, NotRendered, Pull, ResourceDiff, ResourceId, Sides,
};
use gitopsy::review::drift::{Cause, CauseKind, FieldDrift};
use gitopsy::review::revert::{EnvironmentEffect, Mode, Scope, TriedScope};
use gitopsy::review::{
    Action, ChangeKind, Decided, Deployer, Destination, Effect, FieldChange, FieldPath, Health,
    HealthStatus, Known, Leaf, Node, Noise, Object, ObjectRef, Oid, Owned, Person, Step,
    Suppressed, SyncState, Tip,
};
use gitopsy::review::{
    Header, OperatorState, Why, change, contexts, deployed, doctor, drift, log, logs, resource,
    revert, stands,
};
use gitopsy::tui::ask::{Answer, Part, Question};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

pub fn now() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

pub fn ago(minutes: i64) -> Timestamp {
    now() - SignedDuration::from_mins(minutes)
}

const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;

/// An id that begins with these digits.
pub fn oid(digits: &str) -> Oid {
    Oid::from_hex(format!("{digits:0<40}").as_bytes()).unwrap()
}

pub fn tip() -> Tip {
    Tip {
        repository: "https://git.example.com/acme/environments".to_owned(),
        branch: Some("main".to_owned()),
        commit: oid("a1b2c3d"),
        fetched: Some(ago(5)),
        remote: Some("origin".to_owned()),
    }
}

pub fn header() -> Header {
    Header {
        tip: tip(),
        other_branches: 0,
        tip_time: ago(2 * HOUR),
        clusters: vec!["kind-prod @ https://10.0.0.7:6443".to_owned()],
        settled: None,
        read_only: false,
        offline: false,
    }
}

pub fn line(digits: &str, minutes: i64, author: &str, subject: &str) -> CommitLine {
    CommitLine {
        commit: oid(digits),
        time: ago(minutes),
        author: Person {
            name: author.to_owned(),
            email: format!("{author}@example.com"),
        },
        subject: subject.to_owned(),
        bot: author.ends_with("bot"),
    }
}

fn identity() -> Identity {
    Identity {
        context: Some("kind-prod".to_owned()),
        server: "https://10.0.0.7:6443".to_owned(),
    }
}

pub fn environment(name: &str) -> Environment {
    Environment {
        name: name.to_owned(),
        destination: Destination {
            cluster: None,
            namespace: Some("shop".to_owned()),
        },
        repository: None,
        deployer: Deployer::Flux,
        pipelines: Vec::new(),
        promoters: Vec::new(),
        protected: name == "production",
        cluster: Known::Fresh(identity()),
    }
}

pub fn object(kind: &str, name: &str) -> ObjectRef {
    let group = match kind {
        "Deployment" => "apps",
        "HorizontalPodAutoscaler" => "autoscaling",
        _ => "",
    };
    ObjectRef {
        group: group.to_owned(),
        kind: kind.to_owned(),
        namespace: Some("shop".to_owned()),
        name: name.to_owned(),
    }
}

pub fn id(environment: &str, app: &str, kind: &str, name: &str) -> ResourceId {
    ResourceId {
        environment: environment.to_owned(),
        app: app.to_owned(),
        object: object(kind, name),
    }
}

pub fn health(status: HealthStatus, reason: &str) -> Health {
    Health {
        status,
        reason: reason.to_owned(),
        decided: Decided::Rule,
    }
}

fn live(
    status: HealthStatus,
    reason: &str,
    version: &str,
    drifted: usize,
) -> Known<deployed::LiveDeployment> {
    Known::Fresh(deployed::LiveDeployment {
        by_deployer: None,
        version: Some(version.to_owned()),
        images: vec![format!("registry.example.com/shop/api:{version}")],
        health: health(status, reason),
        sync: if drifted > 0 {
            SyncState::Drifted
        } else {
            SyncState::Synced
        },
        drifted,
        applied: Known::Fresh((status == HealthStatus::Degraded).then(failing)),
    })
}

fn deployment(
    environment: &str,
    app: &str,
    version: &str,
    since: CommitLine,
) -> deployed::Deployment {
    deployed::Deployment {
        environment: environment.to_owned(),
        namespace: Some("shop".to_owned()),
        version: Some(version.to_owned()),
        images: vec![format!("registry.example.com/shop/{app}:{version}")],
        chart: None,
        since: Some(since),
        previous: None,
        behind: None,
        live: live(HealthStatus::Healthy, "", version, 0),
        resources: vec![
            id(environment, app, "Deployment", app),
            id(environment, app, "Service", app),
        ],
        searching: false,
    }
}

pub fn deployed() -> deployed::Answer {
    let mut api = deployment(
        "production",
        "api",
        "1.4.2",
        line("a1b2c3d", 2 * HOUR, "alice", "api 1.4.2 to production"),
    );
    api.previous = Some("1.4.1".to_owned());
    api.live = live(HealthStatus::Degraded, "CrashLoopBackOff ×7", "1.4.2", 2);
    api.resources
        .push(id("production", "api", "HorizontalPodAutoscaler", "api"));
    let mut web = deployment(
        "production",
        "web",
        "2.0.0",
        line("77aa001", 9 * DAY, "bob", "web 2.0.0"),
    );
    web.behind = Some("staging".to_owned());
    let mut worker = deployment(
        "production",
        "worker",
        "0.9.1",
        line("5c0ffee", 40 * DAY, "renovate-bot", "worker 0.9.1"),
    );
    worker.live = live(HealthStatus::Progressing, "1/2 ready", "0.9.1", 0);
    let mut gateway = deployment(
        "staging",
        "gateway",
        "3.1.0",
        line("0ddba11", 80 * DAY, "carol", "gateway 3.1.0"),
    );
    gateway.chart = Some("gateway-3.1.0".to_owned());
    gateway.live = live(HealthStatus::Suspended, "paused", "3.1.0", 0);
    let mut postgres = deployment(
        "production",
        "postgres",
        "16.2",
        line("0ddba11", 80 * DAY, "carol", "postgres 16.2"),
    );
    (postgres.since, postgres.searching) = (None, true);
    postgres.live = Known::Loading;
    let app = |name: &str, deployments| {
        Arc::new(deployed::App {
            name: name.to_owned(),
            deployments,
        })
    };
    deployed::Answer {
        tips: vec![tip()],
        time: now(),
        environments: vec![environment("staging"), environment("production")],
        apps: vec![
            app(
                "api",
                vec![
                    deployment(
                        "staging",
                        "api",
                        "1.4.2",
                        line("9f00e12", 3 * DAY, "alice", "api 1.4.2 to staging"),
                    ),
                    api,
                ],
            ),
            app("gateway", vec![gateway]),
            app(
                "postgres",
                vec![
                    deployment(
                        "staging",
                        "postgres",
                        "16.2",
                        line("0ddba11", 80 * DAY, "carol", "postgres 16.2"),
                    ),
                    postgres,
                ],
            ),
            app(
                "web",
                vec![
                    deployment(
                        "staging",
                        "web",
                        "2.1.0-rc.1",
                        line("9f00e12", 3 * DAY, "alice", "web 2.1.0-rc.1 to staging"),
                    ),
                    web,
                ],
            ),
            app(
                "worker",
                vec![
                    deployment(
                        "staging",
                        "worker",
                        "0.9.1",
                        line("5c0ffee", 40 * DAY, "renovate-bot", "worker 0.9.1"),
                    ),
                    worker,
                ],
            ),
        ],
        not_rendered: vec![NotRendered {
            environment: "staging".to_owned(),
            app: "gateway".to_owned(),
            why: "helm is not installed".to_owned(),
        }],
        notes: Vec::new(),
    }
}

/// As [`deployed`], with every live column standing otherwise.
pub fn deployed_with(live: &Known<()>) -> deployed::Answer {
    let mut answer = deployed();
    for environment in &mut answer.environments {
        environment.cluster = match live {
            Known::Unavailable(why) => Known::Unavailable(why.clone()),
            Known::Stale((), at) => Known::Stale(identity(), *at),
            Known::Loading => Known::Loading,
            Known::Fresh(()) => Known::Fresh(identity()),
        };
    }
    let apps = answer.apps.iter_mut().map(Arc::make_mut);
    for cell in apps.flat_map(|app| &mut app.deployments) {
        cell.live = match (live, cell.live.value()) {
            (Known::Unavailable(why), _) => Known::Unavailable(why.clone()),
            (Known::Stale((), at), Some(value)) => Known::Stale(value.clone(), *at),
            _ => Known::Loading,
        };
    }
    answer
}

fn changed(
    environment: &str,
    app: &str,
    kind: &str,
    change: ChangeKind,
    routine: bool,
) -> ChangedResource {
    ChangedResource {
        environment: environment.to_owned(),
        app: app.to_owned(),
        object: object(kind, app),
        path: Some(format!("environments/{environment}/{app}.yaml")),
        change,
        routine,
    }
}

fn entry(line: CommitLine, meaning: &[&str], resources: Vec<ChangedResource>) -> log::Entry {
    let mut environments: Vec<String> = resources
        .iter()
        .map(|resource| resource.environment.clone())
        .collect();
    environments.dedup();
    log::Entry {
        line,
        generated: false,
        source: None,
        generated_by: Vec::new(),
        pull: None,
        merge: false,
        environments,
        meaning: meaning.iter().map(|text| (*text).to_owned()).collect(),
        resources,
        unknown: None,
        analysed: true,
        links: Default::default(),
        found: Vec::new(),
    }
}

fn pull(number: u64, title: &str) -> Option<Pull> {
    Some(Pull {
        number,
        title: Some(title.to_owned()),
        url: Some(format!(
            "https://git.example.com/acme/environments/pull/{number}"
        )),
    })
}

pub fn entries() -> Vec<log::Entry> {
    let modified = |environment: &str, app: &str| {
        vec![changed(
            environment,
            app,
            "Deployment",
            ChangeKind::Modified,
            false,
        )]
    };
    let routine = |app: &str| {
        vec![changed(
            "staging",
            app,
            "Deployment",
            ChangeKind::Modified,
            true,
        )]
    };
    let mut bad = entry(
        line("a1b2c3d", 2 * HOUR, "alice", "api 1.4.2 to production"),
        &["api 1.4.1 → 1.4.2 in production"],
        modified("production", "api"),
    );
    bad.pull = pull(482, "Release api 1.4.2");
    bad.generated_by = vec![oid("beef001")];
    let mut generated = entry(
        line("beef001", 2 * HOUR, "jenkins-x-bot", "chore: regenerated"),
        &["api 1.4.1 → 1.4.2 in production"],
        modified("production", "api"),
    );
    generated.generated = true;
    generated.source = Some(bad.line.clone());
    let mut merge = entry(
        line(
            "9f00e12",
            3 * DAY,
            "alice",
            "Merge pull request #477 from acme/staging",
        ),
        &[
            "api 1.4.1 → 1.4.2 in staging",
            "web 2.0.0 → 2.1.0-rc.1 in staging",
        ],
        vec![
            changed("staging", "api", "Deployment", ChangeKind::Modified, false),
            changed("staging", "web", "Deployment", ChangeKind::Modified, false),
        ],
    );
    merge.merge = true;
    merge.pull = pull(477, "Staging");
    let mut memory = entry(
        line("77aa001", 9 * DAY, "bob", "raise the api's memory limit"),
        &["api: memory 256Mi → 512Mi in production"],
        modified("production", "api"),
    );
    memory.pull = pull(470, "Raise memory");
    let mut undone = entry(
        line("00d1e00", 20 * DAY, "dave", "try http2"),
        &["gateway: 2 fields in staging"],
        modified("staging", "gateway"),
    );
    undone.links.reverted_by = Some(oid("00d1e01"));
    let mut unread = entry(
        line("5c0ffee", 40 * DAY, "renovate-bot", "worker 0.9.1"),
        &[],
        Vec::new(),
    );
    unread.analysed = false;
    vec![
        generated,
        bad,
        entry(
            line("c0ffee1", 6 * HOUR, "renovate-bot", "checksums"),
            &[],
            routine("api"),
        ),
        entry(
            line("c0ffee2", 8 * HOUR, "renovate-bot", "checksums"),
            &[],
            routine("web"),
        ),
        merge,
        entry(
            line("d0c5000", 5 * DAY, "carol", "Describe the release process"),
            &[],
            Vec::new(),
        ),
        memory,
        undone,
        unread,
        entry(
            line("0ddba11", 80 * DAY, "carol", "Begin"),
            &[
                "gateway 3.1.0 in staging",
                "postgres 16.2 in staging, production",
            ],
            vec![changed(
                "staging",
                "gateway",
                "Deployment",
                ChangeKind::Added,
                false,
            )],
        ),
    ]
}

pub fn log() -> log::Answer {
    log::Answer {
        tips: vec![tip()],
        resource: None,
        entries: entries().into_iter().map(Arc::new).collect(),
        progress: log::Progress {
            commits: 212,
            complete: true,
        },
        notes: Vec::new(),
    }
}

/// The log of production's Deployment/api.
pub fn resource_log() -> log::Answer {
    let mut answer = log();
    answer.entries.retain(|entry| {
        entry.line.subject == "checksums"
            || entry
                .resources
                .iter()
                .any(|resource| resource.environment == "production" && resource.app == "api")
    });
    answer.entries.retain(|entry| !entry.generated);
    answer.resource = Some(id("production", "api", "Deployment", "api"));
    answer
}

/// `spec.template.spec.containers[name=api].image` from its parts.
pub fn path(steps: &[&str]) -> FieldPath {
    FieldPath(
        steps
            .iter()
            .map(|step| match step.split_once('=') {
                Some((key, value)) => Step::Item(vec![(key.to_owned(), value.to_owned())]),
                None => Step::Key((*step).to_owned()),
            })
            .collect(),
    )
}

fn text(value: &str) -> Option<Node> {
    Some(Node::Leaf(Leaf::String(value.to_owned())))
}

fn number(value: i64) -> Option<Node> {
    Some(Node::Leaf(Leaf::Number(value.into())))
}

fn image_path() -> FieldPath {
    path(&[
        "spec",
        "template",
        "spec",
        "containers",
        "name=api",
        "image",
    ])
}

fn memory_path() -> FieldPath {
    path(&[
        "spec",
        "template",
        "spec",
        "containers",
        "name=api",
        "resources",
        "limits",
        "memory",
    ])
}

fn deployment_json(version: &str, memory: &str, replicas: i64) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "api", "namespace": "shop"},
        "spec": {
            "replicas": replicas,
            "template": {"spec": {"containers": [{
                "name": "api",
                "image": format!("registry.example.com/shop/api:{version}"),
                "resources": {"limits": {"memory": memory}},
            }]}},
        },
    })
}

fn deployment_yaml(version: &str, memory: &str, replicas: i64) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: api\n  namespace: shop\nspec:\n  replicas: {replicas}\n  template:\n    spec:\n      containers:\n        - name: api\n          image: registry.example.com/shop/api:{version}\n          resources:\n            limits:\n              memory: {memory}\n"
    )
}

fn parsed(value: Value) -> Option<Object> {
    Object::from_json(value, &Masking::new([7; 32]))
}

fn image_change() -> FieldChange {
    FieldChange {
        path: image_path(),
        before: text("registry.example.com/shop/api:1.4.1"),
        after: text("registry.example.com/shop/api:1.4.2"),
        noise: None,
    }
}

fn checksum_change() -> FieldChange {
    FieldChange {
        path: path(&[
            "spec",
            "template",
            "metadata",
            "annotations",
            "checksum/config",
        ]),
        before: text("5f1c"),
        after: text("a07e"),
        noise: Some(Noise::Checksum),
    }
}

pub fn api_diff() -> ResourceDiff {
    ResourceDiff {
        resource: changed(
            "production",
            "api",
            "Deployment",
            ChangeKind::Modified,
            false,
        ),
        fields: vec![checksum_change(), image_change()],
        suppressed: BTreeMap::from([(Noise::Checksum, 1)]),
        rendered: true,
        predicted: None,
        text: Sides {
            before: Some(deployment_yaml("1.4.1", "512Mi", 3)),
            after: Some(deployment_yaml("1.4.2", "512Mi", 3)),
        },
        objects: Sides {
            before: parsed(deployment_json("1.4.1", "512Mi", 3)),
            after: parsed(deployment_json("1.4.2", "512Mi", 3)),
        },
    }
}

pub fn change() -> change::Answer {
    let mut config = ResourceDiff {
        resource: changed("production", "api", "ConfigMap", ChangeKind::Added, false),
        fields: vec![FieldChange {
            path: path(&["data", "http2"]),
            before: None,
            after: text("true"),
            noise: None,
        }],
        suppressed: BTreeMap::new(),
        rendered: false,
        predicted: Some("the pipeline will regenerate".to_owned()),
        text: Sides {
            before: None,
            after: Some("apiVersion: v1\nkind: ConfigMap\ndata:\n  http2: \"true\"\n".to_owned()),
        },
        objects: Sides {
            before: None,
            after: None,
        },
    };
    config.resource.object.name = "api-http".to_owned();
    let routine = ResourceDiff {
        resource: changed(
            "production",
            "web",
            "Deployment",
            ChangeKind::Modified,
            true,
        ),
        fields: vec![checksum_change()],
        suppressed: BTreeMap::from([(Noise::Checksum, 1)]),
        ..api_diff()
    };
    change::Answer {
        tips: vec![tip()],
        before: Some(oid("9f00e12")),
        after: oid("a1b2c3d"),
        commit: Some(entries()[1].clone()),
        message: "api 1.4.2 to production\n\nAfter a quiet week in staging.\n".to_owned(),
        resources: vec![api_diff(), config, routine],
        not_rendered: vec![NotRendered {
            environment: "staging".to_owned(),
            app: "gateway".to_owned(),
            why: "helm is not installed".to_owned(),
        }],
        other_files: vec!["README.md".to_owned()],
        notes: Vec::new(),
    }
}

pub fn drifts() -> Vec<FieldDrift> {
    vec![
        FieldDrift {
            path: path(&["spec", "replicas"]),
            desired: number(3),
            live: number(7),
            applied: None,
            is_deployers: false,
            cause: Cause {
                kind: CauseKind::Autoscaler,
                manager: Some("HorizontalPodAutoscaler/api".to_owned()),
                time: Some(ago(20)),
                commit: None,
                why: None,
            },
        },
        FieldDrift {
            path: memory_path(),
            desired: text("512Mi"),
            live: text("1Gi"),
            applied: None,
            is_deployers: false,
            cause: Cause {
                kind: CauseKind::ManualEdit,
                manager: Some("kubectl-edit".to_owned()),
                time: Some(ago(35)),
                commit: Some(line(
                    "77aa001",
                    9 * DAY,
                    "bob",
                    "raise the api's memory limit",
                )),
                why: None,
            },
        },
    ]
}

/// What differs and is no drift: by a rule, and what the API server fills in, of which not all is named.
fn left_out() -> Vec<Suppressed> {
    let by_rule = Suppressed {
        path: path(&["spec", "paused"]),
        why: "ignored by Argo CD".to_owned(),
        rule: Some("Application shop: ignoreDifferences /spec/paused".to_owned()),
    };
    let defaulted = ["progressDeadlineSeconds", "revisionHistoryLimit"];
    let defaulted = defaulted.map(|key| Suppressed {
        path: path(&["spec", key]),
        why: "defaulted".to_owned(),
        rule: None,
    });
    std::iter::once(by_rule).chain(defaulted).collect()
}

pub fn resource() -> resource::Answer {
    let pod = Owned {
        object: object("Pod", "api-7c9f-x2"),
        health: health(HealthStatus::Degraded, "CrashLoopBackOff ×7"),
        summary: "0/1 ready".to_owned(),
        children: Vec::new(),
    };
    let set = Owned {
        object: object("ReplicaSet", "api-7c9f"),
        health: health(HealthStatus::Progressing, "0/1 ready"),
        summary: "0/1 ready".to_owned(),
        children: vec![pod],
    };
    let owned = Owned {
        object: object("Deployment", "api"),
        health: health(HealthStatus::Degraded, "CrashLoopBackOff ×7"),
        summary: "2/3 ready".to_owned(),
        children: vec![set],
    };
    resource::Answer {
        tips: vec![tip()],
        resource: id("production", "api", "Deployment", "api"),
        environment: environment("production"),
        path: Some("environments/production/api.yaml".to_owned()),
        line: Some(12),
        desired_text: Some(deployment_yaml("1.4.2", "512Mi", 3)),
        desired: parsed(deployment_json("1.4.2", "512Mi", 3)),
        about: None,
        since: Some(line(
            "a1b2c3d",
            2 * HOUR,
            "alice",
            "api 1.4.2 to production",
        )),
        live: Known::Fresh(resource::Live {
            sync: SyncState::Drifted,
            health: health(HealthStatus::Degraded, "CrashLoopBackOff ×7"),
            created: Some(ago(80 * DAY)),
            applied: Some(failing()),
            cause: None,
            fields: drifts(),
            suppressed: BTreeMap::from([
                ("defaulted".to_owned(), 9),
                ("ignored by Argo CD".to_owned(), 1),
            ]),
            suppressed_fields: left_out(),
            by_deployer: None,
            owned: Some(owned),
            events: Known::Fresh(vec![Event {
                object: object("Pod", "api-7c9f-x2"),
                reason: "BackOff".to_owned(),
                message: "Back-off restarting failed container api in pod api-7c9f-x2".to_owned(),
                warning: true,
                count: 31,
                last: Some(ago(1)),
            }]),
            text: Some(deployment_yaml("1.4.2", "1Gi", 7)),
            object: parsed(deployment_json("1.4.2", "1Gi", 7)),
        }),
        notes: Vec::new(),
    }
}

/// Flux fails to apply what came after a commit of yesterday.
pub fn failing() -> Applied {
    Applied {
        environment: "production".to_owned(),
        app: "api".to_owned(),
        deployer: Deployer::Flux,
        object: object("Kustomization", "api"),
        state: OperatorState::Failing,
        commit: Some(line("9f00e12", DAY, "bot", "api 1.4.1")),
        revision: Some("9f00e12".to_owned()),
        since: Some(ago(DAY)),
        behind: Some(2),
        declared: None,
        held: None,
        message: Some("Service/shop/api dry-run failed: spec.ports is required".to_owned()),
        verdicts: None,
    }
}

/// Argo CD is at what git has, and finds something else there than we do.
pub fn otherwise(disagrees: &str) -> (Applied, ByDeployer) {
    let applied = Applied {
        deployer: Deployer::ArgoCd,
        state: OperatorState::Applied,
        behind: Some(0),
        message: None,
        ..failing()
    };
    let said = ByDeployer {
        deployer: Deployer::ArgoCd,
        said: Said {
            in_sync: Some(false),
            health: Some(HealthStatus::Degraded),
            reason: Some("Deployment \"api\" exceeded its progress deadline".to_owned()),
        },
        time: Some(ago(3)),
        disagrees: Some(disagrees.to_owned()),
    };
    (applied, said)
}

fn at(app: &str, digits: &str, minutes: i64) -> Applied {
    Applied {
        app: app.to_owned(),
        object: object("Kustomization", app),
        state: OperatorState::Applied,
        commit: Some(line(digits, minutes, "alice", "")),
        revision: Some(digits.to_owned()),
        since: Some(ago(minutes - 4)),
        behind: Some(0),
        message: None,
        ..failing()
    }
}

/// Staging is where the routine commits are; of production, all but one are at the newest commit that was generated.
pub fn stands() -> stands::Answer {
    let step = |digits: &str, reached: usize, apps: Vec<Applied>| stands::Step {
        commit: oid(digits),
        reached,
        apps,
    };
    let environment = |name: &str, apps: usize, steps| stands::Environment {
        name: name.to_owned(),
        deployer: Deployer::Flux,
        stands: Known::Fresh(stands::Stands {
            steps,
            apps,
            unknown: Vec::new(),
        }),
    };
    let of = |names: &[&str], digits: &str, minutes: i64| -> Vec<Applied> {
        names.iter().map(|app| at(app, digits, minutes)).collect()
    };
    let staging = ["api", "gateway", "postgres", "web", "worker"];
    let production = ["postgres", "web", "worker"];
    stands::Answer {
        environments: vec![
            environment(
                "staging",
                5,
                vec![step("c0ffee2", 5, of(&staging, "c0ffee2", 8 * HOUR))],
            ),
            environment(
                "production",
                4,
                vec![
                    step("beef001", 3, of(&production, "beef001", 2 * HOUR)),
                    step("9f00e12", 4, vec![failing()]),
                ],
            ),
        ],
    }
}

/// As [`stands`], with every environment standing otherwise.
pub fn stands_with(known: &Known<()>) -> stands::Answer {
    let mut answer = stands();
    for environment in &mut answer.environments {
        environment.stands = match (known, environment.stands.value()) {
            (Known::Unavailable(why), _) => Known::Unavailable(why.clone()),
            (Known::Stale((), at), Some(value)) => Known::Stale(value.clone(), *at),
            (Known::Fresh(()), Some(value)) => Known::Fresh(value.clone()),
            _ => Known::Loading,
        };
    }
    answer
}

pub fn drift() -> drift::Answer {
    let listed = |id: ResourceId, state, health: Known<Health>, fields| drift::Resource {
        path: Some(format!("environments/{}/{}.yaml", id.environment, id.app)),
        id,
        state,
        health,
        cause: None,
        verdict: None,
        fields,
        suppressed: BTreeMap::new(),
        suppressed_fields: Vec::new(),
        by_deployer: None,
    };
    drift::Answer {
        dry_run: false,
        tips: vec![tip()],
        time: now(),
        clusters: vec![environment("staging"), environment("production")],
        resources: vec![
            listed(
                id("production", "api", "Deployment", "api"),
                SyncState::Drifted,
                Known::Fresh(health(HealthStatus::Degraded, "CrashLoopBackOff ×7")),
                drifts(),
            ),
            drift::Resource {
                cause: Some(Cause::from(CauseKind::ApplyFailing)),
                ..listed(
                    id("production", "api", "Service", "api"),
                    SyncState::Missing,
                    Known::Fresh(health(HealthStatus::Missing, "")),
                    Vec::new(),
                )
            },
            drift::Resource {
                path: None,
                cause: Some(Cause {
                    why: Some("pruning is off".to_owned()),
                    ..Cause::from(CauseKind::NeverPruned)
                }),
                ..listed(
                    id("production", "web", "ConfigMap", "web-old"),
                    SyncState::Orphaned,
                    Known::Fresh(health(HealthStatus::Healthy, "")),
                    Vec::new(),
                )
            },
            listed(
                id("production", "worker", "Deployment", "worker"),
                SyncState::Synced,
                Known::Fresh(health(HealthStatus::Progressing, "1/2 ready")),
                Vec::new(),
            ),
        ],
        synced: 14,
        stale: None,
        notes: Vec::new(),
        applied: vec![failing()],
        unknown: vec![drift::Unknown {
            environment: "production".to_owned(),
            what: "Secret in shop".to_owned(),
            why: "forbidden: list secrets".to_owned(),
        }],
    }
}

/// As [`drift`], by the API server's word for what the user may patch.
pub fn dry_run() -> drift::Answer {
    let mut answer = drift();
    answer.dry_run = true;
    let why = "forbidden: patch deployments in shop";
    for resource in &mut answer.resources {
        resource.verdict = match (resource.state, resource.id.app.as_str()) {
            (SyncState::Drifted, _) => Some(drift::Verdict::Server),
            (SyncState::Synced, _) => Some(drift::Verdict::Read(why.to_owned())),
            _ => None,
        };
    }
    let note = format!("production › worker: 2 objects were compared by reading: {why}");
    answer.notes.push(note);
    answer
}

pub fn preview(request: &revert::Request) -> revert::Answer {
    let api = Scope::App {
        environment: "production".to_owned(),
        app: "api".to_owned(),
    };
    let tried = |mode, scope: &Scope, clean| TriedScope {
        mode,
        scope: scope.clone(),
        clean,
        no_change: false,
    };
    let effect = |action, kind: &str, detail: &str| EnvironmentEffect {
        environment: "production".to_owned(),
        app: "api".to_owned(),
        cluster: Known::Fresh(()),
        effect: Effect {
            object: object(kind, "api"),
            action,
            detail: detail.to_owned(),
        },
    };
    let conflicts = request.scope == Scope::All && request.mode == Mode::Revert;
    let mut diff = api_diff();
    diff.fields = vec![FieldChange {
        before: image_change().after,
        after: image_change().before,
        ..image_change()
    }];
    diff.suppressed.clear();
    (diff.text.before, diff.text.after) = (diff.text.after, diff.text.before);
    revert::Answer {
        tips: vec![tip()],
        base: oid("a1b2c3d"),
        commits: vec![line("a1b2c3d", 2 * HOUR, "alice", "api 1.4.2 to production")],
        mode: request.mode,
        scope: request.scope.clone(),
        clean: !conflicts,
        no_change: false,
        tree: (!conflicts).then(|| oid("7ee")),
        conflicts: match conflicts {
            true => vec![revert::Conflict { path: "environments/production/web.yaml".to_owned(), kind: gitopsy::review::ConflictKind::Content }],
            false => Vec::new(),
        },
        scopes: vec![tried(Mode::Revert, &Scope::All, false), tried(Mode::Revert, &api, true), tried(Mode::Restore, &api, true)],
        also_undoes: match request.mode {
            Mode::Restore => vec![line("77aa001", 9 * DAY, "bob", "raise the api's memory limit")],
            Mode::Revert => Vec::new(),
        },
        branch: "gitopsy/revert-a1b2c3d".to_owned(),
        message: "Revert \"api 1.4.2 to production\"\n\nThis reverts commit a1b2c3d0000000000000000000000000000000.\n".to_owned(),
        resources: if conflicts { Vec::new() } else { vec![diff] },
        not_rendered: Vec::new(),
        effect: match conflicts {
            true => Vec::new(),
            false => vec![effect(Action::Update, "Deployment", "restarts 3 pods"), effect(Action::Nothing, "Service", "")],
        },
        warnings: vec!["overwrites a manual edit of containers[api].limits.memory (1Gi → 512Mi)".to_owned()],
        protected: vec!["production".to_owned()],
        staged: None,
    }
}

/// A staged revert that has come as far as `done` steps.
pub fn progress(done: usize) -> Progress {
    let names = [
        StepName::Committed,
        StepName::Pushed,
        StepName::Opened,
        StepName::Merged,
        StepName::Synced,
        StepName::Healthy,
    ];
    let details = [
        "",
        "",
        "",
        "waiting for review",
        "waiting for Flux",
        "2/3 ready",
    ];
    let steps = names
        .into_iter()
        .zip(details)
        .enumerate()
        .map(|(i, (name, detail))| StageStep {
            name,
            done: (i < done).then(|| now() - SignedDuration::from_secs(90 - 3 * i as i64)),
            detail: if i < done {
                String::new()
            } else {
                detail.to_owned()
            },
        })
        .collect();
    Progress {
        id: "revert-a1b2c3d".to_owned(),
        branch: "gitopsy/revert-a1b2c3d".to_owned(),
        title: "Revert \"api 1.4.2 to production\"".to_owned(),
        commit: (done > 0).then(|| "d15ea5e".to_owned()),
        pull: if done > 2 {
            pull(483, "Revert \"api 1.4.2 to production\"")
        } else {
            None
        },
        compare: None,
        steps,
        error: None,
        can_merge: done == 3,
    }
}

pub fn doctor() -> doctor::Answer {
    let check = |name: &str, state, detail: &str, hint: Option<&str>| doctor::Check {
        name: name.to_owned(),
        state,
        detail: detail.to_owned(),
        hint: hint.map(str::to_owned),
    };
    doctor::Answer {
        tips: vec![tip()],
        checks: vec![
            check(
                "repository",
                doctor::State::Fine,
                "212 commits on main",
                None,
            ),
            check("kustomize", doctor::State::Fine, "kustomize v5.4.2", None),
            check(
                "helm",
                doctor::State::Missing,
                "not installed",
                Some("charts are shown as their sources"),
            ),
            check(
                "cluster",
                doctor::State::Failed,
                "kind-prod: connection refused",
                Some("is it running?"),
            ),
        ],
    }
}

/// What the crashing container of one pod wrote, and that another's may not be read.
pub fn logs() -> logs::Answer {
    let container = |pod: &str, lines| logs::Container {
        pod: object("Pod", pod),
        container: "api".to_owned(),
        why: "CrashLoopBackOff ×7, exit 1".to_owned(),
        previous: true,
        lines,
    };
    let written = ["starting", "\u{1b}[31mpanic: no database\u{1b}[0m"];
    let written = written.map(str::to_owned).to_vec();
    let forbidden = Why::Forbidden("get logs of pod api-7c9f-x3 in shop".to_owned());
    logs::Answer {
        resource: id("production", "api", "Deployment", "api"),
        containers: vec![
            container("api-7c9f-x2", Known::Fresh(written)),
            container("api-7c9f-x3", Known::Unavailable(forbidden)),
        ],
    }
}

/// The usual answer to a question.
pub fn context(name: &str, server: &str, namespace: Option<&str>) -> contexts::Context {
    let context = json!({"name": name, "server": server});
    let mut context: contexts::Context = serde_json::from_value(context).unwrap();
    context.namespace = namespace.map(str::to_owned);
    context
}

/// Production's context is the one with its server, staging has none.
pub fn contexts() -> contexts::Answer {
    let of = |name: &str, cluster: Option<&str>, context| contexts::Environment {
        name: name.to_owned(),
        destination: Destination {
            cluster: cluster.map(str::to_owned),
            namespace: None,
        },
        context,
    };
    let server = "https://10.0.0.7:6443";
    let by_server = Ok(("kind-prod".to_owned(), contexts::By::Server));
    contexts::Answer {
        contexts: vec![
            context("kind-dev", "https://127.0.0.1:41873", None),
            context("kind-prod", server, Some("shop")),
            context("kind-prod-admin", server, Some("kube-system")),
            context(
                "arn:aws:eks:eu-central-1:123456789012:cluster/staging",
                "https://0123456789ABCDEF0123456789ABCDEF.gr7.eu-central-1.eks.amazonaws.com",
                Some("shop"),
            ),
        ],
        current: Some("kind-dev".to_owned()),
        environments: vec![
            of("staging", None, Err(Why::NoContextChosen)),
            of("production", Some(server), by_server),
        ],
    }
}

pub fn to(question: &Question) -> Answer {
    match question {
        Question::Deployed(request) => {
            let mut answer = deployed();
            answer
                .apps
                .retain(|app| request.apps.is_empty() || request.apps.contains(&app.name));
            Answer::Deployed(Part::Done(answer))
        }
        Question::Log(request) if request.select.resource.is_some() => {
            Answer::Log(Part::Done(resource_log()))
        }
        Question::Log(_) => Answer::Log(Part::Done(log())),
        Question::Stands => Answer::Stands(Part::Done(stands())),
        Question::Change(_) => Answer::Change(Part::Done(change())),
        Question::Resource(_) => Answer::Resource(Part::Done(resource())),
        Question::Logs(_) => Answer::Logs(Part::Done(logs())),
        Question::Drift(request) if request.dry_run => Answer::Drift(Part::Done(dry_run())),
        Question::Drift(_) => Answer::Drift(Part::Done(drift())),
        Question::Revert(request) => Answer::Revert(Part::Done(preview(request))),
        Question::Doctor => Answer::Doctor(Part::Done(doctor())),
        Question::Calls => Answer::Calls(Part::Done(vec![
            "git fetch origin main  0.8s".to_owned(),
            "kustomize build environments/production  0.1s".to_owned(),
        ])),
        Question::Fetch => Answer::Fetch(Part::Done(true)),
        Question::Contexts => Answer::Contexts(Part::Done(contexts())),
        Question::Choose(choice) => {
            let choice = choice.clone();
            let forgotten = None;
            Answer::Chosen(Part::Done(contexts::Chosen { choice, forgotten }))
        }
        Question::Pending => Answer::Pending(Part::Done(Vec::new())),
        Question::Plan(_) => Answer::Plan(Part::Done(())),
        Question::Stage(_) | Question::Resume(_) => Answer::Stage(Part::More(progress(3))),
        Question::Merge(_) => Answer::Merge(Part::Done(())),
    }
}
