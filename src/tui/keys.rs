//! The one table of actions. What a key does, the hints at the bottom, the help page, the command palette and what may be rebound
//! in the configuration are all read from it, so that they cannot disagree.

use std::collections::BTreeMap;
use std::fmt;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Everything a key can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    Up,
    Down,
    Left,
    Right,
    HalfUp,
    HalfDown,
    PageUp,
    PageDown,
    Top,
    Bottom,
    Enter,
    Stage,
    Resume,
    Escape,
    Out,
    Quit,
    NextPane,
    PreviousPane,
    Zoom,
    PlaceBack,
    PlaceForward,
    Deployed,
    Timeline,
    Resources,
    Drift,
    Reverts,
    Filter,
    NextMatch,
    PreviousMatch,
    Palette,
    Help,
    Calls,
    Doctor,
    Context,
    Diff,
    Yaml,
    Logs,
    DryRun,
    TextView,
    Suppressed,
    Wrap,
    Sort,
    Mark,
    TimeTravel,
    Revert,
    Merge,
    Fetch,
    Refresh,
    Copy,
    Open,
    Pager,
    K9s,
}

/// Which screen a key is pressed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    Deployed,
    Timeline,
    Change,
    Resources,
    Resource,
    Drift,
    Reverts,
    Revert,
    Text,
}

impl Place {
    pub const ALL: &[Place] = &[
        Place::Deployed,
        Place::Timeline,
        Place::Change,
        Place::Resources,
        Place::Resource,
        Place::Drift,
        Place::Reverts,
        Place::Revert,
        Place::Text,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Place::Deployed => "Deployed",
            Place::Timeline => "Timeline",
            Place::Change => "Change",
            Place::Resources => "Resources",
            Place::Resource => "Resource",
            Place::Drift => "Drift",
            Place::Reverts => "Reverts",
            Place::Revert => "Revert",
            Place::Text => "Text",
        }
    }
}

/// One line of the table.
pub struct Entry {
    pub action: Action,
    /// Its name in the configuration.
    pub id: &'static str,
    /// Default keys, the one to show first.
    pub keys: &'static [&'static str],
    /// A word or two, for hints and the palette.
    pub name: &'static str,
    /// What it does, for the help page.
    pub about: &'static str,
    pub places: &'static [Place],
    pub group: Group,
}

/// Where the help page lists it; hints show the actions of a screen, then those of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// What one does on this screen.
    Here,
    /// Showing the same thing otherwise.
    View,
    Screens,
    General,
    Move,
}

impl Group {
    pub fn name(self) -> &'static str {
        match self {
            Group::Here => "Here",
            Group::View => "View",
            Group::Screens => "Screens",
            Group::General => "Everywhere",
            Group::Move => "Moving",
        }
    }
}

use Place::{Change, Deployed, Drift, Resource, Resources, Revert, Reverts, Text, Timeline};
const EVERYWHERE: &[Place] = Place::ALL;
const LISTS: &[Place] = &[
    Deployed, Timeline, Change, Resources, Resource, Drift, Reverts, Text,
];

