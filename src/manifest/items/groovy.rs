//! Job DSL: every job, folder and view that a Groovy script declares (`pipelineJob('shop') { … }`).
//!
//! A script is a program, and is not run here: what stands in a job's block is read as calls with arguments and blocks, which
//! is how the DSL is meant to be written, and whatever is none of that is kept as text.

mod lex;

use std::ops::Range;

use super::super::object::Cause;
use super::super::scalar::Scalar;
use super::super::tree::{Entry, Fault, Key, NodeId, Tree, TreeNode, Value};
use super::spans::{self, Lines};
use super::{Item, Items, sensitive};
use lex::{Kind, Token, lex};

/// What declares an item (github.com/jenkinsci/job-dsl-plugin, `javaposse.jobdsl.dsl.DslFactory`).
const DECLARATIONS: [&str; 21] = [
    "buildFlowJob",
    "buildMonitorView",
    "buildPipelineView",
    "categorizedJobsView",
    "dashboardView",
    "deliveryPipelineView",
    "folder",
    "freeStyleJob",
    "job",
    "listView",
    "matrixJob",
    "mavenJob",
    "multiJob",
    "multibranchPipelineJob",
    "multibranchWorkflowJob",
    "nestedView",
    "organizationFolder",
    "pipelineJob",
    "pipelineView",
    "sectionedView",
    "workflowJob",
];

/// What the DSL's methods may be called on.
const FACTORIES: [&str; 6] = [
    "context",
    "dsl",
    "dslFactory",
    "factory",
    "jobFactory",
    "this",
];

const MAX_DEPTH: usize = 64;

pub(super) fn read(text: &str) -> Vec<Items<'_>> {
    let lexed = lex(text);
    let lines = Lines::of(text, &(0..text.len()), 1);
    let mut reader = Reader {
        text,
        tokens: &lexed.tokens,
        lines: &lines,
        items: Items {
            tree: Tree {
                nodes: vec![TreeNode::new(0..0, Value::Map(Vec::new()))],
                root: 0,
                end: text.len()..text.len(),
            },
            secrets: Vec::new(),
            items: Vec::new(),
            comments: lexed.comments,
            fault: lexed.fault.map(|(at, why)| Fault {
                line: lines.number(at),
                cause: Cause::Syntax,
                why: why.into(),
                blanks: None,
            }),
            bytes: 0..text.len(),
        },
    };
    reader.declarations();
    spans::reach(text, &mut reader.items, |at| lines.number(at));
    vec![reader.items]
}

struct Reader<'a, 't> {
    text: &'a str,
    tokens: &'t [Token],
    lines: &'t Lines,
    items: Items<'a>,
}

