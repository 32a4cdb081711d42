//! Staging on real repositories: interrupted everywhere, raced by others, with a forge that fails. The clone stays as it was.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use support::{Footprint, TestRepo};

use super::*;
use crate::exec::redact;
use crate::forge::{Forge, Local, State};
use crate::git::{EntryKind, Repo, TreeEdit};
use crate::live::{Decided, Health, HealthStatus};
use crate::task::{Cancel, Clock, Known, Why};

fn at() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

/// A remote with pull requests, a clone of it, and a state directory.
struct World {
    directory: tempfile::TempDir,
    remote: TestRepo,
    clone: TestRepo,
    before: Footprint,
}

impl World {
    fn new() -> World {
        let directory = tempfile::tempdir().unwrap();
        let author = TestRepo::init(&directory.path().join("author"));
        author
            .write("app/a.yaml", "a: 1\n")
            .write("b.yaml", "b: 1\n")
            .commit("Begin");
        author.write("app/a.yaml", "a: 2\n").commit("Change a");
        let remote = TestRepo::init_bare(&directory.path().join("remote.git"));
        author.git(&["push", "-q", remote.path.to_str().unwrap(), "main"]);
        Local::create_in(&remote.path).unwrap();
        let clone = remote.cloned(&directory.path().join("clone"), &[]);
        // An uncommitted change must survive, too.
        clone.write("b.yaml", "b: mine\n");
        clone.git(&["status"]);
        let before = Footprint::of(&clone.path);
        World {
            directory,
            remote,
            clone,
            before,
        }
    }

    fn state(&self) -> std::path::PathBuf {
        self.directory.path().join("state")
    }

    /// As a new process would have them.
    fn tools(&self) -> Tools {
        Tools {
            repo: Repo::open(&self.clone.path, &self.state()).unwrap(),
            forge: Forge::Local(Local::find(&self.remote.path).unwrap()),
            state: self.state(),
            clock: Clock::fixed(at()),
        }
    }

    /// A plan to set `app/a.yaml` to what it never was, made with these tools.
    fn plan(&self, tools: &Tools) -> Plan {
        let tip = tools.repo.tip(None).unwrap();
        let reader = tools.repo.reader();
        let blob = reader.write_blob(b"a: 0\n").unwrap();
        let edit = TreeEdit {
            path: "app/a.yaml".into(),
            to: Some((EntryKind::Blob, blob)),
        };
        let tree = reader.tree_of(tip.commit).unwrap();
        Plan {
            repository: tip.repository.clone(),
            remote: tip.remote.clone().unwrap(),
            base: tip.commit,
            base_branch: tip.branch.clone().unwrap(),
            tree: reader.edit_tree(tree, &[edit]).unwrap(),
            message: "Revert \"Change a\"\n\nThis reverts it.\n".to_owned(),
            branch: "revert/1a2b3c".to_owned(),
            title: "Revert \"Change a\"".to_owned(),
            body: "It broke.".to_owned(),
            at: at(),
        }
    }

    fn begin(&self, tools: &Tools) -> Journal {
        begin(confirmed(self.plan(tools)), &self.state()).unwrap()
    }

    fn resume(&self, id: &str) -> Result<Journal> {
        resume(&self.state(), id, consent())
    }

    fn pulls(&self) -> Vec<crate::forge::PullRequest> {
        Local::find(&self.remote.path).unwrap().list().unwrap()
    }

    fn branches(&self) -> BTreeMap<String, String> {
        self.remote
            .git(&[
                "for-each-ref",
                "--format=%(refname:short) %(objectname)",
                "refs/heads",
            ])
            .lines()
            .map(|line| line.split_once(' ').unwrap())
            .map(|(name, id)| (name.to_owned(), id.to_owned()))
            .collect()
    }

    fn assert_clone_untouched(&self) {
        self.before.assert_unchanged(&self.clone.path);
    }
}

fn consent() -> Consent {
    Consent::unless_read_only(false).unwrap()
}

fn confirmed(plan: Plan) -> Confirmed<Plan> {
    plan.confirm(consent())
}

#[test]
fn in_read_only_mode_there_is_no_consent() {
    assert!(Consent::unless_read_only(true).is_none());
}

