//! What is done to live objects, and what is to be said of it.

/// How an object came into the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// `kubectl apply`.
    Client,
    /// `kubectl apply --server-side`.
    Server,
    /// As Flux' kustomize-controller does: server-side, of objects that went through Go types, which write out what a manifest
    /// leaves empty (source: `fluxcd/pkg/ssa/normalize`).
    Flux,
    /// `kubectl create`, so that nothing is known of what was applied.
    Create,
    /// As Helm 3 does, whose writes are plain ones.
    Helm,
}

/// How `kubectl diff` ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kubectl {
    Same,
    Differs,
    Refuses,
}

use Kubectl::{Differs, Refuses, Same};

/// A row says what is not as here.
const PLAIN: Mutation = Mutation {
    name: "",
    by: By::Client,
    applied: DEPLOYMENT,
    then: &[],
    git: None,
    ours: &[],
    client: Same,
    server: Same,
    right: "",
};

pub struct Mutation {
    /// Of the row, of its app, and the end of its namespace's name.
    pub name: &'static str,
    pub by: By,
    /// In NAMESPACE, or called so.
    pub applied: &'static str,
    /// Commands of kubectl, with what they read on the lines below.
    pub then: &'static [&'static str],
    /// What git has, where it is not what was applied.
    pub git: Option<&'static str>,
    /// What gitopsy finds: `path cause` of each field.
    pub ours: &'static [&'static str],
    /// What `kubectl diff` says.
    pub client: Kubectl,
    /// What `kubectl diff --server-side` says.
    pub server: Kubectl,
    /// Where the three do not agree: who is right, and why.
    pub right: &'static str,
}

const EXTRA: &str = "gitopsy: somebody set what git does not have; an apply leaves it as it is, and so do the diffs";
const ORDER: &str = "gitopsy: the order of such a list carries no meaning; kubectl tells that it would be written as in git";
const SPELLING: &str = "gitopsy: the same amount in other words; kubectl compares the words";

/// A kind of its own, with lists of each type.
pub const CLUSTER_WIDE: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  names: {kind: Widget, plural: widgets, singular: widget, listKind: WidgetList}
  scope: Namespaced
  preserveUnknownFields: false
  versions:
  - name: v1
    served: true
    storage: true
    additionalPrinterColumns: [{name: Size, type: string, jsonPath: .spec.size, priority: 0}]
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              size: {type: string}
              replicas: {type: integer, default: 1}
              timeout: {type: string}
              routes:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [host]
                items:
                  type: object
                  required: [host]
                  properties: {host: {type: string}, path: {type: string, default: /}}
              steps:
                type: array
                items: {type: object, properties: {name: {type: string}, run: {type: string}}}
              tags: {type: array, x-kubernetes-list-type: set, items: {type: string}}
              owners: {type: array, items: {type: string}}
              note: {type: string, nullable: true}
";

const DEPLOYMENT: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: NAMESPACE, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: registry.example.com/web:1.0
        env: [{name: A, value: '1'}, {name: B, value: '2'}]
        ports: [{name: http, containerPort: 8080}]
        resources: {requests: {cpu: 100m, memory: 128Mi}, limits: {memory: 256Mi}}
";

const SERVICE: &str = "apiVersion: v1
kind: Service
metadata: {name: web, namespace: NAMESPACE}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}]
";

const CONFIG: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: web, namespace: NAMESPACE}
data: {color: blue, timeout: 60s, flag: ''}
";

const SECRET: &str = "apiVersion: v1
kind: Secret
metadata: {name: web, namespace: NAMESPACE}
stringData: {password: correct-horse}
data: {token: YmF0dGVyeS1zdGFwbGU=}
";

const WIDGET: &str = "apiVersion: example.com/v1
kind: Widget
metadata: {name: web, namespace: NAMESPACE}
spec:
  size: 1000m
  timeout: 60s
  routes: [{host: a.example.com}, {host: b.example.com, path: /b}]
  steps: [{name: build, run: make}, {name: test, run: make test}]
  tags: [red, green]
  owners: [alice, bob]
