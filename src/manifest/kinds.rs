//! The kinds people name: which words mean them, and which of them have no namespace.
//!
//! Source: `kubectl api-resources` of Kubernetes 1.34; for the kinds of operators, the `spec.names` and `spec.scope` of
//! their CustomResourceDefinitions.

/// group, kind, plural, short names.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

const NAMESPACED: &[Row] = &[
    ("", "ConfigMap", "configmaps", &["cm"]),
    ("", "Endpoints", "endpoints", &["ep"]),
    ("", "Event", "events", &["ev"]),
    ("", "LimitRange", "limitranges", &["limits"]),
    (
        "",
        "PersistentVolumeClaim",
        "persistentvolumeclaims",
        &["pvc"],
    ),
    ("", "Pod", "pods", &["po"]),
    ("", "PodTemplate", "podtemplates", &[]),
    (
        "",
        "ReplicationController",
        "replicationcontrollers",
        &["rc"],
    ),
    ("", "ResourceQuota", "resourcequotas", &["quota"]),
    ("", "Secret", "secrets", &[]),
    ("", "Service", "services", &["svc"]),
    ("", "ServiceAccount", "serviceaccounts", &["sa"]),
    ("apps", "ControllerRevision", "controllerrevisions", &[]),
    ("apps", "DaemonSet", "daemonsets", &["ds"]),
    ("apps", "Deployment", "deployments", &["deploy"]),
    ("apps", "ReplicaSet", "replicasets", &["rs"]),
    ("apps", "StatefulSet", "statefulsets", &["sts"]),
    (
        "autoscaling",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        &["hpa"],
    ),
    ("batch", "CronJob", "cronjobs", &["cj"]),
    ("batch", "Job", "jobs", &[]),
    ("coordination.k8s.io", "Lease", "leases", &[]),
    ("discovery.k8s.io", "EndpointSlice", "endpointslices", &[]),
    ("events.k8s.io", "Event", "events", &["ev"]),
    ("networking.k8s.io", "Ingress", "ingresses", &["ing"]),
    (
        "networking.k8s.io",
        "NetworkPolicy",
        "networkpolicies",
        &["netpol"],
    ),
    (
        "policy",
        "PodDisruptionBudget",
        "poddisruptionbudgets",
        &["pdb"],
    ),
    ("rbac.authorization.k8s.io", "Role", "roles", &[]),
    (
        "rbac.authorization.k8s.io",
        "RoleBinding",
        "rolebindings",
        &[],
    ),
    ("resource.k8s.io", "ResourceClaim", "resourceclaims", &[]),
    (
        "resource.k8s.io",
        "ResourceClaimTemplate",
        "resourceclaimtemplates",
        &[],
    ),
    (
        "storage.k8s.io",
        "CSIStorageCapacity",
        "csistoragecapacities",
        &[],
    ),
    // Flux
    (
        "kustomize.toolkit.fluxcd.io",
        "Kustomization",
        "kustomizations",
        &["ks"],
    ),
    (
        "helm.toolkit.fluxcd.io",
        "HelmRelease",
        "helmreleases",
        &["hr"],
    ),
    (
        "source.toolkit.fluxcd.io",
        "GitRepository",
        "gitrepositories",
        &["gitrepo"],
    ),
    (
        "source.toolkit.fluxcd.io",
        "HelmRepository",
        "helmrepositories",
        &["helmrepo"],
    ),
    (
        "source.toolkit.fluxcd.io",
        "HelmChart",
        "helmcharts",
        &["hc"],
    ),
    (
        "source.toolkit.fluxcd.io",
        "OCIRepository",
        "ocirepositories",
        &["ocirepo"],
    ),
    ("source.toolkit.fluxcd.io", "Bucket", "buckets", &[]),
    ("notification.toolkit.fluxcd.io", "Alert", "alerts", &[]),
    (
        "notification.toolkit.fluxcd.io",
        "Provider",
        "providers",
        &[],
    ),
    (
        "notification.toolkit.fluxcd.io",
        "Receiver",
        "receivers",
        &[],
    ),
    (
        "image.toolkit.fluxcd.io",
        "ImageRepository",
        "imagerepositories",
        &["imgrepo"],
    ),
    (
        "image.toolkit.fluxcd.io",
        "ImagePolicy",
        "imagepolicies",
        &["imgpol"],
    ),
    (
        "image.toolkit.fluxcd.io",
        "ImageUpdateAutomation",
        "imageupdateautomations",
        &["iua"],
    ),
    // Argo
    (
        "argoproj.io",
        "Application",
        "applications",
        &["app", "apps"],
    ),
    (
        "argoproj.io",
        "ApplicationSet",
        "applicationsets",
        &["appset", "appsets"],
    ),
    (
        "argoproj.io",
        "AppProject",
        "appprojects",
        &["appproj", "appprojs"],
    ),
    ("argoproj.io", "Rollout", "rollouts", &["ro"]),
    (
        "argoproj.io",
        "AnalysisTemplate",
        "analysistemplates",
        &["at"],
    ),
    ("argoproj.io", "Workflow", "workflows", &["wf"]),
    (
        "argoproj.io",
        "WorkflowTemplate",
        "workflowtemplates",
        &["wftmpl"],
    ),
    (
        "argoproj.io",
        "CronWorkflow",
        "cronworkflows",
        &["cwf", "cronwf"],
    ),
    // Secrets and certificates
    (
        "external-secrets.io",
        "ExternalSecret",
        "externalsecrets",
        &["es"],
    ),
    (
        "external-secrets.io",
        "SecretStore",
        "secretstores",
        &["ss"],
    ),
    ("external-secrets.io", "PushSecret", "pushsecrets", &["ps"]),
    (
        "kubernetes-client.io",
        "ExternalSecret",
        "externalsecrets",
        &["es"],
    ),
    ("bitnami.com", "SealedSecret", "sealedsecrets", &[]),
    (
        "cert-manager.io",
        "Certificate",
        "certificates",
        &["cert", "certs"],
    ),
    (
        "cert-manager.io",
        "CertificateRequest",
        "certificaterequests",
        &["cr", "crs"],
    ),
    ("cert-manager.io", "Issuer", "issuers", &[]),
    // Traffic
    ("gateway.networking.k8s.io", "Gateway", "gateways", &["gtw"]),
    ("gateway.networking.k8s.io", "HTTPRoute", "httproutes", &[]),
    ("gateway.networking.k8s.io", "GRPCRoute", "grpcroutes", &[]),
    (
        "gateway.networking.k8s.io",
        "ReferenceGrant",
        "referencegrants",
        &["refgrant"],
    ),
    ("traefik.io", "IngressRoute", "ingressroutes", &[]),
    ("traefik.io", "Middleware", "middlewares", &[]),
    ("traefik.containo.us", "IngressRoute", "ingressroutes", &[]),
    ("traefik.containo.us", "Middleware", "middlewares", &[]),
    (
        "networking.istio.io",
        "VirtualService",
        "virtualservices",
        &["vs"],
    ),
    (
        "networking.istio.io",
        "DestinationRule",
        "destinationrules",
        &["dr"],
    ),
    ("networking.istio.io", "Gateway", "gateways", &["gw"]),
    (
        "networking.istio.io",
        "ServiceEntry",
        "serviceentries",
        &["se"],
    ),
    ("route.openshift.io", "Route", "routes", &[]),
    (
        "cilium.io",
        "CiliumNetworkPolicy",
        "ciliumnetworkpolicies",
        &["cnp", "ciliumnp"],
    ),
    // Monitoring
    (
        "monitoring.coreos.com",
        "ServiceMonitor",
        "servicemonitors",
        &["smon"],
    ),
    (
        "monitoring.coreos.com",
        "PodMonitor",
        "podmonitors",
        &["pmon"],
    ),
    (
        "monitoring.coreos.com",
        "PrometheusRule",
        "prometheusrules",
        &["promrule"],
    ),
    (
        "monitoring.coreos.com",
        "Prometheus",
        "prometheuses",
        &["prom"],
    ),
    (
        "monitoring.coreos.com",
        "Alertmanager",
        "alertmanagers",
        &["am"],
    ),
    (
        "grafana.integreatly.org",
        "GrafanaDashboard",
        "grafanadashboards",
        &[],
    ),
    // Workloads and scaling
    ("keda.sh", "ScaledObject", "scaledobjects", &["so"]),
    ("keda.sh", "ScaledJob", "scaledjobs", &["sj"]),
    (
        "autoscaling.k8s.io",
        "VerticalPodAutoscaler",
        "verticalpodautoscalers",
        &["vpa"],
    ),
    (
        "serving.knative.dev",
        "Service",
        "services",
        &["kservice", "ksvc"],
    ),
    ("postgresql.cnpg.io", "Cluster", "clusters", &[]),
    ("velero.io", "Schedule", "schedules", &[]),
    // Pipelines
    ("tekton.dev", "Pipeline", "pipelines", &[]),
    ("tekton.dev", "PipelineRun", "pipelineruns", &["pr", "prs"]),
    ("tekton.dev", "Task", "tasks", &[]),
    ("tekton.dev", "TaskRun", "taskruns", &["tr", "trs"]),
    (
        "triggers.tekton.dev",
        "EventListener",
        "eventlisteners",
        &["el"],
    ),
    ("triggers.tekton.dev", "Trigger", "triggers", &["tri"]),
    (
        "triggers.tekton.dev",
        "TriggerBinding",
        "triggerbindings",
        &["tb"],
    ),
    (
        "triggers.tekton.dev",
        "TriggerTemplate",
        "triggertemplates",
        &["tt"],
    ),
    ("gitkube.sh", "Remote", "remotes", &[]),
    // Kargo
    ("kargo.akuity.io", "Stage", "stages", &[]),
    ("kargo.akuity.io", "Warehouse", "warehouses", &[]),
    ("kargo.akuity.io", "Freight", "freights", &[]),
    (
        "kargo.akuity.io",
        "Promotion",
        "promotions",
        &["promo", "promos"],
    ),
    (
        "kargo.akuity.io",
        "PromotionTask",
        "promotiontasks",
        &["promotask", "promotasks"],
    ),
    ("kargo.akuity.io", "ProjectConfig", "projectconfigs", &[]),
    // Machines
    ("cluster.x-k8s.io", "Cluster", "clusters", &["cl"]),
    ("cluster.x-k8s.io", "Machine", "machines", &["ma"]),
    (
        "cluster.x-k8s.io",
        "MachineDeployment",
        "machinedeployments",
        &["md"],
    ),
    ("jenkins.io", "Environment", "environments", &["env"]),
    (
        "jenkins.io",
        "SourceRepository",
        "sourcerepositories",
        &["sourcerepo", "srcrepo", "sr"],
    ),
    ("jenkins.io", "Release", "releases", &["rel"]),
];

