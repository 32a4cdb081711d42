//! Brute force: every file of every first-parent commit, read anew, and compared by value.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use gitopsy::diff::same_but_generated;
use gitopsy::git::{EntryKind, Oid, PathChange, Reader, RepoPath};
use gitopsy::history::Rows;
use gitopsy::layout::{Overrides, detect};
use gitopsy::manifest::{Masking, Node, ObjectRef, parse};
use gitopsy::render::{How, Renderer};

use super::model::Files;

/// (environment, identity).
pub type Resource = (String, ObjectRef);

/// How often a resource is declared, and a digest of its values.
pub type Value = (usize, u64);

/// A commit's resources.
pub type Values = BTreeMap<Resource, Value>;

/// What a commit changed: before and after.
pub type Transition = BTreeMap<Resource, (Option<Value>, Option<Value>)>;

fn digests(values: BTreeMap<Resource, Vec<Node>>) -> Values {
    values
        .into_iter()
        .map(|(resource, mut nodes)| {
            nodes.sort_by_cached_key(|node| format!("{node:?}"));
            let mut hasher = DefaultHasher::new();
            nodes.hash(&mut hasher);
            (resource, (nodes.len(), hasher.finish()))
        })
        .collect()
}

/// What the model's files hold: the first directory is the environment. Knows nothing of layouts.
pub fn of_files(files: &Files, masking: &Masking) -> Values {
    let mut values: BTreeMap<Resource, Vec<Node>> = BTreeMap::new();
    for (path, file) in files {
        let environment = path.split_once('/').expect("a directory").0;
        for document in parse(file.text().as_bytes(), masking).documents {
            let resource = (environment.to_owned(), document.object.id);
            values
                .entry(resource)
                .or_default()
                .push(document.object.root);
        }
    }
    digests(values)
}

/// What a commit's tree holds, by detecting its layout and rendering every app of it.
pub fn of_tree(reader: &Reader, renderer: &Renderer, tree: Oid) -> Values {
    let layout = detect(reader, tree, renderer, &Overrides::default()).expect("a layout");
    let mut values: BTreeMap<Resource, Vec<Node>> = BTreeMap::new();
    for app in layout.apps {
        let rendering = renderer
            .render(reader, tree, &app.recipe)
            .expect("a rendering");
        for rendered in &rendering.objects {
            let resource = (app.environment.clone(), rendered.object.id.clone());
            values
                .entry(resource)
                .or_default()
                .push(rendered.object.root.clone());
        }
    }
    digests(values)
}

pub fn transition(before: &Values, after: &Values) -> Transition {
    let resources: BTreeSet<&Resource> = before.keys().chain(after.keys()).collect();
    resources
        .into_iter()
        .map(|resource| {
            let sides = (before.get(resource).copied(), after.get(resource).copied());
            (resource.clone(), sides)
        })
        .filter(|(_, (before, after))| before != after)
        .collect()
}

/// The commits (oldest is 0) that changed a resource, newest first, by the definition: its values differ from those before.
/// A generated name is followed to the one it replaced.
pub fn expected(line: &[Transition], resource: &Resource) -> Vec<usize> {
    let mut resource = resource.clone();
    let mut log = Vec::new();
    for (at, transition) in line.iter().enumerate().rev() {
        let Some((before, _)) = transition.get(&resource) else {
            continue;
        };
        log.push(at);
        if before.is_none()
            && let Some(old) = renamed_from(transition, &resource)
        {
            resource = old;
        }
    }
    log
}

/// The one generated name that is gone, or once less there, where `resource` is the one that is new.
pub fn renamed_from(transition: &Transition, resource: &Resource) -> Option<Resource> {
    let (environment, object) = resource;
    // Which names are generated has tests of its own.
    let like = |id: &ObjectRef| same_but_generated(&id.kind, &id.name, &object.name);
    let count = |value: &Option<Value>| value.map_or(0, |(count, _)| count);
    let of = |gone: bool| -> Vec<&Resource> {
        transition
            .iter()
            .filter(|((place, id), (before, after))| {
                place == environment
                    && id.kind == object.kind
                    && id.namespace == object.namespace
                    && like(id)
                    && match gone {
                        true => count(after) < count(before),
                        false => count(after) > count(before),
                    }
            })
            .map(|(resource, _)| resource)
            .collect()
    };
    match (of(true).as_slice(), of(false).as_slice()) {
        ([old], [_]) => Some((*old).clone()),
        _ => None,
    }
}

