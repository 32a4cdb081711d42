//! How a line of the drift list reads, and what there is to say about one.

use jiff::Timestamp;

use crate::review::SyncState;
use crate::review::drift::{Answer as Drifts, Resource, Unknown, Verdict};
use crate::tui::screen::labelled;
use crate::tui::theme::Role;
use crate::tui::widget::fields::{self, Field};
use crate::tui::widget::row::{Row, cut};
use crate::tui::widget::words;

/// `✗ Deployment/api  ≠ drifted  production api  2 fields  kubectl-edit 35m`, the name on `name` columns. `some_stale`: there are
/// lines with a `~` before the environment.
pub fn line(resource: &Resource, name: u16, some_stale: bool, now: Timestamp) -> Row {
    let is_stale = resource.health.as_of().is_some();
    let role_or_dim = |role| if is_stale { Role::Dim } else { role };
    let (mark, word, role) = words::sync_mark(resource.state);
    let health = resource.health.value();
    let (health_mark, health_word, health_role) = health
        .map_or(("?", "", Role::Unknown), |health| {
            words::health_mark(health.status)
        });
    let mut row = Row::of(health_role, health_mark)
        .with(Role::Text, " ")
        .then(
            Row::of(
                role_or_dim(Role::Text),
                &cut(&resource.id.object.to_string(), name),
            )
            .pad(name),
        )
        .with(Role::Text, "  ")
        .then(Row::of(role, &format!("{mark} {word}")).pad(10))
        .then(stale_column(some_stale, is_stale))
        .with(role_or_dim(Role::Environment), &resource.id.environment)
        .with(Role::Dim, &format!(" {}", resource.id.app));
    if let Some(Verdict::Read(_)) = resource.verdict {
        row.add(Role::Warning, "  by reading");
    }
    match (resource.state, health) {
        (SyncState::Drifted, _) => {
            row.add(
                Role::Text,
                &format!("  {}", words::count(resource.fields.len(), "field")),
            );
            let newest = resource.fields.iter().max_by_key(|field| field.cause.time);
            if let Some(manager) = newest.and_then(|field| field.cause.manager.as_ref()) {
                row = row.with(Role::Text, "  ").with(Role::Author, manager);
            }
            if let Some(time) = written(resource) {
                row.add(Role::Age, &format!(" {}", words::age(now, time)));
            }
            row
        }
        (SyncState::Synced, Some(health)) => row
            .with(Role::Text, "  ")
            .with(health_role, health_word)
            .with(Role::Text, &format!("  {}", health.reason)),
        _ => row,
    }
}

/// What parts state and environment.
fn stale_column(some_stale: bool, is_stale: bool) -> Row {
    match (some_stale, is_stale) {
        (false, _) => Row::of(Role::Text, "  "),
        (true, false) => Row::of(Role::Text, "   "),
        (true, true) => Row::of(Role::Warning, " ~ "),
    }
}

pub fn unknown_line(unknown: &Unknown, name: u16, some_stale: bool) -> Row {
    Row::of(Role::Unknown, "? ")
        .then(Row::of(Role::Text, &cut(&unknown.what, name)).pad(name))
        .with(Role::Text, "  ")
        .then(Row::of(Role::Unknown, "? unknown").pad(10))
        .then(stale_column(some_stale, false))
        .with(Role::Environment, &unknown.environment)
        .with(Role::Warning, &format!("  {}", unknown.why))
}

pub fn explain_unknown(unknown: &Unknown, answer: &Drifts) -> Vec<Row> {
    let mut clusters = answer.clusters.iter();
    let environment = clusters.find(|it| it.name == unknown.environment);
    // Where it is for want of the cluster, that says what to do.
    let why = environment
        .and_then(|environment| environment.cluster.why())
        .filter(|why| why.to_string() == unknown.why)
        .map_or_else(|| Row::of(Role::Warning, &unknown.why), words::why);
    vec![
        labelled("what", Row::of(Role::Text, &unknown.what)),
        labelled("where", Row::of(Role::Environment, &unknown.environment)),
        labelled("why", why),
    ]
}

