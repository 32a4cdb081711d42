//! What keys lead to: places, questions, effects.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use gitopsy::review::change::Range;
use gitopsy::review::revert::{Mode, Scope};
use gitopsy::tui::Settings;
use gitopsy::tui::app::Message;
use gitopsy::tui::ask::{Answer, Part, Question, Reply};
use gitopsy::tui::cx::Effect;

use crate::answers;
use crate::desk::Desk;

fn desk() -> Desk {
    let mut desk = Desk::new((120, 40));
    desk.serve();
    desk
}

#[test]
fn finds_the_bad_change_and_stages_its_revert() {
    let mut desk = desk();
    desk.press("right");
    assert!(desk.line("api  ").contains("✗ 1.4.2   2h ≠2"));
    desk.press("enter")
        .serve()
        .press("/")
        .write("deploy")
        .press("enter enter")
        .serve();
    desk.expect("Deployment/api in production")
        .expect("api:1.4.1")
        .expect("kubectl-edit");
    desk.press("r").serve().expect("✓ clean");
    desk.press("enter").expect("Stage this as a pull request?");
    desk.press("y enter").expect("that is not the name");
    desk.press("backspace").write("production").press("enter");
    let staged: Vec<&Question> = desk
        .asked
        .iter()
        .map(|ask| &ask.question)
        .filter(|question| matches!(question, Question::Stage(_)))
        .collect();
    assert_eq!(staged.len(), 1);
    desk.serve()
        .expect("[5 Reverts]")
        .expect("waiting for review");
    desk.press("m")
        .expect("Merge the pull request?")
        .press("enter")
        .expect("Merge the pull request?")
        .press("y");
    assert!(
        matches!(&desk.asked[..], [ask] if matches!(&ask.question, Question::Merge(id) if id == "revert-a1b2c3d"))
    );
}

#[test]
fn nothing_is_staged_without_a_confirmation() {
    for keys in [
        "enter esc",
        "enter n",
        "enter enter enter y enter esc",
        "y y y",
        "esc enter",
    ] {
        let mut desk = desk();
        desk.press("right r").serve().press(keys);
        assert!(
            !desk
                .asked
                .iter()
                .any(|ask| matches!(ask.question, Question::Stage(_))),
            "{keys}"
        );
    }
}

/// `enter` on a preview that was still growing was lost.
#[test]
fn staging_that_is_asked_for_early_is_confirmed_once_the_preview_is_whole() {
    let mut desk = desk();
    desk.press("right r enter").refute("Stage this");
    desk.serve().expect("Stage this as a pull request?");
    let mut desk = self::desk();
    desk.press("right r enter").refuse("gone");
    desk.refute("Stage this").expect("gone");
    // Whoever goes elsewhere has thought better of it.
    let mut desk = self::desk();
    desk.press("right r enter esc").serve().refute("Stage this");
}

#[test]
fn read_only_stages_nothing_and_says_why() {
    let mut header = answers::header();
    header.read_only = true;
    let mut desk = Desk::with((120, 40), "dark", header);
    desk.serve()
        .press("r")
        .serve()
        .press("enter")
        .expect("read-only");
    assert!(desk.asked.is_empty());
    desk.refute("Stage this");
}

/// A late answer is one with an older ticket: its question was asked before a refresh, or for another target.
#[test]
fn late_answers_are_dropped() {
    let mut desk = Desk::new((120, 40));
    let first = desk.asked.remove(0);
    desk.press("ctrl-r");
    assert!(
        first.cancel.is_cancelled(),
        "what nobody waits for is cancelled"
    );
    let mut old = answers::deployed();
    Arc::make_mut(&mut old.apps[0]).name = "ancient".to_owned();
    desk.send(Message::Reply(Reply {
        ticket: first.ticket,
        answer: Answer::Deployed(Part::Done(old)),
    }));
    desk.refute("ancient").expect("loading");
    desk.serve().expect("api");
}

