//! Orders to deployers that run in another cluster than they deploy to, as an Argo CD often does that serves many.
//!
//! They are looked for where somebody said that there is a cluster, and taken where exactly one has an order of that name to this
//! very destination: nothing is guessed.

use super::workspace::Workspace;
use crate::cluster::{Cluster, Listing, Order, Wanted};
use crate::layout;
use crate::manifest::ObjectRef;
use crate::task::{Cancel, Known, Why};

/// Looks for orders to deployers that are not in an environment's cluster in the others that somebody named.
pub(super) async fn look(
    ws: &Workspace,
    environment: &layout::Environment,
    cluster: &Cluster,
    wanted: &Wanted,
    listing: &mut Listing,
) {
    let is_here = |id: &ObjectRef| matches!(listing.get(id).value(), Some(Some(_)));
    let missing = wanted.elsewhere.iter();
    let missing: Vec<_> = missing.filter(|(id, _)| !is_here(id)).collect();
    if missing.is_empty() {
        return;
    }
    let Some(others) = ws.inner.live.others(environment).await else {
        return;
    };
    for (id, destination) in missing {
        let asked = others.iter().map(|(context, other)| async move {
            let found = match other {
                Known::Fresh(other) | Known::Stale(other, _) => other.order(id, destination).await,
                Known::Loading => Known::Loading,
                Known::Unavailable(why) => Known::Unavailable(why.clone()),
            };
            (context.as_str(), found)
        });
        let found = futures::future::join_all(asked).await;
        listing.elsewhere.push((id.clone(), the_one(id, found)));
    }
    // What is on their lists is here.
    cluster.refer(listing, &Cancel::new()).await;
}

/// The order in the only cluster that has it; `found`: by context.
fn the_one(id: &ObjectRef, found: Vec<(&str, Known<Option<Order>>)>) -> Known<Order> {
    let mut holders = Vec::new();
    let mut unknown = Vec::new();
    let mut orders = Vec::new();
    for (context, found) in found {
        match &found {
            Known::Unavailable(why) => unknown.push(format!("{context}: {why}")),
            _ if matches!(found.value(), Some(Some(_))) => holders.push(context),
            _ => {}
        }
        orders.push(found);
    }
    let why = match holders.as_slice() {
        [_] => {
            let mut orders = orders.into_iter();
            let order = orders.find(|found| matches!(found.value(), Some(Some(_))));
            match order {
                Some(Known::Fresh(Some(order))) => return Known::Fresh(order),
                Some(Known::Stale(Some(order), at)) => return Known::Stale(order, at),
                _ => return Known::Loading,
            }
        }
        [] if unknown.is_empty() => format!(
            "{id} is not in this cluster, nor in another one that was named: where Argo CD runs elsewhere, --context CTX names its cluster, beside --context ENV=CTX of this one"
        ),
        [] => format!(
            "{id} is not in this cluster, and it could not be looked for elsewhere ({})",
            unknown.join("; ")
        ),
        several => format!(
            "{id} is in {}: which of them deploys here is not known",
            several.join(" and in ")
        ),
    };
    Known::Unavailable(Why::Failed(why))
}
