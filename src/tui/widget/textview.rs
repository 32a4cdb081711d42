//! The text view of a change: unified or side by side, the differing words marked, each hunk under the path of its field.

use std::ops::Range;

use super::row::{Row, cut};
use crate::review::{Line, LineKind, Note, Span, TextDiff};
use crate::tui::theme::Role;

/// Removed and added lines one below the other.
pub fn unified(diff: &TextDiff) -> Vec<Row> {
    let mut rows = Vec::new();
    for hunk in &diff.hunks {
        rows.push(heading(
            hunk.path.as_ref().map(ToString::to_string),
            &hunk.lines,
        ));
        for line in &hunk.lines {
            let (sign, role) = sign(line.kind);
            rows.push(
                Row::of(Role::Dim, &format!("{:>4} ", number(line)))
                    .with(role, sign)
                    .then(coloured(line)),
            );
        }
    }
    rows
}

/// What differs without a line of its own.
pub fn notes(diff: &TextDiff) -> Vec<Row> {
    let say = |note: &Note| match note {
        Note::LineEnds => "line ends differ: one side has CRLF, the other LF",
        Note::FinalNewlineAdded => "the last line now ends in a newline",
        Note::FinalNewlineRemoved => "the last line no longer ends in a newline",
    };
    diff.notes
        .iter()
        .map(|note| Row::of(Role::Dim, say(note)))
        .collect()
}

/// Before at the left, after at the right, on `width` columns.
pub fn side_by_side(diff: &TextDiff, width: u16) -> Vec<Row> {
    let half = width.saturating_sub(3) / 2;
    let mut rows = Vec::new();
    for hunk in &diff.hunks {
        rows.push(heading(
            hunk.path.as_ref().map(ToString::to_string),
            &hunk.lines,
        ));
        for (left, right) in pairs(&hunk.lines) {
            let left = left.map_or_else(Row::new, |line| half_line(line, line.before, half));
            let right = right.map_or_else(Row::new, |line| half_line(line, line.after, half));
            rows.push(left.pad(half).with(Role::Rule, " │ ").then(right));
        }
    }
    rows
}

/// A whole text with line numbers, coloured as YAML.
pub fn whole(text: &str) -> Vec<Row> {
    text.lines().map(yaml_line).collect()
}

fn heading(path: Option<String>, lines: &[Line]) -> Row {
    let at = lines
        .iter()
        .find_map(|line| line.after.or(line.before))
        .unwrap_or(1);
    Row::of(Role::Rule, "── ")
        .with(Role::Label, path.as_deref().unwrap_or("document"))
        .with(Role::Dim, &format!("  line {at}"))
}

fn sign(kind: LineKind) -> (&'static str, Role) {
    match kind {
        LineKind::Context => ("  ", Role::Dim),
        LineKind::Removed => ("- ", Role::Removed),
        LineKind::Added => ("+ ", Role::Added),
    }
}

fn number(line: &Line) -> String {
    line.after
        .or(line.before)
        .map(|number| number.to_string())
        .unwrap_or_default()
}

fn half_line(line: &Line, number: Option<u32>, width: u16) -> Row {
    let (sign, role) = sign(line.kind);
    let number = number.map(|number| number.to_string()).unwrap_or_default();
    let row = Row::of(Role::Dim, &format!("{number:>4} "))
        .with(role, sign)
        .then(coloured(line));
    shorten(row, width)
}

fn shorten(row: Row, width: u16) -> Row {
    if row.width() <= width {
        return row;
    }
    let mut out = Row::new();
    for piece in row.pieces() {
        let room = width - out.width();
        let fits = Row::of(piece.role(), piece.text()).width() < room;
        out.add(
            piece.role(),
            &if fits {
                piece.text().to_owned()
            } else {
                cut(&format!("{} ", piece.text()), room)
            },
        );
        if !fits {
            break;
        }
    }
    out
}

/// The line's text: changed words stand out, the rest has the colour of its side, or of its syntax where nothing changed.
fn coloured(line: &Line) -> Row {
    let (base, word) = match line.kind {
        LineKind::Context => (Role::Text, Role::Text),
        LineKind::Removed => (Role::Removed, Role::RemovedWord),
        LineKind::Added => (Role::Added, Role::AddedWord),
    };
    let mut marks: Vec<(Range<usize>, Role)> = Vec::new();
    for (range, span) in &line.spans {
        let role = match span {
            Span::Changed => word,
            _ if line.kind != LineKind::Context => continue,
            Span::Key => Role::YamlKey,
            Span::String => Role::YamlString,
            Span::Literal => Role::YamlLiteral,
            Span::Comment => Role::YamlComment,
        };
        marks.push((range.clone(), role));
    }
    marks.sort_by_key(|(range, _)| range.start);
    let mut row = Row::new();
    let mut at = 0;
    for (range, role) in marks {
        if range.start < at {
            continue;
        }
        row.add(base, line.text.get(at..range.start).unwrap_or_default());
        row.add(role, line.text.get(range.clone()).unwrap_or_default());
        at = range.end;
    }
    row.add(base, line.text.get(at..).unwrap_or_default());
    row
}

