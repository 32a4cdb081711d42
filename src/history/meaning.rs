//! What a commit meant, in a reviewer's words: `api 1.4.1 → 1.4.2 in production`, `replicas 3 → 5 in staging (web)`,
//! `new HTTPRoute shop/web`, `12 routine`.

use super::changes::ResourceChange;

/// `changes` in at most `limit` lines, most important first; the same change in several environments is one line. What does
/// not fit is counted in the last line. Text is cleaned.
///
/// `environments`: how many environments there are, so that a repository with only one need not name it.
pub fn meaning(changes: &[ResourceChange], environments: usize, limit: usize) -> Vec<String> {
    let _ = (changes, environments, limit);
    todo!()
}