#[tokio::test]
async fn a_plan_becomes_a_pull_request_and_the_clone_is_not_touched() {
    let world = World::new();
    let tools = world.tools();
    let mut journal = world.begin(&tools);
    let mut heard = Vec::new();
    run(&mut journal, &tools, |staged| heard.push(staged.done.len()))
        .await
        .unwrap();
    assert_eq!(heard, [0, 1, 2, 3]);
    let staged = journal.staged();
    assert_eq!(staged.branch(), Some("revert/1a2b3c"));
    let commit = staged.commit().unwrap().to_string();
    assert_eq!(world.branches()["revert/1a2b3c"], commit);
    assert_eq!(
        world.remote.git(&["diff", "--name-only", "main", &commit]),
        "app/a.yaml"
    );
    assert_eq!(
        world
            .remote
            .git(&["show", "-s", "--format=%an %at %ct%n%B", &commit]),
        format!(
            "Alice Example {0} {0}\nRevert \"Change a\"\n\nThis reverts it.\n",
            at().as_second()
        )
    );
    let [pull] = &world.pulls()[..] else { panic!() };
    assert_eq!(
        (pull.number, pull.title.as_str(), pull.body.as_str()),
        (1, "Revert \"Change a\"", "It broke.")
    );
    assert_eq!(
        (pull.head.to_string(), pull.base_branch.as_str()),
        (commit, "main")
    );
    world.assert_clone_untouched();
}

/// Killed after any number of steps, and taken up by a new process each time: the outcome is the same, once.
#[tokio::test]
async fn interrupted_between_any_two_steps_it_goes_on() {
    let mut outcomes = Vec::new();
    for killed_after in 0..=3 {
        let world = World::new();
        let tools = world.tools();
        let mut journal = world.begin(&tools);
        for _ in 0..killed_after {
            assert!(advance(&mut journal, &tools).await.unwrap());
        }
        let id = journal.staged().id.clone();
        drop(journal);
        // The plan's tree was in memory only until the first step was taken: see the next test.
        let tools = if killed_after == 0 {
            tools
        } else {
            world.tools()
        };
        let repository = world.plan(&tools).repository;
        let found = pending(&world.state(), &repository).unwrap();
        assert_eq!(
            found
                .staged
                .iter()
                .map(|staged| &staged.id)
                .collect::<Vec<_>>(),
            [&id]
        );
        let mut journal = world.resume(&id).unwrap();
        run(&mut journal, &tools, |_| {}).await.unwrap();
        assert_eq!(journal.staged().done.len(), 3);
        assert_eq!(world.pulls().len(), 1);
        outcomes.push(world.branches());
        world.assert_clone_untouched();
    }
    let first = outcomes.remove(0);
    assert!(
        first.len() == 2 && outcomes.iter().all(|other| *other == first),
        "{first:?} {outcomes:?}"
    );
}

#[tokio::test]
async fn interrupted_before_anything_was_written_it_asks_for_a_new_plan() {
    let world = World::new();
    let id = world.begin(&world.tools()).staged().id.clone();
    let tools = world.tools();
    let mut journal = world.resume(&id).unwrap();
    let error = advance(&mut journal, &tools).await.unwrap_err();
    assert!(matches!(error, Error::Forgotten), "{error}");
    assert!(
        journal
            .staged()
            .stopped
            .as_ref()
            .unwrap()
            .contains("hint: plan it again")
    );
    drop(journal);
    // Planning it again takes the same journal up.
    let mut journal = world.begin(&tools);
    assert_eq!(journal.staged().id, id);
    run(&mut journal, &tools, |_| {}).await.unwrap();
    assert_eq!(journal.staged().stopped, None);
}

/// Killed when a step was taken and not yet noted: the step is taken again, to no further effect.
#[tokio::test]
async fn a_step_that_was_not_noted_is_not_taken_twice() {
    for lost in 1..=3 {
        let world = World::new();
        let tools = world.tools();
        let mut journal = world.begin(&tools);
        let path = world
            .state()
            .join("staged")
            .join(format!("{}.json", journal.staged().id));
        let mut earlier = Vec::new();
        for _ in 0..lost {
            earlier = std::fs::read(&path).unwrap();
            advance(&mut journal, &tools).await.unwrap();
        }
        let (id, known) = (journal.staged().id.clone(), journal.staged().commit());
        drop(journal);
        std::fs::write(&path, earlier).unwrap();
        let mut journal = world.resume(&id).unwrap();
        run(&mut journal, &tools, |_| {}).await.unwrap();
        assert_eq!(journal.staged().commit(), known);
        assert_eq!(world.branches().len(), 2, "{lost}");
        assert_eq!(world.pulls().len(), 1, "{lost}");
    }
}

