//! What the demo's tree asks the cluster for: the documents below `environments/`, and the overlays of `apps/`, which are
//! evaluated here. Only as much of kustomize is understood as those overlays use (namespace, resources, images, replicas, and
//! strategic merge patches), so that the demo needs no tool; a test compares with kustomize itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::manifests::Files;
use super::objects::Key;
use super::{Error, Result};

/// The objects of a tree. Shared, because one commit changes few of them.
pub(super) type Objects = BTreeMap<Key, Arc<Value>>;

/// Reads trees one after the other; what did not change is not read again.
#[derive(Default)]
pub(super) struct Reader {
    parsed: BTreeMap<String, (String, Vec<Value>)>,
    /// The objects each file made, by its path.
    objects: BTreeMap<String, Objects>,
}

impl Reader {
    pub(super) fn read(&mut self, files: &Files) -> Result<Objects> {
        self.parsed.retain(|path, _| files.contains_key(path));
        self.objects.retain(|path, _| files.contains_key(path));
        let mut changed = Vec::new();
        for (path, text) in files.iter().filter(|(path, _)| path.ends_with(".yaml")) {
            let known = self.parsed.get(path);
            if known.is_none_or(|(before, _)| before != text) {
                let documents = documents(path, text)?;
                self.parsed.insert(path.clone(), (text.clone(), documents));
                changed.push(path.as_str());
            }
        }
        // An overlay may be made of any file of its app.
        if changed.iter().any(|path| path.starts_with("apps/")) {
            changed.extend(
                files
                    .keys()
                    .map(String::as_str)
                    .filter(|path| is_overlay(path)),
            );
        }
        for path in changed {
            let Some((_, documents)) = self.parsed.get(path) else {
                continue;
            };
            let made = if path.starts_with("environments/") {
                keyed(documents.clone())
            } else if is_overlay(path) {
                keyed(self.overlay(path, documents, 0)?)
            } else {
                continue;
            };
            self.objects.insert(path.to_owned(), made);
        }
        Ok(self
            .objects
            .values()
            .flatten()
            .map(|(key, object)| (key.clone(), Arc::clone(object)))
            .collect())
    }

    fn overlay(&self, path: &str, documents: &[Value], depth: usize) -> Result<Vec<Value>> {
        let overlay: Kustomization = documents
            .first()
            .and_then(|document| Kustomization::deserialize(document).ok())
            .ok_or_else(|| bad(path))?;
        let directory = path.trim_end_matches("/kustomization.yaml");
        let mut objects = Vec::new();
        for resource in &overlay.resources {
            objects.extend(self.resource(&join(directory, resource), depth + 1)?);
        }
        for patch in &overlay.patches {
            let file = join(directory, &patch.path);
            let (_, patches) = self.parsed.get(&file).ok_or_else(|| bad(&file))?;
            for patch in patches {
                let same = |object: &&mut Value| {
                    object["kind"] == patch["kind"]
                        && object["metadata"]["name"] == patch["metadata"]["name"]
                };
                if let Some(object) = objects.iter_mut().find(same) {
                    merge(object, patch);
                }
            }
        }
        for object in &mut objects {
            if let Some(namespace) = &overlay.namespace {
                object["metadata"]["namespace"] = namespace.as_str().into();
            }
            for replicas in &overlay.replicas {
                if object["kind"] == "Deployment" && object["metadata"]["name"] == *replicas.name {
                    object["spec"]["replicas"] = replicas.count.into();
                }
            }
            set_images(object, &overlay.images);
        }
        Ok(objects)
    }

    /// A file, or a directory with a kustomization of its own.
    fn resource(&self, path: &str, depth: usize) -> Result<Vec<Value>> {
        if depth > DEEPEST {
            return Err(bad(path));
        }
        if let Some((_, documents)) = self.parsed.get(path) {
            return Ok(documents.clone());
        }
        let inner = format!("{path}/kustomization.yaml");
        let (_, documents) = self.parsed.get(&inner).ok_or_else(|| bad(path))?;
        self.overlay(&inner, documents, depth)
    }
}

/// Overlays on overlays: enough for any that is meant, and an end for one that names itself.
const DEEPEST: usize = 8;

/// The part of a kustomization that the demo uses.
#[derive(Deserialize)]
struct Kustomization {
    namespace: Option<String>,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    images: Vec<Image>,
    #[serde(default)]
    replicas: Vec<Replicas>,
    #[serde(default)]
    patches: Vec<Patch>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Image {
    name: String,
    new_tag: Option<String>,
}

#[derive(Deserialize)]
struct Replicas {
    name: String,
    count: u32,
}

#[derive(Deserialize)]
struct Patch {
    path: String,
}

fn is_overlay(path: &str) -> bool {
    path.contains("/overlays/") && path.ends_with("/kustomization.yaml")
}

fn bad(path: &str) -> Error {
    Error::Manifest {
        path: path.to_owned(),
        why: "it is not what the demo's deployer understands".to_owned(),
    }
}

pub(super) fn documents(path: &str, text: &str) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    for document in serde_yaml::Deserializer::from_str(text) {
        // The location is enough: the text may hold a secret.
        let value = Value::deserialize(document).map_err(|error| Error::Manifest {
            path: path.to_owned(),
            why: error.location().map_or_else(
                || "not YAML".to_owned(),
                |at| format!("not YAML at line {}", at.line()),
            ),
        })?;
        if !value.is_null() {
            all.push(value);
        }
    }
    Ok(all)
}

fn keyed(documents: Vec<Value>) -> Objects {
    documents
        .into_iter()
        .filter_map(|document| Some((Key::of(&document)?, Arc::new(document))))
        .collect()
}

/// `a/b` and `../c` make `a/c`.
fn join(directory: &str, relative: &str) -> String {
    let mut parts: Vec<&str> = directory.split('/').collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// A strategic merge: maps are merged, lists of named things by name, anything else is replaced.
fn merge(into: &mut Value, patch: &Value) {
    match (into, patch) {
        (Value::Object(into), Value::Object(patch)) => {
            for (key, value) in patch {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (Value::Array(into), Value::Array(patch)) if patch.iter().all(is_named) => {
            for item in patch {
                match into.iter_mut().find(|old| old["name"] == item["name"]) {
                    Some(old) => merge(old, item),
                    None => into.push(item.clone()),
                }
            }
        }
        (into, patch) => *into = patch.clone(),
    }
}

fn is_named(item: &Value) -> bool {
    item.as_object()
        .is_some_and(|map: &Map<_, _>| map.contains_key("name"))
}

fn set_images(object: &mut Value, images: &[Image]) {
    let containers = object.pointer_mut("/spec/template/spec/containers");
    let Some(containers) = containers.and_then(Value::as_array_mut) else {
        return;
    };
    for container in containers {
        let Some(current) = container["image"].as_str() else {
            continue;
        };
        let name = without_tag(current);
        let new = images.iter().find(|image| image.name == name);
        if let Some(tag) = new.and_then(|image| image.new_tag.as_deref()) {
            container["image"] = format!("{name}:{tag}").into();
        }
    }
}

fn without_tag(image: &str) -> &str {
    let last = image.rfind('/').map_or(0, |slash| slash + 1);
    image[last..]
        .find(':')
        .map_or(image, |colon| &image[..last + colon])
}
