//! Argo CD's own rules, which go for every Application: what its ConfigMap `argocd-cm` says to ignore, and which kinds it is told
//! to leave alone.
//!
//! Sources: argo-cd `util/settings/settings.go` (`GetResourceOverrides`, `GetResourceCompareOptions`), `resources_filter.go` and
//! `filtered_resource.go` there, `util/argo/diff/ignore.go` (the managers of fields), `util/argo/resource_tracking.go`.

use std::collections::BTreeMap;

use regex::Regex;
use serde::Deserialize;

use super::{ARGO, Rules, Source, Target, What, cut, exactly, glob, steps};
use crate::manifest::{Node, Object, ObjectRef};

/// What the label or annotation is that tells an app's objects from others.
const MARK: &str = "deployer's marks";

const CUSTOMIZATIONS: &str = "resource.customizations";

/// Which kinds a deployer is told to leave alone.
#[derive(Debug, Clone, Default)]
pub(super) struct Kinds {
    excluded: Vec<Filter>,
    /// Only these, where there are some.
    included: Vec<Filter>,
}

/// Group and kind, by their names.
#[derive(Debug, Clone)]
struct Filter {
    groups: Vec<Regex>,
    kinds: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Filtered {
    api_groups: Vec<String>,
    kinds: Vec<String>,
    clusters: Vec<String>,
}

#[derive(Deserialize, Default, Clone)]
#[serde(default, rename_all = "camelCase")]
struct Ignored {
    json_pointers: Vec<String>,
    jq_path_expressions: Vec<String>,
    managed_fields_managers: Vec<String>,
}

/// What `resource.customizations` says of a kind, whose rules are text in text.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Customization {
    ignore_differences: String,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct CompareOptions {
    ignore_aggregated_roles: bool,
    ignore_resource_status_field: Option<StatusField>,
}

/// `off` without quotes is no text.
#[derive(Deserialize)]
#[serde(untagged)]
enum StatusField {
    Text(String),
    Bool(bool),
}

impl Kinds {
    /// The setting by which objects like `id` are left alone.
    pub fn why(&self, id: &ObjectRef) -> Option<&'static str> {
        let among = |filters: &[Filter]| filters.iter().any(|filter| filter.matches(id));
        if among(&self.excluded) {
            return Some("resource.exclusions");
        }
        let is_other = !self.included.is_empty() && !among(&self.included);
        is_other.then_some("resource.inclusions")
    }
}

impl Filter {
    fn matches(&self, id: &ObjectRef) -> bool {
        let is_group = self.groups.iter().any(|group| group.is_match(&id.group));
        let is_kind = self
            .kinds
            .iter()
            .any(|kind| kind == "*" || *kind == id.kind);
        (is_group || self.groups.is_empty()) && (is_kind || self.kinds.is_empty())
    }
}

impl Rules {
    /// Adds what Argo CD is told by `settings`, its ConfigMap; `cluster`: how it names the one the app goes to, `None` for its own.
    pub fn with_settings(mut self, settings: &Object, cluster: Option<&str>) -> Rules {
        let text = |key: &str| settings.at(&["data", key]).and_then(Node::as_str);
        let mut unread = Vec::new();
        for (key, ignored) in overrides(settings, &mut unread) {
            self.customization(&key, &ignored, &mut unread);
        }
        match text("resource.compareoptions").map(serde_yaml::from_str) {
            Some(Ok(options)) => self.compare_options(options, &mut unread),
            Some(Err(_)) => unread.push("resource.compareoptions".to_owned()),
            None => {}
        }
        let mut filters = |key: &str| -> Vec<Filter> {
            let read = text(key).map(serde_yaml::from_str::<Option<Vec<Filtered>>>);
            let Some(Ok(all)) = read.transpose().map(Option::flatten).transpose() else {
                unread.extend(
                    text(key)
                        .filter(|text| !text.trim().is_empty())
                        .map(|_| key.to_owned()),
                );
                return Vec::new();
            };
            let mut filters = Vec::new();
            for filter in all {
                match is_of(&filter.clusters, cluster) {
                    Some(true) => filters.push(Filter {
                        groups: filter.api_groups.iter().map(|group| glob(group)).collect(),
                        kinds: filter.kinds,
                    }),
                    Some(false) => {}
                    None => unread.push(cut(&format!(
                        "{key} of clusters {}",
                        filter.clusters.join(", ")
                    ))),
                }
            }
            filters
        };
        self.left_alone = Kinds {
            excluded: filters("resource.exclusions"),
            included: filters("resource.inclusions"),
        };
        // Where it marks by a label, it sets that, whatever git says.
        let method = text("application.resourceTrackingMethod").unwrap_or_default();
        if matches!(method, "label" | "annotation+label") {
            let key = text("application.instanceLabelKey").filter(|key| !key.is_empty());
            let key = key.unwrap_or("app.kubernetes.io/instance");
            let steps = ["metadata", "labels", key].map(|key| steps::Step::Key(key.to_owned()));
            let source = Source {
                by: MARK,
                name: "argocd-cm: application.instanceLabelKey",
            };
            self.add(&source, &Target::default(), What::Fields(steps.into()), key);
        }
        self.unread_settings = unread;
        self
    }

