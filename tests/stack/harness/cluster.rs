//! The control plane and its users.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::Value;
use support::tools;

use super::{Part, start};

/// etcd, API server, controllers, and a node that only says what it does. What becomes of a pod is what its annotation
/// `stack/pod` or the end of its image says: `crash`, `missing`, `unready`, `pending`; else it becomes ready.
pub struct Cluster {
    part: Part<Ready>,
    kubectl: PathBuf,
}

#[derive(Deserialize)]
struct Ready {
    kubeconfigs: BTreeMap<String, PathBuf>,
    audit: PathBuf,
}

/// Who the API server knows from the start. Rights in one namespace: [`Cluster::member`].
#[derive(Clone, Copy, Debug)]
pub enum User {
    /// May do everything.
    Admin,
    /// As `Admin`, with a client certificate instead of a token.
    Certificate,
    /// May change and read what the role `edit` lets them, secrets too, in all namespaces.
    Editor,
    /// May read what the role `view` lets them, so no secrets, in all namespaces.
    Viewer,
    /// Is known, and may do nothing.
    Nobody,
}

/// One event of the API server's audit log.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    pub stage: String,
    pub verb: String,
    pub user: Requester,
    /// As whom they asked, where as somebody else.
    pub impersonated_user: Option<Requester>,
    #[serde(default)]
    pub user_agent: String,
    pub object_ref: Option<Requested>,
    pub response_status: Option<Response>,
}

#[derive(Deserialize, Debug)]
pub struct Requester {
    /// Empty for who could not say who they are.
    #[serde(default)]
    pub username: String,
}

#[derive(Deserialize, Debug)]
pub struct Requested {
    pub resource: String,
    pub namespace: Option<String>,
    pub name: Option<String>,
}

#[derive(Deserialize, Debug)]
pub struct Response {
    pub code: u16,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// The cluster of this test run. `None` where the servers are not built.
pub fn cluster() -> Option<&'static Cluster> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    let cluster = || {
        Some(Cluster {
            part: start("kube", &[])?,
            kubectl: tools::kubectl()?,
        })
    };
    CLUSTER.get_or_init(cluster).as_ref()
}

impl Cluster {
    pub fn kubeconfig(&self, user: User) -> &Path {
        let name = match user {
            User::Admin => "admin",
            User::Certificate => "certificate",
            User::Editor => "editor",
            User::Viewer => "viewer",
            User::Nobody => "nobody",
        };
        &self.part.ready.kubeconfigs[name]
    }

    /// For servers, whose requests the audit log leaves out.
    pub fn servers_kubeconfig(&self) -> &Path {
        &self.part.ready.kubeconfigs["stack:servers"]
    }

    /// A namespace for one test.
    pub fn namespace(&self, name: &str) {
        self.apply(&format!(
            "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n"
        ));
    }

    /// The kubeconfig of a new service account `member` that has `role` (`view`, `edit`) in its namespace only. In the
    /// audit log it is `system:serviceaccount:NAMESPACE:member`, which no other test is.
    pub fn member(&self, namespace: &str, role: &str) -> PathBuf {
        self.apply(&format!(
            "apiVersion: v1
kind: ServiceAccount
metadata: {{name: member, namespace: {namespace}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: member, namespace: {namespace}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {role}}}
subjects: [{{kind: ServiceAccount, name: member, namespace: {namespace}}}]
"
        ));
        let token = self.admin(&["create", "token", "member", "-n", namespace]);
        self.with_token(namespace, token.trim())
    }

    /// A kubeconfig with this token, in a file called after `name`.
    pub fn with_token(&self, name: &str, token: &str) -> PathBuf {
        let nobody = self.kubeconfig(User::Nobody);
        let text = fs::read_to_string(nobody).expect("a kubeconfig");
        let mut config: Value = serde_json::from_str(&text).expect("written as JSON");
        config["users"][0]["user"] = serde_json::json!({ "token": token });
        let file = nobody.with_file_name(format!("{name}.kubeconfig"));
        fs::write(&file, config.to_string()).expect("a kubeconfig");
        file
    }

    /// kubectl as the owner of this kubeconfig.
    pub fn kubectl(&self, kubeconfig: &Path, args: &[&str], input: &str) -> Ended {
        let home = self.part.ready.audit.parent().expect("a directory");
        let mut child = Command::new(&self.kubectl)
            .args(args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home)
            .env("KUBECONFIG", kubeconfig)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kubectl runs");
        // A kubectl that does not read has closed the pipe.
        let _ = child
            .stdin
            .take()
            .expect("piped")
            .write_all(input.as_bytes());
        let output = child.wait_with_output().expect("kubectl ends");
        Ended {
            code: output.status.code().expect("it was not killed"),
            out: String::from_utf8(output.stdout).expect("text"),
            err: String::from_utf8(output.stderr).expect("text"),
        }
    }

    /// kubectl as admin, which must succeed; what it prints.
    pub fn admin(&self, args: &[&str]) -> String {
        let ended = self.kubectl(self.kubeconfig(User::Admin), args, "");
        assert_eq!(ended.code, 0, "kubectl {args:?}: {}", ended.err);
        ended.out
    }

    /// Applies manifests as admin, with server-side apply.
    pub fn apply(&self, manifests: &str) {
        let args = ["apply", "--server-side", "-f", "-"];
        let ended = self.kubectl(self.kubeconfig(User::Admin), &args, manifests);
        assert_eq!(ended.code, 0, "{}\n{manifests}", ended.err);
    }

    /// An object as admin sees it: `get("shop", "deployment/web")`. `None` where there is none.
    pub fn get(&self, namespace: &str, object: &str) -> Option<Value> {
        let args = [
            "get",
            "-n",
            namespace,
            object,
            "-o",
            "json",
            "--ignore-not-found",
        ];
        let out = self.admin(&args);
        (!out.is_empty()).then(|| serde_json::from_str(&out).expect("JSON"))
    }

    /// What was asked of the API server so far, oldest first, without its own parts'. A request is there twice: in stage
    /// `RequestReceived` before it is answered, in `ResponseComplete` about when its client has the answer.
    pub fn requests(&self) -> Vec<Request> {
        let text = fs::read_to_string(&self.part.ready.audit).expect("the audit log");
        let whole = text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        whole
            .map(|line| serde_json::from_str(line).expect("an audit event"))
            .collect()
    }
}
