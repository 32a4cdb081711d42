//! Since which commits apps ran what they ran at a tip that was asked about before.
//!
//! What led to a commit does not change any more. So a walk down from a newer tip ends at an older one for every app that
//! runs there what it runs now: asked again, nothing is left to look for.

use serde::{Deserialize, Serialize};

use super::super::kept::Place;
use super::super::version::Version;
use super::super::workspace::Past;
use crate::git::Oid;
use crate::history::Rows;
use crate::layout;

/// Raised when the bytes, or how commits are found, change.
const FORMAT: u32 = 1;
/// Tips whose answers are kept: of the branch, and of some that were travelled to.
const MOST: usize = 8;

/// The answers about a repository, on disk.
pub(super) struct Kept {
    place: Place,
    /// The last one found comes last.
    answers: Vec<Answer>,
}

#[derive(Serialize, Deserialize)]
struct Answer {
    commit: Vec<u8>,
    apps: Vec<App>,
}

/// What was found for one app.
#[derive(Serialize, Deserialize)]
pub(super) struct App {
    environment: String,
    name: String,
    version: Option<String>,
    images: Vec<String>,
    is_rendered: bool,
    /// The row that set it; `None`: it was never otherwise.
    set_by: Option<Vec<u8>>,
    pub(super) previous: Option<String>,
}

impl Kept {
    /// `None` where there is no cache.
    pub(super) fn open(past: &Past) -> Option<Kept> {
        let place = Place::of(past, &format!("since {FORMAT}"))?;
        let answers = place.read().unwrap_or_default();
        Some(Kept { place, answers })
    }

    /// What was found for the apps at `commit`; none where nobody asked.
    pub(super) fn at(&self, commit: Oid) -> &[App] {
        let answer = self
            .answers
            .iter()
            .find(|answer| answer.commit == commit.as_bytes());
        answer.map_or(&[], |answer| &answer.apps)
    }

    /// Keeps what was found for the apps at `commit`, for the next run.
    pub(super) fn save(mut self, commit: Oid, found: Vec<App>) {
        if found.is_empty() {
            return;
        }
        let is_it = |answer: &Answer| answer.commit == commit.as_bytes();
        let mut apps = match self.answers.iter().position(is_it) {
            Some(place) => self.answers.remove(place).apps,
            None => Vec::new(),
        };
        apps.retain(|app| !found.iter().any(|found| found.names() == app.names()));
        apps.extend(found);
        self.answers.push(Answer {
            commit: commit.as_bytes().to_vec(),
            apps,
        });
        let surplus = self.answers.len().saturating_sub(MOST);
        self.answers.drain(..surplus);
        self.place.write(&self.answers);
    }
}

impl App {
    pub(super) fn new(
        app: &layout::App,
        version: Version,
        is_rendered: bool,
        set_by: Option<Oid>,
        previous: Option<String>,
    ) -> App {
        App {
            environment: app.environment.clone(),
            name: app.name.clone(),
            version: version.version,
            images: version.images,
            is_rendered,
            set_by: set_by.map(|commit| commit.as_bytes().to_vec()),
            previous,
        }
    }

    fn names(&self) -> (&str, &str) {
        (&self.environment, &self.name)
    }

    /// Whether it was found for this app, running this.
    pub(super) fn is_of(&self, app: &layout::App, version: &Version, is_rendered: bool) -> bool {
        self.names() == (&app.environment, &app.name)
            && (&self.version, &self.images) == (&version.version, &version.images)
            && self.is_rendered == is_rendered
    }

    /// The index of the row that set it (`None`: it was never otherwise), as far as the row is known.
    pub(super) fn row(&self, rows: &Rows) -> Option<Option<usize>> {
        match &self.set_by {
            None => Some(None),
            Some(commit) => rows
                .position(Oid::try_from(commit.as_slice()).ok()?)
                .map(Some),
        }
    }
}
