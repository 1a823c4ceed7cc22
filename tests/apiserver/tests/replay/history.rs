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
    ("eviction/second-immediately-429", 965),
    ("eviction/budget-not-observed-429", 1042),
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
            // Items that were trimmed have neither spec nor data; Endpoints may have nothing else.
            let kept = |item: &&Value| {
                kind == "EndpointsList"
                    || item.as_object().is_some_and(|map| map.keys().any(|key| key != "metadata"))
            };
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
        let later =
            |space: &str| ["strict", "quota"].contains(&space) && !recording.name.starts_with("errors/");
        for space in SPACES.iter().filter(|space| !later(space)) {
            store.load("namespaces", json!({
                "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space, "uid": format!("uid-of-{space}"), "resourceVersion": "1",
                "creationTimestamp": "2026-11-20T18:51:54Z", "labels": {"kubernetes.io/metadata.name": space}},
                "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"},
            }));
        }
        let all_lists = text(body, "/kind").ends_with("List") || body.get("rows").is_some();
        for ((storage, ..), forms) in &self.forms {
            let unchanged = UNCHANGED.contains(&recording.name.as_str());
            let last = if writes && !unchanged {
                forms.range(..at).next_back()
            } else {
                forms.range(..=at).next_back()
            };
            // One that is seen for the first time later on may still have been there; a list tells.
            let found = last.or_else(|| {
                let budget = storage == "poddisruptionbudgets.policy" && recording.request.method == "POST";
                if all_lists || budget || writes && recording.request.method == "POST" {
                    None
                } else {
                    forms.first_key_value()
                }
            });
            if let Some((_, object)) = found {
                store.load(storage, object.clone());
            }
        }
        given(recording, store);
        self.told(recording, store, writes);
        store.advance(at);
        events(recording, store);
        if recording.response.status == 410 || body.to_string().contains("too old resource version") {
            store.advance(at.max(10_000));
            store.compact(store.revision());
        }
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
        self.unlisted(recording, store);
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

impl History {
    /// Takes out what a list or a watch from the beginning would have shown had it been there.
    fn unlisted(&self, recording: &Recording, store: &mut Store) {
        let body = &recording.response.body;
        let rows = |key: &str| body.get(key).and_then(Value::as_array).cloned();
        let starts = recording.watches()
            && !recording.request.query.contains_key("labelSelector")
            && since(recording) < 10;
        let listed: Vec<Value> = match (rows("items"), rows("rows")) {
            (Some(items), _) => items,
            (_, Some(rows)) => rows.iter().map(|row| row["object"].clone()).collect(),
            _ if starts => {
                body.as_array().into_iter().flatten().map(|event| event["object"].clone()).collect()
            }
            _ => return,
        };
        let names: Vec<&str> =
            listed
                .iter()
                .map(|object| {
                    if object["rows"].is_array() { name(&object["rows"][0]["object"]) } else { name(object) }
                })
                .collect();
        let plural = recording.request.path.rsplit('/').next().unwrap_or_default();
        let gone: Vec<(String, String, String)> = self
            .forms
            .iter()
            .filter(|((storage, ..), _)| storage.split('.').next() == Some(plural))
            .filter(|((.., own), _)| !names.contains(&own.as_str()))
            .filter(|((storage, space, own), forms)| {
                let ending = |form: &Value| muster_apiserver::object::terminating(form);
                let now = store.get(storage, space, own);
                starts || (now.is_some_and(ending) && forms.values().any(ending))
            })
            .map(|(key, _)| key.clone())
            .collect();
        for (storage, space, own) in gone {
            store.unload(&storage, &space, &own);
        }
    }
}

/// The revision a watch starts from.
fn since(recording: &Recording) -> u64 {
    let given = recording.request.query.get("resourceVersion");
    given.and_then(|value| value.as_str()?.parse::<u64>().ok()).unwrap_or_default()
}

/// Objects that were there though no recording shows them, and the owners of fields, which the recordings leave out.
fn given(recording: &Recording, store: &mut Store) {
    let all: Vec<Value> = serde_json::from_str(include_str!("given.json")).unwrap();
    for entry in all {
        let of = entry["recordings"].as_str().unwrap_or_default();
        if !recording.name.starts_with(of) {
            continue;
        }
        let mut object = entry["object"].clone();
        let Some(storage) = storage(&object) else { continue };
        if let Some(old) = store.get(&storage, namespace(&object), name(&object)) {
            let Some(fields) = object.pointer("/metadata/managedFields").cloned() else { continue };
            object = old.clone();
            muster_apiserver::object::set(&mut object, "/metadata/managedFields", fields);
        }
        store.load(&storage, object);
    }
}

/// Requests that changed nothing: the state before had the revision of the answer.
const UNCHANGED: &[&str] = &[
    "pods/delete-grace-lengthen",
    "pods/delete-finalizer-force",
    "nodes/cordon-again",
    "errors/200-namespace-delete-again",
];

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
    let since = since(recording);
    if !recording.watches() || since < 10 {
        return;
    }
    let mut met: Vec<String> = Vec::new();
    for event in recording.response.body.as_array().into_iter().flatten() {
        let object = event.get("object").cloned().unwrap_or_default();
        let Some(storage) = storage(&object) else { continue };
        if name(&object).is_empty() || met.contains(&name(&object).to_owned()) {
            continue;
        }
        met.push(name(&object).to_owned());
        store.unload(&storage, namespace(&object), name(&object));
        if text(event, "/type") != "ADDED" {
            let mut before = object;
            muster_apiserver::object::set(&mut before, "/metadata/resourceVersion", since.to_string());
            muster_apiserver::object::set(&mut before, "/metadata/annotations", json!({"before": "yes"}));
            store.load(&storage, before);
        }
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
