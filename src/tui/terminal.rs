//! The terminal: taken over at the start, given back on every way out, lent to other programs in between.

use std::io::{self, BufWriter, Stdout, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;

use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::execute;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};

use super::cx::K9s;

/// Most bytes sent to the clipboard: terminals drop longer sequences whole.
const CLIPBOARD: usize = 74_994;
/// A frame goes to the terminal whole: in pieces it is seen half done, and costs more.
const FRAME: usize = 64 << 10;

/// The terminal while it is ours. Dropping it gives it back.
pub struct Tty {
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    previous: Arc<dyn Fn(&std::panic::PanicHookInfo<'_>) + Send + Sync>,
}

impl Tty {
    pub fn enter() -> io::Result<Tty> {
        let previous: Arc<dyn Fn(&std::panic::PanicHookInfo<'_>) + Send + Sync> =
            Arc::from(std::panic::take_hook());
        let hook = Arc::clone(&previous);
        let drawing = std::thread::current().id();
        std::panic::set_hook(Box::new(move |info| {
            // A panic while answering a question is shown as a failed answer; printing it would break the screen.
            if std::thread::current().id() == drawing {
                restore();
                hook(info);
            }
        }));
        let backend = CrosstermBackend::new(BufWriter::with_capacity(FRAME, io::stdout()));
        let tty = Tty {
            terminal: of_size(size()?, backend)?,
            previous,
        };
        take()?;
        Ok(tty)
    }

    /// Follows the size of the terminal: columns and rows as of now, which frames have until this is called again.
    pub fn follow_size(&mut self) -> io::Result<(u16, u16)> {
        let now = size()?;
        if now != self.terminal.current_buffer_mut().area {
            self.terminal.resize(now)?;
        }
        Ok((now.width, now.height))
    }

    pub fn draw(&mut self, view: impl FnOnce(&mut ratatui::buffer::Buffer)) -> io::Result<()> {
        self.terminal
            .draw(|frame| view(frame.buffer_mut()))
            .map(|_| ())
    }

    /// Puts `text` on the clipboard, by asking the terminal (OSC 52): works over ssh, needs no display.
    pub fn copy(&mut self, text: &str) -> Result<(), String> {
        if text.len() > CLIPBOARD {
            return Err(format!(
                "too long for the terminal's clipboard ({} bytes)",
                text.len()
            ));
        }
        execute!(io::stdout(), CopyToClipboard::to_clipboard_from(text))
            .map_err(|error| error.to_string())
    }

    /// Shows `text` in the user's pager.
    pub fn page(&mut self, text: &str) -> Result<(), String> {
        let pager = std::env::var("PAGER")
            .ok()
            .filter(|pager| !pager.trim().is_empty())
            .unwrap_or_else(|| "less".to_owned());
        let mut words = pager.split_whitespace();
        let mut command = Command::new(words.next().unwrap_or("less"));
        command.args(words).stdin(Stdio::piped());
        self.lend(&mut command, Some(text))
    }

    /// Hands over to k9s, and comes back when it ends.
    pub fn k9s(&mut self, on: &K9s) -> Result<(), String> {
        let mut command = Command::new("k9s");
        if let Some(context) = &on.context {
            command.args(["--context", context]);
        }
        if let Some(namespace) = &on.namespace {
            command.args(["--namespace", namespace]);
        }
        // As typed at its prompt: the kind, filtered by the name.
        command.args([
            "--command",
            &format!("{} /{}", on.kind.to_lowercase(), on.name),
        ]);
        self.lend(&mut command, None)
    }

    /// Runs a program on the terminal and takes the terminal back.
    fn lend(&mut self, command: &mut Command, input: Option<&str>) -> Result<(), String> {
        let program = command.get_program().to_string_lossy().into_owned();
        restore();
        let mut run = || -> io::Result<()> {
            let mut child = command.spawn()?;
            if let (Some(text), Some(mut stdin)) = (input, child.stdin.take()) {
                // A pager that is left early closes its input.
                match stdin.write_all(text.as_bytes()) {
                    Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error),
                    _ => {}
                }
            }
            child.wait().map(|_| ())
        };
        let result = run().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => format!("{program} is not installed"),
            _ => format!("{program}: {error}"),
        });
        let mut again = || {
            take()?;
            // Not `clear`, which asks the terminal where its cursor is and fails where none answers.
            self.terminal.resize(size()?)
        };
        again().map_err(|error: io::Error| error.to_string())?;
        result
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        restore();
        let previous = Arc::clone(&self.previous);
        if !std::thread::panicking() {
            std::panic::set_hook(Box::new(move |info| previous(info)));
        }
    }
}

/// Frames of one size until another is asked for, whatever the terminal's is by the time they are drawn: the state they show is
/// settled for a size, and a terminal may shrink in between.
fn of_size<B: Backend>(size: Rect, backend: B) -> Result<Terminal<B>, B::Error> {
    let viewport = Viewport::Fixed(size);
    Terminal::with_options(backend, TerminalOptions { viewport })
}

/// Columns and rows as of now.
fn size() -> io::Result<Rect> {
    let (columns, rows) = crossterm::terminal::size()?;
    Ok(Rect::new(0, 0, columns, rows))
}

/// Takes the terminal over; what it shows then is empty.
fn take() -> io::Result<()> {
    enable_raw_mode()?;
    execute!(
        io::stdout(),
        EnterAlternateScreen,
        EnableBracketedPaste,
        EnableMouseCapture
    )
}

/// Gives the terminal back as it was. Errors are ignored: there is nobody left to tell.
fn restore() {
    let _ = execute!(
        io::stdout(),
        DisableMouseCapture,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        crossterm::cursor::Show
    );
    let _ = disable_raw_mode();
}

/// Opens a page in the user's browser. Only http and https: the address comes from a repository or a forge.
pub fn browse(url: &str) -> Result<(), String> {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    if !is_web || url.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(format!(
            "not a web address: {}",
            crate::text::clean_line(url)
        ));
    }
    let opener = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let mut command = tokio::process::Command::new(opener);
    command
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command
        .spawn()
        .map_err(|_| format!("{opener} is not installed; the address is {url}"))?;
    tokio::spawn(async move { child.wait().await });
    Ok(())
}

#[cfg(test)]
mod tests {
    use ratatui::backend::TestBackend;

    use super::*;

    /// The program fell over when the terminal shrank between settling the state and drawing it.
    #[test]
    fn a_frame_has_the_size_its_state_was_settled_for() {
        let settled = Rect::new(0, 0, 100, 30);
        let mut terminal = of_size(settled, TestBackend::new(100, 30)).expect("a terminal");
        terminal.backend_mut().resize(20, 5);
        let frame = terminal.draw(|_| {}).expect("drawn");
        assert_eq!(frame.area, settled);
    }

    #[tokio::test]
    async fn only_web_addresses_are_opened() {
        for url in [
            "file:///etc/passwd",
            "javascript:alert(1)",
            "--help",
            "https://x\n--y",
            "https://a b",
            "",
        ] {
            assert!(browse(url).is_err(), "{url}");
        }
    }
}
