//! Shell patterns over paths.

use gix::glob::wildmatch;
use gix::glob::wildmatch::Mode;

use super::{BStr, ByteSlice};

/// Whether a shell pattern matches a whole path: `*` and `?` stay inside a component, `**` does not.
pub fn glob_matches(pattern: &[u8], path: &BStr) -> bool {
    wildmatch(pattern.as_bstr(), path, Mode::NO_MATCH_SLASH_LITERAL)
}
