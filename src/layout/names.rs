//! What directory names say: which are environments, in which order things are promoted through them, and which ask for
//! care.
//!
//! There is no standard. The words below are those that public GitOps repositories use; a directory that follows a marker
//! (`overlays/…`, `envs/…`) is an environment whatever it is called.

use std::collections::{BTreeMap, BTreeSet};

/// Stages of promotion, earliest first, and the words for each.
const STAGES: [&[&str]; 9] = [
    &[
        "local",
        "sandbox",
        "sbx",
        "dev",
        "devel",
        "develop",
        "development",
    ],
    &["ci", "int", "integration"],
    &["test", "testing", "tst", "qa", "nonprod"],
    &["load", "perf", "performance"],
    &["uat", "acceptance", "demo"],
    &["stage", "staging", "stg"],
    &["preprod", "preproduction"],
    &["canary"],
    &["live", "prd", "prod", "production"],
];

/// Where things end up: the last of [`STAGES`].
const PRODUCTION: usize = STAGES.len() - 1;

/// Words that hardly name anything but an environment. The others (`test`, `load`, `live`) also name what is tested or
/// loaded, so they count only beside another environment.
const CERTAIN: [&str; 11] = [
    "dev",
    "development",
    "qa",
    "uat",
    "stage",
    "staging",
    "stg",
    "preprod",
    "prd",
    "prod",
    "production",
];

/// Words that qualify an environment (`prod-us`, `staging-eu`, `integration-gpu`).
const QUALIFIERS: [&str; 21] = [
    "us",
    "eu",
    "uk",
    "asia",
    "apac",
    "emea",
    "latam",
    "east",
    "west",
    "north",
    "south",
    "central",
    "blue",
    "green",
    "primary",
    "secondary",
    "gpu",
    "non",
    "cpu",
    "internal",
    "external",
];

/// Directories whose children are environments.
const ENVIRONMENT_PARENTS: [&str; 6] = [
    "environments",
    "environment",
    "envs",
    "env",
    "clusters",
    "stages",
];
const OVERLAY_PARENTS: [&str; 2] = ["overlays", "overlay"];

/// Directories that only group: they name no app.
const GROUPS: [&str; 16] = [
    "app",
    "apps",
    "applications",
    "config",
    "deploy",
    "deployment",
    "deployments",
    "gitops",
    "infra",
    "infrastructure",
    "k8s",
    "kubernetes",
    "kustomize",
    "manifests",
    "services",
    "workloads",
];

/// Directories that hold parts for others to use.
const LIBRARIES: [&str; 8] = [
    "base",
    "bases",
    "common",
    "component",
    "components",
    "lib",
    "shared",
    "templates",
];

/// Where `name` stands in the order of promotion; unknown names come last.
pub(super) fn order(name: &str) -> usize {
    stage(name).unwrap_or(STAGES.len())
}

/// Whether a change there asks for the environment's name to be typed: production, by its name.
pub(super) fn is_protected(name: &str) -> bool {
    stage(name) == Some(PRODUCTION)
}

/// Whether a word hardly names anything but an environment.
pub(super) fn is_certain(word: &str) -> bool {
    CERTAIN.contains(&word)
}

/// Other words for the environment of this name that hardly name anything else: `production` and `prd` for `prod`.
pub(super) fn synonyms(name: &str) -> impl Iterator<Item = &'static str> {
    let stage = STAGES.iter().find(|words| words.contains(&name));
    let words = stage.into_iter().flat_map(|words| words.iter().copied());
    words.filter(move |word| *word != name && is_certain(word))
}

pub(super) fn is_group(name: &str) -> bool {
    GROUPS.contains(&name)
}

pub(super) fn is_library(name: &str) -> bool {
    LIBRARIES.contains(&name)
}

