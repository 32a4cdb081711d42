//! What merging a planned change would do to the live objects.

use super::super::live;
use super::super::workspace::Workspace;
use super::{Answer, EnvironmentEffect};
use crate::live::effect;
use crate::task::Known;

/// What the effect is judged on: the tip's layout, and its apps as the tip declares them.
pub struct Basis {
    pub layout: std::sync::Arc<crate::layout::Layout>,
    pub apps: Vec<super::super::desired::DesiredApp>,
}

/// Adds the effect on each resource of the preview. Where the cluster is not known, git alone tells, and the entry says so.
pub async fn add(ws: &Workspace, answer: &mut Answer, basis: &Basis) {
    for environment in &basis.layout.environments {
        if !answer
            .resources
            .iter()
            .any(|diff| diff.resource.environment == environment.name)
        {
            continue;
        }
        let apps = basis
            .apps
            .iter()
            .filter(|app| app.app.environment == environment.name);
        let listed = live::listing(ws, environment, apps).await;
        for diff in answer
            .resources
            .iter()
            .filter(|diff| diff.resource.environment == environment.name)
        {
            let live = listed.get(&diff.resource.object);
            let judged = effect(
                diff.objects.before.as_ref(),
                diff.objects.after.as_ref(),
                live.value().copied(),
                environment.deployer,
                &listed.lists(),
            );
            let Some(judged) = judged else { continue };
            answer.effect.push(EnvironmentEffect {
                environment: environment.name.clone(),
                app: diff.resource.app.clone(),
                cluster: match live {
                    Known::Unavailable(why) => Known::Unavailable(why),
                    Known::Loading => Known::Loading,
                    Known::Fresh(_) | Known::Stale(..) => Known::Fresh(()),
                },
                effect: judged,
            });
        }
    }
}
