//! Who deploys an environment where no operator does: what a person reads off the build files.

use gitopsy::git::Repo;
use gitopsy::layout::{self, Layout, Overrides};
use gitopsy::manifest::Masking;
use gitopsy::render::{Renderer, Tool};

use support::TestRepo;

const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\n";

/// A repository with these environments, and these files beside them.
fn layout(environments: &[&str], files: &[(&str, &str)]) -> Layout {
    let directory = tempfile::tempdir().expect("directory");
    let repo = TestRepo::init(&directory.path().join("repo"));
    for environment in environments {
        repo.write(format!("environments/{environment}/api.yaml"), DEPLOYMENT);
    }
    for (path, text) in files {
        repo.write(path, text);
    }
    let commit = repo.commit("Change");
    let reader = Repo::open(&repo.path, &directory.path().join("state"))
        .expect("repository")
        .reader();
    let commit = reader.resolve(&commit).expect("commit");
    let tree = reader.tree_of(commit).expect("tree");
    let renderer = Renderer::new(Masking::new([7; 32]));
    layout::detect(&reader, tree, &renderer, &Overrides::default()).expect("layout")
}

/// `dev: Pipeline GitHub Actions: … (helm upgrade)`, sorted by promotion.
fn who(layout: &Layout) -> Vec<String> {
    let line = |environment: &layout::Environment| {
        let pipelines: Vec<String> = environment
            .pipelines
            .iter()
            .map(|one| one.to_string())
            .collect();
        let (name, deployer) = (&environment.name, environment.deployer);
        format!("{name}: {deployer:?} {}", pipelines.join("; "))
            .trim_end()
            .to_owned()
    };
    let mut in_clusters = layout
        .apps
        .iter()
        .filter(|app| !matches!(app.recipe.tool, Tool::Items(_)));
    let apps = in_clusters.all(|app| {
        let environment = layout.environment(&app.environment);
        environment.is_some_and(|environment| environment.deployer == app.deployer)
    });
    assert!(apps, "apps are deployed by whom their environments are");
    layout.environments.iter().map(line).collect()
}

#[test]
fn jobs_deploy_the_environments_they_name() {
    let github = "on: {push: {branches: [main]}}\njobs:\n  test:\n    steps: [{run: npm test}]\n  deploy-dev:\n    steps:\n    - run: |\n        kustomize build environments/dev |\n          kubectl apply -f -\n  release:\n    environment: production\n    steps: [{run: helm upgrade --install api chart}]\n";
    let said = who(&layout(
        &["dev", "staging", "production"],
        &[(".github/workflows/deploy.yml", github)],
    ));
    assert_eq!(
        said,
        [
            "dev: Pipeline GitHub Actions: .github/workflows/deploy.yml, deploy-dev (kubectl apply)",
            "staging: Unknown",
            "production: Pipeline GitHub Actions: .github/workflows/deploy.yml, release (helm upgrade)",
        ]
    );
}

#[test]
fn jobs_take_over_templates_files_and_scripts() {
    let gitlab = "stages: [deploy]\n.deploy:\n  stage: deploy\n  script: [\"helmfile -e $ENV apply\"]\ndeploy-dev:\n  extends: .deploy\n  variables: {ENV: dev}\ndeploy-prod:\n  extends: .deploy\n  variables: {ENV: prod}\n  when: manual\n";
    assert_eq!(
        who(&layout(&["dev", "prod"], &[(".gitlab-ci.yml", gitlab)])),
        [
            "dev: Pipeline GitLab CI: .gitlab-ci.yml, deploy-dev (helmfile apply)",
            "prod: Pipeline GitLab CI: .gitlab-ci.yml, deploy-prod (helmfile apply)",
        ]
    );
    let called = "on: {workflow_call: {inputs: {environment: {type: string}}}}\njobs:\n  deploy:\n    steps: [{run: ./scripts/deploy.sh}]\n";
    let caller = "on: push\njobs:\n  production:\n    uses: ./.github/workflows/deploy.yml\n    with: {environment: prod}\n";
    let files = [
        (".github/workflows/deploy.yml", called),
        (".github/workflows/main.yml", caller),
        (
            "scripts/deploy.sh",
            "#!/bin/sh\nset -e\nkubectl apply \\\n  -R -f \"environments/$1\"\n",
        ),
    ];
    assert_eq!(
        who(&layout(&["dev", "prod"], &files)),
        [
            "dev: Unknown",
            "prod: Pipeline GitHub Actions: .github/workflows/main.yml (kubectl apply)",
        ]
    );
}