#[test]
fn an_answer_for_another_target_is_dropped() {
    let mut desk = desk();
    desk.press("4")
        .serve()
        .press("enter")
        .answer(|question| match question {
            Question::Change(_) => None,
            question => Some(answers::to(question)),
        });
    let at = desk
        .asked
        .iter()
        .position(|ask| matches!(ask.question, Question::Change(_)))
        .unwrap();
    let first = desk.asked.remove(at);
    assert!(first.after > Duration::ZERO, "a moving cursor asks nothing");
    desk.press("j j");
    assert!(first.cancel.is_cancelled());
    desk.send(Message::Reply(Reply {
        ticket: first.ticket,
        answer: Answer::Change(Part::Done(answers::change())),
    }));
    desk.refute("api:1.4.1");
}

#[test]
fn leaving_a_place_for_good_cancels_its_questions() {
    let mut desk = desk();
    desk.press("right d");
    let cancel = desk.asked[0].cancel.clone();
    desk.press("esc");
    assert!(!cancel.is_cancelled(), "it can be gone back to");
    desk.press("r");
    assert!(cancel.is_cancelled(), "its place in the history is taken");
}

#[test]
fn escape_clears_the_filter_first_and_never_quits() {
    let mut desk = desk();
    desk.press("/")
        .write("web")
        .press("enter")
        .refute("gateway");
    desk.press("esc").expect("gateway");
    desk.press("esc esc esc");
    assert!(desk.effects.is_empty());
    desk.press("q");
    assert!(matches!(desk.effects[..], [Effect::Quit]));
}

#[test]
fn q_goes_out_place_by_place() {
    let mut desk = desk();
    desk.press("2")
        .serve()
        .press("enter")
        .serve()
        .expect("Timeline › a1b2c3d");
    desk.press("q").refute("› a1b2c3d").expect("[2 Timeline]");
    desk.press("q").expect("[1 Deployed]");
    assert!(desk.effects.is_empty());
    desk.press("q");
    assert!(matches!(desk.effects[..], [Effect::Quit]));
}

#[test]
fn a_filter_survives_drilling_down_and_back() {
    let mut desk = desk();
    desk.press("2")
        .serve()
        .press("/")
        .write("author:bob")
        .press("enter enter")
        .serve()
        .press("esc");
    desk.expect("/author:bob").refute("api 1.4.1 → 1.4.2");
}

#[test]
fn a_search_is_asked_of_history_once_it_is_typed_and_no_more_without_its_filter() {
    let mut desk = desk();
    desk.press("2")
        .serve()
        .press("/")
        .write("-bob image:api:1.4.2");
    // One that is typed on is not asked any more.
    let [last] = &desk.asked[..] else {
        panic!("{} questions", desk.asked.len())
    };
    let cancel = last.cancel.clone();
    assert!(!last.after.is_zero());
    assert!(
        matches!(&last.question, Question::Log(request) if request.image.as_deref() == Some("api:1.4.2"))
    );
    desk.expect("… loading").press("enter esc");
    assert!(cancel.is_cancelled());
    assert!(
        matches!(&desk.asked[..], [ask] if matches!(&ask.question, Question::Log(request) if request.image.is_none()))
    );
}

/// The first page took the place of all that was known, and the cursor went to its end.
#[test]
fn a_timeline_that_is_asked_anew_does_not_shrink_meanwhile() {
    let mut desk = desk();
    desk.press("2").serve();
    let before = desk.line("Timeline ·");
    desk.send(Message::Changed(answers::header(), 2));
    let ask = desk.asked.remove(0);
    let Answer::Log(Part::Done(mut page)) = answers::to(&ask.question) else {
        panic!("not the timeline's question")
    };
    page.entries.truncate(1);
    desk.send(Message::Reply(Reply {
        ticket: ask.ticket,
        answer: Answer::Log(Part::More(page)),
    }));
    let count = |line: &str| line.split_whitespace().nth(3).map(str::to_owned);
    assert_eq!(count(&desk.line("Timeline ·")), count(&before), "{before}");
}

/// Whoever went to the timeline at once saw it empty until the layout was known.
#[test]
fn the_timeline_has_rows_before_it_is_answered() {
    let settings = Settings::new(None, BTreeMap::new(), Path::new("/nowhere")).expect("settings");
    let mut newest = answers::log();
    newest.progress.complete = false;
    let mut desk = Desk::knowing((120, 40), settings, answers::header(), Some(newest));
    desk.press("2").expect("212 commits read");
    desk.expect("Describe the release process");
    let question = desk.asked.iter().map(|ask| &ask.question);
    assert!(
        question
            .clone()
            .any(|question| matches!(question, Question::Log(_)))
    );
    desk.serve()
        .refute("212 commits read")
        .expect("Describe the release process");
}

