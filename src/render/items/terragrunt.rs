//! Terragrunt's ways of naming a file: `find_in_parent_folders("root.hcl")`, `${get_repo_root()}/modules/net`.
//!
//! Functions that lead to places in the repository are followed as Terragrunt documents them; a text with anything else in
//! it names no place that is known here.

use crate::git::{BStr, RepoPath, Result};
use crate::render::tree::{Node, Tree, join, parent};

/// What is looked for where nothing is named.
const DEFAULT: &str = "terragrunt.hcl";

/// The place that a text (of a file in `directory`) names: what computes its beginning, then a path.
pub(super) fn place(tree: &Tree, directory: &BStr, text: &str) -> Result<Option<RepoPath>> {
    let (base, rest) = match text.strip_prefix("${") {
        Some(computed) => {
            let Some((expression, rest)) = computed.split_once('}') else {
                return Ok(None);
            };
            match evaluated(tree, directory, expression)? {
                Some(base) => (base, rest),
                None => return Ok(None),
            }
        }
        None if text.starts_with('.') => (RepoPath::from(directory.to_vec()), text),
        None => return Ok(None),
    };
    if rest.contains("${") {
        return Ok(None);
    }
    // `//` divides what is fetched from where in it.
    let below = rest.trim_matches('/').replace("//", "/");
    Ok(join(BStr::new(&base), below.as_str().into()))
}

/// What a call gives; `None` for what is not known here.
fn evaluated(tree: &Tree, directory: &BStr, expression: &str) -> Result<Option<RepoPath>> {
    let expression = expression.trim();
    let Some((function, arguments)) = expression
        .strip_suffix(')')
        .and_then(|call| call.split_once('('))
    else {
        return Ok(None);
    };
    let arguments = arguments.trim();
    Ok(match function.trim() {
        "get_repo_root" => Some(RepoPath::default()),
        "get_terragrunt_dir" | "get_original_terragrunt_dir" => {
            Some(RepoPath::from(directory.to_vec()))
        }
        "dirname" => {
            let inner = evaluated(tree, directory, arguments)?;
            inner.map(|path| RepoPath::from(parent(BStr::new(&path)).to_vec()))
        }
        "read_terragrunt_config" => evaluated(tree, directory, arguments)?,
        "find_in_parent_folders" => {
            // A second argument is taken where there is no such file: then nothing is read.
            let name = arguments.split(',').next().unwrap_or_default().trim();
            match name.trim_matches('"') {
                "" => in_parents(tree, directory, DEFAULT)?,
                name if name.contains(['"', '$']) => None,
                name => in_parents(tree, directory, name)?,
            }
        }
        _ => None,
    })
}

/// The nearest of this name in a directory above.
fn in_parents(tree: &Tree, directory: &BStr, name: &str) -> Result<Option<RepoPath>> {
    let mut directory = directory;
    while !directory.is_empty() {
        directory = parent(directory);
        if let Some(path) = join(directory, name.into())
            && matches!(
                tree.node(path.as_ref())?,
                Some(Node::File(_) | Node::Directory)
            )
        {
            return Ok(Some(path));
        }
    }
    Ok(None)
}
