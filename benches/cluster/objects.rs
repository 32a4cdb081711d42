//! What is in git and in the cluster: apps as people write them, and what an API server makes of that, with the records of who
//! wrote what that make most of what it sends.

use serde_json::{Map, Value, json};

pub const NAMESPACES: usize = 200;
/// In each namespace.
pub const APPS: usize = 10;
/// Of so many apps, somebody scaled one by hand.
pub const SCALED: usize = 100;

/// A kind as the API server serves it.
pub struct Kind {
    pub group: &'static str,
    pub version: &'static str,
    pub plural: &'static str,
    pub name: &'static str,
    pub in_git: bool,
}

pub const KINDS: [Kind; 7] = [
    kind("apps", "v1", "deployments", "Deployment", true),
    kind("", "v1", "services", "Service", true),
    kind("", "v1", "configmaps", "ConfigMap", true),
    kind("", "v1", "serviceaccounts", "ServiceAccount", true),
    kind(
        "autoscaling",
        "v2",
        "horizontalpodautoscalers",
        "HorizontalPodAutoscaler",
        true,
    ),
    kind("apps", "v1", "replicasets", "ReplicaSet", false),
    kind("", "v1", "pods", "Pod", false),
];

const fn kind(
    group: &'static str,
    version: &'static str,
    plural: &'static str,
    name: &'static str,
    in_git: bool,
) -> Kind {
    Kind {
        group,
        version,
        plural,
        name,
        in_git,
    }
}

impl Kind {
    pub fn api_version(&self) -> String {
        match self.group {
            "" => self.version.to_owned(),
            group => format!("{group}/{}", self.version),
        }
    }
}

/// How many objects git has.
pub fn declared() -> usize {
    NAMESPACES * APPS * KINDS.iter().filter(|kind| kind.in_git).count()
}

pub fn namespace(number: usize) -> String {
    format!("team-{number:03}")
}

/// What git has of an app: one object of each kind.
pub fn desired(kind: &Kind, namespace: &str, app: usize) -> Value {
    let name = format!("app-{app}");
    let labels = json!({"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": namespace, "team": namespace});
    let mut object = json!({
        "apiVersion": kind.api_version(),
        "kind": kind.name,
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
    });
    let more = match kind.name {
        "Deployment" => {
            json!({"spec": {"replicas": 2, "selector": {"matchLabels": {"app.kubernetes.io/name": name}}, "template": template(&name)}})
        }
        "Service" => {
            json!({"spec": {"selector": {"app.kubernetes.io/name": name}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]}})
        }
        "ConfigMap" => {
            json!({"data": {"application.properties": "server.port=8080\ncache.size=256\nfeature.checkout=true\n".repeat(6), "LOG_LEVEL": "info"}})
        }
        "HorizontalPodAutoscaler" => json!({"spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}, "minReplicas": 2, "maxReplicas": 10,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}],
        }}),
        _ => json!({}),
    };
    merge(&mut object, more);
    object
}

