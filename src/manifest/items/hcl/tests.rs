//! What HCL files hold, read off them by hand from Terraform's language documentation
//! (developer.hashicorp.com/terraform/language), and what hostile ones must not do.

use crate::manifest::{Language, Manifest, Masking, Node, masked_items, parse_items};

fn masking() -> Masking {
    Masking::new([5; 32])
}

fn read(text: &str) -> Manifest {
    parse_items(Language::Terraform, text.as_bytes(), &masking())
}

fn ids(manifest: &Manifest) -> Vec<String> {
    let documents = manifest.documents.iter();
    documents
        .map(|document| format!("{} {}", document.line, document.object.id))
        .collect()
}

/// The values of the first item, as JSON.
fn values(text: &str) -> serde_json::Value {
    serde_json::to_value(&read(text).documents[0].object.root).unwrap()
}

const MODULE: &str = r#"# The shop's cluster.

terraform {
  required_version = ">= 1.5"
  backend "s3" {
    bucket = "state"
  }
}

provider "aws" {
  region = var.region
}
provider "aws" {
  alias  = "west"
  region = "us-west-1"
}

locals {
  name = "shop" # not to be changed
  tags = { team = "a" }
}

// Where it runs.
// In Europe.
variable "region" { default = "eu-west-1" }

data "aws_ami" "latest" {
  owners = ["self"]
}
resource "aws_instance" "web" {
  ami = data.aws_ami.latest.id

  ebs_block_device { device_name = "a" }
  ebs_block_device { device_name = "b" }
}
module "eks" {
  source  = "terraform-aws-modules/eks/aws"
  version = "19.5"
}
output "url" { value = "https://${aws_instance.web.public_ip}/" }
moved {
  from = aws_instance.old
  to   = aws_instance.web
}
"#;

#[test]
fn every_block_is_an_item_called_as_terraform_addresses_it() {
    let manifest = read(MODULE);
    assert_eq!(manifest.broken, []);
    assert_eq!(
        ids(&manifest),
        [
            "3 terraform/settings",
            "10 provider/aws",
            "13 provider/aws.west",
            "19 local/name",
            "20 local/tags",
            "23 variable/region",
            "27 data/aws_ami.latest",
            "30 aws_instance/web",
            "36 module/eks",
            "40 output/url",
            "41 moved/aws_instance.old",
        ]
    );
    let text = |at: usize| &MODULE[manifest.documents[at].bytes.clone()];
    assert_eq!(text(3), "  name = \"shop\" # not to be changed\n");
    assert_eq!(
        text(5),
        "// Where it runs.\n// In Europe.\nvariable \"region\" { default = \"eu-west-1\" }\n"
    );
    assert!(text(8).starts_with("module \"eks\" {\n") && text(8).ends_with("\"19.5\"\n}\n"));
}

#[test]
fn values_are_what_terraforms_json_syntax_would_hold() {
    let text = r#"resource "a" "b" {
  count   = 2
  ratio   = 0.5
  on      = true
  none    = null
  plain   = "a\tb"
  old     = "${var.region}"
  new     = var.region
  mixed   = "x-${var.region}"
  list    = [1, "two", local.three]
  sum     = 1   +  (var.a)
  "#
    .to_owned()
        + r#"  policy  = jsonencode({
    Version = "2012-10-17"
    Statement = [{ Action = ["s3:Get*"], "Effect" : "Allow" }]
  })
  text    = <<-EOT
    one
      ${var.two}
  EOT
  lifecycle { prevent_destroy = true }
  provisioner "local-exec" { command = "x" }
  dynamic "rule" {
    for_each = var.rules
    content { port = rule.value }
  }
}
"#;
    assert_eq!(
        values(&text),
        serde_json::json!({
            "count": 2, "ratio": 0.5, "on": true, "none": null, "plain": "a\tb",
            "old": "${var.region}", "new": "${var.region}", "mixed": "x-${var.region}",
            "list": [1, "two", "${local.three}"], "sum": "${1 + (var.a)}",
            "policy": {"jsonencode": {
                "Version": "2012-10-17",
                "Statement": [{"Action": ["s3:Get*"], "Effect": "Allow"}],
            }},
            "text": "one\n  ${var.two}\n",
            "lifecycle": [{"prevent_destroy": true}],
            "provisioner": {"local-exec": {"command": "x"}},
            "dynamic": {"rule": {"for_each": "${var.rules}", "content": [{"port": "${rule.value}"}]}},
        })
    );
}

