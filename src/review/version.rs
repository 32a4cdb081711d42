//! What a person calls the version of an app: the tag of its main image.

use crate::layout::App;
use crate::manifest::{Object, images};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Version {
    /// The main image's version, else the chart's.
    pub version: Option<String>,
    /// Every image its objects run, without repeats, workloads in the order of names.
    pub images: Vec<String>,
}

/// The main image is the one named like the app, else the first of the first workload.
pub fn of<'a>(app: &App, objects: impl Iterator<Item = &'a Object>) -> Version {
    let mut workloads: Vec<&Object> = objects
        .filter(|object| !images(object).is_empty())
        .collect();
    workloads.sort_by_key(|object| (rank(&object.id.kind), object.id.name.clone()));
    let mut all = Vec::new();
    for image in workloads.iter().flat_map(|object| images(object)) {
        if !all.contains(&image) {
            all.push(image);
        }
    }
    let main = all
        .iter()
        .find(|image| image.short_name() == app.name)
        .or(all.first());
    Version {
        version: main
            .map(|image| image.version())
            .or_else(|| app.version.clone()),
        images: all.iter().map(ToString::to_string).collect(),
    }
}

/// What serves comes before what runs now and then.
fn rank(kind: &str) -> u8 {
    match kind {
        "Deployment" => 0,
        "StatefulSet" => 1,
        "DaemonSet" => 2,
        "CronJob" => 4,
        "Job" | "Pod" => 5,
        _ => 3,
    }
}
