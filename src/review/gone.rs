//! What git no longer has: the commit that a resource was lost by, found by what files said of its name.

use super::common::{ResourceId, Selector};
use super::desired::Wanted;
use super::workspace::Past;
use crate::git::{ByteSlice, Oid};
use crate::history::{Row, Scope, changes_between};
use crate::manifest::ObjectRef;
use crate::render::tree::is_manifest_name;

/// Commits that are compared though they leave the name where it was, newest first: one may have broken a build.
const MENTIONS: usize = 8;
/// Commits that are compared because of a part of the name: each may cost builds, for what may be no more than mistyped.
const PARTLY: usize = 8;
/// Shorter parts of a name are in every file.
const SHORTEST_PART: usize = 3;

impl Past<'_> {
    /// A resource that the tip no longer declares, or can no longer be read there: the one its history lost last.
    pub(super) fn gone(&self, tip: Oid, select: &Selector) -> anyhow::Result<Option<ResourceId>> {
        let wanted = Wanted::new(select)?;
        let whole = Names::Whole(&wanted.name);
        if let Some(found) = self.lost(tip, select, &wanted, &whole)? {
            return Ok(Some(found));
        }
        // Templates and prefixes make names of what is written.
        match parts(&wanted.name).collect::<Vec<_>>() {
            parts if parts.is_empty() => Ok(None),
            parts => self.lost(tip, select, &wanted, &Names::Parts(parts)),
        }
    }

    /// The last that was lost by a commit that removed one of `names` from a file.
    fn lost(
        &self,
        tip: Oid,
        select: &Selector,
        wanted: &Wanted,
        names: &Names,
    ) -> anyhow::Result<Option<ResourceId>> {
        let most = match names {
            Names::Whole(_) => usize::MAX,
            Names::Parts(_) => PARTLY,
        };
        let history = self.ws.history(tip);
        let (mut seen, mut removing, mut keeping) = (0, 0, 0);
        loop {
            let rows = history.wait_grown(seen, self.waiting.cancel());
            for row in seen..rows.len() {
                let Some(row) = rows.get(row) else { break };
                if !row.changes.iter().any(|change| change.before.is_some()) {
                    continue;
                }
                let Some(parent) = row.first_parent else {
                    continue;
                };
                if removing == most && keeping == MENTIONS {
                    return Ok(None);
                }
                match self.mentions(row, wanted, names)? {
                    Mention::Lost if removing < most => removing += 1,
                    Mention::Kept if keeping < MENTIONS => keeping += 1,
                    _ => continue,
                }
                let found = self.lost_by(row, parent, select, wanted)?;
                if found.is_some() {
                    return Ok(found);
                }
            }
            if rows.complete() && seen == rows.len() {
                return Ok(None);
            }
            seen = rows.len();
        }
    }

    /// What is wanted of what a commit removed from all apps, or left unreadable.
    fn lost_by(
        &self,
        row: &Row,
        parent: Oid,
        select: &Selector,
        wanted: &Wanted,
    ) -> anyhow::Result<Option<ResourceId>> {
        let scope = Scope {
            environment: select.environment.clone(),
            app: None,
        };
        let before = self.reader.tree_of(parent)?;
        let cancel = self.waiting.cancel();
        let changes = changes_between(self.sources(), before, row.tree, &scope, cancel)?;
        let unread = changes.not_rendered.iter().filter(|side| side.after);
        let unread = unread
            .flat_map(|side| side.objects.iter().map(move |object| (side, object)))
            .find(|(side, object)| wanted.matches(object, side.path.as_ref()));
        if let Some((side, object)) = unread {
            return Ok(Some(ResourceId {
                environment: side.environment.clone(),
                app: side.app.clone(),
                object: object.clone(),
            }));
        }
        // A generated name is lost where another takes its place.
        Ok(changes.resources.iter().find_map(|change| {
            let before = &change.object_before()?.id;
            let is_lost = change
                .object_after()
                .is_none_or(|after| after.id != *before);
            (is_lost && wanted.matches(before, change.path.as_ref())).then(|| ResourceId {
                environment: change.environment.clone(),
                app: change.app_before.as_ref().unwrap_or(&change.app).clone(),
                object: before.clone(),
            })
        }))
    }

    /// What a commit did to any of the names in files, which is cheap to tell.
    fn mentions(&self, row: &Row, wanted: &Wanted, names: &Names) -> anyhow::Result<Mention> {
        let mut said = Mention::None;
        for change in &row.changes {
            let is_read = match names {
                Names::Whole("") => wanted.path.as_ref() == Some(&*change.path),
                Names::Whole(_) => true,
                Names::Parts(_) => is_manifest_name(change.path.as_bstr()),
            };
            if !is_read {
                continue;
            }
            for name in names.each() {
                let before = change.before.map(|(_, blob)| self.says(blob, name));
                let Some(before) = before.transpose()?.filter(|before| names.is_told(before))
                else {
                    continue;
                };
                let after = change.after.map(|(_, blob)| self.says(blob, name));
                if after.transpose()? != Some(before) {
                    return Ok(Mention::Lost);
                }
                said = Mention::Kept;
            }
        }
        Ok(said)
    }

    fn says(&self, blob: Oid, name: &str) -> anyhow::Result<Says> {
        // A module's items are called otherwise in its files.
        let name = name.rsplit('.').next().unwrap_or_default();
        let text = self.reader.blob(blob);
        if !text.is_ok_and(|bytes| bytes.contains_str(name)) {
            return Ok(Says::Nothing);
        }
        let outline = self.ws.inner.renderer.outline(&self.reader, blob)?;
        let objects = outline.objects.iter();
        let named = objects.filter(|id| name.is_empty() || id.name == name);
        Ok(match outline.objects.is_empty() {
            true => Says::Name,
            false => Says::Objects(named.cloned().collect()),
        })
    }
}

/// What a file may say where something is declared.
enum Names<'a> {
    Whole(&'a str),
    /// What the name may have been made of.
    Parts(Vec<&'a str>),
}

impl Names<'_> {
    fn each(&self) -> &[&str] {
        match self {
            Names::Whole(name) => std::slice::from_ref(name),
            Names::Parts(parts) => parts,
        }
    }

    /// Whether what was said may be about it.
    fn is_told(&self, said: &Says) -> bool {
        match (said, self) {
            (Says::Nothing, _) => false,
            // A word that happens to be in a manifest.
            (Says::Objects(named), Names::Parts(_)) => !named.is_empty(),
            (Says::Name | Says::Objects(_), _) => true,
        }
    }
}

/// What a name may have been made of, the longest first: `a-b-c` of `a-b`, `b-c`, `a` and `c`.
fn parts(name: &str) -> impl Iterator<Item = &str> {
    let firsts = name.rmatch_indices('-').map(|(at, _)| &name[..at]);
    let lasts = name.match_indices('-').map(|(at, _)| &name[at + 1..]);
    firsts
        .zip(lasts)
        .flat_map(|(first, last)| [first, last])
        .filter(|part| part.len() >= SHORTEST_PART)
}

/// How a file speaks of a name.
#[derive(PartialEq, Eq)]
enum Says {
    Nothing,
    /// It is no manifest: a kustomization, values, a template.
    Name,
    /// It declares objects, of which these have it.
    Objects(Vec<ObjectRef>),
}

enum Mention {
    None,
    /// A file speaks of it as before.
    Kept,
    /// A file speaks of it otherwise now, or no longer.
    Lost,
}
