//! What the layouts found, put together: environments unified by name and ordered, app names made unique.

use std::collections::{BTreeMap, BTreeSet};

use super::names;
use super::overrides::Overrides;
use super::{App, Deployer, Destination, Environment, Layout, LayoutKind};
use crate::git::{BString, ByteSlice, RepoPath};
use crate::manifest::ObjectRef;
use crate::render::Recipe;
use crate::render::kustomization::display;
use crate::render::tree::is_within;

/// The environment of what names none.
pub(super) const DEFAULT: &str = "default";

#[derive(Default)]
pub(super) struct Draft {
    pub(super) kinds: BTreeSet<LayoutKind>,
    pub(super) apps: Vec<FoundApp>,
    pub(super) environments: Vec<FoundEnvironment>,
    pub(super) generated: Vec<RepoPath>,
    pub(super) reads: BTreeSet<RepoPath>,
    pub(super) orders_read: BTreeSet<RepoPath>,
    pub(super) notes: Vec<String>,
    pub(super) overrides: Overrides,
}

pub(super) struct FoundEnvironment {
    pub(super) name: String,
    pub(super) root: RepoPath,
    pub(super) destination: Destination,
    pub(super) repository: Option<String>,
}

pub(super) struct FoundApp {
    pub(super) environment: String,
    /// The environment's directory, as far as this app tells.
    pub(super) root: RepoPath,
    pub(super) name: String,
    /// Longer names, for where another app of the environment has the same: components of a path.
    pub(super) qualifier: Vec<String>,
    pub(super) recipe: Recipe,
    /// The cluster it goes to, where that is not the environment's.
    pub(super) cluster: Option<String>,
    /// Who deploys it, where that is certain.
    pub(super) deployer: Option<Deployer>,
    pub(super) declared_by: Option<ObjectRef>,
    pub(super) chart: Option<String>,
    pub(super) version: Option<String>,
    pub(super) sources: Vec<RepoPath>,
    /// Objects in it that only one deployer knows (Flux', Argo CD's).
    pub(super) marks: BTreeSet<Mark>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    Flux,
    ArgoCd,
}

impl Draft {
    /// `otherwise`: who deploys what bears no marks in all of the repository.
    pub(super) fn finish(mut self, otherwise: Deployer) -> Layout {
        for app in &mut self.apps {
            if let Some(name) = &self.overrides.default
                && app.environment == DEFAULT
            {
                app.environment.clone_from(name);
            }
            self.overrides.assign(app);
        }
        let called = self.unify();
        for app in &self.apps {
            let known = self
                .environments
                .iter_mut()
                .find(|known| known.name == app.environment);
            match known {
                Some(known) => known.root = common(&known.root, &app.root),
                None => self.environments.push(FoundEnvironment {
                    name: app.environment.clone(),
                    root: app.root.clone(),
                    destination: Destination::default(),
                    repository: None,
                }),
            }
        }
        self.make_names_unique();
        let everywhere: BTreeSet<Mark> = self
            .apps
            .iter()
            .flat_map(|app| &app.marks)
            .copied()
            .collect();
        let mut environments: Vec<Environment> = Vec::new();
        for found in self.environments {
            let apps = || self.apps.iter().filter(|app| app.environment == found.name);
            let mut destination = found.destination;
            let corrected = self.overrides.environment(&found.name);
            if let Some(corrected) = corrected {
                destination.cluster = corrected.cluster.clone().or(destination.cluster);
                destination.namespace = corrected.namespace.clone().or(destination.namespace);
            }
            if destination.namespace.is_none() {
                let namespaces: BTreeSet<_> = apps().map(|app| &app.recipe.namespace).collect();
                if let (1, Some(Some(namespace))) = (namespaces.len(), namespaces.first()) {
                    destination.namespace = Some(namespace.clone());
                }
            }
            let here: BTreeSet<Mark> = apps().flat_map(|app| &app.marks).copied().collect();
            let marks = if here.is_empty() { &everywhere } else { &here };
            environments.push(Environment {
                protected: corrected
                    .and_then(|corrected| corrected.protected)
                    .unwrap_or_else(|| {
                        let also = called.get(&found.name);
                        let mut names = also.into_iter().flatten().chain([&found.name]);
                        names.any(|name| names::is_protected(name))
                    }),
                deployer: match (marks.len(), marks.first()) {
                    (1, Some(Mark::Flux)) => Deployer::Flux,
                    (1, Some(Mark::ArgoCd)) => Deployer::ArgoCd,
                    (0, _) => otherwise,
                    _ => Deployer::Unknown,
                },
                pipelines: Vec::new(),
                promoters: Vec::new(),
                name: found.name,
                root: found.root,
                repository: found.repository,
                destination,
            });
        }
        environments.sort_by(|a, b| {
            let order = |environment: &Environment| self.overrides.rank(&environment.name);
            order(a).cmp(&order(b)).then_with(|| a.name.cmp(&b.name))
        });
        let position: BTreeMap<&str, usize> = environments
            .iter()
            .enumerate()
            .map(|(index, environment)| (environment.name.as_str(), index))
            .collect();
        let mut apps: Vec<(usize, App)> = self
            .apps
            .into_iter()
            .filter_map(|found| {
                let index = *position.get(found.environment.as_str())?;
                let environment = environments.get(index)?;
                let app = App {
                    destination: Destination {
                        cluster: found
                            .cluster
                            .or_else(|| environment.destination.cluster.clone()),
                        namespace: found.recipe.namespace.clone(),
                    },
                    deployer: found.deployer.unwrap_or(environment.deployer),
                    name: found.name,
                    environment: found.environment,
                    recipe: found.recipe,
                    declared_by: found.declared_by,
                    chart: found.chart,
                    version: found.version,
                    sources: found.sources,
                };
                Some((index, app))
            })
            .collect();
        apps.sort_by(|(a_index, a), (b_index, b)| {
            a_index.cmp(b_index).then_with(|| a.name.cmp(&b.name))
        });
        Layout {
            kinds: self.kinds.into_iter().collect(),
            environments,
            apps: apps.into_iter().map(|(_, app)| app).collect(),
            generated: self.generated,
            reads: self.reads,
            orders_read: self.orders_read,
            notes: self.notes,
            stage_branches: Vec::new(),
        }
    }

