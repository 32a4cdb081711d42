//! The plan of a revert or restore: the resulting tree, the smaller scopes, the rendered change, and what to know before saying yes.

use crate::diff::ChangeKind;
use crate::git::{Commit, Oid, RepoPath, revert_message};
use crate::history::{self, Changes, ResourceChange, Rows, changes_between};
use crate::layout::{App, Layout};
use crate::revert::{self as undo, Document, Undo};
use crate::task::{Cancel, Sink};

use super::super::common::{CommitLine, ResourceDiff, Selector};
use super::super::entry::{line_of_commit, line_of_id, resource_diff};
use super::super::workspace::Past;
use super::effect::Basis;
use super::predict;
use super::{Answer, Conflict, Mode, Request, Scope, TriedScope};

/// Scopes tried beyond the one asked for.
const TRIED: usize = 24;

/// What stays the same while scopes are tried.
struct Planning<'a> {
    past: &'a Past<'a>,
    /// Other branches that it could be planned for as well.
    elsewhere: Vec<String>,
    mode: Mode,
    /// Newest first; for a restore, the one to restore from.
    commits: Vec<Commit>,
    tip: Oid,
    tip_tree: Oid,
    layout: std::sync::Arc<Layout>,
    rows: Rows,
    cancel: &'a Cancel,
}

pub fn answer(
    past: &Past,
    request: &Request,
    cancel: &Cancel,
    out: &Sink<Answer>,
) -> anyhow::Result<(Answer, Basis)> {
    let mut commits = Vec::new();
    for revision in &request.revisions {
        commits.push(past.reader.commit(past.resolve(revision)?)?);
    }
    let lines = lines(past, &commits, &request.scope, cancel)?;
    let past = lines.first().unwrap_or(past);
    let tip = past.at(None)?;
    // What came after the commits is all there is to know; what came before them need not be waited for.
    let history = past.ws.history(tip);
    let mut rows = history.snapshot();
    let known = |rows: &Rows| {
        commits
            .iter()
            .all(|commit| rows.position(commit.id).is_some())
    };
    while !known(&rows) && !rows.complete() && !cancel.is_cancelled() {
        rows = history.wait_grown(rows.len(), cancel);
    }
    // The newest is undone first, so that each is undone on the state it led to.
    commits.sort_by_key(|commit| rows.position(commit.id).unwrap_or(usize::MAX));
    let planning = Planning {
        past,
        elsewhere: lines
            .iter()
            .skip(1)
            .filter_map(|past| past.line.tip.branch.clone())
            .collect(),
        mode: request.mode,
        tip,
        tip_tree: past.reader.tree_of(tip)?,
        layout: past.layout_of(tip)?,
        commits,
        rows,
        cancel,
    };
    planning.answer(request, out)
}

/// The branches that what is asked for can be planned for: where the commits are, and the environment is. The first is.
fn lines<'a>(
    past: &Past<'a>,
    commits: &[Commit],
    scope: &Scope,
    cancel: &Cancel,
) -> anyhow::Result<Vec<Past<'a>>> {
    let Some(commit) = commits.first() else {
        return Ok(Vec::new());
    };
    let mut lines = past.on_those_with(commit.id, cancel);
    let environment = match scope {
        Scope::App { environment, .. } => Some(environment),
        Scope::Resource { select, .. } => select.environment.as_ref(),
        Scope::All | Scope::Path { .. } => None,
    };
    if lines.len() > 1
        && let Some(environment) = environment
    {
        let mut with = Vec::new();
        for past in lines {
            let layout = past.layout_of(past.line.tip.commit)?;
            if layout.environment(environment).is_some() {
                with.push(past);
            }
        }
        lines = with;
    }
    Ok(lines)
}

