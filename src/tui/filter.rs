//! What `/` understands: words, `env:prod kind:deploy author:alice`, and `-word` to exclude. All must hold; letter case never matters.
//! In the timeline, `image:api field:spec.replicas=5 value:text file:apps/** since:2w until:2024-05-01` search all of history.

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

/// What of a filter is asked of history, not of the list: as [`crate::review::log::Request`] understands it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Search {
    pub image: Option<String>,
    pub field: Option<String>,
    pub value: Option<String>,
    pub files: Option<String>,
    pub since: Option<String>,
    pub until: Option<String>,
}

impl Search {
    /// The place of a key's value.
    fn place(&mut self, key: &str) -> Option<&mut Option<String>> {
        match key {
            "image" => Some(&mut self.image),
            "field" => Some(&mut self.field),
            "value" => Some(&mut self.value),
            "file" | "path" => Some(&mut self.files),
            "since" => Some(&mut self.since),
            "until" => Some(&mut self.until),
            _ => None,
        }
    }

    /// Takes a word; `false` where it is none of a search. (A key alone is about to be: nothing is searched for yet.)
    fn take(&mut self, word: &str) -> bool {
        let keyed = word.split_once(':');
        let Some((place, value)) = keyed.and_then(|(key, value)| Some((self.place(key)?, value)))
        else {
            return false;
        };
        *place = Some(value.to_owned()).filter(|value| !value.is_empty());
        true
    }
}

impl Filter {
    /// What is asked of history, and what of the list.
    pub fn of_history(text: &str) -> (Search, Filter) {
        let mut search = Search::default();
        let words = text.split_whitespace().filter(|word| !search.take(word));
        let rest = words.collect::<Vec<_>>().join(" ");
        let filter = Filter {
            text: text.to_owned(),
            ..Filter::parse(&rest)
        };
        (search, filter)
    }

    pub fn parse(text: &str) -> Filter {
        let terms = text
            .split_whitespace()
            .map(Term::parse)
            .filter(|term| !term.needle.is_empty())
            .collect();
        Filter {
            text: text.to_owned(),
            terms,
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
        let (excluded, word) = match word.strip_prefix(['-', '!']) {
            Some(rest) => (true, rest),
            None => (false, word),
        };
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
        let expected = Search {
            image: said("ghcr.io/acme/api:1.4"),
            field: said("spec.replicas=5"),
            since: said("2w"),
            ..Search::default()
        };
        assert_eq!(search, expected);
        assert_eq!(filter.text(), text);
        assert!(filter.matches(ROW));
        assert!(!Filter::of_history("image:api -alice").1.matches(ROW));
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
