//! Reading: lists of what is wanted, page by page, and single objects. Nothing here, or anywhere in this module, sends
//! anything but GET.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::StreamExt;
use kube::Resource as _;
use kube::api::{DynamicObject, ListParams};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::connection::Connection;
use super::discovery::Resource;
use super::reading::Reading;
use super::watch::lock;
use super::{Kind, Listing, Objects, Wanted, error, schema};
use crate::live::LiveObject;
use crate::manifest::{Masking, ObjectRef};
use crate::task::{Cancel, Known, Why};

/// Requests at a time.
pub(super) const AT_ONCE: usize = 8;

/// A page of a list. Its items are read one by one: what they are made of takes many times the room of their text.
#[derive(Deserialize)]
struct Page<'a> {
    #[serde(default)]
    metadata: PageMetadata,
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct PageMetadata {
    #[serde(default, rename = "continue")]
    next: Option<String>,
    #[serde(default, rename = "remainingItemCount")]
    remaining: Option<usize>,
}

impl PageMetadata {
    /// The continue token, where there is more.
    fn next(&self) -> Option<&str> {
        self.next.as_deref().filter(|next| !next.is_empty())
    }
}

/// The objects of one list, by the kinds it was read for.
type Lists = Vec<Vec<Arc<LiveObject>>>;

/// Which objects of a kind are read: not Helm's release records, of which there are many, large ones, in none of git's
/// manifests.
pub(super) fn selector(resource: &Resource) -> Option<&'static str> {
    let is_secret = resource.api.group.is_empty() && resource.api.kind == "Secret";
    is_secret.then_some("type!=helm.sh/release.v1")
}

impl Connection {
    /// Lists what is wanted and what it owns. What is watched is taken from there.
    pub async fn list(&self, wanted: &Wanted, masking: &Masking, cancel: &Cancel) -> Listing {
        let kinds = wanted.with_owned();
        let reads = async {
            let resources = match self.resources(&kinds, wanted).await {
                Ok(resources) => resources,
                Err(why) => return Listing::unavailable(wanted, &why),
            };
            let known = resources
                .iter()
                .filter_map(|(_, found)| found.as_ref().ok());
            let lists = self.lists(schema::wanted(known));
            let kinds = self.objects(resources, wanted, masking);
            let (kinds, lists) = futures::join!(kinds, lists);
            Listing {
                kinds,
                lists,
                referred: Vec::new(),
                read: Some(self.clock.now()),
                skew: self.skew(),
                elsewhere: Vec::new(),
            }
        };
        match cancel.run_until_cancelled(reads).await {
            Some(listing) => listing,
            None => Listing {
                kinds: kinds
                    .iter()
                    .map(|kind| (kind.clone(), Known::Loading))
                    .collect(),
                ..Listing::default()
            },
        }
    }

    /// Where to read each kind. The server is asked again for kinds it did not have, since a CRD may have come.
    pub async fn resources(
        &self,
        kinds: &BTreeSet<Kind>,
        wanted: &Wanted,
    ) -> Result<Vec<(Kind, Result<Resource, Why>)>, Why> {
        let groups: BTreeSet<&str> = kinds.iter().map(|(group, ..)| group.as_str()).collect();
        let mut asked_again = self.discovered.lock().await.is_none();
        let mut missed = 0;
        loop {
            let discovered = self.discover(&groups).await?;
            let resources: Vec<(Kind, Result<Resource, Why>)> = kinds
                .iter()
                .map(|kind| {
                    let version = wanted.versions.get(&(kind.0.clone(), kind.1.clone()));
                    (
                        kind.clone(),
                        discovered.resource(&kind.0, &kind.1, version.map(String::as_str)),
                    )
                })
                .collect();
            let misses = resources
                .iter()
                .filter(|(_, found)| matches!(found, Err(Why::UnknownKind(_))))
                .count();
            if misses < missed {
                self.forget_schemas().await;
            }
            if asked_again || misses == 0 {
                return Ok(resources);
            }
            (asked_again, missed) = (true, misses);
            self.forget_kinds().await;
        }
    }

