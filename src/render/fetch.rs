//! Charts, repositories and files from elsewhere, fetched once where the user allows it (`--allow-network`).
//!
//! A chart is kept under the digest of its bytes, and what was asked for beside it as a pointer to that digest; what was
//! fetched once is there without the network, too. `helm pull` gets no credentials and nothing of the user's
//! configuration but proxies and certificates; a repository is fetched by their git, as they would fetch it.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ring::digest;

use super::kustomization::without_credentials;
use super::program::{self, Program, Run};
use super::{Error, remote};
use crate::git::{self, Oid, Repo};
use crate::task::Cancel;
use crate::text::clean_line;

/// Charts are templates; a megabyte is a large one.
const MAX_BYTES: u64 = 64 << 20;
/// A download that takes longer is given up.
const DOWNLOAD: Duration = Duration::from_secs(60);

/// A chart somewhere else.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Wanted {
    /// `https://…`, or `oci://…` with the chart's name.
    pub(super) repository: String,
    pub(super) name: String,
    /// Empty: the newest.
    pub(super) version: String,
}

/// A chart that is here.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) file: PathBuf,
    /// SHA-256 of its bytes, in hexadecimal digits.
    pub(super) digest: String,
}

/// Where fetched charts are kept.
pub(super) struct Fetches {
    directory: PathBuf,
    allowed: bool,
    /// Asked for in this run already: a range of versions is looked up once.
    asked: Mutex<HashSet<Wanted>>,
    bases: Mutex<HashSet<remote::Wanted>>,
}

impl Wanted {
    /// `redis 17.x from https://charts.example.com`
    pub(super) fn describe(&self) -> String {
        let version = match self.version.as_str() {
            "" => String::new(),
            version => format!(" {}", clean_line(version)),
        };
        let from = without_credentials(&self.repository);
        format!("{}{version} from {from}", clean_line(&self.name))
    }

    /// Why it is no chart that could be fetched.
    fn objection(&self) -> Option<&'static str> {
        let plain = |text: &str, more: &str| {
            !text.starts_with('-')
                && text
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || more.contains(c))
        };
        let schemes = ["https://", "http://", "oci://"];
        if !schemes
            .iter()
            .any(|scheme| self.repository.starts_with(scheme))
        {
            Some("only https, http and oci are fetched from")
        } else if self.name.is_empty() || !plain(&self.name, "._-/") {
            Some("that is no chart's name")
        } else if !plain(&self.version, "._-+*^~<>=|, ") {
            Some("that is no version")
        } else {
            None
        }
    }

    /// Whether it can only ever mean the same chart.
    fn is_exact(&self) -> bool {
        let version = self.version.strip_prefix('v').unwrap_or(&self.version);
        let core = version.split(['-', '+']).next().unwrap_or_default();
        let parts: Vec<&str> = core.split('.').collect();
        parts.len() == 3 && parts.iter().all(|part| part.parse::<u64>().is_ok())
    }
}

impl Fetches {
    pub(super) fn new(directory: PathBuf, allowed: bool) -> Fetches {
        Fetches {
            directory,
            allowed,
            asked: Mutex::default(),
            bases: Mutex::default(),
        }
    }

    /// Stands for what is here, and whether what is not may be fetched.
    pub(super) fn fingerprint(&self) -> String {
        let entries = fs::read_dir(&self.directory).into_iter().flatten();
        let mut here: Vec<_> = entries
            .flatten()
            .map(|entry| {
                let modified = entry.metadata().and_then(|metadata| metadata.modified());
                (entry.file_name(), modified.ok())
            })
            .collect();
        here.sort();
        format!("{} {here:?}", self.allowed)
    }

    /// The chart, from here or (where that is allowed) from there; else why not.
    pub(super) fn chart(
        &self,
        helm: Result<&Program, &str>,
        wanted: &Wanted,
        cancel: &Cancel,
    ) -> Result<Result<Fetched, String>, Error> {
        let kept = self.kept(wanted);
        let first = {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            asked.insert(wanted.clone())
        };
        let fetch = self.allowed && (kept.is_none() || (first && !wanted.is_exact()));
        if !fetch {
            return Ok(
                kept.ok_or_else(|| format!("{}: `--allow-network` fetches it", wanted.describe()))
            );
        }
        let fetched = match (wanted.objection(), helm) {
            (Some(why), _) => Err(format!("{}: {why}", wanted.describe())),
            (None, Err(why)) => Err(why.to_owned()),
            (None, Ok(helm)) => self.pull(helm, wanted, cancel)?,
        };
        // Better what was the newest the last time than nothing.
        Ok(fetched.or_else(|why| kept.ok_or(why)))
    }

