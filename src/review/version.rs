//! What a person calls the version of an app: the tag of its main image.

use super::workspace::Past;
use crate::git::Oid;
use crate::layout::App;
use crate::manifest::{Object, images};
use crate::render::Rendering;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Version {
    /// The main image's version, else the chart's.
    pub version: Option<String>,
    /// Every image its objects run, without repeats, workloads in the order of names.
    pub images: Vec<String>,
}

/// The version of an app as it is declared at `tree`.
pub fn declared(
    past: &Past,
    tree: Oid,
    app: &App,
    rendering: &Rendering,
) -> anyhow::Result<Version> {
    let objects = rendering.objects.iter();
    let mut version = running(app, objects.map(|rendered| &rendered.object));
    if version.images.is_empty() {
        let declared = app.declared_by.as_ref().map(|object| object.name.as_str());
        let names: Vec<&str> = declared.into_iter().chain(app.chart.as_deref()).collect();
        let renderer = &past.ws.inner.renderer;
        let image = renderer.image_of_values(&past.reader, tree, &app.recipe, &names)?;
        version.version = image.map(|image| image.version());
    }
    version.version = version.version.or_else(|| app.version.clone());
    Ok(version)
}

/// The version that objects run. The main image is the one named like the app, else the first of the first workload.
pub fn running<'a>(app: &App, objects: impl Iterator<Item = &'a Object>) -> Version {
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
        version: main.map(|image| image.version()),
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
