//! Blame against brute force: the value of each field at every first-parent commit.

use std::collections::BTreeMap;

use gitopsy::manifest::{Node, parse};
use gitopsy::review::common::{ResourceId, Selector};
use gitopsy::review::{
    Sink, Workspace,
    blame::{self, Answer},
};
use tempfile::TempDir;

use super::brute::{self, Resource, Transition};
use super::model::{self, Files};
use super::{check, masking, transitions};
use crate::support::{Random, TestRepo};
use crate::workspace;

/// The leaves of a value, by their paths. Items of lists are told apart by their names.
type Leaves = BTreeMap<String, String>;

fn leaves(node: &Node) -> Leaves {
    fn add(node: &Node, path: &str, out: &mut Leaves) {
        match node {
            Node::Map(map) if !map.is_empty() => {
                for (key, value) in map {
                    let dot = if path.is_empty() { "" } else { "." };
                    add(value, &format!("{path}{dot}{key}"), out);
                }
            }
            Node::List(items) if !items.is_empty() => {
                for item in items {
                    let name = item.get("name").and_then(Node::as_str).expect("a name");
                    add(item, &format!("{path}[name={name}]"), out);
                }
            }
            leaf => {
                out.insert(path.to_owned(), format!("{leaf:?}"));
            }
        }
    }
    let mut out = Leaves::new();
    add(node, "", &mut out);
    out
}

/// A commit's values; a resource that is declared more than once has several.
type Values = BTreeMap<Resource, Vec<Leaves>>;

fn values(files: &Files) -> Values {
    let mut values = Values::new();
    for (path, file) in files {
        let environment = path.split_once('/').expect("a directory").0;
        for document in parse(file.text().as_bytes(), &masking()).documents {
            values
                .entry((environment.to_owned(), document.object.id))
                .or_default()
                .push(leaves(&document.object.root));
        }
    }
    values
}

/// For each field of `resource` at the last commit: the commit (oldest is 0) that its value came with. `None` where at some
/// time the resource was declared more than once.
fn expected(
    line: &[Values],
    transitions: &[Transition],
    resource: &Resource,
) -> Option<BTreeMap<String, usize>> {
    let one = |at: usize, resource: &Resource| match line[at].get(resource).map(Vec::as_slice) {
        None => Some(None),
        Some([leaves]) => Some(Some(leaves)),
        Some(_) => None,
    };
    let last = line.len() - 1;
    let now = one(last, resource)??;
    let mut set = BTreeMap::new();
    let mut resource = resource.clone();
    for at in (0..=last).rev() {
        let before = match at.checked_sub(1) {
            None => None,
            Some(earlier) => match one(earlier, &resource)? {
                Some(leaves) => Some(leaves),
                None => match brute::renamed_from(&transitions[at], &resource) {
                    Some(old) => {
                        resource = old;
                        one(earlier, &resource)?
                    }
                    None => None,
                },
            },
        };
        for (path, value) in now {
            if !set.contains_key(path) && before.and_then(|leaves| leaves.get(path)) != Some(value)
            {
                set.insert(path.clone(), at);
            }
        }
        if before.is_none() {
            break;
        }
    }
    Some(set)
}

