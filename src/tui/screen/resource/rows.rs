//! What the resource screen says: the fields of a commit beside what is live, and how the live object fares.

use jiff::Timestamp;

use crate::review::common::ResourceDiff;
use crate::review::drift::FieldDrift;
use crate::review::resource::{Answer as Detail, Live};
use crate::review::{FieldPath, Known, Object, Owned};
use crate::tui::screen::labelled;
use crate::tui::theme::Role;
use crate::tui::widget::fields::{self, Field};
use crate::tui::widget::row::{Row, cut};
use crate::tui::widget::words;

/// The fields a commit changed and the fields that are not as git says: before, at this commit, live.
pub fn fields(
    diff: Option<&ResourceDiff>,
    live: &Known<Live>,
    noise: bool,
    now: Timestamp,
) -> Vec<Field> {
    let drifts = live
        .value()
        .map(|live| live.fields.as_slice())
        .unwrap_or_default();
    let changes = diff.map(|diff| diff.fields.as_slice()).unwrap_or_default();
    let mut out = Vec::new();
    for change in changes
        .iter()
        .filter(|change| noise || change.noise.is_none())
    {
        let sides = fields::pair(change.before.as_ref(), change.after.as_ref());
        let drift = drifts.iter().find(|drift| drift.path == change.path);
        out.push(Field {
            noise: change.noise.is_some(),
            ..field(&change.path, sides, drift, live, now)
        });
    }
    let also = drifts
        .iter()
        .filter(|drift| !changes.iter().any(|change| change.path == drift.path));
    for drift in also {
        let sides = match diff {
            Some(diff) => (
                value(diff.objects.before.as_ref(), &drift.path),
                value(diff.objects.after.as_ref(), &drift.path),
            ),
            None => (
                words::value(drift.desired.as_ref()),
                words::value(drift.desired.as_ref()),
            ),
        };
        out.push(field(&drift.path, sides, Some(drift), live, now));
    }
    out
}

fn field(
    path: &FieldPath,
    sides: (String, String),
    drift: Option<&FieldDrift>,
    live: &Known<Live>,
    now: Timestamp,
) -> Field {
    let there = match (drift, live) {
        (Some(drift), _) => (Role::Drift, words::value(drift.live.as_ref())),
        (None, Known::Loading) => (Role::Dim, "…".to_owned()),
        (None, Known::Unavailable(why)) => {
            let (mark, role) = words::why_mark(why);
            (role, mark.to_owned())
        }
        (None, Known::Fresh(live) | Known::Stale(live, _)) => {
            (Role::Text, value(live.object.as_ref(), path))
        }
    };
    let (before, after) = if sides.0 == sides.1 {
        (Role::Dim, Role::Dim)
    } else {
        (Role::Removed, Role::Added)
    };
    Field {
        path: path.clone(),
        cells: vec![(before, sides.0), (after, sides.1), there],
        mark: drift.map(|_| ("≠", Role::Drift)),
        notes: drift
            .map(|drift| words::cause(&drift.cause, now))
            .into_iter()
            .collect(),
        noise: false,
    }
}

fn value(object: Option<&Object>, path: &FieldPath) -> String {
    words::value(object.and_then(|object| fields::find(&object.root, path)))
}

/// How the live object fares, what it owns, its events; where it is declared. `unfolded`: what differs and is no drift is listed.
pub fn live(detail: &Detail, unfolded: bool, now: Timestamp) -> Vec<Row> {
    let mut rows = match detail.live.value() {
        None => vec![words::standing(&detail.live, now)],
        Some(live) => object(live, words::standing(&detail.live, now), unfolded, now),
    };
    if let Some(about) = &detail.about {
        rows.push(labelled("about", Row::of(Role::Text, about)));
    }
    // Why nothing is known of it is said above.
    if detail.live.value().is_some() || detail.environment.cluster.value().is_some() {
        rows.push(labelled("cluster", words::cluster(&detail.environment)));
    }
    match (&detail.path, &detail.desired) {
        (Some(path), _) => {
            let line = detail
                .line
                .map(|line| format!(":{line}"))
                .unwrap_or_default();
            rows.push(labelled(
                "declared",
                Row::of(Role::Text, &format!("{path}{line}")),
            ));
        }
        (None, None) => rows.push(labelled("declared", Row::of(Role::Dim, "not any more"))),
        (None, Some(_)) => {}
    }
    rows.extend(
        detail
            .since
            .iter()
            .map(|since| labelled("since", words::commit(since, now))),
    );
    rows
}

