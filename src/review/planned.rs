//! What applying git would change, by the API server's own word: the dry-run of each object that is there.
//!
//! Only where it is asked for, for it takes the right to patch. What cannot be asked about is compared by reading, as without, and
//! the answer says how many and why.

use std::collections::{BTreeMap, HashMap};

use futures::StreamExt;
use serde::Serialize;

use super::desired::{DesiredApp, Wanted};
use super::live::Listed;
use crate::live::{LiveObject, applier};
use crate::manifest::{Language, Object, ObjectRef};
use crate::task::Why;

/// Requests at a time.
const AT_ONCE: usize = 8;

/// Whose word it is that an object is, or is not, as git says, where the API server was to be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The API server's.
    Server,
    /// Ours, by reading: why the server could not be asked.
    Read(String),
}

/// By object, what would become of it.
#[derive(Default)]
pub(super) struct Planned(HashMap<ObjectRef, Result<LiveObject, Why>>);

impl Planned {
    pub async fn of(listing: &Listed, app: &DesiredApp, wanted: &Wanted) -> Planned {
        let Ok(cluster) = listing.cluster() else {
            return Planned::default();
        };
        let mut answers = Vec::new();
        for rendered in &app.rendering.objects {
            let object = &rendered.object;
            let path = rendered.source.as_ref().map(|source| &source.path);
            if !wanted.matches(&object.id, path) || Language::of(&object.id).is_some() {
                continue;
            }
            if let Some(Some(live)) = listing.get(&object.id).value() {
                // As kubectl, where it was not applied by the server's own way.
                let manager = applier(&live.managers.read())
                    .unwrap_or("kubectl")
                    .to_owned();
                answers.push(async move {
                    let planned = cluster.dry_run(object, &manager).await;
                    (object.id.clone(), planned)
                });
            }
        }
        let answers = futures::stream::iter(answers).buffer_unordered(AT_ONCE);
        Planned(answers.collect().await)
    }

    /// What would become of an object, where that could be asked.
    pub fn get(&self, object: &Object) -> Option<&LiveObject> {
        self.0.get(&object.id)?.as_ref().ok()
    }

    /// Whether the server had a word on any of them.
    pub fn is_any(&self) -> bool {
        self.0.values().any(Result::is_ok)
    }

    /// `None` where the server was not to be asked.
    pub fn verdict(&self, object: &Object) -> Option<Verdict> {
        let planned = self.0.get(&object.id)?;
        Some(match planned {
            Ok(_) => Verdict::Server,
            Err(why) => Verdict::Read(why.to_string()),
        })
    }

    /// How many were compared by reading, in words.
    pub fn notes(&self) -> Vec<String> {
        let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
        for why in self.0.values().filter_map(|planned| planned.as_ref().err()) {
            *reasons.entry(why.to_string()).or_default() += 1;
        }
        let reasons = reasons.into_iter();
        reasons
            .map(|(why, count)| match count {
                1 => format!("1 object was compared by reading: {why}"),
                _ => format!("{count} objects were compared by reading: {why}"),
            })
            .collect()
    }
}
