//! What in Terraform's language may be a secret besides what its name says: literals in what is computed, and values of
//! resources that hold secrets.

use hcl_edit::expr::Expression;
use hcl_edit::structure::Body;

/// Whether a computed value is made of literals that may be a secret. Which file, which variable of the environment, which
/// key of a map is none.
pub(in super::super) fn has_literal(value: &Expression) -> bool {
    const LOOKUPS: [&str; 8] = [
        "file",
        "filebase64",
        "get_env",
        "get_terragrunt_dir",
        "run_cmd",
        "sops_decrypt_file",
        "find_in_parent_folders",
        "read_terragrunt_config",
    ];
    match value {
        Expression::Null(_) | Expression::Bool(_) | Expression::Number(_) => false,
        Expression::Variable(_) => false,
        Expression::String(text) => !text.is_empty(),
        Expression::StringTemplate(_) | Expression::HeredocTemplate(_) => true,
        Expression::Array(items) => items.iter().any(has_literal),
        Expression::Object(object) => object.iter().any(|(_, value)| has_literal(value.expr())),
        Expression::Parenthesis(inner) => has_literal(inner.inner()),
        Expression::Conditional(choice) => {
            has_literal(&choice.true_expr) || has_literal(&choice.false_expr)
        }
        Expression::FuncCall(call) => {
            !LOOKUPS.contains(&call.name.name.as_str()) && call.args.iter().any(has_literal)
        }
        Expression::Traversal(traversal) => has_literal(&traversal.expr),
        Expression::UnaryOp(operation) => has_literal(&operation.expr),
        Expression::BinaryOp(operation) => {
            has_literal(&operation.lhs_expr) || has_literal(&operation.rhs_expr)
        }
        Expression::ForExpr(each) => has_literal(&each.value_expr),
    }
}

/// Attributes of a resource that are secret because of what the resource is.
pub(super) fn secrets_of(kind: &str, body: &Body) -> &'static [&'static str] {
    let of_type = body.get_attribute("type");
    holds_secrets(kind, of_type.and_then(|found| found.value.as_str()))
}

/// The same, of a resource whose `type` is this.
pub(in super::super) fn holds_secrets(
    kind: &str,
    of_type: Option<&str>,
) -> &'static [&'static str] {
    const VALUES: [&str; 9] = [
        "binary_data",
        "data",
        "data_json",
        "encrypted_value",
        "plaintext_value",
        "secret_binary",
        "secret_data",
        "string_data",
        "value",
    ];
    match of_type == Some("SecureString") || kind.contains("secret") || kind.contains("password") {
        true => &VALUES,
        false => &[],
    }
}
