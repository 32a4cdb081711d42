use super::*;

fn sh(script: &str) -> Command {
    Command::new("sh").args(["-c", script])
}

#[test]
fn output_input_and_exit_codes_pass_through() {
    let output = run(&sh("cat; echo err >&2; exit 3").input("in")).unwrap();
    assert_eq!(output.code, Some(3));
    assert_eq!(output.stdout, b"in");
    assert_eq!(output.message(), "err");
    assert!(!output.success());
    let large = vec![b'x'; 3 << 20];
    let output = run(&sh("cat").input(large.clone())).unwrap();
    assert_eq!(output.stdout, large);
}

#[test]
fn nothing_waits_for_a_person() {
    // Standard input is at its end, not the terminal.
    let output = run(&sh("read answer || echo end")).unwrap();
    assert_eq!(output.stdout, b"end\n");
}

#[test]
fn the_environment_is_what_was_asked_for() {
    let script = "echo ${HOME-unset} ${X-unset} ${Y-unset}";
    let command = sh(script).env("X", "1").env("Y", "2").env_remove("Y");
    let home = std::env::var("HOME").unwrap_or_else(|_| "unset".to_owned());
    let output = run(&command).unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        format!("{home} 1 unset\n")
    );
    let output = run(&sh(script).clear_environment().env("X", "1")).unwrap();
    assert_eq!(output.stdout, b"unset 1 unset\n");
}

#[test]
fn a_timeout_ends_the_whole_group() {
    let dir = tempfile::tempdir().unwrap();
    let script = "sh -c 'trap \"\" HUP; sleep 600' & echo $! > pid; wait";
    // On a busy machine the grandchild may not be there in time; then it gets longer.
    let pid = [300, 3_000, 30_000].into_iter().find_map(|millis| {
        let command = sh(script)
            .directory(dir.path())
            .timeout(Duration::from_millis(millis));
        let start = Instant::now();
        assert!(matches!(run(&command), Err(Error::Timeout { .. })));
        assert!(start.elapsed() < Duration::from_secs(90));
        std::fs::read_to_string(dir.path().join("pid"))
            .ok()
            .filter(|pid| pid.ends_with('\n'))
    });
    let file = format!("/proc/{}/stat", pid.unwrap().trim());
    // A zombie that nobody has collected yet is gone, too; and a signal takes a moment to end it.
    let is_running = || std::fs::read_to_string(&file).is_ok_and(|stat| !stat.contains(") Z"));
    while is_running() {
        thread::yield_now();
    }
}

#[test]
fn a_program_that_ignores_its_end_is_killed() {
    let command =
        sh("trap '' TERM; while :; do sleep 600; done").timeout(Duration::from_millis(100));
    assert!(matches!(run(&command), Err(Error::Timeout { .. })));
}

#[test]
fn cancelling_ends_it() {
    let cancel = Cancel::new();
    let command = sh("sleep 600").cancel(&cancel);
    let running = thread::spawn(move || run(&command));
    cancel.cancel();
    assert!(matches!(
        running.join().unwrap(),
        Err(Error::Cancelled { .. })
    ));
}

#[test]
fn output_is_bounded() {
    let command = sh("yes").max_output(1000);
    assert!(matches!(
        run(&command),
        Err(Error::TooMuchOutput { limit: 1000, .. })
    ));
    let output = run(&sh("printf 12345").max_output(5)).unwrap();
    assert_eq!(output.stdout, b"12345");
    assert!(run(&sh("printf 123456").max_output(5)).is_err());
    let output = run(&sh("head -c 1000000 /dev/zero >&2")).unwrap();
    assert_eq!(output.stderr.len(), MAX_STDERR);
}

#[test]
fn what_a_program_leaves_running_is_not_waited_for() {
    let output = run(&sh("echo out; sleep 600 & echo $!")).unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (first, pid) = text.split_once('\n').unwrap();
    assert_eq!(first, "out");
    run(&Command::new("kill").args([pid.trim()])).unwrap();
}

#[test]
fn programs_are_found_in_absolute_directories_only() {
    let dir = tempfile::tempdir().unwrap();
    let tool = dir.path().join("tool");
    std::fs::write(&tool, "#!/bin/sh\necho here\n").unwrap();
    let path = OsString::from(format!("relative:.::{}", dir.path().display()));
    assert_eq!(
        find_in(Path::new("tool"), Some(&path)),
        None,
        "not executable"
    );
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(find_in(Path::new("tool"), Some(&path)), Some(tool.clone()));
    assert_eq!(find_in(&tool, None), Some(tool.clone()));
    assert_eq!(find_in(Path::new("sub/tool"), Some(&path)), None);
    assert_eq!(find_in(Path::new("tool"), Some(OsStr::new("."))), None);

    let output = run(&Command::new("tool").env("PATH", &path)).unwrap();
    assert_eq!(output.stdout, b"here\n");
    let error = run(&Command::new("gitopsy-no-such-tool")).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("gitopsy-no-such-tool is not installed\nhint: ")
    );
}

#[test]
fn calls_are_logged_without_credentials() {
    let marker = format!("marker-{}", std::process::id());
    let url = format!("https://bob:hunter2@host/{marker}");
    run(&sh("exit 4").args([url.as_str(), "two words\u{1b}[2J"])).unwrap();
    let logged = log();
    let call = logged
        .iter()
        .find(|call| call.args.iter().any(|arg| arg.contains(&marker)))
        .expect("logged");
    let text = call.to_string();
    assert!(
        text.starts_with("sh -c \"exit 4\" https://***@host/marker-"),
        "{text}"
    );
    assert!(text.ends_with("): 4"), "{text}");
    assert!(
        !text.contains("hunter2") && !text.contains('\u{1b}'),
        "{text}"
    );
    assert_eq!(call.outcome, Outcome::Ended(Some(4)));
}
