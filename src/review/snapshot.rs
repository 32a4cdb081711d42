//! Saving what the comparison reads of a cluster, so that it can be asked again later, by others, and without the cluster.
//!
//! It reads as the other questions do, environment by environment, and writes nothing but the directory that was named. A
//! snapshot is of one cluster: what two clusters call by one name would else be one object.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::common::Selector;
use super::desired::{DesiredApp, Wanted};
use super::drift::Unknown;
use super::workspace::Past;
use super::{Workspace, live};
use crate::cluster::snapshot::Recording;
use crate::cluster::{Cluster, Identity, Listing, Snapshot};
use crate::git::Tip;
use crate::layout::Environment;
use crate::manifest::{Object, ObjectRef};
use crate::render::How;
use crate::task::{Known, Sink, Why};
use crate::text::clean_line;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Where to write: a directory that is empty, or not there yet.
    pub directory: PathBuf,
    pub environment: Option<String>,
    pub namespace: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    pub tips: Vec<Tip>,
    /// As it was named.
    pub directory: String,
    /// When what is oldest in it was read.
    pub taken: Timestamp,
    pub cluster: Identity,
    /// Those it shows.
    pub environments: Vec<String>,
    /// What was read, with what the workloads among it own.
    pub kinds: Vec<Saved>,
    pub events: usize,
    /// What was to be read and could not be, and why. The snapshot says so, too.
    pub unknown: Vec<Unknown>,
}

/// A kind in a namespace, and how many objects of it there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Saved {
    pub group: String,
    pub kind: String,
    /// `None`: cluster-scoped, or where the context is.
    pub namespace: Option<String>,
    pub objects: usize,
}

/// An environment whose cluster answered.
struct Found {
    environment: String,
    cluster: Cluster,
    listing: Arc<Listing>,
}

/// Reads everything first: where nothing is known, nothing is written.
pub async fn ask(ws: &Workspace, request: Request, out: &Sink<Answer>) -> anyhow::Result<Answer> {
    let select = Selector {
        environment: request.environment.clone(),
        namespace: request.namespace.clone(),
        ..Selector::default()
    };
    let wanted = Wanted::new(&select)?;
    let desired = ws
        .blocking_for(out.waiting(), move |past| desired(past, &select))
        .await?;
    let mut unknown = Vec::new();
    let mut found = Vec::new();
    for (environment, apps) in &desired {
        unknown.extend(apps.iter().filter_map(not_rendered));
        let objects = apps.iter().flat_map(DesiredApp::objects);
        let objects: Vec<&Object> = objects
            .filter(|object| wanted.matches_namespace(&object.id))
            .collect();
        if objects.is_empty() {
            continue;
        }
        let name = environment.name.clone();
        let deployed = apps.iter().map(|app| &app.app);
        let listed = live::fresh_listing(ws, environment, objects.into_iter(), deployed).await;
        match listed.read() {
            Known::Fresh((cluster, listing)) | Known::Stale((cluster, listing), _) => {
                unknown.extend(unread(&name, listing));
                found.push(Found {
                    environment: name,
                    cluster: cluster.clone(),
                    listing: Arc::clone(listing),
                });
            }
            // There is nothing of it in any cluster.
            Known::Unavailable(Why::NotInCluster) | Known::Loading => {}
            Known::Unavailable(why) => unknown.push(Unknown {
                environment: name,
                what: "everything".to_owned(),
                why: why.to_string(),
            }),
        }
    }
    let cluster = the_one(&found, &unknown)?;
    let mut listing = Listing::default();
    for found in &found {
        listing.extend(&found.listing);
    }
    if !listing.kinds.iter().any(|(_, read)| read.value().is_some()) {
        anyhow::bail!("{}", nothing("nothing could be read", &unknown));
    }
    let now = ws.clock().now();
    let ages = listing.kinds.iter().filter_map(|(_, read)| read.as_of());
    let taken = ages.chain(listing.read).min().unwrap_or(now);
    let objects: Vec<ObjectRef> = listing.objects().map(|live| live.id.clone()).collect();
    let events = cluster.events_by_namespace(&objects).await;
    for (namespace, read) in &events {
        if let Some(why) = read.why() {
            unknown.push(Unknown {
                environment: names(&found).join(", "),
                what: format!("Event in {namespace}"),
                why: why.to_string(),
            });
        }
    }
    let answer = Answer {
        tips: ws.tips(),
        directory: request.directory.display().to_string(),
        taken,
        cluster: cluster.identity().clone(),
        environments: names(&found),
        kinds: saved(&listing),
        events: events
            .iter()
            .filter_map(|(_, read)| read.value())
            .map(Vec::len)
            .sum(),
        unknown,
    };
    let recording = Recording {
        from: cluster.identity().clone(),
        environments: answer.environments.clone(),
        taken,
        listing,
        events,
    };
    ws.blocking(move |past| {
        Snapshot::record(&request.directory, recording, &past.ws.inner.masking)?;
        Ok(answer)
    })
    .await
}