    fn pull(
        &self,
        helm: &Program,
        wanted: &Wanted,
        cancel: &Cancel,
    ) -> Result<Result<Fetched, String>, Error> {
        let temporary = match tempfile::Builder::new().prefix("gitopsy-pull-").tempdir() {
            Ok(temporary) => temporary,
            Err(error) => return Ok(Err(format!("no temporary directory: {error}"))),
        };
        let mut arguments = vec![
            "pull".to_owned(),
            format!("--destination={}", temporary.path().display()),
        ];
        if !wanted.version.is_empty() {
            arguments.push(format!("--version={}", wanted.version));
        }
        let chart = if wanted.repository.starts_with("oci://") {
            wanted.repository.clone()
        } else {
            arguments.push(format!("--repo={}", wanted.repository));
            wanted.name.clone()
        };
        arguments.extend(["--".to_owned(), chart]);
        let run = Run {
            program: &helm.file,
            arguments: arguments.into_iter().map(Into::into).collect(),
            directory: None,
            environment: program::network(),
            confined: None,
            cancel,
        };
        if let Err(failure) = run.output()? {
            let message = crate::exec::redact(&program::brief(&failure.message));
            return Ok(Err(format!(
                "{} cannot be fetched: {message}",
                wanted.describe()
            )));
        }
        Ok(self
            .keep(wanted, temporary.path())
            .map_err(|why| format!("{} cannot be kept: {why}", wanted.describe())))
    }

    /// Moves the one packed chart in `directory` to where it is kept.
    fn keep(&self, wanted: &Wanted, directory: &Path) -> Result<Fetched, String> {
        let mut files = fs::read_dir(directory).map_err(|error| error.to_string())?;
        let file = files
            .find_map(|entry| {
                let path = entry.ok()?.path();
                (path.extension()? == "tgz").then_some(path)
            })
            .ok_or("helm fetched nothing")?;
        let size = file.metadata().map_err(|error| error.to_string())?.len();
        if size > MAX_BYTES {
            return Err(format!("it is larger than {} MiB", MAX_BYTES >> 20));
        }
        let bytes = fs::read(file).map_err(|error| error.to_string())?;
        let digest = hex(&bytes);
        let file = self.store(&format!("{digest}.tgz"), &bytes)?;
        self.store(&pointer(wanted), digest.as_bytes())?;
        Ok(Fetched { file, digest })
    }

    fn store(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, String> {
        let store = || -> std::io::Result<PathBuf> {
            fs::create_dir_all(&self.directory)?;
            let mut temporary = tempfile::NamedTempFile::new_in(&self.directory)?;
            temporary.write_all(bytes)?;
            let path = self.directory.join(name);
            temporary.persist(&path).map_err(|error| error.error)?;
            Ok(path)
        };
        store().map_err(|error| error.to_string())
    }

    /// Why what a kustomization names is not here.
    pub(super) fn refusal(wanted: &remote::Wanted) -> String {
        format!("{}: `--allow-network` fetches it", wanted.describe())
    }

    /// Whether it is to be fetched: what cannot change is fetched once, what may is asked for once in every run.
    fn is_due(&self, wanted: &remote::Wanted, is_kept: bool) -> bool {
        let mut asked = self.bases.lock().unwrap_or_else(PoisonError::into_inner);
        let first = asked.insert(wanted.clone());
        self.allowed && (!is_kept || (first && !wanted.is_exact()))
    }

    /// The repository that a base is in and the commit that was asked for, from here or from there; else why not.
    pub(super) fn repository(
        &self,
        wanted: &remote::Wanted,
        cancel: &Cancel,
    ) -> Result<Result<(Repo, Oid), String>, Error> {
        let remote::Wanted::Directory { url, revision, .. } = wanted else {
            return Ok(Err(Fetches::refusal(wanted)));
        };
        let place = self.directory.join("git").join(hex(url.as_bytes()));
        let pointer = hex(format!("{url} {revision}").as_bytes());
        let open = |commit: Oid| -> Option<(Repo, Oid)> {
            let repo = Repo::open(&place, &self.directory).ok()?;
            repo.reader().tree_of(commit).ok()?;
            Some((repo, commit))
        };
        let kept = fs::read_to_string(self.directory.join(&pointer)).ok();
        let kept = kept.and_then(|id| open(Oid::from_hex(id.as_bytes()).ok()?));
        if !self.is_due(wanted, kept.is_some()) {
            return Ok(kept.ok_or_else(|| Fetches::refusal(wanted)));
        }
        let fetched = match git::fetch_elsewhere(&place, url, revision, cancel) {
            Ok(commit) => self
                .store(&pointer, commit.to_string().as_bytes())
                .and_then(|_| open(commit).ok_or_else(|| "it cannot be opened".to_owned())),
            Err(_) if cancel.is_cancelled() => return Err(Error::Cancelled),
            Err(error) => Err(crate::exec::redact(&program::brief(&error.to_string()))),
        };
        let why = |why: String| format!("{}, which cannot be fetched: {why}", wanted.describe());
        Ok(fetched.map_err(why).or_else(|why| kept.ok_or(why)))
    }

    /// A file of manifests, from here or from there; else why not.
    pub(super) fn file(
        &self,
        wanted: &remote::Wanted,
        cancel: &Cancel,
    ) -> Result<Result<Vec<u8>, String>, Error> {
        let remote::Wanted::File { url } = wanted else {
            return Ok(Err(Fetches::refusal(wanted)));
        };
        let pointer = hex(format!("file {url}").as_bytes());
        let kept = fs::read_to_string(self.directory.join(&pointer)).ok();
        let kept = kept.and_then(|digest| {
            let bytes = fs::read(self.directory.join(format!("{digest}.yaml"))).ok()?;
            (hex(&bytes) == digest).then_some(bytes)
        });
        if !self.is_due(wanted, kept.is_some()) {
            return Ok(kept.ok_or_else(|| Fetches::refusal(wanted)));
        }
        let fetched = download(url, cancel)?.and_then(|bytes| {
            let digest = hex(&bytes);
            self.store(&format!("{digest}.yaml"), &bytes)?;
            self.store(&pointer, digest.as_bytes())?;
            Ok(bytes)
        });
        let why = |why: String| format!("{}, which cannot be fetched: {why}", wanted.describe());
        Ok(fetched.map_err(why).or_else(|why| kept.ok_or(why)))
    }

    fn kept(&self, wanted: &Wanted) -> Option<Fetched> {
        let digest = fs::read_to_string(self.directory.join(pointer(wanted))).ok()?;
        let file = self.directory.join(format!("{digest}.tgz"));
        // Damaged, it is fetched again.
        let intact = hex(&fs::read(&file).ok()?) == digest;
        intact.then_some(Fetched { file, digest })
    }
}

/// What a server answers, without credentials.
fn download(url: &str, cancel: &Cancel) -> Result<Result<Vec<u8>, String>, Error> {
    let get = async {
        let client = reqwest::Client::builder()
            .timeout(DOWNLOAD)
            .build()
            .map_err(|error| error.to_string())?;
        let sent = client.get(url).send().await;
        let mut answer = sent
            .and_then(reqwest::Response::error_for_status)
            .map_err(|error| error.without_url().to_string())?;
        let mut bytes = Vec::new();
        while let Some(part) = answer
            .chunk()
            .await
            .map_err(|error| error.without_url().to_string())?
        {
            bytes.extend_from_slice(&part);
            if bytes.len() as u64 > MAX_BYTES {
                return Err(format!("it is larger than {} MiB", MAX_BYTES >> 20));
            }
        }
        Ok(bytes)
    };
    // Whoever renders may be on a thread with a runtime of its own, which must not wait.
    let fetched = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            // Another part of the program may have installed it already.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.map_err(|error| error.to_string())?.block_on(get)
        });
        let panicked = |_| Err("the download ended".to_owned());
        thread.join().unwrap_or_else(panicked)
    });
    match cancel.is_cancelled() {
        true => Err(Error::Cancelled),
        false => Ok(fetched),
    }
}

