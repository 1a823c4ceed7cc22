//! One cluster as modules ask it: a client, the kinds it has, and who it is. Equal ways to it share one [`Cluster`] for a whole
//! run. Where the play says which cluster it is meant for (`muster_cluster_uid`), no other one is ever asked for anything else.

use super::config;
use super::diagnosis::{self, Trouble};
use super::identity::Identity;
use super::place::Place;
use super::request::{self, Answer, Refusal, Sent, Unanswered};
use super::resource::{self, Resource};
use super::session::Session;
use super::way::Way;
use http::response::Parts;
use http::{Method, Request};
use jiff::Timestamp;
use kube::client::Body;
use muster_engine::module::{Context, Failure};
use serde_json::Value as Json;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;

/// The variable that pins the cluster: the uid of its namespace kube-system.
const PIN: &str = "muster_cluster_uid";
/// How long the server may take to tell its time.
const CLOCK: Duration = Duration::from_secs(5);
/// How many objects a page of a list has.
const PAGE: &str = "500";

/// The clusters of a run.
#[derive(Clone, Default)]
pub(crate) struct Clusters(Arc<Mutex<HashMap<String, Slot>>>);

type Slot = Arc<OnceCell<Arc<Cluster>>>;
type Kinds = Arc<Vec<Resource>>;

/// One cluster.
pub(crate) struct Cluster {
    session: Session,
    /// Where its kubeconfig came from, for messages.
    pub from: String,
    /// The API's URL.
    pub url: String,
    /// Whether its certificate is checked.
    pub verified: bool,
    /// The namespace of the context.
    pub namespace: String,
    kinds: Mutex<HashMap<String, Kinds>>,
    uid: OnceCell<String>,
}

impl Clusters {
    /// The cluster that a task means.
    ///
    /// # Errors
    /// There is no configuration, or it is another cluster than the play is meant for.
    pub async fn of(&self, way: &Way, cx: &Context) -> Result<Arc<Cluster>, Failure> {
        let place = Place::of(cx);
        let way = way.clone().filled(|name| place.variable(name));
        let key = format!("{}\0{}", place.key(), way.key());
        let slot = {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(known.entry(key).or_default())
        };
        let cluster =
            slot.get_or_try_init(|| async { Cluster::open(&way, place).await.map(Arc::new) }).await?;
        if let Some(pinned) = cx.scope.get(PIN)?.filter(|value| !value.is_none() && !value.is_undefined()) {
            let (pinned, uid) = (pinned.to_string(), cluster.uid().await?);
            if !pinned.is_empty() && pinned != uid {
                return Err(Failure::new(format!(
                    "this is another cluster than the play is meant for: {PIN} is {pinned}, and the cluster of {} has {uid}. Nothing was asked of it",
                    cluster.from
                ))
                .with("cluster_uid", uid));
            }
        }
        Ok(Arc::clone(cluster))
    }
}

impl Cluster {
    async fn open(way: &Way, place: Place) -> Result<Self, Failure> {
        let found = config::find(way, &place).await?;
        let (from, namespace) = (found.identity.from.clone(), found.config.default_namespace.clone());
        let (url, verified) = (found.identity.url.clone(), !found.config.accept_invalid_certs);
        let session = Session::open(found, place).await?;
        Ok(Self { session, from, url, verified, namespace, kinds: Mutex::default(), uid: OnceCell::new() })
    }

    /// The namespace that a task means: its own, or the context's.
    pub fn space<'s>(&'s self, said: Option<&'s str>) -> &'s str {
        said.filter(|said| !said.is_empty()).unwrap_or(&self.namespace)
    }

    /// Who this cluster is: the uid of its namespace kube-system.
    ///
    /// # Errors
    /// It cannot be asked.
    pub async fn uid(&self) -> Result<String, Failure> {
        let ask = || async {
            let found = self.get("/api/v1/namespaces/kube-system").await?;
            Ok::<_, Refusal>(found.pointer("/metadata/uid").and_then(Json::as_str).unwrap_or("").to_string())
        };
        Ok(self.uid.get_or_try_init(ask).await?.clone())
    }

    /// Asks for what is at a path.
    ///
    /// # Errors
    /// As [`request::send`].
    pub async fn get(&self, path: &str) -> Result<Json, Refusal> {
        Ok(self.send(Method::GET, path, None).await?.body)
    }

