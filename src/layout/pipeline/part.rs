//! A build file in parts that run on their own: jobs, stages, steps. Each may deploy elsewhere.

use serde::Deserialize;
use serde_yaml::{Mapping, Value};

use super::service::Service;

/// A part of a build file, as text: keys, values and command lines, without comments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Part {
    /// The job's or stage's name; `None` where the file is one part.
    pub(super) job: Option<String>,
    pub(super) text: String,
    /// What holds for all parts of the file: triggers, variables. It may name an environment, and runs nothing.
    pub(super) around: String,
    /// Jobs (`.deploy`) and files (`.github/workflows/deploy.yml`) that it takes over.
    pub(super) calls: Vec<String>,
}

/// Keys whose values are the words of one command, or belong to the step that stands before them.
const ONE_LINE: [&str; 6] = [
    "args",
    "arguments",
    "command",
    "inputs",
    "parameters",
    "with",
];

pub(super) fn parts(service: Service, text: &str) -> Vec<Part> {
    if service == Service::Jenkins {
        return stages(text);
    }
    let documents: Vec<Value> = serde_yaml::Deserializer::from_str(text)
        .map_while(|document| Value::deserialize(document).ok())
        .collect();
    let mut parts = Vec::new();
    for document in &documents {
        let Some(document) = document.as_mapping() else {
            continue;
        };
        match service {
            Service::GitLab => jobs_of_gitlab(document, &mut parts),
            Service::GitHub | Service::Gitea | Service::Forgejo | Service::CircleCi => {
                jobs(document, &mut parts);
            }
            Service::Azure | Service::Bitbucket => {
                let all = Value::Mapping(document.clone());
                steps(&all, &mut parts);
            }
            Service::Atlantis => projects(document, &mut parts),
            Service::Jenkins
            | Service::Travis
            | Service::CloudBuild
            | Service::Drone
            | Service::Other(_) => {}
        }
    }
    if parts.is_empty() {
        let mut whole = String::new();
        for document in &documents {
            write(document, &mut whole);
        }
        // What is no YAML (templates) is read as the lines that it has.
        let text = if whole.is_empty() {
            text.to_owned()
        } else {
            whole
        };
        parts.push(Part {
            text,
            ..Part::default()
        });
    }
    parts
}

/// GitHub's, Gitea's, Forgejo's and CircleCI's `jobs`.
fn jobs(document: &Mapping, parts: &mut Vec<Part>) {
    let mut around = Mapping::new();
    for (key, value) in document {
        if !matches!(
            key.as_str(),
            Some("jobs" | "workflows" | "commands" | "orbs")
        ) {
            around.insert(key.clone(), value.clone());
        }
    }
    let around = text_of(&Value::Mapping(around));
    for (name, job) in entries(document.get("jobs")) {
        let uses = job.get("uses").and_then(Value::as_str).unwrap_or_default();
        parts.push(Part {
            job: Some(name),
            text: text_of(job),
            around: around.clone(),
            calls: uses
                .strip_prefix("./")
                .map(str::to_owned)
                .into_iter()
                .collect(),
        });
    }
    for (name, command) in entries(document.get("commands")) {
        parts.push(Part {
            job: Some(name),
            text: text_of(command),
            around: around.clone(),
            calls: Vec::new(),
        });
    }
}

/// Every top-level key that is no setting.
fn jobs_of_gitlab(document: &Mapping, parts: &mut Vec<Part>) {
    for (key, job) in document {
        let (Some(name), Some(settings)) = (key.as_str(), job.as_mapping()) else {
            continue;
        };
        if matches!(
            name,
            "cache" | "default" | "image" | "include" | "spec" | "variables" | "workflow"
        ) {
            continue;
        }
        let calls = match settings.get("extends") {
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Sequence(several)) => {
                let names = several.iter().filter_map(Value::as_str);
                names.map(str::to_owned).collect()
            }
            _ => Vec::new(),
        };
        parts.push(Part {
            job: Some(name.to_owned()),
            text: text_of(job),
            around: String::new(),
            calls,
        });
    }
}

