//! What a commit meant, in a reviewer's words: `api 1.4.1 → 1.4.2 in production`, `replicas 3 → 5 in staging (web)`,
//! `new HTTPRoute/web`, `12 routine`.
//!
//! Every change becomes a statement; the same statement about several environments or resources is said once. Images
//! come first: they are what most commits are about.

mod items;
mod special;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::changes::ResourceChange;
use crate::diff::{ChangeKind, FieldChange};
use crate::manifest::{FieldPath, Image, Leaf, Node, Object, Step, images};
use crate::text::clean_line;

/// A resource with more changed fields than this is summed up.
const FIELDS_SAID: usize = 2;
/// With more of the same kind of change, the resources of an app are counted instead of named.
const RESOURCES_SAID: usize = 3;
/// More names than this are counted instead.
const NAMES_SAID: usize = 3;
/// Longer values are cut, in characters.
const LONGEST_VALUE: usize = 32;

/// `changes` in at most `limit` lines, most important first; the same change in several environments is one line. What does
/// not fit is counted in the last line. Text is cleaned.
///
/// `environments`: how many environments there are, so that a repository with only one need not name it.
pub fn meaning(changes: &[ResourceChange], environments: usize, limit: usize) -> Vec<String> {
    let context = Context::of(changes);
    let mut said: BTreeMap<Statement, Place<'_>> = BTreeMap::new();
    let (mut moved, mut routine) = (0, 0);
    for change in changes {
        match change.kind {
            ChangeKind::Moved => moved += 1,
            ChangeKind::Modified if change.routine => routine += 1,
            ChangeKind::Added | ChangeKind::Removed | ChangeKind::Modified => {
                for statement in statements(change, &context) {
                    let place = said.entry(statement).or_default();
                    if !place.environments.contains(&change.environment.as_str()) {
                        place.environments.push(&change.environment);
                    }
                    place.resources.insert(own_name(change));
                }
            }
        }
    }
    let mut lines: Vec<String> = said
        .iter()
        .map(|(statement, place)| place.line(statement, environments))
        .collect();
    for (count, word) in [(moved, "moved"), (routine, "routine")] {
        if count > 0 {
            lines.push(format!("{count} {word}"));
        }
    }
    if lines.len() > limit {
        let kept = limit.saturating_sub(1);
        let more = lines.len() - kept;
        lines.truncate(kept);
        lines.extend((limit > 0).then(|| format!("and {more} more")));
    }
    lines
}

/// In the order in which they are said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Image,
    Removed,
    Added,
    Field,
    Fields,
}

/// What is said, but for where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Statement {
    rank: Rank,
    text: String,
}

/// Where a statement holds.
#[derive(Default)]
struct Place<'a> {
    /// In the order of the changes, which is that of promotion.
    environments: Vec<&'a str>,
    resources: BTreeSet<&'a str>,
}

impl Place<'_> {
    fn line(&self, statement: &Statement, environments: usize) -> String {
        let mut line = statement.text.clone();
        if environments > 1 {
            line += " in ";
            line += &match self.environments.len() {
                0..=NAMES_SAID => clean_line(&self.environments.join(", ")),
                count => format!("{count} environments"),
            };
        }
        if statement.rank == Rank::Field {
            let names: Vec<&str> = self.resources.iter().copied().collect();
            line += &match names.len() {
                0..=NAMES_SAID => format!(" ({})", clean_line(&names.join(", "))),
                count => format!(" ({count} resources)"),
            };
        }
        line
    }
}

/// What one change can only know from all of them.
struct Context<'a> {
    /// How many resources of an app were added, and removed, in an environment.
    crowds: HashMap<(&'a str, &'a str, ChangeKind), usize>,
    /// (environment, kind, name)
    names: HashSet<(&'a str, &'a str, &'a str)>,
}