impl<'a> Reader<'a, '_> {
    fn declarations(&mut self) {
        let mut at = 0;
        while let Some(token) = self.tokens.get(at) {
            at = match self.declaration(at, token) {
                Some(next) => next,
                None => at + 1,
            };
        }
    }

    /// The item that is declared at a token, and the token after it.
    fn declaration(&mut self, at: usize, token: &Token) -> Option<usize> {
        let word = self.word(token)?;
        if !DECLARATIONS.contains(&word) {
            return None;
        }
        let before = |back: usize| self.tokens.get(at.checked_sub(back)?);
        if before(1).is_some_and(|token| self.is(token, "."))
            && !before(2)
                .and_then(|token| self.word(token))
                .is_some_and(|on| FACTORIES.contains(&on))
        {
            return None;
        }
        let next = self.tokens.get(at + 1)?;
        let (arguments, after) = match next.kind {
            Kind::Open if self.is(next, "(") => {
                let close = next.partner?;
                (at + 2..close, close + 1)
            }
            Kind::Text => (at + 1..at + 2, at + 2),
            _ => return None,
        };
        let first = self.arguments(arguments.clone()).into_iter().next()?;
        let name = match self.tokens.get(first.clone())? {
            [only] if only.kind == Kind::Text => self.inside(only).to_owned(),
            all => self.source(all),
        };
        let (root, end) = match self.tokens.get(after) {
            Some(block) if self.is(block, "{") => {
                let close = block.partner?;
                (self.block(after + 1..close, None, 0), close + 1)
            }
            _ => (
                self.node(token.bytes.clone(), Value::Map(Vec::new())),
                after,
            ),
        };
        let last = self.tokens.get(end.checked_sub(1)?)?;
        let bytes = token.bytes.start..last.bytes.end;
        self.items.items.push(Item {
            kind: word.to_owned(),
            name,
            root,
            line: self.lines.number(bytes.start),
            bytes,
        });
        Some(end)
    }

    fn word(&self, token: &Token) -> Option<&'a str> {
        (token.kind == Kind::Word).then(|| &self.text[token.bytes.clone()])
    }

    fn is(&self, token: &Token, text: &str) -> bool {
        token.kind != Kind::Text && &self.text[token.bytes.clone()] == text
    }

    /// A string without its quotes.
    fn inside(&self, token: &Token) -> &'a str {
        &self.text[token.inside.clone()]
    }

    /// Tokens as written, but for blanks and comments.
    fn source(&self, tokens: &[Token]) -> String {
        let mut out = String::new();
        let mut end = None;
        for token in tokens {
            if end.is_some_and(|end| end != token.bytes.start) {
                out.push(' ');
            }
            out.push_str(&self.text[token.bytes.clone()]);
            end = Some(token.bytes.end);
        }
        out
    }

    fn node(&mut self, bytes: Range<usize>, value: Value<'a>) -> NodeId {
        self.items.tree.nodes.push(TreeNode::new(bytes, value));
        self.items.tree.nodes.len() - 1
    }

    /// Divides tokens at commas.
    fn arguments(&self, tokens: Range<usize>) -> Vec<Range<usize>> {
        let mut arguments = Vec::new();
        let (mut start, mut at) = (tokens.start, tokens.start);
        while at < tokens.end {
            let token = &self.tokens[at];
            if self.is(token, ",") {
                arguments.push(start..at);
                start = at + 1;
            }
            at = token.partner.filter(|close| *close > at).unwrap_or(at) + 1;
        }
        arguments.push(start..tokens.end);
        arguments.retain(|argument| !argument.is_empty());
        arguments
    }

    /// The statements of a block: a map of what is called; what is called more than once has a list. `first`: what the block
    /// itself was called with.
    fn block(&mut self, tokens: Range<usize>, first: Option<NodeId>, depth: usize) -> NodeId {
        let mut calls: Vec<(String, Range<usize>, Vec<NodeId>)> = Vec::new();
        let mut known: std::collections::HashMap<String, usize> = std::collections::HashMap::new();
        let mut add = |name: String, at: Range<usize>, node: NodeId| {
            let index = *known.entry(name.clone()).or_insert(calls.len());
            match calls.get_mut(index) {
                Some((.., nodes)) => nodes.push(node),
                None => calls.push((name, at, vec![node])),
            }
        };
        if let Some(first) = first {
            add("with".to_owned(), tokens.start..tokens.start, first);
        }
        let mut at = tokens.start;
        while at < tokens.end {
            let end = self.statement_end(at, tokens.end);
            let (name, node) = self.statement(at..end, depth);
            let bytes = self.tokens[at].bytes.clone();
            add(name, bytes, node);
            at = end;
            while at < tokens.end && self.is(&self.tokens[at], ";") {
                at += 1;
            }
        }
        let mut entries = Vec::with_capacity(calls.len());
        for (name, key_bytes, nodes) in calls {
            let value = match nodes.as_slice() {
                [only] => *only,
                _ => self.node(0..0, Value::List(nodes)),
            };
            entries.push(Entry {
                key: Key::Text(name.into()),
                line: self.lines.number(key_bytes.start),
                key_bytes,
                value,
            });
        }
        self.node(0..0, Value::Map(entries))
    }

    /// A statement ends with its line, unless a bracket is open or the line cannot end there.
    fn statement_end(&self, start: usize, limit: usize) -> usize {
        let mut at = start;
        while at < limit {
            let token = &self.tokens[at];
            at = token.partner.filter(|close| *close > at).unwrap_or(at) + 1;
            let Some(next) = self.tokens.get(at).filter(|_| at < limit) else {
                break;
            };
            let last = &self.tokens[at - 1];
            let goes_on = |token: &Token| {
                matches!(
                    &self.text[token.bytes.clone()],
                    "," | "." | "=" | "+" | "?" | ":" | "&" | "|" | "-" | "*" | "<"
                ) && token.kind != Kind::Text
            };
            if self.is(next, ";") || (next.starts_line && !goes_on(last) && !goes_on(next)) {
                break;
            }
        }
        at.max(start + 1).min(limit)
    }

    /// What a statement is about, and what it says.
    fn statement(&mut self, tokens: Range<usize>, depth: usize) -> (String, NodeId) {
        let span = self.tokens[tokens.start].bytes.start..self.tokens[tokens.end - 1].bytes.end;
        let word = self.word(&self.tokens[tokens.start]);
        let Some(word) = word.filter(|_| depth < MAX_DEPTH) else {
            let node = self.text_node(tokens, span);
            return ("script".to_owned(), node);
        };
        // `name(…) {…}`, `name {…}`, `name …`
        let rest = tokens.start + 1..tokens.end;
        let (arguments, block) = match self.tokens.get(rest.start).filter(|_| !rest.is_empty()) {
            None => (rest.clone(), None),
            Some(open) if self.is(open, "(") => match open.partner {
                Some(close) if close < rest.end => {
                    (rest.start + 1..close, self.block_at(close + 1, rest.end))
                }
                _ => (rest.clone(), None),
            },
            Some(open) if self.is(open, "{") => {
                (rest.start..rest.start, self.block_at(rest.start, rest.end))
            }
            Some(next) if matches!(next.kind, Kind::Text | Kind::Word) => (rest.clone(), None),
            Some(next) if self.is(next, "=") || self.is(next, "[") => (rest.clone(), None),
            Some(_) => {
                let node = self.text_node(tokens, span);
                return ("script".to_owned(), node);
            }
        };
        let whole = match (&block, arguments.end) {
            (Some(block), _) => block.end + 1 == rest.end,
            (None, end) => end + 1 >= rest.end,
        };
        if !whole {
            let node = self.text_node(tokens, span);
            return ("script".to_owned(), node);
        }
        let values = self.values(word, arguments.clone());
        let node = match block {
            Some(block) => self.block(block, values, depth + 1),
            None => match values {
                Some(values) => values,
                None => self.node(span, Value::Scalar(Scalar::Bool(true))),
            },
        };
        (word.to_owned(), node)
    }

    /// What is inside a block that starts at a token.
    fn block_at(&self, at: usize, limit: usize) -> Option<Range<usize>> {
        let open = self
            .tokens
            .get(at)
            .filter(|open| at < limit && self.is(open, "{"))?;
        Some(at + 1..open.partner.filter(|close| *close < limit)?)
    }

    fn values(&mut self, word: &str, tokens: Range<usize>) -> Option<NodeId> {
        let arguments = self.arguments(tokens.clone());
        let (first, last) = (arguments.first()?, arguments.last()?);
        let bytes = self.tokens[first.start].bytes.start..self.tokens[last.end - 1].bytes.end;
        // `env('TOKEN', 'x')`, `stringParam('PASSWORD', 'x')`; what `credentials` is called with is a name.
        let named = match self.tokens.get(first.clone()) {
            Some([only]) if only.kind == Kind::Text => sensitive::is_secret(self.inside(only)),
            _ => false,
        };
        let secret = word != "credentials" && sensitive::is_secret(word);
        let mut nodes = Vec::with_capacity(arguments.len());
        for (index, argument) in arguments.iter().enumerate() {
            let span =
                self.tokens[argument.start].bytes.start..self.tokens[argument.end - 1].bytes.end;
            let node = self.text_node(argument.clone(), span);
            let literal = self.tokens[argument.clone()]
                .iter()
                .any(|token| token.kind == Kind::Text);
            if literal && (secret || (named && index > 0)) {
                self.items.secrets.push(node);
            }
            nodes.push(node);
        }
        Some(match nodes.as_slice() {
            [only] => *only,
            _ => self.node(bytes, Value::List(nodes)),
        })
    }

    /// A string, or the text of anything else.
    fn text_node(&mut self, tokens: Range<usize>, bytes: Range<usize>) -> NodeId {
        let (text, told) = match self.tokens.get(tokens.clone()) {
            Some([only]) if only.kind == Kind::Text => {
                let text = self.inside(only);
                (text.to_owned(), sensitive::is_given(text))
            }
            all => {
                let text = self.source(all.unwrap_or_default());
                let told = sensitive::is_spoken_of(&text) && text.contains(['\'', '"']);
                (text, told)
            }
        };
        let node = self.node(bytes, Value::Scalar(Scalar::String(text.into())));
        if told {
            self.items.secrets.push(node);
        }
        node
    }
}

#[cfg(test)]
mod tests;
