//! What is deployed beside Kubernetes objects: Terraform's blocks, Ansible's plays, Jenkins' configuration and jobs.
//!
//! Everything above works on objects, so an item becomes one: its kind and name are those of its own language, its group
//! is the language's, which no Kubernetes group can be (they have a dot, or are built in). Readers make the same trees of
//! their text as YAML becomes, so that masking, byte spans and comparison are the same for all.

mod groovy;
mod hcl;
mod json;
mod sensitive;
mod spans;
mod yaml;

use std::ops::Range;

use super::build;
use super::mask::{Marks, Masking};
use super::object::{Broken, Document, Manifest, Object, ObjectRef};
use super::redact;
use super::source;
use super::tree::{Fault, NodeId, Tree};

/// What a file is written in, where it holds no Kubernetes objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Language {
    /// HCL (or its JSON): Terraform, OpenTofu and Terragrunt.
    Terraform,
    /// Playbooks, and what their roles consist of.
    Ansible,
    /// Jenkins Configuration as Code.
    Casc,
    /// Jenkins' jobs, by the Job DSL.
    JobDsl,
}

impl Language {
    pub const ALL: [Language; 4] = [
        Language::Terraform,
        Language::Ansible,
        Language::Casc,
        Language::JobDsl,
    ];

    /// Stands in [`ObjectRef::group`].
    pub fn group(self) -> &'static str {
        match self {
            Language::Terraform => "terraform",
            Language::Ansible => "ansible",
            Language::Casc => "jenkins-casc",
            Language::JobDsl => "job-dsl",
        }
    }

    /// The language of an item; `None` for Kubernetes objects.
    pub fn of(object: &ObjectRef) -> Option<Language> {
        Language::ALL
            .into_iter()
            .find(|language| language.group() == object.group)
    }

    /// What an item is called where it is declared, without the modules or the role that lead there: `web` of `module.shop.web`.
    pub fn declared_name(object: &ObjectRef) -> &str {
        let mut name = object.name.as_str();
        match Language::of(object) {
            Some(Language::Terraform) => {
                while let Some((_, rest)) = ["module.", "include."]
                    .iter()
                    .find_map(|prefix| name.strip_prefix(prefix)?.split_once('.'))
                {
                    name = rest;
                }
            }
            Some(Language::Ansible) => {
                let of = |name: &str| {
                    ["role ", "group ", "host "]
                        .iter()
                        .any(|of| name.starts_with(of))
                };
                let whose = name.split_once(": ").filter(|(whose, _)| of(whose));
                name = whose.map_or(name, |(_, rest)| rest);
            }
            Some(Language::Casc | Language::JobDsl) | None => {}
        }
        name
    }

    /// As people call it.
    pub fn name(self) -> &'static str {
        match self {
            Language::Terraform => "Terraform",
            Language::Ansible => "Ansible",
            Language::Casc | Language::JobDsl => "Jenkins",
        }
    }

    fn read(self, text: &str) -> Vec<Items<'_>> {
        match self {
            // No HCL starts so.
            Language::Terraform if text.trim_start().starts_with('{') => json::read(text),
            Language::Terraform => hcl::read(text),
            Language::Ansible => yaml::ansible(text),
            Language::Casc => yaml::casc(text),
            Language::JobDsl => groovy::read(text),
        }
    }
}

/// What a text (or a part of it) holds.
struct Items<'a> {
    /// All items' values; its own root means nothing.
    tree: Tree<'a>,
    /// Nodes whose values are secret by what the language knows of them.
    secrets: Vec<NodeId>,
    items: Vec<Item>,
    comments: Vec<Range<usize>>,
    fault: Option<Fault>,
    /// Where it stands in the text.
    bytes: Range<usize>,
}

struct Item {
    kind: String,
    name: String,
    root: NodeId,
    /// With the comments before it.
    bytes: Range<usize>,
    line: u32,
}

impl Items<'_> {
    fn marks(&self, masking: &Masking) -> Marks {
        let mut marks = masking.marks(&self.tree);
        for &secret in &self.secrets {
            marks.add(&self.tree, secret);
        }
        for item in &self.items {
            masking.mark_paths(&self.tree, item.root, &item.kind, &mut marks);
        }
        marks
    }
}

/// Reads a file's items, as [`super::parse()`] does its objects.
pub fn parse_items(language: Language, bytes: &[u8], masking: &Masking) -> Manifest {
    let (offset, text) = match source::text(bytes) {
        Ok(found) => found,
        Err((cause, why)) => return Manifest::unreadable(cause, why),
    };
    let mut manifest = Manifest::default();
    for found in language.read(text) {
        let marks = found.marks(masking);
        for item in &found.items {
            let (root, duplicate_keys) = build::build_at(&found.tree, item.root, &marks, masking);
            let id = ObjectRef {
                group: language.group().to_owned(),
                kind: item.kind.clone(),
                namespace: None,
                name: item.name.clone(),
            };
            manifest.documents.push(Document {
                bytes: item.bytes.start + offset..item.bytes.end + offset,
                line: item.line,
                object: Object {
                    id,
                    api_version: language.group().to_owned(),
                    root,
                },
                duplicate_keys,
            });
        }
        manifest.broken.extend(found.fault.map(|fault| Broken {
            line: fault.line,
            cause: fault.cause,
            why: fault.why.into_owned(),
        }));
    }
    manifest
}

/// A file's text (or an item's) for people to read, as [`super::masked_text`]: what cannot be read is hidden where it
/// names anything that sounds secret.
pub fn masked_items(language: Language, bytes: &[u8], masking: &Masking) -> String {
    let text = match source::text(bytes) {
        Ok((_, text)) => text,
        Err((_, why)) => return format!("# not shown: {why}\n"),
    };
    let mut hidden: Vec<(Range<usize>, String)> = Vec::new();
    for found in language.read(text) {
        if found.fault.is_some() && sensitive::is_spoken_of(&text[found.bytes.clone()]) {
            let why = "# <masked>: may hold a secret, and cannot be read\n";
            hidden.push((found.bytes, why.to_owned()));
            continue;
        }
        let marks = found.marks(masking);
        hidden.extend(redact::labels(&found.tree, &marks, masking));
        let told = |at: &&Range<usize>| sensitive::is_spoken_of(&text[(*at).clone()]);
        let comments = found.comments.iter().filter(told);
        hidden.extend(comments.map(|at| (at.clone(), redact::COMMENT.to_owned())));
    }
    let mut out = String::with_capacity(text.len());
    redact::replace(text, redact::outermost(hidden), &mut out);
    out
}
