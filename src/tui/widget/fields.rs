//! Field changes as a table: the path, then one column per side. Where the columns would be too narrow, or when values are to be
//! seen whole, each field becomes a small block instead.

use crate::review::{FieldPath, Node, Step};
use crate::tui::theme::Role;

use super::row::{Row, cut, cut_start};
use super::words;

/// One field: its value on each side, a mark, and lines below it (why it differs).
#[derive(Debug, Clone)]
pub struct Field {
    pub path: FieldPath,
    pub cells: Vec<(Role, String)>,
    pub mark: Option<(&'static str, Role)>,
    pub notes: Vec<Row>,
    pub noise: bool,
}

/// Rows of a table with these column names (without the path's), fitted to `width`.
pub fn table(columns: &[&str], fields: &[Field], width: u16, whole: bool) -> Vec<Row> {
    if fields.is_empty() {
        return Vec::new();
    }
    let paths = short_paths(fields);
    if whole || width < 26 + 12 * columns.len() as u16 {
        return blocks(columns, fields, &paths);
    }
    let room = width.saturating_sub(2 * columns.len() as u16 + 2);
    let mut cells: Vec<Vec<String>> = fields
        .iter()
        .map(|field| field.cells.iter().map(|(_, text)| text.clone()).collect())
        .collect();
    let mut natural = naturals(columns, &paths, &cells);
    if natural.iter().sum::<u16>() > room {
        cells
            .iter_mut()
            .for_each(|cells| without_common_start(cells));
        natural = naturals(columns, &paths, &cells);
    }
    let widths = fit(&natural, room);
    let mut head = Row::of(Role::Label, "field").pad(widths[0]);
    for (name, width) in columns.iter().zip(&widths[1..]) {
        head = head
            .with(Role::Text, "  ")
            .then(Row::of(Role::Label, &cut(name, *width)).pad(*width));
    }
    let mut rows = vec![head];
    for ((field, path), cells) in fields.iter().zip(&paths).zip(&cells) {
        let role = if field.noise { Role::Dim } else { Role::Text };
        let mut row = Row::of(role, &cut_start(path, widths[0])).pad(widths[0]);
        for (((role, _), text), width) in field.cells.iter().zip(cells).zip(&widths[1..]) {
            row = row
                .with(Role::Text, "  ")
                .then(Row::of(*role, &cut_value(text, *width)).pad(*width));
        }
        if let Some((mark, role)) = field.mark {
            row = row.with(Role::Text, " ").with(role, mark);
        }
        rows.push(row);
        rows.extend(
            field
                .notes
                .iter()
                .map(|note| Row::of(Role::Text, "    ").then(note.clone())),
        );
    }
    rows
}

fn blocks(columns: &[&str], fields: &[Field], paths: &[String]) -> Vec<Row> {
    let label = columns
        .iter()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0);
    let mut rows = Vec::new();
    for (field, path) in fields.iter().zip(paths) {
        let mut head = Row::of(if field.noise { Role::Dim } else { Role::Label }, path);
        if let Some((mark, role)) = field.mark {
            head = head.with(Role::Text, " ").with(role, mark);
        }
        rows.push(head);
        for (name, (role, text)) in columns.iter().zip(&field.cells) {
            rows.push(Row::of(Role::Dim, &format!("  {name:label$}  ")).with(*role, text));
        }
        rows.extend(
            field
                .notes
                .iter()
                .map(|note| Row::of(Role::Text, "  ").then(note.clone())),
        );
    }
    rows
}

/// The widest of each column: the paths', then each side's.
fn naturals(columns: &[&str], paths: &[String], cells: &[Vec<String>]) -> Vec<u16> {
    let mut out = vec![widest(paths.iter().map(String::as_str), "field")];
    for (i, name) in columns.iter().enumerate() {
        out.push(widest(
            cells
                .iter()
                .filter_map(|cells| cells.get(i))
                .map(String::as_str),
            name,
        ));
    }
    out
}

/// Image references and URLs that begin alike differ at their ends: `registry.example.com/shop/api:1` → `…/api:1`.
fn without_common_start(cells: &mut [String]) {
    let present: Vec<&String> = cells
        .iter()
        .filter(|cell| cell.contains('/') && !cell.contains(' '))
        .collect();
    let Some((first, rest)) = present.split_first().filter(|(_, rest)| !rest.is_empty()) else {
        return;
    };
    let same = first
        .bytes()
        .enumerate()
        .take_while(|(i, byte)| {
            rest.iter()
                .all(|cell| cell.as_bytes().get(*i) == Some(byte))
        })
        .count();
    let Some(slash) = first.as_bytes()[..same]
        .iter()
        .rposition(|byte| *byte == b'/')
        .filter(|slash| *slash > 1)
    else {
        return;
    };
    for cell in cells {
        if cell.contains('/') && !cell.contains(' ') {
            *cell = format!("…{}", &cell[slash..]);
        }
    }
}

