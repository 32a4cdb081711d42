//! The program on a real terminal: `gitopsy demo` in a PTY, driven by keys and read off the screen as a user reads it.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use tempfile::TempDir;
use vt100::{MouseProtocolMode, Parser};

/// Far longer than anything takes: only a failing test waits so long.
const DEADLINE: Duration = Duration::from_secs(60);

/// What the program could write to, and leaves empty.
const DIRECTORIES: [&str; 5] = [
    "HOME",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
];

/// What shows that answers are still awaited, in the status line.
const SPINNER: [char; 4] = ['◐', '◓', '◑', '◒'];

const ENTER: &str = "\r";
const RIGHT: &str = "\x1b[C";
const UP: &str = "\x1b[A";
const DOWN: &str = "\x1b[B";

/// A terminal with `gitopsy demo` on it, in a home of its own.
struct Terminal {
    parser: Parser,
    master: Box<dyn MasterPty + Send>,
    keyboard: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    child: Box<dyn Child + Send + Sync>,
    home: TempDir,
    /// Its input mode before the program started.
    mode: String,
}

impl Terminal {
    fn open(columns: u16, rows: u16) -> Terminal {
        let home = tempfile::tempdir().expect("a home");
        let pair = native_pty_system()
            .openpty(size(columns, rows))
            .expect("a terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_gitopsy"));
        command.arg("demo");
        command.cwd(home.path());
        command.env_clear();
        command.env("PATH", std::env::var_os("PATH").expect("PATH is set"));
        command.env("TERM", "xterm-256color");
        for directory in DIRECTORIES {
            let path = home.path().join(directory);
            std::fs::create_dir(&path).expect("created");
            command.env(directory, path);
        }
        command.env("GIT_CONFIG_GLOBAL", "/dev/null");
        command.env("GIT_CONFIG_SYSTEM", "/dev/null");
        let mode = mode(&*pair.master);
        let child = pair.slave.spawn_command(command).expect("gitopsy starts");
        // The output ends when the program does, which it cannot while somebody else could write.
        drop(pair.slave);
        let mut screen = pair.master.try_clone_reader().expect("a reader");
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // The end of a terminal is an error on some systems.
            while let Ok(length @ 1..) = screen.read(&mut bytes) {
                if sender.send(bytes[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Terminal {
            parser: Parser::new(count(rows), count(columns), 0),
            keyboard: pair.master.take_writer().expect("a writer"),
            master: pair.master,
            output,
            child,
            home,
            mode,
        }
    }

    fn press(&mut self, keys: &str) -> &mut Terminal {
        self.keyboard.write_all(keys.as_bytes()).expect("written");
        self.keyboard.flush().expect("written");
        self
    }

    fn resize(&mut self, columns: u16, rows: u16) {
        self.parser.set_size(count(rows), count(columns));
        self.master.resize(size(columns, rows)).expect("resized");
    }

    fn rows(&self) -> Vec<String> {
        let screen = self.parser.screen();
        screen.rows(0, screen.size().1.get()).collect()
    }

    /// Whether one row has all of `parts`, in this order.
    fn has(&self, parts: &[&str]) -> bool {
        self.rows().iter().any(|row| {
            let mut rest = row.as_str();
            parts.iter().all(|part| match rest.split_once(part) {
                Some((_, after)) => {
                    rest = after;
                    true
                }
                None => false,
            })
        })
    }

    /// The number of the row that the list's cursor is on.
    fn cursor(&self) -> Option<usize> {
        self.rows().iter().position(|row| row.starts_with('▸'))
    }

    /// Waits for a row that has all of `parts`, in this order.
    #[track_caller]
    fn expect(&mut self, parts: &[&str]) -> &mut Terminal {
        self.until(&format!("a row with {parts:?}"), |terminal| {
            terminal.has(parts)
        })
    }

    #[track_caller]
    fn until(&mut self, what: &str, holds: impl Fn(&Terminal) -> bool) -> &mut Terminal {
        let deadline = Instant::now() + DEADLINE;
        while !holds(self) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.parser.process(&bytes),
                Err(error) => panic!("{error} for {what} on\n{}", self.rows().join("\n")),
            }
        }
        self
    }

    /// Moves the list's cursor down to the row with `text`.
    #[track_caller]
    fn select(&mut self, text: &str) -> &mut Terminal {
        loop {
            self.until("a cursor", |terminal| terminal.cursor().is_some());
            let cursor = self.cursor();
            if cursor.is_some_and(|row| self.rows()[row].contains(text)) {
                return self;
            }
            self.press("j").until("a cursor further down", |terminal| {
                terminal.cursor() > cursor
            });
        }
    }

