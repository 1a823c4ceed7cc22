//! Watching: the history since a resourceVersion and then what comes, as one JSON object a line, until timeoutSeconds. What
//! leaves the selector is DELETED though it lives, and history that is forgotten is one ERROR inside of a 200.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use futures_util::stream;
use hyper::Response;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use crate::answer::{Accept, View, respond};
use crate::double::Inner;
use crate::object::{name, namespace, set, version};
use crate::read::{as_served, check_options};
use crate::resource::Resource;
use crate::selector::Selector;
use crate::status::Failure;
use crate::store::{Change, Store};
use crate::target::{Query, Target};

/// What a watch looks at and where it stands.
struct Watch {
    inner: Arc<Inner>,
    resource: Arc<Resource>,
    namespace: Option<String>,
    name: Option<String>,
    selector: Selector,
    accept: Accept,
    include: String,
    revision: u64,
    bookmarks: bool,
    end: Instant,
    first: bool,
    pending: Vec<Value>,
    last_bookmark: bool,
    done: bool,
}

/// Opens a watch.
pub fn watch(
    inner: &Arc<Inner>,
    resource: &Arc<Resource>,
    target: &Target,
    query: &Query,
    accept: Accept,
) -> Result<Response<Body>, Failure> {
    let selector = Selector::read(resource, query.get("labelSelector"), query.get("fieldSelector"))?;
    let seconds = query
        .number("timeoutSeconds")?
        .and_then(|seconds| u64::try_from(seconds).ok())
        .filter(|seconds| *seconds > 0);
    check_options(query)?;
    let given = query.get("resourceVersion");
    let parsed: u64 = if given.is_empty() {
        0
    } else {
        let wrong = |_| {
            let message = format!(
                "resourceVersion: Invalid value: {given:?}: strconv.ParseUint: parsing {given:?}: invalid syntax"
            );
            Failure::internal(message)
        };
        given.parse().map_err(wrong)?
    };
    let mut watch = Watch {
        inner: Arc::clone(inner),
        resource: Arc::clone(resource),
        namespace: target.namespace.clone().filter(|_| resource.namespaced),
        name: target.name.clone(),
        selector,
        accept,
        include: query.get("includeObject").to_owned(),
        revision: parsed,
        bookmarks: query.is_true("allowWatchBookmarks"),
        end: Instant::now() + Duration::from_secs(seconds.unwrap_or(1800)),
        first: true,
        pending: Vec::new(),
        last_bookmark: false,
        done: false,
    };
    inner.look(|store| watch.begin(store, query, parsed));
    let lines = stream::unfold(watch, |mut watch| async move {
        let batch = watch.next().await?;
        let lines: String = batch.iter().map(|event| format!("{event}\n")).collect();
        Some((Ok::<_, std::convert::Infallible>(lines), watch))
    });
    Ok(respond(200, "application/json", Body::from_stream(lines)))
}

impl Watch {
    fn sees(&self, object: &Value) -> bool {
        self.namespace.as_ref().is_none_or(|wanted| namespace(object) == wanted)
            && self.name.as_ref().is_none_or(|wanted| name(object) == wanted)
            && self.selector.matches(&self.resource, object)
    }

    /// The events with which the watch starts.
    fn begin(&mut self, store: &Store, query: &Query, from: u64) {
        let initial = query.is_true("sendInitialEvents");
        if from > 0 && !initial {
            if from < store.compacted() {
                let message = format!("too old resource version: {from} ({})", store.compacted());
                self.pending.push(json!({"type": "ERROR", "object": Failure::expired(message).body()}));
                self.done = true;
            }
            return;
        }
        self.revision = store.revision();
        let mut found: Vec<Value> = store.list(&self.resource.storage(), None).cloned().collect();
        found.retain(|object| self.sees(object));
        let events: Vec<Value> = found.iter().map(|object| self.event("ADDED", object)).collect();
        self.pending.extend(events);
        if initial && self.bookmarks {
            let mut mark = self.bookmark();
            set(&mut mark, "/object/metadata/annotations", json!({"k8s.io/initial-events-end": "true"}));
            self.pending.push(mark);
        }
    }

    fn bookmark(&self) -> Value {
        json!({"type": "BOOKMARK", "object": {
            "kind": self.resource.kind,
            "apiVersion": self.resource.api_version(),
            "metadata": {"resourceVersion": self.revision.to_string()},
        }})
    }

    fn event(&mut self, kind: &str, object: &Value) -> Value {
        let object = as_served(&self.resource, object);
        let mut shown = self.accept.show(&self.resource, object, &self.include);
        if self.accept.view == View::Table {
            // The columns come once.
            if !self.first {
                set(&mut shown, "/columnDefinitions", Value::Null);
            }
            self.first = false;
        }
        json!({"type": kind, "object": shown})
    }

    /// The next events; none when the watch is over.
    async fn next(&mut self) -> Option<Vec<Value>> {
        let mut changed = self.inner.revisions();
        loop {
            if !self.pending.is_empty() {
                return Some(std::mem::take(&mut self.pending));
            }
            if self.done || Instant::now() >= self.end {
                return None;
            }
            changed.borrow_and_update();
            let inner = Arc::clone(&self.inner);
            inner.look(|store| self.collect(store));
            if !self.pending.is_empty() {
                continue;
            }
            // The bookmark comes shortly before the end, so that the next watch can start from it.
            let mark =
                self.end - Duration::from_secs(2).min(self.end.saturating_duration_since(Instant::now()));
            let until = if self.bookmarks && !self.last_bookmark { mark } else { self.end };
            match timeout_at(until, changed.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return None,
                Err(_) if self.bookmarks && !self.last_bookmark => {
                    self.last_bookmark = true;
                    let now = inner.look(|store| store.revision());
                    if now >= self.revision {
                        self.revision = now;
                        self.pending.push(self.bookmark());
                    }
                }
                Err(_) => return None,
            }
            if inner.is_cut() {
                return None;
            }
        }
    }

    fn collect(&mut self, store: &Store) {
        let storage = self.resource.storage();
        let changes: Vec<Change> = store.since(&storage, self.revision).cloned().collect();
        for change in changes {
            let before = change.old.as_ref().is_some_and(|object| self.sees(object));
            let after = change.new.as_ref().is_some_and(|object| self.sees(object));
            let event = match (before, after, &change.old, &change.new) {
                (false, true, _, Some(new)) => Some(("ADDED", new.clone())),
                (true, true, _, Some(new)) => Some(("MODIFIED", new.clone())),
                // The last form that was selected, at the revision of the change.
                (true, false, Some(old), _) => {
                    let mut old = old.clone();
                    set(&mut old, "/metadata/resourceVersion", change.revision.to_string());
                    Some(("DELETED", old))
                }
                _ => None,
            };
            if let Some((kind, object)) = event {
                debug_assert!(version(&object) > 0);
                let event = self.event(kind, &object);
                self.pending.push(event);
            }
            self.revision = change.revision;
        }
    }
}
