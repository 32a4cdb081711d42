//! Pod (Argo CD: `health_pod.go`), and what pods say about the workload that owns them.
//!
//! Departures from Argo CD: init containers count like the others (it looks at them only once the pod has failed);
//! `InvalidImageName` is Degraded too, since nothing but a new spec helps; and the reason is the container's state with
//! its number of restarts and exit code, not the kubelet's prose. As there, pods that are not restarted for ever
//! (Jobs, hooks) are only Progressing while a container waits: the Job decides.

use super::{Health, HealthStatus, brief, condition, int, reason_and_message, text};
use crate::live::LiveObject;
use crate::manifest::{Node, Object};

pub(super) fn health(pod: &Object) -> Health {
    let always = matches!(text(pod, &["spec", "restartPolicy"]), None | Some("Always"));
    let containers = containers(pod);
    let waiting = containers.iter().find_map(|container| container.trouble());
    if let Some(reason) = &waiting
        && always
    {
        return Health::rule(HealthStatus::Degraded, reason.clone());
    }
    match text(pod, &["status", "phase"]) {
        Some("Pending") => Health::rule(
            HealthStatus::Progressing,
            waiting.unwrap_or_else(|| pending(pod, &containers)),
        ),
        Some("Succeeded") => Health::rule(HealthStatus::Healthy, ""),
        Some("Failed") => Health::rule(HealthStatus::Degraded, failed(pod, &containers)),
        Some("Running") if !always => {
            Health::rule(HealthStatus::Progressing, waiting.unwrap_or_default())
        }
        Some("Running") => running(pod, &containers),
        _ => Health::rule(HealthStatus::Unknown, reason(pod)),
    }
}

/// A verdict on a workload that does not fare well, with the reason its pods give: a pod that crashes or cannot start
/// makes it Degraded at once, not only when its progress deadline has passed, and that reason is what a person on call
/// looks for.
pub(super) fn explain(verdict: Health, kind: &str, owned: &[&LiveObject]) -> Health {
    if !matches!(
        verdict.status,
        HealthStatus::Progressing | HealthStatus::Degraded
    ) {
        return verdict;
    }
    let pods = owned
        .iter()
        .filter(|object| object.id.group.is_empty() && object.id.kind == "Pod")
        .map(|object| object.object());
    let mut degraded = 0;
    let mut worst: Option<(i64, Health)> = None;
    let mut stuck = None;
    for pod in pods {
        let pod = &pod;
        // A failed pod of a replicated workload is a leftover (evicted, node gone): another one has taken its place.
        if kind != "Job" && text(pod, &["status", "phase"]) == Some("Failed") {
            continue;
        }
        let found = health(pod);
        match found.status {
            HealthStatus::Degraded => {
                degraded += 1;
                let restarts = restarts(pod);
                if worst.as_ref().is_none_or(|(most, _)| restarts > *most) {
                    worst = Some((restarts, found));
                }
            }
            HealthStatus::Progressing if unschedulable(pod).is_some() || trouble(pod) => {
                stuck = Some(found.reason)
            }
            _ => {}
        }
    }
    match (worst, stuck) {
        (Some((_, worst)), _) if degraded > 1 => Health::rule(
            HealthStatus::Degraded,
            format!("{} ({degraded} pods)", worst.reason),
        ),
        (Some((_, worst)), _) => Health::rule(HealthStatus::Degraded, worst.reason),
        (None, Some(stuck)) if verdict.reason.is_empty() => Health {
            reason: stuck,
            ..verdict
        },
        (None, Some(stuck)) => Health {
            reason: brief(&format!("{}, {stuck}", verdict.reason)),
            ..verdict
        },
        (None, None) => verdict,
    }
}

/// How often the containers of this pod were restarted, in all.
pub(in crate::live) fn restarts(pod: &Object) -> i64 {
    containers(pod)
        .iter()
        .map(|container| container.int("restartCount"))
        .sum()
}

