//! Styles by meaning, not by colour.
//!
//! Screens say what a piece of text *is* ([`Role`]); a theme says how that looks. Themes are TOML files, three of them built in:
//! `dark` and `light` use the terminal's own palette, so that a user's colours stay theirs, and `mono` uses no colour at all (it is
//! what `NO_COLOR` selects). A file of the same name in the user's theme directory is laid over the built-in one. No meaning rests on
//! colour alone: every role that says something about the world comes with a mark and a word.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;

const DARK: &str = include_str!("../../themes/dark.toml");
const LIGHT: &str = include_str!("../../themes/light.toml");
const MONO: &str = include_str!("../../themes/mono.toml");

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    #[default]
    Text,
    /// Less important: units, separators, what is folded.
    Dim,
    /// Names of columns and fields of a detail.
    Label,
    Title,
    /// The title and rule of the pane that has the keyboard.
    FocusedTitle,
    Rule,
    FocusedRule,
    Header,
    Tab,
    ActiveTab,
    Badge,
    /// A key in a hint.
    Key,
    Selected,
    /// The selection of a pane without the keyboard.
    SelectedElsewhere,
    Marked,
    Match,
    Hash,
    Author,
    Age,
    Version,
    Resource,
    Environment,
    Pull,
    Added,
    Removed,
    Modified,
    /// The words of a line that differ.
    AddedWord,
    RemovedWord,
    Healthy,
    Progressing,
    Degraded,
    Suspended,
    Missing,
    Unknown,
    Drift,
    Behind,
    Good,
    Warning,
    Error,
    YamlKey,
    YamlString,
    /// Numbers, truths and null.
    YamlLiteral,
    YamlComment,
}

/// A theme that cannot be used, and why.
#[derive(Debug, thiserror::Error)]
pub enum ThemeError {
    #[error(
        "no theme is called `{0}`\nhint: built in are dark, light and mono; others are NAME.toml in the theme directory"
    )]
    Unknown(String),
    #[error("theme `{name}`: {error}")]
    Syntax {
        name: String,
        error: toml::de::Error,
    },
    #[error(
        "theme `{name}`: `{colour}` is no colour\nhint: a name such as `red` or `light-blue`, an index 0–255, or `#rrggbb`"
    )]
    Colour { name: String, colour: String },
    #[error("theme `{name}` cannot be read: {error}")]
    Read { name: String, error: std::io::Error },
}

/// A style for every role; a role without one looks like plain text.
#[derive(Debug, Clone)]
pub struct Theme {
    styles: BTreeMap<Role, Style>,
}

#[derive(Deserialize)]
struct File {
    /// The built-in theme this one is laid over.
    base: Option<String>,
    #[serde(flatten)]
    looks: BTreeMap<Role, Look>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Look {
    fg: Option<String>,
    bg: Option<String>,
    #[serde(default)]
    bold: bool,
    #[serde(default)]
    dim: bool,
    #[serde(default)]
    italic: bool,
    #[serde(default)]
    underline: bool,
    #[serde(default)]
    reverse: bool,
}

impl Theme {
    /// The theme `name`: from `directory` where there is a `NAME.toml`, over the built-in one of that name, or over `base`.
    pub fn load(name: &str, directory: Option<&Path>) -> Result<Theme, ThemeError> {
        let mut theme = Theme {
            styles: BTreeMap::new(),
        };
        let own = match directory.map(|directory| directory.join(format!("{name}.toml"))) {
            // A name with a separator in it could reach any file.
            Some(path) if !name.contains(['/', '\\']) && path.is_file() => Some(
                std::fs::read_to_string(&path).map_err(|error| ThemeError::Read {
                    name: name.to_owned(),
                    error,
                })?,
            ),
            _ => None,
        };
        let Some(own) = own else {
            let built_in = built_in(name).ok_or_else(|| ThemeError::Unknown(name.to_owned()))?;
            theme.lay_over(name, parse(name, built_in)?)?;
            return Ok(theme);
        };
        let own = parse(name, &own)?;
        let base = own.base.clone().unwrap_or_else(|| {
            if built_in(name).is_some() {
                name.to_owned()
            } else {
                "dark".to_owned()
            }
        });
        let under = built_in(&base).ok_or_else(|| ThemeError::Unknown(base.clone()))?;
        theme.lay_over(&base, parse(&base, under)?)?;
        theme.lay_over(name, own)?;
        Ok(theme)
    }

