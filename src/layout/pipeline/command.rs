//! Which commands and build steps bring something to a cluster.
//!
//! Matched as words of a command line, not as text: flags may stand between a tool and its verb, and `--dry-run`,
//! `echo` and comments deploy nothing.

/// What a command does for whom: the first that a pipeline has tells who deploys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Effect {
    /// Asks an operator in the cluster to take what git has.
    AsksFlux,
    AsksArgoCd,
    Applies,
    /// May be all that a pipeline deploys, but mostly makes what things are deployed to. So the rest.
    Terraform,
    Ansible,
    Provisions,
}

/// tool, one of its verbs, effect. An empty verb: the tool has no other use.
const COMMANDS: &[(&str, &str, Effect)] = &[
    ("argocd", "sync", Effect::AsksArgoCd),
    ("flux", "reconcile", Effect::AsksFlux),
    ("kubectl", "apply", Effect::Applies),
    ("kubectl", "replace", Effect::Applies),
    ("kubectl", "patch", Effect::Applies),
    ("kubectl", "set", Effect::Applies),
    ("kubectl", "create", Effect::Applies),
    ("helm", "upgrade", Effect::Applies),
    ("helm", "install", Effect::Applies),
    ("helmfile", "apply", Effect::Applies),
    ("helmfile", "sync", Effect::Applies),
    ("werf", "converge", Effect::Applies),
    ("skaffold", "run", Effect::Applies),
    ("skaffold", "deploy", Effect::Applies),
    ("skaffold", "apply", Effect::Applies),
    ("kapp", "deploy", Effect::Applies),
    ("kluctl", "deploy", Effect::Applies),
    ("kpt", "apply", Effect::Applies),
    ("kubecfg", "update", Effect::Applies),
    ("tk", "apply", Effect::Applies),
    ("k8s-deploy", "", Effect::Applies),
    ("gke-deploy", "", Effect::Applies),
    ("kubectl-run", "", Effect::Applies),
    ("kubernetesDeploy", "", Effect::Applies),
    ("KubernetesManifest", "deploy", Effect::Applies),
    ("create-or-update-resource", "", Effect::Applies),
    ("upgrade-helm-chart", "", Effect::Applies),
    ("install-helm-chart", "", Effect::Applies),
    ("converge", "", Effect::Applies),
    ("ansible-playbook", "", Effect::Ansible),
    ("ansiblePlaybook", "", Effect::Ansible),
    ("action-ansible-playbook", "", Effect::Ansible),
    ("terraform", "apply", Effect::Terraform),
    ("terraform-apply", "", Effect::Terraform),
    ("tofu", "apply", Effect::Terraform),
    ("terragrunt", "apply", Effect::Terraform),
    ("atlantis", "apply", Effect::Terraform),
    ("pulumi", "up", Effect::Provisions),
];

/// Other names of tools: OpenShift's client, Azure's tasks, GitLab's scripts.
const SAME: [(&str, &str); 5] = [
    ("gitlab-terraform", "terraform"),
    ("gitlab-tofu", "tofu"),
    ("oc", "kubectl"),
    ("Kubernetes", "kubectl"),
    ("HelmDeploy", "helm"),
];

/// Steps that make a cluster to throw away: what is applied after them is a test.
const TRIALS: [&str; 8] = [
    "kind create cluster",
    "kind-action",
    "setup-kind",
    "k3d cluster create",
    "k3d-action",
    "minikube start",
    "setup-minikube",
    "ct install",
];

/// What of a build file's text deploys, in order: (effect, `helm upgrade`). Empty where it only tries things.
pub(super) fn commands(text: &str) -> Vec<(Effect, String)> {
    if TRIALS.iter().any(|trial| text.contains(trial)) {
        return Vec::new();
    }
    let joined = text.replace("\\\r\n", " ").replace("\\\n", " ");
    let mut found: Vec<(Effect, String)> = Vec::new();
    for line in joined.lines() {
        let bare = line.trim_start();
        if bare.starts_with('#') || bare.starts_with("//") {
            continue;
        }
        for part in bare.split([';', '|', '&', '`', '(']) {
            if let Some(command) = command(part)
                && !found.contains(&command)
            {
                found.push(command);
            }
        }
    }
    found
}

fn command(part: &str) -> Option<(Effect, String)> {
    let words: Vec<&str> = part
        .split([' ', '\t', ',', '[', ']', '{', '}', '"', '\'', ')'])
        .filter(|word| !word.is_empty())
        .collect();
    if words.contains(&"echo") || words.iter().any(|word| is_rehearsal(word)) {
        return None;
    }
    words.iter().enumerate().find_map(|(at, word)| {
        let tool = tool(word);
        let rest = words.get(at + 1..).unwrap_or_default();
        let row = COMMANDS.iter().find(|(known, verb, _)| {
            *known == tool && (verb.is_empty() || rest.contains(verb)) && applies(tool, verb, rest)
        })?;
        let said = [row.0, row.1].join(" ");
        Some((row.2, said.trim_end().to_owned()))
    })
}

