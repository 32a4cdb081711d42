//! Kargo: where a Stage takes what it deploys from, and where in git its promotions write that.
//!
//! A promotion is a list of steps that clone repositories, change files in them, commit and push. Nothing is run here; the
//! expressions that name places (`${{ vars.repo }}`, `stage/${{ ctx.stage }}`) are put in as far as they are known, and a
//! place whose expression is not known is none. Sources: akuity/kargo `api/v1alpha1/{stage,warehouse,promotion}_types.go`,
//! `pkg/promotion/runner/builtin/schemas`.

use std::collections::{BTreeMap, BTreeSet};

use super::{Node, Object};

pub const KARGO: &str = "kargo.akuity.io";

/// Tasks that call tasks, no deeper.
const DEEPEST_TASK: usize = 4;

/// Where promotions to a Stage write.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Written {
    pub repository: Option<String>,
    /// `None`: the repository's default branch, or one that is made for each promotion.
    pub branch: Option<String>,
    /// Files and directories in it.
    pub paths: BTreeSet<String>,
}

/// Where the freight of a Stage comes from: `warehouse web`, `stages test, uat`.
pub fn kargo_origin(stage: &Object) -> Option<String> {
    let mut warehouses = BTreeSet::new();
    let mut stages = Vec::new();
    for request in list(stage.at(&["spec", "requestedFreight"])) {
        if request.at(&["sources", "direct"]).and_then(Node::as_bool) == Some(true) {
            warehouses.extend(text(request, &["origin", "name"]));
        }
        let upstream = list(request.at(&["sources", "stages"])).iter();
        for name in upstream.filter_map(Node::as_str) {
            if !stages.contains(&name) {
                stages.push(name);
            }
        }
    }
    let warehouses: Vec<&str> = warehouses.into_iter().collect();
    let said: Vec<String> = [("stage", stages), ("warehouse", warehouses)]
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(what, names)| {
            let plural = if names.len() > 1 { "s" } else { "" };
            format!("{what}{plural} {}", names.join(", "))
        })
        .collect();
    (!said.is_empty()).then(|| said.join(" or "))
}

/// What an object of Kargo's is about, in a line; `None` for other kinds, and where it says nothing.
pub fn kargo_summary(object: &Object) -> Option<String> {
    if object.id.group != KARGO {
        return None;
    }
    match object.id.kind.as_str() {
        "Stage" => {
            let from = kargo_origin(object).map(|from| format!("from {from}"));
            let to: Vec<String> = kargo_writes(object, &|_, _| None)
                .iter()
                .map(place)
                .collect();
            let to = (!to.is_empty()).then(|| format!("writes {}", to.join(", ")));
            let said: Vec<String> = from.into_iter().chain(to).collect();
            (!said.is_empty()).then(|| said.join("; "))
        }
        "Warehouse" => {
            let subscriptions = list(object.at(&["spec", "subscriptions"]));
            let said: Vec<String> = subscriptions.iter().filter_map(subscription).collect();
            (!said.is_empty()).then(|| format!("watches {}", said.join(", ")))
        }
        "Promotion" => {
            let text = |key| text(&object.root, &["spec", key]);
            Some(format!(
                "freight {} to stage {}",
                text("freight")?,
                text("stage")?
            ))
        }
        "PromotionTask" | "ClusterPromotionTask" => {
            let steps = list(object.at(&["spec", "steps"])).iter();
            let steps: Vec<&str> = steps
                .filter_map(|step| text(step, &["uses"]).or(text(step, &["task", "name"])))
                .collect();
            (!steps.is_empty()).then(|| steps.join(" → "))
        }
        "Project" | "ProjectConfig" => {
            let policies = list(object.at(&["spec", "promotionPolicies"])).iter();
            let stages: Vec<&str> = policies
                .filter(|policy| {
                    policy.get("autoPromotionEnabled").and_then(Node::as_bool) == Some(true)
                })
                .filter_map(|policy| {
                    text(policy, &["stage"]).or(text(policy, &["stageSelector", "name"]))
                })
                .collect();
            (!stages.is_empty()).then(|| format!("promotes to {} by itself", stages.join(", ")))
        }
        _ => None,
    }
}

/// Where promotions to a Stage write. `task` finds the PromotionTasks that its steps name, by kind and name.
pub fn kargo_writes<'o>(
    stage: &'o Object,
    task: &dyn Fn(&str, &str) -> Option<&'o Object>,
) -> Vec<Written> {
    let template = stage.at(&["spec", "promotionTemplate", "spec"]);
    let Some(template) = template else {
        return Vec::new();
    };
    let mut promotion = Promotion {
        stage,
        task,
        checkouts: BTreeMap::new(),
        changed: BTreeSet::new(),
        pushed: Vec::new(),
        asked: None,
    };
    promotion.steps(template, &BTreeMap::new(), DEEPEST_TASK);
    promotion.written()
}

