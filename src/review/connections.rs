//! The clusters of a workspace: which one an environment is in, and the connection to it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::live::Listed;
use super::pairings::Pairings;
use super::workspace::{ClusterChoice, Workspace, lock};
use crate::cluster::contexts::{By, Context, Contexts};
use crate::cluster::{Cluster, Identity, Kubeconfig, Wanted, contexts, install_crypto};
use crate::layout;
use crate::manifest::Masking;
use crate::task::{Cancel, Clock, Known, Why};

/// The clusters of a workspace, each connected to when it is first asked.
pub struct Connections {
    choice: ClusterChoice,
    offline: bool,
    masking: Masking,
    clock: Clock,
    kubeconfig: Kubeconfig,
    /// What was chosen on screen.
    pairings: Mutex<Pairings>,
    /// Grows with each choice: what was begun before may be of another cluster.
    epoch: AtomicU64,
    /// By context; `None` is the snapshot. Each has a lock of its own, so that one that hangs holds up no other.
    clusters: Mutex<HashMap<Option<String>, Attempt>>,
    /// By environment, and when.
    pub(super) listings: Mutex<HashMap<String, (Timestamp, Listed)>>,
    /// For the header: which cluster each environment turned out to be in.
    pub(super) described: Mutex<BTreeMap<String, Known<Identity>>>,
    /// What is watched in each environment's cluster, once somebody looks on; cancelled where it changes.
    pub(super) watches: Mutex<HashMap<String, Watch>>,
    /// The environments whose cluster is tried again.
    awaited: Mutex<HashSet<String>>,
}

impl Drop for Connections {
    fn drop(&mut self) {
        for watch in lock(&self.watches).values() {
            watch.cancel.cancel();
        }
    }
}

/// When it was tried to connect, and what came of it.
type Attempt = Arc<tokio::sync::Mutex<Option<(Timestamp, Known<Cluster>)>>>;

/// What is watched in an environment's cluster.
pub(super) struct Watch {
    pub cluster: Cluster,
    pub wanted: Wanted,
    pub cancel: Cancel,
}

/// How long it is not tried again to connect. Nothing tells when somebody has logged in meanwhile, and a screen asks several
/// questions at once.
pub(super) const AGAIN: SignedDuration = SignedDuration::from_secs(3);

/// Before it is tried again where nobody asks.
pub(super) const PAUSE: Duration = Duration::from_secs(4);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Where a screen looks on, a cluster that could not be connected to is tried again until that ends otherwise, which is
/// announced.
pub(super) fn try_again(
    ws: &Workspace,
    environment: &layout::Environment,
    why: &Why,
    pauses: impl Iterator<Item = Duration> + Send + 'static,
) {
    let may_pass = matches!(
        why,
        Why::Failed(_) | Why::ToolMissing(_) | Why::Unreachable(_)
    );
    let begin = || lock(&ws.inner.live.awaited).insert(environment.name.clone());
    if !ws.is_watched() || !may_pass || !begin() {
        return;
    }
    let (weak, environment, why) = (ws.downgrade(), environment.clone(), why.clone());
    tokio::spawn(async move {
        for pause in pauses {
            tokio::time::sleep(pause).await;
            let Some(ws) = weak.upgrade() else { return };
            let live = &ws.inner.live;
            if live.cluster(&environment).await.why() != Some(&why) {
                lock(&live.awaited).remove(&environment.name);
                lock(&live.listings).remove(&environment.name);
                return ws.announce_change();
            }
        }
    });
}

/// `demo/cluster` of a directory's path.
fn last_two(path: &str) -> String {
    let parts: Vec<&str> = path.rsplit('/').filter(|part| !part.is_empty()).collect();
    let last = parts.iter().take(2).rev().copied();
    last.collect::<Vec<_>>().join("/")
}

impl Connections {
    pub fn new(
        choice: &ClusterChoice,
        offline: bool,
        masking: Masking,
        clock: Clock,
        kubeconfig: Kubeconfig,
        pairings: Pairings,
    ) -> Connections {
        Connections {
            choice: choice.clone(),
            offline,
            masking,
            clock,
            kubeconfig,
            pairings: Mutex::new(pairings),
            epoch: AtomicU64::new(0),
            clusters: Mutex::default(),
            listings: Mutex::default(),
            described: Mutex::default(),
            watches: Mutex::default(),
            awaited: Mutex::default(),
        }
    }

