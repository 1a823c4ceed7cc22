//! One request from its arrival to its answer: written down, faulted where a test wants it, authenticated, authorized, and
//! handed to what answers for its path.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::{Request, Response};
use serde_json::{Value, json};

use crate::answer::{Accept, Answer, add_header, refused, shown};
use crate::auth::{Object, User};
use crate::double::Inner;
use crate::fault::Fault;
use crate::patch::patch;
use crate::resource::{self, Resource};
use crate::seen::Seen;
use crate::status::{Failure, Form};
use crate::target::{Query, Target};
use crate::write::{Written, create, replace};
use crate::{bootstrap, delete, discovery, health, read, reviews, subresource, watch};

/// The most a body may hold.
const LIMIT: usize = 3 * 1024 * 1024;

/// A request whose body has been read.
pub struct Asked {
    /// Method, headers and extensions.
    pub parts: http::request::Parts,
    /// The body.
    pub body: Vec<u8>,
    /// Its query.
    pub query: Query,
    /// Who asks.
    pub user: User,
}

/// The answer to a request; an error where the connection is to be cut.
pub async fn serve(
    inner: Arc<Inner>,
    certificate: Option<User>,
    request: Request<Incoming>,
) -> Result<Response<Body>, std::io::Error> {
    let (mut parts, body) = request.into_parts();
    let limited = Limited::new(body, LIMIT + 1);
    let body = limited.collect().await.map(|body| body.to_bytes().to_vec());
    let path = parts.uri.path().to_owned();
    inner.saw(Seen::of(&parts, body.as_deref().unwrap_or_default()));
    match inner.next_fault(parts.method.as_str(), &path) {
        Some(Fault::Reset) => return Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)),
        Some(Fault::Hang) => std::future::pending::<()>().await,
        Some(Fault::Delay(time)) => tokio::time::sleep(time).await,
        Some(Fault::Refuse(failure)) => return Ok(refused(&failure)),
        None => {}
    }
    let query = Query::read(parts.uri.query().unwrap_or_default());
    let users = inner.users();
    let joining = |token: &str| inner.look(|store| bootstrap::user(store, token));
    let user = match users.authenticate(&parts.headers, certificate.as_ref(), joining) {
        Ok(user) => user,
        Err(failure) => return Ok(refused(&failure)),
    };
    let answered = match body {
        Ok(body) if body.len() <= LIMIT => {
            parts.extensions.insert(user.clone());
            answer(&inner, Asked { parts, body, query, user }).await
        }
        _ => {
            let message = format!("Request entity too large: limit is {LIMIT}");
            Err(Failure::new(413, "RequestEntityTooLarge", message))
        }
    };
    Ok(answered.unwrap_or_else(|failure| refused(&failure)))
}

async fn answer(inner: &Arc<Inner>, asked: Asked) -> Result<Response<Body>, Failure> {
    let path = asked.parts.uri.path().to_owned();
    let method = asked.parts.method.as_str();
    let target = Target::read(&path);
    let verb = match &target {
        Some(target) => target.verb(method, &asked.query),
        None => "get",
    };
    let object = target.as_ref().map_or(Object::Path(&path), Object::Resource);
    inner.users().authorize(&asked.user, verb, object)?;
    timeout(&asked.query, verb)?;
    let Some(target) = target else {
        let accept =
            asked.parts.headers.get("accept").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let address = inner.address().to_string();
        if let Some(found) = inner.look(|store| discovery::answer(store, &path, accept, &address)) {
            return found;
        }
        let failing = inner.failing_checks();
        return inner.look(|store| health::answer(store, &path, &asked.query, &failing, &inner.versions));
    };
    let found = inner.look(|store| {
        if let Some(failure) = discovery::down(store, &target.group, &target.version) {
            return Err(failure);
        }
        let known = |group: &str| resource::served(store).iter().any(|list| list.group == group);
        match resource::find(store, &target.group, &target.version, &target.plural) {
            Some(found) => Ok(found),
            None if known(&target.group) => Err(Failure::no_resource()),
            None => Err(Failure::no_page()),
        }
    })?;
    if let Some(part) = target.subresource.clone() {
        return subresource::answer(inner, &found, &target, &part, asked).await;
    }
    main(inner, &found, &target, verb, &asked).await
}

