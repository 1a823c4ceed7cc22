//! The schemas of custom resources: what is not in a schema is pruned, what is required must be there, and types, limits and
//! enumerations hold. Other keywords of OpenAPI are not looked at.

use serde_json::Value;

use crate::object::name;
use crate::resource::Resource;
use crate::status::{Cause, Failure};

/// Prunes a custom object and refuses it where it does not fit its schema; leaves every other object alone.
pub fn check(resource: &Resource, object: &mut Value) -> Result<(), Failure> {
    let Some(schema) = &resource.schema else { return Ok(()) };
    prune(schema, object, true);
    let mut causes = Vec::new();
    validate(schema, object, "", &mut causes);
    if causes.is_empty() {
        return Ok(());
    }
    Err(Failure::invalid(&resource.group, &resource.kind, name(object), &causes))
}

fn keeps_unknown(schema: &Value) -> bool {
    schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true))
}

fn prune(schema: &Value, value: &mut Value, root: bool) {
    match value {
        Value::Object(map) => {
            let properties = schema.get("properties").and_then(Value::as_object);
            let others = schema.get("additionalProperties");
            if let (Some(properties), None, false) = (properties, others, keeps_unknown(schema)) {
                let known = |key: &str| {
                    properties.contains_key(key)
                        || (root && ["apiVersion", "kind", "metadata"].contains(&key))
                };
                map.retain(|key, _| known(key));
            }
            for (key, inner) in map.iter_mut() {
                if root && key == "metadata" {
                    continue;
                }
                if let Some(schema) = properties.and_then(|properties| properties.get(key)).or(others) {
                    prune(schema, inner, false);
                }
            }
        }
        Value::Array(list) => {
            if let Some(schema) = schema.get("items") {
                list.iter_mut().for_each(|item| prune(schema, item, false));
            }
        }
        _ => {}
    }
}

fn validate(schema: &Value, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    let inner = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    if let Some(kind) = schema.get("type").and_then(Value::as_str) {
        let fits = match kind {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            _ => true,
        };
        let either = schema.get("x-kubernetes-int-or-string").is_some() || value.is_null();
        if !fits && !either {
            let found = match value {
                Value::Object(_) => "object",
                Value::Array(_) => "array",
                Value::String(_) => "string",
                Value::Bool(_) => "boolean",
                Value::Number(_) => "integer",
                Value::Null => "null",
            };
            let shown = value.as_str().map_or_else(|| value.to_string(), |text| format!("{text:?}"));
            let message =
                format!("Invalid value: {shown}: {path} in body must be of type {kind}: \"{found}\"");
            causes.push(Cause::new("FieldValueTypeInvalid", path, message));
            return;
        }
    }
    for (key, lower) in [("minimum", true), ("maximum", false)] {
        let (Some(limit), Some(number)) = (schema.get(key).and_then(Value::as_f64), value.as_f64()) else {
            continue;
        };
        if (lower && number < limit) || (!lower && number > limit) {
            let word = if lower { "greater" } else { "less" };
            let why = format!("{path} in body should be {word} than or equal to {limit}");
            causes.push(Cause::invalid(path, value, &why));
        }
    }
    if let Some(known) = schema.get("enum").and_then(Value::as_array)
        && !known.contains(value)
    {
        let known: Vec<&str> = known.iter().filter_map(Value::as_str).collect();
        causes.push(Cause::unsupported(path, &value.to_string(), &known));
    }
    if let Some(map) = value.as_object() {
        for key in
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
        {
            if !map.contains_key(key) {
                causes.push(Cause::required(inner(key), ""));
            }
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        for (key, value) in map {
            let found = properties
                .and_then(|properties| properties.get(key))
                .or_else(|| schema.get("additionalProperties"));
            if let Some(schema) = found {
                validate(schema, value, &inner(key), causes);
            }
        }
    }
    if let (Some(list), Some(schema)) = (value.as_array(), schema.get("items")) {
        for (index, item) in list.iter().enumerate() {
            validate(schema, item, &format!("{path}[{index}]"), causes);
        }
    }
}
