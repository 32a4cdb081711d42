//! The import table, enforced: modules import downwards only. Every path in `src/` is resolved (uses, types, calls,
//! and paths inside macros), so that an edge cannot hide; changing the architecture means changing this table.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// Module → what it may import, besides `exec`, `text` and `task`, which all may.
const TABLE: &[(&str, &[&str])] = &[
    ("exec", &[]),
    ("text", &[]),
    ("task", &[]),
    ("cache", &[]),
    ("config", &[]),
    ("git", &[]),
    ("manifest", &[]),
    ("diff", &["manifest"]),
    ("render", &["git", "manifest", "cache"]),
    ("layout", &["git", "manifest", "render"]),
    ("live", &["manifest", "diff", "layout"]),
    (
        "history",
        &["git", "manifest", "diff", "render", "layout", "cache"],
    ),
    ("cluster", &["manifest", "layout", "live"]),
    ("forge", &["git"]),
    ("revert", &["git", "manifest", "diff", "layout", "history"]),
    ("stage", &["git", "layout", "live", "cluster", "forge"]),
    (
        "review",
        &[
            "cache", "config", "git", "manifest", "diff", "render", "layout", "live", "history",
            "cluster", "forge", "revert", "stage",
        ],
    ),
    ("demo", &["git", "manifest", "layout", "cluster", "forge"]),
    ("cli", &["review", "config", "demo", "tui"]),
    ("tui", &["review", "config", "demo"]),
    ("main", &["cli", "tui", "config"]),
];

const FOR_ALL: &[&str] = &["exec", "text", "task"];

#[test]
fn imports_go_downwards_only() {
    let table: BTreeMap<&str, BTreeSet<&str>> = TABLE
        .iter()
        .map(|(module, may)| (*module, may.iter().chain(FOR_ALL).copied().collect()))
        .collect();
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for file in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let module_path = module_path(&file);
        let Some(from) = module_path.first() else {
            continue;
        };
        let text = std::fs::read_to_string(&file).expect("a source file is readable");
        for to in imports(&text, &module_path) {
            if to == *from {
                continue;
            }
            seen.insert((from.clone(), to.clone()));
            let allowed = table
                .get(from.as_str())
                .unwrap_or_else(|| panic!("module {from} is not in the table"));
            if !allowed.contains(to.as_str()) {
                wrong.push(format!("{}: {from} must not import {to}", file.display()));
            }
        }
    }
    assert!(
        seen.len() > 20,
        "the scan found only {seen:?}: it must be broken"
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The scan itself: each way of naming a module is seen.
#[test]
fn every_way_of_naming_a_module_is_resolved() {
    let within = ["diff".to_owned(), "fields".to_owned()];
    for source in [
        "use crate::git::Oid;",
        "use crate::{manifest, git};",
        "fn f() { crate::git::open() }",
        "fn f(x: crate::git::Oid) {}",
        "fn f() { println!(\"{}\", crate::git::HEAD) }",
        "use super::super::git;",
        "use gitopsy::git::Oid;",
        "mod inner { use super::super::super::git::Oid; }",
    ] {
        assert!(
            imports(source, &within).contains("git"),
            "not seen in: {source}"
        );
    }
    let test_only = "#[cfg(test)] mod tests { use crate::git::Oid; }";
    assert!(
        imports(test_only, &within).is_empty(),
        "tests may build on anything"
    );
}

fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).expect("src is readable") {
        let path = entry.expect("an entry of src is readable").path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// `src/diff/fields.rs` → `["diff", "fields"]`, `src/lib.rs` → `[]`, `src/main.rs` → `["main"]`.
fn module_path(file: &Path) -> Vec<String> {
    let relative = file
        .strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
        .expect("below src");
    relative
        .with_extension("")
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .filter(|part| part != "mod" && part != "lib")
        .collect()
}

fn imports(source: &str, module_path: &[String]) -> BTreeSet<String> {
    let file = syn::parse_file(source).expect("the compiler accepts it, so syn does");
    let mut scan = Scan {
        module_path: module_path.to_vec(),
        found: BTreeSet::new(),
    };
    scan.visit_file(&file);
    scan.found
}

struct Scan {
    module_path: Vec<String>,
    found: BTreeSet<String>,
}

impl Scan {
    /// Resolves a path's leading segments to a top-level module of the crate.
    fn resolve(&mut self, segments: &[String]) {
        let mut at = self.module_path.clone();
        let mut rest = segments;
        match rest.first().map(String::as_str) {
            Some("crate" | "gitopsy") => {
                at.clear();
                rest = &rest[1..];
            }
            Some("self") => rest = &rest[1..],
            Some("super") => {}
            _ => return,
        }
        while rest.first().is_some_and(|segment| segment == "super") {
            at.pop();
            rest = &rest[1..];
        }
        let top = at.first().or_else(|| rest.first());
        if let Some(top) = top.filter(|top| TABLE.iter().any(|(module, _)| module == top)) {
            self.found.insert(top.clone());
        }
    }

    fn use_tree(&mut self, tree: &syn::UseTree, before: &[String]) {
        let mut path = before.to_vec();
        match tree {
            syn::UseTree::Path(part) => {
                path.push(part.ident.to_string());
                self.use_tree(&part.tree, &path);
            }
            syn::UseTree::Group(group) => group
                .items
                .iter()
                .for_each(|item| self.use_tree(item, &path)),
            syn::UseTree::Name(name) => {
                path.push(name.ident.to_string());
                self.resolve(&path);
            }
            syn::UseTree::Rename(rename) => {
                path.push(rename.ident.to_string());
                self.resolve(&path);
            }
            syn::UseTree::Glob(_) => self.resolve(&path),
        }
    }

    /// Paths inside a macro's tokens: runs of `ident :: ident :: …`.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut run: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.resolve(&std::mem::take(&mut run));
                    }
                    run.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.resolve(&std::mem::take(&mut run));
                    self.tokens(group.stream());
                }
                _ => {
                    self.resolve(&std::mem::take(&mut run));
                    colons = 0;
                }
            }
        }
        self.resolve(&run);
    }
}

impl<'ast> Visit<'ast> for Scan {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.use_tree(&item.tree, &[]);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        self.resolve(&segments);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        self.tokens(mac.tokens.clone());
        visit::visit_macro(self, mac);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let is_test = item.attrs.iter().any(|attribute| {
            attribute.path().is_ident("cfg")
                && attribute
                    .parse_args::<syn::Path>()
                    .is_ok_and(|condition| condition.is_ident("test"))
        });
        if is_test {
            return;
        }
        self.module_path.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module_path.pop();
    }
}
