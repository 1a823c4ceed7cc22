//! `json_query`: JMESPath as Python reads it. A value and a query come in, what the query finds goes out. Text between
//! backticks that is no JSON is a string, and mappings keep the order of their keys, which the library sorts.

use crate::template::arguments::Args;
use crate::template::{Value, fault, from_json, to_json};
use minijinja::{Error, State};
use serde_json::{Map, Value as Json};
use std::collections::HashMap;

/// The filter.
pub fn json_query(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let query = literal(&args.need_text(0, "expr")?);
    let bad = |error: jmespath::JmespathError| {
        fault::error(format!("JMESPathError in json_query filter plugin:\n{error}"))
    };
    let given = to_json(value)?;
    let data = jmespath::Variable::from_json(&given.to_string()).map_err(|error| {
        fault::error(format!("Error in jmespath.search in json_query filter plugin:\n{error}"))
    })?;
    let found = jmespath::compile(&query).map_err(bad)?.search(data).map_err(bad)?;
    let found = serde_json::to_value(&*found).map_err(|error| fault::error(error.to_string()))?;
    let mut known = HashMap::new();
    remember(&given, &mut known);
    Ok(from_json(&ordered(found, &known, &query)))
}

/// The query with every text between backticks as JSON.
fn literal(query: &str) -> String {
    let mut out = String::new();
    let mut rest = query;
    while let Some(at) = rest.find(['\'', '"', '`']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let end = closing(from);
        let (quoted, after) = from.split_at(end);
        rest = after;
        match quoted.strip_prefix('`').and_then(|text| text.strip_suffix('`')) {
            Some(text) if !quoted.is_empty() => out.push_str(&as_json(text)),
            _ => out.push_str(quoted),
        }
    }
    out.push_str(rest);
    out
}

/// Where the text ends that begins with a quote.
fn closing(text: &str) -> usize {
    let mut chars = text.char_indices();
    let Some((_, quote)) = chars.next() else { return 0 };
    let mut escaped = false;
    for (at, c) in chars {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

fn as_json(text: &str) -> String {
    let plain = text.replace("\\`", "`");
    if serde_json::from_str::<Json>(&plain).is_ok() {
        return format!("`{text}`");
    }
    let string = format!("\"{}\"", text.trim_start());
    match serde_json::from_str::<Json>(&string.replace("\\`", "`")) {
        Ok(_) => format!("`{string}`"),
        Err(_) => format!("`{text}`"),
    }
}

/// A mapping by what is in it, however it is ordered.
fn content(map: &Map<String, Json>) -> String {
    let mut sorted: Vec<_> = map.iter().collect();
    sorted.sort_by_key(|(key, _)| *key);
    let each = |(key, value): &(&String, &Json)| format!("{key:?}:{}", part(value));
    sorted.iter().map(each).collect::<Vec<_>>().join(",")
}

fn part(value: &Json) -> String {
    match value {
        Json::Object(map) => format!("{{{}}}", content(map)),
        Json::Array(items) => format!("[{}]", items.iter().map(part).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

/// The order of the keys of every mapping that was given.
fn remember(value: &Json, known: &mut HashMap<String, Vec<String>>) {
    match value {
        Json::Array(items) => items.iter().for_each(|item| remember(item, known)),
        Json::Object(map) => {
            known.entry(content(map)).or_insert_with(|| map.keys().cloned().collect());
            map.values().for_each(|item| remember(item, known));
        }
        _ => {}
    }
}

/// What was found, each mapping in the order in which it was given, or in which the query names its keys.
fn ordered(value: Json, known: &HashMap<String, Vec<String>>, query: &str) -> Json {
    match value {
        Json::Array(items) => items.into_iter().map(|item| ordered(item, known, query)).collect(),
        Json::Object(mut map) => {
            let mut keys: Vec<String> = map.keys().cloned().collect();
            match known.get(&content(&map)) {
                Some(given) => keys.clone_from(given),
                None => keys.sort_by_key(|key| named(key, query)),
            }
            let take = |key: String| {
                let inner = map.shift_remove(&key)?;
                Some((key, ordered(inner, known, query)))
            };
            Json::Object(keys.into_iter().filter_map(take).collect())
        }
        other => other,
    }
}

/// Where a query names a key of a mapping that it makes.
fn named(key: &str, query: &str) -> usize {
    let follows = |at: &usize| {
        let rest = query.get(at + key.len()..).unwrap_or("");
        rest.trim_start_matches('"').trim_start().starts_with(':')
    };
    query.match_indices(key).map(|(at, _)| at).find(follows).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_no_json_between_backticks_is_a_string() {
        for (query, expected) in [
            ("[?name==`web`].port", "[?name==`\"web\"`].port"),
            ("[?port==`22`]", "[?port==`22`]"),
            ("[?name=='a`b'] | [?x==` y z`]", "[?name=='a`b'] | [?x==`\"y z\"`]"),
            ("[?up==`true`].\"a`b\"", "[?up==`true`].\"a`b\""),
            ("`[1, 2]`", "`[1, 2]`"),
            ("`open", "`open"),
        ] {
            assert_eq!(literal(query), expected);
        }
    }

    #[test]
    fn mappings_keep_the_order_of_their_keys() {
        let given = json!([{"z": 1, "a": {"y": 2, "b": 3}}]);
        let mut known = HashMap::new();
        remember(&given, &mut known);
        let found = json!([{"a": {"b": 3, "y": 2}, "z": 1}, {"b": 1, "a": 2}]);
        let back = ordered(found, &known, "[].{b: z, a: a}");
        assert_eq!(back.to_string(), r#"[{"z":1,"a":{"y":2,"b":3}},{"b":1,"a":2}]"#);
    }
}