#[rustfmt::skip]
pub const TABLE: &[Entry] = &[
    here(Action::Enter, "enter", &["enter"], "open", "Go into what is selected", &[Deployed, Timeline, Change, Resources, Resource, Drift]),
    here(Action::Stage, "stage", &["enter"], "stage…", "Stage this as a pull request, after a confirmation", &[Revert]),
    here(Action::Resume, "resume", &["enter"], "resume…", "Take a revert up again where it stopped, after a confirmation", &[Reverts]),
    here(Action::Diff, "diff", &["d"], "change", "Show the change: of the commit that set this version, or between two marked commits", &[Deployed, Timeline, Resource, Drift]),
    here(Action::Revert, "revert", &["r"], "revert…", "Preview undoing this; nothing is written before you confirm", &[Deployed, Timeline, Change, Resources, Resource]),
    here(Action::Merge, "merge", &["m"], "merge", "Merge the pull request of the selected revert", &[Reverts]),
    here(Action::TimeTravel, "time-travel", &["t"], "time travel", "Show everything as it was at a date or revision", &[Deployed, Timeline, Resources]),
    here(Action::Mark, "mark", &["space"], "mark", "Mark a commit: `diff` compares two marked ones, `revert` undoes all marked", &[Timeline]),
    here(Action::Yaml, "yaml", &["y"], "yaml", "The whole object as YAML: declared and live", &[Change, Resource, Resources, Drift]),
    here(Action::Logs, "logs", &["l"], "logs", "The last lines that its crashing containers wrote", &[Resource, Resources, Drift]),
    here(Action::DryRun, "dry-run", &["a"], "ask server", "Ask the API server what applying git would change: a dry-run, which is not stored, but takes the right to patch; and back to comparing by reading", &[Drift]),
    here(Action::Copy, "copy", &["c"], "copy", "Copy the hash or the name to the clipboard", &[Deployed, Timeline, Change, Resources, Resource, Drift, Reverts, Revert]),
    here(Action::Open, "open", &["o"], "browser", "Open the pull request in the browser", &[Timeline, Change, Resource, Reverts]),
    here(Action::Pager, "pager", &["e"], "pager", "Open this text in $PAGER, read-only", &[Change, Resource, Drift, Revert, Text]),
    here(Action::K9s, "k9s", &["K"], "k9s", "Hand this object over to k9s", &[Resources, Resource, Drift]),
    view(Action::TextView, "text-view", &["v"], "text", "Fields, text, or text side by side", &[Change, Revert]),
    view(Action::Suppressed, "suppressed", &["x"], "suppressed", "Show or fold what is noise: checksums, chart labels, routine commits; and what differs and is no drift", &[Timeline, Change, Resource, Revert]),
    view(Action::Sort, "sort", &["S"], "sort", "Sort by the next column", &[Deployed, Drift]),
    view(Action::Wrap, "wrap", &["w"], "wrap", "Wrap long lines or cut them", &[Deployed, Timeline, Change, Resources, Resource, Drift, Reverts, Revert, Text]),
    view(Action::Zoom, "zoom", &["z"], "zoom", "Only the focused pane, or all", &[Deployed, Timeline, Change, Resources, Resource, Drift, Reverts, Revert]),
    entry(Action::Filter, "filter", &["/"], "filter", "Filter a list: words, env:prod kind:deploy ns:shop app:api author:alice is:degraded, -word excludes, \"two words\" are one; in the timeline also image:api:1.4 field:spec.replicas=5 value:text file:apps/** since:2w until:2024-05-01, which - excludes, too; search a text", LISTS, Group::General),
    entry(Action::NextPane, "next-pane", &["tab"], "pane", "Next pane", &[Deployed, Timeline, Change, Resources, Resource, Drift, Reverts, Revert, Text], Group::General),
    entry(Action::Help, "help", &["?", "f1"], "help", "The keys of this screen", EVERYWHERE, Group::General),
    entry(Action::Palette, "palette", &[":"], "palette", "Every action, screen, environment, kind, namespace and context by name", EVERYWHERE, Group::General),
    entry(Action::Escape, "escape", &["esc"], "back", "Clear the filter or the marks, else go back; never quits", EVERYWHERE, Group::General),
    entry(Action::Out, "out", &["q"], "out", "Go back; quit on the first screen", EVERYWHERE, Group::General),
    entry(Action::Quit, "quit", &["Q", "ctrl-c"], "quit", "Quit now", EVERYWHERE, Group::General),
    entry(Action::Fetch, "fetch", &["f"], "fetch", "Fetch the branch under review (your clone is not touched)", EVERYWHERE, Group::General),
    entry(Action::Refresh, "refresh", &["ctrl-r", "f5"], "refresh", "Ask again", EVERYWHERE, Group::General),
    entry(Action::Context, "context", &["C"], "context…", "Choose the kubeconfig context whose cluster an environment is compared with", EVERYWHERE, Group::General),
    entry(Action::Calls, "calls", &["@"], "calls", "Every git, tool and HTTP call made so far", EVERYWHERE, Group::General),
    entry(Action::Doctor, "doctor", &["D"], "doctor", "What works here: repository, layout, tools, cluster, forge", EVERYWHERE, Group::General),
    entry(Action::Deployed, "deployed", &["1"], "deployed", "What is deployed where, since when, by whom", EVERYWHERE, Group::Screens),
    entry(Action::Timeline, "timeline", &["2"], "timeline", "What each commit meant, and where each environment stands", EVERYWHERE, Group::Screens),
    entry(Action::Resources, "resources", &["3"], "resources", "Environments, apps, resources, with health and drift", EVERYWHERE, Group::Screens),
    entry(Action::Drift, "drift", &["4"], "drift", "Where the cluster is not what git says, and why", EVERYWHERE, Group::Screens),
    entry(Action::Reverts, "reverts", &["5"], "reverts", "Staged reverts, and how far each has come", EVERYWHERE, Group::Screens),
    entry(Action::PlaceBack, "place-back", &["[", "-"], "back", "The place before", EVERYWHERE, Group::Screens),
    entry(Action::PlaceForward, "place-forward", &["]"], "forward", "The place after", EVERYWHERE, Group::Screens),
    motion(Action::Up, "up", &["k", "up"], "up"),
    motion(Action::Down, "down", &["j", "down"], "down"),
    motion(Action::Left, "left", &["left"], "left"),
    motion(Action::Right, "right", &["right"], "right"),
    motion(Action::HalfUp, "half-up", &["ctrl-u"], "half a page up"),
    motion(Action::HalfDown, "half-down", &["ctrl-d"], "half a page down"),
    motion(Action::PageUp, "page-up", &["pgup", "ctrl-b"], "a page up"),
    motion(Action::PageDown, "page-down", &["pgdn", "ctrl-f"], "a page down"),
    motion(Action::Top, "top", &["g", "home"], "to the top"),
    motion(Action::Bottom, "bottom", &["G", "end"], "to the bottom"),
    entry(Action::PreviousPane, "previous-pane", &["shift-tab"], "previous pane", "Previous pane", &[Deployed, Timeline, Change, Resources, Resource, Drift, Reverts, Revert, Text], Group::Move),
    entry(Action::NextMatch, "next-match", &["n"], "next match", "Next match of the filter or search", LISTS, Group::Move),
    entry(Action::PreviousMatch, "previous-match", &["N"], "previous match", "Previous match of the filter or search", LISTS, Group::Move),
];

