//! Bytes → objects, by Kubernetes' own rules.
//!
//! A manifest is read as the API server would read it (YAML 1.1 scalars, last duplicate key wins), keeps the byte
//! span of every document so that edits can splice, and never loses a document because its neighbour is broken.
//! Sensitive values are masked here, at parse: no type that leaves this module can hold one.

mod image;
mod mask;
mod object;
mod path;
mod schema;
mod yaml;

pub use image::{Image, images};
pub use mask::{MaskedId, Masking, masked_text};
pub use object::{Broken, Document, Leaf, Manifest, Node, Object, ObjectRef, parse};
pub use path::{FieldPath, Step};
pub use schema::{ListKeys, ListType, is_cluster_scoped, kind_for};