impl Planning<'_> {
    fn answer(&self, request: &Request, out: &Sink<Answer>) -> anyhow::Result<(Answer, Basis)> {
        let scope = self.resolve(&request.scope)?;
        let undone = self.undo(self.mode, &scope)?;
        let mut answer = Answer {
            tips: vec![self.past.line.tip.clone()],
            base: self.tip,
            commits: self.commits.iter().map(line_of_commit).collect(),
            mode: self.mode,
            scope: request.scope.clone(),
            clean: undone.is_clean(),
            no_change: undone.changes_nothing(self.tip_tree),
            tree: undone.tree,
            conflicts: undone
                .conflicts
                .iter()
                .map(|conflict| Conflict {
                    path: conflict.path.to_string(),
                    kind: conflict.kind,
                })
                .collect(),
            scopes: Vec::new(),
            also_undoes: Vec::new(),
            branch: self.branch(&request.scope),
            message: self.message(&request.scope),
            resources: Vec::new(),
            not_rendered: Vec::new(),
            effect: Vec::new(),
            warnings: self.warnings(),
            protected: Vec::new(),
            staged: None,
        };
        if self.mode == Mode::Restore
            && let Some(from) = self.commits.first()
        {
            answer.also_undoes = self.undone_by(from.id, &scope);
        }
        out.send(answer.clone());
        if let Some(tree) = undone.tree {
            self.compare(&mut answer, tree)?;
            out.send(answer.clone());
        }
        answer.scopes = self.try_scopes(&request.scope)?;

        let environments: Vec<String> = answer
            .resources
            .iter()
            .map(|diff| diff.resource.environment.clone())
            .collect();
        answer.protected = self
            .layout
            .environments
            .iter()
            .filter(|environment| environment.protected && environments.contains(&environment.name))
            .map(|environment| environment.name.clone())
            .collect();
        let touched = self.past.desired(&self.layout, self.tip_tree, |app| {
            environments.contains(&app.environment)
        })?;
        Ok((
            answer,
            Basis {
                layout: self.layout.clone(),
                apps: touched,
            },
        ))
    }

    /// The tree after undoing, or the first conflict.
    fn undo(&self, mode: Mode, scope: &undo::Scope) -> anyhow::Result<Undo> {
        let (reader, masking) = (&self.past.reader, &self.past.ws.inner.masking);
        let mut tree = self.tip_tree;
        for commit in &self.commits {
            let undone = match mode {
                Mode::Revert => undo::inverse(reader, commit, tree, scope, masking)?,
                Mode::Restore => undo::restore(reader, commit.tree, tree, scope, masking)?,
            };
            match undone.tree {
                Some(next) => tree = next,
                None => return Ok(undone),
            }
        }
        Ok(Undo {
            tree: Some(tree),
            conflicts: Vec::new(),
        })
    }

    /// A scope in a person's words, as paths and documents.
    fn resolve(&self, scope: &Scope) -> anyhow::Result<undo::Scope> {
        Ok(match scope {
            Scope::All => undo::Scope::All,
            Scope::Path { path } => {
                undo::Scope::Paths(vec![RepoPath::from(path.trim_matches('/'))])
            }
            Scope::App { environment, app } => {
                let mut paths = Vec::new();
                let mut layouts = vec![self.layout.clone()];
                for commit in &self.commits {
                    layouts.push(self.past.layout_of(commit.id)?);
                }
                for found in layouts.iter().flat_map(|layout| &layout.apps) {
                    if found.name == *app
                        && (environment.is_empty() || found.environment == *environment)
                    {
                        paths.extend(found.recipe.roots.iter().chain(&found.sources).cloned());
                    }
                }
                if paths.is_empty() {
                    anyhow::bail!("no app is called {app:?}\nhint: `gitopsy where` lists them");
                }
                paths.sort();
                paths.dedup();
                undo::Scope::Paths(paths)
            }
            Scope::Resource { select, .. } => undo::Scope::Documents(self.documents(select)?),
        })
    }

    /// The documents a resource is declared in: at the tip, at the commits, and before them.
    fn documents(&self, select: &Selector) -> anyhow::Result<Vec<Document>> {
        let (id, declared) = self.past.the_one(self.tip, select)?;
        let mut documents = Vec::new();
        let mut add = |source: Option<&crate::render::Source>| {
            if let Some(source) = source.filter(|source| source.document.is_some()) {
                let document = Document {
                    path: source.path.clone(),
                    object: id.object.clone(),
                };
                if !documents.contains(&document) {
                    documents.push(document);
                }
            }
        };
        add(declared
            .as_ref()
            .and_then(|declared| declared.source.as_ref()));
        let exact = Selector {
            environment: Some(id.environment.clone()),
            namespace: id.object.namespace.clone(),
            resource: Some(format!("{}/{}", id.object.kind, id.object.name)),
            path: None,
        };
        for commit in &self.commits {
            for at in std::iter::once(commit.id).chain(commit.parents.first().copied()) {
                let (layout, tree) = (self.past.layout_of(at)?, self.past.reader.tree_of(at)?);
                for found in self.past.declared(&layout, tree, &exact)? {
                    add(found.source.as_ref());
                }
            }
        }
        if documents.is_empty() {
            anyhow::bail!(
                "{} is not declared in a file of its own\nhint: limit the revert with --path or --app instead",
                id.object
            );
        }
        Ok(documents)
    }

    /// The rendered change from the tip to the planned tree, with what a pipeline will make of changed sources.
    fn compare(&self, answer: &mut Answer, tree: Oid) -> anyhow::Result<()> {
        let changes = self.changes(self.tip_tree, tree)?;
        answer.resources = changes
            .resources
            .iter()
            .map(|change| resource_diff(self.past, change))
            .collect();
        answer.not_rendered = changes
            .not_rendered
            .iter()
            .map(super::super::change::not_rendered)
            .collect();
        if self.mode == Mode::Revert {
            let (predicted, later) = self.predict()?;
            answer.resources.extend(predicted);
            if later > 0 {
                answer.warnings.push(format!(
                    "{later} generated fields have changed again since; what the pipeline makes of them is not predicted"
                ));
            }
        }
        self.explain_silence(answer, &changes, tree)?;
        Ok(())
    }

    /// Says which changed files change no resource, and why not: a reviewer must not wonder whether something was missed.
    fn explain_silence(
        &self,
        answer: &mut Answer,
        changes: &Changes,
        tree: Oid,
    ) -> anyhow::Result<()> {
        let spoken = |app: &App| {
            let not_rendered = changes
                .not_rendered
                .iter()
                .map(|side| (&side.environment, &side.app));
            let resources = answer
                .resources
                .iter()
                .map(|diff| (&diff.resource.environment, &diff.resource.app));
            resources
                .chain(not_rendered)
                .any(|(environment, name)| *environment == app.environment && *name == app.name)
        };
        let mut silent = Vec::new();
        for change in self.past.reader.diff(self.tip_tree, tree)? {
            let apps = self.layout.apps_touched(&[change.path.as_slice()]);
            let apps: Vec<&App> = apps
                .iter()
                .filter_map(|index| self.layout.apps.get(*index))
                .collect();
            if !apps.is_empty() && !apps.iter().any(|app| spoken(app)) {
                silent.push(change.path.to_string());
            }
        }
        if !silent.is_empty() {
            answer.warnings.push(format!(
                "changes bytes, not meaning: no resource differs by {}",
                listed(&silent)
            ));
        }
        if !changes.other_files.is_empty() {
            let files: Vec<String> = changes
                .other_files
                .iter()
                .map(ToString::to_string)
                .collect();
            answer
                .warnings
                .push(format!("no app is made of {}", listed(&files)));
        }
        Ok(())
    }

    fn changes(&self, before: Oid, after: Oid) -> anyhow::Result<Changes> {
        let scope = history::Scope::default();
        Ok(changes_between(
            self.past.sources(),
            before,
            after,
            &scope,
            self.cancel,
        )?)
    }

    /// For each commit that a pipeline generated others from: the inverse of what those changed.
    fn predict(&self) -> anyhow::Result<(Vec<ResourceDiff>, usize)> {
        let origins = self.past.origins(self.tip)?;
        let mut predicted: Vec<ResourceDiff> = Vec::new();
        let mut later = 0;
        for commit in &self.commits {
            let Some(row) = self.rows.position(commit.id) else {
                continue;
            };
            let generated = origins.of(&self.past.reader, &self.rows, row).generates;
            let Some(newest) = generated.first().and_then(|row| self.rows.get(*row)) else {
                continue;
            };
            let changes = self.changes(commit.tree, newest.tree)?;
            for change in changes.resources.iter().filter(|change| is_meant(change)) {
                let tip = self.at_tip(change)?;
                let (diff, changed_since) =
                    predict::inverse(change, tip.as_ref(), &self.past.ws.inner.lists);
                later += changed_since;
                predicted.extend(diff);
            }
        }
        Ok((predicted, later))
    }

    /// The changed object as the tip declares it.
    fn at_tip(&self, change: &ResourceChange) -> anyhow::Result<Option<crate::manifest::Object>> {
        let apps = self.past.desired(&self.layout, self.tip_tree, |app| {
            app.environment == change.environment && app.name == change.app
        })?;
        Ok(apps
            .iter()
            .flat_map(|app| &app.rendering.objects)
            .find(|rendered| rendered.object.id == change.object)
            .map(|rendered| rendered.object.clone()))
    }

    /// The other scopes worth offering, each tried: all, then each app, resource and file the commits touch.
    fn try_scopes(&self, asked: &Scope) -> anyhow::Result<Vec<TriedScope>> {
        let mut scopes = vec![Scope::All];
        for commit in &self.commits {
            let before = match commit.parents.first() {
                Some(parent) => self.past.reader.tree_of(*parent)?,
                None => self.past.reader.empty_tree(),
            };
            let changes = self.changes(before, commit.tree)?;
            for change in &changes.resources {
                scopes.push(Scope::App {
                    environment: change.environment.clone(),
                    app: change.app.clone(),
                });
            }
            for change in changes
                .resources
                .iter()
                .filter(|change| change.path.is_some())
            {
                let select = Selector {
                    environment: Some(change.environment.clone()),
                    namespace: change.object.namespace.clone(),
                    resource: Some(format!("{}/{}", change.object.kind, change.object.name)),
                    path: None,
                };
                scopes.push(Scope::Resource {
                    select,
                    name: change.object.to_string(),
                });
            }
            for change in self.past.reader.diff(before, commit.tree)? {
                scopes.push(Scope::Path {
                    path: change.path.to_string(),
                });
            }
        }
        let mut tried: Vec<TriedScope> = Vec::new();
        for scope in scopes {
            if tried.len() >= TRIED || self.cancel.is_cancelled() {
                break;
            }
            let is_asked = self.mode == Mode::Revert && scope == *asked;
            if tried.iter().any(|other| other.scope == scope) {
                continue;
            }
            let Ok(resolved) = self.resolve(&scope) else {
                continue;
            };
            let undone = self.undo(Mode::Revert, &resolved)?;
            if !is_asked {
                tried.push(self.tried(Mode::Revert, &scope, &undone));
            }
            // Where the inverse conflicts, things can still be put back as they were before.
            if !undone.is_clean() && !matches!(scope, Scope::All) {
                tried.extend(self.try_restore(&scope, &resolved)?);
            }
        }
        Ok(tried)
    }

    /// Putting a scope back as it was before the oldest commit: `gitopsy restore COMMIT^`.
    fn try_restore(
        &self,
        scope: &Scope,
        resolved: &undo::Scope,
    ) -> anyhow::Result<Option<TriedScope>> {
        let Some(before) = self
            .commits
            .last()
            .and_then(|commit| commit.parents.first())
        else {
            return Ok(None);
        };
        let (reader, masking) = (&self.past.reader, &self.past.ws.inner.masking);
        let before = reader.tree_of(*before)?;
        let restored = undo::restore(reader, before, self.tip_tree, resolved, masking)?;
        Ok(Some(self.tried(Mode::Restore, scope, &restored)))
    }

    fn tried(&self, mode: Mode, scope: &Scope, undone: &Undo) -> TriedScope {
        TriedScope {
            mode,
            scope: scope.clone(),
            clean: undone.is_clean(),
            no_change: undone.changes_nothing(self.tip_tree),
        }
    }

    fn undone_by(&self, from: Oid, scope: &undo::Scope) -> Vec<CommitLine> {
        undo::undone_by(&self.rows, from, scope)
            .into_iter()
            .map(|id| line_of_id(self.past, id))
            .collect()
    }

    /// `revert/a1b2c3d`, with what it is limited to.
    fn branch(&self, scope: &Scope) -> String {
        let verb = match self.mode {
            Mode::Revert => "revert",
            Mode::Restore => "restore",
        };
        let mut branch = format!(
            "{verb}/{}",
            self.commits.first().map(short).unwrap_or_default()
        );
        let limit = match scope {
            Scope::All => return branch,
            Scope::App { app, .. } => app,
            Scope::Resource { name, .. } => name,
            Scope::Path { path } => path,
        };
        branch.push('-');
        branch.extend(limit.chars().map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        }));
        branch.truncate(60);
        branch.trim_end_matches('-').to_owned()
    }

    /// As git words a whole revert; tools read that sentence, so a partial one must not carry it.
    fn message(&self, scope: &Scope) -> String {
        let limit = match scope {
            Scope::All => None,
            Scope::App { environment, app } if environment.is_empty() => Some(app.clone()),
            Scope::App { environment, app } => Some(format!("{app} in {environment}")),
            Scope::Resource { name, .. } => Some(name.clone()),
            Scope::Path { path } => Some(path.clone()),
        };
        match (self.mode, self.commits.as_slice(), limit) {
            (Mode::Revert, [commit], None) => revert_message(commit),
            (Mode::Revert, [commit], Some(limit)) => format!(
                "Revert \"{}\" ({limit} only)\n\nThis partially reverts commit {}.\n",
                commit.subject, commit.id
            ),
            (Mode::Revert, commits, _) => {
                let lines: String = commits
                    .iter()
                    .map(|commit| format!("{} {}\n", commit.id, commit.subject))
                    .collect();
                format!("Revert {} commits\n\n{lines}", commits.len())
            }
            (Mode::Restore, commits, limit) => {
                let what = limit.unwrap_or_else(|| "everything".to_owned());
                match commits.first() {
                    Some(from) => format!(
                        "Restore {what} to {}\n\nAs it was at commit {} ({}).\n",
                        short(from),
                        from.id,
                        from.subject
                    ),
                    None => format!("Restore {what}\n"),
                }
            }
        }
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if let (false, Some(branch)) = (self.elsewhere.is_empty(), &self.past.line.tip.branch) {
            let others = self.elsewhere.join(", ");
            warnings.push(format!(
                "this is for {branch} only; it is on {others} too: --branch plans it there"
            ));
        }
        if self.mode == Mode::Restore {
            return warnings;
        }
        let origins = self.past.origins(self.tip).ok();
        for commit in &self.commits {
            if commit.parents.len() > 1 {
                warnings.push(format!(
                    "{} is a merge: reverting it undoes its changes, not its history; merging the same branch again brings nothing back",
                    short(commit)
                ));
            }
            let Some(row) = self.rows.position(commit.id) else {
                warnings.push(format!(
                    "{} is not on the line of the branch under review",
                    short(commit)
                ));
                continue;
            };
            if let Some(by) = self
                .rows
                .reverted_by(commit.id)
                .and_then(|row| self.rows.get(row))
            {
                warnings.push(format!(
                    "{} was reverted by {} already",
                    short(commit),
                    short_id(by.id)
                ));
            }
            let source = origins
                .as_ref()
                .and_then(|origins| origins.of(&self.past.reader, &self.rows, row).source)
                .and_then(|row| self.rows.get(row));
            if let Some(source) = source {
                warnings.push(format!(
                    "{} was generated by a pipeline, which would write it again; revert its source instead: {} {}",
                    short(commit),
                    short_id(source.id),
                    source.subject
                ));
            }
        }
        warnings
    }
}

/// A few names, and how many more there are.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let mut text = names
        .iter()
        .take(SHOWN)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

/// What a person meant: not noise, and not the jobs that every generation renames.
fn is_meant(change: &ResourceChange) -> bool {
    !change.routine && change.kind != ChangeKind::Moved
}

fn short(commit: &Commit) -> String {
    short_id(commit.id)
}

fn short_id(id: Oid) -> String {
    id.to_string().chars().take(7).collect()
}
