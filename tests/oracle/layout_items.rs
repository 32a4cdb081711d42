//! What is deployed beside Kubernetes objects: where it is found, what it is called, and that it disturbs nothing.

use std::collections::BTreeMap;

use gitopsy::git::{Reader, Repo};
use gitopsy::layout::{self, Deployer, Layout, LayoutKind, Overrides};
use gitopsy::manifest::Masking;
use gitopsy::render::{How, Renderer};
use support::TestRepo;
use tempfile::TempDir;

struct Fixture {
    repo: TestRepo,
    renderer: Renderer,
    directory: TempDir,
}

impl Fixture {
    fn of(files: &[(&str, &str)]) -> Fixture {
        let directory = tempfile::tempdir().expect("directory");
        let repo = TestRepo::init(&directory.path().join("repo"));
        for (path, content) in files {
            repo.write(path, content);
        }
        repo.commit("Start");
        Fixture {
            repo,
            renderer: Renderer::new(Masking::new([7; 32])),
            directory,
        }
    }

    fn reader(&self) -> Reader {
        let state = self.directory.path().join("state");
        let repo = Repo::open(&self.repo.path, &state).expect("repository");
        repo.reader()
    }

    fn layout(&self) -> Layout {
        let reader = self.reader();
        let commit = reader.resolve("HEAD").expect("commit");
        let tree = reader.tree_of(commit).expect("tree");
        layout::detect(&reader, tree, &self.renderer, &Overrides::default()).expect("layout")
    }

    /// environment/app → the items of it
    fn items(&self) -> BTreeMap<String, Vec<String>> {
        let reader = self.reader();
        let commit = reader.resolve("HEAD").expect("commit");
        let tree = reader.tree_of(commit).expect("tree");
        let layout = self.layout();
        let apps = layout.apps.iter().map(|app| {
            let rendering = self
                .renderer
                .render(&reader, tree, &app.recipe)
                .expect("it");
            assert_eq!(rendering.how, How::Read);
            let objects = rendering.objects.iter();
            let mut items: Vec<String> = objects.map(|item| item.object.id.to_string()).collect();
            items.sort();
            (format!("{}/{}", app.environment, app.name), items)
        });
        apps.collect()
    }
}

/// What a layout holds, a line for each app: environment, app, deployer, chart and version.
fn table(layout: &Layout) -> Vec<String> {
    let apps = layout.apps.iter();
    apps.map(|app| {
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        format!(
            "{} {} {:?} {} {}",
            app.environment,
            app.name,
            app.deployer,
            or_none(&app.chart),
            or_none(&app.version)
        )
    })
    .collect()
}

const ONE: &str =
    "module \"eks\" {\n  source  = \"terraform-aws-modules/eks/aws\"\n  version = \"19.5\"\n}\n";