/// A working tree, by its path in the promotion's directory.
struct Checkout {
    repository: Option<String>,
    branch: Option<String>,
}

/// What has been seen of a promotion's steps.
struct Promotion<'o, 't> {
    stage: &'o Object,
    task: &'t dyn Fn(&str, &str) -> Option<&'o Object>,
    checkouts: BTreeMap<String, Checkout>,
    changed: BTreeSet<String>,
    /// Checkouts that are pushed, and to which branch.
    pushed: Vec<(String, Option<String>)>,
    /// The branch that pull requests are opened for.
    asked: Option<String>,
}

type Variables = BTreeMap<String, String>;

impl<'o> Promotion<'o, '_> {
    fn steps(&mut self, spec: &'o Node, around: &Variables, depth: usize) {
        let mut variables = around.clone();
        // A task's own values are defaults: what calls it knows better, and a name without a value is asked for.
        for variable in list(spec.get("vars")) {
            let name = text(variable, &["name"]).unwrap_or_default();
            let value = text(variable, &["value"]).and_then(|value| self.filled(value, &variables));
            if let Some(value) = value.filter(|_| !around.contains_key(name)) {
                variables.insert(name.to_owned(), value);
            }
        }
        for step in list(spec.get("steps")) {
            let mut own = variables.clone();
            for variable in list(step.get("vars")) {
                let name = text(variable, &["name"]).unwrap_or_default();
                match text(variable, &["value"]).and_then(|value| self.filled(value, &variables)) {
                    Some(value) => own.insert(name.to_owned(), value),
                    None => own.remove(name),
                };
            }
            if let Some(name) = text(step, &["task", "name"]) {
                let kind = text(step, &["task", "kind"]).unwrap_or("PromotionTask");
                let called = (self.task)(kind, name).and_then(|task| task.at(&["spec"]));
                if let Some(spec) = called.filter(|_| depth > 0) {
                    self.steps(spec, &own, depth - 1);
                }
            } else if let (Some(uses), Some(config)) = (text(step, &["uses"]), step.get("config")) {
                self.step(uses, config, &own);
            }
        }
    }

    fn step(&mut self, uses: &str, config: &Node, variables: &Variables) {
        let value = |node: &Node, key: &str| self.filled(text(node, &[key])?, variables);
        let path = |node: &Node, key: &str| Some(bare(&value(node, key)?));
        match uses {
            "git-clone" => {
                let repository = value(config, "repoURL");
                let checkouts: Vec<(String, Checkout)> = list(config.get("checkout"))
                    .iter()
                    .filter_map(|checkout| {
                        let checked_out = Checkout {
                            repository: repository.clone(),
                            branch: value(checkout, "branch"),
                        };
                        Some((path(checkout, "path")?, checked_out))
                    })
                    .collect();
                self.checkouts.extend(checkouts);
            }
            "git-push" | "github-push" => {
                if let Some(path) = path(config, "path") {
                    let made = config.get("generateTargetBranch").and_then(Node::as_bool);
                    let branch = match (value(config, "targetBranch"), made) {
                        (Some(branch), _) => Some(branch),
                        (None, Some(true)) => None,
                        (None, _) => {
                            let checkout = self.checkouts.get(&path);
                            checkout.and_then(|checkout| checkout.branch.clone())
                        }
                    };
                    self.pushed.push((path, branch));
                }
            }
            "git-open-pr" => self.asked = value(config, "targetBranch"),
            _ if uses.starts_with("git-") => {}
            _ => {
                let out = path(config, "outPath").or_else(|| path(config, "outFile"));
                if let Some(path) = out.or_else(|| path(config, "path")) {
                    self.changed.insert(path);
                }
            }
        }
    }

    /// A text with its expressions' values; `None` where one is not known.
    fn filled(&self, text: &str, variables: &Variables) -> Option<String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${{") {
            let (expression, after) = after.split_once("}}")?;
            filled.push_str(before);
            filled.push_str(match expression.trim() {
                "ctx.stage" => &self.stage.id.name,
                "ctx.project" => self.stage.id.namespace.as_deref()?,
                other => variables.get(other.strip_prefix("vars.")?)?,
            });
            rest = after;
        }
        filled.push_str(rest);
        Some(filled)
    }

    fn written(self) -> Vec<Written> {
        let mut written: BTreeSet<Written> = BTreeSet::new();
        for (directory, branch) in &self.pushed {
            let Some(checkout) = self.checkouts.get(directory) else {
                continue;
            };
            let below = |path: &String| {
                let rest = match directory.as_str() {
                    "" => Some(path.as_str()),
                    directory => path.strip_prefix(directory),
                }?;
                let inside = rest.is_empty() || directory.is_empty() || rest.starts_with('/');
                inside.then(|| rest.trim_start_matches('/').to_owned())
            };
            written.insert(Written {
                repository: checkout.repository.clone(),
                branch: branch.clone().or_else(|| self.asked.clone()),
                paths: self.changed.iter().filter_map(below).collect(),
            });
        }
        written.into_iter().collect()
    }
}

