//! The files of a snapshot directory: which there are, what is in them, and how they are written.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Info;
use crate::cluster::Error;
use crate::manifest::ObjectRef;

const INFO: &str = "snapshot.yaml";

/// No snapshot has files that large; a directory that was named by mistake may.
const LARGEST: u64 = 256 * 1024 * 1024;
const DEEPEST: usize = 16;

/// Tells whether a file is still the one that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    /// A file that is replaced within the clock's resolution has another one.
    inode: u64,
}

impl Stamp {
    fn of(metadata: &fs::Metadata) -> Stamp {
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Stamp {
            modified: metadata.modified().ok(),
            length: metadata.len(),
            inode,
        }
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { path, source }
}

/// The YAML and JSON files below `dir`, by their path in it. Hidden ones and symbolic links are passed over.
pub(super) fn scan(dir: &Path) -> Result<BTreeMap<PathBuf, Stamp>, Error> {
    let mut found = BTreeMap::new();
    below(dir, Path::new(""), 0, &mut found)?;
    Ok(found)
}

fn below(
    dir: &Path,
    at: &Path,
    depth: usize,
    found: &mut BTreeMap<PathBuf, Stamp>,
) -> Result<(), Error> {
    let folder = dir.join(at);
    for entry in fs::read_dir(&folder).map_err(failed(&folder))? {
        let entry = entry.map_err(failed(&folder))?;
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = at.join(&name);
        // A file may go while the directory is read: another process replaces it.
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if metadata.is_dir() && depth < DEEPEST {
            below(dir, &path, depth + 1, found)?;
        } else if metadata.is_file() && is_read(&path) {
            found.insert(path, Stamp::of(&metadata));
        }
    }
    Ok(())
}

fn is_read(path: &Path) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| matches!(extension, "yaml" | "yml" | "json"))
}

fn is_json(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "json")
}

pub(super) fn is_info(file: &Path) -> bool {
    file == Path::new(INFO)
}

fn text(dir: &Path, file: &Path) -> Result<String, Error> {
    let path = dir.join(file);
    let length = fs::metadata(&path).map_err(failed(&path))?.len();
    if length > LARGEST {
        return Err(Error::Broken {
            path,
            why: "it is too large for a snapshot's".to_owned(),
        });
    }
    fs::read_to_string(&path).map_err(failed(&path))
}

pub(super) fn read_info(dir: &Path, file: &Path) -> Result<Info, Error> {
    let text = text(dir, file)?;
    serde_yaml::from_str(&text).map_err(|error| Error::Broken {
        path: dir.join(file),
        why: error.to_string(),
    })
}

/// The objects in a file, lists taken apart. Documents that are no objects are passed over.
pub(super) fn read(dir: &Path, file: &Path) -> Result<Vec<(ObjectRef, Value)>, Error> {
    let text = text(dir, file)?;
    // The parser's message may quote a value, the place does not.
    let broken = |place: Option<(usize, usize)>| {
        let place = place
            .map(|(line, column)| format!(" at line {line}, column {column}"))
            .unwrap_or_default();
        let language = if is_json(file) { "JSON" } else { "YAML" };
        Error::Broken {
            path: dir.join(file),
            why: format!("it is no {language}{place}"),
        }
    };
    let mut objects = Vec::new();
    if is_json(file) {
        let value = serde_json::from_str(&text)
            .map_err(|error| broken(Some((error.line(), error.column()))))?;
        collect(value, &mut objects);
        return Ok(objects);
    }
    for document in serde_yaml::Deserializer::from_str(&text) {
        let value = Value::deserialize(document).map_err(|error| {
            broken(error.location().map(|place| (place.line(), place.column())))
        })?;
        collect(value, &mut objects);
    }
    Ok(objects)
}

/// `kind: List` and the API server's own lists (`PodList`, whose items do not repeat their kind) are taken apart.
fn collect(mut value: Value, objects: &mut Vec<(ObjectRef, Value)>) {
    let kind = value
        .get("kind")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let Some(of) = kind
        .strip_suffix("List")
        .filter(|_| value.get("items").is_some_and(Value::is_array))
    else {
        if let Some(id) = identity(&value) {
            objects.push((id, value));
        }
        return;
    };
    let version = value.get("apiVersion").cloned();
    let Some(Value::Array(items)) = value.get_mut("items").map(Value::take) else {
        return;
    };
    for mut item in items {
        if let (Value::Object(item), false) = (&mut item, of.is_empty()) {
            fill(item, "kind", Some(Value::String(of.to_owned())));
            fill(item, "apiVersion", version.clone());
        }
        collect(item, objects);
    }
}

fn fill(item: &mut Map<String, Value>, key: &str, value: Option<Value>) {
    if let (false, Some(value)) = (item.contains_key(key), value) {
        item.insert(key.to_owned(), value);
    }
}

