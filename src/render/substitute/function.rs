//! What `${variable…}` makes of a value: fluxcd/pkg `envsubst/funcs.go`.

use crate::git::ByteSlice;

/// Applies the function that stands behind a variable's name; one that does not exist is a default.
pub(super) fn call(function: &[u8], value: Vec<u8>, arguments: &[Vec<u8>]) -> Vec<u8> {
    match (function, arguments) {
        (b"#", []) => value.len().to_string().into_bytes(),
        (b",", _) => first(&value, lower),
        (b",,", _) => each(&value, lower),
        (b"^", _) => first(&value, upper),
        (b"^^", _) => each(&value, upper),
        (b"#", [pattern, ..]) => trim(value, pattern, Length::Shortest),
        (b"##", [pattern, ..]) => trim(value, pattern, Length::Longest),
        (b"%", [pattern, ..]) => reversed(&trim(
            reversed(&value),
            &reversed(pattern),
            Length::Shortest,
        )),
        (b"%%", [pattern, ..]) => {
            reversed(&trim(reversed(&value), &reversed(pattern), Length::Longest))
        }
        (b":", [offset, rest @ ..]) => substring(value, offset, rest.first()),
        (b"/#", [pattern, with]) => match value.strip_prefix(pattern.as_slice()) {
            Some(rest) => [with.as_slice(), rest].concat(),
            None => value,
        },
        (b"/%", [pattern, with]) => match value.strip_suffix(pattern.as_slice()) {
            Some(rest) => [rest, with.as_slice()].concat(),
            None => value,
        },
        (b"/#" | b"/%", _) => value,
        (b"/", [pattern, rest @ ..]) => value.replacen(pattern, with(rest), 1),
        (b"//", [pattern, rest @ ..]) => value.replace(pattern, with(rest)),
        _ if value.is_empty() => arguments.concat(),
        _ => value,
    }
}

fn with(arguments: &[Vec<u8>]) -> &[u8] {
    arguments.first().map_or(&[], Vec::as_slice)
}

/// Bytes from `offset` on (from the end, if negative), `length` of them (up to so many before the end, if negative). What
/// is no number changes nothing.
fn substring(value: Vec<u8>, offset: &[u8], length: Option<&Vec<u8>>) -> Vec<u8> {
    let size = value.len() as i64;
    let Some(offset) = number(offset) else {
        return value;
    };
    let start = match offset < 0 {
        true => (size + offset).max(0),
        false => offset,
    };
    let end = match length.map(|length| number(length)) {
        None => size,
        Some(None) => return value,
        Some(Some(length)) if length < 0 => size + length,
        Some(Some(length)) => start.saturating_add(length).min(size),
    };
    let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    range
        .and_then(|(start, end)| value.get(start..end))
        .unwrap_or_default()
        .to_vec()
}

fn number(text: &[u8]) -> Option<i64> {
    // Far beyond any text: nothing can overflow.
    let number: i64 = text.to_str().ok()?.parse().ok()?;
    Some(number.clamp(-(1 << 40), 1 << 40))
}

enum Length {
    Shortest,
    Longest,
}

/// Takes off a prefix that matches the pattern; never an empty one.
fn trim(value: Vec<u8>, pattern: &[u8], length: Length) -> Vec<u8> {
    let mut found = None;
    for end in (1..=value.len()).rev() {
        match matches(pattern, &value[..end]) {
            None => return value,
            Some(false) => {}
            Some(true) => {
                found = Some(end);
                if let Length::Longest = length {
                    break;
                }
            }
        }
    }
    match found {
        Some(end) => value[end..].to_vec(),
        None => value,
    }
}

/// Whether all of `name` matches, as in Go's `path.Match` with a `*` that also matches slashes; `None`: a bad pattern.
fn matches(pattern: &[u8], name: &[u8]) -> Option<bool> {
    let (mut pattern, mut name) = (pattern, name);
    // Where to go on when what follows the last `*` does not match.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        let matched = match pattern.first() {
            Some(b'*') => {
                pattern = &pattern[1..];
                retry = Some((pattern, name));
                continue;
            }
            None if name.is_empty() => return Some(true),
            None => None,
            Some(_) if name.is_empty() => return Some(false),
            Some(_) => one(pattern, name)?,
        };
        if let Some((rest, left)) = matched {
            (pattern, name) = (rest, left);
        } else {
            let (after, from) = match retry {
                Some((after, from)) if !from.is_empty() => (after, &from[1..]),
                _ => return Some(false),
            };
            retry = Some((after, from));
            (pattern, name) = (after, from);
        }
    }
}

type Rests<'a> = (&'a [u8], &'a [u8]);

/// Matches one element of the pattern at the start of `name`: what is left of both. Outer `None`: a bad pattern.
fn one<'a>(pattern: &'a [u8], name: &'a [u8]) -> Option<Option<Rests<'a>>> {
    let (letter, size) = first_char(name);
    match pattern.first()? {
        b'?' => Some(Some((&pattern[1..], &name[size..]))),
        b'[' => {
            let mut rest = &pattern[1..];
            let negated = rest.first() == Some(&b'^');
            if negated {
                rest = &rest[1..];
            }
            let (mut matched, mut ranges) = (false, 0);
            while ranges == 0 || rest.first() != Some(&b']') {
                let low = class_char(&mut rest)?;
                let high = match rest.first() {
                    Some(b'-') => {
                        rest = &rest[1..];
                        class_char(&mut rest)?
                    }
                    _ => low,
                };
                matched |= (low..=high).contains(&letter);
                ranges += 1;
            }
            Some((matched != negated).then(|| (&rest[1..], &name[size..])))
        }
        escape_or_literal => {
            let literal = match escape_or_literal {
                b'\\' => 1,
                _ => 0,
            };
            let byte = pattern.get(literal)?;
            Some((name.first() == Some(byte)).then(|| (&pattern[literal + 1..], &name[1..])))
        }
    }
}

/// The next character of a class, which is not its end.
fn class_char(rest: &mut &[u8]) -> Option<char> {
    let at = match rest.first()? {
        b'-' | b']' => return None,
        b'\\' => 1,
        _ => 0,
    };
    let left = rest.get(at..).filter(|left| !left.is_empty())?;
    let (letter, size) = first_char(left);
    *rest = &left[size..];
    (!rest.is_empty()).then_some(letter)
}

/// The first character and its length; a byte that is none counts as one.
fn first_char(text: &[u8]) -> (char, usize) {
    text.char_indices()
        .next()
        .map_or((char::REPLACEMENT_CHARACTER, 0), |(start, end, letter)| {
            (letter, end - start)
        })
}

/// Letter by letter, as Go does: what has no counterpart of one letter stays.
fn each(value: &[u8], change: fn(char) -> char) -> Vec<u8> {
    let text: String = value.chars().map(change).collect();
    text.into_bytes()
}

fn first(value: &[u8], change: fn(char) -> char) -> Vec<u8> {
    let (letter, size) = first_char(value);
    match size {
        0 => Vec::new(),
        _ => [change(letter).to_string().as_bytes(), &value[size..]].concat(),
    }
}

fn upper(letter: char) -> char {
    single(letter.to_uppercase(), letter)
}

fn lower(letter: char) -> char {
    single(letter.to_lowercase(), letter)
}

fn single(mut changed: impl Iterator<Item = char>, letter: char) -> char {
    match (changed.next(), changed.next()) {
        (Some(changed), None) => changed,
        _ => letter,
    }
}

fn reversed(text: &[u8]) -> Vec<u8> {
    let text: String = text.chars().rev().collect();
    text.into_bytes()
}
