//! Running a tool over somebody else's files.
//!
//! It gets a throw-away copy of what it may read, an empty `PATH` (so that it can run neither git nor helm nor a plugin), an
//! empty home, no credentials, and dead proxies: whatever a repository says, a tool reads files and prints text. Time,
//! output and memory are bounded. Where the kernel can do it, a tool is held to that copy, its home and itself besides: what
//! was overlooked beforehand is then refused by the kernel. What it says when it fails goes to people, so it is bounded and cleaned, and withheld
//! where it may quote a secret.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::export::Export;
use super::{By, Error, How, scratch};
use crate::exec::{self, Command, Confinement};
use crate::task::Cancel;
use crate::text;

/// The slowest build measured on real repositories took 1.8 s.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The largest output measured was 60,365 lines, about 2 MB.
const MAX_OUTPUT: usize = 64 << 20;
/// Above this a Go program collects garbage rather than grow.
const SOFT_MEMORY: &str = "1GiB";
/// Below it collects late: a build takes milliseconds, and what it leaves behind ends with it.
const GARBAGE: &str = "400";
/// Several run at once: one that spreads over all cores takes them from the others.
const THREADS: &str = "1";
/// Above this it does not get any more, and ends.
const MAX_MEMORY: u64 = 4 << 30;
/// Of a message shown to people.
const MAX_WHY: usize = 600;
/// Nothing listens on the discard port.
const NOWHERE: &str = "http://127.0.0.1:9";

/// An installed tool.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Program {
    pub(super) file: PathBuf,
    pub(super) name: &'static str,
    /// As it names it: `v5.5.0`.
    pub(super) version: String,
    /// It runs where the kernel holds it to its files. (What is a script, or starts another program, does not.)
    pub(super) is_confinable: bool,
}

impl Program {
    /// What a rendering by it says of itself.
    pub(super) fn how(&self) -> How {
        How::Tool {
            name: self.name.to_owned(),
            version: self.version.clone(),
        }
    }

    /// All it may touch beside its home where it is to read `readable`; `None` where it cannot be held to that.
    pub(super) fn confined(&self, readable: &[&Path]) -> Option<Confinement> {
        self.is_confinable
            .then(|| confinement(&self.file, readable))
    }
}

fn confinement(program: &Path, readable: &[&Path]) -> Confinement {
    Confinement {
        programs: vec![real(program)],
        // Templates print dates, in the machine's time zone.
        readable: readable
            .iter()
            .chain(&[Path::new("/etc/localtime")])
            .map(PathBuf::from)
            .collect(),
        writable: Vec::new(),
    }
}

/// A program's file, where its name is a link to it.
pub(super) fn real(program: &Path) -> PathBuf {
    program
        .canonicalize()
        .unwrap_or_else(|_| program.to_owned())
}

/// Where `name` is: in `tools` (written like `PATH`), else in `PATH`.
pub(super) fn find(name: &str, tools: Option<&OsStr>) -> Option<PathBuf> {
    match tools {
        Some(tools) => std::env::split_paths(tools).find_map(|place| exec::find(place.join(name))),
        None => exec::find(name),
    }
}

/// What a tool answers to a question about itself, held to its own files or not.
pub(super) fn ask(program: &Path, is_confined: bool, arguments: &[&str]) -> Option<Vec<u8>> {
    let run = Run {
        program,
        arguments: arguments.iter().map(OsString::from).collect(),
        directory: None,
        environment: Vec::new(),
        confined: is_confined.then(|| confinement(program, &[])),
        cancel: &Cancel::new(),
    };
    run.output().ok()?.ok()
}

