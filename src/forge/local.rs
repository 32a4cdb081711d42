//! Pull requests beside a bare repository: a record a file in `gitopsy/pulls/` of its directory, merged with real merge commits.
//!
//! For the demo, for tests, and for people whose remote is a directory. Nothing here is a cache: the records are the truth, so
//! each is written whole or not at all, and branches move only from where they were seen.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Error, NewPullRequest, PullRequest, Result, State};
use crate::exec::{self, Command, Output};
use crate::git::Oid;

/// The pull requests of one bare repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    repository: PathBuf,
}

impl Local {
    /// The forge of the repository at `path`, if pull requests are kept there.
    pub fn find(path: &Path) -> Option<Local> {
        let local = Local {
            repository: path.canonicalize().ok()?,
        };
        local.pulls().is_dir().then_some(local)
    }

    /// Keeps pull requests beside the bare repository at `path` from now on.
    pub fn create_in(path: &Path) -> Result<Local> {
        let local = Local {
            repository: path.canonicalize().map_err(io("find", path))?,
        };
        let pulls = local.pulls();
        fs::create_dir_all(&pulls).map_err(io("create", &pulls))?;
        Ok(local)
    }

    pub fn repository(&self) -> &Path {
        &self.repository
    }

    fn pulls(&self) -> PathBuf {
        self.repository.join("gitopsy").join("pulls")
    }

    fn record(&self, number: u64) -> PathBuf {
        self.pulls().join(format!("{number}.json"))
    }

