//! Choosing the context that an environment is compared with.

use std::path::PathBuf;

use gitopsy::review::contexts::{By, Chosen};
use gitopsy::review::{Clock, ClusterChoice, Known, Kubeconfig, Options, Why};
use gitopsy::tui::ask::{Answer, Part, Question};
use support::TestRepo;

use crate::desk::Desk;
use crate::session::Session;
use crate::{answers, golden};

/// With the list open and known.
fn open(size: (u16, u16), keys: &str) -> Desk {
    let mut desk = Desk::new(size);
    desk.serve().press(keys).serve();
    desk
}

fn desk(keys: &str) -> Desk {
    open((120, 40), keys)
}

/// What was asked to be chosen.
fn chosen(desk: &Desk) -> Option<(String, Option<String>)> {
    desk.asked.iter().find_map(|ask| match &ask.question {
        Question::Choose(choice) => Some((
            choice.environment.clone(),
            choice.context.as_ref().map(|context| context.name.clone()),
        )),
        _ => None,
    })
}

fn named(environment: &str, context: &str) -> Option<(String, Option<String>)> {
    Some((environment.to_owned(), Some(context.to_owned())))
}

#[test]
fn frames() {
    for size in [(80, 24), (120, 40), (200, 50)] {
        let name = |name: &str| format!("{name}-{}x{}", size.0, size.1);
        golden::check(&name("contexts"), &open(size, "C").press("down").frame());
        golden::check(&name("contexts-chosen"), &open(size, "right C").frame());
    }
    let mut desk = open((80, 24), "C");
    golden::check("contexts-typed", &desk.write("prod").frame());
    let mut desk = Desk::new((80, 24));
    desk.serve().press("C");
    golden::check("contexts-loading", &desk.frame());
    desk.refuse(
        "cannot read the kubeconfig: /srv/kube/prod/config: invalid type: string at line 3\nhint: fix it",
    );
    golden::check("contexts-broken", &desk.frame());
    let mut desk = Desk::new((80, 24));
    desk.serve().press("C").answer(|_| {
        let mut answer = answers::contexts();
        answer.contexts.clear();
        Some(Answer::Contexts(Part::Done(answer)))
    });
    golden::check("contexts-none", &desk.frame());
    let mut desk = self::desk("");
    desk.press(":").serve().write("ctx");
    golden::check("palette-contexts", &desk.frame());
}

/// Enter upon enter chose the first context there was.
#[test]
fn nothing_is_chosen_before_a_line_is() {
    let mut desk = desk("C");
    desk.press("enter");
    assert_eq!(chosen(&desk), None);
    desk.expect("no context is selected");
    desk.press("down enter");
    assert_eq!(chosen(&desk), named("staging", "kind-dev"));
}

#[test]
fn it_is_about_the_environment_under_the_cursor() {
    for (keys, environment) in [
        ("1", "staging"),
        ("1 right", "production"),
        ("3 j j j j j j", "staging"),
        ("4 G", "production"),
        // Nothing is under a cursor there: the first without a context.
        ("2", "staging"),
        ("D", "staging"),
    ] {
        let mut desk = desk("");
        desk.press(keys).serve().press("C").serve();
        desk.expect(&format!("Context of {environment}"));
    }
    let mut desk = desk("4");
    desk.press("enter").serve().press("C").serve();
    desk.expect("Context of production").press("tab");
    desk.expect("Context of staging").press("down enter");
    assert_eq!(chosen(&desk), named("staging", "kind-dev"));
}

#[test]
fn what_is_typed_chooses_the_first_that_passes() {
    let mut desk = desk("right C");
    desk.write("admin")
        .refute("kind-dev")
        .press("enter")
        .refute("Context of");
    assert_eq!(chosen(&desk), named("production", "kind-prod-admin"));
    let mut desk = self::desk("right C");
    desk.write("no such").expect("no context is called that");
    desk.press("enter").expect("no context is selected");
    assert_eq!(chosen(&desk), None);
    desk.press("esc").refute("Context of");
}