#[test]
fn what_names_no_environment_deploys_those_nobody_else_claims() {
    let jenkins = "pipeline {\n  stages {\n    stage('Build') { steps { sh 'make' } }\n    stage('Deploy') { steps { sh \"helm upgrade --install api chart -f environments/${params.ENV}/values.yaml\" } }\n  }\n}\n";
    let cloud_build = "steps:\n- name: gcr.io/cloud-builders/kubectl\n  args: [apply, -f, environments/prod]\n  env: [CLOUDSDK_CONTAINER_CLUSTER=eu]\n";
    assert_eq!(
        who(&layout(
            &["dev", "prod"],
            &[("Jenkinsfile", jenkins), ("cloudbuild.yaml", cloud_build)]
        )),
        [
            "dev: Pipeline Jenkins: Jenkinsfile, Deploy (helm upgrade)",
            "prod: Pipeline Cloud Build: cloudbuild.yaml (kubectl apply)",
        ]
    );
    // Infrastructure only where nothing else deploys; a tool's own file only where no build file runs it.
    let terraform = (
        "bitbucket-pipelines.yml",
        "pipelines:\n  default:\n  - step: {name: Infra, script: [terraform apply -auto-approve]}\n",
    );
    let werf = ("werf.yaml", "project: shop\nconfigVersion: 1\n");
    assert_eq!(
        who(&layout(&["dev"], &[terraform])),
        ["dev: Pipeline Bitbucket Pipelines: bitbucket-pipelines.yml (terraform apply)"]
    );
    assert_eq!(
        who(&layout(&["dev"], &[werf])),
        ["dev: Pipeline werf: werf.yaml (werf converge)"]
    );
    let travis = (
        ".travis.yml",
        "script: make\ndeploy:\n  provider: script\n  script: oc apply -k environments\n",
    );
    assert_eq!(
        who(&layout(&["dev"], &[terraform, werf, travis])),
        ["dev: Pipeline Travis CI: .travis.yml (kubectl apply)"]
    );
}

#[test]
fn pipelines_that_ask_an_operator_or_only_try_do_not_deploy() {
    let sync =
        "version: 2.1\njobs:\n  sync:\n    steps:\n    - run: argocd app sync shop --grpc-web\n";
    assert_eq!(
        who(&layout(&["dev"], &[(".circleci/config.yml", sync)])),
        ["dev: ArgoCd CircleCI: .circleci/config.yml (argocd sync)"]
    );
    let tries = "on: pull_request\njobs:\n  e2e:\n    steps:\n    - uses: helm/kind-action@v1\n    - run: kubectl apply -R -f environments\n  check:\n    steps: [{run: kubectl apply --dry-run=server -R -f environments}]\n";
    assert_eq!(
        who(&layout(&["dev"], &[(".github/workflows/e2e.yml", tries)])),
        ["dev: Unknown"]
    );
    // The operator's own objects tell more than a pipeline that installs it.
    let flux = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: shop, namespace: flux-system}\n";
    let installs =
        "on: push\njobs:\n  install:\n    steps: [{run: kubectl apply -f environments/dev}]\n";
    let said = who(&layout(
        &["dev"],
        &[
            ("environments/dev/source.yaml", flux),
            (".github/workflows/i.yml", installs),
        ],
    ));
    assert_eq!(said, ["dev: Flux"]);
}

