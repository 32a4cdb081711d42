//! What a preview says: whether it applies, what it undoes, what merging would do, what will be written; and the question before it is.

use jiff::Timestamp;

use crate::review::revert::Answer as Preview;
use crate::review::{Action as Does, ConflictKind};
use crate::tui::screen::labelled;
use crate::tui::theme::Role;
use crate::tui::widget::popup::{Confirm, Purpose};
use crate::tui::widget::row::Row;
use crate::tui::widget::words;

/// The rows of the plan. `growing`: the effect is still being worked out.
pub fn rows(preview: &Preview, growing: bool, now: Timestamp) -> Vec<Row> {
    let mut rows = vec![verdict(preview)];
    for conflict in &preview.conflicts {
        let row = Row::of(Role::Error, "  ✗ ")
            .hang()
            .with(Role::Text, &conflict.path);
        rows.push(row.with(Role::Dim, &format!("  {}", conflict_words(conflict.kind))));
    }
    rows.extend(preview.warnings.iter().map(|warning| {
        Row::of(Role::Warning, "! ")
            .hang()
            .with(Role::Text, warning)
    }));
    for (i, line) in preview.commits.iter().enumerate() {
        rows.push(labelled(
            if i == 0 { "undoes" } else { "" },
            words::commit(line, now),
        ));
    }
    for (i, line) in preview.also_undoes.iter().enumerate() {
        rows.push(labelled(
            if i == 0 { "and also" } else { "" },
            Row::of(Role::Warning, "! ").then(words::commit(line, now)),
        ));
    }
    rows.extend(effect(preview, now));
    if growing {
        rows.push(labelled("", words::loading()));
    }
    if preview.clean && !preview.no_change {
        rows.push(labelled("branch", Row::of(Role::Text, &preview.branch)));
        for (i, line) in preview.message.lines().enumerate() {
            let (label, role) = if i == 0 {
                ("message", Role::Header)
            } else {
                ("", Role::Text)
            };
            rows.push(labelled(label, Row::of(role, line)));
        }
        let typed = |name: &String| {
            labelled(
                "protected",
                Row::of(Role::Environment, name).with(Role::Text, ": its name must be typed"),
            )
        };
        rows.extend(preview.protected.iter().map(typed));
    }
    rows
}

fn verdict(preview: &Preview) -> Row {
    match (preview.clean, preview.no_change) {
        (_, true) => Row::of(
            Role::Dim,
            "= it would change nothing: it is undone already, or never took effect",
        ),
        (true, false) => Row::of(Role::Good, "✓ applies cleanly on ")
            .with(Role::Hash, &words::hash(&preview.base)),
        (false, false) => Row::of(
            Role::Error,
            "✗ conflicts with later changes: nothing can be staged",
        ),
    }
}

/// What merging does in the cluster, environment by environment.
fn effect(preview: &Preview, now: Timestamp) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut last = None;
    for effect in &preview.effect {
        if last != Some(&effect.environment) {
            last = Some(&effect.environment);
            let mut head = Row::of(Role::Environment, &effect.environment);
            if effect.cluster.value().is_none() {
                head = head
                    .with(Role::Dim, "  by git alone: ")
                    .then(words::standing(&effect.cluster, now));
            }
            rows.push(labelled(if rows.is_empty() { "effect" } else { "" }, head));
        }
        let (mark, word, role) = words::effect_mark(effect.effect.action);
        let row = Row::of(role, &format!("{mark} {word:<8}"))
            .with(Role::Text, &effect.effect.object.to_string())
            .with(Role::Dim, &format!("  {}", effect.effect.detail));
        rows.push(labelled("", row));
    }
    rows
}

/// The question before staging: what will be written, where, and what comes of it.
pub fn confirm(preview: &Preview) -> Confirm {
    let tip = preview.tips.first();
    let branch = tip
        .and_then(|tip| tip.branch.as_deref())
        .unwrap_or("the tip");
    let base = Row::of(Role::Text, "on ")
        .with(Role::Environment, branch)
        .with(Role::Text, " at ")
        .with(Role::Hash, &words::hash(&preview.base));
    let mut rows = vec![
        Row::of(
            Role::Header,
            preview.message.lines().next().unwrap_or_default(),
        ),
        Row::new(),
        labelled("commit", base),
        labelled(
            "push",
            Row::of(Role::Text, "the new branch ").with(Role::Text, &preview.branch),
        ),
    ];
    rows.extend(tip.map(|tip| labelled("to", Row::of(Role::Text, &tip.repository))));
    rows.push(labelled(
        "then",
        Row::of(Role::Text, "open a pull request; nothing is merged yet"),
    ));
    let mut environments: Vec<&str> = preview
        .effect
        .iter()
        .map(|effect| effect.environment.as_str())
        .collect();
    environments.dedup();
    for environment in environments {
        let here = preview
            .effect
            .iter()
            .filter(|effect| effect.environment == environment);
        let changing = here
            .filter(|effect| effect.effect.action != Does::Nothing)
            .count();
        let text = format!(": {} when merged", words::count(changing, "object"));
        rows.push(labelled(
            "effect",
            Row::of(Role::Environment, environment).with(Role::Text, &text),
        ));
    }
    rows.extend(preview.warnings.iter().map(|warning| {
        Row::of(Role::Warning, "! ")
            .hang()
            .with(Role::Text, warning)
    }));
    Confirm::new(
        Purpose::Stage,
        "Stage this as a pull request?",
        rows,
        "stage",
        preview.protected.clone(),
    )
}

fn conflict_words(kind: ConflictKind) -> &'static str {
    match kind {
        ConflictKind::Content => "changed differently since",
        ConflictKind::AddAdd => "added on both sides",
        ConflictKind::ModifyDelete => "deleted on one side, changed on the other",
        ConflictKind::Rename => "renamed differently",
        ConflictKind::Other => "cannot be merged",
    }
}
