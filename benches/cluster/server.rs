//! An API server to read from: discovery, and lists of what is in [`super::objects`], page by page, whole or as the tables that
//! kubectl asks for. It is some way away: each answer takes its time.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::objects::{APPS, KINDS, Kind, NAMESPACES, live, namespace};

/// Until an answer begins: a cluster in the same region.
const AWAY: Duration = Duration::from_millis(10);

pub struct Server {
    pub url: String,
    shared: Arc<Shared>,
}

struct Shared {
    /// By plural.
    lists: BTreeMap<&'static str, List>,
    requests: AtomicUsize,
    bytes: AtomicUsize,
}

/// The objects of a kind, in the order that etcd has them.
struct List {
    kind: &'static Kind,
    items: Vec<String>,
    rows: Vec<String>,
}

pub fn start() -> Server {
    let lists = KINDS.iter().map(|kind| (kind.plural, List::new(kind)));
    let shared = Arc::new(Shared {
        lists: lists.collect(),
        requests: AtomicUsize::new(0),
        bytes: AtomicUsize::new(0),
    });
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let serving = Arc::clone(&shared);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let shared = Arc::clone(&serving);
            // Who hangs up has what it wanted.
            std::thread::spawn(move || drop(shared.serve(&stream)));
        }
    });
    Server { url, shared }
}

impl Server {
    /// How many requests came since this was asked last, and how many bytes were sent.
    pub fn asked(&self) -> (usize, usize) {
        let take = |counter: &AtomicUsize| counter.swap(0, Ordering::Relaxed);
        (take(&self.shared.requests), take(&self.shared.bytes))
    }
}

impl List {
    fn new(kind: &'static Kind) -> List {
        let all = (0..NAMESPACES).flat_map(|number| (0..APPS).map(move |app| (number, app)));
        let objects: Vec<Value> = all
            .map(|(number, app)| live(kind, &namespace(number), app))
            .collect();
        let row = |object: &Value| {
            let metadata = json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]});
            let name = &object["metadata"]["name"];
            json!({"cells": [name, "2/2", 2, 2, "10d"], "object": metadata}).to_string()
        };
        let item = |object: &Value| {
            let mut item = object.clone();
            // The API server's own lists do not repeat them.
            let map = item.as_object_mut().expect("an object");
            map.retain(|key, _| key != "apiVersion" && key != "kind");
            item.to_string()
        };
        List {
            kind,
            rows: objects.iter().map(row).collect(),
            items: objects.iter().map(item).collect(),
        }
    }

    fn page(&self, range: Range<usize>, left: usize, as_table: bool) -> String {
        let next = match left {
            0 => String::new(),
            _ => range.end.to_string(),
        };
        let metadata = format!(
            r#""metadata":{{"resourceVersion":"48151623","continue":"{next}","remainingItemCount":{left}}}"#
        );
        if as_table {
            let column = |name: &str| json!({"name": name, "type": "string", "format": "", "description": "", "priority": 0});
            let columns = ["Name", "Ready", "Up-to-date", "Available", "Age"].map(column);
            let columns = json!(columns);
            let rows = self.rows[range].join(",");
            return format!(
                r#"{{"kind":"Table","apiVersion":"meta.k8s.io/v1",{metadata},"columnDefinitions":{columns},"rows":[{rows}]}}"#
            );
        }
        let (kind, version) = (self.kind.name, self.kind.api_version());
        let items = self.items[range].join(",");
        format!(r#"{{"kind":"{kind}List","apiVersion":"{version}",{metadata},"items":[{items}]}}"#)
    }
}

impl Shared {
    fn serve(&self, stream: &TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(stream);
        loop {
            let mut request = String::new();
            let mut as_table = false;
            if lines.read_line(&mut request)? == 0 {
                return Ok(());
            }
            loop {
                let mut header = String::new();
                lines.read_line(&mut header)?;
                as_table |= header.contains("as=Table");
                if header.trim().is_empty() {
                    break;
                }
            }
            std::thread::sleep(AWAY);
            let target = request.split(' ').nth(1).unwrap_or_default();
            let (status, kind, body) = self.answer(target, as_table);
            self.requests.fetch_add(1, Ordering::Relaxed);
            self.bytes.fetch_add(body.len(), Ordering::Relaxed);
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"
            );
            let mut out = stream;
            out.write_all(answer.as_bytes())?;
        }
    }

    fn answer(&self, target: &str, as_table: bool) -> (&'static str, &'static str, String) {
        const JSON: &str = "application/json";
        const DISCOVERY: &str =
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        match path {
            "/api" => return ("200 OK", DISCOVERY, discovery(|group| group.is_empty())),
            "/apis" => return ("200 OK", DISCOVERY, discovery(|group| !group.is_empty())),
            _ => {}
        }
        let plural = path.rsplit('/').next().unwrap_or_default();
        let Some(list) = self.lists.get(plural) else {
            let missing = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404});
            return ("404 Not Found", JSON, missing.to_string());
        };
        let all = match path.split_once("/namespaces/team-") {
            Some((_, rest)) => {
                let number = rest.split('/').next().unwrap_or_default();
                let number: usize = number.parse().expect("a namespace");
                number * APPS..(number + 1) * APPS
            }
            None => 0..list.items.len(),
        };
        let number = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let (_, value) = pairs.find(|(key, _)| *key == name)?;
            value.parse::<usize>().ok()
        };
        let begin = number("continue").unwrap_or(all.start);
        let end = (begin + number("limit").unwrap_or(usize::MAX / 2)).min(all.end);
        (
            "200 OK",
            JSON,
            list.page(begin..end, all.end - end, as_table),
        )
    }
}

fn discovery(is_wanted: impl Fn(&str) -> bool) -> String {
    let mut groups: BTreeMap<&str, Vec<&Kind>> = BTreeMap::new();
    for kind in KINDS.iter().filter(|kind| is_wanted(kind.group)) {
        groups.entry(kind.group).or_default().push(kind);
    }
    let groups: Vec<Value> = groups
        .iter()
        .map(|(group, kinds)| {
            let version = kinds[0].version;
            let resources: Vec<Value> = kinds
                .iter()
                .map(|kind| {
                    json!({
                        "resource": kind.plural, "scope": "Namespaced", "singularResource": kind.name.to_lowercase(),
                        "responseKind": {"group": group, "version": version, "kind": kind.name},
                        "verbs": ["get", "list", "watch"],
                    })
                })
                .collect();
            let version = json!({"version": version, "resources": resources, "freshness": "Current"});
            json!({"metadata": {"name": group}, "versions": [version]})
        })
        .collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": groups}).to_string()
}