    pub fn style(&self, role: Role) -> Style {
        self.styles.get(&role).copied().unwrap_or_default()
    }

    fn lay_over(&mut self, name: &str, file: File) -> Result<(), ThemeError> {
        for (role, look) in file.looks {
            self.styles.insert(role, look.style(name)?);
        }
        Ok(())
    }
}

fn parse(name: &str, toml: &str) -> Result<File, ThemeError> {
    toml::from_str(toml).map_err(|error| ThemeError::Syntax {
        name: name.to_owned(),
        error,
    })
}

fn built_in(name: &str) -> Option<&'static str> {
    match name {
        "dark" => Some(DARK),
        "light" => Some(LIGHT),
        "mono" => Some(MONO),
        _ => None,
    }
}

impl Look {
    fn style(&self, theme: &str) -> Result<Style, ThemeError> {
        let colour = |text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => Color::from_str(text)
                .map(Some)
                .map_err(|_| ThemeError::Colour {
                    name: theme.to_owned(),
                    colour: text.clone(),
                }),
        };
        let mut style = Style::new();
        style.fg = colour(&self.fg)?;
        style.bg = colour(&self.bg)?;
        let modifiers = [
            (self.bold, Modifier::BOLD),
            (self.dim, Modifier::DIM),
            (self.italic, Modifier::ITALIC),
            (self.underline, Modifier::UNDERLINED),
            (self.reverse, Modifier::REVERSED),
        ];
        for (on, modifier) in modifiers {
            if on {
                style = style.add_modifier(modifier);
            }
        }
        Ok(style)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_themes_parse() {
        for name in ["dark", "light", "mono"] {
            Theme::load(name, None).unwrap();
        }
    }

    #[test]
    fn mono_has_no_colour() {
        let theme = Theme::load("mono", None).unwrap();
        for (role, style) in &theme.styles {
            assert_eq!((style.fg, style.bg), (None, None), "{role:?}");
        }
    }

    /// Selection must show without colour, in every theme that relies on the terminal's palette.
    #[test]
    fn mono_shows_the_selection() {
        let theme = Theme::load("mono", None).unwrap();
        assert!(
            theme
                .style(Role::Selected)
                .add_modifier
                .contains(Modifier::REVERSED)
        );
    }

    #[test]
    fn a_user_file_is_laid_over_the_built_in_one() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(
            directory.path().join("dark.toml"),
            "hash = { fg = '#010203' }\n",
        )
        .unwrap();
        let theme = Theme::load("dark", Some(directory.path())).unwrap();
        let plain = Theme::load("dark", None).unwrap();
        assert_eq!(theme.style(Role::Hash).fg, Some(Color::Rgb(1, 2, 3)));
        assert_eq!(theme.style(Role::Added), plain.style(Role::Added));
    }

    #[test]
    fn a_wrong_role_or_colour_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let write = |text: &str| std::fs::write(directory.path().join("mine.toml"), text).unwrap();
        write("colour-of-money = { fg = 'green' }\n");
        let error = Theme::load("mine", Some(directory.path()))
            .unwrap_err()
            .to_string();
        assert!(error.contains("colour-of-money"), "{error}");
        write("hash = { fg = 'blurple' }\n");
        let error = Theme::load("mine", Some(directory.path()))
            .unwrap_err()
            .to_string();
        assert!(error.contains("blurple"), "{error}");
        assert!(matches!(
            Theme::load("../x", Some(directory.path())),
            Err(ThemeError::Unknown(_))
        ));
    }
}
