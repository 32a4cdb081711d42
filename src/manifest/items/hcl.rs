//! Terraform, OpenTofu and Terragrunt: each block an item, by the names of Terraform's own addresses.
//!
//! `resource "aws_instance" "web"` is `aws_instance/web`; a local value and an input (of `terraform.tfvars`, or Terragrunt's
//! `inputs`) is an item of its own, for so are they addressed, and one file may assign a hundred. Whatever is no literal is
//! kept as text, as in Terraform's JSON syntax: `var.region` is `${var.region}`. What `jsonencode` is given is read, too.

mod secret;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use hcl_edit::Span;
use hcl_edit::expr::{Expression, FuncCall, ObjectKey};
use hcl_edit::parser::parse_body;
use hcl_edit::structure::{Attribute, Block, Body, Structure};
use hcl_edit::template::Element;
use serde_json::Number;

use super::super::object::Cause;
use super::super::reference::is_reference;
use super::super::scalar::Scalar;
use super::super::tree::{Entry, Fault, Key, NodeId, Tree, TreeNode, Value};
use super::spans::{self, Lines};
use super::{Item, Items, sensitive};
use secret::secrets_of;
pub(super) use secret::{has_literal, holds_secrets};

/// A file larger than this is no one's work, and its parser's tree would take a hundred times as much.
const MAX_BYTES: usize = 4 << 20;

/// What stands at the top of a Terragrunt file and is no input.
const SETTINGS: [&str; 8] = [
    "download_dir",
    "iam_role",
    "prevent_destroy",
    "retry_max_attempts",
    "retryable_errors",
    "skip",
    "terraform_version_constraint",
    "terragrunt_version_constraint",
];

/// The file in one piece, or, where it cannot be read as a whole, what starts at the left margin piece by piece: a broken
/// block takes no other with it.
pub(super) fn read(text: &str) -> Vec<Items<'_>> {
    if text.len() > MAX_BYTES {
        let why = format!("larger than {} MiB", MAX_BYTES >> 20);
        return vec![unreadable(text, 0..text.len(), 1, Cause::Limit, why)];
    }
    let whole = match parse_body(text) {
        Ok(body) => return vec![Reader::new(text, 0..text.len(), 1).read(&body)],
        Err(error) => error,
    };
    let mut read = Vec::new();
    for (bytes, line) in pieces(text) {
        match parse_body(&text[bytes.clone()]) {
            Ok(body) => read.push(Reader::new(text, bytes, line).read(&body)),
            Err(error) => {
                let at = line + lines(error.location().line()).saturating_sub(1);
                read.push(unreadable(text, bytes, at, Cause::Syntax, why(&error)));
            }
        }
    }
    if read.iter().all(|items| items.fault.is_none()) {
        // Each piece can be read, and all together cannot: say so, and show what there is.
        let at = lines(whole.location().line());
        read.push(unreadable(
            text,
            text.len()..text.len(),
            at,
            Cause::Syntax,
            why(&whole),
        ));
    }
    read
}

fn lines(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The parser's message names what it expected, and quotes nothing.
fn why(error: &hcl_edit::parser::Error) -> String {
    format!("not HCL: {}", error.message())
}

fn unreadable(text: &str, bytes: Range<usize>, line: u32, cause: Cause, why: String) -> Items<'_> {
    Items {
        fault: Some(Fault {
            line,
            cause,
            why: why.into(),
            blanks: None,
        }),
        ..Reader::new(text, bytes, line).items
    }
}

/// From each line that starts with a name to the next one.
fn pieces(text: &str) -> Vec<(Range<usize>, u32)> {
    let mut pieces: Vec<(Range<usize>, u32)> = Vec::new();
    let mut at = 0;
    for (line, number) in text.split_inclusive('\n').zip(1..) {
        let starts = line.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        match pieces.last_mut() {
            Some((bytes, _)) if !starts => bytes.end = at + line.len(),
            _ => pieces.push((at..at + line.len(), number)),
        }
        at += line.len();
    }
    pieces
}

/// A block in another, and its labels.
type Nested = (Option<String>, NodeId);

