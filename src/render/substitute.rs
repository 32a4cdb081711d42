//! `${variable}` in rendered objects, as Flux replaces it (`postBuild`).
//!
//! Flux runs fluxcd/pkg `envsubst` (a fork of drone/envsubst) over the text of every object that a build gives: shell
//! parameter expansion with gaps and quirks, which are kept here because they decide what gets applied. `${x:+y}` is `x`'s
//! value, else `y`; `${x-y}` is an error; `$x` is text; lengths and offsets count bytes.
//! Sources: fluxcd/pkg `kustomize/kustomize_varsub.go`, `envsubst/{parse/parse.go,parse/scan.go,template.go,funcs.go}`.

mod function;

use super::tool::Substitution;
use crate::git::ByteSlice;

/// Objects that carry this label or annotation with the value `disabled` are left alone.
pub(super) const SWITCH: &str = "kustomize.toolkit.fluxcd.io/substitute";

/// Defaults in defaults in defaults: a bound, not a rule of Flux.
const MAX_DEPTH: usize = 32;

/// The largest text that variables may blow an object up to: etcd takes 1.5 MiB.
const MAX_TEXT: usize = 16 << 20;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    #[error("bad substitution")]
    Bad,
    #[error("missing closing brace")]
    Brace,
    #[error("unable to parse variable name")]
    Name,
    #[error("unable to parse substitution within function")]
    Parameter,
    #[error("{0:?} cannot be the name of a variable")]
    Variable(String),
    #[error("its variables are nested more than {MAX_DEPTH} deep")]
    Depth,
    #[error("with its variables replaced it is larger than {} MiB", MAX_TEXT >> 20)]
    Size,
}

impl Substitution {
    /// Whether Flux runs the substitution at all: without variables it does not, and `$${x}` stays `$${x}`.
    pub(crate) fn applies(&self) -> bool {
        self.always || !self.unread.is_empty() || !self.variables.is_empty()
    }

    /// Replaces the variables in the text of one object.
    pub(crate) fn apply(&self, text: &[u8]) -> Result<Vec<u8>, Error> {
        if let Some(name) = self.variables.keys().find(|name| !is_name(name)) {
            return Err(Error::Variable(crate::text::clean_line(name)));
        }
        let mut expansion = Expansion {
            text,
            at: 0,
            substitution: self,
        };
        expansion.all()
    }

    /// A variable's value; `None` where nobody here can know it.
    fn value(&self, name: &[u8]) -> Option<Vec<u8>> {
        let name = name.to_str().ok()?;
        match self.variables.get(name) {
            // Flux takes line breaks out, so that a value cannot break the YAML it lands in.
            Some(value) => Some(value.replace('\n', "").into_bytes()),
            None if !self.unread.is_empty() => None,
            None => Some(Vec::new()),
        }
    }
}

/// `^[_[:alpha:]][_[:alpha:][:digit:]]*$`
fn is_name(name: &str) -> bool {
    let mut letters = name.bytes();
    letters
        .next()
        .is_some_and(|first| first == b'_' || first.is_ascii_alphabetic())
        && letters.all(|letter| letter == b'_' || letter.is_ascii_alphanumeric())
}

/// One pass over a text, from left to right.
struct Expansion<'a> {
    text: &'a [u8],
    at: usize,
    substitution: &'a Substitution,
}

