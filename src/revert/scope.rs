//! How much to undo.

use crate::git::{BStr, RepoPath};
use crate::manifest::{Language, ObjectRef};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    All,
    /// These files, and everything below these directories.
    Paths(Vec<RepoPath>),
    /// These documents, every other byte of their files staying as it is.
    Documents(Vec<Document>),
}

/// One document of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub path: RepoPath,
    /// As the file declares it: an object without a namespace there is found whatever the namespace here.
    pub object: ObjectRef,
}

impl Document {
    /// Whether `declared`, as written in the file, is this document.
    pub fn is(&self, declared: &ObjectRef) -> bool {
        let namespace = declared.namespace.is_none() || declared.namespace == self.object.namespace;
        namespace
            && declared.group == self.object.group
            && declared.kind == self.object.kind
            && declared.name == Language::declared_name(&self.object)
    }
}

/// Whether `path` is one of `paths`, or below one.
pub(super) fn contains(paths: &[RepoPath], path: &BStr) -> bool {
    paths.iter().any(|within| {
        within.is_empty()
            || path
                .strip_prefix(within.as_slice())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_within_itself_its_directory_and_the_root() {
        let within =
            |directory: &str, path: &str| contains(&[RepoPath::from(directory)], BStr::new(path));
        assert!(
            within("a/b.yaml", "a/b.yaml") && within("a", "a/b.yaml") && within("", "a/b.yaml")
        );
        assert!(
            !within("a/b", "a/b.yaml") && !within("a/b.yaml", "a") && !within("b.yaml", "a/b.yaml")
        );
    }
}
