//! Our own object directory, with the clone's as alternate: everything we create or fetch goes here.
//!
//! It lives in the state directory, one per repository (linked work trees share theirs), and is made at the first write.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

pub(super) struct Shadow {
    /// `<state>/repositories/<name>-<hash of the path>`.
    dir: PathBuf,
    store: OnceLock<Arc<gix::odb::Store>>,
}

impl Shadow {
    /// The shadow of the repository whose common git directory is `common_dir`. Touches nothing.
    pub(super) fn new(state: &Path, common_dir: &Path) -> Shadow {
        Shadow {
            dir: state.join("repositories").join(directory_name(common_dir)),
            store: OnceLock::new(),
        }
    }

    pub(super) fn objects_dir(&self) -> PathBuf {
        self.dir.join("objects")
    }

    /// The shadow's objects, with `own` behind them; `None` as long as nothing was written to it.
    pub(super) fn store(&self, own: &gix::odb::Store) -> Option<Arc<gix::odb::Store>> {
        if let Some(store) = self.store.get() {
            return Some(Arc::clone(store));
        }
        let objects = self.objects_dir();
        if !objects.join("info/alternates").is_file() {
            return None;
        }
        let store = gix::odb::Store::at_opts(
            objects,
            own.object_hash(),
            &mut own.replacements(),
            gix::odb::store::init::Options::default(),
        )
        .ok()?;
        Some(Arc::clone(self.store.get_or_init(|| Arc::new(store))))
    }
}

/// The repository's own name, for people who look into the directory, and a hash of its path.
fn directory_name(common_dir: &Path) -> String {
    let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha1);
    hasher.update(common_dir.as_os_str().as_encoded_bytes());
    let hash = hasher
        .try_finalize()
        .map_or_else(|_| "0".to_owned(), |id| id.to_hex_with_len(12).to_string());
    let named = if common_dir.ends_with(".git") {
        common_dir.parent()
    } else {
        Some(common_dir)
    };
    let name: String = named
        .and_then(Path::file_name)
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        .take(40)
        .collect();
    format!("{}-{hash}", name.trim_start_matches('.'))
}
