//! How answers are printed: as JSON exactly as they are, or as text or Markdown for people. Everything printed as text has passed
//! through [`crate::text::clean`], for it comes from repositories and clusters.

use std::io::{IsTerminal, Write};

use jiff::Timestamp;
use serde::Serialize;

use super::args::{Format, Global, When};
use super::markdown::Markdown;
use crate::review::common::{ChangedResource, CommitLine, NotRendered, ResourceDiff};
use crate::review::{ChangeKind, FieldChange, Known, Leaf, Node, ObjectRef};
use crate::text;

/// Standard output, as the user wants it.
pub struct Output {
    pub format: Format,
    pub colour: bool,
    pub now: Timestamp,
    buffer: String,
    markdown: Markdown,
}

/// The few colours of plain output; each also has a sign or a word, so that nothing is told by colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    Plain,
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Blue,
}

/// Whether standard output may be coloured.
pub fn may_colour(global: &Global) -> bool {
    match global.color {
        When::Always => true,
        When::Never => false,
        When::Auto => {
            std::io::stdout().is_terminal()
                && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        }
    }
}

impl Output {
    pub fn new(global: &Global, now: Timestamp) -> Output {
        Output {
            format: global.output,
            colour: global.output == Format::Text && may_colour(global),
            now,
            buffer: String::new(),
            markdown: Markdown::default(),
        }
    }

    /// Prints an answer as JSON and says whether that was asked for.
    pub fn json(&mut self, answer: &impl Serialize) -> anyhow::Result<bool> {
        if self.format != Format::Json {
            return Ok(false);
        }
        self.buffer.push_str(&serde_json::to_string_pretty(answer)?);
        self.buffer.push('\n');
        Ok(true)
    }

    pub fn line(&mut self, line: impl AsRef<str>) {
        if self.format == Format::Markdown {
            return self.markdown.line(line.as_ref());
        }
        self.buffer.push_str(line.as_ref().trim_end());
        self.buffer.push('\n');
    }

    /// A line whose spaces count, in every format.
    pub fn verbatim(&mut self, line: impl AsRef<str>) {
        match self.format {
            Format::Markdown => self.markdown.verbatim(line.as_ref().trim_end()),
            Format::Text | Format::Json => self.line(line),
        }
    }

