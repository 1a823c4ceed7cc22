//! `validate`: whether the server would take an object, asked before anything is changed. The server of the cluster is the judge, not
//! a copy of its schemas: a dry run with strict checking of fields comes back with what is wrong.

use super::change::Change;
use super::cluster::Cluster;
use super::request::{Answer, Refusal, Sent};
use http::Method;
use muster_engine::module::{Failure, Kind, Opt};
use serde::Deserialize;
use serde_json::Value as Json;

/// `validate`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Validate {
    fail_on_error: bool,
    strict: bool,
    version: Option<String>,
}

/// Its options.
pub(crate) const VALIDATE: &[Opt] = &[
    Opt::new("fail_on_error", Kind::Bool, "Whether what is wrong fails the task; else it is a warning."),
    Opt::new("strict", Kind::Bool, "Whether fields that the kind does not have are wrong.").default("true"),
    Opt::new("version", Kind::Str, "Not supported: the server checks by its own version."),
];

impl Validate {
    /// What is wrong with being asked.
    ///
    /// # Errors
    /// A version of the schemas is named.
    pub fn look(&self) -> Result<(), Failure> {
        match &self.version {
            Some(_) => Err(Failure::new(
                "`validate.version` is not supported: the server itself checks the object, by its own version",
            )),
            None => Ok(()),
        }
    }

    /// What is wrong with an object, as warnings.
    ///
    /// # Errors
    /// Something is, and the task shall fail then.
    pub async fn check(&self, cluster: &Cluster, object: &Json) -> Result<Vec<String>, Failure> {
        let text = |path: &str| object.pointer(path).and_then(Json::as_str).unwrap_or_default();
        let (kind, name) = (text("/kind"), text("/metadata/name"));
        let resource = cluster.resource(text("/apiVersion"), kind).await?;
        let namespace = cluster.space(Some(text("/metadata/namespace")));
        let fields = ("fieldValidation", if self.strict { "Strict" } else { "Ignore" });
        let all = resource.path(Some(namespace));
        let made =
            Change { method: Method::POST, path: &all, sent: Sent::Json, body: object, pairs: &[fields] };
        let mut answer = made.make(cluster, true).await;
        if answer.as_ref().is_err_and(|refusal| refusal.is(409)) {
            // It is there: only what is said of it is checked, over what is there.
            let path = resource.object(Some(namespace), name);
            let pairs = [fields];
            answer = Change {
                method: Method::PATCH,
                path: &path,
                sent: Sent::MergePatch,
                body: object,
                pairs: &pairs,
            }
            .make(cluster, true)
            .await;
        }
        let found = match answer {
            Ok(Answer { warnings, .. }) => warnings,
            Err(refusal) if refusal.is(400) || refusal.is(422) || refusal.is(500) => wrong(&refusal),
            // No rights, or a namespace that is made by an object before this one: that is said when it is done.
            Err(_) => vec![],
        };
        let found: Vec<String> = found.into_iter().map(|what| format!("{kind} {name}: {what}")).collect();
        match self.fail_on_error && !found.is_empty() {
            true => Err(Failure::new(found.join("\n"))),
            false => Ok(found),
        }
    }
}

fn wrong(refusal: &Refusal) -> Vec<String> {
    let causes = refusal.body.pointer("/details/causes").and_then(Json::as_array);
    let said: Vec<String> = causes
        .into_iter()
        .flatten()
        .filter_map(|cause| {
            let message = cause.get("message")?.as_str()?;
            match cause.get("field").and_then(Json::as_str) {
                Some(field) => Some(format!("{field}: {message}")),
                None => Some(message.to_string()),
            }
        })
        .collect();
    if said.is_empty() { vec![refusal.message.clone()] } else { said }
}
