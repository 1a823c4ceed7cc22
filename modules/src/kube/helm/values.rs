//! Values of charts: merged as Helm merges them, compared, and with secrets starred. Which values are secrets nobody says, so keys
//! that sound like one are taken for one: `password`, `token`, `secretKey`. Values come in, values and paths go out.

use serde_json::{Map, Value as Json};

/// What stands where a secret was.
pub(crate) const STARS: &str = "********";

/// Parts of keys that hold secrets.
const SOUNDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "token",
    "secret",
    "credential",
    "privatekey",
    "apikey",
    "accesskey",
    "auth",
    "dsn",
];
/// Keys that sound so and only name something: `existingSecret: web`.
const NAMES: &[&str] =
    &["existingsecret", "secretname", "secretref", "imagepullsecrets", "author", "authority"];

/// Whether a key sounds like a secret's.
pub(crate) fn is_secret(key: &str) -> bool {
    let key: String = key.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    SOUNDS.iter().any(|sound| key.contains(sound)) && !NAMES.iter().any(|name| key.contains(name))
}

/// The values with stars for secrets; switches and numbers of such a name stay.
pub(crate) fn starred(values: &Json) -> Json {
    match values {
        Json::Object(map) => {
            let star = |(key, value): (&String, &Json)| {
                let hide = is_secret(key);
                (key.clone(), if hide { all_starred(value) } else { starred(value) })
            };
            Json::Object(map.iter().map(star).collect())
        }
        Json::Array(items) => items.iter().map(starred).collect(),
        // A key that a text block has inside.
        Json::String(text) if text.contains("PRIVATE KEY-----") => STARS.into(),
        other => other.clone(),
    }
}

fn all_starred(value: &Json) -> Json {
    match value {
        Json::Object(map) => {
            map.iter().map(|(key, value)| (key.clone(), all_starred(value))).collect::<Map<_, _>>().into()
        }
        Json::Array(items) => items.iter().map(all_starred).collect(),
        Json::String(text) if !text.is_empty() => STARS.into(),
        other => other.clone(),
    }
}

/// A chart's own values with what was given for them: maps merge, null takes away, all else replaces.
pub(crate) fn merged(own: &Json, given: &Json) -> Json {
    let (Json::Object(own), Json::Object(given)) = (own, given) else {
        return if given.is_null() { own.clone() } else { given.clone() };
    };
    let mut all = own.clone();
    for (key, value) in given {
        if value.is_null() {
            all.shift_remove(key);
            continue;
        }
        let before = all.get(key).filter(|before| before.is_object() && value.is_object());
        let value = before.map_or_else(|| value.clone(), |before| merged(before, value));
        all.insert(key.clone(), value);
    }
    Json::Object(all)
}

/// Where what is declared is not what was deployed: a path, and both as they may be shown.
pub(crate) fn drift(declared: &Json, deployed: &Json) -> Vec<(String, String, String)> {
    let mut found = vec![];
    if declared.is_null() {
        return found;
    }
    differences("", false, declared, Some(deployed), &mut found);
    found
}

fn differences(
    path: &str,
    secret: bool,
    declared: &Json,
    deployed: Option<&Json>,
    found: &mut Vec<(String, String, String)>,
) {
    if let Json::Object(map) = declared {
        for (key, value) in map {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let under = deployed.and_then(|deployed| deployed.get(key));
            differences(&path, secret || is_secret(key), value, under, found);
        }
        return;
    }
    if deployed == Some(declared) || (declared.is_null() && deployed.is_none()) {
        return;
    }
    let shown = |value: &Json| match secret {
        true => STARS.to_string(),
        false => starred(value).to_string(),
    };
    found.push((path.to_string(), shown(declared), deployed.map_or_else(|| "nothing".into(), shown)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_sounds_like_a_secret_is_starred_at_any_depth() {
        let values = json!({"adminPassword": "x", "db": {"auth": {"user": "u", "enabled": true}, "port": 1},
            "tls": {"key": "-----BEGIN PRIVATE KEY-----\nx"}, "existingSecret": "web", "list": [{"token": "t"}]});
        assert_eq!(
            starred(&values),
            json!({"adminPassword": STARS, "db": {"auth": {"user": STARS, "enabled": true}, "port": 1},
                "tls": {"key": STARS}, "existingSecret": "web", "list": [{"token": STARS}]})
        );
    }

    #[test]
    fn drift_names_paths_and_never_a_secret() {
        let declared = json!({"replicas": 2, "auth": {"password": "new"}, "same": {"a": 1}});
        let deployed = json!({"replicas": 1, "auth": {"password": "old"}, "same": {"a": 1, "more": 2}});
        let found = drift(&declared, &deployed);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0], ("replicas".into(), "2".into(), "1".into()));
        assert_eq!(found[1], ("auth.password".into(), STARS.into(), STARS.into()));
    }

    #[test]
    fn given_values_go_over_the_charts_own_and_null_takes_away() {
        let merged = merged(
            &json!({"a": {"b": 1, "c": 2}, "d": 3, "e": [1]}),
            &json!({"a": {"b": 9}, "d": null, "e": [2]}),
        );
        assert_eq!(merged, json!({"a": {"b": 9, "c": 2}, "e": [2]}));
    }
}
