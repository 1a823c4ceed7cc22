//! Arguments of declared types: Ansible's conversions and its words when one cannot be made.

use super::*;
use serde_json::json;

const SUB: &[Opt] = &[
    Opt::new("a", Kind::Int, "").required(),
    Opt::new("b", Kind::Str, "").default("x").choices(&["x", "y"]).aliases(&["bb"]),
    Opt::new("c", Kind::Dict, "").options(&[Opt::new("d", Kind::Bool, "").required()]),
];
const RULE: &[Opt] =
    &[Opt::new("port", Kind::Int, "").required(), Opt::new("proto", Kind::Str, "").default("tcp")];
const OPTIONS: &[Opt] = &[
    Opt::new("name", Kind::Str, "").required().aliases(&["pkg", "n"]),
    Opt::new("state", Kind::Str, "").default("present").choices(&["absent", "present"]),
    Opt::new("force", Kind::Bool, "").default("false"),
    Opt::new("count", Kind::Int, ""),
    Opt::new("ratio", Kind::Float, ""),
    Opt::new("tags", Kind::List, "").elements(Kind::Str),
    Opt::new("ports", Kind::List, "").elements(Kind::Int),
    Opt::new("env", Kind::Dict, ""),
    Opt::new("path", Kind::Path, "").aliases(&["dest"]),
    Opt::new("body", Kind::Raw, ""),
    Opt::new("doc", Kind::Json, ""),
    Opt::new("size", Kind::Bytes, ""),
    Opt::new("content", Kind::Str, ""),
    Opt::new("src", Kind::Str, ""),
    Opt::new("owner", Kind::Str, ""),
    Opt::new("group", Kind::Str, ""),
    Opt::new("mode", Kind::Str, "").choices(&["no", "auto"]),
    Opt::new("kinds", Kind::List, "").elements(Kind::Str).choices(&["a", "b"]),
    Opt::new("opts", Kind::Dict, "").options(SUB),
    Opt::new("rules", Kind::List, "").elements(Kind::Dict).options(RULE),
];
pub(in crate::module) const SPEC: Spec = Spec::new("", OPTIONS)
    .exclusive(&[&["content", "src"]])
    .together(&[&["owner", "group"]])
    .one_of(&[&["content", "src", "path"]])
    .required_if(&[("state", "absent", &["path"]), ("force", "true", &["count", "ratio"])]);

/// Without nulls, and with numbers that are equal in Python made one.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(_, v)| !v.is_null());
            Value::Object(kept.map(|(k, v)| (k.clone(), plain(v))).collect())
        }
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Number(number) => json!(number.as_f64()),
        other => other.clone(),
    }
}

#[test]
fn arguments_are_converted_as_ansible_converts_them() {
    let cases: Vec<(Map, Value)> = serde_json::from_str(include_str!("../testdata/convert.json")).unwrap();
    let mut wrong = vec![];
    for (args, expected) in cases {
        let got = match SPEC.convert("m", args.clone()) {
            Ok(args) => json!({ "args": plain(&Value::Object(args)) }),
            // Python shows the words for booleans in the order of a set, which is any.
            Err(error) => json!({ "error": error.split(" include: 0").next() }),
        };
        if got != plain(&expected) {
            wrong.push(format!("{}\n  got {got}\n  not {expected}", Value::Object(args)));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn open_modules_take_anything_and_expressions_stay() {
    const OPEN: Spec = Spec::new("", &[Opt::new("that", Kind::Expr, "").required()]).open();
    let args = json!({"that": ["a", true], "x": null, "y": 1});
    let args = args.as_object().unwrap().clone();
    assert_eq!(OPEN.convert("set_fact", args.clone()), Ok(args));
}
