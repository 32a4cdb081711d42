//! Back in time, field by field: which fields of an object were the same before, and where they were then.
//!
//! A field is told from others by where it stands, and that is another place in an older value where list items came, went
//! or changed their order. So each field's place is carried from one value to the one before it.

use std::collections::HashMap;

use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::fields::{items_by_key, list_type, named};
use super::value::same_value;
use crate::manifest::{FieldPath, ListKeys, ListType, Node, Object, ObjectRef, Step};

/// A field that has nothing in it: a scalar, or an empty map or list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafField {
    pub path: FieldPath,
    pub value: Node,
}

/// Fields of an object that are looked for in older values of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// Those that are still looked for; neighbours in the object are neighbours here.
    fields: Vec<Traced>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Traced {
    /// Which of the leaves it is.
    leaf: usize,
    place: Vec<At>,
    differs: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum At {
    Key(String),
    Item(usize),
}

/// The leaves of an object, in the order of [`Object::to_yaml_lines`], and what it takes to trace them.
pub fn leaves(object: &Object, lists: &ListKeys) -> (Vec<LeafField>, Trace) {
    let mut collector = Collector {
        id: &object.id,
        lists,
        path: FieldPath::default(),
        place: Vec::new(),
        leaves: Vec::new(),
        fields: Vec::new(),
    };
    collector.collect(&object.root);
    let Collector { leaves, fields, .. } = collector;
    (leaves, Trace { fields })
}

impl Trace {
    /// Nothing is looked for any more.
    pub fn is_done(&self) -> bool {
        self.fields.is_empty()
    }

    /// From `after`, where the fields are now, to `before`: those that differ or are not there are no longer looked for, and
    /// returned by their numbers among the leaves.
    pub fn step(
        &mut self,
        before: Option<&Object>,
        after: &Object,
        lists: &ListKeys,
    ) -> Vec<usize> {
        match before {
            Some(before) => Back {
                id: &after.id,
                lists,
                path: FieldPath::default(),
            }
            .compare(&before.root, &after.root, &mut self.fields, 0),
            None => all_differ(&mut self.fields),
        }
        let differing = self.fields.iter().filter(|field| field.differs);
        let differing = differing.map(|field| field.leaf).collect();
        self.fields.retain(|field| !field.differs);
        differing
    }
}

struct Collector<'a> {
    id: &'a ObjectRef,
    lists: &'a ListKeys,
    path: FieldPath,
    place: Vec<At>,
    leaves: Vec<LeafField>,
    fields: Vec<Traced>,
}

impl Collector<'_> {
    fn collect(&mut self, node: &Node) {
        match node {
            Node::Map(map) if !map.is_empty() => {
                for (key, value) in map {
                    self.at(Step::Key(key.clone()), At::Key(key.clone()), value);
                }
            }
            Node::List(items) if !items.is_empty() => {
                let steps = self.steps(items);
                for (index, (item, step)) in items.iter().zip(steps).enumerate() {
                    self.at(step, At::Item(index), item);
                }
            }
            value => {
                self.fields.push(Traced {
                    leaf: self.leaves.len(),
                    place: self.place.clone(),
                    differs: false,
                });
                self.leaves.push(LeafField {
                    path: self.path.clone(),
                    value: value.clone(),
                });
            }
        }
    }

    fn at(&mut self, step: Step, at: At, node: &Node) {
        self.path.0.push(step);
        self.place.push(at);
        self.collect(node);
        self.place.pop();
        self.path.0.pop();
    }

    fn steps(&self, items: &[Node]) -> Vec<Step> {
        if let ListType::Map(keys) = list_type(self.lists, self.id, &self.path, items, items)
            && let Some(keyed) = items_by_key(items, &keys)
        {
            return keyed
                .iter()
                .map(|(key, _)| Step::Item(named(key, &keys)))
                .collect();
        }
        (0..items.len()).map(Step::Index).collect()
    }
}

/// One step back.
struct Back<'a> {
    id: &'a ObjectRef,
    lists: &'a ListKeys,
    /// Of the node that is looked at, after.
    path: FieldPath,
}

