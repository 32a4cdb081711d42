use super::*;
use crate::layout::Destination;

fn environment(name: &str, root: &str) -> Environment {
    Environment {
        name: name.to_owned(),
        root: RepoPath::from(root),
        destination: Destination::default(),
        repository: None,
        deployer: Deployer::Pipeline,
        pipelines: Vec::new(),
        promoters: Vec::new(),
        protected: false,
    }
}

#[test]
fn build_files_are_known_by_their_names() {
    for (path, name) in [
        (".github/workflows/deploy.yml", "GitHub Actions"),
        (".gitea/workflows/deploy.yaml", "Gitea Actions"),
        (".forgejo/workflows/deploy.yaml", "Forgejo Actions"),
        (".gitlab-ci.yml", "GitLab CI"),
        ("ci/deploy.gitlab-ci.yml", "GitLab CI"),
        (".gitlab/ci/deploy.yml", "GitLab CI"),
        ("Jenkinsfile", "Jenkins"),
        ("deploy/Jenkinsfile.prod", "Jenkins"),
        (".circleci/config.yml", "CircleCI"),
        (".travis.yml", "Travis CI"),
        ("azure-pipelines-deploy.yml", "Azure Pipelines"),
        ("bitbucket-pipelines.yml", "Bitbucket Pipelines"),
        ("cloudbuild.prod.yaml", "Cloud Build"),
        (".drone.yml", "Drone"),
        ("werf.yaml", "werf"),
        ("skaffold.yaml", "Skaffold"),
    ] {
        assert_eq!(
            service(path.into()).map(Service::name),
            Some(name),
            "{path}"
        );
    }
    for path in [
        ".github/workflows/README.md",
        ".github/dependabot.yml",
        "docs/Jenkinsfile",
        "apps/jenkins/deployment.yaml",
        "cloudbuild/deployment.yaml",
        ".circleci/other.yml",
    ] {
        assert!(!is_pipeline(path.as_bytes()), "{path}");
    }
}

#[test]
fn environments_are_named_by_words_of_their_own() {
    let environments = [
        environment("dev", "overlays/dev"),
        environment("test", "overlays/test"),
        environment("stage", "overlays/stage"),
        environment("prod", "overlays/prod"),
        environment("prod-us", "overlays/prod-us"),
        environment("blue", "clusters/blue"),
    ];
    for (text, expected) in [
        ("name: deploy-prod", vec!["prod"]),
        ("name: Deploy to Production", vec!["prod"]),
        ("kubectl apply -k overlays/prod-us", vec!["prod-us"]),
        ("name: nonprod and non-prod, reproduce", vec![]),
        ("npm test && kubectl apply -f x", vec![]),
        ("environment: test", vec!["test"]),
        ("kubectl apply -k overlays/test", vec!["test"]),
        ("stage: deploy", vec![]),
        ("stage('Deploy')", vec![]),
        ("deploy to stage", vec!["stage"]),
        ("kubectl apply -k clusters/blue/apps", vec!["blue"]),
        ("development", vec!["dev"]),
        (
            "options: dev\nprod-us\nprod",
            vec!["prod-us", "prod", "dev"],
        ),
    ] {
        let mut found = named(text, &environments);
        let mut expected = expected;
        found.sort();
        expected.sort_unstable();
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn a_file_is_taken_apart_into_what_runs_on_its_own() {
    let azure = "trigger: [main]\nstages:\n- stage: Build\n  jobs: [{job: b, steps: [{script: make}]}]\n- stage: Prod\n  jobs:\n  - deployment: d\n    environment: production\n    strategy: {runOnce: {deploy: {steps: [{script: helm upgrade x .}]}}}\n";
    let jobs = |service, text| -> Vec<Option<String>> {
        parts(service, text)
            .into_iter()
            .map(|part| part.job)
            .collect()
    };
    let some = |names: &[&str]| -> Vec<Option<String>> {
        names.iter().map(|name| Some((*name).to_owned())).collect()
    };
    assert_eq!(jobs(Service::Azure, azure), some(&["Build", "Prod"]));
    let bitbucket = "pipelines:\n  branches:\n    main:\n    - step: {name: Build, script: [make]}\n    - step: {name: Deploy, deployment: production, script: [kubectl apply -f k8s]}\n";
    assert_eq!(
        jobs(Service::Bitbucket, bitbucket),
        some(&["Build", "Deploy"])
    );
    let jenkins = "pipeline {\n  agent any\n  stages {\n    stage('Build') { steps { sh 'make' } }\n    // stage('Old') { }\n    stage(\"Deploy\") { steps { sh 'helm upgrade x .' } }\n  }\n}\n";
    assert_eq!(jobs(Service::Jenkins, jenkins), some(&["Build", "Deploy"]));
    // What is no YAML is read as it is.
    assert_eq!(
        jobs(Service::Drone, "{{ if }}\nkubectl apply -f x\n"),
        [None]
    );
    assert_eq!(jobs(Service::GitHub, ""), [None]);
}
