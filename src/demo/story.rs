//! What happened in the demo shop during the last two months, as data: releases on their way from dev to production, changes of
//! configuration, bots at work, one hotfix, one revert, and the change that broke production an hour ago.

use super::state::App::{Api, Checkout, Database, Inventory, Notifications, Payments, Search, Web};
use super::state::Env::{Dev, Production, Staging};
use super::state::{App, ENVS, Edit, Env};

/// How long ago, in minutes.
pub(super) type Ago = i64;

const fn days(days: i64, hours: i64) -> Ago {
    (days * 24 + hours) * 60
}

const fn minutes(minutes: i64) -> Ago {
    minutes
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Alice,
    Bob,
    Carol,
    Dan,
    Renovate,
    ImageAutomation,
    Deploy,
}

use Who::{Alice, Bob, Carol, Dan, Deploy, ImageAutomation, Renovate};

impl Who {
    pub(super) fn name(self) -> &'static str {
        match self {
            Alice => "Alice",
            Bob => "Bob",
            Carol => "Carol",
            Dan => "Dan",
            Renovate => "renovate[bot]",
            ImageAutomation => "image-automation[bot]",
            Deploy => "deploy-bot",
        }
    }

    /// The name a forge knows them by.
    pub(super) fn login(self) -> &'static str {
        match self {
            Alice => "alice",
            Bob => "bob",
            Carol => "carol",
            Dan => "dan",
            Renovate | ImageAutomation | Deploy => self.name(),
        }
    }

    pub(super) fn email(self) -> String {
        match self {
            Renovate => "renovate@example.com".to_owned(),
            ImageAutomation => "image-automation@example.com".to_owned(),
            _ => format!("{}@example.com", self.login()),
        }
    }
}

/// A commit as it is made: what it says and what it changes.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) who: Who,
    pub(super) subject: String,
    pub(super) body: String,
    pub(super) edits: Vec<Edit>,
    /// This commit undoes the latest commit or merge with this subject; its message says so as git's own does.
    pub(super) reverts: Option<&'static str>,
}

/// Something that happened to the main branch.
#[derive(Debug, Clone)]
pub(super) enum Happening {
    /// A commit on main itself.
    Push(Draft),
    /// A branch with one commit, and its pull request.
    Open { branch: String, draft: Draft },
    /// The pull request of `branch` was merged.
    Merge { branch: String, who: Who },
}

/// All of it, oldest first, as (minutes ago, what).
pub(super) fn happenings() -> Vec<(Ago, Happening)> {
    let mut all = Vec::new();
    for release in RELEASES {
        release_steps(release, &mut all);
    }
    for entry in ENTRIES {
        entry_steps(entry, &mut all);
    }
    all.sort_by_key(|(ago, _)| -ago);
    all
}

/// A version on its way through the environments: an automated commit in dev, then promotions.
struct Release {
    app: App,
    version: &'static str,
    dev: Ago,
    staging: Option<Ago>,
    production: Option<Ago>,
    by: Who,
}

const fn release(app: App, version: &'static str, dev: Ago, by: Who) -> Release {
    Release {
        app,
        version,
        dev,
        staging: Some(dev - days(0, 21)),
        production: Some(dev - days(2, 3)),
        by,
    }
}

const RELEASES: &[Release] = &[
    release(Api, "1.2.1", days(56, 3), Alice),
    release(Notifications, "1.0.1", days(54, 6), Carol),
    release(Web, "2.9.0", days(52, 5), Bob),
    release(Checkout, "3.1.1", days(50, 2), Dan),
    release(Payments, "0.19.0", days(49, 7), Dan),
    release(Api, "1.3.0", days(47, 4), Alice),
    release(Search, "5.0.1", days(43, 1), Carol),
    release(Inventory, "1.0.0", days(42, 8), Bob),
    release(Api, "1.3.1", days(41, 2), Bob),
    release(Checkout, "3.2.0", days(40, 3), Dan),
    release(Web, "2.10.0", days(36, 4), Carol),
    release(Checkout, "3.2.1", days(34, 6), Dan),
    release(Notifications, "1.1.0", days(32, 9), Carol),
    release(Search, "5.1.0", days(30, 3), Carol),
    release(Web, "2.11.0", days(26, 2), Bob),
    release(Payments, "0.20.0", days(24, 5), Dan),
    release(Api, "1.4.0", days(21, 4), Alice),
    release(Inventory, "1.1.0", days(18, 2), Bob),
    release(Checkout, "3.3.0", days(15, 5), Dan),
    release(Web, "2.12.0", days(10, 3), Bob),
    release(Api, "1.4.1", days(6, 2), Alice),
    Release {
        app: Search,
        version: "5.2.0",
        dev: days(3, 20),
        staging: Some(days(2, 6)),
        production: None,
        by: Carol,
    },
    // Its promotion to production is the change that breaks it: see ENTRIES.
    Release {
        app: Api,
        version: "1.4.2",
        dev: days(2, 1),
        staging: Some(days(1, 3)),
        production: None,
        by: Alice,
    },
    // Its promotion to production waits as a pull request.
    Release {
        app: Web,
        version: "2.13.0",
        dev: days(1, 18),
        staging: Some(days(0, 20)),
        production: None,
        by: Bob,
    },
    // The first commit after the bad one.
    Release {
        app: Notifications,
        version: "1.2.0",
        dev: minutes(51),
        staging: None,
        production: None,
        by: Carol,
    },
];

