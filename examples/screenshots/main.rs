//! `cargo run --example screenshots` makes the pictures in `screenshots/`: frames of the real interface, driven by keys through the
//! demo's story. Always at the same moment, so that what did not change makes the same bytes.

mod svg;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use gitopsy::demo::{self, Deployer};
use gitopsy::review::{Clock, ClusterChoice, Kubeconfig, Options, Workspace};
use gitopsy::tui::Settings;
use gitopsy::tui::app::{App, Message};
use gitopsy::tui::cx::Effect;
use gitopsy::tui::worker::{self, Inbox};
use jiff::Timestamp;
use ratatui::buffer::Buffer;

const SIZE: (u16, u16) = (120, 40);

/// When the pictures are taken.
const NOW: &str = "2026-03-02T12:00:00Z";

/// Far longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let screenshots = directory();
    std::fs::create_dir_all(&screenshots)?;
    for (name, picture) in pictures().await? {
        let path = screenshots.join(name);
        std::fs::write(&path, picture)?;
        println!("{}", path.display());
    }
    Ok(())
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("screenshots")
}

/// File name → SVG.
async fn pictures() -> anyhow::Result<BTreeMap<&'static str, String>> {
    let temporary = tempfile::tempdir()?;
    // Paths are shown as they were named: from here, they are the same on every machine.
    std::env::set_current_dir(temporary.path())?;
    let clock = Hand::at(NOW.parse()?);
    let demo = demo::build(Path::new("demo"), clock.now())?;
    cloned_at(&demo.clone, clock.now())?;
    let mut deployer = Deployer::new(&demo)?;
    let mut session = Session::open(clock.clone())?;
    let mut pictures = BTreeMap::new();
    let mut take = |name, frame: Buffer| pictures.insert(name, svg::draw(&frame));

    session.at_rest("✗ 1.4.2").await?;
    session.press(&[KeyCode::Right, KeyCode::Right]);
    take("deployed.svg", session.at_rest("Merge pull").await?);
    session.press(&[KeyCode::Enter]);
    session.at_rest("✗ Deployment/api").await?;
    session.write("jjj");
    session.press(&[KeyCode::Enter]);
    take("resource.svg", session.at_rest("api 1.4.1 → 1.4.2").await?);
    session.write("r");
    take("revert.svg", session.at_rest("restarts 3 pods").await?);

    session.press(&[KeyCode::Enter]);
    session.write("production");
    session.press(&[KeyCode::Enter]);
    session.sees("m merges it").await?;
    clock.pass(47);
    session.write("my");
    session.sees("0 of 1 objects as merged").await?;
    clock.pass(6);
    let merged = deployer.waiting()?.context("nothing was merged")?;
    deployer.apply(merged, clock.now())?;
    session.sees("✓ synced").await?;
    clock.pass(19);
    deployer.settle(clock.now())?;
    take("healthy.svg", session.at_rest("✓ healthy").await?);
    Ok(pictures)
}

/// Git cloned by the machine's clock, and leaves it in its files; the pictures have one of their own.
fn cloned_at(clone: &Path, time: Timestamp) -> anyhow::Result<()> {
    for name in [
        "FETCH_HEAD",
        "packed-refs",
        "refs/remotes/origin/main",
        "logs/refs/remotes/origin/main",
    ] {
        let path = clone.join(".git").join(name);
        if path.is_file() {
            let file = std::fs::File::options().append(true).open(&path)?;
            file.set_modified(time.into())?;
        }
    }
    Ok(())
}

/// A clock that is moved by hand.
#[derive(Clone)]
struct Hand(Arc<AtomicI64>);

impl Hand {
    fn at(time: Timestamp) -> Hand {
        Hand(Arc::new(AtomicI64::new(time.as_second())))
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap_or_default()
    }

    fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

/// The interface without a terminal, on the demo in the current directory.
struct Session {
    workspace: Workspace,
    changes: tokio::sync::watch::Receiver<u64>,
    inbox: Arc<Inbox>,
    app: App,
    clock: Hand,
}

impl Session {
    fn open(clock: Hand) -> anyhow::Result<Session> {
        let hand = clock.clone();
        let workspace = Workspace::open(Options {
            repo: Some("demo/environments".into()),
            branch: None,
            cluster: ClusterChoice::Snapshot("demo/cluster".into()),
            kubeconfig: Kubeconfig::named(Vec::new()),
            offline: false,
            read_only: false,
            overrides: Default::default(),
            state: std::env::current_dir()?.join("state"),
            cache: None,
            allow_network: false,
            clock: Clock::new(move || hand.now()),
        })?;
        let settings = Settings::new(None, BTreeMap::new(), Path::new("themes"))?;
        let (app, effects) = App::new(settings, workspace.header(), None, clock.now(), SIZE);
        let session = Session {
            changes: workspace.changes(),
            workspace,
            inbox: Arc::default(),
            app,
            clock,
        };
        session.start(effects);
        Ok(session)
    }

    fn start(&self, effects: Vec<Effect>) {
        for effect in effects {
            if let Effect::Ask(ask) = effect {
                worker::start(&self.workspace, ask, &self.inbox);
            }
        }
    }

    fn update(&mut self, messages: Vec<Message>) {
        let effects = self.app.update(messages, self.clock.now());
        self.start(effects);
    }

    fn press(&mut self, keys: &[KeyCode]) {
        let event = |key: &KeyCode| Message::Key(KeyEvent::new(*key, KeyModifiers::NONE));
        self.update(keys.iter().map(event).collect());
    }

    fn write(&mut self, text: &str) {
        self.press(&text.chars().map(KeyCode::Char).collect::<Vec<_>>());
    }

    /// The first frame with `text` on it.
    async fn sees(&mut self, text: &str) -> anyhow::Result<Buffer> {
        self.until(text, |_| true).await
    }

    /// The first frame with `text` on it while no answer is awaited.
    async fn at_rest(&mut self, text: &str) -> anyhow::Result<Buffer> {
        // While something is under way, the next frame is due in a second.
        let rests = |app: &App| app.deadline() > Duration::from_secs(1);
        self.until(text, rests).await
    }

    async fn until(&mut self, text: &str, ready: impl Fn(&App) -> bool) -> anyhow::Result<Buffer> {
        loop {
            let frame = self.app.frame();
            let shown = lines(&frame);
            if ready(&self.app) && shown.contains(text) {
                return Ok(frame);
            }
            let more = async {
                tokio::select! {
                    () = self.inbox.arrival() => {}
                    Ok(()) = self.changes.changed() => {}
                }
            };
            if tokio::time::timeout(PATIENCE, more).await.is_err() {
                bail!("{text:?} does not come:\n{shown}");
            }
            let changed = *self.changes.borrow_and_update();
            let replies = self.inbox.take().into_iter().map(Message::Reply);
            let changed = Message::Changed(self.workspace.header(), changed);
            let messages = std::iter::once(changed).chain(replies).collect();
            self.update(messages);
        }
    }
}

fn lines(frame: &Buffer) -> String {
    let width = usize::from(frame.area.width);
    let line = |row: &[ratatui::buffer::Cell]| {
        let symbols = row.iter().map(ratatui::buffer::Cell::symbol);
        symbols.collect::<String>() + "\n"
    };
    frame.content.chunks(width).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_pictures_show_what_the_program_shows() {
        for (name, picture) in pictures().await.unwrap() {
            let kept = std::fs::read_to_string(directory().join(name)).unwrap_or_default();
            assert!(
                kept == picture,
                "screenshots/{name} is not what it was: run `cargo run --example screenshots` and look at it"
            );
        }
    }
}
