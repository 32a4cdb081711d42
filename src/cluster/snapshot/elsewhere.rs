//! Orders to deployers that run in another cluster than they deploy to, as a snapshot keeps them: beside its objects, for two
//! clusters may have objects of one name.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::info::{self, Read};
use crate::cluster::{Order, operator};
use crate::live::{LiveObject, Marks};
use crate::manifest::{Masking, ObjectRef};
use crate::task::{Known, Why};

/// An order that was looked for in other clusters, or why none was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elsewhere {
    #[serde(flatten)]
    read: Read,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    object: Option<Value>,
    /// The settings of its deployer; without them and without a reason, there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    settings: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    settings_unavailable: Option<String>,
}

impl Elsewhere {
    pub(super) fn new(id: &ObjectRef, found: &Known<Order>) -> Elsewhere {
        let kind = (id.group.clone(), id.kind.clone(), id.namespace.clone());
        let order = found.value();
        let settings = order.map(|order| &order.settings);
        let saved = settings.and_then(|settings| settings.value()?.as_ref());
        Elsewhere {
            read: Read::new(&kind, found),
            name: id.name.clone(),
            object: order.map(|order| order.live.to_saved()),
            settings: saved.map(LiveObject::to_saved),
            settings_unavailable: settings.and_then(info::unavailable),
        }
    }

    pub(super) fn is(&self, id: &ObjectRef) -> bool {
        let Read {
            group,
            kind,
            namespace,
            ..
        } = &self.read;
        (group, kind, namespace, &self.name) == (&id.group, &id.kind, &id.namespace, &id.name)
    }

    /// The order, where it is one to deploy to the cluster that is called `destination`.
    pub(super) fn order(
        &self,
        destination: &str,
        taken: Option<Timestamp>,
        masking: &Masking,
        marks: Marks,
    ) -> Known<Order> {
        if let Some(why) = &self.read.unavailable {
            return Known::Unavailable(info::then(why));
        }
        let live = |value: &Value| LiveObject::from_saved(value.clone(), masking, marks);
        let order = self.object.as_ref().and_then(live);
        let Some(order) = order.filter(|order| operator::goes_to(order, destination)) else {
            let Elsewhere { read, name, .. } = self;
            let why = format!("the snapshot has no {}/{name} to {destination}", read.kind);
            return Known::Unavailable(Why::Failed(why));
        };
        let settings = match &self.settings_unavailable {
            Some(why) => Known::Unavailable(info::then(why)),
            None => Known::fresh_or_stale(self.settings.as_ref().and_then(live), taken),
        };
        let order = Order {
            live: order,
            settings,
        };
        Known::fresh_or_stale(order, taken)
    }
}