/// The rows of now stood under the date until all of those of then were explained.
#[test]
fn a_timeline_of_then_does_not_wait_behind_the_rows_of_now() {
    let mut desk = desk();
    desk.press("2").serve().expect("api 1.4.1 → 1.4.2");
    desk.press("t").write("2026-01-31").press("enter");
    desk.refute("api 1.4.1 → 1.4.2").expect("… loading");
}

#[test]
fn letters_are_typed_in_a_filter() {
    let mut desk = desk();
    desk.press("/")
        .write("jkq1?")
        .press("enter")
        .expect("/jkq1?");
    assert!(desk.effects.is_empty());
}

#[test]
fn places_can_be_gone_through_both_ways() {
    let mut desk = desk();
    desk.press("2")
        .serve()
        .press("enter")
        .serve()
        .press("enter")
        .serve()
        .expect("› Deployment/api in production");
    desk.press("[ [").refute("›");
    desk.press("] ]").expect("› Deployment/api in production");
    desk.press("]").expect("no place to go forward to");
    assert!(
        desk.asked.is_empty(),
        "nothing has changed: nothing is asked again"
    );
}

#[test]
fn a_change_in_the_workspace_asks_again_what_is_in_view() {
    let mut desk = desk();
    desk.press("2")
        .serve()
        .send(Message::Changed(answers::header(), 1));
    assert!(matches!(&desk.asked[..], [ask] if matches!(ask.question, Question::Log(_))));
    desk.serve().press("1");
    assert!(matches!(&desk.asked[..], [ask] if matches!(ask.question, Question::Deployed(_))));
}

#[test]
fn time_travel_asks_for_then() {
    let mut desk = desk();
    desk.press("t").write("2026-01-31").press("enter");
    assert!(
        matches!(&desk.asked[0].question, Question::Deployed(request) if request.at.as_deref() == Some("2026-01-31"))
    );
    desk.serve().expect("AT 2026-01-31");
    desk.press("3");
    assert!(
        !desk
            .asked
            .iter()
            .any(|ask| matches!(ask.question, Question::Drift(_))),
        "a cluster knows no past"
    );
    desk.serve().press("esc");
    assert!(matches!(&desk.asked[0].question, Question::Deployed(request) if request.at.is_none()));
}

#[test]
fn marks_select_a_range_and_several_commits() {
    let mut desk = desk();
    desk.press("2")
        .serve()
        .press("space")
        .write("jjj")
        .press("space")
        .expect("2 marked");
    desk.press("d");
    let range = desk.asked.iter().find_map(|ask| match &ask.question {
        Question::Change(request) => Some(request.range.clone()),
        _ => None,
    });
    assert_eq!(
        range,
        Some(Range::Between(
            answers::oid("77aa001").to_string(),
            answers::oid("a1b2c3d").to_string()
        ))
    );
    desk.serve().press("r").expect("mark the commits");
    desk.press("esc r");
    let request = desk.asked.iter().find_map(|ask| match &ask.question {
        Question::Revert(request) => Some(request.clone()),
        _ => None,
    });
    let request = request.unwrap();
    assert_eq!(
        request.revisions,
        [
            answers::oid("a1b2c3d").to_string(),
            answers::oid("77aa001").to_string()
        ]
    );
    assert_eq!((request.mode, request.scope), (Mode::Revert, Scope::All));
    desk.press("esc esc").refute("marked");
}

#[test]
fn choosing_a_restore_asks_for_what_was_before() {
    let mut desk = desk();
    desk.press("right r").serve().press("j j");
    let request = desk.asked.iter().find_map(|ask| match &ask.question {
        Question::Revert(request) => Some(request.clone()),
        _ => None,
    });
    let request = request.unwrap();
    assert_eq!(request.mode, Mode::Restore);
    assert_eq!(request.revisions, [format!("{}^", answers::oid("a1b2c3d"))]);
    desk.serve().expect("and also").expect("77aa001");
}

#[test]
fn disabled_actions_say_why() {
    let mut desk = desk();
    desk.press("j right enter")
        .expect("gateway is not deployed to production");
    desk.press("v").expect("is for: Change");
    desk.press("2").serve().press("o").serve();
    desk.press("j j j o")
        .expect("no pull request with an address");
    desk.press("5")
        .serve()
        .press("m")
        .expect("no staged revert is selected");
}

