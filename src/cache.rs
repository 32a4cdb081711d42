//! What was worked out before, on disk: one SQLite file in the user's cache directory.
//!
//! Two programs at once, `kill -9`, a full disk and a damaged file are SQLite's daily bread. Nothing here ever fails: what
//! cannot be read was never there, what cannot be written is not kept, and a file that is no database any more is replaced.
//! It is safe to delete at any time. Only what is fit to be shown may go in: no secret value ever does.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use ring::digest;
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};

use crate::exec::{self, Call, Outcome};

/// Raised when what is in the tables changes its meaning; a file of another one is emptied.
const FORMAT: i32 = 1;
/// All values together; older ones make place for newer ones.
const MAX_BYTES: i64 = 512 << 20;
/// Between two looks at whether it has grown too large.
const CHECK_EVERY: u32 = 256;
/// A value's last use is noted at most this often.
const DAY: i64 = 86_400;
/// How long another program may hold the file; whoever waits longer goes on without it.
const PATIENCE: Duration = Duration::from_millis(200);

/// A key: the digest of everything a value depends on.
pub type Key = [u8; 32];

/// The key of what `text` describes completely.
pub fn key(text: &str) -> Key {
    let mut key = Key::default();
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    for (to, from) in key.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    key
}

/// Bytes after their digest, for what must not be taken for right only because it can be read.
pub fn sealed(bytes: &[u8]) -> Vec<u8> {
    let digest = digest::digest(&digest::SHA256, bytes);
    [digest.as_ref(), bytes].concat()
}

/// The bytes that were sealed; `None` where they are not those.
pub fn opened(bytes: &[u8]) -> Option<&[u8]> {
    let (seal, bytes) = bytes.split_at_checked(digest::SHA256_OUTPUT_LEN)?;
    let digest = digest::digest(&digest::SHA256, bytes);
    (digest.as_ref() == seal).then_some(bytes)
}

/// Notes in the log of calls that something kept was of no use.
pub fn report(what: &str) {
    exec::record(Call::new(
        Timestamp::now(),
        "cache",
        std::iter::empty::<String>(),
        Duration::ZERO,
        Outcome::failed(what),
    ));
}

/// Values by key. One for all threads.
pub struct Cache {
    file: PathBuf,
    max_bytes: i64,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    /// `connection` is what came of trying.
    is_tried: bool,
    connection: Option<Connection>,
    /// A damaged file is replaced once; twice is a damaged disk.
    replaced: bool,
    puts: u32,
}

impl Cache {
    /// The file in `directory`. Both are made where they are missing when they are first needed: the program does not start
    /// by waiting for a disk.
    pub fn in_directory(directory: &Path) -> Cache {
        Cache::with_limit(directory, MAX_BYTES)
    }

    fn with_limit(directory: &Path, max_bytes: i64) -> Cache {
        Cache {
            file: directory.join("cache.sqlite"),
            max_bytes,
            open: Mutex::default(),
        }
    }

    pub fn get(&self, key: &Key) -> Option<Vec<u8>> {
        self.attempt(|connection| {
            let now = now();
            let row: Option<(Vec<u8>, i64)> = connection
                .prepare("SELECT value, used FROM entry WHERE key = ?1")?
                .query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let Some((value, used)) = row else {
                return Ok(None);
            };
            if now - used > DAY {
                connection
                    .prepare("UPDATE entry SET used = ?2 WHERE key = ?1")?
                    .execute(params![key, now])?;
            }
            Ok(Some(value))
        })?
    }

    pub fn put(&self, key: &Key, value: &[u8]) {
        let put = |connection: &Connection| {
            connection
                .prepare("INSERT OR REPLACE INTO entry (key, value, used) VALUES (?1, ?2, ?3)")?
                .execute(params![key, value, now()])
        };
        if self.attempt(put).is_none() {
            return;
        }
        let mut open = self.lock();
        open.puts += 1;
        let is_due = open.puts % CHECK_EVERY == 1;
        drop(open);
        if is_due {
            self.attempt(|connection| shrink(connection, self.max_bytes));
        }
    }