    /// A line for each cluster that was asked, with the environments in it; or why there is none.
    pub fn describe(&self) -> Vec<String> {
        if self.choice == ClusterChoice::None {
            return vec![Why::NoCluster.to_string()];
        }
        let mut lines: Vec<(String, Vec<String>)> = Vec::new();
        for (environment, identity) in lock(&self.described).iter() {
            let line = match identity {
                Known::Fresh(identity) | Known::Stale(identity, _) => match &identity.context {
                    Some(context) => format!("{context} @ {}", identity.server),
                    None => format!("snapshot {}", last_two(&identity.server)),
                },
                Known::Loading => "connecting".to_owned(),
                Known::Unavailable(why) => why.to_string(),
            };
            match lines.iter_mut().find(|(known, _)| *known == line) {
                Some((_, environments)) => environments.push(environment.clone()),
                None => lines.push((line, vec![environment.clone()])),
            }
        }
        match lines.as_slice() {
            [(line, _)] => vec![line.clone()],
            _ => lines
                .into_iter()
                .map(|(line, environments)| format!("{}: {line}", environments.join(", ")))
                .collect(),
        }
    }

    /// Why no context can be chosen for an environment.
    pub fn settled(&self) -> Option<&'static str> {
        match &self.choice {
            ClusterChoice::None => Some("started with --no-cluster"),
            ClusterChoice::Snapshot(_) => {
                Some("started on a snapshot, which is every environment's")
            }
            ClusterChoice::Contexts(_) if self.offline => {
                Some("started with --offline: no cluster is asked")
            }
            ClusterChoice::Contexts(_) => None,
        }
    }

    /// The context of an environment, and what it was chosen by.
    pub fn chosen(
        &self,
        contexts: &Contexts,
        environment: &layout::Environment,
    ) -> Result<(String, By), Why> {
        match &self.choice {
            ClusterChoice::Contexts(named) => {
                let pairings = lock(&self.pairings);
                contexts.choose(named, pairings.of(environment), environment)
            }
            ClusterChoice::None | ClusterChoice::Snapshot(_) => Err(Why::NoCluster),
        }
    }

    /// Takes the user's word for which context an environment's is, from now on. An error: it holds in this run only.
    pub fn choose(
        &self,
        environment: &layout::Environment,
        context: Option<Context>,
    ) -> std::io::Result<()> {
        let kept = lock(&self.pairings).set(environment, context);
        self.epoch.fetch_add(1, Ordering::SeqCst);
        let name = &environment.name;
        lock(&self.listings).remove(name);
        lock(&self.described).remove(name);
        if let Some(watch) = lock(&self.watches).remove(name) {
            watch.cancel.cancel();
        }
        kept
    }

    /// To be asked for before a cluster is; where it is another one by then, nothing of that cluster is to be kept.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    /// The cluster of an environment, connected to where it was not yet.
    pub async fn identity(&self, environment: &layout::Environment) -> Known<Identity> {
        self.cluster(environment)
            .await
            .map(|cluster| cluster.identity().clone())
    }

    pub(super) async fn cluster(&self, environment: &layout::Environment) -> Known<Cluster> {
        match self.context(environment).await {
            Ok(context) => shown(self.connected(context).await, environment),
            Err(why) => Known::Unavailable(why),
        }
    }

    /// The context of an environment; `None` is the snapshot.
    async fn context(&self, environment: &layout::Environment) -> Result<Option<String>, Why> {
        match &self.choice {
            ClusterChoice::None => Err(Why::NoCluster),
            ClusterChoice::Snapshot(_) => Ok(None),
            ClusterChoice::Contexts(_) if self.offline => Err(Why::Offline),
            ClusterChoice::Contexts(chosen) => {
                let remembered = lock(&self.pairings).of(environment).cloned();
                let remembered = remembered.as_ref();
                let context = contexts::choose(&self.kubeconfig, chosen, remembered, environment);
                Ok(Some(context.await?))
            }
        }
    }

    /// The clusters beside an environment's, by context: those that somebody named, for whatever environment, and those that are
    /// connected to already. `None` where there are no contexts.
    pub(super) async fn others(
        &self,
        environment: &layout::Environment,
    ) -> Option<Vec<(String, Known<Cluster>)>> {
        let (ClusterChoice::Contexts(chosen), Ok(own)) =
            (&self.choice, self.context(environment).await)
        else {
            return None;
        };
        let connected: BTreeSet<String> = lock(&self.clusters).keys().flatten().cloned().collect();
        let chosen = chosen.iter().map(|(_, context)| context.clone());
        let mut others: Vec<(String, Known<Cluster>)> = Vec::new();
        for context in chosen.chain(connected) {
            let is_new = others.iter().all(|(known, _)| *known != context);
            if is_new && own.as_ref() != Some(&context) {
                let cluster = self.connected(Some(context.clone())).await;
                others.push((context, cluster));
            }
        }
        Some(others)
    }

    async fn connected(&self, context: Option<String>) -> Known<Cluster> {
        let attempt = Arc::clone(lock(&self.clusters).entry(context.clone()).or_default());
        let mut attempt = attempt.lock().await;
        let kept = match &*attempt {
            Some((_, known @ Known::Fresh(cluster))) if cluster.is_current().await => Some(known),
            Some((at, known @ Known::Unavailable(_)))
                if self.clock.now().duration_since(*at) < AGAIN =>
            {
                Some(known)
            }
            _ => None,
        };
        if let Some(known) = kept {
            return known.clone();
        }
        let connected = match (&self.choice, &context) {
            (ClusterChoice::Snapshot(directory), _) => {
                Cluster::snapshot(directory, self.masking.clone())
                    .map_err(|error| Why::Failed(error.to_string()))
            }
            (_, Some(context)) => {
                install_crypto();
                let masking = self.masking.clone();
                Cluster::connect(&self.kubeconfig, context, masking, &self.clock)
                    .await
                    .map_err(|error| error.why())
            }
            (_, None) => Err(Why::NoContextChosen),
        };
        let known = match connected {
            Ok(cluster) => Known::Fresh(cluster),
            Err(why) => Known::Unavailable(why),
        };
        *attempt = Some((self.clock.now(), known.clone()));
        known
    }
}