impl<'a> Context<'a> {
    fn of(changes: &'a [ResourceChange]) -> Context<'a> {
        let mut context = Context {
            crowds: HashMap::new(),
            names: HashSet::new(),
        };
        for change in changes {
            *context.crowds.entry(crowd(change)).or_default() += 1;
            let object = &change.object;
            let name = (
                change.environment.as_str(),
                object.kind.as_str(),
                object.name.as_str(),
            );
            context.names.insert(name);
        }
        context
    }

    /// The resource, by its own name unless another one is called that.
    fn resource(&self, change: &ResourceChange) -> String {
        let kind = change.object.kind.as_str();
        let own = own_name(change);
        let taken = self.names.contains(&(&change.environment, kind, own));
        let name = if taken { &change.object.name } else { own };
        clean_line(&format!("{kind}/{name}"))
    }
}

fn crowd(change: &ResourceChange) -> (&str, &str, ChangeKind) {
    (&change.environment, &change.app, change.kind)
}

fn statements(change: &ResourceChange, context: &Context<'_>) -> Vec<Statement> {
    let crowd = context.crowds.get(&crowd(change)).copied();
    let crowd = crowd.filter(|&crowd| crowd > RESOURCES_SAID);
    let app = clean_line(&change.app);
    match (change.kind, crowd) {
        (ChangeKind::Added, Some(crowd)) => {
            one(Rank::Added, format!("{crowd} new resources of {app}"))
        }
        (ChangeKind::Added, None) => one(Rank::Added, format!("new {}", context.resource(change))),
        (ChangeKind::Removed, Some(crowd)) => {
            one(Rank::Removed, format!("removed {crowd} resources of {app}"))
        }
        (ChangeKind::Removed, None) => one(
            Rank::Removed,
            format!("removed {}", context.resource(change)),
        ),
        (ChangeKind::Moved, _) => Vec::new(),
        (ChangeKind::Modified, _) => modified(change),
    }
}

fn modified(change: &ResourceChange) -> Vec<Statement> {
    let (before, after) = (change.object_before(), change.object_after());
    let mut said = image_statements(before, after);
    let images_said = !said.is_empty();
    let mut fields: Vec<&FieldChange> = change
        .fields
        .iter()
        .filter(|field| field.noise.is_none())
        .filter(|field| !(images_said && is_key(&field.path, &["image"])))
        .filter(|field| !names_item(&field.path))
        .collect();
    let special = special::said(change, &mut fields);
    said.extend(special.into_iter().map(|text| Statement {
        rank: Rank::Fields,
        text,
    }));
    if let Some(after) = after {
        let versions: Vec<(&FieldChange, String)> = fields
            .iter()
            .filter_map(|field| Some((*field, version_text(after, field)?)))
            .collect();
        fields.retain(|field| !versions.iter().any(|(version, _)| beside(field, version)));
        said.extend(versions.into_iter().map(|(_, text)| Statement {
            rank: Rank::Image,
            text,
        }));
    }
    if fields.len() > FIELDS_SAID {
        let resource = format!("{}/{}", change.object.kind, own_name(change));
        let text = format!("{} fields of {}", fields.len(), clean_line(&resource));
        said.extend(one(Rank::Fields, text));
    } else {
        said.extend(fields.into_iter().map(|field| Statement {
            rank: Rank::Field,
            text: field_text(field),
        }));
    }
    said
}

/// A name without the environment's that it begins or ends with, so that the same change reads the same everywhere.
fn own_name(change: &ResourceChange) -> &str {
    let (name, environment) = (change.object.name.as_str(), change.environment.as_str());
    let after = || name.strip_prefix(environment)?.strip_prefix('-');
    let before = || name.strip_suffix(environment)?.strip_suffix('-');
    after()
        .or_else(before)
        .filter(|rest| !rest.is_empty())
        .unwrap_or(name)
}

/// Whether the field is the digest that goes with a version, or the version itself.
fn beside(field: &FieldChange, version: &FieldChange) -> bool {
    let parent = |path: &FieldPath| path.0.split_last().map(|(_, parent)| parent.to_vec());
    field.path == version.path
        || (is_key(&field.path, &["digest"]) && parent(&field.path) == parent(&version.path))
}

/// What a version that is written on its own (`image.tag`, a chart's `version`, `targetRevision`) belongs to, and how it
/// changed: `mc-router 1.46.3 → 1.46.4`.
fn version_text(after: &Object, field: &FieldChange) -> Option<String> {
    if !is_key(&field.path, &["tag", "version", "targetRevision"]) {
        return None;
    }
    let version = |node: &Option<Node>| {
        let text = value(node.as_ref()?)?;
        // `1.46.4@sha256:…`
        Some(text.split('@').next().unwrap_or_default().to_owned())
    };
    let (before, after_version) = (version(&field.before)?, version(&field.after)?);
    if before == after_version {
        return None;
    }
    let (_, parents) = field.path.0.split_last()?;
    let parent = node_at(&after.root, parents)?;
    let named = ["repository", "image", "chart"]
        .iter()
        .find_map(|key| parent.get(key)?.as_str())
        .and_then(|name| name.rsplit('/').next())
        .filter(|name| !name.is_empty())
        .unwrap_or(&after.id.name);
    Some(clean_line(&format!("{named} {before} → {after_version}")))
}

fn node_at<'n>(root: &'n Node, steps: &[Step]) -> Option<&'n Node> {
    steps.iter().try_fold(root, |node, step| match step {
        Step::Key(key) => node.get(key),
        Step::Index(index) => node.as_list()?.get(*index),
        Step::Item(keys) => node.as_list()?.iter().find(|item| {
            keys.iter()
                .all(|(key, wanted)| item.get(key).and_then(value).as_ref() == Some(wanted))
        }),
    })
}