/// Lines facing each other: context with itself, a run of removed lines with the run of added ones that follows.
fn pairs(lines: &[Line]) -> Vec<(Option<&Line>, Option<&Line>)> {
    let mut out = Vec::new();
    let mut rest = lines;
    while let Some(first) = rest.first() {
        if first.kind == LineKind::Context {
            out.push((Some(first), Some(first)));
            rest = &rest[1..];
            continue;
        }
        let changed = rest
            .iter()
            .take_while(|line| line.kind != LineKind::Context)
            .count();
        let of = |kind: LineKind| rest[..changed].iter().filter(move |line| line.kind == kind);
        let (mut removed, mut added) = (of(LineKind::Removed), of(LineKind::Added));
        loop {
            match (removed.next(), added.next()) {
                (None, None) => break,
                pair => out.push(pair),
            }
        }
        rest = &rest[changed..];
    }
    out
}

/// Keys, strings and comments of one line of YAML, as far as a line tells.
fn yaml_line(line: &str) -> Row {
    let body = line.trim_start();
    let lead = &line[..line.len() - body.len()];
    let row = Row::of(Role::Text, lead);
    if body.starts_with('#') {
        return row.with(Role::YamlComment, body);
    }
    let (dash, body) = match body.strip_prefix("- ") {
        Some(rest) => ("- ", rest),
        None => ("", body),
    };
    let row = row.with(Role::Dim, dash);
    match body.split_once(':') {
        Some((key, value))
            if (value.is_empty() || value.starts_with(' ')) && !key.contains(' ') =>
        {
            row.with(Role::YamlKey, key)
                .with(Role::Dim, ":")
                .then(scalar(value))
        }
        _ => row.then(scalar(body)),
    }
}

fn scalar(text: &str) -> Row {
    let value = text.trim();
    let role = if value.starts_with(['"', '\'']) {
        Role::YamlString
    } else if value.parse::<f64>().is_ok() || matches!(value, "true" | "false" | "null") {
        Role::YamlLiteral
    } else {
        Role::Text
    };
    Row::of(role, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::Hunk;

    fn line(kind: LineKind, text: &str, changed: Option<Range<usize>>) -> Line {
        Line {
            kind,
            before: (kind != LineKind::Added).then_some(7),
            after: (kind != LineKind::Removed).then_some(8),
            text: text.to_owned(),
            spans: changed
                .into_iter()
                .map(|range| (range, Span::Changed))
                .collect(),
        }
    }

    fn diff() -> TextDiff {
        let lines = vec![
            line(LineKind::Context, "containers:", None),
            line(LineKind::Removed, "image: api:1.4.1", Some(15..16)),
            line(LineKind::Added, "image: api:1.4.2", Some(15..16)),
            line(LineKind::Added, "tty: true", None),
        ];
        TextDiff {
            hunks: vec![Hunk { path: None, lines }],
            notes: Vec::new(),
        }
    }

    #[test]
    fn unified_marks_signs_and_words() {
        let rows = unified(&diff());
        let plain: Vec<String> = rows.iter().map(Row::plain).collect();
        assert_eq!(
            plain,
            [
                "── document  line 8",
                "   8   containers:",
                "   7 - image: api:1.4.1",
                "   8 + image: api:1.4.2",
                "   8 + tty: true"
            ]
        );
        let word = rows[3]
            .pieces()
            .iter()
            .find(|piece| piece.role() == Role::AddedWord);
        assert_eq!(word.map(|piece| piece.text()), Some("2"));
    }

    #[test]
    fn sides_face_each_other() {
        let plain: Vec<String> = side_by_side(&diff(), 51).iter().map(Row::plain).collect();
        assert_eq!(
            plain[2],
            "   7 - image: api:1.4.1  │    8 + image: api:1.4.2"
        );
        assert_eq!(plain[3], "                         │    8 + tty: true");
        assert!(
            side_by_side(&diff(), 31)
                .iter()
                .skip(1)
                .all(|row| row.width() <= 31)
        );
    }

    #[test]
    fn yaml_has_keys_strings_and_comments() {
        let rows = whole("# note\n- name: \"x\"\nkey:\nplain text: no\n");
        let roles: Vec<Vec<Role>> = rows
            .iter()
            .map(|row| row.pieces().iter().map(|piece| piece.role()).collect())
            .collect();
        assert_eq!(roles[0], [Role::YamlComment]);
        assert_eq!(
            roles[1],
            [Role::Dim, Role::YamlKey, Role::Dim, Role::YamlString]
        );
        assert_eq!(roles[2], [Role::YamlKey, Role::Dim]);
        assert_eq!(roles[3], [Role::Text]);
    }
}
