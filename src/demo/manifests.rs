//! The files of the demo repository, written from its settings in the style people write manifests in.

use std::collections::BTreeMap;

use super::state::{APPS, App, ENVS, Env, Settings, State};

/// A tree: path → content.
pub(super) type Files = BTreeMap<String, String>;

/// Every file of the repository at `state`.
pub(super) fn files(state: &State) -> Files {
    let mut files = Files::new();
    files.insert("README.md".to_owned(), readme(state));
    for env in ENVS {
        files.insert(
            format!("environments/{}/namespace.yaml", env.name()),
            namespace(env),
        );
    }
    for (&(env, app), settings) in &state.apps {
        if app == App::Inventory {
            overlay(&mut files, env, settings);
        } else {
            directory(&mut files, env, app, settings, state.banner);
        }
    }
    inventory_base(&mut files);
    files
}

fn readme(state: &State) -> String {
    let mut text = "# Environments of the shop\n\n\
        What runs in dev, staging and production. A merge into main is deployed.\n\n\
        - `environments/<env>/<app>/`: manifests of an app\n\
        - `apps/<app>/`: an app as kustomize base and overlays\n\n## Apps\n\n"
        .to_owned();
    for app in APPS {
        text.push_str(&format!("- {}\n", app.name()));
    }
    for section in &state.readme {
        text.push('\n');
        text.push_str(section);
    }
    text
}

/// An app as a directory of manifests, one object a file, or all of them in one file.
fn directory(files: &mut Files, env: Env, app: App, settings: &Settings, banner: bool) {
    let mut documents: Vec<(&str, String)> = Vec::new();
    if app == App::Database {
        documents.push(("statefulset", statefulset(env, settings)));
        documents.push(("service", service(env, app, 5432)));
        documents.push(("backup-volume", backup_volume(env)));
    } else {
        documents.push(("deployment", deployment(env, app, settings)));
        if app != App::Notifications {
            documents.push(("service", service(env, app, 80)));
        }
    }
    if !settings.config.is_empty() {
        let config = config_map(env, app.name(), app, &settings.config);
        documents.push(("configmap", config));
    }
    if let Some((key, value)) = settings.secret {
        documents.push(("secret", secret(env, app, key, value)));
    }
    if let Some(path) = app.public_path() {
        documents.push(("ingress", ingress(env, app, path)));
    }
    if let Some((min, max)) = settings.autoscale {
        documents.push(("hpa", autoscaler(env, app, min, max)));
    }
    if let Some(schedule) = settings.schedule {
        documents.push(("cronjob", cron_job(env, app, settings, schedule)));
    }
    if app == App::Web && banner {
        let text = BTreeMap::from([("banner.txt", "Free shipping all week")]);
        documents.push(("promo-banner", config_map(env, "promo-banner", app, &text)));
    }
    let directory = format!("environments/{}/{}", env.name(), app.name());
    if settings.one_file {
        let texts: Vec<String> = documents.into_iter().map(|(_, text)| text).collect();
        files.insert(
            format!("{directory}/{}.yaml", app.name()),
            texts.join("---\n"),
        );
    } else {
        for (file, text) in documents {
            files.insert(format!("{directory}/{file}.yaml"), text);
        }
    }
}

fn namespace(env: Env) -> String {
    format!(
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {}\n  labels:\n    environment: {}\n",
        env.namespace(),
        env.name()
    )
}

/// `apiVersion` … `metadata`, up to the object's own part.
fn head(api_version: &str, kind: &str, name: &str, env: Env, labels: &str) -> String {
    format!(
        "apiVersion: {api_version}\nkind: {kind}\nmetadata:\n  name: {name}\n  namespace: {}\n  labels:\n{labels}",
        env.namespace()
    )
}

fn labels(app: App, extra: &BTreeMap<&str, &str>) -> String {
    let mut text = format!(
        "    app.kubernetes.io/name: {}\n    app.kubernetes.io/part-of: shop\n",
        app.name()
    );
    for (name, value) in extra {
        text.push_str(&format!("    {name}: {value}\n"));
    }
    text
}

fn plain_labels(app: App) -> String {
    labels(app, &BTreeMap::new())
}

