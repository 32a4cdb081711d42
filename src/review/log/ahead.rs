//! The logs of all resources, found out while nobody waits, and kept: whichever is asked for then is there at once.
//!
//! What a commit changed is most of the work, and the same for all of them. It goes on where it was broken off the last time,
//! and stays behind everything that a screen asks for.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::super::Workspace;
use super::super::kept::Place;
use super::super::workspace::Past;
use super::kept::{FORMAT, Kept, Said};
use crate::git::Oid;
use crate::history::{End, ResourceKey, Rows, Tracks};
use crate::manifest::ObjectRef;
use crate::task::{self, Cancel, Waiting};

/// So much work may be lost.
const KEEP_EVERY: Duration = Duration::from_secs(10);

/// How far it is, on disk.
#[derive(Serialize, Deserialize)]
struct State {
    /// The commit that the logs begin at.
    tip: Vec<u8>,
    /// Rows from there on that were looked at; `None`: all, and the logs are kept one by one.
    looked: Option<u64>,
    logs: Vec<Log>,
}

#[derive(Serialize, Deserialize)]
struct Log {
    environment: String,
    object: ObjectRef,
    /// What it was called before the rows that were looked at.
    called: ObjectRef,
    said: Vec<Said>,
}

/// Finds out the logs of all resources at the tips on a thread of its own, until `cancel`. Only what is certain is kept;
/// where something fails, nothing is lost: who asks for a log then is told why.
pub fn look_ahead(ws: &Workspace, cancel: &Cancel) {
    let (ws, cancel) = (ws.clone(), cancel.clone());
    let job = move || {
        task::stand_back(task::Behind::All);
        let _ = find_out(&ws, &cancel);
    };
    // Without the thread, logs take their time.
    let _ = thread::Builder::new().name("logs".to_owned()).spawn(job);
}

/// The same, on this thread.
pub fn find_out(ws: &Workspace, cancel: &Cancel) -> anyhow::Result<()> {
    let past = ws.past(Waiting::default())?;
    past.on_each()
        .iter()
        .try_for_each(|past| of_line(past, cancel))
}

fn of_line(past: &Past, cancel: &Cancel) -> anyhow::Result<()> {
    let Some(place) = Place::of(past, &format!("logs ahead {FORMAT}")) else {
        return Ok(());
    };
    let rows = past.ws.history(past.line.tip.commit).wait_complete(cancel);
    if !matches!(rows.end(), None | Some(End::Shallow)) {
        return Ok(());
    }
    let known = place.read().and_then(|state: State| {
        let tip = Oid::try_from(state.tip.as_slice()).ok()?;
        Some((rows.position(tip)?, tip, state))
    });
    let (first, tip, mut state) = match known {
        // What came since is soon told of each.
        Some((.., state)) if state.looked.is_none() => return Ok(()),
        Some(known) => known,
        None => {
            let state = begin(past, cancel)?;
            place.write(&state);
            if place.read::<State>().is_none() {
                // Nothing is kept here: it would be for nothing, each time anew.
                return Ok(());
            }
            (0, past.line.tip.commit, state)
        }
    };
    let keep = &mut |state: &State| place.write(state);
    let done = walk(past, &rows, first, &mut state, cancel, (KEEP_EVERY, keep))?;
    if !done || past.ws.inner.renderer.has_faltered() {
        return Ok(());
    }
    for log in std::mem::take(&mut state.logs) {
        let key = ResourceKey {
            environment: log.environment,
            app: None,
            object: log.object,
        };
        if let Some(kept) = Kept::open(past, &key)
            // Somebody has asked for it in the meantime.
            && kept.tip().and_then(|tip| rows.position(tip)).is_none()
        {
            kept.save(tip, log.said);
        }
    }
    state.looked = None;
    place.write(&state);
    Ok(())
}

/// The resources at the tip, with nothing said of them.
fn begin(past: &Past, cancel: &Cancel) -> anyhow::Result<State> {
    let tip = past.line.tip.commit;
    let layout = past.layout_of(tip)?;
    let tree = past.reader.tree_of(tip)?;
    let mut resources = BTreeSet::new();
    for app in &layout.apps {
        let renderer = &past.ws.inner.renderer;
        let rendering = renderer.render_until(&past.reader, tree, &app.recipe, cancel)?;
        let objects = rendering.objects.iter();
        let objects = objects.map(|rendered| rendered.object.id.clone());
        resources.extend(objects.map(|object| (app.environment.clone(), object)));
    }
    let logs = resources.into_iter().map(|(environment, object)| Log {
        environment,
        called: object.clone(),
        object,
        said: Vec::new(),
    });
    Ok(State {
        tip: tip.as_bytes().to_vec(),
        looked: Some(0),
        logs: logs.collect(),
    })
}