const CLUSTER_SCOPED: &[Row] = &[
    ("", "ComponentStatus", "componentstatuses", &["cs"]),
    ("", "Namespace", "namespaces", &["ns"]),
    ("", "Node", "nodes", &["no"]),
    ("", "PersistentVolume", "persistentvolumes", &["pv"]),
    (
        "admissionregistration.k8s.io",
        "MutatingAdmissionPolicy",
        "mutatingadmissionpolicies",
        &[],
    ),
    (
        "admissionregistration.k8s.io",
        "MutatingAdmissionPolicyBinding",
        "mutatingadmissionpolicybindings",
        &[],
    ),
    (
        "admissionregistration.k8s.io",
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
        &[],
    ),
    (
        "admissionregistration.k8s.io",
        "ValidatingAdmissionPolicy",
        "validatingadmissionpolicies",
        &[],
    ),
    (
        "admissionregistration.k8s.io",
        "ValidatingAdmissionPolicyBinding",
        "validatingadmissionpolicybindings",
        &[],
    ),
    (
        "admissionregistration.k8s.io",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
        &[],
    ),
    (
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        &["crd", "crds"],
    ),
    ("apiregistration.k8s.io", "APIService", "apiservices", &[]),
    (
        "certificates.k8s.io",
        "CertificateSigningRequest",
        "certificatesigningrequests",
        &["csr"],
    ),
    (
        "certificates.k8s.io",
        "ClusterTrustBundle",
        "clustertrustbundles",
        &[],
    ),
    (
        "flowcontrol.apiserver.k8s.io",
        "FlowSchema",
        "flowschemas",
        &[],
    ),
    (
        "flowcontrol.apiserver.k8s.io",
        "PriorityLevelConfiguration",
        "prioritylevelconfigurations",
        &[],
    ),
    ("networking.k8s.io", "IngressClass", "ingressclasses", &[]),
    ("networking.k8s.io", "IPAddress", "ipaddresses", &["ip"]),
    ("networking.k8s.io", "ServiceCIDR", "servicecidrs", &[]),
    ("node.k8s.io", "RuntimeClass", "runtimeclasses", &[]),
    (
        "policy",
        "PodSecurityPolicy",
        "podsecuritypolicies",
        &["psp"],
    ),
    (
        "rbac.authorization.k8s.io",
        "ClusterRole",
        "clusterroles",
        &[],
    ),
    (
        "rbac.authorization.k8s.io",
        "ClusterRoleBinding",
        "clusterrolebindings",
        &[],
    ),
    ("resource.k8s.io", "DeviceClass", "deviceclasses", &[]),
    ("resource.k8s.io", "ResourceSlice", "resourceslices", &[]),
    (
        "scheduling.k8s.io",
        "PriorityClass",
        "priorityclasses",
        &["pc"],
    ),
    ("storage.k8s.io", "CSIDriver", "csidrivers", &[]),
    ("storage.k8s.io", "CSINode", "csinodes", &[]),
    ("storage.k8s.io", "StorageClass", "storageclasses", &["sc"]),
    (
        "storage.k8s.io",
        "VolumeAttachment",
        "volumeattachments",
        &[],
    ),
    (
        "storage.k8s.io",
        "VolumeAttributesClass",
        "volumeattributesclasses",
        &["vac"],
    ),
    // operators
    (
        "argoproj.io",
        "ClusterWorkflowTemplate",
        "clusterworkflowtemplates",
        &["clusterwftmpl", "cwft"],
    ),
    (
        "cert-manager.io",
        "ClusterIssuer",
        "clusterissuers",
        &["ciss"],
    ),
    (
        "external-secrets.io",
        "ClusterSecretStore",
        "clustersecretstores",
        &["css"],
    ),
    (
        "external-secrets.io",
        "ClusterExternalSecret",
        "clusterexternalsecrets",
        &["ces"],
    ),
    (
        "gateway.networking.k8s.io",
        "GatewayClass",
        "gatewayclasses",
        &["gc"],
    ),
    (
        "cilium.io",
        "CiliumClusterwideNetworkPolicy",
        "ciliumclusterwidenetworkpolicies",
        &["ccnp"],
    ),
    ("kyverno.io", "ClusterPolicy", "clusterpolicies", &["cpol"]),
    (
        "snapshot.storage.k8s.io",
        "VolumeSnapshotClass",
        "volumesnapshotclasses",
        &["vsclass", "vsclasses"],
    ),
    ("karpenter.sh", "NodePool", "nodepools", &[]),
    ("tekton.dev", "ClusterTask", "clustertasks", &[]),
    (
        "triggers.tekton.dev",
        "ClusterTriggerBinding",
        "clustertriggerbindings",
        &["ctb"],
    ),
    ("kargo.akuity.io", "Project", "projects", &[]),
    (
        "kargo.akuity.io",
        "ClusterPromotionTask",
        "clusterpromotiontasks",
        &["clusterpromotask", "clusterpromotasks"],
    ),
    ("kargo.akuity.io", "ClusterConfig", "clusterconfigs", &[]),
    ("project.openshift.io", "Project", "projects", &[]),
    ("user.openshift.io", "Group", "groups", &[]),
];

