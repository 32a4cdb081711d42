//! Terraform's JSON syntax: the same blocks as in HCL, by the same addresses.
//!
//! JSON is YAML, so that is how it is read. Which blocks have labels, and how many, is what the language says, as in HCL.
//! Source: Terraform's "JSON Configuration Syntax".

use std::collections::HashMap;
use std::ops::Range;

use hcl_edit::expr::Expression;

use super::super::reference::is_reference;
use super::super::scalar::Scalar;
use super::super::tree::{Entry, Key, NodeId, Tree, TreeNode, Value};
use super::hcl::{has_literal, holds_secrets};
use super::{Item, Items, sensitive, yaml};

/// Words at the top of a module's file, and how many labels their blocks have.
const BLOCKS: [(&str, usize); 13] = [
    ("check", 1),
    ("data", 2),
    ("ephemeral", 2),
    ("import", 0),
    ("locals", 0),
    ("module", 1),
    ("moved", 0),
    ("output", 1),
    ("provider", 1),
    ("removed", 0),
    ("resource", 2),
    ("terraform", 0),
    ("variable", 1),
];

/// A property of this name is a comment.
const COMMENT: &str = "//";

/// A module's blocks; of a file of values (`terraform.tfvars.json`), its inputs.
pub(super) fn read(text: &str) -> Vec<Items<'_>> {
    let mut read = yaml::read(text, &|_, _, _| false, &|_, _| {});
    for items in &mut read {
        let found = Reader::of(&items.tree);
        add(text, items, found);
    }
    read
}

/// An item before it is one.
struct Found {
    kind: String,
    name: String,
    /// From its key on.
    bytes: Range<usize>,
    node: NodeId,
    /// The node is the value of this alone, and no block.
    value: bool,
    secrets: Vec<NodeId>,
}

struct Reader<'t, 'a> {
    tree: &'t Tree<'a>,
    found: Vec<Found>,
}

impl Reader<'_, '_> {
    fn of(tree: &Tree<'_>) -> Vec<Found> {
        let mut reader = Reader {
            tree,
            found: Vec::new(),
        };
        let top = reader.properties(tree.root);
        let is_block = |(key, _, node): &(String, Range<usize>, NodeId)| {
            let known = BLOCKS.iter().any(|(word, _)| word == key) || key == COMMENT;
            known && !(key != COMMENT && matches!(tree.value(*node), Value::Scalar(_)))
        };
        if top.iter().all(is_block) {
            for (word, bytes, node) in top {
                let labels = BLOCKS.iter().find(|(known, _)| *known == word);
                if let Some((_, labels)) = labels {
                    reader.blocks(&word, *labels, &mut Vec::new(), bytes, node);
                }
            }
        } else {
            for (name, bytes, node) in top {
                reader.value("input", name, bytes, node);
            }
        }
        reader.found
    }

