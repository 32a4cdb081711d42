//! What `/` understands: words, `env:prod kind:deploy author:alice`, `-word` to exclude, `"two words"`. All must hold; letter case
//! never matters.
//! In the timeline, `image:api field:spec.replicas=5 value:text file:apps/** since:2w until:2024-05-01` search all of history; with
//! `-` before them they exclude what they find.

use crate::review::log::{Request, Without};

/// What a keyed term asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Facet {
    Environment,
    Kind,
    Namespace,
    App,
    Author,
    State,
    /// Found by a bare word only.
    Word,
}

/// A parsed filter; the empty one lets everything through.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    text: String,
    terms: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    facet: Option<Facet>,
    /// Lower case.
    needle: String,
    excluded: bool,
}

impl Filter {
    /// What is asked of history, and what of the list.
    pub fn of_history(text: &str) -> (Request, Filter) {
        let mut search = Request::default();
        let mut rest = words(text);
        rest.retain(|word| !is_searched(word, &mut search));
        (search, Filter::of_words(text, &rest))
    }

    pub fn parse(text: &str) -> Filter {
        Filter::of_words(text, &words(text))
    }

    fn of_words(text: &str, words: &[String]) -> Filter {
        let terms = words.iter().map(|word| Term::parse(word));
        Filter {
            text: text.to_owned(),
            terms: terms.filter(|term| !term.needle.is_empty()).collect(),
        }
    }

    /// As typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether something with these properties passes.
    pub fn matches(&self, facets: &[(Facet, &str)]) -> bool {
        self.terms.iter().all(|term| {
            let found = facets
                .iter()
                .filter(|(facet, _)| term.facet.is_none_or(|wanted| wanted == *facet))
                .any(|(_, text)| contains(text, &term.needle));
            found != term.excluded
        })
    }
}

impl Term {
    fn parse(word: &str) -> Term {
        let (excluded, word) = is_excluded(word);
        let keyed = word
            .split_once(':')
            .and_then(|(key, value)| Some((facet(key)?, value)));
        let (facet, needle) = match keyed {
            Some((facet, value)) => (Some(facet), value),
            // `api:1.4.2` and `feat:` are words.
            None => (None, word),
        };
        Term {
            facet,
            needle: needle.to_lowercase(),
            excluded,
        }
    }
}

/// What blanks part that are not between quotes, without the quotes. A quote that is not closed yet goes to the end.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for (at, piece) in text.split('"').enumerate() {
        let is_quoted = at % 2 == 1;
        let mut parts = piece.split(|c: char| c.is_whitespace() && !is_quoted);
        if let Some(word) = words.last_mut() {
            word.push_str(parts.next().unwrap_or_default());
        }
        words.extend(parts.map(str::to_owned));
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Takes a word of a search; `false` where it is none. (A key alone is about to be one: nothing is searched for yet.)
fn is_searched(word: &str, search: &mut Request) -> bool {
    let (excluded, word) = is_excluded(word);
    let Some((key, value)) = word.split_once(':') else {
        return false;
    };
    let (place, without): (_, fn(String) -> Without) = match key {
        "image" => (&mut search.image, Without::Image),
        "field" => (&mut search.field, Without::Field),
        "value" => (&mut search.value, Without::Value),
        "file" | "path" => (&mut search.files, Without::Files),
        "since" => (&mut search.since, Without::Since),
        "until" => (&mut search.until, Without::Until),
        _ => return false,
    };
    let value = (!value.is_empty()).then(|| value.to_owned());
    match excluded {
        true => search.without.extend(value.map(without)),
        false => *place = value,
    }
    true
}

fn is_excluded(word: &str) -> (bool, &str) {
    match word.strip_prefix(['-', '!']) {
        Some(rest) => (true, rest),
        None => (false, word),
    }
}

fn facet(key: &str) -> Option<Facet> {
    match key {
        "env" | "environment" => Some(Facet::Environment),
        "kind" => Some(Facet::Kind),
        "ns" | "namespace" => Some(Facet::Namespace),
        "app" => Some(Facet::App),
        "author" => Some(Facet::Author),
        "is" | "state" => Some(Facet::State),
        _ => None,
    }
}

