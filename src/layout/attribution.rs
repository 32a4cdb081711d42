//! Who makes commits: people, or programs acting for them.

use super::Layout;
use crate::git::{PathChange, Person};
use crate::render::tree::is_within;

/// Names and mailboxes of programs, compared without case. `jenkins-x@googlegroups.com` is what Jenkins X pipelines set,
/// whatever the user's name; the rest are the defaults of the tools.
const NAMES: [&str; 21] = [
    "argocd",
    "argo cd",
    "argocd-image-updater",
    "argo-cd-image-updater",
    "dependabot",
    "flux",
    "fluxcd",
    "github action",
    "github actions",
    "image-automation-controller",
    "image-reflector-controller",
    "kargo",
    "keel",
    "mend renovate",
    "renovate",
    "sesheta",
    "updatebot",
    "weave flux",
    "weave gitops",
    "weaveworks flux",
    "whitesource renovate",
];
const MAILBOXES: [&str; 9] = [
    "action@github.com",
    "bot@renovateapp.com",
    "jenkins-x@googlegroups.com",
    "no-reply@kargo.io",
    "noreply@argoproj.io",
    "renovate@whitesourcesoftware.com",
    "support@dependabot.com",
    "support@weave.works",
    "fluxcd@users.noreply.github.com",
];
/// What mailboxes and one-word names of self-hosted bots begin with (`renovate@ci.example.com`, `renovate-acme`).
const HANDLES: [&str; 5] = [
    "argocd-image-updater",
    "dependabot",
    "fluxcdbot",
    "image-automation-controller",
    "renovate",
];
/// Surnames that end in `bot`.
const SURNAMES: [&str; 5] = ["abbot", "cabot", "corbot", "talbot", "turbot"];

/// Whether a pipeline made this commit from the one before it: Jenkins X' `chore: regenerated`, or a bot's commit that
/// touches only generated paths.
pub fn is_generated(
    layout: &Layout,
    subject: &str,
    author: &Person,
    changes: &[PathChange],
) -> bool {
    // jx-gitops' default message; a person who reverts one writes `Revert "chore: regenerated"`.
    if subject.trim_start().starts_with("chore: regenerated") {
        return true;
    }
    is_bot(&author.name, &author.email)
        && !changes.is_empty()
        && changes.iter().all(|change| {
            let generated = &layout.generated;
            generated
                .iter()
                .any(|prefix| is_within(&change.path, prefix))
        })
}

/// Whether an author is a program (renovate, dependabot, jenkins-x-bot, image automation, …).
pub fn is_bot(name: &str, email: &str) -> bool {
    let name = name.trim().to_lowercase();
    let email = email.trim().to_lowercase();
    if NAMES.contains(&name.as_str()) || MAILBOXES.contains(&email.as_str()) {
        return true;
    }
    let mailbox = email.split('@').next().unwrap_or_default();
    // GitHub's own form: `29139614+renovate[bot]@users.noreply.github.com`.
    let mailbox = mailbox.rsplit('+').next().unwrap_or_default();
    let (given_names, _) = name.rsplit_once(' ').unwrap_or_default();
    name.split([' ', '-', '_', '.']).any(|word| word == "bot" || word.ends_with("[bot]"))
        // A handle is one word; `Jane Talbot` is a person.
        || (given_names.is_empty() && is_bots_handle(&name))
        || is_bots_handle(mailbox)
}