impl Back<'_> {
    /// `fields` all are at or below `after`, which is `depth` steps below the root.
    fn compare(&mut self, before: &Node, after: &Node, fields: &mut [Traced], depth: usize) {
        if same_value(&self.path, before, after) {
            return;
        }
        match (before, after) {
            (Node::Map(a), Node::Map(b)) => {
                for group in groups(fields, depth) {
                    match at(group, depth) {
                        Some(At::Key(key)) => match (a.get(&key), b.get(&key)) {
                            (Some(a), Some(b)) => {
                                self.below(Step::Key(key), a, b, group, depth);
                            }
                            _ => all_differ(group),
                        },
                        _ => all_differ(group),
                    }
                }
            }
            (Node::List(a), Node::List(b)) => {
                let origins = self.origins(a, b);
                for group in groups(fields, depth) {
                    let Some(At::Item(index)) = at(group, depth) else {
                        all_differ(group);
                        continue;
                    };
                    let old = origins.get(&index).copied();
                    match old.and_then(|old| Some((old, a.get(old)?, b.get(index)?))) {
                        Some((old, a, b)) => {
                            self.below(Step::Index(index), a, b, group, depth);
                            for field in group {
                                field.place[depth] = At::Item(old);
                            }
                        }
                        None => all_differ(group),
                    }
                }
            }
            _ => all_differ(fields),
        }
    }

    fn below(
        &mut self,
        step: Step,
        before: &Node,
        after: &Node,
        fields: &mut [Traced],
        depth: usize,
    ) {
        self.path.0.push(step);
        self.compare(before, after, fields, depth + 1);
        self.path.0.pop();
    }

    /// For items after, by position, which items they were before: as [`super::fields()`] pairs them.
    fn origins(&self, before: &[Node], after: &[Node]) -> HashMap<usize, usize> {
        match list_type(self.lists, self.id, &self.path, before, after) {
            ListType::Map(keys) => {
                if let (Some(a), Some(b)) =
                    (items_by_key(before, &keys), items_by_key(after, &keys))
                {
                    let old: HashMap<_, usize> = a
                        .iter()
                        .enumerate()
                        .map(|(index, (key, _))| (key, index))
                        .collect();
                    return b
                        .iter()
                        .enumerate()
                        .filter_map(|(index, (key, _))| Some((index, *old.get(key)?)))
                        .collect();
                }
            }
            ListType::Set => {
                return after
                    .iter()
                    .enumerate()
                    .filter_map(|(index, item)| {
                        Some((index, before.iter().position(|old| old == item)?))
                    })
                    .collect();
            }
            ListType::Atomic => {}
        }
        let mut origins = HashMap::new();
        for op in capture_diff_slices(Algorithm::Myers, before, after) {
            if let DiffOp::Equal { .. } | DiffOp::Replace { .. } = op {
                origins.extend(op.new_range().zip(op.old_range()));
            }
        }
        origins
    }
}

/// Neighbours that share their step at `depth`.
fn groups(fields: &mut [Traced], depth: usize) -> impl Iterator<Item = &mut [Traced]> {
    fields.chunk_by_mut(move |one, other| one.place.get(depth) == other.place.get(depth))
}

fn at(group: &[Traced], depth: usize) -> Option<At> {
    group.first()?.place.get(depth).cloned()
}

fn all_differ(fields: &mut [Traced]) {
    for field in fields {
        field.differs = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Masking, parse};

    fn object(spec: &str) -> Object {
        let text = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec: {spec}\n"
        );
        let manifest = parse(text.as_bytes(), &Masking::new([1; 32]));
        manifest.documents[0].object.clone()
    }

    /// For values of a `spec`, oldest first: `path value` of the leaves below the last `spec` and in which value each began.
    fn since(specs: &[&str]) -> Vec<String> {
        let lists = ListKeys::builtin();
        let objects: Vec<Object> = specs.iter().map(|spec| object(spec)).collect();
        let (leaves, mut trace) = leaves(&objects[objects.len() - 1], &lists);
        let mut since = vec![0; leaves.len()];
        for at in (1..objects.len()).rev() {
            for leaf in trace.step(Some(&objects[at - 1]), &objects[at], &lists) {
                since[leaf] = at;
            }
        }
        let leaves = leaves.iter().zip(since);
        leaves
            .map(|(leaf, since)| {
                let value = serde_json::to_string(&leaf.value).unwrap();
                format!("{} {value} {since}", leaf.path)
            })
            .filter(|line| line.starts_with("spec"))
            .collect()
    }

    #[test]
    fn each_field_began_with_its_value() {
        assert_eq!(
            since(&[
                "{replicas: 1, paused: true}",
                "{replicas: 3, paused: true}",
                "{replicas: 3, minReadySeconds: 5}",
                "{replicas: 3, minReadySeconds: 5, paused: true}",
            ]),
            [
                "spec.minReadySeconds 5 2",
                "spec.paused true 3",
                "spec.replicas 3 1"
            ]
        );
    }

    #[test]
    fn items_are_followed_through_their_list() {
        // By key, in another order, and among others.
        assert_eq!(
            since(&[
                "{template: {spec: {containers: [{name: a, image: x}]}}}",
                "{template: {spec: {containers: [{name: b, image: y}, {name: a, image: x}]}}}",
                "{template: {spec: {containers: [{name: a, image: x}, {name: b, image: z}]}}}",
            ]),
            [
                r#"spec.template.spec.containers[name=a].image "x" 0"#,
                r#"spec.template.spec.containers[name=a].name "a" 0"#,
                r#"spec.template.spec.containers[name=b].image "z" 2"#,
                r#"spec.template.spec.containers[name=b].name "b" 1"#,
            ]
        );
        // By position, which is another after an item was put before it.
        assert_eq!(
            since(&[
                "{command: [run, fast]}",
                "{command: [env, run, fast]}",
                "{command: [env, run, slow]}"
            ]),
            [
                r#"spec.command[0] "env" 1"#,
                r#"spec.command[1] "run" 0"#,
                r#"spec.command[2] "slow" 2"#,
            ]
        );
    }

    #[test]
    fn another_spelling_or_type_of_a_value() {
        assert_eq!(
            since(&[
                "{resources: {limits: {cpu: 1}}, a: {}, b: [], c: {d: 1}}",
                "{resources: {limits: {cpu: 1000m}}, a: {}, b: {}, c: 1}",
            ]),
            [
                "spec.a {} 0",
                "spec.b {} 1",
                "spec.c 1 1",
                r#"spec.resources.limits.cpu "1000m" 0"#,
            ]
        );
    }
}