#[test]
fn terragrunt_and_values_files_assign_inputs() {
    let terragrunt = "include \"root\" {\n  path = find_in_parent_folders(\"root.hcl\")\n}\nterraform {\n  source = \"tfr:///a/b/aws?version=1.2.3\"\n}\nprevent_destroy = true\ninputs = {\n  size = 3\n  \"name\" = \"x\"\n}\n";
    assert_eq!(
        ids(&read(terragrunt)),
        [
            "1 include/root",
            "4 terraform/settings",
            "7 setting/prevent_destroy",
            "9 input/size",
            "10 input/name"
        ]
    );
    assert_eq!(
        ids(&read("# eu\nregion = \"eu\"\nsizes = [1,\n  2]\n")),
        ["1 input/region", "3 input/sizes"]
    );
    let lock = "provider \"registry.terraform.io/hashicorp/aws\" {\n  version = \"5.0.0\"\n}\n";
    assert_eq!(
        ids(&read(lock)),
        ["1 locked-provider/registry.terraform.io/hashicorp/aws"]
    );
}

const SECRET: &str = "hunter2-correct-horse";

/// Each of these gives a secret away, in values and in text.
const SECRETS: [&str; 12] = [
    "resource \"aws_db_instance\" \"db\" { password = \"hunter2-correct-horse\" }\n",
    "resource \"a\" \"b\" {\n  settings = { adminPassword = \"hunter2-correct-horse\" }\n}\n",
    "resource \"a\" \"b\" {\n  block {\n    client_secret = \"x-${var.a}-hunter2-correct-horse\"\n  }\n}\n",
    "resource \"a\" \"b\" {\n  private_key = <<EOT\nhunter2-correct-horse\nEOT\n}\n",
    "resource \"a\" \"b\" { password = base64encode(\"hunter2-correct-horse\") }\n",
    "resource \"a\" \"b\" { tokens = [\"hunter2-correct-horse\"] }\n",
    "resource \"aws_ssm_parameter\" \"b\" {\n  type = \"SecureString\"\n  value = \"hunter2-correct-horse\"\n}\n",
    "resource \"kubernetes_secret\" \"b\" {\n  data = { a = \"hunter2-correct-horse\" }\n}\n",
    "variable \"db\" {\n  sensitive = true\n  default = { any = \"hunter2-correct-horse\" }\n}\n",
    "locals {\n  # password = \"hunter2-correct-horse\"\n  db_password = var.x ? \"hunter2-correct-horse\" : var.y\n}\n",
    "inputs = {\n  api_key = jsonencode({ a = \"hunter2-correct-horse\" })\n}\n",
    "resource \"a\" \"b\" {\n  password = \"hunter2-correct-horse\"\n  broken = = \n}\n",
];

#[test]
fn secrets_are_masked_in_values_and_in_text() {
    for text in SECRETS {
        let manifest = read(text);
        let shown = format!(
            "{manifest:?} {:?}",
            manifest
                .documents
                .iter()
                .map(|document| document.object.to_yaml())
                .collect::<Vec<_>>()
        );
        assert!(!shown.contains("hunter2"), "{text}{shown}");
        let masked = masked_items(Language::Terraform, text.as_bytes(), &masking());
        assert!(!masked.contains("hunter2"), "{text}{masked}");
        assert!(
            text.contains(SECRET) && masked.contains("<masked"),
            "{masked}"
        );
    }
    let equal = read("a_password = \"x\"\nb_password = \"x\"\nc_password = \"y\"\n");
    let value = |at: usize| equal.documents[at].object.at(&["value"]);
    assert_eq!(value(0), value(1));
    assert_ne!(value(0), value(2));
}

#[test]
fn what_a_secret_is_read_from_is_readable() {
    let text = "resource \"a\" \"b\" {\n  password = data.vault_generic_secret.db.data[\"password\"]\n  token = var.token\n  secret_name = \"shop-db\"\n  private_key = file(\"${path.module}/key.pem\")\n}\n";
    assert_eq!(
        values(text),
        serde_json::json!({
            "password": "${data.vault_generic_secret.db.data[\"password\"]}",
            "token": "${var.token}",
            "secret_name": "shop-db",
            "private_key": "${file(\"${path.module}/key.pem\")}",
        })
    );
    assert_eq!(
        masked_items(Language::Terraform, text.as_bytes(), &masking()),
        text
    );
}