/// Azure's stages, else its jobs; Bitbucket's steps. At any depth.
fn steps(value: &Value, parts: &mut Vec<Part>) {
    match value {
        Value::Sequence(items) => items.iter().for_each(|item| steps(item, parts)),
        Value::Mapping(map) => {
            let named = ["stage", "deployment", "job"]
                .iter()
                .find_map(|key| map.get(*key)?.as_str());
            let step = map.get("step").filter(|step| step.is_mapping());
            let name = match step {
                Some(step) => step.get("name").and_then(Value::as_str),
                None => named,
            };
            if step.is_some() || named.is_some() {
                parts.push(Part {
                    job: name.map(str::to_owned),
                    text: text_of(value),
                    ..Part::default()
                });
            } else {
                map.iter().for_each(|(_, value)| steps(value, parts));
            }
        }
        Value::Tagged(tagged) => steps(&tagged.value, parts),
        _ => {}
    }
}

/// A Jenkinsfile's stages. It is a program: what stands before the first one holds for all.
fn stages(text: &str) -> Vec<Part> {
    const STAGE: &str = "stage(";
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    let text = lines.join("\n");
    let mut starts: Vec<usize> = text.match_indices(STAGE).map(|(at, _)| at).collect();
    let Some(&first) = starts.first() else {
        return vec![Part {
            text,
            ..Part::default()
        }];
    };
    starts.push(text.len());
    starts
        .windows(2)
        .filter_map(|ends| {
            let [start, end] = ends else { return None };
            let body = text.get(start + STAGE.len()..*end)?;
            Some(Part {
                job: body.split(['\'', '"']).nth(1).map(str::to_owned),
                text: body.to_owned(),
                around: text.get(..first).unwrap_or_default().to_owned(),
                calls: Vec::new(),
            })
        })
        .collect()
}

/// Atlantis' projects: each is applied where a pull request says so.
fn projects(document: &Mapping, parts: &mut Vec<Part>) {
    let projects = document.get("projects").and_then(Value::as_sequence);
    for project in projects.into_iter().flatten() {
        let text = |key: &str| project.get(key).and_then(Value::as_str);
        let Some(directory) = text("dir") else {
            continue;
        };
        parts.push(Part {
            job: Some(text("name").unwrap_or(directory).to_owned()),
            text: format!("atlantis apply -d {directory}\n"),
            around: text("workspace").unwrap_or_default().to_owned(),
            calls: Vec::new(),
        });
    }
}

fn entries(value: Option<&Value>) -> impl Iterator<Item = (String, &Value)> {
    value
        .and_then(Value::as_mapping)
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.as_str()?.to_owned(), value)))
}

fn text_of(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

/// Keys and values, a line for each command.
fn write(value: &Value, out: &mut String) {
    match value {
        Value::Mapping(map) => {
            for (key, value) in map {
                let key = key.as_str().unwrap_or_default();
                let beside = ONE_LINE.contains(&key) || key.ends_with("-args");
                if beside && out.ends_with('\n') {
                    out.pop();
                    out.push(' ');
                }
                out.push_str(key);
                out.push_str(": ");
                if beside {
                    out.push_str(&text_of(value).replace('\n', " "));
                    out.push('\n');
                } else {
                    if value.is_mapping() {
                        out.push('\n');
                    }
                    write(value, out);
                }
            }
        }
        Value::Sequence(items) => items.iter().for_each(|item| write(item, out)),
        Value::Tagged(tagged) => write(&tagged.value, out),
        Value::String(text) => {
            out.push_str(text);
            out.push('\n');
        }
        Value::Bool(value) => out.push_str(&format!("{value}\n")),
        Value::Number(value) => out.push_str(&format!("{value}\n")),
        Value::Null => out.push('\n'),
    }
}