    /// Every pull request, newest first.
    pub fn list(&self) -> Result<Vec<PullRequest>> {
        let pulls = self.pulls();
        let mut all = Vec::new();
        for entry in fs::read_dir(&pulls).map_err(io("read", &pulls))? {
            let path = entry.map_err(io("read", &pulls))?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                all.push(self.read(&path)?);
            }
        }
        all.sort_by_key(|pull| std::cmp::Reverse(pull.number));
        Ok(all)
    }

    pub fn get(&self, number: u64) -> Result<PullRequest> {
        let path = self.record(number);
        if !path.exists() {
            return Err(Error::NoSuchPull(number));
        }
        self.read(&path)
    }

    /// An open pull request's head is wherever its branch is now.
    fn read(&self, path: &Path) -> Result<PullRequest> {
        let text = fs::read(path).map_err(io("read", path))?;
        let mut pull: PullRequest =
            serde_json::from_slice(&text).map_err(|_| Error::BadRecord(path.to_owned()))?;
        if pull.state == State::Open
            && let Some(head) = self.branch(&pull.head_branch)?
        {
            pull.head = head;
        }
        Ok(pull)
    }

    /// Opens a pull request; one that is open already for the same branches is returned as it is.
    pub fn open(&self, new: &NewPullRequest, author: &str, at: Timestamp) -> Result<PullRequest> {
        let head = self
            .branch(&new.head_branch)?
            .ok_or_else(|| Error::NoSuchBranch(new.head_branch.clone()))?;
        let base = self
            .branch(&new.base_branch)?
            .ok_or_else(|| Error::NoSuchBranch(new.base_branch.clone()))?;
        let mut number = 1;
        for pull in self.list()? {
            number = number.max(pull.number + 1);
            if pull.state == State::Open
                && pull.head_branch == new.head_branch
                && pull.base_branch == new.base_branch
            {
                return Ok(pull);
            }
        }
        let range = format!("{base}..{head}");
        if self
            .git(&["rev-list", "--max-count=1", &range], &[])?
            .is_empty()
        {
            return Err(Error::NothingToPropose {
                branch: new.head_branch.clone(),
                base: new.base_branch.clone(),
            });
        }
        let mut pull = PullRequest {
            number,
            title: new.title.clone(),
            body: new.body.clone(),
            author: author.to_owned(),
            head_branch: new.head_branch.clone(),
            head,
            base_branch: new.base_branch.clone(),
            state: State::Open,
            url: None,
            created: Some(at),
            merged: None,
            merged_commit: None,
        };
        // Somebody else may take the number at the same moment.
        while !self.write_new(&pull)? {
            pull.number += 1;
        }
        Ok(pull)
    }

    /// Merges with a merge commit, as forges do, if the branch is still at `expected`. Returns that commit.
    pub fn merge(&self, number: u64, expected: Oid, at: Timestamp) -> Result<Oid> {
        let mut pull = self.get(number)?;
        if pull.state != State::Open {
            return Err(Error::NotOpen {
                number,
                state: pull.state,
            });
        }
        if pull.head != expected {
            return Err(Error::HeadMoved { number, expected });
        }
        let base = self
            .branch(&pull.base_branch)?
            .ok_or_else(|| Error::NoSuchBranch(pull.base_branch.clone()))?;
        let tree = self.merge_trees(&pull, base)?;
        let mut message = format!(
            "Merge pull request #{number} from {}\n\n{}\n",
            pull.head_branch, pull.title
        );
        if !pull.body.is_empty() {
            message.push_str(&format!("\n{}\n", pull.body));
        }
        let merge = self.commit(&tree, &[base, pull.head], &message, at)?;
        let branch = format!("refs/heads/{}", pull.base_branch);
        let moved = self.git(
            &["update-ref", &branch, &merge.to_string(), &base.to_string()],
            &[],
        );
        if moved.is_err() && self.branch(&pull.base_branch)? != Some(base) {
            return Err(Error::BaseMoved(pull.base_branch));
        }
        moved?;
        pull.state = State::Merged;
        pull.merged = Some(at);
        pull.merged_commit = Some(merge);
        self.write(&pull)?;
        Ok(merge)
    }

    /// The merged tree's id.
    fn merge_trees(&self, pull: &PullRequest, base: Oid) -> Result<String> {
        let (base_id, head) = (base.to_string(), pull.head.to_string());
        let arguments = [
            "merge-tree",
            "--write-tree",
            "--name-only",
            "--no-messages",
            &base_id,
            &head,
        ];
        let output = self.run(&arguments, &[])?;
        let text = String::from_utf8_lossy(&output.stdout);
        let mut lines = text.lines();
        let tree = lines.next().unwrap_or_default().to_owned();
        match output.code {
            Some(0) => Ok(tree),
            // 1 says that there are conflicts; their paths follow the tree.
            Some(1) => Err(Error::Conflicts {
                number: pull.number,
                base: pull.base_branch.clone(),
                paths: lines.take(5).collect::<Vec<_>>().join(", "),
            }),
            _ => Err(failed(&arguments, &output)),
        }
    }

    fn commit(&self, tree: &str, parents: &[Oid], message: &str, at: Timestamp) -> Result<Oid> {
        let date = format!("{} +0000", at.as_second());
        let mut environment = vec![
            ("GIT_AUTHOR_DATE", date.as_str()),
            ("GIT_COMMITTER_DATE", date.as_str()),
        ];
        // A bare repository on a machine without an identity must be able to merge too.
        if self.git(&["var", "GIT_COMMITTER_IDENT"], &[]).is_err() {
            environment.extend([
                ("GIT_AUTHOR_NAME", "gitopsy"),
                ("GIT_AUTHOR_EMAIL", "gitopsy@localhost"),
                ("GIT_COMMITTER_NAME", "gitopsy"),
                ("GIT_COMMITTER_EMAIL", "gitopsy@localhost"),
            ]);
        }
        let mut arguments = vec!["commit-tree".to_owned(), tree.to_owned()];
        for parent in parents {
            arguments.extend(["-p".to_owned(), parent.to_string()]);
        }
        arguments.extend(["-m".to_owned(), message.to_owned()]);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let id = self.git(&arguments, &environment)?;
        parse_id(&id).ok_or_else(|| Error::Git {
            what: "commit-tree".to_owned(),
            message: "it printed no id".to_owned(),
        })
    }

    /// Where a branch is; `None` where there is none.
    fn branch(&self, name: &str) -> Result<Option<Oid>> {
        let reference = format!("refs/heads/{name}");
        let arguments = [
            "for-each-ref",
            "--format=%(objectname) %(refname)",
            &reference,
        ];
        let text = self.git(&arguments, &[])?;
        Ok(text.lines().find_map(|line| {
            let (id, found) = line.split_once(' ')?;
            (found == reference).then(|| parse_id(id)).flatten()
        }))
    }

    /// Writes a record over the one that is there.
    pub(crate) fn write(&self, pull: &PullRequest) -> Result<()> {
        let path = self.record(pull.number);
        self.temporary(pull)?
            .persist(&path)
            .map_err(|error| io("write", &path)(error.error))?;
        Ok(())
    }

    /// Writes a record unless there is one of that number; says whether it did.
    fn write_new(&self, pull: &PullRequest) -> Result<bool> {
        let path = self.record(pull.number);
        match self.temporary(pull)?.persist_noclobber(&path) {
            Ok(_) => Ok(true),
            Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(io("write", &path)(error.error)),
        }
    }

    fn temporary(&self, pull: &PullRequest) -> Result<tempfile::NamedTempFile> {
        let directory = self.pulls();
        let failed = io("write in", &directory);
        let file = tempfile::NamedTempFile::new_in(&directory).map_err(&failed)?;
        serde_json::to_writer_pretty(&file, pull).map_err(|error| failed(error.into()))?;
        Ok(file)
    }

    fn git(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Result<String> {
        let output = self.run(arguments, environment)?;
        if !output.success() {
            return Err(failed(arguments, &output));
        }
        Ok(String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned())
    }

    fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Result<Output> {
        let mut command = Command::new("git")
            .args(arguments)
            .directory(&self.repository)
            .env("GIT_DIR", &self.repository)
            .env("LC_ALL", "C");
        for (name, value) in environment {
            command = command.env(name, value);
        }
        // Somebody may have started us from a hook, whose variables mean another repository.
        for variable in ["GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"] {
            command = command.env_remove(variable);
        }
        Ok(exec::run(&command)?)
    }
}

fn failed(arguments: &[&str], output: &Output) -> Error {
    Error::Git {
        what: arguments.first().copied().unwrap_or_default().to_owned(),
        message: output.message(),
    }
}

fn parse_id(text: &str) -> Option<Oid> {
    Oid::from_hex(text.as_bytes()).ok()
}

fn io<'p>(what: &'static str, path: &'p Path) -> impl Fn(std::io::Error) -> Error + 'p {
    move |source| Error::File {
        what,
        path: path.to_owned(),
        source,
    }
}
