//! Where each environment stands, on the Timeline: asked after its rows, true to what deployers say, and gone with the cluster.

use gitopsy::review::{Clock, ClusterChoice, Known, Kubeconfig, Options, Why, stands};
use gitopsy::tui::app::Message;
use gitopsy::tui::ask::{Answer, Part, Question, Reply};
use support::TestRepo;

use crate::answers;
use crate::desk::Desk;
use crate::session::Session;

fn is_log(question: &Question) -> bool {
    matches!(question, Question::Log(_))
}

fn is_asked(desk: &Desk) -> bool {
    let mut asked = desk.asked.iter();
    asked.any(|ask| matches!(ask.question, Question::Stands))
}

#[test]
fn it_is_asked_once_there_are_rows() {
    let mut desk = Desk::new((120, 40));
    desk.press("2");
    let at = desk.asked.iter().position(|ask| is_log(&ask.question));
    let ask = desk.asked.remove(at.expect("the log is asked"));
    assert!(!is_asked(&desk));
    let mut part = |entries: usize| {
        let mut log = answers::log();
        log.entries.truncate(entries);
        desk.send(Message::Reply(Reply {
            ticket: ask.ticket,
            answer: Answer::Log(Part::More(log)),
        }));
        desk.asked
            .iter()
            .filter(|ask| matches!(ask.question, Question::Stands))
            .count()
    };
    assert_eq!([part(0), part(3), part(8)], [0, 1, 1]);
    desk.serve().expect("◂ production 3/4");
    // And anew with the rows, whenever something may have changed.
    desk.send(Message::Changed(answers::header(), 1));
    assert!(!is_asked(&desk));
    desk.answer(|question| is_log(question).then(|| answers::to(question)));
    assert!(is_asked(&desk));
    desk.expect("◂ production 3/4").serve();
}

#[test]
fn it_is_about_the_present() {
    let mut desk = Desk::new((120, 40));
    desk.press("2").serve().expect("◂ staging");
    desk.press("t").write("2026-02-28").press("enter");
    desk.answer(|question| is_log(question).then(|| answers::to(question)));
    assert!(!is_asked(&desk));
    desk.refute("◂").expect("not known for the past");
    desk.press("esc").serve().expect("◂ staging");
}

#[test]
fn a_line_that_does_not_pass_the_filter_lends_its_mark_to_no_other() {
    let mut desk = Desk::new((120, 40));
    desk.press("2").serve();
    desk.press("/").write("author:bob").press("enter");
    desk.expect("77aa001").refute("◂");
    desk.press("esc").expect("◂ production 4/4");
}

#[test]
fn what_failed_says_so_and_lets_the_rows_be() {
    let mut desk = Desk::new((120, 40));
    desk.press("2").answer(|question| match question {
        Question::Stands => Some(Answer::Stands(Part::Failed("no layout".to_owned()))),
        question => Some(answers::to(question)),
    });
    desk.expect("api 1.4.1 → 1.4.2").expect("failed: no layout");
    desk.press("ctrl-r").serve().expect("◂ production 3/4");
    desk.press("ctrl-r").answer(|question| match question {
        Question::Stands => Some(Answer::Stands(Part::Failed("no layout".to_owned()))),
        question => Some(answers::to(question)),
    });
    desk.expect("◂ production 3/4")
        .expect("asking again failed, this is");
}

/// Marks of the cluster before stood until the new one had answered.
#[test]
fn nothing_of_another_cluster_stays() {
    let mut desk = Desk::new((120, 40));
    desk.serve().press("2").serve().expect("◂ production 3/4");
    desk.press("C").serve().press("tab").write("dev");
    desk.press("enter")
        .answer(|question| matches!(question, Question::Choose(_)).then(|| answers::to(question)));
    desk.refute("◂ production").expect("◂ staging");
}

#[test]
fn environments_that_stand_together_share_a_label() {
    let with = |names: &[&str]| {
        let mut answer = answers::stands();
        let first = answer.environments[0].clone();
        answer.environments = names
            .iter()
            .map(|name| stands::Environment {
                name: (*name).to_owned(),
                ..first.clone()
            })
            .collect();
        let mut desk = Desk::new((80, 24));
        desk.press("2").answer(|question| match question {
            Question::Stands => Some(Answer::Stands(Part::Done(answer.clone()))),
            question => Some(answers::to(question)),
        });
        let line = desk.line("2 routine");
        line[line.find('◂').expect("a mark")..].to_owned()
    };
    assert_eq!(with(&["dev", "staging"]), "◂ dev, staging");
    assert_eq!(
        with(&["dev", "staging", "production", "canary"]),
        "◂ dev, staging +2"
    );
    // Hostile names leave room for what the commit meant.
    let long = "\u{1b}[31m".to_owned() + &"long".repeat(40);
    let label = with(&[&long, "dev"]);
    assert!(
        label.starts_with("◂ \\u{1b}[31mlong") && label.ends_with("… +1"),
        "{label}"
    );
    assert!(label.chars().count() <= 26, "{label}");
}