    /// Asks.
    ///
    /// # Errors
    /// As [`request::send`].
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<(Sent, &Json)>,
    ) -> Result<Answer, Refusal> {
        self.asked(method, path, body).await.map(Answer::read)
    }

    /// The text at a path: a log.
    ///
    /// # Errors
    /// As [`request::send`].
    pub async fn text(&self, path: &str) -> Result<String, Refusal> {
        self.asked(Method::GET, path, None).await.map(|(_, text)| text)
    }

    async fn asked(
        &self,
        method: Method,
        path: &str,
        body: Option<(Sent, &Json)>,
    ) -> Result<(Parts, String), Refusal> {
        let (client, who) = self.session.client().await.map_err(Refusal::from_failure)?;
        match request::send(&client, method.clone(), path, body).await {
            Err(Unanswered::Refused(refusal)) if refusal.is(401) => {
                // Nothing was done: with other credentials it may be asked once more.
                let renewed = self.session.renewed().await.map_err(Refusal::from_failure)?;
                let Some((client, who)) = renewed else { return Err(refusal.explained(&who)) };
                match request::send(&client, method, path, body).await {
                    Err(failed) => Err(self.explained(failed, &who).await),
                    Ok(answer) => Ok(answer),
                }
            }
            Err(failed) => Err(self.explained(failed, &who).await),
            Ok(answer) => Ok(answer),
        }
    }

    /// A client for what is no plain request and answer, and who it is.
    ///
    /// # Errors
    /// Credentials are needed, and cannot be had.
    pub async fn client(&self) -> Result<(kube::Client, Identity), Refusal> {
        self.session.client().await.map_err(Refusal::from_failure)
    }

    /// Why a request did not do what it asked, with what there is to do about it.
    pub async fn explained(&self, failed: Unanswered, who: &Identity) -> Refusal {
        match failed {
            Unanswered::Refused(refusal) => refusal.explained(who),
            Unanswered::Unreached(error) => {
                let (trouble, whole) = diagnosis::trouble(&*error);
                let clock = if trouble.is_of_time() { self.clock().await } else { None };
                diagnosis::unreached(&trouble, &whole, who, clock)
            }
            Unanswered::Late => diagnosis::unreached(&Trouble::TimedOut, "no answer came", who, None),
        }
    }

    /// The server's time, told to a stranger.
    async fn clock(&self) -> Option<Timestamp> {
        let client = self.session.stranger().await?;
        let request = Request::builder().uri("/version").body(Body::empty()).ok()?;
        let answer = tokio::time::timeout(CLOCK, client.send(request)).await.ok()?.ok()?;
        request::date(answer.headers())
    }

    /// All objects of a path, page after page. A list that changed too much between two pages is begun again.
    ///
    /// # Errors
    /// As [`request::send`].
    pub async fn list(&self, path: &str, pairs: &[(&str, &str)]) -> Result<Vec<Json>, Refusal> {
        let (mut found, mut next, mut again) = (vec![], String::new(), 0);
        loop {
            let mut all: Vec<(&str, &str)> = pairs.to_vec();
            all.extend([("limit", PAGE), ("continue", next.as_str())]);
            match self.get(&format!("{path}{}", resource::query(&all))).await {
                Ok(mut page) => {
                    let kind = page
                        .get("kind")
                        .and_then(Json::as_str)
                        .unwrap_or("")
                        .trim_end_matches("List")
                        .to_string();
                    let version = page.get("apiVersion").cloned().unwrap_or_default();
                    for mut item in page
                        .get_mut("items")
                        .and_then(Json::as_array_mut)
                        .map(std::mem::take)
                        .unwrap_or_default()
                    {
                        // Items of a list do not say what they are.
                        if let Some(map) = item.as_object_mut() {
                            map.entry("kind").or_insert_with(|| kind.clone().into());
                            map.entry("apiVersion").or_insert_with(|| version.clone());
                        }
                        found.push(item);
                    }
                    next =
                        page.pointer("/metadata/continue").and_then(Json::as_str).unwrap_or("").to_string();
                    if next.is_empty() {
                        return Ok(found);
                    }
                }
                Err(refusal) if refusal.is(410) && again < 3 => {
                    again += 1;
                    found.clear();
                    next.clear();
                }
                Err(refusal) => return Err(refusal),
            }
        }
    }

    /// The kind that `api_version` and a word mean; a word without a version that has none is looked for in the core and
    /// the groups everybody has.
    ///
    /// # Errors
    /// Nobody serves it, or the server cannot be asked.
    pub async fn resource(&self, api_version: &str, kind: &str) -> Result<Resource, Refusal> {
        let kinds = self.kinds_of(api_version).await?;
        resource::called(&kinds, kind).cloned().ok_or_else(|| resource::unknown(api_version, kind))
    }

    async fn kinds_of(&self, api_version: &str) -> Result<Kinds, Refusal> {
        let known = self.kinds.lock().unwrap_or_else(PoisonError::into_inner).get(api_version).cloned();
        if let Some(kinds) = known {
            return Ok(kinds);
        }
        let kinds: Kinds = Arc::new(match self.get(&resource::root(api_version)).await {
            Ok(list) => resource::listed(&list),
            Err(refusal) if refusal.is(404) => vec![],
            Err(refusal) => return Err(refusal),
        });
        // A kind that is not there may come with a CRD later in the run: nothing is remembered of it.
        if !kinds.is_empty() {
            let mut known = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
            known.insert(api_version.to_string(), Arc::clone(&kinds));
        }
        Ok(kinds)
    }
}
