//! What the demo shop deploys, as settings that a commit of the story changes; the manifests are written from them. Keeping
//! settings rather than files makes a commit one line of data, and a merge the same change made on a later state.

use std::collections::BTreeMap;

/// The demo's environments, in the order things are promoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Env {
    Dev,
    Staging,
    Production,
}

pub(super) const ENVS: [Env; 3] = [Env::Dev, Env::Staging, Env::Production];

impl Env {
    pub(super) fn name(self) -> &'static str {
        match self {
            Env::Dev => "dev",
            Env::Staging => "staging",
            Env::Production => "production",
        }
    }

    pub(super) fn namespace(self) -> &'static str {
        match self {
            Env::Dev => "shop-dev",
            Env::Staging => "shop-staging",
            Env::Production => "shop-production",
        }
    }

    pub(super) fn host(self) -> &'static str {
        match self {
            Env::Dev => "dev.shop.example.com",
            Env::Staging => "staging.shop.example.com",
            Env::Production => "shop.example.com",
        }
    }
}

/// The shop's apps. `Inventory` is a kustomize base with overlays, the others are directories of manifests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum App {
    Api,
    Checkout,
    Database,
    Inventory,
    Notifications,
    Payments,
    Search,
    Web,
}

pub(super) const APPS: [App; 8] = [
    App::Api,
    App::Checkout,
    App::Database,
    App::Inventory,
    App::Notifications,
    App::Payments,
    App::Search,
    App::Web,
];

impl App {
    pub(super) fn name(self) -> &'static str {
        match self {
            App::Api => "api",
            App::Checkout => "checkout",
            App::Database => "database",
            App::Inventory => "inventory",
            App::Notifications => "notifications",
            App::Payments => "payments",
            App::Search => "search",
            App::Web => "web",
        }
    }

    /// The image without its tag.
    pub(super) fn image(self) -> String {
        match self {
            App::Database => "docker.io/library/postgres".to_owned(),
            _ => format!("registry.example.com/shop/{}", self.name()),
        }
    }

    /// The prefix of its URL, for the apps that can be reached from outside.
    pub(super) fn public_path(self) -> Option<&'static str> {
        match self {
            App::Api => Some("/api"),
            App::Checkout => Some("/checkout"),
            App::Web => Some("/"),
            _ => None,
        }
    }
}

/// One app in one environment.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) version: &'static str,
    pub(super) replicas: u32,
    pub(super) memory_request: &'static str,
    pub(super) memory_limit: &'static str,
    /// Variables set in the container itself.
    pub(super) variables: BTreeMap<&'static str, &'static str>,
    /// Entries of its ConfigMap; without any there is no ConfigMap.
    pub(super) config: BTreeMap<&'static str, &'static str>,
    /// Labels beyond the ones every object has.
    pub(super) labels: BTreeMap<&'static str, &'static str>,
    /// Autoscaled between these numbers of replicas.
    pub(super) autoscale: Option<(u32, u32)>,
    /// When its CronJob runs.
    pub(super) schedule: Option<&'static str>,
    /// The value in its Secret.
    pub(super) secret: Option<(&'static str, &'static str)>,
    /// Stands for what a checksum covers besides the ConfigMap.
    pub(super) checksum_salt: u32,
    /// All documents in one file instead of one file each.
    pub(super) one_file: bool,
}

/// The whole repository at a commit.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) apps: BTreeMap<(Env, App), Settings>,
    /// Sections appended to the README.
    pub(super) readme: Vec<&'static str>,
    /// The `promo-banner` ConfigMap of the web app, a thing that came and went.
    pub(super) banner: bool,
}

