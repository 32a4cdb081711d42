//! Frames as golden files: the text, and under each line a line of letters that names the style of every cell, with a legend.
//! `GITOPSY_BLESS=1` writes them anew.

use std::fmt::Write;
use std::path::PathBuf;

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};

/// Compares a frame with `tests/tui/golden/NAME.txt`.
#[track_caller]
pub fn check(name: &str, buf: &Buffer) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/tui/golden")
        .join(format!("{name}.txt"));
    let actual = render(buf);
    if std::env::var_os("GITOPSY_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, actual).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_else(|_| {
        panic!(
            "{} is missing: run with GITOPSY_BLESS=1 and look at it",
            path.display()
        )
    });
    if expected != actual {
        let differing: Vec<String> = expected
            .lines()
            .zip(actual.lines())
            .filter(|(a, b)| a != b)
            .take(6)
            .map(|(a, b)| format!("- {a}\n+ {b}"))
            .collect();
        panic!(
            "{name} differs (GITOPSY_BLESS=1 writes it anew):\n{}\n\n{actual}",
            differing.join("\n")
        );
    }
}

fn render(buf: &Buffer) -> String {
    let mut styles: Vec<Style> = Vec::new();
    let mut out = String::new();
    let area = buf.area;
    let text = crate::desk::lines(buf);
    for y in area.top()..area.bottom() {
        let mut marks = String::new();
        for x in area.left()..area.right() {
            let style = buf[(x, y)].style();
            if is_plain(style) {
                marks.push(' ');
                continue;
            }
            let at = styles
                .iter()
                .position(|known| *known == style)
                .unwrap_or_else(|| {
                    styles.push(style);
                    styles.len() - 1
                });
            marks.push(letter(at));
        }
        let _ = writeln!(out, "{}", text[usize::from(y)]);
        if !marks.trim().is_empty() {
            let _ = writeln!(out, "\u{b7}{}", marks.trim_end());
        }
    }
    for (at, style) in styles.iter().enumerate() {
        let _ = writeln!(out, "{}: {}", letter(at), describe(*style));
    }
    out
}

fn letter(at: usize) -> char {
    char::from(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"[at])
}

fn is_plain(style: Style) -> bool {
    let none = |colour: Option<Color>| colour.is_none_or(|colour| colour == Color::Reset);
    none(style.fg) && none(style.bg) && style.add_modifier.is_empty()
}

fn describe(style: Style) -> String {
    let mut words = Vec::new();
    for (name, colour) in [("fg", style.fg), ("bg", style.bg)] {
        if let Some(colour) = colour.filter(|colour| *colour != Color::Reset) {
            words.push(format!("{name}={}", colour.to_string().to_lowercase()));
        }
    }
    let modifiers = [
        (Modifier::BOLD, "bold"),
        (Modifier::DIM, "dim"),
        (Modifier::ITALIC, "italic"),
        (Modifier::UNDERLINED, "underline"),
        (Modifier::REVERSED, "reverse"),
    ];
    words.extend(
        modifiers
            .iter()
            .filter(|(modifier, _)| style.add_modifier.contains(*modifier))
            .map(|(_, name)| (*name).to_owned()),
    );
    words.join(" ")
}
