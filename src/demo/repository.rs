//! Writes the story as a git repository: one `git fast-import` into a bare repository, pull requests beside it, and the user's
//! clone. The same moment gives the same commit ids, whatever git is configured to do.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use super::manifests::{Files, files};
use super::state::State;
use super::story::{Ago, Draft, Happening, Who, first, happenings};
use super::{Error, Result};
use crate::exec::{self, Command};
use crate::forge::{Local, PullRequest, State as PullState};
use crate::git::Oid;

/// Writes the remote with its pull requests, and the clone. `deployed` is told main's files after each of its commits.
pub(super) fn write(
    remote: &Path,
    clone: &Path,
    now: Timestamp,
    deployed: &mut dyn FnMut(Timestamp, &Files) -> Result<()>,
) -> Result<()> {
    let remote_text = text(remote)?;
    let parent = remote.parent().unwrap_or(Path::new("."));
    git(
        parent,
        &[
            "init",
            "--quiet",
            "--bare",
            "--initial-branch=main",
            &remote_text,
        ],
        b"",
    )?;
    identify(remote)?;
    let mut writer = Writer::new(remote, now);
    writer.tell(deployed)?;
    writer.import()?;
    writer.write_pulls()?;
    git(
        parent,
        &[
            "clone",
            "--quiet",
            "--no-hardlinks",
            &remote_text,
            &text(clone)?,
        ],
        b"",
    )?;
    identify(clone)
}

/// The demo works where git knows no identity, and does not sign in the user's name.
fn identify(repository: &Path) -> Result<()> {
    git(repository, &["config", "user.name", "You"], b"")?;
    git(
        repository,
        &["config", "user.email", "you@example.com"],
        b"",
    )?;
    git(repository, &["config", "commit.gpgSign", "false"], b"")?;
    Ok(())
}

