//! Field by field: what changed inside an object.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::noise::{self, Noise};
use super::value::same_value;
use crate::manifest::{FieldPath, Leaf, ListKeys, ListType, Map, Node, Object, ObjectRef, Step};

/// What happened to a resource between two trees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    Added,
    Removed,
    Modified,
    /// Same value, other file.
    Moved,
}

/// One field that differs. `before`/`after` are `None` where the field is absent on that side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    pub path: FieldPath,
    pub before: Option<Node>,
    pub after: Option<Node>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<Noise>,
}

impl FieldChange {
    /// Whether only the order of a keyed list's items changed: both sides are then lists of the items' keys alone,
    /// without what was added or removed.
    pub fn is_order(&self) -> bool {
        matches!((&self.before, &self.after), (Some(Node::List(a)), Some(Node::List(b))) if !a.is_empty() && !b.is_empty())
    }
}

/// The fields that differ, in path order; items of keyed lists are matched by key, a change of their order alone is one
/// change of the list ([`FieldChange::is_order`]). What is wholly new or gone (an object, a map, a list item) yields its
/// leaves, of which empty maps and lists are some. A value that changes its type is one change.
pub fn fields(
    before: Option<&Object>,
    after: Option<&Object>,
    lists: &ListKeys,
) -> Vec<FieldChange> {
    let Some(object) = after.or(before) else {
        return Vec::new();
    };
    let mut differ = Differ {
        id: &object.id,
        whole: before.is_none() || after.is_none(),
        lists,
        path: FieldPath::default(),
        changes: Vec::new(),
    };
    differ.compare(
        before.map(|object| &object.root),
        after.map(|object| &object.root),
    );
    differ.changes
}

struct Differ<'a> {
    id: &'a ObjectRef,
    /// The object itself is new or gone: nothing in it is noise.
    whole: bool,
    lists: &'a ListKeys,
    path: FieldPath,
    changes: Vec<FieldChange>,
}

impl Differ<'_> {
    fn compare(&mut self, before: Option<&Node>, after: Option<&Node>) {
        match (before, after) {
            (None, None) => {}
            (Some(a), Some(b)) if same_value(&self.path, a, b) => {}
            (Some(Node::Map(a)), Some(Node::Map(b))) => self.maps(a, b),
            (Some(Node::List(a)), Some(Node::List(b))) => self.lists(a, b),
            (Some(Node::Map(map)), None) if !map.is_empty() => self.maps(map, &Map::new()),
            (None, Some(Node::Map(map))) if !map.is_empty() => self.maps(&Map::new(), map),
            (Some(Node::List(list)), None) if !list.is_empty() => self.lists(list, &[]),
            (None, Some(Node::List(list))) if !list.is_empty() => self.lists(&[], list),
            _ => self.change(before.cloned(), after.cloned()),
        }
    }

    fn change(&mut self, before: Option<Node>, after: Option<Node>) {
        let noise = if self.whole {
            None
        } else {
            noise::classify(&self.id.kind, &self.path, before.as_ref(), after.as_ref())
        };
        self.changes.push(FieldChange {
            path: self.path.clone(),
            before,
            after,
            noise,
        });
    }

    fn at(&mut self, step: Step, before: Option<&Node>, after: Option<&Node>) {
        self.path.0.push(step);
        self.compare(before, after);
        self.path.0.pop();
    }

    fn maps(&mut self, before: &Map, after: &Map) {
        let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            self.at(Step::Key(key.clone()), before.get(key), after.get(key));
        }
    }

    fn lists(&mut self, before: &[Node], after: &[Node]) {
        match list_type(self.lists, self.id, &self.path, before, after) {
            ListType::Map(keys) => {
                match (items_by_key(before, &keys), items_by_key(after, &keys)) {
                    (Some(a), Some(b)) => self.keyed(&a, &b, &keys),
                    // Items that cannot be told apart by the schema's keys.
                    _ => self.positions(before, after),
                }
            }
            ListType::Set => self.sets(before, after),
            ListType::Atomic => self.positions(before, after),
        }
    }

    fn keyed(&mut self, before: &Keyed<'_>, after: &Keyed<'_>, keys: &[String]) {
        let find = |side: &Keyed<'_>| {
            side.iter()
                .map(|(key, _)| key.clone())
                .collect::<HashSet<_>>()
        };
        let (in_before, in_after) = (find(before), find(after));
        let common = |side: &Keyed<'_>, other: &HashSet<ItemKey>| {
            side.iter()
                .filter(|(key, _)| other.contains(key))
                .map(|(key, _)| key.clone())
                .collect::<Vec<_>>()
        };
        let (kept, kept_now) = (common(before, &in_after), common(after, &in_before));
        if kept != kept_now {
            self.change(Some(key_list(&kept, keys)), Some(key_list(&kept_now, keys)));
        }
        let old: HashMap<&ItemKey, &Node> = before.iter().map(|(key, node)| (key, *node)).collect();
        for (key, node) in before.iter().filter(|(key, _)| !in_after.contains(key)) {
            self.at(Step::Item(named(key, keys)), Some(node), None);
        }
        for (key, node) in after {
            self.at(
                Step::Item(named(key, keys)),
                old.get(key).copied(),
                Some(node),
            );
        }
    }

    fn sets(&mut self, before: &[Node], after: &[Node]) {
        for (index, item) in before
            .iter()
            .enumerate()
            .filter(|(_, item)| !after.contains(item))
        {
            self.at(Step::Index(index), Some(item), None);
        }
        for (index, item) in after
            .iter()
            .enumerate()
            .filter(|(_, item)| !before.contains(item))
        {
            self.at(Step::Index(index), None, Some(item));
        }
    }

    /// Lists told apart by position only: what is equal is aligned first, so that an item put in at the front is one
    /// addition and not a change of every item. Positions are those after, of removed items those before.
    fn positions(&mut self, before: &[Node], after: &[Node]) {
        for op in capture_diff_slices(Algorithm::Myers, before, after) {
            let (old, new) = match op {
                DiffOp::Equal { .. } => continue,
                DiffOp::Delete {
                    old_index,
                    old_len,
                    new_index,
                } => (old_index..old_index + old_len, new_index..new_index),
                DiffOp::Insert {
                    old_index,
                    new_index,
                    new_len,
                } => (old_index..old_index, new_index..new_index + new_len),
                DiffOp::Replace {
                    old_index,
                    old_len,
                    new_index,
                    new_len,
                } => (
                    old_index..old_index + old_len,
                    new_index..new_index + new_len,
                ),
            };
            for i in 0..old.len().max(new.len()) {
                let (a, b) = (old.clone().nth(i), new.clone().nth(i));
                let Some(index) = b.or(a) else { continue };
                self.at(
                    Step::Index(index),
                    a.map(|i| &before[i]),
                    b.map(|i| &after[i]),
                );
            }
        }
    }
}