const fn entry(
    action: Action,
    id: &'static str,
    keys: &'static [&'static str],
    name: &'static str,
    about: &'static str,
    places: &'static [Place],
    group: Group,
) -> Entry {
    Entry {
        action,
        id,
        keys,
        name,
        about,
        places,
        group,
    }
}

const fn here(
    action: Action,
    id: &'static str,
    keys: &'static [&'static str],
    name: &'static str,
    about: &'static str,
    places: &'static [Place],
) -> Entry {
    entry(action, id, keys, name, about, places, Group::Here)
}

const fn view(
    action: Action,
    id: &'static str,
    keys: &'static [&'static str],
    name: &'static str,
    about: &'static str,
    places: &'static [Place],
) -> Entry {
    entry(action, id, keys, name, about, places, Group::View)
}

const fn motion(
    action: Action,
    id: &'static str,
    keys: &'static [&'static str],
    name: &'static str,
) -> Entry {
    entry(action, id, keys, name, name, EVERYWHERE, Group::Move)
}

/// A key with its modifiers, as one writes it: `j`, `G`, `ctrl-d`, `space`, `pgdn`, `f5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Hash)]
pub struct Chord {
    code: KeyCode,
    modifiers: KeyModifiers,
}

const NAMED: &[(&str, KeyCode)] = &[
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("shift-tab", KeyCode::BackTab),
    ("space", KeyCode::Char(' ')),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("pgup", KeyCode::PageUp),
    ("pgdn", KeyCode::PageDown),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("insert", KeyCode::Insert),
];

const CTRL_C: Chord = Chord {
    code: KeyCode::Char('c'),
    modifiers: KeyModifiers::CONTROL,
};

