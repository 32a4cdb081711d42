//! ResourceSets: what they make is followed like what a Kustomization makes.

use crate::layout::orders::Order;
use crate::render::orders::is_order;
use crate::render::{Declared, Recipe, Renderer, Tool, resource_set};

/// What a ResourceSet makes, or why that is not known here.
pub(super) fn recipe(order: &Order, renderer: &Renderer) -> Recipe {
    let made = order
        .object()
        .map(|set| resource_set::objects(set, renderer.masking()));
    let tool = match made {
        Some(Err(why)) => Tool::Unavailable(why),
        Some(Ok(_)) | None => Tool::ResourceSet(Box::new(Declared {
            from: order.from.clone(),
            object: order.written.clone(),
        })),
    };
    Recipe {
        tool,
        roots: order.from.roots.clone(),
        closure: order.from.closure.clone(),
        namespace: order.id().namespace.clone(),
    }
}

/// The orders that a ResourceSet makes.
pub(super) fn made_by(order: &Order, renderer: &Renderer) -> Vec<Order> {
    let set = order.object().filter(|_| order.id().kind == "ResourceSet");
    let Some(Ok(made)) = set.map(|set| resource_set::objects(set, renderer.masking())) else {
        return Vec::new();
    };
    let from = recipe(order, renderer);
    let namespace = order.id().namespace.as_ref();
    made.into_iter()
        .filter(|object| is_order(&object.id))
        .map(|mut object| {
            object.id.namespace = object.id.namespace.or_else(|| namespace.cloned());
            Order::made(object, from.clone(), order.file.clone())
        })
        .collect()
}
