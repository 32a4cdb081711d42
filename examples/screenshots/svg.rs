//! A frame as SVG. Every run of text is put at its column and stretched to its width, so that no font moves what follows it.

use std::fmt::{self, Display};

use ratatui::buffer::{Buffer, Cell, CellWidth};
use ratatui::style::{Color, Modifier};

/// A cell, in the picture's units.
const WIDTH: usize = 10;
const HEIGHT: usize = 20;
/// From the top of a cell to the baseline of its text.
const BASELINE: usize = 15;
const MARGIN: usize = 14;
/// Fonts whose characters are 0.6 as wide as they are high.
const FONT: &str =
    "ui-monospace,'SF Mono',Menlo,'DejaVu Sans Mono','Liberation Mono',Consolas,monospace";
const FONT_SIZE: &str = "16.6";

const FOREGROUND: Rgb = Rgb(0xd4, 0xd7, 0xdd);
const BACKGROUND: Rgb = Rgb(0x16, 0x19, 0x1f);
/// The terminal's own colours, as they are named from black to white.
const PALETTE: [Rgb; 16] = [
    Rgb(0x16, 0x19, 0x1f),
    Rgb(0xf0, 0x71, 0x6e),
    Rgb(0x7f, 0xca, 0x83),
    Rgb(0xe3, 0xb9, 0x5f),
    Rgb(0x6e, 0xa8, 0xfe),
    Rgb(0xcf, 0x8e, 0xf0),
    Rgb(0x56, 0xc5, 0xd0),
    Rgb(0xb9, 0xbe, 0xc8),
    Rgb(0x6b, 0x72, 0x80),
    Rgb(0xff, 0x8f, 0x8c),
    Rgb(0x9a, 0xe2, 0x9e),
    Rgb(0xf4, 0xd1, 0x88),
    Rgb(0x94, 0xc0, 0xff),
    Rgb(0xe0, 0xad, 0xfa),
    Rgb(0x7f, 0xdf, 0xe8),
    Rgb(0xff, 0xff, 0xff),
];

struct Glyph<'f> {
    x: usize,
    width: usize,
    symbol: &'f str,
    ink: Ink,
}

#[derive(Clone, Copy, PartialEq)]
struct Ink {
    text: Rgb,
    behind: Rgb,
    modifiers: Modifier,
}

#[derive(Clone, Copy, PartialEq)]
struct Rgb(u8, u8, u8);

pub fn draw(frame: &Buffer) -> String {
    let (columns, rows) = (
        usize::from(frame.area.width),
        usize::from(frame.area.height),
    );
    let (width, height) = (columns * WIDTH + 2 * MARGIN, rows * HEIGHT + 2 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n\
         <g font-family=\"{FONT}\" font-size=\"{FONT_SIZE}\">\n"
    );
    for y in 0..rows {
        let glyphs = glyphs(&frame.content[y * columns..(y + 1) * columns]);
        let top = MARGIN + y * HEIGHT;
        for run in glyphs.chunk_by(|a, b| a.ink.behind == b.ink.behind) {
            backdrop(&mut svg, top, run);
        }
        for run in glyphs.chunk_by(goes_on) {
            text(&mut svg, top, run);
        }
    }
    svg.push_str("</g>\n</svg>\n");
    svg
}

fn glyphs(row: &[Cell]) -> Vec<Glyph<'_>> {
    let mut glyphs = Vec::new();
    let mut x = 0;
    while let Some(cell) = row.get(x) {
        let width = usize::from(cell.symbol().cell_width()).max(1);
        glyphs.push(Glyph {
            x,
            width,
            symbol: cell.symbol(),
            ink: ink(cell),
        });
        // The cells a wide character covers are its own.
        x += width;
    }
    glyphs
}

fn ink(cell: &Cell) -> Ink {
    let (mut text, mut behind) = (rgb(cell.fg, FOREGROUND), rgb(cell.bg, BACKGROUND));
    if cell.modifier.contains(Modifier::REVERSED) {
        std::mem::swap(&mut text, &mut behind);
    }
    Ink {
        text,
        behind,
        modifiers: cell.modifier,
    }
}

/// Words stay together; blanks between columns and characters that fonts draw in widths of their own do not.
fn goes_on(a: &Glyph, b: &Glyph) -> bool {
    let together = if a.symbol.is_ascii() {
        b.symbol.is_ascii() && !(a.symbol == " " && b.symbol == " ")
    } else {
        a.symbol == b.symbol
    };
    a.ink == b.ink && together
}

fn backdrop(svg: &mut String, top: usize, run: &[Glyph]) {
    let Some(first) = run.first().filter(|glyph| glyph.ink.behind != BACKGROUND) else {
        return;
    };
    let (x, width) = (MARGIN + first.x * WIDTH, span(run));
    svg.push_str(&format!(
        "<rect x=\"{x}\" y=\"{top}\" width=\"{width}\" height=\"{HEIGHT}\" fill=\"{}\"/>\n",
        first.ink.behind
    ));
}