impl Chord {
    pub fn parse(text: &str) -> Option<Chord> {
        if let Some((_, code)) = NAMED.iter().find(|(name, _)| *name == text) {
            return Some(Chord {
                code: *code,
                modifiers: KeyModifiers::NONE,
            });
        }
        if let Some(rest) = text.strip_prefix("ctrl-") {
            return Some(Chord {
                modifiers: KeyModifiers::CONTROL,
                ..Chord::parse(rest)?
            });
        }
        if let Some(rest) = text.strip_prefix("alt-") {
            return Some(Chord {
                modifiers: KeyModifiers::ALT,
                ..Chord::parse(rest)?
            });
        }
        if let Some(number) = text.strip_prefix('f').filter(|rest| !rest.is_empty()) {
            let number = number.parse().ok().filter(|n| (1..=24).contains(n))?;
            return Some(Chord {
                code: KeyCode::F(number),
                modifiers: KeyModifiers::NONE,
            });
        }
        let mut characters = text.chars();
        match (characters.next(), characters.next()) {
            (Some(c), None) if !c.is_control() => Some(Chord {
                code: KeyCode::Char(c),
                modifiers: KeyModifiers::NONE,
            }),
            _ => None,
        }
    }
}

/// A pressed key. Terminals report shift with some characters and not with others: the character says it already.
impl From<KeyEvent> for Chord {
    fn from(event: KeyEvent) -> Chord {
        Chord {
            code: event.code,
            modifiers: event.modifiers & (KeyModifiers::CONTROL | KeyModifiers::ALT),
        }
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.modifiers.contains(KeyModifiers::CONTROL) {
            f.write_str("ctrl-")?;
        }
        if self.modifiers.contains(KeyModifiers::ALT) {
            f.write_str("alt-")?;
        }
        match self.code {
            KeyCode::F(number) => write!(f, "f{number}"),
            KeyCode::Char(c) if c != ' ' => write!(f, "{c}"),
            code => match NAMED.iter().find(|(_, named)| *named == code) {
                Some((name, _)) => f.write_str(name),
                None => f.write_str("?"),
            },
        }
    }
}

/// The table with the user's own keys in it.
pub struct Keymap {
    keys: BTreeMap<Action, Vec<Chord>>,
}

impl Keymap {
    /// `overrides`: action id → keys, separated by spaces; these replace the action's default keys and are taken away from any other
    /// action of the same screens. What cannot be used is reported and leaves the default in place.
    pub fn new(overrides: &BTreeMap<String, String>) -> (Keymap, Vec<String>) {
        let mut keys: BTreeMap<Action, Vec<Chord>> = BTreeMap::new();
        for entry in TABLE {
            keys.insert(
                entry.action,
                entry
                    .keys
                    .iter()
                    .filter_map(|key| Chord::parse(key))
                    .collect(),
            );
        }
        let mut problems = Vec::new();
        let mut own: Vec<(&Entry, Vec<Chord>)> = Vec::new();
        for (id, text) in overrides {
            let Some(entry) = TABLE.iter().find(|entry| entry.id == id) else {
                problems.push(format!("keys: no action is called `{id}`"));
                continue;
            };
            let mut chords = Vec::new();
            for word in text.split_whitespace() {
                match Chord::parse(word) {
                    Some(CTRL_C) if entry.action != Action::Quit => {
                        problems.push(format!("keys: `ctrl-c` (for `{id}`) always quits"))
                    }
                    Some(chord) => chords.push(chord),
                    None => problems.push(format!("keys: `{word}` (for `{id}`) is no key")),
                }
            }
            if chords.is_empty() {
                continue;
            }
            for (other, taken) in &own {
                if meet(entry, other)
                    && let Some(chord) = chords.iter().find(|chord| taken.contains(chord))
                {
                    problems.push(format!("keys: `{chord}` is both `{id}` and `{}`", other.id));
                }
            }
            own.push((entry, chords));
        }
        for (entry, chords) in own {
            for other in TABLE
                .iter()
                .filter(|other| other.action != entry.action && meet(entry, other))
            {
                if !overrides.contains_key(other.id)
                    && let Some(kept) = keys.get_mut(&other.action)
                {
                    kept.retain(|chord| !chords.contains(chord));
                }
            }
            keys.insert(entry.action, chords);
        }
        // Without a way out a user would be locked in.
        let quit = keys.entry(Action::Quit).or_default();
        if !quit.contains(&CTRL_C) {
            quit.push(CTRL_C);
        }
        (Keymap { keys }, problems)
    }

    /// What a key does on a screen.
    pub fn action(&self, place: Place, chord: Chord) -> Option<Action> {
        self.bound(chord)
            .find(|entry| entry.places.contains(&place))
            .map(|entry| entry.action)
    }

