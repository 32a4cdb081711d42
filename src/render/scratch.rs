//! Throw-away directories, in memory where the machine has room there.
//!
//! A rendering makes a dozen small files and removes them, and a screen asks for hundreds of renderings. Filesystems on disk
//! are slow at that (ext4 goes past every inode given back within the last minute before it gives out another, a fifth of
//! the time that a large repository takes), and what a repository keeps secret is better never written to a disk.

use std::io;
use std::path::Path;

use tempfile::{Builder, TempDir};

/// A filesystem in memory, on Linux.
const IN_MEMORY: &str = "/dev/shm";
/// What must be free there: several exports of the largest size. Containers mostly have 64 MiB.
const ROOM: u64 = 2 << 30;

/// A new directory of this user alone, removed when dropped: where `TMPDIR` says, else in memory, else where temporary
/// files go.
pub(super) fn directory(prefix: &str) -> io::Result<TempDir> {
    let mut builder = Builder::new();
    builder.prefix(prefix);
    if std::env::var_os("TMPDIR").is_none()
        && free(Path::new(IN_MEMORY)) >= Some(ROOM)
        && let Ok(directory) = builder.tempdir_in(IN_MEMORY)
    {
        return Ok(directory);
    }
    builder.tempdir()
}

/// Bytes that may still be written there.
fn free(place: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(place).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}