/// Runs git without the user's and the machine's configuration.
fn git(directory: &Path, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>> {
    let mut command = Command::new("git")
        .args(arguments)
        .directory(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("LC_ALL", "C")
        .input(input);
    for variable in [
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_OBJECT_DIRECTORY",
    ] {
        command = command.env_remove(variable);
    }
    let output = exec::run(&command)?;
    if !output.success() {
        return Err(Error::Git {
            what: arguments.first().copied().unwrap_or_default().to_owned(),
            message: output.message(),
        });
    }
    Ok(output.stdout)
}

fn text(path: &Path) -> Result<String> {
    path.to_str()
        .map(str::to_owned)
        .ok_or_else(|| Error::NotUtf8(path.to_owned()))
}

/// A commit in the stream, by its mark.
type Mark = u32;

/// A branch with a pull request.
struct Branch {
    number: u64,
    draft: Draft,
    opened: Timestamp,
    tip: Mark,
    merged: Option<(Timestamp, Mark)>,
}

/// A commit to be written.
struct Commit<'c> {
    at: Timestamp,
    who: Who,
    message: &'c str,
    parent: Option<Mark>,
    /// What a merge brings in.
    merged: Option<Mark>,
}

impl<'c> Commit<'c> {
    fn new(at: Timestamp, who: Who, message: &'c str, parent: Option<Mark>) -> Commit<'c> {
        Commit {
            at,
            who,
            message,
            parent,
            merged: None,
        }
    }
}

struct Writer<'a> {
    remote: &'a Path,
    marks_file: PathBuf,
    now: Timestamp,
    state: State,
    stream: Vec<u8>,
    last_mark: Mark,
    /// The commit main is at, and its files.
    main: Option<(Mark, Files)>,
    /// Subject of what reached main → its mark and the mark of its first parent.
    landed: BTreeMap<String, (Mark, Option<Mark>)>,
    branches: BTreeMap<String, Branch>,
}

impl<'a> Writer<'a> {
    fn new(remote: &'a Path, now: Timestamp) -> Writer<'a> {
        Writer {
            remote,
            marks_file: remote.join("demo-marks"),
            now,
            state: State::initial(),
            stream: Vec::new(),
            last_mark: 0,
            main: None,
            landed: BTreeMap::new(),
            branches: BTreeMap::new(),
        }
    }

    fn at(&self, ago: Ago) -> Timestamp {
        self.now
            .checked_sub(SignedDuration::from_mins(ago))
            .unwrap_or(self.now)
    }

    fn tell(&mut self, deployed: &mut dyn FnMut(Timestamp, &Files) -> Result<()>) -> Result<()> {
        let (ago, draft) = first();
        let at = self.at(ago);
        self.push(at, draft)?;
        self.deploy(at, deployed)?;
        for (ago, happening) in happenings() {
            let at = self.at(ago);
            match happening {
                Happening::Push(draft) => self.push(at, draft)?,
                Happening::Open { branch, draft } => {
                    self.open(at, branch, draft)?;
                    continue;
                }
                Happening::Merge { branch, who } => self.merge(at, &branch, who)?,
            }
            self.deploy(at, deployed)?;
        }
        Ok(())
    }

    fn deploy(
        &self,
        at: Timestamp,
        deployed: &mut dyn FnMut(Timestamp, &Files) -> Result<()>,
    ) -> Result<()> {
        match &self.main {
            Some((_, files)) => deployed(at, files),
            None => Ok(()),
        }
    }

    fn push(&mut self, at: Timestamp, draft: Draft) -> Result<()> {
        self.state.apply(&draft.edits);
        let files = files(&self.state);
        let message = self.message(&draft)?;
        let (parent, before) = self.take_main();
        let mark = self.commit(
            Commit::new(at, draft.who, &message, parent),
            &before,
            &files,
        );
        self.landed.insert(draft.subject, (mark, parent));
        self.main = Some((mark, files));
        Ok(())
    }

    fn open(&mut self, at: Timestamp, branch: String, draft: Draft) -> Result<()> {
        let mut state = self.state.clone();
        state.apply(&draft.edits);
        let message = self.message(&draft)?;
        let (parent, before) = self.take_main();
        let after = files(&state);
        let tip = self.commit(
            Commit::new(at, draft.who, &message, parent),
            &before,
            &after,
        );
        self.main = parent.map(|mark| (mark, before));
        let number = self.branches.len() as u64 + 1;
        let opened = Branch {
            number,
            draft,
            opened: at,
            tip,
            merged: None,
        };
        self.branches.insert(branch, opened);
        Ok(())
    }

    fn merge(&mut self, at: Timestamp, name: &str, who: Who) -> Result<()> {
        let Some(branch) = self.branches.get_mut(name) else {
            return Err(Error::Story(format!(
                "{name} is merged before it is opened"
            )));
        };
        let (number, tip) = (branch.number, branch.tip);
        let subject = branch.draft.subject.clone();
        let message = format!("Merge pull request #{number} from {name}\n\n{subject}\n");
        // Merging is making the same change on what main is by now.
        self.state.apply(&branch.draft.edits);
        branch.merged = Some((at, self.last_mark + 1));
        let files = files(&self.state);
        let (parent, before) = self.take_main();
        let merge = Commit {
            merged: Some(tip),
            ..Commit::new(at, who, &message, parent)
        };
        let mark = self.commit(merge, &before, &files);
        self.landed.insert(subject, (mark, parent));
        self.main = Some((mark, files));
        Ok(())
    }

    fn take_main(&mut self) -> (Option<Mark>, Files) {
        match self.main.take() {
            Some((mark, files)) => (Some(mark), files),
            None => (None, Files::new()),
        }
    }

    /// A draft's message; that of a revert names ids, as git's own does.
    fn message(&mut self, draft: &Draft) -> Result<String> {
        let mut message = format!("{}\n", draft.subject);
        if let Some(subject) = draft.reverts {
            let Some(&(mark, Some(parent))) = self.landed.get(subject) else {
                return Err(Error::Story(format!(
                    "{subject:?} is reverted before it landed"
                )));
            };
            let ids = self.import()?;
            if let (Some(id), Some(parent)) = (ids.get(&mark), ids.get(&parent)) {
                message.push_str(&format!(
                    "\nThis reverts commit {id}, reversing\nchanges made to {parent}.\n"
                ));
            }
        }
        if !draft.body.is_empty() {
            message.push_str(&format!("\n{}\n", draft.body));
        }
        Ok(message)
    }

    fn commit(&mut self, new: Commit<'_>, before: &Files, after: &Files) -> Mark {
        self.last_mark += 1;
        let (who, message) = (new.who, new.message);
        let person = format!(
            "{} <{}> {} +0000",
            who.name(),
            who.email(),
            new.at.as_second()
        );
        let mut text = format!(
            "commit refs/heads/main\nmark :{}\nauthor {person}\ncommitter {person}\ndata {}\n{message}\n",
            self.last_mark,
            message.len()
        );
        if let Some(parent) = new.parent {
            text.push_str(&format!("from :{parent}\n"));
        }
        if let Some(merged) = new.merged {
            text.push_str(&format!("merge :{merged}\n"));
        }
        for path in before.keys().filter(|path| !after.contains_key(*path)) {
            text.push_str(&format!("D {path}\n"));
        }
        for (path, content) in after {
            if before.get(path) != Some(content) {
                text.push_str(&format!(
                    "M 100644 inline {path}\ndata {}\n{content}\n",
                    content.len()
                ));
            }
        }
        text.push('\n');
        self.stream.extend_from_slice(text.as_bytes());
        self.last_mark
    }

    /// Writes what was told so far; answers the id of every mark.
    fn import(&mut self) -> Result<BTreeMap<Mark, Oid>> {
        if let Some((mark, _)) = &self.main {
            let reset = format!("reset refs/heads/main\nfrom :{mark}\n\n");
            self.stream.extend_from_slice(reset.as_bytes());
        }
        let marks = text(&self.marks_file)?;
        let (from, to) = (
            format!("--import-marks-if-exists={marks}"),
            format!("--export-marks={marks}"),
        );
        // The scratch branch moves back and forth while it is written; nobody has seen it yet.
        let arguments = ["fast-import", "--quiet", "--force", &from, &to];
        git(self.remote, &arguments, &std::mem::take(&mut self.stream))?;
        self.ids()
    }

    fn ids(&self) -> Result<BTreeMap<Mark, Oid>> {
        let listed = std::fs::read_to_string(&self.marks_file)
            .map_err(super::io("read", &self.marks_file))?;
        let id_of = |line: &str| {
            let (mark, id) = line.strip_prefix(':')?.split_once(' ')?;
            Some((mark.parse().ok()?, Oid::from_hex(id.as_bytes()).ok()?))
        };
        Ok(listed.lines().filter_map(id_of).collect())
    }

    /// Open pull requests keep their branches; every one has its record.
    fn write_pulls(&self) -> Result<()> {
        let ids = self.ids()?;
        let forge = Local::create_in(self.remote)?;
        let mut branches = String::new();
        for (name, branch) in &self.branches {
            let Some(&head) = ids.get(&branch.tip) else {
                continue;
            };
            if branch.merged.is_none() {
                branches.push_str(&format!("create refs/heads/{name} {head}\n"));
            }
            forge.write(&PullRequest {
                number: branch.number,
                title: branch.draft.subject.clone(),
                body: branch.draft.body.clone(),
                author: branch.draft.who.login().to_owned(),
                head_branch: name.clone(),
                head,
                base_branch: "main".to_owned(),
                state: match branch.merged {
                    Some(_) => PullState::Merged,
                    None => PullState::Open,
                },
                url: None,
                created: Some(branch.opened),
                merged: branch.merged.map(|(at, _)| at),
                merged_commit: branch.merged.and_then(|(_, mark)| ids.get(&mark).copied()),
            })?;
        }
        git(self.remote, &["update-ref", "--stdin"], branches.as_bytes())?;
        std::fs::remove_file(&self.marks_file).map_err(super::io("remove", &self.marks_file))
    }
}
