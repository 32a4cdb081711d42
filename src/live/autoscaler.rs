//! What scales a workload by itself, and in which bounds: HorizontalPodAutoscalers and KEDA's ScaledObjects.
//!
//! Who wrote `spec.replicas` last does not tell whose they are: a person's number is undone as soon as an autoscaler looks again.
//! Sources: Kubernetes, "Horizontal Pod Autoscaling" (one that comes upon no replicas at all does nothing until somebody sets
//! some), its API `autoscaling/v2`; KEDA, `apis/keda/v1alpha1/scaledobject_types.go`.

use std::fmt;

use crate::manifest::{FieldPath, Node, Object, ObjectRef};

/// What scales, and between which bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Autoscaler {
    name: String,
    /// Group, kind and name of what it scales, in its own namespace.
    target: (String, String, String),
    namespace: Option<String>,
    min: i64,
    max: i64,
    /// It scales to nothing and back, too.
    to_zero: bool,
    /// It is known from git only.
    declared: bool,
}

/// An autoscaler beside what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// The number is its own.
    Within,
    /// It will change it.
    Outside,
    /// It leaves nothing alone.
    Stopped,
}

impl Autoscaler {
    /// The kinds that say so: group and kind.
    pub const KINDS: [(&str, &str); 2] = [
        ("keda.sh", "ScaledObject"),
        ("autoscaling", "HorizontalPodAutoscaler"),
    ];

    /// `None` where the object is none.
    pub fn of(object: &Object) -> Option<Autoscaler> {
        let number = |key: &str| object.at(&["spec", key]).and_then(Node::as_i64);
        let text = |key: &str| object.at(&["spec", "scaleTargetRef", key])?.as_str();
        let is_keda = match (object.id.group.as_str(), object.id.kind.as_str()) {
            ("keda.sh", "ScaledObject") => true,
            ("autoscaling", "HorizontalPodAutoscaler") => false,
            _ => return None,
        };
        let owners = object.at(&["metadata", "ownerReferences"]);
        let owners = owners.and_then(Node::as_list).unwrap_or_default().iter();
        let mut owners =
            owners.filter(|owner| owner.get("kind").and_then(Node::as_str) == Some("ScaledObject"));
        // KEDA has an autoscaler of its own made, which people do not know by its name.
        let owner = owners.find_map(|owner| owner.get("name")?.as_str());
        let version = text("apiVersion").filter(|version| !version.is_empty());
        let version = version.unwrap_or(if is_keda { "apps/v1" } else { "v1" });
        let kind = text("kind").filter(|kind| !kind.is_empty());
        let paused = object.annotation("autoscaling.keda.sh/paused-replicas");
        let paused: Option<i64> = paused
            .filter(|_| is_keda)
            .and_then(|text| text.parse().ok());
        let bounds = match is_keda {
            true => (
                number("minReplicaCount").unwrap_or(0),
                number("maxReplicaCount").unwrap_or(100),
            ),
            false => (number("minReplicas").unwrap_or(1), number("maxReplicas")?),
        };
        let (min, max) = paused.map_or(bounds, |paused| (paused, paused));
        Some(Autoscaler {
            name: owner.unwrap_or(&object.id.name).to_owned(),
            target: (
                version
                    .split_once('/')
                    .map_or("", |(group, _)| group)
                    .to_owned(),
                kind.unwrap_or("Deployment").to_owned(),
                text("name")?.to_owned(),
            ),
            namespace: object.id.namespace.clone(),
            min,
            max,
            to_zero: paused.is_none() && (is_keda || owner.is_some()),
            declared: false,
        })
    }

    /// As git declares it, where the one in the cluster may not be read.
    pub fn declared(object: &Object) -> Option<Autoscaler> {
        let declared = true;
        Autoscaler::of(object).map(|it| Autoscaler { declared, ..it })
    }

    pub fn scales(&self, id: &ObjectRef) -> bool {
        let (group, kind, name) = &self.target;
        (group, kind, name) == (&id.group, &id.kind, &id.name)
            && (self.namespace == id.namespace || id.namespace.is_none())
    }

    pub fn hold(&self, replicas: i64) -> Hold {
        match replicas {
            0 if self.to_zero => Hold::Within,
            0 if self.min > 0 => Hold::Stopped,
            _ if (self.min..=self.max).contains(&replicas) => Hold::Within,
            _ => Hold::Outside,
        }
    }

    /// What is to be said of a workload with so many replicas.
    pub fn says(&self, replicas: i64) -> String {
        match self.hold(replicas) {
            Hold::Within => format!("{self}: {replicas} now"),
            Hold::Outside => format!("{self}: {replicas} now, which it will change"),
            Hold::Stopped => format!("{self}, but does nothing while there are none"),
        }
    }
}

impl fmt::Display for Autoscaler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Autoscaler { name, min, max, .. } = self;
        match min == max {
            true => write!(f, "autoscaler {name} holds it at {min}")?,
            false => write!(f, "autoscaler {name} holds it between {min} and {max}")?,
        }
        match self.declared {
            true => f.write_str(" as git declares it (the live one may not be read)"),
            false => Ok(()),
        }
    }
}