    /// Argo CD's ConfigMap could not be read.
    pub fn without_settings(self, why: &str) -> Rules {
        Rules {
            unknown_settings: Some(why.to_owned()),
            ..self
        }
    }

    /// What is ignored of a kind, by its key: `<group>/<kind>`, or `<kind>` of the group without a name.
    fn customization(&mut self, key: &str, ignored: &Ignored, unread: &mut Vec<String>) {
        let (group, kind) = key.split_once('/').unwrap_or(("", key));
        let target = Target {
            group: Some(glob(group)),
            kind: Some(glob(kind)),
            ..Target::default()
        };
        let of = match key {
            "*/*" => String::new(),
            key => format!(" of {key}"),
        };
        let source = &Source {
            by: ARGO,
            name: &format!("argocd-cm: ignoreDifferences{of}"),
        };
        self.pointers(source, &target, &ignored.json_pointers);
        let expressions = &ignored.jq_path_expressions;
        unread.extend(self.expressions(source, &target, expressions));
        // Managers are looked up by the very key; one without a group is nobody's.
        let exact = Target {
            group: Some(exactly(group)),
            kind: Some(exactly(kind)),
            ..Target::default()
        };
        let (target, is_found) = match key {
            "*/*" => (&target, true),
            key => (&exact, key.contains('/')),
        };
        if is_found {
            self.managers(source, target, &ignored.managed_fields_managers);
        }
    }

    fn compare_options(&mut self, options: CompareOptions, unread: &mut Vec<String>) {
        let is_compared = match options.ignore_resource_status_field {
            Some(StatusField::Text(text)) => matches!(text.as_str(), "none" | "off" | "false"),
            Some(StatusField::Bool(ignored)) => !ignored,
            None => false,
        };
        if is_compared {
            // It is never compared here.
            unread.push("resource.compareoptions: ignoreResourceStatusField: none".to_owned());
        }
        if options.ignore_aggregated_roles {
            let target = Target {
                group: Some(exactly("rbac.authorization.k8s.io")),
                kind: Some(super::anchored("Role|ClusterRole")),
                field: Some("aggregationRule"),
                ..Target::default()
            };
            let source = Source {
                by: ARGO,
                name: "argocd-cm: ignoreAggregatedRoles",
            };
            let what = What::Fields(steps::of_pointer("/rules"));
            self.add(&source, &target, what, "/rules");
        }
    }
}

/// What is ignored, by kind; a key of its own for a kind replaces what the one for all kinds says of it.
fn overrides(settings: &Object, unread: &mut Vec<String>) -> BTreeMap<String, Ignored> {
    let mut all = BTreeMap::new();
    let data = settings.at(&["data"]);
    let Some(Node::Map(data)) = data else {
        return all;
    };
    let texts = || {
        data.iter()
            .filter_map(|(key, value)| Some((key, value.as_str()?)))
    };
    let whole = texts().find(|(key, text)| *key == CUSTOMIZATIONS && !text.trim().is_empty());
    if let Some((_, text)) = whole {
        match serde_yaml::from_str::<BTreeMap<String, Customization>>(text) {
            Ok(kinds) => {
                for (kind, customization) in kinds {
                    match ignored(&customization.ignore_differences) {
                        Some(ignored) => drop(all.insert(kind, ignored)),
                        None => unread.push(cut(&format!("{CUSTOMIZATIONS}: {kind}"))),
                    }
                }
            }
            Err(_) => unread.push(CUSTOMIZATIONS.to_owned()),
        }
    }
    for (key, text) in texts() {
        let of = key.strip_prefix("resource.customizations.ignoreDifferences.");
        let Some(of) = of else { continue };
        let parts: Vec<&str> = of.split('_').collect();
        let kind = match parts.as_slice() {
            ["all"] => "*/*".to_owned(),
            [kind] if !kind.is_empty() => (*kind).to_owned(),
            [group, kind] => format!("{group}/{kind}"),
            _ => {
                unread.push(cut(key));
                continue;
            }
        };
        match ignored(text) {
            Some(ignored) => drop(all.insert(kind, ignored)),
            None => unread.push(cut(key)),
        }
    }
    all
}

/// `None` where it is not understood.
fn ignored(text: &str) -> Option<Ignored> {
    match text.trim() {
        "" => Some(Ignored::default()),
        text => serde_yaml::from_str(text).ok(),
    }
}

/// Whether a filter of clusters, by their servers, is of this one; `None` where it is only known by its name.
fn is_of(servers: &[String], cluster: Option<&str>) -> Option<bool> {
    if servers.is_empty() || servers.iter().any(|server| server == "*") {
        return Some(true);
    }
    let server = cluster.unwrap_or("https://kubernetes.default.svc");
    server
        .contains("://")
        .then(|| servers.iter().any(|pattern| glob(pattern).is_match(server)))
}