pub fn explain(
    resource: &Resource,
    answer: &Drifts,
    older: bool,
    now: Timestamp,
    width: u16,
    whole: bool,
) -> Vec<Row> {
    let (mark, word, role) = words::sync_mark(resource.state);
    let said = match resource.state {
        SyncState::Missing => "  git declares it, the cluster does not have it",
        SyncState::Extra => "  the cluster has it, git does not declare it: will be pruned",
        SyncState::Orphaned => "  the cluster has it, git does not declare it: will stay",
        SyncState::Synced => "  as git says",
        SyncState::Drifted | SyncState::Unknown => "",
    };
    let health = resource.health.value().map_or_else(Row::new, words::health);
    let mut rows = vec![labelled(
        "live",
        Row::of(role, mark)
            .with(role, " ")
            .with(role, word)
            .with(Role::Text, said),
    )];
    // Below the health, which may fill the line.
    let standing = words::standing(&resource.health, now);
    match health.is_empty() {
        true => rows.push(labelled("health", standing)),
        false => {
            rows.push(labelled("health", health));
            rows.extend((!standing.is_empty()).then(|| labelled("", standing)));
        }
    }
    rows.extend(resource.verdict.iter().flat_map(|verdict| match verdict {
        Verdict::Server => {
            let row = Row::of(Role::Text, "by the API server: a dry-run of applying git");
            vec![labelled("compared", row)]
        }
        Verdict::Read(why) => {
            let row = Row::of(
                Role::Warning,
                "by reading, not by the API server's dry-run:",
            );
            vec![
                labelled("compared", row),
                labelled("", Row::of(Role::Warning, why)),
            ]
        }
    }));
    if older {
        let row = Row::of(Role::Warning, "~ before the last change; ctrl-r asks again");
        rows.push(labelled("asked", row));
    }
    let why = resource.cause.iter();
    rows.extend(why.map(|cause| labelled("why", words::cause(cause, now))));
    let id = &resource.id;
    let applied = answer
        .applied
        .iter()
        .filter(|it| it.environment == id.environment && it.app == id.app);
    for applied in applied {
        let (how_far, why) = words::applied_in_two(applied, now);
        rows.push(labelled("deployer", how_far));
        rows.extend(why.map(|why| labelled("", why)));
    }
    let health = resource.health.value();
    let reason = health.map_or("", |health| &health.reason);
    // Words to be read whole.
    let said = words::by_deployer(resource.by_deployer.as_ref(), reason, now);
    let said = said.map(|said| labelled("", said).wrap(width));
    rows.extend(said.into_iter().flatten());
    rows.extend(
        resource
            .path
            .iter()
            .map(|path| labelled("declared", Row::of(Role::Text, path))),
    );
    if !resource.fields.is_empty() {
        rows.push(Row::new());
    }
    let table: Vec<Field> = resource
        .fields
        .iter()
        .map(|drift| {
            let (desired, live) = fields::pair(drift.desired.as_ref(), drift.live.as_ref());
            Field {
                path: drift.path.clone(),
                cells: vec![(Role::Text, desired), (Role::Drift, live)],
                mark: Some(("≠", Role::Drift)),
                notes: vec![words::cause(&drift.cause, now)],
                noise: false,
            }
        })
        .collect();
    rows.extend(fields::table(&["git", "live"], &table, width, whole));
    let total: usize = resource.suppressed.values().sum();
    if total > 0 {
        let reasons: Vec<String> = resource
            .suppressed
            .iter()
            .map(|(reason, count)| format!("{reason} {count}"))
            .collect();
        rows.push(Row::of(
            Role::Dim,
            &format!("{total} differences are no drift: {}", reasons.join(", ")),
        ));
    }
    rows
}

/// When one of the differing fields' managers last wrote.
pub fn written(resource: &Resource) -> Option<Timestamp> {
    resource
        .fields
        .iter()
        .filter_map(|field| field.cause.time)
        .max()
}
