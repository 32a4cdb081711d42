//! Differences that an app's owner says are none: Argo CD's `ignoreDifferences`, its own settings for all apps, Flux' ignore rules
//! and annotations.
//!
//! As their controllers do, what a rule names is taken out of both sides, and the rest is compared. What that hides is counted.
//! Sources: argo-cd `pkg/apis/application/v1alpha1/types.go` (`ResourceIgnoreDifferences`) and `util/argo/normalizers`; fluxcd
//! kustomize-controller `api/v1` (`spec.ignore`), helm-controller `api/v2` (`driftDetection.ignore`), `pkg/ssa`.

mod placeholders;
mod settings;
mod steps;

use regex::Regex;

use self::settings::Kinds;
use self::steps::Step;
use super::compare::{Comparison, FieldDrift, UNKNOWN};
use super::object::LiveObject;
use crate::layout::Deployer;
use crate::manifest::{Node, Object, ObjectRef};

/// The rules of one app.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    rules: Vec<Rule>,
    /// Rules that are not understood here, as they are written.
    pub unread: Vec<String>,
    /// The same of the deployer's own settings, which go for all its apps.
    pub unread_settings: Vec<String>,
    /// Why those settings are not known.
    pub unknown_settings: Option<String>,
    /// Where values come from that stand in git as `${name}` only.
    unread_values: Option<String>,
    /// Kinds that the deployer is told to leave alone.
    left_alone: Kinds,
    /// The deployer runs hooks, which come and go as it wants.
    runs_hooks: bool,
}

#[derive(Debug, Clone)]
struct Rule {
    target: Target,
    what: What,
    by: &'static str,
    /// Whose it is, and what it names: `Application shop: ignoreDifferences /spec/replicas`.
    says: String,
}

/// Rules, with whose they are.
struct Source<'a> {
    by: &'static str,
    /// `Application shop: ignoreDifferences`
    name: &'a str,
}

#[derive(Debug, Clone)]
enum What {
    /// Fields, each from the root; the empty path is the whole object.
    Fields(Vec<Step>),
    /// What this field manager owns.
    Manager(String),
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
    /// A field that has to be there.
    field: Option<&'static str>,
}

/// What a rule may name, as far as it is read, and how many rules of one app are: whoever may write to the cluster wrote them.
const LONGEST: usize = 300;
const MOST: usize = 500;

const ARGO: &str = "ignored by Argo CD";
const FLUX: &str = "ignored by Flux";