fn text(svg: &mut String, top: usize, run: &[Glyph]) {
    let is_blank = |glyph: &Glyph| glyph.symbol == " ";
    let Some(start) = run.iter().position(|glyph| !is_blank(glyph)) else {
        return;
    };
    let end = run.iter().rposition(|glyph| !is_blank(glyph));
    let run = &run[start..=end.unwrap_or(start)];
    let (x, width, ink) = (MARGIN + run[0].x * WIDTH, span(run), run[0].ink);
    svg.push_str(&format!(
        "<text x=\"{x}\" y=\"{}\" textLength=\"{width}\" lengthAdjust=\"spacingAndGlyphs\" fill=\"{}\"",
        top + BASELINE,
        ink.text
    ));
    for (modifier, attribute) in [
        (Modifier::BOLD, " font-weight=\"bold\""),
        (Modifier::ITALIC, " font-style=\"italic\""),
        (Modifier::UNDERLINED, " text-decoration=\"underline\""),
        (Modifier::DIM, " opacity=\"0.6\""),
    ] {
        if ink.modifiers.contains(modifier) {
            svg.push_str(attribute);
        }
    }
    svg.push('>');
    for glyph in run {
        svg.push_str(&escaped(glyph.symbol));
    }
    svg.push_str("</text>\n");
}

fn span(run: &[Glyph]) -> usize {
    run.iter().map(|glyph| glyph.width * WIDTH).sum()
}

fn escaped(symbol: &str) -> String {
    symbol
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn rgb(colour: Color, plain: Rgb) -> Rgb {
    match colour {
        Color::Reset => plain,
        Color::Rgb(r, g, b) => Rgb(r, g, b),
        Color::Black => PALETTE[0],
        Color::Red => PALETTE[1],
        Color::Green => PALETTE[2],
        Color::Yellow => PALETTE[3],
        Color::Blue => PALETTE[4],
        Color::Magenta => PALETTE[5],
        Color::Cyan => PALETTE[6],
        Color::Gray => PALETTE[7],
        Color::DarkGray => PALETTE[8],
        Color::LightRed => PALETTE[9],
        Color::LightGreen => PALETTE[10],
        Color::LightYellow => PALETTE[11],
        Color::LightBlue => PALETTE[12],
        Color::LightMagenta => PALETTE[13],
        Color::LightCyan => PALETTE[14],
        Color::White => PALETTE[15],
        Color::Indexed(index) => indexed(index),
    }
}

/// xterm's 256 colours: the palette, a cube of 6×6×6, and 24 greys.
fn indexed(index: u8) -> Rgb {
    match index {
        0..16 => PALETTE[usize::from(index)],
        16..232 => {
            let level = |place: u8| match (index - 16) / place % 6 {
                0 => 0,
                step => 55 + 40 * step,
            };
            Rgb(level(36), level(6), level(1))
        }
        232.. => {
            let grey = 8 + 10 * (index - 232);
            Rgb(grey, grey, grey)
        }
    }
}

impl Display for Rgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    fn texts(draw: impl FnOnce(&mut Buffer)) -> Vec<String> {
        let mut frame = Buffer::empty(Rect::new(0, 0, 20, 1));
        draw(&mut frame);
        let svg = super::draw(&frame);
        let shapes = svg.lines().skip(3);
        shapes
            .take_while(|line| *line != "</g>")
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn each_run_is_at_its_column_and_as_wide_as_its_cells() {
        let found = texts(|frame| frame.set_string(1, 0, "a<b  &c 漢e", Style::new()));
        let expected = [
            (24, 30, "a&lt;b"),
            (74, 20, "&amp;c"),
            (104, 20, "漢"),
            (124, 10, "e"),
        ];
        let expected = expected.map(|(x, width, text)| {
            format!(
                "<text x=\"{x}\" y=\"29\" textLength=\"{width}\" lengthAdjust=\"spacingAndGlyphs\" fill=\"#d4d7dd\">{text}</text>"
            )
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn styles_are_kept() {
        let style = Style::new().fg(Color::Red).bold().reversed();
        let found = texts(|frame| frame.set_string(0, 0, "x ", style));
        assert_eq!(
            found[0],
            "<rect x=\"14\" y=\"14\" width=\"20\" height=\"20\" fill=\"#f0716e\"/>"
        );
        assert!(found[1].ends_with("fill=\"#16191f\" font-weight=\"bold\">x</text>"));
        assert_eq!(found.len(), 2);
    }

    /// From xterm's own table (256colres.h).
    #[test]
    fn indexed_colours_are_xterms() {
        for (index, colour) in [
            (16, "#000000"),
            (67, "#5f87af"),
            (231, "#ffffff"),
            (232, "#080808"),
            (245, "#8a8a8a"),
            (255, "#eeeeee"),
        ] {
            assert_eq!(indexed(index).to_string(), colour, "{index}");
        }
    }
}