#[test]
fn where_terraform_runs_and_for_which_environment() {
    type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [&'a str]);
    let rows: &[Row<'_>] = &[
        (
            "a directory for each environment",
            &[
                ("terraform/prod/main.tf", ONE),
                ("terraform/dev/main.tf", "resource \"a\" \"b\" {}\n"),
                ("terraform/README.md", "x"),
            ],
            &[
                "dev terraform Terraform - -",
                "prod terraform Terraform eks 19.5",
            ],
        ),
        (
            "several in each",
            &[
                ("infra/envs/prod/eks/main.tf", ONE),
                (
                    "infra/envs/prod/vpc/main.tf",
                    "module \"v\" {\n  source = \"git::https://example.com/net/vpc.git?ref=v2\"\n}\n",
                ),
                ("infra/envs/staging/eks/main.tofu", ONE),
            ],
            &[
                "staging eks Terraform eks 19.5",
                "prod eks Terraform eks 19.5",
                "prod vpc Terraform vpc v2",
            ],
        ),
        (
            "modules in the repository belong to who calls them",
            &[
                (
                    "envs/prod/main.tf",
                    "module \"net\" {\n  source = \"../../modules/net\"\n}\n",
                ),
                (
                    "modules/net/main.tf",
                    "module \"sub\" {\n  source = \"./sub\"\n}\n",
                ),
                ("modules/net/sub/main.tf", "resource \"a\" \"b\" {}\n"),
                ("modules/unused/main.tf", "resource \"a\" \"b\" {}\n"),
            ],
            &[
                "prod terraform Terraform - -",
                "default modules/unused Terraform - -",
            ],
        ),
        (
            "values for each environment",
            &[
                ("terraform/main.tf", "variable \"size\" {}\n"),
                ("terraform/environments/prod.tfvars", "size = 3\n"),
                ("terraform/environments/dev/terraform.tfvars", "size = 1\n"),
                ("terraform/qa.tfvars", "size = 2\n"),
            ],
            &[
                "dev terraform Terraform - -",
                "qa terraform Terraform - -",
                "prod terraform Terraform - -",
            ],
        ),
        (
            "Terragrunt: what is only included is no place to run in",
            &[
                (
                    "live/terragrunt.hcl",
                    "remote_state {\n  backend = \"s3\"\n}\n",
                ),
                (
                    "live/prod/eu/vpc/terragrunt.hcl",
                    "include \"root\" {\n  path = find_in_parent_folders()\n}\nterraform {\n  source = \"tfr:///terraform-aws-modules/vpc/aws?version=5.1.0\"\n}\n",
                ),
                (
                    "live/dev/eu/vpc/terragrunt.hcl",
                    "include {\n  path = find_in_parent_folders()\n}\nterraform {\n  source = \"../../../../modules//vpc\"\n}\n",
                ),
                ("modules/vpc/main.tf", "resource \"a\" \"b\" {}\n"),
            ],
            &[
                "dev eu/vpc Terraform - -",
                "prod eu/vpc Terraform vpc 5.1.0",
            ],
        ),
        (
            "Terragrunt: what all of a kind have in common, and what is read on the way down",
            &[
                (
                    "live/root.hcl",
                    "locals {\n  account = read_terragrunt_config(find_in_parent_folders(\"account.hcl\"))\n}\n",
                ),
                (
                    "live/prod/account.hcl",
                    "locals {\n  account_name = \"prod\"\n}\n",
                ),
                (
                    "live/_envcommon/mysql.hcl",
                    "terraform {\n  source = \"${local.base}?ref=v0.8.0\"\n}\nlocals {\n  base = \"git::https://example.com/acme/modules.git//mysql\"\n}\n",
                ),
                (
                    "live/prod/mysql/terragrunt.hcl",
                    "include \"root\" {\n  path = find_in_parent_folders(\"root.hcl\")\n}\ninclude \"envcommon\" {\n  path = \"${dirname(find_in_parent_folders(\"root.hcl\"))}/_envcommon/mysql.hcl\"\n}\n",
                ),
                (
                    "live/prod/app/terragrunt.hcl",
                    "include \"root\" {\n  path = find_in_parent_folders(\"root.hcl\")\n}\nterraform {\n  source = \"${get_repo_root()}//modules/app\"\n}\n",
                ),
                (
                    "modules/app/main.tf.json",
                    "{\"resource\": {\"a\": {\"b\": {}}}}\n",
                ),
            ],
            &[
                "prod app Terraform - -",
                "prod mysql Terraform mysql v0.8.0",
            ],
        ),
        (
            "in JSON, with values in JSON",
            &[
                (
                    "infra/main.tf.json",
                    "{\"module\": {\"net\": {\"source\": \"../modules/net\"}}}",
                ),
                ("infra/prod.tfvars.json", "{\"size\": 3}"),
                (
                    "modules/net/net.tf.json",
                    "{\"resource\": {\"a\": {\"b\": {}}}}",
                ),
            ],
            &["prod infra Terraform - -"],
        ),
        (
            "a circle of modules, and one outside the repository",
            &[
                (
                    "a/main.tf",
                    "module \"b\" {\n  source = \"../b\"\n}\nmodule \"out\" {\n  source = \"../../../out\"\n}\n",
                ),
                (
                    "b/main.tf",
                    "module \"b\" {\n  source = \"../b\"\n}\nresource \"a\" \"b\" {}\n",
                ),
            ],
            &["default a Terraform - -"],
        ),
        (
            "examples are nobody's",
            &[("examples/x/main.tf", ONE), ("README.md", "x")],
            &[],
        ),
    ];
    for (what, files, expected) in rows {
        let fixture = Fixture::of(files);
        let layout = fixture.layout();
        assert_eq!(&table(&layout), expected, "{what}");
        let kinds = match expected.is_empty() {
            true => vec![],
            false => vec![LayoutKind::Terraform],
        };
        assert_eq!(layout.kinds, kinds, "{what}");
        for environment in &layout.environments {
            assert_eq!(environment.deployer, Deployer::Terraform, "{what}");
            assert_eq!(environment.destination, Default::default(), "{what}");
        }
        fixture.items();
    }
}

#[test]
fn what_terragrunt_takes_in_is_part_of_what_it_runs() {
    let common = "locals {\n  account = read_terragrunt_config(find_in_parent_folders(\"account.hcl\"))\n}\n";
    let fixture = Fixture::of(&[
        ("live/root.hcl", common),
        ("live/prod/account.hcl", "locals {\n  name = \"prod\"\n}\n"),
        (
            "live/_envcommon/app.hcl",
            "terraform {\n  source = \"${get_repo_root()}//modules/app\"\n}\ninputs = {\n  size = 1\n}\n",
        ),
        (
            "live/prod/app/terragrunt.hcl",
            "include \"root\" {\n  path = find_in_parent_folders(\"root.hcl\")\n}\ninclude \"common\" {\n  path = \"${dirname(find_in_parent_folders(\"root.hcl\"))}/_envcommon/app.hcl\"\n}\n",
        ),
        ("modules/app/main.tf", "resource \"a\" \"b\" {}\n"),
    ]);
    let items = &fixture.items()["prod/app"];
    for item in [
        "input/include.common.size",
        "local/include.root.include.account.name",
        "a/b",
    ] {
        assert!(
            items.iter().any(|found| found.starts_with(item)),
            "{item}: {items:?}"
        );
    }
    let layout = fixture.layout();
    for (path, touched) in [
        ("live/_envcommon/app.hcl", true),
        ("live/prod/account.hcl", true),
        ("modules/app/main.tf", true),
        ("live/prod/other.txt", false),
    ] {
        assert_eq!(!layout.apps_touched(&[path]).is_empty(), touched, "{path}");
    }
}

#[test]
fn a_modules_items_are_addressed_through_its_call() {
    let fixture = Fixture::of(&[
        (
            "prod/main.tf",
            "locals {\n  a = 1\n}\nmodule \"net\" {\n  source = \"../modules/net\"\n}\nmodule \"net2\" {\n  source = \"../modules/net\"\n}\n",
        ),
        ("prod/terraform.tfvars", "size = 1\n"),
        ("prod/other.tfvars", "size = 1\n"),
        (
            "modules/net/main.tf",
            "resource \"aws_vpc\" \"this\" {}\nmodule \"sub\" {\n  source = \"./sub/\"\n}\n",
        ),
        ("modules/net/terraform.tfvars", "unread = 1\n"),
        ("modules/net/sub/main.tf", "data \"aws_ami\" \"a\" {}\n"),
        (
            "dev/terragrunt.hcl",
            "include \"root\" {\n  path = find_in_parent_folders(\"root.hcl\")\n}\nterraform {\n  source = \"${get_repo_root()}/modules/net\"\n}\ninputs = {\n  size = 1\n}\n",
        ),
        ("root.hcl", "remote_state {\n  backend = \"s3\"\n}\n"),
    ]);
    let items = fixture.items();
    let expected: BTreeMap<String, Vec<String>> = [
        (
            "prod/terraform",
            vec![
                "aws_vpc/module.net.this",
                "aws_vpc/module.net2.this",
                "data/module.net.module.sub.aws_ami.a",
                "data/module.net2.module.sub.aws_ami.a",
                "input/size",
                "local/a",
                "module/module.net.sub",
                "module/module.net2.sub",
                "module/net",
                "module/net2",
            ],
        ),
        (
            "dev/terragrunt",
            vec![
                "aws_vpc/this",
                "data/module.sub.aws_ami.a",
                "include/root",
                "input/size",
                "module/sub",
                "remote_state/include.root.settings",
                "terraform/settings",
            ],
        ),
    ]
    .into_iter()
    .map(|(app, items)| {
        (
            app.to_owned(),
            items.into_iter().map(str::to_owned).collect(),
        )
    })
    .collect();
    assert_eq!(items, expected);
    let layout = fixture.layout();
    assert_eq!(layout.apps_touched(&["modules/net/sub/main.tf"]).len(), 2);
    assert_eq!(layout.apps_touched(&["root.hcl"]).len(), 1);
}

/// Calls that multiply, and calls without an end.
#[test]
fn modules_that_explode_are_cut_off() {
    let mut files: Vec<(String, String)> = Vec::new();
    for level in 0..12 {
        let calls: String = (0..10)
            .map(|call| {
                format!(
                    "module \"m{call}\" {{\n  source = \"../l{}\"\n}}\n",
                    level + 1
                )
            })
            .collect();
        files.push((format!("l{level}/main.tf"), calls));
    }
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    let fixture = Fixture::of(&files);
    let items = fixture.items();
    assert_eq!(items.len(), 1);
    assert!(items["default/l0"].len() <= 10_000);
}

const DEPLOYMENT: &str =
    "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: shop\n  namespace: shop\n";

/// What else is in the repository does not change what is deployed to clusters.
#[test]
fn environments_and_apps_in_clusters_stay_as_they_are() {
    let kubernetes: &[(&str, &str)] = &[
        (
            "apps/shop/overlays/dev/kustomization.yaml",
            "resources: [d.yaml]\n",
        ),
        ("apps/shop/overlays/dev/d.yaml", DEPLOYMENT),
        (
            "apps/shop/overlays/prod/kustomization.yaml",
            "resources: [d.yaml]\n",
        ),
        ("apps/shop/overlays/prod/d.yaml", DEPLOYMENT),
    ];
    let others: &[(&str, &str)] = &[
        ("terraform/prod/main.tf", ONE),
        ("shop/prod/main.tf", ONE),
        ("terraform/qa/main.tf", ONE),
    ];
    let alone = Fixture::of(kubernetes).layout();
    let mixed = Fixture::of(&[kubernetes, others].concat()).layout();
    assert_eq!(mixed.kinds, [LayoutKind::Kustomize, LayoutKind::Terraform]);
    for environment in &alone.environments {
        assert_eq!(mixed.environment(&environment.name), Some(environment));
    }
    for app in &alone.apps {
        assert!(mixed.apps.contains(app), "{app:?}");
    }
    let names: Vec<&str> = mixed.environments.iter().map(|e| e.name.as_str()).collect();
    assert_eq!(names, ["dev", "qa", "prod"]);
    assert_eq!(
        table(&mixed),
        [
            "dev shop Unknown - -",
            "qa terraform Terraform eks 19.5",
            "prod shop Unknown - -",
            "prod shop (Terraform) Terraform eks 19.5",
            "prod terraform Terraform eks 19.5",
        ]
    );
    assert!(mixed.is_elsewhere("qa") && !mixed.is_elsewhere("prod") && !mixed.is_elsewhere("dev"));
}

const PLAY: &str =
    "- hosts: web\n  roles: [web, {role: db}]\n  tasks:\n  - include_role: {name: extra}\n";

#[test]
fn where_ansible_and_jenkins_run() {
    type Row<'a> = (
        &'a str,
        &'a [(&'a str, &'a str)],
        &'a [(&'a str, &'a [&'a str])],
    );
    let task = "- name: Do\n  ping:\n";
    let rows: &[Row<'_>] = &[
        (
            "playbooks with their roles, those that are taken over being no apps",
            &[
                (
                    "site.yml",
                    "- import_playbook: plays/web.yml\n- hosts: all\n  tasks: []\n",
                ),
                ("plays/web.yml", PLAY),
                ("roles/web/tasks/main.yml", task),
                ("roles/db/handlers/main.yml", task),
                ("roles/db/defaults/main.yml", "port: 1\n"),
                ("roles/unused/tasks/main.yml", task),
                ("plays/roles/extra/tasks/main.yml", task),
                ("group_vars/all.yml", "a: b\n"),
                ("tasks/hosts.yml", "- hosts: all\n"),
                ("values.yaml", "hosts: [a]\n"),
            ],
            &[(
                "default/site",
                &[
                    "import_playbook/plays/web.yml",
                    "play/all",
                    "play/web",
                    "task/role db handlers: Do",
                    "task/role extra: Do",
                    "task/role web: Do",
                    "vars/group all: settings",
                    "vars/role db defaults: settings",
                ],
            )],
        ),
        (
            "an inventory for each environment",
            &[
                ("site.yml", "- hosts: all\n  tasks: []\n"),
                ("dev.yml", "- hosts: dev\n  tasks: []\n"),
                ("inventories/dev/group_vars/all.yml", "a: b\n"),
                ("inventories/prod/hosts.ini", "[web]\n"),
            ],
            &[
                ("dev/dev", &["play/dev", "vars/group all: settings"]),
                ("dev/site", &["play/all", "vars/group all: settings"]),
                ("prod/site", &["play/all"]),
            ],
        ),
        (
            "circles",
            &[
                ("a.yml", "- import_playbook: b.yml\n"),
                (
                    "b.yml",
                    "- import_playbook: b.yml\n- import_playbook: ../../out.yml\n",
                ),
            ],
            &[(
                "default/a",
                &[
                    "import_playbook/../../out.yml",
                    "import_playbook/b.yml",
                    "import_playbook/b.yml",
                ],
            )],
        ),
        (
            "Jenkins' configuration, and what is only called so",
            &[
                (
                    "prod/casc/jenkins.yaml",
                    "jenkins: {numExecutors: 0}\nunclassified: {}\n",
                ),
                ("prod/casc/jobs.yaml", "jobs: []\n"),
                ("casc/values.yaml", "controller: {}\n"),
                ("jenkins.yaml", "jenkins: {controller: {image: x}}\n"),
                ("charts/x/Chart.yaml", "name: x\n"),
                ("charts/x/casc/jenkins.yaml", "jenkins: {numExecutors: 0}\n"),
            ],
            &[(
                "prod/casc",
                &["casc/jenkins", "casc/jobs", "casc/unclassified"],
            )],
        ),
        (
            "Jenkins' jobs, and scripts without any",
            &[
                (
                    "jobs/shop.groovy",
                    "folder('shop') {}\njob('shop/build') {\n  label 'x'\n}\n",
                ),
                ("vars/deploy.groovy", "def call() { sh 'kubectl apply' }\n"),
                ("Jenkinsfile", "job('x') {}\n"),
            ],
            &[("default/jobs", &["folder/shop", "job/shop/build"])],
        ),
    ];
    for (what, files, expected) in rows {
        let expected: BTreeMap<String, Vec<String>> = expected
            .iter()
            .map(|(app, items)| {
                let items = items.iter().map(|item| (*item).to_owned());
                ((*app).to_owned(), items.collect())
            })
            .collect();
        assert_eq!(Fixture::of(files).items(), expected, "{what}");
    }
}