fn release_steps(release: &Release, all: &mut Vec<(Ago, Happening)>) {
    let (app, version) = (release.app, release.version);
    let name = app.name();
    all.push((
        release.dev,
        Happening::Push(Draft {
            who: ImageAutomation,
            subject: format!("chore(dev): update {name} to {version}"),
            body: String::new(),
            edits: vec![Edit::Version(Dev, app, version)],
            reverts: None,
        }),
    ));
    let promotion = |env: Env| Draft {
        who: release.by,
        subject: format!("Promote {name} {version} to {}", env.name()),
        body: String::new(),
        edits: vec![Edit::Version(env, app, version)],
        reverts: None,
    };
    if let Some(ago) = release.staging {
        all.push((ago, Happening::Push(promotion(Staging))));
    }
    if let Some(ago) = release.production {
        let branch = format!("promote-{name}-{version}-production");
        all.push((
            ago + minutes(95),
            Happening::Open {
                branch: branch.clone(),
                draft: promotion(Production),
            },
        ));
        let who = reviewer(release.by);
        all.push((ago, Happening::Merge { branch, who }));
    }
}

/// Who merges what somebody else proposes.
fn reviewer(author: Who) -> Who {
    match author {
        Alice => Bob,
        Bob => Carol,
        Carol => Dan,
        _ => Alice,
    }
}

