//! Image references, taken apart, and where objects carry them.

use std::collections::HashSet;
use std::fmt;

use serde::Serialize;
use serde_yaml::Value;

use super::object::{Node, Object};

/// `registry/name:tag@digest`; a `:port` in the registry is not a tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Image {
    /// Without tag and digest: `ghcr.io/acme/api`.
    pub name: String,
    pub tag: Option<String>,
    pub digest: Option<String>,
}

impl Image {
    pub fn parse(reference: &str) -> Image {
        let (rest, digest) = match reference.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (reference, None),
        };
        let last = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match rest[last..].find(':') {
            Some(colon) => (&rest[..last + colon], Some(&rest[last + colon + 1..])),
            None => (rest, None),
        };
        let some = |part: Option<&str>| part.filter(|part| !part.is_empty()).map(str::to_owned);
        Image {
            name: name.to_owned(),
            tag: some(tag),
            digest: some(digest),
        }
    }

    /// What a person calls the version: the tag, else a shortened digest, else `latest`.
    pub fn version(&self) -> String {
        match (&self.tag, &self.digest) {
            (Some(tag), _) => tag.clone(),
            (None, Some(digest)) => {
                let (algorithm, hex) = digest.split_once(':').unwrap_or(("", digest));
                let short: String = hex.chars().take(12).collect();
                if algorithm.is_empty() {
                    short
                } else {
                    format!("{algorithm}:{short}")
                }
            }
            (None, None) => "latest".to_owned(),
        }
    }

    /// The last part of the name: `api`.
    pub fn short_name(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl Serialize for Image {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Where kinds keep a pod's spec. Unknown kinds with a pod template (Argo Rollouts, Knative Services, …) are found by
/// the same places.
const POD_SPECS: [&[&str]; 4] = [
    &["spec"],
    &["spec", "template", "spec"],
    &["spec", "jobTemplate", "spec", "template", "spec"],
    &["template", "spec"],
];

/// The images of an object's containers (pods, pod templates, CronJobs), init containers last, without repeats.
pub fn images(object: &Object) -> Vec<Image> {
    let specs: Vec<&Node> = POD_SPECS
        .iter()
        .filter_map(|path| object.at(path))
        .collect();
    let mut seen = HashSet::new();
    ["containers", "ephemeralContainers", "initContainers"]
        .iter()
        .flat_map(|list| specs.iter().filter_map(|spec| spec.get(list)?.as_list()))
        .flatten()
        .filter_map(|container| container.get("image")?.as_str())
        .filter(|reference| !reference.is_empty() && seen.insert(*reference))
        .map(Image::parse)
        .collect()
}

/// The image that the values of a Helm release ask for, by what charts call it (`image: {repository, tag}`): of several the
/// one called like one of `names`, else the chart's main one (`image` at the top, or of a container, as in charts made to
/// run anything). `None` where the values leave it to the chart, or only speak of a helper's.
pub fn image_of_values(values: &Value, names: &[&str]) -> Option<Image> {
    let mut found = Vec::new();
    images_in(values, &mut Vec::new(), &mut found);
    let named = found
        .iter()
        .position(|(_, image)| names.contains(&image.short_name()));
    let main = || {
        found.iter().position(|(path, _)| {
            matches!(path.as_slice(), ["image"] | [.., "containers", _, "image"])
        })
    };
    let at = named.or_else(main)?;
    Some(found.swap_remove(at).1)
}

fn images_in<'a>(
    value: &'a Value,
    path: &mut Vec<&'a str>,
    found: &mut Vec<(Vec<&'a str>, Image)>,
) {
    let Some(map) = value.as_mapping() else {
        return;
    };
    let text = |key: &str| match map.get(key) {
        Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
        // A tag may be a number, where somebody forgot the quotes; charts print it as it is read.
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    if let (Some(repository), Some(tag)) = (text("repository"), text("tag")) {
        let registry = text("registry").map_or(String::new(), |registry| format!("{registry}/"));
        let image = Image::parse(&format!("{registry}{repository}:{tag}"));
        found.push((path.clone(), image));
    }
    for (key, value) in map {
        path.push(key.as_str().unwrap_or_default());
        images_in(value, path, found);
        path.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Masking, parse};

    #[test]
    fn references_are_taken_apart() {
        // The forms of github.com/distribution/reference.
        for (reference, name, tag, digest, version, short) in [
            ("nginx", "nginx", None, None, "latest", "nginx"),
            ("nginx:1.21", "nginx", Some("1.21"), None, "1.21", "nginx"),
            (
                "ghcr.io/acme/api:v2",
                "ghcr.io/acme/api",
                Some("v2"),
                None,
                "v2",
                "api",
            ),
            (
                "localhost:5000/api",
                "localhost:5000/api",
                None,
                None,
                "latest",
                "api",
            ),
            (
                "localhost:5000/api:x",
                "localhost:5000/api",
                Some("x"),
                None,
                "x",
                "api",
            ),
            (
                "a/b@sha256:0123456789abcdef0123",
                "a/b",
                None,
                Some("sha256:0123456789abcdef0123"),
                "sha256:0123456789ab",
                "b",
            ),
            (
                "a:5/b:t@sha256:ab",
                "a:5/b",
                Some("t"),
                Some("sha256:ab"),
                "t",
                "b",
            ),
        ] {
            let image = Image::parse(reference);
            assert_eq!(
                (
                    image.name.as_str(),
                    image.tag.as_deref(),
                    image.digest.as_deref()
                ),
                (name, tag, digest),
                "{reference}"
            );
            assert_eq!(
                (image.version().as_str(), image.short_name()),
                (version, short)
            );
            assert_eq!(image.to_string(), reference);
        }
        for odd in ["", ":", "@", "a:", "a@", "/", "http://x/y"] {
            Image::parse(odd).version();
        }
    }

    #[test]
    fn images_are_found_in_every_kind_of_workload() {
        let spec = "{initContainers: [{image: init:1}, {image: web:1}], containers: [{image: web:1}, {name: none}, {image: side:2}, {image: ''}]}";
        for text in [
            format!("{{apiVersion: v1, kind: Pod, metadata: {{name: a}}, spec: {spec}}}"),
            format!(
                "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: a}}, spec: {{template: {{spec: {spec}}}}}}}"
            ),
            format!(
                "{{apiVersion: serving.knative.dev/v1, kind: Service, metadata: {{name: a}}, spec: {{template: {{spec: {spec}}}}}}}"
            ),
            format!(
                "{{apiVersion: batch/v1, kind: CronJob, metadata: {{name: a}}, spec: {{jobTemplate: {{spec: {{template: {{spec: {spec}}}}}}}}}}}"
            ),
            format!(
                "{{apiVersion: v1, kind: PodTemplate, metadata: {{name: a}}, template: {{spec: {spec}}}}}"
            ),
        ] {
            let manifest = parse(text.as_bytes(), &Masking::new([0; 32]));
            let found: Vec<String> = images(&manifest.documents[0].object)
                .iter()
                .map(Image::to_string)
                .collect();
            assert_eq!(found, ["web:1", "side:2", "init:1"], "{text}");
        }
    }

    /// The values of charts that people use, and what they call the version of what runs.
    #[test]
    fn values_ask_for_images() {
        for (values, expected) in [
            (
                "image: {repository: ghcr.io/acme/api, tag: v2}",
                Some("ghcr.io/acme/api:v2"),
            ),
            (
                "image: {registry: quay.io, repository: acme/api, tag: 1.5}",
                Some("quay.io/acme/api:1.5"),
            ),
            (
                "controllers: {main: {containers: {app: {image: {repository: ghcr.io/home/sonarr, tag: 4.0.1@sha256:ab}}}}}",
                Some("ghcr.io/home/sonarr:4.0.1@sha256:ab"),
            ),
            // A helper's image is not the version of the whole.
            (
                "sidecar: {image: {repository: kiwigrid/k8s-sidecar, tag: 1.0.0}}",
                None,
            ),
            (
                "sidecar: {image: {repository: helper, tag: '1'}}\nserver: {image: {repository: acme/shop, tag: '7'}}",
                Some("acme/shop:7"),
            ),
            ("image: {repository: ghcr.io/acme/api}", None),
            ("replicas: 3", None),
        ] {
            let text = values;
            let values = serde_yaml::from_str(text).unwrap();
            let image = super::image_of_values(&values, &["shop"]);
            assert_eq!(
                image.map(|image| image.to_string()).as_deref(),
                expected,
                "{text}"
            );
        }
    }
}
