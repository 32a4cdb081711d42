//! Which kubeconfig context an environment is compared with.
//!
//! Comparing production's git with the wrong cluster is the worst lie this tool could tell, so nothing is guessed: a
//! context is chosen by the user (a flag, the configuration, on screen, which is remembered), or because its server is
//! exactly the one the environment's destination names. The kubeconfig's current context is never chosen by itself.

use kube::config::Kubeconfig;
use reqwest::Url;
use serde::{Deserialize, Serialize};

use super::Error;
use super::kubeconfig::Files;
use crate::layout::{Destination, Environment};
use crate::task::Why;

/// The contexts of a kubeconfig.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contexts {
    pub all: Vec<Context>,
    pub current: Option<String>,
}

/// One of them. Nothing that one logs in with is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    pub name: String,
    pub server: String,
    /// The one that it is used in, where none is named. It is no part of which cluster is meant.
    #[serde(skip)]
    pub namespace: Option<String>,
    /// What else tells servers behind one address apart (gateways select by it).
    tls_name: Option<String>,
    proxy: Option<String>,
}

/// What an environment's context was chosen by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A flag or the configuration.
    Name,
    /// The user, on screen, now or earlier.
    Hand,
    /// The server that the environment's destination names.
    Server,
}

/// The context of `environment`. `chosen`: contexts for the named environment or (`None`) for
/// all, in order of precedence: flags, then the configuration. `remembered`: what was chosen for it on screen.
pub async fn choose(
    kubeconfig: &Files,
    chosen: &[(Option<String>, String)],
    remembered: Option<&Context>,
    environment: &Environment,
) -> Result<String, Why> {
    match explicit(chosen, environment) {
        Some(context) => Ok(context.to_owned()),
        None => Contexts::read(kubeconfig)
            .await
            .map_err(|error| error.why())?
            .choose(chosen, remembered, environment)
            .map(|(context, _)| context),
    }
}

fn explicit<'a>(
    chosen: &'a [(Option<String>, String)],
    environment: &Environment,
) -> Option<&'a str> {
    let named = chosen
        .iter()
        .find(|(name, _)| name.as_ref() == Some(&environment.name));
    let all = || chosen.iter().find(|(name, _)| name.is_none());
    named.or_else(all).map(|(_, context)| context.as_str())
}

impl Contexts {
    pub async fn read(kubeconfig: &Files) -> Result<Contexts, Error> {
        Ok(Contexts::of(&kubeconfig.read().await?))
    }

    fn of(kubeconfig: &Kubeconfig) -> Contexts {
        let all = kubeconfig.contexts.iter().filter_map(|named| {
            let context = named.context.as_ref()?;
            let cluster = kubeconfig
                .clusters
                .iter()
                .find(|known| known.name == context.cluster)?
                .cluster
                .as_ref()?;
            Some(Context {
                name: named.name.clone(),
                server: without_login(cluster.server.as_ref()?),
                namespace: context.namespace.clone(),
                tls_name: cluster.tls_server_name.clone(),
                proxy: cluster.proxy_url.as_deref().map(without_login),
            })
        });
        let current = kubeconfig
            .current_context
            .clone()
            .filter(|name| !name.is_empty());
        Contexts {
            all: all.collect(),
            current,
        }
    }

    /// As [`choose`], without looking anywhere else.
    pub fn choose(
        &self,
        chosen: &[(Option<String>, String)],
        remembered: Option<&Context>,
        environment: &Environment,
    ) -> Result<(String, By), Why> {
        if let Some(context) = explicit(chosen, environment) {
            return Ok((context.to_owned(), By::Name));
        }
        if self.all.is_empty() {
            return Err(Why::NoCluster);
        }
        if let Some(remembered) = remembered.filter(|remembered| self.has(remembered)) {
            return Ok((remembered.name.clone(), By::Hand));
        }
        match (self.by_server(&environment.destination), remembered) {
            (Some(context), _) => Ok((context.name.clone(), By::Server)),
            (None, Some(remembered)) => Err(Why::ContextChanged(remembered.name.clone())),
            (None, None) => Err(Why::NoContextChosen),
        }
    }

