//! Addons as somebody declared them: a Konvoy `cluster.yaml`'s `spec.addons` in any of its forms, or a list of one's own. What was
//! written comes in; addons with a name and what they shall be go out, those that others need first.

use serde_json::{Map, Value as Json};

/// An addon that shall be there.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Addon {
    pub name: String,
    /// Where it is; none for wherever its release is found.
    pub namespace: Option<String>,
    /// Its release's name, if that is no name that Konvoy would give.
    pub release: Option<String>,
    pub chart: Option<String>,
    pub version: Option<String>,
    pub values: Json,
    /// Workloads to look at besides what its release made: `Deployment/NAME`, `NAMESPACE/Deployment/NAME`.
    pub workloads: Vec<String>,
    /// Addons it needs.
    pub requires: Vec<String>,
}

/// Reads what is declared; `known` says which addons need which where they do not say it themselves, and `parsed` reads YAML.
///
/// # Errors
/// Something in it is no addon.
pub(super) fn read(
    declared: &Json,
    known: &Map<String, Json>,
    parsed: &impl Fn(&str) -> Result<Json, String>,
) -> Result<Vec<Addon>, String> {
    let mut found = vec![];
    collect(declared, parsed, &mut found)?;
    for addon in &mut found {
        if addon.requires.is_empty() {
            addon.requires = texts(known.get(&addon.name));
        }
    }
    Ok(ordered(found))
}

fn collect(
    declared: &Json,
    parsed: &impl Fn(&str) -> Result<Json, String>,
    found: &mut Vec<Addon>,
) -> Result<(), String> {
    match declared {
        Json::Null => Ok(()),
        Json::Array(items) => items.iter().try_for_each(|item| collect(item, parsed, found)),
        Json::String(name) => {
            found.push(Addon { name: name.clone(), ..Addon::default() });
            Ok(())
        }
        Json::Object(map) if map.contains_key("addonsList") => {
            collect(map.get("addonsList").unwrap_or(&Json::Null), parsed, found)
        }
        Json::Object(map) => {
            if let Some(addon) = one(map, parsed)? {
                found.push(addon);
            }
            Ok(())
        }
        other => Err(format!("{other} is no addon: write a name, or a mapping with `name`")),
    }
}

fn one(
    map: &Map<String, Json>,
    parsed: &impl Fn(&str) -> Result<Json, String>,
) -> Result<Option<Addon>, String> {
    let text =
        |key: &str| map.get(key).and_then(Json::as_str).filter(|text| !text.is_empty()).map(str::to_string);
    let Some(name) = text("name") else {
        let keys: Vec<&str> = map.keys().map(String::as_str).collect();
        return Err(format!("an addon has no `name`, only {}", keys.join(", ")));
    };
    match map.get("enabled") {
        None | Some(Json::Null | Json::Bool(true)) => {}
        Some(Json::Bool(false)) => return Ok(None),
        Some(other) => return Err(format!("addon {name}: `enabled` is {other}, and must be true or false")),
    }
    // Konvoy has values as text in YAML.
    let values = match map.get("values") {
        Some(Json::String(text)) => {
            let read = parsed(text).map_err(|why| format!("addon {name}: its values are no YAML: {why}"))?;
            match read {
                Json::Array(documents) => {
                    documents.into_iter().find(|one| !one.is_null()).unwrap_or_default()
                }
                other => other,
            }
        }
        Some(values) => values.clone(),
        None => Json::Null,
    };
    if !matches!(values, Json::Null | Json::Object(_)) {
        return Err(format!("addon {name}: its values are no mapping"));
    }
    Ok(Some(Addon {
        name,
        namespace: text("namespace"),
        release: text("release"),
        chart: text("chart"),
        version: text("version"),
        values,
        workloads: texts(map.get("workloads")),
        requires: texts(map.get("requires")),
    }))
}

fn texts(value: Option<&Json>) -> Vec<String> {
    match value {
        Some(Json::Array(items)) => {
            items.iter().filter_map(|item| item.as_str().map(str::to_string)).collect()
        }
        Some(Json::String(one)) => vec![one.clone()],
        _ => vec![],
    }
}

/// Those that others need before these; else as declared. A ring is left as it stands.
fn ordered(addons: Vec<Addon>) -> Vec<Addon> {
    let (mut waiting, mut done): (Vec<Addon>, Vec<Addon>) = (addons, vec![]);
    while !waiting.is_empty() {
        let free = |addon: &Addon| {
            !waiting.iter().any(|other| other.name != addon.name && addon.requires.contains(&other.name))
        };
        let next = waiting.iter().position(free).unwrap_or(0);
        done.push(waiting.remove(next));
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn names(declared: Json) -> Vec<String> {
        let parsed = |_: &str| Ok(json!({"a": 1}));
        let known = json!({"dex": ["cert-manager"], "traefik": ["cert-manager"]});
        let found = read(&declared, known.as_object().unwrap(), &parsed).unwrap();
        found.into_iter().map(|addon| addon.name).collect()
    }

    #[test]
    fn every_form_of_konvoy_is_read() {
        let list = json!([{"name": "a", "enabled": true}, {"name": "b", "enabled": false}, {"name": "c", "values": "a: 1"}]);
        assert_eq!(
            names(json!([{"configRepository": "x", "configVersion": "y", "addonsList": list}])),
            ["a", "c"]
        );
        assert_eq!(names(json!({"configVersion": "y", "addonsList": list})), ["a", "c"]);
        assert_eq!(names(list), ["a", "c"]);
        assert_eq!(names(json!(["a", "c"])), ["a", "c"]);
        assert_eq!(names(Json::Null), Vec::<String>::new());
    }

    #[test]
    fn what_others_need_comes_first_and_a_ring_ends() {
        assert_eq!(
            names(json!(["dex", "traefik", "cert-manager", "x"])),
            ["cert-manager", "dex", "traefik", "x"]
        );
        let ring = json!([{"name": "a", "requires": "b"}, {"name": "b", "requires": "a"}]);
        assert_eq!(names(ring), ["a", "b"]);
    }

    #[test]
    fn what_is_no_addon_is_said() {
        let parsed = |_: &str| Err("a tab".to_string());
        let read = |declared: Json| read(&declared, &Map::new(), &parsed).unwrap_err();
        assert!(read(json!([{"enabled": true}])).contains("no `name`, only enabled"));
        assert!(read(json!([{"name": "a", "enabled": "yes"}])).contains("must be true or false"));
        assert!(read(json!([{"name": "a", "values": "\t"}])).contains("a: its values are no YAML: a tab"));
        assert!(read(json!([3])).contains("3 is no addon"));
    }
}