/// Old groups of built-in kinds, which name the same kinds still.
const ALIASES: &[(&str, &str)] = &[("extensions", "PodSecurityPolicy")];

/// Whether the kind has no namespace (the kinds listed here; an unknown kind is taken to be namespaced).
pub fn is_cluster_scoped(group: &str, kind: &str) -> bool {
    CLUSTER_SCOPED
        .iter()
        .any(|row| row.0 == group && row.1 == kind)
        || ALIASES.contains(&(group, kind))
}

/// The kinds a person may mean: `deploy`, `deployment`, `deployments`, `deployment.apps` → `[("apps", "Deployment")]`,
/// in any case. A word that is a built-in kind's means that one alone (`svc`, not Knative's); empty where the word is
/// no kind's known here.
pub fn kind_for(word: &str) -> Vec<(&'static str, &'static str)> {
    let word = word.trim().to_lowercase();
    let (name, group) = match word.split_once('.') {
        Some((name, group)) => (name, Some(strip_version(group))),
        None => (word.as_str(), None),
    };
    let all = NAMESPACED.iter().chain(CLUSTER_SCOPED);
    let named = |row: &&Row| row.1.to_lowercase() == name || row.2 == name || row.3.contains(&name);
    let found: Vec<_> = match group {
        // `kind.group` may shorten the group as kubectl lets it: `role.rbac`.
        Some(group) => all
            .filter(named)
            .filter(|row| {
                row.0 == group
                    || row
                        .0
                        .strip_prefix(group)
                        .is_some_and(|rest| rest.starts_with('.'))
            })
            .map(|row| (row.0, row.1))
            .collect(),
        None => all.filter(named).map(|row| (row.0, row.1)).collect(),
    };
    let built_in: Vec<_> = found
        .iter()
        .copied()
        .filter(|(group, _)| is_built_in(group))
        .collect();
    if built_in.is_empty() || group.is_some() {
        found
    } else {
        built_in
    }
}