    /// Runs `work`; `None` where there is no cache, or not for this once.
    fn attempt<T>(&self, work: impl Fn(&Connection) -> rusqlite::Result<T>) -> Option<T> {
        let mut open = self.lock();
        if !open.is_tried {
            open.is_tried = true;
            match connect(&self.file) {
                Ok(connection) => open.connection = Some(connection),
                Err(error) => self.give_up_or_replace(&mut open, &error),
            }
        }
        match work(open.connection.as_ref()?) {
            Ok(value) => Some(value),
            Err(error) => {
                self.give_up_or_replace(&mut open, &error);
                None
            }
        }
    }

    fn give_up_or_replace(&self, open: &mut Open, error: &rusqlite::Error) {
        match error.sqlite_error_code() {
            // Another program is writing, or there is no room: the next time may be better.
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::DiskFull) => {}
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) if !open.replaced => {
                open.replaced = true;
                report("the cache is damaged: it is begun anew");
                open.connection = None;
                for suffix in ["", "-wal", "-shm"] {
                    let mut file = self.file.clone().into_os_string();
                    file.push(suffix);
                    // One that is not there need not be removed; one that cannot be fails to open again.
                    let _ = fs::remove_file(file);
                }
                open.connection = connect(&self.file).ok();
            }
            _ => {
                report(&format!("the cache is not used: {error}"));
                open.connection = None;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn connect(file: &Path) -> rusqlite::Result<Connection> {
    // SQLite gives its other files the mode of this one. A directory or file that cannot be made fails to open below.
    if let Some(directory) = file.parent() {
        let _ = fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory);
    }
    let _ = fs::OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(file);
    let connection = Connection::open(file)?;
    connection.busy_timeout(PATIENCE)?;
    let format: i32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    connection.execute_batch("PRAGMA synchronous = NORMAL;")?;
    if format != FORMAT {
        // Only here: even where it changes nothing, the first writes to the file and waits for the disk.
        connection.execute_batch(&format!(
            "PRAGMA auto_vacuum = INCREMENTAL;
             PRAGMA journal_mode = WAL;
             BEGIN IMMEDIATE;
             DROP TABLE IF EXISTS entry;
             CREATE TABLE entry (key BLOB PRIMARY KEY, value BLOB NOT NULL, used INTEGER NOT NULL);
             CREATE INDEX entry_used ON entry (used);
             PRAGMA user_version = {FORMAT};
             COMMIT;"
        ))?;
    }
    Ok(connection)
}

/// Removes what was used longest ago, until a quarter of the room is free again.
fn shrink(connection: &Connection, max_bytes: i64) -> rusqlite::Result<()> {
    let size = |connection: &Connection| -> rusqlite::Result<i64> {
        connection.query_row(
            "SELECT coalesce(sum(length(value)), 0) FROM entry",
            [],
            |row| row.get(0),
        )
    };
    let mut bytes = size(connection)?;
    if bytes <= max_bytes {
        return Ok(());
    }
    while bytes > max_bytes / 4 * 3 {
        connection.execute(
            "DELETE FROM entry WHERE key IN
             (SELECT key FROM entry ORDER BY used LIMIT max(1, (SELECT count(*) FROM entry) / 8))",
            [],
        )?;
        bytes = size(connection)?;
    }
    connection.execute_batch("PRAGMA incremental_vacuum;")
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs() as i64)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn key(number: u8) -> Key {
        [number; 32]
    }