/// Whether the field is what an item of a list is told apart by: the item's other fields say it.
fn names_item(path: &FieldPath) -> bool {
    match path.0.as_slice() {
        [.., Step::Item(keys), Step::Key(last)] => keys.iter().any(|(key, _)| key == last),
        _ => false,
    }
}

fn is_key(path: &FieldPath, names: &[&str]) -> bool {
    matches!(path.0.last(), Some(Step::Key(key)) if names.contains(&key.as_str()))
}

fn one(rank: Rank, text: String) -> Vec<Statement> {
    vec![Statement { rank, text }]
}

/// Which images took the place of which: the same name in another version, else what is left, in order.
fn image_statements(before: Option<&Object>, after: Option<&Object>) -> Vec<Statement> {
    let (Some(before), Some(after)) = (before, after) else {
        return Vec::new();
    };
    let (before, after) = (images(before), images(after));
    let mut gone: Vec<&Image> = before
        .iter()
        .filter(|image| !after.contains(image))
        .collect();
    let new: Vec<&Image> = after
        .iter()
        .filter(|image| !before.contains(image))
        .collect();
    let mut replaced = Vec::new();
    let mut others = Vec::new();
    for image in new {
        match gone.iter().position(|old| old.name == image.name) {
            Some(at) => replaced.push((gone.remove(at), image)),
            None => others.push(image),
        }
    }
    replaced.extend(gone.into_iter().zip(others));
    replaced
        .into_iter()
        .map(|(old, new)| Statement {
            rank: Rank::Image,
            text: clean_line(&image_text(old, new)),
        })
        .collect()
}

fn image_text(old: &Image, new: &Image) -> String {
    let (from, to) = (old.version(), new.version());
    if old.name != new.name {
        return if old.short_name() == new.short_name() {
            format!("image {old} → {new}")
        } else {
            format!("{} {from} → {} {to}", old.short_name(), new.short_name())
        };
    }
    let name = new.short_name();
    if from != to {
        return format!("{name} {from} → {to}");
    }
    // The same tag, rebuilt.
    let digest = |image: &Image| match &image.digest {
        Some(digest) => digest
            .rsplit(':')
            .next()
            .unwrap_or(digest)
            .chars()
            .take(7)
            .collect(),
        None => "no digest".to_owned(),
    };
    format!("{name} {to} ({} → {})", digest(old), digest(new))
}

