//! Where the user is: each top-level screen (tab) keeps its own stack of places, so that coming back to a tab is coming back to where
//! one was, filter and cursor included.

use crate::tui::keys::{Action, Place};
use crate::tui::screen::Screen;

/// The top-level screens, in the order of their keys.
pub const TABS: &[(Action, Place)] = &[
    (Action::Deployed, Place::Deployed),
    (Action::Timeline, Place::Timeline),
    (Action::Resources, Place::Resources),
    (Action::Drift, Place::Drift),
    (Action::Reverts, Place::Reverts),
];

/// A screen, and for which state of the workspace it last asked; `None`: it never did.
pub struct Opened {
    pub screen: Screen,
    pub asked_for: Option<u64>,
}

/// One tab: its own screen, what was opened from it, and what was left by going back.
struct Tab {
    root: Opened,
    pushed: Vec<Opened>,
    forward: Vec<Opened>,
}

/// All tabs; one of them is in view, with the last place of its stack.
pub struct Places {
    tabs: Vec<Tab>,
    active: usize,
}

impl Opened {
    fn new(screen: Screen) -> Opened {
        Opened {
            screen,
            asked_for: None,
        }
    }
}

impl Places {
    /// `roots` are the tabs' own screens, in the order of [`TABS`].
    pub fn new(roots: impl IntoIterator<Item = Screen>) -> Places {
        let tab = |screen| Tab {
            root: Opened::new(screen),
            pushed: Vec::new(),
            forward: Vec::new(),
        };
        Places {
            tabs: roots.into_iter().map(tab).collect(),
            active: 0,
        }
    }

    pub fn active(&self) -> usize {
        self.active
    }

    /// Goes to a tab. The tab one is in leads to its own screen.
    pub fn switch(&mut self, tab: usize) {
        if tab == self.active {
            while self.back() {}
        }
        self.active = tab;
    }

    pub fn push(&mut self, screen: Screen) {
        let tab = self.tab_mut();
        tab.forward.clear();
        tab.pushed.push(Opened::new(screen));
    }

    /// `false` where there is nothing to go back to.
    pub fn back(&mut self) -> bool {
        let tab = self.tab_mut();
        let left = tab.pushed.pop();
        let moved = left.is_some();
        tab.forward.extend(left);
        moved
    }

    pub fn forward(&mut self) -> bool {
        let tab = self.tab_mut();
        let next = tab.forward.pop();
        let moved = next.is_some();
        tab.pushed.extend(next);
        moved
    }

    /// Leaves the place in view for good.
    pub fn close(&mut self) {
        let tab = self.tab_mut();
        tab.pushed.pop();
        tab.forward.clear();
    }

    pub fn is_root(&self) -> bool {
        self.tab().pushed.is_empty()
    }

    pub fn has_forward(&self) -> bool {
        !self.tab().forward.is_empty()
    }

    pub fn top(&self) -> &Screen {
        let tab = self.tab();
        &tab.pushed.last().unwrap_or(&tab.root).screen
    }

    pub fn top_mut(&mut self) -> &mut Opened {
        let tab = self.tab_mut();
        tab.pushed.last_mut().unwrap_or(&mut tab.root)
    }

    /// The screens one came through, the one in view last.
    pub fn path(&self) -> impl Iterator<Item = &Screen> {
        let tab = self.tab();
        [&tab.root]
            .into_iter()
            .chain(&tab.pushed)
            .map(|opened| &opened.screen)
    }

    /// The tabs' own screens.
    pub fn roots(&self) -> impl Iterator<Item = &Screen> {
        self.tabs.iter().map(|tab| &tab.root.screen)
    }

    /// Every screen there is, in view or not.
    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut Opened> {
        self.tabs.iter_mut().flat_map(|tab| {
            [&mut tab.root]
                .into_iter()
                .chain(&mut tab.pushed)
                .chain(&mut tab.forward)
        })
    }

    fn tab(&self) -> &Tab {
        &self.tabs[self.active]
    }

    fn tab_mut(&mut self) -> &mut Tab {
        &mut self.tabs[self.active]
    }
}
