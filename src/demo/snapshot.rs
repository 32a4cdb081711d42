//! The cluster as a directory of YAML files, one object a file, as `gitopsy snapshot` and `kubectl get -o yaml` write it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::objects::{Key, Live};
use super::{Error, Result, io};

fn path(directory: &Path, key: &Key) -> PathBuf {
    let scope = if key.namespace.is_empty() {
        "cluster"
    } else {
        &key.namespace
    };
    let file = format!("{}-{}.yaml", key.kind.to_lowercase(), key.name);
    directory.join(scope).join(file)
}

/// Every object of the snapshot in `directory`.
pub(super) fn read(directory: &Path) -> Result<Live> {
    let mut live = Live::new();
    for scope in list(directory)? {
        for file in list(&scope)? {
            let text = fs::read_to_string(&file).map_err(io("read", &file))?;
            let object = serde_yaml::Deserializer::from_str(&text)
                .next()
                .and_then(|document| Value::deserialize(document).ok());
            let Some((key, object)) = object.and_then(|object| Some((Key::of(&object)?, object)))
            else {
                return Err(Error::Manifest {
                    path: file.display().to_string(),
                    why: "it is no object".to_owned(),
                });
            };
            live.insert(key, object);
        }
    }
    Ok(live)
}

fn list(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(io("read", directory))? {
        let path = entry.map_err(io("read", directory))?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden {
            paths.push(path);
        }
    }
    Ok(paths)
}

/// Turns the snapshot in `directory` from `before` into `after`. Each file is replaced at once, for whoever is reading.
pub(super) fn write(directory: &Path, before: &Live, after: &Live) -> Result<()> {
    for key in before.keys().filter(|key| !after.contains_key(*key)) {
        let path = path(directory, key);
        fs::remove_file(&path).map_err(io("remove", &path))?;
    }
    for (key, object) in after {
        if before.get(key) == Some(object) {
            continue;
        }
        let path = path(directory, key);
        let folder = path.parent().unwrap_or(directory);
        fs::create_dir_all(folder).map_err(io("create", folder))?;
        let text = serde_yaml::to_string(object).map_err(|error| Error::Manifest {
            path: path.display().to_string(),
            why: error.to_string(),
        })?;
        let prefix = tempfile::Builder::new().prefix(".").tempfile_in(folder);
        let mut file = prefix.map_err(io("write in", folder))?;
        file.write_all(text.as_bytes())
            .map_err(io("write", &path))?;
        file.persist(&path)
            .map_err(|error| io("write", &path)(error.error))?;
    }
    Ok(())
}