struct Reader<'a> {
    text: &'a str,
    /// Where what is read starts in the text: its spans count from there.
    start: usize,
    lines: Lines,
    items: Items<'a>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, bytes: Range<usize>, first_line: u32) -> Reader<'a> {
        Reader {
            text,
            start: bytes.start,
            lines: Lines::of(text, &bytes, first_line),
            items: Items {
                tree: Tree {
                    nodes: vec![TreeNode::new(
                        bytes.start..bytes.start,
                        Value::Map(Vec::new()),
                    )],
                    root: 0,
                    end: bytes.end..bytes.end,
                },
                secrets: Vec::new(),
                items: Vec::new(),
                comments: Vec::new(),
                fault: None,
                bytes,
            },
        }
    }

    fn read(mut self, body: &Body) -> Items<'a> {
        for structure in body {
            match structure {
                Structure::Attribute(attribute) => self.top_attribute(attribute),
                Structure::Block(block) if block.ident.as_str() == "locals" => {
                    for attribute in block.body.attributes() {
                        self.assigned("local", attribute, false);
                    }
                }
                Structure::Block(block) => self.top_block(block),
            }
        }
        spans::reach(self.text, &mut self.items, |at| self.lines.number(at));
        self.items.comments = spans::comments(self.text, &self.items);
        self.items
    }

    fn span(&self, of: &impl Span) -> Range<usize> {
        let span = of.span().unwrap_or_default();
        span.start + self.start..span.end + self.start
    }

    fn node(&mut self, bytes: Range<usize>, value: Value<'a>) -> NodeId {
        self.items.tree.nodes.push(TreeNode::new(bytes, value));
        self.items.tree.nodes.len() - 1
    }

    fn entry(&self, key: impl Into<Cow<'a, str>>, bytes: Range<usize>, value: NodeId) -> Entry<'a> {
        Entry {
            key: Key::Text(key.into()),
            line: self.lines.number(bytes.start),
            key_bytes: bytes,
            value,
        }
    }

    fn item(&mut self, kind: &str, name: String, bytes: Range<usize>, root: NodeId) {
        self.items.items.push(Item {
            kind: kind.to_owned(),
            name,
            root,
            line: self.lines.number(bytes.start),
            bytes,
        });
    }

    fn top_attribute(&mut self, attribute: &Attribute) {
        let key = attribute.key.as_str();
        match &attribute.value {
            Expression::Object(object) if key == "inputs" => {
                for (key, value) in object {
                    let name = self.key(key);
                    let bytes = self.span(key);
                    let end = self.span(value.expr()).end;
                    let expression = value.expr();
                    self.value_item("input", name, bytes.start..end, bytes, expression, false);
                }
            }
            _ if SETTINGS.contains(&key) => self.assigned("setting", attribute, false),
            _ => self.assigned("input", attribute, false),
        }
    }

    fn assigned(&mut self, kind: &str, attribute: &Attribute, secret: bool) {
        let name = attribute.key.as_str().to_owned();
        let bytes = self.span(&attribute.key);
        let span = self.span(attribute);
        self.value_item(kind, name, span, bytes, &attribute.value, secret);
    }

    fn value_item(
        &mut self,
        kind: &str,
        name: String,
        bytes: Range<usize>,
        key: Range<usize>,
        value: &Expression,
        secret: bool,
    ) {
        let secret = secret || sensitive::is_secret(&name);
        let value = self.value(value, secret);
        let entry = self.entry("value", key, value);
        let root = self.node(bytes.clone(), Value::Map(vec![entry]));
        self.item(kind, name, bytes, root);
    }

    fn top_block(&mut self, block: &Block) {
        let labels: Vec<&str> = block.labels.iter().map(|label| label.as_str()).collect();
        let word = block.ident.as_str();
        let text = |key: &str| block.body.get_attribute(key).map(|found| &found.value);
        let (kind, name) = match (word, labels.as_slice()) {
            ("resource", [kind, name]) => ((*kind).to_owned(), (*name).to_owned()),
            ("provider", [name]) => match text("alias").and_then(Expression::as_str) {
                Some(alias) => ("provider".to_owned(), format!("{name}.{alias}")),
                // Of `.terraform.lock.hcl`.
                None if name.contains('/') => ("locked-provider".to_owned(), (*name).to_owned()),
                None => ("provider".to_owned(), (*name).to_owned()),
            },
            ("moved" | "removed" | "import", []) => {
                let about = text("from")
                    .filter(|_| word != "import")
                    .or_else(|| text("to"));
                let name = about.map(|about| self.source(about));
                (
                    word.to_owned(),
                    name.unwrap_or_else(|| "settings".to_owned()),
                )
            }
            (_, []) => (word.to_owned(), "settings".to_owned()),
            (_, labels) => (word.to_owned(), labels.join(".")),
        };
        let secret = match word {
            "variable" | "output" => {
                let declared = text("sensitive").and_then(Expression::as_bool);
                match declared == Some(true) || sensitive::is_secret(&name) {
                    true => &["default", "value"][..],
                    false => &[],
                }
            }
            "resource" => secrets_of(&kind, &block.body),
            _ => &[],
        };
        let root = self.body(&block.body, self.span(block), secret);
        let bytes = self.span(block);
        self.item(&kind, name, bytes, root);
    }

    /// `secret`: attributes that are secret whatever they are called.
    fn body(&mut self, body: &Body, bytes: Range<usize>, secret: &[&str]) -> NodeId {
        let mut entries: Vec<Entry<'a>> = Vec::new();
        let mut blocks: BTreeMap<&str, (Range<usize>, Vec<Nested>)> = BTreeMap::new();
        for structure in body {
            match structure {
                Structure::Attribute(attribute) => {
                    let key = attribute.key.as_str();
                    let hidden = secret.contains(&key) || sensitive::is_secret(key);
                    let value = self.value(&attribute.value, hidden);
                    let bytes = self.span(&attribute.key);
                    entries.push(self.entry(key.to_owned(), bytes, value));
                }
                Structure::Block(block) => {
                    let word = block.ident.as_str();
                    let bytes = self.span(block);
                    let node = self.body(&block.body, bytes, &[]);
                    let labels: Vec<&str> = block.labels.iter().map(|l| l.as_str()).collect();
                    let label = (!labels.is_empty()).then(|| labels.join("."));
                    let key = self.span(&block.ident);
                    let (_, found) = blocks.entry(word).or_insert((key, Vec::new()));
                    found.push((label, node));
                }
            }
        }
        for (word, (key, found)) in blocks {
            let value = self.blocks(found);
            entries.push(self.entry(word.to_owned(), key, value));
        }
        self.node(bytes, Value::Map(entries))
    }

    /// Nested blocks of one type: a list, as Terraform itself addresses them; those with labels by label.
    fn blocks(&mut self, found: Vec<Nested>) -> NodeId {
        let bytes = |reader: &Reader<'_>, node: NodeId| reader.items.tree.nodes[node].bytes.clone();
        let mut labelled: BTreeMap<String, Vec<NodeId>> = BTreeMap::new();
        let mut bare = Vec::new();
        for (label, node) in found {
            match label {
                None => bare.push(node),
                Some(label) => labelled.entry(label).or_default().push(node),
            }
        }
        let mut entries = Vec::new();
        for (label, nodes) in labelled {
            let node = match nodes.as_slice() {
                [only] => *only,
                _ => self.node(0..0, Value::List(nodes.clone())),
            };
            let at = nodes.first().map_or(0..0, |node| bytes(self, *node));
            entries.push(self.entry(label, at.start..at.start, node));
        }
        if entries.is_empty() {
            return self.node(0..0, Value::List(bare));
        }
        for node in bare {
            let at = bytes(self, node);
            entries.push(self.entry("", at.start..at.start, node));
        }
        self.node(0..0, Value::Map(entries))
    }

    fn key(&self, key: &ObjectKey) -> String {
        match key {
            ObjectKey::Ident(ident) => ident.as_str().to_owned(),
            ObjectKey::Expression(Expression::String(text)) => text.as_str().to_owned(),
            ObjectKey::Expression(expression) => format!("${{{}}}", self.source(expression)),
        }
    }

    /// `secret`: what of it is literal is masked. A reference is none: it is where the secret comes from.
    fn value(&mut self, value: &Expression, secret: bool) -> NodeId {
        let bytes = self.span(value);
        let string = |text: String| Value::Scalar(Scalar::String(text.into()));
        let (scalar, literal) = match value {
            Expression::Null(_) => (Value::Scalar(Scalar::Null), false),
            Expression::Bool(value) => (Value::Scalar(Scalar::Bool(*value.value())), false),
            Expression::Number(number) => {
                let number = number.value();
                let exact = number.as_i64().map(Number::from);
                let exact = exact.or_else(|| number.as_u64().map(Number::from));
                let number = exact.or_else(|| number.as_f64().and_then(Number::from_f64));
                match number {
                    Some(number) => (Value::Scalar(Scalar::Number(number)), true),
                    None => (string(self.source(value)), true),
                }
            }
            Expression::String(text) => {
                let literal = !text.is_empty() && !is_reference(text.as_str());
                (string(text.as_str().to_owned()), literal)
            }
            Expression::StringTemplate(template) => {
                let literal = template.iter().any(Element::is_literal);
                (string(self.template(template.iter())), literal)
            }
            Expression::HeredocTemplate(heredoc) => {
                (string(self.template(heredoc.template.iter())), true)
            }
            Expression::Array(items) => {
                let items = items.iter().map(|item| self.value(item, secret)).collect();
                (Value::List(items), false)
            }
            Expression::Object(object) => {
                let mut entries = Vec::with_capacity(object.len());
                for (key, value) in object {
                    let name = self.key(key);
                    let hidden = secret || sensitive::is_secret(&name);
                    let node = self.value(value.expr(), hidden);
                    let at = self.span(key);
                    entries.push(self.entry(name, at, node));
                }
                (Value::Map(entries), false)
            }
            Expression::Parenthesis(inner) => return self.value(inner.inner(), secret),
            Expression::FuncCall(call) => match encoded(call) {
                Some((name, argument)) => {
                    let node = self.value(argument, secret);
                    let at = self.span(&call.name.name);
                    (Value::Map(vec![self.entry(name, at, node)]), false)
                }
                None => self.expression(value),
            },
            _ => self.expression(value),
        };
        let node = self.node(bytes, scalar);
        if secret && literal {
            self.items.secrets.push(node);
        }
        node
    }

    /// What Terraform computes: its text, and whether a literal in it may be a secret.
    fn expression(&self, value: &Expression) -> (Value<'a>, bool) {
        let text = format!("${{{}}}", self.source(value));
        (
            Value::Scalar(Scalar::String(text.into())),
            has_literal(value),
        )
    }

    fn template<'e>(&self, elements: impl Iterator<Item = &'e Element>) -> String {
        let mut text = String::new();
        for element in elements {
            match element {
                Element::Literal(literal) => text.push_str(literal.as_str()),
                Element::Interpolation(_) | Element::Directive(_) => {
                    text.push_str(self.text.get(self.span(element)).unwrap_or_default());
                }
            }
        }
        text
    }

    /// An expression as written, but for blanks: how it is laid out says nothing.
    fn source(&self, expression: &Expression) -> String {
        let mut out = String::new();
        let (mut quoted, mut escaped) = (false, false);
        for c in self
            .text
            .get(self.span(expression))
            .unwrap_or_default()
            .chars()
        {
            if quoted || !c.is_whitespace() {
                out.push(c);
            } else if !out.ends_with([' ', '(', '[', '{']) {
                out.push(' ');
            }
            quoted ^= c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
        }
        out
    }
}

/// What a document is made of by a function: `jsonencode({…})`.
fn encoded(call: &FuncCall) -> Option<(&'static str, &Expression)> {
    let name = ["jsonencode", "yamlencode"]
        .into_iter()
        .find(|name| call.name.namespace.is_empty() && call.name.name.as_str() == *name)?;
    let argument = call.args.get(0).filter(|_| call.args.len() == 1)?;
    matches!(argument, Expression::Object(_) | Expression::Array(_)).then_some((name, argument))
}

#[cfg(test)]
mod tests;