fn object(live: &Live, stale: Row, unfolded: bool, now: Timestamp) -> Vec<Row> {
    let (mark, word, role) = words::sync_mark(live.sync);
    let mut rows = Vec::new();
    if !stale.is_empty() {
        rows.push(stale);
    }
    rows.push(words::health(&live.health));
    let sync = Row::of(role, mark).with(role, " ").with(role, word);
    let created = live
        .created
        .map(|created| format!("created {}", words::since(now, created)));
    rows.push(sync.remark(Role::Dim, &created.unwrap_or_default()));
    rows.extend(live.cause.iter().map(|cause| words::cause(cause, now)));
    rows.extend(live.applied.iter().map(|it| words::applied(it, now)));
    let said = live.by_deployer.as_ref();
    rows.extend(words::by_deployer(said, &live.health.reason, now));
    if unfolded {
        rows.extend(suppressed_fields(live));
    }
    for child in live.owned.iter().flat_map(|owned| &owned.children) {
        tree(child, 0, &mut rows);
    }
    match live.events.value() {
        None => rows.push(labelled("events", words::standing(&live.events, now))),
        Some(events) if events.is_empty() => rows.push(Row::of(Role::Dim, "no events")),
        Some(events) => {
            for event in events {
                let age = event
                    .last
                    .map(|last| words::age(now, last))
                    .unwrap_or_default();
                let times = if event.count > 1 {
                    format!(" ×{}", event.count)
                } else {
                    String::new()
                };
                let (mark, role) = if event.warning {
                    ("! ", Role::Warning)
                } else {
                    ("", Role::Text)
                };
                let row = Row::of(Role::Age, &format!("{age:>4} "))
                    .hang()
                    .with(role, mark)
                    .with(role, &event.reason)
                    .with(Role::Dim, &times)
                    .with(Role::Text, "  ")
                    .with(Role::Text, &event.message)
                    .with(Role::Dim, &format!("  {}", event.object));
                rows.push(row);
            }
        }
    }
    rows
}

/// What an object owns, indented.
fn tree(owned: &Owned, depth: usize, rows: &mut Vec<Row>) {
    let (mark, _, role) = words::health_mark(owned.health.status);
    let (said, said_role) = match owned.health.reason.as_str() {
        "" => (&owned.summary, Role::Dim),
        _ => (&owned.health.reason, role),
    };
    let row = Row::of(Role::Text, &"  ".repeat(depth))
        .with(role, mark)
        .with(Role::Text, " ")
        .with(Role::Text, &owned.object.to_string())
        .with(Role::Text, "  ")
        .with(said_role, said);
    rows.push(row);
    for child in &owned.children {
        tree(child, depth + 1, rows);
    }
}

/// Fields that are named when they are unfolded; more are counted.
const MOST_NAMED: usize = 20;

/// Neither a path nor a rule is shown wider than this.
const WIDEST: u16 = 160;

/// `3 live differences are no drift (x lists): defaulted 3`
pub fn suppressed(live: &Known<Live>, shown: bool) -> Option<Row> {
    let suppressed = &live.value()?.suppressed;
    let total: usize = suppressed.values().sum();
    let are = match total {
        0 => return None,
        1 => "live difference is",
        _ => "live differences are",
    };
    let reasons: Vec<String> = suppressed
        .iter()
        .map(|(reason, count)| format!("{reason} {count}"))
        .collect();
    let hint = if shown { "folds" } else { "lists" };
    let reasons = reasons.join(", ");
    let text = format!("{total} {are} no drift (x {hint}): {reasons}");
    Some(Row::of(Role::Dim, &text))
}

/// Which fields these are, why, and by whose rule.
fn suppressed_fields(live: &Live) -> Vec<Row> {
    let total: usize = live.suppressed.values().sum();
    if total == 0 {
        return Vec::new();
    }
    let mut rows = vec![Row::of(Role::Dim, "different, and no drift:")];
    let named = live.suppressed_fields.iter().take(MOST_NAMED);
    rows.extend(named.map(|field| {
        let path = cut(&field.path.to_string(), WIDEST);
        let row = Row::of(Role::Text, &format!("  {path}"));
        let row = row.with(Role::Dim, &format!("  {}", field.why));
        let rule = field.rule.as_deref().unwrap_or_default();
        row.remark(Role::Text, &cut(rule, WIDEST))
    }));
    let more = total.saturating_sub(rows.len() - 1);
    if more > 0 {
        rows.push(Row::of(Role::Dim, &format!("  and {more} more")));
    }
    rows
}
