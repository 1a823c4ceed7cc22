//! What becomes of one object: made, merged, applied, replaced or deleted, and waited for. `k8s` and `k8s_service` do it alike.
//! In check mode the server tries every change and keeps none.

use super::apply::{annotated, three_way};
use super::change::{Change, delete, outcome, patch};
use super::cluster::Cluster;
use super::fields::text;
use super::hash;
use super::hidden::hide;
use super::object::selector;
use super::request::{Answer, Refusal, Sent};
use super::resource::Resource;
use super::selector::selects;
use super::waiting::{Wait, Waited};
use http::Method;
use muster_engine::module::{Context, Failure, Kind, Map, Opt, Output};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// How it is done.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Action {
    pub state: String,
    merge_type: Option<Vec<String>>,
    force: bool,
    apply: bool,
    server_side_apply: Option<ServerSide>,
    delete_options: Option<Map>,
    append_hash: bool,
    pub label_selectors: Option<Vec<String>>,
    hidden_fields: Option<Vec<String>>,
    #[serde(flatten)]
    wait: Wait,
}

/// `server_side_apply`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ServerSide {
    field_manager: String,
    force_conflicts: bool,
}

/// The options `apply` and `force`.
pub(crate) const APPLY: [Opt; 2] = [
    Opt::new(
        "apply",
        Kind::Bool,
        "Whether what was applied before, what is there and what is wished are merged, as `kubectl apply` does; by the server with `server_side_apply`.",
    )
    .default("false"),
    Opt::new("force", Kind::Bool, "Whether what is there is replaced as a whole.").default("false"),
];

/// A refusal with what it kept from being done.
fn failed(what: &str, (kind, name): (&str, &str), refusal: Refusal) -> Failure {
    refusal.failing(&format!("Failed to {what} object: {kind} {name}"))
}

impl Action {
    /// Does one object.
    ///
    /// # Errors
    /// The server refuses, cannot be asked, or what is waited for does not come.
    pub async fn perform(&self, cluster: &Cluster, object: &Json, cx: &Context) -> Result<Output, Failure> {
        let mut object = object.clone();
        if self.append_hash {
            hash::append(&mut object);
        }
        let (kind, name) = (text(&object, "/kind"), text(&object, "/metadata/name"));
        let resource = cluster.resource(text(&object, "/apiVersion"), kind).await?;
        let namespace = cluster.space(Some(text(&object, "/metadata/namespace")));
        if self.state == "absent" {
            return self.gone(cluster, &resource, namespace, (kind, name), cx).await;
        }
        if let Some(wanted) = self.label_selectors.as_deref().filter(|wanted| !wanted.is_empty())
            && !selects(object.pointer("/metadata/labels"), wanted)
        {
            let message = format!(
                "resource 'kind={kind},name={name},namespace={namespace}' filtered by label_selectors."
            );
            return Ok(Output::new(false).with("result", json!({})).with("msg", message));
        }
        let path = resource.object(Some(namespace), name);
        let before = match cluster.get(&path).await {
            _ if name.is_empty() => Json::Null,
            Ok(found) => found,
            Err(refusal) if refusal.is(404) => Json::Null,
            Err(refusal) => return Err(failed("retrieve requested", (kind, name), refusal)),
        };
        if before.is_null() && self.state == "patched" && !self.apply {
            let warning = format!(
                "resource 'kind={kind},name={name}' was not found but will not be created as 'state' parameter has been set to 'patched'"
            );
            return Ok(Output::new(false).with("result", json!({})).warn(warning));
        }
        let all = resource.path(Some(namespace));
        let (method, answer) = self.done(cluster, (&all, &path), &object, &before, cx.check_mode).await;
        let Answer { body, warnings, .. } =
            answer.map_err(|refusal| failed(method, (kind, name), refusal))?;
        // A name that the server made up is where the object is now.
        let made = body.pointer("/metadata/name").and_then(Json::as_str).unwrap_or(name);
        let path = resource.object(Some(namespace), made);
        let known = if before.is_null() { json!({}) } else { before };
        let mut output = outcome(&known, &body, cx.diff);
        if let (Some(diff), Some(fields)) = (output.result.get_mut("diff"), &self.hidden_fields) {
            diff.as_object_mut().into_iter().flatten().for_each(|(_, side)| hide(side, fields));
        }
        let output = warnings.into_iter().fold(output.with("method", method), Output::warn);
        self.waited(cluster, &path, false, output.with("result", body), (kind, name), cx).await
    }

    /// Makes the change that is wished, and says which it was.
    async fn done(
        &self,
        cluster: &Cluster,
        (all, path): (&str, &str),
        object: &Json,
        before: &Json,
        dry: bool,
    ) -> (&'static str, Result<Answer, Refusal>) {
        if self.apply {
            let answer = match &self.server_side_apply {
                Some(said) => said.apply(cluster, path, object, dry).await,
                None if before.is_null() => creation(all, &annotated(object)).make(cluster, dry).await,
                None => match three_way(object, before) {
                    Some(body) => patch(cluster, path, Sent::MergePatch, &body, dry).await,
                    None => Ok(Answer { body: before.clone(), date: None, warnings: vec![] }),
                },
            };
            return ("apply", answer);
        }
        if before.is_null() {
            return ("create", creation(all, object).make(cluster, dry).await);
        }
        if self.force {
            let mut whole = object.clone();
            if let Some(metadata) = whole.get_mut("metadata").and_then(Json::as_object_mut) {
                let version = before.pointer("/metadata/resourceVersion").cloned();
                metadata.insert("resourceVersion".into(), version.unwrap_or_default());
            }
            let put = Change { method: Method::PUT, path, sent: Sent::Json, body: &whole, pairs: &[] };
            return ("replace", put.make(cluster, dry).await);
        }
        ("update", self.merged(cluster, path, object, dry).await)
    }

