//! `ansible.builtin.validate_argument_spec`: checks values against a spec that the playbook itself gives, as a role's
//! `meta/argument_specs.yml` does. A spec as data and values come in, every mistake goes out at once.

use muster_engine::module::{Check, Context, Failure, Kind, Map, Module, Opt, Output, Side, Spec};
use muster_engine::template::to_json;
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{LazyLock, Mutex, PoisonError};

/// `ansible.builtin.validate_argument_spec`.
pub struct ValidateArgumentSpec;

/// What a task gives to [`ValidateArgumentSpec`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    argument_spec: Map,
    provided_arguments: Map,
    validate_args_context: Json,
}

impl Module for ValidateArgumentSpec {
    const NAME: &'static str = "ansible.builtin.validate_argument_spec";
    const SPEC: Spec = Spec::new(
        "Checks values against an argument spec, as roles with `meta/argument_specs.yml` do on their own.",
        &[
            Opt::new("argument_spec", Kind::Dict, "Names of arguments and what each takes.").required(),
            Opt::new("provided_arguments", Kind::Dict, "The values to check.").default("{}"),
            Opt::new("validate_args_context", Kind::Dict, "What is said of where the spec comes from.")
                .default("{}"),
        ],
    )
    .examples(
        "- validate_argument_spec:\n    argument_spec:\n      port: {type: int, required: true}\n    \
         provided_arguments:\n      port: 6443\n",
    )
    .side(Side::Controller);
    type Args = Args;
    type Change = Infallible;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Infallible>, Failure> {
        // Variables of these names count where no argument is given.
        let mut given = Map::new();
        for name in args.argument_spec.keys() {
            if let Some(known) = cx.scope.get(name)? {
                given.insert(name.clone(), to_json(&known)?);
            }
        }
        given.extend(args.provided_arguments.clone());
        let errors = mistakes(options(&args.argument_spec), &given);
        if errors.is_empty() {
            let output = Output::new(false).with("msg", "The arg spec validation passed");
            return Ok(Check::Done(output.with("validate_args_context", args.validate_args_context.clone())));
        }
        Err(Failure::new(format!("Validation of arguments failed:\n{}", errors.join("\n")))
            .with("changed", false)
            .with("argument_errors", errors)
            .with("argument_spec_data", Json::Object(args.argument_spec.clone()))
            .with("validate_args_context", args.validate_args_context.clone()))
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}

/// Everything that is wrong: what is missing or unknown first, then each value that does not fit.
fn mistakes(options: &'static [Opt], given: &Map) -> Vec<String> {
    let mut fitting = given.clone();
    let mut wrong = vec![];
    for option in options {
        let own = |key: &&String| *key == option.name || option.aliases.contains(&key.as_str());
        let Some(key) = given.keys().find(own).cloned() else { continue };
        let Some(value) = given.get(&key).cloned() else { continue };
        let alone = Spec::new("", std::slice::from_ref(option));
        if let Err(error) = alone.convert("", Map::from_iter([(option.name.to_string(), value)])) {
            if !error.starts_with("Unsupported parameters") {
                wrong.push(error);
            }
            // A value that does not fit is not missing too.
            fitting.insert(key, Json::Null);
        }
    }
    let mut missing: Vec<&str> = options
        .iter()
        .filter(|option| {
            option.required && !option.aliases.iter().chain([&option.name]).any(|n| fitting.contains_key(*n))
        })
        .map(|option| option.name)
        .collect();
    missing.sort_unstable();
    let known = |key: &str| options.iter().any(|o| o.name == key || o.aliases.contains(&key));
    let mut unknown: Vec<String> = given.keys().filter(|key| !known(key)).cloned().collect();
    let mut among = options;
    for option in options.iter().filter(|option| !option.options.is_empty()) {
        let inner = given.get(option.name).and_then(Json::as_object).into_iter().flat_map(Map::keys);
        let of = |key: &&String| {
            !option.options.iter().any(|o| o.name == **key || o.aliases.contains(&key.as_str()))
        };
        for key in inner.filter(of) {
            unknown.push(format!("{}.{key}", option.name));
            among = option.options;
        }
    }
    unknown.sort();
    let mut all = vec![];
    if !missing.is_empty() {
        all.push(format!("missing required arguments: {}", missing.join(", ")));
    }
    all.extend(wrong);
    if !unknown.is_empty() {
        let mut supported: Vec<&str> = among.iter().map(|option| option.name).collect();
        supported.sort_unstable();
        let supported = supported.join(", ");
        all.push(format!("{}. Supported parameters include: {supported}.", unknown.join(", ")));
    }
    all
}

/// Specs seen so far. Options are static everywhere else; the few that playbooks bring are kept for the process.
static SEEN: LazyLock<Mutex<HashMap<String, &'static [Opt]>>> = LazyLock::new(Mutex::default);

fn options(spec: &Map) -> &'static [Opt] {
    let identity = Json::Object(spec.clone()).to_string();
    let known = |identity: &str| SEEN.lock().unwrap_or_else(PoisonError::into_inner).get(identity).copied();
    if let Some(options) = known(&identity) {
        return options;
    }
    let options: Vec<Opt> = spec.iter().map(|(name, about)| option(name, about)).collect();
    let options: &'static [Opt] = Box::leak(options.into_boxed_slice());
    SEEN.lock().unwrap_or_else(PoisonError::into_inner).insert(identity, options);
    options
}

