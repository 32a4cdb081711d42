//! How states, versions, commits and values of unknown standing are said: one mark and one word each, the same on every screen.

use jiff::Timestamp;

use super::row::{Row, cut};
use crate::review::OperatorState;
use crate::review::applied::Applied;
use crate::review::by_deployer::ByDeployer;
use crate::review::common::{CommitLine, Environment};
use crate::review::drift::{Cause, CauseKind};
use crate::review::{
    Action, ChangeKind, Decided, Deployer, Health, HealthStatus, Known, Leaf, Node, Noise, Oid,
    SyncState, Why,
};
use crate::text;
pub use crate::text::count;
use crate::tui::theme::Role;

/// Mark, word and role of a health.
pub fn health_mark(status: HealthStatus) -> (&'static str, &'static str, Role) {
    match status {
        HealthStatus::Healthy => ("●", "Healthy", Role::Healthy),
        HealthStatus::Progressing => ("▲", "Progressing", Role::Progressing),
        HealthStatus::Degraded => ("✗", "Degraded", Role::Degraded),
        HealthStatus::Suspended => ("◌", "Suspended", Role::Suspended),
        HealthStatus::Missing => ("○", "Missing", Role::Missing),
        HealthStatus::Unknown => ("?", "Unknown", Role::Unknown),
    }
}

/// `✗ Degraded  CrashLoopBackOff ×7 (rule)`
pub fn health(health: &Health) -> Row {
    let (mark, word, role) = health_mark(health.status);
    let mut row = Row::of(role, mark).with(role, " ").with(role, word);
    if !health.reason.is_empty() {
        row = row.with(Role::Text, "  ").with(Role::Text, &health.reason);
    }
    row.with(Role::Dim, decided(health.decided))
}

fn decided(decided: Decided) -> &'static str {
    match decided {
        Decided::Rule => "",
        Decided::Condition => " (its condition)",
        Decided::Controller => " (its controller)",
        Decided::Assumed => " (assumed)",
    }
}

pub fn sync_mark(sync: SyncState) -> (&'static str, &'static str, Role) {
    match sync {
        SyncState::Synced => ("=", "synced", Role::Healthy),
        SyncState::Drifted => ("≠", "drifted", Role::Drift),
        SyncState::Missing => ("○", "missing", Role::Missing),
        SyncState::Extra => ("+", "extra", Role::Drift),
        SyncState::Orphaned => ("∅", "orphaned", Role::Drift),
        SyncState::Unknown => ("?", "unknown", Role::Unknown),
    }
}

pub fn change_mark(change: ChangeKind) -> (&'static str, &'static str, Role) {
    match change {
        ChangeKind::Added => ("+", "added", Role::Added),
        ChangeKind::Removed => ("−", "removed", Role::Removed),
        ChangeKind::Modified => ("~", "modified", Role::Modified),
        ChangeKind::Moved => ("→", "moved", Role::Modified),
    }
}

pub fn effect_mark(action: Action) -> (&'static str, &'static str, Role) {
    match action {
        Action::Create => ("+", "create", Role::Added),
        Action::Update => ("~", "update", Role::Modified),
        Action::Replace => ("!", "replace", Role::Error),
        Action::Prune => ("−", "prune", Role::Removed),
        Action::Orphan => ("∅", "orphan", Role::Drift),
        Action::Nothing => ("=", "nothing", Role::Dim),
    }
}

/// A kind of noise, as it is counted.
pub fn noise(noise: Noise) -> &'static str {
    match noise {
        Noise::Checksum => "checksum",
        Noise::ChartLabel => "chart label",
        Noise::GeneratedName => "generated name",
        Noise::Certificate => "certificate",
        Noise::Timestamp => "timestamp",
        Noise::ToolMark => "tool mark",
    }
}