/// Which object a value is; `None` where it is none.
pub(super) fn identity(value: &Value) -> Option<ObjectRef> {
    let text = |value: &Value, key: &str| {
        value
            .get(key)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let version = text(value, "apiVersion")?;
    let metadata = value.get("metadata")?;
    Some(ObjectRef {
        group: version
            .split_once('/')
            .map(|(group, _)| group.to_owned())
            .unwrap_or_default(),
        kind: text(value, "kind")?,
        namespace: text(metadata, "namespace"),
        name: text(metadata, "name")?,
    })
}

/// Where a new object goes: `<namespace>/<kind>.<group>-<name>.yaml`, whatever those are.
pub(super) fn new_path(id: &ObjectRef, taken: impl Fn(&Path) -> bool) -> PathBuf {
    let folder = match &id.namespace {
        // No namespace has a dot; one that had could pass for a file of the snapshot's.
        Some(namespace) => file_name(namespace).replace('.', "%2E"),
        None => "_cluster".to_owned(),
    };
    let kind = match id.group.as_str() {
        "" => id.kind.to_lowercase(),
        group => format!("{}.{group}", id.kind.to_lowercase()),
    };
    let stem = file_name(&format!("{kind}-{}", id.name));
    let numbered = (2..).map(|number| format!("{stem}~{number}.yaml"));
    let mut names = std::iter::once(format!("{stem}.yaml"))
        .chain(numbered)
        .map(|name| Path::new(&folder).join(name));
    names.find(|path| !taken(path)).unwrap_or_default()
}

/// Names come from the cluster: what is no plain letter is written as `%3A`, and long ones are cut. Nor are capitals plain: some
/// file systems do not tell them from small letters.
fn file_name(name: &str) -> String {
    const LONGEST: usize = 200;
    let mut out = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => out.push(char::from(byte)),
            b'.' if !out.is_empty() => out.push('.'),
            other => out.push_str(&format!("%{other:02X}")),
        }
        if out.len() >= LONGEST {
            break;
        }
    }
    out
}

/// Makes the directory of a new snapshot. It must not be in another one, which would have its objects twice.
pub(super) fn create(dir: &Path, info: &Info) -> Result<(), Error> {
    let owned = || dir.to_owned();
    if dir.exists() && !dir.is_dir() {
        return Err(Error::NoDirectory { dir: owned() });
    }
    let absolute = std::path::absolute(dir).map_err(failed(dir))?;
    let existing = absolute
        .ancestors()
        .find_map(|path| path.canonicalize().ok());
    let around = existing.iter().flat_map(|path| path.ancestors());
    if let Some(other) = around
        .filter(|path| *path != absolute)
        .find(|path| path.join(INFO).is_file())
    {
        let other = other.to_owned();
        return Err(Error::InSnapshot {
            dir: owned(),
            other,
        });
    }
    private(dir)?;
    let first = staged(dir, Path::new(INFO), &yaml(dir, info)?)?;
    let mut entries = fs::read_dir(dir).map_err(failed(dir))?;
    let is_ours = |entry: &io::Result<fs::DirEntry>| matches!(entry, Ok(entry) if entry.path() == first.path());
    if !entries.all(|entry| is_ours(&entry)) {
        return Err(Error::NotEmpty { dir: owned() });
    }
    // Somebody else may have begun one at this moment.
    match first.persist_noclobber(dir.join(INFO)) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            Err(Error::NotEmpty { dir: owned() })
        }
        Err(error) => Err(failed(dir)(error.error)),
    }
}

/// A directory that is the user's alone, with those it is in, where they are not there yet.
fn private(dir: &Path) -> Result<(), Error> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(failed(dir))
}

pub(super) fn write_info(dir: &Path, info: &Info) -> Result<(), Error> {
    put(dir, Path::new(INFO), &yaml(dir, info)?).map(drop)
}

/// Writes a file with these objects, one document each; without any, the file goes.
pub(super) fn write(dir: &Path, file: &Path, objects: &[&Value]) -> Result<Option<Stamp>, Error> {
    let path = dir.join(file);
    let text = match objects {
        [] => match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed(&path)(error));
            }
            _ => return Ok(None),
        },
        [object] if is_json(file) => format!("{object:#}\n"),
        objects if is_json(file) => format!(
            "{:#}\n",
            serde_json::json!({ "apiVersion": "v1", "kind": "List", "items": objects })
        ),
        objects => {
            let documents: Vec<String> = objects
                .iter()
                .map(|object| yaml(&path, object))
                .collect::<Result<_, _>>()?;
            documents.join("---\n")
        }
    };
    put(dir, file, &text).map(Some)
}

/// YAML in which every string is read back as the string it is. Texts of several lines are written as such where that holds:
/// one that begins with a tab is not read back from it. Long ones are not folded, which would show line ends that are not there.
fn yaml<T: serde::Serialize>(path: &Path, value: &T) -> Result<String, Error> {
    let broken = |why: String| Error::Broken {
        path: path.to_owned(),
        why,
    };
    let options = serde_saphyr::ser_options! { folded_wrap_chars: usize::MAX };
    let text = serde_saphyr::to_string_with_options(value, options)
        .map_err(|error| broken(error.to_string()))?;
    let meant = serde_json::to_value(value).map_err(|error| broken(error.to_string()))?;
    if serde_yaml::from_str::<Value>(&text).is_ok_and(|read| read == meant) {
        return Ok(text);
    }
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_string_with_options(value, options).map_err(|error| broken(error.to_string()))
}

/// Replaces a file at once, for whoever is reading.
fn put(dir: &Path, file: &Path, text: &str) -> Result<Stamp, Error> {
    let path = dir.join(file);
    let written = staged(dir, file, text)?
        .persist(&path)
        .map_err(|error| failed(&path)(error.error))?;
    Ok(Stamp::of(&written.metadata().map_err(failed(&path))?))
}

/// What is to become a file, beside it; for nobody else to read.
fn staged(dir: &Path, file: &Path, text: &str) -> Result<tempfile::NamedTempFile, Error> {
    let path = dir.join(file);
    let folder = path.parent().unwrap_or(dir);
    private(folder)?;
    let mut temporary = tempfile::Builder::new()
        .prefix(".")
        .tempfile_in(folder)
        .map_err(failed(folder))?;
    temporary
        .write_all(text.as_bytes())
        .map_err(failed(&path))?;
    Ok(temporary)
}