    /// What is watched, as it is; the rest as the server says.
    async fn objects(
        &self,
        resources: Vec<(Kind, Result<Resource, Why>)>,
        wanted: &Wanted,
        masking: &Masking,
    ) -> Vec<(Kind, Known<Objects>)> {
        let mut known = BTreeMap::new();
        let mut unknown = Vec::new();
        for (kind, resource) in resources {
            let kept = match &resource {
                Ok(_) => self.kept(&kind),
                Err(why) => Some(Known::Unavailable(why.clone())),
            };
            if let Ok(resource) = resource
                && !matches!(kept, Some(Known::Fresh(_)))
            {
                unknown.push((kind.clone(), resource));
            }
            known.extend(kept.map(|kept| (kind, kept)));
        }
        let readings = self.readings(unknown, |kind| wanted.mentions(kind)).await;
        let lists = readings.into_iter().map(|reading| async {
            let reading = Arc::new(reading);
            let lists = self.pages(&reading, masking).await;
            (reading, lists)
        });
        let mut lists = futures::stream::iter(lists).buffer_unordered(AT_ONCE);
        while let Some((reading, lists)) = lists.next().await {
            match lists {
                Ok(lists) => {
                    let lists = lists
                        .into_iter()
                        .map(|list| Known::Fresh(list.into_iter().collect()));
                    known.extend(reading.kinds.iter().cloned().zip(lists));
                }
                // What is stale is better than nothing.
                Err(why) => reading.kinds.iter().for_each(|kind| {
                    let unavailable = || Known::Unavailable(why.clone());
                    known.entry(kind.clone()).or_insert_with(unavailable);
                }),
            }
        }
        known.into_iter().collect()
    }

    /// What a watch knows.
    fn kept(&self, kind: &Kind) -> Option<Known<Objects>> {
        let store = lock(&self.stores).get(kind).cloned()?;
        let store = lock(&store);
        store.known()
    }

    /// The namespace to read a kind in: none, where the kind has none; the context's own, where git leaves it open.
    pub fn place<'a>(&'a self, namespace: Option<&'a str>, resource: &Resource) -> Option<&'a str> {
        resource
            .namespaced
            .then(|| namespace.unwrap_or(&self.namespace))
    }