/// The cluster, where it is the environment's: a snapshot may say of which environments it is.
fn shown(cluster: Known<Cluster>, environment: &layout::Environment) -> Known<Cluster> {
    match cluster
        .value()
        .map(|cluster| cluster.shows(&environment.name))
    {
        Some(Err(why)) => Known::Unavailable(why),
        _ => cluster,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
    use crate::git::RepoPath;
    use crate::layout::{Deployer, Destination, Environment, Overrides};
    use crate::review::workspace::Options;
    use support::TestRepo;

    fn environment(name: &str) -> Environment {
        Environment {
            name: name.to_owned(),
            root: RepoPath::default(),
            destination: Destination {
                cluster: None,
                namespace: None,
            },
            repository: None,
            deployer: Deployer::Unknown,
            pipelines: Vec::new(),
            promoters: Vec::new(),
            protected: false,
        }
    }

    /// Two contexts, of which `a` is on `server`, and logs in by `plugin` where it names one.
    fn kubeconfig(server: &str, plugin: &str) -> String {
        let user = match plugin {
            "" => String::new(),
            plugin => format!(
                "exec: {{apiVersion: client.authentication.k8s.io/v1, command: sh, args: ['{plugin}']}}"
            ),
        };
        format!(
            "clusters:
- {{name: one, cluster: {{server: '{server}'}}}}
- {{name: two, cluster: {{server: 'http://two.invalid'}}}}
users:
- {{name: me, user: {{{user}}}}}
contexts:
- {{name: a, context: {{cluster: one, user: me}}}}
- {{name: b, context: {{cluster: two}}}}
"
        )
    }

    /// Where `production` is in context `a`, `staging` in `b`; with a clock that stands at the seconds given.
    fn connections(directory: &std::path::Path) -> (Connections, Arc<AtomicI64>) {
        let seconds = Arc::new(AtomicI64::new(0));
        let hand = Arc::clone(&seconds);
        let clock = Clock::new(move || {
            Timestamp::from_second(hand.load(Ordering::Relaxed)).unwrap_or_default()
        });
        let chosen = [("production", "a"), ("staging", "b")]
            .map(|(environment, context)| (Some(environment.to_owned()), context.to_owned()));
        let choice = ClusterChoice::Contexts(chosen.to_vec());
        let files = Kubeconfig::named(vec![directory.join("config")]);
        (remembering(directory, choice, clock, files), seconds)
    }

    fn remembering(
        directory: &std::path::Path,
        choice: ClusterChoice,
        clock: Clock,
        files: Kubeconfig,
    ) -> Connections {
        let pairings = Pairings::load(&directory.join("state"), "the repository");
        let masking = Masking::new([7; 32]);
        Connections::new(&choice, false, masking, clock, files, pairings)
    }

    #[tokio::test]
    async fn who_could_not_connect_tries_again_after_a_pause() {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("config");
        let (connections, seconds) = connections(directory.path());
        let missing = connections.identity(&environment("production")).await;
        let Some(Why::Failed(why)) = missing.why() else {
            panic!("{missing:?}")
        };
        let named = config.display().to_string();
        assert!(
            why.contains(&named) && why.contains("No such file"),
            "{why}"
        );

        std::fs::write(&config, kubeconfig("http://one.invalid", "")).unwrap();
        seconds.store(2, Ordering::Relaxed);
        assert_eq!(
            connections.identity(&environment("production")).await,
            missing
        );
        seconds.store(3, Ordering::Relaxed);
        let found = connections.identity(&environment("production")).await;
        assert_eq!(found.value().unwrap().server, "http://one.invalid");
        // What is connected stays, as long as its context means the same.
        let first = connections.cluster(&environment("production")).await;
        seconds.store(60, Ordering::Relaxed);
        let second = connections.cluster(&environment("production")).await;
        assert!(first.value().unwrap().is_same(second.value().unwrap()));
        std::fs::write(&config, kubeconfig("http://moved.invalid", "")).unwrap();
        seconds.store(63, Ordering::Relaxed);
        let moved = connections.identity(&environment("production")).await;
        assert_eq!(moved.value().unwrap().server, "http://moved.invalid");
    }

    /// As [`connections`], where no flag names a context; each time as if it was started anew.
    struct Starts(tempfile::TempDir);

    impl Starts {
        fn start(&self) -> Connections {
            let files = Kubeconfig::named(vec![self.0.path().join("config")]);
            let none = ClusterChoice::Contexts(Vec::new());
            remembering(self.0.path(), none, Clock::system(), files)
        }

        fn write(&self, server: &str) {
            std::fs::write(self.0.path().join("config"), kubeconfig(server, "")).unwrap();
        }

        async fn context(&self, name: &str) -> Context {
            let files = Kubeconfig::named(vec![self.0.path().join("config")]);
            let contexts = Contexts::read(&files).await.unwrap();
            let mut found = contexts.all.into_iter();
            found.find(|context| context.name == name).unwrap()
        }
    }

    fn server(known: &Known<Identity>) -> Option<&str> {
        known.value().map(|identity| identity.server.as_str())
    }

    #[tokio::test]
    async fn what_was_chosen_is_remembered_while_it_means_the_same_cluster() {
        let starts = Starts(tempfile::tempdir().unwrap());
        starts.write("http://one.invalid");
        let (production, staging) = (environment("production"), environment("staging"));
        let first = starts.start();
        let not_yet = first.identity(&production).await;
        assert_eq!(not_yet.why(), Some(&Why::NoContextChosen));
        let a = starts.context("a").await;
        // What is known of another cluster goes, and what was begun on it is not kept.
        let before = first.epoch();
        let listed = |run: &Connections| lock(&run.described).contains_key("production");
        lock(&first.described).insert("production".to_owned(), not_yet);
        first.choose(&production, Some(a)).unwrap();
        assert!(!listed(&first) && first.epoch() != before);
        // In this run, in the next, and for no other environment, repository or destination.
        for run in [first, starts.start()] {
            let found = run.identity(&production).await;
            assert_eq!(server(&found), Some("http://one.invalid"));
            let other = run.identity(&staging).await;
            assert_eq!(other.why(), Some(&Why::NoContextChosen));
            let mut elsewhere = production.clone();
            elsewhere.destination.cluster = Some("another".to_owned());
            let other = run.identity(&elsewhere).await;
            assert_eq!(other.why(), Some(&Why::NoContextChosen));
        }
        let other = Pairings::load(&starts.0.path().join("state"), "another repository");
        assert_eq!(other.of(&production), None);

        // The same name for another cluster was not chosen by anybody, until it is.
        let running = starts.start();
        starts.write("http://moved.invalid");
        for run in [&running, &starts.start()] {
            let moved = run.identity(&production).await;
            assert_eq!(moved.why(), Some(&Why::ContextChanged("a".to_owned())));
        }
        let moved = starts.context("a").await;
        running.choose(&production, Some(moved)).unwrap();
        let found = starts.start().identity(&production).await;
        assert_eq!(server(&found), Some("http://moved.invalid"));

        // Two programs at once: what one chooses the other does not undo.
        let [one, two] = [starts.start(), starts.start()];
        let b = starts.context("b").await;
        one.choose(&staging, Some(b)).unwrap();
        two.choose(&production, None).unwrap();
        let next = starts.start();
        let found = next.identity(&staging).await;
        assert_eq!(server(&found), Some("http://two.invalid"));
        let taken_back = next.identity(&production).await;
        assert_eq!(taken_back.why(), Some(&Why::NoContextChosen));
    }

    /// Where it cannot be kept, what was chosen holds until the end, and that is told.
    #[tokio::test]
    async fn a_choice_that_cannot_be_kept_holds_in_this_run() {
        let starts = Starts(tempfile::tempdir().unwrap());
        starts.write("http://one.invalid");
        std::fs::write(starts.0.path().join("state"), "no directory").unwrap();
        let run = starts.start();
        let production = environment("production");
        let a = starts.context("a").await;
        assert!(run.choose(&production, Some(a)).is_err());
        let found = run.identity(&production).await;
        assert_eq!(server(&found), Some("http://one.invalid"));
        let next = starts.start().identity(&production).await;
        assert_eq!(next.why(), Some(&Why::NoContextChosen));
    }

    #[tokio::test]
    async fn a_login_that_hangs_holds_up_no_other_cluster() {
        let directory = tempfile::tempdir().unwrap();
        let plugin = directory.path().join("plugin");
        let text = r#"
echo asked > "$0.asked"
while [ ! -e "$0.go" ]; do sleep 0.01; done
echo '{"status":{"token":"t0ken"}}'
"#;
        std::fs::write(&plugin, text).unwrap();
        let written = kubeconfig("http://one.invalid", &plugin.display().to_string());
        std::fs::write(directory.path().join("config"), written).unwrap();
        let connections = Arc::new(connections(directory.path()).0);
        let hanging = tokio::spawn({
            let connections = Arc::clone(&connections);
            async move { connections.identity(&environment("production")).await }
        });
        while !directory.path().join("plugin.asked").exists() {
            tokio::task::yield_now().await;
        }
        let other = connections.identity(&environment("staging")).await;
        assert_eq!(other.value().unwrap().server, "http://two.invalid");
        assert!(!hanging.is_finished());
        std::fs::write(directory.path().join("plugin.go"), "").unwrap();
        let found = hanging.await.unwrap();
        assert_eq!(found.value().unwrap().server, "http://one.invalid");
    }

    /// Nobody has to press a key after logging in.
    #[tokio::test]
    async fn a_cluster_that_comes_is_announced() {
        let directory = tempfile::tempdir().unwrap();
        let repo = TestRepo::init(&directory.path().join("repo"));
        repo.write("it.yaml", "");
        repo.commit("Begin");
        let snapshot = directory.path().join("snapshot");
        // Each look at the clock is after the pause of the one before.
        let seconds = AtomicI64::new(0);
        let clock = Clock::new(move || {
            Timestamp::from_second(seconds.fetch_add(10, Ordering::Relaxed)).unwrap_or_default()
        });
        let ws = Workspace::open(Options {
            repo: Some(repo.path.clone()),
            branch: None,
            cluster: ClusterChoice::Snapshot(snapshot.clone()),
            kubeconfig: Kubeconfig::named(Vec::new()),
            overrides: Overrides::default(),
            offline: true,
            allow_network: false,
            read_only: true,
            state: directory.path().join("state"),
            cache: None,
            clock,
        })
        .unwrap();
        let mut changes = ws.changes();
        let production = environment("production");
        let missing = ws.inner.live.cluster(&production).await;
        let why = missing.why().unwrap();
        let tries = Arc::new(AtomicI64::new(0));
        let counted = Arc::clone(&tries);
        let pauses = std::iter::repeat_with(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            Duration::ZERO
        });
        try_again(&ws, &production, why, pauses);
        // One is enough.
        try_again(&ws, &production, why, std::iter::empty());
        while tries.load(Ordering::Relaxed) < 3 {
            tokio::task::yield_now().await;
        }
        assert!(!changes.has_changed().unwrap());
        std::fs::create_dir(&snapshot).unwrap();
        changes.changed().await.unwrap();
        let found = ws.inner.live.identity(&production).await;
        assert!(found.value().is_some(), "{found:?}");
    }
}