#[test]
fn who_keeps_no_account_is_named() {
    let mut answer = answers::stands();
    answer.environments[1].deployer = gitopsy::review::Deployer::Helm;
    answer.environments[1].stands = Known::Fresh(stands::Stands::default());
    let mut desk = Desk::new((120, 40));
    desk.press("2").answer(|question| match question {
        Question::Stands => Some(Answer::Stands(Part::Done(answer.clone()))),
        question => Some(answers::to(question)),
    });
    desk.refute("◂ production")
        .expect("production  – Helm does not say at");
}

fn kustomization(name: &str, applied: Option<&str>) -> String {
    let status = applied.map(|commit| {
        format!(
            "status:
  observedGeneration: 1
  lastAppliedRevision: main@sha1:{commit}
  lastAttemptedRevision: main@sha1:{commit}
  conditions:
  - {{type: Ready, status: 'True', lastTransitionTime: '2026-03-02T11:00:00Z', message: ''}}
"
        )
    });
    format!(
        "apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: {name}, namespace: flux-system, generation: 1}}
spec:
  interval: 10m
  path: ./apps/{name}
  prune: true
  sourceRef: {{kind: GitRepository, name: flux-system}}
{}",
        status.unwrap_or_default()
    )
}

fn config(name: &str, value: &str) -> String {
    format!(
        "apiVersion: v1
kind: ConfigMap
metadata: {{name: {name}, namespace: shop}}
data: {{value: '{value}'}}
"
    )
}

/// Flux on a repository of its own: api is at what touched web, web where it began.
#[tokio::test(flavor = "multi_thread")]
async fn deployers_are_where_they_say() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let repo = TestRepo::init(&path("repo"));
    for name in ["api", "web"] {
        let file = format!("clusters/production/{name}.yaml");
        repo.write(&file, kustomization(name, None));
        repo.write(format!("apps/{name}/config.yaml"), config(name, "1"));
    }
    let begin = repo.commit("Begin");
    repo.write("apps/api/config.yaml", config("api", "2"));
    repo.commit("Change the api");
    repo.write("apps/web/config.yaml", config("web", "2"));
    let web = repo.commit("Change the web");
    repo.write("README.md", "read me\n");
    repo.commit("Describe it");
    let cluster = path("cluster");
    std::fs::create_dir(&cluster).expect("a directory");
    let write = |file: &str, text: String| {
        std::fs::write(cluster.join(file), text).expect("written");
    };
    write("snapshot.yaml", "complete: true\n".to_owned());
    write("api.yaml", kustomization("api", Some(&web.to_string())));
    write("web.yaml", kustomization("web", Some(&begin.to_string())));
    let options = |cluster: ClusterChoice| Options {
        repo: Some(repo.path.clone()),
        branch: None,
        cluster,
        kubeconfig: Kubeconfig::named(Vec::new()),
        overrides: Default::default(),
        offline: true,
        allow_network: false,
        read_only: false,
        state: path("state"),
        cache: None,
        clock: Clock::fixed(answers::now()),
    };
    let on = |line: &str, text: &str| -> Option<String> {
        let line = text.lines().find(|row| row.contains(line))?;
        let (_, mark) = line.split_once('◂')?;
        Some(mark.trim().to_owned())
    };
    let size = (100, 40);
    let open = || {
        Session::open(
            size,
            options(ClusterChoice::Snapshot(cluster.clone())),
            |_| {},
        )
    };
    let mut session = open();
    let text = session.press("2").await.text();
    // What touches no app has nobody at it.
    assert_eq!(on("read me", &text), None, "{text}");
    assert_eq!(on("Describe it", &text), None, "{text}");
    assert_eq!(
        on("data 1 → 2 (web)", &text).as_deref(),
        Some("production 1/2"),
        "{text}"
    );
    assert_eq!(on("data 1 → 2 (api)", &text), None, "{text}");
    let text = session.press("G").await.text();
    assert!(text.contains("production 2/2"), "{text}");
    assert!(text.contains("all 2 apps are here or past it"), "{text}");
    assert!(text.contains("1 commit behind"), "{text}");

    write("web.yaml", kustomization("web", Some(&web.to_string())));
    let text = open().press("2 j").await.text();
    assert!(text.contains("all 2 apps are here  since 1h ago"), "{text}");
    assert!(!text.contains("2/2"), "{text}");

    let mut session = Session::open(size, options(ClusterChoice::None), |_| {});
    let text = session.press("2 j").await.text();
    assert!(!text.contains('◂'), "{text}");
    assert!(text.contains(&Why::NoCluster.to_string()), "{text}");
}
