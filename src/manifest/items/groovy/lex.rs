//! As much of Groovy's lexical structure (groovy-lang.org/syntax.html) as tells strings and comments from brackets: six kinds
//! of strings, of which three hold expressions that hold strings again.

use std::ops::Range;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    /// A string of any kind.
    Text,
    Open,
    Close,
    Other,
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) bytes: Range<usize>,
    /// Of a string: without its quotes.
    pub(super) inside: Range<usize>,
    /// Of a bracket: the other one.
    pub(super) partner: Option<usize>,
    pub(super) starts_line: bool,
}

#[derive(Default)]
pub(super) struct Lexed {
    pub(super) tokens: Vec<Token>,
    pub(super) comments: Vec<Range<usize>>,
    /// Where something is not closed, and what.
    pub(super) fault: Option<(usize, &'static str)>,
}

const UNCLOSED: &str = "not Groovy: a string or comment that does not end";
const UNPAIRED: &str = "not Groovy: a bracket without its other one";

pub(super) fn lex(text: &str) -> Lexed {
    let mut lexed = Lexed::default();
    let mut open: Vec<usize> = Vec::new();
    let mut at = match text.starts_with("#!") {
        true => text.find('\n').unwrap_or(text.len()),
        false => 0,
    };
    let mut starts_line = true;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        if first == '\n' {
            starts_line = true;
        }
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        if let Some(length) = comment(rest) {
            match length {
                Some(length) => lexed.comments.push(at..at + length),
                None => {
                    lexed.comments.push(at..text.len());
                    lexed.fault.get_or_insert((at, UNCLOSED));
                }
            }
            at += length.unwrap_or(rest.len());
            continue;
        }
        let mut token = Token {
            kind: Kind::Other,
            bytes: at..at + first.len_utf8(),
            inside: at..at,
            partner: None,
            starts_line: std::mem::take(&mut starts_line),
        };
        if let Some((quote, close)) = quotes(rest, lexed.tokens.last(), text) {
            token.kind = Kind::Text;
            let inside = at + quote;
            let length = string(&text[inside..], close);
            let end = length.map_or(text.len(), |length| inside + length);
            if length.is_none() {
                lexed.fault.get_or_insert((at, UNCLOSED));
            }
            token.inside = inside..end;
            token.bytes.end = (end + close.len()).min(text.len());
        } else if first.is_alphanumeric() || matches!(first, '_' | '$' | '@') {
            token.kind = Kind::Word;
            let length =
                rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$' | '@')));
            token.bytes.end = at + length.unwrap_or(rest.len());
        } else if matches!(first, '(' | '[' | '{') {
            token.kind = Kind::Open;
            open.push(lexed.tokens.len());
        } else if matches!(first, ')' | ']' | '}') {
            token.kind = Kind::Close;
            let here = lexed.tokens.len();
            let fits = |index: &usize| {
                let opened = &text[lexed.tokens[*index].bytes.clone()];
                matches!((opened, first), ("(", ')') | ("[", ']') | ("{", '}'))
            };
            if open.last().is_some_and(fits) {
                token.partner = open.pop();
                if let Some(partner) = token.partner.and_then(|index| lexed.tokens.get_mut(index)) {
                    partner.partner = Some(here);
                }
            } else {
                lexed.fault.get_or_insert((at, UNPAIRED));
            }
        }
        at = token.bytes.end;
        lexed.tokens.push(token);
    }
    if let Some(&index) = open.first() {
        lexed
            .fault
            .get_or_insert((lexed.tokens[index].bytes.start, UNPAIRED));
    }
    lexed
}

/// How long the comment is that a text starts with; `Some(None)`: it does not end.
fn comment(rest: &str) -> Option<Option<usize>> {
    if rest.starts_with("//") {
        return Some(Some(rest.find('\n').unwrap_or(rest.len())));
    }
    let inner = rest.strip_prefix("/*")?;
    Some(inner.find("*/").map(|end| end + 4))
}

/// How many bytes the quotes take that a text starts with, and those that end it. A slash begins a string only where no
/// division can stand.
fn quotes(rest: &str, before: Option<&Token>, text: &str) -> Option<(usize, &'static str)> {
    for (open, close) in [
        ("'''", "'''"),
        ("\"\"\"", "\"\"\""),
        ("'", "'"),
        ("\"", "\""),
        ("$/", "/$"),
    ] {
        if rest.starts_with(open) {
            return Some((open.len(), close));
        }
    }
    let value = before.is_some_and(|token| match token.kind {
        Kind::Word => &text[token.bytes.clone()] != "return",
        Kind::Text | Kind::Close => true,
        Kind::Open | Kind::Other => false,
    });
    (rest.starts_with('/') && !value).then_some((1, "/"))
}

/// How long a string is, without the quotes that end it; `None` where it does not end. Expressions in it may hold strings of
/// the same quotes.
fn string(rest: &str, close: &str) -> Option<usize> {
    let expressions = close.starts_with('"') || close == "/" || close == "/$";
    let one_line = close == "'" || close == "\"";
    let bytes = rest.as_bytes();
    // Open braces of expressions, and in which string each is.
    let mut depth = 0_usize;
    let mut quoted: Option<u8> = None;
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        if depth == 0 {
            if bytes[at..].starts_with(close.as_bytes()) {
                return Some(at);
            }
            match byte {
                b'\\' => at += 1,
                b'\n' if one_line => return None,
                b'$' if expressions && bytes.get(at + 1) == Some(&b'{') => {
                    depth = 1;
                    at += 1;
                }
                _ => {}
            }
        } else {
            match (byte, quoted) {
                (b'\\', Some(_)) => at += 1,
                (b'\'' | b'"', None) => quoted = Some(byte),
                (byte, Some(quote)) if byte == quote => quoted = None,
                (b'{', None) => depth += 1,
                (b'}', None) => depth -= 1,
                (b'\n', _) if one_line => return None,
                _ => {}
            }
        }
        at += 1;
    }
    None
}
