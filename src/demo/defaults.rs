//! What the API server fills in where a manifest is silent, so that the demo's live objects look like live objects.

use serde_json::{Value, json};

use super::hash;
use super::objects::Key;

/// `object` with its defaults. Values that a server would choose (addresses, volumes) follow from the object's key.
pub(super) fn fill(object: &mut Value, key: &Key) {
    match key.kind.as_str() {
        "Deployment" => {
            let spec = &mut object["spec"];
            default(spec, "progressDeadlineSeconds", json!(600));
            default(
                spec,
                "strategy",
                json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}),
            );
            template(&mut spec["template"]);
        }
        "StatefulSet" => {
            let spec = &mut object["spec"];
            default(spec, "podManagementPolicy", json!("OrderedReady"));
            default(spec, "revisionHistoryLimit", json!(10));
            default(
                spec,
                "updateStrategy",
                json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}),
            );
            template(&mut spec["template"]);
            for claim in items(spec, "volumeClaimTemplates") {
                claim["apiVersion"] = json!("v1");
                claim["kind"] = json!("PersistentVolumeClaim");
                default(&mut claim["spec"], "volumeMode", json!("Filesystem"));
                claim["status"] = json!({"phase": "Pending"});
            }
        }
        "CronJob" => {
            let spec = &mut object["spec"];
            default(spec, "failedJobsHistoryLimit", json!(1));
            default(spec, "suspend", json!(false));
            template(&mut spec["jobTemplate"]["spec"]["template"]);
        }
        "Service" => service(object, key),
        "PersistentVolumeClaim" => {
            let spec = &mut object["spec"];
            default(spec, "storageClassName", json!("standard"));
            default(spec, "volumeMode", json!("Filesystem"));
            default(spec, "volumeName", format!("pvc-{}", key.uid()).into());
        }
        "Secret" => secret(object),
        "Namespace" => {
            object["metadata"]["labels"]["kubernetes.io/metadata.name"] = key.name.as_str().into();
            object["spec"] = json!({"finalizers": ["kubernetes"]});
        }
        _ => {}
    }
}

fn default(map: &mut Value, name: &str, value: Value) {
    if map.get(name).is_none() {
        map[name] = value;
    }
}

fn items<'v>(map: &'v mut Value, name: &str) -> impl Iterator<Item = &'v mut Value> {
    map.get_mut(name)
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
}

fn template(template: &mut Value) {
    let spec = &mut template["spec"];
    default(spec, "restartPolicy", json!("Always"));
    default(spec, "dnsPolicy", json!("ClusterFirst"));
    default(spec, "schedulerName", json!("default-scheduler"));
    default(spec, "securityContext", json!({}));
    default(spec, "terminationGracePeriodSeconds", json!(30));
    for container in items(spec, "containers") {
        default(container, "imagePullPolicy", json!("IfNotPresent"));
        default(container, "resources", json!({}));
        default(
            container,
            "terminationMessagePath",
            json!("/dev/termination-log"),
        );
        default(container, "terminationMessagePolicy", json!("File"));
        for port in items(container, "ports") {
            default(port, "protocol", json!("TCP"));
        }
        if let Some(probe) = container.get_mut("readinessProbe") {
            default(probe, "failureThreshold", json!(3));
            default(probe, "periodSeconds", json!(10));
            default(probe, "successThreshold", json!(1));
            default(probe, "timeoutSeconds", json!(1));
            if let Some(get) = probe.get_mut("httpGet") {
                default(get, "scheme", json!("HTTP"));
            }
        }
    }
}

fn service(object: &mut Value, key: &Key) {
    let number = hash(&key.uid());
    let address = format!("10.96.{}.{}", number % 250, (number >> 16) % 250 + 1);
    let spec = &mut object["spec"];
    default(spec, "clusterIP", address.as_str().into());
    default(spec, "clusterIPs", json!([address]));
    default(spec, "internalTrafficPolicy", json!("Cluster"));
    default(spec, "ipFamilies", json!(["IPv4"]));
    default(spec, "ipFamilyPolicy", json!("SingleStack"));
    default(spec, "sessionAffinity", json!("None"));
    default(spec, "type", json!("ClusterIP"));
    for port in items(spec, "ports") {
        default(port, "protocol", json!("TCP"));
    }
    default(&mut object["status"], "loadBalancer", json!({}));
}

/// `stringData` is a way to write `data`; it is never kept.
fn secret(object: &mut Value) {
    let Some(map) = object.as_object_mut() else {
        return;
    };
    let Some(Value::Object(plain)) = map.remove("stringData") else {
        return;
    };
    let data = map.entry("data").or_insert_with(|| json!({}));
    for (name, value) in plain {
        let bytes = value.as_str().unwrap_or_default().as_bytes().to_vec();
        // A byte string of the API is written in base64.
        if let Ok(encoded) = serde_json::to_value(k8s_openapi::ByteString(bytes)) {
            data[name.as_str()] = encoded;
        }
    }
}