fn widest<'a>(texts: impl Iterator<Item = &'a str>, name: &'a str) -> u16 {
    texts
        .chain([name])
        .map(|text| Row::of(Role::Text, text).width())
        .max()
        .unwrap_or(0)
}

/// References and paths say most at their ends, sentences at their beginning.
fn cut_value(text: &str, width: u16) -> String {
    if text.contains(' ') {
        cut(text, width)
    } else {
        cut_start(text, width)
    }
}

/// Widths that together are at most `total`: what is wider than the others gives way first.
pub fn fit(natural: &[u16], total: u16) -> Vec<u16> {
    let capped = |cap: u16| {
        natural
            .iter()
            .map(|width| u32::from((*width).min(cap)))
            .sum::<u32>()
    };
    let mut cap = natural.iter().copied().max().unwrap_or(0);
    while cap > 1 && capped(cap) > u32::from(total) {
        cap -= 1;
    }
    let mut widths: Vec<u16> = natural.iter().map(|width| (*width).min(cap)).collect();
    // What rounding down left over goes to those that want more, from the left.
    let mut rest = u32::from(total).saturating_sub(capped(cap));
    for (width, wanted) in widths.iter_mut().zip(natural) {
        if rest > 0 && *width < *wanted {
            *width += 1;
            rest -= 1;
        }
    }
    widths
}

/// Paths without what goes without saying: `containers[api].image`. Where that would make two fields look the same, in full.
fn short_paths(fields: &[Field]) -> Vec<String> {
    let short: Vec<String> = fields.iter().map(|field| short_path(&field.path)).collect();
    short
        .iter()
        .enumerate()
        .map(|(i, path)| {
            let same = short.iter().zip(fields).filter(|(other, _)| *other == path);
            let ambiguous = same
                .filter(|(_, other)| other.path != fields[i].path)
                .count()
                > 0;
            if ambiguous {
                fields[i].path.to_string()
            } else {
                path.clone()
            }
        })
        .collect()
}

const OBVIOUS: &[&[&str]] = &[
    &["spec", "jobTemplate", "spec", "template", "spec"],
    &["spec", "template", "spec"],
    &["spec"],
];

/// `spec.template.spec.containers[name=api].image` → `containers[api].image`
pub fn short_path(path: &FieldPath) -> String {
    let steps = path.0.as_slice();
    let starts_with = |prefix: &&&[&str]| {
        steps.len() > prefix.len()
            && steps
                .iter()
                .zip(prefix.iter())
                .all(|(step, key)| matches!(step, Step::Key(k) if k == key))
    };
    let skip = OBVIOUS
        .iter()
        .find(starts_with)
        .map_or(0, |prefix| prefix.len());
    let shortened: Vec<Step> = steps[skip..].to_vec();
    let mut out = String::new();
    for step in shortened {
        match step {
            Step::Item(keys) if keys.len() == 1 => out.push_str(&format!("[{}]", keys[0].1)),
            Step::Key(key) => {
                let plain = FieldPath(vec![Step::Key(key)]).to_string();
                if !out.is_empty() && !plain.starts_with('[') {
                    out.push('.');
                }
                out.push_str(&plain);
            }
            other => out.push_str(&FieldPath(vec![other]).to_string()),
        }
    }
    out
}

/// The two sides of a changed value. Of long texts (a file in a ConfigMap) the first line that differs is shown.
pub fn pair(before: Option<&Node>, after: Option<&Node>) -> (String, String) {
    if let (Some(old), Some(new)) = (before.and_then(Node::as_str), after.and_then(Node::as_str))
        && (old.contains('\n') || new.contains('\n'))
    {
        let (mut old, mut new) = (old.lines(), new.lines());
        let mut number = 1;
        loop {
            match (old.next(), new.next()) {
                (Some(a), Some(b)) if a == b => number += 1,
                (None, None) => break,
                (a, b) => {
                    let side = |line: Option<&str>| match line {
                        Some(line) => format!("line {number}: {}", line.trim()),
                        None => format!("ends at line {}", number - 1),
                    };
                    return (side(a), side(b));
                }
            }
        }
    }
    (one_line(before), one_line(after))
}

