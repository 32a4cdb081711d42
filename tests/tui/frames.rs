//! Every screen in every state, as golden frames with styles, at three sizes.

use std::sync::Arc;

use gitopsy::review::common::Environment;
use gitopsy::review::{Known, Rendered, Why, drift, resource};
use gitopsy::tui::app::Message;
use gitopsy::tui::ask::{Answer, Part, Question, Reply, Ticket};

use crate::answers;
use crate::desk::Desk;
use crate::golden;

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 50)];

/// Brings a fresh app into a state and compares its frame, at each size.
#[track_caller]
fn check(name: &str, reach: impl Fn(&mut Desk)) {
    for size in SIZES {
        let mut desk = Desk::new(size);
        reach(&mut desk);
        golden::check(&format!("{name}-{}x{}", size.0, size.1), &desk.frame());
    }
}

/// As [`check`], at the smallest of the sizes only: for states that differ little between sizes.
#[track_caller]
fn check_small(name: &str, reach: impl Fn(&mut Desk)) {
    let mut desk = Desk::new(SIZES[0]);
    reach(&mut desk);
    golden::check(name, &desk.frame());
}

fn standing(known: Known<()>) -> impl Fn(&Question) -> Option<Answer> {
    move |question| match question {
        Question::Deployed(_) => Some(Answer::Deployed(Part::Done(answers::deployed_with(&known)))),
        _ => Some(answers::to(question)),
    }
}

#[test]
fn deployed() {
    check("deployed", |desk| {
        desk.serve().press("right");
    });
    check_small("deployed-loading", |_| {});
    check_small("deployed-failed", |desk| {
        desk.refuse("cannot read the layout of a1b2c3d\nhint: run gitopsy doctor");
    });
    check_small("deployed-empty", |desk| {
        desk.answer(|_| {
            let mut answer = answers::deployed();
            answer.apps.clear();
            Some(Answer::Deployed(Part::Done(answer)))
        });
    });
    check_small("deployed-no-context", |desk| {
        desk.answer(standing(Known::Unavailable(Why::NoContextChosen)));
    });
    check_small("deployed-forbidden", |desk| {
        desk.answer(standing(Known::Unavailable(Why::Forbidden(
            "list deployments in shop".to_owned(),
        ))));
    });
    check_small("deployed-unreachable", |desk| {
        desk.answer(standing(Known::Unavailable(Why::Unreachable(
            "https://10.0.0.7:6443: connection refused".to_owned(),
        ))));
    });
    check_small("deployed-stale", |desk| {
        desk.answer(standing(Known::Stale((), answers::ago(17))));
    });
    check_small("deployed-otherwise", |desk| {
        desk.answer(|question| match question {
            Question::Deployed(_) => {
                let mut answer = answers::deployed();
                let words = "Argo CD says Synced; gitopsy finds 2 resources to differ";
                let (applied, said) = answers::otherwise(words);
                let api = Arc::make_mut(&mut answer.apps[0]);
                if let Known::Fresh(live) = &mut api.deployments[1].live {
                    live.applied = Known::Fresh(Some(applied));
                    live.by_deployer = Some(said);
                }
                Some(Answer::Deployed(Part::Done(answer)))
            }
            question => Some(answers::to(question)),
        });
        desk.press("right");
    });
    check_small("deployed-filtered", |desk| {
        desk.serve().press("/").write("env:prod is:degraded");
    });
    check_small("deployed-filtered-away", |desk| {
        desk.serve().press("/").write("nothing").press("enter");
    });
    check_small("deployed-time-travel", |desk| {
        desk.serve().press("t").write("2026-02-01");
    });
    check_small("deployed-zoomed", |desk| {
        desk.serve().press("tab z");
    });
}

/// How far renderings are is told of the answer that the screen in view waits for, until it is there.
#[test]
fn renderings() {
    for open in ["1", "3"] {
        let mut desk = Desk::new(SIZES[0]);
        desk.press(open);
        let ticket = desk.asked.last().expect("asked").ticket;
        let rendered = Rendered {
            done: 12,
            total: 57,
        };
        let told = |ticket| {
            let answer = Answer::Rendered(rendered);
            Message::Reply(Reply { ticket, answer })
        };
        desk.send(told(Ticket(ticket.0 + 100)));
        desk.refute("rendering");
        desk.send(told(ticket)).expect("rendering 12 of 57");
        desk.serve().refute("rendering");
    }
}

