//! One YAML document as a tree that still knows where everything stands: scalars resolved by Kubernetes' rules,
//! aliases not yet followed. Masking marks nodes of it, [`super::build`] makes objects of it, and text views find the
//! bytes of a value in it.
//!
//! Nodes live in one vector, children before parents, so that passes over all nodes need no recursion, and recursion
//! is bounded by the height measured here.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use serde_saphyr::granit_parser::{
    ErrorKind, Event, Options, ParseResult, Parser, ScalarStyle, ScanError, StructureStyle, Tag,
};

use super::object::Cause;
use super::repair;
use super::scalar::{self, Scalar};

/// Nesting a document may have, aliases followed. Real CustomResourceDefinitions stay below 80.
const MAX_HEIGHT: u16 = 256;
/// Nodes that following a document's aliases may add (a string counts as one node per 64 bytes).
const MAX_ALIASED: u64 = 500_000;

/// The namespace of `!!` tags.
const CORE: &str = "tag:yaml.org,2002:";

pub(super) type NodeId = usize;

#[derive(Debug)]
pub(super) struct Tree<'a> {
    pub nodes: Vec<TreeNode<'a>>,
    pub root: NodeId,
    /// The document's end in the file: its `...`, after which there may be a next one, or an empty range.
    pub end: Range<usize>,
}

#[derive(Debug)]
pub(super) struct TreeNode<'a> {
    /// Bytes of the value in the file: without tag, anchor and block scalar header.
    pub bytes: Range<usize>,
    pub value: Value<'a>,
    /// Longest way down, aliases followed.
    height: u16,
    /// Nodes below and including this one, aliases followed.
    cost: u64,
}

#[derive(Debug)]
pub(super) enum Value<'a> {
    Scalar(Scalar<'a>),
    List(Vec<NodeId>),
    Map(Vec<Entry<'a>>),
    Alias(NodeId),
}

#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub key: Key<'a>,
    pub key_bytes: Range<usize>,
    /// 1-based line of the key in the file.
    pub line: u32,
    pub value: NodeId,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Key<'a> {
    Text(Cow<'a, str>),
    /// `<<`: the entries of the map (or maps) that follow are this map's too.
    Merge,
}

impl<'a> TreeNode<'a> {
    /// A node of a tree without aliases, whose depth whoever makes it has bounded: nothing reads its height and cost.
    pub fn new(bytes: Range<usize>, value: Value<'a>) -> TreeNode<'a> {
        TreeNode {
            bytes,
            value,
            height: 0,
            cost: 0,
        }
    }
}

/// Why a part cannot be read.
#[derive(Debug)]
pub(super) struct Fault {
    /// 1-based line in the file.
    pub line: u32,
    pub cause: Cause,
    pub why: Cow<'static, str>,
    /// What would make it readable, and nothing else of it.
    pub blanks: Option<Blanks>,
}

/// Blanks to put in, before this byte of the text that was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blanks {
    pub at: usize,
    pub count: usize,
}

/// Where a part stands in its file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    pub byte: usize,
    pub line: u32,
}

/// What a part holds: one document, more where `...` lines divide it, none where it is empty.
#[derive(Debug, Default)]
pub(super) struct Reading<'a> {
    pub trees: Vec<Tree<'a>>,
    /// What ended the reading.
    pub fault: Option<Fault>,
    /// Bytes of the comments, where asked for.
    pub comments: Vec<Range<usize>>,
}

/// Reads a part.
pub(super) fn read(text: &str, origin: Origin, comments: bool) -> Reading<'_> {
    let reading = scan(text, origin, comments);
    let blanks = reading.fault.as_ref().and_then(|fault| fault.blanks);
    blanks
        .and_then(|blanks| repair::read(text, origin, comments, blanks))
        .unwrap_or(reading)
}

