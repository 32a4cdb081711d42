//! What a commit's message says about where it came from: the pull request it names and the commits it reverts.
//!
//! Messages are free text and may say anything: what is read here is a claim, shown as such, and never acted upon alone.

use crate::git::{Commit, Oid};

/// A message may list as many reverts as it likes; no screen shows more than this.
const MOST_REVERTS: usize = 64;

/// A pull request (merge request) that a commit's message names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    pub number: u64,
    /// Its title, where the message holds it.
    pub title: Option<String>,
}

/// The pull request a message names: `Merge pull request #N from …` (GitHub), `Merge pull request 'T' (#N) from …` (Gitea),
/// `Merged in … (pull request #N)` and `Pull request #N: T` (Bitbucket), `Merged PR N: T` (Azure DevOps), a squash's
/// `T (#N)`, GitLab's `See merge request group/project!N`, and the trailers `PR-URL`, `Pull-Request`, `Reviewed-on`.
pub fn pull_of(commit: &Commit) -> Option<Pull> {
    let subject = commit.subject.trim();
    merged(subject, &commit.body)
        .or_else(|| gitlab(subject, &commit.body))
        .or_else(|| squashed(subject))
        .or_else(|| trailer(&commit.body))
}

/// The commits a message says it reverts (`This reverts commit <40 hex digits>`), at most 64.
pub fn reverts_of(commit: &Commit) -> Vec<Oid> {
    const WORDS: &str = "This reverts commit ";
    let mut reverts = Vec::new();
    let mut rest = commit.body.as_str();
    while let Some(at) = rest.find(WORDS) {
        rest = &rest[at + WORDS.len()..];
        let digits = rest
            .find(|c: char| !c.is_ascii_hexdigit())
            .unwrap_or(rest.len());
        if let Ok(id) = Oid::from_hex(&rest.as_bytes()[..digits])
            && !reverts.contains(&id)
        {
            reverts.push(id);
        }
        if reverts.len() == MOST_REVERTS {
            break;
        }
    }
    reverts
}

/// Subjects that only a forge's merge button writes.
fn merged(subject: &str, body: &str) -> Option<Pull> {
    let first_line = || non_empty(body.trim_start().lines().next()?);
    if let Some(rest) = subject.strip_prefix("Merge pull request #") {
        return pull(leading_number(rest)?.0, first_line());
    }
    if let Some(rest) = subject.strip_prefix("Merge pull request '") {
        let (title, rest) = rest.rsplit_once("' (#")?;
        return pull(leading_number(rest)?.0, non_empty(title));
    }
    if subject.starts_with("Merged in ")
        && let Some((_, rest)) = subject.rsplit_once("(pull request #")
    {
        return pull(leading_number(rest)?.0, first_line());
    }
    for words in ["Pull request #", "Merged PR "] {
        if let Some(rest) = subject.strip_prefix(words)
            && let Some((number, rest)) = leading_number(rest)
            && let Some(title) = rest.strip_prefix(':')
        {
            return pull(number, non_empty(title));
        }
    }
    None
}

fn gitlab(subject: &str, body: &str) -> Option<Pull> {
    let rest = body
        .lines()
        .rev()
        .find_map(|line| line.trim().strip_prefix("See merge request "))?;
    let number = leading_number(rest.rsplit_once('!')?.1)?.0;
    let title = if subject.starts_with("Merge branch ") {
        body.trim_start()
            .lines()
            .next()
            .filter(|line| !line.starts_with("See merge request "))
            .and_then(non_empty)
    } else {
        non_empty(subject)
    };
    pull(number, title)
}

/// `Raise the memory limit (#12)`. In `Revert "Raise the memory limit (#12)"` the number is another's.
fn squashed(subject: &str) -> Option<Pull> {
    let (title, number) = subject.strip_suffix(')')?.rsplit_once("(#")?;
    let (number, rest) = leading_number(number)?;
    rest.is_empty().then_some(())?;
    pull(number, non_empty(title))
}

fn trailer(body: &str) -> Option<Pull> {
    let last_paragraph = body.trim_end().lines().rev().map(str::trim);
    last_paragraph
        .take_while(|line| !line.is_empty())
        .find_map(|line| {
            let (key, value) = line.split_once(':')?;
            ["pr-url", "pull-request", "reviewed-on"]
                .contains(&key.to_ascii_lowercase().as_str())
                .then_some(())?;
            let value = value.trim();
            let number = ["/pull/", "/pulls/", "/merge_requests/", "#", "!"]
                .iter()
                .find_map(|mark| value.rsplit_once(mark))?
                .1;
            pull(leading_number(number)?.0, None)
        })
}