fn deployment(env: Env, app: App, settings: &Settings) -> String {
    let name = app.name();
    let mut text = head(
        "apps/v1",
        "Deployment",
        name,
        env,
        &labels(app, &settings.labels),
    );
    text.push_str(&format!(
        "spec:\n  replicas: {}\n  revisionHistoryLimit: 2\n",
        settings.replicas
    ));
    if app == App::Api {
        text.push_str(
            "  strategy:\n    rollingUpdate:\n      maxSurge: 0\n      maxUnavailable: 1\n    type: RollingUpdate\n",
        );
    }
    text.push_str(&format!(
        "  selector:\n    matchLabels:\n      app.kubernetes.io/name: {name}\n  template:\n    metadata:\n      labels:\n        app.kubernetes.io/name: {name}\n"
    ));
    text.push_str(&checksum(settings, "      "));
    text.push_str("    spec:\n      containers:\n");
    text.push_str(&container(app, settings));
    text
}

/// The annotation that restarts an app's pods when its configuration changes.
fn checksum(settings: &Settings, indent: &str) -> String {
    if settings.config.is_empty() {
        return String::new();
    }
    let covered = format!("{:?}{}", settings.config, settings.checksum_salt);
    format!(
        "{indent}annotations:\n{indent}  checksum/config: \"{:016x}\"\n",
        super::hash(&covered)
    )
}

fn container(app: App, settings: &Settings) -> String {
    let name = app.name();
    let mut text = format!(
        "        - name: {name}\n          image: {}:{}\n",
        app.image(),
        settings.version
    );
    let port = if app == App::Database { 5432 } else { 8080 };
    text.push_str(&format!(
        "          ports:\n            - name: main\n              containerPort: {port}\n"
    ));
    if !settings.variables.is_empty() {
        text.push_str("          env:\n");
        for (variable, value) in &settings.variables {
            text.push_str(&format!(
                "            - name: {variable}\n              value: \"{value}\"\n"
            ));
        }
    }
    if !settings.config.is_empty() || settings.secret.is_some() {
        text.push_str("          envFrom:\n");
    }
    if !settings.config.is_empty() {
        text.push_str(&format!(
            "            - configMapRef:\n                name: {name}\n"
        ));
    }
    if settings.secret.is_some() {
        text.push_str(&format!(
            "            - secretRef:\n                name: {name}\n"
        ));
    }
    if app == App::Database {
        text.push_str(
            "          readinessProbe:\n            tcpSocket:\n              port: main\n          volumeMounts:\n            - name: data\n              mountPath: /var/lib/postgresql/data\n",
        );
    } else {
        text.push_str(
            "          readinessProbe:\n            httpGet:\n              path: /healthz\n              port: main\n",
        );
    }
    text.push_str(&format!(
        "          resources:\n            requests:\n              cpu: 100m\n              memory: {}\n            limits:\n              memory: {}\n",
        settings.memory_request, settings.memory_limit
    ));
    text
}

fn statefulset(env: Env, settings: &Settings) -> String {
    let mut text = head(
        "apps/v1",
        "StatefulSet",
        "database",
        env,
        &labels(App::Database, &settings.labels),
    );
    text.push_str(&format!(
        "spec:\n  serviceName: database\n  replicas: {}\n  selector:\n    matchLabels:\n      app.kubernetes.io/name: database\n  template:\n    metadata:\n      labels:\n        app.kubernetes.io/name: database\n    spec:\n      containers:\n",
        settings.replicas
    ));
    text.push_str(&container(App::Database, settings));
    let size = if env == Env::Production {
        "50Gi"
    } else {
        "5Gi"
    };
    text.push_str(&format!(
        "  volumeClaimTemplates:\n    - metadata:\n        name: data\n      spec:\n        accessModes:\n          - ReadWriteOnce\n        resources:\n          requests:\n            storage: {size}\n"
    ));
    text
}

fn service(env: Env, app: App, port: u16) -> String {
    let name = app.name();
    format!(
        "{}spec:\n  selector:\n    app.kubernetes.io/name: {name}\n  ports:\n    - name: main\n      port: {port}\n      targetPort: main\n",
        head("v1", "Service", name, env, &plain_labels(app))
    )
}

fn config_map(env: Env, name: &str, app: App, entries: &BTreeMap<&str, &str>) -> String {
    let mut text = head("v1", "ConfigMap", name, env, &plain_labels(app));
    text.push_str("data:\n");
    for (key, value) in entries {
        text.push_str(&format!("  {key}: \"{value}\"\n"));
    }
    text
}

fn secret(env: Env, app: App, key: &str, value: &str) -> String {
    format!(
        "{}type: Opaque\nstringData:\n  {key}: {value}\n",
        head("v1", "Secret", app.name(), env, &plain_labels(app))
    )
}