/// Reads a part as the parser does.
pub(super) fn scan(text: &str, origin: Origin, comments: bool) -> Reading<'_> {
    let mut reading = Reading::default();
    let control = |b: u8| (b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r')) || b == 0x7f;
    if let Some(at) = text.bytes().position(control) {
        let line = origin.line + text[..at].matches('\n').count() as u32;
        let why = "a control character, which YAML does not allow";
        reading.fault = Some(fault(line, why));
        return reading;
    }
    let mut options = Options::default();
    options.set_emit_comments(comments);
    options.max_buffered_comment_events = usize::MAX;
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut reader = Reader::new(text, origin);
    while let Some(event) = parser.next_event() {
        match reader.take(event) {
            Ok(Some(tree)) => reading.trees.push(tree),
            Ok(None) => {}
            Err(fault) => {
                reading.fault = Some(fault);
                break;
            }
        }
    }
    reading.comments = reader.comments;
    reading
}

/// A JSON value as a tree: what comes from the API server takes the same way as what comes from git. `None` where it is
/// nested too deeply.
pub(super) fn from_json(value: serde_json::Value) -> Option<Tree<'static>> {
    let mut nodes = Vec::new();
    let root = json_node(&mut nodes, value, 0)?;
    Some(Tree {
        nodes,
        root,
        end: 0..0,
    })
}

fn json_node(
    nodes: &mut Vec<TreeNode<'static>>,
    value: serde_json::Value,
    depth: u16,
) -> Option<NodeId> {
    if depth >= MAX_HEIGHT {
        return None;
    }
    let value = match value {
        serde_json::Value::Null => Value::Scalar(Scalar::Null),
        serde_json::Value::Bool(value) => Value::Scalar(Scalar::Bool(value)),
        serde_json::Value::Number(number) => Value::Scalar(Scalar::Number(number)),
        serde_json::Value::String(text) => Value::Scalar(Scalar::String(text.into())),
        serde_json::Value::Array(items) => Value::List(
            items
                .into_iter()
                .map(|item| json_node(nodes, item, depth + 1))
                .collect::<Option<_>>()?,
        ),
        serde_json::Value::Object(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(key, value)| {
                    let value = json_node(nodes, value, depth + 1)?;
                    Some(Entry {
                        key: Key::Text(key.into()),
                        key_bytes: 0..0,
                        line: 0,
                        value,
                    })
                })
                .collect::<Option<_>>()?,
        ),
    };
    nodes.push(TreeNode::new(0..0, value));
    Some(nodes.len() - 1)
}

impl<'a> Tree<'a> {
    /// The same without a hold on the text.
    pub fn into_owned(self) -> Tree<'static> {
        let nodes = self.nodes.into_iter().map(|node| {
            let value = match node.value {
                Value::Scalar(Scalar::Null) => Value::Scalar(Scalar::Null),
                Value::Scalar(Scalar::Bool(value)) => Value::Scalar(Scalar::Bool(value)),
                Value::Scalar(Scalar::Number(number)) => Value::Scalar(Scalar::Number(number)),
                Value::Scalar(Scalar::String(text)) => {
                    Value::Scalar(Scalar::String(text.into_owned().into()))
                }
                Value::List(items) => Value::List(items),
                Value::Map(entries) => {
                    Value::Map(entries.into_iter().map(Entry::into_owned).collect())
                }
                Value::Alias(target) => Value::Alias(target),
            };
            TreeNode {
                bytes: node.bytes,
                value,
                height: node.height,
                cost: node.cost,
            }
        });
        Tree {
            nodes: nodes.collect(),
            root: self.root,
            end: self.end,
        }
    }

    /// The node an alias stands for, or the node itself.
    pub fn resolve(&self, id: NodeId) -> NodeId {
        match self.nodes[id].value {
            Value::Alias(target) => self.resolve(target),
            _ => id,
        }
    }

    pub fn value(&self, id: NodeId) -> &Value<'a> {
        &self.nodes[self.resolve(id)].value
    }

    /// The value of a map's key as Kubernetes sees it: what stands last wins, be it the key or a merged map that has it.
    pub fn get(&self, map: NodeId, key: &str) -> Option<NodeId> {
        let Value::Map(entries) = self.value(map) else {
            return None;
        };
        entries.iter().rev().find_map(|entry| match &entry.key {
            Key::Text(text) => (text == key).then_some(entry.value),
            Key::Merge => self
                .sources(entry.value)
                .into_iter()
                .find_map(|source| self.get(source, key)),
        })
    }

    /// The maps that a map's `<<` keys name.
    pub fn merged(&self, map: NodeId) -> Vec<NodeId> {
        let Value::Map(entries) = self.value(map) else {
            return Vec::new();
        };
        let merges = entries.iter().filter(|entry| entry.key == Key::Merge);
        merges.flat_map(|entry| self.sources(entry.value)).collect()
    }

    /// What a `<<` key names, the first to win coming first.
    fn sources(&self, merged: NodeId) -> Vec<NodeId> {
        match self.value(merged) {
            Value::List(items) => items.clone(),
            _ => vec![merged],
        }
    }

    pub fn text(&self, id: NodeId) -> Option<&str> {
        match self.value(id) {
            Value::Scalar(Scalar::String(text)) => Some(text),
            _ => None,
        }
    }
}

