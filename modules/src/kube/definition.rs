//! What a task wants to be in a cluster: `definition` (text, a mapping or a list), a file of it, or only a kind and a name.
//! Objects with apiVersion, kind and metadata come out, the items of a `List` one by one.

use super::k8s::Args;
use crate::tool;
use indexmap::IndexMap;
use muster_engine::module::{Context, Failure};
use muster_engine::node::{Kind, Node};
use muster_engine::template::{Expr, Value, Variable, to_json};
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// The objects of a task.
///
/// # Errors
/// The text is no YAML, the file cannot be read, or something is no object.
pub(crate) async fn objects(args: &Args, cx: &Context) -> Result<Vec<Json>, Failure> {
    let given = match (&args.definition, &args.src) {
        (Json::Null, Some(src)) if src.starts_with("http://") || src.starts_with("https://") => {
            return Err(Failure::new(format!("src: {src} is a URL: fetch it with get_url first")));
        }
        (Json::Null, Some(src)) => {
            let quoted = shlex::try_quote(src).map_err(|error| Failure::new(format!("src: {error}")))?;
            let seen = tool::run(cx, format!("cat -- {quoted}")).await?;
            if !seen.succeeded() {
                return Err(Failure::new(format!("Error loading resource_definition: {src} cannot be read")));
            }
            parsed(&seen.out(), cx)?
        }
        (Json::Null, None) => json!({}),
        (Json::String(text), _) => parsed(text, cx)?,
        (other, _) => other.clone(),
    };
    let mut found = vec![];
    flatten(given, cx, &mut found)?;
    found.iter_mut().for_each(|object| complete(object, args));
    for object in &found {
        if object.get("kind").and_then(Json::as_str).is_none_or(str::is_empty) {
            return Err(Failure::new("Failed to load resource definition: an object has no kind"));
        }
    }
    Ok(found)
}

/// The documents of a text in YAML: a list where there are several, and where there is one.
///
/// # Errors
/// It is no YAML.
pub(crate) fn parsed(text: &str, cx: &Context) -> Result<Json, Failure> {
    let name: Arc<str> = Arc::from("definition");
    let scope = cx.scope.with(IndexMap::from([(name, Variable::Known(Value::from(text)))]));
    let written = Node { span: cx.written.span, kind: Kind::Str("definition | from_yaml_all".into()) };
    let expression = Expr::parse(&written).map_err(|diagnostic| Failure::new(diagnostic.message))?;
    Ok(to_json(&scope.eval(&expression)?)?)
}

fn flatten(given: Json, cx: &Context, found: &mut Vec<Json>) -> Result<(), Failure> {
    match given {
        Json::Null => {}
        Json::Array(items) => {
            for item in items {
                flatten(item, cx, found)?;
            }
        }
        Json::String(text) => flatten(parsed(&text, cx)?, cx, found)?,
        Json::Object(mut map) => {
            let listed = map.get("kind").and_then(Json::as_str).is_some_and(|kind| kind.ends_with("List"));
            match map.remove("items") {
                Some(items) if listed => flatten(items, cx, found)?,
                Some(items) => {
                    map.insert("items".into(), items);
                    found.push(Json::Object(map));
                }
                None => found.push(Json::Object(map)),
            }
        }
        other => {
            return Err(Failure::new(format!("Failed to load resource definition: {other} is no object")));
        }
    }
    Ok(())
}

/// Fills in what the task says besides the definition.
fn complete(object: &mut Json, args: &Args) {
    let Some(map) = object.as_object_mut() else { return };
    if let Some(kind) = &args.kind {
        map.entry("kind").or_insert_with(|| kind.clone().into());
    }
    map.entry("apiVersion").or_insert_with(|| args.api_version.clone().into());
    let metadata = map.entry("metadata").or_insert_with(|| json!({}));
    let Some(metadata) = metadata.as_object_mut() else { return };
    let said = [("name", &args.name), ("namespace", &args.namespace), ("generateName", &args.generate_name)];
    for (key, value) in said {
        if let Some(value) = value.as_ref().filter(|_| key != "generateName" || args.name.is_none()) {
            metadata.entry(key).or_insert_with(|| value.clone().into());
        }
    }
}