/// An app as it was rendered, or its sources.
struct Built {
    environment: String,
    name: String,
    declared_by: Option<ObjectRef>,
    roots: Vec<RepoPath>,
    is_rendered: bool,
    objects: Vec<(Resource, Node)>,
}

/// What each of a line of trees (the oldest first) changed, by rendering every app of every tree. An app that can be
/// rendered on one side only is not compared: everything in it may have changed.
pub fn rendered(reader: &Reader, renderer: &Renderer, trees: &[Oid]) -> Vec<Transition> {
    let mut before = Vec::new();
    let mut line = Vec::new();
    for &tree in trees {
        let after = built(reader, renderer, tree);
        line.push(transition_of_builds(&before, &after));
        before = after;
    }
    line
}

fn built(reader: &Reader, renderer: &Renderer, tree: Oid) -> Vec<Built> {
    let layout = detect(reader, tree, renderer, &Overrides::default()).expect("a layout");
    let mut apps = Vec::new();
    for app in layout.apps {
        let rendering = renderer
            .render(reader, tree, &app.recipe)
            .expect("a rendering");
        let objects = rendering.objects.iter().map(|rendered| {
            let resource = (app.environment.clone(), rendered.object.id.clone());
            (resource, rendered.object.root.clone())
        });
        apps.push(Built {
            is_rendered: !matches!(rendering.how, How::Sources { .. }),
            objects: objects.collect(),
            environment: app.environment,
            name: app.name,
            declared_by: app.declared_by,
            roots: app.recipe.roots,
        });
    }
    apps
}

/// How near two apps are: read from the same place and called the same, declared by the same order, read from the same place,
/// called the same.
fn distance(one: &Built, other: &Built) -> Option<u8> {
    let same_name = one.name == other.name;
    let same_place = one.roots == other.roots && (!one.roots.is_empty() || same_name);
    let same_order = one.declared_by.is_some() && one.declared_by == other.declared_by;
    let ways = [same_place && same_name, same_order, same_place, same_name];
    let found = ways.iter().position(|is| *is)?;
    (one.environment == other.environment).then_some(found as u8)
}

/// The same app on the other side: the nearest one that is not nearer to another.
fn same_app<'b>(app: &Built, here: &[Built], there: &'b [Built]) -> Option<&'b Built> {
    let found = there
        .iter()
        .filter_map(|other| Some((distance(app, other)?, other)));
    let is_free = |(near, other): &(u8, &Built)| {
        let mut nearer = here.iter().filter_map(|one| distance(one, other));
        !nearer.any(|one| one < *near)
    };
    let nearest = found.filter(is_free).min_by_key(|(near, _)| *near);
    nearest.map(|(_, other)| other)
}

fn transition_of_builds(before: &[Built], after: &[Built]) -> Transition {
    let mut sides: [BTreeMap<Resource, Vec<Node>>; 2] = Default::default();
    let mut unknown: BTreeSet<&Resource> = BTreeSet::new();
    for (side, here, there) in [(0, before, after), (1, after, before)] {
        for app in here {
            match same_app(app, here, there) {
                Some(other) if other.is_rendered != app.is_rendered => {
                    if app.is_rendered {
                        unknown.extend(app.objects.iter().map(|(resource, _)| resource));
                    }
                }
                _ => {
                    for (resource, value) in &app.objects {
                        let values = sides[side].entry(resource.clone()).or_default();
                        values.push(value.clone());
                    }
                }
            }
        }
    }
    let [before, after] = sides.map(digests);
    let mut transition = transition(&before, &after);
    for resource in unknown {
        transition.insert(resource.clone(), (Some((0, 0)), Some((0, 1))));
    }
    transition
}

/// The documents of every version of every file that a line of commits changed.
pub struct Documents {
    rows: Rows,
    /// By blob.
    parsed: HashMap<Oid, Vec<(ObjectRef, Node)>>,
    touching: HashMap<RepoPath, Vec<usize>>,
}

impl Documents {
    pub fn new(reader: &Reader, rows: Rows, masking: &Masking) -> Documents {
        let mut documents = Documents {
            rows,
            parsed: HashMap::new(),
            touching: HashMap::new(),
        };
        for (at, row) in documents.rows.iter().enumerate() {
            for change in &row.changes {
                let touching = documents.touching.entry(change.path.as_ref().clone());
                touching.or_default().push(at);
                for (kind, blob) in [change.before, change.after].into_iter().flatten() {
                    let is_file = matches!(kind, EntryKind::Blob | EntryKind::Executable);
                    if is_file && !documents.parsed.contains_key(&blob) {
                        let bytes = reader.blob(blob).expect("a blob");
                        let manifest = parse(&bytes, masking);
                        let found = manifest.documents.into_iter();
                        let found =
                            found.map(|document| (document.object.id, document.object.root));
                        documents.parsed.insert(blob, found.collect());
                    }
                }
            }
        }
        documents
    }