impl Entry<'_> {
    fn into_owned(self) -> Entry<'static> {
        let key = match self.key {
            Key::Text(text) => Key::Text(text.into_owned().into()),
            Key::Merge => Key::Merge,
        };
        Entry {
            key,
            key_bytes: self.key_bytes,
            line: self.line,
            value: self.value,
        }
    }
}

enum Open<'a> {
    List {
        anchor: usize,
        start: usize,
        flow: bool,
        items: Vec<NodeId>,
    },
    Map {
        anchor: usize,
        start: usize,
        flow: bool,
        entries: Vec<Entry<'a>>,
        key: Option<(Key<'a>, Range<usize>, u32)>,
    },
}

struct Reader<'a> {
    text: &'a str,
    origin: Origin,
    nodes: Vec<TreeNode<'a>>,
    open: Vec<Open<'a>>,
    root: Option<NodeId>,
    anchors: HashMap<usize, NodeId>,
    comments: Vec<Range<usize>>,
    aliased: u64,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, origin: Origin) -> Reader<'a> {
        Reader {
            text,
            origin,
            nodes: Vec::new(),
            open: Vec::new(),
            root: None,
            anchors: HashMap::new(),
            comments: Vec::new(),
            aliased: 0,
        }
    }

    /// Takes one event; a tree where it ends a document.
    fn take(&mut self, event: ParseResult<'a>) -> Result<Option<Tree<'a>>, Fault> {
        let (event, span) = event.map_err(|error| Fault {
            blanks: blanks(self.text, &error),
            ..fault(self.line(error.marker().line()), describe(error.kind()))
        })?;
        let line = self.line(span.start.line());
        let local = span.byte_range().unwrap_or_default();
        let bytes = local.start + self.origin.byte..local.end + self.origin.byte;
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                // The parser's span of a block scalar goes on to the next token: that one's indentation is not part of it.
                let bytes = match style {
                    ScalarStyle::Literal | ScalarStyle::Folded => {
                        let lines = self.text.get(local.clone()).unwrap_or_default();
                        let cut = lines.rfind('\n').map_or(0, |at| lines.len() - at - 1);
                        bytes.start..bytes.end - cut
                    }
                    _ => bytes,
                };
                let merge = text == "<<"
                    && tag.as_deref().map_or(style == ScalarStyle::Plain, |tag| {
                        tag.suffix_in_namespace(CORE).as_deref() == Some("merge")
                    });
                let value = resolve(text, style, tag.as_deref()).map_err(|why| fault(line, why))?;
                self.add(Value::Scalar(value), anchor, bytes, line, merge)?;
            }
            Event::Alias(anchor) => {
                let Some(&target) = self.anchors.get(&anchor) else {
                    return Err(limit(line, "an anchor that contains itself"));
                };
                self.aliased = self.aliased.saturating_add(self.nodes[target].cost);
                if self.aliased > MAX_ALIASED {
                    return Err(limit(line, "aliases that expand to too much"));
                }
                self.add(Value::Alias(target), 0, bytes, line, false)?;
            }
            Event::SequenceStart(style, anchor, _) => {
                let flow = style == StructureStyle::Flow;
                self.open.push(Open::List {
                    anchor,
                    start: bytes.start,
                    flow,
                    items: Vec::new(),
                });
            }
            Event::MappingStart(style, anchor, _) => {
                let flow = style == StructureStyle::Flow;
                let start = bytes.start;
                self.open.push(Open::Map {
                    anchor,
                    start,
                    flow,
                    entries: Vec::new(),
                    key: None,
                });
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(bytes.end, line)?,
            Event::Comment(..) => self.comments.push(bytes),
            Event::DocumentEnd => {
                let nodes = std::mem::take(&mut self.nodes);
                self.anchors.clear();
                self.aliased = 0;
                let end = bytes;
                return Ok(self.root.take().map(|root| Tree { nodes, root, end }));
            }
            _ => {}
        }
        Ok(None)
    }

    fn line(&self, local: usize) -> u32 {
        self.origin.line
            + u32::try_from(local)
                .unwrap_or(u32::MAX - self.origin.line)
                .saturating_sub(1)
    }

    fn close(&mut self, end: usize, line: u32) -> Result<(), Fault> {
        match self.open.pop() {
            Some(Open::List {
                anchor,
                start,
                flow,
                items,
            }) => {
                let end = if flow {
                    end
                } else {
                    items
                        .last()
                        .map_or(start, |&item| self.nodes[item].bytes.end)
                };
                self.add(
                    Value::List(items),
                    anchor,
                    start..end.max(start),
                    line,
                    false,
                )
            }
            Some(Open::Map {
                anchor,
                start,
                flow,
                entries,
                ..
            }) => {
                let last = entries.last().map_or(start, |entry| {
                    entry.key_bytes.end.max(self.nodes[entry.value].bytes.end)
                });
                let end = if flow { end } else { last };
                self.add(
                    Value::Map(entries),
                    anchor,
                    start..end.max(start),
                    line,
                    false,
                )
            }
            None => Ok(()),
        }
    }

    /// A finished value: a node, put where it belongs (as a map's key it becomes no node).
    fn add(
        &mut self,
        value: Value<'a>,
        anchor: usize,
        bytes: Range<usize>,
        line: u32,
        merge: bool,
    ) -> Result<(), Fault> {
        if let Some(Open::Map {
            key: key @ None, ..
        }) = self.open.last_mut()
        {
            let scalar = match &value {
                Value::Scalar(scalar) => Some(scalar.clone()),
                Value::Alias(target) => match &self.nodes[*target].value {
                    Value::Scalar(scalar) => Some(scalar.clone()),
                    _ => None,
                },
                _ => None,
            };
            let text = if merge {
                Some(Key::Merge)
            } else {
                scalar.and_then(scalar::key).map(Key::Text)
            };
            let why = "a key that is not a string, number or boolean";
            let text = text.ok_or_else(|| fault(line, why))?;
            *key = Some((text, bytes.clone(), line));
            if anchor != 0 {
                let id = self.push(value, bytes, line)?;
                self.anchors.insert(anchor, id);
            }
            return Ok(());
        }
        let id = self.push(value, bytes, line)?;
        if anchor != 0 {
            self.anchors.insert(anchor, id);
        }
        match self.open.last_mut() {
            None => self.root = Some(id),
            Some(Open::List { items, .. }) => items.push(id),
            Some(Open::Map { entries, key, .. }) => {
                if let Some((key, key_bytes, line)) = key.take() {
                    if key == Key::Merge && !mergeable(&self.nodes, id) {
                        let why =
                            "a merge key (<<) whose value is neither a map nor a list of maps";
                        return Err(fault(line, why));
                    }
                    entries.push(Entry {
                        key,
                        key_bytes,
                        line,
                        value: id,
                    });
                }
            }
        }
        Ok(())
    }

    fn push(&mut self, value: Value<'a>, bytes: Range<usize>, line: u32) -> Result<NodeId, Fault> {
        let (height, cost) = {
            let of = |id: &NodeId| (self.nodes[*id].height, self.nodes[*id].cost);
            let sum = |(height, cost): (u16, u64), (h, c): (u16, u64)| {
                (height.max(h), cost.saturating_add(c))
            };
            match &value {
                Value::Scalar(Scalar::String(text)) => (0, 1 + text.len() as u64 / 64),
                Value::Scalar(_) => (0, 1),
                Value::Alias(target) => of(target),
                Value::List(items) => items.iter().map(of).fold((0, 1), sum),
                Value::Map(entries) => entries
                    .iter()
                    .map(|entry| of(&entry.value))
                    .fold((0, 1), sum),
            }
        };
        let height = if matches!(value, Value::Alias(_)) {
            height
        } else {
            height + 1
        };
        if height > MAX_HEIGHT {
            return Err(limit(line, "nested too deeply"));
        }
        self.nodes.push(TreeNode {
            bytes,
            value,
            height,
            cost,
        });
        Ok(self.nodes.len() - 1)
    }
}

