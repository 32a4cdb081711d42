//! What frames every screen: whose repository and cluster this is, the tabs, where one is, and which keys matter here.

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::cx::Tone;
use super::keys::{Action, Group, Keymap, Place, TABLE};
use super::theme::{Role, Theme};
use super::widget::row::Row;
use super::widget::{paint, words};
use crate::review::Header;

/// Below this the screens would be unreadable; that is said instead of drawn.
pub const SMALLEST: (u16, u16) = (60, 16);

/// Where things go on a terminal of this size: header, tabs, body, status, hints.
pub fn regions(area: Rect) -> [Rect; 5] {
    let line = |y: u16| Rect {
        y,
        height: 1.min(area.height),
        ..area
    };
    let body = Rect {
        y: area.y + 2,
        height: area.height.saturating_sub(4),
        ..area
    };
    [
        line(area.y),
        line(area.y + 1),
        body,
        line(area.bottom().saturating_sub(2)),
        line(area.bottom().saturating_sub(1)),
    ]
}

/// Repository, branch and commit at the left; clusters and badges at the right. Badges are never cut.
pub fn header(
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
    header: &Header,
    at: Option<&str>,
    now: Timestamp,
) {
    let tip = &header.tip;
    let mut left = Row::of(Role::Header, " ")
        .with(Role::Header, &short_repository(&tip.repository))
        .with(Role::Text, " ");
    left.add(
        Role::Environment,
        tip.branch.as_deref().unwrap_or("detached HEAD"),
    );
    if header.other_branches > 0 {
        left.add(Role::Dim, &format!(" +{}", header.other_branches));
    }
    left = left
        .with(Role::Text, " ")
        .with(Role::Hash, &words::hash(&tip.commit))
        .with(Role::Text, " ")
        .with(Role::Age, &words::age(now, header.tip_time));
    if let Some(fetched) = tip.fetched {
        left = left
            .with(Role::Dim, " · fetched ")
            .with(Role::Dim, &words::age(now, fetched));
    }
    let mut badges = Row::new();
    for badge in [
        at.map(|at| format!(" AT {at} ")),
        header.offline.then(|| " OFFLINE ".to_owned()),
        header.read_only.then(|| " READ-ONLY ".to_owned()),
    ]
    .into_iter()
    .flatten()
    {
        badges = badges.with(Role::Text, " ").with(Role::Badge, &badge);
    }
    let clusters = Row::of(Role::Dim, &header.clusters.join(" · "));
    let badges_width = badges.width().min(area.width / 2);
    let room = area.width.saturating_sub(badges_width);
    let used = paint::row(buf, theme, (area.x, area.y), room, &left, Style::new());
    let room = room.saturating_sub(used + 3);
    let width = clusters.width().min(room);
    if width > 8 {
        let x = area.right() - badges_width - width - 1;
        paint::row(buf, theme, (x, area.y), width, &clusters, Style::new());
    }
    paint::row(
        buf,
        theme,
        (area.right() - badges_width, area.y),
        badges_width,
        &badges,
        Style::new(),
    );
}

/// `https://git.example.com/acme/environments` → `acme/environments`
fn short_repository(repository: &str) -> String {
    let parts: Vec<&str> = repository
        .trim_end_matches('/')
        .rsplit('/')
        .take(2)
        .filter(|part| !part.is_empty())
        .collect();
    let parts: Vec<&str> = parts.into_iter().rev().collect();
    parts.join("/")
}

/// The top-level screens with their keys; the active one is underlined or reversed, and in brackets.
pub fn tabs(
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
    keymap: &Keymap,
    tabs: &[(Action, Place)],
    active: usize,
) {
    let mut row = Row::of(Role::Text, " ");
    for (i, (action, place)) in tabs.iter().enumerate() {
        let key = keymap.key(*action);
        if i == active {
            row = row
                .with(Role::ActiveTab, &format!("[{key} {}]", place.name()))
                .with(Role::Text, " ");
        } else {
            row = row
                .with(Role::Text, " ")
                .with(Role::Key, &key)
                .with(Role::Tab, &format!(" {}  ", place.name()));
        }
    }
    paint::line(buf, theme, area, area.y, &row, Style::new());
}