/// The field that autoscalers move.
pub fn replicas() -> FieldPath {
    FieldPath::default().key("spec").key("replicas")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Masking, parse};

    fn object(yaml: &str) -> Object {
        let manifest = parse(yaml.as_bytes(), &Masking::new([7; 32]));
        let mut documents = manifest.documents.into_iter();
        documents.next().expect("a document").object
    }

    fn scaler(kind: &str, metadata: &str, spec: &str) -> Option<Autoscaler> {
        Autoscaler::of(&object(&format!(
            "apiVersion: {kind}\nmetadata: {{name: web, namespace: shop{metadata}}}\nspec: {{{spec}}}\n"
        )))
    }

    const HPA: &str = "autoscaling/v2\nkind: HorizontalPodAutoscaler";
    const V1: &str = "autoscaling/v1\nkind: HorizontalPodAutoscaler";
    const KEDA: &str = "keda.sh/v1alpha1\nkind: ScaledObject";
    const WEB: &str = "scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}";

    #[test]
    fn an_autoscaler_holds_what_is_within_its_bounds() {
        use Hold::{Outside, Stopped, Within};
        let owned = ", ownerReferences: [{kind: ScaledObject, name: front, uid: a}]";
        let paused = ", annotations: {autoscaling.keda.sh/paused-replicas: '4'}";
        let bounds = "minReplicas: 2, maxReplicas: 10";
        let rows = [
            (
                HPA,
                "",
                bounds,
                5,
                Within,
                "autoscaler web holds it between 2 and 10: 5 now",
            ),
            (
                V1,
                "",
                bounds,
                2,
                Within,
                "autoscaler web holds it between 2 and 10: 2 now",
            ),
            (
                HPA,
                "",
                bounds,
                12,
                Outside,
                "autoscaler web holds it between 2 and 10: 12 now, which it will change",
            ),
            (
                HPA,
                "",
                bounds,
                0,
                Stopped,
                "autoscaler web holds it between 2 and 10, but does nothing while there are none",
            ),
            // The default is one.
            (
                HPA,
                "",
                "maxReplicas: 3",
                1,
                Within,
                "autoscaler web holds it between 1 and 3: 1 now",
            ),
            (
                HPA,
                "",
                "minReplicas: 0, maxReplicas: 3",
                0,
                Within,
                "autoscaler web holds it between 0 and 3: 0 now",
            ),
            (
                HPA,
                "",
                "minReplicas: 3, maxReplicas: 3",
                3,
                Within,
                "autoscaler web holds it at 3: 3 now",
            ),
            // KEDA scales to nothing by itself, whatever its autoscaler says.
            (
                HPA,
                owned,
                bounds,
                0,
                Within,
                "autoscaler front holds it between 2 and 10: 0 now",
            ),
            (
                KEDA,
                "",
                "",
                100,
                Within,
                "autoscaler web holds it between 0 and 100: 100 now",
            ),
            (
                KEDA,
                "",
                "minReplicaCount: 2, idleReplicaCount: 0",
                0,
                Within,
                "autoscaler web holds it between 2 and 100: 0 now",
            ),
            (
                KEDA,
                paused,
                "",
                5,
                Outside,
                "autoscaler web holds it at 4: 5 now, which it will change",
            ),
        ];
        for (kind, metadata, spec, replicas, hold, says) in rows {
            let spec = format!("{WEB}, {spec}");
            let scaler = scaler(kind, metadata, &spec).expect("an autoscaler");
            assert_eq!(scaler.hold(replicas), hold, "{says}");
            assert_eq!(scaler.says(replicas), says);
        }
    }

    #[test]
    fn an_autoscaler_scales_what_it_names_in_its_namespace() {
        let id = |group: &str, kind: &str, namespace: &str, name: &str| ObjectRef {
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: Some(namespace.to_owned()),
            name: name.to_owned(),
        };
        let hpa = scaler(HPA, "", &format!("{WEB}, maxReplicas: 3")).expect("an autoscaler");
        assert!(hpa.scales(&id("apps", "Deployment", "shop", "web")));
        assert!(!hpa.scales(&id("apps", "Deployment", "other", "web")));
        assert!(!hpa.scales(&id("apps", "StatefulSet", "shop", "web")));
        assert!(!hpa.scales(&id("apps", "Deployment", "shop", "api")));
        assert!(!hpa.scales(&id("argoproj.io", "Deployment", "shop", "web")));
        // KEDA names a Deployment by its name alone.
        let keda = scaler(KEDA, "", "scaleTargetRef: {name: web}").expect("an autoscaler");
        assert!(keda.scales(&id("apps", "Deployment", "shop", "web")));
        let yaml = format!(
            "apiVersion: {HPA}\nmetadata: {{name: web}}\nspec: {{{WEB}, maxReplicas: 3}}\n"
        );
        let declared = Autoscaler::declared(&object(&yaml)).expect("an autoscaler");
        assert_eq!(
            declared.says(5),
            "autoscaler web holds it between 1 and 3 as git declares it (the live one may not be read): 5 now, which it will change"
        );
        assert_eq!(scaler(HPA, "", WEB), None);
        assert_eq!(
            scaler("v1\nkind: Service", "", &format!("{WEB}, maxReplicas: 3")),
            None
        );
    }
}