/// The type of a list. Both sides must agree: where no schema is known, the type follows from the items themselves.
pub(super) fn list_type(
    lists: &ListKeys,
    id: &ObjectRef,
    path: &FieldPath,
    before: &[Node],
    after: &[Node],
) -> ListType {
    let of = |items: &[Node]| (!items.is_empty()).then(|| lists.list_type_of(id, path, items));
    match (of(before), of(after)) {
        (Some(a), Some(b)) if a != b => ListType::Atomic,
        (Some(found), _) | (None, Some(found)) => found,
        (None, None) => ListType::Atomic,
    }
}

pub(super) type ItemKey = Vec<String>;
pub(super) type Keyed<'a> = Vec<(ItemKey, &'a Node)>;

/// The items with the values of their key fields; `None` where an item lacks one or two items share theirs.
pub(super) fn items_by_key<'a>(items: &'a [Node], keys: &[String]) -> Option<Keyed<'a>> {
    let mut seen = HashSet::new();
    let mut keyed = Vec::with_capacity(items.len());
    for item in items {
        let key: ItemKey = keys
            .iter()
            .map(|key| item.key_value(key))
            .collect::<Option<_>>()?;
        if !seen.insert(key.clone()) {
            return None;
        }
        keyed.push((key, item));
    }
    (!keys.is_empty()).then_some(keyed)
}

pub(super) fn named(key: &ItemKey, keys: &[String]) -> Vec<(String, String)> {
    keys.iter().cloned().zip(key.iter().cloned()).collect()
}