/// `./src/` and `src` are the same directory.
fn bare(path: &str) -> String {
    let parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
    parts.collect::<Vec<_>>().join("/")
}

/// `stage/test of github.com/example/web (apps/web)`
fn place(written: &Written) -> String {
    let mut said = match &written.branch {
        Some(branch) => branch.clone(),
        None => "a branch of its own".to_owned(),
    };
    if let Some(repository) = &written.repository {
        said += &format!(" of {}", repository_name(repository));
    }
    let paths: Vec<&str> = written
        .paths
        .iter()
        .map(String::as_str)
        .filter(|path| !path.is_empty())
        .collect();
    if !paths.is_empty() {
        said += &format!(" ({})", paths.join(", "));
    }
    said
}

fn subscription(subscription: &Node) -> Option<String> {
    let of = |kind: &str, keys: &[&str]| {
        let node = subscription.get(kind)?;
        let repository = text(node, &["repoURL"])?;
        let more = keys.iter().find_map(|key| text(node, &[key]));
        Some((node, repository_name(repository), more))
    };
    const RANGES: [&str; 3] = ["constraint", "semverConstraint", "allowTags"];
    if let Some((_, image, range)) = of("image", &RANGES) {
        return Some(with(format!("image {image}"), range));
    }
    if let Some((chart, repository, range)) = of("chart", &RANGES) {
        let name = text(chart, &["name"]);
        let name = name.map_or(repository.clone(), |name| format!("{repository}/{name}"));
        return Some(with(format!("chart {name}"), range));
    }
    let (_, repository, branch) = of("git", &["branch"])?;
    Some(with(format!("git {repository}"), branch))
}

fn with(what: String, more: Option<&str>) -> String {
    match more {
        Some(more) => format!("{what} {more}"),
        None => what,
    }
}

/// A URL without its scheme, credentials and `.git`.
fn repository_name(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or_default();
    let rest = match host.rfind('@') {
        Some(at) => &rest[at + 1..],
        None => rest,
    };
    rest.strip_suffix(".git").unwrap_or(rest).to_owned()
}

fn list(node: Option<&Node>) -> &[Node] {
    node.and_then(Node::as_list).unwrap_or_default()
}

fn text<'n>(node: &'n Node, keys: &[&str]) -> Option<&'n str> {
    node.at(keys)?.as_str().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Masking, parse};

    fn objects(yaml: &str) -> Vec<Object> {
        let parsed = parse(yaml.as_bytes(), &Masking::new([1; 32]));
        parsed
            .documents
            .into_iter()
            .map(|found| found.object)
            .collect()
    }

    /// The promotion of Kargo's own documentation, once written out and once as a task that a Stage calls.
    const STEPS: &str = r#"
    vars:
    - name: gitopsRepo
      value: https://bot:hunter2@github.com/example/repo.git
    - name: outPath
      value: ./out
    steps:
    - uses: git-clone
      config:
        repoURL: ${{ vars.gitopsRepo }}
        checkout:
        - branch: main
          path: ./src
        - branch: stage/${{ ctx.stage }}
          create: true
          path: ${{ vars.outPath }}
    - uses: git-clear
      config: {path: "${{ vars.outPath }}"}
    - uses: kustomize-set-image
      config:
        path: ./src/base
        images: [{image: nginx}]
    - uses: kustomize-build
      config:
        path: ./src/stages/${{ ctx.stage }}
        outPath: ${{ vars.outPath }}/manifests.yaml
    - uses: git-commit
      config: {path: "${{ vars.outPath }}", message: "${{ outputs.update.commitMessage }}"}
    - uses: git-push
      config: {path: "${{ vars.outPath }}"}
    - uses: argocd-update
      config: {apps: [{name: "web-${{ ctx.stage }}"}]}