/// What git says is in each environment that was asked for.
fn desired(past: &Past, select: &Selector) -> anyhow::Result<Vec<(Environment, Vec<DesiredApp>)>> {
    let wanted = Wanted::new(select)?;
    let mut found = Vec::new();
    for past in past.on_each() {
        let commit = past.at(None)?;
        let layout = past.layout_of(commit)?;
        let tree = past.reader.tree_of(commit)?;
        let environments = layout.environments.iter();
        for environment in environments.filter(|here| wanted.environment(&here.name)) {
            let apps = past.desired(&layout, tree, |app| app.environment == environment.name)?;
            found.push((environment.clone(), apps));
        }
    }
    Ok(found)
}

/// What git says of such an app is not known, and so is what there is of it.
fn not_rendered(desired: &DesiredApp) -> Option<Unknown> {
    let How::Sources { why } = &desired.rendering.how else {
        return None;
    };
    Some(Unknown {
        environment: desired.app.environment.clone(),
        what: format!("app {}", desired.app.name),
        why: why.clone(),
    })
}

fn unread(environment: &str, listing: &Listing) -> Vec<Unknown> {
    let unread = listing
        .kinds
        .iter()
        .filter_map(|((_, kind, namespace), read)| {
            let namespace = namespace.as_deref().unwrap_or("the cluster");
            Some(Unknown {
                environment: environment.to_owned(),
                what: format!("{kind} in {namespace}"),
                why: read.why()?.to_string(),
            })
        });
    let elsewhere = listing.elsewhere.iter().filter_map(|(id, found)| {
        Some(Unknown {
            environment: environment.to_owned(),
            what: id.to_string(),
            why: found.why()?.to_string(),
        })
    });
    unread.chain(elsewhere).collect()
}

fn names(found: &[Found]) -> Vec<String> {
    let names = found.iter().map(|found| found.environment.clone());
    names.collect()
}

fn saved(listing: &Listing) -> Vec<Saved> {
    let read = listing
        .kinds
        .iter()
        .filter_map(|((group, kind, namespace), read)| {
            Some(Saved {
                group: group.clone(),
                kind: kind.clone(),
                namespace: namespace.clone(),
                objects: read.value()?.iter().count(),
            })
        });
    read.collect()
}

/// The cluster that all of them are in.
fn the_one(found: &[Found], unknown: &[Unknown]) -> anyhow::Result<Cluster> {
    let mut clusters: Vec<(&Cluster, Vec<&str>)> = Vec::new();
    for Found {
        environment,
        cluster,
        ..
    } in found
    {
        let mut known = clusters.iter_mut();
        match known.find(|(known, _)| known.identity() == cluster.identity()) {
            Some((_, environments)) => environments.push(environment),
            None => clusters.push((cluster, vec![environment])),
        }
    }
    match clusters.as_slice() {
        [] if unknown.is_empty() => anyhow::bail!(
            "git declares nothing there that a cluster would hold\nhint: `gitopsy where` lists the apps; check --env and -n"
        ),
        [(cluster, _)] => Ok((*cluster).clone()),
        [] => anyhow::bail!("{}", nothing("no cluster can be asked", unknown)),
        several => {
            let lines = several.iter().map(|(cluster, environments)| {
                let Identity { context, server } = cluster.identity();
                let context = context.as_deref().unwrap_or("snapshot");
                clean_line(&format!(
                    "{}: {context} @ {server}",
                    environments.join(", ")
                ))
            });
            let lines: String = lines.map(|line| format!("\n  {line}")).collect();
            anyhow::bail!(
                "a snapshot is of one cluster, and the environments are in several:{lines}\nhint: take one of each, with --env NAME"
            )
        }
    }
}

/// That there is nothing to save, and why.
fn nothing(what: &str, unknown: &[Unknown]) -> String {
    const SHOWN: usize = 12;
    let lines = unknown.iter().take(SHOWN).map(|unknown| {
        let Unknown {
            environment,
            what,
            why,
        } = unknown;
        clean_line(&format!("{environment}: {what}: {why}"))
    });
    let lines: String = lines.map(|line| format!("\n  {line}")).collect();
    let more = match unknown.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!("\n  … and {more} more"),
    };
    format!(
        "{what}, so there is nothing to save{lines}{more}\nhint: name a cluster with --context [ENV=]CTX; `gitopsy doctor` says what can be reached"
    )
}
