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
        by: By::Client,
        applied: DEPLOYMENT,
        then: &[],
        git: None,
        ours: &[],
        client: Same,
        server: Same,
        right: "",
    },
    Mutation {
        name: "fresh-server",
        by: By::Server,
        applied: DEPLOYMENT,
        then: &[],
        git: None,
        ours: &[],
        client: Same,
        server: Same,
        right: "",
    },
    Mutation {
        name: "fresh-create",
        by: By::Create,
        applied: DEPLOYMENT,
        then: &[],
        git: None,
        ours: &[],
        client: Same,
        server: Same,
        right: "",
    },
    Mutation {
        name: "fresh-helm",
        by: By::Helm,
        applied: DEPLOYMENT,
        then: &[],
        git: None,
        ours: &[],
        client: Same,
        server: Same,
        right: "",
    },
    Mutation {
        name: "fresh-flux",
        by: By::Flux,
        applied: DEPLOYMENT_OF_FLUX,
        then: &[],
        git: Some(DEPLOYMENT),
        ours: &[],
        client: Same,
        server: Same,
        right: "",
    },
    Mutation {
        name: "fresh-service",
        by: By::Client,
        applied: SERVICE,
        then: &[],
        git: None,
        ours: &[],
        client: Same,
        server: Same,
        right: "",
    },
    Mutation {
        name: "fresh-service-flux",
        by: By::Flux,
        applied: SERVICE_OF_FLUX,
        then: &[],
        git: Some(SERVICE),
        ours: &[],
        client: Same,
        server: Same,
        right: "",
    },
    Mutation {
        name: "fresh-config",
        by: By::Client,
        applied: CONFIG,
        then: &[],
        git: None,
        ours: &[],
        client: Same,
        server: Same,
        right: "",
    },
    Mutation {
        name: "fresh-secret",
        by: By::Client,
        applied: SECRET,
        then: &[],
        git: None,
        ours: &[],
        client: Same,
        server: Same,
        right: "",
    },
    Mutation {
        name: "fresh-widget",
        by: By::Server,
        applied: WIDGET,
        then: &[],
        git: None,
        ours: &[],
        client: Same,
        server: Same,
        right: "",
    },
    Mutation {
        name: "scaled",
        by: By::Client,
        applied: DEPLOYMENT,
        then: &["scale deployment/web --replicas=5"],
        git: None,
        ours: &["spec.replicas manual-edit"],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "image",
        by: By::Client,
        applied: DEPLOYMENT,
        then: &["set image deployment/web web=registry.example.com/web:1.1"],
        git: None,
        ours: &["spec.template.spec.containers[name=web].image manual-edit"],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "image-server",
        by: By::Server,
        applied: DEPLOYMENT,
        then: &["set image deployment/web web=registry.example.com/web:1.1"],
        git: None,
        ours: &["spec.template.spec.containers[name=web].image manual-edit"],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "label-added",
        by: By::Client,
        applied: DEPLOYMENT,
        then: &["label deployment/web team=blue"],
        git: None,
        ours: &["metadata.labels.team manual-edit"],
        client: Same,
        server: Same,
        right: EXTRA,
    },
    Mutation {
        name: "label-changed",
        by: By::Client,
        applied: DEPLOYMENT,
        then: &["label --overwrite deployment/web app=other"],
        git: None,
        ours: &["metadata.labels.app manual-edit"],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "label-removed",
        by: By::Client,
        applied: DEPLOYMENT,
        then: &["label deployment/web app-"],
        git: None,
        ours: &["metadata.labels.app removed"],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "annotation-added",
        by: By::Client,
        applied: DEPLOYMENT,
        then: &["annotate deployment/web note=mine"],
        git: None,
        ours: &["metadata.annotations.note manual-edit"],
        client: Same,
        server: Same,
        right: EXTRA,
    },
    Mutation {
        name: "env-removed",
        by: By::Client,
        applied: DEPLOYMENT,
        then: &["set env deployment/web B-"],
        git: None,
        ours: &["spec.template.spec.containers[name=web].env[name=B] removed"],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "env-added",
        by: By::Client,
        applied: DEPLOYMENT,
        then: &["set env deployment/web C=3"],
        git: None,
        ours: &["spec.template.spec.containers[name=web].env[name=C] manual-edit"],
        client: Same,
        server: Same,
        right: EXTRA,
    },
    Mutation {
        name: "env-changed",
        by: By::Client,
        applied: DEPLOYMENT,
        then: &["set env deployment/web A=9"],
        git: None,
        ours: &["spec.template.spec.containers[name=web].env[name=A].value manual-edit"],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "env-reordered",
        by: By::Client,
        applied: DEPLOYMENT,
        then: &[
            r#"patch deployment/web --type=json -p [{"op":"replace","path":"/spec/template/spec/containers/0/env","value":[{"name":"B","value":"2"},{"name":"A","value":"1"}]}]"#,
        ],
        git: None,
        ours: &[],
        client: Differs,
        server: Differs,
        right: ORDER,
    },
    Mutation {
        name: "edited",
        by: By::Client,
        applied: DEPLOYMENT,
        then: &[
            r#"patch deployment/web --type=merge --field-manager=kubectl-edit -p {"spec":{"minReadySeconds":7}}"#,
        ],
        git: None,
        ours: &["spec.minReadySeconds manual-edit"],
        client: Same,
        server: Same,
        right: EXTRA,
    },
    Mutation {
        name: "limit-added",
        by: By::Client,
        applied: DEPLOYMENT,
        then: &["set resources deployment/web --limits=cpu=1"],
        git: None,
        ours: &["spec.template.spec.containers[name=web].resources.limits.cpu manual-edit"],
        client: Same,
        server: Same,
        right: EXTRA,
    },
    Mutation {
        name: "limit-changed",
        by: By::Client,
        applied: DEPLOYMENT,
        then: &["set resources deployment/web --limits=memory=512Mi"],
        git: None,
        ours: &["spec.template.spec.containers[name=web].resources.limits.memory manual-edit"],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "limit-respelled",
        by: By::Client,
        applied: DEPLOYMENT,
        then: &["set resources deployment/web --limits=memory=268435456"],
        git: None,
        ours: &[],
        client: Differs,
        server: Differs,
        right: SPELLING,
    },
    Mutation {
        name: "restarted",
        by: By::Client,
        applied: DEPLOYMENT,
        then: &["rollout restart deployment/web"],
        git: None,
        ours: &[],
        client: Same,
        server: Same,
        right: "",
    },
    Mutation {
        name: "paused",
        by: By::Client,
        applied: DEPLOYMENT,
        then: &["rollout pause deployment/web"],
        git: None,
        ours: &["spec.paused manual-edit"],
        client: Same,
        server: Same,
        right: EXTRA,
    },
    Mutation {
        name: "port-added",
        by: By::Client,
        applied: DEPLOYMENT,
        then: &[
            r#"patch deployment/web --type=json -p [{"op":"add","path":"/spec/template/spec/containers/0/ports/-","value":{"name":"debug","containerPort":9999}}]"#,
        ],
        git: None,
        ours: &[
            "spec.template.spec.containers[name=web].ports[containerPort=9999,protocol=TCP] manual-edit",
        ],
        client: Same,
        server: Same,
        right: EXTRA,
    },
    Mutation {
        name: "sidecar-added",
        by: By::Client,
        applied: DEPLOYMENT,
        then: &[
            r#"patch deployment/web -p {"spec":{"template":{"spec":{"containers":[{"name":"debug","image":"registry.example.com/debug:1"}]}}}}"#,
        ],
        git: None,
        ours: &["spec.template.spec.containers[name=debug] manual-edit"],
        client: Same,
        server: Same,
        right: EXTRA,
    },
    Mutation {
        name: "strategy-changed",
        by: By::Client,
        applied: DEPLOYMENT,
        then: &[
            r#"patch deployment/web --type=merge -p {"spec":{"strategy":{"rollingUpdate":{"maxSurge":3}}}}"#,
        ],
        git: None,
        ours: &["spec.strategy.rollingUpdate.maxSurge manual-edit"],
        client: Same,
        server: Same,
        right: EXTRA,
    },
    Mutation {
        name: "autoscaled",
        by: By::Client,
        applied: DEPLOYMENT,
        then: &[
            r#"patch deployment/web --type=merge --subresource=scale --field-manager=kube-controller-manager -p {"spec":{"replicas":5}}"#,
        ],
        git: None,
        ours: &["spec.replicas autoscaler, in sync"],
        client: Differs,
        server: Differs,
        right: "gitopsy: an autoscaler does what it is for; kubectl tells that an apply would undo it",
    },
    Mutation {
        name: "scaled-by-a-client",
        by: By::Client,
        applied: DEPLOYMENT,
        then: &[
            r#"patch deployment/web --type=merge --subresource=scale --field-manager=curl -p {"spec":{"replicas":5}}"#,
        ],
        git: None,
        ours: &["spec.replicas manual-edit"],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "updated-by-a-tool",
        by: By::Client,
        applied: DEPLOYMENT,
        then: &[
            r#"patch deployment/web --type=merge --field-manager=some-tool -p {"spec":{"template":{"spec":{"priorityClassName":"system-cluster-critical"}}}}"#,
        ],
        git: None,
        ours: &[],
        client: Same,
        server: Same,
        right: "",
    },
    Mutation {
        name: "label-by-a-tool",
        by: By::Client,
        applied: DEPLOYMENT,
        then: &[
            r#"patch deployment/web --type=merge --field-manager=some-tool -p {"metadata":{"labels":{"team":"blue"}}}"#,
        ],
        git: None,
        ours: &["metadata.labels.team unknown"],
        client: Same,
        server: Same,
        right: EXTRA,
    },
    Mutation {
        name: "image-by-a-tool",
        by: By::Client,
        applied: DEPLOYMENT,
        then: &[
            "set image deployment/web web=registry.example.com/web:1.1 --field-manager=image-updater",
        ],
        git: None,
        ours: &["spec.template.spec.containers[name=web].image unknown"],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "applied-by-another",
        by: By::Client,
        applied: DEPLOYMENT,
        then: &[
            "apply --server-side --field-manager=bob -f -\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: NAMESPACE, labels: {owner: bob}}\n",
        ],
        git: None,
        ours: &["metadata.labels.owner unknown"],
        client: Same,
        server: Same,
        right: EXTRA,
    },
    Mutation {
        name: "taken-by-another",
        by: By::Client,
        applied: DEPLOYMENT,
        then: &[
            "apply --server-side --force-conflicts --field-manager=bob -f -\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: NAMESPACE}\nspec: {replicas: 4}\n",
        ],
        git: None,
        ours: &["spec.replicas unknown"],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "shared-with-another",
        by: By::Client,
        applied: DEPLOYMENT,
        then: &[
            "apply --server-side --field-manager=bob -f -\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: NAMESPACE}\nspec: {replicas: 2}\n",
        ],
        git: None,
        ours: &[],
        client: Same,
        server: Same,
        right: "",
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
        right: "",
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
        right: "",
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
        client: Same,
        server: Same,
        right: EXTRA,
    },
    Mutation {
        name: "not-applied-change",
        by: By::Client,
        applied: DEPLOYMENT,
        then: &[],
        git: Some(DEPLOYMENT_NEXT),
        ours: &[
            "spec.template.spec.containers[name=web].env[name=B] not-applied",
            "spec.template.spec.containers[name=web].env[name=C] not-applied",
            "spec.template.spec.containers[name=web].image not-applied",
            "spec.template.spec.priorityClassName not-applied",
        ],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "not-applied-change-server",
        by: By::Server,
        applied: DEPLOYMENT,
        then: &[],
        git: Some(DEPLOYMENT_NEXT),
        ours: &[
            "spec.template.spec.containers[name=web].env[name=B] not-applied",
            "spec.template.spec.containers[name=web].env[name=C] not-applied",
            "spec.template.spec.containers[name=web].image not-applied",
            "spec.template.spec.priorityClassName not-applied",
        ],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "not-applied-removal",
        by: By::Client,
        applied: DEPLOYMENT_NEXT,
        then: &[],
        git: Some(DEPLOYMENT),
        ours: &[
            "spec.template.spec.containers[name=web].env[name=B] not-applied",
            "spec.template.spec.containers[name=web].env[name=C] not-applied",
            "spec.template.spec.containers[name=web].image not-applied",
            "spec.template.spec.priorityClassName not-applied",
        ],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "not-applied-removal-server",
        by: By::Server,
        applied: DEPLOYMENT_NEXT,
        then: &[],
        git: Some(DEPLOYMENT),
        ours: &[
            "spec.template.spec.containers[name=web].env[name=B] not-applied",
            "spec.template.spec.containers[name=web].env[name=C] not-applied",
            "spec.template.spec.containers[name=web].image not-applied",
            "spec.template.spec.priorityClassName not-applied",
        ],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "spelled",
        by: By::Client,
        applied: SPELLED,
        then: &[],
        git: None,
        ours: &[],
        client: Same,
        server: Same,
        right: "",
    },
    Mutation {
        name: "spelled-server",
        by: By::Server,
        applied: SPELLED,
        then: &[],
        git: None,
        ours: &[],
        client: Same,
        server: Same,
        right: "",
    },
    Mutation {
        name: "nothings",
        by: By::Client,
        applied: NOTHINGS,
        then: &[],
        git: None,
        ours: &[],
        client: Same,
        server: Same,
        right: "",
    },
    Mutation {
        name: "unknown-field",
        by: By::Client,
        applied: UNKNOWN_FIELD,
        then: &[],
        git: None,
        ours: &["spec.imaginary removed"],
        client: Same,
        server: Refuses,
        right: "gitopsy: what git sets is not there, and never will be; the plain diff is silent, the other takes no such manifest",
    },
    Mutation {
        name: "port-as-text",
        by: By::Client,
        applied: SERVICE,
        then: &[
            r#"patch service/web --type=json -p [{"op":"replace","path":"/spec/ports/0/targetPort","value":"http"}]"#,
        ],
        git: None,
        ours: &["spec.ports[port=80,protocol=TCP].targetPort manual-edit"],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "type-changed",
        by: By::Client,
        applied: SERVICE,
        then: &[r#"patch service/web --type=merge -p {"spec":{"type":"NodePort"}}"#],
        git: None,
        ours: &[
            "spec.externalTrafficPolicy manual-edit",
            "spec.type manual-edit",
        ],
        client: Same,
        server: Same,
        right: EXTRA,
    },
    Mutation {
        name: "selector-added",
        by: By::Client,
        applied: SERVICE,
        then: &[r#"patch service/web --type=merge -p {"spec":{"selector":{"tier":"front"}}}"#],
        git: None,
        ours: &["spec.selector.tier manual-edit"],
        client: Same,
        server: Differs,
        right: "gitopsy and the server: a selector is one value; a plain apply merges it",
    },
    Mutation {
        name: "empty-cluster-ip",
        by: By::Client,
        applied: SERVICE_EMPTY_IP,
        then: &[],
        git: None,
        ours: &[],
        client: Same,
        server: Same,
        right: "",
    },
    Mutation {
        name: "data-changed",
        by: By::Client,
        applied: CONFIG,
        then: &[r#"patch configmap/web --type=merge -p {"data":{"color":"red"}}"#],
        git: None,
        ours: &["data.color manual-edit"],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "data-added",
        by: By::Client,
        applied: CONFIG,
        then: &[r#"patch configmap/web --type=merge -p {"data":{"size":"9"}}"#],
        git: None,
        ours: &["data.size manual-edit"],
        client: Same,
        server: Same,
        right: EXTRA,
    },
    Mutation {
        name: "data-removed",
        by: By::Client,
        applied: CONFIG,
        then: &[r#"patch configmap/web --type=merge -p {"data":{"color":null}}"#],
        git: None,
        ours: &["data.color removed"],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "data-time-respelled",
        by: By::Client,
        applied: CONFIG,
        then: &[r#"patch configmap/web --type=merge -p {"data":{"timeout":"1m"}}"#],
        git: None,
        ours: &["data.timeout manual-edit"],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "data-empty-filled",
        by: By::Client,
        applied: CONFIG,
        then: &[r#"patch configmap/web --type=merge -p {"data":{"flag":"on"}}"#],
        git: None,
        ours: &["data.flag manual-edit"],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "data-added-server",
        by: By::Server,
        applied: CONFIG,
        then: &[r#"patch configmap/web --type=merge -p {"data":{"size":"9"}}"#],
        git: None,
        ours: &["data.size manual-edit"],
        client: Same,
        server: Same,
        right: EXTRA,
    },
    Mutation {
        name: "replaced",
        by: By::Client,
        applied: CONFIG,
        then: &[
            "replace -f -\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: web, namespace: NAMESPACE}\ndata: {color: red, timeout: 60s, flag: ''}\n",
        ],
        git: None,
        ours: &["data.color manual-edit"],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "deleted",
        by: By::Client,
        applied: CONFIG,
        then: &["delete configmap/web"],
        git: None,
        ours: &["missing"],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "finalizer-added",
        by: By::Client,
        applied: CONFIG_KEPT,
        then: &[
            r#"patch configmap/web --type=json --field-manager=some-controller -p [{"op":"add","path":"/metadata/finalizers/0","value":"example.com/first"}]"#,
        ],
        git: None,
        ours: &[],
        client: Same,
        server: Same,
        right: "",
    },
    Mutation {
        name: "secret-changed",
        by: By::Client,
        applied: SECRET,
        then: &[r#"patch secret/web --type=merge -p {"data":{"token":"b3RoZXI="}}"#],
        git: None,
        ours: &["data.token manual-edit"],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "secret-added",
        by: By::Client,
        applied: SECRET,
        then: &[r#"patch secret/web --type=merge -p {"stringData":{"more":"x"}}"#],
        git: None,
        ours: &["data.more manual-edit"],
        client: Same,
        server: Same,
        right: EXTRA,
    },
    Mutation {
        name: "secret-removed",
        by: By::Client,
        applied: SECRET,
        then: &[r#"patch secret/web --type=merge -p {"data":{"password":null}}"#],
        git: None,
        ours: &["data.password removed"],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "policy-opened",
        by: By::Client,
        applied: POLICY,
        then: &[r#"patch networkpolicy/web --type=merge -p {"spec":{"ingress":[{}]}}"#],
        git: None,
        ours: &["spec.ingress manual-edit"],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "rules-added",
        by: By::Client,
        applied: ROLE,
        then: &[
            r#"patch role/web --type=merge -p {"rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["get"]}]}"#,
        ],
        git: None,
        ours: &["rules manual-edit"],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "subject-added",
        by: By::Client,
        applied: BINDING,
        then: &[
            r#"patch rolebinding/web --type=json -p [{"op":"add","path":"/subjects/-","value":{"kind":"User","apiGroup":"rbac.authorization.k8s.io","name":"eve"}}]"#,
        ],
        git: None,
        ours: &["subjects manual-edit"],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "path-changed",
        by: By::Client,
        applied: INGRESS,
        then: &[
            r#"patch ingress/web --type=json -p [{"op":"replace","path":"/spec/rules/0/http/paths/0/path","value":"/v2"}]"#,
        ],
        git: None,
        ours: &["spec.rules[0].http.paths[0].path manual-edit"],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "suspended",
        by: By::Client,
        applied: CRONJOB,
        then: &[r#"patch cronjob/web --type=merge -p {"spec":{"suspend":true}}"#],
        git: None,
        ours: &["spec.suspend manual-edit"],
        client: Same,
        server: Same,
        right: EXTRA,
    },
    Mutation {
        name: "schedule-changed",
        by: By::Client,
        applied: CRONJOB,
        then: &[r#"patch cronjob/web --type=merge -p {"spec":{"schedule":"@daily"}}"#],
        git: None,
        ours: &["spec.schedule manual-edit"],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "partitioned",
        by: By::Client,
        applied: STATEFULSET,
        then: &[
            r#"patch statefulset/web --type=merge -p {"spec":{"updateStrategy":{"rollingUpdate":{"partition":1}}}}"#,
        ],
        git: None,
        ours: &["spec.updateStrategy.rollingUpdate.partition manual-edit"],
        client: Same,
        server: Same,
        right: EXTRA,
    },
    Mutation {
        name: "tolerating",
        by: By::Client,
        applied: DAEMONSET,
        then: &[
            r#"patch daemonset/web --type=merge -p {"spec":{"template":{"spec":{"tolerations":[{"operator":"Exists"}]}}}}"#,
        ],
        git: None,
        ours: &["spec.template.spec.tolerations manual-edit"],
        client: Same,
        server: Same,
        right: EXTRA,
    },
    Mutation {
        name: "more-replicas",
        by: By::Client,
        applied: HPA,
        then: &[r#"patch hpa/web --type=merge -p {"spec":{"maxReplicas":9}}"#],
        git: None,
        ours: &["spec.maxReplicas manual-edit"],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "budget-in-percent",
        by: By::Client,
        applied: BUDGET,
        then: &[r#"patch pdb/web --type=merge -p {"spec":{"minAvailable":"50%"}}"#],
        git: None,
        ours: &["spec.minAvailable manual-edit"],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "quota-respelled",
        by: By::Client,
        applied: QUOTA,
        then: &[],
        git: None,
        ours: &[],
        client: Same,
        server: Same,
        right: "",
    },
    Mutation {
        name: "quota-changed",
        by: By::Client,
        applied: QUOTA,
        then: &[r#"patch resourcequota/web --type=merge -p {"spec":{"hard":{"pods":"9"}}}"#],
        git: None,
        ours: &["spec.hard.pods manual-edit"],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "namespace-label",
        by: By::Create,
        applied: NAMESPACED,
        then: &["label namespace/NAMESPACE-own team=blue"],
        git: None,
        ours: &["metadata.labels.team manual-edit"],
        client: Same,
        server: Same,
        right: EXTRA,
    },
    Mutation {
        name: "fresh-namespace",
        by: By::Create,
        applied: NAMESPACED,
        then: &[],
        git: None,
        ours: &[],
        client: Same,
        server: Same,
        right: "",
    },
    Mutation {
        name: "pull-secret-added",
        by: By::Client,
        applied: ACCOUNT,
        then: &[
            r#"patch serviceaccount/web --type=merge -p {"imagePullSecrets":[{"name":"registry"}]}"#,
        ],
        git: None,
        ours: &["imagePullSecrets manual-edit"],
        client: Same,
        server: Same,
        right: EXTRA,
    },
    Mutation {
        name: "widget-changed",
        by: By::Client,
        applied: WIDGET,
        then: &[r#"patch widget/web --type=merge -p {"spec":{"size":"2"}}"#],
        git: None,
        ours: &["spec.size manual-edit"],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "widget-respelled",
        by: By::Client,
        applied: WIDGET,
        then: &[r#"patch widget/web --type=merge -p {"spec":{"size":"1"}}"#],
        git: None,
        ours: &["spec.size manual-edit"],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "widget-time-respelled",
        by: By::Client,
        applied: WIDGET,
        then: &[r#"patch widget/web --type=merge -p {"spec":{"timeout":"1m"}}"#],
        git: None,
        ours: &[],
        client: Differs,
        server: Differs,
        right: SPELLING,
    },
    Mutation {
        name: "widget-map-reordered",
        by: By::Client,
        applied: WIDGET,
        then: &[
            r#"patch widget/web --type=merge -p {"spec":{"routes":[{"host":"b.example.com","path":"/b"},{"host":"a.example.com"}]}}"#,
        ],
        git: None,
        ours: &[],
        client: Differs,
        server: Differs,
        right: ORDER,
    },
    Mutation {
        name: "widget-map-added",
        by: By::Client,
        applied: WIDGET,
        then: &[
            r#"patch widget/web --type=json -p [{"op":"add","path":"/spec/routes/-","value":{"host":"c.example.com"}}]"#,
        ],
        git: None,
        ours: &["spec.routes[host=c.example.com] manual-edit"],
        client: Differs,
        server: Same,
        right: "gitopsy and the plain diff: an apply would take it away; the server leaves it to whom it belongs to",
    },
    Mutation {
        name: "widget-steps-reordered",
        by: By::Client,
        applied: WIDGET,
        then: &[
            r#"patch widget/web --type=json -p [{"op":"move","from":"/spec/steps/1","path":"/spec/steps/0"}]"#,
        ],
        git: None,
        ours: &[
            "spec.steps[0].name manual-edit",
            "spec.steps[0].run manual-edit",
            "spec.steps[1].name manual-edit",
            "spec.steps[1].run manual-edit",
        ],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "widget-set-reordered",
        by: By::Client,
        applied: WIDGET,
        then: &[r#"patch widget/web --type=merge -p {"spec":{"tags":["green","red"]}}"#],
        git: None,
        ours: &[],
        client: Differs,
        server: Differs,
        right: ORDER,
    },
    Mutation {
        name: "widget-list-reordered",
        by: By::Client,
        applied: WIDGET,
        then: &[r#"patch widget/web --type=merge -p {"spec":{"owners":["bob","alice"]}}"#],
        git: None,
        ours: &["spec.owners[0] manual-edit", "spec.owners[1] manual-edit"],
        client: Differs,
        server: Differs,
        right: "",
    },
    Mutation {
        name: "widget-note",
        by: By::Client,
        applied: WIDGET,
        then: &[r#"patch widget/web --type=merge -p {"spec":{"note":"x"}}"#],
        git: None,
        ours: &["spec.note manual-edit"],
        client: Same,
        server: Same,
        right: EXTRA,
    },
    Mutation {
        name: "widget-default-changed",
        by: By::Client,
        applied: WIDGET,
        then: &[r#"patch widget/web --type=merge -p {"spec":{"replicas":3}}"#],
        git: None,
        ours: &["spec.replicas manual-edit"],
        client: Same,
        server: Same,
        right: EXTRA,
    },
];