    /// Whether there is a context of that name, and it still means that cluster.
    pub fn has(&self, context: &Context) -> bool {
        let is_same = |known: &Context| {
            known.name == context.name
                && known.server == context.server
                && known.tls_name == context.tls_name
                && known.proxy == context.proxy
        };
        self.all.iter().any(is_same)
    }

    /// The context whose server is the destination's. Several are one if they reach the same server in the same way; then
    /// the current one is taken, or the first.
    fn by_server(&self, destination: &Destination) -> Option<&Context> {
        let wanted = server(destination.cluster.as_deref()?)?;
        let found: Vec<&Context> = self
            .all
            .iter()
            .filter(|context| server(&context.server).as_ref() == Some(&wanted))
            .collect();
        let first = *found.first()?;
        let same =
            |context: &&Context| context.tls_name == first.tls_name && context.proxy == first.proxy;
        if !found.iter().all(same) {
            return None;
        }
        let current = found
            .iter()
            .find(|context| Some(&context.name) == self.current.as_ref());
        Some(current.copied().unwrap_or(first))
    }
}

/// An address without a name and password in it.
fn without_login(address: &str) -> String {
    match Url::parse(address) {
        Ok(mut url) if !url.username().is_empty() || url.password().is_some() => {
            // Only of an address that cannot have them.
            let _ = url.set_username("").and_then(|()| url.set_password(None));
            url.to_string()
        }
        _ => address.to_owned(),
    }
}