impl Expansion<'_> {
    fn all(&mut self) -> Result<Vec<u8>, Error> {
        let mut out = Vec::with_capacity(self.text.len());
        while let Some(byte) = self.peek() {
            if self.opens() {
                out.extend(self.variable(0)?);
                if out.len() > MAX_TEXT {
                    return Err(Error::Size);
                }
                continue;
            }
            out.push(byte);
            // `$$` is a dollar, and what follows is text.
            self.at += if byte == b'$' && self.second() == Some(b'$') {
                2
            } else {
                1
            };
        }
        Ok(out)
    }

    /// What stands at `${`, replaced.
    fn variable(&mut self, depth: usize) -> Result<Vec<u8>, Error> {
        if depth > MAX_DEPTH {
            return Err(Error::Depth);
        }
        let start = self.at;
        self.at += 2;
        if self.peek() == Some(b'#') {
            self.at += 1;
            let name = self.name().ok_or(Error::Bad)?.to_vec();
            self.close(Error::Bad)?;
            return Ok(self.call(start, &name, b"#", &[]));
        }
        let name = self.name().ok_or(Error::Name)?.to_vec();
        let mut arguments = Vec::new();
        let function = match (self.peek(), self.second()) {
            (Some(b':'), Some(b'=' | b'-' | b'?' | b'+')) | (Some(b'='), _) => {
                let function = self.take(if self.peek() == Some(b':') { 2 } else { 1 });
                while self.peek() != Some(b'}') {
                    arguments.push(self.parameter(depth, |byte| byte != b'}', Escapes::None)?);
                }
                function
            }
            (Some(b':'), _) => {
                let function = self.take(1);
                arguments.push(self.parameter(
                    depth,
                    |byte| !matches!(byte, b':' | b'}'),
                    Escapes::None,
                )?);
                if self.peek() == Some(b':') {
                    self.skip(b':');
                    arguments.push(self.parameter(depth, |byte| byte != b'}', Escapes::None)?);
                }
                function
            }
            (Some(b',' | b'^'), second) => self.take(if matches!(second, Some(b',' | b'^')) {
                2
            } else {
                1
            }),
            (Some(mark @ (b'#' | b'%')), second) => {
                let function = self.take(if second == Some(mark) { 2 } else { 1 });
                arguments.push(self.parameter(depth, |byte| byte != b'}', Escapes::None)?);
                function
            }
            (Some(b'/'), second) => {
                let twice = matches!(second, Some(b'/' | b'#' | b'%'));
                let function = self.take(if twice { 2 } else { 1 });
                arguments.push(self.parameter(depth, |byte| byte != b'/', Escapes::All)?);
                if self.peek() != Some(b'/') {
                    return Err(Error::Bad);
                }
                self.skip(b'/');
                if self.peek() != Some(b'}') {
                    arguments.push(self.parameter(depth, |byte| byte != b'}', Escapes::All)?);
                }
                function
            }
            _ => {
                self.close(Error::Brace)?;
                return Ok(self.call(start, &name, b"", &[]));
            }
        };
        self.close(Error::Bad)?;
        Ok(self.call(start, &name, &function, &arguments))
    }

    /// The value, or what is written where nobody knows it.
    fn call(&self, start: usize, name: &[u8], function: &[u8], arguments: &[Vec<u8>]) -> Vec<u8> {
        match self.substitution.value(name) {
            Some(value) => function::call(function, value, arguments),
            None => self.text[start..self.at].to_vec(),
        }
    }

    /// One parameter of a function: a variable, or text up to the next one or to what `accepts` refuses. (The pattern of a
    /// replacement may hold a closing brace.)
    fn parameter(
        &mut self,
        depth: usize,
        accepts: impl Fn(u8) -> bool,
        escapes: Escapes,
    ) -> Result<Vec<u8>, Error> {
        if self.opens() {
            return self.variable(depth + 1);
        }
        let mut text = Vec::new();
        while let Some(byte) = self.peek() {
            let escaped = escapes == Escapes::All
                && match byte {
                    b'$' => self.second() == Some(b'$'),
                    b'\\' => matches!(self.second(), Some(b'/' | b'\\')),
                    _ => false,
                };
            if escaped {
                text.extend(self.second());
                self.at += 2;
                continue;
            }
            if self.opens() || !accepts(byte) {
                break;
            }
            text.push(byte);
            self.at += 1;
        }
        match text.is_empty() {
            true => Err(Error::Parameter),
            false => Ok(text),
        }
    }

    fn name(&mut self) -> Option<&[u8]> {
        let rest = &self.text[self.at..];
        let end = rest
            .char_indices()
            .find(|(_, _, letter)| !(letter.is_alphanumeric() || *letter == '_'))
            .map_or(rest.len(), |(start, _, _)| start);
        self.at += end;
        (end > 0).then(|| &rest[..end])
    }

    fn close(&mut self, otherwise: Error) -> Result<(), Error> {
        match self.peek() {
            Some(b'}') => {
                self.at += 1;
                Ok(())
            }
            _ => Err(otherwise),
        }
    }

    fn opens(&self) -> bool {
        self.peek() == Some(b'$') && self.second() == Some(b'{')
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn second(&self) -> Option<u8> {
        self.text.get(self.at + 1).copied()
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let taken = self.text[self.at..self.at + count].to_vec();
        self.at += count;
        taken
    }

    fn skip(&mut self, byte: u8) {
        while self.peek() == Some(byte) {
            self.at += 1;
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    None,
    /// `$$`, `\/` and `\\`.
    All,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Substitution {
        Substitution {
            variables: variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            ..Substitution::default()
        }
    }

    fn replaced(substitution: &Substitution, text: &str) -> Result<String, Error> {
        let bytes = substitution.apply(text.as_bytes())?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The table in `envsubst/eval_test.go`, and the quirks that follow from `parse/scan.go`.
    #[test]
    fn parameters_are_expanded_as_flux_does() {
        let variables = with(&[
            ("v", "abcdEFGH28ij"),
            ("z", "abcABC123ABCabc"),
            ("file", "bash.string.txt"),
            ("path", "/path/to/file"),
            ("foo", "foo1"),
            ("empty", ""),
            ("long", "a\nb"),
        ]);
        for (text, expected) in [
            ("no variables", "no variables"),
            ("$v", "$v"),
            ("${v}", "abcdEFGH28ij"),
            ("${unknown}|", "|"),
            ("${#v}", "12"),
            ("${v^}", "AbcdEFGH28ij"),
            ("${v^^}", "ABCDEFGH28IJ"),
            ("${v,,}", "abcdefgh28ij"),
            ("${v:4}", "EFGH28ij"),
            ("${v:4:2}", "EF"),
            ("${v:1:-1}", "bcdEFGH28i"),
            ("${v: -2}", "abcdEFGH28ij"),
            ("${v:99}", ""),
            ("${unknown=xyz}", "xyz"),
            ("${unknown:-${foo}-suffix}", "foo1-suffix"),
            ("${unknown:=a${foo}b}", "afoo1b"),
            ("${empty:-x}", "x"),
            ("${foo:+x}", "foo1"),
            ("${unknown:+x}", "x"),
            ("${unknown:-}", ""),
            ("${z/%abc/XYZ}", "abcABC123ABCXYZ"),
            ("${z/#abc/XYZ}", "XYZABC123ABCabc"),
            ("${z//abc/xyz}", "xyzABC123ABCxyz"),
            ("${z/abc/xyz}", "xyzABC123ABCabc"),
            ("${z/abc/}", "ABC123ABCabc"),
            ("${file#*.}", "string.txt"),
            ("${file##*.}", "txt"),
            ("${file%.*}", "bash.string"),
            ("${file%%.*}", "bash"),
            ("${path##*/}", "file"),
            ("${path//\\//-}", "-path-to-file"),
            ("$${v}", "${v}"),
            (
                "t ${v}$${var$${v}$v${v}",
                "t abcdEFGH28ij${var${v}$vabcdEFGH28ij",
            ),
            ("\\\\x ${unknown=${foo}}", "\\\\x foo1"),
            ("$$", "$"),
            ("5$", "5$"),
            ("${long}", "ab"),
        ] {
            assert_eq!(
                replaced(&variables, text).as_deref(),
                Ok(expected),
                "{text}"
            );
        }
    }

    #[test]
    fn what_flux_cannot_parse_is_an_error() {
        for (text, expected) in [
            ("${}", Error::Name),
            ("${ v}", Error::Name),
            ("${v", Error::Brace),
            ("${v-default}", Error::Brace),
            ("${v.w}", Error::Brace),
            ("${v:-a", Error::Parameter),
            ("${v/a}", Error::Bad),
            ("${v#}", Error::Parameter),
            ("${#}", Error::Bad),
        ] {
            assert_eq!(
                replaced(&with(&[("v", "x")]), text),
                Err(expected),
                "{text}"
            );
        }
        let deep = "${a:-".repeat(100_000);
        assert_eq!(replaced(&with(&[]), &deep), Err(Error::Depth));
        assert_eq!(
            replaced(&with(&[("a-b", "x")]), ""),
            Err(Error::Variable("a-b".to_owned()))
        );
        let bomb = "${v}".repeat(20_000);
        let large = "x".repeat(1000);
        assert_eq!(replaced(&with(&[("v", &large)]), &bomb), Err(Error::Size));
    }

    #[test]
    fn what_cannot_be_known_stays_as_it_is_written() {
        let some = Substitution {
            unread: vec!["Secret/a".to_owned()],
            ..with(&[("known", "k")])
        };
        for (text, expected) in [
            ("${known}-${secret}", "k-${secret}"),
            ("${secret:-${known}}", "${secret:-${known}}"),
            ("${known:-${secret}}", "k"),
            ("$${secret}", "${secret}"),
        ] {
            assert_eq!(replaced(&some, text).as_deref(), Ok(expected), "{text}");
        }
    }
}