impl Rules {
    /// What the object says that declares an app to its deployer: an Application, a Kustomization, a HelmRelease.
    pub fn of(owner: &Object) -> Rules {
        let mut rules = Rules::default();
        let list = |keys: &[&str]| owner.at(keys).and_then(Node::as_list).unwrap_or_default();
        let name = |what: &str| format!("{} {}: {what}", owner.id.kind, owner.id.name);
        for rule in list(&["spec", "ignoreDifferences"]) {
            rules.argo(rule, &name("ignoreDifferences"));
        }
        for what in ["ignore", "driftDetection.ignore"] {
            let keys: Vec<&str> = ["spec"].into_iter().chain(what.split('.')).collect();
            for rule in list(&keys) {
                rules.flux(rule, &name(what));
            }
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

    fn argo(&mut self, rule: &Node, name: &str) {
        let text = |key: &str| rule.get(key).and_then(Node::as_str);
        let target = Target {
            // Source: `util/argo/normalizers/diff_normalizer.go`: no group is the group without a name.
            group: Some(glob(text("group").unwrap_or_default())),
            kind: Some(glob(text("kind").unwrap_or_default())),
            name: text("name").filter(|text| !text.is_empty()).map(exactly),
            namespace: text("namespace")
                .filter(|text| !text.is_empty())
                .map(exactly),
            ..Target::default()
        };
        let source = &Source { by: ARGO, name };
        self.pointers(source, &target, texts(rule, "jsonPointers"));
        let unread = self.expressions(source, &target, texts(rule, "jqPathExpressions"));
        self.unread.extend(unread);
        self.managers(source, &target, texts(rule, "managedFieldsManagers"));
    }

    fn pointers(
        &mut self,
        source: &Source,
        target: &Target,
        pointers: impl IntoIterator<Item = impl AsRef<str>>,
    ) {
        for pointer in pointers {
            let pointer = pointer.as_ref();
            let what = What::Fields(steps::of_pointer(pointer));
            self.add(source, target, what, pointer);
        }
    }

    /// Paths of jq; those that are not understood.
    fn expressions(
        &mut self,
        source: &Source,
        target: &Target,
        expressions: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Vec<String> {
        let mut unread = Vec::new();
        for expression in expressions {
            let expression = expression.as_ref();
            match steps::of_jq(expression) {
                Some(steps) => self.add(source, target, What::Fields(steps), expression),
                None => unread.push(cut(expression)),
            }
        }
        unread
    }

    fn managers(
        &mut self,
        source: &Source,
        target: &Target,
        managers: impl IntoIterator<Item = impl AsRef<str>>,
    ) {
        for manager in managers {
            let manager = manager.as_ref();
            let what = What::Manager(manager.to_owned());
            self.add(source, target, what, &format!("what {manager} owns"));
        }
    }

    fn flux(&mut self, rule: &Node, name: &str) {
        let selector = rule.get("target");
        let text = |key: &str| selector?.get(key)?.as_str().filter(|text| !text.is_empty());
        let labels = text("labelSelector")
            .map(equalities)
            .unwrap_or(Some(Vec::new()));
        let (Some(labels), None) = (labels, text("annotationSelector")) else {
            self.unread
                .extend(selector.map(|selector| cut(&format!("{selector:?}"))));
            return;
        };
        // Source: kustomize `api/types/selector.go`: names are regular expressions, anchored.
        let target = Target {
            group: text("group").map(anchored),
            kind: text("kind").map(anchored),
            name: text("name").map(anchored),
            namespace: text("namespace").map(anchored),
            labels,
            field: None,
        };
        let source = &Source { by: FLUX, name };
        self.pointers(source, &target, texts(rule, "paths"));
    }

    fn add(&mut self, source: &Source, target: &Target, what: What, named: &str) {
        if self.rules.len() == MOST {
            let most = format!("all but the first {MOST} rules");
            if !self.unread.contains(&most) {
                self.unread.push(most);
            }
            return;
        }
        let named = match named {
            "" => "everything",
            named => named,
        };
        self.rules.push(Rule {
            target: target.clone(),
            what,
            by: source.by,
            says: cut(&format!("{} {named}", source.name)),
        });
    }

    /// Whether the deployer does not touch an object at all, and by which of its settings.
    pub fn leaves_alone(&self, id: &ObjectRef) -> Option<&'static str> {
        self.left_alone.why(id)
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
        if let Some(from) = &self.unread_values {
            comparison.ignore(UNKNOWN, from, placeholders::may_be);
        }
        if let Some(annotation) = left_alone_by(desired, live) {
            comparison.ignore(FLUX, annotation, |_| true);
            return comparison;
        }
        if let Some(setting) = self.leaves_alone(&desired.id) {
            comparison.ignore(ARGO, &format!("argocd-cm: {setting}"), |_| true);
            return comparison;
        }
        let rules = self.rules.iter();
        for rule in rules.filter(|rule| rule.target.matches(desired)) {
            match &rule.what {
                What::Manager(name) => comparison.ignore(rule.by, &rule.says, |field| {
                    let manager = field.manager.as_ref();
                    manager.is_some_and(|manager| manager.name == *name)
                }),
                What::Fields(path) => {
                    let mut without = desired.clone();
                    steps::remove(&mut without.root, path);
                    let mut rest = live.clone();
                    let without_it = |object: &mut Object| steps::remove(&mut object.root, path);
                    rest.change(without_it, without_it);
                    let still = compare(&without, &rest);
                    comparison.ignore(rule.by, &rule.says, |field| {
                        !still.drift.iter().any(|other| other.path == field.path)
                    });
                }
            }
            if comparison.drift.is_empty() {
                break;
            }
        }
        comparison
    }
}

/// So much of a text as is read.
fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

/// The annotation by which Flux does not touch what is there. Source: kustomize-controller, "Controlling the apply behavior of
/// resources".
fn left_alone_by(desired: &Object, live: &LiveObject) -> Option<&'static str> {
    const RECONCILE: &str = "kustomize.toolkit.fluxcd.io/reconcile";
    const APPLY: &str = "kustomize.toolkit.fluxcd.io/ssa";
    let live = &live.object();
    let says = |key: &str, values: &[&str]| {
        let said = [desired, live].into_iter();
        let said = said.filter_map(|object| object.annotation(key));
        said.map(str::to_ascii_lowercase)
            .any(|value| values.contains(&value.as_str()))
    };
    if says(RECONCILE, &["disabled"]) {
        Some("annotation kustomize.toolkit.fluxcd.io/reconcile")
    } else if says(APPLY, &["ignore", "ifnotpresent"]) {
        Some("annotation kustomize.toolkit.fluxcd.io/ssa")
    } else {
        None
    }
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
            && self.field.is_none_or(|field| object.at(&[field]).is_some())
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

#[cfg(test)]
mod tests;