/// How many of the pod's containers are ready, and how many there are.
pub(in crate::live) fn ready(pod: &Object) -> (usize, usize) {
    let statuses = pod
        .at(&["status", "containerStatuses"])
        .and_then(Node::as_list)
        .unwrap_or_default();
    let is_ready = |status: &&Node| status.get("ready").and_then(Node::as_bool) == Some(true);
    let declared = pod
        .at(&["spec", "containers"])
        .and_then(Node::as_list)
        .map_or(0, <[Node]>::len);
    (
        statuses.iter().filter(is_ready).count(),
        declared.max(statuses.len()),
    )
}

struct Container<'a> {
    status: &'a Node,
    /// To be named: there is more than one in the pod.
    named: bool,
}

fn containers(pod: &Object) -> Vec<Container<'_>> {
    let list = |key: &str| {
        pod.at(&["status", key])
            .and_then(Node::as_list)
            .unwrap_or_default()
    };
    let all: Vec<&Node> = list("initContainerStatuses")
        .iter()
        .chain(list("containerStatuses"))
        .collect();
    let named = all.len() > 1;
    all.into_iter()
        .map(|status| Container { status, named })
        .collect()
}

fn trouble(pod: &Object) -> bool {
    containers(pod)
        .iter()
        .any(|container| container.trouble().is_some())
}

impl Container<'_> {
    fn at(&self, path: &[&str]) -> Option<&Node> {
        self.status.at(path)
    }

    fn text(&self, path: &[&str]) -> &str {
        self.at(path).and_then(Node::as_str).unwrap_or_default()
    }

    fn int(&self, key: &str) -> i64 {
        self.at(&[key]).and_then(Node::as_i64).unwrap_or(0)
    }

    fn name(&self, reason: String) -> String {
        match self.text(&["name"]) {
            name if self.named && !name.is_empty() => brief(&format!("{name}: {reason}")),
            _ => brief(&reason),
        }
    }

    /// Why it waits, where it waits for nothing that comes by itself: `CrashLoopBackOff ×7, exit 1`.
    fn trouble(&self) -> Option<String> {
        let reason = self.text(&["state", "waiting", "reason"]);
        let bad = reason.starts_with("Err")
            || reason.ends_with("Error")
            || reason.ends_with("BackOff")
            || reason == "InvalidImageName";
        if !bad {
            return None;
        }
        let restarts = self.int("restartCount");
        let times = if restarts > 0 {
            format!(" ×{restarts}")
        } else {
            String::new()
        };
        let last = match self.ended("lastState") {
            Some(last) if reason == "CrashLoopBackOff" => format!(", {last}"),
            _ => String::new(),
        };
        Some(self.name(format!("{reason}{times}{last}")))
    }

    /// How the container ended: `OOMKilled (exit 137)`, `exit 1`; `None` where it did not, or ended well.
    fn ended(&self, state: &str) -> Option<String> {
        let code = self
            .at(&[state, "terminated", "exitCode"])
            .and_then(Node::as_i64)?;
        match self.text(&[state, "terminated", "reason"]) {
            "" | "Error" | "Completed" => (code != 0).then(|| format!("exit {code}")),
            reason => Some(format!("{reason} (exit {code})")),
        }
    }
}