/// `needle` is lower case.
fn contains(text: &str, needle: &str) -> bool {
    if needle.is_ascii() {
        let needle = needle.as_bytes();
        return text
            .as_bytes()
            .windows(needle.len().max(1))
            .any(|window| window.eq_ignore_ascii_case(needle));
    }
    text.to_lowercase().contains(needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &[(Facet, &str)] = &[
        (Facet::Environment, "production"),
        (Facet::Kind, "Deployment"),
        (Facet::Author, "Alice"),
        (Facet::Word, "api:1.4.2 größer"),
    ];

    #[test]
    fn what_is_asked_of_history_is_not_looked_for_in_the_list() {
        let text = "alice image:ghcr.io/acme/api:1.4 -bob since:2w value: field:spec.replicas=5";
        let (search, filter) = Filter::of_history(text);
        let said = |text: &str| Some(text.to_owned());
        let expected = Request {
            image: said("ghcr.io/acme/api:1.4"),
            field: said("spec.replicas=5"),
            since: said("2w"),
            ..Request::default()
        };
        assert_eq!(search, expected);
        assert_eq!(filter.text(), text);
        assert!(filter.matches(ROW));
        assert!(!Filter::of_history("image:api -alice").1.matches(ROW));
    }

    #[test]
    fn what_is_excluded_is_asked_of_history_too() {
        let text = r#"-image:api !value:"two words" -file: -since:2w until:1d -alice"#;
        let (search, filter) = Filter::of_history(text);
        let said = |text: &str| text.to_owned();
        let expected = Request {
            until: Some(said("1d")),
            without: vec![
                Without::Image(said("api")),
                Without::Value(said("two words")),
                Without::Since(said("2w")),
            ],
            ..Request::default()
        };
        assert_eq!(search, expected);
        assert!(!filter.matches(ROW) && filter.matches(&ROW[..2]));
    }

    #[test]
    fn every_facet_excludes_what_it_finds() {
        let row: &[(Facet, &str)] = &[
            (Facet::Environment, "production"),
            (Facet::Kind, "Deployment"),
            (Facet::Namespace, "shop"),
            (Facet::App, "api"),
            (Facet::Author, "Alice"),
            (Facet::State, "degraded"),
            (Facet::Word, "1.4.2"),
        ];
        for (found, other) in [
            ("env:prod", "env:staging"),
            ("environment:prod", "environment:shop"),
            ("kind:deploy", "kind:service"),
            ("ns:shop", "ns:production"),
            ("namespace:shop", "namespace:api"),
            ("app:api", "app:web"),
            ("author:alice", "author:bob"),
            ("is:degraded", "is:healthy"),
            ("state:degraded", "state:shop"),
            ("1.4", "1.5"),
            ("shop", "shoop"),
        ] {
            for (text, passes) in [(found, true), (other, false)] {
                assert_eq!(Filter::parse(text).matches(row), passes, "{text}");
                for sign in ['-', '!'] {
                    let text = format!("{sign}{text}");
                    assert_eq!(Filter::parse(&text).matches(row), !passes, "{text}");
                }
            }
        }
    }

    #[test]
    fn blanks_between_quotes_part_no_words() {
        let (search, filter) = Filter::of_history(r#"value:"two  words" "api:1.4.2 gr"#);
        assert_eq!(search.value.as_deref(), Some("two  words"));
        assert!(filter.matches(ROW));
        assert!(!Filter::parse(r#""1.4.2 api""#).matches(ROW));
        assert!(Filter::parse(r#"-"1.4.2 api" """#).matches(ROW));
    }

    #[test]
    fn every_term_must_hold() {
        for (text, passes) in [
            ("", true),
            ("prod alice", true),
            ("env:prod kind:deploy author:alice", true),
            ("env:staging", false),
            ("author:prod", false),
            ("prod bob", false),
            ("-bob", true),
            ("-kind:deploy", false),
            ("!prod", false),
            ("api:1.4", true),
            ("GRÖSSER", false),
            ("GRÖß", true),
            ("env:", true),
        ] {
            assert_eq!(Filter::parse(text).matches(ROW), passes, "{text}");
        }
    }
}