fn one_line(node: Option<&Node>) -> String {
    match node.and_then(Node::as_str) {
        Some(text) if text.trim_end().contains('\n') => words::count(text.lines().count(), "line"),
        _ => words::value(node),
    }
}

/// The value at `path` in an object.
pub fn find<'a>(root: &'a Node, path: &FieldPath) -> Option<&'a Node> {
    path.0.iter().try_fold(root, |node, step| match step {
        Step::Key(key) => node.get(key),
        Step::Index(index) => node.as_list()?.get(*index),
        Step::Item(keys) => node.as_list()?.iter().find(|item| {
            keys.iter().all(|(key, value)| match item.get(key) {
                Some(node @ Node::Leaf(_)) => node
                    .as_str()
                    .map_or_else(|| words::value(Some(node)) == *value, |text| text == value),
                _ => false,
            })
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(steps: &[&str]) -> FieldPath {
        FieldPath(
            steps
                .iter()
                .map(|step| match step.split_once('=') {
                    Some((key, value)) => Step::Item(vec![(key.to_owned(), value.to_owned())]),
                    None => Step::Key((*step).to_owned()),
                })
                .collect(),
        )
    }

    fn field(path: FieldPath, before: &str, after: &str) -> Field {
        Field {
            path,
            cells: vec![
                (Role::Removed, before.to_owned()),
                (Role::Added, after.to_owned()),
            ],
            mark: None,
            notes: Vec::new(),
            noise: false,
        }
    }

    #[test]
    fn paths_lose_what_goes_without_saying() {
        let image = path(&[
            "spec",
            "template",
            "spec",
            "containers",
            "name=api",
            "image",
        ]);
        assert_eq!(short_path(&image), "containers[api].image");
        assert_eq!(short_path(&path(&["spec", "replicas"])), "replicas");
        assert_eq!(short_path(&path(&["spec"])), "spec");
        assert_eq!(
            short_path(&path(&["metadata", "annotations", "helm.sh/chart"])),
            "metadata.annotations[\"helm.sh/chart\"]"
        );
    }

    #[test]
    fn paths_that_would_look_the_same_stay_whole() {
        let a = path(&["spec", "template", "spec", "nodeName"]);
        let b = path(&["spec", "nodeName"]);
        let fields = [field(a.clone(), "", ""), field(b, "", "")];
        assert_eq!(
            short_paths(&fields),
            ["spec.template.spec.nodeName", "spec.nodeName"]
        );
    }

    #[test]
    fn the_widest_column_gives_way_first() {
        assert_eq!(fit(&[30, 6, 40], 46), [20, 6, 20]);
        assert_eq!(fit(&[30, 6, 40], 47), [21, 6, 20]);
        assert_eq!(fit(&[5, 5], 40), [5, 5]);
    }

    #[test]
    fn a_table_fits_its_width() {
        let image = path(&[
            "spec",
            "template",
            "spec",
            "containers",
            "name=api",
            "image",
        ]);
        let fields = [field(
            image,
            "registry.example.com/team/api:1.4.1",
            "registry.example.com/team/api:1.4.2",
        )];
        for width in 50..120 {
            for row in table(&["before", "after"], &fields, width, false) {
                assert!(row.width() <= width, "{width}: {}", row.plain());
            }
        }
        let blocks = table(&["before", "after"], &fields, 40, false);
        let plain: Vec<String> = blocks.iter().map(Row::plain).collect();
        assert_eq!(
            plain,
            [
                "containers[api].image",
                "  before  registry.example.com/team/api:1.4.1",
                "  after   registry.example.com/team/api:1.4.2",
            ]
        );
    }

    #[test]
    fn long_texts_show_the_line_that_differs() {
        let text = |text: &str| Node::Leaf(crate::review::Leaf::String(text.to_owned()));
        let (old, new) = (text("a = 1\nb = 2\n"), text("a = 1\nb = 3\nc = 4\n"));
        assert_eq!(
            pair(Some(&old), Some(&new)),
            ("line 2: b = 2".to_owned(), "line 2: b = 3".to_owned())
        );
        let longer = text("a = 1\nb = 2\nc = 4\n");
        assert_eq!(
            pair(Some(&old), Some(&longer)),
            ("ends at line 2".to_owned(), "line 3: c = 4".to_owned())
        );
        assert_eq!(
            pair(None, Some(&old)),
            ("–".to_owned(), "2 lines".to_owned())
        );
    }
}