pub fn deployer(deployer: Deployer) -> &'static str {
    match deployer {
        Deployer::Flux => "Flux",
        Deployer::ArgoCd => "Argo CD",
        Deployer::JenkinsX => "Jenkins X",
        Deployer::Helm => "Helm",
        Deployer::Pipeline => "a pipeline",
        Deployer::Terraform => "Terraform",
        Deployer::Ansible => "Ansible",
        Deployer::Jenkins => "Jenkins",
        Deployer::Unknown => "nobody knows: the repository does not say",
    }
}

/// A mark for a value that is not known, one look for each reason.
pub fn why_mark(why: &Why) -> (&'static str, Role) {
    match why {
        Why::NoCluster | Why::NotInCluster | Why::Offline | Why::Past => ("–", Role::Dim),
        Why::NoContextChosen | Why::ContextChanged(_) | Why::NotRendered | Why::UnknownKind(_) => {
            ("?", Role::Unknown)
        }
        Why::Forbidden(_) => ("⊘", Role::Warning),
        Why::Unreachable(_) | Why::ToolMissing(_) | Why::Failed(_) => ("!", Role::Error),
    }
}

/// Why a value is not known, and what to do about it.
pub fn why(why: &Why) -> Row {
    let (mark, role) = why_mark(why);
    let row = Row::of(role, mark)
        .with(role, " ")
        .with(role, &why.to_string());
    match why {
        Why::NoContextChosen | Why::ContextChanged(_) => {
            row.with(Role::Dim, "  (C or :context chooses)")
        }
        Why::NoCluster => row.with(
            Role::Dim,
            "  (started without one, or no kubeconfig has one)",
        ),
        Why::Offline => row.with(Role::Dim, "  (started with --offline)"),
        _ => row,
    }
}

/// What can be said of a value from outside when it is not simply there: loading, stale since when, or why not.
pub fn standing<T>(known: &Known<T>, now: Timestamp) -> Row {
    match known {
        Known::Fresh(_) => Row::new(),
        Known::Loading => loading(),
        Known::Stale(_, at) => {
            Row::of(Role::Warning, &format!("~ stale, read {}", since(now, *at)))
        }
        Known::Unavailable(reason) => why(reason),
    }
}

pub fn loading() -> Row {
    Row::of(Role::Dim, "… loading")
}

pub fn hash(id: &Oid) -> String {
    id.to_hex_with_len(7).to_string()
}

/// `a1b2c3d  2h  alice  api 1.4.2`
pub fn commit(line: &CommitLine, now: Timestamp) -> Row {
    Row::of(Role::Hash, &hash(&line.commit))
        .with(Role::Text, "  ")
        .with(Role::Age, &age(now, line.time))
        .with(Role::Text, "  ")
        .with(Role::Author, &author(line))
        .with(Role::Text, "  ")
        .with(Role::Text, &line.subject)
}

/// How long ago, as a column has it. Seconds are not told: nothing is drawn while they pass.
pub fn age(now: Timestamp, then: Timestamp) -> String {
    if (0..60).contains(&now.as_second().saturating_sub(then.as_second())) {
        "now".to_owned()
    } else {
        text::age(now, then)
    }
}

/// `2h ago`
pub fn since(now: Timestamp, then: Timestamp) -> String {
    match age(now, then).as_str() {
        "now" => "just now".to_owned(),
        _ => text::ago(now, then),
    }
}

/// `2026-01-31 14:03 UTC, 2h ago`
pub fn moment(time: Timestamp, now: Timestamp) -> Row {
    let written = time.strftime("%Y-%m-%d %H:%M UTC").to_string();
    Row::of(Role::Text, &written).with(Role::Dim, &format!(", {}", since(now, time)))
}

/// Who, in as few columns as a person is recognised by.
pub fn author(line: &CommitLine) -> String {
    if line.bot {
        format!("{} (bot)", cut(name(line), 20))
    } else {
        cut(name(line), 24)
    }
}

/// Whose it is; `[bot]`, which forges add, is said otherwise.
pub fn name(line: &CommitLine) -> &str {
    let name = line.author.name.as_str();
    match name.strip_suffix("[bot]") {
        Some(rest) if line.bot => rest,
        _ => name,
    }
}