/// The file that says which chart a request was answered with.
fn pointer(wanted: &Wanted) -> String {
    hex(format!("{wanted:?}").as_bytes())
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, bytes);
    let digits = digest.as_ref().iter();
    digits.map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(repository: &str, name: &str, version: &str) -> Wanted {
        Wanted {
            repository: repository.to_owned(),
            name: name.to_owned(),
            version: version.to_owned(),
        }
    }

    #[test]
    fn what_is_no_chart_is_not_handed_to_helm() {
        let url = "https://charts.example.com";
        for (wanted, fine) in [
            (wanted(url, "redis", "17.x"), true),
            (wanted(url, "redis", ">=1.2 <2"), true),
            (
                wanted("oci://registry.example.com/a/redis", "redis", ""),
                true,
            ),
            (wanted("file:///etc", "redis", "1"), false),
            (wanted("--post-renderer=/bin/sh", "redis", "1"), false),
            (wanted(url, "--post-renderer=/bin/sh", "1"), false),
            (wanted(url, "redis", "--untar"), false),
        ] {
            assert_eq!(wanted.objection().is_none(), fine, "{wanted:?}");
        }
        assert!(wanted(url, "a", "1.2.3").is_exact() && wanted(url, "a", "v1.2.3-rc.1").is_exact());
        assert!(!wanted(url, "a", "1.2").is_exact() && !wanted(url, "a", "^1.2.3").is_exact());
    }

    #[test]
    fn what_was_fetched_is_there_without_the_network() {
        let place = tempfile::tempdir().expect("directory");
        let pulled = tempfile::tempdir().expect("directory");
        fs::write(pulled.path().join("redis-1.2.3.tgz"), "packed").expect("file");
        let redis = wanted("https://charts.example.com", "redis", "1.2.3");
        let fetches = Fetches::new(place.path().join("charts"), false);
        let missing = fetches.chart(Err("no helm"), &redis, &Cancel::new());
        let why = missing.expect("not cancelled").expect_err("nothing there");
        assert_eq!(
            why,
            "redis 1.2.3 from https://charts.example.com: `--allow-network` fetches it"
        );

        let kept = fetches.keep(&redis, pulled.path()).expect("kept");
        let found = fetches.chart(Err("no helm"), &redis, &Cancel::new());
        let found = found.expect("not cancelled").expect("there");
        assert_eq!((found.digest, &found.file), (kept.digest, &kept.file));

        fs::write(&kept.file, "damaged").expect("file");
        let damaged = fetches.chart(Err("no helm"), &redis, &Cancel::new());
        assert!(damaged.expect("not cancelled").is_err());
    }
}
