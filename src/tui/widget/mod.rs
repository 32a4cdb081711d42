//! Pieces that more than one screen is made of. They hold positions and text, never data from the workspace.

pub mod browser;
pub mod doc;
pub mod fields;
pub mod list;
pub mod paint;
pub mod panes;
pub mod popup;
pub mod row;
pub mod textview;
pub mod words;
