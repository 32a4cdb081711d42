//! Building one program with Go, once for all test processes.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use super::program::{FLUX, FLUX_MODULE, Module, Program};
use super::say;

/// Builds `program` into its directory in `cache`; fails the test where that fails. One build at a time, since a single
/// compiler process takes up to 2 GB: who comes later waits, and finds it done.
pub fn into(cache: &Path, program: &Program) {
    fs::create_dir_all(cache).expect("the cache directory");
    let lock = fs::File::create(cache.join("lock")).expect("the lock file");
    if lock.try_lock().is_err() {
        say(&format!("waiting for another build before {}", program.name));
        lock.lock().expect("the lock");
    }
    let finished = cache.join(program.directory());
    if finished.is_dir() {
        return;
    }
    say(&format!("building {} from source …", program.name));
    let began = Instant::now();
    let unfinished = finished.with_extension("unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).expect("an interrupted build removed");
    }
    fs::create_dir(&unfinished).expect("a directory to build in");
    compile(program, &unfinished);
    for files in program.beside {
        copy(
            &source(program.module, files.module).join(files.from),
            &unfinished.join(files.to),
        );
    }
    fs::rename(&unfinished, &finished).expect("the finished build in its place");
    say(&format!("built {} in {} s", program.name, began.elapsed().as_secs()));
}

fn compile(program: &Program, directory: &Path) {
    let mut flags = String::from("-s -w");
    for stamp in program.stamps {
        flags.push(' ');
        flags.push_str(&stamp.flag(program.module));
    }
    let mut command = go(program.module);
    command.args(["build", "-p=2", "-trimpath", "-buildvcs=false"]);
    command.args(["-tags", program.tags, "-ldflags", &flags, "-o"]);
    command.arg(directory.join(program.name));
    let patched = directory.join("source");
    if program.name == FLUX.name {
        command.arg("-modfile").arg(patch_flux(program.module, &patched));
    }
    run(command.arg(program.package));
    if patched.is_dir() {
        fs::remove_dir_all(&patched).expect("the patched source removed");
    }
}

/// Flux's module embeds generated manifests that it does not carry, and a table library older than Argo CD's. Answers
/// the go.mod of a copy that has both.
fn patch_flux(module: Module, to: &Path) -> PathBuf {
    let flux = to.join("flux2");
    copy(&source(module, FLUX_MODULE), &flux);
    let manifests = flux.join("cmd/flux/manifests");
    fs::create_dir_all(&manifests).expect("directory");
    fs::write(manifests.join("none.yaml"), "# none\n").expect("file");
    let go_mod = to.join("flux.mod");
    fs::copy(module.path().join("go.mod"), &go_mod).expect("go.mod");
    fs::copy(module.path().join("go.sum"), to.join("flux.sum")).expect("go.sum");
    let table = "github.com/olekukonko/tablewriter";
    run(go(module)
        .args(["mod", "edit"])
        .arg(format!("-replace={FLUX_MODULE}={}", flux.display()))
        .arg(format!("-replace={table}={table}@v0.0.5"))
        .arg(&go_mod));
    go_mod
}

/// Where the sources of a required module are; `module@version` may be any.
fn source(of: Module, module: &str) -> PathBuf {
    let named = match module.contains('@') {
        true => module.to_owned(),
        false => format!("{module}@{}", of.requires(module)),
    };
    let listing = run(go(of).args(["mod", "download", "-json", &named]));
    let directory = listing.lines().find_map(|line| {
        let value = line.trim().strip_prefix("\"Dir\": \"")?;
        value.strip_suffix("\",")
    });
    PathBuf::from(directory.unwrap_or_else(|| panic!("go mod download {named}: {listing}")))
}

/// Go, with the settings of its user that could change the build set back.
fn go(module: Module) -> Command {
    let mut command = Command::new("go");
    command
        .current_dir(module.path())
        .env("GOFLAGS", "")
        .env("GOWORK", "off")
        .env("GOTOOLCHAIN", "local");
    command
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| {
        panic!("the test servers are built with Go (https://go.dev/dl): go does not run: {error}")
    });
    assert!(
        output.status.success(),
        "{command:?}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Copies a file or a directory. Scripts can be run where they come to lie: Go's module cache keeps no such bit.
fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).expect("directory");
        for entry in fs::read_dir(from).expect("a directory of the module") {
            let entry = entry.expect("entry");
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::copy(from, to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
        let script = to.extension().is_some_and(|extension| extension == "sh");
        let mode = if script { 0o755 } else { 0o644 };
        fs::set_permissions(to, Permissions::from_mode(mode)).expect("permissions");
    }
}
