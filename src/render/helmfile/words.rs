//! The paths that a text names, read out of it without understanding it: a helmfile is a template, and what a template
//! makes is known only to who runs it.
//!
//! A path that a template makes in part becomes a pattern. Too many files are no harm: they are what the tool may read.

/// Stands for what a template makes.
const MADE: char = '\u{1}';
/// Longer ones are no paths.
const MAX_WORD: usize = 300;

/// A path or a pattern of paths, as it is written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Word(String);

/// The words of a text, and those inside of its templates (`{{ readFile "this.yaml" }}`).
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) outside: Vec<Word>,
    pub(super) inside: Vec<Word>,
}

impl Words {
    /// `environment`: whose name templates put in, where that is said.
    pub(super) fn of(text: &str, environment: Option<&str>) -> Words {
        let mut words = Words::default();
        let mut outside = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            outside.push_str(before);
            // {{`{{ .Release.Name }}`}} is a template for later.
            let end = match after.starts_with('`') {
                true => "`}}",
                false => "}}",
            };
            let Some((template, after)) = after.split_once(end) else {
                rest = after;
                break;
            };
            match environment.filter(|_| template.trim_matches([' ', '-']) == ".Environment.Name") {
                Some(name) => outside.push_str(name),
                None => outside.push(MADE),
            }
            words.inside.extend(literals(template));
            rest = after;
        }
        outside.push_str(rest);
        for line in outside.lines() {
            if line.trim_start().starts_with('#') {
                continue;
            }
            let parts = line.split(|c: char| c.is_whitespace() || "\"'`,[]{}()=|<>".contains(c));
            words.outside.extend(parts.filter_map(Word::new));
        }
        words
    }
}

/// The quoted strings of a template's code; what `printf` puts in is made.
fn literals(template: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = template;
    while let Some(start) = rest.find(['"', '`']) {
        let quote = if rest[start..].starts_with('"') {
            '"'
        } else {
            '`'
        };
        let Some((literal, after)) = rest[start + 1..].split_once(quote) else {
            break;
        };
        let made = MADE.to_string();
        let literal = literal
            .replace("%s", &made)
            .replace("%v", &made)
            .replace("%d", &made);
        words.extend(Word::new(&literal));
        rest = after;
    }
    words
}

impl Word {
    fn new(text: &str) -> Option<Word> {
        let text = text.trim_end_matches(':');
        let is_path = text.contains(['/', '.']) && !text.contains("::") && !text.contains("://");
        let is_up = !text.is_empty() && text.chars().all(|c| c == '.' || c == '/');
        let says = text.chars().any(char::is_alphanumeric) || is_up;
        (is_path && says && text.len() <= MAX_WORD && !text.contains('\0'))
            .then(|| Word(text.to_owned()))
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }

    pub(super) fn is_pattern(&self) -> bool {
        self.0.contains([MADE, '*', '?'])
    }
}

/// Where a pattern begins to be one: the directory above is certain.
pub(super) fn certain_directory(pattern: &[u8]) -> &[u8] {
    let first = pattern
        .iter()
        .position(|byte| is_any(*byte) || *byte == b'?');
    let certain = &pattern[..first.unwrap_or(pattern.len())];
    let end = certain.iter().rposition(|byte| *byte == b'/');
    &certain[..end.unwrap_or(0)]
}

fn is_any(byte: u8) -> bool {
    byte == b'*' || byte == MADE as u8
}

/// Whether a pattern matches a whole path: what is made may hold slashes.
pub(super) fn matches(pattern: &[u8], path: &[u8]) -> bool {
    let (mut at, mut on) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while on < path.len() {
        match pattern.get(at) {
            Some(any) if is_any(*any) => {
                retry = Some((at, on));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == path[on] => {
                at += 1;
                on += 1;
            }
            _ => match retry {
                Some((any, taken)) => {
                    retry = Some((any, taken + 1));
                    at = any + 1;
                    on = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| is_any(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(words: &[Word]) -> Vec<String> {
        words.iter().map(|word| word.0.replace(MADE, "~")).collect()
    }

    #[test]
    fn paths_are_found_in_text_and_in_templates() {
        let words = Words::of(
            "# see docs/x.md\nbases:\n- ../common/base.yaml\n- path: \"a/{{ .Environment.Name }}/*.yaml\"\n\
             x: {{ readFile \"in.txt\" | tpl (readFile (printf \"%s/v.yaml\" .x)) }}\nurl: https://example.com/a.yaml\nchart: .\n",
            None,
        );
        assert_eq!(
            shown(&words.outside),
            ["../common/base.yaml", "a/~/*.yaml", "."]
        );
        assert_eq!(shown(&words.inside), ["in.txt", "~/v.yaml"]);
        let open = Words::of("a/b.yaml {{ \"c.yaml\"", None);
        assert_eq!(shown(&open.outside), ["a/b.yaml", "c.yaml"]);
        let later = Words::of("a/{{`{{ .Release.Name }}`}}.yaml", None);
        assert_eq!(shown(&later.outside), ["a/~.yaml"]);
        let named = Words::of(
            "a/{{ .Environment.Name }}/{{- .Environment.Name -}}/{{ .x }}.yaml",
            Some("dev"),
        );
        assert_eq!(shown(&named.outside), ["a/dev/dev/~.yaml"]);
    }

    #[test]
    fn patterns_match_as_shells_do_and_across_slashes() {
        let pattern = |text: &str| text.replace('~', &MADE.to_string()).into_bytes();
        for (written, path, expected) in [
            ("a/~.yaml", "a/b.yaml", true),
            ("a/~.yaml", "a/b/c.yaml", true),
            ("a/~.yaml", "b/a/c.yaml", false),
            ("*/c?.yaml", "a/b/c1.yaml", true),
            ("*/c?.yaml", "a/b/c.yaml", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*", "", false),
            ("*", "", true),
        ] {
            let found = matches(&pattern(written), path.as_bytes());
            assert_eq!(found, expected, "{written} {path}");
        }
        assert_eq!(certain_directory(&pattern("a/b/c~/d")), b"a/b");
        assert_eq!(certain_directory(&pattern("~/d")), b"");
    }
}