";

/// What Flux applies of it.
const DEPLOYMENT_OF_FLUX: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: NAMESPACE, labels: {app: web, kustomize.toolkit.fluxcd.io/name: web, kustomize.toolkit.fluxcd.io/namespace: flux-system}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  strategy: {}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: registry.example.com/web:1.0
        env: [{name: A, value: '1'}, {name: B, value: '2'}]
        ports: [{name: http, containerPort: 8080, protocol: TCP}]
        resources: {requests: {cpu: 100m, memory: 128Mi}, limits: {memory: 256Mi}}
";

/// The next commit's: another image, a variable less, and one more.
const DEPLOYMENT_NEXT: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: NAMESPACE, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      priorityClassName: system-cluster-critical
      containers:
      - name: web
        image: registry.example.com/web:1.1
        env: [{name: A, value: '1'}, {name: C, value: '3'}]
        ports: [{name: http, containerPort: 8080}]
        resources: {requests: {cpu: 100m, memory: 128Mi}, limits: {memory: 256Mi}}
";

/// Values that the API server writes differently.
const SPELLED: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: NAMESPACE}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: registry.example.com/web:1.0
        resources: {requests: {cpu: 0.1, memory: 134217728}, limits: {cpu: 1000m, memory: 1024Mi, ephemeral-storage: 1e3}}
";

/// What the API server leaves out.
const NOTHINGS: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: NAMESPACE, creationTimestamp: null, annotations: {}, labels: {empty: ''}}
spec:
  replicas: null
  paused: false
  minReadySeconds: 0
  strategy: {}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {creationTimestamp: null, labels: {app: web}}
    spec:
      hostNetwork: false
      nodeSelector: {}
      volumes: []
      securityContext: {}
      containers:
      - name: web
        image: registry.example.com/web:1.0
        tty: false
        resources: {}
        env: [{name: EMPTY, value: ''}]
        livenessProbe: {initialDelaySeconds: 0, httpGet: {path: /, port: 8080}}
status: {}
";

const UNKNOWN_FIELD: &str = "apiVersion: v1
kind: Service
metadata: {name: web, namespace: NAMESPACE}
spec:
  selector: {app: web}
  imaginary: true
  ports: [{name: http, port: 80}]
";

const SERVICE_OF_FLUX: &str = "apiVersion: v1
kind: Service
metadata: {name: web, namespace: NAMESPACE}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080, protocol: TCP}]
";

const SERVICE_EMPTY_IP: &str = "apiVersion: v1
kind: Service
metadata: {name: web, namespace: NAMESPACE}
spec:
  clusterIP: ''
  selector: {app: web}
  ports: [{name: http, port: 80}]
";

const CONFIG_KEPT: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: web, namespace: NAMESPACE, finalizers: [example.com/last]}
data: {color: blue}
";

const POLICY: &str = "apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: NAMESPACE}
spec: {podSelector: {}, policyTypes: [Ingress], ingress: []}
";

const ROLE: &str = "apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: web, namespace: NAMESPACE}
rules: []
";

const BINDING: &str = "apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: web, namespace: NAMESPACE}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: alice}]
";

const INGRESS: &str = "apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: NAMESPACE}
spec:
  rules:
  - host: web.example.com
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
";

const CRONJOB: &str = "apiVersion: batch/v1
kind: CronJob
metadata: {name: web, namespace: NAMESPACE}
spec:
  schedule: '@yearly'
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: web, image: web}]}}}}
";

const STATEFULSET: &str = "apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web, namespace: NAMESPACE}
spec:
  serviceName: web
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: web}]}}
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1024Mi}}}
";

const DAEMONSET: &str = "apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web, namespace: NAMESPACE}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: web}]}}
";

const HPA: &str = "apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: NAMESPACE}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  maxReplicas: 4
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]
";

const BUDGET: &str = "apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: NAMESPACE}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
";

