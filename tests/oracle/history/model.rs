//! Generated histories: random edits of a model of an environment repository, written with `git fast-import`.
//!
//! They hold what breaks shortcuts: documents that move between files, renamed files and directories, edits of bytes without
//! a change of value, the same name in several environments and files, generated names, broken files, merges, clocks that
//! go backwards, and messages that are empty or not UTF-8.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::support::TestRepo;

/// A document of the model. What is compared is what its text says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doc {
    kind: &'static str,
    name: String,
    value: u8,
    /// Comments and the order of keys: bytes without meaning.
    style: u8,
    namespaced: bool,
}

impl Doc {
    pub fn text(&self) -> String {
        let Doc {
            kind,
            name,
            value,
            style,
            ..
        } = self;
        let api = match *kind {
            "Deployment" => "apps/v1",
            "Job" => "batch/v1",
            _ => "v1",
        };
        let namespace = if self.namespaced {
            "  namespace: shop\n"
        } else {
            ""
        };
        let body = match *kind {
            "ConfigMap" => format!("data: {{key: \"{value}\"}}\n"),
            _ => format!("spec:\n  replicas: {value}\n"),
        };
        match style % 4 {
            0 => format!(
                "apiVersion: {api}\nkind: {kind}\nmetadata:\n  name: {name}\n{namespace}{body}"
            ),
            1 => format!(
                "{body}kind: {kind}\napiVersion: {api}\nmetadata:\n{namespace}  name: {name}\n"
            ),
            2 => format!(
                "# {style}\nkind: \"{kind}\"\napiVersion: {api}\nmetadata:\n  name: '{name}' # it\n{namespace}{body}"
            ),
            _ => format!(
                "apiVersion: {api}\nkind: {kind}\nmetadata:\n\n  name: {name}\n{namespace}\n{body}\n"
            ),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct File {
    pub docs: Vec<Doc>,
    broken: bool,
}

impl File {
    pub fn text(&self) -> String {
        let mut parts: Vec<String> = self.docs.iter().map(Doc::text).collect();
        if self.broken {
            parts.insert(
                parts.len() / 2,
                "apiVersion: v1\nkind: [Broken\n".to_owned(),
            );
        }
        parts.join("---\n")
    }
}

/// All files of a commit.
pub type Files = BTreeMap<String, File>;

const ENVIRONMENTS: [&str; 3] = ["dev", "staging", "production"];
const APPS: [&str; 2] = ["shop", "pay"];
const NAMES: [&str; 3] = ["web", "web-api", "db"];
const KINDS: [&str; 3] = ["Deployment", "ConfigMap", "Job"];

/// One step from a commit's files to the next. Numbers pick, modulo what there is to pick from.
#[derive(Debug, Clone)]
pub enum Edit {
    Add {
        env: usize,
        app: usize,
        file: usize,
        kind: usize,
        name: usize,
        namespaced: bool,
    },
    Change {
        file: usize,
        doc: usize,
    },
    Restyle {
        file: usize,
        doc: usize,
        style: u8,
    },
    Remove {
        file: usize,
        doc: usize,
    },
    RemoveFile {
        file: usize,
    },
    Move {
        file: usize,
        doc: usize,
        to: usize,
    },
    RenameFile {
        file: usize,
        to: usize,
    },
    RenameApp {
        app: usize,
        to: usize,
    },
    CopyToEnvironment {
        file: usize,
        env: usize,
    },
    Duplicate {
        file: usize,
        doc: usize,
        to: usize,
    },
    Break {
        file: usize,
    },
    Reorder {
        file: usize,
    },
    Regenerate {
        file: usize,
        doc: usize,
        suffix: u16,
    },
    Nothing,
}

fn path(env: usize, app: usize, file: usize) -> String {
    format!(
        "{}/{}/{}.yaml",
        ENVIRONMENTS[env % ENVIRONMENTS.len()],
        APPS[app % APPS.len()],
        ["a", "b", "c"][file % 3]
    )
}

fn pick(files: &Files, index: usize) -> Option<String> {
    files.keys().nth(index % files.len().max(1)).cloned()
}

pub fn apply(files: &mut Files, edit: &Edit) {
    let doc_at = |file: &File, doc: usize| (!file.docs.is_empty()).then(|| doc % file.docs.len());
    match *edit {
        Edit::Add {
            env,
            app,
            file,
            kind,
            name,
            namespaced,
        } => {
            let kind = KINDS[kind % KINDS.len()];
            let mut name = NAMES[name % NAMES.len()].to_owned();
            if kind == "Job" {
                name += "-aaaaa";
            }
            files
                .entry(path(env, app, file))
                .or_default()
                .docs
                .push(Doc {
                    kind,
                    name,
                    value: 1,
                    style: 0,
                    namespaced,
                });
        }
        Edit::Nothing => {}
        Edit::CopyToEnvironment { file, env } => {
            if let Some(from) = pick(files, file) {
                let rest = from.split_once('/').map_or("", |(_, rest)| rest);
                let to = format!("{}/{rest}", ENVIRONMENTS[env % ENVIRONMENTS.len()]);
                let copy = files[&from].clone();
                files.insert(to, copy);
            }
        }
        Edit::RenameFile { file, to } => {
            if let Some(from) = pick(files, file) {
                let (directory, _) = from.rsplit_once('/').expect("a directory");
                let to = format!("{directory}/renamed-{}.yaml", to % 2);
                if !files.contains_key(&to)
                    && let Some(moved) = files.remove(&from)
                {
                    files.insert(to, moved);
                }
            }
        }
        Edit::RenameApp { app, to } => {
            let from = format!("/{}/", APPS[app % APPS.len()]);
            let to = format!("/{}/", ["store", "cart"][to % 2]);
            let moved: Vec<String> = files
                .keys()
                .filter(|path| path.contains(&from))
                .cloned()
                .collect();
            for path in moved {
                if let Some(file) = files.remove(&path) {
                    files.insert(path.replace(&from, &to), file);
                }
            }
        }
        Edit::RemoveFile { file } => {
            if let Some(path) = pick(files, file) {
                files.remove(&path);
            }
        }
        Edit::Change { file, doc }
        | Edit::Restyle { file, doc, .. }
        | Edit::Remove { file, doc }
        | Edit::Regenerate { file, doc, .. } => {
            let Some(file) = pick(files, file).and_then(|path| files.get_mut(&path)) else {
                return;
            };
            let Some(at) = doc_at(file, doc) else { return };
            match *edit {
                Edit::Change { .. } => file.docs[at].value = file.docs[at].value.wrapping_add(1),
                Edit::Restyle { style, .. } => file.docs[at].style = style,
                Edit::Remove { .. } => {
                    file.docs.remove(at);
                }
                Edit::Regenerate { suffix, .. } if file.docs[at].kind == "Job" => {
                    let stem = file.docs[at]
                        .name
                        .rsplit_once('-')
                        .map_or("", |(stem, _)| stem)
                        .to_owned();
                    let letters: String = (0..5)
                        .map(|n| char::from(b'a' + (suffix >> (3 * n)) as u8 % 8))
                        .collect();
                    file.docs[at].name = format!("{stem}-{letters}");
                }
                _ => {}
            }
        }
        Edit::Move { file, doc, to } | Edit::Duplicate { file, doc, to } => {
            let Some(from) = pick(files, file) else {
                return;
            };
            let Some(at) = doc_at(&files[&from], doc) else {
                return;
            };
            let environment = from
                .split_once('/')
                .map_or("", |(environment, _)| environment)
                .to_owned();
            let target = format!(
                "{environment}/{}/{}.yaml",
                APPS[to % 2],
                ["a", "b", "c"][to % 3]
            );
            let doc = files[&from].docs[at].clone();
            if matches!(edit, Edit::Move { .. }) {
                files.get_mut(&from).expect("picked").docs.remove(at);
            }
            files.entry(target).or_default().docs.push(doc);
        }
        Edit::Break { file } => {
            if let Some(file) = pick(files, file).and_then(|path| files.get_mut(&path)) {
                file.broken = !file.broken;
            }
        }
        Edit::Reorder { file } => {
            if let Some(file) = pick(files, file).and_then(|path| files.get_mut(&path)) {
                file.docs.reverse();
            }
        }
    }
    only_one_job_of_a_name(files);
    // Where there are no documents there is no file.
    files.retain(|_, file| !file.docs.is_empty());
}

/// A generated name that is declared twice has no one name it came from.
fn only_one_job_of_a_name(files: &mut Files) {
    let mut seen = BTreeSet::new();
    for (path, file) in files {
        let environment = path
            .split_once('/')
            .map_or("", |(environment, _)| environment);
        file.docs.retain(|doc| {
            let stem = doc.name.rsplit_once('-').map_or("", |(stem, _)| stem);
            doc.kind != "Job" || seen.insert((environment.to_owned(), stem.to_owned()))
        });
    }
}

fn edits(always: bool) -> impl Strategy<Value = Edit> {
    let n = 0..64_usize;
    prop_oneof![
        4 => (n.clone(), n.clone(), n.clone(), n.clone(), n.clone(), any::<bool>())
            .prop_map(move |(env, app, file, kind, name, namespaced)| Edit::Add { env, app, file, kind, name, namespaced: namespaced || always }),
        5 => (n.clone(), n.clone()).prop_map(|(file, doc)| Edit::Change { file, doc }),
        2 => (n.clone(), n.clone(), any::<u8>()).prop_map(|(file, doc, style)| Edit::Restyle { file, doc, style }),
        1 => (n.clone(), n.clone()).prop_map(|(file, doc)| Edit::Remove { file, doc }),
        1 => n.clone().prop_map(|file| Edit::RemoveFile { file }),
        3 => (n.clone(), n.clone(), n.clone()).prop_map(|(file, doc, to)| Edit::Move { file, doc, to }),
        2 => (n.clone(), n.clone()).prop_map(|(file, to)| Edit::RenameFile { file, to }),
        1 => (n.clone(), n.clone()).prop_map(|(app, to)| Edit::RenameApp { app, to }),
        2 => (n.clone(), n.clone()).prop_map(|(file, env)| Edit::CopyToEnvironment { file, env }),
        1 => (n.clone(), n.clone(), n.clone()).prop_map(|(file, doc, to)| Edit::Duplicate { file, doc, to }),
        1 => n.clone().prop_map(|file| Edit::Break { file }),
        1 => n.clone().prop_map(|file| Edit::Reorder { file }),
        2 => (n.clone(), n, any::<u16>()).prop_map(|(file, doc, suffix)| Edit::Regenerate { file, doc, suffix }),
        1 => Just(Edit::Nothing),
    ]
}

/// A commit of the line: its edits, and how many commits it merges (each holding some of them).
#[derive(Debug, Clone)]
pub struct Step {
    pub edits: Vec<Edit>,
    merges: usize,
    message: usize,
    /// Hours the clock jumps by; it may go backwards.
    skew: i8,
}

/// `namespaced`: whether every document names its namespace.
pub fn steps(namespaced: bool) -> impl Strategy<Value = Vec<Step>> {
    let step = (
        prop::collection::vec(edits(namespaced), 1..4),
        prop_oneof![6 => Just(0_usize), 2 => Just(1), 1 => Just(3)],
        0..MESSAGES.len(),
        any::<i8>(),
    );
    let step = step.prop_map(|(edits, merges, message, skew)| Step {
        edits,
        merges,
        message,
        skew,
    });
    prop::collection::vec(step, 4..24)
}

const MESSAGES: [&[u8]; 5] = [
    b"Raise the limits\n\nBecause.\n",
    b"",
    b"\xff\xfe not UTF-8 \x1b[31m",
    b"chore: regenerated\r\n\r\n/pipeline cancel\r\n",
    b"Merge pull request #7 from acme/x\n\nTitle\n",
];

/// Writes the line with `git fast-import`; answers the tip.
pub fn write(repo: &TestRepo, line: &[(Files, Step)]) -> String {
    let mut stream: Vec<u8> = Vec::new();
    let mut mark = 0;
    let mut parent: Option<usize> = None;
    let mut commit = |stream: &mut Vec<u8>,
                      parents: &[usize],
                      files: &Files,
                      step: &Step,
                      branch: &str| {
        mark += 1;
        let time = 1_704_067_200 + mark as i64 * 3600 + i64::from(step.skew) * 3600;
        let message = MESSAGES[step.message];
        let mut head = format!(
            "commit refs/heads/{branch}\nmark :{mark}\nauthor A <a@example.com> {time} +0000\ncommitter A <a@example.com> {time} +0000\ndata {}\n",
            message.len()
        )
        .into_bytes();
        head.extend_from_slice(message);
        head.push(b'\n');
        stream.extend(head);
        for (at, parent) in parents.iter().enumerate() {
            let word = if at == 0 { "from" } else { "merge" };
            stream.extend(format!("{word} :{parent}\n").bytes());
        }
        stream.extend(b"deleteall\n");
        for (path, file) in files {
            let text = file.text();
            stream.extend(format!("M 100644 inline {path}\ndata {}\n{text}\n", text.len()).bytes());
        }
        mark
    };
    let mut before = Files::new();
    for (files, step) in line {
        let mut parents: Vec<usize> = parent.into_iter().collect();
        if let Some(base) = parent {
            for at in 0..step.merges.min(step.edits.len()) {
                let mut side = before.clone();
                apply(&mut side, &step.edits[at]);
                let id = commit(&mut stream, &[base], &side, step, &format!("side-{at}"));
                parents.push(id);
            }
        }
        parent = Some(commit(&mut stream, &parents, files, step, "main"));
        before.clone_from(files);
    }
    stream.extend(b"done\n");
    repo.git_with(&["fast-import", "--quiet", "--done", "--force"], &stream);
    repo.rev("refs/heads/main")
}

/// The files of every commit.
pub fn line(steps: Vec<Step>) -> Vec<(Files, Step)> {
    let mut files = Files::new();
    steps
        .into_iter()
        .map(|step| {
            for edit in &step.edits {
                apply(&mut files, edit);
            }
            (files.clone(), step)
        })
        .collect()
}
