//! What a commit's message says about where it came from: the pull request it names, the commits it reverts, and the one it
//! was picked from.
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
/// `Merged in … (pull request #N)` and `Pull request #N: T` (Bitbucket), `Merged PR N: T` (Azure DevOps), `Auto merge of #N`
/// and `Merge #N` (bors), a squash's `T (#N)`, GitLab's `See merge request group/project!N`, and the trailers `PR-URL`,
/// `Pull-Request`, `Reviewed-on`.
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

/// The pull request that a subject, or the title of a pull request that it merges, says it undoes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undoes {
    /// `Revert "T (#N)"`, and branches called as the forges' revert buttons call them.
    Reverts(u64),
    /// `Reapply "T (#N)"`, as git calls the revert of a revert.
    Reapplies(u64),
}

/// What a subject, or the title of the pull request that it merges, says it undoes by number. A squash of a revert names
/// the commit it reverts nowhere else.
pub fn undoes_pull(subject: &str, title: Option<&str>) -> Option<Undoes> {
    let quoted = |text: &str, word: &str| {
        let (inner, _) = text
            .trim()
            .strip_prefix(word)?
            .strip_prefix(" \"")?
            .rsplit_once('"')?;
        Some(merged(inner, "").or_else(|| squashed(inner))?.number)
    };
    [Some(subject), title]
        .into_iter()
        .flatten()
        .find_map(|text| {
            quoted(text, "Revert")
                .map(Undoes::Reverts)
                .or_else(|| quoted(text, "Reapply").map(Undoes::Reapplies))
        })
        .or_else(|| reverting_branch(subject).map(Undoes::Reverts))
}

/// `Merge pull request #13 from acme/revert-12-bump` (GitHub), `Merged in revert-pr-12 (pull request #13)` (Bitbucket).
fn reverting_branch(subject: &str) -> Option<u64> {
    let number = if let Some(rest) = subject.strip_prefix("Merge pull request #") {
        let (_, branch) = rest.split_once(" from ")?.1.split_once('/')?;
        branch.strip_prefix("revert-")?
    } else {
        subject.strip_prefix("Merged in revert-pr-")?
    };
    let (number, rest) = leading_number(number)?;
    rest.starts_with(['-', ' ']).then_some(number)
}

/// The commit that a message says it was picked from: `(cherry picked from commit <hex digits>)`, as `git cherry-pick -x` and
/// GitLab write it. Where it was picked again and again, the last.
pub fn picked_from(commit: &Commit) -> Option<Oid> {
    commit.body.lines().rev().find_map(|line| {
        let rest = line.trim().strip_prefix("(cherry picked from commit ")?;
        Oid::from_hex(rest.strip_suffix(')')?.as_bytes()).ok()
    })
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
    if let Some(rest) = subject.strip_prefix("Auto merge of #") {
        return pull(leading_number(rest)?.0, first_line());
    }
    if let Some(rest) = subject.strip_prefix("Merge #") {
        // One batch may hold several; the first stands for it.
        let (number, rest) = leading_number(rest)?;
        let title = first_line().map(|line| match line.split_once(": ") {
            Some((of, title)) if of == number.to_string() => title.to_owned(),
            _ => line,
        });
        return (rest.is_empty() || rest.starts_with(" #"))
            .then_some(())
            .and_then(|()| pull(number, title));
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
    let mark = ["!", "/merge_requests/"];
    let number = mark.iter().find_map(|mark| rest.rsplit_once(mark))?.1;
    let number = leading_number(number)?.0;
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
    fn reads_the_messages_of_merge_queues_and_urls() {
        for (subject, body, number, title) in [
            (
                "Auto merge of #1234 - alice:bump, r=bob",
                "\nBump api\n\nBecause.",
                1234,
                "Bump api",
            ),
            (
                "Merge #77",
                "\n77: Bump api r=bob a=alice\n\nBecause.",
                77,
                "Bump api r=bob a=alice",
            ),
            (
                "Merge #77 #78",
                "\n77: Bump api r=bob a=alice\n\n78: Bump web",
                77,
                "Bump api r=bob a=alice",
            ),
            (
                "Merge branch 'x' into 'main'",
                "Raise limits\n\nSee merge request https://gitlab.example/g/p/-/merge_requests/12",
                12,
                "Raise limits",
            ),
            (
                "Merge pull request #12 in OPS/env from bump to main",
                "\n* commit 'abc':\n  Bump",
                12,
                "* commit 'abc':",
            ),
        ] {
            assert_eq!(pull(subject, body), titled(number, title), "{subject}");
        }
        assert_eq!(pull("Merge #77 into main", ""), None);
    }

    #[test]
    fn reads_what_a_pull_request_undoes() {
        use Undoes::{Reapplies, Reverts};
        for (subject, title, undoes) in [
            (
                "Revert \"Raise limits (#12)\" (#13)",
                None,
                Some(Reverts(12)),
            ),
            ("Revert \"Raise limits (#12)\"", None, Some(Reverts(12))),
            (
                "Reapply \"Raise limits (#12)\" (#14)",
                None,
                Some(Reapplies(12)),
            ),
            (
                "Revert \"Revert \"Raise limits (#12)\" (#13)\" (#14)",
                None,
                Some(Reverts(13)),
            ),
            (
                "Revert \"Merge pull request #12 from acme/bump\"",
                None,
                Some(Reverts(12)),
            ),
            (
                "Revert \"Merged in bump (pull request #12)\"",
                None,
                Some(Reverts(12)),
            ),
            (
                "Merged PR 13: Revert \"Merged PR 12: Raise\"",
                Some("Revert \"Merged PR 12: Raise\""),
                Some(Reverts(12)),
            ),
            (
                "Merge pull request #13 from acme/revert-12-bump",
                Some("Revert \"Raise limits\""),
                Some(Reverts(12)),
            ),
            (
                "Merged in revert-pr-12 (pull request #13)",
                None,
                Some(Reverts(12)),
            ),
            ("Merge pull request #13 from acme/revert-12x", None, None),
            ("Merge pull request #13 from revert-12-x/bump", None, None),
            ("Revert \"Raise limits\" (#13)", None, None),
            ("Revert Raise limits (#12)", None, None),
            ("Raise limits (#12)", None, None),
        ] {
            assert_eq!(undoes_pull(subject, title), undoes, "{subject}");
        }
    }

    #[test]
    fn finds_where_it_was_picked_from() {
        let (a, b) = ("a".repeat(40), "b".repeat(40));
        let picked = |body: &str| picked_from(&commit("x", body)).map(|id| id.to_string());
        let line = |id: &str| format!("(cherry picked from commit {id})");
        assert_eq!(picked(&format!("Why.\n\n{}\n", line(&a))), Some(a.clone()));
        assert_eq!(
            picked(&format!("{}\r\n{}\r\n", line(&a), line(&b))),
            Some(b)
        );
        for body in [
            String::new(),
            line("abc123"),
            format!("say (cherry picked from commit {a})"),
            format!("(cherry picked from commit {a}"),
        ] {
            assert_eq!(picked(&body), None, "{body}");
        }
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