#[test]
fn the_palette_knows_the_contexts_by_name() {
    let mut desk = desk("right");
    desk.press(":").serve().write("ctx:kind-dev");
    desk.expect("for production: https://127.0.0.1:41873")
        .press("enter");
    assert_eq!(chosen(&desk), named("production", "kind-dev"));
    desk.serve()
        .expect("production is compared with kind-dev @ https://127.0.0.1:41873");
}

/// What was on screen of the cluster before is of no cluster that is chosen.
#[test]
fn nothing_of_the_other_cluster_stays() {
    let mut desk = desk("right");
    desk.press("4").serve().press("1").expect("Degraded");
    let late = |desk: &mut Desk| {
        desk.answer(|question| {
            matches!(question, Question::Choose(_)).then(|| answers::to(question))
        });
    };
    desk.press("ctrl-r C")
        .answer(|question| matches!(question, Question::Contexts).then(|| answers::to(question)));
    let before = desk.asked[0].cancel.clone();
    desk.write("dev").press("enter");
    late(&mut desk);
    assert!(before.is_cancelled(), "it was asked of the other cluster");
    desk.refute("Degraded").expect("… loading").expect("1.4.2");
    assert!(
        matches!(&desk.asked[..], [ask] if matches!(ask.question, Question::Deployed(_))),
        "asked anew"
    );
    desk.press("4").refute("kubectl-edit").expect("… loading");
    desk.serve().expect("kubectl-edit");
}

#[test]
fn a_choice_can_be_taken_back_and_one_made_elsewhere_stands() {
    let by = |by| {
        move |question: &Question| match question {
            Question::Contexts => {
                let mut answer = answers::contexts();
                answer.environments[1].context = Ok(("kind-prod".to_owned(), by));
                Some(Answer::Contexts(Part::Done(answer)))
            }
            question => Some(answers::to(question)),
        }
    };
    let mut desk = desk("right");
    desk.press("C").answer(by(By::Hand)).expect("chosen here");
    desk.press("down down down enter");
    assert_eq!(chosen(&desk), Some(("production".to_owned(), None)));
    desk.serve()
        .expect("what was chosen for production is taken back");

    let mut desk = self::desk("right");
    desk.press("C").answer(by(By::Name));
    desk.press("down enter")
        .expect("named by --context or the configuration");
    desk.press("esc :")
        .answer(by(By::Name))
        .write("ctx:kind-dev")
        .press("enter");
    assert_eq!(chosen(&desk), None);
}

#[test]
fn where_nothing_can_be_chosen_it_says_why() {
    for why in ["started with --no-cluster", "started on a snapshot"] {
        let mut header = answers::header();
        header.settled = Some(why);
        let mut desk = Desk::with((120, 40), "dark", header);
        desk.serve().press("C").expect(why).refute("Context of");
        desk.press(":");
        assert!(desk.asked.is_empty(), "nor asked");
        desk.write("context").expect(why);
    }
    let mut desk = desk("C");
    desk.write("dev").press("enter");
    desk.refuse("the kubeconfig has changed meanwhile")
        .expect("the kubeconfig has changed meanwhile");
    let mut desk = self::desk("C");
    desk.write("dev").press("enter").answer(|question| {
        let Question::Choose(choice) = question else {
            return None;
        };
        let (choice, forgotten) = (choice.clone(), Some("no space left".to_owned()));
        Some(Answer::Chosen(Part::Done(Chosen { choice, forgotten })))
    });
    desk.expect("it cannot be remembered: no space left");
}

#[test]
fn live_columns_name_the_key() {
    for why in [Why::NoContextChosen, Why::ContextChanged("prod".to_owned())] {
        let mut desk = Desk::new((200, 50));
        desk.answer(|_| {
            let known = Known::Unavailable(why.clone());
            let answer = answers::deployed_with(&known);
            Some(Answer::Deployed(Part::Done(answer)))
        });
        desk.expect(&why.to_string()).expect("(C or");
    }
}