/// What is said at the bottom: a message while there is one, else where one is; position and progress at the right.
pub struct Status<'a> {
    pub message: Option<&'a (Tone, String)>,
    pub crumbs: Vec<String>,
    pub filter: &'a str,
    pub position: String,
    pub progress: Row,
}

pub fn status(theme: &Theme, buf: &mut Buffer, area: Rect, status: &Status) {
    let mut right = status.progress.clone();
    if !status.position.is_empty() {
        right = right.gap().with(Role::Dim, &status.position);
    }
    right.add(Role::Text, " ");
    let mut left = Row::of(Role::Text, " ");
    match status.message {
        Some((tone, text)) => {
            let (mark, role) = match tone {
                Tone::Note => ("", Role::Text),
                Tone::Good => ("✓ ", Role::Good),
                Tone::Warning => ("! ", Role::Warning),
                Tone::Error => ("✗ ", Role::Error),
            };
            left = left.with(role, mark).with(role, text);
        }
        None => {
            for (i, crumb) in status.crumbs.iter().enumerate() {
                if i > 0 {
                    left.add(Role::Dim, " › ");
                }
                let last = i + 1 == status.crumbs.len();
                left.add(if last { Role::Text } else { Role::Dim }, crumb);
            }
            if !status.filter.is_empty() {
                left = left.with(Role::Dim, "  /").with(Role::Match, status.filter);
            }
        }
    }
    let width = right.width().min(area.width / 2);
    paint::row(
        buf,
        theme,
        (area.x, area.y),
        area.width - width,
        &left,
        Style::new(),
    );
    paint::row(
        buf,
        theme,
        (area.right() - width, area.y),
        width,
        &right,
        Style::new(),
    );
}

/// As many hints as fit, this screen's own first; how to get help always.
pub fn hints(
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
    keymap: &Keymap,
    place: Place,
    blocked: impl Fn(Action) -> bool,
) {
    let hint = |action: Action, name: &str, role: Role| {
        Row::of(
            if role == Role::Dim {
                Role::Dim
            } else {
                Role::Key
            },
            &keymap.key(action),
        )
        .with(Role::Text, " ")
        .with(role, name)
    };
    let help = hint(Action::Help, "help", Role::Text).with(Role::Text, " ");
    let room = area.width.saturating_sub(help.width() + 3);
    let mut row = Row::of(Role::Text, " ");
    let mut entries: Vec<_> = TABLE
        .iter()
        .filter(|entry| {
            entry.places.contains(&place)
                && entry.group <= Group::General
                && entry.group != Group::Screens
        })
        .filter(|entry| entry.action != Action::Help && !keymap.key(entry.action).is_empty())
        .collect();
    // Filter before the views: it is what one reaches for first in a long list.
    entries.sort_by_key(|entry| match entry.group {
        Group::Here => 0,
        _ if entry.action == Action::Filter => 1,
        Group::View => 2,
        _ => 3,
    });
    for entry in entries {
        let role = if blocked(entry.action) {
            Role::Dim
        } else {
            Role::Text
        };
        let next = hint(entry.action, entry.name, role);
        if row.width() + next.width() + 2 > room {
            break;
        }
        row = row.then(next).with(Role::Text, "  ");
    }
    paint::line(buf, theme, area, area.y, &row, Style::new());
    paint::right(buf, theme, area, area.y, &help, Style::new());
}

/// One frame a second while something is under way.
pub fn spinner(now: Timestamp) -> &'static str {
    const FRAMES: [&str; 4] = ["◐", "◓", "◑", "◒"];
    FRAMES[now.as_second().rem_euclid(FRAMES.len() as i64) as usize]
}

pub fn too_small(theme: &Theme, buf: &mut Buffer, area: Rect) {
    let (width, height) = SMALLEST;
    let says = [
        format!("gitopsy needs {width}×{height},"),
        format!("this terminal has {}×{}.", area.width, area.height),
        "Enlarge it, or q to quit.".to_owned(),
    ];
    for (y, text) in (area.top()..area.bottom()).zip(&says) {
        paint::line(
            buf,
            theme,
            area,
            y,
            &Row::of(Role::Warning, text),
            Style::new(),
        );
    }
}
