//! What the modules take beside what those of kubernetes.core take: `cases/kube/options.json`, written by `observe.py` there. What
//! differs on purpose is listed here with its reason; options of ours that they have not are allowed.

use muster_engine::module::{Kind, Opt};
use serde_json::{Value as Json, json};

/// Differences that are meant: the option, and what is ours.
const MEANT: &[(&str, &str)] = &[
    // A kubeconfig that skips the check is believed, unless a task says otherwise.
    ("kubernetes.core.helm_info validate_certs", "default null"),
];

/// An option by its path, `delete_options.preconditions.uid`.
fn found<'o>(options: &'o [Opt], path: &str) -> Option<&'o Opt> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let option = options.iter().find(|option| option.name == first)?;
    rest.map_or(Some(option), |rest| found(option.options, rest))
}

/// What differs, a line each.
fn differences(ours: &Opt, theirs: &Json) -> Vec<String> {
    let list = |key: &str| -> Vec<String> {
        let listed = theirs[key].as_array().into_iter().flatten();
        listed.map(|one| one.as_str().unwrap().to_string()).collect()
    };
    let sorted = |names: &[&str]| {
        let mut names: Vec<String> = names.iter().map(ToString::to_string).collect();
        names.sort();
        names
    };
    let default: Json =
        ours.default.map_or(Json::Null, |text| serde_json::from_str(text).unwrap_or(json!(text)));
    let plain = |value: &Json| match value {
        Json::Bool(false) | Json::Null => Json::Null,
        Json::Array(items) if items.is_empty() => Json::Null,
        Json::Object(map) if map.is_empty() => Json::Null,
        Json::Number(number) => json!(number.to_string()),
        other => other.clone(),
    };
    let mut all = vec![];
    // Ansible calls text what it does not look at.
    let kind = ours.kind.name();
    if theirs["type"] != kind {
        all.push(format!("type {kind}"));
    }
    if list("aliases") != sorted(ours.aliases) {
        all.push(format!("aliases {:?}", ours.aliases));
    }
    if list("choices") != sorted(ours.choices) {
        all.push(format!("choices {:?}", ours.choices));
    }
    if theirs["required"].as_bool().unwrap_or(false) != ours.required {
        all.push(format!("required {}", ours.required));
    }
    if plain(&theirs["default"]) != plain(&default) {
        all.push(format!("default {default}"));
    }
    let elements = ours.elements.map(Kind::name);
    if theirs["elements"].as_str() != elements {
        all.push(format!("elements {elements:?}"));
    }
    all
}

#[test]
fn every_option_of_kubernetes_core_is_taken_as_it_is_there() {
    let known: Json = serde_json::from_str(include_str!("../cases/kube/options.json")).unwrap();
    let modules = muster_modules::builtin();
    let mut wrong = vec![];
    for (module, options) in known.as_object().unwrap() {
        let spec = modules.get(module).unwrap_or_else(|| panic!("there is no {module}")).spec();
        for (path, theirs) in options.as_object().unwrap() {
            let Some(ours) = found(spec.options, path) else {
                wrong.push(format!("{module} {path} is not taken"));
                continue;
            };
            for difference in differences(ours, theirs) {
                if !MEANT.contains(&(format!("{module} {path}").as_str(), difference.as_str())) {
                    wrong.push(format!("{module} {path}: {difference}, there {theirs}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}
