//! How modules change an object: one request, tried as a dry run in check mode, and what it made of the object. The object before
//! and after come in; whether they differ, and the difference, go out. What the server counts by itself is no difference.

use super::cluster::Cluster;
use super::request::{Answer, Refusal, Sent};
use super::resource::query;
use http::Method;
use muster_engine::module::{Check, Context, Failure, Output};
use serde_json::{Value as Json, json};

/// A change of one object.
#[derive(Clone, Debug)]
pub(crate) struct Change<'a> {
    pub method: Method,
    pub path: &'a str,
    pub sent: Sent,
    pub body: &'a Json,
    /// More of the query: `fieldManager`.
    pub pairs: &'a [(&'a str, &'a str)],
}

impl Change<'_> {
    /// Makes it; only as if, where `dry`.
    ///
    /// # Errors
    /// The server refuses, or cannot be asked.
    pub async fn make(&self, cluster: &Cluster, dry: bool) -> Result<Answer, Refusal> {
        let mut pairs = self.pairs.to_vec();
        if dry {
            pairs.push(("dryRun", "All"));
        }
        let path = format!("{}{}", self.path, query(&pairs));
        cluster.send(self.method.clone(), &path, Some((self.sent, self.body))).await
    }
}

/// Patches one object.
///
/// # Errors
/// As [`Change::make`].
pub(crate) async fn patch(
    cluster: &Cluster,
    path: &str,
    sent: Sent,
    body: &Json,
    dry: bool,
) -> Result<Answer, Refusal> {
    Change { method: Method::PATCH, path, sent, body, pairs: &[] }.make(cluster, dry).await
}

/// Deletes one object. The dry run is in the body: with a body the server ignores the query.
///
/// # Errors
/// As [`Change::make`].
pub(crate) async fn delete(
    cluster: &Cluster,
    path: &str,
    options: &Json,
    dry: bool,
) -> Result<Answer, Refusal> {
    let mut body = json!({"apiVersion": "v1", "kind": "DeleteOptions"});
    if let (Some(body), Some(options)) = (body.as_object_mut(), options.as_object()) {
        body.extend(options.clone());
        if dry {
            body.insert("dryRun".into(), json!(["All"]));
        }
    }
    cluster.send(Method::DELETE, path, Some((Sent::Json, &body))).await
}

/// What of an object counts for a comparison.
fn counted(object: &Json) -> Json {
    let mut object = object.clone();
    if let Some(metadata) = object.get_mut("metadata").and_then(Json::as_object_mut) {
        for key in ["managedFields", "resourceVersion", "generation"] {
            metadata.shift_remove(key);
        }
    }
    object
}

/// Whether an object is another than before.
pub(crate) fn differs(before: &Json, after: &Json) -> bool {
    counted(before) != counted(after)
}

/// The parts in which two values differ.
fn parts(before: &Json, after: &Json) -> (Json, Json) {
    let (Json::Object(old), Json::Object(new)) = (before, after) else {
        return (before.clone(), after.clone());
    };
    let (mut left, mut right) = (json!({}), json!({}));
    for key in old.keys().chain(new.keys().filter(|key| !old.contains_key(*key))) {
        let (was, is) = match (old.get(key), new.get(key)) {
            (Some(was), Some(is)) if was == is => continue,
            (Some(was), Some(is)) => {
                let (was, is) = parts(was, is);
                (Some(was), Some(is))
            }
            (was, is) => (was.cloned(), is.cloned()),
        };
        for (side, value) in [(&mut left, was), (&mut right, is)] {
            if let (Some(side), Some(value)) = (side.as_object_mut(), value) {
                side.insert(key.clone(), value);
            }
        }
    }
    (left, right)
}

/// The answer of a module that changed one object, or did not.
pub(crate) fn outcome(before: &Json, after: &Json, diff: bool) -> Output {
    let output = Output::new(differs(before, after));
    if !diff {
        return output;
    }
    let (before, after) = parts(&counted(before), &counted(after));
    output.with("diff", json!({"before": before, "after": after}))
}

/// The first half of a module whose changes the server itself can try: in check mode `run` has it try (`dryRun=All`), else the
/// change is left to the second half.
///
/// # Errors
/// What `run` fails with.
pub(crate) async fn tried<A: Clone>(
    args: &A,
    cx: &Context,
    run: impl Future<Output = Result<Output, Failure>>,
) -> Result<Check<A>, Failure> {
    match cx.check_mode {
        true => run.await.map(Check::Done),
        false => Ok(Check::Would { change: args.clone(), foreseen: Output::new(true) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_counts_is_no_difference_and_a_diff_shows_only_what_differs() {
        let object = |version: &str, replicas: i64| json!({"metadata": {"name": "web", "resourceVersion": version}, "spec": {"replicas": replicas, "paused": false}});
        assert!(!differs(&object("1", 2), &object("2", 2)));
        let output = outcome(&object("1", 2), &object("2", 3), true);
        assert_eq!(output.result["changed"], true);
        assert_eq!(
            output.result["diff"],
            json!({"before": {"spec": {"replicas": 2}}, "after": {"spec": {"replicas": 3}}})
        );
    }
}
