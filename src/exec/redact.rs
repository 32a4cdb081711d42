//! Takes credentials out of text that is about to be logged or shown.

/// Beginnings of tokens that forges issue (GitHub's, GitLab's); the rest is letters, digits, `_` and `-`.
const TOKENS: [&str; 11] = [
    "github_pat_",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "glpat-",
    "gldt-",
    "glrt-",
    "glptt-",
    "gloas-",
];

/// Header values that authenticate: what follows, up to the end of the line, is dropped.
const HEADERS: [&str; 3] = ["authorization:", "private-token:", "proxy-authorization:"];

/// `text` without the user and password of URLs (`https://***@host/path`; ssh keeps its user, which is a name), without
/// tokens that forges issue, and without the values of authentication headers.
pub fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        out.push_str(&tokens(&urls(&headers(line))));
    }
    out
}

fn headers(line: &str) -> String {
    let lower = line.to_ascii_lowercase();
    for header in HEADERS {
        if let Some(at) = lower.find(header) {
            let end = if line.ends_with('\n') { "\n" } else { "" };
            return format!("{} ***{end}", &line[..at + header.len()]);
        }
    }
    line.to_owned()
}

fn urls(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after
            .find(|c: char| c == '/' || c.is_whitespace() || "\"'<>".contains(c))
            .unwrap_or(after.len());
        rest = after;
        if let Some(userinfo) = after[..end].rfind('@') {
            let is_ssh = before.ends_with("ssh://");
            match after[..userinfo].split_once(':') {
                None if is_ssh => out.push_str(&after[..userinfo]),
                Some((user, _)) if is_ssh => {
                    out.push_str(user);
                    out.push_str(":***");
                }
                _ => out.push_str("***"),
            }
            rest = &after[userinfo..];
        }
    }
    out.push_str(rest);
    out
}

fn tokens(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((at, prefix)) = TOKENS
        .iter()
        .filter_map(|prefix| rest.find(prefix).map(|at| (at, *prefix)))
        .min()
    {
        let start = at + prefix.len();
        let length = rest[start..]
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-')
            .unwrap_or(rest.len() - start);
        out.push_str(&rest[..start]);
        if length > 0 {
            out.push_str("***");
        }
        rest = &rest[start + length..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn credentials_go_and_the_rest_stays() {
        for (text, expected) in [
            ("nothing to see", "nothing to see"),
            (
                "fatal: unable to access 'https://alice:s3cret@git.example.com/env.git/': 403",
                "fatal: unable to access 'https://***@git.example.com/env.git/': 403",
            ),
            (
                "https://token@host/a https://h/b@c",
                "https://***@host/a https://h/b@c",
            ),
            ("https://a:p@ss@host:8443/x", "https://***@host:8443/x"),
            (
                "ssh://git@host/x ssh://git:pw@host/x",
                "ssh://git@host/x ssh://git:***@host/x",
            ),
            ("git@github.com:org/env.git", "git@github.com:org/env.git"),
            (
                "Authorization: Bearer abc\nPRIVATE-TOKEN: xyz\nHost: h\n",
                "Authorization: ***\nPRIVATE-TOKEN: ***\nHost: h\n",
            ),
            (
                "token ghp_abcDEF123, then glpat-a-b_c; github_pat_11AA_bb",
                "token ghp_***, then glpat-***; github_pat_***",
            ),
            (
                "see ghp_ for prefixes, ünïcode ghp_x",
                "see ghp_ for prefixes, ünïcode ghp_***",
            ),
        ] {
            assert_eq!(redact(text), expected);
        }
    }
}