/// A version in what a tool prints: `v5.5.0`, `v3.21.4+gabc`, or (kustomize before 4.5) `{Version:kustomize/v4.2.0 …}`.
pub(super) fn version_in(output: &[u8]) -> String {
    let output = String::from_utf8_lossy(output);
    let is_version = |word: &&str| {
        word.strip_prefix('v')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let mut words =
        output.split(|c: char| c.is_whitespace() || matches!(c, '/' | '{' | '}' | ':' | '"'));
    words
        .find(is_version)
        .unwrap_or("of unknown version")
        .to_owned()
}

/// One run of a tool.
pub(super) struct Run<'a> {
    pub(super) program: &'a Path,
    pub(super) arguments: Vec<OsString>,
    /// Where it runs; `None`: in its empty home.
    pub(super) directory: Option<&'a Path>,
    /// Beside what every tool gets.
    pub(super) environment: Vec<(&'static str, OsString)>,
    /// All it may touch, beside its home.
    pub(super) confined: Option<Confinement>,
    pub(super) cancel: &'a Cancel,
}

/// Why a tool printed nothing.
pub(super) struct Failure {
    /// What the tool said (not cleaned), or what became of it.
    pub(super) message: String,
    pub(super) by: By,
}

/// How an error reads that is the machine's (errno(3)), of a tool that ends as if it were its files'.
const OF_THE_MACHINE: [&str; 9] = [
    "no space left",
    "quota exceeded",
    "cannot allocate memory",
    "out of memory",
    "too many open files",
    "temporarily unavailable",
    "input/output error",
    "read-only file system",
    "interrupted system call",
];

impl Failure {
    /// The machine's: it may be over by the next time.
    pub(super) fn once(message: String) -> Failure {
        Failure {
            message,
            by: By::Machine,
        }
    }
}

/// Who a tool that came to its end says is to blame.
fn blamed(message: &str) -> By {
    let message = message.to_lowercase();
    match OF_THE_MACHINE.iter().any(|error| message.contains(error)) {
        true => By::Machine,
        false => By::Files,
    }
}

impl Run<'_> {
    /// Standard output, or why there is none.
    pub(super) fn output(self) -> Result<Result<Vec<u8>, Failure>, Error> {
        let home = match scratch::directory("gitopsy-home-") {
            Ok(home) => home,
            Err(error) => {
                let why = format!("no temporary directory: {error}");
                return Ok(Err(Failure::once(why)));
            }
        };
        let mut command = Command::new(self.program)
            .args(self.arguments)
            .directory(self.directory.unwrap_or(home.path()))
            .timeout(TIMEOUT)
            .max_output(MAX_OUTPUT)
            .cancel(self.cancel)
            .clear_environment()
            .max_memory(MAX_MEMORY)
            .env("GOMEMLIMIT", SOFT_MEMORY)
            .env("GOGC", GARBAGE)
            .env("GOMAXPROCS", THREADS)
            .env("GIT_ALLOW_PROTOCOL", "")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("NO_PROXY", "");
        for name in [
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "http_proxy",
            "https_proxy",
            "all_proxy",
        ] {
            command = command.env(name, NOWHERE);
        }
        // Empty, and so is `PATH`.
        for name in [
            "HOME",
            "PATH",
            "TMPDIR",
            "XDG_CONFIG_HOME",
            "XDG_CACHE_HOME",
            "XDG_DATA_HOME",
        ] {
            command = command.env(name, home.path());
        }
        for (name, value) in self.environment {
            command = command.env(name, value);
        }
        if let Some(mut confinement) = self.confined {
            confinement.writable.push(home.path().to_owned());
            command = command.confine(confinement);
        }
        let output = match exec::run(&command) {
            Ok(output) => output,
            Err(exec::Error::Cancelled { .. }) => return Err(Error::Cancelled),
            Err(error) => return Ok(Err(Failure::once(error.to_string()))),
        };
        if output.success() {
            return Ok(Ok(output.stdout));
        }
        let message = output.message();
        Ok(Err(match (message.is_empty(), output.code) {
            (_, None) => Failure::once(format!("{} was killed", self.program.display())),
            (false, Some(_)) => Failure {
                by: blamed(&message),
                message,
            },
            (true, Some(code)) => Failure {
                message: format!("{} failed with exit code {code}", self.program.display()),
                by: By::Files,
            },
        }))
    }
}

/// What a tool that may use the network gets of the user's environment: the way out, and whom to trust.
pub(super) fn network() -> Vec<(&'static str, OsString)> {
    [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "all_proxy",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    ]
    .into_iter()
    .map(|name| (name, std::env::var_os(name).unwrap_or_default()))
    .collect()
}

/// A tool's message with the temporary directory taken out, on one line, bounded.
pub(super) fn readable(message: &str, export: &Export) -> String {
    let root = export.root().to_string_lossy();
    brief(
        &message
            .replace(&format!("{root}/"), "")
            .replace(root.as_ref(), "."),
    )
}

/// A tool's message on one line, bounded.
pub(super) fn brief(message: &str) -> String {
    let message = message
        .lines()
        .filter(|line| !line.starts_with("# Warning:"))
        .collect::<Vec<_>>()
        .join(" ");
    // kubectl reports through klog: `E1121 00:21:36.638199   17418 run.go:72] "command failed" err="…"`
    let message = match message.split_once("\"command failed\" err=\"") {
        Some((_, error)) => error.trim_end().trim_end_matches('"').replace("\\\"", "\""),
        None => message,
    };
    let message = message.trim();
    let message = ["Error: ", "error: "]
        .iter()
        .find_map(|prefix| message.strip_prefix(prefix))
        .unwrap_or(message);
    let message = text::clean_line(message);
    match message.char_indices().nth(MAX_WHY) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message,
    }
}

/// Reasons as one sentence.
pub(super) fn sentence(reasons: &[String]) -> String {
    let mut reasons = reasons.to_vec();
    reasons.dedup();
    match reasons.as_slice() {
        [first, rest @ ..] if rest.len() > 2 => format!("{first}; and {} more such", rest.len()),
        reasons => reasons.join("; "),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;

    use super::*;

    /// What a tool finds that has been talked into reading more than it was given.
    #[test]
    fn a_confined_tool_reads_what_it_is_given() {
        if !Confinement::is_possible() {
            return;
        }
        let place = tempfile::tempdir().expect("directory");
        let (given, other) = (place.path().join("given"), place.path().join("other"));
        for directory in [&given, &other] {
            fs::create_dir(directory).expect("directory");
            fs::write(directory.join("file"), "text").expect("file");
        }
        std::os::unix::fs::symlink(other.join("file"), given.join("link")).expect("link");
        let shell = Program {
            file: PathBuf::from("/bin/sh"),
            name: "sh",
            version: String::new(),
            is_confinable: true,
        };
        let attempt = |script: &str| {
            let run = Run {
                program: &shell.file,
                arguments: ["-c", script].map(OsString::from).into(),
                directory: Some(&given),
                environment: Vec::new(),
                confined: shell.confined(&[&given]),
                cancel: &Cancel::new(),
            };
            run.output().expect("not cancelled").is_ok()
        };
        assert!(attempt("read -r text < file || [ \"$text\" = text ]"));
        assert!(attempt("echo text > \"$HOME/new\""));
        for script in [
            "read -r text < link".to_owned(),
            format!("read -r text < {}", other.join("file").display()),
            "echo text > file".to_owned(),
            format!("echo text > {}/new", other.display()),
            "/bin/ls".to_owned(),
        ] {
            assert!(!attempt(&script), "{script}");
        }
    }
}