fn template(name: &str) -> Value {
    let probe = json!({"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 10});
    json!({
        "metadata": {"labels": {"app.kubernetes.io/name": name}, "annotations": {"prometheus.io/scrape": "true"}},
        "spec": {"serviceAccountName": name, "containers": [{
            "name": "app",
            "image": format!("registry.example.com/{name}:1.4.2"),
            "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
            "env": [{"name": "LOG_LEVEL", "value": "info"}, {"name": "REGION", "value": "eu-west-1"}],
            "envFrom": [{"configMapRef": {"name": name}}],
            "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
            "livenessProbe": probe, "readinessProbe": probe,
        }]},
    })
}

/// The same app's object in the cluster.
pub fn live(kind: &Kind, namespace: &str, app: usize) -> Value {
    let applied = desired(kind, namespace, app);
    let name = format!("app-{app}");
    let uid = |kind: &str| format!("{kind}-{namespace}-{app}-5f0c2c1e-9d7a-4b4e-8a53");
    let status = status(kind.name);
    let mut object = applied.clone();
    let mut managers = Vec::new();
    if kind.in_git {
        merge(&mut object, defaults(kind.name));
        let text = format!("{applied}\n");
        let record =
            json!({"annotations": {"kubectl.kubernetes.io/last-applied-configuration": text}});
        merge(&mut object, json!({"metadata": record}));
        managers.push(manager("kubectl-client-side-apply", None, &object));
        if kind.name == "Deployment"
            && app == 0
            && namespace_number(namespace).is_multiple_of(SCALED)
        {
            object["spec"]["replicas"] = json!(7);
            let edited = json!({"spec": {"replicas": 7}});
            managers.push(manager("kubectl-edit", None, &edited));
        }
    } else {
        let owner = match kind.name {
            "Pod" => "ReplicaSet",
            _ => "Deployment",
        };
        let labels = json!({"app.kubernetes.io/name": name, "pod-template-hash": "7c9f8d6b5"});
        let template = template(&name);
        merge(
            &mut object,
            json!({"metadata": {
                "generateName": format!("{name}-"), "labels": labels,
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": owner, "name": name, "uid": uid(owner), "controller": true, "blockOwnerDeletion": true}],
            }}),
        );
        object["spec"] = match kind.name {
            "Pod" => template["spec"].clone(),
            _ => {
                json!({"replicas": 2, "selector": {"matchLabels": labels}, "template": template})
            }
        };
        merge(&mut object, defaults(kind.name));
        managers.push(manager("kube-controller-manager", None, &object));
    }
    if let Some(status) = status {
        let status = json!({"status": status});
        managers.push(manager("kube-controller-manager", Some("status"), &status));
        merge(&mut object, status);
    }
    merge(
        &mut object,
        json!({"metadata": {
            "uid": uid(kind.name), "resourceVersion": "48151623", "generation": 3,
            "creationTimestamp": "2026-01-05T08:00:00Z", "managedFields": managers,
        }}),
    );
    object
}

fn namespace_number(namespace: &str) -> usize {
    let number = namespace.trim_start_matches("team-");
    number.parse().expect("a number")
}

/// What the API server adds.
fn defaults(kind: &str) -> Value {
    let pod = json!({
        "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "schedulerName": "default-scheduler", "securityContext": {},
        "terminationGracePeriodSeconds": 30,
    });
    match kind {
        "Deployment" => json!({
            "metadata": {"annotations": {"deployment.kubernetes.io/revision": "1"}},
            "spec": {"progressDeadlineSeconds": 600, "revisionHistoryLimit": 10, "template": {"spec": pod},
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}},
        }),
        "ReplicaSet" => json!({"spec": {"template": {"spec": pod}}}),
        "Pod" => json!({"spec": pod}),
        "Service" => json!({"spec": {
            "clusterIP": "10.96.12.34", "clusterIPs": ["10.96.12.34"], "type": "ClusterIP", "sessionAffinity": "None",
            "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack", "internalTrafficPolicy": "Cluster",
        }}),
        _ => json!({}),
    }
}

fn status(kind: &str) -> Option<Value> {
    const POD: [&str; 4] = ["Initialized", "Ready", "ContainersReady", "PodScheduled"];
    let condition = |kind: &str, reason: &str| {
        json!({
            "type": kind, "status": "True", "reason": reason, "message": format!("{kind}: {reason}"),
            "lastTransitionTime": "2026-01-05T08:00:10Z", "lastUpdateTime": "2026-01-05T08:00:10Z",
        })
    };
    Some(match kind {
        "Deployment" => json!({
            "observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2,
            "conditions": [condition("Available", "MinimumReplicasAvailable"), condition("Progressing", "NewReplicaSetAvailable")],
        }),
        "ReplicaSet" => {
            json!({"observedGeneration": 3, "replicas": 2, "readyReplicas": 2, "availableReplicas": 2, "fullyLabeledReplicas": 2})
        }
        "Pod" => json!({
            "phase": "Running", "podIP": "10.244.1.17", "hostIP": "192.168.0.7", "qosClass": "Burstable", "startTime": "2026-01-05T08:00:01Z",
            "conditions": (POD.map(|kind| condition(kind, "Ok"))),
            "containerStatuses": [{"name": "app", "ready": true, "restartCount": 0, "started": true, "image": "registry.example.com/app:1.4.2",
                "state": {"running": {"startedAt": "2026-01-05T08:00:05Z"}}}],
        }),
        "HorizontalPodAutoscaler" => json!({
            "currentReplicas": 2, "desiredReplicas": 2,
            "conditions": [condition("AbleToScale", "ReadyForNewScale"), condition("ScalingActive", "ValidMetricFound")],
        }),
        "Service" => json!({"loadBalancer": {}}),
        _ => return None,
    })
}

/// An entry of `managedFields` for all of `wrote`.
fn manager(name: &str, subresource: Option<&str>, wrote: &Value) -> Value {
    let mut fields = fields(wrote);
    if let Some(fields) = fields.as_object_mut() {
        fields.retain(|key, _| !["f:apiVersion", "f:kind"].contains(&key.as_str()));
    }
    let mut entry = json!({
        "manager": name, "operation": "Update", "apiVersion": "v1", "time": "2026-01-05T08:00:00Z",
        "fieldsType": "FieldsV1", "fieldsV1": fields,
    });
    if let Some(subresource) = subresource {
        entry["subresource"] = json!(subresource);
    }
    entry
}

fn fields(value: &Value) -> Value {
    let mut out = Map::new();
    match value {
        Value::Object(map) => {
            out.insert(".".to_owned(), json!({}));
            out.extend(
                map.iter()
                    .map(|(key, below)| (format!("f:{key}"), fields(below))),
            );
        }
        Value::Array(items) => {
            for item in items {
                let key = ["containerPort", "name", "type"]
                    .iter()
                    .find_map(|key| Some(json!({*key: item.get(key)?})));
                if let Some(key) = key {
                    out.insert(format!("k:{key}"), fields(item));
                }
            }
        }
        _ => {}
    }
    Value::Object(out)
}

fn merge(into: &mut Value, more: Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (key, value) in more {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more,
    }
}