fn mergeable(nodes: &[TreeNode<'_>], id: NodeId) -> bool {
    match &nodes[id].value {
        Value::Map(_) => true,
        Value::Alias(target) => matches!(nodes[*target].value, Value::Map(_)),
        Value::List(items) => items.iter().all(|&item| match &nodes[item].value {
            Value::Map(_) => true,
            Value::Alias(target) => matches!(nodes[*target].value, Value::Map(_)),
            _ => false,
        }),
        Value::Scalar(_) => false,
    }
}

fn resolve<'a>(
    text: Cow<'a, str>,
    style: ScalarStyle,
    tag: Option<&Tag>,
) -> Result<Scalar<'a>, &'static str> {
    match tag {
        Some(tag) => match tag.suffix_in_namespace(CORE) {
            Some(name) => scalar::tagged(&name, text),
            None => Ok(Scalar::String(text)),
        },
        None if style == ScalarStyle::Plain => scalar::plain(text),
        None => Ok(Scalar::String(text)),
    }
}

fn fault(line: u32, why: impl Into<Cow<'static, str>>) -> Fault {
    Fault {
        line,
        cause: Cause::Syntax,
        why: why.into(),
        blanks: None,
    }
}

fn limit(line: u32, why: &'static str) -> Fault {
    Fault {
        cause: Cause::Limit,
        ..fault(line, why)
    }
}

/// Where YAML 1.2's rules want blanks that Kubernetes does without (see [`repair`]).
fn blanks(text: &str, error: &ScanError) -> Option<Blanks> {
    /// Deeper than any indentation that the parser allows.
    const INDENTATION: usize = 512;
    let at = error.marker().byte_offset()?;
    match error.kind() {
        ErrorKind::CommentNotSeparated => Some(Blanks { at, count: 1 }),
        ErrorKind::InvalidQuotedScalarIndent | ErrorKind::TabInIndentation => {
            let line = text.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
            Some(Blanks {
                at: line,
                count: INDENTATION,
            })
        }
        _ => None,
    }
}

/// The parser's message. None of those let through quotes the text, which may be a Secret's.
fn describe(kind: &ErrorKind) -> Cow<'static, str> {
    match kind {
        ErrorKind::UnexpectedCharacter { .. } => "a character that cannot stand here".into(),
        ErrorKind::Custom(_) => "not YAML".into(),
        kind => kind.to_string().into(),
    }
}