fn option(name: &str, about: &Json) -> Opt {
    let text = |key: &str| about.get(key).and_then(Json::as_str);
    let list = |key: &str| about.get(key).and_then(Json::as_array).into_iter().flatten();
    let words = |key: &str| -> &'static [&'static str] {
        let word = |json: &Json| json.as_str().map_or_else(|| json.to_string(), str::to_string);
        let words: Vec<&'static str> = list(key).map(|json| leaked(&word(json))).collect();
        Box::leak(words.into_boxed_slice())
    };
    let mut option = Opt::new(leaked(name), kind(text("type")), "");
    option.aliases = words("aliases");
    option.choices = words("choices");
    option.required = about.get("required").and_then(Json::as_bool).unwrap_or(false);
    option.elements = text("elements").map(|name| kind(Some(name)));
    option.no_log = about.get("no_log").and_then(Json::as_bool).unwrap_or(false);
    if let Some(Json::Object(inner)) = about.get("options") {
        option.options = options(inner);
    }
    option
}

fn kind(name: Option<&str>) -> Kind {
    match name {
        Some("bool") => Kind::Bool,
        Some("int") => Kind::Int,
        Some("float") => Kind::Float,
        Some("list") => Kind::List,
        Some("dict") => Kind::Dict,
        Some("path") => Kind::Path,
        Some("raw") => Kind::Raw,
        Some("json" | "jsonarg") => Kind::Json,
        Some("bytes" | "bits") => Kind::Bytes,
        _ => Kind::Str,
    }
}

fn leaked(text: &str) -> &'static str {
    Box::leak(text.to_string().into_boxed_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(spec: Json, given: Json) -> Vec<String> {
        let map = |json: Json| json.as_object().cloned().unwrap();
        mistakes(options(&map(spec)), &map(given))
    }

    #[test]
    fn every_mistake_is_said_at_once() {
        let spec = json!({"port": {"type": "int", "required": true}, "mode": {"choices": ["a", "b"]}, "x": {"required": true}});
        let said = said(spec, json!({"port": "x", "mode": "c", "y": 1}));
        assert_eq!(said.len(), 4);
        assert_eq!(said[0], "missing required arguments: x");
        assert_eq!(said[2], "value of mode must be one of: a, b, got: c");
    }

    #[test]
    fn values_that_fit_pass() {
        let spec =
            json!({"port": {"type": "int", "required": true}, "tags": {"type": "list", "elements": "str"}});
        assert_eq!(said(spec, json!({"port": "80", "tags": "a,b"})), Vec::<String>::new());
    }
}