/// `deployments.v1.apps` names a version too.
fn strip_version(group: &str) -> &str {
    match group.split_once('.') {
        Some((version, rest)) if is_version(version) => rest,
        None if is_version(group) => "",
        _ => group,
    }
}

fn is_version(text: &str) -> bool {
    text.strip_prefix('v')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// Whether the group is one that kube-apiserver serves by itself: its schemas are fixed by the Kubernetes version.
pub fn is_built_in(group: &str) -> bool {
    const CORE: &[&str] = &["", "apps", "autoscaling", "batch", "extensions", "policy"];
    // `*.k8s.io` is also used by projects outside kube-apiserver.
    const OTHER: &[&str] = &[
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "certificates.k8s.io",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "flowcontrol.apiserver.k8s.io",
        "networking.k8s.io",
        "node.k8s.io",
        "rbac.authorization.k8s.io",
        "resource.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
    ];
    CORE.contains(&group) || OTHER.contains(&group)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn words_mean_kinds() {
        for word in [
            "deploy",
            "deployment",
            "Deployments",
            "DEPLOY",
            "deployment.apps",
            "deployments.v1.apps",
            " deploy ",
        ] {
            assert_eq!(kind_for(word), [("apps", "Deployment")], "{word}");
        }
        for (word, kind) in [
            ("po", "Pod"),
            ("svc", "Service"),
            ("cm", "ConfigMap"),
            ("sts", "StatefulSet"),
            ("ds", "DaemonSet"),
            ("rs", "ReplicaSet"),
            ("ing", "Ingress"),
            ("hpa", "HorizontalPodAutoscaler"),
            ("pvc", "PersistentVolumeClaim"),
            ("pv", "PersistentVolume"),
            ("ns", "Namespace"),
            ("sa", "ServiceAccount"),
            ("cj", "CronJob"),
            ("netpol", "NetworkPolicy"),
            ("pdb", "PodDisruptionBudget"),
            ("crd", "CustomResourceDefinition"),
            ("sc", "StorageClass"),
            ("no", "Node"),
            ("ep", "Endpoints"),
            ("ingresses", "Ingress"),
            ("hr", "HelmRelease"),
            ("ks", "Kustomization"),
            ("application", "Application"),
            ("cert", "Certificate"),
            ("ro", "Rollout"),
            ("role.rbac", "Role"),
            ("service", "Service"),
            ("pods.v1", "Pod"),
        ] {
            assert_eq!(
                kind_for(word)
                    .iter()
                    .map(|(_, kind)| *kind)
                    .collect::<Vec<_>>(),
                [kind],
                "{word}"
            );
        }
        assert_eq!(kind_for("service"), [("", "Service")]);
        assert_eq!(kind_for("ksvc"), [("serving.knative.dev", "Service")]);
        assert_eq!(kind_for("es").len(), 2);
        assert_eq!(
            kind_for("services.serving.knative.dev"),
            [("serving.knative.dev", "Service")]
        );
        for none in ["", "x", "deployment.batch", ".", "deploy."] {
            assert_eq!(kind_for(none), [], "{none:?}");
        }
    }

    #[test]
    fn the_tables_are_consistent() {
        let mut seen = HashSet::new();
        for (group, kind, plural, shorts) in NAMESPACED.iter().chain(CLUSTER_SCOPED) {
            assert!(seen.insert((group, kind)), "{group}/{kind} is there twice");
            assert_eq!(*plural, plural.to_lowercase());
            assert!(shorts.iter().all(|short| *short == short.to_lowercase()));
            assert!(
                kind_for(&format!("{plural}.{group}")).contains(&(group, kind)) || group.is_empty()
            );
        }
        assert!(
            is_cluster_scoped("", "Namespace")
                && is_cluster_scoped("rbac.authorization.k8s.io", "ClusterRole")
        );
        assert!(
            !is_cluster_scoped("apps", "Deployment")
                && !is_cluster_scoped("example.com", "Namespace")
        );
    }
}