/// Refuses a timeout that is no duration, and ends a request whose time is too short to be answered in.
fn timeout(query: &Query, verb: &str) -> Result<(), Failure> {
    let given = query.get("timeout");
    if given.is_empty() || verb == "watch" {
        return Ok(());
    }
    let units = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
    let parsed = units.iter().find_map(|(unit, factor)| {
        let number: u64 = given.strip_suffix(unit)?.parse().ok()?;
        Some(Duration::from_millis(number * factor))
    });
    match parsed {
        None => {
            let message =
                format!("invalid timeout specified in the request URL - time: invalid duration {given:?}");
            Err(Failure::bad_request(message))
        }
        Some(time) if time <= Duration::from_millis(1) => {
            let message = "Timeout: request did not complete within the allotted timeout";
            Err(Failure { form: Form::Bare, ..Failure::new(504, "Timeout", message).with(json!({})) })
        }
        Some(_) => Ok(()),
    }
}

/// What a client accepts.
pub fn accept(asked: &Asked) -> Result<Accept, Failure> {
    let header = asked.parts.headers.get("accept").and_then(|value| value.to_str().ok()).unwrap_or_default();
    Accept::read(header)
}

async fn main(
    inner: &Arc<Inner>,
    resource: &Arc<Resource>,
    target: &Target,
    verb: &str,
    asked: &Asked,
) -> Result<Response<Body>, Failure> {
    let method = asked.parts.method.as_str();
    let misplaced = matches!((method, &target.name), ("POST", Some(_)) | ("PUT" | "PATCH", None));
    if verb.is_empty() || misplaced || !resource.has(verb) {
        return Err(Failure::no_method());
    }
    let accept = accept(asked)?;
    if resource.plural == "componentstatuses" {
        let mut response =
            shown(accept, &Answer::ok(accept.show(resource, components(resource, target)?, "")));
        add_header(&mut response, "warning", "299 - \"v1 ComponentStatus is deprecated in v1.19+\"");
        return Ok(response);
    }
    let include = asked.query.get("includeObject");
    let answer = match verb {
        "watch" => return watch::watch(inner, resource, target, &asked.query, accept),
        "list" => {
            wait_for_revision(inner, &asked.query).await;
            Answer::ok(inner.look(|store| read::list(store, resource, target, &asked.query))?)
        }
        "get" => Answer::ok(inner.look(|store| read::get(store, resource, target))?),
        _ => {
            let written =
                Written { target, query: &asked.query, headers: &asked.parts.headers, body: &asked.body };
            inner.change(|store| {
                if let Some(review) = reviews::answer(store, &inner.users(), &asked.user, resource, &written)
                {
                    return review;
                }
                match verb {
                    "create" if resource.plural == "bindings" => subresource::bind(store, &written),
                    "create" => create(store, resource, &written),
                    "update" => replace(store, resource, &written),
                    "patch" => patch(store, resource, &written),
                    "delete" => delete::one(store, resource, &written),
                    _ => delete::many(store, resource, &written),
                }
            })?
        }
    };
    let body = accept.show(resource, answer.body, include);
    let mut response = shown(accept, &Answer { body, ..Answer { body: Value::Null, ..answer } });
    if resource.qualified() == "endpoints" {
        add_header(
            &mut response,
            "warning",
            "299 - \"v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice\"",
        );
    }
    Ok(response)
}

/// A list at a revision of the future waits a while for it.
async fn wait_for_revision(inner: &Arc<Inner>, query: &Query) {
    let end = tokio::time::Instant::now() + inner.patience();
    let mut changed = inner.revisions();
    while inner.look(|store| read::waits_for(store, query)).is_some() {
        if tokio::time::timeout_at(end, changed.changed()).await.is_err() {
            return;
        }
    }
}

/// The deprecated component statuses: etcd answers, the others listen elsewhere, as on every kubeadm cluster.
fn components(resource: &Resource, target: &Target) -> Result<Value, Failure> {
    let refused = |port: u16| {
        format!(
            "Get \"https://127.0.0.1:{port}/healthz\": dial tcp 127.0.0.1:{port}: connect: connection refused"
        )
    };
    let all = [
        ("controller-manager", "False", refused(10257)),
        ("scheduler", "False", refused(10259)),
        ("etcd-0", "True", "ok".to_owned()),
    ];
    let of = |(name, status, message): &(&str, &str, String)| json!({"metadata": {"name": name}, "conditions": [{"type": "Healthy", "status": status, "message": message}]});
    match &target.name {
        None => Ok(json!({
            "kind": "ComponentStatusList",
            "apiVersion": "v1",
            "metadata": {},
            "items": all.iter().map(of).collect::<Vec<_>>(),
        })),
        Some(name) => {
            let found = all
                .iter()
                .find(|(known, ..)| known == name)
                .ok_or_else(|| Failure::not_found(resource, name))?;
            Ok(read::as_served(resource, &of(found)))
        }
    }
}
