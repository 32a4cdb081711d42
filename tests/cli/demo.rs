//! The demo without a terminal: a tour, and nothing left behind.

use crate::run::Home;

#[test]
fn without_a_terminal_it_prints_a_tour_and_leaves_nothing() {
    let home = Home::new();
    let temporary = home.directory.path().join("tmp");
    std::fs::create_dir(&temporary).expect("created");
    let output = home
        .command(home.directory.path(), &["demo"])
        .env("TMPDIR", &temporary)
        .output()
        .expect("gitopsy runs");
    let out = String::from_utf8(output.stdout).expect("text");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for part in [
        "gitopsy where",
        "gitopsy drift",
        "CrashLoopBackOff",
        "Revert \"",
        "clean",
    ] {
        assert!(out.contains(part), "{part} is missing: {out}");
    }
    assert_eq!(
        std::fs::read_dir(&temporary).expect("readable").count(),
        0,
        "the demo removes what it built"
    );
}