/// Whether a directory's name says by itself that it is an environment, and whether it can hardly be anything else.
pub(super) fn environment(name: &str) -> Option<Certainty> {
    let words = words(name);
    let (first, rest) = words.split_first()?;
    let stage = STAGES
        .iter()
        .flat_map(|words| words.iter())
        .any(|word| word == first);
    let qualified = rest.iter().all(|word| {
        QUALIFIERS.contains(&word.as_str()) || word.bytes().all(|byte| byte.is_ascii_digit())
    });
    if !stage || !qualified {
        return None;
    }
    Some(if CERTAIN.contains(&first.as_str()) {
        Certainty::Certain
    } else {
        Certainty::BesideAnother
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Certainty {
    Certain,
    BesideAnother,
}

/// The most careful stage any word of the name stands for: `us-prod` is production, `prod/moc/infra` too.
fn stage(name: &str) -> Option<usize> {
    words(name)
        .iter()
        .filter_map(|word| {
            STAGES
                .iter()
                .position(|words| words.contains(&word.as_str()))
        })
        .max()
}

/// Lower-case words, without trailing digits; `pre-prod` and `non-prod` are one word each.
fn words(name: &str) -> Vec<String> {
    let lower = name.to_lowercase();
    let mut words: Vec<String> = Vec::new();
    for word in lower.split(|c: char| !c.is_alphanumeric()) {
        let bare = word.trim_end_matches(|c: char| c.is_ascii_digit());
        let word = if bare.is_empty() { word } else { bare };
        match words.last_mut() {
            Some(last) if (last == "pre" || last == "non") && word.starts_with("prod") => {
                last.push_str(word)
            }
            _ if word.is_empty() => {}
            _ => words.push(word.to_owned()),
        }
    }
    for word in &mut words {
        if word == "nonproduction" {
            *word = "nonprod".to_owned();
        }
    }
    words
}

/// A directory's path, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// `None` where the path names no environment.
    pub(super) environment: Option<String>,
    /// How many components lead to the environment's directory, itself included; 0 without one.
    pub(super) root: usize,
    /// The components before the environment (and its marker): `apps`, `shop`.
    pub(super) before: Vec<String>,
    /// The components below it.
    pub(super) after: Vec<String>,
}

impl Place {
    /// `accepts` decides about a name that says by itself that it is an environment: (components before it, name).
    /// `ends_overlay` tells whether the environment of `app/overlays/a/b/…` may end here: (how many components of the path,
    /// the environment's name then). Overlays are grouped (`overlays/moc/infra`) where an app's own directory is above them.
    pub(super) fn of(
        components: &[String],
        accepts: impl Fn(&[String], &str) -> bool,
        ends_overlay: impl Fn(usize, &str) -> bool,
    ) -> Place {
        let place = |before: usize, name: usize, root: usize| Place {
            environment: Some(components[name..root].join("/")),
            root,
            before: components[..before].to_vec(),
            after: components[root..].to_vec(),
        };
        for (index, component) in components.iter().enumerate() {
            let name = index + 1;
            let below = name < components.len();
            if below && ENVIRONMENT_PARENTS.contains(&component.as_str()) {
                return place(index, name, name + 1);
            }
            if below && OVERLAY_PARENTS.contains(&component.as_str()) {
                let of_an_app = components[..index].iter().any(|part| !is_group(part));
                let root = (name + 1..components.len())
                    .find(|end| !of_an_app || ends_overlay(*end, &components[name..*end].join("/")))
                    .unwrap_or(components.len());
                return place(index, name, root);
            }
            if accepts(&components[..index], component) {
                return place(index, index, name);
            }
        }
        Place {
            environment: None,
            root: 0,
            before: Vec::new(),
            after: components.to_vec(),
        }
    }
}

impl Place {
    /// What the path calls the app: `shop` of `apps/shop/overlays/prod`, `shop/db` of `shop/prod/db`.
    pub(super) fn app(&self) -> Option<String> {
        let grouped = self.after.iter().take_while(|part| is_group(part)).count();
        let below = &self.after[if grouped == self.after.len() {
            0
        } else {
            grouped
        }..];
        let above = self
            .before
            .iter()
            .rfind(|part| !is_group(part) && !is_library(part));
        let name: Vec<&str> = above.into_iter().chain(below).map(String::as_str).collect();
        (!name.is_empty()).then(|| name.join("/"))
    }
}

/// The directories that may be environments although no marker says so: by their own name, and by those beside them.
pub(super) struct Siblings {
    named: BTreeMap<Vec<String>, BTreeSet<String>>,
}

impl Siblings {
    /// `paths`: the components of every directory with something to deploy.
    pub(super) fn of(paths: impl Iterator<Item = Vec<String>>) -> Siblings {
        let mut named: BTreeMap<Vec<String>, BTreeSet<String>> = BTreeMap::new();
        for path in paths {
            for (index, name) in path.iter().enumerate() {
                if environment(name).is_some() {
                    named
                        .entry(path[..index].to_vec())
                        .or_default()
                        .insert(name.clone());
                }
            }
        }
        Siblings { named }
    }

    /// Whether the directory `name` below `before` is an environment.
    pub(super) fn accept(&self, before: &[String], name: &str) -> bool {
        match environment(name) {
            Some(Certainty::Certain) => true,
            Some(Certainty::BesideAnother) => {
                self.named.get(before).is_some_and(|names| names.len() > 1)
            }
            None => false,
        }
    }
}

/// Whether a path leads to a part for others to use: into a `base`, or into `common` or the like with no marker of an
/// environment after it.
pub(super) fn is_part(components: &[String]) -> bool {
    let last = |found: &dyn Fn(&str) -> bool| components.iter().rposition(|part| found(part));
    let part = last(&is_library);
    let marker =
        last(&|name| ENVIRONMENT_PARENTS.contains(&name) || OVERLAY_PARENTS.contains(&name));
    // Some call their apps components; nobody calls them bases.
    part > marker
        || components
            .iter()
            .any(|part| part == "base" || part == "bases")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &str) -> (Option<String>, String, String) {
        let components: Vec<String> = path.split('/').map(str::to_owned).collect();
        let place = Place::of(
            &components,
            |_, name| environment(name) == Some(Certainty::Certain),
            |end, name| end >= 4 || name == "known",
        );
        (
            place.environment,
            place.before.join("/"),
            place.after.join("/"),
        )
    }

    #[test]
    fn environments_are_found_in_paths() {
        for (path, environment, before, after) in [
            ("environments/dev/shop", "dev", "", "shop"),
            ("envs/prod-us", "prod-us", "", ""),
            ("apps/shop/overlays/staging", "staging", "apps/shop", ""),
            ("overlays/prod/shop/db", "prod", "", "shop/db"),
            ("vault/overlays/moc/smaug", "moc/smaug", "vault", ""),
            (
                "vault/overlays/moc/smaug/extra",
                "moc/smaug",
                "vault",
                "extra",
            ),
            ("odh/overlays/known/argo", "known", "odh", "argo"),
            ("clusters/home/apps", "home", "", "apps"),
            ("apps/production", "production", "apps", ""),
            ("production/shop", "production", "", "shop"),
            ("shop/k8s/prod-eu2", "prod-eu2", "shop/k8s", ""),
        ] {
            assert_eq!(
                place(path),
                (
                    Some(environment.to_owned()),
                    before.to_owned(),
                    after.to_owned()
                ),
                "{path}"
            );
        }
        for path in [
            "kubernetes/default/plex",
            "overlays",
            "test/fixtures",
            "product/dev-tools",
        ] {
            assert_eq!(place(path).0, None, "{path}");
        }
    }

    #[test]
    fn parts_are_told_from_overlays() {
        for (path, part) in [
            ("shop/base", true),
            ("odh/base/dashboard/overlays/custom-image", true),
            ("components/probes", true),
            ("grafana/overlays/moc/common/dashboards", true),
            ("components/shop/overlays/prod", false),
            ("apps/common/overlays/prod", false),
            ("shop", false),
            ("overlays/prod", false),
        ] {
            let components: Vec<String> = path.split('/').map(str::to_owned).collect();
            assert_eq!(is_part(&components), part, "{path}");
        }
    }

    #[test]
    fn promotion_goes_from_development_to_production() {
        let mut names = [
            "prod-us",
            "staging-eu",
            "qa",
            "production",
            "dev",
            "preprod",
            "integration-gpu",
            "load-gpu",
            "non-prod",
            "smaug",
        ];
        names.sort_by_key(|name| order(name));
        assert_eq!(
            names,
            [
                "dev",
                "integration-gpu",
                "qa",
                "non-prod",
                "load-gpu",
                "staging-eu",
                "preprod",
                "prod-us",
                "production",
                "smaug"
            ]
        );
    }

    #[test]
    fn only_production_is_protected() {
        for name in [
            "prod",
            "production",
            "prod-us",
            "us-prod",
            "prod2",
            "PRD",
            "live",
            "jx-production",
            "prod/moc/infra",
        ] {
            assert!(is_protected(name), "{name}");
        }
        for name in [
            "preprod",
            "pre-prod",
            "non-prod",
            "nonprod",
            "staging",
            "products",
            "reproduction",
            "smaug",
        ] {
            assert!(!is_protected(name), "{name}");
        }
    }

    #[test]
    fn an_app_named_like_an_environment_is_none() {
        for name in [
            "load-balancer",
            "test-runner",
            "dev-tools",
            "live-view",
            "product-catalog",
            "local-storage",
        ] {
            assert_eq!(environment(name), None, "{name}");
        }
        assert_eq!(environment("load"), Some(Certainty::BesideAnother));
        assert_eq!(environment("prod-eu"), Some(Certainty::Certain));
    }
}
