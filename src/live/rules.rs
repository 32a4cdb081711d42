//! Differences that an app's owner says are none: Argo CD's `ignoreDifferences`, Flux' ignore rules and annotations.
//!
//! As their controllers do, what a rule names is taken out of both sides, and the rest is compared. What that hides is counted.
//! Sources: argo-cd `pkg/apis/application/v1alpha1/types.go` (`ResourceIgnoreDifferences`) and `util/argo/normalizers`; fluxcd
//! kustomize-controller `api/v1` (`spec.ignore`), helm-controller `api/v2` (`driftDetection.ignore`), `pkg/ssa`.

use regex::Regex;

use super::compare::Comparison;
use super::object::LiveObject;
use crate::layout::Deployer;
use crate::manifest::{Node, Object, ObjectRef};

/// The rules of one app.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    rules: Vec<Rule>,
    /// Rules that are not understood here, as they are written.
    pub unread: Vec<String>,
    /// The deployer runs hooks, which come and go as it wants.
    runs_hooks: bool,
}

#[derive(Debug, Clone)]
struct Rule {
    target: Target,
    what: What,
    by: &'static str,
}

#[derive(Debug, Clone)]
enum What {
    /// Fields, each from the root; the empty path is the whole object.
    Fields(Vec<Step>),
    /// What these field managers own.
    Managers(Vec<String>),
}

/// A step on the way to a field.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
    /// Every item of a list, every value of a map.
    Each,
    /// Go on where what is at these keys is this text.
    Where(Vec<String>, String),
}

/// Which objects a rule is about; `None`: any.
#[derive(Debug, Clone, Default)]
struct Target {
    group: Option<Regex>,
    kind: Option<Regex>,
    name: Option<Regex>,
    namespace: Option<Regex>,
    /// `key=value` pairs that all have to be there.
    labels: Vec<(String, String)>,
}

const ARGO: &str = "ignored by Argo CD";
const FLUX: &str = "ignored by Flux";

impl Rules {
    /// What the object says that declares an app to its deployer: an Application, a Kustomization, a HelmRelease.
    pub fn of(owner: &Object) -> Rules {
        let mut rules = Rules::default();
        let list = |keys: &[&str]| owner.at(keys).and_then(Node::as_list).unwrap_or_default();
        for rule in list(&["spec", "ignoreDifferences"]) {
            rules.argo(rule);
        }
        let ignored = list(&["spec", "ignore"]).iter();
        for rule in ignored.chain(list(&["spec", "driftDetection", "ignore"])) {
            rules.flux(rule);
        }
        rules
    }

    /// As this deployer takes them.
    pub fn by(self, deployer: Deployer) -> Rules {
        let runs_hooks = matches!(deployer, Deployer::ArgoCd | Deployer::Flux | Deployer::Helm);
        Rules { runs_hooks, ..self }
    }

    /// Whether an object that git declares need not be in the cluster: a hook, which is deleted when it has run.
    pub fn may_be_absent(&self, desired: &Object) -> bool {
        let hooks = ["argocd.argoproj.io/hook", "helm.sh/hook"];
        let mut hooks = hooks.iter().filter_map(|key| desired.annotation(key));
        // What Helm once called a hook is part of the release since its third version.
        self.runs_hooks && hooks.any(|hook| hook != "crd-install")
    }

    fn argo(&mut self, rule: &Node) {
        let text = |key: &str| rule.get(key).and_then(Node::as_str);
        let target = Target {
            group: text("group").map(glob),
            kind: text("kind").map(glob),
            name: text("name").filter(|text| !text.is_empty()).map(exactly),
            namespace: text("namespace")
                .filter(|text| !text.is_empty())
                .map(exactly),
            labels: Vec::new(),
        };
        for pointer in texts(rule, "jsonPointers") {
            self.add(&target, What::Fields(steps_of_pointer(pointer)), ARGO);
        }
        for expression in texts(rule, "jqPathExpressions") {
            match steps_of_jq(expression) {
                Some(steps) => self.add(&target, What::Fields(steps), ARGO),
                None => self.unread.push(expression.to_owned()),
            }
        }
        let managers: Vec<String> = texts(rule, "managedFieldsManagers")
            .map(str::to_owned)
            .collect();
        if !managers.is_empty() {
            self.add(&target, What::Managers(managers), ARGO);
        }
    }

