//! Bytes → objects, by Kubernetes' own rules.
//!
//! A manifest is read as the API server would read it (YAML 1.1 scalars, last duplicate key wins), keeps the byte
//! span of every document so that edits can splice, and never loses a document because its neighbour is broken.
//! Sensitive values are masked here, at parse: no type that leaves this module can hold one.

mod build;
mod emit;
mod image;
mod items;
mod kargo;
mod kinds;
mod lookup;
mod map;
mod mask;
mod object;
mod outline;
mod parse;
mod path;
mod pattern;
mod redact;
mod reference;
mod repair;
mod scalar;
mod schema;
mod source;
mod stored;
mod tree;

pub use emit::YamlLine;
pub use image::{Image, image_of_values, images};
pub use items::{Language, masked_items, parse_items};
pub use kargo::{KARGO, Written, kargo_origin, kargo_summary, kargo_writes};
pub use kinds::{is_built_in, is_cluster_scoped, kind_for};
pub use map::Map;
pub use mask::{MaskedId, Masking};
pub use object::{Broken, Cause, Document, Leaf, Manifest, Node, Object, ObjectRef};
pub use outline::{Class, Outline};
pub use parse::parse;
pub use path::{FieldPath, Step};
pub use pattern::MaskPathError;
pub use redact::masked_text;
pub use reference::{names_vault, vault_references};
pub use schema::{ListKeys, ListType};
