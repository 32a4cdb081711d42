//! One app in one environment: its cell in the matrix, and what there is to say about it.

use jiff::Timestamp;

use crate::review::Known;
use crate::review::common::NotRendered;
use crate::review::deployed::{Answer as Deployments, Deployment};
use crate::tui::screen::labelled;
use crate::tui::theme::Role;
use crate::tui::widget::row::{Row, cut};
use crate::tui::widget::words;

/// No version is shown wider than this.
const WIDEST: u16 = 24;

/// How wide a cell's version is.
pub fn version_width(cell: &Deployment) -> u16 {
    version(cell).width()
}

fn version(cell: &Deployment) -> Row {
    Row::of(
        Role::Version,
        &cut(cell.version.as_deref().unwrap_or("–"), WIDEST),
    )
}

/// `● 1.4.2  2h ≠2 ↓`, the version on `width` columns.
pub fn row(cell: &Deployment, now: Timestamp, width: u16) -> Row {
    let (mark, role) = match &cell.live {
        Known::Loading => ("…", Role::Dim),
        Known::Unavailable(why) => words::why_mark(why),
        Known::Fresh(live) | Known::Stale(live, _) => {
            let (mark, _, role) = words::health_mark(live.health.status);
            (mark, role)
        }
    };
    let mut row = Row::of(role, mark)
        .with(Role::Text, " ")
        .then(version(cell).pad(width));
    row = match (&cell.since, cell.searching) {
        (Some(since), _) => row.with(Role::Age, &format!(" {:>4}", words::age(now, since.time))),
        (None, true) => row.with(Role::Dim, "    …"),
        (None, false) => row.with(Role::Text, "     "),
    };
    if let Some(live) = cell.live.value().filter(|live| live.drifted > 0) {
        row = row
            .with(Role::Text, " ")
            .with(Role::Drift, &format!("≠{}", live.drifted));
    }
    let applied = cell.live.value().and_then(|live| live.applied.value());
    if let Some(Some(applied)) = applied
        && !applied.is_current()
    {
        row = row.with(Role::Text, " ").with(Role::Warning, "↻");
    }
    if matches!(cell.live, Known::Stale(..)) {
        row = row.with(Role::Text, " ").with(Role::Warning, "~");
    }
    if cell.behind.is_some() {
        row = row.with(Role::Text, " ").with(Role::Behind, "↓");
    }
    row
}

/// The detail of a cell, as far as it is about the app itself.
pub fn explain(cell: &Deployment, now: Timestamp) -> Vec<Row> {
    let mut version = Row::of(
        Role::Version,
        cell.version.as_deref().unwrap_or("no version"),
    );
    if let Some(previous) = &cell.previous {
        version = version
            .with(Role::Dim, "  before: ")
            .with(Role::Text, previous);
    }
    let mut rows = vec![labelled("version", version)];
    let since = match (&cell.since, cell.searching) {
        (Some(since), _) => words::commit(since, now),
        (None, true) => Row::of(Role::Dim, "… looking for the commit"),
        (None, false) => Row::of(Role::Dim, "no commit found"),
    };
    rows.push(labelled("since", since));
    rows.extend(explain_live(cell, now));
    if let Some(ahead) = &cell.behind {
        let row = Row::of(Role::Behind, "↓ ")
            .with(Role::Environment, ahead)
            .with(Role::Text, " runs another version");
        rows.push(labelled("behind", row));
    }
    for (i, image) in cell.images.iter().enumerate() {
        rows.push(labelled(
            if i == 0 { "images" } else { "" },
            Row::of(Role::Text, image),
        ));
    }
    rows.extend(
        cell.chart
            .iter()
            .map(|chart| labelled("chart", Row::of(Role::Text, chart))),
    );
    rows.extend(
        cell.namespace
            .iter()
            .map(|namespace| labelled("namespace", Row::of(Role::Text, namespace))),
    );
    rows
}

/// Why an app could not be rendered, or not all of it.
pub fn lost<'a>(
    answer: &'a Deployments,
    app: &'a str,
    environment: &'a str,
) -> impl Iterator<Item = &'a str> {
    let of_app = move |lost: &&NotRendered| lost.app == app && lost.environment == environment;
    let lost = answer.not_rendered.iter().filter(of_app);
    lost.map(|lost| lost.why.as_str())
}

fn explain_live(cell: &Deployment, now: Timestamp) -> Vec<Row> {
    let standing = words::standing(&cell.live, now);
    let Some(live) = cell.live.value() else {
        return vec![labelled("live", standing)];
    };
    let (mark, word, role) = words::sync_mark(live.sync);
    let mut sync = Row::of(role, mark).with(role, " ").with(role, word);
    if live.drifted > 0 {
        let differ = if live.drifted == 1 {
            "object differs"
        } else {
            "objects differ"
        };
        sync = sync.with(Role::Text, &format!(", {} {differ} from git", live.drifted));
    }
    if live.version.is_some() && live.version != cell.version {
        let version = live.version.as_deref().unwrap_or_default();
        sync = sync
            .with(Role::Drift, "  runs ")
            .with(Role::Version, version);
    }
    let mut rows = vec![
        labelled("live", words::health(&live.health)),
        labelled("", sync),
    ];
    if !standing.is_empty() {
        rows.push(labelled("", standing));
    }
    match live.applied.value() {
        Some(Some(applied)) => rows.push(labelled("", words::applied(applied, now))),
        Some(None) => {}
        None => rows.push(labelled("deployer", words::standing(&live.applied, now))),
    }
    let said = words::by_deployer(live.by_deployer.as_ref(), &live.health.reason, now);
    rows.extend(said.map(|said| labelled("", said)));
    rows
}