    /// Waits until the program has ended, and looks at what it leaves behind: the terminal as it was, and no file.
    #[track_caller]
    fn ended(&mut self) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.parser.process(&bytes),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("it does not end on\n{}", self.rows().join("\n"))
                }
            }
        }
        assert_eq!(mode(&*self.master), self.mode, "keys are as before");
        let status = self.child.wait().expect("waited for");
        let screen = self.parser.screen();
        assert!(status.success(), "{status}: {}", screen.contents());
        assert_eq!(screen.contents(), "", "nothing is printed");
        assert!(!screen.alternate_screen(), "the alternate screen is left");
        assert!(!screen.hide_cursor(), "the cursor is shown");
        assert!(!screen.bracketed_paste(), "pasting is as before");
        assert_eq!(screen.mouse_protocol_mode(), MouseProtocolMode::None);
        for directory in DIRECTORIES {
            let entries = std::fs::read_dir(self.home.path().join(directory)).expect("is there");
            assert_eq!(entries.count(), 0, "{directory} is as empty as it was");
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Has ended already, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How the terminal takes its input: raw, or line by line with an echo.
fn mode(terminal: &dyn MasterPty) -> String {
    format!("{:?}", terminal.get_termios())
}

fn count(of: u16) -> NonZeroU16 {
    NonZeroU16::new(of).expect("a terminal has rows and columns")
}

fn size(columns: u16, rows: u16) -> PtySize {
    PtySize {
        rows,
        cols: columns,
        pixel_width: 0,
        pixel_height: 0,
    }
}

/// From what is broken to its revert being healthy, as somebody on call would go.
#[test]
fn reverts_the_bad_change_and_sees_it_healthy() {
    let mut terminal = Terminal::open(120, 40);
    terminal.expect(&["Deployed · 9 apps · 3 environments"]);
    terminal.select("▸api ").press(RIGHT).press(RIGHT);
    terminal
        .expect(&["api in production"])
        .expect(&["version", "1.4.2", "before: 1.4.1"])
        .expect(&["▸api", "● 1.4.2", "● 1.4.2", "✗ 1.4.2"])
        .expect(&["Degraded", "CrashLoopBackOff"])
        .expect(&["Bob", "Merge pull"])
        .expect(&["request #37"]);

    terminal.press(ENTER);
    terminal
        .expect(&["Resources of api in production"])
        .expect(&["✗ Deployment/api", "Degraded"]);
    terminal.select("Deployment/api").press(ENTER);
    terminal
        .expect(&["Deployment/api", "✗ Degraded", "CrashLoopBackOff"])
        .expect(&["▸", "Bob", "api 1.4.1 → 1.4.2"])
        .expect(&["containers[api].image", "api:1.4.1", "api:1.4.2"])
        .expect(&["! BackOff", "Back-off restarting failed"]);

    terminal.press("r");
    terminal
        .expect(&["nothing is written yet"])
        .expect(&["▸✓ clean", "revert Deployment/api in production"])
        .expect(&["undoes", "Bob", "Merge pull request #37 from"])
        .expect(&["containers[api].image", "api:1.4.2", "api:1.4.1"])
        .expect(&["~ update", "Deployment/api", "restarts 3 pods"])
        .until("nothing under way", |terminal| {
            !terminal.rows().iter().any(|row| row.contains(SPINNER))
        });

    terminal.press(ENTER);
    terminal
        .expect(&["Stage this as a pull request?"])
        .expect(&["type production and enter to stage"]);
    terminal.press("production").expect(&["> production"]);
    terminal.press(ENTER);
    terminal
        .expect(&["#38 Revert \"Merge pull request #37"])
        .expect(&["✓ pushed", "revert/"])
        .expect(&["✓ opened", "#38"])
        .expect(&["merged", "waiting for somebody to merge"])
        .expect(&["m merges it"]);

    terminal.press("m").expect(&["Merge the pull request?"]);
    terminal
        .press("y")
        .expect(&["│ ✓ merged"])
        .expect(&["│ ✓ synced"])
        .expect(&["│ ✓ healthy"]);

    // The place it began at shows it as well.
    terminal
        .press("1")
        .expect(&["● Healthy"])
        .expect(&["● ReplicaSet/api", "3/3 ready"])
        .expect(&["▸", "You", "api 1.4.2 → 1.4.1"]);
    terminal.press("Q").ended();
}

#[test]
fn fits_a_small_terminal_follows_its_size_and_gives_it_back() {
    let mut terminal = Terminal::open(80, 24);
    terminal.expect(&["[1 Deployed]"]).expect(&["▸api"]);
    let screen = terminal.parser.screen();
    assert!(screen.alternate_screen() && screen.hide_cursor());
    assert_ne!(mode(&*terminal.master), terminal.mode);
    terminal.resize(100, 30);
    terminal.until("a last row with hints", |terminal| {
        let rows = terminal.rows();
        rows.len() == 30 && rows[29].ends_with("? help")
    });
    terminal.resize(20, 5);
    terminal.expect(&["gitopsy needs"]);
    terminal.resize(80, 24);
    terminal.expect(&["▸api"]).press("q").ended();
}

/// A key that came together with a change of size was not read until the next key.
#[test]
fn reads_keys_that_come_with_a_change_of_size() {
    let mut terminal = Terminal::open(100, 30);
    terminal.expect(&["▸api"]);
    let first = terminal.cursor().expect("a cursor");
    for round in 0..100 {
        for _ in 0..3 {
            terminal.resize(101, 30);
            terminal.press(DOWN).press(UP);
            terminal.resize(100, 30);
            terminal.press(if round % 2 == 0 { DOWN } else { UP });
            terminal.resize(101, 30);
            terminal.press(if round % 2 == 0 { UP } else { DOWN });
        }
        terminal.resize(100, 30);
        terminal.press(if round % 2 == 0 { DOWN } else { UP });
        let row = first + (round + 1) % 2;
        terminal.until("the cursor where it was moved to", |terminal| {
            terminal.cursor() == Some(row)
        });
    }
    terminal.press("q").ended();
}

/// Closing the window is no confirmation of anything, and leaves as little behind as quitting.
#[test]
fn leaves_nothing_when_the_terminal_is_closed() {
    let mut terminal = Terminal::open(120, 40);
    terminal.expect(&["▸api"]);
    // The hangup that a closing window sends.
    terminal.child.clone_killer().kill().expect("signalled");
    terminal.ended();
}