/// `renovatebot`, `snyk-bot`, `pipelinebot2`, `bot`.
fn is_bots_handle(handle: &str) -> bool {
    let handle = handle.trim_end_matches(|c: char| c.is_ascii_digit());
    let last = handle
        .split(['-', '_', '.'])
        .next_back()
        .unwrap_or_default();
    let known = |bot: &&str| {
        let rest = handle.strip_prefix(*bot);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_', '.', '[']))
    };
    (last.ends_with("bot") && !SURNAMES.contains(&last))
        || HANDLES.iter().any(known)
        || handle.ends_with("[bot]")
        || handle.split(['-', '_', '.']).any(|word| word == "bot")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::{EntryKind, Oid, RepoPath};

    fn change(path: &str) -> PathChange {
        let id = Oid::from_bytes_or_panic(&[0; 20]);
        PathChange {
            path: RepoPath::from(path).into(),
            before: None,
            after: Some((EntryKind::Blob, id)),
        }
    }

    /// Authors of real repositories.
    #[test]
    fn bots_are_told_from_people() {
        for (name, email) in [
            (
                "renovate[bot]",
                "29139614+renovate[bot]@users.noreply.github.com",
            ),
            (
                "skibidi-renovate[bot]",
                "212280842+skibidi-renovate[bot]@users.noreply.github.com",
            ),
            ("Renovate Bot", "bot@renovateapp.com"),
            (
                "dependabot[bot]",
                "49699333+dependabot[bot]@users.noreply.github.com",
            ),
            ("Weave Flux", "support@weave.works"),
            ("Flux", ""),
            ("flux", "billimek@users.noreply.github.com"),
            ("fluxcdbot", "fluxcdbot@users.noreply.github.com"),
            ("simonrowe", "jenkins-x@googlegroups.com"),
            ("root", "jenkins-x@googlegroups.com"),
            (
                "pipelinebot2",
                "75304612+pipelinebot2@users.noreply.github.com",
            ),
            ("jenkins-x-bot", "jenkins-x@googlegroups.com"),
            ("argocd-image-updater", "noreply@argoproj.io"),
            ("GitHub Action", "action@github.com"),
            (
                "github-actions[bot]",
                "41898282+github-actions[bot]@users.noreply.github.com",
            ),
            ("snyk-bot", "snyk-bot@snyk.io"),
            ("Thoth Bot", "33906690+sesheta@users.noreply.github.com"),
            ("sesheta", "sesheta@users.noreply.github.com"),
            (
                "robozome-op1st[bot]",
                "117929554+robozome-op1st[bot]@users.noreply.github.com",
            ),
            (
                "copilot-swe-agent[bot]",
                "198982749+Copilot@users.noreply.github.com",
            ),
            // The tools' own defaults, and what self-hosted ones are called.
            ("Mend Renovate", "bot@renovateapp.com"),
            ("WhiteSource Renovate", "renovate@whitesourcesoftware.com"),
            ("Acme Dependencies", "renovate@ci.example.com"),
            ("renovate-acme", "ci@example.com"),
            ("updatebot", "updatebot@example.com"),
            ("Kargo", "no-reply@kargo.io"),
            ("Weaveworks Flux", "support@weave.works"),
        ] {
            assert!(is_bot(name, email), "{name} <{email}>");
        }
        for (name, email) in [
            ("Simon Rowe", "simon.rowe@gmail.com"),
            ("Jeff Billimek", "jeff@billimek.com"),
            ("TheDevMen", "37499739+TheDevMen@users.noreply.github.com"),
            ("Jane Talbot", "jane.talbot@example.com"),
            ("abbot", "abbot@example.com"),
            ("Bottler", "bottler@example.com"),
            ("Ann Keel", "ann.keel@example.com"),
            ("Renovates Homes", "renovates@example.com"),
            (
                "Kostis (Codefresh)",
                "39800303+kostis-codefresh@users.noreply.github.com",
            ),
            ("Robotham, Ann", "ann@robotics.example.com"),
        ] {
            assert!(!is_bot(name, email), "{name} <{email}>");
        }
    }

    #[test]
    fn generated_commits_are_told_from_those_they_come_from() {
        let layout = Layout {
            generated: vec![
                RepoPath::from("config-root/"),
                RepoPath::from("docs/README.md"),
            ],
            ..Layout::default()
        };
        let bot = "jenkins-x@googlegroups.com";
        let generated = [
            change("config-root/namespaces/jx/a/a.yaml"),
            change("docs/README.md"),
        ];
        let source = [change("helmfiles/jx/helmfile.yaml")];
        let both = [generated.as_slice(), source.as_slice()].concat();
        let check = |subject: &str, email: &str, changes: &[PathChange]| {
            let author = Person {
                name: "simonrowe".to_owned(),
                email: email.to_owned(),
            };
            is_generated(&layout, subject, &author, changes)
        };
        assert!(check("chore: regenerated", bot, &generated));
        // Regeneration also rewrites files beside helmfiles.
        assert!(check("chore: regenerated", "root@localhost", &both));
        assert!(check("chore: apply labels", bot, &generated));
        assert!(!check("chore: promote demo to version 0.0.3", bot, &source));
        assert!(!check("chore: promote demo to version 0.0.3", bot, &both));
        assert!(!check("chore: empty", bot, &[]));
        assert!(!check("fix it by hand", "simon@example.com", &generated));
        assert!(!check(
            "Revert \"chore: regenerated\"",
            "simon@example.com",
            &generated
        ));
    }
}
