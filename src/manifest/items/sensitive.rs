//! Which names say that their value is a secret.
//!
//! Other languages have no kind that says so, as Kubernetes has. A name errs on the careful side: what is masked for
//! nothing can still be compared, for equal values stay equal.

/// What names of secrets end with, in words joined by `_`.
const ENDINGS: [&str; 21] = [
    "access_key",
    "account_key",
    "api_key",
    "apikey",
    "auth",
    "client_key",
    "connection_string",
    "credential",
    "credentials",
    "key_pem",
    "passphrase",
    "passwd",
    "password",
    "private_key",
    "privatekey",
    "pwd",
    "secret",
    "secret_key",
    "secret_string",
    "shared_key",
    "token",
];

/// What tells a secret anywhere in a name, unless the name ends by saying that it is about something else.
const INSIDE: [&str; 6] = [
    "passphrase",
    "passwd",
    "password",
    "private_key",
    "secret_string",
    "secret_value",
];

/// Ends of names of what is known about a secret, and is none.
const ABOUT: [&str; 22] = [
    "algorithm",
    "arn",
    "count",
    "enabled",
    "file",
    "format",
    "id",
    "ids",
    "length",
    "name",
    "names",
    "parameter",
    "path",
    "policy",
    "ref",
    "rotation",
    "size",
    "ttl",
    "type",
    "url",
    "version",
    "wo_version",
];

/// Whether a value called this is a secret.
pub(super) fn is_secret(name: &str) -> bool {
    let name = words(name);
    let ends = |word: &str| {
        let rest = name.strip_suffix('s').unwrap_or(&name).strip_suffix(word);
        let rest = rest.or_else(|| name.strip_suffix(word));
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('_'))
    };
    ENDINGS.iter().any(|word| ends(word))
        || (INSIDE.iter().any(|word| name.contains(word)) && !ABOUT.iter().any(|word| ends(word)))
}

/// Whether a text gives a secret's value in the way of command lines: `password=x`, but not `password=$PASSWORD`.
pub(super) fn is_given(text: &str) -> bool {
    text.match_indices('=').any(|(at, _)| {
        let value = text[at + 1..].trim_start_matches(['"', '\'']);
        let elsewhere = value.starts_with(['$', '{', '<', '=', ' ', '\n']) || value.is_empty();
        !elsewhere && is_secret(last_name(&text[..at]))
    })
}

/// Whether a text (a comment, or what cannot be read) seems to give a secret's value: a name of one, and `=` or `:` after it.
pub(super) fn is_spoken_of(text: &str) -> bool {
    let named = |at: usize| last_name(text[..at].trim_end_matches(['"', '\'', ' ', '\t']));
    let mut given = text.match_indices(['=', ':', '(']);
    // `password 'x'`, as Groovy has it.
    let mut quoted = [" '", " \""]
        .into_iter()
        .flat_map(|quote| text.match_indices(quote));
    given.any(|(at, _)| is_secret(named(at)))
        || quoted.any(|(at, _)| is_secret(last_name(text[..at].trim_end())))
        || text.contains("-----BEGIN")
}

/// The name that a text ends with.
fn last_name(text: &str) -> &str {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    text.rsplit(|c| !is_name(c)).next().unwrap_or_default()
}

/// `clientSecret`, `client-secret` and `CLIENT_SECRET` are the same words.
fn words(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 4);
    let mut lower = false;
    for c in name.chars() {
        if c.is_uppercase() && lower {
            words.push('_');
        }
        lower = c.is_lowercase() || c.is_ascii_digit();
        match c {
            '-' | '.' | ' ' => words.push('_'),
            c => words.extend(c.to_lowercase()),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_and_of_what_is_about_them() {
        for name in [
            "password",
            "db_password",
            "masterUserPassword",
            "DB_PASSWORD",
            "token",
            "github-token",
            "client_secret",
            "clientSecret",
            "private_key",
            "privateKey",
            "private_key_pem",
            "secret_string",
            "api_key",
            "passwords",
            "admin_password_wo",
            "AWS_SECRET_ACCESS_KEY",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in [
            "password_length",
            "secret_name",
            "secret_id",
            "kms_key_id",
            "token_ttl",
            "password_policy",
            "private_key_path",
            "author",
            "name",
            "key",
            "tokenizer",
            "compass",
            "public_key",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn a_comment_that_gives_a_value_away() {
        for text in [
            "# password = \"x\"",
            "// old: db_password=x",
            "# \"token\": \"x\"",
        ] {
            assert!(is_spoken_of(text), "{text}");
        }
        for text in ["# the password is in vault", "# see: docs", "# size = 3"] {
            assert!(!is_spoken_of(text), "{text}");
        }
    }
}
