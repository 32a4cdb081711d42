//! What a deployer adds to a kustomization, written into its file as that deployer writes it.
//!
//! Not an overlay on top: replacing a prefix is not the same as adding one. The file is read into a value and written back
//! as JSON, which every YAML reader takes for what it is. Sources: fluxcd/pkg `kustomize/kustomize_generator.go`
//! (`GenerateManifest`); argo-cd `util/kustomize/kustomize.go` (`Build`) and kustomize `commands/edit/{set,add}`.

use serde_yaml::{Mapping, Value};

use super::tool::{Additions, Image, Labels, Patch, Rules};

impl Additions {
    /// The text of the kustomization file with the additions in it; `None` where it stays as it is. `file`: its text, or
    /// (`Err`) the resources to generate one with. The error says what cannot be added to what.
    pub(super) fn written(
        &self,
        file: Result<&[u8], &[String]>,
    ) -> Result<Option<Vec<u8>>, String> {
        let mut map = match file {
            Ok(_) if self.is_only_about_the_result() => return Ok(None),
            Ok(text) => read(text)?,
            Err(resources) => generated(resources),
        };
        if self.rules == Rules::Flux && file.is_ok() && items(&map, "resources").is_empty() {
            // What makes kustomize take a file without resources.
            map.insert(
                "buildMetadata".into(),
                Value::Sequence(vec!["originAnnotations".into()]),
            );
        }
        for (key, value) in [
            ("namespace", &self.namespace),
            ("namePrefix", &self.name_prefix),
            ("nameSuffix", &self.name_suffix),
        ] {
            if let Some(value) = value {
                map.insert(key.into(), value.as_str().into());
            }
        }
        for image in &self.images {
            self.image(list(&mut map, "images")?, image);
        }
        for (name, count) in &self.replicas {
            let entry = Mapping::from_iter([
                ("name".into(), name.as_str().into()),
                ("count".into(), (*count).into()),
            ]);
            let replicas = list(&mut map, "replicas")?;
            match position(replicas, name) {
                Some(at) => replicas[at] = entry.into(),
                None => replicas.push(entry.into()),
            }
        }
        for patch in &self.patches {
            let entry = written_patch(patch)?;
            list(&mut map, "patches")?.push(entry);
        }
        for component in &self.components {
            let components = list(&mut map, "components")?;
            if self.rules == Rules::Flux || !components.contains(&component.as_str().into()) {
                components.push(component.as_str().into());
            }
        }
        self.add_labels(&mut map)?;
        if !self.annotations.is_empty() {
            let annotations = mapping(&mut map, "commonAnnotations")?;
            for (key, value) in &self.annotations {
                set(
                    annotations,
                    "annotation",
                    key,
                    value,
                    self.force_annotations,
                )?;
            }
        }
        serde_json::to_vec(&map)
            .map(Some)
            .map_err(|_| "its kustomization file holds what cannot be written back".to_owned())
    }

    fn is_only_about_the_result(&self) -> bool {
        let result_only = Additions {
            generate: self.generate,
            ignore: self.ignore.clone(),
            metadata: self.metadata.clone(),
            substitute: self.substitute.clone(),
            ..Additions::default()
        };
        *self == result_only
    }

    fn image(&self, images: &mut Vec<Value>, image: &Image) {
        let place = position(images, &image.name);
        let mut entry = match (place, self.rules) {
            (Some(at), Rules::Flux) => images[at].as_mapping().cloned().unwrap_or_default(),
            _ => Mapping::new(),
        };
        entry.insert("name".into(), image.name.as_str().into());
        let old = |key: &str| place.and_then(|at| images[at].get(key)).cloned();
        // A tag and a digest both choose the version: to say one of them is to say both.
        if self.rules == Rules::Flux && (image.new_tag.is_some() || image.digest.is_some()) {
            entry.remove("newTag");
            entry.remove("digest");
        }
        for (key, value) in [
            ("newName", &image.new_name),
            ("newTag", &image.new_tag),
            ("digest", &image.digest),
        ] {
            match value.as_deref() {
                // `kustomize edit set image '*'`: as it was.
                Some("*") if self.rules == Rules::ArgoCd => {
                    entry.extend(old(key).map(|value| (key.into(), value)));
                }
                Some(value) => {
                    entry.insert(key.into(), value.into());
                }
                None => {}
            }
        }
        match place {
            Some(at) => images[at] = entry.into(),
            None => images.push(entry.into()),
        }
    }

