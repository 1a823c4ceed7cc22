//! The objects of the recorded cluster over time, gathered from the recordings themselves: which form an object had at a
//! revision. Comes in: the recordings; goes out: the state a request was answered from.

use std::collections::BTreeMap;

use muster_apiserver::Store;
use muster_apiserver::object::{name, namespace, text, uid, version};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// A request and its answer.
#[derive(Deserialize)]
pub struct Recording {
    pub name: String,
    pub note: String,
    pub request: Request,
    pub response: Response,
}

/// What was asked.
#[derive(Deserialize)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub query: Map<String, Value>,
    pub headers: Map<String, Value>,
    pub body: Value,
}

/// What was answered.
#[derive(Deserialize)]
pub struct Response {
    pub status: u16,
    pub headers: Map<String, Value>,
    pub body: Value,
}

impl Recording {
    fn dry_run(&self) -> bool {
        self.request.query.contains_key("dryRun") || self.request.body.to_string().contains("dryRun")
    }

    fn reads(&self) -> bool {
        self.request.method == "GET"
    }

    pub fn watches(&self) -> bool {
        self.response.body.is_array() && self.name.starts_with("watch/")
    }
}

/// A revision at which every list of the calm cluster can be answered.
const CALM: u64 = 872;

/// When the requests came whose answer does not tell its revision.
const MOMENTS: &[(&str, u64)] = &[
    ("eviction/second-immediately-429", 960),
    ("eviction/after-pod-gone", 2000),
    ("eviction/uncounted-next-429", 1125),
    ("eviction/uncounted-201", 1119),
    ("errors/403-namespace-terminating", 1150),
    ("pods/delete-grace-60", 588),
];

/// Objects by place, each with its forms by revision.
pub struct History {
    forms: BTreeMap<(String, String, String), BTreeMap<u64, Value>>,
}

/// The resource of a kind as the store names it.
fn storage(object: &Value) -> Option<String> {
    let kind = text(object, "/kind").to_lowercase();
    let plural = match kind.as_str() {
        "endpoints" => kind,
        _ if kind.ends_with('s') => format!("{kind}es"),
        _ if kind.ends_with("cy") => format!("{}ies", kind.strip_suffix('y')?),
        _ => format!("{kind}s"),
    };
    let group = text(object, "/apiVersion").split_once('/').map(|(group, _)| group);
    Some(match group {
        None | Some("events.k8s.io") => plural,
        Some(group) => format!("{plural}.{group}"),
    })
}

/// The objects an answer shows whole.
fn shown(recording: &Recording) -> Vec<Value> {
    let body = &recording.response.body;
    let (kind, api_version) = (text(body, "/kind"), text(body, "/apiVersion"));
    let partial = kind.starts_with("Partial")
        || recording.request.headers.get("Accept").is_some_and(|accept| {
            accept.as_str().is_some_and(|accept| accept.contains("as=") && !kind.ends_with("List"))
        });
    if partial || ["Status", "Scale", "Table"].contains(&kind) || api_version == "events.k8s.io/v1" {
        return Vec::new();
    }
    let whole = |object: &Value| {
        !uid(object).is_empty() && version(object) > 0 && object.as_object().is_some_and(|map| map.len() > 1)
    };
    match body.get("items").and_then(Value::as_array) {
        Some(items) => {
            let one = |item: &Value| {
                let mut item = item.clone();
                if let Value::Object(map) = &mut item {
                    map.insert("kind".to_owned(), json!(kind.trim_end_matches("List")));
                    map.insert("apiVersion".to_owned(), json!(api_version));
                }
                item
            };
            // Items that were trimmed have neither spec nor data.
            let kept =
                |item: &&Value| item.as_object().is_some_and(|map| map.keys().any(|key| key != "metadata"));
            items.iter().filter(kept).map(one).filter(whole).collect()
        }
        None if body.is_object() && whole(body) => vec![body.clone()],
        None => Vec::new(),
    }
}

impl History {
    pub fn of(recordings: &[Recording]) -> Self {
        let mut forms: BTreeMap<(String, String, String), BTreeMap<u64, Value>> = BTreeMap::new();
        let told =
            recordings.iter().filter(|recording| !recording.dry_run() && recording.response.status < 300);
        for recording in told {
            for object in shown(recording) {
                let Some(storage) = storage(&object) else { continue };
                let key = (storage, namespace(&object).to_owned(), name(&object).to_owned());
                // A deletion of a pod shows the form that is stored; one of a finished deletion is stored no more.
                forms.entry(key).or_default().insert(version(&object), object);
            }
        }
        Self { forms }
    }