fn ask(ws: &Workspace, select: Selector) -> Answer {
    let request = blame::Request {
        select,
        ..blame::Request::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let answer = runtime.block_on(blame::ask(ws, request, &Sink::last_only()));
    answer.expect("an answer")
}

fn selector((environment, object): &Resource) -> Selector {
    let id = ResourceId {
        environment: environment.clone(),
        app: String::new(),
        object: object.clone(),
    };
    id.selector()
}

/// Path → commit, by its number from the oldest.
fn blamed(answer: &Answer, commits: &[String]) -> BTreeMap<String, usize> {
    answer
        .fields
        .iter()
        .map(|field| {
            let setter = field.set.as_ref().expect("explained");
            assert!(!setter.or_before);
            let commit = setter.line.commit.to_string();
            let at = commits.iter().position(|id| *id == commit);
            (field.path.to_string(), at.expect("of the line"))
        })
        .collect()
}

/// The line, oldest first.
fn commits(repo: &TestRepo) -> Vec<String> {
    let list = repo.git(&["rev-list", "--first-parent", "--reverse", "refs/heads/main"]);
    list.lines().map(str::to_owned).collect()
}

#[test]
fn fields_are_blamed_as_brute_force_says() {
    let mut compared = std::cell::Cell::new(0);
    check(16, model::steps(true), |steps| {
        let dir = TempDir::new().expect("temporary directory");
        let repo = TestRepo::init(&dir.path().join("env"));
        let line = model::line(steps);
        model::write(&repo, &line);
        let masking = masking();
        let digests = line
            .iter()
            .map(|(files, _)| brute::of_files(files, &masking));
        let transitions = transitions(digests);
        let line: Vec<Values> = line.iter().map(|(files, _)| values(files)).collect();
        let (ws, commits) = (workspace::open(&repo, dir.path()), commits(&repo));
        for resource in line[line.len() - 1].keys() {
            if let Some(expected) = expected(&line, &transitions, resource) {
                let answer = ask(&ws, selector(resource));
                assert_eq!(blamed(&answer, &commits), expected, "{resource:?}");
                compared.set(compared.get() + 1);
            }
        }
    });
    assert!(*compared.get_mut() > 0, "nothing was compared");
}

/// Containers, variables and labels that come, go, change and change places, in a file that is renamed.
#[test]
fn fields_of_lists_are_blamed_as_brute_force_says() {
    for seed in 0..6 {
        let dir = TempDir::new().expect("temporary directory");
        let repo = TestRepo::init(&dir.path().join("env"));
        let mut random = Random::new(seed);
        let mut containers = vec![(0, 0, vec![0]), (1, 0, vec![])];
        let mut labels: BTreeMap<usize, usize> = BTreeMap::from([(0, 0)]);
        let mut path = "prod/shop/a.yaml";
        let mut line: Vec<Values> = Vec::new();
        for at in 0..30 {
            match random.below(8) {
                0 => containers.reverse(),
                1 if containers.len() > 1 => drop(containers.remove(0)),
                2 => {
                    let name = random.below(4);
                    if containers.iter().all(|(known, ..)| *known != name) {
                        containers.insert(0, (name, 0, vec![1]));
                    }
                }
                3 => containers[0].1 += 1,
                4 => {
                    let name = random.below(3);
                    let variables = &mut containers[0].2;
                    match variables.iter().position(|known| *known == name) {
                        Some(at) => drop(variables.remove(at)),
                        None => variables.insert(0, name),
                    }
                }
                5 => drop(labels.insert(random.below(3), at)),
                6 => drop(labels.remove(&random.below(3))),
                _ => {
                    let other = ["prod/shop/b.yaml", "prod/shop/a.yaml"];
                    let to = other[usize::from(path == other[0])];
                    if at > 0 {
                        repo.rename(path, to);
                    }
                    path = to;
                }
            }
            let text = manifest(&containers, &labels);
            repo.write(path, &text).commit("Change");
            let object = &parse(text.as_bytes(), &masking()).documents[0].object;
            let resource = ("prod".to_owned(), object.id.clone());
            line.push(Values::from([(resource, vec![leaves(&object.root)])]));
        }
        let resource = line[0].keys().next().expect("one").clone();
        let none = vec![Transition::new(); line.len()];
        let expected = expected(&line, &none, &resource).expect("one");
        // Where there is one environment only, gitopsy has its own name for it.
        let select = Selector {
            environment: None,
            ..selector(&resource)
        };
        let answer = ask(&workspace::open(&repo, dir.path()), select);
        assert_eq!(blamed(&answer, &commits(&repo)), expected, "seed {seed}");
    }
}

fn manifest(containers: &[(usize, usize, Vec<usize>)], labels: &BTreeMap<usize, usize>) -> String {
    let labels: Vec<String> = labels
        .iter()
        .map(|(key, value)| format!("l{key}: v{value}"))
        .collect();
    let containers: Vec<String> = containers
        .iter()
        .map(|(name, image, variables)| {
            let variables: Vec<String> = variables
                .iter()
                .map(|name| format!("{{name: V{name}, value: x}}"))
                .collect();
            format!(
                "{{name: c{name}, image: 'i:{image}', env: [{}]}}",
                variables.join(", ")
            )
        })
        .collect();
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: shop, labels: {{{}}}}}\nspec: {{template: {{spec: {{containers: [{}]}}}}}}\n",
        labels.join(", "),
        containers.join(", ")
    )
}