/// How a commit reached main.
enum Via {
    Push,
    /// By the pull request of this branch, opened that long before.
    Pull(&'static str, Ago),
    /// The pull request of this branch is still open.
    Pending(&'static str),
}

/// What is not a release.
struct Entry {
    ago: Ago,
    who: Who,
    via: Via,
    subject: &'static str,
    body: &'static str,
    edits: &'static [Edit],
    reverts: Option<&'static str>,
}

const fn entry(
    ago: Ago,
    who: Who,
    via: Via,
    subject: &'static str,
    edits: &'static [Edit],
) -> Entry {
    Entry {
        ago,
        who,
        via,
        subject,
        body: "",
        edits,
        reverts: None,
    }
}

/// The subject of the merge that breaks production.
pub(super) const BAD_CHANGE: &str = "Promote api 1.4.2 to production";

const CHECKSUMS: &str = "chore: refresh configuration checksums";

const ENTRIES: &[Entry] = &[
    entry(
        days(58, 4),
        Bob,
        Via::Push,
        "Raise replicas of web in production",
        &[Edit::Replicas(Production, Web, 3)],
    ),
    entry(
        days(57, 20),
        Deploy,
        Via::Push,
        CHECKSUMS,
        &[Edit::Checksums(Dev)],
    ),
    entry(
        days(55, 9),
        Carol,
        Via::Pull("search-memory-staging", days(0, 4)),
        "Give search more memory in staging",
        &[Edit::Memory(Staging, Search, "256Mi", "512Mi")],
    ),
    entry(
        days(53, 2),
        Dan,
        Via::Push,
        "checkout: log at debug level in dev",
        &[Edit::Config(Dev, Checkout, "LOG_LEVEL", "debug")],
    ),
    entry(
        days(51, 8),
        Bob,
        Via::Pull("promo-banner", days(0, 6)),
        "web: announce the shipping promotion",
        &[Edit::Banner(true)],
    ),
    entry(
        days(48, 3),
        Alice,
        Via::Pull("api-cache-ttl", days(1, 0)),
        "api: cache for five minutes in production",
        &[Edit::Config(Production, Api, "CACHE_TTL", "300s")],
    ),
    entry(
        days(46, 11),
        Deploy,
        Via::Push,
        CHECKSUMS,
        &[Edit::Checksums(Staging)],
    ),
    entry(
        days(45, 5),
        Carol,
        Via::Pull("notifications-one-file", days(0, 3)),
        "notifications: keep all objects in one file",
        &[
            Edit::OneFile(Dev, Notifications),
            Edit::OneFile(Staging, Notifications),
            Edit::OneFile(Production, Notifications),
        ],
    ),
    entry(
        days(44, 2),
        Renovate,
        Via::Pull("renovate/postgres-16.3", days(2, 5)),
        "Update postgres to 16.3",
        &[
            Edit::Version(Dev, Database, "16.3"),
            Edit::Version(Staging, Database, "16.3"),
            Edit::Version(Production, Database, "16.3"),
        ],
    ),
    entry(
        days(41, 9),
        Dan,
        Via::Push,
        "database: back up at three, when nobody shops",
        &[Edit::Schedule(Production, Database, "0 3 * * *")],
    ),
    entry(
        days(39, 3),
        Bob,
        Via::Push,
        "Label the storefront's apps with their team",
        &[
            Edit::Label(Production, Web, "team", "storefront"),
            Edit::Label(Production, Checkout, "team", "storefront"),
            Edit::Label(Staging, Web, "team", "storefront"),
            Edit::Label(Staging, Checkout, "team", "storefront"),
        ],
    ),
    Entry {
        ago: days(37, 22),
        who: Alice,
        via: Via::Pull("revert-checkout-3.2.0", minutes(9)),
        subject: "",
        body: "Orders fail for carts with more than one currency.",
        edits: &[Edit::Version(Production, Checkout, "3.1.1")],
        reverts: Some("Promote checkout 3.2.0 to production"),
    },
    entry(
        days(35, 7),
        Deploy,
        Via::Push,
        CHECKSUMS,
        &[Edit::Checksums(Production)],
    ),
    entry(
        days(33, 4),
        Alice,
        Via::Pull("web-autoscaling", days(1, 2)),
        "web: scale with load in production",
        &[Edit::Autoscale(Production, Web, 2, 10)],
    ),
    entry(
        days(31, 6),
        Carol,
        Via::Push,
        "api: two more minutes of cache in staging",
        &[Edit::Config(Staging, Api, "CACHE_TTL", "180s")],
    ),
    entry(
        days(29, 1),
        Bob,
        Via::Pull("end-promo", days(0, 2)),
        "web: the shipping promotion is over",
        &[Edit::Banner(false)],
    ),
    entry(
        days(28, 2),
        Dan,
        Via::Push,
        "checkout: ask for beta features in staging",
        &[Edit::Variable(Staging, Checkout, "FEATURES", "vouchers")],
    ),
    entry(
        days(27, 9),
        Renovate,
        Via::Pull("renovate/postgres-16.4", days(3, 1)),
        "Update postgres to 16.4",
        &[
            Edit::Version(Dev, Database, "16.4"),
            Edit::Version(Staging, Database, "16.4"),
            Edit::Version(Production, Database, "16.4"),
        ],
    ),
    entry(
        days(25, 3),
        Dan,
        Via::Pull("rotate-gateway-token", days(0, 1)),
        "payments: rotate the gateway's token in production",
        &[Edit::Secret(
            Production,
            Payments,
            "GATEWAY_TOKEN",
            super::CANARIES[1],
        )],
    ),
    entry(
        days(22, 8),
        Deploy,
        Via::Push,
        CHECKSUMS,
        &[Edit::Checksums(Production)],
    ),
    entry(
        days(20, 2),
        Carol,
        Via::Push,
        "Describe how to promote",
        &[Edit::Readme(
            "## Promoting\n\nOpen a pull request that sets the version in the next environment; somebody else merges it.\n",
        )],
    ),
    entry(
        days(19, 6),
        Alice,
        Via::Pull("api-replicas-staging", days(0, 5)),
        "api: run three replicas in staging, as in production",
        &[Edit::Replicas(Staging, Api, 3)],
    ),
    entry(
        days(17, 4),
        Bob,
        Via::Push,
        "inventory: two replicas in staging",
        &[Edit::Replicas(Staging, Inventory, 2)],
    ),
    entry(
        days(14, 2),
        Deploy,
        Via::Push,
        CHECKSUMS,
        &[Edit::Checksums(Dev)],
    ),
    Entry {
        ago: days(12, 15),
        who: Dan,
        via: Via::Push,
        subject: "hotfix: payments 0.20.1 in production",
        body: "Double charges when the gateway answers slowly. Straight to production, the other environments follow.",
        edits: &[Edit::Version(Production, Payments, "0.20.1")],
        reverts: None,
    },
    entry(
        days(12, 12),
        Dan,
        Via::Push,
        "payments: 0.20.1 in dev and staging too, after the hotfix",
        &[
            Edit::Version(Dev, Payments, "0.20.1"),
            Edit::Version(Staging, Payments, "0.20.1"),
        ],
    ),
    entry(
        days(9, 5),
        Bob,
        Via::Pull("search-memory", days(0, 7)),
        "Raise the memory limit of search in production",
        &[Edit::Memory(Production, Search, "256Mi", "512Mi")],
    ),
    entry(
        days(8, 2),
        Carol,
        Via::Push,
        "search: index every two minutes in production",
        &[Edit::Config(Production, Search, "INDEX_INTERVAL", "2m")],
    ),
    entry(
        days(7, 1),
        Deploy,
        Via::Push,
        CHECKSUMS,
        &[Edit::Checksums(Production)],
    ),
    entry(
        days(5, 3),
        Alice,
        Via::Push,
        "api: log at info level in staging",
        &[Edit::Config(Staging, Api, "LOG_LEVEL", "info")],
    ),
    entry(
        days(3, 2),
        Bob,
        Via::Pull("inventory-memory", days(0, 4)),
        "inventory: give production more memory",
        &[Edit::Memory(Production, Inventory, "128Mi", "384Mi")],
    ),
    entry(
        days(0, 8),
        Deploy,
        Via::Push,
        CHECKSUMS,
        &[Edit::Checksums(Staging)],
    ),
    entry(
        days(0, 5),
        Renovate,
        Via::Pending("renovate/postgres-16.6"),
        "Update postgres to 16.6",
        &[
            Edit::Version(Dev, Database, "16.6"),
            Edit::Version(Staging, Database, "16.6"),
            Edit::Version(Production, Database, "16.6"),
        ],
    ),
    Entry {
        ago: minutes(130),
        who: Bob,
        via: Via::Pending("promote-web-2.13.0-production"),
        subject: "Promote web 2.13.0 to production",
        body: "The new product page; staging has had it since yesterday.",
        edits: &[Edit::Version(Production, Web, "2.13.0")],
        reverts: None,
    },
    Entry {
        ago: minutes(60),
        who: Alice,
        via: Via::Pull("promote-api-1.4.2-production", minutes(55)),
        subject: BAD_CHANGE,
        body: "Loads the whole catalog at start, so that the first requests are fast.",
        edits: &[
            Edit::Version(Production, Api, "1.4.2"),
            Edit::Variable(Production, Api, "CATALOG_CACHE", "preload"),
        ],
        reverts: None,
    },
    entry(
        minutes(47),
        Carol,
        Via::Push,
        "Label web for the cost report",
        &[Edit::Label(Production, Web, "cost-center", "storefront")],
    ),
    entry(
        minutes(40),
        Dan,
        Via::Push,
        "Say who is on call",
        &[Edit::Readme(
            "## On call\n\nThe rota is in the team calendar.\n",
        )],
    ),
];

fn entry_steps(entry: &Entry, all: &mut Vec<(Ago, Happening)>) {
    let draft = Draft {
        who: entry.who,
        subject: entry.reverts.map_or_else(
            || entry.subject.to_owned(),
            |reverted| format!("Revert \"{reverted}\""),
        ),
        body: entry.body.to_owned(),
        edits: entry.edits.to_vec(),
        reverts: entry.reverts,
    };
    match entry.via {
        Via::Push => all.push((entry.ago, Happening::Push(draft))),
        Via::Pull(branch, before) => {
            let branch = branch.to_owned();
            let who = reviewer(entry.who);
            all.push((
                entry.ago + before,
                Happening::Open {
                    branch: branch.clone(),
                    draft,
                },
            ));
            all.push((entry.ago, Happening::Merge { branch, who }));
        }
        Via::Pending(branch) => all.push((
            entry.ago,
            Happening::Open {
                branch: branch.to_owned(),
                draft,
            },
        )),
    }
}

/// The first commit: everything, as it was two months ago.
pub(super) fn first() -> (Ago, Draft) {
    (
        days(60, 1),
        Draft {
            who: Alice,
            subject: "Start the shop's environments".to_owned(),
            body: format!(
                "{} apps in {} environments, as they run today.",
                super::state::APPS.len(),
                ENVS.len()
            ),
            edits: Vec::new(),
            reverts: None,
        },
    )
}
