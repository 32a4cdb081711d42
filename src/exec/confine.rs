//! Programs that the kernel holds to a few files: for tools that would run, or read, whatever somebody else's text names.
//!
//! Landlock (Linux 5.13 and later) restricts a thread and what it starts, for good. So a thread restricts itself, starts the
//! program and ends; nothing else of this process is touched. A confined program can start only the programs named here,
//! read and write only the places named here, and (Linux 6.7 and later) reach nothing over TCP. Sources:
//! <https://docs.kernel.org/userspace-api/landlock.html>.

use std::io;
use std::path::PathBuf;
use std::process::{Child, Command};
#[cfg(target_os = "linux")]
use std::sync::OnceLock;

/// All that a program may touch.
#[derive(Debug, Clone, Default)]
pub struct Confinement {
    /// The only programs that can be started, itself among them.
    pub programs: Vec<PathBuf>,
    /// Files, and directories with all below them.
    pub readable: Vec<PathBuf>,
    /// Directories; what is below them can be read, too.
    pub writable: Vec<PathBuf>,
}

#[cfg(target_os = "linux")]
impl Confinement {
    /// Whether this machine can confine programs.
    pub fn is_possible() -> bool {
        static POSSIBLE: OnceLock<bool> = OnceLock::new();
        *POSSIBLE.get_or_init(|| {
            // A domain is for good: not on a thread that goes on.
            let enter = || Confinement::default().enter().is_ok();
            std::thread::spawn(enter).join().unwrap_or(false)
        })
    }

    pub(super) fn spawn(&self, process: &mut Command) -> io::Result<Child> {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                self.enter()?;
                process.spawn()
            });
            thread
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("its thread ended")))
        })
    }

    /// Restricts the calling thread, and all it starts.
    fn enter(&self) -> io::Result<()> {
        use landlock::{
            ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr,
            RulesetCreatedAttr, Scope, make_bitflags, path_beneath_rules,
        };
        let read = make_bitflags!(AccessFs::{ReadFile | ReadDir});
        let run = make_bitflags!(AccessFs::{ReadFile | Execute});
        let write = AccessFs::from_write(ABI::V3) | read;
        let devices = ["/dev/null"];
        let on_devices = make_bitflags!(AccessFs::{ReadFile | WriteFile});
        let (loaders, libraries) = self.loaded();
        let restrict = || {
            Ruleset::default()
                .set_compatibility(CompatLevel::HardRequirement)
                .handle_access(AccessFs::from_all(ABI::V1))?
                // Later kernels hold it to more.
                .set_compatibility(CompatLevel::BestEffort)
                .handle_access(AccessFs::from_all(ABI::V5))?
                .handle_access(AccessNet::from_all(ABI::V4))?
                .scope(Scope::from_all(ABI::V6))?
                .create()?
                .add_rules(path_beneath_rules(&self.programs, run))?
                .add_rules(path_beneath_rules(&loaders, run))?
                .add_rules(path_beneath_rules(&libraries, read))?
                .add_rules(path_beneath_rules(devices, on_devices))?
                .add_rules(path_beneath_rules(&self.readable, read))?
                .add_rules(path_beneath_rules(&self.writable, write))?
                .restrict_self()
        };
        restrict()
            .map(|_| ())
            .map_err(|error: landlock::RulesetError| {
                io::Error::new(
                    io::ErrorKind::Unsupported,
                    format!("it cannot be confined here ({error})"),
                )
            })
    }

    /// The loaders of those programs that are not static, and the libraries of C that Go programs use. A loader starts
    /// whatever program it can read: none may be among what is readable.
    fn loaded(&self) -> (Vec<PathBuf>, Vec<PathBuf>) {
        const PLACES: [&str; 6] = [
            "/lib",
            "/lib64",
            "/usr/lib64",
            "/lib/x86_64-linux-gnu",
            "/lib/aarch64-linux-gnu",
            "/usr/lib",
        ];
        const LIBRARIES: [&str; 4] = [
            "libc.so.6",
            "libresolv.so.2",
            "libpthread.so.0",
            "libdl.so.2",
        ];
        let loaders: Vec<PathBuf> = self.programs.iter().filter_map(loader_of).collect();
        let beside = loaders.iter().filter_map(|loader| loader.parent());
        let places = beside.map(PathBuf::from).chain(PLACES.map(PathBuf::from));
        let libraries = match loaders.is_empty() {
            true => Vec::new(),
            false => places
                .flat_map(|place| LIBRARIES.map(|library| place.join(library)))
                .chain(Some(PathBuf::from("/etc/ld.so.cache")))
                .collect(),
        };
        (loaders, libraries)
    }
}

/// The loader that a program names at its beginning, as ELF's `PT_INTERP` does.
#[cfg(target_os = "linux")]
fn loader_of(program: &PathBuf) -> Option<PathBuf> {
    use std::io::Read;
    let mut head = Vec::new();
    let file = std::fs::File::open(program).ok()?;
    file.take(64 << 10).read_to_end(&mut head).ok()?;
    let is_loader = |text: &&[u8]| {
        let name = text.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        text.starts_with(b"/") && name.starts_with(b"ld") && name.is_ascii()
    };
    let text = head.split(|byte| *byte == 0).find(is_loader)?;
    Some(PathBuf::from(std::str::from_utf8(text).ok()?))
}

#[cfg(not(target_os = "linux"))]
impl Confinement {
    /// Whether this machine can confine programs.
    pub fn is_possible() -> bool {
        false
    }

    pub(super) fn spawn(&self, _: &mut Command) -> io::Result<Child> {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "programs can be confined on Linux only",
        ))
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::Confinement;
    use crate::exec::{Command, Error, run};

    #[test]
    fn a_confined_program_touches_what_it_may_and_nothing_else() {
        if !Confinement::is_possible() {
            return;
        }
        let place = tempfile::tempdir().expect("directory");
        let (mine, other) = (place.path().join("mine"), place.path().join("other"));
        for directory in [&mine, &other] {
            fs::create_dir(directory).expect("directory");
            fs::write(directory.join("file"), "text").expect("file");
        }
        let shell = fs::canonicalize("/bin/sh").expect("a shell");
        let attempt = |script: &str| {
            let command = Command::new(&shell)
                .args(["-c", script])
                .confine(Confinement {
                    programs: vec![shell.clone()],
                    readable: Vec::new(),
                    writable: vec![mine.clone()],
                })
                .directory(&mine);
            run(&command).map(|output| (output.success(), output.stdout))
        };
        let read = |path: &Path| format!("read -r text < {}; echo $text", path.display());
        let mine_says = attempt(&read(&mine.join("file"))).expect("a shell");
        assert_eq!(mine_says, (true, b"text\n".to_vec()));
        let other_says = attempt(&read(&other.join("file"))).expect("a shell");
        assert_eq!(other_says.1, b"\n");
        assert!(attempt("echo new > new").expect("a shell").0);
        let elsewhere = format!("echo new > {}/new", other.display());
        assert!(!attempt(&elsewhere).expect("a shell").0);
        assert!(!other.join("new").exists());
        assert!(!attempt("/bin/ls").expect("a shell").0);
        // The thread that started it is gone, and this one reads as before.
        assert_eq!(
            fs::read_to_string(other.join("file")).expect("file"),
            "text"
        );
    }

    #[test]
    fn a_program_that_is_not_among_its_own_is_not_started() {
        if !Confinement::is_possible() {
            return;
        }
        let command = Command::new("/bin/sh").confine(Confinement::default());
        assert!(matches!(run(&command), Err(Error::Spawn { .. })));
    }
}
