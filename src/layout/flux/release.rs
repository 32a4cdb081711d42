//! What a HelmRelease says, as a recipe: of Flux' helm-controller (`api/v2/helmrelease_types.go`, and its betas), and of the
//! Helm Operator before it (`helm.fluxcd.io/v1`, `flux.weave.works/v1beta1`).

use ring::digest;

use super::sources::{Name, Sources};
use crate::git::{RepoPath, Result};
use crate::layout::orders::{self, Order};
use crate::layout::own::{self, Own};
use crate::manifest::{FieldPath, Node, ObjectRef};
use crate::render::{Chart, Field, Helm, Recipe, Tool, Values};

/// Helm's bound for a release's name.
const MAX_NAME: usize = 53;

pub(super) struct Release {
    pub(super) recipe: Recipe,
    pub(super) chart: Option<String>,
    pub(super) version: Option<String>,
    pub(super) notes: Vec<String>,
}

/// Where a chart comes from, and what it is called on screens.
struct Found {
    chart: Chart,
    name: Option<String>,
    version: Option<String>,
    /// The files that say so.
    files: Vec<RepoPath>,
}

impl Found {
    fn unknown(why: String) -> Found {
        Found {
            chart: Chart::Unknown(why),
            name: None,
            version: None,
            files: Vec::new(),
        }
    }
}

pub(super) fn read(order: &Order, sources: &Sources, own: &Own) -> Result<Release> {
    let by_operator = !order.id().group.ends_with(".toolkit.fluxcd.io");
    let found = match by_operator {
        true => operators(order, own),
        false => controllers(order, sources, own),
    };
    let target = order.text(&["targetNamespace"]);
    let namespace = target.or(order.id().namespace.as_deref());
    let mut closure = order.from.closure.clone();
    closure.extend(found.files);
    let mut roots = Vec::new();
    if let Chart::Local(path) = &found.chart {
        roots.push(path.clone());
        closure.push(path.clone());
    }
    let mut notes = Vec::new();
    let values = values(order, sources, &mut closure, &mut notes)?;
    if order
        .spec(&["postRenderers"])
        .is_some_and(|renderers| renderers.as_list().is_some_and(|list| !list.is_empty()))
    {
        notes.push("its postRenderers are not applied".to_owned());
    }
    closure.sort();
    closure.dedup();
    let release = match by_operator {
        true => order
            .text(&["releaseName"])
            .map(str::to_owned)
            .unwrap_or_else(|| {
                let namespace = namespace.unwrap_or("default");
                format!("{namespace}-{}", order.id().name)
            }),
        false => release_name(order, target),
    };
    Ok(Release {
        recipe: Recipe {
            tool: Tool::Helm(Box::new(Helm {
                values,
                skip_crds: skips_crds(order),
                ..Helm::new(release, found.chart)
            })),
            roots,
            closure,
            namespace: namespace.map(str::to_owned),
        },
        chart: found.name,
        version: found.version,
        notes,
    })
}

/// `GetReleaseName` and `ShortenName` of helm-controller.
fn release_name(order: &Order, target: Option<&str>) -> String {
    if let Some(name) = order.text(&["releaseName"]) {
        return name.to_owned();
    }
    let name = match target {
        Some(target) => format!("{target}-{}", order.id().name),
        None => order.id().name.clone(),
    };
    if name.len() <= MAX_NAME {
        return name;
    }
    let digest = digest::digest(&digest::SHA256, name.as_bytes());
    let short: String = digest.as_ref()[..6]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let kept: String = name.chars().take(MAX_NAME - short.len() - 1).collect();
    format!("{kept}-{short}")
}

fn skips_crds(order: &Order) -> bool {
    let skip = |keys: &[&str]| order.spec(keys);
    skip(&["install", "crds"]).and_then(Node::as_str) == Some("Skip")
        || skip(&["install", "skipCRDs"]).and_then(Node::as_bool) == Some(true)
        || skip(&["skipCRDs"]).and_then(Node::as_bool) == Some(true)
}