#[tokio::test]
async fn a_base_that_moved_asks_for_a_new_look() {
    let world = World::new();
    let tools = world.tools();
    let mut journal = world.begin(&tools);
    let other = world
        .remote
        .cloned(&world.directory.path().join("other"), &[]);
    other.write("c", "new\n").commit("Somebody else");
    other.git(&["push", "-q", world.remote.path.to_str().unwrap(), "main"]);
    let error = advance(&mut journal, &tools).await.unwrap_err();
    assert!(
        matches!(&error, Error::BaseMoved { now, .. } if now.to_string().as_str() == other.rev("HEAD")),
        "{error}"
    );
    assert_eq!(world.branches().len(), 1);
    world.assert_clone_untouched();
}

#[tokio::test]
async fn a_branch_that_is_taken_is_left_alone() {
    let world = World::new();
    let main = world.remote.rev("main");
    for name in ["revert/1a2b3c", "revert/1a2b3c-2"] {
        world.remote.git(&["branch", name, "main~1"]);
    }
    let taken = world.remote.rev("main~1");
    let tools = world.tools();
    let mut journal = world.begin(&tools);
    run(&mut journal, &tools, |_| {}).await.unwrap();
    assert_eq!(journal.staged().branch(), Some("revert/1a2b3c-3"));
    let branches = world.branches();
    assert_eq!(
        (
            &branches["revert/1a2b3c"],
            &branches["revert/1a2b3c-2"],
            &branches["main"]
        ),
        (&taken, &taken, &main)
    );
    assert_eq!(world.pulls()[0].head_branch, "revert/1a2b3c-3");
}

#[tokio::test]
async fn when_every_name_is_taken_it_says_so() {
    let world = World::new();
    world.remote.git(&["branch", "revert/1a2b3c", "main~1"]);
    for number in 2..=9 {
        world
            .remote
            .git(&["branch", &format!("revert/1a2b3c-{number}"), "main~1"]);
    }
    let tools = world.tools();
    let mut journal = world.begin(&tools);
    let error = run(&mut journal, &tools, |_| {}).await.unwrap_err();
    assert!(matches!(error, Error::BranchesTaken { .. }), "{error}");
}

/// The branch is pushed, the forge fails; later it works.
#[tokio::test]
async fn a_forge_that_fails_after_the_push_can_be_tried_again() {
    let world = World::new();
    let tools = world.tools();
    let mut journal = world.begin(&tools);
    let pulls = world.remote.path.join("gitopsy/pulls");
    let hidden = world.remote.path.join("gitopsy/away");
    std::fs::rename(&pulls, &hidden).unwrap();
    let error = run(&mut journal, &tools, |_| {}).await.unwrap_err();
    assert!(matches!(error, Error::Forge(_)), "{error}");
    assert_eq!(journal.staged().branch(), Some("revert/1a2b3c"));
    let id = journal.staged().id.clone();
    drop(journal);
    std::fs::rename(&hidden, &pulls).unwrap();
    let tools = world.tools();
    let found = pending(&world.state(), &world.plan(&tools).repository).unwrap();
    assert!(
        found.staged[0]
            .stopped
            .as_ref()
            .unwrap()
            .contains("cannot read"),
        "{found:?}"
    );
    let mut journal = world.resume(&id).unwrap();
    run(&mut journal, &tools, |_| {}).await.unwrap();
    assert_eq!(world.pulls().len(), 1);
    assert_eq!(journal.staged().stopped, None);
}

#[tokio::test]
async fn a_change_is_staged_once_and_by_one_process() {
    let world = World::new();
    let tools = world.tools();
    let journal = world.begin(&tools);
    let id = journal.staged().id.clone();
    let error = begin(confirmed(world.plan(&tools)), &world.state()).unwrap_err();
    assert!(matches!(error, Error::Busy(_)), "{error}");
    assert!(matches!(world.resume(&id).unwrap_err(), Error::Busy(_)));
    drop(journal);
    assert_eq!(world.begin(&tools).staged().id, id);
    for id in ["absent", "../staged/x", ""] {
        assert!(
            matches!(world.resume(id).unwrap_err(), Error::Unknown(_)),
            "{id}"
        );
    }
}