fn is_rehearsal(word: &str) -> bool {
    (word.starts_with("--dry-run") && word != "--dry-run=none") || word == "--help"
}

/// Whether a verb deploys with these words beside it.
fn applies(tool: &str, verb: &str, rest: &[&str]) -> bool {
    let has = |words: &[&str]| rest.iter().any(|word| words.contains(word));
    let file = || {
        rest.iter().any(|word| {
            ["-f", "-k", "--filename", "--kustomize"]
                .iter()
                .any(|flag| {
                    word.strip_prefix(flag)
                        .is_some_and(|end| end.is_empty() || end.starts_with('='))
                })
        })
    };
    match (tool, verb) {
        // `create namespace` prepares; `set context` configures.
        ("kubectl", "create") => file(),
        ("kubectl", "set") => has(&["image", "env"]),
        ("kubectl", "apply") => !has(&["view-last-applied", "set-last-applied"]),
        ("helm", "install" | "upgrade") => !has(&["plugin", "repo", "registry", "template"]),
        ("argocd", "sync") => has(&["app"]),
        // GitHub's `werf/actions/converge@v2`; the word alone is none.
        _ => true,
    }
}

/// `/usr/local/bin/helm`, `gcr.io/cloud-builders/kubectl:1.30`, `helmfile/helmfile-action@v1` → the tool's name.
fn tool(word: &str) -> &str {
    let path = word.split('@').next().unwrap_or(word);
    let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
    let name = name.split(':').next().unwrap_or(name);
    let name = name.strip_suffix("-action").unwrap_or(name);
    if name == "converge" && !above.starts_with("werf/") {
        return "";
    }
    // CircleCI's orb.
    if (above, name) == ("terraform", "apply") {
        return "terraform-apply";
    }
    SAME.iter()
        .find(|(other, _)| *other == name)
        .map_or(name, |(_, tool)| tool)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_words_of_a_command_line() {
        for (line, expected) in [
            (
                "kubectl --context=eu -n shop apply -f k8s/",
                "kubectl apply",
            ),
            (
                "kustomize build overlays/prod | kubectl apply -f -",
                "kubectl apply",
            ),
            ("oc apply -k overlays/prod", "kubectl apply"),
            (
                "kubectl set image deployment/api api=acme/api:$TAG",
                "kubectl set",
            ),
            ("kubectl create -f k8s.yaml", "kubectl create"),
            (
                "/usr/local/bin/helm --kube-context eu upgrade \\\n  --install api ./chart",
                "helm upgrade",
            ),
            ("sh 'helm upgrade --install api chart'", "helm upgrade"),
            ("helmfile -e prod apply", "helmfile apply"),
            (
                "name: gcr.io/cloud-builders/kubectl args: [apply, -f, k8s]",
                "kubectl apply",
            ),
            (
                "uses: helmfile/helmfile-action@v1 with: helmfile-args: sync",
                "helmfile sync",
            ),
            ("uses: werf/actions/converge@v2", "converge"),
            ("uses: azure/k8s-deploy@v5", "k8s-deploy"),
            (
                "task: HelmDeploy@0 inputs: command: upgrade",
                "helm upgrade",
            ),
            (
                "cd terraform && terraform apply -auto-approve",
                "terraform apply",
            ),
            ("argocd --grpc-web app sync shop", "argocd sync"),
            ("cd live && terragrunt run-all apply", "terragrunt apply"),
            ("gitlab-terraform apply", "terraform apply"),
            ("- terraform/apply: path: infra", "terraform-apply"),
            (
                "ansible-playbook -i inventories/prod site.yml",
                "ansible-playbook",
            ),
            ("ansiblePlaybook(playbook: 'site.yml')", "ansiblePlaybook"),
            (
                "flux reconcile kustomization apps --with-source",
                "flux reconcile",
            ),
            ("werf converge --repo registry/app", "werf converge"),
        ] {
            let found: Vec<String> = commands(line).into_iter().map(|(_, said)| said).collect();
            assert_eq!(found, [expected], "{line}");
        }
        for line in [
            "kubectl apply --dry-run=server -f k8s/",
            "# kubectl apply -f k8s/",
            "// sh 'helm upgrade api'",
            "echo \"run kubectl apply -f k8s/\"",
            "kubectl get pods; make apply",
            "kubectl create namespace shop",
            "kubectl config set current-context eu",
            "kustomize build overlays/prod | kubeconform",
            "helm plugin install https://github.com/databus23/helm-diff",
            "helm template chart",
            "helm lint && npm install",
            "terraform plan",
            "kind create cluster\nkubectl apply -f k8s/",
            "runs until values converge",
        ] {
            assert_eq!(commands(line), [], "{line}");
        }
    }
}