    pub fn ink(&self, ink: Ink, text: impl AsRef<str>) -> String {
        let text = text.as_ref();
        let code = match ink {
            _ if !self.colour || text.is_empty() => return text.to_owned(),
            Ink::Plain => return text.to_owned(),
            Ink::Bold => "1",
            Ink::Dim => "2",
            Ink::Red => "31",
            Ink::Green => "32",
            Ink::Yellow => "33",
            Ink::Blue => "34",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// Columns aligned by display width, two spaces apart; the last is not padded. Cells are cleaned here.
    pub fn table(&mut self, head: &[&str], rows: &[Vec<(Ink, String)>]) {
        let rows: Vec<Vec<(Ink, String)>> = rows
            .iter()
            .map(|row| {
                row.iter()
                    .map(|(ink, cell)| (*ink, text::clean_line(cell)))
                    .collect()
            })
            .collect();
        if self.format == Format::Markdown {
            let cells = rows.iter();
            let cells = cells.map(|row| row.iter().map(|(_, cell)| cell.as_str()).collect());
            return self.markdown.table(head, cells);
        }
        let mut widths: Vec<usize> = head.iter().map(|cell| text::width(cell)).collect();
        for row in &rows {
            for (column, (_, cell)) in row.iter().enumerate() {
                if let Some(width) = widths.get_mut(column) {
                    *width = (*width).max(text::width(cell));
                }
            }
        }
        let head: Vec<(Ink, String)> = head
            .iter()
            .map(|cell| (Ink::Dim, (*cell).to_owned()))
            .collect();
        for row in std::iter::once(&head).chain(&rows) {
            let mut line = String::new();
            for (column, (ink, cell)) in row.iter().enumerate() {
                line.push_str(&self.ink(*ink, cell));
                if column + 1 < row.len() {
                    let width = widths.get(column).copied().unwrap_or_default();
                    line.push_str(&" ".repeat(width.saturating_sub(text::width(cell)) + 2));
                }
            }
            self.line(line);
        }
    }

    /// Writes what was collected so far, and says whether anybody still reads.
    pub fn show(&mut self) -> anyhow::Result<bool> {
        let text = std::mem::take(&mut self.buffer) + &self.markdown.take();
        write(&text)
    }

    /// Writes what was collected. A closed pipe (`| head`) is no error.
    pub fn flush(mut self) -> anyhow::Result<()> {
        self.show().map(drop)
    }

    pub fn age(&self, then: Timestamp) -> String {
        text::age(self.now, then)
    }

    /// `3h ago`
    pub fn ago(&self, then: Timestamp) -> String {
        text::ago(self.now, then)
    }

    /// `a1b2c3d  2h ago  alice  subject`
    pub fn commit(&self, commit: &CommitLine) -> String {
        format!(
            "{}  {}  {}  {}",
            self.ink(Ink::Yellow, short(&commit.commit)),
            self.age(commit.time),
            self.ink(Ink::Blue, text::clean_line(&commit.author.name)),
            text::clean_line(&commit.subject)
        )
    }

    /// The resources of a change. Resources of several environments that change in the same way are printed once.
    pub fn resources(&mut self, resources: &[ResourceDiff], not_rendered: &[NotRendered]) {
        let mut rest: Vec<&ResourceDiff> = resources.iter().collect();
        while let Some(first) = rest.first().copied() {
            let (same, others): (Vec<_>, Vec<_>) = rest
                .into_iter()
                .partition(|other| is_same_change(first, other));
            rest = others;
            self.resource(first, &same);
        }
        for side in not_rendered {
            let (environment, app) = (
                text::clean_line(&side.environment),
                text::clean_line(&side.app),
            );
            let line = format!(
                "! {environment} › {app}: not compared: {}",
                text::clean_line(&side.why)
            );
            let line = self.ink(Ink::Red, line);
            self.line(line);
        }
    }

    fn resource(&mut self, diff: &ResourceDiff, same: &[&ResourceDiff]) {
        let resource = &diff.resource;
        let sign = match resource.change {
            ChangeKind::Added => self.ink(Ink::Green, "+"),
            ChangeKind::Removed => self.ink(Ink::Red, "-"),
            ChangeKind::Modified => self.ink(Ink::Yellow, "~"),
            ChangeKind::Moved => self.ink(Ink::Blue, ">"),
        };
        let place = match same {
            [_] => place(resource),
            _ => text::clean_line(&format!("{} › {}", resource.app, resource.object)),
        };
        let mut line = format!("{sign} {}", self.ink(Ink::Bold, place));
        if resource.routine {
            line.push_str("  routine");
        }
        if !diff.rendered {
            line.push_str("  (as written in the sources)");
        }
        if let Some(why) = &diff.predicted {
            line.push_str(&format!("  predicted: {}", text::clean_line(why)));
        }
        if let Some(path) = &resource.path
            && same
                .iter()
                .all(|other| other.resource.path == resource.path)
        {
            line.push_str(&format!("  {}", self.ink(Ink::Dim, text::clean_line(path))));
        }
        match self.format {
            Format::Markdown => self.markdown.heading(&line),
            Format::Text | Format::Json => self.line(line),
        }
        if same.len() > 1 {
            let mut environments: Vec<&str> = same
                .iter()
                .map(|other| other.resource.environment.as_str())
                .collect();
            environments.dedup();
            let count = environments.len();
            let names = text::clean_line(&environments.join(", "));
            self.line(format!(
                "    in {count} environment{}: {names}",
                if count == 1 { "" } else { "s" }
            ));
        }
        self.fields(&diff.fields);
        if !diff.suppressed.is_empty() {
            let kinds: Vec<String> = diff
                .suppressed
                .iter()
                .map(|(kind, count)| format!("{} {count}", word(kind)))
                .collect();
            let total: usize = diff.suppressed.values().sum();
            let line = self.ink(
                Ink::Dim,
                format!("    {total} suppressed: {}", kinds.join(", ")),
            );
            self.line(line);
        }
    }

    fn fields(&mut self, fields: &[FieldChange]) {
        let shown = || fields.iter().filter(|field| field.noise.is_none());
        if self.format == Format::Markdown {
            let side = |side: &Option<Node>| side.as_ref().map(value).unwrap_or_default();
            let rows: Vec<[String; 3]> = shown()
                .map(|field| {
                    [
                        text::clean_line(&field.path.to_string()),
                        side(&field.before),
                        side(&field.after),
                    ]
                })
                .collect();
            if !rows.is_empty() {
                let cells = rows.iter();
                let cells = cells.map(|row| row.iter().map(String::as_str).collect());
                self.markdown.table(&["field", "before", "after"], cells);
            }
            return;
        }
        for field in shown() {
            let path = text::clean_line(&field.path.to_string());
            let line = match (&field.before, &field.after) {
                (Some(before), Some(after)) => format!(
                    "    {path}  {} → {}",
                    self.ink(Ink::Red, value(before)),
                    self.ink(Ink::Green, value(after))
                ),
                (None, Some(after)) => format!(
                    "    {path}  {}",
                    self.ink(Ink::Green, format!("+ {}", value(after)))
                ),
                (Some(before), None) => format!(
                    "    {path}  {}",
                    self.ink(Ink::Red, format!("- {}", value(before)))
                ),
                (None, None) => continue,
            };
            self.line(line);
        }
    }
}

/// Whether anybody still reads.
fn write(text: &str) -> anyhow::Result<bool> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn place(resource: &ChangedResource) -> String {
    place_of(&resource.environment, &resource.app, &resource.object)
}

/// `production › api › Deployment/api -n shop`
pub fn place_of(environment: &str, app: &str, object: &ObjectRef) -> String {
    let namespace = object
        .namespace
        .as_deref()
        .map(|namespace| format!(" -n {namespace}"))
        .unwrap_or_default();
    text::clean_line(&format!("{environment} › {app} › {object}{namespace}"))
}

/// Whether two resources of different environments change in the same way. Names may differ: overlays often prefix them.
fn is_same_change(one: &ResourceDiff, other: &ResourceDiff) -> bool {
    let (a, b) = (&one.resource, &other.resource);
    let named_alike =
        a.object.name == b.object.name || (a.change == ChangeKind::Modified && a.path == b.path);
    a.object.kind == b.object.kind
        && a.app == b.app
        && named_alike
        && a.change == b.change
        && one.fields == other.fields
        && one.rendered == other.rendered
        && one.predicted == other.predicted
        && (a.environment != b.environment || a == b)
}

/// A value in a line: scalars as they are, lists and maps as compact JSON, long ones cut.
pub fn value(node: &Node) -> String {
    const LONGEST: usize = 120;
    let text = match node {
        Node::Leaf(Leaf::String(text)) if text.is_empty() => "\"\"".to_owned(),
        Node::Leaf(Leaf::String(text)) => text.clone(),
        Node::Leaf(Leaf::Masked(id)) => format!("masked {}", id.label()),
        Node::Leaf(Leaf::Encrypted(id)) => format!("encrypted {}", id.label()),
        Node::Leaf(Leaf::Null) => "null".to_owned(),
        Node::Leaf(Leaf::Bool(value)) => value.to_string(),
        Node::Leaf(Leaf::Number(number)) => number.to_string(),
        Node::List(_) | Node::Map(_) => serde_json::to_string(node).unwrap_or_default(),
    };
    text::truncate(&text::clean_line(&text), LONGEST)
}

/// A unit enum's name as in JSON.
pub fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// The first seven digits.
pub fn short(id: &impl ToString) -> String {
    id.to_string().chars().take(7).collect()
}

/// A live value in a cell, or in brackets why there is none.
pub fn known<T>(known: &Known<T>, show: impl FnOnce(&T) -> String) -> String {
    match known {
        Known::Fresh(value) => show(value),
        Known::Stale(value, _) => format!("{} (stale)", show(value)),
        Known::Loading => "(loading)".to_owned(),
        Known::Unavailable(why) => format!("({why})"),
    }
}