#[test]
fn a_broken_block_loses_no_other_and_is_named_by_its_line() {
    let text = "module \"a\" {\n  version = \"1\"\n}\n\nmodule \"b\" {\n  version = = 2\n}\n\nmodule \"c\" {\n  source = \"x\"\n}\n";
    let manifest = read(text);
    assert_eq!(ids(&manifest), ["1 module/a", "9 module/c"]);
    let broken: Vec<u32> = manifest.broken.iter().map(|broken| broken.line).collect();
    assert_eq!(broken, [6]);
    assert!(
        !manifest.broken[0].why.contains("= 2"),
        "{:?}",
        manifest.broken
    );
    for text in [
        "module \"a\" {\n",
        "}\n",
        "a = <<EOT\nx\n",
        "\"",
        "a = \"${\"\n",
        "\u{0}x",
    ] {
        assert!(!read(text).broken.is_empty(), "{text:?}");
    }
    assert_eq!(
        ids(&read(&MODULE.replace('\n', "\r\n"))),
        ids(&read(MODULE))
    );
    assert_eq!(ids(&read("\u{feff}a = 1\n")), ["1 input/a"]);
    assert_eq!(read("").documents.len() + read("# x\n").documents.len(), 0);
}

/// A thread's usual stack is enough for the deepest that is read, and what is deeper is refused.
#[test]
fn abysses_and_giants_are_refused_in_time() {
    let deep = |open: &str, close: &str| {
        format!("a = {}1{}\n", open.repeat(100_000), close.repeat(100_000))
    };
    let blocks = format!("{}{}", "a {\n".repeat(50_000), "}\n".repeat(50_000));
    let chain = format!("a = 1{}\n", " + 1".repeat(200_000));
    let hostile = [
        deep("[", "]"),
        deep("(", ")"),
        deep("{a=", "}"),
        deep("!", ""),
        deep("-", ""),
        deep("\"${", "}\""),
        deep("f(", ")"),
        deep("true ? 1 : ", ""),
        deep("true ? ", " : 1"),
        deep("[for x in ", " : x]"),
        deep("a[", "]"),
        format!("a = b{}\n", ".c".repeat(200_000)),
        format!("a = b{}\n", "[0]".repeat(200_000)),
        format!("a = \"{}\"\n", "%{if true}".repeat(50_000)),
        blocks,
        chain,
        "a = \"".repeat(100_000),
        "<<A\n".repeat(100_000),
        "/*".repeat(500_000),
        "x".repeat(5 << 20),
    ];
    for text in &hostile {
        let manifest = read(text);
        let shown: String = text.chars().take(24).collect();
        assert!(
            manifest.documents.len() + manifest.broken.len() > 0,
            "{shown}"
        );
        let masked = masked_items(Language::Terraform, text.as_bytes(), &masking());
        assert!(!masked.is_empty(), "{shown}");
    }
    let crowded: String = (0..30_000)
        .map(|at| format!("b \"{at}\" {{}}\nc{at} {{}}\n"))
        .collect();
    assert_eq!(read(&format!("a {{\n{crowded}}}\n")).documents.len(), 1);
    // As large as they come, and in order.
    let big: String = (0..20_000)
        .map(|at| format!("resource \"aws_route53_record\" \"r{at}\" {{\n  name = \"r{at}\"\n}}\n"))
        .collect();
    assert!(big.len() > 1 << 20);
    let manifest = read(&big);
    assert_eq!(manifest.documents.len(), 20_000);
    let last = &manifest.documents[19_999];
    assert_eq!(
        (last.line, last.object.id.name.as_str()),
        (59_998, "r19999")
    );
    assert_eq!(
        last.object.at(&["name"]).and_then(Node::as_str),
        Some("r19999")
    );
}

#[test]
fn no_text_makes_it_panic_and_items_never_overlap() {
    use proptest::prelude::*;
    let pieces = prop::sample::select(vec![
        "resource", "\"a\"", " ", "{", "}", "\n", "=", "a", "1", "<<EOT\n", "EOT\n", "#", "//",
        "/*", "*/", "${", "%{", "\"", "[", "]", "(", ")", "é", "\r\n", ",", "?", ":", ".",
        "locals", "\\", "password", "inputs", "\u{2028}",
    ]);
    proptest!(ProptestConfig::with_cases(512), |(parts in prop::collection::vec(pieces, 0..40))| {
        let text = parts.concat();
        let manifest = read(&text);
        let mut end = 0;
        for document in &manifest.documents {
            prop_assert!(document.bytes.start >= end, "{text:?}");
            prop_assert!(text.get(document.bytes.clone()).is_some());
            end = document.bytes.end;
        }
        masked_items(Language::Terraform, text.as_bytes(), &masking());
    });
}