/// A server's address, to be compared: `https://Example.com:443/` is `https://example.com`. The address that every
/// cluster has for itself names none.
fn server(address: &str) -> Option<(String, String, Option<u16>, String)> {
    let url = Url::parse(address).ok()?;
    let host = url.host_str()?.to_owned();
    if host == "kubernetes.default.svc" || host == "kubernetes.default" {
        return None;
    }
    let path = url.path().trim_end_matches('/').to_owned();
    Some((
        url.scheme().to_owned(),
        host,
        url.port_or_known_default(),
        path,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::RepoPath;
    use crate::layout::Deployer;

    const KUBECONFIG: &str = "
apiVersion: v1
kind: Config
current-context: kind
clusters:
- {name: prod, cluster: {server: 'https://prod.example.com'}}
- {name: staging, cluster: {server: 'https://staging.example.com:6443/'}}
- {name: rancher-a, cluster: {server: 'https://rancher.example.com/k8s/clusters/a'}}
- {name: teleport-a, cluster: {server: 'https://teleport.example.com', tls-server-name: a}}
- {name: teleport-b, cluster: {server: 'https://teleport.example.com', tls-server-name: b}}
- {name: kind, cluster: {server: 'https://127.0.0.1:6443'}}
contexts:
- {name: prod-ro, context: {cluster: prod, user: ro}}
- {name: prod-admin, context: {cluster: prod, user: admin}}
- {name: staging, context: {cluster: staging, user: me}}
- {name: rancher-a, context: {cluster: rancher-a, user: me}}
- {name: a, context: {cluster: teleport-a, user: me}}
- {name: b, context: {cluster: teleport-b, user: me}}
- {name: kind, context: {cluster: kind, user: me}}
- {name: dangling, context: {cluster: nowhere, user: me}}
users: []
";

    fn contexts(current: &str) -> Contexts {
        let kubeconfig: Kubeconfig = serde_yaml::from_str(KUBECONFIG).unwrap();
        Contexts {
            current: Some(current.to_owned()),
            ..Contexts::of(&kubeconfig)
        }
    }

    fn environment(name: &str, cluster: Option<&str>) -> Environment {
        Environment {
            name: name.to_owned(),
            root: RepoPath::default(),
            destination: Destination {
                cluster: cluster.map(str::to_owned),
                namespace: None,
            },
            repository: None,
            deployer: Deployer::Unknown,
            pipelines: Vec::new(),
            promoters: Vec::new(),
            protected: false,
        }
    }

    #[test]
    fn a_context_is_chosen_or_it_is_not() {
        let all = [(None, "for-all".to_owned())];
        let both = [
            all[0].clone(),
            (Some("production".to_owned()), "own".to_owned()),
        ];
        let other = [(Some("staging".to_owned()), "other".to_owned())];
        let none: Result<&str, Why> = Err(Why::NoContextChosen);
        type Row<'a> = (
            &'a [(Option<String>, String)],
            Option<&'a str>,
            Result<&'a str, Why>,
        );
        let rows: &[Row<'_>] = &[
            // What the user says, the environment's own before that for all, and before any server.
            (&both, Some("https://prod.example.com"), Ok("own")),
            (&all, Some("https://prod.example.com"), Ok("for-all")),
            (&other, None, none.clone()),
            // The exact server, however it is written.
            (&[], Some("https://PROD.example.com:443/"), Ok("prod-ro")),
            (
                &other,
                Some("https://staging.example.com:6443"),
                Ok("staging"),
            ),
            (&[], Some("https://staging.example.com"), none.clone()),
            (&[], Some("http://prod.example.com"), none.clone()),
            (
                &[],
                Some("https://rancher.example.com/k8s/clusters/a"),
                Ok("rancher-a"),
            ),
            (
                &[],
                Some("https://rancher.example.com/k8s/clusters/b"),
                none.clone(),
            ),
            // One address, two clusters behind it.
            (&[], Some("https://teleport.example.com"), none.clone()),
            // A name is no server, and the address of every cluster is no address.
            (&[], Some("prod"), none.clone()),
            (&[], Some("https://kubernetes.default.svc"), none.clone()),
            // The current context is nobody's choice.
            (&[], None, none.clone()),
        ];
        for (chosen, cluster, expected) in rows {
            let found = contexts("kind").choose(chosen, None, &environment("production", *cluster));
            assert_eq!(
                found.as_ref().map(|(context, _)| context.as_str()),
                expected.as_ref().map(|context| *context),
                "{chosen:?} {cluster:?}"
            );
        }
        let preferred = contexts("prod-admin").choose(
            &[],
            None,
            &environment("p", Some("https://prod.example.com")),
        );
        assert_eq!(preferred, Ok(("prod-admin".to_owned(), By::Server)));
        let empty = Contexts::default().choose(
            &[],
            None,
            &environment("p", Some("https://prod.example.com")),
        );
        assert_eq!(empty, Err(Why::NoCluster));
    }

    #[test]
    fn what_was_chosen_by_hand_holds_while_it_means_the_same() {
        let known = contexts("kind");
        let named = |name: &str| {
            let found = known.all.iter().find(|context| context.name == name);
            found.cloned().unwrap()
        };
        let production = |cluster| environment("production", cluster);
        let by_hand =
            |context: &Context, cluster| known.choose(&[], Some(context), &production(cluster));
        let kind = named("kind");
        assert_eq!(by_hand(&kind, None), Ok(("kind".to_owned(), By::Hand)));
        // The user's last word, but not against a flag.
        let there = Some("https://prod.example.com");
        assert_eq!(by_hand(&kind, there), Ok(("kind".to_owned(), By::Hand)));
        let flags = [(None, "staging".to_owned())];
        let flagged = known.choose(&flags, Some(&kind), &production(None));
        assert_eq!(flagged, Ok(("staging".to_owned(), By::Name)));
        // Whatever tells clusters apart.
        let moved = Context {
            server: "https://127.0.0.1:7443".to_owned(),
            ..kind.clone()
        };
        let gateway = Context {
            tls_name: Some("b".to_owned()),
            ..named("a")
        };
        let proxied = Context {
            proxy: Some("http://proxy.example.com".to_owned()),
            ..kind.clone()
        };
        let gone = Context {
            name: "gone".to_owned(),
            ..kind
        };
        for changed in [moved, gateway, proxied, gone] {
            let why = Why::ContextChanged(changed.name.clone());
            assert_eq!(by_hand(&changed, None), Err(why), "{changed:?}");
            assert_eq!(
                by_hand(&changed, there),
                Ok(("prod-ro".to_owned(), By::Server))
            );
        }
    }

    #[test]
    fn no_password_is_in_an_address() {
        for (written, kept) in [
            (
                "https://me:secret@a.example.com:6443",
                "https://a.example.com:6443/",
            ),
            ("http://me@proxy.example.com", "http://proxy.example.com/"),
            ("https://a.example.com:6443", "https://a.example.com:6443"),
            ("a.example.com", "a.example.com"),
        ] {
            assert_eq!(without_login(written), kept);
        }
    }
}