    fn add_labels(&self, map: &mut Mapping) -> Result<(), String> {
        let Labels {
            pairs,
            without_selectors,
            in_templates,
            force,
        } = &self.labels;
        if pairs.is_empty() {
            return Ok(());
        }
        let target = if *without_selectors {
            let flag =
                |entry: &Value, key: &str| entry.get(key).and_then(Value::as_bool) == Some(true);
            let labels = list(map, "labels")?;
            let place = labels.iter().position(|entry| {
                !flag(entry, "includeSelectors") && flag(entry, "includeTemplates") == *in_templates
            });
            let place = place.unwrap_or(labels.len());
            if place == labels.len() {
                labels.push(
                    Mapping::from_iter([("includeTemplates".into(), (*in_templates).into())])
                        .into(),
                );
            }
            let entry = labels[place].as_mapping_mut();
            mapping(entry.ok_or("its labels are no list of mappings")?, "pairs")?
        } else {
            mapping(map, "commonLabels")?
        };
        for (key, value) in pairs {
            set(target, "label", key, value, *force)?;
        }
        Ok(())
    }
}

fn read(text: &[u8]) -> Result<Mapping, String> {
    let mut value: Value =
        serde_yaml::from_slice(text).map_err(|_| "its kustomization file is not valid YAML")?;
    value
        .apply_merge()
        .map_err(|_| "its kustomization file merges what cannot be merged")?;
    match value {
        Value::Mapping(map) => Ok(map),
        Value::Null => Ok(Mapping::new()),
        _ => Err("its kustomization file is not a mapping".to_owned()),
    }
}

/// What Flux generates where there is no kustomization file.
fn generated(resources: &[String]) -> Mapping {
    let mut map = Mapping::from_iter([
        (
            "apiVersion".into(),
            "kustomize.config.k8s.io/v1beta1".into(),
        ),
        ("kind".into(), "Kustomization".into()),
    ]);
    if resources.is_empty() {
        map.insert("namespace".into(), "_placeholder".into());
    } else {
        let resources = resources.iter().map(|path| path.as_str().into()).collect();
        map.insert("resources".into(), Value::Sequence(resources));
    }
    map
}

fn written_patch(patch: &Patch) -> Result<Value, String> {
    let mut entry = Mapping::new();
    if !patch.patch.is_empty() {
        entry.insert("patch".into(), patch.patch.as_str().into());
    }
    if let Some(path) = &patch.path {
        entry.insert("path".into(), path.as_str().into());
    }
    if let Some(target) = &patch.target {
        let target: Value =
            serde_yaml::from_str(target).map_err(|_| "the target of a patch is not valid YAML")?;
        entry.insert("target".into(), target);
    }
    if !patch.options.is_empty() {
        let options = patch.options.iter();
        let options: Mapping = options
            .map(|(key, value)| (key.as_str().into(), (*value).into()))
            .collect();
        entry.insert("options".into(), options.into());
    }
    Ok(entry.into())
}

fn items<'a>(map: &'a Mapping, key: &str) -> &'a [Value] {
    map.get(key)
        .and_then(Value::as_sequence)
        .map_or(&[], Vec::as_slice)
}

/// The list at `key`, made where there is none.
fn list<'a>(map: &'a mut Mapping, key: &str) -> Result<&'a mut Vec<Value>, String> {
    let value = map.entry(key.into()).or_insert(Value::Null);
    if value.is_null() {
        *value = Value::Sequence(Vec::new());
    }
    value
        .as_sequence_mut()
        .ok_or_else(|| format!("the {key} of its kustomization file are no list"))
}

/// The mapping at `key`, made where there is none.
fn mapping<'a>(map: &'a mut Mapping, key: &str) -> Result<&'a mut Mapping, String> {
    let value = map.entry(key.into()).or_insert(Value::Null);
    if value.is_null() {
        *value = Value::Mapping(Mapping::new());
    }
    value
        .as_mapping_mut()
        .ok_or_else(|| format!("the {key} of its kustomization file are no mapping"))
}

fn position(entries: &[Value], name: &str) -> Option<usize> {
    let named = |entry: &Value| entry.get("name").and_then(Value::as_str) == Some(name);
    entries.iter().position(named)
}

fn set(map: &mut Mapping, what: &str, key: &str, value: &str, force: bool) -> Result<(), String> {
    if map.contains_key(key) && !force {
        let key = crate::text::clean_line(key);
        return Err(format!(
            "the {what} {key} is in its kustomization file already, and Argo CD is not told to force it"
        ));
    }
    map.insert(key.into(), value.into());
    Ok(())
}
