//! Where a field is inside an object, written as people write it: `spec.template.spec.containers[name=api].image`.

use std::fmt;

use serde::{Serialize, Serializer};

/// The way from an object's root to a field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct FieldPath(pub Vec<Step>);

/// One step of a [`FieldPath`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// A map's key.
    Key(String),
    /// The list item whose fields have these values (the API's merge keys).
    Item(Vec<(String, String)>),
    /// The list item at this position, where the list has no merge keys.
    Index(usize),
}

impl FieldPath {
    pub fn key(&self, key: impl Into<String>) -> FieldPath {
        self.step(Step::Key(key.into()))
    }

    pub fn step(&self, step: Step) -> FieldPath {
        let mut steps = self.0.clone();
        steps.push(step);
        FieldPath(steps)
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if is_plain(key) => {
                    if i > 0 {
                        f.write_str(".")?;
                    }
                    f.write_str(key)?;
                }
                Step::Key(key) => write!(f, "[{key:?}]")?,
                Step::Item(keys) => {
                    f.write_str("[")?;
                    for (n, (key, value)) in keys.iter().enumerate() {
                        if n > 0 {
                            f.write_str(",")?;
                        }
                        match key.as_str() {
                            "" => f.write_str(value)?,
                            key => write!(f, "{key}={value}")?,
                        }
                    }
                    f.write_str("]")?;
                }
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

fn is_plain(key: &str) -> bool {
    !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-' || c == '$')
}

impl Serialize for FieldPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