#[test]
fn copies_hashes_and_names_and_opens_pull_requests() {
    let mut desk = desk();
    desk.press("right c").expect("copied a1b2c3d");
    desk.press("2")
        .serve()
        .press("o")
        .press("4")
        .serve()
        .press("c");
    let effects: Vec<String> = desk
        .effects
        .iter()
        .map(|effect| match effect {
            Effect::Copy(text) => format!("copy {text}"),
            Effect::Browse(url) => format!("browse {url}"),
            other => panic!("{other:?}"),
        })
        .collect();
    let hash = answers::oid("a1b2c3d");
    assert_eq!(
        effects,
        [
            format!("copy {hash}"),
            "browse https://git.example.com/acme/environments/pull/482".to_owned(),
            "copy Deployment/api".to_owned()
        ]
    );
}

#[test]
fn hands_over_to_k9s_with_its_context() {
    let mut desk = desk();
    desk.press("4").serve().press("K");
    match &desk.effects[..] {
        [Effect::K9s(on)] => {
            assert_eq!(
                (on.context.as_deref(), on.namespace.as_deref()),
                (Some("kind-prod"), Some("shop"))
            );
            assert_eq!((on.kind.as_str(), on.name.as_str()), ("Deployment", "api"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_palette_reaches_actions_and_kinds() {
    let mut desk = desk();
    desk.press(":")
        .write("timeline")
        .press("enter")
        .expect("[2 Timeline]");
    desk.press("1 :")
        .write("kind:hor")
        .press("enter")
        .serve()
        .expect("/kind:HorizontalPodAutoscaler")
        .expect("HorizontalPodAutoscaler/api");
}

/// Nothing happens: the next frame is not due before a minute has passed, and what is asked stays asked.
#[test]
fn idle_costs_nothing() {
    let mut desk = desk();
    assert!(desk.app.deadline() >= Duration::from_secs(60));
    assert!(desk.asked.is_empty());
    desk.wait(60);
    assert!(desk.asked.is_empty() && desk.effects.is_empty());
}

#[test]
fn a_clock_ticks_only_while_something_is_watched() {
    let mut desk = desk();
    desk.press("right r")
        .serve()
        .press("enter")
        .write("production")
        .press("enter")
        .serve();
    assert_eq!(desk.app.deadline(), Duration::from_secs(1));
    let before = desk.line("so far");
    desk.wait(2);
    assert_ne!(desk.line("so far"), before);
    desk.answer(|question| matches!(question, Question::Pending).then(|| answers::to(question)));
    desk.press("1");
    assert!(
        desk.app.deadline() >= Duration::from_secs(60),
        "the clock is not in view"
    );
}

#[test]
fn leaving_while_staging_asks_first() {
    let mut desk = desk();
    desk.press("right r")
        .serve()
        .press("enter")
        .write("production")
        .press("enter");
    desk.press("Q").expect("Still being staged");
    assert!(desk.effects.is_empty());
    desk.press("esc").refute("Still being staged");
    desk.press("ctrl-c ctrl-c");
    assert!(matches!(desk.effects[..], [Effect::Quit]));
}

#[test]
fn an_interrupted_revert_is_taken_up_again() {
    let mut desk = desk();
    desk.press("5")
        .answer(|_| Some(Answer::Pending(Part::Done(vec![answers::progress(1)]))));
    desk.press("enter").expect("Take it up again?").press("y");
    assert!(
        desk.asked
            .iter()
            .any(|ask| matches!(&ask.question, Question::Resume(id) if id == "revert-a1b2c3d"))
    );
    desk.answer(|question| {
        matches!(question, Question::Resume(_))
            .then(|| Answer::Stage(Part::Done(answers::progress(6))))
    });
    desk.expect("✓ healthy");
}

#[test]
fn the_selected_row_stays_selected_when_rows_are_added_above() {
    let mut desk = desk();
    desk.press("2").serve().press("G").expect("0ddba11");
    let selected = |desk: &Desk| desk.line("─ 0ddba11");
    selected(&desk);
    desk.press("ctrl-r").answer(|_| {
        let mut answer = answers::log();
        let mut newer = (*answer.entries[1]).clone();
        newer.line.commit = answers::oid("fee1dea");
        answer.entries.insert(0, newer.into());
        Some(Answer::Log(Part::Done(answer)))
    });
    selected(&desk);
}

#[test]
fn own_keys_and_filters_hold_from_the_start() {
    let keys = BTreeMap::from([
        ("timeline".to_owned(), "T".to_owned()),
        ("fly".to_owned(), "F".to_owned()),
    ]);
    let mut settings = Settings::new(None, keys, Path::new("/nowhere")).unwrap();
    settings.filter = "env:production".to_owned();
    settings.at = Some("2026-02-01".to_owned());
    let mut desk = Desk::begin((120, 40), settings, answers::header());
    assert!(matches!(&desk.asked[0].question, Question::Deployed(request) if request.at.is_some()));
    desk.serve()
        .expect("no action is called `fly`")
        .expect("T Timeline")
        .refute("gateway");
    desk.press("T")
        .expect("[T Timeline]")
        .press("? ctrl-d")
        .expect("  T ");
}

#[test]
fn the_mouse_selects_and_scrolls() {
    let mut desk = desk();
    let mouse = |kind, column, row| {
        Message::Mouse(MouseEvent {
            kind,
            column,
            row,
            modifiers: KeyModifiers::NONE,
        })
    };
    desk.send(mouse(MouseEventKind::Down(MouseButton::Left), 40, 7))
        .expect("web in");
    desk.send(mouse(MouseEventKind::ScrollDown, 40, 7))
        .expect("web in");
}

#[test]
fn a_fetch_says_what_it_found() {
    let mut desk = desk();
    desk.press("f")
        .expect("fetching")
        .press("f")
        .expect("a fetch is under way");
    desk.serve().expect("the branch has moved");
    desk.press("f")
        .refuse("cannot reach git.example.com\nhint: are you online?")
        .expect("cannot reach git.example.com · hint: are you online?");
}

/// Patches, even ones that are not stored, are sent when the user says so, and not with every change of the cluster.
#[test]
fn the_server_is_asked_for_its_word_only_on_the_users() {
    let asked = |desk: &Desk| -> Vec<bool> {
        let questions = desk.asked.iter().map(|ask| &ask.question);
        let drifts = questions.filter_map(|question| match question {
            Question::Drift(request) => Some(request.dry_run),
            _ => None,
        });
        drifts.collect()
    };
    let mut desk = desk();
    desk.press("4");
    assert_eq!(asked(&desk), [false]);
    desk.serve().refute("server asked").press("a");
    assert_eq!(asked(&desk), [true]);
    // Until it has answered, what is shown is not its word.
    desk.expect("… asking").refute("server asked");
    desk.send(Message::Changed(answers::header(), 1));
    assert_eq!(asked(&desk), [true], "the same asking");
    desk.serve()
        .expect("· ~ server asked")
        .expect("by the API server: a dry-run")
        .expect("! production › worker: 2 objects were compared by reading")
        .expect("ctrl-r asks again");
    desk.press("ctrl-r");
    assert_eq!(asked(&desk), [true]);
    desk.serve()
        .refute("ctrl-r asks again")
        .expect("· server asked");
    desk.send(Message::Changed(answers::header(), 2));
    assert_eq!(asked(&desk), [false; 0]);
    desk.expect("ctrl-r asks again").press("1 4");
    assert_eq!(asked(&desk), [false; 0]);
    desk.press("a");
    assert_eq!(asked(&desk), [false]);
    desk.serve().refute("server asked");
    // Nor of another cluster than the one it was asked of.
    desk.press("a").serve().press("C").serve();
    desk.write("dev")
        .press("enter")
        .answer(|question| matches!(question, Question::Choose(_)).then(|| answers::to(question)));
    assert_eq!(asked(&desk), [false]);
}

#[test]
fn without_a_server_it_is_not_asked_and_that_is_said() {
    let mut header = answers::header();
    header.settled = Some("started on a snapshot");
    let mut desk = Desk::with((120, 40), "dark", header);
    desk.press("4").serve().press("a");
    desk.expect("no API server can be asked: started on a snapshot");
    assert!(desk.asked.is_empty());
    let mut desk = Desk::new((120, 40));
    desk.press("4").press("a");
    desk.expect("no cluster is connected to yet");
}