fn pending(pod: &Object, containers: &[Container<'_>]) -> String {
    if let Some(reason) = unschedulable(pod) {
        return reason;
    }
    containers
        .iter()
        .map(|container| container.text(&["state", "waiting", "reason"]))
        .find(|reason| !reason.is_empty())
        .map_or_else(|| reason(pod), brief)
}

fn unschedulable(pod: &Object) -> Option<String> {
    let scheduled = condition(pod, "PodScheduled")?;
    (scheduled.status == "False" && scheduled.reason == "Unschedulable")
        .then(|| reason_and_message(scheduled.reason, scheduled.message))
}

fn failed(pod: &Object, containers: &[Container<'_>]) -> String {
    let said = reason(pod);
    if !said.is_empty() {
        return said;
    }
    let ended = containers.iter().find_map(|container| {
        container
            .ended("state")
            .map(|reason| container.name(reason))
    });
    ended.unwrap_or_default()
}

fn running(pod: &Object, containers: &[Container<'_>]) -> Health {
    if condition(pod, "Ready").is_some_and(|ready| ready.status == "True") {
        return Health::rule(HealthStatus::Healthy, "");
    }
    let regular = pod
        .at(&["status", "containerStatuses"])
        .and_then(Node::as_list)
        .unwrap_or_default();
    if regular
        .iter()
        .any(|status| status.at(&["lastState", "terminated"]).is_some())
    {
        let last = containers
            .iter()
            .find_map(|container| Some((container, container.ended("lastState")?)));
        let reason = match last {
            Some((container, last)) => container.name(format!(
                "restarted ×{}, {last}",
                container.int("restartCount")
            )),
            None => format!("restarted ×{}", restarts(pod)),
        };
        return Health::rule(HealthStatus::Degraded, reason);
    }
    let (ready, all) = ready(pod);
    Health::rule(HealthStatus::Progressing, format!("{ready}/{all} ready"))
}

fn reason(pod: &Object) -> String {
    let part = |key: &str| text(pod, &["status", key]).unwrap_or_default();
    reason_and_message(part("reason"), part("message"))
}

/// The summary of a pod that fares well: `Running`, `Running, 3 restarts`.
pub(in crate::live) fn phase(pod: &Object) -> String {
    let phase = brief(text(pod, &["status", "phase"]).unwrap_or("Unknown"));
    match restarts(pod) {
        0 => phase,
        1 => format!("{phase}, 1 restart"),
        restarts => format!("{phase}, {restarts} restarts"),
    }
}

/// `2/3` of something the status counts.
pub(in crate::live) fn of(object: &Object, part: &[&str], whole: &[&str]) -> String {
    format!(
        "{}/{}",
        int(object, part).unwrap_or(0),
        int(object, whole).unwrap_or(0)
    )
}

#[cfg(test)]
mod tests {
    use crate::live::health::tests::{object, said, table};

    #[test]
    fn a_pod_that_is_restarted_for_ever() {
        let rows = [
            (
                "spec: {restartPolicy: Always}\nstatus: {phase: Running, containerStatuses: [{name: a, restartCount: 7, state: {waiting: {reason: CrashLoopBackOff, message: back-off 5m0s restarting}}, lastState: {terminated: {exitCode: 1, reason: Error}}}]}",
                "Degraded (rule): CrashLoopBackOff ×7, exit 1",
            ),
            (
                "spec: {restartPolicy: Always}\nstatus: {phase: Running, containerStatuses: [{name: a, restartCount: 7, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 137, reason: OOMKilled}}}]}",
                "Degraded (rule): CrashLoopBackOff ×7, OOMKilled (exit 137)",
            ),
            (
                "spec: {restartPolicy: Always}\nstatus: {phase: Running, containerStatuses: [{name: a, restartCount: 3, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 0, reason: Completed}}}]}",
                "Degraded (rule): CrashLoopBackOff ×3",
            ),
            (
                "spec: {restartPolicy: Always}\nstatus: {phase: Pending, containerStatuses: [{name: a, restartCount: 0, state: {waiting: {reason: ImagePullBackOff}}}]}",
                "Degraded (rule): ImagePullBackOff",
            ),
            (
                "spec: {restartPolicy: Always}\nstatus: {phase: Pending, containerStatuses: [{name: a, state: {waiting: {reason: ErrImagePull}}}, {name: b, state: {running: {}}}]}",
                "Degraded (rule): a: ErrImagePull",
            ),
            (
                "spec: {}\nstatus: {phase: Pending, containerStatuses: [{name: a, state: {waiting: {reason: CreateContainerConfigError}}}]}",
                "Degraded (rule): CreateContainerConfigError",
            ),
            (
                "spec: {restartPolicy: Always}\nstatus: {phase: Pending, containerStatuses: [{name: a, state: {waiting: {reason: InvalidImageName}}}]}",
                "Degraded (rule): InvalidImageName",
            ),
            (
                "spec: {restartPolicy: Always}\nstatus: {phase: Pending, initContainerStatuses: [{name: wait, restartCount: 2, state: {waiting: {reason: CrashLoopBackOff}}}], containerStatuses: [{name: a, state: {waiting: {reason: PodInitializing}}}]}",
                "Degraded (rule): wait: CrashLoopBackOff ×2",
            ),
            (
                "spec: {restartPolicy: Always}\nstatus: {phase: Pending, containerStatuses: [{name: a, state: {waiting: {reason: ContainerCreating}}}]}",
                "Progressing (rule): ContainerCreating",
            ),
            (
                "spec: {restartPolicy: Always}\nstatus: {phase: Pending, conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, message: 0/3 nodes are available}]}",
                "Progressing (rule): Unschedulable: 0/3 nodes are available",
            ),
            (
                "spec: {restartPolicy: Always}\nstatus: {phase: Running, conditions: [{type: Ready, status: 'True'}], containerStatuses: [{name: a, ready: true, restartCount: 4, lastState: {terminated: {exitCode: 1}}}]}",
                "Healthy (rule)",
            ),
            (
                "spec: {restartPolicy: Always}\nstatus: {phase: Running, conditions: [{type: Ready, status: 'False'}], containerStatuses: [{name: a, restartCount: 2, state: {running: {}}, lastState: {terminated: {exitCode: 137, reason: OOMKilled}}}]}",
                "Degraded (rule): restarted ×2, OOMKilled (exit 137)",
            ),
            (
                "spec: {restartPolicy: Always}\nstatus: {phase: Running, conditions: [{type: Ready, status: 'False'}], containerStatuses: [{name: a, restartCount: 1, lastState: {terminated: {exitCode: 0, reason: Completed}}}]}",
                "Degraded (rule): restarted ×1",
            ),
            (
                "spec: {restartPolicy: Always}\nstatus: {phase: Running, conditions: [{type: Ready, status: 'False'}], containerStatuses: [{name: a, ready: true}, {name: b}]}",
                "Progressing (rule): 1/2 ready",
            ),
            (
                "spec: {restartPolicy: Always}\nstatus: {phase: Failed, reason: Evicted, message: the node was low on memory}",
                "Degraded (rule): Evicted: the node was low on memory",
            ),
            (
                "spec: {restartPolicy: Always}\nstatus: {phase: Succeeded}",
                "Healthy (rule)",
            ),
            (
                "spec: {restartPolicy: Always}\nstatus: {phase: Unknown}",
                "Unknown (rule)",
            ),
            (
                "spec: {restartPolicy: Always}\nstatus: {}",
                "Unknown (rule)",
            ),
        ];
        table("v1", "Pod", &rows);
    }

    #[test]
    fn a_pod_that_ends() {
        let rows = [
            (
                "spec: {restartPolicy: Never}\nstatus: {phase: Pending, containerStatuses: [{name: a, state: {waiting: {reason: ImagePullBackOff}}}]}",
                "Progressing (rule): ImagePullBackOff",
            ),
            (
                "spec: {restartPolicy: Never}\nstatus: {phase: Running, containerStatuses: [{name: a, ready: true}]}",
                "Progressing (rule)",
            ),
            (
                "spec: {restartPolicy: Never}\nstatus: {phase: Failed, containerStatuses: [{name: a, state: {terminated: {exitCode: 3, reason: Error}}}]}",
                "Degraded (rule): exit 3",
            ),
            (
                "spec: {restartPolicy: Never}\nstatus: {phase: Failed, initContainerStatuses: [{name: i, state: {terminated: {exitCode: 0}}}], containerStatuses: [{name: a, state: {terminated: {exitCode: 137, reason: OOMKilled}}}]}",
                "Degraded (rule): a: OOMKilled (exit 137)",
            ),
            (
                "spec: {restartPolicy: Never}\nstatus: {phase: Failed}",
                "Degraded (rule)",
            ),
            (
                "spec: {restartPolicy: Never}\nstatus: {phase: Succeeded}",
                "Healthy (rule)",
            ),
        ];
        table("v1", "Pod", &rows);
    }

    const CRASHING: &str = "apiVersion: v1\nkind: Pod\nstatus: {phase: Running, containerStatuses: [{name: a, restartCount: 7, state: {waiting: {reason: CrashLoopBackOff}}}]}";
    const CRASHING_LESS: &str = "apiVersion: v1\nkind: Pod\nstatus: {phase: Running, containerStatuses: [{name: a, restartCount: 2, state: {waiting: {reason: ImagePullBackOff}}}]}";
    const EVICTED: &str = "apiVersion: v1\nkind: Pod\nstatus: {phase: Failed, reason: Evicted}";
    const NOWHERE: &str = "apiVersion: v1\nkind: Pod\nstatus: {phase: Pending, conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, message: no node}]}";
    const FINE: &str = "apiVersion: v1\nkind: Pod\nstatus: {phase: Running, conditions: [{type: Ready, status: 'True'}]}";
    const PULLING: &str = "apiVersion: v1\nkind: Pod\nspec: {restartPolicy: Never}\nstatus: {phase: Pending, containerStatuses: [{name: a, state: {waiting: {reason: ImagePullBackOff}}}]}";

    fn pods(owner: &str, pods: &[&str]) -> String {
        let pods: Vec<_> = pods.iter().map(|pod| object(pod)).collect();
        said(&crate::live::health(
            &object(owner),
            &pods.iter().collect::<Vec<_>>(),
        ))
    }

    /// Not from Argo CD, which shows the pods beside the Deployment: one line has to do.
    #[test]
    fn pods_tell_why_their_owner_does_not_fare_well() {
        let deployment = |available: u8, reason: &str| {
            format!(
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{generation: 1}}\nspec: {{replicas: 3}}\nstatus: {{observedGeneration: 1, \
                 replicas: 3, updatedReplicas: 3, availableReplicas: {available}, conditions: [{{type: Progressing, reason: {reason}}}]}}"
            )
        };
        let rolling = deployment(2, "ReplicaSetUpdated");
        assert_eq!(
            pods(&rolling, &[FINE, CRASHING]),
            "Degraded (rule): CrashLoopBackOff ×7"
        );
        assert_eq!(
            pods(&rolling, &[CRASHING_LESS, CRASHING]),
            "Degraded (rule): CrashLoopBackOff ×7 (2 pods)"
        );
        assert_eq!(
            pods(&rolling, &[FINE, EVICTED]),
            "Progressing (rule): 2/3 available"
        );
        assert_eq!(
            pods(&rolling, &[FINE, NOWHERE]),
            "Progressing (rule): 2/3 available, Unschedulable: no node"
        );
        assert_eq!(
            pods(&deployment(2, "ProgressDeadlineExceeded"), &[FINE]),
            "Degraded (rule): ProgressDeadlineExceeded"
        );
        assert_eq!(
            pods(&deployment(2, "ProgressDeadlineExceeded"), &[CRASHING]),
            "Degraded (rule): CrashLoopBackOff ×7"
        );
        assert_eq!(
            pods(&deployment(3, "NewReplicaSetAvailable"), &[FINE, CRASHING]),
            "Healthy (rule)"
        );

        let job = "apiVersion: batch/v1\nkind: Job\nstatus: {active: 1}";
        assert_eq!(
            pods(job, &[PULLING]),
            "Progressing (rule): 1 running, ImagePullBackOff"
        );
        assert_eq!(pods(job, &[EVICTED]), "Degraded (rule): Evicted");
    }
}
