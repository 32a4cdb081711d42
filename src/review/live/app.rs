//! An app: what its deployer says of it, by which rules it is compared, and how all of it fares.

use super::Listed;
use crate::cluster::operator::Operator;
use crate::layout::{self, Deployer};
use crate::live::{Decided, Health, HealthStatus, Ownership, Rules, SyncState};
use crate::manifest::Object;
use crate::render::{How, Tool};
use crate::review::deployed::LiveDeployment;
use crate::review::desired::DesiredApp;
use crate::review::version;
use crate::task::{Known, Why};
use crate::text;

impl Listed {
    /// What the deployer of an app says of it.
    pub fn operator(&self, app: &layout::App) -> Known<Option<Operator>> {
        match &self.known {
            Known::Fresh((_, listing)) | Known::Stale((_, listing), _) => {
                listing.operator(app.deployer, app.declared_by.as_ref())
            }
            Known::Loading => Known::Loading,
            Known::Unavailable(why) => Known::Unavailable(why.clone()),
        }
    }

    /// What declares an app to its deployer, as that has it in the cluster.
    fn owner(&self, app: &layout::App) -> Option<Object> {
        let (_, listing) = self.known.value()?;
        let owner = listing.order(app.declared_by.as_ref()?);
        Some(owner.value().copied().flatten()?.object())
    }

    /// What an app's owner says is no difference, as the deployer has it in the cluster, with what the deployer is told to do with
    /// all apps.
    pub fn rules(&self, app: &layout::App) -> Rules {
        let own = self.owner(app);
        let rules = own.as_ref().map(Rules::of).unwrap_or_default();
        let mut rules = rules.by(app.deployer);
        if let Tool::Kustomize(additions) = &app.recipe.tool
            && let Some(substitution) = &additions.substitute
            && !substitution.unread.is_empty()
        {
            rules = rules.without_values(&substitution.unread);
        }
        let (Deployer::ArgoCd, Some(owner), Some((_, listing))) =
            (app.deployer, own, self.known.value())
        else {
            return rules;
        };
        let settings = listing.settings_of(&owner);
        match settings.value() {
            Some(Some(settings)) => {
                rules.with_settings(&settings.object(), app.destination.cluster.as_deref())
            }
            Some(None) => rules.without_settings("ConfigMap/argocd-cm is not there"),
            None => match settings.why() {
                Some(why) => rules.without_settings(&why.to_string()),
                None => rules,
            },
        }
    }

    /// What is to be known of an app's deployer and of its rules, in words.
    pub fn notes(&self, app: &layout::App, rules: &Rules) -> Vec<String> {
        let (environment, name) = (&app.environment, &app.name);
        let operator = self.operator(app);
        let unknown = operator.why().filter(|_| app.destination.cluster.is_some());
        let unknown = unknown.filter(|_| self.known.value().is_some());
        let unknown = unknown.map(|why| format!("{environment} › {name}: {why}"));
        let own = rules.unread.iter().map(|rule| {
            format!("{environment} › {name}: what this says to ignore is not understood: {rule}")
        });
        let settings = rules.unread_settings.iter().map(|rule| {
            format!("{environment}: of Argo CD's own rules, this is not understood: {rule}")
        });
        let unread = rules
            .unknown_settings
            .iter()
            .map(|why| format!("{environment}: Argo CD's own rules could not be read: {why}"));
        let skew = self.skew().map(|skew| {
            let amount = text::amount(skew.as_secs().saturating_abs());
            let side = if skew.is_negative() { "behind" } else { "ahead of" };
            format!("{environment}: the cluster's clock is {amount} {side} this one, and so are the times it tells")
        });
        let notes = own.chain(settings).chain(unread).chain(skew);
        unknown.into_iter().chain(notes).collect()
    }

    pub fn deployment<'a>(
        &'a self,
        app: &DesiredApp,
        ownership: &Ownership<'a>,
    ) -> Known<LiveDeployment> {
        if let Known::Unavailable(why) = &self.known {
            return Known::Unavailable(why.clone());
        }
        // What is written is not what gets applied: what of it is there fares as it does, and nothing is known of the rest.
        let is_rendered = !matches!(app.rendering.how, How::Sources { .. });
        let rules = self.rules(&app.app);
        let mut worst = Health {
            status: HealthStatus::Healthy,
            reason: String::new(),
            decided: Decided::Assumed,
        };
        let mut state = SyncState::Synced;
        let mut drifted = 0;
        let mut hidden = !is_rendered;
        let mut live = Vec::new();
        let mut unknown = (!is_rendered).then_some(Why::NotRendered);
        let mut stale = None;
        for rendered in &app.rendering.objects {
            let found = self.get(&rendered.object.id);
            if !is_rendered && !matches!(found.value(), Some(Some(_))) {
                continue;
            }
            let judged = self.judge(&rendered.object, ownership, &rules, None);
            if judged.unknown.is_some() {
                unknown = judged.unknown;
                continue;
            }
            // As old as the oldest part.
            stale = stale.into_iter().chain(judged.health.as_of()).min();
            // Of equal ones, that which was not assumed.
            let rank = |health: &Health| (health.status, health.decided != Decided::Assumed);
            if let Some(health) = judged.health.value()
                && rank(health) > rank(&worst)
            {
                worst = health.clone();
            }
            match judged.state {
                SyncState::Synced => {}
                SyncState::Unknown => hidden = true,
                _ if !is_rendered => {}
                found => {
                    drifted += 1;
                    state = state.max(found);
                }
            }
            if let Some(Some(object)) = found.value() {
                live.push(object.object());
            }
        }
        if live.is_empty()
            && let Some(why) = unknown
        {
            return Known::Unavailable(why);
        }
        let version = version::running(&app.app, live.iter());
        let deployment = LiveDeployment {
            version: version.version,
            images: version.images,
            health: worst,
            sync: match state {
                SyncState::Synced if hidden => SyncState::Unknown,
                state => state,
            },
            drifted,
            applied: Known::Loading,
            by_deployer: None,
        };
        Known::fresh_or_stale(deployment, stale)
    }
}