    #[test]
    fn what_is_put_is_found_again_by_another_program_at_the_same_time() {
        let directory = tempfile::tempdir().expect("directory");
        let place = directory.path().join("new/gitopsy");
        let (one, other) = (Cache::in_directory(&place), Cache::in_directory(&place));
        assert_eq!(one.get(&key(1)), None);
        one.put(&key(1), b"first");
        assert_eq!(other.get(&key(1)).as_deref(), Some(b"first".as_slice()));
        other.put(&key(1), b"second");
        assert_eq!(one.get(&key(1)).as_deref(), Some(b"second".as_slice()));
        for file in fs::read_dir(&place).expect("directory") {
            let mode = file
                .expect("file")
                .metadata()
                .expect("metadata")
                .permissions()
                .mode();
            assert_eq!(mode & 0o077, 0, "readable by others");
        }
        assert_eq!(
            fs::metadata(&place).expect("metadata").permissions().mode() & 0o077,
            0
        );
    }

    #[test]
    fn opening_it_again_writes_nothing() {
        let dir = tempfile::tempdir().expect("directory");
        let first = Cache::in_directory(dir.path());
        assert_eq!(first.get(&key(1)), None);
        let written = || {
            let log = dir.path().join("cache.sqlite-wal");
            fs::metadata(log).expect("a write-ahead log").len()
        };
        let before = written();
        let second = Cache::in_directory(dir.path());
        assert_eq!(second.get(&key(1)), None);
        assert_eq!(written(), before);
        drop((first, second));
    }

    #[test]
    fn a_damaged_file_is_replaced() {
        let directory = tempfile::tempdir().expect("directory");
        let file = directory.path().join("cache.sqlite");
        fs::write(
            &file,
            "this is no database, however long it is ".repeat(500),
        )
        .expect("file");
        let cache = Cache::in_directory(directory.path());
        cache.put(&key(1), b"kept");
        assert_eq!(cache.get(&key(1)).as_deref(), Some(b"kept".as_slice()));
        drop(cache);

        // Pages overwritten while nobody looked.
        let mut bytes = fs::read(&file).expect("file");
        let half = bytes.len() / 2;
        bytes[half..].fill(0x5a);
        bytes[100..200].fill(0x5a);
        fs::write(&file, bytes).expect("file");
        let cache = Cache::in_directory(directory.path());
        cache.get(&key(1));
        cache.put(&key(2), b"again");
        cache.put(&key(2), b"again");
        assert_eq!(cache.get(&key(2)).as_deref(), Some(b"again".as_slice()));
    }

    #[test]
    fn without_a_place_everything_is_a_miss() {
        let directory = tempfile::tempdir().expect("directory");
        let file = directory.path().join("file");
        fs::write(&file, "").expect("file");
        let cache = Cache::in_directory(&file);
        cache.put(&key(1), b"lost");
        assert_eq!(cache.get(&key(1)), None);
    }

    #[test]
    fn another_format_is_emptied() {
        let directory = tempfile::tempdir().expect("directory");
        let cache = Cache::in_directory(directory.path());
        cache.put(&key(1), b"old");
        cache.attempt(|connection| connection.execute_batch("PRAGMA user_version = 77"));
        drop(cache);
        let cache = Cache::in_directory(directory.path());
        assert_eq!(cache.get(&key(1)), None);
        cache.put(&key(1), b"new");
        assert!(cache.get(&key(1)).is_some());
    }

    #[test]
    fn what_was_used_longest_ago_makes_place() {
        let directory = tempfile::tempdir().expect("directory");
        let cache = Cache::with_limit(directory.path(), 100_000);
        for number in 0..20 {
            cache.put(&key(number), &[number; 10_000]);
            cache.attempt(|connection| {
                let used = params![i64::from(number), key(number)];
                connection.execute("UPDATE entry SET used = ?1 WHERE key = ?2", used)
            });
        }
        cache.attempt(|connection| shrink(connection, cache.max_bytes));
        assert!(cache.get(&key(19)).is_some());
        assert!(cache.get(&key(0)).is_none());
        let kept = (0..20).filter(|number| cache.get(&key(*number)).is_some());
        assert!((5..=7).contains(&kept.count()));
    }
}