    fn flux(&mut self, rule: &Node) {
        let selector = rule.get("target");
        let text = |key: &str| selector?.get(key)?.as_str().filter(|text| !text.is_empty());
        let labels = text("labelSelector")
            .map(equalities)
            .unwrap_or(Some(Vec::new()));
        let (Some(labels), None) = (labels, text("annotationSelector")) else {
            self.unread
                .extend(selector.map(|selector| format!("{selector:?}")));
            return;
        };
        // Source: kustomize `api/types/selector.go`: names are regular expressions, anchored.
        let target = Target {
            group: text("group").map(anchored),
            kind: text("kind").map(anchored),
            name: text("name").map(anchored),
            namespace: text("namespace").map(anchored),
            labels,
        };
        for pointer in texts(rule, "paths") {
            self.add(&target, What::Fields(steps_of_pointer(pointer)), FLUX);
        }
    }

    fn add(&mut self, target: &Target, what: What, by: &'static str) {
        let target = target.clone();
        self.rules.push(Rule { target, what, by });
    }

    /// Compares one object with its live counterpart, as `compare` does ([`super::compare()`], [`super::compare_planned`]), but for
    /// what the rules name.
    pub fn compare(
        &self,
        desired: &Object,
        live: &LiveObject,
        compare: impl Fn(&Object, &LiveObject) -> Comparison,
    ) -> Comparison {
        let mut comparison = compare(desired, live);
        if comparison.drift.is_empty() {
            return comparison;
        }
        if is_left_alone(desired, live) {
            comparison.ignore(FLUX, |_| true);
            return comparison;
        }
        let rules = self.rules.iter();
        for rule in rules.filter(|rule| rule.target.matches(desired)) {
            match &rule.what {
                What::Managers(names) => comparison.ignore(rule.by, |field| {
                    let manager = field.manager.as_ref();
                    manager.is_some_and(|manager| names.contains(&manager.name))
                }),
                What::Fields(steps) => {
                    let mut without = desired.clone();
                    remove(&mut without.root, steps);
                    let mut rest = live.clone();
                    let without_it = |object: &mut Object| remove(&mut object.root, steps);
                    rest.change(without_it, without_it);
                    let still = compare(&without, &rest);
                    comparison.ignore(rule.by, |field| {
                        !still.drift.iter().any(|other| other.path == field.path)
                    });
                }
            }
        }
        comparison
    }
}

/// Whether Flux does not touch what is there. Source: kustomize-controller, "Controlling the apply behavior of resources".
fn is_left_alone(desired: &Object, live: &LiveObject) -> bool {
    let says = |object: &Object, key: &str, values: &[&str]| {
        let value = object.annotation(&format!("kustomize.toolkit.fluxcd.io/{key}"));
        value.is_some_and(|value| values.contains(&value.to_ascii_lowercase().as_str()))
    };
    [desired, &live.object()].into_iter().any(|object| {
        says(object, "reconcile", &["disabled"]) || says(object, "ssa", &["ignore", "ifnotpresent"])
    })
}

impl Target {
    fn matches(&self, object: &Object) -> bool {
        let ObjectRef {
            group,
            kind,
            namespace,
            name,
        } = &object.id;
        let is = |wanted: &Option<Regex>, text: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted.is_match(text))
        };
        is(&self.group, group)
            && is(&self.kind, kind)
            && is(&self.name, name)
            && is(&self.namespace, namespace.as_deref().unwrap_or_default())
            && self
                .labels
                .iter()
                .all(|(key, value)| object.label(key) == Some(value))
    }
}

fn texts<'a>(node: &'a Node, key: &str) -> impl Iterator<Item = &'a str> {
    let list = node.get(key).and_then(Node::as_list);
    list.into_iter().flatten().filter_map(Node::as_str)
}

fn exactly(text: &str) -> Regex {
    anchored(&regex::escape(text))
}

/// `*` and `?`, as Argo CD takes them.
fn glob(text: &str) -> Regex {
    let escaped = regex::escape(text);
    anchored(&escaped.replace(r"\*", ".*").replace(r"\?", "."))
}

/// What is no regular expression matches nothing.
fn anchored(text: &str) -> Regex {
    let whole = Regex::new(&format!("^(?:{text})$"));
    whole.unwrap_or_else(|_| exactly_nothing())
}

fn exactly_nothing() -> Regex {
    match Regex::new("^$a") {
        Ok(nothing) => nothing,
        Err(error) => unreachable!("a constant: {error}"),
    }
}