    async fn pages(&self, reading: &Arc<Reading>, masking: &Masking) -> Result<Lists, Why> {
        let place = self.namespace_of(reading);
        let what = in_words("list", &reading.resource, place);
        let path = DynamicObject::url_path(&reading.resource.api, place);
        let mut restarted = false;
        'list: loop {
            let mut lists: Lists = reading.kinds.iter().map(|_| Vec::new()).collect();
            let mut params = ListParams::default().limit(self.limits.page);
            if let Some(selector) = selector(&reading.resource) {
                params = params.fields(selector);
            }
            loop {
                let text = match self.page(&path, &params, &what).await {
                    // The pages left are too old for the server to remember: once more, from the start.
                    Err(Outcome::Expired) if !restarted => {
                        restarted = true;
                        continue 'list;
                    }
                    Err(Outcome::Expired) => {
                        return Err(Why::Failed(format!(
                            "{what}: the list changes faster than it can be read"
                        )));
                    }
                    Err(Outcome::Failed(why)) => return Err(why),
                    Ok(text) => text,
                };
                let (of, masking) = (Arc::clone(reading), masking.clone());
                // Lists of several kinds come at a time.
                let read = tokio::task::spawn_blocking(move || {
                    let page: Page<'_> = serde_json::from_str(&text).ok()?;
                    let items = page.items.iter();
                    let found: Vec<_> = items
                        .filter_map(|item| {
                            of.object(serde_json::from_str(item.get()).ok()?, &masking)
                        })
                        .collect();
                    Some((page.metadata, found))
                });
                // The parser's message may quote a value.
                let read = read.await.ok().flatten();
                let (metadata, found) = read.ok_or_else(|| self.no_json(&what))?;
                for (index, object) in found {
                    lists[index].push(Arc::new(object));
                }
                match metadata.next() {
                    Some(next) => params = params.continue_token(next),
                    None => return Ok(lists),
                }
            }
        }
    }

    fn no_json(&self, what: &str) -> Why {
        Why::Failed(error::no_json(&self.identity.server, what))
    }

    /// How many objects a list has, as far as the server tells.
    pub async fn count(&self, resource: &Resource) -> Result<Option<usize>, Why> {
        let what = in_words("list", resource, None);
        let path = DynamicObject::url_path(&resource.api, None);
        let params = ListParams::default().limit(1);
        match self.page(&path, &params, &what).await {
            Ok(text) => {
                let page: Page<'_> =
                    serde_json::from_str(&text).map_err(|_| self.no_json(&what))?;
                let rest = match page.metadata.next() {
                    Some(_) => page.metadata.remaining,
                    None => Some(0),
                };
                Ok(rest.map(|rest| rest + page.items.len()))
            }
            Err(Outcome::Expired) => Ok(None),
            Err(Outcome::Failed(why)) => Err(why),
        }
    }

    /// The text of a page.
    async fn page(&self, path: &str, params: &ListParams, what: &str) -> Result<String, Outcome> {
        let failed = |why| Outcome::Failed(why);
        let request = kube::core::Request::new(path)
            .list(params)
            .map_err(|error| failed(Why::Failed(error.to_string())))?;
        let answer = self.call(what, async {
            match self.client.request_text(request).await {
                Err(kube::Error::Api(status)) if status.code == 410 => Ok(None),
                Ok(text) => Ok(Some(text)),
                Err(error) => Err(error),
            }
        });
        answer.await.map_err(failed)?.ok_or(Outcome::Expired)
    }

    /// One object; known to be absent where the server has the kind and not the object.
    pub async fn find(&self, id: &ObjectRef, masking: &Masking) -> Known<Option<LiveObject>> {
        match self.try_find(id, masking).await {
            Ok(found) => Known::Fresh(found),
            Err(why) => Known::Unavailable(why),
        }
    }

    async fn try_find(&self, id: &ObjectRef, masking: &Masking) -> Result<Option<LiveObject>, Why> {
        let kinds = BTreeSet::from([(id.group.clone(), id.kind.clone(), id.namespace.clone())]);
        let mut resources = self.resources(&kinds, &Wanted::default()).await?;
        let Some((_, resource)) = resources.pop() else {
            return Ok(None);
        };
        let resource = resource?;
        let place = self.place(id.namespace.as_deref(), &resource);
        let what = format!("{} {}", in_words("get", &resource, place), id.name);
        let path = DynamicObject::url_path(&resource.api, place);
        let request = kube::core::Request::new(path)
            .get(&id.name, &kube::api::GetParams::default())
            .map_err(|error| Why::Failed(error.to_string()))?;
        let answer = self.call(&what, async {
            match self.client.request_text(request).await {
                Err(kube::Error::Api(status)) if status.is_not_found() => Ok(None),
                Ok(text) => Ok(Some(text)),
                Err(error) => Err(error),
            }
        });
        let Some(text) = answer.await? else {
            return Ok(None);
        };
        let value: Value = serde_json::from_str(&text).map_err(|_| self.no_json(&what))?;
        Ok(live(value, &resource, masking))
    }

    /// Every object at `path` that `fields` selects, as it is, up to a few pages.
    pub async fn raw(
        &self,
        path: &str,
        fields: Option<&str>,
        what: &str,
    ) -> Result<Vec<Value>, Why> {
        const PAGES: usize = 4;
        let mut params = ListParams::default().limit(self.limits.page);
        if let Some(fields) = fields {
            params = params.fields(fields);
        }
        let mut items = Vec::new();
        for _ in 0..PAGES {
            let text = match self.page(path, &params, what).await {
                Ok(text) => text,
                Err(Outcome::Expired) => break,
                Err(Outcome::Failed(why)) => return Err(why),
            };
            let page: Page<'_> = serde_json::from_str(&text).map_err(|_| self.no_json(what))?;
            let read = page.items.iter();
            items.extend(read.filter_map(|item| serde_json::from_str::<Value>(item.get()).ok()));
            match page.metadata.next() {
                Some(next) => params = params.continue_token(next),
                None => break,
            }
        }
        Ok(items)
    }
}

enum Outcome {
    /// 410: the continue token is too old.
    Expired,
    Failed(Why),
}

/// `list deployments.apps in shop`, as kubectl and the API server say it.
pub(super) fn in_words(verb: &str, resource: &Resource, namespace: Option<&str>) -> String {
    let group = match resource.api.group.as_str() {
        "" => String::new(),
        group => format!(".{group}"),
    };
    let place = namespace
        .map(|namespace| format!(" in {namespace}"))
        .unwrap_or_default();
    format!("{verb} {}{group}{place}", resource.api.plural)
}

/// An item of a list, masked.
pub(super) fn live(mut item: Value, resource: &Resource, masking: &Masking) -> Option<LiveObject> {
    let map = item.as_object_mut()?;
    for (key, value) in [
        ("apiVersion", &resource.api.api_version),
        ("kind", &resource.api.kind),
    ] {
        if !map.get(key).is_some_and(Value::is_string) {
            map.insert(key.to_owned(), Value::String(value.clone()));
        }
    }
    LiveObject::from_json(item, masking)
}
