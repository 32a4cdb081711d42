//! The change of one resource as rows: its fields, or its text. The Change and the Revert screens share them.

use crate::review::common::ResourceDiff;
use crate::review::{ChangeKind, text_diff};
use crate::tui::theme::Role;
use crate::tui::widget::fields::{self, Field};
use crate::tui::widget::row::Row;
use crate::tui::widget::{textview, words};

/// How a change is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Manner {
    pub mode: Mode,
    /// Noise is shown, not only counted.
    pub noise: bool,
    /// Values are shown whole, in blocks instead of columns.
    pub whole: bool,
    pub width: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    #[default]
    Fields,
    Unified,
    SideBySide,
}

impl Mode {
    pub fn next(self) -> Mode {
        match self {
            Mode::Fields => Mode::Unified,
            Mode::Unified => Mode::SideBySide,
            Mode::SideBySide => Mode::Fields,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Mode::Fields => "fields",
            Mode::Unified => "text",
            Mode::SideBySide => "side by side",
        }
    }
}

/// `~ Deployment/api  production shop  2 fields`, the name on `name` columns.
pub fn line(diff: &ResourceDiff, name: u16) -> Row {
    let resource = &diff.resource;
    let (mark, word, role) = words::change_mark(resource.change);
    let telling = diff
        .fields
        .iter()
        .filter(|field| field.noise.is_none())
        .count();
    let size = match resource.change {
        ChangeKind::Modified => words::count(telling, "field"),
        _ => word.to_owned(),
    };
    let object = Row::of(
        if resource.routine {
            Role::Dim
        } else {
            Role::Text
        },
        &resource.object.to_string(),
    );
    Row::of(role, mark)
        .with(Role::Text, " ")
        .then(object.pad(name))
        .with(Role::Text, "  ")
        .with(Role::Environment, &resource.environment)
        .with(Role::Dim, &format!(" {}  {size}", resource.app))
}

/// The change of one resource.
pub fn rows(diff: &ResourceDiff, manner: Manner) -> Vec<Row> {
    let mut rows = Vec::new();
    rows.extend(
        diff.resource
            .path
            .iter()
            .map(|path| Row::of(Role::Dim, path)),
    );
    if let Some(why) = &diff.predicted {
        rows.push(Row::of(Role::Warning, "predicted: ").with(Role::Text, why));
    }
    if !diff.rendered {
        rows.push(Row::of(
            Role::Dim,
            "as written in its sources, not rendered",
        ));
    }
    match manner.mode {
        Mode::Fields => rows.extend(field_rows(diff, manner)),
        Mode::Unified | Mode::SideBySide => rows.extend(text_rows(diff, manner)),
    }
    rows
}

fn text_rows(diff: &ResourceDiff, manner: Manner) -> Vec<Row> {
    let side = |text: &Option<String>| text.clone().unwrap_or_default();
    let text = text_diff(&side(&diff.text.before), &side(&diff.text.after));
    let mut rows = textview::notes(&text);
    rows.extend(match manner.mode {
        Mode::SideBySide => textview::side_by_side(&text, manner.width),
        _ => textview::unified(&text),
    });
    if rows.is_empty() {
        rows.push(Row::of(Role::Dim, "the text is the same on both sides"));
    }
    rows
}

fn field_rows(diff: &ResourceDiff, manner: Manner) -> Vec<Row> {
    let kind = diff.resource.change;
    let columns: &[&str] = match kind {
        ChangeKind::Added => &["value"],
        ChangeKind::Removed => &["value before"],
        _ => &["before", "after"],
    };
    let shown = diff
        .fields
        .iter()
        .filter(|field| manner.noise || field.noise.is_none());
    let fields: Vec<Field> = shown
        .map(|change| {
            let (before, after) = fields::pair(change.before.as_ref(), change.after.as_ref());
            let cells = match kind {
                ChangeKind::Added => vec![(Role::Added, after)],
                ChangeKind::Removed => vec![(Role::Removed, before)],
                _ => vec![(Role::Removed, before), (Role::Added, after)],
            };
            Field {
                path: change.path.clone(),
                cells,
                mark: None,
                notes: Vec::new(),
                noise: change.noise.is_some(),
            }
        })
        .collect();
    let mut rows = Vec::new();
    if fields.is_empty() && kind == ChangeKind::Moved {
        rows.push(Row::of(Role::Dim, "the same, in another file"));
    }
    rows.extend(fields::table(columns, &fields, manner.width, manner.whole));
    rows.extend(suppressed(diff, manner.noise));
    rows
}

/// `2 suppressed: checksum 2   x shows`
pub fn suppressed(diff: &ResourceDiff, shown: bool) -> Option<Row> {
    let total: usize = diff.suppressed.values().sum();
    if total == 0 {
        return None;
    }
    let kinds: Vec<String> = diff
        .suppressed
        .iter()
        .map(|(noise, count)| format!("{} {count}", words::noise(*noise)))
        .collect();
    let (what, hint) = if shown {
        ("noise", "folds")
    } else {
        ("suppressed", "shows")
    };
    Some(Row::of(
        Role::Dim,
        &format!("{total} {what}: {}   x {hint}", kinds.join(", ")),
    ))
}