fn key_list(items: &[ItemKey], keys: &[String]) -> Node {
    let text = |value: &String| Node::Leaf(Leaf::String(value.clone()));
    Node::List(
        items
            .iter()
            .map(|item| Node::Map(keys.iter().cloned().zip(item.iter().map(text)).collect()))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::suppressed;
    use crate::manifest::{Masking, parse};

    fn object(text: &str) -> Object {
        let manifest = parse(text.as_bytes(), &Masking::new([1; 32]));
        assert_eq!(manifest.broken, []);
        manifest
            .documents
            .into_iter()
            .next()
            .expect("an object")
            .object
    }

    /// `path before after noise`, a line for each change.
    fn changes(before: &str, after: &str) -> Vec<String> {
        fields(
            Some(&object(before)),
            Some(&object(after)),
            &ListKeys::builtin(),
        )
        .iter()
        .map(show)
        .collect()
    }

    fn show(change: &FieldChange) -> String {
        let side = |node: &Option<Node>| {
            node.as_ref()
                .map_or("-".to_owned(), |node| serde_json::to_string(node).unwrap())
        };
        let noise = change
            .noise
            .map_or(String::new(), |noise| format!(" {noise:?}"));
        format!(
            "{} {} {}{noise}",
            change.path,
            side(&change.before),
            side(&change.after)
        )
    }

    fn deployment(spec: &str) -> String {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec: {{template: {{spec: {spec}}}}}\n"
        )
    }

    #[test]
    fn list_items_are_matched_by_the_schemas_keys() {
        let before = deployment(
            "{containers: [{name: a, image: x:1, env: [{name: A, value: v}]}, {name: b, image: y:1}]}",
        );
        let after = deployment(
            "{containers: [{name: s, image: z}, {name: a, image: x:2, env: [{name: A, value: w}]}, {name: b, image: y:1}]}",
        );
        assert_eq!(
            changes(&before, &after),
            [
                r#"spec.template.spec.containers[name=s].image - "z""#,
                r#"spec.template.spec.containers[name=s].name - "s""#,
                r#"spec.template.spec.containers[name=a].env[name=A].value "v" "w""#,
                r#"spec.template.spec.containers[name=a].image "x:1" "x:2""#,
            ]
        );
    }

    #[test]
    fn order_of_keyed_items_is_one_change() {
        let before =
            deployment("{containers: [{name: a, image: x}, {name: b, image: y}, {name: gone}]}");
        let after = deployment("{containers: [{name: b, image: y}, {name: a, image: z}]}");
        let found = fields(
            Some(&object(&before)),
            Some(&object(&after)),
            &ListKeys::builtin(),
        );
        assert_eq!(
            found.iter().map(show).collect::<Vec<_>>(),
            [
                r#"spec.template.spec.containers [{"name":"a"},{"name":"b"}] [{"name":"b"},{"name":"a"}]"#,
                r#"spec.template.spec.containers[name=gone].name "gone" -"#,
                r#"spec.template.spec.containers[name=a].image "x" "z""#,
            ]
        );
        assert_eq!(
            found.iter().map(FieldChange::is_order).collect::<Vec<_>>(),
            [true, false, false]
        );
    }

    #[test]
    fn ports_are_told_apart_by_protocol_with_its_default() {
        let service = |ports: &str| {
            format!(
                "apiVersion: v1\nkind: Service\nmetadata: {{name: dns}}\nspec: {{ports: [{ports}]}}"
            )
        };
        assert_eq!(
            changes(
                &service("{port: 53, protocol: UDP, targetPort: 53}, {port: 53, targetPort: 53}"),
                &service(
                    "{port: 53, protocol: UDP, targetPort: 53}, {port: 53, protocol: TCP, targetPort: 5353}"
                ),
            ),
            [
                r#"spec.ports[port=53,protocol=TCP].protocol - "TCP""#,
                r#"spec.ports[port=53,protocol=TCP].targetPort 53 5353"#
            ]
        );
    }

    #[test]
    fn positional_lists_are_aligned_first() {
        let before = deployment("{containers: [{name: a, args: [one, two, three]}]}");
        let after = deployment("{containers: [{name: a, args: [zero, one, three, four]}]}");
        assert_eq!(
            changes(&before, &after),
            [
                r#"spec.template.spec.containers[name=a].args[0] - "zero""#,
                r#"spec.template.spec.containers[name=a].args[1] "two" -"#,
                r#"spec.template.spec.containers[name=a].args[3] - "four""#,
            ]
        );
    }

    #[test]
    fn sets_have_no_order_and_duplicates_fall_back_to_positions() {
        let config = |finalizers: &str| {
            format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c, finalizers: [{finalizers}]}}"
            )
        };
        assert_eq!(
            changes(&config("a, b"), &config("b, a")),
            Vec::<String>::new()
        );
        assert_eq!(
            changes(&config("a, b"), &config("c, a")),
            [
                r#"metadata.finalizers[1] "b" -"#,
                r#"metadata.finalizers[0] - "c""#
            ]
        );
        let env =
            |values: &str| deployment(&format!("{{containers: [{{name: a, env: [{values}]}}]}}"));
        assert_eq!(
            changes(
                &env("{name: A, value: '1'}, {name: A, value: '2'}"),
                &env("{name: A, value: '1'}, {name: A, value: '3'}")
            ),
            [r#"spec.template.spec.containers[name=a].env[1].value "2" "3""#]
        );
    }

    #[test]
    fn equal_quantities_are_no_change_and_new_or_gone_parts_give_leaves() {
        let with =
            |resources: &str| deployment(&format!("{{containers: [{{name: a{resources}}}]}}"));
        assert_eq!(
            changes(
                &with(", resources: {requests: {cpu: 1, memory: 1Gi}}"),
                &with(", resources: {requests: {cpu: 1000m, memory: 1024Mi}}")
            ),
            Vec::<String>::new()
        );
        assert_eq!(
            changes(
                &with(", resources: {requests: {cpu: 1}, limits: {}}"),
                &with("")
            ),
            [
                "spec.template.spec.containers[name=a].resources.limits {} -",
                "spec.template.spec.containers[name=a].resources.requests.cpu 1 -",
            ]
        );
        assert_eq!(
            changes(
                "{apiVersion: v1, kind: A, metadata: {name: a}, x: {p: 1}}",
                "{apiVersion: v1, kind: A, metadata: {name: a}, x: [1]}"
            ),
            [r#"x {"p":1} [1]"#]
        );
        let all = fields(
            None,
            Some(&object("{apiVersion: v1, kind: A, metadata: {name: a}}")),
            &ListKeys::builtin(),
        );
        assert_eq!(
            all.iter().map(show).collect::<Vec<_>>(),
            [
                r#"apiVersion - "v1""#,
                r#"kind - "A""#,
                r#"metadata.name - "a""#
            ]
        );
    }

    #[test]
    fn unknown_kinds_fall_back_to_names_and_learn_from_their_schema() {
        let rule = |groups: &str| {
            format!(
                "{{apiVersion: example.com/v1, kind: Rules, metadata: {{name: r}}, spec: {{groups: [{groups}]}}}}"
            )
        };
        let (before, after) = (
            rule("{name: a, x: 1}, {name: b, x: 1}"),
            rule("{name: b, x: 2}"),
        );
        assert_eq!(
            changes(&before, &after),
            [
                "spec.groups[name=a].name \"a\" -",
                "spec.groups[name=a].x 1 -",
                "spec.groups[name=b].x 1 2"
            ]
        );
        let mut lists = ListKeys::builtin();
        let schema = serde_json::json!({"properties": {"spec": {"properties": {"groups": {
            "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["x"], "items": {"properties": {}}
        }}}}});
        lists.learn("example.com", "Rules", &schema);
        let found = fields(
            Some(&object(&before)),
            Some(&object(&rule("{name: a, x: 2}, {name: c, x: 1}"))),
            &lists,
        );
        // The first list has two items with x=1, which no key tells apart; positions are left.
        assert_eq!(
            found.iter().map(show).collect::<Vec<_>>(),
            ["spec.groups[0].x 1 2", "spec.groups[1].name \"b\" \"c\""]
        );
        let found = fields(
            Some(&object(&rule("{name: a, x: 1}, {name: b, x: 2}"))),
            Some(&object(&rule("{name: a, x: 1}, {name: c, x: 2}"))),
            &lists,
        );
        assert_eq!(
            found.iter().map(show).collect::<Vec<_>>(),
            ["spec.groups[x=2].name \"b\" \"c\""]
        );
    }

    #[test]
    fn noise_is_marked_and_counted() {
        let text = |checksum: &str, chart: &str, time: &str, image: &str| {
            format!(
                "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: gc-{checksum}\n  labels: {{helm.sh/chart: {chart}}}\n  \
                 annotations: {{rendered: '{time}', kubectl.kubernetes.io/restartedAt: '{time}'}}\nspec:\n  template:\n    \
                 metadata:\n      annotations: {{checksum/config: {checksum}}}\n    spec: {{containers: [{{name: a, image: {image}}}]}}\n"
            )
        };
        let before = text("gryqt", "web-1.0", "2022-01-05T10:00:00Z", "a:1");
        let after = text("gpvzi", "web-1.1", "2022-01-06 10:00:00 +0000 UTC", "a:2");
        let found = fields(
            Some(&object(&before)),
            Some(&object(&after)),
            &ListKeys::builtin(),
        );
        let noise: Vec<_> = found
            .iter()
            .map(|change| (change.path.to_string(), change.noise))
            .collect();
        assert_eq!(
            noise,
            [
                (
                    "metadata.annotations[\"kubectl.kubernetes.io/restartedAt\"]".to_owned(),
                    None
                ),
                (
                    "metadata.annotations.rendered".to_owned(),
                    Some(Noise::Timestamp)
                ),
                (
                    "metadata.labels[\"helm.sh/chart\"]".to_owned(),
                    Some(Noise::ChartLabel)
                ),
                ("metadata.name".to_owned(), Some(Noise::GeneratedName)),
                (
                    "spec.template.metadata.annotations[\"checksum/config\"]".to_owned(),
                    Some(Noise::Checksum)
                ),
                (
                    "spec.template.spec.containers[name=a].image".to_owned(),
                    None
                ),
            ]
        );
        let counts = suppressed(&found);
        assert_eq!(counts.values().sum::<usize>(), 4);
        assert_eq!(counts[&Noise::Checksum], 1);
        let added = fields(None, Some(&object(&after)), &ListKeys::builtin());
        assert!(added.iter().all(|change| change.noise.is_none()));
    }
}
