//! Kargo: which Stages promote what into an environment.
//!
//! Kargo deploys nothing. It writes what others deploy, into a directory or a branch of an environment: a Stage belongs to
//! the environment that its promotions write to, whatever either is called.

use std::fmt;

use serde::Serialize;

use super::own::{Own, rooted};
use super::{Layout, is_ignored};
use crate::git::{ByteSlice, EntryKind, Result};
use crate::manifest::{KARGO, Object, Written, kargo_origin, kargo_writes};
use crate::render::Renderer;
use crate::render::tree::{Tree, is_manifest_name, is_within};
use crate::text::clean_line;

/// A Stage of Kargo's that promotes into an environment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Promoter {
    pub stage: String,
    /// Kargo's project: the Stage's namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// `warehouse web`, `stages test, uat`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The file that declares it.
    pub path: String,
}

/// `by Kargo's Stage prod from stages test (kargo/stages.yaml)`
impl fmt::Display for Promoter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "by Kargo's Stage {}", self.stage)?;
        if let Some(from) = &self.from {
            write!(f, " from {from}")?;
        }
        write!(f, " ({})", self.path)
    }
}

/// Fills in who promotes into the environments of a finished layout.
pub(super) fn assign(
    tree: &Tree,
    renderer: &Renderer,
    own: &Own,
    layout: &mut Layout,
) -> Result<()> {
    let mut stages: Vec<(String, Object)> = Vec::new();
    let mut tasks: Vec<Object> = Vec::new();
    for (path, kind, blob) in tree.listed_below("".into()) {
        if !matches!(kind, EntryKind::Blob | EntryKind::Executable)
            || !is_manifest_name(path.as_bstr())
            || is_ignored(path)
        {
            continue;
        }
        let outline = renderer.outline(tree.reader, *blob)?;
        if outline.objects.iter().all(|object| object.group != KARGO) {
            continue;
        }
        layout.reads.insert(path.clone());
        let parsed = renderer.parse(tree.reader, *blob)?;
        for document in &parsed.manifest.documents {
            let object = &document.object;
            match (object.id.group.as_str(), object.id.kind.as_str()) {
                (KARGO, "Stage") => {
                    stages.push((clean_line(&path.to_str_lossy()), object.clone()));
                }
                (KARGO, "PromotionTask" | "ClusterPromotionTask") => tasks.push(object.clone()),
                _ => {}
            }
        }
    }
    for (path, stage) in &stages {
        let task = |kind: &str, name: &str| {
            tasks.iter().find(|task| {
                let namespaces = [&task.id.namespace, &stage.id.namespace];
                let together = match namespaces {
                    [Some(own), Some(other)] => own == other,
                    _ => true,
                };
                task.id.kind == kind && task.id.name == name && together
            })
        };
        let promoter = Promoter {
            stage: stage.id.name.clone(),
            project: stage.id.namespace.clone(),
            from: kargo_origin(stage),
            path: path.clone(),
        };
        for written in kargo_writes(stage, &task) {
            let here = written.repository.as_deref();
            if here.is_some_and(|url| own.is_known() && !own.is(url)) {
                continue;
            }
            if let Some(branch) = &written.branch {
                let written = (promoter.stage.clone(), branch.clone());
                layout.stage_branches.push(written);
            }
            for index in written_to(&written, layout) {
                let promoters = &mut layout.environments[index].promoters;
                if !promoters.contains(&promoter) {
                    promoters.push(promoter.clone());
                }
            }
        }
    }
    Ok(())
}

/// The environments that files in these places are of.
fn written_to(written: &Written, layout: &Layout) -> Vec<usize> {
    let paths: Vec<_> = written
        .paths
        .iter()
        .filter_map(|path| rooted(path))
        .filter(|path| !path.is_empty())
        .collect();
    let touched = layout.apps_touched(&paths);
    let touched: Vec<&str> = touched
        .into_iter()
        .filter_map(|index| layout.apps.get(index))
        .map(|app| app.environment.as_str())
        .collect();
    let environments = layout.environments.iter().enumerate();
    environments
        .filter(|(_, environment)| {
            let inside = |root: &[u8]| {
                let mut paths = paths.iter();
                !root.is_empty() && paths.any(|path| is_within(path, root))
            };
            // A base that all are built on is no environment's own.
            let own = touched.first() == Some(&environment.name.as_str())
                && touched.iter().all(|name| *name == environment.name);
            own || inside(&environment.root)
        })
        .map(|(index, _)| index)
        .collect()
}
