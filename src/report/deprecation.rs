//! What a result says will go, as a sentence: the message, then from where it goes and when, in Ansible's words.

use serde_json::Value as Json;

/// What is said before the first of them.
pub const HINT: &str =
    "[WARNING]: Deprecation warnings can be disabled by setting `deprecation_warnings=False` in ansible.cfg.";

/// One entry of `deprecations`, as text.
#[must_use]
pub fn text(said: &Json) -> Option<String> {
    let field = |key: &str| said.get(key).and_then(Json::as_str);
    let message = field("msg").or_else(|| said.as_str())?.trim_end();
    let by = |key: &str| said.get("deprecator").and_then(|by| by.get(key)).and_then(Json::as_str);
    let (name, kind) = (by("resolved_name"), by("type"));
    let (plugin, collection) = match (name, kind) {
        (Some(name), Some(kind)) => {
            let kind = if kind == "module" { kind.to_string() } else { format!("{kind} plugin") };
            let parts: Vec<&str> = name.splitn(3, '.').collect();
            match parts.as_slice() {
                ["ansible", "builtin"] => (Some(format!("the {kind} API")), Some(name.to_string())),
                [namespace, collection, _] => {
                    let short = name.rsplit('.').next().unwrap_or(name);
                    (Some(format!("{kind} '{short}'")), Some(format!("{namespace}.{collection}")))
                }
                _ => (Some(format!("{kind} '{name}'")), None),
            }
        }
        (name, _) => (None, name.or_else(|| field("collection_name")).map(str::to_string)),
    };
    let place = collection.as_deref().map(|collection| match collection {
        "ansible.builtin" => "ansible-core".to_string(),
        other => format!("collection '{other}'"),
    });
    let when = match (&collection, field("date"), field("version")) {
        (None, ..) => "in the future".to_string(),
        (_, Some(date), _) => format!("in a release after {date}"),
        (_, None, Some(version)) => format!("version {version}"),
        _ => "in a future release".to_string(),
    };
    let from = match (plugin, place) {
        (Some(plugin), Some(place)) => format!(" from {plugin} in {place}"),
        (Some(one), None) | (None, Some(one)) => format!(" from {one}"),
        (None, None) => String::new(),
    };
    let stop = if message.ends_with(['.', '!', '?']) { "" } else { "." };
    Some(format!("{message}{stop} This feature will be removed{from} {when}."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_goes_says_from_where_and_when() {
        let module = json!({"resolved_name": "ansible.legacy.boom", "type": "module"});
        let table = [
            (
                json!({"msg": "old", "version": "9", "deprecator": module}),
                "old. This feature will be removed from module 'boom' in collection 'ansible.legacy' version 9.",
            ),
            (
                json!({"msg": "old.", "date": "2030-01-01", "collection_name": "ns.coll"}),
                "old. This feature will be removed from collection 'ns.coll' in a release after 2030-01-01.",
            ),
            (json!({"msg": "old"}), "old. This feature will be removed in the future."),
        ];
        for (said, wanted) in table {
            assert_eq!(text(&said).unwrap(), wanted);
        }
    }
}
