//! Field changes that carry no intent. They are folded and counted, never dropped: hidden noise has hidden real changes.

use std::collections::BTreeMap;

use serde::Serialize;

use super::fields::FieldChange;

/// Why a field change is noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Noise {
    /// `checksum/*` annotations, `jenkins-x.io/hash`.
    Checksum,
    /// `helm.sh/chart`, `chart`, `app.kubernetes.io/version` labels.
    ChartLabel,
    /// A name whose random suffix changes at every generation.
    GeneratedName,
    /// `caBundle`, PEM blocks of generated certificates.
    Certificate,
    /// Timestamps a generator writes.
    Timestamp,
    /// Indices and marks tools leave (`config.kubernetes.io/index`).
    ToolMark,
}

/// How many of `changes` are noise, by kind: the `suppressed` of an answer.
pub fn suppressed(changes: &[FieldChange]) -> BTreeMap<Noise, usize> {
    let _ = changes;
    todo!()
}