    /// One cluster that directories call now `moc/smaug` and now `prod/moc/smaug` is one environment, by the shorter name, if
    /// its deployer takes both to the same place; or if nobody says where they go, and all that is before a name of several
    /// parts is its only stage of promotion. Gives the names that each has besides.
    fn unify(&mut self) -> BTreeMap<String, BTreeSet<String>> {
        let mut clusters: BTreeMap<&str, BTreeSet<Option<&str>>> = BTreeMap::new();
        for app in &self.apps {
            let places = clusters.entry(&app.environment).or_default();
            // Of the others nobody says where they go.
            if app.cluster.is_some() || app.declared_by.is_some() {
                places.insert(app.cluster.as_deref());
            }
        }
        let corrected = |name: &str| self.overrides.environment(name).is_some();
        let mut called: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (long, places) in clusters.iter().filter(|(long, _)| !corrected(long)) {
            let short = match (places.len(), places.first()) {
                (1, Some(Some(cluster))) => {
                    let shorter = long.match_indices('/').map(|(at, _)| &long[at + 1..]);
                    let mut same = shorter.into_iter().filter(|short| {
                        let places = clusters.get(short);
                        places.is_some_and(|places| {
                            places.len() == 1 && places.contains(&Some(*cluster))
                        })
                    });
                    same.next_back()
                }
                (0, _) => of_stage(long).filter(|rest| {
                    let named = clusters.keys().filter_map(|name| of_stage(name));
                    clusters.get(rest).is_some_and(BTreeSet::is_empty)
                        && named.filter(|named| named == rest).count() == 1
                }),
                _ => None,
            };
            if let Some(short) = short {
                let also = called.entry(short.to_owned()).or_default();
                also.insert((*long).to_owned());
            }
        }
        for app in &mut self.apps {
            let kept = called
                .iter()
                .find(|(_, also)| also.contains(&app.environment));
            if let Some((kept, _)) = kept {
                app.environment.clone_from(kept);
            }
        }
        self.environments
            .retain(|found| !called.values().any(|also| also.contains(&found.name)));
        called
    }

    /// A note about files or directories: how many, which for example.
    pub(super) fn note_some<T>(&mut self, what: &str, which: &[T], path: impl Fn(&T) -> &RepoPath) {
        if let Some(first) = which.first() {
            let more = if which.len() > 1 { ", …" } else { "" };
            let first = display(path(first).as_bstr());
            self.notes
                .push(format!("{what}: {first}{more} ({})", which.len()));
        }
    }

    /// Two apps of one environment with the same name get as much of their path as tells them apart.
    fn make_names_unique(&mut self) {
        let mut by_name: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
        for (index, app) in self.apps.iter().enumerate() {
            let key = (app.environment.clone(), app.name.clone());
            by_name.entry(key).or_default().push(index);
        }
        for ((_, name), same) in by_name {
            if same.len() < 2 {
                continue;
            }
            let longest = same
                .iter()
                .map(|index| self.apps[*index].qualifier.len())
                .max()
                .unwrap_or(0);
            let unique = (1..=longest).find_map(|length| {
                let names: Vec<String> = same
                    .iter()
                    .map(|index| tail(&self.apps[*index].qualifier, length))
                    .collect();
                let distinct: BTreeSet<&String> = names.iter().collect();
                (distinct.len() == names.len()).then_some(names)
            });
            let names = unique.unwrap_or_else(|| {
                (1..=same.len())
                    .map(|number| format!("{name} ({number})"))
                    .collect()
            });
            for (index, name) in same.into_iter().zip(names) {
                self.apps[index].name = name;
            }
        }
    }
}

/// `osc/osc-cl1` of `prod/osc/osc-cl1`.
fn of_stage(name: &str) -> Option<&str> {
    let (stage, rest) = name.split_once('/')?;
    (names::is_certain(stage) && rest.contains('/')).then_some(rest)
}