/// Goes on to the root, and keeps the state every so often; whether it got there. `first`: the row of the state's tip.
fn walk(
    past: &Past,
    rows: &Rows,
    first: usize,
    state: &mut State,
    cancel: &Cancel,
    (every, keep): (Duration, &mut dyn FnMut(&State)),
) -> anyhow::Result<bool> {
    let Some(looked) = state.looked else {
        return Ok(true);
    };
    let called = state.logs.iter();
    let mut tracks = Tracks::new(called.map(|log| (log.environment.as_str(), &log.called)));
    let mut kept = Instant::now();
    for at in first + usize::try_from(looked)?..rows.len() {
        let entries = match tracks.step(past.sources(), rows, at, cancel) {
            Err(crate::history::Error::Cancelled) => return Ok(false),
            entries => entries?,
        };
        for (logs, entry) in entries {
            let said = Said::of(&entry);
            for log in logs {
                state.logs[log].said.push(said.clone());
            }
        }
        state.looked = Some((at + 1 - first) as u64);
        if kept.elapsed() >= every && !past.ws.inner.renderer.has_faltered() {
            for (log, called) in tracks.names() {
                state.logs[log].called.clone_from(called);
            }
            keep(state);
            kept = Instant::now();
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::{Arc, Mutex};

    use support::TestRepo;

    use super::super::{Answer, Request};
    use super::*;
    use crate::layout::Overrides;
    use crate::review::common::Selector;
    use crate::review::{Clock, ClusterChoice, Kubeconfig, Options, log};
    use crate::task::Sink;

    fn open(repo: &TestRepo, directory: &Path, cache: bool) -> Workspace {
        Workspace::open(Options {
            repo: Some(repo.path.clone()),
            branch: None,
            cluster: ClusterChoice::None,
            kubeconfig: Kubeconfig::named(Vec::new()),
            overrides: Overrides::default(),
            offline: true,
            allow_network: false,
            read_only: true,
            state: directory.join("state"),
            cache: cache.then(|| directory.join("cache")),
            clock: Clock::system(),
        })
        .unwrap()
    }

    /// The log of a resource, and whether it was looked for.
    async fn log_of(ws: &Workspace, resource: &str) -> (Answer, bool) {
        let request = Request {
            select: Selector {
                resource: Some(resource.to_owned()),
                ..Selector::default()
            },
            ..Request::default()
        };
        let is_looked_for = Arc::new(Mutex::new(false));
        let told = Arc::clone(&is_looked_for);
        let sink = Sink::new(Cancel::new(), move |answer: Answer| {
            let mut entries = answer.entries.iter();
            *told.lock().unwrap() |= entries.any(|entry| !entry.analysed);
        });
        let answer = log::ask(ws, request, &sink).await.unwrap();
        (answer, *is_looked_for.lock().unwrap())
    }

    fn said(answer: &Answer) -> Vec<String> {
        let entries = answer.entries.iter();
        let said = entries.map(|entry| {
            let id = entry.line.commit;
            format!(
                "{id} {:?} {:?} {:?}",
                entry.meaning, entry.environments, entry.resources
            )
        });
        said.collect()
    }

    fn config(name: &str, value: usize) -> String {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: shop}}\ndata: {{a: v{value}}}\n"
        )
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn logs_found_out_ahead_are_those_that_would_be_found() {
        let directory = tempfile::tempdir().unwrap();
        let repo = TestRepo::init(&directory.path().join("repo"));
        let names = ["one-5d8f4c7b9d", "two", "three"];
        for value in 0..9 {
            for (at, name) in names
                .iter()
                .enumerate()
                .filter(|(at, _)| value % (at + 2) == 0)
            {
                // A generated name is another one each time.
                let name = match at {
                    0 => format!("one-{}", ["5d8f4c7b9d", "6b7c9f8d5t"][value / 2 % 2]),
                    _ => (*name).to_owned(),
                };
                repo.write(format!("prod/web/{at}.yaml"), config(&name, value));
            }
            repo.commit(&format!("Number {value}"));
        }
        let ws = open(&repo, directory.path(), true);
        let past = ws.past(Waiting::default()).unwrap();
        let place = Place::of(&past, &format!("logs ahead {FORMAT}")).unwrap();
        // Broken off after each row.
        for _ in 0..3 {
            let rows = past
                .ws
                .history(past.line.tip.commit)
                .wait_complete(&Cancel::new());
            let cancel = Cancel::new();
            let mut state = match place.read::<State>() {
                Some(state) => state,
                None => begin(&past, &cancel).unwrap(),
            };
            let keep = &mut |state: &State| {
                place.write(state);
                cancel.cancel();
            };
            assert!(!walk(&past, &rows, 0, &mut state, &cancel, (Duration::ZERO, keep)).unwrap());
        }
        assert!(log_of(&ws, "configmap/two").await.1);
        find_out(&ws, &Cancel::new()).unwrap();
        for (name, commits) in [("one-5d8f4c7b9d", 5), ("three", 3)] {
            let resource = format!("configmap/{name}");
            let (ahead, is_looked_for) = log_of(&ws, &resource).await;
            assert!(!is_looked_for);
            let (answer, _) = log_of(&open(&repo, directory.path(), false), &resource).await;
            assert_eq!(said(&ahead), said(&answer));
            assert_eq!(ahead.entries.len(), commits, "{resource}");
        }
        // What came since is added to what is known.
        repo.write("prod/web/2.yaml", config("three", 10));
        repo.commit("Number 10");
        let (ahead, _) = log_of(&open(&repo, directory.path(), true), "configmap/three").await;
        assert_eq!(ahead.entries.len(), 4);
    }
}