    /// Leaves, whatever lies over the screen.
    pub fn is_ctrl_c(&self, chord: Chord) -> bool {
        chord == CTRL_C
    }

    /// What a key does on other screens.
    pub fn elsewhere(&self, chord: Chord) -> Option<&'static Entry> {
        self.bound(chord).next()
    }

    fn bound(&self, chord: Chord) -> impl Iterator<Item = &'static Entry> + '_ {
        TABLE.iter().filter(move |entry| {
            self.keys
                .get(&entry.action)
                .is_some_and(|chords| chords.contains(&chord))
        })
    }

    /// The key to show for an action; empty where it has none.
    pub fn key(&self, action: Action) -> String {
        self.keys
            .get(&action)
            .and_then(|chords| chords.first())
            .map(Chord::to_string)
            .unwrap_or_default()
    }

    /// All its keys.
    pub fn all_keys(&self, action: Action) -> String {
        let chords = self
            .keys
            .get(&action)
            .map(Vec::as_slice)
            .unwrap_or_default();
        chords
            .iter()
            .map(Chord::to_string)
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// Whether there is a screen where both are valid.
fn meet(a: &Entry, b: &Entry) -> bool {
    a.places.iter().any(|place| b.places.contains(place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn keymap(overrides: &[(&str, &str)]) -> (Keymap, Vec<String>) {
        Keymap::new(
            &overrides
                .iter()
                .map(|(id, keys)| (id.to_string(), keys.to_string()))
                .collect(),
        )
    }

    fn chord(text: &str) -> Chord {
        Chord::parse(text).unwrap()
    }

    #[test]
    fn no_key_means_two_things_on_one_screen() {
        for place in Place::ALL {
            let mut seen = HashSet::new();
            for entry in TABLE.iter().filter(|entry| entry.places.contains(place)) {
                for key in entry.keys {
                    assert!(seen.insert(*key), "`{key}` twice on {place:?}");
                }
            }
        }
    }

    #[test]
    fn default_keys_parse_and_print_as_written() {
        let mut ids = HashSet::new();
        let mut actions = HashSet::new();
        for entry in TABLE {
            assert!(
                ids.insert(entry.id) && actions.insert(entry.action),
                "{} twice",
                entry.id
            );
            for key in entry.keys {
                assert_eq!(chord(key).to_string(), *key);
            }
        }
    }

    #[test]
    fn nothing_destructive_on_a_bare_motion_key() {
        let (map, _) = keymap(&[]);
        assert_eq!(
            map.action(Place::Timeline, chord("ctrl-d")),
            Some(Action::HalfDown)
        );
    }

    #[test]
    fn an_override_takes_its_key_from_the_default() {
        let (map, problems) = keymap(&[("fetch", "F y")]);
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(map.action(Place::Change, chord("y")), Some(Action::Fetch));
        assert_eq!(map.action(Place::Change, chord("f")), None);
        assert_eq!(map.key(Action::Yaml), "");
        assert_eq!(map.all_keys(Action::Fetch), "F y");
    }

    #[test]
    fn what_cannot_be_bound_is_reported() {
        let (map, problems) = keymap(&[
            ("fly", "F"),
            ("fetch", "hyper-x"),
            ("help", "H"),
            ("palette", "H"),
        ]);
        assert_eq!(
            problems,
            [
                "keys: `hyper-x` (for `fetch`) is no key",
                "keys: no action is called `fly`",
                "keys: `H` is both `palette` and `help`",
            ]
        );
        assert_eq!(map.action(Place::Change, chord("f")), Some(Action::Fetch));
    }

    #[test]
    fn quitting_cannot_be_bound_away() {
        let (map, problems) = keymap(&[("quit", "X"), ("copy", "ctrl-c")]);
        assert_eq!(map.all_keys(Action::Quit), "X ctrl-c");
        assert_eq!(problems, ["keys: `ctrl-c` (for `copy`) always quits"]);
    }

    #[test]
    fn shift_is_in_the_character() {
        let event = KeyEvent::new(KeyCode::Char('G'), KeyModifiers::SHIFT);
        assert_eq!(Chord::from(event), chord("G"));
    }
}
