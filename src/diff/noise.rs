//! Field changes that carry no intent. They are folded and counted, never dropped: hidden noise has hidden real changes.

use std::collections::BTreeMap;

use serde::Serialize;

use super::fields::FieldChange;
use crate::manifest::{FieldPath, Leaf, Node, Step};

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
    /// Indices and marks tools leave (`config.kubernetes.io/index`, the `sops.mac` of a file).
    ToolMark,
}

/// How many of `changes` are noise, by kind: the `suppressed` of an answer.
pub fn suppressed(changes: &[FieldChange]) -> BTreeMap<Noise, usize> {
    let mut counts = BTreeMap::new();
    for noise in changes.iter().filter_map(|change| change.noise) {
        *counts.entry(noise).or_default() += 1;
    }
    counts
}

/// Why the change of an object of this kind carries no intent, where it does not.
pub(super) fn classify(
    kind: &str,
    path: &FieldPath,
    before: Option<&Node>,
    after: Option<&Node>,
) -> Option<Noise> {
    let Some(Step::Key(key)) = path.0.last() else {
        return None;
    };
    let parent = match path.0.len().checked_sub(2).map(|i| &path.0[i]) {
        Some(Step::Key(parent)) => parent.as_str(),
        _ => "",
    };
    if matches!(parent, "annotations" | "labels")
        && let Some(noise) = mark(key)
    {
        return Some(noise);
    }
    if key == "creationTimestamp" && parent == "metadata" {
        return Some(Noise::Timestamp);
    }
    // What SOPS writes whenever it writes a file. For whom it encrypts is no noise.
    if let [Step::Key(sops), ..] = path.0.as_slice()
        && sops == "sops"
        && matches!(
            key.as_str(),
            "created_at" | "enc" | "lastmodified" | "mac" | "version"
        )
        && before.is_some()
        && after.is_some()
    {
        return Some(Noise::ToolMark);
    }
    // The rest is noise only as a change: one that appears or goes has been meant.
    let (before, after) = (before?, after?);
    if key == "caBundle" || is_certificate(kind, parent, key, before, after) {
        return Some(Noise::Certificate);
    }
    let (before, after) = (before.as_str()?, after.as_str()?);
    if matches!(parent, "annotations" | "labels")
        && !key.ends_with("restartedAt")
        && is_time(before)
        && is_time(after)
    {
        return Some(Noise::Timestamp);
    }
    // The object's own name, and references to what kustomize or a chart names by content or at random.
    let whose = if parent == "metadata" && path.0.len() == 2 {
        kind
    } else {
        ""
    };
    let is_name = matches!(key.as_str(), "name" | "secretName" | "claimName");
    if is_name && before != after && same_but_generated(whose, before, after) {
        return Some(Noise::GeneratedName);
    }
    None
}

/// Labels and annotations that tools write.
fn mark(key: &str) -> Option<Noise> {
    match key {
        "helm.sh/chart" | "chart" | "app.kubernetes.io/version" => Some(Noise::ChartLabel),
        "jenkins-x.io/hash" | "rollme" => Some(Noise::Checksum),
        "controller-gen.kubebuilder.io/version" => Some(Noise::ToolMark),
        _ if key.starts_with("checksum/")
            || key.starts_with("checksum-")
            || key.ends_with("/checksum") =>
        {
            Some(Noise::Checksum)
        }
        _ if key.starts_with("config.kubernetes.io/")
            || key.starts_with("internal.config.kubernetes.io/") =>
        {
            Some(Noise::ToolMark)
        }
        _ => None,
    }
}

fn is_certificate(kind: &str, parent: &str, key: &str, before: &Node, after: &Node) -> bool {
    let pem = |node: &Node| {
        node.as_str()
            .is_some_and(|text| text.trim_start().starts_with("-----BEGIN CERTIFICATE-----"))
    };
    let masked = |node: &Node| matches!(node, Node::Leaf(Leaf::Masked(_)));
    let named = matches!(key, "ca.crt" | "tls.crt" | "tls.key" | "ca.key");
    (pem(before) && pem(after))
        || (kind == "Secret"
            && matches!(parent, "data" | "stringData")
            && named
            && masked(before)
            && masked(after))
}

/// A point in time as generators write it: RFC 3339, Go's `time.Time.String()`, or Unix seconds to nanoseconds.
fn is_time(text: &str) -> bool {
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return matches!(text.len(), 10 | 13 | 16 | 19);
    }
    let bytes = text.as_bytes();
    let shape = |pattern: &[u8]| {
        bytes.len() >= pattern.len()
            && pattern.iter().zip(bytes).all(|(p, b)| {
                if *p == b'0' {
                    b.is_ascii_digit()
                } else {
                    p == b
                }
            })
    };
    shape(b"0000-00-00T00:00:00") || shape(b"0000-00-00 00:00:00") || shape(b"0000-00-00T00-00-00")
}

/// Whether two names of objects differ only in a part that a tool generates at random or from the content
/// (`job-gryqt` and `job-gpvzi`).
pub fn same_but_generated(kind: &str, a: &str, b: &str) -> bool {
    let around = around_generated(kind, a);
    around.is_some() && around == around_generated(kind, b)
}

/// What names of one kind have in common that may be generated from one another: equal exactly where the names are, or
/// [`same_but_generated`] says so.
pub fn stem<'a>(kind: &str, name: &'a str) -> (&'a str, Option<&'a str>) {
    match around_generated(kind, name) {
        Some((stem, tail)) => (stem, Some(tail)),
        None => (name, None),
    }
}

/// The name before and after its generated part (`job-gryqt` → `job`, ``). Only Jobs and Pods are known to be given any
/// letters; elsewhere the part must be one that people do not write: five of Kubernetes' random alphabet, which has no
/// vowels (`k8s.io/apimachinery/pkg/util/rand`), or a content hash of kustomize (`api/hasher`). The pods of Elastic's Helm
/// tests end in `-RANDOM-test` (`elastic/helm-charts`, templates/test).
pub(super) fn around_generated<'a>(kind: &str, name: &'a str) -> Option<(&'a str, &'a str)> {
    let tail = if kind == "Pod" && name.ends_with("-test") {
        "-test"
    } else {
        ""
    };
    let (stem, suffix) = name.strip_suffix(tail)?.rsplit_once('-')?;
    let only = |alphabet: &str| suffix.chars().all(|c| alphabet.contains(c));
    let generated = match suffix.len() {
        5 if matches!(kind, "Job" | "Pod") => only("abcdefghijklmnopqrstuvwxyz0123456789"),
        5 => only("bcdfghjklmnpqrstvwxz2456789"),
        10 => only("bcdfghkmt2456789") && suffix.contains(|c: char| c.is_ascii_digit()),
        _ => false,
    };
    (generated && !stem.is_empty()).then_some((stem, tail))
}
