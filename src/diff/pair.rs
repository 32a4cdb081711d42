//! Which object became which.

use std::collections::HashMap;

use super::noise::around_generated;
use crate::manifest::ObjectRef;

/// An object on each side, by index into what [`pair`] was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    pub before: Option<usize>,
    pub after: Option<usize>,
}

/// Pairs objects by [`ObjectRef`]; what is left over is paired where only a generated random suffix of the name
/// differs (`job-gryqt` → `job-gpvzi`, same kind and namespace, one candidate on each side). In the order of the
/// references.
pub fn pair(before: &[&ObjectRef], after: &[&ObjectRef]) -> Vec<Pair> {
    let mut pairs = Vec::with_capacity(before.len().max(after.len()));
    // The same reference may stand more than once on a side: first with first, second with second.
    let mut by_ref: HashMap<&ObjectRef, Vec<usize>> = HashMap::new();
    for (index, id) in after.iter().enumerate().rev() {
        by_ref.entry(id).or_default().push(index);
    }
    let mut gone = Vec::new();
    for (index, id) in before.iter().enumerate() {
        match by_ref.get_mut(id).and_then(Vec::pop) {
            Some(found) => pairs.push(Pair {
                before: Some(index),
                after: Some(found),
            }),
            None => gone.push(index),
        }
    }
    let new: Vec<usize> = by_ref.into_values().flatten().collect();

    let mut by_stem: HashMap<Stem<'_>, (Vec<usize>, Vec<usize>)> = HashMap::new();
    for &index in &gone {
        if let Some(stem) = stem(before[index]) {
            by_stem.entry(stem).or_default().0.push(index);
        }
    }
    for &index in &new {
        if let Some(stem) = stem(after[index]) {
            by_stem.entry(stem).or_default().1.push(index);
        }
    }
    let renamed: HashMap<usize, usize> = by_stem
        .into_values()
        .filter_map(|(gone, new)| match (gone.as_slice(), new.as_slice()) {
            ([before], [after]) => Some((*before, *after)),
            _ => None,
        })
        .collect();
    for &index in &gone {
        pairs.push(Pair {
            before: Some(index),
            after: renamed.get(&index).copied(),
        });
    }
    for &index in &new {
        if !renamed.values().any(|&after| after == index) {
            pairs.push(Pair {
                before: None,
                after: Some(index),
            });
        }
    }
    let key = |pair: &Pair| {
        pair.after
            .map(|i| after[i])
            .or(pair.before.map(|i| before[i]))
    };
    pairs.sort_by(|a, b| key(a).cmp(&key(b)));
    pairs
}

/// Group, kind, namespace, name without its generated part.
type Stem<'a> = (&'a str, &'a str, Option<&'a str>, (&'a str, &'a str));

fn stem(id: &ObjectRef) -> Option<Stem<'_>> {
    let stem = around_generated(&id.kind, &id.name)?;
    Some((&id.group, &id.kind, id.namespace.as_deref(), stem))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(kind: &str, name: &str) -> ObjectRef {
        ObjectRef {
            group: String::new(),
            kind: kind.to_owned(),
            namespace: Some("jx".to_owned()),
            name: name.to_owned(),
        }
    }

    fn names(before: &[ObjectRef], after: &[ObjectRef]) -> Vec<(Option<String>, Option<String>)> {
        let refs = |ids: &'_ [ObjectRef]| ids.iter().map(|id| id.name.clone()).collect::<Vec<_>>();
        let (b, a) = (refs(before), refs(after));
        pair(
            &before.iter().collect::<Vec<_>>(),
            &after.iter().collect::<Vec<_>>(),
        )
        .iter()
        .map(|pair| {
            (
                pair.before.map(|i| b[i].clone()),
                pair.after.map(|i| a[i].clone()),
            )
        })
        .collect()
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn equal_references_pair_and_the_rest_is_added_or_removed() {
        let before = [
            id("ConfigMap", "a"),
            id("ConfigMap", "b"),
            id("ConfigMap", "b"),
        ];
        let after = [
            id("ConfigMap", "b"),
            id("ConfigMap", "c"),
            id("Service", "a"),
        ];
        assert_eq!(
            names(&before, &after),
            [
                (some("a"), None),
                (some("b"), some("b")),
                (some("b"), None),
                (None, some("c")),
                (None, some("a"))
            ]
        );
    }

    #[test]
    fn generated_names_pair_where_there_is_one_candidate() {
        let before = [
            id("Job", "jx-verify-gc-jobs-gryqt"),
            id("Job", "other-aaaaa"),
        ];
        let after = [id("Job", "jx-verify-gc-jobs-gpvzi")];
        assert_eq!(
            names(&before, &after),
            [
                (
                    some("jx-verify-gc-jobs-gryqt"),
                    some("jx-verify-gc-jobs-gpvzi")
                ),
                (some("other-aaaaa"), None)
            ]
        );
        let two = [
            id("Job", "jx-verify-gc-jobs-gpvzi"),
            id("Job", "jx-verify-gc-jobs-abcde"),
        ];
        assert_eq!(
            names(&before[..1], &two)
                .iter()
                .filter(|(b, a)| b.is_some() && a.is_some())
                .count(),
            0
        );
        // A word is no random suffix: blue and green are different things.
        let (blue, green) = (
            [id("Deployment", "api-black")],
            [id("Deployment", "api-green")],
        );
        assert_eq!(
            names(&blue, &green),
            [(some("api-black"), None), (None, some("api-green"))]
        );
        // Elastic's Helm tests
        let (old, new) = (
            [id("Pod", "elasticsearch-wwxfc-test")],
            [id("Pod", "elasticsearch-yjnjh-test")],
        );
        assert_eq!(
            names(&old, &new),
            [(
                some("elasticsearch-wwxfc-test"),
                some("elasticsearch-yjnjh-test")
            )]
        );
        // kustomize's content hash
        let (old, new) = (
            [id("ConfigMap", "web-config-5t2f8k9dgh")],
            [id("ConfigMap", "web-config-mk6c4h2bdt")],
        );
        assert_eq!(
            names(&old, &new),
            [(some("web-config-5t2f8k9dgh"), some("web-config-mk6c4h2bdt"))]
        );
    }
}