    /// Keys, where they start, values; comments are none.
    fn properties(&self, map: NodeId) -> Vec<(String, Range<usize>, NodeId)> {
        let Value::Map(entries) = self.tree.value(map) else {
            return Vec::new();
        };
        let property = |entry: &Entry<'_>| match &entry.key {
            Key::Text(key) => Some((key.to_string(), entry.key_bytes.clone(), entry.value)),
            Key::Merge => None,
        };
        entries.iter().filter_map(property).collect()
    }

    /// What is below a word of the top: labels, each with a block or several, or (at any level) lists of the same.
    fn blocks(
        &mut self,
        word: &str,
        left: usize,
        labels: &mut Vec<String>,
        bytes: Range<usize>,
        node: NodeId,
    ) {
        if let Value::List(several) = self.tree.value(node) {
            for &one in several {
                let bytes = self.tree.nodes[one].bytes.clone();
                self.blocks(word, left, labels, bytes, one);
            }
        } else if word == "locals" {
            for (name, bytes, node) in self.properties(node) {
                self.value("local", name, bytes, node);
            }
        } else if left > 0 {
            for (label, bytes, node) in self.properties(node) {
                if label != COMMENT {
                    labels.push(label);
                    self.blocks(word, left - 1, labels, bytes, node);
                    labels.pop();
                }
            }
        } else {
            self.block(word, labels, bytes, node);
        }
    }

    fn value(&mut self, kind: &str, name: String, bytes: Range<usize>, node: NodeId) {
        if name == COMMENT {
            return;
        }
        let mut secrets = Vec::new();
        self.secrets(node, sensitive::is_secret(&name), &mut secrets);
        self.found.push(Found {
            kind: kind.to_owned(),
            name,
            bytes,
            node,
            value: true,
            secrets,
        });
    }

    fn block(&mut self, word: &str, labels: &[String], bytes: Range<usize>, node: NodeId) {
        let text = |key: &str| Some(self.tree.text(self.tree.get(node, key)?)?.to_owned());
        let (kind, name) = match (word, labels) {
            ("resource", [kind, name]) => (kind.clone(), name.clone()),
            ("provider", [name]) => match text("alias") {
                Some(alias) => ("provider".to_owned(), format!("{name}.{alias}")),
                None => ("provider".to_owned(), name.clone()),
            },
            ("moved" | "removed" | "import", _) => {
                let about = text("from").filter(|_| word != "import");
                let about = about.or_else(|| text("to"));
                (
                    word.to_owned(),
                    about.unwrap_or_else(|| "settings".to_owned()),
                )
            }
            (_, []) => (word.to_owned(), "settings".to_owned()),
            (_, labels) => (word.to_owned(), labels.join(".")),
        };
        let declared = || {
            let sensitive = self.tree.get(node, "sensitive");
            sensitive.is_some_and(|found| {
                matches!(self.tree.value(found), Value::Scalar(Scalar::Bool(true)))
            })
        };
        let hidden: &[&str] = match word {
            "variable" | "output" if declared() || sensitive::is_secret(&name) => {
                &["default", "value"]
            }
            "resource" => holds_secrets(&kind, text("type").as_deref()),
            _ => &[],
        };
        let mut secrets = Vec::new();
        for (key, _, value) in self.properties(node) {
            let secret = hidden.contains(&key.as_str()) || sensitive::is_secret(&key);
            self.secrets(
                value,
                secret || is_telling(self.tree, &key, value),
                &mut secrets,
            );
        }
        self.found.push(Found {
            kind,
            name,
            bytes,
            node,
            value: false,
            secrets,
        });
    }

    /// What of a value is literal and secret.
    fn secrets(&self, node: NodeId, secret: bool, found: &mut Vec<NodeId>) {
        match self.tree.value(node) {
            Value::Map(_) => {
                for (key, _, value) in self.properties(node) {
                    let own = sensitive::is_secret(&key) || is_telling(self.tree, &key, value);
                    self.secrets(value, secret || own, found);
                }
            }
            Value::List(items) => items
                .iter()
                .for_each(|&item| self.secrets(item, secret, found)),
            Value::Scalar(Scalar::String(text)) if secret && is_literal(text) => {
                found.push(self.tree.resolve(node));
            }
            Value::Scalar(Scalar::Number(_)) if secret => found.push(self.tree.resolve(node)),
            Value::Scalar(_) | Value::Alias(_) => {}
        }
    }
}

/// Whether a comment seems to give a secret away.
fn is_telling(tree: &Tree<'_>, key: &str, value: NodeId) -> bool {
    key == COMMENT && tree.text(value).is_some_and(sensitive::is_spoken_of)
}

/// Whether a text says anything itself: `${var.password}` says where something is.
fn is_literal(text: &str) -> bool {
    if text.is_empty() || is_reference(text) {
        return false;
    }
    let computed = text
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'));
    match computed.map(str::parse::<Expression>) {
        Some(Ok(expression)) => has_literal(&expression),
        Some(Err(_)) | None => true,
    }
}

fn add<'a>(text: &str, items: &mut Items<'a>, found: Vec<Found>) {
    let mut wrapped: HashMap<NodeId, NodeId> = HashMap::new();
    for one in found {
        let end = items.tree.nodes[one.node].bytes.end.max(one.bytes.end);
        let bytes = one.bytes.start..end;
        items.secrets.extend(one.secrets);
        let is_map = matches!(items.tree.value(one.node), Value::Map(_));
        let root = match one.value || !is_map {
            true => *wrapped.entry(one.node).or_insert_with(|| {
                let entry = Entry {
                    key: Key::Text("value".into()),
                    key_bytes: one.bytes.clone(),
                    line: 0,
                    value: one.node,
                };
                let map = TreeNode::new(bytes.clone(), Value::Map(vec![entry]));
                items.tree.nodes.push(map);
                items.tree.nodes.len() - 1
            }),
            false => one.node,
        };
        items.items.push(Item {
            kind: one.kind,
            name: one.name,
            root,
            line: 0,
            bytes,
        });
    }
    yaml::finish(text, items);
}