fn field_text(field: &FieldChange) -> String {
    let label = label(&field.path);
    let text = match (&field.before, &field.after) {
        (Some(before), Some(after)) => match (short_value(before), short_value(after)) {
            (Some(before), Some(after)) if before != after => {
                format!("{label} {before} → {after}")
            }
            _ => format!("{label} changed"),
        },
        (None, Some(after)) => match short_value(after) {
            Some(after) => format!("{label} set to {after}"),
            None => format!("{label} added"),
        },
        (_, None) => format!("{label} removed"),
    };
    clean_line(&text)
}

/// The end of a path, as people call the field: `replicas`, `limits.memory`, `env LOG_LEVEL`.
fn label(path: &FieldPath) -> String {
    let steps = match path.0.as_slice() {
        [steps @ .., Step::Key(last)] if last == "value" && !steps.is_empty() => steps,
        steps => steps,
    };
    match steps {
        [.., Step::Key(list), Step::Item(keys)] => format!("{list} {}", item(keys)),
        [.., Step::Key(list), Step::Index(index)] => format!("{list}[{index}]"),
        [.., Step::Key(parent), Step::Key(last)] if parent != "spec" && parent != "metadata" => {
            format!("{parent}.{last}")
        }
        [.., Step::Key(last)] => last.clone(),
        _ => path.to_string(),
    }
}

fn item(keys: &[(String, String)]) -> String {
    let values: Vec<&str> = keys.iter().map(|(_, value)| value.as_str()).collect();
    values.join("/")
}

/// A scalar as text; `None` for what has parts.
fn value(node: &Node) -> Option<String> {
    match node {
        Node::Leaf(Leaf::Null) => Some("null".to_owned()),
        Node::Leaf(Leaf::Bool(value)) => Some(value.to_string()),
        Node::Leaf(Leaf::Number(value)) => Some(value.to_string()),
        Node::Leaf(Leaf::Masked(id) | Leaf::Encrypted(id)) => Some(id.label()),
        Node::Leaf(Leaf::String(text)) => Some(text.clone()),
        Node::List(_) | Node::Map(_) => None,
    }
}

