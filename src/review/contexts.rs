//! Which kubeconfig context each environment is compared with, what else there is to choose from, and choosing.

use std::io::Error as IoError;

use super::Workspace;
use crate::cluster::contexts::Contexts;
pub use crate::cluster::contexts::{By, Context};
use crate::layout::{self, Destination};
use crate::task::Why;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// As the kubeconfig has them.
    pub contexts: Vec<Context>,
    /// The one that kubectl would take.
    pub current: Option<String>,
    pub environments: Vec<Environment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    pub name: String,
    pub destination: Destination,
    /// The name of the context it is compared with, and what it was chosen by.
    pub context: Result<(String, By), Why>,
}

/// What the user decided for an environment; `None`: that nothing is chosen for it any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub environment: String,
    pub context: Option<Context>,
}

/// A choice that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    pub choice: Choice,
    /// Why it will not be remembered.
    pub forgotten: Option<String>,
}

pub async fn ask(ws: &Workspace) -> anyhow::Result<Answer> {
    let environments = environments(ws).await?;
    let contexts = Contexts::read(&ws.inner.options.kubeconfig).await?;
    let environments = environments.iter().map(|environment| Environment {
        name: environment.name.clone(),
        destination: environment.destination.clone(),
        context: ws.inner.live.chosen(&contexts, environment),
    });
    Ok(Answer {
        environments: environments.collect(),
        contexts: contexts.all,
        current: contexts.current,
    })
}

/// Compares an environment with the cluster of a context from now on, as the user asked for, and remembers it.
pub async fn choose(ws: &Workspace, choice: Choice) -> anyhow::Result<Chosen> {
    let environments = environments(ws).await?;
    let environment = environments
        .into_iter()
        .find(|environment| environment.name == choice.environment);
    let Some(environment) = environment else {
        anyhow::bail!("there is no environment {:?} any more", choice.environment);
    };
    if let Some(context) = &choice.context {
        let contexts = Contexts::read(&ws.inner.options.kubeconfig).await?;
        if !contexts.has(context) {
            anyhow::bail!(
                "the kubeconfig has changed meanwhile: {:?} is not what was shown",
                context.name
            );
        }
    }
    let (held, context) = (ws.clone(), choice.context.clone());
    let kept =
        tokio::task::spawn_blocking(move || held.inner.live.choose(&environment, context)).await;
    let kept = kept.unwrap_or_else(|error| Err(IoError::other(error)));
    ws.announce_change();
    Ok(Chosen {
        choice,
        forgotten: kept.err().map(|error| error.to_string()),
    })
}

/// Those that are in this repository's clusters.
async fn environments(ws: &Workspace) -> anyhow::Result<Vec<layout::Environment>> {
    ws.blocking(|past| {
        let mut all = Vec::new();
        for past in past.on_each() {
            let layout = past.layout_of(past.line.tip.commit)?;
            let here = layout.environments.iter();
            all.extend(here.filter(|it| !layout.is_elsewhere(&it.name)).cloned());
        }
        Ok(all)
    })
    .await
}