/// A repository with two environments, and a kubeconfig.
struct World {
    directory: tempfile::TempDir,
    repo: TestRepo,
}

impl World {
    fn new() -> World {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let repo = TestRepo::init(&directory.path().join("repo"));
        for environment in ["staging", "production"] {
            repo.write(
                format!("{environment}/web/web.yaml"),
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web, namespace: shop}\n",
            );
        }
        repo.commit("Begin");
        World { directory, repo }
    }

    fn kubeconfig(&self) -> PathBuf {
        self.directory.path().join("kubeconfig")
    }

    /// Nobody listens there: a cluster that is not reached is one that was chosen.
    fn write(&self, port: u16) {
        let text = format!(
            "clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{port}'}}}}]
contexts: [{{name: prod, context: {{cluster: c, namespace: shop}}}}]
current-context: prod
"
        );
        std::fs::write(self.kubeconfig(), text).expect("written");
    }

    async fn open(&self, offline: bool) -> Session {
        let options = Options {
            repo: Some(self.repo.path.clone()),
            branch: None,
            cluster: ClusterChoice::Contexts(Vec::new()),
            kubeconfig: Kubeconfig::named(vec![self.kubeconfig()]),
            overrides: Default::default(),
            offline,
            allow_network: false,
            read_only: true,
            state: self.directory.path().join("state"),
            cache: None,
            clock: Clock::fixed("2024-01-02T00:00:00Z".parse().expect("a time")),
        };
        let mut session = Session::open((200, 50), options, |_| {});
        session.rest().await;
        session
    }
}

fn has(session: &Session, text: &str) -> bool {
    session.text().contains(text)
}

#[track_caller]
fn expect(session: &Session, text: &str) {
    assert!(has(session, text), "{text:?} is not in\n{}", session.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_chosen_is_connected_to_at_once_and_remembered() {
    let world = World::new();
    world.write(9);
    let mut session = world.open(false).await;
    expect(&session, "no context chosen");
    session.press("C down enter").await;
    expect(
        &session,
        "staging is compared with prod @ http://127.0.0.1:9",
    );
    expect(&session, "unreachable");
    session.press("right").await;
    expect(&session, "no context chosen");
    // The next time, too; of the other environment nobody has said anything.
    let mut session = world.open(false).await;
    expect(&session, "unreachable");
    session.press("right").await;
    expect(&session, "no context chosen");
    session.press("C").await;
    expect(&session, "* prod");
    drop(session);
    // The context is called as it was.
    world.write(10);
    let mut session = world.open(false).await;
    expect(
        &session,
        "the context chosen, prod, means another cluster now",
    );
    session.press("C down enter").await;
    expect(
        &session,
        "staging is compared with prod @ http://127.0.0.1:10",
    );
    let session = world.open(true).await;
    assert!(!has(&session, "http://"), "{}", session.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_kubeconfig_or_with_a_broken_one_it_says_so() {
    let world = World::new();
    let mut session = world.open(false).await;
    session.press("C").await;
    expect(&session, "No such file");
    std::fs::write(world.kubeconfig(), "clusters: 7").expect("written");
    session.press("esc C").await;
    expect(&session, "✗ ");
    std::fs::write(world.kubeconfig(), "{}").expect("written");
    session.press("esc C").await;
    expect(&session, "The kubeconfig has no context");
    session.press("enter").await;
    expect(&session, "no context is selected");
    // It is read anew each time.
    world.write(9);
    session.press("esc C").await;
    expect(&session, "http://127.0.0.1:9");
    // And what was shown is not chosen where it has changed since.
    world.write(10);
    session.press("down enter").await;
    expect(&session, "the kubeconfig has changed meanwhile");
    assert!(!world.directory.path().join("state/contexts.json").exists());
}