/// Beside clusters: who runs Terraform and Ansible, directly or by way of a makefile, a server or an operator.
#[test]
fn what_is_beside_clusters_is_run_by_somebody_too() {
    const MODULE: &str = "resource \"a\" \"b\" {}\n";
    const PLAY: &str = "- hosts: all\n  tasks: []\n";
    let github = |run: &str| format!("on: push\njobs:\n  infra:\n    steps: [{{run: {run:?}}}]\n");
    type Files<'f> = Vec<(&'f str, String)>;
    let rows: Vec<(&str, Files, Vec<&str>)> = vec![
        (
            "each environment by the job that names it; the cluster's own pipeline is another",
            vec![
                ("terraform/dev/main.tf", MODULE.to_owned()),
                ("terraform/prod/main.tf", MODULE.to_owned()),
                (
                    ".github/workflows/infra.yml",
                    "on: push\njobs:\n  dev:\n    steps: [{run: cd terraform/dev && terraform apply}]\n  prod:\n    steps: [{run: cd terraform/prod && terraform apply}]\n".to_owned(),
                ),
                (
                    ".github/workflows/apps.yml",
                    "on: push\njobs:\n  apply:\n    steps: [{run: kubectl apply -k environments/prod}]\n".to_owned(),
                ),
            ],
            vec![
                "dev: Terraform GitHub Actions: .github/workflows/infra.yml, dev (terraform apply)",
                "prod: Pipeline GitHub Actions: .github/workflows/apps.yml (kubectl apply); \
                 GitHub Actions: .github/workflows/infra.yml, prod (terraform apply)",
            ],
        ),
        (
            "a makefile's target, and a script that it runs",
            vec![
                ("terraform/main.tf", MODULE.to_owned()),
                ("playbooks/site.yml", PLAY.to_owned()),
                (
                    "Makefile",
                    "TF = terraform -chdir=terraform\n\ndeploy: infra\n\t./scripts/configure.sh\ninfra:\n\t$(TF) apply\n".to_owned(),
                ),
                ("scripts/configure.sh", "ansible-playbook playbooks/site.yml\n".to_owned()),
                (".gitlab-ci.yml", "deploy:\n  script: [make deploy]\n".to_owned()),
            ],
            vec![
                "prod: Unknown",
                "default: Unknown GitLab CI: .gitlab-ci.yml (terraform apply); GitLab CI: .gitlab-ci.yml (ansible-playbook)",
            ],
        ),
        (
            "a target that does something else",
            vec![
                ("terraform/main.tf", MODULE.to_owned()),
                ("Makefile", "plan:\n\tterraform plan\ndeploy:\n\tterraform apply\n".to_owned()),
                (".github/workflows/infra.yml", github("make plan")),
            ],
            vec!["prod: Unknown", "default: Terraform"],
        ),
        (
            "Atlantis",
            vec![
                ("terraform/dev/net/main.tf", MODULE.to_owned()),
                ("terraform/qa/net/main.tf", MODULE.to_owned()),
                (
                    "atlantis.yaml",
                    "version: 3\nprojects:\n- {name: dev-net, dir: terraform/dev/net}\n- {dir: terraform/qa/net}\n".to_owned(),
                ),
            ],
            vec![
                "dev: Terraform Atlantis: atlantis.yaml, dev-net (atlantis apply)",
                "qa: Terraform Atlantis: atlantis.yaml, terraform/qa/net (atlantis apply)",
                "prod: Unknown",
            ],
        ),
        (
            "Jenkins",
            vec![
                ("ansible/site.yml", PLAY.to_owned()),
                (
                    "Jenkinsfile",
                    "pipeline { stages { stage('Configure') { steps { ansiblePlaybook(playbook: 'ansible/site.yml') } } } }\n".to_owned(),
                ),
            ],
            vec!["prod: Unknown", "default: Ansible Jenkins: Jenkinsfile (ansiblePlaybook)"],
        ),
    ];
    for (what, files, expected) in rows {
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(path, text)| (*path, text.as_str()))
            .collect();
        assert_eq!(who(&layout(&["prod"], &files)), expected, "{what}");
    }
}

#[test]
fn an_operator_may_run_terraform() {
    let order = "apiVersion: infra.contrib.fluxcd.io/v1alpha2\nkind: Terraform\nmetadata: {name: net, namespace: flux-system}\n\
                 spec: {path: ./terraform/net, approvePlan: auto, sourceRef: {kind: GitRepository, name: env}}\n";
    let layout = layout(
        &["prod"],
        &[
            ("terraform/net/main.tf", "resource \"a\" \"b\" {}\n"),
            ("terraform/db/main.tf", "resource \"a\" \"b\" {}\n"),
            ("flux/net.yaml", order),
            (
                ".github/workflows/infra.yml",
                "jobs: {a: {steps: [{run: terraform apply}]}}\n",
            ),
        ],
    );
    let app = |name: &str| {
        let root = format!("terraform/{name}");
        let mut apps = layout.apps.iter();
        apps.find(|app| app.recipe.roots[0] == root.as_str())
            .expect("app")
    };
    assert_eq!(app("net").deployer, layout::Deployer::Flux);
    let declared = app("net").declared_by.as_ref().map(ToString::to_string);
    assert_eq!(declared.as_deref(), Some("Terraform/net"));
    assert_eq!(app("db").deployer, layout::Deployer::Terraform);
}
