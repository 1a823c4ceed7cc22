//! What a task wants to be in a cluster: `resource_definition` (text, a mapping or a list), a file of it, rendered templates, or
//! only a kind and a name. Objects with apiVersion, kind and metadata come out, the items of a `List` one by one.

use super::object;
use crate::command::words::expanded;
use crate::files::local;
use crate::tool;
use indexmap::IndexMap;
use muster_engine::module::{Context, Failure, Kind as Type, Opt};
use muster_engine::node::{Kind, Node};
use muster_engine::template::{Expr, FileOptions, Value, Variable, to_json};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// Where a task's objects come from.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Source {
    pub resource_definition: Json,
    pub src: Option<String>,
    pub template: Json,
    pub kind: Option<String>,
    pub api_version: String,
    pub name: Option<String>,
    pub namespace: Option<String>,
    pub generate_name: Option<String>,
}

/// The options that give objects whole.
pub(crate) const WHOLE: [Opt; 2] = [
    Opt::new("resource_definition", Type::Raw, "The objects: YAML text, a mapping, or a list.")
        .aliases(&["definition", "inline"]),
    Opt::new(
        "src",
        Type::Path,
        "A YAML file where the task runs, with the objects; on this machine also one in `files`.",
    ),
];

/// The options of what is about any objects.
pub(crate) const OPTIONS: [Opt; 6] = [
    Opt::new(
        "template",
        Type::Raw,
        "A template of this machine, or several, that give the objects: its path, or a mapping with `path` and the options that `template` has.",
    ),
    object::KIND,
    object::API_VERSION,
    object::NAME,
    object::NAMESPACE,
    Opt::new("generate_name", Type::Str, "The beginning of a name that the server makes up."),
];

/// What a template may say besides its path.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Template {
    path: String,
    trim_blocks: bool,
    lstrip_blocks: bool,
    newline_sequence: Option<String>,
    variable_start_string: Option<String>,
    variable_end_string: Option<String>,
    block_start_string: Option<String>,
    block_end_string: Option<String>,
}

impl Default for Template {
    fn default() -> Self {
        Self {
            path: String::new(),
            trim_blocks: true,
            lstrip_blocks: false,
            newline_sequence: None,
            variable_start_string: None,
            variable_end_string: None,
            block_start_string: None,
            block_end_string: None,
        }
    }
}

impl Source {
    /// Whether nothing but a kind is said.
    pub fn is_only_a_kind(&self) -> bool {
        self.name.is_none()
            && self.resource_definition.is_null()
            && self.src.is_none()
            && self.template.is_null()
    }

    /// The objects.
    ///
    /// # Errors
    /// The text is no YAML, a file cannot be read, or something is no object.
    pub async fn objects(&self, cx: &Context) -> Result<Vec<Json>, Failure> {
        let given = match (&self.resource_definition, &self.src, &self.template) {
            (Json::Null, Some(src), _) => parsed(&file(src, cx).await?, cx)?,
            (Json::Null, None, Json::Null) => json!({}),
            (Json::Null, None, templates) => rendered(templates, cx).await?,
            (Json::String(text), ..) => parsed(text, cx)?,
            (other, ..) => other.clone(),
        };
        let mut found = vec![];
        flatten(given, cx, &mut found)?;
        found.iter_mut().for_each(|object| self.complete(object));
        for object in &found {
            if object.get("kind").and_then(Json::as_str).is_none_or(str::is_empty) {
                return Err(Failure::new("Failed to load resource definition: an object has no kind"));
            }
        }
        Ok(found)
    }

    /// Fills in what the task says besides the definition.
    fn complete(&self, object: &mut Json) {
        let Some(map) = object.as_object_mut() else { return };
        if let Some(kind) = &self.kind {
            map.entry("kind").or_insert_with(|| kind.clone().into());
        }
        map.entry("apiVersion").or_insert_with(|| self.api_version.clone().into());
        let metadata = map.entry("metadata").or_insert_with(|| json!({}));
        let Some(metadata) = metadata.as_object_mut() else { return };
        let said =
            [("name", &self.name), ("namespace", &self.namespace), ("generateName", &self.generate_name)];
        for (key, value) in said {
            if let Some(value) = value.as_ref().filter(|_| key != "generateName" || self.name.is_none()) {
                metadata.entry(key).or_insert_with(|| value.clone().into());
            }
        }
    }
}

/// The text of `src`.
async fn file(src: &str, cx: &Context) -> Result<String, Failure> {
    if src.contains("://") {
        return Err(Failure::new(format!("src: {src} is a URL: fetch it with get_url first")));
    }
    let here = &*cx.road.target().kind == "local";
    if let Some(found) = cx.find("files", src).ok().filter(|_| here) {
        let bytes = local::read(cx, &found, true).await?;
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    let seen = tool::run(cx, format!("cat -- {}", expanded(src))).await?;
    match seen.succeeded() {
        true => Ok(seen.out().into_owned()),
        false => Err(Failure::new(format!("Error loading resource_definition: {src} cannot be read"))),
    }
}

/// What templates of this machine say.
async fn rendered(templates: &Json, cx: &Context) -> Result<Json, Failure> {
    let mut all = vec![];
    let list = templates.as_array().cloned().unwrap_or_else(|| vec![templates.clone()]);
    for one in list {
        let template = match one {
            Json::String(path) => Template { path, ..Template::default() },
            Json::Object(_) => {
                serde_json::from_value(one).map_err(|error| Failure::new(format!("template: {error}")))?
            }
            other => {
                return Err(Failure::new(format!(
                    "Error while reading template file - a string or dict for template expected, but got {other} instead"
                )));
            }
        };
        if template.path.is_empty() {
            return Err(Failure::new("Please specify path for template."));
        }
        if !matches!(
            template.newline_sequence.as_deref(),
            None | Some("\n" | "\r" | "\r\n" | "\\n" | "\\r" | "\\r\\n")
        ) {
            return Err(Failure::new("newline_sequence needs to be one of: \n, \r or \r\n"));
        }
        let path = cx.find("templates", &template.path)?;
        let text = String::from_utf8(local::read(cx, &path, true).await?);
        let text = text.map_err(|_| Failure::new("Template source files must be utf-8 encoded"))?;
        let pair = |start: &Option<String>, end: &Option<String>, usual: (&str, &str)| {
            let of = |said: &Option<String>, usual: &str| said.clone().unwrap_or_else(|| usual.to_string());
            (start.is_some() || end.is_some()).then(|| (of(start, usual.0), of(end, usual.1)))
        };
        let options = FileOptions {
            trim_blocks: Some(template.trim_blocks),
            lstrip_blocks: Some(template.lstrip_blocks),
            variable: pair(&template.variable_start_string, &template.variable_end_string, ("{{", "}}")),
            block: pair(&template.block_start_string, &template.block_end_string, ("{%", "%}")),
            ..FileOptions::default()
        };
        let text = cx.scope.file(&path.display().to_string(), &text, &options)?;
        all.push(parsed(&text, cx)?);
    }
    Ok(Json::Array(all))
}

/// The documents of a text.
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