    /// Every document that ever was, by the file that it was in.
    pub fn all(&self) -> BTreeSet<(RepoPath, ObjectRef)> {
        let changes = self.rows.iter().flat_map(|row| &row.changes);
        let sides = changes.flat_map(|change| {
            let blobs = [change.before, change.after].into_iter().flatten();
            blobs.map(|(_, blob)| (change.path.as_ref().clone(), blob))
        });
        let found = sides.flat_map(|(path, blob)| {
            let objects = self.parsed.get(&blob).into_iter().flatten();
            objects.map(move |(object, _)| (path.clone(), object.clone()))
        });
        found.collect()
    }

    fn values(&self, file: Option<(EntryKind, Oid)>, object: &ObjectRef) -> Vec<&Node> {
        let documents = file.and_then(|(_, blob)| self.parsed.get(&blob));
        let documents = documents.into_iter().flatten();
        let mut values: Vec<&Node> = documents
            .filter(|(id, _)| id.name == object.name && may_name(id, object))
            .map(|(_, value)| value)
            .collect();
        values.sort_by_cached_key(|value| format!("{value:?}"));
        values
    }

    /// The rows that changed a document, newest first, by the definition: its value in its file is not what it was in the
    /// first parent. One that came into the file is followed to the generated name that it replaced; and where there was
    /// none, to a file that it, or such a name, left in the same commit: one with the same content, else the first.
    pub fn log(&self, path: &RepoPath, object: &ObjectRef) -> Vec<usize> {
        let (mut path, mut object) = (path.clone(), object.clone());
        let (mut log, mut from) = (Vec::new(), 0);
        while let Some(at) = self.touched(&path, from) {
            from = at + 1;
            let row = self.rows.get(at).expect("a row");
            let here = row.changes.iter().find(|change| *change.path == path);
            let here = here.expect("a change");
            let after = self.values(here.after, &object);
            let mut before = self.values(here.before, &object);
            if before.is_empty() && !after.is_empty() {
                let mut source = here;
                if self.like(here.before, &object).is_empty() {
                    let left = |change: &&PathChange| {
                        change.path != here.path
                            && !self.like(change.before, &object).is_empty()
                            && self.like(change.after, &object).is_empty()
                    };
                    let left: Vec<&PathChange> = row.changes.iter().filter(left).collect();
                    let same = left.iter().find(|change| change.before == here.after);
                    source = same.or(left.first()).unwrap_or(&here);
                }
                path = source.path.as_ref().clone();
                before = self.values(source.before, &object);
                let gone = self.like(source.before, &object);
                let gone = gone
                    .difference(&self.like(here.after, &object))
                    .cloned()
                    .collect();
                let new = self.like(here.after, &object);
                let new = new.difference(&self.like(source.before, &object)).count();
                if let (true, [old], 1) = (
                    before.is_empty(),
                    Vec::from_iter::<BTreeSet<ObjectRef>>(gone).as_slice(),
                    new,
                ) {
                    object = old.clone();
                }
            }
            if before != after {
                log.push(at);
            }
        }
        log
    }

    fn touched(&self, path: &RepoPath, from: usize) -> Option<usize> {
        let rows = self.touching.get(path)?;
        rows.iter().copied().find(|row| *row >= from)
    }

    /// What a file holds that is called the same, but for what was generated of the name.
    fn like(&self, file: Option<(EntryKind, Oid)>, object: &ObjectRef) -> BTreeSet<ObjectRef> {
        let documents = file.and_then(|(_, blob)| self.parsed.get(&blob));
        let names = documents.into_iter().flatten().map(|(id, _)| id);
        let like = |id: &&ObjectRef| {
            may_name(id, object)
                && (id.name == object.name || same_but_generated(&id.kind, &id.name, &object.name))
        };
        names.filter(like).cloned().collect()
    }
}

/// Whether kind and namespace are the same, where a file says which namespace it is.
fn may_name(id: &ObjectRef, object: &ObjectRef) -> bool {
    let places = [&id.namespace, &object.namespace];
    (&id.group, &id.kind) == (&object.group, &object.kind)
        && (places[0] == places[1] || places.contains(&&None))
}
