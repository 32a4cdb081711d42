//! Answers as Markdown, to paste into a pull request or a report.
//!
//! Commands print lines and tables and know nothing of this: a line at the margin is a paragraph, an indented one an item
//! of a list, deeper ones items below it. Nothing that comes from a repository or a cluster can become markup or a mention of
//! somebody: all of it is escaped.

/// A document, written from top to bottom.
#[derive(Debug, Default)]
pub struct Markdown {
    text: String,
    /// How far the items of the list that is open are indented, each below the one before.
    list: Vec<usize>,
    is_fenced: bool,
}

/// Longer than any run of backticks that is left in what it holds.
const FENCE: &str = "```";

impl Markdown {
    pub fn line(&mut self, line: &str) {
        let text = escaped(line.trim());
        let indent = line.len() - line.trim_start().len();
        if indent == 0 || text.is_empty() {
            self.part();
            if !text.is_empty() {
                self.push(&text);
            }
            return;
        }
        self.unfence();
        self.list.retain(|above| *above <= indent);
        if self.list.last() != Some(&indent) {
            if self.list.is_empty() {
                self.part();
            }
            self.list.push(indent);
        }
        self.push(&format!("{}- {text}", "  ".repeat(self.list.len() - 1)));
    }

    /// A line whose spaces count.
    pub fn verbatim(&mut self, line: &str) {
        if !self.is_fenced {
            self.part();
            self.push(FENCE);
            self.is_fenced = true;
        }
        // Three would end it.
        self.push(&line.replace(FENCE, "` ` `"));
    }

    pub fn heading(&mut self, text: &str) {
        self.part();
        self.push(&format!("### {}", escaped(text.trim())));
    }

    pub fn table<'t>(&mut self, head: &[&str], rows: impl Iterator<Item = Vec<&'t str>>) {
        self.part();
        let row = |cells: &[&str]| {
            let cells: Vec<String> = cells.iter().map(|cell| escaped(cell.trim())).collect();
            format!("| {} |", cells.join(" | "))
        };
        self.push(&row(head));
        self.push(&format!("|{}", " --- |".repeat(head.len())));
        for cells in rows {
            self.push(&row(&cells));
        }
    }

    /// What was written so far.
    pub fn take(&mut self) -> String {
        self.unfence();
        self.list.clear();
        std::mem::take(&mut self.text)
    }

    /// Ends what came before.
    fn part(&mut self) {
        self.unfence();
        self.list.clear();
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    fn unfence(&mut self) {
        if self.is_fenced {
            self.is_fenced = false;
            self.push(FENCE);
        }
    }

    fn push(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }
}

/// Text that is nothing but text: what Markdown and HTML give a meaning to loses it (CommonMark 0.31 §2.4, §2.5).
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (at, letter) in text.char_indices() {
        match letter {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' => {
                escaped.push('\\');
                escaped.push(letter);
            }
            '&' => escaped.push_str("&amp;"),
            // Forges turn it into a mention of somebody.
            '@' => escaped.push_str("&#64;"),
            // At the beginning of a line they would begin a list or a heading.
            '#' | '-' | '+' | '=' if at == 0 => {
                escaped.push('\\');
                escaped.push(letter);
            }
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_paragraphs_and_lists() {
        let mut markdown = Markdown::default();
        for line in [
            "a1b2c3d  web 1.1",
            "    web 1.0 → 1.1",
            "    reaches",
            "        prod",
            "        dev",
            "    by whom",
            "",
            "next",
        ] {
            markdown.line(line);
        }
        markdown.verbatim("  key:  1");
        markdown.verbatim("  ``` 2");
        markdown.heading("~ prod");
        markdown.table(&["a", "b"], [vec!["1|2", " 3"]].into_iter());
        assert_eq!(
            markdown.take(),
            "a1b2c3d  web 1.1\n\n- web 1.0 → 1.1\n- reaches\n  - prod\n  - dev\n- by whom\n\nnext\n\n```\n  key:  1\n  ` ` ` 2\n```\n\n\
             ### \\~ prod\n\n| a | b |\n| --- | --- |\n| 1\\|2 | 3 |\n"
        );
    }

    #[test]
    fn hostile_text_stays_text() {
        for (text, expected) in [
            ("<img src=x onerror=y>", "\\<img src=x onerror=y\\>"),
            ("[a](javascript:b) `c`", "\\[a\\](javascript:b) \\`c\\`"),
            ("@everyone *now* &lt;", "&#64;everyone \\*now\\* &amp;lt;"),
            ("# Title", "\\# Title"),
            ("- item", "\\- item"),
            ("fixes #12", "fixes #12"),
        ] {
            assert_eq!(escaped(text), expected);
        }
    }
}