    /// Merges by the first way that the server takes.
    async fn merged(&self, cluster: &Cluster, path: &str, body: &Json, dry: bool) -> Result<Answer, Refusal> {
        let usual = ["strategic-merge".to_string(), "merge".to_string()];
        let ways = self.merge_type.as_deref().filter(|ways| !ways.is_empty()).unwrap_or(&usual);
        let mut last = Refusal::default();
        for way in ways {
            let sent = match way.as_str() {
                "merge" => Sent::MergePatch,
                "json" => Sent::JsonPatch,
                _ => Sent::StrategicPatch,
            };
            match patch(cluster, path, sent, body, dry).await {
                // Custom resources know no strategic merge; nothing was done yet.
                Err(refusal) if refusal.code.is_some() => last = refusal,
                other => return other,
            }
        }
        Err(last)
    }

    /// Deletes one object, or those that labels choose.
    async fn gone(
        &self,
        cluster: &Cluster,
        resource: &Resource,
        namespace: &str,
        (kind, name): (&str, &str),
        cx: &Context,
    ) -> Result<Output, Failure> {
        let output = |changed| Output::new(changed).with("method", "delete");
        let labels = selector(self.label_selectors.as_deref().unwrap_or_default());
        if !name.is_empty() {
            let path = resource.object(Some(namespace), name);
            let Some(body) = self.delete(cluster, &path, (kind, name), cx).await? else {
                return Ok(output(false).with("result", json!({})));
            };
            return self
                .waited(cluster, &path, true, output(true).with("result", body), (kind, name), cx)
                .await;
        }
        if labels.is_empty() {
            return Ok(output(false).with("result", json!({})));
        }
        let chosen = cluster.list(&resource.path(Some(namespace)), &[("labelSelector", &labels)]).await;
        let chosen = chosen.map_err(|refusal| failed("retrieve requested", (kind, &labels), refusal))?;
        let mut bodies = vec![];
        for one in &chosen {
            let name = text(one, "/metadata/name");
            let path = resource.object(Some(text(one, "/metadata/namespace")), name);
            let Some(body) = self.delete(cluster, &path, (kind, name), cx).await? else { continue };
            let each = output(true).with("result", body);
            let each = self.waited(cluster, &path, true, each, (kind, name), cx).await?;
            bodies.extend(each.result.get("result").cloned());
        }
        Ok(output(!bodies.is_empty()).with("result", bodies))
    }

    /// Deletes what is at a path; nothing, where it is not there.
    async fn delete(
        &self,
        cluster: &Cluster,
        path: &str,
        which: (&str, &str),
        cx: &Context,
    ) -> Result<Option<Json>, Failure> {
        let options = Json::Object(self.delete_options.clone().unwrap_or_default());
        let options = without_nulls(options);
        match delete(cluster, path, &options, cx.check_mode).await {
            Ok(answer) => Ok(Some(answer.body)),
            Err(refusal) if refusal.is(404) => Ok(None),
            Err(refusal) => Err(failed("delete", which, refusal)),
        }
    }

    /// Waits, where the task says so.
    async fn waited(
        &self,
        cluster: &Cluster,
        path: &str,
        gone: bool,
        mut output: Output,
        (kind, name): (&str, &str),
        cx: &Context,
    ) -> Result<Output, Failure> {
        let mut done = true;
        if self.wait.wait && !cx.check_mode {
            let waited = self.wait.of(cluster, path, gone).await?;
            done = waited.done;
            output = output.with("duration", waited.duration);
            if !gone {
                output = output.with("result", waited.object);
            }
        }
        if let (Some(result), Some(fields)) = (output.result.get_mut("result"), &self.hidden_fields) {
            hide(result, fields);
        }
        Waited::settled(done, output, &format!("\"{kind}\" \"{name}\": Timed out waiting on resource"))
    }
}

/// What makes an object.
fn creation<'a>(all: &'a str, body: &'a Json) -> Change<'a> {
    Change { method: Method::POST, path: all, sent: Sent::Json, body, pairs: &[] }
}

impl ServerSide {
    async fn apply(&self, cluster: &Cluster, path: &str, body: &Json, dry: bool) -> Result<Answer, Refusal> {
        let force = if self.force_conflicts { "true" } else { "" };
        let pairs = [("fieldManager", self.field_manager.as_str()), ("force", force)];
        Change { method: Method::PATCH, path, sent: Sent::Apply, body, pairs: &pairs }
            .make(cluster, dry)
            .await
    }
}

/// Without options that were not given.
fn without_nulls(mut options: Json) -> Json {
    if let Some(map) = options.as_object_mut() {
        map.retain(|_, value| !value.is_null());
        map.values_mut().for_each(|value| *value = without_nulls(value.take()));
    }
    options
}