#[test]
fn a_journal_that_cannot_be_read_hides_no_other() {
    let world = World::new();
    let tools = world.tools();
    let id = world.begin(&tools).staged().id.clone();
    std::fs::write(world.state().join("staged/broken.json"), "{").unwrap();
    let repository = world.plan(&tools).repository;
    let found = pending(&world.state(), &repository).unwrap();
    assert_eq!(
        (
            found.staged[0].id.as_str(),
            found.staged.len(),
            found.unreadable.len()
        ),
        (id.as_str(), 1, 1)
    );
    assert!(found.unreadable[0].to_string().contains("broken.json"));
    // Another repository's are not this one's business.
    assert!(
        pending(&world.state(), "elsewhere")
            .unwrap()
            .staged
            .is_empty()
    );
    assert!(
        pending(&world.directory.path().join("none"), &repository)
            .unwrap()
            .staged
            .is_empty()
    );
}

#[test]
fn journals_are_the_user_s_own() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    let journal = world.begin(&world.tools());
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let directory = world.state().join("staged");
    assert_eq!(mode(&directory), 0o700);
    assert_eq!(
        mode(&directory.join(format!("{}.json", journal.staged().id))),
        0o600
    );
    let text =
        std::fs::read_to_string(directory.join(format!("{}.json", journal.staged().id))).unwrap();
    assert_eq!(redact(&text), text);
}

fn health(status: HealthStatus, reason: &str) -> Health {
    Health {
        status,
        reason: reason.to_owned(),
        decided: Decided::Rule,
    }
}

fn landing(arrived: bool, status: HealthStatus) -> Known<Landing> {
    Known::Fresh(Landing {
        arrivals: vec![
            Arrival {
                object: "ConfigMap/api".to_owned(),
                arrived: true,
                health: health(HealthStatus::Healthy, ""),
            },
            Arrival {
                object: "Deployment/api".to_owned(),
                arrived,
                health: health(status, "2/3 ready"),
            },
        ],
    })
}

fn steps_done(staged: &Staged) -> Vec<Step> {
    progress(staged, &Known::Loading)
        .into_iter()
        .filter(|progress| progress.done.is_some())
        .map(|progress| progress.step)
        .collect()
}

/// From the merge to healthy, as the cluster follows: each look is one state of it.
#[tokio::test]
async fn a_merged_change_is_watched_until_it_is_healthy() {
    let world = World::new();
    let tools = world.tools();
    let mut journal = world.begin(&tools);
    run(&mut journal, &tools, |_| {}).await.unwrap();
    merge(&mut journal, &tools, consent()).await.unwrap();
    assert_eq!(
        journal.staged().merged().unwrap().to_string(),
        world.remote.rev("main")
    );

    let states = Arc::new(Mutex::new(vec![
        landing(true, HealthStatus::Healthy),
        landing(true, HealthStatus::Progressing),
        Known::Unavailable(Why::Unreachable("10.0.0.1".to_owned())),
        landing(false, HealthStatus::Degraded),
    ]));
    let (changes, changed) = tokio::sync::watch::channel(0);
    let mut heard = Vec::new();
    watch(
        &mut journal,
        &tools,
        Pace(Duration::from_secs(3600)),
        |_| {
            let next = states.lock().unwrap().pop().unwrap();
            async move { next }
        },
        changed,
        &Cancel::new(),
        |staged, landing| {
            let steps = progress(staged, landing);
            heard.push((steps[4].detail.clone(), steps[5].detail.clone()));
            // The cluster moves on.
            changes.send_modify(|count| *count += 1);
        },
    )
    .await
    .unwrap();
    let expected = [
        ("1 of 2 objects as merged, waiting for Deployment/api", ""),
        ("unreachable: 10.0.0.1", "unreachable: 10.0.0.1"),
        ("", "Deployment/api: 2/3 ready"),
        ("", ""),
    ];
    assert_eq!(heard, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    assert!(journal.staged().is_finished());
    assert_eq!(steps_done(journal.staged()).len(), 6);
    let repository = &journal.staged().plan.repository;
    assert!(
        pending(&world.state(), repository)
            .unwrap()
            .staged
            .is_empty()
    );
    world.assert_clone_untouched();
}

async fn watch_once(journal: &mut Journal, tools: &Tools, state: Known<Landing>) -> Result<()> {
    let cancel = Cancel::new();
    let (_changes, changed) = tokio::sync::watch::channel(0);
    watch(
        journal,
        tools,
        Pace(Duration::from_secs(3600)),
        |_| std::future::ready(state.clone()),
        changed,
        &cancel,
        |_, _| cancel.cancel(),
    )
    .await
}

/// Somebody else merges it, in the forge.
#[tokio::test]
async fn a_merge_elsewhere_is_seen() {
    let world = World::new();
    let tools = world.tools();
    let mut journal = world.begin(&tools);
    run(&mut journal, &tools, |_| {}).await.unwrap();
    watch_once(&mut journal, &tools, Known::Loading)
        .await
        .unwrap();
    assert_eq!(journal.staged().merged(), None);
    let local = Local::find(&world.remote.path).unwrap();
    let pull = local.get(1).unwrap();
    let merged = local.merge(1, pull.head, at()).unwrap();
    watch_once(&mut journal, &tools, landing(false, HealthStatus::Healthy))
        .await
        .unwrap();
    assert_eq!(journal.staged().merged(), Some(merged));
    assert_eq!(steps_done(journal.staged()).last(), Some(&Step::Merged));
    // What a snapshot showed before is no news.
    let Known::Fresh(old) = landing(true, HealthStatus::Healthy) else {
        unreachable!()
    };
    watch_once(&mut journal, &tools, Known::Stale(old, at()))
        .await
        .unwrap();
    assert_eq!(steps_done(journal.staged()).last(), Some(&Step::Merged));
}

#[tokio::test]
async fn a_pull_request_that_was_closed_ends_the_watch() {
    let world = World::new();
    let tools = world.tools();
    let mut journal = world.begin(&tools);
    run(&mut journal, &tools, |_| {}).await.unwrap();
    let local = Local::find(&world.remote.path).unwrap();
    let mut pull = local.get(1).unwrap();
    pull.state = State::Closed;
    local.write(&pull).unwrap();
    let error = watch_once(&mut journal, &tools, Known::Loading)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Closed(1)), "{error}");
    assert!(journal.staged().stopped.is_some());
}