#[test]
fn timeline() {
    check("timeline", |desk| {
        desk.press("2").serve().press("j");
    });
    let standing = |known: Known<()>| {
        move |desk: &mut Desk| {
            desk.press("2").answer(|question| match question {
                Question::Stands => Some(Answer::Stands(Part::Done(answers::stands_with(&known)))),
                question => Some(answers::to(question)),
            });
        }
    };
    check("timeline-stands", |desk| standing(Known::Fresh(()))(desk));
    check_small("timeline-stands-behind", |desk| {
        desk.press("2").serve().press("j j tab z");
    });
    check_small(
        "timeline-stands-stale",
        standing(Known::Stale((), answers::ago(17))),
    );
    check_small(
        "timeline-no-context",
        standing(Known::Unavailable(Why::NoContextChosen)),
    );
    check_small("timeline-unfolded", |desk| {
        desk.press("2").serve().press("x j j j");
    });
    check_small("timeline-growing", |desk| {
        desk.press("2").answer(|question| match question {
            Question::Log(_) => {
                let mut answer = answers::log();
                answer.entries.truncate(3);
                answer.progress = gitopsy::review::log::Progress {
                    commits: 12_000,
                    complete: false,
                };
                Some(Answer::Log(Part::More(answer)))
            }
            _ => None,
        });
    });
    check_small("timeline-marked", |desk| {
        desk.press("2").serve().press("space j space");
    });
    check_small("timeline-filtered", |desk| {
        desk.press("2")
            .serve()
            .press("/")
            .write("author:bob")
            .press("enter");
    });
}

#[test]
fn change() {
    let open = |desk: &mut Desk| {
        desk.press("2").serve().press("enter").serve();
    };
    check("change", open);
    check_small("change-loading", |desk| {
        desk.press("2").serve().press("enter");
    });
    check("change-text", |desk| {
        open(desk);
        desk.press("v");
    });
    check("change-side-by-side", |desk| {
        open(desk);
        desk.press("v v");
    });
    check_small("change-noise", |desk| {
        open(desk);
        desk.press("x");
    });
    check_small("change-message", |desk| {
        open(desk);
        desk.press("g");
    });
    check_small("change-predicted", |desk| {
        open(desk);
        desk.press("j");
    });
    check_small("change-wrapped", |desk| {
        open(desk);
        desk.press("w");
    });
}

fn open_resource(desk: &mut Desk) {
    desk.press("4").serve().press("enter").serve();
}

#[test]
fn resource() {
    check("resource", open_resource);
    check_small("resource-loading", |desk| {
        desk.press("4").serve().press("enter");
    });
    check_small("resource-older-commit", |desk| {
        open_resource(desk);
        desk.press("G").serve();
    });
    check_small("resource-no-cluster", |desk| {
        desk.press("4")
            .serve()
            .press("enter")
            .answer(|question| match question {
                Question::Resource(_) => {
                    let answer = answers::resource();
                    let why = || Why::Unreachable("https://10.0.0.7:6443: timed out".to_owned());
                    let environment = Environment {
                        cluster: Known::Unavailable(why()),
                        ..answer.environment
                    };
                    Some(Answer::Resource(Part::Done(resource::Answer {
                        environment,
                        live: Known::Unavailable(why()),
                        ..answer
                    })))
                }
                question => Some(answers::to(question)),
            });
    });
    check_small("resource-otherwise", |desk| {
        desk.press("4")
            .serve()
            .press("enter")
            .answer(|question| match question {
                Question::Resource(_) => {
                    let mut answer = answers::resource();
                    let words = "Argo CD says Synced; gitopsy finds 2 fields to differ";
                    let (applied, said) = answers::otherwise(words);
                    if let Known::Fresh(live) = &mut answer.live {
                        (live.applied, live.by_deployer) = (Some(applied), Some(said));
                    }
                    Some(Answer::Resource(Part::Done(answer)))
                }
                question => Some(answers::to(question)),
            });
    });
    check("resource-unfolded", |desk| {
        open_resource(desk);
        desk.press("x");
    });
    check_small("resource-live-focused", |desk| {
        open_resource(desk);
        desk.press("tab tab z");
    });
    check("resource-yaml", |desk| {
        open_resource(desk);
        desk.press("y tab / m e m o r y enter");
    });
}

#[test]
fn resources() {
    check("resources", |desk| {
        desk.press("3").serve().press("j j enter j j");
    });
    check_small("resources-filtered", |desk| {
        desk.press("3")
            .serve()
            .press("/")
            .write("kind:deploy")
            .press("enter");
    });
    check_small("resources-of-a-cell", |desk| {
        desk.serve().press("right enter").serve().press("j j");
    });
    check_small("resources-no-cluster", |desk| {
        desk.press("3").answer(|question| match question {
            Question::Deployed(_) => Some(Answer::Deployed(Part::Done(answers::deployed_with(
                &Known::Unavailable(Why::NoCluster),
            )))),
            Question::Drift(_) => {
                let mut answer = answers::drift();
                answer.resources.clear();
                for environment in &mut answer.clusters {
                    environment.cluster = Known::Unavailable(Why::NoCluster);
                }
                Some(Answer::Drift(Part::Done(answer)))
            }
            question => Some(answers::to(question)),
        });
        desk.press("j enter j");
    });
}