/// Shapes numbers as forges give them: positive, and short enough to be one.
fn leading_number(text: &str) -> Option<(u64, &str)> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let number = text[..digits].parse().ok().filter(|&number| number > 0)?;
    Some((number, &text[digits..]))
}

fn pull(number: u64, title: Option<String>) -> Option<Pull> {
    Some(Pull { number, title })
}

fn non_empty(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::git::Person;

    fn commit(subject: &str, body: &str) -> Commit {
        let null = Oid::from_hex(&[b'0'; 40]).unwrap();
        Commit {
            id: null,
            tree: null,
            parents: Vec::new(),
            author: Person {
                name: String::new(),
                email: String::new(),
            },
            authored: Timestamp::UNIX_EPOCH,
            committed: Timestamp::UNIX_EPOCH,
            subject: subject.to_owned(),
            body: body.to_owned(),
        }
    }

    fn pull(subject: &str, body: &str) -> Option<(u64, Option<String>)> {
        pull_of(&commit(subject, body)).map(|pull| (pull.number, pull.title))
    }

    fn titled(number: u64, title: &str) -> Option<(u64, Option<String>)> {
        Some((number, Some(title.to_owned())))
    }

    #[test]
    fn reads_the_messages_of_each_forge() {
        assert_eq!(
            pull("Merge pull request #482 from acme/bump", "\nBump api\n"),
            titled(482, "Bump api")
        );
        assert_eq!(
            pull("Merge pull request #482 from acme/bump", ""),
            Some((482, None))
        );
        assert_eq!(
            pull(
                "Merge pull request 'Fix (#3) it' (#7) from a into main",
                "Reviewed-on: https://gitea.example/a/b/pulls/7\n"
            ),
            titled(7, "Fix (#3) it")
        );
        assert_eq!(
            pull(
                "Merged in feature/x (pull request #31)",
                "Add x\n\nApproved-by: A"
            ),
            titled(31, "Add x")
        );
        assert_eq!(
            pull(
                "Pull request #9: OPS-1 raise limits",
                "Merge in OPS/env from x to main"
            ),
            titled(9, "OPS-1 raise limits")
        );
        assert_eq!(pull("Merged PR 1201: Raise", ""), titled(1201, "Raise"));
        assert_eq!(
            pull(
                "Merge branch 'x' into 'main'",
                "Raise limits\n\nSee merge request group/sub/project!77\r\n"
            ),
            titled(77, "Raise limits")
        );
        assert_eq!(
            pull("Merge branch 'x' into 'main'", "See merge request g/p!78"),
            Some((78, None))
        );
        assert_eq!(
            pull("Raise limits", "See merge request g/p!5"),
            titled(5, "Raise limits")
        );
        assert_eq!(pull("Raise limits (#12)", ""), titled(12, "Raise limits"));
        assert_eq!(
            pull("Revert \"Raise limits (#12)\" (#13)", ""),
            titled(13, "Revert \"Raise limits (#12)\"")
        );
        assert_eq!(
            pull(
                "src: x",
                "Text.\n\nPR-URL: https://github.com/nodejs/node/pull/55\nReviewed-By: A"
            ),
            Some((55, None))
        );
    }

    #[test]
    fn is_not_fooled() {
        for (subject, body) in [
            ("Revert \"Raise limits (#12)\"", ""),
            ("fix (#12) again", ""),
            ("fix #12", ""),
            ("Merge pull request #x from y", ""),
            ("Merge pull request #99999999999999999999999 from y", ""),
            ("x (#0)", ""),
            ("x (#)", ""),
            ("(", ")"),
            ("", ""),
            (
                "x",
                "PR-URL: https://github.com/a/b/pull/55\n\nanother paragraph",
            ),
            ("Merged PR one: x", ""),
        ] {
            assert_eq!(pull(subject, body), None, "{subject:?}");
        }
    }

    #[test]
    fn finds_what_is_reverted() {
        let (a, b) = ("a".repeat(40), "0123456789abcdef0123456789abcdef01234567");
        let found = reverts_of(&commit(
            "Revert things",
            &format!(
                "This reverts commit {a}.\nThis reverts commit {b}, reversing\nchanges made to {a}.\nThis reverts commit {a}.\nThis reverts commit abc123.\nThis reverts commit "
            ),
        ));
        assert_eq!(
            found.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [a.as_str(), b]
        );
    }
}