const QUOTA: &str = "apiVersion: v1
kind: ResourceQuota
metadata: {name: web, namespace: NAMESPACE}
spec: {hard: {pods: 10, requests.cpu: 1000m, requests.memory: 1024Mi}}
";

const NAMESPACED: &str = "apiVersion: v1
kind: Namespace
metadata: {name: NAMESPACE-own}
";

const ACCOUNT: &str = "apiVersion: v1
kind: ServiceAccount
metadata: {name: web, namespace: NAMESPACE}
";

pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "fresh-client",
        ..PLAIN
    },
    Mutation {
        name: "fresh-server",
        by: By::Server,
        ..PLAIN
    },
    Mutation {
        name: "fresh-create",
        by: By::Create,
        ..PLAIN
    },
    Mutation {
        name: "fresh-helm",
        by: By::Helm,
        ..PLAIN
    },
    Mutation {
        name: "fresh-flux",
        by: By::Flux,
        applied: DEPLOYMENT_OF_FLUX,
        git: Some(DEPLOYMENT),
        ..PLAIN
    },
    Mutation {
        name: "fresh-service",
        applied: SERVICE,
        ..PLAIN
    },
    Mutation {
        name: "fresh-service-flux",
        by: By::Flux,
        applied: SERVICE_OF_FLUX,
        git: Some(SERVICE),
        ..PLAIN
    },
    Mutation {
        name: "fresh-config",
        applied: CONFIG,
        ..PLAIN
    },
    Mutation {
        name: "fresh-secret",
        applied: SECRET,
        ..PLAIN
    },
    Mutation {
        name: "fresh-widget",
        by: By::Server,
        applied: WIDGET,
        ..PLAIN
    },
    Mutation {
        name: "scaled",
        then: &["scale deployment/web --replicas=5"],
        ours: &["spec.replicas manual-edit"],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "image",
        then: &["set image deployment/web web=registry.example.com/web:1.1"],
        ours: &["spec.template.spec.containers[name=web].image manual-edit"],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "image-server",
        by: By::Server,
        then: &["set image deployment/web web=registry.example.com/web:1.1"],
        ours: &["spec.template.spec.containers[name=web].image manual-edit"],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "label-added",
        then: &["label deployment/web team=blue"],
        ours: &["metadata.labels.team manual-edit"],
        right: EXTRA,
        ..PLAIN
    },
    Mutation {
        name: "label-changed",
        then: &["label --overwrite deployment/web app=other"],
        ours: &["metadata.labels.app manual-edit"],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "label-removed",
        then: &["label deployment/web app-"],
        ours: &["metadata.labels.app removed"],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "annotation-added",
        then: &["annotate deployment/web note=mine"],
        ours: &["metadata.annotations.note manual-edit"],
        right: EXTRA,
        ..PLAIN
    },
    Mutation {
        name: "env-removed",
        then: &["set env deployment/web B-"],
        ours: &["spec.template.spec.containers[name=web].env[name=B] removed"],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "env-added",
        then: &["set env deployment/web C=3"],
        ours: &["spec.template.spec.containers[name=web].env[name=C] manual-edit"],
        right: EXTRA,
        ..PLAIN
    },
    Mutation {
        name: "env-changed",
        then: &["set env deployment/web A=9"],
        ours: &["spec.template.spec.containers[name=web].env[name=A].value manual-edit"],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "env-reordered",
        then: &[
            r#"patch deployment/web --type=json -p [{"op":"replace","path":"/spec/template/spec/containers/0/env","value":[{"name":"B","value":"2"},{"name":"A","value":"1"}]}]"#,
        ],
        client: Differs,
        server: Differs,
        right: ORDER,
        ..PLAIN
    },
    Mutation {
        name: "edited",
        then: &[
            r#"patch deployment/web --type=merge --field-manager=kubectl-edit -p {"spec":{"minReadySeconds":7}}"#,
        ],
        ours: &["spec.minReadySeconds manual-edit"],
        right: EXTRA,
        ..PLAIN
    },
    Mutation {
        name: "limit-added",
        then: &["set resources deployment/web --limits=cpu=1"],
        ours: &["spec.template.spec.containers[name=web].resources.limits.cpu manual-edit"],
        right: EXTRA,
        ..PLAIN
    },
    Mutation {
        name: "limit-changed",
        then: &["set resources deployment/web --limits=memory=512Mi"],
        ours: &["spec.template.spec.containers[name=web].resources.limits.memory manual-edit"],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "limit-respelled",
        then: &["set resources deployment/web --limits=memory=268435456"],
        client: Differs,
        server: Differs,
        right: SPELLING,
        ..PLAIN
    },
    Mutation {
        name: "restarted",
        then: &["rollout restart deployment/web"],
        ..PLAIN
    },
    Mutation {
        name: "paused",
        then: &["rollout pause deployment/web"],
        ours: &["spec.paused manual-edit"],
        right: EXTRA,
        ..PLAIN
    },
    Mutation {
        name: "port-added",
        then: &[
            r#"patch deployment/web --type=json -p [{"op":"add","path":"/spec/template/spec/containers/0/ports/-","value":{"name":"debug","containerPort":9999}}]"#,
        ],
        ours: &[
            "spec.template.spec.containers[name=web].ports[containerPort=9999,protocol=TCP] manual-edit",
        ],
        right: EXTRA,
        ..PLAIN
    },
    Mutation {
        name: "sidecar-added",
        then: &[
            r#"patch deployment/web -p {"spec":{"template":{"spec":{"containers":[{"name":"debug","image":"registry.example.com/debug:1"}]}}}}"#,
        ],
        ours: &["spec.template.spec.containers[name=debug] manual-edit"],
        right: EXTRA,
        ..PLAIN
    },
    Mutation {
        name: "strategy-changed",
        then: &[
            r#"patch deployment/web --type=merge -p {"spec":{"strategy":{"rollingUpdate":{"maxSurge":3}}}}"#,
        ],
        ours: &["spec.strategy.rollingUpdate.maxSurge manual-edit"],
        right: EXTRA,
        ..PLAIN
    },
    Mutation {
        name: "autoscaled",
        then: &[
            r#"patch deployment/web --type=merge --subresource=scale --field-manager=kube-controller-manager -p {"spec":{"replicas":5}}"#,
        ],
        ours: &["spec.replicas autoscaler, in sync"],
        client: Differs,
        server: Differs,
        right: "gitopsy: an autoscaler does what it is for; kubectl tells that an apply would undo it",
        ..PLAIN
    },
    Mutation {
        name: "scaled-by-hand-beside-an-autoscaler",
        then: &[
            "apply -f -\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: front, namespace: NAMESPACE}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, minReplicas: 2, maxReplicas: 10, metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]}\n",
            "scale deployment/web --replicas=5",
        ],
        ours: &["spec.replicas autoscaler, in sync"],
        client: Differs,
        server: Differs,
        right: "gitopsy: an autoscaler that nobody declared holds it; kubectl tells that an apply would undo it",
        ..PLAIN
    },
    Mutation {
        name: "applied-beside-an-autoscaler",
        then: &[
            "apply -f -\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: front, namespace: NAMESPACE}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, minReplicas: 2, maxReplicas: 10, metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]}\n",
            "apply --server-side --force-conflicts --field-manager=bob -f -\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: NAMESPACE}\nspec: {replicas: 4}\n",
        ],
        ours: &["spec.replicas autoscaler, in sync"],
        client: Differs,
        server: Differs,
        right: "gitopsy: an autoscaler that nobody declared holds it; kubectl tells that an apply would undo it",
        ..PLAIN
    },
    Mutation {
        name: "scaled-to-none-beside-an-autoscaler",
        then: &[
            "apply -f -\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: front, namespace: NAMESPACE}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, minReplicas: 2, maxReplicas: 10, metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]}\n",
            "scale deployment/web --replicas=0",
        ],
        // Of a scale to nothing the API server does not keep who did it.
        ours: &["spec.replicas unknown"],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "scaled-by-a-client",
        then: &[
            r#"patch deployment/web --type=merge --subresource=scale --field-manager=curl -p {"spec":{"replicas":5}}"#,
        ],
        ours: &["spec.replicas manual-edit"],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "updated-by-a-tool",
        then: &[
            r#"patch deployment/web --type=merge --field-manager=some-tool -p {"spec":{"template":{"spec":{"priorityClassName":"system-cluster-critical"}}}}"#,
        ],
        ..PLAIN
    },
    Mutation {
        name: "label-by-a-tool",
        then: &[
            r#"patch deployment/web --type=merge --field-manager=some-tool -p {"metadata":{"labels":{"team":"blue"}}}"#,
        ],
        ours: &["metadata.labels.team unknown"],
        right: EXTRA,
        ..PLAIN
    },
    Mutation {
        name: "image-by-a-tool",
        then: &[
            "set image deployment/web web=registry.example.com/web:1.1 --field-manager=image-updater",
        ],
        ours: &["spec.template.spec.containers[name=web].image unknown"],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "applied-by-another",
        then: &[
            "apply --server-side --field-manager=bob -f -\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: NAMESPACE, labels: {owner: bob}}\n",
        ],
        ours: &["metadata.labels.owner unknown"],
        right: EXTRA,
        ..PLAIN
    },
    Mutation {
        name: "taken-by-another",
        then: &[
            "apply --server-side --force-conflicts --field-manager=bob -f -\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: NAMESPACE}\nspec: {replicas: 4}\n",
        ],
        ours: &["spec.replicas unknown"],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "shared-with-another",
        then: &[
            "apply --server-side --field-manager=bob -f -\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: NAMESPACE}\nspec: {replicas: 2}\n",
        ],
        ..PLAIN
    },
    Mutation {
        name: "applied-by-hand",
        by: By::Flux,
        applied: DEPLOYMENT_OF_FLUX,
        then: &[
            "apply --server-side --force-conflicts -f -\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: NAMESPACE}\nspec: {replicas: 4}\n",
        ],
        git: Some(DEPLOYMENT),
        ours: &["spec.replicas unknown"],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "scaled-under-flux",
        by: By::Flux,
        applied: DEPLOYMENT_OF_FLUX,
        then: &["scale deployment/web --replicas=5"],
        git: Some(DEPLOYMENT),
        ours: &["spec.replicas manual-edit"],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "strategy-under-flux",
        by: By::Flux,
        applied: DEPLOYMENT_OF_FLUX,
        then: &[
            r#"patch deployment/web --type=merge -p {"spec":{"strategy":{"rollingUpdate":{"maxSurge":3}}}}"#,
        ],
        git: Some(DEPLOYMENT),
        ours: &["spec.strategy.rollingUpdate.maxSurge manual-edit"],
        right: EXTRA,
        ..PLAIN
    },
    Mutation {
        name: "not-applied-change",
        git: Some(DEPLOYMENT_NEXT),
        ours: &[
            "spec.template.spec.containers[name=web].env[name=B] not-applied",
            "spec.template.spec.containers[name=web].env[name=C] not-applied",
            "spec.template.spec.containers[name=web].image not-applied",
            "spec.template.spec.priorityClassName not-applied",
        ],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "not-applied-change-server",
        by: By::Server,
        git: Some(DEPLOYMENT_NEXT),
        ours: &[
            "spec.template.spec.containers[name=web].env[name=B] not-applied",
            "spec.template.spec.containers[name=web].env[name=C] not-applied",
            "spec.template.spec.containers[name=web].image not-applied",
            "spec.template.spec.priorityClassName not-applied",
        ],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "not-applied-removal",
        applied: DEPLOYMENT_NEXT,
        git: Some(DEPLOYMENT),
        ours: &[
            "spec.template.spec.containers[name=web].env[name=B] not-applied",
            "spec.template.spec.containers[name=web].env[name=C] not-applied",
            "spec.template.spec.containers[name=web].image not-applied",
            "spec.template.spec.priorityClassName not-applied",
        ],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "not-applied-removal-server",
        by: By::Server,
        applied: DEPLOYMENT_NEXT,
        git: Some(DEPLOYMENT),
        ours: &[
            "spec.template.spec.containers[name=web].env[name=B] not-applied",
            "spec.template.spec.containers[name=web].env[name=C] not-applied",
            "spec.template.spec.containers[name=web].image not-applied",
            "spec.template.spec.priorityClassName not-applied",
        ],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "spelled",
        applied: SPELLED,
        ..PLAIN
    },
    Mutation {
        name: "spelled-server",
        by: By::Server,
        applied: SPELLED,
        ..PLAIN
    },
    Mutation {
        name: "nothings",
        applied: NOTHINGS,
        ..PLAIN
    },
    Mutation {
        name: "unknown-field",
        applied: UNKNOWN_FIELD,
        ours: &["spec.imaginary removed"],
        server: Refuses,
        right: "gitopsy: what git sets is not there, and never will be; the plain diff is silent, the other takes no such manifest",
        ..PLAIN
    },
    Mutation {
        name: "port-as-text",
        applied: SERVICE,
        then: &[
            r#"patch service/web --type=json -p [{"op":"replace","path":"/spec/ports/0/targetPort","value":"http"}]"#,
        ],
        ours: &["spec.ports[port=80,protocol=TCP].targetPort manual-edit"],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "type-changed",
        applied: SERVICE,
        then: &[r#"patch service/web --type=merge -p {"spec":{"type":"NodePort"}}"#],
        ours: &[
            "spec.externalTrafficPolicy manual-edit",
            "spec.type manual-edit",
        ],
        right: EXTRA,
        ..PLAIN
    },
    Mutation {
        name: "selector-added",
        applied: SERVICE,
        then: &[r#"patch service/web --type=merge -p {"spec":{"selector":{"tier":"front"}}}"#],
        ours: &["spec.selector.tier manual-edit"],
        server: Differs,
        right: "gitopsy and the server: a selector is one value; a plain apply merges it",
        ..PLAIN
    },
    Mutation {
        name: "empty-cluster-ip",
        applied: SERVICE_EMPTY_IP,
        ..PLAIN
    },
    Mutation {
        name: "data-changed",
        applied: CONFIG,
        then: &[r#"patch configmap/web --type=merge -p {"data":{"color":"red"}}"#],
        ours: &["data.color manual-edit"],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "data-added",
        applied: CONFIG,
        then: &[r#"patch configmap/web --type=merge -p {"data":{"size":"9"}}"#],
        ours: &["data.size manual-edit"],
        right: EXTRA,
        ..PLAIN
    },
    Mutation {
        name: "data-removed",
        applied: CONFIG,
        then: &[r#"patch configmap/web --type=merge -p {"data":{"color":null}}"#],
        ours: &["data.color removed"],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "data-time-respelled",
        applied: CONFIG,
        then: &[r#"patch configmap/web --type=merge -p {"data":{"timeout":"1m"}}"#],
        ours: &["data.timeout manual-edit"],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "data-empty-filled",
        applied: CONFIG,
        then: &[r#"patch configmap/web --type=merge -p {"data":{"flag":"on"}}"#],
        ours: &["data.flag manual-edit"],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "data-added-server",
        by: By::Server,
        applied: CONFIG,
        then: &[r#"patch configmap/web --type=merge -p {"data":{"size":"9"}}"#],
        ours: &["data.size manual-edit"],
        right: EXTRA,
        ..PLAIN
    },
    Mutation {
        name: "replaced",
        applied: CONFIG,
        then: &[
            "replace -f -\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: web, namespace: NAMESPACE}\ndata: {color: red, timeout: 60s, flag: ''}\n",
        ],
        ours: &["data.color manual-edit"],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "deleted",
        applied: CONFIG,
        then: &["delete configmap/web"],
        ours: &["missing"],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "finalizer-added",
        applied: CONFIG_KEPT,
        then: &[
            r#"patch configmap/web --type=json --field-manager=some-controller -p [{"op":"add","path":"/metadata/finalizers/0","value":"example.com/first"}]"#,
        ],
        ..PLAIN
    },
    Mutation {
        name: "secret-changed",
        applied: SECRET,
        then: &[r#"patch secret/web --type=merge -p {"data":{"token":"b3RoZXI="}}"#],
        ours: &["data.token manual-edit"],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "secret-added",
        applied: SECRET,
        then: &[r#"patch secret/web --type=merge -p {"stringData":{"more":"x"}}"#],
        ours: &["data.more manual-edit"],
        right: EXTRA,
        ..PLAIN
    },
    Mutation {
        name: "secret-removed",
        applied: SECRET,
        then: &[r#"patch secret/web --type=merge -p {"data":{"password":null}}"#],
        ours: &["data.password removed"],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "policy-opened",
        applied: POLICY,
        then: &[r#"patch networkpolicy/web --type=merge -p {"spec":{"ingress":[{}]}}"#],
        ours: &["spec.ingress manual-edit"],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "rules-added",
        applied: ROLE,
        then: &[
            r#"patch role/web --type=merge -p {"rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["get"]}]}"#,
        ],
        ours: &["rules manual-edit"],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "subject-added",
        applied: BINDING,
        then: &[
            r#"patch rolebinding/web --type=json -p [{"op":"add","path":"/subjects/-","value":{"kind":"User","apiGroup":"rbac.authorization.k8s.io","name":"eve"}}]"#,
        ],
        ours: &["subjects manual-edit"],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "path-changed",
        applied: INGRESS,
        then: &[
            r#"patch ingress/web --type=json -p [{"op":"replace","path":"/spec/rules/0/http/paths/0/path","value":"/v2"}]"#,
        ],
        ours: &["spec.rules[0].http.paths[0].path manual-edit"],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "suspended",
        applied: CRONJOB,
        then: &[r#"patch cronjob/web --type=merge -p {"spec":{"suspend":true}}"#],
        ours: &["spec.suspend manual-edit"],
        right: EXTRA,
        ..PLAIN
    },
    Mutation {
        name: "schedule-changed",
        applied: CRONJOB,
        then: &[r#"patch cronjob/web --type=merge -p {"spec":{"schedule":"@daily"}}"#],
        ours: &["spec.schedule manual-edit"],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "partitioned",
        applied: STATEFULSET,
        then: &[
            r#"patch statefulset/web --type=merge -p {"spec":{"updateStrategy":{"rollingUpdate":{"partition":1}}}}"#,
        ],
        ours: &["spec.updateStrategy.rollingUpdate.partition manual-edit"],
        right: EXTRA,
        ..PLAIN
    },
    Mutation {
        name: "tolerating",
        applied: DAEMONSET,
        then: &[
            r#"patch daemonset/web --type=merge -p {"spec":{"template":{"spec":{"tolerations":[{"operator":"Exists"}]}}}}"#,
        ],
        ours: &["spec.template.spec.tolerations manual-edit"],
        right: EXTRA,
        ..PLAIN
    },
    Mutation {
        name: "more-replicas",
        applied: HPA,
        then: &[r#"patch hpa/web --type=merge -p {"spec":{"maxReplicas":9}}"#],
        ours: &["spec.maxReplicas manual-edit"],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "budget-in-percent",
        applied: BUDGET,
        then: &[r#"patch pdb/web --type=merge -p {"spec":{"minAvailable":"50%"}}"#],
        ours: &["spec.minAvailable manual-edit"],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "quota-respelled",
        applied: QUOTA,
        ..PLAIN
    },
    Mutation {
        name: "quota-changed",
        applied: QUOTA,
        then: &[r#"patch resourcequota/web --type=merge -p {"spec":{"hard":{"pods":"9"}}}"#],
        ours: &["spec.hard.pods manual-edit"],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "namespace-label",
        by: By::Create,
        applied: NAMESPACED,
        then: &["label namespace/NAMESPACE-own team=blue"],
        ours: &["metadata.labels.team manual-edit"],
        right: EXTRA,
        ..PLAIN
    },
    Mutation {
        name: "fresh-namespace",
        by: By::Create,
        applied: NAMESPACED,
        ..PLAIN
    },
    Mutation {
        name: "pull-secret-added",
        applied: ACCOUNT,
        then: &[
            r#"patch serviceaccount/web --type=merge -p {"imagePullSecrets":[{"name":"registry"}]}"#,
        ],
        ours: &["imagePullSecrets manual-edit"],
        right: EXTRA,
        ..PLAIN
    },
    Mutation {
        name: "widget-changed",
        applied: WIDGET,
        then: &[r#"patch widget/web --type=merge -p {"spec":{"size":"2"}}"#],
        ours: &["spec.size manual-edit"],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "widget-respelled",
        applied: WIDGET,
        then: &[r#"patch widget/web --type=merge -p {"spec":{"size":"1"}}"#],
        ours: &["spec.size manual-edit"],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "widget-time-respelled",
        applied: WIDGET,
        then: &[r#"patch widget/web --type=merge -p {"spec":{"timeout":"1m"}}"#],
        client: Differs,
        server: Differs,
        right: SPELLING,
        ..PLAIN
    },
    Mutation {
        name: "widget-map-reordered",
        applied: WIDGET,
        then: &[
            r#"patch widget/web --type=merge -p {"spec":{"routes":[{"host":"b.example.com","path":"/b"},{"host":"a.example.com"}]}}"#,
        ],
        client: Differs,
        server: Differs,
        right: ORDER,
        ..PLAIN
    },
    Mutation {
        name: "widget-map-added",
        applied: WIDGET,
        then: &[
            r#"patch widget/web --type=json -p [{"op":"add","path":"/spec/routes/-","value":{"host":"c.example.com"}}]"#,
        ],
        ours: &["spec.routes[host=c.example.com] manual-edit"],
        client: Differs,
        right: "gitopsy and the plain diff: an apply would take it away; the server leaves it to whom it belongs to",
        ..PLAIN
    },
    Mutation {
        name: "widget-steps-reordered",
        applied: WIDGET,
        then: &[
            r#"patch widget/web --type=json -p [{"op":"move","from":"/spec/steps/1","path":"/spec/steps/0"}]"#,
        ],
        ours: &[
            "spec.steps[0].name manual-edit",
            "spec.steps[0].run manual-edit",
            "spec.steps[1].name manual-edit",
            "spec.steps[1].run manual-edit",
        ],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "widget-set-reordered",
        applied: WIDGET,
        then: &[r#"patch widget/web --type=merge -p {"spec":{"tags":["green","red"]}}"#],
        client: Differs,
        server: Differs,
        right: ORDER,
        ..PLAIN
    },
    Mutation {
        name: "widget-list-reordered",
        applied: WIDGET,
        then: &[r#"patch widget/web --type=merge -p {"spec":{"owners":["bob","alice"]}}"#],
        ours: &["spec.owners[0] manual-edit", "spec.owners[1] manual-edit"],
        client: Differs,
        server: Differs,
        ..PLAIN
    },
    Mutation {
        name: "widget-note",
        applied: WIDGET,
        then: &[r#"patch widget/web --type=merge -p {"spec":{"note":"x"}}"#],
        ours: &["spec.note manual-edit"],
        right: EXTRA,
        ..PLAIN
    },
    Mutation {
        name: "widget-default-changed",
        applied: WIDGET,
        then: &[r#"patch widget/web --type=merge -p {"spec":{"replicas":3}}"#],
        ours: &["spec.replicas manual-edit"],
        right: EXTRA,
        ..PLAIN
    },
];