#[test]
fn drift() {
    check("drift", |desk| {
        desk.press("4").serve();
    });
    check_small("drift-unknown", |desk| {
        desk.press("4").serve().press("G");
    });
    let with = |change: fn(&mut drift::Answer)| {
        move |desk: &mut Desk| {
            desk.press("4").answer(|question| {
                let mut answer = answers::drift();
                change(&mut answer);
                matches!(question, Question::Drift(_)).then_some(Answer::Drift(Part::Done(answer)))
            });
        }
    };
    let stale = with(|answer| {
        for resource in &mut answer.resources {
            resource.health = match &resource.health {
                Known::Fresh(health) if resource.id.app != "web" => {
                    Known::Stale(health.clone(), answers::ago(17))
                }
                health => health.clone(),
            };
        }
    });
    check("drift-stale", stale);
    check_small(
        "drift-none-stale",
        with(|answer| {
            answer.resources.clear();
            answer.unknown.clear();
            answer.stale = Some(answers::ago(17));
        }),
    );
    check_small(
        "drift-otherwise",
        with(|answer| {
            let words = "Argo CD says OutOfSync; gitopsy takes what differs for an autoscaler's";
            let (applied, said) = answers::otherwise(words);
            answer.applied = vec![applied];
            answer.resources[0].by_deployer = Some(said);
        }),
    );
    check_small(
        "drift-none",
        with(|answer| {
            answer.resources.clear();
            answer.unknown.clear();
        }),
    );
    check_small(
        "drift-no-cluster",
        with(|answer| {
            (answer.resources, answer.unknown, answer.synced) = (Vec::new(), Vec::new(), 0);
            for environment in &mut answer.clusters {
                environment.cluster = Known::Unavailable(Why::NoContextChosen);
            }
        }),
    );
}

#[test]
fn revert() {
    let open = |desk: &mut Desk| {
        desk.serve().press("right r").serve();
    };
    check("revert", open);
    check_small("revert-loading", |desk| {
        desk.serve().press("right r");
    });
    check_small("revert-conflicts", |desk| {
        open(desk);
        desk.press("j").serve();
    });
    check_small("revert-restore", |desk| {
        open(desk);
        desk.press("j j").serve();
    });
    check("revert-confirm", |desk| {
        open(desk);
        desk.press("enter").write("produ");
    });
    check_small("revert-not-stageable", |desk| {
        desk.serve()
            .press("right r")
            .answer(|question| match question {
                Question::Plan(_) => Some(crate::desk::failed(
                    question,
                    "no remote to push to\nhint: git remote add origin URL",
                )),
                question => Some(answers::to(question)),
            });
        desk.press("enter");
    });
    check("reverts", |desk| {
        open(desk);
        desk.press("enter")
            .write("production")
            .press("enter")
            .serve();
    });
    check_small("reverts-merge", |desk| {
        open(desk);
        desk.press("enter")
            .write("production")
            .press("enter")
            .serve()
            .press("m");
    });
    check_small("reverts-interrupted", |desk| {
        desk.press("5").answer(|question| match question {
            Question::Pending => {
                let mut progress = answers::progress(1);
                progress.error = Some("cannot push: remote rejected (protected branch)\nhint: ask for the right to push".to_owned());
                Some(Answer::Pending(Part::Done(vec![progress, answers::progress(6)])))
            }
            question => Some(answers::to(question)),
        });
    });
    check_small("reverts-none", |desk| {
        desk.press("5").serve();
    });
}

#[test]
fn overlays() {
    check_small("help", |desk| {
        desk.serve().press("?");
    });
    check("palette", |desk| {
        desk.serve().press(":").write("re");
    });
    check_small("palette-nothing", |desk| {
        desk.serve().press(":").write("zzzz");
    });
    check_small("doctor", |desk| {
        desk.serve().press("D").serve();
    });
    check("drift-dry-run", |desk| {
        desk.press("4").serve().press("a").serve();
    });
    check_small("drift-dry-run-asking", |desk| {
        desk.press("4").serve().press("a");
    });
    check_small("drift-dry-run-read", |desk| {
        desk.press("4").serve().press("a").serve().press("j j j");
    });
    check_small("drift-dry-run-note", |desk| {
        desk.press("4").serve().press("a").serve().press("G");
        desk.send(Message::Changed(answers::header(), 9));
    });
    check_small("drift-missing", |desk| {
        desk.serve().press("4").serve().press("down");
    });
    check_small("drift-orphaned", |desk| {
        desk.serve().press("4").serve().press("down").press("down");
    });
    check_small("logs", |desk| {
        desk.serve().press("4").serve().press("l").serve();
    });
    check_small("calls", |desk| {
        desk.serve().press("@").serve();
    });
    check_small("too-small", |desk| {
        desk.serve().send(Message::Resize(50, 10));
    });
}

#[test]
fn themes() {
    for theme in ["light", "mono"] {
        let mut desk = Desk::with((120, 40), theme, answers::header());
        desk.press("4").serve().press("enter").serve();
        golden::check(&format!("resource-{theme}"), &desk.frame());
    }
    let mut header = answers::header();
    (header.read_only, header.offline) = (true, true);
    let mut desk = Desk::with((80, 24), "mono", header);
    desk.serve().press("r").serve().press("enter");
    golden::check("read-only", &desk.frame());
}