"#;

    fn stage(template: &str) -> String {
        format!(
            "apiVersion: kargo.akuity.io/v1alpha1\nkind: Stage\nmetadata: {{name: test, namespace: shop}}\nspec:\n  \
             requestedFreight:\n  - origin: {{kind: Warehouse, name: web}}\n    sources: {{direct: true}}\n  - origin: {{kind: \
             Warehouse, name: db}}\n    sources: {{stages: [dev, uat]}}\n  promotionTemplate:\n   spec:\n{template}"
        )
    }

    fn out() -> Written {
        Written {
            repository: Some("https://bot:hunter2@github.com/example/repo.git".to_owned()),
            branch: Some("stage/test".to_owned()),
            paths: ["manifests.yaml".to_owned()].into(),
        }
    }

    #[test]
    fn a_promotion_is_followed_to_what_it_pushes() {
        let [found] = objects(&stage(STEPS)).try_into().expect("one object");
        assert_eq!(kargo_writes(&found, &|_, _| None), [out()]);
        let said = kargo_summary(&found).expect("a summary");
        assert_eq!(
            said,
            "from stages dev, uat or warehouse web; writes stage/test of github.com/example/repo (manifests.yaml)"
        );
    }

    #[test]
    fn tasks_are_followed_with_the_variables_of_who_calls_them() {
        let task = format!(
            "apiVersion: kargo.akuity.io/v1alpha1\nkind: PromotionTask\nmetadata: {{name: promote, namespace: shop}}\nspec:{STEPS}"
        );
        let calls = "    steps:\n    - task: {name: promote}\n      vars: [{name: outPath, value: ./elsewhere}]\n";
        let tasks = objects(&task);
        let found = objects(&stage(calls));
        let find = |kind: &str, name: &str| {
            let mut tasks = tasks.iter();
            tasks.find(|task| task.id.kind == kind && task.id.name == name)
        };
        assert_eq!(kargo_writes(&found[0], &find), [out()]);
        assert_eq!(kargo_writes(&found[0], &|_, _| None), []);
        assert!(
            kargo_summary(&tasks[0])
                .expect("steps")
                .starts_with("git-clone → git-clear →")
        );
    }

    #[test]
    fn what_is_pushed_for_a_pull_request_is_for_its_branch() {
        let steps = r#"
    steps:
    - uses: git-clone
      config: {repoURL: "https://github.com/example/repo", checkout: [{branch: main, path: src}]}
    - uses: yaml-update
      config: {path: "src/env/${{ ctx.stage }}/values.yaml", updates: [{key: tag, value: "${{ imageFrom('x').Tag }}"}]}
    - uses: yaml-update
      config: {path: "src/${{ quote(vars.unknown) }}/values.yaml"}
    - uses: git-push
      config: {path: src, generateTargetBranch: true}
    - uses: git-open-pr
      config: {repoURL: "https://github.com/example/repo", targetBranch: main}
"#;
        let found = objects(&stage(steps));
        let [written] = kargo_writes(&found[0], &|_, _| None)
            .try_into()
            .expect("one");
        assert_eq!(written.branch.as_deref(), Some("main"));
        assert_eq!(written.paths, ["env/test/values.yaml".to_owned()].into());
    }

    #[test]
    fn every_kind_is_summed_up() {
        let header = |kind: &str| {
            format!(
                "apiVersion: kargo.akuity.io/v1alpha1\nkind: {kind}\nmetadata: {{name: web, namespace: shop}}\nspec: "
            )
        };
        for (kind, spec, expected) in [
            (
                "Warehouse",
                "{subscriptions: [{image: {repoURL: ghcr.io/example/web, constraint: ^1.2.0}}, \
                 {git: {repoURL: 'https://github.com/example/web.git', branch: main}}, \
                 {chart: {repoURL: 'oci://ghcr.io/example/charts', name: web, semverConstraint: ~2}}]}",
                Some(
                    "watches image ghcr.io/example/web ^1.2.0, git github.com/example/web main, chart \
                     ghcr.io/example/charts/web ~2",
                ),
            ),
            (
                "Promotion",
                "{stage: test, freight: f5f87aa23c9e}",
                Some("freight f5f87aa23c9e to stage test"),
            ),
            (
                "ProjectConfig",
                "{promotionPolicies: [{stageSelector: {name: test}, autoPromotionEnabled: true}, {stage: prod}]}",
                Some("promotes to test by itself"),
            ),
            ("Project", "{}", None),
            ("Freight", "{}", None),
        ] {
            let found = objects(&format!("{}{spec}\n", header(kind)));
            assert_eq!(kargo_summary(&found[0]).as_deref(), expected, "{kind}");
        }
    }
}