#[cfg(test)]
mod tests {
    use super::super::{Language, masked_items, parse_items};
    use crate::manifest::{Manifest, Masking};

    fn parsed(text: &str) -> Manifest {
        parse_items(Language::Terraform, text.as_bytes(), &Masking::new([5; 32]))
    }

    const HCL: &str = r#"
terraform {
  required_version = ">= 1.5"
}
provider "aws" {
  alias  = "eu"
  region = "eu-west-1"
}
variable "db_password" {
  type    = string
  default = "hunter2"
}
variable "size" {
  default = 3
}
locals {
  tags = { team = "shop" }
}
data "aws_ami" "base" {
  owner = "self"
}
resource "aws_instance" "web" {
  ami   = "ami-1"
  count = 2
}
resource "aws_secretsmanager_secret_version" "db" {
  secret_string = "hunter2"
  version_stage = "live"
}
module "net" {
  source = "../net"
}
moved {
  from = aws_instance.a
  to   = aws_instance.web
}
"#;

    const JSON: &str = r#"{
  "//": "made by a program",
  "terraform": {"required_version": ">= 1.5"},
  "provider": {"aws": [{"alias": "eu", "region": "eu-west-1"}]},
  "variable": {
    "db_password": {"type": "${string}", "default": "hunter2"},
    "size": {"default": 3}
  },
  "locals": {"tags": {"team": "shop"}},
  "data": {"aws_ami": {"base": {"owner": "self"}}},
  "resource": [
    {"aws_instance": {
      "web": {
        "ami": "ami-1",
        "count": 2
      }
    }},
    {"aws_secretsmanager_secret_version": {"db": {"secret_string": "hunter2", "version_stage": "live"}}}
  ],
  "module": {"net": {"source": "../net"}},
  "moved": [{"from": "${aws_instance.a}", "to": "${aws_instance.web}"}]
}
"#;

    /// HCL is the oracle: the same configuration is the same items, masked alike.
    #[test]
    fn the_same_configuration_is_the_same_items() {
        let items = |text: &str| {
            let mut items: Vec<String> = parsed(text)
                .documents
                .iter()
                .map(|found| {
                    let object = &found.object;
                    let name = object.id.to_string().replace("${", "").replace('}', "");
                    let value = serde_json::to_string(&object.root).expect("JSON");
                    format!("{name} {value}")
                })
                .collect();
            items.sort();
            items
        };
        let (hcl, json) = (items(HCL), items(JSON));
        assert_eq!(hcl.len(), 10);
        assert_eq!(hcl, json);
        assert!(
            json.iter().all(|item| !item.contains("hunter2")),
            "{json:?}"
        );
    }

    #[test]
    fn each_item_knows_its_lines_and_secrets_are_not_shown() {
        let manifest = parsed(JSON);
        let web = manifest
            .documents
            .iter()
            .find(|found| found.object.id.name == "web")
            .expect("web");
        assert_eq!(web.line, 13);
        assert!(
            JSON[web.bytes.clone()]
                .trim_start()
                .starts_with("\"web\": {")
        );
        let shown = masked_items(Language::Terraform, JSON.as_bytes(), &Masking::new([5; 32]));
        assert!(
            shown.contains("\"version_stage\": \"live\"") && !shown.contains("hunter2"),
            "{shown}"
        );
    }

    #[test]
    fn values_are_inputs_and_what_is_broken_says_so() {
        let values = r#"{"region": "eu-west-1", "api_token": "hunter2", "zones": ["a", "b"]}"#;
        let inputs = parsed(values);
        let names: Vec<String> = inputs
            .documents
            .iter()
            .map(|found| found.object.id.to_string())
            .collect();
        assert_eq!(names, ["input/region", "input/api_token", "input/zones"]);
        assert!(!format!("{inputs:?}").contains("hunter2"));
        let computed =
            r#"{"locals": {"password": "${base64encode(\"hunter2\")}", "token": "${var.token}"}}"#;
        let locals = format!("{:?}", parsed(computed).documents);
        assert!(
            !locals.contains("hunter2") && locals.contains("${var.token}"),
            "{locals}"
        );
        assert_eq!(parsed("{\"resource\": {").broken.len(), 1);
        assert_eq!(parsed("{}").documents.len(), 0);
    }
}