/// `#482`, for beside a subject: forges write it into the subject of what they squash.
pub fn pull(number: u64, subject: &str) -> Option<String> {
    let number = format!("#{number}");
    (!subject.contains(&number)).then_some(number)
}

/// `kind-prod @ https://…`, or why there is none.
pub fn cluster(environment: &Environment) -> Row {
    match environment.cluster.value() {
        Some(identity) => {
            let name = identity.context.as_deref().unwrap_or("snapshot");
            Row::of(Role::Text, name)
                .with(Role::Dim, " @ ")
                .with(Role::Dim, &identity.server)
        }
        None => match &environment.cluster {
            Known::Unavailable(reason) => why(reason),
            _ => loading(),
        },
    }
}

/// A field's value on one line, so that a text `"true"` and a truth `true` look different; `None` is an absent field.
pub fn value(node: Option<&Node>) -> String {
    match node {
        None => "–".to_owned(),
        Some(node) => flow(node),
    }
}

fn flow(node: &Node) -> String {
    match node {
        Node::Leaf(Leaf::Null) => "null".to_owned(),
        Node::Leaf(Leaf::Bool(value)) => value.to_string(),
        Node::Leaf(Leaf::Number(number)) => number.to_string(),
        Node::Leaf(Leaf::String(text)) => string(text),
        Node::Leaf(Leaf::Masked(id)) => format!("{} (masked)", id.label()),
        Node::Leaf(Leaf::Encrypted(id)) => format!("{} (encrypted)", id.label()),
        Node::List(items) => format!(
            "[{}]",
            items.iter().map(flow).collect::<Vec<_>>().join(", ")
        ),
        Node::Map(map) => {
            let fields: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("{key}: {}", flow(value)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
    }
}

fn string(text: &str) -> String {
    let looks_like_another_type = text.is_empty()
        || text.parse::<f64>().is_ok()
        || matches!(
            text,
            "true" | "false" | "null" | "~" | "yes" | "no" | "on" | "off" | "–"
        )
        || text.trim() != text;
    if looks_like_another_type {
        format!("{text:?}")
    } else {
        text.to_owned()
    }
}

/// How far a deployer is with an app, and why no further: `Flux is at 1a2b3c4, 2 commits behind; failing: …  2h ago`
pub fn applied(applied: &Applied, now: Timestamp) -> Row {
    let since = applied.since.map(|at| since(now, at));
    Row::of(role_of(applied), &format!("{applied:#}")).remark(Role::Dim, &since.unwrap_or_default())
}

/// The same where lines are cut: the reason gets its own.
pub fn applied_in_two(applied: &Applied, now: Timestamp) -> (Row, Option<Row>) {
    let role = role_of(applied);
    let since = applied.since.map(|at| format!("  {}", since(now, at)));
    let how_far = Row::of(role, &applied.to_string());
    let message = applied.message.as_ref();
    (
        how_far.with(Role::Dim, &since.unwrap_or_default()),
        message.map(|message| Row::of(role, message)),
    )
}

/// What a deployer says beside what is found here (and `ours`, the reason of that), where it says something else:
/// `Argo CD says OutOfSync; gitopsy finds no drift  compared 3m ago`
pub fn by_deployer(said: Option<&ByDeployer>, ours: &str, now: Timestamp) -> Option<Row> {
    let said = said?;
    let role = match said.disagrees {
        Some(_) => Role::Warning,
        None => Role::Text,
    };
    let compared = said.time.map(|at| format!("compared {}", since(now, at)));
    let row = Row::of(role, &said.beside(ours)?);
    Some(row.remark(Role::Dim, &compared.unwrap_or_default()))
}

fn role_of(applied: &Applied) -> Role {
    match applied.state {
        _ if applied.is_current() => Role::Text,
        OperatorState::Failing => Role::Error,
        _ => Role::Warning,
    }
}

/// Why a live field is not what git says: `kubectl-edit, wrote 35m ago; git: 77aa001 bob, 9d`
pub fn cause(cause: &Cause, now: Timestamp) -> Row {
    let manager = cause.manager.as_deref().unwrap_or("someone");
    let mut row = match cause.kind {
        CauseKind::ManualEdit => Row::of(Role::Drift, "by hand: ").with(Role::Author, manager),
        CauseKind::Autoscaler => Row::of(Role::Text, "scaled by ").with(Role::Author, manager),
        CauseKind::Controller => Row::of(Role::Text, "set by ").with(Role::Author, manager),
        CauseKind::Admission => Row::of(Role::Text, "changed on admission"),
        CauseKind::NotApplied => Row::of(Role::Warning, "not applied yet"),
        CauseKind::ApplyFailing => Row::of(Role::Error, "not applied: the deployer fails"),
        CauseKind::Suspended => {
            Row::of(Role::Warning, "not applied: the deployer was told to wait")
        }
        CauseKind::LeftAlone => Row::of(Role::Text, "not applied: left alone"),
        CauseKind::NeverPruned => Row::of(Role::Warning, "never pruned"),
        CauseKind::Removed => Row::of(Role::Drift, "removed by hand, by whom is unknown"),
        CauseKind::Unknown => Row::of(Role::Unknown, "cause unknown"),
    };
    if let Some(why) = &cause.why {
        row.add(Role::Text, &format!(": {why}"));
    }
    if let Some(time) = cause.time {
        row.add(Role::Dim, &format!(", last wrote {}", since(now, time)));
    }
    if let Some(line) = &cause.commit {
        row = row
            .with(Role::Dim, "; git: ")
            .with(Role::Hash, &hash(&line.commit))
            .with(Role::Text, " ")
            .with(Role::Author, &author(line))
            .with(Role::Dim, &format!(" {}", age(now, line.time)));
    }
    row
}

/// More pipelines of one environment, or more Stages, are counted.
const PIPELINES_SAID: usize = 3;

/// What there is to say about an environment: who applies it, to which cluster, whether it is protected. `said`: why
/// nothing is known of its cluster, where that stands above.
pub fn environment(environment: &Environment, said: Option<&Why>) -> Vec<Row> {
    let deployer = match (environment.deployer, environment.pipelines.as_slice()) {
        (Deployer::Unknown, [_, ..]) => "nobody knows, but for what pipelines run",
        (known, _) => deployer(known),
    };
    let mut rows = vec![labelled("applied by", Row::of(Role::Text, deployer))];
    rows.extend(first_few("pipeline", &environment.pipelines));
    rows.extend(first_few("promoted", &environment.promoters));
    if let Some(repository) = &environment.repository {
        let place = format!("another repository, {repository}");
        rows.push(labelled("lives in", Row::of(Role::Text, &place)));
    }
    if said.is_none() || said != environment.cluster.why() {
        rows.push(labelled("cluster", cluster(environment)));
    }
    if environment.protected {
        rows.push(labelled(
            "protected",
            Row::of(Role::Warning, "staging asks for the environment's name"),
        ));
    }
    rows
}

fn first_few<T: ToString>(label: &str, all: &[T]) -> Vec<Row> {
    let said = all.iter().take(PIPELINES_SAID);
    let mut rows: Vec<Row> = said
        .map(|one| labelled(label, Row::of(Role::Text, &one.to_string())))
        .collect();
    if let Some(more) = all.len().checked_sub(PIPELINES_SAID)
        && more > 0
    {
        let more = format!("and {more} more");
        rows.push(labelled("", Row::of(Role::Dim, &more)));
    }
    rows
}

/// A line of a detail: its label, then what is said.
pub fn labelled(label: &str, row: Row) -> Row {
    Row::of(Role::Label, &format!("{label:<10} "))
        .hang()
        .then(row)
}
