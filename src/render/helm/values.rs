//! Values as they are written in objects: of a HelmRelease, or in a ConfigMap that it names.

use serde_json::Value;

use crate::git::{ByteSlice, Oid, Reader};
use crate::manifest::{Image, Leaf, Node, image_of_values};
use crate::render::tool::{Field, Helm, Tool, Values};
use crate::render::tree::{self, Followed, Tree};
use crate::render::{Error, Recipe, Renderer};
use crate::task::Cancel;
use crate::text::clean_line;

/// Stands in values where a secret is: it never leaves the repository it is in.
const MASKED: &str = "masked";

/// The texts of the values, in order; or why they are not known.
pub(crate) fn texts(
    renderer: &Renderer,
    tree: &Tree,
    helm: &Helm,
    cancel: &Cancel,
) -> Result<Result<Vec<String>, String>, Error> {
    let mut texts = Vec::new();
    for values in &helm.values {
        match values {
            Values::Text(text) => texts.push(text.clone()),
            Values::Field(field) => {
                let rendering =
                    renderer.render_until(tree.reader, tree.root(), &field.from, cancel)?;
                let object = rendering
                    .objects
                    .iter()
                    .find(|rendered| rendered.object.id == field.object);
                match object.map(|rendered| text(field, &rendered.object.root)) {
                    Some(Ok(text)) => texts.push(text),
                    Some(Err(why)) => return Ok(Err(why)),
                    None => {
                        let why = format!("its values are in {}, which is not there", named(field));
                        return Ok(Err(why));
                    }
                }
            }
        }
    }
    Ok(Ok(texts))
}

impl Renderer {
    /// The image that the values of a Helm release ask for, in files and in objects: the next best where the chart itself
    /// cannot be rendered. `None` also where `recipe` is none of Helm's.
    pub fn image_of_values(
        &self,
        reader: &Reader,
        tree: Oid,
        recipe: &Recipe,
        names: &[&str],
    ) -> Result<Option<Image>, Error> {
        let Tool::Helm(helm) = &recipe.tool else {
            return Ok(None);
        };
        let tree = Tree::at(reader, tree);
        let mut found = None;
        let mut look = |text: &[u8]| {
            let values = serde_yaml::from_slice::<serde_yaml::Value>(text);
            let image = values
                .ok()
                .and_then(|values| image_of_values(&values, names));
            found = image.or(found.take());
        };
        for path in &helm.value_files {
            let followed = tree.follow(path.as_bstr())?;
            if let Followed::To {
                node: tree::Node::File(id),
                ..
            } = followed
            {
                look(&reader.blob(id)?);
            }
        }
        for text in texts(self, &tree, helm, &Cancel::new())?.unwrap_or_default() {
            look(text.as_bytes());
        }
        Ok(found)
    }
}

fn text(field: &Field, root: &Node) -> Result<String, String> {
    match root.field(&field.path) {
        Some(Node::Leaf(Leaf::String(text))) => Ok(text.clone()),
        Some(Node::Leaf(Leaf::Masked(_) | Leaf::Encrypted(_))) => {
            Err(format!("its values are a secret, in {}", named(field)))
        }
        Some(node @ Node::Map(_)) => Ok(json(node).to_string()),
        Some(Node::Leaf(Leaf::Null)) => Ok(String::new()),
        Some(Node::Leaf(_) | Node::List(_)) => Err(format!("{} holds no values", named(field))),
        // Most releases have some, and none has to.
        None if field.object.kind == "HelmRelease" => Ok(String::new()),
        None => Err(format!(
            "its values are in {}, which has none",
            named(field)
        )),
    }
}

fn named(field: &Field) -> String {
    clean_line(&format!("{} {}", field.object, field.path))
}

pub(crate) fn json(node: &Node) -> Value {
    match node {
        Node::Leaf(Leaf::Null) => Value::Null,
        Node::Leaf(Leaf::Bool(value)) => Value::Bool(*value),
        Node::Leaf(Leaf::Number(number)) => Value::Number(number.clone()),
        Node::Leaf(Leaf::String(text)) => Value::String(text.clone()),
        Node::Leaf(Leaf::Masked(_) | Leaf::Encrypted(_)) => Value::String(MASKED.to_owned()),
        Node::List(items) => items.iter().map(json).collect(),
        Node::Map(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), json(value)))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{FieldPath, Masking, parse};

    #[test]
    fn only_a_release_may_have_no_values() {
        let yaml = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: web}\nspec: {interval: 1m}\n---\n\
            apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {other: '1'}\n";
        let parsed = parse(yaml.as_bytes(), &Masking::new([1; 32]));
        let expected = [(["spec", "values"], true), (["data", "values.yaml"], false)];
        for (document, (keys, fine)) in parsed.documents.iter().zip(expected) {
            let field = Field {
                from: Recipe {
                    tool: Tool::Plain,
                    roots: Vec::new(),
                    closure: Vec::new(),
                    namespace: None,
                },
                object: document.object.id.clone(),
                path: FieldPath::default().key(keys[0]).key(keys[1]),
            };
            let read = text(&field, &document.object.root);
            assert_eq!(read.is_ok(), fine, "{read:?}");
        }
    }
}