    /// Loads what there was before a recording's request.
    pub fn before(&self, recording: &Recording, store: &mut Store) {
        let body = &recording.response.body;
        let told = text(body, "/metadata/resourceVersion").parse::<u64>().ok();
        let moment = MOMENTS.iter().find(|(name, _)| *name == recording.name).map(|(_, moment)| *moment);
        let asked = recording
            .request
            .query
            .get("resourceVersion")
            .and_then(|value| value.as_str()?.parse::<u64>().ok());
        let at = moment
            .or(told)
            .or(asked.filter(|asked| recording.watches() && *asked > 10 && *asked < 100_000))
            .unwrap_or(CALM);
        let writes = !recording.reads() && !recording.dry_run() && recording.response.status < 300;
        for space in SPACES {
            store.load("namespaces", json!({
                "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space, "uid": format!("uid-of-{space}"), "resourceVersion": "1",
                "creationTimestamp": "2026-11-20T18:51:54Z", "labels": {"kubernetes.io/metadata.name": space}},
                "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"},
            }));
        }
        let all_lists = text(body, "/kind").ends_with("List") || body.get("rows").is_some();
        for ((storage, ..), forms) in &self.forms {
            let last = if writes { forms.range(..at).next_back() } else { forms.range(..=at).next_back() };
            // One that is seen for the first time later on may still have been there; a list tells.
            let found = last.or_else(|| {
                if all_lists || writes && recording.request.method == "POST" {
                    None
                } else {
                    forms.first_key_value()
                }
            });
            if let Some((_, object)) = found {
                store.load(storage, object.clone());
            }
        }
        self.told(recording, store, writes);
        store.advance(at);
        if writes && at > 0 {
            // The revision the write will get is the one that was recorded.
        }
        events(recording, store);
    }

    /// What the answer itself says about the state it was given from.
    fn told(&self, recording: &Recording, store: &mut Store, writes: bool) {
        if recording.reads() && recording.response.status == 200 {
            for object in shown(recording) {
                if let Some(storage) = storage(&object) {
                    store.load(&storage, object);
                }
            }
        }
        let gone = recording.response.status == 404
            && text(&recording.response.body, "/details/kind") != "namespaces";
        let made = recording.response.status == 201 && recording.request.method != "POST"
            || writes && recording.request.method == "POST";
        if gone || made {
            let own = text(&recording.response.body, if gone { "/details/name" } else { "/metadata/name" });
            let kind = if gone { text(&recording.response.body, "/details/kind") } else { "" };
            let group = text(&recording.response.body, "/details/group");
            let storage = match (made, group) {
                (true, _) => storage(&recording.response.body).unwrap_or_default(),
                (_, "") => kind.to_owned(),
                (_, group) => format!("{kind}.{group}"),
            };
            let space = recording
                .request
                .path
                .split("/namespaces/")
                .nth(1)
                .and_then(|rest| rest.split('/').next())
                .unwrap_or_default();
            store.remove(&storage, space, own);
        }
    }
}

/// The namespaces of the cluster.
const SPACES: &[&str] = &[
    "default",
    "kube-system",
    "kube-public",
    "kube-node-lease",
    "shop",
    "broken",
    "guarded",
    "batch",
    "calico-system",
    "strict",
    "quota",
];

/// The changes that a watch saw, made before it is asked for, at their revisions.
fn events(recording: &Recording, store: &mut Store) {
    let since = recording
        .request
        .query
        .get("resourceVersion")
        .and_then(|value| value.as_str()?.parse::<u64>().ok())
        .unwrap_or_default();
    if !recording.watches() || since < 10 {
        return;
    }
    store.advance(since);
    for event in recording.response.body.as_array().into_iter().flatten() {
        let object = event.get("object").cloned().unwrap_or_default();
        let Some(storage) = storage(&object) else { continue };
        let revision = version(&object).max(1);
        store.advance(revision - 1);
        match text(event, "/type") {
            "ADDED" | "MODIFIED" => {
                store.put(&storage, object);
            }
            "DELETED" if recording.name == "watch/selector-leaver" => {
                let mut left = object;
                muster_apiserver::object::set(&mut left, "/metadata/labels/app", "elsewhere");
                store.put(&storage, left);
            }
            "DELETED" => {
                store.remove(&storage, namespace(&object), name(&object));
            }
            _ => store.advance(revision),
        }
    }
}
