//! Differences between two objects, by meaning first: fields matched by the API's list keys, quantities and
//! int-or-strings compared by value, noise marked and counted but never dropped. The text view is the second view
//! of the same change.

mod fields;
mod noise;
mod pair;
mod text;
mod trace;
mod value;

pub use fields::{ChangeKind, FieldChange, fields};
pub use noise::{Noise, same_but_generated, stem, suppressed};
pub use pair::{Pair, pair};
pub use text::{Hunk, Line, LineKind, Note, Span, TextDiff, text};
pub use trace::{LeafField, Trace, leaves};
pub use value::{quantity, same_value};