/// One change of settings. A commit of the story is a list of these.
#[derive(Debug, Clone, Copy)]
pub(super) enum Edit {
    Version(Env, App, &'static str),
    Replicas(Env, App, u32),
    /// Request and limit.
    Memory(Env, App, &'static str, &'static str),
    Variable(Env, App, &'static str, &'static str),
    Config(Env, App, &'static str, &'static str),
    Label(Env, App, &'static str, &'static str),
    Autoscale(Env, App, u32, u32),
    Schedule(Env, App, &'static str),
    Secret(Env, App, &'static str, &'static str),
    /// Every checksum of an environment changes, and nothing else.
    Checksums(Env),
    OneFile(Env, App),
    Banner(bool),
    Readme(&'static str),
}

impl State {
    /// The state two months ago, before the first commit of the story.
    pub(super) fn initial() -> State {
        let mut apps = BTreeMap::new();
        for env in ENVS {
            for app in APPS {
                apps.insert((env, app), initial_settings(env, app));
            }
        }
        State {
            apps,
            readme: Vec::new(),
            banner: false,
        }
    }

    pub(super) fn apply(&mut self, edits: &[Edit]) {
        for edit in edits {
            self.apply_one(*edit);
        }
    }

    fn apply_one(&mut self, edit: Edit) {
        let mut set = |env: Env, app: App, change: &dyn Fn(&mut Settings)| {
            if let Some(settings) = self.apps.get_mut(&(env, app)) {
                change(settings);
            }
        };
        match edit {
            Edit::Version(env, app, version) => set(env, app, &|s| s.version = version),
            Edit::Replicas(env, app, replicas) => set(env, app, &|s| s.replicas = replicas),
            Edit::Memory(env, app, request, limit) => set(env, app, &|s| {
                s.memory_request = request;
                s.memory_limit = limit;
            }),
            Edit::Variable(env, app, name, value) => set(env, app, &|s| {
                s.variables.insert(name, value);
            }),
            Edit::Config(env, app, name, value) => set(env, app, &|s| {
                s.config.insert(name, value);
            }),
            Edit::Label(env, app, name, value) => set(env, app, &|s| {
                s.labels.insert(name, value);
            }),
            Edit::Autoscale(env, app, min, max) => {
                set(env, app, &|s| s.autoscale = Some((min, max)));
            }
            Edit::Schedule(env, app, schedule) => {
                set(env, app, &|s| s.schedule = Some(schedule));
            }
            Edit::Secret(env, app, name, value) => {
                set(env, app, &|s| s.secret = Some((name, value)));
            }
            Edit::Checksums(env) => {
                for app in APPS {
                    set(env, app, &|s| s.checksum_salt += 1);
                }
            }
            Edit::OneFile(env, app) => set(env, app, &|s| s.one_file = true),
            Edit::Banner(shown) => self.banner = shown,
            Edit::Readme(section) => self.readme.push(section),
        }
    }
}

fn initial_settings(env: Env, app: App) -> Settings {
    let production = env == Env::Production;
    let version = match app {
        App::Api => "1.2.0",
        App::Checkout => "3.1.0",
        App::Database => "16.2",
        App::Inventory => "0.9.0",
        App::Notifications => "1.0.0",
        App::Payments => "0.18.0",
        App::Search => "5.0.0",
        App::Web => "2.8.0",
    };
    let replicas = match (app, env) {
        (App::Database | App::Notifications, _) => 1,
        (App::Api, Env::Production) => 3,
        (_, Env::Production) => 2,
        (App::Api | App::Web, Env::Staging) => 2,
        _ => 1,
    };
    let (memory_request, memory_limit) = match app {
        App::Api => ("256Mi", "512Mi"),
        App::Database => ("512Mi", "1Gi"),
        App::Search => ("128Mi", "256Mi"),
        _ => ("64Mi", "256Mi"),
    };
    let config: &[(&str, &str)] = match app {
        App::Api => &[
            ("CACHE_TTL", "60s"),
            ("DATABASE_HOST", "database"),
            ("LOG_LEVEL", if production { "info" } else { "debug" }),
        ],
        App::Checkout => &[
            ("CURRENCY", "EUR"),
            ("LOG_LEVEL", "info"),
            ("PAYMENTS_URL", "http://payments"),
        ],
        App::Search => &[("INDEX_INTERVAL", "5m"), ("LOG_LEVEL", "info")],
        App::Web => &[("API_URL", "http://api"), ("SHOW_BETA", "no")],
        App::Notifications => &[("DIGEST_AT", "07:30"), ("SMTP_HOST", "smtp.example.com")],
        App::Database | App::Inventory | App::Payments => &[],
    };
    let secret = match app {
        App::Payments => Some(("GATEWAY_TOKEN", super::CANARIES[0])),
        App::Database => Some(("POSTGRES_PASSWORD", super::CANARIES[2])),
        _ => None,
    };
    Settings {
        version,
        replicas,
        memory_request,
        memory_limit,
        variables: BTreeMap::new(),
        config: config.iter().copied().collect(),
        labels: BTreeMap::new(),
        autoscale: None,
        schedule: match app {
            App::Database => Some("0 2 * * *"),
            App::Notifications => Some("30 7 * * *"),
            _ => None,
        },
        secret,
        checksum_salt: 0,
        one_file: false,
    }
}