/// The chart of a HelmRelease of helm-controller.
fn controllers(order: &Order, sources: &Sources, own: &Own) -> Found {
    let near = order.directory();
    let namespace = order.id().namespace.as_deref();
    if let Some(reference) = order.spec(&["chartRef"]) {
        let Some(name) = reference_name(reference, namespace) else {
            return Found::unknown("chartRef names no chart".to_owned());
        };
        let Some(source) = sources.find(name, &near) else {
            return Found::unknown(not_here(name));
        };
        let mut found = match name.kind {
            "OCIRepository" => registry(source),
            _ => of_source(
                source,
                &["chart"],
                &["version"],
                source.spec(&["sourceRef"]),
                sources,
                own,
            ),
        };
        found.files.extend(source.from.closure.iter().cloned());
        return found;
    }
    let reference = order.spec(&["chart", "spec", "sourceRef"]);
    of_source(
        order,
        &["chart", "spec", "chart"],
        &["chart", "spec", "version"],
        reference,
        sources,
        own,
    )
}

fn not_here(name: Name) -> String {
    format!("{} {} is not in this repository", name.kind, name.name)
}

/// The chart that `order` names at these fields, of the source that `reference` names.
fn of_source(
    order: &Order,
    chart: &[&str],
    version: &[&str],
    reference: Option<&Node>,
    sources: &Sources,
    own: &Own,
) -> Found {
    let Some(chart) = order.text(chart) else {
        return Found::unknown("it names no chart".to_owned());
    };
    let version = order.text(version).map(str::to_owned);
    let name = reference.and_then(|node| reference_name(node, order.id().namespace.as_deref()));
    let Some(name) = name else {
        return Found::unknown(format!("chart {chart} has no source"));
    };
    let source = sources.find(name, &order.directory());
    let files = source.map_or_else(Vec::new, |source| source.from.closure.clone());
    let url = source.and_then(|source| source.text(&["url"]));
    let (chart, shown) = match (name.kind, url) {
        ("HelmRepository", Some(url)) => (
            remote(url, chart, &version),
            format!("{}/{chart}", name.name),
        ),
        ("GitRepository", url) if is_own(url, chart, sources, own) => match own::rooted(chart) {
            Some(path) => (Chart::Local(path), last(chart)),
            None => (
                Chart::Unknown(format!("chart {chart} is outside of the repository")),
                last(chart),
            ),
        },
        (_, Some(url)) => (
            Chart::Unknown(format!("chart {chart} is in {}", own::display(url))),
            last(chart),
        ),
        (_, None) => (
            Chart::Unknown(format!("{}: chart {chart}", not_here(name))),
            last(chart),
        ),
    };
    Found {
        chart,
        name: Some(shown),
        version,
        files,
    }
}

/// Whether a GitRepository is this one: by its URL, or (not declared here) by the path.
fn is_own(url: Option<&str>, path: &str, sources: &Sources, own: &Own) -> bool {
    match url {
        Some(url) if own.is_known() => own.is(url),
        _ => own::rooted(path)
            .is_some_and(|path| matches!(sources.tree.node(path.as_ref()), Ok(Some(_)))),
    }
}

fn remote(url: &str, chart: &str, version: &Option<String>) -> Chart {
    let repository = match url.starts_with("oci://") {
        true => format!("{}/{chart}", url.trim_end_matches('/')),
        false => url.to_owned(),
    };
    Chart::Remote {
        repository,
        name: chart.to_owned(),
        version: version.clone(),
    }
}

/// An OCIRepository that holds a chart.
fn registry(source: &Order) -> Found {
    let Some(url) = source.text(&["url"]) else {
        return Found::unknown(format!("OCIRepository {} has no url", source.id().name));
    };
    let reference = |key: &str| source.text(&["ref", key]);
    let version = ["digest", "semver", "tag"]
        .into_iter()
        .find_map(reference)
        .map(str::to_owned);
    let shown = reference("tag")
        .or(reference("semver"))
        .or(reference("digest"));
    Found {
        chart: Chart::Remote {
            repository: url.trim_end_matches('/').to_owned(),
            name: last(url),
            version,
        },
        name: Some(last(url)),
        version: shown.map(str::to_owned),
        files: Vec::new(),
    }
}