fn tail(components: &[String], length: usize) -> String {
    components[components.len().saturating_sub(length)..].join("/")
}

/// The deepest directory that holds both.
pub(super) fn common(a: &RepoPath, b: &RepoPath) -> RepoPath {
    let mut common = a.clone();
    while !is_within(b, &common) {
        let end = common.rfind_byte(b'/').unwrap_or(0);
        common.truncate(end);
    }
    common
}

/// A directory's components as text.
pub(super) fn components(path: &[u8]) -> Vec<String> {
    path.split_str("/")
        .filter(|part| !part.is_empty())
        .map(|part| part.to_str_lossy().into_owned())
        .collect()
}

/// The first `count` components of a path.
pub(super) fn ancestor(path: &[u8], count: usize) -> RepoPath {
    let parts: Vec<&[u8]> = path.split_str("/").take(count).collect();
    BString::from(parts.join(&b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::Tool;

    fn app(environment: &str, path: &str) -> FoundApp {
        let qualifier = components(path.as_bytes());
        FoundApp {
            environment: environment.to_owned(),
            root: RepoPath::from(path),
            name: qualifier.last().cloned().unwrap_or_default(),
            qualifier,
            recipe: Recipe {
                tool: Tool::Plain,
                roots: vec![RepoPath::from(path)],
                closure: vec![RepoPath::from(path)],
                namespace: Some("shop".to_owned()),
            },
            cluster: None,
            deployer: None,
            declared_by: None,
            chart: None,
            version: None,
            sources: Vec::new(),
            marks: BTreeSet::new(),
        }
    }

    #[test]
    fn a_cluster_with_two_names_is_one_environment() {
        let to = |environment: &str, cluster: Option<&str>| FoundApp {
            cluster: cluster.map(str::to_owned),
            ..app(environment, environment)
        };
        let environments = |apps: Vec<FoundApp>| {
            let draft = Draft {
                apps,
                ..Draft::default()
            };
            let layout = draft.finish(Deployer::Unknown);
            let environments = layout.environments.into_iter();
            environments
                .map(|found| (found.name, found.protected))
                .collect::<Vec<_>>()
        };
        let owned = |name: &str, protected| (name.to_owned(), protected);
        assert_eq!(
            environments(vec![
                to("prod/moc/smaug", Some("smaug")),
                to("moc/smaug", Some("smaug")),
                to("moc/smaug", Some("smaug")),
            ]),
            [owned("moc/smaug", true)]
        );
        // Elsewhere, nobody knows where, or not all there: two.
        for other in [Some("curator"), None] {
            let apps = vec![to("prod/smaug", other), to("smaug", Some("smaug"))];
            assert_eq!(environments(apps).len(), 2, "{other:?}");
        }
        let here = FoundApp {
            declared_by: Some(ObjectRef {
                group: "argoproj.io".to_owned(),
                kind: "Application".to_owned(),
                namespace: None,
                name: "web".to_owned(),
            }),
            ..to("smaug", None)
        };
        for (undeclared, expected) in [(to("smaug", None), 1), (here, 2)] {
            let apps = vec![
                to("prod/smaug", Some("smaug")),
                to("smaug", Some("smaug")),
                undeclared,
            ];
            assert_eq!(environments(apps).len(), expected);
        }
        let apps = vec![to("eu/prod", None), to("prod", None)];
        assert_eq!(environments(apps).len(), 2);
        // Nobody says where: by the stage before the name, if it has but one.
        let unsaid = || vec![to("prod/osc/cl1", None), to("osc/cl1", None)];
        assert_eq!(environments(unsaid()), [owned("osc/cl1", true)]);
        for other in [
            to("dev/osc/cl1", None),
            to("osc/cl1", Some("cl1")),
            to("prod/osc/cl1", Some("cl1")),
        ] {
            let apps = unsaid().into_iter().chain([other]).collect();
            assert!(environments(apps).len() > 1);
        }
        let apps = vec![to("prod/eu", None), to("eu", None)];
        assert_eq!(environments(apps).len(), 2);
    }

    #[test]
    fn names_get_longer_only_where_they_collide() {
        let draft = Draft {
            apps: vec![
                app("dev", "a/default/db"),
                app("dev", "b/default/db"),
                app("dev", "b/default/web"),
                app("prod", "b/default/db"),
            ],
            ..Draft::default()
        };
        let layout = draft.finish(Deployer::Unknown);
        let names: Vec<_> = layout
            .apps
            .iter()
            .map(|app| (app.environment.as_str(), app.name.as_str()))
            .collect();
        assert_eq!(
            names,
            [
                ("dev", "a/default/db"),
                ("dev", "b/default/db"),
                ("dev", "web"),
                ("prod", "db")
            ]
        );
        let dev = layout
            .environment("dev")
            .map(|dev| (dev.root.to_string(), dev.destination.namespace.clone()));
        assert_eq!(dev, Some((String::new(), Some("shop".to_owned()))));
        assert_eq!(
            layout.environment("prod").map(|prod| prod.protected),
            Some(true)
        );
    }
}