/// `a=b,c==d`; `None` for anything else.
fn equalities(selector: &str) -> Option<Vec<(String, String)>> {
    let terms = selector.split(',');
    let terms = terms.map(|term| {
        let (key, value) = term.split_once('=')?;
        let value = value.strip_prefix('=').unwrap_or(value).trim();
        let is_plain = |text: &str| !text.is_empty() && !text.contains(['!', '(', ' ', '=']);
        (is_plain(key.trim()) && !value.contains([' ', '=']))
            .then(|| (key.trim().to_owned(), value.to_owned()))
    });
    terms.collect()
}

/// RFC 6901. A number may be a key as well: it is a position where it comes upon a list.
fn steps_of_pointer(pointer: &str) -> Vec<Step> {
    let tokens = pointer.split('/').skip(1);
    tokens
        .map(|token| Step::Key(token.replace("~1", "/").replace("~0", "~")))
        .collect()
}

/// The paths of jq that people write in such rules: `.a["b"][].c`, `.a[]? | select(.name == "b") | .c`.
fn steps_of_jq(expression: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    for part in expression.split('|').map(str::trim) {
        match part
            .strip_prefix("select(")
            .and_then(|rest| rest.strip_suffix(')'))
        {
            Some(condition) => {
                let (path, value) = condition.split_once("==")?;
                let keys = path_of_jq(path.trim())?;
                let keys = keys.into_iter().map(|step| match step {
                    Step::Key(key) => Some(key),
                    _ => None,
                });
                let value = value.trim().strip_prefix('"')?.strip_suffix('"')?;
                steps.push(Step::Where(keys.collect::<Option<_>>()?, value.to_owned()));
            }
            None => steps.extend(path_of_jq(part)?),
        }
    }
    Some(steps)
}

fn path_of_jq(text: &str) -> Option<Vec<Step>> {
    let mut rest = text.strip_prefix('.')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        rest = rest.strip_prefix(['.', '?']).unwrap_or(rest);
        if let Some(inside) = rest.strip_prefix('[') {
            let (index, after) = match inside.strip_prefix('"') {
                Some(quoted) => {
                    let (key, after) = quoted.split_once("\"]")?;
                    (Step::Key(key.to_owned()), after)
                }
                None => match inside.split_once(']')? {
                    ("", after) => (Step::Each, after),
                    (number, after) => (Step::Index(number.parse().ok()?), after),
                },
            };
            steps.push(index);
            rest = after;
        } else if let Some(quoted) = rest.strip_prefix('"') {
            let (key, after) = quoted.split_once('"')?;
            steps.push(Step::Key(key.to_owned()));
            rest = after;
        } else if !rest.is_empty() {
            let end = rest.find(['.', '[', '?']).unwrap_or(rest.len());
            let (key, after) = rest.split_at(end);
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if key.is_empty() || !key.chars().all(is_name) {
                return None;
            }
            steps.push(Step::Key(key.to_owned()));
            rest = after;
        }
    }
    Some(steps)
}

/// Takes out what is at `steps`.
fn remove(node: &mut Node, steps: &[Step]) {
    let Some((step, rest)) = steps.split_first() else {
        *node = Node::Map(Default::default());
        return;
    };
    if let Step::Where(keys, value) = step {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        if node.at(&keys).and_then(Node::as_str) == Some(value) {
            remove(node, rest);
        }
        return;
    }
    match (node, step) {
        (Node::Map(map), Step::Key(key)) if rest.is_empty() => {
            map.remove(key);
        }
        (Node::Map(map), Step::Key(key)) => {
            if let Some(child) = map.get_mut(key) {
                remove(child, rest);
            }
        }
        (Node::Map(map), Step::Each) if rest.is_empty() => *map = Default::default(),
        (Node::Map(map), Step::Each) => map.values_mut().for_each(|child| remove(child, rest)),
        (Node::List(items), Step::Each) if rest.is_empty() => items.clear(),
        (Node::List(items), Step::Each) => items.iter_mut().for_each(|item| remove(item, rest)),
        (Node::List(items), Step::Key(_) | Step::Index(_)) => {
            let index = match step {
                Step::Key(key) => key.parse().ok(),
                Step::Index(index) => Some(*index),
                _ => None,
            };
            let Some(index) = index.filter(|index| *index < items.len()) else {
                return;
            };
            if rest.is_empty() {
                items.remove(index);
            } else {
                remove(&mut items[index], rest);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