/// The chart of a HelmRelease of the Helm Operator.
fn operators(order: &Order, own: &Own) -> Found {
    let text = |key: &str| order.text(&["chart", key]);
    if let (Some(url), path) = (text("git"), text("path").unwrap_or_default()) {
        let chart = match own::rooted(path).filter(|_| own.is(url)) {
            Some(path) => Chart::Local(path),
            None => Chart::Unknown(format!("chart {path} is in {}", own::display(url))),
        };
        return Found {
            chart,
            name: Some(last(path)),
            version: text("ref").map(str::to_owned),
            files: Vec::new(),
        };
    }
    let version = text("version").map(str::to_owned);
    match (text("repository"), text("name")) {
        (Some(url), Some(name)) => Found {
            chart: remote(url, name, &version),
            name: Some(name.to_owned()),
            version,
            files: Vec::new(),
        },
        _ => Found::unknown("it names no chart".to_owned()),
    }
}

fn reference_name<'n>(reference: &'n Node, namespace: Option<&'n str>) -> Option<Name<'n>> {
    let text = |key: &str| reference.get(key).and_then(Node::as_str);
    Some(Name {
        kind: text("kind").unwrap_or("HelmRepository"),
        namespace: text("namespace").or(namespace),
        name: text("name")?,
    })
}

fn last(path: &str) -> String {
    let path = path.trim_end_matches('/');
    path.rsplit('/').next().unwrap_or(path).to_owned()
}

/// `valuesFrom` in its order, then `values`.
fn values(
    order: &Order,
    sources: &Sources,
    closure: &mut Vec<RepoPath>,
    notes: &mut Vec<String>,
) -> Result<Vec<Values>> {
    let mut values = Vec::new();
    let from = order.spec(&["valuesFrom"]).and_then(Node::as_list);
    for item in from.into_iter().flatten() {
        let text = |keys: &[&str]| item.at(keys).and_then(Node::as_str);
        // The Helm Operator has a key for each kind.
        let (kind, name, namespace, key) = match text(&["kind"]) {
            Some(kind) => (kind, text(&["name"]), None, text(&["valuesKey"])),
            None => match item.as_map().and_then(|map| map.iter().next()) {
                Some((reference, node)) => {
                    let text = |key: &str| node.get(key).and_then(Node::as_str);
                    let kind = match reference.as_str() {
                        "configMapKeyRef" => "ConfigMap",
                        "secretKeyRef" => "Secret",
                        other => other,
                    };
                    (kind, text("name"), text("namespace"), text("key"))
                }
                None => continue,
            },
        };
        let name = name.unwrap_or("without a name");
        let namespace = namespace.or(order.id().namespace.as_deref());
        let unknown = format!("its values from {kind} {name} are not known here");
        if kind != "ConfigMap" || text(&["targetPath"]).is_some() {
            notes.push(unknown);
            continue;
        }
        let path = FieldPath::default()
            .key("data")
            .key(key.unwrap_or("values.yaml"));
        let written = sources.config_map(namespace, name, &order.directory())?;
        let field = match written {
            Some((file, object)) => {
                closure.push(file.clone());
                Field {
                    from: orders::read(&file),
                    object: object.id,
                    path,
                }
            }
            // Generated beside the release.
            None if matches!(order.from.tool, Tool::Kustomize(_)) => Field {
                from: order.from.clone(),
                object: ObjectRef {
                    group: String::new(),
                    kind: "ConfigMap".to_owned(),
                    namespace: namespace.map(str::to_owned),
                    name: name.to_owned(),
                },
                path,
            },
            None => {
                notes.push(unknown);
                continue;
            }
        };
        values.push(Values::Field(Box::new(field)));
    }
    // Even where there are none now: another commit may add some, and the layout stays.
    values.push(Values::Field(Box::new(Field {
        from: order.from.clone(),
        object: order.written.clone(),
        path: FieldPath::default().key("spec").key("values"),
    })));
    Ok(values)
}