fn ingress(env: Env, app: App, path: &str) -> String {
    let name = app.name();
    let host = env.host();
    format!(
        "{}spec:\n  ingressClassName: nginx\n  tls:\n    - hosts:\n        - {host}\n      secretName: shop-tls\n  rules:\n    - host: {host}\n      http:\n        paths:\n          - path: {path}\n            pathType: Prefix\n            backend:\n              service:\n                name: {name}\n                port:\n                  name: main\n",
        head(
            "networking.k8s.io/v1",
            "Ingress",
            name,
            env,
            &plain_labels(app)
        )
    )
}

fn autoscaler(env: Env, app: App, min: u32, max: u32) -> String {
    let name = app.name();
    format!(
        "{}spec:\n  scaleTargetRef:\n    apiVersion: apps/v1\n    kind: Deployment\n    name: {name}\n  minReplicas: {min}\n  maxReplicas: {max}\n  metrics:\n    - type: Resource\n      resource:\n        name: cpu\n        target:\n          type: Utilization\n          averageUtilization: 70\n",
        head(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            name,
            env,
            &plain_labels(app)
        )
    )
}

fn cron_job(env: Env, app: App, settings: &Settings, schedule: &str) -> String {
    let (name, command) = match app {
        App::Database => ("database-backup", "backup"),
        _ => ("notifications-digest", "digest"),
    };
    let mut text = head("batch/v1", "CronJob", name, env, &plain_labels(app));
    text.push_str(&format!(
        "spec:\n  schedule: \"{schedule}\"\n  concurrencyPolicy: Forbid\n  successfulJobsHistoryLimit: 1\n  jobTemplate:\n    spec:\n      template:\n        spec:\n          restartPolicy: OnFailure\n          containers:\n            - name: {command}\n              image: {}:{}\n              args:\n                - {command}\n",
        app.image(),
        settings.version
    ));
    if app == App::Database {
        text.push_str(
            "              volumeMounts:\n                - name: backups\n                  mountPath: /backups\n          volumes:\n            - name: backups\n              persistentVolumeClaim:\n                claimName: database-backups\n",
        );
    }
    text
}

fn backup_volume(env: Env) -> String {
    format!(
        "{}spec:\n  accessModes:\n    - ReadWriteOnce\n  resources:\n    requests:\n      storage: 20Gi\n",
        head(
            "v1",
            "PersistentVolumeClaim",
            "database-backups",
            env,
            &plain_labels(App::Database)
        )
    )
}

/// The base that the overlays of `inventory` share.
fn inventory_base(files: &mut Files) {
    files.insert(
        "apps/inventory/base/kustomization.yaml".to_owned(),
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n  - deployment.yaml\n  - service.yaml\n".to_owned(),
    );
    files.insert(
        "apps/inventory/base/deployment.yaml".to_owned(),
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: inventory\n  labels:\n    app.kubernetes.io/name: inventory\n    app.kubernetes.io/part-of: shop\nspec:\n  replicas: 1\n  revisionHistoryLimit: 2\n  selector:\n    matchLabels:\n      app.kubernetes.io/name: inventory\n  template:\n    metadata:\n      labels:\n        app.kubernetes.io/name: inventory\n    spec:\n      containers:\n        - name: inventory\n          image: registry.example.com/shop/inventory\n          ports:\n            - name: main\n              containerPort: 8080\n          readinessProbe:\n            httpGet:\n              path: /healthz\n              port: main\n          resources:\n            requests:\n              cpu: 100m\n              memory: 64Mi\n            limits:\n              memory: 128Mi\n".to_owned(),
    );
    files.insert(
        "apps/inventory/base/service.yaml".to_owned(),
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: inventory\n  labels:\n    app.kubernetes.io/name: inventory\n    app.kubernetes.io/part-of: shop\nspec:\n  selector:\n    app.kubernetes.io/name: inventory\n  ports:\n    - name: main\n      port: 80\n      targetPort: main\n".to_owned(),
    );
}

fn overlay(files: &mut Files, env: Env, settings: &Settings) {
    let directory = format!("apps/inventory/overlays/{}", env.name());
    files.insert(
        format!("{directory}/kustomization.yaml"),
        format!(
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: {}\nresources:\n  - ../../base\nimages:\n  - name: registry.example.com/shop/inventory\n    newTag: {}\nreplicas:\n  - name: inventory\n    count: {}\npatches:\n  - path: memory.yaml\n",
            env.namespace(),
            settings.version,
            settings.replicas
        ),
    );
    files.insert(
        format!("{directory}/memory.yaml"),
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: inventory\nspec:\n  template:\n    spec:\n      containers:\n        - name: inventory\n          resources:\n            requests:\n              memory: {}\n            limits:\n              memory: {}\n",
            settings.memory_request, settings.memory_limit
        ),
    );
}