/// A scalar in few characters; `None` for what has parts or lines.
fn short_value(node: &Node) -> Option<String> {
    let text = value(node)?;
    if text.is_empty() {
        return Some("\"\"".to_owned());
    }
    if text.contains('\n') {
        return None;
    }
    if text.chars().count() <= LONGEST_VALUE {
        return Some(text);
    }
    let cut: String = text.chars().take(LONGEST_VALUE - 1).collect();
    Some(format!("{cut}…"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff;
    use crate::manifest::{ListKeys, Masking, parse};
    use crate::render::{How, RenderedObject};

    fn object(yaml: &str) -> Object {
        let mut parsed = parse(yaml.as_bytes(), &Masking::new([7; 32]));
        parsed.documents.remove(0).object
    }

    fn change(environment: &str, before: Option<&str>, after: Option<&str>) -> ResourceChange {
        let (before, after) = (before.map(object), after.map(object));
        let fields = diff::fields(before.as_ref(), after.as_ref(), &ListKeys::builtin());
        let side = |object: Option<Object>| {
            object.map(|object| RenderedObject {
                object,
                source: None,
            })
        };
        let one = after.as_ref().or(before.as_ref()).unwrap();
        ResourceChange {
            environment: environment.to_owned(),
            app: "shop".to_owned(),
            app_before: None,
            object: one.id.clone(),
            path: None,
            kind: match (&before, &after) {
                (None, _) => ChangeKind::Added,
                (_, None) => ChangeKind::Removed,
                _ => ChangeKind::Modified,
            },
            routine: before.is_some()
                && after.is_some()
                && fields.iter().all(|field| field.noise.is_some()),
            fields,
            how: How::Read,
            before: side(before),
            after: side(after),
        }
    }

    fn deployment(name: &str, image: &str, replicas: u8, checksum: &str) -> String {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: {replicas}\n  template:\n    metadata: {{annotations: {{checksum/config: {checksum}}}}}\n    spec: {{containers: [{{name: main, image: {image}}}]}}\n"
        )
    }

    fn edit(environment: &str, before: &str, after: &str) -> ResourceChange {
        change(environment, Some(before), Some(after))
    }

    #[test]
    fn images_come_first_and_the_same_is_said_once() {
        let old = deployment("web", "ghcr.io/acme/web:1.4.1", 3, "a");
        let new = deployment("web", "ghcr.io/acme/web:1.4.2", 5, "b");
        let routine = deployment("web", "ghcr.io/acme/web:1.4.1", 3, "b");
        let mut changes = vec![
            edit("dev", &old, &new),
            edit("staging", &old, &new),
            edit("production", &old, &routine),
        ];
        assert_eq!(
            meaning(&changes, 3, 9),
            [
                "web 1.4.1 → 1.4.2 in dev, staging",
                "replicas 3 → 5 in dev, staging (web)",
                "1 routine"
            ]
        );
        changes.push(change(
            "dev",
            None,
            Some("apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"),
        ));
        changes.push(change(
            "dev",
            Some("apiVersion: v1\nkind: Secret\nmetadata: {name: old}\n"),
            None,
        ));
        assert_eq!(
            meaning(&changes, 3, 3),
            [
                "web 1.4.1 → 1.4.2 in dev, staging",
                "removed Secret/old in dev",
                "and 3 more"
            ]
        );
        assert_eq!(
            meaning(&changes[..1], 1, 9),
            ["web 1.4.1 → 1.4.2", "replicas 3 → 5 (web)"]
        );
        assert!(meaning(&changes, 3, 0).is_empty());
    }

    #[test]
    fn an_environments_prefix_does_not_tell_its_resources_apart() {
        let changes: Vec<_> = ["qa", "prod-us", "prod-eu", "prod-asia"]
            .iter()
            .map(|environment| {
                let name = format!("{environment}-web");
                edit(
                    environment,
                    &deployment(&name, "web:1", 1, "a"),
                    &deployment(&name, "web:1", 2, "a"),
                )
            })
            .collect();
        assert_eq!(
            meaning(&changes, 4, 9),
            ["replicas 1 → 2 in 4 environments (web)"]
        );
        let renamed = [
            change("qa", Some(&deployment("web", "web:1", 1, "a")), None),
            change("qa", None, Some(&deployment("qa-web", "web:1", 1, "a"))),
        ];
        assert_eq!(
            meaning(&renamed, 4, 9),
            [
                "removed Deployment/web in qa",
                "new Deployment/qa-web in qa"
            ]
        );
    }

    #[test]
    fn versions_are_found_in_custom_resources() {
        let release = |tag: &str, chart: &str| {
            format!(
                "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: router}}\nspec:\n  chart: {{spec: {{chart: app-template, version: {chart}}}}}\n  values:\n    controllers: {{main: {{image: {{repository: itzg/mc-router, tag: \"{tag}\"}}}}}}\n"
            )
        };
        let changes = [edit(
            "prod",
            &release("1.46.3@sha256:aaaa", "1.0.0"),
            &release("1.46.4@sha256:bbbb", "1.1.0"),
        )];
        assert_eq!(
            meaning(&changes, 1, 9),
            ["app-template 1.0.0 → 1.1.0", "mc-router 1.46.3 → 1.46.4"]
        );
    }

    #[test]
    fn nothing_hostile_and_nothing_secret_is_said() {
        let secret = |value: &str| {
            format!(
                "apiVersion: v1\nkind: Secret\nmetadata: {{name: db}}\nstringData: {{password: {value}}}\n"
            )
        };
        let map = |value: &str| {
            format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\ndata: {{k: \"{value}\"}}\n"
            )
        };
        let changes = [
            edit("prod", &secret("hunter2"), &secret("correct-horse")),
            edit("prod", &map("a"), &map("\\e[31m")),
            edit("prod", &map("a\\nb"), &map("a\\nc")),
        ];
        let said = meaning(&changes, 1, 9).join("\n");
        assert!(
            !said.contains("hunter2") && !said.contains("correct-horse"),
            "{said}"
        );
        assert!(
            !said.contains('\x1b') && said.contains("data.k a → \\u{1b}[31m (c)"),
            "{said}"
        );
        assert!(said.contains("data.k changed (c)"), "{said}");
    }

    /// (before, after) of objects of these kinds, and what a person says of it.
    #[test]
    fn kinds_of_their_own_are_said_in_their_own_words() {
        let secret = |password: &str, user: &str, mac: &str, age: &str| {
            format!(
                "apiVersion: v1\nkind: Secret\nmetadata: {{name: db}}\nstringData:\n  password: ENC[AES256_GCM,data:{password}]\n  user: ENC[AES256_GCM,data:{user}]\nsops: {{mac: 'ENC[{mac}]', lastmodified: '{mac}', age: [{{recipient: {age}}}]}}\n"
            )
        };
        let plain = "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {password: hunter2, user: me}\n";
        let sealed = |a: &str, rest: &str| {
            format!(
                "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {{name: db}}\nspec: {{encryptedData: {{a: {a}, {rest}}}}}\n"
            )
        };
        let external = |store: &str, key: &str, names: &[&str]| {
            let data: Vec<String> = names
                .iter()
                .map(|name| format!("{{secretKey: {name}, remoteRef: {{key: {key}}}}}"))
                .collect();
            format!(
                "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {{name: db}}\nspec: {{secretStoreRef: {{name: {store}}}, data: [{}]}}\n",
                data.join(", ")
            )
        };
        let old_external = |key: &str| {
            format!(
                "apiVersion: kubernetes-client.io/v1\nkind: ExternalSecret\nmetadata: {{name: db}}\nspec: {{backendType: vault, data: [{{key: {key}, name: password, property: p}}]}}\n"
            )
        };
        let pipeline = |tasks: &str| {
            format!(
                "apiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata: {{name: ci}}\nspec: {{tasks: [{tasks}]}}\n"
            )
        };
        let build = "{name: build, taskRef: {name: kaniko}}";
        let scan = "{name: scan, taskRef: {name: trivy}, runAfter: [build]}";
        let cluster = |version: &str, replicas: u8| {
            format!(
                "apiVersion: cluster.x-k8s.io/v1beta1\nkind: Cluster\nmetadata: {{name: prod}}\nspec: {{topology: {{version: {version}, workers: {{machineDeployments: [{{class: w, name: md-0, replicas: {replicas}}}]}}}}}}\n"
            )
        };
        let deployment = |version: &str, replicas: u8| {
            format!(
                "apiVersion: cluster.x-k8s.io/v1beta1\nkind: MachineDeployment\nmetadata: {{name: md}}\nspec: {{replicas: {replicas}, template: {{spec: {{version: {version}}}}}}}\n"
            )
        };
        let remote = |keys: &str| {
            format!(
                "apiVersion: gitkube.sh/v1alpha1\nkind: Remote\nmetadata: {{name: shop}}\nspec: {{authorizedKeys: [{keys}]}}\n"
            )
        };
        let same = secret("a", "b", "m", "x");
        let values = |kind: &str, value: &str| {
            format!(
                "apiVersion: v1\nkind: {kind}\nmetadata: {{name: db}}\nstringData: {{a: '{value}', b: hunter2}}\n"
            )
        };
        let injected = |path: &str| {
            format!(
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: db}}\nspec: {{template: {{metadata: {{annotations: {{vault.hashicorp.com/agent-inject-secret-a: {path}}}}}}}}}\n"
            )
        };
        for (before, after, expected) in [
            (
                same.clone(),
                secret("c", "b", "n", "x"),
                "Secret/db: encrypted stringData.password changed (SOPS)",
            ),
            (
                same.clone(),
                secret("c", "d", "n", "x"),
                "Secret/db: 2 encrypted values changed (SOPS)",
            ),
            (
                same.clone(),
                secret("a", "b", "n", "y"),
                "Secret/db: encrypted for other keys (SOPS)",
            ),
            (same.clone(), secret("a", "b", "n", "x"), "1 routine"),
            (
                values("Secret", "hunter2"),
                values("Secret", "vault:secret/data/x#key"),
                "Secret/db now read from vault secret/data/x#key",
            ),
            (
                values("Secret", "<path:secret/data/x#key>"),
                values("Secret", "<path:secret/data/y#key>"),
                "Secret/db now read from vault secret/data/y#key",
            ),
            (
                values("Secret", "vault:secret/data/x#key"),
                values("Secret", "hunter2"),
                "Secret/db no longer read from vault secret/data/x#key",
            ),
            (
                values("ConfigMap", "url=<path:secret/data/x#u>"),
                values(
                    "ConfigMap",
                    "url=<path:secret/data/x#u> ref+vault://secret/x#/key",
                ),
                "ConfigMap/db now read from vault ref+vault://secret/x#/key",
            ),
            (
                injected("secret/data/x"),
                injected("secret/data/y"),
                "Deployment/db now read from vault secret/data/y",
            ),
            (
                plain.to_owned(),
                same.clone(),
                "Secret/db: now encrypted (SOPS)",
            ),
            (
                same.clone(),
                plain.to_owned(),
                "Secret/db: no longer encrypted (SOPS)",
            ),
            (
                sealed("x", "b: x"),
                sealed("y", "b: y"),
                "SealedSecret/db re-sealed",
            ),
            (
                sealed("x", "b: x"),
                sealed("y", "b: x"),
                "SealedSecret/db re-sealed: a",
            ),
            (
                sealed("x", "b: x"),
                sealed("x", "b: x, c: x"),
                "SealedSecret/db: new c",
            ),
            (
                sealed("x", "b: x"),
                sealed("x", ""),
                "SealedSecret/db: without b",
            ),
            (
                external("vault", "dev/db", &["p"]),
                external("vault", "prod/db", &["p"]),
                "ExternalSecret/db: now from prod/db",
            ),
            (
                external("vault", "db", &["p"]),
                external("aws", "db", &["p"]),
                "ExternalSecret/db: store vault → aws",
            ),
            (
                external("vault", "db", &["p"]),
                external("vault", "db", &["p", "q"]),
                "ExternalSecret/db: new q",
            ),
            (
                old_external("dev/db"),
                old_external("prod/db"),
                "ExternalSecret/db: now from prod/db",
            ),
            (
                pipeline(build),
                pipeline(&format!("{build}, {scan}")),
                "Pipeline/ci: new task scan",
            ),
            (
                pipeline(&format!("{build}, {scan}")),
                pipeline(build),
                "Pipeline/ci: task scan removed",
            ),
            (
                cluster("v1.29.4", 3),
                cluster("v1.30.1", 5),
                "Cluster/prod: Kubernetes v1.29.4 → v1.30.1, 3 → 5 machines in md-0",
            ),
            (
                deployment("v1.30.1", 3),
                deployment("v1.30.1", 5),
                "MachineDeployment/md: 3 → 5 machines",
            ),
            (
                remote("a"),
                remote("a, b"),
                "Remote/shop: authorized keys 1 → 2",
            ),
        ] {
            let changes = [edit("prod", &before, &after)];
            assert_eq!(meaning(&changes, 1, 9), [expected], "{before}\n→\n{after}");
        }
    }
}