/// Without an API the base branch tells: it has the commit, or (squashed) everything the commit changes.
#[tokio::test]
async fn without_an_api_the_base_branch_tells() {
    for squashed in [false, true] {
        let world = World::new();
        let mut tools = world.tools();
        tools.forge = Forge::ByHand {
            remote: crate::git::parse_url("https://github.com/shop/environments").unwrap(),
            why: "there is no token".to_owned(),
        };
        let mut journal = world.begin(&tools);
        run(&mut journal, &tools, |_| {}).await.unwrap();
        let page = "https://github.com/shop/environments/compare/main...revert%2F1a2b3c";
        assert!(journal.staged().page().unwrap().starts_with(page));
        let steps = progress(journal.staged(), &Known::Loading);
        assert!(
            steps[2]
                .detail
                .starts_with("to be opened at https://github.com/")
        );
        assert!(matches!(
            merge(&mut journal, &tools, consent()).await.unwrap_err(),
            Error::NoPullRequest
        ));

        let other = world
            .remote
            .cloned(&world.directory.path().join("other"), &[]);
        other.write("unrelated", "new\n").commit("Somebody else");
        let url = world.remote.path.to_str().unwrap().to_owned();
        other.git(&["push", "-q", &url, "main"]);
        watch_once(&mut journal, &tools, Known::Loading)
            .await
            .unwrap();
        assert_eq!(journal.staged().merged(), None);

        if squashed {
            other.git(&["merge", "-q", "--squash", "origin/revert/1a2b3c"]);
            other.commit("Squashed");
        } else {
            other.merge(&["origin/revert/1a2b3c"], "Merged");
        }
        other.git(&["push", "-q", &url, "main"]);
        watch_once(&mut journal, &tools, landing(true, HealthStatus::Healthy))
            .await
            .unwrap();
        assert_eq!(
            journal.staged().merged().unwrap().to_string(),
            other.rev("HEAD")
        );
        assert!(journal.staged().is_finished());
        world.assert_clone_untouched();
    }
}

/// Whoever merges is bound to the commit that was shown.
#[tokio::test]
async fn a_branch_that_somebody_pushed_to_is_not_merged() {
    let world = World::new();
    let tools = world.tools();
    let mut journal = world.begin(&tools);
    run(&mut journal, &tools, |_| {}).await.unwrap();
    let other = world
        .remote
        .cloned(&world.directory.path().join("other"), &[]);
    other.git(&["checkout", "-q", "revert/1a2b3c"]);
    other.write("more", "x\n").commit("And this");
    other.git(&["push", "-q", world.remote.path.to_str().unwrap(), "HEAD"]);
    let main = world.remote.rev("main");
    let error = merge(&mut journal, &tools, consent()).await.unwrap_err();
    assert!(
        error.to_string().contains("look at what was pushed since"),
        "{error}"
    );
    assert_eq!(world.remote.rev("main"), main);
}
